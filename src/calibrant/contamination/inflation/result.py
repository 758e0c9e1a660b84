"""What is the score without exposure? The answer of every design, as a file that others read."""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from calibrant._text import dumps, one_line
from calibrant.contamination.evidence import REASONS as RANDOM
from calibrant.errors import InputError

if TYPE_CHECKING:
    from calibrant._figure import Figure

Design = Literal["twins", "benchmarks", "items", "bound"]
Ends = tuple[float, float]

KIND = "inflation"
_LARGEST = 20_000_000

REASONS: dict[str, str] = {
    "random-twin": RANDOM["random-twin"],
    "matched-twin": "the twins' mean difficulty differs by no more than the allowance",
    "unexposed-reference": RANDOM["unexposed-reference"],
}
"""What makes the p-value of an inflation valid."""


@dataclass(frozen=True)
class Inflation:
    """How much higher a score is because of exposure, and what it is without.

    Attributes:
        subject, instrument, score: whose score on what.
        design: "twins", "benchmarks", "items", or "bound".
        value: observed minus without, in units of the score; its `standard_error`, `df` and
            `interval` at `level`. For "bound" the middle of what is possible.
        observed: the score as it is; `without`: as it were without exposure, with its interval.
        p: one-sided p-value of no inflation (0 or less); None without a reason why it is valid.
        reason: key of `REASONS`; empty if none was named.
        items: how many of the instrument's items entered.
        references: reference subjects that entered; 0 for twins and bounds.
        terms: sources of the standard error: `source`, `type` A or B, `u`, `half_width` (of a
            rectangular B term; else None).
        method: what was done.
        assumptions, notes: one sentence each.
        detail: of the design.
    """

    subject: str
    instrument: str
    score: str
    design: Design
    value: float
    standard_error: float
    df: float | None
    interval: Ends
    level: float
    observed: float
    without: float
    without_interval: Ends
    p: float | None
    reason: str
    items: int
    references: int
    terms: tuple[dict[str, Any], ...]
    method: str
    assumptions: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    detail: dict[str, Any] = field(default_factory=dict)

    def __repr__(self) -> str:
        what = f"{self.score} of {self.subject} on {self.instrument}: observed {self.observed:.4g}"
        if self.design == "bound":
            return (
                f"{what}; exposure explains at most {self.interval[1]:.4g} of it, so without it "
                f"the score is in [{_ends(self.without_interval)}] ({self.level:.0%})"
            )
        p = "" if self.p is None else f", p = {self.p:.3g} as {REASONS[self.reason]}"
        return (
            f"{what}, without exposure {self.without:.4g} in [{_ends(self.without_interval)}]; "
            f"inflation {self.value:+.4g} in [{_ends(self.interval)}] ({self.level:.0%}, "
            f"{self.method}{p})"
        )

    def limit(self, tail: float, *, upper: bool) -> float:
        """The inflation's limit that is missed with chance `tail`, from 0 to ½.

        From the reported interval: what is bounded (a rectangular term) stays, the rest is
        stretched by the ratio of quantiles of Student's t.
        """
        end = self.interval[1 if upper else 0]
        if self.design == "bound":
            return end
        fixed = sum(t["half_width"] or 0.0 for t in self.terms)
        ratio = _quantile(tail, self.df) / _quantile((1 - self.level) / 2, self.df)
        reach = max(abs(end - self.value) - fixed, 0.0) * ratio + fixed
        return min(1.0, self.value + reach) if upper else max(-1.0, self.value - reach)

    def to_dict(self) -> dict[str, Any]:
        """Plain data, ready for JSON; `inflation_of` makes the same of it."""
        data = {"kind": KIND, **asdict(self)}
        return data | {
            name: list(data[name])
            for name in ("interval", "without_interval", "terms", "assumptions", "notes")
        }

    def plot(self) -> Figure:
        """The subject beside what its ability predicts, or inflation by dose."""
        from calibrant.contamination.inflation.figures import plot_inflation

        return plot_inflation(self)

    def _repr_html_(self) -> str:
        return self.plot().svg()


def _ends(ends: Ends) -> str:
    return f"{ends[0]:.4g}, {ends[1]:.4g}"


def _quantile(tail: float, df: float | None) -> float:
    from scipy.special import ndtri, stdtrit  # the assessment is read without it

    return -float(ndtri(tail) if df is None or math.isinf(df) else stdtrit(df, tail))


def term(
    source: str, kind: Literal["A", "B"], u: float, half: float | None = None
) -> dict[str, Any]:
    """A row of `Inflation.terms`."""
    return {"source": source, "type": kind, "u": u, "half_width": half}


def check_reason(reason: str | None, allowed: tuple[str, ...]) -> str:
    """The reason that was named, or an empty text.

    Raises:
        InputError: if the design's p-value cannot rest on it.
    """
    if reason is None:
        return ""
    if reason not in allowed:
        raise InputError(f"reason: wanted one of {', '.join(allowed)}, got {reason!r}")
    return reason


def inflation_of(data: Any, where: str) -> Inflation:
    """The inflation that plain data stands for.

    Raises:
        InputError: in one line, if it is none.
    """
    from pydantic import TypeAdapter, ValidationError

    if not isinstance(data, dict) or data.get("kind") != KIND:
        raise InputError(f'{where}: not an inflation; wanted JSON with "kind": "{KIND}"')
    try:
        found = TypeAdapter(Inflation).validate_python(
            {k: v for k, v in data.items() if k != "kind"}
        )
    except ValidationError as e:
        first = e.errors(include_url=False)[0]
        place = ".".join(str(p) for p in first["loc"])
        raise InputError(f"{where}: not an inflation: {place}: {first['msg']}") from e
    _check(found, where)
    return found


def _check(found: Inflation, where: str) -> None:
    numbers = {"value": found.value, "standard_error": found.standard_error,
               "observed": found.observed, "without": found.without}  # fmt: skip
    for name, ends in (("interval", found.interval), ("without_interval", found.without_interval)):
        numbers |= {f"{name} {end}": x for end, x in zip(("low", "high"), ends, strict=True)}
        if ends[0] > ends[1]:
            raise InputError(f"{where}: {name}: wanted low ≤ high, got {ends[0]:g}, {ends[1]:g}")
    bad = next((name for name, x in numbers.items() if not math.isfinite(x)), None)
    if bad is not None:
        raise InputError(f"{where}: {bad}: wanted a finite number, got {numbers[bad]!r}")
    if not (0 < found.level < 1 and found.standard_error >= 0):
        raise InputError(f"{where}: wanted a level inside 0–1 and a standard error of 0 or more")
    if found.reason and found.reason not in REASONS:
        raise InputError(f"{where}: reason: wanted one of {', '.join(REASONS)}")


def write_inflation(found: Inflation, path: str | Path) -> None:
    """Write an inflation as JSON, for `measure` and suites.

    Raises:
        InputError: if the path cannot be written.
    """
    path = Path(path)
    try:
        path.write_text(dumps(found.to_dict(), indent=1) + "\n", encoding="utf-8")
    except OSError as e:
        raise InputError(f"{path}: cannot be written ({e.strerror or e})") from e


def read_inflation(path: str | Path) -> Inflation:
    """Read what `write_inflation` or `calibrant contamination inflation --json` wrote.

    Raises:
        InputError: in one line, if there is none, or it is not one.
    """
    return inflation_of(read_json(path)[0], str(path))


def read_json(path: str | Path) -> tuple[Any, str]:
    """The JSON document in a file, and the SHA-256 of the file.

    Raises:
        InputError: in one line, if there is none.
    """
    path = Path(path)
    try:
        if not path.is_file():
            raise InputError(f"{path}: no such file")
        if path.stat().st_size > _LARGEST:
            raise InputError(f"{path}: too large ({path.stat().st_size:,} bytes)")
        data = path.read_bytes()
        return json.loads(data.decode("utf-8")), hashlib.sha256(data).hexdigest()
    except OSError as e:
        raise InputError(f"{path}: cannot be read ({e.strerror or e})") from e
    except (ValueError, RecursionError) as e:
        if isinstance(e, InputError):
            raise
        raise InputError(f"{path}: not JSON ({one_line(str(e), 120)})") from e
