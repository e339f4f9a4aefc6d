"""Why it is slow: the numbers of bench --profile and explain, and the page of bench --html."""

import json
import os
import re
import unittest

import numpy as np

from program import MODEL, ProgramTest, burnish

# 32 * 28 * 28 results of 32 * 9 products each.
CONVOLUTION = f"""graph @main(%x: f32[1,32,28,28]) {{
  %w: f32[32,32,3,3] = constant() {{value = tensor(f32[32,32,3,3] [{", ".join(["1"] * 9216)}])}}
  %c: f32[1,32,28,28] = conv(%x, %w) {{pads = [1, 1, 1, 1]}} from "the convolution"
  %y: f32[1,32,28,28] = relu(%c) from "the activation"
  return %y
}}
"""
MACS = 32 * 28 * 28 * 32 * 9

LOOP = """graph @main(%n: i64[], %x: f32[4]) {
  %k: bool[] = constant() {value = tensor(bool[] [true])}
  %y: f32[4] = loop(%n, %k, %x) from "the loop" body(%i: i64[], %c: bool[], %v: f32[4]) {
    %w: f32[4] = exp(%v) from "inside"
    return %c, %w
  }
  %z: f32[4] = neg(%y) from "after"
  return %z
}
"""

HOSTILE = "</script><script>alert('1')</script><img src=x onerror=alert(1)> & <!-- \u2028 \u00e9"


class Report(ProgramTest):
    def bench(self, *arguments):
        return self.succeeds("bench", "--duration", "0.1", "--warmup", "0", "--threads", 2, *arguments)

    def page(self, model, *more):
        """The text of the page, and the report that --json printed beside it."""
        file = self.path("page.html")
        report = self.bench(model, "--html", file, "--json", *more).json()
        return self.read("page.html").decode(), report

    @staticmethod
    def data_of(page):
        return json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.S)[1])


class Profile(Report):
    def layer(self, model, name, *more):
        layers = self.bench(model, "--profile", "--json", *more).json()["profile"]["layers"]
        return next(layer for layer in layers if name in layer["layer"])

    def test_fields_agree_with_each_other(self):
        report = self.bench(self.model(), "--profile", "--json").json()
        machine, profile = report["machine"], report["profile"]
        self.assertEqual(machine["threads"], 2)
        self.assertIn(machine["vector_bits"], (128, 256, 512))
        self.assertGreater(machine["macs_per_second"], 1e8)
        sizes = [rate["bytes"] for rate in machine["reading"]]
        self.assertEqual(sizes, sorted(set(sizes)))
        self.assertTrue(all(rate["bytes_per_second"] > 1e7 for rate in machine["reading"]))
        for key in ["macs", "multiplications", "bytes"]:
            self.assertEqual(profile[key], sum(layer[key] or 0 for layer in profile["layers"]))
        for key, total in [("mean_ms", "total_ms"), ("bound_ms", "bound_ms")]:
            self.assertAlmostEqual(profile[total], sum(layer[key] or 0 for layer in profile["layers"]), places=6)
        for layer in profile["layers"]:
            self.assertAlmostEqual(layer["fraction"], layer["bound_ms"] / layer["median_ms"], places=6)
            self.assertAlmostEqual(layer["gain_ms"], max(0, layer["median_ms"] - layer["bound_ms"]), places=9)
            self.assertLessEqual(layer["min_ms"], layer["median_ms"])

    def test_work_is_that_of_the_shapes(self):
        for n in (1, 5):
            matmul = self.layer(self.model(), "layer.one", "--shapes", f"x=f32[{n},4]")
            self.assertEqual(matmul["macs"], n * 4 * 3)
            self.assertEqual(matmul["bytes"], 4 * (n * 4 + 4 * 3 + n * 3))
        model = self.model(CONVOLUTION)
        direct = self.layer(model, "convolution", "--force", "convolution=direct")
        self.assertEqual((direct["macs"], direct["multiplications"]), (MACS, MACS))
        self.assertEqual(direct["bytes"], 4 * (2 * 32 * 28 * 28 + 9216))
        winograd = self.layer(model, "convolution", "--force", "convolution=winograd 4x4", "--derived-limit", 100)
        self.assertEqual((winograd["macs"], winograd["multiplications"]), (MACS, MACS // 4))
        self.assertTrue(winograd["tactic"].startswith("winograd 4x4"))
        # A sum of the same length on every machine: no layer is faster than its bound by much.
        for layer in (direct, winograd):
            self.assertGreater(layer["fraction"], 0)
            self.assertLess(layer["fraction"], 1.5)
            self.assertEqual(layer["bound_by"], "macs")

    def test_losers_and_estimates(self):
        layer = self.layer(self.model(CONVOLUTION), "convolution", "--derived-limit", 100)
        self.assertGreater(layer["estimate_ms"], 0)
        self.assertFalse(layer["estimate_measured"])
        self.assertTrue(layer["losers"])
        self.assertNotIn(layer["tactic"], [loser["tactic"] for loser in layer["losers"]])

    def test_engines_know_as_much_as_models(self):
        model, engine = self.model(CONVOLUTION), self.path("e.plan")
        self.succeeds("build", model, "-o", engine)
        same = ["layer", "how", "macs", "multiplications", "bytes", "tactic", "why", "estimate_ms", "losers"]
        of = lambda file, *more: [{key: layer[key] for key in same} for layer in
                                  self.bench(file, "--profile", "--json", *more).json()["profile"]["layers"]]
        self.assertEqual(of(model), of(engine))
        self.assertEqual(of(engine), of(engine, "--no-code"))

    def test_loops_count_every_call(self):
        inside = self.layer(self.model(LOOP), "inside", "--input", "n=" + self.number(3))
        self.assertEqual(inside["calls"], 3)
        self.assertEqual(inside["bytes"], 3 * 2 * 4 * 4)

    def number(self, n):
        np.save(self.path("n.npy"), np.int64(n))
        return self.path("n.npy")

    def test_text(self):
        text = self.bench(self.model(CONVOLUTION), "--profile").out
        for word in ["Peaks:", "multiply-adds a second", "GB/s", "of peak", "7.23 M", "by the peaks"]:
            self.assertIn(word, text)


class Explain(Report):
    def test_work_without_a_run(self):
        model = self.model(CONVOLUTION)
        report = self.succeeds("explain", model, "--json").json()
        layer = report["layers"][0]
        self.assertEqual(layer["macs"], MACS)
        self.assertIn("the convolution", layer["layer"])
        self.assertTrue(layer["losers"])
        self.assertIn("7.23 M", self.succeeds("explain", model).out)
        engine = self.path("e.plan")
        self.succeeds("build", model, "-o", engine)
        self.assertEqual(self.succeeds("explain", engine, "--json").json()["layers"], report["layers"])

    def test_sizes_are_the_expected_ones(self):
        report = self.succeeds("explain", self.model(), "--shapes", "x=f32[1..8..64,4]", "--json").json()
        self.assertEqual(report["symbols"], {"N": 8})
        self.assertEqual(report["layers"][0]["macs"], 8 * 4 * 3)
        self.assertEqual(self.succeeds("explain", self.model(), "--json").json()["layers"][0]["macs"], 4 * 3)

    def test_node(self):
        report = self.succeeds("explain", self.model(), "--node", "layer.one", "--json").json()
        self.assertEqual([layer["layer"] for layer in report["layers"]], ["layer.one"])


class Page(Report):
    def test_data_is_what_json_prints(self):
        page, report = self.page(self.model(CONVOLUTION))
        self.assertEqual(self.data_of(page), report)
        steps, nodes = report["graph"]["steps"], report["graph"]["nodes"]
        self.assertEqual([node["op"] for node in nodes][:1], ["convolution"])
        owners = [n for step in steps for n in step["nodes"]]
        self.assertEqual(sorted(owners), sorted(set(owners)))
        for step in steps:
            self.assertTrue(all(-len(report["graph"]["inputs"]) <= f < len(steps) for f in step["from"]))
        for layer in report["profile"]["layers"]:
            self.assertEqual(steps[layer["id"]]["layer"], layer["layer"])
        self.assertTrue(report["decisions"])

    def test_timeline(self):
        _, report = self.page(self.model(CONVOLUTION))
        timeline = report["timeline"]
        self.assertEqual(timeline["threads"], 2)
        self.assertEqual(len(timeline["events"]), timeline["steps"])
        last = 0
        for event in timeline["events"]:
            self.assertGreaterEqual(event["start_ms"], last)
            last = event["start_ms"] + event["ms"]
            self.assertLessEqual(last, timeline["run_ms"] * 1.001)
            self.assertTrue(event["workers"])
            for worker, first, end, busy in event["workers"]:
                self.assertLess(worker, 2)
                self.assertLessEqual(event["start_ms"], first)
                self.assertLessEqual(end, last + 1e-6)
                self.assertLessEqual(busy, end - first + 1e-6)

    def test_memory(self):
        model = self.model("graph @main(%x: f32[1024]) {\n" + "".join(
            f"  %{b}: f32[1024] = softmax(%{a}) from \"{b}\"\n" for a, b in zip("xabc", "abcd")) + "  return %d\n}\n")
        _, report = self.page(model)
        memory = report["memory"]
        self.assertEqual(memory["context_bytes"], report["arena_bytes"])
        self.assertTrue(memory["buffers"])
        live = [0] * memory["steps"]
        for buffer in memory["buffers"]:
            self.assertEqual(buffer["bytes"], 4096)
            self.assertLessEqual(buffer["offset"] + buffer["bytes"], memory["bytes"])
            for s in range(buffer["first"], buffer["last"] + 1):
                live[s] += buffer["bytes"]
            for other in memory["buffers"]:
                apart = other["last"] < buffer["first"] or buffer["last"] < other["first"]
                if other is not buffer and not apart:
                    self.assertTrue(other["offset"] >= buffer["offset"] + buffer["bytes"] or
                                    buffer["offset"] >= other["offset"] + other["bytes"])
        self.assertEqual(memory["peak"]["bytes"], max(live))
        self.assertEqual(live[memory["peak"]["step"]], max(live))

    def test_bodies(self):
        _, report = self.page(self.model(LOOP))
        steps = {step["layer"]: (i, step) for i, step in enumerate(report["graph"]["steps"])}
        loop, inside = steps["the loop"], steps["inside"]
        self.assertEqual(inside[1]["inside"], loop[0])
        self.assertEqual((loop[1]["how"], inside[1]["program"]), ("loop", 1))
        self.assertIn(loop[0], steps["after"][1]["from"])

    def test_nothing_is_fetched(self):
        page, _ = self.page(self.model())
        for word in ["http:", "https:", "src=", "href=", "url(", "@import", "<link", "import(", "fetch(",
                     "XMLHttpRequest"]:
            self.assertNotIn(word, page)
        self.assertIn("default-src 'none'", page)

    def test_hostile_names_stay_text(self):
        text = MODEL.replace('"layer.one"', json.dumps(HOSTILE, ensure_ascii=False))
        page, report = self.page(self.model(text))
        self.assertIn(HOSTILE, [step["layer"] for step in report["graph"]["steps"]])
        self.assertEqual(self.data_of(page), report)
        for word in ["<img", "alert('1')</", "<!-- "]:
            self.assertNotIn(word, page)
        self.assertEqual(page.count("</script>"), 2)

    def test_names_that_are_no_text(self):
        model = self.write("m.txt", MODEL.encode().replace(b"layer.one", b"\xff\xfe one"))
        outcome = burnish("bench", model, "--duration", "0", "--html", self.path("p.html"), "--json")
        if outcome.code == 0:
            self.assertEqual(self.data_of(self.read("p.html").decode()), outcome.json())
        else:
            self.assertEqual(outcome.code, 3, outcome.err)

    def test_disks(self):
        model = self.model()
        for file in [self.path("no/such/folder/p.html"), "/dev/full", self.folder]:
            with self.subTest(file):
                self.fails(4, "bench", model, "--duration", "0", "--html", file)
        self.assertEqual(os.listdir(self.folder), ["model.txt"])
        self.fails(2, "bench", model, "--html", model, says="replace the model")
        self.assertEqual(self.read("model.txt"), MODEL.encode())
        self.fails(2, "bench", "--vs", "ort", model, "--html", self.path("p.html"), says="--html has no meaning")

    def test_a_run_that_fails_leaves_no_page(self):
        model = self.model("graph @main(%t: f32[4], %i: i64[2]) {\n"
                           "  %y: f32[2] = gather(%t, %i) {axis = 0} from \"the lookup\"\n  return %y\n}\n")
        np.save(self.path("i.npy"), np.array([0, 9]))
        self.fails(3, "bench", model, "--input", "i=" + self.path("i.npy"), "--html", self.path("p.html"),
                   says="the lookup")
        self.assertNotIn("p.html", os.listdir(self.folder))


if __name__ == "__main__":
    unittest.main()
