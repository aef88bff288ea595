#!/usr/bin/env python3
"""What a probe costs: features beside the network alone on one fixed batch, and the fit of 50,000 pictures in 100 epochs.

    .venv/bin/python benches/probe.py --data DIR [--rounds 3] [--archs resnet20,resnet18]

Both are timed by `mocolab-train bench --task probe`, features and floor by turns within a process. Exit status: 1 where a bar
was missed.
"""
import argparse
import json
import pathlib
import subprocess
import sys

from rows import Rows, spread

REPOSITORY = pathlib.Path(__file__).resolve().parents[1]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, help="the folder that holds cifar-10-batches-bin")
    parser.add_argument("--ours", default=REPOSITORY / "target/release/mocolab-train", type=pathlib.Path)
    parser.add_argument("--archs", default="resnet20,resnet18")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=20, help="batches of 500 pictures that are timed")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--rows", type=pathlib.Path, help="append the lines of the table to this file")
    args = parser.parse_args()
    rows = Rows(args.rows)
    for arch in args.archs.split(","):
        line = [args.ours, "bench", "--task", "probe", "--arch", arch, "--data", args.data, "--device", args.device,
                "--batch", "500", "--steps", str(args.steps)]
        rounds = [json.loads(subprocess.run(line, check=True, capture_output=True, text=True).stdout.splitlines()[-1])
                  for _ in range(args.rounds)]
        column = lambda key: [found[key] for found in rounds]
        shown = [f"{spread(column(key), 0)} images/s" for key in ("images_per_s", "floor_images_per_s")]
        rows.add(f"features, {arch}: ours / the network alone", *shown, column("efficiency"), least=0.95)
        width = 512 if arch == "resnet18" else 64
        rows.add(f"probe, 100 epochs of 50,000 x {width} features", "", "", column("fit_s"), most=20, digits=1, unit=" s")
    return 1 if rows.missed else 0


if __name__ == "__main__":
    sys.exit(main())
