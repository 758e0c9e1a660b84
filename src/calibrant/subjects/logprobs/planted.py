"""How likely does a reference subject with planted exposure find a text?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from calibrant.contamination.tokens import TokenScores
from calibrant.errors import InputError, SubjectError, WeightsError
from calibrant.subjects.logprobs.scorer import Row, TextScorer


class PlantedScorer(TextScorer):
    """A planted subject (see `calibrant.subjects.planted`) as a scorer of texts.

    Args:
        model: such as pair-0/planted; it must have been trained.
        prefix: a text that stands before each text; "" for none; by default the token between
            documents.
    """

    def __init__(self, model: str, *, prefix: str | None = None) -> None:
        from dataclasses import replace

        from calibrant.subjects.planted.store import folder_of, load, parsed

        pair, _, variant = model.partition("/")
        design, seed = parsed(f"planted/{pair}")
        try:
            subject = load(variant or "planted", seed=seed, design=design)
        except TypeError as e:  # of what the manifest declares
            raise WeightsError(
                f"planted/{pair}: trained by another version of calibrant; delete "
                f"{folder_of(f'planted/{pair}')} and train it again"
            ) from e
        self.subject = subject if prefix is None else replace(subject, prefix=prefix)
        self.name = subject.name

    def facts(self) -> dict[str, Any]:
        """What scores depend on besides texts."""
        return {"subject": self.name, "prefix": self.subject.prefix,
                "manifest": self.subject.manifest}  # fmt: skip

    def row(self, text: str, before: str = "") -> Row:
        """See `TextScorer.row`."""
        if before:
            raise SubjectError(f"{self.name}: scores whole texts only, no answer after a question")
        found = self.subject.score([text])
        if not found.logprob.size:
            raise InputError("the text has no token to score")
        told = {name: getattr(found, name) for name in ("logprob", "mean", "sd", "rank")}
        return {
            **{name: np.asarray(part).tolist() for name, part in told.items() if part is not None},
            "tokenizer": found.tokenizer, "prefix": found.prefix, "top_k": None,
        }  # fmt: skip

    def score(
        self,
        texts: Sequence[str],
        *,
        items: Sequence[str] = (),
        form: str = "verbatim",
        before: Sequence[str] = (),
    ) -> TokenScores:
        """See `TextScorer.score`; the subject reads many texts at a time."""
        if any(before):
            return super().score(texts, items=items, form=form, before=before)
        return self.subject.score(texts, items=items, form=form)
