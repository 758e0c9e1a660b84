"""Where is a survey read from, and how is one begun? A YAML file, checked as it is read."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from calibrant._settings import read_settings
from calibrant._text import one_line
from calibrant.errors import InputError
from calibrant.priorities.fields import keys_of, problem
from calibrant.priorities.survey.model import (
    Comment,
    Demographic,
    Invitations,
    Live,
    Question,
    Survey,
    Window,
)  # fmt: skip
from calibrant.priorities.taxonomy import Taxonomy, load_taxonomy, shipped

EXAMPLE = "expert-survey-2025"
_HERE = Path(__file__).parent
_WINDOWS = "windows:\n- round: 1\n"


def read_survey(source: str | Path | Mapping[str, Any] | Survey) -> Survey:
    """The survey of a YAML file, checked with its taxonomy.

    Args:
        source: a path; the name of the survey that calibrant ships, "expert-survey-2025"; the keys
            of such a file; or a survey, which is returned.

    Raises:
        InputError: naming the file and the key, what was wanted and what was found.
    """
    if isinstance(source, Survey):
        return source
    if isinstance(source, Mapping):
        return _survey(source, "survey", Path())
    path = _HERE / f"{EXAMPLE}.yaml" if str(source) == EXAMPLE else Path(source)
    keys, text = read_settings(path, "a survey", "questions")
    twice = _key_twice(text)
    if twice:
        raise InputError(f"{path}: {twice}")
    return _survey(keys, str(path), path.parent)


def taxonomy_of(survey: Survey, beside: str | Path | None = None) -> Taxonomy:
    """The taxonomy whose areas a survey asks about.

    Args:
        beside: the survey's file, or its folder, for a taxonomy that is a file.

    Raises:
        InputError: if there is none.
    """
    if survey.taxonomy in shipped():
        return load_taxonomy(survey.taxonomy)
    folder = Path() if beside is None else Path(beside)
    return load_taxonomy((folder if folder.is_dir() else folder.parent) / survey.taxonomy)


def survey_schema() -> dict[str, Any]:
    """The JSON schema (draft 2020-12) of a survey's file, for editors."""
    schema = Survey.model_json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def example_survey(today: date | None = None, weeks: int = 10) -> str:
    """The text of a survey file to begin with: the paper's, open from today for ten weeks."""
    text = (_HERE / f"{EXAMPLE}.yaml").read_text(encoding="utf-8")
    if today is None:
        return text
    closes = today + timedelta(weeks=weeks)
    dated = f"windows:\n- round: 1\n  opens: {today}\n  closes: {closes}\n"
    assert text.count(_WINDOWS) == 1
    return text.replace(_WINDOWS, dated)


def _survey(keys: Mapping[Any, Any], where: str, folder: Path) -> Survey:
    try:
        survey = Survey.model_validate(dict(keys))
    except ValidationError as e:
        models = (Survey, Question, Comment, Demographic, Window, Live, Invitations)
        raise InputError(f"{where}: {problem(e, keys_of(*models))}") from e
    try:
        taxonomy = taxonomy_of(survey, folder)
    except InputError as e:
        raise InputError(f"{where}: taxonomy: {e}") from e
    clash = {x.id for kind in (survey.comments, survey.demographics) for x in kind} & {
        a.id for a in taxonomy.areas
    }
    if clash:
        raise InputError(f"{where}: id {min(clash)!r} is that of an area; wanted another")
    return survey


def _key_twice(text: str) -> str:
    """Which key stands twice at one place, so that one of them would be lost; or nothing."""
    pending = [yaml.compose(text, Loader=yaml.SafeLoader)]
    visited: set[int] = set()
    while pending:
        node = pending.pop()
        # Aliases lead to the same node again.
        if id(node) in visited:
            continue
        visited.add(id(node))
        if isinstance(node, yaml.MappingNode):
            seen: set[str] = set()
            for key, value in node.value:
                if key.value in seen and key.value != "<<":
                    line = key.start_mark.line + 1
                    return f"line {line}: key {one_line(str(key.value), 60)!r} is there twice"
                seen.add(str(key.value))
                pending.append(value)
        elif isinstance(node, yaml.SequenceNode):
            pending.extend(node.value)
    return ""
