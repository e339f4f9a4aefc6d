"""Loops in loops whose carried values change their sizes: read in time that grows with their number, not two to it."""

import os
import pathlib
import subprocess
import tempfile
import unittest

import numpy as np
import onnx
from onnx import TensorProto, helper

PROGRAM = os.environ["BURNISH_PROGRAM"]


def loops(depth):
    """depth loops of two iterations, one in the other; each iteration of any ends by appending an element."""
    def info(name, kind, shape):
        return helper.make_tensor_value_info(name, kind, shape)

    def body(level):
        nodes = [helper.make_node("Identity", [f"go{level}"], [f"on{level}"])]
        value = f"v{level}"
        if level < depth:
            nodes.append(helper.make_node("Loop", ["trips", "", value], [f"w{level}"], body=body(level + 1)))
            value = f"w{level}"
        nodes.append(helper.make_node("Concat", [value, "one"], [f"r{level}"], axis=0))
        return helper.make_graph(
            nodes, f"body{level}",
            [info(f"i{level}", TensorProto.INT64, []), info(f"go{level}", TensorProto.BOOL, []),
             info(f"v{level}", TensorProto.FLOAT, None)],
            [info(f"on{level}", TensorProto.BOOL, []), info(f"r{level}", TensorProto.FLOAT, None)])

    graph = helper.make_graph(
        [helper.make_node("Loop", ["trips", "", "x"], ["y"], body=body(1))], "loops",
        [info("x", TensorProto.FLOAT, [3]), info("trips", TensorProto.INT64, [])], [info("y", TensorProto.FLOAT, None)],
        initializer=[helper.make_tensor("one", TensorProto.FLOAT, [1], [1.0])])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def run(depth, trips):
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        onnx.save(loops(depth), folder / "loops.onnx")
        np.save(folder / "x.npy", np.zeros(3, np.float32))
        np.save(folder / "trips.npy", np.array(trips, np.int64))
        before = os.times().children_user
        done = subprocess.run(
            [PROGRAM, "run", folder / "loops.onnx", "--input", f"x={folder}/x.npy", "--input",
             f"trips={folder}/trips.npy", "--output-dir", folder], capture_output=True, text=True)
        taken = os.times().children_user - before
        assert done.returncode == 0, done.stderr
        return np.load(folder / "y.npy"), taken


class Loops(unittest.TestCase):
    def test_sizes(self):
        y, _ = run(3, 2)
        np.testing.assert_array_equal(y, [0] * 3 + [1] * (2 + 4 + 8))

    def test_many_levels(self):
        y, taken = run(20, 1)
        np.testing.assert_array_equal(y, [0] * 3 + [1] * 20)
        # Twice the work a level would be some hours.
        self.assertLess(taken, 60)


if __name__ == "__main__":
    unittest.main()
