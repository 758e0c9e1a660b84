"""The parts of a datasheet, each from what another verb found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from calibrant._figure import shorten
from calibrant._text import one_line
from calibrant.errors import InputError
from calibrant.quality.cuts.cut import Cut
from calibrant.quality.datasheet.figures import targeting_figure
from calibrant.quality.datasheet.model import Grid, Part
from calibrant.quality.reliability import Reliability
from calibrant.quality.responses import Responses

if TYPE_CHECKING:
    from calibrant.quality.checks import ItemCheck

MOST = 200
"""Rows of the table of items."""
SHORT = 12
"""Rows of the other tables."""
GOALS = (0.8, 0.9)
"""Reliabilities at a subject's place that count as good, and as very good."""


def checked(
    responses: Responses, kin: Mapping[str, Any], level: float, seed: int
) -> tuple[ItemCheck | None, str]:
    """The check of items, or why there is none."""
    from calibrant.quality.checks import check

    try:
        return check(responses, level=level, seed=seed, **kin), ""
    except InputError as e:
        # Said on the page, where the check would have stood.
        return None, str(e)


def subjects(responses: Responses, found: Reliability | None) -> Part:
    """How many subjects and items there are, and how they scored."""
    x = responses.scores
    mean = np.nanmean(x[responses.observed.any(axis=1)], axis=1)
    families = "" if found is None else f" in {found.families:,} families"
    missing = int((~responses.observed).sum())
    said = [
        f"{len(responses.subjects):,} subjects{families} on {len(responses.items):,} items; means "
        f"from {mean.min():.3g} to {mean.max():.3g} on a scale of {responses.low:g} to "
        f"{responses.high:g}."
    ]
    if missing:
        said.append(f"{missing:,} of {x.size:,} cells have no score.")
    if int(responses.failed.sum()):
        said.append(f"{int(responses.failed.sum()):,} trials failed.")
    rows = [("Subjects' means", *(f"{v:.3f}" for v in np.quantile(mean, [0, 0.25, 0.5, 0.75, 1])))]
    items = x[:, responses.observed.any(axis=0)]
    rows.append(("Items' means", *(f"{v:.3f}" for v in
                 np.quantile(np.nanmean(items, axis=0), [0, 0.25, 0.5, 0.75, 1]))))  # fmt: skip
    columns = ("What", "Least", "Quarter", "Half", "Three quarters", "Most")
    grid = Grid("How scores are spread", columns, tuple(rows), (1, 2, 3, 4, 5))
    groups = responses.item_column("category")
    grids = [grid]
    if groups is not None and None not in groups and 1 < len(set(groups)) <= 40:
        names, counts = np.unique(np.array(groups, dtype=str), return_counts=True)
        grids.append(Grid("Items by category", ("Category", "Items"), tuple(
            (one_line(str(n), 80), f"{c:,}") for n, c in zip(names, counts, strict=True)
        ), (1,)))  # fmt: skip
    return Part("subjects", "Who was measured?", tuple(said), tuple(grids))


def reliability_part(found: Reliability) -> Part:
    """Coefficients, components, and how many items are enough."""
    study, said = found.study, []
    if study is not None:
        said.append(
            f"Reliability of the order of subjects is {study.coefficient[0]:.3f} (Eρ²), of their "
            f"values {study.dependability[0]:.3f} (Φ), with {study.items:,.4g} items."
        )
        said += [
            f"{n.items:,} items like these reach 0.9 in {n.coefficient}."
            for n in study.needed
            if n.target == 0.9 and n.items is not None
        ]
    if found.ranks is not None:
        said.append(
            f"The order of two subjects is right with chance {found.ranks.any_pair:.3f}; of "
            f"neighbours in the ranking {found.ranks.sure_neighbours:.0%} are told apart."
        )
    said += [f"Not computed: {what}: {why}." for what, why in found.cannot]
    rows = [
        (c.name, "—" if c.value is None else f"{c.value:.4f}", _ends(c.low, c.high, ".4f"),
         c.method or c.note) for c in found.coefficients
    ]  # fmt: skip
    head = ("Coefficient", "Value", f"{found.level:.0%} interval", "How")
    grids = [Grid("Coefficients of the mean score", head, tuple(rows), (1, 2))]
    if study is not None:
        grids.append(Grid(
            "Where the spread of single scores comes from",
            ("Source", "Variance", f"{found.level:.0%} interval", "Share"),
            tuple((c.term.replace(":", " × "), f"{c.variance:.4g}", _ends(c.low, c.high),
                   f"{c.share:.0%}") for c in study.components), (1, 2, 3),
        ))  # fmt: skip
    figures = [] if study is None else [found.plot("items")]
    if found.variants is not None:
        v = found.variants
        said.append(f"Over {len(v.variants)} prompt variants the best subject is first in "
                    f"{v.same_first:.0%}.")  # fmt: skip
        figures.append(found.plot("variants"))
    return Part("reliability", "Would the scores repeat?", (*said, *map(_sentence, found.notes)),
                tuple(grids), tuple(figures), None, found.to_dict())  # fmt: skip


def targeting(found: Reliability, fitted: Any, why: str) -> Part:
    """The error at each subject's place against the spread of subjects."""
    title = "For which subjects does it measure well?"
    if fitted is not None and hasattr(fitted, "standard_error"):
        theta = np.asarray(fitted.ability, np.float64)
        error = np.asarray(fitted.standard_error, np.float64)
        spread = float(fitted.bank.sd)
        # The share of the spread of abilities that a posterior as wide as this leaves no doubt of;
        # spread² / (spread² + 1 / information) for a normal one.
        local = 1.0 - error**2 / spread**2
        grid = fitted.bank.mean + spread * np.linspace(-3.5, 3.5, 141)
        information = fitted.bank.information(grid).sum(axis=1)
        curve = np.sqrt(1.0 / np.maximum(information, 1e-9))
        figure = targeting_figure(grid, curve, theta, spread)
        best = float(grid[int(np.argmin(curve))])
        said = [_shares(local, "item response model"),
                f"It is most precise at an ability of {best:.2f}, where the standard error is "
                f"{float(curve.min()):.3f}; subjects have mean "
                # Rounding alone must not leave a sign before a zero.
                f"{round(float(theta.mean()), 2) + 0.0:.2f} and "
                f"standard deviation {spread:.2f}."]  # fmt: skip
        return Part("targeting", title, tuple(said), (_by_place(theta, local, "ability"),),
                    (figure,))  # fmt: skip
    if found.conditional is None or found.study is None:
        raise InputError(why or "there are neither calibrated items nor errors at a score")
    known = found.conditional.subjects
    score = np.array([s.score for s in known])
    error = np.array([s.relative for s in known])
    study = found.study
    universe = study.universe * _scale(found) ** 2
    local = universe / (universe + error**2)
    said = [_shares(local, "spread of each subject's own items")]
    if why:
        said.append(f"By the scores themselves, as there is no item response model: {why}.")
    elif fitted is not None:
        said.append("By the scores themselves: the model of continuous scores has no curve here.")
    return Part("targeting", title, tuple(said), (_by_place(score, local, "score"),),
                (found.plot("error"),) if found.conditional.absolute else ())  # fmt: skip


def _scale(found: Reliability) -> float:
    assert found.conditional is not None
    return found.conditional.scores[-1] - found.conditional.scores[0]


def _shares(local: np.ndarray[Any, Any], by: str) -> str:
    parts = [f"{float((local >= g).mean()):.0%} of the subjects with reliability {g:g} or more"
             for g in GOALS]  # fmt: skip
    return f"It measures {' and '.join(parts)} (by the {by})."


def _by_place(place: Any, local: Any, what: str) -> Grid:
    order = np.argsort(place)
    rows = [
        (f"{place[part].min():.3g} to {place[part].max():.3g}", f"{part.size:,}",
         f"{float(local[part].mean()):.3f}", f"{float(local[part].min()):.3f}")
        for part in np.array_split(order, min(5, len(order)))
    ]  # fmt: skip
    return Grid("Reliability at the subjects' places",
                (what.capitalize(), "Subjects", "Mean reliability", "Least"), tuple(rows),
                (1, 2, 3))  # fmt: skip


def structure(
    responses: Responses,
    groups: str | None,
    kin: Mapping[str, Any],
    level: float,
    seed: int,
) -> Part:
    """How many things the categories of items measure."""
    from calibrant.quality.validity import validity

    by = groups or "category"
    if responses.item_column(by) is None:
        raise InputError(f"the items have no {by}, so there are no parts to compare")
    found = validity(responses, by=by, level=level, seed=seed, **kin)
    said = []
    if found.factors is not None:
        f = found.factors
        said.append(
            f"Scores on the {len(found.measures)} parts hold {f.factors} "
            f"factor{'' if f.factors == 1 else 's'}; the first component holds {f.share:.0%} of "
            "their variance."
        )
    if found.discriminant:
        same = sum(d.told_apart is False for d in found.discriminant)
        said.append(f"{same} of {len(found.discriminant)} pairs of parts are not told apart.")
    rows = tuple(
        (one_line(m.name, 80), "" if m.items is None else f"{m.items:,}", f"{m.mean:.3f}",
         f"{m.sd:.3f}", "—" if m.reliability is None else f"{m.reliability:.3f}")
        for m in found.measures
    )  # fmt: skip
    grid = Grid("Parts", ("Part", "Items", "Mean", "Spread", "Reliability"), rows, (1, 2, 3, 4))
    figures = (found.plot("correlations"),) if len(found.measures) > 1 else ()
    return Part("validity", "Is it one thing that is measured?",
                (*(said or [repr(found)]), *map(_sentence, found.notes[:SHORT])), (grid,), figures,
                None, found.to_dict())  # fmt: skip


def bad_items(found: ItemCheck) -> Part:
    """What to do about items, the largest effect first."""
    data = found.to_dict()
    actions = data["actions"]
    said = [
        f"{len(data['suspects'])} items may have a wrong key, {len(data['twins'])} pairs may be "
        f"one, {len(data['always'])} are got right by all and {len(data['never'])} by none."
    ]
    rows = tuple(
        (_names(a["items"]), str(a["what"]), one_line(str(a["reason"]), 300),
         "—" if a["reliability"] is None else _change(a["reliability"]), f"{a['swaps']:,}")
        for a in actions[: 2 * SHORT]
    )  # fmt: skip
    grids = () if not rows else (Grid(
        "What to do, the largest effect first",
        ("Items", "Do", "Because", "Change of α", "Pairs re-ordered"), rows, (3, 4),
        max(len(actions) - 2 * SHORT, 0),
    ),)  # fmt: skip
    data.pop("items")
    return Part("items", "Which items are bad?", (*said, *map(_sentence, found.notes)), grids,
                (found.plot(),), None, data)  # fmt: skip


def bank_part(fitted: Any) -> Part:
    """Whether calibrated items may be used adaptively."""
    known = getattr(fitted, "bank_check", None)
    if known is None:
        raise InputError("the model of continuous scores makes no bank that a test could adapt on")
    rows = tuple(
        (str(f["name"]), str(f["weight"]), one_line(str(f["reason"]), 300))
        for f in known["findings"]
    )
    said = [f"As a bank of calibrated items ({fitted.model}): {known['verdict']}."]
    reasons = "; ".join(fitted.adequacy.reasons)
    said.append(
        f"The calibration is {fitted.adequacy.verdict}" + (f": {reasons}." if reasons else ".")
    )
    grid = Grid("What was looked at", ("What", "Weight", "Finding"), rows)
    return Part("bank", "May tests adapt on its items?", tuple(said), (grid,), (), None,
                dict(known))  # fmt: skip


def thresholds(cuts: Sequence[Cut], responses: Responses) -> Part:
    """Cuts, and how many subjects are on the acceptable side."""
    if not cuts:
        raise InputError("no cut was given (calibrant items cut makes one)")
    mean = np.nanmean(responses.unit[responses.observed.any(axis=1)], axis=1)
    rows = []
    for c in cuts:
        fine = mean > c.value if c.direction == "above" else mean < c.value
        rows.append((f"{c.direction} {c.value:.4g}", f"{c.low:.4g} to {c.high:.4g}",
                     one_line(c.origin, 120), f"{int(fine.sum()):,} of {mean.size:,}",
                     one_line("; ".join(c.notes), 300)))  # fmt: skip
    said = f"Acceptable {rows[0][0]} ({rows[0][2]}): {rows[0][3]} subjects are."
    head = ("Acceptable", "Interval", "From", "Subjects", "Notes")
    grid = Grid("Thresholds, on a scale of 0 to 1", head, tuple(rows))
    return Part("cuts", "Which thresholds are argued?", (said,), (grid,), (), None,
                {"cuts": [c.to_dict() for c in cuts]})  # fmt: skip


def saturation(found: ItemCheck) -> Part:
    """How much room is left, and until when."""
    s = found.saturation
    leader = one_line(found.responses.subjects[s.leader], 80)
    said = [
        f"The best subject, {leader}, scores {s.best:.1%}; {s.contested:.0%} of the items tell the "
        f"{s.top} best apart.",
        f"{s.solved:.0%} of the items are got by all of them, {s.unsolved:.0%} by nobody, and "
        f"{s.flawed:.0%} may never be scored; sound items leave {s.room:.1%} to the leader.",
    ]
    if found.forecast is not None:
        said.insert(0, _sentence(repr(found.forecast)))
    else:
        why = [n for n in found.notes if "forecast" in n or "date" in n]
        said.append(_sentence("No forecast of when it is used up: "
                              + (why[0] if why else "the subjects have no dates")))  # fmt: skip
    data = {"saturation": dict(s.__dict__)}
    data["forecast"] = {} if found.forecast is None else found.forecast.to_dict()
    return Part("saturation", "How long will it last?", tuple(said), (), (), None, data)


def item_table(responses: Responses, found: ItemCheck | None, fitted: Any) -> Part:
    """Every item, by how badly it goes with the rest."""
    x = responses.scores
    seen = responses.observed.any(axis=0)
    mean = np.full(len(responses.items), np.nan)
    mean[seen] = np.nanmean(x[:, seen], axis=0)
    rest: list[float | None] = [None] * len(responses.items)
    bounds = [""] * len(responses.items)
    if found is not None:
        for j, row in enumerate(found.to_dict()["items"]):
            rest[j], bounds[j] = row["correlation"], _ends(row["low"], row["high"], ".3f")
    slopes: dict[str, Any] = {}
    if fitted is not None and hasattr(fitted, "standard_error"):
        slopes = {i.item: i for i in fitted.items}
    groups = responses.item_column("category")
    order = sorted(
        range(len(responses.items)),
        key=lambda j: (rest[j] is None, 0.0 if rest[j] is None else rest[j], responses.items[j]),
    )
    rows = []
    for j in order[:MOST]:
        name = responses.items[j]
        fit = slopes.get(name)
        slope = None if fit is None else fit.discrimination
        r = rest[j]
        rows.append((
            shorten(name, 24), "" if groups is None else one_line(groups[j] or "", 60),
            f"{int(responses.observed[:, j].sum()):,}",
            "—" if np.isnan(mean[j]) else f"{mean[j]:.3f}",
            "—" if r is None else f"{r:.3f}", bounds[j],
            "—" if slope is None else f"{slope:.2f}",
            "" if fit is None else ", ".join(fit.flags),
        ))  # fmt: skip
    head = ("Item", "Category", "Answers", "Mean", "Item–rest correlation", "Interval", "Slope",
            "Flags")  # fmt: skip
    keep = [i for i in range(len(head)) if i == 0 or any(r[i] not in ("", "—") for r in rows)]
    numbers = tuple(at for at, i in enumerate(keep) if i in (2, 3, 4, 5, 6))
    grid = Grid("Items", tuple(head[i] for i in keep),
                tuple(tuple(r[i] for i in keep) for r in rows), numbers,
                max(len(order) - MOST, 0))  # fmt: skip
    negative = sum(r is not None and r < 0 for r in rest)
    said = [f"{negative:,} of {len(rest):,} items go against the rest."]
    if found is None:
        said = ["Correlations with the rest were not computed, so items stand in their order."]
    if fitted is None:
        said.append("Slopes are those of an item response model, of which there is none.")
    return Part("table", "Item by item, the worst first", tuple(said), (grid,))


def _names(items: Sequence[str]) -> str:
    shown = ", ".join(shorten(i, 20) for i in items[:3])
    return shown + (f" and {len(items) - 3:,} more" if len(items) > 3 else "")


def _change(x: float) -> str:
    return f"{x:+.4f}" if round(x, 4) else "0"


def _ends(low: float | None, high: float | None, form: str = ".4g") -> str:
    if low is None or high is None:
        return ""
    return f"{low:{form}} to {high:{form}}"


def _sentence(text: str) -> str:
    text = one_line(text, 500).rstrip(".")
    return text[:1].upper() + text[1:] + "."
