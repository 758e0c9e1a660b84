"""The pytest plugin in a pytest of its own: fixtures, summary, JUnit properties."""

from importlib.metadata import entry_points

import pytest

pytest_plugins = ["pytester"]

INSTALLED = any(e.value == "calibrant.testing.plugin" for e in entry_points(group="pytest11"))


@pytest.fixture
def runs(pytester, mixed_run):
    """Run a test file with the plugin, whether or not it is installed as an entry point."""

    def run(*args):
        extra = () if INSTALLED else ("-p", "calibrant.testing.plugin")
        return pytester.runpytest_inprocess(*extra, "-p", "no:cacheprovider", *args)

    pytester.makepyfile(
        f"""
        import pytest

        RUN = {str(mixed_run)!r}

        def test_low(assert_supported):
            assert_supported(RUN, "low")

        def test_made(assert_supported):
            assert_supported(RUN, "made")

        def test_open(assert_supported):
            assert_supported(RUN, "open", undetermined="skip")

        @pytest.mark.xfail(strict=True)
        def test_known(assert_supported):
            assert_supported(RUN, "open")

        def test_nothing():
            pass
        """
    )
    return run


def test_the_summary_has_one_line_per_claim_whatever_became_of_it(runs):
    result = runs("-q")
    result.assert_outcomes(passed=2, failed=1, skipped=1, xfailed=1)
    lines = result.stdout.lines
    at = next(i for i, line in enumerate(lines) if "calibrant: claims and comparisons" in line)
    found = [line for line in lines[at + 1 :] if "[test_" in line]
    assert [line.split()[:3] for line in found] == [
        ["✓", "supported", "low:"],
        ["✗", "refuted", "made:"],
        ["?", "undetermined", "open:"],
        ["?", "undetermined", "open:"],
    ]
    assert found[1].endswith("::test_made]")
    result.stdout.fnmatch_lines(["*The evidence refutes that*"])
    # The frames of the assertion itself are not shown.
    assert not any("raise ClaimNotSupported" in line for line in lines)


def test_pytests_own_junit_file_has_the_lines(runs, pytester):
    runs("-q", "--junitxml=out.xml")
    text = (pytester.path / "out.xml").read_text()
    assert text.count('<property name="calibrant"') == 4


def test_there_is_no_section_where_nothing_was_asserted(runs):
    result = runs("-q", "-k", "test_nothing")
    result.assert_outcomes(passed=1, deselected=4)
    assert "calibrant" not in result.stdout.str()


def test_the_fixtures_are_explained(runs):
    result = runs("--fixtures")
    result.stdout.fnmatch_lines(["assert_supported*", "assert_no_regression*"])
