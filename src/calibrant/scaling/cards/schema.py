"""What stands in the document of a forecast? Its schema, for tools that read or write one.

Types and needed names only; that intervals are those of their densities, and the like, is
`documents.check`. Other names may stand in it: they are kept, sealed and settled with the rest.
"""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from calibrant._settings import first_problem
from calibrant._text import one_line
from calibrant.errors import InputError


class _Part(BaseModel):
    model_config = ConfigDict(extra="allow", strict=True)


class Density(_Part):
    """A mixture of Student t distributions, cut at the limits of the score."""

    location: list[float] = Field(description="Centre of each component.")
    spread: list[float] = Field(description="Scale of each component, above 0.")
    df: list[float | None] = Field(description="Degrees of freedom; null is infinite (normal).")
    weight: list[float] = Field(description="Share of each component.")
    low: float | None = Field(description="Lowest possible score; null for none.")
    high: float | None = Field(description="Highest possible score; null for none.")


class ForecastRow(_Part):
    """One forecast: of a subject, on a measure."""

    subject: str = Field(min_length=1)
    measure: str = Field(min_length=1)
    density: Density
    family: str | None = None
    scale: float | None = Field(default=None, description="Base-10 logarithm of the scale.")
    date: str | None = Field(default=None, description="Of release, as 2026-01-31.")
    median: float | None = None
    distance: float | None = Field(
        default=None, description="Orders of magnitude beyond all that is known."
    )
    outcome: float | None = Field(default=None, description="Where it is known already.")


class IntervalRow(_Part):
    """The central interval of the forecast in the same place."""

    subject: str
    measure: str
    level: float | None = None
    low: float
    high: float


class ModelRow(_Part):
    """One model of the zoo, and what it was worth on the past."""

    name: str
    says: str | None = Field(default=None, description="Its assumption.")
    baseline: bool = False
    weight: float | None = Field(default=None, description="Its share of the forecast.")
    log_score: float | None = None
    crps: float | None = None
    coverage: float | None = None
    n: int | None = None
    beats: bool | None = None
    failed: str | None = None


class HistoryRow(_Part):
    """A score that was known."""

    subject: str
    measure: str
    family: str | None = None
    scale: float | None = None
    date: str | None = None
    score: float | None = None


class HorizonRow(_Part):
    """How intervals did at one distance on the past."""

    horizon: str
    n: int
    effective: float = Field(description="Independent outcomes that they are worth.")
    covered: float
    level: float
    verdict: str
    low: float | None = None
    high: float | None = None
    measure: str | None = None
    says: str | None = None


class PeerRow(_Part):
    """What a method that others use held on the same outcomes."""

    name: str | None = None
    says: str
    coverage: float | None = None
    width: float | None = None
    n: int | None = None


class Pit(_Part):
    """Where outcomes fell in their predictive distributions."""

    edges: list[float] | None = None
    share: list[float] | None = None
    mean: float | None = None
    mean_interval: tuple[float, float] | None = Field(default=None, strict=False)


class BackTestPart(_Part):
    """How such forecasts did on the past."""

    n: int
    coverage: float | None = None
    crps: float | None = None
    log_score: float | None = None
    rule: str | None = None
    level: float | None = None
    families: int | None = None
    effective: float | None = None
    width: float | None = None
    coverage_interval: tuple[float, float] | None = Field(default=None, strict=False)
    crps_interval: tuple[float, float] | None = Field(default=None, strict=False)
    log_score_interval: tuple[float, float] | None = Field(default=None, strict=False)
    pit: Pit | None = None
    by_horizon: list[HorizonRow] | None = None
    peers: list[PeerRow] | None = None


class DistancePart(_Part):
    """How far out the forecasts lie, and how far out the past was tried."""

    orders_of_magnitude: float | None = None
    orders_of_magnitude_in_family: float | None = None
    months: float | None = None
    tried: dict[str, float] | None = None
    unit: str | None = None


class SilentRow(_Part):
    """A forecast that is withheld, and why."""

    subject: str
    measure: str
    why: str
    distance: float | None = None


class PlainRow(_Part):
    """A baseline's forecast of the same."""

    subject: str
    measure: str
    density: Density


class BaselinePart(_Part):
    """What a plain model says of the same rows."""

    name: str
    forecast: list[PlainRow] | None = None


class ForecastDocument(_Part):
    """What `calibrant forecast --json` prints."""

    target: list[str] = Field(description="The measures.")
    level: float = Field(gt=0, lt=1, description="The share that intervals promise.")
    models: list[ModelRow]
    forecast: list[ForecastRow] | None = Field(description="Null where all of it is withheld.")
    backtest: BackTestPart | None
    withheld: str | None = Field(description="Why nothing is said; null where something is.")
    intervals: list[IntervalRow] | None = None
    baselines: list[BaselinePart] | None = None
    scale: str | None = Field(default=None, description="The column of the scale.")
    family: str | None = Field(default=None, description="The column of families.")
    cut: str | None = Field(default=None, description="How the past was cut.")
    seed: int | None = None
    distance: DistancePart | None = None
    stacked_against: list[dict[str, Any]] | None = None
    warnings: list[str] | None = None
    notes: list[str] | None = None
    withheld_rows: list[SilentRow] | None = None
    history: list[HistoryRow] | None = None
    data: list[dict[str, str]] | None = Field(
        default=None, description="Name and SHA-256 of files it was made from."
    )


def follow_schema(document: Any, where: str) -> None:
    """Refuse a document that does not follow the schema, naming the first place.

    Raises:
        InputError: such as "f.json: models: 1: name: missing".
    """
    try:
        ForecastDocument.model_validate(document)
    except ValidationError as e:
        loc, problem = first_problem(e)
        place = ": ".join(
            one_line(str(p + 1 if isinstance(p, int) else p), 60) for p in loc
        )  # fmt: skip
        raise InputError(f"{where}: {place}: {problem}") from e


def json_schema() -> dict[str, Any]:
    """The JSON schema of a forecast's document (draft 2020-12)."""
    found = ForecastDocument.model_json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **found}
