"""What the benchmark knows of an ONNX file: inputs, values for them, multiplications."""

import math

import numpy as np

from engines import BenchError

SIZES = {"T": 128}  # of symbols in the zoo's networks; a batch is 1
HIGHEST = {"input_ids": 999}  # of the whole numbers that an input gets: others are masks or two kinds


def load(onnx_file):
    import onnx
    try:
        return onnx.load(onnx_file, load_external_data=False)
    except Exception as error:  # protobuf's or the system's
        raise BenchError(f"{onnx_file} cannot be read as ONNX: {error}") from None


def dims_of(value):
    return [d.dim_value if d.HasField("dim_value") else d.dim_param or f"{value.name}.{i}"
            for i, d in enumerate(value.type.tensor_type.shape.dim)]


def inputs_of(model):
    """(name, dtype, dims) of the inputs, where open dims are strings."""
    import onnx
    weights, inputs = {w.name for w in model.graph.initializer}, []
    for value in model.graph.input:
        if value.name in weights:
            continue
        dtype = np.dtype(onnx.helper.tensor_dtype_to_np_dtype(value.type.tensor_type.elem_type))
        if dtype.kind not in "fiub":
            raise BenchError(f"input '{value.name}' holds {dtype}: no values are made up for it")
        inputs.append((value.name, dtype, dims_of(value)))
    return inputs


def sizes_of(inputs, given):
    """Symbol -> number, of inputs as (name, dtype, dims): a first dim is the batch."""
    sizes = {}
    for name, _, dims in inputs:
        for axis, dim in enumerate(dims):
            if isinstance(dim, str):
                size = given.get(dim, SIZES.get(dim, given.get("", 1) if axis == 0 else None))
                if size is None:
                    raise BenchError(f"input '{name}' leaves the size '{dim}' open: give it with --size {dim}=NUMBER")
                sizes[dim] = size
    return sizes


def values_of(inputs, sizes):
    """Seeded ones, the same on every machine."""
    random, values = np.random.default_rng(0), {}
    for name, dtype, dims in inputs:
        shape = [sizes.get(d, d) for d in dims]
        if np.issubdtype(dtype, np.floating):
            values[name] = random.standard_normal(shape).astype(dtype)
        else:
            values[name] = random.integers(0, HIGHEST.get(name, 1), shape, endpoint=True).astype(dtype)
    return values


def type_text(array):
    kind = "bool" if array.dtype.kind == "b" else f"{array.dtype.kind}{array.dtype.itemsize * 8}"
    return f"{kind}[{','.join(map(str, array.shape))}]"


def multiplications_of(model, sizes):
    """Multiply-adds of convolutions and matrix products, as their definitions have them; None where a size is open."""
    import onnx
    import onnx.numpy_helper
    for value in model.graph.input:
        for dim in value.type.tensor_type.shape.dim:
            if dim.dim_param in sizes:
                dim.dim_value = sizes[dim.dim_param]  # which takes the name away
    try:
        graph = onnx.shape_inference.infer_shapes(model, data_prop=True).graph
    except Exception:  # a model that it does not understand is none that could be counted
        return None
    shapes = {w.name: list(w.dims) for w in graph.initializer}
    shapes |= {v.name: dims_of(v) for v in [*graph.input, *graph.value_info, *graph.output]
               if v.type.tensor_type.HasField("shape")}
    total = 0
    for node in graph.node:
        if node.op_type not in ("Conv", "ConvTranspose", "MatMul", "Gemm", "Attention", "Einsum"):
            continue
        attributes = {a.name: a for a in node.attribute}
        found = [shapes.get(name) for name in (*node.input[:2], node.output[0])]
        if None in found or any(isinstance(d, str) for dims in found for d in dims):
            return None
        first, second, result = found
        if node.op_type == "Conv":
            total += math.prod(result) * math.prod(second[1:])
        elif node.op_type == "ConvTranspose":
            total += math.prod(first) * math.prod(second[1:])
        elif node.op_type == "MatMul":
            total += math.prod(result) * first[-1]
        elif node.op_type == "Gemm":
            across = first[0 if "transA" in attributes and attributes["transA"].i else 1]
            total += math.prod(result) * across
        else:
            return None
    return total
