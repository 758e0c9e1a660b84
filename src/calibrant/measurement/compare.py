"""Which of two subjects is better, on the items both answered?"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import polars as pl

from calibrant.errors import InputError
from calibrant.measurement.tables import as_trials, of_score
from calibrant.stats.comparisons.multiplicity import Comparison, adjust
from calibrant.stats.comparisons.paired import compare_items

if TYPE_CHECKING:
    from calibrant._figure import Figure


@dataclass(frozen=True)
class SubjectComparison:
    """Two subjects on one instrument and score; differences are A minus B.

    Attributes:
        comparison: the numbers.
        only_a, only_b: items that only one of them has a score for; they are left out.
        p_adjusted: Holm's p-value over all comparisons made together.
    """

    a: str
    b: str
    instrument: str
    score: str
    comparison: Comparison
    only_a: int
    only_b: int
    p_adjusted: float

    @property
    def conclusion(self) -> str:
        """A is better, B is better, equivalent within margin, or no evidence either way."""
        return str(self.comparison.conclusion)

    def __repr__(self) -> str:
        return f"A = {self.a}, B = {self.b}, {self.score} on {self.instrument}: {self.comparison!r}"

    def to_dict(self) -> dict[str, Any]:
        """Plain data; the field names are the contract of `calibrant compare --json`."""
        c = self.comparison
        return {
            "a": self.a,
            "b": self.b,
            "instrument": self.instrument,
            "score": self.score,
            "difference": c.difference,
            "standard_uncertainty": c.standard_uncertainty,
            "interval": [c.interval.low, c.interval.high],
            "level": c.interval.level,
            "p_value": c.p_value,
            "p_adjusted": self.p_adjusted,
            "conclusion": self.conclusion,
            "method": c.method,
            "mde": c.mde,
            "n": c.n,
            "clusters": c.clusters,
            "flips": {"a_higher": list(c.a_higher), "b_higher": list(c.b_higher)},
            "only_a": self.only_a,
            "only_b": self.only_b,
        }

    def plot(self) -> Figure:
        """The difference with its interval against 0 and the margin, and the items that flipped."""
        from calibrant.measurement.figures import plot_comparisons

        return plot_comparisons([self])

    def _repr_html_(self) -> str:
        return self.plot().svg()


def compare(
    source: Any,
    a: str,
    b: str,
    *,
    score: str | None = None,
    instrument: str | None = None,
    cluster: str | None = None,
    margin: float | None = None,
    level: float = 0.95,
    seed: int = 0,
) -> list[SubjectComparison]:
    """Compare two subjects by item, on every instrument and score they share.

    Epochs and variants of an item are averaged first; a trial without a score is left out, and
    items that only one subject has are counted. Several comparisons get Holm's p-values too.
    The methods are those of `calibrant.stats.comparisons.paired.compare_items`.

    Args:
        source: a path that `read` takes, or a table of trials.
        a, b: subjects, as the table names them.
        score, instrument: restrict to these.
        cluster: column that names clusters of items, by default "cluster" where it is filled.
        margin: the smallest difference that matters.
        level: confidence.
        seed: of random sign flips, where they are needed.

    Raises:
        InputError: if a subject is not there, or they share no items.
    """
    trials = of_score(as_trials(source), score)
    if instrument is not None:
        trials = trials.filter(pl.col("instrument") == instrument)
    for subject in (a, b):
        known = sorted(set(trials["subject"].to_list()))
        if subject not in known:
            raise InputError(
                f"subject: no trials of {subject!r}; there are {', '.join(known[:8]) or 'none'}"
            )
    if a == b:
        raise InputError(f"subjects: wanted two, got {a!r} twice")
    if cluster is not None and cluster not in trials.columns:
        raise InputError(f"cluster: no column {cluster!r}")
    keys = ["instrument", "grader"]
    groups = trials.filter(pl.col("subject").is_in([a, b])).group_by(keys, maintain_order=True)
    found = []
    for (where, grader), part in groups:
        if part["subject"].n_unique() == 2:
            name = (a, b, str(where), str(grader))
            found.append(_one(name, part, cluster or "cluster", margin, level, seed))
    if not found:
        raise InputError(f"subjects: {a!r} and {b!r} share no instrument and score")
    adjusted = adjust([c.comparison.p_value for c in found], "holm")
    return [replace(c, p_adjusted=float(p)) for c, p in zip(found, adjusted, strict=True)]


def _one(
    name: tuple[str, str, str, str],
    part: pl.DataFrame,
    cluster: str,
    margin: float | None,
    level: float,
    seed: int,
) -> SubjectComparison:
    a, b, instrument, grader = name
    scored = part.filter(pl.col("score").is_not_null())
    per = scored.group_by("subject", "item", maintain_order=True).agg(
        pl.col("score").mean(), pl.col(cluster).first().cast(pl.String).alias("group")
    )
    left, right = (per.filter(pl.col("subject") == s) for s in (a, b))
    both = left.join(right, on="item", how="inner", suffix="_b").sort("item")
    if both.is_empty():
        raise InputError(f"{instrument}: {a!r} and {b!r} share no items with scores")
    groups = both["group"].to_list()
    comparison = compare_items(
        both["score"].to_numpy(),
        both["score_b"].to_numpy(),
        items=both["item"].to_list(),
        clusters=None if None in groups else groups,
        margin=margin,
        level=level,
        score_range=1.0 if scored["score"].is_between(0, 1).all() else None,
        seed=seed,
    )
    return SubjectComparison(
        a,
        b,
        instrument,
        grader,
        comparison,
        only_a=left.height - both.height,
        only_b=right.height - both.height,
        p_adjusted=comparison.p_value,
    )
