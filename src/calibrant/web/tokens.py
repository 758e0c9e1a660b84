"""Who may do this? Links, sessions and forms carry texts that only the store's secret can sign.

A token is `NAME.SIGNATURE`; the signature is HMAC-SHA-256 over purpose and name, cut to 192 bits.
The purpose is signed too, so that a token made for one thing opens nothing else.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets

SECRET_BYTES = 32


def new_secret() -> bytes:
    """A fresh secret for signing."""
    return secrets.token_bytes(SECRET_BYTES)


def new_name() -> str:
    """A name nobody can guess: 128 random bits, fit for a URL or a cookie."""
    return secrets.token_urlsafe(16)


def sign(secret: bytes, purpose: str, name: str) -> str:
    """The token of `name`, which holds no full stop, for one purpose."""
    return f"{name}.{_signature(secret, purpose, name)}"


def name_of(secret: bytes, purpose: str, token: str) -> str | None:
    """The name in a token, or None if it was not signed for this purpose by this secret."""
    name, _, given = token.partition(".")
    expected = _signature(secret, purpose, name)
    # Compared as bytes: compare_digest refuses text that is not ASCII.
    same = hmac.compare_digest(given.encode("utf-8", "replace"), expected.encode())
    return name if same else None


def _signature(secret: bytes, purpose: str, name: str) -> str:
    said = f"{purpose}\0{name}".encode("utf-8", "replace")
    digest = hmac.new(secret, said, hashlib.sha256).digest()[:24]
    return base64.urlsafe_b64encode(digest).decode("ascii")
