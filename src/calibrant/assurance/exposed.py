"""Has the subject seen the items, and what is the score without that? Evidence that claims name."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from calibrant._text import one_line
from calibrant.assurance.suite import Claim
from calibrant.contamination.evidence import REASONS
from calibrant.contamination.inflation.result import KIND, Inflation, inflation_of, read_json
from calibrant.errors import InputError


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ExposureTestShown(_Strict):
    """What one test of exposure said: was it there?"""

    file: str = Field(description="The path in the suite.")
    sha256: str = Field(pattern="^[0-9a-f]{64}$", description="Of that file.")
    method: str
    subject: str
    items: int = Field(ge=0)
    verdict: Literal["seen", "differs", "not found", "undetermined"]
    p: float | None = Field(ge=0, le=1)
    reason: str = Field(description="Why its p-value is valid, in words.")
    detects: str = Field(description="Its limit of detection, in words.")


class InflationShown(_Strict):
    """An estimate of the score without exposure, from other evidence than this assessment."""

    file: str = Field(description="The path in the suite.")
    sha256: str = Field(pattern="^[0-9a-f]{64}$", description="Of that file.")
    subject: str
    instrument: str
    design: Literal["twins", "benchmarks", "items", "bound"]
    value: float = Field(description="Observed minus without exposure.")
    standard_error: float = Field(ge=0)
    p: float | None
    observed: float
    without: float
    low: float = Field(description="Lower limit of the inflation, missed with chance alpha / 2.")
    high: float


class ExposureEvidence(_Strict):
    """All that a claim names of exposure."""

    tests: list[ExposureTestShown]
    inflation: InflationShown | None

    @property
    def seen(self) -> bool:
        """Whether a test found that the items were in training."""
        return any(t.verdict == "seen" for t in self.tests)


SHARE = 0.5
"""The share of a claim's alpha that goes to the limits of the inflation; the rest to sampling."""


def evidence_of(claim: Claim, base: Path, subject: str) -> ExposureEvidence | None:
    """The evidence in the files that a claim names; None if it names none.

    Raises:
        InputError: naming the claim, the file and what is wrong with it.
    """
    if not claim.exposure:
        return None
    tests: list[ExposureTestShown] = []
    inflation: InflationShown | None = None
    for file in claim.exposure:
        where = f"claim {claim.name!r}: exposure: {one_line(file, 120)}"
        try:
            data, sha256 = read_json(base / file)
            if isinstance(data, dict) and data.get("kind") == KIND:
                if inflation is not None:
                    raise InputError("wanted one inflation, this is a second")
                inflation = _inflation(inflation_of(data, "the file"), file, sha256, claim)
                _about(subject, inflation.subject)
                continue
            for row in _rows(data):
                test = _test(row, file, sha256)
                _about(subject, test.subject)
                tests.append(test)
        except InputError as e:
            raise InputError(f"{where}: {e}") from e
    if inflation is not None and claim.gold is not None:
        raise InputError(
            f"claim {claim.name!r}: exposure: wanted no gold beside an inflation, which is of the "
            "score as graded"
        )
    return ExposureEvidence(tests=tests, inflation=inflation)


def _inflation(found: Inflation, file: str, sha256: str, claim: Claim) -> InflationShown:
    if found.score != claim.score:
        raise InputError(f"wanted an inflation of {claim.score!r}, got one of {found.score!r}")
    tail = claim.alpha * SHARE
    return InflationShown(
        file=file, sha256=sha256, subject=found.subject, instrument=found.instrument,
        design=found.design, value=found.value, standard_error=found.standard_error, p=found.p,
        observed=found.observed, without=found.without, low=found.limit(tail, upper=False),
        high=found.limit(tail, upper=True),
    )  # fmt: skip


def _about(subject: str, named: str) -> None:
    """Refuse evidence about somebody else; providers before the last stroke may differ."""
    if subject.rpartition("/")[2] != named.rpartition("/")[2]:
        raise InputError(
            f"wanted evidence about {one_line(repr(subject), 80)}, got it about "
            f"{one_line(repr(named), 80)}"
        )


def _rows(data: Any) -> list[Any]:
    """The tests in a document: one, a list, or a list under `tests`."""
    rows = data.get("tests", [data]) if isinstance(data, dict) else data
    if not isinstance(rows, list) or not rows:
        raise InputError("neither a test of exposure nor an inflation")
    return rows


def _test(row: Any, file: str, sha256: str) -> ExposureTestShown:
    if not isinstance(row, dict) or not {"method", "verdict", "subject"} <= set(row):
        raise InputError("neither a test of exposure nor an inflation")
    p = row.get("p")
    if isinstance(p, float) and not math.isfinite(p):
        p = None
    reason = str(row.get("reason", ""))
    try:
        return ExposureTestShown(
            file=file, sha256=sha256, method=row["method"], subject=row["subject"],
            items=row.get("items", 0), verdict=row["verdict"], p=p,
            reason=REASONS.get(reason, reason), detects=str(row.get("detects") or ""),
        )  # fmt: skip
    except ValidationError as e:
        first = e.errors(include_url=False)[0]
        place = ".".join(str(x) for x in first["loc"])
        raise InputError(f"not a test of exposure: {place}: {first['msg']}") from e
