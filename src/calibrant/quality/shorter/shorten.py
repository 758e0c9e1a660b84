"""A benchmark made shorter: the items to keep, and what is lost."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibrant._text import one_line
from calibrant.errors import InputError
from calibrant.quality.shorter.calibrate import calibration
from calibrant.quality.shorter.evidence import BASELINES, ErrorOf, Evidence
from calibrant.quality.shorter.factors import Factors
from calibrant.quality.shorter.forms import form_order, formula_of, wrong_way
from calibrant.quality.shorter.posterior import cloud_of
from calibrant.quality.shorter.short_form import ShortForm

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

SIZES = (5, 10, 15, 20, 25, 30, 40, 50, 70, 100, 140, 200)
SHOWN = ("short form", "by hand", "adaptive", *BASELINES)


def shorten(
    source: Any,
    size: int | None = None,
    *,
    error: float | None = None,
    family: str | None = None,
    family_pattern: str | None = None,
    category: str | None = None,
    weights: str = "items",
    balance: bool = False,
    exclude: Sequence[str] = (),
    dimensions: int | None = None,
    check: Any = True,
    seed: int = 0,
    tick: Callable[[float], None] | None = None,
) -> ShortForm:
    """Choose the items of a benchmark that say most of its full score.

    Args:
        source: whatever `read_responses` takes, or `Responses`.
        size: items to keep; 25 by default.
        error: instead, the mean absolute error on unseen families to be reached, in the units of
            scores: the smallest length tried that does.
        family, family_pattern: the column, or the pattern in the names, of subjects' families.
        category: the column of items' categories; by default "category" if it is known.
        weights: the full score is the mean over "items", or over categories of their means
            ("categories").
        balance: give each category its part of the form.
        exclude: items that may not be in the form; they stay in the full score.
        dimensions: numbers that describe a subject; by default up to 3.
        check: as for `calibrate`.
        seed: of the random orders of the baselines.
        tick: called with the share that is done.

    Raises:
        InputError: for too few subjects or items, a size there is not, or an error that no length
            reaches.
    """
    if size is not None and error is not None:
        raise InputError("shorten: wanted a size or an error, got both")
    if error is not None and not error > 0.0:
        raise InputError(f"error: wanted above 0, got {error:g}")
    size = 25 if size is None else size
    if size < 1:
        raise InputError(f"size: wanted at least 1 item, got {size}")

    def form(factors: Factors, some: Flags, length: int, made: Any) -> Ints:
        worth = made.worth[some] / made.worth[some].sum()
        cloud = cloud_of(factors)
        barred = wrong_way(cloud, worth) | np.isin(np.array(made.items)[some], list(exclude))
        groups = made.codes[some] if balance and made.codes is not None else None
        return form_order(factors, cloud, worth, length, barred=barred, groups=groups)

    engine, made = calibration(
        source, family=family, family_pattern=family_pattern, category=category, weights=weights,
        dimensions=dimensions, check=check, seed=seed, tick=tick, form=form,
    )  # fmt: skip
    unknown = [i for i in exclude if i not in engine.number]
    if unknown:
        raise InputError(f"exclude: no item {one_line(unknown[0], 60)!r} in the responses")
    if balance and engine.categories is None:
        raise InputError("balance: wanted categories of the items, got none")
    every = np.ones(len(engine.items), np.bool_)
    order = form(engine.factors, every, len(engine.items), made)
    scale = engine.high - engine.low
    if error is not None:
        size = _reaching(engine.evidence, error / scale, len(order))
    if size > len(order):
        raise InputError(
            f"size: wanted at most the {len(order)} items that may be used, got {size}"
        )
    chosen = order[:size]
    formula = formula_of(engine.factors, engine.cloud, engine.worth, chosen)
    wrong = np.flatnonzero(wrong_way(engine.cloud, engine.worth))
    # On the scale of scores: low + width × (intercept + Σ weight × (score − low) / width).
    intercept = engine.low + scale * formula.intercept - engine.low * float(formula.weights.sum())
    return ShortForm(
        tuple(engine.items[j] for j in chosen), formula.weights, intercept,
        scale * formula.error, engine, errors_at(engine.evidence, size, scale), balance,
        tuple(engine.items[j] for j in wrong),
        (*_notes(engine.notes, len(wrong)), *_baseline_note(engine.evidence, size)),
    )  # fmt: skip


def errors_at(evidence: Evidence, size: int, scale: float) -> tuple[ErrorOf, ...]:
    """Errors of the form and of what it is compared with, at usual lengths and its own."""
    most = int(evidence.lengths[-1])
    sizes = sorted({*(n for n in SIZES if n <= most), min(size, most)})
    keys = {"short form": "form", "adaptive": "target"}
    found = {}
    for method in SHOWN:
        for n in sizes:
            e = evidence.error_of(keys.get(method, method), n, scale=scale)
            name = method
            found[name, e.items] = ErrorOf(name, e.items, e.error, e.low, e.high, e.root)
    return tuple(found.values())


def _reaching(evidence: Evidence, error: float, most: int) -> int:
    """The smallest length tried at which forms were as good.

    Raises:
        InputError: if there is none.
    """
    means = np.abs(evidence.errors["form"]).mean(axis=0)
    # At or below at this length and all longer ones, as chance may favour a short one.
    fine = np.minimum.accumulate((means <= error)[::-1])[::-1]
    reached = [int(n) for n, good in zip(evidence.lengths, fine, strict=True) if good and n <= most]
    if not reached:
        raise InputError(
            f"error: no form of up to {int(evidence.lengths[-1])} items is off by as little as "
            f"{error:g} of the range on unseen families; the best by {means.min():.3g}"
        )
    return reached[0]


def _baseline_note(evidence: Evidence, size: int) -> tuple[str, ...]:
    """What is to be said where thought does not pay."""
    mine, drawn = evidence.error_of("form", size), evidence.error_of("random + model", size)
    if mine.error < drawn.error:
        return ()
    return (
        f"at {mine.items} items, as many random ones scored by the model do as well: draw them at "
        "random, afresh for each subject",
    )


def _notes(notes: tuple[str, ...], wrong: int) -> tuple[str, ...]:
    if not wrong:
        return notes
    said = f"{wrong} items on which better subjects do worse are kept out of the form"
    return (*notes, f"{said}, not out of the full score")
