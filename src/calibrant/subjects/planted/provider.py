"""Planted subjects through Inspect: the provider `planted`, such as `planted/pair-0/planted`."""

from __future__ import annotations

from typing import Any

import anyio
from inspect_ai.model import (
    ChatCompletionChoice,
    ChatMessage,
    ChatMessageAssistant,
    GenerateConfig,
    Logprob,
    Logprobs,
    ModelAPI,
    ModelOutput,
    ModelUsage,
    TopLogprob,
    modelapi,
)
from inspect_ai.tool import ToolChoice, ToolInfo

from calibrant._text import storable
from calibrant.errors import SubjectError
from calibrant.subjects.planted.store import load, parsed
from calibrant.subjects.planted.subject import PlantedSubject

_MOST = 64
"""Tokens of an answer unless said otherwise."""


class PlantedAPI(ModelAPI):
    """A small language model whose exposure is known; it must have been trained.

    It answers the last message as its corpus has questions, "Q: …" and "A:", with the likeliest
    tokens to the end of the line: temperature and seed change nothing.
    """

    def __init__(
        self,
        model_name: str,
        base_url: str | None = None,
        api_key: str | None = None,
        config: GenerateConfig | None = None,
        **model_args: Any,
    ) -> None:
        super().__init__(model_name, base_url, api_key, [], config or GenerateConfig())
        if model_args:
            raise SubjectError(f"planted subjects take no argument {sorted(model_args)[0]!r}")
        pair, _, variant = model_name.partition("/")
        design, seed = parsed(f"planted/{pair}")
        self.subject: PlantedSubject = load(variant or "planted", seed=seed, design=design)

    async def generate(
        self,
        input: list[ChatMessage],
        tools: list[ToolInfo],
        tool_choice: ToolChoice,
        config: GenerateConfig,
    ) -> ModelOutput:
        """Return the likeliest answer to the last message."""
        if tools and tool_choice != "none":
            raise SubjectError(f"{self.model_name} cannot call tools")
        prompt = f"Q: {storable(input[-1].text)}\nA:"
        most = config.max_tokens or _MOST
        told = await anyio.to_thread.run_sync(
            lambda: self.subject.complete([prompt], tokens=most)[0]
        )
        text = self.subject.tokenizer.decode(token for token, _ in told).strip()
        asked = len(self.subject.tokenizer.encode(prompt))
        return ModelOutput(
            model=self.model_name,
            choices=[
                ChatCompletionChoice(
                    message=ChatMessageAssistant(
                        content=text, model=self.model_name, source="generate"
                    ),
                    stop_reason="max_tokens" if len(told) == most else "stop",
                    logprobs=Logprobs(content=[self._logprob(t, p, config) for t, p in told])
                    if config.logprobs
                    else None,
                )
            ],
            usage=ModelUsage(
                input_tokens=asked, output_tokens=len(told), total_tokens=asked + len(told)
            ),
        )

    def _logprob(self, token: int, log_p: Any, config: GenerateConfig) -> Logprob:
        best = log_p.argsort()[::-1][: config.top_logprobs or 0]
        return Logprob(
            token=self.subject.tokenizer.decode([token]), logprob=float(log_p[token]),
            bytes=list(self.subject.tokenizer.bytes[token]),
            top_logprobs=[
                TopLogprob(
                    token=self.subject.tokenizer.decode([int(i)]), logprob=float(log_p[i]),
                    bytes=list(self.subject.tokenizer.bytes[int(i)]),
                )
                for i in best
            ]
            if config.top_logprobs
            else None,
        )  # fmt: skip

    def max_connections(self) -> int:
        """Return how many requests may be in flight."""
        return 4

    def connection_key(self) -> str:
        """Return what subjects must have in common to share these connections: the name."""
        return self.model_name


@modelapi(name="planted")
def planted() -> type[ModelAPI]:
    """Register the provider, so that `planted/pair-0/planted` names a model."""
    return PlantedAPI
