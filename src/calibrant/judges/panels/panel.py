"""The verb `panel`: judges combined by measured error, and when a person must be asked.

Numbers about the panel come from items that it did not learn from: agreement by cross-fitting,
the guarantee from a part of the gold that neither the weights nor the thresholds have seen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from calibrant.errors import InputError
from calibrant.judges.panels.cascade import Cascade
from calibrant.judges.panels.combine import FOLDS, folds, learn, majority
from calibrant.judges.panels.dependence import dependence
from calibrant.judges.panels.escalate import escalate
from calibrant.judges.panels.reading import Sheet, sheet
from calibrant.judges.panels.result import Agreement, JudgeErrors, Panel
from calibrant.judges.panels.selective import (
    Guarantee,
    candidates,
    check_promise,
    conformal,
    select,
)
from calibrant.judges.panels.verdicts import judged
from calibrant.stats.comparisons.multiplicity import Comparison
from calibrant.stats.comparisons.paired import compare_items
from calibrant.stats.estimates.rates import check_level, interval

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

LEAST_GOLD = 20
"""Gold items below which nothing is learned."""
CURVE: tuple[float, ...] = (
    *(x / 1000 for x in range(500, 900, 25)),
    *(x / 100 for x in range(90, 100)),
)
"""Targets of the curve."""


def panel(
    source: Any,
    *,
    gold: str | Sequence[str] | None = None,
    judges: Sequence[str] | None = None,
    confidence: Sequence[str] | Mapping[str, str] | None = None,
    item: str | None = None,
    cluster: str | None = None,
    same: Mapping[str, str] | None = None,
    unparsed: Sequence[str] = (),
    selector: str | None = None,
    target: float = 0.95,
    delta: float = 0.05,
    costs: Mapping[str, float] | None = None,
    share: float | None = None,
    level: float = 0.95,
    seed: int = 0,
) -> Panel:
    """Combine judges by their measured errors, and find when a person must be asked.

    With gold: each judge's agreement, dependence of their errors, weights, the panel against
    majority vote and best judge, the verdicts that may stand without a person, and the cheapest
    cascade. Without gold: Dawid and Skene's latent classes, and no guarantee.

    Gold items must be a random sample of the items that verdicts are wanted for.

    Args:
        source: a path or table with a column per judge, or `Labels`.
        gold: the column of true labels, empty where unknown; or several columns of people, whose
            majority is gold.
        judges: columns of judges.
        confidence: a column for each judge in their order ("" for none), or by judge; any scale
            on which more is surer.
        item, cluster: columns that name items, and what they belong to.
        same: labels to rename in judges and gold, such as {"Tie": "0"}.
        unparsed: labels that are no verdict, such as "garbage".
        selector: whose verdicts the guarantee is about: "panel", "majority", or a judge. By
            default the panel, or the only judge.
        target, delta: accepted verdicts are to agree with gold at least `target` of the time,
            with confidence 1 - delta.
        costs: price per item of each judge and of a "person"; asks for a cascade.
        share: of gold that weights and thresholds are learned from; the rest tests them. By
            default 0.3, or 0.2 where nothing but the order of thresholds is to be learned.
        level: of the other intervals and tests.
        seed: of the splits and the bootstrap.

    Raises:
        InputError: for columns that are not there, too little gold, unknown names, or rates
            outside 0–1.
    """
    check_promise(target, delta)
    if share is not None and not 0 < share < 1:
        raise InputError(f"share: wanted strictly between 0 and 1, got {share!r}")
    check_level(level, "two")
    s = sheet(source, gold=gold, judges=judges, confidence=confidence, item=item,
              cluster=cluster, same=same, unparsed=unparsed)  # fmt: skip
    if gold is None:
        return _without_gold(s, level, seed, costs)
    known = np.flatnonzero(s.gold >= 0)
    if known.size < LEAST_GOLD:
        raise InputError(f"gold: wanted at least {LEAST_GOLD} items with gold, got {known.size}")
    chosen = selector or ("panel" if len(s.judges) > 1 else s.judges[0])
    if chosen not in ("panel", "majority", *s.judges):
        raise InputError(f"selector: wanted panel, majority or a judge, got {chosen!r}")
    rules, versus = _compare(s, known, level, seed)
    rng = np.random.default_rng(np.random.SeedSequence([seed, 1]))
    given = chosen in s.confidence or chosen == "majority"
    learning = _split(s, known, share or (0.2 if given else 0.3), rng)
    taught = known[learning]
    tested = known[~learning]
    accept, curve, risk, verdicts = _selective(s, chosen, taught, tested, target, delta, seed)
    cascade: Cascade | None = None
    if costs is not None:
        cascade = escalate(s, taught, tested, costs, target=target, delta=delta, seed=seed)
    whole = learn(s.labels[known], s.gold[known], len(s.classes))
    depend = (
        dependence(s.labels[known], s.gold[known], s.judges, level=level, seed=seed)
        if len(s.judges) > 1
        else None
    )
    return Panel(
        s.classes, _judges(s, known, level), rules, versus, whole.temper, whole.weight, depend,
        accept, chosen, curve, risk, cascade, None, len(s.names), known.size, level, verdicts,
        _notes(s, known),
    )  # fmt: skip


def _notes(s: Sheet, known: Ints) -> tuple[str, ...]:
    notes = list(s.notes)
    if s.cluster is not None:
        notes.append("items come in clusters: intervals of single agreements take items as "
                     "independent; comparisons and the guarantee do not")  # fmt: skip
    if np.any((s.labels[known] >= 0).sum(axis=1) == 0):
        notes.append("gold items without any judge's label count as wrong for the best judge, and "
                     "for the others go to the commonest class")  # fmt: skip
    return tuple(notes)


def _judges(s: Sheet, known: Ints, level: float) -> tuple[JudgeErrors, ...]:
    found, k = [], len(s.classes)
    for j, name in enumerate(s.judges):
        label, truth = s.labels[known, j], s.gold[known]
        given = label >= 0
        counts = np.bincount(truth[given] * k + label[given], minlength=k * k).reshape(k, k)
        right, n = int(np.trace(counts)), int(given.sum())
        own = Agreement(name, n, right / n if n else float("nan"), interval(right, n, level=level))
        if not n:
            raise InputError(f"judge {name!r}: no label on any item with gold")
        found.append(JudgeErrors(name, own, int((~given).sum()),
                                 tuple(tuple(int(x) for x in row) for row in counts)))  # fmt: skip
    return tuple(found)


def _compare(
    s: Sheet, known: Ints, level: float, seed: int
) -> tuple[tuple[Agreement, ...], dict[str, Comparison]]:
    """Each way to combine, on items of folds that it did not learn from."""
    rng = np.random.default_rng(np.random.SeedSequence([seed, 0]))
    labels, truth = s.labels[known], s.gold[known]
    groups = None if s.cluster is None else s.cluster[known]
    fold = folds(known.size, groups, FOLDS, rng)
    names = ("panel", "majority", "independent", "best judge")
    right = {name: np.zeros(known.size, bool) for name in names}
    for f in range(int(fold.max()) + 1):
        out, rest = fold == f, fold != f
        measured = learn(labels[rest], truth[rest], len(s.classes))
        naive = learn(labels[rest], truth[rest], len(s.classes), "independent")
        best = int((labels[rest] == truth[rest, None]).sum(axis=0).argmax())
        said = {
            "panel": measured.chances(labels[out]).argmax(axis=1),
            "majority": majority(labels[out], measured.prior)[0],
            "independent": naive.chances(labels[out]).argmax(axis=1),
            "best judge": labels[out, best],
        }
        for name, verdict in said.items():
            right[name][out] = verdict == truth[out]
    how = {
        "panel": "weights by measured errors, tempered for dependence",
        "majority": "most votes; ties go to the commoner class",
        "independent": "weights by measured errors, taken as independent (naive Bayes)",
        "best judge": "the one that agrees most in the other folds",
    }
    rules = tuple(
        Agreement(name, known.size, float(x.mean()),
                  interval(int(x.sum()), known.size, level=level), how[name])
        for name, x in right.items()
    )  # fmt: skip
    if len(s.judges) == 1:
        return rules, {}
    versus = {
        than: compare_items(right["panel"].astype(float), right[than].astype(float),
                            clusters=None if groups is None else groups.tolist(), level=level,
                            seed=seed)
        for than in ("majority", "best judge")
    }  # fmt: skip
    return rules, versus


def _split(s: Sheet, known: Ints, share: float, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Which gold items are for learning; whole clusters where there are any."""
    groups = None if s.cluster is None else s.cluster[known]
    many = 1000
    fold = folds(known.size, groups, min(many, known.size), rng)
    learning = fold < round(share * (fold.max() + 1))
    if not learning.any() or learning.all():
        raise InputError(f"share: {share:g} of {known.size} gold items leaves nothing to learn "
                         "from or to test with")  # fmt: skip
    return np.asarray(learning)


def _selective(
    s: Sheet, who: str, taught: Ints, tested: Ints, target: float, delta: float, seed: int
) -> tuple[Guarantee, tuple[tuple[float, float], ...], float | None, pl.DataFrame]:
    own, own_sure = judged(s, who, taught, taught, inside=True, seed=seed)
    verdict, sure = judged(s, who, taught, tested, inside=False, seed=seed)
    has, mine = verdict >= 0, own >= 0
    scores, wrong = sure[has], (verdict != s.gold[tested])[has]
    own_wrong = (own != s.gold[taught])[mine]
    clusters = None if s.cluster is None else s.cluster[tested][has]

    def promise(goal: float) -> Guarantee:
        order = np.zeros(0)
        if mine.any() and scores.size:
            order = candidates(own_sure[mine], own_wrong, scores.size, goal, delta)
        return select(scores, wrong, order, target=goal, delta=delta, clusters=clusters,
                      learning=taught.size)  # fmt: skip

    accept = promise(target)
    curve = []
    for goal in CURVE if clusters is None else ():
        found = promise(goal)
        if found.threshold is not None:
            curve.append((goal, found.accepted / scores.size))
    risk = conformal(scores, wrong, risk=1 - target) if scores.size else None
    every = np.arange(len(s.names))
    said, confidence = judged(s, who, taught, every, inside=False, seed=seed)
    limit = np.inf if accept.threshold is None else accept.threshold
    table = pl.DataFrame({
        "item": list(s.names),
        "verdict": [None if v < 0 else s.classes[v] for v in said.tolist()],
        "confidence": [None if np.isnan(c) else c for c in confidence.tolist()],
        "accepted": [bool(c >= limit) for c in confidence.tolist()],
    }, schema={"item": pl.String, "verdict": pl.String, "confidence": pl.Float64,
               "accepted": pl.Boolean})  # fmt: skip
    return accept, tuple(curve), risk, table


def _without_gold(s: Sheet, level: float, seed: int, costs: Mapping[str, float] | None) -> Panel:
    from calibrant.judges.latent.result import LatentClasses
    from calibrant.judges.latent.verb import latent

    if costs is not None:
        raise InputError("costs: a cascade needs gold")
    found = latent(s.source.pick(s.judges), model="dawid-skene", level=level, seed=seed)
    assert isinstance(found, LatentClasses)
    sure = found.posterior.max(axis=1)
    table = pl.DataFrame({
        "item": list(s.names), "verdict": list(found.labels()), "confidence": sure.tolist(),
        "accepted": [None] * len(s.names),
    }, schema_overrides={"accepted": pl.Boolean})  # fmt: skip
    return Panel(
        s.classes, (), (), {}, None, None, None, None, "panel", (), None, None, found,
        len(s.names), 0, level, table,
        (*s.notes, "without gold no agreement can be guaranteed; judges that err together look "
                   "better than they are"),
    )  # fmt: skip
