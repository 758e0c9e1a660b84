"""How much do items of one cluster say the same? Cluster effects, and what ignoring them costs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtrc, comb, ndtri

from calibrant._text import one_line
from calibrant.errors import InputError
from calibrant.quality.manifold.adequacy import SHIFT, Adequacy
from calibrant.quality.manifold.beside import NOTHING, Beside
from calibrant.quality.manifold.climb import Peak, climb
from calibrant.quality.manifold.counts import Counts, counts_of
from calibrant.quality.manifold.nested import Nested
from calibrant.quality.manifold.sift import Sifted, sift
from calibrant.quality.read import read_responses
from calibrant.quality.responses import Responses

Floats = NDArray[np.float64]
PRIOR = 5.0
INNERS = (7, 13, 25, 49)
"""Numbers of nodes of a cluster's effect, tried until more change nothing."""
FLAT = 0.02
"""s below which a cluster has no effect."""


@dataclass(frozen=True)
class Cluster:
    """Items that belong together.

    Attributes:
        sd: s, of the effect that a subject's answers on it share, in standard deviations of
            ability; 0 for none.
        se: of s; None for none.
        p: of the likelihood-ratio test that there is none, halved for its place on the boundary
            (Self and Liang 1987).
    """

    cluster: str
    items: int
    sd: float
    se: float | None
    low: float
    high: float
    p: float

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return dict(vars(self))


@dataclass(frozen=True, eq=False)
class TestletFit:
    """Right-or-wrong items in clusters, on one ability that is N(0, 1) among subjects.

    Attributes:
        items, subjects: names.
        cluster_of: each item's cluster; None for an item alone.
        slopes, intercepts: shape (items,), in logits.
        errors: shape (items, 2), their standard errors.
        clusters: the effects.
        ability, ability_sd, ability_se: shape (subjects,), as in `ContinuousFit`.
        naive_sd: shape (subjects,), posterior standard deviations where clusters are ignored.
        log_likelihood, naive_log_likelihood: with and without cluster effects.
        p: of the test that no cluster has an effect, against the chi-bar-squared distribution for
            independent clusters.
        reliability: of abilities.
        naive_reliability: what ignoring clusters makes of it.
        aside: constant items.
        adequacy: whether the numbers may be used.
        beside: what is asked of every model.
    """

    __test__ = False  # not a test, whatever pytest thinks

    items: tuple[str, ...]
    subjects: tuple[str, ...]
    cluster_of: tuple[str | None, ...]
    slopes: Floats
    intercepts: Floats
    errors: Floats
    clusters: tuple[Cluster, ...]
    ability: Floats
    ability_sd: Floats
    ability_se: Floats
    naive_sd: Floats
    log_likelihood: float
    naive_log_likelihood: float
    p: float
    reliability: float
    naive_reliability: float
    aside: tuple[str, ...]
    adequacy: Adequacy
    beside: Beside = NOTHING

    @property
    def overstated(self) -> float:
        """Information about ability that ignoring clusters claims, over what there is; 1 is fair.

        Posterior precision beyond the prior's, at the middle subject.
        """
        naive = float(np.median(1 / self.naive_sd**2)) - 1.0
        return naive / max(float(np.median(1 / self.ability_sd**2)) - 1.0, 1e-12)

    @property
    def worth(self) -> float:
        """How many items without clusters say as much."""
        return len(self.items) / self.overstated

    def __repr__(self) -> str:
        return (
            f"{len(self.subjects)} subjects and {len(self.items)} items in {len(self.clusters)} "
            f"clusters: ignoring clusters claims {self.overstated:.2f} times the information "
            f"(p = {self.p:.2g}); the items are worth {self.worth:.0f}."
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "model": "testlet", "log_likelihood": self.log_likelihood,
            "adequacy": self.adequacy.to_dict(),
            "items": [
                {"item": name, "cluster": self.cluster_of[j], "discrimination":
                 float(self.slopes[j]), "difficulty": None if self.slopes[j] == 0 else
                 float(-self.intercepts[j] / self.slopes[j]), "intercept":
                 float(self.intercepts[j]), "standard_errors": {"discrimination":
                 float(self.errors[j, 0]), "intercept": float(self.errors[j, 1])},
                 **self.beside.of_item(name)}
                for j, name in enumerate(self.items)
            ],
            "subjects": [
                {"subject": name, "ability": float(self.ability[i]),
                 "standard_error": float(self.ability_se[i]),
                 "posterior_sd": float(self.ability_sd[i]), "naive_sd": float(self.naive_sd[i])}
                for i, name in enumerate(self.subjects)
            ],
            "reliability": {"empirical": self.reliability, "clusters_ignored":
                            self.naive_reliability},
            "bank_check": self.beside.bank_check,
            "aside": list(self.aside), "clusters": [c.to_dict() for c in self.clusters],
            "naive_log_likelihood": self.naive_log_likelihood, "p": self.p,
            "overstated": self.overstated, "worth": self.worth,
        }  # fmt: skip


def fit_testlets(
    responses: Any, *, cluster: str | Mapping[str, str] = "cluster", prior: float | None = PRIOR,
    level: float = 0.95, tests: bool = True, **reading: Any,
) -> TestletFit:  # fmt: skip
    """Fit right-or-wrong items that come in clusters, such as questions about one passage.

    Args:
        responses: what `read_responses` takes, with its other arguments.
        cluster: the fact about items that names their cluster; or the cluster of each item.
        prior: standard deviation of a normal prior of slopes, in logits; None for none.
        level: of intervals.
        tests: whether to test each cluster on its own, which takes one more fit for each.

    Raises:
        InputError: for no clusters of 2 items or more, scores that are not right or wrong, or
            fewer than 10 subjects.
        GateError: if no proper maximum was found.
    """
    if not 0 < level < 1:
        raise InputError(f"level: wanted between 0 and 1, got {level:g}")
    found = responses if isinstance(responses, Responses) else read_responses(responses, **reading)
    names, of = _clusters(found, cluster)
    sifted = sift(found, what="testlet")
    names, of = _kept(names, of[sifted.kept])
    counts = counts_of(found, sifted, "testlet")
    naive = Nested(counts, np.full(of.size, -1), prior=prior)
    plain = climb(naive, naive.start())
    start = np.concatenate([plain.x, np.full((1, len(names)), 0.5)], axis=1)
    target, peak, shift = _climbed(counts, of, prior, start)
    tested = _tests(target, prior, peak) if tests else None
    return _finished(found, sifted, target, peak, shift, naive, plain, names, tested, level)


def _clusters(
    responses: Responses, cluster: str | Mapping[str, str]
) -> tuple[list[str], NDArray[np.int64]]:
    if isinstance(cluster, str):
        column = responses.item_column(cluster)
        if column is None:
            raise InputError(f"testlet: nothing known about items is called {cluster!r}")
    else:
        column = [cluster.get(name) for name in responses.items]
    names = sorted({c for c in column if c})
    at = {name: k for k, name in enumerate(names)}
    return names, np.array([at[c] if c else -1 for c in column], np.int64)


def _kept(names: list[str], of: NDArray[np.int64]) -> tuple[list[str], NDArray[np.int64]]:
    """Clusters of at least 2 items."""
    sizes = np.bincount(of[of >= 0], minlength=len(names))
    large = np.flatnonzero(sizes >= 2)
    if not large.size:
        raise InputError("testlet: wanted at least one cluster of 2 items that vary, got none")
    if large.size == 1 and sizes[large[0]] == of.size:
        raise InputError("testlet: wanted 2 clusters or items outside, got one cluster of all")
    new = np.full(len(names) + 1, -1, np.int64)
    new[large] = np.arange(large.size)
    return [names[k] for k in large], new[of]


def _climbed(
    counts: Counts, of: NDArray[np.int64], prior: float | None, x: Floats
) -> tuple[Nested, Peak, float]:
    """The maximum, with as many nodes as it takes, and what more of them would change."""
    flat: tuple[int, ...] = ()
    passes = 0
    for inner in INNERS:
        target = Nested(counts, of, prior=prior, fixed=flat, inner=inner)
        peak = climb(target, x, em_steps=40 if inner == INNERS[0] else 0)
        passes += peak.passes
        more = np.flatnonzero(np.abs(target.unpack(peak.x)[2]) < FLAT)
        if more.size > len(flat):
            flat = tuple(int(c) for c in more)
            target, peak = _held(target, prior, flat, peak)
        x = peak.x
        shift = _shift(target, x)
        if abs(shift) < SHIFT / 2:
            break
    return target, peak, shift


def _held(
    target: Nested, prior: float | None, flat: tuple[int, ...], peak: Peak
) -> tuple[Nested, Peak]:
    """The maximum with the effects of some clusters held at 0."""
    held = Nested(target.counts, target.cluster, prior=prior, fixed=flat, inner=target.inner)
    held.mode = target.mode
    x = peak.x.copy()
    x[0, [2 * target.items + c for c in flat]] = 0.0
    found = climb(held, x, em_steps=20)
    return held, Peak(found.x, found.at, found.gradient, found.passes + peak.passes)


def _shift(target: Nested, x: Floats) -> float:
    finer = Nested(
        target.counts, target.cluster, prior=None, fixed=target.fixed,
        spacing=target.spacing / 2, inner=2 * target.inner,
    )  # fmt: skip
    finer.mode = target.mode
    often = target.counts.often
    return float(often @ finer.log_likelihoods(x)) - float(often @ target.log_likelihoods(x))


def _tests(target: Nested, prior: float | None, peak: Peak) -> list[float]:
    """p of each cluster's effect."""
    found = []
    for c in range(target.clusters):
        if c in target.fixed:
            found.append(1.0)
            continue
        _, without = _held(target, prior, (*target.fixed, c), peak)
        ratio = max(2 * (peak.at.value - without.at.value), 0.0)
        found.append(float(chdtrc(1, ratio)) / 2 if ratio > 0 else 1.0)
    return found


def _finished(
    responses: Responses, sifted: Sifted, target: Nested, peak: Peak, shift: float,
    naive: Nested, plain: Peak, names: list[str], tested: list[float] | None, level: float,
) -> TestletFit:  # fmt: skip
    x = peak.x
    missing, moves = target.observed(x, peak.at.information)
    inverse = missing.inverse()
    log = float(target.counts.often @ target.log_likelihoods(x))
    adequacy = _adequacy(sifted, target, peak, shift, inverse is not None).require("testlet")
    assert inverse is not None
    a, d, s = target.unpack(x)
    j = target.items
    full = inverse.own[0] + inverse.low @ inverse.low.T
    errors = np.sqrt(np.diag(full))
    mean, variance = target.moments(x)
    flip = (
        -1.0 if float(np.corrcoef(mean, np.nanmean(target.counts.share, axis=1))[0, 1]) < 0 else 1.0
    )
    whole = variance + inverse.variance(moves)
    naive_mean, naive_variance = naive.moments(plain.x)
    pattern = target.counts.pattern
    naive_log = float(naive.counts.often @ naive.log_likelihoods(plain.x))
    far = float(ndtri((1 + level) / 2))
    clusters = tuple(
        _cluster(name, int((target.cluster == c).sum()), abs(float(s[c])),
                 float(errors[2 * j + c]), far, float("nan") if tested is None else tested[c])
        for c, name in enumerate(names)
    )  # fmt: skip
    ratio = max(2 * (peak.at.value - plain.at.value), 0.0)
    return TestletFit(
        tuple(responses.items[i] for i in sifted.kept),
        tuple(responses.subjects[i] for i in sifted.rows),
        tuple(names[c] if c >= 0 else None for c in target.cluster), flip * a, d,
        np.stack([errors[:j], errors[j : 2 * j]], axis=1), clusters, flip * mean[pattern],
        np.sqrt(variance)[pattern], np.sqrt(whole)[pattern], np.sqrt(naive_variance)[pattern],
        log, naive_log, _chi_bar(ratio, len(names)),
        _reliability(mean[pattern], variance[pattern]),
        _reliability(naive_mean[pattern], naive_variance[pattern]), sifted.aside, adequacy,
    )  # fmt: skip


def _cluster(name: str, items: int, sd: float, se: float, far: float, p: float) -> Cluster:
    if sd == 0.0:
        return Cluster(name, items, 0.0, None, 0.0, 0.0, p)
    return Cluster(name, items, sd, se, max(sd - far * se, 0.0), sd + far * se, p)


def _chi_bar(ratio: float, clusters: int) -> float:
    """P of more than the ratio, where each of the effects is 0 with probability a half."""
    if ratio <= 0:
        return 1.0
    k = np.arange(1, clusters + 1)
    return float((comb(clusters, k) * 0.5**clusters * chdtrc(k, ratio)).sum())


def _reliability(mean: Floats, variance: Floats) -> float:
    between = float(np.var(mean))
    return between / (between + float(variance.mean()))


def _adequacy(sifted: Sifted, target: Nested, peak: Peak, shift: float, maximum: bool) -> Adequacy:
    concerns = list(sifted.concerns)
    count = int(target.counts.often.sum())
    if count < 100:
        concerns.append(f"{count} subjects: cluster effects are rough below about 100")
    parameters = 2 * target.items + target.clusters - len(target.fixed)
    return Adequacy(
        peak.gradient, shift, maximum, count, parameters, peak.passes,
        tuple(one_line(c, 300) for c in concerns),
    )  # fmt: skip
