#!/usr/bin/env python3
"""The engines that ./dev bench times, and the process that each of them runs in.

A further engine is a class with the three members of `Engine` and a row in ENGINES. Both sides are timed by the same
loop around one call, which reads its inputs from and writes its outputs to memory that was there before.

A worker is `bench_engines.py ENGINE`. It reads one JSON object a line and answers each with one: first the setup
(`file`, `library`, `threads`, `inputs`: FILE.npy by name, `sizes` by symbol), then {"warm": s, "seconds": s, "least":
n} for the milliseconds of every run, or {"save": FILE.npz} for the outputs.
"""

import ctypes as c
import gc
import json
import os
import subprocess
import sys
import time

import numpy as np


class BenchError(Exception):
    pass


class Tensor(c.Structure):  # DLTensor
    _fields_ = [("data", c.c_void_p), ("device_type", c.c_int32), ("device_id", c.c_int32), ("ndim", c.c_int32),
                ("code", c.c_uint8), ("bits", c.c_uint8), ("lanes", c.c_uint16), ("shape", c.POINTER(c.c_int64)),
                ("strides", c.POINTER(c.c_int64)), ("byte_offset", c.c_uint64)]


class ManagedTensor(c.Structure):  # DLManagedTensorVersioned
    _fields_ = [("major", c.c_uint32), ("minor", c.c_uint32), ("manager", c.c_void_p),
                ("deleter", c.CFUNCTYPE(None, c.c_void_p)), ("flags", c.c_uint64), ("tensor", Tensor)]


class Argument(c.Structure):
    _fields_ = [("name", c.c_char_p), ("tensor", c.POINTER(Tensor))]


class Result(c.Structure):
    _fields_ = [("name", c.c_char_p), ("into", c.POINTER(Tensor)), ("made", c.POINTER(ManagedTensor))]


class ContextOptions(c.Structure):
    _fields_ = [("size", c.c_size_t), ("threads", c.c_int)]


class Table(c.Structure):
    """burnish_table up to the last function used here; functions are only ever appended to it."""
    _fields_ = [("version", c.c_uint32), ("compiler", c.c_uint32), ("library_version", c.c_char_p)] + [
        (name, c.c_void_p) for name in (
            "error_status error_text error_free text_data text_size text_free set_log engine_load engine_load_bytes "
            "engine_free engine_save engine_count engine_value engine_text engine_set_parameter context_create "
            "context_free context_run context_arena_bytes").split()]


KINDS = {"i": 0, "u": 1, "f": 2, "b": 6}  # NumPy's to DLPack's
POINTER = c.POINTER(c.c_void_p)


def tensor_of(array):
    """A DLTensor over the array, which must outlive it."""
    shape = (c.c_int64 * max(array.ndim, 1))(*array.shape)
    return Tensor(array.ctypes.data, 1, 0, array.ndim, KINDS[array.dtype.kind], array.dtype.itemsize * 8, 1, shape)


def array_like(tensor):
    """An empty array of the tensor's type."""
    kind = next((k for k, code in KINDS.items() if code == tensor.code), None)
    if kind is None or tensor.lanes != 1:
        raise BenchError(f"an output of DLPack's type {tensor.code} has no counterpart in NumPy")
    return np.zeros(tensor.shape[:tensor.ndim], np.dtype(f"{kind}{tensor.bits // 8}"))


class Engine:
    """What the worker needs of an engine."""
    facts = {}  # for the report

    def __init__(self, setup, feeds):
        """Loads setup["file"] to run with setup["threads"] on these arrays, by name."""

    def run(self):
        """One inference, complete when it returns."""

    def outputs(self):
        """Of the last run, as arrays in the model's order."""


class Burnish(Engine):
    """A plan in libburnish-runtime, through the C interface."""

    def __init__(self, setup, feeds):
        library = c.CDLL(setup["library"])
        library.burnish_api.restype = c.POINTER(Table)
        table = library.burnish_api(c.c_uint32(1))
        if not table:
            raise BenchError(f"{setup['library']} is of another version")
        self._table = table.contents
        engine, context, count = c.c_void_p(), c.c_void_p(), c.c_size_t()
        self._call("engine_load", [c.c_char_p, c.c_void_p, POINTER], setup["file"].encode(), None, c.byref(engine))
        options = ContextOptions(c.sizeof(ContextOptions), setup["threads"])
        self._call("context_create", [c.c_void_p, c.POINTER(ContextOptions), POINTER], engine, c.byref(options),
                   c.byref(context))
        self._call("engine_count", [c.c_void_p, c.c_int, c.POINTER(c.c_size_t)], engine, 1, c.byref(count))

        self._feeds = [(name.encode(), array, tensor_of(array)) for name, array in feeds.items()]
        arguments = (Argument * len(feeds))(*[Argument(name, c.pointer(t)) for name, _, t in self._feeds])
        results = (Result * count.value)()
        self._error = c.c_void_p()
        self._context_run = self._function(
            "context_run", [c.c_void_p, c.c_void_p, c.c_size_t, c.c_void_p, c.c_size_t, c.c_void_p, POINTER])
        self._arguments = (context, arguments, len(feeds), results, count.value, None, c.byref(self._error))

        self.run()  # which makes its outputs; from now on they are given
        self._outputs = [array_like(r.made.contents.tensor) for r in results]
        for result, array in zip(results, self._outputs):
            result.made.contents.deleter(c.cast(result.made, c.c_void_p))
            result.made, result.into = None, c.pointer(tensor_of(array))
        arena = c.c_int64()
        self._call("context_arena_bytes", [c.c_void_p, c.POINTER(c.c_int64)], context, c.byref(arena))
        self.facts = {"version": self._table.library_version.decode(), "arena_bytes": arena.value}

    def run(self):
        if self._context_run(*self._arguments) != 0:
            self._fail(self._error)

    def outputs(self):
        return self._outputs

    def _function(self, name, parameters, result=c.c_int):
        return c.CFUNCTYPE(result, *parameters)(getattr(self._table, name))

    def _call(self, name, parameters, *arguments):
        error = c.c_void_p()
        if self._function(name, [*parameters, POINTER])(*arguments, c.byref(error)) != 0:
            self._fail(error)

    def _fail(self, error):
        raise BenchError(self._function("error_text", [c.c_void_p, c.c_int], c.c_char_p)(error, 0).decode())


class OnnxRuntime(Engine):
    """The ONNX file in ONNX Runtime, with inputs and outputs bound. Its threads spin while they wait, as by default."""

    def __init__(self, setup, feeds):
        import onnxruntime as ort
        ort.set_default_logger_severity(3)  # errors only: it warns of graphics cards that are not there
        options = ort.SessionOptions()
        options.intra_op_num_threads = setup["threads"]
        options.inter_op_num_threads = 1
        for symbol, size in setup["sizes"].items():
            options.add_free_dimension_override_by_name(symbol, size)
        self._session = ort.InferenceSession(setup["file"], options, providers=["CPUExecutionProvider"])
        self._binding = self._session.io_binding()
        self._feeds = {name: ort.OrtValue.ortvalue_from_numpy(array) for name, array in feeds.items()}
        for name, value in self._feeds.items():
            self._binding.bind_ortvalue_input(name, value)
        self._outputs = [ort.OrtValue.ortvalue_from_numpy(np.array(a)) for a in self._session.run(None, feeds)]
        for output, value in zip(self._session.get_outputs(), self._outputs):
            self._binding.bind_ortvalue_output(output.name, value)
        self.facts = {"version": ort.__version__}

    def run(self):
        self._session.run_with_iobinding(self._binding)

    def outputs(self):
        return [value.numpy() for value in self._outputs]


ENGINES = {"burnish": Burnish, "ort": OnnxRuntime}
TITLES = {"burnish": "Burnish", "ort": "ONNX Runtime"}


def measure(run, warm, seconds, least):
    """The milliseconds of each run. The other engine ran before: the first runs bring data and threads back."""
    end, runs = time.perf_counter() + warm, 0
    while runs < 2 or time.perf_counter() < end:
        run()
        runs += 1
    times, end = [], time.perf_counter() + seconds
    while len(times) < least or time.perf_counter() < end:
        begin = time.perf_counter()
        run()
        times.append((time.perf_counter() - begin) * 1e3)
    return times


class Worker:
    """The other end: an engine in its process."""

    def __init__(self, engine, setup):
        self.name = engine
        command = [sys.executable, __file__, engine]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                         start_new_session=True)
        self.pid = self._process.pid
        try:
            self.facts = self.ask(**setup)
        except BenchError:
            self.close()
            raise

    def ask(self, **question):
        try:
            self._process.stdin.write(json.dumps(question) + "\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        except BrokenPipeError:
            line = ""
        answer = json.loads(line) if line else {"error": f"ended with exit code {self._process.wait()}"}
        if "error" in answer:
            raise BenchError(f"{TITLES[self.name]}: {answer['error']}")
        return answer

    def outputs(self, path):
        self.ask(save=str(path))
        with np.load(path) as saved:
            return [saved[f"arr_{i}"] for i in range(len(saved.files))]

    def close(self):
        try:
            self._process.stdin.close()
        except BrokenPipeError:
            pass
        self._process.wait()
        self._process.stdout.close()


def main():
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # whatever libraries print is no answer
    engine = None
    for line in sys.stdin:
        asked = json.loads(line)
        try:
            if engine is None:
                feeds = {name: np.load(path) for name, path in asked["inputs"].items()}
                engine = ENGINES[sys.argv[1]](asked, feeds)
                gc.collect()
                gc.disable()
                answer = engine.facts
            elif "save" in asked:
                engine.run()
                np.savez(asked["save"], *engine.outputs())
                answer = {}
            else:
                answer = {"ms": measure(engine.run, asked["warm"], asked["seconds"], asked["least"])}
        except Exception as error:  # of any engine's making: the report names it and goes on with the next network
            answer = {"error": f"{type(error).__name__}: {error}"}
        answers.write(json.dumps(answer) + "\n")


if __name__ == "__main__":
    main()
