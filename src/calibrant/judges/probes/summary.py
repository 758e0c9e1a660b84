"""What is a judge moved by? From a table of its verdicts to findings, one a probe.

A verdict row is one showing: a case as it was or altered, in one order, once. Pointwise its value
is the score; pairwise it is the preference, 0–1, for the answer shown first.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from calibrant.errors import InputError
from calibrant.judges.probes.changes import (
    Share,
    excess_changes,
    first_place,
    mean_shift,
    share,
)
from calibrant.judges.probes.effects import shift
from calibrant.judges.probes.findings import Detection, Finding, OrderSwap, Retest, Summary
from calibrant.judges.probes.power import moved_by_chance, probe_power
from calibrant.judges.probes.probe import Kind, Probe
from calibrant.stats.comparisons.multiplicity import adjust

Floats = NDArray[np.float64]

ORDER = "order-swap"
"""The probe of place: it needs no altered text, only every case in both orders."""

ORDER_SWAP = Probe(
    ORDER, "position", "Does the answer shown first gain by it?", "same",
    frozenset({"pairwise"}), lambda case, side, rng: None,  # noqa: ARG005
    "Wang et al., Large language models are not fair evaluators, arXiv 2305.17926 (2023)",
)  # fmt: skip
"""For lists: how cases are put is the runner's, so that this alters nothing."""

VERDICTS: dict[str, Any] = {
    "case": pl.Int64(), "item": pl.String(), "probe": pl.String(), "side": pl.Int64(),
    "first": pl.Int64(), "repeat": pl.Int64(), "value": pl.Float64(), "log_odds": pl.Float64(),
    "said": pl.String(), "reason": pl.String(),
}  # fmt: skip
"""Columns of a table of verdicts: `probe` is null for a case as it was, `side` the number of the
altered answer, `first` the number of the answer shown first (null pointwise), `value` null for a
verdict that failed, and then `reason` says why."""


@dataclass(frozen=True)
class Terms:
    """What is asked of all probes.

    Attributes:
        alpha: chance of any false "biased", and of any false "robust", over all probes.
        margin: the largest shift that does not matter, as a share of the verdict's range.
        wanted: the share of harmed answers that a working judge must mark down.
    """

    alpha: float = 0.05
    margin: float = 0.1
    wanted: float = 0.8
    seed: int = 0

    def __post_init__(self) -> None:
        for name, most in (("alpha", 0.5), ("margin", 1.0), ("wanted", 1.0)):
            value = getattr(self, name)
            if not 0 < value < most:
                raise InputError(f"{name}: wanted between 0 and {most:g}, got {value!r}")


class _Table:
    """Verdicts by (case, order, repeat), as arrays with NaN for what failed."""

    def __init__(self, verdicts: pl.DataFrame, kind: Kind) -> None:
        for column in VERDICTS:
            if column not in verdicts.columns:
                raise InputError(f"verdicts: wanted a column {column!r}")
        self.kind: Kind = kind
        self.repeats = int(verdicts["repeat"].max() or 0) + 1 if verdicts.height else 1  # type: ignore[arg-type]
        self.places = 2 if kind == "pairwise" else 1
        self.item: dict[int, str] = {}
        self.side: dict[tuple[str | None, int], int | None] = {}
        self.value: dict[tuple[str | None, int], Floats] = {}
        self.odds: dict[int, Floats] = {}
        columns = ("case", "item", "probe", "side", "first", "repeat", "value", "log_odds")
        for case, item, probe, side, first, repeat, value, odds in verdicts.select(
            columns
        ).iter_rows():
            self.item[case] = item
            at = self.value.setdefault((probe, case), self._empty())
            place = 0 if first is None else int(first)
            at[place, repeat] = math.nan if value is None else value
            self.side[probe, case] = side
            if probe is None and odds is not None:
                self.odds.setdefault(case, self._empty())[place, repeat] = odds

    def _empty(self) -> Floats:
        return np.full((self.places, self.repeats), math.nan)

    def cases(self, probe: str | None) -> list[int]:
        return sorted(case for name, case in self.value if name == probe)

    def items(self, cases: Sequence[int]) -> list[str]:
        return [self.item[c] for c in cases]

    def raw(self, probe: str | None, cases: Sequence[int]) -> Floats:
        """Shape (cases, places, repeats): scores, or preferences for the answer shown first."""
        found = [self.value[probe, c] for c in cases]
        return np.stack(found) if found else np.zeros((0, self.places, self.repeats))

    def towards(self, probe: str | None, cases: Sequence[int], of: str) -> Floats:
        """Shape (cases, verdicts): scores, or preferences for the side that `of` altered."""
        found = self.raw(probe, cases)
        if self.kind == "pairwise":
            for row, case in enumerate(cases):
                other = 1 - int(self.side[of, case] or 0)
                # Where the other answer stood first, the preference is for the other.
                found[row, other] = 1 - found[row, other]
        return found.reshape(len(cases), -1)


def summarise(
    verdicts: pl.DataFrame,
    probes: Sequence[Probe],
    kind: Kind,
    *,
    low: float = 0.0,
    high: float = 1.0,
    terms: Terms | None = None,
    not_applicable: Mapping[str, int] | None = None,
) -> Summary:
    """What a table of verdicts shows, for each probe.

    Args:
        verdicts: a table as `VERDICTS`; every case as it was, and altered by each probe.
        probes: the probes that were put; `order-swap` is added for pairwise judges.
        kind: of the judge.
        low, high: the range of scores (pairwise 0–1).
        terms: error rates, margin and wanted detection.
        not_applicable: cases that a probe had nothing to change in, by probe.

    Multiplicity: p-values are adjusted over all probes (Holm; Benjamini–Hochberg and –Yekutieli
    are given too), intervals hold together by Bonferroni.

    Raises:
        InputError: for a table that lacks columns, or verdicts outside the range.
    """
    terms = terms or Terms()
    if kind == "pairwise":
        low, high = 0.0, 1.0
    table = _Table(verdicts, kind)
    named = [p for p in probes if table.cases(p.name)]
    many = len(named) + (kind == "pairwise" and bool(table.cases(None)))
    found: list[Finding] = []
    order = None
    if many and kind == "pairwise":
        order = _order_swap(table, terms)
        found.append(_order_finding(table, many, terms))
    for p in named:
        missing = (not_applicable or {}).get(p.name, 0)
        found.append(_finding(table, p, many, low, high, terms, missing))
    return Summary(
        kind, low, high, len(table.cases(None)), len(set(table.item.values())), table.repeats,
        _judged(found, high - low, terms), order, _retest(table, terms),
        terms.alpha, terms.margin, terms.wanted,
        verdicts.height, int(verdicts["value"].null_count()),
    )  # fmt: skip


def _finding(
    table: _Table, p: Probe, many: int, low: float, high: float, terms: Terms, missing: int
) -> Finding:
    cases = [c for c in table.cases(p.name) if (None, c) in table.value]
    items = table.items(cases)
    base, altered = (table.towards(name, cases, p.name) for name in (None, p.name))
    detection = None
    if p.expect == "lower":
        detection = _detection(base, altered, items, low, many, terms, table.repeats)
    return _with_shift(
        p.name, p.family, p.asks, p.expect, p.source, base, altered, items, many,
        (low, high), terms, missing,
        changed=_changed(table, p.name, cases, terms),
        detection=detection,
    )  # fmt: skip


def _with_shift(
    name: str, family: str, asks: str, expect: str, source: str, base: Floats, altered: Floats,
    items: list[str], many: int, ends: tuple[float, float], terms: Terms, missing: int, *,
    changed: tuple[Share, tuple[float, float] | None] | None, detection: Detection | None,
) -> Finding:  # fmt: skip
    low, high = ends
    options: dict[str, Any] = {"low": low, "high": high, "clusters": items, "seed": terms.seed}
    alone = shift(base, altered, level=1 - terms.alpha, **options)
    together = shift(base, altered, level=1 - terms.alpha / many, **options)
    span = high - low
    units = alone.clusters or alone.n
    moved = alone.towards + alone.away
    power = probe_power(
        units, terms.margin * span, span=span,
        moved=moved_by_chance(alone.towards, alone.away, alone.n),
        sd=alone.sd if moved >= 8 and alone.sd > 0 else None, alpha=terms.alpha / many,
    )  # fmt: skip
    return Finding(
        name=name, family=family, asks=asks, expect=expect, source=source,
        cases=len(base), not_applicable=missing,
        failed_base=int(np.isnan(base).sum()), failed_altered=int(np.isnan(altered).sum()),
        shift=alone, simultaneous=(together.interval.low, together.interval.high),
        inner=together.outer, power=power,
        changed=None if changed is None else changed[0],
        excess=None if changed is None else changed[1], detection=detection,
    )  # fmt: skip


def _changed(
    table: _Table, probe: str, cases: list[int], terms: Terms
) -> tuple[Share, tuple[float, float] | None]:
    """The raw share of verdicts that changed, and how much of it is more than chance."""
    base, altered = (_called(table, table.raw(name, cases)) for name in (None, probe))
    whole = np.isfinite(base) & np.isfinite(altered)
    where = np.nonzero(whole)
    labels = [table.item[cases[i]] for i in where[0].tolist()]
    events = (base != altered)[where].astype(np.int64)
    flat = (-1, table.repeats)
    excess = excess_changes(base.reshape(flat), altered.reshape(flat), seed=terms.seed)
    return share(events, labels, level=1 - terms.alpha), excess


def _called(table: _Table, values: Floats) -> Floats:
    """What was said, where only that counts: the winner or a tie of a pair; a score as it is."""
    if table.kind == "pointwise":
        return values
    return np.asarray(np.where(np.isnan(values), math.nan, np.sign(values - 0.5)))


def _detection(
    base: Floats, altered: Floats, items: list[str], floor: float, many: int, terms: Terms,
    repeats: int,
) -> Detection:  # fmt: skip
    """Of harmed answers whose verdict could fall, the share whose verdict fell."""
    known = np.isfinite(base).any(axis=1)
    seen = np.isfinite(altered).any(axis=1)
    before, after = _means(base), _means(altered)
    testable = known & (before > floor + 1e-9)
    fell = testable & seen & (after < before - 1e-9)
    rose = testable & seen & (after > before + 1e-9)
    at = np.flatnonzero(testable)
    labels = [items[i] for i in at]
    level = 1 - terms.alpha / many
    could = fell | (testable & ~seen)
    return Detection(
        fell=share(fell[at], labels, level=1 - terms.alpha),
        lower=share(fell[at], labels, level=level, side="lower").low,
        upper=share(could[at], labels, level=level, side="upper").high,
        rose=int(rose.sum()), failed=int((testable & ~seen).sum()),
        at_floor=int((known & ~testable).sum()), wanted=terms.wanted,
        by_chance=_falls_by_chance(base.reshape(len(base), -1, repeats), floor),
    )  # fmt: skip


def _falls_by_chance(base: Floats, floor: float) -> float | None:
    """The share of verdicts above the floor that were lower in another repeat."""
    repeats = base.shape[2]
    one = np.stack([_means(base[:, :, r]) for r in range(repeats)], axis=1)
    fell = could = 0
    for i in range(repeats):
        for j in range(repeats):
            both = (one[:, i] > floor + 1e-9) & np.isfinite(one[:, j]) & (i != j)
            could += int(both.sum())
            fell += int((both & (one[:, j] < one[:, i] - 1e-9)).sum())
    return fell / could if could else None


def _means(v: Floats) -> Floats:
    """Means of what is known; NaN for a row of nothing."""
    known = np.isfinite(v)
    count = known.sum(axis=1)
    total = np.where(known, v, 0.0).sum(axis=1)
    return np.asarray(np.where(count > 0, total / np.maximum(count, 1), math.nan))


def _order_swap(table: _Table, terms: Terms) -> OrderSwap:
    """Who wins when the answers swap sides, from the cases as they were."""
    cases = table.cases(None)
    said = _called(table, table.raw(None, cases))
    one, two = said[:, 0, :], said[:, 1, :]
    whole = np.isfinite(one) & np.isfinite(two)
    where = np.nonzero(whole)
    labels = [table.item[cases[i]] for i in where[0].tolist()]
    a, b = one[where], two[where]
    parts = {
        "first": (a > 0) & (b > 0), "second": (a < 0) & (b < 0), "consistent": a == -b,
    }  # fmt: skip
    shares = {k: share(v, labels, level=1 - terms.alpha) for k, v in parts.items()}
    wavering = ~(parts["first"] | parts["second"] | parts["consistent"])
    # The exact limits are for independent pairs: of each item the first that is whole.
    alone = [labels.index(x) for x in dict.fromkeys(labels)]
    place = first_place(
        int(parts["first"][alone].sum()), int(parts["second"][alone].sum()), level=1 - terms.alpha
    )
    ends: tuple[float | None, float | None, float | None] = place
    from_odds = None
    if table.odds:
        both = np.stack([table.odds.get(c, table._empty()) for c in cases])
        mean = both.mean(axis=(1, 2))
        ok = np.flatnonzero(np.isfinite(mean))
        found = (
            mean_shift(mean[ok], table.items([cases[i] for i in ok]), level=1 - terms.alpha)
            if ok.size
            else None
        )
        from_odds = found
    if from_odds is not None:
        ends = from_odds
    return OrderSwap(
        pairs=int(whole.sum()), failed=int((~whole).sum()),
        always_first=shares["first"], always_second=shares["second"],
        consistent=shares["consistent"], wavering=int(wavering.sum()),
        log_odds=ends[0], log_odds_interval=(ends[1], ends[2]),
        log_odds_from="log-odds" if from_odds is not None else "pairs shown both ways, exact",
    )  # fmt: skip


def _order_finding(table: _Table, many: int, terms: Terms) -> Finding:
    cases = table.cases(None)
    raw = table.raw(None, cases)
    # Answer 0 when it stands first, against when it stands second.
    return _with_shift(
        ORDER, ORDER_SWAP.family, ORDER_SWAP.asks, "same", ORDER_SWAP.source,
        1 - raw[:, 1, :], raw[:, 0, :],
        table.items(cases), many, (0.0, 1.0), terms, 0, changed=None, detection=None,
    )  # fmt: skip


def _retest(table: _Table, terms: Terms) -> Retest | None:
    """How often repeats of one unaltered showing differ; None without repeats."""
    if table.repeats < 2:
        return None
    cases = table.cases(None)
    values = table.raw(None, cases)
    said = _called(table, values)
    events, labels, gaps = [], [], []
    for i in range(table.repeats):
        for j in range(i):
            whole = np.isfinite(said[:, :, i]) & np.isfinite(said[:, :, j])
            where = np.nonzero(whole)
            events += (said[:, :, i] != said[:, :, j])[where].astype(int).tolist()
            gaps += np.abs(values[:, :, i] - values[:, :, j])[where].tolist()
            labels += [table.item[cases[k]] for k in where[0].tolist()]
    found = share(np.array(events, dtype=np.int64), labels, level=1 - terms.alpha)
    return Retest(table.repeats, found, float(np.mean(gaps)) if gaps else None)


def _judged(found: Sequence[Finding], span: float, terms: Terms) -> tuple[Finding, ...]:
    """Findings with p-values adjusted over all of them, and a verdict each."""
    if not found:
        return ()
    p = [f.shift.worst_p for f in found]
    holm, bh, by = (adjust(p, m) for m in ("holm", "benjamini-hochberg", "benjamini-yekutieli"))
    return tuple(
        f.judged(float(h), float(b), float(y), terms.alpha, terms.margin * span)
        for f, h, b, y in zip(found, holm, bh, by, strict=True)
    )
