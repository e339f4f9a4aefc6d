"""Operators of ONNX Runtime's own domain and of ai.onnx.ml: what ONNX Runtime gives on one-node models is what
references and engines give."""

import os
import pathlib
import subprocess
import tempfile
import unittest

import numpy as np
import onnx
import onnxruntime
from onnx import helper, numpy_helper

PROGRAM = os.environ["BURNISH_PROGRAM"]
RANDOM = np.random.default_rng(7)


def f32(*shape, low=-2.0, high=2.0):
    return RANDOM.uniform(low, high, shape).astype(np.float32)


def u8(*shape):
    return RANDOM.integers(0, 256, shape).astype(np.uint8)


def i8(*shape):
    return RANDOM.integers(-128, 128, shape).astype(np.int8)


def scale(value):
    return np.array(value, np.float32)


def zero(value, dtype=np.uint8):
    return np.array(value, dtype)


MS, ML = "com.microsoft", "ai.onnx.ml"
X = (lambda: [u8(2, 3, 4), scale(0.05), zero(120)])

# Name, domain, operator, inputs (None: absent), attributes, number of outputs.
CASES = [
    ("fused_conv_relu", MS, "FusedConv", [f32(1, 3, 6, 6), f32(4, 3, 3, 3), f32(4)],
     {"activation": "Relu", "pads": [1, 1, 1, 1]}, 1),
    ("fused_conv_sum_leaky", MS, "FusedConv", [f32(1, 2, 5, 5), f32(2, 2, 3, 3), f32(2), f32(1, 2, 3, 3)],
     {"activation": "LeakyRelu", "activation_params": [0.2]}, 1),
    ("fused_conv_clip", MS, "FusedConv", [f32(1, 2, 5, 5), f32(2, 2, 3, 3)],
     {"activation": "Clip", "activation_params": [-1.0, 2.0], "strides": [2, 2]}, 1),
    ("fused_gemm", MS, "FusedGemm", [f32(3, 4), f32(5, 4), f32(5)],
     {"activation": "LeakyRelu", "activation_alpha": 0.1, "transB": 1, "alpha": 0.5}, 1),
    ("fused_matmul", MS, "FusedMatMul", [f32(2, 4, 3), f32(2, 4, 5)], {"transA": 1, "alpha": 0.5}, 1),
    ("fused_matmul_batch", MS, "FusedMatMul", [f32(3, 2, 4), f32(2, 4, 5)], {"transBatchA": 1}, 1),
    ("gelu", MS, "Gelu", [f32(3, 4)], {}, 1),
    ("bias_gelu", MS, "BiasGelu", [f32(3, 4), f32(4)], {}, 1),
    ("fast_gelu", MS, "FastGelu", [f32(3, 4), f32(4)], {}, 1),
    ("quick_gelu", MS, "QuickGelu", [f32(3, 4)], {"alpha": 1.5}, 1),
    ("skip_layer_norm", MS, "SkipLayerNormalization", [f32(2, 3, 8), f32(2, 3, 8), f32(8), f32(8), f32(8)],
     {"epsilon": 1e-5}, [1, 0, 0, 1]),
    ("skip_rms_norm", MS, "SkipSimplifiedLayerNormalization", [f32(2, 3, 8), f32(2, 3, 8), f32(8)],
     {"epsilon": 1e-5}, [1, 0, 0, 1]),
    ("rms_norm", "", "SimplifiedLayerNormalization", [f32(2, 3, 8), f32(8)], {"axis": -1, "epsilon": 1e-5}, 1),
    ("embed_layer_norm", MS, "EmbedLayerNormalization",
     [RANDOM.integers(0, 9, (2, 4)).astype(np.int32), RANDOM.integers(0, 2, (2, 4)).astype(np.int32), f32(9, 8), f32(6, 8),
      f32(2, 8), f32(8), f32(8), np.array([[1, 1, 1, 0], [1, 1, 0, 0]], np.int32)], {"epsilon": 1e-5}, 2),
    ("embed_layer_norm_bytes", MS, "QEmbedLayerNormalization",
     [RANDOM.integers(0, 9, (2, 4)).astype(np.int32), RANDOM.integers(0, 2, (2, 4)).astype(np.int32), u8(9, 8), u8(6, 8),
      u8(2, 8), u8(8), u8(8), np.array([[1, 1, 1, 0], [1, 1, 0, 0]], np.int32), scale(0.02), scale(0.03), scale(0.04),
      scale(0.01), scale(0.05), zero(120), zero(100), zero(90), zero(3), zero(128)], {"epsilon": 1e-5}, 2),
    ("attention", MS, "Attention", [f32(2, 4, 8), f32(8, 24), f32(24)], {"num_heads": 2}, 1),
    ("attention_masked", MS, "Attention", [f32(2, 4, 8), f32(8, 24), f32(24), np.array([[1, 1, 1, 0], [1, 1, 1, 1]], np.int32)],
     {"num_heads": 2}, 1),
    ("attention_causal_past", MS, "Attention", [f32(1, 3, 8), f32(8, 24), f32(24), None, f32(2, 1, 2, 2, 4)],
     {"num_heads": 2, "unidirectional": 1}, 2),
    ("multi_head_attention", MS, "MultiHeadAttention", [f32(2, 3, 8), f32(2, 5, 8), f32(2, 5, 8), f32(24)],
     {"num_heads": 2}, 1),
    ("multi_head_attention_bias", MS, "MultiHeadAttention",
     [f32(1, 3, 8), f32(1, 3, 8), f32(1, 3, 8), None, None, f32(1, 2, 3, 3)], {"num_heads": 2, "scale": 0.3}, 1),
    ("rotary", MS, "RotaryEmbedding", [f32(2, 3, 8), np.array([[0, 1, 2], [1, 3, 5]], np.int64), f32(8, 2), f32(8, 2)], {}, 1),
    ("rotary_offset", MS, "RotaryEmbedding", [f32(2, 3, 8), np.array([4], np.int64), f32(8, 2), f32(8, 2)],
     {"interleaved": 1}, 1),
    ("qlinear_add", MS, "QLinearAdd", [*X(), u8(4), scale(0.02), zero(3), scale(0.09), zero(128)], {}, 1),
    ("qlinear_mul", MS, "QLinearMul", [*X(), u8(2, 3, 4), scale(0.02), zero(3), scale(0.3), zero(128)], {}, 1),
    ("qlinear_sigmoid", MS, "QLinearSigmoid", [*X(), scale(1 / 256), zero(0)], {}, 1),
    ("qlinear_leaky_relu", MS, "QLinearLeakyRelu", [*X(), scale(0.05), zero(60)], {"alpha": 0.1}, 1),
    ("qlinear_softmax", MS, "QLinearSoftmax", [*X(), scale(1 / 256), zero(0)], {"axis": -1, "opset": 13}, 1),
    ("qlinear_global_average_pool", MS, "QLinearGlobalAveragePool", [u8(1, 3, 4, 4), scale(0.1), zero(8), scale(0.1), zero(9)],
     {"channels_last": 0}, 1),
    ("qlinear_average_pool", MS, "QLinearAveragePool", [u8(1, 3, 6, 6), scale(0.1), zero(8), scale(0.1234567), zero(9)],
     {"kernel_shape": [2, 2], "strides": [2, 2]}, 1),
    ("qlinear_concat", MS, "QLinearConcat", [scale(0.1), zero(100), u8(2, 3), scale(0.05), zero(3), u8(2, 2), scale(0.2), zero(130)],
     {"axis": 1}, 1),
    ("qgemm", MS, "QGemm", [u8(3, 4), scale(0.05), zero(120), u8(4, 5), scale(0.02), zero(110),
                            np.arange(5, dtype=np.int32) * 50, scale(0.1), zero(128)], {}, 1),
    ("qgemm_float", MS, "QGemm", [u8(3, 4), scale(0.05), zero(120), u8(4, 5), scale(0.02), zero(110)], {}, 1),
    ("matmul_to_float", MS, "MatMulIntegerToFloat", [u8(3, 4), u8(4, 5), scale(0.05), scale(0.02), zero(9), zero(99), f32(5)], {}, 1),
    ("dynamic_matmul", MS, "DynamicQuantizeMatMul", [f32(3, 4), u8(4, 5), scale([0.02]), zero([110])], {}, 1),
    ("matmul_4_bits", MS, "MatMulNBits", [f32(3, 40), u8(6, 3, 8), f32(18, low=0.1)], {"K": 40, "N": 6, "bits": 4, "block_size": 16}, 1),
    ("matmul_4_bits_zero", MS, "MatMulNBits", [f32(3, 48), u8(6, 3, 8), f32(18, low=0.1), u8(12)],
     {"K": 48, "N": 6, "bits": 4, "block_size": 16}, 1),
    ("matmul_4_bits_order", MS, "MatMulNBits",
     [f32(2, 32), u8(6, 2, 8), f32(6, 2, low=0.1), None, RANDOM.integers(0, 2, 32).astype(np.int32)],
     {"K": 32, "N": 6, "bits": 4, "block_size": 16}, 1),
    ("matmul_fp4", MS, "MatMulBnb4", [f32(3, 40), u8(120), f32(8, low=0.1)],
     {"K": 40, "N": 6, "block_size": 32, "quant_type": 0}, 1),
    ("matmul_nf4", MS, "MatMulBnb4", [f32(2, 3, 33), u8(83), f32(11, low=0.1)],
     {"K": 33, "N": 5, "block_size": 16, "quant_type": 1}, 1),
    ("fused_matmul_row", MS, "FusedMatMul", [f32(4), f32(4, 5)], {"transA": 1}, 1),
    ("fused_matmul_column", MS, "FusedMatMul", [f32(3, 4), f32(4)], {"transB": 1, "alpha": 0.5}, 1),
    ("attention_ends_and_starts", MS, "Attention", [f32(2, 4, 8), f32(8, 24), f32(24), np.array([3, 4, 1, 0], np.int32)],
     {"num_heads": 2}, 1),
    ("attention_running_sums", MS, "Attention",
     [f32(2, 4, 8), f32(8, 24), f32(24), np.array([4, 3, 0, 4, 4, 0, 4, 4], np.int32)], {"num_heads": 2}, 1),
    ("quantised_attention", MS, "QAttention",
     [u8(2, 4, 8), i8(8, 24), f32(24), scale(0.02), scale(0.01), None, zero(120), zero(3, np.int8)], {"num_heads": 2}, 1),
    ("quantised_attention_masked", MS, "QAttention",
     [u8(2, 4, 8), i8(8, 24), f32(24), scale(0.02), scale(0.01), np.array([3, 4], np.int32), zero(120), zero(0, np.int8)],
     {"num_heads": 2, "unidirectional": 1}, 1),
    ("multi_head_attention_ready", MS, "MultiHeadAttention", [f32(2, 3, 8), f32(2, 2, 5, 4), f32(2, 2, 5, 4)],
     {"num_heads": 2}, 1),
    ("qlinear_where", MS, "QLinearWhere",
     [np.array([[True, False, True]]), u8(2, 3), scale(0.05), zero(120), u8(3), scale(0.02), zero(3), scale(0.09), zero(128)],
     {}, 1),
    ("qlinear_conv_channels_last", MS, "QLinearConv",
     [u8(1, 5, 6, 4), scale(0.05), zero(120), i8(6, 2, 3, 3), scale(f32(6, low=0.01, high=0.05)), zero([0] * 6, np.int8),
      scale(1.2), zero(128), np.arange(6, dtype=np.int32) * 50],
     {"channels_last": 1, "group": 2, "pads": [1, 1, 1, 1], "strides": [2, 1]}, 1),
    ("qlinear_conv_many", MS, "QLinearConv",
     [u8(1, 64, 24, 24), scale(1 / 64), zero(120), i8(64, 64, 3, 3), scale(1 / 128), zero(0, np.int8), scale(1), zero(128)],
     {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1]}, 1),
    ("qlinear_matmul_row", "", "QLinearMatMul",
     [u8(4), scale(0.05), zero(120), u8(4, 5), scale(0.02), zero(110), scale(0.1), zero(128)], {}, 1),
    ("matmul_to_float_row", MS, "MatMulIntegerToFloat", [u8(4), u8(4, 5), scale(0.05), scale(0.02), zero(9), zero(99)], {}, 1),
    ("max_pool_channels_last", MS, "NhwcMaxPool", [i8(1, 5, 6, 3)],
     {"kernel_shape": [2, 3], "strides": [2, 1], "pads": [0, 1, 0, 1]}, 1),
    ("gather_blocks", MS, "GatherBlockQuantized",
     [u8(5, 16), np.array([[0, 3]], np.int64), f32(5, 2), u8(5, 1)],
     {"block_size": 16, "bits": 4, "quantize_axis": 1, "gather_axis": 0}, 1),
    ("gather_blocks_centred", MS, "GatherBlockQuantized",
     [u8(5, 24), np.array([4, 1], np.int64), f32(5, 3)], {"block_size": 16, "quantize_axis": 1, "gather_axis": 0}, 1),
    ("gather_blocks_bytes", MS, "GatherBlockQuantized", [u8(5, 32), np.array([4, 1], np.int64), f32(5, 2)],
     {"block_size": 16, "bits": 8, "quantize_axis": 1, "gather_axis": 0}, 1),
    ("distances", MS, "CDist", [f32(3, 4), f32(5, 4)], {"metric": "euclidean"}, 1),
    ("distances_squared", MS, "CDist", [f32(3, 4), f32(5, 4)], {"metric": "sqeuclidean"}, 1),
    ("pad", MS, "Pad", [f32(3, 4), np.array([1, 0, 2, 1], np.int64), scale(3)], {"mode": "constant"}, 1),
    ("range", MS, "Range", [np.array(1, np.int32), np.array(9, np.int32), np.array(3, np.int32)], {}, 1),
    ("range_by_one", MS, "Range", [np.array(1, np.int32), np.array(4, np.int32)], {}, 1),
    ("unique", MS, "Unique", [np.array([3, 1, 3, 2], np.float32)], {}, 3),
    ("expand_dims", MS, "ExpandDims", [f32(3, 4), np.array(-1, np.int32)], {}, 1),
    ("conv_transpose_dynamic_pads", MS, "ConvTransposeWithDynamicPads",
     [f32(1, 2, 4, 4), f32(2, 3, 3, 3), np.array([1, 0, 0, 2], np.int64), f32(3)], {"strides": [2, 1]}, 1),
    ("affine", "", "Affine", [f32(2, 3)], {"alpha": 0.5, "beta": 2.0}, 1),
    ("scale", "", "Scale", [f32(2, 3)], {"scale": 0.5}, 1),
    ("scaled_tanh", "", "ScaledTanh", [f32(2, 3)], {"alpha": 0.5, "beta": 2.0}, 1),
    ("parametric_softplus", "", "ParametricSoftplus", [f32(2, 3)], {"alpha": 0.5, "beta": 2.0}, 1),
    ("image_scaler", "", "ImageScaler", [f32(1, 3, 4, 4)], {"scale": 0.5, "bias": [1.0, 2.0, 3.0]}, 1),
    ("crop", "", "Crop", [f32(1, 2, 6, 7)], {"border": [1, 2, 3, 1]}, 1),
    ("crop_sizes", "", "Crop", [f32(1, 2, 6, 7)], {"border": [1, 2, 0, 0], "scale": [3, 4]}, 1),
    ("max_pool_no_place", "", "MaxPool", [f32(1, 1, 9, 6)],
     {"auto_pad": "VALID", "ceil_mode": 1, "kernel_shape": [4, 4], "dilations": [1, 2]}, 1),
]


def generation(name, new, past, last, total, rotary=False, packed=False, bias=False, sink=False, **attributes):
    """Attention of 4 heads over keys and values of 2, each 16 wide."""
    batch, cache = len(last), [] if past is None else [f32(len(last), 2, past, 16), f32(len(last), 2, past, 16)]
    heads = [f32(batch, new, 128), None, None] if packed else [f32(batch, new, 64), f32(batch, new, 32), f32(batch, new, 32)]
    more = [f32(32, 8), f32(32, 8)] if rotary else [None, None]
    more += [None, f32(1, 4, new, total) if bias else None] if bias or sink else []
    more += [f32(4)] if sink else []
    inputs = heads + (cache or [None, None]) + [np.array(last, np.int32), np.array(total, np.int32)]
    return (name, MS, "GroupQueryAttention", inputs + (more if rotary or bias or sink else []),
            {"num_heads": 4, "kv_num_heads": 2, "do_rotary": int(rotary), **attributes}, 3)


CASES += [
    generation("generation_prompt", 5, 0, [4], 5, rotary_interleaved=0),
    generation("generation_prompts", 5, None, [4, 4], 5, rotary=True, rotary_interleaved=1),
    generation("generation_step", 1, 6, [6, 6], 7, rotary=True),
    generation("generation_step_uneven", 1, 6, [6, 3], 7, rotary=True, packed=True),
    generation("generation_step_buffer", 1, 16, [6, 3], 7),
    generation("generation_chunk", 3, 6, [8], 9, rotary=True),
    generation("generation_window", 6, 0, [5], 6, local_window_size=2),
    generation("generation_step_window", 1, 8, [8], 9, local_window_size=3),
    generation("generation_softcap", 5, 0, [4], 5, scale=0.2, softcap=1.5),
    generation("generation_bias", 4, 0, [3], 4, bias=True),
    generation("generation_smooth", 4, 0, [3], 4, smooth_softmax=1),
    generation("generation_smooth_step", 1, 8, [6, 3], 8, smooth_softmax=1, softcap=1.5, local_window_size=3),
    generation("generation_smooth_bias", 4, 0, [3], 4, bias=True, smooth_softmax=1),
    generation("generation_sink", 4, 0, [3], 4, sink=True),
]

TREES = {
    "nodes_treeids": [0, 0, 0, 0, 0, 1, 1, 1, 2], "nodes_nodeids": [0, 1, 2, 3, 4, 0, 1, 2, 0],
    "nodes_featureids": [0, 1, 0, 0, 0, 2, 0, 0, 0],
    "nodes_modes": ["BRANCH_LEQ", "BRANCH_GT", "LEAF", "LEAF", "LEAF", "BRANCH_LT", "LEAF", "LEAF", "LEAF"],
    "nodes_values": [0.5, -0.2, 0.0, 0.0, 0.0, 0.1, 0.0, 0.0, 0.0],
    "nodes_truenodeids": [1, 2, 0, 0, 0, 1, 0, 0, 0], "nodes_falsenodeids": [4, 3, 0, 0, 0, 2, 0, 0, 0],
    "nodes_missing_value_tracks_true": [0] * 9, "nodes_hitrates": [1.0] * 9,
}
LEAVES = {"treeids": [0, 0, 0, 0, 1, 1, 2], "nodeids": [2, 2, 3, 4, 1, 2, 0], "ids": [0, 1, 2, 0, 1, 2, 1],
          "weights": [0.5, 0.25, 0.125, 0.75, 0.2, 0.4, 0.1]}


def trees(prefix, targets, sign=1, **more):
    """Of several targets the first leaf counts for two."""
    leaves = {f"{prefix}_{k}": v[targets == 1:] for k, v in LEAVES.items()}
    if targets == 1:
        leaves[f"{prefix}_ids"] = [0] * 6
    leaves[f"{prefix}_weights"] = [w * (sign if i % 2 else 1) for i, w in enumerate(leaves[f"{prefix}_weights"])]
    return {**TREES, **leaves, **more}


def linear(classes, **more):
    return {"coefficients": [0.1 * i - 0.4 for i in range(4 * classes)], "intercepts": [0.1 * i for i in range(classes)], **more}


def texts(*values):
    return np.array(values, object)


CASES += [
    ("trees", ML, "TreeEnsembleRegressor", [f32(6, 4)], trees("target", 3, n_targets=3), 1),
    ("trees_least", ML, "TreeEnsembleRegressor", [f32(6, 4)], trees("target", 1, n_targets=1, aggregate_function="MIN", base_values=[0.1]), 1),
    ("trees_average", ML, "TreeEnsembleRegressor", [f32(6, 4)], trees("target", 1, n_targets=1, aggregate_function="AVERAGE"), 1),
    ("trees_classes", ML, "TreeEnsembleClassifier", [f32(6, 4)],
     trees("class", 3, classlabels_int64s=[7, 8, 9], post_transform="SOFTMAX"), 2),
    ("trees_names", ML, "TreeEnsembleClassifier", [f32(6, 4)], trees("class", 3, classlabels_strings=["a", "b", "c"]), 2),
    ("trees_two_classes", ML, "TreeEnsembleClassifier", [f32(6, 4)], trees("class", 1, classlabels_int64s=[4, 5]), 2),
    ("trees_two_classes_mixed", ML, "TreeEnsembleClassifier", [f32(6, 4)], trees("class", 1, -1, classlabels_int64s=[4, 5]), 2),
    ("trees_two_classes_logistic", ML, "TreeEnsembleClassifier", [f32(6, 4)],
     trees("class", 1, -1, classlabels_int64s=[4, 5], post_transform="LOGISTIC"), 2),
    ("linear_regressor", ML, "LinearRegressor", [f32(5, 4)], linear(2, targets=2), 1),
    ("linear_classifier", ML, "LinearClassifier", [f32(5, 4)], linear(3, classlabels_ints=[1, 2, 3], post_transform="SOFTMAX"), 2),
    ("linear_classifier_logistic", ML, "LinearClassifier", [f32(5, 4)],
     linear(3, classlabels_strings=["x", "y", "z"], post_transform="LOGISTIC"), 2),
    ("linear_two_classes", ML, "LinearClassifier", [f32(5, 4)], linear(2, classlabels_ints=[3, 9], post_transform="SOFTMAX"), 2),
    ("scaler", ML, "Scaler", [f32(3, 4)], {"offset": [0.1, 0.2, 0.3, 0.4], "scale": [1.0, 2.0, 3.0, 4.0]}, 1),
    ("scaler_integers", ML, "Scaler", [np.arange(6, dtype=np.int64).reshape(2, 3)], {"offset": [2.0], "scale": [0.5]}, 1),
    ("normalizer_max", ML, "Normalizer", [f32(3, 4, low=0.1)], {"norm": "MAX"}, 1),
    ("normalizer_l1", ML, "Normalizer", [f32(3, 4)], {"norm": "L1"}, 1),
    ("normalizer_l2", ML, "Normalizer", [f32(3, 4)], {"norm": "L2"}, 1),
    ("imputer", ML, "Imputer", [np.array([[1, np.nan, 3], [np.nan, 5, np.nan]], np.float32)],
     {"imputed_value_floats": [10.0, 20.0, 30.0], "replaced_value_float": float("nan")}, 1),
    ("imputer_integers", ML, "Imputer", [np.array([[1, -1], [-1, 4]], np.int64)],
     {"imputed_value_int64s": [7], "replaced_value_int64": -1}, 1),
    ("one_hot_encoder", ML, "OneHotEncoder", [np.array([[3, 1, 5], [1, 1, 9]], np.int64)], {"cats_int64s": [1, 3, 5], "zeros": 1}, 1),
    ("one_hot_encoder_texts", ML, "OneHotEncoder", [texts("a", "z", "b")], {"cats_strings": ["a", "b"], "zeros": 1}, 1),
    ("category_mapper", ML, "CategoryMapper", [texts("a", "z", "b")],
     {"cats_strings": ["a", "b"], "cats_int64s": [4, 6], "default_int64": -7}, 1),
    ("category_mapper_back", ML, "CategoryMapper", [np.array([6, 1, 4], np.int64)],
     {"cats_strings": ["a", "b"], "cats_int64s": [4, 6], "default_string": "none"}, 1),
    ("label_encoder", ML, "LabelEncoder", [texts("a", "z", "b")],
     {"keys_strings": ["a", "b"], "values_floats": [0.5, 1.5], "default_float": -1.0}, 1),
    ("feature_vectorizer", ML, "FeatureVectorizer", [f32(2, 3), f32(2, 2)], {"inputdimensions": [3, 2]}, 1),
    ("feature_vectorizer_fewer", ML, "FeatureVectorizer", [f32(2, 3), f32(2, 2)], {"inputdimensions": [2, 2]}, 1),
    ("one_hot_encoder_known", ML, "OneHotEncoder", [np.array([[3, 1], [1, 5]], np.int64)], {"cats_int64s": [1, 3, 5], "zeros": 0}, 1),
    ("svm_one_row", ML, "SVMRegressor", [f32(4)],
     {"coefficients": [0.5, -1.0], "support_vectors": [float(v) for v in f32(8)], "n_supports": 2, "rho": [0.3], "kernel_type": "RBF",
      "kernel_params": [0.5, 0.1, 2.0]}, 1),
    ("svm_linear", ML, "SVMRegressor", [f32(3, 4)],
     {"coefficients": [0.5, -1.0], "support_vectors": [float(v) for v in f32(8)], "n_supports": 2, "rho": [0.3], "kernel_type": "LINEAR",
      "kernel_params": [0.5, 0.1, 2.0]}, 1),
    ("svm_rbf", ML, "SVMRegressor", [f32(3, 4)],
     {"coefficients": [0.5, -1.0], "support_vectors": [float(v) for v in f32(8)], "n_supports": 2, "rho": [0.3], "kernel_type": "RBF",
      "kernel_params": [0.5, 0.1, 2.0]}, 1),
]




def dynamic_lstm(name, directions, batch, *more, dtype=np.int8, columns=False, zeros=0, **attributes):
    """more: biases, lengths, states, peepholes."""
    weights = i8 if dtype == np.int8 else u8
    sides = (directions, 24) if columns else (directions,)
    scales = [f32(*sides, low=0.002, high=0.01), np.full(sides, zeros, dtype)]
    more = [*more, *[None] * (5 - len(more))]
    return (name, MS, "DynamicQuantizeLSTM",
            [f32(5, batch, 3), weights(directions, 3, 24), weights(directions, 6, 24), *more, *scales, *scales],
            {"hidden_size": 6, **attributes}, 3)


CASES += [
    ("rotary_scale", MS, "RotaryEmbedding", [f32(2, 3, 8), np.array([4], np.int64), f32(8, 2), f32(8, 2)], {"scale": 0.5}, 1),
    ("gather_blocks_2_bits", MS, "GatherBlockQuantized", [u8(5, 12), np.array([4, 1], np.int64), f32(5, 3), u8(5, 1)],
     {"block_size": 16, "bits": 2, "quantize_axis": 1, "gather_axis": 0}, 1),
    ("gather_blocks_2_bits_centred", MS, "GatherBlockQuantized", [u8(5, 12), np.array([[4], [1]], np.int64), f32(5, 3)],
     {"block_size": 16, "bits": 2, "quantize_axis": 1, "gather_axis": 0}, 1),
    dynamic_lstm("dynamic_lstm", 1, 1),
    dynamic_lstm("dynamic_lstm_reverse", 1, 2, f32(1, 48), dtype=np.uint8, zeros=120, direction="reverse"),
    dynamic_lstm("dynamic_lstm_columns", 2, 3, f32(2, 48), None, f32(2, 3, 6), f32(2, 3, 6), f32(2, 18), columns=True,
                 direction="bidirectional", clip=2.0),
    dynamic_lstm("dynamic_lstm_lengths", 2, 3, f32(2, 48), np.array([2, 4, 1], np.int32), f32(2, 3, 6), f32(2, 3, 6),
                 columns=True, direction="bidirectional"),
    dynamic_lstm("dynamic_lstm_affine", 1, 1, f32(1, 48), activations=["HardSigmoid", "Tanh", "Affine"],
                 activation_alpha=[0.3, 0.5], activation_beta=[0.4, 0.1], input_forget=1),
]

ACTIVATIONS = [
    ("HardSigmoid", {"alpha": 0.3, "beta": 0.4}), ("Selu", {"alpha": 1.5, "gamma": 1.2}), ("ThresholdedRelu", {"alpha": 0.7}),
    ("Elu", {"alpha": 0.5}), ("Celu", {"alpha": 0.5}), ("Softplus", {}), ("Softsign", {}), ("Tanh", {}), ("Sigmoid", {}),
    ("ScaledTanh", {"alpha": 0.5, "beta": 2.0}), ("ParametricSoftplus", {"alpha": 0.5, "beta": 2.0}),
]
CASES += [(f"fused_gemm_{name}", MS, "FusedGemm", [f32(3, 4), f32(4, 5), f32(5)],
           {"activation": name, **{f"activation_{k}": v for k, v in parameters.items()}}, 1) for name, parameters in ACTIVATIONS]
CASES += [(f"fused_conv_{name}", MS, "FusedConv", [f32(1, 2, 5, 5), f32(3, 2, 3, 3)],
           {"activation": name, **({"activation_params": parameters} if parameters else {})}, 1)
          for name, parameters in [("HardSwish", []), ("HardSigmoid", [0.3, 0.4]), ("Tanh", [])]]


# ONNX Runtime has them up to opset 9.
OLD = {"Affine", "Scale", "ScaledTanh", "ParametricSoftplus", "ImageScaler", "Crop"}


def write(folder, case):
    name, domain, op, inputs, attributes, outputs = case
    wanted = outputs if isinstance(outputs, list) else [1] * outputs
    names = ["" if x is None else f"x{i}" for i, x in enumerate(inputs)]
    results = [f"y{i}" if w else "" for i, w in enumerate(wanted)]
    node = helper.make_node(op, names, results, name=name, domain=domain, **attributes)
    present = [(n, x) for n, x in zip(names, inputs) if n]
    def empty(r):
        return onnx.ValueInfoProto(name=r)
    graph = helper.make_graph(
        [node], name,
        [helper.make_tensor_value_info(n, helper.np_dtype_to_tensor_dtype(x.dtype), x.shape) for n, x in present],
        [empty(r) for r in results if r])
    opsets = [helper.make_opsetid("", 9 if op in OLD else 17), helper.make_opsetid(MS, 1), helper.make_opsetid("ai.onnx.ml", 3)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=8)
    # Its threads share out a batch, and each rounds its part for itself.
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    values = session.run(None, dict(present))
    # The types that ONNX Runtime found, which the reader of cases wants to see.
    for info, found in zip(graph.output, session.get_outputs()):
        value = values[[o.name for o in session.get_outputs()].index(found.name)]
        info.CopyFrom(helper.make_tensor_value_info(info.name, helper.np_dtype_to_tensor_dtype(value.dtype), value.shape))
    model = helper.make_model(graph, opset_imports=opsets, ir_version=8)
    place = pathlib.Path(folder, name)
    data = place / "test_data_set_0"
    data.mkdir(parents=True)
    (place / "model.onnx").write_bytes(model.SerializeToString())
    for kind, tensors in (("input", [x for _, x in present]), ("output", values)):
        for i, tensor in enumerate(tensors):
            (data / f"{kind}_{i}.pb").write_bytes(numpy_helper.from_array(np.asarray(tensor)).SerializeToString())


class RuntimeOperators(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory(prefix="burnish-cases-")
        cls.addClassCleanup(cls.folder.cleanup)
        for case in CASES:
            with_context = f"{case[0]}: {{}}"
            try:
                write(cls.folder.name, case)
            except Exception as error:
                raise RuntimeError(with_context.format(error)) from error

    def run_on(self, where):
        done = subprocess.run([PROGRAM, "test", self.folder.name, "--on", where, "--atol", "1e-5"], capture_output=True,
                              text=True)
        print(f"{where}: {(done.stdout.splitlines() or [''])[-1]}")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_references(self):
        self.run_on("references")

    def test_engine(self):
        self.run_on("engine")


if __name__ == "__main__":
    unittest.main()
