#!/usr/bin/env bash
# Quantizes a bundled model by every recipe at uniform bit-widths and measures it against the float model from the same noise; writes
# results/recipes/MODEL[-stress].{csv,md}. Rows in the order of ViDiT-Q's ablation, then the other methods.
#   scripts/compare_recipes.sh MODEL [--stress] (about 10 minutes for fashion-dit on 2 cores)
set -euo pipefail
cd "$(dirname "$0")/.."
model=$1
stress=("${@:2}")
name=$model${stress[0]:+-stress}
samples=${SAMPLES:-256}
programs=${PROGRAMS:-build/release/bin}
mkdir -p results/recipes "runs/recipes/$name"
csv=results/recipes/$name.csv
echo "recipe,bits,stored_weight_bits,bitops,fd,fd_low,fd_high,psnr_db,psnr_low,psnr_high,n" > "$csv.part"
for bits in w8a8 w6a6 w4a8 w4a4; do
  for recipe in experiments/recipes/static-tensor.ini naive smoothquant quarot vidit-q vidit-q-v1 ptq4dit q-dit mixdq svdquant; do
    out=runs/recipes/$name/$(basename "$recipe" .ini)-$bits
    "$programs/tmpq-calibrate" --model "$model" "${stress[@]}" --recipe "$recipe" --bits "$bits" --out "$out" --overwrite --json > "$out.json"
    "$programs/tmpq-eval" --plan "$out/plan.safetensors" --samples "$samples" --metrics fd,psnr --json > "$out.metrics.json"
    python3 scripts/recipe_row.py "$(basename "$recipe" .ini)" "$bits" "$out.json" "$out.metrics.json" | tee -a "$csv.part"
  done
done
mv "$csv.part" "$csv"
python3 scripts/recipe_row.py --table "$csv" > "results/recipes/$name.md"
