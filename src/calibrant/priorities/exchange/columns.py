"""Which column of a survey's export means what? By a map, by its name, or by what it asks."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from calibrant._text import one_line
from calibrant.errors import InputError
from calibrant.priorities.survey.model import Survey
from calibrant.priorities.taxonomy import Area, Category, Taxonomy

Kind = Literal[
    "rating", "comment", "demographic", "other", "chosen", "category", "own", "respondent", "round"
]


@dataclass(frozen=True)
class Meaning:
    """What a column holds.

    Attributes:
        kind: "rating" of an area; "comment"; "demographic", or what was typed for its "other";
            "category": whether one was chosen; "chosen": all that were; "own" areas; and the
            "respondent" and "round" of calibrant's own exports.
        question: id of the question, comment or demographic.
        area, category: ids.
    """

    kind: Kind
    question: str = ""
    area: str = ""
    category: str = ""

    def __str__(self) -> str:
        return " ".join(x for x in (self.kind, self.question, self.area, self.category) if x)


@dataclass(frozen=True)
class Head:
    """The header of one column: its name, the text of its question, its ImportId."""

    name: str
    text: str = ""
    import_id: str = ""


def folded(text: str) -> str:
    """Text as it is compared: white space, quotes and case do not count."""
    text = text.replace("’", "'").replace("“", '"').replace("”", '"').replace("\u00a0", " ")
    return " ".join(text.casefold().split())


def _tag(text: str) -> str:
    """A column's name as it is compared."""
    return re.sub(r"[\s.\-_]+", "_", text.strip().casefold()).strip("_")


def names_of(survey: Survey, taxonomy: Taxonomy) -> dict[str, Meaning]:
    """What each name that calibrant knows means: `importance_4d`, `4d_importance`, `obstacles_4`.

    A name that could mean two things means neither.
    """
    found: dict[str, Meaning | None] = {}

    def add(tag: str, meaning: Meaning) -> None:
        found[tag] = meaning if found.get(tag, meaning) == meaning else None

    for q in survey.questions:
        for a in taxonomy.areas:
            meaning = Meaning("rating", q.id, a.id)
            for name in {q.id, q.short}:
                add(_tag(f"{name}_{a.id}"), meaning)
                add(_tag(f"{a.id}_{name}"), meaning)
    for c in survey.comments:
        if c.per == "survey":
            add(_tag(c.id), Meaning("comment", c.id))
        for category in taxonomy.categories if c.per == "category" else ():
            add(_tag(f"{c.id}_{category.id}"), Meaning("comment", c.id, category=category.id))
            add(_tag(f"{category.id}_{c.id}"), Meaning("comment", c.id, category=category.id))
    for d in survey.demographics:
        add(_tag(d.id), Meaning("demographic", d.id))
    for category in taxonomy.categories:
        add(_tag(f"categories_{category.id}"), Meaning("category", category=category.id))
    for name, kind in (("categories", "chosen"), ("own_areas", "own"), ("respondent", "respondent"),
                       ("round", "round")):  # fmt: skip
        add(_tag(name), Meaning(kind))  # type: ignore[arg-type]
    return {tag: m for tag, m in found.items() if m is not None}


def by_name(head: Head, known: Mapping[str, Meaning], survey: Survey) -> Meaning | None:
    """What a column means by its ImportId or name."""
    for text in (head.import_id, head.name):
        typed = re.fullmatch(r"(.+?)(?:_\d+)?_TEXT", text.strip(), re.IGNORECASE)
        tag = _tag(text)
        if tag in known:
            return known[tag]
        if typed is None:
            continue
        whole = known.get(_tag(text.strip()[: -len("_TEXT")])) or known.get(_tag(typed[1]))
        if whole is not None and whole.kind == "comment":
            return whole
        if whole is not None and whole.kind == "demographic":
            return Meaning("other", whole.question)
        if typed[1] in {c.id for c in survey.comments if c.per == "survey"}:
            return Meaning("comment", typed[1])
    return None


def by_rule(head: Head, rules: Iterable[re.Pattern[str]], survey: Survey,
            taxonomy: Taxonomy, aliases: Mapping[str, str]) -> Meaning | None:  # fmt: skip
    """What a column means by a rule such as Q{area}_{question}."""
    questions = {folded(x): q.id for q in survey.questions for x in (q.id, q.short)}
    questions |= {folded(k): v for k, v in aliases.items()}
    areas = {a.id.casefold(): a.id for a in taxonomy.areas}
    for rule in rules:
        for text in (head.name, head.import_id):
            found = rule.fullmatch(text.strip())
            if found is None:
                continue
            question = questions.get(folded(found["question"]))
            area = areas.get(found["area"].casefold())
            if question and area:
                return Meaning("rating", question, area)
    return None


def compile_rule(rule: str) -> re.Pattern[str]:
    """A rule such as Q{area}_{question} as a pattern; * stands for anything.

    Raises:
        InputError: if it does not name the area and the question once each.
    """
    if any(rule.count(part) != 1 for part in ("{area}", "{question}")):
        raise InputError(
            f"rule {one_line(rule, 80)!r}: wanted {{area}} and {{question}} once each, such as "
            "{question}_{area}"
        )
    pattern = re.escape(rule).replace(r"\*", ".*")
    pattern = pattern.replace(r"\{area\}", "(?P<area>.+?)").replace(
        r"\{question\}", "(?P<question>.+?)"
    )
    return re.compile(pattern, re.IGNORECASE)


def by_text(head: Head, survey: Survey, taxonomy: Taxonomy) -> Meaning | None:
    """What a column means by its header's text: "what is asked - which row of the matrix"."""
    text = folded(head.text)
    parts = [p for p in (folded(p) for p in re.split(r"\s+[-–—]\s+", head.text)) if p]
    for d in survey.demographics:
        if _asks(folded(d.text), parts[:1]):
            typed = len(parts) > 1 and parts[-1] == "text"
            return Meaning("other" if typed else "demographic", d.id)
    for c in survey.comments:
        if not _asks(folded(c.text), parts):
            continue
        if c.per == "survey":
            return Meaning("comment", c.id)
        category = _only(c.id for c in taxonomy.categories if folded(c.name) in parts)
        if category:
            return Meaning("comment", c.id, category=category)
    area = _area(text, parts, taxonomy)
    question = _only(
        q.id
        for q in survey.questions
        if _asks(folded(q.text), parts) or {folded(q.id), folded(q.short)} & set(parts)
    )
    if area and question:
        return Meaning("rating", question, area)
    category = _only(
        c.id
        for c in taxonomy.categories
        if parts and len(parts) > 1 and parts[-1] == folded(c.name)
    )
    return Meaning("category", category=category) if category and not question else None


def _asks(wanted: str, parts: list[str]) -> bool:
    """Whether one of the parts is the question, whole, within instructions, or cut off."""
    for part in parts:
        cut = part.rstrip(".… ")
        if wanted in part or (len(cut) >= 25 and wanted.startswith(cut)):
            return True
    return False


def _area(text: str, parts: list[str], taxonomy: Taxonomy) -> str | None:
    """The area that the text names: as a part of its own, or at the beginning of one."""
    names = {folded(n): a.id for a in taxonomy.areas for n in (a.name, *a.also)}
    exact = {names[p] for p in parts if p in names}
    if exact:
        return _only(exact)
    # "Debate: models argue against one another", or a name that itself holds a dash.
    best = ""
    for name in names:
        begins = any(p.startswith(name) and p[len(name) :].lstrip()[:1] in ":(" for p in parts)
        if (begins or text.endswith(f"- {name}")) and len(name) > len(best):
            best = name
    if best:
        return names[best]
    cut = [p.rstrip(".… ") for p in parts if p.endswith(("...", "…"))]
    return _only(
        id for name, id in names.items() for p in cut if len(p) > 14 and name.startswith(p)
    )


def _only(found: Iterable[str]) -> str | None:
    """The one there is; none of several."""
    different = set(found)
    return different.pop() if len(different) == 1 else None


def ids_in(text: str, known: Sequence[Area | Category]) -> tuple[list[str], str]:
    """Which ids, or names, a cell lists with commas between them, and what else is in it.

    Names may hold commas themselves: the longest are looked for first.
    """
    ids = {k.id: k for k in known}
    parts = [p.strip() for p in text.split(",") if p.strip()]
    if all(p in ids for p in parts):
        return [i for i in ids if i in parts], ""
    rest, found = folded(text), set()
    for k in sorted(known, key=lambda k: -len(k.name)):
        if folded(k.name) in rest:
            found.add(k.id)
            rest = rest.replace(folded(k.name), "")
    return [i for i in ids if i in found], rest.strip(" ,;")
