"""bench --vs and --ops: what the benchmark of a checkout is asked, and what is said where there is none."""

import os
import shutil
import subprocess
import unittest

from program import PROGRAM, Outcome, ProgramTest

DEV = '#!/bin/sh\nfor word in "$@" "$BURNISH_PROGRAM"; do echo "$word"; done\nexit 7\n'


class BenchTool(ProgramTest):
    def program_in(self, *folders):
        """A copy of the program, in a folder below the test's."""
        path = self.path(os.path.join(*folders, "burnish"))
        os.makedirs(os.path.dirname(path), exist_ok=True)
        shutil.copy(os.path.realpath(PROGRAM), path)
        return path

    def checkout(self):
        program = self.program_in("build", "release")
        os.mkdir(self.path("bench"))
        self.write("bench/bench.py", "")
        os.chmod(self.write("dev", DEV), 0o755)
        return program

    def run_in(self, program, *arguments):
        return Outcome(subprocess.run([program, *map(str, arguments)], capture_output=True, text=True, timeout=60,
                                      cwd=self.folder))

    def test_the_checkout_is_asked(self):
        program, model = self.checkout(), self.write("m.onnx", "")
        outcome = self.run_in(program, "bench", "m.onnx", "--vs", "ort,mnn", "--batch", "1,8", "--threads", 1, "--json",
                              "--cpu", "x86-64-v3")
        self.assertEqual(outcome.code, 7)
        self.assertEqual(outcome.out.split(), [
            "bench", "--vs", "ort,mnn", "--cpu", "x86-64-v3", "--threads", "1", "--batch", "1,8", "--json", "-", "--",
            model, program])
        outcome = self.run_in(program, "bench", "resnet50", "--vs", "all", "--threads", 2)
        self.assertEqual(outcome.out.split(), ["bench", "--vs", "all", "--threads", "2", "--", "resnet50", program])
        self.assertEqual(self.run_in(program, "bench", "--ops").out.split(), ["bench", "--ops", program])

    def test_outside_of_a_checkout_that_is_told(self):
        program = self.program_in("bin")
        for arguments in (["m.onnx", "--vs", "ort"], ["--ops"]):
            outcome = self.run_in(program, "bench", *arguments)
            self.assertEqual(outcome.code, 2)
            self.assertIn("./dev bench", outcome.err)
            self.assertEqual(outcome.out, "")

    def test_wrong_usage(self):
        self.fails(2, "bench", says="file is required")
        self.fails(2, "bench", "m.onnx", "--batch", 4, says="--vs")
        self.fails(2, "bench", "--ops", "--vs", "ort", says="--vs")
        self.fails(2, "bench", "m.plan", "--vs", "ort", says="plan")
        self.fails(2, "bench", "m.onnx", "--vs", "ort", "--profile", says="--profile has no meaning beside --vs")
        self.fails(2, "bench", "m.onnx", "--ops", says="no meaning beside --ops")


if __name__ == "__main__":
    unittest.main()
