#!/usr/bin/python3
"""Draws the result of tmpq-bench kernels: speed of linear layers over their operations per byte of memory, under the roofs that the same run measured.
Usage: scripts/plot_roofline.py KERNELS.json OUT.png"""
import argparse
import json
import pathlib

from plot_front import fail, open_pyplot, save

SERIES = {  # name -> colour, marker, bytes of a weight, label
    "tmpq w8a8": ("#D55E00", "o", 1, "tmpq W8A8"),
    "tmpq w4a8": ("#E69F00", "s", 0.5, "tmpq W4A8"),
    "LibTorch dynamic int8 x86": ("#56B4E9", "v", 1, "LibTorch dynamic int8 (x86 engine)"),
    "LibTorch dynamic int8 onednn": ("#0072B2", "^", 1, "LibTorch dynamic int8 (oneDNN engine)"),
    "LibTorch float32": ("#000000", "x", 4, "LibTorch float32"),
}


def points(contests, name, weight_bytes):
    """(operations per byte, GOP/s of the fastest repetition)"""
    found = []
    for contest in contests:
        m, k, n = contest["m"], contest["k"], contest["n"]
        moved = 4 * m * k + weight_bytes * k * n + 4 * m * n
        found += [(2 * m * k * n / moved, result["gops"]["fastest"]) for result in contest["results"] if result["name"] == name]
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kernels", type=pathlib.Path)
    parser.add_argument("out", type=pathlib.Path)
    arguments = parser.parse_args()
    try:
        run = json.loads(arguments.kernels.read_text())
    except (OSError, ValueError) as error:
        fail(f"{arguments.kernels}: {error}")
    if run.get("format") != "tmpq-bench-kernels-1":
        fail(f"{arguments.kernels}: is no result of tmpq-bench kernels")
    plt = open_pyplot()

    threads = sorted({contest["threads"] for contest in run["contests"]})
    figure, panels = plt.subplots(1, len(threads), figsize=(6 * len(threads), 4.5), sharey=True, squeeze=False, layout="constrained")
    for axes, count in zip(panels[0], threads):
        contests = [contest for contest in run["contests"] if contest["threads"] == count]
        for name, (colour, marker, weight_bytes, label) in SERIES.items():
            found = points(contests, name, weight_bytes)
            if found:
                axes.plot(*zip(*found), color=colour, marker=marker, ls="", ms=5, label=label)
        peak = max((contest["peak_gops"]["fastest"] for contest in contests if contest["peak_gops"]), default=None)
        if peak:
            memory, (left, right) = run["memory_gbps"][str(count)], axes.get_xlim()
            intensities = [max(left, 1), peak / memory, max(right, 2 * peak / memory)]
            axes.plot(intensities, [min(peak, memory * x) for x in intensities], color="#999999", lw=1, zorder=0)
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_title(f"{count} thread{'s' if count > 1 else ''}: {peak or 0:.0f} GOP/s, {run['memory_gbps'][str(count)]:.0f} GB/s")
        axes.set_xlabel("operations per byte (inputs, weights and outputs once)")
    panels[0, 0].set_ylabel("GOP/s, fastest repetition")
    panels[0, 0].legend(fontsize=7, loc="lower right")
    save(figure, arguments.out)


if __name__ == "__main__":
    main()
