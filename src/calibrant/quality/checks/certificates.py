"""How often do item checks cry wolf, and do adaptive tests get through on banks that are broken?"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit, stdtrit

from calibrant.quality.bank import two_pl
from calibrant.quality.banks import check_bank
from calibrant.quality.checks.duplicates import AGREEMENT, PHI, twins
from calibrant.quality.checks.forecast import RECORDS, first_passage, record_positions
from calibrant.quality.checks.keys import purified_rest
from calibrant.quality.checks.residuals import residual_checks
from calibrant.quality.checks.rest import item_rest
from calibrant.quality.checks.working import work
from calibrant.quality.responses import of_matrix
from calibrant.stats.certificates import Bound, Certificate, Regime, regimes

Floats = NDArray[np.float64]


def draw(regime: Regime, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Responses of one ability, and each item's true slope.

    The regime's keys: subjects; items; reversed, the share of items with a negative slope; idle,
    the share without any; spread, of log slopes (0.3 if absent); hard, added to all difficulties.
    """
    s, j = int(regime["subjects"]), int(regime["items"])
    slope = rng.lognormal(0.0, float(regime.get("spread", 0.3)), j)
    kind = rng.permutation(j)
    turned, idle = round(regime.get("reversed", 0.0) * j), round(regime.get("idle", 0.0) * j)
    slope[kind[:turned]] *= -1.0
    slope[kind[turned : turned + idle]] = 0.0
    intercept = rng.normal(-float(regime.get("hard", 0.0)), 1.2, j)
    p = expit(rng.normal(size=(s, 1)) * slope + intercept)
    return (rng.random((s, j)) < p).astype(np.float64), slope


def _false_share(flagged: NDArray[np.bool_], turned: NDArray[np.bool_]) -> float:
    return float((flagged & ~turned).sum() / max(int(flagged.sum()), 1))


def _keys(regime: Regime, rng: np.random.Generator, draws: int) -> Mapping[str, float]:
    sums = dict.fromkeys(
        ("false share", "power", "below zero false share", "below zero power"), 0.0
    )
    for _ in range(draws):
        x, slope = draw(regime, rng)
        turned = slope < 0
        found = purified_rest(x, families=None, level=0.95, rate=0.05).q_negative <= 0.05
        rule = item_rest(x).correlation < 0
        sums["false share"] += _false_share(found, turned)
        sums["below zero false share"] += _false_share(rule, turned)
        if turned.any():
            sums["power"] += float(found[turned].mean())
            sums["below zero power"] += float(rule[turned].mean())
    return {name: total / draws for name, total in sums.items()}


def _residuals(regime: Regime, rng: np.random.Generator, draws: int) -> Mapping[str, float]:
    names = (
        "pair alarm", "misfit alarm", "misfit p under 5 %", "Q3 above 0.2 alarm",
        "infit 0.7–1.3 alarm", "outfit 0.7–1.3 alarm",
    )  # fmt: skip
    sums = dict.fromkeys(names, 0.0)
    for _ in range(draws):
        x, _ = draw(regime, rng)
        fit = work(x)
        found, dependence = residual_checks(x, fit, replicates=int(regime["replicates"]), rng=rng)
        sums["pair alarm"] += bool(dependence.pairs)
        sums["misfit alarm"] += bool((found.q <= 0.05).any())
        sums["misfit p under 5 %"] += float((found.p <= 0.05).mean())
        left = x - fit.probability
        varied = left[:, x.std(axis=0) > 0]
        q3 = np.atleast_2d(np.corrcoef(varied.T))
        np.fill_diagonal(q3, 0.0)
        sums["Q3 above 0.2 alarm"] += bool((np.abs(q3) > 0.2).any())
        for name, mean in (("infit", found.infit), ("outfit", found.outfit)):
            seen = np.nan_to_num(mean, nan=1.0)
            sums[f"{name} 0.7–1.3 alarm"] += bool(((seen < 0.7) | (seen > 1.3)).any())
    return {name: total / draws for name, total in sums.items()}


def _twins(regime: Regime, rng: np.random.Generator, draws: int) -> Mapping[str, float]:
    sums = dict.fromkeys(("alarm", "power", "agreement above 95 % alarm"), 0.0)
    for _ in range(draws):
        x, _ = draw(regime, rng)
        sums["alarm"] += bool(twins(x, work(x).probability, agreement=AGREEMENT, phi=PHI))
        same = (x.T @ x + (1 - x).T @ (1 - x)) / x.shape[0]
        np.fill_diagonal(same, 0.0)
        sums["agreement above 95 % alarm"] += bool((same >= 0.95).any())
        middle = np.argsort(np.abs(x.mean(axis=0) - 0.5))[:2]
        x[:, middle[0]] = x[:, middle[1]]
        again = twins(x, work(x).probability, agreement=AGREEMENT, phi=PHI)
        sums["power"] += any({t.first, t.second} == set(middle.tolist()) for t in again)
    return {name: total / draws for name, total in sums.items()}


def history(regime: Regime, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Dates in years from 0, and logits of scores, of subjects released over 80 years.

    The regime's keys: law ("trend": scores about a line that climbs; "below": at a distance below
    one, exponential; "walk": each subject beats the last, by exponential jumps); releases a year;
    noise, in logits; climb, logits a year; years, how many are known.
    """
    span, rate, climb = float(regime["years"]) + 80.0, float(regime["releases"]), regime["climb"]
    if regime["law"] == "walk":
        size = int(rate * span)
        return np.cumsum(rng.exponential(1 / rate, size)), -1.5 + np.cumsum(
            rng.exponential(climb / rate, size)
        )
    size = int(rng.poisson(rate * span))
    t = np.sort(rng.random(size) * span)
    noise = rng.normal(size=size) if regime["law"] == "trend" else -rng.exponential(2.0, size)
    return t, -1.5 + climb * t + regime["noise"] * noise


def _forecasts(regime: Regime, rng: np.random.Generator, draws: int) -> Mapping[str, float]:
    sums = dict.fromkeys(("covered", "straight line covered"), 0.0)
    aim, known, done, refused = float(logit(0.95)), float(regime["years"]), 0, 0
    while done < draws:
        t, climb = history(regime, rng)
        past = t < known
        if not past.any() or (climb[past] >= aim).any() or climb.max() < aim:
            continue
        records = record_positions(t[past], climb[past])
        if records.size < RECORDS:
            refused += 1
            continue
        done += 1
        real = t[np.argmax(climb >= aim)]
        x, y = t[past][records], climb[past][records]
        found = first_passage(x, y, known, aim, rng, 500)
        low, high = np.quantile(found, [0.1, 0.9], method="higher")
        sums["covered"] += bool(low <= real <= high)
        sums["straight line covered"] += _line(x, y, aim, real)
    found_all = {name: total / draws for name, total in sums.items()}
    return found_all | {"refused": refused / (refused + done)}


def _line(x: Floats, y: Floats, aim: float, real: float) -> bool:
    """Whether a least squares line through the records, ± its 80 % band, has the date."""
    n, centre = x.size, x - x.mean()
    slope = float(centre @ y / (centre @ centre))
    left = y - y.mean() - slope * centre
    sd = float(np.sqrt(left @ left / (n - 2)))
    at = y.mean() + slope * (real - x.mean())
    width = sd * np.sqrt(1 + 1 / n + (real - x.mean()) ** 2 / (centre @ centre))
    return bool(abs(at - aim) <= float(stdtrit(n - 2.0, 0.9)) * width)


def _banks(regime: Regime, rng: np.random.Generator, draws: int) -> Mapping[str, float]:
    sums = dict.fromkeys(("fine", "reliability above 0.8 fine"), 0.0)
    for _ in range(draws):
        x, _ = draw(regime, rng)
        fit = work(x)
        slope = np.where(np.abs(fit.slope) < 1e-6, 1e-6, fit.slope)
        bank = two_pl(slope, -fit.intercept / slope)
        found = check_bank(bank, of_matrix(x), seed=int(rng.integers(2**31)))
        sums["fine"] += found.fine
        between, within = float(fit.ability.var()), float((fit.spread**2).mean())
        sums["reliability above 0.8 fine"] += between / (between + within) > 0.8
    return {name: total / draws for name, total in sums.items()}


_PEER = {"reliability above 0.8": "a bank is good if the 2PL's empirical reliability is above 0.8"}

CERTIFICATES = (
    Certificate(
        "items-keys", "calibrant.items.check",
        "Of the items listed as keyed the wrong way round, at most 5 % on average are not, also "
        "where many items tell nothing and subjects are few.",
        regimes("subjects items reversed idle",
                (30, 100, 0.0, 0.3), (60, 100, 0.1, 0.2), (120, 60, 0.24, 0.0),
                (300, 100, 0.24, 0.2)),
        _keys, {"false share": Bound(high=0.05)},
        {"below zero": "an item is listed if its item-rest correlation is below 0"},
        batch_draws=50,
    ),
    Certificate(
        "items-residuals", "calibrant.items.check",
        "Where one ability explains all, any pair is called dependent in at most 5 % of tests, and "
        "an item's p for misfit is under 5 % at most 5 % of the time.",
        regimes("subjects items hard replicates", (40, 30, 0.0, 39), (100, 20, 1.0, 19)),
        _residuals,
        {"pair alarm": Bound(high=0.05), "misfit p under 5 %": Bound(high=0.05)},
        {"Q3 above 0.2": "a pair is dependent if |Q3| is above 0.2",
         "infit 0.7–1.3": "an item misfits if infit is outside 0.7–1.3",
         "outfit 0.7–1.3": "the same of outfit"},
        batch_draws=10,
    ),
    Certificate(
        "items-twins", "calibrant.items.check",
        "Where all items differ, in at most 5 % of tests is any pair called one item.",
        regimes("subjects items hard", (30, 60, 0.0), (100, 80, 0.0), (60, 60, 3.0)),
        _twins, {"alarm": Bound(high=0.05)},
        {"agreement above 95 %": "a pair is one item if 95 % of scores are the same"},
        batch_draws=25,
    ),
    Certificate(
        "items-forecast", "calibrant.items.check",
        "The 80 % interval for the date of saturation holds it at least 75 % of the time, while "
        "the law of records stays and the first third of the dates has worn off the start.",
        regimes("law releases noise climb years",
                ("trend", 12, 0.5, 0.7, 3), ("trend", 60, 0.3, 0.5, 3), ("below", 12, 0.5, 0.7, 3),
                ("walk", 10, 0.0, 0.5, 3)),
        _forecasts, {"covered": Bound(low=0.75)},
        {"straight line": "a least squares line through the records on the logit scale"},
        beyond=regimes("law releases noise climb years", ("trend", 30, 1.0, 0.5, 2)),
        batch_draws=25,
    ),
    Certificate(
        "bank-reversed", "calibrant.items.check_bank",
        "With a quarter of the items the wrong way round, a bank is called fine for adaptive tests "
        "at most 5 % of the time.",
        regimes("subjects items reversed", (30, 40, 0.25), (120, 40, 0.25)),
        _banks, {"fine": Bound(high=0.05)}, _PEER, batch_draws=10,
    ),
    Certificate(
        "bank-good", "calibrant.items.check_bank",
        "A bank of 60 sound items that 100 subjects or more answered is called fine at least 80 % "
        "of the time.",
        regimes("subjects items reversed", (100, 60, 0.0)),
        _banks, {"fine": Bound(low=0.8)}, _PEER,
        beyond=regimes("subjects items reversed", (40, 60, 0.0)),
        batch_draws=10,
    ),
)  # fmt: skip
