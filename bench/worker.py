#!/usr/bin/env python3
"""The process of an engine: `worker.py MODULE.CLASS`, in the engine's environment. All are timed by the same loop.

It reads one JSON object a line and answers each with one: {"prepare": model} before anything else converts a model;
otherwise first the setup (`file`, `folder`, `threads`, `inputs`: FILE.npy by name ...), then {"warm": s, "seconds": s,
"least": n} for the milliseconds of every run, or {"save": FILE.npz} for the outputs.
"""

import ctypes
import gc
import importlib
import json
import os
import signal
import sys
import time

import numpy as np

from running import EngineError


def measure(run, warm, seconds, least):
    """The milliseconds of each run. Other engines ran before: the first runs bring data and threads back."""
    end, runs = time.perf_counter() + warm, 0
    while runs < 2 or time.perf_counter() < end:
        run()
        runs += 1
    times, end = [], time.perf_counter() + seconds
    while len(times) < least or time.perf_counter() < end:
        begin = time.perf_counter()
        run()
        times.append((time.perf_counter() - begin) * 1e3)
    return times


def end_with_parent():
    """Killed when the benchmark ends in whatever way: one that was stopped then would stay for ever."""
    if ctypes.CDLL(None).prctl(1, signal.SIGKILL) != 0:  # PR_SET_PDEATHSIG
        raise OSError("prctl(PR_SET_PDEATHSIG) failed")


def main():
    end_with_parent()
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # whatever libraries print is no answer
    module, _, name = sys.argv[1].partition(".")
    engine = None
    for line in sys.stdin:
        asked = json.loads(line)
        try:
            kind = getattr(importlib.import_module(module), name)
            if "prepare" in asked:
                kind.prepare(asked["prepare"])
                answer = {}
            elif engine is None:
                feeds = {key: np.load(path) for key, path in asked["inputs"].items()}
                engine = kind(asked, feeds)
                gc.collect()
                gc.disable()
                answer = engine.facts
            elif "save" in asked:
                engine.run()
                np.savez(asked["save"], *engine.outputs())
                answer = {}
            else:
                answer = {"ms": measure(engine.run, asked["warm"], asked["seconds"], asked["least"])}
        except (Exception, SystemExit) as error:  # of any engine's making: the report names it and goes on
            said = str(error) if isinstance(error, EngineError) else f"{type(error).__name__}: {error}"
            answer = {"error": said[:500]}
        answers.write(json.dumps(answer) + "\n")


if __name__ == "__main__":
    main()
