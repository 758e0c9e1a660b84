"""What do the files of this room share? Ids, texts, and how a mistake in one is said."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from calibrant._settings import first_problem
from calibrant._text import one_line


def _as_text(value: Any) -> Any:
    """An id that YAML took for a whole number is meant as written."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


Id = Annotated[
    str, BeforeValidator(_as_text), Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,39}$")
]  # fmt: skip
Line = Annotated[str, Field(min_length=1, max_length=1000)]


class Strict(BaseModel):
    """No unknown keys, and nothing changes after reading."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def problem(e: ValidationError, known: Iterable[str]) -> str:
    """Where the first mistake is, and what it is, in one line.

    Args:
        known: keys that such a file has, to guess which was meant.
    """
    loc, said = first_problem(e)
    if e.errors(include_url=False)[0]["type"] == "extra_forbidden":
        from difflib import get_close_matches

        near = get_close_matches(str(loc[-1]), list(known), n=1, cutoff=0.5)
        said = f"unknown key {one_line(str(loc[-1]), 60)!r}"
        said += f"; did you mean {near[0]!r}?" if near else ""
        loc = loc[:-1]
    where = ""
    for part in loc:
        where += f" {part + 1}" if isinstance(part, int) else f"{', ' if where else ''}{part}"
    return f"{where}: {said}" if where else said


def keys_of(*models: type[BaseModel]) -> list[str]:
    """Every key of these models."""
    return sorted({k for m in models for k in m.model_fields})
