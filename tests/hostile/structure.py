"""Models whose messages, names, functions and graphs are wrong, or are too many or too deep."""

import onnx
from onnx import AttributeProto, TensorProto, helper

from corpus import field, floats, ints, model, node, tensor, value, varint


def function(name, nodes, inputs=("a",), outputs=("b",), domain="local", opset=21):
    f = onnx.FunctionProto(name=name, domain=domain)
    f.input.extend(inputs)
    f.output.extend(outputs)
    f.node.extend(nodes)
    for d in ("", "local"):
        f.opset_import.append(helper.make_opsetid(d, opset if d == "" else 1))
    return f


def call(name, inputs=("x",), outputs=("y",)):
    return helper.make_node(name, list(inputs), list(outputs), domain="local")


def graph(nodes, outputs=("b",), inputs=(), name="body"):
    g = onnx.GraphProto(name=name)
    g.node.extend(nodes)
    g.input.extend(inputs)
    g.output.extend(helper.make_empty_tensor_value_info(o) for o in outputs)
    return g


def local(nodes, functions, **more):
    return model(nodes, functions=functions, domains=[("local", 1)], **more)


def recursion(corpus):
    row = "function_recursion"

    def case(name, functions, nodes=None, **how):
        corpus.model(row, name, local(nodes or [call("f")], functions), **how)

    case("itself", [function("f", [call("f", ["a"], ["b"])])])
    case("itself_twice", [function("f", [call("f", ["a"], ["c"]), call("f", ["c"], ["b"])])])
    case("pair", [function("f", [call("g", ["a"], ["b"])]), function("g", [call("f", ["a"], ["b"])])])
    ring = [function(f"f{i}", [call(f"f{(i + 1) % 50}", ["a"], ["b"])]) for i in range(50)]
    case("ring_of_50", ring, [call("f0")])
    ring = [function(f"f{i}", [call(f"f{(i + 1) % 3000}", ["a"], ["b"])]) for i in range(3000)]
    case("ring_of_3000", ring, [call("f0")])
    chain = [function(f"f{i}", [call(f"f{i + 1}", ["a"], ["b"])]) for i in range(500)]
    chain.append(function("f500", [node("Relu", ["a"], ["b"])]))
    case("chain_of_500", chain, [call("f0")])
    chain = chain[:10] + [function("f10", [node("Relu", ["a"], ["b"])])]
    case("good_chain_of_10", chain, [call("f0")], code=0)
    condition = node("Constant", [], ["c"], value=tensor("c", TensorProto.BOOL, [], b"\1"))
    for kind in ("If", "Loop", "Scan"):
        inner = graph([call("f", ["a"], ["b"])])
        if kind == "If":
            through = node("If", ["c"], ["b"], then_branch=inner, else_branch=graph([node("Relu", ["a"], ["b"])]))
        elif kind == "Loop":
            inner = graph(
                [node("Identity", ["k"], ["k2"]), call("f", ["a"], ["b"])],
                ("k2", "b"),
                [value("i", TensorProto.INT64, []), value("k", TensorProto.BOOL, []), value("v")],
            )
            through = node("Loop", ["", "c", "a"], ["b"], body=inner)
        else:
            inner = graph([call("f", ["v"], ["b"])], ("b",), [value("v", dims=[4])])
            through = node("Scan", ["a"], ["b"], body=inner, num_scan_inputs=1)
        case("through_" + kind.lower(), [function("f", [condition, through])])
    deep = graph([call("f", ["a"], ["b"])])
    for _ in range(5):
        deep = graph([node("If", ["c"], ["b"], then_branch=deep, else_branch=graph([node("Relu", ["a"], ["b"])]))])
    case("through_six_graphs", [function("f", [condition, deep.node[0]])])
    case("through_overload", [function("f", [call("f", ["a"], ["b"])], domain="local")])
    doubling = [
        function(f"f{i}", [call(f"f{i + 1}", ["a"], ["m"]), call(f"f{i + 1}", ["m"], ["b"])]) for i in range(60)
    ]
    doubling.append(function("f60", [node("Relu", ["a"], ["b"])]))
    case("doubling", doubling, [call("f0")])
    wide = [
        function("f", [node("Relu", [f"a{i}" if i else "a"], [f"a{i + 1}"]) for i in range(2000)], outputs=["a2000"])
    ]
    wide.append(
        function("g", [call("f", [f"a{i}" if i else "a"], [f"a{i + 1}"]) for i in range(2000)], outputs=["a2000"])
    )
    case("two_thousand_squared", wide, [call("g")])
    case("defined_twice", [function("f", [node("Relu", ["a"], ["b"])]), function("f", [node("Tanh", ["a"], ["b"])])])
    case("no_output", [function("f", [node("Relu", ["a"], ["z"])])])
    case("inputs_twice", [function("f", [node("Add", ["a", "a"], ["b"])], inputs=("a", "a"))], [call("f", ["x", "x"])])
    case("too_many_inputs", [function("f", [node("Relu", ["a"], ["b"])])], [call("f", ["x", "x", "x"])])
    case("too_many_outputs", [function("f", [node("Relu", ["a"], ["b"])])], [call("f", ["x"], ["y", "z"])])
    case("sees_outside", [function("f", [node("Add", ["a", "x"], ["b"])])])
    no_opset = function("f", [node("Relu", ["a"], ["b"])])
    del no_opset.opset_import[:]
    case("no_opset", [no_opset])
    shadow = function("Relu", [node("Relu", ["a"], ["b"])], domain="")
    corpus.model(row, "named_as_an_operator", local([node("Relu", ["x"])], [shadow]))
    reference = function("f", [node("LeakyRelu", ["a"], ["b"])])
    reference.attribute.append("alpha")
    attribute = reference.node[0].attribute.add(name="alpha", type=AttributeProto.FLOAT)
    attribute.ref_attr_name = "alpha"
    own = local([call("f")], [reference])
    own.graph.node[0].attribute.add(name="alpha", type=AttributeProto.FLOAT).ref_attr_name = "alpha"
    corpus.model(row, "attribute_refers_to_itself", own, code=(0, 3))  # absent, so that the default holds


def whole(graph_bytes):
    return field(1, 8) + field(8, field(2, 21)) + field(7, graph_bytes)


def depth(corpus):
    row = "nesting"

    def nested_if(levels):  # by hand: Python's protobuf stops at a depth of its own
        def branches(then):
            names = field(1, b"c") + field(2, b"b") + field(4, b"If")
            for name, body in ((b"then_branch", then), (b"else_branch", plain_body)):
                names += field(5, field(1, name) + field(6, body) + field(20, 5))
            return field(1, names) + field(2, b"body") + field(12, field(1, b"b"))

        plain_body = (
            field(1, field(1, b"x") + field(2, b"b") + field(4, b"Relu"))
            + field(2, b"body")
            + field(12, field(1, b"b"))
        )
        inner = plain_body
        for _ in range(levels):
            inner = branches(inner)
        condition = node("Constant", [], ["c"], value=tensor("c", TensorProto.BOOL, [], b"\1")).SerializeToString()
        x = value("x").SerializeToString()
        return whole(field(1, condition) + inner + field(11, x))

    corpus.model(row, "good_if_8", nested_if(8), code=0)
    corpus.model(row, "if_40", nested_if(40))
    corpus.model(row, "if_90", nested_if(90))

    def nest(levels, wrap, inner):
        for _ in range(levels):
            inner = wrap(inner)
        return inner

    def in_graph(data):  # graph -> node -> attribute -> graph
        return field(1, field(4, b"If") + field(5, field(1, b"then_branch") + field(6, data) + field(20, 5)))

    for levels in (100, 1000, 5000):
        corpus.model(row, f"graphs_{levels}", whole(nest(levels, in_graph, b"")))
    for levels in (100, 1000, 5000):
        kinds = {
            "sequence": lambda t: field(4, field(1, t)),
            "optional": lambda t: field(9, field(1, t)),
            "map": lambda t: field(5, field(1, 7) + field(2, t)),
        }
        for kind, wrap in kinds.items():
            inner = nest(levels, wrap, field(1, field(1, 1)))
            corpus.model(
                row, f"type_{kind}_{levels}", whole(field(11, field(1, b"x") + field(2, inner)) + field(2, b"g"))
            )
    types = field(1, field(1, 1))
    for i in range(3000):
        types = field((4, 9)[i % 2], field(1, types))
    corpus.model(row, "type_mixed_3000", whole(field(11, field(1, b"x") + field(2, types))))
    for levels in (200, 5000):
        inner = nest(levels, lambda t: field(1, b"v") + field(3, field(1, b"a") + field(10, t)), b"")
        corpus.model(row, f"attribute_graphs_{levels}", whole(field(1, inner)))
    # groups: an old form of nesting that needs no lengths
    corpus.model(row, "groups", whole(b"\x0b" * 100000))
    corpus.model(row, "groups_in_nodes", whole(field(1, b"\x73" * 50000)))

    def case_data(name, data):
        folder = corpus.place(row, name)
        (folder / "case" / "test_data_set_0").mkdir(parents=True)
        (folder / "case" / "model.onnx").write_bytes(model([node("Identity", ["x"])]).SerializeToString())
        (folder / "case" / "test_data_set_0" / "input_0.pb").write_bytes(data)
        (folder / "case" / "test_data_set_0" / "output_0.pb").write_bytes(data)
        corpus.add(row, name, "case", command=["test", "{}"], code=1)

    case_data("data_sequences", nest(5000, lambda s: field(2, 4) + field(5, s), b""))
    case_data("data_tensor", field(1, 1 << 62) + field(2, 1))
    case_data("data_noise", bytes(range(256)) * 10)


def wire(corpus):
    row = "wire_format"
    good = model([node("Add", ["x", "w"])], constants=[floats("w", 4)]).SerializeToString()
    for cut in sorted({1, 2, 3, len(good) // 4, len(good) // 2, len(good) - 3, len(good) - 1}):
        corpus.model(row, f"cut_{cut}", good[:cut])
    corpus.model(row, "empty", b"")
    corpus.model(row, "one_zero", b"\0")
    corpus.model(row, "zeros", bytes(100000))
    corpus.model(row, "ones", b"\xff" * 100000)
    corpus.model(row, "text", b"#!/bin/sh\nrm -rf /\n" * 100)
    corpus.model(row, "html", b"<!DOCTYPE html><html><body>Sign in to continue</body></html>" * 20)
    corpus.model(
        row, "pointer", b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 102\n"
    )
    corpus.model(row, "gzip", b"\x1f\x8b\x08\0" + bytes(100))
    corpus.model(row, "zip", b"PK\3\4" + bytes(100))
    corpus.model(row, "elf", b"\x7fELF\2\1\1" + bytes(1000))
    corpus.model(row, "gguf", b"GGUF\3\0\0\0" + b"\xff" * 16)
    corpus.model(row, "protobuf_of_another_kind", field(1, b"abc") + field(2, field(1, b"def")))
    corpus.model(row, "long_varint", b"\x08" + b"\xff" * 11 + b"\1")
    corpus.model(row, "field_zero", b"\0\1" + good)
    corpus.model(row, "field_beyond", varint(1 << 35 | 0) + b"\1" + good)
    corpus.model(row, "wire_type_6", b"\x0e\1" + good)
    corpus.model(row, "wire_type_7", b"\x0f\1" + good)
    corpus.model(row, "end_group", b"\x0c" + good)
    for name, length in {
        "one_more": len(good) + 1,
        "i32": 2**31,
        "u32": 2**32 - 1,
        "i63": 2**63 - 1,
        "u64": 2**64 - 1,
    }.items():
        corpus.model(row, "length_" + name, field(1, 8) + b"\x3a" + varint(length) + good)
    corpus.model(row, "graph_is_a_number", field(1, 8) + field(8, field(2, 21)) + field(7, 5))
    corpus.model(row, "name_is_a_number", field(1, 8) + field(8, field(2, 21)) + field(7, field(1, field(4, 5))))
    corpus.model(
        row,
        "dims_are_fixed32",
        field(1, 8) + field(8, field(2, 21)) + field(7, field(5, b"\x0d\1\0\0\0" + field(2, 1) + field(8, b"w"))),
    )
    corpus.model(row, "graph_twice", good + field(7, field(1, field(1, b"x") + field(4, b"Relu"))))
    corpus.model(row, "no_graph", field(1, 8) + field(8, field(2, 21)))
    corpus.model(row, "no_opset", field(1, 8) + field(7, field(1, field(1, b"x") + field(2, b"y") + field(4, b"Relu"))))
    # every kind of count: cheap in the file, dear in memory
    empty = {"nodes": 1, "initializers": 5, "inputs": 11, "outputs": 12, "value_infos": 13, "sparse_initializers": 15}
    for name, number in empty.items():
        for count in (1_200_000, 4_200_000):
            corpus.model(
                row,
                f"empty_{name}_{count}",
                field(1, 8) + field(8, field(2, 21)) + field(7, (varint(number << 3 | 2) + b"\0") * count),
            )
    for name, number in {"inputs": 1, "outputs": 2, "attributes": 5}.items():
        for count in (1_000_000, 4_200_000):
            data = field(4, b"Sum") + (varint(number << 3 | 2) + b"\0") * count
            corpus.model(row, f"node_{name}_{count}", field(1, 8) + field(8, field(2, 21)) + field(7, field(1, data)))
    for name, data in {
        "functions": b"\xca\1\0",
        "opsets": b"\x42\0",
        "metadata": b"\x72\0",
        "training": b"\xa2\1\0",
    }.items():
        corpus.model(row, f"many_{name}", field(1, 8) + data * 4_200_000)
    dims = field(1, field(1, 1) + field(2, b"\x0a\0" * 4_000_000))
    corpus.model(
        row,
        "dims_of_a_type",
        field(1, 8) + field(8, field(2, 21)) + field(7, field(11, field(1, b"x") + field(2, dims))),
    )
    numbers = field(1, b"\1" * 4_000_000) + field(2, 1) + field(8, b"w")
    corpus.model(row, "dims_of_a_tensor", field(1, 8) + field(8, field(2, 21)) + field(7, field(5, numbers)))
    strings = b"\x32\0" * 5_000_000
    corpus.model(
        row,
        "strings_of_a_tensor",
        field(1, 8)
        + field(8, field(2, 21))
        + field(7, field(5, field(1, varint(5_000_000)) + field(2, 8) + field(8, b"w") + strings)),
        code=(0, 3),
    )
    for name, number in {"ints": 8, "floats": 7, "strings": 9, "tensors": 10, "graphs": 11, "types": 15}.items():
        one = (
            (varint(number << 3) + b"\1")
            if name == "ints"
            else b"\x3d" + bytes(4) if name == "floats" else varint(number << 3 | 2) + b"\0"
        )
        data = field(4, b"Relu") + field(5, field(1, b"axes") + one * 4_200_000)
        corpus.model(row, f"attribute_of_many_{name}", field(1, 8) + field(8, field(2, 21)) + field(7, field(1, data)))
    text = b"n" * 17_000_000
    corpus.model(
        row,
        "name_of_17_MB",
        model([node("Relu", ["x"])]).SerializeToString()[: -0 or None]
        + field(7, field(1, field(1, b"x") + field(2, text) + field(4, b"Relu"))),
    )
    corpus.model(
        row, "operator_name_of_17_MB", field(1, 8) + field(8, field(2, 21)) + field(7, field(1, field(4, text)))
    )
    corpus.model(row, "producer_of_17_MB", field(2, text) + field(1, 8) + field(8, field(2, 21)))


def graphs(corpus):
    row = "graph_rules"

    def case(name, nodes, **more):
        how = {k: more.pop(k) for k in ("code", "command", "says") if k in more}
        corpus.model(row, name, model(nodes, **more), **how)

    case("cycle", [node("Add", ["x", "b"], ["a"]), node("Relu", ["a"], ["b"])])
    case("own_output", [node("Add", ["x", "y"], ["y"])])
    case(
        "out_of_order",
        [node("Relu", ["a"], ["y"]), node("Relu", ["x"], ["a"])],
        outputs=[helper.make_empty_tensor_value_info("y")],
    )
    case("defined_twice", [node("Relu", ["x"], ["y"]), node("Tanh", ["x"], ["y"])])
    case("redefines_input", [node("Relu", ["x"], ["x"])])
    case("redefines_constant", [node("Relu", ["x"], ["w"])], constants=[floats("w", 4)])
    case(
        "two_outputs_of_one_name",
        [node("Split", ["x"], ["y", "y"], num_outputs=2, axis=1)],
        outputs=[helper.make_empty_tensor_value_info("y")],
    )
    case("inputs_of_one_name", [node("Relu", ["x"])], inputs=[value("x"), value("x")])
    case("constants_of_one_name", [node("Add", ["x", "w"])], constants=[floats("w", 4), floats("w", 4)])
    case("constant_without_name", [node("Relu", ["x"])], constants=[floats("", 4)], code=(0, 3))
    case(
        "outputs_of_one_name",
        [node("Relu", ["x"])],
        outputs=[helper.make_empty_tensor_value_info("y"), helper.make_empty_tensor_value_info("y")],
    )
    case("undefined", [node("Add", ["x", "nothing"])])
    case("output_undefined", [node("Relu", ["x"])], outputs=[helper.make_empty_tensor_value_info("z")])
    case("output_empty", [node("Relu", ["x"])], outputs=[helper.make_empty_tensor_value_info("")])
    case("no_outputs", [node("Relu", ["x"])], outputs=[])
    case("input_without_type", [node("Relu", ["x"])], inputs=[onnx.ValueInfoProto(name="x")])
    case("input_without_name", [node("Relu", ["x"])], inputs=[value("x"), value("")], code=(0, 3))
    case("no_inputs_to_operator", [node("Relu", [])])
    case("too_many_inputs", [node("Relu", ["x", "x", "x"])])
    case("too_many_outputs", [node("Relu", ["x"], ["y", "z"])])
    case("absent_input", [node("Add", ["x", ""])])
    case("unknown_operator", [node("Frobnicate", ["x"])])
    case("unknown_domain", [helper.make_node("Relu", ["x"], ["y"], domain="evil")])
    case("file_operator", [helper.make_node("ReadFile", ["x"], ["y"], domain="ai.onnx.contrib")])
    case("python_operator", [helper.make_node("PyOp", ["x"], ["y"], domain="com.microsoft")])
    case("aten_operator", [helper.make_node("ATen", ["x"], ["y"], domain="org.pytorch.aten")])
    for version in (0, -1, 28, 1000, 2**63 - 1, -(2**63)):
        case(f"opset_{version}", [node("Relu", ["x"])], opset=version)
    two = model([node("Relu", ["x"])])
    two.opset_import.append(helper.make_opsetid("", 7))
    corpus.model(row, "two_opsets", two)
    case("attribute_of_wrong_kind", [node("Softmax", ["x"], axis="one")])
    case("attribute_real_for_integer", [node("Softmax", ["x"], axis=1.5)])
    case("attribute_list_for_integer", [node("Softmax", ["x"], axis=[1])])
    case("attribute_unknown", [node("Relu", ["x"], evil=1)])
    twice = node("Softmax", ["x"], axis=0)
    twice.attribute.add(name="axis", type=AttributeProto.INT, i=1)
    case("attribute_twice", [twice])
    none = (
        field(1, b"x")
        + field(2, b"y")
        + field(4, b"Softmax")
        + field(5, field(1, b"axis") + field(3, 1) + field(20, 99))
    )
    corpus.model(
        row,
        "attribute_of_no_kind",
        whole(field(1, none) + field(11, value("x").SerializeToString()) + field(12, field(1, b"y"))),
    )
    tensorless = node("Constant", [], ["c"])
    tensorless.attribute.add(name="value", type=AttributeProto.TENSOR)
    case("attribute_tensor_missing", [tensorless, node("Add", ["x", "c"])])
    many = [node("Relu", [f"a{i}" if i else "x"], [f"a{i + 1}"]) for i in range(2000)]
    case("good_two_thousand_layers", many, code=0, command=["check", "{}"])
    long_name = "n" * 1000
    case("good_long_names", [node("Relu", ["x"], [long_name]), node("Tanh", [long_name])], code=0)
    case("control_characters", [node("Frobnicate\x1b]0;evil\x07", ["x"])])
    case("dim_name_of_a_megabyte", [node("Relu", ["x"])], inputs=[value("x", dims=["d" * 1_000_000, 4])], code=0)
    case(
        "dim_names_of_expressions", [node("Relu", ["x"])], inputs=[value("x", dims=["(" * 5000, "a*b+" * 3000])], code=0
    )
    case(
        "ten_thousand_symbols",
        [node("Relu", ["x0"])],
        inputs=[value(f"x{i}", dims=[f"s{i}", 4]) for i in range(10000)],
        code=0,
        command=["check", "{}"],
    )
    case(
        "branches_differ",
        [
            node("Constant", [], ["c"], value=tensor("c", TensorProto.BOOL, [], b"\1")),
            node(
                "If",
                ["c"],
                ["y"],
                then_branch=graph([node("Relu", ["x"], ["b"])]),
                else_branch=graph([node("Relu", ["x"], ["b"]), node("Relu", ["x"], ["c2"])], ("b", "c2")),
            ),
        ],
    )
    case(
        "branch_missing",
        [
            node("Constant", [], ["c"], value=tensor("c", TensorProto.BOOL, [], b"\1")),
            node("If", ["c"], ["y"], then_branch=graph([node("Relu", ["x"], ["b"])])),
        ],
    )
    case(
        "branch_with_inputs",
        [
            node("Constant", [], ["c"], value=tensor("c", TensorProto.BOOL, [], b"\1")),
            node(
                "If",
                ["c"],
                ["y"],
                then_branch=graph([node("Relu", ["q"], ["b"])], inputs=[value("q")]),
                else_branch=graph([node("Relu", ["x"], ["b"])]),
            ),
        ],
    )
    case(
        "branch_redefines",
        [
            node("Constant", [], ["c"], value=tensor("c", TensorProto.BOOL, [], b"\1")),
            node(
                "If",
                ["c"],
                ["y"],
                then_branch=graph([node("Relu", ["x"], ["x"])], ("x",)),
                else_branch=graph([node("Relu", ["x"], ["b"])]),
            ),
        ],
        code=(0, 3),
    )
    case(
        "loop_without_condition",
        [
            node(
                "Loop",
                ["", "", "x"],
                ["y"],
                body=graph([node("Relu", ["v"], ["b"])], ("b",), [value("i"), value("k"), value("v")]),
            )
        ],
    )
    case("loop_body_too_few_inputs", [node("Loop", ["", "", "x"], ["y"], body=graph([node("Relu", ["x"], ["b"])]))])
    case(
        "scan_negative_inputs",
        [
            node(
                "Scan",
                ["x"],
                ["y"],
                num_scan_inputs=-1,
                body=graph([node("Relu", ["v"], ["b"])], ("b",), [value("v", dims=[4])]),
            )
        ],
    )
    case(
        "scan_too_many_inputs",
        [
            node(
                "Scan",
                ["x"],
                ["y"],
                num_scan_inputs=2**62,
                body=graph([node("Relu", ["v"], ["b"])], ("b",), [value("v", dims=[4])]),
            )
        ],
    )
    case(
        "scan_axes",
        [
            node(
                "Scan",
                ["x"],
                ["y"],
                num_scan_inputs=1,
                scan_input_axes=[99],
                body=graph([node("Relu", ["v"], ["b"])], ("b",), [value("v", dims=[4])]),
            )
        ],
    )
    case(
        "gradient_of_nothing",
        [helper.make_node("Gradient", ["x"], ["y"], domain="ai.onnx.preview.training", xs=["q"], y="r")],
        domains=[("ai.onnx.preview.training", 1)],
    )
    case(
        "sequence_of_everything",
        [node("SequenceConstruct", ["x", "i"]), node("Relu", ["y"], ["z"])],
        inputs=[value("x"), value("i", TensorProto.INT64)],
    )
    case(
        "optional_of_nothing",
        [node("OptionalGetElement", ["x"], ["a"]), node("OptionalHasElement", ["a"])],
        code=(0, 3),
    )
    case("reshape_to_itself", [node("Reshape", ["x", "s"])], constants=[ints("s", -1, -1)])


def make(corpus):
    recursion(corpus)
    depth(corpus)
    wire(corpus)
    graphs(corpus)
