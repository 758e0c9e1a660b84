"""How is a file of settings read? YAML with known keys; what is wrong is said in one line."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from calibrant._text import one_line
from calibrant.errors import InputError

LARGEST_FILE = 1_000_000
"""Bytes; a larger file is no settings."""


def read_settings(path: Path, what: str, key: str) -> tuple[dict[Any, Any], str]:
    """Return the keys of a YAML file, and its text.

    Args:
        what: what the file should be, such as "a suite".
        key: a key that such a file has.

    Raises:
        InputError: naming the file and what was wanted and found.
    """
    text = text_of(path, what)
    try:
        data = yaml.safe_load(text)
    except yaml.YAMLError as e:
        mark = getattr(e, "problem_mark", None)
        line = f" line {mark.line + 1}:" if mark else ""
        problem = getattr(e, "problem", None) or "not YAML"
        raise InputError(f"{path}:{line} not valid YAML ({one_line(str(problem))})") from e
    except RecursionError as e:
        raise InputError(f"{path}: not {what} (too deep)") from e
    if data is None:
        raise InputError(f"{path}: the file is empty; wanted {what} with keys such as {key!r}")
    if not isinstance(data, dict):
        raise InputError(f"{path}: wanted keys such as {key!r}, got {type(data).__name__}")
    return data, text


def text_of(path: Path, what: str) -> str:
    """The text of a file that is not too large to be `what`.

    Raises:
        InputError: naming the file, if it cannot be read.
    """
    try:
        if path.is_dir():
            raise InputError(f"{path}: wanted {what} file, got a folder")
        if path.stat().st_size > LARGEST_FILE:
            raise InputError(f"{path}: too large to be {what}")
        return path.read_bytes().decode("utf-8")
    except UnicodeDecodeError as e:
        raise InputError(f"{path}: not a text file (byte {e.start})") from e
    except OSError as e:
        raise InputError(f"{path}: cannot be read ({e.strerror})") from e


def known_keys(data: Mapping[Any, Any], model: type[BaseModel], where: str) -> None:
    """Refuse a key that `model` does not have, with the one that was likely meant.

    Raises:
        InputError: naming `where` and the key.
    """
    for key in data:
        if key not in model.model_fields:
            near = difflib.get_close_matches(str(key), list(model.model_fields), n=1, cutoff=0.5)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise InputError(f"{where}: unknown key {one_line(repr(key), 80)}{hint}")


def first_problem(e: ValidationError) -> tuple[list[str | int], str]:
    """Where the first problem is, and what it is in one line."""
    error = e.errors(include_url=False)[0]
    message = error["msg"].removeprefix("Value error, ")
    if error["type"] == "missing":
        message = "missing"
    elif not error["type"].startswith("value_error"):
        message = f"{message}, got {one_line(repr(error['input']), 80)}"
    return list(error["loc"]), one_line(message, 300)
