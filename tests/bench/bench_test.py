"""bench/*.py: the numbers, engines in their processes on a small network, and what is reported of them."""

import contextlib
import json
import math
import os
import pathlib
import subprocess
import sys
import tempfile
import time
import unittest

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
PROGRAM = pathlib.Path(os.environ.get("BURNISH_PROGRAM", ROOT / "build" / "burnish")).resolve()
sys.path[:0] = [str(ROOT / "bench"), str(pathlib.Path(__file__).parent)]
import bench  # noqa: E402
import engines  # noqa: E402
import figures as numbers  # noqa: E402
import measure  # noqa: E402
import onnx_files  # noqa: E402
import report  # noqa: E402
from engines import ENGINES, BenchError, Engine, NotApplicable, Worker  # noqa: E402


def small_network(path):
    """x f32[N,L] and ids i64[N] to two outputs."""
    weights = numpy_helper.from_array(np.random.default_rng(5).standard_normal((6, 4)).astype(np.float32), "w")
    nodes = [helper.make_node("MatMul", ["x", "w"], ["h"]), helper.make_node("Relu", ["h"], ["y"]),
             helper.make_node("Add", ["ids", "ids"], ["twice"])]
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", "L", 6]),
              helper.make_tensor_value_info("ids", TensorProto.INT64, ["N"])]
    outputs = [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", "L", 4]),
               helper.make_tensor_value_info("twice", TensorProto.INT64, ["N"])]
    graph = helper.make_graph(nodes, "small", inputs, outputs, [weights])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path)


class NumbersTest(unittest.TestCase):
    def test_statistics_are_of_all_rounds(self):
        found = numbers.statistics([[4.0, 1.0, 3.0], [9.0, 2.0]])
        self.assertEqual((found["min"], found["median"], found["spread"], found["runs"]), (1.0, 3.0, 8.0, 5))
        self.assertEqual((found["round_min"], found["round_median"]), ([1.0, 2.0], [3.0, 5.5]))

    def test_percentiles_are_values_that_were_there(self):
        ordered = [float(i) for i in range(1, 21)]
        self.assertEqual([numbers.percentile(ordered, p) for p in (0, 10, 50, 90, 100)], [1, 2, 10, 18, 20])

    def test_difference_is_measured_against_the_largest(self):
        theirs = [np.array([1.0, -4.0]), np.array([8, 2])]
        self.assertEqual(numbers.difference([np.array([1.0, -3.0]), np.array([8, 3])], theirs), 0.25)
        self.assertEqual(numbers.difference(theirs, theirs), 0)

    def test_what_cannot_be_compared_differs(self):
        one = np.ones(2, np.float32)
        nan, infinite = np.array([1, np.nan], np.float32), np.array([1, np.inf], np.float32)
        for ours, theirs in (([one], []), ([one], [one.astype(np.float64)]), ([one], [one[:1]]), ([one], [nan]),
                             ([nan], [one]), ([-infinite], [infinite]), ([one], [0 * one])):
            self.assertEqual(numbers.difference(ours, theirs), math.inf)
        self.assertEqual(numbers.difference([nan, infinite, 0 * one], [nan, infinite, 0 * one]), 0)

    def test_open_sizes(self):
        inputs = [("x", np.dtype(np.float32), ["N", 3, "H"]), ("ids", np.dtype(np.int64), ["N", "T"])]
        self.assertEqual(onnx_files.sizes_of(inputs, {"H": 7}), {"N": 1, "H": 7, "T": 128})
        self.assertEqual(onnx_files.sizes_of(inputs, {"H": 7, "N": 2, "T": 5}), {"N": 2, "H": 7, "T": 5})
        with self.assertRaisesRegex(BenchError, "--size H=NUMBER"):
            onnx_files.sizes_of(inputs, {})

    def test_values_are_seeded(self):
        inputs = [("x", np.dtype(np.float32), ["N", 3]), ("input_ids", np.dtype(np.int64), [50]),
                  ("mask", np.dtype(bool), [50])]
        one, other = (onnx_files.values_of(inputs, {"N": 2}) for _ in range(2))
        self.assertEqual({k: onnx_files.type_text(v) for k, v in one.items()},
                         {"x": "f32[2,3]", "input_ids": "i64[50]", "mask": "bool[50]"})
        for name in one:
            np.testing.assert_array_equal(one[name], other[name])
        self.assertTrue(1 < one["input_ids"].max() <= 999)

    def test_limits(self):
        self.assertAlmostEqual(numbers.first_answer_limit(5, 50e6, 7), 5 + 100 + 10 + 7)
        self.assertAlmostEqual(numbers.memory_limit(100 * 2**20, 100 * 2**20), 280 * 2**20)

    def test_work_of_others_is_seen_and_our_own_is_not(self):
        spin = subprocess.Popen([sys.executable, "-c", "while True: pass"])
        self.addCleanup(spin.wait)
        self.addCleanup(spin.kill)
        others, without = numbers.Others(), numbers.Others([spin.pid])
        time.sleep(0.5)
        seen, unseen = others.processors(), without.processors()
        self.assertGreater(seen, unseen)

    def test_failures(self):
        self.assertEqual(bench.failures({"differences": {"ort": 1e-6}, "same_bits": True}), [])
        self.assertEqual(len(bench.failures({"differences": {"ort": math.nan}, "same_bits": False})), 2)
        # A peer that is not exact is not our failure while another agrees with us; alone, nobody does.
        self.assertEqual(bench.failures({"differences": {"ncnn": 1e-3, "mnn": 1e-6}, "same_bits": True}), [])
        self.assertEqual(len(bench.failures({"differences": {"ncnn": 1e-3}, "same_bits": True})), 1)

    def test_multiplications_are_those_of_the_definitions(self):
        def count(operator, shapes, result, **attributes):
            node = helper.make_node(operator, [f"i{n}" for n in range(len(shapes))], ["y"], **attributes)
            first, *others = [helper.make_tensor_value_info(f"i{n}", TensorProto.FLOAT, s)
                              for n, s in enumerate(shapes)]
            y = helper.make_tensor_value_info("y", TensorProto.FLOAT, result)
            graph = helper.make_graph([node], "one", [first, *others], [y])
            return onnx_files.multiplications_of(helper.make_model(graph), {"N": 2})
        self.assertEqual(count("Conv", [["N", 6, 9, 9], [10, 3, 3, 3]], ["N", 10, 7, 7], group=2), 2 * 10 * 49 * 3 * 9)
        self.assertEqual(count("MatMul", [["N", 4, 5], [5, 7]], ["N", 4, 7]), 2 * 4 * 7 * 5)
        self.assertEqual(count("Gemm", [[5, 4], [5, 7]], [4, 7], transA=1), 4 * 7 * 5)
        self.assertIsNone(count("MatMul", [["M", 5], [5, 7]], ["M", 7]))  # of no known size
        self.assertEqual(count("Relu", [[4, 5]], [4, 5]), 0)


class EnginesTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="burnish-bench-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def setup_of(self, name):
        """What a worker gets, for the small network."""
        model, plan = self.folder / "small.onnx", self.folder / "small.plan"
        small_network(model)
        inputs = onnx_files.inputs_of(onnx_files.load(model))
        sizes = onnx_files.sizes_of(inputs, {"L": 3})
        values, files = onnx_files.values_of(inputs, sizes), {}
        for key, array in values.items():
            files[key] = str(self.folder / f"{key}.npy")
            np.save(files[key], array)
        shapes = [word for key, array in values.items()
                  for word in ("--shapes", f"{key}={onnx_files.type_text(array)}")]
        measure.Program(PROGRAM).text("build", model, "-o", plan, *shapes)
        return {"file": str(plan if name == "burnish" else model), "threads": 2, "inputs": files, "sizes": sizes,
                "library": str(PROGRAM.parent / "libburnish-runtime.so")}

    def worker(self, name, **changes):
        worker = Worker(ENGINES[name], {**self.setup_of(name), **changes})
        self.addCleanup(worker.close)
        return worker

    def test_engines_agree(self):
        ours, theirs = (self.worker(name).outputs(self.folder / f"{name}.npz") for name in ("burnish", "ort"))
        self.assertEqual([(a.shape, a.dtype) for a in ours], [((1, 3, 4), np.float32), ((1,), np.int64)])
        self.assertGreater(np.abs(ours[0]).max(), 0)
        self.assertLess(numbers.difference(ours, theirs), 1e-5)

    def test_engines_are_timed(self):
        for name in ("burnish", "ort"):
            worker = self.worker(name)
            times = worker.ask(warm=0, seconds=0, least=5)["ms"]
            self.assertEqual(len(times), 5)
            self.assertGreater(min(times), 0)
            self.assertIn("version", worker.facts)

    def test_what_an_engine_says_is_the_error(self):
        with self.assertRaisesRegex(BenchError, "Burnish: .*nowhere.plan"):
            self.worker("burnish", file=str(self.folder / "nowhere.plan"))
        with self.assertRaisesRegex(BenchError, "ONNX Runtime: "):
            self.worker("ort", file=str(self.folder / "nowhere.onnx"))

    def test_a_missing_input_is_the_error(self):
        inputs = self.setup_of("burnish")["inputs"]
        with self.assertRaisesRegex(BenchError, "Burnish: .*ids"):
            self.worker("burnish", inputs={"x": inputs["x"]})

    def test_peak_is_that_of_the_program(self):
        model = self.folder / "small.onnx"
        small_network(model)
        program = measure.Program(PROGRAM)
        peak = program.peak_bytes("run", model, "--quiet")
        self.assertTrue(2**20 < peak < 2**30, peak)
        with self.assertRaisesRegex(BenchError, "nowhere"):
            program.peak_bytes("run", self.folder / "nowhere.plan", "--quiet")
        self.assertTrue(json.loads(program.text("zoo", "--list", "--json"))["networks"])


class Fakes(unittest.TestCase):
    """Engines of tests/bench/fake_engines.py in the place of what would have to be installed."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="burnish-bench-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.saved = dict(ENGINES), list(report.PEERS), measure.WORK, dict(os.environ)
        for name, kind in (("right", "Right"), ("wrong", "Wrong"), ("unable", "Unable"), ("broken", "Broken")):
            ENGINES[name] = Engine(name, name.capitalize(), f"fake_engines.{kind}", avx2={"HELD": "1"})
            report.PEERS.append(name)
        measure.WORK = self.folder
        os.environ["PYTHONPATH"] = str(pathlib.Path(__file__).parent)
        os.environ["FAKE_LOG"] = str(self.folder / "log")
        self.peak = self.folder / "peak"
        self.peak.write_text('#!/bin/sh\necho "{\\"threads\\": $1, \\"bits\\": $2, \\"macs_per_second\\": 1e9}"\n')
        self.peak.chmod(0o755)
        self.model = self.folder / "small.onnx"
        small_network(self.model)

    def tearDown(self):
        kept, peers, measure.WORK, environment = self.saved
        ENGINES.clear()
        ENGINES.update(kept)
        report.PEERS[:] = peers
        os.environ.clear()
        os.environ.update(environment)

    def options(self, *more, vs="right,wrong,unable,broken"):
        return bench.parse([str(self.model), "--vs", vs, "--rounds", "2", "--seconds", "0", "--burnish", str(PROGRAM),
                            "--peak", str(self.peak), "--size", "L=3", "--results", str(self.folder / "results"),
                            "--force", *more])

    def row(self, *more, **which):
        options = self.options(*more, **which)
        job = (str(self.model), options.batch[0], options.threads[0])
        return measure.measure(measure.Program(PROGRAM), job, options, lambda text: None)

    def test_a_row_has_times_or_reasons(self):
        row = self.row("--batch", "4", "--repeats", "2")
        self.assertEqual(list(row["times_ms"]), ["burnish", "right"])
        self.assertEqual(row["times_ms"]["right"]["runs"], 12)  # of two repeats of two rounds of at least three
        self.assertEqual(len(row["repeats_ms"]), 2)
        self.assertEqual(sorted(row["not_applicable"]), ["broken", "unable", "wrong"])
        self.assertIn("differ", row["not_applicable"]["wrong"])
        self.assertIn("has no layer for Gather", row["not_applicable"]["unable"])
        self.assertIn("ended with exit code 3", row["not_applicable"]["broken"])
        self.assertEqual((row["batch"], row["inputs"]["x"], row["macs"]), (4, "f32[4,3,6]", 4 * 3 * 6 * 4))
        self.assertEqual(row["bounds"]["burnish"]["multiplications"], row["macs"])
        self.assertEqual(bench.failures(row), [])

    def test_one_engine_runs_at_a_time(self):
        ENGINES["second"] = Engine("second", "Second", "fake_engines.Right")
        report.PEERS.append("second")
        self.row(vs="right,second")
        runs = sorted(line.split() for line in (self.folder / "log").read_text().splitlines())
        self.assertEqual(len({process for _, _, process in runs}), 2)
        changes = [(one, other) for one, other in zip(runs, runs[1:]) if one[2] != other[2]]
        self.assertGreater(len(changes), 4)
        for one, other in changes:
            self.assertLessEqual(float(one[1]), float(other[0]))

    def test_an_engine_that_spins_stands_still_between_turns(self):
        worker = Worker(ENGINES["right"], {"threads": 1, "inputs": {}, "spin": True, "shapes": []})
        self.addCleanup(worker.close)
        end = time.monotonic() + 5
        while pathlib.Path(f"/proc/{worker.pid}/stat").read_text().rpartition(")")[2].split()[0] != "T":
            self.assertLess(time.monotonic(), end)
        used = numbers.own_seconds([worker.pid])
        time.sleep(0.2)
        self.assertEqual(numbers.own_seconds([worker.pid]), used)

    def test_a_process_that_stands_still_ends_with_the_benchmark(self):
        setup = {"threads": 1, "inputs": {}, "shapes": []}
        script = ("import sys, os; sys.path.insert(0, sys.argv[1]); import engines; "
                  "e = engines.Engine('f', 'F', 'fake_engines.Right'); "
                  f"print(engines.Worker(e, {setup}).pid, flush=True); os._exit(1)")
        done = subprocess.run([sys.executable, "-c", script, str(ROOT / "bench")], capture_output=True, text=True)
        process, end = pathlib.Path(f"/proc/{int(done.stdout)}/stat"), time.monotonic() + 5
        while process.exists() and process.read_text().rpartition(")")[2].split()[0] != "Z":
            self.assertLess(time.monotonic(), end)
            time.sleep(0.01)

    def test_peers_are_held_to_avx2_or_left_out(self):
        ENGINES["unable"] = Engine("unable", "Unable", "fake_engines.Right", not_avx2="knows no such option")
        model = {"module": None}
        self.assertEqual(engines.not_applicable(ENGINES["unable"], model, True), "knows no such option")
        self.assertIsNone(engines.not_applicable(ENGINES["unable"], model, False))
        self.assertIsNone(engines.not_applicable(ENGINES["right"], model, True))
        self.assertEqual(engines.variables(ENGINES["right"], 3, True)["HELD"], "1")
        self.assertNotIn("HELD", engines.variables(ENGINES["right"], 3, False))
        os.environ["OPENBLAS_CORETYPE"] = "Haswell"
        self.assertNotIn("OPENBLAS_CORETYPE", engines.variables(ENGINES["right"], 3, False))

    def test_a_module_is_wanted_by_some(self):
        reason = engines.not_applicable(ENGINES["inductor"], {"module": None}, False)
        self.assertIn("PyTorch modules", reason)
        self.assertIsNone(engines.not_applicable(ENGINES["inductor"], {"module": "resnet50"}, False))

    def test_what_a_converter_said_is_kept(self):
        ENGINES["unable"] = Engine("unable", "Unable", "fake_engines.Unable", flags="once")
        model = {"name": "m", "folder": str(self.folder), "sha256": "0", "threads": 1}
        said = []
        for _ in range(2):
            with self.assertRaisesRegex(NotApplicable, "has no layer for Gather"):
                engines.prepare(ENGINES["unable"], model, said.append)
        self.assertEqual(len(said), 1)
        with self.assertRaises(NotApplicable):
            engines.prepare(ENGINES["unable"], {**model, "sha256": "1"}, said.append)  # another model is tried again
        self.assertEqual(len(said), 2)

    def test_a_fixed_batch_is_not_changed(self):
        model = onnx.load(self.model)
        model.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 1
        onnx.save(model, self.model)
        with self.assertRaisesRegex(BenchError, "a batch of 4 needs"):
            self.row("--batch", "4", vs="right")

    def test_a_missing_peak_program_is_told(self):
        with self.assertRaisesRegex(BenchError, "nowhere.*./dev bench builds it"):
            measure.fma_peak(self.folder / "nowhere", 1)

    def test_rows_are_kept_only_for_the_same_settings(self):
        options, here = self.options("--resume", vs="right"), {"processor": "P"}
        settings = bench.settings_of(options, PROGRAM)
        self.assertEqual(bench.resumed(options, here, settings), [])
        report.write({"machine": here, "settings": settings, "rows": [self.row(vs="right")]}, options.results)
        self.assertEqual([r["network"] for r in bench.resumed(options, here, settings)], [str(self.model)])
        with self.assertRaisesRegex(BenchError, "another rounds"):
            bench.resumed(options, here, {**settings, "rounds": 9})
        with self.assertRaisesRegex(BenchError, "another processor"):
            bench.resumed(options, {"processor": "Q"}, settings)

    def test_wrong_options(self):
        for words in (["--vs", "nobody"], ["--batch", "0"], ["--threads", "1,x"], ["--size", "7"], ["--ours", "ort"],
                      ["--rounds", "0"]):
            with self.assertRaises(SystemExit) as ended, open(os.devnull, "w") as nothing:
                with contextlib.redirect_stderr(nothing):
                    bench.parse(words)
            self.assertEqual(ended.exception.code, 2, words)

    def test_environments_are_pinned(self):
        for engine in [e for e in self.saved[0].values() if e.environment]:
            lines = engines.requirements(engine.environment).read_text().splitlines()
            packages = [line.partition("#")[0].strip() for line in lines if line.partition("#")[0].strip()]
            self.assertTrue(packages)
            for line in packages:
                self.assertRegex(line, r"^[A-Za-z0-9._-]+==[A-Za-z0-9.]+$")


def made_row(network, ours, peers, **more):
    times = {name: {"min": ms, "median": ms * 1.1, "spread": 0.1, "runs": 9}
             for name, ms in (("burnish", ours), *peers.items())}
    built = {"build_seconds": 1.0, "file_bytes": 1, "weight_bytes": 2**20, "derived_bytes": 0, "reference_nodes": 0}
    return {"network": network, "batch": 1, "threads": 2, "cpu": "host", "source": "torch", "macs": 2_000_000_000,
            "peak": {"threads": 2, "bits": 512, "macs_per_second": 100e9}, "times_ms": times,
            "repeats_ms": [{n: t["min"] for n, t in times.items()}], "not_applicable": {}, "others_processors": 0.0,
            "differences": {n: 1e-6 for n in peers}, "versions": {n: "1.2" for n in times}, "isa": "x86-64-v4",
            "date": "2026-01-02T03:04+00:00", "builds": {"burnish": built}, "arena_bytes": 0, "peak_bytes": 0,
            "bounds": {"burnish": {"bound_ms": ours / 2, "multiplications": 1_500_000_000, "bytes": 10}},
            "peak_limit_bytes": 1, "first_answer_ms": 1.0, "first_answer_limit_ms": 2.0, "same_bits": True, **more}


class ReportTest(unittest.TestCase):
    ROWS = [made_row("one", 40.0, {"ort": 60.0, "mnn": 50.0}),
            made_row("two", 20.0, {"ort": 10.0}, not_applicable={"mnn": "has no layer for it"})]

    def report(self):
        settings = {"rounds": 3, "seconds": 0.5, "repeats": 1}
        return {"machine": {"processor": "A processor", "processors": 2, "system": "Linux", "commit": "abc"},
                "settings": settings, "rows": self.ROWS}

    def test_the_best_peer_counts(self):
        self.assertEqual([report.best_peer(row) for row in self.ROWS], ["mnn", "ort"])
        self.assertEqual([report.ratio(row) for row in self.ROWS], [1.25, 0.5])
        self.assertAlmostEqual(report.of_peak(self.ROWS[0], "burnish"), 0.5)
        self.assertIsNone(report.of_peak({**self.ROWS[0], "macs": None}, "burnish"))
        self.assertIsNone(report.ratio(made_row("alone", 1.0, {})))

    def test_of_repeats_the_lowest_ratio_counts(self):
        runs = [{"burnish": 10.0, "ort": 30.0, "mnn": 20.0}, {"burnish": 11.0, "ort": 11.0, "mnn": 22.0}]
        self.assertEqual(report.ratio(made_row("n", 10.0, {"ort": 11.0, "mnn": 20.0}, repeats_ms=runs)), 1.0)

    def test_geometric_mean(self):
        self.assertAlmostEqual(report.geometric_mean([2, 8, None]), 4)
        self.assertIsNone(report.geometric_mean([None]))

    def test_tsv_has_a_line_for_each_engine_and_network(self):
        lines = [line.split("\t") for line in report.tsv(self.ROWS).splitlines()]
        self.assertEqual({len(line) for line in lines}, {len(report.COLUMNS)})
        self.assertEqual([line[5] for line in lines], ["engine", "burnish", "ort", "mnn", "burnish", "ort", "mnn"])
        self.assertEqual(lines[-1][7:11] + lines[-1][-1:], ["", "", "", "", "has no layer for it"])

    def test_docs_say_everything(self):
        text = report.docs([self.report()])
        self.assertIn("| one | 40.0 | 60.0 | **50.0** | 1.25 | 0.50 | 0.40 |", text)
        self.assertIn("| two | 20.0 | **10.0** | n/a | 0.50 | 1.00 | 2.00 |", text)
        self.assertIn("- MNN on two: has no layer for it", text)
        self.assertIn("| one | Burnish | 1.50 | 20.0 | 0.50 | 1.0 | 1.0 | 0.0 |", text)
        for word in ("A processor", "Linux", "abc", "2026-01-02", "ONNX Runtime | 1.2", "x86-64-v4", "0.79"):
            self.assertIn(word, text)

    def test_readme_is_written_from_docs(self):
        block = report.readme_block(report.docs([self.report()]))
        self.assertIn("| one | 40.0 | 60.0 | **50.0** | 1.25 | 0.50 | 0.40 |", block)
        self.assertIn("beside ONNX Runtime 1.2, MNN 1.2", block)
        readme = f"before\n{report.BEGIN}\nold\n{report.END}\nafter\n"
        self.assertEqual(report.with_block(readme, block), f"before\n{block}\nafter\n")

    def test_the_readme_has_the_numbers_of_the_docs(self):
        readme = (ROOT / "README.md").read_text()
        self.assertEqual((readme.count(report.BEGIN), readme.count(report.END)), (1, 1))
        if report.DOCS.is_file():
            self.assertIn(report.readme_block(report.DOCS.read_text()), readme)
        else:
            self.assertNotIn("docs/benchmarks.md)", readme)


if __name__ == "__main__":
    unittest.main()
