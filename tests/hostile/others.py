"""Inputs of a run, graphs in text form, and plans."""

import ctypes
import json
import os
import struct
import subprocess

import numpy as np

from corpus import DISK, RUN, hole

TEXT = """graph @main(%x: f32[N,4]) where N in [1, 64] {
  %w: f32[4,3] = constant() {value = tensor(f32[4,3] [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12])}
  %y: f32[N,3] = matmul(%x, %w)
  return %y
}
"""


def arrays(corpus):
    row = "npy"

    def case(name, data, code=3, type_="f32[N,4]"):
        folder = corpus.place(row, name)
        text = f"graph @main(%x: {type_}) {{\n  %y: {type_} = identity(%x)\n  return %y\n}}\n"
        (folder / "model.txt").write_text(text)
        (folder / "x.npy").write_bytes(data)
        corpus.add(row, name, "model.txt", command=[*RUN, "--input", "x=x.npy"], code=code)

    def npy(header, data=bytes(16), version=1, length=None):
        text = header.encode() if isinstance(header, str) else header
        size = len(text) if length is None else length
        return b"\x93NUMPY" + bytes([version, 0]) + size.to_bytes(2 if version == 1 else 4, "little") + text + data

    def head(shape="(1, 4)", descr="'<f4'", order="False", tail=""):
        return f"{{'descr': {descr}, 'fortran_order': {order}, 'shape': {shape}{tail}}}\n"

    case("good", npy(head()), code=0)
    for name, shape in {
        "negative": "(-1, 4)",
        "huge": f"({2**62}, 4)",
        "wraps": f"({2**32}, {2**32})",
        "beyond_u64": f"({'9' * 50}, 4)",
        "real": "(1.0, 4)",
        "none": "None",
        "text": "'4'",
        "call": "(__import__('os').system('id'), 4)",
        "open": "(1, 4",
        "rank_65": "(" + "1, " * 65 + ")",
        "rank_20000": "(" + "1, " * 20000 + ")",
        "nested": "((1, 4),)",
        "list": "[1, 4]",
        "expression": "(2*2, 4)",
        "too_many": "(2, 4)",
        "too_few": "(0, 4)",
        "underscore": "(1_0, 4)",
        "hex": "(0x1, 4)",
    }.items():
        case("shape_" + name, npy(head(shape)))
    for name, descr in {
        "object": "'|O'",
        "structure": "[('a', '<f4')]",
        "unknown": "'<z4'",
        "huge": "'<f99999999999'",
        "empty": "''",
        "void": "'|V4'",
        "date": "'<M8[ns]'",
        "zero": "'<f0'",
        "negative": "'<f-4'",
        "string": "'<U4'",
        "string_huge": f"'<U{2**62}'",
        "string_none": "'<U0'",
        "call": "eval('1')",
        "number": "4",
    }.items():
        case("descr_" + name, npy(head(descr=descr)))
    case("object_pickle", npy(head(descr="'|O'"), b"\x80\4cos\nsystem\n(S'id'\ntR."))
    case("order", npy(head(order="Maybe")))
    case("key_unknown", npy(head(tail=", 'evil': 1")))
    case("key_twice", npy(head(tail=", 'shape': (4, 4)")))
    case("no_shape", npy("{'descr': '<f4', 'fortran_order': False}\n"))
    case("not_a_dictionary", npy("exec('1')\n"))
    case("deep", npy("{'descr': " + "(" * 60000))
    for name, length in {"more": 5000, "most": 65535, "zero": 0, "one": 1}.items():
        case("length_" + name, npy(head(), length=length))
    for name, length in {"most": 2**32 - 1, "i31": 2**31, "more": 100000}.items():
        case("length2_" + name, npy(head(), version=2, length=length))
    for version in (0, 4, 255):
        case(f"version_{version}", npy(head(), version=version))
    case("cut", npy(head(), bytes(15)))
    case("tail", npy(head(), bytes(17)))
    case("empty", b"")
    case("magic", b"\x93NUMPY")
    case("not", b"P" * 100)
    case("strings_bomb", npy(head(f"({2**40},)", "'<U0'"), b""), type_="string[N]")
    case("strings_short", npy(head("(4,)", "'<U4'"), bytes(10)), type_="string[N]")
    case("strings_points", npy(head("(1,)", "'<U1'"), b"\xff\xff\xff\xff"), type_="string[N]")
    case("bools", npy(head("(1, 4)", "'|b1'"), b"\x02\xff\x00\x01"), type_="bool[N,4]", code=0)
    case("narrow", npy(head("(1, 4)", "'|i1'"), b"\x7f\x80\x00\x01"), type_="i4[N,4]")
    folder = corpus.place(row, "sparse_terabyte")
    (folder / "model.txt").write_text(TEXT)
    hole(folder / "x.npy", 1 << 40)
    corpus.add(row, "sparse_terabyte", "model.txt", command=[*RUN, "--input", "x=x.npy"], code=(3, 4))
    folder = corpus.place(row, "fifo")
    (folder / "model.txt").write_text(TEXT)
    os.mkfifo(folder / "x.npy")
    corpus.add(row, "fifo", "model.txt", command=[*RUN, "--input", "x=x.npy"], code=(3, 4))


def texts(corpus):
    row = "text_form"

    def case(name, text, code=3, constants=None, command=None, **how):
        folder = corpus.place(row, name)
        (folder / "model.txt").write_bytes(text if isinstance(text, bytes) else text.encode())
        if constants is not None:
            (folder / "model.txt.safetensors").write_bytes(constants)
        corpus.add(row, name, "model.txt", code=code, **how, **({"command": command} if command else {}))

    def body(line, head="%x: f32[N,4]", result="%y"):
        return f"graph @main({head}) {{\n  {line}\n  return {result}\n}}\n"

    case("good", TEXT, code=0)
    for cut in (7, 20, 60, 90, 120, 150, len(TEXT) - 3):
        case(f"cut_{cut}", TEXT[:cut])
    case("tail", TEXT + "graph @other() {}\n")
    case("nul", TEXT.replace("matmul", "mat\0mul"))
    case("no_utf8", TEXT.encode().replace(b"matmul", b"mat\xffmul"))
    case("unknown_operator", body("%y: f32[N,4] = evil(%x)"))
    case("undefined", body("%y: f32[N,4] = relu(%z)"))
    case("defined_twice", body("%y: f32[N,4] = relu(%x)\n  %y: f32[N,4] = tanh(%x)"))
    case("itself", body("%y: f32[N,4] = relu(%y)"))
    case("wrong_type", body("%y: f32[N,5] = relu(%x)"))
    case("wrong_dtype", body("%y: i64[N,4] = relu(%x)"))
    case("no_type", body("%y = relu(%x)"), code=(0, 3))
    case("no_dtype", body("%y: evil[N,4] = relu(%x)"))
    case("rank_65", body("%y: f32[N,4] = relu(%x)", "%x: f32[" + "1," * 64 + "1]"))
    case("rank_100000", body("%y: f32[N,4] = relu(%x)", "%x: f32[" + "1," * 99999 + "1]"))
    odd = ("zero_division", "mod_zero", "overflow")  # any size may be asked for; none fits
    for name, dim in {
        "negative": "-5",
        "huge": str(2**62),
        "beyond": "9" * 50,
        "deep": "(" * 5000 + "1" + ")" * 5000,
        "terms": "+".join(f"a{i}*b{i}" for i in range(3000)),
        "power": "*".join(["N"] * 2000),
        "zero_division": "floordiv(N, 0)",
        "mod_zero": "mod(N, 0)",
        "real": "1.5",
        "empty": "",
        "call": "system(1)",
        "product": "*".join(f"(a{i} + b{i})" for i in range(40)),
        "min": str(-(2**63)),
        "overflow": f"N*{2**62}*{2**62}",
        "nested_calls": "max(" * 3000 + "N",
    }.items():
        case(
            "dim_" + name,
            body("%y: f32[N,4] = relu(%x)", f"%x: f32[{dim},4]", "%x"),
            code=(2, 3) if name in odd else 3,
            command=RUN if name in odd else None,
        )
    case("deep_types", body("%y: f32[N,4] = relu(%x)", "%x: " + "sequence<" * 5000 + "f32" + ">" * 5000))
    case("deep_lists", body("%y: f32[N,4] = relu(%x) {a = " + "[" * 100000 + "}"))
    region = "{\n  return %x\n}"
    for _ in range(300):
        region = "{\n  %y: f32[N,4] = if(%c) " + region + " " + "{\n  return %x\n}" + "\n  return %y\n}"
    case("deep_regions", body("%y: f32[N,4] = if(%c) " + region, "%x: f32[N,4], %c: bool[]"))
    case("comments", "//" + "x" * 5_000_000 + "\n" + TEXT, code=0)
    case("only_comment", "// graph\n" * 100)
    case("lines", "\n" * 5_000_000 + "graph @")
    case("long_name", body("%" + "n" * 5_000_000 + ": f32[N,4] = relu(%x)"))
    case("long_text", body('%y: f32[N,4] = relu(%x) {a = "' + "t" * 5_000_000))
    case("open_text", body('%y: f32[N,4] = relu(%x) {a = "'))
    case("escape", body('%"\\x4": f32[N,4] = relu(%x)'))
    for name, t in {
        "count_short": "tensor(f32[4] [1])",
        "count_long": "tensor(f32[1] [1, 2])",
        "huge": f"tensor(f32[{2**40}] [1])",
        "negative": "tensor(f32[-1] [])",
        "symbol": "tensor(f32[N] [1])",
        "hash": "tensor(f32[4] #" + "0" * 32 + ")",
        "hash_bad": "tensor(f32[4] #zz)",
        "no_dtype": "tensor(evil[1] [1])",
        "strings": "tensor(string[2] [1, 2])",
        "splat": f"tensor(f32[{2**30}] splat 1)",
        "wraps": f"tensor(f32[{2**32},{2**32}] [1])",
        "range": "tensor(u8[1] [256])",
        "unranked": "tensor(f32[...] [1])",
    }.items():
        case("tensor_" + name, body("%y: f32[4] = constant() {value = " + t + "}"))
    case("attribute_twice", body("%y: f32[N,4] = softmax(%x) {axis = 1, axis = 0}"))
    case("attribute_unknown", body("%y: f32[N,4] = softmax(%x) {evil = 1}"))
    case("attribute_kind", body('%y: f32[N,4] = softmax(%x) {axis = "1"}'))
    case("attribute_beyond", body("%y: f32[N,4] = softmax(%x) {axis = " + "9" * 40 + "}"))
    case("where", TEXT.replace("[1, 64]", "[64, 1]"))
    case("where_negative", TEXT.replace("[1, 64]", "[-5, 64]"), code=0)  # no size is negative: the range is [0, 64]
    case("where_huge", TEXT.replace("[1, 64]", f"[1, {2**62}]"))
    case("results", body("%y: f32[N,4], %z: f32[N,4] = relu(%x)"))
    case("operands", body("%y: f32[N,4] = relu(%x, %x, %x)"))
    case("return_undefined", body("%y: f32[N,4] = relu(%x)", result="%z"))
    case("return_nothing", "graph @main(%x: f32[N,4]) {\n}\n")
    case(
        "many_nodes",
        "graph @main(%x: f32[1]) {\n" + "".join(f"  %a{i}: f32[1] = relu(%x)\n" for i in range(600_000)),
        says="nodes",
    )
    case("constants_damaged", TEXT, constants=b"\xff" * 100)
    case(
        "constants_renamed",
        TEXT.replace("tensor(f32[4,3] [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12])", "tensor(f32[4,3] #" + "ab" * 16 + ")"),
        constants=struct.pack("<Q", 96)
        + json.dumps({"ab" * 16: {"dtype": "F32", "shape": [4, 3], "data_offsets": [0, 48]}}).encode().ljust(96)
        + bytes(48),
    )
    folder = corpus.place(row, "constants_link")
    (folder / "model.txt").write_text(TEXT)
    os.symlink("/etc/passwd", folder / "model.txt.safetensors")
    corpus.add(row, "constants_link", "model.txt")
    for name, make in {
        "folder": lambda f: f.mkdir(),
        "fifo": os.mkfifo,
        "device": lambda f: os.symlink("/dev/zero", f),
        "nothing": lambda f: None,
        "loop": lambda f: os.symlink(f.name, f),
        "sparse_terabyte": lambda f: hole(f, 1 << 40),
    }.items():
        folder = corpus.place(row, "model_is_" + name)
        make(folder / "model.onnx")
        corpus.add(row, "model_is_" + name, "model.onnx", code=(3, DISK))


# --- plans ---

HEADER, SECTION, BLOCK = struct.Struct("<8sII32sQIIQ"), struct.Struct("<IIQQQ"), 1 << 20


def hash64(data):
    library = ctypes.CDLL("libxxhash.so.0")
    library.XXH3_64bits.restype = ctypes.c_uint64
    return library.XXH3_64bits(ctypes.c_char_p(bytes(data)), ctypes.c_size_t(len(data)))


class Plan:
    """A plan taken apart; `joined` makes all hashes right again."""

    def __init__(self, data):
        self.data = data
        magic, version, header_bytes, build_id, size, sections, hashes, _ = HEADER.unpack_from(data)
        assert header_bytes == HEADER.size and size == len(data), "the header of a plan has changed: change this, too"
        self.head = (magic, version, header_bytes, build_id)
        self.sections = []
        for i in range(sections):
            kind, image, offset, length, _ = SECTION.unpack_from(data, HEADER.size + i * SECTION.size)
            self.sections.append([kind, image, data[offset : offset + length]])

    def joined(self, change=None, header=None):
        table, hashes, body = [], [], bytearray()
        start = HEADER.size + len(self.sections) * SECTION.size + 8 * sum(-(-len(s[2]) // BLOCK) for s in self.sections)
        for kind, image, data in self.sections:
            body += bytes(-(start + len(body)) % 64)
            table.append([kind, image, start + len(body), len(data), len(hashes)])
            hashes += [hash64(data[at : at + BLOCK]) for at in range(0, len(data), BLOCK)]
            body += data
        if change:
            change(table, hashes)
        fields = {"size": start + len(body), "sections": len(table), "hashes": len(hashes), **(header or {})}
        tables = b"".join(SECTION.pack(*row) for row in table) + struct.pack(f"<{len(hashes)}Q", *hashes)
        head = HEADER.pack(*self.head, fields["size"], fields["sections"], fields["hashes"], 0)
        digest = hash64(head + tables)
        return (
            HEADER.pack(*self.head, fields["size"], fields["sections"], fields["hashes"], digest) + tables + bytes(body)
        )


IMAGES, SIMPLIFIED, DECISIONS, RECORD, INDEX, PROGRAM, REFERENCES, CODE, CONSTANTS = range(1, 10)


def plans(corpus):
    row = "plan"
    source = corpus.folder / "model.txt"
    source.write_text(TEXT)
    target = corpus.folder / "good.plan"
    subprocess.run(
        [os.environ["BURNISH_PROGRAM"], "build", source, "-o", target, "--cpu", "x86-64-v3", "--quiet"], check=True
    )
    good = target.read_bytes()

    def case(name, data, code=3):
        corpus.file(row, name, "model.plan", bytes(data), command=RUN, code=code)

    case("good", good, code=0)
    rng = np.random.default_rng(1)
    for cut in sorted(
        {
            1,
            7,
            8,
            40,
            71,
            72,
            100,
            500,
            len(good) // 2,
            len(good) - 4096,
            len(good) - 1,
            *map(int, rng.integers(0, len(good), 20)),
        }
    ):
        case(f"cut_{cut}", good[:cut])
    # Any bit of the header, the tables, and of what the sections hold. Padding between sections belongs to none.
    plan = Plan(good)
    places = list(range(0, 72, 3)) + list(range(72, 72 + SECTION.size * len(plan.sections), 17))
    for i in range(len(plan.sections)):
        _, _, offset, length, _ = SECTION.unpack_from(good, HEADER.size + i * SECTION.size)
        if length:
            places += [offset, offset + length // 2, offset + length - 1]
    unread = []
    for at in sorted(set(places)):
        flipped = bytearray(good)
        flipped[at] ^= 1 << (at % 8)
        case(f"flip_{at}", flipped)
    case("tail", good + b"\0")
    case("twice", good + good)

    def lie(name, change=None, header=None, code=3):
        case("lie_" + name, Plan(good).joined(change, header), code)

    lie("nothing", code=0)

    def entry(index, column, number):
        def change(table, hashes):
            table[index][column] = number

        return change

    for i, (kind, _, _) in enumerate(plan.sections):
        for name, number in {"beyond": len(good) * 2, "u64": 2**64 - 1, "wraps": 2**64 - 8, "header": 0}.items():
            lie(
                f"section_{kind}_offset_{name}",
                entry(i, 2, number),
                code=(0, 3) if name == "header" and not plan.sections[i][2] else 3,
            )
            if name != "header":
                lie(f"section_{kind}_bytes_{name}", entry(i, 3, number))
            lie(f"section_{kind}_hash_{name}", entry(i, 4, number), code=(0, 3) if name == "header" else 3)
        lie(f"section_{kind}_image", entry(i, 1, 7))
        lie(f"section_{kind}_kind", entry(i, 0, 99))
        lie(f"section_{kind}_twice", entry(i, 0, plan.sections[i - 1][0]))
    for name, header in {
        "sections_most": {"sections": 2**32 - 1},
        "sections_more": {"sections": 4000},
        "hashes_most": {"hashes": 2**32 - 1},
        "size": {"size": 2**63},
        "none": {"sections": 0, "hashes": 0},
    }.items():
        lie("header_" + name, header=header)

    def contents(name, kind, data, code=3):
        p = Plan(good)
        for s in p.sections:
            if s[0] == kind:
                s[2] = data
        case(f"contents_{kind}_{name}", p.joined(), code)

    noise = bytes(rng.integers(0, 256, 1000, dtype=np.uint8))
    # What only people read (decisions, the record, the graph that is not run) may be anything.
    unread = {DECISIONS, SIMPLIFIED}
    for kind in range(1, 10):
        code = (0, 3) if kind in unread | {CONSTANTS} else 3
        if kind == CODE:
            continue  # it would be called
        contents("empty", kind, b"", code=(0, 3) if kind in unread | {RECORD} else 3)
        contents("noise", kind, noise, code)
        contents("zeros", kind, bytes(1000), code)
        contents("text", kind, b"; rm -rf / #" * 50, code)
        contents("deep_lists", kind, b"\x81" * 100_000, code)
        contents("deep_maps", kind, b"\xa1\x61a" * 50_000, code)
        contents("list_of_u64", kind, b"\x9b" + b"\xff" * 8, code)
        contents("text_of_u64", kind, b"\x7b" + b"\xff" * 8, code)
        contents("map_of_u64", kind, b"\xbb" + b"\xff" * 8, code)
        contents("endless", kind, b"\x9f" * 50_000, code)
        contents("json_deep", kind, b"[" * 1_000_000, code)
        contents("graph", kind, b"graph @main() {\n  return\n}\n", code if kind != REFERENCES else (0, 3))
        contents("python", kind, b"\x80\4cos\nsystem\n(S'id'\ntR.", code)
        contents("elf", kind, b"\x7fELF\2\1\1" + bytes(500), code)
        original = next((s[2] for s in Plan(good).sections if s[0] == kind), b"")
        for at in range(0, min(len(original), 600), 7 if kind == PROGRAM else 23):
            changed = bytearray(original)
            changed[at] ^= 0x15
            # A changed step around machine code may do anything: tests/fuzz changes programs, without code.
            if kind not in (PROGRAM, CONSTANTS, DECISIONS, RECORD, SIMPLIFIED, REFERENCES):
                contents(f"flip_{at}", kind, bytes(changed), code=(0, 3))
        if original and kind not in (CONSTANTS,):
            contents("cut", kind, original[: len(original) // 2], code)
            contents("one_less", kind, original[:-1], code=(0, 3))
    p = Plan(good)
    p.sections.append(list(p.sections[0]))
    case("section_twice", p.joined(), code=(0, 3))  # the first one counts
    p.sections += [list(p.sections[0]) for _ in range(4200)]
    case("sections_5000", p.joined())
    for kind in range(1, 10):
        p = Plan(good)
        p.sections = [s for s in p.sections if s[0] != kind]
        case(f"without_{kind}", p.joined(), code=(0, 3) if kind in (DECISIONS, RECORD, SIMPLIFIED) else 3)


def make(corpus):
    arrays(corpus)
    texts(corpus)
    plans(corpus)
