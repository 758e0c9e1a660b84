"""Who should be chosen at random, so that nothing beats the choice? Maximal lotteries.

The symmetric game of win rates (Balduzzi et al., Re-evaluating evaluation, NeurIPS 2018): a
lottery that no subject beats on average. Among all such lotteries the one of most entropy is
unique. Copies of a subject share its probability, and nobody else notices.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibrant.errors import InputError
from calibrant.ratings.audit.lens import half_wins
from calibrant.ratings.counts import Counts
from calibrant.ratings.fit import RatingError

Floats = NDArray[np.float64]

TOLERANCE = 1e-9


@dataclass(frozen=True)
class Lottery:
    """The maximal lottery of most entropy.

    Attributes:
        names: subjects.
        probability: shape (subjects,), of choosing each; they add up to 1.
        skill: shape (subjects,), the mean margin (win rate less loss rate, -1 to 1) of each
            against the lottery: 0 on its support, at most 0 elsewhere.
        unseen: unordered pairs never compared, whose margin was taken as even.
    """

    names: tuple[str, ...]
    probability: Floats
    skill: Floats
    unseen: int

    @property
    def support(self) -> tuple[str, ...]:
        """Subjects that may be chosen, most probable first."""
        order = np.argsort(-self.probability, kind="stable")
        return tuple(self.names[i] for i in order if self.probability[i] > 1e-7)

    def to_dict(self) -> dict[str, Any]:
        """Plain data, ready for JSON."""
        return {
            "names": list(self.names),
            "probability": self.probability.tolist(),
            "skill": self.skill.tolist(),
            "support": list(self.support),
            "unseen": self.unseen,
        }

    def __repr__(self) -> str:
        best = self.support
        if len(best) == 1:
            return f"The lottery always chooses {best[0]!r}: nobody beats it"
        return f"The lottery mixes {len(best)} subjects, most often {best[0]!r}"


def margins(counts: Counts) -> tuple[Floats, int]:
    """Shape (subjects, subjects): win rate less loss rate of row against column; unseen pairs.

    A pair that was never compared is even: 0.
    """
    wins = half_wins(counts)
    games = wins + wins.T
    seen = games > 0
    size = len(counts.names)
    payoff = np.where(seen, (wins - wins.T) / np.where(seen, games, 1), 0.0)
    return payoff, (size * (size - 1) - int(seen.sum())) // 2


def nash(counts: Counts) -> Lottery:
    """Maximal lottery of the win rates.

    Raises:
        InputError: for fewer than two subjects or no comparisons.
    """
    if len(counts.names) < 2 or counts.total <= 0:
        raise InputError("nash: wanted at least 2 subjects and one comparison")
    payoff, unseen = margins(counts)
    p = lottery(payoff)
    return Lottery(counts.names, p, payoff @ p, unseen)


def lottery(payoff: Floats) -> Floats:
    """The maximal lottery of most entropy of an antisymmetric game, shape (subjects,).

    Subjects with the same payoffs against everyone count as one, whose probability they share;
    without this, entropy would reward copies.

    Raises:
        RatingError: if the linear programmes or the entropy do not converge.
    """
    _, kind = np.unique(payoff.round(12) + 0.0, axis=0, return_inverse=True)
    first = np.array([int((kind == c).argmax()) for c in range(int(kind.max()) + 1)])
    one_each = _lottery(payoff[np.ix_(first, first)])
    return np.asarray(one_each[kind] / np.bincount(kind)[kind])


def _lottery(payoff: Floats) -> Floats:
    size = payoff.shape[0]
    one = _programme(payoff, np.zeros(size))
    able = one > TOLERANCE
    open_ = ~able & (payoff @ one > -1e-7)
    if not open_.any():
        exact = _only(payoff, np.flatnonzero(able))
        if exact is not None:
            return exact
    # A subject belongs to the support if some lottery can put weight on it.
    for i in np.flatnonzero(open_):
        if not able[i]:
            able |= _programme(payoff, -np.eye(size)[i]) > TOLERANCE
    return _most_entropy(payoff, np.flatnonzero(able))


def _only(payoff: Floats, able: NDArray[np.int64]) -> Floats | None:
    """The lottery with this support, if no other can have it; exact, without a programme."""
    kernel = _null_space(payoff[np.ix_(able, able)])
    if kernel.shape[1] != 1:
        return None
    p = kernel[:, 0] / kernel[:, 0].sum()
    if p.min() <= 0:
        return None
    return _spread(p, able, payoff.shape[0])


def _programme(payoff: Floats, cost: Floats) -> Floats:
    """A lottery p ≥ 0, Σp = 1, payoff p ≤ 0, of least cost."""
    from scipy.optimize import linprog

    size = cost.size
    found = linprog(
        cost, A_ub=payoff, b_ub=np.zeros(size), A_eq=np.ones((1, size)), b_eq=[1.0],
        bounds=(0, None), method="highs",
    )  # fmt: skip
    if found.status != 0:
        raise RatingError(f"nash: the linear programme was not solved (status {found.status})")
    p = np.maximum(found.x, 0.0)
    return np.asarray(p / p.sum())


def _most_entropy(payoff: Floats, able: NDArray[np.int64]) -> Floats:
    """Most entropy over the polytope of lotteries, by its smooth dual.

    On the joint support every row of `able` is an equation; the other rows are inequalities.
    """
    from scipy.optimize import LinearConstraint, minimize

    inner = payoff[np.ix_(able, able)]
    # An equation where every lottery of most support must have margin 0.
    _, sizes, rows = np.linalg.svd(inner)
    rows = rows[sizes > 1e-10]
    outside = np.setdiff1d(np.arange(payoff.shape[0]), able)
    n = able.size
    quick = _dual(rows)
    if quick is not None and float((payoff[:, able] @ quick).max()) < TOLERANCE:
        return _spread(quick, able, payoff.shape[0])
    equal = np.vstack([np.ones((1, n)), rows])
    p = _feasible(payoff, able)
    free = _null_space(equal)
    if not free.shape[1]:
        return _spread(p, able, payoff.shape[0])
    others = payoff[np.ix_(outside, able)]
    bounds = np.vstack([free, -others @ free]) if outside.size else free
    low = np.concatenate([-p + 1e-12, others @ p]) if outside.size else -p + 1e-12

    def entropy(x: Floats) -> tuple[float, Floats]:
        q = np.maximum(p + free @ x, 1e-300)
        logs = np.log(q)
        return float(q @ logs), free.T @ (logs + 1)

    found = minimize(
        entropy, np.zeros(free.shape[1]), jac=True, method="SLSQP",
        constraints=[LinearConstraint(bounds, low, np.inf)],
        options={"ftol": 1e-14, "maxiter": 1000},
    )  # fmt: skip
    q = np.maximum(p + free @ found.x, 0.0)
    if float((payoff[:, able] @ q).max()) > 1e-7:
        raise RatingError(f"nash: the lottery of most entropy was not found ({found.message})")
    return _spread(q / q.sum(), able, payoff.shape[0])


def _dual(rows: Floats) -> Floats | None:
    """Most entropy with `rows` p = 0, by Newton's method on the dual; None if not converged."""
    weight = np.zeros(rows.shape[0])
    for _ in range(100):
        eta = rows.T @ weight
        top = float(eta.max())
        p = np.exp(eta - top)
        value = top + float(np.log(p.sum()))
        p /= p.sum()
        g = rows @ p
        if float(np.abs(g).max(initial=0.0)) < 1e-13:
            return np.asarray(p)
        h = (rows * p) @ rows.T - np.outer(g, g)
        step = np.linalg.lstsq(h, g, rcond=1e-12)[0]
        scale = 1.0
        while scale > 1e-8:
            tried = rows.T @ (weight - scale * step)
            new = float(tried.max() + np.log(np.exp(tried - tried.max()).sum()))
            if new <= value + 1e-15:
                break
            scale /= 2
        weight = weight - scale * step
    return None


def _feasible(payoff: Floats, able: NDArray[np.int64]) -> Floats:
    """A lottery with weight on every subject that can have some: the mean of extreme ones."""
    size = payoff.shape[0]
    return np.asarray(np.mean([_programme(payoff, -np.eye(size)[i])[able] for i in able], axis=0))


def _null_space(a: Floats) -> Floats:
    _, sizes, rows = np.linalg.svd(a)
    return np.asarray(rows[int((sizes > 1e-10).sum()) :].T)


def _spread(p: Floats, able: NDArray[np.int64], size: int) -> Floats:
    out = np.zeros(size)
    out[able] = p
    return out
