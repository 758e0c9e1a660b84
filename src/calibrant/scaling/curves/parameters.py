"""What are a curve's parameters, in the units of its scores and scale, and how sure are they?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from calibrant.scaling.curves.predict import Fit
from calibrant.scaling.curves.shapes import KNOTS

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Parameter:
    """One number of a curve: median and interval of its posterior.

    Attributes:
        name, unit: what it is.
        value, low, high: median, and ends of the central interval.
    """

    name: str
    unit: str
    value: float
    low: float
    high: float


def parameters(fit: Fit, level: float) -> tuple[Parameter, ...]:
    """Every parameter of a fitted curve, with noise and the spread between families."""
    draws, units, post = fit.posterior.theta, fit.units, fit.posterior
    rows: list[tuple[str, str, Floats]] = []

    def place(z: Floats) -> Floats:
        return units.middle + units.step * z

    def score(share: Floats) -> Floats:
        return units.floor + units.reach * share

    def rate(log: Floats) -> Floats:
        return np.exp(log) / units.step

    name = fit.shape.name
    if name in ("sigmoid", "free sigmoid"):
        rows.append(("half-way", "log10 scale", place(draws[:, 0])))
        rows.append(("steepness", "log-odds per order of magnitude", rate(draws[:, 1])))
    if name == "free sigmoid":
        rows.append(("lower end", "score", score(special.expit(draws[:, 2]) / 2)))
        rows.append(("upper end", "score", score((1 + special.expit(draws[:, 3])) / 2)))
    if name == "power law":
        rows.append(("score at the middle of the scales", "score", score(draws[:, 0])))
        rows.append(("end", "score", score(draws[:, 1])))
        power = rate(draws[:, 2]) / np.log(10)
        rows.append(("exponent", "orders of distance to the end per order of scale", power))
    if name == "broken power law":
        missing = units.reach * np.exp(draws[:, 0])
        rows.append(("missing at the middle of the scales", "score", missing))
        for k, when in ((1, "before"), (2, "after")):
            power = rate(draws[:, k]) / np.log(10)
            rows.append((f"exponent {when} the bend", "orders per order of scale", power))
        rows.append(("bend", "log10 scale", place(draws[:, 3])))
    if name == "monotone spline":
        rows.append(
            ("score at the middle of the scales", "score", score(special.expit(draws[:, 0])))
        )
        ends = ["", *(f"{e:.1f}" for e in place(KNOTS)), ""]
        for k in range(draws.shape[1] - 1):
            a, b = ends[k], ends[k + 1]
            where = f"{a} to {b}" if a and b else f"up to {b}" if b else f"beyond {a}"
            rows.append(
                (f"slope {where}", "log-odds per order of magnitude", rate(draws[:, k + 1]))
            )
    half = "score, half-way" if fit.known.limited else "score"
    rows.append(("noise (sd)", half, units.reach * post.noise))
    if fit.known.shifts:
        plain = fit.shape.linear
        unit = "score" if plain else "log of what is missing" if name == "broken power law" else (
            "log-odds")  # fmt: skip
        times = units.reach if plain else 1.0
        rows.append(("families differ by (sd)", unit, times * post.spread[:, 0]))
    tail = (1 - level) / 2
    return tuple(
        Parameter(n, u, *_quantiles(v, post.weight, (0.5, tail, 1 - tail))) for n, u, v in rows
    )


def _quantiles(values: Floats, weight: Floats, at: tuple[float, float, float]) -> list[float]:
    order = np.argsort(values)
    level = np.cumsum(weight[order]) - weight[order] / 2
    return [float(np.interp(q, level, values[order])) for q in at]
