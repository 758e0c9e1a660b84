"""Is this a forecast? Its document read strictly, its rows, and bytes that stand for it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from calibrant._text import one_line
from calibrant.errors import InputError
from calibrant.scaling.predictive import Predictive

Document = Mapping[str, Any]
Key = tuple[str, str, float | None, str | None]
"""What tells forecasts apart: subject, measure, scale, date."""

_NEEDED = ("target", "level", "models", "forecast", "backtest", "withheld")
_CLOSE = 2e-3
"""How far a median or an end of an interval may be from its density's, in intervals' widths."""


@dataclass(frozen=True, repr=False)
class Told:
    """One forecast of a document.

    Attributes:
        subject, family, measure: of what.
        scale, date: of the subject, where they are known; scale as a base-10 logarithm.
        density: its predictive distribution, of one score.
        median, low, high: of it; the ends of its central interval at the document's level.
    """

    subject: str
    family: str
    measure: str
    scale: float | None
    date: str | None
    density: Predictive
    median: float
    low: float
    high: float

    def __repr__(self) -> str:
        return f"{self.named}: {self.median:.3g}, {self.low:.3g} to {self.high:.3g}"

    @property
    def key(self) -> Key:
        """What tells it apart from others."""
        return self.subject, self.measure, self.scale, self.date

    @property
    def named(self) -> str:
        """Whom it is of, and on what, safe to print."""
        return f"{one_line(self.subject, 80)} on {one_line(self.measure, 80)}"


def canonical(value: Any) -> bytes:
    """Plain data as bytes that do not depend on the order of keys or on white space.

    Raises:
        InputError: if it holds what JSON cannot, such as NaN.
    """
    # Not `dumps`: it stands one character for every lone surrogate, and each must count here.
    try:
        text = json.dumps(
            value, sort_keys=True, ensure_ascii=True, allow_nan=False, separators=(",", ":")
        )
    except (TypeError, ValueError, RecursionError) as e:
        raise InputError(f"forecast: not plain data ({e})") from e
    return text.encode()


def sha256(value: Any) -> str:
    """The SHA-256 of plain data, in hexadecimal."""
    return hashlib.sha256(canonical(value)).hexdigest()


def written(value: Any) -> bytes:
    """How a document stands in a file: one form only, so that a changed byte is seen."""
    # Through `canonical` first, as it refuses what cannot be read back.
    made = json.loads(canonical(value))
    return (json.dumps(made, indent=1, ensure_ascii=True, allow_nan=False) + "\n").encode()


def load(path: str | Path, what: str) -> dict[str, Any]:
    """A JSON object from a file, in which no name stands twice and every number is finite.

    Raises:
        InputError: if there is none.
    """
    return parse(read_bytes(path, what), path, what)


def read_bytes(path: str | Path, what: str) -> bytes:
    """The bytes of a file.

    Raises:
        InputError: if it cannot be read.
    """
    try:
        return Path(path).read_bytes()
    except OSError as e:
        raise InputError(f"{path}: {what} cannot be read ({e.strerror or e})") from e


def parse(data: bytes, path: str | Path, what: str) -> dict[str, Any]:
    """As `load`, of bytes."""
    try:
        found = json.loads(data, object_pairs_hook=_once, parse_constant=_constant)
    except (ValueError, RecursionError) as e:
        why = one_line(str(e) or type(e).__name__, 120)
        raise InputError(f"{path}: wanted {what} as JSON ({why})") from e
    if not isinstance(found, dict):
        raise InputError(f"{path}: wanted {what} as a JSON object")
    return found


def check(document: Document, where: str | Path) -> list[Told]:
    """The forecasts of a document that follows its schema, each of which fits its own density.

    A forecast that is withheld has none.

    Raises:
        InputError: naming what lacks or does not fit.
    """
    lost = [name for name in _NEEDED if name not in document]
    if lost:
        raise InputError(
            f"{where}: not a forecast: it has no {', '.join(map(repr, lost))}; wanted the document "
            "of 'calibrant forecast FILE --json'"
        )
    from calibrant.scaling.cards.schema import follow_schema

    level, rows = document["level"], document["forecast"]
    follow_schema(document, str(where))
    if rows is None:
        return []
    densities = [_density(r, f"{where}: forecast {i}") for i, r in enumerate(rows, start=1)]
    ends = _ends(densities, float(level))
    told = [
        _told(r, f"{where}: forecast {i}", d, *(float(x) for x in e))
        for i, (r, d, e) in enumerate(zip(rows, densities, ends, strict=True), start=1)
    ]
    seen: dict[Key, int] = {}
    for i, t in enumerate(told, start=1):
        if t.key in seen:
            raise InputError(f"{where}: forecasts {seen[t.key]} and {i} are both {t.named}")
        seen[t.key] = i
    _intervals(document, told, where)
    return told


def known_outcomes(document: Document, told: list[Told]) -> list[str]:
    """Forecasts whose outcome stands in the document itself, each in words."""
    known = {
        (str(r.get("subject")), str(r.get("measure")))
        for r in document.get("history") or []
        if isinstance(r, dict) and r.get("score") is not None
    }
    given = {
        (str(r.get("subject")), str(r.get("measure")))
        for r in document["forecast"] or []
        if r.get("outcome") is not None
    }
    return [t.named for t in told if (t.subject, t.measure) in known | given]


def now() -> str:
    """The time, as ISO 8601 writes it, to the second, in UTC."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _density(row: dict[str, Any], where: str) -> Predictive:
    try:
        found = Predictive.from_dict(row["density"])
    except InputError as e:
        raise InputError(f"{where}: {e}") from e
    if (found.weight < 0).any() or not (found.df > 0).all() or not (found.low < found.high).all():
        raise InputError(f"{where}: density: wanted weights, df and limits of a distribution")
    return found


def _ends(densities: list[Predictive], level: float) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Median and ends of the intervals of densities, shape (n, 3).

    Mixtures of as many components are inverted together: thousands in a second.
    """
    found = np.empty((len(densities), 3))
    sizes = np.array([d.location.shape[0] for d in densities], dtype=np.int64)
    for k in np.unique(sizes):
        rows = np.flatnonzero(sizes == k)
        some = [densities[i] for i in rows]
        location, spread, df, weight = (
            np.hstack([getattr(d, name) for d in some])
            for name in ("location", "spread", "df", "weight")
        )
        low, high = (np.concatenate([getattr(d, name) for d in some]) for name in ("low", "high"))
        whole = Predictive(location, spread, df, weight, low, high)
        found[rows] = np.column_stack([whole.quantile(0.5), *whole.interval(level)])
    return found


def _told(
    row: dict[str, Any], where: str, density: Predictive, middle: float, low: float, high: float
) -> Told:
    said, size = row.get("median"), row.get("scale")
    if said is not None and not _close(said, middle, high - low):
        raise InputError(
            f"{where}: its median is {one_line(str(said), 40)}, its density's is {middle:.6g}"
        )
    when = row.get("date")
    return Told(
        subject=str(row["subject"]), family=str(row.get("family") or ""),
        measure=str(row["measure"]), scale=None if size is None else float(size),
        date=None if when is None else str(when), density=density, median=middle,
        low=low, high=high,
    )  # fmt: skip


def _intervals(document: Document, told: list[Told], where: str | Path) -> None:
    """That the intervals of a document are those of its densities."""
    given = document.get("intervals") or []
    if not isinstance(given, list) or len(given) not in (0, len(told)):
        raise InputError(
            f"{where}: intervals: wanted one for each of {len(told)} forecasts, got "
            f"{len(given) if isinstance(given, list) else 'none'}"
        )
    for i, (row, t) in enumerate(zip(given, told, strict=False), start=1):
        same = isinstance(row, dict) and (row.get("subject"), row.get("measure")) == (
            t.subject,
            t.measure,
        )
        width = t.high - t.low
        if not same or not (
            _close(row.get("low"), t.low, width) and _close(row.get("high"), t.high, width)
        ):
            raise InputError(
                f"{where}: interval {i}: wanted {t.low:.6g} to {t.high:.6g} of {t.named}, as its "
                "density has it"
            )


def _close(said: Any, found: float, width: float) -> bool:
    if isinstance(said, bool) or not isinstance(said, int | float) or not np.isfinite(said):
        return False
    return abs(said - found) <= _CLOSE * max(width, 1e-12) + 1e-9 * abs(found)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for name, value in pairs:
        if name in made:
            raise ValueError(f"{one_line(name, 60)!r} stands twice")
        made[name] = value
    return made


def _constant(text: str) -> Any:
    raise ValueError(f"{text} is not a number")
