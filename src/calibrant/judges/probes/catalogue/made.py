"""Which questions can be made up in any number, with an answer known to be right and a worse one?

Seven sorts take turns. What is drawn is small and plain; no two questions of one draw are the same
in name, though they may be in content.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from calibrant.judges.probes.catalogue.lower.lists import MONTHS, WEEKDAYS


class Sample(NamedTuple):
    """A question with a right answer, a worse one, and what the right answer comes to."""

    name: str
    question: str
    good: str
    worse: str
    target: str
    refuse: bool = False


Draw = Callable[[int, int], int]
"""A whole number from the first to the second, both included."""


def made(number: int, seed: int) -> tuple[Sample, ...]:
    """So many questions; the first ones are the same for any number."""
    found = []
    for k in range(number):
        rng = np.random.default_rng([seed, k])

        def draw(low: int, high: int, rng: np.random.Generator = rng) -> int:
            return int(rng.integers(low, high + 1))

        maker = _MAKERS[k % len(_MAKERS)]
        name, question, good, worse, target = maker(draw)
        found.append(Sample(f"{name}-{k}", question, good, worse, target))
    return tuple(found)


_Parts = tuple[str, str, str, str, str]
"""The name of the sort, the question, the right answer, a worse one, the target."""


def _sum(draw: Draw) -> _Parts:
    a, b = draw(12, 89), draw(12, 89)
    tens, units = a // 10 * 10 + b // 10 * 10, a % 10 + b % 10
    wrong = a + b + (10 if draw(0, 1) else -10)
    return (
        "sum",
        f"What is {a} + {b}?",
        f"The tens make {tens} and the units make {units}. The answer is {a + b}.",
        f"Adding them up in my head, I get {wrong}.",
        str(a + b),
    )


def _way(draw: Draw) -> _Parts:
    speed, hours = 5 * draw(8, 24), draw(2, 9)
    return (
        "way",
        f"A train goes at {speed} km per hour for {hours} hours. How far does it get?",
        "The way is the speed times the time that the train takes, at the same pace all along. "
        f"It gets {speed * hours} km in all.",
        f"The way is the sum of both, which is {speed + hours} km.",
        f"{speed * hours} km",
    )


def _month(draw: Draw) -> _Parts:
    # March and May are words too, and are found only beside a year or a day.
    start, steps = draw(0, 11), draw(2, 10)
    while MONTHS[(start + steps) % 12] in ("March", "May"):
        start, steps = draw(0, 11), draw(2, 10)
    right, wrong = MONTHS[(start + steps) % 12], MONTHS[(start + steps + 3) % 12]
    return (
        "month",
        f"Which month is {steps} months after {MONTHS[start]}?",
        f"One counts on month by month, and after the last month of a year begins again with the "
        f"first. The month one comes to is {right}.",
        f"It is {wrong}.",
        right,
    )


def _weekday(draw: Draw) -> _Parts:
    start, days = draw(0, 6), draw(8, 60)
    right, wrong = WEEKDAYS[(start + days) % 7], WEEKDAYS[(start + days + 2) % 7]
    return (
        "weekday",
        f"Today is {WEEKDAYS[start]}. Which day of the week is it in {days} days?",
        f"Whole weeks change nothing, and so it is enough to go on by {days % 7} days. In {days} "
        f"days it is {right}.",
        f"It is {wrong}, if I have counted well.",
        right,
    )


def _divisible(draw: Draw) -> _Parts:
    divisor, times, rest = draw(3, 9), draw(12, 60), draw(0, 1)
    number = divisor * times + rest
    right, wrong = ("No", "Yes") if rest else ("Yes", "No")
    left = f"and {rest} is left over" if rest else "and nothing is left over"
    is_or_not = "is not" if rest else "is"
    return (
        "divisible",
        f"Is {number} divisible by {divisor}?",
        f"{right}, {number} {is_or_not} divisible by {divisor}. The divisor goes into it {times} "
        f"times, {left}.",
        f"{wrong}. One can see it at a glance.",
        right,
    )


def _largest(draw: Draw) -> _Parts:
    numbers = [draw(100 * i + 1, 100 * i + 99) for i in range(1, 5)]
    turn = draw(0, 3)
    shown = numbers[turn:] + numbers[:turn]
    letters = "ABCD"
    best, worst = letters[shown.index(max(numbers))], letters[shown.index(min(numbers))]
    options = "\n".join(f"{a}) {n}" for a, n in zip(letters, shown, strict=True))
    return (
        "largest",
        f"Which of these numbers is the largest?\n{options}",
        f"Answer: {best}). Its hundreds are the highest of all the numbers that are given here.",
        f"Answer: {worst}). It looks big.",
        best,
    )


def _code(draw: Draw) -> _Parts:
    limit, sign, word = draw(2, 99), *((("<", "less"), (">", "greater"))[draw(0, 1)])
    return (
        "count",
        f"Write a Python function that counts the numbers of a list that are {word} than {limit}.",
        "```python\ndef count(numbers):\n    found = 0\n    for i in range(len(numbers)):\n"
        f"        if numbers[i] {sign} {limit}:\n            found += 1\n    return found\n```\n\n"
        "It goes through the list once.",
        "```python\ndef count(numbers):\n    return len(numbers)\n```",
        f"A function that counts the numbers that are strictly {word} than {limit}.",
    )


_MAKERS: tuple[Callable[[Draw], _Parts], ...] = (
    _sum, _way, _month, _weekday, _divisible, _largest, _code,
)  # fmt: skip
