"""Which items are hard, and which graders able? GLAD, with difficulty as a random effect.

Whitehill, Ruvolo, Wu, Bergsma and Movellan, NeurIPS 22 (2009): grader j labels item i rightly with
probability expit(α_j β_i), its errors spread evenly. Here the chance is
expit(α_j β_i - log(K - 1)) with K classes, so that a grader of skill 0 guesses; for two classes it
is the paper's. Where the paper estimates every β_i beside the skills, log β_i ~ N(0, σ²) is
integrated out by Gauss–Hermite quadrature, which leaves the skills with honest intervals. The
median item has β = 1, which fixes the scale.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit, log_expit, logsumexp, softmax

from calibrant.errors import InputError
from calibrant.judges.latent.data import Floats, LatentError, Marks, check_identified

NODES = 21
SKILL_MEAN, SKILL_SD = 1.0, 2.0
"""Normal prior of a skill."""
SPREAD_MEDIAN, SPREAD_SD = 0.5, 1.0
"""Lognormal prior of σ: its median, and the standard deviation of its logarithm."""
PSEUDO = 0.5
"""Items added to every class."""


@dataclass(frozen=True)
class GladFit:
    """The highest penalised likelihood.

    Attributes:
        skills: shape (graders,).
        spread: σ.
        prevalence: shape (classes,).
        covariance: of skills, log σ and the free logits of classes, in this order.
        posterior: shape (items, classes).
        ease, ease_sd: shape (items,), posterior mean and standard deviation of log β.
        log_likelihood: without the penalty.
        gradient: the largest derivative of the penalised log-likelihood.
    """

    skills: Floats
    spread: float
    prevalence: Floats
    covariance: Floats
    posterior: Floats
    ease: Floats
    ease_sd: Floats
    log_likelihood: float
    gradient: float


class Glad:
    """The penalised log-likelihood of given labels with its derivatives."""

    def __init__(self, m: Marks, nodes: int = NODES) -> None:
        self.m = m
        x, w = np.polynomial.hermite_e.hermegauss(nodes)
        self.z, self.log_weight = x, np.log(w / w.sum())
        self.own = np.stack([m.code == k for k in range(m.classes)]).astype(float)
        self.fixed = np.zeros((m.classes, m.items))
        known = np.flatnonzero(m.gold >= 0)
        self.fixed[:, known] = -np.inf
        self.fixed[m.gold[known], known] = 0.0

    def size(self) -> int:
        """Free parameters."""
        return self.m.graders + self.m.classes

    def unpack(self, x: Floats) -> tuple[Floats, float, Floats]:
        """Skills, σ and prevalence."""
        j = self.m.graders
        return x[:j], float(np.exp(x[j])), np.asarray(softmax(np.r_[x[j + 1 :], 0.0]))

    def joint(self, x: Floats) -> tuple[Floats, Floats]:
        """Log joint of class and node for each item, shape (classes, nodes, items); and the
        chance of a right label, shape (nodes, labels)."""
        m = self.m
        skill, spread, prevalence = self.unpack(x)
        lean = np.exp(spread * self.z)[:, None] * skill[m.grader] - np.log(m.classes - 1)
        right, wrong = log_expit(lean), log_expit(-lean) - np.log(m.classes - 1)
        base = np.add.reduceat(wrong, m.starts, axis=1) + self.log_weight[:, None]
        more = right - wrong
        log = np.stack([base + np.add.reduceat(more * own, m.starts, axis=1) for own in self.own])
        return log + (np.log(prevalence)[:, None] + self.fixed)[:, None, :], np.exp(right)

    def value(self, x: Floats) -> tuple[float, Floats, float]:
        """Minus the penalised log-likelihood, its gradient, and the log-likelihood itself."""
        m, j = self.m, self.m.graders
        skill, spread, prevalence = self.unpack(x)
        log, right = self.joint(x)
        total = logsumexp(log, axis=(0, 1))
        weight = np.exp(log - total)
        hit = np.zeros((self.z.size, m.size))
        for k, own in enumerate(self.own):
            hit += weight[k][:, m.item] * own
        any_ = weight.sum(axis=0)[:, m.item]
        slope = (hit - any_ * right) * np.exp(spread * self.z)[:, None]
        gradient = np.empty(self.size())
        gradient[:j] = np.bincount(m.grader, slope.sum(axis=0), minlength=j)
        gradient[j] = spread * float((slope * self.z[:, None] * skill[m.grader]).sum())
        mass = weight.sum(axis=(1, 2))
        gradient[j + 1 :] = (mass - m.items * prevalence)[:-1]
        # The priors.
        off, log_spread = skill - SKILL_MEAN, x[j] - np.log(SPREAD_MEDIAN)
        penalty = -(off @ off) / (2 * SKILL_SD**2) - log_spread**2 / (2 * SPREAD_SD**2)
        penalty += PSEUDO * float(np.log(prevalence).sum())
        gradient[:j] -= off / SKILL_SD**2
        gradient[j] -= log_spread / SPREAD_SD**2
        gradient[j + 1 :] += PSEUDO * (1 - m.classes * prevalence[:-1])
        likelihood = float(total.sum())
        return -(likelihood + float(penalty)), -gradient, likelihood


def hessian(gradient: object, x: Floats, step: float = 1e-4) -> Floats:
    """Second derivatives by central differences of a gradient."""
    assert callable(gradient)
    rows = []
    for i in range(x.size):
        move = np.zeros(x.size)
        move[i] = step
        rows.append((gradient(x + move) - gradient(x - move)) / (2 * step))
    h = np.array(rows)
    return np.asarray((h + h.T) / 2)


def fit_glad(m: Marks) -> GladFit:
    """Skills, difficulties and classes.

    Raises:
        LatentError: for designs that do not determine the classes, graders who together are no
            better than chance, or a maximum that was not found or is no peak.
    """
    check_identified(m, one_coin=True)
    model = Glad(m)
    start = np.r_[np.full(m.graders, 1.5), np.log(SPREAD_MEDIAN), _shares(m)]
    done = minimize(lambda x: model.value(x)[:2], start, jac=True, method="L-BFGS-B",
                    options={"maxiter": 2000, "ftol": 1e-13, "gtol": 1e-7})  # fmt: skip
    x = np.asarray(done.x)
    _, gradient, likelihood = model.value(x)
    top = float(np.abs(gradient).max())
    if top > 1e-2:
        raise LatentError(f"GLAD: no maximum found (gradient {top:.2g} after {done.nit} rounds)")
    second = hessian(lambda at: model.value(at)[1], x)
    try:
        np.linalg.cholesky(second)
    except np.linalg.LinAlgError as e:
        raise LatentError("GLAD: the likelihood has no peak: the labels do not determine the "
                          "skills") from e  # fmt: skip
    skill, spread, prevalence = model.unpack(x)
    if float(np.average(skill, weights=np.bincount(m.grader))) <= 0:
        raise LatentError("GLAD: graders together are no better than chance, so that classes have "
                          "no names")  # fmt: skip
    log, _ = model.joint(x)
    weight = np.exp(log - logsumexp(log, axis=(0, 1)))
    nodes = weight.sum(axis=0)
    at = spread * model.z
    ease = at @ nodes
    sd = np.sqrt(np.maximum((at**2) @ nodes - ease**2, 0.0))
    covariance = np.asarray(np.linalg.inv(second))
    return GladFit(skill, spread, prevalence, covariance, weight.sum(axis=1).T, ease, sd,
                   likelihood, top)  # fmt: skip


def _shares(m: Marks) -> Floats:
    """Logits of the labels' shares, the last class as zero."""
    share = np.bincount(m.code, minlength=m.classes) + 1.0
    return np.asarray(np.log(share[:-1] / share[-1]))


def chance_right(skill: float, classes: int, ease: float = 0.0) -> float:
    """The chance of a right label on an item of this log β."""
    if classes < 2:
        raise InputError(f"classes: wanted at least 2, got {classes}")
    return float(expit(skill * np.exp(ease) - np.log(classes - 1)))
