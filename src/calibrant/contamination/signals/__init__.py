"""What in a subject's log-probabilities tells that it saw a text? One number a text, larger for
more exposed.

    loss, total, perplexity, zlib_ratio     how likely the text is
    min_k, min_k_plus_plus                  how likely its least likely tokens are
    tail_top1                               whether it goes on by heart
    reference, paraphrase_gap               beside another subject, beside other words

No signal has a threshold: what is large depends on the subject, the texts and the prefix. Tests
that need none are in `calibrant.contamination.exposure`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibrant.contamination.signals.beside import Gaps, gaps, paraphrase_gap, reference
from calibrant.contamination.signals.features import features, ngrams
from calibrant.contamination.signals.likelihood import (
    loss,
    min_k,
    perplexity,
    skip_effect,
    tail_top1,
    total,
    zlib_ratio,
)
from calibrant.contamination.signals.ragged import Missing
from calibrant.contamination.signals.standardised import (
    min_k_plus_plus,
    min_k_plus_plus_bounds,
)
from calibrant.contamination.tokens import TokenScores
from calibrant.errors import InputError

Floats = NDArray[np.float64]

SIGNALS: dict[str, Callable[..., Floats]] = {
    "loss": loss,
    "total": total,
    "perplexity": perplexity,
    "zlib": zlib_ratio,
    "min-k": min_k,
    "min-k++": min_k_plus_plus,
    "tail-top1": tail_top1,
}
"""Signals of one subject by their names on the command line; "reference" takes another one."""

__all__ = [
    "SIGNALS",
    "Gaps",
    "features",
    "gaps",
    "loss",
    "min_k",
    "min_k_plus_plus",
    "min_k_plus_plus_bounds",
    "ngrams",
    "paraphrase_gap",
    "perplexity",
    "reference",
    "signal",
    "skip_effect",
    "tail_top1",
    "total",
    "zlib_ratio",
]


def signal(
    name: str,
    scores: TokenScores,
    *,
    other: TokenScores | None = None,
    skip: int = 0,
    missing: Missing = "refuse",
    **options: Any,
) -> Floats:
    """A signal by its name.

    Args:
        name: a key of `SIGNALS`, or "reference".
        other: a reference subject's scores, for "reference".
        options: of the signal, such as `k` or `last`.

    Raises:
        InputError: for another name; as the signal.
    """
    if name == "reference":
        if other is None:
            raise InputError("signal reference: wanted scores of a reference subject, too")
        return reference(scores, other, skip=skip, missing=missing, **options)
    if name not in SIGNALS:
        raise InputError(f"signal: wanted one of {', '.join(SIGNALS)}, reference; got {name!r}")
    return SIGNALS[name](scores, skip=skip, missing=missing, **options)
