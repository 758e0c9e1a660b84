"""What is claimed, about whom, and within which limits? Suites: short YAML files of claims."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from calibrant._settings import first_problem, known_keys, read_settings
from calibrant._text import one_line
from calibrant.assurance.thresholds import CutUsed, with_cuts
from calibrant.errors import InputError
from calibrant.records import content_hash

DEFAULT_ALPHA, DEFAULT_BETA, DEFAULT_SEED = 0.05, 0.10, 0


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=False)


class Claim(_Strict):
    """One claim: the rate of a score on an instrument lies below (or above) a threshold.

    With `gold`, the path of a table of gold labels beside the grader's verdicts (see `grader`),
    the rate is the true one, by gold: what the score shows, corrected for its grader's errors.
    With `cut`, the threshold was taken from a file of `calibrant items cut`. With `exposure`, files
    of `calibrant contamination test` and `inflation` say whether the subject has seen the items,
    and what the score is without that.
    """

    name: str = Field(min_length=1, max_length=200)
    instrument: str = Field(min_length=1)
    args: dict[str, Any] = Field(default_factory=dict)
    rate: str = Field(min_length=1)
    below: float | None = None
    above: float | None = None
    if_really: float | None = None
    alpha: float = DEFAULT_ALPHA
    beta: float = DEFAULT_BETA
    at_most: int | None = None
    pursue_refutation: bool = True
    grader: str | None = Field(default=None, min_length=1)
    gold: str | None = Field(default=None, min_length=1)
    cut: CutUsed | None = None
    exposure: tuple[str, ...] = ()

    @field_validator("exposure", mode="before")
    @classmethod
    def _files(cls, value: Any) -> Any:
        files = [value] if isinstance(value, str) else value
        if not isinstance(files, list | tuple) or not all(
            isinstance(f, str) and f.strip() for f in files
        ):
            raise ValueError(f"wanted a path, or a list of paths, got {one_line(repr(value), 80)}")
        return tuple(f.strip() for f in files)

    @field_validator("below", "above", "if_really")
    @classmethod
    def _rate(cls, value: float | None) -> float | None:
        if value is not None and not 0 <= value <= 1:
            raise ValueError(f"wanted a rate between 0 and 1, got {value:g}")
        return value

    @field_validator("alpha", "beta")
    @classmethod
    def _error_rate(cls, value: float) -> float:
        if not 0 < value < 0.5:
            raise ValueError(f"wanted an error rate between 0 and 0.5, got {value:g}")
        return value

    @field_validator("at_most")
    @classmethod
    def _trials(cls, value: int | None) -> int | None:
        if value is not None and not 1 <= value <= 10_000_000:
            raise ValueError(f"wanted a number of trials from 1 to 10,000,000, got {value}")
        return value

    @model_validator(mode="after")
    def _sides(self) -> Claim:
        if (self.below is None) == (self.above is None):
            raise ValueError("wanted one of 'below' and 'above'")
        if self.cut is not None and self.threshold != self.cut.threshold:
            raise ValueError(
                f"cut: wanted a threshold of {self.cut.threshold:g}, got {self.threshold:g}"
            )
        if self.grader is not None and self.gold is None:
            raise ValueError(
                "grader: wanted 'gold: LABELS.csv' beside it, the table with its column"
            )
        if not 0 < self.threshold < 1:
            raise ValueError(
                f"{self.relation}: wanted a threshold strictly between 0 and 1, "
                f"got {self.threshold:g}"
            )
        if self.if_really is not None:
            right = (
                self.if_really < self.threshold
                if self.relation == "below"
                else self.if_really > self.threshold
            )
            if not right:
                raise ValueError(
                    f"if_really: wanted a rate {self.relation} the threshold "
                    f"{self.threshold:g}, got {self.if_really:g}"
                )
        return self

    @property
    def relation(self) -> str:
        """below or above."""
        return "below" if self.below is not None else "above"

    @property
    def threshold(self) -> float:
        """The rate the claim is about, 0–1."""
        value = self.below if self.below is not None else self.above
        assert value is not None
        return value

    @property
    def score(self) -> str:
        """The name of the counted score."""
        return self.rate.partition("=")[0].strip()

    @property
    def counts(self) -> str | None:
        """The value that counts; None: the number 1."""
        value = self.rate.partition("=")[2].strip()
        return value or None


class Price(_Strict):
    """Dollars per million tokens."""

    input: float = Field(ge=0)
    output: float = Field(ge=0)


class Suite(_Strict):
    """Claims about one subject, with limits.

    Attributes:
        subject: an Inspect model name, such as local/smollm2-135m or openai/….
        seed: fixes the items, their order and, where the provider allows it, the sampling.
        claims: what is claimed.
        generate: options of Inspect's GenerateConfig, such as temperature.
        model_args: arguments of the model provider.
        max_connections: trials in flight at once.
        max_cost: dollars after which the run ends undetermined.
        max_time: seconds, or a text such as 30m, after which the run ends undetermined.
        price: dollars per million tokens, for providers that name no cost.
        graders: the certificate cards (JSON files) of the graders behind scores, by score.
    """

    subject: str = Field(min_length=1)
    seed: int = Field(DEFAULT_SEED, ge=0, lt=2**63)
    claims: tuple[Claim, ...] = Field(min_length=1)
    generate: dict[str, Any] = Field(default_factory=dict)
    model_args: dict[str, Any] = Field(default_factory=dict)
    max_connections: int | None = Field(None, ge=1, le=10_000)
    max_cost: float | None = Field(None, gt=0)
    max_time: float | None = Field(None, gt=0)
    price: Price | None = None
    graders: dict[str, str] = Field(default_factory=dict)
    name: str = "suite"

    @field_validator("max_time", mode="before")
    @classmethod
    def _seconds(cls, value: Any) -> Any:
        if isinstance(value, str):
            found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([smh]?)\s*", value)
            if not found:
                raise ValueError(f"wanted seconds or a text such as 30m or 2h, got {value!r}")
            return float(found[1]) * {"": 1, "s": 1, "m": 60, "h": 3600}[found[2]]
        return value

    @model_validator(mode="after")
    def _whole(self) -> Suite:
        names = [c.name for c in self.claims]
        twice = next((n for n in names if names.count(n) > 1), None)
        if twice is not None:
            raise ValueError(f"claims: two are named {twice!r}")
        scores = sorted({c.score for c in self.claims})
        stray = next((g for g in self.graders if g not in scores), None)
        if stray is not None:
            raise ValueError(
                f"graders: wanted scores of the claims ({', '.join(scores)}), got {stray!r}"
            )
        if (
            self.max_cost is not None
            and self.price is None
            and not self.subject.startswith(("local/", "standard/", "mockllm/"))
        ):
            raise ValueError(
                "max_cost: wanted 'price: {input: …, output: …}' beside it (dollars per million "
                "tokens), as providers name no cost themselves"
            )
        return self

    def fingerprint(self) -> str:
        """A hash of everything that decides which trials are made and what they mean."""
        free = {"max_connections", "max_cost", "max_time", "price", "name"}
        plain = self.model_dump(mode="json", exclude=free)
        for claim in plain["claims"]:
            # A claim that names no cut is the one it was before there were cuts.
            if claim["cut"] is None:
                del claim["cut"]
            if not claim["exposure"]:
                del claim["exposure"]
        return content_hash(plain)


def read_suite(path: str | Path, **overrides: Any) -> tuple[Suite, str]:
    """Read a suite from a YAML file; return it with the file's text.

    Args:
        overrides: top-level keys that replace the file's (None: keep the file's).

    Raises:
        InputError: in one line, naming the file and the key, what was wanted and what was found.
    """
    path = Path(path)
    data, text = read_settings(path, "a suite", "subject")
    data = {**data, **{k: v for k, v in overrides.items() if v is not None}}
    data.setdefault("name", path.stem)
    return parse_suite(with_cuts(data, str(path), path.resolve().parent), str(path)), text


def parse_suite(data: Mapping[Any, Any], where: str) -> Suite:
    """The suite that plain data stands for.

    Raises:
        InputError: in one line, naming `where` and the key.
    """
    known_keys(data, Suite, where)
    claims = data.get("claims")
    for number, claim in enumerate(claims if isinstance(claims, list) else [], 1):
        if isinstance(claim, dict):
            known_keys(claim, Claim, f"{where}: claim {number}")
    try:
        return Suite.model_validate(dict(data))
    except ValidationError as e:
        raise InputError(_first_problem(e, data, where)) from e


def _first_problem(e: ValidationError, data: Mapping[Any, Any], where: str) -> str:
    """The first problem in one line, in the words of the suite file."""
    loc, problem = first_problem(e)
    place: list[str] = []
    if loc[:1] == ["claims"] and len(loc) > 1 and isinstance(loc[1], int):
        claim = data["claims"][loc[1]]
        name = claim.get("name") if isinstance(claim, dict) else None
        place.append(f"claim {one_line(str(name), 80)!r}" if name else f"claim {loc[1] + 1}")
        loc = loc[2:]
    place += [str(p) for p in loc]
    return ": ".join([where, *place, problem])
