"""Was it there? Tests of exposure whose p-values are valid for a reason that the user names.

    split_test, rank_test, combined_test    published items, and items held out at random
    twin_test, paraphrase_test              published items, and their secret twins
    order_test, order_scores                the published order, and random orders
    canary_test                             a published canary, and others of its space
    reference_test                          the subject, and subjects that have not seen it
    correct_test, correct_twin_test         the same without log-probabilities
    blind_baseline, auroc                   whether texts alone tell the groups apart
    several                                 many tests at once
    power, planned_items                    how many items for which effect

None has a threshold on a signal.
"""

from __future__ import annotations

from calibrant.contamination.exposure.auroc import Auroc, auroc
from calibrant.contamination.exposure.blind import blind_baseline
from calibrant.contamination.exposure.canary import canary_test, reference_test
from calibrant.contamination.exposure.groups import combined_test, rank_test, split_test
from calibrant.contamination.exposure.order import order_scores, order_test
from calibrant.contamination.exposure.pairs import (
    correct_test,
    correct_twin_test,
    paraphrase_test,
    twin_test,
)
from calibrant.contamination.exposure.power import planned_items, power
from calibrant.contamination.exposure.several import several

__all__ = [
    "Auroc",
    "auroc",
    "blind_baseline",
    "canary_test",
    "combined_test",
    "correct_test",
    "correct_twin_test",
    "order_scores",
    "order_test",
    "paraphrase_test",
    "planned_items",
    "power",
    "rank_test",
    "reference_test",
    "several",
    "split_test",
    "twin_test",
]
