"""What will the next subject score? A stacked forecast, said only as far as the past was held."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from calibrant._text import one_line
from calibrant.errors import InputError
from calibrant.scaling.asked import read_known, split
from calibrant.scaling.backtests.cuts import Rule, cuts_of, read_rule
from calibrant.scaling.backtests.horizons import Horizon, horizon, judging, reach_of, silence, table
from calibrant.scaling.backtests.keep import Keep
from calibrant.scaling.backtests.outcomes import (
    Outcomes,
    combined,
    distances_of,
    horizon_of,
    outcomes_of,
    weights_now,
)
from calibrant.scaling.backtests.peers import peers
from calibrant.scaling.backtests.run import (
    Said,
    Tell,
    Trial,
    ask,
    distance,
    distance_in_ability,
    distance_in_family,
    try_out,
)
from calibrant.scaling.backtests.summary import BackTest, summarise
from calibrant.scaling.backtests.warn import exchangeability
from calibrant.scaling.forecaster import Forecaster
from calibrant.scaling.observed.said import described, too_able
from calibrant.scaling.observed.said import warnings_of as given_warnings
from calibrant.scaling.predictive import Predictive
from calibrant.scaling.reading.facts import digests
from calibrant.scaling.result import Forecast, Model
from calibrant.scaling.scores import Floats, Scores
from calibrant.scaling.stacking.against import FLOOR, Against, against, each_against


def forecast(
    source: Any,
    *,
    target: str | Sequence[str] | None = None,
    scale: str | None = None,
    family: str | None = None,
    subject: str | None = None,
    date: str | None = None,
    se: str | None = None,
    cut: str = "rolling",
    at: Sequence[str] = (),
    level: float = 0.9,
    limits: tuple[float, float] | Mapping[str, tuple[float, float]] | None = None,
    chance: Mapping[str, float] | None = None,
    log: bool = True,
    joins: Sequence[Any] = (),
    measure: str | None = None,
    score: str | None = None,
    given: Sequence[str] = (),
    bayes: bool = False,
    zoo: Sequence[Forecaster] | None = None,
    seed: int = 0,
    tell: Tell | None = None,
    keep: str | Path | None = None,
) -> Forecast:
    """Forecast scores of larger or later subjects, back-tested first.

    Args:
        source: a path or table with one row a subject, or `Scores`.
        target: the column of scores, or several. Rows without a score are forecast.
        scale, family, subject, date, se: columns; see `read_scores`.
        cut: how the past is cut: one of "scale<=8.4e22", "date<=2024-01-31", "family" (families
            left out in turn), "rolling", "rolling date"; ":9" after the last three sets how many.
            With `given` also "axis<=0.5" and "rolling axis", along the first axis of the given, in
            standard deviations; "rolling" is that where there is no scale.
            Where a fixed cut is given and no row lacks a score, the rows beyond it are forecast.
        at: more to forecast: "1e26", "1e26:Llama" or "1e26:Llama:2027-01-01", on every target.
        level: the share that intervals promise, 0.5 to 0.99.
        limits, chance, log, joins, measure, score: see `read_scores`.
        given: columns of scores that stay known for every subject, also where the target is to be
            forecast: models that place subjects on their axes join the zoo.
        bayes: add the hierarchical model by its sampler (extra `bayes`), once a cut: slow.
        zoo: the models; by default all of calibrant's.
        seed: the same seed gives the same numbers.
        tell: called with a line before each cut.
        keep: a folder in which what each model said at each cut is kept: a run that was stopped
            goes on from there, with the same numbers.

    Raises:
        InputError: naming the column, row or rule that is wrong.
    """
    if not 0.5 <= level <= 0.99:
        raise InputError(f"level: wanted 0.5 to 0.99, got {level:g}")
    scores = read_known(
        source, target=target, scale=scale, family=family, subject=subject, date=date, se=se,
        limits=limits, chance=chance, log=log, joins=joins, measure=measure, score=score,
        given=given,
    )  # fmt: skip
    rule = _rule(cut, log, scores)
    models = tuple(zoo) if zoo is not None else (*_observed(scores), *default_zoo(bayes=bayes))
    known, asked, notes = split(scores, at, log)
    cuts = cuts_of(known, rule, seed=seed)
    kept = None if keep is None else Keep(keep)
    trials = try_out(models, known, cuts, seed=seed, tell=tell, keep=kept)
    names = [m.name for m in models]
    outcomes, weights = outcomes_of(known, trials, names, rule, level)
    once = outcomes.once()
    told = _final(models, names, known, asked, trials, rule, seed, notes, tell, kept)
    test = summarise(
        once, rule=rule.text, level=level, horizons=table(once, rule, level, known.measures),
        peers=peers(known, trials, once, level, seed),
        cuts=[_cut(known, t, weights.get(t.cut.name), names) for t in trials],
        failures=[f for t in trials for f in t.said.failures],
    )  # fmt: skip
    why, reach = _gates(told, once, rule, level)
    warnings = [
        *scores.warnings,
        *given_warnings(told.known, told.at),
        *exchangeability(once, test, told.known, told.at),
    ]
    zoo_ = _models(models, once, told, trials)
    stacked = tuple(
        m.stacked for name in names for m in zoo_
        if m.name == name and m.baseline and m.stacked is not None
    )  # fmt: skip
    warnings += _plainly(zoo_, stacked, told, once, rule)
    warnings += [*_persisting(models, told), *_ungated(trials, told)]
    in_family = distance_in_family(told.known, told.at)
    warnings += _far_in_family(in_family, known, trials)
    order = sorted(zoo_, key=lambda m: -m.weight)
    return Forecast(
        target=scores.measures, scale=scale, family=family, cut=rule.text, level=level, seed=seed,
        models=tuple(order), known=known, at=told.at, predictive=told.predictive,
        outcome=told.at.score,
        orders=told.orders, months=told.months, why=why, backtest=test, stacked=stacked,
        reach=reach, warnings=tuple(warnings), notes=tuple(notes),
        data=digests((source, *joins)), orders_family=in_family,
        ability=told.ability, given=described(told.known, told.at),
        baselines=tuple(
            (m.name, *told.said.forecasts[m.name]) for m in models
            if m.baseline and m.name in told.said.forecasts
        ),
    )  # fmt: skip


def _rule(cut: str, log: bool, scores: Scores) -> Rule:
    rule = read_rule(cut, log=log)
    if rule.along == "axis" and scores.given is None:
        raise InputError(f"--cut {rule.text}: wanted given scores, whose first axis it is along")
    unscaled = scores.given is not None and not np.isfinite(scores.scale).any()
    if rule.kind == "rolling scale" and unscaled:
        return replace(rule, kind="rolling axis", text="rolling axis")
    return rule


def _observed(scores: Scores) -> tuple[Forecaster, ...]:
    """The models that use given scores, where there are any."""
    from calibrant.scaling.observed.forecasters import FORECASTERS

    return FORECASTERS if scores.given is not None else ()


def default_zoo(*, bayes: bool = False) -> tuple[Forecaster, ...]:
    """Every model of calibrant that forecasts; with `bayes` also the one with a sampler."""
    from calibrant.scaling.curves.forecasters import FORECASTERS as CURVES
    from calibrant.scaling.hierarchical.forecasters import FORECASTERS as HIERARCHIES

    found = (*CURVES, *HIERARCHIES)
    if bayes:
        from calibrant.scaling.hierarchical.forecasters import bayes_forecaster

        found = (*found, bayes_forecaster())
    return found


@dataclass(frozen=True, eq=False)
class _Told:
    """The forecast itself, before the past is asked whether it may be said."""

    known: Scores
    at: Scores
    predictive: Predictive | None
    spoken: np.ndarray[Any, np.dtype[np.bool_]]
    share: Floats
    said: Said
    orders: Floats
    months: Floats
    ability: Floats


def _final(
    models: Sequence[Forecaster], names: Sequence[str], known: Scores, asked: Scores,
    trials: tuple[Trial, ...], rule: Rule, seed: int, notes: list[str], tell: Tell | None,
    keep: Keep | None,
) -> _Told:  # fmt: skip
    """The forecast of what is asked for; of a fixed cut's later rows if nothing is."""
    share = weights_now(known, trials, names, rule)
    if len(asked):
        if tell is not None:
            tell(f"forecast of {len(asked)} scores from {len(known)} known ones")
        said = ask(models, known, asked, seed=seed, where="now", keep=keep)
        orders, months = distance(known, asked)
        ability = distance_in_ability(known, asked)
        base = known
    elif rule.at is not None:
        last = trials[-1]
        asked, said, base = known.take(last.rows), last.said, known.take(last.cut.known)
        orders, months, ability = last.orders, last.months, last.ability
        early = [replace(t) for t in trials[:-1]]
        share = weights_now(known, early, names, rule)
        notes.append(
            "no row lacks a score: those beyond the cut are forecast from what was known at it, "
            "and the back-test is of the same rows"
        )
    else:
        notes.append("nothing is forecast: no row lacks a score, and --at names none")
        said, base = Said({}, ()), known
        orders = months = ability = np.zeros(0)
    found = combined(said, names, share) if len(asked) else None
    none = np.zeros(len(asked), dtype=bool)
    spoke = np.array([n in said.forecasts for n in names]) if len(asked) else np.ones(len(names))
    share = share * spoke
    share = share / share.sum() if share.sum() > 0 else share
    predictive, spoken = (None, none) if found is None else found
    return _Told(base, asked, predictive, spoken, share, said, orders, months, ability)


def _gates(
    told: _Told, once: Outcomes, rule: Rule, level: float
) -> tuple[tuple[str | None, ...], dict[str, float]]:
    """Why each forecast is withheld, if it is; and how far out each measure was tried."""
    d = distances_of(told, rule)
    index = horizon_of(d, rule)
    last = int(once.horizon.max()) if len(once) else 0
    at = {m: _horizons(once, rule, level, m) for m in dict.fromkeys(map(str, told.at.measure))}
    tried = {
        m: reach_of(once.take(once.measure == m), rule)
        for m in dict.fromkeys((*told.known.measures, *map(str, told.at.measure)))
    }
    why: list[str | None] = []
    for i, m in enumerate(map(str, told.at.measure)):
        if not told.spoken[i]:
            words = next((f.why for f in told.said.failures), "no model speaks of it")
            why.append(f"no model could be fitted to {one_line(m, 60)}: {one_line(words, 200)}")
            continue
        spoken = judging(at[m], max(int(index[i]), 0), last, float(d[i]))
        why.append(silence(spoken, float(d[i]), tried[m]))
    if told.known.given is not None and rule.along != "axis":
        apart = replace(rule, kind="rolling axis")
        able = {m: reach_of(once.take(once.measure == m), apart) for m in tried}
        far = too_able(told.ability, able, list(map(str, told.at.measure)))
        why = [first or second for first, second in zip(why, far, strict=True)]
    return tuple(why), tried


def _horizons(once: Outcomes, rule: Rule, level: float, measure: str) -> Callable[[int], Horizon]:
    return cache(lambda index: horizon(once, index, rule, level, measure))


def _models(
    models: Sequence[Forecaster], once: Outcomes, told: _Told, trials: Sequence[Trial]
) -> list[Model]:  # fmt: skip
    plain = [i for i, m in enumerate(models) if m.baseline]
    over = each_against(once.log_score, once.each, [m.name for m in models], once.family)
    words = {f.model: f"{f.cut}: {f.why}" for t in trials for f in t.said.failures}
    words |= {f.model: f"now: {f.why}" for f in told.said.failures}
    found = []
    for i, m in enumerate(models):
        rivals = tuple(
            against(models[j].name, once.each[i], once.each[j], once.family, level=0.9)
            for j in plain if j != i
        )  # fmt: skip
        spoke = ~np.isnan(once.each[i])
        found.append(
            Model(
                name=m.name, says=m.says, baseline=m.baseline, weight=float(told.share[i]),
                log_score=_mean(np.maximum(once.each[i], FLOOR)[spoke]),
                crps=_mean(once.each_crps[i, spoke]), coverage=_mean(once.each_covered[i, spoke]),
                n=int(spoke.sum()),
                beats=not m.baseline and bool(rivals) and all(r.beats for r in rivals),
                against=rivals, failed=words.get(m.name), gates=_gates_of(m.name, trials, told),
                stacked=over[i],
            )
        )  # fmt: skip
    return found


def _plainly(
    zoo: Sequence[Model], stacked: Sequence[Against], told: _Told, once: Outcomes, rule: Rule
) -> list[str]:
    """What a reader must know of the models and of the distance."""
    found = []
    lost = [m.name for m in zoo if not m.baseline and not m.beats]
    plain = " and ".join(m.name for m in zoo if m.baseline)
    if lost and plain:
        found.append(f"not shown to beat {plain}: {', '.join(lost)}")
    weak = [a for a in stacked if not a.beats]
    if weak:
        found.append("the stacked forecast: " + "; ".join(map(repr, weak)))
    other = (told.orders, once.orders) if rule.along == "date" else (told.months, once.months)
    unit = "orders of magnitude" if rule.along == "date" else "months"
    ours, tried = (np.nan if not np.isfinite(x).any() else np.nanmax(x) for x in other)
    if np.isfinite(ours) and (not np.isfinite(tried) or ours > tried):
        reach = f"up to {tried:.2g}" if np.isfinite(tried) else "none"
        found.append(f"forecasts lie {ours:.2g} {unit} out; the back-test tried {reach}")
    return found


def _gates_of(name: str, trials: Sequence[Trial], told: _Told) -> tuple[dict[str, Any], ...]:
    """What a sampler was checked for, by cut."""
    # Of a fixed cut's own rows nothing was asked anew: its forecast is the last trial's.
    now = [] if trials and told.said is trials[-1].said else [("now", told.said)]
    every = [*((t.cut.name, t.said) for t in trials), *now]
    return tuple(
        {"cut": cut, "passed": name in said.forecasts, "gates": list(said.gates[name])}
        for cut, said in every if name in said.gates
    )  # fmt: skip


def _ungated(trials: Sequence[Trial], told: _Told) -> list[str]:
    """Samplers that did not pass, and where."""
    every = [f for t in trials for f in t.said.failures if f.model in t.said.gates]
    if not (trials and told.said is trials[-1].said):
        every += [f for f in told.said.failures if f.model in told.said.gates]
    return [f"at {f.cut}, nothing is taken from a sampler that failed: {f.why}" for f in every]


def _persisting(models: Sequence[Forecaster], told: _Told) -> list[str]:
    """Measures that growing curves refuse, and are forecast by persistence."""
    from calibrant.scaling.curves.forecasters import FITS, refused
    from calibrant.scaling.curves.shapes import POWER

    growing = [m.name for m in models if m.name in FITS and FITS[m.name][0] is not POWER]
    if not growing:
        return []
    lost = refused(told.known)
    # A shape that is refused on every measure is no model at all; on some, it has to say something.
    then = "forecast it by persistence" if len(lost) < len(told.known.measures) else "say nothing"
    return [
        f"{one_line(m, 60)}: {why}; growing curves are refused: {', '.join(growing)} {then}"
        for m, why in lost.items()
    ]


def _far_in_family(ours: Floats, known: Scores, trials: Sequence[Trial]) -> list[str]:
    """Forecasts that lie farther beyond their family than any that was tried."""
    tried = [
        distance_in_family(known.take(t.cut.known), known.take(t.rows))
        for t in trials if t.cut.judged
    ]  # fmt: skip
    past = np.concatenate([np.zeros(1), *tried])
    here, there = (float(np.nanmax(x)) if np.isfinite(x).any() else 0.0 for x in (ours, past))
    if here <= there + 0.05 * max(there, 1.0):
        return []
    return [
        f"forecasts lie up to {here:.2g} orders of magnitude beyond the largest known subject of "
        f"their family; the back-test tried {there:.2g}"
    ]


def _cut(known: Scores, trial: Trial, share: Floats | None, names: Sequence[str]) -> dict[str, Any]:
    cut = trial.cut
    return {
        "name": cut.name,
        "judged": cut.judged,
        "known": int(cut.known.sum()),
        "known_subjects": int(np.unique(known.subject[cut.known]).size),
        "later": int(trial.rows.size),
        "later_subjects": int(np.unique(known.subject[trial.rows]).size),
        "weights": None if share is None else dict(zip(names, map(float, share), strict=True)),
    }


def _mean(values: Floats) -> float | None:
    return float(values.mean()) if values.size else None


__all__ = ["BackTest", "Forecast", "default_zoo", "forecast"]
