"""How likely did a subject find each token of a text? What likelihood tests are functions of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import polars as pl
from numpy.typing import NDArray

from calibrant.errors import InputError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_PER_TOKEN = ("logprob", "mean", "sd", "rank")
_PER_TEXT = ("item", "text", "form")
_COMMON = ("subject", "tokenizer", "prefix", "top_k", "access")


@dataclass(frozen=True, eq=False)
class TokenScores:
    """Log-probabilities that one subject gives the tokens of some texts.

    Attributes:
        subject: who was asked.
        tokenizer: which tokenizer cut the texts: two subjects with equal names cut them alike.
        prefix: what stood before each text, such as a begin token; the first token of a text is
            scored after it, or left out if it is empty.
        item: of each text, the id of its item.
        text: of each text, itself.
        form: of each text, how it stands to its item: "verbatim", "paraphrase", "twin", ….
        starts: shape (texts + 1,), where the tokens of each text begin in the arrays below.
        logprob: shape (tokens,), natural logarithms ≤ 0; NaN where the provider gave none.
        mean, sd: shape (tokens,), the mean and standard deviation of log p under the subject's
            own distribution at each place, which takes the whole vocabulary; None if not known.
        rank: shape (tokens,), 1 for the token that was most likely at its place, 0 if it is beyond
            the top-k that was given; None if not known.
        top_k: how many tokens of the distribution were given at each place; None for all.
        access: how the subject read a text, where there are several ways: "states", all of it at
            once, or "forced", token by token; of 4-bit weights they differ by 0.1 nats a token.
            Empty if there is one way, or it is not known.
    """

    subject: str
    tokenizer: str
    prefix: str
    item: tuple[str, ...]
    text: tuple[str, ...]
    form: tuple[str, ...]
    starts: Ints
    logprob: Floats
    mean: Floats | None = None
    sd: Floats | None = None
    rank: Ints | None = None
    top_k: int | None = None
    access: str = ""

    def __len__(self) -> int:
        return len(self.text)

    def __repr__(self) -> str:
        return f"{self.subject}: {len(self)} texts, {self.logprob.size} tokens scored"

    @property
    def lengths(self) -> Ints:
        """Shape (texts,): tokens of each text."""
        found: Ints = np.diff(self.starts)
        return found

    def select(self, texts: Sequence[int] | NDArray[Any]) -> TokenScores:
        """The scores of some texts, by their places (integers) or by a mask of shape (texts,)."""
        chosen = np.asarray(texts)
        if chosen.dtype == bool:
            chosen = np.flatnonzero(chosen)
        chosen = chosen.astype(np.int64)
        lengths = self.lengths[chosen]
        starts = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        within = np.arange(starts[-1]) - np.repeat(starts[:-1], lengths)
        tokens = np.repeat(self.starts[chosen], lengths) + within
        parts: dict[str, Any] = {
            name: None if (array := getattr(self, name)) is None else array[tokens]
            for name in _PER_TOKEN
        }
        parts |= {name: tuple(getattr(self, name)[i] for i in chosen) for name in _PER_TEXT}
        return replace(self, starts=starts, **parts)


class Scorer(Protocol):
    """Something that scores texts: a subject with token log-probabilities."""

    @property
    def name(self) -> str:
        """Who is asked."""

    def score(
        self, texts: Sequence[str], *, items: Sequence[str] = (), form: str = "verbatim"
    ) -> TokenScores:
        """Scores of texts, in their order; `items` are ids, by default numbers from 1."""


def token_scores(
    rows: Sequence[dict[str, Any]],
    *,
    subject: str,
    tokenizer: str,
    prefix: str,
    top_k: int | None = None,
    access: str = "",
) -> TokenScores:
    """Scores from one dictionary a text.

    Args:
        rows: keys `item`, `text`, `form` and lists `logprob`, and `mean`, `sd`, `rank` if known.

    Raises:
        InputError: if lists of one text differ in length, or a log-probability is above 0.
    """
    for row in rows:
        sizes = {name: len(row[name]) for name in _PER_TOKEN if row.get(name) is not None}
        if len(set(sizes.values())) > 1:
            raise InputError(f"item {row['item']!r}: lists of unequal length: {sizes}")
    lengths = [len(row["logprob"]) for row in rows]

    def column(name: str, kind: Any) -> Any:
        if not rows or any(row.get(name) is None for row in rows):
            return None
        return np.concatenate([np.asarray(row[name], kind) for row in rows])

    logprob = column("logprob", np.float64)
    logprob = np.empty(0) if logprob is None else logprob
    if np.any(logprob > 1e-6):
        raise InputError(f"wanted log-probabilities ≤ 0, got {np.nanmax(logprob):.6g}")
    return TokenScores(
        subject=subject, tokenizer=tokenizer, prefix=prefix, top_k=top_k,
        access=access, item=tuple(str(row["item"]) for row in rows),
        text=tuple(str(row["text"]) for row in rows),
        form=tuple(str(row.get("form") or "verbatim") for row in rows),
        starts=np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
        logprob=np.minimum(logprob, 0.0), mean=column("mean", np.float64),
        sd=column("sd", np.float64), rank=column("rank", np.int64),
    )  # fmt: skip


def write_scores(scores: TokenScores, path: Path) -> None:
    """Write scores as Parquet, a row a text."""
    cuts = scores.starts[1:-1]
    table: dict[str, Any] = {name: list(getattr(scores, name)) for name in _PER_TEXT}
    for name in _PER_TOKEN:
        if (array := getattr(scores, name)) is not None:
            table[name] = [part.tolist() for part in np.split(array, cuts)] if len(scores) else []
    frame = pl.DataFrame(table).with_columns(
        **{name: pl.lit(getattr(scores, name)) for name in _COMMON if name != "top_k"},
        top_k=pl.lit(scores.top_k, pl.Int64),
    )
    frame.write_parquet(path)


def read_scores(path: str | Path) -> tuple[TokenScores, ...]:
    """What `write_scores` wrote; one `TokenScores` for each subject in the file, in file order.

    Raises:
        InputError: if there is no such file, or it is not one.
    """
    from calibrant.records.frames import read_table

    frame = read_table(Path(path))
    if "access" not in frame.columns:  # written before it was told
        frame = frame.with_columns(access=pl.lit(""))
    if missing := {"logprob", *_PER_TEXT, *_COMMON} - set(frame.columns):
        raise InputError(f"{path}: no table of token scores, as it lacks {sorted(missing)[0]!r}")
    return tuple(
        token_scores(
            group.to_dicts(),
            **{name: group[name][0] for name in _COMMON},
        )
        for group in frame.partition_by(list(_COMMON), maintain_order=True)
    )


def check_alike(left: TokenScores, right: TokenScores) -> None:
    """Refuse to compare scores token by token where texts were cut or begun differently.

    Raises:
        InputError: if the two differ in tokenizer, prefix, access (where both are known) or texts.
    """
    if name := unlike(left, right, ("tokenizer", "prefix")):
        raise InputError(
            f"{left.subject} and {right.subject} differ in {name}: "
            f"{getattr(left, name)!r} and {getattr(right, name)!r}"
        )
    if left.text != right.text:
        raise InputError(f"{left.subject} and {right.subject} scored different texts")


def unlike(left: TokenScores, right: TokenScores, names: Sequence[str]) -> str:
    """The first of `names` and "access" in which two scores differ; "" for none.

    An access that is not known differs from none.
    """
    known = [*names, "access"] if left.access and right.access else names
    return next((n for n in known if getattr(left, n) != getattr(right, n)), "")
