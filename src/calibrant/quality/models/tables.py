"""Estimates of items with their errors and intervals, from covariances of slopes and intercepts."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, ndtri

from calibrant.quality.models.prepare import Prepared
from calibrant.quality.models.result import Interval, ItemFit

Floats = NDArray[np.float64]

FEW = 30
"""Answers below which an item is flagged."""


def fieller(a: float, d: float, v: Floats, z: float) -> Interval:
    """Interval of −d / a (Fieller 1954): unbounded where the slope may be 0.

    Args:
        v: covariance of (a, d), shape (2, 2).
        z: the normal quantile.
    """
    p = a * a - z * z * v[0, 0]
    q = a * d - z * z * v[0, 1]
    r = d * d - z * z * v[1, 1]
    root = q * q - p * r
    if p <= 0 or root < 0:
        return None, None
    half = root**0.5
    return float((-q - half) / p), float((-q + half) / p)


def item_fits(
    names: tuple[str, ...],
    prepared: Prepared,
    xi: Floats,
    covariance: Floats,
    separated: NDArray[np.bool_],
    level: float,
) -> tuple[ItemFit, ...]:
    """Every item, also those that could not be fitted.

    Args:
        xi, covariance: shapes (kept items, p) and (kept items, p, p), on the scale that is
            reported; variance 0 for what is fixed.
    """
    place = {int(j): k for k, j in enumerate(prepared.kept)}
    z = float(ndtri(0.5 + level / 2))
    found = []
    for j, name in enumerate(names):
        answers = int(prepared.answers[j])
        k = place.get(j)
        if k is None:
            flag = "constant" if answers else "unanswered"
            empty = {"discrimination": None, "difficulty": None}
            found.append(
                ItemFit(name, None, None, (), None, empty, dict(empty), None, answers, (flag,))
            )
            continue
        found.append(_one(name, prepared, k, xi[k], covariance[k], bool(separated[k]), z, answers))
    return tuple(found)


def _one(
    name: str, prepared: Prepared, k: int, xi: Floats, v: Floats, separated: bool, z: float,
    answers: int,
) -> ItemFit:  # fmt: skip
    family = prepared.family
    steps = int(family.categories[k]) - 1
    a, d = float(xi[0]) or 1e-12, xi[1 : 1 + steps]
    se_a = float(v[0, 0]) ** 0.5 if v[0, 0] > 0 else None
    spots, errors, ends = [], [], []
    for s in range(steps):
        # What is crossed at a step, as a combination of the intercepts.
        mix = np.zeros(xi.size)
        mix[1 + s] = 1.0
        if family.model in ("pcm", "gpcm") and s:
            mix[s] = -1.0
        part = np.array([[v[0, 0], v[0] @ mix], [v[0] @ mix, mix @ v @ mix]])
        step = float(mix @ xi)
        b = -step / a
        spots.append(b)
        errors.append(float(max(part[1, 1] + 2 * b * part[0, 1] + b * b * part[0, 0], 0.0)) ** 0.5
                      / abs(a))  # fmt: skip
        ends.append(list(fieller(a, step, part, z)))
    many = family.most > 2 and steps > 1
    se: dict[str, Any] = {"discrimination": se_a, "difficulty": errors if many else errors[0]}
    intervals: dict[str, Any] = {
        "discrimination": None if se_a is None else [a - z * se_a, a + z * se_a],
        "difficulty": ends if many else ends[0],
    }
    guessing = None
    if family.model == "3pl":
        logit, width = float(xi[-1]), float(v[-1, -1]) ** 0.5
        guessing = float(expit(logit))
        se["guessing"] = guessing * (1 - guessing) * width
        intervals["guessing"] = [float(expit(logit - z * width)), float(expit(logit + z * width))]
    flags = []
    if a < 0:
        flags.append("wrong way")
    if se_a is not None and abs(a) < z * se_a:
        flags.append("flat")
    if separated:
        flags.append("separated")
    if answers < FEW:
        flags.append("few answers")
    rest = float(prepared.rest[k])
    return ItemFit(
        name, a, tuple(spots) if many else spots[0], tuple(float(x) for x in d), guessing, se,
        intervals, None if np.isnan(rest) else rest, answers, tuple(flags),
    )  # fmt: skip
