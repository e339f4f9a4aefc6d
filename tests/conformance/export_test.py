"""What tests/import/export_samples_test.cc exports is valid for onnx's checker and schemas, and gives the same results in
ONNX Runtime, where that has the kernels."""

import collections
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))
import random_graphs_peer  # noqa: E402

LEAST_COMPARED = 3000  # samples and variants that ONNX Runtime has kernels for
# On other dtypes engines round to integers, or wrap, as they like: those are checked for being valid alone.
OTHER_DTYPE = re.compile(r"-(f32|i32|i64|dtype|softmaxdtype)=\w+$")


class Export(unittest.TestCase):
    def test_samples(self):
        faults, answers = [], collections.Counter()
        with tempfile.TemporaryDirectory() as folder:
            program = pathlib.Path(os.environ["BURNISH_BUILD"]) / "tests/test_import"
            subprocess.run([program, "--gtest_filter=ExportSamples.*", "--gtest_brief=1"], check=True, cwd=ROOT,
                           env={**os.environ, "BURNISH_EXPORTED_SAMPLES": folder})
            for path in sorted(pathlib.Path(folder).glob("*.onnx")):
                answer = random_graphs_peer.compare(path.with_suffix(""))
                answers[answer["status"]] += 1
                if answer["status"] == "differs" and OTHER_DTYPE.search(path.stem):
                    continue
                if answer["status"] in random_graphs_peer.FINDINGS:
                    faults.append(f"{path.stem}: {answer['status']}: {answer['what']}")
                elif os.environ.get("BURNISH_VERBOSE") and "what" in answer:
                    print(f"{path.stem}: {answer['status']}: {answer['what']}")
        print(dict(answers))
        self.assertEqual(faults, [], "\n".join(faults))
        self.assertGreaterEqual(answers["agrees"], LEAST_COMPARED)


if __name__ == "__main__":
    unittest.main()
