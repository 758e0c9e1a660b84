"""How text from models is made harmless before it is stored or shown.

Answers may hold terminal escapes, lone surrogates, markup or megabytes; nothing a subject says
may move a cursor, break a file or run in a browser.
"""

from __future__ import annotations

import json
import re
from typing import Any

_SURROGATE = re.compile(r"[\ud800-\udfff]")
_CONTROL = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufffe\uffff]"
)


def storable(text: str) -> str:
    """Return `text` with lone surrogates replaced by U+FFFD, so that it encodes as UTF-8."""
    return _SURROGATE.sub("\N{REPLACEMENT CHARACTER}", text)


def shown(text: str, limit: int = 2000) -> str:
    """Return `text` safe to print: control and direction marks visible, at most `limit` characters.

    A cut is announced with the number of characters left out. Newlines and tabs stay.
    """
    left_out = len(text) - limit
    text = storable(text[:limit])
    text = _CONTROL.sub(
        lambda m: f"\\x{ord(m[0]):02x}" if ord(m[0]) < 256 else f"\\u{ord(m[0]):04x}", text
    )
    return f"{text}… [{left_out:,} more characters]" if left_out > 0 else text


def one_line(text: str, limit: int = 200) -> str:
    """Return `text` safe to print on one line: as `shown`, with white space folded."""
    return " ".join(shown(text, limit).split())


def reason(e: BaseException) -> str:
    """Why something could not be done, in a few words."""
    if isinstance(e, OSError) and e.strerror:
        return e.strerror
    return (str(e).strip() or type(e).__name__).splitlines()[0][:200]


def dumps(value: Any, *, indent: int | None = None) -> str:
    """Return `value` as strict ASCII JSON (no NaN, no raw control characters or surrogates)."""
    return json.dumps(_strict(value), indent=indent, ensure_ascii=True, allow_nan=False)


def _strict(value: Any) -> Any:
    if isinstance(value, str):
        return storable(value)
    if isinstance(value, dict):
        return {storable(str(k)): _strict(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_strict(v) for v in value]
    return value
