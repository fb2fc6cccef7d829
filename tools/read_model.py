#!/usr/bin/env python3
"""Reads a model file of Trapeze, or an ensemble's list, and rolls it out, with numpy and safetensors (docs/models.md, docs/formats.md).

    python3 tools/read_model.py model.safetensors     # says what it is, and one prediction from the mean state
    python3 tools/read_model.py ensemble.json         # the same of the members' mean
"""

import hashlib
import json
import pathlib
import sys

import numpy as np
from safetensors import SafetensorError, safe_open

EPS = 1e-4  # of the inverse mass matrix
SEEN_NOT, PLAIN, ANGLE, QUATERNION = range(4)  # input_mask

# stages of the integrators: a (rows) and b
RULES = {
    "euler": ([[]], [1]),
    "rk4-38": ([[], [1 / 3], [-1 / 3, 1], [1, -1, 1]], [1 / 8, 3 / 8, 3 / 8, 1 / 8]),
    "rk4": ([[], [1 / 2], [0, 1 / 2], [0, 0, 1]], [1 / 6, 1 / 3, 1 / 3, 1 / 6]),
}


def cat(*parts):
    return np.concatenate(parts, 1)


def turn(q, omega, h, naive):
    """The rate of quaternions q (B, 4) that turn by body rates omega (B, 3) for a step h."""
    phi = h / 2 * np.linalg.norm(omega, axis=1)[:, None] * (0 if naive else 1)
    e0, e = (np.cos(phi) - 1) / h, np.sinc(phi / np.pi) * omega / 2
    w, v = q[:, :1], q[:, 1:]
    return cat(w * e0 - (v * e).sum(1, keepdims=True), w * e + v * e0 + np.cross(v, e))


class Model:
    def __init__(self, path):
        with safe_open(path, "numpy") as file:
            meta = file.metadata()
            tensors = {key: file.get_tensor(key) for key in file.keys()}
        # computes in double with the file's floats
        self.__dict__.update({key: t.astype(float) if t.dtype == np.float32 else t for key, t in tensors.items()})
        assert meta["format"] == "trapeze-model" and meta["version"] == "1", "not a model file of this version"
        self.data_mujoco, self.trained_mujoco = (meta.get(f"{key}_mujoco", "unknown") for key in ("data", "trained"))
        self.kind, self.env, self.dt = meta["kind"], meta["env"], float(meta["dt_s"])
        self.nq, self.nv, self.nu = (int(meta[key]) for key in ("nq", "nv", "nu"))
        self.n_layers = int(meta["n_layers"])
        self.rule, self.substeps = RULES[meta["integrator"]], int(meta["substeps"])
        self.h = self.dt / self.substeps
        if not hasattr(self, "z_mean"):
            self.z_mean = self.input_mean[: self.nq + self.nv]
        self.rate_limit = getattr(self, "rate_limit", None)
        self.angles, self.plain = np.flatnonzero(self.input_mask == ANGLE), np.flatnonzero(self.input_mask % 2 == 1)
        self.plain_q = self.plain[self.plain < self.nq]
        self.rotations = np.flatnonzero(self.input_mask[: self.nq] == QUATERNION)[::4]
        self.mean_a, self.std_a = self.rate_mean[self.nq :], self.rate_std[self.nq :]
        self.moves_momenta = hasattr(self, "mass.W1")
        if self.moves_momenta:
            q, v = slice(self.nq), slice(self.nq, 2 * self.nq)
            sigma_q = np.where(self.input_mask[q] == ANGLE, 1, self.input_std[q])
            sigma_v = self.input_std[v]
            natural = np.maximum(np.sqrt(sigma_q * self.std_a), sigma_v)
            self.m0 = np.log(2.0) ** 2 + EPS if meta.get("normaliser", "data") == "data" else 1.0
            self.s_q = np.where(self.input_mask[q] == SEEN_NOT, sigma_v, natural)
            self.r = (self.s_q / sigma_q)[self.plain_q]

    def network(self, name, xi):
        """Outputs, and the function c -> (d out / d xi)^T c."""
        W, b = ([self.__dict__[f"{name}.{t}{i}"] for i in range(1, self.n_layers + 2)] for t in "Wb")
        h = [xi]
        for i in range(self.n_layers):
            h.append(np.tanh(h[i] @ W[i] + b[i]))

        def pull_back(c):
            for i in range(self.n_layers, 0, -1):
                c = c @ W[i].T * (1 - h[i] ** 2)
            return c @ W[0].T

        return h[-1] @ W[-1] + b[-1], pull_back

    def xi(self, z, u):
        angle, scaled = z[:, self.angles], (cat(z, u) - self.input_mean) / self.input_std
        return cat(np.cos(angle), np.sin(angle), scaled[:, self.plain])

    # ---- coordinates w = (Q, P)

    def xi_q(self, Q):
        angle = (self.input_mean[: self.nq] + self.s_q * Q)[:, self.angles]
        return cat(np.cos(angle), np.sin(angle), self.r * Q[:, self.plain_q])

    def pull_back(self, xi_q, g):
        """(dxi_q/dQ)^T g."""
        n, result = len(self.angles), np.zeros((len(g), self.nq))
        result[:, self.angles] = self.s_q[self.angles] * (xi_q[:, :n] * g[:, n : 2 * n] - xi_q[:, n : 2 * n] * g[:, :n])
        result[:, self.plain_q] = self.r * g[:, 2 * n :]
        return result

    def xi_p(self, Q, P, u):
        mean, std = self.input_mean[2 * self.nq :], self.input_std[2 * self.nq :]
        return cat(self.xi_q(Q), P, (u - mean) / std)

    def cholesky(self, Q):
        """L of Minv = L L^T + eps E, and what its derivative needs: the diagonal of A and the network's pull-back."""
        A, pull_back = self.network("mass", self.xi_q(Q))
        A = A.reshape(-1, self.nq, self.nq)
        diagonal = np.diagonal(A, axis1=1, axis2=2)
        L = np.triu(A, 1).transpose(0, 2, 1) + np.eye(self.nq) * np.logaddexp(0, diagonal)[:, None]
        return L, diagonal, pull_back

    def velocity(self, L, P):
        return np.einsum("bij,bkj,bk->bi", L, L, P) + EPS * P

    def forces(self, xi):
        g = self.network("force", xi)[0]
        return g[:, : -self.nq], (self.std_a * g[:, -self.nq :] + self.mean_a) / (self.s_q * self.m0)

    def hamiltonian(self, Q, P):
        """dH/dP, dH/dQ."""
        xi_q = self.xi_q(Q)
        if self.kind == "hnn-nonseparable":
            e = self.network("energy", cat(xi_q, P))[1](np.full((len(Q), 1), 1 / self.m0))
            return e[:, xi_q.shape[1] :], self.pull_back(xi_q, e[:, : xi_q.shape[1]])
        L, diagonal, pull_mass = self.cholesky(Q)
        # dK/dL_ij = P_i y_j with y = L^T P
        dA = np.triu(np.einsum("bi,bj->bji", P, np.einsum("bij,bi->bj", L, P)))
        dA *= np.where(np.eye(self.nq), 1 / (1 + np.exp(-diagonal))[:, None], 1)
        dV = self.network("potential", xi_q)[1](np.full((len(Q), 1), 1 / self.m0))
        return self.velocity(L, P), self.pull_back(xi_q, dV + pull_mass(dA.reshape(len(Q), -1)))

    def canonical_field(self, Q, P, u):
        if self.kind == "node-so-mass":
            return cat(self.velocity(self.cholesky(Q)[0], P), self.forces(self.xi_p(Q, P, u))[1])
        dQ, dH = self.hamiltonian(Q, P)
        if not hasattr(self, "force.W1"):
            return cat(dQ, -dH)
        xi = self.xi_p(Q, P, u)
        if self.kind == "hnn":  # its forces see velocities
            xi = self.xi(cat(self.input_mean[: self.nq] + self.s_q * Q, self.s_q * dQ), u)
        g_q, g_p = self.forces(xi)
        return cat(dQ + g_q if self.kind == "symoden-both" else dQ, g_p - dH)

    # ---- all kinds

    def field(self, w, u):
        nq = self.nq
        if self.moves_momenta:
            return self.canonical_field(w[:, :nq], w[:, nq:], u)
        xi, v = self.xi(w, u), w[:, nq:]
        if self.kind in ("node", "delta"):
            return self.limited(self.rate_std * self.network("mlp", xi)[0] + self.rate_mean, 0)
        if self.kind == "symoden-study":
            n = len(self.plain_q)
            dv = self.network("force", xi)[0]
            dv[:, self.plain_q] -= self.network("potential", xi[:, :n])[1](np.ones((len(w), 1)))
            return cat(xi[:, n : n + self.nv], dv)
        dv = self.limited(self.std_a * self.network("mlp", xi)[0] + self.mean_a, nq)
        mean_v = v if self.kind == "node-so-direct" else v + self.h / 2 * dv
        dq, at = np.zeros((len(w), nq)), 0
        i = 0
        while i < nq:
            if i in self.rotations:
                dq[:, i : i + 4] = turn(w[:, i : i + 4], mean_v[:, at : at + 3], self.h, self.kind == "node-so-naive")
                i, at = i + 4, at + 3
            else:
                dq[:, i] = mean_v[:, at]
                i, at = i + 1, at + 1
        return cat(dq, dv)

    def limited(self, rate, first):
        if self.rate_limit is None:
            return rate
        limit = self.rate_limit[first:]
        return limit * np.tanh(rate / limit)

    def encode(self, z):
        if not self.moves_momenta:
            return z
        Q = (z[:, : self.nq] - self.input_mean[: self.nq]) / self.s_q
        L = self.cholesky(Q)[0]
        eps = 1e-6 if self.kind == "node-so-mass" else EPS
        Minv = L @ L.transpose(0, 2, 1) + eps * np.eye(self.nq)
        return cat(Q, np.linalg.solve(Minv, (z[:, self.nq :] / self.s_q)[..., None])[..., 0])

    def decode(self, w):
        if not self.moves_momenta:
            return w
        Q, P = w[:, : self.nq], w[:, self.nq :]
        return cat(self.input_mean[: self.nq] + self.s_q * Q, self.s_q * self.velocity(self.cholesky(Q)[0], P))

    def step(self, w, u):
        a, b = self.rule
        k = []
        for row in a:
            k.append(self.field(w + self.h * sum((a_ij * k_j for a_ij, k_j in zip(row, k)), 0 * w), u))
        return w + self.h * sum(b_i * k_i for b_i, k_i in zip(b, k))

    def rollout(self, z0, u):
        """z (T + 1, B, nz) from z0 (B, nz) and u (T, B, nu)."""
        w = self.encode(z0)
        z = [self.decode(w) if self.kind == "node-so-mass" else z0]
        for u_t in u:
            for _ in range(self.substeps):
                w = self.step(w, u_t)
            z.append(self.decode(w))
        return np.stack(z)

    def variance(self, z, u):
        """V (T + 1, B, nz) of a rollout z (T + 1, B, nz) under u, where the model has a variance network."""
        V = [np.zeros_like(z[0])]
        for z_t, u_t in zip(z, u):
            log_variance = 10 * np.tanh(self.network("variance", self.xi(z_t, u_t))[0] / 10)
            V.append(V[-1] + (self.rate_std * self.dt) ** 2 * np.exp(log_variance))
        return np.stack(V)


class Ensemble:
    """The models of a list, read after their digests were compared."""

    def __init__(self, path):
        listed = json.loads(pathlib.Path(path).read_text())
        if not isinstance(listed, dict) or listed.get("format") != "trapeze-ensemble-1":
            raise ValueError("not an ensemble of this version")
        self.members = []
        for entry in listed["members"]:
            file = pathlib.Path(path).parent / entry["file"]
            if hashlib.sha256(file.read_bytes()).hexdigest() != entry["sha256"]:
                raise ValueError(f"member {entry['file']} is another file than when the list was written")
            self.members.append(Model(file))
        if not self.members:
            raise ValueError("an ensemble without members")

    def rollout(self, z0, u):
        """z (T + 1, B, nz): the mean of the members' rollouts, each on its own."""
        return np.mean([member.rollout(z0, u) for member in self.members], 0)


def main():
    if len(sys.argv) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    path = sys.argv[1]
    try:
        model = Ensemble(path) if path.endswith(".json") else Model(path)
    except (OSError, KeyError, TypeError, ValueError, AssertionError, SafetensorError) as trouble:
        print(f"read_model.py: {path}: not read ({type(trouble).__name__}: {trouble})", file=sys.stderr)
        return 2
    first = model.members[0] if isinstance(model, Ensemble) else model
    if first is not model:
        print(f"ensemble of {len(model.members)} models, of which the first is:")
    nz = first.nq + first.nv
    print(f"{first.kind} of {first.env}: nz {nz}, nu {first.nu}, dt {first.dt} s, {first.substeps} substeps")
    print(f"learned from data of MuJoCo {first.data_mujoco}, trained with MuJoCo {first.trained_mujoco}")
    print("one period from the mean state:", model.rollout(first.z_mean[None], first.input_mean[None, None, nz:])[1, 0])
    return 0


if __name__ == "__main__":
    sys.exit(main())
