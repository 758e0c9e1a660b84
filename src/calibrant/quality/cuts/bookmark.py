"""Up to which page must a just acceptable subject get? Bookmarks in items ordered by difficulty.

Items stand in the order of the ability at which they are answered right with a response
probability, by custom 67 % (Lewis, Mitzel and Green 1996; Mitzel and others 2001). A rater marks
the first page that a just acceptable subject would not master; the cut is an ability there, and
on the score scale what the bank expects of that ability.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.special import expit, logit

from calibrant._text import one_line
from calibrant.errors import InputError
from calibrant.quality.bank import Bank
from calibrant.quality.cuts.booklet import Page, booklet, location
from calibrant.quality.cuts.cut import (
    Cut,
    around,
    check_direction,
    check_level,
    hash_of,
    inside,
)
from calibrant.records.frames import table_of

if TYPE_CHECKING:
    from calibrant._figure import Figure

Floats = NDArray[np.float64]

AT = ("between", "before", "marked")
"""Where the cut of a bookmark lies: midway between the last mastered page and the marked one, or
at either of them."""


@dataclass(frozen=True, eq=False)
class Bookmark:
    """A bookmark cut with what it rests on.

    Attributes:
        cut: the cut, its `ability` on the bank's scale.
        pages: the booklet, in order.
        marks: each rater's page, by name.
        abilities: each rater's cut on the bank's scale, by name.
        scores: each rater's cut on the score scale, by name.
        response_probability: with which a page is mastered.
        at: where the cut of a bookmark lies, one of `AT`.
        rater_error: standard error of the score cut from raters.
        item_error: standard error from the items' parameters; None if they are not known.
        ability_error: standard error of the ability cut from raters.
        notes: what a reader should know, one sentence each.
    """

    cut: Cut
    pages: tuple[Page, ...]
    marks: Mapping[str, int]
    abilities: Mapping[str, float]
    scores: Mapping[str, float]
    response_probability: float
    at: str
    rater_error: float
    item_error: float | None
    ability_error: float
    notes: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain data, ready for JSON."""
        plain = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return plain | {
            "cut": self.cut.to_dict(), "pages": [p.__dict__ for p in self.pages],
            "marks": dict(self.marks), "abilities": dict(self.abilities),
            "scores": dict(self.scores), "notes": list(self.notes),
        }  # fmt: skip

    def plot(self) -> Figure:
        """Each rater's cut, with the panel's."""
        from calibrant.quality.cuts.figures import rows_figure

        rows = [(f"{n}: page {self.marks[n]}", s, False) for n, s in self.scores.items()]
        return rows_figure("The cut of each rater's bookmark", self.cut, rows, "score")

    def __repr__(self) -> str:
        return f"{self.cut!r}; ability {self.cut.ability:.3f}"


def bookmark(
    marks: Any,
    bank: Bank,
    *,
    response_probability: float = 0.67,
    at: str = "between",
    level: float = 0.95,
    direction: str = "above",
    average: str = "mean",
    form: Sequence[str] | None = None,
) -> Bookmark:
    """The cut of a panel that set bookmarks.

    Args:
        marks: each rater's first page that a just acceptable subject would not master, from 1 to
            one more than there are pages; a mapping from raters, or a table or path with columns
            rater and page (and perhaps round, of which the last counts). A page can also be told
            as the name of its item, if each item has one page.
        bank: calibrated items, with which the booklet was made; see `booklet`.
        at: where the cut of a bookmark lies; one of `AT`.
        average: "mean" or "median" of the raters' abilities.
        form: items whose expected score is the cut; by default all of the bank.

    Raises:
        InputError: for fewer than 2 raters, pages that are not there, or unknown items.
    """
    check_level(level)
    side = check_direction(direction)
    if at not in AT:
        raise InputError(f"at: wanted one of {', '.join(AT)}, got {at!r}")
    if average not in ("mean", "median"):
        raise InputError(f"average: wanted mean or median, got {average!r}")
    pages, lost = booklet(bank, response_probability=response_probability)
    told = _marks(marks, pages)
    if len(told) < 2:
        raise InputError(f"raters: wanted at least 2, got {len(told)}")
    chosen = bank if form is None else _form(bank, form)
    numbers = np.array(list(told.values()))
    weights = _weights(numbers, pages, at, average)
    places = np.array([p.location for p in pages])
    own = _weights_of_each(numbers, pages, at) @ places
    ability = float(weights @ places)
    value = score_at(chosen, ability)
    slope = _slope(chosen, ability)
    raters = _rater_error(own, average) or _resolution(int(numbers[0]), pages)
    items = _item_error(bank, chosen, pages, weights, ability, response_probability)
    total = math.hypot(slope * raters, items or 0.0)
    # Satterthwaite: the items' part has no shortage of degrees of freedom.
    part = slope * raters
    freedom = (len(told) - 1.0) * (total / part) ** 4 if part > 1e-6 * total else math.inf
    low, high = around(value, total, freedom, level)
    source = hash_of(bank.to_dict(), dict(told), response_probability, at, average)
    cut = Cut(
        inside(value), side, total, low, high, level, "bookmark", len(told), "raters",
        len(chosen.items), False, ability, source,
    )  # fmt: skip
    notes = _notes(lost, bank, numbers, pages, own)
    abilities = dict(zip(told, map(float, own), strict=True))
    scores = {name: score_at(chosen, a) for name, a in abilities.items()}
    return Bookmark(
        cut, pages, told, abilities, scores, response_probability, at, part, items, raters, notes,
    )  # fmt: skip


def _marks(marks: Any, pages: tuple[Page, ...]) -> dict[str, int]:
    if isinstance(marks, Mapping) and not any(isinstance(v, list | tuple) for v in marks.values()):
        given = {str(k): v for k, v in marks.items()}
    else:
        given = _table(table_of(marks, "bookmarks"))
    names = [p.item for p in pages]
    found = {}
    for rater, told in given.items():
        where = f"bookmark of rater {one_line(rater, 60)!r}"
        text = str(told).strip()
        if text in names:
            if names.count(text) > 1:
                raise InputError(
                    f"{where}: item {one_line(text, 60)!r} has several pages; give one"
                )
            found[rater] = names.index(text) + 1
            continue
        try:
            number = float(text)
        except ValueError as e:
            raise InputError(f"{where}: no page or item {one_line(text, 60)!r}") from e
        if number != int(number) or not 1 <= number <= len(pages) + 1:
            raise InputError(f"{where}: wanted a page from 1 to {len(pages) + 1}, got {number:g}")
        found[rater] = int(number)
    return found


def _table(table: pl.DataFrame) -> dict[str, Any]:
    lower = {c.strip().lower(): c for c in table.columns}
    who = next((lower[n] for n in ("rater", "judge", "panelist", "expert") if n in lower), None)
    page = next((lower[n] for n in ("page", "bookmark", "mark", "item") if n in lower), None)
    if who is None or page is None:
        raise InputError(
            "bookmarks: wanted columns rater and page, "
            f"got {one_line(', '.join(table.columns[:8]), 120)}"
        )
    if "round" in lower:
        turns = table[lower["round"]].cast(pl.Float64, strict=False)
        if turns.null_count():
            raise InputError("bookmarks: round: wanted numbers")
        table = table.filter(turns == turns.max())
    raters = table[who].cast(pl.String).to_list()
    twice = next((r for i, r in enumerate(raters) if r in raters[:i]), None)
    if twice is not None:
        raise InputError(f"bookmarks: rater {one_line(str(twice), 60)!r} has two")
    return dict(zip(map(str, raters), table[page].to_list(), strict=True))


def _weights_of_each(marks: NDArray[np.int64], pages: tuple[Page, ...], at: str) -> Floats:
    """Shape (raters, pages): of which locations each rater's ability is the mean."""
    found = np.zeros((marks.size, len(pages)))
    last = len(pages) - 1
    for r, mark in enumerate(marks):
        # Page numbers start at 1; the first and last page have a neighbour on one side only.
        before, marked = max(mark - 2, 0), min(mark - 1, last)
        if at != "marked":
            found[r, before] += 1.0 if at == "before" else 0.5
        if at != "before":
            found[r, marked] += 1.0 if at == "marked" else 0.5
    return found


def _weights(marks: NDArray[np.int64], pages: tuple[Page, ...], at: str, average: str) -> Floats:
    each = _weights_of_each(marks, pages, at)
    if average == "mean":
        return np.asarray(each.mean(axis=0))
    order = np.argsort(each @ np.array([p.location for p in pages]), kind="stable")
    middle = order[(marks.size - 1) // 2 : marks.size // 2 + 1]
    return np.asarray(each[middle].mean(axis=0))


def _rater_error(own: Floats, average: str) -> float:
    """Of the mean of raters' abilities; a median's is at most that many times larger."""
    error = float(np.std(own, ddof=1)) / math.sqrt(own.size)
    return error if average == "mean" else error * math.sqrt(math.pi / 2)


def _resolution(mark: int, pages: tuple[Page, ...]) -> float:
    """Where all marked one page: the cut may lie anywhere between it and the one before."""
    last = len(pages) - 1
    gap = pages[min(mark - 1, last)].location - pages[max(mark - 2, 0)].location
    return max(gap, float(np.median(np.diff([p.location for p in pages])))) / math.sqrt(12)


def score_at(bank: Bank, ability: float) -> float:
    """The expected score of an ability over a bank's items, each from 0 to 1."""
    return float(_unit(bank, ability).mean())


def _slope(bank: Bank, ability: float) -> float:
    step = 1e-4
    return (score_at(bank, ability + step) - score_at(bank, ability - step)) / (2 * step)


def _form(bank: Bank, form: Sequence[str]) -> Bank:
    at = {name: j for j, name in enumerate(bank.items)}
    lost = next((n for n in form if n not in at), None)
    if lost is not None:
        raise InputError(f"form: item {one_line(lost, 60)!r} is not in the bank")
    if not form:
        raise InputError("form: wanted at least one item, got none")
    return bank.select([at[n] for n in form])


def _item_error(
    bank: Bank, form: Bank, pages: tuple[Page, ...], weights: Floats, ability: float, rp: float
) -> float | None:
    """Delta method over items' parameters: through marked locations, and the expected score."""
    if bank.covariance is None:
        return None
    slope, step = _slope(form, ability), 1e-4
    at = {name: j for j, name in enumerate(bank.items)}
    scored = np.isin(bank.items, form.items)
    parameters = int(bank.covariance.shape[1])
    gradient = np.zeros((len(bank.items), parameters))
    for p in range(parameters):
        up, down = (_moved(bank, p, s) for s in (step, -step))
        change = _unit(up, ability) - _unit(down, ability)
        gradient[:, p] = np.where(scored, change / len(form.items), 0.0)
        for page, w in zip(pages, weights, strict=True):
            if w:
                j = at[page.item]
                moved = [location(b, j, page.category, rp) for b in (up, down)]
                if moved[0] is not None and moved[1] is not None:
                    gradient[j, p] += slope * w * (moved[0] - moved[1])
    gradient /= 2 * step
    # What is not estimated, and what an item does not have, has no error.
    covariance = np.where(np.isnan(bank.covariance), 0.0, bank.covariance)
    variance = float(np.einsum("jp,jpq,jq->", gradient, covariance, gradient))
    return math.sqrt(max(0.0, variance))


def _unit(bank: Bank, ability: float) -> Floats:
    """Each item's expected score, from 0 to 1."""
    low, high = np.nanmin(bank.values, axis=1), np.nanmax(bank.values, axis=1)
    found: Floats = (bank.expected(np.array([ability]))[0] - low) / (high - low)
    return found


def _moved(bank: Bank, parameter: int, step: float) -> Bank:
    """All items with one parameter moved: discrimination, intercepts, or the guessing logit."""
    steps = bank.intercepts.shape[1]
    if parameter == 0:
        return replace(bank, discrimination=bank.discrimination + step)
    if parameter <= steps:
        moved = bank.intercepts.copy()
        moved[:, parameter - 1] += step
        return replace(bank, intercepts=moved)
    g = np.clip(bank.guessing, 1e-12, 1 - 1e-12)
    return replace(bank, guessing=expit(logit(g) + step))


def _notes(
    lost: tuple[str, ...],
    bank: Bank,
    marks: NDArray[np.int64],
    pages: tuple[Page, ...],
    own: Floats,
) -> tuple[str, ...]:
    notes = []
    if lost:
        notes.append(
            f"{len(lost)} items have no place in the booklet, as able subjects fail them or "
            f"guessing reaches the response probability: {', '.join(lost[:5])}"
        )
    if bank.covariance is None:
        notes.append("the bank does not say how sure its items are; that is not in the error")
    if np.any((marks == 1) | (marks == len(pages) + 1)):
        notes.append("a bookmark stands before the first or after the last page; the booklet may "
                     "be too hard or too easy to hold the cut")  # fmt: skip
    gaps = np.diff([p.location for p in pages])
    low, high = float(own.min()), float(own.max())
    near = [g for p, g in zip(pages[:-1], gaps, strict=True) if low - g <= p.location <= high]
    if near and max(near) > 0.5:
        notes.append(
            f"pages near the cut lie up to {max(near):.2f} apart in ability: no bookmark can be "
            "more exact"
        )
    if np.ptp(own) == 0:
        notes.append(
            "all raters marked the same page: the error is that of a page's width, as their own "
            "cannot be seen"
        )
    return tuple(notes)
