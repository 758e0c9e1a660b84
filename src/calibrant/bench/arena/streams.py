"""What is put to whom? Streams of an arena: items to each subject, comparisons to each judge."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from calibrant.bench.arena.config import ArenaFile
from calibrant.bench.arena.rules import Item
from calibrant.bench.streams import Stream, _data_set, open_stream
from calibrant.bench.trial import Trial
from calibrant.errors import InputError
from calibrant.records.identity import content_hash

if TYPE_CHECKING:
    from inspect_ai import Task
    from inspect_ai.dataset import Sample

ENDLESS = 1 << 40
"""Items of a generator without end."""

JUDGE_TOKENS = 512


def open_items(arena: ArenaFile, base: Path) -> Stream:
    """The items of an arena, in their fixed order.

    Raises:
        InputError: if the instrument or the file of items is wrong.
    """
    if arena.instrument is not None:
        return open_stream(arena.instrument, arena.args, arena.seed, base)
    assert arena.items is not None
    return _from_lines(base / arena.items, arena.seed)


def _from_lines(path: Path, seed: int) -> Stream:
    from inspect_ai import Task
    from inspect_ai.dataset import Sample
    from inspect_ai.solver import generate

    try:
        text = path.read_bytes().decode("utf-8")
    except UnicodeDecodeError as e:
        raise InputError(f"{path}: not a text file (byte {e.start})") from e
    except OSError as e:
        raise InputError(f"{path}: cannot be read ({e.strerror})") from e
    samples = []
    seen: dict[str, int] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        given, target = _line(line, f"{path}: line {number}")
        if given in seen:
            raise InputError(f"{path}: line {number}: the same input as line {seen[given]}")
        seen[given] = number
        samples.append(Sample(input=given, target=target, id=f"{number:06d}"))
    if not samples:
        raise InputError(f"{path}: wanted at least one item, got none")
    task = Task(dataset=samples, solver=generate(), name=path.stem)
    return _data_set(path.stem, {}, task, seed)


def _line(line: str, where: str) -> tuple[str, str]:
    try:
        data = json.loads(line)
    except ValueError as e:
        raise InputError(f"{where}: not JSON ({e})") from e
    if not isinstance(data, dict):
        raise InputError(f"{where}: wanted an object, got {type(data).__name__}")
    given = data.get("input")
    if not isinstance(given, str) or not given.strip():
        raise InputError(f"{where}: input: wanted a text, got {given!r:.80}")
    target = data.get("target", "")
    if isinstance(target, bool) or not isinstance(target, str | int | float):
        raise InputError(f"{where}: target: wanted a text or a number, got {target!r:.80}")
    return given, str(target)


def answers_of(stream: Stream, name: str) -> Stream:
    """The items put to the subject `name`, under a key of its own in the journal."""

    def task() -> Task:
        from inspect_ai import task_with

        made = stream.task()
        return made if made.scorer else task_with(made, scorer=_done())

    return replace(stream, key=f"answers/{name}", task=task)


def item_at(stream: Stream, position: int) -> Item:
    """What a judge may know of an item."""
    sample = stream.sample(position)
    given: Any = sample.input
    if not isinstance(given, str):
        turns = [m.text if len(given) == 1 else f"{m.role}: {m.text}" for m in given]
        given = "\n".join(turns)
    if sample.choices:
        given += "\n" + "\n".join(f"{chr(65 + i)}) {c}" for i, c in enumerate(sample.choices))
    target = sample.target if isinstance(sample.target, str) else next(iter(sample.target), "")
    return Item(stream.item(position), given, target)


@dataclass(frozen=True)
class Shown:
    """One comparison as shown to a model judge.

    Attributes:
        id: unique in the run, whatever round it came in.
        prompt: the whole text.
    """

    id: str
    prompt: str


Read = Callable[[Any], Mapping[str, float]]
"""Numbers that a model's output tells besides its text, by name."""


def judging(key: str, shown: Sequence[Shown], read: Read | None = None) -> Stream:
    """What is put to a model judge, and the numbers its output tells (see `log_odds`)."""
    from inspect_ai.dataset import Sample

    def sample(position: int) -> Sample:
        return Sample(input=shown[position].prompt, id=shown[position].id)

    def task() -> Task:
        from inspect_ai import Task
        from inspect_ai.model import GenerateConfig
        from inspect_ai.solver import generate

        return Task(
            dataset=[sample(0)], solver=generate(), scorer=_done(read or log_odds),
            config=GenerateConfig(max_tokens=JUDGE_TOKENS, temperature=0.0),
        )  # fmt: skip

    return Stream(
        key=key, title="comparisons", size=len(shown), scores=("done",), task=task, sample=sample,
        item=lambda position: content_hash(shown[position].prompt),
    )  # fmt: skip


LOG_ODDS: dict[str, Any] = {
    "logprobs": True, "top_logprobs": 20, "max_tokens": 1, "temperature": 0.0
}  # fmt: skip
"""Options of a judge whose verdict is read from its first token's probabilities."""


def first_token(output: Any) -> dict[str, float]:
    """The log-probabilities of a model's likeliest first tokens, white space aside; empty if it
    tells none. Of one word with and without a space before it, the likelier stands for both."""
    logprobs = output.choices[0].logprobs if output.choices else None
    found: dict[str, float] = {}
    if logprobs is not None and logprobs.content:
        for top in logprobs.content[0].top_logprobs or []:
            word = top.token.strip()
            found[word] = max(found.get(word, -math.inf), float(top.logprob))
    return found


def log_odds(output: Any) -> dict[str, float]:
    """How much likelier (log-odds) a model's first token is 1 than 2; empty if that is not said."""
    found = first_token(output)
    return {"log_odds": found["1"] - found["2"]} if {"1", "2"} <= found.keys() else {}


def _done(read: Read = log_odds) -> Any:
    """A score for tasks without one, so that an answer is not taken for a failed trial; and what
    `read` finds in the model's output."""
    from inspect_ai.scorer import Score, Scorer, Target, mean, scorer
    from inspect_ai.solver import TaskState

    @scorer(metrics={"*": [mean()]})
    def done() -> Scorer:
        async def score(state: TaskState, target: Target) -> Score:  # noqa: ARG001
            return Score(value={"done": 1, **read(state.output)})

        return score

    return done()


class Taker:
    """Takes the first so many trials of a stream."""

    def __init__(self, many: int, finished: Callable[[Trial], None]) -> None:
        self.many, self.finished = many, finished
        self.trials: list[Trial] = []

    def take(self, trial: Trial) -> None:
        """Take the next trial."""
        self.trials.append(trial)

    def reach(self) -> int:
        """Where to stop starting."""
        return self.many

    def enough(self) -> bool:
        """Whether all came."""
        return len(self.trials) >= self.many

    def finished_out_of_order(self, trial: Trial) -> None:
        """Tell whoever watches."""
        self.finished(trial)
