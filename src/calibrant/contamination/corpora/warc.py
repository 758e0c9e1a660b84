"""How do records of WARC become documents? Responses and conversions, as text."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from typing import Any

from calibrant._text import reason
from calibrant.contamination.corpora.batch import Batch
from calibrant.contamination.corpora.blocks import Piece, Stream
from calibrant.contamination.corpora.html import charset_of, decoded, html_text
from calibrant.contamination.corpora.packing import Numbered, packed
from calibrant.contamination.corpora.problems import Problems
from calibrant.errors import InputError

KINDS = ("response", "conversion", "resource")
LARGEST = 64 << 20
"""Bytes of one record after which the rest of it is left out."""


def warc_batches(blocks: Iterable[bytes], piece: Piece, problems: Problems) -> Iterator[Batch]:
    """Batches of the records of a WARC that hold text.

    Raises:
        InputError: if warcio is not installed.
    """
    yield from packed(_records(blocks, piece, problems), piece.file)


def _records(blocks: Iterable[bytes], piece: Piece, problems: Problems) -> Iterator[Numbered]:
    try:
        from warcio.archiveiterator import ArchiveIterator
    except ImportError as e:
        raise InputError(
            "reading WARC takes warcio, which is not installed: pip install 'calibrant[scan]'"
        ) from e
    stream = Stream(iter(blocks))
    records = iter(ArchiveIterator(stream, no_record_parse=False))
    number = -1
    while True:
        try:
            record = next(records, None)
            if record is None:
                return
            number += 1
            if record.rec_type not in KINDS:
                continue
            text = _text(record, f"record {number + 1:,}", piece, problems)
        except Exception as e:
            # warcio raises many kinds; a record that cannot be parsed ends the file, as where the
            # next one begins is not known.
            what = f"not a WARC record ({reason(e)}); what came before was scanned"
            problems.say(piece.file, f"record {number + 2:,}", what)
            return
        if text:
            yield number, text.encode("utf-8", "replace")


def _text(record: Any, where: str, piece: Piece, problems: Problems) -> str:
    """The text of a record; empty if it holds something else."""
    headers = record.http_headers
    kind = (headers.get_header("Content-Type") if headers is not None else None) or ""
    kind = kind or record.rec_headers.get_header("Content-Type") or ""
    plain = kind.partition(";")[0].strip().lower()
    if record.rec_type == "conversion":
        plain = plain or "text/plain"
    if not (plain.startswith("text/") or plain in ("", "application/xhtml+xml")):
        return ""
    body = record.content_stream().read(LARGEST + 1)
    if len(body) > LARGEST:
        body = body[:LARGEST]
        problems.say(piece.file, where, f"a record of more than {LARGEST >> 20} MB was cut there")
    text, whole = decoded(body, charset_of(body, kind))
    if not whole:
        problems.say(piece.file, where, "invalid characters were replaced by U+FFFD")
    if "html" in plain or (not plain and "<html" in text[:2000].lower()):
        with contextlib.suppress(RecursionError):
            return html_text(text)
    return text
