"""From n trials to deployment: every forecast that the data allow, side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from calibrant._figure import Figure
from calibrant.errors import InputError, UnfitError
from calibrant.scaling.rare.attempts import BestOfN, best_of_n
from calibrant.scaling.rare.deploy import (
    Deployment,
    HiddenMode,
    at_least_one,
    check_deployments,
    deployment,
    hidden_mode,
)
from calibrant.scaling.rare.largest import Tail, tail
from calibrant.scaling.rare.passes import Items, Pass, pass_at_k, pass_hat_k
from calibrant.scaling.rare.read import Observed, Of, read_rare

What = Literal["auto", "tail", "best-of-n", "pass-at-k"]
WHATS: tuple[What, ...] = ("auto", "tail", "best-of-n", "pass-at-k")


@dataclass(frozen=True)
class Chance:
    """The chance of at least one event in m deployments.

    Attributes:
        deployments: m.
        value, low, high: with the interval; by the tail's law, for probabilities.
        floored_high: never below what the trials can rule out. It is `high` for counted trials.
    """

    deployments: float
    value: float
    low: float
    high: float
    floored_high: float


@dataclass(frozen=True, repr=False)
class Rare:
    """What n trials say about deployment.

    Attributes:
        n: trials or queries; `units`, the independent ones (items or clusters).
        level: of two-sided intervals.
        chance: of at least one event, for each number of deployments; empty for scores.
        deployment: of counted trials: rate, floor, trials needed; else None.
        hidden: what a mode that no trial showed would do.
        tail: of values, or None.
        pass_at_k, pass_hat_k: of items tried several times.
        best_of_n: more attempts at an item than were made, or None.
        notes: what was left out and why, one sentence each.
    """

    n: int
    units: int
    level: float
    chance: tuple[Chance, ...]
    deployment: Deployment | None
    hidden: HiddenMode
    tail: Tail | None
    pass_at_k: tuple[Pass, ...]
    pass_hat_k: tuple[Pass, ...]
    best_of_n: BestOfN | None
    notes: tuple[str, ...]

    def __repr__(self) -> str:
        if self.deployment is not None and self.deployment.events == 0:
            return repr(self.deployment)
        if self.chance:
            c = self.chance[-1]
            said = (
                f"at least one event in {c.deployments:,.6g} deployments: {c.value:.3g}, "
                f"[{c.low:.3g}, {c.floored_high:.3g}] ({self.level:.0%})"
            )
        elif self.tail is not None:
            said = repr(self.tail)
        else:
            said = f"{self.n:,} values, and no tail that could be fitted"
        return f"{said}; {self.hidden!r}"

    def to_dict(self) -> dict[str, Any]:
        """Plain data, ready for JSON."""
        return {
            "kind": "rare",
            "n": self.n,
            "units": self.units,
            "level": self.level,
            "chance": [dict(c.__dict__) for c in self.chance],
            "deployment": None if self.deployment is None else self.deployment.to_dict(),
            "hidden": self.hidden.to_dict(),
            "tail": None if self.tail is None else self.tail.to_dict(),
            "pass_at_k": [p.to_dict() for p in self.pass_at_k],
            "pass_hat_k": [p.to_dict() for p in self.pass_hat_k],
            "best_of_n": None if self.best_of_n is None else self.best_of_n.to_dict(),
            "notes": list(self.notes),
        }

    def plot(self) -> Figure:
        """The forecast as a chart: return levels, attempts, or the hidden mode."""
        from calibrant.scaling.rare.figures import draw

        return draw(self)

    def _repr_html_(self) -> str:
        return self.plot().svg()


def rare_events(
    source: Any,
    *,
    deployments: Sequence[float] = (1e6,),
    k: Sequence[int] | None = None,
    what: What = "auto",
    items: Items = "sampled",
    level: float = 0.95,
    above: float | None = None,
    exceedances: int | None = None,
    seed: int = 0,
    **reading: Any,
) -> Rare:
    """Forecast rare events at deployment from n trials.

    Args:
        source: what `read_rare` takes, or an `Observed`; `reading` are its options.
        deployments: how many queries deployment will see.
        k: attempts at one item; those beyond the attempts made go to best of n.
        what: only one forecast, or "auto" for all that the data allow.
        items: whether pass@k is meant for these items alone ("fixed") or their kind ("sampled").
        level: confidence of two-sided intervals.
        above, exceedances: of `tail`.
        seed: of what is simulated.

    Raises:
        InputError: for wrong input, and where `what` asks for what these data cannot say.
        UnfitError: where the forecast that `what` names cannot be fitted.
    """
    if what not in WHATS:
        raise InputError(f"what: wanted one of {', '.join(WHATS)}, got {what!r}")
    seen = source if isinstance(source, Observed) else read_rare(source, **reading)
    many = check_deployments(deployments)
    if seed < 0:
        raise InputError(f"seed: wanted 0 or more, got {seed}")
    if seen.values is not None:
        if k:
            raise InputError("k: wanted trials of items, got one value a query")
        if what not in ("auto", "tail"):
            raise InputError(f"what: {what} wants trials of items, got one value a query")
        return _of_values(seen, seen.values, seen.of, many, above, exceedances, level, what)
    if what == "tail":
        raise InputError(
            "what: tail wants one value a query (a probability or a score), got trials"
        )
    if above is not None or exceedances is not None:
        name = "exceedances" if above is None else "above"
        raise InputError(f"{name}: wanted one value a query, got trials, which have no tail")
    return _of_counts(seen, many, k, items, level, seed, what)


def _of_values(
    seen: Observed, values: NDArray[np.float64], of: Of, many: list[float], above: float | None,
    exceedances: int | None, level: float, what: What,
) -> Rare:  # fmt: skip
    notes = list(seen.notes)
    found = None
    try:
        found = tail(values, deployments=many, of=of, above=above, exceedances=exceedances,
                     level=level)  # fmt: skip
        notes += found.notes
    except UnfitError as e:
        if what == "tail" or above is not None or exceedances is not None:
            raise
        notes.append(f"not fitted: {e}")
    chance: tuple[Chance, ...] = ()
    rate = _mean(values, of)
    if found is not None and found.rate is not None:
        r = found.rate
        rate = r.value
        chance = tuple(
            Chance(m, *(at_least_one(v, m) for v in (r.value, r.low, r.high, r.floored_high)))
            for m in many
        )
    n = int(values.size)
    hidden = hidden_mode(n, max(many), level=level, rate=rate)
    return Rare(n, n, level, chance, None, hidden, found, (), (), None, tuple(notes))


def _mean(values: NDArray[np.float64], of: Of) -> float:
    """The mean probability of the queries seen; 0 for scores, which say nothing of a rate."""
    if of == "score":
        return 0.0
    return float((np.exp(np.minimum(values, 0.0)) if of == "logprob" else values).mean())


def _of_counts(
    seen: Observed, many: list[float], k: Sequence[int] | None, items: Items, level: float,
    seed: int, what: What,
) -> Rare:  # fmt: skip
    assert seen.events is not None and seen.trials is not None
    events, trials, notes = seen.events, seen.trials, list(seen.notes)
    clusters = seen.clusters
    if clusters is not None:
        group = np.unique(clusters, return_inverse=True)[1]
        if group.max() + 1 == events.size or group.max() == 0:
            if group.max() == 0:
                notes.append("all items lie in one cluster: clusters are ignored")
            clusters = None
    if clusters is None:
        summed = events, trials
    else:
        summed = tuple(np.bincount(group, a).astype(np.int64) for a in (events, trials))  # type: ignore[assignment]
    deployed = deployment(*summed, deployments=many, level=level, seed=seed)
    if max(many) > deployed.units:
        reach = np.log10(max(many) / deployed.units)
        notes.append(
            f"{reach:.1f} orders of magnitude beyond {deployed.units:,} independent trials"
        )
    chance = tuple(Chance(a.deployments, a.value, a.low, a.high, a.high)
                   for a in deployed.at_least_one)  # fmt: skip
    fewest = int(trials.min())
    wanted = sorted({int(r) for r in k}) if k else []
    near = [r for r in wanted if r <= fewest] or [1, *([fewest] if fewest > 1 else [])]
    far = [r for r in wanted if r > fewest]
    if not wanted and fewest > 1:
        far = [10 * fewest, 100 * fewest]
    any_of: tuple[Pass, ...] = ()
    all_: tuple[Pass, ...] = ()
    best = None
    if what in ("auto", "pass-at-k") and events.size > 1:
        group_of = None if items == "fixed" else clusters
        any_of = pass_at_k(events, trials, near, items=items, clusters=group_of, level=level)
        all_ = pass_hat_k(events, trials, near, items=items, clusters=group_of, level=level)
        if what == "pass-at-k" and far and wanted:
            listed = ", ".join(map(str, far))
            notes.append(f"k of {listed} is beyond the {fewest} attempts of an item: see best of n")
    if (what == "auto" and far) or what == "best-of-n":
        try:
            best = best_of_n(events, trials, far or near, level=level, seed=seed)
        except UnfitError as e:
            if what == "best-of-n":
                raise
            notes.append(f"not fitted: {e}")
        else:
            if clusters is not None:
                notes.append("best of n takes items as independent: clusters are ignored there")
            if best.withheld:
                notes.append(f"best of n: law withheld: {best.withheld}")
    return Rare(
        deployed.trials, deployed.units, level, chance, deployed, deployed.hidden, None,
        any_of, all_, best, tuple(notes),
    )  # fmt: skip
