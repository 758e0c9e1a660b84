"""What is a template? Wordings with slots, what fills them, what must hold, the answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from fractions import Fraction

from calibrant._text import one_line
from calibrant.contamination.fresh.language.expressions import Expression, Look
from calibrant.contamination.fresh.language.functions import digits, show
from calibrant.contamination.fresh.language.values import (
    ExpressionError,
    Value,
    kind,
    same,
    truth,
)
from calibrant.contamination.fresh.language.variables import Variable
from calibrant.errors import InputError

FORMS = ("number", "text", "list", "date", "choice")
"""How an answer is given and scored."""
_FEW = 12
"""Options of a list up to which twins have the same one; beyond, one as long."""


class TemplateError(InputError):
    """A template that cannot be used; the message names the file, the template and the key."""


@dataclass(frozen=True, eq=False)
class Template:
    """A problem with slots.

    Attributes:
        name: unique in a set of templates: the cluster of its items.
        hash: SHA-256 of what it says (64 hexadecimal digits).
        texts: its wordings, each as texts and expressions in turn.
        values: what is worked out from the variables.
        where: what must hold.
        choices: wrong answers, if options are shown; `options` is how many with the right one.
        strata: what twins share besides the sizes of numbers.
        where_from: the file, for errors.
    """

    name: str
    hash: str
    texts: tuple[tuple[str | Expression, ...], ...]
    variables: tuple[Variable, ...]
    values: Mapping[str, Expression]
    where: tuple[Expression, ...]
    answer: Expression
    form: str | None
    choices: tuple[Expression, ...]
    options: int
    strata: tuple[Expression, ...]
    match_digits: bool
    where_from: str

    def __repr__(self) -> str:
        return f"template {self.name}: {len(self.texts)} wordings, {len(self.variables)} variables"

    def error(self, key: str, what: str) -> TemplateError:
        """An error that names the file, the template and the key."""
        return TemplateError(f"{self.where_from}: template {self.name!r}: {key}: {what}")

    def look(self, drawn: Mapping[str, Value]) -> Look:
        """What each name stands for, worked out when it is asked for."""
        known = dict(drawn)

        def of(name: str) -> Value:
            if name not in known:
                known[name] = (self.answer if name == "answer" else self.values[name])(of)
            return known[name]

        return of

    def run(self, key: str, what: Expression, look: Look, drawn: Mapping[str, Value]) -> Value:
        """The value of an expression, with an error that says for which variables there is none."""
        try:
            return what(look)
        except ExpressionError as e:
            at = ", ".join(f"{k} = {show(v)}" for k, v in drawn.items())
            raise self.error(key, f"{e} ({one_line(at, 200)})") from e

    def holds(self, look: Look, drawn: Mapping[str, Value]) -> bool:
        """Whether everything that must hold does; what stands after a `no` is not looked at."""
        for condition in self.where:
            value = self.run("where", condition, look, drawn)
            if not isinstance(value, bool):
                raise self.error(
                    "where", f"{condition.text!r}: wanted yes or no, got {kind(value)}"
                )
            if not truth(value):
                return False
        return True

    def render(self, wording: int, look: Look, drawn: Mapping[str, Value]) -> str:
        """The question."""
        return "".join(
            part if isinstance(part, str) else show(self.run("text", part, look, drawn))
            for part in self.texts[wording]
        )

    def distractors(self, look: Look, drawn: Mapping[str, Value], right: Value) -> list[str] | None:
        """Wrong answers: unlike each other and the right one; None if there are too few."""
        values: list[Value] = [right]
        shown = [show(right).casefold()]
        for choice in self.choices:
            value = self.run("choices", choice, look, drawn)
            # Equal values may look unlike and unlike ones alike: neither may stand among options.
            if any(same(value, v) for v in values) or show(value).casefold() in shown:
                continue
            values.append(value)
            shown.append(show(value).casefold())
        if len(values) < self.options:
            return None
        return [show(v) for v in values[1 : self.options]]

    def form_of(self, value: Value) -> str:
        """How this answer is given.

        Raises:
            TemplateError: if it is not of the form that the template states.
        """
        if isinstance(value, list):
            found = "list"
        elif isinstance(value, date):
            found = "date"
        else:
            whole = isinstance(value, int | Fraction) and not isinstance(value, bool)
            found = "number" if whole else "text"
        if self.choices:
            found = "choice"
        if self.form is not None and found != self.form:
            raise self.error("answer", f"wanted a {self.form}, got {kind(value)}")
        if not show(value).strip():
            raise self.error("answer", "wanted something to answer, got an empty text")
        return found

    def stratum(self, look: Look, drawn: Mapping[str, Value]) -> str:
        """What twins share, as a text: sizes of numbers and lists, options of short lists."""
        parts = []
        if self.match_digits:
            parts += [f"{v.name}:{_size(drawn[v.name], v)}" for v in self.variables
                      if not v.cosmetic]  # fmt: skip
            parts.append(f"answer:{_size(look('answer'), None)}")
        parts += [f"{s.text}={show(self.run('strata', s, look, drawn))}" for s in self.strata]
        return " ".join(parts)


def _size(value: Value, of: Variable | None) -> str:
    if isinstance(value, list) and of is not None and of.counts is None:
        return one_line(show(value), 60)  # one of the lists that stand in the template
    if isinstance(value, list):
        sizes = sorted(_size(x, None) for x in value)
        return f"{len(value)}[{','.join(dict.fromkeys(sizes))}]"
    if isinstance(value, int | Fraction) and not isinstance(value, bool):
        return f"{'-' if value < 0 else ''}{digits(value)}"
    if of is not None and len(of.options) <= _FEW:
        return one_line(show(value), 60)
    return "date" if isinstance(value, date) else f"{len(show(value))}c"
