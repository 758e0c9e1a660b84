"""What is the distribution of a result? Propagation by Monte Carlo (JCGM 101:2008)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import ceil, floor, isfinite, log10
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from calibrant.errors import InputError
from calibrant.stats.budgets.budget import correlation_matrix
from calibrant.stats.variance.terms import Floats

Shape = Literal["normal", "t", "rectangular", "triangular", "u-shaped", "beta"]
Model = Callable[..., Any]

BLOCKS = 5
"""Fewest blocks; the guide allows 2, but a spread of 2 is often small by luck and stops early."""


@dataclass(frozen=True)
class Input:
    """The distribution of one input; make it with the functions below.

    Attributes:
        shape: which family.
        parameters: "normal": mean, u. "t": mean, scale, df. "beta": a, b. Others: low, high.
    """

    shape: Shape
    parameters: tuple[float, ...]

    def __post_init__(self) -> None:
        p = self.parameters
        if not all(isfinite(x) for x in p):
            raise InputError(f"{self.shape}: wanted finite parameters, got {p}")
        wrong = {
            "normal": lambda: p[1] < 0,
            "t": lambda: p[1] < 0 or p[2] <= 0,
            "beta": lambda: p[0] <= 0 or p[1] <= 0,
        }.get(self.shape, lambda: p[0] > p[1])()
        if wrong:
            raise InputError(f"{self.shape}: parameters {p} give no distribution")

    def draw(self, rng: np.random.Generator, size: int) -> Floats:
        """Independent draws (JCGM 101:2008, 6.4)."""
        p = self.parameters
        if self.shape == "normal":
            return rng.normal(p[0], p[1], size)
        if self.shape == "t":
            return p[0] + p[1] * rng.standard_t(p[2], size)
        if self.shape == "beta":
            return rng.beta(p[0], p[1], size)
        middle, half = (p[0] + p[1]) / 2, (p[1] - p[0]) / 2
        if self.shape == "rectangular":
            return middle + half * rng.uniform(-1, 1, size)
        if self.shape == "triangular":
            return middle + half * (rng.random(size) - rng.random(size))
        return middle + half * np.sin(2 * np.pi * rng.random(size))


def normal(mean: float, u: float) -> Input:
    """A best estimate with its standard uncertainty."""
    return Input("normal", (mean, u))


def student(mean: float, scale: float, df: float) -> Input:
    """A mean of df + 1 observations with standard error `scale` (JCGM 101:2008, 6.4.9)."""
    return Input("t", (mean, scale, df))


def rectangular(low: float, high: float) -> Input:
    """Anywhere between two limits."""
    return Input("rectangular", (low, high))


def triangular(low: float, high: float) -> Input:
    """Between two limits, most likely in the middle."""
    return Input("triangular", (low, high))


def u_shaped(low: float, high: float) -> Input:
    """Between two limits, most likely near them: an unknown phase (arc sine)."""
    return Input("u-shaped", (low, high))


def beta(a: float, b: float) -> Input:
    """A rate with a beta distribution."""
    return Input("beta", (a, b))


def binomial_posterior(k: int, n: int, *, prior: tuple[float, float] = (0.5, 0.5)) -> Input:
    """A rate after k events in n trials; the prior is Jeffreys' unless given.

    Raises:
        InputError: unless 0 ≤ k ≤ n and the prior's parameters are above 0.
    """
    if not 0 <= k <= n:
        raise InputError(f"counts: wanted 0 ≤ events ≤ trials, got {k} of {n}")
    if not (prior[0] > 0 and prior[1] > 0):
        raise InputError(f"prior: wanted two numbers above 0, got {prior}")
    return Input("beta", (k + prior[0], n - k + prior[1]))


@dataclass(frozen=True)
class Propagated:
    """A result's distribution.

    Attributes:
        value: its mean.
        u: its standard deviation.
        low, high: coverage interval.
        level: its probability.
        interval: "shortest" or "symmetric" (in probability).
        draws: model evaluations.
        tolerance: numerical tolerance asked for, in the result's unit.
        numerical: twice the standard error of value, u, low and high, by Monte Carlo; each is at
            most the tolerance.
    """

    value: float
    u: float
    low: float
    high: float
    level: float
    interval: str
    draws: int
    tolerance: float
    numerical: tuple[float, float, float, float]

    def to_dict(self) -> dict[str, Any]:
        """Plain data, ready for JSON."""
        return {**self.__dict__, "numerical": list(self.numerical)}

    def __repr__(self) -> str:
        return (
            f"{self.value:.6g} with standard uncertainty {self.u:.3g}, {self.level:.0%} interval "
            f"[{self.low:.6g}, {self.high:.6g}] ({self.draws:,} draws)"
        )


def propagate(
    model: Model,
    inputs: Mapping[str, Input],
    *,
    rng: np.random.Generator,
    correlation: ArrayLike | None = None,
    level: float = 0.95,
    interval: Literal["shortest", "symmetric"] = "shortest",
    digits: int = 2,
    max_draws: int = 20_000_000,
) -> Propagated:
    """Adaptive Monte Carlo propagation (JCGM 101:2008, 7.9).

    Blocks of max(100 / (1 - level), 10 000) draws are added until twice the standard errors of the
    value, its uncertainty and both ends, between blocks, are within half a unit of the last of
    `digits` significant digits of u.

    Args:
        model: takes one array of draws per input, by name, and returns an array as long.
        inputs: name → distribution.
        rng: source of the draws.
        correlation: of the inputs, in order; only normal ones can be correlated.
        interval: "shortest" or "symmetric" in probability.
        digits: 1 or 2, significant digits of u that are wanted.
        max_draws: most evaluations.

    Raises:
        InputError: for no inputs, a bad level, a model whose result is not finite or does not
            vary, or a tolerance that is not met within `max_draws`.
    """
    if not inputs:
        raise InputError("inputs: wanted at least one, got none")
    _options(level, interval, digits)
    root = None if correlation is None else _root(correlation, inputs)
    block = max(ceil(100 / (1 - level)), 10_000)
    results: list[Floats] = []
    summaries: list[tuple[float, float, float, float]] = []
    while True:
        if (len(results) + 1) * block > max_draws:
            raise InputError(f"max_draws: {digits} digits of u need more than {max_draws:,} draws")
        y = _evaluate(model, _draw(inputs, root, rng, block), block)
        results.append(y)
        summaries.append((float(y.mean()), float(y.std(ddof=1)), *_ends(y, level, interval)))
        if len(results) < BLOCKS:
            continue
        table = np.array(summaries)
        numerical = 2 * table.std(axis=0, ddof=1) / np.sqrt(len(results))
        u = float(np.sqrt(np.mean(table[:, 1] ** 2)))
        if u == 0:
            raise InputError("model: wanted a result that varies, got a constant")
        tolerance = 0.5 * 10.0 ** (floor(log10(u)) - digits + 1)
        if np.all(numerical <= tolerance):
            break
    y = np.concatenate(results)
    low, high = _ends(y, level, interval)
    ends = [float(x) for x in numerical]
    return Propagated(
        float(y.mean()), float(y.std(ddof=1)), low, high, level, interval,
        y.size, tolerance, (ends[0], ends[1], ends[2], ends[3]),
    )  # fmt: skip


def _options(level: float, interval: str, digits: int) -> None:
    if not 0 < level < 1:
        raise InputError(f"level: wanted strictly between 0 and 1, got {level!r}")
    if interval not in ("shortest", "symmetric"):
        raise InputError(f"interval: wanted 'shortest' or 'symmetric', got {interval!r}")
    if digits not in (1, 2):
        raise InputError(f"digits: wanted 1 or 2, got {digits!r}")


def coverage_interval(
    draws: ArrayLike, level: float = 0.95, interval: str = "shortest"
) -> tuple[float, float]:
    """The shortest or probabilistically symmetric interval of draws (JCGM 101:2008, 7.7)."""
    y = np.asarray(draws, dtype=float)
    if y.ndim != 1 or y.size < 2 or not np.isfinite(y).all():
        raise InputError("draws: wanted at least 2 finite numbers in one dimension")
    _options(level, interval, 1)
    return _ends(y, level, interval)


def _ends(y: Floats, level: float, interval: str) -> tuple[float, float]:
    y = np.sort(y)
    q = min(int(level * y.size + 0.5), y.size - 1)
    at = (y.size - q) // 2 if interval == "symmetric" else int(np.argmin(y[q:] - y[: y.size - q]))
    at = min(at, y.size - q - 1)
    return float(y[at]), float(y[at + q])


def _root(correlation: ArrayLike, inputs: Mapping[str, Input]) -> Floats:
    r = correlation_matrix(correlation, list(inputs))
    for i, (name, given) in enumerate(inputs.items()):
        if given.shape != "normal" and np.count_nonzero(r[i]) > 1:
            raise InputError(f"input {name!r}: only normal inputs can be correlated")
    values, vectors = np.linalg.eigh(r)
    found: Floats = vectors * np.sqrt(np.maximum(values, 0.0))
    return found


def _draw(
    inputs: Mapping[str, Input], root: Floats | None, rng: np.random.Generator, size: int
) -> dict[str, Floats]:
    if root is None:
        return {name: given.draw(rng, size) for name, given in inputs.items()}
    z = root @ rng.standard_normal((len(inputs), size))
    return {
        name: given.parameters[0] + given.parameters[1] * z[i]
        if given.shape == "normal"
        else given.draw(rng, size)
        for i, (name, given) in enumerate(inputs.items())
    }


def _evaluate(model: Model, draws: dict[str, Floats], size: int) -> Floats:
    with np.errstate(all="ignore"):  # what is not finite is refused below
        y = np.asarray(model(**draws), dtype=float)
    if y.shape != (size,):
        raise InputError(f"model: wanted a result of shape ({size},), got {y.shape}")
    bad = int(np.count_nonzero(~np.isfinite(y)))
    if bad:
        raise InputError(f"model: wanted finite results, got {bad} of {size} that are not")
    return y
