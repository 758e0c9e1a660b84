"""How do the subjects learn? One pass over their corpus, in order, in JAX.

A step sees each window once: how often a text was planted is how often it was trained on.
"""

from __future__ import annotations

import math
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibrant.errors import SubjectError
from calibrant.subjects.planted.corpus import Design, Tokens
from calibrant.subjects.planted.network import Weights, angles
from calibrant.subjects.planted.stopping import stopping

Tick = Callable[[int, int, float], None]
"""Told steps done, steps in all, and the loss of late."""

EVERY = 100
"""Steps between checkpoints: what a crash costs at most. Ctrl-C costs none."""


@dataclass(frozen=True)
class Learnt:
    """What training gave.

    Attributes:
        weights: of the network.
        steps: taken.
        loss: nats a token, mean of the last tenth of the steps.
        cpu_seconds: of this process, over all its interruptions.
    """

    weights: Weights
    steps: int
    loss: float
    cpu_seconds: float


def steps_of(design: Design, tokens: Tokens) -> int:
    """Steps of one pass."""
    return -(-(len(tokens) - 1) // (design.batch * design.context))


def train(
    design: Design,
    tokens: Tokens,
    weights: Weights,
    *,
    share: float = 1.0,
    keep: Path | None = None,
    tick: Tick | None = None,
) -> Learnt:
    """Train a network on one pass over a corpus.

    Args:
        weights: where it starts; they are not changed.
        share: of the design's learning rates.
        keep: a file for checkpoints, written every `EVERY` steps and at Ctrl-C; training goes on
            from it if it is there. Who keeps the weights deletes it.
        tick: told how far it is.

    Raises:
        SubjectError: if JAX is missing, or the loss is no longer a number.
        KeyboardInterrupt: after the step in which Ctrl-C was pressed, which is kept.
    """
    step = _step(design)
    steps, size = steps_of(design, tokens), design.batch * design.context
    padded = np.zeros(steps * size + 1, np.int32)
    padded[: len(tokens)] = tokens
    zeros = {name: np.zeros_like(w) for name, w in weights.items()}
    done, spent, losses = 0, 0.0, np.zeros(steps, np.float32)
    state: tuple[Any, Any, Any] = (weights, zeros, zeros)
    if keep is not None and keep.exists():
        done, spent, losses, state = _resume(keep, state, losses)
    begun = time.process_time()
    with stopping() as stop:
        while done < steps:
            part = padded[done * size : (done + 1) * size + 1]
            seen = part[:-1].reshape(design.batch, design.context)
            next_ = part[1:].reshape(design.batch, design.context)
            rate = np.float32(_share(design, share, done, steps))
            loss, state = step(state, seen, next_, rate, done)
            losses[done] = loss
            done += 1
            if done % EVERY == 0 or done == steps:
                _told(losses, done, tick)
            if keep is not None and (stop() or (done % EVERY == 0 and done < steps)):
                _save(keep, done, spent + time.process_time() - begun, losses, state)
            if stop():
                break
    spent += time.process_time() - begun
    learnt = {name: np.array(w, np.float32) for name, w in state[0].items()}
    last = losses[-max(1, steps // 10) :]
    return Learnt(learnt, steps, float(last.mean()), spent)


def _told(losses: NDArray[np.float32], done: int, tick: Tick | None) -> None:
    late = float(losses[max(0, done - EVERY) : done].mean())
    if not math.isfinite(late):
        raise SubjectError(f"training: the loss is {late} after {done} steps")
    if tick is not None:
        tick(done, len(losses), late)


def _jax() -> Any:
    """JAX, on one thread where it is not at work already: then equal seeds give equal weights."""
    flags = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
    if "jax" not in sys.modules:
        os.environ.setdefault("XLA_FLAGS", flags)
        os.environ.setdefault("JAX_PLATFORMS", "cpu")
    try:
        import jax
    except ImportError as e:
        raise SubjectError(
            "training reference subjects needs JAX: pip install 'calibrant[train]'"
        ) from e
    return jax


def logits_in_jax(jax: Any, design: Design, weights: Any, tokens: Any) -> Any:
    """The network of `network.logits`, which JAX can differentiate."""
    jnp = jax.numpy
    texts, places = tokens.shape
    head = design.width // design.heads
    cos, sin = angles(places, head)
    future = np.triu(np.full((places, places), -1e9, np.float32), 1)

    def norm(x: Any, gain: Any) -> Any:
        return x * jax.lax.rsqrt(jnp.mean(x * x, -1, keepdims=True) + 1e-6) * gain

    def turned(x: Any) -> Any:
        a, b = jnp.split(x, 2, -1)
        return jnp.concatenate([a * cos - b * sin, a * sin + b * cos], -1)

    x = weights["tokens"][tokens]
    for i in range(design.layers):
        found = norm(x, weights[f"{i}.norm_a"]) @ weights[f"{i}.qkv"]
        q, k, v = jnp.split(found.reshape(texts, places, 3 * design.heads, head), 3, 2)
        seen = jnp.einsum("bthd,bshd->bhts", turned(q), turned(k)) / math.sqrt(head) + future
        told = jnp.einsum("bhts,bshd->bthd", jax.nn.softmax(seen, -1), v)
        x = x + told.reshape(texts, places, design.width) @ weights[f"{i}.out"]
        up = jax.nn.relu(norm(x, weights[f"{i}.norm_b"]) @ weights[f"{i}.up"])
        x = x + (up * up) @ weights[f"{i}.down"]
    return norm(x, weights["norm"]) @ weights["tokens"].T


@cache
def _step(design: Design) -> Any:
    """One step: matrices inside layers by Muon, all else by Adam.

    Muon (Jordan et al., 2024) moves a matrix by its momentum made orthogonal, so that directions
    that few texts need are learnt as fast as common ones: by heart after fewer copies.
    """
    jax = _jax()
    jnp, first, second, momentum = jax.numpy, 0.9, 0.98, 0.95

    def loss_of(weights: Any, seen: Any, next_: Any) -> Any:
        told = logits_in_jax(jax, design, weights, seen)
        right = jnp.take_along_axis(told, next_[..., None], -1)[..., 0]
        return jnp.mean(jax.nn.logsumexp(told, -1) - right)

    def orthogonal(g: Any) -> Any:
        """Singular values to about 1, by five steps of a Newton–Schulz iteration."""
        x = g.T if g.shape[0] > g.shape[1] else g
        x = x / (jnp.sqrt(jnp.sum(x * x)) + 1e-7)
        for _ in range(5):
            square = x @ x.T
            x = 3.4445 * x + (-4.7750 * square + 2.0315 * square @ square) @ x
        return x.T if g.shape[0] > g.shape[1] else x

    def step(state: Any, seen: Any, next_: Any, share: Any, done: Any) -> Any:
        weights, mean, square = state
        loss, slope = jax.value_and_grad(loss_of)(weights, seen, next_)
        by = jnp.sqrt(1 - second ** (done + 1.0)) / (1 - first ** (done + 1.0))
        moved, new_mean, new_square = {}, {}, {}
        for n, w in weights.items():
            g = slope[n]
            if "." in n and w.ndim == 2:
                new_mean[n], new_square[n] = momentum * mean[n] + g, square[n]
                ahead = g + momentum * new_mean[n]
                parts = jnp.split(ahead, 3, 1) if n.endswith("qkv") else [ahead]
                turn = jnp.concatenate([orthogonal(part) for part in parts], 1)
                tall = max(1.0, w.shape[0] / w.shape[1]) ** 0.5
                moved[n] = w - share * design.matrix_rate * (tall * turn + 0.01 * w)
            else:
                new_mean[n] = first * mean[n] + (1 - first) * g
                new_square[n] = second * square[n] + (1 - second) * g * g
                change = by * new_mean[n] / (jnp.sqrt(new_square[n]) + 1e-9)
                moved[n] = w - share * design.rate * change
        return loss, (moved, new_mean, new_square)

    return jax.jit(step)


def _share(design: Design, peak: float, done: int, steps: int) -> float:
    """Of the highest rates: up in a line, then down in a line to a tenth."""
    if done < design.warmup:
        return peak * (done + 1) / design.warmup
    return peak * (1 - 0.9 * (done - design.warmup) / max(1, steps - design.warmup))


def _save(path: Path, done: int, spent: float, losses: NDArray[np.float32], state: Any) -> None:
    parts = {
        f"{kind}/{name}": np.asarray(array)
        for kind, part in zip(("weights", "mean", "square"), state, strict=True)
        for name, array in part.items()
    }
    parts |= {"done": np.array(done), "spent": np.array(spent), "losses": losses}
    new = path.with_name(f"{path.name}.new")
    try:
        with new.open("wb") as file:
            np.savez(file, allow_pickle=False, **parts)
        new.replace(path)
    except OSError as e:
        raise SubjectError(f"{path}: cannot write a checkpoint: {e.strerror or e}") from e


def _resume(path: Path, state: Any, losses: NDArray[np.float32]) -> Any:
    """Where a checkpoint was; one that cannot be read, or is of another design, is refused."""
    import zipfile

    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as kept:
            found = tuple(
                {name: kept[f"{kind}/{name}"] for name in part}
                for kind, part in zip(("weights", "mean", "square"), state, strict=True)
            )
            done, spent, old = int(kept["done"]), float(kept["spent"]), kept["losses"]
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as e:
        raise SubjectError(f"{path}: no checkpoint that training can go on from; delete it") from e
    shapes = [{n: a.shape for n, a in part.items()} for part in (*found, *state)]
    if shapes[:3] != shapes[3:] or old.shape != losses.shape:
        raise SubjectError(f"{path}: a checkpoint of another design or corpus; delete it")
    return done, spent, old, found
