"""Items in other words: what of a text survives a rewording, and what is called a paraphrase."""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calibrant.cli import main
from calibrant.contamination.corpora.batch import Batch, batch_of
from calibrant.contamination.corpora.read import At
from calibrant.contamination.items import Item
from calibrant.contamination.rewording import calibrate, documents_needed, paraphrase
from calibrant.contamination.rewording import documents as documents_module
from calibrant.contamination.rewording.certificates import CERTIFICATES
from calibrant.contamination.rewording.crew import scanned
from calibrant.contamination.rewording.documents import documents
from calibrant.contamination.rewording.features import common_length, places_of
from calibrant.contamination.rewording.index import Index, occurrences
from calibrant.contamination.rewording.passages import windows
from calibrant.contamination.rewording.scan import Scanner
from calibrant.contamination.rewording.words import words
from calibrant.errors import InputError, RunError
from calibrant.stats.certificates import measure_certificate

THINGS = (
    "apples",
    "lamps",
    "kites",
    "boats",
    "drums",
    "maps",
    "coins",
    "shirts",
    "plates",
    "bells",
)
PEOPLE = ("Ana", "Bruno", "Chen", "Dora", "Emil", "Farah", "Goran", "Hana", "Ivo", "Jun")
PLACES = ("market", "harbour", "school", "museum", "station", "garden", "theatre", "bakery")


def question(rng: np.random.Generator) -> tuple[str, str]:
    """A question and the same in other words."""
    a, b, c = (str(x) for x in rng.integers(12, 990, 3))
    who, thing, where = rng.choice(PEOPLE), rng.choice(THINGS), rng.choice(PLACES)
    asked = (
        f"At the {where}, {who} bought {a} {thing} for {b} dollars each and sold them later for "
        f"{c} dollars each. How much profit was made?"
    )
    other = (
        f"{who} purchases {a} {thing}, paying ${b} apiece, from the {where}. If every one of them "
        f"goes for ${c} afterwards, what does {who} gain in all?"
    )
    return asked, other


def clean_texts(many: int, seed: int = 1) -> list[str]:
    """Texts of the same kind that hold none of the items."""
    rng = np.random.default_rng(seed)
    return [question(rng)[i % 2] for i in range(many)]


def planted(many: int = 12) -> tuple[list[Item], list[str]]:
    rng = np.random.default_rng(0)
    pairs = [question(rng) for _ in range(many)]
    return [Item(f"q{i}", a, "18") for i, (a, _) in enumerate(pairs)], [b for _, b in pairs]


def test_numbers_are_read_by_value_however_they_are_written() -> None:
    found = words("Twenty-five men paid 1,200.50 for two hundred and fifty eggs, half of 3/4 dozen")
    assert found.tokens == ("#25", "men", "paid", "#1200.5", "#250", "egg", "#0.5", "#9")
    assert words("He ate twelve thousand three hundred").tokens[-1] == "#12300"
    assert words("three dozen; five, six").tokens == ("#36", "#5", "#6")


def test_names_are_capitals_within_a_sentence_and_function_words_go() -> None:
    found = words("Then the friends of Maria saw Paris. Nobody was there.")
    assert found.names == {"maria", "paris"}
    assert "then" not in found.tokens
    assert words("どこですか").tokens[:2] == ("どこ", "こで")


@settings(max_examples=30, deadline=None)
@given(st.lists(st.sampled_from("abcd"), max_size=9), st.lists(st.sampled_from("abcd"), max_size=9))
def test_common_subsequence_is_that_of_the_plain_recursion(
    left: list[str], right: list[str]
) -> None:
    row = [0] * (len(right) + 1)
    for a in left:
        before = row
        row = [0]
        for j, b in enumerate(right, 1):
            row.append(before[j - 1] + 1 if a == b else max(before[j], row[j - 1]))
    assert common_length(places_of(left), len(left), right) == row[-1]


@settings(max_examples=15, deadline=None)
@given(st.lists(st.lists(st.sampled_from(["#7", "cat", "dog", "sun"]), min_size=1, max_size=8),
                min_size=1, max_size=6))  # fmt: skip
def test_retrieval_ranks_as_a_plain_count_of_what_is_shared(texts: list[list[str]]) -> None:
    items = [Item(str(i), " ".join(t).replace("#", "")) for i, t in enumerate(texts)]
    index = Index(items)
    text = [*index.words[0].tokens, "#7"]
    found = index.candidates([text], len(items), 0.0)[0]
    share = {}
    for i, w in enumerate(index.words):
        both = set(occurrences(w.tokens)) & set(occurrences(text))
        if both:
            shared = sum(index.weight(t) for t, _ in both)
            total = index.total(w.tokens)
            share[i] = 2 * shared / (total + min(total, index.total(text)))
    assert sorted(found.tolist()) == sorted(share)
    ranked = [share[i] for i in found.tolist()]
    assert ranked == pytest.approx(sorted(ranked, reverse=True))


@settings(max_examples=20, deadline=None)
@given(st.text(alphabet="ab .\n", max_size=400), st.integers(10, 60))
def test_windows_cover_every_word_and_are_no_wider_than_asked(text: str, width: int) -> None:
    every = list(windows(text, width))
    covered = {i for w in every for s in w.sentences for i in range(s.start, s.end)}
    assert all(i in covered for i, c in enumerate(text) if c in "ab" and words(c).tokens)
    for w in every:
        assert len(w.sentences) == 1 or w.sentences[-1].end - w.sentences[0].start <= width


def test_rewordings_are_found_at_the_rate_that_was_asked_for() -> None:
    items, other = planted()
    found = paraphrase(items, other, clean=clean_texts(199), rate=0.05)
    assert found.calibration is not None
    own = [i for i, f in enumerate(found.items) if f.kind == "paraphrase"
           and f.candidates[0].number == i]  # fmt: skip
    assert len(own) >= 11
    assert found.calibration.above <= 9  # the 10th highest of 199 is the threshold
    assert "paraphrase of 12 items" in repr(found)
    plain = found.to_dict()
    assert plain["calibration"]["per_million"]["measured"] == found.calibration.measured * 1e6
    assert json.loads(json.dumps(plain))["items"][0]["candidates"][0]["p"] <= 0.05


def test_nothing_is_called_a_paraphrase_without_clean_documents() -> None:
    items, other = planted()
    found = paraphrase(items, [*other, items[0].question])
    assert {i.kind for i in found.items} <= {"unclear", "verbatim"}
    assert found.items[0].kind == "verbatim"
    assert "no rate" in found.notes[0]


def test_one_template_with_other_numbers_is_a_kind_of_its_own() -> None:
    items, _ = planted(3)
    text = items[1].question.translate(str.maketrans("0123456789", "7418529630"))
    found = paraphrase(items, [text], clean=clean_texts(99))
    assert found.items[1].kind == "same template"
    assert found.counts["paraphrase"] == 0


def test_an_item_within_a_long_document_is_found_where_it_stands() -> None:
    items, other = planted()
    filler = " ".join(f"The {w} stood by the river and nobody saw it for years." for w in THINGS)
    text = f"{filler} {other[3]} {filler} {filler}"
    found = paraphrase(items, [text], clean=clean_texts(99))
    c = found.items[3].candidates[0]
    assert c.kind == "paraphrase"
    assert abs(c.start - text.index(other[3])) < 5
    assert c.end - c.start < len(other[3]) + 5


def test_a_document_in_pieces_is_one_document() -> None:
    items, other = planted()
    text = ("Nothing of the kind happened. " * 40 + other[2] + " So it was." * 40).encode()
    cut = text.index(other[2].encode()) + 30
    pieces = [
        Batch(text[:cut], np.array([0, cut]), "f", np.array([4])),
        Batch(text[cut:], np.array([0, len(text) - cut]), "f", np.array([4]), offset=cut),
    ]
    whole = paraphrase(items, [batch_of([text.decode()])], clean=clean_texts(99))
    found = paraphrase(items, pieces, clean=clean_texts(99))
    assert found.documents == 1
    assert found.items[2].kind == whole.items[2].kind == "paraphrase"
    assert found.items[2].candidates[0].start == whole.items[2].candidates[0].start
    assert found.items[2].candidates[0].number == 4
    starts = [d.start for d in documents(pieces, 50)]
    assert starts == [0, cut - 50]


def test_a_long_document_goes_through_in_pieces_and_reads_as_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    items, other = planted()
    text = " ".join(f"Line {k} says nothing. {other[k % 5]}" for k in range(40))
    whole = paraphrase(items, [text], clean=clean_texts(99))
    monkeypatch.setattr(documents_module, "_PIECE", 1500)
    assert len(list(documents([batch_of([text])], whole_width(items)))) > 4
    cut = paraphrase(items, [text], clean=clean_texts(99))
    assert cut.documents == 1
    assert [i.kind for i in cut.items] == [i.kind for i in whole.items]
    # Windows of a piece begin elsewhere, so that a passage may have a sentence more or less.
    assert [i.candidates[0].score for i in cut.items[:5]] == pytest.approx(
        [i.candidates[0].score for i in whole.items[:5]], abs=0.05
    )


def whole_width(items: list[Item]) -> int:
    return Index(items).width


def test_files_say_how_far_their_reading_is(tmp_path: Path) -> None:
    items, other = planted()
    for name, texts in (("corpus.jsonl", other), ("clean.jsonl", clean_texts(99))):
        (tmp_path / name).write_text("".join(json.dumps({"text": t}) + "\n" for t in texts))
    seen: list[At] = []
    paraphrase(
        items, tmp_path / "corpus.jsonl", clean=tmp_path / "clean.jsonl", progress=seen.append
    )
    done = [at.done for at in seen]
    assert done == sorted(done)
    assert done[-1] == seen[-1].total == sum(f.stat().st_size for f in tmp_path.iterdir())


def test_a_process_that_dies_is_said_in_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    items, other = planted()
    # What a system short of memory does to one of the processes.
    monkeypatch.setattr(Scanner, "scan", lambda *_: os.kill(os.getpid(), signal.SIGKILL))
    monkeypatch.delitem(sys.modules, "jax", raising=False)  # so that the process is a fork
    scanner = Scanner(items)
    with pytest.raises(RunError, match="a process that looked for paraphrases died"):
        list(scanned(scanner, documents([batch_of(other)], 200), 2))


def test_the_result_does_not_depend_on_workers_or_batches() -> None:
    items, other = planted()
    texts = [*other, *clean_texts(300, 5)]
    one = paraphrase(items, texts, clean=clean_texts(99))
    two = paraphrase(items, [batch_of(texts[:100]), batch_of(texts[100:])],
                     clean=clean_texts(99), workers=2)  # fmt: skip
    assert one.calibration == two.calibration
    assert one.counts == two.counts
    assert [i.kind for i in one.items] == [i.kind for i in two.items]
    assert one.scores.tolist() == two.scores.tolist()


def test_an_embedder_brings_candidates_that_share_no_word(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    items = [Item("a", "Wie viele Katzen schlafen hier?"), Item("b", "Wo steht der rote Wagen?")]

    class Animals:
        def encode(self, texts: list[str]) -> list[list[float]]:
            return [[float("atz" in t or "cat" in t), 1.0 - ("atz" in t or "cat" in t)]
                    for t in texts]  # fmt: skip

    found = paraphrase(items, ["How many cats sleep now?"], embedder=Animals())
    assert found.items[0].candidates[0].features.cosine == 1.0
    assert found.embedder == "Animals"
    assert not paraphrase(items, ["How many cats sleep now?"]).items[0].candidates
    module = ModuleType("models")
    module.load = lambda device="cpu": Animals()  # type: ignore[attr-defined]
    module.encode = Animals().encode  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "models", module)
    for name in ("models:load", "models:encode"):
        again = paraphrase(items, ["How many cats sleep now?"], embedder=name)
        assert again.items[0].candidates == found.items[0].candidates
        assert again.embedder == name
    with pytest.raises(InputError, match="shape"):
        paraphrase(items, ["x"], embedder=lambda texts: [1.0])
    with pytest.raises(InputError, match="MODULE:FUNCTION"):
        paraphrase(items, ["x"], embedder="nothing")


def test_the_threshold_is_the_order_statistic_that_keeps_the_rate() -> None:
    scores = np.arange(1.0, 100.0)
    c = calibrate(scores, 0.05)
    assert c.threshold == 95.0  # 4 above: a new one is above with at most 5 of 100
    assert c.above == 4
    assert c.p_value(99.0) == pytest.approx(0.02)
    assert calibrate(scores, 0.01).above == 0
    with pytest.raises(InputError, match="at least 99, got 98"):
        calibrate(scores[1:], 0.01)
    with pytest.raises(InputError, match="at least 299"):
        calibrate(scores, 0.01, confidence=0.95)
    with pytest.raises(InputError, match="between 0 and 1"):
        calibrate(scores, 1.5)
    assert documents_needed(1e-5, 0.95) == 299_572  # the rule of three
    assert documents_needed(0.01) == 99


def test_ties_never_raise_the_rate() -> None:
    c = calibrate(np.zeros(500), 0.01)
    assert (c.threshold, c.above) == (0.0, 0)
    assert c.high >= 0.0073  # as if 4 were above: the order statistic's place is what bounds


def _write(path: Path, rows: list[dict[str, str]]) -> str:
    path.write_text("".join(json.dumps(r) + "\n" for r in rows))
    return str(path)


def run(capsys: pytest.CaptureFixture[str], *args: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as caught:
        main(["contamination", "paraphrase", *args])
    out, err = capsys.readouterr()
    return int(caught.value.code or 0), out, err


def test_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    items, other = planted()
    tests = _write(tmp_path / "items.jsonl", [{"id": i.id, "question": i.question} for i in items])
    corpus = _write(tmp_path / "c.jsonl", [{"text": t + " \x1b[31m<b>"} for t in other])
    clean = _write(tmp_path / "clean.jsonl", [{"text": t} for t in clean_texts(99)])
    figure = tmp_path / "scores.svg"
    args = [tests, corpus, "--clean", clean, "--check", clean]
    code, out, err = run(capsys, *args, "--figure", str(figure))
    assert code == 0
    assert "paraphrase" in out
    assert "per million" in out
    assert "\x1b" not in out
    assert "<svg" in figure.read_text()
    assert "figure written" in err
    code, out, _ = run(capsys, *args, "--json")
    assert code == 0
    assert json.loads(out)["documents"] == 12
    code, _, err = run(capsys, *args, "--rate", "0.001")
    assert code == 2
    assert "takes at least 999, got 99" in err
    assert run(capsys, tests, str(tmp_path / "none.jsonl"))[0] == 2


@pytest.mark.parametrize("name", ["paraphrase-rate-0.01", "paraphrase-found"])
def test_certificates_hold(name: str) -> None:
    certificate = next(c for c in CERTIFICATES if c.name == name)
    for measured in measure_certificate(certificate, draws=250):
        assert not measured.broken
        if not measured.declared:
            assert measured.statistics["false positives"] > 2 * measured.regime["rate"]


def test_a_figure_without_clean_documents_has_no_threshold() -> None:
    items, other = planted()
    figure = paraphrase(items, other).plot()
    assert "no clean documents" in figure.svg()
    assert "no rate" in figure.description
