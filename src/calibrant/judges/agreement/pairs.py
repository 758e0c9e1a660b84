"""How far does each pair of graders agree, and does any pair agree less than by chance?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, stdtr

from calibrant.judges.labels import Labels
from calibrant.stats.agreement.estimate import Coefficient, estimate
from calibrant.stats.agreement.ratios import Ratio, Weights, cohen, distances
from calibrant.stats.estimates.rates import bounds
from calibrant.stats.tails import hypergeometric_cdf

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

MOST_PAIRED = 60
"""Graders above which pairs are not compared one by one."""


@dataclass(frozen=True, eq=False)
class Table:
    """The labels of two graders on the items that both labelled.

    Attributes:
        one, two: numbers of the graders.
        cells: shape (categories, categories), items by the first's label and the second's.
        cluster: shape (clusters, categories, categories), the same per cluster; None if items
            stand alone.
    """

    one: int
    two: int
    cells: Ints
    cluster: Ints | None

    @property
    def items(self) -> int:
        """Items that both labelled."""
        return int(self.cells.sum())


@dataclass(frozen=True)
class Pair:
    """How far two graders agree on the items that both labelled.

    Attributes:
        one, two: the graders.
        items: that both labelled.
        same: share with the same label; None without items. `same_interval`: exact, or None where
            items come in clusters.
        kappa: Cohen's, with the weights of the scale.
        below: p-value of the hypothesis that they agree by chance or better; 1 if untestable.
    """

    one: str
    two: str
    items: int
    same: float | None
    same_interval: tuple[float, float] | None
    kappa: Coefficient
    below: float

    def __repr__(self) -> str:
        return f"{self.one} and {self.two}: {self.kappa!r}"

    def to_dict(self) -> dict[str, Any]:
        """The fields as plain data."""
        return {**self.__dict__, "kappa": self.kappa.to_dict()}


def tables(labels: Labels) -> Iterator[Table]:
    """The table of every pair of graders."""
    matrix, size = labels.matrix(), len(labels.categories)
    for one, two in combinations(range(len(labels.graders)), 2):
        both = (matrix[:, one] >= 0) & (matrix[:, two] >= 0)
        cell = matrix[both, one] * size + matrix[both, two]
        cells = np.bincount(cell, minlength=size * size).reshape(size, size)
        if labels.cluster is None:
            yield Table(one, two, cells, None)
            continue
        which = np.unique(labels.cluster[both], return_inverse=True)[1]
        many = int(which.max()) + 1 if which.size else 0
        found = np.bincount(which * size * size + cell, minlength=many * size * size)
        yield Table(one, two, cells, found.reshape(many, size, size))


def pair(
    labels: Labels, table: Table, weights: Weights, values: Floats | None, level: float
) -> Pair:
    """One pair of graders: agreement, Cohen's kappa and the test for less than chance."""
    items, same = table.items, int(np.trace(table.cells))
    ends = None
    if items and table.cluster is None:
        low, high = bounds(same, items, level=level)
        ends = float(low), float(high)
    found = pair_kappa(table, weights, values, level)
    return Pair(
        labels.graders[table.one], labels.graders[table.two], items,
        same / items if items else None, ends, found,
        below_chance(table, weights, values, found),
    )  # fmt: skip


def pair_kappa(table: Table, weights: Weights, values: Floats | None, level: float) -> Coefficient:
    """Cohen's kappa of a table, by clusters where there are some."""
    ratio, times = cohen(table.cells, weights=weights, values=values)
    if table.cluster is None:
        return estimate(ratio, level=level, times=times)
    rows = table.cluster.reshape(len(table.cluster), -1).astype(np.float64)
    grouped = replace_rows(ratio, rows)
    return estimate(grouped, level=level, cluster=np.arange(len(rows), dtype=np.int64))


def replace_rows(ratio: Ratio, rows: Floats) -> Ratio:
    """The same coefficient on other rows."""
    return replace(ratio, rows=rows, used=np.ones(len(rows), np.bool_))


def below_chance(
    table: Table, weights: Weights, values: Floats | None, found: Coefficient
) -> float:
    """P-value of the hypothesis that two graders agree by chance or better.

    With clusters, of kappa by its clustered standard error and Student's t. Else given how often
    each grader says what, when one grader's labels are dealt out at random: exactly for two
    categories (Fisher), else by the exact mean and variance of the agreement and a normal tail.
    """
    if table.cluster is not None:
        clusters = len(table.cluster)
        if found.value is None or clusters < 3:
            return 1.0
        # No two clusters differ: only the sign of each of them is left to go by.
        floor = 0.5 ** (clusters - 1)
        if found.standard_error is None:
            return floor if found.value < 0 else 1.0
        # The standard error is only as good as the number of clusters that it rests on.
        df = min(clusters - 1.0, found.rests_on or 1.0)
        return max(float(stdtr(df, found.value / found.standard_error)), floor)
    used = (table.cells.sum(axis=0) + table.cells.sum(axis=1)) > 0
    if used.sum() < 2 or table.items < 2:
        return 1.0
    if used.sum() == 2:
        return fisher(table.cells[np.ix_(used, used)])[0]
    near = 1 - distances(len(used), weights, values)
    return _dealt(table.cells, near, 0.5 if weights == "identity" else 0.0)


def fisher(cells: Ints) -> tuple[float, float]:
    """P of so little agreement or less in a 2 × 2 table with its margins, and the least P there is.

    Args:
        cells: shape (2, 2), agreement on the diagonal.
    """
    n, row, column = int(cells.sum()), int(cells[0].sum()), int(cells[:, 0].sum())
    least = max(0, row + column - n)
    if n == 0 or least == min(row, column):
        return 1.0, 1.0
    return (
        hypergeometric_cdf(int(cells[0, 0]), row, n, column),
        hypergeometric_cdf(least, row, n, column),
    )


def _dealt(cells: Ints, near: Floats, step: float) -> float:
    """Lower tail of Σ near over items when labels are dealt at random; `step`: continuity."""
    n = int(cells.sum())
    one, two = cells.sum(axis=1) / n, cells.sum(axis=0) / n
    centred = near - (near @ two)[:, None] - (one @ near)[None, :] + float(one @ near @ two)
    variance = n * n / (n - 1) * float(one @ centred**2 @ two)
    if variance <= 1e-12:
        return 1.0
    seen, mean = float((cells * near).sum()), n * float(one @ near @ two)
    return float(ndtr((seen + step - mean) / variance**0.5))


def against_rest(matrix: Ints, near: Floats) -> list[float]:
    """P-values that each grader agrees with all others together by chance or better.

    One grader's labels are dealt out at random over the items it labelled; the agreement with
    what the others said there has a known mean and variance (Hoeffding, Ann. Math. Stat. 22 (1951)
    558) and a nearly normal tail. 1 where it cannot be asked.

    Args:
        matrix: shape (items, graders), categories; -1 for none.
        near: shape (categories, categories), weights of agreement.
    """
    size = len(near)
    item, grader = np.nonzero(matrix >= 0)
    code = matrix[item, grader]
    every = np.bincount(item * size + code, minlength=len(matrix) * size)
    every = every.reshape(len(matrix), size)
    found = []
    for g in range(matrix.shape[1]):
        mine = item[grader == g]
        label = matrix[mine, g]
        others = every[mine] - np.eye(size, dtype=np.int64)[label]
        both = others.sum(axis=1) > 0
        found.append(_rest(label[both], others[both] @ near))
    return found


def _rest(label: Ints, others: Floats) -> float:
    n = label.size
    if n < 2:
        return 1.0
    share = np.bincount(label, minlength=others.shape[1]) / n
    centred = others - others.mean(axis=0)
    centred = centred - (centred @ share)[:, None]
    variance = n / (n - 1) * float((centred**2).sum(axis=0) @ share)
    if variance <= 1e-12:
        return 1.0
    seen = float(others[np.arange(n), label].sum())
    mean = float(others.sum(axis=0) @ share)
    return float(ndtr((seen - mean) / variance**0.5))
