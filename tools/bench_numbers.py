"""What ./dev bench computes: statistics, differences, limits, inputs, and how busy the machine is."""

import datetime
import math
import os
import pathlib
import platform
import time

import numpy as np

from bench_engines import BenchError

SIZES = {"T": 128}  # of symbols in the zoo's networks; a batch is 1
HIGHEST = {"input_ids": 999}  # of the whole numbers that an input gets: others are masks or two kinds


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


def inputs_of(onnx_file):
    """(name, dtype, dims) of the inputs, where open dims are strings."""
    import onnx
    try:
        graph = onnx.load(onnx_file, load_external_data=False).graph
    except Exception as error:  # protobuf's or the system's
        raise BenchError(f"{onnx_file} cannot be read as ONNX: {error}") from None
    weights = {w.name for w in graph.initializer}
    inputs = []
    for value in graph.input:
        if value.name in weights:
            continue
        tensor = value.type.tensor_type
        dims = [d.dim_value if d.HasField("dim_value") else d.dim_param or f"{value.name}.{i}"
                for i, d in enumerate(tensor.shape.dim)]
        dtype = np.dtype(onnx.helper.tensor_dtype_to_np_dtype(tensor.elem_type))
        if dtype.kind not in "fiub":
            raise BenchError(f"input '{value.name}' holds {dtype}: no values are made up for it")
        inputs.append((value.name, dtype, dims))
    return inputs


def sizes_of(inputs, given):
    """Symbol -> number, of inputs as (name, dtype, dims): a first dim is the batch."""
    sizes = {}
    for name, _, dims in inputs:
        for axis, dim in enumerate(dims):
            if isinstance(dim, str):
                size = given.get(dim, SIZES.get(dim, 1 if axis == 0 else None))
                if size is None:
                    raise BenchError(f"input '{name}' leaves the size '{dim}' open: give it with --size {dim}=NUMBER")
                sizes[dim] = size
    return sizes


def values_of(inputs, sizes):
    """Seeded ones, the same on every machine."""
    random, values = np.random.default_rng(0), {}
    for name, dtype, dims in inputs:
        shape = [sizes.get(d, d) for d in dims]
        if np.issubdtype(dtype, np.floating):
            values[name] = random.standard_normal(shape).astype(dtype)
        else:
            values[name] = random.integers(0, HIGHEST.get(name, 1), shape, endpoint=True).astype(dtype)
    return values


def type_text(array):
    kind = "bool" if array.dtype.kind == "b" else f"{array.dtype.kind}{array.dtype.itemsize * 8}"
    return f"{kind}[{','.join(map(str, array.shape))}]"


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
    model = next((line.partition(":")[2].strip() for line in info.splitlines() if line.startswith("model name")), "")
    return {"processor": model or platform.machine(), "processors": len(os.sched_getaffinity(0)),
            "system": f"{platform.system()} {platform.release()}",
            "date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="minutes")}
