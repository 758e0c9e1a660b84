"""How often does each interval of this room hold the truth, on data drawn for a regime?"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from calibrant.errors import InputError
from calibrant.judges.correction.certificates.simulate import (
    Floats,
    Ints,
    Limits,
    by_chance,
    by_strata,
    clustered,
    draw,
    scores,
    summary,
    today,
)
from calibrant.judges.correction.correct import FEW, WORTH
from calibrant.judges.correction.designs import ppi_clustered, ppi_stratified, ppi_weighted
from calibrant.judges.correction.double import DoubleSample, likelihood_limits
from calibrant.judges.correction.exact import exact_limits
from calibrant.judges.correction.identify import fieller
from calibrant.judges.correction.methods import bounded
from calibrant.judges.correction.ppi import ppi_mean
from calibrant.judges.correction.rare import rare_upper
from calibrant.stats.budgets.grader import rogan_gladen
from calibrant.stats.certificates import Regime, peers
from calibrant.stats.estimates.intervals import clopper_pearson


def _both(found: list[tuple[float, float]]) -> Limits:
    ends = np.array(found)
    return ends[:, 0], ends[:, 1]


def _exact(tables: Ints, more: Ints) -> Limits:
    limits = [exact_limits(DoubleSample.of(t, m)) for t, m in zip(tables, more, strict=True)]
    return _both([(x.low, x.high) for x in limits])


def _columns(table: NDArray[np.int64], more: NDArray[np.int64]) -> tuple[Floats, Floats, Floats]:
    """Gold labels, the judge's values with them, and without, from counts."""
    counts = table.ravel()
    y, f = np.repeat([1.0, 1, 0, 0], counts), np.repeat([1.0, 0, 1, 0], counts)
    return y, f, np.repeat([1.0, 0], more)


def _crossed(tables: Ints, more: Ints) -> tuple[Limits, Floats]:
    """Cross-fitted limits and gains; NaN where the labels cannot tell."""
    rows = [ppi_mean(*_columns(t, m), lam="cross-fitted") for t, m in zip(tables, more,
                                                                         strict=True)]  # fmt: skip
    gains = np.array([np.nan if r.gain is None else r.gain for r in rows])
    return _both([(r.low, r.high) for r in rows]), gains


def exact_batch(regime: Regime, rng: np.random.Generator, draws: int) -> Mapping[str, float]:
    """Coverage and width of the exact interval."""
    tables, more = draw(regime, rng, draws)
    found = {"exact": _exact(tables, more), **today(tables, more, rng)}
    return summary(regime["rate"], found)


def score_batch(regime: Regime, rng: np.random.Generator, draws: int) -> Mapping[str, float]:
    """Coverage and width of the likelihood's intervals; without an estimate all rates remain."""
    tables, more = draw(regime, rng, draws)
    sample = DoubleSample.of(tables, more)
    found = {}
    for method in ("score", "profile"):
        low, high = likelihood_limits(sample, method=method)
        found[method] = np.nan_to_num(low, nan=0.0), np.nan_to_num(high, nan=1.0)
    return summary(regime["rate"], found | today(tables, more, rng))


def ppi_batch(regime: Regime, rng: np.random.Generator, draws: int) -> Mapping[str, float]:
    """Coverage and width of prediction-powered intervals of a rate."""
    tables, more = draw(regime, rng, draws)
    found = {"cross-fitted": _crossed(tables, more)[0], **today(tables, more, rng)}
    return summary(regime["rate"], found)


def recommended_batch(regime: Regime, rng: np.random.Generator, draws: int) -> Mapping[str, float]:
    """Coverage and width of what `correct` recommends, by its rule."""
    tables, more = draw(regime, rng, draws)
    low, high = likelihood_limits(DoubleSample.of(tables, more))
    yes = tables[:, 0].sum(-1)
    alone = _both([(i.low, i.high) for i in (clopper_pearson(int(k), regime["labels"]) for k in
                                             yes)])  # fmt: skip
    gains = _crossed(tables, more)[1]
    flagged = tables[:, :, 0].sum(-1) + more[:, 0]
    useless = (gains <= WORTH) | (flagged == 0) | (flagged == regime["items"])
    enough = (np.minimum(yes, regime["labels"] - yes) >= FEW) & ~np.isnan(low) & ~useless
    ends = np.where(enough, (low, high), alone)
    for i in np.flatnonzero(~useless & ~enough):
        exact = exact_limits(DoubleSample.of(tables[i], more[i]))
        if exact.high - exact.low < ends[1, i] - ends[0, i]:
            ends[:, i] = exact.low, exact.high
    found = {"recommended": (ends[0], ends[1]), **today(tables, more, rng)}
    return summary(regime["rate"], found)


def fieller_batch(regime: Regime, rng: np.random.Generator, draws: int) -> Mapping[str, float]:
    """How often the set of Rogan and Gladen's rate holds the truth, and what shape it has."""
    tables, more = draw(regime, rng, draws)
    rate = regime["rate"]
    held = whole = split = exact = 0
    for table, rest in zip(tables.tolist(), more.tolist(), strict=True):
        (hit, missed), (alarm, right) = table
        se, sp = (hit, hit + missed), (right, alarm + right)
        if not (se[1] and sp[1]):
            held, whole, exact = held + 1, whole + 1, exact + 1
            continue
        parts = fieller((rest[0], sum(rest)), se, sp)
        held += any(a <= rate <= b for a, b in parts)
        whole += parts[0][0] == -np.inf and parts[-1][1] == np.inf and len(parts) == 1
        split += len(parts) == 2
        try:
            found = rogan_gladen(rest[0], sum(rest), se, sp)
            exact += found.low <= rate <= found.high
        except InputError:
            exact += 1
    peer = {k: v for k, v in today(tables, more, rng).items() if k in ("naive", "delta")}
    return {
        "set covered": held / draws, "set whole line": whole / draws,
        "set two half lines": split / draws, "error split covered": exact / draws,
        **summary(rate, peer),
    }  # fmt: skip


def rare_batch(regime: Regime, rng: np.random.Generator, draws: int) -> Mapping[str, float]:
    """Upper bounds at 95 % when the judge's flags are checked and some of the rest."""
    rate, se, sp, m = (regime[k] for k in ("rate", "sensitivity", "specificity", "items"))
    kept, lost = 1 - regime["unparsed"], regime["unparsed"]
    # Verdicts are lost on events only: the worst there is.
    lost = min(lost, rate)
    cells = [rate * kept * se, rate * kept * (1 - se), (1 - rate) * (1 - sp), (1 - rate) * sp, lost]
    cells[1] = max(rate - lost, 0) * (1 - se)
    cells[0] = max(rate - lost, 0) * se
    counts = rng.multinomial(m, np.array(cells) / sum(cells), size=draws)
    sums = dict.fromkeys(
        ("covered", "bound", "naive covered", "naive bound", "flags covered", "flags bound"), 0.0
    )
    for hit, missed, alarm, right, gone in counts.tolist():
        flagged, passed = hit + alarm, missed + right
        n1, n0 = round(flagged * regime["checked"]), min(regime["labels"], passed)
        x1 = int(rng.hypergeometric(hit, alarm, n1)) if n1 else 0
        x0 = int(rng.hypergeometric(missed, right, n0)) if n0 else 0
        found = rare_upper((flagged, n1, x1), (passed, n0, x0), unparsed=gone).bound
        naive = clopper_pearson(flagged, flagged + passed, side="upper").high
        flags = clopper_pearson(x1, max(n1 + passed, 1), side="upper").high
        for name, bound in (("", found), ("naive ", naive), ("flags ", flags)):
            sums[f"{name}covered"] += rate <= bound
            sums[f"{name}bound"] += bound
    return {name: total / draws for name, total in sums.items()}


def mean_batch(regime: Regime, rng: np.random.Generator, draws: int) -> Mapping[str, float]:
    """Coverage for means of scores in 0–1: cross-fitted PPI++, and limits for bounded scores."""
    n, rest = regime["labels"], regime["items"] - regime["labels"]
    found: dict[str, list[tuple[float, float]]] = {}
    truth = float(regime["truth"])
    for _ in range(draws):
        y, f = scores(regime, n + rest, rng)
        plus, crossed, one = (
            ppi_mean(y[:n], f[:n], f[n:], lam=lam) for lam in ("tuned", "cross-fitted", 1.0)
        )
        row = bounded(y[:n], f[:n], f[n:], level=0.95, side="two")
        error = f.std(ddof=1) / f.size**0.5
        rows = {
            "cross-fitted": (crossed.low, crossed.high), "bounded": (row.low, row.high),
            "ppi_py": (plus.low, plus.high), "plain PPI": (one.low, one.high),
            "naive": (f.mean() - 1.96 * error, f.mean() + 1.96 * error),
        }  # fmt: skip
        for name, ends in rows.items():
            found.setdefault(name, []).append(ends)
    return summary(truth, {name: _both(ends) for name, ends in found.items()})


def design_batch(regime: Regime, rng: np.random.Generator, draws: int) -> Mapping[str, float]:
    """Coverage of clustered, stratified or weighted PPI++, beside PPI++ that forgets the design."""
    work = {"clusters": clustered, "strata": by_strata, "chances": by_chance}[regime["design"]]
    found: dict[str, list[tuple[float, float]]] = {"design": [], "ppi_py": [], "naive": []}
    for _ in range(draws):
        truth, y, f, rest, design = work(regime, rng)
        if work is by_chance:
            ours = ppi_weighted(y, f, design[0], rest)
        else:
            ours = (ppi_clustered if work is clustered else ppi_stratified)(y, f, rest, *design)
        plain = ppi_mean(y, f, rest)
        every = np.concatenate([f, rest])
        reach = 1.96 * float(every.std()) / every.size**0.5
        middle = float(every.mean())
        for name, (low, high) in (
            ("design", (ours.low, ours.high)), ("ppi_py", (plain.low, plain.high)),
            ("naive", (middle - reach, middle + reach)),
        ):  # fmt: skip
            found[name].append((low - truth, high - truth))
    return summary_apart(found)


def summary_apart(found: dict[str, list[tuple[float, float]]]) -> dict[str, float]:
    """Coverage and width of limits given as distances from the truth."""
    statistics = {}
    for name, ends in found.items():
        low, high = _both(ends)
        statistics[f"{name} covered"] = peers.held(0.0, (low, high))
        statistics[f"{name} width"] = float(np.mean(np.minimum(high - low, 2)))
    return statistics


def verdict_batch(regime: Regime, rng: np.random.Generator, draws: int) -> Mapping[str, float]:
    """Exact and score intervals where flagged items and a sample of the others are labelled."""
    rate, se, sp, m = (regime[k] for k in ("rate", "sensitivity", "specificity", "items"))
    cells = [rate * se, rate * (1 - se), (1 - rate) * (1 - sp), (1 - rate) * sp]
    counts = rng.multinomial(m, cells, size=draws)
    items = np.stack([counts[:, 0] + counts[:, 2], counts[:, 1] + counts[:, 3]], axis=-1)
    labels = np.minimum(items, [regime["flagged"], regime["passed"]])
    positives = np.stack(
        [rng.hypergeometric(counts[:, i], counts[:, i + 2], labels[:, i]) for i in (0, 1)], axis=-1
    )
    sample = DoubleSample(items, labels, positives)
    every = [exact_limits(DoubleSample(*row)) for row in zip(items, labels, positives,
                                                              strict=True)]  # fmt: skip
    low, high = likelihood_limits(sample)
    wald = sample.estimate(), 1.96 * np.sqrt(sample.plain_variance())
    ends = [np.nan_to_num(wald[0] - wald[1], nan=0.0), np.nan_to_num(wald[0] + wald[1], nan=1.0)]
    pooled = [clopper_pearson(int(x.sum()), int(n.sum())) for x, n in zip(positives, labels,
                                                                         strict=True)]  # fmt: skip
    naive = [clopper_pearson(int(k), m) for k in items[:, 0]]
    found = {
        "exact": _both([(x.low, x.high) for x in every]),
        "score": (np.nan_to_num(low, nan=0.0), np.nan_to_num(high, nan=1.0)),
        "stratified Wald": (ends[0], ends[1]),
        "pooled gold": _both([(x.low, x.high) for x in pooled]),
        "naive": _both([(x.low, x.high) for x in naive]),
    }
    return summary(rate, found)
