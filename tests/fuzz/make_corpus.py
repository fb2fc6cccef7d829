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


seeds = {
    "plain": bytes(7) + b"\1" + episode(0, 0, 2, 2, 1),
    "dimensions": b"\0" + number(2) + number(1) + bytes(4) + b"\2" + episode(0, 1, 3, 3, 1) + episode(1, 2, 2, 3, 1),
    "uncontrolled": b"\0" + number(1) + number(1) + bytes(4) + b"\1" + episode(0, 0, 2, 2, 0),
    "texts": attribute(15, b"unknown") + bytes(5) + attribute(15, b"{}") + b"\1" + episode(0, 3, 1, 4, 2),
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
