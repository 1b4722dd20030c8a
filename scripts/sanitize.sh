#!/usr/bin/env bash
# Builds the kernel and runtime tests under a tool that looks for faults, and runs them.
#   scripts/sanitize.sh asan        addresses, leaks, undefined behaviour
#   scripts/sanitize.sh tsan        data races; by clang, whose OpenMP tells the tool of its barriers
#   scripts/sanitize.sh valgrind    uninitialised memory and addresses, on the AVX2 kernels, which it knows
# SANITIZED_TESTS: a filter as of --gtest_filter.
set -euo pipefail
cd "$(dirname "$0")/.."
tool="${1:?asan, tsan or valgrind}"
filter="--gtest_filter=${SANITIZED_TESTS:-*}"
tests=(kernels_test runtime_test)
preset="$tool" compiler=() runner=()
case "$tool" in
  asan) export UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1 ;;
  tsan)
    compiler=(-DCMAKE_CXX_COMPILER=clang++)
    export TSAN_OPTIONS=ignore_noninstrumented_modules=1:halt_on_error=1 OMP_TOOL_LIBRARIES=/usr/lib/llvm-14/lib/libarcher.so ;;
  valgrind)
    preset=core
    # A test of its own operator new has frees that do not match.
    runner=(valgrind --quiet --error-exitcode=1 --leak-check=no --show-mismatched-frees=no) ;;
  *) echo "sanitize: $tool is none of asan, tsan, valgrind" >&2; exit 2 ;;
esac
scripts/setup.sh --sanitizers
cmake --preset "$preset" "${compiler[@]}" >/dev/null
cmake --build --preset "$preset" --parallel "$(nproc)" --target "${tests[@]}"
for test in "${tests[@]}"; do "${runner[@]}" "build/$preset/tests/$test" --gtest_brief=1 "$filter"; done
