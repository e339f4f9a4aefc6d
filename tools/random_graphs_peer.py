#!/usr/bin/env python3
"""random_graphs_peer.py FOLDER SEED...: what ONNX Runtime answers to graphs that tests/fuzz/random_graphs.cc left.

A line of JSON per seed: agrees, differs (with the element), or refused (with its message).
"""

import json
import pathlib
import sys

import numpy as np
import onnxruntime

KINDS = {"f64": np.float64, "f32": np.float32, "f16": np.float16, "i64": np.int64, "i32": np.int32, "i16": np.int16,
         "i8": np.int8, "u64": np.uint64, "u32": np.uint32, "u16": np.uint16, "u8": np.uint8, "bool": np.bool_}
SLACK = 4  # both sides round


class NotComparable(Exception):
    pass


def array(entry, data):
    if entry.get("dtype") not in KINDS:
        raise NotComparable(f"{entry['name']} is {entry.get('dtype', 'no tensor')}")
    begin = entry["offset"]
    return np.frombuffer(data[begin:begin + entry["bytes"]], KINDS[entry["dtype"]]).reshape(entry["dims"])


def difference(got, want, tolerance):
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
    try:
        inputs = {entry["name"]: array(entry, data) for entry in index["inputs"]}
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
            what = difference(np.asarray(got), array(entry, data), SLACK * index["tolerance"])
        except NotComparable:
            continue
        if what:
            return {"status": "differs", "what": f"{entry['name']}: {what}"}
    return {"status": "agrees"}


def main():
    folder = pathlib.Path(sys.argv[1])
    onnxruntime.set_default_logger_severity(4)
    for seed in sys.argv[2:]:
        print(json.dumps({"seed": int(seed), **compare(folder / seed)}), flush=True)


if __name__ == "__main__":
    main()
