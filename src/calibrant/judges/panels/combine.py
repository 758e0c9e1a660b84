"""Which class do several judges together point to? By votes, or by how each errs against gold.

Labels are matrices of items × judges of class numbers, -1 where a judge gave none; gold is one
class number an item.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Rule = Literal["measured", "independent"]

FOLDS = 10
"""Of cross-fitting."""

PSEUDO = 0.5
"""Labels added to every cell of a confusion row and to every class."""

PRIOR_WEIGHTS = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, np.inf)
"""Items that the judges' separate errors count for beside the items with the same joint labels."""


def majority(labels: Ints, prior: Floats) -> tuple[Ints, Floats]:
    """The most frequent label of each item, and its share of the votes.

    Ties, and items without labels, go to the class with the highest prior.
    """
    votes = np.stack([(labels == k).sum(axis=1) for k in range(prior.size)], axis=1).astype(float)
    best = (votes + prior / (2 * prior.sum())).argmax(axis=1)
    total = votes.sum(axis=1)
    share = votes[np.arange(len(best)), best] / np.where(total > 0, total, 1)
    return best, share


@dataclass(frozen=True)
class Combination:
    """How judges' labels become chances of each class.

    The labels' log-likelihood ratios under independent errors are added up, times `temper`; a
    temper below 1 says that judges repeat each other. The result is then averaged with what gold
    says of items with just these labels, of which it counts as `weight`.

    Attributes:
        prior: shape (classes,).
        confusion: shape (judges, classes, classes); row true class, column label.
        temper: 0 or more; 1 where errors are independent.
        weight: above 0; infinite leaves out joint labels.
        patterns: shape (patterns, judges), joint labels met.
        counts: shape (patterns, classes), of gold.
    """

    prior: Floats
    confusion: Floats
    temper: float
    weight: float
    patterns: Ints
    counts: Floats

    def chances(self, labels: Ints) -> Floats:
        """Shape (items, classes)."""
        base = _tempered(np.log(self.prior), _evidence(np.log(self.confusion), labels), self.temper)
        if not np.isfinite(self.weight):
            return base
        place = {tuple(row): i for i, row in enumerate(self.patterns.tolist())}
        at = np.array([place.get(tuple(row), -1) for row in labels.tolist()], dtype=np.int64)
        seen = np.where((at >= 0)[:, None], self.counts[at], 0.0)
        return np.asarray(_pooled(seen, base, self.weight))


def _evidence(log_confusion: Floats, labels: Ints) -> Floats:
    """The sum over judges of the log chance of their labels, shape (items, classes)."""
    total = np.zeros((labels.shape[0], log_confusion.shape[1]))
    for j in range(labels.shape[1]):
        given = labels[:, j] >= 0
        total[given] += log_confusion[j][:, labels[given, j]].T
    return total


def _tempered(log_prior: Floats, evidence: Floats, temper: float) -> Floats:
    x = log_prior + temper * evidence
    x = np.exp(x - x.max(axis=1, keepdims=True))
    return np.asarray(x / x.sum(axis=1, keepdims=True))


def _pooled(seen: Floats, base: Floats, weight: float) -> Floats:
    return np.asarray((seen + weight * base) / (seen.sum(axis=1, keepdims=True) + weight))


def learn(labels: Ints, gold: Ints, classes: int, rule: Rule = "measured") -> Combination:
    """The combination that gold teaches.

    For "measured", `temper` and `weight` have the highest likelihood of each item's gold when
    that item is left out; for "independent" they are 1 and infinite (naive Bayes).

    Args:
        labels: shape (items, judges); gold: shape (items,), all known.
    """
    n, judges = labels.shape
    counts = np.zeros((judges, classes, classes))
    for j in range(judges):
        given = labels[:, j] >= 0
        np.add.at(counts[j], (gold[given], labels[given, j]), 1.0)
    mass = np.bincount(gold, minlength=classes).astype(float)
    prior = (mass + PSEUDO) / (n + PSEUDO * classes)
    confusion = (counts + PSEUDO) / (counts.sum(axis=2, keepdims=True) + PSEUDO * classes)
    patterns, at = np.unique(labels, axis=0, return_inverse=True)
    at = at.reshape(-1)
    joint = np.zeros((len(patterns), classes))
    np.add.at(joint, (at, gold), 1.0)
    temper, weight = 1.0, np.inf
    if rule == "measured" and n > 1:
        log_prior, evidence = _left_out(labels, gold, counts, mass)
        temper = _best_temper(log_prior, evidence, gold)
        base = _tempered(log_prior, evidence, temper)
        others = joint[at]
        others[np.arange(n), gold] -= 1
        weight = max(PRIOR_WEIGHTS, key=lambda w: _score(
            base if np.isinf(w) else _pooled(others, base, w), gold))  # fmt: skip
    return Combination(prior, confusion, temper, float(weight), patterns, joint)


def _left_out(labels: Ints, gold: Ints, counts: Floats, mass: Floats) -> tuple[Floats, Floats]:
    """Log prior and evidence of each item from the other items."""
    n, judges = labels.shape
    classes, rows = mass.size, np.arange(n)
    own = np.tile(mass + PSEUDO, (n, 1))
    own[rows, gold] -= 1
    log_prior = np.log(own / own.sum(axis=1, keepdims=True))
    evidence = np.zeros((n, classes))
    for j in range(judges):
        given = np.flatnonzero(labels[:, j] >= 0)
        label, g = labels[given, j], gold[given]
        cell = counts[j][:, label].T + PSEUDO
        total = np.tile(counts[j].sum(axis=1) + PSEUDO * classes, (given.size, 1))
        cell[np.arange(given.size), g] -= 1
        total[np.arange(given.size), g] -= 1
        evidence[given] += np.log(cell / total)
    return log_prior, evidence


def _best_temper(log_prior: Floats, evidence: Floats, gold: Ints) -> float:
    def loss(temper: float) -> float:
        return -_score(_tempered(log_prior, evidence, temper), gold)

    return float(minimize_scalar(loss, bounds=(0.0, 2.0), method="bounded").x)


def _score(chances: Floats, gold: Ints) -> float:
    """The log-likelihood of gold."""
    return float(np.log(np.maximum(chances[np.arange(gold.size), gold], 1e-300)).sum())


def folds(n: int, groups: Ints | None, count: int, rng: np.random.Generator) -> Ints:
    """Shape (n,): a fold for each item; items of one group share theirs."""
    which = np.arange(n) if groups is None else np.unique(groups, return_inverse=True)[1]
    size = int(which.max()) + 1
    return np.asarray((rng.permutation(size) % min(count, size))[which])
