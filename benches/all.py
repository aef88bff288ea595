#!/usr/bin/env python3
"""Every bench, one after the other, into the table of docs/performance.md: what `make bench` runs. Hours on two cores.

    .venv/bin/python benches/all.py --data DIR [--only side_by_side,probe] [--rounds 3]

`--only` measures some anew and leaves the other lines as they are. Exit status: 1 where a bar was missed or a bench failed.
"""
import argparse
import datetime
import os
import pathlib
import re
import subprocess
import sys
import tempfile

from rows import HEAD

REPOSITORY = pathlib.Path(__file__).resolve().parents[1]
PAGE = REPOSITORY / "docs/performance.md"
BENCHES = ["side_by_side", "probe", "suite", "tsne", "tsne-60k", "tsne-cost", "screen-100", "screen-1000"]


def machine():
    """The processor and how many there are."""
    found = re.search(r"model name\s*:\s*(.*)", pathlib.Path("/proc/cpuinfo").read_text())
    return f"{os.cpu_count()} cores, {found[1] if found else 'unknown processor'}"


def command(args, bench, folder):
    """The command line of a bench."""
    release = REPOSITORY / "target/release" if args.release is None else args.release
    trainer, mocolab = release / "mocolab-train", release / "mocolab"
    rounds = ["--rounds", str(args.rounds)]
    data, ours = ["--data", args.data], ["--ours", trainer]
    match bench:
        case "side_by_side":
            return ["side_by_side.py", *data, *ours, *rounds, "--steps", str(args.steps), *(["--compile"] if args.compile else [])]
        case "probe":
            return ["probe.py", *data, *ours, *rounds]
        case "suite":
            return ["suite.py", *data, "--mocolab", mocolab]
        case "tsne":
            return ["tsne.py", *data, *ours, *rounds, "--only", "opentsne"]
        case "tsne-60k":
            return ["tsne.py", *data, *ours, "--rounds", "1", "--only", "opentsne", "--split", "all", "--n", "60000", "--bar", "3"]
        case "tsne-cost":
            return ["tsne_cost.py", *data, *ours, *rounds, "--plot", REPOSITORY / "docs/results/tsne-cost.svg"]
        case _:
            runs, points = (100, 1000) if bench == "screen-100" else (1000, 100_000)
            subprocess.run([release / "examples/many-runs", folder, str(runs), str(points)], check=True)
            return ["screen.py", "--project", folder, "--mocolab", mocolab]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, type=pathlib.Path, help="the folder that holds cifar-10-batches-bin")
    parser.add_argument("--only", default=",".join(BENCHES), help=f"of {', '.join(BENCHES)}")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=10, help="measured steps of each run beside PyTorch")
    parser.add_argument("--compile", action="store_true", help="try PyTorch's loop by torch.compile too; the fastest counts")
    parser.add_argument("--release", type=pathlib.Path, help="where the programs lie")
    args = parser.parse_args()
    failed = 0
    for bench in args.only.split(","):
        if bench not in BENCHES:
            parser.error(f"no bench `{bench}`: there are {', '.join(BENCHES)}")
        with tempfile.TemporaryDirectory() as folder:
            lines = pathlib.Path(folder) / "rows.md"
            line = [sys.executable, *command(args, bench, pathlib.Path(folder) / "runs"), "--rows", lines]
            failed += subprocess.run([str(part) for part in line], cwd=REPOSITORY / "benches", check=False).returncode != 0
            if not lines.exists():
                continue
            said = f"{datetime.date.today()}, {machine()}"
            section = f"<!-- {bench} -->\n{said}\n\n{HEAD}\n{lines.read_text()}<!-- /{bench} -->"
        # read as late as can be: it may have been written to in the meantime
        page, found = re.subn(rf"<!-- {bench} -->.*?<!-- /{bench} -->", lambda _: section, PAGE.read_text(), flags=re.S)
        if found != 1:
            sys.exit(f"{PAGE}: no place for `{bench}`; its table:\n{section}")
        PAGE.write_text(page)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
