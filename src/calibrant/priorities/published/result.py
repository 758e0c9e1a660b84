"""What did the paper's analysis find? Its tables, as exact fractions that print like its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from calibrant.priorities.tables.printed import Rule, rounded


@dataclass(frozen=True)
class PublishedRow:
    """One area of the ranking.

    Attributes:
        rank: place by promise, from 1; ties have places of their own, in the order given.
        area, name: id and full name; `short` is the name that the small tables print.
        category: id of its category; empty without a taxonomy.
        sums, answers: per question the sum and number of its ratings.
        n: respondents who answered at least one of the questions.
        means: per question sums / answers, exactly.
        promise, gap: product and difference of the unrounded means of the first two questions.
    """

    rank: int
    area: str
    name: str
    short: str
    category: str
    sums: Mapping[str, int]
    answers: Mapping[str, int]
    n: int
    means: Mapping[str, Fraction]
    promise: Fraction
    gap: Fraction


@dataclass(frozen=True)
class Excluded:
    """An area that was rated too seldom to be ranked."""

    area: str
    name: str
    answers: Mapping[str, int]
    n: int


@dataclass(frozen=True)
class CategoryResponse:
    """Who answered in a category: respondents, their ratings, and how many of its areas."""

    category: str
    name: str
    respondents: int
    answers: int
    dont_know: int
    areas: int
    rated: int


@dataclass(frozen=True)
class Share:
    """How many of those who answered a demographic question chose an option.

    Attributes:
        interval: exact limits of the share (Clopper and Pearson), as if respondents were a random
            sample of a large population of experts.
    """

    question: str
    option: str
    count: int
    of: int
    share: Fraction
    interval: tuple[float, float]


@dataclass(frozen=True, repr=False, eq=False)
class PublishedTables:
    """The paper's own analysis of a survey.

    Attributes:
        questions: the two questions, importance first.
        ranking: every area with enough ratings, by promise ("Table 3").
        top: the first of them ("Table 1").
        gaps: important areas of low tractability, by the largest gap ("Table 2").
        candidates: how many areas passed the thresholds of `gaps`.
        excluded: rated, but too seldom.
        unrated: areas of the taxonomy that nobody rated; not low: unknown.
        ties: areas of exactly the same promise, in the order of the ranking.
        respondents: who answered anything.
        enthusiasts: of these, who gave at least one area `high` or more on both questions.
        categories: response by category; empty without a taxonomy.
        demographics: shares; empty if none were given.
        completed: who answered at least one demographic question.
        digits, rule: how numbers are printed.
        fewest: ratings that an area needs for each question.
        notes: one sentence each.
    """

    questions: tuple[str, str]
    ranking: tuple[PublishedRow, ...]
    top: tuple[PublishedRow, ...]
    gaps: tuple[PublishedRow, ...]
    candidates: int
    excluded: tuple[Excluded, ...]
    unrated: tuple[str, ...]
    ties: tuple[tuple[str, ...], ...]
    respondents: int
    enthusiasts: int
    high: Fraction
    categories: tuple[CategoryResponse, ...] = ()
    demographics: tuple[Share, ...] = ()
    completed: int = 0
    digits: int = 2
    rule: Rule = "half-up"
    fewest: int = 3
    notes: tuple[str, ...] = field(default=())

    def __repr__(self) -> str:
        first = self.ranking[0]
        return (
            f"{self.respondents:,} respondents, {len(self.ranking)} areas ranked, "
            f"{len(self.excluded)} excluded; first by promise: {first.area} "
            f"({self.text(first.promise)})"
        )

    def text(self, value: Fraction) -> str:
        """A number as it is printed."""
        return rounded(value, self.digits, self.rule)

    def printed(self, row: PublishedRow, last: str = "promise", *, short: bool = False) -> tuple[
        str, ...
    ]:  # fmt: skip
        """Cells of a row as printed: name, the two means, promise or gap, and n."""
        means = [self.text(row.means[q]) for q in self.questions]
        value = row.promise if last == "promise" else row.gap
        return (row.short if short else row.name, *means, self.text(value), str(row.n))

    def table1(self) -> list[tuple[str, ...]]:
        """The most promising areas, as printed."""
        return [self.printed(r, short=True) for r in self.top]

    def table2(self) -> list[tuple[str, ...]]:
        """The largest gaps, as printed."""
        return [self.printed(r, "gap", short=True) for r in self.gaps]

    def table3(self) -> list[tuple[str, ...]]:
        """The whole ranking, as printed."""
        return [self.printed(r) for r in self.ranking]

    def to_dict(self) -> dict[str, Any]:
        """Plain data; exact numbers as fractions in text beside what is printed."""
        return {
            "respondents": self.respondents,
            "enthusiasts": {"count": self.enthusiasts, "at_least": float(self.high)},
            "ranking": [self._row(r) for r in self.ranking],
            "top": [r.area for r in self.top],
            "gaps": [r.area for r in self.gaps],
            "gap_candidates": self.candidates,
            "excluded": [
                {"id": e.area, "name": e.name, "answers": dict(e.answers), "n": e.n}
                for e in self.excluded
            ],
            "unrated": list(self.unrated),
            "ties": [list(t) for t in self.ties],
            "categories": [vars(c) | {} for c in self.categories],
            "demographics": [
                vars(s) | {"share": float(s.share), "interval": list(s.interval),
                           "percent": rounded(100 * s.share, 1, self.rule)}
                for s in self.demographics
            ],
            "completed_demographics": self.completed,
            "digits": self.digits,
            "rule": self.rule,
            "fewest": self.fewest,
            "notes": list(self.notes),
        }  # fmt: skip

    def _row(self, r: PublishedRow) -> dict[str, Any]:
        exact = {**r.means, "promise": r.promise, "gap": r.gap}
        return {
            "rank": r.rank, "id": r.area, "name": r.name, "short": r.short, "category": r.category,
            "n": r.n, "answers": dict(r.answers), "sums": dict(r.sums),
            "printed": {k: self.text(v) for k, v in exact.items()},
            "exact": {k: str(v) for k, v in exact.items()},
            **{k: float(v) for k, v in exact.items()},
        }  # fmt: skip
