"""How able is each subject, by its answers to calibrated items?"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from calibrant._figure import shorten
from calibrant.errors import InputError
from calibrant.quality.bank import Bank, Floats
from calibrant.quality.scoring.fit import person_fit
from calibrant.quality.scoring.grids import moments, peaks, quantiles, zoom
from calibrant.quality.scoring.kernel import Kernel, answer_weights, answered_of, kernel
from calibrant.quality.scoring.result import METHODS, Method, Scores
from calibrant.quality.scoring.total import whole_score
from calibrant.quality.scoring.warm import bonus_of, surprise_interval, weighted_likelihood
from calibrant.stats.comparisons.multiplicity import adjust

_CELLS = 20_000_000
ALPHA = 0.05
"""The share of false findings allowed among subjects said to be aberrant."""


def score_bank(
    bank: Bank,
    scores: Floats,
    method: Method = "eap",
    level: float = 0.95,
    *,
    uncertainty: bool = True,
    details: bool = True,
    fractional: str = "refuse",
    subjects: Sequence[str] | None = None,
    grid: Kernel | None = None,
) -> Scores:
    """Ability of each subject with an interval.

    - "eap", "map": mean and mode of the posterior under a normal ability with the bank's mean and
      sd; the interval holds the middle of the posterior. On average over such subjects it covers
      as told; for one far from the mean it is drawn inward, the more so the fewer the items.
    - "wle": Warm's weighted likelihood (Psychometrika 54 (1989) 427), without a prior; the interval
      holds the abilities at which the answers are not surprising, and is infinite on a side on
      which they know no end. It covers as told at every ability, for few items too.

    Args:
        bank: calibrated items.
        scores: shape (subjects, items), NaN where there is none.
        uncertainty: carry the error of the items' parameters, where the bank tells it.
        details: also find how answers go together, and the score on the whole bank.
        fractional: see `answer_weights`.
        subjects: names.
        grid: `kernel(bank)`, where it was made before.

    Raises:
        InputError: for an unknown method, a level outside 0–1, scores that do not fit the bank.
    """
    if method not in METHODS:
        raise InputError(f"method: wanted one of {', '.join(METHODS)}, got {method!r}")
    if not 0 < level < 1:
        raise InputError(f"level: wanted strictly between 0 and 1, got {level!r}")
    weights = answer_weights(bank, scores, fractional=fractional)
    names = tuple(subjects) if subjects is not None else _numbered(len(weights))
    if len(names) != len(weights):
        raise InputError(f"subjects: wanted {len(weights)} names, got {len(names)}")
    ready = grid if grid is not None else kernel(bank, uncertainty=uncertainty)
    rows = max(1, _CELLS // ready.theta.size)
    parts = [
        _few(bank, ready, weights[i : i + rows], method, level, details)
        for i in range(0, len(weights), rows)
    ] or [np.zeros((7, 0))]
    ability, error, low, high, *whole = np.concatenate(parts, axis=1)
    answered = answered_of(weights).sum(axis=1).astype(np.int64)
    unknown = np.full(len(weights), np.nan)
    fit, fit_p = unknown, unknown
    if details:
        fit, fit_p = person_fit(bank, weights, ability, uncertainty=uncertainty)
    aberrant = np.zeros(len(weights), np.bool_)
    tested = np.isfinite(fit_p)
    if tested.any():
        aberrant[tested] = adjust(np.minimum(fit_p[tested], 1.0), "benjamini-hochberg") <= ALPHA
    worth = np.where(np.isnan(bank.values), 0.0, bank.values)
    seen = np.einsum("sjc,jc->s", weights, worth)
    return Scores(
        names, method, level, ability, error, low, high, answered,
        np.divide(seen, answered, out=unknown.copy(), where=answered > 0),
        whole[0], whole[1], whole[2], fit, fit_p, aberrant, _notes(bank, weights, names, method),
    )  # fmt: skip


def _few(
    bank: Bank, grid: Kernel, weights: Floats, method: Method, level: float, details: bool
) -> Floats:
    """Shape (7, subjects): ability, standard error, low, high; score on all items, low, high."""
    log_likelihood = grid.log_likelihood(weights)
    if method == "wle":
        log_density = log_likelihood + bonus_of(grid, weights)
        found = weighted_likelihood(grid, weights, log_density)
        limits = surprise_interval(bank, grid, weights, log_likelihood, level)
    else:
        log_density = log_likelihood + grid.log_prior
        x, y = zoom(grid.theta, log_density)
        ability, error = moments(x, y)
        if method == "map":
            ability, bend = peaks(x, y)
            error = 1.0 / np.sqrt(np.maximum(-bend, 1e-12))
        tail = (1.0 - level) / 2
        found = np.stack([ability, error])
        limits = np.stack([quantiles(x, y, tail), quantiles(x, y, 1 - tail)])
    whole = np.full((3, len(weights)), np.nan)
    if details:
        whole = whole_score(bank, grid, log_density, weights, level)
    return np.concatenate([found, limits, whole])


def _notes(bank: Bank, weights: Floats, names: tuple[str, ...], method: Method) -> tuple[str, ...]:
    """Who answered nothing, or so that there is no end to its ability."""
    notes = []
    empty = np.flatnonzero(weights.sum(axis=(1, 2)) == 0)
    if empty.size:
        what = "what is known is the prior" if method != "wle" else "nothing is known"
        notes.append(f"no item answered by {_named(names, empty)}: {what}")
    sign = bank.discrimination[None, :] < 0
    last = np.take_along_axis(
        weights, np.broadcast_to((bank.categories - 1)[None, :, None], (*weights.shape[:2], 1)), 2
    )[:, :, 0]
    first = weights[:, :, 0]
    none = answered_of(weights) == 0
    for text, best, worst in (("best", last, first), ("worst", first, last)):
        extreme = (none | (np.where(sign, worst, best) == 1)).sum(axis=1) == len(bank.items)
        extreme &= ~np.isin(np.arange(len(names)), empty)
        if extreme.any():
            notes.append(
                f"every answer is the {text} for {_named(names, np.flatnonzero(extreme))}: the "
                "items set no limit on that side"
            )
    if method == "wle" and (bank.discrimination == 0).all():
        notes.append("no item tells abilities apart")
    return tuple(notes)


def _named(names: tuple[str, ...], which: NDArray[np.int64]) -> str:
    said = ", ".join(shorten(names[int(i)], 60) for i in which[:3])
    return said if which.size <= 3 else f"{said} and {which.size - 3} more"


def _numbered(size: int) -> tuple[str, ...]:
    return tuple(f"subject {i + 1}" for i in range(size))
