#!/usr/bin/env bash
# Compiles every kernel for every architecture and writes what ptxas says, and what the emulated device counts, as
# the tables of docs/cuda.md, between its two markers. Needs nvcc and a built `ci` preset; no GPU.
#   scripts/cuda_table.sh [ARCHITECTURE...]      default: 80 86 89 90 100 120
set -euo pipefail
cd "$(dirname "$0")/.."
archs=("$@")
((${#archs[@]})) || archs=(80 86 89 90 100 120)
nvcc="$(command -v nvcc || true)"
for candidate in "${CUDA_HOME:-/usr/local/cuda}/bin/nvcc" .deps/cuda/nvidia/cu13/bin/nvcc; do
  [[ -n "$nvcc" || ! -x "$candidate" ]] || nvcc="$candidate"
done
[[ -n "$nvcc" ]] || { echo "cuda_table: no nvcc; run scripts/setup.sh" >&2; exit 1; }

folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
for arch in "${archs[@]}"; do
  for source in kernels/cuda/instances_*.cc; do
    "$nvcc" -std=c++20 -O3 -fmad=false -ftz=false -prec-div=true -prec-sqrt=true -Werror=all-warnings -Xptxas -v \
      -arch="sm_$arch" -I. -x cu -c "$source" -o "$folder/object.o" 2>>"$folder/ptxas.$arch"
  done
done
build/ci/tests/cuda_counts > "$folder/counts"
/usr/bin/python3 scripts/cuda_table.py docs/cuda.md "$folder/counts" "$folder"/ptxas.*
