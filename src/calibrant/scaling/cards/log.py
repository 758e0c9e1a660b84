"""Were other forecasts made and forgotten? A log in which each line holds the hash of the last.

A line that was changed, taken out or put in breaks the chain from there on. That its last lines
were cut off shows only against a head of it that was kept elsewhere: published (`Log.publish`), or
in an anchor, a small file on another machine or in a repository.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from calibrant._files import write_whole
from calibrant._text import one_line
from calibrant.errors import InputError
from calibrant.scaling.cards.documents import canonical, parse, read_bytes, sha256, written

START = "0" * 64
"""What stands in place of the hash of a line before the first."""
ANCHOR = "calibrant head of a log of forecasts 1"
_HASH = re.compile(r"(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])")


@dataclass(frozen=True)
class Line:
    """One line of a log.

    Attributes:
        number: from 1.
        kind: "registered" or "settled".
        time: when, in UTC.
        seal: of the registered forecast.
        content: of a settlement, which forecasts with which outcomes; else nothing.
        previous: the hash of the line before.
        hash: of all these.
    """

    number: int
    kind: str
    time: str
    seal: str
    content: tuple[dict[str, Any], ...]
    previous: str
    hash: str

    def __repr__(self) -> str:
        return f"line {self.number}: {self.kind} {self.seal[:12]} at {self.time}"

    def body(self) -> dict[str, Any]:
        """All but the hash, as plain data."""
        return {
            "number": self.number, "kind": self.kind, "time": self.time, "seal": self.seal,
            "content": list(self.content), "previous": self.previous,
        }  # fmt: skip


@dataclass(frozen=True, repr=False)
class Log:
    """The lines of a log whose chain holds.

    Attributes:
        lines: in order.
    """

    lines: tuple[Line, ...] = ()

    def __repr__(self) -> str:
        return f"log: {self.registered} registered, {self.settled} settled, head {self.head[:12]}"

    @property
    def head(self) -> str:
        """The hash of the last line: what to publish."""
        return self.lines[-1].hash if self.lines else START

    @property
    def publish(self) -> str:
        """One short line to publish: with it, that lines were cut off later can be seen."""
        return head_line(self.lines[-1]) if self.lines else "calibrant log, 0 lines"

    @property
    def registered(self) -> int:
        """How many forecasts were registered."""
        return sum(x.kind == "registered" for x in self.lines)

    @property
    def settled(self) -> int:
        """How many of them were settled, in whole or in part."""
        return len({x.seal for x in self.lines if x.kind == "settled"})

    def find(self, seal: str) -> Line | None:
        """The line by which a forecast was registered."""
        same = (x for x in self.lines if x.kind == "registered" and x.seal == seal)
        return next(same, None)

    def settlements(self, seal: str) -> tuple[Line, ...]:
        """The lines by which a forecast was settled."""
        return tuple(x for x in self.lines if x.kind == "settled" and x.seal == seal)


def read_log(path: str | Path, heads: Sequence[str] = ()) -> Log:
    """A log whose chain holds; an empty one where there is no such file.

    Args:
        heads: of it, published before, each a hash or the line that was published.

    Raises:
        InputError: naming the first line that was changed, or follows one that is gone, or a head
            that is not in it.
    """
    file = Path(path)
    try:
        log = _parsed(file.read_bytes(), file) if file.exists() else Log()
    except OSError as e:
        raise InputError(f"{path}: the log cannot be read ({e.strerror or e})") from e
    check_heads(log, heads, path)
    return log


def head_line(line: Line) -> str:
    """What to publish of a line of a log, while it is the last."""
    return f"calibrant log {line.time} line {line.number} sha256:{line.hash}"


def check_heads(log: Log, heads: Sequence[str], path: str | Path) -> None:
    """That heads which were published before are still in a log.

    Raises:
        InputError: if one is not, or is no hash.
    """
    there = {line.hash for line in log.lines}
    for text in heads:
        found = _HASH.findall(text.lower())
        if len(found) != 1:
            raise InputError(
                f"head: wanted the 64 hexadecimal digits of a published head, got "
                f"{one_line(text, 80)!r}"
            )
        if found[0] not in there:
            raise InputError(
                f"{path}: no line of it has the published head {found[0][:12]}…: lines were cut "
                f"off or it is another log ({len(log.lines)} lines are there)"
            )


def needs_log(log: object, heads: Sequence[str], anchor: object) -> None:
    """Refuse a head or an anchor of no log."""
    if log is None and (heads or anchor is not None):
        raise InputError("head or anchor: wanted the log, too (--log); none was named")


def check_anchor(log: Log, anchor: str | Path, path: str | Path) -> None:
    """That the head in an anchor is still in a log; an anchor that is not there yet says nothing.

    Raises:
        InputError: if it is not, or the file is no anchor.
    """
    if not Path(anchor).exists():
        return
    found = parse(read_bytes(anchor, "an anchor"), anchor, "an anchor of a log")
    if found.get("format") != ANCHOR or not isinstance(found.get("head"), str):
        raise InputError(f"{anchor}: wanted an anchor of a log of forecasts ({ANCHOR!r})")
    check_heads(log, (found["head"],), path)


def write_anchor(line: Line, anchor: str | Path) -> None:
    """Keep the head of a log in a small file, to be stored elsewhere than the log.

    Raises:
        InputError: if it cannot be written.
    """
    said = {"format": ANCHOR, "line": line.number, "head": line.hash, "time": line.time,
            "publish": head_line(line)}  # fmt: skip
    try:
        write_whole(Path(anchor), written(said))
    except OSError as e:
        raise InputError(
            f"{anchor}: cannot be written ({e.strerror or e}); the log has line {line.number}"
        ) from e


@contextmanager
def opened(
    path: str | Path, *, heads: Sequence[str] = (), anchor: str | Path | None = None
) -> Iterator[tuple[Log, Writer]]:
    """The log, held so that nobody else adds to it meanwhile, and what adds a line.

    Args:
        heads: published before; see `read_log`.
        anchor: a file that keeps the head: checked first, and written with each line.

    Raises:
        InputError: as `read_log`, or if it cannot be written.
    """
    try:
        file = Path(path).open("a+b")  # noqa: SIM115 - held below
    except OSError as e:
        raise InputError(f"{path}: the log cannot be written ({e.strerror or e})") from e
    with file:
        _lock(file)
        file.seek(0)
        log = _parsed(file.read(), Path(path))
        check_heads(log, heads, path)
        if anchor is not None:
            check_anchor(log, anchor, path)
        yield log, Writer(file, log, Path(path), anchor)


class Writer:
    """Adds lines to a log."""

    def __init__(
        self, file: IO[bytes], log: Log, path: Path, anchor: str | Path | None = None
    ) -> None:
        self._file, self._log, self._path, self._anchor = file, log, path, anchor

    def line(self, kind: str, seal: str, time: str, content: list[dict[str, Any]]) -> Line:
        """The next line, not yet written."""
        bare = Line(len(self._log.lines) + 1, kind, time, seal, tuple(content), self._log.head, "")
        return Line(**{**bare.__dict__, "hash": sha256(bare.body())})

    def add(self, line: Line) -> None:
        """Write a line, to the disk.

        Raises:
            InputError: if it cannot be.
        """
        try:
            self._file.write(canonical(line.body() | {"hash": line.hash}) + b"\n")
            self._file.flush()
            os.fsync(self._file.fileno())
        except OSError as e:
            raise InputError(f"{self._path}: the log cannot be written ({e.strerror or e})") from e
        # After the log: an anchor one line behind still stands in it; one ahead would accuse.
        if self._anchor is not None:
            write_anchor(line, self._anchor)


def _lock(file: IO[bytes]) -> None:
    try:
        import fcntl
    except ImportError:  # pragma: no cover - Windows has no fcntl; logs there are unlocked
        return
    fcntl.flock(file, fcntl.LOCK_EX)


def _parsed(data: bytes, path: Path) -> Log:
    lines: list[Line] = []
    head = START
    if data and not data.endswith(b"\n"):
        raise InputError(f"{path}: its last line is not whole")
    for number, text in enumerate(data.split(b"\n")[:-1], start=1):
        where = f"{path}, line {number}"
        found = parse(text, where, "a line of a log of forecasts")
        try:
            line = Line(found["number"], found["kind"], found["time"], found["seal"],
                        tuple(found["content"]), found["previous"], found["hash"])  # fmt: skip
        except (KeyError, TypeError) as e:
            raise InputError(f"{where}: not a line of a log of forecasts ({e})") from e
        # The bytes too: a line may say the same in another form, which is none of ours.
        same = canonical(line.body() | {"hash": line.hash}) == text
        if not same or sha256(line.body()) != line.hash:
            raise InputError(f"{where}: changed after it was written: its hash is not of it")
        if line.previous != head or line.number != number:
            raise InputError(
                f"{where}: the chain is broken: a line before it was changed or taken out"
            )
        lines.append(line)
        head = line.hash
    return Log(tuple(lines))
