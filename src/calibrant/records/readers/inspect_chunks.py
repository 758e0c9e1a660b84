"""What is a sample that Inspect stored in pieces? A shell, with metadata and sequences beside it.

Logs of long trajectories may keep a sample as `samples/NAME/sample.json` with the messages and
attachments in numbered files under `samples/NAME/`. Events are not looked at.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from msgspec import Raw

from calibrant.errors import InputError
from calibrant.records.readers.archive import Archive
from calibrant.records.readers.inspect_model import Sample
from calibrant.records.readers.jsondata import decode, encode

SHELL = "/sample.json"


def whole(archive: Archive, shell: str, sample: Sample, data: bytes) -> tuple[Sample, bytes]:
    """Put the metadata, messages and attachments of a sample back, as far as trials need them.

    Args:
        shell: name of the member that `sample` was read from; `data` is its text.

    Returns:
        The sample, and the text in which tools and attachments are looked for.

    Raises:
        InputError: naming the member that is not as it should be.
    """
    folder = shell.removesuffix(SHELL)
    metadata = f"{folder}/metadata.json"
    if metadata in archive:
        text = archive.read(metadata)
        sample.metadata = decode(text, dict[str, Any], f"{archive.where}: {metadata}")
        data += text
    messages = [raw for raw, _ in _sequence(archive, folder, "messages")]
    if any(b'"tool_calls"' in bytes(m) for m in messages):
        chosen = _referred(messages, sample.message_refs, f"{archive.where}: {shell}")
        sample.messages = Raw(b"[" + b",".join(bytes(m) for m in chosen) + b"]")
        data += b'"tool_calls"'
    if b"attachment://" in data:
        texts = {
            str(i): decode(raw, str, where)
            for i, (raw, where) in enumerate(_sequence(archive, folder, "attachments"))
        }
        sample.attachments = Raw(encode(texts).encode())
    return sample, data


def _sequence(archive: Archive, folder: str, name: str) -> Iterator[tuple[Raw, str]]:
    """The items of a sequence; its files are named by the number of their first item."""
    prefix = f"{folder}/{name}/"
    members = [
        m for m in archive.within(f"{folder}/{name}") if m[len(prefix) : -len(".json")].isdecimal()
    ]
    for member in sorted(members, key=lambda m: int(m[len(prefix) : -len(".json")])):
        where = f"{archive.where}: {member[:100]}"
        for item in decode(archive.read(member), list[Raw], where):
            yield item, where


def _referred(messages: list[Raw], refs: list[tuple[int, int]], where: str) -> list[Raw]:
    chosen: list[Raw] = []
    for start, end in refs:
        if not 0 <= start <= end <= len(messages):
            raise InputError(
                f"{where}: message_refs: wanted at most {len(messages)}, got {start}–{end}"
            )
        chosen.extend(messages[start:end])
        if len(chosen) > 10 * len(messages) + 1000:
            raise InputError(f"{where}: message_refs name the same messages again and again")
    return chosen
