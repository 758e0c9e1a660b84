"""Which of an instrument's items is meant by a calibrated one? By id, and by what is shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from calibrant._text import one_line
from calibrant.bench.streams import Stream
from calibrant.errors import InputError
from calibrant.records.identity import id_of
from calibrant.records.readers.inspect_rows import item_name


@dataclass(frozen=True)
class Places:
    """Where calibrated items stand in an instrument.

    Attributes:
        at: position in the instrument's stream, by the item's name.
        absent: names of items that it does not have; they are predicted and never asked.
        changed: of them, those whose id it has, but whose text is another one now.
    """

    at: dict[str, int]
    absent: tuple[str, ...]
    changed: tuple[str, ...]


def places(stream: Stream, items: Sequence[str]) -> Places:
    """Find calibrated items in an instrument.

    A name is an id of a sample; an id with the first 16 digits of the hash of its text, as
    `calibrant read` names items of logs; or the whole hash, as `calibrant assess` does. Where a
    name has a hash, a sample whose text has changed since is another item.

    Raises:
        InputError: if the instrument has no fixed items, or none of these.
    """
    if stream.size is None:
        raise InputError(f"instrument {stream.key}: makes new items without end; an adaptive test "
                         "wants the fixed items that were calibrated")  # fmt: skip
    by_name: dict[str, int] = {}
    ids: set[str] = set()
    for position in range(stream.size):
        sample = stream.sample(position)
        ids.add(str(sample.id))
        for name in (stream.item(position), _as_read(sample), str(sample.id)):
            by_name.setdefault(name, position)
    prefix = f"{stream.title}/"
    at: dict[str, int] = {}
    for name in items:
        # Of several instruments, items are called INSTRUMENT/ITEM.
        found = by_name.get(name, by_name.get(name.removeprefix(prefix)))
        if found is not None:
            at[name] = found
    absent = tuple(name for name in items if name not in at)
    if not at:
        raise InputError(
            f"instrument {stream.key}: has none of the {len(items)} calibrated items, such as "
            f"{one_line(items[0], 60)!r}; its ids are such as {one_line(sorted(ids)[0], 60)!r}"
        )
    changed = tuple(name for name in absent if id_of(name) in ids)
    return Places(at, absent, changed)


def _as_read(sample: Any) -> str:
    """The name that the reader of logs gives to a sample."""
    given = sample.input
    if not isinstance(given, str):
        given = [m.model_dump(mode="json") for m in given]
    return item_name(sample.id, given, sample.choices, sample.target)
