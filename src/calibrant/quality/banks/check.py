"""May this bank be used adaptively? What it is made of, and whether adapting pays on new subjects.

An adaptive test goes where information is said to be highest, and information forgets signs and
standard errors: it goes to items that are keyed the wrong way round, and to those whose slopes
chance made steep. So a bank is fine only if little is reversed, slopes are known well enough, and
adaptive tests were better than random ones on subjects that had no part in the calibration.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from calibrant.errors import InputError
from calibrant.quality.bank import Bank
from calibrant.quality.banks.result import ORDER, TRIAL, BankCheck, Finding, Verdict, Weight
from calibrant.quality.banks.trial import SHORTEST, Trial, held_out, simulated
from calibrant.quality.checks.rest import item_rest
from calibrant.quality.checks.working import NODES, WEIGHTS, Working, work
from calibrant.quality.families import codes, families
from calibrant.quality.responses import Responses
from calibrant.stats.comparisons.multiplicity import adjust

Floats = NDArray[np.float64]

REVERSED = 0.05
"""Share of items surely reversed, or of the bank's information in them, that forbids adapting."""
DOUBTFUL = 0.15
"""Share of items with a negative slope, sure or not, that forbids adapting."""
SUBJECTS, FEWEST = 30, 10
"""Calibration subjects below which adapting is forbidden, and the bank unusable."""
DOMINANCE = 3.0
"""Least ratio of the first to the second eigenvalue, where the second is more than noise."""
REPLICATES = 39


def check_bank(
    bank: Bank,
    responses: Responses | None = None,
    *,
    family: str | None = None,
    family_pattern: str | None = None,
    seed: int = 0,
) -> BankCheck:
    """Find whether tests on a bank may adapt, and why not.

    Args:
        bank: calibrated items.
        responses: what they were calibrated with, or other subjects' answers to them. Without
            responses, subjects are simulated from what the bank says of itself and of its errors.
        family, family_pattern: which subjects are versions of one model, as in
            `calibrant.quality.families.families`; they are held out together.
        seed: of the splits and simulations.

    Returns:
        "adaptive: fine" only if no finding forbids it, and adaptive tests predicted the scores of
        subjects held out of a calibration better than random tests did (one-sided 5 %).

    Raises:
        InputError: if the responses are to none of the bank's items.
    """
    rng = np.random.default_rng(seed)
    if responses is None:
        findings, flipped, trial = _from_bank(bank, rng)
    else:
        responses = _matched(bank, responses)
        findings, flipped, trial = _from_responses(
            bank, responses, families(responses, family, family_pattern), rng
        )
    if trial is not None:
        findings.append(_paid(trial))
    findings.sort(key=lambda f: -ORDER.index(f.weight))
    worst = findings[0].weight
    verdict: Verdict = worst if worst == "unusable" or worst == "random only" else "adaptive: fine"
    return BankCheck(
        verdict, tuple(findings), tuple(bank.items[j] for j in flipped), len(bank.items),
        None if responses is None else len(responses.subjects),
        None if trial is None else trial.length,
    )  # fmt: skip


def _matched(bank: Bank, responses: Responses) -> Responses:
    """The responses to the bank's items, in its order."""
    where = {name: j for j, name in enumerate(responses.items)}
    missing = [name for name in bank.items if name not in where]
    if missing:
        raise InputError(
            f"bank: wanted responses to all of its {len(bank.items)} items, "
            f"got none to {missing[0]!r} and {len(missing) - 1} others"
        )
    return responses.select(items=[where[name] for name in bank.items])


def _from_bank(
    bank: Bank, rng: np.random.Generator
) -> tuple[list[Finding], NDArray[np.int64], Trial | None]:
    """From the parameters and their covariance alone."""
    a = bank.discrimination
    if bank.covariance is None or not np.isfinite(bank.covariance[:, 0, 0]).any():
        flipped = np.flatnonzero(a < 0)
        told = Finding(
            "standard errors", "random only", None, None,
            "the bank has no standard errors and no responses came with it: "
            "nobody knows what its information is worth",
        )  # fmt: skip
        return [told, *_reversed(bank, flipped)], flipped, None
    error = np.sqrt(np.maximum(bank.covariance[:, 0, 0], 0.0))
    error = np.where(np.isfinite(error), error, 0.0)
    p = np.where(error > 0, ndtr(a / np.where(error > 0, error, 1.0)), np.where(a < 0, 0.0, 1.0))
    flipped = np.flatnonzero(adjust(p, "benjamini-hochberg") <= 0.05)
    findings = [*_reversed(bank, flipped), _sure(a, error), _reach(bank)]
    trial = None
    short = _short(len(bank.items))
    if short is not None:
        findings.append(short)
    elif bank.intercepts.shape[1] == 1 and bank.covariance.shape[1] >= 2:
        covariance = np.nan_to_num(bank.covariance[:, :2, :2])
        trial = simulated(a, bank.intercepts[:, 0], covariance, rng, mean=bank.mean, sd=bank.sd)
    else:
        findings.append(Finding(
            TRIAL, "random only", None, None,
            f"a {bank.model} bank is tried on responses only, and none came with it",
        ))  # fmt: skip
    return findings, flipped, trial


def _from_responses(
    bank: Bank, responses: Responses, names: tuple[str, ...], rng: np.random.Generator
) -> tuple[list[Finding], NDArray[np.int64], Trial | None]:
    """From responses to the bank's items."""
    unit = responses.unit
    answered = np.flatnonzero((~np.isnan(unit)).any(axis=1))
    unit = unit[answered]
    names = tuple(names[i] for i in answered)
    known = None if len(set(names)) == len(names) else names
    subjects = unit.shape[0]
    counted = _counted(subjects, known)
    if subjects < FEWEST:
        flipped = np.flatnonzero(bank.discrimination < 0)
        return [*counted, *_reversed(bank, flipped)], flipped, None
    rest = item_rest(unit, families=known)
    flipped = np.flatnonzero(rest.q_negative <= 0.05)
    fit = work(unit)
    findings = [
        *counted, *_reversed(bank, flipped, np.nan_to_num(rest.correlation, nan=1.0)),
        _sure(fit.slope, fit.slope_error), _constant(unit), _reach(bank, fit),
        *_one_ability(unit, fit, rng), _curse(unit, rng),
    ]  # fmt: skip
    groups = codes(names)
    short = _short(len(bank.items), float(np.median((~np.isnan(unit)).sum(axis=1))))
    if short is not None:
        findings.append(short)
    if short is not None or int(groups.max()) < 2:
        return findings, flipped, None
    return findings, flipped, held_out(unit, groups, rng)


def _counted(subjects: int, names: tuple[str, ...] | None) -> list[Finding]:
    weight: Weight = (
        "unusable" if subjects < FEWEST else "random only" if subjects < SUBJECTS else "ok"
    )
    found = Finding(
        "subjects", weight, subjects, SUBJECTS,
        f"{subjects} subjects answered; below {SUBJECTS} slopes are too unsure to adapt on, "
        f"below {FEWEST} to score with",
    )  # fmt: skip
    if names is None:
        told = Finding(
            "families", "caution", None, 10,
            "families of subjects are not known: versions of one model, some held out and some "
            "not, would make adapting look better than it is",
        )  # fmt: skip
        return [found, told]
    known = len(set(names))
    few: Weight = "random only" if known < 3 else "caution" if known < 10 else "ok"
    told = Finding(
        "families", few, known, 10,
        f"they come from {known} families; what holds for fewer than 10 may not for others",
    )  # fmt: skip
    return [found, told]


def _reversed(bank: Bank, flipped: NDArray[np.int64], sign: Floats | None = None) -> list[Finding]:
    """How much is the wrong way round, surely and in doubt, and what information it holds."""
    size = len(bank.items)
    sure = flipped.size / size
    theta = bank.mean + bank.sd * NODES
    total = WEIGHTS @ bank.information(theta)
    held = float(total[flipped].sum() / max(float(total.sum()), 1e-300))
    negative = bank.discrimination < 0
    if sign is not None:
        negative = negative | (sign < 0)
    doubtful = float(negative.mean())
    weight: Weight = "ok" if flipped.size == 0 else "caution"
    if max(sure, held) > REVERSED:
        weight = "random only"
    if sure > 0.5:
        weight = "unusable"
    found = [Finding(
        "reversed items", weight, sure, REVERSED,
        f"{flipped.size} of {size} items ({sure:.1%}) are surely answered better by weaker "
        f"subjects; they hold {held:.1%} of the information, and at most {REVERSED:.0%} may be",
    )]  # fmt: skip
    heavy: Weight = "unusable" if doubtful > 0.5 else "random only" if doubtful > DOUBTFUL else "ok"
    found.append(Finding(
        "negative slopes", heavy, doubtful, DOUBTFUL,
        f"{int(negative.sum())} of {size} items ({doubtful:.1%}) have a negative slope or "
        f"correlation with the rest, sure or not; at most {DOUBTFUL:.0%} may",
    ))  # fmt: skip
    return found


def _sure(slope: Floats, error: Floats) -> Finding:
    """Whether slopes are more than their standard errors."""
    relative = float(np.median(error / np.maximum(np.abs(slope), 1e-9)))
    weight: Weight = "random only" if relative > 1.0 else "caution" if relative > 0.5 else "ok"
    return Finding(
        "errors of slopes", weight, relative, 1.0,
        f"the median slope's standard error is {relative:.2f} of the slope; "
        "above 0.50 the steepest items are partly luck, above 1.00 mostly",
    )  # fmt: skip


def _constant(unit: Floats) -> Finding:
    seen = ~np.isnan(unit)
    least = np.where(seen, unit, np.inf).min(axis=0)
    most = np.where(seen, unit, -np.inf).max(axis=0)
    share = float((least >= most).mean())
    weight: Weight = (
        "unusable" if share > 0.9 else "random only" if share > 0.5 else
        "caution" if share > 0.1 else "ok"
    )  # fmt: skip
    return Finding(
        "constant items", weight, share, 0.5,
        f"{share:.1%} of the items have the same score for every subject, and tell nothing",
    )  # fmt: skip


def _reach(bank: Bank, fit: Working | None = None) -> Finding:
    """Whether there is information where subjects are."""
    ability = bank.mean + bank.sd * NODES
    total = bank.information(ability).sum(axis=1) * bank.sd**2
    mass = WEIGHTS if fit is None else fit.posterior.mean(axis=0)
    share = float(mass[total < 1.0].sum())
    weight: Weight = "unusable" if share > 0.9 else "random only" if share > 0.5 else (
        "caution" if share > 0.05 else "ok"
    )  # fmt: skip
    return Finding(
        "reach", weight, share, 0.5,
        f"{share:.1%} of subjects are where the whole bank measures no better than guessing "
        "the average (information × variance < 1)",
    )  # fmt: skip


def _one_ability(unit: Floats, fit: Working, rng: np.random.Generator) -> list[Finding]:
    """Whether one ability stands out of the noise, and above what comes second."""
    first, second = _eigenvalues(unit)
    lone, crowd = np.zeros(REPLICATES), np.zeros(REPLICATES)
    seen = ~np.isnan(unit)
    curve = fit.at_nodes
    for b in range(REPLICATES):
        shuffled = rng.permuted(np.where(seen, unit, np.nan), axis=0)
        crowd[b] = _eigenvalues(shuffled)[0]
        node = rng.choice(NODES.size, unit.shape[0], p=WEIGHTS)
        drawn = (rng.random(unit.shape) < curve[node]).astype(np.float64)
        lone[b] = _eigenvalues(np.where(seen, drawn, np.nan))[1]
    noise, most = float(crowd.max()), float(np.quantile(lone, 0.95))
    ratio = first / max(second, 1e-12)
    there: Weight = "ok" if first > noise else "unusable"
    apart: Weight = "random only" if second > most and ratio < DOMINANCE else (
        "caution" if second > most else "ok"
    )  # fmt: skip
    return [
        Finding(
            "an ability", there, first, noise,
            f"the first eigenvalue is {first:.1f}; of items shuffled apart it is up to {noise:.1f}",
        ),
        Finding(
            "one ability", apart, ratio, DOMINANCE,
            f"the second eigenvalue is {second:.1f} (by chance up to {most:.1f}), the first "
            f"{ratio:.1f} times that; wanted {DOMINANCE:g} where the second is more than chance",
        ),
    ]  # fmt: skip


def _eigenvalues(unit: Floats) -> tuple[float, float]:
    """The two largest of the items' correlation matrix; holes count as the item's mean."""
    seen = ~np.isnan(unit)
    n = np.maximum(seen.sum(axis=0), 1)
    mean = np.where(seen, unit, 0.0).sum(axis=0) / n
    x = np.where(seen, unit - mean, 0.0)
    sd = np.sqrt((x**2).sum(axis=0) / n)
    x = x[:, sd > 1e-9] / (sd[sd > 1e-9] * np.sqrt(unit.shape[0]))
    if min(x.shape) < 2:
        return 0.0, 0.0
    gram = x @ x.T if x.shape[0] <= x.shape[1] else x.T @ x
    values = np.linalg.eigvalsh(gram)
    return float(values[-1]), float(values[-2])


def _curse(unit: Floats, rng: np.random.Generator) -> Finding:
    """What one half of the subjects finds most informative, as the other half sees it."""
    order = rng.permutation(unit.shape[0])
    half = unit.shape[0] // 2
    one, two = (work(unit[part], rounds=25) for part in (order[:half], order[half:]))
    gains, claims = [], []
    for fit, judge in ((one, two), (two, one)):
        said, heard = (f.slope**2 * f.at_nodes * (1.0 - f.at_nodes) for f in (fit, judge))
        top = np.argsort(-said, axis=1)[:, : max(said.shape[1] // 10, 1)]
        picked = WEIGHTS @ np.take_along_axis(heard, top, axis=1).mean(axis=1)
        claims.append(float(WEIGHTS @ np.take_along_axis(said, top, axis=1).mean(axis=1)))
        gains.append((float(picked), float(WEIGHTS @ heard.mean(axis=1))))
    kept = sum(g[0] for g in gains) / max(sum(claims), 1e-12)
    gain = sum(g[0] for g in gains) / max(sum(g[1] for g in gains), 1e-12)
    # A caution only: what it costs is counted by the adaptive tests of held-out subjects.
    weight: Weight = "caution" if gain < 1.1 or kept < 0.5 else "ok"
    return Finding(
        "winner's curse", weight, kept, 0.5,
        f"the tenth of items that half the subjects find most informative has {gain:.2f} times "
        f"the average information for the other half, and {kept:.0%} of what was claimed",
    )  # fmt: skip


def _short(items: int, answered: float | None = None) -> Finding | None:
    """Said where a test of the shortest length takes most of what there is; else None."""
    least = 2 * SHORTEST
    if items >= least and (answered is None or answered >= least):
        return None
    have, said = items, f"the bank has {items} items"
    if items >= least and answered is not None:
        have, said = int(answered), f"half of the subjects answered at most {answered:.0f} items"
    return Finding(
        "short bank", "random only", have, least,
        f"{said}, too few to adapt on: tests have at least {SHORTEST}, and with fewer than {least} "
        "to choose from an adaptive test is hardly another than a random one",
    )  # fmt: skip


def _paid(trial: Trial) -> Finding:
    saved = trial.saved
    weight: Weight = "ok" if trial.p <= 0.05 and trial.ratio < 1 else "random only"
    return Finding(
        TRIAL, weight, trial.ratio, 1.0,
        f"with {trial.length} items, adaptive tests of {trial.adaptive.size} {trial.source} "
        f"subjects had {trial.ratio:.2f} of the squared error of random ones (95 % interval "
        f"{1 - saved.high:.2f} to {1 - saved.low:.2f}), p {trial.p:.2g}",
    )  # fmt: skip
