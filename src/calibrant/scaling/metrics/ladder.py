"""How forecastable is each rung of the metric ladder, and is it the ability that jumps?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from calibrant._text import one_line
from calibrant.errors import InputError, UnfitError
from calibrant.scaling.metrics.backtest import Tried, backtest
from calibrant.scaling.metrics.emergence import Emergence, emergence
from calibrant.scaling.metrics.lines import item_covariance
from calibrant.scaling.metrics.read import read_answers
from calibrant.scaling.metrics.rungs import Answers, Floats, rung

if TYPE_CHECKING:
    from calibrant._figure import Figure


@dataclass(frozen=True)
class RungValues:
    """A rung's values.

    Attributes:
        name, says: what it is.
        better: 1 if more is better, -1 if less.
        values, se: of each subject, the smallest first; standard errors by sampling of item
            clusters, None where they are not known.
        chance: what a guesser has; None where that is not known.
    """

    name: str
    says: str
    better: int
    values: tuple[float, ...]
    se: tuple[float, ...] | None
    chance: float | None


@dataclass(frozen=True, repr=False)
class MetricLadder:
    """The ladder of one measure.

    Attributes:
        measure: its name.
        subjects, scale: the smallest first; scale is the base-10 logarithm of compute.
        items, clusters: how many; 0 where only finished rungs are known.
        rungs: values, from the log-probability of the right answer up.
        tried: what each rung lets one forecast, in the same order.
        emergence: whether the metric jumps or the ability.
    """

    measure: str
    subjects: tuple[str, ...]
    scale: tuple[float, ...]
    items: int
    clusters: int
    rungs: tuple[RungValues, ...]
    tried: tuple[Tried, ...]
    emergence: Emergence

    def __repr__(self) -> str:
        return f"{self.measure}, {len(self.subjects)} subjects: {self.emergence!r}"

    def to_dict(self) -> dict[str, Any]:
        """As plain data."""
        return asdict(self)

    def plot(self) -> Figure:
        """Every rung against scale, in one row."""
        from calibrant.scaling.metrics.figures import ladder_figure

        return ladder_figure(MetricLadders((self,), 0.9, ()))

    def _repr_html_(self) -> str:
        from calibrant._figure import notebook

        return notebook(self)


@dataclass(frozen=True, repr=False)
class MetricLadders:
    """The metric ladder of every measure of a table.

    Attributes:
        ladders: one for each measure.
        level: of intervals.
        notes: what a reader must know, one sentence each.
    """

    ladders: tuple[MetricLadder, ...]
    level: float
    notes: tuple[str, ...]

    def __repr__(self) -> str:
        return "\n".join(one_line(repr(found), 300) for found in self.ladders)

    def to_dict(self) -> dict[str, Any]:
        """As plain data."""
        return {
            "ladders": [found.to_dict() for found in self.ladders],
            "level": self.level,
            "notes": list(self.notes),
        }

    def plot(self) -> Figure:
        """Every rung against scale: a row for each measure."""
        from calibrant.scaling.metrics.figures import ladder_figure

        return ladder_figure(self)

    def _repr_html_(self) -> str:
        from calibrant._figure import notebook

        return notebook(self)


def metric_ladder(
    source: Any,
    *,
    columns: Mapping[str, str] | None = None,
    ks: Sequence[int] = (4,),
    log: bool = True,
    scales: Any = None,
    mark: str | None = None,
    base: str | None = None,
    cut: float | None = None,
    level: float = 0.9,
    draws: int = 200,
    seed: int = 0,
) -> MetricLadders:
    """Climb from the log-probability of the right answer to accuracy and pass^k.

    Says for each rung how well smaller subjects forecast larger ones, and whether a jump of the
    mark comes from the metric, from the ability, or cannot be told.

    Args:
        source, columns, log, scales: see `read_answers`: answers of subjects of growing scale.
        ks: of pass^k.
        mark: the rung that seems to jump; by default accuracy.
        base: the rung that stands for the ability; by default log share, else log-probability.
        cut: a scale (compute, not its logarithm): the jump is after it. By default it is sought.
        level: of intervals; each statement is wrong with at most (1 - level) / 2 where its
            assumptions hold.
        draws: of item clusters, for intervals.
        seed: of these draws.

    Raises:
        InputError: for a table that is no ladder, naming the column or row.
    """
    _check(ks, level, draws, cut, seed)
    measures, errors, notes = read_answers(
        source, columns=columns, ks=tuple(ks), log=log, scales=scales
    )
    at = None if cut is None else float(np.log10(cut)) if log else cut
    found = []
    for answers in measures:
        se = errors.get(answers.measure)
        found.append(
            climb(answers, mark=mark, base=base, cut=at, level=level, draws=draws, seed=seed, se=se)
        )
    return MetricLadders(tuple(found), level, tuple(notes + _notes(found)))


def climb(
    answers: Answers, *, mark: str | None = None, base: str | None = None,
    cut: float | None = None, level: float = 0.9, draws: int = 200, seed: int = 0,
    se: dict[str, Floats] | None = None,
) -> MetricLadder:  # fmt: skip
    """The ladder of one measure; see `metric_ladder`."""
    if len(answers.subject) < 2:
        raise InputError(
            f"metrics: {one_line(answers.measure, 60)!r}: wanted subjects of several scales, got 1"
        )
    error = (1 - level) / 2
    try:
        told = emergence(answers, mark=mark, base=base, cut=cut, error=error, se=se)
    except UnfitError as e:
        if mark is not None or base is not None:
            raise
        why = str(e).removeprefix("metrics: ")
        told = Emergence("undetermined", why, None, None, 0, "", "", error, ())
    through = None
    if se is None:
        through = next((r for r in ("log share", "log-probability") if r in answers.values), None)
    tried = backtest(answers, through, draws=draws, level=level, seed=seed)
    n = 0 if se is not None else len(answers.cluster)
    return MetricLadder(
        answers.measure, tuple(map(str, answers.subject)), tuple(map(float, answers.scale)), n,
        int(answers.cluster.max()) + 1 if n else 0,
        tuple(_values(answers, name, se) for name in answers.values), tried, told,
    )  # fmt: skip


def _values(answers: Answers, name: str, se: dict[str, Floats] | None) -> RungValues:
    r, y = rung(name), answers.values[name].mean(axis=1)
    chance = answers.chance[name]
    known: tuple[float, ...] | None = None
    if se is None:
        cov = item_covariance(answers, name, "as it is", np.eye(len(y)))
        known = tuple(map(float, np.sqrt(np.diag(cov))))
    elif np.isfinite(se[name]).all():
        known = tuple(map(float, se[name]))
    return RungValues(
        name, r.says, r.better, tuple(map(float, y)), known,
        float(chance) if np.isfinite(chance) else None,
    )  # fmt: skip


def _notes(found: list[MetricLadder]) -> list[str]:
    notes = []
    for ladder in found:
        name, scales = one_line(ladder.measure, 60), len(set(ladder.scale))
        if scales < 6:
            many = "one scale" if scales == 1 else f"{scales} scales"
            notes.append(f"{name}: {many}; what so few show of later ones is little")
        if ladder.clusters and ladder.clusters < 20:
            notes.append(f"{name}: {ladder.clusters} clusters of items; errors are uncertain")
    if len(found) > 1:
        notes.append(f"{len(found)} measures are each tested at their own error, not all at once")
    if any(ladder.items for ladder in found):
        notes.append(
            "intervals are of other items; how other subjects would scatter is not in them"
        )
    return notes


def _check(ks: Sequence[int], level: float, draws: int, cut: float | None, seed: int) -> None:
    if seed < 0:
        raise InputError(f"metrics: seed: wanted 0 or more, got {seed}")
    if any(k < 2 for k in ks):
        raise InputError(f"metrics: k of pass^k: wanted 2 or more, got {min(ks)}")
    if not 0.5 <= level < 1:
        raise InputError(f"metrics: level: wanted from 0.5 to below 1, got {level:g}")
    if draws < 100:
        raise InputError(f"metrics: draws: wanted at least 100, got {draws}")
    if cut is not None and not cut > 0:
        raise InputError(f"metrics: cut: wanted a scale above 0, got {cut:g}")
