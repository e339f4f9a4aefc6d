"""Gradient of ai.onnx.preview.training, against differences of the function itself."""

import os
import pathlib
import subprocess
import tempfile
import unittest

import numpy as np
import onnx
from onnx import TensorProto, helper

PROGRAM = os.environ["BURNISH_PROGRAM"]
STEP = 1e-5


def run(model, inputs):
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        onnx.save(model, folder / "model.onnx")
        command = [PROGRAM, "run", str(folder / "model.onnx"), "--output-dir", str(folder)]
        for name, value in inputs.items():
            np.save(folder / f"in_{name}.npy", value)
            command += ["--input", f"{name}={folder / f'in_{name}.npy'}"]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode != 0:
            return done.stderr
        return {o.name: np.load(folder / f"{o.name}.npy") for o in model.graph.output}


def model_of(nodes, shapes, gradient=None):
    inputs = [helper.make_tensor_value_info(n, TensorProto.DOUBLE, s) for n, s in shapes.items()]
    outputs = [helper.make_empty_tensor_value_info("y")]
    if gradient is not None:
        nodes = nodes + [gradient]
        outputs += [helper.make_empty_tensor_value_info(o) for o in gradient.output]
    graph = helper.make_graph(nodes, "function", inputs, outputs)
    for o in graph.output:
        o.type.tensor_type.elem_type = TensorProto.DOUBLE
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.preview.training", 1)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=8)


def gradient_of(names, **attributes):
    return helper.make_node("Gradient", names, [f"d{n}" for n in names], domain="ai.onnx.preview.training", xs=names,
                            y="y", **attributes)


class Gradient(unittest.TestCase):
    def check(self, nodes, **values):
        shapes = {n: v.shape for n, v in values.items()}
        found = run(model_of(nodes, shapes, gradient_of(list(values))), values)
        self.assertIsInstance(found, dict, found)
        plain = model_of(nodes, shapes)
        for name, value in values.items():
            for place in np.ndindex(*value.shape):
                moved = []
                for way in (STEP, -STEP):
                    changed = value.copy()
                    changed[place] += way
                    moved.append(run(plain, {**values, name: changed})["y"].sum())
                self.assertAlmostEqual(found[f"d{name}"][place], (moved[0] - moved[1]) / (2 * STEP), delta=1e-5)

    def test_arithmetic_with_repeated_operands(self):
        a, b = np.array([[0.5, -1.5, 2.0]]), np.array([[1.25], [-0.75]])
        for op in ["Add", "Sub", "Mul", "Div"]:
            with self.subTest(op):
                self.check([helper.make_node(op, ["a", "b"], ["y"])], a=a, b=b)
        self.check([helper.make_node("Pow", ["a", "b"], ["y"])], a=np.abs(a), b=b)

    def test_functions_in_a_row(self):
        names = ["Neg", "Exp", "Tanh", "Sigmoid", "Abs", "Sqrt", "Log", "Reciprocal", "Sin", "Cos", "Relu"]
        for op in names:
            with self.subTest(op):
                nodes = [helper.make_node(op, ["a"], ["t"]), helper.make_node("Mul", ["t", "a"], ["y"])]
                self.check(nodes, a=np.array([0.75, 1.5]))

    def test_values_that_are_read_twice(self):
        nodes = [helper.make_node("Mul", ["a", "b"], ["c"]), helper.make_node("Max", ["c", "b"], ["d"]),
                 helper.make_node("Min", ["c", "a"], ["e"]), helper.make_node("Add", ["d", "e"], ["y"])]
        self.check(nodes, a=np.array([0.5, 2.0]), b=np.array([1.5, -1.0]))

    def test_a_value_that_nothing_depends_on(self):
        nodes = [helper.make_node("Exp", ["a"], ["y"]), helper.make_node("Neg", ["b"], ["unused"])]
        self.check(nodes, a=np.array([0.5]), b=np.array([[1.5]]))

    def test_what_is_refused(self):
        a = np.array([0.5, 1.0])
        nodes = [helper.make_node("Softplus", ["a"], ["y"])]
        self.assertIn("derivative of softplus", run(model_of(nodes, {"a": [2]}, gradient_of(["a"])), {"a": a}))
        nodes = [helper.make_node("Exp", ["a"], ["y"])]
        wrong = helper.make_node("Gradient", ["a"], ["da"], domain="ai.onnx.preview.training", xs=["a"], y="z")
        self.assertIn("no value 'z'", run(model_of(nodes, {"a": [2]}, wrong), {"a": a}))
        other = helper.make_node("Gradient", ["y"], ["da"], domain="ai.onnx.preview.training", xs=["a"], y="y")
        self.assertIn("another value", run(model_of(nodes, {"a": [2]}, other), {"a": a}))


if __name__ == "__main__":
    unittest.main()
