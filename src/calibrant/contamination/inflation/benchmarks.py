"""Does it do better here than its ability elsewhere predicts? ConStat's question, with limits.

Dekoninck, Müller and Vechev (NeurIPS 2024) asked it first; the answer here differs: see `curve`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtr, stdtrit

from calibrant.contamination.inflation.curve import (
    Curve,
    easiness_of,
    fit_curve,
    logits,
    noise,
    score_at,
)
from calibrant.contamination.inflation.data import (
    Answers,
    Families,
    answers_on,
    families_of,
    matrix,
    trials_of,
)
from calibrant.contamination.inflation.result import Inflation, check_reason, term
from calibrant.errors import InputError
from calibrant.stats.comparisons.multiplicity import adjust

Floats = NDArray[np.float64]

LEAST = 8
"""Families of reference subjects below which nothing is predicted."""

LEAST_ITEMS = 20
"""Items below which a score on the logit scale is too coarse."""

COVERED = 0.95
"""A reference subject must have answered this share of the subject's items."""


@dataclass(frozen=True, eq=False)
class Panel:
    """Scores of the subject (first) and its reference subjects.

    Attributes:
        names: subjects, the one in question first.
        family: of each.
        here, there: shape (subjects, items), on the benchmark and on the reference benchmark.
        notes: what was left out.
    """

    names: tuple[str, ...]
    family: tuple[str, ...]
    here: Floats
    there: Floats
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Prediction:
    """What a panel says of its first subject.

    Attributes:
        x, y: shape (subjects,), abilities and scores in logits; `vx`, `vy`: their noise.
        curve: fitted to the others.
        expected, error: the first subject's predicted logit and its standard error.
        df: degrees of freedom.
        items: on the benchmark.
    """

    x: Floats
    y: Floats
    vx: Floats
    vy: Floats
    curve: Curve
    expected: float
    error: float
    items: int

    def limits(self, level: float) -> tuple[float, float]:
        """Limits of the score without exposure."""
        reach = -float(stdtrit(self.curve.df, (1 - level) / 2)) * self.error
        return (
            score_at(self.expected - reach, self.items),
            score_at(self.expected + reach, self.items),
        )

    @property
    def p(self) -> float:
        """One-sided: that it would do as well, or better, without exposure."""
        return float(stdtr(self.curve.df, (self.expected - self.y[0]) / self.error))


def benchmark_inflation(
    source: Any,
    *,
    subject: str,
    instrument: str,
    reference: str | Sequence[str],
    references: Sequence[str] | None = None,
    families: Families = None,
    without: Sequence[str] = (),
    score: str | None = None,
    reason: str | None = None,
    level: float = 0.95,
) -> Inflation:
    """Inflation as the score here minus what the ability on unexposed benchmarks predicts.

    Args:
        source: a path that `read` takes, or a table of trials.
        subject: as the table names it.
        instrument: the benchmark in question.
        reference: benchmarks (or twins) that no subject has been exposed to.
        references: reference subjects; by default all others that answered both.
        families: a regular expression whose first group is a subject's family, or families by
            subject; relatives weigh as one. The subject's own family takes no part.
        without: reference subjects to leave out.
        score: which one, where there are several.
        reason: "unexposed-reference" if the reference subjects have not seen the benchmark's
            items (nor the subject the reference benchmark's); without it no p-value is given.
        level: confidence.

    Raises:
        InputError: for too few families or items, an ability outside the reference subjects'
            range, or abilities that differ by little more than noise.
    """
    if not 0.5 < level < 1:
        raise InputError(f"level: wanted between 0.5 and 1, got {level!r}")
    said = check_reason(reason, ("unexposed-reference",))
    trials = trials_of(source, score)
    here, there = answers_on(trials, instrument), answers_on(trials, reference)
    if instrument in ([reference] if isinstance(reference, str) else reference):
        raise InputError(f"reference: wanted other instruments than {instrument!r}")
    panel = panel_of(here, there, subject, references, families, without)
    found = predict(panel)
    low, high = found.limits(level)
    observed = float(panel.here[0].mean())
    expected = score_at(found.expected, found.items)
    slope = max(expected * (1 - expected), 1 / (4 * found.items))
    checked = check_references(panel, found, 1 - level)
    notes = [*here.lost(subject), *there.lost(subject), *panel.notes]
    if not said:
        notes.append("No p-value, as no reason was named why reference subjects are alike.")
    detail = _detail(panel, found, checked, there.instrument, level)
    notes += _suspicions(checked, detail)
    return Inflation(
        subject=subject, instrument=instrument, score=str(trials["grader"][0]),
        design="benchmarks", value=observed - expected, standard_error=slope * found.error,
        df=found.curve.df, interval=(observed - high, observed - low), level=level,
        observed=observed, without=expected, without_interval=(low, high),
        p=found.p if said else None, reason=said, items=found.items,
        references=len(panel.names) - 1,
        terms=(term("prediction from other benchmarks", "A", slope * found.error),),
        method=f"errors-in-variables prediction, {found.curve.df:.3g} df",
        assumptions=(
            "The reference subjects have not been exposed to this benchmark, nor any subject to "
            f"{there.instrument}.",
            "Without exposure the subject would lie about the curve as the reference subjects do.",
        ),
        notes=tuple(notes), detail=detail,
    )  # fmt: skip


def panel_of(
    here: Answers,
    there: Answers,
    subject: str,
    references: Sequence[str] | None,
    families: Families,
    without: Sequence[str],
) -> Panel:
    """The subject and its reference subjects, on items that all of them answered.

    Raises:
        InputError: if too few are left.
    """
    mine = [list(a.of(subject)["item"]) for a in (here, there)]
    others = sorted(set(here.frame["subject"]) & set(there.frame["subject"]) - {subject})
    chosen = others if references is None else list(dict.fromkeys(references))
    for name in (*chosen, *without):
        if name not in others and name != subject:
            raise InputError(f"references: no scores of {name!r} on both instruments")
    chosen = [n for n in chosen if n not in set(without) and n != subject]
    own = families_of([subject, *chosen], families)
    kin = sum(f == own[0] for f in own[1:])
    pairs = [(n, f) for n, f in zip(chosen, own[1:], strict=True) if f != own[0]]
    full = [
        matrix(a.frame, [n for n, _ in pairs], m) for a, m in zip((here, there), mine, strict=True)
    ]
    enough = np.ones(len(pairs), np.bool_)
    for scores in full:
        enough &= np.isfinite(scores).mean(1) >= COVERED
    kept = [pair for pair, good in zip(pairs, enough, strict=True) if good]
    names = (subject, *(n for n, _ in kept))
    tables, notes = [], []
    if kin:
        notes.append(f"{kin} relatives of the subject take no part.")
    if gone := len(pairs) - len(kept):
        notes.append(
            f"{gone} subjects that lack more than {1 - COVERED:.0%} of the items take no part."
        )
    for answers, items in zip((here, there), mine, strict=True):
        scores = matrix(answers.frame, names, items)
        whole = np.isfinite(scores).all(0)
        if lost := int((~whole).sum()):
            notes.append(
                f"{lost} items of {answers.instrument} that some subject lacks are left out."
            )
        if whole.sum() < LEAST_ITEMS:
            raise InputError(
                f"{answers.instrument}: wanted at least {LEAST_ITEMS} items that all subjects "
                f"answered, got {int(whole.sum())}"
            )
        tables.append(scores[:, whole])
    family = (own[0], *(f for _, f in kept))
    if len(set(family[1:])) < LEAST:
        raise InputError(
            f"references: wanted at least {LEAST} families of subjects that answered both, got "
            f"{len(set(family[1:]))}"
        )
    return Panel(names, family, tables[0], tables[1], tuple(notes))


def weights(family: Sequence[str]) -> Floats:
    """1 / the size of each one's family."""
    _, at, count = np.unique(np.asarray(family), return_inverse=True, return_counts=True)
    found: Floats = 1.0 / count[at]
    return found


def measured(panel: Panel) -> tuple[Floats, Floats, Floats, Floats]:
    """Abilities and scores in logits, and their noise variances: x, y, vx, vy."""
    found = []
    for scores in (panel.there, panel.here):
        found.append(logits(scores.mean(1), scores.shape[1]))
        found.append(noise(scores, easiness_of(scores[1:])))
    return found[0], found[2], found[1], found[3]


def predict(panel: Panel) -> Prediction:
    """The first subject's score from its ability and the other subjects.

    Raises:
        InputError: if its ability is outside the range of theirs, or theirs do not differ.
    """
    x, y, vx, vy = measured(panel)
    if not x[1:].min() <= x[0] <= x[1:].max():
        mean = panel.there.mean(1)
        raise InputError(
            f"subject: its score of {mean[0]:.3g} on the reference benchmark is outside the range "
            f"of the reference subjects, {mean[1:].min():.3g} to {mean[1:].max():.3g}: nothing is "
            "predicted there"
        )
    curve = fit_curve(x[1:], y[1:], vx[1:], vy[1:], weights(panel.family[1:]))
    expected, error = _new(curve, x, vx, vy)
    return Prediction(x, y, vx, vy, curve, expected, error, panel.here.shape[1])


def _new(curve: Curve, x: Floats, vx: Floats, vy: Floats) -> tuple[float, float]:
    """Prediction for the first subject; its own noise as of one that scores as predicted."""
    one = slice(0, 1)
    expected, _ = curve.at(x[one], vx[one], vy[one])
    near = np.argsort(np.abs(curve.at(x[1:], vx[1:], vy[1:])[0] - expected[0]))[:5]
    own = np.maximum(vy[one], np.median(vy[1:][near]))
    expected, error = curve.at(x[one], vx[one], own)
    return float(expected[0]), float(error[0])


def check_references(panel: Panel, found: Prediction, alpha: float) -> list[dict[str, Any]]:
    """Each reference subject predicted by those of other families: who is suspicious itself?

    Holm's p-values over all of them, one-sided; those at the ends of the range have none.
    """
    family = np.asarray(panel.family)
    rows = []
    for j in range(1, len(panel.names)):
        rest = np.flatnonzero(family[1:] != family[j]) + 1
        row: dict[str, Any] = {
            "subject": panel.names[j], "family": panel.family[j],
            "reference_score": float(panel.there[j].mean()), "score": float(panel.here[j].mean()),
            "expected": None, "p": None, "p_adjusted": None, "suspicious": False,
        }  # fmt: skip
        rows.append(row)
        if np.unique(family[rest]).size < 4:
            continue
        if not found.x[rest].min() <= found.x[j] <= found.x[rest].max():
            continue
        try:
            curve = fit_curve(found.x[rest], found.y[rest], found.vx[rest], found.vy[rest],
                              weights(family[rest].tolist()))  # fmt: skip
        except InputError:
            continue  # without it the others' abilities cannot be told apart
        expected, error = curve.at(found.x[j : j + 1], found.vx[j : j + 1], found.vy[j : j + 1])
        row["expected"] = score_at(float(expected[0]), found.items)
        row["p"] = float(stdtr(curve.df, (expected[0] - found.y[j]) / error[0]))
    tested = [r for r in rows if r["p"] is not None]
    if tested:
        for row, p in zip(tested, adjust([r["p"] for r in tested], "holm"), strict=True):
            row["p_adjusted"] = float(p)
            row["suspicious"] = bool(p <= alpha)
    return rows


def _detail(
    panel: Panel, found: Prediction, checked: list[dict[str, Any]], reference: str, level: float
) -> dict[str, Any]:
    suspects = {r["subject"] for r in checked if r["suspicious"]}
    trimmed = None
    keep = [i for i, n in enumerate(panel.names) if n not in suspects]
    if suspects and len({panel.family[i] for i in keep[1:]}) >= LEAST:
        rest = Panel(
            tuple(panel.names[i] for i in keep), tuple(panel.family[i] for i in keep),
            panel.here[keep], panel.there[keep],
        )  # fmt: skip
        try:
            again = predict(rest)
        except InputError:
            pass  # then there is no such number to show
        else:
            low, high = again.limits(level)
            y = float(panel.here[0].mean())
            trimmed = {"value": y - score_at(again.expected, again.items),
                       "interval": [y - high, y - low]}  # fmt: skip
    grid = np.linspace(found.x[1:].min(), found.x[1:].max(), 41)
    typical = [np.full(41, float(np.median(v[1:]))) for v in (found.vx, found.vy)]
    centre, error = found.curve.at(grid, *typical)
    reach = -float(stdtrit(found.curve.df, (1 - level) / 2)) * error
    items = panel.there.shape[1]
    return {
        "reference": reference, "reference_items": items,
        "reference_score": float(panel.there[0].mean()),
        "families": len(set(panel.family[1:])), "spread": found.curve.spread,
        "reliability": found.curve.reliability, "references": checked,
        "without_suspicious": trimmed,
        "curve": [
            {"reference_score": score_at(g, items), "expected": score_at(c, found.items),
             "low": score_at(c - r, found.items), "high": score_at(c + r, found.items)}
            for g, c, r in zip(grid, centre, reach, strict=True)
        ],
    }  # fmt: skip


def _suspicions(checked: list[dict[str, Any]], detail: dict[str, Any]) -> list[str]:
    names = [r["subject"] for r in checked if r["suspicious"]]
    if not names:
        return []
    said = f"Suspicious among the reference subjects themselves: {', '.join(names[:5])}"
    if (trimmed := detail["without_suspicious"]) is not None:
        low, high = trimmed["interval"]
        said += f"; without them inflation is {trimmed['value']:+.3g} in [{low:.3g}, {high:.3g}]"
    return [said + ". Leaving them out after seeing this weakens the interval's promise."]
