"""Which area should be asked of whom next? From a ratings table and the people who will answer."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from calibrant._text import one_line
from calibrant.errors import InputError
from calibrant.priorities.asking.choose import Choice, Rules, choose
from calibrant.priorities.asking.design import pieces
from calibrant.priorities.asking.forecast import after
from calibrant.priorities.asking.worth import Strategy, outlook
from calibrant.priorities.linear import Belief, Heard, believe
from calibrant.priorities.ranks.believed import levels_of, surveyed
from calibrant.priorities.ranks.halo import coded
from calibrant.priorities.ranks.places import best, places, regrets, top_chance
from calibrant.priorities.ranks.rank import Labels, natural
from calibrant.priorities.ranks.source import labels_of
from calibrant.priorities.survey.model import Survey
from calibrant.priorities.taxonomy import Taxonomy
from calibrant.records.frames import table_of
from calibrant.records.ratings import Ratings, as_ratings

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

_DRAWS = 2000


@dataclass(frozen=True)
class Ask:
    """One area to ask one respondent about.

    Attributes:
        respondent, area, name: who, and about what.
        order: 1 for the first question of this respondent.
        kind: "joins", "links", "explores" or "decides"; see `choose.Choice`.
        worth: what an answer is expected to bring, by the strategy.
        why: in a sentence.
    """

    respondent: str
    area: str
    name: str
    order: int
    kind: str
    worth: float | None
    why: str


@dataclass(frozen=True, repr=False)
class AskPlan:
    """Which areas to ask whom about.

    Attributes:
        asks: one after the other, respondent by respondent.
        strategy, top: of the rules.
        expected_regret: of funding the top k now, per funded area, in units of promise.
        expected_regret_after: once these are answered, as forecast.
        pieces: groups of respondents that share no area, before and after.
        unasked: respondents that nothing is left for.
        notes: what a reader must know.
    """

    asks: tuple[Ask, ...]
    strategy: str
    top: int
    expected_regret: float
    expected_regret_after: float
    pieces: tuple[int, int]
    unasked: tuple[str, ...]
    notes: tuple[str, ...]

    def __repr__(self) -> str:
        who = len({a.respondent for a in self.asks})
        return (
            f"{len(self.asks)} questions for {who} respondents by {self.strategy}: expected regret "
            f"of funding the top {self.top} from {self.expected_regret:.2f} to "
            f"{self.expected_regret_after:.2f} per area"
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return asdict(self)


@dataclass(frozen=True)
class Person:
    """Who can be asked.

    Attributes:
        respondent: as in the ratings.
        fields: category ids they chose; empty: those they rated in.
        own: area ids they work in.
    """

    respondent: str
    fields: tuple[str, ...] = ()
    own: tuple[str, ...] = ()


def people_of(source: Any) -> tuple[Person, ...]:
    """People from a table with the columns respondent, categories and, if known, own.

    Several ids in one cell are separated by commas, semicolons or spaces.

    Raises:
        InputError: without the column respondent, for an empty or a repeated one.
    """
    frame = table_of(source, "people")
    if "respondent" not in frame.columns:
        raise InputError(
            f"people: no column respondent; there are {', '.join(map(one_line, frame.columns))}"
        )
    out: dict[str, Person] = {}
    for at, row in enumerate(frame.iter_rows(named=True)):
        name = str(row["respondent"] or "").strip()
        if not name:
            raise InputError(f"people: row {at + 1}: respondent is empty")
        if name in out:
            raise InputError(f"people: row {at + 1}: {one_line(name, 40)!r} is there twice")
        cells = (
            tuple(p for p in re.split(r"[,;\s]+", str(row.get(c) or "")) if p)
            for c in ("categories", "own")
        )
        out[name] = Person(name, *cells)
    if not out:
        raise InputError("people: wanted at least one row")
    return tuple(out.values())


def ask(
    ratings: Any,
    people: Any,
    *,
    survey: Survey | str | Path | None = None,
    taxonomy: Taxonomy | str | Path | None = None,
    scale: str | int | None = None,
    per: int = 6,
    top: int = 10,
    strategy: Strategy = "regret",
    link: int = 2,
    explore: int = 1,
    questions: tuple[str, str] = ("importance", "tractability"),
    seed: int = 0,
) -> AskPlan:
    """Choose areas for respondents, by what their answers are expected to do for the decision.

    Args:
        ratings: the ratings table so far; see `as_ratings`.
        people: who can be asked now: a table (see `people_of`) or `Person`s.
        survey: its file, for its taxonomy and the labels of its scales.
        taxonomy: areas and their categories; by default the survey's, or the shipped one if it has
            every area, else an area's category is the digits it begins with.
        scale: such as "1-7", or 7; by default the survey's, or 1 to 5.
        per, top, strategy, link, explore: see `Rules`.
        questions: the two whose product decides.
        seed: of equals.

    Raises:
        InputError: for an unknown category, a value outside the scale, too few areas for the top.
    """
    rules = Rules(per, top, strategy, link, explore)
    table = as_ratings(ratings).latest
    persons = people if _are_people(people) else people_of(people)
    taxonomy, between = _asked(survey, taxonomy, questions, scale)
    labels, _ = labels_of(taxonomy, set(table.frame["area"].to_list()))
    ground = _Ground.of(table, persons, labels, questions, between)
    if len(ground.areas) <= top:
        raise InputError(
            f"top: wanted fewer than the {len(ground.areas)} areas there are, got {top}"
        )
    belief = believe(ground.heard, ground.category, len(ground.raters), scale=between)
    index = {name: at for at, name in enumerate(ground.raters)}
    raters = np.array([index[p.respondent] for p in persons])
    look = outlook(belief)
    chosen = choose(
        look, ground.asked, ground.allowed, ground.own, rules,
        raters=raters, answering=ground.answering, seed=seed,
    )  # fmt: skip
    return _told(ground, belief, chosen, rules, persons, between, seed)


def _asked(
    survey: Survey | str | Path | None,
    taxonomy: Taxonomy | str | Path | None,
    questions: tuple[str, str],
    scale: str | int | None,
) -> tuple[Taxonomy | str | Path | None, tuple[float, float]]:
    """The taxonomy and the scale of a survey, which must ask both questions."""
    labels, taxonomy = surveyed(survey, taxonomy)
    for q in questions if labels else ():
        if q not in labels:
            raise InputError(f"survey: no question {q!r}; there are {', '.join(labels)}")
    asked = max((labels[q] for q in questions), default=5) if labels else 5
    return taxonomy, (1.0, float(asked if scale is None else levels_of(scale)))


def _are_people(source: Any) -> bool:
    return isinstance(source, tuple | list) and all(isinstance(p, Person) for p in source)


@dataclass(frozen=True, eq=False)
class _Ground:
    """A ratings table and people as arrays."""

    areas: tuple[str, ...]
    names: Mapping[str, str]
    raters: tuple[str, ...]
    category: NDArray[np.int64]
    heard: Heard
    asked: Bools
    allowed: Bools
    own: Bools
    answering: Floats

    @classmethod
    def of(
        cls, table: Ratings, people: Sequence[Person], labels: Labels,
        questions: tuple[str, str], scale: tuple[float, float],
    ) -> _Ground:  # fmt: skip
        frame = table.frame.filter(
            pl.col("question").is_in(questions) & (pl.col("state") != "not shown")
        )
        areas = tuple(sorted({*frame["area"].to_list(), *labels.names}, key=natural))
        if not areas:
            raise InputError("ask: there are no areas; give ratings or a taxonomy")
        of = [labels.categories.get(a) or _category(a) for a in areas]
        groups = sorted(set(of), key=natural)
        category = np.array([groups.index(c) for c in of])
        raters = tuple(sorted({*frame["respondent"].to_list(), *(p.respondent for p in people)}))
        heard, asked, answering = _heard(frame, raters, areas, questions, scale)
        own = np.zeros(asked.shape, dtype=bool)
        allowed = np.zeros(asked.shape, dtype=bool)
        for p in people:
            r = raters.index(p.respondent)
            own[r] = [a in p.own for a in areas]
            fields = p.fields or tuple({of[a] for a in np.flatnonzero(asked[r])})
            for field in fields:
                if field not in groups:
                    raise InputError(
                        f"people: {one_line(p.respondent, 40)}: no category "
                        f"{one_line(field, 40)!r}; there are {', '.join(groups[:30])}"
                    )
            allowed[r] = [c in fields for c in of]
        heard = Heard(heard.rater, heard.area, heard.value, own[heard.rater, heard.area])
        return cls(areas, labels.names, raters, category, heard, asked, allowed, own, answering)


def _category(area: str) -> str:
    digits = re.match(r"\d+", area)
    return digits[0] if digits else area


def _heard(
    frame: pl.DataFrame, raters: Sequence[str], areas: Sequence[str],
    questions: tuple[str, str], scale: tuple[float, float],
) -> tuple[Heard, Bools, Floats]:  # fmt: skip
    """Answers as arrays, what was asked, and the chance that an area's question is answered."""
    shape = (len(raters), len(areas))
    r, a, q = (
        coded(frame[column], names)
        for column, names in (("respondent", raters), ("area", areas), ("question", questions))
    )
    value = frame["value"].cast(pl.Float64).fill_null(float("nan")).to_numpy()
    outside = (value < scale[0]) | (value > scale[1]) | (value % 1 > 0)
    if outside.any():
        at = int(np.flatnonzero(outside)[0])
        raise InputError(
            f"ratings: {one_line(areas[a[at]], 40)}: value {value[at]:g}; wanted a whole "
            f"number from {scale[0]:g} to {scale[1]:g} (--scale, --survey)"
        )
    grid = np.full((*shape, 2), np.nan)
    grid[r, a, q] = value
    asked = np.zeros(shape, dtype=bool)
    asked[r, a] = True
    some = np.argwhere(~np.isnan(grid).all(axis=2))
    heard = Heard(some[:, 0], some[:, 1], grid[some[:, 0], some[:, 1]],
                  np.zeros(len(some), dtype=bool))  # fmt: skip
    cells = np.bincount(a, minlength=shape[1])
    known = np.bincount(a[~np.isnan(value)], minlength=shape[1])
    # As if ten more cells had been answered as often as all were.
    usual = (known.sum() + 1) / (cells.sum() + 1)
    return heard, asked, (known + 10 * usual) / (cells + 10)


def _forecast(
    belief: Belief, ids: Sequence[str], top: int, scale: tuple[float, float], seed: int
) -> tuple[float, Floats]:
    """Expected regret of the best k per area, and each area's chance of the top k."""
    nothing = {q: np.zeros(len(ids), dtype=np.int64) for q in ("importance", "tractability")}
    score = belief.posterior(ids, nothing, _DRAWS, seed, scale).promise()
    chance = top_chance(places(score, seed), top)
    return float(regrets(score, best(score, top)).mean()), chance


def _told(
    ground: _Ground, belief: Belief, chosen: Sequence[Choice], rules: Rules,
    people: Sequence[Person], scale: tuple[float, float], seed: int,
) -> AskPlan:  # fmt: skip
    now, chance = _forecast(belief, ground.areas, rules.top, scale, seed)
    later = after(outlook(belief), chosen, ground.own, ground.answering, rules.top, scale, seed)
    order: dict[int, int] = {}
    asks = []
    for c in chosen:
        order[c.rater] = order.get(c.rater, 0) + 1
        area = ground.areas[c.area]
        asks.append(
            Ask(ground.raters[c.rater], area, ground.names.get(area, area), order[c.rater],
                c.kind, c.worth, _why(c, float(chance[c.area]), rules))
        )  # fmt: skip
    place = {p.respondent: at for at, p in enumerate(people)}
    asks.sort(key=lambda one: (place[one.respondent], one.order))
    asked = ground.asked.copy()
    for c in chosen:
        asked[c.rater, c.area] = True
    groups = tuple(int(pieces(x)[0].max()) + 1 if x.any() else 0 for x in (ground.asked, asked))
    unasked = tuple(
        p.respondent for p in people if p.respondent not in {a.respondent for a in asks}
    )
    return AskPlan(
        tuple(asks), rules.strategy, rules.top, now, later, (groups[0], groups[1]), unasked,
        _notes(asks, groups[1], unasked, rules),
    )  # fmt: skip


def _why(c: Choice, chance: float, rules: Rules) -> str:
    known = f"{c.answers} answer{'' if c.answers == 1 else 's'} so far or on their way"
    match c.kind:
        case "joins":
            return f"joins respondents who share no area yet; {known}"
        case "links":
            return f"shared with {c.answers} others, which tells how strict this respondent is"
        case "explores":
            return f"among the least asked of these fields: {known}"
    text = f"chance of the top {rules.top} is {chance:.2f}; {known}"
    if rules.strategy == "regret" and c.worth is not None:
        text += f"; an answer lowers the expected regret by about {c.worth:.4f}"
    return text


def _notes(
    asks: Sequence[Ask], groups: int, unasked: Sequence[str], rules: Rules
) -> tuple[str, ...]:
    out = []
    if groups > 1:
        out.append(
            f"{groups} groups of respondents will still share no area: between them severity and "
            "areas are told apart only by assuming that raters are alike"
        )
    if unasked:
        out.append(f"nothing is left to ask {len(unasked)} respondents in their fields")
    if asks and rules.strategy not in ("random", "fewest"):
        out.append(
            "chosen from recorded answers only, which a model of all answers takes into account; "
            "raw means of the areas asked more are not"
        )
    return tuple(out)
