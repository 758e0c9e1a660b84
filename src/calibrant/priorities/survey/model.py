"""What does a survey file say? Its model, checked as it is read."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Id = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,39}$")]
Line = Annotated[str, Field(min_length=1, max_length=1000)]


class Strict(BaseModel):
    """No unknown keys, and nothing changes after reading."""

    model_config = ConfigDict(extra="forbid", frozen=True)


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


class Window(Strict):
    """A time in which answers are taken; the next window is the next round of the Delphi."""

    round: int = Field(ge=1)
    opens: datetime | None = None
    closes: datetime | None = None


class Live(Strict):
    """What respondents see of the others."""

    show: bool = True
    least: int = Field(default=5, ge=2)
    """k: nothing is shown of an area and question that fewer have answered, and what is shown
    changes only when at least k answers changed."""
    reasons: bool = True
    """Whether reasons given for answers are shown to others, without names."""


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
    intro: str = ""
    """Shown first, as Markdown."""
    consent: str = ""
    """What respondents agree to; Markdown."""
    taxonomy: str = "ai-safety-2025"
    """A taxonomy that calibrant ships, or the path of a file beside the survey's."""
    questions: tuple[Question, ...] = Field(min_length=1)
    comments: tuple[Comment, ...] = ()
    demographics: tuple[Demographic, ...] = ()
    own_areas: bool = True
    """Whether respondents are asked which areas they work in themselves (conflict of interest)."""
    windows: tuple[Window, ...] = (Window(round=1),)
    live: Live = Live()
    invitations: Invitations = Invitations()
