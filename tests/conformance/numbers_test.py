"""Numbers that need more bits on the way than the result has, and corners that users ran into: on references and on
engines, as ONNX Runtime has them, or NumPy in more bits where it rounds, too."""

import os
import pathlib
import subprocess
import tempfile
import unittest

import ml_dtypes
import numpy as np
import onnx
import onnxruntime
from onnx import helper, numpy_helper

PROGRAM = os.environ["BURNISH_PROGRAM"]
MS, ML = "com.microsoft", "ai.onnx.ml"
BF16 = ml_dtypes.bfloat16
RANDOM = np.random.default_rng(11)
CASES = []  # name, domain, operator, inputs, attributes, outputs, expected (None: by ONNX Runtime)


def case(name, op, inputs, expected=None, domain="", outputs=1, **attributes):
    CASES.append((name, domain, op, inputs, attributes, outputs, expected))


def f32(*shape, low=-2.0, high=2.0):
    return RANDOM.uniform(low, high, shape).astype(np.float32)


# -- reductions of half floats, their axes known or not

WIDE = {
    "ReduceSum": lambda x: x.sum(1, keepdims=True),
    "ReduceMean": lambda x: x.mean(1, keepdims=True),
    "ReduceL1": lambda x: np.abs(x).sum(1, keepdims=True),
    "ReduceL2": lambda x: np.sqrt((x * x).sum(1, keepdims=True)),
    "ReduceSumSquare": lambda x: (x * x).sum(1, keepdims=True),
    "ReduceLogSum": lambda x: np.log(x.sum(1, keepdims=True)),
    "ReduceLogSumExp": lambda x: np.log(np.exp(x).sum(1, keepdims=True)),
}
RANGES = {"ReduceSum": (10, 40), "ReduceL1": (10, 40), "ReduceL2": (200, 400), "ReduceSumSquare": (2, 8), "ReduceLogSumExp": (0, 9)}
for op, function in WIDE.items():
    for dtype in (np.float16, BF16):
        low, high = RANGES.get(op, (90, 110))
        x = RANDOM.uniform(low, high, (2, 1200)).astype(dtype)
        case(f"{op}_{np.dtype(dtype).name}", op, [x, np.array([1], np.int64)], [function(x.astype(np.float64)).astype(dtype)])
x = RANDOM.uniform(90, 110, (1, 2, 40, 40)).astype(np.float16)
case("GlobalAveragePool", "GlobalAveragePool", [x], [x.astype(np.float64).mean((2, 3), keepdims=True).astype(np.float16)])
case("AveragePool", "AveragePool", [x], [np.lib.stride_tricks.sliding_window_view(x.astype(np.float64), (33, 33), (2, 3)).mean(
    (4, 5)).astype(np.float16)], kernel_shape=[33, 33])
y = RANDOM.uniform(0.97, 1.03, (2, 900)).astype(np.float16)
case("ReduceProd", "ReduceProd", [y, np.array([1])], [np.prod(y.astype(np.float64), 1, keepdims=True).astype(np.float16)])
case("CumSum", "CumSum", [x[0, 0, :2], np.array(1)], [np.cumsum(x[0, 0, :2].astype(np.float64), 1).astype(np.float16)])
a, b = RANDOM.uniform(2, 6, (3, 900)).astype(np.float16), RANDOM.uniform(2, 6, (900, 5)).astype(np.float16)
case("MatMul", "MatMul", [a, b], [(a.astype(np.float64) @ b.astype(np.float64)).astype(np.float16)])

# -- one score for two classes

STUMP = {"nodes_treeids": [0] * 3, "nodes_nodeids": [0, 1, 2], "nodes_featureids": [0] * 3,
         "nodes_modes": ["BRANCH_LEQ", "LEAF", "LEAF"], "nodes_values": [0.0] * 3, "nodes_truenodeids": [1, 0, 0],
         "nodes_falsenodeids": [2, 0, 0], "class_treeids": [0, 0], "class_nodeids": [1, 2], "class_ids": [0, 0],
         "classlabels_int64s": [0, 1]}
SIDES = np.array([[-1], [1]], np.float32)
for name, weights in (("positive", [0.2, 0.7]), ("mixed", [-0.2, 0.7])):
    for transform in ("NONE", "LOGISTIC"):
        case(f"stump_{name}_{transform}", "TreeEnsembleClassifier", [SIDES], None, ML, 2, **STUMP, class_weights=weights,
             post_transform=transform)
# ONNX Runtime leaves the softmax out, onnx's evaluator doesn't.
pairs = np.array([[-0.2, 0.2], [-0.7, 0.7]])
case("stump_positive_SOFTMAX", "TreeEnsembleClassifier", [SIDES],
     [np.array([0, 1]), (np.exp(pairs) / np.exp(pairs).sum(1, keepdims=True)).astype(np.float32)], ML, 2, **STUMP,
     class_weights=[0.2, 0.7], post_transform="SOFTMAX")

# -- clipped recurrent layers

for op, gates in (("LSTM", 4), ("GRU", 3), ("RNN", 1)):
    inputs = [f32(3, 2, 3), f32(1, gates * 4, 3), f32(1, gates * 4, 4), f32(1, gates * 8), None, f32(1, 2, 4)]
    if op == "LSTM":
        inputs.append(f32(1, 2, 4))
    case(f"{op}_clip", op, inputs, None, "", 3 if op == "LSTM" else 2, hidden_size=4, clip=0.3)

# -- quantised: exact arithmetic on what the scales hold, rounded once


def quantised(y, scale, zero, dtype):
    limits = np.iinfo(dtype)
    return np.clip(np.rint(y / np.longdouble(scale)) + int(zero), limits.min, limits.max).astype(dtype)


for dtype in (np.uint8, np.int8):
    limits, name = np.iinfo(dtype), np.dtype(dtype).name
    some = lambda *shape: RANDOM.integers(limits.min, limits.max, shape, dtype, endpoint=True)
    scales = [np.float32(v) for v in (0.05, 0.03, 0.07)]
    zeros = [dtype(v) for v in (7, 3, 100)]
    (sa, sb, sy), (za, zb, zy) = scales, zeros
    whole = lambda v, z: v.astype(np.longdouble) - int(z)
    a, b = some(60, 50), some(60, 50)
    sides = [a, sa, za, b, sb, zb, sy, zy]
    la, lb = np.longdouble(sa), np.longdouble(sb)
    case(f"QLinearMul_{name}", "QLinearMul", sides, [quantised(whole(a, za) * whole(b, zb) * (la * lb), sy, zy, dtype)], MS)
    case(f"QLinearAdd_{name}", "QLinearAdd", sides, [quantised(whole(a, za) * la + whole(b, zb) * lb, sy, zy, dtype)], MS)
    case(f"QLinearLeakyRelu_{name}", "QLinearLeakyRelu", [a, sa, za, sy, zy],
         [quantised(np.where(whole(a, za) < 0, np.longdouble(np.float32(0.1)), 1) * whole(a, za) * la, sy, zy, dtype)], MS, alpha=0.1)
    case(f"QLinearConcat_{name}", "QLinearConcat", [sy, zy, a, sa, za, b, sb, zb],
         [np.concatenate([quantised(whole(a, za) * la, sy, zy, dtype), quantised(whole(b, zb) * lb, sy, zy, dtype)], 1)], MS, axis=1)
    x = some(2, 3, 8, 8)
    case(f"QLinearGlobalAveragePool_{name}", "QLinearGlobalAveragePool", [x, sa, za, sb, zb],
         [quantised(whole(x, za).mean((2, 3), keepdims=True) * la, sb, zb, dtype)], MS)
    windows = np.lib.stride_tricks.sliding_window_view(whole(x, za), (3, 3), (2, 3)).mean((4, 5))
    case(f"QLinearAveragePool_{name}", "QLinearAveragePool", [x, sa, za, sb, zb], [quantised(windows * la, sb, zb, dtype)], MS,
         kernel_shape=[3, 3])
    full = np.pad(whole(x, za), ((0, 0), (0, 0), (1, 1), (1, 1)), constant_values=np.nan)
    windows = np.nanmean(np.lib.stride_tricks.sliding_window_view(full, (3, 3), (2, 3)), (4, 5))
    case(f"QLinearAveragePool_padded_{name}", "QLinearAveragePool", [x, sa, za, sb, zb], [quantised(windows * la, sb, zb, dtype)], MS,
         kernel_shape=[3, 3], pads=[1] * 4)
    a, b = some(20, 400), some(400, 30)
    columns, large = RANDOM.uniform(0.01, 0.05, 30).astype(np.float32), np.float32(3.5)
    case(f"QLinearMatMul_{name}", "QLinearMatMul", [a, sa, za, b, columns, np.full(30, zb), large, zy],
         [quantised(whole(a, za) @ whole(b, zb) * (la * columns.astype(np.longdouble)), large, zy, dtype)])
    x, w, bias = some(1, 8, 9, 9), some(6, 8, 3, 3), RANDOM.integers(-9999, 9999, 6, np.int32)
    rows = RANDOM.uniform(0.01, 0.05, 6).astype(np.float32)
    windows = np.lib.stride_tricks.sliding_window_view(whole(x, za), (3, 3), (2, 3))
    sums = np.einsum("nchwij,ocij->nohw", windows, whole(w, 0)) + bias[:, None, None]
    case(f"QLinearConv_{name}", "QLinearConv", [x, sa, za, w, rows, np.zeros(6, dtype), large, zy, bias],
         [quantised(sums * (la * rows.astype(np.longdouble))[:, None, None], large, zy, dtype)])

# -- sizes that are open (the dynamic variant)

for i, (shape, wanted, pad) in enumerate([((1, 2, 5), [10], "NOTSET"), ((1, 2, 5), [11], "NOTSET"), ((1, 2, 5), [10], "SAME_UPPER"),
                                          ((1, 2, 4, 6), [8, 12], "NOTSET")]):
    rank = len(wanted)
    case(f"transposed_{i}", "ConvTranspose", [f32(*shape), f32(2, 3, *[3] * rank), f32(3)], None, "", 1, strides=[2] * rank,
         output_shape=wanted, auto_pad=pad)


def write(folder, name, domain, op, inputs, attributes, outputs, expected):
    names = ["" if x is None else f"x{i}" for i, x in enumerate(inputs)]
    results = [f"y{i}" for i in range(outputs)]
    present = [(n, np.asarray(x)) for n, x in zip(names, inputs) if n]
    info = lambda n, x: helper.make_tensor_value_info(n, helper.np_dtype_to_tensor_dtype(x.dtype), x.shape)
    node = helper.make_node(op, names, results, name=name, domain=domain, **attributes)
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid(MS, 1), helper.make_opsetid(ML, 1)]
    make = lambda outs: helper.make_model(helper.make_graph([node], name, [info(n, x) for n, x in present], outs),
                                          opset_imports=opsets, ir_version=8)
    if expected is None:
        model = make([onnx.ValueInfoProto(name=r) for r in results])
        session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
        expected = session.run(None, dict(present))
    data = pathlib.Path(folder, name, "test_data_set_0")
    data.mkdir(parents=True)
    (data.parent / "model.onnx").write_bytes(make([info(r, v) for r, v in zip(results, expected)]).SerializeToString())
    for kind, tensors in (("input", [x for _, x in present]), ("output", expected)):
        for i, tensor in enumerate(tensors):
            (data / f"{kind}_{i}.pb").write_bytes(numpy_helper.from_array(np.asarray(tensor)).SerializeToString())


class Numbers(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory(prefix="burnish-cases-")
        cls.addClassCleanup(cls.folder.cleanup)
        for one in CASES:
            write(cls.folder.name, *one)

    def run_on(self, *flags):
        done = subprocess.run([PROGRAM, "test", self.folder.name, *flags, "--atol", "1e-5", "--rtol", "1e-5"], capture_output=True,
                              text=True)
        print(f"{' '.join(flags)}: {(done.stdout.splitlines() or [''])[-1]}")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_references(self):
        self.run_on("--on", "references")

    def test_engine(self):
        self.run_on("--on", "engine")

    def test_folded(self):
        self.run_on("--variant", "folded")

    def test_open_sizes(self):
        self.run_on("--variant", "dynamic")


if __name__ == "__main__":
    unittest.main()
