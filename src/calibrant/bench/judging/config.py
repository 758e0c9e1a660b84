"""Which judge is put to the probes? Judge files: a rule, a model with a scale, a scorer."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError, field_validator, model_validator

from calibrant._settings import first_problem, known_keys, read_settings
from calibrant.bench.arena.config import Prompted
from calibrant.errors import InputError
from calibrant.judges.probes.probe import Kind

RULES = ("exact", "includes", "closer", "concise", "planted")
"""Rules that need no file; "planted" is a judge with planted biases, its strengths as `args`."""

PAIRWISE_ONLY = ("closer", "concise")

MOST_LABELS = 21
"""Whole numbers of a scale that are shown one by one; of a longer one only the ends are."""

Reading = Literal["text", "log-odds", "expected"]


@dataclass(frozen=True)
class Scale:
    """What a pointwise judge may say.

    Attributes:
        low, high: the range of values.
        labels: (label, meaning, value) each, or none for any number in the range.
    """

    low: float
    high: float
    labels: tuple[tuple[str, str, float], ...] = ()

    def plain(self) -> list[dict[str, Any]]:
        """The labels as probes alter them, in `Case.extra["scale"]`."""
        return [{"label": a, "means": m, "value": v} for a, m, v in self.labels]


class JudgeFile(Prompted):
    """A judge.

    Attributes:
        rule: one of `RULES`, or `file.py@function`, called with (item, left, right), or
            pointwise with (item, answer); or
        model: an Inspect model name; or
        scorer: an Inspect scorer by registry name or `file.py@scorer`; a `model` beside it is what
            the scorer asks where its own arguments name none.
        args: of the scorer, or the planted strengths.
        score: which of a scorer's values, if it gives several.
        kind: pointwise or pairwise; by default what the cases are.
        scale: pointwise: [low, high], {label: value}, or a list of {label, means, value}.
        reading: of a model: "text" (its last line), pairwise "log-odds" (of its first token being
            1 against 2), pointwise "expected" (the mean of the scale's values by its first token).
    """

    scorer: str | None = None
    args: dict[str, Any] = Field(default_factory=dict)
    score: str | None = None
    kind: Kind | None = None
    scale: list[Any] | dict[str, float] | None = None
    reading: Reading = "text"

    @model_validator(mode="before")
    @classmethod
    def _short(cls, value: Any) -> Any:
        return {"rule": value} if isinstance(value, str) else value

    @field_validator("scale")
    @classmethod
    def _scale(cls, value: Any) -> Any:
        if value is not None:
            scale_of(value)
        return value

    @model_validator(mode="after")
    def _whole(self) -> JudgeFile:
        self._one()
        if self.scorer is not None and self.kind == "pairwise":
            raise ValueError("kind: a scorer grades one answer, so it is pointwise")
        if self.rule in PAIRWISE_ONLY and self.kind == "pointwise":
            raise ValueError(f"kind: the rule {self.rule!r} is pairwise")
        if self.args and self.scorer is None and self.rule != "planted":
            raise ValueError("args: only a scorer or the rule 'planted' takes any")
        if self.score is not None and self.scorer is None:
            raise ValueError("score: only a scorer has several")
        if self.reading == "log-odds" and self.kind == "pointwise":
            raise ValueError("reading: log-odds is of pairs; wanted text or expected")
        if self.reading == "expected" and self.kind == "pairwise":
            raise ValueError("reading: expected is of scores; wanted text or log-odds")
        if self.scale is not None and self.kind == "pairwise":
            raise ValueError("scale: pairs have none")
        return self

    def _one(self) -> None:
        ways = [w for w in ("rule", "scorer") if getattr(self, w) is not None]
        if len(ways) == 2 or not (ways or self.model):
            raise ValueError("wanted one of 'rule', 'model' and 'scorer'")
        if self.rule is None:
            return
        if self.rule not in RULES and ".py@" not in self.rule:
            near = difflib.get_close_matches(self.rule, RULES, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise ValueError(
                f"rule: wanted one of {', '.join(RULES)}, or file.py@function, "
                f"got {self.rule!r}{hint}"
            )
        given = self.model_fields_set & {
            "model", "template", "criterion", "generate", "model_args", "reading"
        }  # fmt: skip
        if given:
            raise ValueError(f"{sorted(given)[0]}: a rule has none")

    @property
    def label(self) -> str:
        """What it is called."""
        return self.name or str(self.rule or self.scorer or self.model)

    @property
    def fixed_kind(self) -> Kind | None:
        """The kind that this judge can only be; None if it follows the cases."""
        if self.kind is not None:
            return self.kind
        if self.scorer is not None or self.scale is not None or self.reading == "expected":
            return "pointwise"
        if self.rule in PAIRWISE_ONLY or self.reading == "log-odds":
            return "pairwise"
        return None

    def kind_for(self, cases: Kind) -> Kind:
        """The kind of judge, for cases of a kind.

        Raises:
            InputError: if they do not fit.
        """
        own = self.fixed_kind
        if own is not None and own != cases:
            answers = "one answer" if own == "pointwise" else "two answers"
            raise InputError(
                f"judge {self.label}: is {own} and wants cases of {answers}, got {cases} cases"
            )
        return cases

    def scale_for(self, kind: Kind) -> Scale:
        """The range of verdicts, and what may be said."""
        if kind == "pairwise":
            return Scale(0.0, 1.0)
        if self.scale is not None:
            return scale_of(self.scale)
        if self.scorer is not None or self.rule in ("exact", "includes"):
            return Scale(0.0, 1.0)
        if self.rule == "planted":
            return Scale(float(self.args.get("low", 0)), float(self.args.get("high", 10)))
        if self.rule is not None:
            raise InputError(f"judge {self.label}: a pointwise rule of your own needs a 'scale'")
        return scale_of([1, 10])


def scale_of(given: Any) -> Scale:
    """The scale that plain data stands for.

    Raises:
        InputError: if it is none.
    """
    if isinstance(given, Mapping):
        rows = [(str(k), "", v) for k, v in given.items()]
    elif isinstance(given, list) and all(isinstance(x, Mapping) for x in given) and given:
        missing = next((k for x in given for k in ("label", "value") if k not in x), None)
        if missing:
            raise InputError(f"scale: wanted {missing!r} in each entry")
        rows = [(str(x["label"]), str(x.get("means", "")), x["value"]) for x in given]
    elif isinstance(given, list) and len(given) == 2:
        low, high = (_number(x) for x in given)
        if not low < high:
            raise InputError(f"scale: wanted the lowest first, got {given!r}")
        whole = low.is_integer() and high.is_integer() and high - low < MOST_LABELS
        return Scale(low, high, _counted(int(low), int(high)) if whole else ())
    else:
        raise InputError(f"scale: wanted [low, high] or labels with values, got {given!r:.80}")
    labels = [(label, means, _number(v)) for label, means, v in rows]
    values = [v for _, _, v in labels]
    if len(set(values)) < 2:
        raise InputError("scale: wanted at least two different values")
    if len({a.strip().casefold() for a, _, _ in labels}) < len(labels):
        raise InputError("scale: two labels are the same")
    bad = next((a for a, _, _ in labels if not re.fullmatch(r"\S(.{0,38}\S)?", a)), None)
    if bad is not None:
        raise InputError(f"scale: wanted labels of 1 to 40 characters on one line, got {bad!r:.80}")
    return Scale(min(values), max(values), tuple(labels))


def _counted(low: int, high: int) -> tuple[tuple[str, str, float], ...]:
    means = {low: "worst", high: "best"}
    return tuple((str(k), means.get(k, ""), float(k)) for k in range(low, high + 1))


def _number(x: Any) -> float:
    if isinstance(x, bool) or not isinstance(x, int | float) or not abs(x) < 1e12:
        raise InputError(f"scale: wanted numbers, got {x!r:.80}")
    return float(x)


def read_judge(path: str | Path) -> JudgeFile:
    """Read a judge from a YAML file.

    Raises:
        InputError: in one line, naming the file and the key, what was wanted and what was found.
    """
    path = Path(path)
    data, _ = read_settings(path, "a judge", "model")
    return parse_judge(data, str(path))


def parse_judge(data: Any, where: str = "judge") -> JudgeFile:
    """The judge that plain data, or the name of a rule, stands for.

    Raises:
        InputError: in one line, naming `where` and the key.
    """
    if isinstance(data, JudgeFile):
        return data
    if isinstance(data, Mapping):
        known_keys(data, JudgeFile, where)
    elif not isinstance(data, str):
        raise InputError(f"{where}: wanted a judge file, a rule or keys, got {type(data).__name__}")
    try:
        return JudgeFile.model_validate(dict(data) if isinstance(data, Mapping) else data)
    except ValidationError as e:
        at, problem = first_problem(e)
        raise InputError(": ".join([where, *map(str, at), problem])) from e
