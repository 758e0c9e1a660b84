"""How does plain text become documents? Whole files, lines or paragraphs, in sound UTF-8."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable, Iterator

from calibrant.contamination.corpora.batch import Batch
from calibrant.contamination.corpora.blocks import Piece
from calibrant.contamination.corpora.packing import Numbered, cut, packed
from calibrant.contamination.corpora.problems import Problems

_BOMS = (
    (codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"), (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)  # fmt: skip
_REPLACED = "\N{REPLACEMENT CHARACTER}".encode()
LONGEST = 256 << 20
"""Bytes of a line after which it is cut, where documents are lines."""
_BLANK = re.compile(rb"\n[ \t\r]*\n\s*")


def sound(blocks: Iterable[bytes], piece: Piece, problems: Problems) -> Iterator[bytes]:
    """The same text in UTF-8, in blocks that end between characters.

    Bytes that are no UTF-8 become U+FFFD, and are counted. A byte order mark says the encoding
    (UTF-8, -16 or -32) and is left out.
    """
    stream = iter(blocks)
    first = next(stream, b"")
    encoding = "utf-8"
    if piece.start == 0:
        for mark, name in _BOMS:
            if first.startswith(mark):
                encoding, first = name, first[len(mark) :]
                break
    place = piece.start
    rest = b""
    decoder = None if encoding == "utf-8" else codecs.getincrementaldecoder(encoding)("replace")
    for block in _chain(first, stream):
        if decoder is not None:
            yield decoder.decode(block).encode("utf-8", "replace")
            continue
        if not rest and block.isascii():
            place += len(block)
            yield block
            continue
        block = rest + block
        whole = _whole(block)
        rest = block[whole:]
        yield repaired(block[:whole], piece.file, place, problems)
        place += whole
    if decoder is not None:
        last = decoder.decode(b"", final=True)
        if last:
            problems.say(piece.file, "at the end", f"invalid {encoding} was replaced by U+FFFD")
            yield last.encode("utf-8", "replace")
    if rest:
        yield repaired(rest, piece.file, place, problems)


def repaired(text: bytes, file: str, where: int | str, problems: Problems) -> bytes:
    """The text with bytes that are no UTF-8 replaced by U+FFFD; says so if there are any.

    Args:
        where: the byte of the file at which it begins, or its place in words.
    """
    try:
        text.decode()
    except UnicodeDecodeError as e:
        sound = text.decode("utf-8", "replace").encode()
        bad = sound.count(_REPLACED) - text.count(_REPLACED)
        place = where if isinstance(where, str) else f"byte {where + e.start:,}"
        problems.say(file, place, "invalid UTF-8 was replaced by U+FFFD", max(bad, 1))
        return sound
    return text


def _chain(first: bytes, rest: Iterable[bytes]) -> Iterator[bytes]:
    if first:
        yield first
    yield from rest


def _whole(block: bytes) -> int:
    """Bytes before a character that is cut off at the end of a block."""
    for back in range(1, min(4, len(block)) + 1):
        byte = block[-back]
        if byte < 0x80:
            break
        if byte >= 0xC0:
            length = 2 if byte < 0xE0 else 3 if byte < 0xF0 else 4
            return len(block) - back if length > back else len(block)
    return len(block)


def whole_lines(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """The same text in blocks that each end where a line does (but the last)."""
    rest: list[bytes] = []
    held = 0
    for block in blocks:
        end = block.rfind(b"\n") + 1
        if not end and held + len(block) < LONGEST:
            rest.append(block)
            held += len(block)
            continue
        end = end or len(block)
        yield b"".join([*rest, block[:end]])
        rest = [block[end:]] if end < len(block) else []
        held = len(block) - end
    if rest:
        yield b"".join(rest)


def text_batches(
    blocks: Iterable[bytes], piece: Piece, problems: Problems, documents: str
) -> Iterator[Batch]:
    """Batches of a file of plain text.

    Args:
        documents: "file", "line", or "paragraph" (parted by blank lines).
    """
    text = sound(blocks, piece, problems)
    if documents == "file":
        yield from cut(text, 0, piece.file)
        return
    parts = _lines(text) if documents == "line" else _paragraphs(text)
    yield from packed(parts, piece.file)


def _lines(text: Iterable[bytes]) -> Iterator[Numbered]:
    number = 0
    for block in whole_lines(text):
        lines = block.split(b"\n")
        if not lines[-1]:
            lines.pop()
        yield from enumerate(lines, number)
        number += len(lines)


def _paragraphs(text: Iterable[bytes]) -> Iterator[Numbered]:
    number = 0
    rest = b""
    for block in whole_lines(text):
        *whole, rest = _BLANK.split(rest + block)
        for paragraph in whole:
            yield number, paragraph.strip()
            number += 1
    if rest.strip():
        yield number, rest.strip()
