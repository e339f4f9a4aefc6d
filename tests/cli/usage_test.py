"""Help, versions, wrong usage, and what --json and --quiet promise, for every subcommand."""

import json
import os
import pty
import signal
import subprocess
import time
import unittest

from program import PROGRAM, ProgramTest, burnish

COMMANDS = "build run bench compare bisect inspect explain check convert test zoo key sign".split()


class Usage(ProgramTest):
    def test_help_lists_all_commands(self):
        text = self.succeeds("--help").out
        for command in COMMANDS:
            self.assertIn(f"  {command} ", text)
        for code in range(6):
            self.assertRegex(text, rf"\b{code} \w+")

    def test_help_of_each_command_shows_examples(self):
        for command in COMMANDS:
            with self.subTest(command):
                text = self.succeeds(command, "--help").out
                self.assertIn(f"Examples:\n  burnish {command} ", text)
                for flag in ["--json", "--quiet", "--verbose"]:
                    self.assertIn(flag, text)

    def test_examples_use_options_that_exist(self):
        for command in COMMANDS:
            text = self.succeeds(command, "--help").out
            options, examples = text.split("Examples:")
            for word in examples.split():
                if word.startswith("--"):
                    with self.subTest(command=command, option=word):
                        self.assertIn(word.split("=")[0], options)

    def test_version(self):
        self.assertRegex(self.succeeds("--version").out, r"^\d+\.\d+\.\d+\n$")

    def test_wrong_usage_is_2_and_names_the_help(self):
        for arguments in [[], ["frobnicate"], ["build"], ["build", "m.onnx"], ["run", "m.onnx", "--no-such-flag"],
                          ["run", "m.onnx", "--threads", "-1"], ["run", "m.onnx", "--threads", "two"],
                          ["bench", "m.onnx", "--duration", "-3"], ["bench", "m.onnx", "--streams", "0"],
                          ["check", "m.onnx", "--fallback", "perhaps"], ["test", "x", "--on", "paper"],
                          ["test", "x", "--variant", "new"], ["zoo", "--seed", "x"], ["bisect", "m.onnx"]]:
            with self.subTest(arguments):
                outcome = self.fails(2, *arguments, says="--help")
                self.assertEqual(outcome.out, "")

    def test_near_misses_are_told(self):
        self.fails(2, "biuld", "m.onnx", says=["there is no command 'biuld'", "'build' meant"])
        self.fails(2, "--verson", says="'--version' meant")
        self.fails(2, "build", "m.onnx", "-o", "m.plan", "--shape", "x=f32[1]", says="'--shapes' meant")
        for wish in (["--fp16"], ["--precision", "int8"], ["--target=cuda"]):
            self.fails(2, "build", "m.onnx", "-o", "m.plan", *wish, says="not there yet")

    def test_errors_are_one_json_object(self):
        for arguments, code, kind in [(["build", "--json"], 2, "usage"), (["inspect", "missing.onnx", "--json"], 4, "io"),
                                      (["--json"], 2, "usage")]:
            with self.subTest(arguments):
                outcome = self.fails(code, *arguments)
                error = json.loads(outcome.out)["error"]
                self.assertEqual((error["code"], error["kind"]), (code, kind))
                self.assertTrue(error["what"])
                self.assertIn("where", error)
                self.assertIn("remedy", error)

    def test_options_of_a_list_leave_positional_arguments_alone(self):
        self.succeeds("inspect", "--shapes", "x=f32[2,4]", self.model())

    def test_missing_files_are_4(self):
        for command in ["build", "run", "bench", "inspect", "explain", "check", "convert"]:
            with self.subTest(command):
                output = ["-o", self.path("out")] if command in ("build", "convert") else []
                self.fails(4, command, self.path("missing"), *output, says=["missing", "No such file"])
                self.assertFalse(os.path.exists(self.path("out")))

    def test_output_that_cannot_be_written_is_4(self):
        model = self.model()
        for output in [self.path("no/such/folder/out"), self.folder]:
            for command in ["build", "convert"]:
                with self.subTest(command=command, output=output):
                    self.fails(4, command, model, "-o", output)
        with open("/dev/full", "w") as full:
            process = subprocess.run([PROGRAM, "inspect", model], stdout=full, stderr=subprocess.PIPE, text=True)
            self.assertEqual(process.returncode, 4)
            self.assertIn("standard output", process.stderr)

    def test_quiet_leaves_summaries_out(self):
        model = self.model()
        self.assertNotEqual(self.succeeds("build", model, "-o", self.path("a.plan")).out, "")
        self.assertEqual(self.succeeds("build", model, "-o", self.path("a.plan"), "--quiet").out, "")

    def test_progress_is_for_terminals(self):
        model = self.model()
        self.assertEqual(self.succeeds("build", model, "-o", self.path("a.plan")).err, "")
        for more, drawn in [([], True), (["--quiet"], False)]:
            try:
                ours, theirs = pty.openpty()
            except OSError as error:  # a container without /dev/pts
                self.skipTest(f"this machine gives no pseudo-terminal: {error}")
            process = subprocess.Popen([PROGRAM, "build", model, "-o", self.path("a.plan"), *more], stderr=theirs,
                                       stdout=subprocess.DEVNULL)
            process.wait()
            os.close(theirs)
            text = b""
            try:
                while part := os.read(ours, 4096):
                    text += part
            except OSError:  # the other end is closed
                pass
            os.close(ours)
            self.assertEqual(b"emit" in text, drawn, text)

    def test_bugs_are_5_with_a_report_and_lost_files_4(self):
        model = self.model()
        for number, code, says in [(signal.SIGABRT, 5, "report it"), (signal.SIGSEGV, 5, "report it"),
                                   (signal.SIGBUS, 4, "cut short")]:
            process = subprocess.Popen([PROGRAM, "bench", model, "--duration", "60", "--json"], stdout=subprocess.PIPE,
                                       stderr=subprocess.PIPE, text=True)
            time.sleep(1)
            process.send_signal(number)
            out, err = process.communicate(timeout=60)
            self.assertEqual(process.returncode, code)
            self.assertIn(says, err)
            self.assertEqual(json.loads(out)["error"]["code"], code)
            if code == 5:
                self.assertIn(f"bench {model} --duration 60 --json", err)
                self.assertRegex(err, r"burnish \d+\.\d+\.\d+, x86-64")

    def test_control_characters_do_not_reach_the_terminal(self):
        outcome = burnish("inspect", self.path("\x1b[31mred"))
        self.assertEqual(outcome.code, 4)
        self.assertNotIn("\x1b", outcome.err)


if __name__ == "__main__":
    unittest.main()
