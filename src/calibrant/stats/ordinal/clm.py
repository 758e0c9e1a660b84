"""How do ordered answers depend on what was varied? Cumulative link models.

An answer 1 … K is at most k with chance F(θ_k − x'β), F the normal ("probit") or logistic
("logit") distribution, thresholds θ free (McCullagh, J. R. Statist. Soc. B 42 (1980) 109;
Agresti, *Analysis of Ordinal Categorical Data*, 2010). As R's `ordinal::clm`: same model, same
parameters, same numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import LinAlgError, cho_factor, cho_solve
from scipy.optimize import linprog
from scipy.special import logit, ndtri

from calibrant._text import one_line
from calibrant.errors import CalibrantError, InputError
from calibrant.stats.ordinal.likelihood import LINKS, Link, log_chance, slopes

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

STEPS = 100


class SeparationError(InputError):
    """The answers are separated by the design: the likelihood has no highest point."""


@dataclass(frozen=True, eq=False)
class OrderedAnswers:
    """Checked answers with their design.

    Attributes:
        value: shape (n,), 0 to levels - 1, each of them used.
        design: shape (n, p), without a constant.
        weights: shape (n,), above 0.
        levels: labels that were used.
        labels: what they were called, in order.
        names: of the columns of the design.
    """

    value: Ints
    design: Floats
    weights: Floats
    levels: int
    labels: tuple[Any, ...]
    names: tuple[str, ...]


@dataclass(frozen=True, repr=False, eq=False)
class OrdinalFit:
    """The highest likelihood of a cumulative link model.

    Attributes:
        thresholds: shape (labels - 1,), rising.
        coefficients: shape (p,): what a unit of a column adds to the latent score.
        covariance: of thresholds, then coefficients: the inverse of the observed information.
        log_likelihood: natural logarithm.
        names: of thresholds, such as "1|2", then of columns.
        link: "probit" or "logit".
        n: sum of weights.
    """

    thresholds: Floats
    coefficients: Floats
    covariance: Floats
    log_likelihood: float
    names: tuple[str, ...]
    link: Link
    n: float

    @property
    def standard_errors(self) -> Floats:
        """Of thresholds, then coefficients."""
        return np.asarray(np.sqrt(np.diag(self.covariance)))

    def __repr__(self) -> str:
        k = self.thresholds.size
        parts = [
            f"{name} {b:.3f} ± {se:.3f}"
            for name, b, se in zip(
                self.names[k:], self.coefficients, self.standard_errors[k:], strict=True
            )
        ]
        what = ", ".join(parts) or "thresholds only"
        return f"OrdinalFit ({self.link}): {what}; log-likelihood {self.log_likelihood:.3f}"

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        values = np.concatenate([self.thresholds, self.coefficients])
        return {
            "link": self.link,
            "log_likelihood": self.log_likelihood,
            "parameters": [
                {"name": n, "value": float(v), "standard_error": float(s)}
                for n, v, s in zip(self.names, values, self.standard_errors, strict=True)
            ],
            "n": self.n,
        }


def clm(
    answers: ArrayLike,
    design: ArrayLike | None = None,
    *,
    link: Link = "logit",
    weights: ArrayLike | None = None,
    names: Sequence[str] | None = None,
) -> OrdinalFit:
    """Fit a cumulative link model with flexible thresholds, by Newton's method.

    Args:
        answers: shape (n,), ordered numbers; labels that nobody gave are left out.
        design: shape (n, p), columns of what varied, without a constant; None: thresholds only.
        link: "logit" or "probit".
        weights: shape (n,), how often each answer counts, above 0.
        names: of the columns; by default x1, x2, ….

    Raises:
        InputError: for fewer than two labels, numbers that are not finite, or columns that depend
            on each other or on a constant.
        SeparationError: if a column, or a sum of columns, separates low from high answers.
    """
    table = check(answers, design, link=link, weights=weights, names=names)
    stop_if_separated(table)
    f = start(table, link)
    value, slope, matrix = curve(table, f, link)
    for _ in range(STEPS):
        move = _solve(matrix, slope)
        decrement = 0.5 * float(slope @ move)
        if decrement < 1e-13 * max(1.0, abs(value)):
            break
        share = 1.0
        while not log_likelihood(table, f + share * move, link) >= value - 1e-12 * abs(value):
            share /= 2
            if share < 1e-10:
                raise CalibrantError("clm: the highest likelihood was not found")
        f = f + share * move
        value, slope, matrix = curve(table, f, link)
    else:
        raise CalibrantError(f"clm: the highest likelihood was not found in {STEPS} steps")
    k = table.levels - 1
    return OrdinalFit(
        f[:k], f[k:], _solve(matrix, np.eye(f.size)), value, parameter_names(table), link,
        float(table.weights.sum()),
    )  # fmt: skip


def parameter_names(table: OrderedAnswers) -> tuple[str, ...]:
    """Names of thresholds, then of columns."""
    pairs = zip(table.labels[:-1], table.labels[1:], strict=True)
    return (*(f"{a:g}|{b:g}" for a, b in pairs), *table.names)


def check(
    answers: ArrayLike,
    design: ArrayLike | None,
    *,
    link: str,
    weights: ArrayLike | None,
    names: Sequence[str] | None,
) -> OrderedAnswers:
    """Answers, design and weights as arrays that a model can be fitted to."""
    if link not in LINKS:
        raise InputError(f"link: wanted probit or logit, got {link!r}")
    try:
        y = np.asarray(answers, float)
        x = np.empty((y.size, 0)) if design is None else np.asarray(design, float)
        w = np.ones(y.size) if weights is None else np.asarray(weights, float)
    except (TypeError, ValueError) as e:
        raise InputError("clm: answers, design and weights must be numbers") from e
    if x.ndim == 1:
        x = x[:, None]
    if y.ndim != 1 or x.ndim != 2 or x.shape[0] != y.size or w.shape != y.shape:
        raise InputError(
            f"clm: wanted n answers, n × p design, n weights, got shapes {y.shape}, {x.shape}, "
            f"{w.shape}"
        )
    if not (np.isfinite(y).all() and np.isfinite(x).all() and np.isfinite(w).all()):
        raise InputError("clm: wanted finite answers, design and weights")
    if (w <= 0).any():
        raise InputError("clm: wanted weights above 0")
    labels, value = np.unique(y, return_inverse=True)
    if labels.size < 2:
        raise InputError(f"clm: wanted at least two different answers, got {labels.size}")
    if np.linalg.matrix_rank(np.column_stack([np.ones(y.size), x])) <= x.shape[1]:
        raise InputError("clm: columns of the design depend on each other or on a constant")
    called = tuple(names) if names is not None else tuple(f"x{i + 1}" for i in range(x.shape[1]))
    if len(called) != x.shape[1]:
        raise InputError(f"clm: {x.shape[1]} columns, got {len(called)} names")
    return OrderedAnswers(value, x, w, labels.size, tuple(labels.tolist()), called)


def start(table: OrderedAnswers, link: Link) -> Floats:
    """Thresholds at the shares of the labels, coefficients 0."""
    share = np.cumsum(np.bincount(table.value, table.weights))[:-1] / table.weights.sum()
    inverse = ndtri if link == "probit" else logit
    return np.concatenate([inverse(share), np.zeros(table.design.shape[1])])


def limits(table: OrderedAnswers, f: Floats, offset: Floats | float = 0.0) -> tuple[Floats, Floats]:
    """The thresholds around each answer less the latent score's mean."""
    k = table.levels - 1
    edges = np.concatenate([[-np.inf], f[:k], [np.inf]])
    centre = table.design @ f[k:] + offset
    return edges[table.value + 1] - centre, edges[table.value] - centre


def log_likelihood(table: OrderedAnswers, f: Floats, link: Link) -> float:
    """-inf where thresholds are out of order."""
    if (np.diff(f[: table.levels - 1]) <= 0).any():
        return -np.inf
    return float(table.weights @ log_chance(*limits(table, f), link))


def jacobians(table: OrderedAnswers) -> tuple[Floats, Floats]:
    """How upper and lower limits of each answer depend on the parameters; 0 where infinite."""
    k = table.levels - 1
    rows = np.eye(k + 2)[:, 1:-1]
    return (
        np.hstack([rows[table.value + 1], -table.design]),
        np.hstack([rows[table.value], -table.design]),
    )


def curve(table: OrderedAnswers, f: Floats, link: Link) -> tuple[float, Floats, Floats]:
    """Log likelihood, gradient and minus the second derivatives, exactly."""
    s = slopes(*limits(table, f), link)
    up, low = jacobians(table)
    w = table.weights
    slope = up.T @ (w * s.u) + low.T @ (w * s.l)
    cross = up.T @ ((w * s.ul)[:, None] * low)
    matrix = up.T @ ((w * s.uu)[:, None] * up) + low.T @ ((w * s.ll)[:, None] * low)
    return float(w @ s.log), slope, matrix + cross + cross.T


def _solve(matrix: Floats, right: Floats) -> Floats:
    try:
        return np.asarray(cho_solve(cho_factor(matrix), right))
    except LinAlgError as e:
        raise SeparationError(
            "clm: the answers do not determine the coefficients: the design separates them"
        ) from e


def stop_if_separated(table: OrderedAnswers) -> None:
    """Refuse answers whose likelihood rises for ever in some direction.

    Exactly where a direction never narrows what any answer falls between, and widens it for some
    (Konis, *Linear programming algorithms for detecting separated data*, Oxford 2007, for two
    labels): a linear programme on the distinct rows.

    Raises:
        SeparationError: naming the column that goes furthest.
    """
    if not table.names:
        return
    rows = np.unique(np.column_stack([table.value, table.design]), axis=0)
    seen = OrderedAnswers(
        rows[:, 0].astype(np.int64), rows[:, 1:], np.ones(len(rows)), table.levels, table.labels,
        table.names,
    )  # fmt: skip
    up, low = jacobians(seen)
    wider = np.vstack([up[seen.value < table.levels - 1], -low[seen.value > 0]])
    scale = np.abs(wider).max(axis=0)
    found = linprog(-(wider / scale).sum(axis=0), A_ub=-wider / scale, b_ub=np.zeros(len(wider)),
                    bounds=(-1, 1), method="highs")  # fmt: skip
    if found.status != 0:
        raise CalibrantError(f"clm: separation could not be checked: {found.message}")
    if -found.fun > 1e-7:
        column = table.names[int(np.argmax(np.abs(found.x[table.levels - 1 :])))]
        raise SeparationError(
            f"clm: column {one_line(column, 40)!r} separates low from high answers; its "
            "coefficient has no finite estimate"
        )
