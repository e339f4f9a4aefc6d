"""Networks whose weights are filled in by operators, with the outputs that onnx ships (light_cases.py)."""

import os
import pathlib
import subprocess
import tempfile
import unittest

import light_cases

PROGRAM = os.environ["BURNISH_PROGRAM"]


class Light(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.folder.cleanup)
        light_cases.make(pathlib.Path(cls.folder.name))

    def run_on(self, where):
        command = [PROGRAM, "test", self.folder.name, "--on", where]
        done = subprocess.run(command, capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertIn("9 passed, 0 failed, 0 skipped", done.stdout)

    def test_references(self):
        self.run_on("references")

    def test_engine(self):
        self.run_on("engine")


if __name__ == "__main__":
    unittest.main()
