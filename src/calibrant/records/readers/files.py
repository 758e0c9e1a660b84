"""Where do the logs lie? Files on this machine and in the cloud, as one kind of thing."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, cast

from calibrant._text import reason
from calibrant.errors import InputError

_URL = re.compile(r"^[A-Za-z][A-Za-z0-9+.-]+://")


@dataclass(frozen=True)
class File:
    """A file by its path or URL."""

    path: str

    @property
    def remote(self) -> bool:
        """Whether it is a URL."""
        return bool(_URL.match(self.path))

    @property
    def name(self) -> str:
        """The last part of the path."""
        return PurePosixPath(self.path).name if self.remote else Path(self.path).name

    @property
    def folder(self) -> str:
        """The path without its last part."""
        if self.remote:
            return self.path.rsplit("/", 1)[0]
        return str(Path(self.path).parent)

    @property
    def ending(self) -> str:
        """The suffix in lower case, as ".json"."""
        return PurePosixPath(self.name).suffix.lower()

    def open(self) -> BinaryIO:
        """Open for reading bytes.

        Raises:
            InputError: if that cannot be done.
        """
        try:
            if self.remote:
                return cast(BinaryIO, _filesystem(self.path)[0].open(self.path, "rb"))
            return Path(self.path).open("rb")
        except Exception as e:
            if not (self.remote or isinstance(e, OSError | ValueError)):
                raise
            raise InputError(f"{self.path}: cannot be read ({reason(e)})") from e

    def read(self, limit: int) -> bytes:
        """The whole content.

        Raises:
            InputError: if it is larger than `limit` bytes or cannot be read.
        """
        with self.open() as f:
            try:
                data = f.read(limit + 1)
            except OSError as e:
                raise InputError(f"{self.path}: cannot be read ({reason(e)})") from e
        if len(data) > limit:
            raise InputError(f"{self.path}: over the limit of {limit:,} bytes (--max-member)")
        return data

    def head(self, size: int = 4096) -> bytes:
        """The first `size` bytes.

        Raises:
            InputError: if it cannot be read.
        """
        with self.open() as f:
            try:
                return f.read(size)
            except OSError as e:
                raise InputError(f"{self.path}: cannot be read ({reason(e)})") from e

    def beside(self, name: str) -> File:
        """The file `name` in the same folder."""
        return File(f"{self.folder}/{name}" if self.remote else str(Path(self.folder) / name))


def _filesystem(url: str) -> tuple[Any, str]:
    from fsspec.core import url_to_fs  # type: ignore[import-untyped, unused-ignore]

    filesystem, path = url_to_fs(url)
    return filesystem, path


def find(
    path: str, exclude: Collection[str] = (), *, plain: bool = False
) -> Iterator[File | InputError]:
    """The files that a path, glob or URL stands for, in order of name; faults in their place.

    Symbolic links to folders are followed once each: a loop ends.

    Args:
        exclude: resolved paths that do not count as the table of a run folder.
        plain: whether a run folder is a folder like any other, and hidden files are a fault.
    """
    try:
        yield from _remote(path) if _URL.match(path) else _local(path, exclude, plain)
    except Exception as e:
        # The libraries of the clouds raise errors of their own: no credentials, no such bucket.
        if not (_URL.match(path) or isinstance(e, OSError | ValueError | ImportError)):
            raise
        yield InputError(f"{path}: cannot be read ({reason(e)})")


def _remote(url: str) -> Iterator[File | InputError]:
    filesystem, path = _filesystem(url)
    if any(c in path for c in "*?["):
        found = filesystem.glob(path)
    elif filesystem.isdir(path):
        found = filesystem.find(path)
    elif filesystem.exists(path):
        found = [path]
    else:
        yield InputError(f"{url}: no such file or folder")
        return
    if not found:
        yield InputError(f"{url}: no files there")
    for one in sorted(found):
        yield File(filesystem.unstrip_protocol(one))


def _local(text: str, exclude: Collection[str], plain: bool) -> Iterator[File | InputError]:
    path = Path(text)
    if path.is_dir():
        yield from _walk(path, exclude, plain)
    elif path.is_file():
        yield File(str(path))
    elif path.exists():
        yield InputError(f"{text}: neither a file nor a folder")
    elif any(c in text for c in "*?["):
        from glob import glob

        found = sorted(glob(text, recursive=True))  # noqa: PTH207 (absolute patterns too)
        if not found:
            yield InputError(f"{text}: matches no file")
        seen = {str(Path(one)) for one in found}
        for one in found:
            # A glob with ** names a folder and what is in it.
            if Path(one).is_file():
                yield File(one)
            elif not any(str(p) in seen for p in Path(one).parents) and "**" not in text:
                yield from _walk(Path(one), exclude, plain)
    elif path.is_symlink():
        yield InputError(f"{text}: a link that leads nowhere")
    else:
        yield InputError(f"{text}: no such file or folder")


def _walk(folder: Path, exclude: Collection[str], plain: bool) -> Iterator[File | InputError]:
    seen: set[tuple[int, int]] = set()
    faults: list[OSError] = []
    for root, folders, names in os.walk(folder, followlinks=True, onerror=faults.append):
        try:
            status = Path(root).stat()
        except OSError as e:
            yield InputError(f"{root}: cannot be read ({reason(e)})")
            folders.clear()
            continue
        if (status.st_dev, status.st_ino) in seen:
            folders.clear()
            continue
        seen.add((status.st_dev, status.st_ino))
        table = "trials.parquet" in names and not plain
        if table and os.path.realpath(root + "/trials.parquet") not in exclude:
            # A run folder of calibrant: its logs lie there too, and are the same trials.
            yield File(str(Path(root) / "trials.parquet"))
            folders.clear()
            continue
        hidden = sum(n.startswith(".") for n in (*folders, *names))
        if plain and hidden:
            yield InputError(f"{root}: {hidden} hidden files or folders (names with a leading dot)")
        folders[:] = sorted(f for f in folders if not f.startswith("."))
        for name in sorted(names):
            file = Path(root) / name
            if name.startswith("."):
                continue
            if file.is_file():
                yield File(str(file))
            elif file.is_symlink() and not file.exists():
                yield InputError(f"{file}: a link that leads nowhere")
    for fault in faults:
        yield InputError(f"{fault.filename}: cannot be read ({reason(fault)})")


def size_of(file: File) -> int:
    """Its size in bytes.

    Raises:
        InputError: if that cannot be known.
    """
    try:
        if file.remote:
            filesystem, path = _filesystem(file.path)
            return int(filesystem.size(path) or 0)
        return Path(file.path).stat().st_size
    except (OSError, ValueError, ImportError) as e:
        raise InputError(f"{file.path}: cannot be read ({reason(e)})") from e
