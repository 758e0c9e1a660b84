"""Inspect logs that are cut, damaged or hostile: each is one line that names the place."""

import json

import pytest

from calibrant import read
from calibrant.errors import InputError


def fault(make, tmp_bytes, name="bad.eval", **options):
    (make.folder / name).write_bytes(tmp_bytes)
    with pytest.raises(InputError) as caught:
        read(make.folder / name, **options)
    assert "\n" not in str(caught.value)
    assert name in str(caught.value)
    return str(caught.value)


def test_each_fault_is_a_line_that_names_the_place(make):
    good = make.eval_bytes([make.sample(1), make.sample(2)])
    assert "cut at byte" in fault(make, good[: len(good) // 2])
    assert "empty" in fault(make, b"")
    assert "not a zip archive" in fault(make, b"what?" * 9)
    assert "without header.json" in fault(make, make.zip([("a.json", {})]))
    future = make.eval_bytes([make.sample()], make.header(version=99))
    assert "wanted at most 3, got 99" in fault(make, future)
    damaged = fault(make, make.eval_bytes([make.sample()], crc=5))
    assert "checksum" in damaged
    assert "header.json" in damaged
    assert "encrypted" in fault(make, make.eval_bytes([make.sample()], flags=1))
    wrong = make.zip([("header.json", make.header()),
                      ("samples/1_epoch_1.json", make.sample(1, epoch=-1))])  # fmt: skip
    assert "samples/1_epoch_1.json: expected `int` >= 0 - at `$.epoch`" in fault(make, wrong)
    cut = json.dumps({**make.header(), "samples": [make.sample()]})[:-40].encode()
    assert "not whole JSON" in fault(make, cut, "bad.json")
    assert "nested too deeply" in fault(make, b'{"eval":' + b"[" * 200_000, "bad.json")
    assert "UTF-8" in fault(make, b'{"eval": {"task": "\xe4"}, "status": 1}', "bad.json")


def test_a_zip_bomb_is_not_unpacked(make):
    zeros = b" " * 50_000_000
    bomb = make.zip([("header.json", make.header()), ("samples/1_epoch_1.json", zeros)])
    assert len(bomb) < 20_000
    text = fault(make, bomb, max_member=1_000_000)
    assert "claim to unpack" in text
    assert "over the limit" in fault(make, make.eval_bytes([make.sample()]), max_member=200)


def test_a_member_that_unpacks_to_more_than_it_claims_is_damaged(make):
    assert "damaged" in fault(make, make.eval_bytes([make.sample()], claim=100))
    assert "damaged" in fault(make, make.eval_bytes([make.sample()], claim=100, method=8))


def test_names_of_members_are_never_paths(make):
    evil = [("header.json", make.header()), ("../../../../tmp/evil_epoch_1.json", make.sample(7)),
            ("samples/../../x_epoch_1.json", make.sample(1))]  # fmt: skip
    (make.folder / "in").mkdir()
    (make.folder / "in" / "log.eval").write_bytes(make.zip(evil))
    before = sorted(make.folder.rglob("*"))
    assert read(make.folder / "in").trials.height == 1
    assert sorted(make.folder.rglob("*")) == before


def test_utf16_and_byte_order_marks_are_read(make):
    text = json.dumps({**make.header(), "samples": [make.sample()]})
    for i, encoding in enumerate(("utf-8-sig", "utf-16")):
        path = make.folder / f"{i}.json"
        path.write_bytes(text.encode(encoding))
        assert read(path).trials.height == 1
