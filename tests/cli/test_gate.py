"""`gate`, `report --format`, `pack` and `verify` as a CI job uses them."""

import json
import shlex
import shutil
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from xml.etree import ElementTree

import pytest
import yaml

from calibrant import read_assessment
from calibrant.cli import main


def call(*args):
    with pytest.raises(SystemExit) as caught:
        main(list(map(str, args)))
    return caught.value.code or 0


@pytest.fixture
def ended(mixed_run, tmp_path):
    """Write an assessment of the claims with these verdicts alone."""

    def write(*verdicts):
        a = read_assessment(mixed_run)
        claims = [next(c for c in a.claims if c.verdict == v) for v in verdicts]
        overall = "undetermined"
        if "refuted" in verdicts:
            overall = "refuted"
        elif set(verdicts) == {"supported"}:
            overall = "supported"
        file = tmp_path / f"{'-'.join(verdicts) or 'none'}.json"
        file.write_text(a.model_copy(update={"claims": claims, "verdict": overall}).to_json())
        return file

    return write


@pytest.mark.parametrize(
    ("verdicts", "code", "allowed"),
    [
        (["supported"], 0, 0),
        (["supported", "refuted"], 1, 1),
        (["supported", "undetermined"], 3, 0),
        (["refuted", "undetermined"], 1, 1),
        ([], 3, 0),
    ],
)
def test_gate_exits_as_assess_does(ended, capsys, verdicts, code, allowed):
    file = ended(*verdicts)
    assert call("gate", file) == code
    assert call("gate", file, "--allow-undetermined") == allowed
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2 * (1 + len(verdicts))


def test_gate_takes_the_worst_of_several(ended, capsys):
    good, bad, undecided = ended("supported"), ended("refuted"), ended("undetermined")
    assert call("gate", good, undecided) == 3
    assert call("gate", good, undecided, bad) == 1
    assert call("gate", good, good) == 0


def test_gate_prints_one_safe_line_per_claim(mixed_run, capsys):
    assert call("gate", mixed_run) == 1
    out = capsys.readouterr().out
    assert len(out.splitlines()) == 5
    assert "\x1b" not in out
    assert "##[" not in out  # a command to older CI runners, anywhere in a line
    claim = read_assessment(mixed_run).claims[0]
    assert f"below 40 % claimed, {claim.trials} trials, {claim.missing} missing" in out


def test_gate_json_is_one_document(mixed_run, capsys):
    assert call("gate", mixed_run, "--json") == 1
    data = json.loads(capsys.readouterr().out)
    assert data["exit_code"] == 1
    claims = data["runs"][0]["claims"]
    assert [c["verdict"] for c in claims] == ["supported", "refuted", "undetermined", "refuted"]
    assert claims[0]["high"] == read_assessment(mixed_run).claims[0].estimate.high


def test_gate_writes_what_is_asked_and_nothing_else(mixed_run, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary.md"))
    before = sorted(mixed_run.iterdir())
    args = ["--junit", "j.xml", "--sarif", "s.sarif", "--markdown", "m.md"]
    assert call("gate", mixed_run, *args) == 1
    assert sorted(p.name for p in tmp_path.iterdir()) == ["j.xml", "m.md", "s.sarif"]
    assert sorted(mixed_run.iterdir()) == before
    assert ElementTree.parse("j.xml").getroot().get("failures") == "2"
    assert len(json.loads((tmp_path / "s.sarif").read_text())["runs"][0]["results"]) == 3
    assert call("gate", mixed_run, "--allow-undetermined", "--junit", "j.xml") == 1
    assert ElementTree.parse("j.xml").getroot().get("skipped") == "1"


def test_gate_for_github_adds_a_summary_and_annotations(mixed_run, tmp_path, monkeypatch, capsys):
    summary = tmp_path / "summary.md"
    summary.write_text("before\n")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    assert call("gate", mixed_run, "--github") == 1
    assert summary.read_text().startswith("before\n## ")
    commands = [line for line in capsys.readouterr().out.splitlines() if line.startswith("::")]
    assert [c.split(" ")[0] for c in commands] == ["::error", "::warning", "::error"]
    assert all(" file=evals/suite.yaml," in c for c in commands)
    head, _, message = commands[0].removeprefix("::error ").partition("::")
    assert [p.split("=")[0] for p in head.split(",")] == ["file", "title", "line"]
    assert "%25" in message


def test_gate_for_github_elsewhere_is_an_error(mixed_run, monkeypatch, capsys):
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)
    assert call("gate", mixed_run, "--github") == 2
    assert "wanted GITHUB_STEP_SUMMARY" in capsys.readouterr().err


def test_gate_on_what_is_no_run_is_one_line(tmp_path, mixed_run, capsys):
    assert call("gate", tmp_path) == 2
    assert call("gate") == 2
    data = json.loads((mixed_run / "assessment.json").read_text()) | {"verdict": "supported"}
    (tmp_path / "a.json").write_text(json.dumps(data))
    capsys.readouterr()
    assert call("gate", tmp_path / "a.json") == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert "wanted 'refuted'" in err
    assert call("gate", mixed_run, "--junit", tmp_path / "no" / "j.xml") == 2


def test_gate_calls_no_model_and_imports_none(mixed_run, tmp_path):
    code = (
        "import sys\nfrom calibrant.cli import main\n"
        f"try: main(['gate', {str(mixed_run)!r}, '--markdown', {str(tmp_path / 'x.md')!r}])\n"
        "except SystemExit as e: assert e.code == 1, e.code\n"
        "assert not {'inspect_ai', 'scipy'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "refuted" in done.stdout
    assert (tmp_path / "x.md").stat().st_size


def test_report_writes_formats_side_by_side(mixed_run, tmp_path, capsys):
    out = tmp_path / "out"
    assert call("report", mixed_run, "-f", "junit", "--format", "eee", "-f", "csv", "-o", out) == 0
    printed = capsys.readouterr().out.splitlines()
    assert printed == [str(p) for p in map(out.joinpath, [
        "junit.xml", "every-eval-ever.json", "every-eval-ever_samples.jsonl", "trials.csv",
    ])]  # fmt: skip
    assert all((out / p).stat().st_size > 100 for p in printed)


def test_report_writes_one_format_to_a_file_or_beside_the_run(mixed_run, tmp_path, capsys):
    assert call("report", mixed_run, "-f", "oscal", "-o", tmp_path / "x.json") == 0
    assert (tmp_path / "x.json").is_file()
    shutil.copy(mixed_run / "assessment.json", tmp_path)
    assert call("report", tmp_path, "-f", "markdown") == 0
    assert (tmp_path / "assessment.md").read_text().startswith("## ")
    assert call("report", tmp_path / "assessment.json") == 0
    assert (tmp_path / "report.html").stat().st_size > 5000


def test_report_names_a_wrong_format_before_it_reads_or_writes(tmp_path, capsys):
    assert call("report", tmp_path / "none", "-f", "junit", "-f", "pdf", "-o", tmp_path / "o") == 2
    assert "--format: wanted one of html, junit" in capsys.readouterr().err
    assert not (tmp_path / "o").exists()


def test_pack_and_verify_from_the_command_line(mixed_run, tmp_path, monkeypatch, capsys):
    file, said = tmp_path / "p.zip", tmp_path / "s.json"
    assert call("pack", mixed_run, "-o", file, "--statement", said) == 0
    digest = json.loads(said.read_text())["subject"][0]["digest"]["sha256"]
    assert f"{file} sha256:{digest}" in capsys.readouterr().out
    assert call("verify", file, "--json") == 0
    assert json.loads(capsys.readouterr().out)["verified"] is True
    data = file.read_bytes()
    file.write_bytes(data.replace(b'"includes": "I"', b'"includes": "C"', 1))
    assert call("verify", file) == 2  # the zip's own checksum
    assert "not a pack" in capsys.readouterr().err
    file.write_bytes(b"x" + data)
    assert call("verify", file) == 1
    out = capsys.readouterr().out.splitlines()
    assert out[0].startswith("FAILED archive")
    assert "does not verify" in out[-1]


def test_a_pack_lies_beside_its_run_by_default(mixed_run, tmp_path, monkeypatch, capsys):
    import calibrant.report.pack as module

    monkeypatch.setattr(module, "pack", lambda _: b"bytes")
    monkeypatch.chdir(mixed_run)
    assert call("pack", ".") == 0
    assert mixed_run.with_name("run.zip").read_bytes() == b"bytes"


def test_the_workflow_uses_commands_and_options_that_exist():
    file = Path(__file__).parents[2] / "examples" / "github-actions.yml"
    if not file.is_file():
        pytest.skip("the examples are not beside an installed package")
    steps = yaml.safe_load(file.read_text())["jobs"]["assess"]["steps"]
    lines = [line.strip() for s in steps for line in s.get("run", "").splitlines()]
    commands = [shlex.split(line.partition("||")[0]) for line in lines if "calibrant " in line[:10]]
    assert [c[1] for c in commands] == ["assess", "gate", "pack", "verify"]
    for _, name, *args in commands:
        import_module(f"calibrant.cli.{name}").cli.make_context(name, args)
