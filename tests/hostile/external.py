"""External data that escapes, lies about its place, or is no file."""

import os

from onnx import TensorProto

from corpus import DISK, REFUSED, field, model, node, tensor, varint

ROW = "external_data"


def external(name, dims, entries, dtype=TensorProto.FLOAT):
    t = tensor(name, dtype, dims)
    t.data_location = TensorProto.EXTERNAL
    for key, text in entries:
        t.external_data.add(key=key, value=text)
    return t


def reading(entries, dims=(4,), dtype=TensorProto.FLOAT):
    w = external("w", dims, entries, dtype)
    nodes = [node("Add", ["x", "w"])] if dtype == TensorProto.FLOAT else [node("Identity", ["w"])]
    return model(nodes, constants=[w])


def raw_location(location):
    """A model whose location holds bytes that protobuf's Python takes for no string."""
    entry = field(1, b"location") + field(2, location)
    t = field(1, b"\x04") + field(2, 1) + field(8, b"w") + field(13, entry) + field(14, 1)
    t = varint(1 << 3) + varint(4) + t[3:]
    graph = field(1, field(1, b"w") + field(2, b"y") + field(4, b"Identity")) + field(2, b"main") + field(5, t)
    graph += field(12, field(1, b"y") + field(2, field(1, field(1, 1))))
    return field(1, 8) + field(8, field(2, 21)) + field(7, graph)


def make(corpus):
    outside = corpus.folder / "outside.bin"
    outside.write_bytes(bytes(4096))

    def case(name, entries, prepare=None, code=REFUSED, dims=(4,), dtype=TensorProto.FLOAT, **how):
        folder = corpus.place(ROW, name)
        (folder / "data.bin").write_bytes(bytes(64))
        if prepare:
            prepare(folder)
        (folder / "model.onnx").write_bytes(reading(entries, dims, dtype).SerializeToString())
        corpus.add(ROW, name, "model.onnx", code=code, **how)

    def at(location):
        return [("location", location)]

    # -- places
    up = "../" * 8
    places = {
        "parent": "../outside.bin",
        "far_parent": "../../../outside.bin",
        "root": up + "etc/passwd",
        "inner_parent": "sub/../../outside.bin",
        "inner_parent_stays": "sub/../data.bin",
        "end_parent": "data.bin/..",
        "absolute": str(outside),
        "passwd": "/etc/passwd",
        "double_slash": "//etc/passwd",
        "empty": "",
        "dot": ".",
        "dot_slash": "./",
        "slash": "/",
        "dots": "..",
        "dot_dot_slash": "../",
        "folder": "sub",
        "folder_slash": "data.bin/",
        "below_file": "data.bin/x",
        "long": "a" * 5000,
        "long_part": "a" * 300,
        "many_parts": "a/" * 2000 + "b",
        "backslash": "..\\outside.bin",
        "drive": "C:\\data.bin",
        "url": "file:///etc/passwd",
        "tilde": "~/data.bin",
        "variable": "$HOME/data.bin",
        "proc": "/proc/self/environ",
        "device": "/dev/zero",
        "space": " ",
        "newline": "\n",
    }
    missing = {"below_file", "long_part", "backslash", "drive", "tilde", "variable", "space", "newline", "url"}

    def folders(folder):
        (folder / "sub").mkdir(exist_ok=True)

    for name, location in places.items():
        # A file that is not there is the disk's error: nothing is wrong with such a name.
        case("place_" + name, at(location), folders, code=DISK if name in missing else (REFUSED, DISK))
    for name, location in {
        "nul": b"data.bin\0",
        "nul_inside": b"data\0.bin",
        "nul_then_parent": b"data.bin\0/../..",
        "no_utf8": b"\xff\xfe",
        "no_utf8_parent": b"\xff/../../outside.bin",
    }.items():
        folder = corpus.place(ROW, "bytes_" + name)
        (folder / "data.bin").write_bytes(bytes(64))
        (folder / "model.onnx").write_bytes(raw_location(location))
        corpus.add(ROW, "bytes_" + name, "model.onnx", code=(REFUSED, DISK))

    # -- links and things that are no files
    def link(target):
        return lambda folder: os.symlink(target, folder / "link")

    case("link_out", at("link"), link("../../../outside.bin"))
    case("link_out_absolute", at("link"), link(str(outside)))
    case("link_passwd", at("link"), link("/etc/passwd"))
    case("link_loop", at("link"), link("link"), code=(REFUSED, DISK))
    case("link_nowhere", at("link"), link("nothing"), code=(REFUSED, DISK))
    case("link_device", at("link"), link("/dev/zero"))
    case("link_proc", at("link"), link("/proc/self/mem"))
    case("link_folder_out", at("link/outside.bin"), link("../../.."))
    case("link_folder_root", at("link/etc/passwd"), link("/"))

    def chain(folder):
        os.symlink("b", folder / "a")
        os.symlink("c", folder / "b")
        os.symlink("../../../outside.bin", folder / "c")

    case("link_chain", at("a"), chain)

    def hard(folder):
        os.link(outside, folder / "hard")

    case("hard_link", at("hard"), hard, code=0)  # a name like any other: whoever made it could have copied the bytes
    case("fifo", at("pipe"), lambda folder: os.mkfifo(folder / "pipe"), code=(REFUSED, DISK))

    def folder_named(folder):
        (folder / "w").mkdir()

    case("is_folder", at("w"), folder_named, code=(REFUSED, DISK))

    def unreadable_parts(folder):
        (folder / "short.bin").write_bytes(bytes(15))
        (folder / "none.bin").write_bytes(b"")

    # -- keys
    data = ("location", "data.bin")
    case("key_unknown", [data, ("__class__", "x")])
    case("key_attribute", [data, ("_on_load", "os.system")])
    case("key_empty", [data, ("", "1")])
    case("key_upper", [data, ("Offset", "0")])
    case("key_twice", [data, ("location", "../../../outside.bin")])
    case("key_offset_twice", [data, ("offset", "0"), ("offset", "16")])
    case("key_length_twice", [data, ("length", "16"), ("length", "16")])
    case("key_none", [])
    case("key_many", [data, *[(f"k{i}", "1") for i in range(5000)]])
    case("key_no_location", [("offset", "0"), ("length", "16")])

    # -- numbers
    numbers = {
        "negative": "-1",
        "minus_zero": "-0",
        "plus": "+1",
        "space": " 1",
        "space_after": "1 ",
        "empty": "",
        "hex": "0x10",
        "real": "1.0",
        "exponent": "1e3",
        "text": "sixteen",
        "i64": str(2**63 - 1),
        "u64": str(2**64 - 1),
        "beyond_u64": str(2**64),
        "huge": "9" * 400,
        "nan": "nan",
        "underscore": "1_6",
        "arabic": "\u0661\u0666",
        "wraps": str(2**64 - 8),
    }
    for name, text in numbers.items():
        case("offset_" + name, [data, ("offset", text), ("length", "16")])
        case("length_" + name, [data, ("offset", "0"), ("length", text)])
    case("offset_wraps_with_length", [data, ("offset", str(2**64 - 16)), ("length", "16")])
    case("offset_at_end", [data, ("offset", "64"), ("length", "16")])
    case("offset_one_too_far", [data, ("offset", "49"), ("length", "16")])
    case("length_short", [data, ("length", "12")])
    case("length_long", [data, ("length", "20")])
    case("length_zero", [data, ("length", "0")])
    case("file_short", at("short.bin"), unreadable_parts)
    case("file_empty", at("none.bin"), unreadable_parts)
    case("dims_beyond_file", at("data.bin"), dims=(1 << 40,))
    case("dims_wrap", at("data.bin"), dims=(1 << 32, 1 << 32))
    case("dims_wrap_bytes", at("data.bin"), dims=(1 << 62,))
    case("dims_negative", at("data.bin"), dims=(-4,))
    case("packed_short", [data, ("length", "65")], dims=(129,), dtype=TensorProto.INT4)
    case("strings", at("data.bin"), dims=(2,), dtype=TensorProto.STRING)

    # -- both kinds of data at once, and external data where none may be
    both = reading(at("data.bin"))
    both.graph.initializer[0].raw_data = bytes(12)
    folder = corpus.place(ROW, "raw_as_well")
    (folder / "data.bin").write_bytes(bytes(64))
    (folder / "model.onnx").write_bytes(both.SerializeToString())
    corpus.add(ROW, "raw_as_well", "model.onnx")
    attribute = model([node("Constant", [], ["c"]), node("Add", ["x", "c"])])
    a = attribute.graph.node[0].attribute.add(name="value", type=4)
    a.t.CopyFrom(external("c", (4,), at("../../../outside.bin")))
    folder = corpus.place(ROW, "in_attribute")
    (folder / "model.onnx").write_bytes(attribute.SerializeToString())
    corpus.add(ROW, "in_attribute", "model.onnx")

    # -- what is right: plain, below a folder, and as download caches lay it out (snapshots of links into blobs)
    case("good", [data, ("offset", "16"), ("length", "16"), ("checksum", "0" * 40)], code=0)

    def below(folder):
        (folder / "sub" / "deeper").mkdir(parents=True)
        (folder / "sub" / "deeper" / "w.bin").write_bytes(bytes(16))

    case("good_below", at("sub/deeper/w.bin"), below, code=0)
    case("good_dot", at("./sub/./deeper/w.bin"), below, code=0)
    case("good_link_beside", at("link"), link("data.bin"), code=0)
    for name, location in {"cache": "model.onnx_data", "cache_below": "weights/part.data"}.items():
        folder = corpus.place(ROW, "good_" + name)
        (folder / "blobs").mkdir()
        snapshot = folder / "snapshots" / "0123abcd" / "onnx"
        (snapshot / os.path.dirname(location)).mkdir(parents=True)
        (folder / "blobs" / "aaaa").write_bytes(reading(at(location)).SerializeToString())
        (folder / "blobs" / "bbbb").write_bytes(bytes(16))
        os.symlink("../../../blobs/aaaa", snapshot / "model.onnx")
        os.symlink(os.path.relpath(folder / "blobs" / "bbbb", (snapshot / location).parent), snapshot / location)
        corpus.add(ROW, "good_" + name, "snapshots/0123abcd/onnx/model.onnx", code=0)
    # The same layout, whose data leads out of the cache.
    folder = corpus.place(ROW, "cache_out")
    (folder / "blobs").mkdir()
    (folder / "snapshots").mkdir()
    (folder / "blobs" / "aaaa").write_bytes(reading(at("model.onnx_data")).SerializeToString())
    os.symlink("../blobs/aaaa", folder / "snapshots" / "model.onnx")
    os.symlink("../../../../outside.bin", folder / "snapshots" / "model.onnx_data")
    corpus.add(ROW, "cache_out", "snapshots/model.onnx")
