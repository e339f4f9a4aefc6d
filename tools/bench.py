#!/usr/bin/env python3
"""./dev bench: the speed of the zoo, or of ONNX files, beside other engines.

Every engine has a process of its own (bench_engines.py) that lives for all rounds; in a round they run one after the
other, and the one whose turn it is not sleeps. Times are of one inference of the same file on the same seeded inputs.
"""

import argparse
import hashlib
import json
import math
import os
import pathlib
import subprocess
import sys
import tempfile
import time

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import bench_numbers as numbers  # noqa: E402
from bench_engines import ENGINES, TITLES, BenchError, Worker  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parent.parent
AGREE = 1e-4  # of the largest element
BUSY = 0.1  # processors that others may use
PAUSE = 0.05  # seconds after a turn, in which spinning threads fall asleep


class Program:
    """The program `burnish`."""

    def __init__(self, path):
        self.path = path
        if not path.is_file():
            raise BenchError(f"{path} is not there: ./dev build makes it")

    def command(self, *arguments):
        return [str(self.path), *map(str, arguments)]

    def text(self, *arguments):
        done = subprocess.run(self.command(*arguments), capture_output=True, text=True)
        if done.returncode != 0:
            raise BenchError(f"burnish {arguments[0]}: {(done.stderr or done.stdout).strip()[-500:]}")
        return done.stdout

    def wall_ms(self, *arguments, times=3):
        """The least of a few; one before brings files into memory."""
        walls = []
        for _ in range(times + 1):
            begin = time.perf_counter()
            self.text(*arguments)
            walls.append((time.perf_counter() - begin) * 1e3)
        return min(walls[1:])

    def peak_bytes(self, *arguments):
        """A process starts with its parent's peak, so the parent is a small one."""
        measure = ("import resource, subprocess, sys; subprocess.run(sys.argv[1:], stdout=2, check=True); "
                   "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)")
        done = subprocess.run([sys.executable, "-I", "-S", "-c", measure, *self.command(*arguments)],
                              capture_output=True, text=True)
        if done.returncode != 0:
            raise BenchError(f"burnish {arguments[0]}: {done.stderr.strip()[-500:]}")
        return int(done.stdout) * 1024


def time_engines(workers, options):
    """Milliseconds by engine and round, and what others did meanwhile."""
    for worker in workers:
        worker.ask(warm=options.seconds, seconds=0, least=1)
    rounds, others = {w.name: [] for w in workers}, numbers.Others([w.pid for w in workers])
    for _ in range(options.rounds):
        for worker in workers:
            time.sleep(PAUSE)
            rounds[worker.name].append(worker.ask(warm=PAUSE, seconds=options.seconds, least=3)["ms"])
    return rounds, others.processors()


def same_bits(burnish, plan, feeds, folder):
    """Whether 1 thread, 2 threads, and 2 threads again give the same outputs, and their hash."""
    hashes = []
    for i, threads in enumerate((1, 2, 2)):
        out, state = folder / f"out{i}", hashlib.sha256()
        burnish.text("run", plan, *feeds, "--threads", threads, "--output-dir", out)
        for file in sorted(out.iterdir()):
            state.update(file.name.encode() + b"\0" + file.read_bytes())
        hashes.append(state.hexdigest())
    return len(set(hashes)) == 1, hashes[0]


def bench_network(burnish, network, options, folder):
    onnx_file, plan, threads = pathlib.Path(network), folder / "network.plan", options.threads
    if onnx_file.suffix != ".onnx":
        onnx_file = folder / "network.onnx"
        burnish.text("zoo", network, "-o", onnx_file)
    inputs = numbers.inputs_of(onnx_file)
    sizes = numbers.sizes_of(inputs, options.size)
    values, files = numbers.values_of(inputs, sizes), {}
    for i, (name, array) in enumerate(values.items()):
        files[name] = str(folder / f"input{i}.npy")
        np.save(files[name], array)
    feeds = [word for name, path in files.items() for word in ("--input", f"{name}={path}")]

    shapes = [word for name, array in values.items() for word in ("--shapes", f"{name}={numbers.type_text(array)}")]
    begin = time.perf_counter()
    build = json.loads(burnish.text("build", onnx_file, "-o", plan, "--threads", threads, "--cpu", options.cpu, *shapes,
                                    "--json"))
    build_seconds = time.perf_counter() - begin
    os.sync()  # so that the disk is quiet later

    setup = {"library": str(burnish.path.parent / "libburnish-runtime.so"), "threads": threads, "inputs": files,
             "sizes": sizes}
    workers = []
    try:
        for engine in ("burnish", *options.vs):
            workers.append(Worker(engine, {**setup, "file": str(plan if engine == "burnish" else onnx_file)}))
        outputs = {w.name: w.outputs(folder / f"{w.name}.npz") for w in workers}
        rounds, others = time_engines(workers, options)
        facts = {w.name: w.facts for w in workers}
    finally:
        for worker in workers:
            worker.close()

    times = {name: numbers.statistics(r) for name, r in rounds.items()}
    ours = times["burnish"]
    weights, arena = build["weight_bytes"] + build["derived_bytes"], facts["burnish"]["arena_bytes"]
    run = ("run", plan, *feeds, "--threads", threads)
    report = json.loads(burnish.text(*run, "--json"))
    start = burnish.wall_ms("--version")
    same, outputs_hash = same_bits(burnish, plan, feeds, folder)
    return {
        "network": network, "inputs": {name: numbers.type_text(array) for name, array in values.items()},
        "isa": report["isa"], "versions": {name: f["version"] for name, f in facts.items()},
        "times_ms": times, "others_processors": others,
        "ratios": {e: {k: ours[k] / times[e][k] for k in ("min", "median")} for e in options.vs},
        "differences": {e: numbers.difference(outputs["burnish"], outputs[e]) for e in options.vs},
        "build_seconds": build_seconds, "reference_nodes": build["reference_nodes"], "plan_bytes": build["file_bytes"],
        "weight_bytes": build["weight_bytes"], "derived_bytes": build["derived_bytes"], "arena_bytes": arena,
        "peak_bytes": burnish.peak_bytes(*run, "--quiet"), "peak_limit_bytes": numbers.memory_limit(weights, arena),
        "process_start_ms": start, "first_answer_ms": burnish.wall_ms(*run, "--quiet"),
        "first_answer_limit_ms": numbers.first_answer_limit(start, weights, ours["median"]),
        "same_bits": same, "outputs_sha256": outputs_hash}


def failures(row):
    """What is wrong with a network, whatever its speed."""
    wrong = [f"differs from {TITLES[e]} by {d:.1e} of the largest output"
             for e, d in row["differences"].items() if not d <= AGREE]
    return wrong + ([] if row["same_bits"] else ["outputs differ between runs or numbers of threads"])


# -- the report

def mib(count):
    return f"{count / 2**20:.1f}"


def against(value, limit):
    """A value and its limit; red beyond it."""
    text = f"{value:.0f} / {limit:.0f}"
    return f"[red]{text}[/]" if value > limit else text


def tables(rows, engines, threads):
    from rich import box
    from rich.table import Table

    def table(title, columns):
        made = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
        for column in columns:
            made.add_column(column, vertical="bottom", justify="left" if column == "network" else "right")
        return made

    for engine in engines:
        title = TITLES[engine]
        made = table(f"Burnish and {title}: ms, {threads} thread{'s' * (threads > 1)}", [
            "network", "Burnish\nmin", "\nmedian", "\np90-p10", f"{title}\nmin", "\nmedian", "\np90-p10", "ratio\nmin",
            "ratio\nmedian", "largest\ndifference", "\nruns"])
        for row in rows:
            ours, theirs, ratio = row["times_ms"]["burnish"], row["times_ms"][engine], row["ratios"][engine]
            made.add_row(
                row["network"] + (" *" if row["others_processors"] > BUSY else ""),
                *(f"{t[k]:.2f}" for t in (ours, theirs) for k in ("min", "median", "spread")),
                *(f"{ratio[k]:.2f}" for k in ("min", "median")), f"{row['differences'][engine]:.1e}",
                f"{ours['runs']}, {theirs['runs']}")
        made.caption_justify = "left"
        means = [math.exp(sum(math.log(r["ratios"][engine][k]) for r in rows) / len(rows)) for k in ("min", "median")]
        made.caption = f"geometric mean of the ratios: {means[0]:.3f} of minima, {means[1]:.3f} of medians"
        yield made
    made = table("Burnish, beside its limits", [
        "network", "build\ns", "plan\nMiB", "weights\nMiB", "derived\nMiB", "arena\nMiB", "peak / limit\nMiB",
        "first answer / limit\nms", "same\nbits"])
    for row in rows:
        made.add_row(row["network"], f"{row['build_seconds']:.1f}",
                     *(mib(row[f"{what}_bytes"]) for what in ("plan", "weight", "derived", "arena")),
                     against(row["peak_bytes"] / 2**20, row["peak_limit_bytes"] / 2**20),
                     against(row["first_answer_ms"], row["first_answer_limit_ms"]),
                     "yes" if row["same_bits"] else "[red]no[/]")
    yield made


def parse():
    parser = argparse.ArgumentParser(prog="./dev bench", description=__doc__.partition("\n\n")[0].partition(": ")[2],
                                     epilog="Exit code 1: an answer was wrong or a network could not be measured.")
    parser.add_argument("networks", nargs="*", metavar="NETWORK",
                        help="of the zoo, or an .onnx file; none: all of the zoo")
    parser.add_argument("--vs", default="ort", metavar="ENGINE,...", help="beside which engines (ort)")
    parser.add_argument("--rounds", type=int, default=10, help="turns of each engine (%(default)s)")
    parser.add_argument("--seconds", type=float, default=0.5, help="of a turn, at least three runs (%(default)s)")
    parser.add_argument("--threads", type=int, default=2, help="of each engine (%(default)s)")
    parser.add_argument("--cpu", default="host", metavar="LEVEL", help="for burnish build alone (%(default)s)")
    parser.add_argument("--size", action="append", default=[], metavar="SYMBOL=N",
                        help="an open size of an .onnx file's inputs; a first one is the batch and 1")
    parser.add_argument("--json", type=pathlib.Path, metavar="FILE", help="write everything measured")
    parser.add_argument("--force", action="store_true", help="measure although the machine is busy")
    parser.add_argument("--burnish", type=pathlib.Path, metavar="FILE",
                        default=os.environ.get("BURNISH_PROGRAM", ROOT / "build" / "burnish"),
                        help="the program, with the libraries beside it (build/burnish)")
    options = parser.parse_args()
    options.vs = [name for name in options.vs.split(",") if name]
    for name in options.vs:
        if name not in ENGINES or name == "burnish":
            parser.error(f"--vs: '{name}' is none of {', '.join(n for n in ENGINES if n != 'burnish')}")
    sizes = [text.partition("=") for text in options.size]
    if not all(number.isdecimal() and int(number) > 0 for _, _, number in sizes):
        parser.error("--size wants SYMBOL=NUMBER")
    options.size = {symbol: int(number) for symbol, _, number in sizes}
    if min(options.rounds, options.threads) < 1 or not options.seconds >= 0:
        parser.error("--rounds and --threads are at least 1, --seconds at least 0")
    return options


def bench(options):
    from rich.console import Console
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 140)
    burnish = Program(pathlib.Path(options.burnish).resolve())
    networks = options.networks or [n["name"] for n in json.loads(burnish.text("zoo", "--list", "--json"))["networks"]]
    others = numbers.Others()
    time.sleep(1)
    if (load := others.processors()) > BUSY:
        if not options.force:
            raise BenchError(f"others use {load:.2f} processors now: wait until the machine is idle, or give --force")
        console.print(f"[yellow]others use {load:.2f} processors now: these times prove nothing[/]")

    here, rows, wrong = numbers.machine(), [], []
    if burnish.path.is_relative_to(ROOT / "build"):
        commit = subprocess.run(["git", "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True, text=True)
        here["commit"] = commit.stdout.strip()
    console.print(f"{here['processor']}, {here['processors']} processors, {here['system']}")
    (ROOT / "build" / "bench").mkdir(parents=True, exist_ok=True)
    try:
        for number, network in enumerate(networks, 1):
            head = f"[{number}/{len(networks)}] {network}:"
            try:
                with tempfile.TemporaryDirectory(dir=ROOT / "build" / "bench") as folder:
                    row = bench_network(burnish, network, options, pathlib.Path(folder))
            except (BenchError, OSError) as error:
                wrong.append(f"{network}: {error}")
                console.print(f"{head} {error}", markup=False)
                continue
            rows.append(row)
            wrong += [f"{network}: {text}" for text in failures(row)]
            least = ", ".join(f"{TITLES[e]} {t['min']:.2f} ms" for e, t in row["times_ms"].items())
            console.print(f"{head} {least}", markup=False)
    finally:  # an interrupt leaves what there is
        if rows:
            versions = ", ".join(f"{TITLES[e]} {v}" for e, v in rows[0]["versions"].items())
            console.print(f"\n{versions}; Burnish's code is for {rows[0]['isa']}")
            for table in tables(rows, options.vs, options.threads):
                console.print(table)
            if any(row["others_processors"] > BUSY for row in rows):
                console.print(f"[yellow]* others used more than {BUSY} processors during the rounds[/]")
        for text in wrong:
            console.print(f"wrong: {text}", style="red", markup=False)
        if options.json:
            settings = {k: getattr(options, k) for k in ("rounds", "seconds", "threads", "cpu")}
            report = {"machine": here, "settings": settings, "networks": rows, "wrong": wrong}
            options.json.write_text(json.dumps(report, indent=1) + "\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    try:
        sys.exit(bench(parse()))
    except (BenchError, OSError) as error:
        sys.exit(f"bench: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
