"""Attributes and operands that shape inference, folding and kernels must not believe."""

from onnx import TensorProto, helper

from corpus import RUN, floats, ints, model, node, tensor, value

HUGE = 2**62
MAX = 2**63 - 1
MIN = -(2**63)


def make(corpus):
    row = "inference"

    def case(name, n, constants=(), dims=(1, 4, 8, 8), dtype=TensorProto.FLOAT, **how):
        nodes = n if isinstance(n, list) else [n]
        corpus.model(row, name, model(nodes, inputs=[value("x", dtype, dims)], constants=constants), **how)

    # ranks
    w = floats("w", 4, 4, 3, 3)
    case("conv_rank_1_input", node("Conv", ["x", "w"]), [w], dims=[4])
    case("conv_scalar_input", node("Conv", ["x", "w"]), [w], dims=[])
    case("conv_rank_1_weight", node("Conv", ["x", "w"]), [floats("w", 4)])
    case("conv_scalar_weight", node("Conv", ["x", "w"]), [floats("w")])
    case("conv_rank_differs", node("Conv", ["x", "w"]), [floats("w", 4, 4, 3)])
    case("conv_bias_rank", node("Conv", ["x", "w", "b"]), [w, floats("b", 4, 4)])
    case("conv_bias_size", node("Conv", ["x", "w", "b"]), [w, floats("b", 5)])
    case("conv_channels", node("Conv", ["x", "w"]), [floats("w", 4, 5, 3, 3)])
    case("conv_empty_weight", node("Conv", ["x", "w"]), [floats("w", 0, 4, 3, 3)], code=(0, 3))
    for name, group in {"zero": 0, "negative": -1, "more": 5, "huge": HUGE, "min": MIN}.items():
        case("conv_group_" + name, node("Conv", ["x", "w"], group=group), [w])
    for key, length in (("strides", 2), ("dilations", 2), ("pads", 4), ("kernel_shape", 2)):
        for name, v in {"zero": 0, "negative": -1, "huge": HUGE, "max": MAX, "min": MIN, "i32": 2**31}.items():
            if (key, name) == ("pads", "zero"):
                continue
            if (key, name) == ("pads", "negative"):
                continue  # crops
            code = (0, 3) if key == "strides" and name in ("huge", "max", "i32") else 3
            case(f"conv_{key}_{name}", node("Conv", ["x", "w"], **{key: [v] * length}), [w], code=code)
            k = [2, 2] if key != "kernel_shape" else [v, v]
            if key in ("strides", "pads", "kernel_shape", "dilations"):
                more = {key: [v] * length} if key != "kernel_shape" else {}
                case(f"maxpool_{key}_{name}", node("MaxPool", ["x"], kernel_shape=k, **more), code=code)
        for name, n in {"none": 0, "short": length - 1, "long": length + 1, "very_long": 100000}.items():
            if (key, name) == ("kernel_shape", "none"):
                continue
            how = {"code": (0, 3)} if name == "none" else {}
            case(f"conv_{key}_{name}", node("Conv", ["x", "w"], **{key: [1] * n}), [w], **how)
    case("conv_auto_pad", node("Conv", ["x", "w"], auto_pad="EVERYWHERE"), [w])
    case("conv_transpose_output_shape", node("ConvTranspose", ["x", "w"], output_shape=[HUGE, HUGE]), [w])
    case("conv_transpose_strides", node("ConvTranspose", ["x", "w"], strides=[HUGE, HUGE]), [w])
    case("conv_transpose_output_padding", node("ConvTranspose", ["x", "w"], output_padding=[HUGE, HUGE]), [w])
    case("conv_transpose_negative_padding", node("ConvTranspose", ["x", "w"], output_padding=[-5, -5]), [w])
    case("lrn_size", node("LRN", ["x"], size=-3))
    case("lrn_size_huge", node("LRN", ["x"], size=MAX), code=(0, 3))
    case("max_unpool_shape", node("MaxUnpool", ["x", "x"], kernel_shape=[HUGE, 2]))
    case("roi_pool", node("MaxRoiPool", ["x", "r"], pooled_shape=[HUGE, HUGE]), [floats("r", 1, 5)])
    case("roi_pool_negative", node("MaxRoiPool", ["x", "r"], pooled_shape=[-1, -1]), [floats("r", 1, 5)])
    case(
        "roi_align_size",
        node("RoiAlign", ["x", "r", "i"], output_height=HUGE, output_width=HUGE),
        [floats("r", 1, 4), ints("i", 0)],
    )
    # matrix products
    case("gemm_rank_1", node("Gemm", ["x", "w"]), [floats("w", 4)], dims=[4])
    case("gemm_rank_3", node("Gemm", ["x", "w"]), [floats("w", 4, 4, 4)], dims=[4, 4])
    case("gemm_scalar", node("Gemm", ["x", "w"]), [floats("w")], dims=[])
    case("gemm_sizes", node("Gemm", ["x", "w"]), [floats("w", 5, 4)], dims=[4, 4])
    case("gemm_bias", node("Gemm", ["x", "w", "c"]), [floats("w", 4, 4), floats("c", 3, 3)], dims=[4, 4])
    case("matmul_scalar", node("MatMul", ["x", "w"]), [floats("w")], dims=[4, 4])
    case("matmul_sizes", node("MatMul", ["x", "w"]), [floats("w", 5, 4)], dims=[4, 4])
    case("matmul_batches", node("MatMul", ["x", "w"]), [floats("w", 3, 4, 4)], dims=[2, 4, 4])
    for op, gates in (("LSTM", 4), ("GRU", 3), ("RNN", 1)):
        for name, hidden in {"zero": 0, "negative": -8, "huge": HUGE, "more": 9}.items():
            case(
                f"{op.lower()}_hidden_{name}",
                node(op, ["x", "w", "r"], hidden_size=hidden),
                [floats("w", 1, gates * 8, 4), floats("r", 1, gates * 8, 8)],
                dims=[3, 1, 4],
                code=(0, 3),
            )
        case(
            f"{op.lower()}_rank_1",
            node(op, ["x", "w", "r"], hidden_size=8),
            [floats("w", 32), floats("r", 32)],
            dims=[3, 1, 4],
        )
        case(
            f"{op.lower()}_scalar",
            node(op, ["x", "w", "r"], hidden_size=8),
            [floats("w", 1, gates * 8, 4), floats("r", 1, gates * 8, 8)],
            dims=[],
        )
        case(
            f"{op.lower()}_bias",
            node(op, ["x", "w", "r", "b"], hidden_size=8),
            [floats("w", 1, gates * 8, 4), floats("r", 1, gates * 8, 8), floats("b", 1, 3)],
            dims=[3, 1, 4],
        )
        case(
            f"{op.lower()}_activations",
            node(op, ["x", "w", "r"], hidden_size=8, activations=["Evil"] * 3),
            [floats("w", 1, gates * 8, 4), floats("r", 1, gates * 8, 8)],
            dims=[3, 1, 4],
        )
    # axes
    for name, axis in {"beyond": 4, "below": -5, "max": MAX, "min": MIN}.items():
        for op, more in {
            "Softmax": {},
            "Concat": {},
            "ArgMax": {},
            "LayerNormalization": {},
            "Split": {"num_outputs": 1},
            "Gather": {},
            "Hardmax": {},
            "LogSoftmax": {},
            "Compress": {},
            "GatherElements": {},
            "TopK": {},
            "LpNormalization": {},
        }.items():
            inputs = {
                "LayerNormalization": ["x", "s"],
                "Gather": ["x", "i"],
                "Compress": ["x", "b"],
                "GatherElements": ["x", "i"],
                "TopK": ["x", "k"],
            }.get(op, ["x"])
            outputs = ["y", "z"] if op == "TopK" else ["y"]
            constants = [floats("s", 8), ints("i", 0), tensor("b", TensorProto.BOOL, [1], b"\1"), ints("k", 1)]
            case(
                f"axis_{name}_{op.lower()}",
                node(op, inputs, outputs, axis=axis, **more),
                [c for c in constants if c.name in inputs],
            )
        case(f"axis_{name}_flatten", node("Flatten", ["x"], axis=axis + (1 if name == "beyond" else 0)))
        case(f"axis_{name}_squeeze", node("Squeeze", ["x", "a"]), [ints("a", axis)])
        case(
            f"axis_{name}_unsqueeze",
            node("Unsqueeze", ["x", "a"]),
            [ints("a", axis - (1 if name == "below" else -1) if abs(axis) < 9 else axis)],
        )
        case(f"axis_{name}_reduce", node("ReduceSum", ["x", "a"]), [ints("a", axis)])
        case(f"axis_{name}_cumsum", node("CumSum", ["x", "a"]), [ints("a", axis, dims=[])])
        case(f"axis_{name}_dft", node("DFT", ["x", "", "a"]), [ints("a", axis, dims=[])])
        case(
            f"axis_{name}_quantize",
            node("DequantizeLinear", ["q", "s"], axis=axis),
            [tensor("q", TensorProto.INT8, [1, 4, 8, 8], bytes(256)), floats("s", 4)],
        )
    case("axes_twice", node("ReduceSum", ["x", "a"]), [ints("a", 1, 1)])
    case("axes_million", node("Unsqueeze", ["x", "a"]), [ints("a", *range(100000))])
    case("transpose_beyond", node("Transpose", ["x"], perm=[0, 1, 2, 9]))
    case("transpose_negative", node("Transpose", ["x"], perm=[0, 1, 2, -1]))
    case("transpose_twice", node("Transpose", ["x"], perm=[0, 1, 1, 2]))
    case("transpose_short", node("Transpose", ["x"], perm=[0, 1]))
    # shapes as data
    for name, shape in {
        "negative": [-2, 4],
        "two_unknown": [-1, -1],
        "wraps": [1 << 32, 1 << 32],
        "huge": [HUGE, 4],
        "wrong": [7],
        "min": [MIN],
        "zero_unknown": [0, -1, 0],
        "million": [1] * 100000,
        "rank_65": [1] * 64 + [256],
    }.items():
        case(
            "reshape_" + name,
            node("Reshape", ["x", "s"]),
            [ints("s", *shape)],
            code=(0, 3) if name in ("zero_unknown", "million", "rank_65") else 3,
        )
    case("reshape_scalar_shape", node("Reshape", ["x", "s"]), [ints("s", 256, dims=[])])
    case("reshape_matrix_shape", node("Reshape", ["x", "s"]), [ints("s", 256, 1, dims=[1, 2])])
    case("reshape_real_shape", node("Reshape", ["x", "s"]), [floats("s", 2)])
    for name, starts, ends, steps in [("step_zero", [0], [4], [0]), ("lists_differ", [0, 0], [4], [1])]:
        case(
            "slice_" + name,
            node("Slice", ["x", "a", "b", "c", "d"]),
            [ints("a", *starts), ints("b", *ends), ints("c", 1), ints("d", *steps)],
        )
    case(
        "slice_extremes",
        node("Slice", ["x", "a", "b", "c", "d"]),
        [ints("a", MAX), ints("b", MIN), ints("c", 1), ints("d", MIN)],
        code=0,
    )
    case(
        "slice_step_max",
        node("Slice", ["x", "a", "b", "c", "d"]),
        [ints("a", MIN), ints("b", MAX), ints("c", 1), ints("d", MAX)],
        code=(0, 3),
    )
    case("slice_axis", node("Slice", ["x", "a", "b", "c"]), [ints("a", 0), ints("b", 1), ints("c", 99)])
    case("slice_axis_twice", node("Slice", ["x", "a", "b", "c"]), [ints("a", 0, 0), ints("b", 1, 1), ints("c", 1, 1)])
    for name, pads in {
        "huge": [0, 0, 0, 0, 0, 0, 0, HUGE],
        "wraps": [0, 0, 0, MAX, 0, 0, 0, MAX],
        "short": [1],
        "long": [1] * 9,
        "too_negative": [0, 0, 0, -5, 0, 0, 0, -5],
        "min": [0, 0, 0, MIN, 0, 0, 0, 0],
    }.items():
        case("pad_" + name, node("Pad", ["x", "p"]), [ints("p", *pads)])
    case(
        "pad_reflect_too_far",
        node("Pad", ["x", "p"], mode="reflect"),
        [ints("p", 0, 0, 0, 100, 0, 0, 0, 0)],
        code=(0, 3),
    )
    case("pad_mode", node("Pad", ["x", "p"], mode="evil"), [ints("p", *[0] * 8)])
    for name, parts in {"negative": [-1, 5], "sum": [1, 1], "wraps": [HUGE, HUGE, HUGE, HUGE, 4], "count": [4]}.items():
        case(
            "split_" + name,
            node("Split", ["x", "s"], [f"y{i}" for i in range(2 if name == "count" else len(parts))], axis=1),
            [ints("s", *parts)],
        )
    case("split_zero_outputs", node("Split", ["x"], ["y"], num_outputs=0, axis=1))
    case("split_million", node("Split", ["x"], [f"y{i}" for i in range(1000)], num_outputs=1000, axis=1), code=(0, 3))
    case("space_to_depth", node("SpaceToDepth", ["x"], blocksize=0))
    case("space_to_depth_huge", node("SpaceToDepth", ["x"], blocksize=1 << 32))
    case("depth_to_space", node("DepthToSpace", ["x"], blocksize=0))
    case("depth_to_space_negative", node("DepthToSpace", ["x"], blocksize=-2))
    case("depth_to_space_huge", node("DepthToSpace", ["x"], blocksize=1 << 31))
    for name, k in {"negative": -1, "beyond": 9, "max": MAX}.items():
        case("topk_" + name, node("TopK", ["x", "k"], ["y", "z"]), [ints("k", k)])
    case("topk_two", node("TopK", ["x", "k"], ["y", "z"]), [ints("k", 1, 2)])
    case("einsum_empty", node("Einsum", ["x"], equation=""), code=(0, 3))
    for name, equation in {
        "garbage": "a->b->c",
        "long": "a" * 10000 + "->",
        "many": ",".join("a" * 1000),
        "letters": "\xff->a",
        "dots": "......->",
        "rank": "ab->ab",
        "out_twice": "abcd->aa",
        "unknown_out": "abcd->z",
    }.items():
        case("einsum_" + name, node("Einsum", ["x"], equation=equation))
    case("cast_to", node("Cast", ["x"], to=999))
    case("cast_to_negative", node("Cast", ["x"], to=-1))
    case("eye_like", node("EyeLike", ["x"]))
    case("trilu_rank", node("Trilu", ["x"]), dims=[4])
    case("det_rank", node("Det", ["x"]), dims=[4])
    case("det_not_square", node("Det", ["x"]), dims=[3, 4])
    case("batch_norm_sizes", node("BatchNormalization", ["x", "s", "s", "s", "s"]), [floats("s", 3)])
    case("batch_norm_rank", node("BatchNormalization", ["x", "s", "s", "s", "s"]), [floats("s", 4, 1)])
    case("group_norm_groups", node("GroupNormalization", ["x", "s", "s"], num_groups=0), [floats("s", 4)])
    case("group_norm_groups_huge", node("GroupNormalization", ["x", "s", "s"], num_groups=MAX), [floats("s", 4)])
    case("attention_heads", node("Attention", ["x", "x", "x"], q_num_heads=0, kv_num_heads=0), dims=[1, 4, 8])
    case("attention_heads_huge", node("Attention", ["x", "x", "x"], q_num_heads=HUGE, kv_num_heads=3), dims=[1, 4, 8])
    case(
        "scatter_nd_indices",
        node("ScatterND", ["x", "i", "u"]),
        [ints("i", 99, dims=[1, 1]), floats("u", 1, 4, 8, 8)],
        command=RUN,
        code=(0, 3),
    )
    case("scatter_nd_rank", node("ScatterND", ["x", "i", "u"]), [ints("i", *[0] * 9, dims=[1, 9]), floats("u", 1)])
    case("gather_nd_rank", node("GatherND", ["x", "i"]), [ints("i", *[0] * 9, dims=[1, 9])])
    case("gather_nd_batch", node("GatherND", ["x", "i"], batch_dims=99), [ints("i", 0, dims=[1, 1])])
    case("gather_nd_batch_negative", node("GatherND", ["x", "i"], batch_dims=-1), [ints("i", 0, dims=[1, 1])])
    case("gather_beyond", node("Gather", ["x", "i"], axis=1), [ints("i", 4)], command=RUN)
    case("gather_far_below", node("Gather", ["x", "i"], axis=1), [ints("i", MIN)], command=RUN)
    case(
        "scatter_elements_beyond",
        node("ScatterElements", ["x", "i", "u"], axis=1),
        [ints("i", HUGE, dims=[1, 1, 1, 1]), floats("u", 1, 1, 1, 1)],
        command=RUN,
        code=(0, 3),
    )
    case("center_crop", node("CenterCropPad", ["x", "s"]), [ints("s", HUGE, HUGE, HUGE, HUGE)], code=(0, 3))
    case("center_crop_negative", node("CenterCropPad", ["x", "s"]), [ints("s", -1, -1, -1, -1)], code=(0, 3))
    case("affine_grid", node("AffineGrid", ["t", "s"]), [floats("t", 1, 2, 3), ints("s", 1, 1, 1 << 30, 1 << 30)])
    case("affine_grid_negative", node("AffineGrid", ["t", "s"]), [floats("t", 1, 2, 3), ints("s", 1, 1, -5, -5)])
    case("grid_sample_rank", node("GridSample", ["x", "g"]), [floats("g", 1, 2, 2, 3)])
    case("dft_length", node("DFT", ["x", "n"]), [ints("n", HUGE, dims=[])], dims=[1, 8, 1], code=(0, 3))
    case("dft_length_negative", node("DFT", ["x", "n"]), [ints("n", -8, dims=[])], dims=[1, 8, 1])
    case(
        "stft_step_zero",
        node("STFT", ["x", "s", "", "l"]),
        [ints("s", 0, dims=[]), ints("l", 4, dims=[])],
        dims=[1, 64, 1],
    )
    case(
        "stft_step_negative",
        node("STFT", ["x", "s", "", "l"]),
        [ints("s", -1, dims=[]), ints("l", 4, dims=[])],
        dims=[1, 64, 1],
    )
    case(
        "stft_length",
        node("STFT", ["x", "s", "", "l"]),
        [ints("s", 1, dims=[]), ints("l", HUGE, dims=[])],
        dims=[1, 64, 1],
    )
    case("hann_window", node("HannWindow", ["n"]), [ints("n", HUGE, dims=[])], code=(0, 3))
    case("hann_window_negative", node("HannWindow", ["n"]), [ints("n", -4, dims=[])], code=(0, 3))
    case(
        "mel_matrix",
        node("MelWeightMatrix", ["a", "b", "c", "d", "e"]),
        [ints("a", HUGE, dims=[]), ints("b", HUGE, dims=[]), ints("c", 8000, dims=[]), floats("d"), floats("e")],
        code=(0, 3),
    )
    case("nonmax_rank", node("NonMaxSuppression", ["x", "x"]))
    case(
        "tfidf_pools",
        node(
            "TfIdfVectorizer",
            ["i"],
            max_gram_length=HUGE,
            max_skip_count=HUGE,
            min_gram_length=1,
            mode="TF",
            ngram_counts=[0, 99],
            ngram_indexes=[0, -1],
            pool_int64s=[1],
        ),
        [ints("i", 1)],
    )
    case(
        "tfidf_indexes",
        node(
            "TfIdfVectorizer",
            ["i"],
            max_gram_length=1,
            max_skip_count=0,
            min_gram_length=1,
            mode="TF",
            ngram_counts=[0],
            ngram_indexes=[HUGE],
            pool_int64s=[1],
        ),
        [ints("i", 1)],
    )
    case(
        "regex",
        node("RegexFullMatch", ["s"], pattern="(" * 1000 + "a" + ")*" * 1000),
        [tensor("s", TensorProto.STRING, [1], string_data=[b"a"])],
    )
    case(
        "regex_counts",
        node("RegexFullMatch", ["s"], pattern="((a{1000}){1000}){1000}"),
        [tensor("s", TensorProto.STRING, [1], string_data=[b"a" * 1000])],
    )
    case(
        "string_normalizer",
        node("StringNormalizer", ["s"], locale="evil\0", case_change_action="SIDEWAYS"),
        [tensor("s", TensorProto.STRING, [1], string_data=[b"a"])],
    )
    case("multinomial", node("Multinomial", ["x"], sample_size=HUGE), dims=[1, 4])
    case("random_normal", node("RandomNormal", [], shape=[HUGE]))
    case("random_negative", node("RandomUniform", [], shape=[-5]))
    case("bernoulli_dtype", node("Bernoulli", ["x"], dtype=99))
    case("quantize_block", node("QuantizeLinear", ["x", "s"], axis=1, block_size=-2), [floats("s", 1, 2, 8, 8)])
    case("quantize_block_huge", node("QuantizeLinear", ["x", "s"], axis=1, block_size=MAX), [floats("s", 1, 2, 8, 8)])
    case(
        "quantize_zero_point_size",
        node("QuantizeLinear", ["x", "s", "z"]),
        [floats("s", 4), tensor("z", TensorProto.UINT8, [3], bytes(3))],
    )
    case(
        "bit_shift",
        node("BitShift", ["a", "b"], direction="UP"),
        [tensor("a", TensorProto.UINT8, [1], b"\1"), tensor("b", TensorProto.UINT8, [1], b"\xff")],
    )
    case(
        "reverse_sequence",
        node("ReverseSequence", ["x", "n"]),
        [ints("n", 1 << 40)],
        dims=[4, 1],
        command=RUN,
        code=(0, 3),
    )
    case(
        "reverse_sequence_axes",
        node("ReverseSequence", ["x", "n"], batch_axis=9, time_axis=-9),
        [ints("n", 1)],
        dims=[4, 1],
    )
    case("upsample", node("Upsample", ["x", "s"]), [floats("s", 4)])
    case("nll_loss_rank", node("NegativeLogLikelihoodLoss", ["x", "i"]), [ints("i", 0)])
    case("blackman_dtype", node("BlackmanWindow", ["n"], output_datatype=99), [ints("n", 4, dims=[])])
    case("concat_ranks", node("Concat", ["x", "w"], axis=0), [floats("w", 4)])
    case("concat_sizes", node("Concat", ["x", "w"], axis=0), [floats("w", 1, 4, 8, 9)])
    case("add_sizes", node("Add", ["x", "w"]), [floats("w", 3)])
    case("where_dtypes", node("Where", ["x", "x", "x"]))
    case("expand_backwards", node("Expand", ["x", "s"]), [ints("s", 1, 3, 8, 8)])
    case(
        "image_decoder",
        node("ImageDecoder", ["b"]),
        [tensor("b", TensorProto.UINT8, [4], b"\xff\xd8\xff\xe0")],
        command=RUN,
    )

    def microsoft(name, op, inputs, constants, dims=(4, 32), **attributes):
        n = helper.make_node(op, inputs, ["y"], domain="com.microsoft", **attributes)
        corpus.model(row, name, model([n], inputs=[value("x", dims=dims)], constants=constants))

    b = tensor("b", TensorProto.UINT8, [8, 1, 16], bytes(128))
    for name, more in {
        "n": {"N": HUGE},
        "k": {"K": HUGE},
        "block": {"block_size": 0},
        "block_negative": {"block_size": -32},
        "block_huge": {"block_size": HUGE},
        "bits": {"bits": 99},
        "bits_zero": {"bits": 0},
        "n_negative": {"N": -8},
    }.items():
        attributes = {"N": 8, "K": 32, "bits": 4, "block_size": 32, **more}
        microsoft("matmul_nbits_" + name, "MatMulNBits", ["x", "b", "s"], [b, floats("s", 8)], **attributes)
    for name, kind in {"fp4": 0, "nf4": 1}.items():
        for what, more in {"n": {"N": HUGE}, "both": {"N": 1 << 30, "K": 1 << 30}, "block": {"block_size": 0}}.items():
            attributes = {"N": 8, "K": 32, "block_size": 32, "quant_type": kind, **more}
            flat = tensor("b", TensorProto.UINT8, [128], bytes(128))
            microsoft(f"matmul_{name}_{what}", "MatMulBnb4", ["x", "b", "s"], [flat, floats("s", 8)], **attributes)
    microsoft(
        "ms_attention_bias_scalar",
        "MultiHeadAttention",
        ["x", "x", "x", "c"],
        [floats("c")],
        dims=(1, 4, 32),
        num_heads=2,
    )
    microsoft("rotary_table_scalar", "RotaryEmbedding", ["x", "i", "c", "c"], [ints("i", 0), floats("c")], dims=(1, 4, 64))
    table, scales = tensor("b", TensorProto.UINT8, [4, 16], bytes(64)), floats("s", 4, 1)
    microsoft(
        "gather_block_zeros_rank",
        "GatherBlockQuantized",
        ["b", "i", "s", "z"],
        [table, scales, ints("i", 0, dims=[]), tensor("z", TensorProto.UINT8, [4], bytes(4))],
        block_size=32,
        bits=4,
    )
    microsoft(
        "group_query_heads_huge",
        "GroupQueryAttention",
        ["x", "", "", "", "", "n", "t"],
        [tensor("n", TensorProto.INT32, [1], bytes(4)), tensor("t", TensorProto.INT32, [], bytes(4))],
        dims=(1, 4, 64),
        num_heads=HUGE,
        kv_num_heads=HUGE,
    )
    text = TensorProto.STRING
    corpus.model(
        row,
        "ms_attention_of_text",
        model(
            [
                helper.make_node(
                    "MultiHeadAttention", ["x", "x", "x", "", "m"], ["y"], domain="com.microsoft", num_heads=2
                )
            ],
            inputs=[value("x", text, (1, 2, 4))],
            constants=[tensor("m", TensorProto.INT32, [1, 2], bytes(8))],
        ),
    )
    corpus.model(
        row,
        "dropout_mask_of_text",
        model([node("Dropout", ["x"], ["y", "mask"])], inputs=[value("x", text, (2,))], opset=9),
    )
    for name, dtype, inner in (
        ("state", TensorProto.FLOAT, node("Cast", ["a"], ["b"], to=TensorProto.INT64)),
        ("text", text, node("Identity", ["a"], ["b"])),
    ):
        body = helper.make_graph(
            [inner, helper.make_node("Identity", ["p"], ["q"])],
            "body",
            [helper.make_tensor_value_info("a", dtype, [3]), helper.make_tensor_value_info("p", dtype, [3])],
            [helper.make_empty_tensor_value_info("b"), helper.make_empty_tensor_value_info("q")],
        )
        corpus.model(
            row,
            "scan_8_lengths_" + name,
            model(
                [node("Scan", ["n", "s", "x"], ["y", "z"], body=body, num_scan_inputs=1)],
                inputs=[
                    value("n", TensorProto.INT64, (2,)), value("s", dtype, (2, 3)), value("x", dtype, (2, 5, 3))
                ],
                opset=8,
            ),
            code=(0, 3),
        )
    for name, pattern in {"folded": "(?i)[" + r"\D" * 75000 + "]", "quoted": r"\Q" + "x" * 4_000_000}.items():
        corpus.model(
            row,
            "regex_" + name,
            model([node("RegexFullMatch", ["x"], pattern=pattern)], inputs=[value("x", text, (2,))], opset=20),
            code=0 if name == "folded" else 3,
        )
    microsoft(
        "ms_attention_heads",
        "Attention",
        ["x", "w", "c"],
        [floats("w", 32, 96), floats("c", 96)],
        dims=(1, 4, 32),
        num_heads=0,
    )
    microsoft(
        "ms_attention_heads_huge",
        "Attention",
        ["x", "w", "c"],
        [floats("w", 32, 96), floats("c", 96)],
        dims=(1, 4, 32),
        num_heads=HUGE,
    )
