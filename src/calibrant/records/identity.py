"""Is this the same item? Identity is content: a re-worded item is another item."""

from __future__ import annotations

import hashlib
from typing import Any

from calibrant._text import dumps


def content_hash(shown: Any) -> str:
    """Return the SHA-256 (hex) of what was shown, as canonical JSON with sorted keys.

    Raises:
        TypeError: if `shown` is not plain data.
    """
    return hashlib.sha256(dumps(_sorted(shown)).encode()).hexdigest()


def _sorted(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(k): _sorted(v) for k, v in sorted(value.items(), key=lambda kv: str(kv[0]))}
    if isinstance(value, list | tuple):
        return [_sorted(v) for v in value]
    return value
