"""Above which score is a passage a paraphrase? A threshold from clean documents, with its rate.

The score of a document is its best one over all items and windows. If the clean documents and a
document of the corpus that holds no paraphrase are exchangeable, the latter's score has each rank
among them with the same probability, whatever the distribution: split conformal inference (Vovk,
Gammerman and Shafer, 2005), which is a tolerance limit (Wilks, Annals of Mathematical Statistics 12
(1941) 91) when the rate has to hold with a stated confidence and not only on average.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import betainc

from calibrant.errors import InputError
from calibrant.stats.estimates.intervals import clopper_pearson

Floats = NDArray[np.float64]

MILLION = 1_000_000


@dataclass(frozen=True)
class Calibration:
    """A threshold for the score of a document, and how often clean documents are above it.

    Attributes:
        rate: false positives per document that were wanted at most.
        confidence: with which the rate is kept by this threshold; None if it is kept on average
            over sets of clean documents.
        threshold: documents with a score above it are called.
        documents: clean ones.
        above: those of them above the threshold.
        measured: above / documents.
        low, high: the interval of the rate of false positives, Clopper–Pearson, with the count
            that the threshold was chosen to allow as its upper one.
        level: of the interval.
    """

    rate: float
    confidence: float | None
    threshold: float
    documents: int
    above: int
    measured: float
    low: float
    high: float
    level: float
    scores: Floats = field(repr=False, compare=False)

    def __repr__(self) -> str:
        low, value, high = (x * MILLION for x in (self.low, self.measured, self.high))
        return (
            f"threshold {self.threshold:.3f}: {self.above} of {self.documents:,} clean documents "
            f"are above, {value:,.0f} per million ({low:,.0f} to {high:,.0f})"
        )

    def p_value(self, score: float) -> float:
        """The share of clean documents, and of this one, with at least this score."""
        at_least = self.documents - int(np.searchsorted(self.scores, score, side="left"))
        return (at_least + 1) / (self.documents + 1)

    def to_dict(self) -> dict[str, Any]:
        """As plain data, without the scores."""
        plain = {k: v for k, v in self.__dict__.items() if k != "scores"}
        per_million = {k: plain[k] * MILLION for k in ("measured", "low", "high")}
        return plain | {"per_million": per_million}


def calibrate(
    scores: ArrayLike, rate: float = 0.01, *, confidence: float | None = None, level: float = 0.95
) -> Calibration:
    """The lowest threshold that keeps a rate of false positives per document.

    Args:
        scores: shape (documents,), of clean documents of the same kind as the corpus.
        rate: the most false positives per document, 0–1.
        confidence: 0–1; None for a rate that is kept on average over sets of clean documents.
        level: of the interval of the rate.

    Raises:
        InputError: if scores are not numbers, or too few for the rate.
    """
    found = np.sort(np.asarray(scores, np.float64))
    if found.ndim != 1 or not np.all(np.isfinite(found)):
        raise InputError("scores of clean documents: wanted one finite number a document")
    for name, value in (("rate", rate), ("confidence", confidence), ("level", level)):
        if value is not None and not 0 < value < 1:
            raise InputError(f"{name}: wanted a number between 0 and 1, got {value:g}")
    n = found.size
    if n < (needed := documents_needed(rate, confidence)):
        sure = "" if confidence is None else f" with {confidence:.3g} confidence"
        raise InputError(
            f"clean documents: a rate of {rate:g} a document{sure} takes at least {needed:,}, "
            f"got {n:,}"
        )
    place = _place(n, rate, confidence)
    threshold = float(found[n - place])
    above = n - int(np.searchsorted(found, threshold, side="right"))
    return Calibration(
        rate=rate, confidence=confidence, threshold=threshold, documents=n, above=above,
        measured=above / n, low=clopper_pearson(above, n, level=level).low,
        # With ties fewer lie above than the order statistic allows for; its place is what bounds.
        high=clopper_pearson(place - 1, n, level=level).high, level=level, scores=found,
    )  # fmt: skip


def _place(n: int, rate: float, confidence: float | None) -> int:
    """Which of n scores, from the highest, is the threshold; at least 1."""
    most = math.floor((n + 1) * rate * (1 + 1e-12))
    if confidence is None:
        return most
    # The rate above the mth highest of n is at most (in law) Beta(m, n + 1 − m).
    low, high = 1, max(n, 1)
    while low < high:
        middle = (low + high + 1) // 2
        if betainc(middle, n + 1 - middle, rate) >= confidence:
            low = middle
        else:
            high = middle - 1
    return low


def documents_needed(rate: float, confidence: float | None = None) -> int:
    """How many clean documents a claim takes if none of them may be above the threshold.

    Without a confidence 1 / rate − 1; with 95 % the rule of three: about 3 / rate, so that 10
    false positives per million documents take 299,572 clean ones.
    """
    if confidence is None:
        return math.ceil(1 / rate * (1 - 1e-12)) - 1
    return math.ceil(math.log1p(-confidence) / math.log1p(-rate) * (1 - 1e-12))
