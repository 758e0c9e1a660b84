"""Scores of given texts: arithmetic against plain twins, files, providers, resumption."""

import json
import struct
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calibrant.contamination.items import Item
from calibrant.contamination.tokens import read_scores
from calibrant.errors import InputError, RunFolderError, SubjectError, WeightsError
from calibrant.subjects.logprobs import TextScorer, from_logprobs, score_items, scorer_of
from calibrant.subjects.logprobs.output import Output, decoded, moments, read_header, rounded
from calibrant.subjects.logprobs.prefix import usual
from calibrant.subjects.logprobs.providers import ProviderScorer, aligned


def plain_moments(logits, token):
    """Log p, its mean and sd under itself, and the rank, as one writes them down."""
    p = np.exp(logits - logits.max())
    p /= p.sum()
    logp = np.log(p, out=np.zeros_like(p), where=p > 0)
    mean = np.sum(p * logp)
    return (
        logits[token] - logits.max() - np.log(np.sum(np.exp(logits - logits.max()))),
        mean,
        np.sqrt(np.sum(p * (logp - mean) ** 2)),
        1 + np.sum(logits > logits[token]),
    )


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(2, 60), st.floats(0, 200))
def test_moments_are_those_of_the_plain_twin(seed, size, spread):
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 1, (4, size)) * spread
    tokens = rng.integers(0, size, 4)
    found = moments(logits, tokens)
    for i in range(4):
        wanted = plain_moments(logits[i], tokens[i])
        got = [found[name][i] for name in ("logprob", "mean", "sd", "rank")]
        np.testing.assert_allclose(got, wanted, rtol=1e-9, atol=1e-6)


def test_moments_of_minus_infinity_and_of_single_precision():
    logits = np.array([[0.0, -np.inf, 1.0]], np.float32)
    found = moments(logits, np.array([2]))
    wanted = plain_moments(np.array([0.0, -1e9, 1.0]), 2)
    np.testing.assert_allclose([found[n][0] for n in ("logprob", "mean", "sd", "rank")], wanted)


def six_bits(block):
    """One block of Q6_K, weight by weight, as the format defines it."""
    low, high = block[:128], block[128:192]
    scales = np.frombuffer(block[192:208], np.int8)
    whole = float(np.frombuffer(block[208:210], np.float16)[0])
    out = []
    for half in range(2):
        for quarter in range(4):
            for place in range(32):
                nibble = low[64 * half + 32 * (quarter % 2) + place] >> (4 * (quarter // 2)) & 15
                top = high[32 * half + place] >> (2 * quarter) & 3
                scale = scales[8 * half + 2 * quarter + place // 16]
                out.append(whole * scale * ((nibble | top << 4) - 32))
    return out


def test_blocks_are_read_as_the_formats_define_them():
    rng = np.random.default_rng(0)
    raw = rng.integers(0, 256, (2, 420), np.uint8)
    for row in range(2):
        for at in (208, 418):
            raw[row, at : at + 2] = np.frombuffer(np.float16(0.01 * (row + 1)).tobytes(), np.uint8)
    found = decoded(raw, 14)
    for row in range(2):
        wanted = six_bits(raw[row, :210].tobytes()) + six_bits(raw[row, 210:].tobytes())
        np.testing.assert_allclose(found[row], wanted, rtol=1e-5, atol=1e-7)
    numbers = rng.normal(0, 1, (3, 4)).astype(np.float32)
    np.testing.assert_array_equal(decoded(numbers.view(np.uint8), 0), numbers)
    half = numbers.astype(np.float16)
    np.testing.assert_array_equal(decoded(half.view(np.uint8), 1), half.astype(np.float32))
    brain = (numbers.view(np.uint32) >> 16).astype(np.uint16)
    np.testing.assert_allclose(decoded(brain.view(np.uint8), 30), numbers, rtol=1 / 128)


def test_states_are_rounded_to_eight_bits_where_weights_are_blocks():
    rng = np.random.default_rng(1)
    x = rng.normal(0, 3, (2, 512)).astype(np.float32)
    x[0, :32] = 0
    for kind, size in ((8, 32), (14, 256)):
        found = rounded(x, kind)
        step = np.abs(x.reshape(2, -1, size)).max(2, keepdims=True) / 127
        assert np.all(np.abs(found - x).reshape(2, -1, size) <= 0.6 * step + 1e-9)
        whole = found.reshape(2, -1, size) / np.where(step == 0, 1, step)
        np.testing.assert_allclose(whole, np.rint(whole), atol=0.07)
    np.testing.assert_array_equal(rounded(x, 0), x)
    assert np.abs(rounded(x, 30) - x).max() <= np.abs(x).max() / 256


def gguf(path, *, kind=8, tied=True, cut=0, **more):
    """A file with a vocabulary of 40 tokens and an output matrix of width 64."""

    def text(value):
        return struct.pack("<Q", len(value.encode())) + value.encode()

    tokens = ["<unk>", "<s>", "<|endoftext|>", *(f"t{i}" for i in range(37))]
    meta = [("general.architecture", 8, text("llama")), ("tokenizer.ggml.bos_token_id", 4,
            struct.pack("<I", 1)), ("tokenizer.ggml.model", 8, text("gpt2"))]  # fmt: skip
    meta += [(key, 6, struct.pack("<f", value)) for key, value in more.items()]
    head = b"GGUF" + struct.pack("<IQQ", 3, 1, len(meta) + 1)
    for key, which, value in meta:
        head += text(key) + struct.pack("<I", which) + value
    head += text("tokenizer.ggml.tokens") + struct.pack("<IIQ", 9, 8, 40)
    head += b"".join(map(text, tokens))
    name = "token_embd.weight" if tied else "output.weight"
    head += text(name) + struct.pack("<IQQIQ", 2, 64, 40, kind, 0)
    head += b"\0" * (-len(head) % 32)
    rng = np.random.default_rng(5)
    q = rng.integers(-127, 128, (40, 2, 32)).astype(np.int8)
    scale = np.float16(0.01)
    raw = b"".join(scale.tobytes() + block.tobytes() for row in q for block in row)
    path.write_bytes((head + raw)[: len(head) + len(raw) - cut])
    return (q.astype(np.float32) * np.float32(scale)).reshape(40, 64), tokens


def test_a_file_tells_its_vocabulary_and_distributions(tmp_path):
    weights, tokens = gguf(tmp_path / "m.gguf")
    header = read_header(tmp_path / "m.gguf")
    assert header.vocabulary.tokens == tuple(tokens) and header.vocabulary.begin == 1
    assert header.shape == (40, 64) and header.readable and not header.vocabulary.adds_begin
    rng = np.random.default_rng(0)
    states = rng.normal(0, 1, (70, 64)).astype(np.float32)
    after = rng.integers(0, 40, 70)
    found = Output(header).distributions(states, after)
    exact = moments(states @ weights.T, after)
    # 8-bit states: near the exact product, and not equal to it.
    assert 1e-6 < np.abs(found["logprob"] - exact["logprob"]).max() < 0.3
    again = moments(rounded(states, 8) @ weights.T, after)
    np.testing.assert_allclose(found["logprob"], again["logprob"], atol=1e-5)
    lines = Output(header).logprobs(states)
    np.testing.assert_allclose(lines[np.arange(70), after], found["logprob"], atol=1e-5)


def test_caps_and_scales_of_logits_are_followed(tmp_path):
    more = {"llama.final_logit_softcapping": 3.0, "llama.logit_scale": 0.5}
    weights, _ = gguf(tmp_path / "m.gguf", tied=False, **more)
    header = read_header(tmp_path / "m.gguf")
    states = np.random.default_rng(0).normal(0, 1, (3, 64)).astype(np.float32)
    logits = 3 * np.tanh(rounded(states, 8) @ weights.T * 0.5 / 3)
    found = Output(header).distributions(states, np.array([1, 2, 3]))
    np.testing.assert_allclose(
        found["logprob"], moments(logits, np.array([1, 2, 3]))["logprob"], atol=1e-5
    )


def test_a_broken_or_cut_file_is_refused(tmp_path):
    gguf(tmp_path / "cut.gguf", cut=100)
    with pytest.raises(WeightsError, match="cut short"):
        Output(read_header(tmp_path / "cut.gguf"))
    (tmp_path / "x.gguf").write_bytes(b"GGUF\x03\0\0\0garbage")
    with pytest.raises(WeightsError, match="header is broken"):
        read_header(tmp_path / "x.gguf")
    gguf(tmp_path / "other.gguf", kind=2)
    assert not read_header(tmp_path / "other.gguf").readable


def test_what_stands_before_a_text_is_one_rule():
    numbers = {"<s>": 0, "</s>": 1, "<|endoftext|>": 2, "a": 3}
    told = {"begin": "<s>", "end": "</s>"}
    assert usual(numbers, None, "m", adds_begin=True, **told) == (0, "<s>")
    assert usual(numbers, None, "m", adds_begin=False, **told) == (2, "<|endoftext|>")
    assert usual(numbers, "a", "m", adds_begin=True, **told) == (3, "a")
    assert usual(numbers, "", "m", adds_begin=True, **told) == (None, "")
    assert usual({"a": 0}, None, "m", begin=None, end=None, adds_begin=False) == (None, "")
    with pytest.raises(SubjectError, match="no token 'b' in the vocabulary of m"):
        usual(numbers, "b", "m", adds_begin=True, **told)


def test_numbers_at_hand_become_scores():
    found = from_logprobs(
        ["a b", "c"], [[-1.0, -2.0], [-0.5]], subject="s", tokenizer="t", prefix="<s>",
        items=["x", "y"], rank=[[1, 3], [1]], top_k=5,
    )  # fmt: skip
    assert found.item == ("x", "y") and found.top_k == 5 and found.mean is None
    np.testing.assert_array_equal(found.logprob, [-1, -2, -0.5])
    np.testing.assert_array_equal(found.rank, [1, 3, 1])
    common = {"subject": "s", "tokenizer": "t", "prefix": ""}
    with pytest.raises(InputError, match=r"mean: wanted one a text \(1\), got 2"):
        from_logprobs(["a"], [[-1.0]], mean=[[-1.0], [-1.0]], **common)
    with pytest.raises(InputError, match="infinite"):
        from_logprobs(["a"], [[float("-inf")]], **common)
    with pytest.raises(InputError, match="≤ 0"):
        from_logprobs(["a"], [[0.5]], **common)
    with pytest.raises(InputError, match="at least one"):
        from_logprobs([], [], **common)


def test_tokens_that_spell_the_text_are_found():
    chat = ["<|im_start|>", "user", "\n", "It", " was", " so", "<|im_end|>"]
    assert aligned(chat, "", "It was so") == (range(3, 6), "<|im_start|>user\n")
    # The first token has nothing before it and is not told.
    assert aligned([" was", " so"], "", "It was so") == (range(2), "")
    assert aligned(["It", " was", " so"], "", "It was so") == (range(3), "")
    assert aligned(["Q", ":", "It", " was"], "Q:", "It was") == (range(2, 4), "Q:")
    assert aligned(["ĠIt", "Ġwas"], "", " It was") == (range(2), "")
    # One token spans the border, or the text is another.
    assert aligned(["Q:It", " was"], "Q:", "It was") is None
    assert aligned(["Qu", "ite"], "", "It was") is None


class Letters(TextScorer):
    """Scores letters: of each the log-probability that it is its own number."""

    name = "letters"

    def __init__(self, fails=None, full=True):
        self.asked, self.fails, self.full = [], fails, full

    def facts(self):
        return {"subject": self.name}

    def row(self, text, before=""):
        if len(self.asked) == self.fails:
            raise SubjectError("letters: gone")
        self.asked.append((text, before))
        if not text:
            raise InputError("the text has no token to score")
        logprob = [-float(ord(c) % 7) - 0.1 for c in text]
        row = {"logprob": logprob, "tokenizer": "letters", "prefix": "^" + before}
        if self.full:
            return {**row, "mean": logprob, "sd": logprob, "rank": [1] * len(text)}
        return {**row, "rank": [0] * len(text), "top_k": 5}


ITEMS = (
    Item("1", "What is {answer}?", "4", ("3", "4")), Item("2", ""), Item("3", "Why?", "So."),
)  # fmt: skip


def test_parts_of_items_become_texts():
    taker = Letters()
    found = score_items(ITEMS, taker, part="question")
    assert taker.asked[0] == ("What is {answer}?\nA. 3\nB. 4", "")
    assert found.left_out == (("2", "the text has no token to score"),)
    assert found.scores.item == ("1", "3") and found.scores.prefix == "^"
    both = score_items(ITEMS[2:], Letters(), part="both").scores
    assert both.text == ("Why?\nSo.",)
    taker = Letters()
    answer = score_items(
        ITEMS[::2], taker, part="answer", template="Q: {question}\nA: {answer}."
    ).scores
    assert taker.asked == [("4.", "Q: What is {answer}?\nA: "), ("So..", "Q: Why?\nA: ")]
    assert answer.prefix == "^ and the question" and answer.text == ("4.", "So..")
    for part, template in (("question", "{answer}"), ("both", "{question}")):
        with pytest.raises(InputError, match="template: wanted"):
            score_items(ITEMS, Letters(), part=part, template=template)
    with pytest.raises(InputError, match="no item can be scored"):
        score_items(ITEMS[1:2], Letters())


def test_what_is_scored_is_kept_and_gone_on_with(tmp_path):
    items = [Item(str(i), "word " * (i + 1)) for i in range(6)]
    out = tmp_path / "s.parquet"
    with pytest.raises(SubjectError, match=r"letters: gone \(item '5'\)|letters: gone"):
        score_items(items, Letters(fails=4), out=out)
    part = tmp_path / "s.parquet.part"
    assert not out.exists() and len(part.read_text().splitlines()) == 5
    with part.open("a") as file:  # a kill in the middle of a line
        file.write('{"key": "ab')
    taker = Letters()
    found = score_items(items, taker, out=out)
    assert len(taker.asked) == 2 and found.kept == 4 and not part.exists()
    whole = score_items(items, Letters()).scores
    (again,) = read_scores(out)
    for name in ("item", "text", "form", "prefix", "tokenizer", "subject", "top_k"):
        assert getattr(again, name) == getattr(whole, name)
    np.testing.assert_array_equal(again.logprob, whole.logprob)
    np.testing.assert_array_equal(again.rank, whole.rank)
    assert found.to_dict()["distribution"] == "whole" and "6 texts" in repr(found)


def test_the_beginning_of_another_run_is_not_gone_on_with(tmp_path):
    out = tmp_path / "s.parquet"
    with pytest.raises(SubjectError):
        score_items(ITEMS, Letters(fails=1), out=out)
    with pytest.raises(InputError, match="holds the beginning of another run"):
        score_items(ITEMS, Letters(), out=out, form="twin")
    (tmp_path / "t.parquet.part").write_text("[1]\n")
    with pytest.raises(InputError, match="not the beginning of a run"):
        score_items(ITEMS, Letters(), out=tmp_path / "t.parquet")
    with pytest.raises(RunFolderError, match="cannot be used"):
        score_items(ITEMS, Letters(), out=tmp_path / "no" / "t.parquet")
    with pytest.raises(InputError, match="wants mean and sd"):
        score_items(ITEMS, Letters(full=False), full=True)


class Answers(BaseHTTPRequestHandler):
    """A server of completions: words as tokens, as vLLM tells them, unless it is told not to."""

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        words = body["prompt"].replace(" ", " \0").split("\0")
        told = [None]
        for i, word in enumerate(words):
            own = -0.5 - i % 3
            entry = {str(i): {"decoded_token": word, "logprob": own, "rank": 2}}
            entry["9"] = {"decoded_token": "the", "logprob": own + 0.25 if i % 2 else own - 1}
            told.append(entry)
        if self.server.way == "flat":
            for entry in told[1:]:
                next(iter(entry.values()))["logprob"] = 0.0
        choice = {"text": "x", "index": 0, "finish_reason": "length", "logprobs": None}
        if self.server.way != "ignores":
            choice["prompt_logprobs"] = told
        usage = {"prompt_tokens": len(words), "completion_tokens": 1, "total_tokens": 1}
        reply = json.dumps({"id": "1", "object": "text_completion", "created": 0, "model": "m",
                            "choices": [choice], "usage": usage}).encode()  # fmt: skip
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(reply)))
        self.end_headers()
        self.wfile.write(reply)

    def log_message(self, *_):
        """Say nothing."""


@pytest.fixture
def server(monkeypatch):
    found = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    found.way = "tells"
    thread = threading.Thread(target=found.serve_forever, daemon=True)
    thread.start()
    monkeypatch.setenv("TOY_API_KEY", "none")
    monkeypatch.setenv("TOY_BASE_URL", f"http://127.0.0.1:{found.server_port}/v1")
    yield found
    found.shutdown()
    found.server_close()
    thread.join()


TOY = "openai-api-completions/toy/m"


def test_a_provider_that_scores_prompts_is_used(server):
    found = score_items([Item("a", "It was so so")], TOY, args={"top_k": 1}).scores
    np.testing.assert_allclose(found.logprob, [-0.5, -1.5, -2.5, -0.5])
    # With one of the distribution known, a token below it has no rank.
    np.testing.assert_array_equal(found.rank, [1, 0, 1, 0])
    assert found.top_k == 1 and found.mean is None and found.subject == TOY
    other = score_items([Item("a", "It was so so")], TOY, prefix="<s> ").scores
    assert other.prefix == "<s> " and other.logprob.size == 4


@pytest.mark.parametrize(
    ("way", "why"),
    [("ignores", "prompt_logprobs was ignored"), ("flat", "tells 0 for each token")],
)
def test_a_provider_that_does_not_tell_is_found_out(server, way, why):
    server.way = way
    with pytest.raises(SubjectError, match=f"{why}.*contamination probe") as failed:
        score_items([Item("a", "It was so so")], TOY)
    assert "\n" not in str(failed.value)


def test_subjects_that_cannot_be_are_refused_in_a_line():
    for name, why in (
        ("nothing", "names no subject"),
        ("hf/folder", "needs pip install torch"),
        ("local/none", "no known model"),
    ):
        with pytest.raises(SubjectError, match=why):
            scorer_of(name)
    with pytest.raises(SubjectError, match="top_k: wanted"):
        scorer_of(TOY, args={"top_k": 50})


@dataclass(frozen=True)
class Planted:
    """As a planted subject, of letters."""

    name: str = "planted/pair-0/clean"
    prefix: str = "<end>"
    manifest: dict = field(default_factory=dict)

    def score(self, texts, items=(), form="verbatim"):
        numbers = [[-1.0] * len(text) for text in texts]
        return from_logprobs(
            texts, numbers, items=items, form=form, subject=self.name, tokenizer="t",
            prefix=self.prefix, mean=numbers,
            sd=numbers, rank=[[1] * len(text) for text in texts],
        )  # fmt: skip


def test_a_planted_subject_scores_items(monkeypatch):
    from calibrant.subjects.planted import store

    monkeypatch.setattr(store, "load", lambda variant, *, seed, design: Planted())
    found = score_items([Item("a", "abc"), Item("b", "")], "planted/pair-0/clean", prefix="#")
    assert found.scores.prefix == "#" and found.scores.logprob.size == 3
    assert found.scores.mean is not None and found.left_out[0][0] == "b"
    with pytest.raises(SubjectError, match="whole texts only"):
        score_items([Item("a", "abc", "d")], "planted/pair-0/clean", part="answer")
    many = scorer_of("planted/pair-0/clean").score(["abc", "de"], items=["x", "y"])
    assert many.item == ("x", "y") and many.lengths.tolist() == [3, 2]

    def older(variant, *, seed, design):
        raise TypeError("Design.__init__() got an unexpected keyword argument 'shelves'")

    monkeypatch.setattr(store, "load", older)
    with pytest.raises(WeightsError, match="trained by another version of calibrant; delete"):
        scorer_of("planted/pair-0/clean")


def test_the_command_scores_and_refuses_in_a_line(server, tmp_path, monkeypatch, capsys):
    from calibrant.cli import main

    def call(*args):
        with pytest.raises(SystemExit) as caught:
            main(["contamination", "score", *map(str, args)])
        return caught.value.code or 0, *capsys.readouterr()

    monkeypatch.chdir(tmp_path)
    (tmp_path / "i.jsonl").write_text('{"question": "It was so", "answer": "yes"}\n')
    code, out, _ = call("i.jsonl", "-s", TOY, "-o", "s.parquet", "-M", "top_k=2")
    assert code == 0 and "1 texts, 3 tokens scored" in out and "top 2 of the distribution" in out
    more = ("--part", "both", "--template", "{question}\\n{answer}", "--json")
    code, out, _ = call("i.jsonl", "-s", TOY, "-o", "s.parquet", *more)
    data = json.loads(out)
    assert code == 0 and data["texts"] == 1 and data["top_k"] == 20 and data["left_out"] == []
    assert read_scores("s.parquet")[0].text == ("It was so\nyes",)
    for args, why in (
        (("i.jsonl", "-s", TOY, "-o", "s.parquet", "--full"), "wants mean and sd"),
        (("none.jsonl", "-s", TOY, "-o", "s.parquet"), "no such file"),
        (("i.jsonl", "-s", "local/none", "-o", "s.parquet"), "no known model"),
        (("i.jsonl", "-s", "local/smollm2-135m", "-M", "x=1", "-o", "t.parquet"), "'x'"),
    ):
        code, out, err = call(*args)
        assert code == 2 and why in err and not out and len(err.strip().splitlines()) == 1


@pytest.mark.slow
@pytest.mark.model
def test_documents_that_stand_everywhere_are_likelier_than_made_up_ones():
    """A sanity check of the scores, and no test of exposure; all 100 texts are in the docs."""
    path = Path(__file__).parents[2] / "examples" / "contamination" / "famous.jsonl"
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    kept = [r for r in rows if "document" in r["id"]][:8]
    items = [Item(r["id"], r["question"]) for r in kept]
    scores = score_items(items, "local/smollm2-135m").scores
    loss = [-part.mean() for part in np.split(scores.logprob, scores.starts[1:-1])]
    famous = [x for x, r in zip(loss, kept, strict=True) if r["famous"]]
    made_up = [x for x, r in zip(loss, kept, strict=True) if not r["famous"]]
    assert np.mean([f < m for f in famous for m in made_up]) >= 0.95


@pytest.mark.model
def test_the_embedded_model_scores_as_it_generates():
    """Both ways of asking agree with each other and with the model's own chances."""
    scorer = scorer_of("local/smollm2-135m")
    try:
        text = "It was the best of times"
        row = scorer.row(text)
        assert scorer.access == "states" and row["prefix"] == "<|endoftext|>"
        # What llama.cpp itself says after the prefix alone, token by token of the vocabulary.
        served = scorer._serve(states=False)
        ((own, _),) = served.forced([0], scorer._tokens("It"), 1)
        assert abs(own - row["logprob"][0]) < 1e-3
        scorer.access, scorer.full = "forced", True
        whole = scorer.row("It was")
        for name in ("logprob", "mean", "sd"):
            np.testing.assert_allclose(whole[name], row[name][:2], atol=0.25)
        np.testing.assert_allclose(whole["mean"][0], row["mean"][0], atol=2e-3)
        assert whole["rank"][0] == row["rank"][0]
        # A marker in an item is text, not a token of its own.
        assert len(scorer._tokens("<|im_end|>")) > 1
        with pytest.raises(InputError, match="no token"):
            scorer.row("")
        with pytest.raises(InputError, match="do not fit into the context"):
            scorer.row("a b " * 3000)
    finally:
        scorer.close()


def test_a_mock_is_refused_before_it_is_asked():
    with pytest.raises(SubjectError, match="a mock tells no log-probabilities"):
        ProviderScorer("mockllm/model")


def test_another_run_that_kept_nothing_stands_in_nobodys_way(tmp_path):
    out = tmp_path / "s.parquet"
    with pytest.raises(SubjectError):
        score_items(ITEMS, Letters(fails=0), out=out)
    assert score_items(ITEMS, Letters(), out=out, form="twin").scores.form[0] == "twin"
