#!/usr/bin/env bash
# Searches the bundled models beside the demo's with a small search (minutes each on 2 cores), and keeps what they ended with in results/models/: summary, table, front and samples.
#   scripts/search_models.sh [MODEL...]
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/setup.sh >&2
scripts/build.sh release >&2
models=("$@")
((${#models[@]})) || models=(fashion-unet scenes-pixart sprites-stdit)
mkdir -p results/models
for model in "${models[@]}"; do
  samples=630  # scenes-pixart: a sample for each caption
  [[ "$model" == fashion-unet ]] && samples=500
  [[ "$model" == sprites-stdit ]] && samples=672
  build/release/bin/tmpq-search --model "$model" --recipe tmpq --budget 4bit --steps 20 --out "runs/$model" --overwrite \
    --generations 3 --population 20 --parents 6 --mutants 10 --crossovers 4 --trajectory-samples 4 --trajectory-steps 40 \
    --metric-samples 200 --metric-candidates 1 --selection-candidates 3 --selection-samples 400 --converged-samples 100 \
    --report-samples "$samples" | head -n -1 > "results/models/$model.txt"
  cp "runs/$model/summary.json" "results/models/$model.json"
  cp "runs/$model/samples.png" "results/models/$model.png"
  scripts/plot_front.py "runs/$model/run.h5" "results/models/$model-front.png"
  [[ ! -e "runs/$model/samples.gif" ]] || cp "runs/$model/samples.gif" "results/models/$model.gif"
done
