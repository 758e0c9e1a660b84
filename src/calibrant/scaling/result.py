"""What a forecast is: what it says, or why it says nothing, and how such forecasts did before."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from calibrant._text import one_line
from calibrant.scaling.backtests.horizons import UNITS
from calibrant.scaling.backtests.summary import BackTest
from calibrant.scaling.predictive import Predictive
from calibrant.scaling.reading.facts import history
from calibrant.scaling.scores import Floats, Scores
from calibrant.scaling.stacking.against import Against

if TYPE_CHECKING:
    from calibrant._figure import Figure
Mask = np.ndarray[Any, np.dtype[np.bool_]]


@dataclass(frozen=True)
class Model:
    """One model of the zoo, and what it was worth on the past.

    Attributes:
        name, says: which, and its assumption.
        baseline: whether it is one of the plain ones.
        weight: its share of the forecast; 0 where it could not be fitted to what is known now.
        log_score, crps, coverage: means over the judged outcomes of which it spoke.
        n: how many those are.
        beats: whether its log score is above that of every plain model by more than chance.
        against: each comparison.
        failed: why it said nothing, now or at a cut, in its own words; None if it always spoke.
        gates: of a sampler, by cut, what it was checked for and whether it passed.
        stacked: the stacked forecast against it.
    """

    name: str
    says: str
    baseline: bool
    weight: float
    log_score: float | None
    crps: float | None
    coverage: float | None
    n: int
    beats: bool
    against: tuple[Against, ...]
    failed: str | None
    gates: tuple[dict[str, Any], ...] = ()
    stacked: Against | None = None

    def to_dict(self) -> dict[str, Any]:
        """The fields as plain data."""
        return asdict(self)


@dataclass(frozen=True, eq=False, repr=False)
class Forecast:
    """Forecasts of scores that are not known, as far as the past lets them be said.

    Attributes:
        target: the measures.
        scale, family: the columns they were read from, or None.
        cut, level, seed: how the past was cut, the promised share, the seed.
        models: the zoo, the heaviest first.
        known: the scores it is made from.
        at: what was asked for, with `predictive` of the same rows; `outcome` where it is known.
        orders, months: shape (n,); how far out each lies, beyond all that is known.
        ability: shape (n,); beyond the most able known subject on the first axis of the given.
        given: what is given and its axes, as plain data; None if nothing is.
        orders_family: shape (n,); beyond the largest known subject of its family, NaN for others.
        why: for each, None or why it is withheld.
        backtest: how such forecasts did on the past.
        stacked: the stack against the plain models.
        reach: how far out the past was tried, by measure.
        warnings, notes: one sentence each.
        data: name and SHA-256 of the files that they were read from.
        baselines: of each plain model its name, its forecasts, and the rows it speaks of.
    """

    target: tuple[str, ...]
    scale: str | None
    family: str | None
    cut: str
    level: float
    seed: int
    models: tuple[Model, ...]
    known: Scores
    at: Scores
    predictive: Predictive | None
    outcome: Floats
    orders: Floats
    months: Floats
    why: tuple[str | None, ...]
    backtest: BackTest
    stacked: tuple[Against, ...]
    reach: dict[str, float]
    warnings: tuple[str, ...]
    notes: tuple[str, ...]
    data: tuple[dict[str, str], ...] = ()
    orders_family: Floats = field(default_factory=lambda: np.zeros(0))
    baselines: tuple[tuple[str, Predictive, Mask], ...] = ()
    ability: Floats = field(default_factory=lambda: np.zeros(0))
    given: dict[str, Any] | None = None

    def __repr__(self) -> str:
        if self.withheld is not None:
            return f"Forecast withheld: {self.withheld}"
        rows = self.rows()
        if not rows:
            return "Forecast: nothing was asked for"
        r = rows[0]
        low, high = self.intervals()[0]["low"], self.intervals()[0]["high"]
        more = f", and {len(rows) - 1} more" if len(rows) > 1 else ""
        what = one_line(f"{r['measure']} of {r['subject']}", 100)
        return f"{what}: {r['median']:.3g}, {self.level:.0%} from {low:.3g} to {high:.3g}{more}"

    @property
    def withheld(self) -> str | None:
        """Why nothing is said; None if something is, or if nothing was asked for."""
        if not self.why or any(w is None for w in self.why):
            return None
        first = self.why[0]
        assert first is not None
        others = len({w for w in self.why if w != first})
        return first + (f" ({others} other reasons for other rows)" if others else "")

    @property
    def silent(self) -> list[dict[str, Any]]:
        """The rows that are withheld, with why."""
        return [
            {"subject": str(self.at.subject[i]), "measure": str(self.at.measure[i]),
             "distance": _number(self.orders[i]), "why": why}
            for i, why in enumerate(self.why) if why is not None
        ]  # fmt: skip

    def rows(self) -> list[dict[str, Any]]:
        """What may be said, one forecast each."""
        keep = self._said()
        if self.predictive is None or not keep.size:
            return []
        some = self.predictive.take(keep)
        median, mean, sd = some.quantile(0.5), some.mean(), some.sd()
        density = some.to_dict()
        able = None if self.at.given is None else self.at.given.ability(self.at.subject)
        return [
            {
                "subject": str(self.at.subject[i]),
                "family": str(self.at.family[i]),
                "measure": str(self.at.measure[i]),
                "scale": _number(self.at.scale[i]),
                "date": None if np.isnat(self.at.date[i]) else str(self.at.date[i]),
                "distance": _number(self.orders[i]),
                "distance_family": _number(self.orders_family[i]),
                "months": _number(self.months[i]),
                "distance_ability": _number(self.ability[i]) if self.ability.size else None,
                **({} if able is None else {"ability": _number(able[i])}),
                "median": float(median[j]),
                "mean": float(mean[j]),
                "sd": float(sd[j]),
                "outcome": _number(self.outcome[i]),
                "density": density[j],
            }
            for j, i in enumerate(keep)
        ]

    def intervals(self) -> list[dict[str, Any]]:
        """The central intervals of what may be said."""
        keep = self._said()
        if self.predictive is None or not keep.size:
            return []
        low, high = self.predictive.take(keep).interval(self.level)
        return [
            {"subject": str(self.at.subject[i]), "measure": str(self.at.measure[i]),
             "level": self.level, "low": float(low[j]), "high": float(high[j])}
            for j, i in enumerate(keep)
        ]  # fmt: skip

    def to_dict(self) -> dict[str, Any]:
        """The document: what is withheld is null."""
        rows, farthest = self.rows(), [o for o in self.orders if np.isfinite(o)]
        later = [m for m in self.months if np.isfinite(m)]
        return {
            "target": list(self.target),
            "scale": self.scale,
            "family": self.family,
            "cut": self.cut,
            "level": self.level,
            "seed": self.seed,
            "models": [m.to_dict() for m in self.models],
            "forecast": rows or None,
            "intervals": self.intervals() or None,
            "baselines": self._plain() or None,
            "backtest": self.backtest.to_dict(),
            "stacked_against": [a.to_dict() for a in self.stacked],
            "distance": {
                "orders_of_magnitude": max(farthest, default=None),
                "orders_of_magnitude_in_family": max(
                    (o for o in self.orders_family if np.isfinite(o)), default=None
                ),
                "months": max(later, default=None),
                "tried": self.reach,
                "unit": unit_of(self.cut),
                "abilities": max((o for o in self.ability if np.isfinite(o)), default=None),
            },
            "given": self.given,
            "warnings": list(self.warnings),
            "withheld": self.withheld,
            "withheld_rows": self.silent,
            "notes": list(self.notes),
            "history": history(self.known),
            "data": list(self.data),
        }

    def plot(self) -> Figure:
        """Known scores, the cut, and each forecast with three intervals.

        Raises:
            InputError: if nothing may be said.
        """
        from calibrant.scaling.figures import forecast_figure

        return forecast_figure(self.to_dict())

    def _repr_html_(self) -> str:
        from calibrant._figure import notebook

        return notebook(self)

    def _plain(self) -> list[dict[str, Any]]:
        """What the plain models say of the rows that are said, so that they can be settled too."""
        found = []
        for name, forecast, there in self.baselines:
            keep = [i for i in self._said() if there[i]]
            density = forecast.take(np.array(keep, dtype=np.int64)).to_dict()
            rows = [
                {"subject": str(self.at.subject[i]), "measure": str(self.at.measure[i]),
                 "density": d}
                for i, d in zip(keep, density, strict=True)
            ]  # fmt: skip
            if rows:
                found.append({"name": name, "forecast": rows})
        return found

    def _said(self) -> np.ndarray[Any, np.dtype[np.int64]]:
        return np.array([i for i, w in enumerate(self.why) if w is None], dtype=np.int64)


def unit_of(cut: str) -> str:
    """What distances of a rule are counted in, from its text."""
    return UNITS["date" if "date" in cut else "axis" if "axis" in cut else "scale"]


def _number(x: float) -> float | None:
    return float(x) if np.isfinite(x) else None
