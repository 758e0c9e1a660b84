"""Which random draw belongs to which trial: a seed from what is asked, never from who came first.

Inspect gives every request of an evaluation the same `seed`. Were that seed used as it is, two
items with one prompt, and the epochs of one item, would get one and the same answer, and a test
that takes them for independent trials would be far too sure. The draw therefore also depends on
the sample, its epoch, and how many times that sample has asked the very same thing before. None of
these depends on the order in which requests arrive.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import cache

from inspect_ai.hooks import Hooks, SampleAttemptStart, hooks
from inspect_ai.model import ChatMessage

from calibrant._text import storable


@dataclass
class _Sample:
    id: str
    epoch: int
    target: str = ""
    asked: Counter[bytes] = field(default_factory=Counter)


_SAMPLE: ContextVar[_Sample | None] = ContextVar("calibrant_sample", default=None)
_ALONE: Counter[bytes] = Counter()


@cache
def watch_samples() -> None:
    """Have Inspect say which sample and epoch is running; once per process.

    Called when a subject is built, not on import: Inspect announces on stdout every hook that is
    there when it starts.
    """

    class _Watch(Hooks):
        async def on_sample_attempt_start(self, data: SampleAttemptStart) -> None:
            # Inspect awaits this in the sample's own task, so whatever the sample starts sees it.
            target = data.summary.target
            target = target if isinstance(target, str) else next(iter(target), "")
            _SAMPLE.set(_Sample(str(data.summary.id), data.summary.epoch, target))

    hooks("calibrant_trials", "tells calibrant's subjects which sample and epoch is running")(
        _Watch
    )


def draw(seed: int | None, messages: list[ChatMessage], subject: str) -> bytes:
    """Return 32 bytes that decide every random choice of one answer.

    Within an evaluation: a hash of the seed (none counts as 0), sample id, epoch, the number of
    times the sample has asked this before, the messages and the subject. Outside one: with a seed,
    of seed, messages and subject, so that the same call gives the same answer; without one, the
    number of times this process has asked it before is mixed in, so that repeats differ.
    """
    asked = [[message.role, storable(message.text)] for message in messages]
    base = _digest([subject, seed or 0, asked])
    sample = _SAMPLE.get()
    if sample is None:
        repeat = 0 if seed is not None else _next(_ALONE, base)
        return _digest([base.hex(), repeat])
    return _digest([base.hex(), _next(sample.asked, base), sample.id, sample.epoch])


def target() -> str:
    """Return the first target of the sample that is running; empty outside an evaluation."""
    sample = _SAMPLE.get()
    return "" if sample is None else sample.target


def sample_id() -> str:
    """Return the id of the sample that is running; empty outside an evaluation."""
    sample = _SAMPLE.get()
    return "" if sample is None else sample.id


def _next(counter: Counter[bytes], key: bytes) -> int:
    counter[key] += 1
    return counter[key] - 1


def _digest(value: object) -> bytes:
    return hashlib.sha256(json.dumps(value, ensure_ascii=True).encode("ascii")).digest()
