#!/usr/bin/env python3
"""The whole of benches/cpu/experiments.toml through mocolab's queue, beside what `lightning` takes for its training steps alone.

    .venv/bin/python benches/suite.py --data DIR [--mocolab target/release/mocolab]

Ours is the wall time of one `mocolab start --all --wait`: 18 runs with their evaluations, probes, nearest neighbours and
checkpoints; its memory is the highest that the kernel counted for any process below it. The peer's speed is measured before and after, and its time is that of the
steps of `base` and the three `moco` alone: it evaluates nothing and fits no probe.
"""
import argparse
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import threading
import time

from rows import Rows

REPOSITORY = pathlib.Path(__file__).resolve().parents[1]
EPOCHS, IMAGES, SEEDS = 20, 9000, 3


def peer(args, task):
    line = [args.python, args.peer, "--task", task, "--arch", "resnet20", "--style", "lightning", "--batch", "128",
            "--queue", "1280", "--steps", "20", "--warmup", "3", "--data", args.data]
    process = subprocess.Popen([str(part) for part in line], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    out = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return json.loads(out.splitlines()[-1])["images_per_s"], usage.ru_maxrss / 1024


def highest(folder, over, found):
    """The most memory (MiB) that any trainer in `folder` has held, looked at until `over`."""
    while not over.wait(1):
        for status in pathlib.Path("/proc").glob("[0-9]*/status"):
            try:
                text = status.read_text()
                if "mocolab" in text and str(folder) in (status.parent / "cmdline").read_text():
                    found.append(int(text.split("VmHWM:")[1].split()[0]) / 1024)
            except (OSError, IndexError):
                pass


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, type=pathlib.Path, help="the folder that holds cifar-10-batches-bin")
    parser.add_argument("--mocolab", default=REPOSITORY / "target/release/mocolab", type=pathlib.Path)
    parser.add_argument("--peer", type=pathlib.Path, default=REPOSITORY.parent / "shared/peers/torch_peer.py")
    parser.add_argument("--python", default=sys.executable)
    parser.add_argument("--rows", type=pathlib.Path, help="append the lines of the table to this file")
    args = parser.parse_args()
    before = {task: peer(args, task) for task in ("base", "moco")}
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        shutil.copy(REPOSITORY / "benches/cpu/experiments.toml", folder)
        (folder / "data").mkdir()
        (folder / "data/cifar-10-batches-bin").symlink_to((args.data / "cifar-10-batches-bin").resolve())
        over, held = threading.Event(), []
        looking = threading.Thread(target=highest, args=(folder, over, held))
        looking.start()
        began = time.monotonic()
        done = subprocess.run([args.mocolab, "--file", folder / "experiments.toml", "start", "--all", "--wait", "--device", "cpu"],
                              check=False, stdout=subprocess.DEVNULL)
        ours = time.monotonic() - began
        over.set()
        looking.join()
        if done.returncode:
            sys.exit("suite.py: not all runs are done")
    # the faster of both counts: what slows one down is the machine
    speeds = dict(before)
    for task in before:
        try:
            speeds[task] = max(before[task], peer(args, task))
        except (IndexError, ValueError) as error:
            print(f"suite.py: the peer's second {task} failed: {error!r}", file=sys.stderr)
    lightning = EPOCHS * IMAGES * (1 / speeds["base"][0] + SEEDS / speeds["moco"][0])
    rows = Rows(args.rows)
    rows.add("whole suite: lightning's steps alone / ours with everything", f"{ours / 60:.1f} min", f"{lightning / 60:.1f} min", [lightning / ours])
    most = max(peak for _, peak in speeds.values())
    rows.add("whole suite: peak memory of a process", f"{max(held):.0f} MiB", f"{most:.0f} MiB", [max(held) / most])


if __name__ == "__main__":
    main()
