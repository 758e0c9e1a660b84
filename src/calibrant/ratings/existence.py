"""Does a rating exist? A maximum needs every subject to be reachable from every other by wins."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibrant.ratings.counts import LEFT, RIGHT, TIE, Counts


@dataclass(frozen=True)
class Existence:
    """Whether the strengths have a finite maximum-likelihood estimate, and if not, who is why.

    Attributes:
        exists: whether all subjects are one strongly connected component (Ford, American
            Mathematical Monthly 64 (1957) 28): no group never loses to the rest.
        pools: groups of subjects that were never compared with each other.
        components: strongly connected groups; strengths exist within each.
        undefeated: subjects that never lost or tied; winless: that never won or tied.
    """

    exists: bool
    pools: tuple[tuple[str, ...], ...]
    components: tuple[tuple[str, ...], ...]
    undefeated: tuple[str, ...]
    winless: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain data, ready for JSON."""
        return {
            k: list(map(list, v))
            if k in ("pools", "components")
            else v
            if k == "exists"
            else list(v)
            for k, v in self.__dict__.items()
        }

    def __repr__(self) -> str:
        if self.exists:
            return "A finite rating exists: every subject can be reached from every other by wins"
        if len(self.pools) > 1:
            return f"No common rating: {len(self.pools)} pools were never compared with each other"
        return (
            f"No finite rating: {len(self.components)} groups that only win or only lose against "
            f"each other; undefeated: {_some(self.undefeated)}; winless: {_some(self.winless)}"
        )


def existence(counts: Counts) -> Existence:
    """Check connectivity of the wins (ties count as a win for each) before any fitting."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    size = len(counts.names)
    o = counts.outcomes
    ahead = (o[:, LEFT] > 0) | (o[:, TIE] > 0)
    behind = (o[:, RIGHT] > 0) | (o[:, TIE] > 0)
    winners = np.concatenate([counts.left[ahead], counts.right[behind]])
    losers = np.concatenate([counts.right[ahead], counts.left[behind]])
    graph = coo_array((np.ones(winners.size), (winners, losers)), shape=(size, size)).tocsr()
    _, weak = connected_components(graph, directed=True, connection="weak")
    number, strong = connected_components(graph, directed=True, connection="strong")
    played = np.bincount(np.concatenate([counts.left, counts.right]), minlength=size) > 0
    lost = np.isin(np.arange(size), losers)
    won = np.isin(np.arange(size), winners)
    return Existence(
        bool(number == 1 and size > 1),
        _groups(weak, counts.names),
        _groups(strong, counts.names),
        tuple(n for n, p, x in zip(counts.names, played, lost, strict=True) if p and not x),
        tuple(n for n, p, x in zip(counts.names, played, won, strict=True) if p and not x),
    )


def ties_bound(counts: Counts) -> bool:
    """Whether the tie parameter of Davidson or Rao–Kupper is finite, given a connected table.

    Strengths and tie parameter run off together, without end, if the subjects can be placed on a
    line so that every win spans at least a step downwards and every tie at most one. Such a
    placing exists unless some cycle of comparisons holds more wins (followed forwards) than ties:
    a system of difference constraints (Cormen et al., *Introduction to Algorithms*, 24.4) for
    the directions in which the likelihood never falls.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import NegativeCycleError, bellman_ford

    size, o = len(counts.names), counts.outcomes
    left_won, right_won, tied = (o[:, k] > 0 for k in (LEFT, RIGHT, TIE))
    ahead, behind = left_won | tied, right_won | tied
    start = np.concatenate([counts.left[ahead], counts.right[behind]])
    end = np.concatenate([counts.right[ahead], counts.left[behind]])
    cost = np.concatenate([
        np.where(left_won, -1.0, 1.0)[ahead], np.where(right_won, -1.0, 1.0)[behind]
    ])  # fmt: skip
    # The same pair may stand both ways round; a win is the stronger constraint of the two.
    order = np.lexsort((cost, end, start))
    start, end, cost = start[order], end[order], cost[order]
    first = np.ones(start.size, dtype=bool)
    first[1:] = (np.diff(start) != 0) | (np.diff(end) != 0)
    graph = coo_array((cost[first], (start[first], end[first])), shape=(size, size)).tocsr()
    try:
        bellman_ford(graph, directed=True, indices=0)
    except NegativeCycleError:
        return True
    return False


def _groups(labels: NDArray[Any], names: tuple[str, ...]) -> tuple[tuple[str, ...], ...]:
    """Names by label, largest group first."""
    order = np.argsort(labels, kind="stable")
    cuts = np.flatnonzero(np.diff(labels[order])) + 1
    groups = [tuple(names[i] for i in part) for part in np.split(order, cuts)]
    return tuple(sorted(groups, key=len, reverse=True))


def _some(names: tuple[str, ...]) -> str:
    shown = ", ".join(map(repr, names[:5])) or "none"
    return shown + (f" and {len(names) - 5} more" if len(names) > 5 else "")
