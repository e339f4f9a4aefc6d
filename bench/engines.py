"""The engines that ./dev bench times: the table of them, the process of each, and what is prepared for it.

A further engine is a row of ENGINES and, unless it is Burnish with other words of `burnish build`, a class of peers.py.
"""

import dataclasses
import hashlib
import json
import os
import pathlib
import signal
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
PREPARE_SECONDS = 1200


class BenchError(Exception):
    pass


class NotApplicable(Exception):
    """Why an engine has no time for a model."""


@dataclasses.dataclass(frozen=True)
class Engine:
    name: str
    title: str
    kind: str  # module.Class
    environment: str = ""  # bench/requirements/NAME.txt; none: that of the benchmark itself
    build: tuple = ()  # of Burnish: further words of `burnish build`
    module: bool = False  # takes a PyTorch module of networks.py in the place of an ONNX file
    avx2: dict | None = None  # environment variables that hold it to AVX2
    not_avx2: str = "no option holds it to AVX2"
    flags: str = ""  # how it is set up, for the report

    @property
    def ours(self):
        return self.kind.startswith("burnish_engine.")


ONEDNN_AVX2 = {"ONEDNN_MAX_CPU_ISA": "AVX2", "DNNL_MAX_CPU_ISA": "AVX2"}
ENGINES = {engine.name: engine for engine in (
    Engine("burnish", "Burnish", "burnish_engine.Burnish", flags="burnish build --threads N"),
    Engine("burnish-max", "Burnish max-autotune", "burnish_engine.Burnish", build=("--mode", "max-autotune"),
           flags="burnish build --threads N --mode max-autotune"),
    Engine("ort", "ONNX Runtime", "peers.OnnxRuntime",
           flags="CPUExecutionProvider, intra-op threads N, inter-op 1, inputs and outputs bound"),
    Engine("openvino", "OpenVINO", "peers.OpenVino", "openvino", avx2=ONEDNN_AVX2,
           flags="INFERENCE_NUM_THREADS N, PERFORMANCE_HINT LATENCY, INFERENCE_PRECISION_HINT f32"),
    Engine("inductor", "TorchInductor", "peers.Inductor", "inductor", module=True,
           avx2={**ONEDNN_AVX2, "ATEN_CPU_CAPABILITY": "avx2", "MKL_ENABLE_INSTRUCTIONS": "AVX2"},
           flags="torch.compile of the module, freezing, channels_last for images, torch.set_num_threads(N)"),
    Engine("mnn", "MNN", "peers.Mnn", "mnn", flags="precision, memory and power high, numThread N"),
    Engine("ncnn", "ncnn", "peers.Ncnn", "ncnn", flags="of pnnx fp16=0; num_threads N, nothing in f16 or bf16"),
    Engine("tensorflow", "TensorFlow", "peers.TensorFlow", "tensorflow", avx2=ONEDNN_AVX2,
           flags="of onnx2tf, a SavedModel in NHWC; intra-op threads N, inter-op 1"),
)}
PEERS = [name for name, engine in ENGINES.items() if not engine.ours]
BURNISH = [name for name, engine in ENGINES.items() if engine.ours]


# -- environments

def requirements(name):
    return ROOT / "bench" / "requirements" / f"{name}.txt"


def environment(name, say=print):
    """The Python of a peer's environment, build/peers/NAME, which is made again when its list changes."""
    if not name:
        return sys.executable
    folder = (ROOT / "build" / "peers").resolve() / name
    python, stamp, wanted = folder / "bin" / "python", folder / "requirements.txt", requirements(name).read_text()
    if not stamp.is_file() or stamp.read_text() != wanted:
        say(f"installing {name} into {folder}")
        base = pathlib.Path(sys.base_prefix) / "bin" / "python3"
        # The lists are complete: what they leave out, for its size or its habits, is not wanted.
        for command in ([base, "-m", "venv", "--clear", folder],
                        [python, "-m", "pip", "install", "--no-deps", "-r", requirements(name)]):
            done = subprocess.run(list(map(str, command)), capture_output=True, text=True)
            if done.returncode != 0:
                raise BenchError(f"{name} cannot be installed: {(done.stderr or done.stdout).strip()[-400:]}")
        stamp.write_text(wanted)
    return str(python)


def variables(engine, threads, avx2):
    """Of an engine's process."""
    chosen = {k: v for k, v in os.environ.items() if not k.startswith(("OPENBLAS_", "OMP_", "MKL_", "KMP_", "ONEDNN_"))}
    chosen |= {"OMP_NUM_THREADS": str(threads), "CUDA_VISIBLE_DEVICES": "", "TF_CPP_MIN_LOG_LEVEL": "2",
               "TORCHINDUCTOR_CACHE_DIR": str(ROOT / "build" / "bench" / "inductor")}
    return chosen | (engine.avx2 or {} if avx2 else {})


# -- the process of an engine

def command_of(engine):
    return [environment(engine.environment), str(ROOT / "bench" / "worker.py"), engine.kind]


class Worker:
    """The other end: an engine in its process, which stands still but for its turns, whatever its threads would do."""

    def __init__(self, engine, setup, avx2=False):
        self.name, self._title = engine.name, engine.title
        self._process = subprocess.Popen(
            command_of(engine), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True,
            env=variables(engine, setup["threads"], avx2))
        self.pid = self._process.pid
        try:
            self.facts = self.ask(**setup)
        except BenchError:
            self.close()
            raise

    def _signal(self, which):
        try:
            os.killpg(self.pid, which)
        except ProcessLookupError:
            pass

    def ask(self, **question):
        self._signal(signal.SIGCONT)
        try:
            self._process.stdin.write(json.dumps(question) + "\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        except BrokenPipeError:
            line = ""
        answer = json.loads(line) if line else {"error": f"ended with exit code {self._process.wait()}"}
        if "error" in answer:
            raise BenchError(f"{self._title}: {answer['error']}")
        self._signal(signal.SIGSTOP)
        return answer

    def outputs(self, path):
        import numpy as np
        self.ask(save=str(path))
        with np.load(path) as saved:
            return [saved[f"arr_{i}"] for i in range(len(saved.files))]

    def close(self):
        self._signal(signal.SIGCONT)
        try:
            self._process.stdin.close()
        except BrokenPipeError:
            pass
        self._process.wait()
        self._process.stdout.close()


# -- what an engine makes of a model, once

def not_applicable(engine, model, avx2):
    """The reason that needs no trial, or none."""
    if engine.module and not model["module"]:
        return "takes PyTorch modules, which this model is not one of"
    if avx2 and not engine.ours and engine.avx2 is None:
        return engine.not_avx2
    return None


def prepare(engine, model, say=print, seconds=PREPARE_SECONDS):
    """Converts the model (`onnx`, `folder`, `sha256` ...) for the engine; raises NotApplicable where that cannot be."""
    if engine.ours or engine.name == "ort":
        return
    stamp = pathlib.Path(model["folder"]) / f"{engine.name}.json"
    source = (requirements(engine.environment).read_text() if engine.environment else "") + engine.flags
    source += model["sha256"]
    key = hashlib.sha256(source.encode()).hexdigest()
    if not stamp.is_file() or json.loads(stamp.read_text())["key"] != key:
        say(f"{model['name']}: preparing {engine.title}")
        try:
            done = subprocess.run(command_of(engine), input=json.dumps({"prepare": model}) + "\n", text=True,
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=seconds,
                                  env=variables(engine, model["threads"], False), cwd=model["folder"])
            lines = done.stdout.splitlines()
            error = json.loads(lines[-1]).get("error") if lines else f"its converter ended with {done.returncode}"
        except subprocess.TimeoutExpired:
            error = f"its converter took more than {seconds} s"
        stamp.write_text(json.dumps({"key": key, "error": error}) + "\n")
    if error := json.loads(stamp.read_text())["error"]:
        raise NotApplicable(error)
