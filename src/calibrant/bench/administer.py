"""How are items put to a subject and stopped in time? One instrument, through Inspect.

Items are fed one by one through Inspect's `SampleSource`, several in flight, but every trial is
handed on in the stream's fixed order and never in the order of arrival, so that slow answers
cannot bias a decision. Once nobody wants more, whatever is still in flight is cancelled.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import anyio

from calibrant.bench.folder import RunFolder
from calibrant.bench.streams import Stream
from calibrant.bench.trial import Trial, finished
from calibrant.errors import RunError, SubjectError

if TYPE_CHECKING:
    from inspect_ai.dataset import Sample
    from inspect_ai.log import EvalSample
    from inspect_ai.model import Model


class Taker(Protocol):
    """Whoever takes the trials, in order, and knows when there are enough."""

    def take(self, trial: Trial) -> None:
        """Take the next trial of the fixed order."""

    def reach(self) -> int:
        """Items at positions below this may be started; it never falls behind what was taken."""

    def enough(self) -> bool:
        """No further trial can change anything."""

    def finished_out_of_order(self, trial: Trial) -> None:
        """A trial finished; for display only."""


@dataclass(frozen=True)
class Subject:
    """Who is tested, and how it is called.

    Attributes:
        name: an Inspect model name.
        args: arguments of the model provider.
        generate: options of Inspect's GenerateConfig.
        max_connections: items in flight; None: what the provider suggests.
        price: dollars per million input and output tokens, where the provider names no cost.
    """

    name: str
    args: Mapping[str, Any] = field(default_factory=dict)
    generate: Mapping[str, Any] = field(default_factory=dict)
    max_connections: int | None = None
    price: tuple[float, float] | None = None


DEFAULT_GENERATE: dict[str, Any] = {"max_retries": 5, "timeout": 600, "attempt_timeout": 180}
"""A call that keeps failing ends as a failed trial after this; a run never hangs."""


def seed_for(seed: int, what: str) -> int:
    """A seed for one purpose, below 2³¹ as providers want it."""
    digest = hashlib.sha256(f"{seed}\0{what}".encode()).digest()
    return int.from_bytes(digest[:4], "big") >> 1


class _Feed:
    """Decides what to start next, and hands finished trials on in order."""

    def __init__(
        self,
        stream: Stream,
        folder: RunFolder,
        taker: Taker,
        in_flight: int,
        price: tuple[float, float] | None,
    ) -> None:
        self.stream, self.folder, self.taker = stream, folder, taker
        self.in_flight, self.price = in_flight, price
        self.started: dict[str, int] = {}
        self.ready: dict[int, Trial] = {}
        self.flying: set[int] = set()
        self.next_taken = 0
        self.next_start = 0
        self.failure: Exception | None = None
        self.stop = anyio.Event()

    def replay(self) -> None:
        """Hand on what an earlier session had finished."""
        for (key, position), trial in self.folder.trials.items():
            if key == self.stream.key:
                self.ready[position] = trial
        self._advance()

    def _advance(self) -> None:
        while not self.taker.enough() and self.next_taken in self.ready:
            trial = self.ready[self.next_taken]
            if trial.item != self.stream.item(self.next_taken):
                raise RunError(
                    f"{self.folder.path}: item {self.next_taken} of {self.stream.key} is not the "
                    "one this run began with; start a fresh run"
                )
            self.taker.take(trial)
            self.next_taken += 1
        if self.taker.enough():
            self.stop.set()

    def next_samples(self) -> list[Sample]:
        """Samples to start now."""
        if self.taker.enough():
            return []
        samples = []
        end = (
            self.taker.reach()
            if self.stream.size is None
            else min(self.taker.reach(), self.stream.size)
        )
        while len(self.flying) < self.in_flight and self.next_start < end:
            position, self.next_start = self.next_start, self.next_start + 1
            if position in self.ready:
                continue
            sample = self.stream.sample(position)
            self.started[str(sample.id)] = position
            self.flying.add(position)
            samples.append(sample)
        return samples

    def complete(self, sample: EvalSample) -> list[Sample]:
        """Take note of a finished sample, and say what to start in its place."""
        position = self.started[str(sample.id)]
        item = self.stream.item(position)
        return self._keep(finished(self.stream.key, position, item, sample, self.price))

    def abandon(self, sample: Sample) -> list[Sample]:
        """Take note of a sample that an operator cancelled before it began."""
        position = self.started[str(sample.id)]
        item = self.stream.item(position)
        return self._keep(Trial(self.stream.key, position, item, error="cancelled by the operator"))

    def _keep(self, trial: Trial) -> list[Sample]:
        self.flying.discard(trial.position)
        self.folder.record(trial)
        self.ready[trial.position] = trial
        self.taker.finished_out_of_order(trial)
        self._advance()
        return self.next_samples()

    def guarded(self, call: Callable[[], list[Sample]]) -> list[Sample]:
        """What `call` returns; if it raises, stop the run and keep the error for `administer`.

        Inspect would log an error of a callback and go on.
        """
        try:
            return call()
        except Exception as e:
            self.failure = e
            self.stop.set()
            return []


async def administer(stream: Stream, subject: Subject, folder: RunFolder, taker: Taker) -> None:
    """Put a stream's items to the subject until the taker has enough or the items end.

    Finished trials of earlier sessions, from the folder's journal, are not repeated. Cancelling
    the surrounding scope ends the run with everything finished kept.

    Raises:
        SubjectError: if the subject cannot be called at all.
        RunFolderError: if a trial cannot be kept.
        RunError: if Inspect gives up on the task, or the items are not those of the earlier
            sessions.
    """
    _quiet_inspect()
    # Leaving the model's context closes its connections.
    async with _model(subject) as model:
        in_flight = subject.max_connections or min(model.api.max_connections(), 64)
        feed = _Feed(stream, folder, taker, in_flight, subject.price)
        feed.replay()
        first = feed.next_samples()
        if first:
            await _run(feed, first, subject, model)


async def _run(feed: _Feed, first: list[Sample], subject: Subject, model: Model) -> None:
    """Run Inspect until the feed's taker has enough, then cancel what is in flight."""
    error: Exception | None = None
    async with anyio.create_task_group() as group:

        async def run() -> None:
            nonlocal error
            try:
                error = await _evaluate(feed, first, subject, model)
            except Exception as e:
                # Kept, to be raised as what it is and not as part of a group.
                error = e
            group.cancel_scope.cancel()

        group.start_soon(run)
        await feed.stop.wait()
        group.cancel_scope.cancel()
    if feed.failure is not None:
        raise feed.failure
    if error is not None and not feed.taker.enough():
        raise RunError(
            f"{feed.stream.key}: Inspect ended the task: {_first_line(error)}"
        ) from error


async def _evaluate(
    feed: _Feed, first: list[Sample], subject: Subject, model: Model
) -> Exception | None:
    """Run Inspect over the feed; return why it gave up, if it did."""
    from inspect_ai import SampleSource, eval_async, task_with

    async def more() -> list[Sample] | None:
        return feed.guarded(feed.next_samples) or None

    async def complete(sample: EvalSample) -> list[Sample] | None:
        return feed.guarded(lambda: feed.complete(sample))

    async def abandoned(sample: Sample, _: int) -> list[Sample] | None:
        return feed.guarded(lambda: feed.abandon(sample))

    source = SampleSource.from_samples(
        first, next_samples=more, sample_complete=complete, sample_abandoned=abandoned
    )
    task = task_with(feed.stream.task(), dataset=source, epochs=1, name=_log_name(feed.stream.key))
    logs = await eval_async(
        task,
        model=model,
        log_dir=str(feed.folder.path / "logs"),
        log_level="error",
        log_realtime=False,
        max_samples=feed.in_flight,
        fail_on_error=False,
        score_display=False,
        **{**DEFAULT_GENERATE, "max_connections": feed.in_flight, **subject.generate},
    )
    failed = next((log.error for log in logs if log.error is not None), None)
    return None if failed is None else RuntimeError(failed.message)


def _first_line(e: BaseException) -> str:
    return (str(e).strip() or type(e).__name__).splitlines()[0]


def _log_name(key: str) -> str:
    return "".join(c if c.isalnum() or c in "-_" else "-" for c in key)[:80]


def _model(subject: Subject) -> Model:
    from inspect_ai.model import get_model

    try:
        # A client kept from an earlier run would belong to an event loop that is gone.
        return get_model(subject.name, memoize=False, **dict(subject.args))
    except SubjectError:
        raise
    except Exception as e:
        # Providers raise what they like; a model that cannot be built is the subject's fault.
        raise SubjectError(f"subject {subject.name}: {_first_line(e)}") from e


def _quiet_inspect() -> None:
    """Keep Inspect from drawing its own display over ours."""
    os.environ.setdefault("INSPECT_DISPLAY", "none")
    from inspect_ai.util import display_type

    display_type()
