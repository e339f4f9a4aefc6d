#!/usr/bin/env python3
"""./dev bench: the speed of networks or ONNX files, beside other engines.

Every engine has a process of its own that lives for all rounds; in a round they run one after the other, and the one
whose turn it is not stands still. Times are of one inference of the same file on the same seeded inputs.
"""

import argparse
import hashlib
import itertools
import json
import os
import pathlib
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import figures  # noqa: E402
import networks  # noqa: E402
import report as reports  # noqa: E402
from engines import BURNISH, ENGINES, PEERS, ROOT, BenchError  # noqa: E402
from measure import AGREE, WORK, Program, measure, model_of, prepare_all  # noqa: E402
from report import BUSY  # noqa: E402

UNFINISHED = 75


def failures(row):
    """What is wrong with a network, whatever its speed."""
    differences = row["differences"]
    alone = not any(d <= AGREE for e, d in differences.items() if e not in BURNISH)  # nobody computes what we do
    ours = [f"differs from {ENGINES[e].title} by {d:.1e} of the largest output" for e, d in differences.items()
            if not d <= AGREE and (alone or e == "ort" or e in BURNISH)]
    return ours + ([] if row["same_bits"] else ["outputs differ between runs or numbers of threads"])


def numbers(text):
    values = [int(word) for word in text.split(",") if word.isdecimal()]
    if len(values) != len(text.split(",")) or min(values) < 1:
        raise argparse.ArgumentTypeError(f"'{text}' is no list of positive numbers")
    return values


def sizes(texts, parser):
    parts = [text.partition("=") for text in texts]
    if not all(symbol and number.isdecimal() and int(number) > 0 for symbol, _, number in parts):
        parser.error("--size wants SYMBOL=NUMBER")
    return {symbol: int(number) for symbol, _, number in parts}


def parse(arguments=None):
    build = pathlib.Path(os.environ.get("BURNISH_BUILD", ROOT / "build" / "release"))
    parser = argparse.ArgumentParser(
        prog="./dev bench", description=__doc__.partition("\n\n")[0].partition(": ")[2],
        epilog="Exit code 1: an answer was wrong or a network could not be measured. 75: --at-most stopped it. "
               "./dev bench --ops measures kernels alone.")
    parser.add_argument("networks", nargs="*", metavar="NETWORK",
                        help="a name, or an .onnx file; none: all networks of the source")
    parser.add_argument("--vs", default="ort", metavar="ENGINE,...",
                        help=f"beside which of {', '.join(PEERS)}, or all (ort). They are installed into build/peers")
    parser.add_argument("--ours", default="burnish", metavar="ENGINE,...",
                        help=f"which of {', '.join(BURNISH)} (%(default)s)")
    parser.add_argument("--source", choices=("zoo", "torch"),
                        help="where named networks come from: the zoo of Burnish, or PyTorch's modules in "
                             "bench/networks.py, exported to ONNX (torch where a peer wants those)")
    parser.add_argument("--batch", type=numbers, default=[1], metavar="N,...", help="(1)")
    parser.add_argument("--threads", type=numbers, default=[2], metavar="N,...", help="of each engine (2)")
    parser.add_argument("--cpu", default="host", metavar="LEVEL",
                        help="of burnish build (%(default)s). x86-64-v3 holds peers to AVX2, too, or leaves them out")
    parser.add_argument("--rounds", type=int, default=10, help="turns of each engine (%(default)s)")
    parser.add_argument("--seconds", type=float, default=0.5, help="of a turn, at least three runs (%(default)s)")
    parser.add_argument("--repeats", type=int, default=1, help="of the whole, in new processes (%(default)s)")
    parser.add_argument("--size", action="append", default=[], metavar="SYMBOL=N",
                        help="an open size of an .onnx file's inputs; a first one is the batch")
    parser.add_argument("--results", type=pathlib.Path, default=WORK / "results", metavar="FOLDER",
                        help="for bench.json, bench.tsv, chart.png and chart.svg (build/bench/results)")
    parser.add_argument("--resume", action="store_true", help="keep what FOLDER has, and measure the rest")
    parser.add_argument("--at-most", type=float, metavar="SECONDS", help="start no further network after so long")
    parser.add_argument("--prepare", action="store_true", help="install, export and convert, and measure nothing")
    parser.add_argument("--json", metavar="FILE", help="write everything measured there, too; - is standard output")
    parser.add_argument("--force", action="store_true", help="measure although the machine is busy")
    parser.add_argument("--burnish", type=pathlib.Path, metavar="FILE",
                        default=os.environ.get("BURNISH_PROGRAM", ROOT / "build" / "burnish"),
                        help="the program, with the libraries beside it (build/burnish)")
    parser.add_argument("--peak", type=pathlib.Path, metavar="FILE", default=build / "bench" / "bench_fma_peak",
                        help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    options.vs = PEERS if options.vs == "all" else [name for name in options.vs.split(",") if name]
    options.ours = [name for name in options.ours.split(",") if name]
    for flag, given, known in (("--vs", options.vs, PEERS), ("--ours", options.ours, BURNISH)):
        for name in given:
            if name not in known:
                parser.error(f"{flag}: '{name}' is none of {', '.join(known)}")
    if "burnish" not in options.ours:
        parser.error("--ours: without burnish there is nothing to compare with")
    options.size = sizes(options.size, parser)
    if min(options.rounds, options.repeats) < 1 or not options.seconds >= 0:
        parser.error("--rounds and --repeats are at least 1, --seconds at least 0")
    options.source = options.source or ("torch" if any(ENGINES[n].module for n in options.vs) else "zoo")
    flags = pathlib.Path("/proc/cpuinfo").read_text().partition("flags")[2].partition("\n")[0].split()
    options.avx2 = options.cpu == "x86-64-v3" and "avx512f" in flags
    return options


def wait_until_idle(options, say):
    others = figures.Others()
    time.sleep(1)
    if (load := others.processors()) > BUSY:
        if not options.force:
            raise BenchError(f"others use {load:.2f} processors now: wait until the machine is idle, or give --force")
        say(f"[yellow]others use {load:.2f} processors now: these times prove nothing[/]")


def settings_of(options, program):
    """What rows of one report have in common."""
    with open(program, "rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return {**{k: getattr(options, k) for k in ("rounds", "seconds", "repeats", "cpu", "source", "vs", "ours")},
            "program_sha256": digest}


def resumed(options, here, settings):
    """Rows that are there, of the same program, machine and settings."""
    file = options.results / "bench.json"
    if not options.resume or not file.is_file():
        return []
    found = json.loads(file.read_text())
    old, new = ({**r["settings"], "processor": r["machine"]["processor"]}
                for r in (found, {"settings": settings, "machine": here}))
    if differ := [k for k in new if old.get(k) != new[k]]:
        raise BenchError(f"{file} was measured with another {' and '.join(differ)}: give another --results, or leave "
                         "--resume out")
    return found["rows"]


def bench(options):
    from rich.console import Console
    console = Console(highlight=False, stderr=options.json == "-", width=None if sys.stdout.isatty() else 150)
    burnish = Program(pathlib.Path(options.burnish).resolve())
    if not options.networks and options.source == "torch":
        names = list(networks.NETWORKS)
    else:
        names = options.networks or [n["name"] for n in json.loads(burnish.text("zoo", "--list", "--json"))["networks"]]
    jobs = list(itertools.product(names, options.batch, options.threads))
    WORK.mkdir(parents=True, exist_ok=True)

    here, wrong, begun = figures.machine(), [], time.monotonic()
    if burnish.path.is_relative_to(ROOT / "build"):
        commit = subprocess.run(["git", "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True, text=True)
        here["commit"] = commit.stdout.strip()
    settings = settings_of(options, burnish.path)
    rows = resumed(options, here, settings)
    done = {(row["network"], row["batch"], row["threads"]) for row in rows}
    report = {"machine": here, "settings": settings, "rows": rows, "wrong": wrong}

    def say(text):
        console.print(text)

    def plain(text):
        console.print(text, markup=False)

    def head(number, job):
        return f"[{number}/{len(jobs)}] {job[0]}, batch {job[1]}, {job[2]} threads:"

    console.print(f"{here['processor']}, {here['processors']} processors, {here['system']}")
    left = [(i, job) for i, job in enumerate(jobs, 1) if job not in done]
    if options.prepare:
        for number, job in left:
            try:
                reasons = prepare_all(model_of(burnish, job, options, plain), options, plain)
                plain(f"{head(number, job)} " + ("; ".join(f"{ENGINES[e].title} not applicable: {why}"
                                                           for e, why in reasons.items()) or "ready"))
            except (BenchError, OSError) as error:
                wrong.append(f"{job[0]}: {error}")
                plain(f"{head(number, job)} {error}")
        return 1 if wrong else 0

    unfinished = False
    try:
        for number, job in left:
            if options.at_most is not None and time.monotonic() - begun > options.at_most:
                unfinished = True
                break
            try:
                row = measure(burnish, job, options, plain, lambda: wait_until_idle(options, say))
            except (BenchError, OSError) as error:
                wrong.append(f"{job[0]}: {error}")
                plain(f"{head(number, job)} {error}")
                continue
            rows.append(row)
            wrong += [f"{job[0]}: {text}" for text in failures(row)]
            least = ", ".join(f"{ENGINES[e].title} {t['min']:.2f} ms" for e, t in row["times_ms"].items())
            plain(f"{head(number, job)} {least}" + "".join(
                f"; {ENGINES[e].title} n/a" for e in row["not_applicable"]))
            reports.write(report, options.results)
    finally:  # an interrupt leaves what there is
        if rows:
            versions = ", ".join(f"{ENGINES[e].title} {v}" for e, v in rows[0]["versions"].items())
            console.print(f"\n{versions}; Burnish's code is for {rows[0]['isa']}")
            for table in reports.tables(rows):
                console.print(table)
            if any(row["others_processors"] > BUSY for row in rows):
                console.print(f"[yellow]* others used more than {BUSY} processors during the rounds[/]")
            reports.write(report, options.results)
        for text in wrong:
            console.print(f"wrong: {text}", style="red", markup=False)
    if rows:
        reports.chart(rows, [options.results / "chart.png", options.results / "chart.svg"])
        plain(f"written: {options.results}/bench.json, bench.tsv, chart.png, chart.svg")
    if options.json == "-":
        print(json.dumps(report))
    elif options.json:
        pathlib.Path(options.json).write_text(json.dumps(report, indent=1) + "\n")
    if unfinished:
        plain(f"{len(rows)} of {len(jobs)} measured: the same with --resume goes on")
        return UNFINISHED
    return 1 if wrong else 0


if __name__ == "__main__":
    try:
        sys.exit(bench(parse()))
    except (BenchError, OSError) as error:
        sys.exit(f"bench: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
