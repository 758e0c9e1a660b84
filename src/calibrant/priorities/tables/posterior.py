"""What do printed means say of areas? A posterior of each area's mean rating, from a table alone.

Only means are printed, so microdata are summed out: every composition of ratings 1 to 5 that gives
a printed mean, every number of don't-knows that it allows. Areas are drawn from one population, so
that few ratings count for little; importance and tractability of an area go together as far as the
table shows it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibrant._text import one_line
from calibrant.errors import InputError
from calibrant.priorities.posterior import AreaPosterior
from calibrant.priorities.tables.fits import READINGS, Fits, Reading, fits
from calibrant.priorities.tables.model import (
    PARAMETERS,
    WITHIN,
    Problem,
    correlation,
    grid,
    mean_rating,
)
from calibrant.priorities.tables.printed import Integers, Rule
from calibrant.priorities.tables.read import PublishedTable, read_published
from calibrant.priorities.tables.sample import Sample, sample

Floats = NDArray[np.float64]

_BATCH = 32
MOST_WIDTH = 20
"""Steps of a scale up to which every composition is summed."""
MOST = 60
"""Respondents of a row up to which every composition is summed; a mean of more is nearly known."""


@dataclass(frozen=True, repr=False, eq=False)
class TablePosterior:
    """The posterior of a table: areas, and what is believed of all of them together.

    Attributes:
        areas: draws of each area's mean rating.
        population: for each of these numbers its posterior mean and 90 % interval: `level` (mean
            level of areas), `between` (SD of areas' levels), `within` (SD of respondents about
            one), each by question; `correlation` of the two levels; `lost`, the share of
            don't-knows.
        answers: for each question shape (draws, areas): how many answered, draw by draw.
        effective: effective share of the importance draws, 0–1.
        left_out: areas whose printed numbers no whole ratings give.
    """

    areas: AreaPosterior
    population: dict[str, tuple[float, float, float]]
    answers: dict[str, Integers]
    effective: float
    left_out: tuple[str, ...]

    def __repr__(self) -> str:
        return f"TablePosterior of {len(self.areas.areas)} areas"


def posterior_of_table(table: Any, **options: Any) -> AreaPosterior:
    """A posterior of each area's mean rating, from printed means alone; see `table_posterior`."""
    return table_posterior(table, **options).areas


def table_posterior(
    table: Any,
    *,
    questions: tuple[str, str] | None = None,
    n: str | None = None,
    scale: tuple[int, int] = (1, 5),
    digits: int | None = None,
    fewest: int | None = None,
    reading: Reading = "larger",
    rule: Rule = "any",
    draws: int = 2000,
    effort: int = 800,
    seed: int = 0,
) -> TablePosterior:
    """The posterior of a printed table of two questions' means.

    The estimand is what the mean rating of an area would be if everyone who could have been asked
    had answered; the mean of those who did answer is printed and known.

    Args:
        table: what `read_published` takes; questions, n, scale and digits go to it.
        fewest: the fewest ratings a question of a printed row may have; by default the smallest
            printed n, but at most 3. A row that fits only with fewer is taken so, and named.
        reading: what n means.
        rule: how halves are rounded.
        draws: posterior draws.
        effort: importance draws of the population's parameters, from which these are made.
        seed: same seed, same draws.

    Raises:
        InputError: for a table without two questions, or with rows too large to enumerate.
        GateError: if the sampler failed.
    """
    for name, value in (("draws", draws), ("effort", effort)):
        if value < 100:
            raise InputError(f"{name}: wanted at least 100, got {value}")
    read = read_published(table, questions=questions, n=n, scale=scale, digits=digits)
    if len(read.means) != 2:
        raise InputError(f"table: wanted the means of two questions, got {', '.join(read.means)}")
    _affordable(read)
    rng = np.random.default_rng(seed)
    least = min(3, int(read.n.min())) if fewest is None else fewest
    found, floor, notes = _solve(read, least, reading, rule)
    rated = np.unique(found.row)
    if rated.size < 2:
        raise InputError("table: fewer than two rows have numbers that whole ratings can give")
    problem = Problem(
        Fits(np.searchsorted(rated, found.row), found.sums, found.answers, found.thinned[rated]),
        read.n[rated],
        floor[rated],
        len(read.answers) == 2 or reading == "each",
        reading == "larger",
        read.scale,
    )
    got = sample(problem.log_posterior, _start(read, problem), rng, size=effort)
    means, answers = _draw(problem, got, rng, draws)
    names = tuple(read.means)
    left_out = tuple(read.areas[i] for i in range(len(read.areas)) if i not in set(rated.tolist()))
    areas = AreaPosterior(
        areas=tuple(read.areas[i] for i in rated),
        draws=dict(zip(names, means, strict=True)),
        n={
            q: np.asarray(np.rint(np.median(a, axis=0)), dtype=np.int64)
            for q, a in zip(names, answers, strict=True)
        },
        method="table",
        notes=notes,
        most=read.scale[1],
    )
    return TablePosterior(
        areas,
        _population(got, names),
        dict(zip(names, answers, strict=True)),
        got.effective / got.weights.size,
        left_out,
    )


def _affordable(read: PublishedTable) -> None:
    """Refuses what would take too long to sum over."""
    width = read.scale[1] - read.scale[0]
    if width > MOST_WIDTH:
        raise InputError(
            f"scale: wanted at most {MOST_WIDTH + 1} ratings to choose from, got {width + 1}"
        )
    most = 4 * MOST // max(width, 4)
    if int(read.n.max()) > most:
        row = int(read.n.argmax())
        raise InputError(
            f"table: row {row + 1}: wanted at most {most} respondents, whose compositions can be "
            f"summed over, got {read.n[row]}"
        )


def _solve(
    read: PublishedTable, fewest: int, reading: Reading, rule: Rule
) -> tuple[Fits, Integers, tuple[str, ...]]:
    """Solutions of every row, the fewest answers of each, and what had to be taken so."""
    floor = np.full(len(read.areas), fewest, dtype=np.int64)
    found = fits(read, fewest=floor, reading=reading, rule=rule)
    lost = np.setdiff1d(np.arange(len(read.areas)), found.row)
    notes = [
        "from printed means alone: answers are summed over everything that gives these means",
        READINGS[reading]
        if len(read.answers) < 2
        else "numbers of answers as printed for each question",
        "respondents' severity and their choice of areas are not in a table: areas that the same "
        "few people rated are less sure than they look",
    ]
    if lost.size:
        floor[lost] = 1
        found = fits(read, fewest=floor, reading=reading, rule=rule)
        still = np.setdiff1d(np.arange(len(read.areas)), found.row)
        fewer = [read.areas[i] for i in lost if i not in set(still.tolist())]
        if fewer:
            notes.append(
                f"taken with fewer than {fewest} ratings of a question, as nothing else fits: "
                f"{one_line(', '.join(fewer))}"
            )
        if still.size:
            names = one_line(", ".join(read.areas[i] for i in still))
            notes.append(f"left out, as no whole ratings have these means: {names}")
    if found.thinned.any():
        notes.append(
            f"{int(found.thinned.sum())} rows have too many respondents to try fewer answers: all "
            "are taken to have answered"
        )
    if read.blank:
        notes.append(f"{len(read.blank)} rows without a mean: unrated, not low")
    return found, floor, tuple(notes)


def _start(read: PublishedTable, problem: Problem) -> Floats:
    point = np.zeros(PARAMETERS)
    for i, mean in enumerate(read.means.values()):
        spread = max(float(mean.values.std()), 0.2 * problem.unit)
        point[3 * i : 3 * i + 3] = mean.values.mean(), np.log(spread), np.log(WITHIN * problem.unit)
    point[7] = -2.5
    return point


def _draw(
    problem: Problem, got: Sample, rng: np.random.Generator, draws: int
) -> tuple[list[Floats], list[Integers]]:
    """Draws of the areas' mean ratings and numbers of answers, by question."""
    chosen = got.points[got.resampled(rng, draws)]
    rows = problem.n.size
    means = [np.empty((draws, rows)) for _ in range(2)]
    answers = [np.empty((draws, rows), dtype=np.int64) for _ in range(2)]
    for begin in range(0, draws, _BATCH):
        points = chosen[begin : begin + _BATCH]
        part = slice(begin, begin + len(points))
        levels, solution = _levels(problem, points, rng)
        for i, q in enumerate(problem.fits.sums):
            within = np.exp(points[:, 3 * i + 2])[:, None]
            means[i][part] = mean_rating(levels[i], within, problem.scale)
            answers[i][part] = problem.fits.answers[q][solution]
    return means, answers


def _levels(
    problem: Problem, points: Floats, rng: np.random.Generator
) -> tuple[list[Floats], Integers]:
    """One joint draw of levels and solution of every row at each point, shape (batch, rows)."""
    first, second = problem.chances(points, 0), problem.chances(points, 1)
    pairs = grid(points, problem.nodes)
    at = problem.cases[0][2], problem.cases[1][2]
    ahead = pairs @ second.transpose(0, 2, 1)
    each = (first @ ahead)[:, at[0], at[1]] * problem.weights(points)
    rows = problem.n.size
    solution = np.empty((len(points), rows), dtype=np.int64)
    ends = np.append(problem.starts, each.shape[1])
    for r in range(rows):
        solution[:, r] = ends[r] + _pick(each[:, ends[r] : ends[r + 1]], rng)
    b = np.arange(len(points))[:, None]
    one, two = at[0][solution], at[1][solution]
    x = _pick(first[b, one] * ahead.transpose(0, 2, 1)[b, two], rng)
    y = _pick(pairs[b, x] * second[b, two], rng)
    nodes = problem.nodes
    step = nodes[1] - nodes[0]
    z = [nodes[i] + step * (rng.random(i.shape) - 0.5) for i in (x, y)]
    levels = [points[:, [3 * i]] + np.exp(points[:, [3 * i + 1]]) * z[i] for i in range(2)]
    return levels, solution


def _pick(weights: Floats, rng: np.random.Generator) -> Integers:
    """A place on the last axis, in proportion to the weights."""
    total = np.cumsum(weights, axis=-1)
    u = rng.random((*weights.shape[:-1], 1)) * total[..., -1:]
    return np.asarray(np.minimum((total < u).sum(axis=-1), weights.shape[-1] - 1), dtype=np.int64)


def _population(got: Sample, names: tuple[str, ...]) -> dict[str, tuple[float, float, float]]:
    values = {}
    for i, q in enumerate(names):
        values[f"level of {q}"] = got.points[:, 3 * i]
        values[f"between areas, {q}"] = np.exp(got.points[:, 3 * i + 1])
        values[f"within areas, {q}"] = np.exp(got.points[:, 3 * i + 2])
    values["correlation"] = correlation(got.points[:, 6])
    values["lost"] = np.exp(-np.logaddexp(0.0, -got.points[:, 7]))
    return {name: _summary(v, got.weights) for name, v in values.items()}


def _summary(values: Floats, weights: Floats) -> tuple[float, float, float]:
    order = np.argsort(values)
    total = np.cumsum(weights[order])
    low, high = (float(values[order][np.searchsorted(total, p)]) for p in (0.05, 0.95))
    return float(weights @ values), low, high
