"""What was known when? Cuts of scores into what is known and what comes later."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from calibrant._text import one_line
from calibrant.errors import InputError
from calibrant.scaling.scores import Floats, Scores

Kind = Literal["scale", "date", "axis", "family", "rolling scale", "rolling date", "rolling axis"]
Along = Literal["scale", "date", "axis"]

FORMS = (
    "scale<=8.4e22, date<=2024-01-31, family, rolling, rolling date; rolling:9 for nine cuts; with "
    "--given also axis<=0.5, rolling axis"
)
"""The grammar of a rule, by examples."""

ROLLING, FOLDS = 7, 8
"""Cuts of a rolling back-test, and groups of families left out in turn, unless said otherwise."""

LEAST = 6
"""Subjects that must be known at a cut, and two must come later."""

_RULE = re.compile(
    r"(?P<fixed>scale|date|axis)\s*(?:<=|≤)\s*(?P<at>\S+)"
    r"|(?P<moving>rolling(?:[ -](?:scale|date|axis))?|family)\s*(?::\s*(?P<count>\d+))?"
)


@dataclass(frozen=True)
class Rule:
    """How the past is cut.

    Attributes:
        kind: by compute, by date, by the first axis of what is given, by families, or rolling along
            one of the three.
        at: of a fixed cut: the base-10 logarithm of compute, days since 1970-01-01, or standard
            deviations on the axis.
        count: cuts of a rolling rule, groups of families.
        text: as the user wrote it.
    """

    kind: Kind
    at: float | None
    count: int
    text: str

    def __repr__(self) -> str:
        return f"Rule: {self.text}"

    @property
    def along(self) -> Along:
        """What distance is measured along: orders of magnitude, months, or an axis's SDs."""
        if self.kind in ("date", "rolling date"):
            return "date"
        return "axis" if self.kind in ("axis", "rolling axis") else "scale"


@dataclass(frozen=True, eq=False)
class Cut:
    """What was known and what came later.

    Attributes:
        name: such as "scale <= 8.4e22".
        known, later: shape (rows,), masks of the scores.
        judged: whether its outcomes are counted; others only teach the weights.
    """

    name: str
    known: NDArray[np.bool_]
    later: NDArray[np.bool_]
    judged: bool

    def __repr__(self) -> str:
        return f"Cut {self.name}: {self.known.sum()} scores known, {self.later.sum()} later"


def read_rule(text: str, *, log: bool = True) -> Rule:
    """A rule from its text.

    Args:
        text: one of `FORMS`.
        log: whether scales are written plainly and taken the logarithm of.

    Raises:
        InputError: for anything else.
    """
    said = " ".join(text.strip().split())
    found = _RULE.fullmatch(said)
    wrong = InputError(f"--cut: wanted one of {FORMS}; got {one_line(text, 60)!r}")
    if found is None:
        raise wrong
    if found["fixed"] == "scale":
        try:
            value = float(found["at"])
        except ValueError:
            raise wrong from None
        if not np.isfinite(value) or (log and value <= 0):
            raise InputError(f"--cut: wanted a scale above 0, got {one_line(found['at'], 40)}")
        return Rule("scale", float(np.log10(value)) if log else value, ROLLING, said)
    if found["fixed"] == "axis":
        try:
            spot = float(found["at"])
        except ValueError:
            raise wrong from None
        if not np.isfinite(spot):
            raise wrong
        return Rule("axis", spot, ROLLING, said)
    if found["fixed"] == "date":
        try:
            day = np.datetime64(found["at"], "D")
        except ValueError:
            raise wrong from None
        return Rule("date", float(day.astype(np.int64)), ROLLING, said)
    count = found["count"]
    if count is not None and not 2 <= int(count) <= 100:
        raise InputError(f"--cut: wanted 2 to 100 cuts, got {count}")
    if found["moving"] == "family":
        return Rule("family", None, int(count or FOLDS), said)
    last = found["moving"][-4:]
    kind: Kind = (
        "rolling date" if last == "date" else "rolling axis" if last == "axis" else "rolling scale"
    )
    return Rule(kind, None, int(count or ROLLING), said)


def along(scores: Scores, axis: Along) -> Floats:
    """Where each row stands: log10 of compute, days since 1970-01-01, or standard deviations on the
    first axis of what is given; NaN where unknown."""
    if axis == "scale":
        return scores.scale
    if axis == "axis":
        if scores.given is None:
            return np.full(len(scores), np.nan)
        return scores.given.ability(scores.subject)
    days = scores.date.astype("datetime64[D]").astype(np.int64).astype(float)
    return np.where(np.isnat(scores.date), np.nan, days)


def cuts_of(scores: Scores, rule: Rule, *, seed: int = 0) -> tuple[Cut, ...]:
    """The cuts of a rule, in the order in which they are made.

    A fixed cut is preceded by rolling ones within what was known at it, which teach the weights of
    models but are not judged; of rolling cuts the first is not judged, for the same reason. Groups
    of families are left out in turn, and all are judged.

    Args:
        scores: all with a score.
        seed: of the groups of families.

    Raises:
        InputError: where too little lies on either side, with what there is.
    """
    if rule.kind == "family":
        return _folds(scores, rule, seed)
    place = along(scores, rule.along)
    if not np.isfinite(place).any():
        what = {"scale": "scale (compute)", "date": "date", "axis": "given score"}[rule.along]
        raise InputError(f"--cut {rule.text}: no row has a {what}; name the column")
    everything = np.isfinite(place)
    if rule.at is None:
        found = _rolling(scores, place, everything, rule.count, rule.along)
        if len(found) < 2:
            raise InputError(
                f"--cut {rule.text}: {_subjects(scores, everything)} subjects at "
                f"{np.unique(place[everything]).size} places along the {rule.along} leave no two "
                f"cuts with {LEAST} known and 2 later"
            )
        return tuple(Cut(c.name, c.known, c.later, i > 0) for i, c in enumerate(found))
    known, later = everything & (place <= rule.at), everything & (place > rule.at)
    counts = _subjects(scores, known), _subjects(scores, later)
    if counts[0] < LEAST or counts[1] < 2:
        low, high = (_shown(f(place[everything]), rule.along) for f in (np.min, np.max))
        raise InputError(
            f"--cut {rule.text}: {counts[0]} subjects are known and {counts[1]} later, wanted "
            f"{LEAST} and 2; they reach from {low} to {high}"
        )
    before = _rolling(scores, place, known, rule.count - 2, rule.along)
    last = Cut(f"{rule.along} <= {_shown(rule.at, rule.along)}", known, later, True)
    return (*before, last)


def _rolling(
    scores: Scores, place: Floats, among: NDArray[np.bool_], count: int, axis: str
) -> list[Cut]:
    _, first = np.unique(np.where(among, scores.subject, ""), return_index=True)
    each = np.sort(place[first][among[first]])
    found: list[Cut] = []
    for q in np.linspace(0.3, 0.9, max(count, 1)):
        edge = each[int(q * (each.size - 1))] if each.size else np.nan
        known, later = among & (place <= edge), among & (place > edge)
        enough = _subjects(scores, known) >= LEAST and _subjects(scores, later) >= 2
        if enough and not (found and np.array_equal(found[-1].known, known)):
            found.append(Cut(f"{axis} <= {_shown(edge, axis)}", known, later, False))
    return found


def _folds(scores: Scores, rule: Rule, seed: int) -> tuple[Cut, ...]:
    families = np.array(scores.families)
    if families.size < 3:
        raise InputError(
            f"--cut family: wanted at least 3 families, got {families.size}; "
            "name the column of families, or cut by scale or date"
        )
    order = np.random.default_rng(seed).permutation(families)
    found = []
    for some in np.array_split(order, min(rule.count, families.size)):
        later = np.isin(scores.family, some)
        if _subjects(scores, ~later) < LEAST:
            raise InputError(f"--cut family: without {some[0]!r} fewer than {LEAST} subjects stay")
        name = f"without {some[0]}" + (f" and {some.size - 1} more" if some.size > 1 else "")
        found.append(Cut(name, ~later, later, True))
    return tuple(found)


def _subjects(scores: Scores, mask: NDArray[np.bool_]) -> int:
    return int(np.unique(scores.subject[mask]).size)


def _shown(value: float, axis: str) -> str:
    if axis == "date":
        return str(np.datetime64(int(value), "D"))
    if axis == "axis":
        return f"{value:.2f}"
    return f"{10**value:.3g}" if abs(value) < 300 else f"10^{value:g}"
