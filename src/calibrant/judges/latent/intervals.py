"""Intervals for Dawid and Skene's estimates: normal on the logit scale."""

from __future__ import annotations

import numpy as np
from scipy.special import expit, logit, ndtri

from calibrant.judges.latent.data import Floats, Marks
from calibrant.judges.latent.dawid_skene import Fit
from calibrant.judges.latent.information import (
    Information,
    gradient_of_logit,
    gradient_of_probability,
)
from calibrant.judges.latent.result import Estimate, GraderErrors, confusion_table


def _by_logit(value: float, variance: float, level: float) -> Estimate:
    """An interval from the variance of the logit."""
    reach = float(ndtri((1 + level) / 2)) * max(variance, 0.0) ** 0.5
    at = float(logit(value))
    return Estimate(value, float(expit(at - reach)), float(expit(at + reach)))


def prevalence(f: Fit, info: Information | None, level: float) -> tuple[Estimate, ...]:
    """Of each class."""
    p, k = f.prevalence, f.prevalence.size
    if info is None:
        return tuple(Estimate(float(x), None, None) for x in p)
    block = info.covariance[: k - 1, : k - 1]
    found = []
    for c in range(k):
        g = gradient_of_logit(p, c)
        found.append(_by_logit(float(p[c]), float(g @ block @ g), level))
    return tuple(found)


def graders(
    m: Marks,
    f: Fit,
    info: Information | None,
    names: tuple[str, ...],
    level: float,
    *,
    one_coin: bool,
) -> tuple[GraderErrors, ...]:
    """Accuracy and confusion of each grader."""
    given = np.bincount(m.grader, minlength=m.graders)
    one = _coin if one_coin else _matrix
    return tuple(
        one(names[j], int(given[j]), j, f, info, level)
        if info is not None
        else _plain(names[j], int(given[j]), j, f)
        for j in range(m.graders)
    )


def _plain(name: str, labels: int, j: int, f: Fit) -> GraderErrors:
    right = float(f.prevalence @ np.diagonal(f.confusion[j]))
    rows = [[Estimate(float(x), None, None) for x in row] for row in f.confusion[j]]
    return confusion_table(name, labels, Estimate(right, None, None), rows)


def _coin(name: str, labels: int, j: int, f: Fit, info: Information, level: float) -> GraderErrors:
    k = f.prevalence.size
    at = k - 1 + j
    right = _by_logit(float(f.confusion[j, 0, 0]), float(info.covariance[at, at]), level)
    assert right.low is not None
    assert right.high is not None
    wrong = Estimate(float(f.confusion[j, 0, 1]), (1 - right.high) / (k - 1),
                     (1 - right.low) / (k - 1))  # fmt: skip
    rows = [[right if c == d else wrong for d in range(k)] for c in range(k)]
    return confusion_table(name, labels, right, rows)


def _matrix(
    name: str, labels: int, j: int, f: Fit, info: Information, level: float
) -> GraderErrors:
    k, size = f.prevalence.size, info.covariance.shape[0]
    theta, rows = f.confusion[j], []
    whole: Floats = np.zeros(size)
    for c in range(k):
        whole[: k - 1] += theta[c, c] * gradient_of_probability(f.prevalence, c)
        start = k - 1 + (j * k + c) * (k - 1)
        block = slice(start, start + k - 1)
        whole[block] = f.prevalence[c] * gradient_of_probability(theta[c], c)
        cov = info.covariance[block, block]
        row = []
        for d in range(k):
            g = gradient_of_logit(theta[c], d)
            row.append(_by_logit(float(theta[c, d]), float(g @ cov @ g), level))
        rows.append(row)
    right = float(f.prevalence @ np.diagonal(theta))
    spread = float(whole @ info.covariance @ whole) / (right * (1 - right)) ** 2
    return confusion_table(name, labels, _by_logit(right, spread, level), rows)
