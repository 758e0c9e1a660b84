"""Packs: the same bytes every time, and nothing that was changed verifies."""

import hashlib
import io
import json
import shutil
import struct
import zipfile
from types import SimpleNamespace

import pytest

from calibrant import read_assessment
from calibrant._text import dumps
from calibrant.assurance.recompute import claim_differences, recompute
from calibrant.assurance.suite import parse_suite
from calibrant.errors import InputError, RunError, RunFolderError
from calibrant.report import archive, verify
from calibrant.report import pack as module
from calibrant.report.archive import NotAPack, build
from calibrant.report.exports.source import read_run
from calibrant.report.pack import pack, statement, write_pack
from calibrant.report.verify import MANIFEST, MEMBERS


@pytest.fixture(scope="module")
def packed(mixed_run):
    return pack(mixed_run)


@pytest.fixture(scope="module")
def members(packed):
    with zipfile.ZipFile(io.BytesIO(packed)) as z:
        return {n: z.read(n) for n in z.namelist()}


def resealed(members, **changed):
    """The members with some replaced (None: taken out), and a manifest made for them."""
    new = {**members, **{k.replace("__", "."): v for k, v in changed.items()}}
    new = {k: v for k, v in new.items() if v is not None}
    manifest = json.loads(new[MANIFEST])
    manifest["files"] = {
        n: {"sha256": hashlib.sha256(d).hexdigest(), "bytes": len(d)}
        for n, d in sorted(new.items())
        if n != MANIFEST
    }
    return {**new, MANIFEST: dumps(manifest, indent=1).encode() + b"\n"}


def failures(members, *, with_report=False):
    """What fails; the report, which takes long to make again, only if asked for."""
    checks = verify.verify_members(members, report=with_report)
    return {c.name: c.detail for c in checks if not c.ok}


def first(members):
    """The first check, of the sums alone."""
    check = next(verify.verify_members(members))
    assert check.name == "sums"
    assert not check.ok
    return check.detail


def reassessed(members, change):
    """The members with the assessment changed, and a manifest to go with it."""
    data = json.loads(members["assessment.json"])
    change(data)
    text = (dumps(data, indent=1) + "\n").encode()
    new = resealed(members, assessment__json=text)
    manifest = json.loads(new[MANIFEST])
    manifest |= {k: data[k] for k in ("suite", "subject", "verdict")}
    return {**new, MANIFEST: dumps(manifest, indent=1).encode() + b"\n"}


def test_a_pack_has_the_same_bytes_every_time_and_verifies(mixed_run, packed, tmp_path):
    file = tmp_path / "p.zip"
    digest = write_pack(mixed_run, file)
    assert file.read_bytes() == packed
    assert digest == hashlib.sha256(packed).hexdigest()
    with zipfile.ZipFile(file) as z:
        assert z.namelist() == sorted([*MEMBERS, MANIFEST])
        assert {i.date_time for i in z.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert {i.compress_type for i in z.infolist()} == {zipfile.ZIP_STORED}
    result = verify.verify(file, run=mixed_run)
    assert result.verified, [c for c in result.checks if not c.ok]
    assert result.exit_code == 0
    assert result.sha256 == digest
    names = [c.name for c in result.checks]
    for claim in read_assessment(mixed_run).claims:
        assert any("claim" in n and claim.claim.name[:4] in n for n in names)
    assert "items of calibrant/false_premise" in names
    assert sum(n.startswith("outside 'logs/") for n in names) == 2
    assert "\x1b" not in "".join(map(repr, result.checks))
    assert result.to_dict()["verified"] is True


def test_a_pack_does_not_depend_on_where_the_run_lies(mixed_run, packed, tmp_path):
    shutil.copytree(mixed_run, tmp_path / "elsewhere")
    assert pack(tmp_path / "elsewhere") == packed


def test_files_that_stayed_outside_are_compared(mixed_run, packed, tmp_path):
    (tmp_path / "p.zip").write_bytes(packed)
    run = tmp_path / "run"
    shutil.copytree(mixed_run, run)
    log = next((run / "logs").glob("*.eval"))
    log.write_bytes(log.read_bytes() + b"x")
    (run / "trials.parquet").unlink()
    result = verify.verify(tmp_path / "p.zip", run=run)
    assert {c.name: c.detail for c in result.checks if not c.ok} == {
        f"outside 'logs/{log.name}'": "is not the file that was listed",
        "outside 'trials.parquet'": f"is not in {run}",
    }


def test_a_log_that_is_gone_is_listed_as_gone(mixed_run, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(mixed_run, run)
    shutil.rmtree(run / "logs")
    (tmp_path / "p.zip").write_bytes(pack(run))
    result = verify.verify(tmp_path / "p.zip", run=run)
    assert result.verified
    assert sum("was gone" in c.detail for c in result.checks) == 2


def test_a_run_that_went_on_is_not_packed(mixed_run, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(mixed_run, run)
    journal = run / "journal.jsonl"
    line = json.loads(journal.read_bytes().splitlines()[-1])
    line["position"] += 1
    with journal.open("ab") as f:
        f.write(dumps(line).encode() + b"\n")
    with pytest.raises(RunError, match="would not verify: claim .*surplus"):
        pack(run)


def test_only_a_run_folder_is_packed(mixed_run, tmp_path):
    with pytest.raises(InputError, match="wanted a run folder"):
        pack(mixed_run / "assessment.json")
    with pytest.raises(InputError, match="no assessment"):
        pack(tmp_path)
    shutil.copy(mixed_run / "assessment.json", tmp_path)
    with pytest.raises(InputError, match=r"journal\.jsonl: cannot be read"):
        pack(tmp_path)


def test_a_pack_that_cannot_be_written_is_one_line(mixed_run, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "pack", lambda _: b"")
    with pytest.raises(RunFolderError, match="cannot be written"):
        write_pack(mixed_run, tmp_path / "no" / "p.zip")


@pytest.mark.parametrize("name", MEMBERS)
def test_a_changed_member_is_named(members, name):
    changed = {**members, name: members[name].replace(b"e", b"E", 1)}
    assert first(changed) == f"{name} is not the file that was listed"


@pytest.mark.parametrize("name", MEMBERS)
def test_a_missing_member_is_named_even_if_it_is_not_listed(members, name):
    less = {k: v for k, v in members.items() if k != name}
    assert first(less) == f"{name} is missing"
    assert list(failures(resealed(less)).values()) == [f"{name} is missing"]


def test_an_extra_member_is_named_even_if_it_is_listed(members):
    more = {**members, "extra.html": b"<script>"}
    assert first(more) == "extra.html does not belong in a pack"
    assert first(resealed(more)) == "extra.html does not belong in a pack"


def test_a_member_that_the_manifest_does_not_list_is_named(members):
    manifest = json.loads(members[MANIFEST])
    del manifest["files"]["journal.jsonl"]
    changed = {**members, MANIFEST: dumps(manifest).encode()}
    assert first(changed) == "journal.jsonl is not listed"
    manifest["files"]["ghost"] = {"sha256": "0" * 64, "bytes": 0}
    changed = {**members, MANIFEST: dumps(manifest).encode()}
    assert "ghost is listed but missing" in first(changed)


def flip(journal, wanted):
    """The journal with the outcome of the first `wanted` trials of task.py turned round."""
    lines = []
    for line in journal.splitlines():
        trial = json.loads(line)
        if (
            trial["instrument"] == "task.py@yes"
            and wanted
            and trial["scores"].get("includes") == "C"
        ):
            trial["scores"]["includes"] = "I"
            wanted -= 1
        lines.append(dumps(trial).encode() + b"\n")
    return b"".join(lines)


def test_changed_trials_do_not_give_the_stated_verdicts(members):
    found = failures(resealed(members, journal__jsonl=flip(members["journal.jsonl"], 2)))
    assert "claim 'low'" in found
    assert "stated, the trials give" in found["claim 'low'"]
    assert "claim 'made'" not in found


def test_a_changed_verdict_does_not_follow_from_the_trials(members):
    def change(data):
        for claim in data["claims"]:
            claim["verdict"] = "supported"
        data["verdict"] = "supported"

    found = failures(reassessed(members, change))
    assert set(found) >= {"claim 'open'", "claim 'made'", "verdict"}
    assert "claim 'low'" not in found
    assert "verdict: 'supported' stated, the trials give 'refuted'" in found["claim 'made'"]


def test_any_changed_number_of_a_claim_is_found(mixed_run, members):
    stated = read_assessment(mixed_run)
    facts = json.loads(members["run.json"])
    suite = parse_suite(facts["suite"], "run.json")
    trials = read_run(mixed_run).journal()
    found = recompute(stated, suite, trials, facts)
    for claim, again in zip(stated.claims, found.claims, strict=True):
        assert claim_differences(claim, again) == []
        for place, part in leaves(claim.model_dump(mode="json")):
            changed = claim.model_dump(mode="json")
            replace(changed, place, another(part))
            stand_in = SimpleNamespace(model_dump=lambda mode, c=changed: c)
            assert claim_differences(stand_in, again), place


def leaves(value, place=()):
    """Every place of plain data that holds no container, and every list as a whole."""
    if isinstance(value, dict | list):
        if isinstance(value, list):
            yield place, value
        parts = value.items() if isinstance(value, dict) else list(enumerate(value))[:3]
        for key, part in parts:
            yield from leaves(part, (*place, key))
    else:
        yield place, value


def another(value):
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        return value * 1.01 + 0.001
    return [*value, "x"] if isinstance(value, list) else f"{value}."


def replace(value, place, part):
    for key in place[:-1]:
        value = value[key]
    value[place[-1]] = part


def test_a_changed_size_of_a_data_set_is_found(members):
    def change(data):
        for claim in data["claims"][:3]:
            claim["population"]["size"] = 60

    assert "claim 'low'" in failures(reassessed(members, change))


def test_any_changed_fact_of_the_whole_is_found(members):
    changes = {"subject": "openai/other", "stopped_by": "max_cost", "suite": "another"}
    found = failures(reassessed(members, lambda data: data.update(changes)))
    assert all(f"{key}: " in found["verdict"] for key in changes)


def test_changed_provenance_is_found(members):
    changes = {"seed": 4, "suite_sha256": "0" * 64, "started": "2020-01-01"}
    found = failures(reassessed(members, lambda data: data["provenance"].update(changes)))
    assert all(f"provenance.{key}" in found["verdict"] for key in changes)


def test_a_claim_made_easier_after_the_fact_is_not_the_one_in_the_suite(members):
    facts = json.loads(members["run.json"])
    facts["suite"]["claims"][1]["above"] = 0.01
    facts["suite"]["claims"][1]["if_really"] = 0.5
    suite = parse_suite(facts["suite"], "x")
    facts["fingerprint"] = suite.fingerprint()
    found = failures(resealed(members, run__json=dumps(facts, indent=1).encode() + b"\n"))
    assert found["suite"] == "run.json: the claims are not those of suite.yaml"


def test_another_report_or_readme_is_found(members):
    changed = {"report__html": b"<h1>All claims are supported</h1>", "README__txt": b"Trust me."}
    found = failures(resealed(members, **changed), with_report=True)
    assert set(found) == {"report", "readme"}


def test_items_of_own_instruments_are_made_again(members):
    text = members["journal.jsonl"].decode()
    lines = [json.loads(line) for line in text.splitlines()]
    trial = next(t for t in lines if t["instrument"] == "calibrant/false_premise")
    trial["item"] = "0" * 64
    journal = "".join(dumps(t) + "\n" for t in lines).encode()
    found = failures(resealed(members, journal__jsonl=journal))
    assert f"position {trial['position']}" in found["items of calibrant/false_premise"]


@pytest.mark.parametrize(
    "change",
    [
        lambda j: j + b"{}\n",
        lambda j: j + b"[" * 100_000 + b"\n",
        lambda j: j[:-1],
        lambda j: j + j.splitlines()[0] + b"\n",
        lambda j: j.replace(b'"error"', b'"unknown": 1, "error"', 1),
        lambda j: j.replace(b'"position": 0', b'"position": "0"', 1),
        lambda j: j.replace(b'"seconds": ', b'"seconds": NaN, "x": ', 1),
        lambda j: j.replace(b'"scores": {', b'"scores": 7, "x": {', 1),
        lambda j: b"\xff\xfe" + j,
    ],
)
def test_a_journal_that_is_none_is_one_line(members, change):
    found = failures(resealed(members, journal__jsonl=change(members["journal.jsonl"])))
    assert list(found) == ["contents"]
    assert found["contents"].startswith("journal.jsonl: ")


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("assessment__json", b"{}"),
        ("assessment__json", b"\xff"),
        ("run__json", b"[]"),
        ("run__json", b"{"),
        ("run__json", b'{"suite": {"subject": "x"}}'),
        ("run__json", b"[" * 100_000),
        ("suite__yaml", b"a: ["),
        ("suite__yaml", b"\xff"),
        ("suite__yaml", b"[" * 5_000),
        ("suite__yaml", b"x" * 2_000_000),
    ],
)
def test_members_that_are_not_what_they_should_be(members, name, data):
    found = failures(resealed(members, **{name: data}))
    assert set(found) & {"assessment", "contents", "suite"}
    assert all("\n" not in detail for detail in found.values())


def test_yaml_that_expands_without_end_is_refused(members):
    levels = [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 30)]
    bomb = "\n".join(["a0: &a0 [x]", *levels]).encode()
    assert "expand without end" in failures(resealed(members, suite__yaml=bomb))["contents"]
    assert (
        "expand without end" in failures(resealed(members, suite__yaml=b"a: &a [*a]"))["contents"]
    )


def zipped(entries, compression=zipfile.ZIP_STORED):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as z:
        for name, data in entries:
            z.writestr(zipfile.ZipInfo(name), data, compression)
    return buffer.getvalue()


@pytest.mark.parametrize(
    "name", ["../up", "/etc/passwd", "a/b", "a\\b", "C:x", "", ".hidden", "a\x00b"]
)
def test_a_member_with_a_path_is_no_member_of_a_pack(members, tmp_path, name):
    data = zipped([(name.replace("\x00", "@"), b"x"), *members.items()])
    if "\x00" in name:
        data = data.replace(b"a@b", b"a\x00b")
    (tmp_path / "p.zip").write_bytes(data)
    with pytest.raises(NotAPack, match="not a pack: "):
        verify.verify(tmp_path / "p.zip")


def test_a_bomb_is_no_pack_and_is_not_expanded(members, tmp_path):
    bomb = zipped([("journal.jsonl", b"\0" * 50_000_000)], zipfile.ZIP_DEFLATED)
    assert len(bomb) < 100_000
    (tmp_path / "p.zip").write_bytes(bomb)
    with pytest.raises(NotAPack, match="is compressed"):
        verify.verify(tmp_path / "p.zip")


def test_an_entry_that_lies_about_its_size_is_no_pack(members, packed, tmp_path):
    at = packed.index(b"PK\x01\x02")
    size = struct.pack("<I", 2**31)
    lying = packed[: at + 20] + size + size + packed[at + 28 :]
    (tmp_path / "p.zip").write_bytes(lying)
    with pytest.raises(NotAPack):
        verify.verify(tmp_path / "p.zip")


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_members_of_one_name_are_no_pack(members, tmp_path):
    data = zipped([*members.items(), ("run.json", b"{}")])
    (tmp_path / "p.zip").write_bytes(data)
    with pytest.raises(NotAPack, match=r"two members are named 'run\.json'"):
        verify.verify(tmp_path / "p.zip")


def test_encrypted_members_are_no_pack(packed, tmp_path):
    at = packed.index(b"PK\x01\x02")
    (tmp_path / "p.zip").write_bytes(packed[: at + 8] + b"\x01" + packed[at + 9 :])
    with pytest.raises(NotAPack, match="encrypted"):
        verify.verify(tmp_path / "p.zip")


@pytest.mark.parametrize(
    "change",
    [
        lambda p: b"#!/bin/sh\n" + p,
        lambda p: p[:-2] + b"\x05\x00hello",
        lambda p: zipped(
            [(i.filename, zipfile.ZipFile(io.BytesIO(p)).read(i)) for i in
             reversed(zipfile.ZipFile(io.BytesIO(p)).infolist())]
        ),
    ],
    ids=["before", "comment", "order"],
)  # fmt: skip
def test_bytes_that_belong_to_no_member_are_noticed(packed, members, tmp_path, change):
    (tmp_path / "p.zip").write_bytes(change(packed))
    found, canonical = archive.read(tmp_path / "p.zip")
    assert found == members
    assert not canonical


def test_a_pack_that_does_not_verify_is_not_an_error(packed, tmp_path):
    (tmp_path / "p.zip").write_bytes(b"MZ" + packed)
    result = verify.verify(tmp_path / "p.zip")
    assert [c.name for c in result.checks if not c.ok] == ["archive"]
    assert result.exit_code == 1
    assert "does not verify, 1 of" in repr(result)


@pytest.mark.parametrize(
    "data",
    [b"", b"PK", b"hello", b"PK\x05\x06" + b"\0" * 18, zipped([("a", b"b")]),
     zipped([(MANIFEST, b"{")]), zipped([(MANIFEST, b"[]")]), zipped([(MANIFEST, b"{}")]),
     zipped([(MANIFEST, b"[" * 100_000)]),
     zipped([(MANIFEST, b'{"format": "calibrant evidence pack", "format_version": 99}')])],
)  # fmt: skip
def test_what_is_no_pack_is_said_to_be_none(data, tmp_path):
    (tmp_path / "p.zip").write_bytes(data)
    with pytest.raises(NotAPack) as caught:
        verify.verify(tmp_path / "p.zip")
    assert "\n" not in str(caught.value)


def test_a_cut_pack_is_no_pack_wherever_it_is_cut(packed, tmp_path):
    for share in range(1, 20):
        (tmp_path / "p.zip").write_bytes(packed[: len(packed) * share // 20])
        with pytest.raises(NotAPack):
            verify.verify(tmp_path / "p.zip")


def test_a_folder_or_a_file_too_large_is_no_pack(tmp_path, packed, monkeypatch):
    with pytest.raises(NotAPack, match="cannot be read"):
        verify.verify(tmp_path)
    with pytest.raises(NotAPack, match="cannot be read"):
        verify.verify(tmp_path / "none")
    (tmp_path / "p.zip").write_bytes(packed)
    monkeypatch.setattr(archive, "LARGEST", 1000)
    with pytest.raises(NotAPack, match="more than 1,000"):
        verify.verify(tmp_path / "p.zip")


def test_no_flipped_bit_goes_unnoticed(packed, members, tmp_path):
    step = len(packed) // 40
    for at in [*range(7, len(packed), step), *range(len(packed) - 600, len(packed), 37)]:
        changed = bytearray(packed)
        changed[at] ^= 0x20
        (tmp_path / "p.zip").write_bytes(changed)
        try:
            found, canonical = archive.read(tmp_path / "p.zip")
        except NotAPack:
            continue
        assert not canonical or found != members


def test_the_statement_is_one_of_in_toto(mixed_run):
    said = statement(read_assessment(mixed_run), "p.zip", "ab" * 32)
    assert said["_type"] == "https://in-toto.io/Statement/v1"
    assert said["subject"] == [{"name": "p.zip", "digest": {"sha256": "ab" * 32}}]
    predicate = said["predicate"]
    assert predicate["result"] == "FAILED"
    assert [len(predicate[f"{k}Tests"]) for k in ("passed", "warned", "failed")] == [1, 1, 2]


def test_building_does_not_depend_on_the_order_given(members):
    assert build(members) == build(dict(reversed(members.items())))
