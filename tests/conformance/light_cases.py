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
        shutil.copy(path, data.parent / "model.onnx")
        graph = onnx.load(path).graph
        weights = {w.name for w in graph.initializer}
        feeds = {i.name: dummy(i) for i in graph.input if i.name not in weights}
        for i, feed in enumerate(feeds.values()):
            (data / f"input_{i}.pb").write_bytes(numpy_helper.from_array(feed).SerializeToString())
        expected = [path.with_name(f"{path.stem}_output_{i}.pb") for i in range(len(graph.output))]
        if all(e.exists() for e in expected):
            for i, e in enumerate(expected):
                shutil.copy(e, data / f"output_{i}.pb")
            continue
        from onnx.reference import ReferenceEvaluator

        for i, output in enumerate(ReferenceEvaluator(str(path)).run(None, feeds)):
            (data / f"output_{i}.pb").write_bytes(numpy_helper.from_array(output).SerializeToString())


if __name__ == "__main__":
    make(pathlib.Path(sys.argv[1]))
