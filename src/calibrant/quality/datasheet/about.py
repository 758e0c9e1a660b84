"""What does the author say of the benchmark? A few fields, all of them optional."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

import yaml

from calibrant._settings import LARGEST_FILE
from calibrant._text import one_line
from calibrant.errors import InputError

FIELDS = {
    "name": "Name", "version": "Version", "purpose": "Purpose", "population": "For which subjects",
    "use": "Meant for", "misuse": "Not meant for", "items": "Items", "grading": "Grading",
    "languages": "Languages", "authors": "Authors", "contact": "Contact", "licence": "Licence",
    "released": "Released", "links": "Links", "limits": "Known limits",
}  # fmt: skip
"""Fields in the order of the page, with their labels; others follow under their own names."""

_SPELT = {"license": "licence", "author": "authors", "language": "languages", "link": "links",
          "url": "links", "title": "name"}  # fmt: skip


def read_about(given: Mapping[str, Any] | str | Path | None) -> dict[str, str]:
    """Fields with their texts, in order; a list becomes one text.

    Raises:
        InputError: for a file that cannot be read, or a field that is no text or list of texts.
    """
    if given is None:
        return {}
    where = "about"
    if isinstance(given, str | Path):
        path = Path(given)
        where = str(path)
        try:
            if path.stat().st_size > LARGEST_FILE:
                raise InputError(f"{path}: too large for a description")
            plain = yaml.safe_load(path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError) as e:
            raise InputError(f"{path}: cannot be read ({e})") from e
        except yaml.YAMLError as e:
            raise InputError(f"{path}: not YAML ({one_line(str(e), 200)})") from e
    else:
        plain = dict(given)
    if plain is None:
        return {}
    if not isinstance(plain, dict):
        raise InputError(f"{where}: wanted names with texts, got {type(plain).__name__}")
    found: dict[str, str] = {}
    for key, value in plain.items():
        name = one_line(str(key), 60).lower()
        name = _SPELT.get(name, name)
        if name in found:
            raise InputError(f"{where}: {name}: given twice")
        if value is not None:
            found[name] = _text(value, f"{where}: {name}")
    return {f: found[f] for f in (*FIELDS, *(n for n in found if n not in FIELDS)) if f in found}


def _text(value: Any, where: str) -> str:
    if isinstance(value, list):
        return "\n".join(_text(v, where) for v in value)
    if isinstance(value, dict):
        return "\n".join(f"{one_line(str(k), 60)}: {_text(v, where)}" for k, v in value.items())
    if isinstance(value, str | int | float | date):
        return str(value).strip()
    raise InputError(f"{where}: wanted a text or a list of texts, got {type(value).__name__}")
