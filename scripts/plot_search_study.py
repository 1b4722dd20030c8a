#!/usr/bin/python3
"""Draws searches that a table compares: least loss over network calls, and what their plans are worth. Usage: scripts/plot_search_study.py CELLS.jsonl OUT.png"""
import argparse
import json
import pathlib

from plot_front import check_out, fail, in_words, open_pyplot, save
from plot_hypervolume import COLORS, LINES

OF_EVERY_SEARCH = {"evaluations", "network_calls", "hypervolume"}  # what else its history has is the loss


def loss_of(cell):
    """What the cell's search minimizes; empty: none was made."""
    return next((name for name in cell.get("history") or {} if name not in OF_EVERY_SEARCH), "")


def read_panels(path):
    """Cells by (model, loss), and there by (row, bits); rows without a search stand in every panel of their model."""
    try:
        cells = [json.loads(line) for line in path.read_text().splitlines()]
    except (OSError, ValueError) as error:
        fail(f"{path}: cannot be read as lines of JSON: {error}")
    panels = {(cell["model"], loss_of(cell)): {} for cell in cells if loss_of(cell)}
    if not panels:
        fail(f"{path}: holds no search")
    for cell in sorted(cells, key=lambda cell: (cell["row"], cell["bits"], cell["seed"])):
        for (model, loss), rows in panels.items():
            if cell["model"] == model and loss_of(cell) in ("", loss):
                rows.setdefault((cell["row"], cell["bits"]), []).append(cell)
    return panels


def names_of(rows):
    """A row's name, with its bits where it has several."""
    names = [row for row, _ in rows]
    return {(row, bits): row if names.count(row) == 1 else f"{row} {bits}" for row, bits in rows}


def draw_losses(axes, rows, model, loss, height):
    """The mean over seeds, and all of them as a band, of the least loss so far; from where every seed has one. Returns each search's colour."""
    import numpy as np

    names, colors = names_of(rows), {}
    for (row, bits), cells in rows.items():
        if not all(loss_of(cell) for cell in cells):
            continue
        number = len(colors)
        histories = [cell["history"] for cell in cells]
        calls = np.unique(np.concatenate([h["network_calls"] for h in histories]))
        calls = calls[calls >= max(h["network_calls"][0] for h in histories)]
        values = np.array([[h[loss][np.searchsorted(h["network_calls"], at, side="right") - 1] for at in calls] for h in histories])
        color = colors[row, bits] = COLORS[number % len(COLORS)]
        seeds = "one seed" if len(cells) == 1 else f"{len(cells)} seeds"
        axes.step(calls / 1e6, values.mean(axis=0), where="post", color=color, ls=LINES[number // len(COLORS) % len(LINES)], label=f"{names[row, bits]} ({seeds})")
        axes.fill_between(calls / 1e6, values.min(axis=0), values.max(axis=0), step="post", color=color, alpha=0.15, lw=0)
    axes.set_xlim(left=0)
    axes.set_xlabel("network calls of one sample, millions")
    axes.set_ylabel(f"least {in_words(loss)} within the budget, so far")
    axes.set_title(model, fontsize=10)
    axes.legend(frameon=False, fontsize=8, loc="upper center", bbox_to_anchor=(0.5, -0.6 / height), ncols=2)
    return colors


def draw_plans(axes, rows, colors, metric):
    names = names_of(rows)
    for number, (key, cells) in enumerate(rows.items()):
        for k, cell in enumerate(cells):
            value = cell["metrics"][metric]
            errors = [[value["value"] - value["low"]], [value["high"] - value["value"]]]
            axes.errorbar([value["value"]], [number + 0.2 * (k - (len(cells) - 1) / 2)], xerr=errors, fmt="o", color=colors.get(key, "#777777"), ms=4, capsize=2)
    axes.set_yticks(range(len(rows)), names.values(), fontsize=8)
    axes.invert_yaxis()
    axes.set_xlim(left=0)
    axes.set_xlabel(f"{in_words(metric)} of the plan on fresh noise, 95 % intervals, a point a seed")


def main():
    parser = argparse.ArgumentParser(description="Draws searches that a table compares: least loss over network calls, and their plans.")
    parser.add_argument("cells", type=pathlib.Path, help="cells.jsonl of tmpq-experiment")
    parser.add_argument("out", type=pathlib.Path, help="picture to write (.png, .pdf, .svg)")
    parser.add_argument("--metric", default="fd", help="of the plans (default: fd)")
    arguments = parser.parse_args()
    check_out(arguments.out)
    panels = read_panels(arguments.cells)
    if any(arguments.metric not in cell["metrics"] for rows in panels.values() for cells in rows.values() for cell in cells):
        fail(f"{arguments.cells}: not every cell has {arguments.metric}", 2)
    pyplot = open_pyplot()

    heights = [max(4.5, 1 + 0.36 * len(rows)) for rows in panels.values()]  # inches
    figure, grid = pyplot.subplots(len(panels), 2, figsize=(12, sum(heights)), height_ratios=heights, squeeze=False, layout="constrained")
    for (left, right), height, ((model, loss), rows) in zip(grid, heights, panels.items()):
        colors = draw_losses(left, rows, model, loss, height)
        draw_plans(right, rows, colors, arguments.metric)
    for one in grid.flat:
        one.grid(alpha=0.3)
        one.spines[["top", "right"]].set_visible(False)
    save(figure, arguments.out)


if __name__ == "__main__":
    main()
