#!/usr/bin/env python3
"""Writes the seeds of fuzz_dataset, in the order in which it takes its bytes, and the HDF5 file of fuzz_metadata.
Needs h5py and numpy.

    tests/fuzz/make_corpus.py
"""
import os
import struct

import h5py
import numpy as np

corpus = os.path.join(os.path.dirname(os.path.abspath(__file__)), "corpus")
ARRAY, F64, FLAG, I64 = 5, 0, 11, 3  # choices of fuzz_dataset


def array(kind, layout, rank, rows, cols, values):
    return bytes([ARRAY, kind, layout, rank, rows, cols]) + values.ljust(512, b"\0")


def attribute(kind, value):
    return bytes([kind]) + value.ljust(16, b"\0")


def episode(index, layout, T, nz, nu):
    """All five arrays of ones, id and total_steps."""
    ones = struct.pack("<d", 1.0)
    return (b"\0" + array(F64, layout, 2, T + 1, nz, ones * (T + 1) * nz) + array(F64, layout, 2, T, nu, ones * T * nu)
            + array(F64, layout, 1, T, 0, ones * T) + array(FLAG, layout, 1, T, 0, b"")
            + array(FLAG, layout, 1, T, 0, b"\0" * (T - 1) + b"\1")
            + attribute(I64 + 16, struct.pack("<q", index)) + attribute(I64 + 16, struct.pack("<q", T)) + bytes(5))


def number(value):
    return attribute(I64 + 16, struct.pack("<q", value))


def d4rl(T, terminals):
    """A table of T rows of chain-2, as tests/golden/make_d4rl.py writes one."""
    def reals(rows, cols, values):
        return array(F64, 0, 1 + (cols > 0), rows, cols, struct.pack(f"<{len(values)}d", *values))
    flags = array(FLAG, 0, 1, T, 0, terminals)
    return (reals(T, 2, [i + 0.01 * j for i in range(T) for j in range(2)])
            + reals(T, 2, [-i - 0.01 * j for i in range(T) for j in range(2)])
            + reals(T, 0, [0.01 * i for i in range(T)]) + reals(T, 0, [10.0 + i for i in range(T)])
            + flags + array(FLAG, 0, 1, T, 0, b""))


MINARI, D4RL = b"\0", b"\1"
seeds = {
    "plain": MINARI + bytes(8) + b"\1" + episode(0, 0, 2, 2, 1),
    "dimensions": MINARI + b"\0" + number(2) + number(1) + bytes(5) + b"\2" + episode(0, 1, 3, 3, 1) + episode(1, 2, 2, 3, 1),
    "uncontrolled": MINARI + b"\0" + number(1) + number(1) + bytes(5) + b"\1" + episode(0, 0, 2, 2, 0),
    "texts": MINARI + attribute(15, b"unknown") + bytes(5) + attribute(15, b"{}") + b"\0\1" + episode(0, 3, 1, 4, 2),
    "arguments": MINARI + attribute(15, b"hopper") + bytes(6) + attribute(15, b"healthy_reward=2") + b"\1"
    + episode(0, 0, 2, 4, 3),
    "d4rl": D4RL + d4rl(5, b"\0\0\1\0\0"),
}
for name, content in seeds.items():
    with open(os.path.join(corpus, "dataset", name), "wb") as file:
        file.write(content)

with h5py.File(os.path.join(corpus, "metadata.hdf5"), "w", libver="earliest") as file:
    group = file.create_group("episode_0")
    group["observations"] = np.ones((3, 4))
    group["actions"] = np.ones((2, 1), np.float32)
    group["rewards"] = np.ones(2)
    group["terminations"] = np.zeros(2, bool)
    group["truncations"] = np.array([False, True])
