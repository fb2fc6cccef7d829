#!/usr/bin/env python3
"""Whole training steps here, in PyTorch (eager, compiled) and in JAX (jit), in turns in one run.

    python bench/peers/train_peers.py build/release [--env hopper]... [--model node]... [--threads 2] [--avx2 BUILD]

`build` is a build folder with the targets trapeze-cli and write_training; --avx2 names one that was configured with
-DTRAPEZE_AVX512=OFF, and restricts the peers and the measured peak in the same way. Needs torch==2.13.0,
jax==0.10.2, numpy and safetensors; compiled PyTorch needs g++.

A step is: gathering the batch, rollout, loss, gradient, clipping of its norm, Adam with weight decay. Sizes are the
study's: batches of 200 sequences of 3 states, 8 Euler substeps, two layers of 128 units, float32 everywhere. Every
peer first makes 100 steps from the weights and on the batches of write_training; a ratio counts only where its losses
are within 1e-4 of ours, relative. Then all take turns; the best block of 25 steps of each counts. Prints one JSON
object for each environment and kind.
"""
import argparse
import json
import math
import os
import pathlib
import struct
import subprocess
import sys
import tempfile
import time

import numpy as np
from safetensors.numpy import load_file

HIDDEN, BATCH, BLOCK, EPOCHS = 128, 200, 25, 10
LR, LR_END, WEIGHT_DECAY, CLIP = 2e-3, 1e-6, 1e-4, 0.004  # those of tests/train/training_fixture.h
BETA1, BETA2, EPSILON, MASS_EPSILON = 0.9, 0.999, 1e-8, 1e-4
PEERS = ["torch-eager", "torch-compiled", "jax"]


def learning_rate(step):
    return LR_END + (LR - LR_END) * (1 + math.cos(math.pi * (step // 10) / EPOCHS)) / 2


class Case:
    """The files of write_training for one kind of model."""

    def __init__(self, folder, kind):
        path = f"{folder}/{kind}.safetensors"
        with open(path, "rb") as file:
            meta = json.loads(file.read(struct.unpack("<Q", file.read(8))[0]))["__metadata__"]
        tensors, data = load_file(path), load_file(f"{folder}/sequences.safetensors")
        self.kind, self.nq, self.nu, self.substeps = kind, int(meta["nq"]), int(meta["nu"]), int(meta["substeps"])
        self.nz, self.h = 2 * self.nq, float(meta["dt_s"]) / self.substeps
        mask = tensors["input_mask"].astype(bool)
        self.inputs, self.seen_q = np.flatnonzero(mask), np.flatnonzero(mask[: self.nq])
        self.theta = {name: t for name, t in tensors.items() if "." in name}
        self.mean, self.std, self.sigma = tensors["input_mean"], tensors["input_std"], tensors["sigma_z"]
        self.rate_mean, self.rate_std = tensors["rate_mean"], tensors["rate_std"]
        self.z, self.u, self.order = data["z"], data["u"], data["order"]
        self.losses = load_file(f"{folder}/{kind}.result.safetensors")["loss"]

        # scales of hnn (docs/models.md)
        nq, sigma_a = self.nq, self.rate_std[self.nq:]
        self.m0 = math.log(2.0) ** 2 + MASS_EPSILON
        natural = np.maximum(np.sqrt(self.std[:nq] * sigma_a), self.std[nq:self.nz])
        self.s_q = np.where(mask[:nq], natural, self.std[nq:self.nz])
        self.s_f, self.o_f = sigma_a / (self.s_q * self.m0), self.rate_mean[nq:] / (self.s_q * self.m0)
        self.triangle = np.triu_indices(nq, 1)


# ---- the models, over either library: `x` holds the few operations in which they differ


def network(x, theta, name, xi):
    h1 = x.tanh(x.affine(xi, theta[name + ".W1"], theta[name + ".b1"]))
    h2 = x.tanh(x.affine(h1, theta[name + ".W2"], theta[name + ".b2"]))
    return x.affine(h2, theta[name + ".W3"], theta[name + ".b3"])


def node_out(x, c, theta, z, u):
    return network(x, theta, "mlp", (x.cat([z, u])[:, c.inputs] - c.mean_in) / c.std_in)


def node_field(x, c, theta, z, u):
    return c.rate_std * node_out(x, c, theta, z, u) + c.rate_mean


def node_so_field(x, c, theta, z, u):
    nq = c.nq
    dv = c.rate_std[nq:] * node_out(x, c, theta, z, u) + c.rate_mean[nq:]
    return x.cat([z[:, nq:] + 0.5 * c.h * dv, dv])


def inverse_mass(x, c, theta, Q):
    A = network(x, theta, "mass", (c.s_q / c.std_q * Q)[:, c.seen_q]).reshape(-1, c.nq, c.nq)
    L = x.lower(A)
    return L @ x.transpose(L) + MASS_EPSILON * c.identity


def hnn_energy(x, c, theta, Q, P):
    dQ = (inverse_mass(x, c, theta, Q) @ P[:, :, None])[:, :, 0]
    potential = network(x, theta, "potential", (c.s_q / c.std_q * Q)[:, c.seen_q])[:, 0] / c.m0
    return (potential + 0.5 * (P * dQ).sum(1)).sum(), dQ


def hnn_field(x, c, theta, w, u):
    Q, P = w[:, : c.nq], w[:, c.nq:]
    dH, dQ = x.gradient(lambda q: hnn_energy(x, c, theta, q, P), Q)
    vu = (x.cat([c.s_q * dQ, u]) - c.mean[c.nq:]) / c.std[c.nq:]
    xi = x.cat([(c.s_q / c.std_q * Q)[:, c.seen_q], vu])
    return x.cat([dQ, c.s_f * network(x, theta, "force", xi) + c.o_f - dH])


def hnn_encode(x, c, theta, z):
    Q = (z[:, : c.nq] - c.mean_q) / c.s_q
    return x.cat([Q, x.solve(inverse_mass(x, c, theta, Q), z[:, c.nq:] / c.s_q)])


def hnn_decode(x, c, theta, w):
    Q, P = w[:, : c.nq], w[:, c.nq:]
    return x.cat([c.mean_q + c.s_q * Q, c.s_q * (inverse_mass(x, c, theta, Q) @ P[:, :, None])[:, :, 0]])


FIELDS = {"node": node_field, "node-so": node_so_field, "hnn": hnn_field}


def loss_of(x, c, theta, z, u):
    """Mean over batch, states and nz of ((zhat - z) / sigma)^2; the first state has no error."""
    field, is_hnn = FIELDS[c.kind], c.kind == "hnn"
    w = hnn_encode(x, c, theta, z[:, 0]) if is_hnn else z[:, 0]
    total = 0.0
    for t in range(u.shape[1]):
        for _ in range(c.substeps):
            w = w + c.h * field(x, c, theta, w, u[:, t])
        total = total + ((((hnn_decode(x, c, theta, w) if is_hnn else w) - z[:, t + 1]) / c.sigma) ** 2).sum()
    if is_hnn:  # encoding and decoding the first state is exact only up to rounding
        first = hnn_decode(x, c, theta, hnn_encode(x, c, theta, z[:, 0]))
        total = total + 0.0 * first.sum()
    return total / (z.shape[0] * z.shape[1] * z.shape[2])


def constants(case, array):
    """The case with its arrays in the library's form."""
    c = argparse.Namespace(kind=case.kind, nq=case.nq, substeps=case.substeps, h=case.h, m0=case.m0)
    for name in ["mean", "std", "sigma", "rate_mean", "rate_std", "s_q", "s_f", "o_f"]:
        setattr(c, name, array(getattr(case, name).astype(np.float32)))
    c.inputs, c.seen_q = array(case.inputs), array(case.seen_q)
    c.mean_in, c.std_in = array(case.mean[case.inputs]), array(case.std[case.inputs])
    c.mean_q, c.std_q = array(case.mean[: case.nq]), array(case.std[: case.nq])
    c.identity = array(np.eye(case.nq, dtype=np.float32))
    return c


# ---- one peer: steps, then blocks of steps whenever it is told to


def torch_stepper(case, compiled, threads):
    import torch

    torch.set_num_threads(threads)
    if compiled and os.environ.get("ATEN_CPU_CAPABILITY") == "avx2":
        import torch._inductor.config

        torch._inductor.config.cpp.simdlen = 256

    class Ops:
        tanh = staticmethod(torch.tanh)

        @staticmethod
        def affine(a, W, b):
            return torch.addmm(b, a, W)

        @staticmethod
        def cat(parts):
            return torch.cat(parts, 1)

        @staticmethod
        def transpose(L):
            return L.transpose(1, 2)

        @staticmethod
        def lower(A):
            diagonal = torch.nn.functional.softplus(torch.diagonal(A, dim1=1, dim2=2))
            return torch.triu(A, 1).transpose(1, 2) + torch.diag_embed(diagonal)

        @staticmethod
        def solve(M, b):
            return torch.linalg.solve(M, b)

        @staticmethod
        def gradient(f, q):
            if compiled:
                return torch.func.grad(f, has_aux=True)(q)
            if not q.requires_grad:
                q = q.requires_grad_()
            value, aux = f(q)
            return torch.autograd.grad(value, q, create_graph=True)[0], aux

    c = constants(case, torch.from_numpy)
    theta = {name: torch.from_numpy(t.copy()).requires_grad_() for name, t in case.theta.items()}
    parameters = list(theta.values())
    adam = torch.optim.Adam(parameters, lr=LR, weight_decay=WEIGHT_DECAY, fused=True)
    z, u = torch.from_numpy(case.z), torch.from_numpy(case.u)
    order = torch.from_numpy(case.order)

    def loss_at(theta, z, u):
        return loss_of(Ops, c, theta, z, u)

    loss_fn = torch.compile(loss_at) if compiled else loss_at

    def step(i):
        for group in adam.param_groups:
            group["lr"] = learning_rate(i)
        batch = order[i % len(order)]
        adam.zero_grad(set_to_none=True)
        loss = loss_fn(theta, z[batch], u[batch])
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, CLIP)
        adam.step()
        return loss

    return step, lambda loss: loss.item()


def jax_stepper(case):
    import jax
    import jax.numpy as jnp

    class Ops:
        tanh = staticmethod(jnp.tanh)

        @staticmethod
        def affine(a, W, b):
            return a @ W + b

        @staticmethod
        def cat(parts):
            return jnp.concatenate(parts, 1)

        @staticmethod
        def transpose(L):
            return jnp.swapaxes(L, 1, 2)

        @staticmethod
        def lower(A):
            diagonal = jax.nn.softplus(jnp.diagonal(A, axis1=1, axis2=2))
            return jnp.swapaxes(jnp.triu(A, 1), 1, 2) + diagonal[:, :, None] * jnp.eye(A.shape[1], dtype=A.dtype)

        @staticmethod
        def solve(M, b):
            return jnp.linalg.solve(M, b[:, :, None])[:, :, 0]

        @staticmethod
        def gradient(f, q):
            return jax.grad(f, has_aux=True)(q)

    c = constants(case, jnp.asarray)
    z, u, order = jnp.asarray(case.z), jnp.asarray(case.u), jnp.asarray(case.order)

    def update(state, lr, i):
        theta, m, v, t = state
        batch = order[i]
        loss, g = jax.value_and_grad(lambda p: loss_of(Ops, c, p, z[batch], u[batch]))(theta)
        norm = jnp.sqrt(sum((x * x).sum() for x in g.values()))
        scale = jnp.minimum(CLIP / (norm + 1e-6), 1.0)
        t = t + 1.0
        correction1, correction2 = 1 - BETA1**t, 1 - BETA2**t
        g = {k: x * scale + WEIGHT_DECAY * theta[k] for k, x in g.items()}
        m = {k: BETA1 * m[k] + (1 - BETA1) * x for k, x in g.items()}
        v = {k: BETA2 * v[k] + (1 - BETA2) * x * x for k, x in g.items()}
        theta = {k: theta[k] - lr / correction1 * m[k] / (jnp.sqrt(v[k] / correction2) + EPSILON) for k in theta}
        return (theta, m, v, t), loss

    update = jax.jit(update, donate_argnums=0)
    theta = {name: jnp.asarray(t) for name, t in case.theta.items()}
    zeros = lambda: {k: jnp.zeros_like(x) for k, x in theta.items()}  # noqa: E731
    box = [(theta, zeros(), zeros(), jnp.float32(0))]

    def step(i):
        box[0], loss = update(box[0], np.float32(learning_rate(i)), np.int32(i % len(case.order)))
        return loss

    return step, lambda loss: float(loss)


def serve(peer, folder, kind, threads):
    """100 steps whose losses are compared, then a timed turn for each line on stdin."""
    if threads < os.cpu_count():
        os.sched_setaffinity(0, set(list(os.sched_getaffinity(0))[:threads]))
    case = Case(folder, kind)
    step, number = jax_stepper(case) if peer == "jax" else torch_stepper(case, peer == "torch-compiled", threads)
    losses = np.array([number(step(i)) for i in range(len(case.order))])
    print(json.dumps({"loss_error": float(np.abs(losses / case.losses - 1).max())}), flush=True)
    i = len(losses)
    for line in sys.stdin:
        end, times = time.perf_counter() + float(line), []
        while len(times) < 3 or time.perf_counter() < end:
            start = time.perf_counter()
            for _ in range(BLOCK):
                loss = step(i)
                i += 1
            number(loss)
            times.append(1e3 * (time.perf_counter() - start) / BLOCK)
        print(json.dumps(times), flush=True)


# ---- the comparison

AVX2 = {"LIBXSMM_TARGET": "hsw", "OPENBLAS_CORETYPE": "Haswell", "ONEDNN_MAX_CPU_ISA": "AVX2",
        "MKL_ENABLE_INSTRUCTIONS": "AVX2", "ATEN_CPU_CAPABILITY": "avx2", "XLA_FLAGS": "--xla_cpu_max_isa=AVX2"}


class Peer:
    def __init__(self, name, folder, kind, threads, environment):
        self.name, self.times, self.loss_error, self.trouble = name, [], math.inf, None
        self.errors = tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen(
            [sys.executable, __file__, "--serve", name, folder, kind, "--threads", str(threads)], env=environment,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors, text=True)

    def answer(self):
        line = self.process.stdout.readline()
        if not line:
            self.errors.seek(0)
            self.trouble = (self.errors.read().strip().splitlines() or ["ended"])[-1][:200]
            return None
        return json.loads(line)

    def start(self):
        answer = self.answer()
        self.loss_error = answer["loss_error"] if answer else math.inf

    def turn(self, seconds):
        if self.trouble is None:
            self.process.stdin.write(f"{seconds}\n")
            self.process.stdin.flush()
            self.times += self.answer() or []

    def close(self):
        self.process.stdin.close()
        self.process.wait()

    def result(self, ours_ms):
        if self.trouble is not None:
            return {"trouble": self.trouble}
        best = min(self.times)
        return {"step_ms": round(best, 3), "ratio": round(best / ours_ms, 2), "loss_error": float(f"{self.loss_error:.1e}"),
                "counts": bool(self.loss_error <= 1e-4)}


def compare(trapeze, data, folder, kind, arguments, environment, row):
    peers = []
    for name in arguments.peer or PEERS:
        peers.append(Peer(name, folder, kind, arguments.threads, environment))
        peers[-1].start()  # one after the other: compiling takes all cores
    ours = []
    for _ in range(arguments.rounds):
        line = subprocess.run([trapeze, "bench", "train", "--data", data, "--model", kind, "--threads", str(arguments.threads),
                               "--batch", str(BATCH), "--seconds", str(arguments.seconds), "--json"],
                              check=True, capture_output=True, text=True, env=environment).stdout
        answer = json.loads(line)
        ours.append(answer["models"][0])
        for peer in peers:
            peer.turn(arguments.seconds)
    for peer in peers:
        peer.close()
    best = min(ours, key=lambda m: m["step_ms"])
    results = {peer.name: peer.result(best["step_ms"]) for peer in peers}
    ratios = [r["ratio"] for r in results.values() if r.get("counts")]
    print(json.dumps({"env": best["env"], "kind": kind, "threads": arguments.threads, "instructions": row,
                      "step_ms": round(best["step_ms"], 3), "peak_fraction": round(best["peak_fraction"], 3), **results,
                      "ratio_to_fastest": min(ratios) if ratios else None}), flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("build")
    parser.add_argument("--env", action="append")
    parser.add_argument("--model", action="append")
    parser.add_argument("--peer", action="append")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--avx2")
    arguments = parser.parse_args()
    rows = [("all", arguments.build, dict(os.environ))]
    if arguments.avx2:
        rows.append(("avx2", arguments.avx2, dict(os.environ, **AVX2)))
    with tempfile.TemporaryDirectory() as root:
        for env in arguments.env or ["hopper", "half_cheetah"]:
            folder, data = pathlib.Path(root, env), f"{root}/{env}-v0"
            folder.mkdir()
            subprocess.run([f"{arguments.build}/src/cli/trapeze", "collect", "--env", env, "--policy", "random", "--episodes", "10",
                            "--steps", "200", "--no-early-end", "--seed", "0", "--out", data, "--quiet"], check=True, capture_output=True)
            for row, build, environment in rows:
                subprocess.run([f"{build}/tests/train/write_training", str(folder), str(HIDDEN), str(BATCH), data], check=True,
                               capture_output=True, env=environment)
                for kind in arguments.model or ["node", "node-so", "hnn"]:
                    compare(f"{build}/src/cli/trapeze", data, str(folder), kind, arguments, environment, row)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--serve"]:
        serve(sys.argv[2], sys.argv[3], sys.argv[4], int(sys.argv[6]))
    else:
        main()
