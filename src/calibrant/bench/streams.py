"""Which items, in which order? A stream is an instrument's items in one fixed, seeded order."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from copy import copy
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from calibrant._tasks import load_task
from calibrant.bench.trial import shown_to_subject
from calibrant.errors import InputError

if TYPE_CHECKING:
    from inspect_ai import Task
    from inspect_ai.dataset import Sample
    from inspect_ai.scorer import Scorer


FRESH = "calibrant/fresh"
"""The task over a file of made items: a data set, unlike the instruments that make their items."""


@dataclass(frozen=True)
class Stream:
    """An instrument ready to be administered item by item.

    Attributes:
        key: the instrument's name, with its arguments where it has any.
        title: what it measures, in words.
        size: number of items of a finite data set, or None for a generator without end.
        scores: names a claim may count, or None if they cannot be known before running.
        task: the Inspect task, whose data set is replaced.
        sample: the sample at a position; its id is unique in the stream.
        item: the content hash of the item at a position.
    """

    key: str
    title: str
    size: int | None
    scores: tuple[str, ...] | None
    task: Callable[[], Task]
    sample: Callable[[int], Sample]
    item: Callable[[int], str]
    calls: int = 1

    def expected_tokens(
        self, max_tokens: int | None = None, look_at: int = 20
    ) -> tuple[float, float]:
        """A guess at the input and output tokens of a trial: (from text length, upper bound).

        Args:
            max_tokens: a cap on a generation that replaces the task's own.
            look_at: items whose length is looked at.
        """
        from inspect_ai.model import GenerateConfig

        count = min(look_at, self.size or look_at)
        shown = [self.sample(i) for i in range(count)]
        characters = sum(
            len(s.input) if isinstance(s.input, str) else sum(len(m.text) for m in s.input)
            for s in shown
        )
        config: GenerateConfig = self.task().config
        # About four characters a token in English, and a few tokens of chat template.
        given = characters / count / 4 + 12
        return given * self.calls, float(max_tokens or config.max_tokens or 0) * self.calls


def open_stream(name: str, args: Mapping[str, Any], seed: int, base: Path) -> Stream:
    """Open an instrument by name.

    Args:
        name: `calibrant/NAME`, an installed Inspect task `package/task`, or `file.py@task`
            relative to `base`.
        args: arguments of the Inspect task.
        seed: fixes the items (generators) or their order (data sets).

    Raises:
        InputError: if there is no such instrument, it cannot be built, or it has no items.
    """
    if name == FRESH:
        # Its items stand in a file, whose place is told from where the suite is.
        file = {"items": str(base / str(args["items"]))} if "items" in args else {}
        return _data_set(name, args, load_task(name, {**args, **file}, base), seed)
    if name.startswith("calibrant/"):
        return _generator(name, args, seed)
    task = load_task(name, args, base)
    return _data_set(name, args, task, seed)


def stream_key(name: str, args: Mapping[str, Any]) -> str:
    """The key of an instrument's stream: its name, with its arguments where it has any."""
    given = ", ".join(f"{k}={args[k]!r}" for k in sorted(args))
    return f"{name}({given})" if given else name


def _generator(name: str, args: Mapping[str, Any], seed: int) -> Stream:
    from calibrant.instruments import load

    if args:
        raise InputError(f"instrument {name}: takes no args, got {sorted(args)[0]!r}")
    instrument = load(name.removeprefix("calibrant/"))
    return Stream(
        key=name,
        title=instrument.measures,
        size=None,
        scores=instrument.scores,
        task=instrument.task,
        sample=lambda i: instrument.sample(seed, i),
        item=lambda i: instrument.item(seed, i).hash,
        calls=instrument.asks,
    )


def _data_set(name: str, args: Mapping[str, Any], task: Task, seed: int) -> Stream:
    if task.sample_source is not None:
        raise InputError(f"instrument {name}: its data set is a SampleSource; wanted fixed samples")
    samples = list(task.dataset)
    if not samples:
        raise InputError(f"instrument {name}: the data set is empty")
    ids = [s.id for s in samples]
    own_ids = None not in ids and len(set(map(str, ids))) == len(ids)
    order = list(range(len(samples)))
    key = stream_key(name, args)
    random.Random(int(np.random.SeedSequence([seed, *key.encode()]).generate_state(1)[0])).shuffle(
        order
    )

    def sample(position: int) -> Sample:
        chosen = copy(samples[order[position]])
        chosen.id = str(chosen.id) if own_ids else f"{order[position] + 1:06d}"
        return chosen

    return Stream(
        key=key,
        title=task.name,
        size=len(samples),
        scores=_score_names(task.scorer),
        task=lambda: task,
        sample=sample,
        item=lambda position: shown_to_subject(samples[order[position]]),
    )


def _score_names(scorers: list[Scorer] | None) -> tuple[str, ...] | None:
    """Names of a task's scores; None if a scorer decides on its keys only when it runs."""
    from inspect_ai.util import registry_info

    names: list[str] = []
    for scorer in scorers or []:
        try:
            info = registry_info(scorer)
        except ValueError:
            return None
        metrics = info.metadata.get("metrics")
        several = isinstance(metrics, dict) or (
            isinstance(metrics, list) and any(isinstance(m, dict) for m in metrics)
        )
        if several:
            return None
        names.append(info.name.split("/")[-1])
    return tuple(names)
