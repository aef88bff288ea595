"""Lines of the table of docs/performance.md: what is measured, beside what, and what is wanted of it."""
import statistics

HEAD = "| what | ours | beside | median (smallest to largest) | wanted | |\n|---|---|---|---|---|---|"


def spread(values, digits=1):
    """The median, with smallest and largest where there are several."""
    middle = f"{statistics.median(values):.{digits}f}"
    return middle if len(values) == 1 else f"{middle} ({min(values):.{digits}f} to {max(values):.{digits}f})"


class Rows:
    """Prints lines, and appends them to `path` where there is one."""

    def __init__(self, path=None):
        self.path, self.missed = path, 0
        print(HEAD)

    def add(self, what, ours, beside, values, least=None, most=None, digits=2, unit=""):
        """One line: `values` are ratios or figures, whose median is to be at least `least`, or at most `most`."""
        middle = statistics.median(values)
        met = (least is None or middle >= least) and (most is None or middle <= most)
        wanted = "–" if least is most else f"≥ {least:g}{unit}" if most is None else f"≤ {most:g}{unit}"
        self.missed += not met
        verdict = "" if least is most else "met" if met else "**missed**"
        line = f"| {what} | {ours} | {beside} | {spread(values, digits)}{unit} | {wanted} | {verdict} |"
        print(line, flush=True)
        if self.path:
            with self.path.open("a") as file:
                file.write(line + "\n")
