"""Was it said before? A forecast with its hash, sealed at a time, in the open or by salted hash."""

from __future__ import annotations

import hashlib
import hmac
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl

from calibrant._figure import Figure, Shown
from calibrant._files import write_private, write_whole
from calibrant._text import one_line
from calibrant._version import __version__
from calibrant.errors import InputError
from calibrant.scaling.cards.documents import (
    Document,
    Told,
    canonical,
    check,
    known_outcomes,
    now,
    parse,
    read_bytes,
    sha256,
    written,
)
from calibrant.scaling.cards.log import Line, needs_log, opened
from calibrant.scaling.reading.facts import digests

FORMAT = "calibrant registered forecast 1"
OPENING = "calibrant opening of a forecast 1"
LIMITS = (
    "A registration proves that whoever published its seal had this very forecast then. It proves "
    "no date by itself: publish the seal where others date it. It does not show that there is no "
    "second forecast that says something else; a log whose head is published does."
)
"""What a registration proves, and what it does not."""

_HEX = re.compile(r"[0-9a-f]{64}")
_SALT = 32
TABLES = (".csv", ".tsv", ".jsonl", ".ndjson", ".parquet")
"""Endings of files of data that are looked into for outcomes."""
_OPEN, _HIDDEN = b"calibrant forecast\x00", b"calibrant hidden forecast\x00"
"""Put before what is hashed, so that no hash of one kind can be shown for another."""


@dataclass(frozen=True, repr=False)
class Registered(Shown):
    """A forecast and the seal that binds it.

    Attributes:
        seal: SHA-256 of all that is sealed, in hexadecimal: what to publish.
        commitment: hash of the forecast, salted if it is hidden.
        hidden: whether the forecast was hidden when it was sealed.
        time: when, by the clock of the machine, in UTC.
        version: of calibrant.
        data: name and SHA-256 of the files that it was made from.
        note: whatever its author says.
        previous: the head of the log before it; None if it is in no log.
        warnings: what was doubtful when it was registered, one sentence each.
        document: the forecast; None while it is hidden.
        salt: in hexadecimal, once a hidden forecast is revealed.
        limits: what it proves and what it does not, as it was said then.
        line: its line of the log, when it was just written; not in its file.
    """

    seal: str
    commitment: str
    hidden: bool
    time: str
    version: str
    data: tuple[dict[str, str], ...]
    note: str
    previous: str | None
    warnings: tuple[str, ...]
    document: Document | None
    salt: str | None = None
    limits: str = LIMITS
    line: Line | None = None

    def __repr__(self) -> str:
        what = "hidden forecast" if self.document is None else "forecast"
        return f"{what} registered {self.time}: {self.seal}"

    @property
    def publish(self) -> str:
        """One short line to publish where others date it."""
        return f"calibrant forecast {self.time} sha256:{self.seal}"

    def sealed(self) -> dict[str, Any]:
        """What the seal is of, as plain data."""
        return {
            "format": FORMAT, "commitment": self.commitment, "hidden": self.hidden,
            "registered": self.time, "calibrant": self.version, "data": list(self.data),
            "note": self.note, "previous": self.previous, "warnings": list(self.warnings),
            "limits": self.limits,
        }  # fmt: skip

    def to_dict(self) -> dict[str, Any]:
        """Plain data: what stands in its file."""
        return {
            **self.sealed(), "seal": self.seal, "publish": self.publish,
            "salt": self.salt, "forecast": self.document,
        }  # fmt: skip

    def plot(self) -> Figure:
        """What it forecasts.

        Raises:
            InputError: while it is hidden, or if there is nothing to draw.
        """
        from calibrant.scaling.figures import forecast_figure

        if self.document is None:
            raise InputError("figure: the forecast is hidden; its opening is needed to draw it")
        return forecast_figure(self.document)


def register(
    document: Document,
    *,
    data: Sequence[str | Path] = (),
    note: str = "",
    hidden: bool = False,
    log: str | Path | None = None,
    heads: Sequence[str] = (),
    anchor: str | Path | None = None,
    out: str | Path | None = None,
    where: str | Path = "forecast",
) -> Registered:
    """Seal a forecast before its outcome is known.

    Args:
        document: as `calibrant forecast --json` prints it; one that is withheld is registered as
            such.
        data: files that it was made from, of which hashes are sealed with it.
        note: such as what is promised, and when outcomes will be looked at.
        hidden: publish only a salted hash; the forecast and its salt go into the opening.
        log: a log of forecasts to which a line is added.
        heads: of the log, published before: each must still be in it.
        anchor: a file kept elsewhere that holds the log's head: checked, then written anew.
        out: where to write it; with `hidden`, its opening stands beside it (see `opening_of`).
        where: what to call the document in errors.

    Raises:
        InputError: if it is no forecast, an outcome of it is known already, it is in the log
            already, or a file cannot be read or written.
    """
    needs_log(log, heads, anchor)
    told = check(document, where)
    files = digests(data)
    known = known_outcomes(document, told) or [k for p in data for k in _known_in(p, told)]
    if known:
        more = f" and {len(known) - 1} more" if len(known) > 1 else ""
        raise InputError(
            f"{where}: the outcome of {known[0]}{more} is known already; only what is not known "
            "can be registered"
        )
    salt = os.urandom(_SALT) if hidden else b""
    at = now()
    made = Registered(
        seal="", commitment=_commitment(document, salt), hidden=hidden, time=at,
        version=__version__, data=files, note=note, previous=None,
        warnings=tuple(_doubts(document, told, at[:10], bool(data))),
        document=document, salt=salt.hex() or None,
    )  # fmt: skip
    if out is not None and hidden and opening_of(out).exists():
        raise InputError(f"{opening_of(out)}: there is such a file; none is written over")
    if log is None:
        made = replace(made, seal=sha256(made.sealed()))
        if out is not None:
            write(made, out)
        return made
    with opened(log, heads=heads, anchor=anchor) as (lines, writer):
        made = replace(made, previous=lines.head)
        made = replace(made, seal=sha256(made.sealed()))
        commitment = made.commitment
        for line in lines.lines:
            if line.content and line.content[0].get("commitment") == commitment:
                raise InputError(
                    f"{where}: registered already, by line {line.number} of {log} at {line.time}"
                )
        line = writer.line("registered", made.seal, made.time, [{"commitment": commitment}])
        # The file first: a line of the log without a forecast could never be settled.
        if out is not None:
            write(made, out)
        writer.add(line)
    return replace(made, line=line)


def opening_of(path: str | Path) -> Path:
    """Where the opening of a hidden forecast is kept, beside its registration."""
    file = Path(path)
    return file.with_name(f"{file.stem}.opening.json")


def write(made: Registered, path: str | Path) -> None:
    """Write a registration; a hidden one without its forecast, which goes into its opening.

    Raises:
        InputError: if there is such a file, or it cannot be written.
    """
    if Path(path).exists():
        raise InputError(f"{path}: there is such a file; a registration is never written over")
    if not made.hidden:
        write_revealed(made, path)
        return
    opening = {"format": OPENING, "seal": made.seal, "salt": made.salt, "forecast": made.document}
    write_private(opening_of(path), written(opening).decode(), "opening")
    write_revealed(replace(made, document=None, salt=None), path)


def write_revealed(made: Registered, path: str | Path) -> None:
    """Write a registration with all that it holds.

    Raises:
        InputError: if there is such a file, or it cannot be written.
    """
    file = Path(path)
    if file.exists():
        raise InputError(f"{path}: there is such a file; a registration is never written over")
    try:
        write_whole(file, written(made.to_dict()))
    except OSError as e:
        raise InputError(f"{path}: cannot be written ({e.strerror or e})") from e


def read_registered(path: str | Path, opening: str | Path | None = None) -> Registered:
    """A registered forecast of which no byte was altered.

    Args:
        opening: of a hidden forecast that is not yet revealed.

    Raises:
        InputError: if it is none, or was altered.
    """
    data = read_bytes(path, "a registered forecast")
    found = parse(data, path, "a registered forecast")
    if found.get("format") != FORMAT:
        raise InputError(
            f"{path}: wanted a registered forecast, as 'calibrant forecast register' writes it"
        )
    try:
        made = Registered(
            seal=found["seal"], commitment=found["commitment"], hidden=found["hidden"],
            time=found["registered"], version=found["calibrant"], data=tuple(found["data"]),
            note=found["note"], previous=found["previous"], warnings=tuple(found["warnings"]),
            document=found["forecast"], salt=found["salt"], limits=found["limits"],
        )  # fmt: skip
        same = hmac.compare_digest(sha256(made.sealed()), made.seal)
        same = same and data == written(made.to_dict())
    except (KeyError, TypeError, AttributeError) as e:
        raise InputError(f"{path}: not a whole registration ({type(e).__name__}: {e})") from e
    if not same:
        raise InputError(f"{path}: altered after it was registered: its seal is not of it")
    if made.document is not None:
        _fits(made, path)
        return made
    return made if opening is None else reveal(made, opening)


def reveal(made: Registered, opening: str | Path) -> Registered:
    """A hidden forecast with its content, which is what was sealed.

    Raises:
        InputError: if the opening is of another one, or was altered.
    """
    data = read_bytes(opening, "the opening of a hidden forecast")
    found = parse(data, opening, "the opening of a hidden forecast")
    if found.get("format") != OPENING or not isinstance(found.get("forecast"), dict):
        raise InputError(f"{opening}: wanted the opening of a hidden forecast ({OPENING!r})")
    if found.get("seal") != made.seal:
        raise InputError(f"{opening}: it opens another forecast, {str(found.get('seal'))[:12]}")
    salt = found.get("salt")
    if data != written(found):
        raise InputError(f"{opening}: altered after it was written: not in the form of an opening")
    shown = replace(made, document=found["forecast"], salt=salt if isinstance(salt, str) else None)
    _fits(shown, opening)
    return shown


def _fits(made: Registered, where: str | Path) -> None:
    """That the forecast is the one whose commitment was sealed."""
    assert made.document is not None
    salt = b""
    if made.hidden:
        if made.salt is None or not _HEX.fullmatch(made.salt):
            raise InputError(f"{where}: the salt of a hidden forecast is not whole")
        salt = bytes.fromhex(made.salt)
    if not hmac.compare_digest(_commitment(made.document, salt), made.commitment):
        raise InputError(
            f"{where}: altered after it was registered: not the forecast that was sealed"
        )


def _commitment(document: Document, salt: bytes) -> str:
    # Binding and hiding as long as the salt cannot be guessed (Katz and Lindell, section 6.6.5).
    data = (_HIDDEN if salt else _OPEN) + salt + canonical(document)
    return hashlib.sha256(data).hexdigest()


def _known_in(path: str | Path, told: Sequence[Told]) -> list[str]:
    """Forecasts whose outcome stands in a table of data; files of other kinds hold none."""
    if Path(path).suffix.lower() not in TABLES:
        return []
    from calibrant.records.frames import table_of
    from calibrant.scaling.reading.columns import subjects_of

    table = table_of(path, "data")
    lower = {c.lower(): c for c in table.columns}
    who = subjects_of(table, None)
    if who is None:
        return []
    long = "measure" in lower and "score" in lower
    known: set[tuple[str, str]] = set()
    for measure in {t.measure for t in told} & set(table.columns):
        have = table.filter(pl.col(measure).cast(pl.String).str.strip_chars().fill_null("") != "")
        known |= {(str(s).strip(), measure) for s in have[who].to_list()}
    if long:
        have = table.filter(
            pl.col(lower["score"]).cast(pl.String).str.strip_chars().fill_null("") != ""
        )
        pairs = zip(have[who].to_list(), have[lower["measure"]].to_list(), strict=True)
        known |= {(str(s).strip(), str(m)) for s, m in pairs}
    return [t.named for t in told if (t.subject, t.measure) in known]


def _doubts(document: Document, told: list[Told], today: str, data: bool) -> list[str]:
    said = []
    out = [t.named for t in told if t.date is not None and _past(t.date, today)]
    if out:
        more = f" and {len(out) - 1} more" if len(out) > 1 else ""
        said.append(f"{out[0]}{more}: released before the registration, so its score may be known")
    if not data and not document.get("data"):
        said.append("no hash of the data that it was made from is sealed with it")
    if document["withheld"] is None and not told:
        said.append("it forecasts nothing")
    return said


def _past(day: str, today: str) -> bool:
    try:
        return date.fromisoformat(day) <= date.fromisoformat(today)
    except ValueError as e:
        raise InputError(
            f"forecast: date: wanted one such as 2026-01-31, got {one_line(day, 40)!r}"
        ) from e
