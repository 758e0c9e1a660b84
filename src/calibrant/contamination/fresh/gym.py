"""Which items do generators of another package give? Seeded by the secret, scored as they say.

Any object with the protocol of reasoning-gym's data sets will do (extra `fresh`). Each item has a
seed of its own: with one seed for many items, who found it out by trying would know them all.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from calibrant._text import one_line, storable
from calibrant.contamination.fresh.canary import new_canary
from calibrant.contamination.fresh.generate import FreshItem, Generated, shares
from calibrant.contamination.fresh.stream import Secret
from calibrant.errors import InputError

ATTEMPTS = 50
"""Seeds tried for one item before a generator is said to repeat itself."""
_SEEDS = 1 << 31
"""Seeds are below this: some generators use NumPy's, which take no more than 32 bits."""


class DataSet(Protocol):
    """A data set of one generator, as reasoning-gym has it."""

    def __getitem__(self, idx: int) -> dict[str, Any]:
        """An entry: question, answer, metadata."""

    def score_answer(self, answer: str | None, entry: dict[str, Any]) -> float:
        """How good an answer is, 0 to 1."""


Create = Callable[..., DataSet]
"""Makes a data set from a generator's name, `seed`, `size`, and its own settings."""


def reasoning_gym() -> Create:
    """The maker of reasoning-gym.

    Raises:
        InputError: if it is not installed.
    """
    try:
        from reasoning_gym.factory import create_dataset
    except ImportError as e:
        raise InputError(
            "generators: reasoning-gym is not installed; pip install 'calibrant[fresh]'"
        ) from e
    create: Create = create_dataset
    return create


def generate_from(
    generators: Sequence[str] | Mapping[str, Mapping[str, Any]],
    secret: Secret,
    count: int,
    *,
    purpose: str = "gym",
    canary: bool = False,
    create: Create | None = None,
    seen: Sequence[str] = (),
) -> Generated:
    """Items of generators.

    Args:
        generators: names, or names with their settings.
        count: items in all, shared out evenly.
        purpose: what they are for: another purpose gives other items.
        create: see `Create`; by default reasoning-gym's.
        seen: problems (of `FreshItem`) that must not come again.

    Raises:
        InputError: for an unknown generator, one that does not accept its own answers, or one that
            gives too few different questions.
    """
    if isinstance(generators, str):
        raise InputError("generators: wanted a list of names, got a text")
    listed = generators if isinstance(generators, Mapping) else {name: {} for name in generators}
    named: dict[str, Mapping[str, Any]] = dict(listed)
    if not named:
        raise InputError("generators: wanted at least one name, got none")
    if isinstance(count, bool) or not isinstance(count, int) or count < 1:
        raise InputError(f"count: wanted a number of at least 1, got {count!r}")
    make = create or reasoning_gym()
    mark = new_canary(secret) if canary else None
    items: list[FreshItem] = []
    known = set(seen)
    for (name, settings), n in zip(named.items(), shares(count, len(named)), strict=True):
        tag = json.dumps([name, settings], sort_keys=True, default=str)
        for i in range(n):
            item = _one(make, name, settings, secret, (tag, purpose, i), known)
            known.add(item.problem)
            items.append(item)
    if mark is not None:
        items = [FreshItem(**{**i.__dict__, "canary": mark.value}) for i in items]
    return Generated(
        tuple(items), (), secret.commitment, dict.fromkeys(named, ""), mark, secret.notes
    )


def _one(
    make: Create, name: str, settings: Mapping[str, Any], secret: Secret,
    key: tuple[str, str, int], known: set[str],
) -> FreshItem:  # fmt: skip
    stream = secret.stream("generator", *key)
    for _ in range(ATTEMPTS):
        data, entry = _entry(make, name, stream.below(_SEEDS), settings)
        question = storable(str(entry["question"]))
        problem = hashlib.sha256(question.encode()).hexdigest()[:32]
        if problem in known:
            continue
        kept = _plain(name, settings, entry)
        answer = "" if entry.get("answer") is None else storable(str(entry["answer"]))
        if _scored(data, name, entry["answer"], json.loads(kept)["entry"]) != 1:
            raise InputError(
                f"generator {name!r}: its verifier does not accept its own answer "
                f"{one_line(answer, 60)!r}, so it cannot score"
            )
        tag = secret.derive("generator", "id", *key).hex()[:12]
        return FreshItem(f"{name}-{tag}", question, answer, "verifier", (), name, 0, "", "",
                         problem, key[1], key[2], "",
                         kept)  # fmt: skip
    raise InputError(
        f"generator {name!r}: {ATTEMPTS} seeds gave no question that is new after {key[2]}"
    )


def _entry(
    make: Create, name: str, seed: int, settings: Mapping[str, Any]
) -> tuple[DataSet, dict[str, Any]]:
    try:
        data = make(name, seed=seed, size=1, **settings)
        entry = data[0]
    except InputError:
        raise
    except Exception as e:
        # Another package's code, run with the user's settings: whatever it raises, it is that.
        raise InputError(
            f"generator {one_line(name, 60)!r}: {type(e).__name__}: {one_line(str(e), 200)}"
        ) from e
    if not isinstance(entry, dict) or not {"question", "answer"} <= set(entry):
        raise InputError(f"generator {name!r}: wanted entries with question and answer")
    return data, entry


def _plain(name: str, settings: Mapping[str, Any], entry: dict[str, Any]) -> str:
    """What the verifier needs, as JSON; numbers of NumPy become plain ones."""

    def known(x: Any) -> Any:
        if hasattr(x, "tolist"):
            return x.tolist()
        if isinstance(x, set | frozenset):
            return sorted(x, key=repr)
        return str(x)

    # The verifier is run on what comes back from JSON, so whatever it changes is found out here.
    what = {"generator": name, "settings": dict(settings), "entry": entry}
    try:
        return json.dumps(what, default=known)
    except (TypeError, ValueError, RecursionError) as e:
        raise InputError(f"generator {name!r}: an entry is no JSON ({one_line(str(e), 80)})") from e


def _scored(data: DataSet, name: str, answer: Any, entry: dict[str, Any]) -> float:
    try:
        found = float(data.score_answer(answer, entry))
    except Exception as e:
        # A verifier may trip over an answer; that is for its caller to say, not to pass over.
        raise InputError(
            f"generator {one_line(name, 60)!r}: its verifier failed ({type(e).__name__}: "
            f"{one_line(str(e), 120)})"
        ) from e
    if not 0 <= found <= 1:
        raise InputError(f"generator {name!r}: wanted scores from 0 to 1, got {found}")
    return found


def score_entry(entry: str, answer: str, create: Create | None = None) -> float:
    """The score that an item's own verifier gives an answer, 0 to 1.

    Args:
        entry: of a `FreshItem` whose form is "verifier".

    Raises:
        InputError: if its generator is not there, or its verifier fails.
    """
    try:
        kept = json.loads(entry)
        name, settings, what = kept["generator"], kept["settings"], kept["entry"]
    except (ValueError, KeyError, TypeError) as e:
        raise InputError("entry: not what `generate_from` wrote") from e
    make = create or reasoning_gym()
    data, _ = _entry(make, name, 0, settings)
    return _scored(data, name, answer, what)
