"""What is a cut? A threshold on the score scale with its error and where it comes from."""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from calibrant._text import dumps, one_line
from calibrant.errors import InputError

Direction = Literal["above", "below"]
Side = Literal["value", "lower", "upper"]

METHODS = ("angoff", "yes-no angoff", "bookmark", "borderline group", "contrasting groups", "cost",
           "declared")  # fmt: skip
_KIND = "calibrant cut"
_LARGEST = 1_000_000


@dataclass(frozen=True)
class Cut:
    """A threshold between acceptable and not, in units of the score.

    Attributes:
        value: on the score scale, 0–1.
        direction: on which side of it a subject is acceptable: "above" or "below".
        standard_error: of the value, at least 0; None where the method has none.
        low, high: an interval for the value, in 0–1.
        level: its confidence level.
        method: one of `METHODS`.
        panel: how many raters, or subjects judged, it rests on.
        unit: what the panel is made of: "raters" or "subjects".
        items: how many items were judged or scored; None if that is not known.
        sampled: the interval covers other items of the same kind too, not only these.
        ability: the cut on the scale of a bank, where it was set there.
        source_sha256: of what the cut was computed from.
        notes: what a reader should know, one sentence each.
    """

    value: float
    direction: Direction
    standard_error: float | None
    low: float
    high: float
    level: float
    method: str
    panel: int
    unit: str
    items: int | None
    sampled: bool
    ability: float | None
    source_sha256: str
    notes: tuple[str, ...] = ()

    def limit(self, side: Side) -> float:
        """The value, or the lower or upper limit of its interval."""
        return {"value": self.value, "lower": self.low, "upper": self.high}[side]

    @property
    def origin(self) -> str:
        """Where it comes from, in words: "angoff by 9 raters on 40 items"."""
        who = f"{self.panel:,} {self.unit[:-1] if self.panel == 1 else self.unit}"
        link = "by" if self.unit == "raters" else "of"
        text = f"{self.method} {link} {who}" if self.panel else f"{self.method}, as declared,"
        if self.items is None:
            return text.rstrip(",")
        return f"{text} on {self.items:,} item" + "s" * (self.items != 1)

    def to_dict(self) -> dict[str, Any]:
        """Plain data, ready for JSON; `cut_of` makes the same cut of it."""
        return {"kind": _KIND} | asdict(self) | {"notes": list(self.notes)}

    def __repr__(self) -> str:
        error = "" if self.standard_error is None else f"standard error {self.standard_error:.3g}, "
        return (
            f"Acceptable {self.direction} {self.value:.4g} ({error}{self.level:.0%} interval "
            f"{round(self.low, 9):.4g} to {round(self.high, 9):.4g}): {self.origin}"
        )


def cut_of(plain: Any, where: str = "cut") -> Cut:
    """The cut that `Cut.to_dict` made plain.

    Args:
        where: what to call it in errors, such as a path.

    Raises:
        InputError: in one line, naming `where` and the key.
    """
    if not isinstance(plain, dict) or plain.get("kind") != _KIND:
        raise InputError(f"{where}: not a cut, which has the key kind: {_KIND!r}")
    given = {k: v for k, v in plain.items() if k != "kind"}
    wanted = list(Cut.__dataclass_fields__)
    stray = next((k for k in given if k not in wanted), None)
    if stray is not None:
        raise InputError(f"{where}: unknown key {one_line(repr(stray), 80)}")
    absent = next((k for k in wanted if k not in given), None)
    if absent is not None:
        raise InputError(f"{where}: {absent}: missing")
    problem = _problem(given)
    if problem is not None:
        key, words = problem
        raise InputError(f"{where}: {key}: {words}, got {one_line(repr(given[key]), 80)}")
    for key in ("value", "standard_error", "low", "high", "level", "ability"):
        given[key] = None if given[key] is None else float(given[key])
    return Cut(**{**given, "notes": tuple(one_line(n, 1000) for n in given["notes"])})


def _problem(given: dict[str, Any]) -> tuple[str, str] | None:
    """The first key that is wrong, and what was wanted of it."""
    unit = "wanted a number from 0 to 1"
    for key in ("value", "low", "high"):
        if not _number(given[key]) or not 0 <= given[key] <= 1:
            return key, unit
    if given["low"] > given["value"] or given["high"] < given["value"]:
        key = "low" if given["low"] > given["value"] else "high"
        return key, f"wanted an interval around the value {given['value']:g}"
    if not _number(given["level"]) or not 0 < given["level"] < 1:
        return "level", "wanted a confidence level between 0 and 1"
    error, items = given["standard_error"], given["items"]
    if error is not None and (not _number(error) or error < 0):
        return "standard_error", "wanted a number of 0 or more, or null"
    if given["direction"] not in get_args(Direction):
        return "direction", "wanted above or below"
    if given["method"] not in METHODS:
        return "method", f"wanted one of {', '.join(METHODS)}"
    if given["unit"] not in ("raters", "subjects"):
        return "unit", "wanted raters or subjects"
    if not _whole(given["panel"]):
        return "panel", "wanted a whole number of 0 or more"
    if items is not None and not _whole(items):
        return "items", "wanted a whole number of 0 or more, or null"
    if not isinstance(given["sampled"], bool):
        return "sampled", "wanted true or false"
    if given["ability"] is not None and not _number(given["ability"]):
        return "ability", "wanted a number or null"
    sha = given["source_sha256"]
    if not isinstance(sha, str) or len(sha) != 64 or set(sha) - set("0123456789abcdef"):
        return "source_sha256", "wanted 64 hexadecimal digits"
    notes = given["notes"]
    if not isinstance(notes, list | tuple) or not all(isinstance(n, str) for n in notes):
        return "notes", "wanted a list of texts"
    return None


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def write_cut(cut: Cut, path: str | Path) -> None:
    """Write a cut as JSON, which a suite can name as its threshold.

    Raises:
        InputError: if the path cannot be written.
    """
    path = Path(path)
    try:
        path.write_text(dumps(cut.to_dict(), indent=1) + "\n", encoding="utf-8")
    except OSError as e:
        raise InputError(f"{path}: cannot be written ({e.strerror})") from e


def read_cut(path: str | Path) -> Cut:
    """Read a cut that `write_cut` wrote.

    Raises:
        InputError: in one line, if there is none, or it is not one.
    """
    return read_cut_file(path)[0]


def read_cut_file(path: str | Path) -> tuple[Cut, str]:
    """The cut in a file, and the SHA-256 of the file.

    Raises:
        InputError: in one line, if there is none, or it is not one.
    """
    path = Path(path)
    try:
        if not path.is_file():
            raise InputError(f"{path}: no such file")
        if path.stat().st_size > _LARGEST:
            raise InputError(f"{path}: too large to be a cut")
        data = path.read_bytes()
        plain = json.loads(data.decode("utf-8"))
    except OSError as e:
        raise InputError(f"{path}: cannot be read ({e.strerror})") from e
    except (ValueError, RecursionError) as e:
        if isinstance(e, InputError):
            raise
        raise InputError(f"{path}: not a cut ({one_line(str(e), 120)})") from e
    return cut_of(plain, str(path)), hashlib.sha256(data).hexdigest()


def check_level(level: float) -> float:
    """The level, if it is one.

    Raises:
        InputError: if it is not between 0 and 1.
    """
    if not 0 < level < 1:
        raise InputError(f"level: wanted strictly between 0 and 1, got {level!r}")
    return level


def check_direction(direction: str) -> Direction:
    """The direction, if it is one.

    Raises:
        InputError: if it is not.
    """
    if direction == "above":
        return "above"
    if direction == "below":
        return "below"
    raise InputError(f"direction: wanted above or below, got {one_line(repr(direction), 60)}")


def around(value: float, error: float, freedom: float, level: float) -> tuple[float, float]:
    """Student's interval around a value, kept in 0–1; normal for infinite freedom."""
    # Suites read cuts, and need none of this.
    from scipy.special import ndtri, stdtrit

    tail = (1 + level) / 2
    factor = float(ndtri(tail) if math.isinf(freedom) else stdtrit(freedom, tail))
    return max(0.0, min(value, value - factor * error)), min(
        1.0, max(value, value + factor * error)
    )


def inside(value: float) -> float:
    """A value of 0–1 that rounding may have put beside it."""
    return min(1.0, max(0.0, value))


def hash_of(*parts: Any) -> str:
    """SHA-256 of arrays, names and numbers, the same wherever it is computed."""
    found = hashlib.sha256()
    for part in parts:
        plain = part.tolist() if hasattr(part, "tolist") else part
        found.update(json.dumps(plain, sort_keys=True, default=str).encode())
        found.update(b"\x00")
    return found.hexdigest()
