"""How are many items scored without losing any? Text by text, each kept as it comes."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from calibrant._text import one_line
from calibrant.contamination.items import Item, read_items
from calibrant.contamination.tokens import TokenScores, write_scores
from calibrant.errors import CalibrantError, InputError, RunFolderError
from calibrant.records.identity import content_hash
from calibrant.subjects.logprobs.scorer import Row, TextScorer, joined, scorer_of

Part = Literal["question", "answer", "both"]

TEMPLATES: dict[str, str] = {
    "question": "{question}{choices}",
    "answer": "{question}{choices}\n{answer}",
    "both": "{question}{choices}\n{answer}",
}
"""Of each part the text by default; of "answer" only what stands from {answer} on is scored."""

Watch = Callable[[int, int], None]
"""Told how many texts are done, and how many there are."""


@dataclass(frozen=True)
class Scored:
    """What came of scoring items.

    Attributes:
        scores: of the texts.
        left_out: (item, why) of items that could not be scored.
        kept: how many an earlier session had scored.
        out: the file; empty if there is none.
    """

    scores: TokenScores
    left_out: tuple[tuple[str, str], ...]
    kept: int
    seconds: float
    out: str = ""

    def __repr__(self) -> str:
        lost = f", {len(self.left_out)} left out" if self.left_out else ""
        return f"{self.scores!r}{lost}"

    def to_dict(self) -> dict[str, Any]:
        """A summary as plain data."""
        s = self.scores
        losses = [-float(np.mean(part)) for part in np.split(s.logprob, s.starts[1:-1])]
        return {
            "subject": s.subject, "tokenizer": s.tokenizer, "prefix": s.prefix, "top_k": s.top_k,
            "access": s.access,
            "distribution": "whole" if s.mean is not None else "top-k" if s.rank is not None
            else "none", "texts": len(s), "tokens": int(s.logprob.size),
            "loss": {"mean": float(np.mean(losses)), "median": float(np.median(losses)),
                     "lowest": float(np.min(losses)), "highest": float(np.max(losses))},
            "left_out": [{"item": item, "why": why} for item, why in self.left_out],
            "kept": self.kept, "seconds": round(self.seconds, 2), "out": self.out,
        }  # fmt: skip


@dataclass(frozen=True)
class Text:
    """A text of an item, and what stands before it unscored."""

    item: str
    text: str
    before: str

    @property
    def key(self) -> str:
        return content_hash(asdict(self))


def score_items(
    items: Any,
    subject: str | TextScorer,
    *,
    part: Part = "question",
    template: str | None = None,
    form: str = "verbatim",
    prefix: str | None = None,
    args: Mapping[str, Any] | None = None,
    full: bool = False,
    out: str | Path | None = None,
    watch: Watch | None = None,
) -> Scored:
    """Score the texts of items with a subject.

    Args:
        items: as `read_items` takes them.
        subject: its name (see `scorer_of`), or a scorer.
        part: what is scored: the question, the answer after its question, or both as one text.
        template: how a text is made, with {question}, {choices} and {answer}; see `TEMPLATES`.
        form: how the texts stand to their items, such as "paraphrase".
        prefix: what stands before each text; by default the subject's own.
        args: of the scorer, if subject is a name.
        full: refuse a subject that does not tell mean and sd of the whole distribution.
        out: a Parquet file for the scores. Until it is whole, what is scored is kept beside it in
            a file that ends on .part, from which the same call goes on.
        watch: told of progress.

    Raises:
        InputError: if the items or the template are wrong, no text can be scored, or the .part file
            is of another run.
        SubjectError: if the subject cannot be asked, or does not tell.
        RunFolderError: if a file cannot be written; what is kept stays.
    """
    given = read_items(items)
    texts = [text_of(item, part, template) for item in given]
    named = isinstance(subject, str)
    arguments = dict(args or {}) | ({"full": True} if full and str(subject)[:6] == "local/" else {})
    scorer = subject if not isinstance(subject, str) else scorer_of(
        subject, prefix=prefix, args=arguments)  # fmt: skip
    try:
        return _score(scorer, texts, form, full, None if out is None else Path(out), watch)
    finally:
        if named:
            scorer.close()


def text_of(item: Item, part: Part, template: str | None = None) -> Text:
    """What is scored of an item.

    Raises:
        InputError: for another part, or a template that does not fit it.
    """
    if part not in TEMPLATES:
        raise InputError(f"part: wanted {', '.join(TEMPLATES)}, got {part!r}")
    shape = TEMPLATES[part] if template is None else template
    if ("{answer}" in shape) != (part != "question"):
        more = "no {answer}" if part == "question" else "{answer}"
        raise InputError(f"template: wanted {more} in it for part {part}, got {one_line(shape)!r}")
    choices = "".join(f"\n{chr(65 + i)}. {c}" for i, c in enumerate(item.choices))
    head, at, tail = shape.partition("{answer}")

    def filled(shape: str) -> str:
        # In one pass: what an item holds is never taken for a part of the template.
        halves = [piece.split("{choices}") for piece in shape.split("{question}")]
        return item.question.join(choices.join(pieces) for pieces in halves)

    if part == "answer":
        return Text(item.id, item.answer + filled(tail), filled(head))
    return Text(item.id, filled(head) + (item.answer + filled(tail) if at else ""), "")


def _score(
    scorer: TextScorer, texts: Sequence[Text], form: str, full: bool, out: Path | None,
    watch: Watch | None,
) -> Scored:  # fmt: skip
    began = time.monotonic()
    # What differs from text to text is not in the name of what stands before: the context is.
    conditional = any(t.before for t in texts)
    journal = _Journal(out, {**scorer.facts(), "form": form, "full": full})
    rows: list[tuple[Text, Row]] = []
    left_out: list[tuple[str, str]] = []
    earlier = 0
    try:
        for number, text in enumerate(texts, 1):
            row = journal.rows.get(text.key)
            earlier += row is not None
            if row is None:
                row = _asked(scorer, text, conditional)
                journal.keep(text.key, row)
            if "left_out" in row:
                left_out.append((text.item, str(row["left_out"])))
            else:
                if full and row.get("mean") is None:
                    raise InputError(
                        f"{scorer.name}: tells the top {row.get('top_k')} of the distribution "
                        "only, and --full wants mean and sd of all of it"
                    )
                rows.append((text, row))
            if watch is not None:
                watch(number, len(texts))
    finally:
        journal.close()
    if not rows:
        if out is not None:
            journal.remove()
        raise InputError(f"no item can be scored; of the first: {left_out[0][1]}")
    scores = joined(
        scorer.name, [t.item for t, _ in rows], [t.text for t, _ in rows], [form] * len(rows),
        [row for _, row in rows],
    )  # fmt: skip
    if out is not None:
        _write(scores, out)
        journal.remove()
    seconds = time.monotonic() - began
    return Scored(scores, tuple(left_out), earlier, seconds, "" if out is None else str(out))


def _asked(scorer: TextScorer, text: Text, conditional: bool) -> Row:
    try:
        row = dict(scorer.row(text.text, text.before))
    except InputError as e:
        return {"left_out": str(e)}
    except CalibrantError as e:
        raise type(e)(f"{e} (item {one_line(text.item, 60)!r})") from e
    if conditional:
        row["prefix"] = f"{str(row['prefix']).removesuffix(text.before)} and the question"
    return row


def _write(scores: TokenScores, out: Path) -> None:
    partial = out.with_name(out.name + ".new")
    try:
        write_scores(scores, partial)
        partial.replace(out)
    except OSError as e:
        partial.unlink(missing_ok=True)
        raise RunFolderError(f"{out}: cannot be written ({e.strerror or e})") from e


class _Journal:
    """Rows by the hash of their text, a JSON line each, on disk before they are used."""

    def __init__(self, out: Path | None, facts: dict[str, Any]) -> None:
        self.rows: dict[str, Row] = {}
        self._handle: int | None = None
        if out is None:
            return
        self.path = out.with_name(out.name + ".part")
        self._done = 0
        try:
            self._open(content_hash(json.loads(json.dumps(facts, default=str))))
        except OSError as e:
            raise RunFolderError(f"{self.path}: cannot be used ({e.strerror or e})") from e

    def _open(self, fingerprint: str) -> None:
        whole = b""
        if self.path.exists():
            whole = self.path.read_bytes().rpartition(b"\n")[0]
        lines = whole.splitlines()
        try:
            first = json.loads(lines[0]) if lines else {"run": fingerprint}
            if len(lines) == 1 and first["run"] != fingerprint:
                # Another run that kept nothing is nothing to lose.
                first, whole, lines = {"run": fingerprint}, b"", []
            if first["run"] != fingerprint:
                raise InputError(
                    f"{self.path}: holds the beginning of another run (subject, prefix or form "
                    "differ); delete it, or name another file"
                )
            for line in lines[1:]:
                found = json.loads(line)
                self.rows[found["key"]] = found["row"]
        except (ValueError, KeyError, TypeError) as e:
            if isinstance(e, InputError):
                raise
            raise InputError(f"{self.path}: not the beginning of a run ({e})") from e
        self._handle = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        # The last line was cut by a kill or a full disk: its text is scored again.
        os.ftruncate(self._handle, len(whole) + bool(lines))
        if not lines:
            self._line({"run": fingerprint})

    def keep(self, key: str, row: Row) -> None:
        """Keep a row.

        Raises:
            RunFolderError: if it cannot be written; the rows before stay.
        """
        if self._handle is not None:
            self._line({"key": key, "row": row})

    def _line(self, value: dict[str, Any]) -> None:
        assert self._handle is not None
        data = json.dumps(value).encode() + b"\n"
        start = os.lseek(self._handle, 0, os.SEEK_END)
        try:
            written = 0
            while written < len(data):
                written += os.write(self._handle, data[written:])
        except OSError as e:
            os.ftruncate(self._handle, start)
            raise RunFolderError(
                f"{self.path}: cannot be written ({e.strerror}); what is scored is kept"
            ) from e

    def close(self) -> None:
        """Close the file."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None

    def remove(self) -> None:
        """The scores stand elsewhere."""
        self.path.unlink(missing_ok=True)
