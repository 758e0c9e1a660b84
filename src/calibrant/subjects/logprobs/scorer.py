"""Who can score a text, and what do all scorers do alike? Texts in, `TokenScores` out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from calibrant._text import one_line
from calibrant.contamination.tokens import TokenScores, token_scores
from calibrant.errors import InputError, SubjectError

Row = dict[str, Any]
"""Of one text: `logprob`, and `mean`, `sd`, `rank` where they are known; lists, one entry a token.
Besides them, what holds for all texts of one scorer, but is known only once one is scored:
`prefix`, `tokenizer`, `top_k`, `access`."""


_SHARED: dict[str, Any] = {"tokenizer": "", "prefix": "", "top_k": None, "access": ""}
"""What all rows of one scorer share, and what it is where they do not tell."""


class TextScorer(ABC):
    """A subject that gives log-probabilities of given texts; a `Scorer` of `contamination`.

    Attributes:
        name: who is asked.
    """

    name: str

    @abstractmethod
    def row(self, text: str, before: str = "") -> Row:
        """Score one text.

        Args:
            text: what is scored, all of it.
            before: what stands between the prefix and the text; it is not scored. Its tokens end
                where the text's begin.

        Raises:
            InputError: if the text has no token, or too many.
            SubjectError: if the subject does not tell.
        """

    @abstractmethod
    def facts(self) -> dict[str, Any]:
        """What scores depend on besides texts, as plain data: model, prefix, versions."""

    def score(
        self,
        texts: Sequence[str],
        *,
        items: Sequence[str] = (),
        form: str = "verbatim",
        before: Sequence[str] = (),
    ) -> TokenScores:
        """Score texts, in their order.

        Args:
            texts: each is scored by itself, after the same prefix.
            items: their ids, by default numbers from 1.
            form: how they stand to their items.
            before: of each text, what stands between the prefix and it; scored it is not.

        Raises:
            InputError, SubjectError: as `row`, naming the item.
        """
        names = list(items) or [str(i) for i in range(1, len(texts) + 1)]
        contexts = list(before) or [""] * len(texts)
        for what, there in (("items", names), ("before", contexts)):
            if len(there) != len(texts):
                raise InputError(f"{what}: wanted one a text ({len(texts)}), got {len(there)}")
        rows = [
            self.named_row(name, text, context)
            for name, text, context in zip(names, texts, contexts, strict=True)
        ]
        return joined(self.name, names, texts, [form] * len(texts), rows)

    def named_row(self, name: str, text: str, before: str = "") -> Row:
        """`row`, whose errors name the item."""
        try:
            return self.row(text, before)
        except InputError as e:
            raise InputError(f"item {one_line(name, 60)!r}: {e}") from e
        except SubjectError as e:
            raise type(e)(f"{e} (item {one_line(name, 60)!r})") from e

    def close(self) -> None:  # noqa: B027 - most have nothing to let go
        """Let go what was loaded."""


def joined(
    subject: str,
    items: Sequence[str],
    texts: Sequence[str],
    forms: Sequence[str],
    rows: Sequence[Row],
) -> TokenScores:
    """Scores from rows of one scorer.

    Raises:
        InputError: if rows differ in tokenizer, prefix, top-k or access.
    """
    common: dict[str, Any] = {}
    for name, default in _SHARED.items():
        values = {row.get(name, default) for row in rows} or {default}
        if len(values) > 1:
            shown = " and ".join(sorted(map(repr, values))[:2])
            raise InputError(f"{subject}: texts were scored with different {name}: {shown}")
        common[name] = values.pop()
    return token_scores(
        [
            {"item": item, "text": text, "form": form, **row}
            for item, text, form, row in zip(items, texts, forms, rows, strict=True)
        ],
        subject=subject,
        **common,
    )


def scorer_of(
    subject: str, *, prefix: str | None = None, args: Mapping[str, Any] | None = None
) -> TextScorer:
    """The scorer that a subject's name means; loads nothing yet.

    Args:
        subject: `local/NAME`, a GGUF file or known model; `hf/NAME`, a folder or model of Hugging
            Face `transformers`; `planted/NAME`, a reference subject; else a model of Inspect whose
            provider tells prompt_logprobs.
        prefix: what stands before each text; by default the subject's own, which the scores name.
        args: of the scorer, or of the Inspect provider.

    Raises:
        SubjectError: if there is no such subject, or its argument is unknown.
    """
    given = dict(args or {})
    provider, _, name = subject.partition("/")
    if not name:
        raise SubjectError(
            f"{one_line(subject)!r} names no subject: wanted provider/model, such as "
            "local/smollm2-135m, hf/FOLDER or vllm-completions/MODEL"
        )
    from calibrant.subjects.logprobs.hugging_face import TransformersScorer
    from calibrant.subjects.logprobs.local import LocalScorer
    from calibrant.subjects.logprobs.planted import PlantedScorer
    from calibrant.subjects.logprobs.providers import ProviderScorer

    makers: dict[str, Callable[..., TextScorer]] = {
        "local": LocalScorer, "hf": TransformersScorer, "planted": PlantedScorer
    }  # fmt: skip
    if provider not in makers:
        return ProviderScorer(subject, prefix=prefix, args=given)
    try:
        return makers[provider](name, prefix=prefix, **given)
    except TypeError as e:
        raise SubjectError(f"{one_line(subject)}: {one_line(str(e)).rpartition('() ')[2]}") from e


def from_logprobs(
    texts: Sequence[str],
    logprob: Sequence[Sequence[float]],
    *,
    subject: str,
    tokenizer: str,
    prefix: str,
    items: Sequence[str] = (),
    form: str = "verbatim",
    mean: Sequence[Sequence[float]] | None = None,
    sd: Sequence[Sequence[float]] | None = None,
    rank: Sequence[Sequence[int]] | None = None,
    top_k: int | None = None,
) -> TokenScores:
    """Scores from numbers that you have already.

    Args:
        texts: what was scored.
        logprob: of each text a list of log-probabilities (natural logarithms), one a token.
        subject, tokenizer, prefix: see `TokenScores`; texts of one tokenizer's name were cut alike.
        items: their ids, by default numbers from 1.
        mean, sd: of log p under the subject's own distribution at each place.
        rank: of the token at its place, from 1.
        top_k: how many tokens of the distribution were known at each place; None for all.

    Raises:
        InputError: if lengths differ, or a log-probability is above 0 or infinite.
    """
    names = list(items) or [str(i) for i in range(1, len(texts) + 1)]
    parts: dict[str, Sequence[Sequence[float]] | None] = {
        "logprob": logprob, "mean": mean, "sd": sd, "rank": rank
    }  # fmt: skip
    known = {name: list(part) for name, part in parts.items() if part is not None}
    every: dict[str, Sequence[Any]] = {**known, "items": names}
    for name, part in every.items():
        if len(part) != len(texts):
            raise InputError(f"{name}: wanted one a text ({len(texts)}), got {len(part)}")
    rows: list[Row] = [
        {"tokenizer": tokenizer, "prefix": prefix, "top_k": top_k}
        | {name: list(numbers[i]) for name, numbers in known.items()}
        for i in range(len(texts))
    ]
    for name, row in zip(names, rows, strict=True):
        if any(p == float("-inf") or p == float("inf") for p in row["logprob"]):
            raise InputError(f"item {one_line(name, 60)!r}: an infinite log-probability")
    if not texts:
        raise InputError("texts: wanted at least one, got none")
    return joined(subject, names, texts, [form] * len(texts), rows)
