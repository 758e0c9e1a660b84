"""Which rows share a level? Terms of a variance model as partitions of the rows of a table."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_array, hstack

from calibrant.errors import InputError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Terms:
    """A checked table.

    Attributes:
        y: the response less its mean, shape (n,).
        centre: that mean.
        names: terms with at least two levels.
        codes: for each of them, the level of each row, 0 … levels - 1.
        sizes: for each of them, the rows of each level.
        single: terms with one level only, which cannot be estimated.
        replicated: whether some combination of all factors holds several rows.
    """

    y: Floats
    centre: float
    names: tuple[str, ...]
    codes: tuple[Ints, ...]
    sizes: tuple[Ints, ...]
    single: frozenset[str]
    replicated: bool

    @property
    def n(self) -> int:
        """Rows."""
        return int(self.y.size)

    @property
    def levels(self) -> tuple[int, ...]:
        """Levels of each term."""
        return tuple(int(s.size) for s in self.sizes)

    def indicators(self) -> Any:
        """Sparse n × (1 + all levels): a column of ones, then the indicators of each term."""
        rows, ones = np.arange(self.n), np.ones(self.n)
        parts = [csr_array(np.ones((self.n, 1)))]
        parts += [
            csr_array((ones, (rows, c)), shape=(self.n, q))
            for c, q in zip(self.codes, self.levels, strict=True)
        ]
        return hstack(parts, format="csr")


def parse_term(term: str) -> tuple[str, ...]:
    """Split "a", "a:b" or "a/b" into facet names.

    Raises:
        InputError: for an empty name or a facet named twice.
    """
    facets = tuple(p.strip() for p in re.split("[:/]", term))
    if not all(facets) or len(set(facets)) < len(facets):
        raise InputError(f"term: wanted different facets joined by ':' or '/', got {term!r}")
    return facets


def prepare(factors: Mapping[str, ArrayLike], response: ArrayLike, terms: Sequence[str]) -> Terms:
    """Check a table and its terms, as `variance_components` documents them."""
    y = numbers("response", response)
    if y.size < 2:
        raise InputError(f"response: wanted at least 2 rows, got {y.size}")
    columns = {name: _labels(name, values, y.size) for name, values in factors.items()}
    if len({frozenset(parse_term(t)) for t in terms}) < len(terms):
        raise InputError(f"terms: wanted each once, got {list(terms)}")
    names: list[str] = []
    codes: list[Ints] = []
    sizes: list[Ints] = []
    single: set[str] = set()
    for term in terms:
        code, size = _partition(term, columns)
        if size.size == 1:
            single.add(term)
            continue
        if size.size == y.size:
            raise InputError(
                f"term {term!r}: has one row in every level, so it is the residual; leave it out"
            )
        for other, earlier, n_earlier in zip(names, codes, sizes, strict=True):
            if size.size == n_earlier.size and _same(code, earlier, size.size):
                raise InputError(f"terms {other!r} and {term!r}: group the rows alike")
        names.append(term)
        codes.append(code)
        sizes.append(size)
    centre = float(y.mean())
    y = y - centre
    if float(np.abs(y).max()) <= 1e-13 * max(abs(centre), 1e-300) or not np.any(y):
        raise InputError(f"response: wanted numbers that differ, got {y.size} times {centre:g}")
    cells = _partition(":".join(columns), columns)[1].size if columns else 1
    return Terms(
        y, centre, tuple(names), tuple(codes), tuple(sizes), frozenset(single), cells < y.size
    )


def numbers(where: str, values: ArrayLike) -> Floats:
    """A one-dimensional array of finite numbers.

    Raises:
        InputError: naming the first entry that is not finite.
    """
    try:
        found = np.asarray(values, dtype=float)
    except (TypeError, ValueError):
        raise InputError(f"{where}: wanted numbers, got {type(values).__name__}") from None
    if found.ndim != 1:
        raise InputError(f"{where}: wanted one dimension, got {found.ndim}")
    bad = np.flatnonzero(~np.isfinite(found))
    if bad.size:
        raise InputError(f"{where}[{bad[0]}]: wanted a finite number, got {found[bad[0]]}")
    return found


def _labels(name: str, values: ArrayLike, n: int) -> Ints:
    found = np.asarray(values)
    if found.ndim != 1 or found.size != n:
        raise InputError(f"factor {name!r}: wanted {n} labels, one per row, got {found.shape}")
    if not np.issubdtype(found.dtype, np.integer):
        raise InputError(f"factor {name!r}: wanted integer labels, got {found.dtype}")
    return np.unique(found, return_inverse=True)[1].astype(np.int64)


def _partition(term: str, columns: Mapping[str, Ints]) -> tuple[Ints, Ints]:
    """Level of each row and rows of each level."""
    code: Ints | None = None
    for facet in parse_term(term):
        if facet not in columns:
            raise InputError(f"term {term!r}: wanted facets of {list(columns)}, got {facet!r}")
        column = columns[facet]
        # Relabelled after each facet, so that products of levels cannot overflow.
        joint = column if code is None else code * np.int64(column.max() + 1) + column
        code = np.unique(joint, return_inverse=True)[1].astype(np.int64)
    assert code is not None
    return code, np.bincount(code).astype(np.int64)


def _same(a: Ints, b: Ints, levels: int) -> bool:
    return bool(np.unique(a * np.int64(levels) + b).size == levels)
