#!/usr/bin/env python3
"""Takes the pictures of every screen anew: mocolab in a tmux of its own, driven by keys, as text and as images.

    docs/screens/take.py --project DIR [--mocolab target/release/mocolab] [--out docs/screens]

DIR is a project with finished runs of benches/cpu/experiments.toml, and others queued: `mocolab start base moco --queue`. Needs tmux, and for the images Pillow and DejaVu Sans
Mono. Exit status: 0 where every screen showed what it should.
"""
import argparse
import pathlib
import re
import shutil
import subprocess
import sys
import time

# Name, what has to be on the screen, keys: names of tmux, or `text:` to be typed.
SCREENS = [
    ("list", "probe on moco", ["text:g"]),
    ("filter", " of ", ["text:/recipe:moco best>44%", "Enter"]),
    ("run", "kNN macro accuracy", ["text:/moco.seed-1 status:done", "Enter", "g", "j", "2", "w", "w"]),
    ("run-read", "over epochs", ["text:/moco.seed-1 status:done", "Enter", "g", "j", "2", "a", "Left", "Left", "Left", "Left", "Left", "Left"]),
    ("classes", "top confusions", [":", "text:run base", "Enter", "3"]),
    ("compare", "seed-3", ["text:/moco status:done", "Enter", "*", "4"]),
    ("compare-two", "A less B", ["text:/moco.seed status:done", "Enter", "g", "j", "Space", "Space", "4", "p", "p", "p"]),
    ("devices", "memory", ["5"]),
    ("queue", "behind ", ["6"]),
    ("log", "hold `epoch 1", [":", "text:run base", "Enter", "7", "/", "text:epoch 1", "Enter"]),
    *[(f"map-{name}", words, [":", "text:run base", "Enter", "8", "wait", *keys]) for name, words, keys in [
        ("10", "by class", []),
        ("5", "by 5 classes", ["c"]),
        ("2", "by 2 classes", ["c", "c"]),
        ("played", "playing", ["Space", "wait", "wait", "wait"]),
        ("errors", "by error", ["c", "c", "c", "c", "d"]),
        ("outliers-automobile", "outliers of automobile", ["o", "NPage"]),
        ("confused-automobile", "most confused of automobile", ["o", "o", "NPage"]),
        ("outliers-cat", "outliers of cat", ["o", "NPage", "NPage", "NPage"]),
        ("confused-cat", "most confused of cat", ["o", "o", "NPage", "NPage", "NPage", "n"]),
        ("near", "nearer", ["Right", "+", "+", "+", "d"]),
    ]],
    ("start", "needs", ["text:g", "s"]),
    ("settings", "allowed:", ["text:g", "s", "e", "j", "j", "j"]),
    ("palette", "commands", [":", "text:run mo"]),
    ("help", "on every screen", ["?"]),
]
SIZES = [(80, 24), (120, 40)]
CELL = (9, 19)
HALVES = {"▀": (0, CELL[1] // 2), "▄": (CELL[1] // 2, CELL[1]), "█": (0, CELL[1])}
GROUND, INK = (24, 24, 27), (222, 222, 222)


def tmux(*words):
    return subprocess.run(["tmux", "-u", "-L", "mocolab-screens", *map(str, words)], capture_output=True, text=True, check=False)


def open_laboratory(args, width, height):
    tmux("kill-server")
    time.sleep(0.5)
    command = f"env -u NO_COLOR COLORTERM=truecolor XDG_CONFIG_HOME=/nonexistent {args.mocolab} --file {args.project}/experiments.toml"
    tmux("-f", "/dev/null", "new-session", "-d", "-x", width, "-y", height, command)
    tmux("set", "-g", "status", "off")
    tmux("set", "-g", "default-terminal", "tmux-256color")
    tmux("set", "-ga", "terminal-overrides", ",*:Tc")
    wait_for(" list ", 20)


def wait_for(words, seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        text = tmux("capture-pane", "-p").stdout
        if words in text and "reading" not in text.splitlines()[0]:
            return True
        time.sleep(0.1)
    return False


def press(keys):
    for key in keys:
        if key == "wait":
            time.sleep(1.5)
        elif key.startswith("text:"):
            tmux("send-keys", "-l", key[5:])
        else:
            tmux("send-keys", key)
        time.sleep(0.25)


def palette(number):
    if number < 16:
        level = 255 if number > 7 else 190
        return tuple(level if number >> bit & 1 else 0 for bit in range(3))
    if number >= 232:
        return (8 + 10 * (number - 232),) * 3
    number -= 16
    return tuple((0, 95, 135, 175, 215, 255)[number // step % 6] for step in (36, 6, 1))


def cells(line):
    """Each character of a line of `capture-pane -e` with ink, ground, and whether it is bold."""
    ink, ground, bold, dim, turned = None, None, False, False, False
    for escape, char in re.findall(r"\x1b\[([\d;]*)m|(.)", line):
        if char:
            front, back = ink or INK, ground or GROUND
            if turned:
                front, back = back, front
            yield char, tuple(c * 2 // 3 for c in front) if dim else front, back, bold
            continue
        codes = [int(code or 0) for code in escape.split(";")]
        while codes:
            code = codes.pop(0)
            if code == 0:
                ink, ground, bold, dim, turned = None, None, False, False, False
            elif code in (38, 48) and codes[:1] == [2]:
                colour = tuple(codes[1:4])
                codes = codes[4:]
                ink, ground = (colour, ground) if code == 38 else (ink, colour)
            elif code in (38, 48) and codes[:1] == [5]:
                colour = palette(codes[1])
                codes = codes[2:]
                ink, ground = (colour, ground) if code == 38 else (ink, colour)
            elif 30 <= code <= 37:
                ink = palette(code - 30)
            elif code == 39:
                ink = None
            elif code == 49:
                ground = None
            elif code in (1, 22):
                bold, dim = code == 1, dim and code == 1
            elif code == 2:
                dim = True
            elif code in (7, 27):
                turned = code == 7


def image(path, width, height):
    from PIL import Image, ImageDraw, ImageFont

    folder = pathlib.Path("/usr/share/fonts/truetype/dejavu")
    fonts = [ImageFont.truetype(str(folder / name), 15) for name in ("DejaVuSansMono.ttf", "DejaVuSansMono-Bold.ttf")]
    picture = Image.new("RGB", (width * CELL[0], height * CELL[1]), GROUND)
    draw = ImageDraw.Draw(picture)
    for row, line in enumerate(tmux("capture-pane", "-p", "-e").stdout.splitlines()[:height]):
        for column, (char, ink, ground, bold) in enumerate(cells(line)):
            x, y = column * CELL[0], row * CELL[1]
            if ground != GROUND:
                draw.rectangle((x, y, x + CELL[0] - 1, y + CELL[1] - 1), fill=ground)
            if "\u2800" <= char <= "\u28ff":
                # The font has no Braille: two columns of four dots, numbered down the left, down the right, the last row.
                for bit, (dx, dy) in enumerate([(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2), (0, 3), (1, 3)]):
                    if ord(char) >> bit & 1:
                        left, top = x + 1 + dx * 5, y + 2 + dy * 5
                        draw.rectangle((left, top, left + 1, top + 1), fill=ink)
            elif char in HALVES:
                top, bottom = HALVES[char]
                draw.rectangle((x, y + top, x + CELL[0] - 1, y + bottom - 1), fill=ink)
            elif char != " ":
                draw.text((x, y), char, font=fonts[bold], fill=ink)
    picture.quantize(128).save(path, optimize=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--project", required=True, type=pathlib.Path)
    parser.add_argument("--mocolab", default=shutil.which("mocolab") or "target/release/mocolab")
    parser.add_argument("--out", default=pathlib.Path(__file__).parent, type=pathlib.Path)
    parser.add_argument("--only", default="", help="screens whose names begin so")
    args = parser.parse_args()
    screens = [screen for screen in SCREENS if screen[0].startswith(args.only)]
    missing = []
    for width, height in SIZES:
        for name, words, keys in screens:
            open_laboratory(args, width, height)
            press(keys)
            if not wait_for(words, 10):
                missing.append(f"{name} at {width}x{height}: no `{words}`")
            time.sleep(1.2 if name == "devices" else 0.4)
            text = tmux("capture-pane", "-p").stdout
            (args.out / f"{name}-{width}x{height}.txt").write_text("\n".join(line.rstrip() for line in text.splitlines()) + "\n")
            if (width, height) == SIZES[-1]:
                image(args.out / f"{name}-{width}x{height}.png", width, height)
    tmux("kill-server")
    print(*missing or [f"{len(screens) * len(SIZES)} screens in {args.out}"], sep="\n")
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
