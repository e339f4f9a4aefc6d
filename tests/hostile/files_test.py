"""Every hostile file is refused: soon, with little memory, with an error that says what, where and what to do; and
nothing is written but the output that was asked for. The files are made by make.py.

This process imports little, because a child's peak of memory counts what its parent had when it was started.
HOSTILE_FOLDER keeps the files; HOSTILE_ONLY is a regular expression of row/name.
"""

import json
import multiprocessing
import os
import pathlib
import re
import resource
import stat
import subprocess
import sys
import tempfile
import time
import unittest

HERE = pathlib.Path(__file__).resolve().parent
PROGRAM = os.path.abspath(os.environ.get("BURNISH_PROGRAM", "build/burnish"))
SECONDS, BYTES = 1.0, 256 << 20
# Enough for any of these, and not for a bomb.
ADDRESS_SPACE, PROCESSOR_SECONDS, PATIENCE = 2 << 30, 10, 60
PROCESSES = 2


def snapshot(folder):
    found = {}
    for parent, folders, files in os.walk(folder):
        for name in folders + files:
            path = os.path.join(parent, name)
            info = os.lstat(path)
            what = os.readlink(path) if stat.S_ISLNK(info.st_mode) else (info.st_size, info.st_mtime_ns)
            found[os.path.relpath(path, folder)] = None if stat.S_ISDIR(info.st_mode) else (info.st_mode, what)
    return found


def limits():
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE, ADDRESS_SPACE))
    resource.setrlimit(resource.RLIMIT_CPU, (PROCESSOR_SECONDS, PROCESSOR_SECONDS))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def execute(case):
    """Exit code, seconds of processor, peak bytes, standard output, standard error."""
    folder = case["folder"]
    environment = {"PATH": "/usr/bin:/bin", "HOME": folder, "TMPDIR": folder}
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        child = subprocess.Popen(
            [PROGRAM, *case["command"], "--json"],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            preexec_fn=limits,
        )
        end = time.monotonic() + PATIENCE
        pause = 0.001
        while True:
            pid, status, usage = os.wait4(child.pid, os.WNOHANG)
            if pid != 0:
                break
            if time.monotonic() > end:
                child.kill()
                end += PATIENCE
            time.sleep(pause)
            pause = min(pause * 1.5, 0.05)
        child.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        err.seek(0)
        return (
            child.returncode,
            usage.ru_utime + usage.ru_stime,
            usage.ru_maxrss << 10,
            out.read().decode(errors="replace"),
            err.read().decode(errors="replace"),
        )


def faults(case):
    before = snapshot(case["folder"])
    code, seconds, size, out, err = execute(case)
    after = snapshot(case["folder"])
    if code not in (0, 1) and seconds > SECONDS:  # others may have been at work here
        seconds = min(seconds, execute(case)[1])
    expected = case["code"] if isinstance(case["code"], list) else [case["code"]]
    found = []
    if code not in expected:
        found.append(f"exit code {code}, expected {expected}: {err[-400:].strip()}")
    made = {name for name in set(before) | set(after) if before.get(name, 0) != after.get(name, 0)}
    if code == 0 or case["command"][0] == "test":
        made = {name for name in made if not name.startswith("made/")}
    if made:
        found.append(f"files changed: {sorted(made)}")
    if code != 0:  # what is done may take its time
        if seconds > SECONDS:
            found.append(f"{seconds:.2f} s (exit code {code}: {err[-200:].strip()})")
        if size > BYTES:
            found.append(f"{size >> 20} MiB (exit code {code}: {err[-200:].strip()})")
    if code in (2, 3, 4):
        try:
            error = json.loads(out)["error"]
            found += [
                f"the error has no '{part}': {err.strip()[:400]}"
                for part in ("what", "where", "remedy")
                if not error[part]
            ]
            if case["says"] not in error["what"] + error["where"] + error["remedy"]:
                found.append(f"the error does not speak of '{case['says']}': {err.strip()[:400]}")
        except (ValueError, KeyError, TypeError):
            found.append(f"no error on standard output: {out[:200]!r} {err[:200]!r}")
        if len(err) > 4000:
            found.append(f"an error of {len(err)} characters")
        if any(ord(c) < 32 and c not in "\n\t" or ord(c) == 127 for c in err):
            found.append(f"control characters in the error {err[:200]!r}")
    return [f"{case['row']}/{case['name']}: {f}" for f in found], code, seconds, size


class HostileFiles(unittest.TestCase):
    def setUp(self):
        self.folder = os.environ.get("HOSTILE_FOLDER")
        if not self.folder:
            folder = tempfile.TemporaryDirectory(prefix="burnish-hostile-")
            self.addCleanup(folder.cleanup)
            self.folder = folder.name

    def test_each_is_refused(self):
        subprocess.run([sys.executable, str(HERE / "make.py"), self.folder], check=True)
        with open(os.path.join(self.folder, "cases.json")) as file:
            cases = json.load(file)
        wanted = re.compile(os.environ.get("HOSTILE_ONLY", ""))
        cases = [c for c in cases if wanted.search(c["row"] + "/" + c["name"])]
        self.assertGreater(len(cases), 0)
        beside = {name: value for name, value in snapshot(self.folder).items() if not name.startswith("cases/")}
        with multiprocessing.get_context("fork").Pool(PROCESSES) as pool:
            results = pool.map(faults, cases, chunksize=8)
        self.assertEqual(beside, {n: v for n, v in snapshot(self.folder).items() if not n.startswith("cases/")})
        self.assertFalse(os.path.exists("/tmp/burnish_was_here"))
        refused = [r for r in results if r[1] != 0]
        longest, most = max((r[2] for r in refused), default=0), max((r[3] for r in refused), default=0)
        print(f"{len(cases)} files, {len(refused)} refused; the longest {longest:.2f} s, the most {most >> 20} MiB")
        rows = sorted({c["row"] for c in cases})
        for row in rows:
            print(f"  {row}: {sum(c['row'] == row for c in cases)}")
        found = [f for r in results for f in r[0]]
        self.assertFalse(found, f"{len(found)} faults\n" + "\n".join(found))


if __name__ == "__main__":
    unittest.main()
