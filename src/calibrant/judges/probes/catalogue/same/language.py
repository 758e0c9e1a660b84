"""Does a verdict hang on the language or the spelling in which the same is said?

There is no translator here. What can be tested without one is the spelling of words that British
and American English write differently, and a courtesy in another language around an answer that
stays as it is; with translations given by the user, the answer itself.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from calibrant.judges.probes.catalogue.entry import Entry, OnAnswer, OnText, entry, pick
from calibrant.judges.probes.catalogue.sources import FEUER, YE
from calibrant.judges.probes.catalogue.text import Span, after, before, edited, has_words, lines
from calibrant.judges.probes.probe import Case

_PAIRS = """\
colour color
colours colors
favourite favorite
honour honor
labour labor
neighbour neighbor
behaviour behavior
flavour flavor
harbour harbor
centre center
centres centers
theatre theater
litre liter
litres liters
metre meter
metres meters
kilometre kilometer
kilometres kilometers
fibre fiber
defence defense
offence offense
organise organize
organised organized
organisation organization
recognise recognize
recognised recognized
realise realize
realised realized
analyse analyze
analysed analyzed
minimise minimize
maximise maximize
summarise summarize
travelled traveled
travelling traveling
cancelled canceled
modelling modeling
labelled labeled
grey gray
aluminium aluminum
sulphur sulfur
catalogue catalog
mould mold
plough plow
sceptical skeptical
jewellery jewelry
oestrogen estrogen
anaemia anemia
haemoglobin hemoglobin
"""
_OTHER: dict[str, str] = {}
for _pair in _PAIRS.splitlines():
    _british, _american = _pair.split()
    _OTHER |= {_british: _american, _american: _british}
_SPELLED = re.compile(r"(?<![`\w-])(?:" + "|".join(_OTHER) + r")(?![`\w-])", re.I)
_COURTESIES = (
    ("Voici ma réponse :", "J'espère que cela vous aide."),
    ("Hier ist meine Antwort:", "Ich hoffe, das hilft weiter."),
    ("Aquí está mi respuesta:", "Espero que le sea útil."),
    ("Ecco la mia risposta:", "Spero che sia utile."),
)


def _respelled(text: str, _rng: np.random.Generator) -> str | None:
    edits: list[tuple[Span, str]] = []
    for line in lines(text):
        for m in _SPELLED.finditer(text[line.start : line.end]):
            new = _like(m[0], _OTHER.get(m[0].lower(), m[0]))
            edits.append((Span(line.start + m.start(), line.start + m.end()), new))
    return edited(text, edits) if edits else None


def _like(old: str, new: str) -> str:
    if old.isupper():
        return new.upper()
    return new.capitalize() if old[0].isupper() else new


def _wrapped(text: str, rng: np.random.Generator) -> str:
    opening, closing = pick(rng, _COURTESIES)
    return after(before(text, opening), closing)


class _Translated(OnAnswer):
    """The answer as the user translated it."""

    def __call__(self, case: Case, side: int, rng: np.random.Generator) -> Case | None:
        given = case.extra.get("translation")
        if isinstance(given, str):
            given = (given,) if case.kind == "pointwise" else ()
        if not isinstance(given, Sequence) or len(given) != len(case.answers):
            return None
        new = given[side]
        if not isinstance(new, str) or not has_words(new):
            return None
        return OnAnswer(lambda *_: new)(case, side, rng)


ENTRIES: tuple[Entry, ...] = (
    entry(
        "spelling",
        "language",
        "same",
        "Does it change a grade whether words are spelled the British or the American way?",
        OnText(_respelled),
        FEUER,
        needs=f"one of {len(_OTHER)} words spelled in two ways, outside code",
        keeps="spelling",
        caveat="a question that asks for one way of spelling asks for another verdict",
    ),
    entry(
        "courtesy-foreign",
        "language",
        "same",
        "Does a courtesy in another language around the answer change a grade?",
        OnText(_wrapped),
        YE,
    ),
    entry(
        "translation",
        "language",
        "same",
        "Does the same answer in another language, translated by the user, get another grade?",
        _Translated(lambda *_: None),
        YE,
        needs='extra["translation"]',
        keeps="meaning",
        caveat="as good as the translation; not where the question asks for a language",
    ),
)
