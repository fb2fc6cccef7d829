#!/usr/bin/env python3
"""Writes sac_sb3.safetensors: three updates of Stable-Baselines3's SAC, whole.

Its own train() runs on fixed batches and fixed normal draws, from stated weights. The file holds the
weights before, batches, noise, the gradients of the first update, losses, and the weights after, and what
its actor does at some observations.

    python make_sac.py        (stable-baselines3==2.9.2 torch==2.13.0 safetensors)
"""
import pathlib

import gymnasium
import numpy as np
import torch
from safetensors.torch import save_file
from stable_baselines3 import SAC
from stable_baselines3.common.logger import configure
from stable_baselines3.common.type_aliases import ReplayBufferSamples

# Observation and action have the sizes of Swimmer: its bare weights load as a policy of that environment.
D, A, H, B, UPDATES, ALPHA = 8, 2, 32, 96, 3, 0.7


class Space(gymnasium.Env):
    observation_space = gymnasium.spaces.Box(-np.inf, np.inf, (D,))
    action_space = gymnasium.spaces.Box(-1.0, 1.0, (A,))


torch.manual_seed(7)
torch.set_num_threads(1)
model = SAC("MlpPolicy", Space(), batch_size=B, ent_coef=f"auto_{ALPHA}", policy_kwargs={"net_arch": [H, H]},
            buffer_size=100, device="cpu")
model.set_logger(configure(None, []))
with torch.no_grad():
    model.actor.log_std.weight *= 20.0  # some log sigma outside of the clamp
    model.actor.mu.weight *= 2.0
    model.critic_target.qf0[0].weight *= 1.1  # a target that differs from its critic


def tensors(prefix):
    state = {k: v.detach().clone().contiguous() for k, v in model.policy.state_dict().items()}
    return {f"{prefix}.{k}": v for k, v in state.items()}


out = tensors("before")
batches, noises = [], []
for i in range(UPDATES):
    batch = ReplayBufferSamples(torch.randn(B, D), torch.rand(B, A) * 2 - 1, torch.randn(B, D),
                                (torch.rand(B, 1) < 0.2).float(), torch.randn(B, 1))
    # at obs, at next_obs: the order of train(). Small, because 1 - a^2 of a saturated action is rounding error
    noise = [0.2 * torch.randn(B, A), 0.2 * torch.randn(B, A)]
    batches.append(batch)
    noises += noise
    for name, x in zip(["obs", "action", "next_obs", "done", "reward"], batch[:5]):
        out[f"batch{i}.{name}"] = x.reshape(B, -1).clone()
    out[f"batch{i}.noise"], out[f"batch{i}.next_noise"] = noise

queue = list(noises)
torch.distributions.normal._standard_normal = lambda shape, dtype, device: queue.pop(0)


def remember(net, name):
    """Keeps the gradients that the optimiser's first step sees."""
    step = net.optimizer.step

    def first(*args, **kwargs):
        for k, p in net.named_parameters():
            out.setdefault(f"gradient.{name}.{k}", p.grad.detach().clone().contiguous())
        return step(*args, **kwargs)
    net.optimizer.step = first


remember(model.actor, "actor")
remember(model.critic, "critic")
losses = []
for i in range(UPDATES):
    model.replay_buffer.sample = lambda n, env=None, i=i: batches[i]
    model.train(gradient_steps=1, batch_size=B)
    value = model.logger.name_to_value
    losses.append([value["train/critic_loss"], value["train/actor_loss"], value["train/ent_coef"]])
assert not queue
out |= tensors("after")
out["losses"] = torch.tensor(losses, dtype=torch.float64)
out["log_alpha"] = model.log_ent_coef.detach().double().clone()
out["act.obs"] = batches[0].observations.clone()
with torch.no_grad():
    out["act.action"] = model.actor(batches[0].observations, deterministic=True).clone()

save_file(out, pathlib.Path(__file__).with_name("sac_sb3.safetensors"),
          metadata={"made_by": "stable-baselines3 2.9.2, torch 2.13.0", "alpha": str(ALPHA)})
