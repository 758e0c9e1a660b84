"""What may a slot of a template hold? Numbers of a range, members of a list: drawn evenly."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from calibrant._text import one_line
from calibrant.contamination.fresh.language.values import ExpressionError, Value, number
from calibrant.contamination.fresh.stream import Stream
from calibrant.errors import InputError

NAMES: dict[str, tuple[str, ...]] = {
    "people": (
        "Amina", "Bela", "Chidi", "Dana", "Emil", "Fatima", "Goran", "Hana", "Ilya", "Jun",
        "Kofi", "Leila", "Mateo", "Nadia", "Oskar", "Paola", "Rashid", "Sana", "Tomás", "Uma",
        "Viktor", "Wanda", "Xenia", "Yusuf", "Zainab",
    ),
    "cities": (
        "Bergen", "Cusco", "Dakar", "Esfahan", "Fukuoka", "Ghent", "Hobart", "İzmir", "Jaipur",
        "Kraków", "Leipzig", "Mombasa", "Natal", "Odense", "Puebla", "Rabat", "Split", "Tartu",
    ),
    "colours": ("red", "blue", "green", "yellow", "white", "black", "purple", "orange"),
    "things": (
        "apples", "pencils", "stamps", "marbles", "candles", "buttons", "shells", "tiles",
        "ribbons", "lemons", "cups", "badges",
    ),
    "words": (
        "anchor", "basket", "candle", "dragon", "engine", "feather", "garden", "hammer", "island",
        "jacket", "kitten", "lantern", "meadow", "needle", "orchard", "pepper", "quarry", "rocket",
        "saddle", "temple", "umbrella", "velvet", "walnut", "zipper", "blanket", "cabinet",
        "diamond", "fountain", "glacier", "horizon", "mountain", "harbour", "insect", "jungle",
    ),
}  # fmt: skip
"""Lists that `names:` knows."""

MOST = 100
"""Members of a variable that is a list."""
_KEYS = ("from", "to", "step", "choose", "names", "count", "different", "cosmetic")


@dataclass(frozen=True)
class Variable:
    """What a name in a template stands for.

    Attributes:
        options: what is drawn from; numbers of a range are made when they are needed.
        counts: how many are drawn, least and most, if the value is a list.
        different: whether members of a list differ.
        cosmetic: whether another value leaves the problem the same, as another person's name does.
    """

    name: str
    options: Sequence[Value] = field(repr=False)
    counts: tuple[int, int] | None = None
    different: bool = True
    cosmetic: bool = False

    @property
    def size(self) -> int:
        """How many values there are."""
        if self.counts is None:
            return len(self.options)
        return sum(self._lists(c) for c in range(self.counts[0], self.counts[1] + 1))

    def _lists(self, count: int) -> int:
        n = len(self.options)
        return math.perm(n, count) if self.different else n**count

    def draw(self, stream: Stream) -> Value:
        """A value; of a list, first how many, then which."""
        if self.counts is None:
            return self.options[stream.below(len(self.options))]
        low, high = self.counts
        count = low + stream.below(high - low + 1)
        if not self.different:
            return [self.options[stream.below(len(self.options))] for _ in range(count)]
        taken: list[int] = []
        while len(taken) < count:
            if (place := stream.below(len(self.options))) not in taken:
                taken.append(place)
        return [self.options[i] for i in taken]

    def at(self, place: int) -> Value:
        """The value at a place, from 0 to `size` - 1: each value once."""
        if self.counts is None:
            return self.options[place]
        for count in range(self.counts[0], self.counts[1] + 1):
            if place < self._lists(count):
                break
            place -= self._lists(count)
        pool, found = list(range(len(self.options))), []
        for _ in range(count):
            place, at = divmod(place, len(pool))
            found.append(self.options[pool.pop(at) if self.different else pool[at]])
        return found


class _Range(Sequence[Value]):
    """Numbers from low on, a step apart."""

    def __init__(self, low: int | Fraction, step: int | Fraction, count: int) -> None:
        self._low, self._step, self._size = low, step, count

    def __len__(self) -> int:
        return self._size

    def __getitem__(self, place: Any) -> Value:
        return number(self._low + self._step * place)


def variable(name: str, given: Any) -> Variable:
    """A variable from what a template says of it.

    Raises:
        InputError: saying what was wanted and what was found.
    """
    if isinstance(given, list):
        given = {"choose": given}
    if isinstance(given, str):
        given = {"names": given}
    if not isinstance(given, Mapping):
        raise InputError(
            f"wanted a list, a name of a list, or keys such as from and to; got {_shown(given)}"
        )
    if unknown := [str(k) for k in given if k not in _KEYS]:
        raise InputError(f"wanted keys among {', '.join(_KEYS)}; got {_shown(unknown[0])}")
    options = _options(given)
    different = _flag(given, "different", "from" not in given)
    counts = _counts(given.get("count"))
    if counts is not None and different and counts[1] > len(options):
        raise InputError(f"count: wanted at most the {len(options)} there are, got {counts[1]}")
    return Variable(name, options, counts, different, _flag(given, "cosmetic", False))


def _options(given: Mapping[Any, Any]) -> Sequence[Value]:
    kinds = [k for k in ("from", "choose", "names") if k in given]
    if len(kinds) != 1:
        raise InputError(f"wanted one of from (and to), choose, names; got {kinds or 'none'}")
    if kinds[0] == "from":
        low, high, step = (_number(given, k, d) for k, d in (("from", None), ("to", None),
                                                             ("step", 1)))  # fmt: skip
        if step <= 0 or high < low:
            raise InputError(f"wanted from ≤ to and step > 0; got {low} to {high} by {step}")
        count = int((high - low) // step) + 1
        if count > 10**18:
            raise InputError(f"wanted at most 10^18 numbers, got {count}")
        return _Range(low, step, count)
    if kinds[0] == "names":
        key = given["names"]
        if not isinstance(key, str) or key not in NAMES:
            raise InputError(f"names: wanted one of {', '.join(NAMES)}; got {_shown(key)}")
        return NAMES[key]
    listed = given["choose"]
    if not isinstance(listed, list) or not listed:
        raise InputError(f"choose: wanted a list that is not empty, got {_shown(listed)}")
    return tuple(_option(x) for x in listed)


def _option(x: Any) -> Value:
    if isinstance(x, bool | str):
        return x
    if isinstance(x, list):
        return [_option(y) for y in x]
    try:
        return number(Fraction(str(x)))
    except (ValueError, ExpressionError) as e:
        raise InputError(f"choose: wanted numbers, texts and lists, got {_shown(x)}") from e


def _number(given: Mapping[Any, Any], key: str, default: int | None) -> int | Fraction:
    x = given.get(key, default)
    try:
        if isinstance(x, bool) or not isinstance(x, int | float | str):
            raise ValueError
        return number(Fraction(str(x)))
    except (ValueError, ExpressionError, ZeroDivisionError) as e:
        raise InputError(f"{key}: wanted a number, got {_shown(x)}") from e


def _counts(x: Any) -> tuple[int, int] | None:
    if x is None:
        return None
    pair = x if isinstance(x, list) else [x, x]
    if (
        len(pair) != 2
        or any(isinstance(n, bool) or not isinstance(n, int) for n in pair)
        or not 1 <= pair[0] <= pair[1] <= MOST
    ):
        raise InputError(f"count: wanted a number or [least, most] of 1 to {MOST}, got {_shown(x)}")
    return pair[0], pair[1]


def _flag(given: Mapping[Any, Any], key: str, default: bool) -> bool:
    x = given.get(key, default)
    if not isinstance(x, bool):
        raise InputError(f"{key}: wanted true or false, got {_shown(x)}")
    return x


def _shown(x: Any) -> str:
    return one_line(repr(x), 80)
