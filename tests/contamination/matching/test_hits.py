"""Words and n-grams: compiled, NumPy and plain Python say the same, however text is cut up."""

from __future__ import annotations

import importlib.util
import pickle
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calibrant.contamination.items import Item
from calibrant.contamination.matching import Found, Rule, Scanner, build_index, scan_batches
from calibrant.contamination.matching.letters import letters
from calibrant.contamination.matching.words import split

_spec = importlib.util.spec_from_file_location("scan_plain", Path(__file__).parent / "plain.py")
assert _spec is not None and _spec.loader is not None
plain = importlib.util.module_from_spec(_spec)
sys.modules["scan_plain"] = plain
_spec.loader.exec_module(plain)

ENGINES = [
    pytest.param(
        "compiled",
        marks=pytest.mark.skipif(importlib.util.find_spec("numba") is None, reason="needs numba"),
    ),
    "vectors",
]

LETTERS = "abAB1 .\n\0ßİ½é\u0301\u00ad\u200b中文がカﾞ１สัก한\U00020000😀"
# Few different words, so that n-grams meet; and bytes that are no text.
hostile = st.lists(
    st.one_of(
        st.sampled_from([c.encode() for c in LETTERS] + [b"a ", b"b ", b"a b a "]),
        st.sampled_from([b"\xff", b"\xe4", b"\xe4\xb8", b"\xed\xa0\x80", b"\xc0\x80", b"\xf0\x9f"]),
    ),
    max_size=40,
).map(b"".join)


@settings(max_examples=80, deadline=None)
@given(hostile)
def test_words_are_those_of_the_plain_twin(data: bytes) -> None:
    found = split(data, letters())
    expected, invalid = plain.plain_words(data)
    got = [(found.word(k), int(found.first[k]), int(found.last[k])) for k in range(len(found))]
    assert got == expected
    assert found.invalid == invalid


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Straße, STRASSE", ["strasse", "strasse"]),
        ("İstanbul", ["i\u0307stanbul"]),
        ("１２３ ﬁne x²", ["123", "fine", "x2"]),
        ("nai\u0308ve naïve", ["nai\u0308ve", "nai\u0308ve"]),
        ("soft\u00adhyphen zero\u200bwidth \ufeffmark", ["softhyphen", "zerowidth", "mark"]),
        ("a½b", ["a1", "2b"]),
        ("東京タワーa1", ["東", "京", "タ", "ワ", "ー", "a1"]),
        ("ガ ｶﾞ", ["カ\u3099", "カ\u3099"]),
        ("สวัสดี", ["ส", "วั", "ส", "ดี"]),
        ("don't &amp; can’t\r\nsnake_case", ["don", "t", "amp", "can", "t", "snake", "case"]),
        (
            "한국어 1,000",
            [*__import__("unicodedata").normalize("NFKD", "한국어").split(), "1", "000"],
        ),
        ("x" * 130, ["x" * 64, "x" * 64, "xx"]),
        ("", []),
    ],
)
def test_words_that_are_hard(text: str, words: list[str]) -> None:
    found = split(text.encode(), letters())
    assert [found.word(k) for k in range(len(found))] == words


def _items(texts: list[bytes]) -> list[Item]:
    halves = [t.decode("utf-8", "replace") for t in texts]
    return [Item(str(i), t[: len(t) // 2], t[len(t) // 2 :]) for i, t in enumerate(halves)]


@pytest.mark.parametrize("engine", ENGINES)
@settings(max_examples=25, deadline=None)
@given(
    st.lists(hostile, min_size=1, max_size=4),
    st.lists(hostile, max_size=4),
    st.lists(st.integers(1, 60), max_size=3),
    st.sampled_from([1, 2, 3]),
    st.data(),
)
def test_what_is_matched_is_what_a_set_of_tuples_finds(
    engine: str,
    texts: list[bytes],
    others: list[bytes],
    cuts: list[int],
    n: int,
    data: st.DataObject,
) -> None:
    items = _items(texts)
    if max(len(plain.shown_words(item)) for item in items) < n:
        return
    corpus = [*others, *data.draw(st.permutations(texts))]
    index = build_index(items, Rule((n, n + 2), anchor=None))
    found = scan_batches(index, plain.batches_of(corpus, cuts), engine=engine)
    for width in (n, n + 2):
        expected = plain.plain_matched(items, corpus, width)
        scannable = {i: b for i, b in expected.items() if index.least[i]}
        assert {i: bits for (m, i), bits in found.matched.items() if m == width} == scannable
    words = [plain.plain_words(text) for text in corpus]
    assert found.words == sum(len(some) for some, _ in words)
    assert found.invalid == sum(bad for _, bad in words)
    assert (found.documents, found.bytes) == (len(corpus), sum(map(len, corpus)))


_SENTENCE = "the of a to in is was which following statements true about theory light 3 14 red"
WORDS = _SENTENCE.split()


def _texts(rng: np.random.Generator, count: int, words: int) -> list[bytes]:
    return [" ".join(rng.choice(WORDS, words)).encode() for _ in range(count)]


def _edited(rng: np.random.Generator, text: bytes, changes: int) -> bytes:
    words = text.split()
    for _ in range(changes):
        k = int(rng.integers(len(words)))
        match rng.integers(3):
            case 0:
                words[k] = b"other"
            case 1:
                del words[k]
            case _:
                words.insert(k, b"more")
    return b" ".join(words)


def _corpus(seed: int) -> tuple[list[Item], list[bytes]]:
    rng = np.random.default_rng(seed)
    texts = _texts(rng, 6, 30)
    items = [
        Item(str(i), t.decode()[:90], t.decode()[90:] + " \u4e2d\u6587")
        for i, t in enumerate(texts)
    ]
    corpus = []
    for _ in range(12):
        k = int(rng.integers(6))
        parts = [
            *_texts(rng, 1, int(rng.integers(40))),
            _edited(rng, texts[k], int(rng.integers(4))),
        ]
        parts += [texts[k]] * int(rng.integers(3)) + _texts(rng, 1, int(rng.integers(40)))
        corpus.append(b" . ".join(parts))
    return items, corpus


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("engine", ENGINES)
def test_batches_may_be_cut_anywhere(engine: str, seed: int) -> None:
    items, corpus = _corpus(seed)
    index = build_index(items, Rule((9,), anchor=4, shared=3))
    whole = scan_batches(index, plain.batches_of(corpus, []), engine="vectors")
    assert whole.counts and whole.where
    for cuts in ([1000], [97, 13], [7]):
        assert scan_batches(index, plain.batches_of(corpus, cuts), engine=engine) == whole


@pytest.mark.parametrize("seed", range(3))
def test_counts_add_up_whatever_the_shards_and_their_order(seed: int) -> None:
    items, corpus = _corpus(seed)
    index = pickle.loads(pickle.dumps(build_index(items, Rule((9,), anchor=4, shared=3, places=3))))
    batches = [
        b for k in range(4) for b in plain.batches_of(corpus[k * 3 : k * 3 + 3], [], f"f{k}")
    ]
    whole = scan_batches(index, batches)
    shards = [scan_batches(index, [batch]) for batch in batches]
    left = shards[0].merge(shards[1]).merge(shards[2]).merge(shards[3])
    right = shards[3].merge(shards[1].merge(shards[2].merge(shards[0])))
    assert left == right == whole == whole.merge(Found.empty(index))
    assert left.to_dict() == right.to_dict() == whole.to_dict()
    assert (
        Found.from_dict(__import__("json").loads(__import__("json").dumps(whole.to_dict())))
        == whole
    )


def test_full_buffers_lose_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    from calibrant.contamination.matching import hits

    items = [Item("a", "spam " * 9), Item("b", "spam spam spam eggs")]
    corpus = [b"spam " * 1000, b"spam spam spam eggs " * 300]
    index = build_index(items, Rule((3,), anchor=None))
    whole = scan_batches(index, plain.batches_of(corpus, []))
    monkeypatch.setattr(hits, "ROOM", 200)
    monkeypatch.setattr(hits, "_PIECE", 150)
    assert scan_batches(index, plain.batches_of(corpus, [])) == whole
    assert scan_batches(index, plain.batches_of(corpus, []), engine="vectors") == whole
    assert whole.counts[0][0] == 111  # nine words of 1,000 at a time
    assert whole.counts[1][0] == 300


def test_a_batch_that_goes_on_from_nowhere_is_refused() -> None:
    index = build_index([Item("a", "one two three")], Rule((2,), anchor=None))
    first, second = plain.batches_of([b"one two three four"], [9])
    scanner = Scanner(index)
    with pytest.raises(ValueError, match="document 0 goes on at byte 9"):
        scanner.feed(second)
    scanner.feed(first)
    scanner.feed(second)
    assert scanner.finish().matched == {(2, 0): 0b11}
