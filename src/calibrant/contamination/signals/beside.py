"""How likely did a subject find a text beside another subject, or beside other wordings?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from calibrant._text import one_line, storable
from calibrant.contamination.signals.likelihood import loss, total
from calibrant.contamination.signals.ragged import Missing
from calibrant.contamination.tokens import TokenScores, check_alike
from calibrant.errors import InputError

Floats = NDArray[np.float64]
Per = Literal["token", "byte"]


def reference(
    scores: TokenScores,
    other: TokenScores,
    *,
    per: Per = "token",
    skip: int = 0,
    missing: Missing = "refuse",
) -> Floats:
    """How much likelier the subject finds each text than a reference subject does.

    What makes a text easy for anyone cancels (Carlini et al., USENIX Security 2021). The
    reference need not be the better subject: only the groups' difference in it counts.

    Args:
        other: the reference subject's scores of the same texts, in the same order.
        per: "token": nats a token, which takes one tokenizer and prefix; "byte": nats a byte of
            the whole text, for subjects whose tokenizers differ.

    Returns:
        shape (texts,).

    Raises:
        InputError: if texts differ, or tokenizers or prefixes do and `per` is "token"; if `per`
            is "byte" and either subject's first token was not scored (no prefix), or `skip` is
            not 0, as then they do not speak of the same text; otherwise as `loss`.
    """
    if per == "token":
        try:
            check_alike(scores, other)
        except InputError as e:
            same = scores.text == other.text
            raise InputError(f"{e}{' (per byte they can be compared)' if same else ''}") from e
        ours, theirs = (loss(s, skip=skip, missing=missing) for s in (scores, other))
        return ours - theirs
    if per != "byte":
        raise InputError(f"per: wanted token or byte, got {per!r}")
    if scores.text != other.text:
        raise InputError(f"{scores.subject} and {other.subject} scored different texts")
    if skip:
        raise InputError(f"skip: wanted 0 per byte, as tokenizers cut differently, got {skip!r}")
    for one in (scores, other):
        if not one.prefix:
            raise InputError(
                f"{one.subject}: no prefix, so the first tokens were not scored, and whole texts "
                "cannot be compared"
            )
    ours, theirs = (total(s, missing=missing) for s in (scores, other))
    size = np.array([len(storable(t).encode()) for t in scores.text], dtype=float)
    return np.asarray((ours - theirs) / size)


@dataclass(frozen=True, eq=False)
class Gaps:
    """Differences between two forms of the same items.

    Attributes:
        item: ids of items that have both forms.
        value: shape (items,), the signal of one form minus that of the other (means of several).
        alone: ids of items that lack the other form, or the signal of one.
    """

    item: tuple[str, ...]
    value: Floats
    alone: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.item)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return np.array(self.value, dtype=dtype, copy=True if copy is None else copy)


def gaps(
    items: Sequence[str],
    forms: Sequence[str],
    values: Floats,
    *,
    form: str = "verbatim",
    against: str = "paraphrase",
) -> Gaps:
    """A signal of one form of each item minus that of another form of the same item.

    Args:
        items, forms, values: of each text.
        form, against: names of the two forms.

    Raises:
        InputError: if no item has both.
    """
    sides: dict[str, dict[str, list[float]]] = {form: {}, against: {}}
    for item, kind, value in zip(items, forms, values, strict=True):
        if kind in sides:
            sides[kind].setdefault(item, []).append(float(value))
    left, right = sides[form], sides[against]
    every = dict.fromkeys([*left, *right])
    both = {i: float(np.mean(left[i]) - np.mean(right[i])) for i in left if i in right}
    found = {item: gap for item, gap in both.items() if not np.isnan(gap)}
    if not found:
        there = ", ".join(sorted({one_line(f, 40) for f in forms})) or "none"
        raise InputError(f"forms: no item has both {form!r} and {against!r}; forms are {there}")
    alone = tuple(item for item in every if item not in found)
    return Gaps(tuple(found), np.array(list(found.values())), alone)


def paraphrase_gap(
    scores: TokenScores,
    values: Floats | None = None,
    *,
    skip: int = 0,
    missing: Missing = "refuse",
    form: str = "verbatim",
    against: str = "paraphrase",
) -> Gaps:
    """How much likelier each item is word for word than in other words.

    To be read two-sided: who saw the paraphrases finds those likelier. Whoever wrote the
    paraphrases leaves marks of style: a gap alone says nothing unless the published wording was
    drawn at random from the wordings.

    Args:
        values: any signal of each text; the mean log-probability if not given.
        form, against: forms that are compared.

    Raises:
        InputError: if no item has both forms; otherwise as `loss`.
    """
    if values is None:
        values = loss(scores, skip=skip, missing=missing)
    return gaps(scores.item, scores.form, values, form=form, against=against)
