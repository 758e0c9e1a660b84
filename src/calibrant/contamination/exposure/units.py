"""What was drawn at random? Texts or clusters, in strata, with their group."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from calibrant._text import one_line
from calibrant.errors import InputError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]
Labels = Sequence[Hashable] | NDArray[Any]


@dataclass(frozen=True, eq=False)
class Units:
    """What chance put into a group: a text, or a cluster of texts as one.

    Attributes:
        values: shape (units, columns), the mean over a unit's texts.
        published: shape (units,).
        strata: shape (units,), numbered from 0: within each of them chance drew.
        of: shape (texts,), the unit of each text.
    """

    values: Floats
    published: Mask
    strata: Ints
    of: Ints

    def __len__(self) -> int:
        return int(self.published.size)


def numbered(labels: Labels, size: int, name: str) -> tuple[Ints, list[Hashable]]:
    """Labels as numbers from 0, in the order in which they come, and the labels.

    Raises:
        InputError: if there are not `size`.
    """
    given = list(labels)
    if len(given) != size:
        raise InputError(f"{name}: wanted {size}, one a text, got {len(given)}")
    index = {label: i for i, label in enumerate(dict.fromkeys(given))}
    return np.array([index[label] for label in given], dtype=np.int64), list(index)


def grouped(published: ArrayLike, size: int) -> Mask:
    """Which texts were published, as a mask.

    Raises:
        InputError: if there are not `size`, they are not true or false, or a group is empty.
    """
    given = np.asarray(published)
    if given.shape != (size,):
        raise InputError(f"published: wanted {size} values, one a text, got shape {given.shape}")
    if given.dtype != bool and not np.isin(given, (0, 1)).all():
        raise InputError("published: wanted true or false of each text")
    mask = given.astype(bool)
    if mask.all() or not mask.any():
        raise InputError(
            f"published: wanted texts in both groups, but all {size} are "
            f"{'published' if mask.all() else 'not published'}"
        )
    return mask


def units_of(
    values: ArrayLike,
    published: ArrayLike,
    clusters: Labels | None = None,
    strata: Labels | None = None,
) -> Units:
    """What was drawn at random, from one value (or a row of values) a text.

    Args:
        values: shape (texts,) or (texts, columns), finite.
        published: shape (texts,).
        clusters: of each text: those of one were drawn together, and count once, as their mean.
        strata: of each text: the draw was made in each of them apart.

    Raises:
        InputError: for lengths that do not match, values that are not finite, a cluster in both
            groups or in several strata.
    """
    table = np.asarray(values, dtype=float)
    if table.ndim not in (1, 2) or table.shape[0] < 2:
        raise InputError(f"values: wanted one a text, at least 2, got shape {table.shape}")
    size = table.shape[0]
    table = table.reshape(size, -1)
    if not np.isfinite(table).all():
        bad = np.flatnonzero(~np.isfinite(table).all(axis=1))
        raise InputError(f"values: wanted finite, got {bad.size} that are not, first of text "
                         f"{bad[0] + 1}")  # fmt: skip
    mask = grouped(published, size)
    of, names = (np.arange(size), []) if clusters is None else numbered(clusters, size, "clusters")
    layer = np.zeros(size, np.int64) if strata is None else numbered(strata, size, "strata")[0]
    number = np.bincount(of).astype(float)
    share = np.bincount(of, mask) / number
    if mixed := np.flatnonzero((share > 0) & (share < 1)).tolist():
        raise InputError(
            f"clusters: {one_line(str(names[mixed[0]]), 60)!r} stands in both groups: what was "
            "drawn at random was no cluster (name them as strata if texts were drawn within them)"
        )
    first = np.zeros(number.size, np.int64)
    first[of[::-1]] = np.arange(size)[::-1]
    if (layer != layer[first][of]).any():
        text = int(np.flatnonzero(layer != layer[first][of])[0])
        raise InputError(
            f"clusters: {one_line(str(names[of[text]]), 60)!r} stands in several strata"
        )
    means = np.column_stack([np.bincount(of, column) / number for column in table.T])
    return Units(means, share > 0, layer[first], of)
