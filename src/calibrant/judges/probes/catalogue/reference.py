"""What is in the catalogue, as the tables of the reference page (docs/judge-probe-catalogue.md)."""

from __future__ import annotations

from calibrant.judges.probes.catalogue import ENTRIES, FAMILIES, GRADED
from calibrant.judges.probes.catalogue.entry import Entry

_TITLES = {
    "length": "Length",
    "layout": "Layout",
    "authority": "Authority",
    "bandwagon": "Bandwagon",
    "tone": "Tone",
    "confidence": "Confidence",
    "identity": "Identity and self-preference",
    "distraction": "Distraction",
    "rubric": "Wording of the rubric",
    "scale": "The scale",
    "language": "Language",
    "noise": "Noise",
    "injection": "Injected instructions",
    "fact": "Changed facts",
    "claim": "Turned claims",
    "refusal": "Refusals",
    "code": "Broken code",
    "structure": "Cut, shuffled, misplaced",
    "null": "Null answers",
}
_KEEPS = {
    "words": "all words, in order",
    "only words": "the same words, case aside",
    "spelling": "numbers, and every word but for its spelling",
    "meaning": "the meaning, by the user's word",
    "nothing": "",
}


def tables() -> str:
    """Every probe by family, in Markdown."""
    return "\n\n".join(_family(name) for name in FAMILIES) + "\n"


def sources() -> str:
    """The papers, in Markdown, in the order of their first probe."""
    found = dict.fromkeys(entry.probe.source for entry in ENTRIES)
    return "\n".join(f"- {_linked(source)}" for source in found) + "\n"


def _family(name: str) -> str:
    entries = [entry for entry in ENTRIES if entry.probe.family == name]
    kept = entries[0].probe.expect == "same"
    head = "| probe | asks | applies to | " + ("keeps | " if kept else "") + "caution |\n"
    rule = "|---|---|---|" + ("---|" if kept else "") + "---|\n"
    rows = "\n".join(_row(entry, kept) for entry in entries)
    return f"### {_TITLES[name]} (`{name}`)\n\n{head}{rule}{rows}"


def _row(entry: Entry, kept: bool) -> str:
    probe = entry.probe
    name = f"`{probe.name}`" + (" (graded)" if probe.name in GRADED else "")
    keeps = _KEEPS[entry.keeps]
    if "answers" not in entry.changes:
        keeps = f"every answer; changes {' and '.join(sorted(entry.changes))}"
    cells = [name, probe.asks, entry.needs, *([keeps] if kept else []), entry.caveat]
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _linked(source: str) -> str:
    text, _, number = source.rpartition("arXiv:")
    return f"{text}[arXiv:{number}](https://arxiv.org/abs/{number})"
