"""Has a grader, or the gold column, its labels the wrong way round?

Graders that agree less than by chance do not merely err: one of them says "no" for "yes". Which one
shows in whom else each of them contradicts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibrant._text import one_line
from calibrant.judges.agreement.pairs import Table, fisher, pair_kappa
from calibrant.stats.agreement.estimate import Coefficient
from calibrant.stats.comparisons.multiplicity import adjust

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

LEANING = 0.25
"""P-value of a pair that counts as a contradiction if one of the two contradicts all others."""

MOST_CATEGORIES = 12
"""Categories above which swaps of two of them are not looked for."""


@dataclass(frozen=True)
class Inversion:
    """Graders that contradict each other more than chance would.

    Attributes:
        categories: the two labels that are swapped; None if the whole scale is turned round.
        odd: who probably has them the wrong way round; empty if it cannot be told.
        others: whom they contradict.
        pairs: pairs of graders below chance that show it.
        p: the smallest adjusted p-value among them.
        text: the same in a sentence.
    """

    categories: tuple[str, str] | None
    odd: tuple[str, ...]
    others: tuple[str, ...]
    pairs: tuple[tuple[str, str], ...]
    p: float
    text: str

    def __repr__(self) -> str:
        return self.text

    def to_dict(self) -> dict[str, Any]:
        """The fields as plain data."""
        return asdict(self)


@dataclass(frozen=True, eq=False)
class _Asked:
    """One hypothesis: a pair of graders on two categories, or on the whole scale (None)."""

    one: int
    two: int
    swap: tuple[int, int] | None
    p: float
    kappa: float


def inversions(
    found: Sequence[Table],
    kappas: Sequence[Coefficient],
    below: Sequence[float],
    graders: Sequence[str],
    categories: Sequence[str],
    *,
    rest: Sequence[float] = (),
    gold: str | None = None,
    alpha: float = 0.05,
) -> tuple[Inversion, ...]:
    """Whose labels are probably the wrong way round, overall or in two categories.

    All pairs of graders are tested for agreement below chance, each grader against the others
    together, and all pairs of categories, adjusted together by Holm's method: if no grader agrees
    less than by chance with another, anything is said at most `alpha` of the time. Swaps that
    could not come out significant whatever the labels, given how often they occur, are not tested
    (Tarone, Biometrics 46 (1990) 515).

    Args:
        found, kappas, below: of every pair of graders, its table, kappa and p-value.
        rest: of each grader, the p-value against the others together (`against_rest`).
        gold: the grader whose labels are taken for truth, if there is one among them.
    """
    asked = [
        _Asked(t.one, t.two, None, p, k.value)
        for t, k, p in zip(found, kappas, below, strict=True)
        if k.value is not None
    ]
    if len(categories) <= MOST_CATEGORIES:
        asked += _swaps(found, alpha)
    if not asked:
        return ()
    # Of two graders, each one's rest is the other: that was asked already.
    alone = list(rest) if len(graders) > 2 else []
    adjusted = adjust([*(a.p for a in asked), *alone], "holm")
    loners = {g for g in range(len(alone)) if adjusted[len(asked) + g] <= alpha}
    least = min(adjusted[len(asked) :], default=1.0)
    said = []
    swaps = list(dict.fromkeys(a.swap for a in asked))
    for swap in swaps:
        about = [i for i, a in enumerate(asked) if a.swap == swap]
        hits = [i for i in about if adjusted[i] <= alpha and asked[i].kappa < 0]
        best = min((float(adjusted[i]) for i in hits), default=1.0)
        if swap is None and loners:
            hits += [
                i for i in about
                if i not in hits and {asked[i].one, asked[i].two} & loners
                and asked[i].kappa < 0 and asked[i].p <= LEANING
            ]  # fmt: skip
            best = min(best, float(least))
        if not hits:
            continue
        names = None if swap is None else (categories[swap[0]], categories[swap[1]])
        said += _explain(
            [asked[i] for i in hits], _leanings(found, kappas, swap), best, graders, names, gold,
        )  # fmt: skip
    whole = [s for s in said if s.categories is None]
    # A scale turned round swaps many categories: said once. A single swap says more than "turned".
    single = len({s.categories for s in said if s.categories is not None}) == 1
    return tuple(s for s in said if s.categories is not None) if single else tuple(whole or said)


def crowd_inversions(
    rest: Sequence[float], graders: Sequence[str], *, gold: str | None = None, alpha: float = 0.05
) -> tuple[Inversion, ...]:
    """Who contradicts all others together, in a crowd too large to compare pair by pair.

    Args:
        rest: of each grader, the p-value against the others together (`against_rest`), which are
            adjusted by Holm's method.
    """
    adjusted = adjust(list(rest), "holm") if rest else np.ones(0)
    odd = tuple(graders[int(g)] for g in np.flatnonzero(adjusted <= alpha))
    if not odd or len(odd) * 2 >= len(graders):
        return ()
    verb = "has" if len(odd) == 1 else "have"
    text = f"{_and(odd)} probably {verb} the labels the wrong way round: below chance with the rest"
    if odd == (gold,):
        text = f"the gold column {gold!r} probably has the labels the wrong way round: below "
        text += "chance with the rest"
    others = tuple(g for g in graders if g not in odd)
    return (Inversion(None, odd, others, (), float(min(adjusted)), one_line(text, 500)),)


def _swaps(found: Sequence[Table], alpha: float) -> list[_Asked]:
    """Pairs of categories in pairs of graders that could be found swapped."""
    asked: list[_Asked] = []
    least: list[float] = []
    for t in found:
        size = t.cells.shape[0]
        if size == 2:
            continue  # the whole scale is these two
        for k, m in combinations(range(size), 2):
            part = t.cells[np.ix_((k, m), (k, m))]
            p, at_least = fisher(part)
            if at_least >= 1 or part.sum() < 2:
                continue
            if t.cluster is not None:
                p, at_least = _clustered(t, (k, m))
            asked.append(_Asked(t.one, t.two, (k, m), p, _sign(part)))
            least.append(at_least)
    allowed = np.sort(least)
    many = next((m for m in range(1, len(least) + 1)
                 if np.searchsorted(allowed, alpha / m, side="right") <= m), 0)  # fmt: skip
    return [a for a, p in zip(asked, least, strict=True) if many and p <= alpha / many]


def _clustered(table: Table, swap: tuple[int, int]) -> tuple[float, float]:
    from calibrant.judges.agreement.pairs import below_chance

    assert table.cluster is not None
    part = table.cluster[np.ix_(range(len(table.cluster)), swap, swap)]
    part = part[part.sum(axis=(1, 2)) > 0]
    small = Table(table.one, table.two, part.sum(axis=0), part)
    kappa = pair_kappa(small, "identity", None, 0.95)
    return below_chance(small, "identity", None, kappa), 0.5 ** max(len(part) - 1, 0)


def _leanings(
    found: Sequence[Table], kappas: Sequence[Coefficient], swap: tuple[int, int] | None
) -> dict[tuple[int, int], float]:
    """How far each pair of graders agrees, overall (kappa) or on two categories (its sign)."""
    told = {}
    for t, k in zip(found, kappas, strict=True):
        value = k.value if swap is None else _sign(t.cells[np.ix_(swap, swap)])
        if value is not None:
            told[t.one, t.two] = told[t.two, t.one] = value
    return told


def _sign(cells: Ints) -> float:
    """Kappa's sign in a 2 × 2 table."""
    return float(np.sign(cells[0, 0] * cells[1, 1] - cells[0, 1] * cells[1, 0]))


def _explain(
    hits: Sequence[_Asked],
    kappa: dict[tuple[int, int], float],
    p: float,
    graders: Sequence[str],
    names: tuple[str, str] | None,
    gold: str | None,
) -> list[Inversion]:
    """For each group of graders joined by contradictions, which side is the odd one."""
    found = []
    for one, two in _sides([(h.one, h.two) for h in hits]):
        pairs = tuple(
            (graders[h.one], graders[h.two]) for h in hits if h.one in one | (two or set())
        )
        everyone = set(range(len(graders)))
        odd: set[int] = set()
        if two is not None:
            odd = _odd(one, two, everyone, kappa)
        others = (one | (two or set())) - odd
        a, b = (tuple(graders[i] for i in sorted(side)) for side in (odd, others))
        found.append(Inversion(names, a, b, pairs, float(p), _words(a, b, names, gold)))
    return found


def _sides(edges: Sequence[tuple[int, int]]) -> list[tuple[set[int], set[int] | None]]:
    """Each connected group in two sides such that all edges cross; (group, None) if none do."""
    near: dict[int, set[int]] = {}
    for a, b in edges:
        near.setdefault(a, set()).add(b)
        near.setdefault(b, set()).add(a)
    side: dict[int, int] = {}
    found: list[tuple[set[int], set[int] | None]] = []
    for start in near:
        if start in side:
            continue
        side[start], todo, group, fits = 0, [start], [start], True
        while todo:
            here = todo.pop()
            for there in near[here]:
                if there not in side:
                    side[there] = 1 - side[here]
                    todo.append(there)
                    group.append(there)
                fits &= side[there] != side[here]
        sides = [{g for g in group if side[g] == s} for s in (0, 1)]
        found.append((sides[0], sides[1]) if fits else (set(group), None))
    return found


def _odd(
    one: set[int], two: set[int], everyone: set[int], kappa: dict[tuple[int, int], float]
) -> set[int]:
    """The side that contradicts most of the graders, while the other side agrees; or nobody."""

    def support(side: set[int], against: set[int]) -> float:
        # Those outside vote as well, by whom they agree with.
        rest = everyone - one - two
        mine = [kappa[a, r] for a in side for r in rest if (a, r) in kappa]
        theirs = [kappa[a, r] for a in against for r in rest if (a, r) in kappa]
        outside = (np.mean(mine) if mine else 0.0) - (np.mean(theirs) if theirs else 0.0)
        return float(outside)

    def agrees(side: set[int]) -> bool:
        inner = [kappa[a, b] for a, b in combinations(sorted(side), 2) if (a, b) in kappa]
        return bool(inner) and float(np.mean(inner)) > 0

    if len(one) != len(two):
        few, many = (one, two) if len(one) < len(two) else (two, one)
        return few if agrees(many) else set()
    lead = support(one, two)
    if lead == 0:
        return set()
    return two if lead > 0 else one


def _words(
    odd: tuple[str, ...], others: tuple[str, ...], names: tuple[str, str] | None, gold: str | None
) -> str:
    what = "the labels" if names is None else f"{names[0]!r} and {names[1]!r}"
    if not odd:
        text = f"{_and(others)} agree less than by chance on {what}: they contradict each other, "
        text += "and it cannot be told who has them the wrong way round"
    elif odd == (gold,):
        text = f"the gold column {gold!r} probably has {what} the wrong way round: {_and(others)} "
        text += "contradict it and agree with each other"
    else:
        verb = "has" if len(odd) == 1 else "have"
        text = f"{_and(odd)} probably {verb} {what} the wrong way round: below chance with "
        text += _and(others)
    return one_line(text, 500)


def _and(names: tuple[str, ...]) -> str:
    said = [repr(n) for n in names[:5]] + ([f"{len(names) - 5} more"] if len(names) > 5 else [])
    return said[0] if len(said) == 1 else ", ".join(said[:-1]) + " and " + said[-1]
