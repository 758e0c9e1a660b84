"""Would the scores of a benchmark repeat? Reliability, components, errors at a score, ranks."""

from calibrant.quality.reliability.components import generalizability
from calibrant.quality.reliability.conditional import Conditional, bank_errors, conditional
from calibrant.quality.reliability.generalizability import Generalizability
from calibrant.quality.reliability.halves import Halves, split_halves
from calibrant.quality.reliability.intervals import Estimate
from calibrant.quality.reliability.ranks import Ranks, rank_reliability
from calibrant.quality.reliability.reliability import reliability
from calibrant.quality.reliability.result import Reliability
from calibrant.quality.reliability.variants import Variants, over_variants

__all__ = [
    "Conditional", "Estimate", "Generalizability", "Halves", "Ranks", "Reliability", "Variants",
    "bank_errors", "conditional", "generalizability", "over_variants", "rank_reliability",
    "reliability", "split_halves",
]  # fmt: skip
