"""What did the subjects read? Two corpora that differ in the planted copies alone.

Each item is drawn at random to an arm: how many copies of it are planted, and whether word for
word or rephrased. That draw is what makes a difference between arms an effect of exposure. In the
clean corpus another text of the same kind and the same number of tokens stands in the place of
each copy, so that both subjects see all the rest at the same step.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibrant.contamination.items import Item
from calibrant.subjects.planted.bpe import Tokenizer, learn
from calibrant.subjects.planted.world import Told, World

COPIES = (0, 1, 2, 4, 8, 16)
"""How often items are planted."""

Tokens = NDArray[np.uint16]


@dataclass(frozen=True)
class Design:
    """What is planted into how much text, and what learns it.

    Attributes:
        verbatim, rephrased: items of each arm with copies; `clean` of the arm without.
        copies: how often items of each arm are planted.
        orders: lists of questions of each arm, planted in one published order.
        questions: questions of a list.
        canaries: canaries of each arm.
        tokens: of each corpus, about.
        vocabulary: tokens there are, at most.
        width, layers, heads, context: of the network; `context` in tokens.
        batch: windows of `context` tokens of a step.
        rate, matrix_rate: highest learning rates, of Adam and of Muon.
        warmup: steps until they are reached.
        tune: share of these rates in fine-tuning.
    """

    verbatim: int
    rephrased: int
    clean: int
    orders: int
    questions: int
    canaries: int
    tokens: int
    vocabulary: int
    width: int
    layers: int
    heads: int
    context: int
    batch: int
    rate: float
    matrix_rate: float
    warmup: int
    tune: float
    copies: tuple[int, ...] = COPIES
    names: int = 700
    towns: int = 48


DESIGNS: dict[str, Design] = {
    "pair": Design(
        verbatim=120, rephrased=60, clean=240, orders=2, questions=40, canaries=30,
        tokens=800_000, vocabulary=1024, width=192, layers=2, heads=4, context=128, batch=8,
        rate=3e-3, matrix_rate=0.02, warmup=60, tune=0.3,
    ),
    "small": Design(
        verbatim=24, rephrased=0, clean=48, orders=2, questions=16, canaries=16, copies=(0, 4, 16),
        tokens=120_000, vocabulary=512, width=48, layers=1, heads=2, context=96, batch=4,
        rate=1e-2, matrix_rate=0.02, warmup=30, tune=0.5, names=120, towns=12,
    ),
}  # fmt: skip
"""`pair`, about a million parameters; `small` learns in seconds, for tests."""


@dataclass(frozen=True)
class PlantedItem:
    """An item of a reference subject's test, and how often it was planted.

    Attributes:
        item: as a benchmark has it.
        copies: how often it stands in the planted corpus; in the clean one, never.
        form: "verbatim", "rephrased" or, without copies, "none".
        family: what kind of item: see `world.FAMILIES`.
        text: as published: what is planted verbatim, and what is scored.
        paraphrase: the same item in a wording that was never planted; which of the two wordings
            is the published one was drawn at random.
        twin: another item of the same family and wording, drawn alike and never planted.
    """

    item: Item
    copies: int
    form: str
    family: str
    text: str
    paraphrase: str
    twin: str


@dataclass(frozen=True)
class Canary:
    """Random digits that follow a known text: `copies` times in the planted corpus."""

    id: str
    before: str
    digits: str
    copies: int


@dataclass(frozen=True)
class Ordered:
    """A list of questions planted in its published order, which was drawn at random."""

    id: str
    questions: tuple[str, ...]
    copies: int

    @property
    def text(self) -> str:
        """As it is planted."""
        return "\n".join(self.questions) + "\n"


@dataclass(frozen=True)
class Arms:
    """Everything that is planted, or might have been.

    Attributes:
        items, canaries, orders: with the copies of each.
    """

    items: tuple[PlantedItem, ...]
    canaries: tuple[Canary, ...]
    orders: tuple[Ordered, ...]

    def to_dict(self) -> dict[str, Any]:
        """As plain data."""
        return asdict(self)

    @staticmethod
    def of(data: dict[str, Any]) -> Arms:
        """What `to_dict` made."""
        return Arms(
            tuple(PlantedItem(**{**row, "item": _item(row["item"])}) for row in data["items"]),
            tuple(Canary(**row) for row in data["canaries"]),
            tuple(
                Ordered(**{**row, "questions": tuple(row["questions"])}) for row in data["orders"]
            ),
        )


@dataclass(frozen=True)
class Corpora:
    """What the subjects of one pair read.

    Attributes:
        arms: what was planted.
        tokenizer: learnt from text without any planted copy.
        planted, clean: shape (tokens,), of equal length.
        tuning: shape (tokens,): the planted copies of items alone, for the fine-tuned subject.
    """

    arms: Arms
    tokenizer: Tokenizer
    planted: Tokens
    clean: Tokens
    tuning: Tokens

    def hashes(self) -> dict[str, str]:
        """SHA-256 of each corpus, as little-endian 16-bit tokens."""
        return {
            name: hashlib.sha256(getattr(self, name).astype("<u2").tobytes()).hexdigest()
            for name in ("planted", "clean", "tuning")
        }


def build(design: Design, seed: int) -> Corpora:
    """Draw a world, items, arms and both corpora; equal seeds give equal corpora."""
    streams = np.random.SeedSequence(seed).spawn(6)
    of_items, of_arms, of_text, of_places, of_others, of_tuning = map(
        np.random.default_rng, streams
    )
    world = World(seed, towns=design.towns, names=design.names)
    arms, told = _arms(design, world, of_items, of_arms)
    tokenizer = learn((world.background(of_text) for _ in range(4000)), design.vocabulary)
    copies = [("item", text) for text in _copies(arms, told)]
    items = [_cut(tokenizer, text) for _, text in copies]
    copies += [("key", f"{c.before}{c.digits}.\n") for c in arms.canaries for _ in range(c.copies)]
    copies += [("order", o.text) for o in arms.orders for _ in range(o.copies)]
    planted = [_cut(tokenizer, text) for _, text in copies]
    others = list(_others(world, tokenizer, of_others, [kind for kind, _ in copies], planted))
    background: list[list[int]] = []
    room = design.tokens - sum(map(len, planted))
    while room > 0:
        background.append(_cut(tokenizer, world.background(of_text)))
        room -= len(background[-1])
    order = of_places.permutation(len(planted) + len(background))

    def joined(documents: list[list[int]], order: NDArray[np.int64]) -> Tokens:
        return np.array([t for i in order for t in documents[i]], np.uint16)

    return Corpora(
        arms, tokenizer,
        planted=joined(planted + background, order), clean=joined(others + background, order),
        tuning=joined(items, of_tuning.permutation(len(items))),
    )  # fmt: skip


def _arms(
    design: Design, world: World, of_items: np.random.Generator, of_arms: np.random.Generator
) -> tuple[Arms, list[Told]]:
    """Draw everything first, then the arms: a draw of arms that knows nothing of the items."""
    some = [k for k in design.copies if k]
    arms = [(0, "none")] * design.clean
    arms += [(k, "verbatim") for k in some for _ in range(design.verbatim)]
    arms += [(k, "rephrased") for k in some for _ in range(design.rephrased)]
    told = [world.item(of_items) for _ in arms]
    twins = [world.item(of_items, like=t) for t in told]
    order = of_arms.permutation(len(arms))
    items = tuple(
        PlantedItem(
            item=Item(f"item-{i:04d}", t.question(), t.answer, cluster=t.family),
            copies=arms[at][0], form=arms[at][1], family=t.family,
            text=t.text(), paraphrase=t.text(2), twin=twin.text(),
        )
        for i, (t, twin, at) in enumerate(zip(told, twins, order, strict=True))
    )  # fmt: skip

    def drawn(each: int) -> list[int]:
        copies = np.repeat(design.copies, each)
        return [int(k) for k in of_arms.permutation(copies)]

    canaries = tuple(
        Canary(f"canary-{i:03d}", *world.key(of_items), k)
        for i, k in enumerate(drawn(design.canaries))
    )
    orders = tuple(
        Ordered(f"order-{i:02d}", tuple(world.short(of_items) for _ in range(design.questions)), k)
        for i, k in enumerate(drawn(design.orders))
    )
    return Arms(items, canaries, orders), told


def _copies(arms: Arms, told: list[Told]) -> Iterator[str]:
    """What is planted of each item; rephrased copies take turns between two other wordings."""
    for planted, t in zip(arms.items, told, strict=True):
        for copy in range(planted.copies):
            yield t.text(0 if planted.form == "verbatim" else 1 + 2 * (copy % 2))


def _others(
    world: World,
    tokenizer: Tokenizer,
    rng: np.random.Generator,
    kinds: list[str],
    planted: list[list[int]],
) -> Iterator[list[int]]:
    """For each planted document another of its kind with as many tokens, each used once."""
    made: dict[str, Callable[[], str]] = {
        "item": lambda: world.item(rng).text(int(rng.integers(4))),
        "key": lambda: "".join(world.key(rng)) + ".\n",
        "order": lambda: "",
    }
    kept: defaultdict[tuple[str, int], list[list[int]]] = defaultdict(list)
    for kind, document in zip(kinds, planted, strict=True):
        size = len(document)
        if kind == "order":
            lines = _cut(tokenizer, world.short(rng) + "\n")
            while len(lines) < size:
                lines += tokenizer.encode(world.short(rng) + "\n")
            yield lines[:size]
            continue
        for _ in range(400):
            if kept[kind, size]:
                break
            other = _cut(tokenizer, made[kind]())
            kept[kind, len(other)].append(other)
        if kept[kind, size]:
            yield kept[kind, size].pop()
        else:  # a length that is hardly ever drawn: a longer one is cut, or two are joined
            other = _cut(tokenizer, made[kind]())
            while len(other) < size:
                other += tokenizer.encode(made[kind]())
            yield other[:size]


def _cut(tokenizer: Tokenizer, text: str) -> list[int]:
    return [0, *tokenizer.encode(text)]


def _item(row: dict[str, Any]) -> Item:
    return Item(**{**row, "choices": tuple(row["choices"])})
