#!/usr/bin/env python3
"""Writes tests/golden/d4rl_hopper.hdf5: a file in D4RL's layout of three short Hopper episodes, the first ended by the
task, the second by the time limit, the third cut by the end of the file. Needs h5py and numpy.

    tests/golden/make_d4rl.py
"""
import os

import h5py
import numpy as np

N = 12
ends = {4: "terminals", 9: "timeouts"}
rows = np.arange(N)
with h5py.File(os.path.join(os.path.dirname(__file__), "d4rl_hopper.hdf5"), "w", libver="earliest") as file:
    file["infos/qpos"] = (rows[:, None] + 0.01 * np.arange(6)).astype(np.float32)
    file["infos/qvel"] = (-rows[:, None] - 0.01 * np.arange(6)).astype(np.float32)
    file["observations"] = np.zeros((N, 11), np.float32)
    file["actions"] = 0.01 * rows[:, None] + 0.001 * np.arange(3)
    file["rewards"] = (10.0 + rows).astype(np.float32)
    for name in ("terminals", "timeouts"):
        file[name] = np.array([ends.get(i) == name for i in rows])
