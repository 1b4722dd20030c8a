"""Writes the tables of docs/cuda.md: see scripts/cuda_table.sh.

Usage: cuda_table.py docs/cuda.md COUNTS PTXAS.ARCH...
"""
import re
import subprocess
import sys

BEGIN, END = "<!-- made by scripts/cuda_table.sh -->\n", "<!-- end -->\n"


def read_ptxas(path):
    """{kernel: (registers, bytes spilled)} of one architecture."""
    text = subprocess.run(["c++filt"], input=open(path).read(), capture_output=True, text=True, check=True).stdout
    kernels = {}
    for part in text.split("Compiling entry function '")[1:]:
        name = re.search(r"KernelEntry<(.*?)\s*>\(", part).group(1)
        name = re.sub(r"tmpq::gpu::|\(signed char\)|Kernel\b", "", name)
        name = re.sub(r"\(GemmKind\)(\d)", lambda m: ("rows", "groups", "windows", "nibbles", "nibble windows")[int(m.group(1))], name)
        spills = re.search(r"(\d+) bytes spill stores, (\d+) bytes spill loads", part)
        registers = re.search(r"Used (\d+) registers", part)
        kernels[name.strip()] = (int(registers.group(1)), int(spills.group(1)) + int(spills.group(2)))
    return kernels


def main():
    page, counts, *listings = sys.argv[1:]
    listings.sort(key=lambda path: int(path.rsplit(".", 1)[1]))
    archs = [path.rsplit(".", 1)[1] for path in listings]
    tables = [read_ptxas(path) for path in listings]
    lines = ["| kernel | " + " | ".join(f"sm_{arch}" for arch in archs) + " |", "|---|" + "---|" * len(archs)]
    for name in tables[0]:
        cells = [f"{registers}" + (f" (spills {spilled})" if spilled else "")
                 for registers, spilled in (table[name] for table in tables)]
        lines.append(f"| `{name}` | " + " | ".join(cells) + " |")
    spilling = sum(spilled > 0 for table in tables for _, spilled in table.values())
    text = open(page).read()
    before, rest = text.split(BEGIN)
    after = rest.split(END)[1]
    body = (open(counts).read() + "\nRegisters of a thread, by ptxas -v; "
            f"{spilling} of {sum(map(len, tables))} compilations spill.\n\n" + "\n".join(lines) + "\n")
    open(page, "w").write(before + BEGIN + "\n" + body + "\n" + END + after)


main()
