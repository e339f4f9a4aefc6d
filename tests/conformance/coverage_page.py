"""docs/coverage.md: what Burnish does with each operator of ONNX, by version, element type and target.

Every single-node case that onnx ships is put to `burnish check`, in every version of the operator whose schema allows it
and with every element type that the schema allows its first typed input to have.
"""

import collections
import concurrent.futures
import importlib.util
import json
import pathlib
import subprocess
import tempfile

import onnx
from onnx import TensorProto, defs

CASES = pathlib.Path(importlib.util.find_spec("onnx").origin).parent / "backend/test/data/node"
DOMAINS = ["", "ai.onnx.ml", "ai.onnx.preview", "ai.onnx.preview.training"]
TYPES = {
    "double": "f64", "float": "f32", "float16": "f16", "bfloat16": "bf16", "float8e4m3fn": "f8e4m3fn",
    "float8e4m3fnuz": "f8e4m3fnuz", "float8e5m2": "f8e5m2", "float8e5m2fnuz": "f8e5m2fnuz", "float8e8m0": "f8e8m0",
    "float4e2m1": "f4e2m1", "int64": "i64", "int32": "i32", "int16": "i16", "int8": "i8", "int4": "i4", "int2": "i2",
    "uint64": "u64", "uint32": "u32", "uint16": "u16", "uint8": "u8", "uint4": "u4", "uint2": "u2", "bool": "bool",
    "complex64": "c64", "complex128": "c128", "string": "string",
}  # fmt: skip
TENSORS = {f"tensor({name})": name for name in TYPES}
INTRODUCTION = """# Coverage of ONNX

Written by a test: `BURNISH_BLESS=1 ./dev test -R conformance.coverage` writes it again.

What `burnish check` says of the single-node cases of onnx {onnx}: of each operator, in every version whose schema
accepts one of its cases, with every element type that the schema allows for the first input that may have several
(the other inputs keep the types of the case). Inputs are inputs of the graph, not constants.

- *compiled*: runs as machine code on the processor (x86-64), without a reference step;
- *reference*: some step of the engine is a C++ reference;
- *refused*: the build ends with an error.

With references alone (`burnish test --on references`) all that is not refused runs.

Versions without a case are listed with a dash. [operators.md](operators.md) has the operators of Burnish's own
catalogue, into which these are turned.
"""

Case = collections.namedtuple("Case", "path model")


def single_node_cases():
    """Per (domain, operator): its cases, those with short names first."""
    cases = collections.defaultdict(list)
    for path in sorted(CASES.iterdir(), key=lambda p: (len(p.name), p.name)):
        if not (path / "model.onnx").exists():
            continue
        model = onnx.load(path / "model.onnx")
        if len(model.graph.node) == 1 and not model.functions:
            node = model.graph.node[0]
            cases[node.domain if node.domain != "ai.onnx" else "", node.op_type].append(Case(path.name, model))
    return cases


def schemas():
    """Per (domain, operator): its schemas, oldest first."""
    found = collections.defaultdict(list)
    for schema in defs.get_all_schemas_with_history():
        found[schema.domain, schema.name].append(schema)
    return {key: sorted(found[key], key=lambda s: s.since_version) for key in sorted(found) if key[0] in DOMAINS}


def in_version(model, schema):
    """The model in this version of its operator, or None where the schema does not accept it."""
    if schema.deprecated:
        return None
    changed = onnx.ModelProto()
    changed.CopyFrom(model)
    del changed.opset_import[:]
    changed.opset_import.append(onnx.helper.make_opsetid(schema.domain, schema.since_version))
    return changed if accepted(changed) else None


def accepted(model):
    try:
        onnx.checker.check_model(model, full_check=True)
        return True
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError, RuntimeError, ValueError):
        return False


def formal(parameters, index):
    """The formal parameter of an actual one: the last may stand for any number."""
    return parameters[min(index, len(parameters) - 1)]


def variants(model, schema):
    """(element type, model): the model with each type that its first typed input may have."""
    node = model.graph.node[0]
    inputs = {value.name: value for value in model.graph.input}
    allowed = {c.type_param_str: c.allowed_type_strs for c in schema.type_constraints}
    for index, name in enumerate(node.input):
        kind = formal(schema.inputs, index).type_str
        if name in inputs and inputs[name].type.HasField("tensor_type") and len(allowed.get(kind, [])) > 1:
            break
    else:
        return [(own_type(model), model)]
    found = []
    for text in allowed[kind]:
        if text not in TENSORS:
            continue
        changed = onnx.ModelProto()
        changed.CopyFrom(model)
        element = TensorProto.DataType.Value(TENSORS[text].upper())
        for actual, parameters, values in ((node.input, schema.inputs, changed.graph.input),
                                           (node.output, schema.outputs, changed.graph.output)):  # fmt: skip
            of = {name: formal(parameters, i).type_str for i, name in enumerate(actual)}
            for value in values:
                if of.get(value.name) == kind and value.type.HasField("tensor_type"):
                    value.type.tensor_type.elem_type = element
        if accepted(changed):
            found.append((TYPES[TENSORS[text]], changed))
    return found


def own_type(model):
    for value in [*model.graph.input, *model.graph.output]:
        if value.type.HasField("tensor_type"):
            return TYPES[TensorProto.DataType.Name(value.type.tensor_type.elem_type).lower()]
    return "sequences"


def check(program, path):
    """'compiled', 'reference' or 'refused'."""
    done = subprocess.run([program, "check", str(path), "--json", "--cpu", "x86-64-v3"], capture_output=True, text=True)
    if done.returncode not in (0, 3):
        node = onnx.load(path).graph.node[0]
        raise RuntimeError(f"burnish check of {node.op_type}: {done.stderr}")
    said = json.loads(done.stdout)
    if done.returncode == 3 or said.get("unknown", 0) > 0:
        return "refused"
    return "compiled" if said["reference"] == 0 else "reference"


def results(program):
    """Per (domain, operator): [(version, {what: [types]})]; None where no case fits."""
    cases, all_schemas = single_node_cases(), schemas()
    rows, jobs = {}, {}
    with tempfile.TemporaryDirectory() as folder, concurrent.futures.ThreadPoolExecutor() as pool:
        for key, versions in all_schemas.items():
            rows[key] = []
            for schema in versions:
                fitting = (in_version(case.model, schema) for case in cases.get(key, []))
                model = next((m for m in fitting if m is not None), None)
                row = None if model is None else collections.defaultdict(list)
                rows[key].append((schema.since_version, row))
                for element, variant in variants(model, schema) if model is not None else []:
                    path = pathlib.Path(folder) / f"{len(jobs)}.onnx"
                    onnx.save(variant, path)
                    jobs[pool.submit(check, program, path)] = (row, element)
        for job, (row, element) in jobs.items():
            row[job.result()].append(element)
    return rows


def page(program):
    order = list(TYPES.values())
    rank = lambda element: order.index(element) if element in order else len(order)
    lines = INTRODUCTION.format(onnx=onnx.__version__).splitlines()
    rows = results(program)
    for domain in DOMAINS:
        lines += ["", f"## {domain or 'ai.onnx'}", "", "| operator | version | compiled | reference | refused |"]
        lines += ["|---|---|---|---|---|"]
        for (of, name), versions in rows.items():
            if of != domain:
                continue
            merged = []  # versions of which the same is said share a line
            for version, row in versions:
                cells = ["-"] * 3
                if row is not None:
                    cells = [" ".join(sorted(row[what], key=rank)) for what in ("compiled", "reference", "refused")]
                if merged and merged[-1][1] == cells:
                    merged[-1][0].append(str(version))
                else:
                    merged.append(([str(version)], cells))
            for numbers, cells in merged:
                lines.append(f"| {name} | {', '.join(numbers)} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"
