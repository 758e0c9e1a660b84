"""A shorter test tried out on people who had no part in making it: whole families held out."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from calibrant.quality.shorter.evidence import Evidence
from calibrant.quality.shorter.factors import Factors
from calibrant.quality.shorter.forms import Formula, formula_of
from calibrant.quality.shorter.posterior import Posterior, cloud_of, posterior_of

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

FOLDS = 10
LENGTHS = (*range(1, 13), 14, 16, 18, 20, 22, 25, 30, 40, 50, 70, 100, 140, 200)
"""Where a trial looks; items between two looks are chosen at once."""


def folds_of(family: Ints, folds: int = FOLDS) -> Ints:
    """Shape (subjects,): the fold of each subject; families stay together, large ones first."""
    count = np.bincount(family)
    fold_of = np.zeros(len(count), np.int64)
    load = np.zeros(min(folds, int((count > 0).sum())), np.int64)
    for f in np.argsort(-count, kind="stable"):
        fold_of[f] = int(np.argmin(load))
        load[fold_of[f]] += count[f]
    return fold_of[family]


def lengths_of(items: int) -> Ints:
    """Numbers of items at which a trial looks."""
    return np.array([n for n in LENGTHS if n < items] + [items] * (items <= LENGTHS[-1]), np.int64)


def try_out(
    scores: Floats,
    worth: Floats,
    family: Ints,
    fit: Callable[[Floats, NDArray[np.bool_]], Factors],
    *,
    form: Callable[[Factors, NDArray[np.bool_], int], Ints] | None = None,
    seed: int = 0,
    tick: Callable[[float], None] | None = None,
) -> Evidence:
    """Predict each subject's full score by a model fitted without its family, at many lengths.

    A subject's full score is that of the items it has scores on; only those can be asked.

    Args:
        scores: shape (subjects, items), 0–1, NaN where there is none.
        worth: shape (items,), sums to 1.
        family: shape (subjects,).
        fit: makes factors of some subjects' scores on the items that are marked.
        form: orders the items that are marked for a fixed form of some length, to be tried too:
            scored by the model ("form") and by hand ("by hand").
        seed: of the random orders.
        tick: called after every subject with the share that is done.
    """
    rng = np.random.default_rng(seed)
    seen = ~np.isnan(scores)
    lengths = lengths_of(int(seen.sum(axis=1).min()))
    modelled = ("target", "random") if form is None else ("target", "random", "form", "by hand")
    shape = (len(scores), len(lengths))
    errors = {name: np.zeros(shape) for name in (*modelled, "random sample", "average")}
    ratios = {name: np.zeros(shape) for name in modelled}
    fold, full = folds_of(family), full_scores(scores, worth)
    orders = [rng.permutation(scores.shape[1]) for _ in scores]
    done = 0
    for f in range(int(fold.max()) + 1):
        kept = fold != f
        some = seen[kept].any(axis=0)
        number = np.cumsum(some) - 1
        factors = fit(scores[np.ix_(kept, some)], some)
        fixed = None if form is None else form(factors, some, int(lengths[-1]))
        formulas: dict[bytes, Formula] = {}
        for i in np.flatnonzero(~kept):
            walk = Walk(factors, scores[i, some], np.where(seen[i], worth, 0.0)[some], formulas)
            order = orders[i][seen[i, orders[i]]]
            drawn = number[order[some[order]]]
            found = {"target": walk.adapted(lengths), "random": walk.in_order(drawn, lengths)}
            if fixed is not None:
                found["form"] = walk.in_order(fixed, lengths)
                found["by hand"] = walk.by_hand(fixed, lengths)
            for name, (off, ratio) in found.items():
                errors[name][i], ratios[name][i] = off, ratio
            means = np.cumsum((scores[i] * worth)[order]) / np.cumsum(worth[order])
            errors["random sample"][i] = means[lengths - 1] - full[i]
            errors["average"][i] = float(full[kept].mean()) - full[i]
            done += 1
            if tick is not None:
                tick(done / len(scores))
    errors["random + model"] = errors["random"]
    # As they are kept in files, so that a file makes the same intervals.
    return Evidence(
        lengths, {k: np.round(v, 5) for k, v in errors.items()},
        {k: np.round(v, 4) for k, v in ratios.items()}, family,
    )  # fmt: skip


def full_scores(scores: Floats, worth: Floats) -> Floats:
    """Shape (subjects,): weighted means over the items that each subject has scores on."""
    seen = ~np.isnan(scores)
    total: Floats = np.where(seen, scores, 0.0) @ worth / (seen @ worth)
    return total


class Walk:
    """One held-out subject asked item after item.

    Args:
        factors: of items, fitted without the subject's family.
        answers: shape (items,), NaN for items that cannot be asked.
        worth: shape (items,), 0 for those.
        formulas: those of forms met before, for subjects with the same items.
    """

    def __init__(
        self, factors: Factors, answers: Floats, worth: Floats, formulas: dict[bytes, Formula]
    ) -> None:
        self.factors, self.answers, self.formulas = factors, answers, formulas
        self.worth = worth / worth.sum()
        self.cloud = cloud_of(factors)
        self.closed = np.isnan(answers)
        self.truth = float(np.where(self.closed, 0.0, answers) @ self.worth)

    def posterior(self, asked: Ints) -> Posterior:
        """What the answers to some items say."""
        asked = np.sort(asked)
        return posterior_of(self.factors, self.cloud, self.worth, asked, self.answers[asked])

    def adapted(self, lengths: Ints) -> tuple[Floats, Floats]:
        """Errors and their ratios to the model's standard error when items are chosen."""
        asked = np.zeros(0, np.int64)
        errors, ratios = np.zeros(len(lengths)), np.zeros(len(lengths))
        now = self.posterior(asked)
        for step, length in enumerate(lengths):
            gains = now.gains(np.zeros(0, np.int64))
            gains[self.closed] = -2.0
            best = np.argsort(-gains, kind="stable")[: length - len(asked)]
            asked = np.concatenate([asked, best])
            now = self.posterior(asked)
            errors[step], ratios[step] = self._off(now)
        return errors, ratios

    def in_order(self, order: Ints, lengths: Ints) -> tuple[Floats, Floats]:
        """The same when the order of items was fixed; items that cannot be asked are skipped."""
        order = order[~self.closed[order]]
        found = [self._off(self.posterior(order[:length])) for length in lengths]
        return np.array([e for e, _ in found]), np.array([r for _, r in found])

    def by_hand(self, order: Ints, lengths: Ints) -> tuple[Floats, Floats]:
        """The same by the formulas of forms."""
        order = order[~self.closed[order]]
        errors, ratios = np.zeros(len(lengths)), np.zeros(len(lengths))
        for step, length in enumerate(lengths):
            items = order[:length]
            key = items.tobytes() + self.closed.tobytes()
            if key not in self.formulas:
                self.formulas[key] = formula_of(self.factors, self.cloud, self.worth, items)
            formula = self.formulas[key]
            value = formula.intercept + float(formula.weights @ self.answers[items])
            errors[step] = min(max(value, 0.0), 1.0) - self.truth
            ratios[step] = errors[step] / formula.error if formula.error > 0 else 0.0
        return errors, ratios

    def _off(self, now: Posterior) -> tuple[float, float]:
        error = now.value - self.truth
        spread = float(np.sqrt(now.variance))
        return error, error / spread if spread > 0 and not now.answered.all() else 0.0


def default_dimensions(subjects: int) -> int:
    """Numbers that describe a subject: 3, fewer where subjects are few."""
    return max(1, min(3, (subjects - 4) // 8))
