"""How does a test say that it must not be trained on, and how is it found out that it was?

A canary is a string drawn at random from a stated space. Other strings of that space could as well
have been drawn, so the rank of the published one among them, by a subject's log-probability, is
uniform if the subject never saw it: reason "random-canary".
"""

from __future__ import annotations

import html
import re
from dataclasses import asdict, dataclass
from typing import Any

from calibrant._text import one_line
from calibrant.contamination.fresh.stream import Secret, Stream
from calibrant.errors import InputError

SPACES: dict[str, float] = {"guid": 2.0**122, "digits": 10.0**32}
"""Spaces that canaries are drawn from, with their sizes."""

_MARK = "calibrant canary"
_FOUND = re.compile(
    r"calibrant[\s_-]*canary\W{0,3}\s*((?:[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12})|[0-9]{32})",
    re.I,
)


@dataclass(frozen=True)
class Canary:
    """A string that marks a test.

    Attributes:
        value: the whole string as it stands in files.
        code: its random part.
        space: what the code was drawn from: a key of `SPACES`.
    """

    value: str
    code: str
    space: str

    def __repr__(self) -> str:
        return f"{self.value} (1 of {SPACES[self.space]:.2g})"

    @property
    def statement(self) -> str:
        """What stands beside it, for people who choose training data."""
        return (
            "This file is part of a test of AI systems. Leave it out of training data: "
            f"documents that hold the following string can be found and removed by it. {self.value}"
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self) | {"statement": self.statement}

    def alternatives(self, count: int, *, seed: int = 0) -> tuple[str, ...]:
        """Strings that might as well have been drawn, to rank this one among; all unlike it."""
        stream = Stream(seed.to_bytes(16, "big") + b"canary alternatives")
        found: dict[str, None] = {}
        while len(found) < count:
            other = f"{_MARK}:{_code(stream, self.space)}"
            if other != self.value:
                found[other] = None
        return tuple(found)


def _code(stream: Stream, space: str) -> str:
    if space == "digits":
        return str(stream.below(10**32)).zfill(32)
    text = f"{stream.below(1 << 128):032x}"
    # Version 4, variant 1: RFC 9562.
    text = f"{text[:12]}4{text[13:16]}{'89ab'[int(text[16], 16) % 4]}{text[17:]}"
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))


def new_canary(secret: Secret, space: str = "guid", name: str = "") -> Canary:
    """The canary that a secret makes: the same for the same secret and name.

    Raises:
        InputError: if there is no such space.
    """
    if space not in SPACES:
        raise InputError(f"space: wanted {' or '.join(SPACES)}, got {one_line(repr(space), 40)}")
    code = _code(secret.stream("canary", space, name), space)
    return Canary(f"{_MARK}:{code}", code, space)


def find_canaries(text: str) -> tuple[Canary, ...]:
    """Every canary in a text, each once, also with other case, spaces or dashes lost."""
    found: dict[str, Canary] = {}
    for m in _FOUND.finditer(html.unescape(text)):
        raw = re.sub(r"[^0-9a-f]", "", m[1].lower())
        if "-" not in m[1] and raw.isdigit():
            code, space = raw, "digits"
        else:
            code, space = "-".join((raw[:8], raw[8:12], raw[12:16], raw[16:20], raw[20:])), "guid"
        found[code] = Canary(f"{_MARK}:{code}", code, space)
    return tuple(found.values())


def embed(text: str, canary: Canary, kind: str) -> str:
    """A file's text with the canary in it.

    Args:
        kind: "jsonl" (a field of every row), "csv" (a column), "html" or "md" (a comment first).

    Raises:
        InputError: for another kind, or text that is not of it.
    """
    if kind in ("html", "md", "markdown"):
        return f"<!-- {canary.statement} -->\n{text}"
    if kind == "jsonl":
        return _jsonl(text, canary)
    if kind == "csv":
        return _csv(text, canary)
    raise InputError(f"kind: wanted jsonl, csv, html or md, got {one_line(repr(kind), 40)}")


def _jsonl(text: str, canary: Canary) -> str:
    import json

    rows = []
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError as e:
            raise InputError(f"line {number}: wanted JSON, got {one_line(line, 60)!r}") from e
        if not isinstance(row, dict):
            raise InputError(f"line {number}: wanted an object, got {type(row).__name__}")
        rows.append(json.dumps(row | {"canary": canary.value}, ensure_ascii=False))
    return "\n".join(rows) + "\n"


def _csv(text: str, canary: Canary) -> str:
    import csv
    from io import StringIO

    rows = list(csv.reader(StringIO(text, newline="")))
    if not rows:
        raise InputError("csv: wanted a row of names, got an empty file")
    out = StringIO(newline="")
    write = csv.writer(out, lineterminator="\n")
    write.writerow([*rows[0], "canary"])
    write.writerows([*row, canary.value] for row in rows[1:] if row)
    return out.getvalue()
