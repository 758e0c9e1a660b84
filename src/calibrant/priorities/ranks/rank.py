"""How sure is the ranking of areas? Rank intervals, tiers and the regret of funding the top k."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from calibrant.errors import InputError
from calibrant.priorities.posterior import AreaPosterior
from calibrant.priorities.ranks.places import (
    SCORES,
    best,
    joint_limits,
    limits,
    places,
    regrets,
    scores,
    top_chance,
)
from calibrant.priorities.ranks.result import (
    Change,
    Decision,
    Excluded,
    Ranked,
    RankedArea,
    Span,
)
from calibrant.stats.comparisons.ranks import Ranks
from calibrant.stats.comparisons.ranks import ranks as differences

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

LEAST_DRAWS = 200
"""Draws below which no tail of a rank is known."""


@dataclass(frozen=True)
class Labels:
    """What areas are called.

    Attributes:
        names: area id → name.
        categories: area id → category.
        all_categories: category → its name; those without a rated area are said to be unrated.
    """

    names: Mapping[str, str] = field(default_factory=dict)
    categories: Mapping[str, str] = field(default_factory=dict)
    all_categories: Mapping[str, str] = field(default_factory=dict)


def natural(area: str) -> tuple[tuple[int, int, str], ...]:
    """A key that sorts 4d before 10a."""
    parts = re.findall(r"\d+|\D+", area)
    return tuple((0, int(p), "") if p.isdecimal() else (1, 0, p) for p in parts)


def rank_areas(
    posterior: AreaPosterior,
    *,
    by: str = "promise",
    top: int = 10,
    min_ratings: int = 3,
    level: float = 0.9,
    labels: Labels | None = None,
    sensitivity: bool = True,
    seed: int = 0,
) -> Ranked:
    """Rank areas by the posterior of what their mean ratings are.

    Args:
        posterior: joint draws of every area's mean rating.
        by: see `places.scores`.
        top: how many areas are to be funded.
        min_ratings: areas rated by fewer are not ranked, as in the paper's exclusion rule.
        level: of all intervals, rank intervals too.
        labels: names and categories; areas named there that nobody rated are listed as unrated.
        sensitivity: also rank by other definitions and exclusion rules.
        seed: of the order of equal draws.

    Raises:
        InputError: for fewer than two areas to rank, a top as large as their number, fewer than
            `LEAST_DRAWS` draws, or draws that are not finite.
    """
    labels = labels or Labels()
    n = respondents(posterior)
    kept = np.flatnonzero(n >= min_ratings)
    score = _checked(scores(posterior, by), kept, top, min_ratings, level)
    found = _Stand(score, top, level, seed)
    order = np.argsort(-score.mean(axis=0), kind="stable")
    rows = tuple(
        _area(posterior, labels, found, int(kept[a]), int(a), place + 1, level)
        for place, a in enumerate(order)
    )
    changes = _changes(posterior, by, top, min_ratings, score, kept) if sensitivity else ()
    rated = {labels.categories.get(posterior.areas[a]) for a in np.flatnonzero(n > 0)}
    return Ranked(
        rows,
        _excluded(posterior, labels, n, min_ratings),
        tuple(sorted((c for c in labels.all_categories if c not in rated), key=natural)),
        by,
        level,
        _decision(score, [posterior.areas[a] for a in kept], top, level),
        int(found.tiers.tiers.max()),
        f"an area's tier is one more than the lowest tier of those significantly better; "
        f"{found.tiers.method}, level {level:g}; all declared differences hold with posterior "
        f"probability {found.all_right():.2f}",
        float(np.median(found.high - found.low + 1)),
        changes,
        posterior.method,
        seed,
        score.shape[0],
        (*posterior.notes, *_notes(posterior, found, kept, level)),
    )


HELD = (
    "measured on simulated surveys: 87 to 92 of 100 such rank intervals held their area's rank "
    "(certificate priorities-ranks)"
)
"""What the certificate of 90 % rank intervals found, said beside them."""


def respondents(posterior: AreaPosterior) -> Ints:
    """Most answers to any one question, area by area."""
    return np.asarray(np.max(np.stack(list(posterior.n.values())), axis=0))


def _checked(score: Floats, kept: Ints, top: int, least: int, level: float) -> Floats:
    if not 0.5 <= level < 1:
        raise InputError(f"level: wanted 0.5 to below 1, got {level}")
    if least < 1:
        raise InputError(f"min ratings: wanted at least 1, got {least}")
    if kept.size < 2:
        raise InputError(
            f"rank: wanted at least 2 areas with {least} ratings or more, got {kept.size}"
        )
    if not 1 <= top < kept.size:
        raise InputError(
            f"top: wanted 1 to {kept.size - 1} of the {kept.size} areas that are rated enough, got "
            f"{top} (--top)"
        )
    if score.shape[0] < LEAST_DRAWS:
        raise InputError(f"draws: wanted at least {LEAST_DRAWS}, got {score.shape[0]}")
    score = score[:, kept]
    if not np.isfinite(score).all():
        raise InputError("rank: the posterior holds draws that are not finite")
    return score


class _Stand:
    """Ranks of all draws, and what is read from them."""

    def __init__(self, score: Floats, top: int, level: float, seed: int) -> None:
        self.score, self.top = score, top
        self.ranks = places(score, seed)
        self.low, self.high = limits(self.ranks, level)
        self.joint_low, self.joint_high = joint_limits(self.ranks, level)
        self.p_top10, self.p_top = top_chance(self.ranks, 10), top_chance(self.ranks, top)
        self.expected = self.ranks.mean(axis=0)
        self.tiers = tier(score, level)

    def all_right(self) -> float:
        """Share of draws in which every declared difference has its sign."""
        i, j = np.nonzero(self.tiers.better)
        if not i.size:
            return 1.0
        right = np.ones(self.score.shape[0], dtype=bool)
        for a, b in zip(i, j, strict=True):
            right &= self.score[:, a] > self.score[:, b]
        return float(right.mean())


def tier(score: Floats, level: float) -> Ranks:
    """Tiers and rank sets from all pairwise differences, with the posterior's own joint noise."""
    mean = score.mean(axis=0)
    noise = score - mean
    return differences(mean, noise.T @ noise / (len(score) - 1), level=level, noise=noise)


def span(draws: Floats, level: float) -> Span:
    """Equal-tailed interval of draws."""
    low, high = np.quantile(draws, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def _area(
    posterior: AreaPosterior,
    labels: Labels,
    found: _Stand,
    at: int,
    a: int,
    rank: int,
    level: float,
) -> RankedArea:
    """The row of one area: `at` in the posterior, `a` among those that are ranked."""

    def told(draws: Floats | None) -> tuple[float | None, Span | None]:
        if draws is None:
            return None, None
        return float(draws.mean()), span(draws, level)

    columns = {q: d[:, at] for q, d in posterior.draws.items()}
    first, second = columns.get("importance"), columns.get("tractability")
    product = first * second if first is not None and second is not None else None
    (i, i_span), (t, t_span), (p, p_span) = told(first), told(second), told(product)
    area = posterior.areas[at]
    return RankedArea(
        area, labels.names.get(area, area), labels.categories.get(area),
        i, i_span, t, t_span, p, p_span,
        float(found.score[:, a].mean()), span(found.score[:, a], level),
        max(int(v[at]) for v in posterior.n.values()),
        {q: int(v[at]) for q, v in posterior.n.items()},
        rank, float(found.expected[a]), float(found.p_top10[a]), float(found.p_top[a]),
        (int(found.low[a]), int(found.high[a])),
        (int(found.joint_low[a]), int(found.joint_high[a])),
        (int(found.tiers.low[a]), int(found.tiers.high[a])),
        int(found.tiers.tiers[a]),
        rank <= found.top,
    )  # fmt: skip


def _decision(score: Floats, ids: Sequence[str], top: int, level: float) -> Decision:
    chosen = best(score, top)
    lost = regrets(score, chosen)
    size = score.shape[1]
    among = np.argpartition(-score, top - 1, axis=1)[:, :top]
    hit = np.zeros(size, dtype=bool)
    hit[chosen] = True
    overlap = hit[among].mean(axis=1)
    return Decision(
        top,
        tuple(ids[a] for a in chosen),
        float(lost.mean()),
        span(lost, level),
        float(overlap.mean()),
        float((overlap == 1).mean()),
    )


def change(
    what: str,
    option: str,
    *,
    score: Floats,
    ids: Sequence[str],
    base: Sequence[str],
    main: Mapping[str, Floats],
) -> Change:
    """What ranking by `score` would fund instead of `base`.

    Args:
        score: shape (draws, areas), of the other analysis; only its means matter.
        ids: its areas.
        base: what is funded now, best first.
        main: draws of the main analysis, area by area, to price the difference with.
    """
    other = [ids[a] for a in best(score, len(base))]
    enter = [a for a in other if a not in base]
    leave = [a for a in base if a not in other]
    regret: float | None = None
    if all(a in main for a in enter):
        gained = sum(float(main[a].mean()) for a in enter)
        regret = (sum(float(main[a].mean()) for a in leave) - gained) / len(base)
    kept = 1 - len(enter) / len(base)
    return Change(what, option, kept, regret, tuple(enter), tuple(leave), len(ids))


def _changes(
    posterior: AreaPosterior, by: str, top: int, least: int, score: Floats, kept: Ints
) -> tuple[Change, ...]:
    """Other exclusion rules and other definitions of promise, on the same posterior."""
    n = respondents(posterior)
    every = scores(posterior, by)
    main = {area: every[:, a] for a, area in enumerate(posterior.areas) if n[a] > 0}
    base = [posterior.areas[kept[a]] for a in best(score, top)]
    out = []
    for rule in sorted({1, 2, 3, 5} - {least}):
        some = np.flatnonzero(n >= rule)
        option = f"at least {rule} rating{'' if rule == 1 else 's'}"
        if some.size <= top:
            continue
        ids = [posterior.areas[a] for a in some]
        out.append(change("exclusion", option, score=every[:, some], ids=ids, base=base, main=main))
    if by in SCORES and by != "gap":
        ids = [posterior.areas[a] for a in kept]
        for other in SCORES[:3]:
            if other != by:
                draws = scores(posterior, other)[:, kept]
                out.append(change("definition", other, score=draws, ids=ids, base=base, main=main))
    return tuple(out)


def _excluded(
    posterior: AreaPosterior, labels: Labels, n: Ints, least: int
) -> tuple[Excluded, ...]:
    count = dict(zip(posterior.areas, n.tolist(), strict=True))
    every = sorted({*count, *labels.names}, key=natural)
    out = []
    for area in every:
        have = int(count.get(area, 0))
        if have >= least:
            continue
        plural = "rating" if least == 1 else "ratings"
        reason = "unrated" if have == 0 else f"fewer than {least} {plural}"
        out.append(Excluded(area, labels.names.get(area, area), have, reason))
    return tuple(out)


def _notes(posterior: AreaPosterior, found: _Stand, kept: Ints, level: float) -> list[str]:
    out = []
    size = kept.size
    wide = int((found.high - found.low + 1 > size / 2).sum())
    if wide:
        out.append(
            f"{wide} of {size} rank intervals span more than half of all places: read tiers, not "
            "single ranks"
        )
    if posterior.method == "laplace" and level == 0.9:
        out.append(HELD)
    uneven = [
        posterior.areas[a] for a in kept if len({int(v[a]) for v in posterior.n.values()}) > 1
    ]
    if uneven and posterior.method != "table":
        out.append(
            f"{len(uneven)} areas have different numbers of answers to the questions; n is the "
            "larger, which decides what is ranked"
        )
    return out
