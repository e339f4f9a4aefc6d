"""How the demo speaks: numbered steps, each with a line that says what happens and how long it took."""

import os
import shutil
import sys
import textwrap
import time

COLOURS = sys.stdout.isatty() and "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"
BLOCKS = (sys.stdout.encoding or "").lower().startswith("utf")
STEPS = 5
_started = time.monotonic()
_number = 0
_since = None


class DemoError(Exception):
    """What went wrong, and what to do about it."""

    def __init__(self, what, remedy=""):
        super().__init__(what + (f"\n  {remedy}" if remedy else ""))


def _styled(code, text):
    return f"\x1b[{code}m{text}\x1b[0m" if COLOURS else text


def bold(text):
    return _styled("1", text)


def dim(text):
    return _styled("2", text)


def green(text):
    return _styled("32", text)


def detail(text):
    for line in text.splitlines():
        print(f"    {line}", flush=True)


def _close():
    if _since is not None:
        print(dim(f"    {time.monotonic() - _since:.1f} s"), flush=True)


def step(title, explanation):
    global _number, _since
    _close()
    _number += 1
    _since = time.monotonic()
    print(f"\n{_styled('1;36', f'[{_number}/{STEPS}]')} {bold(title)}", flush=True)
    width = min(shutil.get_terminal_size((100, 20)).columns, 100) - 6
    for line in textwrap.wrap(explanation, width):
        print(dim(f"    {line}"), flush=True)


def finish_steps():
    _close()
    print(dim(f"\n{time.monotonic() - _started:.0f} s in all"))


def bar(fraction, width):
    """A bar of eighths of a character."""
    eighths = round(max(0.0, min(1.0, fraction)) * width * 8)
    if not BLOCKS:
        return ("#" * round(eighths / 8)).ljust(width, ".")
    text = "█" * (eighths // 8) + ("" if eighths % 8 == 0 else " ▏▎▍▌▋▊▉"[eighths % 8])
    return text.ljust(width, " ")
