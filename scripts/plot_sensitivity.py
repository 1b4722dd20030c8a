#!/usr/bin/python3
"""Draws a sensitivity table: sites by ranges of timesteps, and layer groups by metrics. Usage: scripts/plot_sensitivity.py SENSITIVITY.h5 OUT.png [--bits B]"""
import argparse
import pathlib

from plot_front import check_out, fail, open_pyplot, save, text

SIGNED = {"psnr", "text_similarity", "text_alignment", "frame_difference"}  # these may move either way


def read_table(path):
    import h5py

    try:
        table = h5py.File(path, "r")
    except OSError as error:
        fail(f"{path}: cannot be read as HDF5: {error}")
    if text(table.attrs.get("schema", "")) != "tmpq-sensitivity" or int(table.attrs.get("schema_version", 0)) != 1:
        fail(f"{path}: is not a sensitivity table of schema version 1")
    return table


def rows_at(table, bits):
    """(row, site, range) of every measurement at one bit-width."""
    rows = table["rows"]
    return [(i, int(s), int(r)) for i, (s, b, r) in enumerate(zip(rows["site"][:], rows["bits"][:], rows["range"][:])) if b == bits]


def draw_sites(axes, table, rows):
    import numpy
    from matplotlib.colors import LogNorm

    change = table["metrics/squared_error/change"][:]
    ranges = sorted({r for _, _, r in rows}, key=lambda r: (r < 0, r))  # all of them last
    sites = sorted({s for _, s, _ in rows})
    values = numpy.full((len(sites), len(ranges)), numpy.nan)
    for i, s, r in rows:
        values[sites.index(s), ranges.index(r)] = change[i]
    top = numpy.nanmax(values)
    image = axes.imshow(values.clip(min=top * 1e-3), aspect="auto", norm=LogNorm(top * 1e-3, top), cmap="viridis")
    begins = [int(t) for t in table["ranges/begin"][:]] + [int(table["steps/timesteps"].attrs["training_steps"])]
    labels = ["all" if r < 0 else f"{begins[r]}..{begins[r + 1] - 1}" for r in ranges]
    axes.set_xticks(range(len(ranges)), labels, fontsize=7)
    names = [text(name) for name in table["sites/name"][:]]
    every = -(-len(sites) // 100)  # more names than that would lie on each other
    axes.set_yticks(range(0, len(sites), every), [names[s] for s in sites[::every]], fontsize=4.5)
    axes.set_xlabel("narrowed at timesteps")
    axes.set_title("change of the squared error of the sample", fontsize=9)
    return image


def draw_groups(axes, table, rows):
    import numpy

    metrics = [name for name in table["metrics"] if name not in SIGNED]
    groups = table["sites/group"][:]
    whole = [(i, s) for i, s, r in rows if r < 0]
    present = sorted({int(groups[s]) for _, s in whole})
    shares = numpy.zeros((len(present), len(metrics)))
    for column, metric in enumerate(metrics):
        change = table[f"metrics/{metric}/change"][:]
        for i, s in whole:
            shares[present.index(int(groups[s])), column] += max(0.0, change[i])
        shares[:, column] /= shares[:, column].sum() or 1
    axes.imshow(shares, vmin=0, vmax=1, cmap="Blues", aspect="auto")
    for (row, column), share in numpy.ndenumerate(shares):
        axes.text(column, row, f"{share:.2f}", ha="center", va="center", fontsize=8, color="white" if share > 0.6 else "black")
    names = [text(name) for name in table["sites/group"].attrs["enum_names"]]
    axes.set_yticks(range(len(present)), [names[g] for g in present], fontsize=8)
    axes.set_xticks(range(len(metrics)), [metric.replace("_", " ") for metric in metrics], rotation=30, ha="right", fontsize=8)
    axes.set_title("share of each layer group in a metric's change", fontsize=9)


def draw_bits(axes, table):
    import numpy

    rows, groups = table["rows"], table["sites/group"][:]
    change = table["metrics/squared_error/change"][:]
    names = [text(name) for name in table["sites/group"].attrs["enum_names"]]
    site, bits, span = rows["site"][:], rows["bits"][:], rows["range"][:]
    for group in sorted(set(groups)):
        widths = sorted(set(bits[(span < 0) & (groups[site] == group)]))
        means = [numpy.mean(change[(span < 0) & (bits == b) & (groups[site] == group)]) for b in widths]
        if widths:
            axes.plot(widths, means, marker="o", ms=4, lw=1.2, label=names[int(group)])
    axes.set_yscale("log")
    axes.set_xlabel("bits of one site")
    axes.set_ylabel("mean change of the squared error")
    axes.legend(fontsize=7, frameon=False)
    axes.grid(alpha=0.3)


def main():
    parser = argparse.ArgumentParser(description="Draws a sensitivity table: sites by ranges of timesteps, layer groups by metrics, and errors by bits.")
    parser.add_argument("table", type=pathlib.Path, help="sensitivity.h5 of tmpq-sensitivity")
    parser.add_argument("out", type=pathlib.Path, help="picture to write (.png, .pdf, .svg)")
    parser.add_argument("--bits", type=int, help="bit-width of the heat maps (default: 4, or the narrowest)")
    arguments = parser.parse_args()
    check_out(arguments.out)
    pyplot = open_pyplot()

    with read_table(arguments.table) as table:
        measured = sorted({int(b) for b in table["rows/bits"][:]})
        bits = arguments.bits or (4 if 4 in measured else measured[0])
        if bits not in measured:
            fail(f"{arguments.table}: nothing was measured at {bits} bits; there are {measured}", 2)
        rows = rows_at(table, bits)
        figure, axes = pyplot.subplot_mosaic([["sites", "groups"], ["sites", "bits"]], figsize=(11, 9), layout="constrained")
        image = draw_sites(axes["sites"], table, rows)
        figure.colorbar(image, ax=axes["sites"], shrink=0.6, extend="min")
        draw_groups(axes["groups"], table, rows)
        draw_bits(axes["bits"], table)
        name = text(table["provenance"].attrs["model_name"])
        figure.suptitle(f"{name}, each site alone at {bits} bits, {int(table['rows'].attrs['samples'])} samples", fontsize=11)
        save(figure, arguments.out)


if __name__ == "__main__":
    main()
