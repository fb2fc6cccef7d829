"""Files of the Python package safetensors, read and written again by ours: equal bytes, equal content.

Usage: peer_safetensors.py SAFETENSORS_REWRITE (the program of safetensors_rewrite.c)
"""

import pathlib
import subprocess
import sys
import tempfile

import numpy as np
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

program = sys.argv[1]
rng = np.random.default_rng(1)

# One key of metadata at most: the package writes several in an order that it leaves open.
cases = {
    "weights": (
        {
            "actor.latent_pi.0.weight": rng.standard_normal((256, 17), dtype=np.float32),
            "actor.latent_pi.0.bias": rng.standard_normal(256, dtype=np.float32),
            "a": np.array([np.nan, np.inf, -0.0, 1e-45], dtype=np.float32),
        },
        {"format": "pt"},
    ),
    "every dtype": (
        {
            "u8": np.arange(3, dtype=np.uint8),
            "bool": np.array([True, False, True]),
            "f32": rng.standard_normal((2, 3), dtype=np.float32),
            "f64": rng.standard_normal((4, 1, 2)),
            "i64": np.array([-(2**63), 2**63 - 1]),
            "scalar": np.array(3.0),
            "empty": np.zeros((0, 5), dtype=np.float32),
        },
        None,
    ),
    "awkward names": (
        {'"q"/\\\n\t\x01\u00e4\u4e2d\U0001f938': np.zeros(1, np.float32), "": np.ones(2, np.float32)},
        {"key/\"'": "a\\b\n\x7f\u00fc"},
    ),
    "no tensor": ({}, {"kind": "none"}),
}

with tempfile.TemporaryDirectory() as folder:
    theirs = pathlib.Path(folder) / "theirs.safetensors"
    ours = pathlib.Path(folder) / "ours.safetensors"
    for name, (tensors, metadata) in cases.items():
        save_file(tensors, theirs, metadata)
        subprocess.run([program, theirs, ours, *(metadata or {})], check=True)
        assert ours.read_bytes() == theirs.read_bytes(), f"{name}: bytes differ"
        for key, value in load_file(ours).items():
            assert value.dtype == tensors[key].dtype and value.shape == tensors[key].shape
            assert value.tobytes() == tensors[key].tobytes(), f"{name}: {key} differs"

    # several keys: what we write, they read
    metadata = {f"key {i}": f"value {i}" for i in range(9)}
    save_file({"a": np.ones(3, np.float32)}, theirs, metadata)
    subprocess.run([program, theirs, ours, *metadata], check=True)
    with safe_open(ours, "numpy") as file:
        assert file.metadata() == metadata

print(f"{len(cases)} files agree in every byte")
