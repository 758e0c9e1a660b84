"""From responses to an engine: fit the items, and measure how wrong it is on unseen families."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from calibrant._figure import shorten
from calibrant.errors import InputError
from calibrant.quality.banks.check import check_bank
from calibrant.quality.banks.result import TRIAL, BankCheck
from calibrant.quality.families import COLUMN, codes, families, family_notes
from calibrant.quality.models.fit import fit
from calibrant.quality.read import read_responses
from calibrant.quality.responses import Responses
from calibrant.quality.shorter.engine import FINE, Engine
from calibrant.quality.shorter.evidence import Evidence, cluster_half
from calibrant.quality.shorter.factors import Factors, fit_factors
from calibrant.quality.shorter.trial import default_dimensions, try_out

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

FEWEST, FEW = 10, 30
"""Subjects below which nothing is calibrated, and below which tests may not adapt."""
FEWEST_ITEMS = 5
_SMALL = 5
"""Items below which a category shares its mean slopes with the other small ones."""
CATEGORY = "category"


def calibrate(
    source: Any,
    *,
    family: str | None = None,
    family_pattern: str | None = None,
    category: str | None = None,
    weights: str = "items",
    dimensions: int | None = None,
    check: Any = True,
    seed: int = 0,
    tick: Callable[[float], None] | None = None,
) -> Engine:
    """Calibrate an engine for short tests of a benchmark.

    Args:
        source: whatever `read_responses` takes, or `Responses`.
        family, family_pattern: the column, or the pattern in the names, of subjects' families.
        category: the column of items' categories; by default "category" if it is known.
        weights: the full score is the mean over "items", or over categories of their means
            ("categories").
        dimensions: numbers that describe a subject; by default up to 3.
        check: whether the bank check (`check_bank`, of a 2pl) must agree that tests may adapt; or
            its outcome, anything with verdict and reasons. It can only make the verdict stricter.
        seed: of the random orders of the baseline.
        tick: called with the share that is done.

    Raises:
        InputError: for fewer than 10 subjects, fewer than 5 items, or a subject without a score.
    """
    return calibration(
        source, family=family, family_pattern=family_pattern, category=category, weights=weights,
        dimensions=dimensions, check=check, seed=seed, tick=tick,
    )[0]  # fmt: skip


@dataclass(frozen=True, eq=False)
class Made:
    """What a form is chosen by, besides factors.

    Attributes:
        items: names.
        worth: shape (items,).
        codes: shape (items,), the number of each item's category; None if they have none.
    """

    items: tuple[str, ...]
    worth: Floats
    codes: Ints | None


def calibration(
    source: Any,
    *,
    family: str | None,
    family_pattern: str | None,
    category: str | None,
    weights: str,
    dimensions: int | None,
    seed: int,
    tick: Callable[[float], None] | None,
    check: Any = True,
    form: Callable[[Factors, NDArray[np.bool_], int, Made], Ints] | None = None,
) -> tuple[Engine, Made]:
    """`calibrate`, and where a form is given, its errors on unseen families too."""
    responses = read_responses(source)
    responses, notes = usable(responses)
    names = families(responses, family, family_pattern)
    notes = [*responses.notes, *notes, *family_notes(names)]
    code = codes(names)
    if len(set(names)) < 3:
        notes.append("fewer than 3 families: each subject is held out by itself")
        code = np.arange(len(names), dtype=np.int64)
    categories = categories_of(responses, category)
    worth = worth_of(len(responses.items), categories, weights)
    groups = groups_of(categories)
    scores = responses.unit
    k = default_dimensions(len(scores)) if dimensions is None else dimensions
    if k < 1:
        raise InputError(f"dimensions: wanted at least 1, got {k}")

    made = Made(responses.items, worth, None if categories is None else _coded(categories))

    def fitted(some: Floats, at: NDArray[np.bool_]) -> Factors:
        return fit_factors(some, k, None if groups is None else _packed(groups[at]))

    def order(factors: Factors, at: NDArray[np.bool_], length: int) -> Ints:
        assert form is not None
        return form(factors, at, length, made)

    evidence = try_out(
        scores, worth, code, fitted, form=None if form is None else order, seed=seed, tick=tick
    )
    if check is True:
        check = _checked(responses, names, seed)
    verdict, reasons = judged(evidence, len(scores), check or None)
    engine = Engine(
        responses.items, categories, worth, fitted(scores, np.ones(len(worth), np.bool_)), evidence,
        responses.low, responses.high, len(scores), len(set(names)), verdict, reasons,
        tuple(notes),
    )  # fmt: skip
    return engine, made


def _checked(responses: Responses, names: tuple[str, ...], seed: int) -> BankCheck:
    """The bank check of a 2pl of these responses, without its trial: the engine's own says more."""
    known = responses.subject_facts.with_columns(pl.Series(COLUMN, list(names)))
    responses = replace(responses, subject_facts=known)
    found = fit(responses, model="2pl", fractional=not responses.binary, check=False)
    checked = check_bank(found.bank, responses, family=COLUMN, seed=seed)
    return checked.without(TRIAL)


def _coded(categories: tuple[str, ...]) -> Ints:
    coded: Ints = np.unique(np.array(categories), return_inverse=True)[1].astype(np.int64)
    return coded


def usable(responses: Responses) -> tuple[Responses, list[str]]:
    """The responses without items nobody has a score on, and what was said of it.

    Raises:
        InputError: if too little is left.
    """
    notes = []
    if len(responses.subjects) < FEWEST:
        raise InputError(
            f"responses: wanted at least {FEWEST} subjects, got {len(responses.subjects)}"
        )
    some = responses.observed.any(axis=0)
    if not some.all():
        notes.append(f"{int((~some).sum())} items without any score are left out")
        responses = responses.select(items=np.flatnonzero(some))
    if len(responses.items) < FEWEST_ITEMS:
        raise InputError(
            f"responses: wanted at least {FEWEST_ITEMS} items, got {len(responses.items)}"
        )
    count = responses.observed.sum(axis=1)
    if (count < FEWEST_ITEMS).any():
        who = int(np.argmin(count))
        raise InputError(
            f"subject {responses.subjects[who]!r}: wanted scores on at least {FEWEST_ITEMS} items, "
            f"got {int(count[who])}"
        )
    apart = int((~_reached(responses.observed)).sum())
    if apart:
        raise InputError(
            f"responses: {apart} subjects share no item, not even through others, with subject "
            f"{responses.subjects[0]!r}; their scores cannot be compared"
        )
    same = _twins(responses)
    if same:
        one, other = same
        notes.append(
            f"subjects {shorten(responses.subjects[one], 60)} and "
            f"{shorten(responses.subjects[other], 60)} have the same scores everywhere; put them "
            "into one family"
        )
    constant = int((np.nanmax(responses.scores, 0) == np.nanmin(responses.scores, 0)).sum())
    if constant == len(responses.items):
        raise InputError("responses: no item tells two subjects apart; there is nothing to predict")
    if constant:
        notes.append(f"{constant} items have the same score from every subject")
    return replace(responses, notes=()), notes


def _reached(observed: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Shape (subjects,): who is linked to the first subject by items that both have scores on."""
    reached: NDArray[np.bool_] = np.zeros(len(observed), np.bool_)
    reached[0] = True
    for _ in observed:  # each round but the last reaches one more at least
        reached = np.asarray(observed[:, observed[reached].any(axis=0)].any(axis=1), np.bool_)
    return reached


def _twins(responses: Responses) -> tuple[int, int] | None:
    seen: dict[bytes, int] = {}
    for i, row in enumerate(responses.scores):
        key = row.tobytes()
        if key in seen:
            return seen[key], i
        seen[key] = i
    return None


def categories_of(responses: Responses, column: str | None) -> tuple[str, ...] | None:
    """Each item's category, "" where it is not known; None if there are none.

    Raises:
        InputError: for a column that is not there.
    """
    found = responses.item_column(CATEGORY if column is None else column)
    if found is None:
        if column is not None:
            facts = ", ".join(responses.item_facts.columns)
            raise InputError(f"category: no column {column!r} about the items; there are {facts}")
        return None
    return tuple(c or "" for c in found)


def worth_of(items: int, categories: tuple[str, ...] | None, weights: str) -> Floats:
    """Shape (items,): each item's part in the full score.

    Raises:
        InputError: for weights that are not known, or of categories that are not.
    """
    if weights == "items":
        return np.full(items, 1.0 / items)
    if weights != "categories":
        raise InputError(f"weights: wanted items or categories, got {weights!r}")
    if categories is None:
        raise InputError("weights: wanted categories of the items, got none")
    names, group = np.unique(np.array(categories), return_inverse=True)
    return 1.0 / (len(names) * np.bincount(group)[group])


def groups_of(categories: tuple[str, ...] | None) -> Ints | None:
    """The number of each item's group of shared slopes; small categories go together."""
    if categories is None:
        return None
    _, group, count = np.unique(np.array(categories), return_inverse=True, return_counts=True)
    return _packed(np.where(count[group] < _SMALL, -1, group))


def _packed(group: Ints) -> Ints:
    packed: Ints = np.unique(group, return_inverse=True)[1].astype(np.int64)
    return packed


def judged(evidence: Evidence, subjects: int, check: Any) -> tuple[str, tuple[str, ...]]:
    """Whether tests may adapt: only if that paid on unseen families, and no check forbids it."""
    reasons: list[str] = []
    verdict = FINE
    if check is not None and check.verdict != FINE:
        verdict = str(check.verdict)
        reasons += [str(r) for r in check.reasons[:3]]
    if subjects < FEW:
        reasons.append(f"{subjects} subjects, of {FEW} that adapting wants")
        verdict = verdict if verdict == "unusable" else "random only"
    at = int(np.argmin(np.abs(evidence.lengths - 25)))
    chosen, drawn = (np.abs(evidence.errors[m][:, at]) for m in ("target", "random"))
    saved = drawn - chosen
    if not float(saved.mean()) > cluster_half(saved, evidence.family, 0.9):
        reasons.append(
            f"{int(evidence.lengths[at])} chosen items were off by {chosen.mean():.3f} on unseen "
            f"families, as many random ones by {drawn.mean():.3f}: no clear gain"
        )
        verdict = verdict if verdict == "unusable" else "random only"
    return verdict, tuple(reasons)
