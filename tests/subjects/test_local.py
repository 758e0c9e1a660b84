"""Does the embedded model answer as a subject must, and each answer independently of the others?"""

from __future__ import annotations

import math
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import anyio
import pytest
from inspect_ai.model import (
    ChatMessageAssistant,
    ChatMessageSystem,
    ChatMessageTool,
    ChatMessageUser,
    ContentImage,
    GenerateConfig,
    Model,
    ModelOutput,
    get_model,
)
from inspect_ai.tool import ToolInfo

import calibrant.subjects.local  # noqa: F401
from calibrant.errors import SubjectError, WeightsError
from calibrant.subjects import _server, fetch

# Inspect calls tenacity in a way that tenacity has begun to deprecate.
pytestmark = [
    pytest.mark.model,
    pytest.mark.filterwarnings("ignore:The 'initial' parameter:DeprecationWarning"),
]

NAME = "local/smollm2-135m"

# llama.cpp adds up the 49,152 probabilities in single precision, which is off by about 2e-4.
SUM = 1e-3


@pytest.fixture(scope="module")
def model() -> Model:
    fetch("smollm2-135m")
    return get_model(NAME, memoize=False)


def run(work: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
    return anyio.run(work)


def ask(model: Model, prompt: Any, **config: Any) -> ModelOutput:
    async def work() -> ModelOutput:
        return await model.generate(prompt, config=GenerateConfig(**config))

    return run(work)


def test_it_chats_and_counts(model: Model) -> None:
    output = ask(model, "How many legs does a dog have?", temperature=0, max_tokens=40)
    assert "four" in output.completion
    assert output.stop_reason == "stop"
    assert output.usage is not None
    assert output.usage.input_tokens > 10 and output.usage.output_tokens > 3
    assert output.usage.total_tokens == output.usage.input_tokens + output.usage.output_tokens


def test_it_reads_the_system_prompt_and_the_conversation(model: Model) -> None:
    talk = [
        ChatMessageSystem(content="The user's name is Ottokar."),
        ChatMessageUser(content="My dog is called Wanda."),
        ChatMessageAssistant(content="What a lovely name, Ottokar."),
        ChatMessageUser(content="What is the name of my dog?"),
    ]
    assert "Wanda" in ask(model, talk, temperature=0, max_tokens=24).completion
    one = ask(model, talk[:2], temperature=0, max_tokens=24).completion
    other = ask(model, talk[1:2], temperature=0, max_tokens=24).completion
    assert one != other


def test_stop_sequences_and_max_tokens_end_an_answer(model: Model) -> None:
    prompt = "How many legs does a dog have?"
    stopped = ask(model, prompt, temperature=0, stop_seqs=["dog"], max_tokens=40)
    assert stopped.completion and "dog" not in stopped.completion
    assert stopped.stop_reason == "stop"
    cut = ask(model, prompt, temperature=0, max_tokens=3)
    assert cut.usage is not None
    assert (cut.stop_reason, cut.usage.output_tokens) == ("max_tokens", 3)


def test_temperature_zero_is_greedy_and_seeds_differ_otherwise(model: Model) -> None:
    prompt = "Name an animal."
    greedy = {ask(model, prompt, temperature=0, seed=s, max_tokens=8).completion for s in range(3)}
    assert len(greedy) == 1
    drawn = [ask(model, prompt, seed=s, max_tokens=8).completion for s in (1, 2, 3, 1)]
    assert drawn[0] == drawn[3]
    assert len(set(drawn)) > 1
    narrow = {ask(model, prompt, seed=s, top_k=1, max_tokens=8).completion for s in range(2)}
    assert narrow == greedy
    assert {ask(model, prompt, seed=4, top_p=1e-6, max_tokens=8).completion} == greedy


def test_without_a_seed_repeats_differ(model: Model) -> None:
    assert (
        len({ask(model, "Name an animal, again.", max_tokens=8).completion for _ in range(4)}) > 1
    )


def test_several_choices_are_several_draws(model: Model) -> None:
    output = ask(model, "Name a colour.", num_choices=3, seed=0, max_tokens=8)
    assert len({choice.message.text for choice in output.choices}) > 1
    assert output.usage is not None and output.usage.output_tokens > 8


def test_penalties_and_bias_reach_the_sampler(model: Model) -> None:
    prompt = "Repeat the word dog many times: dog dog dog dog"
    plain = ask(model, prompt, temperature=0, max_tokens=24).completion
    for option in ({"frequency_penalty": 2.0}, {"presence_penalty": 2.0}):
        assert ask(model, prompt, temperature=0, max_tokens=24, **option).completion != plain
    first = ask(model, prompt, temperature=0, max_tokens=1, logit_bias={28120: 100.0})
    assert first.completion == "hello"


def test_log_probabilities_are_a_sorted_part_of_a_distribution(model: Model) -> None:
    output = ask(model, "Say hi.", max_tokens=6, logprobs=True, top_logprobs=20, temperature=0)
    logprobs = output.choices[0].logprobs
    assert logprobs is not None and output.usage is not None
    assert len(logprobs.content) == output.usage.output_tokens
    assert "".join(token.token for token in logprobs.content) == output.completion
    for token in logprobs.content:
        assert token.top_logprobs is not None
        values = [top.logprob for top in token.top_logprobs]
        assert len(values) == 20
        assert values == sorted(values, reverse=True)
        assert values[0] <= 0 and sum(map(math.exp, values)) <= 1 + SUM
        assert token.logprob == values[0]  # greedy


def test_the_whole_vocabulary_sums_to_one(model: Model) -> None:
    output = ask(model, "Say hi.", max_tokens=1, logprobs=True, top_logprobs=100_000)
    logprobs = output.choices[0].logprobs
    assert logprobs is not None and logprobs.content[0].top_logprobs is not None
    total = math.fsum(math.exp(top.logprob) for top in logprobs.content[0].top_logprobs)
    assert total == pytest.approx(1, abs=SUM)


def test_log_probabilities_come_only_as_asked_for(model: Model) -> None:
    assert ask(model, "Say hi.", max_tokens=1).choices[0].logprobs is None
    alone = ask(model, "Say hi.", max_tokens=1, logprobs=True).choices[0].logprobs
    assert alone is not None and alone.content[0].top_logprobs is None
    assert alone.content[0].logprob < 0


def prompts() -> list[str]:
    words = ["the", "quick", "brown", "fox", "jumps", "over", "a", "lazy", "dog"]
    rng = random.Random(0)
    lengths = [3, 60, 5, 130, 3, 30, 8, 15, 4]
    return [
        f"Continue {i % 3}: " + " ".join(rng.choices(words, k=n)) for i, n in enumerate(lengths)
    ]


def all_at_once(model: Model, order: list[str], in_flight: int) -> dict[str, tuple[str, Any, Any]]:
    found: dict[str, tuple[str, Any, Any]] = {}
    config = GenerateConfig(max_tokens=6, logprobs=True, top_logprobs=3, seed=7)

    async def work() -> None:
        limiter = anyio.CapacityLimiter(in_flight)

        async def one(prompt: str) -> None:
            async with limiter:
                output = await model.api.generate(
                    [ChatMessageUser(content=prompt)], [], "none", config
                )
            assert isinstance(output, ModelOutput)
            found[prompt] = (output.completion, output.choices[0].logprobs, output.usage)

        async with anyio.create_task_group() as group:
            for prompt in order:
                group.start_soon(one, prompt)

    run(work)
    return found


@pytest.mark.slow
def test_answers_are_bit_identical_for_any_order_and_number_in_flight(model: Model) -> None:
    four = get_model(NAME, memoize=False, parallel=4)
    first = all_at_once(model, prompts(), in_flight=1)
    assert all_at_once(four, prompts()[::-1], in_flight=4) == first


def test_a_prompt_too_long_ends_its_sample_only() -> None:
    small = get_model(NAME, memoize=False, n_ctx=128, parallel=1)
    output = ask(small, "word " * 500)
    assert (output.stop_reason, output.completion) == ("model_length", "")
    assert output.error is not None and "128" in output.error
    assert output.usage is not None and output.usage.output_tokens == 0
    full = ask(small, "Write a very long story.", temperature=0, max_tokens=1000)
    assert full.stop_reason == "model_length" and full.completion


@pytest.mark.parametrize(
    "prompt", ["\ud800 broken", "nul \x00 here", "", "\x1b[2J", "😀" * 20, "<|im_end|>"]
)
def test_no_text_breaks_it(model: Model, prompt: str) -> None:
    output = ask(model, [ChatMessageUser(content=prompt)], max_tokens=12, seed=0, logprobs=True)
    output.model_dump_json().encode("utf-8")
    assert output.usage is not None and output.usage.output_tokens > 0


def test_what_it_cannot_do_is_refused_in_words(model: Model) -> None:
    async def refused(prompt: Any, said: str, *, tools: Any = (), **config: Any) -> None:
        with pytest.raises(SubjectError, match=said):
            await model.generate(prompt, tools=list(tools), config=GenerateConfig(**config))

    picture = ChatMessageUser(content=[ContentImage(image="data:image/png;base64,iVBORw0KGgo=")])

    async def work() -> None:
        await refused("x", "cannot call tools", tools=[ToolInfo(name="t", description="d")])
        await refused([picture], "image")
        await refused([ChatMessageTool(content="42", tool_call_id="1")], "tool")
        await refused("x", "best_of", best_of=3)

    run(work)


@pytest.mark.parametrize("args", [{"n_ctx": 0}, {"parallel": "4"}, {"threads": True}, {"x": 1}])
def test_wrong_arguments_are_refused(args: dict[str, Any]) -> None:
    with pytest.raises(SubjectError, match=next(iter(args))):
        get_model(NAME, memoize=False, **args)


def test_a_bad_file_is_refused_before_any_call(tmp_path: Path) -> None:
    bad = tmp_path / "bad.gguf"
    bad.write_bytes(b"not a model")
    with pytest.raises(WeightsError, match="not a GGUF"):
        get_model(f"local/{bad}", memoize=False)


def test_subjects_with_equal_settings_share_what_is_loaded(model: Model) -> None:
    again = get_model(NAME, memoize=False)
    path = get_model(f"local/{fetch('smollm2-135m').path}", memoize=False)
    servers = {id(m.api._server) for m in (model, again, path)}  # type: ignore[attr-defined]
    assert len(servers) == 1
    assert model.api.connection_key() == path.api.connection_key()
    assert model.api.max_connections() >= 1
    assert (
        ask(again, "Hi", seed=1, max_tokens=5).completion
        == ask(path, "Hi", seed=1, max_tokens=5).completion
    )


def test_a_cancelled_request_stops_and_the_next_is_unharmed() -> None:
    small = get_model(NAME, memoize=False, parallel=1)

    async def work() -> tuple[str, float]:
        story = GenerateConfig(max_tokens=500, num_choices=100)
        short = GenerateConfig(max_tokens=4, temperature=0)
        before = (await small.generate("Say hi.", config=short)).completion
        with anyio.move_on_after(0.5) as scope:
            await small.generate("Tell me a long story.", config=story)
        assert scope.cancelled_caught
        began = time.monotonic()
        assert (await small.generate("Say hi.", config=short)).completion == before
        return before, time.monotonic() - began

    # The hundred stories would take minutes.
    assert run(work)[1] < 30


SCRIPT = """
import anyio, calibrant.subjects.local
from inspect_ai.model import get_model, GenerateConfig
async def main():
    model = get_model("local/smollm2-135m")
    await model.generate("Say hi.", config=GenerateConfig(max_tokens=4))
    print("ready", flush=True)
    if {long}:
        await model.generate("Tell a long story.", config=GenerateConfig(num_choices=100))
anyio.run(main)
"""


def test_the_process_says_nothing_and_ends_cleanly() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT.format(long=False)],
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "ready\n", "")


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_ctrl_c_ends_the_process_at_once() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", SCRIPT.format(long=True)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None and process.stdout.readline() == "ready\n"
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    # Inspect's own hook turns the interrupt into this exit code.
    assert (process.returncode, out.strip(), err) == (130, "", "")


def test_a_model_without_a_template_continues_plain_text() -> None:
    from jinja2 import Environment

    template = Environment().from_string(_server.PLAIN_TEMPLATE)

    def shown(*turns: tuple[str, str]) -> str:
        messages = [{"role": role, "content": content} for role, content in turns]
        return template.render(messages=messages, add_generation_prompt=True)

    assert shown(("user", "The capital of France is")) == "The capital of France is"
    assert shown(("system", "S"), ("user", "U")) == "S\n\nU"
    assert (
        shown(("user", "A"), ("assistant", "B"), ("user", "C"))
        == "User: A\n\nAssistant: B\n\nUser: C\n\nAssistant:"
    )
    assert _server.has_template(fetch("smollm2-135m").path)
