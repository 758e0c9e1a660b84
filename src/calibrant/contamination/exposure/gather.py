"""Which texts enter a test, in which group? From tables of token scores to values."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from calibrant._text import one_line
from calibrant.contamination.signals import SIGNALS, signal, skip_effect
from calibrant.contamination.tokens import TokenScores, check_alike, unlike
from calibrant.errors import InputError

Floats = NDArray[np.float64]
Lost = Literal["refuse", "drop"]

_PER_TOKEN = ("logprob", "mean", "sd", "rank")


def merged(parts: Sequence[TokenScores]) -> tuple[TokenScores, ...]:
    """One `TokenScores` for each subject, in the order in which they come: files put together.

    Raises:
        InputError: for none, a subject that was scored in two ways (tokenizer, prefix, top-k,
            access), or a text of one item and form that was scored twice.
    """
    if not parts:
        raise InputError("scores: wanted at least one table of token scores")
    subjects: dict[str, list[TokenScores]] = {}
    for part in parts:
        subjects.setdefault(part.subject, []).append(part)
    return tuple(_one(several) for several in subjects.values())


def _one(several: list[TokenScores]) -> TokenScores:
    first = several[0]
    for other in several[1:]:
        if name := unlike(first, other, ("tokenizer", "prefix", "top_k")):
            raise InputError(
                f"{one_line(first.subject, 60)}: scored with two kinds of {name}: "
                f"{getattr(first, name)!r} and {getattr(other, name)!r}; score all texts alike"
            )
        first = replace(first, access=first.access or other.access)
    parts: dict[str, Any] = {
        name: tuple(x for s in several for x in getattr(s, name))
        for name in ("item", "text", "form")
    }
    for name in _PER_TOKEN:
        each = [getattr(s, name) for s in several]
        parts[name] = None if any(a is None for a in each) else np.concatenate(each)
    lengths = np.concatenate([s.lengths for s in several])
    parts["starts"] = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    whole = replace(first, **parts)
    keys = list(zip(whole.item, whole.form, whole.text, strict=True))
    if len(set(keys)) < len(keys):
        item, form, _ = next(k for k, times in Counter(keys).items() if times > 1)
        raise InputError(
            f"{one_line(first.subject, 60)}: item {one_line(item, 60)!r} has the same "
            f"{one_line(form, 40)!r} text twice"
        )
    return whole


@dataclass(frozen=True, eq=False)
class Asked:
    """The scores that a test takes, and what is known of their items.

    Attributes:
        own: of the subject.
        others: of other subjects.
        published: of items, whether they were published; None if forms tell.
        clusters, strata: of items, by their ids; None for none.
        skip: how many first tokens are left out.
        lost: what is done with texts that lack log-probabilities.
        options: of signals, such as `k`.
    """

    own: TokenScores
    others: tuple[TokenScores, ...] = ()
    published: Mapping[str, bool] | None = None
    clusters: Mapping[str, str] | None = None
    strata: Mapping[str, str] | None = None
    skip: int = 0
    lost: Lost = "refuse"
    options: Mapping[str, Mapping[str, Any]] | None = None

    def forms(self, *wanted: str) -> TokenScores:
        """The scores of texts of some forms.

        Raises:
            InputError: naming the forms there are, if one is wanted that is not there.
        """
        there = set(self.own.form)
        if absent := [form for form in wanted if form not in there]:
            raise InputError(
                f"{one_line(self.own.subject, 60)}: no texts of form {absent[0]!r}; there are "
                f"{', '.join(one_line(f, 40) for f in sorted(there)) or 'none'}"
            )
        return self.own.select(np.array([form in wanted for form in self.own.form], bool))

    def values(self, name: str, scores: TokenScores) -> tuple[Floats, tuple[str, ...]]:
        """A signal of each text, NaN for those to be dropped; and what is to be said of it."""
        missing: Any = "refuse" if self.lost == "refuse" else "nan"
        more = dict((self.options or {}).get(name, {}))
        if name != "reference":
            values = signal(name, scores, skip=self.skip, missing=missing, **more)
            return _finite(values, scores), ()
        other, notes = self._other(scores), []
        per = "token"
        try:
            check_alike(scores, other)
        except InputError as e:
            per = "byte"
            notes.append(f"{e}: compared per byte of the whole text")
        values = signal(name, scores, other=other, skip=self.skip if per == "token" else 0,
                        missing=missing, per=per)  # fmt: skip
        return _finite(values, scores), tuple(notes)

    def _other(self, scores: TokenScores) -> TokenScores:
        """The one other subject's scores of the same texts, in the same order."""
        if len(self.others) != 1:
            raise InputError(
                f"signal reference: wanted scores of one other subject, got {len(self.others)}"
            )
        other = self.others[0]
        at = {key: i for i, key in enumerate(zip(other.item, other.form, other.text, strict=True))}
        keys = list(zip(scores.item, scores.form, scores.text, strict=True))
        if absent := [item for item, form, text in keys if (item, form, text) not in at]:
            raise InputError(
                f"{one_line(other.subject, 60)}: {len(absent)} of {len(keys)} texts not scored, "
                f"first of item {one_line(absent[0], 60)!r}"
            )
        return other.select([at[key] for key in keys])

    def labels(self, of: Mapping[str, str] | None, items: Sequence[str]) -> list[str] | None:
        """The cluster or stratum of each item; None if there are none."""
        if of is None:
            return None
        if absent := [item for item in items if item not in of]:
            raise InputError(
                f"groups: nothing is known of {len(absent)} items, first of "
                f"{one_line(absent[0], 60)!r}"
            )
        return [of[item] for item in items]

    def groups(self, form: str, against: str) -> tuple[TokenScores, NDArray[np.bool_]]:
        """Texts of published items and of those held out, and which they are.

        Raises:
            InputError: if it is not known of an item, or a form is not there.
        """
        if self.published is None:
            scores = self.forms(form, against)
            return scores, np.array([f == form for f in scores.form], bool)
        scores = self.forms(form)
        if absent := [item for item in scores.item if item not in self.published]:
            raise InputError(
                f"groups: not known of {len(absent)} of {len(scores)} items whether they were "
                f"published, first of {one_line(absent[0], 60)!r}"
            )
        return scores, np.array([self.published[item] for item in scores.item], bool)


def _finite(values: Floats, scores: TokenScores) -> Floats:
    """Signals, none of which is infinite: a text that cannot be has no place among ranks."""
    if (endless := np.flatnonzero(np.isinf(values))).size:
        raise InputError(
            f"{one_line(scores.subject, 60)}: {endless.size} of {len(scores)} texts have a token "
            f"of probability 0, first of item {one_line(scores.item[endless[0]], 60)!r}"
        )
    return values


def told(scores: TokenScores, skip: int) -> dict[str, Any]:
    """Of the first tokens: the prefix, how many were left out, and what the first one does."""
    effect = skip_effect(scores, skip=1)
    known = effect["texts"] > 0
    return {
        "prefix": scores.prefix, "skip": skip, "tokenizer": scores.tokenizer,
        "access": scores.access,
        "first_token": {k: effect[k] for k in ("median", "most")} if known else None,
    }  # fmt: skip


def check_signals(names: Sequence[str]) -> tuple[str, ...]:
    """Names of signals, each once.

    Raises:
        InputError: for none, or one that does not exist.
    """
    if unknown := [n for n in names if n not in (*SIGNALS, "reference")]:
        raise InputError(f"signal: wanted {', '.join(SIGNALS)} or reference; got {unknown[0]!r}")
    if not names:
        raise InputError(f"signal: wanted at least one of {', '.join(SIGNALS)}, reference")
    return tuple(dict.fromkeys(names))
