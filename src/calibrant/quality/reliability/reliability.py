"""Would the scores of this benchmark repeat? Everything that its responses can say of it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.polynomial.hermite_e import hermegauss

from calibrant._figure import shorten
from calibrant._text import one_line
from calibrant.errors import InputError
from calibrant.quality.bank import Bank, read_bank
from calibrant.quality.families import codes, families, family_notes
from calibrant.quality.read import read_responses
from calibrant.quality.reliability import coefficients as c
from calibrant.quality.reliability.coefficients import Floats, Ints
from calibrant.quality.reliability.components import generalizability, long_table
from calibrant.quality.reliability.conditional import bank_errors, conditional
from calibrant.quality.reliability.factors import hierarchy, omega
from calibrant.quality.reliability.generalizability import Generalizability
from calibrant.quality.reliability.halves import split_halves
from calibrant.quality.reliability.intervals import (
    BOOTSTRAP_UP_TO,
    Estimate,
    asymptotic,
    bootstrap_t,
    feldt,
    jackknife,
)
from calibrant.quality.reliability.ranks import rank_reliability
from calibrant.quality.reliability.result import BankErrors, Reliability
from calibrant.quality.reliability.variants import Variants, over_variants
from calibrant.quality.responses import Responses

FEW = 10
"""Subjects below which a reader is warned."""

_HOLES = "there are holes; Eρ² says the same from what was observed"


def reliability(
    source: Any,
    *,
    clusters: str | None = None,
    groups: str | None = None,
    family: str | None = None,
    family_pattern: str | None = None,
    facets: Sequence[str] | None = None,
    bank: Bank | str | Path | None = None,
    cut: float | None = None,
    targets: Sequence[float] = (0.8, 0.9, 0.95),
    level: float = 0.95,
    draws: int = 2000,
    splits: int = 1000,
    seed: int = 0,
    **reading: Any,
) -> Reliability:
    """Find how far the scores of a benchmark would repeat, and how many items are enough.

    Args:
        source: whatever `read_responses` takes.
        clusters: the fact about items that says which belong together; by default "cluster" if it
            is known. Clusters are never split, and are what is drawn.
        groups: the fact about items that groups what they measure, for ω hierarchical and
            stratified α; by default "category".
        family, family_pattern: which subjects are relatives, as `quality.families.families`;
            whole families are drawn for intervals.
        facets: of the study of components, as `generalizability`.
        bank: calibrated items (or the path of a bank), for errors by item response theory.
        cut: a score for Φ(λ).
        targets: reliabilities to plan for.
        level: of all intervals, strictly between 0 and 1.
        draws: of the bootstrap.
        splits: random halves, where there are more.
        seed: the same seed gives the same numbers.
        reading: more arguments of `read_responses`.

    Raises:
        InputError: for what cannot be read, unknown names, or fewer than 2 subjects or items.
    """
    if not 0 < level < 1:
        raise InputError(f"level: wanted strictly between 0 and 1, got {level!r}")
    for target in targets:
        if not 0 < target < 1:
            raise InputError(f"target: wanted strictly between 0 and 1, got {target!r}")
    known_bank = read_bank(Path(bank)) if isinstance(bank, str | Path) else bank
    responses, notes = _usable(read_responses(source, **reading))
    if cut is not None and not responses.low <= cut <= responses.high:
        raise InputError(f"cut: wanted {responses.low:g} to {responses.high:g}, got {cut:g}")
    names = families(responses, family, family_pattern)
    own = codes(names)
    notes = (*notes, *family_notes(names))
    cluster, group = _marks(responses, clusters, "cluster"), _marks(responses, groups, "category")
    if clusters is not None and clusters != "cluster" and cluster is not None:
        # The study of components finds clusters under their own name.
        facts = responses.item_facts.with_columns(cluster=responses.item_facts[clusters])
        responses = replace(responses, item_facts=facts)
    cannot: list[tuple[str, str]] = []

    def tried(what: str, make: Callable[[], Any]) -> Any:
        try:
            return make()
        except InputError as e:
            # Said in the result: one part that cannot be had must not hide the others.
            cannot.append((what, str(e)))
            return None

    if responses.complete:
        found = _coefficients(responses, own, cluster, group, level, draws, seed)
        halves = tried("split halves", lambda: split_halves(
            responses.unit, cluster, families=own, splits=splits, level=level, seed=seed
        ))  # fmt: skip
    else:
        found = (Estimate("Cronbach's alpha", "α", None, note=_HOLES),)
        cannot.append(("coefficients and split halves", _HOLES))
        halves = None
    study: Generalizability | None = tried("components", lambda: generalizability(
        _joined(responses), facets=facets, families=own, cut=cut, targets=targets, level=level,
        seed=seed))  # fmt: skip
    ranks = None
    if study is not None:
        ranks = tried("ranks", lambda: rank_reliability(
            responses.unit, responses.subjects, study.universe, study.coefficient[0], cluster
        ))  # fmt: skip
    table = long_table(responses)
    variants: Variants | None = None
    if table["variant"].n_unique() > 1:
        variants = tried("variants", lambda: over_variants(
            table, share=_share(study), level=level, seed=seed))  # fmt: skip
    notes = (*notes, *_warnings(responses, study, cluster))
    return Reliability(
        len(responses.subjects), len(responses.items), int(responses.observed.sum()),
        int((~responses.observed).sum()), None if cluster is None else int(cluster.max()) + 1,
        None if group is None else int(group.max()) + 1, int(own.max()) + 1, level, found, halves,
        study,
        tried("errors at a score", lambda: conditional(
            responses.unit, responses.subjects, cluster, low=responses.low, high=responses.high,
            level=level)),
        None if known_bank is None else _by_bank(known_bank),
        ranks, variants, tuple(cannot), notes,
    )  # fmt: skip


def _usable(responses: Responses) -> tuple[Responses, tuple[str, ...]]:
    """Without subjects and items that have no score, which is said."""
    there = responses.observed
    subjects, items = there.any(axis=1), there.any(axis=0)
    notes = list(responses.notes)
    for kept, what in ((subjects, "subjects"), (items, "items")):
        if not kept.all():
            notes.append(f"{int((~kept).sum())} {what} have no score and are left out")
    found = responses.select(subjects=np.flatnonzero(subjects), items=np.flatnonzero(items))
    if len(found.subjects) < 2 or len(found.items) < 2:
        raise InputError(
            f"reliability: wanted at least 2 subjects and 2 items with scores, got "
            f"{len(found.subjects)} and {len(found.items)}"
        )
    return found, tuple(notes)


def _marks(responses: Responses, name: str | None, usual: str) -> Ints | None:
    """Numbers of what each item belongs to; None if that says nothing."""
    known = responses.item_column(usual if name is None else name)
    if known is None:
        if name is not None:
            facts = one_line(", ".join(responses.item_facts.columns), 120)
            raise InputError(f"items: no column {name!r} about them; there are {facts}")
        return None
    if None in known:
        if name is None:
            return None
        raise InputError(f"items: {known.count(None)} have no {name}")
    _, numbers = np.unique(np.array(known, dtype=str), return_inverse=True)
    size = int(numbers.max()) + 1
    return None if size in (1, len(known)) else numbers.astype(np.int64)


def _joined(responses: Responses) -> Responses:
    """Refused if subjects and items fall apart into sets that never meet.

    Raises:
        InputError: naming one subject of each of two sets.
    """
    there = responses.observed
    rows = np.zeros(there.shape[0], np.bool_)
    rows[0] = True
    for _ in range(there.shape[0]):
        wider = np.asarray(there[:, there[rows].any(axis=0)].any(axis=1), np.bool_)
        if (wider == rows).all():
            break
        rows = wider
    if not rows.all():
        other = responses.subjects[int(np.argmin(rows))]
        raise InputError(
            f"subjects {one_line(responses.subjects[0], 40)!r} and {one_line(other, 40)!r} are not "
            "linked by any chain of common items, so their scores cannot be compared"
        )
    return responses


def _coefficients(
    responses: Responses,
    families: Ints,
    clusters: Ints | None,
    groups: Ints | None,
    level: float,
    draws: int,
    seed: int,
) -> tuple[Estimate, ...]:
    """All coefficients of a matrix without holes."""
    x = responses.unit
    value = c.alpha(x)  # refused here if there is none at all
    n, k = x.shape
    made = [_alpha(x, families, level, draws, seed)]
    low, high = feldt(value, n, k, level)
    # fmt: off
    made.append(Estimate("α under normality", "α (Feldt)", value, low, high, "Feldt's F",
                         "exact for normal scores, too narrow where abilities are skewed"))
    # fmt: on
    both = partial(_estimate, x, families, level, seed)
    made.append(both("standardised alpha", "α std", c.standardised_alpha))
    made.append(both("Guttman's lambda 2", "λ2", c.lambda2))
    made.append(both("Guttman's lambda 6", "λ6", c.lambda6))
    made.append(both("McDonald's omega, total", "ω", lambda y: omega(y)[0]))
    made.append(both("omega of one factor", "ω one", lambda y: omega(y)[1]))
    if groups is not None:
        made.append(
            both("omega, total, with groups", "ω groups", lambda y: hierarchy(y, groups).total)
        )
        made.append(both("omega, hierarchical", "ω_h", lambda y: hierarchy(y, groups).hierarchical))
        made.append(both("stratified alpha", "α strat", lambda y: c.stratified_alpha(y, groups)))
    if clusters is not None:
        made.append(both("alpha of clusters (Raju)", "α clusters",
                         lambda y: c.cluster_alpha(y, clusters)))  # fmt: skip
    if responses.binary:
        made.append(both("KR-21", "KR-21", c.kr21))
    return tuple(made)


def _alpha(x: Floats, families: Ints, level: float, draws: int, seed: int) -> Estimate:
    value, name = c.alpha(x), "Cronbach's alpha"
    binary = bool(((x == 0) | (x == 1)).all())
    note = "KR-20, as scores are 0 and 1" if binary else ""
    try:
        if x.shape[0] <= BOOTSTRAP_UP_TO:
            low, high = bootstrap_t(x, families, level, draws=draws, seed=seed)
            how = "bootstrap t"
        else:
            low, high = asymptotic(x, families, level)
            how = "distribution-free"
    except InputError as e:
        return Estimate(name, "α", value, note="; ".join(filter(None, [note, str(e)])))
    return Estimate(name, "α", value, low, high, how, note)


def _estimate(
    x: Floats,
    families: Ints,
    level: float,
    seed: int,
    name: str,
    symbol: str,
    statistic: Callable[[Floats], float],
) -> Estimate:
    try:
        value = statistic(x)
    except InputError as e:
        return Estimate(name, symbol, None, note=str(e))
    try:
        low, high = jackknife(value, lambda kept: statistic(x[kept]), families, level, seed=seed)
    except InputError as e:
        return Estimate(name, symbol, value, note=str(e))
    return Estimate(name, symbol, value, low, high, "jackknife")


def _by_bank(known: Bank) -> BankErrors:
    theta = known.mean + known.sd * np.linspace(-3.0, 3.0, 61)
    error, score, spread = bank_errors(known, theta)
    node, weight = hermegauss(61)
    inner = bank_errors(known, known.mean + known.sd * node)[0]
    # Where the items say nothing an estimate is shrunk to the mean: its error is the spread.
    lost = 1.0 / (1.0 / np.square(inner) + 1.0 / known.sd**2)
    marginal = 1.0 - float(weight @ lost) / float(weight.sum()) / known.sd**2
    return BankErrors(
        tuple(theta.tolist()), tuple(e if math.isfinite(e) else None for e in error.tolist()),
        tuple(score.tolist()), tuple(spread.tolist()), marginal,
    )  # fmt: skip


def _share(study: Generalizability | None) -> float | None:
    if study is None:
        return None
    parts = [p.share for p in study.components[:-1] if "variant" in p.term.split(":")]
    return sum(parts) if parts else None


def _alike(x: Floats) -> float:
    """The chance that two subjects score alike throughout, if items were answered independently."""
    chance = 1.0
    for column in x.T:
        count = np.unique(column[~np.isnan(column)], return_counts=True)[1]
        chance *= float(np.square(count / max(count.sum(), 1)).sum()) if count.size else 1.0
    return chance


def _warnings(
    responses: Responses, study: Generalizability | None, clusters: Ints | None
) -> tuple[str, ...]:
    notes = []
    n = len(responses.subjects)
    if n < FEW:
        notes.append(f"{n} subjects: another few may give quite another reliability")
    x = responses.unit
    with np.errstate(invalid="ignore"):
        lowest, highest = np.nanmin(x, axis=0), np.nanmax(x, axis=0)
    constant = int((lowest == highest).sum())
    if constant:
        notes.append(
            f"{constant} items have one score for all subjects: they count as items, "
            "but tell nobody apart"
        )
    _, first, again = np.unique(
        np.nan_to_num(x, nan=-1.0), axis=0, return_index=True, return_inverse=True
    )
    twice = [i for i in range(n) if first[again.ravel()[i]] != i]
    if twice and _alike(x) * n * (n - 1) / 2 < 0.05:
        other = responses.subjects[first[again.ravel()[twice[0]]]]
        notes.append(
            f"{len(twice)} subjects have the scores of another one throughout, such as "
            f"{shorten(responses.subjects[twice[0]], 40)} and {shorten(other, 40)}: if it is one "
            "under two names, intervals are too narrow"
        )
    failed = int(responses.failed.sum())
    if failed:
        notes.append(f"{failed} trials failed and are left out; if failing goes with ability, "
                     "that changes the scores")  # fmt: skip
    if not responses.complete:
        notes.append("cells are missing: estimates hold if they are missing at random")
    if int(responses.trials.max()) > 1:
        notes.append("coefficients are of means over repeats; the components take repeats apart")
    if clusters is not None:
        notes.append("items come in clusters, which intervals and errors keep whole")
    if study is not None:
        notes += [f"{f.name}: {f.note}; its variance is not 0, but cannot be told"
                  for f in study.facets if not f.estimated and f.name != "epoch"
                  and "everywhere" not in f.note]  # fmt: skip
    return tuple(notes)
