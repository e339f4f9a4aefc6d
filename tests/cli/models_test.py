"""inspect, check, convert, explain and zoo; models that are damaged or are none."""

import json
import os
import random
import unittest

import onnx
from onnx import TensorProto, helper

from program import MODEL, ProgramTest, burnish

UNKNOWN = """graph @main(%x: f32[2]) {
  %y: f32[2] = relu(%x) from "first"
  %z: f32[2] = frobnicate(%y) from "second"
  return %z
}
"""


def onnx_model(nodes, inputs, outputs, initializers=()):
    graph = helper.make_graph(nodes, "g", inputs, outputs, list(initializers))
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17), helper.make_opsetid("com.example", 1)])


def small_onnx(op="Relu", domain=""):
    value = lambda name: helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", 4])
    return onnx_model([helper.make_node(op, ["x"], ["y"], name="only", domain=domain)], [value("x")], [value("y")])


class Inspect(ProgramTest):
    def test_prints_what_can_be_read_again(self):
        text = self.succeeds("inspect", self.model()).out
        self.assertEqual(self.succeeds("inspect", self.model(text)).out, text)
        self.assertIn('from "layer.one"', text)

    def test_json(self):
        report = self.succeeds("inspect", self.model(), "--json").json()
        self.assertEqual(report["kind"], "model")
        self.assertEqual(report["inputs"], [{"name": "x", "type": "f32[N,4]"}])
        self.assertEqual([o["name"] for o in report["outputs"]], ["y", "deep/h"])
        self.assertEqual(report["nodes"], 2)
        self.assertEqual(report["operators"]["matmul"], 1)
        self.assertIn("matmul", report["graph"])

    def test_stages(self):
        model = self.model("graph @main(%x: f32[4]) {\n  %a: f32[4] = identity(%x)\n  %y: f32[4] = softmax(%a)\n"
                           "  return %y\n}\n")
        self.assertIn("identity", self.succeeds("inspect", model).out)
        simplified = self.succeeds("inspect", model, "--stage", "simplify").out
        self.assertNotIn("identity", simplified)
        self.assertIn("softmax", simplified)
        self.assertNotIn("identity", self.succeeds("inspect", model, "--stage", "simplify.remove_noops").out)
        self.fails(2, "inspect", model, "--stage", "simplify.cse", "--disable", "simplify.cse", says="was not run")
        self.succeeds("inspect", model, "--stage", "decompose")
        self.fails(2, "inspect", model, "--stage", "polish", says=["polish", "simplify.cse"])
        self.fails(2, "inspect", model, "--disable", "simplify.polish", "--stage", "simplify", says="simplify.cse")

    def test_print_after(self):
        outcome = self.succeeds("inspect", self.model(), "--stage", "simplify", "--print-after", "simplify.cse")
        self.assertIn("// after simplify.cse", outcome.err)
        self.assertNotIn("// after simplify.algebra", outcome.err)

    def test_shapes(self):
        model = self.model()
        self.assertIn("%y: f32[8,3]", self.succeeds("inspect", model, "--shapes", "x=f32[8,4]").out)
        self.assertIn("N in [2, 16]", self.succeeds("inspect", model, "--shapes", "x=f32[2..8..16,4]").out)
        for shape, text in [("x=f32[8]", "f32[N,4]"), ("z=f32[8,4]", "'z'"), ("x=i64[8,4]", "i64"), ("x", "NAME="),
                            ("x=f32[8..4..2,4]", "8..4..2"), ("x=f99[1]", "f99"), ("x=f32[-1,4]", "-1"),
                            ("x=f32[99999999999999999999,4]", "no size"), ("x=f32[1..2,4]", "1..2")]:
            with self.subTest(shape):
                self.fails(2, "inspect", model, "--shapes", shape, says=text)
        self.fails(2, "inspect", model, "--shapes", "x=f32[1,4]", "--shapes", "x=f32[2,4]", says="twice")

    def test_shapes_that_only_one_branch_allows(self):
        model = self.model("""graph @main(%x: f32[N,3]) {
  %sizes: i64[1] = shape_of(%x) {start = 0, end = 1}
  %one: i64[1] = constant() {value = tensor(i64[1] [1])}
  %single: bool[1] = eq(%sizes, %one)
  %y = if(%single) then() {
    %a: f32[3] = squeeze(%x) {axes = [0]}
    return %a
  } else() {
    %b: f32[N,3] = neg(%x)
    return %b
  }
  return %y
}
""", "guarded.txt")
        for shape, result in [("x=f32[1,3]", "f32[3]"), ("x=f32[2,3]", "f32[2,3]"), ("x=f32[2..4..8,3]", "f32[4,3]")]:
            with self.subTest(shape):
                self.assertIn(result, self.succeeds("run", model, "--shapes", shape).out)

    def test_shapes_that_the_network_cannot_have(self):
        self.fails(2, "inspect", self.model(), "--shapes", "x=f32[8,5]", says="layer.one")

    def test_shared_sizes_stay_in_step(self):
        model = self.model("graph @main(%a: f32[N,T], %b: f32[N,T]) {\n  %y: f32[N,T] = add(%a, %b)\n  return %y\n}\n")
        text = self.succeeds("inspect", model, "--shapes", "a=f32[2,T]").out
        self.assertIn("%b: f32[2,T]", text)
        self.fails(2, "inspect", model, "--shapes", "a=f32[2,3]", "--shapes", "b=f32[3,3]", says="share")

    def test_written_models_keep_their_constants(self):
        values = ", ".join(str(i) for i in range(64))
        for dtype in ["f32", "i64", "bf16", "u4", "c128", "bool", "f8e4m3fn"]:
            with self.subTest(dtype):
                numbers = ", ".join(str(i % 2) for i in range(64)) if dtype in ("u4", "bool") else values
                if dtype == "c128":
                    numbers = ", ".join(f"({i}, 0)" for i in range(64))
                if dtype == "bool":
                    numbers = numbers.replace("0", "false").replace("1", "true")
                source = self.model(f"graph @main() {{\n  %c: {dtype}[64] = constant() "
                                    f"{{value = tensor({dtype}[64] [{numbers}])}}\n  return %c\n}}\n")
                copy = self.path("copy.txt")
                self.succeeds("inspect", source, "-o", copy)
                self.assertEqual(self.succeeds("inspect", copy).out, self.succeeds("inspect", source).out)
                beside = os.path.exists(copy + ".safetensors")
                self.assertEqual(beside, dtype not in ("u4", "c128"))  # which that file cannot hold
                if beside:
                    os.remove(copy + ".safetensors")

    def test_outputs_of_another_type(self):
        model = small_onnx()
        for dtype in (TensorProto.INT64, TensorProto.DOUBLE):
            model.graph.output[0].type.tensor_type.elem_type = dtype
            path = self.write("model.onnx", model.SerializeToString())
            told = "i64[N,4]" if dtype == TensorProto.INT64 else "f64[N,4]"
            self.fails(3, "inspect", path, says=[f"output 'y' is declared {told}", "gives f32[N,4]"])

    def test_damaged_constants(self):
        source = self.model("graph @main() {\n  %c: i64[20] = constant() {value = tensor(i64[20] [" +
                            ", ".join(map(str, range(20))) + "])}\n  return %c\n}\n")
        copy = self.path("copy.txt")
        self.succeeds("inspect", source, "-o", copy)
        with open(copy + ".safetensors", "rb") as file:
            good = file.read()
        self.write("copy.txt.safetensors", good[:-1] + b"\x7f")
        self.fails(3, "inspect", copy, says=["copy.txt.safetensors", "damaged"])
        for length in [0, 7, 100, len(good) - 1]:
            self.write("copy.txt.safetensors", good[:length])
            self.fails(3, "inspect", copy)
        os.remove(copy + ".safetensors")
        self.fails(3, "inspect", copy, says="there is no constant")


class Check(ProgramTest):
    def test_compiled(self):
        report = self.succeeds("check", self.model(), "--json", "--fallback", "error").json()
        self.assertEqual((report["reference"], report["unknown"]), (0, 0))
        self.assertGreater(report["compiled"], 1)
        layers = [layer for row in report["operators"] for layer in row["layers"]]
        self.assertIn("layer.one", layers)

    def test_reference_only(self):
        model = self.model("graph @main(%x: f32[8]) {\n  %v: f32[U], %i: i64[U], %k: i64[8], %c: i64[U] = unique(%x) "
                           'from "the layer"\n  return %v\n}\n')
        outcome = self.succeeds("check", model)
        self.assertIn("'the layer'", outcome.out)
        report = self.fails_quietly(3, "check", model, "--fallback", "error", "--json").json()
        self.assertEqual([r["operator"] for r in report["operators"] if r["coverage"] == "reference"], ["unique"])

    def test_plain_loops(self):
        model = self.model("""graph @main(%x: f64[8,8], %y: f64[8,8], %z: f64[1,4,5,5], %w: f64[4,3,3,3]) {
  %p: f64[8,8] = matmul(%x, %y) from "the product"
  %a: f64[8,8] = relu(%p) from "after it"
  %t: f64[1,3,11,11] = convolution_transpose(%z, %w) {strides = [2, 2], dilations = [1, 1], pads = [0, 0, 0, 0],
    output_padding = [0, 0]} from "the transposed"
  return %a, %t
}
""")
        outcome = self.succeeds("check", model, "--fallback", "error")
        self.assertIn("(2 as plain loops: slow), 0 on references", outcome.out)
        report = self.succeeds("check", model, "--json").json()
        self.assertEqual((report["plain_loops"], report["reference"]), (2, 0))
        slow = {r["operator"]: r for r in report["operators"] if r["reason"].startswith("plain loops")}
        self.assertEqual({op: row["layers"] for op, row in slow.items()},
                         {"matmul": ["the product"], "convolution_transpose": ["the transposed"]})
        self.assertIn("only f32", slow["matmul"]["reason"])
        why = self.succeeds("explain", model, "--node", "the product").out
        self.assertIn("plain loops", why)
        self.assertIn("only f32", why)
        profile = self.succeeds("bench", model, "--duration", "0", "--profile").out
        self.assertIn("kernel plain loops of matmul", profile)
        self.assertIn("2 layers as plain loops", profile)
        self.assertEqual(self.succeeds("check", self.model(), "--json").json()["plain_loops"], 0)

    def fails_quietly(self, code, *arguments):
        outcome = burnish(*arguments)
        self.assertEqual(outcome.code, code, outcome.err)
        return outcome

    def test_unknown(self):
        report = self.fails_quietly(3, "check", self.model(UNKNOWN), "--json").json()
        self.assertEqual(report["unknown"], 1)
        self.assertEqual([r["layers"] for r in report["operators"] if r["coverage"] == "unknown"], [["second"]])
        path = self.write("custom.onnx", small_onnx("Frobnicate", "com.example").SerializeToString())
        text = self.fails_quietly(3, "check", path).out
        self.assertIn("com.example.Frobnicate", text)
        self.assertIn("'only'", text)

    def test_unknown_operators_are_refused_elsewhere(self):
        path = self.write("custom.onnx", small_onnx("Frobnicate", "com.example").SerializeToString())
        for command in [["build", path, "-o", self.path("a.plan")], ["run", path], ["bench", path],
                        ["convert", path, "-o", self.path("b.onnx")], ["inspect", path, "--stage", "simplify"]]:
            with self.subTest(command):
                self.fails(3, *command, says=["Frobnicate", "burnish check"])
        self.assertIn("onnx.com.example.Frobnicate", self.succeeds("inspect", path).out)
        self.assertEqual(sorted(os.listdir(self.folder)), ["custom.onnx"])


class Convert(ProgramTest):
    def test_writes_onnx_that_the_checker_takes(self):
        output = self.path("out.onnx")
        report = self.succeeds("convert", self.model(), "-o", output, "--json").json()
        self.assertEqual(report["output"], output)
        model = onnx.load(output)
        onnx.checker.check_model(model, full_check=True)
        self.assertEqual([i.name for i in model.graph.input], ["x"])
        self.assertEqual([o.name for o in model.graph.output], ["y", "deep/h"])
        self.succeeds("compare", output, self.model())

    def test_fixed_sizes(self):
        output = self.path("out.onnx")
        self.succeeds("convert", self.model(), "-o", output, "--shapes", "x=f32[5,4]")
        dims = onnx.load(output).graph.input[0].type.tensor_type.shape.dim
        self.assertEqual([d.dim_value for d in dims], [5, 4])


class Zoo(ProgramTest):
    def test_list(self):
        names = [n["name"] for n in self.succeeds("zoo", "--list", "--json").json()["networks"]]
        self.assertEqual(len(names), 16)
        for name in ["resnet50", "bert_base", "gpt2", "effnet_lite0"]:
            self.assertIn(name, names)

    def test_network(self):
        output = self.path("mobilenet.onnx")
        report = self.succeeds("zoo", "mobilenet_v1", "-o", output, "--json").json()
        self.assertAlmostEqual(report["parameters"] / 1e6, 4.2, delta=0.1)
        self.assertEqual(onnx.load(output).graph.input[0].name, "x")

    def test_wrong_usage(self):
        self.fails(2, "zoo", says="--list")
        self.fails(2, "zoo", "resnet50", says="-o")
        self.fails(2, "zoo", "no_such_net", "-o", self.path("a.onnx"), says="no_such_net")
        weights = self.write("w.pth", b"\x80\x02cos\nsystem\n.")
        self.fails(3, "zoo", "resnet50", "--weights", weights, "-o", self.path("a.onnx"))
        self.fails(4, "zoo", "resnet50", "--weights", self.path("none"), "-o", self.path("a.onnx"))
        self.assertFalse(os.path.exists(self.path("a.onnx")))


class Hostile(ProgramTest):
    """No file makes the program crash, hang or answer with a bug: it is refused with a reason."""

    def test_files_that_are_no_models(self):
        for name, contents in [("empty", b""), ("text", b"hello"), ("zip", b"PK\x03\x04" + bytes(50)),
                               ("pickle", b"\x80\x02}q\x00."), ("hdf5", b"\x89HDF\r\n\x1a\n"), ("noise", bytes(range(256))),
                               ("npy", b"\x93NUMPY\x01\x00"), ("graph", b"graph @main("), ("zeros", bytes(4096))]:
            with self.subTest(name):
                self.fails(3, "inspect", self.write(name, contents), says=name)

    def test_folders_and_devices(self):
        self.fails(3, "inspect", self.folder, says="folder")
        self.fails(4, "inspect", "/dev/null")

    def test_truncated_and_changed_models(self):
        good = small_onnx().SerializeToString()
        for length in range(0, len(good), 7):
            outcome = burnish("inspect", self.write("cut.onnx", good[:length]), "--json")
            self.assertIn(outcome.code, (0, 3), outcome.err)
            json.loads(outcome.out)
        rng = random.Random(1)
        for _ in range(60):
            changed = bytearray(good)
            for _ in range(rng.randint(1, 4)):
                changed[rng.randrange(len(changed))] = rng.randrange(256)
            outcome = burnish("check", self.write("changed.onnx", bytes(changed)), "--json")
            self.assertIn(outcome.code, (0, 3), outcome.err)
            json.loads(outcome.out)

    def test_changed_text(self):
        rng = random.Random(2)
        for _ in range(60):
            changed = bytearray(MODEL.encode())
            for _ in range(rng.randint(1, 3)):
                changed[rng.randrange(len(changed))] = rng.choice(b"(){}[]%=,0123456789 abcN\"@\n")
            outcome = burnish("check", self.write("changed.txt", bytes(changed)), "--json")
            self.assertIn(outcome.code, (0, 3), outcome.err)

    def test_layer_names_with_control_characters(self):
        model = small_onnx()
        model.graph.node[0].name = "bad\x1b[2Jname"
        model.graph.node[0].op_type = "Nothing"
        path = self.write("names.onnx", model.SerializeToString())
        outcome = burnish("check", path)
        self.assertEqual(outcome.code, 3)
        self.assertNotIn("\x1b", outcome.out + outcome.err)


if __name__ == "__main__":
    unittest.main()
