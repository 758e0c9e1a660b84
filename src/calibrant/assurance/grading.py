"""What do gold labels say of the grader behind a claim, and what can its errors flip?

A claim about the true rate, by gold, is followed on the grader's verdicts. Let an event be true
at rate t; the grader then shows one at rate t·hit + (1 - t)·(1 - clear). Of the claim's alpha, half
goes to the sampling of trials and a quarter to each of the two limits of the grader's error that
work against the verdict (exact, Clopper–Pearson; Korn–Graubard where gold items come in
clusters). By the union bound the chance of a wrong verdict stays below alpha.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from calibrant._text import one_line
from calibrant.assurance.suite import Claim
from calibrant.errors import InputError
from calibrant.judges.card import Held, read_card
from calibrant.judges.gold import Study, read_study

SAMPLING, EACH_LIMIT = 0.5, 0.25
"""Shares of alpha. They are fixed beforehand: chosen by the data they would be worth nothing."""


class Shown(BaseModel):
    """A claim about the true rate of events as claims about what the grader shows of it.

    Attributes:
        support: the claim is supported if the shown rate is below this.
        doubt: it is refuted if the shown rate is above this.
        alternative: the rate shown if the truth is the design alternative; None without one.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    support: float
    doubt: float
    alternative: float | None


def shown(claim: Claim, study: Study) -> Shown:
    """The rates of shown events that decide a claim about the true rate.

    Raises:
        InputError: if the grader is useless, or its errors are known too badly for this claim.
    """
    where = f"claim {claim.name!r}: gold"
    hit, clear = study.events(claim.relation)
    if hit.rate + clear.rate <= 1:
        raise InputError(
            f"{where}: wanted a grader better than chance, got sensitivity "
            f"{study.positives.rate:.3g} + specificity {study.negatives.rate:.3g}, which is not "
            "above 1: its verdicts say nothing"
        )
    at = claim.alpha * EACH_LIMIT
    true = claim.threshold if claim.relation == "below" else 1 - claim.threshold
    low_hit, high_clear = hit.limit(at, upper=False), clear.limit(at, upper=True)
    high_hit, low_clear = hit.limit(at, upper=True), clear.limit(at, upper=False)
    # The shown rate need not rise with the true one at the worst: then the end of the range counts.
    support = min(_show(t, low_hit, high_clear) for t in (true, 1.0))
    doubt = max(_show(t, high_hit, low_clear) for t in (true, 0.0))
    alternative = None
    if claim.if_really is not None:
        really = claim.if_really if claim.relation == "below" else 1 - claim.if_really
        alternative = round(_show(really, hit.rate, clear.rate), 12)
    support, doubt = round(support, 12), round(min(doubt, 1 - 1e-9), 12)
    if support <= 0 or (alternative is not None and alternative >= support):
        labels = hit.labels + clear.labels
        least = f"a rate shown below {_as_counted(claim, support):.4g}"
        if claim.relation == "above":
            least = f"a rate shown above {_as_counted(claim, support):.4g}"
        at_best = "" if alternative is None else (
            f", and a truth of {claim.if_really:g} shows as {_as_counted(claim, alternative):.4g}"
        )  # fmt: skip
        raise InputError(
            f"{where}: with {labels} gold labels only {least} would support it{at_best}: the "
            "grader's errors could flip it; wanted more gold labels or a better grader"
        )
    return Shown(support=support, doubt=max(doubt, support), alternative=alternative)


def _show(true: float, hit: float, clear: float) -> float:
    return true * hit + (1 - true) * (1 - clear)


def shown_rate(study: Study, relation: str, true: float) -> float:
    """The rate of events that the grader would show at a true one, by its observed errors."""
    hit, clear = study.events(relation)
    return _show(true, hit.rate, clear.rate)


def _as_counted(claim: Claim, events: float) -> float:
    return events if claim.relation == "below" else 1 - events


def true_rates(
    study: Study, relation: str, low: float, high: float, alpha: float
) -> tuple[float, float]:
    """Limits of the true rate of events from limits of the shown one.

    Args:
        low, high: of the shown rate, each wrong with chance at most alpha·`SAMPLING`.
        alpha: what each of the returned limits may be wrong with.

    Returns:
        Limits within 0–1; 0 and 1 where the grader's errors leave nothing to say.
    """
    hit, clear = study.events(relation)
    at = alpha * EACH_LIMIT
    worst = hit.limit(at, upper=False) + clear.limit(at, upper=True) - 1
    best = hit.limit(at, upper=True) + clear.limit(at, upper=False) - 1
    top = (high - 1 + clear.limit(at, upper=True)) / worst if worst > 0 else 1.0
    bottom = (low - 1 + clear.limit(at, upper=False)) / best if best > 0 else 0.0
    return min(1.0, max(0.0, bottom)), min(1.0, max(0.0, top))


def corrected(study: Study, relation: str, rate: float) -> float:
    """The true rate of events that best fits the shown one (Rogan and Gladen, 1978), in 0–1."""
    hit, clear = study.events(relation)
    return min(1.0, max(0.0, (rate + clear.rate - 1) / (hit.rate + clear.rate - 1)))


def study_of(claim: Claim, base: Path) -> Study | None:
    """The validation study that a claim names; None if it names none.

    The grader's verdicts are in the column that the claim's `grader` names, else in one that is
    called like the claim's score, else in `judge`.

    Raises:
        InputError: naming the claim, the file and what is wrong with it.
    """
    if claim.gold is None:
        return None
    columns = [claim.grader] if claim.grader else [claim.score, "judge"]
    try:
        return read_study(base / claim.gold, columns, claim.counts, said=claim.gold)
    except InputError as e:
        raise InputError(f"claim {claim.name!r}: gold: {e}") from e


def held_card(score: str, path: Path) -> Held:
    """The certificate card of the grader behind a score.

    Raises:
        InputError: naming the score and what is wrong with the file.
    """
    try:
        card, sha256 = read_card(path)
    except InputError as e:
        raise InputError(f"graders: {score}: {e}") from e
    return Held(card=card, sha256=sha256)


def check_card(claim: Claim, held: Held) -> None:
    """Refuse a card that has lapsed, or is about another verdict than the claim counts.

    Raises:
        InputError: naming the claim.
    """
    card, where = held.card, f"claim {claim.name!r}: graders: {claim.score}"
    if card.lapsed(datetime.now(UTC).date()):
        raise InputError(f"{where}: the card of {one_line(card.name, 80)} held until "
                         f"{card.valid_until}")  # fmt: skip
    if (card.counts or "1") != (claim.counts or "1"):
        raise InputError(
            f"{where}: wanted a card about the verdict {claim.counts or '1'}, which the claim "
            f"counts, got one about {one_line(card.counts or '1', 80)}"
        )
