#!/usr/bin/env python3
"""Writes checkpoints with PyTorch and safetensors into a folder, and what their own loaders make of them.

FOLDER/X: the checkpoint. FOLDER/X.txt: a line a tensor, its name and its type as Burnish writes it. FOLDER/X.bin: the tensors'
bytes, dense, one after the other. checkpoint_torch_test.cc reads them.
"""

import pathlib
import shutil
import sys

import environment

environment.enter("peers", environment.PEERS, ["torch", "safetensors"])
sys.path.insert(0, str(environment.ROOT / "tools"))

import torch  # noqa: E402
from safetensors import safe_open  # noqa: E402
from safetensors.torch import save_file  # noqa: E402

import demo_files  # noqa: E402

DTYPES = {torch.float64: "f64", torch.float32: "f32", torch.float16: "f16", torch.bfloat16: "bf16", torch.int64: "i64", torch.int32: "i32",
          torch.int16: "i16", torch.int8: "i8", torch.uint8: "u8", torch.bool: "bool", torch.complex64: "c64", torch.complex128: "c128"}
# Those without a storage class of their own; PyTorch cannot load them back from the stream form.
LATER = {torch.uint16: "u16", torch.uint32: "u32", torch.uint64: "u64", torch.float8_e4m3fn: "f8e4m3fn", torch.float8_e5m2: "f8e5m2",
         torch.float8_e4m3fnuz: "f8e4m3fnuz", torch.float8_e5m2fnuz: "f8e5m2fnuz", torch.float8_e8m0fnu: "f8e8m0"}
NAMES = {**DTYPES, **LATER}


def expect(path, tensors):
    lines, data = [], b""
    for name, tensor in tensors:
        dense = tensor.detach().contiguous().reshape(-1)
        lines.append(f"{name}\t{NAMES[tensor.dtype]}[{','.join(map(str, tensor.shape))}]\n")
        data += dense.view(torch.uint8).numpy().tobytes()
    path.with_name(path.name + ".txt").write_text("".join(lines))
    path.with_name(path.name + ".bin").write_bytes(data)


def values(dtypes):
    out = {}
    for dtype in dtypes:
        tensor = torch.randint(0, 2 if dtype == torch.bool else 100, (3, 5)).to(torch.float32).to(dtype)
        out[f"{dtype}"], out[f"{dtype}.turned"], out[f"{dtype}.part"] = tensor, tensor.t(), tensor[1:, ::2]
    out["tied"] = out["torch.float32"]
    out["scalar"], out["empty"] = torch.tensor(3.0), torch.zeros(0, 3)
    out["expanded"] = torch.randn(3, 1).expand(3, 7)
    out["channels_last"] = torch.randn(2, 3, 4, 5).to(memory_format=torch.channels_last)
    out["parameter"] = torch.nn.Parameter(torch.randn(4))
    noted = torch.nn.Parameter(torch.randn(4))
    noted.note = "kept by PyTorch, not by us"
    out["noted"] = noted
    return out


def main():
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(0)
    for zipped in (True, False):
        for protocol in (2, 3, 4, 5):
            path = folder / f"{'zip' if zipped else 'stream'}{protocol}.pth"
            torch.save(values(NAMES if zipped else DTYPES), path, pickle_protocol=protocol, _use_new_zipfile_serialization=zipped)
            expect(path, torch.load(path, weights_only=False).items())

    model = torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3), torch.nn.BatchNorm2d(8), torch.nn.Linear(4, 4))
    optimizer = torch.optim.Adam(model.parameters())
    model[0](torch.randn(1, 3, 8, 8)).sum().backward()
    optimizer.step()
    path = folder / "training.pth"
    torch.save({"epoch": 3, "state_dict": model.state_dict(), "optimizer": optimizer.state_dict()}, path)
    expect(path, torch.load(path)["state_dict"].items())
    path = folder / "optimizer.pth"
    torch.save(optimizer.state_dict(), path)
    expect(path, [(f"state.{i}.{key}", t) for i, state in torch.load(path)["state"].items() for key, t in state.items()])

    demo_files.fetch(print)
    path = folder / demo_files.weights().name
    shutil.copyfile(demo_files.weights(), path)
    expect(path, torch.load(path).items())

    path = folder / "all.safetensors"
    plain = {k: t.detach().clone().contiguous() for k, t in values(NAMES).items() if t.dtype != torch.complex128}
    save_file(plain, path, metadata={"format": "pt"})
    with safe_open(path, "pt") as file:
        expect(path, [(name, file.get_tensor(name)) for name in plain])


if __name__ == "__main__":
    main()
