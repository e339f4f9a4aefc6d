#!/usr/bin/env python3
"""random_graphs_peer.py FOLDER SEED...: what ONNX Runtime answers to graphs that tests/fuzz/random_graphs.cc left.

A line of JSON per seed: agrees, differs (with the element), refused (with its message), invalid (for onnx's checker or an
operator's schema), or excused (differs, and an operator in it is known to go wrong there).
"""

import json
import pathlib
import sys

import numpy as np
import onnx
import onnxruntime

KINDS = {"f64": np.float64, "f32": np.float32, "f16": np.float16, "i64": np.int64, "i32": np.int32, "i16": np.int16,
         "i8": np.int8, "u64": np.uint64, "u32": np.uint32, "u16": np.uint16, "u8": np.uint8, "bool": np.bool_,
         "string": object}
SLACK = 4  # both sides round
FINDINGS = ("differs", "invalid")
# Where ONNX Runtime goes wrong: an operator with these attributes (None: any value), and how.
KNOWN_FAULTS = (
    ("Resize", {"coordinate_transformation_mode": b"align_corners"}, "a size that scales make no whole number is cut"),
    ("GridSample", {"mode": b"cubic", "padding_mode": b"border"}, "taps outside are not those of the border"),
    ("DFT", {"inverse": 1, "onesided": 1}, "the other side is taken for zeros"),
    ("MaxPool", {"auto_pad": None, "dilations": None}, "padding of a window without its dilation"),
)


def refused_types(model):
    """Inputs of nodes whose element type the operator's schema does not list."""
    inferred = onnx.shape_inference.infer_shapes(model, check_type=True, strict_mode=True, data_prop=True)
    opsets = {entry.domain: entry.version for entry in model.opset_import}
    found = []

    def visit(graph, types):
        types = dict(types)
        for info in [*graph.input, *graph.value_info, *graph.output]:
            types[info.name] = info.type
        for tensor in graph.initializer:
            types[tensor.name] = onnx.helper.make_tensor_type_proto(tensor.data_type, tensor.dims)
        for node in graph.node:
            schema = onnx.defs.get_schema(node.op_type, opsets[node.domain], node.domain)
            allowed = {c.type_param_str: c.allowed_type_strs for c in schema.type_constraints}
            for i, name in enumerate(node.input):
                formal = schema.inputs[min(i, len(schema.inputs) - 1)]
                kind = types.get(name)
                if kind is None or kind.WhichOneof("value") != "tensor_type":
                    continue
                element = onnx.helper.tensor_dtype_to_string(kind.tensor_type.elem_type).removeprefix("TensorProto.")
                text = f"tensor({element.lower()})"
                if text not in allowed.get(formal.type_str, [formal.type_str]):
                    found.append(f"{node.op_type} of {text}")
            for attribute in node.attribute:
                if attribute.HasField("g"):
                    visit(attribute.g, types)

    visit(inferred.graph, {})
    return found


def invalid(path):
    """What onnx's checker and schemas say against the model; empty when nothing."""
    model = onnx.load(path)
    try:
        onnx.checker.check_model(model, full_check=True)
        return "; ".join(refused_types(model))
    except Exception as error:  # its own classes share no base but this
        return str(error)[:300]


def known_fault(graph):
    for node in graph.node:
        given = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
        for operator, attributes, what in KNOWN_FAULTS:
            meant = all(name in given and value in (None, given[name]) for name, value in attributes.items())
            if node.op_type == operator and meant:
                return f"{operator}: {what}"
        for attribute in node.attribute:
            if attribute.HasField("g") and (found := known_fault(attribute.g)):
                return found
    return None


class NotComparable(Exception):
    pass


def array(entry, data):
    if entry.get("dtype") not in KINDS:
        raise NotComparable(f"{entry['name']} is {entry.get('dtype', 'no tensor')}")
    if "texts" in entry:
        return np.array(entry["texts"], object).reshape(entry["dims"])
    begin = entry["offset"]
    return np.frombuffer(data[begin:begin + entry["bytes"]], KINDS[entry["dtype"]]).reshape(entry["dims"])


def value(entry, data):
    """A tensor as an array, a sequence as a list."""
    if "elements" in entry:
        return [value({"name": entry["name"], **element}, data) for element in entry["elements"]]
    return array(entry, data)


def difference(got, want, tolerance):
    if isinstance(want, list):
        if not isinstance(got, list) or len(got) != len(want):
            return f"not {len(want)} elements"
        return next(filter(None, (difference(np.asarray(a), b, tolerance) for a, b in zip(got, want))), None)
    if got.size == 0 and want.size == 0 and got.dtype == want.dtype and got.ndim == want.ndim:
        return None  # after no iteration at all, it does not know all sizes of what a loop collects
    if got.dtype != want.dtype or got.shape != want.shape:
        return f"{got.dtype}{list(got.shape)}, not {want.dtype}{list(want.shape)}"
    if np.issubdtype(want.dtype, np.floating):
        a, b = got.astype(np.float64), want.astype(np.float64)
        with np.errstate(invalid="ignore"):
            same = (a == b) | (np.isnan(a) & np.isnan(b)) | (np.abs(a - b) <= tolerance * np.maximum(1, np.abs(b)))
    else:
        same = got == want
    if same.all():
        return None
    at = np.unravel_index(np.argmin(same), same.shape)
    return f"element {[int(i) for i in at]} is {got[at]} there, {want[at]} here"


def compare(stem):
    index = json.loads(stem.with_suffix(".json").read_text())
    data = stem.with_suffix(".bin").read_bytes()
    if what := invalid(stem.with_suffix(".onnx")):
        return {"status": "invalid", "what": what}
    try:
        inputs = {entry["name"]: value(entry, data) for entry in index["inputs"]}
        settings = onnxruntime.SessionOptions()
        settings.intra_op_num_threads = 1
        settings.log_severity_level = 4
        settings.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        session = onnxruntime.InferenceSession(str(stem.with_suffix(".onnx")), settings, ["CPUExecutionProvider"])
        results = session.run([entry["name"] for entry in index["outputs"]], inputs)
    except NotComparable as error:
        return {"status": "refused", "what": str(error)}
    except Exception as error:  # its own classes share no base but this
        return {"status": "refused", "what": str(error)[:300]}
    for entry, got in zip(index["outputs"], results):
        try:
            what = difference(got if isinstance(got, list) else np.asarray(got), value(entry, data), SLACK * index["tolerance"])
        except NotComparable:
            continue
        if what:
            fault = known_fault(onnx.load(stem.with_suffix(".onnx")).graph)
            return {"status": "excused" if fault else "differs", "what": f"{entry['name']}: {fault or what}"}
    return {"status": "agrees"}


def main():
    folder = pathlib.Path(sys.argv[1])
    onnxruntime.set_default_logger_severity(4)
    for seed in sys.argv[2:]:
        print(json.dumps({"seed": int(seed), **compare(folder / seed)}), flush=True)


if __name__ == "__main__":
    main()
