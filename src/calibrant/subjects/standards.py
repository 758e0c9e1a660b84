"""What a method says of a subject whose behaviour is known: the provider `standard`, planted."""

from __future__ import annotations

import math
import re
from typing import Any

import anyio
from inspect_ai.model import (
    ChatCompletionChoice,
    ChatMessage,
    ChatMessageAssistant,
    GenerateConfig,
    ModelAPI,
    ModelOutput,
    ModelUsage,
    modelapi,
)
from inspect_ai.tool import ToolChoice, ToolInfo

from calibrant._text import one_line
from calibrant.errors import InputError, SubjectError
from calibrant.records.identity import id_of
from calibrant.subjects import _trial

_NAME = re.compile(r"rate-(?P<rate>\d+(\.\d+)?([eE]-?\d+)?)|ability-(?P<ability>-?\d+(\.\d+)?)")


class PlantedFailure(RuntimeError):
    """A failure of a reference standard that was asked for with `fail`."""


class StandardAPI(ModelAPI):
    """A subject that gives the positive answer with a known probability: `standard/rate-0.05`, or
    `standard/ability-0.5`, which is right as often as a bank of calibrated items says.

    Each request is an independent draw, decided by a hash of seed, sample, epoch and messages, so
    the same evaluation gives the same answers in whatever order they are asked for. Model
    arguments: `positive` and `negative` (the two answers; "{target}" in them stands for the item's
    target, so that a standard may be right at its rate), `bank` (a file of calibrated items, in
    which a sample is found by its id; only with an ability), `memorised` (a file of items: asked
    for one of them word for word it gives the file's answer, so that exposure is planted), `fail`
    (the probability of an error), `delay_ms` (wait up to this long, by a hash, so that answers
    arrive out of order).
    """

    def __init__(
        self,
        model_name: str,
        base_url: str | None = None,
        api_key: str | None = None,
        config: GenerateConfig | None = None,
        positive: str | None = None,
        negative: str = "negative",
        bank: str | None = None,
        memorised: str | None = None,
        fail: float = 0.0,
        delay_ms: float = 0.0,
        **model_args: Any,
    ) -> None:
        super().__init__(model_name, base_url, api_key, [], config or GenerateConfig())
        if model_args:
            raise SubjectError(
                f"reference standards take no argument {sorted(model_args)[0]!r}; there are "
                "positive, negative, bank, memorised, fail and delay_ms"
            )
        match = _NAME.fullmatch(model_name)
        able = match is not None and match["ability"] is not None
        rate = float(match["rate"]) if match and not able else math.nan
        if not (able or 0 <= rate <= 1):
            raise SubjectError(
                f"no reference standard {one_line(model_name)!r}: wanted rate-P with P from 0 to 1,"
                " such as standard/rate-0.05, or ability-A, such as standard/ability-0.5"
            )
        if able != (bank is not None):
            raise SubjectError(f"bank: wanted with an ability, and only there, got {bank!r}")
        self.rate = rate
        self.rates = _rates(bank, float(match["ability"])) if match and bank is not None else None
        self.positive = _words("positive", positive or ("{target}" if able else "positive"))
        self.negative = _words("negative", negative)
        self.memorised = {} if memorised is None else _memorised(_words("memorised", memorised))
        self.fail = _number("fail", fail, 1.0)
        self.delay = _number("delay_ms", delay_ms, math.inf) / 1000
        _trial.watch_samples()

    async def generate(
        self,
        input: list[ChatMessage],
        tools: list[ToolInfo],  # noqa: ARG002
        tool_choice: ToolChoice,  # noqa: ARG002
        config: GenerateConfig,
    ) -> ModelOutput:
        """Return one of the two answers, as the draw for this trial has it."""
        draw = _trial.draw(config.seed, input, f"standard/{self.model_name}")
        if self.delay:
            await anyio.sleep(self.delay * _uniform(draw, 2))
        if _uniform(draw, 1) < self.fail:
            raise PlantedFailure("a planted failure of the reference standard")
        rate = self.rate if self.rates is None else self._rate_here(self.rates)
        answer = self.positive if _uniform(draw, 0) < rate else self.negative
        answer = answer.replace("{target}", _trial.target())
        text = input[-1].text if input else ""
        answer = next((known for asked, known in self.memorised.items() if asked in text), answer)
        asked = sum(len(message.text.split()) for message in input)
        said = len(answer.split())
        return ModelOutput(
            model=self.model_name,
            choices=[
                ChatCompletionChoice(
                    message=ChatMessageAssistant(
                        content=answer, model=self.model_name, source="generate"
                    ),
                    stop_reason="stop",
                )
            ],
            # Words, for want of a tokenizer; without usage Inspect would estimate it with a
            # tokenizer that it downloads.
            usage=ModelUsage(input_tokens=asked, output_tokens=said, total_tokens=asked + said),
        )

    def _rate_here(self, rates: dict[str, float]) -> float:
        """The rate of the item that is running."""
        item = _trial.sample_id()
        if item not in rates:
            raise PlantedFailure(f"the bank has no item {one_line(item, 60)!r}")
        return rates[item]

    def max_connections(self) -> int:
        """Return how many requests may be in flight: as many as anybody wants."""
        return 100

    def connection_key(self) -> str:
        """Return what subjects must have in common to share these connections: the name."""
        return self.model_name


@modelapi(name="standard")
def standard() -> type[ModelAPI]:
    """Register the provider, so that `standard/rate-0.05` names a model."""
    return StandardAPI


def _rates(bank: str, ability: float) -> dict[str, float]:
    """How often a subject of this ability is right on each item, by its name and its id alone."""
    from pathlib import Path

    import numpy as np

    from calibrant.quality.bank import read_bank

    try:
        found = read_bank(Path(bank))
    except InputError as e:
        raise SubjectError(f"bank: {e}") from e
    span = np.nanmax(found.values, axis=1) - np.nanmin(found.values, axis=1)
    expected = (found.expected(np.array([ability]))[0] - np.nanmin(found.values, axis=1)) / span
    rates = dict(zip(found.items, expected.tolist(), strict=True))
    return {id_of(name): rate for name, rate in rates.items()} | rates


def _memorised(path: str) -> dict[str, str]:
    """The answer to each question in a file of items, the longest questions first."""
    from calibrant.contamination.items import read_items

    try:
        items = read_items(path)
    except InputError as e:
        raise SubjectError(f"memorised: {e}") from e
    known = {item.question: item.answer for item in items if item.question and item.answer}
    return dict(sorted(known.items(), key=lambda pair: -len(pair[0])))


def _uniform(draw: bytes, which: int) -> float:
    """Return the `which`-th of the independent uniform numbers in [0, 1) that a draw holds."""
    # 53 bits: as many as a float in [0, 1) has, so that a rate of 1 is always met and 0 never.
    return (int.from_bytes(draw[8 * which : 8 * which + 8], "big") >> 11) / 2**53


def _words(key: str, value: object) -> str:
    if isinstance(value, bool):
        # Inspect reads -M values as YAML, in which a bare yes is a truth value.
        raise SubjectError(
            f"{key}: wanted a text, found a truth value; quote it twice, as in -M {key}=\"'yes'\""
        )
    if not isinstance(value, str | int | float):
        hint = " (quote it twice on a command line, as it is read as YAML)"
        raise SubjectError(f"{key}: wanted a text, found {value!r}{hint}")
    return str(value)


def _number(key: str, value: object, most: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= most:
        limit = "at least 0" if most == math.inf else f"from 0 to {most:g}"
        raise SubjectError(f"{key}: wanted a number {limit}, found {value!r}")
    return float(value)
