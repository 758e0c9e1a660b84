"""What would each model have said then? Every model of a zoo at every cut of the past."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibrant.errors import GateError, UnfitError
from calibrant.scaling.backtests.cuts import Along, Cut, along
from calibrant.scaling.backtests.keep import Keep
from calibrant.scaling.forecaster import Forecaster
from calibrant.scaling.predictive import Predictive, joined
from calibrant.scaling.scores import Floats, Scores

Rows = NDArray[np.int64]
Tell = Callable[[str], None]

MONTH = 365.25 / 12
COMPONENTS = 32
"""A mixture of more components is merged: back-tests ask for many distribution functions."""


@dataclass(frozen=True)
class Failure:
    """A model that could say nothing.

    Attributes:
        model, cut: their names.
        measure: the one it could not forecast; None if it was all of them.
        why: its own words.
    """

    model: str
    cut: str
    measure: str | None
    why: str


@dataclass(frozen=True, eq=False)
class Answer:
    """What one model said of some scores.

    Attributes:
        spoke: its forecasts, with the mask of scores it spoke of; None if of none.
        failures: where it could say nothing.
        gates: what its sampler was checked for, passed or not; empty for most models.
    """

    spoke: tuple[Predictive, NDArray[np.bool_]] | None
    failures: tuple[Failure, ...]
    gates: tuple[dict[str, Any], ...]


@dataclass(frozen=True, eq=False)
class Said:
    """What the zoo said of some scores.

    Attributes:
        forecasts: of each model that said something, with the mask of scores it spoke of.
        failures: the rest.
        gates: of each model with a sampler, what it was checked for.
    """

    forecasts: dict[str, tuple[Predictive, NDArray[np.bool_]]]
    failures: tuple[Failure, ...]
    gates: dict[str, tuple[dict[str, Any], ...]] = field(default_factory=dict)

    def log_density(self, names: Sequence[str], y: Floats) -> Floats:
        """The log score of each model, shape (models, n); NaN where it said nothing."""
        found = np.full((len(names), y.size), np.nan)
        for i, name in enumerate(names):
            if name in self.forecasts:
                forecast, there = self.forecasts[name]
                found[i, there] = forecast.take(there).log_density(y[there])
        return found


@dataclass(frozen=True, eq=False)
class Trial:
    """One cut, tried.

    Attributes:
        cut: what was known.
        rows: shape (n,); the later scores, as rows of the table.
        orders, months: shape (n,); how far beyond what was known of their measure, 0 within it;
            NaN where unknown.
        ability: shape (n,); likewise, on the first axis of what is given, in its SDs.
        stranger: shape (n,); whether their family was not known at all.
        said: what each model said of them.
    """

    cut: Cut
    rows: Rows
    orders: Floats
    months: Floats
    stranger: NDArray[np.bool_]
    said: Said
    ability: Floats = field(default_factory=lambda: np.zeros(0))


def ask(
    zoo: Sequence[Forecaster], known: Scores, at: Scores, *, seed: int, where: str,
    keep: Keep | None = None,
) -> Said:  # fmt: skip
    """Ask every model for its forecasts.

    A model that cannot be fitted to all measures at once is asked for each by itself. One whose
    sampler does not pass its gates says nothing: no part of the data is sought on which it would.

    Args:
        known: only rows with a score.
        at: what to forecast; its scores are hidden from the models.
        seed: the numbers of a model depend on it, on its name and on `where` alone.
        where: a name of the cut.
        keep: where answers are kept, and found again.
    """
    hidden = replace(at, score=np.full(len(at), np.nan))
    answers: dict[str, Answer] = {}
    for model in zoo:
        path = None if keep is None else keep.path(model, known, hidden, seed, where)
        found = None if keep is None or path is None else keep.read(path)
        if found is None:
            found = _answer(model, known, hidden, seed, where)
            if keep is not None and path is not None:
                keep.write(path, found)
        answers[model.name] = found
    return Said(
        {name: a.spoke for name, a in answers.items() if a.spoke is not None},
        tuple(f for a in answers.values() for f in a.failures),
        {name: a.gates for name, a in answers.items() if a.gates},
    )


def _answer(model: Forecaster, known: Scores, at: Scores, seed: int, where: str) -> Answer:
    mark = zlib.crc32(f"{model.name}\0{where}".encode())
    able = able_of(model, at)
    if not able.all():
        return _partly(model, known, at, able, seed, where)
    if at.given is not None and model.needs == "scale":
        known = known.take(np.isfinite(known.scale))
    try:
        found = model.predict(known, at, np.random.default_rng([seed, mark]))
    except GateError as error:
        return Answer(None, (Failure(model.name, where, None, str(error)),), tuple(error.gates))
    except UnfitError as error:
        spoke, lost = _apart(model, known, at, [seed, mark], where, str(error))
        return Answer(spoke, tuple(lost), ())
    every = np.ones(len(at), dtype=bool)
    return Answer((found.compressed(COMPONENTS), every), (), found.gates)


def able_of(model: Forecaster, at: Scores) -> NDArray[np.bool_]:
    """Which rows have what the model needs. Without given scores, whether it can do without a scale
    is for the model to say."""
    if at.given is None:
        return np.full(len(at), model.needs == "scale")
    return np.isfinite(at.scale) if model.needs == "scale" else at.given.has(at.subject)


def _partly(
    model: Forecaster, known: Scores, at: Scores, able: NDArray[np.bool_], seed: int, where: str
) -> Answer:
    """What a model says of the rows that it can speak of."""
    if not able.any():
        what = "a scale (compute)" if model.needs == "scale" else "given scores"
        return Answer(None, (Failure(model.name, where, None, f"no row has {what}"),), ())
    found = _answer(model, known, at.take(able), seed, where)
    if found.spoke is None:
        return found
    part, spoke = found.spoke
    there = np.zeros(len(at), dtype=bool)
    there[np.flatnonzero(able)[spoke]] = True
    rest = np.flatnonzero(~able)
    none = Predictive.of(
        np.zeros(rest.size), np.ones(rest.size), low=at.low[rest], high=at.high[rest]
    )
    whole = joined([part, none], [np.flatnonzero(able), rest], len(at))
    return Answer((whole, there), found.failures, found.gates)


def try_out(
    zoo: Sequence[Forecaster],
    scores: Scores,
    cuts: Sequence[Cut],
    *,
    seed: int = 0,
    tell: Tell | None = None,
    keep: Keep | None = None,
) -> tuple[Trial, ...]:
    """Every model at every cut.

    Args:
        scores: all with a score.
        tell: called with a line before each cut.
        keep: where answers are kept, and found again.
    """
    found = []
    for i, cut in enumerate(cuts):
        if tell is not None:
            tell(f"back-test {i + 1} of {len(cuts)}: {cut!r}")
        known = scores.take(cut.known)
        rows = np.flatnonzero(cut.later & np.isin(scores.measure, known.measures))
        at = scores.take(rows)
        said = ask(zoo, known, at, seed=seed, where=cut.name, keep=keep)
        orders, months = distance(known, at)
        stranger = ~np.isin(at.family, known.families)
        ability = distance_in_ability(known, at)
        found.append(Trial(cut, rows, orders, months, stranger, said, ability))
    return tuple(found)


def distance_in_ability(known: Scores, at: Scores) -> Floats:
    """How far each forecast lies above the most able known subject of its measure, in standard
    deviations of the first axis of what is given. 0 below it, NaN where nothing is given."""
    return _beyond(known, at, "axis")


def distance(known: Scores, at: Scores) -> tuple[Floats, Floats]:
    """How far each forecast lies beyond what is known of its measure: orders of magnitude, months.

    0 within what is known, NaN where a scale or date is unknown.
    """
    return _beyond(known, at, "scale"), _beyond(known, at, "date") / MONTH


def _beyond(known: Scores, at: Scores, axis: Along) -> Floats:
    have, want = along(known, axis), along(at, axis)
    edge = np.full(len(at), np.nan)
    for name in at.measures:
        some = have[(known.measure == name) & np.isfinite(have)]
        if some.size:
            edge[at.measure == name] = some.max()
    return np.asarray(np.maximum(want - edge, 0.0))


def distance_in_family(known: Scores, at: Scores) -> Floats:
    """Orders of magnitude beyond the largest known subject of its family on the measure.

    0 within the family, NaN where the family or the scale is unknown.
    """
    key = np.array([f"{f}\0{m}" for f, m in zip(known.family, known.measure, strict=True)])
    largest: dict[str, float] = {}
    for k, x in zip(key, known.scale, strict=True):
        if np.isfinite(x):
            largest[str(k)] = max(largest.get(str(k), -np.inf), float(x))
    edge = [largest.get(f"{f}\0{m}", np.nan)
            for f, m in zip(at.family, at.measure, strict=True)]  # fmt: skip
    return np.asarray(np.maximum(at.scale - np.array(edge, dtype=float), 0.0))


def _apart(
    model: Forecaster, known: Scores, at: Scores, seed: list[int], where: str, why: str
) -> tuple[tuple[Predictive, NDArray[np.bool_]] | None, list[Failure]]:
    """Each measure by itself."""
    if len(at.measures) < 2:
        return None, [Failure(model.name, where, None, why)]
    parts: list[Predictive] = []
    places: list[Rows] = []
    there = np.zeros(len(at), dtype=bool)
    failures: list[Failure] = []
    for i, name in enumerate(at.measures):
        mine = at.measure == name
        rng = np.random.default_rng([*seed, i])
        try:
            found = model.predict(known.take(known.measure == name), at.take(mine), rng)
        except (UnfitError, GateError) as error:
            failures.append(Failure(model.name, where, name, str(error)))
            continue
        parts.append(found.compressed(COMPONENTS))
        places.append(np.flatnonzero(mine))
        there |= mine
    if not parts:
        return None, [Failure(model.name, where, None, why)]
    if not there.all():
        lost = np.flatnonzero(~there)
        low, high = at.low[lost], at.high[lost]
        parts.append(Predictive.of(np.zeros(lost.size), np.ones(lost.size), low=low, high=high))
        places.append(lost)
    return (joined(parts, places, len(at)), there), failures
