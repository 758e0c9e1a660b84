"""How do documents become batches? Gathered until there are some megabytes; long ones are cut."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from calibrant.contamination.corpora.batch import Batch

SIZE = 4 << 20
"""Bytes of text after which a batch is full; none is larger than twice that."""

Numbered = tuple[int, bytes]
"""A document's number in its file, and its UTF-8 text."""


def packed(documents: Iterable[Numbered], file: str, size: int = SIZE) -> Iterator[Batch]:
    """Batches of whole documents; one longer than `size` bytes is cut over several batches.

    Args:
        documents: in the file's order. Empty ones are left out: nothing stands in them.
    """
    numbers: list[int] = []
    parts: list[bytes] = []
    held = 0
    for number, text in documents:
        if not text:
            continue
        if len(text) > size:
            if parts:
                yield _batch(parts, numbers, file)
            numbers, parts, held = [], [], 0
            yield from cut(iter([text]), number, file, size)
            continue
        numbers.append(number)
        parts.append(text)
        held += len(text)
        if held >= size:
            yield _batch(parts, numbers, file)
            numbers, parts, held = [], [], 0
    if parts:
        yield _batch(parts, numbers, file)


def cut(blocks: Iterable[bytes], number: int, file: str, size: int = SIZE) -> Iterator[Batch]:
    """Batches of one document that comes in blocks, cut after white space where there is any.

    Args:
        blocks: its UTF-8 text; may be cut anywhere, also inside a character.
    """
    offset = 0
    rest = b""
    for block in blocks:
        rest = rest + block if rest else block
        start = 0
        while len(rest) - start > size:
            end = start + size
            end = _before(rest, start, end)
            yield _batch([rest[start:end]], [number], file, offset)
            offset += end - start
            start = end
        rest = rest[start:] if start else rest
    if rest:
        yield _batch([rest], [number], file, offset)


def _before(text: bytes, start: int, end: int) -> int:
    """The last place to cut at or before `end`: after a space, or between two characters."""
    low = max(start + 1, end - 65536)
    space = max(text.rfind(b" ", low, end), text.rfind(b"\n", low, end))
    if space >= 0:
        return space + 1
    while end > low and text[end] & 0xC0 == 0x80:
        end -= 1
    return end


def _batch(parts: list[bytes], numbers: list[int], file: str, offset: int = 0) -> Batch:
    starts = np.zeros(len(parts) + 1, np.int64)
    np.cumsum(np.fromiter(map(len, parts), np.int64, len(parts)), out=starts[1:])
    data = parts[0] if len(parts) == 1 else b"".join(parts)
    return Batch(data, starts, file, np.asarray(numbers, np.int64), offset)
