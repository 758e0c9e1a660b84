"""No file, however broken, makes a reader crash: it is read, or refused in one line."""

import json
import tempfile
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from calibrant import read
from calibrant.errors import InputError
from calibrant.records import trials_frame, validate

SETTINGS = settings(
    max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)

SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8),
    st.sampled_from(["", "C", "attachment://0", "=1+1", "\x00", "NaN", "1e999", "../..", 10**400]),
)  # fmt: skip
VALUES = st.recursive(
    SCALARS,
    lambda v: st.lists(v, max_size=3) | st.dictionaries(st.text(max_size=6), v, max_size=3),
    max_leaves=6,
)  # fmt: skip
MUTATION = st.tuples(
    st.sampled_from(["set", "cut", "insert", "repeat"]),
    st.floats(0, 1), st.integers(0, 40), st.binary(min_size=1, max_size=6),
)  # fmt: skip


def mutate(data: bytes, mutations) -> bytes:
    for how, where, length, extra in mutations:
        at = int(where * len(data))
        if how == "set":
            data = data[:at] + extra + data[at + len(extra) :]
        elif how == "cut":
            data = data[:at] + data[at + length :] if length < 39 else data[:at]
        elif how == "insert":
            data = data[:at] + extra + data[at:]
        else:
            data = data[: at + length] + data[at:]
    return data


def paths_in(value, path=()):
    """Every place in a JSON document."""
    yield path
    entries = dict(enumerate(value)) if isinstance(value, list) else value
    if isinstance(entries, dict):
        for key, inner in entries.items():
            yield from paths_in(inner, (*path, key))


def replaced(document, where: float, value):
    """The document with another value at one of its places, or without the place."""
    document = json.loads(json.dumps(document))
    places = list(paths_in(document))
    place = places[int(where * (len(places) - 1))]
    if not place:
        return value
    inner = document
    for key in place[:-1]:
        inner = inner[key]
    if value == "\x00":
        del inner[place[-1]]
    else:
        inner[place[-1]] = value
    return document


def survives(*files: tuple[str, bytes]) -> None:
    """Read a folder of files, and each file by its name: trials, or one line."""
    with tempfile.TemporaryDirectory() as folder:
        for name, data in files:
            (Path(folder) / name).write_bytes(data)
        for source in (folder, *(str(Path(folder) / name) for name, _ in files)):
            try:
                found = read(source, max_member=10_000_000)
            except InputError as e:
                assert str(e)
                continue
            validate(found.trials)
            assert repr(found)
            json.dumps(found.to_dict())


class Originals(dict):
    """Valid files by name, shown by their names only."""

    def __repr__(self) -> str:
        return f"originals({', '.join(self)})"


@pytest.fixture(scope="module")
def originals(tmp_path_factory):
    """One valid file of each kind."""
    from importlib.util import module_from_spec, spec_from_file_location

    spec = spec_from_file_location("making", Path(__file__).with_name("conftest.py"))
    making = module_from_spec(spec)
    spec.loader.exec_module(making)
    make = making.Make(tmp_path_factory.mktemp("valid"))
    call = {"id": "c", "function": "bash", "arguments": {}}
    sample = make.sample(
        1, input=[{"role": "user", "content": [{"type": "text", "text": "attachment://0"}]}],
        messages=[{"role": "assistant", "content": "", "tool_calls": [call]}],
        attachments={"0": "text"}, limit={"type": "token"}, error_retries=[{}],
        value={"a": 1, "b": "C"},
    )  # fmt: skip
    failed = make.sample(2, scores={}, error={"message": "x", "traceback": ""})
    table = trials_frame(
        {"subject": "m", "instrument": "q", "item": str(i), "epoch": 1, "grader": "g",
         "score": float(i % 2)} for i in range(8)
    )  # fmt: skip
    table.write_parquet(make.folder / "t.parquet")
    lm, eee, helm = make.lm_eval(), make.every_eval(), make.helm()
    return Originals({
        "make": make,
        "samples": [sample, failed],
        "header": make.header(results={"scores": [{"name": "a", "metrics": {"m": {"value": 1}}}]}),
        "log.eval": make.eval([sample, failed]).read_bytes(),
        "deflated.eval": make.eval([sample, failed], method=8).read_bytes(),
        "log.json": make.json([sample, failed]).read_bytes(),
        "t.csv": b'model,id,correct,answer\nm,1,1,"a ""b"" c"\nm,2,C,\n',
        "t.jsonl": b'{"model": "m", "id": 1, "correct": 1}\n{"model": "m", "id": 2}\n',
        "t.parquet": (make.folder / "t.parquet").read_bytes(),
        "lm": {p.name: p.read_bytes() for p in lm.iterdir()},
        "eee": {p.name: p.read_bytes() for p in eee.iterdir()},
        "helm": {p.name: p.read_bytes() for p in helm.iterdir()},
    })  # fmt: skip


@pytest.mark.parametrize(
    "name", ["log.eval", "deflated.eval", "log.json", "t.csv", "t.jsonl", "t.parquet"]
)
@SETTINGS
@given(mutations=st.lists(MUTATION, min_size=1, max_size=4))
def test_broken_bytes(originals, name, mutations):
    survives((name, mutate(originals[name], mutations)))


@pytest.mark.parametrize("name", ["lm", "eee", "helm"])
@SETTINGS
@given(mutations=st.lists(MUTATION, min_size=1, max_size=4), which=st.integers(0, 9))
def test_broken_bytes_in_a_folder(originals, name, mutations, which):
    files = dict(originals[name])
    chosen = sorted(files)[which % len(files)]
    files[chosen] = mutate(files[chosen], mutations)
    survives(*files.items())


@SETTINGS
@given(where=st.floats(0, 1), value=VALUES, part=st.sampled_from(["header", "sample", "pieces"]))
def test_other_values_in_inspect_logs(originals, where, value, part):
    make, header, samples = originals["make"], originals["header"], originals["samples"]
    if part == "header":
        header = replaced(header, where, value)
    else:
        samples = [replaced(samples[0], where, value), samples[1]]
    name = "samples/1_epoch_1"
    members = [("header.json", header), ("samples/2_epoch_1.json", samples[1])]
    if part == "pieces":
        pieces = replaced({"refs": [[0, 1]], "m": [{"tool_calls": []}], "a": ["x"]}, where, value)
        pieces = pieces if isinstance(pieces, dict) else {}
        shell = {"id": 1, "input": "attachment://0", "message_refs": pieces.get("refs")}
        members += [(f"{name}/sample.json", shell), (f"{name}/messages/0.json", pieces.get("m")),
                    (f"{name}/attachments/0.json", pieces.get("a"))]  # fmt: skip
    else:
        members.append((f"{name}.json", samples[0]))
    document = {**header, "samples": samples} if isinstance(header, dict) else header
    survives(("log.eval", make.zip(members)), ("log.json", json.dumps(document).encode()))


@pytest.mark.parametrize("name", ["lm", "eee", "helm"])
@SETTINGS
@given(where=st.floats(0, 1), value=VALUES, which=st.integers(0, 9))
def test_other_values_in_other_logs(originals, name, where, value, which):
    files = dict(originals[name])
    chosen = sorted(files)[which % len(files)]
    lines = files[chosen].splitlines()
    lines[-1] = json.dumps(replaced(json.loads(lines[-1]), where, value)).encode()
    files[chosen] = b"\n".join(lines)
    survives(*files.items())


@SETTINGS
@given(rows=st.lists(st.dictionaries(
    st.sampled_from(["model", "id", "score", "epoch", "time", "cost", "answer", "x", "error"]),
    SCALARS | st.lists(st.integers(), max_size=2), max_size=9), max_size=4))  # fmt: skip
def test_tables_of_anything(rows):
    text = "\n".join(json.dumps(row) for row in rows)
    survives(("t.jsonl", text.encode()), ("t.json", json.dumps(rows).encode()))


@SETTINGS
@given(
    subject=st.lists(st.text(max_size=4) | st.none(), min_size=2, max_size=2),
    score=st.lists(st.floats() | st.none(), min_size=2, max_size=2),
    epoch=st.lists(st.integers(-(2**63), 2**63 - 1) | st.none(), min_size=2, max_size=2),
)
def test_frames_of_anything(subject, score, epoch):
    frame = pl.DataFrame(
        {"model": subject, "id": ["a", "b"], "score": score, "epoch": epoch},
        schema={"model": pl.String, "id": pl.String, "score": pl.Float64, "epoch": pl.Int64},
    )
    try:
        validate(read(frame).trials)
    except InputError as e:
        assert "\n" not in str(e)
