"""run: arrays in and out, made-up inputs, files that are wrong."""

import os
import unittest

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from program import ProgramTest, burnish

W = np.arange(1, 13, dtype=np.float32).reshape(4, 3)


def identity(dtype, dims="N,2"):
    return f"graph @main(%x: {dtype}[{dims}]) {{\n  %y: {dtype}[{dims}] = identity(%x)\n  return %y\n}}\n"


class Run(ProgramTest):
    def save(self, name, array, **options):
        np.save(self.path(name), array, **options)
        return self.path(name)

    def through(self, dtype, array, **options):
        """The array after a network that does nothing to it."""
        out = self.path("out")
        self.succeeds("run", self.model(identity(dtype, "N,M")), "--input", "x=" + self.save("x.npy", array, **options),
                      "--output-dir", out)
        return np.load(os.path.join(out, "y.npy"))

    def test_outputs(self):
        x = np.random.default_rng(0).random((5, 4), dtype=np.float32)
        out = self.path("new/folder")
        report = self.succeeds("run", self.model(), "--input", "x=" + self.save("x.npy", x), "--output-dir", out,
                               "--json").json()
        self.assertEqual(sorted(os.listdir(out)), ["deep_h.npy", "y.npy"])
        h, y = np.load(out + "/deep_h.npy"), np.load(out + "/y.npy")
        np.testing.assert_allclose(h, x @ W, rtol=1e-5)
        e = np.exp(h - h.max(-1, keepdims=True))
        np.testing.assert_allclose(y, e / e.sum(-1, keepdims=True), rtol=1e-4)
        self.assertEqual([o["name"] for o in report["outputs"]], ["y", "deep/h"])
        self.assertEqual(report["outputs"][1]["file"], os.path.join(out, "deep_h.npy"))
        self.assertEqual(report["outputs"][0]["type"], "f32[5,3]")
        self.assertAlmostEqual(report["outputs"][1]["max"], float(h.max()), places=4)
        self.assertEqual((report["random_inputs"], report["symbols"]), (0, {"N": 5}))

    def test_engine_gives_the_same(self):
        x = self.save("x.npy", np.random.default_rng(0).random((5, 4), dtype=np.float32))
        model, engine = self.model(), self.path("e.plan")
        self.succeeds("build", model, "-o", engine)
        for file, out in [(model, "a"), (engine, "b"), (engine, "c")]:
            self.succeeds("run", file, "--input", "x=" + x, "--output-dir", self.path(out), "--threads",
                          "1" if out == "c" else "2")
        for name in ["y.npy", "deep_h.npy"]:
            contents = [self.read(f"{out}/{name}") for out in "abc"]
            self.assertEqual(contents[0], contents[1])
            self.assertEqual(contents[0], contents[2])

    def test_random_inputs_are_seeded(self):
        model = self.model()
        run = lambda *more: self.succeeds("run", model, *more).out
        self.assertEqual(run(), run())
        self.assertNotEqual(run(), run("--seed", 1))
        self.assertIn("f32[1,3]", run())
        self.assertIn("f32[8,3]", run("--shapes", "x=f32[2..8..16,4]"))
        self.assertIn("f32[2,3]", run("--shapes", "x=f32[2,4]"))

    def test_dtypes(self):
        rng = np.random.default_rng(1)
        for dtype, kind in [("f32", "f4"), ("f64", "f8"), ("f16", "f2"), ("i8", "i1"), ("i16", "i2"), ("i32", "i4"),
                            ("i64", "i8"), ("u8", "u1"), ("u16", "u2"), ("u32", "u4"), ("u64", "u8"), ("c64", "c8"),
                            ("c128", "c16"), ("bool", "?")]:
            array = rng.integers(0, 2 if kind == "?" else 100, (3, 4)).astype(kind)
            for order, endian in [("C", "<"), ("F", "<"), ("C", ">"), ("F", ">")]:
                with self.subTest(dtype=dtype, order=order, endian=endian):
                    given = np.asarray(array, order=order).astype(np.dtype(kind).newbyteorder(endian), order="K")
                    result = self.through(dtype, given)
                    self.assertEqual(result.dtype, array.dtype)
                    np.testing.assert_array_equal(result, array)

    def test_bits_without_a_name(self):
        for dtype, bits in [("bf16", np.uint16), ("f8e4m3fn", np.uint8), ("f8e5m2", np.uint8)]:
            with self.subTest(dtype):
                array = np.array([[0x3F, 0x40], [0x00, 0x41]], dtype=bits)
                result = self.through(dtype, array.view(np.dtype(("V", array.itemsize))))
                np.testing.assert_array_equal(result.view(bits), array)
        for dtype, array in [("i4", np.array([[-8, 7]], np.int8)), ("u4", np.array([[0, 15]], np.uint8))]:
            with self.subTest(dtype):
                np.testing.assert_array_equal(self.through(dtype, array), array)
        self.fails(3, "run", self.model(identity("u4")), "--input",
                   "x=" + self.save("x.npy", np.array([[16, 0]], np.uint8)), says="16")

    def test_strings(self):
        for array in [np.array([["a", "żółć"], ["", "\U0001F600"]]), np.array([[b"a", b"bytes"]])]:
            result = self.through("string", array)
            np.testing.assert_array_equal(result.astype(str), array.astype(str))
        binary = self.through("string", np.array([[b"\xff\xfe", b"a"]]))
        self.assertEqual(binary.tolist(), [[b"\xff\xfe", b"a"]])

    def test_scalars_and_empty_arrays(self):
        out = self.path("out")
        model = self.model(identity("f32", ""))
        self.succeeds("run", model, "--input", "x=" + self.save("x.npy", np.float32(3)), "--output-dir", out)
        self.assertEqual(np.load(out + "/y.npy").shape, ())
        self.assertEqual(self.through("f32", np.zeros((0, 4), np.float32)).shape, (0, 4))

    def test_header_versions(self):
        with open(self.path("x.npy"), "wb") as file:
            np.lib.format.write_array(file, np.ones((2, 2), np.float32), version=(2, 0))
        outcome = self.succeeds("run", self.model(identity("f32")), "--input", "x=" + self.path("x.npy"))
        self.assertIn("[1, 1, 1, 1]", outcome.out)

    def test_wrong_inputs_are_2(self):
        model = self.model()
        good = self.save("good.npy", np.zeros((2, 4), np.float32))
        wrong = [("z=" + good, "'z'"), (good, "NAME=FILE"), ("=" + good, "''"),
                 ("x=" + self.save("a.npy", np.zeros((2, 4))), "astype('float32')"),
                 ("x=" + self.save("b.npy", np.zeros((2, 5), np.float32)), "f32[2,5]"),
                 ("x=" + self.save("c.npy", np.zeros(4, np.float32)), "f32[4]"),
                 ("x=" + self.save("d.npy", np.zeros((65, 4), np.float32)), "64")]
        for text, says in wrong:
            with self.subTest(text):
                self.fails(2, "run", model, "--input", text, says=["x", says])
        self.fails(2, "run", model, "--input", "x=" + good, "--input", "x=" + good, says="twice")

    def test_sizes_shared_by_inputs(self):
        model = self.model("graph @main(%a: f32[N], %b: f32[N]) {\n  %y: f32[N] = add(%a, %b)\n  return %y\n}\n")
        three, four = self.save("3.npy", np.ones(3, np.float32)), self.save("4.npy", np.ones(4, np.float32))
        self.fails(2, "run", model, "--input", "a=" + three, "--input", "b=" + four, says="N = 4")
        self.assertIn("f32[3]", self.succeeds("run", model, "--input", "a=" + three).out)

    def test_sizes_that_fit_for_some_inputs_only(self):
        """What a build cannot prove is checked for the sizes of a run, by models and engines alike."""
        f = lambda *dims: np.ones(dims, np.float32)
        cases = [("%p: f32[a], %q: f32[b]", "add(%p, %q)", (f(3), f(3)), (f(2), f(3)), "2 and 3"),
                 ("%p: f32[a,b], %q: f32[c,d]", "matmul(%p, %q)", (f(2, 3), f(3, 5)), (f(2, 3), f(4, 5)), "3 and 4"),
                 ("%p: f32[a,b], %q: f32[c,d]", "concat(%p, %q) {axis = 0}", (f(2, 3), f(4, 3)), (f(2, 3), f(4, 5)),
                  "5 and 3"),
                 ("%p: f32[a,b], %q: f32[c]", "layer_norm(%p, %q)", (f(2, 3), f(3)), (f(2, 3), f(2)), "2 and 3"),
                 ("%p: f32[a,b], %q: f32[c]", "reshape(%p) {shape = dims[c]}", (f(2, 3), f(6)), (f(2, 3), f(9)), "9"),
                 ("%p: f32[a], %q: f32[b]", "add(%p, %q)", (f(1), f(3)), (f(3), f(2)), "3 and 2")]
        for inputs, node, fit, misfit, says in cases:
            with self.subTest(node):
                model = self.model(f"graph @main({inputs}) {{\n  %r: f32[*] = {node} from \"the layer\"\n"
                                   "  %y: f32[*] = exp(%r)\n  return %y\n}\n")
                engine = self.path("e.plan")
                self.succeeds("build", model, "-o", engine)
                given = lambda arrays: [x for name, a in zip("pq", arrays)
                                        for x in ["--input", f"{name}={self.save(name + '.npy', a)}"]]
                self.succeeds("compare", model, "references", *given(fit))
                self.succeeds("run", engine, *given(fit))
                for file in [model, engine]:
                    self.fails(2, "run", file, *given(misfit), says=["the layer", says])

    def test_hostile_arrays(self):
        model = self.model(identity("f32"))
        good = self.read(self.save("good.npy", np.ones((2, 2), np.float32)))
        header = lambda text: b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode()
        spelled = lambda d, f, s: header(f"{{'descr': {d}, 'fortran_order': {f}, 'shape': {s}, }}\n")
        files = [b"", good[:5], good[:9], good[:40], good[:-1], good + b"x", b"\x93NUMPY\x09\x00" + good[8:],
                 b"\x93NUMPY\x02\x00\xff\xff\xff\xff", header("{}"), header("{'descr': '<f4'}"), header("{" * 5000),
                 spelled("'<f4'", "False", "(9223372036854775807, 9223372036854775807)"),
                 spelled("'<f4'", "False", "(4611686018427387904, 4)"), spelled("'<f4'", "False", "(-1, 2)"),
                 spelled("'<f4'", "Maybe", "(1, 1)"), spelled("'|O'", "False", "(1, 1)") + b"\x80\x02N.",
                 spelled("[('a', '<f4')]", "False", "(1, 1)"), spelled("'<f3'", "False", "(1, 1)"),
                 spelled("'<U99999999999'", "False", "(1, 1)"), spelled("'<U0'", "False", "(1000000000, 1000)"),
                 spelled("'<f4'", "False", "(" + "1, " * 1000 + ")"), spelled("'<f4'", "False", "(1, 1)") + b"\0" * 3,
                 spelled("__import__('os')", "False", "(1, 1)"), spelled("'<U1'", "False", "(1, 1)") + b"\xff" * 4]
        for contents in files:
            with self.subTest(contents[:80]):
                outcome = self.fails(3, "run", model, "--input", "x=" + self.write("bad.npy", contents), says="bad.npy")
                self.assertLess(len(outcome.err), 1000)
        self.fails(4, "run", model, "--input", "x=" + self.path("none.npy"), says="none.npy")
        self.fails(4, "run", model, "--input", "x=" + self.folder)

    def test_outputs_are_whole_or_not_there(self):
        model = self.model()
        blocked = self.write("file", "not a folder")
        self.fails(4, "run", model, "--output-dir", blocked, says="file")
        out = self.path("out")
        os.makedirs(os.path.join(out, "deep_h.npy"))  # the second output cannot be written: neither is
        self.fails(4, "run", model, "--output-dir", out, says="deep_h.npy")
        self.assertEqual(os.listdir(out), ["deep_h.npy"])

    def test_names_of_files(self):
        model = self.model("graph @main(%x: f32[1]) {\n  %a: f32[1] = neg(%x)\n  %b: f32[1] = exp(%x)\n"
                           "  %c: f32[1] = abs(%x)\n"
                           '  return %a as "../up/a", %b as "a/b", %c as "a_b"\n}\n')
        self.succeeds("run", model, "--output-dir", self.path("out/in"))
        self.assertEqual(sorted(os.listdir(self.path("out/in"))), [".._up_a.npy", "a_b.npy", "a_b_2.npy"])
        self.assertEqual(os.listdir(self.path("out")), ["in"])

    def onnx_model(self, nodes, inputs, outputs, initializers=()):
        graph = helper.make_graph(nodes, "g", inputs, outputs, list(initializers))
        opsets = [helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 1)]
        onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=8), self.path("model.onnx"))
        return self.path("model.onnx")

    def test_classifiers_give_maps(self):
        f32 = TensorProto.FLOAT
        nodes = [helper.make_node("LinearClassifier", ["x"], ["label", "p"], domain="ai.onnx.ml", coefficients=[1.0, 0.0, 0.0, 1.0],
                                  intercepts=[0.5, 0.25], classlabels_strings=["a", "b"]),
                 helper.make_node("ZipMap", ["p"], ["probs"], domain="ai.onnx.ml", classlabels_strings=["a", "b"])]
        maps = helper.make_sequence_type_proto(helper.make_map_type_proto(TensorProto.STRING, helper.make_tensor_type_proto(f32, [])))
        model = self.onnx_model(nodes, [helper.make_tensor_value_info("x", f32, ["N", 2])],
                                [helper.make_tensor_value_info("label", TensorProto.STRING, ["N"]),
                                 helper.make_value_info("probs", maps)])
        given = ["--input", "x=" + self.save("x.npy", np.array([[1, 2], [3, 0]], np.float32)), "--output-dir", self.path("out")]
        outcome = self.succeeds("run", model, *given)
        self.assertIn('probs_0: {"a":1.5,"b":2.25}', outcome.out)
        self.assertIn('probs_1: {"a":3.5,"b":0.25}', outcome.out)
        self.assertIn("warning: 2 of 3 outputs are maps ('probs_0' is the first)", outcome.err)
        self.assertEqual(os.listdir(self.path("out")), ["label.npy"])
        self.assertEqual(np.load(self.path("out/label.npy")).tolist(), ["b", "a"])
        report = self.succeeds("run", model, *given, "--json").json()
        self.assertEqual(report["outputs"][2], {"name": "probs_1", "type": "map", "map": {"a": 3.5, "b": 0.25}})

    def test_maps_are_read_from_json(self):
        def model(key, **words):
            type_of = helper.make_map_type_proto(key, helper.make_tensor_type_proto(TensorProto.FLOAT, []))
            node = helper.make_node("DictVectorizer", ["m"], ["y"], domain="ai.onnx.ml", **words)
            return self.onnx_model([node], [helper.make_value_info("m", type_of)],
                                   [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 3])])
        names = model(TensorProto.STRING, string_vocabulary=["a", "b", "c"])
        outcome = self.succeeds("run", names, "--input", "m=" + self.write("m.json", '{"c": 2.5, "a": -1, "z": 4}'))
        self.assertIn("[-1, 0, 2.5]", outcome.out)
        self.fails(2, "run", names, says=["map<string,f32[]>", "JSON file"])
        for text, says in [("[1]", "no JSON object"), ('{"a": ', "no JSON object"), ('{"a": "b"}', "no f32")]:
            self.fails(2, "run", names, "--input", "m=" + self.write("m.json", text), says=says)
        numbers = model(TensorProto.INT64, int64_vocabulary=[7, -8, 9])
        self.assertIn("[0.5, 3, 0]",
                      self.succeeds("run", numbers, "--input", "m=" + self.write("m.json", '{"7": 0.5, "-8": 3}')).out)
        self.fails(2, "run", numbers, "--input", "m=" + self.write("m.json", '{"7a": 0.5}'), says="'7a' is no i64")

    def test_initializers_are_no_inputs(self):
        value = lambda name: helper.make_tensor_value_info(name, TensorProto.FLOAT, [3])
        w = np.arange(3, dtype=np.float32)
        model = self.onnx_model([helper.make_node("Mul", ["x", "w"], ["y"])], [value("x"), value("w")], [value("y")],
                                [numpy_helper.from_array(w, "w")])
        given = "w=" + self.save("w.npy", w + 1)
        for command in (["run", model], ["bench", model, "--duration", "0.01"], ["compare", model, "references"]):
            self.fails(2, *command, "--input", given, says=["no input 'w'", "initializer", "built in as a constant"])


if __name__ == "__main__":
    unittest.main()
