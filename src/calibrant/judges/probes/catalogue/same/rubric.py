"""Does a verdict hang on how the criterion is worded, or on how the scale is set out?

Here the surroundings change and no answer does. For judges that grade one answer only: of a pair
there is no altered side for an effect to count towards, and a judge thrown about by the wording,
now one way and now the other, would seem to be unmoved.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from calibrant.judges.probes.catalogue.entry import Entry, entry, pick, with_extra
from calibrant.judges.probes.catalogue.sources import LI_Q, XU, ZHENG_L
from calibrant.judges.probes.catalogue.text import Span, after, edited, has_words, newline
from calibrant.judges.probes.probe import Case

_FRAMES = (
    ("Use the following criterion.", "Apply this criterion and no other."),
    ("What counts is said below.", "Nothing else is to be taken into account."),
    ("The grade is to follow from these words:", "Please keep to them."),
)
_SYNONYMS = {
    "correct": "right",
    "incorrect": "wrong",
    "response": "answer",
    "evaluate": "assess",
    "assess": "evaluate",
    "whether": "if",
    "clear": "easy to follow",
    "accurate": "exact",
    "helpful": "of help",
    "relevant": "to the point",
    "concise": "brief",
    "contains": "holds",
    "mentions": "names",
    "however": "but",
    "in order to": "to",
}
_SYNONYM = re.compile(r"(?<![\w{<\[-])(?:" + "|".join(_SYNONYMS) + r")(?![\w}>\]-])")
_CRITERION = re.compile(r"^([ \t]*(?:[-*•]|\(?[0-9]{1,2}[.)])[ \t]+)(\S[^\r\n]*)", re.M)
_LEVEL = re.compile(
    r"^[ \t]*(?:[-*•][ \t]+)?\(?(-?[0-9]{1,3})\)?[ \t]*[:=–—-][ \t]*\S[^\r\n]*", re.M
)
_LABELS = ("A", "B", "C", "D", "E", "F", "G", "H", "I", "J", "K")
_WORDINGS = ("on the whole, {}", "that is, {}", "{}, all things considered", "in short: {}")


def _framed(case: Case, _side: int, rng: np.random.Generator) -> Case | None:
    if case.rubric is None or not has_words(case.rubric):
        return None
    opening, closing = pick(rng, _FRAMES)
    end = newline(case.rubric)
    return replace(case, rubric=after(f"{opening}{end}{end}{case.rubric}", closing))


def _synonyms(case: Case, _side: int, _rng: np.random.Generator) -> Case | None:
    new = _SYNONYM.sub(lambda m: _SYNONYMS[m[0]], case.rubric or "")
    return None if new == (case.rubric or "") else replace(case, rubric=new)


def _user_wording(case: Case, _side: int, rng: np.random.Generator) -> Case | None:
    given = case.extra.get("rubrics")
    if isinstance(given, str) or not isinstance(given, Sequence):
        return None
    options = [r for r in given if isinstance(r, str) and has_words(r) and r != case.rubric]
    return replace(case, rubric=pick(rng, options)) if options else None


def _criteria(case: Case, _side: int, rng: np.random.Generator) -> Case | None:
    """The criteria of a list in another order, each mark or number left in its place."""
    rubric = case.rubric or ""
    levels = {m.start() for m in _LEVEL.finditer(rubric)}
    found = [m for m in _CRITERION.finditer(rubric) if m.start() not in levels]
    if len({m[2] for m in found}) < 2:
        return None
    order = [int(i) for i in rng.permutation(len(found))]
    if [found[i][2] for i in order] == [m[2] for m in found]:
        order = order[::-1] if order[::-1] != order else order[1:] + order[:1]
    spans = [Span(m.start(2), m.end(2)) for m in found]
    new = edited(rubric, [(span, found[i][2]) for span, i in zip(spans, order, strict=True)])
    return None if new == rubric else replace(case, rubric=new)


def _scale(case: Case) -> list[Mapping[str, Any]]:
    """The scale of a case; empty where there is none or it is not as the catalogue wants it."""
    scale = case.extra.get("scale")
    if isinstance(scale, str) or not isinstance(scale, Sequence):
        return []
    levels = [dict(level) for level in scale if isinstance(level, Mapping)]
    whole = all({"label", "means", "value"} <= set(level) for level in levels)
    return list(levels) if whole and len(levels) == len(scale) and len(levels) > 1 else []


def _reversed(case: Case, _side: int, _rng: np.random.Generator) -> Case | None:
    """Levels last to first: those of extra["scale"], and the lines "3: good" of the rubric."""
    scale, rubric = _scale(case), case.rubric or ""
    found = [(Span(m.start(), m.end()), m[0]) for m in _LEVEL.finditer(rubric)]
    texts = [text for _, text in found]
    new = case
    if len(set(texts)) > 1 and texts != texts[::-1]:
        turned = [(place, text) for (place, _), text in zip(found, texts[::-1], strict=True)]
        new = replace(new, rubric=edited(rubric, turned))
    if scale:
        new = with_extra(new, scale=tuple(scale[::-1]))
    return None if new == case else new


def _relabelled(case: Case, _side: int, _rng: np.random.Generator) -> Case | None:
    """The levels of extra["scale"] called A (the highest value), B, C …, in the order they had."""
    scale = _scale(case)
    # A letter without a meaning beside it would leave open which end is the best.
    if not 1 < len(scale) <= len(_LABELS) or not all(has_words(str(s["means"])) for s in scale):
        return None
    ranked = sorted(range(len(scale)), key=lambda i: -_number(scale[i]["value"]))
    labels = dict(zip(ranked, _LABELS, strict=False))
    new = tuple({**level, "label": labels[i]} for i, level in enumerate(scale))
    return None if list(new) == scale else with_extra(case, scale=new)


def _number(value: Any) -> float:
    return float(value) if isinstance(value, int | float) else 0.0


def _reworded(case: Case, _side: int, rng: np.random.Generator) -> Case | None:
    scale, frame = _scale(case), pick(rng, _WORDINGS)
    if not any(has_words(str(level["means"])) for level in scale):
        return None
    return with_extra(case, scale=tuple(_put(level, frame) for level in scale))


def _put(level: Mapping[str, Any], frame: str) -> Mapping[str, Any]:
    means = str(level["means"])
    return {**level, "means": frame.replace("{}", means)} if has_words(means) else level


def _around(
    name: str,
    asks: str,
    alter: Any,
    source: str,
    needs: str,
    changes: Sequence[str],
    caveat: str = "",
) -> Entry:
    family = name.split("-")[0]
    return entry(
        name,
        family,
        "same",
        asks,
        alter,
        source,
        needs=needs,
        changes=changes,
        kinds=frozenset({"pointwise"}),
        caveat=caveat,
    )


ENTRIES: tuple[Entry, ...] = (
    _around(
        "rubric-frame",
        "Does a verdict change when the same rubric is introduced in other words?",
        _framed,
        ZHENG_L,
        "a rubric",
        ("rubric",),
    ),
    _around(
        "rubric-synonyms",
        "Does a verdict change when words of the rubric give way to others that mean the same?",
        _synonyms,
        LI_Q,
        "a rubric with such a word",
        ("rubric",),
        "near synonyms only: read a rewording of your rubric once before trusting this",
    ),
    _around(
        "rubric-own",
        "Does a verdict change with another wording of the rubric, given by the user?",
        _user_wording,
        LI_Q,
        'extra["rubrics"]',
        ("rubric",),
    ),
    _around(
        "rubric-order",
        "Does a verdict change with the order in which criteria are listed?",
        _criteria,
        XU,
        "a rubric with a list of two criteria or more",
        ("rubric",),
        "not for a rubric that gives the order a meaning",
    ),
    _around(
        "scale-order",
        "Does a verdict change when the scale is shown from best to worst, or the other way?",
        _reversed,
        LI_Q,
        'extra["scale"], or a rubric with lines such as "3: good"',
        ("rubric", "extra"),
    ),
    _around(
        "scale-labels",
        "Does a verdict change when the levels of the scale are called A, B, C?",
        _relabelled,
        LI_Q,
        'extra["scale"] of at most 11 levels, each with a meaning',
        ("extra",),
    ),
    _around(
        "scale-wording",
        "Does a verdict change when the levels of the scale are put in other words?",
        _reworded,
        LI_Q,
        'extra["scale"] with meanings',
        ("extra",),
    ),
)
