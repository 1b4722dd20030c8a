#!/usr/bin/python3
"""Draws a table of tmpq-experiment: one metric of every row, by model and bit-widths, or against a cost. Usage: scripts/plot_table.py TABLE.h5 OUT.png [--metric M] [--against bitops|latency] [--models A,B]"""
import argparse
import pathlib

from plot_front import check_out, fail, open_pyplot, save, text
from plot_hypervolume import LINES

COLORS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000"]  # colour-blind safe (Okabe-Ito)
FLOAT = "float"
LESS_IS_BETTER = {"fd", "fd_infinity", "sfd", "kid", "feature_map_distance", "warping_error", "trajectory_error", "network_calls"}
MORE_IS_BETTER = {"psnr", "sqnr", "ssim", "precision", "recall", "coverage", "class_score", "text_similarity", "text_alignment", "clip_score", "reward", "win_rate"}


def read_cells(path):
    import h5py

    try:
        table = h5py.File(path, "r")
    except OSError as error:
        fail(f"{path}: cannot be read as HDF5: {error}")
    with table:
        if "experiment" not in table.attrs or "cells" not in table:
            fail(f"{path}: is not a table of tmpq-experiment")
        cells = [
            dict(zip(["row", "label", "model", "bits"], (text(value) for value in values)))
            for values in zip(*(table[f"cells/{name}"][:] for name in ["row", "label", "model", "bits"]))
        ]
        metrics = {}
        for name, parts in table.get("metrics", {}).items():
            metrics[name] = {part: parts[part][:] for part in ["value", "low", "high"]}
            metrics[name]["unit"] = text(parts["value"].attrs["units"])
        costs = {name: {"value": values[:], "unit": text(values.attrs["units"])} for name, values in table["costs"].items()}
    return cells, metrics, costs


def in_order(items):
    return list(dict.fromkeys(items))


def points_of(cells, metric, model, bits, row):
    """(values, lows, highs) of the seeds that have the metric."""
    import numpy as np

    at = [i for i, cell in enumerate(cells) if (cell["model"], cell["bits"], cell["row"]) == (model, bits, row)]
    return tuple(metric[part][at][np.isfinite(metric["value"][at])] for part in ["value", "low", "high"])


def draw_points(axes, points, y, color, label, several):
    """The mean of several seeds with their standard deviation, the seeds as small dots; in a table of one seed its own 95 % interval."""
    values, lows, highs = points
    if len(values) == 0:
        return
    mean = values.mean()
    if len(values) > 1:
        errors = [[values.std(ddof=1)], [values.std(ddof=1)]]
        axes.plot(values, [y] * len(values), ".", color=color, ms=4, alpha=0.5, zorder=2)
    elif several:
        errors = None
    else:
        errors = [[max(0, mean - lows[0])], [max(0, highs[0] - mean)]]
    axes.errorbar([mean], [y], xerr=errors, fmt="o", color=color, ms=4, capsize=2.5, lw=1.2, label=label, zorder=3)


def draw_model(axes, cells, metric, model, widths, rows, several):
    """Rows from top to bottom; of each, the pairs of bit-widths that it has, one below the other."""
    colors = dict(zip(widths, COLORS))
    for number, row in enumerate(rows):
        points = {bits: points_of(cells, metric, model, bits, row) for bits in widths}
        present = [bits for bits in widths if len(points[bits][0])]
        for place, bits in enumerate(present):
            draw_points(axes, points[bits], number + 0.17 * (place - (len(present) - 1) / 2), colors[bits], bits, several)
    for number in range(1, len(rows)):
        axes.axhline(number - 0.5, color="#dddddd", lw=0.6, zorder=1)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_title(model, fontsize=10)


def draw_costs(axes, cells, metric, cost, model, rows, labels, several):
    """A line a row through its pairs of bit-widths and budgets, from cheap to dear."""
    import numpy as np

    markers = "osv^D<>PX*"
    for number, row in enumerate(rows):
        widths = in_order(cell["bits"] for cell in cells if (cell["model"], cell["row"]) == (model, row))
        points = []
        for bits in widths:
            values, lows, highs = points_of(cells, metric, model, bits, row)
            if len(values):
                at = [(cell["model"], cell["bits"], cell["row"]) == (model, bits, row) for cell in cells]
                spread = [values.std(ddof=1 if len(values) > 1 else 0)] * 2 if several else [max(0, values[0] - lows[0]), max(0, highs[0] - values[0])]
                points.append((np.nanmean(cost["value"][at]), values.mean(), *spread))
        if points:
            x, y, below, above = np.array(sorted(points)).T
            color = COLORS[number % len(COLORS)]
            axes.errorbar(x, y, yerr=[below, above], color=color, ls=LINES[number // len(COLORS) % len(LINES)], marker=markers[number % len(markers)], ms=4, lw=1, capsize=2.5, label=labels[row])
    axes.set_title(model, fontsize=10)


def make_logarithmic(axes, axis, formatter):
    from matplotlib.ticker import LogLocator, NullFormatter

    axes.set(**{f"{axis}scale": "log"})
    ticks = getattr(axes, f"{axis}axis")
    ticks.set_major_locator(LogLocator(subs=(1, 2, 5)))
    ticks.set_major_formatter(formatter)
    ticks.set_minor_formatter(NullFormatter())


def set_scale(axes, values, name):
    """Logarithmic where more is not better and the values are positive and span more than a factor of 8; never so narrow that noise looks large."""
    import numpy as np

    values = values[np.isfinite(values)]
    if name not in MORE_IS_BETTER and len(values) and values.min() > 0 and values.max() > 8 * values.min():
        make_logarithmic(axes, "x", "{x:g}")
    elif len(values):
        low, high = axes.get_xlim()
        missing = max(0, 0.2 * abs(values).max() - (high - low))
        axes.set_xlim(low - missing / 2, high + missing / 2)
        axes.locator_params(axis="x", nbins=5)


def caption_of(name, metric, several):
    caption = name.replace("_", " ") + ("" if metric["unit"] == "1" else f", {metric['unit']}")
    if name in LESS_IS_BETTER | MORE_IS_BETTER:
        caption += f" ({'lower' if name in LESS_IS_BETTER else 'higher'} is better)"
    return caption + ("; mean and standard deviation of the seeds" if several else "; one seed, 95 % interval")


def draw_against(pyplot, cells, metric, name, models, cost, cost_name):
    """One panel a model, the metric over the cost; a float row that stands alone is a line."""
    import numpy as np
    from matplotlib.ticker import EngFormatter

    several = len(cells) > len({(cell["row"], cell["model"], cell["bits"]) for cell in cells})
    labels = {cell["row"]: cell["label"] for cell in cells}
    rows = in_order(cell["row"] for cell in cells if cell["bits"] != FLOAT)
    one_float = len({cell["row"] for cell in cells if cell["bits"] == FLOAT}) == 1
    legend = 0.3 + 0.17 * -(-(len(rows) + 1) // 2)  # inches of its lines below
    figure, grid = pyplot.subplots(1, len(models), figsize=(1.6 + 3.4 * len(models), 4 + legend), squeeze=False, layout="constrained")
    figure.get_layout_engine().set(rect=(0, legend / (4 + legend), 1, 4 / (4 + legend)))
    for axes, model in zip(grid[0], models):
        draw_costs(axes, cells, metric, cost, model, rows, labels, several)
        in_float = metric["value"][[cell["model"] == model and cell["bits"] == FLOAT for cell in cells]]
        if one_float and np.isfinite(in_float).any():
            axes.axhline(np.nanmean(in_float), color="black", lw=1, ls="--", label=FLOAT)
        make_logarithmic(axes, "x", EngFormatter())
        name_of_cost = cost_name.replace("_", " ")
        axes.set_xlabel({"bits": name_of_cost, "ms": f"{name_of_cost}, ms"}.get(cost["unit"], cost["unit"]), fontsize=9)
        axes.tick_params(labelsize=8)
        axes.grid(alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
    grid[0][0].set_ylabel(caption_of(name, metric, several).replace("; ", "\n"), fontsize=8)
    entries = {label: handle for axes in grid.flat for handle, label in zip(*axes.get_legend_handles_labels())}
    figure.legend(entries.values(), entries.keys(), loc="lower center", ncols=2, frameon=False, fontsize=8)
    return figure


def draw(pyplot, cells, metric, name, models):
    import numpy as np

    float_rows = in_order(cell["row"] for cell in cells if cell["bits"] == FLOAT)
    as_line = len(float_rows) == 1  # else timesteps are compared in float: rows like any other
    shown = [cell for cell in cells if not (as_line and cell["bits"] == FLOAT)]
    measured = {cell["row"] for cell, value in zip(cells, metric["value"]) if np.isfinite(value)}
    rows = [row for row in in_order(cell["row"] for cell in shown) if row in measured]
    widths = in_order(cell["bits"] for cell in shown)
    labels = {cell["row"]: cell["label"] for cell in cells}
    several = len(cells) > len({(cell["row"], cell["model"], cell["bits"]) for cell in cells})
    columns = min(len(models), 3)
    lines = -(-len(models) // columns)
    height = 0.7 + lines * (0.6 + len(rows) * max(0.26, 0.11 * len(widths)))
    figure, grid = pyplot.subplots(lines, columns, figsize=(2.6 + 3.1 * columns, height), squeeze=False, sharey=True, layout="constrained")
    figure.get_layout_engine().set(rect=(0, 0, 1, 1 - 0.3 / height))  # the legend's line above
    for axes, model in zip(grid.flat, models):
        draw_model(axes, cells, metric, model, widths, rows, several)
        if as_line:
            values = points_of(cells, metric, model, FLOAT, float_rows[0])[0]
            if len(values):
                axes.axvline(values.mean(), color="black", lw=1, ls="--", label=FLOAT)
        set_scale(axes, metric["value"][[cell["model"] == model for cell in cells]], name)
        axes.set_yticks(range(len(rows)), [labels[row] for row in rows], fontsize=8)
        axes.tick_params(axis="x", labelsize=8)
        axes.grid(axis="x", alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
    for axes in list(grid.flat)[len(models):]:
        axes.set_visible(False)
    figure.supxlabel(caption_of(name, metric, several), fontsize=9)
    entries = {label: handle for axes in grid.flat for handle, label in zip(*axes.get_legend_handles_labels())}
    figure.legend(entries.values(), entries.keys(), loc="upper center", ncols=len(entries), frameon=False, fontsize=9)
    return figure


def main():
    parser = argparse.ArgumentParser(description="Draws one metric of a table: every row, by model and bit-widths; mean and standard deviation of the seeds, or a single seed's 95 %% interval.")
    parser.add_argument("table", type=pathlib.Path, help="table.h5 of tmpq-experiment")
    parser.add_argument("out", type=pathlib.Path, help="picture to write (.png, .pdf, .svg)")
    parser.add_argument("--metric", help="which (default: psnr, or the first)")
    parser.add_argument("--against", help="cost or metric on the other axis, such as bitops, bytes or latency (default: rows beside each other)")
    parser.add_argument("--models", help="which, separated by commas (default: all)")
    arguments = parser.parse_args()
    check_out(arguments.out)
    cells, metrics, costs = read_cells(arguments.table)
    if not metrics:
        fail(f"{arguments.table}: holds no cell")
    name = arguments.metric or ("psnr" if "psnr" in metrics else sorted(metrics)[0])
    if name not in metrics:
        fail(f"{arguments.table}: has no metric {name}; there are {', '.join(sorted(metrics))}", 2)
    there = in_order(cell["model"] for cell in cells)
    models = arguments.models.split(",") if arguments.models else there
    for model in models:
        if model not in there:
            fail(f"{arguments.table}: has no model {model}; there are {', '.join(there)}", 2)
    axis = {**metrics, **costs}
    if arguments.against and arguments.against not in axis:
        fail(f"{arguments.table}: has no cost {arguments.against}; there are {', '.join(sorted(axis))}", 2)
    pyplot = open_pyplot()
    if arguments.against:
        figure = draw_against(pyplot, cells, metrics[name], name, models, axis[arguments.against], arguments.against)
    else:
        figure = draw(pyplot, cells, metrics[name], name, models)
    save(figure, arguments.out)


if __name__ == "__main__":
    main()
