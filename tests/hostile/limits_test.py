"""--limit: each limit is named by what it refuses and can be raised; the table is the same wherever it stands."""

import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import corpus  # noqa: E402
import structure  # noqa: E402
from corpus import floats, ints, model, node, tensor, value  # noqa: E402
from onnx import TensorProto  # noqa: E402

PROGRAM = os.environ.get("BURNISH_PROGRAM", "build/burnish")
TREE = pathlib.Path(__file__).resolve().parent.parent.parent
COMMANDS = "build run bench compare bisect inspect explain check convert key sign test zoo".split()


def burnish(*arguments):
    return subprocess.run([PROGRAM, *map(str, arguments)], capture_output=True, text=True, errors="replace")


def table():
    """name, default, doc: of --help."""
    text = burnish("--help").stdout.split("Limits (")[1].split("Exit codes")[0]
    return [m.groups() for m in re.finditer(r"^ {2}(\w+) +(\d+) {2}(.*)$", text, re.M)]


class Limits(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="burnish-limits-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def write(self, name, data):
        (self.folder / name).write_bytes(data if isinstance(data, bytes) else data.SerializeToString())
        return self.folder / name

    def bounded(self, limit, low, high, *command):
        """Refused with the limit at `low`, with a message that names it; done at `high`."""
        refused = burnish(*command, "--limit", f"{limit}={low}")
        self.assertEqual(refused.returncode, 3, f"{limit}: {refused.stderr}{refused.stdout}")
        self.assertIn(f"limit '{limit}'", refused.stderr)
        self.assertIn(f"--limit {limit}=", refused.stderr)
        done = burnish(*command, "--limit", f"{limit}={high}")
        self.assertEqual(done.returncode, 0, f"{limit}: {done.stderr}")
        self.tried.add(limit)

    def test_every_limit_bounds(self):
        self.tried = set()
        chain = self.write(
            "chain.onnx", model([node("Relu", [f"a{i}" if i else "x"], [f"a{i + 1}"]) for i in range(20)])
        )
        self.bounded("nodes", 19, 20, "check", chain)
        self.bounded("messages", 30, 1000, "check", chain)
        self.bounded("message_bytes", 100, 100000, "check", chain)
        self.bounded("file_bytes", 10, 100000, "check", chain)
        named = self.write("named.onnx", model([node("Relu", ["x"], ["y" * 500])]))
        self.bounded("string_bytes", 499, 500, "check", named)
        soft = self.write(
            "soft.onnx",
            model([node("LayerNormalization", ["x", "w"], axis=-1, epsilon=0.1)], constants=[floats("w", 4)]),
        )
        self.bounded("attributes", 1, 2, "check", soft)
        two = self.write(
            "two.onnx",
            model(
                [node("Add", ["x", "w"], ["z"]), node("Add", ["z", "v"])], constants=[floats("w", 4), floats("v", 4)]
            ),
        )
        self.bounded("tensors", 1, 2, "check", two)
        self.bounded("rank", 1, 2, "check", two)
        nested = self.folder / "nested"
        made = corpus.Corpus(nested)
        structure.depth(made)
        eight = nested / "cases" / "nesting" / "good_if_8" / "model.onnx"
        self.bounded("graph_depth", 7, 8, "check", eight)
        self.bounded("message_depth", 5, 20, "check", eight)
        structure.recursion(made)
        calls = nested / "cases" / "function_recursion" / "good_chain_of_10" / "model.onnx"
        self.bounded("function_depth", 10, 11, "check", calls)
        self.bounded("function_calls", 10, 11, "check", calls)
        sparse = model([node("Identity", ["w"])])
        s = sparse.graph.sparse_initializer.add(dims=[1000])
        s.values.CopyFrom(floats("w", 2))
        s.indices.CopyFrom(ints("i", 0, 5))
        self.bounded("dense_bytes", 3999, 4000, "check", self.write("sparse.onnx", sparse))
        text = self.write("model.txt", b"graph @main(%x: f32[2]) {\n  %y: f32[2] = relu(%x)\n  return %y\n}\n")
        self.bounded("text_bytes", 40, 400, "check", text)
        self.bounded("nodes", 0, 1, "check", text)
        zeros = node("Expand", ["one", "s"])
        large = model(
            [zeros, node("Relu", ["y"], ["z"])],
            constants=[tensor("one", TensorProto.FLOAT, [1], bytes(4)), ints("s", 1 << 16)],
        )
        large = self.write("large.onnx", large)
        self.bounded("run_bytes", 1000, 10000000, "run", large)
        body = structure.graph(
            [node("Identity", ["k"], ["k2"]), node("Tanh", ["v"], ["v2"])],
            ("k2", "v2"),
            [value("i", TensorProto.INT64, []), value("k", TensorProto.BOOL, []), value("v", dims=[1])],
        )
        loop = model(
            [node("Loop", ["n", "", "x"], ["y"], body=body)],
            inputs=[value("x", dims=[1])],
            constants=[ints("n", 50, dims=[])],
        )
        self.bounded("loop_iterations", 49, 50, "run", self.write("loop.onnx", loop))
        # Folding has no error: what it may not make is computed at run time.
        half = self.write(
            "half.onnx",
            model(
                [node("Cast", ["w"], ["c"], to=1), node("Add", ["x", "c"])],
                inputs=[value("x", dims=[1000])],
                constants=[tensor("w", TensorProto.FLOAT16, [1000], bytes(2000))],
            ),
        )
        for most, expected in ((3999, True), (4000, False)):
            shown = burnish("inspect", half, "--stage", "simplify", "--limit", f"fold_bytes={most}")
            self.assertEqual("cast" in shown.stdout, expected, shown.stdout + shown.stderr)
        self.tried.add("fold_bytes")
        # Weights that are no network's, so that a file that is read is refused for another reason.
        weights = TREE / "tests" / "fuzz" / "corpus" / "checkpoint"
        for limit, low, name in (
            ("pickle_bytes", 100, "zip.pth"),
            ("pickle_objects", 20, "zip.pth"),
            ("pickle_depth", 0, "nested.pth"),
            ("zip_entries", 1, "zip.pth"),
            ("header_bytes", 16, "plain.safetensors"),
            ("tensors", 1, "plain.safetensors"),
            ("copied_bytes", 0, "strides.pth"),
            ("file_bytes", 10, "zip.pth"),
        ):
            command = ["zoo", "resnet50", "--weights", weights / name, "-o", self.folder / "out.onnx"]
            if limit == "copied_bytes":
                command[3] = nested / "expanded.pth"
                sys.path.insert(0, str(TREE / "tests" / "import"))
                import make_checkpoints as made
                import checkpoints

                expanded = made.pickled(
                    made.ordered_dict([("w", made.tensor(made.storage("FloatStorage", "0", 2), [100000], strides=[0]))])
                )
                command[3].write_bytes(checkpoints.archive(expanded))
            low_one, default = burnish(*command, "--limit", f"{limit}={low}"), burnish(*command)
            self.assertEqual((low_one.returncode, default.returncode), (3, 3))
            self.assertIn(f"limit '{limit}'", low_one.stderr)
            self.assertNotIn("limit '", default.stderr)
            self.tried.add(limit)
        self.assertEqual(self.tried, {name for name, _, _ in table()})

    def test_every_command_takes_it(self):
        for command in COMMANDS:
            self.assertIn("--limit", burnish(command, "--help").stdout, command)

    def test_wrong_ones_are_wrong_usage(self):
        chain = self.write("m.onnx", model([node("Relu", ["x"])]))
        for text in (
            "nodes",
            "nodes=",
            "nodes=-1",
            "nodes=1.5",
            "nodes=x",
            "=5",
            "unknown=5",
            "rank=65",
            "graph_depth=1000",
            "nodes=9999999999999T",
        ):
            outcome = burnish("check", chain, "--limit", text)
            self.assertEqual(outcome.returncode, 2, text)
            self.assertIn("--limit", outcome.stderr)
        self.assertEqual(burnish("check", chain, "--limit", "nodes=1", "--limit", "file_bytes=1K").returncode, 0)

    def test_the_pages_have_the_table(self):
        rows = table()
        self.assertGreater(len(rows), 20)
        for page in ("docs/program.md", "SECURITY.md"):
            text = (TREE / page).read_text()
            found = re.findall(r"^\| `(\w+)` \| (\S+) \| (.*) \|$", text, re.M)
            self.assertEqual(found, rows, page)


if __name__ == "__main__":
    unittest.main()
