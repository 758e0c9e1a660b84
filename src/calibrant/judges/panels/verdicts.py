"""What do the panel, the majority or a judge say of an item, and how sure are they?"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from calibrant.judges.panels.combine import FOLDS, Combination, folds, learn, majority
from calibrant.judges.panels.reading import Sheet

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def judged(
    s: Sheet, who: str, taught: Ints, rows: Ints, *, inside: bool, seed: int
) -> tuple[Ints, Floats]:
    """Verdicts and confidences of the panel, the majority or a judge; -1 and NaN for none.

    Args:
        taught: items that weights may be learned from.
        rows: items to judge.
        inside: whether `rows` are `taught` itself: then verdicts are cross-fitted, with the
            confidences of the rule that all of them teach, which is the one thresholds are for.
    """
    if who in s.confidence:
        label, sure = s.labels[rows, s.judges.index(who)], s.confidence[who][rows]
        none = (label < 0) | np.isnan(sure)
        return np.where(none, -1, label), np.where(none, np.nan, sure)
    columns = [s.judges.index(who)] if who in s.judges else list(range(len(s.judges)))
    return combined(s, columns, taught, rows, by_vote=who == "majority", inside=inside, seed=seed)


def combined(
    s: Sheet,
    columns: Sequence[int],
    taught: Ints,
    rows: Ints,
    *,
    by_vote: bool,
    inside: bool,
    seed: int,
) -> tuple[Ints, Floats]:
    """As `judged`, of some judges' labels alone."""
    labels, k = s.labels[:, list(columns)], len(s.classes)
    verdict, sure = np.full(rows.size, -1), np.full(rows.size, np.nan)

    def fill(found: Combination, at: NDArray[np.bool_]) -> None:
        some = at & (labels[rows] >= 0).any(axis=1)
        if by_vote:
            verdict[some], sure[some] = majority(labels[rows[some]], found.prior)
            return
        chances = found.chances(labels[rows[some]])
        verdict[some], sure[some] = chances.argmax(axis=1), chances.max(axis=1)

    every = np.ones(rows.size, bool)
    if not inside:
        fill(learn(labels[taught], s.gold[taught], k), every)
        return verdict, sure
    fill(learn(labels[rows], s.gold[rows], k), every)
    whole = sure.copy()
    rng = np.random.default_rng(np.random.SeedSequence([seed, 2]))
    fold = folds(rows.size, None if s.cluster is None else s.cluster[rows], FOLDS, rng)
    for f in range(int(fold.max()) + 1):
        rest = rows[fold != f]
        fill(learn(labels[rest], s.gold[rest], k), fold == f)
    return verdict, whole
