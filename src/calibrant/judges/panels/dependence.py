"""Do judges err together? A panel of judges that repeat each other is smaller than it looks."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibrant.stats.comparisons.multiplicity import adjust
from calibrant.stats.comparisons.two_rates import table, tilted
from calibrant.stats.estimates.bootstrap import LEAST_UNITS, resample

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Together:
    """Errors of two judges on the same items.

    Attributes:
        a, b: the judges.
        n: items with gold and both labels.
        both, expected: items on which both err, and how many would be expected if errors were
            independent within each class of gold.
        correlation: of the errors within classes, pooled; None where one of them never errs.
        p_value: exact, two-sided, of independence within classes; `adjusted` by Holm over pairs.
    """

    a: str
    b: str
    n: int
    both: int
    expected: float
    correlation: float | None
    p_value: float
    adjusted: float


@dataclass(frozen=True)
class Dependence:
    """How many judges a panel really has.

    Attributes:
        pairs: every pair of judges.
        correlation: mean correlation of errors over pairs; None where no pair has one.
        effective: judges with independent errors that would be worth as much, J / (1 + (J - 1)
            × correlation), within 1 and J; None without a correlation. `low`, `high`: its
            interval by a bootstrap of items, None where there is none.
    """

    pairs: tuple[Together, ...]
    judges: int
    correlation: float | None
    effective: float | None
    low: float | None
    high: float | None
    level: float

    @property
    def dependent(self) -> tuple[Together, ...]:
        """Pairs whose independence is refuted."""
        return tuple(p for p in self.pairs if p.adjusted <= 1 - self.level)

    def __repr__(self) -> str:
        if self.effective is None:
            return f"{self.judges} judges; too few errors to say whether they err together"
        ends = "" if self.low is None else f" ({self.low:.2g} to {self.high:.2g})"
        many = len(self.dependent)
        return (
            f"{self.judges} judges are worth {self.effective:.2g}{ends} with independent errors; "
            f"{many} of {len(self.pairs)} pairs do not err independently"
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self) | {"text": repr(self)}


def dependence(
    labels: Ints,
    gold: Ints,
    names: tuple[str, ...],
    *,
    level: float = 0.95,
    seed: int = 0,
    bootstrap: bool = True,
) -> Dependence:
    """Dependence of errors given the class, between every two judges.

    The test of a pair conditions on both judges' numbers of errors in each class of gold, so that
    it is exact whatever their error rates (the exact stratified test of a common odds ratio of 1).

    Args:
        labels: shape (items, judges), -1 for none; gold: shape (items,), all known.
        seed: of the bootstrap.
        bootstrap: False leaves out the interval.
    """
    judges = labels.shape[1]
    wrong, given = labels != gold[:, None], labels >= 0
    found, p = [], []
    for a in range(judges):
        for b in range(a + 1, judges):
            both = given[:, a] & given[:, b]
            cells = _cells(wrong[both, a], wrong[both, b], gold[both])
            p.append(stratified(cells))
            found.append((a, b, int(both.sum()), cells))
    adjusted = adjust(p, "holm") if p else np.zeros(0)
    pairs = tuple(
        Together(names[a], names[b], n, int(cells[:, 3].sum()),
                 float((cells[:, 1] * cells[:, 2] / cells[:, 0]).sum()),
                 _correlation(cells), one, float(q))
        for (a, b, n, cells), one, q in zip(found, p, adjusted, strict=True)
    )  # fmt: skip
    known = [x.correlation for x in pairs if x.correlation is not None]
    if not known:
        return Dependence(pairs, judges, None, None, None, None, level)
    mean = float(np.mean(known))
    low, high = _interval(labels, gold, level, seed) if bootstrap else (None, None)
    return Dependence(pairs, judges, mean, float(_effective(judges, np.array(mean))), low, high,
                      level)  # fmt: skip


def _effective(judges: int, correlation: Floats) -> Floats:
    return np.asarray(np.clip(judges / np.maximum(1 + (judges - 1) * correlation, 1e-9), 1, judges))


def _cells(a: NDArray[np.bool_], b: NDArray[np.bool_], gold: Ints) -> Floats:
    """Per class met: items, errors of a, of b, of both."""
    rows = [np.bincount(gold, w, minlength=int(gold.max(initial=0)) + 1)
            for w in (np.ones(gold.size), a, b, a & b)]  # fmt: skip
    cells = np.stack(rows, axis=1)
    return np.asarray(cells[cells[:, 0] > 0])


def _correlation(cells: Floats) -> float | None:
    """Pooled within classes: covariance over the root of the variances."""
    n, a, b, both = cells.T
    va, vb = (a - a * a / n).sum(), (b - b * b / n).sum()
    if va <= 0 or vb <= 0:
        return None
    return float((both - a * b / n).sum() / np.sqrt(va * vb))


def stratified(cells: Floats) -> float:
    """The exact two-sided p-value of independence within strata, given all margins.

    The number of joint errors is a sum of hypergeometric numbers; outcomes no likelier than the
    one seen count against independence.

    Args:
        cells: shape (strata, 4): items, errors of a, errors of b, errors of both.
    """
    chances, least, seen = np.ones(1), 0, 0
    for n, a, b, both in cells.astype(int).tolist():
        x, logs = table(a, n - a, b)
        chances = np.convolve(chances, tilted(x, logs, 0.0))
        least += int(x[0])
        seen += both
    own = chances[seen - least]
    return float(min(1.0, chances[chances <= own * (1 + 1e-9)].sum()))


def _interval(
    labels: Ints, gold: Ints, level: float, seed: int
) -> tuple[float | None, float | None]:
    """A percentile interval of the effective number over resampled items."""
    judges, classes = labels.shape[1], int(gold.max()) + 1
    if len(gold) < LEAST_UNITS:
        return None, None
    wrong, given = labels != gold[:, None], labels >= 0
    one = np.eye(classes)[gold]
    columns = []
    for a in range(judges):
        for b in range(a + 1, judges):
            both = (given[:, a] & given[:, b]).astype(float)
            x, y = wrong[:, a], wrong[:, b]
            columns += [w[:, None] * one for w in (both, both * x, both * y, both * x * y)]
    totals = np.concatenate(columns, axis=1)

    def statistic(t: Floats) -> Floats:
        n, a, b, both = np.moveaxis(t.reshape(*t.shape[:-1], -1, 4, classes), -2, 0)
        n = np.where(n > 0, n, 1.0)
        va, vb = (a - a * a / n).sum(axis=-1), (b - b * b / n).sum(axis=-1)
        cov = (both - a * b / n).sum(axis=-1)
        fine = (va > 0) & (vb > 0)
        rho = np.where(fine, cov / np.sqrt(np.where(fine, va * vb, 1.0)), 0.0)
        mean = rho.sum(axis=-1) / np.maximum(fine.sum(axis=-1), 1)
        return _effective(judges, mean)

    drawn = resample(totals, statistic, draws=2000, seed=seed, workers=1)
    tail = (1 - level) / 2
    return drawn.quantile(tail), drawn.quantile(1 - tail)
