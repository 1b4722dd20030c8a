#!/usr/bin/env bash
# Sets up, builds, and runs tmpq-search with the given arguments:
#   scripts/search.sh --budget 4bit --steps 20
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/setup.sh >&2
scripts/build.sh release >&2
exec build/release/bin/tmpq-search "$@"
