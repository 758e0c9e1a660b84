"""Which models deserve weight? Stacking by the log scores of back-tests.

Yao, Vehtari, Simpson and Gelman (2018), Using stacking to average Bayesian predictive
distributions, Bayesian Analysis 13, 917: weights that maximise the log score of the mixture on
outcomes the models had not seen. Two things are added for few points. Outcomes of one family say
much the same, so n of them count as n / (1 + (n - 1) / 2). And before any is seen, weights are held
to be those of each model's own record (`record`, a form of the same paper's pseudo-BMA), as firmly
as a few outcomes would make them. A mixture alone rewards a model that is now and then very sharp
and often wrong, as the others pay for its errors; where the next outcome is farther out than those
that weights were learnt from, they cannot. A record counts what a model loses by itself.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import special

from calibrant.errors import InputError
from calibrant.scaling.scores import Floats, Names
from calibrant.scaling.stacking.against import FLOOR

BELIEF = 10.0
"""Outcomes that the weights of each model's own record are worth."""

_LIKENESS = 0.5
_RECORD = 0.5
"""What a family's mean log score counts for in a record."""


def stack(
    log_density: Floats,
    family: Names | None = None,
    *,
    weight: Floats | None = None,
    belief: float = BELIEF,
) -> Floats:
    """The weights of models in their mixture, shape (models,), summing to 1.

    Args:
        log_density: shape (models, n); the log score of each model for each outcome, NaN where it
            said nothing, which speaks neither for nor against it.
        family: shape (n,); outcomes of one family count together. By default each is its own.
        weight: shape (n,); how much each outcome counts, 1 by default.
        belief: the outcomes that the weights of `record` are worth; above 0.

    The posterior mode under a Dirichlet prior, by EM, which never leaves the simplex and has one
    maximum: the logarithm of a mixture is concave in its weights.

    Raises:
        InputError: if there is no model, or the belief is not above 0.
    """
    many, n = log_density.shape
    if many == 0 or belief <= 0:
        raise InputError("stacking: wanted at least one model and a belief above 0")
    count = np.ones(n) if weight is None else np.asarray(weight, dtype=float)
    before_any = record(log_density, family, weight=count)
    share = np.full(many, 1 / many)
    if n == 0 or many == 1:
        return share
    if family is not None:
        _, group = np.unique(family, return_inverse=True)
        size = np.bincount(group, weights=count)
        count = count / (1 + np.maximum(size - 1, 0) * _LIKENESS)[group]
    spoke = np.isfinite(log_density) | np.isneginf(log_density)
    top = np.max(np.where(spoke, log_density, -np.inf), axis=0)
    use = np.isfinite(top)
    density = np.where(spoke, np.exp(np.where(spoke, log_density, 0) - np.where(use, top, 0)), 0)
    density, spoke, count = density[:, use], spoke[:, use], count[use]
    for _ in range(2000):
        before = share
        heard = (share[:, None] * spoke).sum(axis=0)
        mass = share[:, None] * density
        # A silent model keeps its share of the outcome, as if it had said what the others did.
        part = np.where(spoke, mass / np.maximum(mass.sum(axis=0), 1e-300) * heard, share[:, None])
        total = (part * count).sum(axis=1) + belief * before_any
        share = total / total.sum()
        if np.abs(share - before).max() < 1e-9:
            break
    return np.asarray(share)


def record(
    log_density: Floats, family: Names | None = None, *, weight: Floats | None = None
) -> Floats:
    """Weights from what each model scored by itself, shape (models,), summing to 1.

    exp(sum of families' mean log scores / 2), as families and not outcomes are independent, and as
    what comes next is less like them than they are like each other. Log scores are not taken lower
    than `FLOOR`; a silent model scores what the others do on the mean.

    Args:
        log_density, family, weight: as in `stack`.
    """
    n = log_density.shape[1]
    spoke = ~np.isnan(log_density)
    floored = np.maximum(np.where(spoke, log_density, 0.0), FLOOR)
    middle = (floored * spoke).sum(axis=0) / np.maximum(spoke.sum(axis=0), 1)
    score = np.where(spoke, floored, middle)
    count = np.ones(n) if weight is None else np.asarray(weight, dtype=float)
    group = np.arange(n) if family is None else np.unique(family, return_inverse=True)[1]
    size = np.bincount(group, weights=count)
    # A family's mean, and less of it where all its outcomes together are less than one.
    each = count / np.maximum(size, 1.0)[group]
    return np.asarray(special.softmax(_RECORD * (score * each).sum(axis=1)))


def mixture_log_density(log_density: Floats, share: Floats) -> Floats:
    """The log score of the mixture for each outcome, shape (n,), among the models that spoke."""
    spoke: NDArray[np.bool_] = ~np.isnan(log_density)
    part = np.where(spoke, share[:, None], 0.0)
    part = part / np.maximum(part.sum(axis=0), 1e-300)
    found = special.logsumexp(np.where(spoke, log_density, -np.inf), axis=0, b=part)
    return np.asarray(found)
