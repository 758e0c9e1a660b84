"""What counts as an exposure, and what is said of it."""

from __future__ import annotations

import json
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calibrant.contamination.corpora.batch import Batch, batch_of
from calibrant.contamination.items import Item
from calibrant.contamination.matching import Found, Rule, Scan, build_index, scan_batches, scan_of
from calibrant.contamination.matching.align import align, aligned
from calibrant.contamination.matching.certificates import CERTIFICATES
from calibrant.stats.certificates import measure_certificate

QUESTION = (
    "A farmer keeps 12 brown hens and 7 white ducks behind the old mill. Every morning each hen "
    "lays 2 eggs while the ducks lay none at all. How many eggs does he sell on a market day?"
)
ANSWER = "Twelve hens that lay 2 eggs each give 24 eggs, and he sells all of them: 24"
ITEMS = [Item("farm", QUESTION, ANSWER), Item("other", "Something else entirely " * 6)]


def _found(text: str, rule: Rule | None = None, items: list[Item] | None = None) -> Found:
    return scan_batches(build_index(items or ITEMS, rule), [batch_of(["la la la", text])])


def _only(text: str) -> object:
    (place,) = _found(f"before it, {text} and after it").where[0]
    return place


def test_word_for_word_in_other_dress() -> None:
    text = f"{QUESTION}\n{ANSWER}".upper().replace(" ", "\r\n\u00ad").replace("E", "Ｅ")
    place = _only(text)
    assert (place.kind, place.part, place.share, place.document) == ("verbatim", "item", 1.0, 1)
    data = f"before it, {text} and after it".encode()
    said = data[place.byte : place.end].decode()
    assert said.startswith("A\r\n\u00adFARMＥR") and said.endswith("24")
    assert place.words == 55


def test_the_question_alone_and_the_answer_alone() -> None:
    assert (_only(QUESTION).kind, _only(QUESTION).part) == ("verbatim", "question")
    assert (_only(ANSWER).kind, _only(ANSWER).part) == ("verbatim", "answer")


def test_other_numbers_are_a_class_of_their_own() -> None:
    text = QUESTION.replace("12", "31").replace("7", "1,009").replace(" 2 ", " 5 ")
    place = _only(text)
    assert (place.kind, place.part) == ("numbers", "question")
    assert (place.replaced, place.inserted, place.deleted, place.numbers) == (3, 1, 0, 4)
    assert place.share == pytest.approx(35 / 39)


def test_changed_words_are_told() -> None:
    text = QUESTION.replace("brown ", "").replace("morning", "evening").replace("mill", "red mill")
    place = _only(text)
    assert (place.kind, place.part) == ("near", "question")
    assert (place.replaced, place.deleted, place.inserted, place.numbers) == (1, 1, 1, 0)
    assert place.share == pytest.approx(36 / 39)


def test_less_than_half_is_a_fragment_and_no_exposure() -> None:
    words = QUESTION.split()
    found = _found(" ".join(words[:14]) + " and then nothing that he had said before")
    (place,) = found.where[0]
    assert place.kind == "fragment" and found.exposed == 0
    assert found.counts[0] == (0, 0, 0, 0, 1)
    found = _found(" ".join(words[:24]) + " and then nothing that he had said before")
    assert found.counts[0] == (0, 0, 0, 1, 0) and found.exposed == 1


def test_fewer_words_than_an_n_gram_are_nothing() -> None:
    assert not _found(" ".join(QUESTION.split()[:11])).counts


def test_copies_beside_each_other_are_several_exposures() -> None:
    text = f"{QUESTION}\n{ANSWER}"
    found = _found("\n".join([text] * 4))
    assert found.counts[0] == (4, 0, 0, 0, 0)
    starts = [place.byte for place in found.where[0]]
    assert starts == [k * (len(text) + 1) for k in range(4)]


def test_stock_phrases_flag_nobody_and_are_named() -> None:
    stem = "Which of the following statements is true of the theory that was put forward by the"
    rng = np.random.default_rng(0)
    words = np.array(["alpha", "beta", "gamma", "delta", "rho", "sigma", "tau", "phi", "chi"])
    items = [Item(str(k), f"{stem} {' '.join(rng.choice(words, 8))}") for k in range(20)]
    corpus = [f"{stem} quite another man, who had nothing to do with it"] * 15
    index = build_index(items)
    found = scan_batches(index, [batch_of(corpus)])
    assert found.exposed == 0 and not found.counts
    assert scan_of(index, found).boilerplate[0].items == 20
    # Where only one item has it, it is named for the documents that hold it and nothing more.
    index = build_index([Item("a", f"{stem} {' '.join(['omega', *words] * 2)}")])
    scan = scan_of(index, scan_batches(index, [batch_of(corpus)]))
    assert scan.items[0].exposures == 0 and scan.items[0].kinds["fragment"] == 15
    assert {(gram.items, gram.documents) for gram in scan.boilerplate} == {(1, 15)}
    # An exposure is found all the same, with its stock phrase.
    index = build_index(items)
    found = scan_batches(index, [batch_of([f"so: {items[3].question}!"])])
    assert [i for i, counts in found.counts.items() if any(counts[:4])] == [3]
    assert found.counts[3] == (1, 0, 0, 0, 0)
    assert found.matched[13, 3] == (1 << 12) - 1


def test_items_that_cannot_be_scanned_and_copies_are_named() -> None:
    items = [
        *ITEMS, Item("short", "What is it?"), Item("empty", " \n"), Item("again", QUESTION, ANSWER),
        Item("broken", "\ud800"),
    ]  # fmt: skip
    index = build_index(items)
    assert index.not_scannable() == {"short": "3 words", "empty": "empty", "broken": "empty"}
    assert index.duplicates == {"again": "farm"}
    scan = scan_of(index, _found(QUESTION, items=items), seconds=1.5)
    assert [item.item for item in scan.items] == ["farm", "other", "again"]
    assert [item.exposures for item in scan.items] == [1, 0, 1]
    assert repr(scan) == (
        "2 of 3 items stand in 1 of 2 documents (0.0 MB); 3 items cannot be scanned"
    )


def test_short_items_as_a_whole() -> None:
    items = [*ITEMS, Item("short", "What is the capital of Peru?", "Lima"), Item("tiny", "Why?")]
    index = build_index(items, Rule(whole=5))
    assert index.not_scannable() == {"tiny": "1 words"}
    found = scan_batches(index, [batch_of(["x what is the capital of PERU: Lima y", QUESTION])])
    assert found.counts == {0: (1, 0, 0, 0, 0), 2: (1, 0, 0, 0, 0)}
    assert scan_of(index, found).items[2].to_dict()["containment"] == 1.0


def test_scripts_without_spaces_match_by_characters() -> None:
    text = "小明有十二个苹果，他给了小红五个苹果，请问小明现在还剩下多少个苹果呢？"
    items = [Item("zh", text)]
    found = _found(f"题目：{text.replace('，', '')}答案是七", items=items)
    assert found.counts == {0: (1, 0, 0, 0, 0)}
    found = _found(text.replace("小明", "小华"), items=items)
    assert found.where[0][0].kind == "near" and found.where[0][0].replaced == 2


def test_containment_of_several_widths_question_and_answer() -> None:
    index = build_index(ITEMS, Rule((8, 13), anchor=6))
    text = " ".join(QUESTION.split()[:20])
    item = scan_of(index, scan_batches(index, [batch_of([text])])).items[0]
    assert (item.shown.ngrams, item.shown.matched) == (48, 13)
    assert (item.question.ngrams, item.question.matched, item.question.containment) == (
        31, 13, pytest.approx(13 / 31),
    )  # fmt: skip
    assert (item.answer.ngrams, item.answer.matched) == (10, 0)
    assert (item.other[13].ngrams, item.other[13].matched) == (43, 8)
    # Its n-grams that occur twice count once.
    assert scan_of(index, _found("", Rule((8, 13), anchor=6))).items[1].shown.ngrams == 3


def test_binary_files_and_endless_lines() -> None:
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, 300_000).astype(np.uint8).tobytes()
    data = noise + b"\0" + QUESTION.encode() + b"\0" + b"x" * 300_000 + b" " * 300_000
    cut = np.array([0, len(data)])
    index = build_index(ITEMS)
    found = scan_batches(index, [Batch(data, cut, "f", np.array([0]))])
    assert found.counts == {0: (1, 0, 0, 0, 0)}
    assert found.where[0][0].byte == 300_001
    assert found.invalid > 100_000
    assert scan_of(index, found).notes == (
        f"{found.invalid:,} bytes are not UTF-8; they separate words",
    )


def test_the_rest_is_refused() -> None:
    for rule in ({"n": ()}, {"n": (13, 8)}, {"share": 0.0}, {"shared": 1}, {"anchor": 0}):
        with pytest.raises(ValueError, match="wanted"):
            Rule(**rule)
    with pytest.raises(ValueError, match="no item has 99 words; the longest has 55"):
        build_index(ITEMS, Rule((99,)))
    with pytest.raises(ValueError, match="wanted counts of a scan"):
        Found.from_dict({"index": "x"})
    one, two = build_index(ITEMS), build_index(ITEMS[:1])
    with pytest.raises(ValueError, match="cannot be added"):
        Found.empty(one).merge(Found.empty(two))


def test_the_result_is_json_and_a_figure() -> None:
    index = build_index(ITEMS)
    scan = scan_of(index, _found(f"<b>{QUESTION}</b>\x1b[31m"))
    assert isinstance(scan, Scan)
    data = json.loads(json.dumps(scan.to_dict()))
    assert {"items", "documents", "bytes", "seconds"} <= set(data)
    assert {"item", "ngrams", "matched", "containment", "exposures", "where"} <= set(
        data["items"][0]
    )
    assert "1 of 2 items" in scan.plot().title
    assert scan.plot().svg().startswith("<svg")


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.sampled_from("abc"), min_size=1, max_size=7),
    st.lists(st.sampled_from("abc"), max_size=7),
)
def test_alignment_costs_what_the_textbook_says(item: list[str], text: list[str]) -> None:
    slack = 8  # wide enough for the band to hold all alignments
    padded = ["-"] * slack + text + ["-"] * (slack + len(item) - len(text))
    partner, before = aligned(item, padded, slack, align)
    said = [
        padded[p] if p >= 0 and padded[p] != "-" else None for p in partner.tolist()
    ]  # fmt: skip
    cost = sum(a != b for a, b in zip(item, said, strict=True)) + int(before.sum())
    row = [0] * (len(text) + 1)
    for i, word in enumerate(item, 1):
        new = [i]
        for j, other in enumerate(text, 1):
            new.append(min(row[j - 1] + (word != other), row[j] + 1, new[j - 1] + 1))
        row = new
    assert cost == min(row)


@pytest.mark.parametrize("certificate", CERTIFICATES, ids=lambda c: c.name)
def test_certificates_hold_in_a_short_run(certificate) -> None:
    from dataclasses import replace

    short = replace(certificate, beyond=(), batch_draws=5)
    for measured in measure_certificate(short, draws=5):
        assert not measured.broken, (measured.regime, measured.broken)


def _both(items: list[Item], data: bytes, cuts: list[int], rule: Rule | None = None) -> list[Found]:
    """What both engines find in one document, that comes in pieces."""
    index, found = build_index(items, rule), []
    ends = [0, *cuts, len(data)]
    for engine in ("compiled", "vectors"):
        batches = [
            Batch(data[a:b], np.array([0, b - a]), "f", np.array([0]), a) for a, b in pairwise(ends)
        ]
        found.append(scan_batches(index, batches, engine=engine))
    return found


def test_copies_are_counted_once_beside_items_that_are_much_longer() -> None:
    pytest.importorskip("numba")
    long = [f"w{k}" for k in range(2000)]
    items = [Item("a", " ".join(f"a{k}" for k in range(35))), Item("long", " ".join(long))]
    text = f"{'x y ' * 50}{items[0].question}{' z q' * 300} {items[0].question}{' z q' * 100} "
    data = f"{text}{' '.join(long[:20])}{' v w' * 400}".encode()
    for cuts in ([], [2000], [1500, 2200, 2500]):
        one, other = _both(items, data, cuts)
        assert one == other and one.counts[0] == (2, 0, 0, 0, 0)


def test_text_that_repeats_an_item_of_repeated_words_is_counted_exactly() -> None:
    pytest.importorskip("numba")
    items = [Item("spam", "spam " * 35), Item("two", "buy now " * 20)]
    one, other = _both(items, b"spam " * 700 + b"buy now " * 400, [333, 700, 3600])
    assert one == other
    assert one.counts == {0: (20, 0, 0, 0, 0), 1: (20, 0, 0, 0, 0)}


def test_runs_that_grow_from_piece_to_piece_are_not_lost() -> None:
    pytest.importorskip("numba")
    data = f"{QUESTION} {ANSWER}".encode()
    one, other = _both(ITEMS, data, list(range(6, len(data), 6)))
    assert one == other and one.counts[0] == (1, 0, 0, 0, 0)


def test_edits_beside_an_answer_word_for_word_are_told() -> None:
    pytest.importorskip("numba")
    data = f"{QUESTION.replace('brown', 'red').replace('12', '13')} {ANSWER}".encode()
    one, other = _both(ITEMS, data, [])
    (place,) = one.where[0]
    assert one == other and (place.kind, place.part, place.share) == ("verbatim", "answer", 1.0)
    assert (place.replaced, place.deleted, place.inserted, place.numbers) == (2, 0, 0, 1)
