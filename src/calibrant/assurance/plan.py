"""What would an assessment do and cost? Designs and expected trials, before any call."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from calibrant.assurance.evidence import design_for
from calibrant.assurance.suite import Claim, Suite
from calibrant.bench.streams import Stream
from calibrant.errors import DesignError, InputError
from calibrant.judges.gold import Study
from calibrant.stats import Design, fixed_size


@dataclass(frozen=True)
class PlannedClaim:
    """What one claim will take.

    Attributes:
        claim: the claim.
        design: its stopping rule.
        expected_trials: at if_really, or at half the threshold's events where there is none.
        expected_at_threshold: at the threshold, about where a run takes longest.
        fixed_trials: what the fixed design would need; None without if_really.
        study: gold labels beside the grader's verdicts, if the claim is about the true rate.
    """

    claim: Claim
    design: Design
    expected_trials: float
    expected_at_threshold: float
    fixed_trials: int | None
    study: Study | None = None


@dataclass(frozen=True)
class PlannedInstrument:
    """What one instrument will take, shared by its claims.

    Attributes:
        key: the instrument.
        expected_trials, at_most: over its claims.
        input_tokens, output_tokens: guesses per trial; output is an upper bound, 0 if unknown.
    """

    key: str
    expected_trials: float
    at_most: int
    input_tokens: float
    output_tokens: float


@dataclass(frozen=True)
class Plan:
    """What an assessment would do and cost. Nothing has been called."""

    suite: Suite
    claims: tuple[PlannedClaim, ...]
    instruments: tuple[PlannedInstrument, ...]

    def cost(self, *, at_most: bool) -> float | None:
        """Dollars, expected or at most; None where the suite names no price."""
        price = self.suite.price
        if price is None:
            return None
        return sum(
            (i.at_most if at_most else i.expected_trials)
            * (i.input_tokens * price.input + i.output_tokens * price.output)
            / 1e6
            for i in self.instruments
        )

    def tokens(self, *, at_most: bool) -> tuple[int, int]:
        """Input and output tokens, expected or at most."""
        trials = [i.at_most if at_most else i.expected_trials for i in self.instruments]
        return (
            round(sum(t * i.input_tokens for t, i in zip(trials, self.instruments, strict=True))),
            round(sum(t * i.output_tokens for t, i in zip(trials, self.instruments, strict=True))),
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "subject": self.suite.subject,
            "seed": self.suite.seed,
            "claims": [
                {
                    "name": c.claim.name,
                    "instrument": c.claim.instrument,
                    "relation": c.claim.relation,
                    "threshold": c.claim.threshold,
                    "if_really": c.claim.if_really,
                    "alpha": c.claim.alpha,
                    "beta": None if c.claim.if_really is None else c.claim.beta,
                    "design": c.design.method,
                    "expected_trials": c.expected_trials,
                    "expected_trials_at_threshold": c.expected_at_threshold,
                    "at_most": c.design.at_most,
                    "fixed_trials": c.fixed_trials,
                    "false_support": c.design.false_support,
                    "false_refutation": c.design.false_refutation,
                    "power": c.design.power,
                }
                for c in self.claims
            ],
            "instruments": [asdict(i) for i in self.instruments],
            "tokens_expected": self.tokens(at_most=False),
            "tokens_at_most": self.tokens(at_most=True),
            "cost_expected": self.cost(at_most=False),
            "cost_at_most": self.cost(at_most=True),
        }


def make_plan(
    suite: Suite, streams: dict[str, Stream], keys: dict[str, str], studies: dict[str, Study]
) -> Plan:
    """Plan a suite.

    Args:
        streams: opened instruments by key.
        keys: each claim's name with the key of its stream.
        studies: gold labels beside the grader's verdicts, by the names of claims that name some.

    Raises:
        InputError: if a claim has no design, naming the claim.
    """
    claims = tuple(
        plan_claim(c, streams[keys[c.name]].size, studies.get(c.name)) for c in suite.claims
    )
    instruments = []
    for key, stream in streams.items():
        mine = [p for p in claims if keys[p.claim.name] == key]
        given, output = stream.expected_tokens(suite.generate.get("max_tokens"))
        expected = max(p.expected_trials for p in mine)
        most = max(p.design.at_most for p in mine)
        instruments.append(PlannedInstrument(key, expected, most, given, output))
    return Plan(suite, claims, tuple(instruments))


def plan_claim(claim: Claim, items: int | None, study: Study | None = None) -> PlannedClaim:
    """Plan one claim about `items` items, or about a generator without end (None).

    Raises:
        InputError: if it has no design.
    """
    try:
        design = design_for(claim, items, study)
    except DesignError as e:
        raise InputError(f"claim {claim.name!r}: {e}") from e
    rates = design.rates
    fixed = None
    if rates.alternative is not None:
        fixed = fixed_size(
            rates.threshold, rates.alternative, alpha=design.alpha, beta=claim.beta,
            items=rates.items,
        )  # fmt: skip
    at = rates.threshold / 2 if rates.alternative is None else rates.alternative
    return PlannedClaim(
        claim,
        design,
        expected_trials=design.expected_trials(at),
        expected_at_threshold=design.expected_trials(rates.threshold),
        fixed_trials=fixed,
        study=study,
    )
