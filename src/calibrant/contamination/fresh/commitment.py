"""What was in a hidden test before it was used? A hash published first, opened later, item by item.

Leaves are SHA-256 of a salt and an item; they are joined as in RFC 9162, section 2.1 (Merkle
trees, with distinct prefixes for leaves and nodes). Salts keep those who can guess an item, as of a
public template, from confirming the guess.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from calibrant._files import write_private
from calibrant._text import dumps, one_line
from calibrant.contamination.fresh.files import read_rows, write_text
from calibrant.contamination.fresh.stream import Secret, read_secret
from calibrant.errors import InputError

FORMAT = "calibrant commitment 1"
OPENING = "calibrant opening 1"
LIMITS = (
    "It proves that whoever published the digest had these very items then, and has not changed "
    "them since. It proves no date (publish the digest where others date it), not that nobody else "
    "had the items, and not that there is no second commitment to another test."
)
"""What a commitment proves, and what it does not."""
_LEAF, _NODE, _FILE = b"\x00", b"\x01", b"\x02"


@dataclass(frozen=True)
class Commitment:
    """What is published of a hidden set of items.

    Attributes:
        digest: 64 hexadecimal digits that stand for all of it: the least to publish.
        root: of the tree of items.
        leaves: the hash of each item with its salt, in the order of the file.
        file: the hash of the file's bytes with a salt.
        secret: commitment of the secret that salts are derived from; where it made the items, too,
            the making can be checked once it is revealed.
        templates: name and hash of the templates they were made of.
        note: whatever its author says, such as the name of the test.
    """

    digest: str
    root: str
    leaves: tuple[str, ...]
    file: str
    secret: str
    templates: tuple[tuple[str, str], ...] = ()
    note: str = ""

    def __repr__(self) -> str:
        return f"commitment to {len(self.leaves):,} items: {self.digest}"

    def body(self) -> dict[str, Any]:
        """All but the digest, as plain data."""
        return {
            "format": FORMAT, "items": len(self.leaves), "root": self.root, "file": self.file,
            "secret": self.secret, "templates": dict(self.templates), "note": self.note,
            "leaves": list(self.leaves),
        }  # fmt: skip

    def to_dict(self) -> dict[str, Any]:
        """Plain data: what stands in the file."""
        return {"digest": self.digest} | self.body()


@dataclass(frozen=True)
class Verified:
    """What comparing items with a commitment found.

    Attributes:
        same: ids of rows that are as committed.
        changed: ids of rows that are not, or were added.
        missing: places in the committed file, from 1, of items that were not given.
        moved: ids that stand at another place than when they were committed.
        file_same: whether every byte of the file is as it was.
        part: whether only a part was asked for, so that missing ones are no failure.
        secret: whether the given secret is the committed one.
    """

    same: tuple[str, ...]
    changed: tuple[str, ...]
    missing: tuple[int, ...]
    moved: tuple[str, ...]
    file_same: bool
    part: bool
    secret: bool = True

    @property
    def holds(self) -> bool:
        """Whether all is as committed."""
        whole = self.part or (not self.missing and self.file_same)
        return not self.changed and whole and bool(self.same) and self.secret

    def __repr__(self) -> str:
        if self.holds:
            return f"as committed: {len(self.same):,} items" + " (a part)" * self.part
        said = []
        if not self.secret:
            said.append("another secret than the committed one")
        if self.changed:
            said.append(f"changed or added: {_some(self.changed)}")
        if self.missing and not self.part:
            said.append(f"missing: {_some([f'row {n}' for n in self.missing])}")
        if self.moved:
            said.append(f"at another place: {_some(self.moved)}")
        if not said:
            said.append("other bytes between the items, which are the same")
        return "not as committed: " + "; ".join(said)

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        listed = {k: list(v) if isinstance(v, tuple) else v for k, v in self.__dict__.items()}
        return {"holds": self.holds} | listed | {"limits": LIMITS}


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - 5:,} more" if len(names) > 5 else ""
    return ", ".join(one_line(n, 60) for n in names[:5]) + more


def canonical(row: dict[str, Any]) -> bytes:
    """An item as bytes that do not depend on the order of its keys."""
    # Not `dumps`: it stands one character for every lone surrogate, and each must count here.
    text = json.dumps(row, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return text.encode()


def leaf(row: dict[str, Any], salt: bytes) -> bytes:
    """The hash of an item with its salt of 32 bytes."""
    return hashlib.sha256(_LEAF + salt + canonical(row)).digest()


def merkle_root(leaves: Sequence[bytes]) -> bytes:
    """The root over hashes of leaves, in order; of no leaves, the hash of nothing."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    k = _split(len(leaves))
    return hashlib.sha256(_NODE + merkle_root(leaves[:k]) + merkle_root(leaves[k:])).digest()


def merkle_path(leaves: Sequence[bytes], place: int) -> list[bytes]:
    """What one needs, besides a leaf, to work out the root, from the leaf upwards."""
    if len(leaves) == 1:
        return []
    k = _split(len(leaves))
    if place < k:
        return [*merkle_path(leaves[:k], place), merkle_root(leaves[k:])]
    return [*merkle_path(leaves[k:], place - k), merkle_root(leaves[:k])]


def root_by(found: bytes, place: int, count: int, path: Sequence[bytes]) -> bytes | None:
    """The root that a leaf, its place and its path give; None if they do not fit together."""
    if not 0 <= place < count:
        return None
    sides: list[bool] = []
    low, size = place, count
    while size > 1:
        k = _split(size)
        sides.append(low < k)
        low, size = (low, k) if low < k else (low - k, size - k)
    if len(sides) != len(path):
        return None
    for left, other in zip(reversed(sides), path, strict=True):
        pair = found + other if left else other + found
        found = hashlib.sha256(_NODE + pair).digest()
    return found


def _split(n: int) -> int:
    """The largest power of two below n."""
    return 1 << (n - 1).bit_length() - 1


class Key:
    """Where salts come from: a secret of which one salt tells nothing of the others."""

    def __init__(self, secret: Secret) -> None:
        self._secret = secret

    def salt(self, name: str) -> bytes:
        """The salt of an item, 32 bytes."""
        return self._secret.derive("commitment", "item", name.encode("utf-8", "surrogatepass"))

    def file(self, data: bytes) -> str:
        """The hash of a file's bytes."""
        return hashlib.sha256(_FILE + self._secret.derive("commitment", "file") + data).hexdigest()


def commit(
    path: str | Path,
    secret: Secret,
    *,
    templates: dict[str, str] | None = None,
    note: str = "",
) -> Commitment:
    """Commit to the items in a file.

    Args:
        path: items as .jsonl, with ids.
        secret: what salts are derived from; keep it to open items later.
        templates: names and hashes of their templates.

    Raises:
        InputError: if there are no items, or an id occurs twice.
    """
    file = Path(path)
    rows, key = read_rows(file), Key(secret)
    leaves = [leaf(row, key.salt(str(row["id"]))) for row, _ in rows]
    bare = Commitment("", merkle_root(leaves).hex(), tuple(x.hex() for x in leaves),
                      key.file(file.read_bytes()), secret.commitment,
                      tuple(sorted((templates or {}).items())), note)  # fmt: skip
    return Commitment(**{**bare.__dict__, "digest": _digest(bare.body())})


def _digest(body: dict[str, Any]) -> str:
    return hashlib.sha256(canonical(body)).hexdigest()


def write_commitment(made: Commitment, path: Path) -> None:
    """Write what is to be published.

    Raises:
        InputError: if it cannot be written.
    """
    write_text(path, dumps(made.to_dict(), indent=1) + "\n")


def read_commitment(path: str | Path) -> Commitment:
    """A commitment from its file, whose parts fit together.

    Raises:
        InputError: if it is none, or was changed: its leaves, root and digest do not fit.
    """
    data = read_json(Path(path), FORMAT, "a commitment")
    try:
        leaves = [bytes.fromhex(x) for x in data["leaves"]]
        made = Commitment(str(data["digest"]), str(data["root"]), tuple(data["leaves"]),
                          str(data["file"]), str(data["secret"]),
                          tuple(sorted(data["templates"].items())), str(data["note"]))  # fmt: skip
    except (KeyError, TypeError, ValueError, AttributeError) as e:
        raise InputError(f"{path}: not a whole commitment ({type(e).__name__}: {e})") from e
    if merkle_root(leaves).hex() != made.root:
        raise InputError(f"{path}: changed after it was made: its leaves do not give its root")
    if not hmac.compare_digest(_digest(made.body()), made.digest):
        raise InputError(f"{path}: changed after it was made: its digest is not of what it says")
    return made


def read_json(path: Path, form: str, what: str) -> dict[str, Any]:
    """A JSON object of a format.

    Raises:
        InputError: if there is none.
    """
    try:
        data = json.loads(path.read_bytes())
    except OSError as e:
        raise InputError(f"{path}: cannot be read ({e.strerror})") from e
    except (ValueError, RecursionError) as e:
        raise InputError(f"{path}: wanted {what}, got no JSON") from e
    if not isinstance(data, dict) or data.get("format") != form:
        raise InputError(f"{path}: wanted {what} ({form!r})")
    return data


def verify(path: str | Path, made: Commitment, secret: Secret, *, part: bool = False) -> Verified:
    """Compare items with what was committed.

    Args:
        path: items as .jsonl.
        secret: the one that `commit` was given.
        part: only some of the items are given.

    Raises:
        InputError: if the items cannot be read.
    """
    file = Path(path)
    rows, key = read_rows(file), Key(secret)
    where: dict[str, int] = {h: i for i, h in enumerate(made.leaves)}
    same, changed, moved, used = [], [], [], set()
    for place, (row, _) in enumerate(rows):
        name = str(row["id"])
        at = where.get(leaf(row, key.salt(name)).hex())
        if at is None:
            changed.append(name)
            continue
        used.add(at)
        same.append(name)
        if at != place and not part:
            moved.append(name)
    missing = tuple(i + 1 for i in range(len(made.leaves)) if i not in used)
    bytes_same = hmac.compare_digest(key.file(file.read_bytes()), made.file)
    known = hmac.compare_digest(made.secret, secret.commitment)
    return Verified(tuple(same), tuple(changed), missing, tuple(moved), bytes_same, part, known)


def open_item(path: str | Path, made: Commitment, secret: Secret, name: str) -> dict[str, Any]:
    """What proves that one item is in a commitment, and says nothing of the others.

    Raises:
        InputError: if the item is not in the file, or not as it was committed.
    """
    rows = {str(row["id"]): row for row, _ in read_rows(Path(path))}
    if name not in rows:
        raise InputError(f"{path}: no item {one_line(name, 60)!r}")
    salt = Key(secret).salt(name)
    found = leaf(rows[name], salt)
    leaves = [bytes.fromhex(x) for x in made.leaves]
    if found not in leaves:
        raise InputError(f"{path}: item {one_line(name, 60)!r} is not as it was committed")
    place = leaves.index(found)
    return {
        "format": OPENING, "digest": made.digest, "root": made.root, "items": len(leaves),
        "place": place + 1, "item": rows[name], "salt": salt.hex(),
        "path": [x.hex() for x in merkle_path(leaves, place)],
    }  # fmt: skip


def check_opening(opening: dict[str, Any], made: Commitment) -> bool:
    """Whether an opened item is in a commitment.

    Raises:
        InputError: if it is no opening.
    """
    try:
        salt, path = bytes.fromhex(opening["salt"]), [bytes.fromhex(x) for x in opening["path"]]
        place, row = opening["place"] - 1, opening["item"]
    except (KeyError, TypeError, ValueError) as e:
        raise InputError(f"opening: not whole ({type(e).__name__}: {e})") from e
    if len(salt) != 32 or not isinstance(row, dict) or not isinstance(place, int):
        return False
    root = root_by(leaf(row, salt), place, len(made.leaves), path)
    return root is not None and root.hex() == made.root and opening.get("digest") == made.digest


def key_beside(path: Path) -> Path:
    """Where the key of a commitment is kept if no secret is given."""
    return path.with_name(path.name + ".key")


def make_key(path: Path) -> Secret:
    """A new key beside a commitment, which only its owner may read.

    Raises:
        InputError: if there is one, or it cannot be written.
    """
    import secrets

    text = secrets.token_hex(32)
    write_private(key_beside(path), text + "\n", "key")
    return read_secret(key_beside(path))
