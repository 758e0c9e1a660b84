"""Which effects has a table of trials, and what is believed of them beforehand? Model and priors.

One trial of subject s on item i of instrument t has the predictor

    η = mean + subject + instrument + subject:instrument
        + cluster + cluster:subject + item + item:subject + grader + answer,

each term one normal effect per level with a scale of its own (and of its own per instrument, for
what is nested in instruments). A score of 0 or 1 is Bernoulli with the logit η; any other score
is normal about η, in units of the standard deviation of all scores.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from calibrant.errors import InputError

Family = Literal["binomial", "normal"]
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

POPULATION = ("subject", "instrument", "subject:instrument")
"""Terms that tell one rate from another; the others are sampled within it."""

NESTED = ("cluster", "cluster:subject", "item", "item:subject", "answer")
"""Terms within an instrument: each instrument has its own scale."""

TERMS = (*POPULATION, *NESTED[:4], "grader", "answer")


@dataclass(frozen=True)
class Priors:
    """What is believed before the data: one shape for the mean, half-normal scales for the terms.

    Attributes:
        mean: for 0/1 scores the mean rate is Beta(mean, mean); for others the mean is normal
            about the mean of all scores with this standard deviation.
        subject to answer: standard deviation of the half-normal prior of the term's scale, in
            logits for 0/1 scores, else in standard deviations of all scores.
        residual: the same for the residual scale; unused with 0/1 scores.
    """

    mean: float = 0.5
    subject: float = 1.5
    instrument: float = 1.5
    subject_instrument: float = 1.0
    cluster: float = 1.0
    cluster_subject: float = 1.0
    item: float = 2.0
    item_subject: float = 1.0
    grader: float = 1.0
    answer: float = 1.0
    residual: float = 1.0

    def __post_init__(self) -> None:
        for f in fields(self):
            value = getattr(self, f.name)
            if not 0.01 <= value <= 100:
                raise InputError(f"priors: {f.name}: wanted 0.01 to 100, got {value!r}")

    def scale(self, term: str) -> float:
        """The half-normal's standard deviation for a term such as "item:subject"."""
        return float(getattr(self, {"subject:instrument": "subject_instrument"}.get(
            term, term.replace(":", "_"))))  # fmt: skip


LOGIT = Priors()
"""Defaults for 0/1 scores: Jeffreys' prior for the mean rate, scales that allow hard items."""

STANDARDISED = Priors(
    mean=1.0, subject=0.5, instrument=0.5, subject_instrument=0.5, cluster=0.5,
    cluster_subject=0.5, item=0.5, item_subject=0.5, grader=0.5, answer=0.5,
)  # fmt: skip
"""Defaults for other scores, in standard deviations of all scores."""


@dataclass(frozen=True)
class Term:
    """One random term.

    Attributes:
        name: one of `TERMS`.
        codes: the level of each cell.
        group: the scale of each level, an index into `groups`.
        groups: the instrument of each scale, -1 where the term has one scale for all.
    """

    name: str
    codes: Ints
    group: Ints
    groups: tuple[int, ...]

    @property
    def levels(self) -> int:
        """How many levels it has."""
        return int(self.group.size)


@dataclass(frozen=True)
class Model:
    """Trials in cells that share every effect, their sufficient statistics, and the priors.

    Attributes:
        family: "binomial" or "normal".
        terms: the random terms that the table can tell apart.
        dropped: reason by term, for those it cannot.
        n: trials per cell.
        total: sum of scores per cell (for "normal", in standard units).
        square: sum of squared deviations from the cell's mean, in standard units.
        centre, unit: score = centre + unit × standardised score; 0 and 1 for "binomial".
        subject, instrument, item: level of each cell.
        priors: as used.
    """

    family: Family
    terms: tuple[Term, ...]
    dropped: Mapping[str, str]
    n: Floats
    total: Floats
    square: Floats
    centre: float
    unit: float
    subject: Ints
    instrument: Ints
    item: Ints
    priors: Priors = field(default=LOGIT)

    def term(self, name: str) -> Term | None:
        """The term of that name, or None if the model has none."""
        return next((t for t in self.terms if t.name == name), None)

    @property
    def pairs(self) -> list[tuple[int, int]]:
        """Each (subject, instrument) that has a score, in order."""
        return sorted(
            {(int(s), int(t)) for s, t in zip(self.subject, self.instrument, strict=True)}
        )

    def scale_names(self) -> list[tuple[str, int]]:
        """Term and instrument (-1: all) of each scale, in the sampler's order."""
        return [(t.name, g) for t in self.terms for g in t.groups]

    def prior_rows(self) -> list[dict[str, Any]]:
        """The priors as a table: parameter, distribution and unit."""
        if self.family == "binomial":
            a = f"{self.priors.mean:g}"
            rows = [{"parameter": "mean rate", "prior": f"Beta({a}, {a})", "unit": "rate"}]
            unit = "logit"
        else:
            rows = [{"parameter": "mean", "prior": f"Normal({self.centre:.4g}, "
                     f"{self.priors.mean * self.unit:.4g})", "unit": "score"}]  # fmt: skip
            unit = "score"
        scales = [(f"scale of {t.name}", self.priors.scale(t.name)) for t in self.terms]
        if self.family == "normal":
            scales.append(("scale of residual", self.priors.residual))
        return rows + [
            {"parameter": name, "prior": f"half-Normal({s * self.unit:.4g})", "unit": unit}
            for name, s in scales
        ]


def design(
    subject: ArrayLike,
    instrument: ArrayLike,
    item: ArrayLike,
    score: ArrayLike,
    *,
    cluster: ArrayLike | None = None,
    grader: ArrayLike | None = None,
    answer: ArrayLike | None = None,
    priors: Priors | None = None,
) -> Model:
    """The model of a table of trials.

    A term is left out, and `Model.dropped` says why, if it has one level, if no level holds two
    trials (then it cannot be told from chance), or if it makes the same groups as a term before.

    Args:
        subject, instrument, item, cluster, grader, answer: level codes 0, 1, ... per trial.
            Items and clusters are taken as nested in instruments, answers in subjects and items.
        score: finite; all 0 or 1 makes a binomial model, anything else a normal one.
        priors: by default `LOGIT` or `STANDARDISED`.

    Raises:
        InputError: for no trials, unequal lengths, scores that are not finite, or scores other
            than 0 and 1 that are all alike.
    """
    y = np.asarray(score, float)
    given = {"subject": subject, "instrument": instrument, "item": item, "cluster": cluster,
             "grader": grader, "answer": answer}  # fmt: skip
    codes = {k: _compact(k, v, y.size) for k, v in given.items() if v is not None}
    if y.ndim != 1 or not y.size:
        raise InputError("scores: wanted a list of at least one, got none")
    if not np.isfinite(y).all():
        raise InputError(f"scores: wanted finite numbers, got {y[~np.isfinite(y)][0]!r}")
    family: Family = "binomial" if np.isin(y, (0.0, 1.0)).all() else "normal"
    centre, unit = 0.0, 1.0
    if family == "normal":
        centre, unit = float(y.mean()), float(y.std())
        if not unit > 1e-9 * max(1.0, abs(centre)):
            raise InputError(f"scores: all {y.size} are {y[0]:g}; nothing varies")
        y = (y - centre) / unit
    kept, dropped = _choose(_partitions(codes), codes["instrument"], y.size)
    stacked = np.column_stack(
        [codes["subject"], codes["instrument"], codes["item"], *(c for c, _ in kept.values())]
    )
    cells, where = np.unique(stacked, axis=0, return_inverse=True)
    where = where.ravel()
    n = np.bincount(where).astype(float)
    total: Floats = np.bincount(where, y).astype(float)
    square: Floats = np.bincount(where, (y - (total / n)[where]) ** 2).astype(float)
    terms = tuple(
        _term(name, cells[:, 3 + at], group) for at, (name, (_, group)) in enumerate(kept.items())
    )
    default = LOGIT if family == "binomial" else STANDARDISED
    return Model(
        family, terms, dropped, n, total, square, centre, unit,
        cells[:, 0], cells[:, 1], cells[:, 2], priors or default,
    )  # fmt: skip


def _compact(name: str, codes: ArrayLike, size: int) -> Ints:
    """Codes without gaps."""
    array = np.asarray(codes)
    if array.shape != (size,):
        raise InputError(f"{name}: wanted {size} codes, one per score, got shape {array.shape}")
    return np.unique(array, return_inverse=True)[1].astype(np.int64)


def _join(*codes: Ints) -> Ints:
    """The levels of a combination of factors."""
    return np.unique(np.column_stack(codes), axis=0, return_inverse=True)[1].ravel()


def _partitions(codes: dict[str, Ints]) -> dict[str, Ints]:
    """The levels of every term that the given factors allow."""
    s, t, i = codes["subject"], codes["instrument"], _join(codes["instrument"], codes["item"])
    codes["item"] = i
    made = {"subject": s, "instrument": t, "subject:instrument": _join(s, t)}
    if "cluster" in codes:
        cluster = _join(t, codes["cluster"])
        # A cluster of one item is that item, under a worse name.
        if not _same(cluster, i):
            made |= {"cluster": cluster, "cluster:subject": _join(cluster, s)}
    made |= {"item": i, "item:subject": _join(i, s)}
    if "grader" in codes:
        made["grader"] = codes["grader"]
    if "answer" in codes:
        made["answer"] = _join(made["item:subject"], codes["answer"])
    return made


def _choose(
    partitions: dict[str, Ints], instrument: Ints, trials: int
) -> tuple[dict[str, tuple[Ints, Ints]], dict[str, str]]:
    """The terms that can be told apart, with the instrument of each level, and why not the rest."""
    kept: dict[str, tuple[Ints, Ints]] = {}
    dropped: dict[str, str] = {}
    for name, codes in partitions.items():
        levels = int(codes.max()) + 1
        same = next((k for k, (c, _) in kept.items() if _same(c, codes)), None)
        if levels == 1:
            dropped[name] = "one level"
        elif levels == trials:
            dropped[name] = "one trial per level: it cannot be told from chance"
        elif same is not None:
            dropped[name] = f"the same groups as {same}"
        else:
            group = np.full(levels, -1)
            if name in NESTED:
                group[codes] = instrument
            kept[name] = (codes, group)
    return kept, dropped


def _same(a: Ints, b: Ints) -> bool:
    return bool(a.max() == b.max()) and int(_join(a, b).max()) == int(a.max())


def _term(name: str, codes: Ints, group: Ints) -> Term:
    groups, index = np.unique(group, return_inverse=True)
    return Term(name, codes, index.astype(np.int64), tuple(int(g) for g in groups))
