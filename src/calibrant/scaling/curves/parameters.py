"""What are a curve's parameters, in the units of its scores and scale, and how sure are they?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from calibrant.scaling.curves.predict import Fit, Units
from calibrant.scaling.curves.shapes import BROKEN, FREE, KNOTS, POWER, SIGMOID, SPLINE
from calibrant.scaling.weighted import weighted_quantiles

Floats = NDArray[np.float64]
Row = tuple[str, str, Floats]


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
    units, post, name = fit.units, fit.posterior, fit.shape.name
    rows = _ROWS[name](post.theta, units)
    half = "score, half-way" if fit.known.limited else "score"
    rows.append(("noise (sd)", half, units.reach * post.noise))
    if fit.known.shifts:
        unit, times = "log-odds", 1.0
        if fit.shape.linear:
            unit, times = "score", units.reach
        elif name == BROKEN.name:
            unit = "log of what is missing"
        rows.append(("families differ by (sd)", unit, times * post.spread[:, 0]))
    at = (0.5, (1 - level) / 2, (1 + level) / 2)
    return tuple(Parameter(n, u, *weighted_quantiles(v, post.weight, at)) for n, u, v in rows)


def _sigmoid(draws: Floats, units: Units) -> list[Row]:
    return [
        ("half-way", "log10 scale", _place(draws[:, 0], units)),
        ("steepness", "log-odds per order of magnitude", _rate(draws[:, 1], units)),
    ]


def _free(draws: Floats, units: Units) -> list[Row]:
    return [
        *_sigmoid(draws, units),
        ("lower end", "score", _score(special.expit(draws[:, 2]) / 2, units)),
        ("upper end", "score", _score((1 + special.expit(draws[:, 3])) / 2, units)),
    ]


def _power(draws: Floats, units: Units) -> list[Row]:
    power = _rate(draws[:, 2], units) / np.log(10)
    return [
        ("score at the middle of the scales", "score", _score(draws[:, 0], units)),
        ("end", "score", _score(draws[:, 1], units)),
        ("exponent", "orders of distance to the end per order of scale", power),
    ]


def _broken(draws: Floats, units: Units) -> list[Row]:
    before, after = (_rate(draws[:, k], units) / np.log(10) for k in (1, 2))
    return [
        ("missing at the middle of the scales", "score", units.reach * np.exp(draws[:, 0])),
        ("exponent before the bend", "orders per order of scale", before),
        ("exponent after the bend", "orders per order of scale", after),
        ("bend", "log10 scale", _place(draws[:, 3], units)),
    ]


def _spline(draws: Floats, units: Units) -> list[Row]:
    middle = _score(special.expit(draws[:, 0]), units)
    rows: list[Row] = [("score at the middle of the scales", "score", middle)]
    ends = ["", *(f"{e:.1f}" for e in _place(KNOTS, units)), ""]
    for k in range(draws.shape[1] - 1):
        a, b = ends[k], ends[k + 1]
        where = f"{a} to {b}" if a and b else f"up to {b}" if b else f"beyond {a}"
        rate = _rate(draws[:, k + 1], units)
        rows.append((f"slope {where}", "log-odds per order of magnitude", rate))
    return rows


def _place(z: Floats, units: Units) -> Floats:
    return np.asarray(units.middle + units.step * z)


def _score(share: Floats, units: Units) -> Floats:
    return np.asarray(units.floor + units.reach * share)


def _rate(log: Floats, units: Units) -> Floats:
    return np.asarray(np.exp(log) / units.step)


_ROWS: dict[str, Callable[[Floats, Units], list[Row]]] = {
    SIGMOID.name: _sigmoid,
    FREE.name: _free,
    POWER.name: _power,
    BROKEN.name: _broken,
    SPLINE.name: _spline,
}
