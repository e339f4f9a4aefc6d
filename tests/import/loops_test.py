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


def info(name, kind, shape):
    return helper.make_tensor_value_info(name, kind, shape)


def loops(depth):
    """depth loops of two iterations, one in the other; each iteration of any ends by appending an element."""
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


def of_calls(*firsts):
    """An outer loop that calls a function for each of `firsts`; the function's loop adds q: f32[2,3] to what it carries."""
    inner = helper.make_graph(
        [helper.make_node("Add", ["v", "b"], ["w"]), helper.make_node("Identity", ["c"], ["d"])], "inner",
        [info("i", TensorProto.INT64, []), info("c", TensorProto.BOOL, []), info("v", TensorProto.FLOAT, None)],
        [info("d", TensorProto.BOOL, None), info("w", TensorProto.FLOAT, None)])
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("own", 1)]
    function = helper.make_function("own", "Sums", ["n", "a", "b"], ["y"],
                                    [helper.make_node("Loop", ["n", "", "a"], ["y"], body=inner)], opsets[:1])
    nodes = [helper.make_node("Sums", ["n", first, "q"], [f"y_{first}"], domain="own") for first in firsts]
    nodes += [helper.make_node("Transpose", ["y_s"], ["t"]), helper.make_node("Identity", ["c0"], ["on"])]
    outer = helper.make_graph(nodes, "outer", [info("i0", TensorProto.INT64, []), info("c0", TensorProto.BOOL, [])],
                              [info("on", TensorProto.BOOL, None), info("t", TensorProto.FLOAT, None)])
    graph = helper.make_graph(
        [helper.make_node("Loop", ["n", ""], ["z"], body=outer)], "calls",
        [info("n", TensorProto.INT64, []), info("p", TensorProto.FLOAT, [3]), info("q", TensorProto.FLOAT, [2, 3]),
         info("s", TensorProto.FLOAT, [2, 3])], [info("z", TensorProto.FLOAT, None)])
    return helper.make_model(graph, functions=[function], opset_imports=opsets, ir_version=8)


def shared_body():
    """A function whose Loop (nothing carried) and Scan have one body between them, in a loop."""
    body = helper.make_graph([helper.make_node("Identity", ["c"], ["d"])], "body",
                             [info("i", TensorProto.INT64, []), info("c", TensorProto.BOOL, [])],
                             [info("d", TensorProto.BOOL, None)])

    def with_body(node):
        node.attribute.append(onnx.AttributeProto(name="body", ref_attr_name="body", type=onnx.AttributeProto.GRAPH))
        return node

    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("own", 1)]
    function = helper.make_function(
        "own", "Both", ["t", "k", "s", "x"], ["y"],
        [with_body(helper.make_node("Loop", ["t", "k"], [])),
         with_body(helper.make_node("Scan", ["s", "x"], ["y"], num_scan_inputs=1))], opsets[:1], attributes=["body"])
    outer = helper.make_graph(
        [helper.make_node("Both", ["t", "k", "k2", "x"], ["y"], domain="own", body=body),
         helper.make_node("Identity", ["c0"], ["co"])], "outer",
        [info("i0", TensorProto.INT64, []), info("c0", TensorProto.BOOL, [])],
        [info("co", TensorProto.BOOL, None), info("y", TensorProto.BOOL, None)])
    graph = helper.make_graph(
        [helper.make_node("Loop", ["t", "k"], ["z"], body=outer)], "shared",
        [info("t", TensorProto.INT64, []), info("k", TensorProto.BOOL, []), info("k2", TensorProto.INT64, [3]),
         info("x", TensorProto.BOOL, [2])], [info("z", TensorProto.BOOL, None)])
    return helper.make_model(graph, functions=[function], opset_imports=opsets, ir_version=8)


def inspect(model):
    with tempfile.TemporaryDirectory() as folder:
        onnx.save(model, f"{folder}/model.onnx")
        return subprocess.run([PROGRAM, "inspect", f"{folder}/model.onnx"], capture_output=True, text=True)


class Loops(unittest.TestCase):
    def test_calls_know_nothing_of_each_other(self):
        # The first call's value changes its rank, the second one's does not.
        for firsts in (("s",), ("p", "s"), ("s", "p")):
            done = inspect(of_calls(*firsts))
            self.assertEqual(done.returncode, 0, (firsts, done.stderr))
            self.assertIn("f32[3,2] = transpose", done.stdout)

    def test_nodes_that_share_a_body(self):
        done = inspect(shared_body())
        self.assertIn(done.returncode, (0, 3), done.stderr)

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
