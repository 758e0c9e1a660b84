"""Who is asked: a planted subject scores texts and answers questions, in plain NumPy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibrant.contamination.tokens import TokenScores, token_scores
from calibrant.errors import InputError
from calibrant.subjects.planted.bpe import END, Tokenizer
from calibrant.subjects.planted.corpus import Arms, Design
from calibrant.subjects.planted.network import Weights, logits

_AT_ONCE = 4096
"""Tokens that are read in one go."""


@dataclass(frozen=True, repr=False)
class PlantedSubject:
    """A small language model whose exposure to the items of `arms` is known.

    Attributes:
        name: such as "planted/pair-0/planted".
        variant: "clean" has read none of the items, "planted" as many copies as `arms` says,
            "tuned" is the clean one after fine-tuning on the same copies.
        design, arms, tokenizer, weights: what it is made of.
        manifest: how it was made, with hashes.
        prefix: what stands before each text that is scored, by default the token between
            documents; if empty, the first token of a text is left out.
    """

    name: str
    variant: str
    design: Design
    arms: Arms
    tokenizer: Tokenizer
    weights: Weights
    manifest: dict[str, Any] = field(default_factory=dict)
    prefix: str = END

    def __repr__(self) -> str:
        size = sum(w.size for w in self.weights.values())
        return f"{self.name}: {size:,} weights, {len(self.arms.items)} items in arms"

    def score(
        self, texts: Sequence[str], *, items: Sequence[str] = (), form: str = "verbatim"
    ) -> TokenScores:
        """Log-probabilities of the tokens of texts, with the whole distribution at each place.

        A text longer than the context is read in windows that overlap by half.

        Raises:
            InputError: if `items` are there and not as many as texts.
        """
        if items and len(items) != len(texts):
            raise InputError(f"score: {len(items)} items for {len(texts)} texts")
        before = [0] if self.prefix == END else self.tokenizer.encode(self.prefix)
        read = [before + self.tokenizer.encode(text) for text in texts]
        found = [np.zeros((4, max(0, len(tokens) - 1))) for tokens in read]
        windows = [
            (i, at) for i, tokens in enumerate(read) for at in self._windows(len(tokens) - 1)
        ]
        windows.sort(key=lambda w: min(len(read[w[0]]) - 1 - w[1], self.design.context))
        for batch in _batches(windows, self.design.context):
            self._read(batch, read, found)
        skip = max(0, len(before) - 1)
        return token_scores(
            [
                {
                    "item": items[i] if items else str(i + 1), "text": text, "form": form,
                    "logprob": found[i][0, skip:], "mean": found[i][1, skip:],
                    "sd": found[i][2, skip:], "rank": found[i][3, skip:].astype(np.int64),
                }
                for i, text in enumerate(texts)
            ],
            subject=self.name, tokenizer=self._cutting(), prefix=self.prefix,
        )  # fmt: skip

    def answer(self, question: str) -> str:
        """What it says to a question: the likeliest tokens, to the end of the line."""
        return self.answers([question])[0]

    def answers(self, questions: Sequence[str], *, tokens: int = 16) -> tuple[str, ...]:
        """What it says to each question, at most `tokens` long."""
        told = self.complete([f"Q: {question}\nA:" for question in questions], tokens=tokens)
        return tuple(self.tokenizer.decode(t for t, _ in some).strip() for some in told)

    def complete(
        self, texts: Sequence[str], *, tokens: int = 16, stop: str = "\n"
    ) -> list[list[tuple[int, NDArray[np.float32]]]]:
        """Greedy continuations: of each text its tokens, with the log-probabilities there.

        It ends before a document's end or a token that begins with `stop`. Of a text that is
        longer than the context, the end is read.

        Returns:
            of each text, a list of (token, log-probabilities of shape (vocabulary,)).
        """
        read = [[0, *self.tokenizer.encode(text)] for text in texts]
        told: list[list[tuple[int, NDArray[np.float32]]]] = [[] for _ in texts]
        stops = {0} | {
            i for i, b in enumerate(self.tokenizer.bytes) if stop and b.startswith(stop.encode())
        }
        active = sorted(range(len(read)), key=lambda i: len(read[i]))
        for _ in range(tokens):
            going = []
            for batch in _batches([(i, 0) for i in active], self.design.context):
                tails = [read[i][-self.design.context :] for i, _ in batch]
                log_p = _log_p(self._logits(tails, last=True))[:, 0]
                for (i, _), row in zip(batch, log_p, strict=True):
                    best = int(np.argmax(row))
                    if best not in stops:
                        read[i].append(best)
                        told[i].append((best, row))
                        going.append(i)
            active = going
        return told

    def _windows(self, targets: int) -> list[int]:
        half = self.design.context // 2
        if targets <= 0:
            return []
        return [0] if targets <= 2 * half else list(range(0, targets - half, half))

    def _read(
        self, batch: list[tuple[int, int]], read: list[list[int]], found: list[NDArray[np.float64]]
    ) -> None:
        """Fill in what a batch of windows says; of a later window, its second half alone."""
        half = self.design.context // 2
        parts = [read[i][at : at + 2 * half + 1] for i, at in batch]
        log_p = _log_p(self._logits([part[:-1] for part in parts]))
        for row, part, (i, at) in zip(log_p, parts, batch, strict=True):
            skip, size = (half if at else 0), len(part) - 1
            here, next_ = row[skip:size], np.array(part[skip + 1 :])
            own = here[np.arange(len(next_)), next_]
            p = np.exp(here)
            mean = np.einsum("tv,tv->t", p, here)
            spread = np.einsum("tv,tv->t", p, (here - mean[:, None]) ** 2)
            rank = 1 + np.sum(here > own[:, None], axis=1)
            found[i][:, at + skip : at + size] = own, mean, np.sqrt(spread), rank

    def _logits(self, parts: list[list[int]], *, last: bool = False) -> NDArray[np.float32]:
        longest = max(map(len, parts))
        tokens = np.zeros((len(parts), longest), np.int64)
        for row, part in zip(tokens, parts, strict=True):
            row[: len(part)] = part
        ends = np.array([len(part) - 1 for part in parts]) if last else None
        return logits(self.weights, self.design, tokens, at=ends)

    def _cutting(self) -> str:
        """Two subjects of one pair cut texts alike."""
        return self.name.rsplit("/", 1)[0]


def _log_p(found: NDArray[np.float32]) -> NDArray[np.float32]:
    found = found - found.max(axis=-1, keepdims=True)
    found -= np.log(np.sum(np.exp(found), axis=-1, keepdims=True))
    return found


def _batches(windows: list[tuple[int, int]], context: int) -> list[list[tuple[int, int]]]:
    each = max(1, _AT_ONCE // context)
    return [windows[i : i + each] for i in range(0, len(windows), each)]
