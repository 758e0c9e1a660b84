"""What a latent-class model found: prevalence, each grader's errors, and the class of each item."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from calibrant.judges.latent.data import Floats


@dataclass(frozen=True)
class Estimate:
    """A value with its interval; the interval is None where none is given."""

    value: float
    low: float | None
    high: float | None

    def __repr__(self) -> str:
        if self.low is None or self.high is None:
            return f"{self.value:.3g}"
        return f"{self.value:.3g} ({self.low:.3g} to {self.high:.3g})"


@dataclass(frozen=True)
class GraderErrors:
    """One grader's chances of each label.

    Attributes:
        labels: how many it gave.
        accuracy: its chance of the right label, over classes as common as here.
        confusion: row by true class, column by label; each row adds up to 1.
    """

    grader: str
    labels: int
    accuracy: Estimate
    confusion: tuple[tuple[Estimate, ...], ...]


@dataclass(frozen=True)
class LatentClasses:
    """Dawid and Skene's model, fitted.

    Attributes:
        model: "dawid-skene" or "bayesian".
        classes: names; the label that means a class most gives it its name.
        prevalence: of each class among items like these.
        graders: in the order given.
        items, gold: how many items, and how many of them with gold.
        posterior: shape (items, classes), the chance of each class given the labels.
        level: of the intervals.
        method: what was done, in words.
        checks: numbers that show that the fit settled.
        notes: what to keep in mind.
    """

    model: str
    classes: tuple[str, ...]
    prevalence: tuple[Estimate, ...]
    graders: tuple[GraderErrors, ...]
    items: int
    gold: int
    posterior: Floats
    level: float
    method: str
    checks: dict[str, float]
    notes: tuple[str, ...] = ()

    def __repr__(self) -> str:
        top = max(self.graders, key=lambda g: g.accuracy.value)
        worst = min(self.graders, key=lambda g: g.accuracy.value)
        shares = ", ".join(
            f"{c} {e.value:.1%}" for c, e in zip(self.classes, self.prevalence, strict=True)
        )
        return (
            f"{self.items:,} items, {len(self.graders)} graders: {shares}; accuracy from "
            f"{worst.accuracy!r} for {worst.grader} to {top.accuracy!r} for {top.grader}"
        )

    def labels(self) -> tuple[str, ...]:
        """The likeliest class of each item."""
        return tuple(self.classes[i] for i in self.posterior.argmax(axis=1))

    def to_dict(self) -> dict[str, Any]:
        """Plain data; without the items' chances, which are in `posterior`."""
        data = {k: v for k, v in self.__dict__.items() if k != "posterior"}
        data["prevalence"] = [asdict(e) for e in self.prevalence]
        data["graders"] = [asdict(g) for g in self.graders]
        return data | {"notes": list(self.notes), "classes": list(self.classes)}


def confusion_table(
    grader: str, labels: int, accuracy: Estimate, rows: Sequence[Sequence[Estimate]]
) -> GraderErrors:
    """One grader's errors from lists."""
    return GraderErrors(grader, labels, accuracy, tuple(tuple(r) for r in rows))


def from_draws(draws: Floats, level: float) -> Estimate:
    """The mean of posterior draws with their central interval."""
    low, high = np.quantile(draws, [(1 - level) / 2, (1 + level) / 2])
    return Estimate(float(draws.mean()), float(low), float(high))
