#!/usr/bin/python3
"""Draws tmpq-calibrate's incoherence.csv: how hard each layer's inputs are to round, before and after what a recipe does to them. Usage:
scripts/plot_incoherence.py OUT.png NAME=incoherence.csv [NAME=..]"""
import argparse
import csv
import pathlib

from plot_front import fail, open_pyplot, save

STAGES = {"raw": ("#000000", "as they come"), "balanced": ("#E69F00", "balanced"), "rotated": ("#56B4E9", "rotated"), "both": ("#009E73", "balanced, then rotated")}


def read(path):
    try:
        with open(path, newline="") as file:
            rows = list(csv.DictReader(file))
    except OSError as error:
        fail(f"{path}: {error}")
    if not rows or not set(STAGES) <= set(rows[0]):
        fail(f"{path}: is no incoherence.csv of tmpq-calibrate")
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("tables", nargs="+", metavar="NAME=CSV")
    arguments = parser.parse_args()
    plt = open_pyplot()

    figure, panels = plt.subplots(len(arguments.tables), 1, figsize=(9, 2.6 * len(arguments.tables) + 0.6), sharex=True, squeeze=False, layout="constrained")
    for axes, item in zip(panels[:, 0], arguments.tables):
        name, _, path = item.partition("=")
        rows = read(path)
        for stage, (colour, label) in STAGES.items():
            values = [float(row[stage]) if row[stage] else float("nan") for row in rows]
            axes.plot(range(len(rows)), values, color=colour, marker="o", ms=3, lw=1, label=label)
        axes.set_yscale("log")
        axes.set_title(name, fontsize=9)
        axes.set_ylabel("largest / mean magnitude")
        axes.grid(alpha=0.3)
        axes.set_xticks(range(len(rows)), [row["layer"] for row in rows], rotation=90, fontsize=6)
    panels[0, 0].legend(ncol=4, fontsize=7, loc="upper right")
    save(figure, arguments.out)


if __name__ == "__main__":
    main()
