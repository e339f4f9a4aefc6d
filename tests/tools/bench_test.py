"""tools/bench*.py: the numbers, and both engines in their processes on a small network."""

import json
import math
import os
import pathlib
import subprocess
import sys
import tempfile
import time
import unittest

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
PROGRAM = pathlib.Path(os.environ.get("BURNISH_PROGRAM", ROOT / "build" / "burnish")).resolve()
sys.path.insert(0, str(ROOT / "tools"))
import bench  # noqa: E402
import bench_numbers as numbers  # noqa: E402
from bench_engines import BenchError, Worker  # noqa: E402


def small_network(path):
    """x f32[N,L] and ids i64[N] to two outputs."""
    weights = numpy_helper.from_array(np.random.default_rng(5).standard_normal((6, 4)).astype(np.float32), "w")
    nodes = [helper.make_node("MatMul", ["x", "w"], ["h"]), helper.make_node("Relu", ["h"], ["y"]),
             helper.make_node("Add", ["ids", "ids"], ["twice"])]
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", "L", 6]),
              helper.make_tensor_value_info("ids", TensorProto.INT64, ["N"])]
    outputs = [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", "L", 4]),
               helper.make_tensor_value_info("twice", TensorProto.INT64, ["N"])]
    graph = helper.make_graph(nodes, "small", inputs, outputs, [weights])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path)


class NumbersTest(unittest.TestCase):
    def test_statistics_are_of_all_rounds(self):
        found = numbers.statistics([[4.0, 1.0, 3.0], [9.0, 2.0]])
        self.assertEqual((found["min"], found["median"], found["spread"], found["runs"]), (1.0, 3.0, 8.0, 5))
        self.assertEqual((found["round_min"], found["round_median"]), ([1.0, 2.0], [3.0, 5.5]))

    def test_percentiles_are_values_that_were_there(self):
        ordered = [float(i) for i in range(1, 21)]
        self.assertEqual([numbers.percentile(ordered, p) for p in (0, 10, 50, 90, 100)], [1, 2, 10, 18, 20])

    def test_difference_is_measured_against_the_largest(self):
        theirs = [np.array([1.0, -4.0]), np.array([8, 2])]
        self.assertEqual(numbers.difference([np.array([1.0, -3.0]), np.array([8, 3])], theirs), 0.25)
        self.assertEqual(numbers.difference(theirs, theirs), 0)

    def test_what_cannot_be_compared_differs(self):
        one = np.ones(2, np.float32)
        nan, infinite = np.array([1, np.nan], np.float32), np.array([1, np.inf], np.float32)
        for ours, theirs in (([one], []), ([one], [one.astype(np.float64)]), ([one], [one[:1]]), ([one], [nan]),
                             ([nan], [one]), ([-infinite], [infinite]), ([one], [0 * one])):
            self.assertEqual(numbers.difference(ours, theirs), math.inf)
        self.assertEqual(numbers.difference([nan, infinite, 0 * one], [nan, infinite, 0 * one]), 0)

    def test_open_sizes(self):
        inputs = [("x", np.dtype(np.float32), ["N", 3, "H"]), ("ids", np.dtype(np.int64), ["N", "T"])]
        self.assertEqual(numbers.sizes_of(inputs, {"H": 7}), {"N": 1, "H": 7, "T": 128})
        self.assertEqual(numbers.sizes_of(inputs, {"H": 7, "N": 2, "T": 5}), {"N": 2, "H": 7, "T": 5})
        with self.assertRaisesRegex(BenchError, "--size H=NUMBER"):
            numbers.sizes_of(inputs, {})

    def test_values_are_seeded(self):
        inputs = [("x", np.dtype(np.float32), ["N", 3]), ("input_ids", np.dtype(np.int64), [50]),
                  ("mask", np.dtype(bool), [50])]
        one, other = (numbers.values_of(inputs, {"N": 2}) for _ in range(2))
        self.assertEqual({k: numbers.type_text(v) for k, v in one.items()},
                         {"x": "f32[2,3]", "input_ids": "i64[50]", "mask": "bool[50]"})
        for name in one:
            np.testing.assert_array_equal(one[name], other[name])
        self.assertTrue(1 < one["input_ids"].max() <= 999)

    def test_limits(self):
        self.assertAlmostEqual(numbers.first_answer_limit(5, 50e6, 7), 5 + 100 + 10 + 7)
        self.assertAlmostEqual(numbers.memory_limit(100 * 2**20, 100 * 2**20), 280 * 2**20)

    def test_work_of_others_is_seen_and_our_own_is_not(self):
        spin = subprocess.Popen([sys.executable, "-c", "while True: pass"])
        self.addCleanup(spin.wait)
        self.addCleanup(spin.kill)
        others, without = numbers.Others(), numbers.Others([spin.pid])
        time.sleep(0.5)
        seen, unseen = others.processors(), without.processors()
        self.assertGreater(seen, unseen)

    def test_failures(self):
        row = {"differences": {"ort": 1e-6}, "same_bits": True}
        self.assertEqual(bench.failures(row), [])
        self.assertEqual(len(bench.failures({"differences": {"ort": math.nan}, "same_bits": False})), 2)


class EnginesTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="burnish-bench-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def setup_of(self, name):
        """What a worker gets, for the small network."""
        model, plan = self.folder / "small.onnx", self.folder / "small.plan"
        small_network(model)
        inputs = numbers.inputs_of(model)
        sizes = numbers.sizes_of(inputs, {"L": 3})
        values, files = numbers.values_of(inputs, sizes), {}
        for key, array in values.items():
            files[key] = str(self.folder / f"{key}.npy")
            np.save(files[key], array)
        shapes = [word for key, array in values.items() for word in ("--shapes", f"{key}={numbers.type_text(array)}")]
        bench.Program(PROGRAM).text("build", model, "-o", plan, *shapes)
        return {"file": str(plan if name == "burnish" else model), "threads": 2, "inputs": files, "sizes": sizes,
                "library": str(PROGRAM.parent / "libburnish-runtime.so")}

    def worker(self, name, **changes):
        worker = Worker(name, {**self.setup_of(name), **changes})
        self.addCleanup(worker.close)
        return worker

    def test_engines_agree(self):
        ours, theirs = (self.worker(name).outputs(self.folder / f"{name}.npz") for name in ("burnish", "ort"))
        self.assertEqual([(a.shape, a.dtype) for a in ours], [((1, 3, 4), np.float32), ((1,), np.int64)])
        self.assertGreater(np.abs(ours[0]).max(), 0)
        self.assertLess(numbers.difference(ours, theirs), 1e-5)

    def test_engines_are_timed(self):
        for name in ("burnish", "ort"):
            worker = self.worker(name)
            times = worker.ask(warm=0, seconds=0, least=5)["ms"]
            self.assertEqual(len(times), 5)
            self.assertGreater(min(times), 0)
            self.assertIn("version", worker.facts)

    def test_what_an_engine_says_is_the_error(self):
        with self.assertRaisesRegex(BenchError, "Burnish: .*nowhere.plan"):
            self.worker("burnish", file=str(self.folder / "nowhere.plan"))
        with self.assertRaisesRegex(BenchError, "ONNX Runtime: "):
            self.worker("ort", file=str(self.folder / "nowhere.onnx"))

    def test_a_missing_input_is_the_error(self):
        inputs = self.setup_of("burnish")["inputs"]
        with self.assertRaisesRegex(BenchError, "Burnish: .*ids"):
            self.worker("burnish", inputs={"x": inputs["x"]})

    def test_peak_is_that_of_the_program(self):
        model = self.folder / "small.onnx"
        small_network(model)
        program = bench.Program(PROGRAM)
        peak = program.peak_bytes("run", model, "--quiet")
        self.assertTrue(2**20 < peak < 2**30, peak)
        with self.assertRaisesRegex(BenchError, "nowhere"):
            program.peak_bytes("run", self.folder / "nowhere.plan", "--quiet")
        self.assertTrue(json.loads(program.text("zoo", "--list", "--json"))["networks"])


if __name__ == "__main__":
    unittest.main()
