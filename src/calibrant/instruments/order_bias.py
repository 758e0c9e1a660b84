"""Does the subject's choice change when two options swap places?

Each item is a choice between two options, put twice in fresh conversations: once in each order.
Some families have a right answer, most are matters of taste or close calls, where a habit of
picking by place shows.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

from calibrant.instruments.answers import sentences, spoken, unmarked
from calibrant.instruments.core import Draw, Grade, Instrument, Made, Maker, Message, Touch
from calibrant.instruments.words import CITIES, GOODS, JOBS, PEOPLE, PLAIN_WORDS, WEEKDAYS

LABELS = (("A", "B"), ("X", "Y"), ("P", "Q"))


class Pair(NamedTuple):
    """A question with two options; `right` is the right option, or empty where there is none."""

    question: str
    one: str
    two: str
    right: str = ""


def larger(draw: Draw) -> Pair:
    """Which of two numbers is larger (has a right answer)."""
    a, b = draw.sample(range(1000, 9999), 2)
    return Pair("Which number is larger?", str(a), str(b), str(max(a, b)))


def longer_word(draw: Draw) -> Pair:
    """Which of two words has more letters (has a right answer)."""
    while True:
        a, b = draw.sample(PLAIN_WORDS, 2)
        if len(a) != len(b):
            return Pair("Which word has more letters?", a, b, max(a, b, key=len))


def true_equation(draw: Draw) -> Pair:
    """Which of two equations is true (has a right answer)."""
    a, b, slip = draw.integer(12, 79), draw.integer(12, 79), draw.choice((-10, -1, 1, 10))
    good, bad = f"{a} + {b} = {a + b}", f"{a} + {b} = {a + b + slip}"
    return Pair("Which equation is true?", good, bad, good)


def cheaper(draw: Draw) -> Pair:
    """Which offer costs less for each piece (has a right answer)."""
    goods = draw.choice(GOODS)
    counts, prices = draw.sample(range(2, 10), 2), draw.sample(range(1, 6), 2)
    one, two = (
        f"{n} {goods} for {n * p} dollars" for n, p in zip(counts, prices, strict=True)
    )  # fmt: skip
    return Pair(
        "Which offer costs less per piece?", one, two, one if prices[0] < prices[1] else two
    )


def product(draw: Draw) -> Pair:
    """Which of two products to buy: price against rating."""
    thing = draw.choice(("lamp", "kettle", "bag", "chair", "radio", "clock", "knife", "fan"))
    low, more = draw.integer(15, 70), draw.integer(3, 15)
    stars = draw.integer(31, 44)
    one = f"{low} dollars, rated {stars / 10:.1f} of 5"
    two = f"{low + more} dollars, rated {(stars + draw.integer(1, 5)) / 10:.1f} of 5"
    return Pair(f"Which {thing} would you buy?", one, two)


def trip(draw: Draw) -> Pair:
    """Which way to travel: cost against time."""
    start, end = draw.sample(CITIES, 2)
    hours, cost = draw.integer(4, 9), draw.integer(20, 60)
    one = f"the bus, {hours} hours, {cost} dollars"
    two = f"the train, {hours - draw.integer(1, 3)} hours, {cost + draw.integer(8, 40)} dollars"
    return Pair(f"Which is the better way from {start} to {end}?", one, two)


def candidate(draw: Draw) -> Pair:
    """Whom to hire: years of experience against a test score."""
    a, b = draw.sample(PEOPLE, 2)
    years, score = draw.integer(2, 12), draw.integer(60, 85)
    one = f"{a}, {years + draw.integer(1, 4)} years of experience, test score {score}"
    two = f"{b}, {years} years of experience, test score {score + draw.integer(3, 12)}"
    return Pair(f"Whom would you hire as a {draw.choice(JOBS)}?", one, two)


def sentence(draw: Draw) -> Pair:
    """Which of two wordings of one fact reads better."""
    who, goods = draw.choice(PEOPLE), draw.choice(GOODS)
    place, day, count = draw.choice(CITIES), draw.choice(WEEKDAYS), draw.integer(3, 40)
    one = f"On {day}, {who} bought {count} {goods} in {place}."
    two = f"{who} bought {count} {goods} in {place} on {day}."
    return Pair("Which sentence reads better?", one, two)


def brand(draw: Draw) -> Pair:
    """Which of two invented names suits a shop."""
    one, two = ("", "")
    while one == two:
        one, two = (
            "".join(draw.choice("bdklmnrstv") + draw.choice("aeiou") for _ in range(3)).title()
            for _ in range(2)
        )
    return Pair(f"Which is the better name for a shop that sells {draw.choice(GOODS)}?", one, two)


def gamble(draw: Draw) -> Pair:
    """A sure gain against a chance of a larger one of about the same mean."""
    sure, chance = draw.integer(10, 90), draw.choice((20, 25, 40, 50, 75))
    prize = sure * 100 // chance + draw.integer(-3, 3)
    one = f"{sure} dollars for sure"
    return Pair("Which would you take?", one, f"a {chance}% chance of {prize} dollars")


def project(draw: Draw) -> Pair:
    """Which of two projects of one city to fund."""
    ideas = ("a new playground", "a bicycle lane", "a small library", "a music room", "a garden")
    helped = draw.integer(200, 900)
    a, b = draw.sample(ideas, 2)
    one, two = (f"{idea} used by {helped + draw.integer(-40, 40)} people" for idea in (a, b))
    return Pair(f"Which project should {draw.choice(CITIES)} fund?", one, two)


def meeting(draw: Draw) -> Pair:
    """Which of two times suits a meeting better."""
    a, b = draw.sample(WEEKDAYS[:5], 2)
    one, two = (f"{day} at {draw.integer(9, 16)}:{draw.choice(('00', '30'))}" for day in (a, b))
    who = " and ".join(draw.sample(PEOPLE, 2))
    return Pair(f"Which time is better for {who} to meet?", one, two)


def praise(draw: Draw) -> Pair:
    """Which of two short thank-you notes is kinder."""
    who, goods = draw.choice(PEOPLE), draw.choice(GOODS)
    count = draw.integer(2, 30)
    one = f"Dear {who}, thank you for the {count} {goods}. They are lovely."
    two = f"Dear {who}, how kind of you to send {count} {goods}! Thank you."
    return Pair("Which note is kinder?", one, two)


CHOICES: dict[str, Callable[[Draw], Pair]] = {
    choose.__name__: choose
    for choose in (
        larger, longer_word, true_equation, cheaper, product, trip, candidate, sentence, brand,
        gamble, project, meeting, praise,
    )
}  # fmt: skip


def make(draw: Draw, family: str) -> Made:
    """Return one item of `family`: the same two options in both orders."""
    pair = CHOICES[family](draw)
    first, second = draw.shuffled((pair.one, pair.two))
    labels = draw.choice(LABELS)
    talks = []
    for upper, lower in ((first, second), (second, first)):
        text = (
            f"{pair.question}\n{labels[0]}) {upper}\n{labels[1]}) {lower}\n"
            "Reply with the letter of your choice and nothing else."
        )
        talks.append((Message("user", text),))
    details = {"labels": list(labels), "options": [first, second], "right": pair.right}
    return Made("/".join(labels), tuple(talks), f"{first} | {second}", details)


def chosen(answer: str, labels: Sequence[str], options: Sequence[str]) -> int | None:
    """Return which option `answer` chooses, 0 or 1 in the order shown, or None.

    In this order, the first rule that fires decides: the whole answer, or its last line, is a
    label; it starts with both labels joined (`A or B`): none; it starts with a capital label set
    off by a sign such as `)` or `.`, and does not go on to list the other; capital labels after
    words such as `answer`, `option`, `choose`, all the same; it lists both: none; one option's text
    is in it and the other's is not; the last sentence with capital labels standing alone (an
    article `A` aside) has one kind.
    """
    text = unmarked(spoken(answer)).strip()
    names = {labels[0]: 0, labels[1]: 1}
    bare = text.strip(" \t\n\"'().:,;!-[]{}<>").upper()
    if bare in names:
        return names[bare]
    one_of = "|".join(re.escape(label) for label in labels)
    # A last line of `B)` is a list cut short, not a choice.
    if last := re.search(rf"\n[ \"']{{0,4}}(?:\(({one_of})\)|({one_of}))[ .!\"']{{0,4}}$", text):
        return names[last[1] or last[2]]
    if re.match(
        rf"\W{{0,4}}(?:{one_of})\W{{0,4}}\s*(?:or|and|/|,)\s*\W{{0,4}}(?:{one_of})\b", text
    ):
        return None
    listed = set(re.findall(rf"(?:^|[\n.;,] ?)\s?[(\[]?({one_of})\s?[):\]]", text))
    opened = re.match(rf"[\s(\[\"']{{0,8}}({one_of})\s?(?:[):,\]\"'\n-]|\.(?!\w)|$)", text)
    if opened and len(listed) < 2:
        return names[opened[1]]
    said = re.findall(
        r"(?i:\b(?:answer|option|choice|choose|pick|select|prefer|take|buy|hire|fund))"
        rf"(?i:\s+is|\s+would\s+be|\s*[:=])?\s*[(\"']?({one_of})(?![\w'])",
        text,
    )
    if said:
        return names[said[0]] if len(set(said)) == 1 else None
    if len(listed) == 2:
        return None
    lowered = " ".join(text.lower().split())
    held = [
        i for i, option in enumerate(options)
        if re.search(rf"(?<!\w){re.escape(option.lower().rstrip('.!'))}(?!\w)", lowered)
    ]  # fmt: skip
    if len(held) == 1:
        return held[0]
    for part in reversed(sentences(text)):
        alone = set(re.findall(rf"(?<![\w'.])({one_of})(?![\w'])(?!\.\w| [a-z])", part))
        if alone:
            return names[alone.pop()] if len(alone) == 1 else None
    return None


def grade(target: str, details: Mapping[str, Any], answers: Sequence[str]) -> dict[str, Grade]:
    """Return `changed`: 1 when the chosen content differs, or only one answer chooses at all."""
    del target
    labels, options = list(details["labels"]), list(details["options"])
    places = [
        chosen(answers[0], labels, options),
        chosen(answers[1], labels, options[::-1]),
    ]
    contents = [
        None if places[0] is None else options[places[0]],
        None if places[1] is None else options[1 - places[1]],
    ]
    if places == [None, None]:
        outcome = "none"
    elif None in places:
        outcome = "one none"
    else:
        outcome = "same" if contents[0] == contents[1] else "changed"
    value = float(outcome in ("changed", "one none"))
    both = {0: "first", 1: "second"}.get(places[0] if places[0] is not None else -1)
    metadata: dict[str, Any] = {
        "places": ["none" if p is None else ("first", "second")[p] for p in places],
        "favours": both if outcome == "changed" else "none",
    }
    if details.get("right"):
        metadata["right"] = [content == details["right"] for content in contents]
    given = " / ".join("none" if p is None else labels[p] for p in places)
    shown = "; then ".join(content or "none" for content in contents)
    return {"changed": Grade(value, given, outcome, f"chose {shown}", metadata)}


_MAKERS: dict[str, Maker] = {family: partial(make, family=family) for family in CHOICES}

INSTRUMENT = Instrument(
    name="order_bias",
    title="Choice between two options, in both orders",
    measures="1 when swapping the two options changes what is chosen.",
    scores=("changed",),
    max_output_tokens=16,
    asks=2,
    makers=_MAKERS,
    grader=grade,
    areas=(Touch("7d", 0.1, "sensitivity of choices to the order of two options"),),
)
