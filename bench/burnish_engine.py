"""Burnish as an engine of the benchmark: a plan in libburnish-runtime, through the C interface."""

import ctypes as c

import numpy as np

from running import EngineError, Running


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
        raise EngineError(f"an output of DLPack's type {tensor.code} has no counterpart in NumPy")
    return np.zeros(tensor.shape[:tensor.ndim], np.dtype(f"{kind}{tensor.bits // 8}"))


class Burnish(Running):
    """A plan in libburnish-runtime, through the C interface."""

    def __init__(self, setup, feeds):
        library = c.CDLL(setup["library"])
        library.burnish_api.restype = c.POINTER(Table)
        table = library.burnish_api(c.c_uint32(1))
        if not table:
            raise EngineError(f"{setup['library']} is of another version")
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
        raise EngineError(self._function("error_text", [c.c_void_p, c.c_int], c.c_char_p)(error, 0).decode())
