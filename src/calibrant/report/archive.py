"""Which bytes is a pack? A zip without compression in one fixed form: bytes can be compared.

Nothing is compressed, so nothing can expand; nothing is ever extracted to a path.
"""

from __future__ import annotations

import io
import re
import struct
import zipfile
from collections.abc import Mapping
from pathlib import Path

from calibrant._text import one_line
from calibrant.errors import InputError

LARGEST = 1 << 30
"""Bytes; a larger file is not read."""

MOST_MEMBERS = 1000

_TIME = (1980, 1, 1, 0, 0, 0)
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}")
_BROKEN = (zipfile.BadZipFile, zipfile.LargeZipFile, NotImplementedError, RuntimeError, EOFError,
           OSError, ValueError, OverflowError, struct.error)  # fmt: skip


class NotAPack(InputError):
    """The file is no evidence pack of calibrant."""


def build(members: Mapping[str, bytes]) -> bytes:
    """A zip of the members: sorted by name, stored as they are, without times.

    The same members give the same bytes, on every machine and in every version of Python.
    """
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(members):
            info = zipfile.ZipInfo(name, _TIME)
            info.create_system, info.external_attr = 3, 0o644 << 16
            archive.writestr(info, members[name])
    return buffer.getvalue()


def read(path: Path) -> tuple[dict[str, bytes], bool]:
    """The members of a pack, and whether the file is exactly what `build` makes of them.

    Raises:
        NotAPack: if it cannot be read, is no zip, or has members that a pack cannot have:
            compressed, encrypted, twice, or with a name that is more than a plain file name.
    """
    try:
        size = path.stat().st_size
        if size > LARGEST:
            raise NotAPack(f"{path}: not a pack: {size:,} bytes are more than {LARGEST:,}")
        data = path.read_bytes()
    except OSError as e:
        raise NotAPack(f"{path}: not a pack: cannot be read ({e.strerror or e})") from e
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            infos = archive.infolist()
            _check(path, infos, len(data))
            members = {info.filename: archive.read(info) for info in infos}
    except NotAPack:
        raise
    except _BROKEN as e:
        why = one_line(str(e) or type(e).__name__)
        raise NotAPack(f"{path}: not a pack: not a whole zip file ({why})") from e
    return members, build(members) == data


def _check(path: Path, infos: list[zipfile.ZipInfo], size: int) -> None:
    if len(infos) > MOST_MEMBERS:
        raise NotAPack(f"{path}: not a pack: {len(infos):,} members")
    seen: set[str] = set()
    for info in infos:
        name = one_line(info.orig_filename, 100)
        if not _NAME.fullmatch(info.orig_filename):
            raise NotAPack(f"{path}: not a pack: member {name!r} is not a plain file name")
        if info.filename in seen:
            raise NotAPack(f"{path}: not a pack: two members are named {name!r}")
        seen.add(info.filename)
        if info.flag_bits & 1:
            raise NotAPack(f"{path}: not a pack: member {name!r} is encrypted")
        if info.compress_type != zipfile.ZIP_STORED or info.compress_size != info.file_size:
            raise NotAPack(f"{path}: not a pack: member {name!r} is compressed; a pack's are not")
    if sum(info.file_size for info in infos) > size:
        raise NotAPack(f"{path}: not a pack: its members overlap")
