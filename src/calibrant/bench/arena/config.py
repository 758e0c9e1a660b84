"""Who meets whom, on which items, before which judges, until what is settled? Arena files."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from calibrant._settings import first_problem, known_keys, read_settings
from calibrant.errors import InputError
from calibrant.ratings.pairing.settle import Goal
from calibrant.records.comparisons import WORDS
from calibrant.records.identity import content_hash

LARGEST_FILE = 1_000_000
"""Bytes; a longer file is no arena."""

MOST_CONTESTANTS = 60

RULES = ("exact", "includes", "closer", "concise", "score")
"""Rule judges; see `calibrant.bench.arena.rules`."""

TIED_WITHIN = 0.15


class Strict(BaseModel):
    """Settings that are checked and do not change."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=False)


class Price(Strict):
    """Dollars per million tokens."""

    input: float = Field(ge=0)
    output: float = Field(ge=0)


class Called(Strict):
    """How a model is called; as in a suite."""

    model_args: dict[str, Any] = Field(default_factory=dict)
    generate: dict[str, Any] = Field(default_factory=dict)
    max_connections: int | None = Field(None, ge=1, le=10_000)
    price: Price | None = None

    @field_validator("generate")
    @classmethod
    def _options(cls, value: dict[str, Any]) -> dict[str, Any]:
        if not value:
            return value
        from inspect_ai.model import GenerateConfig

        GenerateConfig(**value)
        for key in ("max_connections", "num_choices"):
            if key in value:
                raise ValueError(f"{key} is not set here")
        return value


class Contestant(Called):
    """A subject of the arena.

    Attributes:
        model: an Inspect model name.
        name: what it is called here; by default the model.
    """

    model: str = Field(min_length=1)
    name: str = Field(min_length=1, max_length=100)

    @model_validator(mode="before")
    @classmethod
    def _short(cls, value: Any) -> Any:
        if isinstance(value, str):
            return {"model": value, "name": value}
        if isinstance(value, Mapping) and "name" not in value and "model" in value:
            return {**value, "name": value["model"]}
        return value


class Prompted(Called):
    """A model that judges, and what it is shown.

    Attributes:
        template: a text with {question} and the answers; by default one of calibrant's.
        criterion: what makes an answer better, in words.
        most_characters: of an answer shown to a model; the rest is left out, and said so.
    """

    rule: str | None = None
    model: str | None = None
    name: str = Field("", max_length=100)
    template: str | None = None
    criterion: str = Field("The more correct and helpful answer is better.", max_length=4000)
    most_characters: int = Field(6000, ge=100, le=20_000)


class Judge(Prompted):
    """Who says which of two answers is better: a rule, or a model.

    Attributes:
        rule: one of `RULES`, or `file.py@function` called with (item, left, right).
        score: the score that "score" compares.
        model: an Inspect model name, asked with both orders.
        reading: of a model: "text" (its last line is the verdict), or "log-odds" (how much more
            likely 1 than 2 is as its first token, both orders taken together).
        template: a text with {question}, {first}, {second}, and, if wanted, {criterion}, {target};
            by default `prompts.TEMPLATE`.
        criterion: what makes an answer better, in words.
        most_characters: of an answer shown to a model; the rest is left out, and said so.
    """

    score: str | None = None
    reading: Literal["text", "log-odds"] = "text"

    @model_validator(mode="before")
    @classmethod
    def _short(cls, value: Any) -> Any:
        return {"rule": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _one(self) -> Judge:
        if (self.rule is None) == (self.model is None):
            raise ValueError("wanted one of 'rule' and 'model'")
        if self.rule is not None and self.rule not in RULES and ".py@" not in self.rule:
            near = difflib.get_close_matches(self.rule, RULES, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise ValueError(
                f"rule: wanted one of {', '.join(RULES)}, or file.py@function, "
                f"got {self.rule!r}{hint}"
            )
        if (self.rule == "score") != (self.score is not None):
            raise ValueError("score: wanted with the rule 'score', and only there")
        if self.rule is not None:
            given = self.model_fields_set & {
                "template",
                "criterion",
                "generate",
                "model_args",
                "reading",
            }
            if given:
                raise ValueError(f"{sorted(given)[0]}: a rule has none")
        return self

    @property
    def label(self) -> str:
        """What it is called in the comparisons."""
        if self.name:
            return self.name
        if self.model is not None:
            return self.model
        return f"{self.rule}:{self.score}" if self.score else str(self.rule)


class ArenaFile(Strict):
    """An arena: subjects, items, judges, and what is to be decided.

    Attributes:
        subjects: two or more, by model name or with options.
        instrument: as in a suite; or
        items: a JSON Lines file, each with `input` and, if known, `target`.
        args: arguments of the instrument.
        judge, judges: one judge or several, who vote.
        decision: top-1, order or tiers.
        alpha: chance of any false separation, whenever one stops.
        tied_within: half-width around 1/2 of the share of decided games that counts as tied;
            by default 0.15 for tiers, and none else.
        transitive: whether separations chain.
        budget: comparisons at most.
        round: comparisons between two looks; by default as many as subjects.
        answers_ahead: answers are asked for in blocks of so many items.
        strategy: how pairs are chosen.
        model: of the ratings: auto, bt, davidson or rao-kupper.
        seed: of the items, the choice of pairs and, where providers allow it, the answers.
    """

    subjects: tuple[Contestant, ...] = Field(min_length=2, max_length=MOST_CONTESTANTS)
    instrument: str | None = None
    args: dict[str, Any] = Field(default_factory=dict)
    items: str | None = None
    judge: Judge | None = None
    judges: tuple[Judge, ...] = ()
    decision: Literal["top-1", "order", "tiers"] = "tiers"
    alpha: float = 0.05
    tied_within: float | None = None
    transitive: bool = True
    budget: int = Field(2000, ge=1, le=10_000_000)
    round: int | None = Field(None, ge=1, le=100_000)
    answers_ahead: int = Field(10, ge=1, le=10_000)
    strategy: Literal["decision", "d-optimal", "uniform"] = "decision"
    model: Literal["auto", "bt", "davidson", "rao-kupper"] = "auto"
    seed: int = Field(0, ge=0, lt=2**63)
    name: str = "arena"

    @field_validator("alpha")
    @classmethod
    def _rate(cls, value: float) -> float:
        if not 0 < value < 0.5:
            raise ValueError(f"wanted an error rate between 0 and 0.5, got {value:g}")
        return value

    @model_validator(mode="after")
    def _whole(self) -> ArenaFile:
        if (self.instrument is None) == (self.items is None):
            raise ValueError("wanted one of 'instrument' and 'items'")
        if self.items is not None and self.args:
            raise ValueError("args: items take none")
        if (self.judge is None) == (not self.judges):
            raise ValueError("wanted one of 'judge' and 'judges'")
        for what, names in (
            ("subjects", [s.name for s in self.subjects]),
            ("judges", [j.label for j in self.panel]),
        ):
            twice = next((n for n in names if names.count(n) > 1), None)
            if twice is not None:
                raise ValueError(f"{what}: two are named {twice!r}; give one a 'name'")
        word = next((s.name for s in self.subjects if s.name.strip().casefold() in WORDS), None)
        if word is not None:
            raise ValueError(f"subjects: {word!r} is a word for an outcome; name it otherwise")
        self.goal  # noqa: B018 - its own checks
        return self

    @property
    def panel(self) -> tuple[Judge, ...]:
        """The judges."""
        return self.judges or ((self.judge,) if self.judge is not None else ())

    @property
    def goal(self) -> Goal:
        """What is to be decided, for the statistics."""
        tied = self.tied_within
        if tied is None and self.decision == "tiers":
            tied = TIED_WITHIN
        return Goal(self.decision, self.alpha, tied, self.transitive)

    def fingerprint(self) -> str:
        """A hash of everything that decides which comparisons are made and what they mean."""
        data = self.model_dump(mode="json", exclude={"budget", "name", "model"})
        for who in (*data["subjects"], *data["judges"], *filter(None, [data["judge"]])):
            who.pop("max_connections")
            who.pop("price")
        return content_hash(data)


def read_arena(path: str | Path, **overrides: Any) -> ArenaFile:
    """Read an arena from a YAML file.

    Args:
        overrides: top-level keys that replace the file's (None: keep the file's).

    Raises:
        InputError: in one line, naming the file and the key, what was wanted and what was found.
    """
    path = Path(path)
    data, _ = read_settings(path, "an arena", "subjects")
    data = {**data, **{k: v for k, v in overrides.items() if v is not None}}
    data.setdefault("name", path.stem)
    return parse_arena(data, str(path))


def parse_arena(data: Mapping[Any, Any], where: str) -> ArenaFile:
    """The arena that plain data stands for.

    Raises:
        InputError: in one line, naming `where` and the key.
    """
    known_keys(data, ArenaFile, where)
    for key, model in (("subjects", Contestant), ("judges", Judge)):
        many = data.get(key)
        for number, one in enumerate(many if isinstance(many, list) else [], 1):
            if isinstance(one, dict):
                known_keys(one, model, f"{where}: {key[:-1]} {number}")
    if isinstance(data.get("judge"), dict):
        known_keys(data["judge"], Judge, f"{where}: judge")
    try:
        return ArenaFile.model_validate(dict(data))
    except ValidationError as e:
        at, problem = first_problem(e)
        place = [str(p + 1) if isinstance(p, int) else p for p in at]
        raise InputError(": ".join([where, *place, problem])) from e
