"""How likely does a subject find each token of a given text? Scorers, one for each kind of access.

Importing this package imports neither Inspect, llama.cpp nor PyTorch.
"""

from __future__ import annotations

from calibrant.subjects.logprobs.kept import Scored, score_items
from calibrant.subjects.logprobs.scorer import TextScorer, from_logprobs, scorer_of

__all__ = ["Scored", "TextScorer", "from_logprobs", "score_items", "scorer_of"]
