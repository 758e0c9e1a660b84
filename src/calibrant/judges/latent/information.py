"""How sure are Dawid and Skene's estimates? Louis' observed information, on the logit scale.

Louis, JRSS B 44 (1982) 226: what the labels say is what labels and classes would say together,
less the variance of the score over the classes. The share left is 1 where classes are certain.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import eigh

from calibrant.judges.latent.data import Floats, LatentError, Marks
from calibrant.judges.latent.dawid_skene import Fit, Model

MOST_PARAMETERS = 2500
"""Free parameters up to which the information is inverted."""

LEAST_WORTH = 5.0
"""Items of known class that the labels must be worth in every direction."""

_CHUNK = 256


@dataclass(frozen=True)
class Information:
    """The covariance of the free parameters: logits of classes, then of confusion rows.

    Attributes:
        covariance: shape (parameters, parameters).
        share: the least share of the complete information that the labels hold, over directions.
    """

    covariance: Floats
    share: float


def information(m: Marks, f: Fit, *, pseudo: float, one_coin: bool, sampled: bool) -> Information:
    """The observed information of a penalised fit, inverted.

    Raises:
        LatentError: for too many parameters, or labels that leave some direction undetermined.
    """
    size = m.classes - 1 + (m.graders if one_coin else m.graders * m.classes * (m.classes - 1))
    if size > MOST_PARAMETERS:
        raise LatentError(f"intervals: wanted at most {MOST_PARAMETERS} parameters, got {size}; "
                          "use one_coin")  # fmt: skip
    model = Model(m, pseudo=pseudo, one_coin=one_coin, sampled=sampled)
    complete = _complete(model, f, size, 0.0)
    missing = _missing(model, f, size)
    with_prior = _complete(model, f, size, pseudo)
    # Directions are compared with what they would hold if classes were known. A class that a
    # grader never met holds nothing either way: a trace of the prior keeps the ratio defined.
    trace = 1e-3 * (with_prior - complete)
    share = float(eigh(complete - missing + trace, complete + trace,
                       eigvals_only=True, subset_by_index=[0, 0])[0])  # fmt: skip
    worth = share * m.items
    if worth < LEAST_WORTH:
        raise LatentError(
            f"labels: {m.items} items hardly determine the classes (in some direction they are "
            f"worth {max(worth, 0.0):.1f} items of known class, wanted {LEAST_WORTH:g}); give gold "
            "for some items, more graders an item, or use one_coin"
        )
    return Information(np.asarray(np.linalg.inv(with_prior - missing)), share)


def _complete(model: Model, f: Fit, size: int, pseudo: float) -> Floats:
    """The information if classes were known, block by block, with the prior's."""
    m, found = model.m, np.zeros((size, size))
    k = m.classes
    mass = float(model.counted.sum()) + pseudo * k
    found[: k - 1, : k - 1] = mass * _spread(f.prevalence)
    if model.one_coin:
        a = f.confusion[:, 0, 0]
        coins = np.arange(k - 1, size)
        found[coins, coins] = (model.given + 2 * pseudo) * a * (1 - a)
        return found
    met = np.stack([np.bincount(m.grader, w, minlength=m.graders)
                    for w in f.posterior[m.item].T])  # fmt: skip
    at = k - 1
    for j in range(m.graders):
        for c in range(k):
            block = slice(at, at + k - 1)
            found[block, block] = (met[c, j] + pseudo * k) * _spread(f.confusion[j, c])
            at += k - 1
    return found


def _spread(p: Floats) -> Floats:
    """Covariance of one draw's free indicators."""
    q = p[:-1]
    return np.asarray(np.diag(q) - np.outer(q, q))


def _missing(model: Model, f: Fit, size: int) -> Floats:
    """The variance of the complete score over the classes of each item, summed."""
    m, found = model.m, np.zeros((size, size))
    free = np.flatnonzero((m.gold < 0) & (f.posterior.max(axis=1) < 1))
    for start in range(0, free.size, _CHUNK):
        some = free[start : start + _CHUNK]
        u = _scores(model, f, some, size)
        weighted = u * f.posterior[some][:, :, None]
        mean = weighted.sum(axis=1)
        found += np.tensordot(weighted, u, axes=((0, 1), (0, 1))) - mean.T @ mean
    return found


def _scores(model: Model, f: Fit, some: np.ndarray, size: int) -> Floats:
    """Shape (items, classes, parameters): the score of each item if it had each class."""
    m, k = model.m, model.m.classes
    inside = np.full(m.items, -1)
    inside[some] = np.arange(some.size)
    mine = inside[m.item]
    rows = np.flatnonzero(mine >= 0)
    at, grader, code = mine[rows], m.grader[rows], m.code[rows]
    u: Floats = np.zeros((some.size, k, size))
    u[:, :, : k - 1] = (np.eye(k) - f.prevalence)[None, :, : k - 1]
    u[:, :, : k - 1] *= model.counted[some][:, None, None]
    # Flat places: a label of a grader adds to one row of one class.
    flat = u.reshape(-1)
    for c in range(k):
        row = (at * k + c) * size
        if model.one_coin:
            np.add.at(flat, row + k - 1 + grader, (code == c) - f.confusion[grader, 0, 0])
            continue
        for free in range(k - 1):
            column = k - 1 + (grader * k + c) * (k - 1) + free
            np.add.at(flat, row + column, (code == free) - f.confusion[grader, c, free])
    return u


def gradient_of_logit(p: Floats, at: int) -> Floats:
    """Of logit p[at], by the free logits of p."""
    own = np.zeros(p.size)
    own[at] = 1.0
    return np.asarray(((own - p) / (1 - p[at]))[:-1])


def gradient_of_probability(p: Floats, at: int) -> Floats:
    """Of p[at], by the free logits of p."""
    own = np.zeros(p.size)
    own[at] = 1.0
    return np.asarray((p[at] * (own - p))[:-1])
