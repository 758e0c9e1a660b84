"""Which labels are there, and can a latent-class model be told apart from them? On long arrays."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from calibrant.errors import InputError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

LEAST_GRADERS = 3
"""Views of an item that a latent class needs where no gold names it (Kruskal 1977)."""


class LatentError(InputError):
    """These labels do not determine the model, or it could not be fitted to them."""


@dataclass(frozen=True)
class Marks:
    """Labels in long form, sorted by item; every item has at least one.

    Attributes:
        item, grader, code: one entry a label; whole numbers from 0.
        items, graders, classes: how many of each there are.
        gold: shape (items,), the known class, or -1.
        starts: shape (items,), where each item's labels begin.
    """

    item: Ints
    grader: Ints
    code: Ints
    items: int
    graders: int
    classes: int
    gold: Ints
    starts: Ints

    @property
    def size(self) -> int:
        """The number of labels."""
        return int(self.item.size)

    def votes(self) -> Floats:
        """Shape (items, classes): how many labels of each class an item has."""
        flat = np.bincount(self.item * self.classes + self.code,
                           minlength=self.items * self.classes)  # fmt: skip
        return flat.reshape(self.items, self.classes).astype(float)

    def per_item(self) -> Ints:
        """Shape (items,): different graders of each item."""
        pairs = np.unique(self.item * self.graders + self.grader) // self.graders
        return np.bincount(pairs, minlength=self.items)

    def with_codes(self, code: Ints) -> Marks:
        """The same design with other labels."""
        return Marks(self.item, self.grader, code, self.items, self.graders, self.classes,
                     self.gold, self.starts)  # fmt: skip


def marks(
    item: ArrayLike,
    grader: ArrayLike,
    code: ArrayLike,
    classes: int,
    gold: ArrayLike | None = None,
) -> Marks:
    """Labels checked and sorted by item.

    Args:
        item, grader, code: shape (labels,); items and graders number from 0 without gaps, codes
            lie in 0 … classes - 1. A grader may label an item more than once.
        gold: shape (items,), the known class or -1 for unknown; None knows none.

    Raises:
        InputError: for other lengths, gaps, codes out of range or fewer than two classes.
    """
    columns = {"item": np.asarray(item), "grader": np.asarray(grader), "code": np.asarray(code)}
    n = columns["item"].size
    for name, values in columns.items():
        if values.shape != (n,) or n == 0 or values.dtype.kind not in "iu":
            raise InputError(f"{name}: wanted whole numbers of one length, got {values.shape} "
                             f"of {values.dtype}")  # fmt: skip
        if values.min() < 0:
            raise InputError(f"{name}: wanted numbers from 0, got {values.min()}")
    if classes < 2 or columns["code"].max() >= classes:
        raise InputError(f"classes: wanted at least 2 and above every code, got {classes}")
    for name in ("item", "grader"):
        if np.unique(columns[name]).size != columns[name].max() + 1:
            raise InputError(f"{name}: wanted numbers without gaps")
    items = int(columns["item"].max()) + 1
    known = np.full(items, -1, np.int64) if gold is None else np.asarray(gold)
    if known.shape != (items,) or known.dtype.kind not in "iu":
        raise InputError(f"gold: wanted {items} whole numbers, got {known.shape} of {known.dtype}")
    if known.min() < -1 or known.max() >= classes:
        raise InputError(f"gold: wanted -1 to {classes - 1}, got {known.min()} to {known.max()}")
    order = np.argsort(columns["item"], kind="stable")
    i, g, c = (columns[k][order].astype(np.int64) for k in ("item", "grader", "code"))
    starts = np.flatnonzero(np.r_[True, i[1:] != i[:-1]])
    return Marks(i, g, c, items, int(g.max()) + 1, classes, known.astype(np.int64), starts)


def parts(m: Marks) -> Ints:
    """Shape (graders,): which connected part of the grader–item graph each grader is in."""
    grader = np.arange(m.graders)
    while True:
        item = np.full(m.items, m.graders, np.int64)
        np.minimum.at(item, m.item, grader[m.grader])
        after = grader.copy()
        np.minimum.at(after, m.grader, item[m.item])
        if np.array_equal(after, grader):
            return np.unique(grader, return_inverse=True)[1]
        grader = after


def check_connected(m: Marks) -> None:
    """Refuse graders that no chain of shared items joins."""
    part = parts(m)
    if part.max() > 0:
        sizes = np.bincount(part)
        raise LatentError(
            f"labels: wanted graders joined by shared items, got {sizes.size} separate groups "
            f"(of {', '.join(map(str, sizes[:6]))} graders)"
        )


def check_identified(m: Marks, *, one_coin: bool = False) -> None:
    """Refuse designs from which latent classes cannot be found, whatever the labels.

    With gold on some items a confusion matrix is a matter of counting, and nothing is refused
    beyond separate groups of graders.

    Raises:
        LatentError: for fewer than three graders, no item with three different graders, or
            separate groups.
    """
    check_connected(m)
    if np.any(m.gold >= 0):
        return
    if m.graders < LEAST_GRADERS:
        raise LatentError(
            f"labels: wanted at least {LEAST_GRADERS} graders without gold, got {m.graders}: two "
            "graders who agree may both be wrong"
        )
    most = int(m.per_item().max())
    if most < 2 or (most < LEAST_GRADERS and not one_coin):
        raise LatentError(
            f"labels: wanted items with {LEAST_GRADERS} different graders, got at most {most} an "
            "item; give gold for some items, or, with two labels an item, use one_coin"
        )
