#!/usr/bin/env python3
"""./dev random-graphs: graphs made at random, run by references, by the engine and by ONNX Runtime.

A row of JSON per seed goes to the results file; seeds that have one without a finding are not run again, so a run that
was stopped goes on where it was. What differs is made small, and its text form is part of its row.
"""

import argparse
import collections
import concurrent.futures
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
CHUNK = 25  # seeds a process
PEER = pathlib.Path(__file__).resolve().parent / "random_graphs_peer.py"


def lines(command, seeds):
    """Rows that a program prints for the seeds, and a row for each one that it died on."""
    seeds = list(seeds)
    while seeds:
        done = subprocess.run(command(seeds), capture_output=True, text=True)
        rows = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{") and line.endswith("}")]
        yield from rows
        seen = {row["seed"] for row in rows}
        seeds = [seed for seed in seeds if seed not in seen]
        if not seeds:
            return
        yield {"seed": seeds[0], "status": "crashed", "what": f"exit {done.returncode}: {done.stderr.strip()[-500:]}"}
        seeds = seeds[1:]


def chunk_rows(program, chunk, everything, peer):
    """Seeds of a chunk lie beside one another."""
    with tempfile.TemporaryDirectory(prefix="burnish-random-") as folder:
        extra = ["--all"] if everything else []
        extra += ["--onnx", folder] if peer else []
        rows = {row["seed"]: row for row in lines(
            lambda left: [str(program), str(left[0]), str(left[-1]), *extra], chunk)}
        left = [seed for seed in rows if (pathlib.Path(folder) / f"{seed}.json").exists()]
        for answer in lines(lambda seeds: [sys.executable, str(PEER), folder, *map(str, seeds)], left) if left else ():
            rows[answer["seed"]]["peer"] = answer
        return list(rows.values())


def chunks(seeds):
    """Runs of consecutive seeds, CHUNK at most."""
    chunk = []
    for seed in seeds:
        if chunk and (seed != chunk[-1] + 1 or len(chunk) == CHUNK):
            yield chunk
            chunk = []
        chunk.append(seed)
    if chunk:
        yield chunk


def summary(rows):
    peers = collections.Counter(row["peer"]["status"] for row in rows if "peer" in row)
    operators = collections.Counter(name for row in rows for name in row.get("operators", ()))
    return {
        "graphs": len(rows),
        "engine": dict(collections.Counter(row["status"] for row in rows)),
        "peer": dict(peers),
        "not exported": sum("export" in row for row in rows),
        "variants": sum(row.get("variants", 0) for row in rows),
        "operators": len(operators),
        "dtypes": sorted({name for row in rows for name in row.get("dtypes", ())}),
        "findings": [row["seed"] for row in rows if is_finding(row)],
    }


def is_finding(row):
    return row["status"] in ("differs", "crashed") or row.get("peer", {}).get("status") in ("differs", "invalid")


def main():
    parser = argparse.ArgumentParser(prog="./dev random-graphs", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--graphs", type=int, default=500, help="how many seeds (500)")
    parser.add_argument("--first", type=int, default=1000, help="the first seed (1000)")
    parser.add_argument("--all", action="store_true", help="every pass off in turn, at every processor level")
    parser.add_argument("--no-peer", action="store_true", help="leave ONNX Runtime out")
    parser.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)), help="processes at a time")
    parser.add_argument("--results", type=pathlib.Path, default=ROOT / "build/random-graphs.jsonl", help="rows so far")
    parser.add_argument("--program", type=pathlib.Path, default=ROOT / "build/release/tests/random_graphs",
                        help="the test program")
    parser.add_argument("--json", action="store_true", help="the summary as one object")
    options = parser.parse_args()

    rows = {}
    if options.results.exists():
        for line in options.results.read_text().splitlines():
            row = json.loads(line)
            rows[row["seed"]] = row
    wanted = range(options.first, options.first + options.graphs)
    open_seeds = [seed for seed in wanted if seed not in rows or is_finding(rows[seed])]
    options.results.parent.mkdir(parents=True, exist_ok=True)
    lock, begin, done = threading.Lock(), time.monotonic(), 0
    with options.results.open("a") as file, concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        running = [pool.submit(chunk_rows, options.program, chunk, options.all, not options.no_peer)
                   for chunk in chunks(open_seeds)]
        for future in concurrent.futures.as_completed(running):
            with lock:
                for row in future.result():
                    rows[row["seed"]] = row
                    file.write(json.dumps(row) + "\n")
                    done += 1
                    if is_finding(row) and not options.json:
                        peer = row.get("peer", {}).get("what", "")
                        print(f"\nseed {row['seed']}: {row.get('minimised', row.get('what', peer))}\n"
                              f"{row.get('text', '')}", flush=True)
                file.flush()
            if sys.stderr.isatty():
                rate = done / (time.monotonic() - begin)
                print(f"\r{done} of {len(open_seeds)} graphs, {rate:.1f} a second ", end="", file=sys.stderr, flush=True)
    result = summary([rows[seed] for seed in wanted])
    if options.json:
        print(json.dumps(result))
    else:
        for name, value in result.items():
            print(f"{name}: {value}")
    return 1 if result["findings"] else 0


if __name__ == "__main__":
    sys.exit(main())
