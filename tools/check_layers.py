#!/usr/bin/env python3
"""Checks which folder includes which: only folders before it in ORDER, and never one on its own line.

Also: the zoo, the examples and the public headers know the public headers only, and LLVM stays where code is made.
"""

import pathlib
import re
import sys

ORDER = """
base
ir
loop
ops
target
runtime
import passes quant partition schedule
codegen
kernels
compile
eager
serve
api
zoo
cli
"""
PUBLIC_ONLY = ("zoo", "examples", "include")
LLVM_ROOMS = ("codegen", "kernels", "compile")
# Printers of nests that need no LLVM, and what they share.
LLVM_FREE = (("codegen", "nest"), ("codegen", "cuda"))
# The runtime library's C functions must not reach the compiler.
RUNTIME_API_LAST = "runtime"

RANK = {room: rank for rank, line in enumerate(ORDER.split("\n")) for room in line.split()}
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')


def complaint(top: str, room: str, folder: str, quote: str, included: str) -> str | None:
    """Why a file of src/`room`, or of `top` outside src, may not include this; None if it may."""
    head = included.split("/")[0]
    if head in ("burnish", top) or (quote == "<" and head != "llvm" and head not in RANK):
        return None
    if top in PUBLIC_ONLY and quote == '"' and "/" not in included:
        return None  # a file beside it
    if top in PUBLIC_ONLY:
        return "only the public headers, burnish/..., may be included here"
    if head == "llvm" or head == "llvm-c":
        if (room, folder) in LLVM_FREE:
            return f"{room}/{folder} is built without LLVM"
        return None if room in LLVM_ROOMS else f"LLVM may be included by {', '.join(LLVM_ROOMS)} only"
    if head not in RANK or "/" not in included:
        return "name the file from src/, as in \"base/error.h\""
    if room == head:
        if (room, folder) in LLVM_FREE and included.split("/")[1] not in ("nest", folder):
            return f"{room}/{folder} is built without the other printers"
        return None
    limit = RANK[RUNTIME_API_LAST] + 1 if (room, folder) == ("api", "runtime") else RANK[room]
    if RANK[head] == RANK[room]:
        return f"{room} and {head} never include each other"
    if RANK[head] >= limit:
        return f"{head} comes after {room}"
    return None


def main() -> int:
    root = pathlib.Path(__file__).resolve().parent.parent
    errors = []
    count = 0
    for top in ("src", *PUBLIC_ONLY):
        for path in sorted((root / top).rglob("*")):
            if path.suffix not in (".cc", ".h", ".hpp", ".c"):
                continue
            count += 1
            parts = path.relative_to(root / top).parts
            room = parts[0] if top == "src" else ""
            where = path.relative_to(root)
            if top == "src" and (len(parts) < 2 or room not in RANK):
                errors.append(f"{where}: this folder has no place in the order of tools/check_layers.py")
                continue
            for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
                match = INCLUDE.match(line)
                if match and (why := complaint(top, room, parts[1] if len(parts) > 2 else "", *match.groups())):
                    errors.append(f"{where}:{number}: {match[2]}: {why}")
    print("\n".join([*errors, f"layers: {count} files, {len(errors)} errors"]))
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
