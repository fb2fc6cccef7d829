#!/usr/bin/env python3
"""Reads a model file of Trapeze and rolls it out, with numpy alone (docs/models.md, docs/formats.md).

    python3 tools/read_model.py model.safetensors     # says what it is, and one prediction from the mean state
"""

import sys

import numpy as np
from safetensors import safe_open

EPS = 1e-4  # of the inverse mass matrix


class Model:
    def __init__(self, path):
        with safe_open(path, "numpy") as file:
            meta = file.metadata()
            self.__dict__.update({key: file.get_tensor(key) for key in file.keys()})
        assert meta["format"] == "trapeze-model" and meta["version"] == "1", "not a model file of this version"
        self.kind, self.env, self.dt = meta["kind"], meta["env"], float(meta["dt_s"])
        self.n, self.nu, self.substeps = int(meta["nq"]), int(meta["nu"]), int(meta["substeps"])
        self.h, self.seen = self.dt / self.substeps, np.flatnonzero(self.input_mask)
        self.seen_q = self.seen[self.seen < self.n]
        q, v = slice(self.n), slice(self.n, 2 * self.n)
        sigma_q, sigma_v, sigma_a = self.input_std[q], self.input_std[v], self.rate_std[v]
        self.m0 = np.log(2.0) ** 2 + EPS
        self.s_q = np.where(self.input_mask[q], np.maximum(np.sqrt(sigma_q * sigma_a), sigma_v), sigma_v)
        self.r = (self.s_q / sigma_q)[self.seen_q]

    def network(self, name, xi):
        """Outputs, and the function c -> (d out / d xi)^T c."""
        W1, b1, W2, b2, W3, b3 = (self.__dict__[f"{name}.{t}"] for t in ("W1", "b1", "W2", "b2", "W3", "b3"))
        h1 = np.tanh(xi @ W1 + b1)
        h2 = np.tanh(h1 @ W2 + b2)
        return h2 @ W3 + b3, lambda c: ((c @ W3.T * (1 - h2**2)) @ W2.T * (1 - h1**2)) @ W1.T

    def xi(self, z, u):
        return ((np.concatenate([z, u], 1) - self.input_mean) / self.input_std)[:, self.seen]

    def cholesky(self, Q):
        """L of Minv = L L^T + eps E, and what its derivative needs: the diagonal of A and the network's pull-back."""
        A, pull_back = self.network("mass", self.r * Q[:, self.seen_q])
        A = A.reshape(-1, self.n, self.n)
        diagonal = np.diagonal(A, axis1=1, axis2=2)
        return np.triu(A, 1).transpose(0, 2, 1) + np.eye(self.n) * np.logaddexp(0, diagonal)[:, None], diagonal, pull_back

    def velocity(self, L, P):
        return np.einsum("bij,bkj,bk->bi", L, L, P) + EPS * P

    def field(self, w, u):
        n = self.n
        if self.kind == "node":
            return self.rate_std * self.network("mlp", self.xi(w, u))[0] + self.rate_mean
        if self.kind == "node-so":
            dv = self.rate_std[n:] * self.network("mlp", self.xi(w, u))[0] + self.rate_mean[n:]
            return np.concatenate([w[:, n:] + self.h / 2 * dv, dv], 1)
        Q, P = w[:, :n], w[:, n:]
        L, diagonal, pull_back = self.cholesky(Q)
        dQ = self.velocity(L, P)
        # dH/dQ = r (dV/dxi / m0 + (dA/dxi)^T dK/dA), dK/dL_ij = P_i y_j with y = L^T P
        dA = np.triu(np.einsum("bi,bj->bji", P, np.einsum("bij,bi->bj", L, P)))
        dA *= np.where(np.eye(n), 1 / (1 + np.exp(-diagonal))[:, None], 1)
        dV = self.network("potential", self.r * Q[:, self.seen_q])[1](np.full((len(w), 1), 1 / self.m0))
        g = self.network("force", self.xi(np.concatenate([self.input_mean[:n] + self.s_q * Q, self.s_q * dQ], 1), u))[0]
        dP = (self.rate_std[n:] * g + self.rate_mean[n:]) / (self.s_q * self.m0)
        dP[:, self.seen_q] -= self.r * (dV + pull_back(dA.reshape(len(w), -1)))
        return np.concatenate([dQ, dP], 1)

    def rollout(self, z0, u):
        """z (T + 1, B, nz) from z0 (B, nz) and u (T, B, nu)."""
        n, z, w = self.n, [z0], z0
        if self.kind == "hnn":
            Q = (z0[:, :n] - self.input_mean[:n]) / self.s_q
            L = self.cholesky(Q)[0]
            Minv = L @ L.transpose(0, 2, 1) + EPS * np.eye(n)
            w = np.concatenate([Q, np.linalg.solve(Minv, (z0[:, n:] / self.s_q)[..., None])[..., 0]], 1)
        for u_t in u:
            for _ in range(self.substeps):
                w = w + self.h * self.field(w, u_t)
            v = self.s_q * self.velocity(self.cholesky(w[:, :n])[0], w[:, n:]) if self.kind == "hnn" else w[:, n:]
            q = self.input_mean[:n] + self.s_q * w[:, :n] if self.kind == "hnn" else w[:, :n]
            z.append(np.concatenate([q, v], 1))
        return np.stack(z)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    model = Model(sys.argv[1])
    mean = model.input_mean[None]
    print(f"{model.kind} of {model.env}: nz {2 * model.n}, nu {model.nu}, dt {model.dt} s, {model.substeps} substeps")
    print("one period from the mean state:", model.rollout(mean[:, : 2 * model.n], mean[None, :, 2 * model.n :])[1, 0])
