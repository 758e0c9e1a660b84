"""Logistic regressions of many items at once, with estimates that exist even where groups separate.

Firth's penalty (Biometrika 80 (1993) 27) takes the leading bias away and keeps estimates finite;
Heinze and Schemper (Stat. Med. 21 (2002) 2409) test by the penalised likelihood ratio, whose
size holds in small samples where Wald's test fails.
"""

from __future__ import annotations

import numpy as np
from scipy.special import expit

from calibrant.quality.bank import Floats

_STEPS = 60


def firth(x: Floats, y: Floats, weight: Floats, free: list[int]) -> tuple[Floats, Floats, Floats]:
    """Penalised fits with some coefficients held at 0.

    Args:
        x: shape (items, subjects, terms).
        y: shape (items, subjects), in 0–1; anything where the weight is 0.
        weight: shape (items, subjects), 1 for an answer, 0 for none.
        free: terms that are estimated; the penalty is that of all terms in any case.

    Returns:
        Coefficients, shape (items, terms); penalised log-likelihoods, shape (items,); covariances,
        shape (items, terms, terms), of all terms at the fit.
    """
    items, _, terms = x.shape
    beta = np.zeros((items, terms))
    value, score, information = _at(x, y, weight, beta)
    active = np.arange(items)
    for _ in range(_STEPS):
        some = np.ix_(active, np.array(free), np.array(free))
        solved = np.linalg.solve(information[some], score[active][:, free][..., None])[..., 0]
        size = np.abs(solved).max(axis=1)
        step = np.zeros((active.size, terms))
        step[:, free] = solved * np.minimum(1.0, 2.0 / np.maximum(size, 1e-12))[:, None]
        scale = np.ones(active.size)
        for _ in range(12):
            tried = beta[active] + scale[:, None] * step
            new = _at(x[active], y[active], weight[active], tried)
            worse = new[0] < value[active] - 1e-10
            if not worse.any():
                break
            scale[worse] /= 2
        beta[active], value[active] = tried, new[0]
        score[active], information[active] = new[1], new[2]
        active = active[size > 1e-7]
        if not active.size:
            break
    return beta, value, np.asarray(np.linalg.inv(information), np.float64)


def _at(x: Floats, y: Floats, weight: Floats, beta: Floats) -> tuple[Floats, Floats, Floats]:
    """Penalised log-likelihood, its modified score and the information."""
    eta = np.einsum("jnt,jt->jn", x, beta)
    p = expit(eta)
    spread = np.maximum(weight * p * (1 - p), 1e-12 * weight)
    information = np.einsum("jnt,jn,jnu->jtu", x, spread, x, optimize=True)
    information += 1e-9 * np.eye(x.shape[2])
    solved = np.linalg.solve(information, x.transpose(0, 2, 1))
    leverage = spread * np.einsum("jnt,jtn->jn", x, solved)
    log_likelihood = (weight * (y * eta - np.logaddexp(0.0, eta))).sum(axis=1)
    value = log_likelihood + 0.5 * np.linalg.slogdet(information)[1]
    residual = weight * (y - p) + leverage * (0.5 - p)
    return value, np.einsum("jnt,jn->jt", x, residual), information


def log_likelihood(x: Floats, y: Floats, weight: Floats, beta: Floats) -> Floats:
    """Shape (items,): without the penalty."""
    eta = np.einsum("jnt,jt->jn", x, beta)
    found: Floats = (weight * (y * eta - np.logaddexp(0.0, eta))).sum(axis=1)
    return found
