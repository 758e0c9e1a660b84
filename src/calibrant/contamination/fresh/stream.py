"""Where does chance come from? A secret, what it is for, and a number: nothing else.

The draws of item i of a template are a pure function of (secret, template, purpose, i), by
HMAC-SHA256 (RFC 2104) in counter mode: any order, any number of items, any number of workers and
any machine give the same items, and who knows the items of one purpose learns nothing about those
of another.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from calibrant._files import write_private
from calibrant._text import one_line
from calibrant.errors import InputError

T = TypeVar("T")

LEAST = 16
"""Bytes of a secret below which it is refused: 128 bits, if they are random."""
LONGEST = 4096
_DIFFERENT = 8
"""Different bytes below which a secret was not drawn at random."""
_DOMAIN = b"calibrant fresh 1"


@dataclass(frozen=True)
class Secret:
    """What makes items unknown to everyone else; never printed.

    Attributes:
        notes: what is wrong with where it is kept, one sentence each.
    """

    key: bytes = field(repr=False)
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if len(self.key) < LEAST:
            raise InputError(
                f"secret: wanted at least {LEAST} random bytes (32 hexadecimal digits or more), "
                f"got {len(self.key)}; `generate --new-secret FILE` makes one"
            )
        if len(set(self.key)) < _DIFFERENT:
            raise InputError(
                f"secret: wanted random bytes, got {len(set(self.key))} different ones; "
                "`generate --new-secret FILE` makes one"
            )

    def derive(self, *parts: str | int | bytes) -> bytes:
        """32 bytes for a purpose: HMAC-SHA256 of the parts, each with its length before it."""
        made = hmac.new(self.key, _DOMAIN, hashlib.sha256)
        for part in parts:
            data = part if isinstance(part, bytes) else str(part).encode()
            made.update(len(data).to_bytes(8, "big") + data)
        return made.digest()

    def stream(self, *parts: str | int | bytes) -> Stream:
        """The draws of a purpose."""
        return Stream(self.derive(*parts))

    @property
    def commitment(self) -> str:
        """What may be published before: 64 hexadecimal digits that no other secret has."""
        # The length stands before the key: HMAC alone takes a key and the same key with zeros
        # behind it for one.
        size = len(self.key).to_bytes(8, "big")
        return hashlib.sha256(_DOMAIN + b" secret" + size + self.key).hexdigest()


class Stream:
    """Uniform draws from a key, with integers only: the same on every machine and version."""

    def __init__(self, key: bytes) -> None:
        self._key, self._count = key, 0
        self._words: list[int] = []

    def _word(self) -> int:
        if not self._words:
            block = hmac.new(self._key, self._count.to_bytes(8, "big"), hashlib.sha256).digest()
            self._count += 1
            self._words = [int.from_bytes(block[i : i + 8], "big") for i in (24, 16, 8, 0)]
        return self._words.pop()

    def below(self, n: int) -> int:
        """A number from 0 to n - 1, each equally likely."""
        if n < 1:
            raise ValueError(f"nothing to draw from {n}")
        words = (n.bit_length() + 63) // 64 or 1
        limit = (1 << 64 * words) // n * n
        while True:
            drawn = 0
            for _ in range(words):
                drawn = drawn << 64 | self._word()
            if drawn < limit:
                return drawn % n

    def choice(self, options: Sequence[T]) -> T:
        """One of the options, each equally likely."""
        return options[self.below(len(options))]

    def sample(self, options: Sequence[T], count: int) -> list[T]:
        """Different members in random order."""
        pool = list(options)
        return [pool.pop(self.below(len(pool))) for _ in range(count)]


def read_secret(path: str | Path | None = None, *, variable: str | None = None) -> Secret:
    """A secret from a file or from an environment variable; white space around it is left out.

    Args:
        path: the file.
        variable: the name of the variable, where no file is given.

    Raises:
        InputError: if it is missing, too short, or plainly not random.
    """
    if (path is None) == (variable is None):
        raise InputError("secret: wanted a file, or the name of an environment variable")
    if path is None:
        value = os.environ.get(str(variable))
        if value is None:
            name = one_line(str(variable), 40)
            raise InputError(f"secret: the environment variable {name!r} is not set")
        return _secret(value.encode("utf-8", "surrogateescape"), f"variable {variable}", ())
    file = Path(path)
    try:
        if file.is_dir():
            raise InputError(f"{file}: wanted a file with a secret, got a folder")
        mode = file.stat()
        if mode.st_size > LONGEST:
            raise InputError(f"{file}: wanted a secret of at most {LONGEST} bytes")
        data = file.read_bytes()
    except OSError as e:
        hint = (
            "; `generate --new-secret FILE` makes one" if isinstance(e, FileNotFoundError) else ""
        )
        raise InputError(f"{file}: the secret cannot be read ({e.strerror}){hint}") from e
    notes: tuple[str, ...] = ()
    if os.name == "posix" and mode.st_mode & (stat.S_IRGRP | stat.S_IROTH):
        said = f"{file}: others on this machine can read the secret (chmod 600 makes it private)"
        notes = (said,)
    return _secret(data, str(file), notes)


def _secret(data: bytes, where: str, notes: tuple[str, ...]) -> Secret:
    try:
        return Secret(data.strip(), notes)
    except InputError as e:
        raise InputError(f"{where}: {e}") from e


def new_secret(path: str | Path) -> Secret:
    """Draw a secret of 256 bits and write it to a file that only its owner may read.

    Raises:
        InputError: if the file is there, or cannot be written.
    """
    text = os.urandom(32).hex()
    write_private(Path(path), text + "\n", "secret")
    return Secret(text.encode())
