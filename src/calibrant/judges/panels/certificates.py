"""How often is a promise about a panel of judges broken? Next to thresholds picked as people do."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from scipy.special import bdtr, chdtrc, expit

from calibrant.errors import InputError
from calibrant.judges.panels.cascade import Stage, outcome, path, run
from calibrant.judges.panels.combine import FOLDS, folds, learn, majority
from calibrant.judges.panels.dependence import dependence
from calibrant.judges.panels.selective import candidates, conformal, select
from calibrant.stats.certificates import Bound, Certificate, Regime, regimes
from calibrant.stats.comparisons.paired import compare_items

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

CROWD = 20_000
"""Items that stand for the population."""


def _verdicts(regime: Regime, rng: np.random.Generator, n: int) -> tuple[Floats, Floats, Bools]:
    """Confidence, the chance of an error at it, and whether each verdict is wrong."""
    x = rng.random(n)
    kind = regime["confidence"]
    if kind == "informative":
        risk = expit(-4.5 + 4 * (1 - x))
    elif kind == "inverted":  # the surest verdicts are the worst
        risk = np.where(x > 0.8, 0.12, 0.04)
    elif kind == "useless":
        risk = np.full(n, 0.055)
    elif kind == "ties":
        x = np.round(x * 3) / 3
        risk = np.select([x > 0.9, x > 0.5], [0.02, 0.053], 0.2)
    else:  # "edge": just worse than promised at every threshold
        risk = np.full(n, 0.0501)
    return x, risk, rng.random(n) < risk


def _select(regime: Regime, rng: np.random.Generator, draws: int) -> Mapping[str, float]:
    target, delta, n = 0.95, 0.05, int(regime["gold"])
    crowd, risk, _ = _verdicts(regime, rng, CROWD)
    names = ("fixed sequence", "point estimate", "uncorrected bounds", "conformal")
    broken, accepted = dict.fromkeys(names, 0.0), dict.fromkeys(names, 0.0)

    def count(name: str, threshold: float | None) -> None:
        if threshold is None:
            return
        taken = crowd >= threshold
        if taken.any():
            broken[name] += float(risk[taken].mean()) > 1 - target + 1e-9
            accepted[name] += float(taken.mean())

    for _ in range(draws):
        x, _, wrong = _verdicts(regime, rng, n)
        own = n // 5
        order = candidates(x[:own], wrong[:own], n - own, target, delta)
        count(names[0], select(x[own:], wrong[own:], order, target=target, delta=delta).threshold)
        levels = np.unique(x)
        taken = (x >= levels[:, None]).sum(axis=1)
        errors = (wrong & (x >= levels[:, None])).sum(axis=1)
        good = np.flatnonzero(errors <= (1 - target) * taken)
        count(names[1], float(levels[good[0]]) if good.size else None)
        fine = np.flatnonzero(bdtr(errors, taken, 1 - target) <= delta)
        count(names[2], float(levels[fine[0]]) if fine.size else None)
        count(names[3], conformal(x, wrong, risk=1 - target))
    found = {f"{k} broken": v / draws for k, v in broken.items()}
    return found | {f"{k} accepts": v / draws for k, v in accepted.items()}


def _stages(regime: Regime, rng: np.random.Generator, n: int) -> list[Stage]:
    """A cheap and a dear judge; items are hard for both alike."""
    hard = rng.normal(0, 1.5, n)
    made = []
    for name, skill in (("cheap", regime["cheap"]), ("dear", regime["dear"])):
        chance = expit(skill - hard)
        sure = expit(regime["slope"] * (skill - hard) + rng.normal(0, 1, n))
        if regime["ties"]:
            sure = np.round(sure * 4) / 4
        made.append(Stage(name, (name,), sure, rng.random(n) > chance))
    return made


def _cascade(regime: Regime, rng: np.random.Generator, draws: int) -> Mapping[str, float]:
    target, delta, n = float(regime["target"]), 0.05, int(regime["gold"])
    prices, person = {"cheap": 1.0, "dear": 5.0}, 40.0
    crowd = _stages(regime, rng, CROWD)
    names = ("tested path", "point estimate", "bounds per stage")
    broken, cost = dict.fromkeys(names, 0.0), dict.fromkeys(names, 0.0)

    def count(name: str, chain: list[Stage], thresholds: tuple[float, ...]) -> None:
        where, wrong, paid = outcome(chain, thresholds, prices, person)
        taken = where < len(chain)
        broken[name] += bool(taken.any()) and float(wrong[taken].mean()) > 1 - target
        cost[name] += float(paid.mean())

    for _ in range(draws):
        stages = _stages(regime, rng, n)
        own = n * 3 // 10
        a = [_part(s, slice(0, own)) for s in stages]
        b = [_part(s, slice(own, n)) for s in stages]
        chains_a, chains_b = [[a[0]], [a[1]], a], [[b[0]], [b[1]], b]
        chains = [[crowd[0]], [crowd[1]], crowd]
        plans = path(chains_a, prices, person, n - own, target, delta)
        _, plan = run(chains_b, plans, prices, person, None, target=target, delta=delta)
        if plan is None:
            cost[names[0]] += person
        else:
            count(names[0], chains[plan.chain], plan.thresholds)
        for name, level in ((names[1], None), (names[2], delta)):
            count(name, crowd, tuple(_each(s, target, level) for s in stages))
    found = {f"{k} broken": v / draws for k, v in broken.items()}
    return found | {f"{k} cost share": v / draws / person for k, v in cost.items()}


def _part(s: Stage, rows: slice) -> Stage:
    return Stage(s.name, s.pays, s.scores[rows], s.wrong[rows])


def _each(s: Stage, target: float, delta: float | None) -> float:
    """A stage's threshold chosen on its own, on all gold."""
    levels = np.unique(s.scores)
    taken = (s.scores >= levels[:, None]).sum(axis=1)
    errors = (s.wrong & (s.scores >= levels[:, None])).sum(axis=1)
    if delta is None:
        fine = np.flatnonzero(errors <= (1 - target) * taken)
    else:
        fine = np.flatnonzero(bdtr(errors, taken, 1 - target) <= delta)
    return float(levels[fine[0]]) if fine.size else float("inf")


def _labels(regime: Regime, rng: np.random.Generator, n: int) -> tuple[Ints, Ints]:
    """Judges of one accuracy on two classes; a share of items is hard for all of them."""
    j = int(regime["judges"])
    gold = (rng.random(n) < 0.5).astype(np.int64)
    hard = rng.random((n, 1)) < regime["hard"]
    wrong = rng.random((n, j)) < np.where(hard, 0.5, 1 - regime["accuracy"])
    return np.where(wrong, 1 - gold[:, None], gold[:, None]), gold


def _better(regime: Regime, rng: np.random.Generator, draws: int) -> Mapping[str, float]:
    n, sums = int(regime["gold"]), dict.fromkeys(("panel", "in-sample", "higher"), 0.0)
    for _ in range(draws):
        labels, gold = _labels(regime, rng, n)
        fold = folds(n, None, FOLDS, rng)
        panel, vote = np.zeros(n), np.zeros(n)
        for f in range(int(fold.max()) + 1):
            rest, out = fold != f, fold == f
            made = learn(labels[rest], gold[rest], 2)
            panel[out] = made.chances(labels[out]).argmax(axis=1) == gold[out]
            vote[out] = majority(labels[out], made.prior)[0] == gold[out]
        sums["panel"] += compare_items(panel, vote).interval.low > 0
        whole = learn(labels, gold, 2)
        own = (whole.chances(labels).argmax(axis=1) == gold).astype(float)
        sums["in-sample"] += compare_items(own, vote).interval.low > 0
        sums["higher"] += own.mean() > vote.mean()
    return {f"{k} claims better": v / draws for k, v in sums.items()}


def _together(regime: Regime, rng: np.random.Generator, draws: int) -> Mapping[str, float]:
    """Two judges whose errors are independent within classes, at other rates in each class."""
    n, rates = int(regime["gold"]), regime["rates"]
    names = ("exact", "pooled", "chi-square")
    sums = dict.fromkeys(names, 0.0)
    for _ in range(draws):
        gold = (rng.random(n) < regime["share"]).astype(np.int64)
        wrong = rng.random((n, 2)) < np.array(rates)[gold][:, None]
        labels = np.where(wrong, 1 - gold[:, None], gold[:, None])
        found = dependence(labels, gold, ("a", "b"), bootstrap=False)
        sums["exact"] += found.pairs[0].p_value <= 0.05
        both = np.bincount(wrong[:, 0] * 2 + wrong[:, 1], minlength=4).reshape(2, 2)
        sums["pooled"] += _pearson(both) <= 0.05
        parts = [np.bincount(wrong[gold == c, 0] * 2 + wrong[gold == c, 1], minlength=4)
                 for c in (0, 1)]  # fmt: skip
        sums["chi-square"] += min(_pearson(p.reshape(2, 2)) for p in parts) <= 0.05
    return {f"{k} alarm": v / draws for k, v in sums.items()}


def _pearson(table: NDArray[np.int64]) -> float:
    expected = np.outer(table.sum(axis=1), table.sum(axis=0)) / max(table.sum(), 1)
    if not np.all(expected > 0):
        return 1.0
    return float(chdtrc(1, ((table - expected) ** 2 / expected).sum()))


def _effective(regime: Regime, rng: np.random.Generator, draws: int) -> Mapping[str, float]:
    names = tuple(f"j{i}" for i in range(int(regime["judges"])))
    # Two classes alike, each judge alike: the correlation of any two judges' errors.
    rate = 1 - float(regime["accuracy"])
    hard = float(regime["hard"])
    mean = hard * 0.5 + (1 - hard) * rate
    shared = hard * 0.25 + (1 - hard) * rate**2 - mean**2
    true = len(names) / (1 + (len(names) - 1) * shared / (mean * (1 - mean)))
    answered = covered = count = eigen = 0.0
    for _ in range(draws):
        labels, gold = _labels(regime, rng, int(regime["gold"]))
        try:
            found = dependence(labels, gold, names, seed=int(rng.integers(2**31)))
        except InputError:
            continue
        if found.low is None or found.high is None or found.effective is None:
            continue
        answered += 1
        covered += found.low <= true <= found.high
        count += abs(found.effective - true) <= 0.1 * true
        wrong = (labels != gold[:, None]).astype(float)
        values = np.linalg.eigvalsh(np.cov(wrong.T))
        eigen += abs(values.sum() ** 2 / (values**2).sum() - true) <= 0.1 * true
    return {
        "interval covers": covered / max(answered, 1),
        "answered": answered / draws,
        "within a tenth": count / max(answered, 1),
        "eigenvalues within a tenth": eigen / max(answered, 1),
        "count within a tenth": float(abs(len(names) - true) <= 0.1 * true),
    }


CERTIFICATES: tuple[Certificate, ...] = (
    Certificate(
        "panel-guarantee",
        "calibrant.judges.panels.selective.select",
        "The chance that verdicts accepted without a person agree with gold less often than "
        "promised (95 %) is at most delta (5 %): for few labels, ties, confidence that misleads "
        "or says nothing, and verdicts just worse than promised.",
        regimes(
            "gold confidence",
            (100, "informative"), (400, "informative"), (1500, "informative"), (400, "inverted"),
            (400, "useless"), (400, "ties"), (2000, "ties"), (400, "edge"),
        ),
        _select,
        {"fixed sequence broken": Bound(high=0.05)},
        {
            "point estimate": "the least threshold whose observed agreement reaches the target",
            "uncorrected bounds": "the least threshold whose Clopper–Pearson bound does",
            "conformal": "conformal risk control, taken for a promise about accepted verdicts",
        },
    ),
    Certificate(
        "panel-cascade",
        "calibrant.judges.panels.cascade.run",
        "The chance that verdicts of a cascade that no person made agree with gold less often "
        "than promised is at most delta (5 %), over all its thresholds together.",
        regimes(
            "gold target cheap dear slope ties",
            (300, 0.9, 2.0, 3.5, 1.0, False), (800, 0.95, 2.0, 3.5, 1.0, False),
            (800, 0.9, 0.5, 1.5, 0.3, False), (800, 0.9, 2.0, 2.0, -1.0, False),
            (800, 0.9, 2.0, 3.5, 1.0, True),
        ),
        _cascade,
        {"tested path broken": Bound(high=0.05)},
        {
            "point estimate": "each stage's least threshold whose observed agreement does",
            "bounds per stage": "each stage's least threshold whose Clopper–Pearson bound does",
        },
        batch_draws=125,
    ),
    Certificate(
        "panel-better",
        "calibrant.judges.panels.panel",
        "Where equal judges make majority vote the best rule there is, the panel is claimed to "
        "beat it at most 2.5 % of the time.",
        regimes(
            "gold judges accuracy hard",
            (60, 3, 0.8, 0.0), (300, 3, 0.9, 0.2), (300, 5, 0.6, 0.0), (300, 5, 0.7, 0.4),
        ),
        _better,
        {"panel claims better": Bound(high=0.025)},
        {
            "in-sample": "the same test on the items that the weights were learned from",
            "higher": "a claim wherever the observed agreement is higher, in sample",
        },
        batch_draws=125,
    ),
    Certificate(
        "panel-dependence",
        "calibrant.judges.panels.dependence.dependence",
        "Judges whose errors are independent within each class of gold are said to err together "
        "at most 5 % of the time, however their error rates differ between classes.",
        regimes(
            "gold share rates",
            (40, 0.5, (0.1, 0.1)), (200, 0.5, (0.02, 0.4)), (200, 0.1, (0.05, 0.6)),
            (1000, 0.3, (0.2, 0.01)),
        ),
        _together,
        {"exact alarm": Bound(high=0.05)},
        {
            "pooled": "Pearson's test of errors over all items, classes ignored",
            "chi-square": "Pearson's test in each class, the smaller p-value",
        },
    ),
    Certificate(
        "panel-effective-judges",
        "calibrant.judges.panels.dependence.dependence",
        "The 95 % interval of the effective number of judges covers it, where judges err on "
        "the same hard items.",
        regimes(
            "gold judges accuracy hard",
            (200, 3, 0.9, 0.2), (400, 5, 0.95, 0.1), (1000, 3, 0.8, 0.3),
        ),
        _effective,
        {"interval covers": Bound(low=0.95, slack=0.02)},
        {
            "count": "the number of judges itself",
            "eigenvalues": "the participation ratio of the errors' covariance",
        },
        beyond=regimes("gold judges accuracy hard", (60, 3, 0.95, 0.05),),
        batch_draws=125,
    ),
)  # fmt: skip
