"""How do ratings spread when the comparisons, or whole clusters of them, are drawn again?

Draws are made on count tables, so that a round costs the same for a thousand comparisons and for
ten million.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from calibrant.errors import InputError
from calibrant.ratings.counts import Counts
from calibrant.ratings.fit import Fit, RatingError
from calibrant.ratings.fit import fit as fit_counts
from calibrant.ratings.uncertainty.covariance import FEWEST_CLUSTERS, Scores, _kept, _renumbered
from calibrant.records.comparisons import Comparisons

Floats = NDArray[np.float64]

MOST_FAILED = 0.05
"""Share of rounds without a finite rating above which a bootstrap is refused."""


@dataclass(frozen=True, repr=False)
class Bootstrap:
    """Ratings of comparisons drawn again.

    Attributes:
        draws: shape (rounds, subjects), log-strengths; rounds without a finite rating left out.
        failed: how many those were.
        method: how comparisons were drawn, in words.
    """

    draws: Floats
    failed: int
    method: str

    @property
    def standard_errors(self) -> Floats:
        """Shape (subjects,): standard deviations over the rounds."""
        return np.asarray(self.draws.std(axis=0, ddof=1))

    def intervals(self, level: float) -> Floats:
        """Shape (subjects, 2): percentiles of the draws."""
        tail = (1 - level) / 2
        return np.quantile(self.draws, [tail, 1 - tail], axis=0).T

    def __repr__(self) -> str:
        failed = f", {self.failed} more without a finite rating" if self.failed else ""
        return f"{self.method}: {self.draws.shape[0]} rounds{failed}"


def bootstrap(
    fit: Fit,
    *,
    rounds: int = 100,
    seed: int = 0,
    rows: Comparisons | None = None,
    by: Sequence[str] = (),
) -> Bootstrap:
    """Draw comparisons again and rate them, `rounds` times.

    Without clusters the count table is drawn from a multinomial, which is what drawing rows is.
    By one column, clusters are drawn with replacement; by two, each comparison counts as often as
    both its clusters were drawn (Owen and Eckles, Annals of Applied Statistics 6 (2012) 895),
    which errs to the wide side.

    Args:
        fit: the ratings; its model, order effect and prior are kept.
        rounds: at least 2.
        seed: the same seed gives the same numbers.
        rows, by: comparisons and up to two of their columns, to draw clusters.

    Raises:
        RatingError: if over `MOST_FAILED` of the rounds have no finite rating, or for too few
            clusters.
        InputError: for weights without clusters, or options that make no sense.
    """
    if rounds < 2:
        raise InputError(f"bootstrap: wanted at least 2 rounds, got {rounds}")
    rng = np.random.default_rng(seed)
    if not by:
        tables, method = _multinomial(fit, rng, rounds), "bootstrap of comparisons"
    elif rows is None or len(by) > 2:
        raise InputError("bootstrap: clusters need the comparisons and one or two columns")
    else:
        tables, method = _clusters(fit, rows, by, rng, rounds), f"bootstrap of {' and '.join(by)}"
    found: list[Floats] = []
    base = fit.problem.counts
    for outcomes in tables:
        there = outcomes.sum(axis=1) > 0
        table = Counts(base.names, base.left[there], base.right[there], outcomes[there])
        try:
            again = fit_counts(
                table, fit.model, order_effect=fit.order_effect is not None,
                prior_sd=fit.prior_sd, start=fit.parameters,
            )  # fmt: skip
        except RatingError:
            # Counted, reported, and refused if many.
            continue
        found.append(again.strengths)
    failed = rounds - len(found)
    if failed > MOST_FAILED * rounds:
        raise RatingError(
            f"bootstrap: {failed} of {rounds} rounds have no finite rating; state a prior"
        )
    return Bootstrap(np.stack(found), failed, method)


def _multinomial(fit: Fit, rng: np.random.Generator, rounds: int) -> Iterator[Floats]:
    cells = fit.problem.counts.outcomes
    total = cells.sum()
    if not np.array_equal(cells, np.rint(cells)):
        raise InputError("bootstrap: weighted comparisons can be drawn by clusters only")
    for _ in range(rounds):
        drawn = rng.multinomial(int(total), cells.ravel() / total)
        yield drawn.reshape(cells.shape).astype(np.float64)


def _clusters(
    fit: Fit, rows: Comparisons, by: Sequence[str], rng: np.random.Generator, rounds: int
) -> Iterator[Floats]:
    from scipy.sparse import coo_array

    kept = _kept(fit.counts, rows)
    pair, seen, _, _ = Scores(fit).of(kept.left, kept.right, kept.outcome)
    cells = fit.problem.counts.outcomes.shape
    cell = pair * 3 + seen
    labels = [_renumbered(rows.labels(name)[0][kept.rows]) for name in by]
    for name, (_, number) in zip(by, labels, strict=True):
        if number < FEWEST_CLUSTERS:
            raise RatingError(
                f"bootstrap: wanted at least {FEWEST_CLUSTERS} of {name}, got {number}"
            )
    if len(labels) == 1:
        codes, number = labels[0]
        table = coo_array((kept.weight, (codes, cell)), shape=(number, cells[0] * cells[1])).tocsr()
    for _ in range(rounds):
        times = [
            rng.multinomial(number, np.full(number, 1 / number)).astype(np.float64)
            for _, number in labels
        ]
        if len(labels) == 1:
            yield (times[0] @ table).reshape(cells)
            continue
        weight = kept.weight * times[0][labels[0][0]] * times[1][labels[1][0]]
        drawn: Floats = np.bincount(cell, weight, cells[0] * cells[1]).astype(np.float64)
        yield drawn.reshape(cells)
