"""Which trials is one Inspect sample? One for each score, and one for each that is missing."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

from msgspec import Raw

from calibrant._text import storable
from calibrant.records.identity import content_hash
from calibrant.records.readers.batch import Batch, Options, label, moment, number, scalars
from calibrant.records.readers.inspect_model import Header, Sample, Transcript, Turn
from calibrant.records.readers.jsondata import decode, encode
from calibrant.records.trials import score_number

_ATTACHMENT = re.compile(r"attachment://([a-f0-9]+)")
_EMPTY: list[Any] = [None, "", [], {}]


class Rows:
    """Collects the trials of one log.

    A sample that failed has no scores: it is a missing trial of every grader the log has, which is
    known only at its end.
    """

    def __init__(self, header: Header, options: Options) -> None:
        self.options = options
        self.batch = Batch()
        spec = header.eval
        # A retry has its own eval_id; the task keeps its name, so that copied answers count once.
        self.run = spec.task_id or spec.eval_id or spec.run_id
        self.model, self.task = spec.model, spec.task
        self.about: dict[str, Any] = {}
        if spec.run_id and spec.run_id != self.run:
            self.about["run_id"] = spec.run_id
        if spec.task_args:
            self.about["task_args"] = spec.task_args
        if spec.model_roles:
            self.about["model_roles"] = {k: _model(v) for k, v in spec.model_roles.items()}
        self.sandbox = _kind(spec.sandbox)
        self.graders: dict[str, None] = {}
        self.declared = [s.name for s in spec.scorers or [] if s.name] or [
            r.name for r in (header.results.scores if header.results else []) if r.name
        ]
        self.failed: list[dict[str, Any]] = []

    def add(self, sample: Sample, data: bytes, where: str) -> None:
        """Add the trials of a sample; `data` is its text."""
        base = self._base(sample, data, where)
        self.batch.samples += 1
        if sample.invalidation is not None:
            base["error"] = storable(f"declared invalid: {sample.invalidation.reason or ''}")[:2000]
        elif not sample.scores and sample.score is None:
            base["error"] = _why(sample)
        if base.get("error"):
            self.failed.append(base)
            return
        for grader, value in self._scores(sample):
            self.graders[grader] = None
            score = score_number(value)
            error = None if score is not None else f"score is no number: {value!r}"[:200]
            row = {**base, "grader": grader, "score": score, "error": error}
            self.batch.add(row)

    def finish(self) -> None:
        """Add the missing trials."""
        graders = list(self.graders) or self.declared or ["none"]
        for base in self.failed:
            for grader in graders:
                self.batch.add({**base, "grader": grader})

    def _base(self, sample: Sample, data: bytes, where: str) -> dict[str, Any]:
        attachments = self._attachments(sample, data, where)
        content = [_shown(sample.input), sample.choices, sample.target]
        answer = _completion(sample)
        if attachments:
            content = _resolved(content, attachments)
            answer = _resolved(answer, attachments)
        metadata = sample.metadata or {}
        asked = {"question": _asked(*content[:2])} if self.options.questions else {}
        usage = list((sample.model_usage or {}).values())
        costs = [c for c in (number(u.total_cost) for u in usage) if c is not None]
        seconds = number(sample.working_time)
        return {
            "run": self.run,
            "subject": self.model,
            "instrument": self.task,
            "item": _named(sample.id, content),
            "cluster": self._cluster(metadata),
            "variant": label(metadata.get("variant")),
            "epoch": sample.epoch,
            "answer": answer,
            "input_tokens": sum(_input_tokens(u) for u in usage) if usage else None,
            "output_tokens": sum(u.output_tokens or 0 for u in usage) if usage else None,
            "seconds": number(sample.total_time) if seconds is None else seconds,
            "cost": sum(costs) if costs else None,
            "time": moment(sample.completed_at),
            "metadata": self._metadata(sample, metadata, data, where, asked),
        }

    def _cluster(self, metadata: dict[str, Any]) -> str | None:
        key = self.options.cluster_key
        if key is None:
            return label(metadata.get("cluster", metadata.get("family")))
        if key in metadata:
            self.batch.clustered = True
        return label(metadata.get(key))

    def _attachments(self, sample: Sample, data: bytes, where: str) -> dict[str, str]:
        if b"attachment://" not in data:
            return {}
        found: dict[str, str] = {}
        if _filled(sample.transcript):
            found |= decode(sample.transcript, Transcript, f"{where}: transcript").content
        if _filled(sample.attachments):
            found |= decode(sample.attachments, dict[str, str], f"{where}: attachments")
        return found

    def _metadata(
        self, sample: Sample, metadata: dict[str, Any], data: bytes, where: str,
        more: dict[str, str],
    ) -> str | None:  # fmt: skip
        tools: Counter[str] = Counter()
        if _filled(sample.messages) and b'"tool_calls"' in data:
            for turn in decode(sample.messages, list[Turn], f"{where}: messages"):
                tools.update(str(c.function) for c in turn.tool_calls or [])
        said = {
            **self.about,
            "uuid": sample.uuid,
            "sandbox": _kind(sample.sandbox) or self.sandbox,
            "tools": dict(tools),
            "limit": sample.limit.type if sample.limit else None,
            "retries": len(sample.error_retries or []) or None,
            # Inspect scores a sample that failed only where it was told to.
            "error": sample.error.message[:2000] if sample.error else None,
            "sample": scalars(metadata),
            **more,
        }
        said = {k: v for k, v in said.items() if v not in _EMPTY}
        return encode(said) if said else None

    def _scores(self, sample: Sample) -> Iterator[tuple[str, Any]]:
        scores = sample.scores
        if not scores:
            # The oldest logs had one score without a name.
            name = self.declared[0] if self.declared else "score"
            scores = {name: sample.score} if sample.score is not None else {}
        for scorer, score in scores.items():
            if isinstance(score.value, dict):
                yield from ((f"{scorer}.{key}", value) for key, value in score.value.items())
            elif isinstance(score.value, list):
                yield from ((f"{scorer}.{i}", value) for i, value in enumerate(score.value))
            else:
                yield scorer, score.value


def _filled(raw: Raw) -> bool:
    """Whether it is there, and neither null nor empty."""
    return len(memoryview(raw)) > len("null")


def _why(sample: Sample) -> str:
    if sample.error is not None:
        return storable(sample.error.message[:2000]) or "failed without a message"
    if sample.output is not None and sample.output.error:
        return storable(sample.output.error[:2000])
    if sample.limit is not None:
        return f"no score was given (limit: {sample.limit.type})"
    return "no score was given"


def _input_tokens(usage: Any) -> int:
    cached = (usage.input_tokens_cache_read or 0) + (usage.input_tokens_cache_write or 0)
    return int((usage.input_tokens or 0) + cached)


def _completion(sample: Sample) -> str | None:
    output = sample.output
    if output is None:
        return None
    if output.completion is not None or not output.choices:
        return output.completion
    message = output.choices[0].message
    return None if message is None else _text(message.content)


def item_name(
    sample_id: Any, given: str | list[dict[str, Any]], choices: list[str] | None, target: Any
) -> str:
    """What an item is called: the sample's id, and a hash of what is shown."""
    return _named(sample_id, [_shown(given), choices, target])


def _named(sample_id: Any, content: list[Any]) -> str:
    return f"{sample_id}:{content_hash(content)[:16]}"


def _shown(given: str | list[dict[str, Any]]) -> Any:
    if isinstance(given, str):
        return given
    return [_message(m) for m in given]


def _asked(given: Any, choices: Any) -> str:
    """What the subject was asked, as text for people."""
    if isinstance(given, str):
        text = given
    elif len(given) == 1 and not given[0].get("parts"):
        text = given[0]["text"]
    else:
        text = "\n\n".join(
            f"{m['role'] or 'message'}: {m['text']}{' [not text]' if m.get('parts') else ''}"
            for m in given
        )
    options = [f"{chr(65 + i)}) {c}" for i, c in enumerate((choices or [])[:26])]
    return storable("\n".join([text, *([""] if options else []), *options]))


def _message(message: dict[str, Any]) -> dict[str, Any]:
    content = message.get("content")
    shown = {"role": message.get("role"), "text": _text(content)}
    parts = content if isinstance(content, list) else []
    others = [p for p in parts if isinstance(p, dict) and p.get("type") != "text"]
    if others:
        # Two pictures under the same words are two items.
        shown["parts"] = others
    return shown


def _text(content: Any) -> str:
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return ""
    texts = [p.get("text") for p in content if isinstance(p, dict) and p.get("type") == "text"]
    return "\n".join(t for t in texts if isinstance(t, str))


def _resolved(value: Any, attachments: dict[str, str]) -> Any:
    if isinstance(value, str):
        return _ATTACHMENT.sub(lambda m: attachments.get(m[1], m[0]), value)
    if isinstance(value, dict):
        return {k: _resolved(v, attachments) for k, v in value.items()}
    if isinstance(value, list):
        return [_resolved(v, attachments) for v in value]
    return value


def _model(value: Any) -> str | None:
    return label(value.get("model") if isinstance(value, dict) else value)


def _kind(sandbox: Any) -> str | None:
    if isinstance(sandbox, dict):
        return label(sandbox.get("type"))
    if isinstance(sandbox, list):
        return label(sandbox[0]) if sandbox else None
    return label(sandbox)
