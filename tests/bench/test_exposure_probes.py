"""Black boxes probed for exposure: words compared, prompts planned, runs resumed, tests valid."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calibrant.bench.exposure.alike import common, peak, rouge, run, start, within, words
from calibrant.bench.exposure.asks import Ask, Settings, chosen, cut, plan, right_choice, value_of
from calibrant.bench.exposure.certificates import CERTIFICATES
from calibrant.bench.exposure.run import probe
from calibrant.contamination.items import Item
from calibrant.errors import InputError, RunFolderError
from calibrant.stats.certificates import measure_certificate

SOME = st.lists(st.sampled_from("abc"), max_size=9)


def plain_common(left, right):
    """The longest common subsequence by its definition."""
    if not left or not right:
        return 0
    if left[-1] == right[-1]:
        return plain_common(left[:-1], right[:-1]) + 1
    return max(plain_common(left[:-1], right), plain_common(left, right[:-1]))


def plain_distance(left, right):
    """Levenshtein's distance by its definition."""
    if not left or not right:
        return len(left) + len(right)
    step = left[-1] != right[-1]
    return min(
        plain_distance(left[:-1], right[:-1]) + step,
        plain_distance(left[:-1], right) + 1,
        plain_distance(left, right[:-1]) + 1,
    )


@settings(max_examples=60, deadline=None)
@given(SOME.map(lambda x: x[:6]), SOME.map(lambda x: x[:6]), st.integers(0, 6))
def test_fast_comparisons_are_those_of_plain_twins(left, right, most):
    assert common(left, right) == plain_common(left, right)
    runs = [left[i:j] for i in range(len(left)) for j in range(i + 1, len(left) + 1)]
    inside = [len(r) for r in runs if any(right[k : k + len(r)] == r for k in range(len(right)))]
    assert run(left, right) == max(inside, default=0)
    assert within(left, right, most) == (plain_distance(left, right) <= most)


def test_words_of_any_script_and_case():
    assert words("It’s a DOG-house,\n no?") == ["it’s", "a", "dog-house", "no"]
    assert words("東京 is") == ["東", "京", "is"]
    assert words("\x1b[31m…") == ["31m"] and len(words("a " * 10**6)) <= 400
    # Lin (2004), section 3: "police killed the gunman" and "police kill the gunman".
    reference, candidate = (
        ["police", "killed", "the", "gunman"],
        ["police", "kill", "the", "gunman"],
    )
    assert rouge(reference, candidate) == 0.75
    assert rouge(reference, ["the", "gunman", "kill", "police"]) == 0.5
    assert rouge([], ["a"]) == 0 and start(list("abc"), list("abd")) == 2


def test_a_peak_is_the_share_of_near_answers():
    long = " ".join(f"w{i}" for i in range(40))
    near, far = long.replace("w3 ", "x "), long.replace("w1", "x").replace("w2", "y")
    assert peak(long, [long, near, far, "else"]) == 0.5
    assert peak("yes", ["yes", "Yes.", "no"]) == pytest.approx(2 / 3)
    assert peak("", ["", "a"]) == 0.5


def question(i, n=4):
    choices = tuple(f"option {i} number {k} of {n}" for k in range(n))
    text = f"Item number {i} of all that there are: which of these is it, if any?"
    return Item(f"q{i}", text, choices[i % n], choices)


def test_what_is_put_does_not_depend_on_other_items():
    items = [question(i) for i in range(5)]
    for method in ("completion", "options", "order", "peaked"):
        chosen_settings = Settings(samples=2, orders=3, seed=1)
        whole, left_out = plan(method, items, chosen_settings)
        alone, _ = plan(method, items[3:4], chosen_settings)
        of_it = [(a.kind, a.prompt, a.wanted) for a in whole if a.item == 3]
        assert of_it == [(a.kind, a.prompt, a.wanted) for a in alone] and not left_out
        assert len({a.id for a in whole}) == len(whole)
    orders = [a for a in plan("order", items, Settings(orders=100))[0] if a.item == 0]
    assert len({a.options for a in orders}) == 24
    for ask in orders:
        assert ask.options[ord(ask.wanted) - 65] == items[0].answer
    assert next(a for a in orders if a.kind == "000").options == items[0].choices


def test_items_that_cannot_be_put_are_left_out_with_why():
    items = [Item("a", "Too short"), Item("b", "x", "zzz", ("p", "q", "r")),
             Item("c", "x", "A", ("p", "q"))]  # fmt: skip
    assert "too short" in plan("completion", items, Settings())[1][0]
    left_out = plan("options", items, Settings())[1]
    assert "none of its options" in left_out[1] and "fewer than 3" in left_out[2]
    assert [right_choice(Item("", "", a, ("p", "q", "2"))) for a in ("q", "B", "1", "2")] == [
        1, 1, 1, 2,
    ]  # fmt: skip
    assert cut("one two three four", 0.5) == ("one two", "three four")
    assert cut("東京都千代田区", 0.5) == ("東京都", "千代田区") and cut("", 0.5) == ("", "")


@pytest.mark.parametrize(
    ("text", "letter"),
    [("B", "B"), (" (C)", "C"), ("**A**", "A"), ("The answer is D", "D"), ("A dog", ""),
     ("B. blue", "B"), ("second one", "B"), ("", ""), ("E", "")],
)  # fmt: skip
def test_a_letter_is_read_only_where_one_is_meant(text, letter):
    ask = Ask(0, "000", "", "A", ("first one", "second one", "third", "fourth"))
    assert chosen(text, ask) == letter


def test_values_of_answers():
    item = question(1)
    asks = {a.kind: a for a in plan("completion", [item], Settings(benchmark="B"))[0]}
    said = {"general": "nothing", "guided": asks["guided"].wanted}
    found = value_of("completion", "run", Settings(), said, asks)
    assert found["value"] == found["rouge"] == found["start"] == 1 and found["general"] == 0
    assert "of B." in asks["guided"].prompt and "B." not in asks["general"].prompt
    asks = {a.kind: a for a in plan("options", [item], Settings())[0]}
    wanted = asks["masked"].wanted
    assert wanted != item.answer and wanted not in asks["masked"].prompt
    found = value_of("options", "exact", Settings(), {"masked": f"B. {wanted}"}, asks)
    assert found["value"] == 1


class Parrot:
    """What a subject says that has learnt some items by heart."""

    def __init__(self, items, orders=()):
        self.seen = {}
        for ask in plan("completion", items, Settings())[0]:
            self.seen[ask.prompt] = ask.wanted
        for ask in plan("options", items, Settings())[0]:
            self.seen[ask.prompt] = ask.wanted
        for ask in plan("order", items, Settings(orders=5))[0]:
            if ask.kind == "000":
                self.seen[ask.prompt] = ask.wanted


PARROT = {"heart": None, "fails": "\0"}


@pytest.fixture(scope="module", autouse=True)
def parrot():
    """A provider: it says what it knows by heart, else words drawn from the prompt's hash."""
    import hashlib

    from inspect_ai.model import ModelAPI, ModelOutput, ModelUsage, modelapi

    class ParrotAPI(ModelAPI):
        async def generate(self, input, tools, tool_choice, config):
            prompt = input[-1].text
            if PARROT["fails"] in prompt:
                raise ValueError("planted")
            known = PARROT["heart"].seen.get(prompt)
            drawn = hashlib.sha256(f"{prompt}{config.seed}".encode()).digest()
            if known is not None and config.temperature == 0:
                text = known
            elif "letter of the right" in prompt:
                text = "ABCD"[drawn[0] % 4]
            else:
                text = " ".join(f"w{b % 7}" for b in drawn[:8])
            output = ModelOutput.from_content(self.model_name, text)
            output.usage = ModelUsage(input_tokens=1, output_tokens=1, total_tokens=2)
            return output

    modelapi("parrot")(lambda: ParrotAPI)


def probed(tmp_path, items, method, name="run", **more):
    return probe(items, "parrot/p", method, out=tmp_path / name, draws=499, **more)


def test_a_parrot_is_found_out_by_twins_split_and_order(tmp_path):
    pairs = [(question(i + 100 * (i % 2)), question(i + 100 * (1 - i % 2))) for i in range(16)]
    items, twins = map(list, zip(*pairs, strict=True))
    PARROT["heart"] = Parrot(items)
    found = probed(tmp_path, items, "completion", twins=twins, reason="random-twin")
    assert found.test.verdict == "seen" and found.test.p < 1e-3
    assert found.means["published"].value == 1 > found.means["twin"].high
    assert found.test.blind and all(b["low"] <= 0.5 <= b["high"] for b in found.test.blind)
    assert found.calls == 32 and found.tokens == 64 and found.failed == 0
    table = pl.read_parquet(tmp_path / "run" / "answers.parquet")
    assert len(table) == 32 and set(table["group"]) == {"published", "twin"}
    assert json.loads((tmp_path / "run" / "exposure.json").read_text()) == json.loads(
        found.to_json()
    )
    split = [i % 2 == 0 for i in range(32)]
    mixed = [x for pair in zip(items, twins, strict=True) for x in pair]
    found = probed(tmp_path, mixed, "options", "o", split=split, reason="random-split")
    assert found.test.p < 1e-3 and found.test.blind
    found = probed(tmp_path, items, "order", "p", orders=5, reason="random-order")
    assert found.test.p < 0.01 and found.test.verdict == "seen"


def test_a_subject_that_saw_nothing_is_not_accused(tmp_path):
    items, twins = [question(i) for i in range(12)], [question(i + 100) for i in range(12)]
    PARROT["heart"] = Parrot([])
    for method in ("completion", "peaked"):
        found = probed(
            tmp_path, items, method, method, twins=twins, reason="random-twin", samples=2
        )
        assert found.test.verdict in ("not found", "undetermined")
    assert found.score == "peak" and found.means["published"].value == 0
    found = probed(tmp_path, items, "completion", "bare")
    assert found.test.verdict == "undetermined" and found.test.p is None
    assert "no p-value without a reason" in found.test.notes[0]


def test_an_interrupted_run_goes_on_and_connections_do_not_matter(tmp_path):
    items = [question(i) for i in range(8)]
    PARROT["heart"] = Parrot(items[:4])

    class Stop(Exception):
        pass

    def stop(done, of):
        assert of == 24
        if done == 10:
            raise Stop

    whole = probed(tmp_path, items, "peaked", "whole", samples=2, max_connections=1)
    with pytest.raises(Stop):
        probed(tmp_path, items, "peaked", "cut", samples=2, watch=stop)
    kept = (tmp_path / "cut" / "journal.jsonl").read_text().splitlines()
    assert 10 <= len(kept) < 24
    again = probed(tmp_path, items, "peaked", "cut", samples=2, max_connections=5)
    assert again.table.equals(whole.table)
    with pytest.raises((InputError, RunFolderError), match="holds another run"):
        probed(tmp_path, items, "peaked", "cut", samples=3)


def test_failed_answers_are_counted_and_left_out(tmp_path):
    items, twins = [question(i) for i in range(12)], [question(i + 100) for i in range(12)]
    PARROT["heart"], PARROT["fails"] = Parrot(items), "number 103"
    try:
        found = probe(items, "parrot/p", "completion", twins=twins, reason="random-twin",
                      out=tmp_path / "f", generate={"max_retries": 0})  # fmt: skip
    finally:
        PARROT["fails"] = "\0"
    assert found.failed == 1 and found.test.items == 11
    assert "1 of 24 items are left out" in found.test.notes[0]
    assert found.table.filter(pl.col("item") == "twin of q3")["value"].to_list() == [None]


def test_what_cannot_be_is_refused_before_anything_is_asked(tmp_path):
    items = [question(i) for i in range(3)]
    for more, why in (
        ({"method": "guess"}, "method: wanted one of"),
        ({"method": "order", "reason": "random-split"}, "valid p-value for random-order"),
        ({"reason": "because"}, "reason: wanted one of"),
        ({"reason": "random-twin"}, "wants twins of the items"),
        ({"reason": "random-split"}, "wants a split of the items"),
        ({"split": [1, 0]}, "wanted one value an item"),
        ({"split": [1, 1, 1]}, "of both groups"),
        ({"split": [1, 0, "maybe"]}, "of item 3 wanted published or held out"),
        ({"twins": items, "split": [1, 0, 1]}, "either twins or a split"),
        ({"twins": [Item("zz", "a")]}, "wanted ids of items"),
        (
            {
                "split": [1, 0, 0],
                "reason": "random-split",
                "items": [replace(i, cluster="c") for i in items],
            },
            "stands in both groups",
        ),
        ({"alpha": 2.0, "reason": "random-twin", "twins": items}, "alpha: wanted"),
        ({"score": "bleu"}, "score: wanted rouge or run or start"),
        ({"samples": 0}, "samples: wanted"),
        ({"part": "answer"}, "part: wanted question or both"),
    ):
        with pytest.raises(InputError, match=why):
            probe(more.pop("items", items), "parrot/p", **more, out=tmp_path / "never")
    assert not (tmp_path / "never").exists()
    with pytest.raises(InputError, match="no item can be put"):
        probe([Item("a", "short")], "parrot/p", out=tmp_path / "never")


def call(*args):
    from calibrant.cli import main

    with pytest.raises(SystemExit) as caught:
        main(list(map(str, args)))
    return caught.value.code or 0


def test_the_command_prints_a_table_or_one_document(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.chdir(tmp_path)
    rows = [{"id": f"q{i}", "question": question(i).question, "out": i < 4} for i in range(8)]
    pl.DataFrame(rows).write_csv("items.csv")
    PARROT["heart"] = Parrot([question(i) for i in range(4)])
    base = ["contamination", "probe", "items.csv", "-s", "parrot/p", "--split", "out", "-o", "r"]
    assert call(*base, "--reason", "random-split", "--figure", "t.svg") == 0
    assert "under chance" in Path("t.svg").read_text()
    shown = capsys.readouterr().out
    assert "completion of 8 items" in shown and "held out" in shown
    assert call(*base, "--json", "--figure", "g.svg") == 0
    assert "no p-value" in Path("g.svg").read_text()
    data = json.loads(capsys.readouterr().out)
    assert data["test"]["verdict"] == "undetermined" and len(data["items"]) == 8
    assert data["groups"][0]["mean"]["value"] == 1
    for more, why in ((["--split", "no"], "no column 'no'"), (["-M", "x"], "wanted KEY=VALUE")):
        assert call(*base[:5], *more, "-o", "never") == 2
        assert why in capsys.readouterr().err


@pytest.mark.parametrize("certificate", CERTIFICATES, ids=lambda c: c.name)
def test_certificates_hold_in_short(certificate):
    measured = measure_certificate(certificate, draws=50)
    assert not [m.broken for m in measured if m.broken]
    assert np.mean([m.statistics["p ≤ .05"] for m in measured if not m.declared] or [1]) > 0.05
