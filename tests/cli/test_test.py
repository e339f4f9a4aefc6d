"""test: cases that pass, fail, are skipped, crash or hang; expectations; variants."""

import os
import unittest

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from program import ProgramTest, burnish


class Test(ProgramTest):
    def case(self, name, node, inputs, outputs, sets=1):
        """A case of one node; inputs and outputs are arrays."""
        folder = self.path("cases/" + name)
        os.makedirs(folder)
        info = lambda n, a: helper.make_tensor_value_info(n, helper.np_dtype_to_tensor_dtype(a.dtype), a.shape)
        named = [(f"x{i}", a) for i, a in enumerate(inputs)], [(f"y{i}", a) for i, a in enumerate(outputs)]
        graph = helper.make_graph([node] if node is not None else [], "g", [info(*v) for v in named[0]],
                                  [info(*v) for v in named[1]])
        onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]), folder + "/model.onnx")
        for s in range(sets):
            os.makedirs(f"{folder}/test_data_set_{s}")
            for kind, values in zip(["input", "output"], named):
                for i, (n, a) in enumerate(values):
                    with open(f"{folder}/test_data_set_{s}/{kind}_{i}.pb", "wb") as file:
                        file.write(numpy_helper.from_array(a, n).SerializeToString())
        return folder

    def relu(self, name="relu", wrong=0.0, **options):
        x = np.linspace(-1, 1, 6, dtype=np.float32).reshape(2, 3)
        return self.case(name, helper.make_node("Relu", ["x0"], ["y0"]), [x], [np.maximum(x, 0) + np.float32(wrong)], **options)

    def expect(self, *rows):
        return self.write("expect.tsv", "case\tresult\trtol\tatol\treason\n# a remark\n\n" +
                          "".join("\t".join(row) + "\n" for row in rows))

    def last_line(self, outcome):
        return outcome.out.splitlines()[-1]

    def test_one_case_and_a_folder_of_cases(self):
        folder = self.relu(sets=2)
        self.relu("deeper/still/relu2")
        for where in ["engine", "references"]:
            self.assertEqual(self.last_line(self.succeeds("test", folder, "--on", where)), "1 passed, 0 failed, 0 skipped")
            self.assertEqual(self.last_line(self.succeeds("test", self.path("cases"), "--on", where)),
                             "2 passed, 0 failed, 0 skipped")
        self.assertEqual(self.last_line(self.succeeds("test", folder, self.path("cases/deeper"), "--jobs", 1)),
                         "2 passed, 0 failed, 0 skipped")

    def test_wrong_numbers_fail(self):
        self.relu(wrong=0.01)
        outcome = self.fails(1, "test", self.path("cases"))
        self.assertIn("failed relu: output 'y0' element", outcome.out)
        self.assertEqual(self.last_line(outcome), "0 passed, 1 failed, 0 skipped")
        self.succeeds("test", self.path("cases"), "--atol", "0.02")

    def test_integers_are_exact_unless_a_tolerance_is_given(self):
        x = np.array([5003, 2**60], np.int64)
        self.case("abs", helper.make_node("Abs", ["x0"], ["y0"]), [x], [x - np.array([3, 0])])
        outcome = self.fails(1, "test", self.path("cases"))
        self.assertIn("element 0 is 5003, expected 5000", outcome.out)
        self.succeeds("test", self.path("cases"), "--rtol", "0.001")
        self.succeeds("test", self.path("cases"), "--expect", self.expect(["abs", "passed", "0.001", "", "rounded"]))
        self.case("last_bit", helper.make_node("Abs", ["x0"], ["y0"]), [x], [x + np.array([0, 1])])
        self.fails(1, "test", self.path("cases/last_bit"))

    def test_json(self):
        self.relu()
        self.relu("wrong", wrong=1)
        outcome = self.fails(1, "test", self.path("cases"), "--json")
        report = outcome.json()
        self.assertEqual([report[k] for k in ["passed", "failed", "skipped", "unexpected"]], [1, 1, 0, 1])
        self.assertEqual([c["case"] for c in report["cases"]], ["relu", "wrong"])
        for key in ["status", "expected", "reason", "steps", "reference_steps", "seconds"]:
            self.assertIn(key, report["cases"][0])
        self.assertEqual(report["passed_compiled"], 1)

    def test_data_for_initializers_is_refused(self):
        x, w = np.ones(2, np.float32), np.full(2, 3, np.float32)
        folder = self.case("default", helper.make_node("Mul", ["x0", "x1"], ["y0"]), [x, w], [w])
        model = onnx.load(folder + "/model.onnx")
        model.graph.initializer.append(numpy_helper.from_array(w + 1, "x1"))
        onnx.save(model, folder + "/model.onnx")
        outcome = self.fails(1, "test", folder)
        self.assertIn("'x1' is an initializer, too, and built in as a constant", outcome.out)

    def test_refusals_are_failures(self):
        x = np.zeros(2, np.float32)
        self.case("unknown", helper.make_node("Frobnicate", ["x0"], ["y0"]), [x], [x])
        folder = self.relu("damaged")
        with open(folder + "/model.onnx", "wb") as file:
            file.write(b"\x08\x07nonsense")
        outcome = self.fails(1, "test", self.path("cases"))
        self.assertIn("failed unknown: the model has operators", outcome.out)
        self.assertIn("failed damaged: ", outcome.out)
        self.assertEqual(self.last_line(outcome), "0 passed, 2 failed, 0 skipped")

    def test_skipped_without_model_or_data(self):
        os.remove(self.relu("no_model") + "/model.onnx")
        self.relu("no_data", sets=0)
        outcome = self.succeeds("test", self.path("cases"), "-v")
        self.assertEqual(self.last_line(outcome), "0 passed, 0 failed, 2 skipped")
        self.assertIn("skipped no_data: there is no test_data_set_0", outcome.out)

    def test_folders_without_cases(self):
        self.fails(2, "test", self.folder, says="no case")
        self.fails(4, "test", self.path("nowhere"), says="nowhere")

    def test_expectations(self):
        self.relu("good")
        self.relu("bad", wrong=1)
        cases = self.path("cases")
        self.succeeds("test", cases, "--expect", self.expect(["bad", "failed", "", "", "on purpose"]))
        self.fails(1, "test", cases, "--expect", self.expect(["good", "failed"], ["bad", "failed"]))
        outcome = self.fails(1, "test", cases, "--expect", self.expect(["good", "failed"], ["bad", "passed", "", "2"]))
        self.assertIn("passed good (was expected to fail)", outcome.out)
        self.assertIn("2 passed, 0 failed", outcome.out)
        outcome = self.succeeds("test", cases, "--expect", self.expect(["bad", "failed"], ["gone", "passed"]), "--json")
        self.assertEqual(outcome.json()["unused_rows"], ["gone"])

    def test_wrong_expectations(self):
        self.relu()
        for row, says in [(["relu"], "expect.tsv:4"), (["relu", "maybe"], "passed or failed"),
                          (["relu", "passed", "few"], "'few'"), (["relu", "passed", "-1"], "'-1'"),
                          (["relu", "passed", "nan"], "'nan'")]:
            with self.subTest(row):
                self.fails(3, "test", self.path("cases"), "--expect", self.expect(row), says=says)
        self.fails(3, "test", self.path("cases"), "--expect", self.expect(["relu", "passed"], ["relu", "passed"]), says="two rows")
        self.fails(4, "test", self.path("cases"), "--expect", self.path("none"))

    def test_random_operators(self):
        shape = (100, 100)
        rng = np.random.default_rng(0)
        node = helper.make_node("RandomNormal", [], ["y0"], shape=shape, mean=1.0, scale=2.0, seed=1.0)
        self.case("right", node, [], [rng.normal(1, 2, shape).astype(np.float32)])
        self.case("mean", node, [], [rng.normal(1.5, 2, shape).astype(np.float32)])
        self.case("deviation", node, [], [rng.normal(1, 2.5, shape).astype(np.float32)])
        rows = [[name, "passed" if name == "right" else "failed", "", "", "random numbers"] for name in
                ["right", "mean", "deviation"]]
        self.succeeds("test", self.path("cases"), "--expect", self.expect(*rows))

    def test_variants(self):
        self.relu()
        x = np.arange(12, dtype=np.float32).reshape(3, 4)
        self.case("softmax", helper.make_node("Softmax", ["x0"], ["y0"], axis=-1), [x],
                  [np.exp(x - x.max(-1, keepdims=True)) / np.exp(x - x.max(-1, keepdims=True)).sum(-1, keepdims=True)])
        for variant in ["plain", "folded", "saved", "dynamic"]:
            for where in ["engine", "references"]:
                with self.subTest(variant=variant, where=where):
                    outcome = self.succeeds("test", self.path("cases"), "--variant", variant, "--on", where)
                    self.assertEqual(self.last_line(outcome), "2 passed, 0 failed, 0 skipped")
        report = self.succeeds("test", self.path("cases"), "--variant", "folded", "--json").json()
        self.assertEqual([c["steps"] for c in report["cases"]], [0, 0])

    def test_a_case_that_hangs_takes_no_other_down(self):
        self.relu("a")
        self.relu("z")
        body = helper.make_graph(
            [helper.make_node("Identity", ["cond"], ["cond_out"]), helper.make_node("Cos", ["v"], ["v_out"])], "body",
            [helper.make_tensor_value_info("i", TensorProto.INT64, []), helper.make_tensor_value_info("cond", TensorProto.BOOL, []),
             helper.make_tensor_value_info("v", TensorProto.FLOAT, [1])],
            [helper.make_tensor_value_info("cond_out", TensorProto.BOOL, []), helper.make_tensor_value_info("v_out", TensorProto.FLOAT, [1])])
        node = helper.make_node("Loop", ["x0", "", "x1"], ["y0"], body=body)
        self.case("forever", node, [np.array(2**31, np.int64), np.zeros(1, np.float32)], [np.zeros(1, np.float32)])
        outcome = self.fails(1, "test", self.path("cases"), "--timeout", 1)
        self.assertIn("failed forever: takes longer than 1 s", outcome.out)
        self.assertEqual(self.last_line(outcome), "2 passed, 1 failed, 0 skipped")


if __name__ == "__main__":
    unittest.main()
