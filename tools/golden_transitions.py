#!/usr/bin/env python3
"""Writes tests/golden/transitions/<environment>.csv: single steps of Gymnasium's environments.

    tools/golden_transitions.py [folder]

One transition a line: the word "transition", then qpos, qvel and qacc_warmstart before the step, the control
(f64, a third of them beyond the actuator's range), qpos and qvel after it, the reward, and terminated (0 or 1).
Needs gymnasium 1.4.0 with MuJoCo 4.0.1 (tests/peers-requirements.txt).
"""
import os
import sys

import gymnasium
import mujoco
import numpy as np

ENVIRONMENTS = {
    "half_cheetah": "HalfCheetah-v5",
    "hopper": "Hopper-v5",
    "swimmer": "Swimmer-v5",
    "walker2d": "Walker2d-v5",
    "inverted_pendulum": "InvertedPendulum-v5",
}
N_KEPT = 48  # transitions of each environment
N_STEPS = 1000  # that they are chosen from


def transitions(gymnasium_id):
    """Yields (numbers of one line, terminated) of N_STEPS steps under random controls."""
    env = gymnasium.make(gymnasium_id, disable_env_checker=True).unwrapped
    rng = np.random.default_rng(20)
    data = env.data
    low, high = env.model.actuator_ctrlrange.T
    env.reset(seed=20)
    for _ in range(N_STEPS):
        before = np.concatenate([data.qpos, data.qvel, data.qacc_warmstart])
        scale = rng.choice([0.3, 1.0, 1.5])
        control = scale * rng.uniform(low, high)
        _, reward, terminated, _, _ = env.step(control)
        after = np.concatenate([data.qpos, data.qvel])
        yield np.concatenate([before, control, after, [reward, terminated]]), terminated
        if terminated:
            env.reset()


def chosen(rows):
    """At most a quarter of terminal transitions, the others evenly spread."""
    terminal = [row for row, terminated in rows if terminated]
    alive = [row for row, terminated in rows if not terminated]
    n_terminal = min(len(terminal), N_KEPT // 4)
    n_alive = N_KEPT - n_terminal
    return terminal[:n_terminal] + [alive[i * len(alive) // n_alive] for i in range(n_alive)]


def main():
    here = os.path.dirname(os.path.abspath(__file__))
    folder = sys.argv[1] if len(sys.argv) > 1 else os.path.join(here, "../tests/golden/transitions")
    for name, gymnasium_id in ENVIRONMENTS.items():
        with open(os.path.join(folder, name + ".csv"), "w") as file:
            file.write(f"# {gymnasium_id} of gymnasium {gymnasium.__version__}, MuJoCo {mujoco.__version__}; "
                       "made by tools/golden_transitions.py\n")
            for row in chosen(list(transitions(gymnasium_id))):
                file.write("transition," + ",".join(f"{x:.17g}" for x in row) + "\n")


if __name__ == "__main__":
    main()
