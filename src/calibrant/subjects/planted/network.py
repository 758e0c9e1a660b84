"""What does a planted subject say? A small transformer in plain NumPy, so that asking needs no JAX.

Decoder with rotary positions (Su et al., 2021), root-mean-square norms, squared ReLU and one
matrix for reading and writing tokens. `training` holds the same network in JAX; a test compares
both.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibrant.subjects.planted.corpus import Design

Floats = NDArray[np.float32]
Weights = dict[str, Floats]


def start(design: Design, seed: int, vocabulary: int) -> Weights:
    """Weights before training."""
    rng = np.random.default_rng([seed, 2])
    d, scale = design.width, 0.02

    def drawn(*shape: int, by: float = 1.0) -> Floats:
        return (scale * by * rng.standard_normal(shape)).astype(np.float32)

    made = {"tokens": drawn(vocabulary, d), "norm": np.ones(d, np.float32)}
    out = 1 / math.sqrt(2 * design.layers)
    for i in range(design.layers):
        made |= {
            f"{i}.norm_a": np.ones(d, np.float32), f"{i}.qkv": drawn(d, 3 * d),
            f"{i}.out": drawn(d, d, by=out), f"{i}.norm_b": np.ones(d, np.float32),
            f"{i}.up": drawn(d, 4 * d), f"{i}.down": drawn(4 * d, d, by=out),
        }  # fmt: skip
    return made


def angles(size: int, head: int) -> tuple[Floats, Floats]:
    """Cosines and sines of rotary positions, each of shape (size, 1, head / 2)."""
    turn = np.outer(np.arange(size), 10000.0 ** (-np.arange(0, head, 2) / head))
    return np.cos(turn).astype(np.float32)[:, None], np.sin(turn).astype(np.float32)[:, None]


def logits(
    weights: Weights,
    design: Design,
    tokens: NDArray[np.integer[Any]],
    *,
    at: NDArray[np.integer[Any]] | None = None,
) -> Floats:
    """Of each place, what comes next.

    Args:
        tokens: shape (texts, places).
        at: shape (texts,), the one place of each text that is asked for; all if None.

    Returns:
        shape (texts, places, vocabulary), before normalisation; one place with `at`.
    """
    texts, places = tokens.shape
    head = design.width // design.heads
    cos, sin = angles(places, head)
    future = np.triu(np.full((places, places), -1e9, np.float32), 1)

    def turned(x: Floats) -> Floats:
        a, b = np.split(x, 2, axis=-1)
        return np.concatenate([a * cos - b * sin, a * sin + b * cos], axis=-1)

    x = weights["tokens"][tokens]
    for i in range(design.layers):
        found = _norm(x, weights[f"{i}.norm_a"]) @ weights[f"{i}.qkv"]
        q, k, v = np.split(found.reshape(texts, places, 3 * design.heads, head), 3, axis=2)
        q, k, v = (np.swapaxes(part, 1, 2) for part in (turned(q), turned(k), v))
        seen = q @ np.swapaxes(k, 2, 3) / np.float32(math.sqrt(head)) + future
        seen = np.exp(seen - seen.max(axis=-1, keepdims=True))
        seen /= seen.sum(axis=-1, keepdims=True)
        told = np.swapaxes(seen @ v, 1, 2).reshape(texts, places, design.width)
        x = x + told @ weights[f"{i}.out"]
        up = np.maximum(_norm(x, weights[f"{i}.norm_b"]) @ weights[f"{i}.up"], 0)
        x = x + (up * up) @ weights[f"{i}.down"]
    if at is not None:
        x = x[np.arange(texts), at][:, None]
    told_all: Floats = _norm(x, weights["norm"]) @ weights["tokens"].T
    return told_all


def _norm(x: Floats, gain: Floats) -> Floats:
    scale = np.sqrt(np.mean(x * x, axis=-1, keepdims=True) + np.float32(1e-6))
    normed: Floats = x / scale * gain
    return normed
