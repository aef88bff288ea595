#!/usr/bin/env python3
"""The laboratory as a whole process on a project of many long runs: how soon it shows something, what it takes at rest.

    cargo run --release --no-default-features --example many-runs -- /tmp/many          # 1,000 runs of 100,000 points
    benches/screen.py --project /tmp/many [--mocolab target/release/mocolab]

It is opened on a pseudo-terminal of 80x24 that answers nothing, and is read as a terminal would be. Each figure is the
median of three; exit status 1 where a bar was missed. Frames and bytes of live runs: `mocolab bench screen`.
"""
import argparse
import codecs
import fcntl
import os
import pathlib
import pty
import re
import select
import shutil
import statistics
import struct
import sys
import termios
import time

from rows import Rows

TICKS = os.sysconf("SC_CLK_TCK")


class Laboratory:
    """mocolab on a pseudo-terminal."""

    def __init__(self, args):
        self.began = time.monotonic()
        self.pid, self.terminal = pty.fork()
        if self.pid == 0:
            os.environ["TERM"] = "xterm-256color"
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
            os.execv(args.mocolab, [args.mocolab, "--file", str(args.project / "experiments.toml")])
        self.grid = [[" "] * 80 for _ in range(24)]
        self.place = (0, 0)
        self.held = ""
        self.decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def show(self, text):
        """What a terminal would: places, characters, a cleared screen; looks are passed over."""
        text = self.held + text
        cut = re.search(r"\x1b(\[[0-9;?]*)?$", text)
        text, self.held = (text[:cut.start()], cut[0]) if cut else (text, "")
        for arguments, verb, char in re.findall(r"\x1b\[([0-9;?]*)([A-Za-z])|([^\x1b])", text):
            if verb == "H":
                row, column = (int(part or 1) for part in (arguments or "1;1").split(";"))
                self.place = (row - 1, column - 1)
            elif verb == "J":
                self.grid = [[" "] * 80 for _ in range(24)]
            elif char:
                row, column = self.place
                if row < 24 and column < 80:
                    self.grid[row][column] = char
                self.place = (row, column + 1)

    @property
    def seen(self):
        return "\n".join("".join(row) for row in self.grid)

    def read(self, seconds):
        """What comes within `seconds`, as bytes."""
        end, got = time.monotonic() + seconds, b""
        while (left := end - time.monotonic()) > 0 and select.select([self.terminal], [], [], left)[0]:
            part = os.read(self.terminal, 1 << 16)
            got += part
            self.show(self.decoder.decode(part))
            return got
        return got

    def until(self, words, seconds=60):
        """Milliseconds since the last key, or the start, until `words` were sent."""
        end = time.monotonic() + seconds
        while words not in self.seen:
            if time.monotonic() > end:
                sys.exit(f"screen.py: waited in vain for `{words}`; what is shown:\n{self.seen}")
            self.read(0.05)
        return (time.monotonic() - self.began) * 1e3

    def press(self, keys):
        self.read(0)
        self.began = time.monotonic()
        os.write(self.terminal, keys.encode())

    def cpu(self):
        fields = pathlib.Path(f"/proc/{self.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def peak(self):
        status = pathlib.Path(f"/proc/{self.pid}/status").read_text()
        return int(re.search(r"VmHWM:\s+(\d+)", status)[1]) / 1024

    def settle(self):
        """Until nothing was sent for two seconds and the spare work is done."""
        quiet = time.monotonic()
        last = self.cpu()
        while time.monotonic() - quiet < 5:
            if self.read(1) or self.cpu() - last > 0.02:
                quiet = time.monotonic()
            last = self.cpu()

    def close(self):
        os.write(self.terminal, b"\x03")
        os.waitpid(self.pid, 0)
        os.close(self.terminal)


def once(args, settle):
    laboratory = Laboratory(args)
    figures = {"first frame": laboratory.until("q leave"), "first list": laboratory.until(f"{args.runs} runs")}
    if settle:
        laboratory.settle()
    laboratory.press("/sweep-07\r")
    laboratory.until(f"{args.runs // 20} of ")
    laboratory.press("gj")
    laboratory.read(0.3)
    laboratory.press("2")
    figures["run"] = laboratory.until("learning rate")
    laboratory.press("1")
    laboratory.until("STATUS")
    if settle:
        laboratory.settle()
        before, sent, began = laboratory.cpu(), 0, time.monotonic()
        while (left := 20 - (time.monotonic() - began)) > 0:
            sent += len(laboratory.read(left))
        figures["idle cpu"] = (laboratory.cpu() - before) / 20 * 100
        figures["idle bytes"] = sent
    figures["peak"] = laboratory.peak()
    laboratory.close()
    return figures


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--project", required=True, type=pathlib.Path)
    parser.add_argument("--mocolab", default="target/release/mocolab")
    parser.add_argument("--rows", type=pathlib.Path, help="append the lines of the table to this file")
    args = parser.parse_args()
    runs = [run for run in args.project.glob("runs/*/*") if not run.name.startswith(".")]
    args.runs = len(runs)

    def forget():
        for run in runs:
            shutil.rmtree(run / "cache", ignore_errors=True)

    rebuilt = []
    for _ in range(3):
        forget()
        rebuilt.append(once(args, False))
    cached = [once(args, True)] + [once(args, False) for _ in range(2)]
    middle = lambda all, name: statistics.median(figures[name] for figures in all)
    rows = [
        ("first frame", middle(rebuilt + cached, "first frame"), 30, "ms"),
        ("list, nothing kept", middle(rebuilt, "first list"), 300, "ms"),
        ("list, with caches", middle(cached, "first list"), 300, "ms"),
        ("a run's screen, its record read", middle(rebuilt, "run"), 1500, "ms"),
        ("a run's screen, from its cache", middle(cached[1:], "run"), 100, "ms"),
        ("peak memory", max(figures["peak"] for figures in rebuilt + cached), 150, "MiB"),
        ("of a core where nothing changes", cached[0]["idle cpu"], 0.5, "%"),
        ("sent where nothing changes, 20 s", cached[0]["idle bytes"], 0, "bytes"),
    ]
    told = Rows(args.rows)
    for what, value, bar, unit in rows:
        told.add(f"{args.runs:,} runs: {what}", "", "", [value], most=bar, unit=f" {unit}")
    return 1 if told.missed else 0


if __name__ == "__main__":
    sys.exit(main())
