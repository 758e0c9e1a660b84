"""How far do graders agree? From a table of labels to coefficients, errors and inversions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibrant._text import one_line
from calibrant.errors import InputError
from calibrant.judges.agreement.gold import AgainstGold, Truth, against, compare, truth_of
from calibrant.judges.agreement.inversion import Inversion, crowd_inversions, inversions
from calibrant.judges.agreement.pairs import MOST_PAIRED, Pair, against_rest, pair, tables
from calibrant.judges.agreement.result import Agreement, Unread
from calibrant.judges.label_scale import number
from calibrant.judges.labels import Duplicates, Labels, as_labels
from calibrant.stats.agreement.estimate import (
    ONE_CATEGORY,
    Coefficient,
    agreement_rate,
    bootstrapped,
    estimate,
)
from calibrant.stats.agreement.ratios import (
    METRICS,
    WEIGHTS,
    Metric,
    Ratio,
    Weights,
    alpha,
    distances,
    kappa,
    percent,
)

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

FINE = 100
"""Categories above which only coefficients of numbers are computed."""


def agree(
    source: Any,
    *,
    item: str | None = None,
    grader: str | None = None,
    label: str | None = None,
    graders: Sequence[str] | None = None,
    votes: str | None = None,
    gold: str | Sequence[str] | None = None,
    cluster: str | None = None,
    categories: Sequence[Any] | None = None,
    unparsed: Sequence[str] = (),
    duplicates: Duplicates = "refuse",
    scale: Metric = "nominal",
    weights: Weights | None = None,
    level: float = 0.95,
    bootstrap: int = 2000,
    seed: int = 0,
) -> Agreement:
    """How far graders agree, how often each is right, and whose labels are turned round.

    Args:
        source, item, grader, label, graders, votes, cluster, categories, unparsed, duplicates:
            the table of labels, see `calibrant.judges.labels.as_labels`.
        gold: a grader or a column that is taken for truth, "majority" (of all other graders, for
            each), or names of graders whose majority is.
        scale: "nominal", "ordinal" (categories in order), "interval" or "ratio" (numbers).
        weights: of kappas and AC2: "identity", "linear" or "quadratic", in ranks for "ordinal", in
            numbers else. By default "identity" for nominal labels, else "quadratic".
        level: of the intervals, strictly between 0 and 1.
        bootstrap: draws of the bootstrap intervals of the coefficients; 0 for none.
        seed: of the bootstrap.

    Raises:
        InputError: for wrong tables or options, a scale that the labels do not have, or labels
            of which no two concern the same item.
    """
    if not 0 < level < 1:
        raise InputError(f"level: wanted strictly between 0 and 1, got {level!r}")
    if bootstrap < 0 or 0 < bootstrap < 100:
        raise InputError(f"bootstrap: wanted 0 or at least 100 draws, got {bootstrap}")
    labels = as_labels(
        source, item=item, grader=grader, label=label, graders=graders, votes=votes,
        gold=gold if isinstance(gold, str) else None, cluster=cluster, categories=categories,
        unparsed=unparsed, duplicates=duplicates,
    )  # fmt: skip
    weights = _checked(labels, scale, weights)
    values = labels.values if scale in ("interval", "ratio") else None
    judged, truth = _judged(labels, gold)
    coefficients = _coefficients(judged, scale, weights, values, level, bootstrap, seed)
    pairs, turned, notes = _pairs(
        labels, weights, values, level, gold if isinstance(gold, str) else None
    )
    if truth is None and not any(c.items for c in coefficients) and not pairs:
        raise InputError("labels: no item has labels of two graders, so nothing can be compared")
    counts = judged.counts()
    per_item = counts.sum(axis=1)
    return Agreement(
        scale=scale, weights=weights, level=level, labels=judged.n,
        items=int((per_item > 0).sum()), single=int((per_item == 1).sum()),
        graders=judged.graders, categories=labels.categories,
        used=tuple(int(n) for n in counts.sum(axis=0)),
        coefficients=coefficients, pairs=pairs,
        gold=None if truth is None else truth.name,
        against=() if truth is None else _against(labels, truth, level),
        gold_ties=0 if truth is None else truth.ties,
        inversions=turned, unread=_unread(judged),
        clusters=None if labels.cluster is None else len(labels.clusters),
        bootstrap=bootstrap,
        notes=(*labels.notes, *notes, *_ties(truth), *_notes(judged, per_item, counts)),
    )  # fmt: skip


def _checked(labels: Labels, scale: str, weights: Weights | None) -> Weights:
    """The weights, if the labels have the scale."""
    if scale not in METRICS:
        raise InputError(f"scale: wanted one of {', '.join(METRICS)}, got {scale!r}")
    if scale in ("interval", "ratio") and labels.values is None:
        odd = [c for c in labels.categories if number(c) is None]
        raise InputError(f"scale: {scale} needs numbers, got the label {odd[0]!r}")
    if scale == "ratio" and labels.values is not None and float(labels.values.min()) < 0:
        raise InputError(f"scale: ratio needs numbers of 0 or more, got {labels.values.min():g}")
    if scale == "ordinal" and not labels.ordered:
        raise InputError("scale: ordinal needs the categories in their order (categories)")
    if scale in ("nominal", "ordinal") and len(labels.categories) > FINE:
        raise InputError(
            f"scale: {scale} with {len(labels.categories):,} categories, at most {FINE}; numbers "
            "may be of scale interval"
        )
    if weights is None:
        return "identity" if scale == "nominal" else "quadratic"
    if weights not in WEIGHTS:
        raise InputError(f"weights: wanted one of {', '.join(WEIGHTS)}, got {weights!r}")
    if scale == "nominal" and weights != "identity":
        raise InputError(f"weights: {weights} needs an order; the scale is nominal")
    return weights


def _judged(labels: Labels, gold: str | Sequence[str] | None) -> tuple[Labels, Truth | None]:
    """The labels without those of gold, and what gold means."""
    if gold is None:
        return labels, None
    if labels.anonymous:
        if not isinstance(gold, str) or gold not in labels.graders:
            raise InputError("gold: with votes, wanted a column, since who cast a vote is unknown")
        rest = labels.pick([g for g in labels.graders if g != gold])
        return rest, Truth(gold, {}, (), rest.majority()[1])
    truth = truth_of(labels, gold)
    if not isinstance(gold, str) or gold not in labels.graders:
        return labels, truth
    return labels.pick([g for g in labels.graders if g != gold]), truth


def _coefficients(
    labels: Labels,
    scale: Metric,
    weights: Weights,
    values: Floats | None,
    level: float,
    bootstrap: int,
    seed: int,
) -> tuple[Coefficient, ...]:
    """Coefficients over all graders; none for a single grader."""
    if len(labels.graders) < 2:
        return ()
    counts = labels.counts()
    ratios: list[Ratio] = [percent(counts)]
    if len(labels.categories) > 1 and len(labels.categories) <= FINE:
        ratios += [kappa(counts, c, weights=weights, values=values) for c in ("fleiss", "gwet")]
    ratios.append(alpha(counts, scale, labels.values))
    found = []
    for i, (ratio, child) in enumerate(
        zip(ratios, np.random.SeedSequence(seed).spawn(len(ratios)), strict=True)
    ):
        how = agreement_rate if i == 0 else estimate
        one = how(ratio, level=level, cluster=labels.cluster)
        # With one category left, Gwet's chance agreement is 0 and his coefficient would be 1.
        if i and one.value is not None and (counts.sum(axis=0) > 0).sum() < 2:
            one = Coefficient(one.name, items=one.items, labels=one.labels, undefined=ONE_CATEGORY)
        found.append(
            bootstrapped(one, ratio, draws=bootstrap, seed=child, level=level,
                         cluster=labels.cluster)
        )  # fmt: skip
    return tuple(found)


def _pairs(
    labels: Labels,
    weights: Weights,
    values: Floats | None,
    level: float,
    gold: str | None,
) -> tuple[tuple[Pair, ...], tuple[Inversion, ...], list[str]]:
    """Every pair of graders, and who contradicts whom."""
    if labels.anonymous or len(labels.graders) < 2:
        return (), (), []
    many = len(labels.graders)
    if many > MOST_PAIRED or len(labels.categories) > FINE:
        alone = "pairs of graders are not compared one by one"
        if len(labels.categories) > FINE:
            return (), (), [f"{len(labels.categories)} categories: {alone}"]
        rest = against_all(labels, weights, values)
        odd = crowd_inversions(rest, labels.graders, gold=gold)
        return (), odd, [f"{many} graders: {alone}"]
    found = list(tables(labels))
    pairs = tuple(pair(labels, t, weights, values, level) for t in found)
    turned = inversions(
        found, [p.kappa for p in pairs], [p.below for p in pairs], labels.graders,
        labels.categories, rest=against_all(labels, weights, values), gold=gold,
    )  # fmt: skip
    return tuple(p for p in pairs if p.items), turned, []


def against_all(labels: Labels, weights: Weights, values: Floats | None) -> list[float]:
    """P-values of each grader against all others; none where items come in clusters."""
    if labels.cluster is not None:
        return []
    return against_rest(labels.matrix(), 1 - distances(len(labels.categories), weights, values))


def _against(labels: Labels, truth: Truth, level: float) -> tuple[AgainstGold, ...]:
    if not labels.anonymous:
        return tuple(against(labels, truth, g, level) for g in truth.judged)
    true = labels.of(truth.name)
    crowd = labels.pick([g for g in labels.graders if g != truth.name])
    said, _ = crowd.majority()
    lost = np.zeros(len(labels.items), np.bool_)
    return (
        compare("majority of votes", said, true, lost, labels.categories, labels.cluster, level),
    )


def _unread(labels: Labels) -> Unread | None:
    """What verdicts that could not be read could change: exact bounds of percent agreement."""
    if not labels.unparsed or labels.unread_grader is None:
        return None
    by = np.bincount(labels.unread_grader, minlength=len(labels.graders))
    who = tuple((labels.graders[g], int(by[g])) for g in np.flatnonzero(by))
    if labels.anonymous:
        who = ()
    worst, best = agreement_bounds(labels.counts(), labels.unread_per_item())
    return Unread(labels.unparsed, labels.unread, who, worst, best)


def agreement_bounds(counts: Ints, unread: Ints) -> tuple[float | None, float | None]:
    """The least and the largest percent agreement, were the unread labels known.

    Pairs with the same label are most when all unread labels of an item join its most frequent
    one, and fewest when each joins the label that then is rarest.

    Args:
        counts: shape (items, categories), labels read. unread: shape (items,).
    """
    n = counts.sum(axis=1) + unread
    both = n >= 2
    if not both.any():
        return None, None
    counts, unread, n = counts[both], unread[both], n[both]
    top = counts.max(axis=1)
    most = (counts * (counts - 1)).sum(axis=1)
    most = most - top * (top - 1) + (top + unread) * (top + unread - 1)
    low = counts.copy()
    left = unread.copy()
    rows = np.arange(len(low))
    while left.any():
        rarest = low.argmin(axis=1)
        low[rows, rarest] += left > 0
        left = left - (left > 0)
    least = (low * (low - 1)).sum(axis=1)
    pairs = n * (n - 1)
    return float((least / pairs).mean()), float((most / pairs).mean())


def _ties(truth: Truth | None) -> list[str]:
    if truth is None or not truth.ties:
        return []
    return [f"{truth.ties:,} items have a tied majority and are left out against gold"]


def _notes(labels: Labels, per_item: Ints, counts: Ints) -> list[str]:
    """What is odd about these labels."""
    notes = []
    single = int((per_item == 1).sum())
    if single:
        items, say = ("item has", "says") if single == 1 else ("items have", "say")
        notes.append(f"{single:,} {items} one label and {say} nothing of agreement")
    if labels.anonymous:
        return notes
    size = len(labels.categories)
    cell = labels.grader * size + labels.code
    said = np.bincount(cell, minlength=len(labels.graders) * size)
    said = said.reshape(len(labels.graders), size)
    number_of = said.sum(axis=1)
    once = [labels.graders[g] for g in np.flatnonzero(number_of == 1)]
    if once:
        notes.append(f"{_some(once)} labelled one item only")
    for g in np.flatnonzero((number_of > 1) & ((said > 0).sum(axis=1) == 1))[:5]:
        what = labels.categories[int(said[g].argmax())]
        notes.append(f"{labels.graders[g]!r} always says {what!r} ({number_of[g]:,} labels)")
    if len(labels.graders) > 1:
        for k in np.flatnonzero(((said > 0).sum(axis=0) == 1) & (counts.sum(axis=0) > 0))[:5]:
            g = int(said[:, k].argmax())
            notes.append(f"only {labels.graders[g]!r} says {labels.categories[k]!r} "
                         f"({said[g, k]:,} times)")  # fmt: skip
    if labels.contradicted:
        notes.append("contradictions that were left out may have been the hard items")
    return [one_line(n, 300) for n in notes]


def _some(names: list[str]) -> str:
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(repr(n) for n in names[:3]) + more
