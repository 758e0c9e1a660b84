"""What does each prompt say about best-of-n, where some golds or judge scores are missing?

A missing gold score is replaced by what other prompts predict from the judge's score, and the
labelled answers correct that prediction with weights that are the inverse of their chance of a
label: unbiased whatever the prediction is worth (Cassel, Särndal and Wretman, Biometrika 63
(1976) 615; the same as prediction-powered inference).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from calibrant.errors import InputError
from calibrant.judges.pressure.floors import Floors, floors
from calibrant.judges.pressure.order import best_of, rank_weights
from calibrant.judges.pressure.table import Answers, Failed

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Labelled = Literal["all", "random"]

_FOLDS = 5


@dataclass(frozen=True, eq=False)
class Sampled:
    """Prompts with enough answers, ready for `best_of`.

    Attributes:
        judge, gold: one array a prompt, as long as it has scored answers; `gold` is corrected
            for answers without a label.
        raw: one array a prompt: the gold scores as given, nan where there is none.
        failed: answers of each prompt that the judge could not score.
        range: of the gold scores that can occur.
        left_out: prompts with too few answers, or without any label.
    """

    judge: tuple[Floats, ...]
    gold: tuple[Floats, ...]
    raw: tuple[Floats, ...]
    failed: Ints
    range: tuple[float, float]
    left_out: int

    @property
    def sizes(self) -> Ints:
        """Answers of each prompt."""
        return np.array([row.size for row in self.judge], dtype=np.int64)

    def curves(self, n: Ints, what: Literal["judge", "gold", "low", "high"]) -> Floats:
        """Mean of the answer that the judge picks among n, shape (prompts, k)."""
        rows = {
            "judge": self.judge,
            "gold": self.gold,
            "low": self._filled(self.range[0]),
            "high": self._filled(self.range[1]),
        }[what]
        found = np.empty((len(rows), n.size))
        for size, members in self._alike():
            score = np.stack([self.judge[i] for i in members])
            found[members] = best_of(score, np.stack([rows[i] for i in members]), n)
            if what in ("low", "high"):
                self._or_failed(found, members, size, n, self.range[what == "high"])
        # Values that are equal must be so to the last digit, or rounding would look like a trend.
        scale = float(np.abs(found).max()) or 1.0
        return np.asarray(np.round(found / scale, 12) * scale)

    def floors(self, n: Ints) -> Floors:
        """What chance adds to the curves of gold."""
        return floors(self.judge, self.gold, n)

    def _filled(self, value: float) -> tuple[Floats, ...]:
        return tuple(np.where(np.isnan(gold), value, gold) for gold in self.raw)

    def _or_failed(self, found: Floats, members: Ints, size: int, n: Ints, end: float) -> None:
        """A choice among n that met a failed answer may have gone anywhere."""
        for i in members:
            if self.failed[i]:
                clean = _clean(size, int(self.failed[i]), n)
                found[i] = clean * found[i] + (1 - clean) * end

    def _alike(self) -> Iterator[tuple[int, Ints]]:
        sizes = self.sizes
        for size in np.unique(sizes):
            yield int(size), np.flatnonzero(sizes == size)


def _clean(size: int, failed: int, n: Ints) -> Floats:
    """The chance that n of `size` + `failed` answers are all among the `size`."""
    whole = size + failed
    # All n lie among the first `size` ranks exactly if the largest rank does.
    return np.asarray(rank_weights(whole, n)[:, :size].sum(axis=1))


def sampled(
    answers: Answers,
    *,
    most: int | None,
    labelled: Labelled | None,
    failed: Failed,
    span: tuple[float, float] | None,
) -> Sampled:
    """Answers of prompts that have at least `most` of them.

    Raises:
        InputError: where golds are missing and it is not said how labels were chosen; for no
            prompts that are left; for a `gold` outside `span`.
    """
    lacking = np.isnan(answers.gold)
    given = bool((answers.chance < 1).any())
    if lacking.any() and labelled != "random" and not given:
        raise InputError(
            f"gold: {int(lacking.sum()):,} of {answers.rows:,} answers have none; say that the "
            "labelled ones were drawn at random (labelled='random'), or give the column with each "
            "answer's chance of a label"
        )
    if lacking.all():
        raise InputError("gold: wanted at least one gold score, got none")
    ends = float(np.nanmin(answers.gold)), float(np.nanmax(answers.gold))
    if span is not None and not span[0] <= ends[0] <= ends[1] <= span[1]:
        raise InputError(
            f"gold: wanted scores in {span[0]:g}–{span[1]:g}, got {ends[0]:g} to {ends[1]:g}"
        )
    ends = span or ends
    score = answers.judge
    bad = np.isnan(score)
    if failed == "last" and bad.any():
        score = np.where(bad, np.nanmin(score) - 1 if not bad.all() else 0.0, score)
        bad = np.zeros(bad.size, dtype=bool)
    chance = answers.chance
    if labelled == "random" and not given:
        many = np.bincount(answers.of[~bad], minlength=len(answers.items))
        have = np.bincount(answers.of[~bad & ~lacking], minlength=len(answers.items))
        chance = np.where(have > 0, have / np.maximum(many, 1), 1.0)[answers.of]
    return _collect(answers, score, bad, chance, ends, most)


def _collect(
    answers: Answers,
    score: Floats,
    bad: NDArray[np.bool_],
    chance: Floats,
    ends: tuple[float, float],
    most: int | None,
) -> Sampled:
    lacking = np.isnan(answers.gold)
    bounds = np.searchsorted(answers.of, np.arange(len(answers.items) + 1))
    known = ~lacking
    use = known & ~bad
    gold = _corrected(answers, score, use, chance) if lacking.any() else answers.gold
    kept: list[NDArray[np.int64]] = []
    failed, left_out = [], 0
    for i in range(len(answers.items)):
        rows = np.arange(bounds[i], bounds[i + 1])
        good = rows[~bad[rows]]
        if good.size < (most or 1) or not known[good].any():
            left_out += 1
            continue
        kept.append(good)
        failed.append(rows.size - good.size)
    if not kept:
        raise InputError(f"prompts: none has {most or 1} answers with a judge score and a label")
    return Sampled(
        tuple(score[r] for r in kept), tuple(gold[r] for r in kept),
        tuple(answers.gold[r] for r in kept), np.array(failed, dtype=np.int64), ends, left_out,
    )  # fmt: skip


def _corrected(answers: Answers, score: Floats, use: NDArray[np.bool_], chance: Floats) -> Floats:
    """Predicted gold, plus the inverse-probability correction where there is a label."""
    fold = answers.of % min(_FOLDS, len(answers.items))
    predicted = np.zeros(score.size)
    for k in np.unique(fold):
        there, other = fold == k, use & (fold != k)
        if not other.any():
            continue
        x, y, w = score[other], answers.gold[other], 1 / chance[other]
        middle, mean = np.average(x, weights=w), np.average(y, weights=w)
        spread = np.average((x - middle) ** 2, weights=w)
        slope = np.average((x - middle) * (y - mean), weights=w) / spread if spread > 0 else 0.0
        predicted[there] = mean + slope * (np.where(np.isnan(score), middle, score)[there] - middle)
    gold = np.where(use, answers.gold, 0.0)
    return np.asarray(predicted + np.where(use, (gold - predicted) / chance, 0.0))
