"""Which item effects need no sampling? Items that are integrated out by quadrature.

Given means and scales, items are independent, and a cell's likelihood depends on its item only
through one number. So the item effects, and within them the effects of item and subject, are
integrated on a grid: first the likelihood of each kind of cell at each node, then for each kind
of item the sum over its cells. A posterior in thousands of dimensions becomes one in a handful.
The trapezium rule is used, whose error on smooth, vanishing integrands falls exponentially
(Trefethen and Weideman, SIAM Review 56 (2014) 385). For normal scores the integrals are exact.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from calibrant.stats.hierarchical.model import Floats, Ints, Model

ITEMS = ("item", "item:subject")
"""Terms that can be integrated out."""

EVALUATIONS = 400_000
"""Kinds of cell × nodes above which sampling the effects is quicker."""

PRODUCTS = 4_000_000
"""Kinds of item × kinds of cell above which the same holds."""

REACH = 5.0
"""Standard deviations to which the grid goes: one effect in a million lies beyond."""

WIDEST = 1.5
"""The scale, in units of the prior's, for which the spacing makes errors of a thousandth."""


@dataclass(frozen=True)
class Integrated:
    """How items are integrated out.

    Attributes:
        has: whether item and item:subject are terms.
        cells: a cell of each kind ("row").
        rows: patterns × rows: cells of each kind in an item of each pattern.
        times: items of each pattern.
        pattern: the pattern of each item.
        row: the row of each cell.
        base: a row of each predictor that occurs.
        of: the predictor of each row.
        outer, inner: nodes and log weights for item and item:subject.
    """

    has: tuple[bool, bool]
    cells: Ints
    rows: Floats
    times: Floats
    pattern: Ints
    row: Ints
    base: Ints
    of: Ints
    outer: tuple[Floats, Floats]
    inner: tuple[Floats, Floats]


def integrate(model: Model, *, fixed: bool = False) -> Integrated | None:
    """How to integrate the items of a model out, or None if their effects must be sampled.

    Args:
        fixed: make array sizes depend on the layout and not on the scores, so that many data
            sets of one layout go through one compiled program.
    """
    item, both = (model.term(name) for name in ITEMS)
    nested = both is None or both.levels == model.n.size
    if (item is None and both is None) or not nested or model.term("answer") is not None:
        return None
    code = model.item if item is None else item.codes
    alike: list[Any] = [t.codes for t in model.terms if t.name not in ITEMS]
    alike.append(model.instrument)
    cells, row = _kinds([*alike, model.n, model.total])
    base, of = _kinds([c[cells] for c in alike])
    items = int(code.max()) + 1
    if model.family == "normal":
        # Sums per item are exact whatever the rows, so that each item is its own pattern.
        if items * row.size > PRODUCTS:
            return None
        rows = np.zeros((items, row.size))
        rows[code, np.arange(row.size)] = 1.0
        one = np.zeros(1), np.zeros(1)
        every = np.arange(row.size)
        return Integrated((item is not None, both is not None), every, rows, np.ones(items),
                          np.arange(items), every, every, every, one, one)  # fmt: skip
    if items * cells.size > 4 * PRODUCTS:
        return None
    table = np.zeros((items, cells.size))
    np.add.at(table, (code, row), 1.0)
    rows, pattern, times = np.unique(table, axis=0, return_inverse=True, return_counts=True)
    p = np.full(model.n.size, 0.5) if fixed else (model.total + 0.5) / (model.n + 1)
    info = model.n * p * (1 - p)
    outer = grid(float(np.bincount(code, info).max()), model.priors.item) if item else grid(0, 0)
    inner = grid(float(info.max()), model.priors.item_subject) if both else grid(0, 0)
    if rows.size > PRODUCTS or cells.size * outer[0].size * inner[0].size > EVALUATIONS:
        return None
    found = Integrated((item is not None, both is not None), cells, rows, times.astype(float),
                       pattern.ravel(), row, base, of, outer, inner)  # fmt: skip
    if not fixed:
        return found
    return _pad(found, min(model.n.size, base.size * int(model.n.max() + 1)), items)


def _pad(block: Integrated, kinds: int, patterns: int) -> Integrated:
    """Add kinds of cell that no item has, and kinds of item that do not occur."""
    more, absent = kinds - block.cells.size, patterns - block.times.size
    return replace(
        block,
        cells=np.pad(block.cells, (0, more), mode="edge"),
        of=np.pad(block.of, (0, more), mode="edge"),
        rows=np.pad(block.rows, ((0, absent), (0, more))),
        times=np.pad(block.times, (0, absent)),
    )


def _kinds(columns: list[Any]) -> tuple[Ints, Ints]:
    """The first of each kind of row of some columns, and the kind of each row."""
    stacked = np.column_stack(columns)
    _, first, kind = np.unique(stacked, axis=0, return_index=True, return_inverse=True)
    return first.astype(np.int64), kind.ravel().astype(np.int64)


def grid(information: float, scale: float) -> tuple[Floats, Floats]:
    """Nodes and log weights to integrate over a standard normal effect.

    Args:
        information: Fisher information of the scores about the predictor, at most.
        scale: of the effect, by its prior; 0 for no effect, which has one node.
    """
    if scale == 0:
        return np.zeros(1), np.zeros(1)
    narrow = 1 / math.sqrt(1 + information * (WIDEST * scale) ** 2)
    half = max(7, math.ceil(REACH / (1.6 * narrow)))
    nodes = np.linspace(-REACH, REACH, 2 * half + 1)
    log = -0.5 * nodes**2
    return nodes, log - math.log(float(np.exp(log).sum()))
