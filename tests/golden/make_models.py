#!/usr/bin/env python3
"""Golden models: one small model of each kind, its rollout, loss and gradients by PyTorch.

The kinds are written here from docs/models.md in float64, first derivatives of the energy by
autograd. Makes <kind>_torch.txt beside this file: per tensor a line "name ndim d0 d1 .." and a
line of values (row-major). Weights are (inputs, outputs).

    python3 tests/golden/make_models.py        # torch==2.13.0
"""

import math
import pathlib

import torch

NQ, NU, HIDDEN, SUBSTEPS, DT, B, T = 3, 2, 5, 4, 0.04, 4, 3
NZ, H, EPS = 2 * NQ, DT / SUBSTEPS, 1e-4
MASK = [0, 1, 1, 1, 1, 1, 1, 1]  # the first position is cyclic
INPUTS = [i for i, seen in enumerate(MASK) if seen]
SEEN_Q = [i for i in INPUTS if i < NQ]

torch.set_default_dtype(torch.float64)


def f32(x):
    """Values that single precision holds exactly, so that both sides start from the same numbers."""
    return x.float().double()


def network(theta, name, xi):
    h1 = torch.tanh(xi @ theta[name + ".W1"] + theta[name + ".b1"])
    h2 = torch.tanh(h1 @ theta[name + ".W2"] + theta[name + ".b2"])
    return h2 @ theta[name + ".W3"] + theta[name + ".b3"]


def make_network(theta, name, n_in, n_out):
    for layer, (i, o) in enumerate([(n_in, HIDDEN), (HIDDEN, HIDDEN), (HIDDEN, n_out)], 1):
        theta[f"{name}.W{layer}"] = f32(torch.randn(i, o) * 0.4).requires_grad_()
        theta[f"{name}.b{layer}"] = f32(torch.randn(o) * 0.2).requires_grad_()


class Node:
    def __init__(self, stats):
        self.stats, self.theta = stats, {}
        make_network(self.theta, "mlp", len(INPUTS), self.n_out())

    def n_out(self):
        return NZ

    def out(self, z, u):
        xi = ((torch.cat([z, u], 1) - self.stats["input_mean"]) / self.stats["input_std"])[:, INPUTS]
        return network(self.theta, "mlp", xi)

    def field(self, z, u):
        return self.stats["rate_std"] * self.out(z, u) + self.stats["rate_mean"]

    def encode(self, z):
        return z

    decode = encode


class NodeSo(Node):
    def n_out(self):
        return NQ

    def field(self, z, u):
        dv = self.stats["rate_std"][NQ:] * self.out(z, u) + self.stats["rate_mean"][NQ:]
        return torch.cat([z[:, NQ:] + 0.5 * H * dv, dv], 1)


class Hnn:
    def __init__(self, stats):
        self.stats, self.theta = stats, {}
        make_network(self.theta, "potential", len(SEEN_Q), 1)
        make_network(self.theta, "mass", len(SEEN_Q), NQ * NQ)
        make_network(self.theta, "force", len(INPUTS), NQ)
        self.mean, self.std = stats["input_mean"], stats["input_std"]
        sigma_a = stats["rate_std"][NQ:]
        self.m0 = math.log(2.0) ** 2 + EPS
        natural = torch.maximum((self.std[:NQ] * sigma_a).sqrt(), self.std[NQ:NZ])
        self.s_q = torch.where(torch.tensor(MASK[:NQ]) == 1, natural, self.std[NQ:NZ])
        self.s_f = sigma_a / (self.s_q * self.m0)
        self.o_f = stats["rate_mean"][NQ:] / (self.s_q * self.m0)

    def xi_q(self, Q):
        return (self.s_q / self.std[:NQ] * Q)[:, SEEN_Q]

    def minv(self, Q):
        A = network(self.theta, "mass", self.xi_q(Q)).reshape(-1, NQ, NQ)
        L = torch.triu(A, 1).transpose(1, 2) + torch.diag_embed(
            torch.nn.functional.softplus(torch.diagonal(A, dim1=1, dim2=2))
        )
        return L @ L.transpose(1, 2) + EPS * torch.eye(NQ)

    def velocity(self, Q, P):
        return (self.minv(Q) @ P[:, :, None])[:, :, 0]

    def field(self, w, u):
        Q, P = w[:, :NQ], w[:, NQ:]
        dQ = self.velocity(Q, P)
        energy = network(self.theta, "potential", self.xi_q(Q))[:, 0] / self.m0 + 0.5 * (P * dQ).sum(1)
        dH = torch.autograd.grad(energy.sum(), Q, create_graph=True)[0]
        vu = torch.cat([self.s_q * dQ, u], 1)
        xi = torch.cat([self.xi_q(Q), (vu - self.mean[NQ:]) / self.std[NQ:]], 1)
        return torch.cat([dQ, self.s_f * network(self.theta, "force", xi) + self.o_f - dH], 1)

    def encode(self, z):
        Q = ((z[:, :NQ] - self.mean[:NQ]) / self.s_q).requires_grad_()
        return torch.cat([Q, torch.linalg.solve(self.minv(Q), z[:, NQ:] / self.s_q)], 1)

    def decode(self, w):
        Q, P = w[:, :NQ], w[:, NQ:]
        return torch.cat([self.mean[:NQ] + self.s_q * Q, self.s_q * self.velocity(Q, P)], 1)


def rollout(model, z0, u):
    z, w = [z0], model.encode(z0)
    for t in range(T):
        for _ in range(SUBSTEPS):
            w = w + H * model.field(w, u[t])
        z.append(model.decode(w))
    return torch.stack(z)


def write(path, head, tensors):
    with open(path, "w") as file:
        file.write(f"# {head}\n")
        for name, tensor in tensors:
            values = tensor.detach().reshape(-1).tolist()
            file.write(" ".join(map(str, [name, tensor.ndim, *tensor.shape])) + "\n")
            file.write(" ".join(f"{x:.17g}" for x in values) + "\n")


def main():
    for number, (kind, make) in enumerate([("node", Node), ("node_so", NodeSo), ("hnn", Hnn)]):
        torch.manual_seed(number)
        stats = {
            "input_mean": f32(torch.randn(NZ + NU)),
            "input_std": f32(0.4 + torch.rand(NZ + NU)),
            "rate_mean": f32(torch.randn(NZ)),
            "rate_std": f32(1.0 + 3.0 * torch.rand(NZ)),
        }
        model = make(stats)
        z0 = f32(stats["input_mean"][:NZ] + torch.randn(B, NZ) * stats["input_std"][:NZ])
        u = f32(torch.randn(T, B, NU))
        target = f32(z0 + 0.1 * torch.randn(T + 1, B, NZ))
        z = rollout(model, z0, u)
        loss = (((z - target) / stats["input_std"][:NZ]) ** 2).mean()
        loss.backward()
        tensors = [*stats.items(), ("z0", z0), ("u", u), ("target", target), ("z", z), ("loss", loss.reshape(1))]
        tensors += [("param:" + name, p) for name, p in model.theta.items()]
        tensors += [("grad:" + name, p.grad if p.grad is not None else torch.zeros_like(p)) for name, p in model.theta.items()]
        head = f"{kind} nq={NQ} nu={NU} hidden={HIDDEN} dt={DT} substeps={SUBSTEPS} B={B} T={T}, first position masked"
        write(pathlib.Path(__file__).with_name(f"{kind}_torch.txt"), head, tensors)


if __name__ == "__main__":
    main()
