#!/usr/bin/env bash
# Sets up, builds with warnings as errors, and runs all tests.
#   scripts/test.sh [ctest arguments, such as -L unit]
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/setup.sh
scripts/build.sh ci
ctest --preset ci --parallel "$(nproc)" "$@"
