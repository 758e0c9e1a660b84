"""Which score would a just acceptable subject have, as raters judge item by item? Angoff cuts.

Each rater says for every item how likely a just acceptable subject answers it right (Angoff 1971),
or whether it would (Impara and Plake 1997). The mean over items is a rater's cut, and their mean
the panel's. Its error is that of a rater × item table (Brennan and Lockwood, Applied
Psychological Measurement 4 (1980) 219): raters are always a sample; items are fixed where the
subject is scored on these very items, and a sample where the claim is about more of the kind.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from calibrant.errors import InputError
from calibrant.quality.bank import Bank
from calibrant.quality.cuts.cut import (
    Cut,
    around,
    check_direction,
    check_level,
    hash_of,
    inside,
)
from calibrant.quality.cuts.judgements import Judgements, read_judgements
from calibrant.quality.cuts.panel import Panel, panel_mean
from calibrant.quality.cuts.raters import Rater, raters_of

if TYPE_CHECKING:
    from calibrant._figure import Figure

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Departure:
    """A judgement far from what the others say of the item: for the raters' next discussion.

    Attributes:
        judged: the rater's probability.
        others: the mean of the other raters' for this item.
        observed: the share of subjects that answer it right, if known.
    """

    rater: str
    item: str
    judged: float
    others: float
    observed: float | None


@dataclass(frozen=True)
class Round:
    """One round: its cut, and the standard deviation of raters' cuts."""

    name: str
    value: float
    spread: float | None


@dataclass(frozen=True, eq=False)
class Angoff:
    """An Angoff cut with what it rests on.

    Attributes:
        cut: the cut.
        raters: each rater's own cut and consistency, in order.
        rater_variance, item_variance, residual_variance: of one judgement, at least 0.
        standard_error_fixed, standard_error_sampled: of the cut with these items, and with items
            as a sample.
        median: of the raters' cuts.
        outlying: raters whose cut is not like the others', by Holm's rule over all raters.
        without_outlying: the cut without them; None if there are none.
        rounds: every round.
        departures: single judgements that lie furthest from the other raters'.
        passing: share of the subjects' observed scores that are acceptable at the cut, if known.
        notes: what a reader should know, one sentence each.
    """

    cut: Cut
    raters: tuple[Rater, ...]
    rater_variance: float
    item_variance: float
    residual_variance: float
    standard_error_fixed: float
    standard_error_sampled: float
    median: float
    outlying: tuple[str, ...]
    without_outlying: float | None
    rounds: tuple[Round, ...]
    departures: tuple[Departure, ...]
    passing: float | None
    notes: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain data, ready for JSON."""
        lists = {name: [asdict(x) for x in getattr(self, name)]
                 for name in ("raters", "rounds", "departures")}  # fmt: skip
        plain = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return plain | lists | {
            "cut": self.cut.to_dict(), "outlying": list(self.outlying), "notes": list(self.notes),
        }  # fmt: skip

    def plot(self) -> Figure:
        """Each rater's cut, with the panel's."""
        from calibrant.quality.cuts.figures import rows_figure

        rows = [(r.name, r.cut, r.outlying) for r in self.raters]
        return rows_figure("The cut of each rater", self.cut, rows, "score")

    def __repr__(self) -> str:
        text = repr(self.cut)
        if self.outlying:
            text += f"; {len(self.outlying)} outlying rater" + "s" * (len(self.outlying) != 1)
        return text


def angoff(
    source: Any,
    *,
    items: str = "fixed",
    level: float = 0.95,
    direction: str = "above",
    round: str | None = None,
    observed: Sequence[float] | Floats | None = None,
    scores: Sequence[float] | Floats | None = None,
    bank: Bank | None = None,
    **reading: Any,
) -> Angoff:
    """The cut of a panel that judged item by item.

    Args:
        source: raters' judgements, and `reading` their columns; see `read_judgements`.
        items: "fixed" if subjects are scored on these very items, "sampled" if the cut is to hold
            for other items of the kind; the standard error then counts the items' spread too.
        direction: on which side of the cut a subject is acceptable.
        round: which round counts, by default the last.
        observed: for every item in the order of the judgements, the share of subjects that answer
            it right; NaN where unknown. Shows whether raters know what is difficult.
        scores: observed scores of subjects, 0–1, for the share that is acceptable at the cut.
        bank: calibrated items, by name; shows each rater's ability and van der Linden's index.

    Raises:
        InputError: for fewer than 2 raters, judgements that are no probabilities or are ambiguous,
            a round that is not there, or raters who have no items in common.
    """
    check_level(level)
    check_direction(direction)
    if items not in ("fixed", "sampled"):
        raise InputError(f"items: wanted fixed or sampled, got {items!r}")
    given = read_judgements(source, **reading)
    values, turn = _round(given, round)
    panel = panel_mean(values, given.raters)
    known = _observed(observed, given)
    curves = None if bank is None else _curves(bank, given)
    raters = raters_of(given.raters, values, panel, known, curves)
    outlying = tuple(r.name for r in raters if r.outlying)
    without = None
    keep = np.array([not r.outlying for r in raters])
    if outlying and keep.sum() >= 2:
        rest = panel_mean(values[keep], tuple(np.array(given.raters, object)[keep]))
        without = rest.mean
    seen = None if scores is None else _scores(scores)
    cut = _cut(given, values, turn, panel, items == "sampled", level, direction)
    passing = None
    if seen is not None:
        right = seen >= cut.value if direction == "above" else seen <= cut.value
        passing = float(right.mean())
    return Angoff(
        cut, raters, panel.rater_variance, panel.item_variance, panel.residual_variance,
        panel.error_fixed, panel.error_sampled, float(np.median(panel.cuts)), outlying, without,
        _rounds(given), _departures(given, values, known), passing, _notes(given, panel, raters),
    )  # fmt: skip


def _round(given: Judgements, name: str | None) -> tuple[Floats, str]:
    """Judgements of a round, shape (raters, items), and its name."""
    if name is not None and name not in given.rounds:
        raise InputError(f"round: wanted one of {', '.join(given.rounds)}, got {name!r}")
    at = given.rounds.index(name) if name is not None else len(given.rounds) - 1
    return given.values[at], given.rounds[at]


def _cut(
    given: Judgements,
    values: Floats,
    turn: str,
    panel: Panel,
    sampled: bool,
    level: float,
    direction: str,
) -> Cut:
    error = panel.error_sampled if sampled else panel.error_fixed
    freedom = panel.freedom_sampled if sampled else panel.freedom_fixed
    low, high = around(panel.mean, error, freedom, level)
    method = "yes-no angoff" if given.unit == "yes-no" else "angoff"
    side = check_direction(direction)
    source = hash_of(given.raters, given.items, turn, np.where(np.isnan(values), -1.0, values))
    return Cut(
        inside(panel.mean), side, error, low, high, level, method, len(panel.cuts), "raters",
        int((~np.isnan(values)).any(axis=0).sum()), sampled, None, source,
    )  # fmt: skip


def _rounds(given: Judgements) -> tuple[Round, ...]:
    found = []
    for name, values in zip(given.rounds, given.values, strict=True):
        own = [float(np.nanmean(v)) for v in values if not np.isnan(v).all()]
        spread = float(np.std(own, ddof=1)) if len(own) > 1 else None
        found.append(Round(name, float(np.mean(own)), spread))
    return tuple(found)


def _departures(
    given: Judgements, values: Floats, observed: Floats | None
) -> tuple[Departure, ...]:
    """The 20 judgements furthest from the mean of the others, after raters' own severity."""
    there = ~np.isnan(values)
    filled = np.where(there, values, 0.0)
    count = there.sum(axis=0) - there
    others = np.full(values.shape, np.nan)
    np.divide(filled.sum(axis=0) - filled, count, out=others, where=count > 0)
    apart = values - others
    apart = np.where(np.isnan(apart), np.nan, apart)
    heard = ~np.isnan(apart).all(axis=1)
    own = np.zeros(values.shape[0])
    own[heard] = np.nanmean(apart[heard], axis=1)
    size = np.where(np.isnan(apart), -1.0, np.abs(apart - own[:, None]))
    order = np.argsort(-size, axis=None, kind="stable")[:20]
    found = []
    for at in order:
        r, i = (int(x) for x in np.unravel_index(at, size.shape))
        if size[r, i] < 0.2:
            break
        known = None if observed is None or np.isnan(observed[i]) else float(observed[i])
        found.append(
            Departure(given.raters[r], given.items[i], float(values[r, i]), float(others[r, i]),
                      known)
        )  # fmt: skip
    return tuple(found)


def _observed(observed: Sequence[float] | Floats | None, given: Judgements) -> Floats | None:
    if observed is None:
        return None
    known = np.asarray(observed, np.float64)
    if known.shape != (len(given.items),):
        raise InputError(
            f"observed: wanted a share for each of {len(given.items)} items, got {known.shape}"
        )
    seen = known[~np.isnan(known)]
    if seen.size and not ((seen >= 0) & (seen <= 1)).all():
        raise InputError("observed: wanted shares from 0 to 1")
    return known


def _scores(scores: Sequence[float] | Floats) -> Floats:
    seen = np.asarray(scores, np.float64).ravel()
    if not seen.size or not ((seen >= 0) & (seen <= 1)).all():
        raise InputError("scores: wanted at least one, each from 0 to 1")
    return seen


def _curves(bank: Bank, given: Judgements) -> Bank:
    """The bank's items in the order of the judgements.

    Raises:
        InputError: if an item is not in the bank, or is scored otherwise than 0 or 1.
    """
    at = {name: j for j, name in enumerate(bank.items)}
    lost = [i for i in given.items if i not in at]
    if lost:
        raise InputError(f"bank: {len(lost)} judged items are not in it, such as {lost[0]!r}")
    if bank.intercepts.shape[1] != 1:
        raise InputError("bank: judgements of right or wrong need items with two scores")
    return bank.select([at[i] for i in given.items])


def _notes(given: Judgements, panel: Panel, raters: tuple[Rater, ...]) -> tuple[str, ...]:
    notes = list(given.notes)
    if given.unit == "percent":
        notes.append("judgements were read as per cent")
    if len(panel.cuts) < 5:
        notes.append(
            f"{len(panel.cuts)} raters are few: the interval rests on {panel.freedom_fixed:.0f} "
            "degrees of freedom"
        )
    if panel.missing:
        notes.append(
            f"{panel.missing} judgements are missing; raters are compared on the items they share, "
            "as if what is missing did not depend on what would have been said"
        )
    flat = [r.name for r in raters if r.correlation is not None and r.correlation <= 0]
    if flat:
        notes.append(
            f"{len(flat)} rater{'s' * (len(flat) != 1)} order items no better than by chance: "
            + ", ".join(flat[:5])
        )
    if math.isclose(panel.mean, 0.0, abs_tol=1e-12) or math.isclose(panel.mean, 1.0):
        notes.append("the cut lies at an end of the scale")
    return tuple(notes)
