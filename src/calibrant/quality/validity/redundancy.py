"""Which benchmarks say what others said already, and what can be left out with what loss?"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibrant._text import one_line
from calibrant.errors import InputError
from calibrant.quality.validity.measures import Measures
from calibrant.stats.relations.correlations import kendall, standard
from calibrant.stats.relations.spread import Estimate, estimates, folds_of

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

MOST_FOLDS = 30
"""Folds; with more families, several share a fold."""

_PENALTIES = np.logspace(-3, 4, 22)


@dataclass(frozen=True)
class Predicted:
    """How well the other measures predict one, for families that were not fitted.

    Attributes:
        measure: its name.
        r_squared: 1 − squared error over that of the training mean, on unseen families; below 0
            where the others do worse than the mean.
        in_sample: R² of least squares on the subjects it was fitted to: what it looks like if
            nothing is held out.
        error: the root mean square error on unseen families, in units of the measure.
        noise: the standard error of the measure itself; None where not known. An error that is
            not above it leaves nothing that the measure alone tells.
        own: the share of variance that the others do not predict and that is not noise; None
            where not known.
    """

    measure: str
    r_squared: Estimate
    in_sample: float
    error: float
    noise: float | None
    own: float | None

    def __repr__(self) -> str:
        return one_line(f"{self.measure}: R² on unseen families {self.r_squared!r}", 300)

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self)


@dataclass(frozen=True)
class Dropped:
    """One step of leaving measures out.

    Attributes:
        measure: the one that is left out in this step, beside all before.
        tau: Kendall's τ-b of the mean of the rest with that of all.
        held_out: the same for families on which the order of leaving out was not chosen.
        items: how many items are left; None for a plain table.
    """

    measure: str
    tau: float
    held_out: float | None
    items: int | None


@dataclass(frozen=True)
class Redundancy:
    """What each measure adds, and what can go.

    Attributes:
        predicted: every measure from all others.
        dropped: the steps down to one measure.
        repeat: τ of the mean of all with itself on new items of the same kind: a loss that is
            smaller than that of redrawing all items is no loss; None where not known.
    """

    predicted: tuple[Predicted, ...]
    dropped: tuple[Dropped, ...]
    repeat: float | None

    def __repr__(self) -> str:
        best = max(self.predicted, key=lambda p: p.r_squared.value or -9.0)
        return f"most predictable from the others: {best!r}"

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self)


def redundancy(
    measures: Measures,
    *,
    level: float = 0.95,
    standardize: bool = True,
    seed: int = 0,
) -> Redundancy:
    """How far each measure is predictable from the others, and which can be left out.

    Ridge regression, its penalty chosen by generalised cross-validation inside each training set;
    whole families are held out. Intervals are those of the losses on unseen families, the fits
    taken as given.

    Args:
        level: of each interval.
        standardize: whether the mean is of standardised scores; else of scores as they are.
        seed: of the families' halves for `held_out`.

    Raises:
        InputError: for fewer than three measures or four families.
    """
    k = len(measures.names)
    if k < 3 or measures.families < 4:
        raise InputError(
            "redundancy: wanted at least 3 measures and 4 families, "
            f"got {k} and {measures.families}"
        )
    folds = folds_of(measures.family, MOST_FOLDS)
    return Redundancy(
        tuple(predicted_by_others(measures, j, folds, level) for j in range(k)),
        _steps(measures, standardize, seed),
        _repeat(measures, standardize),
    )


def predicted_by_others(measures: Measures, j: int, folds: Ints, level: float) -> Predicted:
    """How well the other measures predict number `j`, each fold of families held out in turn."""
    n = len(measures.subjects)
    x, y = np.delete(measures.values, j, axis=1), measures.values[:, j]
    out, mean = np.empty(n), np.empty(n)
    for fold in range(int(folds.max()) + 1):
        test = folds == fold
        out[test], mean[test] = ridge(x[~test], y[~test], x[test]), y[~test].mean()
    loss, null = (y - out) ** 2, (y - mean) ** 2
    found = estimates(_ratio(loss, null), measures.family, scale="plain", level=level)[0]
    fitted = _least_squares(x, y)
    reliability = float(measures.reliability[j])
    known = np.isfinite(reliability)
    own = reliability - found.value if known and found.value is not None else None
    return Predicted(
        measures.names[j], _capped(found),
        1 - float(((y - fitted) ** 2).sum() / ((y - y.mean()) ** 2).sum()),
        float(np.sqrt(loss.mean())),
        float(np.sqrt(max(1 - reliability, 0.0) * y.var(ddof=1))) if known else None, own,
    )  # fmt: skip


def ridge(x: Floats, y: Floats, new: Floats) -> Floats:
    """Predictions by ridge regression on standardised columns, penalty by cross-validation (GCV).

    Args:
        x, y: shape (subjects, measures) and (subjects,), to fit.
        new: shape (others, measures).

    Returns:
        Shape (others,).
    """
    mean, size = x.mean(axis=0), x.std(axis=0)
    size = np.where(size > 1e-12 * np.maximum(np.abs(x).max(axis=0), 1e-300), size, np.inf)
    z, centre = (x - mean) / size, float(y.mean())
    u, s, v = np.linalg.svd(z, full_matrices=False)
    target = u.T @ (y - centre)
    outside = max(float(((y - centre) ** 2).sum() - target @ target), 0.0)
    shrink = s[:, None] ** 2 / (s[:, None] ** 2 + _PENALTIES)
    left = outside + (((1 - shrink) * target[:, None]) ** 2).sum(axis=0)
    free = np.maximum(len(y) - 1 - shrink.sum(axis=0), 1e-9)
    best = int(np.argmin(left / free**2))
    with np.errstate(invalid="ignore"):
        weights = np.where(
            s > 1e-10 * s.max(initial=1e-300), shrink[:, best] / np.where(s > 0, s, 1), 0
        )
    return np.asarray(centre + ((new - mean) / size) @ (v.T @ (weights * target)))


def _ratio(loss: Floats, null: Floats) -> Any:
    def statistic(rows: Ints) -> Floats:
        under = null[rows].sum()
        return np.array([1 - loss[rows].sum() / under if under > 0 else np.nan])

    return statistic


def _capped(found: Estimate) -> Estimate:
    if found.high is None:
        return found
    return Estimate(found.value, found.low, min(found.high, 1.0), found.level, found.note)


def _least_squares(x: Floats, y: Floats) -> Floats:
    design = np.column_stack([np.ones(len(y)), standard(x)])
    return np.asarray(design @ np.linalg.lstsq(design, y, rcond=None)[0])


def _steps(measures: Measures, standardize: bool, seed: int) -> tuple[Dropped, ...]:
    values = standard(measures.values) if standardize else measures.values
    order, taus = _order(values)
    held = _held_out(values, measures.family, seed)
    sizes = [p.shape[1] for p in measures.parts]
    steps = []
    for i, (j, tau) in enumerate(zip(order, taus, strict=True)):
        left = sum(sizes) - sum(sizes[m] for m in order[: i + 1]) if sizes else None
        out = float(held[i]) if np.isfinite(held[i]) else None
        steps.append(Dropped(measures.names[j], tau, out, left))
    return tuple(steps)


def _order(values: Floats) -> tuple[list[int], list[float]]:
    """Leave out, step by step, the measure whose loss upsets the order of the mean least."""
    whole, total = values.mean(axis=1), values.sum(axis=1)
    left, order, taus = list(range(values.shape[1])), [], []
    while len(left) > 1:
        found = [kendall(total - values[:, j], whole) for j in left]
        best = int(np.nanargmax(found)) if np.isfinite(found).any() else 0
        j = left.pop(best)
        total = total - values[:, j]
        order.append(j)
        taus.append(float(found[best]))
    return order, taus


def _held_out(values: Floats, family: Ints, seed: int, splits: int = 4) -> Floats:
    """τ on half of the families, for orders chosen on the other half; the mean over splits."""
    rng = np.random.default_rng(seed)
    groups = np.unique(family)
    found = []
    for _ in range(splits):
        half = rng.permutation(groups)[: groups.size // 2]
        inside = np.isin(family, half)
        for train, test in ((inside, ~inside), (~inside, inside)):
            if min(train.sum(), test.sum()) < 5:
                continue
            order, _ = _order(values[train])
            rest = values[test]
            whole, total = rest.mean(axis=1), rest.sum(axis=1)
            taus = []
            for j in order:
                total = total - rest[:, j]
                taus.append(kendall(total, whole))
            found.append(taus)
    return np.asarray(np.mean(found, axis=0)) if found else np.full(values.shape[1] - 1, np.nan)


def _repeat(measures: Measures, standardize: bool) -> float | None:
    """τ between the mean and its repeat on new items, normal scores with the reliability it has."""
    if not measures.parts or not np.isfinite(measures.reliability).all():
        return None
    values = measures.values
    error = (1 - measures.reliability) * values.var(axis=0, ddof=1)
    if standardize:
        error = error / values.var(axis=0)
        values = standard(values)
    spread = float(values.mean(axis=1).var(ddof=1))
    reliability = 1 - float(error.mean()) / len(error) / spread
    return float(2 / np.pi * np.arcsin(np.clip(reliability, 0.0, 1.0)))
