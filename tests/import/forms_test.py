"""Forms of operators that few models have: what NumPy and onnx say of them, and what is said of those that are refused."""

import os
import pathlib
import subprocess
import tempfile
import unittest

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

PROGRAM = os.environ["BURNISH_PROGRAM"]
RANDOM = np.random.default_rng(3)


def f32(*shape, low=-2.0, high=2.0):
    return RANDOM.uniform(low, high, shape).astype(np.float32)


def kind(array):
    return helper.np_dtype_to_tensor_dtype(array.dtype)


def model(nodes, inputs, outputs, opset, constants=(), domain="", ranked=True):
    """inputs, constants: arrays by name; outputs: arrays by name, or names."""
    graph = helper.make_graph(
        nodes, "forms", [helper.make_tensor_value_info(n, kind(x), x.shape if ranked else None) for n, x in inputs.items()],
        [helper.make_tensor_value_info(n, kind(outputs[n]), outputs[n].shape if ranked else None) if isinstance(outputs, dict)
         else onnx.ValueInfoProto(name=n) for n in outputs],
        [numpy_helper.from_array(x, n) for n, x in dict(constants).items()])
    sets = [helper.make_opsetid("", opset)] + ([helper.make_opsetid(domain, 1)] if domain else [])
    return helper.make_model(graph, opset_imports=sets, ir_version=3 if opset < 9 and not constants else 8)


class Forms(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="burnish-forms-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def check(self, nodes, inputs, outputs, opset, constants=(), ranked=True):
        data = self.folder / "case" / "test_data_set_0"
        data.mkdir(parents=True, exist_ok=True)
        onnx.save(model(nodes, inputs, outputs, opset, constants, ranked=ranked), self.folder / "case" / "model.onnx")
        for place, tensors in (("input", inputs), ("output", outputs)):
            for i, (name, tensor) in enumerate(tensors.items()):
                (data / f"{place}_{i}.pb").write_bytes(numpy_helper.from_array(tensor, name).SerializeToString())
        for where in ("references", "engine"):
            done = subprocess.run([PROGRAM, "test", self.folder / "case", "--on", where], capture_output=True, text=True)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def refused(self, made, *arguments, code=3):
        onnx.save(made, self.folder / "model.onnx")
        done = subprocess.run([PROGRAM, "run", self.folder / "model.onnx", *arguments], capture_output=True, text=True)
        self.assertEqual(done.returncode, code, done.stderr)
        return done.stderr

    def test_statistics_per_activation(self):
        x, scale, bias, mean, variance = f32(2, 3, 4), f32(3, 4), f32(3, 4), f32(3, 4), f32(3, 4, low=0.5)
        y = (x - mean) / np.sqrt(variance + np.float32(1e-5)) * scale + bias
        for opset, attributes in ((6, {"is_test": 1}), (7, {})):
            self.check([helper.make_node("BatchNormalization", list("xsbmv"), ["y"], spatial=0, **attributes)],
                       dict(zip("xsbmv", (x, scale, bias, mean, variance))), {"y": y}, opset)

    def test_first_tile(self):
        x = f32(2, 3)
        self.check([helper.make_node("Tile", ["x", "tiles", "axis"], ["y"])], {"x": x}, {"y": np.tile(x, (1, 2))}, 1,
                   {"tiles": np.array([2], np.float32), "axis": np.array([1], np.float32)})

    def test_first_tile_of_data(self):
        x = f32(2, 3)
        self.check([helper.make_node("Tile", ["x", "tiles", "axis"], ["y"])],
                   {"x": x, "tiles": np.array([2], np.float32), "axis": np.array(-1, np.float32)}, {"y": np.tile(x, (1, 2))}, 1)

    def test_first_split(self):
        x, sizes = f32(2, 5), np.array([2, 3], np.float32)
        self.check([helper.make_node("Split", ["x", "sizes"], ["a", "b"], axis=1)], {"x": x, "sizes": sizes},
                   {"a": x[:, :2], "b": x[:, 2:]}, 1)

    def test_first_global_lp_pool(self):
        x = f32(2, 3, 4, 5)
        self.check([helper.make_node("GlobalLpPool", ["x"], ["y"], p=2.0)], {"x": x},
                   {"y": np.sqrt((x * x).sum((2, 3), keepdims=True))}, 1)

    def test_constant_fill(self):
        x = f32(2, 3)
        self.check([helper.make_node("ConstantFill", ["x"], ["y"], value=2.0, extra_shape=[4])], {"x": x},
                   {"y": np.full((2, 3, 4), 2, np.float32)}, 1)
        self.check([helper.make_node("ConstantFill", ["x"], ["y"], dtype=TensorProto.INT64, input_as_shape=1)],
                   {"x": np.array([2, 3], np.int64)}, {"y": np.zeros((2, 3), np.int64)}, 1)

    def test_sequences_that_end(self):
        """A running sum of each sequence, up to its length."""
        body = helper.make_graph(
            [helper.make_node("Add", ["s", "x"], ["t"]), helper.make_node("Identity", ["t"], ["z"])], "body",
            [helper.make_tensor_value_info(n, TensorProto.FLOAT, [2]) for n in "sx"],
            [helper.make_tensor_value_info(n, TensorProto.FLOAT, [2]) for n in "tz"])
        lengths, start, x = np.array([2, 4, 0], np.int64), f32(3, 2), f32(3, 4, 2)
        inside = (np.arange(4) < lengths[:, None])[..., None]
        for backwards in (0, 1):
            ordered = np.stack([np.r_[r[:n][::-1], r[n:]] for r, n in zip(x, lengths)]) if backwards else x
            sums = start[:, None] + np.cumsum(ordered * inside, 1)
            z = np.where(inside, sums, 0).astype(np.float32)
            self.check([helper.make_node("Scan", ["lengths", "start", "x"], ["last", "z"], body=body, num_scan_inputs=1,
                                         directions=[backwards])],
                       {"lengths": lengths, "start": start, "x": x}, {"last": sums[:, -1].astype(np.float32), "z": z}, 8)

    def test_exponents(self):
        x = np.array([1, 1.5, 3, 0.3, 2.0**-30, 1e30, 6, 1.49, 1.51, 0, 1e-40, 3e38, np.inf, np.nan], np.float32)
        for rounding in ("down", "nearest"):
            for saturate in (0, 1):
                y = numpy_helper.to_float8e8m0(x, bool(saturate), rounding).astype(np.float32)
                self.check([helper.make_node("Cast", ["x"], ["e"], to=TensorProto.FLOAT8E8M0, round_mode=rounding,
                                             saturate=saturate),
                            helper.make_node("Cast", ["e"], ["y"], to=TensorProto.FLOAT)], {"x": x}, {"y": y}, 25)

    def test_unknown_ranks(self):
        """What does not depend on the rank works where only the data tells it."""
        for a, b in (((3, 4), (4, 5)), ((4,), (4, 5)), ((2, 3, 4), (4,)), ((4,), (2, 4, 5)), ((4,), (4,))):
            x, y = f32(*a), f32(*b)
            self.check([helper.make_node("MatMul", ["x", "y"], ["z"])], {"x": x, "y": y}, {"z": np.asarray(x @ y)}, 13, ranked=False)
            x, y = (RANDOM.integers(0, 256, s).astype(np.uint8) for s in (a, b))
            products = np.asarray((x.astype(np.int32) - 3) @ y.astype(np.int32))
            self.check([helper.make_node("MatMulInteger", ["x", "y", "zero"], ["z"])], {"x": x, "y": y}, {"z": products}, 10,
                       {"zero": np.array(3, np.uint8)}, ranked=False)
        x = f32(2, 3, 4)
        self.check([helper.make_node("Transpose", ["x"], ["y"])], {"x": x}, {"y": x.T}, 13, ranked=False)
        slope = f32(3)
        for x in (f32(2, 3, 4), f32(2, 3), f32(2, 3, 1, 5)):
            slopes = slope.reshape(3, *[1] * (x.ndim - 2))
            self.check([helper.make_node("PRelu", ["x", "slope"], ["y"])], {"x": x}, {"y": np.where(x < 0, x * slopes, x)}, 6,
                       {"slope": slope}, ranked=False)
            self.check([helper.make_node("PRelu", ["x", "slope"], ["y"])], {"x": x, "slope": slope},
                       {"y": np.where(x < 0, x * slopes, x)}, 6, ranked=False)
            low, high = min(x.min(), 0), max(x.max(), 0)
            scale = np.float32((high - low) / np.float32(255))
            zero = np.rint(-low / scale)
            self.check([helper.make_node("DynamicQuantizeLinear", ["x"], ["y", "s", "z"])], {"x": x},
                       {"y": np.clip(np.rint(x / scale) + zero, 0, 255).astype(np.uint8), "s": scale, "z": np.uint8(zero)}, 11,
                       ranked=False)

    def test_unknown_category(self):
        node = helper.make_node("OneHotEncoder", ["x"], ["y"], domain="ai.onnx.ml", cats_int64s=[1, 3], zeros=0)
        np.save(self.folder / "x.npy", np.array([1, 2], np.int64))
        text = self.refused(model([node], {"x": np.zeros(2, np.int64)}, ["y"], 17, domain="ai.onnx.ml"),
                            "--input", f"x={self.folder}/x.npy")
        self.assertIn("out of range", text)

    def test_what_is_lacking(self):
        node = helper.make_node("FusedConv", ["x", "w"], ["y"], domain="com.microsoft", activation="Swash", name="it")
        text = self.refused(model([node], {"x": f32(1, 2, 4, 4), "w": f32(2, 2, 3, 3)}, ["y"], 17, domain="com.microsoft"))
        self.assertIn("the model is valid", text)
        self.assertNotIn("damaged", text)

    def test_a_node_is_named_once(self):
        node = helper.make_node("MatMul", ["x", "w"], ["y"], name="product")
        text = self.refused(model([node], {"x": f32(2, 3), "w": f32(4, 5)}, ["y"], 17))
        self.assertIn("node 'product' (MatMul, opset 17): ", text)
        self.assertEqual(text.count("'product'"), 1, text)

    def test_one_processor(self):
        node = helper.make_node("Conv", ["x", "w"], ["y"], domain="com.microsoft.nchwc")
        text = self.refused(model([node], {"x": f32(1, 8, 4, 4), "w": f32(8, 8, 3, 3)}, ["y"], 17,
                                  domain="com.microsoft.nchwc"))
        self.assertIn("ORT_ENABLE_EXTENDED", text)


if __name__ == "__main__":
    unittest.main()
