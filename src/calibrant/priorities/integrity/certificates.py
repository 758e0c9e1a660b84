"""How often do honest experts get a flag, and how often are planted cheats found?"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy.special import chdtrc

from calibrant.priorities.integrity.answers import Answers, Flags, Floats, Ints, answers_of
from calibrant.priorities.integrity.chain import tables
from calibrant.priorities.integrity.conflicts import conflict, own_cells
from calibrant.priorities.integrity.pairs import Pairs, test_pairs
from calibrant.priorities.integrity.persons import Tested, longest_runs, test_persons, test_spread
from calibrant.priorities.ranks.simulate import Experts, Panel
from calibrant.stats.certificates import Bound, Certificate, Regime, regimes

ALPHA = 0.05
_DRAWS, _STEPS = 59, 40
_KINDS = ("run", "spread", "odd", "pair", "group")


def _panel(regime: Regime, rng: np.random.Generator) -> Panel:
    experts = Experts(
        raters=regime["raters"], categories=regime["categories"],
        areas=5 * regime["categories"], chosen=regime["chosen"],
        severity_sd=regime.get("severity", 0.5), halo=regime.get("halo", 0.3),
        area_sd=regime.get("area_sd", 0.35), own=regime.get("own", 0.0),
    )  # fmt: skip
    return experts.draw(rng)


def _tests(answers: Answers, rng: np.random.Generator) -> tuple[dict[str, Tested], Pairs]:
    kept = tables(answers, "answers", _DRAWS, rng, _STEPS)
    even = tables(answers, "mean", _DRAWS, rng, _STEPS)
    return test_persons(answers, kept, even), test_pairs(answers, kept)


def _alarms(persons: Mapping[str, Tested], pairs: Pairs) -> dict[str, bool]:
    found = {
        kind: bool((np.nan_to_num(t.adjusted, nan=1.0) <= ALPHA).any())
        for kind, t in persons.items()
    }
    found["pair"] = bool((pairs.adjusted <= ALPHA).any())
    found["group"] = bool(pairs.groups and pairs.groups[0][1] <= ALPHA)
    return found


def _rules(answers: Answers) -> dict[str, Flags]:
    """Rules of thumb: who they flag."""
    x = np.where(answers.there, answers.codes, np.nan).astype(float)
    n = answers.there.sum(axis=1)
    mean = np.nansum(x, axis=1) / np.maximum(n, 1)
    squares = np.nansum((x - mean[:, None]) ** 2, axis=1)
    irv = np.sqrt(squares / np.maximum(n - 1, 1))
    enough = n >= 6
    return {
        "longest string": enough & (longest_runs(answers)(answers.codes[None])[0] >= 6),
        "IRV": enough & (irv < 0.5),
        "Mahalanobis": enough & _far(x),
    }


def _far(x: Floats) -> Flags:
    """Squared distance from the cells' means in units of their variances, beyond chi-square .001.

    The full covariance cannot be had where people answer different cells: its diagonal is used, as
    packages do after filling gaps with means.
    """
    there = ~np.isnan(x)
    n = np.maximum(there.sum(axis=0), 1)
    mean = np.nansum(x, axis=0) / n
    spread = np.nansum((x - mean) ** 2, axis=0) / np.maximum(n - 1, 1)
    usable = there & (spread > 0)
    distance = np.where(usable, (x - mean) ** 2 / np.where(spread > 0, spread, 1), 0.0)
    beyond = chdtrc(np.maximum(usable.sum(axis=1), 1), np.nansum(distance, axis=1)) < 0.001
    return np.asarray(beyond)


def _honest(regime: Regime, rng: np.random.Generator, draws: int) -> dict[str, float]:
    counts: dict[str, float] = {}
    for _ in range(draws):
        answers = answers_of(_panel(regime, rng).ratings())
        for kind, alarm in _alarms(*_tests(answers, rng)).items():
            key = f"{kind} false alarm"
            counts[key] = counts.get(key, 0.0) + alarm
        for rule, flags in _rules(answers).items():
            key = f"{rule} false alarm"
            counts[key] = counts.get(key, 0.0) + bool(flags.any())
    return {key: value / draws for key, value in counts.items()}


def plant(
    answers: Answers, cheat: str, size: int, rng: np.random.Generator
) -> tuple[Answers, tuple[int, ...]]:
    """Answers with cheats among them, and who they are.

    - "straight": one respondent gives the second highest answer to everything.
    - "copy": one hands in another's row again, with one answer in ten drawn anew.
    - "bloc": `size` respondents who share many cells give the same answers, nine times in ten.
    """
    codes = answers.codes.copy()
    n = answers.there.sum(axis=1)
    levels = answers.levels.size
    who: tuple[int, ...]
    if cheat == "straight":
        who = (int(rng.choice(np.flatnonzero(n >= min(14, n.max())))),)
        codes[who[0], answers.there[who[0]]] = levels - 2
    elif cheat == "copy":
        one = int(rng.choice(np.flatnonzero(n >= min(14, n.max()))))
        two = (one + 1) % len(n)
        codes[two] = codes[one]
        again = (codes[two] >= 0) & (rng.random(codes.shape[1]) < 0.1)
        codes[two, again] = rng.integers(0, levels, int(again.sum()))
        who = (one, two)
    else:
        seed = int(rng.choice(np.argsort(-answers.together.sum(axis=1))[:5]))
        near = np.argsort(-answers.together[seed], kind="stable")[: size - 1]
        who = (seed, *(int(i) for i in near))
        line: Ints = rng.integers(0, levels, size=(codes.shape[1],))
        for member in who:
            obeys = answers.there[member] & (rng.random(codes.shape[1]) < 0.9)
            codes[member, obeys] = line[obeys]
    return Answers(answers.respondents, answers.areas, answers.questions, answers.levels,
                   codes), who  # fmt: skip


def _planted(regime: Regime, rng: np.random.Generator, draws: int) -> dict[str, float]:
    found, wrong, rules = 0, 0, dict.fromkeys(("longest string", "IRV", "Mahalanobis"), 0)
    cheat = regime["cheat"]
    for _ in range(draws):
        honest = answers_of(_panel(regime, rng).ratings())
        answers, who = plant(honest, cheat, regime["size"], rng)
        named: set[int] = set()
        if cheat == "straight":
            even = tables(answers, "mean", _DRAWS, rng, _STEPS)
            hit = bool(test_spread(answers, even).adjusted[who[0]] <= ALPHA)
        else:
            pairs = test_pairs(answers, tables(answers, "answers", _DRAWS, rng, _STEPS))
            if cheat == "copy":
                hit = bool(pairs.adjusted[who] <= ALPHA)
            else:
                members, p = pairs.groups[0] if pairs.groups else ((), 1.0)
                named = set(members) if p <= ALPHA else set()
                hit = len(named & set(who)) >= 3
        found += hit
        wrong += bool(named - set(who))
        for rule, flags in _rules(answers).items():
            rules[rule] += bool(flags[list(who)].any())
    shares = {"found": found / draws, "innocent named in the group": wrong / draws}
    return shares | {f"{rule} found": n / draws for rule, n in rules.items()}


def _own(regime: Regime, rng: np.random.Generator, draws: int) -> dict[str, float]:
    covered = rejected = naive = told = 0
    for _ in range(draws):
        panel = _panel(regime, rng)
        answers = answers_of(panel.ratings())
        mine = own_cells(answers, panel.own_areas())
        found = conflict(answers, mine, 0, draws=199, rng=rng)
        if found.effect is None or found.low is None or found.high is None or found.p is None:
            continue
        told += 1
        covered += found.low <= 0 <= found.high
        rejected += found.p <= ALPHA
        there = answers.there & (answers.question == 0)[None]
        own, rest = (answers.codes[there & m].astype(float) for m in (mine, ~mine))
        error = (own.var(ddof=1) / own.size + rest.var(ddof=1) / rest.size) ** 0.5
        naive += abs(own.mean() - rest.mean()) <= 1.96 * error
    told = max(told, 1)
    return {"covered": covered / told, "rejected": rejected / told, "Welch covered": naive / told}


_RULES = {
    "longest string": "rule of thumb: six equal answers in a row (R's `careless`)",
    "IRV": "rule of thumb: standard deviation of one's answers below 0.5 (R's `careless`)",
    "Mahalanobis": "rule of thumb: Mahalanobis distance, p < 0.001 (R's `careless`)",
}

CERTIFICATES = (
    Certificate(
        name="integrity-honest",
        method="priorities.check_integrity",
        statement="If all respondents are honest, each kind of check gives any flag at all with a "
        "chance of at most alpha (here 0.05).",
        regimes=regimes(
            "raters categories chosen severity halo area_sd",
            (30, 5, 1.6, 0.5, 0.3, 0.35),
            (30, 4, 1.2, 1.0, 0.3, 0.35),
            (20, 3, 1.5, 0.5, 0.6, 0.8),
        ),
        batch=_honest,
        bounds={f"{kind} false alarm": Bound(high=ALPHA) for kind in _KINDS},
        peers=_RULES,
        batch_draws=25,
    ),
    Certificate(
        name="integrity-planted",
        method="priorities.check_integrity",
        statement="Planted cheats are found more often than not: a straight-liner, a row handed in "
        "twice, and groups of three to eight who answer alike nine times in ten.",
        regimes=regimes(
            "cheat size raters categories chosen",
            ("straight", 1, 30, 5, 1.8),
            ("copy", 2, 30, 5, 1.8),
            ("bloc", 3, 30, 5, 1.8),
            ("bloc", 8, 30, 5, 1.8),
        ),
        batch=_planted,
        bounds={"found": Bound(low=0.5), "innocent named in the group": Bound(high=0.1)},
        peers=_RULES,
        batch_draws=25,
    ),
    Certificate(
        name="integrity-own-areas",
        method="priorities.check_integrity",
        statement="Where owning an area changes nothing, the 95 % interval of its effect holds 0, "
        "and the permutation test rejects at most 5 %.",
        regimes=regimes(
            "raters categories chosen severity",
            (53, 20, 2.2, 0.5),
            (53, 20, 2.2, 1.0),
            (25, 6, 2.2, 0.5),
        ),
        batch=_own,
        bounds={"covered": Bound(low=0.95, slack=0.01), "rejected": Bound(high=0.05, slack=0.01)},
        peers={"Welch": "Welch's t of all own against all other ratings"},
        batch_draws=50,
    ),
)
