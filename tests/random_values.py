"""Random inputs and weights with which two models can be told apart."""

import numpy as np


def batch(*shape, seed=0):
    """Return float32 values of the given shape, from a normal distribution."""
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def randomise(model, spread=0.1):
    """Give all biases and numbers of the normalisations other values than those of the start."""
    rng = np.random.default_rng(1)
    for weight in model.weights:
        if weight.name in ("gamma", "moving_variance"):
            weight.assign(rng.uniform(0.5, 1.5, weight.shape))
        elif weight.name in ("beta", "moving_mean", "bias"):
            weight.assign(rng.normal(0, spread, weight.shape))
