"""Are these claims supported? An assessment, finished or made now, as an assertion."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from calibrant.testing.record import note

if TYPE_CHECKING:
    from calibrant.assurance.assessment import Assessment, ClaimResult

_made: dict[tuple[str, ...], Assessment] = {}


class ClaimNotSupported(AssertionError):
    """A claim was refuted or not decided.

    Attributes:
        assessment: the claims with their evidence.
    """

    def __init__(self, message: str, assessment: Assessment) -> None:
        super().__init__(message)
        self.assessment = assessment


def assert_supported(
    source: str | Path | Assessment,
    *claims: str,
    undetermined: Literal["fail", "skip", "pass"] = "fail",
    out: str | Path | None = None,
    **overrides: Any,
) -> Assessment:
    """Assert that claims are supported, and return the assessment.

    Args:
        source: a run folder, an assessment.json or an assessment, which are only read; or a suite
            (.yaml), which is assessed now. One suite is assessed once in a process, however many
            tests ask for its claims.
        claims: names of the claims meant; none: all.
        undetermined: what a claim that the evidence does not decide does. "skip" needs pytest.
        out: the run folder for a suite; by default a new one in runs/.
        overrides: top-level keys that replace the suite's, such as `subject`.

    Raises:
        ClaimNotSupported: an AssertionError with the numbers of each claim that is not supported.
        InputError: if there is no such assessment, suite or claim.
    """
    __tracebackhide__ = True
    from calibrant.errors import InputError
    from calibrant.report.exports.facts import claim_line

    if undetermined not in ("fail", "skip", "pass"):
        raise InputError(f"undetermined: wanted fail, skip or pass, got {undetermined!r}")
    assessment = _assessment(source, out, overrides)
    results = [_claim(assessment, name) for name in claims] or list(assessment.claims)
    for result in results:
        note(claim_line(result))
    failed = [c for c in results if c.verdict == "refuted"]
    undecided = [c for c in results if c.verdict == "undetermined"]
    if failed or (undecided and undetermined == "fail"):
        failed += undecided if undetermined == "fail" else []
        raise ClaimNotSupported(_message(assessment, failed), assessment)
    if undecided and undetermined == "skip":
        import pytest

        pytest.skip(_message(assessment, undecided))
    return assessment


def _message(assessment: Assessment, failed: list[ClaimResult]) -> str:
    from calibrant._text import one_line
    from calibrant.report.exports.facts import claim_line

    n = len(failed)
    lines = [
        f"{n} claim{'s are' if n != 1 else ' is'} not supported "
        f"({one_line(assessment.subject)} by {one_line(assessment.suite)}, "
        f"{one_line(assessment.folder, 400)})"
    ]
    for result in failed:
        lines += [
            f"  {claim_line(result)}",
            f"    {one_line(result.headline, 600)}",
            f"    {one_line(result.reason, 600)}",
        ]
    return "\n".join(lines)


def _claim(assessment: Assessment, name: str) -> ClaimResult:
    from difflib import get_close_matches

    from calibrant._text import one_line
    from calibrant.errors import InputError

    for result in assessment.claims:
        if result.claim.name == name:
            return result
    names = [c.claim.name for c in assessment.claims]
    near = get_close_matches(name, names, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(map(repr, names))}"
    raise InputError(one_line(f"{assessment.suite}: no claim {name!r}; {hint}", 600))


def _assessment(
    source: str | Path | Assessment, out: str | Path | None, overrides: dict[str, Any]
) -> Assessment:
    from calibrant.assurance.assessment import Assessment, read_assessment
    from calibrant.errors import InputError
    from calibrant.report.exports.facts import checked

    is_suite = isinstance(source, str | Path) and Path(source).suffix in (".yaml", ".yml")
    if not is_suite and (overrides or out is not None):
        what = sorted(overrides)[0] if overrides else "out"
        raise InputError(f"{what}: wanted a suite to assess, got an assessment that was made")
    if isinstance(source, Assessment):
        return checked(source)
    if not is_suite:
        return checked(read_assessment(source))
    path = Path(source).resolve()
    try:
        text = path.read_bytes().decode("utf-8", "replace")
    except OSError as e:
        raise InputError(f"{source}: cannot be read ({e.strerror})") from e
    key = (str(path), text, repr(sorted(overrides.items())), str(out))
    if key not in _made:
        from calibrant.assurance.assess import assess
        from calibrant.report import write_html

        _made[key] = assess(path, out=out, command=f"calibrant assess {source}", **overrides)
        write_html(_made[key], Path(_made[key].folder) / "report.html")
    return _made[key]
