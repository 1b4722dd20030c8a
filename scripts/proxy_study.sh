#!/usr/bin/env bash
# How far few samples rank fashion-dit's candidates as many do, over random candidates and over mutants of the naive one
# (a quarter of an hour each on 2 busy cores), with plots: results/proxies/{random,mutants}.{json,h5,png}. A study that was cut
# off goes on.
#   scripts/proxy_study.sh
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/setup.sh >&2
scripts/build.sh release >&2
mkdir -p results/proxies
study() {  # NAME FLAGS...
  local name="$1"
  shift
  build/release/bin/tmpq-eval --proxy-study --model fashion-dit --out "runs/proxies-$name" --resume "$@"
  for kind in json h5; do cp "runs/proxies-$name/study.$kind" "results/proxies/$name.$kind"; done
  scripts/plot_proxies.py "results/proxies/$name.h5" "results/proxies/$name.png"
}
study random
study mutants --mutation 0.1 --candidates 20 --metric-samples 32,64,128 --pair-target 64
