"""key, sign, --sign-key, --require-key: whose an engine is."""

import hashlib
import os
import stat
import struct
import unittest

from program import ProgramTest, burnish


class Signing(ProgramTest):
    def setUp(self):
        super().setUp()
        self.keys = {}
        for name in ["mine", "other"]:
            outcome = self.succeeds("key", "new", self.path(name), "--json").json()
            self.assertEqual(outcome["public"], self.path(name + ".pub"))
            self.keys[name] = outcome["key"]
        self.plain, self.signed = self.path("plain.plan"), self.path("signed.plan")
        self.succeeds("build", self.model(), "-o", self.plain)
        self.succeeds("build", self.model(), "-o", self.signed, "--sign-key", self.path("mine.key"))

    def test_keys_are_files_of_one_line(self):
        self.assertEqual(self.read("mine.pub").decode(), self.keys["mine"] + "\n")
        self.assertEqual(stat.S_IMODE(os.stat(self.path("mine.key")).st_mode) & 0o077, 0)
        secret = self.read("mine.key").decode()
        self.assertTrue(secret.endswith(self.keys["mine"].split(":")[1] + "\n"))
        # Neither takes the place of a file that is there.
        self.fails(4, "key", "new", self.path("mine"), says="mine.key")
        self.assertEqual(self.read("mine.key").decode(), secret)
        self.write("half.pub", "")
        self.fails(4, "key", "new", self.path("half"), says="half.pub")
        self.assertFalse(os.path.exists(self.path("half.key")))
        self.fails(2, "key", "old", self.path("k"))

    def test_the_same_plan_and_key_give_the_same_bytes(self):
        plain, signed = self.read("plain.plan"), self.read("signed.plan")
        self.assertEqual(signed[:len(plain)], plain)
        again = self.path("again.plan")
        for source in [self.plain, self.signed]:
            self.succeeds("sign", source, "--key", self.path("mine.key"), "-o", again)
            self.assertEqual(self.read("again.plan"), signed)
        self.succeeds("sign", again, "--key", self.path("other.key"), "-o", again)  # in place
        self.assertEqual(self.read("again.plan")[:len(plain)], plain)
        self.fails(3, "run", again, "--require-key", self.path("mine.pub"), says=self.keys["other"])
        # The digests are what another BLAKE2b says they are.
        size, count = struct.unpack_from("<QQ", signed, len(plain) + 16)
        self.assertEqual(size, len(plain))
        digests = b"".join(hashlib.blake2b(plain[at:at + (1 << 20)], digest_size=32).digest()
                           for at in range(0, size, 1 << 20))
        self.assertEqual(len(digests), 32 * count)
        self.assertEqual(signed[len(plain) + 136:], digests)

    def test_every_command_that_loads_engines_can_require_a_key(self):
        mine, other = self.path("mine.pub"), self.path("other.pub")
        short = ["--duration", 0.01, "--warmup", 1]
        for command in [["run"], ["bench", *short], ["explain"], ["inspect"], ["compare", "references"]]:
            with self.subTest(command=command):
                self.succeeds(*command, self.signed, "--require-key", mine)
                self.succeeds(*command, self.signed, "--require-key", other, "--require-key", self.keys["mine"])
                self.succeeds(*command, self.plain)
                self.succeeds(*command, self.signed)
                self.fails(3, *command, self.signed, "--require-key", other, says=["signed.plan", self.keys["mine"]])
                self.fails(3, *command, self.plain, "--require-key", mine, says=["plain.plan", "not signed", "burnish sign"])
        self.succeeds("run", self.signed, "--no-code", "--require-key", mine)
        self.fails(3, "run", self.plain, "--no-code", "--require-key", mine, says="not signed")

    def test_models_have_no_signature(self):
        mine = self.path("mine.pub")
        for command in ["run", "inspect", "explain"]:
            self.fails(2, command, self.model(), "--require-key", mine, says="--require-key")
        self.succeeds("compare", self.model(), self.signed, "--require-key", mine)
        self.fails(3, "compare", self.model(), self.plain, "--require-key", mine, says="not signed")
        self.fails(2, "compare", self.model(), self.model(), "--require-key", mine, says="--require-key")

    def test_the_environment_can_require_keys(self):
        def outcome(value, file, *more):
            return burnish("run", file, *more, env={**os.environ, "BURNISH_REQUIRE_KEY": value})

        self.assertEqual(outcome(self.path("mine.pub"), self.signed).code, 0)
        self.assertEqual(outcome(self.keys["other"] + "," + self.keys["mine"], self.signed).code, 0)
        self.assertEqual(outcome(self.path("other.pub"), self.signed).code, 3)
        self.assertEqual(outcome(self.path("mine.pub"), self.plain).code, 3)
        self.assertEqual(outcome(self.path("other.pub"), self.signed, "--require-key", self.path("mine.pub")).code, 0)
        self.assertEqual(outcome(self.path("mine.pub"), self.model()).code, 0)  # a model is built, not loaded
        empty = outcome("", self.signed)
        self.assertEqual(empty.code, 2)
        self.assertIn("BURNISH_REQUIRE_KEY", empty.err)

    def test_what_is_shown(self):
        for command in ["inspect", "explain"]:
            report = self.succeeds(command, self.signed, "--json").json()
            self.assertEqual(report["signature"], {"key": self.keys["mine"], "verified": False})
            report = self.succeeds(command, self.signed, "--json", "--require-key", self.path("mine.pub")).json()
            self.assertEqual(report["signature"], {"key": self.keys["mine"], "verified": True})
            self.assertIsNone(self.succeeds(command, self.plain, "--json").json()["signature"])
        failed = self.fails(3, "run", self.plain, "--json", "--require-key", self.path("mine.pub"))
        self.assertEqual(failed.json()["error"]["code"], 3)

    def test_wrong_keys(self):
        mine = self.path("mine.key")
        self.fails(3, "run", self.signed, "--require-key", mine, says=["mine.key", "secret"])
        self.fails(3, "build", self.model(), "-o", self.path("x.plan"), "--sign-key", self.path("mine.pub"), says="mine.pub")
        self.fails(3, "sign", self.plain, "--key", self.write("k", "nonsense"), "-o", self.path("x.plan"), says="key new")
        self.fails(4, "sign", self.plain, "--key", self.path("none"), "-o", self.path("x.plan"), says="none")
        self.fails(3, "sign", self.model(), "--key", mine, "-o", self.path("x.plan"), says="not a plan")
        self.assertFalse(os.path.exists(self.path("x.plan")))

    def test_changed_files(self):
        plain, signed = self.read("plain.plan"), bytearray(self.read("signed.plan"))
        for at in [100, len(plain) // 2, len(plain) - 1, len(plain) + 20, len(plain) + 60, len(signed) - 1]:
            changed = bytearray(signed)
            changed[at] ^= 1
            self.fails(3, "run", self.write("changed.plan", bytes(changed)), "--require-key", self.path("mine.pub"))
        self.fails(3, "run", self.write("cut.plan", bytes(signed[:-1])))
        self.fails(3, "run", self.write("cut.plan", plain), "--require-key", self.path("mine.pub"), says="not signed")
        self.fails(3, "run", self.write("two.plan", bytes(signed + signed[len(plain):])))


if __name__ == "__main__":
    unittest.main()
