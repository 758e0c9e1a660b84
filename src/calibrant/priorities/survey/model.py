"""What does a survey file say? Its model, checked as it is read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from typing import Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, field_serializer, field_validator, model_validator

from calibrant.priorities.fields import Id, Line, Strict


class Question(Strict):
    """One question asked of every sub-area that a respondent rates."""

    id: Id
    text: Line
    labels: tuple[Line, ...] = Field(min_length=2, max_length=11)
    """The scale's labels, from 1 upwards."""
    name: Line | None = None
    """A short name for tables and axes; the id if missing."""
    dont_know: Line | None = "I don't know"
    """The label of "don't know"; null: it is not offered."""
    source: Line | None = None
    """Who worded it."""

    @model_validator(mode="after")
    def _labels(self) -> Question:
        labels = [_folded(t) for t in (*self.labels, *([self.dont_know] if self.dont_know else []))]
        _once(labels, "labels")
        return self

    @property
    def short(self) -> str:
        """Its short name."""
        return self.name or self.id

    @property
    def scale(self) -> tuple[int, ...]:
        """The numbers of its labels: 1, 2, …"""
        return tuple(range(1, len(self.labels) + 1))


class Comment(Strict):
    """One free-text question."""

    id: Id
    text: Line
    per: Literal["category", "survey"] = "category"
    longest: int = Field(default=5000, ge=1, le=20_000)


class Demographic(Strict):
    """One optional question about the respondent."""

    id: Id
    text: Line
    options: tuple[Line, ...] = Field(min_length=2)
    other: bool = False
    """Whether something else may be typed."""

    @field_validator("options")
    @classmethod
    def _options(cls, options: tuple[str, ...]) -> tuple[str, ...]:
        _once([_folded(o) for o in options], "options")
        return options


class Window(Strict):
    """A time in which answers are taken; the next window is the next round of the Delphi.

    A day without a time means the whole day: a window that closes on 4 March is open until
    midnight after it. Times without an offset are those of the survey's time zone.
    """

    round: int = Field(ge=1)
    opens: datetime | None = None
    closes: datetime | None = None

    def covers(self, moment: datetime) -> bool:
        """Whether answers are taken at that moment (an aware time)."""
        return (self.opens is None or self.opens <= moment) and (
            self.closes is None or moment < self.closes
        )


class Live(Strict):
    """What respondents see of the others."""

    show: bool = True
    least: int = Field(default=5, ge=2)
    """k: nothing is shown of an area and question that fewer have answered, and what is shown
    changes only when at least k answers changed."""
    reasons: bool = True
    """Whether reasons given for answers are shown to others, without names."""
    public: bool = False
    """Whether a page of results is open to everybody, at /public."""


class Invitations(Strict):
    """How respondents come in."""

    days: int = Field(default=90, ge=1)
    """How long a link holds."""
    open_link: bool = False
    """Whether one link for everyone exists beside the personal ones."""


class Survey(Strict):
    """A survey, whole."""

    id: Id
    title: Line
    source: str = Field(default="", max_length=2000)
    """Whose survey it is, or follows."""
    intro: str = Field(default="", max_length=20_000)
    """Shown first, as Markdown."""
    consent: str = Field(default="", max_length=20_000)
    """What respondents agree to; Markdown."""
    taxonomy: Line = "ai-safety-2025"
    """A taxonomy that calibrant ships, or the path of a file beside the survey's."""
    questions: tuple[Question, ...] = Field(min_length=1, max_length=10)
    comments: tuple[Comment, ...] = ()
    demographics: tuple[Demographic, ...] = ()
    own_areas: bool = True
    """Whether respondents are asked which areas they work in themselves (conflict of interest)."""
    timezone: Line = "UTC"
    """Of times without an offset, such as Europe/London."""
    windows: tuple[Window, ...] = Field(default=(Window(round=1),), min_length=1)
    live: Live = Live()
    invitations: Invitations = Invitations()

    @model_validator(mode="before")
    @classmethod
    def _times(cls, data: Any) -> Any:
        if not isinstance(data, Mapping):
            return data
        zone = _zone(data.get("timezone", "UTC"))
        windows = data.get("windows")
        if not isinstance(windows, list | tuple):
            return data
        return {**data, "windows": [_in_zone(w, zone) for w in windows]}

    @model_validator(mode="after")
    def _whole(self) -> Survey:
        kinds = (self.questions, self.comments, self.demographics)
        _once([x.id for kind in kinds for x in kind], "ids of questions")
        _once([_folded(q.short) for q in self.questions], "names of questions")
        _once([str(w.round) for w in self.windows], "rounds of windows")
        for w in self.windows:
            _forward(w)
        for before, after in pairwise(self.windows):
            if after.round < before.round:
                raise ValueError(f"windows: round {after.round} stands after round {before.round}")
            if before.closes is None or after.opens is None or after.opens < before.closes:
                raise ValueError(
                    f"windows: round {after.round} opens {_said(after.opens)}, before round "
                    f"{before.round} closes ({_said(before.closes)}); windows may not overlap"
                )
        return self

    @field_serializer("windows", when_used="json")
    def _written(self, windows: tuple[Window, ...]) -> list[dict[str, Any]]:
        return [
            {"round": w.round, "opens": w.opens and w.opens.isoformat(),
             "closes": w.closes and w.closes.isoformat()}
            for w in windows
        ]  # fmt: skip

    def __repr__(self) -> str:
        def many(n: int, what: str) -> str:
            return f"{n} {what}{'s' * (n != 1)}"

        return (
            f"Survey {self.id}: {many(len(self.questions), 'question')} on the areas of "
            f"{self.taxonomy}, {many(len(self.comments), 'comment')}, "
            f"{many(len(self.demographics), 'demographic')}, {many(len(self.windows), 'window')}"
        )

    __str__ = __repr__

    def question(self, id: str) -> Question:
        """The question of this id.

        Raises:
            KeyError: if there is none.
        """
        return {q.id: q for q in self.questions}[id]

    def window(self, moment: datetime | None = None) -> Window | None:
        """The window that is open at a moment (now, if none is given), if any is."""
        moment = moment or datetime.now(UTC)
        return next((w for w in self.windows if w.covers(moment)), None)


def _folded(text: str) -> str:
    return " ".join(text.replace("’", "'").casefold().split())


def _once(values: Iterable[str], what: str) -> None:
    seen: set[str] = set()
    for v in values:
        if v in seen:
            raise ValueError(f"{what}: {v!r} is there twice")
        seen.add(v)


def _zone(name: Any) -> ZoneInfo:
    try:
        return ZoneInfo(str(name))
    except (ZoneInfoNotFoundError, ValueError, OSError) as e:
        raise ValueError(
            f"timezone: no time zone {name!r}; wanted one such as Europe/London"
        ) from e


def _in_zone(window: Any, zone: ZoneInfo) -> Any:
    """A window's times with an offset; a closing day is over at the midnight after it."""
    if isinstance(window, Window):
        window = window.model_dump()
    if not isinstance(window, Mapping):
        return window
    found = dict(window)
    for key in ("opens", "closes"):
        value = _moment(found.get(key))
        if isinstance(value, bool | int | float):
            raise ValueError(f"windows: {key}: wanted a day or a time, got {value!r}")
        if isinstance(value, date) and not isinstance(value, datetime):
            day = value + timedelta(days=1) if key == "closes" else value
            value = datetime.combine(day, time())
        if isinstance(value, datetime) and value.tzinfo is None:
            value = value.replace(tzinfo=zone)
        found[key] = value.astimezone(UTC) if isinstance(value, datetime) else value
    return found


def _moment(value: Any) -> Any:
    """A text as a day or a time, where it is one."""
    if isinstance(value, str):
        for kind in (date, datetime):
            try:
                return kind.fromisoformat(value.strip())
            except ValueError:
                continue
    return value


def _forward(w: Window) -> None:
    if w.opens and w.closes and w.closes <= w.opens:
        raise ValueError(
            f"windows: round {w.round} opens {_said(w.opens)} and closes {_said(w.closes)}; wanted "
            "it to close after it opens"
        )


def _said(moment: datetime | None) -> str:
    return "at no set time" if moment is None else f"{moment:%Y-%m-%d %H:%M %Z}".strip()
