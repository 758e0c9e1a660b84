"""What would the gold standard say, if the judge errs? Ratings corrected for a measured judge.

Some items have gold outcomes beside the judge's. Their table says how often the judge turns each
gold outcome into each verdict; the likelihood of the verdicts then mixes over gold outcomes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from calibrant.errors import InputError
from calibrant.ratings.counts import LEFT, RIGHT, TIE, Counts
from calibrant.ratings.fit import Fit, Problem, RatingError
from calibrant.ratings.fit import fit as fit_counts
from calibrant.ratings.likelihood import ModelName, Terms
from calibrant.ratings.uncertainty.bootstrap import MOST_FAILED

Floats = NDArray[np.float64]

FEWEST_GOLD = 10
"""Fewest gold comparisons of each outcome that occurs among the gold."""

LEAST_SIGNAL = 0.1
"""Least singular value of the confusion table below which verdicts say too little of gold."""

FARTHEST = 15.0
"""Log-strength beyond which a corrected rating is taken to have no end."""


@dataclass(frozen=True, repr=False)
class Judged:
    """Strengths by the gold standard, from verdicts of a judge that errs.

    Attributes:
        strengths: shape (subjects,); they add up to 0.
        covariance: shape (subjects, subjects), over draws of comparisons and of gold together.
        confusion: shape (3, 3): chance of each verdict (column) given the gold outcome (row).
        uncorrected: the fit that takes the judge at its word; fit: the corrected one.
        gold: gold comparisons; failed: rounds of the bootstrap without a rating.
        log_likelihood: of the verdicts.
    """

    model: ModelName
    strengths: Floats
    covariance: Floats
    confusion: Floats
    uncorrected: Fit
    fit: Fit
    tie: float | None
    gold: float
    rounds: int
    failed: int
    log_likelihood: float

    @property
    def standard_errors(self) -> Floats:
        """Shape (subjects,): of comparisons and of the judge's error rates together."""
        return np.sqrt(np.diag(self.covariance))

    def __repr__(self) -> str:
        agree = float(np.diag(self.confusion).mean())
        stretch = float(self.strengths.std() / self.uncorrected.strengths.std())
        return (
            f"{self.model} corrected for a judge that agrees with gold at {agree:.0%} "
            f"({self.gold:g} gold comparisons): strengths spread {stretch:.2f} times as "
            "wide as taken at its word"
        )


def confusion(gold: ArrayLike, verdict: ArrayLike, *, symmetric: bool = True) -> Floats:
    """Shape (3, 3): counts of gold outcome (row) against verdict (column).

    Args:
        gold, verdict: shape (n,), 0 left, 1 right, 2 tie, of the same comparisons.
        symmetric: count each comparison also with sides exchanged, half each: right if the judge
            has no preference for a side, and twice as sure.

    Raises:
        InputError: for unknown outcomes or lengths that differ.
    """
    g, v = np.asarray(gold), np.asarray(verdict)
    if g.shape != v.shape or g.ndim != 1 or not g.size:
        raise InputError(f"gold: wanted outcomes for each verdict, got {g.shape} and {v.shape}")
    if min(g.min(), v.min()) < 0 or max(g.max(), v.max()) > 2:
        raise InputError("gold: wanted 0 (left), 1 (right) or 2 (tie)")
    table = np.bincount(g.astype(np.int64) * 3 + v, minlength=9).reshape(3, 3).astype(np.float64)
    if symmetric:
        turned = table[np.ix_([1, 0, 2], [1, 0, 2])]
        table = (table + turned) / 2
    return table


def judge_corrected(
    counts: Counts,
    gold: ArrayLike,
    model: ModelName = "davidson",
    *,
    prior_sd: float | None = None,
    rounds: int = 100,
    seed: int = 0,
) -> Judged:
    """Maximise the likelihood of verdicts given the judge's error rates, by Fisher scoring.

    Uncertainty comes from drawing the verdicts (multinomial on the count table) and the gold
    comparisons (multinomial on their table) again, both at once.

    Args:
        counts: verdicts of the judge, without those used as gold.
        gold: shape (3, 3), gold outcome against verdict, see `confusion`.
        model: of the gold outcomes.
        prior_sd: of a normal prior on log-strengths.
        rounds: of the bootstrap, at least 20.
        seed: of its draws.

    Raises:
        InputError: for a table that is none, or counts that are not whole.
        RatingError: for too little gold, a judge whose verdicts say too little of gold, no
            rating, or a maximum that is not reached.
    """
    table = np.asarray(gold, dtype=np.float64)
    if table.shape != (3, 3) or not np.isfinite(table).all() or (table < 0).any():
        raise InputError("gold: wanted a table of 3 gold outcomes against 3 verdicts")
    if rounds < 20:
        raise InputError(f"rounds: wanted at least 20, got {rounds}")
    if not np.array_equal(counts.outcomes, np.rint(counts.outcomes)):
        raise InputError("judge: wanted counts of verdicts, got weights")
    base = counts.unordered()
    uncorrected = fit_counts(base, model, prior_sd=prior_sd)
    rates = _rates(table, model)
    best = _Mixed(base, model, prior_sd, rates).solve(uncorrected.parameters)
    _refuse_infinite(best)
    draws, failed = _again(base, table, best, rounds, seed)
    return Judged(
        model, best.strengths, np.cov(draws.T), rates, uncorrected, best, best.tie,
        float(table.sum()), rounds, failed, best.log_likelihood,
    )  # fmt: skip


def _again(base: Counts, table: Floats, best: Fit, rounds: int, seed: int) -> tuple[Floats, int]:
    """Strengths of verdicts and gold drawn again, shape (rounds that had any, subjects), and how
    many rounds had none."""
    rng = np.random.default_rng(seed)
    cells, total = base.outcomes.ravel() / base.total, int(base.total)
    draws: list[Floats] = []
    for _ in range(rounds):
        outcomes = rng.multinomial(total, cells).reshape(base.outcomes.shape).astype(np.float64)
        there = outcomes.sum(axis=1) > 0
        drawn = Counts(base.names, base.left[there], base.right[there], outcomes[there])
        try:
            again = _rates(_draw_gold(table, rng), best.model)
            found = _Mixed(drawn, best.model, best.prior_sd, again).solve(best.parameters)
            _refuse_infinite(found)
            draws.append(found.strengths)
        except RatingError:
            # Counted, reported, and refused if many.
            continue
    failed = rounds - len(draws)
    if failed > MOST_FAILED * rounds:
        raise RatingError(
            f"judge: {failed} of {rounds} rounds gave no rating: too little gold, or too few "
            "comparisons; state a prior"
        )
    return np.stack(draws), failed


def _draw_gold(table: Floats, rng: np.random.Generator) -> Floats:
    size = round(float(table.sum()))
    drawn = rng.multinomial(size, (table / table.sum()).ravel())
    return np.asarray(drawn.reshape(3, 3), dtype=np.float64)


def _rates(table: Floats, model: ModelName) -> Floats:
    """Chance of each verdict given the gold outcome.

    Raises:
        RatingError: if they cannot be told.
    """
    rows = [LEFT, RIGHT, TIE] if model != "bt" else [LEFT, RIGHT]
    least = float(table[rows].sum(axis=1).min())
    if least < FEWEST_GOLD:
        raise RatingError(
            f"judge: wanted at least {FEWEST_GOLD} gold comparisons of each outcome, got {least:g}"
        )
    # Half a count each keeps a verdict that was not seen from being impossible.
    rates = (table + 0.5) / (table + 0.5).sum(axis=1, keepdims=True)
    signal = float(np.linalg.svd(rates[rows], compute_uv=False).min())
    if signal < LEAST_SIGNAL:
        raise RatingError(
            f"judge: its verdicts hardly depend on the gold outcome (singular value {signal:.2f}): "
            "they cannot be corrected"
        )
    return np.asarray(rates)


class _Mixed(Problem):
    """The likelihood of verdicts: each model's outcome turned into a verdict by the judge."""

    def __init__(
        self, counts: Counts, model: ModelName, prior_sd: float | None, rates: Floats
    ) -> None:
        super().__init__(counts, model, False, prior_sd)
        self.rates = rates

    def terms(self, parameters: Floats) -> Terms:
        """Derivatives of the log-probability of verdicts; second ones are the expected, which
        keep every step uphill."""
        gold = super().terms(parameters)
        p = np.exp(gold.value)
        if not self.ties:
            # Bradley–Terry has no ties of its own: all come from the judge.
            p[:, TIE] = 0.0
        verdict = p @ self.rates
        d, t = ((p * x) @ self.rates / verdict for x in (gold.d, gold.t))
        wide = np.ones((1, 3))

        def expected(x: Floats, y: Floats) -> Floats:
            return np.asarray(-(verdict * x * y).sum(axis=1, keepdims=True) * wide)

        return Terms(np.log(verdict), d, expected(d, d), t, expected(t, t), expected(d, t))


def _refuse_infinite(found: Fit) -> None:
    """Where verdicts are more one-sided than this judge can make them, strengths have no end."""
    if found.prior_sd is None and float(np.abs(found.strengths).max()) > FARTHEST:
        worst = found.counts.names[int(np.argmax(np.abs(found.strengths)))]
        raise RatingError(
            f"judge: {worst!r} wins or loses more than a judge with these errors could say: no "
            "finite corrected rating; state a prior"
        )
