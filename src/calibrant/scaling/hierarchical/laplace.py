"""Which effects explain the scores best, and how sure is that? Normal approximation, SciPy only.

Effects are found by penalised, iteratively reweighted Gauss–Newton steps, and their scales by the
fixed point of MacKay (Neural Computation 4 (1992) 415): a variance is the sum of squares of its
effects over the number of them that the data determine. Noise is Student's t: its weights are
those of the EM algorithm of Lange, Little and Taylor (JASA 84 (1989) 881).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.linalg import cho_factor, cho_solve

from calibrant.errors import UnfitError
from calibrant.scaling.hierarchical.layout import Curve, Floats, Layout, curve
from calibrant.scaling.hierarchical.priors import Priors

STEPS = 200
"""Rounds before the fit is given up."""

STILL = 1e-3
"""The change of log scales at which the fit stands."""

SHARED = ("bend", "family", "growth", "subject")
"""Effects with one scale for all; those of cells and noise have one for each measure."""


@dataclass(frozen=True, repr=False, eq=False)
class Fitted:
    """The effects and their uncertainty, given their scales.

    Attributes:
        effects: shape (effects,); in the order of `Layout.blocks`.
        covariance: shape (effects, effects).
        scales: by kind: SDs of `SHARED` (one each), of "cell" and of "noise" (one a measure).
        freedom: by kind, of the same shapes: degrees of freedom of each variance, prior included.
        rounds: rounds until it stood.
    """

    layout: Layout
    priors: Priors
    effects: Floats
    covariance: Floats
    scales: dict[str, Floats]
    freedom: dict[str, Floats]
    rounds: int


def predictors(at: Layout, effects: Floats) -> tuple[Floats, Floats, Floats]:
    """Ability, predictor and floor of each row: shape (..., rows) for effects (..., effects)."""
    parts = {name: effects[..., s] for name, s in at.starts().items()}
    ability = at.x + np.zeros((*effects.shape[:-1], 1))
    if at.blocks["family"]:
        ability = ability * (1 + parts["growth"][..., at.family]) + parts["family"][..., at.family]
    if at.blocks["subject"]:
        ability = ability + parts["subject"][..., at.subject]
    line = parts["slope"][..., at.measure] + parts["bend"][..., at.measure] * ability
    eta = parts["level"][..., at.measure] + line * ability
    if at.blocks["cell"]:
        eta = eta + parts["cell"][..., at.cell]
    return ability, eta, floors(at, parts["floor"])[..., at.measure]


def floors(at: Layout, found: Floats) -> Floats:
    """The logit of the floor of every measure, -inf where it has none: (..., measures)."""
    every = np.full((*found.shape[:-1], at.measures.size), -np.inf)
    every[..., at.free] = found
    return every


def jacobian(at: Layout, effects: Floats, ability: Floats, here: Curve) -> Floats:
    """Derivatives of each expected score by each effect: shape (rows, effects)."""
    starts, rows = at.starts(), np.arange(at.y.size)
    found = np.zeros((at.y.size, effects.size))
    bend = effects[starts["bend"]][at.measure]
    slope = effects[starts["slope"]][at.measure] + 2 * bend * ability
    found[rows, starts["slope"].start + at.measure] = here.slope * ability
    found[rows, starts["level"].start + at.measure] = here.slope
    found[rows, starts["bend"].start + at.measure] = here.slope * ability**2
    free = at.free[at.measure]
    number = np.cumsum(at.free) - 1
    found[rows[free], starts["floor"].start + number[at.measure[free]]] = here.lift[free]
    if at.blocks["family"]:
        found[rows, starts["family"].start + at.family] = here.slope * slope
        found[rows, starts["growth"].start + at.family] = here.slope * slope * at.x
    if at.blocks["subject"]:
        found[rows, starts["subject"].start + at.subject] = here.slope * slope
    if at.blocks["cell"]:
        found[rows, starts["cell"].start + at.cell] = here.slope
    return found


def start(at: Layout, priors: Priors) -> Floats:
    """Effects to begin with: prior means, and levels at the mean score of each measure."""
    effects = np.zeros(sum(at.blocks.values()))
    starts = at.starts()
    effects[starts["slope"]] = priors.slope
    effects[starts["floor"]] = priors.floor
    n = np.bincount(at.measure)
    share = (np.bincount(at.measure, at.y) / n - at.base) / at.span
    share = np.clip(share, 0.02, 0.98)
    effects[starts["level"]] = np.where(at.bounded, np.log(share / (1 - share)), 0.0)
    return effects


def prior_of(at: Layout, priors: Priors, scales: dict[str, Floats]) -> tuple[Floats, Floats]:
    """Prior means and variances of all effects, given the scales: shape (effects,) each."""
    blocks = at.blocks
    mean = {"slope": priors.slope, "floor": priors.floor}
    variance = {
        "slope": np.full(blocks["slope"], priors.slope_sd**2),
        "level": np.full(blocks["level"], priors.level_sd**2),
        "floor": np.full(blocks["floor"], priors.floor_sd**2),
        **{name: np.full(blocks[name], scales[name][0] ** 2) for name in SHARED},
        "cell": scales["cell"][at.cells[:, 1]] ** 2 if blocks["cell"] else np.zeros(0),
    }
    means = np.concatenate([np.full(size, mean.get(name, 0.0)) for name, size in blocks.items()])
    return means, np.concatenate([variance[name] for name in blocks])


def fit_laplace(at: Layout, priors: Priors | None = None) -> Fitted:
    """Fit the hierarchy.

    Raises:
        UnfitError: if it does not stand after `STEPS` rounds.
    """
    priors = priors or Priors()
    effects = start(at, priors)
    many = at.measures.size
    scales = {name: np.full(1, getattr(priors, name)) for name in SHARED}
    scales |= {name: np.full(many, getattr(priors, name)) for name in ("cell", "noise")}
    for rounds in range(1, STEPS + 1):  # noqa: B007
        effects, covariance, weight, hat = _effects(at, priors, effects, scales)
        found, freedom = _scales(at, priors, effects, covariance, scales, weight, hat)
        change = max(float(np.abs(np.log(found[n] / scales[n])).max()) for n in scales)
        scales = found
        if change < STILL:
            break
    else:
        raise UnfitError(f"hierarchy: the scales of effects do not settle in {STEPS} rounds")
    effects, covariance, _, _ = _effects(at, priors, effects, scales)
    return Fitted(at, priors, effects, covariance, scales, freedom, rounds)


def _residual(
    at: Layout, priors: Priors, effects: Floats, scales: dict[str, Floats]
) -> tuple[Floats, Curve, Floats, Floats, Floats]:
    """Ability, curve, residual, variance and weight of every row."""
    ability, eta, floor = predictors(at, effects)
    here = curve(at, at.measure, eta, floor)
    gap = at.y - here.mean
    variance = scales["noise"][at.measure] ** 2 * here.noise + at.error**2
    weight = (priors.tails + 1) / (priors.tails + gap**2 / variance)
    return ability, here, gap, variance, weight


def _loss(
    at: Layout, priors: Priors, effects: Floats, scales: dict[str, Floats], variance: Floats
) -> float:
    """Minus the log posterior of the effects, at variances that stand still."""
    mean, spread = prior_of(at, priors, scales)
    _, eta, floor = predictors(at, effects)
    gap = at.y - curve(at, at.measure, eta, floor).mean
    fit = (priors.tails + 1) / 2 * np.log1p(gap**2 / variance / priors.tails).sum()
    return float(fit + 0.5 * ((effects - mean) ** 2 / spread).sum())


def _effects(
    at: Layout, priors: Priors, effects: Floats, scales: dict[str, Floats]
) -> tuple[Floats, Floats, Floats, Floats]:
    """One Gauss–Newton step, shortened while it does not help; then the covariance there."""
    mean, spread = prior_of(at, priors, scales)
    ability, here, gap, variance, weight = _residual(at, priors, effects, scales)
    slopes = jacobian(at, effects, ability, here)
    scaled = slopes * (weight / variance)[:, None]
    factor = cho_factor(scaled.T @ slopes + np.diag(1 / spread), lower=True)
    step = cho_solve(factor, scaled.T @ gap - (effects - mean) / spread)
    before, share = _loss(at, priors, effects, scales, variance), 1.0
    while share > 1e-3 and _loss(at, priors, effects + share * step, scales, variance) > before:
        share /= 2
    covariance = cho_solve(factor, np.eye(effects.size))
    hat = np.einsum("re,re->r", slopes @ covariance, scaled)
    return effects + share * step, covariance, weight, hat


def _scales(
    at: Layout, priors: Priors, effects: Floats, covariance: Floats,
    scales: dict[str, Floats], weight: Floats, hat: Floats,
) -> tuple[dict[str, Floats], dict[str, Floats]]:  # fmt: skip
    """The scales that the effects ask for, and their degrees of freedom."""
    starts, blocks = at.starts(), at.blocks
    kept = np.diag(covariance)
    found, freedom = {}, {}
    for name in (*SHARED, "cell"):
        mine, old = starts[name], scales[name]
        which = np.zeros(blocks[name], int) if name in SHARED else at.cells[:, 1]
        if not blocks[name]:
            found[name], freedom[name] = old, np.full(old.size, priors.weight)
            continue
        square: Any = np.bincount(which, effects[mine] ** 2, old.size)
        known: Any = np.bincount(which, 1 - kept[mine] / old[which] ** 2, old.size)
        found[name], freedom[name] = _fixed(square, known, getattr(priors, name), priors.weight)
    _, here, gap, variance, weight = _residual(at, priors, effects, scales)
    own = scales["noise"][at.measure] ** 2 * here.noise / variance
    old = scales["noise"] ** 2
    square = np.bincount(at.measure, own * weight * gap**2 / variance) * old
    known = np.bincount(at.measure, own * (1 - hat))
    found["noise"], freedom["noise"] = _fixed(square, known, priors.noise, priors.weight)
    return found, freedom


def _fixed(square: Any, known: Any, typical: float, weight: float) -> tuple[Floats, Floats]:
    freedom = np.maximum(known, 0.0) + weight
    return np.sqrt((square + weight * typical**2) / freedom), freedom
