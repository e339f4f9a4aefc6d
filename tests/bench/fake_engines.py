"""Engines for bench_test.py. `Right` computes small_network in NumPy."""

import os
import threading
import time

import numpy as np

from running import EngineError, Running


class Right(Running):
    def __init__(self, setup, feeds):
        self.facts = {"version": "7"}
        self._feeds = feeds
        if setup.get("spin"):
            threading.Thread(target=self._spin, daemon=True).start()

    @staticmethod
    def _spin():
        while True:
            pass

    def run(self):
        begin = time.time()
        weights = np.random.default_rng(5).standard_normal((6, 4)).astype(np.float32)
        y = np.maximum(self._feeds["x"] @ weights, 0)
        self._outputs = [y, self._feeds["ids"] * 2]
        with open(os.environ["FAKE_LOG"], "a") as log:
            log.write(f"{begin} {time.time()} {os.getpid()}\n")

    def outputs(self):
        return self._outputs


class Wrong(Right):
    def outputs(self):
        return [self._outputs[0] * 1.5, self._outputs[1]]


class Unable(Right):
    @staticmethod
    def prepare(model):
        raise EngineError("has no layer for Gather")


class Broken(Right):
    def __init__(self, setup, feeds):
        os._exit(3)
