"""What an item analysis says, as data."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from calibrant.quality.checks.actions import Action
from calibrant.quality.checks.duplicates import Twin
from calibrant.quality.checks.forecast import Forecast
from calibrant.quality.checks.keys import Suspect
from calibrant.quality.checks.residuals import Dependence, Fit
from calibrant.quality.checks.rest import Rest
from calibrant.quality.checks.saturation import Saturation
from calibrant.quality.dif.result import Dif
from calibrant.quality.responses import Responses

if TYPE_CHECKING:
    from calibrant._figure import Figure


@dataclass(frozen=True, eq=False)
class ItemCheck:
    """Bad items, and what to do about them.

    Attributes:
        responses: what was checked.
        rest: each item against the others: facility, correlation, its interval and test.
        alpha: Cronbach's alpha; NaN if nothing varies.
        suspects: items whose key may be wrong, the surest first.
        always, never: items that every subject gets fully, and not at all, right.
        twins: pairs of items that may be one; first those by responses, then by texts.
        subject_twins: pairs of subjects that may be one.
        fit: mean squares under a model of one ability; None where it was not asked for, or there
            are fewer than 10 subjects or 3 items that vary.
        dependence: pairs and clusters that share more than ability; None as `fit`.
        saturation: the frontier.
        forecast: when the frontier reaches the ceiling; None if no dates are known or it was
            refused, which is noted.
        actions: what to do, the largest effect first.
        rate, level: false discovery rate of lists, and level of intervals.
        notes: what a reader should know.
        unfair: items compared between two groups of subjects; None if no groups were named.
    """

    responses: Responses
    rest: Rest
    alpha: float
    suspects: tuple[Suspect, ...]
    always: tuple[int, ...]
    never: tuple[int, ...]
    twins: tuple[Twin, ...]
    subject_twins: tuple[Twin, ...]
    fit: Fit | None
    dependence: Dependence | None
    saturation: Saturation
    forecast: Forecast | None
    actions: tuple[Action, ...]
    rate: float
    level: float
    notes: tuple[str, ...]
    unfair: Dif | None = None

    def __repr__(self) -> str:
        sat = self.saturation
        pairs = 0 if self.dependence is None else len(self.dependence.pairs)
        unfair = "" if self.unfair is None else f"{len(self.unfair.flagged)} unfair to a group, "
        return (
            f"{len(self.responses.items)} items, {len(self.responses.subjects)} subjects: "
            f"{len(self.suspects)} suspect keys, {len(self.twins)} twin pairs, {pairs} dependent "
            f"pairs, {unfair}{len(self.always)} always and {len(self.never)} never right; "
            f"the best subject scores {sat.best:.1%}, {sat.room:.1%} of sound items are left to it"
        )

    def plot(self) -> Figure:
        """Items by facility and correlation, the bad ones marked."""
        from calibrant.quality.checks.figures import items_figure

        return items_figure(self)

    def to_dict(self) -> dict[str, Any]:
        """Plain data, with names in place of positions."""
        items, subjects = self.responses.items, self.responses.subjects
        rest, fit = self.rest, self.fit
        rows = []
        for j, name in enumerate(items):
            row: dict[str, Any] = {
                "item": name, "subjects": int(rest.count[j]), "facility": _number(rest.facility[j]),
                "correlation": _number(rest.correlation[j]), "low": _number(rest.low[j]),
                "high": _number(rest.high[j]), "upper_lower": _number(rest.upper_lower[j]),
                "q_negative": _number(rest.q_negative[j]),
            }  # fmt: skip
            if fit is not None:
                row |= {
                    "infit": _number(fit.infit[j]), "outfit": _number(fit.outfit[j]),
                    "shape": _number(fit.shape[j]),
                    "q_misfit": _number(fit.q[j]),
                }  # fmt: skip
            rows.append(row)
        dependence = self.dependence
        return {
            "subjects": len(subjects), "alpha": _number(self.alpha), "rate": self.rate,
            "level": self.level, "items": rows,
            "suspects": [
                _plain(s) | {"item": items[s.item]} for s in self.suspects
            ],
            "always": [items[j] for j in self.always], "never": [items[j] for j in self.never],
            "twins": [_named(t, items) for t in self.twins],
            "subject_twins": [_named(t, subjects) for t in self.subject_twins],
            "dependence": None if dependence is None else {
                "critical": dependence.critical,
                "pairs": [_named(p, items) for p in dependence.pairs],
                "within": [asdict(w) for w in dependence.within],
                "clusters": [[items[j] for j in c] for c in dependence.clusters],
                "tested": int(dependence.tested.sum()), "replicates": dependence.replicates,
            },
            "saturation": asdict(self.saturation) | {"leader": subjects[self.saturation.leader]},
            "forecast": None if self.forecast is None else self.forecast.to_dict(),
            "actions": [
                _plain(a) | {
                    "items": [(subjects if a.what == "merge subjects" else items)[j]
                              for j in a.items]
                }
                for a in self.actions
            ],
            "unfair": None if self.unfair is None else self.unfair.to_dict() | {
                "items": [i.to_dict() for i in self.unfair.flagged],
            },
            "notes": list(self.notes),
        }  # fmt: skip


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _plain(thing: Any) -> dict[str, Any]:
    return {k: _number(v) if isinstance(v, float) else v for k, v in asdict(thing).items()}


def _named(pair: Any, names: tuple[str, ...]) -> dict[str, Any]:
    return _plain(pair) | {"first": names[pair.first], "second": names[pair.second]}
