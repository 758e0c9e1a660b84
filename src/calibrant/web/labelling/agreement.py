"""Do raters agree so far? Percent agreement and Krippendorff's alpha, for the organiser's page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

from calibrant.judges.labels import as_labels
from calibrant.stats.agreement.estimate import Coefficient, agreement_rate, estimate
from calibrant.stats.agreement.ratios import alpha, percent

if TYPE_CHECKING:
    import polars as pl

LEVEL = 0.95
"""Of the intervals."""


@dataclass(frozen=True, repr=False)
class Agreement:
    """How far raters agree.

    Attributes:
        units: items with labels of at least two raters.
        pairs: pairs of labels on the same item.
        percent: agreement of two raters on an item.
        alpha: Krippendorff's; nominal, or ordinal on a scale.
    """

    units: int
    pairs: int
    percent: Coefficient
    alpha: Coefficient

    def __repr__(self) -> str:
        if self.percent.value is None:
            return "not two items have labels of two raters yet"
        text = f"two raters agree {self.percent.value:.0%}"
        return f"{text} of the time; {self.alpha}"

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self)


def agreement(
    said: pl.DataFrame, values: Sequence[str], level: Literal["nominal", "ordinal"]
) -> Agreement:
    """Agreement of the labels given so far.

    Where several answers to a question are labelled, the question is a cluster: intervals then rest
    on the number of questions.

    Args:
        said: rows of item, cluster, grader and label, one for each rater and item.
        values: the labels that there are, in order.
    """
    if said.is_empty():
        nothing = Coefficient("agreement", undefined="undefined: no label")
        return Agreement(0, 0, nothing, nothing)
    clustered = said["cluster"].n_unique() < said["item"].n_unique()
    labels = as_labels(said, categories=values, cluster="cluster" if clustered else None)
    counts = labels.counts()
    n = counts.sum(axis=1)
    return Agreement(
        int((n > 1).sum()), int((n * (n - 1) // 2).sum()),
        agreement_rate(percent(counts), level=LEVEL, cluster=labels.cluster),
        estimate(alpha(counts, level, labels.values), level=LEVEL, cluster=labels.cluster),
    )  # fmt: skip
