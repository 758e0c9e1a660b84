"""How good was it? A registered forecast settled with its outcomes, by proper scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibrant._figure import Figure, Shown
from calibrant._files import write_whole
from calibrant._text import one_line
from calibrant.errors import InputError
from calibrant.scaling.cards.documents import (
    Told,
    canonical,
    check,
    now,
    parse,
    read_bytes,
    sha256,
    written,
)
from calibrant.scaling.cards.log import Line, Log, needs_log, opened
from calibrant.scaling.cards.outcomes import Outcome, read_outcomes
from calibrant.scaling.cards.register import Registered
from calibrant.scaling.cards.track import Track, track
from calibrant.scaling.predictive import Predictive

FORMAT = "calibrant settled forecast 1"
Floats = NDArray[np.float64]


@dataclass(frozen=True, repr=False)
class Row:
    """One forecast and what came of it.

    Attributes:
        subject, family, measure, scale, date: of the forecast.
        observed: the subject's name in the table of outcomes.
        outcome: its score.
        median, low, high: of the forecast.
        covered: whether the outcome lies in the interval.
        log_score: natural logarithm of the density at the outcome; None for a density of 0.
        crps: continuous ranked probability score, in units of the score.
        pit: P(score ≤ outcome).
        against: log score and CRPS of each registered baseline that speaks of it.
    """

    subject: str
    family: str
    measure: str
    scale: float | None
    date: str | None
    observed: str
    outcome: float
    median: float
    low: float
    high: float
    covered: bool
    log_score: float | None
    crps: float
    pit: float
    against: Mapping[str, Mapping[str, float | None]]

    def __repr__(self) -> str:
        where = "inside" if self.covered else "outside"
        return (
            f"{one_line(self.subject, 80)} on {one_line(self.measure, 80)}: {self.outcome:.3g}, "
            f"{where} {self.low:.3g} to {self.high:.3g}"
        )

    def to_dict(self) -> dict[str, Any]:
        """The fields as plain data."""
        return {k: dict(v) if isinstance(v, Mapping) else v for k, v in self.__dict__.items()}


@dataclass(frozen=True, repr=False)
class Settled(Shown):
    """A registered forecast with its outcomes.

    Attributes:
        seal, registered: of the forecast.
        time: when it was settled, in UTC.
        level: the promised share.
        withheld: why the forecast said nothing; None if it said something.
        rows: forecasts with their outcomes.
        open: forecasts without outcome yet, in words.
        track: the scores over all rows, with what they are worth; None for no row.
        baselines: each registered baseline's track on the rows that it speaks of.
        log: what the log says of how many forecasts were registered and settled; None without.
        notes: one sentence each.
        hash: SHA-256 of all these.
    """

    seal: str
    registered: str
    time: str
    level: float
    withheld: str | None
    rows: tuple[Row, ...]
    open: tuple[str, ...]
    track: Track | None
    baselines: Mapping[str, Track]
    log: Mapping[str, Any] | None
    notes: tuple[str, ...]

    def __repr__(self) -> str:
        if self.withheld is not None and not self.rows:
            return f"settled as withheld: {one_line(self.withheld, 300)}"
        assert self.track is not None
        more = f"; {len(self.open)} still open" if self.open else ""
        return f"{self.track!r}{more}"

    @property
    def hash(self) -> str:
        """SHA-256 of all that it says."""
        return sha256(self._body())

    def to_dict(self) -> dict[str, Any]:
        """The fields as plain data."""
        return self._body() | {"hash": self.hash}

    def plot(self) -> Figure:
        """Outcomes on the intervals of their forecasts; those outside stand out.

        Raises:
            InputError: if nothing was forecast.
        """
        from calibrant.scaling.cards.figures import outcomes_on_intervals

        return outcomes_on_intervals(self)

    def _body(self) -> dict[str, Any]:
        return {
            "format": FORMAT, "seal": self.seal, "registered": self.registered,
            "settled": self.time, "level": self.level, "withheld": self.withheld,
            "rows": [r.to_dict() for r in self.rows], "open": list(self.open),
            "track": None if self.track is None else self.track.to_dict(),
            "baselines": {k: t.to_dict() for k, t in self.baselines.items()},
            "log": None if self.log is None else dict(self.log), "notes": list(self.notes),
        }  # fmt: skip


def settle(
    registered: Registered,
    outcomes: Any,
    *,
    log: str | Path | None = None,
    heads: Sequence[str] = (),
    anchor: str | Path | None = None,
    subject: str | None = None,
    family: str | None = None,
    scale: str | None = None,
    date: str | None = None,
    log_scale: bool = False,
    same: dict[str, str] | None = None,
    out: str | Path | None = None,
) -> Settled:
    """Score a registered forecast with its outcomes.

    Args:
        registered: as `read_registered` gives it, which checks that nothing was altered.
        outcomes: a path or table with columns subject, measure and score, or with one column a
            measure; see `read_outcomes`. None is enough for a forecast that is withheld.
        log: the log that it was registered in, to which the settlement is added. Without a log
            nobody can see that a forecast is settled twice.
        heads: of the log, published before: each must still be in it.
        anchor: a file kept elsewhere that holds the log's head: checked, then written anew.
        subject, family, scale, date: columns of the outcomes.
        log_scale: whether the scale is a base-10 logarithm already.
        same: subjects of forecasts, each with its name in the table of outcomes.
        out: where to write the settlement, before the log says that there is one.

    Raises:
        InputError: if the forecast is hidden, is not in the log or settled in it already, or an
            outcome was known before or does not fit.
    """
    if registered.document is None:
        raise InputError(
            f"forecast {registered.seal[:12]}: hidden; its opening is needed to settle it"
        )
    needs_log(log, heads, anchor)
    told = check(registered.document, f"forecast {registered.seal[:12]}")
    if log is None:
        rows, notes = _joined(registered, told, outcomes, (), subject, family, scale, date,
                              log_scale, same)  # fmt: skip
        notes.append("without a log nobody can see whether it was settled before")
        made = _settled(registered, told, rows, None, notes, (), now())
        _write(made, out)
        return made
    if not Path(log).exists():
        raise InputError(f"{log}: no such log")
    with opened(log, heads=heads, anchor=anchor) as (lines, writer):
        before = _before(registered, lines, log)
        rows, notes = _joined(registered, told, outcomes, before, subject, family, scale, date,
                              log_scale, same)  # fmt: skip
        content = [_content(told[r.of], r) for r in rows] or [{"withheld": True}]
        at = now()
        line = writer.line("settled", registered.seal, at, content)
        made = _settled(registered, told, rows, (lines, line), notes, before, at)
        _write(made, out)
        writer.add(line)
    return made


def read_settled(path: str | Path) -> dict[str, Any]:
    """The document of a settlement of which no byte was altered.

    Raises:
        InputError: if it is none, or was altered.
    """
    data = read_bytes(path, "a settled forecast")
    found = parse(data, path, "a settled forecast")
    if found.get("format") != FORMAT:
        raise InputError(
            f"{path}: wanted a settled forecast, as 'calibrant forecast score --out' writes it"
        )
    body = {k: v for k, v in found.items() if k != "hash"}
    if data != written(found) or sha256(body) != found.get("hash"):
        raise InputError(f"{path}: altered after it was settled: its hash is not of it")
    return found


def _write(made: Settled, out: str | Path | None) -> None:
    if out is None:
        return
    file = Path(out)
    if file.exists():
        raise InputError(f"{out}: there is such a file; a settlement is never written over")
    try:
        write_whole(file, written(made.to_dict()))
    except OSError as e:
        raise InputError(f"{out}: cannot be written ({e.strerror or e})") from e


def _before(registered: Registered, log: Log, path: str | Path) -> tuple[Line, ...]:
    """The lines by which it was settled; that it was registered in this log."""
    first = log.find(registered.seal)
    if first is None or first.previous != registered.previous:
        raise InputError(f"{path}: forecast {registered.seal[:12]} is not registered in this log")
    found = log.settlements(registered.seal)
    for line in found:
        if any(c.get("withheld") for c in line.content):
            raise InputError(f"{path}: settled already, as withheld, by line {line.number}")
    return found


def _joined(
    registered: Registered, told: Sequence[Told], outcomes: Any, before: Sequence[Line],
    subject: str | None, family: str | None, scale: str | None, date: str | None,
    log_scale: bool, same: dict[str, str] | None,
) -> tuple[list[Outcome], list[str]]:  # fmt: skip
    """Outcomes that are new, and notes."""
    if not told:
        return [], ["the forecast was withheld, or forecast nothing: there is nothing to score"]
    assert registered.document is not None
    silent = len(registered.document.get("withheld_rows") or [])
    if outcomes is None:
        raise InputError("outcomes: wanted a table; only a withheld forecast settles without")
    rows, notes = read_outcomes(
        outcomes, told, registered=registered.time, subject=subject, family=family, scale=scale,
        date=date, log=not log_scale, same=same,
    )  # fmt: skip
    if silent:
        notes.append(f"withheld when it was registered, and not scored: {silent} of the forecasts")
    done = {canonical(c["forecast"]): (c, line) for line in before for c in line.content}
    new = []
    for r in rows:
        old = done.get(canonical(list(told[r.of].key)))
        if old is None:
            new.append(r)
        elif old[0]["outcome"] != r.score:
            raise InputError(
                f"outcomes: {told[r.of].named} was settled at {old[1].time} with "
                f"{old[0]['outcome']:g}, now {r.score:g}"
            )
    if not new:
        raise InputError(
            f"forecast {registered.seal[:12]}: settled already, at {before[-1].time}; nothing new"
        )
    if len(new) < len(rows):
        notes.append(f"{len(rows) - len(new)} were settled before and are not settled again")
    return new, notes


def _content(t: Told, r: Outcome) -> dict[str, Any]:
    return {"forecast": list(t.key), "observed": r.subject, "outcome": r.score, "date": r.date}


def _settled(
    registered: Registered, told: Sequence[Told], outcomes: Sequence[Outcome],
    log: tuple[Log, Line] | None, notes: Sequence[str], before: Sequence[Line], at: str,
) -> Settled:  # fmt: skip
    assert registered.document is not None
    level = float(registered.document["level"])
    others = _others(registered.document, told)
    rows = tuple(_row(told[r.of], r, others) for r in outcomes)
    done = {canonical(c["forecast"]) for line in before for c in line.content}
    done |= {canonical(list(told[r.of].key)) for r in outcomes}
    said = None
    if log is not None:
        seals = {x.seal for x in (*log[0].lines, log[1]) if x.kind == "settled"}
        said = {"registered": log[0].registered, "settled": len(seals), "line": log[1].number,
                "head": log[1].hash}  # fmt: skip
    baselines = {}
    for name in others:
        mine = [r for r in rows if name in r.against]
        if mine:
            baselines[name] = track(
                [r.against[name]["log_score"] for r in mine],
                [r.against[name]["crps"] or 0.0 for r in mine],
                [r.family or r.subject for r in mine], level,
                over=[(r.log_score, r.crps) for r in mine],
            )  # fmt: skip
    notes = [*notes, *_undated(rows, outcomes)]
    return Settled(
        seal=registered.seal, registered=registered.time, time=at, level=level,
        withheld=registered.document["withheld"], rows=rows,
        open=tuple(t.named for t in told if canonical(list(t.key)) not in done),
        track=track(
            [r.log_score for r in rows], [r.crps for r in rows],
            [r.family or r.subject for r in rows], level,
            pit=[r.pit for r in rows], inside=[r.covered for r in rows],
        ) if rows else None,
        baselines=baselines, log=said, notes=(*registered.warnings, *notes),
    )  # fmt: skip


def _undated(rows: Sequence[Row], outcomes: Sequence[Outcome]) -> list[str]:
    """What is left if every outcome without a date was known before."""
    dated = [r for r, o in zip(rows, outcomes, strict=True) if o.date is not None]
    lost = len(rows) - len(dated)
    if not lost:
        return []
    held = sum(r.covered for r in dated)
    left = (
        f"were they all known, {len(dated)} would be left, of which {held} lie in their intervals"
        if dated else "were they all known, nothing would be left"
    )  # fmt: skip
    return [
        f"{lost} of {len(rows)} outcomes have no date: that they were not known at registration "
        f"is taken on trust; {left}"
    ]


def _row(t: Told, r: Outcome, others: Mapping[str, Mapping[bytes, Predictive]]) -> Row:
    y = np.array([r.score])
    key = canonical([t.subject, t.measure])
    return Row(
        subject=t.subject, family=t.family, measure=t.measure, scale=t.scale, date=t.date,
        observed=r.subject, outcome=r.score, median=t.median, low=t.low, high=t.high,
        covered=bool(t.low <= r.score <= t.high), log_score=_finite(t.density.log_density(y)),
        crps=float(t.density.crps(y)[0]), pit=float(t.density.cdf(y)[0]),
        against={
            name: {"log_score": _finite(each[key].log_density(y)),
                   "crps": float(each[key].crps(y)[0])}
            for name, each in others.items() if key in each
        },
    )  # fmt: skip


def _others(
    document: Mapping[str, Any], told: Sequence[Told]
) -> dict[str, dict[bytes, Predictive]]:
    """The forecasts of baselines that were registered with it, by subject and measure."""
    known = {canonical([t.subject, t.measure]) for t in told}
    found: dict[str, dict[bytes, Predictive]] = {}
    for other in document.get("baselines") or []:
        each = {}
        for row in other.get("forecast") or []:
            key = canonical([str(row["subject"]), str(row["measure"])])
            if key in known:
                each[key] = Predictive.from_dict(row["density"])
        found[str(other["name"])] = each
    return found


def _finite(x: Floats) -> float | None:
    return float(x[0]) if np.isfinite(x[0]) else None
