#!/usr/bin/env python3
"""How does the cost of our t-SNE grow? Seconds of maps of 2,500 to 40,000 training images, beside n log n through that of 10,000.

    .venv/bin/pip install numpy scikit-learn matplotlib
    .venv/bin/python benches/tsne_cost.py --data DIR [--plot docs/results/tsne-cost.svg]

The input is prepared by `tsne_peer.py`: pixels, centred, 50 principal components. The faster of `--rounds` maps counts, since what slows
one down is the machine. Exit status: 1 where the largest costs more than n log n.
"""
import math
import os
import pathlib
import sys
import tempfile

from rows import Rows
from tsne import arguments, prepare, told

POINTS, MIDDLE = [2_500, 5_000, 10_000, 20_000, 40_000], 10_000


def plot(seconds, path):
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "mocolab"
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(6, 4))
    law = [seconds[MIDDLE] * n * math.log(n) / (MIDDLE * math.log(MIDDLE)) for n in POINTS]
    axes.loglog(POINTS, law, "--", color="grey", label="n log n through 10,000")
    axes.loglog(POINTS, [seconds[n] for n in POINTS], "o-", label="mocolab")
    axes.set(xlabel="points", ylabel="seconds", title=f"t-SNE on {os.cpu_count()} cores")
    axes.set_xticks(POINTS, [f"{n:,}" for n in POINTS])
    axes.minorticks_off()
    axes.legend()
    figure.savefig(path, metadata={"Date": None})


def main():
    parser = arguments(__doc__)
    parser.add_argument("--plot", type=pathlib.Path, help="draw it into this file")
    args = parser.parse_args()
    if args.plot:
        import matplotlib  # noqa: F401: missing it is told before anything is measured
    holder = tempfile.TemporaryDirectory()
    folder = pathlib.Path(holder.name)
    for n in POINTS:
        prepare(args, "train", n, folder / f"{n}.npy")
    runs = {n: [] for n in POINTS}
    for seed in range(1, args.rounds + 1):
        for n in POINTS:
            runs[n].append(told([args.ours, "tsne", folder / f"{n}.npy", folder / "out.csv", "--seed", seed])["seconds"])
    seconds = {n: min(found) for n, found in runs.items()}
    per = {n: seconds[n] / (n * math.log(n)) for n in POINTS}
    rows = Rows(args.rows)
    for n in POINTS:
        most = 1.0 if n == max(POINTS) else None
        rows.add(f"t-SNE of {n:,}: cost over n log n, that of 10,000 = 1", f"{seconds[n]:.2f} s", "", [per[n] / per[MIDDLE]], most=most)
    if args.plot:
        plot(seconds, args.plot)
    return 1 if rows.missed else 0


if __name__ == "__main__":
    sys.exit(main())
