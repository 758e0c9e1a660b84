"""Where does the uncertainty of a number come from? Budgets by the GUM.

First-order combination of Type A and Type B components with Welch–Satterthwaite degrees of freedom
(JCGM 100:2008, 5.1, 5.2, annex G). For models that are not near linear see `budget_montecarlo`;
for rates near zero, where squares must not be added, see `budget_rates`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf, isfinite, isinf, sqrt
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtri, stdtrit

from calibrant.errors import InputError
from calibrant.stats.variance.terms import Floats, numbers

Kind = Literal["A", "B"]
Distribution = Literal["normal", "t", "rectangular", "triangular", "u-shaped"]

DIVISORS = {
    "rectangular": sqrt(3.0),
    "triangular": sqrt(6.0),
    "u-shaped": sqrt(2.0),
}
"""Half width / standard uncertainty (JCGM 100:2008, 4.3.7, 4.3.9; arc sine: JCGM 101 6.4.6)."""


@dataclass(frozen=True)
class Component:
    """One source of uncertainty.

    Attributes:
        source: what it comes from, such as "items" or "grader".
        kind: "A", from statistics of this measurement; "B", from anything else, declared.
        u: standard uncertainty of the source, 0 or more, in its own unit.
        sensitivity: change of the result per unit of the source (the GUM's c).
        df: degrees of freedom behind `u`, above 0; infinite if `u` is taken as known.
        distribution: shape of the source; kept for the record and for Monte Carlo.

    Raises:
        InputError: for values outside these ranges.
    """

    source: str
    kind: Kind
    u: float
    sensitivity: float = 1.0
    df: float = inf
    distribution: Distribution = "normal"

    def __post_init__(self) -> None:
        where = f"component {self.source!r}"
        if not self.source:
            raise InputError("component: wanted a source, got an empty name")
        if self.kind not in ("A", "B"):
            raise InputError(f"{where}: wanted kind 'A' or 'B', got {self.kind!r}")
        if not (isfinite(self.u) and self.u >= 0):
            raise InputError(f"{where}: wanted u finite and 0 or more, got {self.u!r}")
        if not isfinite(self.sensitivity):
            raise InputError(f"{where}: wanted a finite sensitivity, got {self.sensitivity!r}")
        if not self.df > 0:
            raise InputError(f"{where}: wanted df above 0, got {self.df!r}")
        if self.distribution not in ("normal", "t", *DIVISORS):
            raise InputError(f"{where}: unknown distribution {self.distribution!r}")

    @classmethod
    def from_limits(
        cls,
        source: str,
        half_width: float,
        distribution: Distribution = "rectangular",
        *,
        sensitivity: float = 1.0,
        df: float = inf,
    ) -> Component:
        """A Type B component known to lie within ± `half_width` (JCGM 100:2008, 4.3.7).

        Raises:
            InputError: for a distribution without limits or a half width below 0.
        """
        if distribution not in DIVISORS:
            raise InputError(
                f"component {source!r}: wanted one of {list(DIVISORS)}, got {distribution!r}"
            )
        u = half_width / DIVISORS[distribution]
        return cls(source, "B", u, sensitivity, df, distribution)

    @property
    def contribution(self) -> float:
        """Signed contribution to the result, sensitivity × u, in the result's unit."""
        return self.sensitivity * self.u


def df_from_doubt(relative: float) -> float:
    """Degrees of freedom of a Type B uncertainty that is itself uncertain by a fraction.

    1 / (2 relative²), JCGM 100:2008, G.4.2: 0.25 (doubtful by a quarter) gives 8; 0 gives infinity.

    Raises:
        InputError: unless 0 ≤ relative < ∞.
    """
    if not (isfinite(relative) and relative >= 0):
        raise InputError(f"relative: wanted 0 or more, got {relative!r}")
    return inf if relative == 0 else 0.5 / relative**2


@dataclass(frozen=True)
class Budget:
    """A value with its combined uncertainty.

    Attributes:
        value: the result.
        u: combined standard uncertainty, in the result's unit.
        df: effective degrees of freedom; infinite if no component is in doubt.
        components: the sources.
        shares: each one's share of u²; they add to 1. With correlations a share can be negative.
        correlation: of the sources; None if independent.
    """

    value: float
    u: float
    df: float
    components: tuple[Component, ...]
    shares: tuple[float, ...]
    correlation: tuple[tuple[float, ...], ...] | None = None

    def coverage_factor(self, level: float = 0.95) -> float:
        """Student's t factor for the effective degrees of freedom (JCGM 100:2008, G.3)."""
        if not 0 < level < 1:
            raise InputError(f"level: wanted strictly between 0 and 1, got {level!r}")
        p = (1 + level) / 2
        return float(ndtri(p)) if isinf(self.df) else float(stdtrit(self.df, p))

    def expanded(self, level: float = 0.95) -> float:
        """Expanded uncertainty U = k u."""
        return self.coverage_factor(level) * self.u

    def interval(self, level: float = 0.95) -> tuple[float, float]:
        """value ± U."""
        wide = self.expanded(level)
        return self.value - wide, self.value + wide

    def to_dict(self) -> dict[str, Any]:
        """Plain data, ready for JSON; infinite degrees of freedom become None."""

        def finite(x: float) -> float | None:
            return x if isfinite(x) else None

        return {
            "value": self.value,
            "u": self.u,
            "df": finite(self.df),
            "components": [
                {
                    "source": c.source,
                    "kind": c.kind,
                    "u": c.u,
                    "sensitivity": c.sensitivity,
                    "df": finite(c.df),
                    "distribution": c.distribution,
                    "contribution": c.contribution,
                    "share": s,
                }
                for c, s in zip(self.components, self.shares, strict=True)
            ],
            "correlation": None
            if self.correlation is None
            else [list(r) for r in self.correlation],
        }

    def __repr__(self) -> str:
        parts = sorted(zip(self.shares, self.components, strict=True), key=lambda p: -p[0])
        listed = ", ".join(f"{c.source} {s:.0%}" for s, c in parts)
        of = f" ({self.df:.4g} degrees of freedom)" if isfinite(self.df) else ""
        return f"{self.value:.6g} with standard uncertainty {self.u:.3g}{of}: {listed}"


def combine(
    value: float, components: Sequence[Component], *, correlation: ArrayLike | None = None
) -> Budget:
    """Combine components to first order: u² = Σ Σ c_i c_j u_i u_j r_ij (JCGM 100:2008, 5.2.2).

    Degrees of freedom follow Welch–Satterthwaite (G.4.1). That formula needs independent
    estimates; sources tied by correlation are treated as one estimate, which is exact when they are
    means of the same simultaneous observations, and therefore must share one df. Where they have
    different finite df there is no formula, and the call is refused.

    Args:
        value: the result, finite.
        components: at least one, with different sources.
        correlation: square, symmetric, unit diagonal, positive semidefinite.

    Raises:
        InputError: for anything else, or if all uncertainties are 0.
    """
    components = tuple(components)
    if not isfinite(value):
        raise InputError(f"value: wanted a finite number, got {value!r}")
    if not components:
        raise InputError("components: wanted at least one, got none")
    names = [c.source for c in components]
    if len(set(names)) < len(names):
        raise InputError(f"components: wanted different sources, got {names}")
    r = np.eye(len(components)) if correlation is None else correlation_matrix(correlation, names)
    c = np.array([x.contribution for x in components])
    toward = c * (r @ c)
    variance = float(toward.sum())
    if variance <= 1e-14 * float((c**2).sum()):
        raise InputError("components: wanted an uncertainty above 0, got 0 in all")
    return Budget(
        float(value),
        sqrt(variance),
        _welch_satterthwaite(c, r, components, variance),
        components,
        tuple(float(x) for x in toward / variance),
        None if correlation is None else tuple(tuple(map(float, row)) for row in r),
    )


def _welch_satterthwaite(
    c: Floats, r: Floats, components: tuple[Component, ...], variance: float
) -> float:
    total = 0.0
    for group in _tied(r):
        live = [i for i in group if c[i] != 0]
        finite = {components[i].df for i in live if isfinite(components[i].df)}
        if not finite:
            continue
        if len(live) > 1 and (len(finite) > 1 or any(isinf(components[i].df) for i in live)):
            names = [components[i].source for i in live]
            raise InputError(f"components {names}: are correlated, so wanted the same df in all")
        part = float(c[group] @ r[np.ix_(group, group)] @ c[group])
        total += part**2 / finite.pop()
    return variance**2 / total if total > 0 else inf


def _tied(r: Floats) -> list[list[int]]:
    """Groups of sources connected by correlations."""
    left, groups = set(range(len(r))), []
    while left:
        group, front = set(), {min(left)}
        while front:
            group |= front
            front = {int(j) for i in front for j in np.flatnonzero(r[i])} - group
        groups.append(sorted(group))
        left -= group
    return groups


def correlation_matrix(correlation: ArrayLike, names: Sequence[str]) -> Floats:
    """A checked correlation matrix.

    Raises:
        InputError: unless it is finite, symmetric, with ones on the diagonal, within ±1 and
            positive semidefinite, one row for each of `names`.
    """
    r = np.asarray(correlation, dtype=float)
    if r.shape != (len(names), len(names)):
        raise InputError(f"correlation: wanted {len(names)} × {len(names)}, got {r.shape}")
    if not np.isfinite(r).all() or np.abs(r).max() > 1 + 1e-12:
        raise InputError("correlation: wanted finite numbers between -1 and 1")
    if not np.allclose(r, r.T, atol=1e-12) or not np.allclose(np.diag(r), 1, atol=1e-12):
        raise InputError("correlation: wanted it symmetric with ones on the diagonal")
    least = float(np.linalg.eigvalsh(r)[0])
    if least < -1e-8:
        raise InputError(f"correlation: wanted no negative eigenvalue, got {least:.3g}")
    return r


def from_observations(
    model: Any, observations: ArrayLike, names: Sequence[str]
) -> tuple[Budget, ...]:
    """Budgets of functions of simultaneously observed quantities (JCGM 100:2008, H.2).

    Args:
        model: takes the quantities as separate numbers and returns one number or a sequence.
        observations: shape (observations, quantities), at least 2 rows.
        names: of the quantities.

    Returns:
        One budget per result of the model, evaluated at the means, with the correlations of the
        means taken in; degrees of freedom are observations - 1. Sensitivities are numerical
        (central differences, 5.1.3 note 2).

    Raises:
        InputError: for shapes that do not match, numbers that are not finite or do not vary.
    """
    x = np.asarray(observations, dtype=float)
    if x.ndim != 2 or x.shape[0] < 2 or x.shape[1] != len(names):
        raise InputError(f"observations: wanted (≥ 2, {len(names)}), got {x.shape}")
    for i, name in enumerate(names):
        numbers(name, x[:, i])
        if np.ptp(x[:, i]) == 0:
            raise InputError(f"{name}: wanted observations that differ")
    n = x.shape[0]
    means, u = x.mean(axis=0), x.std(axis=0, ddof=1) / sqrt(n)
    r = np.atleast_2d(np.corrcoef(x.T))
    r = (r + r.T) / 2
    np.fill_diagonal(r, 1.0)
    values = np.atleast_1d(np.asarray(model(*means), dtype=float))
    slopes = np.empty((values.size, len(names)))
    for i in range(len(names)):
        step = np.zeros(len(names))
        step[i] = 0.01 * u[i]
        up = np.atleast_1d(np.asarray(model(*(means + step)), dtype=float))
        down = np.atleast_1d(np.asarray(model(*(means - step)), dtype=float))
        slopes[:, i] = (up - down) / (2 * step[i])
    return tuple(
        combine(
            float(v),
            [
                Component(name, "A", float(u[i]), float(row[i]), float(n - 1))
                for i, name in enumerate(names)
            ],
            correlation=r,
        )
        for v, row in zip(values, slopes, strict=True)
    )


def result_correlation(a: Budget, b: Budget) -> float:
    """Correlation of two results of the same sources (JCGM 100:2008, H.2.3).

    Raises:
        InputError: if the sources or their correlations differ.
    """
    if [c.source for c in a.components] != [c.source for c in b.components]:
        raise InputError("budgets: wanted the same sources in the same order")
    if a.correlation != b.correlation:
        raise InputError("budgets: wanted the same correlations")
    x = np.array([c.contribution for c in a.components])
    y = np.array([c.contribution for c in b.components])
    r = np.eye(len(x)) if a.correlation is None else np.array(a.correlation)
    return float(x @ r @ y) / (a.u * b.u)
