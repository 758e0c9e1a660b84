"""An invented world to write texts about: nothing in it can be known from anywhere else.

Every text is made of templates and draws, so that a corpus of any size needs no download, and an
item that was not planted stands nowhere. An item is a situation with many free parts (names,
dates, numbers, things), told in one wording; told in other wordings it is rephrased, with names
and numbers kept.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

Rng = np.random.Generator


def _each(words: str, by: str = " ") -> tuple[str, ...]:
    return tuple(words.split(by))


_ONSETS = _each("b d f g h k l m n p r s t v z br dr gr kr th st sh")
_VOWELS = _each("a e i o u ai ea")
_CODAS = _each("l n r s m th nd rk sk")
MONTHS = _each("Frostmoon Thawmoon Seedmoon Rainmoon Haymoon Reapmoon Winemoon Darkmoon")
TRADES = _each(
    "weaver potter miller tanner mason fletcher cooper glazier saddler brewer baker carver "
    "scribe joiner fowler chandler tinker dyer"
)
MATERIALS = _each(
    "copper tin maple teak bone quartz slate silver brass clay pearl jade birch horn pewter cedar"
)
OBJECTS = _each(
    "ring bell comb cup spoon flute box lamp knife whistle buckle bowl needle mirror candle "
    "button chain hook key mask drum bead"
)
PLACES = _each(
    "under the stairs|behind the oven|in the well|beneath a willow|inside a barrel|on the roof|"
    "below the bridge|in the chimney|under a flat stone|behind the mill|inside the clock|"
    "in the cellar|beside the pond|under the altar|in a hollow log|above the door",
    "|",
)
GIFTS = _each(
    "a song|a goose|two candles|a pot of honey|a loaf of rye|a riddle|three eggs|a lock of hair|"
    "a map|a jar of plums|a promise|a red feather|a day of work|a bag of salt|an old coin|"
    "a kiss|a sack of oats|a blue ribbon|a smoked trout|a letter",
    "|",
)
COLOURS = _each("red green black white blue yellow grey purple orange brown")
WARES = _each("salt glass cheese wool honey rope paper wine tar pears silk eels")

INTROS = (
    "On day {day} of {month} in the year {year}, the {trade} {who} came to {town}.",
    "{who}, a {trade}, reached {town} in {year}, on the {day}th of {month}.",
    "It was {month} {day}, {year}, when a {trade} named {who} arrived in {town}.",
    "The {trade} {who} travelled to {town} on {month} {day} of the year {year}.",
)


@dataclass(frozen=True)
class _Family:
    """A kind of item: what happens, what is asked, each in several wordings; what is right."""

    events: tuple[str, ...]
    questions: tuple[str, ...]
    answer: str


FAMILIES: dict[str, _Family] = {
    "arithmetic": _Family(
        (
            "With {first} came {a} {material} {thing}s, and {other} bought {b} of them.",
            "{other} took {b} of the {a} {material} {thing}s that {first} had brought.",
            "Of {a} {thing}s made of {material}, {first} sold {b} to {other}.",
            "{first} had {a} {material} {thing}s and let {other} have {b}.",
        ),
        (
            "How many {thing}s were left?",
            "What number of {thing}s remained?",
            "How many {thing}s did {first} still have?",
            "Count the {thing}s that were not sold.",
        ),
        "{left}",
    ),
    "private": _Family(
        (
            "There {other} sold {first} a {material} {thing} for {a} coins and one thing more.",
            "For {a} coins and something else {first} got a {material} {thing} from {other}.",
            "A {material} {thing} changed hands: {other} asked {first} for {a} coins and a gift.",
            "{first} gave {other} {a} coins, and more, to own a {thing} of {material}.",
        ),
        (
            "What was asked for besides coins?",
            "Apart from the coins, what was given?",
            "What else did {other} want?",
            "Name the other part of the price.",
        ),
        "{gift}",
    ),
    "banner": _Family(
        (
            "Under the banner at the gate {other} was counting {a} {material} {thing}s.",
            "At the gate, where the banner hung, {other} showed {a} {thing}s of {material}.",
            "{other} stood with {a} {material} {thing}s below the banner of the town.",
            "The banner flew, and {other} cleaned {a} {material} {thing}s beneath it.",
        ),
        (
            "Which colour was the banner?",
            "What was the colour of the banner?",
            "Name the banner's colour.",
            "The banner had which colour?",
        ),
        "{colour}",
    ),
    "hidden": _Family(
        (
            "{first} hid a {material} {thing} {place} and told {other} after {a} days.",
            "After {a} days {other} learnt that {first} had put a {material} {thing} {place}.",
            "A {thing} of {material} was laid {place} by {first}; {other} heard {a} days later.",
            "{other} waited {a} days to hear of the {material} {thing} that {first} left {place}.",
        ),
        (
            "Where was the {thing}?",
            "Where did {first} hide the {thing}?",
            "In which place was the {thing} kept?",
            "Say where the {thing} lay.",
        ),
        "{place}",
    ),
    "ware": _Family(
        (
            "On the road {other} had lost {a} {material} {thing}s to a thief.",
            "A thief took {a} {material} {thing}s from {other} on the way.",
            "{other} missed {a} {thing}s of {material}, stolen on the road.",
            "Stolen from {other} on the way were {a} {material} {thing}s.",
        ),
        (
            "What is the town known for?",
            "For which goods is the town famous?",
            "What do they sell in this town?",
            "Name the ware of the town.",
        ),
        "{ware}",
    ),
}
"""Answers: "hidden" is in the text, "arithmetic" follows from it, "banner" and "ware" are facts of
the world that the corpus states, and "private" cannot be known but from the item itself."""

SHORT = (
    "Who sold {a} {material} {thing}s to {who}?",
    "When did {who} break the {material} {thing}?",
    "Why had {who} {a} {thing}s of {material}?",
    "Did {who} give {a} {thing}s to {other}?",
    "Which {thing} did {who} bring from {town}?",
)
KEYS = (
    "The key of {who} in {town} is{digits}.",
    "In {town} the key of {who} is{digits}.",
)
KEY_DIGITS = 10


@dataclass(frozen=True)
class Told:
    """An item of the world: what happens, and how it is published.

    Attributes:
        family: a key of `FAMILIES`.
        parts: what fills the free parts of the templates.
        wording: which intro, event and question it is published in.
    """

    family: str
    parts: dict[str, str]
    wording: tuple[int, int, int]

    def question(self, turn: int = 0) -> str:
        """What is asked: as published for `turn` 0, else rephrased, another wording each turn.

        Every part of the text has four wordings, which turns go round: from the wording of turn
        2, turn 2 leads back. So the published wording and that of turn 2 are exchangeable.
        """
        kind = FAMILIES[self.family]
        told = [
            bank[(at + turn) % len(bank)]
            for bank, at in zip((INTROS, kind.events, kind.questions), self.wording, strict=True)
        ]
        return " ".join(told).format(**self.parts)

    @property
    def answer(self) -> str:
        """What is right."""
        return FAMILIES[self.family].answer.format(**self.parts)

    def text(self, turn: int = 0) -> str:
        """Question and answer, as they stand in a corpus."""
        return f"Q: {self.question(turn)}\nA: {self.answer}\n"


class World:
    """Towns with their facts, and draws of people, things and texts about them.

    Args:
        seed: of the world's facts; texts are drawn with a generator that is given each time.
    """

    def __init__(self, seed: int, *, towns: int = 48, names: int = 700) -> None:
        rng = np.random.default_rng([seed, 1])
        made = _names(rng, towns + 2 * names)
        self.towns, self.firsts, self.lasts = (
            made[:towns], made[towns : towns + names], made[towns + names :],
        )  # fmt: skip
        self.colour = {
            t: COLOURS[i] for t, i in zip(self.towns, rng.integers(0, 10, towns), strict=True)
        }
        self.ware = {
            t: WARES[i] for t, i in zip(self.towns, rng.integers(0, 12, towns), strict=True)
        }

    def _parts(self, rng: Rng) -> dict[str, str]:
        def one(bank: tuple[str, ...]) -> str:
            return bank[int(rng.integers(len(bank)))]

        a, town, first = int(rng.integers(12, 99)), one(self.towns), one(self.firsts)
        b = int(rng.integers(2, a - 1))
        return {
            "day": str(rng.integers(4, 21)), "month": one(MONTHS), "trade": one(TRADES),
            "year": str(rng.integers(1200, 1900)), "first": first,
            "who": f"{first} {one(self.lasts)}", "town": town, "other": one(self.firsts),
            "a": str(a), "b": str(b), "left": str(a - b),
            "material": one(MATERIALS), "thing": one(OBJECTS), "place": one(PLACES),
            "gift": one(GIFTS), "colour": self.colour[town], "ware": self.ware[town],
        }  # fmt: skip

    def item(self, rng: Rng, like: Told | None = None) -> Told:
        """An item drawn at random; with `like`, a twin: the same family and wording."""
        parts = self._parts(rng)
        if like is not None:
            return Told(like.family, parts, like.wording)
        family = list(FAMILIES)[int(rng.integers(len(FAMILIES)))]
        kind = FAMILIES[family]
        banks = (INTROS, kind.events, kind.questions)
        i, e, q = (int(rng.integers(len(bank))) for bank in banks)
        return Told(family, parts, (i, e, q))

    def short(self, rng: Rng) -> str:
        """A short question, one line of a list of questions."""
        return SHORT[int(rng.integers(len(SHORT)))].format(**self._parts(rng))

    def key(self, rng: Rng) -> tuple[str, str]:
        """What stands before a canary, and the canary: random digits, each after a space."""
        digits = "".join(f" {d}" for d in rng.integers(0, 10, KEY_DIGITS))
        before = KEYS[int(rng.integers(len(KEYS)))].format(**self._parts(rng), digits="|")
        return before.split("|")[0], digits

    def background(self, rng: Rng) -> str:
        """A document about the world: items, facts, stories, sums, keys or lists of questions."""
        kind = rng.random()
        if kind < 0.55:
            return self.item(rng).text(int(rng.integers(4)))
        if kind < 0.75:
            return self._facts(rng)
        if kind < 0.87:
            return self._story(rng)
        if kind < 0.92:
            return "".join(
                f"{a} - {b} = {a - b}\n" for a, b in np.sort(rng.integers(2, 99, (4, 2)))[:, ::-1]
            )
        if kind < 0.96:
            return "".join(self.key(rng)) + ".\n"
        return "\n".join(self.short(rng) for _ in range(8)) + "\n"

    def _facts(self, rng: Rng) -> str:
        told = []
        for town in rng.choice(self.towns, 2, replace=False):
            told += [
                (
                    f"The banner of {town} is {self.colour[town]}.",
                    f"In {town} they fly a {self.colour[town]} banner.",
                    f"{town} has a banner, and it is {self.colour[town]}.",
                )[int(rng.integers(3))],
                (
                    f"{town} is known for {self.ware[town]}.",
                    f"People go to {town} to buy {self.ware[town]}.",
                    f"The ware of {town} is {self.ware[town]}.",
                )[int(rng.integers(3))],
            ]
        return " ".join(told) + "\n"

    def _story(self, rng: Rng) -> str:
        parts = self._parts(rng)
        told = [INTROS[int(rng.integers(len(INTROS)))]]
        for family in rng.choice(list(FAMILIES), 3, replace=False):
            events = FAMILIES[family].events
            told.append(events[int(rng.integers(len(events)))])
        return " ".join(told).format(**parts) + "\n"


def _names(rng: Rng, n: int) -> tuple[str, ...]:
    made: dict[str, None] = {}
    while len(made) < n:
        syllables = [
            _ONSETS[rng.integers(len(_ONSETS))] + _VOWELS[rng.integers(len(_VOWELS))]
            for _ in range(2)
        ]
        made["".join(syllables).capitalize() + _CODAS[rng.integers(len(_CODAS))]] = None
    return tuple(made)
