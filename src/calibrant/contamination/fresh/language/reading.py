"""Where do templates come from? YAML, checked before anything is drawn."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NoReturn

from calibrant._settings import read_settings
from calibrant._text import dumps, one_line
from calibrant.contamination.fresh.language.expressions import Expression, expression
from calibrant.contamination.fresh.language.template import FORMS, Template, TemplateError
from calibrant.contamination.fresh.language.values import ExpressionError
from calibrant.contamination.fresh.language.variables import Variable, variable
from calibrant.errors import InputError

_KEYS = ("name", "text", "variables", "values", "where", "answer", "form", "choices", "strata",
         "match_digits")  # fmt: skip
_NAME = re.compile(r"[a-z][a-z0-9_]{0,40}")
_TAKEN = ("answer", "yes", "no", "and", "or", "not", "in", "if", "else")
_TITLE = re.compile(r"[\w.-]{1,60}")
_SLOT = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")
_MOST = 60
"""Values a template may work out: each may need the one before."""


def read_templates(source: str | Path | list[str | Path]) -> tuple[Template, ...]:
    """Templates from YAML files or folders of them (.yaml, .yml), in the order of names.

    Raises:
        TemplateError: naming file, template and key.
        InputError: if a file cannot be read, or there are no templates.
    """
    found: list[Template] = []
    for path in [Path(p) for p in (source if isinstance(source, list) else [source])]:
        files = sorted(p for p in path.iterdir() if p.suffix in (".yaml", ".yml")) \
            if path.is_dir() else [path]  # fmt: skip
        if not files:
            raise InputError(f"{path}: no templates (.yaml) in this folder")
        for file in files:
            data, _ = read_settings(file, "templates", "templates")
            found += templates_of(data, str(file))
    seen: dict[str, str] = {}
    for t in found:
        if t.name in seen:
            raise TemplateError(
                f"{t.where_from}: template {t.name!r}: name: wanted one of its own, as "
                f"{seen[t.name]} has one of that name"
            )
        seen[t.name] = t.where_from
    return tuple(found)


def templates_of(data: Any, where: str = "templates") -> tuple[Template, ...]:
    """Templates from plain data: a mapping with a list `templates`, or that list.

    Raises:
        TemplateError: naming file, template and key.
    """
    listed = data.get("templates") if isinstance(data, Mapping) else data
    if isinstance(data, Mapping) and (other := [k for k in data if k != "templates"]):
        raise TemplateError(
            f"{where}: wanted one key, templates; got {one_line(repr(other[0]), 60)}"
        )
    if not isinstance(listed, list) or not listed:
        raise TemplateError(
            f"{where}: templates: wanted a list that is not empty, got {_got(listed)}"
        )
    return tuple(_template(entry, n, where) for n, entry in enumerate(listed, 1))


def _template(entry: Any, place: int, where: str) -> Template:
    if not isinstance(entry, Mapping):
        raise TemplateError(
            f"{where}: template {place}: wanted keys such as text, got {_got(entry)}"
        )
    name = entry.get("name")
    if not isinstance(name, str) or not _TITLE.fullmatch(name):
        raise TemplateError(
            f"{where}: template {place}: name: wanted letters, digits, - and _, got {_got(name)}"
        )
    part = _Part(f"{where}: template {name!r}", entry)
    for key in entry:
        if key not in _KEYS:
            part.wrong(str(key), f"one of {', '.join(_KEYS)}", key)
    digest = hashlib.sha256(part.canonical().encode()).hexdigest()
    variables = part.variables()
    values = part.expressions("values", mapping=True)
    taken = {v.name for v in variables}
    for key in values:
        if key in taken or key == "answer" or not _NAME.fullmatch(key):
            part.wrong("values", "a new name of small letters", key)
    texts = part.texts()
    answer = part.one("answer", entry.get("answer"))
    where_ = tuple(part.expressions("where").values())
    strata = tuple(part.expressions("strata").values())
    choices, options = part.choices()
    form = entry.get("form")
    if form is not None and form not in FORMS:
        part.wrong("form", f"one of {', '.join(FORMS)}", form)
    match = entry.get("match_digits", True)
    if not isinstance(match, bool):
        part.wrong("match_digits", "true or false", match)
    part.check_names(taken, values, answer, texts, where_, strata, choices,
                     {v.name for v in variables if v.cosmetic})  # fmt: skip
    return Template(
        name, digest, texts, variables, values,
        where_, answer, form, choices, options, strata, match, where,
    )  # fmt: skip


class _Part:
    """The keys of one template, read with errors that say where."""

    def __init__(self, where: str, entry: Mapping[Any, Any]) -> None:
        self.where, self.entry = where, entry

    def wrong(self, key: str, wanted: str, got: Any) -> NoReturn:
        raise TemplateError(f"{self.where}: {key}: wanted {wanted}, got {_got(got)}")

    def canonical(self) -> str:
        """The template as text, the same however the file was laid out."""
        count = 0

        def plain(x: Any, depth: int = 0) -> Any:
            nonlocal count
            count += 1
            if count > 20_000 or depth > 20:
                # Anchors of YAML can make a short file endless.
                raise TemplateError(
                    f"{self.where}: wanted at most 20,000 keys and values, 20 within each other"
                )
            if isinstance(x, Mapping):
                return {
                    str(k): plain(v, depth + 1)
                    for k, v in sorted(x.items(), key=lambda kv: str(kv[0]))
                }
            if isinstance(x, list):
                return [plain(v, depth + 1) for v in x]
            return x if isinstance(x, str | int | bool) or x is None else str(x)

        return dumps(plain(self.entry))

    def one(self, key: str, text: Any) -> Expression:
        try:
            return expression(text)
        except ExpressionError as e:
            raise TemplateError(f"{self.where}: {key}: {e}") from e

    def variables(self) -> tuple[Variable, ...]:
        given = self.entry.get("variables") or {}
        if not isinstance(given, Mapping):
            self.wrong("variables", "a name and what it stands for", given)
        found = []
        # By name: the order in the file, which the hash does not hold, changes no draws.
        for name, what in sorted(given.items(), key=lambda kv: str(kv[0])):
            if not isinstance(name, str) or not _NAME.fullmatch(name) or name in _TAKEN:
                self.wrong("variables", "names of small letters, digits and _", name)
            try:
                found.append(variable(name, what))
            except InputError as e:
                raise TemplateError(f"{self.where}: variables: {name}: {e}") from e
        return tuple(found)

    def expressions(self, key: str, mapping: bool = False) -> dict[str, Expression]:
        given = self.entry.get(key) or ({} if mapping else [])
        if mapping:
            if not isinstance(given, Mapping):
                self.wrong(key, "names and expressions", given)
            if len(given) > _MOST:
                self.wrong(key, f"at most {_MOST}", len(given))
            return {str(k): self.one(f"{key}: {k}", v) for k, v in given.items()}
        listed = given if isinstance(given, list) else [given]
        return {str(n): self.one(key, v) for n, v in enumerate(listed)}

    def choices(self) -> tuple[tuple[Expression, ...], int]:
        given = self.entry.get("choices")
        if given is None:
            return (), 0
        listed, options = given, None
        if isinstance(given, Mapping):
            if set(given) - {"wrong", "options"}:
                self.wrong("choices", "keys wrong and options", sorted(map(str, given)))
            listed, options = given.get("wrong"), given.get("options")
        if not isinstance(listed, list) or not listed:
            self.wrong("choices", "a list of wrong answers", listed)
        found = tuple(self.one("choices", v) for v in listed)
        options = len(found) + 1 if options is None else options
        if isinstance(options, bool) or not isinstance(options, int) or not 2 <= options <= min(
                len(found) + 1, 26):  # fmt: skip
            self.wrong("choices: options", f"a number from 2 to {min(len(found) + 1, 26)}", options)
        return found, options

    def texts(self) -> tuple[tuple[str | Expression, ...], ...]:
        given = self.entry.get("text")
        listed = given if isinstance(given, list) else [given]
        if not listed or any(not isinstance(t, str) or not t.strip() for t in listed):
            self.wrong("text", "a text, or a list of wordings, none of them empty", given)
        return tuple(tuple(self._slots(str(t))) for t in listed)

    def _slots(self, text: str) -> Iterator[str | Expression]:
        at = 0
        for m in _SLOT.finditer(text):
            if m.start() > at:
                yield text[at : m.start()]
            if m[0] in ("{{", "}}"):
                yield m[0][0]
            elif m[1] is None:
                self.wrong("text", "slots as {name}, and {{ for a brace", text[m.start() :][:40])
            else:
                yield self.one("text", m[1])
            at = m.end()
        if at < len(text):
            yield text[at:]

    def check_names(
        self,
        taken: set[str],
        values: dict[str, Expression],
        answer: Expression,
        texts: tuple[tuple[str | Expression, ...], ...],
        where: tuple[Expression, ...],
        strata: tuple[Expression, ...],
        choices: tuple[Expression, ...],
        cosmetic: set[str],
    ) -> None:
        """Refuse unknown names, values that need themselves, and rules about cosmetic variables."""
        worked = {**values, "answer": answer}
        slots = tuple(p for text in texts for p in text if isinstance(p, Expression))
        used = [*worked.items(), *(("text", e) for e in slots), *(("where", e) for e in where),
                *(("strata", e) for e in strata), *(("choices", e) for e in choices)]  # fmt: skip
        for key, e in used:
            if unknown := sorted(e.names - taken - set(worked)):
                names = ", ".join([*sorted(taken), *worked])
                self.wrong(key, f"a name among {names}", unknown[0])
        needs: dict[str, set[str]] = {}

        def of(name: str, path: tuple[str, ...]) -> set[str]:
            if name in path:
                self.wrong("values", "values that do not need themselves",
                           " → ".join([*path[path.index(name) :], name]))  # fmt: skip
            if name in taken:
                return {name}
            if name not in needs:
                parts = [of(n, (*path, name)) for n in sorted(worked[name].names)]
                needs[name] = set().union(*parts)
            return needs[name]

        for name in worked:
            of(name, ())
        for key, rules in (("where", where), ("strata", strata)):
            for e in rules:
                if touched := set().union(*(of(n, ()) for n in e.names)) & cosmetic:
                    self.wrong(key, f"{e.text!r} to hold for any cosmetic variable",
                               f"one that needs {sorted(touched)[0]}")  # fmt: skip


def _got(x: Any) -> str:
    return "nothing" if x is None else one_line(repr(x), 80)
