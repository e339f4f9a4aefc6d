"""Makes cases of the networks whose weights are filled in by operators (onnx/backend/test/data/light), as onnx's own runner does.

  python tests/conformance/light_cases.py FOLDER
"""

import importlib.util
import pathlib
import shutil
import sys

import numpy as np
import onnx
from onnx import numpy_helper

LIGHT = pathlib.Path(importlib.util.find_spec("onnx").origin).parent / "backend/test/data/light"

# Every weight of a layer is the same number here, and a thousand equal logits of 9.5e9 come out of it: what its softmax
# gives is the order of the sums behind the last bit of each. The case ends before that node.
BEFORE_SOFTMAX = {"light_squeezenet"}


def dummy(value):
    """As onnx.backend.test.runner's generate_dummy_data."""
    kind = value.type.tensor_type
    assert kind.elem_type == onnx.TensorProto.FLOAT
    shape = tuple(d.dim_value if d.HasField("dim_value") else 1 for d in kind.shape.dim)
    count = np.prod(shape)
    return (np.arange(count).reshape(shape) / count).astype(np.float32)


def make(folder):
    for path in sorted(LIGHT.glob("*.onnx")):
        data = folder / path.stem / "test_data_set_0"
        data.mkdir(parents=True, exist_ok=True)
        model = onnx.load(path)
        graph = model.graph
        if path.stem in BEFORE_SOFTMAX:
            softmax = graph.node[-1]
            assert softmax.op_type == "Softmax" and softmax.output[0] == graph.output[0].name
            graph.output[0].name = softmax.input[0]
            del graph.node[-1]
        onnx.save(model, data.parent / "model.onnx")
        weights = {w.name for w in graph.initializer}
        feeds = {i.name: dummy(i) for i in graph.input if i.name not in weights}
        for i, feed in enumerate(feeds.values()):
            (data / f"input_{i}.pb").write_bytes(numpy_helper.from_array(feed).SerializeToString())
        expected = [path.with_name(f"{path.stem}_output_{i}.pb") for i in range(len(graph.output))]
        if path.stem not in BEFORE_SOFTMAX and all(e.exists() for e in expected):
            for i, e in enumerate(expected):
                shutil.copy(e, data / f"output_{i}.pb")
            continue
        from onnx.reference import ReferenceEvaluator

        for i, output in enumerate(ReferenceEvaluator(model).run(None, feeds)):
            (data / f"output_{i}.pb").write_bytes(numpy_helper.from_array(output).SerializeToString())


if __name__ == "__main__":
    make(pathlib.Path(sys.argv[1]))
