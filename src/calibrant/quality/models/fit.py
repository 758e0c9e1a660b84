"""The verb `fit`: item parameters, abilities and their errors, with a check of the computation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibrant.errors import InputError
from calibrant.quality.bank import MODELS, Bank
from calibrant.quality.models.adequacy import adequacy_of
from calibrant.quality.models.ascend import ascend
from calibrant.quality.models.climb import Prior, Summit, climb
from calibrant.quality.models.data import Data
from calibrant.quality.models.grid import Grid
from calibrant.quality.models.information import precision, wholly
from calibrant.quality.models.kernel import Kernel
from calibrant.quality.models.notes import design_notes, summit_notes
from calibrant.quality.models.prepare import (
    ENOUGH_FOR_SLOPES,
    GRADED,
    Prepared,
    choose,
    prepare,
    prepare_arrays,
)
from calibrant.quality.models.result import Fit
from calibrant.quality.models.tables import item_fits
from calibrant.quality.read import read_responses
from calibrant.quality.responses import Responses, of_matrix

Floats = NDArray[np.float64]
Progress = Callable[[int, float, float], None]

CHECKED_CELLS, CHECKED_SUBJECTS = 150_000, 300
"""Of larger responses a sample is checked, no larger than this."""

TOLERANCE = 1e-9
"""The largest derivative per subject at which a fit is taken to have converged."""


def fit(
    source: Any,
    *,
    model: str = "auto",
    prior: str | None = None,
    fractional: bool = False,
    robust: bool = False,
    level: float = 0.95,
    check: bool = True,
    seed: int = 0,
    progress: Progress | None = None,
    **reading: Any,
) -> Any:
    """Fit item response models by marginal maximum likelihood.

    Abilities are normal, with mean 0 and sd 1; in a rasch and a pcm slopes are 1 and the sd is
    estimated. Missing answers say nothing. A cell of several trials of a right-or-wrong item is
    binomial; the likelihood is that of the single trials.

    Args:
        source: whatever `read_responses` takes.
        model: one of `MODELS`, "continuous", or "auto": 2pl for right or wrong, grm for a few
            categories (rasch and pcm below 100 subjects), else continuous.
        prior: "guessing" puts a normal prior on the logit of g of a 3pl (mean −1.4, sd 0.5). No
            other prior is used, save on items whose estimate would be infinite.
        fractional: take a score between failure and success as that share of a success; a
            quasi-likelihood, with sandwich errors.
        robust: sandwich errors in any case.
        level: of intervals.
        check: also check whether the bank may be used adaptively.
        seed: of that check.
        progress: called after each pass with its number, log likelihood and largest derivative.
        **reading: for `read_responses`.

    Returns:
        Fit; for a continuous model what `calibrant.quality.manifold` returns.

    Raises:
        InputError: if the scores do not suit the model, or are too few.
    """
    if model not in (*MODELS, "auto", "continuous"):
        raise InputError(f"model: wanted auto, continuous, {', '.join(MODELS)}, got {model!r}")
    if prior not in (None, "guessing") or (prior == "guessing" and model != "3pl"):
        raise InputError(f"prior: wanted guessing, with a 3pl, or none; got {prior!r}")
    if not 0 < level < 1:
        raise InputError(f"level: wanted a number between 0 and 1, got {level:g}")
    responses = read_responses(source, **reading)
    if fractional and model == "auto":
        chosen = "2pl" if len(responses.subjects) >= ENOUGH_FOR_SLOPES else "rasch"
        why: list[str] = []
    else:
        chosen, why = choose(responses, model)
    if chosen == "continuous":
        return _continuous(responses, level, check=check, seed=seed)
    prepared = prepare(responses, chosen, prior=prior, fractional=fractional)
    found = fitted(
        prepared, responses.subjects, responses.items, level=level, robust=robust,
        progress=progress,
    )  # fmt: skip
    found = replace(found, notes=(*responses.notes, *why, *found.notes))
    if not check:
        return found
    checked, sampled = _checked(found.bank, responses, seed)
    return replace(found, bank_check=checked, notes=(*found.notes, *sampled))


def fit_bank(
    scores: NDArray[Any],
    model: str = "2pl",
    *,
    prior: str | None = None,
    level: float = 0.95,
    low: float = 0.0,
    high: float = 1.0,
) -> Fit:
    """Fit a plain matrix of scores, one trial a cell.

    Args:
        scores: shape (subjects, items), NaN where there is none. An array of small integers 0 and
            1 is taken for a right-or-wrong model without making a larger copy.
        model: one of `MODELS`.
        low, high: the range that a score may have.

    Raises:
        InputError: as for `fit`.
    """
    scores = np.asarray(scores)
    if model not in MODELS:
        raise InputError(f"model: wanted {', '.join(MODELS)}, got {model!r}")
    if (
        scores.ndim == 2 and scores.dtype in (np.int8, np.uint8, np.bool_) and 0 not in scores.shape
        and model not in GRADED and (low, high) == (0.0, 1.0) and len(scores) >= 10
        and model != "3pl"
    ):  # fmt: skip
        if scores.dtype != np.bool_ and (scores.min() < 0 or scores.max() > 1):
            raise InputError(f"responses: wanted scores 0 and 1, got {scores.max()}")
        values = np.tile([0.0, 1.0], (scores.shape[1], 1))
        prepared = prepare_arrays(scores.view(np.int8), None, values, model)
        names = [tuple(f"{w} {i + 1}" for i in range(n))
                 for w, n in zip(("subject", "item"), scores.shape, strict=True)]  # fmt: skip
        return fitted(prepared, names[0], names[1], level=level)
    responses = of_matrix(np.asarray(scores, np.float64), low=low, high=high)
    prepared = prepare(responses, model, prior=prior)
    return fitted(prepared, responses.subjects, responses.items, level=level)


def fitted(
    prepared: Prepared,
    subjects: tuple[str, ...],
    items: tuple[str, ...],
    *,
    level: float = 0.95,
    robust: bool = False,
    progress: Progress | None = None,
) -> Fit:
    """Fit what was prepared."""
    kernel = Kernel(prepared.data, prepared.family)
    summit = _highest(kernel, prepared.start, prepared.prior, progress)
    if np.sum(summit.xi[:, 0] < 0) > prepared.data.items / 2:
        summit = _flipped(kernel, summit)
    robust = robust or prepared.fractional
    sure = precision(kernel, summit, robust=robust)
    adequacy = adequacy_of(kernel, summit, sure, TOLERANCE)
    bank, xi, covariance = _bank(prepared, items, summit, sure.covariance)
    back = np.argsort(prepared.order)
    mean, variance = summit.found.mean[back] * bank.sd, summit.found.variance[back] * bank.sd**2
    drift = sure.drift[back] * bank.sd**2
    return Fit(
        prepared.family.model, summit.found.log_likelihood, prepared.family.count, adequacy,
        item_fits(items, prepared, xi, covariance, summit.separated, level),
        subjects, mean, np.sqrt(variance), np.sqrt(variance + drift), bank,
        _reliability(prepared.data, summit), level,
        (*prepared.notes, *design_notes(prepared, subjects, back), *summit_notes(prepared, summit)),
    )  # fmt: skip


def _highest(kernel: Kernel, start: Floats, prior: Prior, progress: Progress | None) -> Summit:
    """Climb, then Newton steps where that creeps and the test is small enough."""
    small = wholly(kernel, 40)
    summit = climb(kernel, start, prior, tolerance=TOLERANCE, most=80 if small else 500,
                   progress=progress)  # fmt: skip
    if small:
        summit = ascend(kernel, summit, TOLERANCE)
    if summit.gradient <= TOLERANCE * kernel.data.subjects or not small:
        return summit
    return climb(kernel, summit.xi, summit.prior, tolerance=TOLERANCE, progress=progress)


def _flipped(kernel: Kernel, summit: Summit) -> Summit:
    """Ability the other way round, so that most items ask for more of it."""
    xi = summit.xi.copy()
    xi[:, 0] *= -1
    turned = Grid(summit.grid.spacing, -summit.grid.high, -summit.grid.low)
    kernel.mean = None
    found = kernel.evaluate(xi, turned)
    return replace(summit, xi=xi, grid=turned, found=found)


def _bank(
    prepared: Prepared, items: tuple[str, ...], summit: Summit, covariance: Floats
) -> tuple[Bank, Floats, Floats]:
    """The bank, and parameters with covariances on its scale; variance 0 for what is fixed."""
    family = prepared.family
    xi, covariance = summit.xi.copy(), covariance.copy()
    sd = 1.0
    if family.common:
        # A common slope of standard normal abilities is the sd of abilities of slope 1.
        sd = float(xi[0, 0])
        xi[:, 0] = 1.0
        covariance[:, 0] = covariance[:, :, 0] = 0.0
    free = family.free.copy()
    free[:, 0] &= not family.common
    steps = slice(1, 1 + family.steps)
    guessing = np.zeros(xi.shape[0])
    if family.model == "3pl":
        guessing = 1.0 / (1.0 + np.exp(-np.clip(xi[:, -1], -700, 700)))
    bank = Bank(
        family.model, tuple(items[j] for j in prepared.kept), xi[:, 0],
        np.where(free[:, steps], xi[:, steps], np.nan), guessing, prepared.values, 0.0, sd,
        np.where(free[:, :, None] & free[:, None, :], covariance, np.nan),
    )  # fmt: skip
    return bank, xi, covariance


def _reliability(data: Data, summit: Summit) -> dict[str, float | None]:
    """Of abilities: empirical and marginal; of sum scores: α, where nothing is missing."""
    mean, variance = summit.found.mean, summit.found.variance
    spread, error = float(mean.var()), float(variance.mean())
    alpha = None
    if data.trials is None and data.items > 1:
        total = np.zeros(data.subjects)
        first, second = np.zeros(data.items), np.zeros(data.items)
        for rows in data.blocks():
            y = data.block(rows)[0]
            total[rows] = y.sum(axis=1)
            first += y.sum(axis=0)
            second += np.einsum("ij,ij->j", y, y)
        own = (second - first**2 / data.subjects).sum() / data.subjects
        if total.var() > 0:
            alpha = float(data.items / (data.items - 1) * (1 - own / total.var()))
    return {"empirical": spread / (spread + error), "marginal": 1 - error, "alpha": alpha}


def _continuous(responses: Responses, level: float, *, check: bool, seed: int) -> Any:
    from calibrant.quality.manifold.beside import beside
    from calibrant.quality.manifold.continuous import fit_continuous

    found = fit_continuous(responses, level=level)
    return replace(found, beside=beside(responses, check=check, seed=seed))


def _checked(bank: Bank, responses: Responses, seed: int) -> tuple[dict[str, Any], list[str]]:
    """Whether the bank may be used adaptively; of a large one, by a sample."""
    from calibrant.quality.banks.check import check_bank

    place = {name: j for j, name in enumerate(responses.items)}
    items = np.array([place[name] for name in bank.items])
    people, notes = np.arange(len(responses.subjects)), []
    chosen = np.arange(items.size)
    if people.size * items.size > CHECKED_CELLS:
        rng = np.random.default_rng(seed)
        people = np.sort(rng.permutation(people.size)[:CHECKED_SUBJECTS])
        most = max(CHECKED_CELLS // people.size, 100)
        chosen = np.sort(rng.permutation(items.size)[:most])
        notes = [
            f"whether the bank may be used adaptively was checked on {chosen.size:,} of its items "
            f"and {people.size:,} of its subjects, drawn at random"
        ]
    part = responses.select(subjects=people, items=items[chosen])
    found: dict[str, Any] = check_bank(bank.select(chosen), part, seed=seed).to_dict()
    return found, notes
