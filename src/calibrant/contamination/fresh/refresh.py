"""Which items are spoilt, and what takes their place? Fresh ones of the same template and size."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from calibrant._text import dumps, one_line
from calibrant.contamination.fresh.generate import FreshItem, Maker
from calibrant.contamination.fresh.gym import generate_from
from calibrant.errors import InputError

if TYPE_CHECKING:
    from calibrant.contamination.fresh.gym import Create
    from calibrant.contamination.fresh.language.template import Template
    from calibrant.contamination.fresh.stream import Secret

FORMAT = "calibrant refresh 1"
_SPOILING = ("verbatim", "paraphrase")
LIMIT = 0.8
"""Containment in a corpus from which an item is spoilt, unless another limit is given."""


@dataclass(frozen=True)
class Replaced:
    """One item that was replaced, and why."""

    old: str
    new: str
    cluster: str
    stratum: str
    why: str


@dataclass(frozen=True)
class Refreshed:
    """A new release of a test.

    Attributes:
        release: its name.
        items: all items, each fresh one in the place of the spoilt one.
        replaced: which these are.
        kept: ids of the others: the anchors by which scores can be linked.
        secret: commitment of the secret that made the fresh ones.
        templates: name and hash of the templates.
        notes: what a reader should know.
    """

    release: str
    items: tuple[FreshItem, ...]
    replaced: tuple[Replaced, ...]
    kept: tuple[str, ...]
    secret: str
    templates: Mapping[str, str]
    notes: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return (
            f"release {self.release}: {len(self.replaced):,} of {len(self.items):,} items "
            f"replaced, {len(self.kept):,} kept"
        )

    def report(self) -> dict[str, Any]:
        """What was replaced, as plain data; without the items."""
        return {
            "format": FORMAT, "release": self.release, "kept": list(self.kept),
            "replaced": [asdict(r) for r in self.replaced], "secret": self.secret,
            "templates": dict(self.templates), "notes": list(self.notes),
        }  # fmt: skip

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return self.report() | {"items": [i.to_dict() for i in self.items]}


def refresh(
    items: Sequence[FreshItem],
    spoilt: Mapping[str, str] | Sequence[str],
    templates: Sequence[Template],
    secret: Secret,
    *,
    release: str,
    avoid: Sequence[FreshItem] = (),
    create: Create | None = None,
) -> Refreshed:
    """Replace spoilt items by fresh ones of the same template, stratum and wording.

    Args:
        items: a release that `generate` made.
        spoilt: ids, with the reason of each if it is known; "*" for all.
        templates: those that the items were made of, unchanged.
        release: names the new release, such as "2": what is drawn for another is independent.
        avoid: items that must not come again either, such as twins and earlier releases.
        create: makes data sets of another package's generators; by default reasoning-gym's.

    Raises:
        InputError: for an unknown id, a template that is missing or changed, or a stratum that has
            no more items.
    """
    why = dict(spoilt) if isinstance(spoilt, Mapping) else dict.fromkeys(spoilt, "")
    if all_ := why.pop("*", None):
        why = {i.id: why.get(i.id, all_) for i in items}
    if not release.strip():
        raise InputError("release: wanted a name, such as 2")
    known = {i.id for i in items}
    if unknown := [name for name in why if name not in known]:
        raise InputError(
            f"spoilt: {len(unknown):,} ids are not among the items, such as "
            f"{one_line(unknown[0], 60)!r}"
        )
    seen = [i.problem for i in (*items, *avoid)]
    makers: dict[str, Maker] = {}
    named = {t.name: t for t in templates}
    count: Counter[str] = Counter()
    fresh: list[FreshItem] = []
    rows: list[Replaced] = []
    for item in items:
        if item.id not in why:
            fresh.append(item)
            continue
        made = _one(item, named, makers, secret, release, seen, count[item.cluster], create)
        count[item.cluster] += 1
        seen.append(made.problem)
        fresh.append(made)
        rows.append(Replaced(item.id, made.id, item.cluster, item.stratum, why[item.id]))
    notes = list(secret.notes)
    twins = [i.purpose for i in items if i.purpose in ("first", "second")]
    if twins and rows:
        notes.append("a fresh item has no twin: leave replaced items out of tests by pairs")
    used = {t.name: t.hash for t in templates if any(i.cluster == t.name for i in fresh)}
    return Refreshed(
        release, tuple(fresh), tuple(rows), tuple(i.id for i in items if i.id not in why),
        secret.commitment, used, tuple(notes),
    )  # fmt: skip


def _one(
    item: FreshItem, named: Mapping[str, Template], makers: dict[str, Maker], secret: Secret,
    release: str, seen: Sequence[str], index: int, create: Create | None,
) -> FreshItem:  # fmt: skip
    purpose = f"release {release}"
    if item.form == "verifier":
        kept = json.loads(item.entry)
        # Each place a purpose of its own: which seeds were tried for others changes nothing.
        made = generate_from({kept["generator"]: kept["settings"]}, secret, 1,
                             purpose=f"{purpose} {index}", create=create, seen=seen)  # fmt: skip
        return replace(made.items[0], canary=item.canary)
    template = named.get(item.cluster)
    if template is None:
        raise InputError(f"templates: no {item.cluster!r}, of which item {item.id!r} was made")
    if template.hash[:16] != item.template:
        raise template.error(
            "hash", f"changed since item {item.id!r} was made (wanted {item.template}, got "
            f"{template.hash[:16]}); items of a changed template are of another test"
        )  # fmt: skip
    if item.cluster not in makers:
        makers[item.cluster] = Maker(template, secret, item.canary, seen)
    return makers[item.cluster].one(index, purpose, item.stratum, item.variant)


def spoilt_in(path: str | Path, limit: float = LIMIT) -> dict[str, str]:
    """Which items a file says are spoilt, with the reason.

    Args:
        path: ids, one a line (.txt); a JSON list of ids; or the JSON of `contamination scan`,
            `paraphrase` or `test`.
        limit: containment, of all of an item or of its question, from which it is spoilt.

    Returns:
        Reasons by id; a test that says "seen" of all its items gives the one key "*".

    Raises:
        InputError: if the file is none of these.
    """
    file = Path(path)
    if not 0 < limit <= 1:
        raise InputError(f"containment: wanted above 0 and at most 1, got {limit!r}")
    try:
        text = file.read_text(encoding="utf-8")
    except UnicodeDecodeError as e:
        raise InputError(f"{file}: not UTF-8 (byte {e.start})") from e
    except OSError as e:
        raise InputError(f"{file}: cannot be read ({e.strerror})") from e
    if file.suffix.lower() != ".json":
        return {line.strip(): "listed" for line in text.splitlines() if line.strip()}
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as e:
        raise InputError(f"{file}: not JSON") from e
    if isinstance(data, list) and all(isinstance(x, str) for x in data):
        return dict.fromkeys(data, "listed")
    if isinstance(data, dict) and "verdict" in data and "method" in data:
        if data["verdict"] != "seen":
            return {}
        why = f"test by {one_line(str(data['method']), 40)}: seen"
        return dict.fromkeys((data.get("detail") or {}).get("spoilt") or ["*"], why)
    if isinstance(data, dict) and isinstance(data.get("items"), list):
        return {
            str(row["item"]): said
            for row in data["items"]
            if isinstance(row, dict) and "item" in row and (said := _reason(row, limit))
        }
    raise InputError(f"{file}: wanted a list of ids, or the JSON of a scan or a test")


def _reason(row: Mapping[str, Any], limit: float) -> str:
    parts = {"containment": row, "containment of its question": row.get("question")}
    for name, part in parts.items():
        share = part.get("containment") if isinstance(part, Mapping) else None
        if isinstance(share, int | float) and not isinstance(share, bool) and share >= limit:
            return f"{name} {share:.2f}"
    said = row.get("kind")
    return f"found: {said}" if said in _SPOILING else ""


def write_report(made: Refreshed, path: Path) -> None:
    """Write what was replaced.

    Raises:
        InputError: if it cannot be written.
    """
    from calibrant.contamination.fresh.files import write_text

    write_text(path, dumps(made.report(), indent=1) + "\n")
