"""Which members does a zip archive hold? Members one at a time, within limits, never on disk."""

from __future__ import annotations

import struct
import zipfile
import zlib
from collections.abc import Iterator
from typing import BinaryIO

import zstandard

from calibrant.errors import InputError

_STORED, _DEFLATED, _ZSTD = 0, 8, 93
_LOCAL = struct.Struct("<4s5H3L2H")
_RATIO = 1000
"""An archive larger than one member may be, that claims to unpack to more than this many times its
size, is a bomb."""


class Archive:
    """A zip file whose members are read by their local headers.

    `zipfile` of Python 3.11 reads the directory of any archive, and cannot unpack Zstandard.

    Raises:
        InputError: if it is no archive, was cut, or claims more than the limits allow.
    """

    def __init__(self, file: BinaryIO, where: str, max_member: int) -> None:
        self.file, self.where, self.max_member = file, where, max_member
        try:
            with zipfile.ZipFile(file) as directory:
                infos = directory.infolist()
        except (zipfile.BadZipFile, zipfile.LargeZipFile, NotImplementedError) as e:
            raise InputError(f"{where}: {self._why()}") from e
        except (ValueError, struct.error, UnicodeDecodeError, OverflowError) as e:
            raise InputError(f"{where}: the directory of the zip archive is damaged") from e
        # A member written again, as after a retry, replaces the one before.
        self.members = {i.filename: i for i in infos}
        self._folders: dict[str, list[str]] | None = None
        self._zstd = zstandard.ZstdDecompressor()
        self._check_sizes()

    def _why(self) -> str:
        self.file.seek(0, 2)
        size = self.file.tell()
        self.file.seek(0)
        if size and self.file.read(4) == b"PK\x03\x04":
            return f"a zip archive that was cut at byte {size:,} (it has no directory)"
        return "not a zip archive" if size else "empty"

    def _check_sizes(self) -> None:
        claimed = sum(i.file_size for i in self.members.values())
        packed = sum(i.compress_size for i in self.members.values())
        self.file.seek(0, 2)
        size = self.file.tell()
        if packed > size:
            raise InputError(f"{self.where}: members overlap or the archive was cut")
        if claimed > self.max_member and claimed > _RATIO * size:
            raise InputError(
                f"{self.where}: {size:,} bytes that claim to unpack to {claimed:,}; not read"
            )

    def __contains__(self, name: str) -> bool:
        return name in self.members

    def names(self, prefix: str) -> Iterator[str]:
        """Names of the JSON members that begin with `prefix`, in the order they were written."""
        chosen = [
            i
            for i in self.members.values()
            if i.filename.startswith(prefix) and i.filename.endswith(".json")
        ]
        yield from (i.filename for i in sorted(chosen, key=lambda i: i.header_offset))

    def within(self, folder: str) -> list[str]:
        """Names of the JSON members that lie directly in `folder`, in no order."""
        if self._folders is None:
            # Samples in pieces have some ten members each: asked for one folder at a time.
            self._folders = {}
            for name in self.members:
                if name.endswith(".json"):
                    self._folders.setdefault(name.rpartition("/")[0], []).append(name)
        return self._folders.get(folder, [])

    def read(self, name: str) -> bytes:
        """The content of a member.

        Raises:
            InputError: if it is larger than allowed, damaged, or packed in an unknown way.
        """
        info = self.members[name]
        where = f"{self.where}: {name[:100]}"
        if info.file_size > self.max_member:
            raise InputError(
                f"{where}: {info.file_size:,} bytes, over the limit of {self.max_member:,}"
                " (--max-member)"
            )
        if info.flag_bits & 1:
            raise InputError(f"{where}: encrypted")
        self.file.seek(info.header_offset)
        header = self.file.read(_LOCAL.size)
        if len(header) < _LOCAL.size or header[:4] != b"PK\x03\x04":
            raise InputError(f"{where}: no member at byte {info.header_offset:,}")
        fields = _LOCAL.unpack(header)
        self.file.seek(fields[9] + fields[10], 1)
        packed = self.file.read(info.compress_size)
        if len(packed) < info.compress_size:
            raise InputError(f"{where}: cut at byte {info.header_offset + len(packed):,}")
        data = self._unpack(packed, info, where)
        if len(data) != info.file_size or zlib.crc32(data) != info.CRC:
            raise InputError(f"{where}: damaged (its checksum is wrong)")
        return data

    def _unpack(self, packed: bytes, info: zipfile.ZipInfo, where: str) -> bytes:
        size = info.file_size
        try:
            if info.compress_type == _STORED:
                return packed
            if info.compress_type == _DEFLATED:
                return zlib.decompressobj(-15).decompress(packed, size + 1)
            if info.compress_type == _ZSTD:
                # A frame that states its size is unpacked at once; it may not exceed the directory.
                if zstandard.frame_content_size(packed) == size:
                    return self._zstd.decompress(packed)
                with self._zstd.stream_reader(packed, read_across_frames=True) as stream:
                    return stream.read(size + 1)
        except (zlib.error, zstandard.ZstdError, MemoryError) as e:
            raise InputError(f"{where}: damaged ({str(e)[:100]})") from e
        raise InputError(f"{where}: packed by method {info.compress_type}, which is not known")
