"""Which parts of an Inspect log matter? Its header and samples as far as a trial needs them.

Keys that stand in no class here, above all events, are skipped unread: that is what makes reading
fast. Logs of every version since 2024 fit.
"""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta, Raw, Struct

Count = Annotated[int, Meta(ge=0, le=2**53)]


class Dataset(Struct):
    """eval.dataset: how many samples there should be."""

    samples: Count | None = None
    sample_ids: list[Any] | None = None


class Config(Struct):
    """eval.config."""

    epochs: Count | None = None


class Named(Struct):
    """Anything with a name, such as a scorer."""

    name: str = ""


class Spec(Struct):
    """eval: what was run."""

    task: str
    model: str
    eval_id: str | None = None
    run_id: str | None = None
    task_id: str | None = None
    created: str | None = None
    dataset: Dataset | None = None
    config: Config | None = None
    sandbox: Any = None
    model_roles: dict[str, Any] | None = None
    task_args: dict[str, Any] | None = None
    scorers: list[Named] | None = None


class Metric(Struct):
    """One number of results."""

    value: Any = None
    name: str = ""


class Result(Struct):
    """results.scores: what a scorer found over all samples."""

    name: str = ""
    scorer: str = ""
    reducer: str | None = None
    metrics: dict[str, Metric] = {}
    scored_samples: Count | None = None


class Results(Struct):
    """results."""

    scores: list[Result] = []
    total_samples: Count | None = None
    completed_samples: Count | None = None


class Message(Struct):
    """What is wanted of an error: its message."""

    message: str = ""


class Header(Struct):
    """A log without its samples."""

    eval: Spec
    version: int = 1
    status: str = "started"
    results: Results | None = None
    error: Message | None = None
    invalidated: bool | None = None


class Whole(Header):
    """A log as one JSON document; samples stay text until their turn."""

    samples: list[Raw] | None = None


class Usage(Struct):
    """Tokens and cost of a sample on one model."""

    input_tokens: Count | None = None
    output_tokens: Count | None = None
    input_tokens_cache_write: Count | None = None
    input_tokens_cache_read: Count | None = None
    total_cost: Any = None


class Choice(Struct):
    """One answer of a model."""

    message: ChatMessage | None = None


class Output(Struct):
    """output: the answer."""

    completion: str | None = None
    choices: list[Choice] | None = None
    error: str | None = None


class Call(Struct):
    """A call of a tool."""

    function: Any = None


class ChatMessage(Struct):
    """One message, without its content where that is not wanted."""

    role: str = ""
    content: Any = None


class Turn(Struct):
    """A message as far as tools go."""

    tool_calls: list[Call] | None = None


class Score(Struct):
    """A score; its value may be text, number, truth value, list or mapping."""

    value: Any = None


class Limit(Struct):
    """The limit that ended a sample."""

    type: str = ""


class Invalidation(Struct):
    """Why somebody declared a sample invalid."""

    reason: str | None = None


class Transcript(Struct):
    """Where the oldest logs kept attachments."""

    content: dict[str, str] = {}


class Sample(Struct):
    """A sample of a log."""

    id: int | str
    epoch: Annotated[int, Meta(ge=0, le=2**31)] = 1
    input: str | list[dict[str, Any]] = ""
    choices: list[str] | None = None
    target: Any = ""
    sandbox: Any = None
    messages: Raw = Raw()
    output: Output | None = None
    scores: dict[str, Score] | None = None
    score: Score | None = None
    metadata: dict[str, Any] | None = None
    model_usage: dict[str, Usage] | None = None
    completed_at: str | None = None
    total_time: Any = None
    working_time: Any = None
    uuid: str | None = None
    invalidation: Invalidation | None = None
    error: Message | None = None
    error_retries: list[Raw] | None = None
    attachments: Raw = Raw()
    transcript: Raw = Raw()
    limit: Limit | None = None
    message_refs: list[tuple[int, int]] = []
