"""How a GGUF file answers as a subject: the Inspect model provider `local`, in this process."""

from __future__ import annotations

import importlib.util
import os
import time
from typing import Any

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
    StopReason,
    TopLogprob,
    modelapi,
)
from inspect_ai.tool import ToolChoice, ToolInfo

from calibrant._text import storable
from calibrant.errors import SubjectError
from calibrant.subjects import _server, _trial
from calibrant.subjects.weights import locate

N_CTX = 2048
MOST_PARALLEL = 8

# llama.cpp takes this one seed to mean "choose one at random".
_RANDOM_SEED = 0xFFFFFFFF

# Options of Inspect that would change what is measured, and that this provider does not have.
_UNSUPPORTED = ("best_of", "extra_body", "prompt_logprobs", "response_schema")


class LocalAPI(ModelAPI):
    """A GGUF model run by llama.cpp in this process, with answers that depend on no other request.

    Model arguments: `n_ctx` (tokens of context per request, 2048), `parallel` (requests answered at
    once, one a core, at most 8), `threads` (per request, 1; more changes how numbers are rounded),
    `accept_license`.
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
        if importlib.util.find_spec("xllamacpp") is None:
            raise SubjectError("local models need xllamacpp: pip install 'calibrant[local]'")
        accept = model_args.pop("accept_license", None)
        n_ctx = _positive(model_args, "n_ctx", N_CTX)
        parallel = _positive(model_args, "parallel", min(_cores(), MOST_PARALLEL))
        threads = _positive(model_args, "threads", 1)
        if model_args:
            raise SubjectError(
                f"local models take no argument {sorted(model_args)[0]!r}; there are n_ctx, "
                "parallel, threads and accept_license"
            )
        self.weights = locate(model_name, accept=accept)
        self._server = _server.shared(_server.Settings(self.weights.path, n_ctx, parallel, threads))
        _trial.watch_samples()

    async def generate(
        self,
        input: list[ChatMessage],
        tools: list[ToolInfo],
        tool_choice: ToolChoice,
        config: GenerateConfig,
    ) -> ModelOutput:
        """Return the model's answer to `input`; see `docs/subjects.md` for what is reproducible."""
        if tools and tool_choice != "none":
            raise SubjectError(
                f"{self.model_name} cannot call tools; use tool_choice='none' or another subject"
            )
        for option in _UNSUPPORTED:
            if getattr(config, option) is not None:
                raise SubjectError(f"local models do not have the option {option}")
        body = {"messages": _plain(input), **self._options(config)}
        draw = _trial.draw(config.seed, input, self.weights.sha256)
        began = time.monotonic()
        replies = []
        for choice in range(config.num_choices or 1):
            seed = (int.from_bytes(draw[:8], "big") + choice) % _RANDOM_SEED
            replies.append(await self._server.ask({**body, "seed": seed}))
            if replies[-1].too_long:
                break
        return self._output(replies, config, time.monotonic() - began)

    def _options(self, config: GenerateConfig) -> dict[str, Any]:
        """Return the request's options; by default, draws from the model's own distribution."""
        options: dict[str, Any] = {
            "max_tokens": config.max_tokens or self.max_tokens(),
            "temperature": 1.0 if config.temperature is None else config.temperature,
            "top_p": 1.0 if config.top_p is None else config.top_p,
            "top_k": config.top_k or 0,
            "min_p": 0.0,
            "frequency_penalty": config.frequency_penalty or 0.0,
            "presence_penalty": config.presence_penalty or 0.0,
            # The penalties look at everything so far, not at llama.cpp's last 64 tokens.
            "repeat_last_n": self._server.settings.n_ctx,
            "stop": [storable(text) for text in config.stop_seqs or () if text],
        }
        if config.logit_bias:
            options["logit_bias"] = {str(token): bias for token, bias in config.logit_bias.items()}
        if config.logprobs:
            # Asked for none, llama.cpp would leave out the chosen token's own, too.
            options |= {"logprobs": True, "top_logprobs": max(1, config.top_logprobs or 0)}
        return options

    def _output(
        self, replies: list[_server.Reply], config: GenerateConfig, seconds: float
    ) -> ModelOutput:
        n_ctx = self._server.settings.n_ctx
        input_tokens = replies[0].input_tokens
        output_tokens = sum(reply.output_tokens for reply in replies)
        return ModelOutput(
            model=self.model_name,
            choices=[self._choice(reply, config) for reply in replies],
            usage=ModelUsage(
                input_tokens=input_tokens,
                output_tokens=output_tokens,
                total_tokens=input_tokens + output_tokens,
            ),
            time=seconds,
            error=f"the prompt has {input_tokens} tokens, the context {n_ctx} (-M n_ctx=…)"
            if replies[0].too_long
            else None,
        )

    def _choice(self, reply: _server.Reply, config: GenerateConfig) -> ChatCompletionChoice:
        return ChatCompletionChoice(
            message=ChatMessageAssistant(
                content=storable(reply.text), model=self.model_name, source="generate"
            ),
            stop_reason=_stop_reason(reply, config.max_tokens or self.max_tokens()),
            logprobs=Logprobs(content=[_logprob(token, config) for token in reply.logprobs])
            if config.logprobs
            else None,
        )

    def max_tokens(self) -> int:
        """Return how many tokens an answer may have unless said otherwise: half the context."""
        return max(1, self._server.settings.n_ctx // 2)

    def max_connections(self) -> int:
        """Return how many requests are answered at once; more wait their turn."""
        return self._server.settings.parallel

    def connection_key(self) -> str:
        """Return what subjects must have in common to share these connections: the server."""
        return str(self._server.settings)

    def canonical_name(self) -> str:
        """Return the name of the weights, without any folder."""
        return self.weights.name


@modelapi(name="local")
def local() -> type[ModelAPI]:
    """Register the provider, so that `local/smollm2-135m` names a model."""
    return LocalAPI


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _positive(model_args: dict[str, Any], key: str, default: int) -> int:
    value = model_args.pop(key, default)
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise SubjectError(f"{key}: wanted a whole number of at least 1, found {value!r}")
    return value


def _plain(messages: list[ChatMessage]) -> list[dict[str, str]]:
    return [{"role": message.role, "content": _text(message)} for message in messages]


def _text(message: ChatMessage) -> str:
    if message.role == "tool" or (message.role == "assistant" and message.tool_calls):
        raise SubjectError("local models cannot read tool calls or their results")
    if isinstance(message.content, str):
        return storable(message.content)
    for content in message.content:
        # A model's earlier thoughts are not shown to it again, as its own template would have it.
        if content.type not in ("text", "reasoning"):
            raise SubjectError(f"local models read text only; a message holds {content.type}")
    return storable(message.text)


def _stop_reason(reply: _server.Reply, max_tokens: int) -> StopReason:
    if reply.finish == "stop":
        return "stop"
    if reply.finish != "length":
        return "unknown"
    if reply.too_long or reply.output_tokens < max_tokens:
        return "model_length"
    return "max_tokens"


def _logprob(token: dict[str, Any], config: GenerateConfig) -> Logprob:
    top = token["top_logprobs"][: config.top_logprobs or 0]
    return Logprob(
        token=storable(token["token"]),
        logprob=token["logprob"],
        bytes=token.get("bytes"),
        top_logprobs=[
            TopLogprob(
                token=storable(other["token"]), logprob=other["logprob"], bytes=other.get("bytes")
            )
            for other in top
        ]
        if config.top_logprobs
        else None,
    )
