"""Constants whose rank, size and payload disagree."""

from onnx import TensorProto

from corpus import field, floats, ints, model, node, tensor, value, varint

ROW = "tensor_sizes"
T = TensorProto


def make(corpus):
    def constant(name, t, **how):
        corpus.model(ROW, name, model([node("Identity", ["w"])], constants=[t]), **how)

    def raw(name, dtype, dims, size, **how):
        constant(name, tensor("w", dtype, dims, bytes(size)), **how)

    for short, size in {"empty": 0, "one": 1, "less": 15, "more": 17, "twice": 32}.items():
        raw("raw_" + short, T.FLOAT, [4], size)
    raw("raw_for_none", T.FLOAT, [0], 4)
    raw("raw_scalar_long", T.FLOAT, [], 8)
    raw("raw_string", T.STRING, [1], 4)
    # two and four bits: payload = ceil(elements * bits / 8)
    for name, dtype, per in [
        ("i4", T.INT4, 2),
        ("u4", T.UINT4, 2),
        ("f4", T.FLOAT4E2M1, 2),
        ("i2", T.INT2, 4),
        ("u2", T.UINT2, 4),
    ]:
        raw(f"packed_{name}_as_bytes", dtype, [8], 8)
        raw(f"packed_{name}_floor", dtype, [9], 9 // per)
        raw(f"packed_{name}_empty", dtype, [3], 0)
        raw(f"packed_{name}_huge", dtype, [1 << 62], 16)
        raw(f"packed_{name}_wraps", dtype, [1 << 33, 1 << 33], 16)
        raw(f"good_packed_{name}", dtype, [9], -(-9 // per), code=0)
        constant(f"packed_{name}_fields_short", tensor("w", dtype, [9], int32_data=[1]))
        constant(f"packed_{name}_fields_long", tensor("w", dtype, [9], int32_data=[1] * 9))
    dims = {
        "negative": [-1],
        "negative_pair": [-2, -2],
        "minus_five": [4, -5],
        "i64_min": [-(2**63)],
        "big": [1 << 62],
        "i64_max": [2**63 - 1],
        "wraps_to_zero": [1 << 32, 1 << 32],
        "wraps_to_four": [(1 << 62) + 1, 4],
        "wraps_to_small": [1 << 31, 1 << 31, 4],
        "zero_times_big": [0, 1 << 62, 1 << 62],
        "rank_65": [1] * 65,
        "rank_10000": [1] * 10000,
        "many_twos": [2] * 64,
    }
    for name, d in dims.items():
        code = (0, 3) if name == "zero_times_big" else 3
        raw("dims_" + name, T.FLOAT, d, 16, code=3)
        constant(f"dims_{name}_without_data", tensor("w", T.FLOAT, d), code=code)
        constant(f"dims_{name}_strings", tensor("w", T.STRING, d, string_data=[b"a"]))
    raw("good_rank_64", T.FLOAT, [1] * 64, 4, code=0)
    for dtype in (0, -1, 27, 99, 1 << 31, 2**31 - 1):
        graph = field(1, field(1, b"w") + field(2, b"y") + field(4, b"Identity")) + field(12, field(1, b"y"))
        graph += field(5, field(1, 1) + field(2, dtype) + field(8, b"w") + field(9, bytes(4)))
        corpus.model(ROW, f"dtype_{dtype}", field(1, 8) + field(8, field(2, 21)) + field(7, graph))
    constant("fields_short", tensor("w", T.FLOAT, [4], float_data=[1, 2, 3]))
    constant("fields_long", tensor("w", T.FLOAT, [4], float_data=[1] * 5))
    constant("fields_of_another_type", tensor("w", T.FLOAT, [4], int32_data=[1, 2, 3, 4]))
    constant("fields_doubles_for_floats", tensor("w", T.FLOAT, [4], double_data=[1, 2]))
    constant("fields_i64_short", tensor("w", T.INT64, [4], int64_data=[1]))
    constant("fields_strings_short", tensor("w", T.STRING, [4], string_data=[b"a"]))
    constant("fields_none", tensor("w", T.FLOAT, [4]))
    both = tensor("w", T.FLOAT, [4], bytes(16), float_data=[1, 2, 3, 4])
    constant("raw_and_fields", both, code=(0, 3))
    segment = tensor("w", T.FLOAT, [4], bytes(16))
    segment.segment.begin, segment.segment.end = 0, 1 << 62
    constant("segment", segment)
    graph = field(1, field(1, b"w") + field(2, b"y") + field(4, b"Identity")) + field(12, field(1, b"y"))
    graph += field(5, varint(1 << 3) + varint(4) + field(2, 1) + field(8, b"w") + field(4, b"\0" * 15))
    corpus.model(ROW, "floats_with_a_fraction", field(1, 8) + field(8, field(2, 21)) + field(7, graph))

    def sparse(name, values, indices, dims, **how):
        m = model([node("Identity", ["w"])])
        s = m.graph.sparse_initializer.add()
        s.values.CopyFrom(values)
        s.indices.CopyFrom(indices)
        s.dims.extend(dims)
        corpus.model("sparse", name, m, **how)

    sparse("good", floats("w", 2), ints("i", 0, 5), [2, 3], code=0)
    sparse("bomb", floats("w", 1), ints("i", 0), [1 << 40])
    sparse("bomb_strings", tensor("w", T.STRING, [1], string_data=[b"a"]), ints("i", 0), [1 << 28])
    sparse("bomb_of_a_gigabyte", floats("w", 1), ints("i", 0), [1 << 28])
    sparse("wraps", floats("w", 1), ints("i", 0), [1 << 32, 1 << 32])
    sparse("negative_dims", floats("w", 1), ints("i", 0), [-4, -4])
    sparse("index_negative", floats("w", 1), ints("i", -1), [4])
    sparse("index_beyond", floats("w", 1), ints("i", 4), [4])
    sparse("index_huge", floats("w", 1), ints("i", 2**62), [4])
    sparse("indices_fewer", floats("w", 3), ints("i", 0), [4])
    sparse("indices_of_another_rank", floats("w", 2), ints("i", 0, 1, 2, 3, 4, 5, dims=[2, 3]), [4, 4])
    sparse("indices_rank_3", floats("w", 2), ints("i", 0, 1, dims=[2, 1, 1]), [4])
    sparse("indices_are_real", floats("w", 2), floats("i", 2), [4])
    sparse("values_rank_2", floats("w", 2, 1), ints("i", 0, 1), [4])
    sparse("rank_65", floats("w", 1), ints("i", 0), [1] * 65)
    empty = model([node("Identity", ["w"])])
    empty.graph.sparse_initializer.add().dims.extend([4])
    corpus.model("sparse", "nothing", empty)

    # types of inputs and outputs
    for name, d in {"minus_five": -5, "min": -(2**63), "big": 2**62, "max": 2**63 - 1}.items():
        how = {"code": (0, 3)} if name in ("minus_five", "min") else {}
        corpus.model(
            "types", f"input_dim_{name}", model([node("Relu", ["x"])], inputs=[value("x", dims=[d, 4])]), **how
        )
        corpus.model(
            "types", f"hint_dim_{name}", model([node("Relu", ["x"])], outputs=[value("y", dims=[d, 4])]), code=(0, 3)
        )
    big = [value("x", dims=[1 << 39, 1 << 39, 1 << 39])]
    corpus.model("types", "input_product", model([node("Reshape", ["x", "s"])], inputs=big, constants=[ints("s", -1)]))
    corpus.model("types", "input_rank_65", model([node("Relu", ["x"])], inputs=[value("x", dims=[1] * 65)]))
    corpus.model("types", "input_rank_100000", model([node("Relu", ["x"])], inputs=[value("x", dims=[1] * 100000)]))
    for t in (0, 27, 1000, -1):
        corpus.model("types", f"input_dtype_{t}", model([node("Relu", ["x"])], inputs=[value("x", t)]))
    corpus.model("types", "input_is_string", model([node("Relu", ["x"])], inputs=[value("x", T.STRING)]))
