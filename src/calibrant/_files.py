"""How is a file written so that it is there whole or not at all?"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from calibrant.errors import InputError


def write_whole(path: Path, data: bytes) -> None:
    """Write `data` beside `path` and let it take its place; an OSError leaves `path` as it was."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
    part = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        # mkstemp makes files only their owner can read; a report is made to be passed on.
        part.chmod(0o666 & ~_umask())
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def write_private(path: Path, text: str, what: str) -> None:
    """Write a new file that only its owner may read.

    Raises:
        InputError: if there is such a file, or it cannot be written.
    """
    try:
        place = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as e:
        raise InputError(f"{path}: there is such a file; a {what} is never written over") from e
    except OSError as e:
        raise InputError(f"{path}: the {what} cannot be written ({e.strerror})") from e
    with os.fdopen(place, "w", encoding="utf-8") as file:
        file.write(text)


def _umask() -> int:
    mask = os.umask(0o022)
    os.umask(mask)
    return mask
