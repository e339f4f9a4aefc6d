"""What ./dev bench computes: statistics, differences, limits, and how busy the machine is."""

import datetime
import math
import os
import pathlib
import platform
import time

import numpy as np


def percentile(ordered, percent):
    """The smallest that so many percent do not exceed."""
    return ordered[max(1, math.ceil(percent / 100 * len(ordered))) - 1]


def statistics(rounds):
    """Of lists of milliseconds, a list a round."""
    times = sorted(t for r in rounds for t in r)
    return {"min": times[0], "median": float(np.median(times)), "spread": percentile(times, 90) - percentile(times, 10),
            "runs": len(times),
            "round_min": [min(r) for r in rounds], "round_median": [float(np.median(r)) for r in rounds]}


def difference(ours, theirs):
    """The worst |a - b| over the largest |b|, of all outputs; infinite where types, NaNs or infinities differ."""
    if len(ours) != len(theirs):
        return math.inf
    worst = 0.0
    for a, b in zip(ours, theirs):
        if a.shape != b.shape or a.dtype != b.dtype:
            return math.inf
        a, b = a.astype(np.float64), b.astype(np.float64)
        finite = np.isfinite(b)
        if not np.array_equal(a[~finite], b[~finite], equal_nan=True) or not np.isfinite(a[finite]).all():
            return math.inf
        error, largest = np.abs(a[finite] - b[finite]).max(initial=0), np.abs(b[finite]).max(initial=0)
        worst = max(worst, error / largest if largest > 0 else (math.inf if error > 0 else 0.0))
    return float(worst)


def first_answer_limit(start_ms, weight_bytes, run_ms):
    return start_ms + 100 + 0.2 * weight_bytes / 1e6 + run_ms


def memory_limit(weight_bytes, arena_bytes):
    return 1.1 * (weight_bytes + arena_bytes) + 60 * 2**20


def busy_seconds():
    """Of all processors together, with what a host took away from them."""
    user, nice, system, _, _, irq, softirq, steal = map(int, pathlib.Path("/proc/stat").read_text().split()[1:9])
    return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")


def own_seconds(processes):
    ticks = 0
    for process in processes:
        fields = pathlib.Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


class Others:
    """How many processors the rest of the machine has used since this was made."""

    def __init__(self, processes=()):
        self._processes = [os.getpid(), *processes]
        self._since, self._at = self._foreign(), time.perf_counter()

    def _foreign(self):
        return busy_seconds() - own_seconds(self._processes)

    def processors(self):
        return max(0.0, (self._foreign() - self._since) / (time.perf_counter() - self._at))


def machine():
    info = pathlib.Path("/proc/cpuinfo").read_text()
    facts = dict(map(str.strip, line.split(":", 1)) for line in info.partition("\n\n")[0].splitlines() if ":" in line)
    name = facts.get("model name") or platform.machine()
    if "cpu family" in facts and "model" in facts:  # a virtual machine's names are for whole generations
        name += f" (family {facts['cpu family']}, model {facts['model']})"
    return {"processor": name, "processors": len(os.sched_getaffinity(0)),
            "system": f"{platform.system()} {platform.release()}",
            "date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="minutes")}
