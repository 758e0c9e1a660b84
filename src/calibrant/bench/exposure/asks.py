"""What is put to the subject, and what do its answers amount to?"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from calibrant.bench.exposure.alike import peak, rouge, run, start, words
from calibrant.contamination.items import Item
from calibrant.errors import InputError
from calibrant.records.identity import content_hash

Method = Literal["completion", "options", "order", "peaked"]

SCORES: dict[str, tuple[str, ...]] = {
    "completion": ("rouge", "run", "start"),
    "options": ("exact", "rouge"),
    "order": ("gain",),
    "peaked": ("peak",),
}
"""Of each method what an item's value may be; the first unless said otherwise."""

LEAST = 4
"""Words that each part of an item must have to be completed."""


@dataclass(frozen=True)
class Settings:
    """How the subject is asked.

    Attributes:
        benchmark: named in the prompt of a completion ("GSM8K, test split"); None to name none.
        plain: give a base model the first part alone, without any instruction.
        part: of an item that is completed: its question, or question and answer.
        orders: random orders of options besides the published one.
        samples: answers at temperature 1 besides the greedy one.
        share: of an item's text that is given as its first part.
        near: of the greedy answer's words that may differ in a sample that is nearly it.
        seed: of what is drawn: orders, masked options.
    """

    benchmark: str | None = None
    plain: bool = False
    part: Literal["question", "both"] = "question"
    orders: int = 7
    samples: int = 20
    share: float = 0.5
    near: float = 0.05
    seed: int = 0


@dataclass(frozen=True)
class Ask:
    """One prompt.

    Attributes:
        item: number of the item, from 0.
        kind: what it is: "guided", "general", "masked", "greedy", or the number of an order or
            sample.
        prompt: what is put.
        wanted: what an exposed subject might say.
        options: as they are shown.
    """

    item: int
    kind: str
    prompt: str
    wanted: str = ""
    options: tuple[str, ...] = ()
    words: int = field(default=64)

    @property
    def id(self) -> str:
        """Unique in a run."""
        return f"{self.item:06d}-{self.kind}"


def plan(
    method: Method, items: Sequence[Item], settings: Settings
) -> tuple[list[Ask], dict[int, str]]:
    """What is put, item by item, and why items are left out.

    What is drawn for an item depends on the seed and on what the item says, so that more items or
    fewer change nothing.
    """
    asks: list[Ask] = []
    left_out: dict[int, str] = {}
    make = {"completion": _completion, "options": _masked, "order": _orders, "peaked": _samples}
    for number, item in enumerate(items):
        seed = content_hash({"item": item.question, "options": list(item.choices)})
        rng = np.random.default_rng([settings.seed, int(seed[:12], 16)])
        try:
            asks += make[method](number, item, settings, rng)
        except InputError as e:
            left_out[number] = str(e)
    return asks, left_out


def _completion(number: int, item: Item, settings: Settings, _: np.random.Generator) -> list[Ask]:
    text = item.question
    if settings.part == "both" and item.answer:
        text = f"{item.question}\n{item.answer}"
    first, second = cut(text, settings.share)
    if min(len(words(first)), len(words(second))) < LEAST:
        raise InputError(f"too short to be completed (wanted {2 * LEAST} words or more)")
    long = len(words(second))
    if settings.plain:
        return [Ask(number, "plain", first, second, words=long)]
    general = (
        "Below is the first part of a text. Write the second part, as you think that it goes on. "
        f"Write nothing but the second part.\n\nFirst part:\n{first}\n\nSecond part:"
    )
    found = [Ask(number, "general", general, second, words=long)]
    if settings.benchmark is not None:
        guided = (
            f"Below is the first part of an item of {settings.benchmark}. Write the second part, "
            "word for word as it stands there. Write nothing but the second part.\n\n"
            f"First part:\n{first}\n\nSecond part:"
        )
        found.append(Ask(number, "guided", guided, second, words=long))
    return found


def cut(text: str, share: float) -> tuple[str, str]:
    """A text in two, between words, the first with about this share of the characters."""
    places = [m.start() for m in re.finditer(r"(?<=\S)\s+(?=\S)", text)]
    # A script without spaces is cut between characters.
    if 3 * len(places) + 3 < len(words(text)):
        places = list(range(1, len(text)))
    if not places:
        return text, ""
    at = min(places, key=lambda place: abs(place - share * len(text)))
    return text[:at], text[at:].lstrip()


def _masked(number: int, item: Item, _: Settings, rng: np.random.Generator) -> list[Ask]:
    right = right_choice(item)
    wrong = [i for i in range(len(item.choices)) if i != right]
    if len(item.choices) < 3:
        raise InputError("has fewer than 3 options, and one is masked")
    hidden = int(rng.choice(wrong))
    shown = [("[MASK]" if i == hidden else c) for i, c in enumerate(item.choices)]
    prompt = (
        "One of the options of this question is masked. Write what stands in its place, word for "
        f"word, and nothing else.\n\n{item.question}\n{_lettered(shown)}\n\n"
        f"Option {chr(65 + hidden)}:"
    )
    return [Ask(number, "masked", prompt, item.choices[hidden], tuple(shown))]


def _orders(number: int, item: Item, settings: Settings, rng: np.random.Generator) -> list[Ask]:
    right = right_choice(item)
    if len(set(item.choices)) < 2:
        raise InputError("has fewer than 2 different options")
    many = len(item.choices)
    every = _permutations(many, settings.orders, rng)
    asks = []
    for place, order in enumerate([tuple(range(many)), *every]):
        shown = tuple(item.choices[i] for i in order)
        prompt = (
            f"{item.question}\n{_lettered(shown)}\n\nAnswer with the letter of the right option, "
            "and nothing else."
        )
        letter = chr(65 + order.index(right))
        asks.append(Ask(number, f"{place:03d}", prompt, letter, shown, words=4))
    # A provider may drift while it is asked: no order is always asked first.
    return [asks[i] for i in rng.permutation(len(asks))]


def _permutations(many: int, wanted: int, rng: np.random.Generator) -> list[tuple[int, ...]]:
    """Different random orders other than the published one; as many as there are, if too few."""
    there = 1
    for k in range(2, min(many, 12) + 1):
        there *= k
    found: dict[tuple[int, ...], None] = {}
    published = tuple(range(many))
    while len(found) < min(wanted, there - 1):
        order = tuple(int(i) for i in rng.permutation(many))
        if order != published:
            found[order] = None
    return list(found)


def _samples(number: int, item: Item, settings: Settings, _: np.random.Generator) -> list[Ask]:
    if not item.question.strip():
        raise InputError("has no question")
    options = f"\n{_lettered(item.choices)}" if item.choices else ""
    prompt = item.question + options
    kinds = ["greedy", *(f"{k:03d}" for k in range(settings.samples))]
    return [Ask(number, kind, prompt, words=256) for kind in kinds]


def right_choice(item: Item) -> int:
    """Which option is right: by its text, its letter, or its number from 0.

    Raises:
        InputError: if it is none of them.
    """
    answer = item.answer.strip()
    if item.choices.count(answer) == 1:
        return item.choices.index(answer)
    if len(answer) == 1 and 0 <= ord(answer.upper()) - 65 < len(item.choices):
        return ord(answer.upper()) - 65
    if answer.isdecimal() and int(answer) < len(item.choices):
        return int(answer)
    raise InputError("its answer is none of its options, by text, letter or number from 0")


def _lettered(choices: Sequence[str]) -> str:
    return "\n".join(f"{chr(65 + i)}. {c}" for i, c in enumerate(choices))


def value_of(
    method: Method, score: str, settings: Settings, said: Mapping[str, str], asks: Mapping[str, Ask]
) -> dict[str, Any]:
    """What the answers to one item amount to.

    Args:
        said: answers by kind, all of them there.
        asks: what was put, by kind.

    Returns:
        `value`, larger for more that looks like memory, and what else is known.
    """
    if method == "completion":
        scored = {kind: _likeness(asks[kind].wanted, text) for kind, text in said.items()}
        main = "guided" if "guided" in said else next(iter(said))
        return {
            "value": scored[main][score], **scored[main],
            "general": scored["general"][score] if "guided" in said else None,
        }  # fmt: skip
    if method == "options":
        wanted, text = asks["masked"].wanted, said["masked"]
        got = words(re.sub(r"^\s*\(?[A-Z][).:]\s+", "", text))
        found = {"exact": float(words(wanted) == got), "rouge": rouge(words(wanted), got)}
        return {"value": found[score], **found}
    if method == "order":
        right = {kind: float(chosen(text, asks[kind]) == asks[kind].wanted)
                 for kind, text in said.items()}  # fmt: skip
        row = [right[kind] for kind in sorted(right)]
        others = float(np.mean(row[1:]))
        return {"value": row[0] - others, "published": row[0], "others": others,
                "row": row}  # fmt: skip
    samples = [text for kind, text in said.items() if kind != "greedy"]
    return {"value": peak(said["greedy"], samples, share=settings.near)}


def _likeness(wanted: str, text: str) -> dict[str, float]:
    given, got = words(wanted), words(text)
    return {
        "rouge": rouge(given, got),
        "run": run(given, got) / len(given),
        "start": start(given, got) / len(given),
    }


def chosen(text: str, ask: Ask) -> str:
    """The letter that an answer means; empty if none."""
    letters = "".join(chr(65 + i) for i in range(len(ask.options)))
    for shape in (rf"(?<!\w)([{letters}])(?=\s*(?:$|[).:,;*\n]))",
                  rf"(?i:answer|option|choice)(?: is)?:? *\(?([{letters}])(?!\w)"):  # fmt: skip
        if found := re.search(shape, text):
            return found[1]
    alike = [i for i, option in enumerate(ask.options) if words(option) == words(text) != []]
    return chr(65 + alike[0]) if len(alike) == 1 else ""
