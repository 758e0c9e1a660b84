"""Which rates are compatible with the evidence on a claim: as graded, and by gold?"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from calibrant.assurance.assessment import CardShown, Estimate, Grading, Verdict
from calibrant.assurance.evidence import Evidence
from calibrant.assurance.exposed import SHARE, InflationShown
from calibrant.assurance.grading import SAMPLING, corrected, shown, true_rates
from calibrant.judges.card import Held
from calibrant.judges.gold import Study
from calibrant.stats import after_stopping


@dataclass(frozen=True)
class _Limits:
    """Limits of a rate of events, and what they would be had missing trials gone the worst way."""

    low: float
    high: float
    low_if_missing: float
    high_if_missing: float
    method: str

    def true(self, study: Study, relation: str, alpha: float) -> _Limits:
        """The same for the rate by gold."""
        low, high = true_rates(study, relation, self.low, self.high, alpha)
        least, most = true_rates(study, relation, self.low_if_missing, self.high_if_missing, alpha)
        return _Limits(low, high, least, most, f"{self.method}, and for the grader's errors")

    def counted(self, relation: str) -> _Limits:
        """The same for the rate of the counted score."""
        if relation == "below":
            return self
        return _Limits(
            1 - self.high, 1 - self.low, 1 - self.high_if_missing, 1 - self.low_if_missing,
            self.method,
        )  # fmt: skip


def _limits(evidence: Evidence, level: float) -> _Limits:
    n, k = evidence.observed, evidence.events
    interval = after_stopping(evidence.design, n, k, level=level)
    low, high = interval.low, interval.high
    if evidence.missing:
        # The paths of the two extremes may have ended earlier; their own stopping points count.
        best, worst = evidence.favour, evidence.against
        low = min(low, after_stopping(evidence.design, best.n, best.k, level=level).low)
        high = max(high, after_stopping(evidence.design, worst.n, worst.k, level=level).high)
    return _Limits(interval.low, interval.high, low, high, interval.method)


def estimate(evidence: Evidence) -> Estimate:
    """The rate that the claim is about: by gold where it names some, else as graded."""
    return _estimate(evidence, evidence.study)


def _estimate(evidence: Evidence, study: Study | None) -> Estimate:
    n, alpha = evidence.observed, evidence.claim.alpha
    relation = evidence.claim.relation
    # At this level the interval of a decided claim leaves out the threshold, so that figures and
    # verdict cannot seem to disagree.
    level = 1 - 2 * alpha
    if n == 0:
        return Estimate(
            value=None, low=0.0, high=1.0, level=level, method="nothing observed",
            standard_uncertainty=None, low_if_missing=0.0, high_if_missing=1.0,
        )  # fmt: skip
    events = evidence.events / n
    size = evidence.design.rates.items
    # Agresti and Coull's centre keeps the standard uncertainty away from a false zero.
    centre = (evidence.counted + 2) / (n + 4)
    left = 1.0 if size is None else max(0.0, (size - n) / max(size - 1, 1))
    variance = centre * (1 - centre) / (n + 4) * left
    if study is None:
        found, value = _limits(evidence, level), events
    else:
        value = corrected(study, relation, events)
        found = _limits(evidence, 1 - 2 * alpha * SAMPLING).true(study, relation, alpha)
        variance = _with_errors(study, relation, value, variance)
    found = found.counted(relation)
    return Estimate(
        value=value if relation == "below" else 1 - value,
        low=found.low,
        high=found.high,
        level=level,
        method=found.method,
        standard_uncertainty=variance**0.5,
        low_if_missing=found.low_if_missing,
        high_if_missing=found.high_if_missing,
    )


def _with_errors(study: Study, relation: str, value: float, variance: float) -> float:
    """The variance of a corrected rate, to first order."""
    hit, clear = study.events(relation)
    youden = hit.rate + clear.rate - 1
    for tally, share in ((hit, value), (clear, 1 - value)):
        centre = (tally.right + 2) / (tally.labels + 4)
        variance += share**2 * centre * (1 - centre) / (tally.labels + 4)
    return variance / youden**2


def grading(evidence: Evidence, cards: Mapping[str, Held]) -> tuple[Verdict, Grading | None]:
    """The verdict on a claim, with what is known of its grader.

    A verdict on the graded rate is lowered to undetermined if, by the card of its grader, the true
    rate could lie on the other side of the threshold.
    """
    claim, verdict = evidence.claim, evidence.verdict
    held = cards.get(claim.score)
    card = None if held is None else _shown(held)
    if evidence.study is not None:
        return verdict, Grading(
            study=evidence.study,
            measurand="true",
            graded=_estimate(evidence, None),
            true=estimate(evidence),
            shown=shown(claim, evidence.study),
            card=card,
            lowered_from=None,
        )
    if held is None:
        return verdict, None
    study = held.card.study
    true = None
    lowered: Verdict | None = None
    if study is not None and study.positives.rate + study.negatives.rate > 1:
        true = _estimate(evidence, study)
    if verdict != "undetermined" and not holds(verdict, claim.relation, claim.threshold, true):
        lowered = verdict
    return "undetermined" if lowered else verdict, Grading(
        study=study, measurand="graded", graded=_estimate(evidence, None), true=true, shown=None,
        card=card, lowered_from=lowered,
    )  # fmt: skip


def unexposed(evidence: Evidence, inflation: InflationShown) -> Estimate:
    """The rate of the counted score without exposure.

    Half of alpha goes to the sampling of trials, half to the limits of the inflation: by the union
    bound each limit is wrong with a chance of at most alpha, however the two depend on each other.
    """
    alpha, plain = evidence.claim.alpha, _estimate(evidence, None)
    if plain.value is None:
        return plain
    found = _limits(evidence, 1 - 2 * alpha * (1 - SHARE)).counted(evidence.claim.relation)

    def inside(rate: float) -> float:
        return min(1.0, max(0.0, rate))

    return Estimate(
        value=inside(plain.value - inflation.value),
        low=inside(found.low - inflation.high),
        high=inside(found.high - inflation.low),
        level=plain.level,
        method=f"{found.method}, less the inflation by exposure ({inflation.design})",
        standard_uncertainty=math.hypot(
            plain.standard_uncertainty or 0.0, inflation.standard_error
        ),
        low_if_missing=inside(found.low_if_missing - inflation.high),
        high_if_missing=inside(found.high_if_missing - inflation.low),
    )


def holds(verdict: Verdict, relation: str, threshold: float, true: Estimate | None) -> bool:
    """Whether a verdict stands at every rate within an estimate's limits."""
    if true is None:
        return False
    below, above = true.high_if_missing < threshold, true.low_if_missing > threshold
    return below if (verdict == "supported") == (relation == "below") else above


def _shown(held: Held) -> CardShown:
    card = held.card
    return CardShown(
        name=card.name,
        sha256=held.sha256,
        made=card.made,
        valid_until_model=card.valid_until_model,
        valid_until=card.valid_until,
        findings=card.findings,
    )
