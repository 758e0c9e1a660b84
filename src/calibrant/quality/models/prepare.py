"""Which numbers are fitted, by which model? Scores as categories or successes, or a refusal."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from calibrant._text import one_line
from calibrant.errors import InputError
from calibrant.quality.models.climb import Prior
from calibrant.quality.models.data import Data, provisional
from calibrant.quality.models.families import Family
from calibrant.quality.responses import Responses

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

BINARY = ("rasch", "2pl", "3pl")
GRADED = ("grm", "pcm", "gpcm")

FEWEST = 10
"""Subjects below which no slopes are fitted."""

ENOUGH_FOR_SLOPES = 100
"""Subjects from which `auto` fits slopes: below, their errors exceed their spread."""

ENOUGH_FOR_GUESSING = 500
"""Subjects from which guessing may be fitted without a prior."""

MOST_CATEGORIES = 30
FEW_CATEGORIES = 12
"""Different scores: the most that an item may have, and the most that `auto` calls a few."""

GUESSING_PRIOR = (-1.4, 0.5)
"""Mean and standard deviation of the normal prior of the logit of g: 0.2, nearly surely < 0.4."""


@dataclass(frozen=True, eq=False)
class Prepared:
    """What is fitted.

    Attributes:
        data: subjects in the order of their rough abilities, varying items only.
        order: shape (subjects,), where each subject of the data stood.
        kept: numbers of the items that vary.
        values: shape (kept items, categories), the score of each category; NaN beyond.
        rest: shape (kept items,), corrected item-rest correlations.
        answers: shape (all items,), how many subjects answered each.
        fractional: whether scores between failure and success count as shares of a success.
    """

    data: Data
    family: Family
    order: Ints
    kept: Ints
    values: Floats
    start: Floats
    prior: Prior
    rest: Floats
    answers: Ints
    fractional: bool
    notes: list[str] = field(default_factory=list)


def choose(responses: Responses, model: str) -> tuple[str, list[str]]:
    """The model that `auto` stands for, with the reason."""
    if model != "auto":
        return model, []
    people = len(responses.subjects)
    slopes = people >= ENOUGH_FOR_SLOPES
    few = f"there are {people} subjects; slopes are fitted from {ENOUGH_FOR_SLOPES} on"
    if _whole(responses):
        return ("2pl", []) if slopes else ("rasch", [f"auto chose rasch: {few}"])
    most = max((np.unique(c[~np.isnan(c)]).size for c in responses.scores.T), default=0)
    if most <= FEW_CATEGORIES:
        name = "grm" if slopes else "pcm"
        why = f"auto chose {name}: items have up to {most} different scores"
        return name, [why if slopes else f"{why}, and {few}"]
    return "continuous", [f"auto chose continuous: items have up to {most} different scores"]


def prepare(
    responses: Responses, model: str, *, prior: str | None = None, fractional: bool = False
) -> Prepared:
    """Scores as what a model fits.

    Raises:
        InputError: if the model does not suit the scores or the number of subjects.
    """
    people = len(responses.subjects)
    slopes = model not in ("rasch", "pcm")
    if people < FEWEST and slopes:
        raise InputError(
            f"fit: a {model} needs at least {FEWEST} subjects, got {people}; "
            "with fewer only a rasch or pcm can be fitted"
        )
    if people < 2:
        raise InputError(f"fit: wanted at least 2 subjects, got {people}")
    if model == "3pl" and prior is None and people < ENOUGH_FOR_GUESSING:
        raise InputError(
            f"fit: a 3pl needs at least {ENOUGH_FOR_GUESSING} subjects, got {people}; guessing is "
            "hardly determined by fewer: fit a 2pl, or ask for --prior guessing"
        )
    if model in BINARY:
        hits, trials, quasi = _binary(responses, model, fractional)
        values = np.tile([responses.low, responses.high], (len(responses.items), 1))
        return prepare_arrays(hits, trials, values, model, prior=prior, fractional=quasi)
    if fractional:
        raise InputError(f"fit: fractional scores are for rasch and 2pl, not for a {model}")
    codes, answered, values = _graded(responses)
    found = prepare_arrays(codes, answered, values, model, prior=prior)
    if (responses.trials > 1).any():
        found.notes.append("the mean of several trials is taken as one score")
    return found


def prepare_arrays(
    hits: NDArray[np.generic],
    trials: NDArray[np.generic] | None,
    values: Floats,
    model: str,
    *,
    prior: str | None = None,
    fractional: bool = False,
) -> Prepared:
    """Drop items that do not vary, sort subjects, and find where to start."""
    categories = np.sum(~np.isnan(values), axis=1).astype(np.int64)
    data = Data(hits, trials, categories)
    answers = data.answered()
    varying = _varying(data, model)
    if not varying.any():
        raise InputError("fit: no item has two different scores; nothing can be fitted")
    kept = np.flatnonzero(varying)
    if kept.size < data.items:
        less = None if trials is None else trials[:, kept]
        data = Data(hits[:, kept], less, categories[kept])
        values = values[kept]
    least = 2 if model == "rasch" else 3
    if kept.size < least:
        raise InputError(f"fit: a {model} needs at least {least} items that vary, got {kept.size}")
    if model in GRADED and int(data.categories.max()) < values.shape[1]:
        values = values[:, : int(data.categories.max())]
    ability, along, rest = provisional(data)
    order = np.argsort(ability, kind="stable")
    data = data.ordered(order)
    family = Family(model, data.categories, data.most)
    start = _start(data, family, along)
    centre, precision = np.zeros_like(start), np.zeros_like(start)
    if model == "3pl" and prior == "guessing":
        centre[:, -1], precision[:, -1] = GUESSING_PRIOR[0], GUESSING_PRIOR[1] ** -2
    return Prepared(
        data, family, order, kept, values, start, Prior(centre, precision), rest, answers,
        fractional,
    )  # fmt: skip


def _whole(responses: Responses) -> bool:
    """Whether every score is a whole number of successes among its trials."""
    for rows in np.array_split(np.arange(len(responses.subjects)), 1 + len(responses.items) // 500):
        unit = (responses.scores[rows] - responses.low) / (responses.high - responses.low)
        hits = unit * responses.trials[rows]
        seen = ~np.isnan(hits)
        if np.any(np.abs(hits[seen] - np.round(hits[seen])) > 1e-6):
            return False
    return True


def _binary(
    responses: Responses, model: str, fractional: bool
) -> tuple[NDArray[np.generic], NDArray[np.generic] | None, bool]:
    """Successes, trials (None if each cell has one), and whether there are fractions.

    Raises:
        InputError: for scores between failure and success, unless they are asked for.
    """
    scores, trials = responses.scores, responses.trials
    shape = scores.shape
    hits: NDArray[np.generic] = np.zeros(shape, np.float32)
    there = np.zeros(shape, np.int16)
    between, first = 0, None
    span = responses.high - responses.low
    for i in range(shape[0]):
        seen = ~np.isnan(scores[i])
        count = np.where(seen, np.maximum(trials[i], 1), 0)
        got = np.where(seen, (scores[i] - responses.low) / span, 0.0) * count
        near = np.round(got)
        odd = np.abs(got - near) > 1e-6
        between += int(odd.sum())
        if odd.any() and first is None:
            first = (i, int(odd.argmax()))
        hits[i], there[i] = np.where(odd, got, near), count
    if first is not None and not fractional:
        i, j = first
        share = between / max(int((there > 0).sum()), 1)
        raise InputError(
            f"fit: a {model} wants right or wrong; {between} scores ({share:.1%}) lie between, "
            f"such as {scores[i, j]:.4g} of subject {one_line(responses.subjects[i], 40)!r}; use "
            "--model continuous, --model grm for a few different scores, or --fractional"
        )
    if first is not None and model == "3pl":
        raise InputError("fit: fractional scores are for rasch and 2pl, not for a 3pl")
    one = bool((there == 1).all())
    if first is None and int(there.max()) < 128:
        hits, there = hits.astype(np.int8), there.astype(np.int8)
    return hits, None if one else there, first is not None


def _graded(
    responses: Responses,
) -> tuple[NDArray[np.generic], NDArray[np.generic] | None, Floats]:
    """Categories, whether there is an answer (None if there always is), and what they stand for."""
    scores = responses.scores
    seen = ~np.isnan(scores)
    columns = [np.unique(scores[seen[:, j], j].round(9)) for j in range(scores.shape[1])]
    most = max(c.size for c in columns)
    if most > MOST_CATEGORIES:
        worst = int(np.argmax([c.size for c in columns]))
        raise InputError(
            f"fit: item {one_line(responses.items[worst], 40)!r} has {most} different scores; "
            f"graded models take at most {MOST_CATEGORIES}: use --model continuous"
        )
    values = np.full((scores.shape[1], max(most, 2)), np.nan)
    codes = np.zeros(scores.shape, np.int8)
    for j, column in enumerate(columns):
        values[j, : column.size] = column
        codes[seen[:, j], j] = np.searchsorted(column, scores[seen[:, j], j].round(9))
    return codes, None if seen.all() else seen.astype(np.int8), values


def _varying(data: Data, model: str) -> NDArray[np.bool_]:
    if model in GRADED:
        return data.categories > 1
    hit, total = np.zeros(data.items), np.zeros(data.items)
    for rows in data.blocks():
        hit += data.hits[rows].sum(axis=0, dtype=np.float64)
        total += (
            rows.stop - rows.start
            if data.trials is None
            else data.trials[rows].sum(axis=0, dtype=np.float64)
        )
    return (hit > 1e-9) & (hit < total - 1e-9)


def _start(data: Data, family: Family, along: Floats) -> Floats:
    """Slopes by the correlations of items with rough abilities, intercepts by how often each
    category occurs."""
    slope = np.clip(1.7 * along / np.sqrt(1 - along**2), -3.0, 3.0)
    if family.common:
        slope = np.full(data.items, max(float(np.mean(slope)), 0.3))
    xi = np.zeros((data.items, family.width))
    xi[:, 0] = slope
    counts = np.zeros((data.items, data.most))
    for rows in data.blocks():
        y, m = data.block(rows)
        m = np.ones_like(y) if m is None else m
        if data.most == 2:
            counts[:, 1] += y.sum(axis=0)
            counts[:, 0] += (m - y).sum(axis=0)
        else:
            for k in range(data.most):
                counts[:, k] += ((y == k) & (m > 0)).sum(axis=0)
    share = (counts + 0.25) / (counts.sum(axis=1, keepdims=True) + 0.25 * data.most)
    wider = np.sqrt(1 + slope**2 / 2.9)[:, None]
    if family.model in ("gpcm", "pcm"):
        steps = np.log(share[:, 1:] / share[:, :1])
    else:
        above = np.cumsum(share[:, ::-1], axis=1)[:, ::-1][:, 1:]
        steps = np.log(above / (1 - above)) * wider
    xi[:, 1 : 1 + family.steps] = steps
    if family.model == "3pl":
        xi[:, -1] = -1.7
    return np.where(family.free, xi, 0.0)
