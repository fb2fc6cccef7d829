"""Every kind, in every form, against other programs that read the same model files: rollouts by tools/read_model.py
(numpy, double) and PyTorch, and gradients of every tensor by PyTorch's automatic differentiation, all in double:
the library's float to 1e-5 and 1e-4, the same formulas compiled in double to 1e-12 and 1e-10, norm-wise.

    peer_rollouts.py WRITE_ROLLOUTS WRITE_ROLLOUTS_F64     # the programs that write the files
"""

import math
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
import torch
from safetensors import safe_open
from safetensors.numpy import load_file

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "tools"))
from read_model import Model  # noqa: E402

# of values and of gradients, by the end of the name of the rollout's file
TOLERANCES = {"rollout": (1e-5, 1e-4), "rollout_f64": (1e-12, 1e-10)}
EPS = 1e-4
torch.set_default_dtype(torch.float64)
torch.set_num_threads(1)  # small products


class TorchModel:
    """The kinds of docs/models.md, written from their energies; all derivatives by autograd."""

    def __init__(self, path):
        with safe_open(path, "pt") as file:
            meta = file.metadata()
            tensors = {key: file.get_tensor(key) for key in file.keys()}
        self.theta = {key: t.double().requires_grad_() for key, t in tensors.items() if "." in key}
        stats = {key: t.double() for key, t in tensors.items() if "." not in key}
        self.kind, self.nq, self.nu = meta["kind"], int(meta["nq"]), int(meta["nu"])
        self.n_layers = int(meta["n_layers"])
        self.substeps, self.integrator = int(meta["substeps"]), meta["integrator"]
        self.dt = float(meta["dt_s"])
        self.h = self.dt / self.substeps
        self.mask = tensors["input_mask"].tolist()
        self.mean, self.std = stats["input_mean"], stats["input_std"]
        self.rate_mean, self.rate_std = stats["rate_mean"], stats["rate_std"]
        self.rate_limit = stats.get("rate_limit")
        n = self.nq
        self.angles = [i for i in range(n) if self.mask[i] == 2]
        self.plain = [i for i in range(len(self.mask)) if self.mask[i] in (1, 3)]
        self.canonical = "mass.W1" in self.theta
        if self.canonical:
            is_scaled = meta["normaliser"] == "data"
            self.m0 = math.log(2.0) ** 2 + EPS if is_scaled else 1.0
            sigma_q = torch.tensor([1.0 if self.mask[i] == 2 else float(self.std[i]) for i in range(n)])
            sigma_v, sigma_a = self.std[n : 2 * n], self.rate_std[n:]
            seen = torch.tensor([m > 0 for m in self.mask[:n]])
            self.s_q = torch.where(seen, torch.maximum((sigma_q * sigma_a).sqrt(), sigma_v), sigma_v)
            self.s_f, self.o_f = sigma_a / (self.s_q * self.m0), self.rate_mean[n:] / (self.s_q * self.m0)

    def network(self, name, xi):
        for layer in range(1, self.n_layers + 1):
            xi = torch.tanh(xi @ self.theta[f"{name}.W{layer}"] + self.theta[f"{name}.b{layer}"])
        return xi @ self.theta[f"{name}.W{self.n_layers + 1}"] + self.theta[f"{name}.b{self.n_layers + 1}"]

    def xi(self, z, u):
        angle, scaled = z[:, self.angles], (torch.cat([z, u], 1) - self.mean) / self.std
        return torch.cat([angle.cos(), angle.sin(), scaled[:, self.plain]], 1)

    def xi_q(self, Q):
        q = self.mean[: self.nq] + self.s_q * Q
        plain = [i for i in self.plain if i < self.nq]
        scaled = (self.s_q * Q / self.std[: self.nq])[:, plain]
        return torch.cat([q[:, self.angles].cos(), q[:, self.angles].sin(), scaled], 1)

    def minv(self, Q, eps=EPS):
        A = self.network("mass", self.xi_q(Q)).reshape(-1, self.nq, self.nq)
        diagonal = torch.nn.functional.softplus(torch.diagonal(A, dim1=1, dim2=2))
        L = torch.triu(A, 1).transpose(1, 2) + torch.diag_embed(diagonal)
        return L @ L.transpose(1, 2) + eps * torch.eye(self.nq)

    def energy(self, Q, P):
        if self.kind == "hnn-nonseparable":
            return self.network("energy", torch.cat([self.xi_q(Q), P], 1))[:, 0] / self.m0
        kinetic = 0.5 * torch.einsum("bi,bij,bj->b", P, self.minv(Q), P)
        return self.network("potential", self.xi_q(Q))[:, 0] / self.m0 + kinetic

    def canonical_field(self, w, u):
        n = self.nq
        Q, P = w[:, :n], w[:, n:]
        xi_u = (u - self.mean[2 * n :]) / self.std[2 * n :]
        if self.kind == "node-so-mass":
            dQ, dP = (self.minv(Q) @ P[..., None])[..., 0], 0.0
        else:
            dH_dQ, dQ = torch.autograd.grad(self.energy(Q, P).sum(), [Q, P], create_graph=True)
            dP = -dH_dQ
        if "force.W1" in self.theta:
            velocity = (self.s_q * dQ - self.mean[n : 2 * n]) / self.std[n : 2 * n]
            xi = torch.cat([self.xi_q(Q), velocity if self.kind == "hnn" else P, xi_u], 1)
            g = self.network("force", xi)
            dP = dP + self.s_f * g[:, -n:] + self.o_f
            dQ = dQ + g[:, :n] if self.kind == "symoden-both" else dQ
        return torch.cat([dQ, dP], 1)

    def limited(self, rate, first):
        if self.rate_limit is None:
            return rate
        limit = self.rate_limit[first:]
        return limit * torch.tanh(rate / limit)

    def variance(self, z, u):
        grown = [torch.zeros_like(z[0])]
        for z_t, u_t in zip(z, u):
            log_variance = 10 * torch.tanh(self.network("variance", self.xi(z_t, u_t)) / 10)
            grown.append(grown[-1] + (self.rate_std * self.dt) ** 2 * log_variance.exp())
        return torch.stack(grown)

    def turn(self, q, omega):
        """The rate of a quaternion over a substep, through the matrix exponential of left-multiplied rates."""
        x, y, z = omega.T
        zero = torch.zeros_like(x)
        rows = [[zero, -x, -y, -z], [x, zero, z, -y], [y, -z, zero, x], [z, y, -x, zero]]
        half = 0.5 * torch.stack([torch.stack(row, 1) for row in rows], 1)
        moved = half if self.kind == "node-so-naive" else (torch.matrix_exp(self.h * half) - torch.eye(4)) / self.h
        return (moved @ q[..., None])[..., 0]

    def field(self, w, u):
        n = self.nq
        if self.canonical:
            return self.canonical_field(w, u)
        xi = self.xi(w, u)
        if self.kind in ("node", "delta"):
            return self.limited(self.rate_std * self.network("mlp", xi) + self.rate_mean, 0)
        if self.kind == "symoden-study":
            seen = [i for i in self.plain if i < n]
            dV = torch.autograd.grad(self.network("potential", xi[:, : len(seen)]).sum(), xi, create_graph=True)[0]
            force = torch.zeros(len(w), n).index_add(1, torch.tensor(seen), -dV[:, : len(seen)])
            return torch.cat([xi[:, len(seen) : len(seen) + n], force + self.network("force", xi)], 1)
        dv = self.limited(self.rate_std[n:] * self.network("mlp", xi) + self.rate_mean[n:], n)
        v = w[:, n:] + (0.0 if self.kind == "node-so-direct" else 0.5 * self.h) * dv
        dq, i, k = [], 0, 0
        while i < n:
            if self.mask[i] == 3:
                dq.append(self.turn(w[:, i : i + 4], v[:, k : k + 3]))
                i, k = i + 4, k + 3
            else:
                dq.append(v[:, k : k + 1])
                i, k = i + 1, k + 1
        return torch.cat([*dq, dv], 1)

    def encode(self, z):
        if not self.canonical:
            return z.requires_grad_()
        n = self.nq
        Q = ((z[:, :n] - self.mean[:n]) / self.s_q).requires_grad_()
        P = torch.linalg.solve(self.minv(Q, 1e-6 if self.kind == "node-so-mass" else EPS), z[:, n:] / self.s_q)
        return torch.cat([Q, P], 1)

    def decode(self, w):
        if not self.canonical:
            return w
        Q, P = w[:, : self.nq], w[:, self.nq :]
        return torch.cat([self.mean[: self.nq] + self.s_q * Q, self.s_q * (self.minv(Q) @ P[..., None])[..., 0]], 1)

    def step(self, w, u):
        f, h = lambda x: self.field(x, u), self.h
        k1 = f(w)
        if self.integrator == "euler":
            return w + h * k1
        if self.integrator == "rk4-38":
            k2 = f(w + h * k1 / 3)
            k3 = f(w + h * (k2 - k1 / 3))
            k4 = f(w + h * (k1 - k2 + k3))
            return w + h * (k1 + 3 * k2 + 3 * k3 + k4) / 8
        k2 = f(w + h * k1 / 2)
        k3 = f(w + h * k2 / 2)
        k4 = f(w + h * k3)
        return w + h * (k1 + 2 * k2 + 2 * k3 + k4) / 6

    def rollout(self, z0, u):
        w = self.encode(z0)
        z = [self.decode(w) if self.kind == "node-so-mass" else z0]
        for u_t in u:
            for _ in range(self.substeps):
                w = self.step(w, u_t)
            z.append(self.decode(w))
        return torch.stack(z)


def distance(value, expected):
    size = np.linalg.norm(expected)
    return np.linalg.norm(value - expected) / size if size > 0 else np.linalg.norm(value)


def compare(folder, stem, rollout):
    """Errors of the rollout in both, and the largest of the gradients."""
    ours = {key: value.astype(float) for key, value in load_file(f"{folder}/{stem}.{rollout}.safetensors").items()}
    path = f"{folder}/{stem}.safetensors"
    by_numpy = distance(ours["z"], Model(path).rollout(ours["z0"], ours["u"]))
    model = TorchModel(path)
    z = model.rollout(torch.from_numpy(ours["z0"]), torch.from_numpy(ours["u"]))
    by_torch = distance(ours["z"], z.detach().numpy())
    loss = (z * torch.from_numpy(ours["z_bar"])).sum()
    if "V" in ours:
        V = model.variance(z.detach(), torch.from_numpy(ours["u"]))
        by_numpy = max(by_numpy, distance(ours["V"], Model(path).variance(ours["z"], ours["u"])))
        by_torch = max(by_torch, distance(ours["V"], V.detach().numpy()))
        loss = loss + (V * torch.from_numpy(ours["z_bar"])).sum()
    loss.backward()
    gradient = 0.0
    for name, parameter in model.theta.items():
        expected = parameter.grad.numpy() if parameter.grad is not None else np.zeros(parameter.shape)
        gradient = max(gradient, distance(ours[f"grad.{name}"].reshape(expected.shape), expected))
    return by_numpy, by_torch, gradient


failed = False
with tempfile.TemporaryDirectory() as folder:
    for program in sys.argv[1:]:
        subprocess.run([program, folder], check=True, stderr=subprocess.DEVNULL)
    for rollout, (value_tolerance, gradient_tolerance) in TOLERANCES.items():
        suffix = f".{rollout}.safetensors"
        stems = sorted(path.name.removesuffix(suffix) for path in pathlib.Path(folder).glob("*" + suffix))
        print(f"{'kind.form, ' + rollout:36s} {'numpy':>9s} {'PyTorch':>9s} {'gradient':>9s}")
        for stem in stems:
            by_numpy, by_torch, gradient = compare(folder, stem, rollout)
            print(f"{stem:36s} {by_numpy:9.1e} {by_torch:9.1e} {gradient:9.1e}")
            failed |= not (max(by_numpy, by_torch) <= value_tolerance and gradient <= gradient_tolerance)
        failed |= len(stems) < 20
sys.exit(failed)
