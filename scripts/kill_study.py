#!/usr/bin/python3
"""Kills one search again and again at random moments with SIGKILL, resumes it each time, and compares what it ends
with to an undisturbed run: journal, plan, supernet and pictures byte for byte, run.h5 and summary.json but for the
seconds. With --ranks the search is an MPI job, one of whose ranks is killed; each life takes the next number of ranks.

Usage: scripts/kill_study.py --kills 50 --out results/kill/process [--ranks 3,2] [-- FLAGS OF TMPQ-SEARCH...]
Writes OUT.json and OUT.md; exit code 1 where anything differs.
"""
import argparse
import hashlib
import json
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import h5py
import numpy

ROOT = pathlib.Path(__file__).resolve().parent.parent
SAME_BYTES = ["journal.jsonl", "plan.safetensors", "supernet.safetensors", "samples.png"]
# A search of about a minute: tests/programs/tiny_search.h, larger.
SMALL_SEARCH = """--steps=6 --budget=4bit --weight-bits=3,4,6,8 --activation-bits=3,4,6,8 --population=12 --parents=4
--mutants=6 --crossovers=3 --generations=4 --trajectory-steps=10 --trajectory-samples=6 --metric-samples=32
--metric-candidates=2 --selection-candidates=3 --selection-samples=48 --report-samples=64 --converged-samples=8""".split()


def fail(message):
    print(f"kill_study.py: error: {message}", file=sys.stderr)
    sys.exit(1)


def command_of(program, out, flags, ranks, resume):
    command = [str(program), *flags, f"--out={out}", *(["--resume"] if resume else [])]
    if ranks > 0:
        command = ["mpirun", "--allow-run-as-root", "--oversubscribe", "--bind-to", "none", "-n", str(ranks), *command]
    return command


def start(command):
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def ranks_of(launcher):
    """Processes of the job's ranks, in their order: the launcher's children."""
    files = pathlib.Path(f"/proc/{launcher}/task").glob("*/children")
    return sorted(int(pid) for file in files for pid in file.read_text().split())


def look(out):
    """What is on the disk: records of the journal, whether its last line is whole, files."""
    journal = out / "journal.jsonl"
    data = journal.read_bytes() if journal.exists() else b""
    return {"records": max(0, data.count(b"\n") - 1), "torn": bool(data) and not data.endswith(b"\n"),
            "files": sorted(path.name for path in out.iterdir()) if out.exists() else []}


def run_life(program, out, flags, ranks, delay, chooser):
    """One life, killed after `delay` seconds; None where it ended before."""
    process = start(command_of(program, out, flags, ranks, out.exists()))
    begin = time.monotonic()
    try:
        _, errors = process.communicate(timeout=delay)
        if process.returncode != 0:
            fail(f"a life ended with {process.returncode}: {errors.strip()}")
        return None
    except subprocess.TimeoutExpired:
        victims = ranks_of(process.pid) if ranks > 0 else [process.pid]
        victim = chooser.choice(victims) if victims else process.pid
        os.kill(victim, signal.SIGKILL)
    seconds = time.monotonic() - begin
    _, errors = process.communicate()
    life = {"seconds": round(seconds, 3), "ranks": max(1, ranks), "exit_code": process.returncode, **look(out)}
    if ranks > 0:
        life["victim"] = victims.index(victim) if victim in victims else "launcher"
    if process.returncode == 0:
        fail("a killed life ended with 0")
    return life


def differences_of_h5(a, b):
    """Names of groups, arrays and attributes that differ; those of /timings are times."""
    found = []

    def same(x, y):
        x, y = numpy.asarray(x), numpy.asarray(y)
        return x.dtype == y.dtype and x.shape == y.shape and x.tobytes() == y.tobytes() if x.dtype != object \
            else x.shape == y.shape and (x == y).all()

    with h5py.File(a) as first, h5py.File(b) as second:
        names = [["/"], ["/"]]
        for file, list_of in zip((first, second), names):
            file.visit(lambda name, list_of=list_of: list_of.append("/" + name))
        if names[0] != names[1]:
            return ["names of groups and arrays"]
        for name in names[0]:
            if name == "/timings":
                continue
            x, y = first[name], second[name]
            if sorted(x.attrs) != sorted(y.attrs) or not all(same(x.attrs[k], y.attrs[k]) for k in x.attrs):
                found.append(name + " attributes")
            if isinstance(x, h5py.Dataset) and not same(x[()], y[()]):
                found.append(name)
    return found


def differences(whole, killed):
    found = [name for name in SAME_BYTES if (whole / name).read_bytes() != (killed / name).read_bytes()]
    found += ["run.h5: " + name for name in differences_of_h5(whole / "run.h5", killed / "run.h5")]
    summaries = [json.loads((folder / "summary.json").read_text()) for folder in (whole, killed)]
    for summary in summaries:
        summary.pop("seconds"), summary.pop("times")
    return found + (["summary.json"] if summaries[0] != summaries[1] else [])


def markdown(study):
    lives = study["lives"]
    job = study["ranks"] != [0]
    lines = [f"# {len(lives)} SIGKILLs during one search" + (" over MPI ranks" if job else ""), "",
             "Made by `scripts/kill_study.py`; flags of the search: `" + " ".join(study["flags"]) + "`.", "",
             f"Undisturbed run (one process): {study['records']} records, {study['undisturbed_seconds']:.0f} s. "
             f"Torn journal lines at a kill: {sum(life['torn'] for life in lives)}; kills before the journal's first record: "
             f"{sum(life['records'] == 0 for life in lives)}.", "",
             "Compared after the last life: " + ", ".join(SAME_BYTES) + " (bytes); run.h5 and summary.json (all but seconds): "
             "**" + ("all equal" if not study["differences"] else "differences: " + ", ".join(study["differences"])) + "**.", "",
             "| kill | after s |" + (" ranks | killed rank | exit code |" if job else "") + " records | torn line |",
             "|---|---|" + ("---|---|---|" if job else "") + "---|---|"]
    for i, life in enumerate(lives):
        ranks = f" {life['ranks']} | {life['victim']} | {life['exit_code']} |" if job else ""
        lines.append(f"| {i + 1} | {life['seconds']:.2f} |{ranks} {life['records']} | {'yes' if life['torn'] else ''} |")
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--ranks", default="0", help="numbers of ranks of the lives in turn, such as 3,2; 0: no MPI")
    parser.add_argument("--seed", type=int, default=1, help="of the moments of the kills")
    parser.add_argument("--startup", type=float, default=0,
                        help="seconds of a life before its first evaluation (default: measured)")
    parser.add_argument("--program", type=pathlib.Path, default=ROOT / "build/release/bin/tmpq-search")
    parser.add_argument("--out", type=pathlib.Path, required=True, help="OUT.json and OUT.md are written")
    parser.add_argument("flags", nargs="*", default=[], help="of tmpq-search, after --")
    arguments = parser.parse_args()
    flags = arguments.flags or SMALL_SEARCH
    ranks = [int(count) for count in arguments.ranks.split(",")]
    chooser = random.Random(arguments.seed)
    folder = pathlib.Path(tempfile.mkdtemp(prefix="tmpq-kill-"))
    try:
        whole, killed = folder / "whole", folder / "killed"
        begin = time.monotonic()
        process = start(command_of(arguments.program, whole, flags, 0, False))
        _, errors = process.communicate()
        if process.returncode != 0:
            fail(f"the undisturbed run ended with {process.returncode}: {errors.strip()}")
        undisturbed = time.monotonic() - begin
        # What a life needs before it measures anything: a finished run's replay, measured in the lives' own way.
        begin = time.monotonic()
        replay = start(command_of(arguments.program, whole, flags, ranks[0], True))
        replay.communicate()
        startup = arguments.startup or time.monotonic() - begin
        lives = []
        while len(lives) < arguments.kills:
            delay = chooser.uniform(0, 2 * (startup + 0.6 * undisturbed / arguments.kills))
            life = run_life(arguments.program, killed, flags, ranks[len(lives) % len(ranks)], delay, chooser)
            if life is None:
                break
            lives.append(life)
            print(f"kill {len(lives)} after {life['seconds']:.2f} s: {life['records']} records", file=sys.stderr)
        last = start(command_of(arguments.program, killed, flags, ranks[len(lives) % len(ranks)], True))
        _, errors = last.communicate()
        if last.returncode != 0:
            fail(f"the last life ended with {last.returncode}: {errors.strip()}")
        study = {"flags": flags, "ranks": ranks, "seed": arguments.seed, "undisturbed_seconds": undisturbed,
                 "startup_seconds": startup, "records": look(whole)["records"], "lives": lives,
                 "differences": differences(whole, killed),
                 "sha256": {name: hashlib.sha256((killed / name).read_bytes()).hexdigest() for name in SAME_BYTES}}
        arguments.out.parent.mkdir(parents=True, exist_ok=True)
        arguments.out.with_suffix(".json").write_text(json.dumps(study, indent=1) + "\n")
        arguments.out.with_suffix(".md").write_text(markdown(study))
        if study["differences"]:
            fail("the runs differ: " + ", ".join(study["differences"]))
        print(f"{len(lives)} kills: all equal", file=sys.stderr)
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
