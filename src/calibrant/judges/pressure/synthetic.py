"""Answers whose turning point is known: a judge that is gold plus an error with heavy tails.

Where the error has heavier tails than gold, the very best scores are nearly all error, and gold
falls back to its base as n grows, however good the judge is in the middle (Kwa, Thomas and
Garriga-Alonso, "Catastrophic Goodhart", NeurIPS 2024). With normal errors it never falls.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import polars as pl
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr, stdtr

from calibrant.errors import InputError

Floats = NDArray[np.float64]

_NODES = 61
_STEPS = 6001


@dataclass(frozen=True)
class Planted:
    """A source of answers with a known best-of-n curve.

    Gold of an answer is standard normal around its prompt's level; the judge sees gold plus
    `error` times a Student t variable.

    Attributes:
        df: degrees of freedom of the judge's error; infinite for normal errors.
        error: its scale, in standard deviations of gold.
        levels: the judge's score is reported on so many levels, equally frequent among base
            answers; None for the score itself.
        binary: whether gold is reported as 1 above its prompt's level and 0 below.
        spread: standard deviation of the levels of prompts (not of their answers); with binary
            gold it moves the judge's scores only.
    """

    df: float = 2.0
    error: float = 0.7
    levels: int | None = None
    binary: bool = False
    spread: float = 0.5

    def __post_init__(self) -> None:
        if not self.df > 0:
            raise InputError(f"df: wanted above 0, got {self.df!r}")
        if not (math.isfinite(self.error) and self.error > 0):
            raise InputError(f"error: wanted finite and above 0, got {self.error!r}")
        if self.levels is not None and self.levels < 2:
            raise InputError(f"levels: wanted at least 2, got {self.levels!r}")
        if not (math.isfinite(self.spread) and self.spread >= 0):
            raise InputError(f"spread: wanted finite and at least 0, got {self.spread!r}")

    def draw(self, prompts: int, answers: int, rng: np.random.Generator) -> tuple[Floats, Floats]:
        """Judge and gold scores, each of shape (prompts, answers)."""
        level = self.spread * rng.standard_normal((prompts, 1))
        gold: Floats = np.asarray(rng.standard_normal((prompts, answers)))
        noise: Floats
        normal = math.isinf(self.df)
        noise = rng.standard_normal(gold.shape) if normal else rng.standard_t(self.df, gold.shape)
        judge: Floats = np.asarray(gold + self.error * noise)
        if self.levels is None:
            judge = np.asarray(judge + level)
        else:
            cuts, share, _ = _law(self.df, self.error, self.binary)
            inner = np.interp(np.arange(1, self.levels) / self.levels, share, cuts)
            judge = np.asarray(np.searchsorted(inner, judge) + 1.0)
        return judge, (gold > 0).astype(float) if self.binary else gold + level

    def table(self, prompts: int, answers: int, *, seed: int = 0) -> pl.DataFrame:
        """A table with columns item, answer, judge and gold.

        Raises:
            InputError: for fewer than one prompt or answer.
        """
        if prompts < 1 or answers < 1:
            raise InputError(f"size: wanted at least 1 by 1, got {prompts} by {answers}")
        judge, gold = self.draw(prompts, answers, np.random.default_rng(seed))
        return pl.DataFrame(
            {
                "item": np.repeat([f"prompt-{i + 1}" for i in range(prompts)], answers),
                "answer": [f"a{i + 1}-{j + 1}" for i in range(prompts) for j in range(answers)],
                "judge": judge.ravel(),
                "gold": gold.ravel(),
            }
        )

    def truth(self, n: ArrayLike) -> Floats:
        """The true mean gold of the best of n by the judge, by quadrature; shape as `n`."""
        _, share, part = _law(self.df, self.error, self.binary)
        size = np.asarray(n, dtype=float)
        if self.levels is not None:
            ends = np.arange(self.levels + 1) / self.levels
            mass = np.interp(ends, share, part)
            mean = np.diff(mass) * self.levels  # gold of each level
            top = ends[1:] ** size[..., None] - ends[:-1] ** size[..., None]
            return np.asarray(top @ mean)
        # ∫ E[gold | judge] dF^n, with the means of the steps as they are.
        step = np.diff(share)
        mean = np.where(step > 0, np.diff(part) / np.where(step > 0, step, 1.0), 0.0)
        with np.errstate(divide="ignore"):
            log = np.log(share)
        upto = np.exp(size[..., None] * log)
        return np.asarray(np.diff(upto, axis=-1) @ mean)

    def best_n(self, most: int) -> int:
        """The n up to `most` with the highest true gold."""
        n = np.unique(np.geomspace(1, most, 2000).round())
        return int(n[self.truth(n).argmax()])


@lru_cache(maxsize=64)
def _law(df: float, error: float, binary: bool) -> tuple[Floats, Floats, Floats]:
    """Judge scores, their distribution function, and the mean of gold up to each of them."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(_NODES)
    weights = weights / weights.sum()
    if binary:  # halves of the normal, so that the step at 0 lies between nodes
        nodes, weights = _half_normal()
    far = 40.0 if math.isinf(df) else (1e12) ** (1 / max(df, 0.5)) + 40
    half = np.sinh(np.linspace(0, np.arcsinh(far * 10), _STEPS // 2 + 1)) / 10
    at = np.concatenate([-half[:0:-1], half])
    below = _cdf((at[:, None] - nodes) / error, df)
    share = below @ weights
    worth = (nodes > 0).astype(float) if binary else nodes
    part = below @ (weights * worth)
    return (
        at,
        np.concatenate([[0.0], share[1:-1], [1.0]]),
        np.concatenate([[0.0], part[1:-1], [float(weights @ worth)]]),
    )


def _cdf(x: Floats, df: float) -> Floats:
    return np.asarray(ndtr(x) if math.isinf(df) else stdtr(df, x))


def _half_normal() -> tuple[Floats, Floats]:
    x, w = np.polynomial.legendre.leggauss(60)
    x, w = 4.25 * (x + 1), 4.25 * w
    w = w * np.exp(-x * x / 2) / math.sqrt(2 * math.pi)
    return np.concatenate([-x[::-1], x]), np.concatenate([w[::-1], w]) / (2 * w.sum())


def planted(
    *,
    df: float = 2.0,
    error: float = 0.7,
    levels: int | None = None,
    binary: bool = False,
    spread: float = 0.5,
) -> Planted:
    """A source of answers with a known turning point: see `Planted`."""
    return Planted(df, error, levels, binary, spread)
