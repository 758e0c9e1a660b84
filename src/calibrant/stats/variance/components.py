"""Where does the spread of scores come from? Variance components of a long table of trials.

The model is y = mean + one random effect for each term + residual, all independent. A term is a
partition of the rows: a facet ("item"), an interaction ("item:grader"), or a nested facet
("variant/item": the variants of one item have nothing to do with those of another). Balanced and
unbalanced tables are treated alike, by expected mean squares or by REML.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import gammainccinv, ndtri

from calibrant.errors import InputError
from calibrant.stats.variance.reml import fit
from calibrant.stats.variance.terms import Floats, Terms, prepare

Method = Literal["reml", "anova"]

RESIDUAL = "residual"
DENSE_LIMIT = 3000
"""Levels above which matrices of levels × levels are not formed."""


@dataclass(frozen=True)
class VarianceComponent:
    """One variance component.

    Attributes:
        term: as given, or "residual".
        estimate: at least 0, in squared units of the response; None if it cannot be estimated.
        raw: the estimate before a negative value was set to 0; None if it cannot be estimated.
        se: large-sample standard error; None if unknown.
        levels: number of levels of the term; of rows, for the residual.
        note: why the estimate is missing or was set to 0; else empty.
    """

    term: str
    estimate: float | None
    raw: float | None
    se: float | None
    levels: int
    note: str = ""

    def interval(self, level: float = 0.95) -> tuple[float, float]:
        """An approximate interval, at least 0.

        A positive estimate is taken as a multiple of chi-squared with Satterthwaite's degrees of
        freedom, 2 (estimate / se)² (Satterthwaite, Biometrics Bulletin 2 (1946) 110). Below half
        a degree of freedom that says nothing, and the interval goes from 0 to the normal limit.

        Raises:
            InputError: if the component has no estimate or no standard error, or for a level
                outside 0–1.
        """
        if not 0 < level < 1:
            raise InputError(f"level: wanted strictly between 0 and 1, got {level!r}")
        if self.estimate is None or self.raw is None or self.se is None:
            raise InputError(f"{self.term}: no interval, as {self.note or 'its error is unknown'}")
        if self.estimate <= 0.5 * self.se:
            return 0.0, max(0.0, self.raw + float(ndtri((1 + level) / 2)) * self.se)
        shape = (self.estimate / self.se) ** 2  # half the degrees of freedom
        tail = (1 - level) / 2
        low = shape * self.estimate / float(gammainccinv(shape, tail))
        lowest = float(gammainccinv(shape, 1 - tail))
        return low, shape * self.estimate / lowest if lowest > 0 else float("inf")

    def __repr__(self) -> str:
        if self.estimate is None:
            return f"{self.term}: {self.note}"
        error = "" if self.se is None else f" ± {self.se:.3g}"
        return f"{self.term}: {self.estimate:.5g}{error}" + (f" ({self.note})" if self.note else "")


@dataclass(frozen=True)
class VarianceComponents:
    """All components of one table.

    Attributes:
        components: in the order of the terms, the residual last.
        method: "reml" or "anova".
        n: rows.
        mean: the estimated mean; generalised least squares under REML, else the plain mean.
        mean_se: its standard error given the components.
        criterion: minus twice the restricted log-likelihood; None for "anova".
        facets: the factors of the table, in order.
        replicated: whether some combination of all factors holds several rows.
        covariance: sampling covariances of the raw estimates that exist, in order; None if unknown.
    """

    components: tuple[VarianceComponent, ...]
    method: Method
    n: int
    mean: float
    mean_se: float
    criterion: float | None
    facets: tuple[str, ...]
    replicated: bool
    covariance: tuple[tuple[float, ...], ...] | None

    def __getitem__(self, term: str) -> VarianceComponent:
        for c in self.components:
            if c.term == term:
                return c
        raise InputError(f"term: wanted one of {[c.term for c in self.components]}, got {term!r}")

    def estimates(self) -> dict[str, float]:
        """The components that could be estimated."""
        return {c.term: c.estimate for c in self.components if c.estimate is not None}

    def shares(self) -> dict[str, float]:
        """Each component as a share of the total variance of one trial, 0–1."""
        found = self.estimates()
        total = sum(found.values())
        return {t: v / total if total > 0 else 0.0 for t, v in found.items()}

    def to_dict(self) -> dict[str, Any]:
        """Plain data, ready for JSON."""
        return {
            "method": self.method,
            "n": self.n,
            "mean": self.mean,
            "mean_se": self.mean_se,
            "criterion": self.criterion,
            "facets": list(self.facets),
            "replicated": self.replicated,
            "components": [
                {
                    "term": c.term,
                    "estimate": c.estimate,
                    "raw": c.raw,
                    "se": c.se,
                    "levels": c.levels,
                    "note": c.note,
                }
                for c in self.components
            ],
            "covariance": None if self.covariance is None else [list(r) for r in self.covariance],
        }

    def __repr__(self) -> str:
        inside = "; ".join(map(repr, self.components))
        how = "REML" if self.method == "reml" else "expected mean squares"
        return f"Variance components of {self.n} trials by {how}: {inside}"


def variance_components(
    factors: Mapping[str, ArrayLike],
    response: ArrayLike,
    terms: Sequence[str],
    *,
    method: Method = "reml",
) -> VarianceComponents:
    """Estimate the variance that each term adds to one trial.

    Args:
        factors: facet name → one integer label per row.
        response: one finite number per row.
        terms: such as `["item", "grader", "item:grader", "variant/item"]`. "a:b" has a level for
            each combination that occurs; "a/b" (a within b) is the same partition and says that
            a has no main effect. The residual is added last and must not be a term of its own: a
            term with one row in every level is refused.
        method: "reml", restricted maximum likelihood with components kept at 0 or above
            (Patterson and Thompson, Biometrika 58 (1971) 545; average information by Gilmour,
            Thompson and Cullis, Biometrics 51 (1995) 1440), or "anova": Henderson's method 1
            (Biometrics 9 (1953) 226; Searle, Casella and McCulloch, *Variance Components*, 1992,
            section 5.3), unbiased for any pattern of cells, and the usual analysis of variance
            when the table is balanced.

    Returns:
        Components with standard errors. Those of "anova" are 2 tr(A V A V) under normality with
        the estimates put in; those of REML are from the average information, and a component at 0
        has none. A facet with one
        level gives a component that says it cannot be estimated; its variance sits in the mean.

    Raises:
        InputError: for columns of unequal length, labels that are not integers, numbers that are
            not finite, unknown facets, terms that cannot be told apart, fewer than 2 rows, a
            response that does not vary or leaves no residual, or more levels than can be handled.
    """
    if method not in ("reml", "anova"):
        raise InputError(f"method: wanted 'reml' or 'anova', got {method!r}")
    table = prepare(factors, response, terms)
    raw, covariance = henderson(table, errors=method == "anova")
    criterion: float | None = None
    if method == "reml":
        found = fit(table, raw)
        values, covariance, criterion = found.values, found.covariance, found.criterion
        raw, mean, mean_se = values, table.centre + found.mean, found.mean_se
        zero = "at the boundary, without a standard error"
    else:
        values = np.maximum(raw, 0.0)
        mean, mean_se = table.centre, _plain_mean_se(table, values)
        zero = "negative, set to 0"
    components = _assemble(table, terms, values, raw, covariance, zero)
    return VarianceComponents(
        components,
        method,
        table.n,
        float(mean),
        float(mean_se),
        criterion,
        tuple(factors),
        table.replicated,
        None
        if covariance is None or np.isnan(covariance).any()
        else tuple(tuple(map(float, r)) for r in covariance),
    )


def _assemble(
    table: Terms,
    terms: Sequence[str],
    values: Floats,
    raw: Floats,
    covariance: Floats | None,
    zero: str,
) -> tuple[VarianceComponent, ...]:
    """Components in the order of the terms, with those that have one level put back."""
    spread = None if covariance is None else np.sqrt(np.maximum(np.diag(covariance), 0.0))
    position = {t: i for i, t in enumerate([*table.names, RESIDUAL])}
    found = []
    for term in [*terms, RESIDUAL]:
        if term in table.single:
            note = "cannot be estimated: the table has one level of it"
            found.append(VarianceComponent(term, None, None, None, 1, note))
            continue
        i = position[term]
        value = float(values[i])
        levels = table.n if term == RESIDUAL else table.levels[i]
        se = None if spread is None or np.isnan(spread[i]) else float(spread[i])
        note = zero if value == 0 else ""
        found.append(VarianceComponent(term, value, float(raw[i]), se, levels, note))
    return tuple(found)


def henderson(table: Terms, *, errors: bool) -> tuple[Floats, Floats | None]:
    """Henderson's method 1: raw components (residual last) and their sampling covariance.

    The equations set T(term) - T(mean) and T(rows) - T(mean) to their expectations, where T is
    the sum over levels of (level total)² / (level size).
    """
    n, y = table.n, table.y
    k = len(table.codes)
    coefficients = np.zeros((k + 1, k + 1))
    observed = np.zeros(k + 1)
    base = np.array([float((c**2).sum()) / n for c in table.sizes] + [1.0])
    for i, (codes, sizes) in enumerate(zip(table.codes, table.sizes, strict=True)):
        totals = np.bincount(codes, weights=y, minlength=sizes.size)
        observed[i] = float((totals**2 / sizes).sum())
        coefficients[i] = [_cross(table, i, j) for j in range(k)] + [float(sizes.size)]
    observed[k] = float(y @ y)
    coefficients[k] = float(n)
    coefficients -= base  # T(mean) of a centred response is 0
    scale = np.maximum(np.abs(coefficients).max(axis=0), 1e-300)
    if np.linalg.cond(coefficients / scale) > 1e12:
        raise InputError(f"terms {list(table.names)}: cannot be told apart in this table")
    inverse = np.linalg.inv(coefficients)
    raw = inverse @ observed
    # What is 0 in exact arithmetic must not come out as a tiny component of either sign.
    raw[np.abs(raw) < 1e-12 * float(y @ y) / n] = 0.0
    if not errors or sum(table.levels) > DENSE_LIMIT:
        return raw, None
    z = table.indicators()
    together = np.asarray((z.T @ z).todense())
    squares = quadratic_covariance(together, table.levels, table.n, np.maximum(raw, 0.0))
    return raw, inverse @ squares @ inverse.T


def _cross(table: Terms, i: int, j: int) -> float:
    """Sum over cells of (rows in cell)² / (rows in its level of term i), cells being i × j."""
    if i == j:
        return float(table.n)
    a, b = table.codes[i], table.codes[j]
    cells, counts = np.unique(a * np.int64(table.levels[j]) + b, return_counts=True)
    sizes = table.sizes[i][cells // table.levels[j]]
    return float((counts.astype(float) ** 2 / sizes).sum())


def quadratic_covariance(together: Floats, levels: Sequence[int], n: int, values: Floats) -> Floats:
    """Covariances of the sums of squares: 2 tr(A V A' V) through levels × levels matrices.

    Each A is Z C Z' with C diagonal, Z the indicators of all levels and of the mean, so that the
    trace is c'(S∘S)c' with S = Z'VZ. Only the total sum of squares has A = I - (mean part).

    Args:
        together: Z'Z, the rows that two levels share; the first row and column is the mean.
        levels: of each term.
        n: rows.
        values: the components, residual last.
    """
    w = together
    sizes = np.diag(w)
    starts = np.cumsum([1, *levels])
    k = len(levels)
    g = np.zeros(w.shape[0])
    c = np.zeros((k + 1, w.shape[0]))  # last row: the mean part alone
    c[:, 0] = -1.0 / n
    for i in range(k):
        block = slice(starts[i], starts[i + 1])
        g[block] = values[i]
        c[i, block] = 1.0 / sizes[block]
    error = values[k]
    wg = w * g
    wgw = wg @ w
    s = wgw + error * w
    squares = c @ (s**2) @ c.T
    # Z'V²Z, of which only the diagonal meets the diagonal C.
    v2 = np.einsum("ij,ji->i", wg, wgw) + 2 * error * np.diag(wgw) + error**2 * sizes
    with_total = c @ v2
    squares[k, :] += with_total
    squares[:, k] += with_total
    squares[k, k] += (
        float(np.einsum("ij,ji->", wg, wg)) + 2 * error * float(np.diag(wg).sum()) + error**2 * n
    )
    found: Floats = 2.0 * squares
    return found


def _plain_mean_se(table: Terms, values: Floats) -> float:
    """Standard error of the plain mean, given the components."""
    parts = [
        v * float((s.astype(float) ** 2).sum()) for v, s in zip(values, table.sizes, strict=False)
    ]
    return float(np.sqrt((sum(parts) + values[-1] * table.n) / table.n**2))


__all__ = [
    "RESIDUAL",
    "Method",
    "VarianceComponent",
    "VarianceComponents",
    "henderson",
    "quadratic_covariance",
    "variance_components",
]
