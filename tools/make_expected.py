#!/usr/bin/env python3
"""Writes tests/ops/expected/NAME.txt: what composite operators give on their samples, computed outside of Burnish by
onnx's reference evaluator, ONNX Runtime or NumPy. Needs the packages onnx (1.22.0), onnxruntime and numpy.

    python tools/make_expected.py [NAME...]     # all operators by default

A file holds, per sample, its text and the operands and results as tensors in the text form.
"""
import math
import pathlib
import re
import sys
import zlib

import numpy as np
import onnxruntime
from onnx import helper
from onnx.reference import ReferenceEvaluator

ROOT = pathlib.Path(__file__).resolve().parent.parent
DTYPES = {"f64": np.float64, "f32": np.float32, "f16": np.float16, "i64": np.int64, "i32": np.int32, "i8": np.int8,
          "u8": np.uint8, "bool": np.bool_}
NAMES = {np.dtype(v): k for k, v in DTYPES.items()}


# -- samples, read from the operators' sources

def samples_of(path):
    text = path.read_text()
    for block in re.finditer(r"constexpr Sample \w+\[\] = \{(.*?)\};\n", text, re.S):
        for sample in re.finditer(r'\{((?:\s*"(?:[^"\\]|\\.)*")+)\}', block[1]):
            yield "".join(re.findall(r'"((?:[^"\\]|\\.)*)"', sample[1])).replace('\\"', '"')


def split_outside(text, stop=","):
    depth, quoted, start, parts = 0, False, 0, []
    for i, ch in enumerate(text):
        if ch == '"':
            quoted = not quoted
        elif not quoted:
            depth += (ch in "[({") - (ch in "])}")
            if ch == stop and depth == 0:
                parts.append(text[start:i].strip())
                start = i + 1
    parts.append(text[start:].strip())
    return [p for p in parts if p]


def parse_value(text):
    text = text.removeprefix("dims")
    if text in DTYPES:
        return text
    return eval(text, {"__builtins__": {}})  # numbers, strings and lists of our own sources


class Case:
    def __init__(self, text):
        self.text = text
        head, tail = split_outside(text, ";")
        rng = np.random.default_rng(zlib.crc32(text.encode()))
        values, symbols = {"_": None}, {}
        self.inputs = []
        for one in split_outside(head):
            name, dtype, dims, rest = re.fullmatch(r"(\w+): (\w+)\[(.*?)\](.*)", one, re.S).groups()
            shape = []
            for dim in split_outside(dims):
                shape.append(int(dim) if dim.isdigit() else symbols.setdefault(dim, 2 + len(symbols)))
            rest = rest.strip()
            if rest.startswith("="):
                value = np.array(parse_value(rest[1:].strip()), dtype=DTYPES[dtype]).reshape(shape)
            else:
                low, high = parse_value(rest[2:].strip()) if rest else (-3, 3)
                if dtype[0] == "f":
                    value = (low + rng.random(shape) * (high - low)).astype(DTYPES[dtype])
                elif dtype == "bool":
                    value = rng.random(shape) < 0.5
                else:
                    value = rng.integers(max(low, 0) if dtype[0] == "u" else low, high, shape, endpoint=True)
                    value = np.asarray(value, DTYPES[dtype])
                self.inputs.append(value)
            values[name] = value
        results, call = tail.split("=", 1)
        self.op, operands, attributes = re.fullmatch(r"\s*([\w.]+)\((.*?)\)\s*(?:\{(.*)\})?", call, re.S).groups()
        self.results = split_outside(results)
        self.operands = [values[o] for o in split_outside(operands)]
        self.attributes = {}
        for pair in split_outside(attributes or ""):
            name, value = pair.split("=", 1)
            self.attributes[name.strip()] = parse_value(value.strip())


def text_of(tensor):
    tensor = np.asarray(tensor)
    def number(x):
        if tensor.dtype == np.bool_:
            return "true" if x else "false"
        if tensor.dtype.kind in "iu":
            return str(int(x))
        x = float(x)
        if math.isnan(x) or math.isinf(x):
            return "nan" if math.isnan(x) else "inf" if x > 0 else "-inf"
        return repr(x) if tensor.dtype == np.float64 else f"{x:.9g}" if "." in f"{x:.9g}" or "e" in f"{x:.9g}" else f"{x:.9g}.0"
    shape = ",".join(map(str, tensor.shape))
    return f"{NAMES[tensor.dtype]}[{shape}] [{', '.join(number(x) for x in tensor.ravel())}]"


# -- oracles

def run_onnx(op_type, inputs, attributes=None, outputs=1, opset=23, runtime=False):
    """One node through onnx's reference evaluator or ONNX Runtime; None: an absent input, an output nobody wants."""
    inputs = list(inputs)
    while inputs and inputs[-1] is None:
        inputs.pop()
    wanted = outputs if isinstance(outputs, list) else [True] * outputs
    names = [f"x{i}" if x is not None else "" for i, x in enumerate(inputs)]
    results = [f"y{i}" if w else "" for i, w in enumerate(wanted)]
    node = helper.make_node(op_type, names, results, **(attributes or {}))
    infos = [helper.make_tensor_value_info(n, helper.np_dtype_to_tensor_dtype(x.dtype), x.shape)
             for n, x in zip(names, inputs) if n]
    outs = [helper.make_empty_tensor_value_info(r) for r in results if r]
    graph = helper.make_graph([node], "g", infos, outs)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=10)
    feed = {n: x for n, x in zip(names, inputs) if n}
    if runtime:
        values = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"]).run(None, feed)
    else:
        values = ReferenceEvaluator(model).run(None, feed)
    values = iter(values)
    return [next(values) if w else None for w in wanted]


def plain(op_type, renames=None, opset=23, runtime=False):
    """An operator that is ONNX's own under other attribute names."""
    def run(case):
        attributes = {(renames or {}).get(k, k): v for k, v in case.attributes.items()}
        return run_onnx(op_type, case.operands, attributes, [r != "_" for r in case.results], opset, runtime)
    return run


def resize(case):
    """What onnx's evaluator does not have comes from older operator sets, by ONNX Runtime."""
    renames = {"coordinates": "coordinate_transformation_mode", "nearest": "nearest_mode", "cubic_a": "cubic_coeff_a",
               "extrapolation": "extrapolation_value", "policy": "keep_aspect_ratio_policy"}
    attributes = {renames.get(k, k): v for k, v in case.attributes.items()}
    if attributes.get("nearest_mode") == "simple":
        return run_onnx("Resize", [case.operands[0], case.operands[2]], {"mode": "nearest"}, opset=10, runtime=True)
    old = attributes.get("coordinate_transformation_mode") == "tf_half_pixel_for_nn"
    return run_onnx("Resize", case.operands, attributes, opset=13 if old else 23, runtime=old)


def elementwise(f):
    """A formula in f64."""
    def run(case):
        x = [None if o is None else o.astype(np.float64) for o in case.operands]
        return [np.asarray(f(*x, **case.attributes)).astype(case.operands[0].dtype)]
    return run


def reduction(f):
    def run(case):
        x = case.operands[0].astype(np.float64)
        return [np.asarray(f(x, axis=tuple(case.attributes["axes"]), keepdims=bool(case.attributes.get("keep", 0)))).astype(
            case.operands[0].dtype)]
    return run


erf = np.vectorize(math.erf)


def softmax(x, axis=-1):
    e = np.exp(x - x.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


def norm(x, axes, epsilon):
    return (x - x.mean(axes, keepdims=True)) / np.sqrt(x.var(axes, keepdims=True) + epsilon)


def channels(p, rank):
    return p.reshape((1, -1) + (1,) * (rank - 2))


def layer_norm(x, scale=None, bias=None, axis=-1, epsilon=1e-5):
    y = norm(x, tuple(range(axis % x.ndim, x.ndim)), epsilon)
    return y * (1 if scale is None else scale) + (0 if bias is None else bias)


def rms_norm(x, scale=1.0, axis=-1, epsilon=1e-5):
    axes = tuple(range(axis % x.ndim, x.ndim))
    return x / np.sqrt((x * x).mean(axes, keepdims=True) + epsilon) * scale


def batch_norm(x, s, b, m, v, epsilon=1e-5):
    s, b, m, v = (channels(p, x.ndim) for p in (s, b, m, v))
    return (x - m) / np.sqrt(v + epsilon) * s + b


def batch_norm_training(case):
    x, s, b, m, v = (o.astype(np.float64) for o in case.operands)
    momentum = case.attributes.get("momentum", 0.9)
    axes = (0,) + tuple(range(2, x.ndim))
    y = norm(x, axes, 1e-5) * channels(s, x.ndim) + channels(b, x.ndim)
    outs = [y, m * momentum + x.mean(axes) * (1 - momentum), v * momentum + x.var(axes) * (1 - momentum)]
    return [o.astype(np.float32) for o in outs]


def group_norm(x, s, b, groups, epsilon=1e-5):
    y = norm(x.reshape(x.shape[0], groups, -1), (2,), epsilon).reshape(x.shape)
    return y * channels(s, x.ndim) + channels(b, x.ndim)


def instance_norm(x, s, b, epsilon=1e-5):
    return norm(x, tuple(range(2, x.ndim)), epsilon) * channels(s, x.ndim) + channels(b, x.ndim)


def attention(q, k, v, bias=0.0, scale=None, causal=0, masked=0):
    scores = q @ k.swapaxes(-1, -2) * (1 / math.sqrt(q.shape[-1]) if scale is None else scale) + bias
    if masked:
        scores = np.where(bias <= -1e30, bias, scores)
    if causal:
        scores = np.where(np.tril(np.ones(scores.shape[-2:], bool)), scores, -np.inf)
    return softmax(scores) @ v


def log_sum_exp(x, axis, keepdims):
    m = x.max(axis=axis, keepdims=True)
    y = np.log(np.exp(x - m).sum(axis=axis, keepdims=True)) + m
    return y if keepdims else y.squeeze(axis)


def pool(op_type):
    return plain(op_type, {"kernel": "kernel_shape", "ceil": "ceil_mode", "column_major": "storage_order"}, 20, True)


def reshape_like(f):
    return lambda case: [f(case.operands[0], **case.attributes)]


def unsqueeze(x, axes):
    return np.expand_dims(x, tuple(axes))


def split(case):
    sizes = case.attributes["sizes"]
    parts = np.split(case.operands[0], np.cumsum(sizes)[:-1], axis=case.attributes.get("axis", 0))
    return [p if r != "_" else None for p, r in zip(parts, case.results)]


def trilu(case):
    k = int(case.operands[1].ravel()[0]) if len(case.operands) > 1 else 0
    return [(np.triu if case.attributes.get("upper", 1) else np.tril)(case.operands[0], k)]


def eye_like(case):
    x = case.operands[0]
    dtype = DTYPES[case.attributes["dtype"]] if "dtype" in case.attributes else x.dtype
    return [np.eye(*x.shape, k=case.attributes.get("k", 0), dtype=dtype)]


def window(op_type):
    def run(case):
        attributes = dict(case.attributes)
        dtype = DTYPES[attributes.pop("dtype", "f32")]
        attributes["output_datatype"] = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
        return run_onnx(op_type, case.operands, attributes)
    return run


def svm_kernel(a, b, kernel="linear", gamma=1.0, coef=0.0, degree=3.0):
    product = a @ b.T
    if kernel == "rbf":
        return np.exp(-gamma * ((a[:, None] - b[None]) ** 2).sum(-1))
    if kernel == "poly":
        return (gamma * product + coef) ** degree
    return product if kernel == "linear" else np.tanh(gamma * product + coef)


def lrn(x, size, alpha=1e-4, beta=0.75, bias=1.0):
    squares = np.zeros_like(x)
    for c in range(x.shape[1]):
        squares[:, c] = (x[:, max(0, c - (size - 1) // 2):c + size // 2 + 1] ** 2).sum(1)
    return x / (bias + alpha / size * squares) ** beta


def activation(name, alpha, beta):
    return {"Tanh": np.tanh, "Sigmoid": lambda x: 1 / (1 + np.exp(-x)), "Affine": lambda x: alpha * x + beta}[name]


def rounded(x):
    """What dynamic quantisation to 8 bits leaves of x."""
    low, high = min(x.min(), 0), max(x.max(), 0)
    scale = (high - low) / 255 or 1
    zero = np.rint(-low / scale)
    return (np.clip(np.rint(x / scale) + zero, 0, 255) - zero) * scale


def recurrent(gates):
    """Step by step in f64, one sequence of the batch after the other."""
    def run(case):
        x, w, r, b, lengths, h0, c0, p = [*case.operands, *[None] * (8 - len(case.operands))]
        steps, batch, _ = x.shape
        some = rounded if case.attributes.get("rounded") else lambda v: v
        assert not case.attributes.get("rounded") or batch == 1
        x = some(x)
        count, hidden = w.shape[0], r.shape[2]
        attributes = case.attributes
        clip = attributes.get("clip", np.inf)
        y = np.zeros((steps, count, batch, hidden))
        last = np.zeros((2, count, batch, hidden))
        names = attributes.get("activations") or {1: ["Tanh"], 3: ["Sigmoid", "Tanh"], 4: ["Sigmoid", "Tanh", "Tanh"]}[gates] * count
        each = len(names) // count
        for d in range(count):
            alpha, beta = attributes.get("activation_alpha", [0])[0], attributes.get("activation_beta", [0])[0]
            f = [activation(n, alpha, beta) for n in names[d * each:(d + 1) * each]]
            # The cell on its way to h is no gate's input.
            f = [g if i == 2 else lambda v, g=g: g(np.clip(v, -clip, clip)) for i, g in enumerate(f)]
            wd, rd = w[d].astype(np.float64), r[d].astype(np.float64)
            wb, rb = np.split(b[d].astype(np.float64), 2)
            peephole = np.split(p[d].astype(np.float64), 3) if p is not None else [0, 0, 0]
            for n in range(batch):
                h = np.zeros(hidden) if h0 is None else h0[d, n].astype(np.float64)
                c = np.zeros(hidden) if c0 is None else c0[d, n].astype(np.float64)
                order = range(steps if lengths is None else lengths[n])
                if d == 1 or attributes.get("direction") == "reverse":
                    order = reversed(order)
                for t in order:
                    v, u = np.split(wd @ x[t, n] + wb, gates), np.split(rd @ some(h) + rb, gates)
                    if gates == 1:
                        h = f[0](v[0] + u[0])
                    elif gates == 3:
                        z, s = f[0](v[0] + u[0]), f[0](v[1] + u[1])
                        if attributes.get("linear_before_reset"):
                            g = f[1](v[2] + s * u[2])
                        else:
                            g = f[1](v[2] + rd[2 * hidden:] @ (s * h) + rb[2 * hidden:])
                        h = (1 - z) * g + z * h
                    else:
                        i, forget = f[0](v[0] + u[0] + peephole[0] * c), f[0](v[2] + u[2] + peephole[2] * c)
                        c = forget * c + i * f[1](v[3] + u[3])
                        h = f[0](v[1] + u[1] + peephole[1] * c) * f[2](c)
                    y[t, d, n] = h
                last[0, d, n], last[1, d, n] = h, c
        return [o.astype(np.float32) for o in (y, *last)][:len(case.results)]
    return run


def lp_normalize(x, axis=-1, p=2):
    return x / (np.abs(x) ** p).sum(axis, keepdims=True) ** (1 / p)


ORACLES = {
    "relu": lambda c: [np.maximum(c.operands[0], 0)],
    "leaky_relu": elementwise(lambda x, alpha=0.01: np.where(x < 0, alpha * x, x)),
    "prelu": elementwise(lambda x, s: np.where(x < 0, s * x, x)),
    "elu": elementwise(lambda x, alpha=1.0: np.where(x < 0, alpha * np.expm1(x), x)),
    "celu": elementwise(lambda x, alpha=1.0: np.maximum(x, 0) + np.minimum(0, alpha * np.expm1(x / alpha))),
    "selu": plain("Selu"),
    "thresholded_relu": plain("ThresholdedRelu"),
    "hard_sigmoid": plain("HardSigmoid"),
    "hard_swish": elementwise(lambda x: x * np.clip(x / 6 + 0.5, 0, 1)),
    "silu": elementwise(lambda x, alpha=1.0: x / (1 + np.exp(-alpha * x))),
    "mish": elementwise(lambda x: x * np.tanh(np.log1p(np.exp(x)))),
    "softplus": elementwise(lambda x: np.log1p(np.exp(x))),
    "softsign": elementwise(lambda x: x / (1 + np.abs(x))),
    "gelu": elementwise(lambda x, approximate="none": 0.5 * x * (1 + (
        erf(x / math.sqrt(2)) if approximate == "none" else np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))))),
    "clip": plain("Clip"),
    "shrink": plain("Shrink"),
    "softmax": elementwise(softmax),
    "log_softmax": elementwise(lambda x, axis=-1: np.log(softmax(x, axis))),
    "hardmax": plain("Hardmax"),
    "layer_norm": elementwise(layer_norm),
    "rms_norm": elementwise(rms_norm),
    "batch_norm": elementwise(batch_norm),
    "batch_norm_training": batch_norm_training,
    "group_norm": elementwise(group_norm),
    "instance_norm": elementwise(instance_norm),
    "mean_variance_norm": plain("MeanVarianceNormalization"),
    "reduce_mean": reduction(np.mean),
    "reduce_l1": reduction(lambda x, **k: np.abs(x).sum(**k)),
    "reduce_l2": reduction(lambda x, **k: np.sqrt((x * x).sum(**k))),
    "reduce_log_sum": reduction(lambda x, **k: np.log(x.sum(**k))),
    "reduce_log_sum_exp": reduction(log_sum_exp),
    "reduce_sum_square": reduction(lambda x, **k: (x * x).sum(**k)),
    "conv": plain("Conv", {"groups": "group"}, 20, True),
    "conv_transpose": plain("ConvTranspose", {"groups": "group"}, 20, True),
    "gemm": plain("Gemm", {"trans_a": "transA", "trans_b": "transB"}),
    "numpy_matmul": lambda c: [np.asarray(np.matmul(*c.operands))],
    "reverse_axes": lambda c: [c.operands[0].T],
    "max_pool": pool("MaxPool"),
    "average_pool": pool("AveragePool"),
    "lp_pool": pool("LpPool"),
    "global_average_pool": plain("GlobalAveragePool"),
    "global_max_pool": plain("GlobalMaxPool"),
    "global_lp_pool": elementwise(lambda x, p=2: (np.abs(x)**p).sum(tuple(range(2, x.ndim)), keepdims=True)**(1 / p)),
    "flatten": plain("Flatten"),
    "squeeze": reshape_like(lambda x, axes=None: np.squeeze(x, None if axes is None else tuple(axes))),
    "unsqueeze": reshape_like(unsqueeze),
    "stack": lambda c: [np.stack(c.operands, c.attributes.get("axis", 0))],
    "split": split,
    "tile": reshape_like(lambda x, repeats: np.tile(x, repeats)),
    "trilu": trilu,
    "eye_like": eye_like,
    "depth_to_space": plain("DepthToSpace", {"block": "blocksize"}),
    "space_to_depth": plain("SpaceToDepth", {"block": "blocksize"}),
    "lrn": elementwise(lrn),
    "lp_normalize": elementwise(lp_normalize),
    "nll_loss": plain("NegativeLogLikelihoodLoss"),
    "softmax_cross_entropy": plain("SoftmaxCrossEntropyLoss"),
    "rotary_embedding": plain("RotaryEmbedding", {"heads": "num_heads", "rotary_dim": "rotary_embedding_dim"}),
    "einsum": lambda c: [np.einsum(c.attributes["equation"], *c.operands)],
    "dynamic_resize": resize,
    "svm_kernel": elementwise(svm_kernel),
    "rnn": recurrent(1),
    "gru": recurrent(3),
    "lstm": recurrent(4),
    "hann_window": window("HannWindow"),
    "hamming_window": window("HammingWindow"),
    "blackman_window": window("BlackmanWindow"),
    "stft": plain("STFT"),
    "center_crop_pad": plain("CenterCropPad"),
    "affine_grid": plain("AffineGrid"),
    "linear_attention": plain("LinearAttention", {"q_heads": "q_num_heads", "kv_heads": "kv_num_heads",
                                                  "rule": "update_rule"}, 27),
    "causal_conv_with_state": plain("CausalConvWithState", {}, 27),
    "attention": elementwise(attention),
    "onnx_attention": plain("Attention", {"causal": "is_causal", "q_heads": "q_num_heads", "kv_heads": "kv_num_heads",
                                          "qk_mode": "qk_matmul_output_mode"}, opset=24),
}


def main():
    cases = {}
    for path in sorted((ROOT / "src/ops").glob("*.cc")):
        for text in samples_of(path):
            if text.startswith("graph"):
                continue
            op = re.search(r"=\s*([\w.]+)\(", text.split(";", 1)[1])[1]
            if op in ORACLES:
                cases.setdefault(op, []).append(text)
    wanted = sys.argv[1:] or sorted(cases)
    for op in wanted:
        lines = []
        for text in cases[op]:
            case = Case(text)
            lines.append("sample " + text)
            lines += ["in " + text_of(x) for x in case.inputs]
            lines += ["out " + text_of(y) for y in ORACLES[op](case) if y is not None]
        (ROOT / "tests/ops/expected" / f"{op}.txt").write_text("\n".join(lines) + "\n")
    missing = sorted(set(ORACLES) - set(cases))
    if missing and not sys.argv[1:]:
        sys.exit("no samples of " + ", ".join(missing))


if __name__ == "__main__":
    main()
