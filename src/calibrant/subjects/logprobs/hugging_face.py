"""How likely does a Hugging Face model find a text? `transformers`, if it is installed."""

from __future__ import annotations

import importlib.util
from typing import Any

import numpy as np

from calibrant._text import one_line, storable
from calibrant.errors import InputError, SubjectError
from calibrant.subjects.logprobs.output import BATCH, moments, vocabulary_name
from calibrant.subjects.logprobs.prefix import usual
from calibrant.subjects.logprobs.scorer import Row, TextScorer


class TransformersScorer(TextScorer):
    """A causal language model of `transformers` as a scorer of texts, over its whole vocabulary.

    Args:
        model: a folder, or a name that `transformers` finds.
        prefix: a token that stands before each text, by its name; "" for none. By default the
            begin token of a tokenizer that puts it there, else the token that ended texts.
        device: as PyTorch names it.
        dtype: of the weights, as PyTorch names it, such as bfloat16; by default the file's own.
        revision: of a model by name.
    """

    def __init__(
        self,
        model: str,
        *,
        prefix: str | None = None,
        device: str = "cpu",
        dtype: str = "auto",
        revision: str | None = None,
    ) -> None:
        for needed in ("torch", "transformers"):
            if importlib.util.find_spec(needed) is None:
                raise SubjectError(f"hf/{one_line(model)}: needs pip install torch transformers")
        self.name = f"hf/{model}"
        self._asked = prefix
        self._how = {"device": device, "dtype": dtype, "revision": revision}
        self._model: Any = None
        self._tokenizer: Any = None
        self._prefix: tuple[int | None, str] = (None, "")
        self._vocabulary = ""

    def facts(self) -> dict[str, Any]:
        """What scores depend on besides texts."""
        self._load()
        return {"subject": self.name, "prefix": self._prefix[1], **self._how}

    def row(self, text: str, before: str = "") -> Row:
        """See `TextScorer.row`."""
        self._load()
        first = [] if self._prefix[0] is None else [self._prefix[0]]
        context = first + (self._tokens(before) if before else [])
        tokens = self._tokens(text)
        if not context:
            context, tokens = tokens[:1], tokens[1:]
        if not tokens:
            raise InputError("the text has no token to score")
        most = getattr(self._model.config, "max_position_embeddings", None)
        if most is not None and len(context) + len(tokens) > most:
            raise InputError(
                f"{len(context) + len(tokens):,} tokens do not fit into the context of {most:,}"
            )
        found = self._distributions(context, tokens)
        return {
            **{name: part.tolist() for name, part in found.items()},
            "tokenizer": self._vocabulary, "prefix": self._prefix[1] + before, "top_k": None,
        }  # fmt: skip

    def _distributions(self, context: list[int], tokens: list[int]) -> dict[str, Any]:
        import torch

        given = torch.tensor([[*context, *tokens]], device=self._how["device"])
        with torch.inference_mode():
            logits = self._model(input_ids=given).logits[0, len(context) - 1 : -1]
            parts = [
                moments(
                    logits[i : i + BATCH].float().cpu().numpy(), np.asarray(tokens[i : i + BATCH])
                )
                for i in range(0, len(tokens), BATCH)
            ]
        return {name: np.concatenate([p[name] for p in parts]) for name in parts[0]}

    def _tokens(self, text: str) -> list[int]:
        # Markers such as <|im_end|> in a text are text as well.
        found = self._tokenizer.encode(
            storable(text), add_special_tokens=False, split_special_tokens=True
        )
        return [int(token) for token in found]

    def _load(self) -> None:
        if self._model is not None:
            return
        import transformers

        name = self.name.removeprefix("hf/")
        revision = {} if self._how["revision"] is None else {"revision": self._how["revision"]}
        try:
            tokenizer = transformers.AutoTokenizer.from_pretrained(name, **revision)
            model = transformers.AutoModelForCausalLM.from_pretrained(
                name, dtype=self._how["dtype"], **revision
            )
            self._model = model.to(self._how["device"]).eval()
        except Exception as e:
            # It raises whatever its parts raise: OSError, ValueError, KeyError, RuntimeError.
            raise SubjectError(f"{one_line(self.name)}: {one_line(str(e), 300)}") from e
        self._tokenizer = tokenizer
        by_number = sorted(tokenizer.get_vocab().items(), key=lambda pair: pair[1])
        tokens = [token for token, _ in by_number]
        self._vocabulary = vocabulary_name(tokens)
        begins = tokenizer.encode("")[:1] == [tokenizer.bos_token_id]
        self._prefix = usual(
            dict(by_number), self._asked, name,
            begin=tokenizer.bos_token, end=tokenizer.eos_token, adds_begin=begins,
        )  # fmt: skip
