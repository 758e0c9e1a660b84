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
from scipy.sparse import csr_array
from scipy.special import logit

from calibrant.errors import UnfitError
from calibrant.scaling.hierarchical.layout import Curve, Floats, Layout, curve, elbow
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


def predictors(at: Layout, effects: Floats) -> tuple[Floats, Floats]:
    """Ability and predictor of each row: shape (..., rows) for effects (..., effects)."""
    parts = {name: effects[..., s] for name, s in at.starts().items()}
    ability = at.x + np.zeros((*effects.shape[:-1], 1))
    if at.blocks["family"]:
        ability = ability * (1 + parts["growth"][..., at.family]) + parts["family"][..., at.family]
    if at.blocks["subject"]:
        ability = ability + parts["subject"][..., at.subject]
    eta = parts["level"][..., at.measure] + parts["slope"][..., at.measure] * ability
    eta = eta + parts["bend"][..., at.measure] * elbow(ability)[0]
    if at.blocks["cell"]:
        eta = eta + parts["cell"][..., at.cell]
    return ability, eta


def jacobian(at: Layout, effects: Floats, ability: Floats, here: Curve) -> tuple[Floats, Floats]:
    """Derivatives by each effect of expected scores and of logarithms of the noise's variance.

    Returns:
        Two arrays of shape (rows, effects).
    """
    starts, rows = at.starts(), np.arange(at.y.size)
    eta = np.zeros((at.y.size, effects.size))
    bend = effects[starts["bend"]][at.measure]
    turned, turn = elbow(ability)
    steep = effects[starts["slope"]][at.measure] + bend * turn
    eta[rows, starts["slope"].start + at.measure] = ability
    eta[rows, starts["level"].start + at.measure] = 1
    eta[rows, starts["bend"].start + at.measure] = turned
    if at.blocks["family"]:
        eta[rows, starts["family"].start + at.family] = steep
        eta[rows, starts["growth"].start + at.family] = steep * at.x
    if at.blocks["subject"]:
        eta[rows, starts["subject"].start + at.subject] = steep
    if at.blocks["cell"]:
        eta[rows, starts["cell"].start + at.cell] = 1
    return eta * here.slope[:, None], eta * here.louder[:, None]


def start(at: Layout, priors: Priors) -> Floats:
    """Effects to begin with: prior means, and levels at the mean score of each measure."""
    effects = np.zeros(sum(at.blocks.values()))
    starts = at.starts()
    effects[starts["slope"]] = priors.slope
    rise = (at.y - at.base[at.measure]) / at.span[at.measure]
    share = np.bincount(at.measure, rise) / np.bincount(at.measure)
    effects[starts["level"]] = np.where(at.bounded, logit(np.clip(share, 0.02, 0.98)), 0.0)
    return effects


def prior_of(at: Layout, priors: Priors, scales: dict[str, Floats]) -> tuple[Floats, Floats]:
    """Prior means and variances of all effects, given the scales: shape (effects,) each."""
    blocks = at.blocks
    mean = {"slope": priors.slope}
    variance = {
        "slope": np.full(blocks["slope"], priors.slope_sd**2),
        "level": np.full(blocks["level"], priors.level_sd**2),
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
    for rounds in range(1, STEPS + 1):
        effects, covariance, hat = _effects(at, priors, effects, scales)
        found, freedom = _scales(at, priors, effects, covariance, scales, hat)
        change = max(float(np.abs(np.log(found[n] / scales[n])).max()) for n in scales)
        scales = found
        if change < STILL:
            effects, covariance, _ = _effects(at, priors, effects, scales)
            return Fitted(at, priors, effects, covariance, scales, freedom, rounds)
    raise UnfitError(f"hierarchy: the scales of effects do not settle in {STEPS} rounds")


def _residual(
    at: Layout, priors: Priors, effects: Floats, scales: dict[str, Floats]
) -> tuple[Floats, Curve, Floats, Floats, Floats]:
    """Ability, curve, residual, variance and weight of every row."""
    ability, eta = predictors(at, effects)
    here = curve(at, at.measure, eta)
    gap = at.y - here.mean
    variance = scales["noise"][at.measure] ** 2 * here.noise + at.error**2
    weight = (priors.tails + 1) / (priors.tails + gap**2 / variance)
    return ability, here, gap, variance, weight


def _loss(at: Layout, priors: Priors, effects: Floats, scales: dict[str, Floats]) -> float:
    """Minus the log posterior of the effects, given the scales, up to a constant."""
    mean, spread = prior_of(at, priors, scales)
    _, _, gap, variance, _ = _residual(at, priors, effects, scales)
    fit = (priors.tails + 1) * np.log1p(gap**2 / variance / priors.tails) + np.log(variance)
    return 0.5 * float(fit.sum() + ((effects - mean) ** 2 / spread).sum())


def _effects(
    at: Layout, priors: Priors, effects: Floats, scales: dict[str, Floats]
) -> tuple[Floats, Floats, Floats]:
    """One step of Fisher's scoring, shortened while it does not help; the covariance there."""
    mean, spread = prior_of(at, priors, scales)
    ability, here, gap, variance, weight = _residual(at, priors, effects, scales)
    dense, noisy = jacobian(at, effects, ability, here)
    # A row knows of one family, subject and measure: nearly all of either is zero.
    slopes, loud = csr_array(dense), csr_array(noisy * _own(at, here, variance, scales)[:, None])
    scaled = slopes * (weight / variance)[:, None]
    twice = 0.5 * priors.tails / (priors.tails + 3) * (loud.T @ loud)
    known = (scaled.T @ slopes + twice).toarray()
    factor = cho_factor(known + np.diag(1 / spread), lower=True)
    pull = scaled.T @ gap + 0.5 * loud.T @ (weight * gap**2 / variance - 1)
    step = cho_solve(factor, pull - (effects - mean) / spread)
    before, share = _loss(at, priors, effects, scales), 1.0
    while share > 1e-3 and _loss(at, priors, effects + share * step, scales) > before:
        share /= 2
    covariance = cho_solve(factor, np.eye(effects.size))
    hat = np.asarray(scaled.multiply(slopes @ covariance).sum(axis=1))
    return effects + share * step, covariance, hat


def _own(at: Layout, here: Curve, variance: Floats, scales: dict[str, Floats]) -> Floats:
    """The share of each row's variance that is noise and no known standard error."""
    return np.asarray(scales["noise"][at.measure] ** 2 * here.noise / variance)


def _scales(
    at: Layout, priors: Priors, effects: Floats, covariance: Floats,
    scales: dict[str, Floats], hat: Floats,
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
    own = _own(at, here, variance, scales)
    old = scales["noise"] ** 2
    square = np.bincount(at.measure, own * weight * gap**2 / variance) * old
    known = np.bincount(at.measure, own * (1 - hat))
    found["noise"], freedom["noise"] = _fixed(square, known, priors.noise, priors.weight)
    return found, freedom


def _fixed(square: Any, known: Any, typical: float, weight: float) -> tuple[Floats, Floats]:
    freedom = np.maximum(known, 0.0) + weight
    return np.sqrt((square + weight * typical**2) / freedom), freedom
