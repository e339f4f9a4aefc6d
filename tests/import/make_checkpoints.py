#!/usr/bin/env python3
"""Writes the checkpoints of tests/fuzz/corpus/checkpoint and what the reader must make of each (tests/import/checkpoints.txt).

Only the standard library is needed: pickles, archives and headers are put together by hand, so that they can lie. Run it again
after a change; the files are committed, and the test fails when a file has no row or a row no file.
"""

import json
import pathlib
import struct
import sys
import zlib

HERE = pathlib.Path(__file__).resolve().parent
CORPUS = HERE.parent / "fuzz" / "corpus" / "checkpoint"

# --- pickles ------------------------------------------------------------------------------------------------------------------
NONE, TRUE, FALSE, MARK, STOP = b"N", b"\x88", b"\x89", b"(", b"."
PROTO = b"\x80\x02"


def integer(value):
    if 0 <= value < 256:
        return b"K" + struct.pack("<B", value)
    if -(2**31) <= value < 2**31:
        return b"J" + struct.pack("<i", value)
    raw = value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True)
    return b"\x8a" + bytes([len(raw)]) + raw


def text(value):
    raw = value.encode()
    return b"X" + struct.pack("<I", len(raw)) + raw


def name(module, attribute):
    return b"c" + module.encode() + b"\n" + attribute.encode() + b"\n"


def tuple_of(*items):
    return MARK + b"".join(items) + b"t"


def dict_of(pairs):
    return b"}" + MARK + b"".join(text(k) + v for k, v in pairs) + b"u"


def ordered_dict(pairs, state=b""):
    return name("collections", "OrderedDict") + b")R" + MARK + b"".join(text(k) + v for k, v in pairs) + b"u" + state


def storage(kind, key, elements, view=None, module="torch"):
    tail = [] if view is None else [view]
    return tuple_of(text("storage"), name(module, kind), text(key), text("cpu"), integer(elements), *tail) + b"Q"


def tensor(stored, dims, strides=None, offset=0, function="_rebuild_tensor_v2", tail=None):
    if strides is None:
        strides, step = [], 1
        for d in reversed(dims):
            strides.insert(0, step)
            step *= d
    if tail is None:
        tail = FALSE + name("collections", "OrderedDict") + b")R"
    sizes = tuple_of(*map(integer, dims)), tuple_of(*map(integer, strides))
    return name("torch._utils", function) + tuple_of(stored, integer(offset), *sizes, tail) + b"R"


def f32(key, dims, **more):
    count = 1
    for d in dims:
        count *= d
    return tensor(storage("FloatStorage", key, more.pop("elements", count)), dims, **more)


def pickled(value, protocol=2):
    return b"\x80" + bytes([protocol]) + value + STOP


# --- containers ---------------------------------------------------------------------------------------------------------------
class Entry:
    def __init__(self, path, data, **lies):
        self.path, self.data, self.lies = path.encode(), data, lies


def zip_of(entries, comment=b"", zip64=False, count=None, tail=b""):
    out, directory = b"", b""
    for e in entries:
        lie = e.lies.get
        method, crc = lie("method", 0), lie("crc", zlib.crc32(e.data))
        size = lie("size", len(e.data))
        at = lie("at", len(out))
        if "at" not in e.lies:
            fill = -(len(out) + 30 + len(e.path)) % 64 if lie("align", True) else 0
            local = lie("local_path", e.path)
            out += struct.pack("<IHHHHHIIIHH", 0x04034B50, 20, 0, method, 0, 0, crc, size & 0xFFFFFFFF, size & 0xFFFFFFFF, len(local), fill)
            out += local + bytes(fill) + e.data
        extra = b""
        short = size, at
        if zip64:
            extra = struct.pack("<HHQQQ", 1, 24, size, size, at)
            short = 0xFFFFFFFF, 0xFFFFFFFF
        directory += struct.pack("<IHHHHHHIIIHHHHHII", 0x02014B50, 20, 20, lie("flags", 0), method, 0, 0, crc, short[0] & 0xFFFFFFFF,
                                 short[0] & 0xFFFFFFFF, len(e.path), len(extra), 0, 0, 0, 0, short[1] & 0xFFFFFFFF)
        directory += e.path + extra
    count = len(entries) if count is None else count
    begin = len(out)
    out += directory
    if zip64:
        record = len(out)
        out += struct.pack("<IQHHIIQQQQ", 0x06064B50, 44, 45, 45, 0, 0, count, count, len(directory), begin)
        out += struct.pack("<IIQI", 0x07064B50, 0, record, 1)
        out += struct.pack("<IHHHHIIH", 0x06054B50, 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, len(comment))
    else:
        out += struct.pack("<IHHHHIIH", 0x06054B50, 0, 0, count, count, len(directory), begin, len(comment))
    return out + comment + tail


def torch_zip(value, storages=(), order="little", extra=(), **more):
    entries = [Entry("archive/data.pkl", pickled(value)), Entry("archive/byteorder", order.encode())]
    entries += [Entry(f"archive/data/{key}", data) for key, data in storages] + [Entry("archive/version", b"3\n"), *extra]
    return zip_of(entries, **more)


def torch_stream(value, storages=(), little=True, version=1001, keys=None):
    listed = [key for key, _, _ in storages] if keys is None else keys
    out = pickled(integer(0x1950A86A20F9469CFC6C)) + pickled(b"M" + struct.pack("<H", version))
    out += pickled(dict_of([("protocol_version", integer(1001)), ("little_endian", TRUE if little else FALSE)]))
    out += pickled(value) + pickled(b"]" + MARK + b"".join(map(text, listed)) + b"e")
    for _, elements, data in storages:
        out += struct.pack("<q", elements) + data
    return out


def safetensors(header, data=b"", pad=True, length=None):
    raw = header if isinstance(header, bytes) else json.dumps(header, separators=(",", ":")).encode()
    if pad:
        raw += b" " * (-len(raw) % 8)
    return struct.pack("<Q", len(raw) if length is None else length) + raw + data


def floats(*values):
    return struct.pack(f"<{len(values)}f", *values)


# --- the cases ----------------------------------------------------------------------------------------------------------------
CASES = []  # (file, "reads" or "refused", contents or a part of the message)


def reads(file, data, *lines):
    CASES.append((file, data, "reads", " | ".join(lines)))


def refused(file, data, message):
    CASES.append((file, data, "refused", message))


def good_files():
    ab = [("a", f32("0", [2])), ("b.weight", f32("1", [2, 2]))]
    ab_data = [("0", floats(1, 2)), ("1", floats(1, 2, 3, 4))]
    ab_lines = ["a: f32[2] [1, 2]", "b.weight: f32[2,2] [1, 2, 3, 4]"]
    state = dict_of([("_metadata", ordered_dict([("", dict_of([("version", integer(1))]))]))]) + b"b"
    reads("zip.pth", torch_zip(ordered_dict(ab, state), ab_data), *ab_lines)
    reads("zip_plain_dict.pth", torch_zip(dict_of(ab), ab_data), *ab_lines)
    reads("zip64.pth", torch_zip(dict_of(ab), ab_data, zip64=True), *ab_lines)
    reads("zip_comment.pth", torch_zip(dict_of(ab), ab_data, comment=b"PK\5\6 and more"), *ab_lines)
    reads("zip_unaligned.pth", zip_of([Entry("x/data.pkl", pickled(dict_of(ab)), align=False), Entry("x/data/0", floats(1, 2), align=False),
                                       Entry("x/data/1", floats(1, 2, 3, 4), align=False)]), *ab_lines)
    reads("stream.pth", torch_stream(ordered_dict(ab, state), [("0", 2, floats(1, 2)), ("1", 4, floats(1, 2, 3, 4))]), *ab_lines)
    view = tuple_of(text("v"), integer(1), integer(2))
    reads("stream_views.pth", torch_stream(dict_of([("all", f32("0", [4])), ("part", tensor(storage("FloatStorage", "0", 4, view), [2]))]),
                                           [("0", 4, floats(1, 2, 3, 4))]), "all: f32[4] [1, 2, 3, 4]", "part: f32[2] [2, 3]")
    reads("nested.pth", torch_zip(dict_of([("epoch", integer(3)), ("best", b"G" + struct.pack(">d", 0.5)), ("state_dict", dict_of(ab)),
                                           ("optimizer", dict_of([("m", b"]" + f32("0", [2]) + b"a")]))]), ab_data), *ab_lines)
    reads("paths.pth", torch_zip(dict_of([("list", b"]" + MARK + f32("0", [2]) + f32("1", [1], elements=4) + b"e"),
                                          ("by_number", b"}" + integer(7) + f32("0", [2]) + b"s")]), ab_data),
          "list.0: f32[2] [1, 2]", "list.1: f32[1] [1]", "by_number.7: f32[2] [1, 2]")
    reads("one_tensor.pth", torch_zip(f32("0", [2]), ab_data[:1]), "tensor: f32[2] [1, 2]")
    reads("strides.pth", torch_zip(dict_of([("t", f32("0", [3, 2], elements=6, strides=[1, 3])), ("e", f32("0", [2, 3], elements=6, strides=[0, 2])),
                                            ("o", f32("0", [2], elements=6, offset=4))]), [("0", floats(1, 2, 3, 4, 5, 6))]),
          "t: f32[3,2] [1, 4, 2, 5, 3, 6]", "e: f32[2,3] [1, 3, 5, 1, 3, 5]", "o: f32[2] [5, 6]")
    reads("empty.pth", torch_zip(dict_of([("e", f32("0", [0, 3])), ("s", f32("1", []))]), [("0", b""), ("1", floats(7))]),
          "e: f32[0,3] []", "s: f32[] [7]")
    kinds = [("DoubleStorage", "<d", 1.5), ("HalfStorage", "<e", 1.5), ("LongStorage", "<q", -5), ("IntStorage", "<i", -5),
             ("ShortStorage", "<h", -5), ("CharStorage", "<b", -5), ("ByteStorage", "<B", 200), ("BFloat16Storage", "<H", 0x3FC0)]
    pairs, data = [], []
    for i, (kind, form, value) in enumerate(kinds):
        pairs.append((kind, tensor(storage(kind, str(i), 1), [1])))
        data.append((str(i), struct.pack(form, value)))
    pairs.append(("bools", tensor(storage("BoolStorage", "b", 3), [3])))
    data.append(("b", b"\0\1\xff"))
    pairs.append(("complex", tensor(storage("ComplexFloatStorage", "c", 1), [1])))
    data.append(("c", floats(1, -2)))
    flags = FALSE + name("collections", "OrderedDict") + b")R"
    for i, (dtype, raw) in enumerate([("uint16", b"\xff\xff"), ("float8_e4m3fn", b"\x38")]):
        pairs.append((dtype, tensor(storage("UntypedStorage", f"u{i}", len(raw), module="torch.storage"), [1], function="_rebuild_tensor_v3",
                                    tail=flags + name("torch", dtype))))
        data.append((f"u{i}", raw))
    reads("dtypes.pth", torch_zip(dict_of(pairs), data), "DoubleStorage: f64[1] [1.5]", "HalfStorage: f16[1] [1.5]", "LongStorage: i64[1] [-5]",
          "IntStorage: i32[1] [-5]", "ShortStorage: i16[1] [-5]", "CharStorage: i8[1] [-5]", "ByteStorage: u8[1] [200]",
          "BFloat16Storage: bf16[1] [1.5]", "bools: bool[3] [0, 1, 1]", "complex: c64[1] [(1, -2)]", "uint16: u16[1] [65535]",
          "float8_e4m3fn: f8e4m3fn[1] [1]")
    parameter = name("torch._utils", "_rebuild_parameter") + tuple_of(f32("0", [2]), TRUE, name("collections", "OrderedDict") + b")R") + b"R"
    subclass = name("torch._tensor", "_rebuild_from_type_v2") + tuple_of(
        name("torch._utils", "_rebuild_tensor_v2"), name("torch", "Tensor"),
        tuple_of(storage("FloatStorage", "0", 2), integer(0), tuple_of(integer(2)), tuple_of(integer(1)), flags), dict_of([("note", text("x"))])) + b"R"
    reads("parameters.pth", torch_zip(dict_of([("p", parameter), ("s", subclass)]), [("0", floats(1, 2))]), "p: f32[2] [1, 2]", "s: f32[2] [1, 2]")
    # Protocol 4: frames, short texts, stack names, memoize.
    four = b"\x95" + struct.pack("<Q", 0) + b"}\x94\x8c\x04size\x8c\x05torch\x8c\x04Size\x93\x94K\x02\x85\x85Rs"
    reads("protocol4.pth", zip_of([Entry("archive/data.pkl", pickled(four, 4))]))
    header = {"__metadata__": {"format": "pt"}, "b": {"dtype": "F32", "shape": [2], "data_offsets": [8, 16]},
              "a": {"dtype": "I64", "shape": [], "data_offsets": [0, 8]}}
    reads("plain.safetensors", safetensors(header, struct.pack("<q", -3) + floats(1, 2)), "b: f32[2] [1, 2]", "a: i64[] [-3]")
    reads("unaligned.safetensors", safetensors({"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}, floats(1, 2), pad=False), "a: f32[2] [1, 2]")
    reads("small.safetensors", safetensors({"h": {"dtype": "BF16", "shape": [2], "data_offsets": [0, 4]}, "q": {"dtype": "F4", "shape": [4], "data_offsets": [4, 6]},
                                            "z": {"dtype": "BOOL", "shape": [2], "data_offsets": [6, 8]}}, b"\x80\x3f\x00\x40\x21\x43\x00\x05"),
          "h: bf16[2] [1, 2]", "q: f4e2m1[4] [0.5, 1, 1.5, 2]", "z: bool[2] [0, 1]")
    reads("none.safetensors", safetensors({}))


def hostile_pickles():
    def pickle_case(file, value, message, storages=()):
        refused(file, torch_zip(value, storages), message)

    pickle_case("os_system.pth", name("os", "system") + tuple_of(text("touch /tmp/owned")) + b"R", "byte 2, opcode GLOBAL: the checkpoint names os.system")
    pickle_case("posix_stack_global.pth", text("posix") + text("system") + b"\x93" + tuple_of(text("id")) + b"R", "names posix.system")
    pickle_case("eval.pth", name("builtins", "eval") + tuple_of(text("1")) + b"R", "names builtins.eval")
    pickle_case("getattr.pth", name("builtins", "getattr") + tuple_of(name("torch", "Tensor"), text("x")) + b"R", "names builtins.getattr")
    pickle_case("nested_attribute.pth", text("torch._utils") + text("_rebuild_tensor_v2.__globals__") + b"\x93", "names torch._utils.")
    pickle_case("torch_load.pth", name("torch", "load"), "names torch.load, which is not on the list")
    pickle_case("quantised_storage.pth", name("torch", "QUInt4x2Storage"), "holds a quantised tensor (torch.QUInt4x2Storage)")
    pickle_case("device_tensor.pth", name("torch._utils", "_rebuild_device_tensor_from_numpy"), "that has no counterpart here")
    pickle_case("numpy.pth", name("numpy.core.multiarray", "_reconstruct"), "names numpy.core.multiarray._reconstruct")
    pickle_case("module.pth", name("torchvision.models.resnet", "ResNet"), "torch.save(model.state_dict(), FILE)")
    pickle_case("sparse.pth", name("torch._utils", "_rebuild_sparse_tensor"), "holds a sparse tensor")
    pickle_case("quantised.pth", name("torch._utils", "_rebuild_qtensor"), "holds a quantised tensor")
    pickle_case("inst.pth", MARK + text("id") + b"ios\nsystem\n", "byte 10: the pickle uses opcode INST")
    pickle_case("obj.pth", MARK + name("torch", "Size") + b"o", "opcode OBJ")
    pickle_case("newobj.pth", name("torch", "Size") + b")\x81", "opcode NEWOBJ")
    pickle_case("ext.pth", b"\x82\x01", "opcode EXT1")
    pickle_case("persid.pth", b"Pname\n", "opcode PERSID")
    pickle_case("next_buffer.pth", b"\x97", "opcode NEXT_BUFFER")
    pickle_case("unknown_opcode.pth", b"\xfe", "unknown opcode 0xfe")
    pickle_case("build_on_tensor.pth", f32("0", [2]) + dict_of([("x", NONE)]) + b"b", "sets the state of a tensor")
    pickle_case("call_a_text.pth", text("os.system") + b")R", "the pickle calls a text")
    pickle_case("call_a_dtype.pth", name("torch", "float32") + b")R", "torch.float32 is called")
    pickle_case("empty_stack.pth", b"0", "opcode POP: the pickle takes an object from an empty stack")
    pickle_case("below_mark.pth", NONE + MARK + b"\x85", "from an empty stack")
    pickle_case("no_mark.pth", NONE + b"t", "closes a group that was not opened")
    pickle_case("open_mark.pth", MARK + NONE, "more or less than one object")
    pickle_case("two_objects.pth", NONE + NONE, "more or less than one object")
    pickle_case("memo_miss.pth", b"h\x05", "recalls object 5")
    pickle_case("append_to_dict.pth", b"}" + NONE + b"a", "adds items to a dict")
    pickle_case("odd_items.pth", b"}" + MARK + NONE + b"u", "a key without a value")
    pickle_case("long_text.pth", b"X\xff\xff\xff\xffabc", "ends in the middle of a pickle")
    pickle_case("huge_text.pth", b"\x8d" + b"\xff" * 8, "ends in the middle of a pickle")
    pickle_case("huge_frame.pth", b"\x95" + b"\xff" * 8, "a frame beyond its end")
    pickle_case("protocol9.pth", b"\x80\x09" + NONE, "is of protocol 9")
    pickle_case("long_name.pth", b"c" + b"a" * 600 + b"\nb\n", "a name of more than 512 bytes")
    pickle_case("control_name.pth", b"ca\x1b[2J\nb\n", "names a\\x1b[2J.b")
    # A tensor under a thousand lists, twenty levels of everything twice, and a list that contains itself.
    pickle_case("deep.pth", b"]" * 1000 + f32("0", [2]) + b"a" * 1000, "nested more than 100 deep", [("0", floats(1, 2))])
    laughs = b"]q\0" + b"".join(b"](h" + bytes([i]) + b"h" + bytes([i]) + b"eq" + bytes([i + 1]) for i in range(60)) + b""
    pickle_case("laughs.pth", MARK + b"]" + f32("0", [2]) + b"aq\0" + laughs[3:] + b"t", "the same objects are contained in too many others", [("0", floats(1, 2))])
    pickle_case("itself.pth", b"]q\0h\0a", "nested more than 100 deep")

    pickle_case("negative_dim.pth", f32("0", [2, -1], elements=2), "shape is -1", [("0", floats(1, 2))])
    pickle_case("negative_stride.pth", f32("0", [2], elements=2, strides=[-1]), "strides is -1", [("0", floats(1, 2))])
    pickle_case("offset_beyond.pth", f32("0", [2], elements=2, offset=1), "reaches beyond its storage of 2 elements", [("0", floats(1, 2))])
    pickle_case("stride_beyond.pth", f32("0", [2], elements=2, strides=[2]), "reaches beyond its storage", [("0", floats(1, 2))])
    pickle_case("stride_overflow.pth", f32("0", [3, 3], elements=2, strides=[2**62, 2**62]), "reaches beyond its storage", [("0", floats(1, 2))])
    pickle_case("dims_overflow.pth", f32("0", [2**32, 2**32], elements=2), "is too large", [("0", floats(1, 2))])
    pickle_case("expanded_bomb.pth", f32("0", [2**30, 2], elements=2, strides=[0, 1]), "tensors that do not lie dense", [("0", floats(1, 2))])
    pickle_case("rank.pth", f32("0", [1] * 65, elements=1), "65 dimensions", [("0", floats(1))])
    pickle_case("storage_negative.pth", tensor(storage("FloatStorage", "0", -4), [1]), "the size of a storage is -4")
    pickle_case("storage_overflow.pth", tensor(storage("DoubleStorage", "0", 2**61), [1]), "a storage has 2305843009213693952 elements")
    pickle_case("storage_lies.pth", f32("0", [2]), "has 4 bytes where the pickle says 8", [("0", floats(1))])
    pickle_case("storage_missing.pth", f32("9", [2]), "'archive/data/9' that the pickle speaks of is missing", [("0", floats(1))])
    pickle_case("storage_twice.pth", dict_of([("a", f32("0", [2])), ("b", tensor(storage("IntStorage", "0", 2), [2]))]), "is described twice", [("0", floats(1, 2))])
    pickle_case("storage_is_dtype.pth", tensor(storage("float32", "0", 2), [2]), "torch.float32 is not a storage")
    pickle_case("module_source.pth", tuple_of(text("module"), name("torch", "Size"), text("f.py"), text("source"), integer(0)) + b"Q", "the source code of a module")
    pickle_case("conjugated.pth", tensor(storage("ComplexFloatStorage", "0", 1), [1], tail=FALSE + NONE + dict_of([("conj", TRUE)])), "resolve_conj", [("0", floats(1, 2))])
    pickle_case("same_name.pth", dict_of([("a.b", f32("0", [2])), ("a", dict_of([("b", f32("0", [2]))]))]), "two tensors are named 'a.b'", [("0", floats(1, 2))])
    pickle_case("tuple_key.pth", b"})" + f32("0", [2]) + b"s", "neither a text nor an integer", [("0", floats(1, 2))])


def hostile_archives():
    def entries(**lies):
        return [Entry("a/data.pkl", pickled(dict_of([("x", f32("0", [2]))]))), Entry("a/data/0", floats(1, 2), **lies)]

    refused("zip_crc.pth", zip_of(entries(crc=1)), "'a/data/0': fails its checksum")
    refused("zip_deflated.pth", zip_of(entries(method=8)), "is compressed (method 8)")
    refused("zip_encrypted.pth", zip_of(entries(flags=1)), "an encrypted entry 'a/data/0'")
    refused("zip_too_long.pth", zip_of(entries(size=2**20)), "of 1048576 bytes that does not fit")
    refused("zip64_lies.pth", zip_of(entries(size=2**63), zip64=True), "that does not fit")
    refused("zip_same_name.pth", zip_of(entries() + [Entry("a/data/0", floats(3, 4))]), "two entries 'a/data/0'")
    refused("zip_other_name.pth", zip_of(entries(local_path=b"a/data/1")), "contradicts itself about the entry 'a/data/0'")
    refused("zip_overlap.pth", zip_of(entries() + [Entry("a/data/0", b"", at=0)]), "contradicts itself")
    inner = struct.pack("<IHHHHHIIIHH", 0x04034B50, 20, 0, 0, 0, 0, zlib.crc32(b"hi"), 2, 2, 3, 0) + b"a/xhi"
    nested = entries() + [Entry("a/outer", inner, align=False)]
    at = zip_of(nested).index(inner)
    refused("zip_overlapping.pth", zip_of(nested + [Entry("a/x", b"hi", at=at)]), "entries that overlap: 'a/outer' and 'a/x'")
    refused("zip_count.pth", zip_of(entries(), count=60000), "does not fit in front of its end")
    refused("zip_fewer.pth", zip_of(entries(), count=1), "a directory of another size")
    refused("zip_tail.pth", zip_of(entries(), tail=b"more"), "no directory at its end")
    refused("zip_cut.pth", zip_of(entries())[:-30], "no directory at its end")
    refused("zip_other.pth", zip_of([Entry("readme.txt", b"hello")]), "has no data.pkl")
    refused("arrays.npz", zip_of([Entry("x.npy", b"\x93NUMPY")]), "NumPy archive")
    refused("program.pt2", zip_of([Entry("m/archive_format", b"pt2")]), "an exported program")
    refused("script.pt", torch_zip(dict_of([]), extra=[Entry("archive/constants.pkl", pickled(b")"))]), "a TorchScript program")
    refused("two_checkpoints.pth", zip_of([Entry("a/data.pkl", pickled(NONE)), Entry("b/data.pkl", pickled(NONE))]), "two checkpoints")
    refused("zip_big_endian.pth", torch_zip(dict_of([]), order="big"), "big-endian")

    one = dict_of([("x", f32("0", [2]))])
    good = torch_stream(one, [("0", 2, floats(1, 2))])
    refused("stream_cut.pth", good[:-3], "ends in the middle of storage '0'")
    refused("stream_cut_early.pth", good[:100], "ends in the middle of a pickle")
    refused("stream_size.pth", torch_stream(one, [("0", 2**40, floats(1, 2))]), "has 1099511627776 elements where the pickle says 2")
    refused("stream_missing.pth", torch_stream(one), "storage '0' is missing")
    refused("stream_twice.pth", torch_stream(one, [("0", 2, floats(1, 2)), ("0", 2, floats(1, 2))]), "storage '0' is there twice")
    refused("stream_unknown.pth", torch_stream(one, [("7", 2, floats(1, 2))]), "a storage '7' that no tensor uses")
    refused("stream_big_endian.pth", torch_stream(one, [("0", 2, floats(1, 2))], little=False), "big-endian")
    refused("stream_version.pth", torch_stream(one, version=1002), "an unknown version")
    view = tuple_of(text("v"), integer(1), integer(2))
    refused("stream_view.pth", torch_stream(dict_of([("x", tensor(storage("FloatStorage", "0", 2, view), [2]))]), [("0", 2, floats(1, 2))]),
            "a view of 2 elements at 1 reaches beyond")
    refused("plain.pkl", pickled(dict_of([])), "a plain pickle")
    refused("old.tar.pth", b"storages".ljust(257, b"\0") + b"ustar\0" + bytes(300), "a tar archive")
    refused("weights.h5", b"\x89HDF\r\n\x1a\n" + bytes(16), "an HDF5 file")
    refused("nothing.pth", b"", "the file is empty")
    refused("noise.pth", b"not a checkpoint at all", "not a checkpoint that is known")


def hostile_safetensors():
    def entry(dtype="F32", shape=(2,), offsets=(0, 8)):
        return {"dtype": dtype, "shape": list(shape), "data_offsets": list(offsets)}

    data = floats(1, 2)
    refused("long_header.safetensors", safetensors({"a": entry()}, data, length=2**40), "the header says that it has 1099511627776 bytes")
    refused("cut.safetensors", safetensors({"a": entry()}, data)[:-1], "outside the 7 bytes of data")
    refused("tail.safetensors", safetensors({"a": entry()}, data + b"x"), "1 bytes follow the last tensor")
    refused("overlap.safetensors", safetensors({"a": entry(), "b": entry()}, data), "overlap at byte 0")
    refused("hole.safetensors", safetensors({"a": entry(offsets=(8, 16))}, data + data), "leave a hole at byte 8")
    refused("size.safetensors", safetensors({"a": entry(shape=(3,))}, data), "8 bytes are not what F32[3] takes")
    refused("overflow.safetensors", safetensors({"a": entry(shape=(2**62, 2**62))}, data), "8 bytes are not what F32")
    refused("backwards.safetensors", safetensors({"a": entry(offsets=(8, 0))}, data), "outside the 8 bytes")
    refused("dtype.safetensors", safetensors({"a": entry("F6_E2M3")}, data), "tensor 'a': has the unknown dtype 'F6_E2M3'")
    refused("twice.safetensors", safetensors(b'{"a":' + json.dumps(entry()).encode() + b',"a":{"dtype":"F32","shape":[0],"data_offsets":[8,8]}}', data), "two tensors are named 'a'")
    refused("field_twice.safetensors", safetensors(b'{"a":{"dtype":"F32","dtype":"I32","shape":[2],"data_offsets":[0,8]}}', data), "the field 'dtype' twice")
    refused("field.safetensors", safetensors({"a": {**entry(), "code": "x"}}, data), "an unknown field 'code'")
    refused("missing.safetensors", safetensors({"a": {"dtype": "F32"}}, data), "without dtype, shape or data_offsets")
    refused("negative.safetensors", safetensors({"a": entry(shape=(-2,))}, data), "a negative number")
    refused("fraction.safetensors", safetensors({"a": entry(shape=(2.5,))}, data), "a fraction")
    refused("nested.safetensors", safetensors(b'{"a":{"shape":' + b"[" * 5000 + b"]" * 5000 + b"}}", data), "in an odd place")
    refused("json.safetensors", safetensors(b'{"a": nope}', data), "no JSON at its byte 8")
    refused("metadata.safetensors", safetensors({"__metadata__": {"a": 1}, "a": entry()}, data), "a number in an odd place")
    refused("string.safetensors", safetensors({"a": "F32"}, data), "a text in an odd place")


def main():
    for make in (good_files, hostile_pickles, hostile_archives, hostile_safetensors):
        make()
    CORPUS.mkdir(parents=True, exist_ok=True)
    names = [file for file, *_ in CASES]
    if len(set(names)) != len(names):
        sys.exit("two cases share a file name")
    for old in CORPUS.iterdir():
        if old.name not in names:
            old.unlink()
    for file, data, *_ in CASES:
        (CORPUS / file).write_bytes(data)
    rows = [f"{file}\t{outcome}\t{says}\n" for file, _, outcome, says in CASES]
    (HERE / "checkpoints.txt").write_text("".join(rows))
    print(f"{len(CASES)} files in {CORPUS}")


if __name__ == "__main__":
    main()
