"""The parts of the page of priorities, each a question with its sentences, figures and tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from calibrant._forest import Row, forest
from calibrant.assurance.coverage_figure import coverage_figure
from calibrant.assurance.coverage_of import coverage_of
from calibrant.priorities.delphi.consensus import Cell, consensus
from calibrant.priorities.integrity.check import check_integrity
from calibrant.priorities.integrity.result import MEANING
from calibrant.priorities.portfolio.bars import titled
from calibrant.priorities.portfolio.figures import portfolio_figure
from calibrant.priorities.portfolio.gaps import gap_figure, gaps
from calibrant.priorities.portfolio.map_figure import map_figure
from calibrant.priorities.portfolio.portfolio import plan_portfolio
from calibrant.priorities.portfolio.terms import Terms, short_money
from calibrant.priorities.portfolio.worth import limits
from calibrant.priorities.ranks.believed import Believed
from calibrant.priorities.ranks.figures import rank_figure
from calibrant.priorities.ranks.rank import rank_areas
from calibrant.priorities.ranks.result import Ranked
from calibrant.priorities.tables.read import read_published
from calibrant.quality.datasheet.model import Grid, Part

_DRAWN = 26
_ROWS = 15


def _two(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


def _range(span: tuple[float, float] | None) -> str:
    return "" if span is None else f"{span[0]:.0f}–{span[1]:.0f}"


def ranked(known: Believed, top: int, seed: int) -> Ranked:
    """The ranking that the page is about."""
    return rank_areas(known.posterior, top=top, labels=known.labels, seed=seed)


def ranking(found: Ranked) -> Part:
    """Ranks, tiers and the regret of funding the first."""
    drawn = replace(found, areas=found.areas[:_DRAWN])
    said = [repr(found)]
    if found.excluded:
        said.append(
            f"{len(found.excluded)} areas have too few ratings to be ranked, which does not make "
            "them low"
        )
    changes = [c for c in found.sensitivity if c.enter]
    said += [
        f"{c.what}, {c.option}: {', '.join(c.enter)} instead of {', '.join(c.leave)}"
        for c in changes[:5]
    ]
    return Part("ranking", "Which areas come first, and how sure is that?", tuple(said), (),
                (rank_figure(drawn),))  # fmt: skip


def every_area(found: Ranked) -> Part:
    """The whole ranking as a table, and what is not ranked."""
    rows = tuple(
        (a.id, a.name, str(a.rank), _range(a.rank_interval), str(a.tier), _two(a.importance),
         _two(a.tractability), _two(a.promise), str(a.n), f"{a.p_top:.0%}")
        for a in found.areas
    )  # fmt: skip
    head = ("id", "area", "rank", f"{found.level:.0%}", "tier", "I", "T", "promise", "n",
            f"first {found.decision.k}")  # fmt: skip
    out = tuple((e.id, e.name, str(e.n), e.reason) for e in found.excluded)
    grids = [
        Grid("Ranked", head, rows, tuple(range(2, 10))),
        Grid("Not ranked: unknown, not low", ("id", "area", "n", "why"), out, (2,)),
    ]
    said = (f"tiers: {found.tier_rule}",)
    return Part("areas", "Every area", said, tuple(g for g in grids if g.rows))


def strategies(known: Believed) -> list[Part]:
    """The map, and the areas that are important but hard."""
    names, posterior = known.labels.names, known.posterior
    every = gaps(posterior, names=names)
    likely = [g for g in every if g.chance >= 0.05][:_ROWS]
    rows = tuple(
        (g.id, g.name, _two(g.importance), _two(g.tractability), f"{g.gap:+.2f}",
         f"{g.low:+.2f} to {g.high:+.2f}", f"{g.chance:.0%}", str(g.n))
        for g in likely
    )  # fmt: skip
    grid = Grid("Likeliest to be important and hard",
                ("id", "area", "I", "T", "gap", "90 %", "chance", "n"), rows,
                tuple(range(2, 8)))  # fmt: skip
    hopeful = sum(g.chance >= 0.5 for g in every)
    important, hard = limits(posterior.most)
    who = f"{hopeful} areas are" if hopeful > 1 else "1 area is" if hopeful else "no area is"
    said = (
        f"{who} more likely than not both important (at least {important:g}) and hard "
        f"(tractability at most {hard:g})"
        + ("" if hopeful else ": such gaps in printed means are mostly noise")
    )
    chart = map_figure(posterior, names=names)
    return [
        Part("map", "Where does each area stand?", figures=(chart,)),
        Part("gaps", "What is important, but hard?", (said,), (grid,) if rows else (),
             (gap_figure(every, scale=posterior.most),)),
    ]  # fmt: skip


def agreement(known: Believed, seed: int) -> Part:
    """Consensus and camps."""
    assert known.ratings is not None
    levels = known.settings.levels
    found = consensus(known.ratings, levels=levels, seed=seed)
    last = max((c.round for c in found.cells), default=1)
    seen = [c for c in found.cells if c.spread is not None and c.round == last]
    apart = sorted(seen, key=_apart)[:_ROWS]
    rows = tuple(
        (c.area, known.labels.names.get(c.area, c.area), c.question, str(c.n),
         f"{c.spread.median:g}", f"{c.spread.iqr:g}", f"{c.spread.agreement:+.2f}",
         "" if c.two_camps is None else f"{c.two_camps:.2f}")
        for c in apart if c.spread is not None
    )  # fmt: skip
    grid = Grid("Where respondents are furthest apart",
                ("id", "area", "question", "n", "median", "IQR", "agreement", "one peak, p"),
                rows, (3, 4, 5, 6, 7))  # fmt: skip
    return Part("consensus", "Do the experts agree?", (repr(found),), (grid,) if rows else ())


def _apart(cell: Cell) -> float:
    return cell.spread.agreement if cell.spread is not None else 1.0


def integrity(known: Believed, own: Sequence[tuple[str, str]] | None, top: int, seed: int) -> Part:
    """Answers that may not mean what they say."""
    found = check_integrity(known.ratings, own=own, top=top, seed=seed)
    flags = tuple(
        (", ".join(f.respondents), MEANING[f.kind], "rule" if f.p is None else f"{f.p:.3g}",
         f.reason, repr(w))
        for f, w in zip(found.flags, found.without, strict=False)
    )  # fmt: skip
    grids = [Grid("Reasons to look; nothing was removed",
                  ("respondents", "what", "p", "why", "what changes"), flags, (2,))]  # fmt: skip
    moved = tuple(
        (i.respondents[0], ", ".join(i.enters), ", ".join(i.leaves))
        for i in found.influence[:_ROWS]
    )
    left = max(0, len(found.influence) - _ROWS)
    grids.append(Grid(f"Who alone changes the first {len(found.top)} of the paper's ranking",
                      ("without", "enter", "leave"), moved, (), left))  # fmt: skip
    said = (repr(found), *map(repr, found.conflicts), *found.notes)
    return Part("integrity", "Do the answers mean what they say?", said,
                tuple(g for g in grids if g.rows))  # fmt: skip


def coverage(
    known: Believed, instruments: Any, assessments: Sequence[str | Path], top: int, seed: int
) -> Part:
    """What instruments test."""
    found = coverage_of(known, instruments=instruments, assessments=assessments, top=top, seed=seed)
    rows = tuple(
        (a.id, a.name, f"{a.coverage:.0%}", ", ".join(i for i, _, _ in a.instruments),
         "; ".join(f"{n} {v}" for v, n in a.verdicts.items() if n),
         "unrated" if a.p_top is None else f"{a.p_top:.0%}")
        for a in sorted(found.areas, key=lambda a: -a.coverage) if a.coverage > 0
    )  # fmt: skip
    grid = Grid("Areas that instruments touch",
                ("id", "area", "covered", "by", "verdicts", f"first {top}"), rows,
                (2, 5))  # fmt: skip
    said = [
        repr(found),
        "coverage is what instruments declare, area by area, not something measured",
        *found.notes,
    ]
    if found.spare:
        said.append(f"tested although unimportant: {', '.join(a.id for a in found.spare)}")
    return Part("coverage", "What is important and untested?", tuple(said),
                (grid,) if rows else (), (coverage_figure(found),))  # fmt: skip


def portfolio(known: Believed, budget: float, grant: float, long_term: float, seed: int) -> Part:
    """What to fund."""
    found = plan_portfolio(
        known.posterior, Terms(budget, grant, long_term), names=known.labels.names,
        categories=known.labels.categories, seed=seed,
    )  # fmt: skip
    rows = tuple(
        (f.id, f.name, f.strategy, short_money(f.amount), f"{f.value:.1f}",
         f"{f.value_interval[0]:.1f} to {f.value_interval[1]:.1f}", f"{f.p_best:.0%}")
        for f in found.funded
    )  # fmt: skip
    others = [*([found.robust] if found.robust else []), *found.sensitivity]
    more = tuple(
        (o.name, ", ".join(o.enter) or "the same", ", ".join(o.leave), f"{o.loss:.2%}")
        for o in others
    )
    grids = (
        Grid("Funded", ("id", "area", "strategy", "amount", "worth", "90 %", "in best"), rows,
             (3, 4, 5, 6)),
        Grid("By other yardsticks", ("yardstick", "enter", "leave", "better by"), more, (3,)),
    )  # fmt: skip
    # What holds of the posterior is said once, at the end of the page.
    notes = [n for n in found.notes if n not in known.posterior.notes]
    said = (repr(found), f"worth: {found.utility}", *notes)
    return Part("portfolio", "What to fund?", said, grids, (portfolio_figure(found),))


def comparison(found: Ranked, table: Any, most: int = 5) -> Part:
    """The published ranking beside this one."""
    printed = read_published(table, scale=(1, most))
    means = list(printed.means.values())
    products = {
        a: float(means[0].units[i] * means[1].units[i]) for i, a in enumerate(printed.areas)
    }
    order = sorted(products, key=lambda a: -products[a])
    at = {a: place for place, a in enumerate(order, start=1)}
    shared = [a for a in found.areas if a.id in at]
    if len(shared) < 2:
        return Part("published", "What does the published ranking say?",
                    missing="fewer than two areas stand in both")  # fmt: skip
    inside = sum(a.rank_interval[0] <= at[a.id] <= a.rank_interval[1] for a in shared)
    rows = [
        Row(titled(a.id, a.name), a.expected_rank, *a.rank_interval, f"printed {at[a.id]}",
            alert=not a.rank_interval[0] <= at[a.id] <= a.rank_interval[1])
        for a in sorted(shared, key=lambda a: at[a.id])[:_DRAWN]
    ]  # fmt: skip
    said = (
        f"{inside} of {len(shared)} printed ranks lie in the {found.level:.0%} intervals of this "
        "ranking"
    )
    chart = forest(
        rows, title=f"The first {len(rows)} as printed, and where they may stand",
        said=f"{found.level:.0%} rank intervals; red: the printed rank lies outside", axis="rank",
        description=said, zero=False,
    )  # fmt: skip
    return Part("published", "What does the published ranking say?", (said,), (), (chart,))


def audit(table: Any, most: int = 5) -> Part:
    """Whether the printed numbers can be true."""
    from calibrant.priorities.audit.audit import audit_table

    found = audit_table(table, scale=(1, most))
    rows = tuple((f.weight, f.text) for f in found.findings)
    return Part("audit", "Can the published numbers be true?", (repr(found),),
                (Grid("Findings", ("weight", "finding"), rows),))  # fmt: skip
