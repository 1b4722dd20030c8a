#!/usr/bin/python3
"""Draws hypervolume over evaluations, of one run or of several. Usage: scripts/plot_hypervolume.py RUN.h5 [RUN.h5 ..] OUT.png"""
import argparse
import pathlib

from plot_front import check_out, fail, open_pyplot, read_run, save, text

COLORS = ["#009E73", "#0072B2", "#D55E00", "#E69F00", "#CC79A7", "#56B4E9", "#000000"]  # Okabe-Ito
LINES = ["-", "--", ":", "-."]  # where there are more than colours


def label_of(path, run):
    """The run's folder, where it says more than the file's name."""
    return path.parent.name or text(run["provenance"].attrs["model_name"])


def main():
    parser = argparse.ArgumentParser(description="Draws hypervolume over evaluations, of one run or of several.")
    parser.add_argument("runs", type=pathlib.Path, nargs="+", help="run.h5 of tmpq-search")
    parser.add_argument("out", type=pathlib.Path, help="picture to write (.png, .pdf, .svg)")
    arguments = parser.parse_args()
    check_out(arguments.out)
    pyplot = open_pyplot()

    figure, axes = pyplot.subplots(figsize=(7, 4.5), layout="constrained")
    first = None
    for number, path in enumerate(arguments.runs):
        with read_run(path) as run:
            history = run["history"]
            names = [text(name) for name in history.attrs["objectives"]]
            point = list(zip(names, history.attrs["reference_point"], (text(u) for u in history.attrs["objective_units"])))
            if first is not None and point != first:
                fail(f"{path}: its hypervolume has another reference point than {arguments.runs[0]}'s: not comparable", 2)
            first = point
            evaluations, hypervolume = history["evaluations"][:], history["hypervolume"][:]
            if len(evaluations) == 0:
                fail(f"{path}: has no history")
            color = COLORS[number % len(COLORS)]
            axes.step(evaluations, hypervolume, where="post", color=color, marker=".", label=f"{label_of(path, run)}: {hypervolume[-1]:.4f}")
    axes.set_xlim(left=0)
    axes.set_xlabel("candidates scored by the search")
    axes.set_ylabel("hypervolume (share of the box to the reference point)")
    axes.legend(frameon=False, loc="upper left", fontsize=9)
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    units = {"1": "", "bit operations per sample": " bit operations"}
    box = ", ".join(f"{name} {value:.4g}{units.get(unit, ' ' + unit)}" for name, value, unit in first)
    axes.set_title(f"reference point: {box}", fontsize=8, loc="left")
    save(figure, arguments.out)


if __name__ == "__main__":
    main()
