"""How wrong is this very subject's score? Standard errors at a score, not on average."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from calibrant.errors import InputError
from calibrant.quality.bank import Bank
from calibrant.quality.reliability.coefficients import Floats, Ints
from calibrant.stats.estimates.clusters import Clusters, cluster_interval
from calibrant.stats.estimates.means import t_mean
from calibrant.stats.estimates.rates import interval


@dataclass(frozen=True)
class SubjectError:
    """A subject's mean with its own error, items taken as drawn.

    Attributes:
        score: mean over its items, in the responses' units.
        items: that it has a score on.
        absolute: conditional absolute standard error (Brennan, Applied Psychological Measurement
            22 (1998) 307): the spread of its item scores over √items; for scores of 0 and 1 Lord's
            binomial error √(p (1 − p) / (k − 1)). With clusters, robust to them.
        relative: the same after the items' own difficulty is taken out: for comparing subjects.
        low, high: interval for the mean over all items of this kind; None if there is none.
    """

    subject: str
    score: float
    items: int
    absolute: float
    relative: float
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Conditional:
    """Standard errors at each score.

    Attributes:
        subjects: in the order of the responses.
        method: of the intervals.
        scores: where the curves are, in the responses' units.
        absolute: curve: Lord's error, times what the scores of this benchmark spread about it.
        relative: curve: the same for differences (after Keats, Psychometrika 22 (1957) 29).
        excess: observed over binomial variance of an item's score; 1 for independent 0 and 1,
            less for graded scores, more in clusters.
    """

    subjects: tuple[SubjectError, ...]
    method: str
    scores: tuple[float, ...]
    absolute: tuple[float, ...]
    relative: tuple[float, ...]
    excess: float

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return {**self.__dict__, "subjects": [dict(s.__dict__) for s in self.subjects]}


def conditional(
    x: Floats,
    subjects: tuple[str, ...],
    clusters: Ints | None = None,
    *,
    low: float = 0.0,
    high: float = 1.0,
    level: float = 0.95,
) -> Conditional:
    """Standard errors of each subject's mean over items drawn like these.

    Args:
        x: shape (subjects, items), scores in 0–1, NaN where there is none.
        clusters: shape (items,), 0, 1, …
        low, high: what 0 and 1 stand for.

    Raises:
        InputError: if a subject has fewer than 2 scores or scores in fewer than 2 clusters.
    """
    there = ~np.isnan(x)
    count = there.sum(axis=1)
    if (count < 2).any():
        who = subjects[int(np.flatnonzero(count < 2)[0])]
        raise InputError(f"conditional errors: subject {who!r} has fewer than 2 scores")
    mean = np.nansum(x, axis=1) / count
    absolute = errors(x, clusters)
    # An item's difficulty is taken among those who met it, freed of how able they are.
    apart = x - mean[:, None]
    met = np.maximum(there.sum(axis=0), 1)
    relative = errors(x - np.nansum(apart, axis=0) / met, clusters)
    binary = bool(((x == 0) | (x == 1) | ~there).all())
    scale = high - low
    found = []
    for i, name in enumerate(subjects):
        at = there[i]
        ends, method = _interval(
            x[i, at], None if clusters is None else clusters[at], binary, level
        )
        limits = (None, None) if ends is None else (low + scale * ends[0], low + scale * ends[1])
        found.append(
            SubjectError(name, low + scale * float(mean[i]), int(count[i]),
                         scale * float(absolute[i]), scale * float(relative[i]), *limits)
        )  # fmt: skip
    binomial = mean * (1 - mean) / (count - 1)
    whole = float(binomial.sum())
    excess = float((absolute**2).sum()) / whole if whole > 0 else math.nan
    part = float((relative**2).sum()) / whole if whole > 0 else math.nan
    p = np.linspace(0.0, 1.0, 51)
    lord = scale * np.sqrt(p * (1 - p) / (float(count.mean()) - 1))
    return Conditional(
        tuple(found), method, tuple((low + scale * p).tolist()),
        tuple((lord * math.sqrt(excess)).tolist()) if whole > 0 else (),
        tuple((lord * math.sqrt(part)).tolist()) if whole > 0 else (), excess,
    )  # fmt: skip


def errors(x: Floats, clusters: Ints | None = None) -> Floats:
    """Shape (subjects,): standard error of each mean over items (or whole clusters) drawn.

    Args:
        x: shape (subjects, items), NaN where there is none.

    Raises:
        InputError: if a subject has scores in fewer than 2 clusters.
    """
    there = ~np.isnan(x)
    count = there.sum(axis=1)
    apart = np.where(there, x - (np.nansum(x, axis=1) / np.maximum(count, 1))[:, None], 0.0)
    if clusters is None:
        own: Floats = np.sqrt((apart**2).sum(axis=1) / (count * np.maximum(count - 1, 1)))
        return own
    size = int(clusters.max()) + 1
    sums, met = np.zeros((size, x.shape[0])), np.zeros((size, x.shape[0]))
    np.add.at(sums, clusters, apart.T)
    np.add.at(met, clusters, there.T.astype(np.float64))
    units = (met > 0).sum(axis=0)
    if (units < 2).any():
        raise InputError("conditional errors: a subject has scores in fewer than 2 clusters")
    found: Floats = np.sqrt((sums**2).sum(axis=0) * units / (units - 1)) / count
    return found


def _interval(
    scores: Floats, clusters: Ints | None, binary: bool, level: float
) -> tuple[tuple[float, float] | None, str]:
    """For the mean over all items of this kind."""
    if clusters is not None:
        try:
            found = cluster_interval(Clusters.of(scores, clusters), method="robust", level=level)
        except InputError:
            # All its clusters are alike, such as all right: they say nothing of their spread.
            return None, "cluster-robust, CR2"
        return (max(found.low, 0.0), min(found.high, 1.0)), "cluster-robust, CR2"
    if binary:
        # Wilson's interval asks for which rates Lord's error would reach this score.
        one = interval(int(scores.sum()), scores.size, method="wilson", level=level)
        return (one.low, one.high), "Wilson, from the binomial error"
    mean = t_mean(scores, level=level, bounds=(0.0, 1.0))
    return (max(mean.low, 0.0), min(mean.high, 1.0)), "Student's t over items"


def bank_errors(bank: Bank, abilities: Floats) -> tuple[Floats, Floats, Floats]:
    """Errors of calibrated items at given abilities, these very items being asked.

    Returns:
        Shape (abilities,) each: standard error of ability, 1 / √information (infinite where
        there is none); the true mean score; and the standard error of the mean score
        (Lord, *Applications of Item Response Theory*, 1980, chapter 4).
    """
    information = bank.information(abilities).sum(axis=1)
    of_ability = np.full(information.shape, math.inf)
    np.divide(1.0, np.sqrt(information), out=of_ability, where=information > 0)
    p = bank.probabilities(abilities)
    worth = np.where(np.isnan(bank.values), 0.0, bank.values)
    mean = np.einsum("qjc,jc->qj", p, worth)
    square = np.einsum("qjc,jc->qj", p, worth**2)
    own = np.maximum(square - mean**2, 0.0)
    k = len(bank.items)
    return of_ability, mean.mean(axis=1), np.sqrt(own.sum(axis=1)) / k
