"""Readers of corpora: every format gives its documents; whatever is wrong is said, per file."""

from __future__ import annotations

import bz2
import gzip
import itertools
import json
import lzma
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from calibrant.contamination.corpora.blocks import Blocks, Piece
from calibrant.contamination.corpora.html import charset_of, decoded, html_text
from calibrant.contamination.corpora.packing import cut, packed
from calibrant.contamination.corpora.problems import Problem, Problems
from calibrant.contamination.corpora.read import Reading, batches, kind_of
from calibrant.contamination.corpora.shards import find_corpus
from calibrant.errors import InputError

TEXTS = [
    "Ann has 3 apples.",
    "Zwölf Boxkämpfer jagen Viktor",
    "三つのりんご",
    "last one\nof two lines",
]


def read(path: Path | str, **options: object) -> tuple[dict[int, str], list[Problem]]:
    """Documents by number, and problems, of one path, through shards and readers."""
    shard = options.pop("shard", 64 << 20)
    reading = Reading(**options)  # type: ignore[arg-type]
    corpus = find_corpus(path, reading, shard=shard)  # type: ignore[arg-type]
    problems = Problems(corpus.problems)
    documents: dict[int, bytes] = {}
    for part in corpus.shards:
        for piece in part.pieces:
            base = len(documents) if piece.start and piece.kind != "parquet" else 0
            for batch in batches(piece, reading, problems):
                assert batch.file == piece.file
                for place, number in enumerate(batch.numbers.tolist()):
                    before = documents.get(base + number, b"")
                    assert not place or not before
                    assert len(before) == (batch.offset if place == 0 else 0)
                    documents[base + number] = before + batch.document(place)
    return {k: v.decode() for k, v in documents.items()}, list(problems)


def lines(texts: list[str] = TEXTS) -> bytes:
    return "".join(json.dumps({"id": i, "text": t}) + "\n" for i, t in enumerate(texts)).encode()


def write_warc(path: Path, pages: list[tuple[str, str, bytes]], *, compress: bool = True) -> None:
    """Records by hand: warcio's writer leaves files open."""
    with path.open("wb") as file:
        for kind, content, body in pages:
            if kind == "response":
                body = f"HTTP/1.0 200 OK\r\nContent-Type: {content}\r\n\r\n".encode() + body
                content = "application/http; msgtype=response"
            head = (
                f"WARC/1.0\r\nWARC-Type: {kind}\r\nWARC-Target-URI: http://example.org/\r\n"
                f"WARC-Record-ID: <urn:x>\r\nWARC-Date: 2026-01-01T00:00:00Z\r\n"
                f"Content-Type: {content}\r\nContent-Length: {len(body)}\r\n\r\n"
            )
            record = head.encode() + body + b"\r\n\r\n"
            file.write(gzip.compress(record) if compress else record)


@pytest.mark.parametrize("ending", ["", ".gz", ".zst", ".bz2", ".xz"])
def test_json_lines_however_compressed(tmp_path: Path, ending: str) -> None:
    packers = {"": bytes, ".gz": gzip.compress, ".zst": zstandard.compress,
               ".bz2": bz2.compress, ".xz": lzma.compress}  # fmt: skip
    path = tmp_path / f"a.jsonl{ending}"
    path.write_bytes(packers[ending](lines()))
    assert read(path) == (dict(enumerate(TEXTS)), [])


def test_a_compressed_file_of_several_members_and_padding(tmp_path: Path) -> None:
    half = len(lines()) // 2
    a, b = lines()[:half], lines()[half:]
    path = tmp_path / "a.jsonl.gz"
    path.write_bytes(gzip.compress(a) + gzip.compress(b) + b"\0" * 512)
    assert read(path) == (dict(enumerate(TEXTS)), [])
    path = tmp_path / "a.jsonl.zst"
    path.write_bytes(zstandard.compress(a) + zstandard.compress(b))
    assert read(path) == (dict(enumerate(TEXTS)), [])


def test_a_misnamed_file_is_read_by_what_it_is(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(gzip.compress(lines()))
    assert read(path)[0] == dict(enumerate(TEXTS))


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.compress])
def test_what_broken_compression_holds_is_kept_and_said(tmp_path: Path, pack) -> None:
    texts = [f"{i} {np.random.default_rng(i).integers(1 << 60)}" for i in range(20_000)]
    whole = pack(lines(texts))
    path = tmp_path / "cut.jsonl"
    path.write_bytes(whole[: len(whole) // 2])
    documents, problems = read(path)
    assert 7_000 < len(documents) < 13_000
    assert documents[500] == texts[500]
    assert "end too early; what came before was scanned" in " ".join(p.what for p in problems)

    hurt = bytearray(whole)
    hurt[len(whole) // 2 : len(whole) // 2 + 40] = b"\xff" * 40
    path.write_bytes(hurt)
    documents, problems = read(path)
    assert len(documents) > 7_000
    assert "are broken" in " ".join(p.what for p in problems)


def test_a_small_gzip_broken_in_the_middle_keeps_its_beginning(tmp_path: Path) -> None:
    texts = [f"{i} {np.random.default_rng(i).integers(1 << 60)}" for i in range(200)]
    hurt = bytearray(gzip.compress(lines(texts)))
    hurt[len(hurt) // 2] ^= 0xFF
    path = tmp_path / "a.jsonl.gz"
    path.write_bytes(hurt)
    documents, problems = read(path)
    assert documents[10] == texts[10]
    assert len(documents) > 60
    assert problems


def test_garbage_after_gzip_is_said(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl.gz"
    path.write_bytes(gzip.compress(lines()) + b"garbage, not padding")
    documents, problems = read(path)
    assert documents == dict(enumerate(TEXTS))
    assert [p.what for p in problems] == ["bytes after the end of the gzip data were not read"]


def test_nested_keys_lists_and_several_columns(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    rows = [
        {"meta": {"body": "deep"}, "question": "q", "answer": "a",
         "messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "yo"}]},
    ]  # fmt: skip
    path.write_text("".join(json.dumps(r) + "\n" for r in rows))
    assert read(path, text_column="meta.body")[0] == {0: "deep"}
    assert read(path, text_column="question, answer")[0] == {0: "q\na"}
    assert read(path)[0] == {0: "hi\nyo"}  # messages are found
    assert read(path, text_column="messages.role")[0] == {0: "user\nassistant"}
    assert read(path, text_column="*")[0] == {0: "deep\nq\na\nuser\nhi\nassistant\nyo"}


def test_a_key_with_dots_is_itself(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"a.b": "x", "c": "y"}\n')
    assert read(path, text_column="a.b")[0] == {0: "x"}


def test_a_missing_column_is_said_with_what_there_is(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"question": "q", "answer": "a"}\n')
    _, (problem,) = read(path)
    assert "no column of text found; there are question, answer" in problem.what
    _, (problem,) = read(path, text_column="body")
    assert problem.what.startswith("no column 'body' with text; there are question, answer")
    pl.DataFrame({"a": [1], "b": [2]}).write_parquet(tmp_path / "a.parquet")
    _, (problem,) = read(tmp_path / "a.parquet")
    assert "no column of text found; there are a, b" in problem.what
    _, (problem,) = read(tmp_path / "a.parquet", text_column="text")
    assert problem.what == "no column 'text'; there are a, b"


def test_bad_lines_cost_no_other_and_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    deep = '{"text": ' + "[" * 100_000 + "\n"
    path.write_bytes(
        b'{"text": "one"}\n{"text": "two\n\n{"text": null}\n' + deep.encode()
        + b'{"text": "bad \xff byte"}\n{"text": "half \\ud800"}\nnot json\n[1]\n{"text": "end"}'
    )  # fmt: skip
    documents, problems = read(path)
    assert documents == {0: "one", 5: "bad \ufffd byte", 6: "half ?", 9: "end"}
    said = {p.what: p.to_dict()["where"] for p in problems}
    assert said["a line that is not JSON"] == "line 2 and 1 more"
    assert said["a line that is too deeply nested"] == "line 5"
    assert said["a row without text"] == "line 4 and 1 more"
    assert said["invalid UTF-8 was replaced by U+FFFD"] == "line 6"


@given(st.lists(st.text(max_size=30), max_size=12), st.integers(1, 60))
@settings(max_examples=60, deadline=None)
def test_ranges_hold_each_line_once(texts: list[str], parts: int) -> None:
    import fsspec

    data = "".join(json.dumps({"text": t}, ensure_ascii=False) + "\n" for t in texts).encode(
        "utf-8", "surrogatepass"
    )
    with fsspec.open("memory://ranges/a.jsonl", "wb") as file:
        file.write(data)
    cuts = [len(data) * i // parts for i in range(parts + 1)]
    found = b"".join(
        block
        for a, b in itertools.pairwise(cuts)
        for block in Blocks(Piece("memory://ranges/a.jsonl", "jsonl", a, b), Problems())
        if a < b
    )
    assert found == data


def test_big_files_are_cut_at_line_ends_and_nothing_is_lost(tmp_path: Path) -> None:
    texts = [f"document {i} " + "x" * (i % 50) for i in range(2000)]
    path = tmp_path / "a.jsonl"
    path.write_bytes(lines(texts))
    corpus = find_corpus(path, shard=5_000)
    assert len(corpus.shards) > 10
    assert read(path, shard=5_000)[0] == dict(enumerate(texts))
    (tmp_path / "a.txt").write_text("\n".join(texts))
    found, _ = read(tmp_path / "a.txt", documents="line", shard=5_000)
    assert found == dict(enumerate(texts))


def test_parquet_by_row_groups(tmp_path: Path) -> None:
    texts = [f"document {i} ✓" for i in range(1000)]
    path = tmp_path / "a.parquet"
    table = pa.table({"id": list(range(1000)), "text": texts})
    pq.write_table(table, path, row_group_size=100)
    assert len(find_corpus(path, shard=path.stat().st_size // 5).shards) >= 4
    assert read(path)[0] == dict(enumerate(texts))
    assert read(path, shard=path.stat().st_size // 5)[0] == dict(enumerate(texts))
    large = pa.table({"text": pa.array(["a", None, "", "b"], pa.large_string())})
    pq.write_table(large, path)
    documents, (problem,) = read(path)
    assert {k: v for k, v in documents.items() if v} == {0: "a", 3: "b"}
    assert problem.to_dict() == {"file": str(path), "where": "row 2", "what": "a row without text"}


def test_parquet_nested_listed_dictionary_and_unsound(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    rows = [{"meta": {"body": "deep"}, "messages": [{"content": "hi"}, {"content": "yo"}]}]
    pq.write_table(pa.Table.from_pylist(rows), path)
    assert read(path)[0] == {0: "hi\nyo"}
    assert read(path, text_column="meta.body")[0] == {0: "deep"}
    pq.write_table(pa.table({"text": pa.array(["a", "b", "a"]).dictionary_encode()}), path)
    assert read(path)[0] == {0: "a", 1: "b", 2: "a"}
    bad = pa.array([b"fine", b"bad \xff"], pa.binary()).view(pa.string())
    pq.write_table(pa.table({"text": bad}), path)
    documents, (problem,) = read(path)
    assert documents == {0: "fine", 1: "bad \ufffd"}
    assert (problem.where, problem.what) == ("row 2", "invalid UTF-8 was replaced by U+FFFD")


def test_a_broken_parquet_is_said(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    path.write_bytes(b"PAR1 this is none")
    _, (problem,) = read(path)
    assert "cannot be read further" in problem.what
    path.write_bytes(b"")
    assert read(path)[1]


@pytest.mark.parametrize("compress", [True, False])
def test_warc_responses_and_conversions(tmp_path: Path, compress: bool) -> None:
    path = tmp_path / ("a.warc.gz" if compress else "a.warc")
    page = "<html><head><title>T</title><script>x<y</script></head><body><p>Ann &amp; <b>B</b>ob"
    write_warc(path, [
        ("warcinfo", "text/plain", b"nothing"),
        ("response", "text/html; charset=utf-8", page.encode()),
        ("response", "image/png", b"\x89PNG"),
        ("response", "text/html; charset=iso-8859-1", "<p>Zwölf</p>".encode("latin-1")),
        ("conversion", "text/plain", "三つ".encode()),
    ], compress=compress)  # fmt: skip
    assert read(path) == ({1: "T\nAnn & Bob", 3: "Zwölf", 4: "三つ"}, [])


def test_a_cut_warc_keeps_what_came_before(tmp_path: Path) -> None:
    path = tmp_path / "a.warc.gz"
    bodies = [f"page {np.random.default_rng(i).bytes(300).hex()}" for i in range(50)]
    write_warc(path, [("conversion", "text/plain", b.encode()) for b in bodies])
    path.write_bytes(path.read_bytes()[:-5000])
    documents, problems = read(path)
    assert documents[0] == bodies[0]
    assert 20 < len(documents) < 50
    assert any("what came before was scanned" in p.what for p in problems)


def test_html_rules() -> None:
    assert html_text("a<!-- x -->b") == "a\nb"
    assert html_text("<p>one</p><p>two") == "one\ntwo"
    assert html_text("st<b>ro</b>ng &lt;b&gt; 2 < 3") == "strong <b> 2 < 3"
    assert html_text("<style>p{}</style>x<script>never closed") == "x"
    assert html_text("<td>1</td><td>2</td>") == "1\n2"
    assert html_text("<" * 20_000)  # quick on hostile input
    assert charset_of(b'<meta charset="koi8-r">', None) == "koi8-r"
    assert charset_of(b"", 'text/html; charset="UTF-8"') == "UTF-8"
    assert decoded(b"abc", "no-such") == ("abc", True)
    assert decoded(b"\xff", "utf-8") == ("\ufffd", False)


def test_csv_and_tsv(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text('id,text\n1,"one, two"\n2,"line\nbreak"\n3,\n', encoding="utf-8")
    documents, _ = read(path)
    assert documents == {0: "one, two", 1: "line\nbreak"}
    tsv = tmp_path / "a.tsv.gz"
    tsv.write_bytes(gzip.compress(b"\xef\xbb\xbfid\ttext\n1\tone\n"))
    assert read(tsv)[0] == {0: "one"}
    path.write_text("nothing\n")
    assert "no column of text" in read(path)[1][0].what


def test_json_lists(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text(json.dumps([{"text": t} for t in TEXTS]))
    assert read(path)[0] == dict(enumerate(TEXTS))
    path.write_bytes(lines())
    assert read(path)[0] == dict(enumerate(TEXTS))
    path.write_text("[1, 2")
    assert "not JSON" in read(path)[1][0].what


def test_plain_text_as_file_lines_and_paragraphs(tmp_path: Path) -> None:
    path = tmp_path / "a.md"
    path.write_text("one\ntwo\n\n \nthree\n")
    assert read(path)[0] == {0: "one\ntwo\n\n \nthree\n"}
    assert read(path, documents="line")[0] == {0: "one", 1: "two", 3: " ", 4: "three"}
    assert read(path, documents="paragraph")[0] == {0: "one\ntwo", 1: "three"}


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
def test_byte_order_marks(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "a.txt"
    path.write_text("Zwölf 三", encoding=encoding)
    assert read(path) == ({0: "Zwölf 三"}, [])


def test_invalid_utf8_is_repaired_and_counted(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"caf\xe9 and caf\xe9")
    documents, (problem,) = read(path)
    assert documents == {0: "caf\ufffd and caf\ufffd"}
    assert problem.to_dict()["where"] == "byte 3 and 1 more"


@given(st.text(max_size=200), st.lists(st.integers(1, 7), max_size=100))
@settings(max_examples=60, deadline=None)
def test_text_in_any_blocks_is_the_same(text: str, sizes: list[int]) -> None:
    from calibrant.contamination.corpora.text import sound

    data = text.encode("utf-8", "replace")
    blocks, place = [], 0
    for size in sizes:
        blocks.append(data[place : place + size])
        place += size
    blocks.append(data[place:])
    problems = Problems()
    found = list(sound([b for b in blocks if b], Piece("f", "text"), problems))
    assert b"".join(found) == data.removeprefix(b"\xef\xbb\xbf")
    assert not len(problems)
    for part in found:
        part.decode()


@given(st.lists(st.integers(0, 40), max_size=30), st.integers(5, 30))
@settings(max_examples=60, deadline=None)
def test_packing_keeps_every_byte(sizes: list[int], most: int) -> None:
    rng = np.random.default_rng(0)
    texts = [bytes(rng.choice(list(b"ab \n"), s)) for s in sizes]
    found: dict[int, bytes] = {}
    for batch in packed(enumerate(texts), "f", most):
        assert len(batch.data) <= 2 * most
        assert batch.starts[-1] == len(batch.data)
        for i, number in enumerate(batch.numbers.tolist()):
            assert (batch.offset if i == 0 else 0) == len(found.get(number, b""))
            found[number] = found.get(number, b"") + batch.document(i)
    assert found == {i: t for i, t in enumerate(texts) if t}


def test_a_line_of_100_mb_goes_through_in_small_batches(tmp_path: Path) -> None:
    path = tmp_path / "long.txt"
    with path.open("wb") as file:
        for _ in range(100):
            file.write(b"words of a line " * 65536)
    sizes = [
        (len(b.data), b.offset, b.numbers.tolist())
        for b in batches(Piece(str(path), "text"), Reading(), Problems())
    ]
    assert sum(s for s, _, _ in sizes) == path.stat().st_size
    assert max(s for s, _, _ in sizes) <= 8 << 20
    assert [o for _, o, _ in sizes] == np.cumsum([0, *(s for s, _, _ in sizes[:-1])]).tolist()
    assert all(n == [0] for _, _, n in sizes)


def test_long_words_are_cut_between_characters() -> None:
    parts = [b.data for b in cut([("三" * 1000).encode()], 0, "f", 100)]
    assert "".join(p.decode() for p in parts) == "三" * 1000


def test_binary_files_are_said_unless_forced(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(b"MZ\0\0" + bytes(range(256)))
    documents, (problem,) = read(path)
    assert not documents
    assert "a binary file, not text: not scanned" in problem.what
    assert read(path, force=True)[0]
    (tmp_path / "a.pdf").write_bytes(b"%PDF-1.4")
    assert "a PDF, not text" in read(tmp_path / "a.pdf")[1][0].what


def test_empty_and_missing_files(tmp_path: Path) -> None:
    (tmp_path / "empty.txt").touch()
    (tmp_path / "good.txt").write_text("good")
    (tmp_path / ".hidden").write_text("x")
    (tmp_path / "gone").symlink_to(tmp_path / "nowhere")
    documents, problems = read(tmp_path)
    assert documents == {0: "good"}
    said = {Path(p.file).name: p.what for p in problems}
    assert said["empty.txt"] == "the file is empty"
    assert "leads nowhere" in said["gone"]
    assert "1 hidden" in said[tmp_path.name]
    with pytest.raises(InputError, match="no such file"):
        find_corpus(tmp_path / "nothing")
    with pytest.raises(InputError, match="matches no file"):
        find_corpus(str(tmp_path / "*.warc"))


def test_what_is_named_twice_is_scanned_once(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "a.txt").write_text("a")
    (tmp_path / "b.txt").symlink_to(tmp_path / "sub" / "a.txt")
    corpus = find_corpus([tmp_path, str(tmp_path / "**" / "*.txt")])
    assert corpus.files == 1


def test_urls_through_fsspec() -> None:
    import fsspec

    with fsspec.open("memory://room/sub/a.jsonl.gz", "wb") as file:
        file.write(gzip.compress(lines()))
    pq.write_table(
        pa.table({"text": ["p"]}), "/room/b.parquet", filesystem=fsspec.filesystem("memory")
    )
    assert read("memory://room/sub")[0] == dict(enumerate(TEXTS))
    assert read("memory://room/*.parquet")[0] == {0: "p"}
    with pytest.raises(InputError, match="no such file or folder"):
        find_corpus("memory://room/none")


def test_small_files_share_a_shard_and_big_ones_do_not(tmp_path: Path) -> None:
    for i in range(5):
        (tmp_path / f"{i}.txt").write_text("x" * 10)
    (tmp_path / "9.txt").write_text("x" * 100)
    shards = find_corpus(tmp_path, shard=30).shards
    assert [len(s.pieces) for s in shards] == [3, 2, 1]
    assert [s.number for s in shards] == [0, 1, 2]
    before = shards[0].identity
    (tmp_path / "0.txt").write_text("y" * 11)
    assert find_corpus(tmp_path, shard=30).shards[0].identity != before


@pytest.mark.parametrize(
    ("name", "kind"),
    [("a.JSONL.GZ", "jsonl"), ("a.warc.wet.gz", "warc"), ("a.parquet", "parquet"),
     ("README", "text"), ("a.csv.zst", "csv"), ("a.json", "json")],
)  # fmt: skip
def test_kinds_by_name(name: str, kind: str) -> None:
    assert kind_of(name) == kind
