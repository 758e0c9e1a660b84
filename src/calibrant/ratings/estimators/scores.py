"""What do others report? Scores from counts of wins that are no model of comparisons.

They are here to be recognised and compared: none says how sure it is, and only `win_rate` has a
meaning beyond the order. All take a count table; a tie is half a win unless said.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaincinv, ndtri

from calibrant.errors import InputError
from calibrant.ratings.counts import LEFT, RIGHT, TIE, Counts

Floats = NDArray[np.float64]


@dataclass(frozen=True, repr=False)
class WinRates:
    """Share of points won, a tie half a point.

    Attributes:
        rate: shape (subjects,), against the field, each opponent as often as it was met.
        low, high: shape (subjects,), intervals.
        played: shape (subjects,), weight of comparisons.
        against: what the rate is taken against.
    """

    rate: Floats
    low: Floats
    high: Floats
    played: Floats
    against: str

    def __repr__(self) -> str:
        return f"win rates of {self.rate.size} subjects against {self.against}"


def matrix(counts: Counts, tie: float = 0.5) -> Floats:
    """Shape (subjects, subjects): points of the row against the column."""
    size = len(counts.names)
    o = counts.outcomes
    out = np.zeros((size, size))
    np.add.at(out, (counts.left, counts.right), o[:, LEFT] + tie * o[:, TIE])
    np.add.at(out, (counts.right, counts.left), o[:, RIGHT] + tie * o[:, TIE])
    return out


def win_rate(counts: Counts, *, baseline: str | None = None, level: float = 0.95) -> WinRates:
    """Win rate against the field, or against one subject.

    The interval without ties is Clopper and Pearson's; with ties, Wilson's with the variance of
    half points, which is at most that of wins. It takes comparisons as independent, and the field
    as fixed: who met weaker opponents has the higher rate.

    Raises:
        InputError: for an unknown baseline.
    """
    size = len(counts.names)
    if baseline is not None:
        if baseline not in counts.names:
            raise InputError(f"baseline: no subject {baseline!r}")
        base = counts.names.index(baseline)
        with_it = (counts.left == base) | (counts.right == base)
        counts = Counts(
            counts.names, counts.left[with_it], counts.right[with_it], counts.outcomes[with_it]
        )
    table = counts.wins
    played = table.sum(axis=1)
    safe = np.where(played > 0, played, 1.0)
    rate = np.where(played > 0, (table[:, 0] + table[:, 2] / 2) / safe, np.nan)
    low, high = np.full(size, np.nan), np.full(size, np.nan)
    tail = (1 - level) / 2
    exact = (played > 0) & (table[:, 2] == 0)
    w, n = table[:, 0], played
    # betaincinv is taken where defined; a rate of 0 or 1 has its end there.
    low[exact] = np.where(w > 0, betaincinv(np.maximum(w, 1e-9), n - w + 1, tail), 0.0)[exact]
    high[exact] = np.where(w < n, betaincinv(w + 1, np.maximum(n - w, 1e-9), 1 - tail), 1.0)[exact]
    tied = (played > 0) & ~exact
    z = float(-ndtri(tail))
    middle = (rate + z**2 / (2 * safe)) / (1 + z**2 / safe)
    reach = z / (1 + z**2 / safe) * np.sqrt(rate * (1 - rate) / safe + z**2 / (4 * safe**2))
    low[tied], high[tied] = (middle - reach)[tied], (middle + reach)[tied]
    return WinRates(rate, low, high, played, baseline or "the field")


def counting(counts: Counts) -> Floats:
    """Points: a win 1, a tie ½."""
    return np.asarray(matrix(counts).sum(axis=1))


def average_win_rate(counts: Counts) -> Floats:
    """Mean over all subjects met of the share of points won against each."""
    points = matrix(counts)
    games = points + points.T
    met = games > 0
    rate = np.where(met, points / np.where(met, games, 1.0), 0.0)
    return np.asarray(rate.sum(axis=1) / np.maximum(met.sum(axis=1), 1))


def eigen(
    counts: Counts, *, of_losses: bool = False, tolerance: float = 1e-13, rounds: int = 100_000
) -> Floats:
    """Principal eigenvector of the points: a win counts as much as the beaten subject's score.

    `of_losses` takes the transpose, which scores highest who lost most to those who lost most;
    evalica has it so, and ranks the strongest last.

    Raises:
        InputError: if the power method does not settle.
    """
    points = matrix(counts)
    return _power(points.T if of_losses else points, tolerance, rounds)


def pagerank(
    counts: Counts, *, damping: float = 0.85, tolerance: float = 1e-14, rounds: int = 100_000
) -> Floats:
    """Share of time of a walker who goes to a subject that beat this one, or anywhere.

    Raises:
        InputError: if the power method does not settle.
    """
    points = matrix(counts)
    size = points.shape[0]
    lost = points.T.copy()
    total = lost.sum(axis=1)
    lost[total == 0] = 1 / size
    lost /= np.where(total == 0, 1.0, total)[:, None]
    found = _power((damping * lost + (1 - damping) / size).T, tolerance, rounds)
    return np.asarray(found / found.sum())


def _power(m: Floats, tolerance: float, rounds: int) -> Floats:
    scores = np.full(m.shape[0], 1 / m.shape[0])
    for _ in range(rounds):
        new = m @ scores
        new /= np.linalg.norm(new)
        if np.linalg.norm(new - scores) < tolerance:
            return np.asarray(new)
        scores = new
    raise InputError(f"scores: the power method has not settled after {rounds} rounds")


def bradley_terry_share(strengths: Floats) -> Floats:
    """Strengths that add up to 1, from log-strengths: how others print Bradley–Terry."""
    e = np.exp(strengths - strengths.max())
    return np.asarray(e / e.sum())


def newman(strengths: Floats, nu: float) -> tuple[Floats, float]:
    """Newman's (2023) scores and tie parameter v from Davidson's fit, whose model it is: ν = 2 v.

    The scores are fixed up to a factor; here their geometric mean is 1.
    """
    return np.exp(strengths - strengths.mean()), nu / 2
