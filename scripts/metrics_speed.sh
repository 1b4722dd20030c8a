#!/usr/bin/env bash
# Seconds that the features and statistics of 5,000 images (32 x 32, scenes-features) take, beside those of sampling 100 of
# them (scenes-pixart in float, 50 steps, guided):
#   scripts/metrics_speed.sh [PRESET]
set -euo pipefail
cd "$(dirname "$0")/.."
preset="${1:-release}"
scripts/build.sh "$preset" >&2
eval_program="build/$preset/bin/tmpq-eval"
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"build/$preset/bin/tmpq-run" --model scenes-pixart --steps 4 --guidance 1 --count 50 --out "$folder/50.npy"
/usr/bin/python3 -c "import numpy, sys; numpy.save(sys.argv[2], numpy.tile(numpy.load(sys.argv[1]).clip(-1, 1), (100, 1, 1, 1)))" \
  "$folder/50.npy" "$folder/5000.npy"
seconds() { /usr/bin/python3 -c "import json, sys; print('%-38s %6.1f s' % (sys.argv[2], json.load(sys.stdin)['seconds'][sys.argv[1]]))" "$@"; }
"$eval_program" --samples "$folder/5000.npy" --reference checkpoints/scenes-features/statistics.safetensors --metrics fd \
  --feature-net scenes-features --json | seconds measuring "features, statistics, fd of 5,000"
"$eval_program" --model scenes-pixart --steps 50 --samples 100 --metrics sharpness --json | seconds sampling "sampling 100"
