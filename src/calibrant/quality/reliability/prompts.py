"""How would one subject do under every prompt, where only some cells were run?

The multi-prompt model of Maia Polo et al. (PromptEval, NeurIPS 2024) in its plain form: the
log-odds of success is a sum of what the prompt and what the item adds. Strength is borrowed over
items and prompts; cells that were run keep their scores.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import cho_factor, cho_solve, solve_triangular
from scipy.special import expit, log_expit, logit

from calibrant.errors import InputError
from calibrant.quality.reliability.coefficients import Floats

PROMPT_SD = np.geomspace(0.03, 3.0, 12)
ITEM_SD = np.geomspace(0.1, 6.0, 10)
"""Spreads of log-odds that are weighed against each other."""

STEPS = 30


@dataclass(frozen=True, eq=False)
class Mode:
    """What is most likely at given spreads, with a normal approximation about it.

    Attributes:
        prompts, items: shape (prompts,) and (items,), log-odds; the overall level is in `prompts`.
        factor: lower Cholesky factor of the precision of (level, prompts' deviations).
        cross, own: precision between those and the items, and of the items alone.
        evidence: log marginal likelihood, up to a constant.
    """

    prompts: Floats
    items: Floats
    factor: Floats
    cross: Floats
    own: Floats
    evidence: float


@dataclass(frozen=True, eq=False)
class PromptModel:
    """Modes at several spreads of the prompts, with their weights.

    Attributes:
        modes, weights: weights sum to 1; the prior of the prompts' spread is half Cauchy.
        prompt_sd, item_sd: of log-odds; the first is its mean over the weights.
        dispersion: variance of a score over that of 0 and 1 with the same mean.
    """

    modes: tuple[Mode, ...]
    weights: Floats
    prompt_sd: float
    item_sd: float
    dispersion: float


def fit_prompts(y: Floats) -> PromptModel:
    """Fit by Laplace's approximation, the prompts' spread integrated out over a grid.

    A single best spread would make quantiles look far surer than they are where prompts are few
    or thinly run.

    Args:
        y: shape (prompts, items), scores in 0–1, NaN where there is none.

    Raises:
        InputError: for fewer than 2 prompts, or a prompt or an item without a score.
    """
    there = ~np.isnan(y)
    if y.shape[0] < 2 or not there.any(axis=1).all() or not there.any(axis=0).all():
        raise InputError("prompts: wanted at least 2, each prompt and each item with a score")
    seen = np.where(there, y, 0.0)
    phi = 1.0
    if ((seen > 0) & (seen < 1)).any():
        mode = _mode(seen, there, 0.3, 1.0, 1.0, None)
        p = expit(mode.prompts[:, None] + mode.items)
        inside = float(np.where(there, p * (1 - p), 0.0).sum())
        errors = float((np.where(there, seen - p, 0.0) ** 2).sum())
        phi = min(max(errors / max(inside, 1e-12), 1e-3), 1.0)
    start: Mode | None = None
    over_items = []
    for sd in ITEM_SD:
        start = _mode(seen, there, 0.3, float(sd), phi, start)
        over_items.append(start.evidence)
    item_sd = float(ITEM_SD[int(np.argmax(over_items))])
    start, modes = None, []
    for sd in PROMPT_SD:
        start = _mode(seen, there, float(sd), item_sd, phi, start)
        modes.append(start)
    # The grid is even in log sd, so the prior's density is times sd.
    prior = np.log(PROMPT_SD) - np.log1p(PROMPT_SD**2)
    logs = np.array([m.evidence for m in modes]) + prior
    weights = np.exp(logs - logs.max())
    weights /= weights.sum()
    return PromptModel(tuple(modes), weights, float(weights @ PROMPT_SD), item_sd, phi)


def _mode(
    seen: Floats,
    there: Floats,
    prompt_sd: float,
    item_sd: float,
    phi: float,
    start: Mode | None,
) -> Mode:
    """Newton's method for the penalised likelihood."""
    tau, omega = prompt_sd**2, item_sd**2
    n = float(there.sum())
    if start is None:
        level = float(logit((seen.sum() + 0.5) / (n + 1.0)))
        theta, beta = np.zeros(seen.shape[0]), np.zeros(seen.shape[1])
    else:
        level = float(start.prompts.mean())
        theta, beta = start.prompts - level, start.items
    for _ in range(STEPS):
        p = expit(level + theta[:, None] + beta)
        w = np.where(there, p * (1 - p), 0.0) / phi
        rest = np.where(there, seen - p, 0.0) / phi
        a = np.diag(np.concatenate([[w.sum() + 1e-8], w.sum(axis=1) + 1 / tau]))
        a[0, 1:] = a[1:, 0] = w.sum(axis=1)
        own = w.sum(axis=0) + 1 / omega
        cross = np.vstack([w.sum(axis=0), w])
        a -= (cross / own) @ cross.T
        factor = cho_factor(a, lower=True, check_finite=False)
        top = np.concatenate([[rest.sum()], rest.sum(axis=1) - theta / tau])
        low = rest.sum(axis=0) - beta / omega
        move = cho_solve(factor, top - cross @ (low / own), check_finite=False)
        other = (low - cross.T @ move) / own
        far = max(float(np.abs(move).max()), float(np.abs(other).max()))
        size = min(1.0, 2.0 / max(far, 1e-12))
        level += size * float(move[0])
        theta, beta = theta + size * move[1:], beta + size * other
        if far < 1e-5:
            break
    z = level + theta[:, None] + beta
    fit = float(np.where(there, seen * z + log_expit(-z), 0.0).sum()) / phi
    penalty = float(theta @ theta) / tau + float(beta @ beta) / omega
    lower = np.tril(factor[0])
    # Half the log determinant of the precision, and of both priors.
    size_of = float(np.log(np.diag(lower)).sum()) + 0.5 * float(np.log(own).sum())
    priors = 0.5 * (theta.size * np.log(tau) + beta.size * np.log(omega))
    return Mode(level + theta, beta, lower, cross, own, fit - penalty / 2 - size_of - priors)


def draw_means(y: Floats, model: PromptModel, draws: int, rng: np.random.Generator) -> Floats:
    """Shape (draws, prompts): each prompt's mean over all items, its missing cells filled in.

    Each draw takes a spread by its weight and parameters from the normal approximation there,
    then the sum of the missing cells of each prompt as normal with the binomial variance, kept
    within what it can be.
    """
    missing = np.isnan(y)
    base = np.where(missing, 0.0, y).sum(axis=1)
    lacking = missing.sum(axis=1)
    if not lacking.any():
        return np.tile(base / y.shape[1], (draws, 1))
    found = np.empty((draws, y.shape[0]))
    chosen = rng.choice(len(model.modes), size=draws, p=model.weights)
    for d, at in enumerate(chosen):
        mode = model.modes[at]
        z = rng.standard_normal(mode.factor.shape[0])
        head = solve_triangular(mode.factor.T, z, lower=False, check_finite=False)
        items = mode.items - (mode.cross.T @ head) / mode.own
        items = items + rng.standard_normal(items.size) / np.sqrt(mode.own)
        p = expit((mode.prompts + head[0] + head[1:])[:, None] + items)
        whole = np.where(missing, p, 0.0).sum(axis=1)
        spread = model.dispersion * np.where(missing, p * (1 - p), 0.0).sum(axis=1)
        filled = whole + np.sqrt(spread) * rng.standard_normal(whole.size)
        found[d] = base + np.clip(filled, 0.0, lacking)
    found /= y.shape[1]
    return found
