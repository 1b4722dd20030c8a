#!/usr/bin/python3
"""Draws searches that a table compares: least error over network calls, and what their plans are worth. Usage: scripts/plot_search_study.py CELLS.jsonl OUT.png"""
import argparse
import json
import pathlib

from plot_front import check_out, fail, open_pyplot, save
from plot_hypervolume import COLORS


def read_cells(path):
    try:
        cells = [json.loads(line) for line in path.read_text().splitlines()]
    except (OSError, ValueError) as error:
        fail(f"{path}: cannot be read as lines of JSON: {error}")
    rows = {}
    for cell in cells:
        rows.setdefault((cell["row"], cell["bits"]), []).append(cell)
    if not any(cell.get("history") for cell in cells):
        fail(f"{path}: holds no search")
    return dict(sorted(rows.items()))


def draw_errors(axes, searches):
    """The mean over seeds, and all of them as a band, of the least error so far; from where every seed has one."""
    import numpy as np

    for number, ((row, _), cells) in enumerate(searches.items()):
        histories = [cell["history"] for cell in cells]
        calls = np.unique(np.concatenate([h["network_calls"] for h in histories]))
        calls = calls[calls >= max(h["network_calls"][0] for h in histories)]
        errors = np.array([[h["trajectory_error"][np.searchsorted(h["network_calls"], at, side="right") - 1] for at in calls] for h in histories])
        color = COLORS[number % len(COLORS)]
        axes.step(calls / 1e6, errors.mean(axis=0), where="post", color=color, label=f"{row} ({len(cells)} seeds)")
        axes.fill_between(calls / 1e6, errors.min(axis=0), errors.max(axis=0), step="post", color=color, alpha=0.2, lw=0)
    axes.set_xlim(left=0)
    axes.set_xlabel("network calls of one sample, millions")
    axes.set_ylabel("least trajectory error within the budget, so far")
    axes.legend(frameon=False, fontsize=9)


def draw_plans(axes, rows, metric):
    for number, cells in enumerate(rows.values()):
        for k, cell in enumerate(sorted(cells, key=lambda cell: cell["seed"])):
            value = cell["metrics"][metric]
            errors = [[value["value"] - value["low"]], [value["high"] - value["value"]]]
            axes.errorbar([value["value"]], [number + 0.15 * (k - (len(cells) - 1) / 2)], xerr=errors, fmt="o", color="#0072B2", ms=4, capsize=2)
    axes.set_yticks(range(len(rows)), [row for row, _ in rows])
    axes.invert_yaxis()
    axes.set_xlim(left=0)
    axes.set_xlabel(f"{metric} of the plan on fresh noise, 95 % intervals, a point a seed")


def main():
    parser = argparse.ArgumentParser(description="Draws searches that a table compares: least error over network calls, and their plans.")
    parser.add_argument("cells", type=pathlib.Path, help="cells.jsonl of tmpq-experiment")
    parser.add_argument("out", type=pathlib.Path, help="picture to write (.png, .pdf, .svg)")
    parser.add_argument("--metric", default="fd", help="of the plans (default: fd)")
    arguments = parser.parse_args()
    check_out(arguments.out)
    rows = read_cells(arguments.cells)
    if any(arguments.metric not in cell["metrics"] for cells in rows.values() for cell in cells):
        fail(f"{arguments.cells}: not every cell has {arguments.metric}", 2)
    pyplot = open_pyplot()

    figure, axes = pyplot.subplots(1, 2, figsize=(12, 4.5), layout="constrained")
    draw_errors(axes[0], {row: cells for row, cells in rows.items() if all(cell.get("history") for cell in cells)})
    draw_plans(axes[1], rows, arguments.metric)
    for one in axes:
        one.grid(alpha=0.3)
        one.spines[["top", "right"]].set_visible(False)
    save(figure, arguments.out)


if __name__ == "__main__":
    main()
