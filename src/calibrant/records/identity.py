"""Is this the same item? Identity is content: a re-worded item is another item."""

from __future__ import annotations

import hashlib
import re
from typing import Any

from calibrant._text import dumps

_HASH = re.compile(r":[0-9a-f]{16}$")


def content_hash(shown: Any) -> str:
    """Return the SHA-256 (hex) of what was shown, as canonical JSON with sorted keys.

    Raises:
        TypeError: if `shown` is not plain data.
    """
    return hashlib.sha256(dumps(_sorted(shown)).encode()).hexdigest()


def id_of(item: str) -> str:
    """The id of an item's sample, without the hash that readers of logs put after it."""
    return _HASH.sub("", item)


def _sorted(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(k): _sorted(v) for k, v in sorted(value.items(), key=lambda kv: str(kv[0]))}
    if isinstance(value, list | tuple):
        return [_sorted(v) for v in value]
    return value
