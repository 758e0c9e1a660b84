"""How far does the posterior mean lie from the mode? The first correction to Laplace's method."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_solve

from calibrant.priorities.model.field import Expansion, Field, Step, limits
from calibrant.stats.ordinal.likelihood import slopes

Floats = NDArray[np.float64]


def shift(field: Field, e: Expansion, found: Step) -> tuple[Floats, Floats]:
    """How far the posterior mean lies from the mode, to first order: field and severities.

    Half the inverse curvature times the third derivatives contracted with it (Tierney, Kass and
    Kadane, JASA 84 (1989) 710).
    """
    sigma = cho_solve((found.root, True), np.eye(field.size))
    raters = found.inverse
    # Covariance of severities with the field: minus inverse × cross × sigma.
    f_slope = np.zeros(field.size)
    b_slope = np.zeros_like(e.b)
    through = [e.cross[p] @ sigma[field.blocks[p]] for p in range(field.questions)]
    for q, a in enumerate(field.layout.answers):
        k, own = field.steps[q], field.own
        mixed = -sum(raters[:, q, p, None] * through[p] for p in range(field.questions))
        own_var = raters[:, q, q].copy()
        for p in range(field.questions):
            own_var -= raters[:, q, p] * (e.cross[p] * mixed[:, field.blocks[p]]).sum(axis=1)
        start = field.blocks[q].start
        up = np.minimum(a.value, k - 1) + start
        low = np.maximum(a.value - 1, 0) + start
        score = start + k + own + a.area
        r = a.respondent
        # Variance of the centre: score + own + severity.
        centre = sigma[score, score] + own_var[r] + 2 * mixed[r, score]
        with_up = sigma[up, score] + mixed[r, up]
        with_low = sigma[low, score] + mixed[r, low]
        if own:
            d = start + k
            centre += a.own * (sigma[d, d] + 2 * sigma[d, score] + 2 * mixed[r, d])
            with_up += a.own * sigma[d, up]
            with_low += a.own * sigma[d, low]
        uu = sigma[up, up] - 2 * with_up + centre
        ll = sigma[low, low] - 2 * with_low + centre
        ul = sigma[up, low] - with_up - with_low + centre
        s = slopes(*limits(field, q, e.f, e.b), third=True)
        uuu, uul, ull, lll = s.third
        v_up = 0.5 * (uuu * uu + 2 * uul * ul + ull * ll)
        v_low = 0.5 * (uul * uu + 2 * ull * ul + lll * ll)
        total = v_up + v_low
        levels = k + 1
        part = np.zeros(k + own + field.areas)
        part[:k] = np.bincount(a.value, v_up, levels)[:-1] + np.bincount(a.value, v_low, levels)[1:]
        part[k + own :] = -np.bincount(a.area, total, field.areas)
        if own:
            part[k] = -float((total * a.own).sum())
        f_slope[field.blocks[q]] = part
        b_slope[:, q] = -np.bincount(r, total, field.raters)
    return back_solve(field, e, found, f_slope, b_slope)


def back_solve(
    field: Field, e: Expansion, found: Step, f_slope: Floats, b_slope: Floats
) -> tuple[Floats, Floats]:
    """The inverse curvature times a gradient."""
    pulled = np.einsum("rqp,rp->rq", found.inverse, b_slope)
    right = f_slope.copy()
    for q, at in enumerate(field.blocks):
        right[at] -= e.cross[q].T @ pulled[:, q]
    move = cho_solve((found.root, True), right)
    back = b_slope.copy()
    for q, at in enumerate(field.blocks):
        back[:, q] -= e.cross[q] @ move[at]
    return move, np.einsum("rqp,rp->rq", found.inverse, back)
