#!/usr/bin/env python3
"""Writes an actor of CleanRL as safetensors that Trapeze reads.

    python tools/cleanrl_policy.py ACTOR.pt OUT.safetensors [--mean-var STATISTICS.npz]

needs torch and safetensors. ACTOR.pt is torch.save of the state dict of the actor of sac_continuous_action.py
(torch.save(actor.state_dict(), ...), as that script saves nothing), the file that td3_continuous_action.py saves
(a tuple whose first part is the actor) or the one of ppo_continuous_action.py (the whole agent). Names and rules
stay CleanRL's:

    SAC  fc1, fc2, fc_mean, fc_logstd, action_scale, action_bias   a = tanh(mu + sigma e), log sigma in [-5, 2]
    TD3  fc1, fc2, fc_mu, action_scale, action_bias                a = tanh(mu)
    PPO  actor_mean.0 .2 .4, actor_logstd                          u = mu + sigma e, clipped

STATISTICS.npz holds `mean` and `var` of NormalizeObservation (env.obs_rms.mean and .var); observations are then
clipped to +-10, as the script's TransformObservation does.
"""

import argparse
import json
import os
import pathlib
import pickle
import sys
import zipfile

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import save_file

KEPT = ("fc1.", "fc2.", "fc_mean.", "fc_logstd.", "fc_mu.", "action_scale", "action_bias", "actor_mean.", "actor_logstd")


def fail(sentence):
    print(f"cleanrl_policy.py: {sentence}", file=sys.stderr)
    sys.exit(2)


def convert(path, statistics=None):
    """Tensors and metadata of the file."""
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, EOFError, RuntimeError, ValueError, pickle.UnpicklingError) as error:
        words = str(error).splitlines() or [type(error).__name__]
        fail(f"{path}: cannot be read as tensors of PyTorch: {words[0]}")
    state = state[0] if isinstance(state, tuple) else state
    named = state.items() if isinstance(state, dict) else ()
    tensors = {name: x.float().contiguous() for name, x in named if str(name).startswith(KEPT) and torch.is_tensor(x)}
    if not tensors:
        fail(f"{path}: no tensor of an actor, expected one of {', '.join(KEPT)}")
    for name in ("action_scale", "action_bias"):
        if name in tensors:
            tensors[name] = tensors[name].reshape(-1)
    metadata = {"origin": "CleanRL"}
    if statistics is not None:
        try:
            moments = dict(np.load(statistics))
        except (OSError, EOFError, TypeError, ValueError, zipfile.BadZipFile) as error:
            fail(f"{statistics}: cannot be read as arrays of NumPy: {error}")
        if not {"mean", "var"} <= moments.keys():
            fail(f"{statistics}: holds {', '.join(moments) or 'nothing'}, expected mean and var")
        metadata |= {
            "normaliser_mean": json.dumps(moments["mean"].astype(float).tolist()),
            "normaliser_var": json.dumps(moments["var"].astype(float).tolist()),
            "normaliser_epsilon": "[1e-8]",
            "normaliser_clip": "[10.0]",
        }
    return tensors, metadata


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("actor", type=pathlib.Path)
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--mean-var", type=pathlib.Path)
    arguments = parser.parse_args()
    tensors, metadata = convert(arguments.actor, arguments.mean_var)
    part = arguments.out.with_name(arguments.out.name + ".part")  # all of it or nothing
    try:
        save_file(tensors, part, metadata)
        os.replace(part, arguments.out)
    except (OSError, SafetensorError) as error:
        part.unlink(missing_ok=True)
        fail(f"{arguments.out}: cannot be written: {error}")
