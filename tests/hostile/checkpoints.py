"""Pickles with evil opcodes and names, archives that lie, safetensors with headers that do not add up."""

import json
import pathlib
import struct
import sys
import zlib

from corpus import WEIGHTS, hole

TESTS = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(TESTS / "import"))
import make_checkpoints as made  # noqa: E402  the parts that pickles and archives are put together from

ROW = "pickle"


def archive(pickle, data=((b"0", bytes(8)),), folder=b"archive", **more):
    entries = [(folder + b"/data.pkl", pickle), (folder + b"/version", b"3\n")]
    entries += [(folder + b"/data/" + name, contents) for name, contents in data]
    return stored(entries, **more)


def stored(
    entries,
    method=0,
    crc=None,
    sizes=None,
    locals_=None,
    names=None,
    extra=b"",
    count=None,
    directory=None,
    order=None,
    local_names=None,
    flags=0,
    tail=b"",
    offsets=None,
):
    """A zip archive of stored entries, any part of which can be a lie."""
    out, central = bytearray(), bytearray()
    starts = []
    for i, (name, contents) in enumerate(entries):
        check = zlib.crc32(contents) if crc is None else crc
        size = len(contents) if sizes is None else sizes
        starts.append(len(out))
        local_name = name if local_names is None else local_names[i]
        out += struct.pack(
            "<4sHHHHHIIIHH", b"PK\3\4", 20, flags, method, 0, 0, check, len(contents), len(contents), len(local_name), 0
        )
        out += local_name + contents
        at = starts[i] if offsets is None else offsets[i]
        central += struct.pack(
            "<4sHHHHHHIIIHHHHHII",
            b"PK\1\2",
            20,
            20,
            flags,
            method,
            0,
            0,
            check,
            size,
            size,
            len(name),
            len(extra),
            0,
            0,
            0,
            0,
            at,
        )
        central += name + extra
    start = len(out)
    out += central
    total = len(entries) if count is None else count
    out += (
        struct.pack(
            "<4sHHHHIIH",
            b"PK\5\6",
            0,
            0,
            total & 0xFFFF,
            total & 0xFFFF,
            len(central),
            start if directory is None else directory,
            len(tail),
        )
        + tail
    )
    return bytes(out)


def plain():
    return made.pickled(made.ordered_dict([("w", made.f32("0", [2]))]))


def pickles(corpus):
    def case(name, body, row=ROW, code=3, data=((b"0", bytes(8)),)):
        corpus.file(row, name, "w.pth", archive(body, data), command=WEIGHTS, code=code)

    def bad(name, body, protocol=2):
        case(name, made.pickled(body, protocol))

    def call(module, attribute, *arguments):
        return made.name(module, attribute) + made.tuple_of(*arguments) + b"R"

    text, integer, tuple_of, name = made.text, made.integer, made.tuple_of, made.name
    command = text("touch /tmp/burnish_was_here")
    evil = [
        ("os", "system"),
        ("posix", "system"),
        ("nt", "system"),
        ("subprocess", "Popen"),
        ("subprocess", "check_output"),
        ("builtins", "eval"),
        ("builtins", "exec"),
        ("builtins", "compile"),
        ("builtins", "__import__"),
        ("builtins", "getattr"),
        ("builtins", "open"),
        ("__builtin__", "eval"),
        ("__builtin__", "apply"),
        ("runpy", "_run_code"),
        ("runpy", "run_path"),
        ("importlib", "import_module"),
        ("pickle", "loads"),
        ("_pickle", "loads"),
        ("marshal", "loads"),
        ("types", "CodeType"),
        ("types", "FunctionType"),
        ("operator", "attrgetter"),
        ("operator", "methodcaller"),
        ("functools", "partial"),
        ("functools", "reduce"),
        ("itertools", "starmap"),
        ("code", "interact"),
        ("pty", "spawn"),
        ("socket", "create_connection"),
        ("webbrowser", "open"),
        ("ctypes", "CDLL"),
        ("asyncio.unix_events", "_UnixSubprocessTransport._start"),
        ("idlelib.pyshell", "ModifiedInterpreter.runcommand"),
        ("lib2to3.pgen2.grammar", "Grammar.loads"),
        ("timeit", "timeit"),
        ("pydoc", "pipepager"),
        ("profile", "run"),
        ("cProfile", "runctx"),
        ("bdb", "Bdb.run"),
        ("numpy.testing._private.utils", "runstring"),
        ("torch", "load"),
        ("torch.hub", "load"),
        ("torch.serialization", "load"),
        ("torch.jit", "load"),
        ("torch.ops", "load_library"),
        ("torch.utils.cpp_extension", "load_inline"),
        ("torch._inductor.codecache", "PyCodeCache.load"),
        ("torch.fx.graph_module", "reduce_graph_module"),
        ("torch.storage", "_load_from_bytes"),
        ("torch.storage", "TypedStorage"),
        ("torch._utils", "_import_dotted_name"),
        ("torch._tensor", "_rebuild_from_type"),
        ("torch._utils", "_rebuild_wrapper_subclass"),
        ("torch.nn.modules.linear", "Linear"),
        ("torch", "FloatStorage.from_file"),
        ("torch", "UntypedStorage.from_file"),
        ("torch", "os"),
        ("torch", "_utils"),
        ("torch._utils", "torch"),
        ("torch.nn", "Module"),
        ("torch", "nn.Module"),
        ("torch", ""),
        ("", "torch"),
        ("", ""),
        ("torch ", "Tensor"),
        ("torch", "Tensor "),
        ("TORCH", "Tensor"),
        ("torch\0", "Tensor"),
        ("torch..", "Tensor"),
        ("collections", "OrderedDict.__init__"),
        ("collections", "OrderedDict.__reduce__"),
        ("collections", "namedtuple"),
        ("_codecs", "decode"),
        ("_codecs", "lookup"),
        ("codecs", "open"),
        ("copyreg", "_reconstructor"),
        ("copy_reg", "_reconstructor"),
        ("site", "main"),
        ("sys", "modules"),
        ("sys", "exit"),
        ("io", "FileIO"),
        ("shutil", "rmtree"),
        ("tempfile", "mktemp"),
        ("pathlib", "Path"),
        ("linecache", "getline"),
        ("distutils.file_util", "write_file"),
        ("logging.config", "_resolve"),
    ]
    for module, attribute in evil:
        short = f"{module}.{attribute}".replace(" ", "_").replace("\0", "0").replace(".", "_") or "none"
        label = f"{evil.index((module, attribute)):03}_{short}"
        bad(f"global_{label}", call(module, attribute, command))
        if attribute in ("system", "eval", "getattr", "_load_from_bytes"):
            stack = text(module) + text(attribute) + b"\x93" + tuple_of(command) + b"R"
            bad(f"stack_global_{label}", stack, 4)
            bad(f"named_only_{label}", name(module, attribute))
            bad(f"inst_{label}", b"(" + command + b"i" + module.encode() + b"\n" + attribute.encode() + b"\n")
            bad(f"obj_{label}", b"(" + name(module, attribute) + command + b"o")
            bad(f"newobj_{label}", name(module, attribute) + tuple_of(command) + b"\x81")
            bad(f"newobj_ex_{label}", name(module, attribute) + tuple_of(command) + b"}\x92", 4)
            bad(
                f"in_a_dictionary_{label}",
                made.ordered_dict([("w", made.f32("0", [2])), ("x", call(module, attribute, command))]),
            )
            bad(f"before_a_good_one_{label}", call(module, attribute, command) + b"0" + plain()[2:-1])
            bad(f"after_a_good_one_{label}", plain()[2:-1] + call(module, attribute, command) + b"0")
            bad(
                f"as_state_{label}",
                made.ordered_dict([("w", made.f32("0", [2]))]) + call(module, attribute, command) + b"b",
            )
            bad(
                f"as_persistent_{label}",
                tuple_of(text("storage"), call(module, attribute, command), text("0"), text("cpu"), integer(2)) + b"Q",
            )
            bad(f"memoised_{label}", name(module, attribute) + b"q\0" + b"0h\0" + tuple_of(command) + b"R")
    # getattr chains out of names that are allowed
    bad("getattr_of_allowed", call("builtins", "getattr", name("collections", "OrderedDict"), text("__init__")))
    bad(
        "getattr_chain",
        call(
            "builtins", "getattr", call("builtins", "getattr", name("torch", "Tensor"), text("__class__")), text("mro")
        ),
    )
    bad("dotted_allowed", text("torch") + text("Tensor.__class__") + b"\x93" + b")R", 4)
    bad(
        "dotted_allowed_2",
        text("collections") + text("OrderedDict.__class__.__base__.__subclasses__") + b"\x93" + b")R",
        4,
    )
    # allowed names, called wrongly
    allowed = [
        ("collections", "OrderedDict"),
        ("collections", "defaultdict"),
        ("builtins", "set"),
        ("builtins", "list"),
        ("torch", "Size"),
        ("torch", "device"),
        ("torch", "Tensor"),
        ("torch._utils", "_rebuild_tensor_v2"),
        ("torch._utils", "_rebuild_tensor_v3"),
        ("torch._utils", "_rebuild_parameter"),
        ("torch._tensor", "_rebuild_from_type_v2"),
        ("torch", "FloatStorage"),
        ("torch", "float32"),
        ("_codecs", "encode"),
        ("torch.storage", "UntypedStorage"),
        ("builtins", "complex"),
    ]
    harmless = {"defaultdict", "list", "device", "complex", "OrderedDict"}
    for module, attribute in allowed:
        label = f"{module}_{attribute}".replace(".", "_")
        wrong = {
            "integers": [integer(-1), integer(2**62), integer(-(2**62))],
            "self": [name(module, attribute)] * 4,
            "texts": [text("a")] * 7,
            "many": [integer(1)] * 1000,
            "dict": [b"}"],
            "nones": [b"N"] * 4,
        }
        for kind, arguments in wrong.items():
            code = (0, 3) if attribute in harmless else 3
            case(
                f"wrong_{label}_{kind}", made.pickled(name(module, attribute) + tuple_of(*arguments) + b"R"), code=code
            )
        case(f"wrong_{label}_not_a_tuple", made.pickled(name(module, attribute) + integer(1) + b"R"))
        case(f"wrong_{label}_list", made.pickled(name(module, attribute) + b"]R"))
        case(f"wrong_{label}_build", made.pickled(name(module, attribute) + b"}b"))
    f32, tensor, storage = made.f32, made.tensor, made.storage
    bad("tensor_beyond", tensor(storage("FloatStorage", "0", 2), [3]))
    bad("tensor_offset", tensor(storage("FloatStorage", "0", 2), [2], offset=1))
    bad("tensor_offset_negative", tensor(storage("FloatStorage", "0", 2), [2], offset=-1))
    bad("tensor_offset_huge", tensor(storage("FloatStorage", "0", 2), [2], offset=2**62))
    bad("tensor_dims_negative", tensor(storage("FloatStorage", "0", 2), [-2], strides=[1]))
    bad("tensor_dims_wrap", tensor(storage("FloatStorage", "0", 2), [2**32, 2**32], strides=[0, 0]))
    bad("tensor_dims_huge", tensor(storage("FloatStorage", "0", 2), [2**62], strides=[0]))
    bad("tensor_expanded", tensor(storage("FloatStorage", "0", 2), [2**30], strides=[0]))
    bad("tensor_strides_negative", tensor(storage("FloatStorage", "0", 2), [2], strides=[-1]))
    bad("tensor_strides_huge", tensor(storage("FloatStorage", "0", 2), [2], strides=[2**62]))
    bad("tensor_strides_wrap", tensor(storage("FloatStorage", "0", 2), [3, 3], strides=[2**62, 2**62]))
    bad("tensor_strides_fewer", tensor(storage("FloatStorage", "0", 2), [1, 2], strides=[1]))
    bad("tensor_rank", tensor(storage("FloatStorage", "0", 2), [1] * 65))
    bad("storage_missing", f32("7", [2]))
    bad("storage_larger", f32("0", [2], elements=3))
    bad("storage_huge", f32("0", [2], elements=2**61))
    bad("storage_negative", f32("0", [2], elements=-1))
    bad("storage_key_path", f32("../../../outside", [2]))
    bad("storage_key_absolute", f32("/etc/passwd", [2]))
    bad("storage_key_itself", f32("../data.pkl", [2]))
    bad("storage_kind", tensor(storage("EvilStorage", "0", 2), [2]))
    bad("storage_module", tensor(storage("FloatStorage", "0", 2, module="evil"), [2]))
    many = [("a" + str(i), tensor(storage("FloatStorage", "0", 2), [1 << 20], strides=[0])) for i in range(200)]
    bad("tensors_expanded_many", made.ordered_dict(many))
    # opcodes
    for number in range(256):
        if chr(number) in ".(0N" or number in (0x80, 0x95):
            continue
        bad(f"opcode_{number:02x}", bytes([number]))
    bad("opcode_mark", b"(")
    bad("opcode_pop", b"0")
    bad("opcode_none", b"N", 9)
    case("opcode_nothing", b"")
    case("opcode_only_stop", b".")
    case("opcode_no_stop", b"\x80\2}")
    case("frame_beyond", b"\x80\4\x95" + b"\xff" * 8 + b"}.")
    for width, opcode in (
        (1, b"\x8c"),
        (4, b"X"),
        (8, b"\x8d"),
        (4, b"B"),
        (8, b"\x8e"),
        (4, b"T"),
        (1, b"C"),
        (1, b"U"),
        (4, b"\x8b"),
    ):
        bad(f"text_{opcode.hex()}_too_long", opcode + b"\xff" * width + b"a")
        bad(f"text_{opcode.hex()}_i63", opcode + (b"\xff" * (width - 1) + b"\x7f") + b"a")
    bad("memo_missing", b"h\x09")
    bad("memo_huge", b"N" + b"r" + b"\xff" * 4 + b"j\xfe\xff\xff\xff")
    bad("itself", b"]q\0h\0a" + b"h\0")
    bad("itself_in_a_dictionary", b"}q\0X\1\0\0\0ah\0s")
    bad("deep_tuples", b"N" + b"\x85" * 1_000_000)
    bad("deep_lists", b"]" * 100_000 + b"a" * 99_999)
    bad("deep_with_a_tensor", f32("0", [2]) + b"\x85" * 5000)
    bad("marks", b"(" * 3_000_000 + b"N")
    bad("nones", b"N" * 3_000_000)
    bad("lists", b"]" * 3_000_000)
    doubling = (
        b"]N"
        + b"a"
        + b"q\0"
        + b"".join(b"]h" + bytes([i]) + b"ah" + bytes([i]) + b"aq" + bytes([i + 1]) for i in range(60))
    )
    bad("laughs", doubling)
    laughs = (
        f32("0", [2])
        + b"q\0"
        + b"".join(b"]h" + bytes([i]) + b"ah" + bytes([i]) + b"aq" + bytes([i + 1]) for i in range(60))
    )
    bad("laughs_of_tensors", laughs)
    grow = (
        b"("
        + b"N" * 60000
        + b"lq\0".replace(b"l", b"t")
        + b"".join(name("torch", "Size") + b"h\0\x85R0" for _ in range(2000))
    )
    bad("copied_arguments", grow + b"}")
    case("memo_many", made.pickled(b"N" + b"".join(b"r" + struct.pack("<I", i) for i in range(2_500_000))))


def archives(corpus):
    row = "archive"
    good = [(b"archive/data.pkl", plain()), (b"archive/data/0", bytes(8)), (b"archive/version", b"3\n")]

    def case(name, data, code=3, file="w.pth"):
        corpus.file(row, name, file, data, command=WEIGHTS, code=code)

    case("good", stored(good), code=3)  # a zip that is right, whose names are not those of the network
    corpus.cases[-1]["says"] = "w"
    case("crc", stored(good, crc=0x12345678))
    case("compressed", stored(good, method=8))
    case("method_99", stored(good, method=99))
    case("encrypted", stored(good, flags=1))
    case("sizes_larger", stored(good, sizes=1 << 30))
    case("sizes_all_ones", stored(good, sizes=0xFFFFFFFF))
    case("sizes_zero", stored(good, sizes=0))
    case("count_more", stored(good, count=4))
    case("count_fewer", stored(good, count=2))
    case("count_most", stored(good, count=0xFFFF))
    case("directory_beyond", stored(good, directory=1 << 31))
    case("directory_at_start", stored(good, directory=0))
    case("duplicate_names", stored(good + [(b"archive/data/0", b"evil" * 2)]))
    case("duplicate_pickles", stored(good + [(b"archive/data.pkl", plain())]))
    case("two_folders", stored(good + [(b"other/data.pkl", plain())]))
    case("names_differ", stored(good, local_names=[b"archive/evil.pkl", b"archive/data/0", b"archive/version"]))
    case("overlap", stored(good, offsets=[0, 0, 0]))
    case("offsets_beyond", stored(good, offsets=[1 << 30] * 3))
    case("offsets_into_data", stored(good, offsets=[10, 20, 30]))
    same = [(b"archive/data.pkl", plain())] + [(b"archive/data/%d" % i, bytes(8)) for i in range(100)]
    case("overlap_all", stored(same, offsets=[0] + [len(plain()) + 46] * 100))
    case("absolute_names", stored([(b"/etc/data.pkl", plain()), (b"/etc/data/0", bytes(8))]))
    case("parent_names", stored([(b"../data.pkl", plain()), (b"../data/0", bytes(8))]))
    case("nul_names", stored([(b"archive/data.pkl\0", plain()), (b"archive/data/0", bytes(8))]))
    case("empty_names", stored([(b"", plain())]))
    case("long_names", stored([(b"a" * 65000 + b"/data.pkl", plain())]))
    case("no_pickle", stored([(b"archive/x", b"x")]))
    case("nested_zip", stored([(b"archive/data.pkl", stored(good)), (b"archive/data/0", bytes(8))]))
    case("nested_zip_as_data", stored([(b"archive/inner.zip", stored(good))]))
    case("only_directory", struct.pack("<4sHHHHIIH", b"PK\5\6", 0, 0, 0, 0, 0, 0, 0))
    case("only_end", b"PK\5\6")
    case("only_start", b"PK\3\4")
    whole = stored(good)
    for cut in (1, 4, 22, 30, 60, 100):
        case(f"cut_{cut}", whole[:-cut])
    for at in (0, 5, 14, 18, 26, 30, len(whole) - 10, len(whole) - 22, len(whole) - 60):
        flipped = bytearray(whole)
        flipped[at] ^= 0x41
        case(f"flip_{at}", bytes(flipped))
    case("tail", whole + b"x" * 100000)
    case("comment_beyond", whole[:-2] + b"\xff\xff")
    case("bomb", stored([(b"archive/data.pkl", zlib.compress(bytes(10_000_000))[2:-4])], method=8))
    case("many_entries", stored([(b"archive/data.pkl", plain())] + [(b"archive/e%d" % i, b"") for i in range(60_000)]))
    case("folders", stored([(b"archive/" + b"d/" * 1000 + b"data.pkl", plain())]))
    # 64-bit forms that lie
    entries = len(whole)
    for name, (size, at) in {
        "size_u64": (2**64 - 1, 0),
        "offset_u64": (0, 2**64 - 1),
        "offset_wraps": (1 << 63, 1 << 63),
        "itself": (100, entries),
    }.items():
        end64 = struct.pack("<4sQHHIIQQQQ", b"PK\6\6", 44, 45, 45, 0, 0, 3, 3, size, at)
        locator = struct.pack("<4sIQI", b"PK\6\7", 0, entries, 1)
        end = struct.pack("<4sHHHHIIH", b"PK\5\6", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)
        case("zip64_" + name, whole + end64 + locator + end)
    for name, at in {"beyond": 1 << 40, "u64": 2**64 - 1, "start": 0}.items():
        locator = struct.pack("<4sIQI", b"PK\6\7", 0, at, 1)
        end = struct.pack("<4sHHHHIIH", b"PK\5\6", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)
        case("zip64_locator_" + name, whole + locator + end)
    for name, extra in {
        "missing": b"",
        "short": struct.pack("<HHI", 1, 4, 1),
        "huge": struct.pack("<HHQQQ", 1, 24, 2**64 - 1, 2**64 - 1, 2**64 - 1),
        "length": struct.pack("<HH", 1, 60000),
    }.items():
        case("zip64_extra_" + name, stored(good, sizes=0xFFFFFFFF, extra=extra))
    # the older stream
    stream = (TESTS / "fuzz" / "corpus" / "checkpoint" / "stream.pth").read_bytes()
    for cut in (1, 9, 20, len(stream) // 2, len(stream) - 20):
        case(f"stream_cut_{cut}", stream[:-cut])
    case("stream_header", stream[:20])
    case("stream_twice", stream + stream)
    # other things with the name of a checkpoint
    for name, data in {
        "empty": b"",
        "text": b"hello",
        "tar": bytes(257) + b"ustar" + bytes(300),
        "hdf5": b"\x89HDF\r\n\x1a\n" + bytes(50),
        "gguf": b"GGUF" + b"\xff" * 40,
        "pickle": b"\x80\2}.",
        "gzip": b"\x1f\x8b" + bytes(50),
        "onnx": b"\x08\7\x12\1x",
        "system_pickle": b"cos\nsystem\n(S'id'\ntR.",
    }.items():
        case("other_" + name, data)
    folder = corpus.place(row, "sparse_terabyte")
    hole(folder / "w.pth", 1 << 40)
    corpus.add(row, "sparse_terabyte", "w.pth", command=WEIGHTS, code=(3, 4))
    rows = [r.split("\t") for r in (TESTS / "import" / "checkpoints.txt").read_text().splitlines() if r]
    for file, result, *_ in rows:
        if result == "refused":
            case(
                "corpus_" + file.replace(".", "_"),
                (TESTS / "fuzz" / "corpus" / "checkpoint" / file).read_bytes(),
                file=file,
            )


def safetensors(corpus):
    row = "safetensors"

    def file(header, data=b"", length=None):
        text = header if isinstance(header, bytes) else json.dumps(header).encode()
        return struct.pack("<Q", len(text) if length is None else length) + text + data

    def case(name, data, code=3):
        corpus.file(row, name, "w.safetensors", data, command=WEIGHTS, code=code)

    def entry(shape, begin, end, dtype="F32"):
        return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}

    good = {"w": entry([2], 0, 8)}
    for name, length in {
        "zero": 0,
        "one": 1,
        "two": 2,
        "more": 200,
        "i32": 2**31,
        "u32": 2**32 - 1,
        "i63": 2**63 - 1,
        "u64": 2**64 - 1,
        "wraps": 2**64 - 8,
        "limit": 100_000_001,
    }.items():
        case("length_" + name, file(good, bytes(8), length))
    folder = corpus.place(row, "huge_header")
    hole(folder / "w.safetensors", 120_000_000)
    with open(folder / "w.safetensors", "r+b") as f:
        f.write(struct.pack("<Q", 110_000_000) + b'{"w":')
    corpus.add(row, "huge_header", "w.safetensors", command=WEIGHTS, says="header_bytes")
    case("spaces", file(b"{" + b" " * 3_000_000 + b"}", b"x"))
    case("overlap", file({"a": entry([2], 0, 8), "b": entry([2], 4, 12)}, bytes(12)))
    case("same_place", file({"a": entry([2], 0, 8), "b": entry([2], 0, 8)}, bytes(8)))
    case("hole", file({"a": entry([2], 0, 8), "b": entry([2], 12, 20)}, bytes(20)))
    case("hole_at_start", file({"a": entry([2], 4, 12)}, bytes(12)))
    case("tail", file(good, bytes(100)))
    case("cut", file(good, bytes(4)))
    case("backwards", file({"w": entry([2], 8, 0)}, bytes(8)))
    case("beyond", file({"w": entry([200], 0, 800)}, bytes(8)))
    case("negative_offset", file({"w": entry([2], -8, 0)}, bytes(8)))
    case("negative_dim", file({"w": entry([-2], 0, 8)}, bytes(8)))
    case("offsets_wrap", file({"w": entry([2], 2**64 - 8, 2**64 - 1)}, bytes(8)))
    case(
        "offsets_beyond_u64",
        file(b'{"w":{"dtype":"F32","shape":[2],"data_offsets":[0,' + b"9" * 400 + b"]}}", bytes(8)),
    )
    case("shape_wraps", file({"w": entry([2**32, 2**32], 0, 0)}))
    case("shape_huge", file({"w": entry([2**62], 0, 8)}, bytes(8)))
    case("shape_zero_huge", file({"w": entry([0, 2**62, 2**62], 0, 0)}), code=3)
    case("shape_rank", file({"w": entry([1] * 65, 0, 4)}, bytes(4)))
    case("shape_rank_million", file({"w": entry([1] * 300_000, 0, 4)}, bytes(4)))
    case("shape_real", file(b'{"w":{"dtype":"F32","shape":[2.0],"data_offsets":[0,8]}}', bytes(8)))
    case("shape_nan", file(b'{"w":{"dtype":"F32","shape":[NaN],"data_offsets":[0,8]}}', bytes(8)))
    case("shape_infinity", file(b'{"w":{"dtype":"F32","shape":[1e999],"data_offsets":[0,8]}}', bytes(8)))
    case("shape_text", file(b'{"w":{"dtype":"F32","shape":["2"],"data_offsets":[0,8]}}', bytes(8)))
    case("shape_null", file(b'{"w":{"dtype":"F32","shape":null,"data_offsets":[0,8]}}', bytes(8)))
    case("shape_of_lists", file(b'{"w":{"dtype":"F32","shape":[[[2]]],"data_offsets":[0,8]}}', bytes(8)))
    case("offsets_three", file(b'{"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8,16]}}', bytes(8)))
    case("offsets_one", file(b'{"w":{"dtype":"F32","shape":[2],"data_offsets":[0]}}', bytes(8)))
    case("dtype_unknown", file({"w": entry([2], 0, 8, "EVIL")}, bytes(8)))
    case("dtype_number", file(b'{"w":{"dtype":5,"shape":[2],"data_offsets":[0,8]}}', bytes(8)))
    case("dtype_size", file({"w": entry([2], 0, 8, "F64")}, bytes(8)))
    case("f4_odd", file({"w": entry([3], 0, 2, "F4")}, bytes(2)))
    case("no_dtype", file(b'{"w":{"shape":[2],"data_offsets":[0,8]}}', bytes(8)))
    case("no_offsets", file(b'{"w":{"dtype":"F32","shape":[2]}}', bytes(8)))
    case("unknown_field", file(b'{"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8],"code":"evil"}}', bytes(8)))
    case("field_twice", file(b'{"w":{"dtype":"F32","dtype":"F64","shape":[2],"data_offsets":[0,8]}}', bytes(8)))
    case(
        "name_twice",
        file(
            b'{"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},'
            b'"w":{"dtype":"F32","shape":[2],"data_offsets":[8,16]}}',
            bytes(16),
        ),
    )
    case("metadata_twice", file(b'{"__metadata__":{"a":"b"},"__metadata__":{"a":"c"}}'))
    case("metadata_list", file(b'{"__metadata__":["a"]}'))
    case("metadata_number", file(b'{"__metadata__":{"a":1}}'))
    case("metadata_nested", file(b'{"__metadata__":{"a":{"b":"c"}}}'))
    case("deep", file(b'{"w":' + b"[" * 1_000_000 + b"]" * 1_000_000 + b"}"))
    case("deep_objects", file(b'{"a":' * 500_000 + b"1" + b"}" * 500_000))
    case("cut_json", file(b'{"w":{"dtype":"F32"'))
    case("no_json", file(b"{]"))
    case("bad_utf8", file(b'{"\xff\xfe":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}', bytes(8)))
    case("surrogate", file(b'{"\\ud800":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}', bytes(8)))
    case("nul_name", file(b'{"a\\u0000b":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}', bytes(8)))
    case("control_name", file(b'{"\\u001b]0;evil\\u0007":{"dtype":"EVIL","shape":[2],"data_offsets":[0,8]}}', bytes(8)))
    many = ",".join(f'"t{i}":{{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}' for i in range(1_100_000)).encode()
    case("million_tensors", file(b"{" + many + b"}"))
    case("many_texts", file(b'{"__metadata__":{' + b",".join(b'"k%d":"v"' % i for i in range(1_000_000)) + b"}}"))


def make(corpus):
    pickles(corpus)
    archives(corpus)
    safetensors(corpus)
