"""How often do snapshots give somebody away, and is consensus claimed where there is none?"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray
from scipy.special import bdtr, chdtrc

from calibrant.priorities.delphi.concordance import concordance
from calibrant.priorities.delphi.movement import movement
from calibrant.priorities.delphi.release import NOTHING, Part, release
from calibrant.priorities.delphi.spread import spread
from calibrant.stats.certificates import Bound, Certificate, Regime, regimes

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Rule = Callable[[Mapping[str, int], Mapping[str, Part], int], dict[str, Part] | None]

# -- snapshots -------------------------------------------------------------------


def _ours(said: Mapping[str, int], behind: Mapping[str, Part], k: int) -> dict[str, Part] | None:
    return release(said, behind, k=k, levels=5)


def _usual(said: Mapping[str, int], behind: Mapping[str, Part], k: int) -> dict[str, Part] | None:
    """All anew after any k changes."""
    moved = [w for w in {*said, *behind}
             if said.get(w, NOTHING) != (behind[w].said if w in behind else NOTHING)]  # fmt: skip
    return {w: Part(v, 0) for w, v in said.items()} if len(moved) >= k else None


def _play(
    rule: Rule, events: list[tuple[str, int]], k: int
) -> tuple[list[dict[str, int]], list[int]]:
    """What each respondent's shown answer was in every snapshot, and how late each event was."""
    said: dict[str, int] = {}
    behind: dict[str, Part] = {}
    shown, late = [], []
    for who, value in events:
        said[who] = value
        after = rule(said, behind, k)
        if after is not None:
            behind = after
            shown.append({w: p.said for w, p in behind.items()})
        late.append(sum(said[w] != (behind[w].said if w in behind else NOTHING) for w in said))
    return shown, late


def _alone(shown: list[dict[str, int]], known: set[str]) -> tuple[int, int]:
    """Respondents who are exchangeable with nobody whom the attacker does not know, and all.

    Who moved in which snapshots is known; an exchange must leave that, and the counts, as they
    are: so it is with somebody who moved in the same ones.
    """
    if not shown:
        return 0, 0
    moved: dict[str, list[bool]] = {w: [] for w in shown[-1]}
    before: dict[str, int] = {}
    for now in shown:
        for w in moved:
            moved[w].append(now.get(w, NOTHING) != before.get(w, NOTHING))
        before = now
    patterns = [tuple(m) for w, m in moved.items() if w not in known]
    lost = sum(patterns.count(p) == 1 for p in patterns)
    return lost, len(patterns)


def _snapshots(regime: Regime, rng: np.random.Generator, draws: int) -> Mapping[str, float]:
    k, people = int(regime["k"]), int(regime["people"])
    ours, usual, all_ours, waits, waits_usual = 0, 0, 0, [], []
    all_usual = 0
    for _ in range(draws):
        events = [(str(w), int(rng.integers(1, 6))) for w in rng.permutation(people)]
        for w in rng.permutation(people):
            if rng.random() < regime["revise"]:
                at = int(rng.integers(0, len(events) + 1))
                events.insert(at, (str(w), int(rng.integers(1, 6))))
        known = {str(w) for w in rng.choice(people, k - 2, replace=False)}
        for mine, rule in ((True, _ours), (False, _usual)):
            shown, late = _play(rule, events, k)
            lost, many = _alone(shown, known)
            if mine:
                ours, all_ours = ours + lost, all_ours + many
                waits.append(late[-1] / people)
            else:
                usual, all_usual = usual + lost, all_usual + many
                waits_usual.append(late[-1] / people)
    return {
        "alone": ours / max(all_ours, 1),
        "left waiting": float(np.mean(waits)),
        "every k alone": usual / max(all_usual, 1),
        "every k left waiting": float(np.mean(waits_usual)),
    }


# -- spread ----------------------------------------------------------------------

_SHARES: dict[str, tuple[float, ...]] = {
    "agreed": (0.0, 0.02, 0.08, 0.5, 0.4),
    "just agreed": (0.02, 0.2, 0.4, 0.36, 0.02),
    "just not": (0.02, 0.24, 0.24, 0.24, 0.26),
    "even": (0.2,) * 5,
    "flat left": (0.24, 0.24, 0.24, 0.24, 0.04),
    "peak at an end": (0.6, 0.1, 0.1, 0.1, 0.1),
    "high peak at an end": (0.84, 0.04, 0.04, 0.04, 0.04),
    "peak inside": (0.15, 0.15, 0.4, 0.15, 0.15),
    "steps": (0.3, 0.3, 0.2, 0.1, 0.1),
    "two camps": (0.4, 0.08, 0.04, 0.08, 0.4),
    "all one": (0.0, 0.0, 1.0, 0.0, 0.0),
}


def _truth(shares: Floats) -> tuple[int, int, float]:
    """Median, interquartile range and dispersion of the experts at large."""
    below = np.cumsum(shares) + 1e-12
    low, middle, high = (1 + int(np.argmax(below >= q)) for q in (0.25, 0.5, 0.75))
    f = np.minimum(np.cumsum(shares)[:-1], 1.0)
    return middle, high - low, float(2 * np.minimum(f, 1 - f).sum() / (shares.size - 1))


def _spread(regime: Regime, rng: np.random.Generator, draws: int) -> Mapping[str, float]:
    shares = np.array(_SHARES[regime["shares"]])
    middle, wide, apart = _truth(shares)
    hits: dict[str, list[bool]] = {
        n: [] for n in ("median covered", "iqr covered", "dispersion covered", "wrong verdict",
                        "rule wrong verdict", "decided")
    }  # fmt: skip
    for counts in rng.multinomial(regime["n"], shares, size=draws):
        s = spread(counts)
        hits["median covered"].append(s.median_interval[0] <= middle <= s.median_interval[1])
        hits["iqr covered"].append(s.iqr_interval[0] <= wide <= s.iqr_interval[1])
        low, high = s.dispersion_interval
        hits["dispersion covered"].append(low - 1e-12 <= apart <= high + 1e-12)
        right = "yes" if wide <= 1 else "no"
        hits["wrong verdict"].append(s.consensus not in (right, "undetermined"))
        hits["decided"].append(s.consensus != "undetermined")
        hits["rule wrong verdict"].append(s.by_rule != (wide <= 1))
    return {name: float(np.mean(found)) for name, found in hits.items()}


def _peaks(regime: Regime, rng: np.random.Generator, draws: int) -> Mapping[str, float]:
    shares = np.array(_SHARES[regime["shares"]])
    ours, sarle = [], []
    for counts in rng.multinomial(regime["n"], shares, size=draws):
        ours.append(spread(counts).bimodal <= 0.05)
        sarle.append(_sarle(counts))
    return {
        "two peaks claimed": float(np.mean(ours)),
        "sarle two peaks claimed": float(np.mean(sarle)),
    }


def _sarle(counts: Ints) -> float:
    """Whether the bimodality coefficient exceeds that of the uniform distribution, 5/9."""
    x = np.repeat(np.arange(counts.size), counts).astype(np.float64)
    n, d = x.size, x - x.mean()
    m2 = float((d**2).mean())
    if n < 4 or m2 == 0:
        return 0.0
    g1 = float((d**3).mean()) / m2**1.5 * (n * (n - 1)) ** 0.5 / (n - 2)
    g2 = (n - 1) / ((n - 2) * (n - 3)) * ((n + 1) * (float((d**4).mean()) / m2**2 - 3) + 6)
    return float((g1**2 + 1) / (g2 + 3 * (n - 1) ** 2 / ((n - 2) * (n - 3))) > 5 / 9)


# -- order and movement ----------------------------------------------------------


def _rated(regime: Regime, rng: np.random.Generator, effect: float) -> tuple[Ints, Ints, Floats]:
    """Ratings of respondents who chose some areas, with severities of their own."""
    who, areas, value = [], [], []
    size = int(regime["areas"])
    for r in range(int(regime["people"])):
        many = int(rng.integers(2, size + 1)) if regime["chosen"] else size
        mine = rng.choice(size, many, replace=False)
        latent = 3 + rng.normal(0, 0.6) + effect * _heights(size)[mine] + rng.normal(0, 1, many)
        who += [r] * many
        areas += mine.tolist()
        value += np.clip(np.rint(latent), 1, 5).tolist()
    return np.array(who), np.array(areas), np.array(value, np.float64)


def _heights(size: int) -> Floats:
    return np.asarray(np.linspace(-1.5, 1.5, size))


_KNOWN: dict[tuple[tuple[str, object], ...], float] = {}


def _at_large(regime: Regime) -> float:
    """W beyond chance of very many respondents of the same kind."""
    if regime["effect"] == 0:
        return 0.0
    key = tuple(sorted(regime.items()))
    if key not in _KNOWN:
        rng = np.random.default_rng(20261122)
        many = dict(regime) | {"people": 3_000}
        who, area, value = _rated(many, rng, regime["effect"])
        _KNOWN[key] = concordance(who, area, value, draws=1).beyond_chance
    return _KNOWN[key]


def _order(regime: Regime, rng: np.random.Generator, draws: int) -> Mapping[str, float]:
    covered, false, friedman = [], [], []
    truth = _at_large(regime)
    for _ in range(draws):
        who, area, value = _rated(regime, rng, regime["effect"])
        found = concordance(who, area, value, draws=199, seed=int(rng.integers(1 << 31)))
        ends = found.interval
        covered.append(ends is not None and ends[0] <= truth <= ends[1])
        if regime["effect"] == 0:
            false.append(found.p <= 0.05)
            # W taken for Kendall's of a full table, which it is not where areas are chosen.
            z = found.respondents * (found.areas - 1) * found.w
            friedman.append(float(chdtrc(found.areas - 1, z)) <= 0.05)
    rates = {"covered": float(np.mean(covered))}
    if false:
        rates |= {"order claimed": float(np.mean(false)),
                  "friedman order claimed": float(np.mean(friedman))}  # fmt: skip
    return rates


def _moved(regime: Regime, rng: np.random.Generator, draws: int) -> Mapping[str, float]:
    claimed, naive, narrowed = [], [], []
    for _ in range(draws):
        who, area, before = _rated(regime, rng, 1.0)
        if regime["how"] == "at random":
            # Each answers anew: the same severity and area, other noise.
            again = np.random.default_rng(int(rng.integers(1 << 31)))
            level = 3 + 1.0 * _heights(int(regime["areas"]))[area] + rng.normal(
                0, 0.6, int(regime["people"]))[who]  # fmt: skip
            before = np.clip(np.rint(level + again.normal(0, 1, who.size)), 1, 5)
            after = np.clip(np.rint(level + again.normal(0, 1, who.size)), 1, 5)
        else:
            middle = np.array([np.median(before[area == a]) if (area == a).any() else 3.0
                               for a in range(int(regime["areas"]))])  # fmt: skip
            near = before + np.sign(middle[area] - before)
            after = np.where(rng.random(who.size) < 0.5, np.clip(np.rint(near), 1, 5), before)
        found = movement(who, area, before.astype(np.int64), after.astype(np.int64), levels=5,
                         draws=199, seed=int(rng.integers(1 << 31)))  # fmt: skip
        claimed.append(found.p <= 0.05)
        told = found.towards + found.away
        # One-sided sign test of towards against away.
        naive.append(told > 0 and 1 - float(bdtr(found.towards - 1, told, 0.5)) <= 0.05)
        narrowed.append(found.narrowing or 0.0)
    kind = "convergence claimed" if regime["how"] == "at random" else "convergence found"
    return {kind: float(np.mean(claimed)), f"sign test {kind}": float(np.mean(naive))}


CERTIFICATES = (
    Certificate(
        "delphi-snapshots", "release",
        "Nobody whom k − 2 colluding respondents do not know, who see every snapshot and know who "
        "moved in each, is alone in when the own answers were shown.",
        regimes("k people revise", (3, 8, 0.0), (3, 12, 0.6), (5, 12, 0.3), (5, 30, 0.5),
                (5, 60, 0.9)),
        _snapshots,
        {"alone": Bound(0, 0)},
        {"every k": "a new snapshot after every k changes, as is usual"},
        batch_draws=25,
    ),
    Certificate(
        "delphi-spread", "spread",
        "Intervals of the experts' median, interquartile range and dispersion cover; consensus is "
        "claimed or denied wrongly in at most 5 %.",
        regimes("shares n", ("agreed", 8), ("agreed", 40), ("just agreed", 20),
                ("just agreed", 200), ("just not", 20), ("just not", 200), ("even", 8),
                ("two camps", 25), ("all one", 12)),
        _spread,
        {"median covered": Bound(0.95, 1), "iqr covered": Bound(0.95, 1),
         "dispersion covered": Bound(0.95, 1), "wrong verdict": Bound(0, 0.05)},
        {"rule": "an interquartile range of at most 1 in the sample, as in most Delphi papers"},
        batch_draws=25,
    ),
    Certificate(
        "delphi-one-peak", "spread",
        "Two camps are claimed in at most 5 % where there is one peak.",
        regimes("shares n", ("even", 6), ("even", 15), ("even", 60), ("flat left", 15),
                ("flat left", 60), ("just not", 30), ("peak at an end", 20),
                ("peak at an end", 60), ("high peak at an end", 40), ("peak inside", 40),
                ("steps", 40), ("agreed", 20)),
        _peaks,
        {"two peaks claimed": Bound(0, 0.05)},
        {"sarle": "Sarle's bimodality coefficient above 5/9"},
        beyond=regimes("shares n", ("two camps", 15), ("two camps", 40)),
        batch_draws=25,
    ),
    Certificate(
        "delphi-concordance", "concordance",
        "An order is claimed in at most 5 % where there is none, whoever rated what; the interval "
        "of W beyond chance covers.",
        regimes("people areas chosen effect", (12, 6, False, 0.0), (12, 8, True, 0.0),
                (30, 20, True, 0.0), (30, 8, True, 0.5), (15, 8, False, 1.0)),
        _order,
        {"covered": Bound(0.95, 1, slack=0.03)},
        {"friedman": "the chi-square of Friedman's test with as many respondents as there are"},
        beyond=regimes("people areas chosen effect", (10, 5, True, 0.5)),
        batch_draws=25,
    ),
    Certificate(
        "delphi-convergence", "movement",
        "Where answers only wander between rounds, convergence is claimed in at most 5 %.",
        regimes("people areas chosen how", (8, 6, False, "at random"), (20, 8, True, "at random"),
                (40, 12, True, "at random")),
        _moved,
        {"convergence claimed": Bound(0, 0.05)},
        {"sign test": "more answers moved towards the median than away (sign test)"},
        beyond=regimes("people areas chosen how", (20, 8, True, "towards the median")),
        batch_draws=25,
    ),
)  # fmt: skip
