"""Rollouts of every kind by the library and by tools/read_model.py from the same files agree to 1e-5.

    peer_rollouts.py WRITE_ROLLOUTS     # the program that writes the files
"""

import pathlib
import subprocess
import sys
import tempfile

import numpy as np
from safetensors.numpy import load_file

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "tools"))
from read_model import Model  # noqa: E402

TOLERANCE = 1e-5

failed = False
with tempfile.TemporaryDirectory() as folder:
    subprocess.run([sys.argv[1], folder], check=True)
    for kind in ("node", "node-so", "hnn"):
        rollout = load_file(f"{folder}/{kind}.rollout.safetensors")
        z = Model(f"{folder}/{kind}.safetensors").rollout(rollout["z0"].astype(float), rollout["u"].astype(float))
        error = np.linalg.norm(z - rollout["z"]) / np.linalg.norm(z)
        print(f"{kind}: relative error {error:.2e} over {z.shape[0] - 1} transitions, tolerated {TOLERANCE}")
        failed |= not error <= TOLERANCE
sys.exit(failed)
