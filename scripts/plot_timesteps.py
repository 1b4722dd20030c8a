#!/usr/bin/python3
"""Draws which timesteps a run chose: the plan against uniform and quadratic ones, and their density among the front's candidates. Usage: scripts/plot_timesteps.py RUN.h5 OUT.png"""
import argparse
import pathlib

from plot_front import check_out, fail, open_pyplot, read_run, save

PLAN, UNIFORM, QUADRATIC = "#009E73", "#000000", "#D55E00"


def visited(timesteps):
    return [int(t) for t in timesteps if t >= 0]


def uniform(steps, training_steps):
    """src/plan/timesteps.h, UniformTimesteps."""
    return [(k + 1) * training_steps // steps - 1 for k in reversed(range(steps))]


def quadratic(steps, training_steps):
    """TMPQ-DM's: the first timestep of each quadratic group (src/plan/timesteps.h)."""
    if steps == 1:
        return [0]
    return [i * i * 4 * training_steps // (5 * (steps - 1) ** 2) for i in reversed(range(steps))]


def training_steps_of(run):
    """The float model's timesteps are uniform: they begin at T - 1."""
    return int(run["baselines/float/timesteps"][0][0]) + 1


def draw_choice(axes, plan, total):
    for timesteps, color, marker, name in [
        (uniform(len(plan), total), UNIFORM, "|", "uniform"),
        (quadratic(len(plan), total), QUADRATIC, "x", "quadratic (TMPQ-DM)"),
        (plan, PLAN, "o", "plan"),
    ]:
        axes.plot(range(1, len(timesteps) + 1), timesteps, color=color, marker=marker, ms=5, lw=1, label=name)
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.set_xlabel("step")
    axes.set_ylabel("training timestep visited (noise above)")
    axes.set_ylim(-0.02 * total, 1.02 * total)
    axes.legend(frameon=False, fontsize=9)


def draw_density(axes, rows, plan, total, fidelity):
    """Share of the visits, every candidate counted alike however many steps it has; bins that uniform steps visit twice."""
    import numpy as np

    bins = max(1, len(plan) // 2)
    edges = np.linspace(0, total, bins + 1)
    shares = np.mean([np.histogram(row, edges)[0] / len(row) for row in rows], axis=0)
    axes.bar(edges[:-1], shares * bins, width=np.diff(edges), align="edge", color="#56B4E9", edgecolor="white", lw=0.5,
             label=f"front ({len(rows)} candidates, {fidelity})")
    axes.axhline(1, color=UNIFORM, lw=1, ls="--", label="uniform")
    at = axes.get_ylim()[1] * 1.05
    axes.plot(plan, [at] * len(plan), "|", color=PLAN, ms=10, mew=1.5, label="plan")
    axes.set_ylim(0, at * 1.35)
    axes.set_xlim(0, total)
    axes.set_xlabel("training timestep")
    axes.set_ylabel("visits relative to uniform")
    axes.legend(frameon=False, fontsize=9, loc="upper left", ncols=3)


def main():
    parser = argparse.ArgumentParser(description="Draws which timesteps a run chose.")
    parser.add_argument("run", type=pathlib.Path, help="run.h5 of tmpq-search")
    parser.add_argument("out", type=pathlib.Path, help="picture to write (.png, .pdf, .svg)")
    parser.add_argument("--fidelity", default="metrics", help="whose front (default: metrics)")
    arguments = parser.parse_args()
    check_out(arguments.out)
    pyplot = open_pyplot()

    with read_run(arguments.run) as run:
        if arguments.fidelity not in run["fronts"]:
            fail(f"{arguments.run}: has no front of fidelity {arguments.fidelity}; there are {', '.join(run['fronts'])}", 2)
        total = training_steps_of(run)
        plan = visited(run["baselines/plan/timesteps"][0])
        front = run[f"fronts/{arguments.fidelity}/evaluation"][:]
        rows = [visited(row) for row in run["evaluations/timesteps"][:][front]]
        figure, axes = pyplot.subplots(1, 2, figsize=(11, 4.5), layout="constrained")
        draw_choice(axes[0], plan, total)
        draw_density(axes[1], rows, plan, total, arguments.fidelity)
        for one in axes:
            one.spines[["top", "right"]].set_visible(False)
        save(figure, arguments.out)


if __name__ == "__main__":
    main()
