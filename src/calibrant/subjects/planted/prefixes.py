"""How far does what stands before a text move its loss, and any threshold on it?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from calibrant.contamination.signals import loss
from calibrant.errors import InputError
from calibrant.subjects.planted.bpe import END
from calibrant.subjects.planted.rates import tail_p
from calibrant.subjects.planted.subject import PlantedSubject

PREFIXES = (END, "\n", " ", "\n\n", "The ")


@dataclass(frozen=True)
class PrefixEffect:
    """What one prefix does to items that were not planted.

    Attributes:
        prefix: what stood before each text.
        loss: mean log-probability a token, nats.
        first: that of the first token alone.
        moved: furthest that any item's mean moved from that after the first prefix, nats a token.
        flagged: share of items above the threshold for 5 % after the first prefix.
    """

    prefix: str
    loss: float
    first: float
    moved: float
    flagged: float

    def to_dict(self) -> dict[str, Any]:
        """As plain data."""
        return asdict(self)


def prefix_effect(
    subject: PlantedSubject, prefixes: Sequence[str] = PREFIXES
) -> tuple[PrefixEffect, ...]:
    """Score items without copies after each prefix; a threshold is set after the first one.

    Raises:
        InputError: for no prefix, or an empty one, after which the first token is not scored.
    """
    if not prefixes or not all(prefixes):
        raise InputError("prefixes: wanted at least one, and none empty")
    texts = [item.text for item in subject.arms.items if item.copies == 0]
    found = []
    base = np.empty(0)
    for prefix in prefixes:
        scores = replace(subject, prefix=prefix).score(texts)
        values = loss(scores)
        base = base if base.size else values
        found.append(
            PrefixEffect(
                prefix, float(values.mean()), float(scores.logprob[scores.starts[:-1]].mean()),
                float(np.abs(values - base).max()),
                float(np.mean(tail_p(values, base) <= 0.05)),
            )
        )  # fmt: skip
    return tuple(found)
