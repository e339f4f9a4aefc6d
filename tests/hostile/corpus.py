"""What the makers of hostile files share: one Case a file, each in a folder of its own.

`make.py FOLDER` writes all of them and FOLDER/cases.json; files_test.py reads that and runs `burnish` on each.
"""

import os
import pathlib
import shutil

import onnx
from onnx import TensorProto, helper

REFUSED, WRONG_USAGE, DISK = 3, 2, 4

# Of commands: {} is the file. `build` reads, folds and compiles, so that a file that slips through is noticed.
BUILD = ["build", "{}", "-o", "made/out.plan", "--threads", "1"]
RUN = ["run", "{}", "--threads", "1", "--output-dir", "made"]
SMALL_RUN = [*RUN, "--limit", "run_bytes=64M"]
WEIGHTS = ["zoo", "resnet50", "--weights", "{}", "-o", "made/out.onnx"]


class Corpus:
    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.cases = []

    def place(self, row, name):
        """An empty folder for the files of one case; `made` in it is for what the program writes."""
        folder = self.folder / "cases" / row / name
        shutil.rmtree(folder, ignore_errors=True)
        (folder / "made").mkdir(parents=True)
        return folder

    def add(self, row, name, file, command=BUILD, code=REFUSED, says=""):
        """`file` is below the case's folder; the command runs in that folder."""
        folder = self.folder / "cases" / row / name
        self.cases.append(
            {
                "row": row,
                "name": name,
                "folder": str(folder),
                "code": code,
                "says": says,
                "command": [a.replace("{}", file) for a in command],
            }
        )

    def model(self, row, name, model, **how):
        """A model: a ModelProto, or bytes."""
        folder = self.place(row, name)
        data = model if isinstance(model, bytes) else model.SerializeToString()
        (folder / "model.onnx").write_bytes(data)
        self.add(row, name, "model.onnx", **how)

    def file(self, row, name, file_name, data, **how):
        folder = self.place(row, name)
        (folder / file_name).write_bytes(data)
        self.add(row, name, file_name, **how)


# --- models, without any of the checks that onnx makes ---


def value(name, dtype=TensorProto.FLOAT, dims=("N", 4)):
    return helper.make_tensor_value_info(name, dtype, dims)


def tensor(name, dtype, dims, raw=None, **fields):
    t = TensorProto(name=name, data_type=dtype)
    t.dims.extend(dims)
    if raw is not None:
        t.raw_data = raw
    for field, numbers in fields.items():
        getattr(t, field).extend(numbers)
    return t


def floats(name, *dims):
    count = 1
    for d in dims:
        count *= d
    return tensor(name, TensorProto.FLOAT, dims, bytes(4 * count))


def ints(name, *numbers, dims=None):
    return tensor(name, TensorProto.INT64, [len(numbers)] if dims is None else dims, int64_data=numbers)


def model(nodes, inputs=None, outputs=None, constants=(), opset=21, functions=(), domains=()):
    """A model whose outputs are by default those of its last node."""
    graph = onnx.GraphProto(name="main")
    graph.node.extend(nodes)
    graph.initializer.extend(constants)
    graph.input.extend([value("x")] if inputs is None else inputs)
    if outputs is None:
        outputs = [helper.make_empty_tensor_value_info(o) for o in nodes[-1].output]
    graph.output.extend(outputs)
    made = onnx.ModelProto(ir_version=10)
    made.graph.CopyFrom(graph)
    made.functions.extend(functions)
    for domain, version in [("", opset), ("ai.onnx.ml", 3), ("com.microsoft", 1), *domains]:
        made.opset_import.append(helper.make_opsetid(domain, version))
    return made


def node(op, inputs, outputs=("y",), domain="", **attributes):
    made = helper.make_node(
        op, list(inputs), list(outputs), domain=domain, **{k: v for k, v in attributes.items() if v != []}
    )
    for name in (k for k, v in attributes.items() if v == []):
        made.attribute.add(name=name, type=onnx.AttributeProto.INTS)
    return made


# --- protobuf by hand ---


def varint(number):
    out = bytearray()
    number &= (1 << 64) - 1
    while number >= 0x80:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def field(number, data):
    """A field of bytes, or of a number."""
    if isinstance(data, int):
        return varint(number << 3) + varint(data)
    return varint(number << 3 | 2) + varint(len(data)) + data


def hole(path, size):
    """A file of zeros that takes no space."""
    with open(path, "wb") as f:
        os.truncate(f.fileno(), size)
