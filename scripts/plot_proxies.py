#!/usr/bin/python3
"""Draws a proxy study: rank correlations by number of samples. Usage: scripts/plot_proxies.py STUDY.h5 OUT.png"""
import argparse
import pathlib

from plot_front import check_out, fail, open_pyplot, save, text

COLOURS = ["#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9", "#000000"]  # colour-blind safe (Okabe-Ito)


def read_study(path):
    import h5py

    try:
        study = h5py.File(path, "r")
    except OSError as error:
        fail(f"{path}: cannot be read as HDF5: {error}")
    if text(study.attrs.get("schema", "")) != "tmpq-proxies" or int(study.attrs.get("schema_version", 0)) != 1:
        fail(f"{path}: is not a tmpq proxy study of schema version 1")
    return study


def draw_correlations(axes, study, against_itself, colours):
    rows = study["correlations"]
    metrics = [text(name) for name in rows["metric"][:]]
    targets = [text(name) for name in rows["target"][:]]
    samples = rows["samples"][:]
    value, low, high = (rows[f"spearman/{name}"][:] for name in ["value", "low", "high"])
    for order, (metric, colour) in enumerate(colours.items()):
        at = [i for i in range(len(metrics)) if metrics[i] == metric and (targets[i] == metric) == against_itself]
        if not at:
            continue
        x = samples[at] * 1.03 ** (order - len(colours) / 2)  # side by side where they meet
        turned = value[at].mean() < 0  # better is larger: shown as agreement
        sizes = abs(value[at])
        ends = (-high[at], -low[at]) if turned else (low[at], high[at])
        label = metric.replace("_", " ") + (" (negated)" if turned else "")
        axes.errorbar(x, sizes, yerr=[sizes - ends[0], ends[1] - sizes], color=colour, marker="o", ms=4, capsize=2, lw=1.2, label=label)
    axes.set_xscale("log", base=2)
    ticks = sorted(set(int(n) for n in samples))
    axes.set_xticks(ticks, [str(n) for n in ticks], fontsize=8)
    axes.minorticks_off()
    axes.set_ylim(0, 1.02)
    axes.set_xlabel("samples n of the proxy")
    axes.set_ylabel("Spearman, 95 % interval")
    axes.legend(fontsize=8, frameon=False, loc="lower right")


def draw_candidates(axes, study, metric, colour):
    group = study[f"metrics/{metric}"]
    sizes = group["values"].attrs["samples"]
    values, distance = group["values"][:], study["metrics/distance/target"][:]
    column = len(sizes) // 2
    axes.scatter(values[:, column], distance, s=18, color=colour)
    for index, name in enumerate(study["candidates/name"][:]):
        if not text(name).startswith(("random", "mutant")):
            axes.annotate(text(name), (values[index, column], distance[index]), fontsize=8, xytext=(5, 3), textcoords="offset points")
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel(f"{metric.replace('_', ' ')} of {sizes[column]} samples, search noise")
    axes.set_ylabel(f"distance of {int(study['metrics/distance/target'].attrs['samples'])}, report noise")


def main():
    parser = argparse.ArgumentParser(description="Draws a proxy study: rank correlations by number of samples, and the candidates.")
    parser.add_argument("study", type=pathlib.Path, help="study.h5 of tmpq-eval --proxy-study")
    parser.add_argument("out", type=pathlib.Path, help="picture to write (.png, .pdf, .svg)")
    arguments = parser.parse_args()
    check_out(arguments.out)
    pyplot = open_pyplot()

    with read_study(arguments.study) as study:
        colours = dict(zip(study["metrics"], COLOURS))
        figure, axes = pyplot.subplots(2, 2, figsize=(11, 8), layout="constrained")
        draw_correlations(axes[0][0], study, True, colours)
        axes[0][0].set_title("with the same metric at large n, other noise", fontsize=10)
        draw_correlations(axes[0][1], study, False, colours)
        axes[0][1].set_title("with the distance at large n, other noise", fontsize=10)
        draw_candidates(axes[1][0], study, "trajectory_error", colours["trajectory_error"])
        draw_candidates(axes[1][1], study, "distance", colours["distance"])
        for one in axes.flat:
            one.spines[["top", "right"]].set_visible(False)
        save(figure, arguments.out)


if __name__ == "__main__":
    main()
