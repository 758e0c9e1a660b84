"""When are answers taken? The survey's windows, and what the organiser decided since.

A window is a round of the Delphi. The survey's file says when each opens and closes; the organiser
may close it at once, open it again, move its end, or begin the next round. What the organiser said
counts before what the file says.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Literal

from calibrant._text import dumps, one_line
from calibrant.errors import InputError
from calibrant.priorities.survey.model import Survey

Said = Literal["open", "closed", ""]


@dataclass(frozen=True)
class Span:
    """When one round takes answers; None: no such end."""

    round: int
    opens: datetime | None
    closes: datetime | None


@dataclass(frozen=True)
class Door:
    """What the organiser decided.

    Attributes:
        said: "open" and "closed" count before the windows, "" lets them decide.
        spans: rounds whose times the organiser set.
    """

    said: Said = ""
    spans: tuple[Span, ...] = ()

    @classmethod
    def read(cls, text: str) -> Door:
        """As the setting "door" keeps it."""
        if text in ("", "open", "closed"):
            return cls(text)  # type: ignore[arg-type]
        kept = json.loads(text)
        return cls(
            kept["said"],
            tuple(Span(s["round"], _time(s["opens"]), _time(s["closes"])) for s in kept["spans"]),
        )

    def __str__(self) -> str:
        if not self.spans:
            return self.said
        spans = [
            {"round": s.round, "opens": _text(s.opens), "closes": _text(s.closes)}
            for s in self.spans
        ]
        return dumps({"said": self.said, "spans": spans})

    def all_spans(self, survey: Survey) -> list[Span]:
        """Every round's times, by round."""
        found = {w.round: Span(w.round, utc(w.opens), utc(w.closes)) for w in survey.windows}
        found.update({s.round: s for s in self.spans})
        return [found[r] for r in sorted(found)]

    def with_span(self, span: Span, said: Said = "") -> Door:
        """The same with one round's times set."""
        kept = {s.round: s for s in self.spans} | {span.round: span}
        return Door(said, tuple(kept[r] for r in sorted(kept)))


@dataclass(frozen=True)
class Window:
    """Whether answers are taken.

    Attributes:
        round: of the Delphi; before the first opens, the first, and after the last, the last.
        state: not yet, now, or no more.
        opens, closes: of this round; None: not said.
    """

    round: int
    state: Literal["before", "open", "closed"]
    opens: datetime | None
    closes: datetime | None

    @property
    def is_open(self) -> bool:
        """Whether answers are taken."""
        return self.state == "open"


def window(survey: Survey, door: str, at: datetime) -> Window:
    """Which round of the Delphi it is, and whether answers are taken.

    Args:
        door: the setting "door".
    """
    decided = Door.read(door)
    spans = decided.all_spans(survey)
    begun = [s for s in spans if s.opens is None or s.opens <= at]
    current = begun[-1] if begun else spans[0]
    state: Literal["before", "open", "closed"] = "open"
    if not begun:
        state = "before"
    elif current.closes is not None and at >= current.closes:
        # A later round that is not open yet brings it back.
        state = "closed"
    if decided.said:
        state = decided.said
    return Window(current.round, state, current.opens, current.closes)


def closed(door: str) -> str:
    """The door once the organiser has closed it."""
    return str(replace(Door.read(door), said="closed"))


def reopened(survey: Survey, door: str, at: datetime, until: datetime | None = None) -> str:
    """The door once the organiser has opened the current round again, or moved its end.

    Args:
        until: when it closes by itself; None: when the organiser says so.

    Raises:
        InputError: if that is over.
    """
    if until is not None and until <= at:
        raise InputError(f"until {_text(until)}: that is over; wanted a time to come")
    current = window(survey, door, at)
    opens = at if current.opens is not None and current.opens > at else current.opens
    return str(Door.read(door).with_span(Span(current.round, opens, until)))


def next_round(survey: Survey, door: str, at: datetime, until: datetime | None = None) -> str:
    """The door once the organiser has ended the current round and begun the next.

    Raises:
        InputError: if no round has begun yet, or `until` is over.
    """
    if until is not None and until <= at:
        raise InputError(f"until {_text(until)}: that is over; wanted a time to come")
    current = window(survey, door, at)
    if current.state == "before":
        raise InputError(f"round {current.round} has not begun yet, so no round can follow it")
    ends = at if current.closes is None else min(current.closes, at)
    decided = Door.read(door).with_span(Span(current.round, current.opens, ends))
    planned = [s for s in decided.all_spans(survey) if s.round > current.round]
    number = planned[0].round if planned else current.round + 1
    if until is None and planned and planned[0].closes is not None and planned[0].closes > at:
        until = planned[0].closes
    return str(decided.with_span(Span(number, at, until)))


def time_of(text: str, where: str = "until") -> datetime:
    """A time as people write it, in UTC unless it says otherwise; a day alone is its end.

    Raises:
        InputError: if it is none.
    """
    try:
        found = datetime.fromisoformat(text.strip())
    except ValueError as e:
        raise InputError(
            f"{where}: wanted a time such as 2026-12-24T18:00, got {one_line(text, 40)!r}"
        ) from e
    if len(text.strip()) <= len("2026-12-24"):
        found += timedelta(days=1)
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


def utc(given: datetime | None) -> datetime | None:
    """A time without a zone is UTC."""
    if given is None:
        return None
    return given.replace(tzinfo=UTC) if given.tzinfo is None else given.astimezone(UTC)


def _time(text: str | None) -> datetime | None:
    return None if text is None else utc(datetime.fromisoformat(text))


def _text(time: datetime | None) -> str | None:
    return None if time is None else time.isoformat(timespec="seconds")
