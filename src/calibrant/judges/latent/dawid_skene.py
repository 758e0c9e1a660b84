"""Who errs how, when nobody knows the truth? Dawid and Skene's latent classes by EM.

Dawid and Skene, Applied Statistics 28 (1979) 20. Given an item's class, graders err independently;
grader j gives label l to class k with probability θ[j, k, l]. The one-coin form has one accuracy
a grader, its errors spread evenly over the other labels.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment

from calibrant.errors import InputError
from calibrant.judges.latent.data import Floats, LatentError, Marks, check_identified

MOST_ROUNDS = 20_000
"""Steps of EM after which a start counts as not converged."""

TOLERANCE = 1e-9
"""Largest change of any probability by a step of EM at the end."""


@dataclass(frozen=True)
class Fit:
    """A maximum of the (penalised) likelihood.

    Attributes:
        prevalence: shape (classes,).
        confusion: shape (graders, classes, classes), rows add up to 1.
        posterior: shape (items, classes).
        log_likelihood: without the penalty.
        objective: with it.
        residual: the largest change of a probability that one more step of EM makes; 0 at a
            stationary point.
        rounds: steps of EM of the start that won.
        monotone: whether no step lowered the objective.
        agreeing: share of starts that reached this objective.
    """

    prevalence: Floats
    confusion: Floats
    posterior: Floats
    log_likelihood: float
    objective: float
    residual: float
    rounds: int
    monotone: bool
    agreeing: float


class Model:
    """The steps of EM on given labels.

    Args:
        pseudo: labels added to every cell of every confusion row and to every class, as a prior
            Dirichlet(1 + pseudo); 0 is maximum likelihood.
        sampled: whether gold items are a random sample of all; if not, they teach how graders
            err but not how common the classes are.
    """

    def __init__(
        self, m: Marks, *, pseudo: float = 0.0, one_coin: bool = False, sampled: bool = True
    ) -> None:
        self.m, self.pseudo, self.one_coin = m, pseudo, one_coin
        self.cell = m.grader * m.classes + m.code
        known = m.gold >= 0
        self.known = known
        self.fixed = np.zeros((m.classes, m.items))
        self.fixed[:, known] = -np.inf
        self.fixed[m.gold[known], np.flatnonzero(known)] = 0.0
        self.counted = np.ones(m.items) if sampled else (~known).astype(float)
        if not self.counted.any():
            raise InputError("gold: all items have gold that is no random sample; nothing is left "
                             "to show how common the classes are")  # fmt: skip
        self.given = np.bincount(m.grader, minlength=m.graders).astype(float)

    def posterior(self, prevalence: Floats, confusion: Floats) -> tuple[Floats, float]:
        """Shape (classes, items): the chance of each class; and the log-likelihood."""
        m = self.m
        with np.errstate(divide="ignore"):
            flat = np.log(confusion).transpose(1, 0, 2).reshape(m.classes, -1)
            prior = np.log(prevalence)[:, None]
        log = np.add.reduceat(flat[:, self.cell], m.starts, axis=1) + self.fixed
        log += np.where(self.counted, prior, 0.0)
        top = log.max(axis=0)
        if not np.all(np.isfinite(top)):
            return np.full_like(log, np.nan), -math.inf
        p = np.exp(log - top)
        total = p.sum(axis=0)
        return p / total, float((top + np.log(total)).sum())

    def maximise(self, posterior: Floats) -> tuple[Floats, Floats]:
        """The parameters that fit such posteriors best."""
        m = self.m
        mass = posterior @ self.counted + self.pseudo
        weight = posterior[:, m.item]
        counts: Floats = np.stack([np.bincount(self.cell, w, minlength=m.graders * m.classes)
                           for w in weight])  # fmt: skip
        counts = counts.reshape(m.classes, m.graders, m.classes).transpose(1, 0, 2)
        if self.one_coin:
            right = np.trace(counts, axis1=1, axis2=2) + self.pseudo
            share = right / (self.given + 2 * self.pseudo)
            return mass / mass.sum(), coins(share, m.classes)
        counts = counts + self.pseudo
        total = counts.sum(axis=2, keepdims=True)
        # A grader who met no item of a class says nothing of it.
        rows = np.where(total > 0, counts / np.where(total > 0, total, 1.0), 1 / m.classes)
        return mass / mass.sum(), rows

    def objective(self, log_likelihood: float, prevalence: Floats, confusion: Floats) -> float:
        """The log-likelihood with the log prior."""
        if self.pseudo == 0:
            return log_likelihood
        theta = confusion
        if self.one_coin:
            right = np.diagonal(confusion, axis1=1, axis2=2)[:, 0]
            theta = np.stack([right, 1 - right])
        if not np.all(theta > 0) or not np.all(prevalence > 0):
            return -math.inf
        return log_likelihood + self.pseudo * float(np.log(theta).sum() + np.log(prevalence).sum())


def coins(accuracy: Floats, classes: int) -> Floats:
    """The confusion matrices of graders whose errors spread evenly."""
    off = (1 - accuracy)[:, None, None] / (classes - 1)
    eye = np.eye(classes)
    return np.asarray(accuracy[:, None, None] * eye + off * (1 - eye))


@dataclass
class _State:
    prevalence: Floats
    confusion: Floats
    posterior: Floats
    log_likelihood: float
    objective: float

    def ahead(self, one: _State, two: _State) -> tuple[Floats, Floats]:
        """The extrapolation of two steps (SqS3 of Varadhan and Roland, 2008), as probabilities."""
        a = np.concatenate([s.ravel() for s in (self.prevalence, self.confusion)])
        b = np.concatenate([s.ravel() for s in (one.prevalence, one.confusion)])
        c = np.concatenate([s.ravel() for s in (two.prevalence, two.confusion)])
        r, v = b - a, c - 2 * b + a
        norm = float(v @ v)
        step = -math.sqrt(float(r @ r) / norm) if norm > 0 else -1.0
        x = np.clip(a - 2 * step * r + step * step * v, 0.0, 1.0)
        k = self.prevalence.size
        prevalence, confusion = x[:k], x[k:].reshape(self.confusion.shape)
        total = confusion.sum(axis=2, keepdims=True)
        return prevalence / max(prevalence.sum(), 1e-300), np.where(
            total > 0, confusion / np.where(total > 0, total, 1.0), two.confusion
        )


def _state(model: Model, prevalence: Floats, confusion: Floats) -> _State:
    posterior, log_likelihood = model.posterior(prevalence, confusion)
    value = model.objective(log_likelihood, prevalence, confusion)
    return _State(prevalence, confusion, posterior, log_likelihood, value)


def climb(model: Model, posterior: Floats) -> tuple[_State, float, int, bool]:
    """EM with extrapolation from posteriors: the end, its residual, the rounds, monotony.

    An extrapolation that lowers the objective is thrown away, so that the objective rises as in
    plain EM.
    """
    now = _state(model, *model.maximise(posterior))
    rounds, monotone = 0, True
    while True:
        one = _state(model, *model.maximise(now.posterior))
        two = _state(model, *model.maximise(one.posterior))
        slack = 1e-9 * (1 + abs(now.objective))
        monotone &= one.objective >= now.objective - slack
        monotone &= two.objective >= one.objective - slack
        residual = max(
            float(np.abs(two.prevalence - one.prevalence).max()),
            float(np.abs(two.confusion - one.confusion).max()),
        )
        rounds += 2
        if residual <= TOLERANCE or rounds >= MOST_ROUNDS:
            return two, residual, rounds, monotone
        far = _state(model, *now.ahead(one, two))
        now = far if far.objective > two.objective else two


def _starts(m: Marks, starts: int, seed: int) -> list[Floats]:
    """Soft majority votes, then votes mixed with noise, more and more of it."""
    votes = m.votes()
    share = votes / votes.sum(axis=1, keepdims=True)
    rng = np.random.default_rng(seed)
    found = [share.T]
    for s in range(1, starts):
        noise = rng.dirichlet(np.ones(m.classes), m.items)
        mix = 0.3 + 0.4 * (s - 1) / max(starts - 2, 1)
        found.append(((1 - mix) * share + mix * noise).T)
    known = m.gold >= 0
    for start in found:
        start[:, known] = np.eye(m.classes)[:, m.gold[known]]
    return found


def align(prevalence: Floats, confusion: Floats, weights: Floats) -> np.ndarray:
    """The order of the classes in which labels mean most what they say.

    Returns:
        Shape (classes,): which latent class gets each label's name.
    """
    agreement = prevalence[:, None] * np.tensordot(weights, confusion, axes=1)
    rows, columns = linear_sum_assignment(-agreement)
    return np.asarray(rows[np.argsort(columns)])


def fit(
    m: Marks,
    *,
    pseudo: float = 0.0,
    one_coin: bool = False,
    sampled: bool = True,
    starts: int = 5,
    seed: int = 0,
) -> Fit:
    """The highest of the maxima that EM reaches from several starts.

    Without gold, classes have no names: they get those under which graders agree most with them,
    which takes most graders to be better than chance.

    Args:
        pseudo, one_coin, sampled: as `Model`.
        starts: the majority vote, and that many minus one with noise.
        seed: of the noise.

    Raises:
        LatentError: for a design that does not determine the classes, or EM that did not settle.
        InputError: for a negative `pseudo` or no starts.
    """
    if not 0 <= pseudo < math.inf or starts < 1:
        raise InputError(f"fit: wanted pseudo of 0 or more and 1 start or more, got {pseudo!r}, "
                         f"{starts!r}")  # fmt: skip
    check_identified(m, one_coin=one_coin)
    model = Model(m, pseudo=pseudo, one_coin=one_coin, sampled=sampled)
    ends = [climb(model, start) for start in _starts(m, starts, seed)]
    values = np.array([end[0].objective for end in ends])
    best, residual, rounds, monotone = ends[int(np.argmax(values))]
    if residual > 1e3 * TOLERANCE:
        raise LatentError(f"Dawid–Skene: not settled after {rounds} steps of EM; the last moved a "
                          f"probability by {residual:.2g}")  # fmt: skip
    order = np.arange(m.classes)
    if not one_coin and not np.any(m.gold >= 0):
        order = align(best.prevalence, best.confusion, model.given)
    same = np.abs(values - values.max()) <= 1e-5 * (1 + abs(values.max())) * 0.1
    return Fit(
        best.prevalence[order], best.confusion[:, order], best.posterior[order].T.copy(),
        best.log_likelihood, best.objective, residual, rounds, monotone, float(same.mean()),
    )  # fmt: skip
