#!/usr/bin/env python3
"""10,000 runs, 500 of them at work on a hundred nodes: what do the list, the queue and the laboratory take?

    cargo build --release --no-default-features --bins --example synthetic
    benches/scale.py [--runs 10000] [--live 500] [--rate 1] [--seconds 60] [--bin target/release]

`examples/synthetic` makes the runs and writes for those at work: a step a second each, a heartbeat every 5 s, without locks
that can be seen from here. Processor time is the kernel's count for the process, as a share of one core; reads and writes are
its count of system calls (`/proc/PID/io`). The writer shares the machine.
"""
import argparse
import fcntl
import json
import os
import pathlib
import pty
import re
import resource
import select
import statistics
import struct
import subprocess
import sys
import tempfile
import termios
import time

TICKS = os.sysconf("SC_CLK_TCK")


def spent(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def calls(pid):
    rows = dict(line.split(": ") for line in pathlib.Path(f"/proc/{pid}/io").read_text().splitlines())
    return int(rows["syscr"]), int(rows["rchar"])


def resident(pid):
    text = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+)", text)[1]) / 1024


def timed(command, rounds=3):
    """Median wall time, processor time and the largest resident memory of a command."""
    walls, cpus = [], []
    for _ in range(rounds):
        before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
        out = subprocess.run(command, check=True, capture_output=True).stdout
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        walls.append(time.monotonic() - began)
        cpus.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return statistics.median(walls), statistics.median(cpus), out


class Laboratory:
    """mocolab on a pseudo-terminal of 80x24; what it writes is read and counted."""

    def __init__(self, command):
        self.began = time.monotonic()
        self.pid, self.terminal = pty.fork()
        if self.pid == 0:
            os.environ["TERM"] = "xterm-256color"
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
            os.execv(command[0], command)
        self.text, self.bytes = "", 0

    def read(self, seconds, until=None):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if select.select([self.terminal], [], [], 0.01)[0]:
                piece = os.read(self.terminal, 65536)
                self.bytes += len(piece)
                self.text = (self.text + piece.decode(errors="replace"))[-200_000:]
            if until and re.search(until, re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", self.text)):
                return time.monotonic() - self.began
        return None

    def press(self, keys):
        """How long the first bytes of an answer take, in milliseconds."""
        began = time.monotonic()
        os.write(self.terminal, keys)
        select.select([self.terminal], [], [], 5)
        return (time.monotonic() - began) * 1000

    def end(self):
        os.write(self.terminal, b"q")
        time.sleep(0.3)
        try:
            os.kill(self.pid, 9)
        except ProcessLookupError:
            pass
        os.waitpid(self.pid, 0)


def rest(pid, seconds, read=lambda seconds: time.sleep(seconds)):
    """What a process takes over some seconds: share of a core, reads a second, bytes read a second."""
    (cpu, (count, size)), began = (spent(pid), calls(pid)), time.monotonic()
    read(seconds)
    span = time.monotonic() - began
    after, (more, larger) = spent(pid), calls(pid)
    return (after - cpu) / span, (more - count) / span, (larger - size) / span


def agent_of(project):
    """The process that is at work on the queue."""
    for path in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().decode(errors="replace").split("\0")
        except OSError:
            continue
        if "agent" in words and any(word.startswith(project) for word in words):
            return int(path.parent.name)
    raise SystemExit("scale.py: no agent is at work")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=10_000)
    parser.add_argument("--live", type=int, default=500)
    parser.add_argument("--rate", type=int, default=1)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--bin", type=pathlib.Path, default=pathlib.Path("target/release"))
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    figures = {}

    def tell(what, value, unit):
        figures[what] = value
        if not args.json:
            print(f"{what:62} {value:10.2f} {unit}", flush=True)

    with tempfile.TemporaryDirectory() as folder:
        os.environ |= {"XDG_STATE_HOME": f"{folder}/state", "XDG_CONFIG_HOME": f"{folder}/config", "MOCOLAB_CACHE": f"{folder}/cache"}
        project = f"{folder}/lab"
        began = time.monotonic()
        writer = subprocess.Popen([args.bin / "examples/synthetic", project, str(args.runs), str(args.live),
                                   str(args.seconds * 4 + 240), str(args.rate)], stdout=subprocess.PIPE, text=True)
        writer.stdout.readline()
        tell("runs made", time.monotonic() - began, "s")
        files = sum(len(names) for _, _, names in os.walk(f"{project}/runs"))
        tell("files a run", files / args.runs, "")
        mocolab = [str((args.bin / "mocolab").resolve()), "--file", f"{project}/experiments.toml"]
        time.sleep(8)
        wall, cpu, out = timed([*mocolab, "ls", "--json"])
        states = [run["status"] for run in json.loads(out)]
        tell("`ls --json`: wall", wall, "s")
        tell("`ls --json`: processor", cpu, "s")
        tell("`ls --json`: runs told to be unknown, of those at work",
             states.count("unknown") / args.live, "(a heart is judged by two looks, and this is one)")
        wall, cpu, _ = timed([*mocolab, "queue", "--json"])
        tell("`queue --json`: wall", wall, "s")
        # Whoever looks at the queue has woken its agent.
        time.sleep(5)
        agent = agent_of(project)
        cpu, reads, _ = rest(agent, args.seconds)
        tell("agent: share of a core", cpu, "")
        tell("agent: reads", reads, "a second")
        tell("agent: memory", resident(agent), "MiB")
        os.kill(agent, 9)
        laboratory = Laboratory([*mocolab, "--read-only"])
        first = laboratory.read(60, r"STATUS")
        tell("laboratory: first frame", first or float("nan"), "s")
        complete = laboratory.read(120, r"\d runs")
        tell("laboratory: all runs known", complete or float("nan"), "s")
        laboratory.read(45)
        live = re.findall(r"(\d+) live", re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", laboratory.text))
        # Only what changes is written, so that most of them are parts of a number.
        tell("laboratory: seen to be at work after 45 s", max((int(one) for one in live if int(one) <= args.live), default=0), "")
        before = laboratory.bytes
        cpu, reads, size = rest(laboratory.pid, args.seconds, laboratory.read)
        tell("laboratory: share of a core", cpu, "")
        tell("laboratory: reads", reads, "a second")
        tell("laboratory: read", size / 1e6, "MB a second")
        tell("laboratory: written to the terminal", (laboratory.bytes - before) / args.seconds, "bytes a second")
        tell("laboratory: memory", resident(laboratory.pid), "MiB")
        keys = []
        for key in [b"j", b"k"] * 20:
            laboratory.read(0.15)
            keys.append(laboratory.press(key))
        tell("laboratory: a key answered, median", statistics.median(keys), "ms")
        tell("laboratory: a key answered, slowest of 40", max(keys), "ms")
        laboratory.end()
        writer.kill()
        writer.wait()
    if args.json:
        print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    sys.exit(main())
