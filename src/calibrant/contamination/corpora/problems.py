"""What could not be read, and where? Said per file, however often it happens."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Problem:
    """Something in a corpus that was not scanned as it stands.

    Attributes:
        file: path or URL.
        where: its first place, such as "line 17" or "byte 1048576"; empty for the whole file.
        what: one sentence; may hold text of the corpus.
        times: in how many places of this file.
    """

    file: str
    where: str
    what: str
    times: int = 1

    def to_dict(self) -> dict[str, Any]:
        """As plain data; `where` says how often."""
        more = f" and {self.times - 1:,} more" if self.times > 1 else ""
        return {"file": self.file, "where": self.where + more, "what": self.what}


class Problems:
    """Problems by file and kind: the first place of each, and how many there are."""

    def __init__(self, found: Iterable[Problem] = ()) -> None:
        self._found: dict[tuple[str, str], Problem] = {}
        self.extend(found)

    def __iter__(self) -> Iterator[Problem]:
        return iter(self._found.values())

    def __len__(self) -> int:
        return len(self._found)

    def say(self, file: str, where: str, what: str, times: int = 1) -> None:
        """Note a problem; one that was said of this file before counts once more."""
        before = self._found.get((file, what))
        if before is not None:
            where, times = before.where, before.times + times
        self._found[file, what] = Problem(file, where, what, times)

    def extend(self, found: Iterable[Problem]) -> None:
        """Note several."""
        for p in found:
            self.say(p.file, p.where, p.what, p.times)
