"""The items of a run, or of an instrument, as a Croissant 1.1 data set to load and to cite.

The metadata names a file of JSON lines beside it, by its SHA-256. An item is what the subject was
shown before it first spoke; its identity is the hash that the trials carry.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import PurePath
from typing import Any

from calibrant._text import dumps, one_line
from calibrant._version import __version__
from calibrant.bench.trial import Trial
from calibrant.errors import InputError
from calibrant.instruments import load
from calibrant.report.exports.source import Run

CONFORMS_TO = "http://mlcommons.org/croissant/1.1"

_CR_TERMS = (
    "arrayShape citeAs column containedIn equivalentProperty extract field fileProperty fileObject "
    "fileSet format includes isArray isLiveDataset jsonPath key md5 parentField path recordSet "
    "references regex repeated replace samplingRate separator source subField transform"
)
CONTEXT: dict[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "cr": "http://mlcommons.org/croissant/",
    "dct": "http://purl.org/dc/terms/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "sc": "https://schema.org/",
    "conformsTo": "dct:conformsTo",
    "name": {"@container": "@language"},
    "description": {"@container": "@language"},
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "examples": {"@id": "cr:examples", "@type": "@json"},
    **{term: f"cr:{term}" for term in _CR_TERMS.split()},
}
"""The JSON-LD context that the Croissant 1.1 specification asks for."""

FIELDS: dict[str, tuple[str, str]] = {
    "item": ("sc:Text", "SHA-256 of the item's content: equal content, equal item."),
    "instrument": ("sc:Text", "The instrument the item belongs to, with its arguments."),
    "position": ("sc:Integer", "Its place in the instrument's fixed order, from 0."),
    "family": ("sc:Text", "The family (cluster) of items it belongs to, or empty."),
    "variant": ("sc:Text", "The wording or kind, or empty."),
    "prompt": ("sc:Text", "What the subject was shown before it first spoke."),
}
"""The fields of an item, with their type and meaning."""


def render(run: Run, file: str) -> dict[str, bytes]:
    """The metadata, called `file`, and the items as STEM_items.jsonl.

    Raises:
        InputError: for an assessment without its run folder.
    """
    a = run.assessment
    instruments = ", ".join(sorted({c.claim.instrument for c in a.claims}))
    description = (
        f"The items that {a.subject} was shown in an assessment by the suite {a.suite} "
        f"(seed {a.provenance.seed}): {instruments}."
    )
    items = items_of(run.journal())
    return _files(file, items, f"items of {a.suite}", description, a.provenance.finished[:10])


def of_instrument(
    name: str, seed: int, count: int, file: str = "croissant.json"
) -> dict[str, bytes]:
    """The first items of an instrument of calibrant, by file name; no model is asked.

    Args:
        name: such as calibrant/arithmetic.
        seed: of the items.
        count: how many, from position 0; at least 1.
        file: the name of the metadata; the items get STEM_items.jsonl.

    Raises:
        InputError: if there is no such instrument, or the count is below 1.
    """
    instrument = load(name.removeprefix("calibrant/"))
    if count < 1:
        raise InputError(f"count: wanted at least 1 item, got {count}")
    made = (instrument.item(seed, i) for i in range(count))
    key = f"calibrant/{instrument.name}"
    items = b"".join(
        _line(m.hash, key, i, m.family, m.variant, m.prompt) for i, m in enumerate(made)
    )
    title = f"{key}, seed {seed}, {count} items"
    return _files(file, items, title, f"{instrument.title}. {instrument.measures}", None)


def items_of(trials: Iterable[Trial]) -> bytes:
    """Each item that was shown, once, as JSON lines in the order of instruments and positions.

    Raises:
        InputError: if there are none.
    """
    seen: set[tuple[str, str]] = set()
    lines = []
    for trial in trials:
        key = (trial.instrument, trial.item)
        if key in seen:
            continue
        seen.add(key)
        prompt = []
        for role, text in trial.messages:
            if role == "assistant":
                break
            prompt.append(text)
        lines.append(
            _line(
                trial.item, trial.instrument, trial.position, trial.family or "",
                trial.variant or "", "\n\n".join(prompt),
            )
        )  # fmt: skip
    if not lines:
        raise InputError("items: wanted at least one finished trial, got none")
    return b"".join(lines)


def _line(*values: str | int) -> bytes:
    return dumps(dict(zip(FIELDS, values, strict=True))).encode() + b"\n"


def _files(
    file: str, items: bytes, name: str, description: str, published: str | None
) -> dict[str, bytes]:
    beside = f"{PurePath(file).stem}_items.jsonl"
    meta = metadata(name, description, published, beside, items)
    return {file: dumps(meta, indent=1).encode() + b"\n", beside: items}


def metadata(
    name: str, description: str, published: str | None, items_file: str, items: bytes
) -> dict[str, Any]:
    """The JSON-LD that describes a file of items.

    Args:
        name, description: of the data set.
        published: a date such as 2026-11-21; None: the property is left out.
        items_file: the name of the file beside the metadata.
        items: its bytes.
    """
    digest = hashlib.sha256(items).hexdigest()
    source = {"fileObject": {"@id": "items-file"}}
    date = {} if published is None else {"datePublished": published}
    return {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": CONFORMS_TO,
        "name": one_line(name),
        "description": one_line(description, 2000),
        "version": "1.0.0",
        **date,
        "license": "unknown",
        "url": items_file,
        "creator": {"@type": "sc:Organization", "name": "unknown"},
        "citeAs": one_line(f"{name} (calibrant {__version__}), SHA-256 {digest}"),
        "distribution": [
            {
                "@type": "cr:FileObject",
                "@id": "items-file",
                "name": items_file,
                "description": "One item a line, as JSON.",
                "contentUrl": items_file,
                "contentSize": f"{len(items)} B",
                "encodingFormat": "application/jsonlines",
                "sha256": digest,
            }
        ],
        "recordSet": [
            {
                "@type": "cr:RecordSet",
                "@id": "items",
                "name": "items",
                "description": "The items, each once.",
                "key": [{"@id": "items/instrument"}, {"@id": "items/item"}],
                "field": [
                    {
                        "@type": "cr:Field",
                        "@id": f"items/{name}",
                        "name": name,
                        "description": meaning,
                        "dataType": kind,
                        "source": {**source, "extract": {"column": name}},
                    }
                    for name, (kind, meaning) in FIELDS.items()
                ],
            }
        ],
    }
