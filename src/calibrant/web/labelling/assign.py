"""Who labels what, in which order? A design in which raters can be compared, and order cancels.

Every item goes to k raters; loads differ by at most one; the numbers of items that two raters share
are kept close, so that agreement can be computed between all of them. Where two answers are shown,
which comes first is chosen by colouring the edges of the graph of raters and items with two
colours along Euler circuits (an equitable edge colouring of a bipartite graph; D. de Werra, 1971):
at every item and every rater the two orders then differ by at most one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from calibrant.errors import DesignError

Node = tuple[str, int]
"""A rater ("r", number) or an item ("i", number); the number -1 is nobody's."""


@dataclass(frozen=True)
class Design:
    """Who labels what.

    Attributes:
        pairs: (rater, item) of every assignment, as indices, in the order of items.
        swapped: for each assignment, whether the second answer is shown first.
        position: for each assignment, its place in the rater's own order, from 1.
        parts: numbers of raters that no chain of shared items joins; one is connected.
    """

    pairs: tuple[tuple[int, int], ...]
    swapped: tuple[bool, ...]
    position: tuple[int, ...]
    parts: int


def design(
    items: int, raters: int, per_item: int, *, seed: int, everybody: frozenset[int] = frozenset()
) -> Design:
    """Assign items to raters.

    Args:
        items, raters: how many there are.
        per_item: how many raters label each item.
        seed: the same seed gives the same design.
        everybody: items that every rater labels, such as those with known labels.

    Raises:
        DesignError: if there are not so many raters.
    """
    if items < 1 or raters < 1:
        raise DesignError(f"labelling: wanted items and raters, got {items} and {raters}")
    if not 1 <= per_item <= raters:
        raise DesignError(f"--per-item: wanted 1 to {raters} (there are {raters} raters), "
                          f"got {per_item}")  # fmt: skip
    to_raters, to_orders, *to_places = np.random.SeedSequence(seed).spawn(2 + raters)
    pairs = _pairs(items, raters, per_item, np.random.default_rng(to_raters), everybody)
    swapped = balanced(pairs, np.random.default_rng(to_orders))
    position = [0] * len(pairs)
    for rater, stream in enumerate(to_places):
        mine = [at for at, (r, _) in enumerate(pairs) if r == rater]
        for place, index in enumerate(np.random.default_rng(stream).permutation(len(mine)), 1):
            position[mine[index]] = place
    return Design(tuple(pairs), tuple(swapped), tuple(position), parts(pairs, raters))


def _pairs(
    items: int, raters: int, per_item: int, rng: np.random.Generator, everybody: frozenset[int]
) -> list[tuple[int, int]]:
    """Items in random order, each to the raters with the least to do who share least so far."""
    load = np.zeros(raters, dtype=np.int64)
    shared = np.zeros((raters, raters), dtype=np.int64)
    chosen: dict[int, list[int]] = {i: list(range(raters)) for i in everybody}
    for item in rng.permutation([i for i in range(items) if i not in everybody]):
        team: list[int] = []
        free = np.ones(raters, dtype=bool)
        for _ in range(per_item):
            common = shared[:, team].sum(axis=1) if team else np.zeros(raters, dtype=np.int64)
            order = np.lexsort((rng.random(raters), common, load, ~free))
            pick = int(order[0])
            team.append(pick)
            free[pick] = False
        load[team] += 1
        shared[np.ix_(team, team)] += 1
        chosen[int(item)] = team
    return [(r, i) for i in range(items) for r in sorted(chosen[i])]


def balanced(pairs: list[tuple[int, int]], rng: np.random.Generator) -> list[bool]:
    """Two colours for the edges (rater, item): at no rater and no item do their numbers differ by
    more than one.

    Nodes of odd degree are joined to a node that stands for nobody, on the other side, so that
    all degrees are even; colours then alternate along closed walks, which are of even length in a
    bipartite graph. Edges to nobody are forgotten, which costs each node at most one.
    """
    edges: list[tuple[Node, Node]] = [(("r", r), ("i", i)) for r, i in pairs]
    degree: dict[Node, int] = {}
    for edge in edges:
        for node in edge:
            degree[node] = degree.get(node, 0) + 1
    odd = [n for n, d in degree.items() if d % 2]
    nobody = {"r": ("i", -1), "i": ("r", -1)}
    count = {"r": 0, "i": 0}
    for node in odd:
        edges.append((node, nobody[node[0]]))
        count[node[0]] += 1
    if count["r"] % 2:
        edges.append((nobody["i"], nobody["r"]))
    at: dict[Node, list[int]] = {}
    for number, (a, b) in enumerate(edges):
        at.setdefault(a, []).append(number)
        at.setdefault(b, []).append(number)
    colour = [False] * len(edges)
    used = [False] * len(edges)
    for start in list(at):
        walk = _closed_walk(start, edges, at, used)
        first = bool(rng.integers(2)) if walk else False
        for step, number in enumerate(walk):
            colour[number] = first ^ bool(step % 2)
    return colour[: len(pairs)]


def _closed_walk(
    start: Node, edges: list[tuple[Node, Node]], at: dict[Node, list[int]],
    used: list[bool],
) -> list[int]:  # fmt: skip
    """An Euler circuit through all unused edges that hang together with `start` (Hierholzer)."""
    stack: list[tuple[Node, int]] = [(start, -1)]
    walk: list[int] = []
    while stack:
        node, came = stack[-1]
        waiting = at[node]
        while waiting and used[waiting[-1]]:
            waiting.pop()
        if waiting:
            edge = waiting.pop()
            used[edge] = True
            a, b = edges[edge]
            stack.append((b if a == node else a, edge))
        else:
            stack.pop()
            if came >= 0:
                walk.append(came)
    return walk


def parts(pairs: list[tuple[int, int]], raters: int) -> int:
    """Into how many groups raters fall who share no item, also not by way of others."""
    parent = list(range(raters))

    def root(r: int) -> int:
        while parent[r] != r:
            parent[r] = parent[parent[r]]
            r = parent[r]
        return r

    first: dict[int, int] = {}
    for rater, item in pairs:
        parent[root(rater)] = root(first.setdefault(item, rater))
    return len({root(r) for r in range(raters)})
