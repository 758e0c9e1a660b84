"""What is the mean of a panel's judgements, and its error? A rater × item table, holes allowed."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from calibrant._text import one_line
from calibrant.errors import InputError
from calibrant.stats.variance.components import variance_components

Floats = NDArray[np.float64]
Truths = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Panel:
    """The mean over items of what raters of this kind judge.

    Attributes:
        mean: of all judgements, each item counted once whatever is missing.
        cuts: shape (raters,), each rater's mean, as if every one had judged every item.
        effects: shape (items,), the panel's judgement of each item.
        rater_variance, item_variance, residual_variance: of one judgement, at least 0.
        error_fixed, freedom_fixed: standard error with these items, and its degrees of freedom.
        error_sampled, freedom_sampled: with items as a sample, too.
        missing: how many judgements are missing.
    """

    mean: float
    cuts: Floats
    effects: Floats
    rater_variance: float
    item_variance: float
    residual_variance: float
    error_fixed: float
    freedom_fixed: float
    error_sampled: float
    freedom_sampled: float
    missing: int


def panel_mean(values: Floats, raters: tuple[str, ...]) -> Panel:
    """The mean of judgements and its errors.

    Args:
        values: shape (raters, items), NaN where missing.

    Raises:
        InputError: for fewer than 2 raters or items, raters who share no items with the others,
            or judgements that are all the same.
    """
    there = ~np.isnan(values)
    heard, judged = np.asarray(there.any(axis=1)), np.asarray(there.any(axis=0))
    values, there = values[heard][:, judged], there[heard][:, judged]
    names = [n for n, h in zip(raters, heard, strict=True) if h]
    if values.shape[0] < 2:
        raise InputError(
            f"raters: wanted at least 2, got {values.shape[0]}: one opinion has no known error"
        )
    if values.shape[1] < 2:
        raise InputError(f"items: wanted at least 2 that were judged, got {values.shape[1]}")
    _connected(there, names)
    if np.ptp(values[there]) == 0:
        raise InputError(
            f"judgements: all are {values[there][0]:g}, which says nothing about how far raters "
            "differ; ask more raters"
        )
    return _crossed(values) if there.all() else _holes(values, there)


def _connected(there: Truths, raters: list[str]) -> None:
    r, i = np.nonzero(there)
    size = there.shape[0] + there.shape[1]
    graph = coo_matrix((np.ones(r.size), (r, i + there.shape[0])), shape=(size, size))
    parts, label = connected_components(graph, directed=False)
    if parts > 1:
        other = int(np.argmax(label[: there.shape[0]] != label[0]))
        raise InputError(
            f"judgements: raters {one_line(raters[0], 60)!r} and {one_line(raters[other], 60)!r} "
            "share no items, not even through others, so that nobody knows who is severe; "
            "let some raters judge items of both"
        )


def _crossed(y: Floats) -> Panel:
    """Everyone judged everything: mean squares, with exact errors (Brennan 2001, section 2.2)."""
    n, m = y.shape
    mean, cuts, effects = float(y.mean()), y.mean(axis=1), y.mean(axis=0)
    ms_r = m * float(np.var(cuts, ddof=1))
    ms_i = n * float(np.var(effects, ddof=1))
    left = y - cuts[:, None] - effects[None] + mean
    ms_e = float((left**2).sum()) / ((n - 1) * (m - 1))
    fixed = ms_r / (n * m)
    # Σ of the two, less what both count. Where the items hardly differ it is that of raters.
    sampled = max((ms_r + ms_i - ms_e) / (n * m), fixed, ms_i / (n * m))
    freedom = _satterthwaite((ms_r, n - 1), (ms_i, m - 1), (-ms_e, (n - 1) * (m - 1)))
    return Panel(
        mean, cuts, effects, max(0.0, (ms_r - ms_e) / m), max(0.0, (ms_i - ms_e) / n), ms_e,
        math.sqrt(fixed), n - 1.0, math.sqrt(sampled), min(freedom, n + m - 2.0), 0,
    )  # fmt: skip


def _satterthwaite(*parts: tuple[float, int]) -> float:
    """Degrees of freedom of a sum of mean squares (Satterthwaite 1946), at least the fewest."""
    total = sum(p for p, _ in parts)
    spread = sum(p**2 / f for p, f in parts)
    least = min(f for _, f in parts)
    if total <= 0 or spread == 0:
        return float(least)
    return max(float(least), total**2 / spread)


def _holes(y: Floats, there: Truths) -> Panel:
    """Some judged only some: generalised least squares with the components that REML finds."""
    n, m = y.shape
    r, i = np.nonzero(there)
    response = y[there]
    found = variance_components({"rater": r, "item": i}, response, ["rater", "item"]).estimates()
    v_r, v_i, v_e = found["rater"], found["item"], found["residual"]
    effects, covariance = _gls(response, r, i, n, m, v_r, v_e)
    weights = np.full(m, 1.0 / m)
    mean = float(effects.mean())
    fixed = float(weights @ covariance @ weights)
    per = np.bincount(r, minlength=n)
    own = np.bincount(r, response - effects[i], minlength=n) / per
    if v_r == 0:
        # At the boundary the components promise too much; raters' own cuts still differ.
        fixed = max(fixed, float(np.var(own, ddof=1)) / n)
    sampled = fixed + v_i / m
    total = fixed + v_i / m
    freedom = total**2 / (fixed**2 / (n - 1) + (v_i / m) ** 2 / (m - 1)) if total > 0 else n - 1.0
    return Panel(
        mean, mean + own, effects, v_r, v_i, v_e, math.sqrt(fixed), n - 1.0, math.sqrt(sampled),
        max(float(min(n, m) - 1), freedom), int(n * m - response.size),
    )  # fmt: skip


def _gls(
    y: Floats, r: NDArray[np.int64], i: NDArray[np.int64], n: int, m: int, v_r: float, v_e: float
) -> tuple[Floats, Floats]:
    """Effects of items and their covariance; raters are independent blocks of one shared error."""
    per = np.bincount(r, minlength=n)
    # Inverse of v_e I + v_r J in a block of k: (I − s J) / v_e.
    shrink = v_r / (v_e + v_r * per)
    design = np.zeros((n, m))
    design[r, i] = 1.0
    information = (np.diag(design.sum(axis=0)) - (design * shrink[:, None]).T @ design) / v_e
    sums = np.bincount(r, y, minlength=n)
    right = (np.bincount(i, y, minlength=m) - design.T @ (shrink * sums)) / v_e
    factor = cho_factor(information)
    return cho_solve(factor, right), cho_solve(factor, np.eye(m))
