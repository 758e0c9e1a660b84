"""Which distribution over the vocabulary belongs to a hidden state? A GGUF file's output matrix.

llama.cpp tells the last hidden state of every token of a text at once, but the log-probabilities
of one token a call. The logits are those states times the output matrix, which lies in the file;
done here, whole texts are scored in one call, over the whole vocabulary. llama.cpp multiplies
quantised weights with a state that it has rounded to 8 bits: so does this, and the numbers agree
with those that the model reports of the tokens it generates (to about 0.0003 nats).
"""

from __future__ import annotations

import hashlib
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibrant.errors import WeightsError
from calibrant.subjects import _gguf

Floats32 = NDArray[np.float32]

_BLOCKS = {0: (1, 4), 1: (1, 2), 8: (32, 34), 14: (256, 210), 30: (1, 2)}
"""Of each kind of tensor that is read here: weights and bytes of a block. F32, F16, Q8_0, Q6_K,
BF16."""

BATCH = 64
"""States multiplied at once; it bounds memory, and no number depends on it."""

CACHED = 1 << 28
"""Bytes of a matrix that is kept as floats; a larger one is read again for each batch."""

ROWS = 1 << 14


@dataclass(frozen=True)
class Vocabulary:
    """The tokens of a model.

    Attributes:
        tokens: in the order of their numbers.
        begin, end: numbers of the tokens that begin and end a text, if there are any.
        adds_begin: whether texts are to begin with `begin`.
    """

    tokens: tuple[str, ...]
    begin: int | None
    end: int | None
    adds_begin: bool

    @property
    def name(self) -> str:
        """The same for two models whose vocabularies are the same."""
        return vocabulary_name(self.tokens)


def vocabulary_name(tokens: tuple[str, ...] | list[str]) -> str:
    """A tokenizer's identity: its size, and a hash of its tokens in their order."""
    digest = hashlib.sha256("\0".join(tokens).encode("utf-8", "surrogatepass")).hexdigest()
    return f"{len(tokens)} tokens {digest[:16]}"


@dataclass(frozen=True)
class Header:
    """What a GGUF file says of its vocabulary and its output matrix.

    Attributes:
        shape: (vocabulary, width) of the output matrix; kind: of its numbers, as GGUF counts them.
        offset: of the matrix in the file.
        cap: logits are softly capped at this; 0 if they are not.
        scale: logits are multiplied by this.
    """

    path: Path
    vocabulary: Vocabulary
    shape: tuple[int, int]
    kind: int
    offset: int
    cap: float
    scale: float

    @property
    def readable(self) -> bool:
        """Whether the output matrix is of a kind that is read here."""
        return self.kind in _BLOCKS and self.shape[1] % _BLOCKS[self.kind][0] == 0


def read_header(path: Path) -> Header:
    """The vocabulary and the place of the output matrix.

    Raises:
        WeightsError: if the header is broken.
    """
    try:
        with path.open("rb") as file:
            return _read(file, path)
    except (struct.error, UnicodeDecodeError, KeyError, ValueError, OSError) as e:
        raise WeightsError(f"{path}: the GGUF header is broken or cut short") from e


def _read(file: Any, path: Path) -> Header:
    if file.read(4) != _gguf.MAGIC:
        raise ValueError("no GGUF magic")
    _gguf._take(file, "<I")
    many, entries = _gguf._take(file, "<QQ")
    meta: dict[str, Any] = {}
    for _ in range(entries):
        key = _gguf._text(file)
        (kind,) = _gguf._take(file, "<I")
        if key == "tokenizer.ggml.tokens":
            _gguf._take(file, "<I")
            (count,) = _gguf._take(file, "<Q")
            meta[key] = tuple(_gguf._text(file) for _ in range(count))
        elif kind == _gguf._ARRAY:
            _gguf._skip_array(file)
        elif kind == _gguf._STRING:
            meta[key] = _gguf._text(file)
        else:
            meta[key] = _gguf._take(file, _gguf._SCALARS[kind])[0]
    tensors = {}
    for _ in range(many):
        name = _gguf._text(file)
        (axes,) = _gguf._take(file, "<I")
        shape = _gguf._take(file, f"<{axes}Q")
        tensors[name] = (shape, *_gguf._take(file, "<IQ"))
    step = int(meta.get("general.alignment", 32))
    start = -(-file.tell() // step) * step
    shape, kind, offset = tensors.get("output.weight") or tensors["token_embd.weight"]
    architecture = meta["general.architecture"]
    begin, end = (meta.get(f"tokenizer.ggml.{which}_token_id") for which in ("bos", "eos"))
    return Header(
        path=path,
        vocabulary=Vocabulary(
            meta["tokenizer.ggml.tokens"], begin, end,
            bool(meta.get("tokenizer.ggml.add_bos_token",
                          meta.get("tokenizer.ggml.model") == "llama")),
        ),
        shape=(int(shape[1]), int(shape[0])), kind=int(kind), offset=start + int(offset),
        cap=float(meta.get(f"{architecture}.final_logit_softcapping", 0.0)),
        scale=float(meta.get(f"{architecture}.logit_scale", 1.0) or 1.0),
    )  # fmt: skip


class Output:
    """The output matrix of a model, from its file.

    Args:
        header: of a file whose matrix is `readable`.
    """

    def __init__(self, header: Header) -> None:
        self.header = header
        count, width = header.shape
        per, size = _BLOCKS[header.kind]
        try:
            self._raw = np.memmap(
                header.path, np.uint8, "r", header.offset, (count, width // per * size)
            )
        except (OSError, ValueError) as e:
            raise WeightsError(f"{header.path}: the file is cut short ({e})") from e
        self._kept = self._floats(0, count) if count * width * 4 <= CACHED else None

    def _floats(self, start: int, stop: int) -> Floats32:
        return decoded(np.asarray(self._raw[start:stop]), self.header.kind)

    def distributions(self, states: Floats32, tokens: NDArray[np.int64]) -> dict[str, Any]:
        """What each state says of the token that came next.

        Args:
            states: shape (tokens, width).
            tokens: shape (tokens,), the numbers of the tokens that came.

        Returns:
            `logprob`, `mean`, `sd`, each shape (tokens,) and of log p under the state's own
            distribution, and `rank`.
        """
        parts = [
            moments(self._logits(states[i : i + BATCH]), tokens[i : i + BATCH])
            for i in range(0, len(tokens), BATCH)
        ]
        names = ("logprob", "mean", "sd", "rank")
        return {name: np.concatenate([p[name] for p in parts]) for name in names}

    def logprobs(self, states: Floats32) -> Floats32:
        """Shape (tokens, vocabulary) of log p, for a few states."""
        logits = self._logits(states)
        high = np.max(logits, axis=1, keepdims=True)
        found: Floats32 = logits - high - np.log(np.sum(np.exp(logits - high), 1, keepdims=True))
        return found

    def _logits(self, states: Floats32) -> Floats32:
        x = rounded(states, self.header.kind)
        count = self.header.shape[0]
        logits = np.empty((len(x), count), np.float32)
        for start in range(0, count, ROWS):
            stop = min(start + ROWS, count)
            rows = self._floats(start, stop) if self._kept is None else self._kept[start:stop]
            np.matmul(x, rows.T, out=logits[:, start:stop])
        if self.header.scale != 1.0:
            logits *= np.float32(self.header.scale)
        if self.header.cap:
            logits = np.tanh(logits / self.header.cap) * np.float32(self.header.cap)
        return logits


def moments(logits: Any, tokens: NDArray[np.int64]) -> dict[str, Any]:
    """Log p of tokens, the mean and sd of log p under its own distribution, and ranks.

    Args:
        logits: shape (tokens, vocabulary).
        tokens: shape (tokens,).
    """
    at = np.arange(len(tokens))
    own = logits[at, tokens]
    rank = 1 + np.sum(logits > own[:, None], axis=1)
    logp = logits - np.max(logits, axis=1, keepdims=True)
    p = np.exp(logp)
    total = np.sum(p, axis=1, dtype=np.float64)
    norm = np.log(total)
    # Of a token with p = 0 the product with log p is 0 by continuity; with -inf it would be NaN.
    logp = np.where(p > 0, logp, 0.0)
    first = np.einsum("ij,ij->i", p, logp, dtype=np.float64) / total
    logp -= first[:, None].astype(logp.dtype)
    second = np.einsum("ij,ij,ij->i", p, logp, logp, dtype=np.float64) / total
    high = np.max(logits, axis=1).astype(np.float64)
    return {
        "logprob": np.minimum(own.astype(np.float64) - high - norm, 0.0),
        "mean": first - norm,
        "sd": np.sqrt(np.maximum(second, 0.0)),
        "rank": rank.astype(np.int64),
    }


def rounded(states: Floats32, kind: int) -> Floats32:
    """States as llama.cpp multiplies them: in blocks of 8-bit numbers if the weights are blocks."""
    x = states.astype(np.float32)
    if kind == 1:
        return x.astype(np.float16).astype(np.float32)
    if kind == 30:
        return _bf16(x)
    if kind not in (8, 14):
        return x
    blocks = x.reshape(len(x), -1, _BLOCKS[kind][0])
    if kind == 8:
        scale = np.max(np.abs(blocks), axis=2, keepdims=True) / np.float32(127)
        kept = scale.astype(np.float16).astype(np.float32)
    else:
        place = np.argmax(np.abs(blocks), axis=2)[..., None]
        scale = np.take_along_axis(blocks, place, axis=2) / np.float32(-127)
        kept = scale
    whole = np.rint(blocks / np.where(scale == 0, np.float32(1), scale))
    return np.asarray(np.minimum(whole, 127) * kept, np.float32).reshape(x.shape)


def _bf16(x: Floats32) -> Floats32:
    bits = np.ascontiguousarray(x).view(np.uint32)
    near = bits + np.uint32(0x7FFF) + ((bits >> np.uint32(16)) & np.uint32(1))
    return (near & np.uint32(0xFFFF0000)).view(np.float32)


def decoded(raw: NDArray[np.uint8], kind: int) -> Floats32:
    """Weights as floats: shape (rows, width) of raw bytes, shape (rows, bytes)."""
    rows = len(raw)
    raw = np.ascontiguousarray(raw)
    if kind == 0:
        return raw.view(np.float32)
    if kind == 1:
        return raw.view(np.float16).astype(np.float32)
    if kind == 30:
        return (raw.view(np.uint16).astype(np.uint32) << np.uint32(16)).view(np.float32)
    blocks = raw.reshape(-1, _BLOCKS[kind][1])
    if kind == 8:
        scale = blocks[:, :2].copy().view(np.float16).astype(np.float32)
        return (scale * blocks[:, 2:].view(np.int8)).reshape(rows, -1)
    return _six_bits(blocks).reshape(rows, -1)


def _six_bits(blocks: NDArray[np.uint8]) -> Floats32:
    """Q6_K: 256 weights as 4 low bits, 2 high bits, 16 scales of 8 bits, and one of 16 bits."""
    low, high = blocks[:, :128].reshape(-1, 2, 64), blocks[:, 128:192].reshape(-1, 2, 32)
    scales = blocks[:, 192:208].view(np.int8).astype(np.float32)
    whole = blocks[:, 208:210].copy().view(np.float16).astype(np.float32)
    nibbles = np.concatenate([low & 15, low >> 4], axis=2).reshape(-1, 2, 4, 32)
    shifts = np.array([0, 2, 4, 6], np.uint8)[:, None]
    top = (high[:, :, None, :] >> shifts) & 3
    values = (nibbles | (top << 4)).astype(np.float32) - 32
    found: Floats32 = whole[:, :, None] * scales[:, :, None] * values.reshape(-1, 16, 16)
    return found
