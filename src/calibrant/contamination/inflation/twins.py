"""What would the score be on items nobody has seen? Published items beside secret twins."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.special import ndtr

from calibrant.contamination.inflation.data import answers_on, trials_of
from calibrant.contamination.inflation.result import Ends, Inflation, check_reason, term
from calibrant.errors import InputError
from calibrant.records.identity import id_of
from calibrant.stats.comparisons.multiplicity import Comparison
from calibrant.stats.comparisons.paired import compare_items
from calibrant.stats.comparisons.two_rates import mcnemar
from calibrant.stats.estimates.clusters import Clusters, betting, cluster_interval
from calibrant.stats.estimates.intervals import clopper_pearson

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Pairs = str | Path | Mapping[str, Any] | Sequence[tuple[str, str]]

LEAST = 5
"""Published items with twins below which nothing is estimated."""


def twin_inflation(
    source: Any,
    *,
    subject: str,
    instrument: str,
    twins: str,
    pairs: Pairs | None = None,
    score: str | None = None,
    mismatch: float = 0.0,
    fixed_clusters: bool = False,
    reason: str | None = None,
    level: float = 0.95,
) -> Inflation:
    """Inflation as the mean difference of published items and their unpublished twins.

    Epochs and variants of an item are averaged first, then the twins of an item. Items that share
    a twin, or a cluster, are one unit. One twin each, scores of 0 and 1 and no clusters: the exact
    McNemar test with its melded interval; else what `compare_items` does. The score without
    exposure is the mean on the twins (each weighted by the published items it stands for), with
    Clopper–Pearson limits, or limits for clusters.

    Args:
        source: a path that `read` takes, or a table of trials.
        subject: as the table names it.
        instrument, twins: the published items, and the twins.
        pairs: a file with columns `published` and `twin` (or `twin_of` and `id`, as of the twins
            that `generate` makes), a mapping, or pairs of ids. By default items of the same id are
            pairs, else items of the same cluster are a group.
        score: which one, where there are several.
        mismatch: by how much the twins' mean difficulty may differ, in units of the score, such
            as the margin of the equivalence test they passed: a rectangular Type B term, by which
            intervals are widened at both ends whatever it is.
        fixed_clusters: the clusters (templates, say) are all that are meant, not a sample of such:
            pairs within them are the sample.
        reason: "random-twin" if which of each pair was published was drawn at random;
            "matched-twin" if the mismatch is known to be within the allowance. Without one no
            p-value is given.
        level: confidence.

    Raises:
        InputError: if there are too few pairs, or anything named is not there.
    """
    said = check_reason(reason, ("random-twin", "matched-twin"))
    if not (math.isfinite(mismatch) and 0 <= mismatch < 1):
        raise InputError(f"mismatch: wanted from 0 to below 1, got {mismatch!r}")
    if said == "random-twin" and mismatch > 0:
        raise InputError("mismatch: of twins drawn at random there is none; wanted matched-twin")
    trials = trials_of(source, score)
    published, secret = answers_on(trials, instrument), answers_on(trials, twins)
    left, right = published.of(subject), secret.of(subject)
    links = _links(pairs, left, right)
    x, y, unit = _rows(left, right, links, clustered=not fixed_clusters)
    if x.size < LEAST:
        raise InputError(f"twins: wanted at least {LEAST} published items with twins, got {x.size}")
    notes = [*published.lost(subject), *secret.lost(subject)]
    units = len(set(unit.tolist()))
    if units < x.size and not fixed_clusters:
        notes.append(
            f"The {units:,} clusters are taken as a sample of such clusters; with fixed clusters "
            "only the pairs within them are."
        )
    if alone := left.height - x.size:
        notes.append(f"{alone:,} published items without a twin are left out.")
    found = estimate_twins(x, y, unit, level, mismatch)
    p = None
    if said:
        p = p_value(x, y, unit, mismatch)
    else:
        notes.append("No p-value, as no reason was named why twins are exchangeable with items.")
    comparison, ends, without_ends = found
    d, u = comparison.difference, comparison.standard_uncertainty
    terms = [term("twins", "A", u)]
    if mismatch:
        terms.append(term("mismatch of the twins", "B", mismatch / math.sqrt(3), mismatch))
    return Inflation(
        subject=subject, instrument=instrument, score=str(trials["grader"][0]), design="twins",
        value=d, standard_error=math.hypot(*(t["u"] for t in terms)), df=None,
        interval=ends, level=level, observed=float(x.mean()), without=float(y.mean()),
        without_interval=without_ends, p=p, reason=said, items=x.size, references=0,
        terms=tuple(terms), method=comparison.method,
        assumptions=_assumptions(mismatch, said), notes=tuple(notes),
        detail={"twins": twins, "units": units, "mismatch": mismatch,
                "fixed_clusters": fixed_clusters,
                "higher_published": int((x > y).sum()), "higher_twin": int((x < y).sum())},
    )  # fmt: skip


def _assumptions(mismatch: float, reason: str) -> tuple[str, ...]:
    equal = {
        "random-twin": "Which of each pair was published was drawn at random.",
        "": "The twins are as difficult as the published items, on average.",
    }.get(reason, f"The twins' mean difficulty differs by at most {mismatch:g}.")
    if mismatch and not reason:
        equal = f"The twins' mean difficulty differs by at most {mismatch:g}."
    return (equal, "The subject has not seen the twins.")


def estimate_twins(
    x: Floats, y: Floats, unit: Ints, level: float, mismatch: float
) -> tuple[Comparison, Ends, Ends]:
    """The comparison, the inflation's interval, and that of the score without exposure.

    Args:
        x: shape (items,), scores of published items.
        y: shape (items,), mean scores of the twins of each.
        unit: shape (items,), which items are one unit.
    """
    clusters = None if np.unique(unit).size == unit.size else unit
    comparison = compare_items(x, y, clusters=clusters, level=level, score_range=1.0)
    inner = comparison.interval
    ends = max(-1.0, inner.low - mismatch), min(1.0, inner.high + mismatch)
    low, high = mean_interval(y, unit, level)
    return comparison, ends, (max(0.0, low - mismatch), min(1.0, high + mismatch))


def mean_interval(y: Floats, unit: Ints, level: float) -> Ends:
    """Limits of a mean of scores in 0–1 whose units are a sample."""
    alone = np.unique(unit).size == unit.size
    whole = bool(np.isin(y, (0, 1)).all())
    if alone and whole:
        exact = clopper_pearson(int(y.sum()), y.size, level=level)
        return exact.low, exact.high
    if not alone and np.unique(unit).size < 2:
        raise InputError("units: wanted at least 2 clusters, got 1")
    of = Clusters.of(y, unit)
    if whole:
        found = cluster_interval(of, method="beta-binomial", level=level)
    elif np.ptp(of.sums / of.sizes) > 1e-9:
        found = cluster_interval(of, method="robust", level=level)
    else:
        found = betting(of, level=level)
    return max(0.0, found.low), min(1.0, found.high)


def p_value(x: Floats, y: Floats, unit: Ints, mismatch: float) -> float:
    """One-sided p-value that inflation is at most the mismatch: the error at which the lower
    limit touches it; above ¼ it is normal."""
    clusters = None if np.unique(unit).size == unit.size else unit

    def at(level: float) -> Comparison:
        return compare_items(x, y, clusters=clusters, level=level, score_range=1.0)

    first = at(0.95)
    d, u = first.difference, first.standard_uncertainty
    if mismatch == 0:
        if first.method.startswith("exact McNemar"):
            up, down = len(first.a_higher), len(first.b_higher)
            return mcnemar(up, down, alternative="greater")
        return first.p_value / 2 if d > 0 else 1 - first.p_value / 2 if d < 0 else 1.0
    high = 0.499
    if at(1 - high).interval.low <= mismatch:
        return max(high / 2, float(ndtr(-(d - mismatch) / u)))
    low = 1e-12
    for _ in range(30):
        middle = math.sqrt(low * high)
        low, high = (low, middle) if at(1 - middle).interval.low > mismatch else (middle, high)
    return high / 2


def _links(pairs: Pairs | None, left: pl.DataFrame, right: pl.DataFrame) -> list[tuple[str, str]]:
    """Which twin belongs to which published item."""
    here, there = set(left["item"]), set(right["item"])
    if pairs is not None:
        given = list(_given(pairs))
        # Readers of logs put a hash after the id of a sample; pairs may be of bare ids.
        mine, theirs = ({id_of(i): i for i in s} | {i: i for i in s} for s in (here, there))
        links = [(mine[a], theirs[b]) for a, b in given if a in mine and b in theirs]
        if not links:
            raise InputError(f"pairs: none of {len(given)} has scores on both sides")
        return links
    if same := sorted(here & there):
        return [(item, item) for item in same]
    named = pl.col("cluster").is_not_null()
    both = left.filter(named).join(right.filter(named), on="cluster", how="inner", suffix="_twin")
    if both.is_empty():
        raise InputError(
            "pairs: wanted a file of pairs, as published items and twins share neither ids nor "
            "clusters"
        )
    return list(zip(both["item"], both["item_twin"], strict=True))


def _given(pairs: Pairs) -> Iterable[tuple[str, str]]:
    if isinstance(pairs, str | Path):
        from calibrant.records.frames import read_table

        frame = read_table(Path(pairs))
        names = ("twin_of", "id") if "twin_of" in frame.columns else ("published", "twin")
        for name in names:
            if name not in frame.columns:
                raise InputError(f"{pairs}: wanted columns {' and '.join(names)}, lacks {name!r}")
        rows = zip(*(frame[name] for name in names), strict=True)
        return [(str(a), str(b)) for a, b in rows if a is not None and b is not None]
    if isinstance(pairs, Mapping):
        return [
            (str(a), str(b))
            for a, many in pairs.items()
            for b in ([many] if isinstance(many, str) else many)
        ]
    return [(str(a), str(b)) for a, b in pairs]


def _rows(
    left: pl.DataFrame, right: pl.DataFrame, links: Sequence[tuple[str, str]], *, clustered: bool
) -> tuple[Floats, Floats, Ints]:
    """Score, mean score of the twins, and unit of each published item that has twins."""
    mine: dict[str, list[str]] = {}
    for a, b in dict.fromkeys(links):
        mine.setdefault(a, []).append(b)
    value, secret = (dict(zip(f["item"], f["score"], strict=True)) for f in (left, right))
    items = sorted(mine)
    x = np.array([value[a] for a in items])
    y = np.array([float(np.mean([secret[b] for b in mine[a]])) for a in items])
    ties: list[tuple[Hashable, Hashable]] = [(("p", a), ("t", b)) for a in items for b in mine[a]]
    for kind, frame in (("p", left), ("t", right)) if clustered else ():
        ties += [
            ((kind, i), ("c", c))
            for i, c in zip(frame["item"], frame["cluster"], strict=True)
            if c is not None
        ]
    root = _joined(ties)
    label: dict[Hashable, int] = {}
    unit = np.array([label.setdefault(root[("p", a)], len(label)) for a in items], np.int64)
    return x, y, unit


def _joined(ties: Iterable[tuple[Hashable, Hashable]]) -> dict[Hashable, Hashable]:
    """The representative of everything that is tied together (union–find)."""
    parent: dict[Hashable, Hashable] = {}

    def find(a: Hashable) -> Hashable:
        parent.setdefault(a, a)
        while parent[a] != a:
            parent[a] = parent[parent[a]]
            a = parent[a]
        return a

    for a, b in ties:
        parent[find(a)] = find(b)
    return {a: find(a) for a in list(parent)}
