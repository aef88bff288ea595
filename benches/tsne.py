#!/usr/bin/env python3
"""t-SNE of 10,000 real test images beside openTSNE and scikit-learn: seconds, exact KL, trustworthiness, recall.

    .venv/bin/pip install numpy scipy scikit-learn openTSNE
    .venv/bin/python benches/tsne.py --data DIR [--rounds 3] [--n 10000] [--split test|train|all] [--only opentsne]

Every round runs ours with a seed of its own and each peer, one after the other, every second round in the reverse
order. The input is prepared and all maps are scored by the same `tsne_peer.py`: pixels, centred, 50 principal
components; the KL divergence is exact. Of more than 20,000 points the KL alone is scored, here. Ours is told twice: the seconds of the whole process, and those of the map alone.
The map of the first seed is made twice and must be the same to the bit.

Exit status: 0 if every bar was met, 1 if one was missed or a program failed.
"""
import argparse
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

from rows import Rows, spread

REPOSITORY = pathlib.Path(__file__).resolve().parents[1]


def told(command):
    """The last line that a command prints, which is JSON."""
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))}: {done.stderr.strip()}")
    return json.loads(done.stdout.strip().splitlines()[-1])


# Points whose distances all fit in memory at once.
MEASURED = 20_000


def score(x, y):
    """The exact KL divergence of `tsne_peer.py score`, without the measures that hold all distances at once: 29 GB for 60,000 points."""
    import numpy as np
    from openTSNE.affinity import PerplexityBasedNN

    p = PerplexityBasedNN(np.load(x).astype(np.float64), perplexity=30, method="exact", n_jobs=-1).P.tocoo()
    y = np.load(y)[:, :2] if y.suffix == ".npy" else np.genfromtxt(y, delimiter=",", skip_header=1)[:, :2]
    y = y.astype(np.float64)
    assert len(y) == p.shape[0] and np.isfinite(y).all()
    normaliser = -float(len(y))
    for start in range(0, len(y), 500):
        normaliser += (1 / (1 + ((y[start : start + 500, None] - y[None]) ** 2).sum(-1))).sum()
    q = 1 / (1 + ((y[p.row] - y[p.col]) ** 2).sum(1)) / normaliser
    keep = p.data > 0
    return {"kl": round(float((p.data[keep] * np.log(p.data[keep] / q[keep])).sum()), 4), "trustworthiness": float("nan"), "recall_at_10": float("nan")}


def arguments(description):
    """What every bench of our t-SNE is told."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, type=pathlib.Path, help="the folder that holds cifar-10-batches-bin")
    parser.add_argument("--ours", default=REPOSITORY / "target/release/mocolab-train", type=pathlib.Path)
    parser.add_argument("--peer", default=REPOSITORY.parent / "shared/peers/tsne_peer.py", type=pathlib.Path)
    parser.add_argument("--python", default=sys.executable)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--rows", type=pathlib.Path, help="append the lines of the table to this file")
    return parser


def prepare(args, split, n, out):
    """Writes the first `n` images of a split as the peer prepares them; of `all`, those of the training set first."""
    with tempfile.TemporaryDirectory() as folder:
        data = args.data
        if split == "all":
            # The peer knows two splits: here the test images are the end of the training images.
            files, own = data / "cifar-10-batches-bin", pathlib.Path(folder) / "cifar-10-batches-bin"
            own.mkdir()
            for number in range(1, 6):
                last = (files / "test_batch.bin").read_bytes() if number == 5 else b""
                (own / f"data_batch_{number}.bin").write_bytes((files / f"data_batch_{number}.bin").read_bytes() + last)
            data, split = folder, "train"
        line = [args.python, args.peer, "prepare", "--data", data, "--split", split, "--n", n, out]
        subprocess.run([str(part) for part in line], check=True)


def main():
    parser = arguments(__doc__)
    parser.add_argument("--n", type=int, default=10_000)
    parser.add_argument("--split", default="test", choices=["test", "train", "all"])
    parser.add_argument("--only", choices=["opentsne", "sklearn"], help="this peer alone")
    parser.add_argument("--bar", type=float, default=5.0, help="times as fast as openTSNE")
    args = parser.parse_args()
    peers = [args.only] if args.only else ["opentsne", "sklearn"]
    folder = pathlib.Path(tempfile.mkdtemp())
    peer = [args.python, args.peer]
    prepare(args, args.split, args.n, folder / "in.npy")

    figures = {who: [] for who in ["ours", *peers]}

    def run(who, seed):
        out = folder / f"{who}-{seed}.{'csv' if who == 'ours' else 'npy'}"
        began = time.perf_counter()
        if who == "ours":
            line = told([args.ours, "tsne", folder / "in.npy", out, "--seed", seed])
        else:
            line = told([*peer, "run", who, folder / "in.npy", out])
        line["process_s"] = time.perf_counter() - began
        line.update(told([*peer, "score", folder / "in.npy", out]) if args.n <= MEASURED else score(folder / "in.npy", out))
        figures[who].append(line)
        print(f"round {seed} {who}: {line['seconds']:.2f} s (process {line['process_s']:.1f} s), KL {line['kl']}, trustworthiness "
              f"{line['trustworthiness']}, recall {line['recall_at_10']}", flush=True)

    for seed in range(1, args.rounds + 1):
        order = ["ours", *peers]
        for who in order if seed % 2 else order[::-1]:
            run(who, seed)
    again = folder / "again.csv"
    told([args.ours, "tsne", folder / "in.npy", again, "--seed", 1])
    same = again.read_bytes() == (folder / "ours-1.csv").read_bytes()

    mean = lambda who, what: statistics.mean(line[what] for line in figures[who])
    print(f"\n{'':10} {'seconds':>8} {'KL':>8} {'trust.':>8} {'recall':>8}   (means of {args.rounds})")
    for who in figures:
        print(f"{who:10} {mean(who, 'seconds'):8.2f} {mean(who, 'kl'):8.4f} {mean(who, 'trustworthiness'):8.4f} {mean(who, 'recall_at_10'):8.4f}")
    pairs = list(zip(figures["opentsne"], figures["ours"])) if "opentsne" in figures else []
    ratios = [theirs["seconds"] / ours["seconds"] for theirs, ours in pairs]
    bars = [("the same seed gives the same bits", same, True)]
    if ratios:
        bars.append((f"as fast as openTSNE, times: {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})", statistics.median(ratios), args.bar))
    best = min(mean(who, "kl") for who in peers)
    lines = [("pass" if value >= bar else "FAIL", what, bar) for what, value, bar in bars]
    lines.append(("pass" if mean("ours", "kl") <= best else "FAIL", f"KL {mean('ours', 'kl'):.4f}, at most that of the best peer", f"{best:.4f}"))
    if (args.n, args.split) == (10_000, "test"):
        for what, bar in [("trustworthiness", 0.936), ("recall_at_10", 0.231)]:
            lines.append(("pass" if mean("ours", what) >= bar else "FAIL", f"{what} {mean('ours', what):.4f}", bar))
    for verdict, what, bar in lines:
        print(f"{verdict} {what} (bar {bar})")
    if args.rows and ratios:
        rows = Rows(args.rows)
        shown = [f"{spread([line['seconds'] for line in figures[who]])} s, KL {mean(who, 'kl'):.3f}" for who in ("ours", "opentsne")]
        rows.add(f"t-SNE of {args.n:,}: openTSNE's time / ours", *shown, ratios, least=args.bar)
        rows.add(f"t-SNE of {args.n:,}: exact KL above openTSNE's", *shown, [mean("ours", "kl") - mean("opentsne", "kl")], most=0.0, digits=3)
    return 1 if any(verdict == "FAIL" for verdict, *_ in lines) else 0


if __name__ == "__main__":
    sys.exit(main())
