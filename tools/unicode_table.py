#!/usr/bin/env python3
"""Writes src/ops/support/unicode_table.h: the general category of every code point, from Python's unicodedata.

    python3 tools/unicode_table.py
"""
import pathlib
import unicodedata

HEAD = """#pragma once
// Written by tools/unicode_table.py from Unicode {version}: the general category of every code point.

#include <cstdint>
#include <string_view>

namespace burnish {{

constexpr std::string_view kUnicodeCategories[] = {{{names}}};

// Where a run of code points of one category starts, above the category's number in the lowest 8 bits; in ascending order.
// clang-format off
constexpr uint32_t kUnicodeRuns[] = {{
{runs}
}};
// clang-format on

}}  // namespace burnish
"""


def main():
    categories = [unicodedata.category(chr(c)) for c in range(0x110000)]
    names = sorted(set(categories))
    runs = [c << 8 | names.index(n) for c, n in enumerate(categories) if c == 0 or categories[c - 1] != n]
    lines, line = [], "   "
    for run in runs:
        if len(line) + len(f" {run},") > 120:
            lines.append(line)
            line = "   "
        line += f" {run},"
    lines.append(line)
    text = HEAD.format(version=unicodedata.unidata_version, names=", ".join(f'"{n}"' for n in names), runs="\n".join(lines))
    path = pathlib.Path(__file__).resolve().parent.parent / "src/ops/support/unicode_table.h"
    path.write_text(text)


if __name__ == "__main__":
    main()
