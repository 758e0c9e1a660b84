"""What a panel of judges is worth, against gold."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import polars as pl

from calibrant.judges.panels.cascade import Cascade
from calibrant.judges.panels.dependence import Dependence
from calibrant.judges.panels.selective import Guarantee
from calibrant.stats.comparisons.multiplicity import Comparison
from calibrant.stats.estimates.intervals import Interval

if TYPE_CHECKING:
    from calibrant._figure import Figure
    from calibrant.judges.latent.result import LatentClasses


@dataclass(frozen=True)
class Agreement:
    """How often a judge, or a way to combine judges, agrees with gold.

    Attributes:
        name: a judge, "panel", "majority", "independent" or "best judge".
        n: gold items it has a verdict on.
        agreement: share that agrees, with an exact interval where items are independent.
        how: in words.
    """

    name: str
    n: int
    agreement: float
    interval: Interval
    how: str = ""


@dataclass(frozen=True)
class JudgeErrors:
    """A judge against gold.

    Attributes:
        missing: gold items without a label of this judge.
        confusion: counts; row class of gold, column the judge's label.
    """

    judge: str
    agreement: Agreement
    missing: int
    confusion: tuple[tuple[int, ...], ...]


@dataclass(frozen=True, eq=False)
class Panel:
    """Several judges combined.

    Attributes:
        classes: the labels there are.
        judges: each against gold; empty without gold.
        rules: ways to combine them, on items that they did not learn from.
        versus: the panel minus "majority" and minus "best judge", cross-fitted, by name.
        temper, weight: what the panel learned; see `Combination`. None without gold.
        dependence: of the judges' errors; None without gold or with one judge.
        accept: when a verdict may stand without a person; None without gold.
        selector: whose verdict `accept` is about.
        curve: guaranteed agreement and the share of items accepted for it, each guarantee on its
            own.
        conformal: the threshold of conformal risk control on the calibration part; None if there
            is none.
        cascade: None without costs.
        latent: the latent classes, without gold.
        items, gold: rows, and rows with gold.
        verdicts: one row an item: item, verdict, confidence, accepted (null without gold).
        notes: what to keep in mind.
    """

    classes: tuple[str, ...]
    judges: tuple[JudgeErrors, ...]
    rules: tuple[Agreement, ...]
    versus: dict[str, Comparison]
    temper: float | None
    weight: float | None
    dependence: Dependence | None
    accept: Guarantee | None
    selector: str
    curve: tuple[tuple[float, float], ...]
    conformal: float | None
    cascade: Cascade | None
    latent: LatentClasses | None
    items: int
    gold: int
    level: float
    verdicts: pl.DataFrame
    notes: tuple[str, ...] = ()

    def better(self, than: str) -> bool | None:
        """Whether the panel is better than "majority" or "best judge"; None if not compared."""
        found = self.versus.get(than)
        return None if found is None else found.interval.low > 0

    def __repr__(self) -> str:
        if self.latent is not None:
            return f"no gold: {self.latent!r}"
        own = next((r for r in self.rules if r.name == "panel"), None)
        said = f"{self.gold:,} gold items"
        if own is not None:
            said += f": the panel agrees with gold {own.agreement:.1%} of the time"
        for than in ("majority", "best judge"):
            found = self.versus.get(than)
            if found is not None:
                word = "better" if found.interval.low > 0 else "not shown to be better"
                word = "worse" if found.interval.high < 0 else word
                said += f"; {word} than the {than} ({found.difference:+.1%}, "
                said += f"{found.interval.low:+.1%} to {found.interval.high:+.1%})"
        if self.accept is not None:
            said += f"; {self.accept!r}"
        return said

    def to_dict(self) -> dict[str, Any]:
        """Plain data; without the verdicts, which are a table of their own."""
        data = {k: v for k, v in self.__dict__.items() if k != "verdicts"}
        data["judges"] = [asdict(j) for j in self.judges]
        data["rules"] = [asdict(r) for r in self.rules]
        data["versus"] = {k: v.to_dict() for k, v in self.versus.items()}
        data["weight"] = None if self.weight is None or self.weight == float("inf") else self.weight
        for name in ("dependence", "accept", "cascade", "latent"):
            part = getattr(self, name)
            data[name] = None if part is None else part.to_dict()
        data["classes"], data["notes"] = list(self.classes), list(self.notes)
        data["curve"] = [list(point) for point in self.curve]
        data["text"] = repr(self)
        return data

    def plot(self) -> Figure:
        """The share of items accepted against the agreement guaranteed for them.

        Raises:
            InputError: without gold.
        """
        from calibrant.judges.panels.figures import plot_panel

        return plot_panel(self)
