"""Which facets does a table of trials have, and which is nested in which? From trials to cells."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from calibrant.errors import InputError
from calibrant.stats.variance.cells import Cells, Facets, cells, compact
from calibrant.stats.variance.terms import Floats, Ints

SUBJECT, REPLICATE = "subject", "replicate"
FACETS = ("cluster", "item", "variant", "epoch", "grader")
"""What a study can take apart; each is repeated within those before it."""


@dataclass(frozen=True)
class Facet:
    """One facet of a table.

    Attributes:
        name: one of `FACETS`, or "replicate" for repeats of no named kind.
        levels: different labels in the table; for an epoch, the most in one place.
        within: facets that it is nested in; empty if it is crossed with all.
        typical: levels that one subject meets in each place, on average, at least 1.
        estimated: whether its part of the variation can be told; if not, `note` says why.
    """

    name: str
    levels: int
    within: tuple[str, ...]
    typical: float
    estimated: bool
    note: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return {**self.__dict__, "within": list(self.within)}


@dataclass(frozen=True)
class Layout:
    """A table of scored trials as cells.

    Attributes:
        table: the cells.
        names: facets of each term, the residual left out, → its name such as "subject:item".
        residual: facets of the residual.
        facets: in the order of `FACETS`, those of one level too.
        subjects: their names, by their code in `table`.
    """

    table: Cells
    names: dict[Facets, str]
    residual: Facets
    facets: tuple[Facet, ...]
    subjects: tuple[str, ...]

    @property
    def object(self) -> str | None:
        """What is told apart, if there are several."""
        return SUBJECT if len(self.subjects) > 1 else None

    @property
    def estimated(self) -> tuple[Facet, ...]:
        """The facets whose part can be told."""
        return tuple(f for f in self.facets if f.estimated)


def layout(scored: pl.DataFrame, wanted: Sequence[str], *, nested_variants: bool) -> Layout:
    """Cells of scored trials, one line for all rows that agree in every facet.

    Nesting is read off the table: a facet whose every label occurs with one label of another is
    nested in it. Epochs are nested in what they repeat, whatever their numbers say; two rows with
    the same number from different runs are two epochs.

    Args:
        scored: trials of one instrument with scores.
        wanted: some of `FACETS`, in that order.
        nested_variants: take variants as nested in items even if labels recur.

    Raises:
        InputError: if subjects cannot be told apart from something else.
    """
    scored = scored.with_columns(pl.col("variant").fill_null(""))
    names = [SUBJECT, *(f for f in FACETS if f in wanted and f != "epoch")]
    levels = {f: scored[f].n_unique() for f in names}
    keys = [f for f in names if levels[f] > 1]
    graders = "grader" in keys and "epoch" in wanted
    y = pl.col("score")
    sums = (pl.len().alias("n"), y.mean().alias("mean"), (y.var(ddof=0) * pl.len()).alias("within"))
    by = [*keys, "run", "epoch"] if graders else keys
    per = scored.group_by(by, maintain_order=True).agg(*sums) if by else scored.select(*sums)
    codes: dict[str, Ints] = {f: _codes(per[f]) for f in keys}
    if graders:
        codes["epoch"] = _codes(per.select(pl.struct("run", "epoch")).to_series())
    within, dropped = _nesting(codes, keys, nested_variants)
    base = [f for f in keys if f not in dropped]
    if graders:
        places = tuple(f for f in base if f != "grader")
        if _distinct([codes[f] for f in [*places, "epoch"]]) > _distinct(
            [codes[f] for f in places]
        ):
            base.insert(len(places), "epoch")
            within["epoch"] = frozenset(places)
    sets = _closed(base, within)
    table = cells(
        codes, sets, per["n"].to_numpy(), per["mean"].to_numpy(), per["within"].to_numpy()
    )
    full = frozenset(base)
    untold = any(scored[f].n_unique() > 1 for f in ("item", "variant") if f not in wanted)
    repeats = _repeats(table, full, wanted, untold=untold)
    residual = full | {repeats} if repeats else full
    if residual <= {SUBJECT}:
        raise InputError("each subject has one trial, so nothing tells how trials vary")
    terms = {
        s: ":".join(f for f in base if f in s) for s in sets if not (s == full and not repeats)
    }
    found = _described(table, wanted, base, within, repeats, dropped, levels)
    return Layout(table, terms, residual, found, _subjects(scored, per, codes))


def shares(plan: Layout) -> dict[Facets | None, Floats]:
    """What one unit of each component adds to the error variance of each subject's mean.

    The sum of squared shares that a component's levels have of the subject's trials; 1 / levels
    where they have equal shares. The residual is None; the subjects' own component is not there.
    """
    t, own = plan.table, frozenset([SUBJECT])
    alone = plan.object is None
    size = np.array([float(t.rows)]) if alone else t.sizes[own]
    found: dict[Facets | None, Floats] = {}
    for term in plan.names:
        if term == own:
            continue
        both = term if alone else term | own
        whose = np.zeros(t.sizes[both].size, np.int64) if alone else t.parent(both, own)
        found[term] = np.bincount(whose, weights=t.sizes[both] ** 2, minlength=size.size) / size**2
    found[None] = 1.0 / size
    return found


def _codes(column: pl.Series) -> Ints:
    """Numbers from 0, one per label."""
    if column.dtype == pl.String:
        column = column.cast(pl.Categorical).to_physical()
    else:
        column = column.rank("dense")
    return compact(column.to_numpy().astype(np.int64))


def _subjects(
    scored: pl.DataFrame, per: pl.DataFrame, codes: Mapping[str, Ints]
) -> tuple[str, ...]:
    """Names by code."""
    if SUBJECT not in codes:
        return (str(scored[SUBJECT][0]),)
    first = np.unique(codes[SUBJECT], return_index=True)[1]
    return tuple(str(name) for name in per[SUBJECT].gather(first))


def _distinct(columns: Sequence[Ints]) -> int:
    code = np.zeros(1, np.int64)
    for column in columns:
        code = compact(code * np.int64(column.max() + 1) + column)
    return int(code.max()) + 1


def _nesting(
    codes: Mapping[str, Ints], keys: Sequence[str], nested_variants: bool
) -> tuple[dict[str, frozenset[str]], dict[str, str]]:
    """What each facet is nested in, and facets that go one to one with the items."""
    size = {f: int(codes[f].max()) + 1 for f in keys}
    inside: dict[str, set[str]] = {f: set() for f in keys}
    dropped: dict[str, str] = {}
    for a, b in itertools.combinations(keys, 2):
        pairs = _distinct([codes[a], codes[b]])
        if pairs == size[a] == size[b] and a != SUBJECT:
            dropped[b] = f"each {a} has its own {b}, so they cannot be told apart"
        elif a == SUBJECT and pairs == size[a]:
            raise InputError(
                f"subjects: each has one {b}, so differences between subjects cannot be told from "
                f"differences between {b}s; leave {b} out of the facets"
                if b != "item"
                else "subjects: each has one item, so they cannot be told apart from the items"
            )
        elif pairs == size[a]:
            inside[a].add(b)
        elif pairs == size[b]:
            inside[b].add(a)
    if nested_variants and {"item", "variant"} <= set(keys) - set(dropped):
        if "variant" in inside["item"]:
            raise InputError("facets: items are nested in variants here, not variants in items")
        inside["variant"] |= {"item", *inside["item"]}
    return {f: frozenset(s - set(dropped)) for f, s in inside.items()}, dropped


def _closed(base: Sequence[str], within: Mapping[str, frozenset[str]]) -> list[Facets]:
    """All sets of facets that hold, with a facet, what it is nested in."""
    sets = [
        frozenset(s) for size in range(1, len(base) + 1) for s in itertools.combinations(base, size)
    ]
    return [s for s in sets if all(within.get(f, frozenset()) <= s for f in s)]


def _repeats(table: Cells, full: Facets, wanted: Sequence[str], *, untold: bool) -> str | None:
    """The name of what repeats within cells, if anything does."""
    if table.rows == table.count.size:
        return None
    # Wordings that nobody asked to tell apart are repeats too, but not epochs.
    epochs = "epoch" in wanted and "grader" not in full and not untold
    return "epoch" if epochs else REPLICATE


def _described(
    table: Cells,
    wanted: Sequence[str],
    base: Sequence[str],
    within: Mapping[str, frozenset[str]],
    repeats: str | None,
    dropped: Mapping[str, str],
    levels: Mapping[str, int],
) -> tuple[Facet, ...]:
    """Each facet with the levels that one subject meets."""
    typical: dict[str, float] = {}
    before: Facets = frozenset(f for f in base if f == SUBJECT)
    left = [f for f in base if f != SUBJECT]
    while left:
        # Parents first.
        name = next(f for f in left if within.get(f, frozenset()) <= before)
        left.remove(name)
        after = before | {name}
        typical[name] = table.sizes[after].size / (table.sizes[before].size if before else 1)
        before = after
    if repeats:
        typical[repeats] = table.rows / table.count.size

    def most(name: str) -> int:
        if name == repeats:
            return int(table.count.max())
        return levels.get(name) or round(typical[name])

    order = [*wanted, *([repeats] if repeats and repeats not in wanted else [])]
    return tuple(
        Facet(name, most(name), _parents(name, base, within, repeats), typical[name], True)
        if name in typical
        else Facet(name, levels.get(name, 1), (), 1.0, False, dropped.get(name, _single(name)))
        for name in order
    )


def _parents(
    name: str, base: Sequence[str], within: Mapping[str, frozenset[str]], repeats: str | None
) -> tuple[str, ...]:
    """What a facet is nested in, in order; repeats are nested in everything."""
    return tuple(f for f in base if name == repeats or f in within[name])


def _single(name: str) -> str:
    return "one epoch of each" if name == "epoch" else f"one {name} everywhere"
