#!/usr/bin/env python3
"""Our trainer and PyTorch side by side, alternating: images per second, peak memory and the ratios we hold ourselves to.

    .venv/bin/python benches/side_by_side.py --data DIR [--rounds 5] [--tasks base,moco] [--archs resnet20,resnet18]

First the fastest settings of the peer's tuned loop are found, by a few steps in bf16 and in fp32, with `--compile` also by
torch.compile; its floor is run in the same way. Then each round runs all of a task and network, one after the other: ours, step
by step in turn with our floor, the peer's tuned, lightning and floor; every second round in the reverse order, so that no one
always follows the same. A ratio is taken within a round, where the machine was in the same state, and told as the median of the rounds with
their smallest and largest. Peak memory is the kernel's count for the process (`wait4`), of ours with its floor; lightning's workers count on their own: the largest process is told.

Exit status: 0 if every bar was met, 1 if one was missed or a program failed.
"""
import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile

from rows import Rows, spread

REPOSITORY = pathlib.Path(__file__).resolve().parents[1]
OURS, OUR_FLOOR, TUNED, LIGHTNING, FLOOR = "ours", "our floor", "tuned", "lightning", "peer floor"
CONTENDERS = [OURS, TUNED, LIGHTNING, FLOOR]
STYLES = {OURS: "both", TUNED: "tuned", LIGHTNING: "lightning", FLOOR: "floor"}

# Steps of a trial, which settles how the peer is run.
TRIAL = 4
# Steps of ours for one of the peer's, each with one of our floor: they are short.
OF_OURS = 3

# (what is compared, over what, the least that passes for each network)
BARS = [(OURS, TUNED, {"resnet18": 1.1, "resnet20": 1.2}),
        (OURS, LIGHTNING, {"resnet18": 2.6, "resnet20": 2.6}),
        (OURS, OUR_FLOOR, {"resnet18": 0.97, "resnet20": 0.93}),
        (OUR_FLOOR, FLOOR, {"resnet18": 1.1, "resnet20": 1.15})]


def command(args, who, task, arch, way, steps):
    if who == OURS:
        steps *= OF_OURS
        start = [args.ours, "bench", "--device", "cuda:0" if args.device == "cuda" else args.device]
    else:
        start = [args.python, args.peer, *(way if who in (TUNED, FLOOR) else []), "--device", args.device]
    return [str(part) for part in (*start, "--task", task, "--arch", arch, "--style", STYLES[who], "--batch", args.batch,
                                   "--queue", args.queue, "--steps", steps, "--warmup", args.warmup, "--data", args.data)]


def best_way(args, task, arch):
    """The peer's fastest settings for its tuned loop and its floor: bf16 or fp32, compiled or not, by a few steps of each."""
    ways = [[*compiled, *precision] for compiled in ([[], ["--compile"]] if args.compile else [[]]) for precision in ([], ["--fp32"])]
    speeds = []
    for way in ways:
        found = once(args, TUNED, task, arch, way, TRIAL)
        speeds.append(found["images_per_s"] if found else 0)
        say(f"{task} {arch}: tuned {called(way)} makes {speeds[-1]:.1f} images/s")
    return ways[speeds.index(max(speeds))]


def called(way):
    return ("fp32" if "--fp32" in way else "bf16") + (", compiled" if "--compile" in way else "")


def once(args, who, task, arch, way, steps):
    """Runs one contender to its end: its JSON line, with `process_mib` from the kernel added; none if it failed."""
    line = command(args, who, task, arch, way, steps)
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        process = subprocess.Popen(line, stdout=out, stderr=err)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0), err.seek(0)
        printed = [row for row in out.read().decode(errors="replace").splitlines() if row.startswith("{")]
        if process.returncode != 0 or not printed:
            tail = err.read().decode(errors="replace").strip().splitlines()[-3:]
            say(f"side_by_side.py: exit status {process.returncode} of `{' '.join(line)}`", *tail)
            return None
    # Linux counts in KiB
    more = {"who": who, "task": task, "arch": arch, "way": called(way) if who in (TUNED, FLOOR) else None, "process_mib": usage.ru_maxrss / 1024}
    return json.loads(printed[-1]) | more


def say(*lines):
    for line in lines:
        print(line, file=sys.stderr, flush=True)


def rounds(args, task, arch):
    """The measurements of each round, by contender; a round that lacks one is left out."""
    complete, way = [], best_way(args, task, arch)
    for number in range(args.rounds):
        order = CONTENDERS if number % 2 == 0 else CONTENDERS[::-1]
        found = {who: once(args, who, task, arch, way, args.steps) for who in order}
        if found[OURS]:
            found[OUR_FLOOR] = found[OURS] | {"who": OUR_FLOOR, "images_per_s": found[OURS]["floor_images_per_s"]}
        for result in filter(None, found.values()):
            say(f"{task} {arch} round {number + 1}/{args.rounds} {result['who']}: {result['images_per_s']:.1f} images/s")
            if args.json:
                with args.json.open("a") as file:
                    file.write(json.dumps(result | {"round": number + 1}) + "\n")
        if all(found.values()):
            complete.append(found)
    return complete


def ratios(task, arch, complete, rows):
    """A line for each ratio of one task and network."""
    column = lambda who, key: [found[who][key] for found in complete]
    for above, below, bars in BARS:
        values = [found[above]["images_per_s"] / found[below]["images_per_s"] for found in complete]
        speeds = [f"{spread(column(who, 'images_per_s'))} images/s" for who in (above, below)]
        note = f" ({complete[0][below]['way']})" if below in (TUNED, FLOOR) else ""
        rows.add(f"{task}, {arch}: {above} / {below}", speeds[0], speeds[1] + note, values, least=bars.get(arch))
    for below in (TUNED, LIGHTNING):
        values = [found[OURS]["process_mib"] / found[below]["process_mib"] for found in complete]
        peaks = [f"{spread(column(who, 'process_mib'), 0)} MiB" for who in (OURS, below)]
        rows.add(f"{task}, {arch}: peak memory, {OURS} / {below}", *peaks, values)


def arguments():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--data", type=pathlib.Path, required=True, help="holds cifar-10-batches-bin")
    p.add_argument("--ours", type=pathlib.Path, default=REPOSITORY / "target/release/mocolab-train")
    p.add_argument("--peer", type=pathlib.Path, default=REPOSITORY.parent / "shared/peers/torch_peer.py")
    p.add_argument("--python", default=sys.executable, help="the Python that has torch, torchvision and lightning")
    p.add_argument("--tasks", default="base,moco")
    p.add_argument("--archs", default="resnet20,resnet18")
    p.add_argument("--rounds", type=int, default=5)
    p.add_argument("--steps", type=int, default=20, help="measured steps of each run")
    p.add_argument("--warmup", type=int, default=3, help="steps before them")
    p.add_argument("--batch", type=int, default=128)
    p.add_argument("--queue", type=int, default=6400)
    p.add_argument("--device", default="cpu", help="of both")
    p.add_argument("--compile", action="store_true", help="try the peer's tuned loop by torch.compile too; the fastest counts")
    p.add_argument("--json", type=pathlib.Path, help="append every measurement to this file, one JSON line each")
    p.add_argument("--rows", type=pathlib.Path, help="append the lines of the table to this file")
    args = p.parse_args()
    for name in ("ours", "peer"):
        if not getattr(args, name).is_file():
            p.error(f"no file `{getattr(args, name)}`: say where it is with --{name} PATH")
    return args


def main():
    args, measured, failed = arguments(), [], 0
    for task in args.tasks.split(","):
        for arch in args.archs.split(","):
            complete = rounds(args, task, arch)
            failed += args.rounds - len(complete)
            if complete:
                measured.append((task, arch, complete))
    rows = Rows(args.rows)
    for case in measured:
        ratios(*case, rows)
    missed = rows.missed
    print(f"\n{missed} bars missed, {failed} rounds failed; {args.rounds} rounds of {args.steps} steps of the peer's, batch {args.batch}, "
          f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    sys.exit(1 if missed or failed or not measured else 0)


if __name__ == "__main__":
    main()
