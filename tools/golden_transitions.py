#!/usr/bin/env python3
"""Writes tests/golden/transitions/<environment>.csv: single steps of Gymnasium's environments.

    tools/golden_transitions.py [folder]

One transition a line: the word "transition", then qpos, qvel, qacc_warmstart and the lagging positions (those that the
reward starts from, see tests/envs/parity.py) before the step, the control (f64, a third of them beyond the actuator's
range), qpos and qvel after it, the reward, and terminated (0 or 1). Version 4 is <environment>-v4.csv.
Needs gymnasium 1.4.0 with MuJoCo 4.0.1 (tests/peers-requirements.txt).
"""
import os
import sys

import gymnasium
import mujoco
import numpy as np

here = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(here, "../tests/envs"))
import parity

N_KEPT = {5: 48, 4: 16}  # transitions of each environment, by version
N_STEPS = 1000  # that they are chosen from


def transitions(gymnasium_name, version, lagging):
    """Yields (numbers of one line, terminated) of N_STEPS steps under random controls."""
    env = parity.make(gymnasium_name, version, {}).unwrapped
    rng = np.random.default_rng(20)
    data = env.data
    low, high = env.model.actuator_ctrlrange.T
    env.reset(seed=20)
    for t in range(N_STEPS):
        before = np.concatenate([data.qpos, data.qvel, data.qacc_warmstart, lagging(env) if lagging else []])
        scale = rng.choice([0.3, 1.0, 1.5])
        control = scale * rng.uniform(low, high)
        _, reward, terminated, _, _ = env.step(control)
        after = np.concatenate([data.qpos, data.qvel])
        yield np.concatenate([before, control, after, [reward, terminated]]), terminated
        if terminated or (t + 1) % parity.EPISODE_STEPS == 0:
            env.reset()


def chosen(rows, n_kept):
    """At most a quarter of terminal transitions, the others evenly spread."""
    terminal = [row for row, terminated in rows if terminated]
    alive = [row for row, terminated in rows if not terminated]
    n_terminal = min(len(terminal), n_kept // 4)
    n_alive = n_kept - n_terminal
    return terminal[:n_terminal] + [alive[i * len(alive) // n_alive] for i in range(n_alive)]


def main():
    folder = sys.argv[1] if len(sys.argv) > 1 else os.path.join(here, "../tests/golden/transitions")
    for name, gymnasium_name, _, _, lagging in parity.ENVIRONMENTS:
        for version, n_kept in N_KEPT.items():
            path = os.path.join(folder, name + ("-v4" if version == 4 else "") + ".csv")
            rows = chosen(list(transitions(gymnasium_name, version, lagging)), n_kept)
            with open(path + ".part", "w") as file:
                file.write(f"# {gymnasium_name}-v{version} of gymnasium {gymnasium.__version__}, "
                           f"MuJoCo {mujoco.__version__}; made by tools/golden_transitions.py\n")
                for row in rows:
                    file.write("transition," + ",".join(f"{x:.17g}" for x in row) + "\n")
            os.replace(path + ".part", path)


if __name__ == "__main__":
    main()
