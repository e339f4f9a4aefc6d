"""Runs `burnish` for the tests in this folder. BURNISH_PROGRAM names the program."""

import json
import os
import subprocess
import tempfile
import unittest

PROGRAM = os.environ.get("BURNISH_PROGRAM", "build/burnish")

# %x: a batch of any size; two outputs, one of which has a name that no file can have.
MODEL = """graph @main(%x: f32[N,4]) where N in [1, 64] {
  %w: f32[4,3] = constant() {value = tensor(f32[4,3] [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12])}
  %h: f32[N,3] = matmul(%x, %w) from "layer.one"
  %y: f32[N,3] = softmax(%h) {axis = -1} from "layer.two"
  return %y, %h as "deep/h"
}
"""


class Outcome:
    def __init__(self, process):
        self.code = process.returncode
        self.out = process.stdout
        self.err = process.stderr

    def json(self):
        return json.loads(self.out)


def burnish(*arguments, timeout=300, **options):
    arguments = [PROGRAM, *map(str, arguments)]
    return Outcome(subprocess.run(arguments, capture_output=True, text=True, errors="replace", timeout=timeout, **options))


class ProgramTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="burnish-cli-")
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, contents):
        with open(self.path(name), "wb" if isinstance(contents, bytes) else "w") as file:
            file.write(contents)
        return self.path(name)

    def read(self, name):
        with open(self.path(name), "rb") as file:
            return file.read()

    def model(self, text=MODEL, name="model.txt"):
        return self.write(name, text)

    def succeeds(self, *arguments, **options):
        """Runs the program, which must end well and without a complaint of its own."""
        outcome = burnish(*arguments, **options)
        self.assertEqual(outcome.code, 0, outcome.err + outcome.out)
        return outcome

    def fails(self, code, *arguments, says=(), **options):
        """Runs the program, which must end with the code and a message that holds the texts."""
        outcome = burnish(*arguments, **options)
        self.assertEqual(outcome.code, code, outcome.err + outcome.out)
        for text in [says] if isinstance(says, str) else says:
            self.assertIn(text, outcome.err)
        if code != 1:
            self.assertTrue(outcome.err.startswith("burnish: "), outcome.err)
        self.assertNotIn("bug", outcome.err)
        return outcome
