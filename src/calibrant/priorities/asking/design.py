"""Do the ratings hang together? Who is linked to whom by areas that both rated."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


def pieces(asked: Bools) -> tuple[Ints, Ints]:
    """Pieces that raters and areas fall into, joined where a rater rates an area.

    Within a piece severity and areas can be told apart; between two, only by the assumption that
    their raters are alike.

    Args:
        asked: shape (raters, areas).

    Returns:
        The piece of each rater and of each area, counted from 0 by falling size in raters; -1 for
        those without an answer.
    """
    raters, areas = asked.shape
    r, a = np.nonzero(asked)
    edges = coo_matrix((np.ones(r.size), (r, raters + a)), shape=(raters + areas,) * 2)
    _, found = connected_components(edges, directed=False)
    alive = np.concatenate([asked.any(axis=1), asked.any(axis=0)])
    counts = np.bincount(found[:raters][alive[:raters]], minlength=found.max() + 1)
    place = np.empty(counts.size, dtype=np.int64)
    place[np.argsort(-counts, kind="stable")] = np.arange(counts.size)
    out = np.where(alive, place[found], -1)
    return out[:raters], out[raters:]


def links(asked: Bools, rater: int) -> int:
    """Areas of the rater that another rater rates too."""
    shared = asked.sum(axis=0) - asked[rater] > 0
    return int((asked[rater] & shared).sum())
