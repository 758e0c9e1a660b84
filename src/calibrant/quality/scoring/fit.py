"""Do a subject's answers go together? Not if it succeeds on hard items and fails easy ones."""

from __future__ import annotations

import numpy as np

from calibrant.quality.bank import Bank, Floats
from calibrant.quality.scoring.curves import curves
from calibrant.quality.scoring.kernel import answered_of
from calibrant.quality.scoring.tails import upper_tail

_CELLS = 4_000_000


def person_fit(
    bank: Bank, weights: Floats, ability: Floats, *, uncertainty: bool = True
) -> tuple[Floats, Floats]:
    """The standardised log-likelihood of each subject's answers, and how surprising it is.

    l*z of Snijders (Psychometrika 66 (2001) 331), for graded items too (Sinharay, Psychometrika
    81 (2016) 992): the log-likelihood less what is due to the ability having been estimated from
    the same answers. The p-value is its lower tail by saddlepoint, as for few items it is far from
    normal.

    Args:
        weights: shape (subjects, items, categories), see `answer_weights`.
        ability: shape (subjects,), estimates from these answers.

    Returns:
        l*z and p, shape (subjects,) each; NaN where the answers cannot misfit, as with one item,
        or items of one difficulty.
    """
    z, p = np.full(len(weights), np.nan), np.full(len(weights), np.nan)
    cells = weights.shape[1] * weights.shape[2]
    rows = max(1, _CELLS // max(cells, 1))
    for start in range(0, len(weights), rows):
        part = np.arange(start, min(start + rows, len(weights)))
        part = part[np.isfinite(ability[part])]
        if part.size:
            z[part], p[part] = _few(bank, weights[part], ability[part], uncertainty)
    return z, p


def _few(bank: Bank, weights: Floats, ability: Floats, uncertainty: bool) -> tuple[Floats, Floats]:
    at = curves(bank, ability, uncertainty=uncertainty)
    answered = answered_of(weights)[:, :, None]
    log_p = np.where(at.p > 0, at.log_p, 0.0)
    slope = at.slope
    information = np.einsum("sj,sj->s", at.information, answered[:, :, 0])
    shared = np.einsum("sjc,sjc->s", at.rise * answered, log_p)
    c = np.divide(shared, information, out=np.zeros_like(shared), where=information > 0)
    w = (log_p - c[:, None, None] * slope) * answered
    mean = np.einsum("sjc,sjc->sj", at.p, w)
    spread = np.einsum("sjc,sjc->sj", at.p, (w - mean[:, :, None]) ** 2).sum(axis=1)
    plain = np.einsum("sjc,sjc->sj", at.p * answered, log_p**2).sum(axis=1)
    seen = np.einsum("sjc,sjc->s", w, weights)
    known = np.asarray(spread > 1e-6 * np.maximum(plain, 1e-300)) & (answered.sum(axis=(1, 2)) > 1)
    z, p = np.full(len(w), np.nan), np.full(len(w), np.nan)
    z[known] = (seen - mean.sum(axis=1))[known] / np.sqrt(spread[known])
    bottom = np.where(at.p > 0, w, np.inf).min(axis=2).sum(axis=1)
    top = np.where(at.p > 0, w, -np.inf).max(axis=2).sum(axis=1)
    slack: Floats = 1e-9 * np.maximum(top - bottom, 1e-300)
    held = np.clip(seen, bottom + slack, top - slack)
    tail, _ = upper_tail(at.p[known], -w[known], -held[known])
    atom = np.exp(np.einsum("sjc,sjc->s", weights, log_p))[known]
    lowest = (seen <= bottom + slack)[known]
    p[known] = np.where(lowest, atom, np.minimum(tail + atom / 2, 1.0))
    return z, p
