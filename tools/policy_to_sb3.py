#!/usr/bin/env python3
"""Writes a policy of Trapeze, and its critics, as an archive that Stable-Baselines3 loads.

    python tools/policy_to_sb3.py POLICY.safetensors OUT.zip [--critics CRITICS.safetensors]

needs stable_baselines3 and safetensors. SAC.load("OUT.zip").predict(observation) then gives the policy's actions
for the observation that it was trained on (of the shipped policies Gymnasium's; of ant and humanoid_standup its first
27 and 45 numbers). Without critics, and for the optimisers, the archive holds fresh ones: it acts as before, and training on starts anew.
"""

import argparse
import json
import os
import pathlib
import re
import sys

import gymnasium as gym
import numpy as np
import torch
from gymnasium import spaces
from safetensors import SafetensorError, safe_open
from stable_baselines3 import SAC


class Spaces(gym.Env):
    """No environment, only its spaces: all that Stable-Baselines3 asks for."""

    def __init__(self, n_observation, low, high):
        self.observation_space = spaces.Box(-np.inf, np.inf, (n_observation,), np.float64)
        self.action_space = spaces.Box(np.float32(low), np.float32(high), dtype=np.float32)


def fail(sentence):
    print(f"policy_to_sb3.py: {sentence}", file=sys.stderr)
    sys.exit(2)


def read(path):
    try:
        with safe_open(path, "pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}, file.metadata() or {}
    except (OSError, SafetensorError) as error:
        fail(f"{path}: cannot be read as safetensors: {error}")


def convert(policy, critics=None):
    """The SAC of a policy file, to be saved or used."""
    tensors, metadata = read(policy)
    if metadata.get("squash", "tanh") != "tanh" or metadata.get("log_std", "clamp") != "clamp":
        fail(f"{policy}: no policy of soft actor-critic")
    for name, found in (("actor.latent_pi.0.weight", tensors), ("control_low", metadata), ("control_high", metadata)):
        if name not in found:
            fail(f"{policy}: no {name}, expected a policy of Trapeze")
    if "normaliser_mean" in metadata:
        fail(f"{policy}: normalises observations; Stable-Baselines3 keeps that apart, in VecNormalize")
    layers = [name for name in tensors if re.fullmatch(r"actor\.latent_pi\.\d+\.weight", name)]
    hidden = [tensors[name].shape[0] for name in sorted(layers, key=lambda name: int(name.split(".")[2]))]
    n_observation = tensors["actor.latent_pi.0.weight"].shape[1]
    if critics is not None:
        tensors |= read(critics)[0]
    env = Spaces(n_observation, json.loads(metadata["control_low"]), json.loads(metadata["control_high"]))
    activation = {"relu": torch.nn.ReLU, "tanh": torch.nn.Tanh}[metadata.get("activation", "relu")]
    model = SAC("MlpPolicy", env, policy_kwargs={"net_arch": hidden, "activation_fn": activation}, device="cpu")
    try:
        unknown = model.policy.load_state_dict(tensors, strict=False)
    except RuntimeError as error:  # other sizes
        fail(f"{critics or policy}: tensors that do not fit: {str(error).splitlines()[-1].strip()}")
    missing = [name for name in unknown.missing_keys if critics is not None or name.startswith("actor.")]
    if missing or unknown.unexpected_keys:
        fail(f"{policy}: tensors that do not fit: {missing + unknown.unexpected_keys}")
    return model


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("policy", type=pathlib.Path)
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--critics", type=pathlib.Path)
    arguments = parser.parse_args()
    out = arguments.out if arguments.out.suffix else arguments.out.with_suffix(".zip")
    part = out.with_name(out.name + ".part.zip")  # all of it or nothing
    convert(arguments.policy, arguments.critics).save(part)
    os.replace(part, out)
