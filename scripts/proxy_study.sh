#!/usr/bin/env bash
# How far few samples rank fashion-dit's candidates as many do (about 15 minutes on 2 cores), and the plot of it:
# results/proxies/{study.json, study.h5, study.png}. A study that was cut off goes on.
#   scripts/proxy_study.sh [FLAGS of tmpq-eval --proxy-study...]
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/setup.sh >&2
scripts/build.sh release >&2
build/release/bin/tmpq-eval --proxy-study --model fashion-dit --out runs/proxies --resume "$@"
mkdir -p results/proxies
cp runs/proxies/study.{json,h5} results/proxies/
scripts/plot_proxies.py results/proxies/study.h5 results/proxies/study.png
