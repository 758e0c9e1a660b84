"""What is kept of one administered item? A finished trial with all its scores."""

from __future__ import annotations

import math
import re
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from calibrant._text import storable
from calibrant.records.identity import content_hash

if TYPE_CHECKING:
    from inspect_ai.dataset import Sample
    from inspect_ai.log import EvalError, EvalSample

KEEP_CHARACTERS = 20_000
"""Characters kept of one text in the journal; the Inspect log has the whole."""


@dataclass(frozen=True)
class Trial:
    """One finished trial.

    Attributes:
        instrument: key of the stream it belongs to.
        position: its place in the stream's fixed order, from 0.
        item: SHA-256 of what was shown.
        scores: raw score values by name ("scorer", and "key" and "scorer.key" for scores with
            several values); empty if it failed.
        error: why it failed, or None.
        messages: the exchange as (role, text).
    """

    instrument: str
    position: int
    item: str
    family: str | None = None
    variant: str | None = None
    scores: dict[str, Any] = field(default_factory=dict)
    answer: str = ""
    error: str | None = None
    messages: tuple[tuple[str, str], ...] = ()
    input_tokens: int = 0
    output_tokens: int = 0
    seconds: float = 0.0
    cost: float | None = None
    time: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Plain data for the journal."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Trial:
        """The trial a journal line holds.

        Raises:
            TypeError, KeyError: if it holds none.
        """
        messages = tuple((str(m[0]), str(m[1])) for m in data["messages"])
        return cls(**{**data, "messages": messages})


def shown_to_subject(sample: Sample) -> str:
    """The content hash of an Inspect sample: input, choices and target."""
    given: Any = sample.input
    if not isinstance(given, str):
        given = [{"role": m.role, "text": m.text} for m in given]
    return content_hash({"input": given, "choices": sample.choices, "target": sample.target})


def finished(
    instrument: str, position: int, item: str, sample: EvalSample, price: tuple[float, float] | None
) -> Trial:
    """The trial that an Inspect sample amounts to, failed or scored.

    Args:
        price: dollars per million input and output tokens, where the provider names no cost.
    """
    metadata = sample.metadata or {}
    usage = list(sample.model_usage.values())
    given = sum(u.input_tokens + (u.input_tokens_cache_read or 0) for u in usage)
    output = sum(u.output_tokens for u in usage)
    costs = [u.total_cost for u in usage if u.total_cost is not None]
    cost = sum(costs) if costs else None
    if cost is None and price is not None:
        cost = (given * price[0] + output * price[1]) / 1e6
    scores = {} if sample.error else flatten_scores(sample)
    error = None
    if sample.error:
        error = cut(_why(sample.error), 2000)
    elif sample.output.error and not sample.output.completion:
        scores, error = {}, cut(sample.output.error, 2000)
    elif not scores:
        error = "no score was given"
    return Trial(
        instrument=instrument,
        position=position,
        item=item,
        family=_text(metadata.get("family", metadata.get("cluster"))),
        variant=_text(metadata.get("variant")),
        scores=scores,
        answer=cut(sample.output.completion),
        error=error,
        messages=tuple((m.role, cut(m.text)) for m in sample.messages[:60]),
        input_tokens=given,
        output_tokens=output,
        seconds=round(sample.working_time or sample.total_time or 0.0, 4),
        cost=cost,
        time=str(sample.completed_at or ""),
    )


_CAUSE = re.compile(
    r"^[\s|]*((?:[A-Za-z_]\w*\.)*[A-Z]\w*(?:Error|Exception|Timeout)\w*: .{1,500})", re.M
)


def _why(error: EvalError) -> str:
    """Why a sample failed; a retry that gave up hides its cause in the traceback."""
    if error.message.startswith("RetryError("):
        causes = [c for c in _CAUSE.findall(error.traceback) if "RetryError" not in c]
        if causes:
            return f"gave up after retries: {causes[-1]}"
    return error.message or "failed without a message"


def flatten_scores(sample: EvalSample) -> dict[str, Any]:
    """Raw score values by name; a score with several values gives one entry per key."""
    flat: dict[str, Any] = {}
    for scorer, score in (sample.scores or {}).items():
        if isinstance(score.value, dict):
            for key, value in score.value.items():
                flat.setdefault(str(key), _finite(value))
                flat[f"{scorer}.{key}"] = _finite(value)
        else:
            flat[scorer] = _finite(score.value)
    return flat


def _finite(value: Any) -> Any:
    """A score as it is; NaN and infinities, which say "unscored", as None."""
    return None if isinstance(value, float) and not math.isfinite(value) else value


def cut(text: str, limit: int = KEEP_CHARACTERS) -> str:
    """`text` fit to store, at most `limit` characters, saying how many were left out."""
    kept = storable(text[:limit])
    return kept if len(text) <= limit else f"{kept}… [{len(text) - limit:,} more characters]"


def _text(value: Any) -> str | None:
    return None if value is None else cut(str(value), 200)
