"""What does a grader's certificate card say? Its JSON, read and checked."""

from __future__ import annotations

import hashlib
from datetime import date
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from calibrant._settings import LARGEST_FILE, first_problem
from calibrant._text import dumps, one_line
from calibrant.errors import InputError
from calibrant.judges.gold import Study


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Figure(_Frozen):
    """A number with its interval, in words a reader knows."""

    name: str
    value: float | None = Field(description="null: it could not be said; see `note`.")
    low: float | None = None
    high: float | None = None
    level: float | None = None
    note: str = ""


class Bias(_Frozen):
    """What one probe found."""

    probe: str
    asks: str
    verdict: Literal["robust", "biased", "undetermined", "detects", "misses"]
    effect: float | None
    low: float | None
    high: float | None
    unit: str
    cases: int
    unparsed: int = 0
    note: str = ""


class Card(_Frozen):
    """A grader's certificate card.

    Attributes are those of the JSON; `study` is what `assess` corrects with.
    """

    format: Literal["calibrant grader card"] = "calibrant grader card"
    format_version: Literal[1] = 1
    name: str = Field(min_length=1, max_length=200)
    grader: dict[str, str] = Field(
        description="What the grader is: kind, model, template hash and the like."
    )
    made: str = Field(description="When, as an ISO time.")
    valid_until_model: str | None = Field(
        description="The model version it was tested as; the card holds for no other."
    )
    valid_until: str | None = Field(
        None, description="A day, as YYYY-MM-DD, after which it lapses."
    )
    tested_on: list[str] = Field(description="On what, in sentences.")
    counts: str | None = Field(
        None, description="The verdict that is positive; null: the number 1."
    )
    study: Study | None = Field(description="Verdicts beside gold; null: no gold was shown.")
    errors: list[Figure] = Field(description="Sensitivity, specificity and predictive values.")
    agreement: list[Figure] = Field(default_factory=list)
    biases: list[Bias] = Field(default_factory=list)
    correction: list[Figure] = Field(default_factory=list)
    pressure: list[Figure] = Field(default_factory=list)
    drift: list[Figure] = Field(default_factory=list)
    findings: list[str] = Field(description="What a reader must know, the worst first.")
    limits: list[str] = Field(description="What was not tested.")
    calibrant: str = Field(description="The version that made it.")

    def lapsed(self, today: date) -> bool:
        """Whether its day has passed."""
        return self.valid_until is not None and date.fromisoformat(self.valid_until) < today

    def to_dict(self) -> dict[str, Any]:
        """Plain data, as in the file."""
        return self.model_dump(mode="json")

    def to_json(self) -> str:
        """Strict ASCII JSON."""
        return dumps(self.to_dict(), indent=1)

    def __repr__(self) -> str:
        worst = self.findings[0] if self.findings else "nothing was tested"
        return one_line(f"Card of {self.name}: {worst}", 400)

    __str__ = __repr__


class Held(_Frozen):
    """A card as a run holds it: with the SHA-256 of the file it was read from."""

    card: Card
    sha256: str


def read_card(path: str | Path) -> tuple[Card, str]:
    """A card from its JSON file, with the SHA-256 of the file.

    Raises:
        InputError: if there is none, or it does not follow the schema.
    """
    path = Path(path)
    try:
        if path.is_file() and path.stat().st_size > LARGEST_FILE:
            raise InputError(f"{path}: too large to be a grader's card")
        data = path.read_bytes()
    except OSError as e:
        raise InputError(f"{path}: no grader's card can be read here ({e.strerror})") from e
    try:
        card = Card.model_validate_json(data)
        if card.valid_until is not None:
            date.fromisoformat(card.valid_until)
    except ValidationError as e:
        loc, problem = first_problem(e)
        at = ".".join(map(str, loc)) or "the document"
        raise InputError(f"{path}: not a grader's card: {at}: {one_line(problem)}") from e
    except ValueError as e:
        raise InputError(
            f"{path}: valid_until: wanted a day as YYYY-MM-DD, got {card.valid_until!r}"
        ) from e
    return card, hashlib.sha256(data).hexdigest()
