"""How likely does a model behind an API find a text? Where its provider tells prompt_logprobs.

A chat model tells log-probabilities of what it says, never of what it is given, and nothing makes
it say a given text. Servers that score prompts (vLLM, SGLang, Hugging Face's TGI and others like
them) do so through Inspect's option `prompt_logprobs`; for others this refuses.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from calibrant._text import one_line, storable
from calibrant.errors import CalibrantError, InputError, SubjectError
from calibrant.subjects.logprobs.scorer import Row, TextScorer

INSTEAD = (
    "ask it as a black box (calibrant contamination probe), or score open weights "
    "(local/FILE.gguf, hf/FOLDER, vllm-completions/MODEL)"
)
TOP_K = 20
"""As many as Inspect lets one ask for."""


class ProviderScorer(TextScorer):
    """A model of Inspect whose provider tells log-probabilities of the prompt.

    Args:
        subject: as Inspect names it, such as vllm-completions/MODEL, or
            openai-api-completions/SERVICE/MODEL, which give the text to the model as it is. Of a
            chat model, what its template puts before the text is part of the prefix.
        prefix: a text, such as "<|endoftext|>", that is sent before each text; by default what the
            provider puts there.
        args: of the Inspect provider.
        top_k: how many of the likeliest tokens to ask for, 1–20.
    """

    def __init__(
        self,
        subject: str,
        *,
        prefix: str | None = None,
        args: Mapping[str, Any] | None = None,
    ) -> None:
        if subject.startswith("mockllm/"):
            # Asking it would fetch a tokenizer first.
            raise SubjectError(
                f"{subject}: a mock tells no log-probabilities of given texts; {INSTEAD}"
            )
        given = dict(args or {})
        top_k = given.pop("top_k", TOP_K)
        if isinstance(top_k, bool) or not isinstance(top_k, int) or not 1 <= top_k <= 20:
            raise SubjectError(f"top_k: wanted a whole number from 1 to 20, found {top_k!r}")
        self.name, self.top_k, self._args = subject, top_k, given
        self._asked = prefix
        self._portal: Any = None
        self._model: Any = None

    def facts(self) -> dict[str, Any]:
        """What scores depend on besides texts."""
        return {"subject": self.name, "prefix": self._asked, "top_k": self.top_k, **self._args}

    def row(self, text: str, before: str = "") -> Row:
        """See `TextScorer.row`."""
        if not text.strip():
            raise InputError("the text has no token to score")
        context = storable((self._asked or "") + before)
        given = self._prompted(context + storable(text))
        found = aligned([t.token for t in given], context, storable(text))
        if found is None:
            raise SubjectError(
                f"{self.name}: the tokens that it tells do not spell the text; {INSTEAD}"
            )
        places, prefix = found
        own = [float(given[i].logprob) for i in places]
        if len(own) > 1 and len(set(own)) == 1:
            raise SubjectError(
                f"{self.name}: tells {own[0]:g} for each token, so nothing; {INSTEAD}"
            )
        return {
            "logprob": own, "rank": [self._rank(given[i]) for i in places],
            "tokenizer": f"{self.name} (its own)", "prefix": prefix, "top_k": self.top_k,
        }  # fmt: skip

    def _rank(self, token: Any) -> int:
        above = sum(o.logprob > token.logprob for o in token.top_logprobs or ())
        return above + 1 if above < self.top_k else 0

    def _prompted(self, text: str) -> Sequence[Any]:
        """What the provider tells of each token of the prompt."""
        from inspect_ai.model import GenerateConfig

        config = GenerateConfig(
            max_tokens=1, temperature=0.0, prompt_logprobs=self.top_k, max_retries=5, timeout=600
        )
        model = self._opened()
        try:
            output = self._portal.call(model.generate, text, [], "none", config)
        except CalibrantError as e:
            raise SubjectError(f"{e}; {INSTEAD}") from e
        except Exception as e:
            # Providers raise what they like.
            raise SubjectError(f"{self.name}: {one_line(str(e), 300)}") from e
        told = output.choices[0].prompt_logprobs if output.choices else None
        if told is None or not told.content:
            raise SubjectError(
                f"{self.name}: its provider tells no log-probabilities of given texts "
                f"(prompt_logprobs was ignored); {INSTEAD}"
            )
        return list(told.content)

    def _opened(self) -> Any:
        if self._model is None:
            from anyio.from_thread import start_blocking_portal
            from inspect_ai.model import get_model

            from calibrant.subjects.provider import check

            check(self.name, self._args)
            self._starter = start_blocking_portal()
            self._portal = self._starter.__enter__()
            self._model = get_model(self.name, memoize=False, **self._args)
        return self._model

    def close(self) -> None:
        """Close the connections."""
        if self._model is not None:
            self._portal.call(self._model.__aexit__, None, None, None)
            self._starter.__exit__(None, None, None)
            self._model = self._portal = None


def aligned(tokens: Sequence[str], before: str, text: str) -> tuple[range, str] | None:
    """Which tokens spell the text, and what stands before it.

    Args:
        tokens: of the whole prompt, as told.
        before: what was sent before the text.
        text: what is to be scored.

    Returns:
        Places of the tokens, and all that stands before them. Of a text that nothing stands before
        the first token is not scored, and not told. None if the tokens do not spell it, or none
        begins where it begins.
    """
    for spelled in (list(tokens), [_plain(t) for t in tokens]):
        whole = "".join(spelled)
        starts = [0]
        for token in spelled:
            starts.append(starts[-1] + len(token))
        if not before and len(whole) < len(text) and text.endswith(whole) and whole:
            return range(len(spelled)), ""
        at = whole.rfind(before + text)
        if at < 0:
            continue
        at += len(before)
        if at in starts[:-1]:
            inside = [i for i in range(len(spelled)) if at <= starts[i] < at + len(text)]
            return range(inside[0], inside[-1] + 1), whole[:at]
    return None


def _plain(token: str) -> str:
    """A token as text, where a provider spells white space as its vocabulary does."""
    return token.replace("Ġ", " ").replace("Ċ", "\n").replace("▁", " ")
