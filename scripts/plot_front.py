#!/usr/bin/python3
"""Draws a run: Pareto front, progress, bits, timesteps. Usage: scripts/plot_front.py RUN.h5 OUT.png"""
import argparse
import pathlib
import sys
import textwrap

BASELINES = {  # colour-blind safe (Okabe-Ito)
    "float": ("#000000", "D"),
    "w8a8": ("#0072B2", "s"),
    "w4a4": ("#D55E00", "v"),
    "naive": ("#E69F00", "X"),
    "plan": ("#009E73", "*"),
}


def fail(message, code=1):
    print(f"{pathlib.Path(sys.argv[0]).name}: error: {message}", file=sys.stderr)
    sys.exit(code)


def text(value):
    return value.decode() if isinstance(value, bytes) else str(value)


def in_words(name):
    return text(name).replace("_", " ")


def check_out(path):
    if path.suffix not in (".png", ".pdf", ".svg"):
        fail(f"{path}: unknown extension; .png, .pdf or .svg", 2)


def open_pyplot():
    """Loaded late, so that --help and errors need no matplotlib; without a display."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    return pyplot


def save(figure, path):
    """Whole or not at all, and without the time of day in it."""
    partial = path.with_name(path.name + ".partial" + path.suffix)
    try:
        figure.savefig(partial, dpi=110, metadata={"Software": None} if path.suffix == ".png" else None)
        partial.replace(path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        fail(f"{path}: cannot be written: {error}")


def read_run(path):
    import h5py

    try:
        run = h5py.File(path, "r")
    except OSError as error:
        fail(f"{path}: cannot be read as HDF5: {error}")
    if text(run.attrs.get("schema", "")) != "tmpq-run" or int(run.attrs.get("schema_version", 0)) != 1:
        fail(f"{path}: is not a tmpq run file of schema version 1")
    return run


def draw_front(axes, run, unit):
    import numpy as np

    distance = run["evaluations/measurements/distance"][:]
    fidelity = run["evaluations/fidelity"]
    names = [text(name) for name in fidelity.attrs["enum_names"]]
    measured = fidelity[:] == names.index("metrics")
    bitops = run["evaluations/costs/bitops"][:] / unit
    axes.scatter(bitops[measured], distance[measured], s=9, color="#999999", label="searched (search noise, fewer samples)", zorder=1)
    front = run["fronts/metrics/evaluation"][:]
    order = front[np.lexsort((distance[front], bitops[front]))]
    best, line = np.inf, []
    for index in order:  # the front over distance and BitOps alone
        if distance[index] < best:
            best = distance[index]
            line.append(index)
    axes.step(bitops[line], distance[line], where="post", color="#56B4E9", lw=1.5, label="front", zorder=2)
    for name, (color, marker) in BASELINES.items():
        if name not in run["baselines"]:
            continue
        row = run["baselines"][name]
        metric = row["metrics/distance"].attrs
        x = row["costs/bitops"][0] / unit
        errors = [[metric["value"] - metric["low"]], [metric["high"] - metric["value"]]]
        axes.errorbar([x], [metric["value"]], yerr=errors, fmt=marker, color=color, ms=11 if marker == "*" else 6,
                      capsize=3, label=f"{name} (report)", zorder=3)
    axes.set_xscale("log")
    shown = [run["baselines"][name]["metrics/distance"].attrs["high"] for name in run["baselines"]]
    axes.set_ylim(0, 1.25 * max(shown))
    axes.set_xlabel("BitOps relative to W8A8")
    axes.set_ylabel("distance to the data (lower is better)")
    axes.legend(fontsize=8, frameon=False)


def draw_progress(axes, run):
    """The least within the budget of what the search minimises, and the hypervolume of its front."""
    import numpy as np

    fidelity = run["evaluations/fidelity"]
    names = [text(name) for name in fidelity.attrs["enum_names"]]
    at = fidelity[:] == names.index("trajectory")
    fits = np.ones(at.sum(), dtype=bool)
    for cost, limit in run["budget"].attrs.items():
        fits &= run[f"evaluations/costs/{cost}"][:][at] <= limit * (1 + 1e-12)
    history = run["history"].attrs
    minimized = text(history["minimized"]) if "minimized" in history else "trajectory_error"  # runs of older programs
    objectives = ["BitOps" if text(name) == "bitops" else in_words(name) for name in history["objectives"]]
    losses = np.where(fits, run[f"evaluations/measurements/{minimized}"][:][at], np.inf)
    least = np.minimum.accumulate(losses)
    scored = 1 + np.arange(len(least))
    known = np.isfinite(least)
    axes.step(scored[known], least[known], where="post", color="#0072B2")
    axes.set_xlim(0, len(least))
    axes.set_xlabel("candidates scored")
    axes.set_ylabel(textwrap.fill(f"least {in_words(minimized)} within the budget", 42), color="#0072B2")
    other = axes.twinx()
    other.plot(run["history/evaluations"][:], run["history/hypervolume"][:], marker=".", color="#009E73")
    other.set_ylim(0, 1.1 * max(run["history/hypervolume"][:]))
    other.set_ylabel(textwrap.fill("hypervolume of " + ", ".join(objectives), 42), color="#009E73")
    other.spines["top"].set_visible(False)


def draw_timesteps(axes, run):
    for row, name in enumerate(["float", "naive", "plan"]):
        timesteps = run["baselines"][name]["timesteps"][0]
        timesteps = timesteps[timesteps >= 0]
        axes.plot(timesteps, [row] * len(timesteps), "|", ms=14, color=BASELINES[name][0])
    axes.set_yticks(range(3), ["float", "naive", "plan"])
    axes.set_ylim(2.6, -0.6)
    axes.set_xlabel("training timesteps visited")


def draw_bits(axes, run):
    import numpy as np

    plan = run["baselines/plan"]
    steps = int(plan["steps"][0])
    policies = run["policies"][:][plan["policy"][0][:steps]].astype(float).mean(axis=0)
    kinds = run["sites/kind"]
    kind_names = [text(name) for name in kinds.attrs["enum_names"]]
    groups = run["sites/group"]
    group_names = [text(name) for name in groups.attrs["enum_names"]]
    elements = run["sites/elements"][:]
    present = [g for g in range(len(group_names)) if np.any(groups[:] == g)]
    for offset, kind, color in [(-0.2, "weight", "#0072B2"), (0.2, "activation", "#E69F00")]:
        at = kinds[:] == kind_names.index(kind)
        means = [np.average(policies[at & (groups[:] == g)], weights=elements[at & (groups[:] == g)]) for g in present]
        axes.bar(np.arange(len(present)) + offset, means, 0.4, color=color, label=f"{kind} bits")
    axes.set_xticks(range(len(present)), [group_names[g].replace("_", "\n").replace("-", "\n") for g in present], fontsize=8)
    axes.set_ylabel("mean bits of the plan")
    axes.legend(fontsize=8, frameon=False)


def main():
    parser = argparse.ArgumentParser(description="Draws a run: Pareto front, progress of the search, bits and timesteps of the plan.")
    parser.add_argument("run", type=pathlib.Path, help="run.h5 of tmpq-search")
    parser.add_argument("out", type=pathlib.Path, help="picture to write (.png, .pdf, .svg)")
    arguments = parser.parse_args()
    check_out(arguments.out)
    pyplot = open_pyplot()

    with read_run(arguments.run) as run:
        figure, axes = pyplot.subplots(2, 2, figsize=(11, 7), layout="constrained")
        draw_front(axes[0][0], run, float(run["baselines/w8a8/costs/bitops"][0]))
        draw_progress(axes[0][1], run)
        draw_bits(axes[1][0], run)
        draw_timesteps(axes[1][1], run)
        for one in axes.flat:
            one.spines[["top", "right"]].set_visible(False)
        save(figure, arguments.out)


if __name__ == "__main__":
    main()
