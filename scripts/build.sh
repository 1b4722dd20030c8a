#!/usr/bin/env bash
# Configures and builds a preset without installing anything; programs land in build/PRESET/bin/.
#   scripts/build.sh [PRESET]     (release, debug, ci, core, asan, tsan; default release)
set -euo pipefail
cd "$(dirname "$0")/.."
preset="${1:-release}"
cmake --preset "$preset" >"/dev/null"
cmake --build --preset "$preset" --parallel "$(nproc)"
