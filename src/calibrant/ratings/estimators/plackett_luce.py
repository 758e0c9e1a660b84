"""How strong are subjects that were ranked several at a time? Plackett–Luce by Newton.

A ranking is a race for first place among all, then for second among the rest, and so on (Luce 1959;
Plackett, Applied Statistics 24 (1975) 193). Of two, it is Bradley–Terry.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from calibrant.errors import InputError
from calibrant.ratings.counts import Counts, count
from calibrant.ratings.existence import existence
from calibrant.ratings.fit import ROUNDS, TOLERANCE, Convergence, RatingError
from calibrant.ratings.solve import solver

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, repr=False)
class Rankings:
    """Rankings of subjects, best first.

    Attributes:
        names: subjects.
        places: shape (rankings, longest), indices into `names`, padded with -1.
    """

    names: tuple[str, ...]
    places: Ints

    def __repr__(self) -> str:
        return f"{self.places.shape[0]:,} rankings of {len(self.names)} subjects"

    def neighbours(self) -> Counts:
        """Each subject as the winner over the next: these wins decide whether a rating exists
        (Hunter, Annals of Statistics 32 (2004) 384, assumption 1)."""
        a, b = self.places[:, :-1].ravel(), self.places[:, 1:].ravel()
        there = b >= 0
        none = np.zeros(int(there.sum()), dtype=np.int64)
        return count(a[there], b[there], none, names=self.names)


@dataclass(frozen=True, repr=False)
class PlackettLuce:
    """Log-strengths from rankings.

    Attributes:
        strengths: shape (subjects,); they add up to 0.
        covariance: shape (subjects, subjects), sandwich with each ranking one observation.
        log_likelihood: at the estimate.
        convergence: proof that the maximum was found.
    """

    rankings: Rankings
    strengths: Floats
    covariance: Floats
    log_likelihood: float
    convergence: Convergence
    prior_sd: float | None

    def __repr__(self) -> str:
        best = self.rankings.names[int(np.argmax(self.strengths))]
        return f"Plackett–Luce of {self.rankings!r}: strongest {best!r}"


def rankings(orders: Sequence[Sequence[int]], names: Sequence[str]) -> Rankings:
    """Rankings of sequences of indices, best first; partial ones rank those they name.

    Raises:
        InputError: naming the first ranking with an index out of range or twice, or too short.
    """
    longest = max((len(o) for o in orders), default=0)
    places = np.full((len(orders), longest), -1, dtype=np.int64)
    for number, order in enumerate(orders):
        if len(order) < 2 or len(set(order)) != len(order):
            raise InputError(
                f"ranking {number}: wanted at least 2 different subjects, got {list(order)[:8]}"
            )
        if min(order) < 0 or max(order) >= len(names):
            raise InputError(f"ranking {number}: wanted 0 to {len(names) - 1}")
        places[number, : len(order)] = order
    if not len(orders):
        raise InputError("rankings: wanted at least one, got none")
    return Rankings(tuple(names), places)


def plackett_luce(data: Rankings, *, prior_sd: float | None = None) -> PlackettLuce:
    """Maximise the likelihood, after checking that a maximum exists.

    Args:
        data: the rankings.
        prior_sd: a normal prior on log-strengths with mean 0.

    Raises:
        RatingError: if no finite maximum exists and no prior is stated, or it was not reached.
        InputError: for a prior that is not above 0.
    """
    if prior_sd is not None and not (np.isfinite(prior_sd) and prior_sd > 0):
        raise InputError(f"prior: wanted a standard deviation above 0, got {prior_sd!r}")
    if prior_sd is None:
        found = existence(data.neighbours())
        if not found.exists:
            raise RatingError(f"{found!r}; state a prior")
    size = len(data.names)
    precision = 0.0 if prior_sd is None else 1 / prior_sd**2
    s = np.zeros(size)
    busiest = float(np.bincount(data.places[data.places >= 0], minlength=size).max())
    value, g, h, _ = _derivatives(data, s, precision)
    for done in range(ROUNDS + 1):  # noqa: B007
        step = solver(h, size, grounded=prior_sd is None)(g)
        largest, decrement = float(np.abs(g).max()), float(g @ step)
        if largest <= TOLERANCE * busiest:
            break
        scale = 1.0
        while True:
            new = _derivatives(data, s + scale * step, precision)
            if new[0] >= value - 1e-12 * abs(value) or scale < 1e-10:
                break
            scale /= 2
        s = s + scale * step
        value, g, h, _ = new
    else:
        raise RatingError(
            f"plackett-luce: not converged after {ROUNDS} rounds (gradient {largest:.3g})"
        )
    s -= s.mean()
    value, _, h, scores = _derivatives(data, s, precision)
    right = np.eye(size) - 1 / size
    a = solver(h, size, grounded=prior_sd is None)(right)
    meat = np.asarray(scores.T @ scores) + precision * np.eye(size)
    penalty = precision * float((s**2).sum()) / 2
    return PlackettLuce(
        data, s, a.T @ meat @ a, value + penalty, Convergence(largest, done, decrement), prior_sd
    )


def _derivatives(
    data: Rankings, s: Floats, precision: float
) -> tuple[float, Floats, Floats, Floats]:
    """Penalised log-likelihood, gradient, Hessian, and score of each ranking."""
    places, size = data.places, s.size
    there = places >= 0
    strength = np.where(there, np.exp(s[places] - s.max()), 0.0)
    # The race for place m is among places m and later.
    rest = np.cumsum(strength[:, ::-1], axis=1)[:, ::-1]
    race = there.copy()
    race[:, :-1] &= there[:, 1:]
    race[:, -1] = False
    inverse = np.where(race, 1 / np.where(race, rest, 1.0), 0.0)
    log_rest = np.where(race, np.log(np.where(race, rest, 1.0)) + s.max(), 0.0)
    value = float(np.where(race, s[places], 0.0).sum() - log_rest.sum())
    value -= precision * float((s**2).sum()) / 2
    each = race - strength * np.cumsum(inverse, axis=1)
    scores = np.zeros((places.shape[0], size))
    rows, columns = np.nonzero(there)
    scores[rows, places[rows, columns]] = each[rows, columns]
    h = np.zeros((size, size))
    for m in range(places.shape[1] - 1):
        # Chances of winning the race for place m, by subject: one outer product a ranking.
        p = np.zeros((places.shape[0], size))
        late = np.zeros_like(there)
        late[:, m:] = there[:, m:]
        rows, columns = np.nonzero(late & race[:, m][:, None])
        p[rows, places[rows, columns]] = strength[rows, columns] * inverse[rows, m]
        h += p.T @ p - np.diag(p.sum(axis=0))
    g = scores.sum(axis=0) - precision * s
    return value, g, h - precision * np.eye(size), scores
