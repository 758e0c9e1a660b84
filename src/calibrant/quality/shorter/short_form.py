"""A shorter fixed test, and how to score it: by a formula on paper, or by the model."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from calibrant._text import dumps, one_line
from calibrant.errors import InputError
from calibrant.quality.read import read_responses
from calibrant.quality.shorter.engine import Engine, engine_of
from calibrant.quality.shorter.evidence import ErrorOf
from calibrant.quality.shorter.forms import formula_of
from calibrant.quality.shorter.policy import Policy, Stop, check_level

if TYPE_CHECKING:
    from calibrant._figure import Figure

Floats = NDArray[np.float64]
Scoring = Literal["model", "by hand"]

FORMAT = "calibrant short form 1"


@dataclass(frozen=True)
class Predicted:
    """A subject's full score, from a short form.

    Attributes:
        subject: who.
        value, low, high: the full score with its interval, in the units of scores.
        level: of the interval.
        items: of the form, with a score.
        note: what to know, or "".
    """

    subject: str
    value: float
    low: float
    high: float
    level: float
    items: int
    note: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return {"subject": self.subject, "value": self.value, "low": self.low, "high": self.high,
                "level": self.level, "items": self.items, "note": self.note}  # fmt: skip


@dataclass(frozen=True, eq=False, repr=False)
class ShortForm:
    """Items in place of all, with what they say of the full score.

    Attributes:
        items: names, the most useful first.
        weights, intercept: by hand, full score = intercept + Σ weight × score.
        hand_error: the model's standard error of that.
        engine: the calibration it comes from, with errors on unseen families.
        size: items.
        errors: of the form and of the baselines, at several lengths.
        balanced: whether categories have their parts.
        left_out: items that better subjects fail, which a form may not use.
        notes: what a reader should know.
    """

    items: tuple[str, ...]
    weights: Floats
    intercept: float
    hand_error: float
    engine: Engine
    errors: tuple[ErrorOf, ...]
    balanced: bool
    left_out: tuple[str, ...]
    notes: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        """How many items it has."""
        return len(self.items)

    def error(self, method: str = "short form") -> ErrorOf:
        """The error of a method at the form's length.

        Raises:
            InputError: for a method that was not tried.
        """
        found = [e for e in self.errors if e.method == method]
        if not found:
            raise InputError(f"method: wanted one that was tried, got {method!r}")
        return min(found, key=lambda e: abs(e.items - self.size))

    def predict(
        self, source: Any, *, scoring: Scoring = "model", level: float = 0.95, **options: Any
    ) -> list[Predicted]:
        """Predict full scores of subjects who answered the form.

        Args:
            source: whatever `read_responses` takes; other items than the form's are not looked at.
            scoring: "model", or "by hand" by the linear formula, which wants all of the items.
            level: of intervals.
            options: of `read_responses`.

        Raises:
            InputError: if none of the form's items is there, or a score is out of range.
        """
        check_level(level)
        if scoring not in ("model", "by hand"):
            raise InputError(f"scoring: wanted model or by hand, got {scoring!r}")
        given = read_responses(source, **({"limits": self._limits} | options))
        where = {name: j for j, name in enumerate(given.items)}
        known = [name for name in self.items if name in where]
        if not known:
            raise InputError(f"responses: none of the form's {self.size} items is in them")
        table = given.scores[:, [where[name] for name in known]]
        return [
            self._predicted(who, dict(zip(known, row.tolist(), strict=True)), scoring, level)
            for who, row in zip(given.subjects, table, strict=True)
        ]

    @property
    def _limits(self) -> tuple[float, float]:
        return self.engine.low, self.engine.high

    def _predicted(
        self, who: str, answers: Mapping[str, float], scoring: Scoring, level: float
    ) -> Predicted:
        session = self.engine.session(
            answers, policy=Policy("random"), stop=Stop(items=None), force=True
        )
        count = int((~np.isnan(session.scores)).sum())
        note = f"{self.size - count} of the form's items have no score" * (count < self.size)
        stretch = self.engine.evidence.stretch
        low, width = self.engine.low, self.engine.high - self.engine.low
        if scoring == "model":
            known = session.posterior
            value, own = known.value, float(np.sqrt(known.variance))
            half = own * stretch("form", count, level)
        else:
            seen = ~np.isnan(session.scores)
            number = session.asked[seen]
            formula = formula_of(self.engine.factors, self.engine.cloud, self.engine.worth, number)
            value = formula.intercept + float(formula.weights @ session.scores[seen])
            half = formula.error * stretch("by hand", count, level)
        floor = float(np.nansum(session.scores * self.engine.worth[session.asked]))
        answered = session.asked[~np.isnan(session.scores)]
        ceiling = floor + 1.0 - float(self.engine.worth[answered].sum())
        value = min(max(value, floor), ceiling)
        ends = max(value - half, floor), min(value + half, ceiling)
        return Predicted(
            who, low + width * value, low + width * ends[0], low + width * ends[1], level, count,
            note,
        )  # fmt: skip

    def __repr__(self) -> str:
        mine, plain = self.error(), self.error("random sample")
        return (
            f"{self.size} of {len(self.engine.items):,} items predict the full score of unseen "
            f"families with a mean error of {mine.error:.3f} ({mine.low:.3f} to {mine.high:.3f}); "
            f"as many random ones {plain.error:.3f}."
        )

    def plot(self) -> Figure:
        """Errors against items, with the baselines."""
        from calibrant.quality.shorter.figures import errors_figure

        return errors_figure(self)

    def to_dict(self) -> dict[str, Any]:
        """Plain data, of which `form_of` makes the same form again."""
        return {
            "format": FORMAT, "items": list(self.items), "weights": self.weights.tolist(),
            "intercept": self.intercept, "hand_error": self.hand_error,
            "errors": [e.to_dict() for e in self.errors], "balanced": self.balanced,
            "left_out": list(self.left_out), "notes": list(self.notes),
            "engine": self.engine.to_dict(),
        }  # fmt: skip


def form_of(plain: Mapping[str, Any]) -> ShortForm:
    """The form that `ShortForm.to_dict` made plain.

    Raises:
        InputError: if it is none.
    """
    if plain.get("format") != FORMAT:
        raise InputError(f"short form: wanted format {FORMAT!r}, got {plain.get('format')!r}")
    try:
        form = ShortForm(
            tuple(str(i) for i in plain["items"]), np.array(plain["weights"], np.float64),
            float(plain["intercept"]), float(plain["hand_error"]), engine_of(plain["engine"]),
            tuple(
                ErrorOf(e["method"], e["items"], e["error"], e["low"], e["high"],
                        e["root_mean_square"])
                for e in plain["errors"]
            ),
            bool(plain["balanced"]), tuple(str(i) for i in plain["left_out"]),
            tuple(str(n) for n in plain["notes"]),
        )  # fmt: skip
    except InputError:
        raise
    except (KeyError, TypeError, ValueError) as e:
        why = f"{type(e).__name__}: {one_line(str(e), 100)}"
        raise InputError(f"short form: not one ({why})") from e
    unknown = [i for i in form.items if i not in form.engine.number]
    if unknown or not form.items or form.weights.shape != (form.size,):
        raise InputError(f"short form: its numbers do not fit its {form.size} items")
    if "form" not in form.engine.evidence.ratios:
        raise InputError("short form: its calibration has no errors of forms")
    return form


def write_form(form: ShortForm, path: Path) -> None:
    """Write a form as JSON.

    Raises:
        InputError: if it cannot be written.
    """
    try:
        path.write_text(dumps(form.to_dict()) + "\n", encoding="utf-8")
    except OSError as e:
        raise InputError(f"{path}: cannot be written: {e.strerror or e}") from e


def read_form(path: str | Path) -> ShortForm:
    """Read a form that `write_form` wrote.

    Raises:
        InputError: if there is none, or it is not one.
    """
    try:
        plain = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as e:
        raise InputError(f"{path}: not a short form ({one_line(str(e), 120)})") from e
    if not isinstance(plain, dict):
        raise InputError(f"{path}: wanted a short form, got {type(plain).__name__}")
    return form_of(plain)
