"""What a GGUF file says about itself: its header, read without loading the model."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any, BinaryIO

from calibrant.errors import WeightsError

MAGIC = b"GGUF"

_SCALARS = {
    0: "<B",
    1: "<b",
    2: "<H",
    3: "<h",
    4: "<I",
    5: "<i",
    6: "<f",
    7: "<?",
    10: "<Q",
    11: "<q",
    12: "<d",
}
_STRING, _ARRAY = 8, 9
# A corrupt length must not make us read or skip gigabytes.
_LONGEST_TEXT = 1 << 26


def is_gguf(path: Path) -> bool:
    """Say whether the file at `path` begins as a GGUF file does."""
    with path.open("rb") as file:
        return file.read(4) == MAGIC


def metadata(path: Path) -> dict[str, Any]:
    """Return the scalar and text entries of the header of the GGUF file at `path`.

    Arrays (the vocabulary, for one) are skipped. Raises WeightsError if the header is broken.
    """
    with path.open("rb") as file:
        try:
            return _read(file)
        except (struct.error, UnicodeDecodeError, KeyError, ValueError) as error:
            raise WeightsError(f"{path}: the GGUF header is broken or cut short") from error


def _read(file: BinaryIO) -> dict[str, Any]:
    if file.read(4) != MAGIC:
        raise ValueError("no GGUF magic")
    (version,) = _take(file, "<I")
    if version not in (2, 3):
        raise ValueError(f"GGUF version {version}")
    _, entries = _take(file, "<QQ")
    found: dict[str, Any] = {}
    for _ in range(entries):
        key = _text(file)
        (kind,) = _take(file, "<I")
        if kind == _ARRAY:
            _skip_array(file)
        else:
            found[key] = _text(file) if kind == _STRING else _take(file, _SCALARS[kind])[0]
    return found


def _take(file: BinaryIO, form: str) -> tuple[Any, ...]:
    return struct.unpack(form, file.read(struct.calcsize(form)))


def _length(file: BinaryIO) -> int:
    (length,) = _take(file, "<Q")
    if length > _LONGEST_TEXT:
        raise ValueError("a text longer than any header holds")
    return int(length)


def _text(file: BinaryIO) -> str:
    length = _length(file)
    raw = file.read(length)
    if len(raw) != length:
        raise ValueError("cut short")
    return raw.decode("utf-8")


def _skip_array(file: BinaryIO) -> None:
    kind, count = _take(file, "<IQ")
    if kind == _STRING:
        for _ in range(count):
            file.seek(_length(file), 1)
    elif kind == _ARRAY:
        for _ in range(count):
            _skip_array(file)
    else:
        file.seek(struct.calcsize(_SCALARS[kind]) * count, 1)
