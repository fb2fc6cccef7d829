"""100 optimiser steps of every kind from equal weights and batches, by the library and by PyTorch.

    peer_training.py WRITE_TRAINING [--golden FOLDER]

PyTorch (float64, torch.optim.Adam, clip_grad_norm_) starts from the files of write_training and must see
the same loss at every step to TOLERANCE relative, the same norm of the gradient and in the end the same weights to ten times that. --golden FOLDER keeps the
small case with PyTorch's losses there, for test_training_golden.
"""

import itertools
import json
import math
import pathlib
import shutil
import struct
import subprocess
import sys
import tempfile

import torch
from safetensors.torch import load_file, save_file

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "golden"))
import make_models as kinds  # noqa: E402

TOLERANCE = 1e-4
EPOCHS, LR, LR_END, WEIGHT_DECAY, CLIP = 10, 2e-3, 1e-6, 1e-4, 0.004
STUDY_LR, STUDY_FLOOR, STUDY_WEIGHT_DECAY, STUDY_CLIP = 2e-4, 0.3, 1e-1, 0.01  # the protocol of the physical systems
CLASSES = {"node": kinds.Node, "node-so": kinds.NodeSo, "hnn": kinds.Hnn}


def metadata(path):
    with open(path, "rb") as file:
        return json.loads(file.read(struct.unpack("<Q", file.read(8))[0]))["__metadata__"]


def load_model(path):
    """The classes of make_models.py with the sizes and numbers of a model file."""
    meta, tensors = metadata(path), {name: t.double() for name, t in load_file(path).items()}
    kinds.NQ, kinds.NU, kinds.NZ = int(meta["nq"]), int(meta["nu"]), 2 * int(meta["nq"])
    kinds.SUBSTEPS, kinds.DT = int(meta["substeps"]), float(meta["dt_s"])
    kinds.H, kinds.HIDDEN = kinds.DT / kinds.SUBSTEPS, int(meta["n_hidden"])
    kinds.MASK = [int(seen) for seen in tensors["input_mask"]]
    kinds.INPUTS = [i for i, seen in enumerate(kinds.MASK) if seen]
    kinds.SEEN_Q = [i for i in kinds.INPUTS if i < kinds.NQ]
    model = CLASSES[meta["kind"]](tensors)
    model.theta = {name: tensors[name].requires_grad_() for name in model.theta}
    return model, tensors["sigma_z"]


def learning_rate(step, steps_per_epoch, study):
    if study:
        return STUDY_LR * max((1 + math.cos(math.pi * step / steps_per_epoch / EPOCHS)) / 2, STUDY_FLOOR)
    return LR_END + (LR - LR_END) * (1 + math.cos(math.pi * (step // steps_per_epoch) / EPOCHS)) / 2


def train(folder, kind, study):
    model, sigma_z = load_model(f"{folder}/{kind}.safetensors")
    data = load_file(f"{folder}/sequences.safetensors")
    z, u = data["z"].double().transpose(0, 1), data["u"].double().transpose(0, 1)
    kinds.T = u.shape[0]
    theta = list(model.theta.values())
    adam = (torch.optim.AdamW(theta, lr=LR, weight_decay=STUDY_WEIGHT_DECAY) if study else
            torch.optim.Adam(theta, lr=LR, weight_decay=WEIGHT_DECAY))
    losses, norms = [], []
    steps = len(data["order"])
    for step, batch in enumerate(data["order"]):
        for group in adam.param_groups:
            group["lr"] = learning_rate(step, steps // EPOCHS, study)
        adam.zero_grad()
        error = kinds.rollout(model, z[0, batch], u[:, batch]) - z[:, batch]
        loss = error.abs().mean() if study else ((error / sigma_z) ** 2).mean()
        loss.backward()
        for p in theta:  # a parameter that nothing depends on still decays
            p.grad = torch.zeros_like(p) if p.grad is None else p.grad
        norms.append(torch.nn.utils.clip_grad_norm_(theta, STUDY_CLIP if study else CLIP).item())
        losses.append(loss.item())
        adam.step()
    return torch.tensor(losses), torch.tensor(norms), torch.cat([p.detach().reshape(-1) for p in theta])


def compare(write_training, hidden, batch, golden=None):
    failed = False
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([write_training, folder, str(hidden), str(batch)], check=True)
        for kind, study in itertools.product(CLASSES, (False, True)):
            ours = load_file(f"{folder}/{kind}.{'study' if study else 'result'}.safetensors")
            loss, norm, theta = train(folder, kind, study)
            start = torch.cat([t.reshape(-1) for t in load_model(f"{folder}/{kind}.safetensors")[0].theta.values()])
            loss_error = ((ours["loss"] - loss) / loss).abs().max().item()
            norm_error = ((ours["grad_norm"] - norm) / norm).abs().max().item()
            moved = (theta - start.detach()).norm()
            theta_error = ((ours["parameters"].double() - theta).norm() / moved).item()
            clipped = (norm > (STUDY_CLIP if study else CLIP)).sum().item()
            print(f"{kind}{', study' if study else ''}, {hidden} hidden, batch {batch}: loss {loss[0]:.4f} -> {loss[-1]:.4f}, {clipped} of {len(loss)} clipped; "
                  f"relative error of losses {loss_error:.1e}, norms {norm_error:.1e}, weights {theta_error:.1e} of their way")
            failed |= not (loss_error <= TOLERANCE and max(norm_error, theta_error) <= 10 * TOLERANCE)
            if golden is not None:
                golden.mkdir(exist_ok=True)
                shutil.copy(f"{folder}/{kind}.safetensors", golden)
                shutil.copy(f"{folder}/sequences.safetensors", golden)
                save_file({"loss": loss, "grad_norm": norm}, golden / f"{kind}.{'study' if study else 'torch'}.safetensors")
    return failed


if __name__ == "__main__":
    torch.set_num_threads(1)  # the tests beside this one have work for the other CPU
    if len(sys.argv) == 4:
        sys.exit(compare(sys.argv[1], 16, 40, pathlib.Path(sys.argv[3])))
    sys.exit(compare(sys.argv[1], 128, 200))
