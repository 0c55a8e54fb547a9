"""Weights made by formula, the same here as in ../../test/formula-weights.ts: a parity test needs no file of weights."""
import math

import torch


def noise(count, seed):
    """Numbers from -0.5 to 0.5, the same in every language: (i + 1) * 2654435761 + seed * 40503, mixed, as 32 bits."""
    i = torch.arange(1, count + 1, dtype=torch.int64)
    x = (i * 2654435761 + seed * 40503) & 0xFFFFFFFF
    x = x ^ (x >> 15)
    x = (x * 0x2C1B3C6D) & 0xFFFFFFFF
    x = x ^ (x >> 12)
    return x.to(torch.float64) / 2**32 - 0.5


def fill(state):
    """Every tensor by a formula of its name, BatchNorm's statistics and LayerScale included; weights keep the signal's size."""
    for name, tensor in state.items():
        if name.endswith("num_batches_tracked"):
            continue
        values = noise(tensor.numel(), sum(ord(c) * (i + 1) for i, c in enumerate(name)))
        if name.endswith("running_var"):
            values = 1 + values
        elif tensor.dim() > 1 and not name.endswith("layer_scale"):
            values = values * math.sqrt(24 / (tensor.numel() / tensor.shape[0]))
        else:
            values = (1 if name.endswith("weight") else 0) + values / 2
        tensor.copy_(values.reshape(tensor.shape))
    return state
