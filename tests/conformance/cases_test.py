"""ONNX's own test cases, as the package onnx ships them, on references and on engines.

expect.tsv has a row for each case that does not simply pass. A case that behaves otherwise than its row says fails the
test, one that passes against its row, too.
"""

import importlib.util
import os
import pathlib
import subprocess
import unittest

PROGRAM = os.environ["BURNISH_PROGRAM"]
EXPECT = pathlib.Path(__file__).resolve().parent / "expect.tsv"
DATA = pathlib.Path(importlib.util.find_spec("onnx").origin).parent / "backend/test/data"
FOLDERS = ["node", "simple", "pytorch-operator", "pytorch-converted"]


class Cases(unittest.TestCase):
    def run_on(self, where, variant):
        command = [PROGRAM, "test", *(str(DATA / folder) for folder in FOLDERS), "--on", where, "--variant", variant]
        done = subprocess.run([*command, "--expect", str(EXPECT)], capture_output=True, text=True)
        lines = done.stdout.splitlines() + done.stderr.splitlines()
        print(f"{variant} on {where}: {lines[-1] if lines else ''}")
        self.assertEqual(done.returncode, 0, "\n".join(l for l in lines if not l.startswith("passed")))


for where in ["references", "engine"]:
    for variant in ["plain", "folded", "saved", "dynamic"]:
        test = lambda self, where=where, variant=variant: self.run_on(where, variant)
        setattr(Cases, f"test_{variant}_on_{where}", test)


if __name__ == "__main__":
    unittest.main()
