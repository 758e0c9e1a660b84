"""How is JSON read fast, and what if it is not quite JSON? One decoder for every reader."""

from __future__ import annotations

import codecs
import re
from typing import Any, TypeVar

import msgspec

from calibrant.errors import InputError

T = TypeVar("T")

_TOKEN = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"|-?\bInfinity\b|\bNaN\b', re.S)
_SURROGATE = re.compile(
    rb"(\\\\)|(\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})"
    rb"|\\u[dD][89a-fA-F][0-9a-fA-F]{2}"
)


_DECODERS: dict[Any, msgspec.json.Decoder[Any]] = {}


def _decoder(kind: Any) -> msgspec.json.Decoder[Any]:
    if kind not in _DECODERS:
        _DECODERS[kind] = msgspec.json.Decoder(kind)
    return _DECODERS[kind]


def decode(data: bytes | msgspec.Raw, kind: type[T], where: str) -> T:
    """Return the JSON text `data` as `kind`; keys that `kind` does not have are skipped unread.

    What Python's writers add to JSON is read too: NaN and infinities, as the texts "NaN",
    "Infinity" and "-Infinity", so that no number is made of them by accident; and halves of
    surrogate pairs, as U+FFFD.

    Raises:
        InputError: beginning with `where`, if it is neither.
    """
    decoder = _decoder(kind)
    try:
        return decoder.decode(data)  # type: ignore[no-any-return]
    except msgspec.ValidationError as e:
        raise InputError(f"{where}: {_lower(str(e))}") from e
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        pass
    try:
        return decoder.decode(_repaired(utf8(bytes(data), where)))  # type: ignore[no-any-return]
    except msgspec.ValidationError as e:
        raise InputError(f"{where}: {_lower(str(e))}") from e
    except (msgspec.DecodeError, UnicodeDecodeError) as e:
        raise InputError(f"{where}: not whole JSON ({_lower(str(e))})") from e
    except RecursionError as e:
        raise InputError(f"{where}: JSON nested too deeply") from e


def utf8(data: bytes, where: str) -> bytes:
    """`data` as UTF-8 without a byte order mark; UTF-16 and UTF-32 with one are converted.

    Raises:
        InputError: if the bytes are no text in these encodings.
    """
    encoding = "utf-8-sig"
    if data.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        encoding = "utf-32"
    elif data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        encoding = "utf-16"
    try:
        return data.decode(encoding).encode()
    except UnicodeError as e:
        place = f" (byte {e.start})" if isinstance(e, UnicodeDecodeError) else ""
        raise InputError(f"{where}: wanted text in UTF-8, got other bytes{place}") from e


def _repaired(data: bytes) -> bytes:
    return _TOKEN.sub(_token, data)


def _token(match: re.Match[bytes]) -> bytes:
    token = match[0]
    if not token.startswith(b'"'):
        return b'"' + token + b'"'
    if b"\\u" not in token:
        return token
    return _SURROGATE.sub(lambda m: m[1] or m[2] or rb"\ufffd", token)


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:300]


def encode(value: Any) -> str:
    """Return plain data as compact JSON; numbers that are not finite become null."""
    return msgspec.json.encode(value).decode()
