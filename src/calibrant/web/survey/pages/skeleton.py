"""How is the page of a category made 200 times a second? Rendered once, with places to fill in.

The page of a category is the same for everybody but for what is checked, what is written, and the
form's hidden fields. Its template is rendered with marks in these places, with everything checked
and with nothing; only if the two differ in " checked" alone, once at every choice, is the page cut
there and kept. Otherwise nothing is kept, and the template is rendered for everybody. What the
template is given knows nothing of any respondent, so that nothing of one can reach another.
"""

from __future__ import annotations

import re
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass

from jinja2 import UndefinedError
from markupsafe import escape

MOST = 300
"""Pages that are kept; about 30 kB each."""

_CHECKED = " checked"
# Quotes in what a survey says are escaped: this is the template's own.
_CUT = re.compile(r'(?<=") checked')
_MARK = "\ue000{}\ue001"
_MARKED = re.compile("\ue000(.*?)\ue001")
_CHOICE = re.compile(r'<input type="radio" id="([^"]*)" name="([^"]*)" value="([^"]*)"$')


class _Any(str):
    """Equal to whatever it is compared with."""

    def __eq__(self, other: object) -> bool:
        return True

    def __hash__(self) -> int:
        return 0


@dataclass(frozen=True)
class Skeleton:
    """A page with places to fill in.

    Attributes:
        parts: the text between the places.
        places: after each part but the last: the choice (field and value) that may be checked
            there, or the name of a text.
    """

    parts: tuple[str, ...]
    places: tuple[tuple[str, str] | str, ...]

    def fill(self, values: Mapping[str, str], texts: Mapping[str, str]) -> str:
        """The page.

        Args:
            values: by field, the choice that was made.
            texts: by name, what comes into the other places.
        """
        found = [self.parts[0]]
        for place, part in zip(self.places, self.parts[1:], strict=True):
            if isinstance(place, str):
                found.append(escape(texts[place]))
            elif values.get(place[0]) == place[1]:
                found.append(_CHECKED)
            found.append(part)
        return "".join(found)


def mark(name: str) -> str:
    """What stands for a text until the page is filled in."""
    return _MARK.format(name)


def skeleton(
    render: Callable[[Mapping[str, str]], str], choices: Mapping[tuple[str, str], object],
    texts: set[str],
) -> Skeleton | None:  # fmt: skip
    """A page cut at its places; None if the template does not keep to what is promised.

    Args:
        render: the page, given what is chosen in each field; `mark`s stand for texts.
        choices: every field and value, in the page's order.
        texts: names of the texts that may be in it.
    """
    try:
        cut = _CUT.split(render({field: _Any() for field, _ in choices}))
        if "".join(cut) != render({}):
            return None
    except UndefinedError:
        # The template asks for something that not all respondents share.
        return None
    parts: list[str] = []
    places: list[tuple[str, str] | str] = []
    escaped = {(str(escape(f)), str(escape(v))): (f, v) for f, v in choices}
    for i, text in enumerate(cut):
        between = _MARKED.split(text)
        parts += between[::2]
        places += between[1::2]
        if i < len(cut) - 1:
            choice = _CHOICE.search(text)
            if choice is None or (choice[2], choice[3]) not in escaped:
                return None
            places.append(escaped[choice[2], choice[3]])
    if [p for p in places if not isinstance(p, str)] != list(choices):
        return None
    if not {p for p in places if isinstance(p, str)} <= texts:
        return None
    return Skeleton(tuple(parts), tuple(places))


class Kept:
    """Skeletons by what they depend on; the longest unused is forgotten first."""

    def __init__(self, most: int = MOST) -> None:
        self.most = most
        self._found: OrderedDict[Hashable, Skeleton | None] = OrderedDict()
        self._turn = threading.Lock()

    def get(self, key: Hashable, make: Callable[[], Skeleton | None]) -> Skeleton | None:
        """The skeleton of a key, made if it is not there."""
        with self._turn:
            if key in self._found:
                self._found.move_to_end(key)
                return self._found[key]
        made = make()
        with self._turn:
            self._found[key] = made
            if len(self._found) > self.most:
                self._found.popitem(last=False)
        return made
