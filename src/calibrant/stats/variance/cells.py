"""Variance components of a table too long to hold row by row: from one line per cell.

A cell is a set of rows that agree in every facet; its number of rows, mean and inner sum of squares
are all that Henderson's method 1 needs. The same estimates as `variance_components(method="anova")`
of the rows, at the cost of the cells.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from calibrant.errors import InputError
from calibrant.stats.variance.components import (
    RESIDUAL,
    VarianceComponent,
    VarianceComponents,
    quadratic_covariance,
)
from calibrant.stats.variance.terms import Floats, Ints, numbers

EXACT_UP_TO = 1200
"""Levels up to which the errors of an unbalanced table are exact; beyond, as if balanced."""

Facets = frozenset[str]


@dataclass(frozen=True)
class Cells:
    """A table of cells, with the partitions that its terms make.

    Attributes:
        count: rows of each cell, at least 1.
        mean: of each cell.
        within: sum of squared deviations from the cell's mean.
        codes: for each closed set of facets, the level of each cell.
        sizes: for each of them, the rows of each level.
    """

    count: Floats
    mean: Floats
    within: Floats
    codes: Mapping[Facets, Ints]
    sizes: Mapping[Facets, Floats]

    @property
    def rows(self) -> int:
        """Rows behind the cells."""
        return int(self.count.sum())

    def parent(self, whole: Facets, part: Facets) -> Ints:
        """For each level of a set of facets, the level of a part of it."""
        found = np.zeros(self.sizes[whole].size, np.int64)
        found[self.codes[whole]] = self.codes[part]
        return found


def cells(
    factors: Mapping[str, Ints],
    sets: Sequence[Facets],
    count: ArrayLike,
    mean: ArrayLike,
    within: ArrayLike,
) -> Cells:
    """Cells from integer labels per facet.

    Args:
        factors: facet → one label (0 or more) per cell.
        sets: the facets of each term; with any two of them their union must be there too.
        count, mean, within: per cell.

    Raises:
        InputError: for numbers that are not finite.
    """
    codes: dict[Facets, Ints] = {}
    sizes: dict[Facets, Floats] = {}
    weight = numbers("count", count)
    for own in sorted(sets, key=len):
        # From the largest part that is already labelled, one facet at a time.
        part = max((s for s in codes if s < own), key=len, default=frozenset())
        code = codes[part] if part else np.zeros(weight.size, np.int64)
        for name in sorted(own - part):
            column = factors[name]
            code = compact(code * np.int64(column.max() + 1) + column)
        codes[own] = code
        sizes[own] = np.asarray(np.bincount(code, weights=weight), np.float64)
    return Cells(weight, numbers("mean", mean), numbers("within", within), codes, sizes)


def compact(codes: Ints) -> Ints:
    """The same labels as 0, 1, … in their order; without sorting where few numbers are unused."""
    top = int(codes.max()) + 1
    if top > 16 * codes.size + 1000:
        return np.unique(codes, return_inverse=True)[1].astype(np.int64)
    used = np.zeros(top, np.bool_)
    used[codes] = True
    found: Ints = (np.cumsum(used) - 1)[codes]
    return found


def cell_components(
    table: Cells, names: Mapping[Facets, str], *, facets: Sequence[str]
) -> VarianceComponents:
    """Variance components by Henderson's method 1 (Biometrics 9 (1953) 226).

    Standard errors are exact under normality in balanced tables of any size (2 MS² / df per mean
    square, Brennan, *Generalizability Theory*, 2001, section 6.1.2) and in others of up to
    `EXACT_UP_TO` levels; larger ones take mean squares as independent, as in a balanced table.

    Args:
        table: from `cells`.
        names: facets of each term → its name, the residual left out.
        facets: of the table, in order.

    Raises:
        InputError: if terms cannot be told apart, rows do not vary, or no residual is left.
    """
    n = table.rows
    if n < 2:
        raise InputError(f"scores: wanted at least 2, got {n}")
    centre = float(table.count @ table.mean) / n
    away = table.mean - centre
    squares = float(table.count @ away**2 + table.within.sum())
    if squares <= 1e-24 * max(centre**2, 1e-300) * n:
        raise InputError(f"all {n:,} scores are {centre:g}, so there is no variation to divide")
    own = list(names)
    equations = _equations(table, own)
    raw = _solve(table, own, equations, away, squares)
    values = np.maximum(raw, 0.0)
    covariance = _errors(table, own, equations, values)
    spread = np.sqrt(np.maximum(np.diag(covariance), 0.0))
    labels = [*names.values(), RESIDUAL]
    levels = [*(table.sizes[s].size for s in own), n]
    components = tuple(
        VarianceComponent(
            label, float(v), float(r), float(se), int(q), "negative, set to 0" if r < 0 else ""
        )
        for label, v, r, se, q in zip(labels, values, raw, spread, levels, strict=True)
    )
    parts = [
        v * float(table.sizes[s] @ table.sizes[s]) for v, s in zip(values[:-1], own, strict=True)
    ]
    return VarianceComponents(
        components,
        "anova",
        n,
        centre,
        float(np.sqrt((sum(parts) + values[-1] * n) / n**2)),
        None,
        tuple(facets),
        table.count.size < n,
        tuple(tuple(map(float, row)) for row in covariance),
    )


def _equations(table: Cells, own: list[Facets]) -> Floats:
    """Expected sums of squares per unit of each component, as in `components.henderson`."""
    k, n = len(own), table.rows
    found = np.full((k + 1, k + 1), float(n))
    for i, a in enumerate(own):
        found[i, k] = table.sizes[a].size
        for j, b in enumerate(own):
            # Cells of a × b are the levels of their union.
            sizes = table.sizes[a | b]
            found[i, j] = float((sizes**2 / table.sizes[a][table.parent(a | b, a)]).sum())
    found -= np.array([float(table.sizes[s] @ table.sizes[s]) / n for s in own] + [1.0])
    scale = np.maximum(np.abs(found).max(axis=0), 1e-300)
    if np.linalg.cond(found / scale) > 1e11:
        raise InputError("the facets cannot be told apart in this table")
    return found


def _solve(
    table: Cells, own: list[Facets], equations: Floats, away: Floats, squares: float
) -> Floats:
    """The components whose expected sums of squares are those observed."""
    observed = [
        float((np.bincount(table.codes[s], weights=table.count * away) ** 2 / table.sizes[s]).sum())
        for s in own
    ]
    raw: Floats = np.linalg.solve(equations, np.array([*observed, squares]))
    # What is 0 in exact arithmetic must not come out as a tiny component of either sign.
    raw[np.abs(raw) < 1e-11 * squares / table.rows] = 0.0
    return raw


def _errors(table: Cells, own: list[Facets], equations: Floats, values: Floats) -> Floats:
    """Sampling covariances of the raw components."""
    levels = [table.sizes[s].size for s in own]
    if not balanced(table, own) and sum(levels) <= EXACT_UP_TO:
        back = np.linalg.inv(equations)
        exact: Floats = back @ _exact(table, own, values) @ back.T
        return exact
    # What each term's sum of squares adds to those of the terms that it holds: independent
    # multiples of chi-squared if balanced. Expectations are those of this very table.
    sizes = np.array([*levels, table.rows], dtype=float)
    order: list[Facets | None] = [*own, None]
    df, added = sizes - 1.0, equations.copy()
    for i in sorted(range(len(order)), key=lambda i: len(own[i]) if i < len(own) else 99):
        for j, held in enumerate(own):
            if i != j and (i == len(own) or held < own[i]):
                df[i] -= df[j]
                added[i] -= added[j]
    back = np.linalg.inv(added)
    found: Floats = back @ np.diag(2 * (added @ values) ** 2 / np.maximum(df, 1.0)) @ back.T
    return found


def balanced(table: Cells, own: Sequence[Facets]) -> bool:
    """Whether all levels of a term have equally many rows, and terms meet in every combination."""
    if np.ptp(table.count) > 0 or any(np.ptp(table.sizes[s]) > 0 for s in own):
        return False
    many = {s: size.size for s, size in table.sizes.items()}
    return all(many[a | b] * many.get(a & b, 1) == many[a] * many[b] for a in many for b in many)


def _exact(table: Cells, own: list[Facets], values: Floats) -> Floats:
    """Covariances of the sums of squares, from the cells."""
    levels = [table.sizes[s].size for s in own]
    starts = np.cumsum([1, *levels])
    w = np.zeros((int(starts[-1]), int(starts[-1])))
    w[0, 0] = table.rows
    for i, a in enumerate(own):
        at = slice(starts[i], starts[i + 1])
        w[0, at] = w[at, 0] = table.sizes[a]
        for j, b in enumerate(own):
            row, column = (table.parent(a | b, part) for part in (a, b))
            # Levels of the union are different pairs, so no entry is set twice.
            w[starts[i] + row, starts[j] + column] = table.sizes[a | b]
    return quadratic_covariance(w, levels, table.rows, values)


__all__ = ["EXACT_UP_TO", "Cells", "balanced", "cell_components", "cells", "compact"]
