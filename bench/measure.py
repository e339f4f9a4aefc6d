"""Measures one model: Burnish and the peers by turns, each in its process, and Burnish alone beside its limits."""

import hashlib
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

import numpy as np

import figures
import networks
import onnx_files
from engines import ENGINES, ROOT, BenchError, NotApplicable, Worker, environment, not_applicable, prepare, variables

WORK = ROOT / "build" / "bench"
AGREE = 1e-4  # of the largest element: what our answers may be off
SAME = 1e-2  # what a peer's may be off, whose arithmetic is not ours to judge, to be those of the same network
PAUSE = 0.05  # seconds of warming up in a turn


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


def fma_peak(program, threads, bits=512):
    """Multiply-adds a second of this machine now."""
    try:
        done = subprocess.run([program, str(threads), str(bits)], capture_output=True, text=True)
    except OSError as error:
        raise BenchError(f"{program} cannot be run ({error.strerror}): ./dev bench builds it") from None
    if done.returncode != 0:
        raise BenchError(f"{program}: {done.stderr.strip()}")
    return json.loads(done.stdout)


# -- models

def sha256_of(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def module_file(name, batch, say):
    """The ONNX file of a network in networks.py, exported once."""
    folder = WORK / "models" / f"{name}-b{batch}"
    file = folder / "network.onnx"
    if not file.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        python = environment("inductor", say)
        say(f"{name}: exporting")
        done = subprocess.run([python, ROOT / "bench" / "networks.py", name, str(batch), file], capture_output=True,
                              text=True, env=variables(ENGINES["inductor"], 1, False))
        if done.returncode != 0:
            raise BenchError(f"{name} cannot be exported: {done.stderr.strip()[-400:]}")
    return file


def zoo_file(burnish, name):
    folder = WORK / "models" / f"zoo-{name}"
    folder.mkdir(parents=True, exist_ok=True)
    file, part = folder / "network.onnx", folder / "part.onnx"
    if not file.is_file() or file.stat().st_mtime < burnish.path.stat().st_mtime:
        burnish.text("zoo", name, "-o", part)
        part.rename(file)
    return file


def model_of(burnish, job, options, say):
    """What is measured: the file, its inputs, and the folder for what engines make of it."""
    name, batch, threads = job
    module = None
    if name.endswith(".onnx"):
        file = pathlib.Path(name).resolve()
        folder = WORK / "models" / f"{file.stem}-{sha256_of(file)[:12]}" if file.is_file() else None
    elif options.source == "torch" and name in networks.NETWORKS:
        module, file = name, module_file(name, batch, say)
        folder = file.parent
    else:
        file = zoo_file(burnish, name)
        folder = file.parent
    loaded = onnx_files.load(file)
    inputs = onnx_files.inputs_of(loaded)
    sizes = onnx_files.sizes_of(inputs, {"": batch, **options.size})
    values = onnx_files.values_of(inputs, sizes)
    if batch != 1 and not all(array.shape[:1] == (batch,) for array in values.values()):
        raise BenchError(f"its inputs are {', '.join(map(onnx_files.type_text, values.values()))}: a batch of {batch} "
                         "needs a file with an open first size, or one of that batch")
    folder.mkdir(parents=True, exist_ok=True)
    return {"name": name, "module": module, "batch": batch, "threads": threads, "onnx": str(file),
            "folder": str(folder), "sha256": sha256_of(file), "sizes": sizes, "values": values,
            "outputs": [output.name for output in loaded.graph.output],
            "macs": onnx_files.multiplications_of(loaded, sizes)}


def described(model):
    """The part of a model that an engine's process is told."""
    values = model["values"].values()
    return {**{k: v for k, v in model.items() if k != "values"}, "dtypes": [str(array.dtype) for array in values],
            "shapes": [list(array.shape) for array in values]}


def prepare_all(model, options, say):
    """Peer -> why it has no time for this model, of those that have none."""
    reasons = {}
    for name in options.vs:
        engine = ENGINES[name]
        if reason := not_applicable(engine, model, options.avx2):
            reasons[name] = reason
            continue
        environment(engine.environment, say)
        try:
            prepare(engine, described(model), say)
        except NotApplicable as error:
            reasons[name] = str(error)
    return reasons


# -- times

def time_engines(workers, options):
    """Milliseconds by engine and round, and what others did meanwhile."""
    for worker in workers:
        worker.ask(warm=options.seconds, seconds=0, least=1)
    rounds, others = {w.name: [] for w in workers}, figures.Others([w.pid for w in workers])
    for _ in range(options.rounds):
        for worker in workers:
            rounds[worker.name].append(worker.ask(warm=PAUSE, seconds=options.seconds, least=3)["ms"])
    return rounds, others.processors()


def build(burnish, engine, model, options, plan):
    shapes = [word for name, array in model["values"].items()
              for word in ("--shapes", f"{name}={onnx_files.type_text(array)}")]
    begin = time.perf_counter()
    made = json.loads(burnish.text("build", model["onnx"], "-o", plan, "--threads", model["threads"], "--cpu",
                                   options.cpu, *engine.build, *shapes, "--json"))
    return {**made, "build_seconds": time.perf_counter() - begin, "plan": str(plan)}


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


def bound_of(burnish, plan, feeds, threads):
    """What the plan's layers multiply and read, and how soon this processor's peaks would let them be done."""
    report = json.loads(burnish.text("bench", plan, *feeds, "--threads", threads, "--duration", 0.3, "--profile",
                                     "--json"))
    return {what: report["profile"][what] for what in ("bound_ms", "multiplications", "bytes")}


def start(names, setups, reasons, avx2):
    """Processes of those that start; a peer that does not is given its reason, unless it did before (no `reasons`)."""
    workers = []
    try:
        for name in names:
            try:
                workers.append(Worker(ENGINES[name], setups[name], avx2 and not ENGINES[name].ours))
            except BenchError as error:
                if ENGINES[name].ours or reasons is None:
                    raise
                reasons[name] = str(error).partition(": ")[2]
    except BaseException:
        for worker in workers:
            worker.close()
        raise
    return workers


def strangers(outputs, ours):
    """Peer -> reason, of those whose answers are not those of the network."""
    differences = {name: figures.difference(outputs[ours], made) for name, made in outputs.items() if name != ours}
    peers = {name: d for name, d in differences.items() if not ENGINES[name].ours}
    if not any(d <= AGREE for d in peers.values()):  # then it may be us who are wrong
        return differences, {}
    return differences, {name: f"its answers differ from Burnish's by {d:.1e} of the largest, others' do not"
                         for name, d in peers.items() if not d <= SAME}


def measure(burnish, job, options, say, wait=lambda: None):
    """The row of a model in the report. Between what may take any time and what is timed, `wait` is called."""
    model = model_of(burnish, job, options, say)
    reasons = prepare_all(model, options, say)
    wait()
    with tempfile.TemporaryDirectory(dir=WORK) as folder:
        return measure_in(pathlib.Path(folder), burnish, model, options, reasons)


def measure_in(folder, burnish, model, options, reasons):
    files = {}
    for i, (name, array) in enumerate(model["values"].items()):
        files[name] = str(folder / f"input{i}.npy")
        np.save(files[name], array)
    feeds = [word for name, path in files.items() for word in ("--input", f"{name}={path}")]
    builds = {name: build(burnish, ENGINES[name], model, options, folder / f"{name}.plan") for name in options.ours}
    os.sync()  # so that the disk is quiet later

    setup = {**described(model), "inputs": files, "library": str(burnish.path.parent / "libburnish-runtime.so")}
    setups = {name: {**setup, "file": builds[name]["plan"] if name in builds else model["onnx"]}
              for name in (*options.ours, *options.vs)}
    all_rounds, repeats, others, facts, differences = {}, [], 0.0, {}, {}
    peak = fma_peak(options.peak, model["threads"], 256 if options.avx2 else 512)
    for repeat in range(options.repeats):
        names = [n for n in setups if n not in reasons]
        workers = start(names, setups, reasons if repeat == 0 else None, options.avx2)
        try:
            if repeat == 0:
                outputs = {w.name: w.outputs(folder / f"{w.name}.npz") for w in workers}
                differences, wrong = strangers(outputs, options.ours[0])
                reasons.update(wrong)
                for worker in [w for w in workers if w.name in wrong]:
                    workers.remove(worker)
                    worker.close()
                facts = {w.name: w.facts for w in workers}
            rounds, busy = time_engines(workers, options)
        finally:
            for worker in workers:
                worker.close()
        others = max(others, busy)
        repeats.append({name: min(map(min, r)) for name, r in rounds.items()})
        for name, r in rounds.items():
            all_rounds.setdefault(name, []).extend(r)
    times = {name: figures.statistics(r) for name, r in all_rounds.items()}

    first = builds[options.ours[0]]
    plan, threads, arena = first["plan"], model["threads"], facts[options.ours[0]]["arena_bytes"]
    weights = first["weight_bytes"] + first["derived_bytes"]
    run = ("run", plan, *feeds, "--threads", threads)
    report = json.loads(burnish.text(*run, "--json"))
    process_start = burnish.wall_ms("--version")
    same, outputs_hash = same_bits(burnish, plan, feeds, folder)
    return {
        "network": model["name"], "batch": model["batch"], "threads": threads, "cpu": options.cpu,
        "source": "torch" if model["module"] else "file" if model["name"].endswith(".onnx") else "zoo",
        "inputs": {name: onnx_files.type_text(array) for name, array in model["values"].items()},
        "macs": model["macs"], "peak": peak, "isa": report["isa"], "sha256": model["sha256"],
        "date": figures.machine()["date"], "versions": {name: f["version"] for name, f in facts.items()},
        "times_ms": times, "repeats_ms": repeats, "others_processors": others, "not_applicable": reasons,
        "differences": {name: d for name, d in differences.items() if name in times},
        "builds": {name: {k: b[k] for k in ("build_seconds", "reference_nodes", "file_bytes", "weight_bytes",
                                            "derived_bytes")} for name, b in builds.items()},
        "bounds": {name: bound_of(burnish, b["plan"], feeds, threads) for name, b in builds.items()},
        "arena_bytes": arena, "peak_bytes": burnish.peak_bytes(*run, "--quiet"),
        "peak_limit_bytes": figures.memory_limit(weights, arena), "process_start_ms": process_start,
        "first_answer_ms": burnish.wall_ms(*run, "--quiet"),
        "first_answer_limit_ms": figures.first_answer_limit(process_start, weights,
                                                            times[options.ours[0]]["median"]),
        "same_bits": same, "outputs_sha256": outputs_hash}
