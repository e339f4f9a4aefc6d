"""docs/coverage.md says what `burnish check` says. BURNISH_BLESS=1 writes it again."""

import difflib
import os
import pathlib
import unittest

import coverage_page

PAGE = pathlib.Path(__file__).resolve().parents[2] / "docs/coverage.md"


class Coverage(unittest.TestCase):
    def test_page(self):
        wanted = coverage_page.page(os.environ["BURNISH_PROGRAM"])
        if "BURNISH_BLESS" in os.environ:
            PAGE.write_text(wanted)
        page = PAGE.read_text() if PAGE.exists() else ""
        lines = difflib.unified_diff(page.splitlines(), wanted.splitlines(), "page", "wanted", n=0, lineterm="")
        self.assertEqual(page, wanted, "\n".join(list(lines)[:40]))


if __name__ == "__main__":
    unittest.main()
