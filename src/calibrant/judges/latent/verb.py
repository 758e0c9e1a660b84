"""The verb `latent`: what labels say about items and graders when the truth is not known."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from calibrant.errors import InputError
from calibrant.judges.labels import Labels, as_labels
from calibrant.judges.latent import ability, intervals
from calibrant.judges.latent.bayesian import CHAINS, DRAWS, sample
from calibrant.judges.latent.data import Ints, Marks, marks
from calibrant.judges.latent.dawid_skene import Fit, fit
from calibrant.judges.latent.information import information
from calibrant.judges.latent.result import LatentClasses, confusion_table, from_draws
from calibrant.stats.estimates.rates import check_level

MODELS = ("dawid-skene", "one-coin", "bayesian", "glad", "severity")

PSEUDO = 0.5
"""Labels added to every cell of a confusion row, and to every class."""


def latent(
    labels: Any,
    *,
    model: str = "dawid-skene",
    gold: str | Mapping[str, str] | None = None,
    sampled: bool = True,
    pseudo: float = PSEUDO,
    starts: int = 10,
    favour: float | None = None,
    scale: str = "rating",
    level: float = 0.95,
    seed: int = 0,
    **reading: Any,
) -> LatentClasses | ability.Glad | ability.Severity:
    """Fit a model of graders whose items have no known truth, or only some of them.

    - "dawid-skene": classes of items and a confusion matrix per grader, by EM; "one-coin" has one
      accuracy per grader.
    - "bayesian": the same with Dirichlet priors, by Gibbs sampling.
    - "glad": items differ in difficulty and graders in skill (Whitehill et al. 2009).
    - "severity": ordered labels; items have a location, graders a severity, and the labels
      thresholds (many-facet Rasch models).

    Args:
        labels: what `as_labels` takes.
        gold: a grader whose labels are the truth, or the true label by item; not for "severity".
        sampled: whether gold items are a random sample of the items; if not they teach only how
            graders err.
        pseudo: for "dawid-skene" and "one-coin"; 0 is maximum likelihood, without intervals.
        starts: of EM.
        favour: for "bayesian", the prior's labels on the diagonal, 1 off it; None for the number
            of classes.
        scale: for "severity", "rating" (graders share thresholds) or "partial" (each has its own).
        level: of the intervals, strictly between 0 and 1.
        seed: of starts and chains.
        reading: further options of `as_labels`, such as `graders`.

    Returns:
        `LatentClasses`, `Glad` or `Severity`.

    Raises:
        InputError: for unknown names, or labels that do not determine the model.
        GateError: if the chains of "bayesian" did not settle.
    """
    if model not in MODELS:
        raise InputError(f"model: wanted one of {', '.join(MODELS)}, got {model!r}")
    check_level(level, "two")
    table = as_labels(labels, **reading)
    m, graders = prepared(table, gold)
    if model in ("dawid-skene", "one-coin"):
        return _classes(m, graders, table, model, sampled, pseudo, starts, level, seed)
    if model == "bayesian":
        return _bayesian(m, graders, table.categories, sampled, favour, level, seed)
    if model == "glad":
        return ability.glad(m, graders, table.categories, level)
    if gold is not None:
        raise InputError("gold: severity has no true labels")
    if table.values is None and not table.ordered:
        raise InputError("labels: severity wanted numbers or categories named in their order, got "
                         f"{', '.join(table.categories[:4])}")  # fmt: skip
    return ability.severity(m, graders, table.categories, scale, level)


def prepared(table: Labels, gold: str | Mapping[str, str] | None) -> tuple[Marks, tuple[str, ...]]:
    """Labels as `Marks`, and the names of their graders.

    Raises:
        InputError: for gold of unknown items or classes, or anonymous graders.
    """
    if table.anonymous:
        raise InputError("labels: wanted graders with names, got votes of unknown graders")
    k = len(table.categories)
    truth: Ints = np.full(len(table.items), -1, np.int64)
    graders = table.graders
    if isinstance(gold, str):
        truth = table.of(gold)
        graders = tuple(g for g in graders if g != gold)
        if not graders:
            raise InputError(f"gold: {gold!r} is the only grader")
    elif gold is not None:
        place = {name: i for i, name in enumerate(table.items)}
        code = {name: i for i, name in enumerate(table.categories)}
        for item, label in gold.items():
            if str(item) not in place or str(label) not in code:
                raise InputError(f"gold: no item {item!r} or no label {label!r} in the labels")
            truth[place[str(item)]] = code[str(label)]
    picked = table.pick(graders)
    used = np.unique(picked.grader)
    items = np.unique(picked.item)
    if not picked.n:
        raise InputError("labels: none beside gold")
    m = marks(np.searchsorted(items, picked.item), np.searchsorted(used, picked.grader),
              picked.code, k, truth[items])  # fmt: skip
    return m, tuple(graders[int(i)] for i in used)


def _classes(
    m: Marks,
    graders: tuple[str, ...],
    table: Labels,
    model: str,
    sampled: bool,
    pseudo: float,
    starts: int,
    level: float,
    seed: int,
) -> LatentClasses:
    one = model == "one-coin"
    f = fit(m, pseudo=pseudo, one_coin=one, sampled=sampled, starts=starts, seed=seed)
    info = information(m, f, pseudo=pseudo, one_coin=one, sampled=sampled) if pseudo > 0 else None
    checks = {
        "log_likelihood": f.log_likelihood, "residual": f.residual, "rounds": float(f.rounds),
        "starts_agreeing": f.agreeing,
    }  # fmt: skip
    if info is not None:
        checks["information"] = info.share
    method = "one-coin model" if one else "Dawid–Skene"
    method += f" by EM from {starts} starts, "
    method += (
        f"with {pseudo:g} labels added to every cell; intervals from the observed information"
        if pseudo > 0
        else "maximum likelihood; no intervals"
    )
    return LatentClasses(
        model, table.categories, intervals.prevalence(f, info, level),
        intervals.graders(m, f, info, graders, level, one_coin=one), m.items,
        int((m.gold >= 0).sum()), f.posterior, level, method, checks,
        _notes(m, f, table.categories, one),
    )  # fmt: skip


def _bayesian(
    m: Marks,
    graders: tuple[str, ...],
    classes: tuple[str, ...],
    sampled: bool,
    favour: float | None,
    level: float,
    seed: int,
) -> LatentClasses:
    draws, gates = sample(m, favour=favour, sampled=sampled, seed=seed)
    given, accuracy = np.bincount(m.grader, minlength=m.graders), draws.accuracy()
    k = m.classes
    rows = tuple(
        confusion_table(
            name, int(given[j]), from_draws(accuracy[:, :, j], level),
            [[from_draws(draws.confusion[:, :, j, c, d], level) for d in range(k)]
             for c in range(k)],
        )
        for j, name in enumerate(graders)
    )  # fmt: skip
    weight = float(k) if favour is None else favour
    known = int((m.gold >= 0).sum())
    notes = () if known else ("without gold: graders who err together look better than they are",)
    return LatentClasses(
        "bayesian", classes,
        tuple(from_draws(draws.prevalence[:, :, c], level) for c in range(k)), rows, m.items,
        known, draws.posterior.mean(axis=0), level,
        f"Dawid–Skene by Gibbs sampling, {CHAINS} chains of {DRAWS} draws; prior "
        f"Dirichlet({weight:g} at its own class, 1 elsewhere) per confusion row",
        {g.name: g.value for g in gates}, notes,
    )  # fmt: skip


def _notes(m: Marks, f: Fit, classes: tuple[str, ...], one: bool) -> tuple[str, ...]:
    notes = []
    if not np.any(m.gold >= 0):
        notes.append("without gold: graders who err together look better than they are")
        given = np.bincount(m.grader, minlength=m.graders).astype(float)
        mean = np.tensordot(given / given.sum(), f.confusion, axes=1)
        notes += [
            f"label {name!r} is not given most often to its own class: its name means little"
            for c, name in enumerate(classes)
            if mean[:, c].argmax() != c
        ]
    if f.agreeing < 1 and not one:
        notes.append(f"{f.agreeing:.0%} of the starts reached this maximum: there are others")
    return tuple(notes)
