"""Is a passage the question in other words? One score 0–1, and what else the pair could be.

The weights are reasoned, not fitted. A rewording keeps nearly all numbers and names and about half
of the words, so that three distinct numbers, if they agree, say as much as all words together, and
two names a quarter of that; fewer say less in proportion, and where neither text has any they say
nothing and the words decide alone.
"""

from __future__ import annotations

from typing import Literal

from calibrant.contamination.rewording.features import Features

Kind = Literal["paraphrase", "same template", "verbatim", "unclear"]
"""What a candidate is called. "verbatim": the same words and numbers. "same template": nearly the
same words, other numbers. "paraphrase": neither, with a score above the threshold. "unclear":
anything else, and all that is neither of the first two where no threshold is known."""

FIGURES = 3
NAMES = 2
NAMES_WEIGHT = 0.25
VERBATIM = 0.9
"""Least surface (longest common subsequence of words) of the same words."""
TEMPLATE = 0.75
"""Least surface of one template."""
SAME = 0.95
"""Least agreement of numbers of the same question."""
OTHER = 0.7
"""Most agreement of numbers of one template that was filled in twice."""


def score(f: Features) -> float:
    """How much a passage agrees with a question, 0–1."""
    parts = [(1.0, (f.grams + f.order + (f.words or 0.0)) / (3 if f.words is not None else 2))]
    if f.numbers is not None:
        parts.append((min(f.figures / FIGURES, 1.0), f.numbers))
    if f.names is not None:
        parts.append((NAMES_WEIGHT * min(f.named / NAMES, 1.0), f.names))
    if f.cosine is not None:
        parts.append((1.0, max(f.cosine, 0.0)))
    return sum(w * x for w, x in parts) / sum(w for w, _ in parts)


def kind_of(f: Features, threshold: float | None) -> Kind:
    """What a pair is.

    Args:
        threshold: scores above it are paraphrases; None if none is known.
    """
    if f.surface >= VERBATIM and (f.numbers is None or f.numbers >= SAME):
        return "verbatim"
    if is_template(f):
        return "same template"
    return "paraphrase" if threshold is not None and score(f) > threshold else "unclear"


def is_template(f: Features) -> bool:
    """Whether a pair has one template and other numbers."""
    return f.surface >= TEMPLATE and f.numbers is not None and f.numbers < OTHER
