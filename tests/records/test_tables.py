"""Tables of trials: columns that are named, guessed or refused; cells that are hostile."""

import json
from datetime import UTC, datetime

import polars as pl
import pytest

from calibrant import measure, read
from calibrant.errors import InputError
from calibrant.records import SCHEMA, trials_frame, write_parquet

CSV = "model,question_id,correct,topic,latency\nm,q1,1,law,0.5\nm,q2,0,art,\nm,q3,,law,2\n"


def test_columns_are_guessed_by_name_and_said(make):
    found = read(make.text(CSV, "quiz.csv"))
    rows = found.trials.select("subject", "instrument", "item", "epoch", "grader", "score").rows()
    assert rows == [
        ("m", "quiz", "q1", 1, "correct", 1.0),
        ("m", "quiz", "q2", 1, "correct", 0.0),
        ("m", "quiz", "q3", 1, "correct", None),
    ]
    assert found.trials["error"].to_list() == [None, None, "no score"]
    assert found.trials["seconds"].to_list() == [0.5, None, 2.0]
    assert json.loads(found.trials["metadata"][0]) == {"topic": "law"}
    guessed, kept = found.sources[0].notes
    assert "subject = model" in guessed
    assert "score = correct" in guessed
    assert "instrument is 'quiz'" in guessed
    assert kept == "kept in metadata: topic"


def test_columns_can_be_named_and_set(make):
    path = make.text("who;thing;mark;topic\na;1;0.5;x\nb;1;0.7;y\n", "t.csv")
    found = read(
        path,
        columns={"subject": "who", "item": "thing", "score": "mark", "cluster": "topic"},
        constants={"instrument": "exam", "grader": "teacher"},
    )
    assert found.trials.select("subject", "instrument", "item", "cluster", "grader").rows() == [
        ("a", "exam", "1", "x", "teacher"),
        ("b", "exam", "1", "y", "teacher"),
    ]
    assert found.sources[0].notes == ()


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("item,score\na,1\n", "no column for the subject: say --map subject=COLUMN or --set"),
        ("model,score\na,1\n", "no column for the item"),
        ("model,item\na,1\n", "no column for the score"),
        ("model,item,correct,reward\na,1,1,1\n", "both 'correct' and 'reward' could be the score"),
        ("model,item,score\na,1,1\nb,1,good\n", "row 3: score: wanted a number, got 'good'"),
        ("model,item,score,epoch\na,1,1,1.5\n", "row 2: epoch: wanted a whole number, got '1.5'"),
        ("model,item,score,cost\na,1,1,$3\n", "row 2: cost: wanted a number, got '$3'"),
        ("model,item,score\na,1,1\na,1,0\n", "row 2: item '1' occurs again"),
        ("model,item,score\n,1,1\n", "row 2: subject: wanted a name, got none"),
        ("model,item,score\na,b,c,d,e\n", "not a CSV table"),
        ("", "not a CSV table"),
        ("model,model,item,score\nm,n,1,1\n", "two columns are called 'model'"),
        ("model,item,score\n", "wanted rows, got none"),
        ("model,item,score\na,1,1\n\nb,1,1\n", "row 3: subject: wanted a name, got none"),
        ("model,item,score,time\na,1,1,soon\n", "row 2: time: wanted ISO 8601 or seconds"),
    ],
)
def test_what_cannot_be_placed_is_refused_with_the_row(make, text, why):
    with pytest.raises(InputError) as caught:
        read(make.text(text, "t.csv"))
    assert why in str(caught.value)
    assert "t.csv" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("seed", range(40))
def test_broken_parquet_is_refused_even_where_polars_panics(tmp_path, seed):
    from random import Random

    random, path = Random(seed), tmp_path / "t.parquet"
    a_table().write_parquet(path)
    data = bytearray(path.read_bytes())
    for _ in range(30):
        data[random.randrange(4, len(data) - 8)] = random.randrange(256)
    path.write_bytes(data)
    with pytest.raises(InputError, match=r"t.parquet"):
        read(path)


def test_options_that_name_no_column_are_refused(make):
    path = make.text(CSV, "t.csv")
    with pytest.raises(InputError, match="no column 'mark'; there are model, question_id"):
        read(path, columns={"score": "mark"})
    with pytest.raises(InputError, match="--map skore"):
        read(path, columns={"skore": "correct"})


def test_text_scores_and_gaps(make):
    text = "model,item,score\na,1,C\na,2,yes\na,3,NaN\na,4,N/A\na,5,FALSE\na,6,inf\n"
    trials = read(make.text(text + "\n\n", "t.csv")).trials
    assert trials["score"].to_list() == [1, 1, None, None, 0, None]
    assert trials["error"][2] == "score is no number: NaN"


def test_a_formula_stays_text(make):
    text = 'model,item,score,answer\na,1,1,"=1+1"\na,2,1,@x\n'
    assert read(make.text(text, "t.csv")).trials["answer"].to_list() == ["=1+1", "@x"]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_encodings_with_a_mark(make, encoding):
    path = make.folder / "t.csv"
    path.write_bytes("model,item,score\nä,1,1\n".encode(encoding))
    assert read(path).trials["subject"].to_list() == ["ä"]


def test_other_encodings_are_refused_with_the_byte(make):
    path = make.folder / "t.csv"
    path.write_bytes("model,item,score\nä,1,1\n".encode("latin-1"))
    with pytest.raises(InputError, match=r"wanted text in UTF-8, got other bytes \(byte 17\)"):
        read(path)


def test_json_lines_of_mixed_types(make):
    rows = [
        {"model": "m", "id": 1, "correct": True, "answer": {"x": [1]}},
        {"model": "m", "id": "2", "correct": 0.5, "answer": None, "time": "2026-01-01T10:00:00Z"},
        {"model": "m", "id": 3, "correct": float("nan"), "answer": 7},
    ]
    text = "\n".join(json.dumps(r) for r in rows)
    for name, body in (("t.jsonl", text + "\n\n"), ("t.json", json.dumps(rows))):
        trials = read(make.text(body, name)).trials
        assert trials["item"].to_list() == ["1", "2", "3"]
        assert trials["score"].to_list() == [1.0, 0.5, None]
        assert trials["answer"].to_list() == ['{"x":[1]}', None, "7"]
        assert trials["time"].to_list()[1] == datetime(2026, 1, 1, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    "given", ["2026-01-01T10:00:00Z", "2026-01-01 11:00:00+01:00", "1767261600"]
)
def test_times(make, given):
    trials = read(make.text(f"model,id,correct,time\nm,1,1,{given}\n", "t.csv")).trials
    assert trials["time"].to_list() == [datetime(2026, 1, 1, 10, tzinfo=UTC)]


@pytest.mark.parametrize("text", ["", "[]", "\n\n"])
def test_json_without_rows_is_refused(make, text):
    for name in ("t.jsonl", "t.json"):
        with pytest.raises(InputError, match=name):
            read(make.text(text, name))


def test_a_broken_line_is_named(make):
    with pytest.raises(InputError, match=r"t.jsonl: line 2: not whole JSON"):
        read(make.text('{"model":"m","id":1,"correct":1}\n{"model":', "t.jsonl"))


def a_table():
    return trials_frame(
        {"subject": "m", "instrument": "q", "item": str(i), "epoch": 1, "grader": "g",
         "score": float(i % 2)} for i in range(8)
    )  # fmt: skip


@pytest.mark.parametrize("ending", ["parquet", "csv"])
def test_a_table_of_trials_reads_as_it_is(tmp_path, ending):
    trials, path = a_table(), tmp_path / f"t.{ending}"
    write_parquet(trials, path) if ending == "parquet" else trials.write_csv(path)
    found = read(path)
    assert found.trials.equals(trials)
    assert found.sources[0].notes == ()


def test_frames_of_every_library_are_read():
    import duckdb
    import pyarrow as pa

    trials = a_table()
    foreign = pl.DataFrame({"model": ["m", "m"], "id": [1, 2], "correct": [True, False]})
    frames = [foreign, foreign.lazy(), foreign.to_arrow(), duckdb.from_arrow(foreign.to_arrow())]
    for frame in frames:
        found = read(frame)
        assert found.trials.select("subject", "item", "score").rows() == [
            ("m", "1", 1.0),
            ("m", "2", 0.0),
        ]
    assert isinstance(trials.to_arrow(), pa.Table)
    assert read(trials.to_arrow()).trials.equals(trials)
    with pytest.raises(InputError, match="wanted a path or a table of trials, got int"):
        read(7)


@pytest.mark.parametrize(
    "kind",
    [pl.Datetime("ms"), pl.Datetime("us", "UTC"), pl.Datetime("ns", "Asia/Tokyo"), pl.Date()],
)
def test_times_of_frames(kind):
    time = pl.Series("time", [datetime(2026, 1, 1)]).dt.replace_time_zone("UTC")
    time = time.cast(kind) if getattr(kind, "time_zone", None) else time.dt.replace_time_zone(None)
    frame = pl.DataFrame({"model": ["m"], "id": [1], "correct": [1], "time": time.cast(kind)})
    assert read(frame).trials["time"].to_list() == [datetime(2026, 1, 1, tzinfo=UTC)]


def test_measure_takes_whatever_read_takes(make, tmp_path):
    (by_path,) = measure(make.text(CSV, "quiz.csv"))
    (by_reading,) = measure(read(tmp_path / "quiz.csv"))
    assert by_path.to_dict() == by_reading.to_dict()
    assert by_path.missing == 1


def test_a_column_of_lists_cannot_be_a_score(tmp_path):
    path = tmp_path / "t.parquet"
    pl.DataFrame({"model": ["m"], "id": [1], "score": [[1, 2]]}).write_parquet(path)
    with pytest.raises(InputError, match=r"List\(Int64\) in the column for score"):
        read(path)


def test_schema_columns_are_all_there(make):
    assert read(make.text(CSV, "quiz.csv")).trials.schema == pl.Schema(SCHEMA)
