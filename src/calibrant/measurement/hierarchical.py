"""What are the rates of many subjects on many instruments, when they inform each other?"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import combinations
from typing import Any, Literal

import numpy as np
import polars as pl

from calibrant.errors import GateError, InputError
from calibrant.measurement.measure import Measurement, Population
from calibrant.measurement.tables import as_trials, is_rate, of_score
from calibrant.stats.hierarchical.fit import Posterior, check_numbers, fit
from calibrant.stats.hierarchical.gates import Gate, chain_gates, predictive_gates, prior_gates
from calibrant.stats.hierarchical.model import Floats, Model, Priors, design
from calibrant.stats.hierarchical.rates import Rates, each_scale, rates

METHOD = "hierarchical, partial pooling"


@dataclass(frozen=True)
class Hierarchical:
    """Rates or means of subjects on instruments from one model of all trials.

    Attributes:
        measurements: one per subject and instrument: posterior mean, posterior standard
            deviation, equal-tailed interval.
        priors: parameter, prior and unit.
        scales: term, instrument (None: all), value, interval and unit of each standard deviation.
        gates: every check with its value and limit; all passed.
        contrasts: for two subjects on one instrument the difference of their rates, its interval,
            and the probability that the first is higher.
        dropped: reason by term, for the terms that these trials cannot tell apart.
        draws, seed: of the posterior.
    """

    measurements: tuple[Measurement, ...]
    priors: tuple[dict[str, Any], ...]
    scales: tuple[dict[str, Any], ...]
    gates: tuple[Gate, ...]
    contrasts: tuple[dict[str, Any], ...]
    dropped: dict[str, str]
    draws: int
    seed: int

    def __repr__(self) -> str:
        return "\n".join(
            [*map(repr, self.measurements), f"({len(self.gates)} gates passed; {self.draws} draws)"]
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain data; the names are the contract of `calibrant measure --hierarchical --json`."""
        return {
            "measurements": [m.to_dict() for m in self.measurements],
            "priors": list(self.priors),
            "scales": list(self.scales),
            "gates": [g.to_dict() for g in self.gates],
            "contrasts": list(self.contrasts),
            "dropped": dict(self.dropped),
            "draws": self.draws,
            "seed": self.seed,
        }


def hierarchical(
    source: Any,
    *,
    score: str | None = None,
    cluster: str | None = None,
    level: float = 0.95,
    population: Population = "tasks",
    graders: Literal["one", "sample"] = "one",
    priors: Priors | None = None,
    seed: int = 0,
    chains: int = 4,
    draws: int = 1000,
) -> Hierarchical:
    """Measure all subjects on all instruments with one generalised linear mixed model.

    Subjects, instruments, clusters, items and graders have normal effects (on the logit for
    scores 0 and 1) whose scales are estimated, so that small groups borrow from the others.
    With population "tasks" new items are meant, and item effects are integrated over; with
    "items" these items. Trials without a score are left out, as if lost at random, and counted.

    Args:
        source: a path that `read` takes, or a table of trials.
        score: use this score only.
        cluster: column that names clusters of items, by default "cluster" where it is filled.
        level: probability in the equal-tailed interval, strictly between 0 and 1.
        population: "tasks" or "items".
        graders: "one" score is wanted, or several are a "sample" of graders of one thing.
        priors: by default `calibrant.stats.hierarchical.model.LOGIT` for scores 0 and 1, else
            `STANDARDISED`.
        seed: 0 or more; the same seed gives the same numbers on the same machine.
        chains, draws: of the posterior, draws per chain.

    Raises:
        GateError: if a check of the prior, the sampler or the fit fails; nothing is reported.
        InputError: for no trials, several scores with graders "one", or scores of mixed kinds.
        CalibrantError: if the extra "bayes" is not installed.
    """
    if not 0 < level < 1:
        raise InputError(f"level: wanted strictly between 0 and 1, got {level!r}")
    if population not in ("tasks", "items"):
        raise InputError(f"population: wanted 'tasks' or 'items', got {population!r}")
    check_numbers(seed, chains, draws)
    trials = _checked(of_score(as_trials(source), score), cluster, graders)
    scored = trials.filter(pl.col("score").is_not_null())
    model, names = _model(scored, cluster, priors)
    gates = prior_gates(model, seed=seed)
    _refuse(gates)
    posterior = fit(model, seed=seed, chains=chains, draws=draws)
    found = rates(model, posterior, population, seed=seed)
    gates += chain_gates(posterior, _reported(model, posterior, found, names))
    gates += predictive_gates(model, posterior, seed=seed)
    _refuse(gates)
    base = {"level": level, "population": population}
    return Hierarchical(
        tuple(_measurements(trials, found, names, cluster, base)),
        tuple(model.prior_rows()),
        tuple(_scales(model, posterior, names, level)),
        tuple(gates),
        tuple(_contrasts(found, names, level)),
        dict(model.dropped),
        posterior.mean.size,
        seed,
    )


def _checked(trials: pl.DataFrame, cluster: str | None, graders: str) -> pl.DataFrame:
    if cluster is not None and cluster not in trials.columns:
        raise InputError(f"cluster: no column {cluster!r}; there are {', '.join(trials.columns)}")
    if graders not in ("one", "sample"):
        raise InputError(f"graders: wanted 'one' or 'sample', got {graders!r}")
    known = sorted(set(trials["grader"].to_list()))
    if graders == "one" and len(known) > 1:
        raise InputError(
            f"score: wanted one of {', '.join(known[:8])}, or graders='sample' if they grade the "
            f"same thing; got {len(known)} scores"
        )
    scored = trials.filter(pl.col("score").is_not_null())
    if scored.is_empty():
        raise InputError(f"trials: wanted one with a score, got {trials.height} without")
    kinds = {
        str(k[0]): is_rate(part["score"])
        for k, part in scored.group_by("instrument", maintain_order=True)
    }
    if len(set(kinds.values())) > 1:
        rate, other = (next(k for k, v in kinds.items() if v is w) for w in (True, False))
        raise InputError(
            f"scores: wanted all 0 or 1, or all of another kind, in one model; those of {rate} are "
            f"0 or 1, those of {other} are not"
        )
    return trials


Names = dict[str, list[str]]


def _model(scored: pl.DataFrame, cluster: str | None, priors: Priors | None) -> tuple[Model, Names]:
    """The model of the trials with scores, and the names of subjects and instruments by code."""
    names: Names = {}
    codes: dict[str, Any] = {}
    for column in ("subject", "instrument"):
        names[column] = scored[column].unique(maintain_order=True).to_list()
        position = {name: at for at, name in enumerate(names[column])}
        codes[column] = [position[x] for x in scored[column].to_list()]
    codes["item"] = scored["item"].rank("dense").to_numpy()
    if scored[cluster or "cluster"].null_count() < scored.height:
        codes["cluster"] = _labels(scored, cluster).rank("dense").to_numpy()
    if scored["grader"].n_unique() > 1:
        codes["grader"] = scored["grader"].rank("dense").to_numpy()
        answer = ["run", "subject", "instrument", "item", "variant", "epoch"]
        codes["answer"] = scored.select(pl.struct(answer).rank("dense")).to_series().to_numpy()
    return design(**codes, score=scored["score"].to_numpy(), priors=priors), names


def _labels(trials: pl.DataFrame, cluster: str | None) -> pl.Series:
    """The cluster of each trial: the asked column, and the item where that is empty."""
    named = "c:" + pl.col(cluster or "cluster").cast(pl.String)
    return trials.select(pl.coalesce(named, "i:" + pl.col("item")).alias("label")).to_series()


def _reported(model: Model, posterior: Posterior, found: Rates, names: Names) -> dict[str, Floats]:
    """Draws of everything that is reported, by name."""
    reported = {
        f"{names['subject'][s]} on {names['instrument'][t]}": x for (s, t), x in found.items()
    }
    for term, t, draws in each_scale(model, posterior):
        reported[f"scale of {term}" + (f" on {names['instrument'][t]}" if t >= 0 else "")] = draws
    return reported


def _refuse(gates: list[Gate]) -> None:
    failed = [g for g in gates if not g.passed]
    if failed:
        g = failed[0]
        more = f", and {len(failed) - 1} more failed" if len(failed) > 1 else ""
        where = f" ({g.where})" if g.where else ""
        raise GateError(
            f"gate {g.name!r}: wanted {g.wanted} {g.limit:g}, got {g.value:.4g}{where}{more}; "
            "the model's numbers are not reported",
            [g.to_dict() for g in gates],
        )


def _measurements(
    trials: pl.DataFrame, found: Rates, names: Names, cluster: str | None, base: dict[str, Any]
) -> Iterable[Measurement]:
    labelled = trials.with_columns(_labels(trials, cluster).alias("__label"))
    for key, part in labelled.group_by("subject", "instrument", maintain_order=True):
        scored = part.filter(pl.col("score").is_not_null())
        missing = part.height - scored.height
        where: dict[str, Any] = {
            "subject": key[0], "instrument": key[1], "side": "two", "n": scored.height,
            "score": ", ".join(sorted(set(part["grader"].to_list()))),
            "clusters": scored["__label"].n_unique(), "missing": missing, **base,
        }  # fmt: skip
        if scored.is_empty():
            yield Measurement(value=None, standard_uncertainty=None, interval=None, if_missing=None,
                              method="nothing observed", budget=(), **where)  # fmt: skip
            continue
        x = found[names["subject"].index(str(key[0])), names["instrument"].index(str(key[1]))]
        u, (low, high) = float(x.std(ddof=1)), _interval(x, base["level"])
        share = missing / part.height
        outer = (low * (1 - share), high * (1 - share) + share)
        yield Measurement(
            value=float(x.mean()),
            standard_uncertainty=u,
            interval=(low, high),
            method=METHOD,
            if_missing=outer if missing and is_rate(scored["score"]) else None,
            budget=({"source": "posterior", "type": "A", "u": u, "share": 1.0, "df": None},),
            **where,
        )


def _interval(draws: Floats, level: float) -> tuple[float, float]:
    low, high = np.quantile(draws, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def _scales(
    model: Model, posterior: Posterior, names: Names, level: float
) -> Iterable[dict[str, Any]]:
    unit = "logit" if model.family == "binomial" else "score"
    for term, t, draws in each_scale(model, posterior):
        yield {
            "term": term,
            "instrument": names["instrument"][t] if t >= 0 else None,
            "value": float(draws.mean()),
            "standard_uncertainty": float(draws.std(ddof=1)),
            "interval": list(_interval(draws, level)),
            "unit": unit,
        }


def _contrasts(found: Rates, names: Names, level: float) -> Iterable[dict[str, Any]]:
    for t, instrument in enumerate(names["instrument"]):
        subjects = [s for s in range(len(names["subject"])) if (s, t) in found]
        for a, b in combinations(subjects, 2):
            gap = found[a, t] - found[b, t]
            yield {
                "a": names["subject"][a],
                "b": names["subject"][b],
                "instrument": instrument,
                "difference": float(gap.mean()),
                "standard_uncertainty": float(gap.std(ddof=1)),
                "interval": list(_interval(gap, level)),
                "a_higher": float((gap > 0).mean()),
            }
