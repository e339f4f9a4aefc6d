"""What users get: an install tree that consumers compile against, libraries that export and weigh what they should, and a
getting-started page whose programs and commands work as printed."""

import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

import onnx
from onnx import TensorProto, helper

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("BURNISH_BUILD", ROOT / "build/release"))
RUNTIME_LIMIT = 6 << 20
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.M | re.S)


def run(*command, cwd=None, env=None, expect=0, shell=False):
    done = subprocess.run(command[0] if shell else command, cwd=cwd, env=env, shell=shell, capture_output=True, text=True,
                          timeout=900, check=False)
    if done.returncode != expect:
        raise AssertionError(f"{command} in {cwd}: exit {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


class Install(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix="burnish_install_"))
        cls.prefix = cls.folder / "prefix"
        run("cmake", "--install", str(BUILD), "--prefix", str(cls.prefix))
        cls.library = next(cls.prefix.glob("lib*/**/libburnish.so")).parent
        cls.env = dict(os.environ, CMAKE_PREFIX_PATH=str(cls.prefix), CMAKE_GENERATOR="Ninja",
                       PATH=f"{cls.prefix}/bin:{os.environ['PATH']}")

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.folder, ignore_errors=True)

    def build(self, source, name):
        target = self.folder / name
        run("cmake", "-S", str(source), "-B", str(target), env=self.env)
        run("cmake", "--build", str(target), env=self.env)
        return target

    def test_only_one_function_is_exported(self):
        for name in ("libburnish.so", "libburnish-runtime.so"):
            symbols = run("nm", "-D", "--defined-only", str(self.library / name)).split("\n")
            self.assertEqual([s.split()[-1] for s in symbols if s], ["burnish_api"], name)

    def test_the_runtime_is_small_and_has_no_compiler(self):
        stripped = self.folder / "stripped.so"
        run("strip", "-o", str(stripped), str(self.library / "libburnish-runtime.so"))
        self.assertLessEqual(stripped.stat().st_size, RUNTIME_LIMIT)
        self.assertNotIn(b"LLVM", stripped.read_bytes())
        needed = run("readelf", "-d", str(stripped))
        allowed = {"libstdc++.so.6", "libgcc_s.so.1", "libc.so.6", "libm.so.6", "ld-linux-x86-64.so.2"}
        names = set(re.findall(r"NEEDED.*\[(.*)\]", needed)) - allowed
        self.assertFalse({n for n in names if not re.match(r"lib(asan|ubsan|tsan)\.so", n)}, needed)

    def test_examples(self):
        tree = self.build(ROOT / "examples", "examples")
        plan, model = str(self.folder / "small.plan"), str(self.folder / "small.onnx")
        self.assertIn("together 1.000", run(str(tree / "write_network"), plan, model))
        self.assertEqual(run(str(tree / "run_plan"), plan, "2"), "probabilities [2,10]\n")
        other = str(self.folder / "portable.plan")
        self.assertIn("x: f32[N,3,32,32]", run(str(tree / "compile_model"), model, other))
        self.assertEqual(run(str(tree / "run_plan"), other), "probabilities [1,10]\n")
        run(str(tree / "run_plan"), model, expect=3)  # no plan
        run(str(tree / "run_plan"), str(self.folder / "missing.plan"), expect=4)

    def test_own_operators(self):
        tree = self.build(ROOT / "examples", "examples")
        model, plan = str(self.folder / "own.onnx"), str(self.folder / "own.plan")
        nodes = [helper.make_node("SoftThreshold", ["x"], ["s"], domain="com.example", by=1.0),
                 helper.make_node("Median", ["s"], ["y"], domain="com.example")]
        graph = helper.make_graph(nodes, "own", [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 3])],
                                  [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N"])])
        opsets = [helper.make_opsetid("", 21), helper.make_opsetid("com.example", 1)]
        onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=10), model)

        program = str(self.prefix / "bin/burnish")
        unknown = run(program, "build", model, "-o", plan, "--json", expect=3)
        self.assertIn("com.example.SoftThreshold (1 time", unknown)
        self.assertIn("--operators", unknown)
        library = next(tree.glob("libown_operators.so"))
        checked = json.loads(run(program, "check", model, "--operators", str(library), "--json"))
        self.assertEqual(checked["unknown"], 0)
        self.assertEqual([(row["operator"], row["count"]) for row in checked["operators"] if row["coverage"] == "reference"],
                         [("com.example.Median", 1)])
        run(program, "build", model, "-o", plan, "--operators", str(library), "--quiet")
        self.assertEqual(run(str(tree / "run_own"), plan), "0.00\n3.00\n")  # of 2 -1 0 and of 0 4 3
        run(program, "compare", model, "references", "--operators", str(library))
        # What the plan needs must be there, in the program and in a program with the small library.
        for refused in ([program, "run", plan, "--json"], [str(tree / "run_plan"), plan]):
            done = subprocess.run(refused, capture_output=True, text=True, timeout=900, check=False)
            self.assertEqual(done.returncode, 3, done)
            self.assertIn("'com.example.Median'", done.stdout + done.stderr)
        run(program, "run", plan, "--operators", str(library))
        # Written as ONNX again, under its domain; other files are no libraries of operators.
        again = str(self.folder / "again.onnx")
        run(program, "convert", model, "-o", again, "--operators", str(library))
        self.assertEqual([(n.domain, n.op_type) for n in onnx.load(again).graph.node],
                         [("com.example", "SoftThreshold"), ("com.example", "Median")])
        onnx.checker.check_model(again)
        run(program, "check", model, "--operators", model, expect=2)
        run(program, "check", model, "--operators", str(self.library / "libburnish-runtime.so"), expect=2)
        run(program, "check", model, "--operators", str(self.folder / "missing.so"), expect=4)

    def test_consumers(self):
        tree = self.build(ROOT / "tests/install/consumers", "consumers")
        self.assertEqual(run(str(tree / "c11")), "2 4 6\n")
        for name in ("cpp20", "cpp23"):
            self.assertEqual(run(str(tree / name)), "3 5 7 \n")
        run(str(tree / "mixed"))
        plan = str(self.folder / "c.plan")
        program = self.folder / "examples/write_network"
        if not program.exists():
            program = self.build(ROOT / "examples", "examples") / "write_network"
        run(str(program), plan, str(self.folder / "c.onnx"))
        self.assertIn("x: f32[N,3,32,32]", run(str(tree / "runtime_only"), plan))

    @unittest.skipUnless(shutil.which("pkg-config"), "no pkg-config here")
    def test_pkg_config(self):
        env = dict(self.env, PKG_CONFIG_PATH=str(next(self.prefix.glob("lib*/**/pkgconfig"))))
        for name in ("burnish", "burnish-runtime"):
            flags = run("pkg-config", "--cflags", "--libs", name, env=env).split()
            run("cc", "-std=c11", str(ROOT / "examples/run_plan.c"), "-o", str(self.folder / name), *flags)

    def test_getting_started(self):
        text = (ROOT / "docs/getting_started.md").read_text(encoding="utf-8")
        project = self.folder / "first"
        project.mkdir()
        output, files = "", 0
        blocks = FENCE.findall(text)
        for language, body in blocks:
            if named := re.match(r"(?://|#|/\*) ([\w.]+)", body):
                (project / named[1]).write_text(body, encoding="utf-8")
                files += 1
        for language, body in blocks:
            if language == "sh":
                output = run(f"set -e\n{body}", cwd=project, env=self.env, shell=True)
            elif language == "text":
                self.assertEqual(output.strip().split("\n")[-len(body.strip().split("\n")):], body.strip().split("\n"))
        self.assertEqual(files, 5)
        self.assertGreaterEqual(len([1 for language, _ in blocks if language == "text"]), 3)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
