"""Small files that ask for much: memory, folding, iterations."""

from onnx import TensorProto, helper

from corpus import BUILD, RUN, SMALL_RUN, floats, ints, model, node, tensor, value
from structure import graph

I64, BOOL = TensorProto.INT64, TensorProto.BOOL
ROW = "bombs"


def make(corpus):
    def case(name, nodes, constants=(), commands=("build", "run"), build=0, run=3, **more):
        """Builds or is refused; a run is refused. The input is one number, so that nothing else takes memory."""
        nodes = nodes if isinstance(nodes, list) else [nodes]
        more.setdefault("inputs", [value("x", dims=[1])])
        m = model(nodes, constants=constants, **more)
        if "build" in commands:
            corpus.model(ROW, name + "_build", m, command=BUILD, code=build)
        if "run" in commands:
            corpus.model(ROW, name + "_run", m, command=SMALL_RUN, code=run)

    one = tensor("one", TensorProto.FLOAT, [1], b"\0\0\x80\x3f")
    # Expand, Tile, ConstantOfShape, Range, Pad, Resize, OneHot: a few bytes that become a tebibyte
    for name, shape in {"gib4": [1 << 30], "tib": [1 << 20, 1 << 18], "pib": [1 << 24, 1 << 24]}.items():
        build = 0 if name == "gib4" else (0, 3)
        case(f"expand_{name}", node("Expand", ["one", "s"]), [one, ints("s", *shape)], build=build)
        case(f"expand_input_{name}", node("Expand", ["x", "s"]), [ints("s", *shape)], build=build)
        case(f"constant_of_shape_{name}", node("ConstantOfShape", ["s"]), [ints("s", *shape)], build=build)
        case(
            f"tile_{name}",
            node("Tile", ["one", "s"]),
            [floats("one", *[1] * len(shape)), ints("s", *shape)],
            build=build,
        )
        case(f"random_{name}", node("RandomNormal", [], shape=shape), build=build)
        case(
            f"one_hot_{name}",
            node("OneHot", ["i", "d", "v"]),
            [ints("i", *[0] * 4), ints("d", shape[0] * (shape[1] if len(shape) > 1 else 1), dims=[]), floats("v", 2)],
            build=build,
        )
    for name, shape in {
        "wraps": [1 << 32, 1 << 32],
        "wraps_to_four": [1 << 62, 1 << 62, 4],
        "max": [2**63 - 1],
        "negative": [-5],
        "min": [-(2**63)],
        "two_to_62": [1 << 62],
        "million_dims": [1] * 100000,
    }.items():
        case(f"expand_{name}", node("Expand", ["one", "s"]), [one, ints("s", *shape)], build=(0, 3))
        case(f"constant_of_shape_{name}", node("ConstantOfShape", ["s"]), [ints("s", *shape)], build=(0, 3))
        case(
            f"tile_{name}",
            node("Tile", ["one", "s"]),
            [floats("one", *[1] * min(len(shape), 60)), ints("s", *shape)],
            build=(0, 3),
        )
    zeros = tensor("z", I64, [3], int64_data=[0, 1 << 40, 1 << 40])
    case("constant_of_shape_zero_and_huge", node("ConstantOfShape", ["z"]), [zeros], build=(0, 3), run=(0, 3))

    def scalar(name, number, dtype=I64):
        return (
            tensor(name, dtype, [], int64_data=[number])
            if dtype == I64
            else tensor(name, dtype, [], float_data=[number])
        )

    for name, (a, b, c) in {
        "gib8": (0, 1 << 30, 1),
        "all": (-(2**63), 2**63 - 1, 1),
        "down": (2**63 - 1, -(2**63), -1),
        "wraps": (-(2**63), 2**63 - 1, 2),
    }.items():
        case(
            f"range_{name}",
            node("Range", ["a", "b", "c"]),
            [scalar("a", a), scalar("b", b), scalar("c", c)],
            build=0 if name == "gib8" else (0, 3),
        )
    case(
        "range_step_zero",
        node("Range", ["a", "b", "c"]),
        [scalar("a", 0), scalar("b", 10), scalar("c", 0)],
        build=(0, 3),
    )
    for name, step in {"tiny": 1e-30, "nan": float("nan"), "infinite": float("-inf")}.items():
        case(
            f"range_real_{name}",
            node("Range", ["a", "b", "c"]),
            [scalar("a", 0.0, 1), scalar("b", 1.0, 1), scalar("c", step, 1)],
            build=(0, 3),
            run=(0, 3),
        )
    case(
        "range_real_end_infinite",
        node("Range", ["a", "b", "c"]),
        [scalar("a", 0.0, 1), scalar("b", float("inf"), 1), scalar("c", 1.0, 1)],
        build=(0, 3),
    )
    image = [value("x", dims=[1, 1, 2, 2])]
    case("pad", node("Pad", ["x", "p"]), [ints("p", 0, 0, 1 << 16, 1 << 15, 0, 0, 0, 0)], inputs=image)
    case("pad_constant", node("Pad", ["w", "p"]), [floats("w", 2), ints("p", 0, 1 << 30)])
    case("pad_reflect", node("Pad", ["x", "p"], mode="wrap"), [ints("p", 0, 0, 0, 1 << 30, 0, 0, 0, 0)], inputs=image)
    for mode in ("nearest", "linear", "cubic"):
        case(
            f"resize_{mode}",
            node("Resize", ["x", "", "", "s"], mode=mode),
            [ints("s", 1, 1, 1 << 16, 1 << 14)],
            inputs=image,
        )
    case(
        "resize_scales",
        node("Resize", ["x", "", "s"]),
        [tensor("s", 1, [4], float_data=[1, 1, 1e9, 1e9])],
        inputs=image,
        build=(0, 3),
    )
    for name, s in {
        "nan": float("nan"),
        "infinite": float("inf"),
        "negative": -1.0,
        "zero": 0.0,
        "tiny": 1e-40,
    }.items():
        case(
            f"resize_scale_{name}",
            node("Resize", ["x", "", "s"]),
            [tensor("s", 1, [4], float_data=[1, 1, s, s])],
            inputs=image,
            build=(0, 3),
            run=(0, 3) if name in ("tiny", "zero") else 3,
        )
    case("resize_negative", node("Resize", ["x", "", "", "s"]), [ints("s", 1, 1, -5, -5)], inputs=image, build=3)
    case(
        "resize_overflow",
        node("Resize", ["x", "", "", "s"]),
        [ints("s", 1, 1, 1 << 62, 1 << 62)],
        inputs=image,
        build=3,
    )
    case(
        "upsample",
        node("Upsample", ["x", "s"]),
        [tensor("s", 1, [4], float_data=[1, 1, 1e5, 1e4])],
        inputs=image,
        opset=9,
    )
    case(
        "one_hot_negative",
        node("OneHot", ["i", "d", "v"]),
        [ints("i", 0), ints("d", -1, dims=[]), floats("v", 2)],
        build=3,
    )
    case(
        "one_hot_huge",
        node("OneHot", ["i", "d", "v"]),
        [ints("i", 0), ints("d", 1 << 62, dims=[]), floats("v", 2)],
        build=3,
    )
    case("eye_like", [node("ConstantOfShape", ["s"], ["e"]), node("EyeLike", ["e"])], [ints("s", 1 << 15, 1 << 15)])
    case("hann_window", node("HannWindow", ["n"]), [ints("n", 1 << 31, dims=[])])
    case(
        "mel_matrix",
        node("MelWeightMatrix", ["a", "b", "c", "d", "e"]),
        [
            ints("a", 1 << 16, dims=[]),
            ints("b", 1 << 16, dims=[]),
            ints("c", 8000, dims=[]),
            tensor("d", 1, [], float_data=[0.0]),
            tensor("e", 1, [], float_data=[4000.0]),
        ],
        build=(0, 3),
    )
    case(
        "gather_outer",
        node("Gather", ["w", "i"]),
        [floats("w", 1, 1 << 10), ints("i", *[0] * (1 << 14), dims=[1 << 7, 1 << 7])],
        commands=("build",),
    )
    case(
        "non_zero",
        [node("ConstantOfShape", ["s"], ["c"], value=tensor("v", 1, [1], b"\0\0\x80\x3f")), node("NonZero", ["c"])],
        [ints("s", 1 << 28)],
    )
    case(
        "outer_product",
        [node("ConstantOfShape", ["s"], ["c"]), node("ConstantOfShape", ["t"], ["d"]), node("MatMul", ["c", "d"])],
        [ints("s", 1 << 16, 1), ints("t", 1, 1 << 16)],
    )
    case("affine_grid", node("AffineGrid", ["t", "s"]), [floats("t", 1, 2, 3), ints("s", 1, 1, 1 << 15, 1 << 14)])
    case(
        "space",
        node("MaxUnpool", ["x", "i", "s"], kernel_shape=[2, 2]),
        [tensor("i", I64, [1, 1, 2, 2], int64_data=[0, 1, 2, 3]), ints("s", 1, 1, 1 << 15, 1 << 15)],
        inputs=image,
    )
    # doubling: each step is fine
    for op in ("Concat", "Add", "Expand"):
        nodes, last = [], "x"
        for i in range(48):
            name = f"a{i}"
            if op == "Concat":
                nodes.append(node("Concat", [last, last], [name], axis=0))
            elif op == "Add":
                nodes += [node("Unsqueeze", [last, f"k{i}"], [f"u{i}"]), node("Add", [f"u{i}", f"w{i}"], [name])]
            else:
                nodes += [node("Unsqueeze", [last, f"k{i}"], [f"u{i}"]), node("Expand", [f"u{i}", f"e{i}"], [name])]
            last = name
        constants = []
        if op != "Concat":
            for i in range(48):
                constants += [ints(f"k{i}", 0), floats(f"w{i}", 2, *[1] * (i + 1)), ints(f"e{i}", 2, *[1] * (i + 1))]
        case(
            f"doubling_{op.lower()}",
            nodes,
            [c for c in constants if c.name[0] in ("k", "w" if op == "Add" else "e")],
            build=(0, 3),
        )
        start = [node("Identity", ["one"], ["x0"])]
        renamed = [
            helper.make_node(
                n.op_type,
                ["x0" if i == "x" else i for i in n.input],
                list(n.output),
                **{a.name: helper.get_attribute_value(a) for a in n.attribute},
            )
            for n in nodes
        ]
        case(
            f"doubling_constant_{op.lower()}",
            start + renamed,
            [one, *[c for c in constants if c.name[0] in ("k", "w" if op == "Add" else "e")]],
            build=(0, 3),
        )
    # sequences that grow: each insert copies or shares
    body = graph(
        [node("Identity", ["k"], ["k2"]), node("Concat", ["v", "v"], ["v2"], axis=0)],
        ("k2", "v2"),
        [value("i", I64, []), value("k", BOOL, []), value("v", dims=["M"])],
    )
    case("loop_doubling", node("Loop", ["n", "", "x"], ["y"], body=body), [ints("n", 1000, dims=[])], build=(0, 3))
    grow = graph(
        [node("Identity", ["k"], ["k2"]), node("Expand", ["v", "s"], ["e"])],
        ("k2", "v", "e"),
        [value("i", I64, []), value("k", BOOL, []), value("v", dims=[1])],
    )
    case(
        "loop_collects",
        node("Loop", ["n", "", "x"], ["y", "z"], body=grow),
        [ints("n", 1 << 40, dims=[]), ints("s", 1 << 20)],
        build=(0, 3),
    )
    # endless or nearly: stopped by the limit of iterations
    idle = graph(
        [node("Identity", ["k"], ["k2"]), node("Identity", ["v"], ["v2"])],
        ("k2", "v2"),
        [value("i", I64, []), value("k", BOOL, []), value("v", dims=[1])],
    )
    for name, trips in {"huge": 1 << 62, "max": 2**63 - 1}.items():
        case(
            f"loop_{name}",
            node("Loop", ["n", "", "x"], ["y"], body=idle),
            [ints("n", trips, dims=[])],
            build=0,
            run=3,
            commands=("build",),
        )
    loop = model(
        [node("Loop", ["n", "", "x"], ["y"], body=idle)],
        constants=[ints("n", 1 << 62, dims=[])],
        inputs=[value("x", dims=[1])],
    )
    corpus.model(
        ROW, "loop_limit_run", loop, command=[*RUN, "--limit", "loop_iterations=100000"], says="loop_iterations"
    )
    constant_loop = model(
        [node("Loop", ["n", "", "one"], ["y"], body=idle)],
        constants=[one, ints("n", 1 << 62, dims=[])],
        inputs=[value("x", dims=[1])],
    )
    corpus.model(ROW, "loop_of_constants_build", constant_loop, code=0)
    corpus.model(
        ROW,
        "loop_of_constants_run",
        constant_loop,
        command=[*RUN, "--limit", "loop_iterations=100000"],
        says="loop_iterations",
    )
    case(
        "loop_negative_trips",
        node("Loop", ["n", "", "x"], ["y"], body=idle),
        [ints("n", -(2**63), dims=[])],
        build=0,
        run=0,
    )
    case("loop_trips_are_many", node("Loop", ["n", "", "x"], ["y"], body=idle), [ints("n", 1, 2)], build=(0, 3))
    inner = graph(
        [node("Identity", ["k"], ["k2"]), node("Identity", ["v"], ["v2"])],
        ("k2", "v2"),
        [value("i2", I64, []), value("k", BOOL, []), value("v", dims=[1])],
    )
    for level in range(5):
        inner = graph(
            [
                node("Loop", ["n", "", f"w{level}"], [f"r{level}"], body=inner),
                node("Identity", [f"k{level}"], [f"q{level}"]),
            ],
            (f"q{level}", f"r{level}"),
            [value(f"j{level}", I64, []), value(f"k{level}", BOOL, []), value(f"w{level}", dims=[1])],
        )
    nested = model(
        [node("Loop", ["n", "", "x"], ["y"], body=inner)],
        constants=[ints("n", 1 << 12, dims=[])],
        inputs=[value("x", dims=[1])],
    )
    corpus.model(
        ROW, "loop_nested_run", nested, command=[*RUN, "--limit", "loop_iterations=100000"], says="loop_iterations"
    )
    # strings
    case(
        "string_doubling",
        [node("StringConcat", [f"s{i}", f"s{i}"], [f"s{i + 1}"]) for i in range(60)],
        [tensor("s0", TensorProto.STRING, [1], string_data=[b"ab"])],
        build=(0, 3),
    )
    case(
        "string_expand",
        node("Expand", ["s", "n"]),
        [tensor("s", TensorProto.STRING, [1], string_data=[b"ab"]), ints("n", 1 << 40)],
        build=(0, 3),
    )
    case(
        "string_split",
        node("StringSplit", ["s"], ["y", "z"], delimiter="a"),
        [tensor("s", TensorProto.STRING, [1], string_data=[b"a" * 1000])],
        build=0,
        run=0,
    )
    case(
        "string_to_number",
        node("Cast", ["s"], to=1),
        [tensor("s", TensorProto.STRING, [1], string_data=[b"9" * 100000])],
        build=(0, 3),
        run=(0, 3),
    )
    # what is merely large
    case(
        "good_conv_chain",
        [node("Conv", ["x", "w"], ["y"], pads=[1, 1, 1, 1])],
        [floats("w", 8, 1, 3, 3)],
        run=0,
        inputs=[value("x", dims=[1, 1, 16, 16])],
    )
