"""Address space that runs out: an error and nothing half done, wherever it happens."""

import os
import resource
import unittest

from program import ProgramTest, burnish

MIB = 1 << 20


def limited(bytes):
    return lambda: resource.setrlimit(resource.RLIMIT_AS, (bytes, bytes))


class Memory(ProgramTest):
    def setUp(self):
        super().setUp()
        # The program and its libraries must be mapped before there is anybody to tell.
        low, high = 0, 4096
        while high - low > 1:
            middle = (low + high) // 2
            starts = burnish("--version", preexec_fn=limited(middle * MIB)).code == 0
            low, high = (low, middle) if starts else (middle, high)
        self.least = high

    def layers(self):
        """A model that takes some memory: layers with 1 MiB of weights each, which are folded."""
        lines = ["graph @main(%x0: f32[8,512]) {"]
        for i in range(12):
            lines += [f"  %s{i}: f32[] = constant() {{value = tensor(f32[] [0.0{i + 1}])}}",
                      f"  %w{i}: f32[512,512] = broadcast(%s{i}) {{shape = dims[512, 512]}}",
                      f"  %h{i}: f32[8,512] = matmul(%x{i}, %w{i})",
                      f"  %x{i + 1}: f32[8,512] = softmax(%h{i}) {{axis = -1}}"]
        return self.model("\n".join(lines + ["  return %x12", "}", ""]))

    def test_builds_within_every_limit(self):
        model, engine = self.layers(), self.path("e.plan")
        codes = set()
        for step, threads in [(step, threads) for threads in (1, 4) for step in range(0, 100, 3)]:
            limit = self.least + step
            outcome = burnish("build", model, "-o", engine, "--threads", threads, "--json",
                              preexec_fn=limited(limit * MIB))
            with self.subTest(limit=limit, threads=threads):
                codes.add(outcome.code)
                self.assertIn(outcome.code, (0, 3), outcome.err + outcome.out)
                if outcome.code == 3:
                    self.assertIn("memory", outcome.err)
                    self.assertEqual(outcome.json()["error"]["kind"], "memory", outcome.out)
                    self.assertEqual(os.listdir(self.folder), [os.path.basename(model)])
                else:
                    self.assertTrue(outcome.err == "" and os.path.getsize(engine) > 0, outcome.err)
                    os.remove(engine)
        self.assertEqual(codes, {0, 3})


if __name__ == "__main__":
    unittest.main()
