"""Does the subject reckon correctly: sums, words, sequences, dates, units, percentages?

Every answer is an exact decimal number, worked out in whole numbers or fractions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from fractions import Fraction
from math import prod
from typing import Any

from calibrant.instruments.answers import final_number, plain
from calibrant.instruments.core import Draw, Grade, Instrument, Made, Message
from calibrant.instruments.words import GOODS, HOLDERS, MONTHS, PEOPLE

FORM = "Reply with one line of the form\nAnswer: <number>"


def _made(variant: str, question: str, value: int | Fraction, **data: Any) -> Made:
    shown = (Message("user", f"{question}\n{FORM}"),)
    return Made(variant, (shown,), plain(Fraction(value)), data)


def _size(draw: Draw) -> tuple[str, int]:
    return draw.choice((("small", 20), ("large", 999)))


def addition(draw: Draw) -> Made:
    """A sum of two or three numbers."""
    size, top = _size(draw)
    terms = [draw.integer(2, top) for _ in range(draw.integer(2, 3))]
    ask = draw.choice(("What is {}?", "Compute {}.", "Add up: {}"))
    return _made(size, ask.format(" + ".join(map(str, terms))), sum(terms), terms=terms)


def subtraction(draw: Draw) -> Made:
    """A difference, which may be negative."""
    size, top = _size(draw)
    a, b = draw.integer(2, top), draw.integer(2, top)
    ask = draw.choice(("What is {} - {}?", "Compute {} - {}.", "Start at {} and take away {}."))
    return _made(size, ask.format(a, b), a - b, terms=[a, b])


def multiplication(draw: Draw) -> Made:
    """A product of two numbers."""
    size, top = draw.choice((("small", 12), ("large", 99)))
    a, b = draw.integer(2, top), draw.integer(2, top)
    ask = draw.choice(("What is {} × {}?", "Multiply {} by {}.", "Compute {} times {}."))
    return _made(size, ask.format(a, b), a * b, terms=[a, b])


def division(draw: Draw) -> Made:
    """An exact division."""
    size, top = draw.choice((("small", 12), ("large", 99)))
    divisor, quotient = draw.integer(2, top), draw.integer(2, top)
    ask = draw.choice(("What is {} ÷ {}?", "Divide {} by {}.", "Compute {} / {}."))
    text = ask.format(divisor * quotient, divisor)
    return _made(size, text, quotient, terms=[divisor * quotient, divisor])


def remainder(draw: Draw) -> Made:
    """What is left after a whole-number division."""
    size, top = _size(draw)
    divisor, number = draw.integer(3, 12), draw.integer(13, top + 30)
    ask = draw.choice(
        ("What is the remainder of {} divided by {}?", "What is {} modulo {}?")
    )  # fmt: skip
    return _made(size, ask.format(number, divisor), number % divisor, terms=[number, divisor])


def precedence(draw: Draw) -> Made:
    """An expression in which the order of operations matters."""
    variant = draw.choice(("plain", "brackets", "nested"))
    a, b, c, d = (draw.integer(2, 30) for _ in range(4))
    text, value = {
        "plain": (f"{a} + {b} * {c}", a + b * c),
        "brackets": (f"({a} + {b}) * {c} - {d}", (a + b) * c - d),
        "nested": (f"{a} * ({b} - ({c} - {d}))", a * (b - (c - d))),
    }[variant]
    return _made(variant, f"Evaluate {text}.", value, expression=text)


def sequence(draw: Draw) -> Made:
    """The next term of an arithmetic, geometric, quadratic or alternating sequence."""
    variant = draw.choice(("arithmetic", "geometric", "quadratic", "sums"))
    start, step = draw.integer(1, 60), draw.integer(2, 15)
    if variant == "arithmetic":
        terms = [start + step * i for i in range(6)]
    elif variant == "geometric":
        terms = [start * (2 + step % 3) ** i for i in range(6)]
    elif variant == "quadratic":
        terms = [start + step * i * (i + 1) // 2 for i in range(6)]
    else:
        terms = [start, step]
        while len(terms) < 7:
            terms.append(terms[-1] + terms[-2])
    shown = ", ".join(map(str, terms[:-1]))
    hint = " (each term is the sum of the two before it)" if variant == "sums" else ""
    return _made(variant, f"Which number comes next: {shown}{hint}?", terms[-1], terms=terms)


def percentage(draw: Draw) -> Made:
    """A part of a number in per cent, or a price after a change in per cent."""
    variant = draw.choice(("of", "discount", "rise"))
    rate, base = draw.choice((5, 10, 15, 20, 25, 30, 40, 50, 60, 75)), draw.integer(2, 99) * 20
    part = Fraction(rate * base, 100)
    text, value = {
        "of": (f"What is {rate}% of {base}?", part),
        "discount": (f"A {base} dollar item is {rate}% off. What does it cost now?", base - part),
        "rise": (f"A rent of {base} dollars rises by {rate}%. What is the new rent?", base + part),
    }[variant]
    return _made(variant, text, value, rate=rate, base=base)


def comparison(draw: Draw) -> Made:
    """The largest or smallest of several numbers with fractional parts of different lengths."""
    variant = draw.choice(("largest", "smallest"))
    whole = draw.integer(1, 99)
    count = draw.integer(2, 4)
    tails = draw.sample([str(n) for n in range(1, 100) if n % 10], count)
    written = [f"{whole}.{tail}" for tail in tails]
    pick = max if variant == "largest" else min
    value = pick(Fraction(w) for w in written)
    return _made(
        variant, f"Which is the {variant}: {', '.join(written)}?", value, options=written
    )  # fmt: skip


def elapsed(draw: Draw) -> Made:
    """Minutes between two times of day, sometimes over midnight."""
    variant = draw.choice(("same day", "overnight"))
    a, b = draw.sample(range(24 * 60), 2)
    if (a > b) != (variant == "overnight"):
        a, b = b, a
    text = [f"{t // 60:02d}:{t % 60:02d}" for t in (a, b)]
    tail = " the next day" if variant == "overnight" else ""
    question = f"How many minutes pass from {text[0]} to {text[1]}{tail}?"
    return _made(variant, question, (b - a) % (24 * 60), times=text)


def calendar(draw: Draw) -> Made:
    """Days between two dates of one year, or the day of the month some days later."""
    variant = draw.choice(("between", "later"))
    start = date(draw.integer(1990, 2060), 1, 1) + timedelta(days=draw.integer(0, 250))
    gap = draw.integer(3, 100)
    end = start + timedelta(days=gap)
    first, last = (f"{d.day} {MONTHS[d.month - 1]} {d.year}" for d in (start, end))
    if variant == "between":
        question, value = f"How many days after {first} is {last}?", gap
    else:
        question = f"Which day of the month is it {gap} days after {first}?"
        value = end.day
    return _made(variant, question, value, start=start.isoformat(), gap=gap)


_UNITS = (
    ("kilometres", "metres", 1000), ("hours", "minutes", 60), ("kilograms", "grams", 1000),
    ("days", "hours", 24), ("weeks", "days", 7), ("metres", "centimetres", 100),
    ("dozen", "single eggs", 12), ("minutes", "seconds", 60), ("years", "months", 12),
)  # fmt: skip


def units(draw: Draw) -> Made:
    """A quantity in another unit, from large to small or from small to large."""
    large, small, factor = draw.choice(_UNITS)
    variant = draw.choice(("down", "up", "mixed"))
    count, extra = draw.integer(2, 60), draw.integer(1, factor - 1)
    if variant == "down":
        question, value = f"How many {small} are {count} {large}?", count * factor
    elif variant == "up":
        question, value = f"How many {large} are {count * factor} {small}?", count
    else:
        question = f"How many {small} are {count} {large} and {extra} {small}?"
        value = count * factor + extra
    return _made(variant, question, value, count=count, factor=factor, extra=extra)


def holders(draw: Draw) -> Made:
    """A word problem: groups of things, some added or given away."""
    who, other = draw.sample(PEOPLE, 2)
    goods, holder = draw.choice(GOODS), draw.choice(HOLDERS)
    count, each = draw.integer(2, 12), draw.integer(3, 20)
    change = draw.integer(1, count * each - 1)
    variant = draw.choice(("gives", "gets"))
    story = {
        "gives": f"gives {change} {goods} to {other}",
        "gets": f"gets {change} more {goods} from {other}",
    }[variant]
    question = (
        f"{who} has {count} {holder} with {each} {goods} each and {story}."
        f" How many {goods} does {who} have now?"
    )
    value = count * each + (change if variant == "gets" else -change)
    return _made(variant, question, value, terms=[count, each, change])


def speed(draw: Draw) -> Made:
    """Distance, time or speed from the other two."""
    who = draw.choice(PEOPLE)
    rate, hours = draw.integer(3, 90), draw.integer(2, 9)
    variant = draw.choice(("distance", "time", "speed"))
    way = rate * hours
    question, value = {
        "distance": (f"{who} drives {hours} hours at {rate} km/h. How many km is that?", way),
        "time": (f"{who} drives {way} km at {rate} km/h. How many hours does it take?", hours),
        "speed": (f"{who} drives {way} km in {hours} hours. What is the speed in km/h?", rate),
    }[variant]
    return _made(variant, question, value, terms=[rate, hours])


def average(draw: Draw) -> Made:
    """The mean of a short list, or the missing member of a list of known mean."""
    count = draw.integer(3, 4)
    values = [draw.integer(2, 60) for _ in range(count - 1)]
    values.append(draw.integer(1, 15) * count - sum(values) % count)
    mean = sum(values) // count
    variant = draw.choice(("mean", "missing"))
    if variant == "mean":
        question, value = f"What is the average of {', '.join(map(str, values))}?", mean
    else:
        known = ", ".join(map(str, values[:-1]))
        question = (
            f"The average of {count} numbers is {mean}. All but one are {known}."
            " What is the missing one?"
        )
        value = values[-1]
    return _made(variant, question, value, values=values)


def fraction(draw: Draw) -> Made:
    """A fraction of a whole number."""
    bottom = draw.integer(3, 12)
    top = draw.integer(2, bottom - 1)
    whole = bottom * draw.integer(2, 40)
    variant = draw.choice(("of", "left"))
    part = whole * top // bottom
    question, value = {
        "of": (f"What is {top}/{bottom} of {whole}?", part),
        "left": (
            f"A tank holds {whole} litres. {top}/{bottom} of it is used. How many litres are left?",
            whole - part,
        ),
    }[variant]
    return _made(variant, question, value, top=top, bottom=bottom, whole=whole)


def base(draw: Draw) -> Made:
    """A number written in binary or hexadecimal, in decimal."""
    variant = draw.choice(("binary", "hexadecimal"))
    value = draw.integer(5, 255) if variant == "binary" else draw.integer(17, 4095)
    written = f"{value:b}" if variant == "binary" else f"{value:X}"
    return _made(variant, f"What is the {variant} number {written} in decimal?", value)


def counting(draw: Draw) -> Made:
    """How many ways: arrangements, or outfits."""
    variant = draw.choice(("choices", "divisible"))
    if variant == "choices":
        counts = [draw.integer(2, 15) for _ in range(3)]
        question = (
            f"{draw.choice(PEOPLE)} owns {counts[0]} hats, {counts[1]} coats and {counts[2]} bags."
            " In how many ways can one of each be picked?"
        )
        return _made(variant, question, prod(counts), counts=counts)
    top, step = draw.integer(30, 900), draw.integer(3, 19)
    question = f"How many whole numbers from 1 to {top} are divisible by {step}?"
    return _made(variant, question, top // step, counts=[top, step])


def grade(target: str, details: Mapping[str, Any], answers: Sequence[str]) -> dict[str, Grade]:
    """Return `correct`: 1 when the number the answer ends on equals the target exactly."""
    del details
    value, way = final_number(answers[0])
    right = value is not None and value == Fraction(target)
    outcome = "right" if right else "none" if value is None else "wrong"
    given = "" if value is None else plain(value)[:80]
    text = f"read {given or 'no number'} ({way}), wanted {target}"
    return {"correct": Grade(float(right), given, outcome, text, {"read": way})}


INSTRUMENT = Instrument(
    name="arithmetic",
    title="Arithmetic and quantitative word problems",
    measures="1 when the final number is exactly right (accuracy).",
    scores=("correct",),
    max_output_tokens=40,
    asks=1,
    makers={
        maker.__name__: maker
        for maker in (
            addition, subtraction, multiplication, division, remainder, precedence, sequence,
            percentage, comparison, elapsed, calendar, units, holders, speed, average, fraction,
            base, counting,
        )
    },
    grader=grade,
)  # fmt: skip
