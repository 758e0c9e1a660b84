"""How a local model is asked: llama.cpp in this process, each answer independent of all others."""

from __future__ import annotations

import atexit
import os
import queue
import secrets
import threading
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
from anyio.lowlevel import RunVar

from calibrant._text import one_line
from calibrant.errors import SubjectError
from calibrant.subjects import _gguf

# A base model has no chat template of its own, and llama.cpp would give it ChatML, whose markers
# mean nothing to it. One turn is continued as plain text, as base models are commonly evaluated;
# more than one becomes a transcript.
PLAIN_TEMPLATE = """\
{%- set turns = messages | rejectattr('role', 'equalto', 'system') | list -%}
{%- for message in messages if message['role'] == 'system' -%}
{{ message['content'] }}{{ '\\n\\n' }}
{%- endfor -%}
{%- if turns | length == 1 -%}
{{ turns[0]['content'] }}
{%- else -%}
{%- for message in turns -%}
{{ 'User: ' if message['role'] == 'user' else 'Assistant: ' }}{{ message['content'] }}{{ '\\n\\n' }}
{%- endfor -%}
{%- if add_generation_prompt -%}{{ 'Assistant:' }}{%- endif -%}
{%- endif -%}"""


@dataclass(frozen=True)
class Settings:
    """What a model is loaded with; two subjects with equal settings share what is loaded."""

    path: Path
    n_ctx: int
    parallel: int
    threads: int


@dataclass
class Reply:
    """What the model said to one request."""

    text: str = ""
    finish: str = ""
    input_tokens: int = 0
    output_tokens: int = 0
    logprobs: list[dict[str, Any]] = field(default_factory=list)
    too_long: bool = False
    """The prompt alone does not fit into the context; nothing was generated."""


class Server:
    """One model, loaded as many times as requests are in flight, at most `parallel` times.

    Each copy answers one request at a time, from an empty context. That is what makes an answer
    independent of all others: llama.cpp rounds differently when it batches several requests, or
    continues from a cached prefix, and a rounding can change a token. Copies share the weights in
    memory (the file is mapped), so they cost a context each and no more.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._lock = threading.Lock()
        self._loaded = 0
        self._idle: queue.LifoQueue[Any] = queue.LifoQueue()

    async def ask(self, body: dict[str, Any]) -> Reply:
        """Return the reply to an OpenAI-style chat request; cancelling stops the model, too."""
        given_up = threading.Event()
        try:
            return await anyio.to_thread.run_sync(
                partial(self._ask, body, given_up), limiter=self._limiter(), abandon_on_cancel=True
            )
        finally:
            given_up.set()

    def _limiter(self) -> anyio.CapacityLimiter:
        limiters = _LIMITERS.get(None)
        if limiters is None:
            limiters = {}
            _LIMITERS.set(limiters)
        return limiters.setdefault(self.settings, anyio.CapacityLimiter(self.settings.parallel))

    def _ask(self, body: dict[str, Any], given_up: threading.Event) -> Reply:
        reply = Reply()
        failure: list[str] = []

        def heard(chunk: dict[str, Any]) -> bool:
            if error := chunk.get("error"):
                _note_error(reply, error, failure)
            else:
                _note_chunk(reply, chunk)
            return given_up.is_set()

        request = {
            **body,
            "cache_prompt": False,
            "stream": True,
            "stream_options": {"include_usage": True},
        }
        llama = self._take()
        try:
            llama.handle_chat_completions(request, heard)
        except (RuntimeError, ValueError) as error:
            failure.append(str(error))
        finally:
            self._idle.put(llama)
        if failure:
            raise SubjectError(f"{self.settings.path.name}: {one_line(failure[0])}")
        return reply

    def _take(self) -> Any:
        """Return a copy that nobody else is asking, loading one more if there may be one more."""
        with self._lock:
            try:
                return self._idle.get_nowait()
            except queue.Empty:
                if self._loaded < self.settings.parallel:
                    llama = load(self.settings)
                    self._loaded += 1
                    return llama
        # Only after a cancelled request, whose copy is free again at its next token.
        return self._idle.get()

    def close(self) -> None:
        """Let every idle copy of the model go; the next request loads it again."""
        with self._lock:
            while not self._idle.empty():
                self._idle.get_nowait()
                self._loaded -= 1


_SERVERS: dict[Settings, Server] = {}
_SERVERS_LOCK = threading.Lock()
# An anyio limiter belongs to one event loop, and each evaluation may run its own.
_LIMITERS: RunVar[dict[Settings, anyio.CapacityLimiter] | None] = RunVar("calibrant_limiters", None)


def shared(settings: Settings) -> Server:
    """Return what this process has for `settings`, the same each time; loads nothing yet."""
    with _SERVERS_LOCK:
        return _SERVERS.setdefault(settings, Server(settings))


@atexit.register
def close_all() -> None:
    """Let every loaded model go, before the interpreter takes its modules apart."""
    with _SERVERS_LOCK:
        for server in _SERVERS.values():
            server.close()


def has_template(path: Path) -> bool:
    """Say whether the model brings a chat template."""
    return bool(_gguf.metadata(path).get("tokenizer.chat_template"))


def load(settings: Settings, *, key: str | None = None, states: bool = False) -> Any:
    """Load one copy of a model.

    Args:
        key: what requests to its HTTP port must show; by default nobody knows it.
        states: the copy tells the last hidden state of each token, and generates nothing.
    """
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = str(settings.path)
    params.n_parallel = 1
    params.n_ctx = settings.n_ctx
    for cpu in (params.cpuparams, params.cpuparams_batch):
        cpu.n_threads = settings.threads
    params.n_gpu_layers = 0
    params.cache_prompt = False
    params.cache_ram_mib = 0
    params.n_threads_http = 1
    # Repacked weights would be a private copy of the whole model for each copy loaded.
    params.no_extra_bufts = True
    params.warmup = False
    # What the model said, to the letter: no reading of tool calls or thoughts into it.
    params.force_pure_content_parser = True
    # The library also opens an HTTP port on the loopback address; nobody else may use it.
    params.api_keys = [key or secrets.token_hex(16)]
    if states:
        params.embedding = True
        params.pooling_type = xllamacpp.llama_pooling_type.LLAMA_POOLING_TYPE_NONE
        params.embd_normalize = -1
        # A text whose states are wanted must fit into one batch.
        params.n_batch = params.n_ubatch = settings.n_ctx
    params.verbosity = 3 if os.environ.get("CALIBRANT_DEBUG") else -1
    if not has_template(settings.path):
        params.chat_template = PLAIN_TEMPLATE
    try:
        return xllamacpp.Server(params)
    except RuntimeError as error:
        raise SubjectError(
            f"{settings.path}: llama.cpp cannot load this model; "
            f"set CALIBRANT_DEBUG=1 to see its log ({one_line(str(error))})"
        ) from error


def _note_chunk(reply: Reply, chunk: dict[str, Any]) -> None:
    for choice in chunk.get("choices", ()):
        reply.text += choice["delta"].get("content") or ""
        reply.finish = choice.get("finish_reason") or reply.finish
        reply.logprobs += (choice.get("logprobs") or {}).get("content") or ()
    if usage := chunk.get("usage"):
        reply.input_tokens = usage["prompt_tokens"]
        reply.output_tokens = usage["completion_tokens"]


def _note_error(reply: Reply, error: dict[str, Any], failure: list[str]) -> None:
    if error.get("type") == "exceed_context_size_error":
        reply.too_long = True
        reply.finish = "length"
        reply.input_tokens = error.get("n_prompt_tokens", 0)
    else:
        failure.append(str(error.get("message", error)))
