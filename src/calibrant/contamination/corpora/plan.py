"""What does it take to scan a corpus? Cores, machines, hours and money, from a measured rate."""

from __future__ import annotations

import math
import re
from dataclasses import asdict, dataclass
from typing import Any

from calibrant.errors import InputError

RATES: dict[str, float] = {
    "txt": 231, "txt.gz": 33, "jsonl": 177, "jsonl.gz": 26, "jsonl.zst": 29, "jsonl.bz2": 4,
    "parquet": 39, "warc.gz": 5, "wet.gz": 21,
}  # fmt: skip
"""Megabytes of files, as they lie, that one core scans in a second, by format.

Measured by `benchmarks/corpora.py` on a busy machine of 2025 with 1,300 items, text that
compresses 4.5 times (web text: about 3, so that more bytes of files are scanned in a second), and
pages of 30 kB.
"""
OVERHEAD = 0.15
"""Of the work: starting, the last shards, shards scanned twice as workers died."""
_UNITS = {"": 1, "k": 1e3, "m": 1e6, "g": 1e9, "t": 1e12, "p": 1e15}
_SECONDS = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400}


@dataclass(frozen=True, repr=False)
class ScanPlan:
    """What scanning a corpus takes.

    Attributes:
        bytes: of the files, as they lie.
        rate: bytes of files that one core scans in a second.
        source: where the rate is from.
        core_hours: all the work, with `OVERHEAD`.
        cores: at work at once.
        hours: from beginning to end.
        machines: of `machine_cores` each.
        gigabits: a second that each machine must read.
        cost: of all core hours, in the currency of the price; None without a price.
        notes: one sentence each.
    """

    bytes: float
    rate: float
    source: str
    core_hours: float
    cores: int
    hours: float
    machines: int
    machine_cores: int
    gigabits: float
    cost: float | None
    notes: tuple[str, ...] = ()

    def __repr__(self) -> str:
        many = f"{self.machines:,} machine{'s' if self.machines > 1 else ''}"
        money = "" if self.cost is None else f" for {self.cost:,.2f}"
        who, s = ("cores", "") if self.cores > 1 else ("core", "s")
        return (
            f"{_size(self.bytes)} at {self.rate / 1e6:,.3g} MB a core and second "
            f"({self.source}): {_hours(self.core_hours)} core hours{money}; {self.cores:,} {who} "
            f"on {many} take{s} {_hours(self.hours)} h, and each machine reads "
            f"{self.gigabits:,.2g} Gbit/s"
        )

    def to_dict(self) -> dict[str, Any]:
        """As plain data."""
        return {**asdict(self), "notes": list(self.notes)}


def _size(count: float) -> str:
    """Bytes in the unit that people would say them in."""
    unit, name = next(((u, n) for u, n in ((1e12, "TB"), (1e9, "GB")) if count >= u), (1e6, "MB"))
    return f"{count / unit:,.3g} {name}" if count < 1e15 else f"{count / 1e12:,.0f} TB"


def _hours(hours: float) -> str:
    return f"{hours:,.1f}" if hours >= 1 else f"{hours:.2g}"


def plan_scan(
    size: float | str,
    *,
    rate: float | None = None,
    form: str = "jsonl.gz",
    cores: int | None = None,
    deadline: float | str | None = None,
    price: float | None = None,
    machine_cores: int = 32,
    gigabits: float = 10.0,
    source: str = "given",
) -> ScanPlan:
    """Plan the scan of a corpus.

    Args:
        size: bytes of the files as they lie, or a text such as "10TB".
        rate: bytes of files that one core scans in a second: best measured on a sample of this
            very corpus. None takes `RATES` for `form`.
        form: the format of the files.
        cores: how many there are; or None for as many as the deadline takes.
        deadline: seconds, or a text such as "6h"; 24 hours if there are no cores either.
        price: of a core and hour.
        machine_cores: cores of a machine.
        gigabits: a second that a machine can read; said where it would not be enough.
        source: where a given rate is from.

    Raises:
        InputError: if a number is not positive, a text no size or time, or the format unknown.
    """
    total = bytes_of(size)
    if rate is None:
        if form not in RATES:
            raise InputError(f"wanted a format of {', '.join(RATES)}, got {form!r}")
        rate, source = RATES[form] * 1e6, f"measured on {form}, see the docs"
    positive = {"rate": rate, "cores": cores, "price": price, "machine cores": machine_cores,
                "Gbit/s": gigabits}  # fmt: skip
    for name, value in positive.items():
        if value is not None and not (value > 0 and math.isfinite(value)):
            raise InputError(f"{name}: wanted a number > 0, got {value:g}")
    work = total / rate * (1 + OVERHEAD)
    limit = None if deadline is None else seconds_of(deadline)
    notes = []
    if cores is None:
        cores = max(math.ceil(work / (limit or 86400)), 1)
    elif limit is not None and work / cores > limit:
        wanted = math.ceil(work / limit)
        notes.append(f"{cores:,} cores miss the deadline; {wanted:,} would keep it")
    here = min(machine_cores, cores)
    reads = rate * here * 8 / 1e9
    if reads > gigabits:
        notes.append(
            f"a machine of {here} cores would read {reads:,.1f} Gbit/s, more than the "
            f"{gigabits:g} it can: take smaller machines, or count with "
            f"{gigabits * 1e9 / 8 / rate:,.0f} busy cores each"
        )
    return ScanPlan(
        bytes=total, rate=rate, source=source, core_hours=work / 3600, cores=cores,
        hours=work / cores / 3600, machines=math.ceil(cores / machine_cores),
        machine_cores=machine_cores, gigabits=reads,
        cost=None if price is None else price * work / 3600, notes=tuple(notes),
    )  # fmt: skip


def bytes_of(size: float | str) -> float:
    """Bytes of a text such as "10TB", "1.5 GiB" or "300 MB"."""
    if isinstance(size, str):
        found = re.fullmatch(r"\s*([\d.,]+)\s*([kmgtp]?)(i?)b?\s*", size.lower())
        try:
            assert found is not None
            number = float(found[1].replace(",", ""))
        except (AssertionError, ValueError) as e:
            raise InputError(f"wanted a size such as 10TB, got {size!r}") from e
        power = "kmgtp".find(found[2]) + 1 if found[2] else 0
        size = number * (1024.0**power if found[3] else _UNITS[found[2]])
    if not (size > 0 and math.isfinite(size)):
        raise InputError(f"wanted a size > 0, got {size:g}")
    return float(size)


def seconds_of(time: float | str) -> float:
    """Seconds of a text such as "6h", "90 min" or "2d"."""
    if isinstance(time, str):
        found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([a-z]+)\s*", time.lower())
        if found is None or found[2] not in _SECONDS:
            raise InputError(f"wanted a time such as 6h, 90min or 2d, got {time!r}")
        time = float(found[1]) * _SECONDS[found[2]]
    if not (time > 0 and math.isfinite(time)):
        raise InputError(f"wanted a time > 0, got {time:g}")
    return float(time)
