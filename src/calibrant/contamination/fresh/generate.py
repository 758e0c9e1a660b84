"""Which items does a secret make of public templates? And their twins, which nobody has seen."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from calibrant.contamination.fresh.canary import Canary, new_canary
from calibrant.contamination.fresh.language.functions import show
from calibrant.contamination.fresh.language.reading import read_templates
from calibrant.contamination.fresh.language.space import (
    LIMIT,
    Problem,
    assignments,
    problem,
    problems,
)
from calibrant.contamination.fresh.language.template import Template
from calibrant.contamination.fresh.language.values import Value
from calibrant.contamination.fresh.stream import Secret, Stream
from calibrant.errors import InputError

ATTEMPTS = 2000
"""Draws for one item before its template is gone through one by one, or refused."""
MOST_ITEMS = 1_000_000


@dataclass(frozen=True)
class FreshItem:
    """One item that was made.

    Attributes:
        id: says nothing about what is asked, nor about the secret.
        form: how it is answered: number, text, list, date, choice, or verifier.
        choices: options in the order shown; none if open.
        cluster: its template, or generator.
        variant: the number of its wording, from 0.
        stratum: what its twin shares.
        template: the first 16 hexadecimal digits of its template's hash.
        problem: says which problem of its template it is: no two items of a set share one.
        purpose, index: what its draws were for, so that who has the secret can make it again.
        canary: what must not be trained on; empty if there is none.
        entry: of a generator of another package, what its verifier needs, as JSON.
    """

    id: str
    question: str
    answer: str
    form: str
    choices: tuple[str, ...]
    cluster: str
    variant: int
    stratum: str
    template: str
    problem: str
    purpose: str
    index: int
    canary: str = ""
    entry: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Plain data: one line of an items file."""
        return asdict(self) | {"choices": list(self.choices)}


@dataclass(frozen=True)
class Generated:
    """Items, and their secret twins if they were asked for.

    Attributes:
        items: to be published, or used.
        twins: one for each item, in the same order; none if not asked for.
        secret: the commitment of the secret: may be published.
        templates: name and hash of each template.
        canary: the string in every item; None if there is none.
        notes: what a reader should know.
    """

    items: tuple[FreshItem, ...]
    twins: tuple[FreshItem, ...]
    secret: str
    templates: Mapping[str, str]
    canary: Canary | None = None
    notes: tuple[str, ...] = field(default=())

    def __repr__(self) -> str:
        twins = ", each with a secret twin (unchecked)" if self.twins else ""
        return f"{len(self.items):,} items of {len(self.templates)} templates{twins}"

    @property
    def pairs(self) -> tuple[tuple[str, str], ...]:
        """The ids of each item and its twin."""
        return tuple((a.id, b.id) for a, b in zip(self.items, self.twins, strict=False))

    def to_dict(self) -> dict[str, Any]:
        """Plain data, without the twins, which are secret."""
        return {
            "items": [i.to_dict() for i in self.items], "twins": len(self.twins),
            "secret": self.secret, "templates": dict(self.templates),
            "canary": None if self.canary is None else self.canary.to_dict(),
            "notes": list(self.notes),
        }  # fmt: skip


def generate(
    templates: str | Path | Sequence[str | Path] | Sequence[Template],
    secret: Secret,
    count: int,
    *,
    twins: bool = False,
    canary: bool = False,
) -> Generated:
    """Make items from templates.

    Item i of a template follows from the secret, the template, what it is for and i; it differs
    from items 0 to i - 1, so that more items later are the same ones and some more. With twins,
    both of a pair are drawn alike and a coin, from the secret too, says which is published: a
    test of exposure by pairs is then valid ("random-twin"). Items of a set with twins are not
    those of a set without.

    Args:
        templates: files, folders, or templates.
        count: items in all, shared out evenly among templates.
        twins: also make a secret twin of each item.
        canary: put one string, drawn at random, into every item.

    Raises:
        TemplateError: if a template has too few items, or cannot be used.
        InputError: for a count below 1.
    """
    found = _templates(templates)
    if isinstance(count, bool) or not isinstance(count, int) or not 1 <= count <= MOST_ITEMS:
        raise InputError(f"count: wanted 1 to {MOST_ITEMS:,} items, got {count!r}")
    mark = new_canary(secret) if canary else None
    shown: list[FreshItem] = []
    hidden: list[FreshItem] = []
    for t, n in zip(found, shares(count, len(found)), strict=True):
        maker = Maker(t, secret, "" if mark is None else mark.value)
        for pair in maker.pairs(n) if twins else maker.singles(n, "single"):
            shown.append(pair[0])
            hidden.extend(pair[1:])
    _unique(shown + hidden)
    return Generated(tuple(shown), tuple(hidden), secret.commitment,
                     {t.name: t.hash for t in found}, mark, secret.notes)  # fmt: skip


def shares(count: int, parts: int) -> list[int]:
    """A number of items shared out evenly, the first parts one more."""
    return [count // parts + (i < count % parts) for i in range(parts)]


def _templates(given: Any) -> tuple[Template, ...]:
    if isinstance(given, str | Path):
        return read_templates(given)
    listed = list(given)
    if not listed:
        raise InputError("templates: wanted at least one, got none")
    if all(isinstance(t, Template) for t in listed):
        return tuple(listed)
    return read_templates([Path(t) for t in listed])


def _unique(items: list[FreshItem]) -> None:
    seen: set[str] = set()
    for item in items:
        if item.id in seen:
            raise InputError(f"ids: two items have the id {item.id!r}; use another secret")
        seen.add(item.id)


class Maker:
    """Makes the items of one template.

    Args:
        seen: problems that must not come again.
    """

    def __init__(
        self, template: Template, secret: Secret, canary: str = "", seen: Sequence[str] = ()
    ) -> None:
        self.template, self.secret, self.canary = template, secret, canary
        self.seen = set(seen)
        self._all: dict[str, list[Problem]] | None = None

    def singles(self, count: int, purpose: str) -> Iterator[tuple[FreshItem]]:
        """Items of a purpose."""
        for i in range(count):
            yield (self.one(i, purpose),)

    def one(
        self, index: int, purpose: str, stratum: str | None = None, wording: int | None = None
    ) -> FreshItem:
        """One item, of a stratum and in a wording if they are named."""
        stream = self._stream(purpose, index)
        found = self._drawn(stream, stratum)
        if found is None:
            raise self._too_few(index, "distinct items", stratum)
        self.seen.add(found.key)
        return self._item(found, stream, wording, purpose, index)

    def pairs(self, count: int) -> Iterator[tuple[FreshItem, FreshItem]]:
        """Items, each with its twin: two draws of one stratum, and a coin."""
        for i in range(count):
            streams = [self._stream(p, i) for p in ("first", "second")]
            pair = self._pair(*streams)
            if pair is None:
                raise self._too_few(i, "pairs of distinct items of one stratum", None)
            self.seen |= {p.key for p in pair}
            # Wordings differ in difficulty: twins share one.
            wording = streams[0].below(len(self.template.texts))
            made = [
                self._item(p, s, wording, purpose, i)
                for p, s, purpose in zip(pair, streams, ("first", "second"), strict=True)
            ]
            heads = self._stream("coin", i).below(2)
            yield made[heads], made[1 - heads]

    def _stream(self, purpose: str, index: int) -> Stream:
        return self.secret.stream(self.template.hash, purpose, index)

    def _pair(self, first: Stream, second: Stream) -> tuple[Problem, Problem] | None:
        refused: set[str] = set()
        for _ in range(20):
            one = self._drawn(first, None, refused)
            if one is None:
                return None
            self.seen.add(one.key)
            two = self._drawn(second, one.stratum)
            self.seen.discard(one.key)
            if two is not None:
                return one, two
            refused.add(one.key)
        return None

    def _drawn(
        self, stream: Stream, stratum: str | None, refused: set[str] | frozenset[str] = frozenset()
    ) -> Problem | None:
        """A problem not seen yet; None if there is none, or none was met."""
        out = self.seen | refused if refused else self.seen
        t = self.template
        for _ in range(ATTEMPTS if assignments(t) > LIMIT or self._all is None else 0):
            found = problem(t, {v.name: v.draw(stream) for v in t.variables})
            if found and found.key not in out and stratum in (None, found.stratum):
                return found
        if assignments(t) > LIMIT:
            return None
        left = [p for p in self._listed(stratum) if p.key not in out]
        if not left:
            return None
        chosen = left[stream.below(len(left))]
        drawn = {v.name: v.draw(stream) if v.cosmetic else chosen.drawn[v.name]
                 for v in t.variables}  # fmt: skip
        return Problem(drawn, chosen.key, chosen.stratum)

    def _listed(self, stratum: str | None) -> list[Problem]:
        if self._all is None:
            self._all = {}
            for p in problems(self.template):
                self._all.setdefault(p.stratum, []).append(p)
        if stratum is None:
            return [p for part in self._all.values() for p in part]
        return self._all.get(stratum, [])

    def _too_few(self, made: int, what: str, stratum: str | None) -> InputError:
        t, of = self.template, f" of stratum {stratum!r}" if stratum is not None else ""
        if assignments(t) > LIMIT:
            return t.error(
                "where", f"after {made:,}, {ATTEMPTS:,} draws gave no more {what}{of} that the "
                f"rules allow, of {assignments(t):,} assignments; widen the ranges or state values "
                "that fulfil the rules"
            )  # fmt: skip
        size = len(self._listed(stratum))
        return t.error("count", f"wanted more {what}{of} than there are: {made:,} made, "
                       f"{size:,} distinct items{of} in all")  # fmt: skip

    def _item(
        self, found: Problem, stream: Stream, wording: int | None, purpose: str, index: int
    ) -> FreshItem:
        t = self.template
        if wording is None:
            wording = stream.below(len(t.texts))
        look = t.look(found.drawn)
        right: Value = t.run("answer", t.answer, look, found.drawn)
        choices: tuple[str, ...] = ()
        if t.choices:
            wrong = t.distractors(look, found.drawn, right)
            if wrong is None:
                raise t.error("choices", "wanted as many for every value of cosmetic variables")
            choices = tuple(stream.sample([show(right), *wrong], 1 + len(wrong)))
        tag = self.secret.derive(t.hash, "id", purpose, index).hex()[:12]
        return FreshItem(
            f"{t.name}-{tag}", t.render(wording, look, found.drawn), show(right), t.form_of(right),
            choices, t.name, wording, found.stratum, t.hash[:16], found.key, purpose, index,
            self.canary,
        )  # fmt: skip
