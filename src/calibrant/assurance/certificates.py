"""How often are claims about the rate by gold decided wrongly, over gold labels and trials?"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from calibrant.assurance.evidence import design_for
from calibrant.assurance.suite import Claim
from calibrant.errors import InputError
from calibrant.judges.gold import Study, Tally
from calibrant.stats import anytime
from calibrant.stats.certificates import Bound, Certificate, Regime, regimes

ALPHA, AT_MOST = 0.1, 400


def _study(rng: np.random.Generator, regime: Regime) -> Study:
    """Gold labels at random: positives and negatives as they come, at least one of each."""
    labels = regime["labels"]
    positive = min(max(1, int(rng.binomial(labels, regime["share"]))), labels - 1)
    negative = labels - positive
    return Study(
        grader="", source="", sha256="",
        positives=Tally(right=int(rng.binomial(positive, regime["sensitivity"])), labels=positive),
        negatives=Tally(right=int(rng.binomial(negative, regime["specificity"])), labels=negative),
    )  # fmt: skip


def decided_batch(regime: Regime, rng: np.random.Generator, draws: int) -> Mapping[str, float]:
    """False verdicts where the true rate is the threshold; exact over trials, drawn over gold."""
    rate, se, sp = regime["rate"], regime["sensitivity"], regime["specificity"]
    seen = rate * se + (1 - rate) * (1 - sp)
    claim = Claim(name="c", instrument="i", rate="r", below=rate, alpha=ALPHA, at_most=AT_MOST,
                  gold="g")  # fmt: skip
    names = ("false support", "false refutation")
    sums = dict.fromkeys((*names, "refused"), 0.0)
    sums |= {f"{peer} {n}": 0.0 for peer in ("plugged in", "as graded") for n in names}
    for _ in range(draws):
        study = _study(rng, regime)
        pos, neg = study.positives.rate, study.negatives.rate
        plugged = round(rate * pos + (1 - rate) * (1 - neg), 3)
        designs = {"as graded ": anytime(rate, alpha=ALPHA, at_most=AT_MOST)}
        # A threshold that even a run without an event cannot support is no test at all.
        if 0.02 < plugged < 1 and pos + neg > 1:
            designs["plugged in "] = anytime(plugged, alpha=ALPHA, at_most=AT_MOST)
        try:
            designs[""] = design_for(claim, None, study)
        except InputError:
            sums["refused"] += 1
        for peer, design in designs.items():
            ends = design.stops(seen)
            sums[f"{peer}false support"] += ends.probability("supported")
            sums[f"{peer}false refutation"] += ends.probability("refuted")
    return {name: value / draws for name, value in sums.items()}


CERTIFICATES = (
    Certificate(
        name="claims-by-gold",
        method="calibrant.assurance.grading.shown",
        statement=(
            "A claim about the rate by gold whose true rate is the threshold is supported, and "
            "refuted, with chance at most alpha, here 0.1, over gold labels and trials together."
        ),
        regimes=regimes(
            "rate sensitivity specificity labels share",
            (0.2, 0.85, 0.95, 60, 0.3),
            (0.2, 0.85, 0.95, 400, 0.3),
            (0.1, 0.6, 0.99, 100, 0.5),
            (0.05, 0.9, 0.999, 1000, 0.1),
            (0.5, 0.75, 0.75, 40, 0.5),
            (0.8, 0.98, 0.7, 100, 0.8),
        ),
        batch=decided_batch,
        bounds={"false support": Bound(high=ALPHA), "false refutation": Bound(high=ALPHA)},
        peers={
            "plugged in": "the grader's error rates taken from gold as if they were exact",
            "as graded": "the grader's verdicts taken for the truth",
        },
        batch_draws=25,
    ),
)
