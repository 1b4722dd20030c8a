#!/usr/bin/python3
"""Draws an algorithm study: hypervolume over evaluations. Usage: scripts/plot_algorithms.py algorithms.json OUT.png"""
import argparse
import json
import pathlib

from plot_front import check_out, fail, open_pyplot, save

COLOURS = ["#000000", "#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9", "#999999"]  # colour-blind safe (Okabe-Ito)


def read_study(path):
    try:
        study = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        fail(f"{path}: cannot be read as JSON: {error}")
    if study.get("format") != "tmpq-algorithms-1":
        fail(f"{path}: is not an algorithm study of tmpq (format tmpq-algorithms-1)")
    return study


def draw_curves(axes, study, side):
    for algorithm, colour in zip(study["algorithms"], COLOURS):
        curve = algorithm[side]["curve"]
        missing = [1 - share for share in curve["median"]]
        axes.plot(curve["evaluations"], missing, color=colour, lw=1.5, label=algorithm["name"], drawstyle="steps-post")
        ends = [1 - share for share in curve["most"]], [1 - share for share in curve["least"]]
        axes.fill_between(curve["evaluations"], *ends, color=colour, alpha=0.15, lw=0, step="post")
    axes.axhline(1 - study["found"], color="0.5", lw=0.8, ls="--")
    axes.axvline(0.05 * study["candidates"], color="0.5", lw=0.8, ls=":")
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_ylim(1e-4, 1)
    axes.set_xlabel("evaluations")
    axes.set_ylabel("share of the true front's hypervolume that is missing")


def draw_front(axes, study):
    bitops, errors = zip(*study["front"])
    axes.plot([b / 1e9 for b in bitops], errors, color="#000000", marker=".", ms=4, lw=0.8)
    axes.set_yscale("log")
    axes.set_xlabel("BitOps, 1e9 a sample")
    axes.set_ylabel("squared error of the final sample")
    axes.set_title(f"true front of {study['candidates']} candidates", fontsize=10)


def main():
    parser = argparse.ArgumentParser(description="Draws an algorithm study: hypervolume over evaluations, and the true front.")
    parser.add_argument("study", type=pathlib.Path, help="algorithms.json of tmpq-bench algorithms")
    parser.add_argument("out", type=pathlib.Path, help="picture to write (.png, .pdf, .svg)")
    arguments = parser.parse_args()
    check_out(arguments.out)
    study = read_study(arguments.study)
    pyplot = open_pyplot()

    figure, axes = pyplot.subplots(1, 3, figsize=(15, 4.6), layout="constrained")
    draw_curves(axes[0], study, "error")
    axes[0].set_title("squared error and BitOps (median, range over seeds)", fontsize=10)
    draw_curves(axes[1], study, "log_error")
    axes[1].set_title("logarithm of the squared error, and BitOps", fontsize=10)
    axes[0].legend(fontsize=8, frameon=False, loc="lower left")
    draw_front(axes[2], study)
    for one in axes.flat:
        one.spines[["top", "right"]].set_visible(False)
    save(figure, arguments.out)


if __name__ == "__main__":
    main()
