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
from calibrant.scaling.curves.forecasters import FITS, FORECASTERS
from calibrant.scaling.curves.monotone import Monotone, monotone
from calibrant.scaling.curves.parameters import Parameter, parameters
from calibrant.scaling.curves.predict import fit
from calibrant.scaling.forecaster import Forecaster
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
    rng = np.random.default_rng(seed)
    work, blind = (mirrored(s) for s in (seen, asked)) if falls else (seen, asked)
    test = monotone(work, rng=0)
    how, shapes = tried(work, FORECASTERS, rng.spawn(1)[0])
    chosen, density = _chosen(shapes, work, blind, rng.spawn(1)[0])
    along = _along(work, blind)
    band = chosen.predict(work, along, rng.spawn(1)[0])
    known_numbers = _parameters(chosen.name, work, level, rng.spawn(1)[0], falls)
    density, band = (unmirrored(p, seen) for p in (density, band)) if falls else (density, band)
    low, high = density.interval(level)
    top = float(seen.scale.max())
    median = density.quantile(0.5)
    points = tuple(
        Point(str(asked.subject[i]), str(asked.family[i]), float(asked.scale[i]),
              max(0.0, float(asked.scale[i]) - top), float(median[i]), float(low[i]),
              float(high[i]))
        for i in range(len(asked))
    )  # fmt: skip
    ends = band.interval(level)
    return CurveReport(
        read.measures[0], len(np.unique(seen.subject)), len(seen.families),
        (float(seen.scale.min()), top), level, _turned(test, falls), how, shapes, chosen.name,
        known_numbers, points, density,
        {"scale": along.scale.tolist(), "median": band.quantile(0.5).tolist(),
         "low": ends[0].tolist(), "high": ends[1].tolist()},
        seen, (*notes, *_said(seen, points, shapes, chosen, notes)),
    )  # fmt: skip


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
    name = read.measures[0]
    extra = scores(
        np.full(len(more), np.nan), np.array([s for s, _ in more], dtype=float),
        family=np.array([f or NEW for _, f in more], dtype=str),
        subject=np.array([f"next {k + 1}" for k in range(len(more))], dtype=str),
        measure=name, limits=dict(read.limits), chance=read.chance,
    )  # fmt: skip
    both: dict[str, Any] = {
        name: np.concatenate([getattr(blank, name), getattr(extra, name)])
        for name in ("subject", "family", "measure", "scale", "date", "score", "se")
    }
    return seen, replace(blank, **both), notes


def _chosen(
    shapes: tuple[Tried, ...], known: Scores, asked: Scores, rng: np.random.Generator
) -> tuple[Forecaster, Predictive]:
    """The best model that can be fitted to everything, and its forecasts."""
    of = {f.name: f for f in FORECASTERS}
    why = ""
    # Models that could not be tried on the past come last, baselines before others.
    untried = [s for s in shapes if s.log_score is None]
    order = [s for s in shapes if s.log_score is not None]
    order += sorted(untried, key=lambda s: not s.baseline)
    for s in order:
        try:
            return of[s.name], of[s.name].predict(known, asked, rng)
        except UnfitError as error:
            why = why or str(error)
    raise UnfitError(f"curve: {why}")


def _along(known: Scores, asked: Scores) -> Scores:
    """A new family's subjects along the scales."""
    start = float(known.scale.min())
    stop = max(float(known.scale.max()), float(asked.scale.max()))
    x = np.linspace(start, stop if stop > start else start + NEXT, 41)
    return scores(
        np.full(x.size, np.nan), x, family=np.full(x.size, NEW), measure=known.measures[0],
        limits=dict(known.limits), chance=known.chance,
    )  # fmt: skip


def _parameters(
    name: str, known: Scores, level: float, rng: np.random.Generator, falls: bool
) -> tuple[Parameter, ...]:
    if name not in FITS:
        return ()
    shape, families = FITS[name]
    found = parameters(fit(shape, known, rng, families=families), level)
    if not falls:
        return found
    low, high = known.limits[known.measures[0]]
    both = low + high if np.isfinite([low, high]).all() else 0.0
    # Places on the score turn over; sizes, such as noise, do not.
    return tuple(
        replace(p, value=both - p.value, low=both - p.high, high=both - p.low)
        if p.unit == "score" and "sd" not in p.name and "missing" not in p.name
        else p
        for p in found
    )


def _turned(test: Monotone, falls: bool) -> Monotone:
    return replace(test, falls=True) if falls else test


def _said(
    known: Scores, points: tuple[Point, ...], shapes: tuple[Tried, ...], chosen: Forecaster,
    told: list[str],
) -> list[str]:  # fmt: skip
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
    if not any(s.log_score is not None for s in shapes):
        notes.append("no model could be tried on the past: nothing supports the shape")
    floor = float(known.floor[0])
    reach = float(known.high[0]) - floor
    top = known.score[np.argsort(known.scale)[-max(3, len(known) // 4) :]]
    if np.isfinite(reach) and np.median(top) < floor + 0.05 * reach:
        notes.append("even the largest score at chance: when growth starts is a guess of the prior")
    best = {s.name: s for s in shapes}[chosen.name]
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
