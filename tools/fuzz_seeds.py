"""Small models for the fuzz targets: those of ONNX's own cases, as the package onnx ships them.

    build/python/bin/python tools/fuzz_seeds.py FOLDER
"""

import importlib.util
import pathlib
import shutil
import sys

LARGEST = 8 << 10  # bytes; larger ones have weights that nothing is to be found in

data = pathlib.Path(importlib.util.find_spec("onnx").origin).parent / "backend/test/data"
folder = pathlib.Path(sys.argv[1])
folder.mkdir(parents=True, exist_ok=True)
for model in sorted(data.glob("*/*/model.onnx")):
    if model.stat().st_size <= LARGEST:
        shutil.copyfile(model, folder / f"{model.parent.name}.onnx")
