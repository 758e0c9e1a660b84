"""How does one measure grow with scale? Monotone or not, the shape that forecasts best, and next.

The verb of `calibrant forecast curve`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from calibrant._text import one_line
from calibrant.errors import InputError, UnfitError
from calibrant.scaling.curves.compare import Tried, tried
from calibrant.scaling.curves.forecasters import FITS, FORECASTERS, fitted
from calibrant.scaling.curves.monotone import Monotone, monotone
from calibrant.scaling.curves.parameters import Parameter, parameters
from calibrant.scaling.predictive import Predictive
from calibrant.scaling.read import read_scores
from calibrant.scaling.scores import Scores, scores

if TYPE_CHECKING:
    from calibrant._figure import Figure

Floats = NDArray[np.float64]

NEXT = 0.5
"""Orders of magnitude beyond the largest scale of the next point, where none is asked for."""
NARROW, ENOUGH = 0.8, 20
"""Share of back-tested scores held by 90 % intervals, of so many, below which that is said."""
FAR = 1.0
"""Orders of magnitude beyond the largest scale from which a forecast is called far."""
EFFORT = 16
"""Times as many draws for the answer as for a fit of a back-test: other seeds move interval ends by
some 1 % of their distance."""
NEW = "(a new family)"


@dataclass(frozen=True)
class Point:
    """A score that is forecast.

    Attributes:
        subject, family: of whom; family is empty for a new one.
        scale: log10.
        distance: orders of magnitude beyond the largest scale with a score; 0 within.
        median, low, high: of the predictive distribution, and its central interval.
    """

    subject: str
    family: str
    scale: float
    distance: float
    median: float
    low: float
    high: float


@dataclass(frozen=True, repr=False, eq=False)
class CurveReport:
    """One measure against scale.

    Attributes:
        target: the measure.
        subjects, families: how many have a score.
        scale: smallest and largest log10 scale with a score.
        level: of every interval.
        monotone: the test of growth; of decline where the measure falls as subjects improve.
        how: how shapes were compared.
        shapes: each model tried, the best first.
        chosen: the name of the best one; what it was fitted to gives `parameters`, `forecast` and
            `density`.
        curve: scale, median and interval of a new family's subject along the scales, for figures.
        known: what was read.
        notes: what a reader must know, one sentence each.
    """

    target: str
    subjects: int
    families: int
    scale: tuple[float, float]
    level: float
    monotone: Monotone
    how: str
    shapes: tuple[Tried, ...]
    chosen: str
    parameters: tuple[Parameter, ...]
    forecast: tuple[Point, ...]
    density: Predictive
    curve: Mapping[str, list[float]]
    known: Scores
    notes: tuple[str, ...]

    def __repr__(self) -> str:
        p = self.forecast[0]
        return one_line(
            f"Curve of {self.target} of {self.subjects} subjects: {self.monotone.says}; best is "
            f"{self.chosen}; at 10^{p.scale:.2f}, {p.median:.3g} ({self.level:.0%} interval "
            f"{p.low:.3g} to {p.high:.3g})",
            600,
        )

    def to_dict(self) -> dict[str, Any]:
        """As plain data."""
        return {
            "target": self.target,
            "subjects": self.subjects,
            "families": self.families,
            "scale": list(self.scale),
            "level": self.level,
            "monotone": self.monotone.to_dict(),
            "compared_by": self.how,
            "shapes": [asdict(s) for s in self.shapes],
            "chosen": self.chosen,
            "parameters": [asdict(p) for p in self.parameters],
            "forecast": [
                asdict(p) | {"density": d}
                for p, d in zip(self.forecast, self.density.to_dict(), strict=True)
            ],
            "curve": dict(self.curve),
            "notes": list(self.notes),
        }

    def plot(self) -> Figure:
        """Scores against scale, the curve with its interval, and the forecasts."""
        from calibrant.scaling.curves.figures import curve_figure

        return curve_figure(self)

    def _repr_html_(self) -> str:
        from calibrant._figure import notebook

        return notebook(self)


def curve(
    source: Any,
    *,
    target: str | None = None,
    scale: str | None = None,
    family: str | None = None,
    subject: str | None = None,
    se: str | None = None,
    at: Sequence[tuple[float, str]] = (),
    limits: tuple[float, float] | None = None,
    chance: float | None = None,
    log: bool = True,
    falls: bool = False,
    level: float = 0.9,
    seed: int = 0,
) -> CurveReport:
    """Fit one measure against scale and forecast its next point.

    Args:
        source: what `read_scores` reads, or `Scores` of one measure.
        target, scale, family, subject, se, limits, log: as of `read_scores`.
        at: (log10 scale, family) to forecast at; an unknown family is a new one. By default half
            an order of magnitude beyond the largest, of a new family. Rows without a score are
            always forecast.
        chance: the score of a guesser.
        falls: whether better subjects score lower, as with losses and rates of error.
        level: of the intervals, above 0 and below 1.
        seed: of every draw.

    Raises:
        InputError: naming what is wrong in the input.
        UnfitError: if no model can be fitted, as with fewer than two scores.
    """
    if not 0 < level < 1:
        raise InputError(f"level: wanted a share between 0 and 1, got {level}")
    read = _read(source, target, scale, family, subject, se, limits, chance, log)
    seen, asked, notes = _parts(source, read, at)
    along = _along(seen, asked)
    rng = np.random.default_rng(seed)
    work, blind = (mirrored(s) if falls else s for s in (seen, _stacked(asked, along)))
    test = monotone(work, rng=0)
    how, shapes = tried(work, FORECASTERS, rng.spawn(1)[0])
    name, whole, numbers = _chosen(shapes, work, blind, level, rng.spawn(1)[0])
    if falls:
        whole, numbers = unmirrored(whole, seen), _upright(numbers, seen)
    # What is asked and the curve are of one forecast, so that tables and figures agree.
    here = np.arange(len(asked) + len(along)) < len(asked)
    density, band = whole.take(here), whole.take(~here)
    points = _points(asked, density, float(seen.scale.max()), level)
    return CurveReport(
        read.measures[0], len(np.unique(seen.subject)), len(seen.families),
        (float(seen.scale.min()), float(seen.scale.max())), level,
        replace(test, falls=True) if falls else test, how, shapes, name, numbers, points, density,
        _grid(along, band, level), seen, (*notes, *_said(seen, points, shapes, name, notes)),
    )  # fmt: skip


def _points(asked: Scores, density: Predictive, top: float, level: float) -> tuple[Point, ...]:
    """What is forecast, in numbers."""
    (low, high), median = density.interval(level), density.quantile(0.5)
    return tuple(
        Point(str(asked.subject[i]), str(asked.family[i]), float(asked.scale[i]),
              max(0.0, float(asked.scale[i]) - top), float(median[i]), float(low[i]),
              float(high[i]))
        for i in range(len(asked))
    )  # fmt: skip


def _grid(along: Scores, band: Predictive, level: float) -> dict[str, list[float]]:
    """Median, interval and the half of it nearest to the middle, along the scales."""
    (low, high), half = band.interval(level), band.interval(level / 2)
    columns = {"scale": along.scale, "median": band.quantile(0.5), "low": low, "high": high,
               "inner_low": half[0], "inner_high": half[1]}  # fmt: skip
    return {name: values.tolist() for name, values in columns.items()}


def mirrored(known: Scores) -> Scores:
    """The same scores upside down, so that better is higher."""
    name = known.measures[0] if len(known) else next(iter(known.limits))
    low, high = known.limits[name]
    both = low + high if np.isfinite([low, high]).all() else 0.0
    chance = known.chance.get(name)
    return replace(
        known,
        score=both - known.score,
        limits={name: (both - high, both - low)},
        chance={} if chance is None else {name: both - chance},
    )


def unmirrored(p: Predictive, known: Scores) -> Predictive:
    """Forecasts of mirrored scores as forecasts of the scores."""
    low, high = known.limits[known.measures[0]]
    both = low + high if np.isfinite([low, high]).all() else 0.0
    return Predictive(both - p.location, p.spread, p.df, p.weight, both - p.high, both - p.low)


def _read(
    source: Any, target: str | None, scale: str | None, family: str | None, subject: str | None,
    se: str | None, limits: tuple[float, float] | None, chance: float | None, log: bool,
) -> Scores:  # fmt: skip
    if isinstance(source, Scores):
        if len(source.measures) != 1:
            raise InputError(f"curve: wanted scores of one measure, got {len(source.measures)}")
        return source
    if target is None or scale is None:
        raise InputError("curve: wanted both a target and a scale, the columns to read")
    return read_scores(
        source, target=target, scale=scale, family=family, subject=subject, se=se, limits=limits,
        chance=None if chance is None else {target: chance}, log=log,
    )  # fmt: skip


def _parts(
    source: Any, read: Scores, at: Sequence[tuple[float, str]]
) -> tuple[Scores, Scores, list[str]]:
    """Rows with a score, rows to forecast, and what was left out."""
    placed = np.isfinite(read.scale)
    known = np.isfinite(read.score)
    notes = [*read.notes, *getattr(read, "warnings", ())]
    lost = int((known & ~placed).sum())
    if lost and isinstance(source, Scores):
        # The reader of tables has said so already.
        notes.append(f"{lost} scores have no scale and were left out")
    seen = read.take(known & placed)
    if not len(seen):
        raise UnfitError("curve: no row has both a score and a scale")
    blank = read.take(~known & placed)
    wrong = [s for s, _ in at if not np.isfinite(s)]
    if wrong:
        raise InputError(f"curve: at: wanted a finite scale, got {wrong[0]}")
    more = list(at)
    if not more and not len(blank):
        more = [(float(seen.scale.max()) + NEXT, "")]
    extra = _blank(
        read, np.array([s for s, _ in more], dtype=float),
        np.array([f or NEW for _, f in more], dtype=str),
        np.array([f"next {k + 1}" for k in range(len(more))], dtype=str),
    )  # fmt: skip
    return seen, _stacked(blank, extra), notes


def _blank(
    of: Scores, scale: Floats, family: NDArray[np.str_], subject: NDArray[np.str_] | None = None
) -> Scores:
    """Rows without scores."""
    return scores(
        np.full(scale.size, np.nan), scale, family=family, subject=subject,
        measure=of.measures[0], limits=dict(of.limits), chance=of.chance,
    )  # fmt: skip


def _stacked(first: Scores, then: Scores) -> Scores:
    both: dict[str, Any] = {
        name: np.concatenate([getattr(first, name), getattr(then, name)])
        for name in ("subject", "family", "measure", "scale", "date", "score", "se")
    }
    return replace(first, **both)


def _chosen(
    shapes: tuple[Tried, ...], known: Scores, asked: Scores, level: float, rng: np.random.Generator
) -> tuple[str, Predictive, tuple[Parameter, ...]]:
    """The best model that can be fitted to everything, its forecasts and its parameters."""
    of = {f.name: f for f in FORECASTERS}
    why = ""
    # Models that could not be tried on the past come last, baselines before others.
    untried = [s for s in shapes if s.log_score is None]
    order = [s for s in shapes if s.log_score is not None]
    order += sorted(untried, key=lambda s: not s.baseline)
    for s in order:
        try:
            if s.name not in FITS:
                return s.name, of[s.name].predict(known, asked, rng), ()
            found = fitted(s.name, known, rng, effort=EFFORT)
            return s.name, found.predict(asked), parameters(found, level)
        except UnfitError as error:
            why = why or str(error)
    raise UnfitError(f"curve: {why}")


def _along(known: Scores, asked: Scores) -> Scores:
    """A new family's subjects along the scales, and at those that are asked."""
    start = float(known.scale.min())
    stop = max(float(known.scale.max()), float(asked.scale.max()))
    even = np.linspace(start, stop if stop > start else start + NEXT, 41)
    x = np.union1d(even, asked.scale[(asked.scale >= start) & np.isin(asked.family, [NEW])])
    return _blank(known, x, np.full(x.size, NEW))


def _upright(found: tuple[Parameter, ...], known: Scores) -> tuple[Parameter, ...]:
    """Parameters of mirrored scores: places on the score turn over; sizes, as of noise, do not."""
    low, high = known.limits[known.measures[0]]
    both = low + high if np.isfinite([low, high]).all() else 0.0
    return tuple(
        replace(p, value=both - p.value, low=both - p.high, high=both - p.low)
        if p.unit == "score" and "sd" not in p.name and "missing" not in p.name
        else p
        for p in found
    )


def _said(
    known: Scores, points: tuple[Point, ...], shapes: tuple[Tried, ...], chosen: str,
    told: list[str],
) -> list[str]:  # fmt: skip
    """What a reader must know of the data and of the model that was chosen."""
    best = {s.name: s for s in shapes}[chosen]
    return [*_said_of_data(known, points, told), *_said_of_model(best, shapes)]


def _said_of_data(known: Scores, points: tuple[Point, ...], told: list[str]) -> list[str]:
    notes = []
    far = [p for p in points if p.distance > FAR]
    if far:
        notes.append(
            f"{len(far)} forecasts lie up to {max(p.distance for p in far):.1f} orders of "
            "magnitude beyond what was seen: they hold only if the shape holds there too"
        )
    if np.ptp(known.score) == 0:
        notes.append(f"every score is {known.score[0]:g}: nothing is known of how it grows")
    if len(known.families) == 1 and not any(n.startswith("one family, ") for n in told):
        notes.append("one family: nothing is known of how others differ")
    floor = float(known.floor[0])
    reach = float(known.high[0]) - floor
    top = known.score[np.argsort(known.scale)[-max(3, len(known) // 4) :]]
    if np.isfinite(reach) and np.median(top) < floor + 0.05 * reach:
        notes.append("even the largest score at chance: when growth starts is a guess of the prior")
    return notes


def _said_of_model(best: Tried, shapes: tuple[Tried, ...]) -> list[str]:
    notes = []
    if not any(s.log_score is not None for s in shapes):
        notes.append("no model could be tried on the past: nothing supports the shape")
    if best.covered is not None and best.scores >= ENOUGH and best.covered < NARROW:
        notes.append(
            f"the 90% intervals of {best.name} held only {best.covered:.0%} of {best.scores} later "
            "scores: the intervals here are too narrow as well"
        )
    if not best.baseline:
        notes += [
            f"{best.name} does not clearly beat {s.name}"
            for s in shapes
            if s.baseline and s.behind is not None and s.behind_error is not None
            and s.behind < 2 * s.behind_error
        ]  # fmt: skip
    return notes
