#!/usr/bin/python3
"""Draws a plan's bit-widths: sites by steps, weights beside activations, by layer group. Usage: scripts/plot_bits.py RUN.h5 OUT.png [--row plan]"""
import argparse
import pathlib

from plot_front import check_out, fail, open_pyplot, read_run, save, text

WIDTHS = [2, 3, 4, 5, 6, 7, 8, 16, 32]  # the only ones there are


def names_of(dataset):
    return [text(name) for name in dataset.attrs["enum_names"]]


def sites_of(run, weights):
    """Of one half, by layer group and then in the network's order."""
    kinds, groups = run["sites/kind"], run["sites/group"][:]
    weight = names_of(kinds).index("weight")
    sites = [s for s, kind in enumerate(kinds[:]) if (kind == weight) == weights]
    return sorted(sites, key=lambda s: (groups[s], s))


def colors():
    from matplotlib import colormaps
    from matplotlib.colors import BoundaryNorm, ListedColormap

    integers = [colormaps["viridis"](i / 7) for i in range(8)]  # 2..8, 16
    return ListedColormap(integers + ["#dddddd"]), BoundaryNorm([i - 0.5 for i in range(len(WIDTHS) + 1)], len(WIDTHS))


def draw(axes, run, bits, timesteps, weights):
    """bits: (steps, sites)."""
    sites = sites_of(run, weights)
    names = [text(name) for name in run["sites/name"][:]]
    groups, group_names = run["sites/group"][:], names_of(run["sites/group"])
    cmap, norm = colors()
    codes = [[WIDTHS.index(int(bits[k][s])) for k in range(len(timesteps))] for s in sites]
    image = axes.imshow(codes, aspect="auto", cmap=cmap, norm=norm, interpolation="nearest")
    axes.set_yticks(range(len(sites)), [names[s].removesuffix(".weight") for s in sites], fontsize=5)
    every = max(1, len(timesteps) // 10)
    shown = range(0, len(timesteps), every)
    axes.set_xticks(shown, [timesteps[k] for k in shown], fontsize=7)
    axes.set_xlabel("training timestep of the step, noisiest first")
    axes.set_title("weights" if weights else "activations", fontsize=10)
    begin = 0
    for end in range(1, len(sites) + 1):
        if end < len(sites) and groups[sites[end]] == groups[sites[begin]]:
            continue
        if end < len(sites):
            axes.axhline(end - 0.5, color="white", lw=2)
        axes.text(1.01, (begin + end - 1) / 2, group_names[groups[sites[begin]]].replace("-", "\n"), fontsize=7, va="center",
                  transform=axes.get_yaxis_transform())
        begin = end
    return image


def main():
    parser = argparse.ArgumentParser(description="Draws a plan's bit-widths: sites by steps.")
    parser.add_argument("run", type=pathlib.Path, help="run.h5 of tmpq-search")
    parser.add_argument("out", type=pathlib.Path, help="picture to write (.png, .pdf, .svg)")
    parser.add_argument("--row", default="plan", help="which row of the run (default: plan)")
    arguments = parser.parse_args()
    check_out(arguments.out)
    pyplot = open_pyplot()

    with read_run(arguments.run) as run:
        if arguments.row not in run["baselines"]:
            fail(f"{arguments.run}: has no row {arguments.row}; there are {', '.join(run['baselines'])}", 2)
        row = run["baselines"][arguments.row]
        steps = int(row["steps"][0])
        timesteps = [int(t) for t in row["timesteps"][0][:steps]]
        bits = run["policies"][:][row["policy"][0][:steps]]
        rows = max(len(sites_of(run, True)), len(sites_of(run, False)))
        figure, axes = pyplot.subplots(1, 2, figsize=(11, 2 + 0.11 * rows), layout="constrained")
        draw(axes[0], run, bits, timesteps, True)
        image = draw(axes[1], run, bits, timesteps, False)
        bar = figure.colorbar(image, ax=axes, shrink=0.7, ticks=range(len(WIDTHS)))
        bar.ax.set_yticklabels(["float" if width == 32 else str(width) for width in WIDTHS])
        bar.set_label("bits")
        model = text(run["provenance"].attrs["model_name"])
        figure.suptitle(f"{arguments.row} of {model}: {steps} steps, distinct policies: {len(set(row['policy'][0][:steps]))}", fontsize=11)
        save(figure, arguments.out)


if __name__ == "__main__":
    main()
