"""How likely does a local model find a text? llama.cpp's hidden states, the file's output matrix.

Where that cannot be (a matrix of another kind, an architecture whose logits are not states times
matrix), llama.cpp is made to generate the text token by token and tells the log-probability that
each had before it was forced: slower, the same numbers, and the rest of the distribution only to
the top-k.
"""

from __future__ import annotations

import http.client
import importlib.util
import json
import secrets
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import numpy as np

from calibrant._text import one_line, storable
from calibrant.errors import InputError, SubjectError
from calibrant.subjects import _server
from calibrant.subjects.logprobs.output import Header, Output, read_header
from calibrant.subjects.logprobs.prefix import usual
from calibrant.subjects.logprobs.scorer import Row, TextScorer
from calibrant.subjects.weights import locate

N_CTX = 2048
TOP_K = 20
TOLERANCE = 0.01
"""Nats by which a token's log-probability may differ from what the model itself reports of it."""


class LocalScorer(TextScorer):
    """A GGUF model as a scorer of texts, in this process.

    Args:
        model: a known name, such as smollm2-135m, or the path of a .gguf file.
        prefix: a token that stands before each text, by its name in the vocabulary; "" for none,
            in which case a text's first token is not scored. By default the begin token of a model
            whose file says that texts begin with it, else the token that ended texts in training.
        n_ctx: tokens of context; a text must fit with what stands before it.
        threads: more change how numbers are rounded.
        access: "states" or "forced"; by default whichever can be had, in this order.
        full: tell mean and sd of the whole distribution even if access is "forced" (0.5 s a token).
        accept_license: the word that accepts a licence that asks for it.
    """

    def __init__(
        self,
        model: str,
        *,
        prefix: str | None = None,
        n_ctx: int = N_CTX,
        threads: int = 1,
        access: str | None = None,
        full: bool = False,
        accept_license: str | None = None,
    ) -> None:
        if importlib.util.find_spec("xllamacpp") is None:
            raise SubjectError("local models need xllamacpp: pip install 'calibrant[local]'")
        for name, value in (("n_ctx", n_ctx), ("threads", threads)):
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise SubjectError(f"{name}: wanted a whole number of at least 1, found {value!r}")
        if access not in (None, "states", "forced"):
            raise SubjectError(f"access: wanted states or forced, found {access!r}")
        self.weights = locate(model, accept=accept_license)
        self.name = f"local/{model}"
        self.header = read_header(self.weights.path)
        self.prefix = _prefix(self.header, prefix)
        self.access, self.full, self._wanted = access, full, access
        self._settings = _server.Settings(self.weights.path, n_ctx, 1, threads)
        self._rounding = "" if threads == 1 else f", {threads} threads"
        self._served: dict[bool, _Served] = {}
        self._output: Output | None = None

    def facts(self) -> dict[str, Any]:
        """What scores depend on besides texts."""
        return {
            "subject": self.name, "sha256": self.weights.sha256, "full": self.full,
            "prefix": self.prefix[1], "access": self._wanted, "n_ctx": self._settings.n_ctx,
            "threads": self._settings.threads,
        }  # fmt: skip

    def row(self, text: str, before: str = "") -> Row:
        """See `TextScorer.row`."""
        first = [] if self.prefix[0] is None else [self.prefix[0]]
        context = first + (self._tokens(before) if before else [])
        tokens = self._tokens(text)
        if not context:
            context, tokens = tokens[:1], tokens[1:]
        if not tokens:
            raise InputError("the text has no token to score")
        many, most = len(context) + len(tokens), self._settings.n_ctx
        if many >= most:
            raise InputError(f"{many:,} tokens do not fit into the context of {most:,} (n_ctx)")
        if self.access is None:
            self.access = self._chosen(context[0], tokens[0])
        row = self._ask[self.access](context, tokens)
        return {
            "top_k": None, **row, "tokenizer": self.header.vocabulary.name,
            "prefix": self.prefix[1] + before, "access": self.access + self._rounding,
        }  # fmt: skip

    @property
    def _ask(self) -> dict[str, Callable[[list[int], list[int]], Row]]:
        return {"states": self._states, "forced": self._whole if self.full else self._forced}

    def _chosen(self, first: int, second: int) -> str:
        """States, if after a first token they give what the model itself says comes next.

        After one token only: of longer texts llama.cpp rounds differently when it reads them at
        once, and when it writes them token by token.
        """
        if not self.header.readable:
            return "forced"
        try:
            states = self._serve(states=True).states([first])
        except SubjectError:
            # This architecture gives no states of single tokens.
            return "forced"
        ((_, says),) = self._serve(states=False).forced([first], [second], TOP_K)
        found = np.sort(self._matrix().logprobs(states)[0])[::-1][:TOP_K]
        far = np.max(np.abs(found - np.sort(says)[::-1]))
        return "states" if far <= TOLERANCE else "forced"

    def _states(self, context: list[int], tokens: list[int]) -> Row:
        if not self.header.readable:
            raise SubjectError(f"{self.name}: its output matrix is of a kind that is not read here")
        given = self._serve(states=True).states([*context, *tokens])[len(context) - 1 : -1]
        found = self._matrix().distributions(given, np.asarray(tokens))
        return {name: part.tolist() for name, part in found.items()}

    def _matrix(self) -> Output:
        if self._output is None:
            self._output = Output(self.header)
        return self._output

    def _forced(self, context: list[int], tokens: list[int]) -> Row:
        logprob, rank = [], []
        for own, others in self._serve(states=False).forced(context, tokens, TOP_K):
            above = sum(other > own for other in others)
            logprob.append(own)
            rank.append(above + 1 if above < TOP_K else 0)
        return {"logprob": logprob, "rank": rank, "top_k": TOP_K}

    def _whole(self, context: list[int], tokens: list[int]) -> Row:
        """As `_forced`, with the whole vocabulary at each place: one call a token."""
        row: Row = {"logprob": [], "mean": [], "sd": [], "rank": []}
        count = len(self.header.vocabulary.tokens)
        for place, token in enumerate(tokens):
            asked = [*context, *tokens[:place]]
            ((own, others),) = self._serve(states=False).forced(asked, [token], count)
            logp = np.asarray(others, np.float64)
            # llama.cpp tells log 0 as the smallest number that it has.
            logp = logp[logp > -1e30]
            p = np.exp(logp) / np.sum(np.exp(logp))
            mean = float(p @ logp)
            row["logprob"].append(own)
            row["mean"].append(mean)
            row["sd"].append(float(np.sqrt(p @ (logp - mean) ** 2)))
            row["rank"].append(int(np.sum(logp > own)) + 1)
        return row

    def _tokens(self, text: str) -> list[int]:
        served = next(iter(self._served.values()), None) or self._serve(
            states=self.access != "forced" and self.header.readable
        )
        return served.tokens(storable(text))

    def _serve(self, *, states: bool) -> _Served:
        if states not in self._served:
            self._served[states] = _Served(self._settings, states, self.name)
        return self._served[states]

    def close(self) -> None:
        """Let the model go."""
        self._served.clear()
        self._output = None


class _Served:
    """One loaded copy of a model."""

    def __init__(self, settings: _server.Settings, states: bool, name: str) -> None:
        key = secrets.token_hex(16)
        self.name = name
        self._llama = _server.load(settings, key=key, states=states)
        address = urlsplit(self._llama.listening_address)
        self._host, self._port = str(address.hostname), int(address.port or 80)
        self._headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}

    def tokens(self, text: str) -> list[int]:
        """The tokens of a text; markers such as <|im_end|> in it are text as well."""
        body = {"content": text, "add_special": False, "parse_special": False}
        return list(map(int, self._post("/tokenize", body)["tokens"]))

    def states(self, tokens: list[int]) -> Any:
        """Shape (tokens, width): the state after each token."""
        found = self._post("/embedding", {"content": tokens, "embd_normalize": -1})
        states = np.asarray(found[0]["embedding"], np.float32)
        if states.ndim != 2 or len(states) != len(tokens) or not np.all(np.isfinite(states)):
            raise SubjectError(f"{self.name}: llama.cpp tells no state of each token")
        return states

    def forced(
        self, context: list[int], tokens: list[int], top: int
    ) -> Iterator[tuple[float, list[float]]]:
        """Of each token its log-probability and those of the `top` likeliest, in order."""
        body = {
            "prompt": context, "max_tokens": len(tokens), "temperature": 0.0, "logprobs": top,
            "cache_prompt": False, "ignore_eos": False,
            "grammar": "root ::= " + " ".join(f"<[{token}]>" for token in tokens),
        }  # fmt: skip
        try:
            reply = self._llama.handle_completions(body)
        except (RuntimeError, ValueError) as e:
            raise SubjectError(f"{self.name}: {one_line(str(e))}") from e
        if error := reply.get("error"):
            raise SubjectError(f"{self.name}: {one_line(str(error.get('message', error)))}")
        said = reply["choices"][0]["logprobs"]["content"]
        if [token["id"] for token in said[: len(tokens)]] != tokens:
            raise SubjectError(f"{self.name}: llama.cpp could not be made to say the text")
        for token in said[: len(tokens)]:
            yield token["logprob"], [other["logprob"] for other in token["top_logprobs"]]

    def _post(self, path: str, body: dict[str, Any]) -> Any:
        # Straight to the loopback address: a proxy of the environment must not see it.
        link = http.client.HTTPConnection(self._host, self._port)
        try:
            link.request("POST", path, json.dumps(body), self._headers)
            reply = link.getresponse()
            data = json.loads(reply.read())
        except (OSError, http.client.HTTPException, ValueError) as e:
            raise SubjectError(
                f"{self.name}: llama.cpp does not answer ({one_line(str(e))})"
            ) from e
        finally:
            link.close()
        if reply.status != 200:
            error = data.get("error", data) if isinstance(data, dict) else data
            message = error.get("message", error) if isinstance(error, dict) else error
            raise SubjectError(f"{self.name}: {one_line(str(message))}")
        return data


def _prefix(header: Header, named: str | None) -> tuple[int | None, str]:
    """The number and the name of the token that stands before each text."""
    v = header.vocabulary

    def token(number: int | None) -> str | None:
        return None if number is None else v.tokens[number]

    return usual(
        {name: number for number, name in enumerate(v.tokens)}, named, header.path.name,
        begin=token(v.begin), end=token(v.end), adds_begin=v.adds_begin,
    )  # fmt: skip
