"""Which alterations can a judge be probed with?

`PROBES` holds them all; `probes` chooses some by name. `ENTRIES` says more of each: what it
touches, what it keeps, when it applies.

Keys of `Case.extra` that alterations read, all optional (a probe that needs one gives None
without it):

- `judge`: the judge's own name, as an author might be named (a string).
- `other`: an answer to another question (a string).
- `translation`: the answers in another language: a string for one answer, else a sequence of as
  many strings or None as there are answers.
- `rubrics`: other wordings of the rubric, by the user (a sequence of strings).
- `refuse`: whether the question ought to be refused (a bool).
- `scale`: the scale as shown to the judge, a sequence of mappings with the keys `label` (what the
  judge is to write), `means` (in words) and `value` (a number). Alterations change the order, the
  labels or the words and leave each value with its meaning, so that a verdict is read by looking
  its label up here.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence

from calibrant.errors import InputError
from calibrant.judges.probes.catalogue.entry import Entry
from calibrant.judges.probes.catalogue.lower import claims, code, facts, nothing, structure
from calibrant.judges.probes.catalogue.same import (
    authority,
    distractors,
    identity,
    injections,
    language,
    layout,
    length,
    noise,
    rubric,
    tone,
)
from calibrant.judges.probes.probe import Probe

ENTRIES: tuple[Entry, ...] = (
    *length.ENTRIES,
    *layout.ENTRIES,
    *authority.ENTRIES,
    *tone.ENTRIES,
    *identity.ENTRIES,
    *distractors.ENTRIES,
    *rubric.ENTRIES,
    *language.ENTRIES,
    *noise.ENTRIES,
    *injections.ENTRIES,
    *facts.ENTRIES,
    *claims.ENTRIES,
    *code.ENTRIES,
    *structure.ENTRIES,
    *nothing.ENTRIES,
)
PROBES: tuple[Probe, ...] = tuple(entry.probe for entry in ENTRIES)
FAMILIES: tuple[str, ...] = tuple(dict.fromkeys(probe.family for probe in PROBES))
CORE: tuple[str, ...] = (
    "verbosity",
    "bold",
    "bullets",
    "citation",
    "bandwagon-answer",
    "cheerful",
    "hedged",
    "author-self",
    "distractor",
    "rubric-frame",
    "scale-order",
    "typos",
    "inject-order",
    "inject-verdict",
    "number",
    "name",
    "negation",
    "refusal-undue",
    "code-off-by-one",
    "truncation",
    "other-answer",
    "constant-opener",
)
"""One or two probes of every sort, for a first look that costs less than all of them."""

GRADED = {**length.GRADED, **distractors.GRADED, **noise.GRADED, **structure.GRADED}


def probes(names: Sequence[str] | None = None) -> tuple[Probe, ...]:
    """The probes called by `names`, each once, in the order of the catalogue; None means all.

    A name is that of a probe, that of a family (all of it), a graded probe's with its dose, as in
    "verbosity-2", or "core" for one or two probes of every sort.

    Raises:
        InputError: no such probe or family; the nearest names are in the message.
    """
    if names is None:
        return PROBES
    if isinstance(names, str):
        names = (names,)
    found: dict[str, Probe] = {}
    for name in names:
        found |= {probe.name: probe for probe in _called(name)}
    order = {probe.name: i for i, probe in enumerate(PROBES)}
    return tuple(sorted(found.values(), key=lambda probe: order.get(probe.name, len(order))))


def _called(name: str) -> Sequence[Probe]:
    if name == "core":
        return [probe for probe in PROBES if probe.name in CORE]
    known = [probe for probe in PROBES if name in (probe.name, probe.family)]
    if known:
        return known
    stem, _, dose = str(name).rpartition("-")
    if stem in GRADED and _is_number(dose):
        return [GRADED[stem](float(dose)).probe]
    every = ["core", *FAMILIES, *(probe.name for probe in PROBES)]
    near = difflib.get_close_matches(str(name).lower(), every, n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(map(repr, near))}?" if near else _families()
    raise InputError(f"no probe {str(name)[:60]!r}: {hint}")


def _families() -> str:
    return f"the families are {', '.join(FAMILIES)}"


def _is_number(text: str) -> bool:
    return text.replace(".", "", 1).isascii() and text.replace(".", "", 1).isdigit()


__all__ = ["CORE", "ENTRIES", "FAMILIES", "GRADED", "PROBES", "Entry", "probes"]
