"""Who is to be invited? A table of people, with every wrong row named."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from calibrant._text import one_line
from calibrant.errors import InputError

COLUMNS = ("name", "email", "categories", "note")
"""Columns that are known; only the e-mail address must be there."""

MOST = 20_000
"""People in one table."""

_ALIASES = {
    "e-mail": "email", "mail": "email", "email address": "email", "full name": "name",
    "category": "categories", "notes": "note",
}  # fmt: skip

# What mail servers take in practice. An address that a spreadsheet would take for a formula is
# refused: it could not be passed on unharmed in a table.
_EMAIL = re.compile(
    r"(?![=+\-@'])[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@"
    r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)+"
)
_LONGEST = 254
"""Characters of an address (RFC 5321)."""


@dataclass(frozen=True)
class Guest:
    """One person to invite.

    Attributes:
        name: as in a greeting; may be empty.
        categories: ids of categories for whose work the person is invited.
    """

    name: str
    email: str
    categories: tuple[str, ...] = ()
    note: str = ""


def read_guests(path: Path, categories: Collection[str] = ()) -> tuple[Guest, ...]:
    """The people in a CSV file, as `guests_in`.

    Raises:
        InputError: if it cannot be read, or a row is wrong.
    """
    try:
        data = path.read_bytes()
    except OSError as e:
        raise InputError(f"{path}: cannot be read ({e.strerror or e})") from e
    return guests_in(data, categories, str(path))


def guests_in(
    data: bytes | str, categories: Collection[str] = (), where: str = "people"
) -> tuple[Guest, ...]:
    """The people in a table: CSV with comma, semicolon or tab, or an address on each line.

    Args:
        categories: ids that there are; empty: whatever is said is taken.
        where: what to call the table in errors.

    Raises:
        InputError: naming up to five wrong rows by their lines, each with what is wrong.
    """
    text = _text(data, where)
    rows = _rows(text, where)
    problems: list[str] = []
    found: list[Guest] = []
    lines: dict[str, int] = {}
    for line, row in rows:
        try:
            guest = _guest(row, categories)
            before = lines.setdefault(guest.email.casefold(), line)
            if before != line:
                raise ValueError(f"{one_line(guest.email, 80)} is on line {before} already")
            found.append(guest)
        except ValueError as e:
            problems.append(f"line {line}: {e}")
    if problems:
        more = f"; and {len(problems) - 5} more" if len(problems) > 5 else ""
        raise InputError(f"{where}: {'; '.join(problems[:5])}{more}")
    if not found:
        raise InputError(f"{where}: nobody in it; wanted a row for each person, with an email")
    if len(found) > MOST:
        raise InputError(f"{where}: {len(found):,} people; at most {MOST:,} at a time")
    return tuple(found)


def _text(data: bytes | str, where: str) -> str:
    if isinstance(data, str):
        return data.lstrip("\ufeff")
    for encoding in ("utf-8-sig", "utf-16") if data[:2] in (b"\xff\xfe", b"\xfe\xff") else (
        "utf-8-sig",
    ):  # fmt: skip
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise InputError(f"{where}: not UTF-8 text; save the table as “CSV UTF-8”")


def _rows(text: str, where: str) -> list[tuple[int, dict[str, str]]]:
    """Each row with its line, by column."""
    head = next((line for line in text.splitlines() if line.strip()), "")
    comma = max(",;\t", key=head.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=comma)
    rows: list[tuple[int, list[str]]] = []
    try:
        rows.extend(
            (reader.line_num, [v.strip() for v in row])
            for row in reader
            if any(v.strip() for v in row)
        )
    except csv.Error as e:
        raise InputError(f"{where}: line {reader.line_num}: {one_line(str(e))}") from e
    if not rows:
        return []
    names = [" ".join(v.casefold().split()) for v in rows[0][1]]
    names = [_ALIASES.get(n, n) for n in names]
    if "email" not in names:
        if all(len(row) == 1 and "@" in row[0] for _, row in rows):
            return [(line, {"email": row[0]}) for line, row in rows]
        raise InputError(
            f"{where}: no column email; wanted a first line such as name,email,categories, got "
            f"{one_line(', '.join(rows[0][1]), 120)!r}"
        )
    unknown = [n for n in names if n not in COLUMNS]
    if unknown or len(set(names)) < len(names):
        what = f"column {one_line(unknown[0], 40)!r}" if unknown else "a column that is there twice"
        raise InputError(f"{where}: {what}; wanted only {', '.join(COLUMNS)}")
    out = []
    for line, row in rows[1:]:
        if len(row) > len(names):
            raise InputError(
                f"{where}: line {line}: {len(row)} cells under {len(names)} headings; categories "
                'of one person go into one cell in quotes, as "4,7"'
            )
        out.append((line, dict(zip(names, [*row, *[""] * len(names)], strict=False))))
    return out


def _guest(row: dict[str, str], categories: Collection[str]) -> Guest:
    email = row["email"]
    if len(email) > _LONGEST or not _EMAIL.fullmatch(email):
        raise ValueError(f"email: wanted an address, got {one_line(email, 80)!r}")
    name, note = (one_line(row.get(c, ""), 200) for c in ("name", "note"))
    wanted = tuple(dict.fromkeys(c for c in re.split(r"[,;|\s]+", row.get("categories", "")) if c))
    for c in wanted:
        if categories and c not in categories:
            known = ", ".join(list(categories)[:30])
            raise ValueError(f"categories: no {one_line(c, 40)!r}; there are {one_line(known)}")
    return Guest(name, email, wanted, note)
