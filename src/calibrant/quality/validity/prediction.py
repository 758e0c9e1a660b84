"""Does a benchmark predict what it is for? Error on families and dates that were not fitted.

A benchmark that is fitted and judged on relatives of the same models looks better than it is, and
so does one whose prediction is that of general ability. Both baselines stand beside every number.
Intervals of predictions are those of the jackknife+ with families as the units (Barber, Candès,
Ramdas and Tibshirani, Annals of Statistics 49 (2021) 486; Dunn, Wasserman and Ramdas, JASA 118
(2023) 2491), and their coverage is measured by leaving out families once more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibrant._text import one_line
from calibrant.errors import InputError
from calibrant.quality.validity.measures import LEAST_SUBJECTS, Measures
from calibrant.stats.relations.correlations import standard
from calibrant.stats.relations.spread import Estimate, check_level, estimates

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

ORIGINS = (0.5, 0.6, 0.7, 0.8, 0.9)
"""Shares of the dated subjects that are known at each origin."""

_TINY = 1e-9


@dataclass(frozen=True)
class Later:
    """Errors on models that came later than all that were fitted, over rolling origins.

    Attributes:
        subjects: later models that were predicted, some from the last origin before them.
        mean, ability, benchmark, both: root mean square errors.
    """

    subjects: int
    mean: float
    ability: float | None
    benchmark: float
    both: float | None


@dataclass(frozen=True)
class Prediction:
    """How well a benchmark predicts a criterion, for families that were not fitted.

    Attributes:
        measure, criterion: names.
        subjects, families: how many have both.
        mean, ability, benchmark, both: root mean square errors on unseen families of the training
            mean; of a line on the mean of all other measures; on the benchmark; on both. None
            where there are no other measures.
        r_squared: 1 − squared error by the benchmark over that by the mean; below 0 if it is worse.
        gain: what the benchmark adds to ability, as a share of the mean's squared error; an
            interval that reaches 0 says that it may add nothing.
        in_sample: R² on the subjects that were fitted.
        level: of intervals of predictions.
        half_width: half of the median width of these; None for fewer families than the level
            needs, (1 / (1 − level)) − 1.
        coverage: the share of unseen families' models inside them, families weighted alike.
        later: errors on later models, where dates are known.
    """

    measure: str
    criterion: str
    subjects: int
    families: int
    mean: float
    ability: float | None
    benchmark: float
    both: float | None
    r_squared: Estimate
    gain: Estimate
    in_sample: float
    level: float
    half_width: float | None
    coverage: float | None
    later: Later | None

    def __repr__(self) -> str:
        return one_line(
            f"{self.measure} predicts {self.criterion} on unseen families with R² "
            f"{self.r_squared!r}; beside ability it adds {self.gain!r}", 400
        )  # fmt: skip

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self)


def predict(
    measures: Measures,
    criterion: Sequence[float | None] | Floats | str,
    *,
    name: str = "criterion",
    only: Sequence[str] | None = None,
    level: float = 0.95,
    cover: float = 0.9,
) -> tuple[Prediction, ...]:
    """How well each measure predicts a criterion for unseen families, and for later models.

    Args:
        criterion: one number a subject, NaN or None where it is not known; or the name of a
            measure, which the others then predict.
        name: what to call it.
        only: the measures to predict it from, each by itself; by default every one.
        level: of the intervals of R² and gain.
        cover: of intervals of predictions.

    Raises:
        InputError: for fewer than 10 subjects or 4 families with the criterion, one that is the
            same for all, or an unknown measure.
    """
    check_level(level)
    check_level(cover)
    skip = None
    if isinstance(criterion, str):
        skip, name = measures.index(criterion), criterion
        target = measures.values[:, skip]
    else:
        target = np.array([np.nan if c is None else float(c) for c in criterion])
        if target.size != len(measures.subjects):
            raise InputError(
                f"criterion: wanted one number for each of {len(measures.subjects)} subjects, "
                f"got {target.size}"
            )
    known = np.flatnonzero(np.isfinite(target))
    some, y = measures.only(known), target[known]
    if known.size < LEAST_SUBJECTS or some.families < 4:
        raise InputError(
            f"criterion: wanted at least {LEAST_SUBJECTS} subjects of 4 families that have "
            f"{one_line(name, 60)}, got {known.size} of {some.families}"
        )
    if np.ptp(y) <= 1e-12 * max(float(np.abs(y).max()), 1e-300):
        raise InputError(f"criterion: {one_line(name, 60)} is {y[0]:g} for all")
    family = np.unique(some.family, return_inverse=True)[1].ravel()
    z = standard(some.values)
    chosen = range(len(some.names)) if only is None else [some.index(n) for n in only]
    return tuple(
        _one(some, z, j, skip, y, family, name, level, cover)
        for j in chosen if j != skip and z[:, j].any()
    )  # fmt: skip


def _one(
    some: Measures,
    z: Floats,
    j: int,
    skip: int | None,
    y: Floats,
    family: Ints,
    name: str,
    level: float,
    cover: float,
) -> Prediction:
    n = y.size
    rest = [i for i in range(z.shape[1]) if i not in (j, skip)]
    one = np.ones(n)
    designs = {"mean": one[:, None], "benchmark": np.column_stack([one, z[:, j]])}
    if rest:
        ability = z[:, rest].mean(axis=1)
        designs["ability"] = np.column_stack([one, ability])
        designs["both"] = np.column_stack([one, ability, z[:, j]])
    fits = {key: left_out(x, y, family) for key, x in designs.items()}
    loss = {key: (y - _own(designs[key], b, family)) ** 2 for key, b in fits.items()}

    def shares(rows: Ints) -> Floats:
        null = loss["mean"][rows].sum()
        by = 1 - loss["benchmark"][rows].sum() / null
        if not rest:
            return np.array([by, np.nan])
        return np.array([by, (loss["ability"][rows].sum() - loss["both"][rows].sum()) / null])

    r_squared, gain = estimates(shares, family, scale="plain", level=level)
    if not rest:
        gain = Estimate(None, None, None, level, "there are no other measures")
    error = {key: float(np.sqrt(v.mean())) for key, v in loss.items()}
    low, high, covered = unseen_intervals(designs["benchmark"], y, family, cover)
    width = float(np.median(high - low)) / 2 if np.isfinite(high - low).all() else None
    fitted = designs["benchmark"] @ _solve(designs["benchmark"], y)
    return Prediction(
        some.names[j], name, n, int(family.max()) + 1, error["mean"], error.get("ability"),
        error["benchmark"], error.get("both"), r_squared, gain,
        1 - float(((y - fitted) ** 2).sum() / ((y - y.mean()) ** 2).sum()), cover, width,
        None if width is None else covered, _later(designs, y, some.dates),
    )  # fmt: skip


def _solve(x: Floats, y: Floats) -> Floats:
    gram = x.T @ x
    return np.asarray(np.linalg.solve(gram + _TINY * np.trace(gram) * np.eye(len(gram)), x.T @ y))


def left_out(x: Floats, y: Floats, family: Ints) -> Floats:
    """Least-squares coefficients without each one and each two families.

    Args:
        x: shape (subjects, columns), with a column of ones; a vanishing ridge keeps columns apart
            that say the same.
        y: shape (subjects,).
        family: shape (subjects,), numbers from 0 without gaps.

    Returns:
        Shape (families, families, columns); [g, h] without families g and h, [g, g] without g.
    """
    groups, p = int(family.max()) + 1, x.shape[1]
    gram, cross = np.zeros((groups, p, p)), np.zeros((groups, p))
    np.add.at(gram, family, x[:, :, None] * x[:, None, :])
    np.add.at(cross, family, x * y[:, None])
    same = np.eye(groups)[:, :, None]
    a = gram.sum(0) - gram[:, None] - gram[None, :] + same[..., None] * gram[:, None]
    b = cross.sum(0) - cross[:, None] - cross[None, :] + same * cross[:, None]
    scale = np.trace(a, axis1=2, axis2=3)[..., None, None]
    return np.asarray(np.linalg.solve(a + _TINY * scale * np.eye(p), b[..., None])[..., 0])


def _own(x: Floats, coefficients: Floats, family: Ints) -> Floats:
    """Predictions of each subject without its family."""
    groups = np.arange(coefficients.shape[0])
    return np.asarray((x * coefficients[groups, groups][family]).sum(axis=1))


def unseen_intervals(
    x: Floats, y: Floats, family: Ints, cover: float
) -> tuple[Floats, Floats, float]:
    """Intervals for each subject from the other families alone, and the share they cover.

    The jackknife+ of families: for a subject of family g, every other family h gives, for each of
    its subjects, the prediction without g and h plus and minus that subject's own error without
    them; families weigh alike, and one more family weighs at infinity.

    Returns:
        Lower and upper ends, shape (subjects,), infinite for too few families; and the share of
        subjects that are inside, families weighted alike.
    """
    without = left_out(x, y, family)
    groups, n = without.shape[0], y.size
    size = np.bincount(family)
    weight = 1.0 / size[family] / groups  # of groups − 1 others and one more at infinity
    low, high = np.empty(n), np.empty(n)
    for g in range(groups):
        others, mine = family != g, family == g
        coefficients = without[g][family[others]]
        apart = np.abs(y[others] - (x[others] * coefficients).sum(axis=1))
        centre = x[mine] @ coefficients.T
        high[mine] = _upper(centre + apart, weight[others], cover)
        low[mine] = -_upper(apart - centre, weight[others], cover)
    inside = ((y >= low) & (y <= high)).astype(np.float64)
    return low, high, float(np.bincount(family, inside / size[family]).mean())


def _upper(values: Floats, weight: Floats, cover: float) -> Floats:
    """The least value at which the weights up to it reach `cover`, per row; else infinity."""
    order = np.argsort(values, axis=1)
    reached = np.cumsum(weight[order], axis=1)
    enough = reached >= cover - 1e-12
    at = np.argmax(enough, axis=1)
    rows = np.arange(len(values))
    return np.where(enough.any(axis=1), values[rows, order[rows, at]], np.inf)


def _later(designs: dict[str, Floats], y: Floats, dates: tuple[str, ...] | None) -> Later | None:
    if dates is None:
        return None
    known = np.flatnonzero(np.array([bool(d) for d in dates]))
    when = np.array([dates[i] for i in known])
    if known.size < LEAST_SUBJECTS or np.unique(when).size < 3:
        return None
    steps = sorted({str(np.sort(when)[int(s * known.size) - 1]) for s in ORIGINS})
    errors: dict[str, list[Floats]] = {key: [] for key in designs}
    for i, origin in enumerate(steps):
        train = known[when <= origin]
        upto = steps[i + 1] if i + 1 < len(steps) else None
        test = known[(when > origin) & ((when <= upto) if upto is not None else True)]
        if train.size < 5 or not test.size:
            continue
        for key, x in designs.items():
            errors[key].append(y[test] - x[test] @ _solve(x[train], y[train]))
    if not errors["mean"]:
        return None
    size = {k: float(np.sqrt(np.mean(np.concatenate(e) ** 2))) for k, e in errors.items()}
    count = int(np.concatenate(errors["mean"]).size)
    return Later(count, size["mean"], size.get("ability"), size["benchmark"], size.get("both"))
