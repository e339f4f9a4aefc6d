"""build, bench, explain, compare, bisect: engines as files, and what is said of them."""

import json
import os
import pathlib
import random
import subprocess
import time
import unittest

import numpy as np

from program import MODEL, PROGRAM, ProgramTest, burnish

UNIQUE = """graph @main(%x: f32[8]) {
  %a: f32[8] = exp(%x) from "compiled"
  %v: f32[U], %i: i64[U], %k: i64[8], %c: i64[U] = unique(%a) from "the layer"
  return %v
}
"""

CONVOLUTION = f"""graph @main(%x: f32[1,32,28,28]) {{
  %w: f32[32,32,3,3] = constant() {{value = tensor(f32[32,32,3,3] [{", ".join(["1"] * 9216)}])}}
  %y: f32[1,32,28,28] = conv(%x, %w) {{pads = [1, 1, 1, 1]}} from "layer"
  return %y
}}
"""


class Build(ProgramTest):
    def build(self, *more, model=None):
        engine = self.path("e.plan")
        return engine, self.succeeds("build", model or self.model(), "-o", engine, *more)

    def test_json(self):
        engine, outcome = self.build("--json")
        report = outcome.json()
        for key in ["model", "engine", "nodes", "kernels", "reference_nodes", "weight_bytes", "derived_bytes",
                    "file_bytes", "build_ms", "images", "passes"]:
            self.assertIn(key, report)
        self.assertEqual(report["file_bytes"], os.path.getsize(engine))
        self.assertEqual(report["nodes"], 2)
        self.assertEqual(report["reference_nodes"], 0)
        self.assertEqual(os.listdir(self.folder).count("e.plan"), 1)

    def test_same_input_same_bytes(self):
        engine, _ = self.build("--threads", 1)
        first = self.read(engine)
        self.build("--threads", 2)
        self.assertEqual(first, self.read(engine))

    def test_nothing_is_left_of_what_fails(self):
        bad = self.write("bad.onnx", b"\x08\x07nonsense")
        self.fails(3, "build", bad, "-o", self.path("e.plan"))
        self.assertEqual(os.listdir(self.folder), ["bad.onnx"])

    def test_full_disk(self):
        self.fails(4, "build", self.model(), "-o", "/dev/full", says="No space left")

    def test_a_build_that_is_killed_leaves_no_half_file(self):
        model, engine = self.model(), self.path("e.plan")
        self.succeeds("build", model, "-o", engine)
        whole = self.read("e.plan")
        for delay in [0.005, 0.02, 0.05, 0.08, 0.1, 0.12, 0.15, 0.2]:
            os.remove(engine)
            process = subprocess.Popen([PROGRAM, "build", model, "-o", engine], stdout=subprocess.DEVNULL)
            time.sleep(delay)
            process.kill()
            process.wait()
            if os.path.exists(engine):
                self.assertEqual(self.read("e.plan"), whole)
            else:
                self.write("e.plan", b"")

    def test_several_processors(self):
        engine, outcome = self.build("--cpu", "portable", "--json")
        self.assertEqual([i["isa"] for i in outcome.json()["images"]], ["x86-64-v3", "x86-64-v4"])
        self.assertEqual(self.succeeds("inspect", engine, "--json").json()["images"], ["x86-64-v3", "x86-64-v4"])
        self.assertEqual(self.succeeds("run", engine, "--cpu", "x86-64-v3", "--json").json()["isa"], "x86-64-v3")
        self.fails(2, "build", self.model(), "-o", engine, "--cpu", "pentium", says="pentium")
        for cpus, images in [("x86-64-v3,x86-64-v3", ["x86-64-v3"]),
                             ("portable,x86-64-v2,x86-64-v4", ["x86-64-v3", "x86-64-v4", "x86-64-v2"])]:
            outcome = self.succeeds("build", self.model(), "-o", engine, "--cpu", cpus, "--json")
            self.assertEqual([i["isa"] for i in outcome.json()["images"]], images)
        self.fails(2, "run", self.model(), "--cpu", "portable", says="portable")

    def test_an_image_for_this_processor_is_made_when_there_is_none(self):
        engine, _ = self.build("--cpu", "x86-64-v3")
        outcome = self.succeeds("run", engine, "--cpu", "x86-64-v2", "--json")
        self.assertEqual(outcome.json()["isa"], "x86-64-v2")
        self.assertIn("compiled again", outcome.err)

    def test_code_can_be_left_aside(self):
        engine, _ = self.build()
        self.assertEqual(self.succeeds("run", engine, "--no-code").out, self.succeeds("run", engine).out)
        self.fails(2, "run", self.model(), "--no-code", says="--no-code")

    def test_what_is_compiled_again_keeps_the_choices_of_its_build(self):
        def tactics(*more):
            decisions = self.succeeds("explain", engine, "--cpu", "x86-64-v3", "--json", *more).json()["decisions"]
            return [d["what"] for d in decisions if d["id"] == "select.tactic"]

        much = ["--derived-limit", "10"]
        for more in [much, [*much, "--exact"], ["--derived-limit", "0"], [*much, "--force", "convolution=direct"]]:
            with self.subTest(more=more):
                engine, _ = self.build("--cpu", "x86-64-v3", *more, model=self.model(CONVOLUTION))
                again = tactics("--no-code")
                self.assertEqual(again, tactics())
                self.assertEqual("winograd" in "".join(again), more == much)

    def test_times_are_kept_and_used_again(self):
        model, times = self.model(CONVOLUTION), self.path("times.json")
        self.fails(2, "build", model, "-o", self.path("e.plan"), "--timing-cache", times, says="max-autotune")
        tuned = ["--mode", "max-autotune", "--timing-cache", times]
        # On a busy machine the estimate of a tactic that was not run may be the shortest.
        for _ in range(5):
            pathlib.Path(times).unlink(missing_ok=True)
            engine, _ = self.build(*tuned, model=model)
            explained = self.succeeds("explain", engine).out
            if "measured" in explained:
                break
        self.assertIn("measured", explained)
        plan, kept = self.read(engine), self.read(times)
        self.assertIn(b"burnish_timings", kept)
        engine, _ = self.build(*tuned, model=model)
        self.assertEqual(self.read(engine), plan)
        self.assertEqual(self.read(times), kept)
        self.write("times.json", kept[: len(kept) // 2])
        self.fails(3, "build", model, "-o", self.path("f.plan"), *tuned, says=times)

    def test_options_of_a_build_are_wrong_for_an_engine(self):
        engine, _ = self.build()
        for more in [["--shapes", "x=f32[1,4]"], ["--exact"], ["--disable", "simplify.cse"], ["--derived-limit", "2"]]:
            for command in ["run", "bench", "explain"]:
                with self.subTest(command=command, more=more):
                    self.fails(2, command, engine, *more, says=more[0])
        self.fails(2, "build", engine, "-o", self.path("f.plan"), says="engine")
        self.fails(2, "inspect", engine, "--stage", "simplify", says="--stage")

    def test_fallback(self):
        model = self.model(UNIQUE)
        _, outcome = self.build(model=model)
        self.assertIn("1 of 2 nodes", outcome.err)
        self.assertEqual(len(outcome.err.splitlines()), 1)
        _, outcome = self.build("--fallback", "allow", "--json", model=model)
        self.assertEqual(outcome.err, "")
        self.assertEqual(outcome.json()["reference_nodes"], 1)
        os.remove(self.path("e.plan"))
        self.fails(3, "build", model, "-o", self.path("e.plan"), "--fallback", "error", says="the layer")
        self.assertFalse(os.path.exists(self.path("e.plan")))

    def test_expected_sizes_are_kept(self):
        engine, _ = self.build("--shapes", "x=f32[2..8..16,4]")
        self.assertIn("f32[8,3]", self.succeeds("run", engine).out)
        x = self.path("x.npy")
        np.save(x, np.ones((17, 4), np.float32))
        self.fails(2, "run", engine, "--input", "x=" + x, says="16")

    def test_sizes_that_contradict_each_other_are_refused(self):
        model = self.model("""graph @main(%x: f32[N], %y: f32[N]) where N in [1, 64] {
  %z: f32[N] = add(%x, %y)
  return %z
}
""")
        engine = self.path("e.plan")
        self.succeeds("build", model, "-o", engine, "--shapes", "x=f32[1..2..8]", "--shapes", "y=f32[1..2..8]")
        for other in ["1..2..9", "2..2..8", "1..3..8"]:
            self.fails(2, "build", model, "-o", engine, "--shapes", "x=f32[1..2..8]", "--shapes", f"y=f32[{other}]",
                       says=["'y'", "N", "1..2..8", other])

    def test_passes_are_listed(self):
        report = self.build("--json")[1].json()
        self.assertIn("simplify.cse", [p["pass"] for p in report["passes"]])
        report = self.build("--json", "--disable", "simplify.cse")[1].json()
        self.assertNotIn("simplify.cse", [p["pass"] for p in report["passes"]])
        self.fails(2, "build", self.model(), "-o", self.path("e.plan"), "--disable", "simplify.nothing", says="simplify.cse")
        self.fails(2, "build", self.model(), "-o", self.path("e.plan"), "--force", "nonsense", says="FAMILY=TACTIC")
        self.fails(2, "build", self.model(), "-o", self.path("e.plan"), "--force", "nosuch=thing",
                   says=["nosuch", "convolution", "matmul"])
        self.fails(2, "build", self.model(), "-o", self.path("e.plan"), "--force", "matmul=fast", says=["force one of", "direct"])
        for command in ["build", "convert", "inspect"]:
            self.fails(2, command, self.model(), "-o", self.model(), says=["would replace the model"])
        for command in [["build", "-o", self.path("e.plan")], ["inspect", "--stage", "simplify"]]:
            self.fails(2, *command, self.model(), "--disable", "fuse.nonsense",
                       says=["fuse.nonsense", "simplify.cse", "fuse.epilogues"])
            self.succeeds(*command, self.model(), "--disable", "fuse.epilogues")


class Damaged(ProgramTest):
    def test_engines_that_are_cut_or_changed(self):
        engine = self.path("e.plan")
        self.succeeds("build", self.model(), "-o", engine)
        right = self.succeeds("run", engine).out
        good = self.read(engine)
        rng = random.Random(3)
        for length in [1, 8, 63, 64, 100, 1000] + [rng.randrange(len(good)) for _ in range(25)]:
            outcome = burnish("run", self.write("cut.plan", good[:length]))
            self.assertEqual(outcome.code, 3, f"{length}: {outcome.err}")
        for _ in range(80):
            at = rng.randrange(len(good))
            changed = bytearray(good)
            changed[at] ^= 1 << rng.randrange(8)
            outcome = burnish("run", self.write("changed.plan", bytes(changed)))
            if outcome.code == 0:  # padding
                self.assertEqual(outcome.out, right, f"byte {at}")
            else:
                self.assertEqual(outcome.code, 3, f"byte {at}: {outcome.err}")


class Bench(ProgramTest):
    KEYS = ["model", "isa", "threads", "batch", "build_ms", "load_ms", "first_ms", "latency_ms", "throughput",
            "arena_bytes", "weight_bytes", "derived_bytes"]

    def bench(self, file, *more):
        return self.succeeds("bench", file, "--duration", 0.05, "--warmup", 1, *more)

    def test_json(self):
        report = self.bench(self.model(), "--json", "--threads", 2, "--shapes", "x=f32[6,4]").json()
        for key in self.KEYS:
            self.assertIn(key, report)
        latency = report["latency_ms"]
        self.assertEqual(list(latency), ["min", "mean", "median", "p90", "p95", "p99", "max"])
        self.assertLessEqual(latency["min"], latency["median"])
        ranks = [latency[k] for k in ["min", "median", "p90", "p95", "p99", "max"]]
        self.assertEqual(ranks, sorted(ranks))
        self.assertEqual((report["batch"], report["threads"]), (6, 2))
        self.assertGreaterEqual(report["runs"], 10)
        self.assertGreater(report["build_ms"], 0)
        self.assertEqual(report["reference_share"], {"steps": 0, "time": 0})

    def test_engine_and_text(self):
        engine = self.path("e.plan")
        self.succeeds("build", self.model(), "-o", engine)
        text = self.bench(engine).out
        for word in ["Throughput", "Latency", "min =", "percentile(99%)", "Loaded in"]:
            self.assertIn(word, text)
        report = self.bench(engine, "--json", "--streams", 2, "--threads", 1).json()
        self.assertIsNone(report["build_ms"])
        self.assertEqual(report["streams"], 2)

    def test_profile(self):
        report = self.bench(self.model(), "--profile", "--json").json()
        layers = report["profile"]["layers"]
        self.assertIn("layer.one", " ".join(layer["layer"] for layer in layers))
        self.assertAlmostEqual(sum(layer["share"] for layer in layers), 1, places=3)
        self.assertIn("layer.one", self.bench(self.model(), "--profile").out)

    def test_share_of_references(self):
        report = self.bench(self.model(UNIQUE), "--json").json()
        self.assertEqual(report["reference_steps"], 1)
        self.assertGreater(report["reference_share"]["time"], 0)
        self.assertIn("References: 1 of", self.bench(self.model(UNIQUE)).out)


class Explain(ProgramTest):
    def test_model_and_engine_say_the_same(self):
        engine, model = self.path("e.plan"), self.model(UNIQUE)
        self.succeeds("build", model, "-o", engine)
        of_model = self.succeeds("explain", model, "--json").json()["decisions"]
        of_engine = self.succeeds("explain", engine, "--json").json()["decisions"]
        self.assertEqual(of_model, of_engine)
        fallback = [d for d in of_engine if d["id"] == "fallback.reference"]
        self.assertEqual([d["node"] for d in fallback], ["the layer"])
        for key in ["what", "why", "remedy"]:
            self.assertIn(key, fallback[0])

    def test_node(self):
        model = self.model(UNIQUE)
        report = self.succeeds("explain", model, "--node", "layer", "--json").json()
        self.assertTrue(report["decisions"])
        self.assertTrue(all("layer" in d["node"] for d in report["decisions"]))
        self.assertIn("because", self.succeeds("explain", model, "--node", "layer").out)
        self.fails(2, "explain", model, "--node", "nowhere", says="nowhere")


class Compare(ProgramTest):
    def test_same(self):
        model, engine = self.model(), self.path("e.plan")
        self.succeeds("build", model, "-o", engine)
        for a, b in [(model, "references"), (engine, "references"), ("references", engine), (model, engine), (engine, engine)]:
            with self.subTest(a=a, b=b):
                report = self.succeeds("compare", a, b, "--json").json()
                self.assertTrue(report["same"])
                self.assertEqual([o["name"] for o in report["outputs"]], ["y", "deep/h"])
        self.succeeds("compare", engine, model, "--exact")

    def test_different(self):
        other = self.model(MODEL.replace("12]", "13]"), "other.txt")
        outcome = self.fails(1, "compare", self.model(), other, "--json")
        report = outcome.json()
        self.assertFalse(report["same"])
        row = {o["name"]: o for o in report["outputs"]}["deep/h"]
        self.assertFalse(row["same"])
        self.assertGreater(row["max_absolute"], 0)
        self.fails(1, "compare", self.model(), other)
        self.succeeds("compare", self.model(), other, "--rtol", "1", "--atol", "1")

    def test_integers_are_exact_unless_a_tolerance_is_given(self):
        text = "graph @main(%x: i64[2]) {\n  %c: i64[] = constant() {value = tensor(i64[] [5000])}\n" \
               "  %y: i64[2] = add(%x, %c)\n  return %y\n}\n"
        model, other = self.model(text), self.model(text.replace("5000", "5003"), "other.txt")
        self.fails(1, "compare", model, other)
        self.succeeds("compare", model, other, "--rtol", "0.01")

    def test_wrong_usage(self):
        self.fails(2, "compare", "references", "references")
        self.fails(2, "compare", self.model(), "ort", says="ONNX Runtime")
        other = self.model("graph @main(%x: f32[2]) {\n  %y: f32[2] = exp(%x)\n  return %y\n}\n", "other.txt")
        self.fails(2, "compare", self.model(), other)
        self.fails(4, "compare", self.model(), self.path("none"))


class Bisect(ProgramTest):
    def test_nothing_to_find(self):
        report = self.succeeds("bisect", self.model(), "--against", "references", "--json").json()
        self.assertFalse(report["differ"])

    def test_rounding_is_found_when_nothing_is_tolerated(self):
        # The product of the constants is taken first, which changes last bits.
        values = ", ".join(str(1 / n) for n in range(3, 67))
        text = ("graph @main(%x: f32[64]) {\n"
                f"  %a: f32[64] = constant() {{value = tensor(f32[64] [{values}])}}\n"
                "  %b: f32[64] = mul(%x, %a)\n  %c: f32[64] = mul(%b, %a)\n  %y: f32[64] = softmax(%c) {axis = -1}\n"
                "  return %y\n}\n")
        outcome = burnish("bisect", self.model(text), "--against", "references", "--rtol", 0, "--atol", 0, "--json")
        report = json.loads(outcome.out)
        self.assertEqual(outcome.code, 1 if report["differ"] else 0)
        self.assertTrue(report["differ"])
        self.assertIn("pass", report)

    def test_wrong_usage(self):
        self.fails(2, "bisect", self.model(), "--against", "ort")
        self.fails(2, "bisect", self.model(), says="--against")


if __name__ == "__main__":
    unittest.main()
