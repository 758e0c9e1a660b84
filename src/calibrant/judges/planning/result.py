"""What came out of a plan for labels: needs of each design, a recommendation, the items."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from calibrant.judges.planning.operating import Certifying
from calibrant.judges.planning.search import Goal, Option
from calibrant.records.keep import write_table

if TYPE_CHECKING:
    from calibrant._figure import Figure


@dataclass(frozen=True)
class Stratum:
    """Items that the judge puts together.

    Attributes:
        items: how many.
        rate: expected rate of positive gold labels.
        pilot, labels: gold labels there are, and that the recommended design wants in all
            (expected, so not always whole).
    """

    name: str
    items: int
    rate: float
    pilot: int
    labels: float


@dataclass(frozen=True)
class Point:
    """A design with so many labels: mean width of its interval, chance of reaching the goal."""

    design: str
    labels: int
    width: float
    chance: float


@dataclass(frozen=True, eq=False)
class LabelPlan:
    """How many gold labels, of which items.

    Attributes:
        goal: width or claim, with chance, level and measurand.
        items, pilot: items, and gold labels that are there.
        source: "pilot" or "assumed".
        rate: expected rate of positive gold labels.
        gain: effective labels per label that the judge is worth; `gain_low`, `gain_high` its
            limits at the goal's level, None where rates are assumed.
        options: every design with what it needs, the simplest first.
        recommended: the design to take; None if none reaches the goal.
        reason: why, in words.
        limited: whether the budget and not the goal decided.
        strata: items by the judge's verdict or score.
        certifying: for a claim and a judge with two verdicts, gold positives and negatives that
            make it good enough for other items of the same kind; else None.
        curve: widths and chances by labels.
        to_label: the chosen items, in random order within the phase, with probabilities.
    """

    goal: Goal
    items: int
    pilot: int
    source: str
    rate: float
    gain: float
    gain_low: float | None
    gain_high: float | None
    options: tuple[Option, ...]
    recommended: Option | None
    reason: str
    limited: bool
    strata: tuple[Stratum, ...]
    certifying: Certifying | None
    curve: tuple[Point, ...]
    notes: tuple[str, ...]
    seed: int
    to_label: pl.DataFrame = field(repr=False)

    @property
    def labels(self) -> int | None:
        """Gold labels of the recommended design, the pilot's included."""
        return None if self.recommended is None else self.recommended.labels

    @property
    def worth_it(self) -> bool:
        """Whether a design that uses the judge is recommended."""
        return self.recommended is not None and self.recommended.design != "gold only"

    def __repr__(self) -> str:
        limits = ""
        if self.gain_low is not None and self.gain_high is not None:
            limits = f" [{self.gain_low:.3g}, {self.gain_high:.3g}]"
        worth = f"the judge is worth {self.gain:.3g}{limits} labels per label"
        if self.recommended is None or self.recommended.labels is None:
            return f"for {self.goal!r}: {self.reason}; {worth}"
        o = self.recommended
        return (
            f"for {self.goal!r}: {o.labels:,} gold labels of {self.items:,} items, {o.design}, "
            f"chance {o.chance:.2f} ({self.reason}); {worth}"
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain data, the chosen items included."""
        return {
            "goal": asdict(self.goal),
            "items": self.items,
            "pilot": self.pilot,
            "source": self.source,
            "rate": self.rate,
            "gain": {"value": self.gain, "low": self.gain_low, "high": self.gain_high},
            "options": [o.to_dict() for o in self.options],
            "recommended": None if self.recommended is None else self.recommended.to_dict(),
            "worth_it": self.worth_it,
            "reason": self.reason,
            "limited": self.limited,
            "strata": [asdict(s) for s in self.strata],
            "certifying": None if self.certifying is None else self.certifying.to_dict(),
            "curve": [asdict(p) for p in self.curve],
            "notes": list(self.notes),
            "seed": self.seed,
            "to_label": self.to_label.to_dicts(),
        }

    def write(self, path: str | Path) -> None:
        """Write the items to label as .csv or .parquet, harmless to spreadsheets.

        Raises:
            InputError: for another ending.
        """
        write_table(self.to_label, Path(path))

    def plot(self) -> Figure:
        """Width (or chance) by labels, a line per design."""
        from calibrant.judges.planning.figures import labels_figure

        return labels_figure(self)
