"""Who is better if subjects differ from item to item? A random effect of each subject on each item.

d = s_left - s_right + u(left, item) - u(right, item), with u normal of standard deviation τ. Given
τ, strengths and effects maximise the penalised likelihood together; τ maximises Laplace's
approximation of the likelihood with the effects integrated out (Breslow and Clayton, JASA 88 (1993)
9). With few comparisons for each subject and item τ comes out too small.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibrant.errors import InputError
from calibrant.ratings.counts import TIE, Counts
from calibrant.ratings.fit import ROUNDS, Convergence, RatingError
from calibrant.ratings.likelihood import MODELS, ModelName
from calibrant.records.comparisons import Comparisons

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

MOST_EFFECTS = 50_000
LEAST_SD, MOST_SD = 0.01, 5.0


@dataclass(frozen=True, repr=False)
class ItemEffects:
    """Strengths with random effects of subjects on items.

    Attributes:
        strengths: shape (subjects,); they add up to 0.
        covariance: shape (subjects, subjects), from the joint penalised information.
        sd: τ; at its floor of 0.01 the effects are as good as none.
        order_effect, tie: as in `Fit`; extra: variances of theirs, in that order.
        log_likelihood: Laplace's approximation, at the estimate.
        effects: how many.
    """

    model: ModelName
    counts: Counts
    strengths: Floats
    covariance: Floats
    sd: float
    order_effect: float | None
    tie: float | None
    tie_parameter: float | None
    extra: Floats
    log_likelihood: float
    effects: int
    items: int
    convergence: Convergence

    def __repr__(self) -> str:
        return (
            f"{self.model} of {self.counts!r}: a subject's strength varies between "
            f"{self.items} items by {self.sd:.3g} (standard deviation)"
        )


def item_effects(
    rows: Comparisons, counts: Counts, model: ModelName = "bt", *, order_effect: bool = False
) -> ItemEffects:
    """Fit strengths, effects and their spread.

    Raises:
        InputError: without a column item, or with too many effects.
        RatingError: if the maximum was not reached, or a tie model finds no ties.
    """
    problem = _Problem(rows, counts, model, order_effect)
    from scipy.optimize import minimize_scalar

    def loss(log_sd: float) -> float:
        return -problem.fit(float(np.exp(log_sd)))[0]

    found = minimize_scalar(
        loss, bounds=(np.log(LEAST_SD), np.log(MOST_SD)), method="bounded",
        options={"xatol": 1e-4},
    )  # fmt: skip
    sd = float(np.exp(found.x))
    marginal, parameters, proof, a = problem.fit(sd)
    return problem.result(sd, marginal, parameters, proof, a)


class _Problem:
    """The penalised likelihood; nodes are subjects, then effects, then order and tie."""

    def __init__(
        self, rows: Comparisons, counts: Counts, model: ModelName, order_effect: bool
    ) -> None:
        from scipy.sparse import coo_array

        self.counts, self.order_effect, self.ties = counts, order_effect, model != "bt"
        self.model: ModelName = model
        codes, self.items = rows.labels("item")
        k = self.subjects = len(counts.names)
        every = slice(None)
        left, right = (c.take(every).astype(np.int64) for c in (rows.left, rows.right))
        outcome = rows.outcome.take(every).astype(np.int64)
        weight = None if "weight" not in rows.columns.columns else rows.numbers("weight")
        # Rows of one item, ordered pair and outcome are alike: count them.
        key = ((codes * k + left) * k + right) * 3 + outcome
        unique, at = np.unique(key, return_inverse=True)
        self.weight = np.bincount(at, weight, unique.size).astype(np.float64)
        rest, self.outcome = np.divmod(unique, 3)
        rest, right = np.divmod(rest, k)
        item, left = np.divmod(rest, k)
        cells, place = np.unique(
            np.concatenate([item * k + left, item * k + right]), return_inverse=True
        )
        self.effects = cells.size
        if self.effects > MOST_EFFECTS:
            raise InputError(
                f"item effects: wanted at most {MOST_EFFECTS:,} of subjects on items, got "
                f"{self.effects:,}"
            )
        n = unique.size
        row = np.arange(n)
        # The first subject is held at 0; the mean is taken out at the end.
        self.size = k - 1 + self.effects + order_effect + self.ties
        parts = [
            (left - 1, 1.0),
            (right - 1, -1.0),
            (k - 1 + place[:n], 1.0),
            (k - 1 + place[n:], -1.0),
        ]
        if order_effect:
            parts.append((np.full(n, k - 1 + self.effects), 1.0))
        r = np.concatenate([row[c >= 0] for c, _ in parts])
        c = np.concatenate([c[c >= 0] for c, _ in parts])
        v = np.concatenate([np.full(int((c >= 0).sum()), x) for c, x in parts])
        self.design = coo_array((v, (r, c)), shape=(n, self.size)).tocsr()
        self.last = np.zeros(self.size)
        if self.ties:
            share = counts.outcomes[:, TIE].sum() / counts.total
            if not 0 < share < 1:
                raise RatingError(f"{model}: wanted some ties and some wins")
            self.last[-1] = np.log(2 * share / (1 - share))

    def _derivatives(self, p: Floats, precision: float) -> tuple[float, Floats, Any]:
        from scipy.sparse import coo_array, diags_array

        terms = MODELS[self.model](self.design @ p, float(p[-1]) if self.ties else 0.0)
        at = (np.arange(self.outcome.size), self.outcome)
        w = self.weight
        u = slice(self.subjects - 1, self.subjects - 1 + self.effects)
        value = float((w * terms.value[at]).sum()) - precision * float((p[u] ** 2).sum()) / 2
        g = self.design.T @ (w * terms.d[at])
        g[u] -= precision * p[u]
        ridge = np.zeros(self.size)
        ridge[u] = precision
        a = -(self.design.T @ diags_array(w * terms.dd[at]) @ self.design) + diags_array(ridge)
        if self.ties:
            g[-1] += float((w * terms.t[at]).sum())
            mixed = -(self.design.T @ (w * terms.dt[at]))
            last, rows = np.full(self.size, self.size - 1), np.arange(self.size)
            edge = coo_array((mixed, (rows, last)), shape=a.shape)
            corner = coo_array(
                ([-float((w * terms.tt[at]).sum())], ([self.size - 1], [self.size - 1])),
                shape=a.shape,
            )
            a = a + edge + edge.T + corner
        return value, g, a.tocsc()

    def fit(self, sd: float) -> tuple[float, Floats, Convergence, Any]:
        """Laplace's marginal log-likelihood at τ = sd, parameters, proof, and the information."""
        precision = 1 / sd**2
        p = self.last.copy()
        value, g, a = self._derivatives(p, precision)
        busiest = float(self.counts.wins.sum(axis=1).max())
        for done in range(ROUNDS + 1):  # noqa: B007
            step = _factor(a).solve(g)
            largest, decrement = float(np.abs(g).max()), float(g @ step)
            if largest <= 1e-9 * busiest:
                break
            scale = 1.0
            while True:
                tried = p + scale * step
                new = self._derivatives(tried, precision)
                if new[0] >= value - 1e-12 * abs(value) or scale < 1e-10:
                    break
                scale /= 2
            p, (value, g, a) = tried, new
        else:
            raise RatingError(
                f"item effects: not converged after {ROUNDS} rounds (gradient {largest:.3g})"
            )
        self.last = p
        u = slice(self.subjects - 1, self.subjects - 1 + self.effects)
        inner = _factor(a[u, u].tocsc())
        # The permutations and row signs do not matter: the matrix is positive definite.
        half = float(np.log(np.abs(inner.U.diagonal())).sum()) / 2
        marginal = value - self.effects * float(np.log(sd)) - half
        return marginal, p, Convergence(largest, done, decrement), a

    def result(
        self, sd: float, marginal: float, p: Floats, proof: Convergence, a: Any
    ) -> ItemEffects:
        """Strengths about their mean, with their covariance."""
        k = self.subjects
        tail = np.arange(k - 1 + self.effects, self.size)
        keep = np.concatenate([np.arange(k - 1), tail])
        right = np.zeros((self.size, keep.size))
        right[keep, np.arange(keep.size)] = 1
        if tail.size and float(np.abs(p[tail]).max()) > 25:
            raise RatingError("item effects: the order effect or the ties have no finite estimate")
        inverse = _factor(a).solve(right)[keep]
        grown = np.zeros((k + tail.size, keep.size))
        grown[1:k, : k - 1] = np.eye(k - 1)
        grown[:k] -= grown[:k].mean(axis=0)
        grown[k:, k - 1 :] = np.eye(tail.size)
        v = grown @ inverse @ grown.T
        s = np.concatenate([[0.0], p[: k - 1]])
        tie = None
        if self.ties:
            power = float(np.exp(p[-1]))
            tie = power if self.model == "davidson" else 1 + power
        return ItemEffects(
            self.model, self.counts, s - s.mean(), (v + v.T)[:k, :k] / 2, sd,
            float(p[k - 1 + self.effects]) if self.order_effect else None, tie,
            float(p[-1]) if self.ties else None, np.diag(v)[k:], marginal, self.effects,
            self.items, proof,
        )  # fmt: skip


def _factor(a: Any) -> Any:
    from scipy.sparse.linalg import splu

    try:
        return splu(
            a, permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options={"SymmetricMode": True}
        )
    except RuntimeError as e:
        raise RatingError(f"item effects: the information is singular ({e})") from e
