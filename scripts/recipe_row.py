#!/usr/bin/env python3
"""A row of scripts/compare_recipes.sh: recipe, bits, tmpq-calibrate's and tmpq-eval's JSON -> CSV; or --table CSV -> markdown."""
import csv
import json
import sys


def row(recipe, bits, costs_path, metrics_path):
    with open(costs_path) as costs_file, open(metrics_path) as metrics_file:
        costs, metrics = json.load(costs_file), json.load(metrics_file)["metrics"]
    fd, psnr = metrics["fd"], metrics["psnr"]
    values = [recipe, bits, f"{costs['stored_weight_bits']:.2f}", f"{costs['bitops']:.4g}"]
    values += [f"{fd[key]:.3f}" for key in ("value", "low", "high")]
    values += [f"{psnr[key]:.2f}" for key in ("value", "low", "high")]
    return values + [psnr["n"]]


def table(path):
    with open(path) as file:
        rows = list(csv.DictReader(file))
    bits = list(dict.fromkeys(r["bits"] for r in rows))
    print("PSNR to the float model, dB; distance in brackets. " + f"n = {rows[0]['n']}.\n")
    print("| recipe | " + " | ".join(b.upper() for b in bits) + " | bits a weight at W4 |")
    print("|---" * (len(bits) + 2) + "|")
    for recipe in dict.fromkeys(r["recipe"] for r in rows):
        own = {r["bits"]: r for r in rows if r["recipe"] == recipe}
        cells = [f"{float(own[b]['psnr_db']):.1f} ({float(own[b]['fd']):.1f})" for b in bits]
        print(f"| {recipe} | " + " | ".join(cells) + f" | {own[bits[-1]]['stored_weight_bits']} |")


if __name__ == "__main__":
    if len(sys.argv) == 3 and sys.argv[1] == "--table":
        table(sys.argv[2])
    elif len(sys.argv) == 5:
        csv.writer(sys.stdout, lineterminator="\n").writerow(row(*sys.argv[1:]))
    else:
        sys.exit(__doc__)
