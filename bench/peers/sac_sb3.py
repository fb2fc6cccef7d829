#!/usr/bin/env python3
"""An update of SAC here and in Stable-Baselines3, in turns in one run.

    python bench/peers/sac_sb3.py build/release/src/cli/trapeze [--threads 1,2]

Needs stable-baselines3==2.9.2 and torch==2.13.0. Both sides have the sizes of HalfCheetah, two layers of 256
units, batches of 256 and a memory of 100,000 random transitions; draws of the batch are included. Prints one
JSON object a line, for each number of threads, which both sides have, with the best and the median of each side.
"""
import argparse
import json
import statistics
import subprocess
import time

import gymnasium
import numpy as np
import torch
from stable_baselines3 import SAC
from stable_baselines3.common.logger import configure

D, A, TRANSITIONS, BLOCK, ROUNDS = 17, 6, 100_000, 5, 6


class Sizes(gymnasium.Env):
    """Spaces of HalfCheetah; nothing is ever stepped."""
    observation_space = gymnasium.spaces.Box(-np.inf, np.inf, (D,))
    action_space = gymnasium.spaces.Box(-1.0, 1.0, (A,))


def sb3_learner():
    model = SAC("MlpPolicy", Sizes(), buffer_size=TRANSITIONS, batch_size=256, device="cpu", seed=0)
    model.set_logger(configure(None, []))
    rng = np.random.default_rng(0)
    memory = model.replay_buffer
    memory.observations[:] = rng.standard_normal(memory.observations.shape)
    memory.next_observations[:] = rng.standard_normal(memory.next_observations.shape)
    memory.actions[:] = rng.uniform(-1, 1, memory.actions.shape)
    memory.rewards[:] = rng.standard_normal(memory.rewards.shape)
    memory.full = True
    model.train(gradient_steps=BLOCK, batch_size=256)
    return model


def time_sb3(model, blocks=40):
    times = []
    for _ in range(blocks):
        start = time.perf_counter()
        model.train(gradient_steps=BLOCK, batch_size=256)
        times.append(1e3 * (time.perf_counter() - start) / BLOCK)
    return times


def compare(trapeze, model, threads):
    torch.set_num_threads(threads)
    ours, theirs = [], []
    for _ in range(ROUNDS):
        theirs += time_sb3(model)
        line = subprocess.run([trapeze, "bench", "sac", "--threads", str(threads), "--seconds", "1", "--json"],
                              check=True, capture_output=True, text=True).stdout
        ours.append(json.loads(line))
    best = min(ours, key=lambda m: m["update_ms"])
    median = statistics.median(m["update_ms_median"] for m in ours)
    return {"threads": threads, "trapeze_ms": best["update_ms"], "trapeze_ms_median": median,
            "peak_fraction": best["peak_fraction"], "sb3_ms": min(theirs), "sb3_ms_median": statistics.median(theirs),
            "ratio": min(theirs) / best["update_ms"], "ratio_median": statistics.median(theirs) / median,
            "torch": torch.__version__}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("trapeze")
    parser.add_argument("--threads", default="1,2")
    arguments = parser.parse_args()
    model = sb3_learner()
    for threads in arguments.threads.split(","):
        print(json.dumps(compare(arguments.trapeze, model, int(threads))), flush=True)


if __name__ == "__main__":
    main()
