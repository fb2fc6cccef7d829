#!/usr/bin/env python3
"""Writes a policy of Trapeze as an ONNX file, for any runtime that reads those.

    python tools/policy_to_onnx.py POLICY.safetensors OUT.onnx

needs onnx. The graph has one input, `observation` (batch, n), and one output, `action` (batch, nu), both float32:
what the file's metadata calls the source, the state z = [q, v] or the whole observation of Gymnasium, goes in as far as
the policy looks, and the deterministic control in the environment's own range comes out. Picking, clipping and normalising
the observation and the way onto the control range are nodes of the graph; the policy's metadata are the graph's, with
the digest of its file as `origin_sha256`. Policies in other forms become one that this reads by `trapeze policy export
--safetensors`.
"""

import argparse
import hashlib
import json
import math
import os
import pathlib
import re
import sys

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

OPSET, IR_VERSION = 17, 8  # of 2022: later runtimes read them
HEADER_MAX, OBSERVATION_MAX = 1 << 24, 512
ACTIVATIONS = {"relu": "Relu", "tanh": "Tanh"}


def fail(sentence):
    print(f"policy_to_onnx.py: {sentence}", file=sys.stderr)
    sys.exit(2)


# ---- the policy's file


def read(path):
    """The tensors and the metadata of a safetensors file, and its digest."""
    try:
        data = pathlib.Path(path).read_bytes()
    except OSError as error:
        fail(f"{path}: cannot be read: {error.strerror}")
    start = 8 + int.from_bytes(data[:8], "little")
    if len(data) < 8 or start > min(len(data), HEADER_MAX):
        fail(f"{path}: not a safetensors file: its header does not fit into {len(data)} bytes")
    try:
        header = json.loads(data[8:start])
        if not isinstance(header, dict):
            raise ValueError("its header is no object")
        metadata = header.pop("__metadata__", {})
        tensors = {name: view(data[start:], entry) for name, entry in header.items()}
        if not all(isinstance(text, str) for text in metadata.values()):
            raise ValueError("metadata that are no text")
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        fail(f"{path}: not a sound safetensors file: {str(error).splitlines()[0] if str(error) else type(error).__name__}")
    return tensors, metadata, hashlib.sha256(data).hexdigest()


def view(data, entry):
    """One tensor; None for a type that no policy has."""
    begin, end = entry["data_offsets"]
    shape = entry["shape"]
    if entry["dtype"] != "F32":
        return None
    if not 0 <= begin <= end <= len(data) or any(n < 0 for n in shape) or end - begin != 4 * math.prod(shape):
        raise ValueError(f"a tensor of shape {shape} at bytes {begin} to {end} of {len(data)}")
    return np.frombuffer(data[begin:end], "<f4").reshape(shape)


class Policy:
    """What the graph is made of. Every array has its shape beside it."""

    def __init__(self, path):
        self.path = path
        tensors, self.metadata, self.sha256 = read(path)
        if self.metadata.get("format") != "trapeze policy 1":
            found = f"is '{self.metadata['format']}'" if "format" in self.metadata else "is missing"
            fail(f"{path}: metadata \"format\" {found}, expected 'trapeze policy 1' "
                 "(`trapeze policy export --safetensors` writes it)")
        self.layers = self.read_layers(tensors)  # (outputs, inputs), (outputs)
        n, nu = self.layers[0][0].shape[1], len(self.layers[-1][1])
        self.activation = self.word("activation", "relu", ACTIVATIONS)
        self.squash = self.word("squash", "tanh", ("tanh", "clip"))
        self.index = self.numbers("observation_index", n)  # (n)
        if not all(0 <= i < OBSERVATION_MAX and i == int(i) for i in self.index):
            fail(f"{path}: observation_index is not made of whole numbers from 0 to {OBSERVATION_MAX - 1}")
        self.low, self.high = self.numbers("observation_low", n), self.numbers("observation_high", n)  # (n)
        self.control_low, self.control_high = self.numbers("control_low", nu), self.numbers("control_high", nu)  # (nu)
        if not np.all(self.low <= self.high) or not np.all(self.control_low < self.control_high):
            fail(f"{path}: a lower bound is above its upper one, or no number")
        self.mean = None
        if "normaliser_mean" in self.metadata:
            self.mean, var = self.numbers("normaliser_mean", n), self.numbers("normaliser_var", n)  # (n)
            epsilon, self.clip = self.numbers("normaliser_epsilon", 1)[0], self.numbers("normaliser_clip", 1)[0]
            self.std = np.sqrt(np.maximum(var, 0) + epsilon)  # (n)
            if not (np.all(np.isfinite(self.mean)) and np.all(self.std > 0) and np.all(var >= 0) and self.clip > 0):
                fail(f"{path}: a normaliser without finite means, variances of at least 0 and a positive clip")

    def read_layers(self, tensors):
        found = {int(m[1]): name for name in tensors if (m := re.fullmatch(r"actor\.latent_pi\.(\d{1,4})\.weight", name))}
        if sorted(found) != list(range(0, 2 * len(found), 2)):
            fail(f"{self.path}: layers actor.latent_pi.{', '.join(map(str, sorted(found)))}, expected 0, 2, 4, ...")
        layers = []
        for name in [found[i] for i in sorted(found)] + ["actor.mu.weight"]:
            weight, bias = tensors.get(name), tensors.get(name.replace("weight", "bias"))
            fits = weight is not None and weight.ndim == 2 and bias is not None and bias.shape == weight.shape[:1]
            if not fits or 0 in weight.shape or (layers and weight.shape[1] != len(layers[-1][1])):
                fail(f"{self.path}: {name} and its bias are not there as F32, or do not fit the layer before")
            if not (np.all(np.isfinite(weight)) and np.all(np.isfinite(bias))):
                fail(f"{self.path}: {name} or its bias holds what is no finite number")
            layers.append((weight, bias))
        return layers

    def word(self, key, otherwise, known):
        word = self.metadata.get(key, otherwise)
        if word not in known:
            fail(f"{self.path}: metadata \"{key}\" is '{word}', expected one of {', '.join(known)}")
        return word

    def numbers(self, key, n):
        """A list of n numbers of the metadata; a list of one number may be the number alone."""
        try:
            numbers = np.atleast_1d(np.array(json.loads(self.metadata[key]), float))
        except (KeyError, ValueError, TypeError, OverflowError, RecursionError):
            numbers = np.array([])
        if numbers.shape != (n,) or np.any(np.isnan(numbers)):
            fail(f"{self.path}: metadata \"{key}\" is missing or not {n} numbers")
        return numbers


# ---- the graph


class Graph:
    """Nodes one after another: each takes the newest value and constants."""

    def __init__(self, value):
        self.value, self.nodes, self.constants = value, [], []

    def add(self, op, *constants, **attributes):
        names = [self.value]
        for x in constants:
            names.append(f"c{len(self.constants)}")
            self.constants.append(numpy_helper.from_array(np.asarray(x), names[-1]))
        self.value = f"x{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, names, [self.value], **attributes))

    def clip(self, low, high):
        """Both of the shape (n) or (); what has no bound gets no node."""
        if np.any(np.isfinite(low)):
            self.add("Max", np.float32(low))
        if np.any(np.isfinite(high)):
            self.add("Min", np.float32(high))


def convert(path):
    """The ONNX model of a policy file."""
    p = Policy(path)
    g = Graph("observation")
    n, nu = int(p.index.max()) + 1, len(p.control_low)

    # what it sees                                                    (B, n) -> (B, n_in)
    g.add("Gather", p.index.astype(np.int64), axis=1)
    g.clip(p.low, p.high)
    if p.mean is not None:
        g.add("Sub", np.float32(p.mean))
        g.add("Div", np.float32(p.std))
        g.clip(-p.clip, p.clip)

    # the network; weights are stored (outputs, inputs)               -> (B, nu)
    for weight, bias in p.layers[:-1]:
        g.add("Gemm", weight, bias, transB=1)
        g.add(ACTIVATIONS[p.activation])
    g.add("Gemm", *p.layers[-1], transB=1)

    # onto the control range: low + (a + 1) (high - low) / 2, or clipped to it
    if p.squash == "tanh":
        g.add("Tanh")
        g.add("Mul", np.float32((p.control_high - p.control_low) / 2))
        g.add("Add", np.float32((p.control_high + p.control_low) / 2))
    g.clip(p.control_low, p.control_high)
    g.nodes[-1].output[0] = "action"

    def value(name, width):
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", width])

    graph = helper.make_graph(g.nodes, "policy", [value("observation", n)], [value("action", nu)], g.constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION,
                              producer_name="trapeze", doc_string=f"deterministic control of {p.metadata.get('env', '')}")
    helper.set_model_props(model, {"observation_source": "state"} | p.metadata | {"origin_sha256": p.sha256})
    onnx.checker.check_model(model)
    return model


def write(model, path):
    """Beside its place, then into it: there is never half a file."""
    beside = f"{path}.{os.getpid()}.part"
    try:
        with open(beside, "xb") as file:
            file.write(model.SerializeToString())
        os.replace(beside, path)
    except OSError as error:
        pathlib.Path(beside).unlink(missing_ok=True)
        fail(f"{path}: cannot be written: {error.strerror}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("policy", type=pathlib.Path)
    parser.add_argument("out", type=pathlib.Path)
    arguments = parser.parse_args()
    write(convert(arguments.policy), arguments.out)
