"""What is an instrument, what is an item, and how is an item made from a seed and an index alone?

Nothing here touches Inspect except inside `Instrument.sample` and `Instrument.task`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from calibrant.errors import InputError

if TYPE_CHECKING:
    from inspect_ai import Task
    from inspect_ai.dataset import Sample

T = TypeVar("T")

# Part of every stream of random numbers: raise it when generators change on purpose.
GENERATION = 1


class Message(NamedTuple):
    """One turn of a conversation; `role` is `system`, `user` or `assistant`."""

    role: str
    content: str


class Draw:
    """Uniform random choices that are the same on every machine and Python version.

    The stream is SHA-256 of `key` and a counter, read as 64-bit words; the algorithms of the
    standard `random` module may change between versions, these may not.
    """

    def __init__(self, key: str) -> None:
        self._key = key.encode()
        self._count = 0
        self._words: list[int] = []

    def _word(self) -> int:
        if not self._words:
            block = hashlib.sha256(self._key + b"#" + str(self._count).encode()).digest()
            self._count += 1
            self._words = [int.from_bytes(block[i : i + 8], "big") for i in (24, 16, 8, 0)]
        return self._words.pop()

    def integer(self, low: int, high: int) -> int:
        """Return an integer in `low`..`high`, both included, each equally likely."""
        span = high - low + 1
        if not 0 < span <= 1 << 63:
            raise ValueError(f"no integers to draw from {low}..{high}")
        limit = (1 << 64) // span * span
        word = self._word()
        while word >= limit:
            word = self._word()
        return low + word % span

    def choice(self, options: Sequence[T]) -> T:
        """Return one of `options`, each equally likely."""
        return options[self.integer(0, len(options) - 1)]

    def sample(self, options: Sequence[T], count: int) -> list[T]:
        """Return `count` different members of `options` in random order."""
        pool = list(options)
        return [pool.pop(self.integer(0, len(pool) - 1)) for _ in range(count)]

    def shuffled(self, options: Sequence[T]) -> list[T]:
        """Return `options` in random order."""
        return self.sample(options, len(options))

    def letters(self, alphabet: str, count: int) -> str:
        """Return `count` characters drawn from `alphabet` with replacement."""
        return "".join(self.choice(alphabet) for _ in range(count))


class Made(NamedTuple):
    """What a family's generator returns: see `Item` for the meaning of each part."""

    variant: str
    conversations: tuple[tuple[Message, ...], ...]
    target: str
    details: dict[str, Any]


@dataclass(frozen=True)
class Item:
    """One question or scenario, as a pure function of (instrument, seed, index).

    `conversations` holds what is shown, one tuple of messages per fresh conversation (one, or two
    where an item is asked twice). `target` is the right answer, or what must not appear.
    `details` is JSON-compatible and holds what else the scoring rule reads.
    """

    instrument: str
    family: str
    variant: str
    conversations: tuple[tuple[Message, ...], ...]
    target: str
    details: dict[str, Any] = field(hash=False)

    @property
    def messages(self) -> tuple[Message, ...]:
        """The first conversation."""
        return self.conversations[0]

    @property
    def prompt(self) -> str:
        """Everything shown, as one text for people to read."""
        talks = ("\n".join(f"[{m.role}] {m.content}" for m in talk) for talk in self.conversations)
        return "\n\n".join(talks)

    @property
    def hash(self) -> str:
        """SHA-256 (64 hex digits) of the canonical JSON of everything shown and the target."""
        shown = [[list(message) for message in talk] for talk in self.conversations]
        content = {"instrument": self.instrument, "shown": shown, "target": self.target}
        text = json.dumps(content, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True)
class Grade:
    """What a scoring rule says of one item: `value` is 1.0 or 0.0, `outcome` one word of why."""

    value: float
    answer: str
    outcome: str
    explanation: str
    metadata: dict[str, Any] = field(default_factory=dict, hash=False)


Maker = Callable[[Draw], Made]
Grader = Callable[[str, Mapping[str, Any], Sequence[str]], dict[str, Grade]]


@dataclass(frozen=True)
class Touch:
    """An area of the taxonomy `ai-safety-2025` that an instrument touches.

    `weight`, above 0 and at most 1, is how much of the area's question it answers, and `why` says
    which part.
    """

    area: str
    weight: float
    why: str


@dataclass(frozen=True)
class Instrument:
    """A task that can be administered and scored, with as many fresh items as needed.

    `measures` says in one sentence what a score of 1 means. `scores` are the names a claim may
    use. `asks` is how many fresh conversations one item takes. `max_output_tokens` is the default
    cap of each answer. `areas` are the areas of the expert survey's taxonomy that it touches.
    """

    name: str
    title: str
    measures: str
    scores: tuple[str, ...]
    max_output_tokens: int
    asks: int
    makers: Mapping[str, Maker] = field(repr=False, compare=False)
    grader: Grader = field(repr=False, compare=False)
    areas: tuple[Touch, ...] = field(default=(), repr=False, compare=False)

    @property
    def families(self) -> tuple[str, ...]:
        """The template families; each item belongs to one, drawn uniformly at random."""
        return tuple(self.makers)

    def item(self, seed: int, index: int) -> Item:
        """Return item `index` (0 or more) of the stream `seed` (any integer).

        Items of one stream are independent draws from the same generator; streams of different
        seeds, and of different instruments with one seed, are independent of each other.
        Raises InputError if `seed` or `index` is not such an integer.
        """
        for name, value in (("seed", seed), ("index", index)):
            if isinstance(value, bool) or not hasattr(value, "__index__"):
                raise InputError(f"{self.name}: {name} must be an integer, got {value!r}")
        seed, index = int(seed), int(index)
        if index < 0:
            raise InputError(f"{self.name}: index must be 0 or more, got {index}")
        draw = Draw(f"calibrant/{GENERATION}/{self.name}/{seed}/{index}")
        family = draw.choice(self.families)
        return Item(self.name, family, *self.makers[family](draw))

    def grade(
        self, target: str, details: Mapping[str, Any], answers: Sequence[str]
    ) -> dict[str, Grade]:
        """Return a grade per score name for the `answers` to one item, one per conversation.

        A pure function of text: any answer, empty, enormous or malformed, gets a grade.
        Raises InputError if the number of answers is not `asks`.
        """
        if len(answers) != self.asks:
            raise InputError(
                f"{self.name}: wanted {self.asks} answer{'s' * (self.asks > 1)} to an item,"
                f" got {len(answers)} (was it run with another solver?)"
            )
        return self.grader(target, details, answers)

    def sample(self, seed: int, index: int) -> Sample:
        """Return the item as an Inspect sample; its id is the index and the start of the hash."""
        from calibrant.instruments.tasks import to_sample

        return to_sample(self.item(seed, index), seed, index)

    def task(self, items: int = 100, seed: int = 0) -> Task:
        """Return the Inspect task (solver, scorer, token cap) over the first `items` of `seed`."""
        from calibrant.instruments.tasks import to_task

        return to_task(self, items, seed)
