"""How strong is each subject? Maximum likelihood on the count table, by Newton's method.

The Hessian has one row per subject and one each for the order effect and the tie parameter; a
fit costs milliseconds however many comparisons there were.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from calibrant.errors import CalibrantError, InputError
from calibrant.ratings.counts import TIE, Counts
from calibrant.ratings.existence import Existence, existence, ties_bound
from calibrant.ratings.likelihood import MODELS, ModelName, Terms
from calibrant.ratings.solve import Matrix, laplacian, solver

Floats = NDArray[np.float64]

TOLERANCE = 1e-10
"""Largest gradient that counts as converged, relative to the busiest subject's comparisons."""

ENDLESS = 3e-8
"""Information on the order effect and ties, relative to the busiest subject's comparisons, below
which they have no finite estimate: a climb that never ends stops at about 1e-9."""

ROUNDS = 100


class RatingError(CalibrantError, ValueError):
    """A rating that does not exist, or was not found."""


@dataclass(frozen=True)
class Convergence:
    """Proof that the maximum was found.

    Attributes:
        gradient: largest absolute derivative of the log-likelihood at the estimate.
        rounds: Newton steps.
        decrement: Newton decrement, twice the log-likelihood still to be gained.
    """

    gradient: float
    rounds: int
    decrement: float


@dataclass(frozen=True)
class Fit:
    """Strengths of subjects with what a covariance needs.

    Attributes:
        model, counts: what was fitted to what.
        parameters: shape (P,): log-strengths of all subjects (they add up to 0), then the order
            effect if asked, then the tie parameter if the model has one.
        order_effect: added to the difference in favour of the left subject, if asked.
        tie: ν of Davidson or θ of Rao–Kupper; None for "bt".
        log_likelihood: at the estimate; without the prior.
        hessian: shape (P, P), of the penalised log-likelihood, negative semi-definite; sparse for
            more than `solve.DENSE` subjects.
        prior_sd: of the normal prior on log-strengths, if one was stated.
    """

    model: ModelName
    counts: Counts
    parameters: Floats
    order_effect: float | None
    tie: float | None
    log_likelihood: float
    hessian: Matrix
    prior_sd: float | None
    convergence: Convergence

    @property
    def strengths(self) -> Floats:
        """Log-strengths, shape (subjects,); they add up to 0."""
        return self.parameters[: len(self.counts.names)]

    @property
    def problem(self) -> Problem:
        """The likelihood that was maximised."""
        return Problem(self.counts, self.model, self.order_effect is not None, self.prior_sd)

    def terms(self) -> Terms:
        """Derivatives of each pair and outcome of `problem.counts` at the estimate."""
        return self.problem.terms(self.parameters)

    def probabilities(self) -> Floats:
        """Shape (subjects, subjects): chance that the row beats the column, a tie counting half,
        averaged over who stands left; ½ on the diagonal."""
        s = self.strengths
        d = (s[:, None] - s[None, :]).ravel()
        shift = self.order_effect or 0.0
        t = float(self.parameters[-1]) if self.tie is not None else 0.0
        size = s.size
        out = np.zeros(d.size)
        for sign in (1, -1):
            p = np.exp(MODELS[self.model](d + sign * shift, t).value)
            out += p[:, 0] + p[:, 2] / 2 if self.tie is not None else p[:, 0]
        return (out / 2).reshape(size, size)

    def __repr__(self) -> str:
        best = int(np.argmax(self.strengths))
        return (
            f"{self.model}: {self.counts!r}; log-likelihood {self.log_likelihood:.4f}, "
            f"strongest {self.counts.names[best]!r}"
        )


def fit(
    counts: Counts,
    model: ModelName = "bt",
    *,
    order_effect: bool = False,
    prior_sd: float | None = None,
    start: Floats | None = None,
) -> Fit:
    """Maximise the likelihood, after checking that a maximum exists.

    Args:
        counts: the comparisons.
        model: "bt" (ties are half wins), "davidson" or "rao-kupper".
        order_effect: also estimate an advantage of standing left.
        prior_sd: a normal prior on the log-strengths with mean 0; with it a maximum always
            exists. It is stated in the result, never added silently.
        start: parameters to start from, such as those of a similar fit.

    Raises:
        RatingError: if no finite maximum exists and no prior is stated, or it was not reached.
        InputError: for fewer than two subjects, no comparisons, or a prior that is not above 0.
    """
    if model not in MODELS:
        raise InputError(f"model: wanted one of {', '.join(MODELS)}, got {model!r}")
    if len(counts.names) < 2:
        raise InputError(f"subjects: wanted at least 2, got {len(counts.names)}")
    if counts.total <= 0:
        raise InputError("comparisons: wanted at least one, got none")
    if prior_sd is not None and not (np.isfinite(prior_sd) and prior_sd > 0):
        raise InputError(f"prior: wanted a standard deviation above 0, got {prior_sd!r}")
    ties = float(counts.outcomes[:, TIE].sum())
    if model != "bt" and not 0 < ties < counts.total:
        raise RatingError(
            f"{model}: wanted some ties and some wins, got {ties:g} ties of {counts.total:g}"
        )
    if prior_sd is None:
        found = existence(counts)
        if not found.exists:
            raise RatingError(_why(found))
        if model != "bt" and not ties_bound(counts):
            raise RatingError(
                f"{model}: the tie parameter has no finite estimate (the subjects can be placed so "
                "that wins are steps and ties are not); state a prior, or use bt"
            )
    problem = Problem(counts, model, order_effect, prior_sd)
    return problem.solve(problem.start() if start is None else np.asarray(start, np.float64))


def _why(found: Existence) -> str:
    return f"{found!r}; state a prior, or rate the pools apart"


class Problem:
    """One likelihood on one count table."""

    def __init__(
        self, counts: Counts, model: ModelName, order_effect: bool, prior_sd: float | None
    ) -> None:
        self.counts = counts if order_effect else counts.unordered()
        self.model: ModelName = model
        self.order_effect = order_effect
        self.prior_sd = prior_sd
        self.subjects = len(counts.names)
        self.ties = model != "bt"
        self.size = self.subjects + order_effect + self.ties

    def start(self) -> Floats:
        parameters = np.zeros(self.size)
        if self.ties:
            share = self.counts.outcomes[:, TIE].sum() / self.counts.total
            parameters[-1] = np.log(2 * share / (1 - share))
        return parameters

    def terms(self, parameters: Floats) -> Terms:
        s = parameters[: self.subjects]
        d = s[self.counts.left] - s[self.counts.right]
        if self.order_effect:
            d = d + parameters[self.subjects]
        return MODELS[self.model](d, float(parameters[-1]) if self.ties else 0.0)

    def objective(self, parameters: Floats, terms: Terms) -> float:
        value = float((self.counts.outcomes * terms.value).sum())
        return value - self._penalty(parameters)

    def _penalty(self, parameters: Floats) -> float:
        if self.prior_sd is None:
            return 0.0
        return float((parameters[: self.subjects] ** 2).sum()) / (2 * self.prior_sd**2)

    def gradient(self, parameters: Floats, terms: Terms) -> Floats:
        n, c = self.counts.outcomes, self.counts
        by_d = (n * terms.d).sum(axis=1)
        g = np.zeros(self.size)
        g[: self.subjects] = np.bincount(c.left, by_d, self.subjects)
        g[: self.subjects] -= np.bincount(c.right, by_d, self.subjects)
        if self.order_effect:
            g[self.subjects] = by_d.sum()
        if self.ties:
            g[-1] = (n * terms.t).sum()
        if self.prior_sd is not None:
            g[: self.subjects] -= parameters[: self.subjects] / self.prior_sd**2
        return g

    def hessian(self, terms: Terms) -> Matrix:
        n = self.counts.outcomes
        mixed = (n * terms.dt).sum(axis=1) if self.ties else None
        second = float((n * terms.tt).sum())
        ridge = 0.0 if self.prior_sd is None else -1 / self.prior_sd**2
        return self.quadratic((n * terms.dd).sum(axis=1), mixed, second, ridge)

    def quadratic(self, dd: Floats, dt: Floats | None, tt: float, ridge: float = 0.0) -> Matrix:
        """Shape (P, P): sum over pairs of dd xxᵀ, with x the pair's row of the design, and ties;
        `ridge` is added to the diagonal of the strengths."""
        c, k = self.counts, self.subjects
        extra = []
        if self.order_effect:
            extra.append(np.bincount(c.left, dd, k) - np.bincount(c.right, dd, k))
        if dt is not None:
            extra.append(np.bincount(c.left, dt, k) - np.bincount(c.right, dt, k))
        corner = np.zeros((len(extra), len(extra)))
        if self.order_effect:
            corner[0, 0] = dd.sum()
        if dt is not None:
            corner[-1, -1] = tt
            if self.order_effect:
                corner[0, 1] = corner[1, 0] = dt.sum()
        border = np.stack(extra, axis=1) if extra else np.zeros((k, 0))
        return laplacian(c.left, c.right, dd, k, border, corner, ridge)

    def solve(self, parameters: Floats) -> Fit:
        """Newton's method with halved steps; the log-likelihood is concave in all but θ of
        Rao–Kupper, where it is so near the maximum."""
        busiest = float(self.counts.wins.sum(axis=1).max())
        terms = self.terms(parameters)
        value = self.objective(parameters, terms)
        for rounds in range(ROUNDS + 1):
            g, h = self.gradient(parameters, terms), self.hessian(terms)
            step = self.step(g, h)
            decrement, largest = float(g @ step), float(np.abs(g).max())
            if largest <= TOLERANCE * busiest and decrement < 1e-12 * max(1.0, abs(value)):
                self.refuse_endless(h, busiest)
                return self._fit(parameters, value, h, Convergence(largest, rounds, decrement))
            scale = 1.0
            while True:
                tried = parameters + scale * step
                tried_terms = self.terms(tried)
                new = self.objective(tried, tried_terms)
                if new >= value - 1e-12 * abs(value) or scale < 1e-10:
                    break
                scale /= 2
            parameters, terms, value = tried, tried_terms, new
        self.refuse_endless(h, busiest)
        raise RatingError(
            f"{self.model}: not converged after {ROUNDS} rounds (gradient {largest:.3g})"
        )

    def refuse_endless(self, h: Matrix, busiest: float) -> None:
        """Refuse an order effect or tie parameter that has no finite estimate.

        Strong connectivity settles the strengths alone. Where the order effect or the tie
        parameter may grow without end, or cannot be told from the strengths, what the data say of
        them beyond the strengths vanishes.
        """
        k = self.subjects
        if self.size == k:
            return
        border, corner = h[:k, k:], h[k:, k:]
        if not isinstance(h, np.ndarray):
            border, corner = border.toarray(), corner.toarray()
        try:
            solve = solver(h[:k, :k], k, grounded=self.prior_sd is None)
            # With a = -h: a_ee - a_es inverse(a_ss) a_se.
            left = -corner - border.T @ solve(np.ascontiguousarray(border))
        except np.linalg.LinAlgError as e:
            raise RatingError(f"{self.model}: the strengths cannot be told apart") from e
        values, vectors = np.linalg.eigh((left + left.T) / 2)
        if values[0] > ENDLESS * busiest:
            return
        weight = np.abs(vectors[:, 0])
        if self.order_effect and (not self.ties or weight[0] >= weight[-1]):
            raise RatingError(
                "order effect: it has no finite estimate, or cannot be told from the strengths "
                "(one side always wins, or pairs are shown in one order only): leave it out"
            )
        raise RatingError(
            f"{self.model}: the tie parameter has no finite estimate (as where whoever ties "
            "never loses): use bt, or gather more comparisons"
        )

    def step(self, g: Floats, h: Matrix) -> Floats:
        """Newton's step; the direction in which all strengths rise together is held at 0."""
        try:
            return solver(h, self.subjects, grounded=self.prior_sd is None)(g)
        except np.linalg.LinAlgError:
            # Far from the maximum a model need not be concave: climb along the gradient.
            return np.asarray(g / max(float(np.abs(h.diagonal()).max()), 1e-12))

    def _fit(self, parameters: Floats, value: float, h: Matrix, proof: Convergence) -> Fit:
        shifted = parameters.copy()
        shifted[: self.subjects] -= shifted[: self.subjects].mean()
        if self.prior_sd is not None:
            shifted = parameters
        tie = None
        if self.ties:
            power = float(np.exp(parameters[-1]))
            tie = power if self.model == "davidson" else 1 + power
        return Fit(
            self.model, self.counts, shifted,
            float(parameters[self.subjects]) if self.order_effect else None,
            tie, value + self._penalty(parameters), h, self.prior_sd, proof,
        )  # fmt: skip
