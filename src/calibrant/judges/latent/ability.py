"""What GLAD and the severity models found, with intervals and, for severities, who differs."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import Any

import numpy as np
from scipy.special import ndtr, ndtri

from calibrant.judges.latent.data import Floats, Marks
from calibrant.judges.latent.glad import (
    SKILL_MEAN,
    SKILL_SD,
    SPREAD_MEDIAN,
    SPREAD_SD,
    GladFit,
    chance_right,
    fit_glad,
)
from calibrant.judges.latent.result import Estimate
from calibrant.judges.latent.severity import SeverityFit, fit_severity, grader_fit
from calibrant.stats.comparisons.multiplicity import adjust

MOST_PAIRS = 20_000


@dataclass(frozen=True)
class GraderSkill:
    """One grader's skill, 0 for a guesser, and its chance of a right label on the median item."""

    grader: str
    labels: int
    skill: Estimate
    accuracy: Estimate


@dataclass(frozen=True)
class Glad:
    """GLAD, fitted.

    Attributes:
        classes: names.
        prevalence: of each class.
        graders: in the order given.
        spread: σ of the items' log β; near 0 items are equally hard.
        posterior: shape (items, classes).
        difficulty, difficulty_sd: shape (items,), -log β with its posterior standard deviation;
            0 for the median item, more is harder.
        level, method, checks, notes: as `LatentClasses`.
    """

    model: str
    classes: tuple[str, ...]
    prevalence: tuple[Estimate, ...]
    graders: tuple[GraderSkill, ...]
    spread: Estimate
    posterior: Floats
    difficulty: Floats
    difficulty_sd: Floats
    level: float
    method: str
    checks: dict[str, float]
    notes: tuple[str, ...] = ()

    def __repr__(self) -> str:
        top = max(self.graders, key=lambda g: g.skill.value)
        low = min(self.graders, key=lambda g: g.skill.value)
        return (
            f"{len(self.posterior):,} items, {len(self.graders)} graders: on the median item "
            f"{low.grader} is right {low.accuracy!r} and {top.grader} {top.accuracy!r}; items' log "
            f"difficulty has standard deviation {self.spread!r}"
        )

    def labels(self) -> tuple[str, ...]:
        """The likeliest class of each item."""
        return tuple(self.classes[i] for i in self.posterior.argmax(axis=1))

    def to_dict(self) -> dict[str, Any]:
        """Plain data; without what is said of each item."""
        lost = ("posterior", "difficulty", "difficulty_sd")
        data = {k: v for k, v in self.__dict__.items() if k not in lost}
        data["prevalence"] = [asdict(e) for e in self.prevalence]
        data["graders"] = [asdict(g) for g in self.graders]
        data["spread"] = asdict(self.spread)
        return data | {"classes": list(self.classes), "notes": list(self.notes)}


def glad(m: Marks, graders: tuple[str, ...], classes: tuple[str, ...], level: float) -> Glad:
    """Fit GLAD and say what it found."""
    f = fit_glad(m)
    reach = float(ndtri((1 + level) / 2))
    sd = np.sqrt(np.diag(f.covariance))
    given = np.bincount(m.grader, minlength=m.graders)
    rows = []
    for j, name in enumerate(graders):
        ends = [float(f.skills[j]) + s * reach * float(sd[j]) for s in (0, -1, 1)]
        rows.append(GraderSkill(name, int(given[j]), Estimate(*ends),
                                Estimate(*(chance_right(x, m.classes) for x in ends))))  # fmt: skip
    width = reach * float(sd[m.graders])
    spread = Estimate(f.spread, f.spread * math.exp(-width), f.spread * math.exp(width))
    notes = []
    if not np.any(m.gold >= 0):
        notes.append("without gold: graders who err together look better than they are")
    return Glad(
        "glad", classes, _shares(f, m, reach), tuple(rows), spread, f.posterior, -f.ease, f.ease_sd,
        level,
        f"GLAD, difficulties integrated out; priors: skills N({SKILL_MEAN:g}, {SKILL_SD:g}²), "
        f"σ lognormal about {SPREAD_MEDIAN:g} (log sd {SPREAD_SD:g})",
        {"log_likelihood": f.log_likelihood, "gradient": f.gradient}, tuple(notes),
    )  # fmt: skip


def _shares(f: GladFit, m: Marks, reach: float) -> tuple[Estimate, ...]:
    p, k = f.prevalence, m.classes
    block = f.covariance[m.graders + 1 :, m.graders + 1 :]
    found = []
    for c in range(k):
        own = np.zeros(k)
        own[c] = 1.0
        g = ((own - p) / (1 - p[c]))[:-1]
        sd = math.sqrt(max(float(g @ block @ g), 0.0))
        at = math.log(p[c] / (1 - p[c]))
        ends = [1 / (1 + math.exp(-(at + s * reach * sd))) for s in (-1, 1)]
        found.append(Estimate(float(p[c]), *ends))
    return tuple(found)


@dataclass(frozen=True)
class GraderSeverity:
    """One grader's severity.

    Attributes:
        severity: in logits, 0 on average over graders; a severe grader gives less.
        standard_error: of it.
        infit, outfit: see `GraderFit`.
        misfit: adjusted p-value (Holm over graders) of an infit that differs from 1.
    """

    grader: str
    labels: int
    severity: Estimate
    standard_error: float
    infit: float
    outfit: float
    misfit: float


@dataclass(frozen=True)
class Severity:
    """A many-facet Rasch model, fitted.

    Attributes:
        model: "severity".
        scale: "rating" (graders share thresholds) or "partial" (each has its own).
        classes: the labels in order.
        graders: in the order given.
        thresholds: between neighbouring labels, of the average grader, centred.
        item_spread: σ of item locations, in logits.
        location, location_sd: shape (items,), posterior mean and standard deviation.
        separation: spread of severities over their mean standard error (Wright and Masters 1982).
        reliability: share of the spread of estimated severities that is not error, 0–1.
        separable: pairs of graders whose severities differ, adjusted for all pairs (Holm); None
            where there are too many pairs.
        level, method, checks, notes: as `LatentClasses`.
    """

    model: str
    scale: str
    classes: tuple[str, ...]
    graders: tuple[GraderSeverity, ...]
    thresholds: tuple[Estimate, ...]
    item_spread: float
    location: Floats
    location_sd: Floats
    separation: float
    reliability: float
    separable: tuple[tuple[str, str], ...] | None
    level: float
    method: str
    checks: dict[str, float]
    notes: tuple[str, ...] = ()

    def __repr__(self) -> str:
        hard = max(self.graders, key=lambda g: g.severity.value)
        soft = min(self.graders, key=lambda g: g.severity.value)
        n = len(self.graders)
        pairs = "" if self.separable is None else (
            f"; {len(self.separable)} of {n * (n - 1) // 2} pairs can be told apart"
        )  # fmt: skip
        return (
            f"{len(self.location):,} items, {n} graders: from {soft.grader} {soft.severity!r} to "
            f"{hard.grader} {hard.severity!r} logits of severity, reliability "
            f"{self.reliability:.2f}{pairs}"
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain data; without what is said of each item."""
        data = {k: v for k, v in self.__dict__.items() if not k.startswith("location")}
        data["graders"] = [asdict(g) for g in self.graders]
        data["thresholds"] = [asdict(t) for t in self.thresholds]
        data["separable"] = None if self.separable is None else [list(p) for p in self.separable]
        return data | {"classes": list(self.classes), "notes": list(self.notes)}


def severity(
    m: Marks, graders: tuple[str, ...], classes: tuple[str, ...], scale: str, level: float
) -> Severity:
    """Fit the severity model and say what it found."""
    f = fit_severity(m, "partial" if scale == "partial" else "rating")
    reach = float(ndtri((1 + level) / 2))
    to = f.to_steps.reshape(m.graders, m.classes - 1, -1)
    each = to.mean(axis=1)
    to_severity, to_threshold = each - each.mean(axis=0), to.mean(axis=0)
    to_threshold = to_threshold - to_threshold.mean(axis=0)
    value = f.steps.mean(axis=1) - f.steps.mean()
    cov = to_severity @ f.covariance @ to_severity.T
    error = np.sqrt(np.diag(cov))
    fits = grader_fit(m, f)
    misfit = adjust([2 * float(ndtr(-abs(x.infit_z))) for x in fits], "holm")
    given = np.bincount(m.grader, minlength=m.graders)
    rows = tuple(
        GraderSeverity(name, int(given[j]), _around(value[j], error[j], reach), float(error[j]),
                       fits[j].infit, fits[j].outfit, float(misfit[j]))
        for j, name in enumerate(graders)
    )  # fmt: skip
    steps = f.steps.mean(axis=0)
    sd = np.sqrt(np.maximum(np.diag(to_threshold @ f.covariance @ to_threshold.T), 0.0))
    thresholds = tuple(_around(x, s, reach) for x, s in zip(steps - steps.mean(), sd, strict=True))
    spread = float(np.var(value, ddof=1))
    noise = float(np.mean(error**2))
    true = max(spread - noise, 0.0)
    return Severity(
        "severity", scale, classes, rows, thresholds, f.spread, f.location, f.location_sd,
        math.sqrt(true / noise), true / spread if spread > 0 else 0.0,
        _separable(value, cov, graders, level), level,
        f"{scale} scale, items integrated out by {f.nodes} adaptive nodes",
        {"log_likelihood": f.log_likelihood, "gradient": f.gradient, "nodes": float(f.nodes),
         "quadrature_shift": f.shift},
        _notes(f, rows, level),
    )  # fmt: skip


def _around(value: float, error: float, reach: float) -> Estimate:
    return Estimate(float(value), float(value - reach * error), float(value + reach * error))


def _separable(
    value: Floats, cov: Floats, graders: tuple[str, ...], level: float
) -> tuple[tuple[str, str], ...] | None:
    pairs = list(combinations(range(value.size), 2))
    if len(pairs) > MOST_PAIRS:
        return None
    p = [
        2
        * float(ndtr(-abs(value[a] - value[b]) / math.sqrt(cov[a, a] + cov[b, b] - 2 * cov[a, b])))
        for a, b in pairs
    ]
    return tuple(
        (graders[a], graders[b])
        for (a, b), q in zip(pairs, adjust(p, "holm"), strict=True)
        if q <= 1 - level
    )


def _notes(f: SeverityFit, rows: tuple[GraderSeverity, ...], level: float) -> tuple[str, ...]:
    notes = [
        f"{g.grader} is more erratic than the model allows (infit {g.infit:.2f})"
        if g.infit > 1
        else f"{g.grader} is steadier than the model allows (infit {g.infit:.2f}): sharper than "
        "the others, or it saw their labels"
        for g in rows
        if g.misfit <= 1 - level
    ]
    if f.spread < 0.05:
        notes.append("items hardly differ: every grader labels all of them alike")
    return tuple(notes)
