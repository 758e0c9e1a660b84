"""What score does an ability predict? A line with allowed curvature, errors in both variables.

Both scores are on the logit scale. A reference subject's score on the benchmark lies about a curve
of its true ability with a variance τ² (what subjects are good at differs) and with noise known
from its items; its ability is known with noise, too. Fuller's corrected normal equations (Fuller,
*Measurement Error Models*, 1987, sections 2.2 and 3.3; the quadratic: Wolter and Fuller, Biometrika
69 (1982) 175) take the noise out of the slope, so that the prediction is right for a subject of any
ability in the range, not only on average over subjects. The curvature is a random effect with a
fixed prior, so that few subjects neither ignore it nor fit it freely. τ² is found as in
Paule and Mandel (J. Res. NBS 87 (1982) 377). Each family of subjects weighs as one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import expit

from calibrant.errors import InputError

Floats = NDArray[np.float64]

CURVATURE = 0.15
"""Prior standard deviation of the curve's quadratic term, in logits a squared standard deviation
of abilities: at two standard deviations from the centre the curve may leave the line by some
0.6 logits."""

LEAST_RELIABLE = 0.5
"""Share of the variance of observed abilities that must not be noise."""


@dataclass(frozen=True, eq=False)
class Curve:
    """A fitted curve.

    Attributes:
        beta, cov: shape (3,), (3, 3): coefficients of 1, z and z² - 1, with z the standardised
            ability, and their covariance.
        centre, scale: of abilities: z = (x - centre) / scale.
        spread: τ, standard deviation of subjects about the curve, in logits.
        df: degrees of freedom of the residual variance.
        reliability: share of the variance of observed abilities that is not noise.
    """

    beta: Floats
    cov: Floats
    centre: float
    scale: float
    spread: float
    df: float
    reliability: float

    def at(self, x: Floats, vx: Floats, vy: Floats) -> tuple[Floats, Floats]:
        """Predicted score and the standard error of a new subject's, in logits.

        Args:
            x: observed abilities; `vx`: their noise variances.
            vy: noise variances of the score that is predicted.
        """
        z, v = (x - self.centre) / self.scale, vx / self.scale**2
        rows = _design(z, v)
        slope = self.beta[1] + 2 * self.beta[2] * z
        variance = self.spread**2 + vy + slope**2 * v
        variance = variance + np.einsum("ij,jk,ik->i", rows, self.cov, rows)
        return rows @ self.beta, np.sqrt(variance)


def fit_curve(x: Floats, y: Floats, vx: Floats, vy: Floats, weight: Floats) -> Curve:
    """Fit the curve.

    Args:
        x, y: shape (subjects,), abilities and scores in logits.
        vx, vy: their noise variances.
        weight: 1 / size of the family of each subject; their sum is the number of families.

    Raises:
        InputError: if abilities differ by little more than noise, or too few families are there.
    """
    families = float(weight.sum())
    if families < 4:
        raise InputError(f"references: wanted at least 4 families, got {families:.0f}")
    centre = float(weight @ x) / families
    variance = float(weight @ (x - centre) ** 2) / (families - 1)
    reliable = 1 - float(weight @ vx) / families / variance if variance > 0 else 0.0
    if reliable < LEAST_RELIABLE:
        raise InputError(
            f"references: their abilities differ by little more than noise (reliability "
            f"{max(reliable, 0):.2f}, wanted {LEAST_RELIABLE:g}): wanted more items, or subjects "
            "further apart"
        )
    scale = float(np.sqrt(variance))
    z, v = (x - centre) / scale, vx / scale**2

    def left(tau2: float) -> float:
        fit = _solve(z, y, v, vy, weight, tau2)
        return float(fit.residual) - fit.df

    most = 4 * float(np.var(y)) + 1e-6
    tau2 = 0.0
    if left(0.0) > 0:
        tau2 = most if left(most) > 0 else float(brentq(left, 0.0, most, xtol=1e-8, rtol=1e-6))
    fit = _solve(z, y, v, vy, weight, tau2)
    return Curve(fit.beta, fit.cov, centre, scale, float(np.sqrt(tau2)), fit.df, reliable)


@dataclass(frozen=True, eq=False)
class _Fit:
    beta: Floats
    cov: Floats
    residual: float
    df: float


def _design(z: Floats, v: Floats) -> Floats:
    # z² is too large by the noise, on average.
    return np.column_stack([np.ones_like(z), z, z**2 - v - 1.0])


def _solve(z: Floats, y: Floats, v: Floats, vy: Floats, weight: Floats, tau2: float) -> _Fit:
    """The corrected equations, with variances that follow the slope."""
    rows = _design(z, v)
    noise = np.zeros((z.size, 3, 3))
    noise[:, 1, 1] = v
    noise[:, 1, 2] = noise[:, 2, 1] = 2 * z * v
    noise[:, 2, 2] = np.maximum(4 * z**2 * v - 2 * v**2, 0.0)
    prior = np.diag([0.0, 0.0, 1 / CURVATURE**2])
    beta = np.array([0.0, float(np.polyfit(z, y, 1)[0]), 0.0])
    for _ in range(4):
        slope = beta[1] + 2 * beta[2] * z
        share = weight / (tau2 + vy + slope**2 * v)
        plain = (rows * share[:, None]).T @ rows
        clean = plain - np.einsum("i,ijk->jk", share, noise)
        beta = np.linalg.solve(clean + prior, (rows * share[:, None]).T @ y)
    inverse = np.linalg.inv(clean + prior)
    cov = inverse @ (plain + prior) @ inverse
    slope = beta[1] + 2 * beta[2] * z
    share = weight / (tau2 + vy + slope**2 * v)
    used = float(np.trace(inverse @ clean))
    families = float(weight.sum())
    residual = float(share @ (y - rows @ beta) ** 2)
    return _Fit(beta, cov, residual, families - min(max(used, 2.0), 3.0))


def logits(mean: Floats, items: int) -> Floats:
    """The empirical logit of mean scores, finite at 0 and 1 (half an item is added to both)."""
    found: Floats = np.log((mean * items + 0.5) / ((1 - mean) * items + 0.5))
    return found


def score_at(logit: float, items: int) -> float:
    """The mean score of an empirical logit, inside 0–1."""
    share = float(expit(logit))
    return min(1.0, max(0.0, (share * (items + 1) - 0.5) / items))


def noise(scores: Floats, easiness: Floats) -> Floats:
    """Noise variance of each subject's empirical logit, given the items.

    Each subject's chance on an item follows from its own mean and the item's easiness (a Rasch
    model); items differ, so that this is less than binomial. Scores other than 0 and 1 vary less
    yet, by a factor that all subjects share.

    Args:
        scores: shape (subjects, items), in 0–1.
        easiness: shape (items,), logits.
    """
    items = scores.shape[1]
    mean = (scores.sum(1) * 1.0 + 0.5) / (items + 1)
    shift = logits(scores.mean(1), items) - easiness.mean()
    for _ in range(30):
        chance = expit(easiness[None, :] + shift[:, None])
        inner = np.maximum((chance * (1 - chance)).mean(1), 1e-9)
        step = np.clip((mean - chance.mean(1)) / inner, -1.0, 1.0)
        shift = shift + step
        if float(np.abs(step).max()) < 1e-9:
            break
    chance = expit(easiness[None, :] + shift[:, None])
    spread = (chance * (1 - chance)).sum(1)
    factor = 1.0
    if not bool(np.isin(scores, (0, 1)).all()):
        # Misfit of items to subjects is part of the squares, and rightly counted as noise.
        factor = min(1.0, float(((scores - chance) ** 2).sum() / spread.sum()))
    found: Floats = factor * spread / items**2 / (mean * (1 - mean)) ** 2
    return found


def easiness_of(scores: Floats) -> Floats:
    """Easiness of items, in logits, from the mean scores of subjects."""
    found: Floats = logits(scores.mean(0), scores.shape[0])
    return found
