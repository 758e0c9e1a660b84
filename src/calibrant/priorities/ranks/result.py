"""What is said of the ranks of areas, as plain results."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

Span = tuple[float, float]


@dataclass(frozen=True)
class RankedArea:
    """One area's estimates and rank.

    Attributes:
        id, name, category: of the taxonomy; the name is the id if there is none.
        importance, tractability, promise: posterior means, on the survey's scale and its square;
            None for a question that was not asked.
        importance_interval, tractability_interval, promise_interval: equal-tailed.
        score, score_interval: what it is ranked by.
        n: respondents who rated it, as far as the data say: the most answers to one question.
        ratings: answers, question by question.
        rank: place by expected score, 1 for the highest.
        expected_rank: mean of its rank over the posterior.
        p_top10, p_top: chance to stand among the first 10, and among the first k.
        rank_interval: its rank lies there with the stated probability.
        joint_rank_interval: all areas' ranks lie in theirs at once, with that probability.
        rank_set: from pairwise differences that are significant all at once.
        tier: 1 for those that no other area is significantly better than; see `Ranked`.
        funded: whether it is of the best set of k.
    """

    id: str
    name: str
    category: str | None
    importance: float | None
    importance_interval: Span | None
    tractability: float | None
    tractability_interval: Span | None
    promise: float | None
    promise_interval: Span | None
    score: float
    score_interval: Span
    n: int
    ratings: dict[str, int]
    rank: int
    expected_rank: float
    p_top10: float
    p_top: float
    rank_interval: tuple[int, int]
    joint_rank_interval: tuple[int, int]
    rank_set: tuple[int, int]
    tier: int
    funded: bool


@dataclass(frozen=True)
class Decision:
    """Funding the best k areas.

    Attributes:
        k: how many.
        areas: ids of the set of the highest expected score, best first.
        expected_regret: what is lost on average against the best k in truth, per funded area, in
            units of the score.
        regret_interval: of that loss.
        expected_overlap: share of the funded that are among the true best k, on average.
        p_exact: probability that they are exactly the true best k.
    """

    k: int
    areas: tuple[str, ...]
    expected_regret: float
    regret_interval: Span
    expected_overlap: float
    p_exact: float


@dataclass(frozen=True)
class Change:
    """What another way to look at the same data changes.

    Attributes:
        what: such as "exclusion", "don't-knows", "respondent", "definition".
        option: such as "5 ratings at least".
        overlap: share of the funded that stay.
        regret: what funding the other set costs more than the best set is expected to, per funded
            area, in units of the score and under the main analysis; None where that cannot be
            said, since an area is not ranked there.
        enter, leave: ids of areas that are funded instead, and no longer.
        areas: how many areas are ranked.
    """

    what: str
    option: str
    overlap: float
    regret: float | None
    enter: tuple[str, ...]
    leave: tuple[str, ...]
    areas: int


@dataclass(frozen=True)
class Excluded:
    """An area that is not ranked, and why."""

    id: str
    name: str
    n: int
    reason: str


@dataclass(frozen=True, repr=False)
class Ranked:
    """Areas with the uncertainty of their ranks.

    Attributes:
        areas: by expected score, best first.
        excluded: areas that are not ranked; an unrated one is unknown, not low.
        unrated_categories: categories none of whose areas anyone rated.
        by: what areas are ranked by.
        level: of all intervals.
        decision: of funding the best k.
        tiers: how many there are.
        tier_rule: in words.
        median_width: median over areas of how many places a rank interval spans.
        sensitivity: what other choices change.
        method: what made the posterior.
        seed, draws: of the simulation.
        notes: what a reader must know.
    """

    areas: tuple[RankedArea, ...]
    excluded: tuple[Excluded, ...]
    unrated_categories: tuple[str, ...]
    by: str
    level: float
    decision: Decision
    tiers: int
    tier_rule: str
    median_width: float
    sensitivity: tuple[Change, ...]
    method: str
    seed: int
    draws: int
    notes: tuple[str, ...] = field(default=())

    def __repr__(self) -> str:
        d = self.decision
        return (
            f"{len(self.areas)} areas ranked by {self.by}: the median {self.level:.0%} rank "
            f"interval spans {self.median_width:g} places, {self.tiers} "
            f"{'tier' if self.tiers == 1 else 'tiers'}; funding the best {d.k} loses "
            f"{d.expected_regret:.2f} per area in expectation, {d.expected_overlap:.0%} of them "
            "are of the true best"
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return asdict(self)
