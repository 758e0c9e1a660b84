"""What do ratings mean? Tied to subjects that were also graded on an absolute scale.

A line from log-strengths to absolute scores, both with their errors: ratings then stand on a
scale with a meaning, as far as the anchors reach.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.special import expit, ndtri

from calibrant.errors import InputError
from calibrant.ratings.fit import RatingError
from calibrant.ratings.result import Ratings
from calibrant.records.frames import table_of

Floats = NDArray[np.float64]

FEWEST = 4
"""Fewest anchors of which a line and its lack of fit are told."""


@dataclass(frozen=True, repr=False)
class Anchoring:
    """A line from log-strength to absolute score.

    Attributes:
        intercept, slope: of the score, or of its log-odds; covariance: shape (2, 2).
        spread: standard deviation of true scores about the line (lack of fit).
        scale: "linear" or "logit".
        subjects: the anchors.
    """

    intercept: float
    slope: float
    covariance: Floats
    spread: float
    scale: Literal["linear", "logit"]
    subjects: tuple[str, ...]

    def predict(
        self, strength: Floats, variance: Floats, level: float
    ) -> tuple[Floats, Floats, Floats]:
        """Absolute scores with interval ends, each shape (n,): uncertainty of the rating, of the
        line, and of how far subjects stray from it."""
        x = np.stack([np.ones_like(strength), strength], axis=1)
        line = ((x @ self.covariance) * x).sum(axis=1)
        error = np.sqrt(line + self.slope**2 * variance + self.spread**2)
        reach = -float(ndtri((1 - level) / 2)) * error
        value = self.intercept + self.slope * strength
        if self.scale == "linear":
            return value, value - reach, value + reach
        return expit(value), expit(value - reach), expit(value + reach)

    def __repr__(self) -> str:
        error = float(np.sqrt(self.covariance[1, 1]))
        return (
            f"{len(self.subjects)} anchors: one unit of log-strength is {self.slope:.3g} ± "
            f"{error:.2g} of the {self.scale} score; subjects stray by {self.spread:.3g}"
        )


def anchoring(
    strengths: Floats,
    covariance: Floats,
    scores: Floats,
    errors: Floats,
    subjects: tuple[str, ...],
    *,
    scale: Literal["linear", "logit"] = "linear",
) -> Anchoring:
    """Fit the line by generalised least squares with errors in both and lack of fit.

    The covariance of residuals is errors² + slope² times the covariance of the strengths + spread²,
    iterated until the slope settles; the spread is the method of moments'.

    Args:
        strengths: shape (anchors,), log-strengths; covariance: of them.
        scores, errors: shape (anchors,), absolute scores and standard errors, on `scale`.
        subjects: names.

    Raises:
        RatingError: for fewer than `FEWEST` anchors, strengths that do not differ, or a slope that
            is not significantly above 0: the ratings then do not follow the absolute score.
    """
    if strengths.size < FEWEST:
        raise RatingError(f"anchors: wanted at least {FEWEST} rated ones, got {strengths.size}")
    if np.ptp(strengths) == 0:
        raise RatingError("anchors: their ratings do not differ")
    x = np.stack([np.ones_like(strengths), strengths], axis=1)
    slope, spread = 0.0, 0.0
    for _ in range(200):
        before = slope
        fixed = np.diag(errors**2) + slope**2 * covariance
        spread = _spread(x, scores, fixed)
        v = fixed + spread**2 * np.eye(scores.size)
        weighted = np.linalg.solve(v, x)
        bread = np.linalg.inv(x.T @ weighted)
        intercept, slope = (float(b) for b in bread @ (weighted.T @ scores))
        if abs(slope - before) <= 1e-10 * (1 + abs(slope)):
            break
    else:
        raise RatingError("anchors: the line did not settle")
    if slope <= 1.645 * np.sqrt(bread[1, 1]):
        raise RatingError(
            f"anchors: the absolute score does not rise with the rating (slope {slope:.3g} ± "
            f"{np.sqrt(bread[1, 1]):.2g}): these ratings cannot be read on its scale"
        )
    return Anchoring(intercept, slope, bread, spread, scale, subjects)


def _spread(x: Floats, y: Floats, fixed: Floats) -> float:
    """Standard deviation beyond `fixed` that gives residuals their expected weighted sum."""

    def excess(extra: float) -> float:
        v = fixed + extra * np.eye(y.size)
        try:
            weighted = np.linalg.solve(v, x)
            r = y - x @ np.linalg.solve(x.T @ weighted, weighted.T @ y)
            return float(r @ np.linalg.solve(v, r)) - (y.size - 2)
        except np.linalg.LinAlgError:
            # Errors of 0 leave all to the spread.
            return float("inf")

    if excess(0.0) <= 0:
        return 0.0
    from scipy.optimize import brentq

    top = float(np.var(y)) + 1e-12
    while excess(top) > 0:
        top *= 4
    return float(np.sqrt(brentq(excess, top * 1e-12, top))) if excess(top * 1e-12) > 0 else 0.0


def read_anchors(source: Any) -> tuple[dict[str, tuple[float, float]], bool]:
    """Mean score and standard error of each subject, and whether all scores are within 0–1.

    The table has columns subject and score: several rows a subject (one an item) give the mean and
    its standard error; one row a subject needs a column standard_error, or n for rates.

    Raises:
        InputError: naming what is wrong.
    """
    table = table_of(source, "anchors")
    for name in ("subject", "score"):
        if name not in table.columns:
            raise InputError(f"anchors: no column {name!r} (wanted subject, score)")
    numbers = [c for c in ("score", "standard_error", "n") if c in table.columns]
    data = table.select(
        pl.col("subject").cast(pl.String),
        *(pl.col(c).cast(pl.Float64, strict=False) for c in numbers),
    )
    for name in ("subject", *numbers):
        column = data[name]
        wrong = column.is_null() if name == "subject" else column.is_null() | ~column.is_finite()
        if wrong.any():
            row = int(wrong.fill_null(True).arg_max() or 0)
            raise InputError(
                f"anchors: {name}: row {row}: wanted a value, got {table[name][row]!r}"
            )
    found = {}
    for (name,), part in data.group_by("subject", maintain_order=True):
        found[str(name)] = _mean(str(name), part)
    unit = bool(data["score"].is_between(0, 1).all())
    return found, unit


def _mean(name: str, part: pl.DataFrame) -> tuple[float, float]:
    y = part["score"].to_numpy()
    if y.size > 1:
        return float(y.mean()), float(y.std(ddof=1) / np.sqrt(y.size))
    if "standard_error" in part.columns:
        return float(y[0]), abs(float(part["standard_error"][0]))
    if "n" in part.columns and 0 <= y[0] <= 1 and part["n"][0] > 0:
        n = float(part["n"][0])
        # Half an event is added to each side, so that a rate of 0 is not taken as certain.
        rate = (y[0] * n + 0.5) / (n + 1)
        return float(y[0]), float(np.sqrt(rate * (1 - rate) / n))
    raise InputError(
        f"anchors: {name!r} has one score: wanted several rows, or standard_error, or n for a rate"
    )


def anchor_ratings(result: Ratings, source: Any, level: float) -> Ratings:
    """Put a result's ratings on the scale of graded anchors.

    Raises:
        InputError, RatingError: if the anchors, or the ratings, do not allow it.
    """
    if len(result.pools) != 1 or result.pools[0].covariance.matrix is None:
        raise InputError("anchors: wanted ratings of one pool by maximum likelihood")
    found, unit = read_anchors(source)
    pool = result.pools[0]
    names = pool.fit.counts.names
    used = [n for n in names if n in found]
    index = np.array([names.index(n) for n in used], dtype=np.int64)
    y, error = (np.array([found[n][k] for n in used]) for k in (0, 1))
    s = pool.fit.strengths - pool.fit.strengths.mean()
    v = pool.covariance.matrix
    assert v is not None
    # Log-odds where scores are proportions away from their ends; else the scores themselves.
    logit = unit and len(used) > 0 and bool(((y > 0) & (y < 1)).all())
    if logit:
        y, error = np.log(y / (1 - y)), error / (y * (1 - y))
    line = anchoring(
        s[index], v[np.ix_(index, index)], y, error, tuple(used),
        scale="logit" if logit else "linear",
    )  # fmt: skip
    value, low, high = line.predict(s, np.diag(v), level)
    place = {n: k for k, n in enumerate(names)}
    ratings = tuple(
        replace(
            r, anchored=float(value[place[r.subject]]),
            anchored_interval=(float(low[place[r.subject]]), float(high[place[r.subject]])),
        )
        if r.reason is None else r
        for r in result.ratings
    )  # fmt: skip
    reach = [float(s[index].min()), float(s[index].max())]
    outside = [n for n, x in zip(names, s, strict=True) if not reach[0] <= x <= reach[1]]
    notes = list(result.notes)
    notes.append(
        "anchored scores speak of the anchors' items and graders"
        + (f"; {len(outside)} subjects lie beyond the anchors, where the line is a guess"
           if outside else "")
    )  # fmt: skip
    anchors = {
        "summary": repr(line), "scale": line.scale, "intercept": line.intercept,
        "slope": line.slope, "covariance": line.covariance.tolist(), "spread": line.spread,
        "subjects": used, "not_compared": sorted(set(found) - set(names)), "beyond": outside,
    }  # fmt: skip
    return replace(result, ratings=ratings, anchors=anchors, notes=tuple(notes))
