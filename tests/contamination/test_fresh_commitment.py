"""Commitments: every change is found and named; one item is opened without the others."""

import hashlib
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calibrant.contamination.fresh import commitment as c
from calibrant.contamination.fresh.stream import Secret
from calibrant.errors import InputError

SECRET = Secret(b"correct horse battery staple 7421")
ROWS = [{"id": f"q{i}", "question": f"¿{i} + {i}?", "answer": str(2 * i), "n": i} for i in range(7)]
# Inputs and roots of the reference tests of RFC 6962 (certificate-transparency-go).
LEAVES = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657",
          "606162636465666768696a6b6c6d6e6f"]  # fmt: skip
ROOTS = {
    1: "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    8: "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
}


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "items.jsonl"
    path.write_text("".join(json.dumps(r, ensure_ascii=False) + "\n" for r in ROWS))
    return path


def test_trees_are_those_of_the_standard():
    leaves = [hashlib.sha256(b"\0" + bytes.fromhex(x)).digest() for x in LEAVES]
    for n, root in ROOTS.items():
        assert c.merkle_root(leaves[:n]).hex() == root
    assert c.merkle_root([]) == hashlib.sha256(b"").digest()


@given(st.integers(1, 40), st.data())
@settings(max_examples=40)
def test_every_leaf_is_proved_and_no_other(n, data):
    leaves = [hashlib.sha256(bytes([i])).digest() for i in range(n)]
    place = data.draw(st.integers(0, n - 1))
    path, root = c.merkle_path(leaves, place), c.merkle_root(leaves)
    assert c.root_by(leaves[place], place, n, path) == root
    assert c.root_by(b"x" * 32, place, n, path) != root
    assert c.root_by(leaves[place], n, n, path) is None
    assert c.root_by(leaves[place], place, n, [*path, root]) is None
    if n > 1:
        other = (place + 1) % n
        assert c.root_by(leaves[place], other, n, path) != root


def test_every_change_of_a_byte_is_found_and_named(file):
    made = c.commit(file, SECRET, note="test")
    assert c.verify(file, made, SECRET).holds
    whole = file.read_bytes()
    for at in range(0, len(whole), 3):
        changed = whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :]
        file.write_bytes(changed)
        try:
            found = c.verify(file, made, SECRET)
        except InputError as e:
            assert "line" in str(e) or "UTF-8" in str(e)
            continue
        assert not found.holds
        row = whole[:at].count(b"\n")
        if len(found.changed) == 1:
            assert found.missing == (row + 1,)
            assert found.changed[0] in changed.decode()
        else:  # space between keys, which says nothing
            assert not found.file_same


def test_order_parts_and_additions_are_told_apart(file):
    made = c.commit(file, SECRET)
    lines = file.read_text().splitlines(keepends=True)
    file.write_text("".join([lines[1], lines[0], *lines[2:]]))
    found = c.verify(file, made, SECRET)
    assert (found.changed, found.missing, set(found.moved)) == ((), (), {"q0", "q1"})
    assert not found.holds
    assert "another place: q1, q0" in repr(found)
    file.write_text("".join(lines[4:6]))
    assert c.verify(file, made, SECRET, part=True).holds
    assert c.verify(file, made, SECRET).missing == (1, 2, 3, 4, 7)
    file.write_text("".join([*lines, '{"id": "extra"}\n']))
    assert "changed or added: extra" in repr(c.verify(file, made, SECRET))
    file.write_text("".join(lines).replace('": ', '":  '))
    assert "other bytes between" in repr(c.verify(file, made, SECRET))
    file.write_text("".join(lines))
    wrong = c.verify(file, made, Secret(b"another secret of good length 12"))
    assert not wrong.holds
    assert "another secret" in repr(wrong)


def test_one_item_is_opened_alone(file):
    made = c.commit(file, SECRET)
    opening = c.open_item(file, made, SECRET, "q3")
    assert c.check_opening(opening, made)
    said = json.dumps(opening)
    assert not any(json.dumps(r["question"]) in said for r in ROWS if r["id"] != "q3")
    for key, value in (("item", ROWS[2]), ("salt", "00" * 32), ("place", 2), ("path", []),
                       ("digest", "0"), ("salt", "00")):  # fmt: skip
        assert not c.check_opening({**opening, key: value}, made), key
    with pytest.raises(InputError, match="not whole"):
        c.check_opening({}, made)
    with pytest.raises(InputError, match="no item 'q9'"):
        c.open_item(file, made, SECRET, "q9")
    file.write_text(file.read_text().replace("3 + 3", "3 + 4"))
    with pytest.raises(InputError, match="not as it was committed"):
        c.open_item(file, made, SECRET, "q3")


def test_guesses_cannot_be_confirmed_without_the_salt(file):
    made = c.commit(file, SECRET)
    for row in ROWS:
        plain = hashlib.sha256(b"\0" + c.canonical(row)).hexdigest()
        assert plain not in made.leaves
    assert c.commit(file, Secret(b"another secret of good length 12")).leaves != made.leaves


def test_a_changed_commitment_is_refused(file, tmp_path):
    path = tmp_path / "c.json"
    made = c.commit(file, SECRET, templates={"t": "ab"}, note="é")
    c.write_commitment(made, path)
    assert c.read_commitment(path) == made
    data = json.loads(path.read_text())
    for key, value in (("root", "00"), ("note", "x"), ("digest", "00"), ("secret", "00"),
                       ("leaves", data["leaves"][:-1]), ("leaves", ["zz"]), ("format", "x"),
                       ("templates", 3)):  # fmt: skip
        path.write_text(json.dumps({**data, key: value}))
        with pytest.raises(InputError, match=r"c\.json"):
            c.read_commitment(path)
    path.write_text("{")
    with pytest.raises(InputError, match="no JSON"):
        c.read_commitment(path)
    for text, said in (('{"id": 1}\n{"id": "1"}\n', "one row an id"), ("", "no items")):
        file.write_text(text)
        with pytest.raises(InputError, match=said):
            c.commit(file, SECRET)
