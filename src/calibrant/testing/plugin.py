"""The pytest plugin: what the assertions found, in the summary and in pytest's own JUnit file.

Loaded by every pytest that runs where calibrant is installed, so it imports nothing of it until a
test has used it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from _pytest.terminal import TerminalReporter

PROPERTY = "calibrant"


@pytest.fixture
def assert_supported() -> Callable[..., Any]:
    """`calibrant.testing.assert_supported`, without an import."""
    from calibrant.testing.claims import assert_supported

    return assert_supported


@pytest.fixture
def assert_no_regression() -> Callable[..., Any]:
    """`calibrant.testing.assert_no_regression`, without an import."""
    from calibrant.testing.regression import assert_no_regression

    return assert_no_regression


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_makereport(item: pytest.Item) -> None:
    """Put what the assertions of a test found into its report, which also workers send on."""
    record = sys.modules.get("calibrant.testing.record")
    if record is not None:
        item.user_properties.extend((PROPERTY, line) for line in record.take())


def pytest_terminal_summary(terminalreporter: TerminalReporter) -> None:
    """A section with one line per claim or comparison, in the order of the tests."""
    lines: dict[tuple[str, str], None] = {}
    for outcome in ("passed", "failed", "skipped", "xfailed", "xpassed", "error"):
        for report in terminalreporter.stats.get(outcome, []):
            if getattr(report, "when", None) == "call" or outcome == "error":
                properties = getattr(report, "user_properties", ())  # a module that fails has none
                found = [str(v) for k, v in properties if k == PROPERTY]
                lines.update(dict.fromkeys((report.nodeid, line) for line in found))
    if lines:
        terminalreporter.section("calibrant: claims and comparisons")
        for node, line in lines:
            terminalreporter.write_line(f"{line}  [{node}]")
