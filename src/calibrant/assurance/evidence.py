"""What do the trials so far say about one claim? Evidence, taken in order, failures included.

A failed trial keeps its place. Two paths go through the design: in one every missing outcome
speaks against the claim, in the other for it. A verdict stands only if both paths reach it, so it
holds whatever the missing outcomes would have been.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from calibrant.assurance.assessment import Verdict
from calibrant.assurance.grading import SAMPLING, Shown, shown
from calibrant.assurance.suite import Claim
from calibrant.bench.trial import Trial
from calibrant.errors import InputError
from calibrant.judges.gold import Study
from calibrant.records.trials import score_number
from calibrant.stats import Design, Follower, anytime, fixed_size, sprt


def design_for(claim: Claim, items: int | None, study: Study | None = None) -> Design:
    """The stopping rule for a claim about `items` items, or a generator without end (None).

    Events are outcomes against the claim: the counted score for "below", the rest for "above".

    Args:
        study: gold labels beside the grader's verdicts, if the claim is about the true rate. It
            is then about what the items are a sample of, as the grader's errors are.

    Raises:
        DesignError: if there is none, such as a threshold the data set cannot tell apart.
        InputError: if the grader's errors are known too badly for this claim.
    """
    if study is not None:
        return _design_by_gold(claim, items, shown(claim, study))
    flip = claim.relation == "above"
    threshold = 1 - claim.threshold if flip else claim.threshold
    # 1 - 0.7 is not quite 0.3; a design and its cache should not depend on that.
    threshold = round(threshold, 12)
    if claim.if_really is None:
        return anytime(threshold, alpha=claim.alpha, at_most=claim.at_most, items=items)
    really = round(1 - claim.if_really, 12) if flip else claim.if_really
    return sprt(
        threshold,
        really,
        alpha=claim.alpha,
        beta=claim.beta,
        at_most=claim.at_most,
        items=items,
        pursue=claim.pursue_refutation,
    )


def _design_by_gold(claim: Claim, items: int | None, rates: Shown) -> Design:
    alpha = claim.alpha * SAMPLING
    if rates.alternative is None:
        most = claim.at_most if items is None else min(claim.at_most or items, items)
        return anytime(rates.support, alpha=alpha, at_most=most, doubt=rates.doubt)
    most = claim.at_most
    if items is not None:
        most = most or 3 * fixed_size(
            rates.support, rates.alternative, alpha=alpha, beta=claim.beta
        )
        most = min(most, items)
    return sprt(
        rates.support,
        rates.alternative,
        alpha=alpha,
        beta=claim.beta,
        at_most=most,
        pursue=claim.pursue_refutation,
        doubt=rates.doubt,
    )


@dataclass
class Evidence:
    """The evidence on one claim.

    Attributes:
        study: gold labels beside its grader's verdicts, if the claim is about the true rate.
        trials: every trial taken, in order, and whether it counted (None: missing).
        path: events after each observed trial.
    """

    claim: Claim
    design: Design
    study: Study | None = None
    trials: list[tuple[Trial, bool | None]] = field(default_factory=list)
    path: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.against = Follower(self.design)
        self.favour = Follower(self.design)
        self.missing = 0
        self.events = 0

    @property
    def open(self) -> bool:
        """More trials could still change the verdict.

        Once failed trials have parted the two paths so far that they cannot reach the same
        verdict any more, nothing can.
        """
        paths = (self.against, self.favour)
        if all(p.state != "open" for p in paths):
            return False
        supportable = all(
            p.state == "supported" or (p.state == "open" and not p.closed) for p in paths
        )
        refutable = all(p.state in ("refuted", "open") for p in paths)
        return supportable or refutable

    @property
    def observed(self) -> int:
        """Trials with a score."""
        return len(self.path)

    @property
    def counted(self) -> int:
        """Trials with the counted score."""
        above = self.claim.relation == "above"
        return self.observed - self.events if above else self.events

    @property
    def verdict(self) -> Verdict:
        """What the evidence supports, whatever the missing outcomes were."""
        states = {self.against.state, self.favour.state}
        if states == {"supported"}:
            return "supported"
        return "refuted" if states == {"refuted"} else "undetermined"

    def take(self, trial: Trial) -> None:
        """Take the next trial; ignored once the claim is decided.

        Raises:
            InputError: if the trial has scores but not the claimed one, or one that is not a rate.
        """
        if not self.open:
            return
        counted = counts(self.claim, trial)
        self.trials.append((trial, counted))
        if counted is None:
            self.missing += 1
            against, favour = True, False
        else:
            event = counted == (self.claim.relation == "below")
            self.events += event
            self.path.append(self.events)
            against = favour = event
        for follower, outcome in ((self.against, against), (self.favour, favour)):
            if follower.state == "open":
                follower.add(outcome)

    def reach(self) -> int:
        """The earliest position by which the claim could be decided if all goes one way."""
        if not self.open:
            return len(self.trials)
        return len(self.trials) + max(_steps(f) for f in (self.against, self.favour))


def _steps(follower: Follower) -> int:
    """Trials without an event after which a path ends, at least 1 while it is open."""
    if follower.state != "open":
        return 0
    b = follower.design.boundary
    end = b.give_up[follower.k] if follower.closed else b.support[follower.k]
    return max(1, min(int(end), b.horizon) - follower.n)


def counts(claim: Claim, trial: Trial) -> bool | None:
    """Whether a trial shows the counted score; None if it failed or has no such value.

    Raises:
        InputError: if the score is not there at all, or is a number that is neither 0 nor 1 and
            the claim does not say which value counts.
    """
    if trial.error is not None:
        return None
    if claim.score not in trial.scores:
        raise InputError(
            f"claim {claim.name!r}: rate: no score {claim.score!r} in {trial.instrument}; "
            f"it gives {', '.join(sorted(trial.scores))}"
        )
    value = trial.scores[claim.score]
    if value is None:
        return None
    number = score_number(value)
    if claim.counts is not None:
        wanted = score_number(claim.counts)
        if isinstance(value, str):
            return value == claim.counts
        return number is not None and number == wanted
    if number not in (0.0, 1.0):
        raise InputError(
            f"claim {claim.name!r}: rate: score {claim.score!r} is {value!r}, which is neither 0 "
            f"nor 1; name the value that counts, as in 'rate: {claim.score}=VALUE'"
        )
    return number == 1.0
