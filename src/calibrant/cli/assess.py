"""`calibrant assess SUITE.yaml`: run claims to verdicts."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from calibrant.assurance.assessment import Assessment


@click.command("assess")
@click.argument("suite", type=click.Path(path_type=Path))
@click.option(
    "--plan", "plan_only", is_flag=True, help="Say what it would do and cost; call nothing."
)
@click.option("--subject", help="Test this subject instead of the suite's.")
@click.option("--seed", type=int, help="Use this seed instead of the suite's.")
@click.option("--max-connections", type=int, help="Trials in flight at once.")
@click.option("--max-cost", type=float, help="End undetermined after so many dollars.")
@click.option("--max-time", help="End undetermined after this time, such as 90s, 30m, 2h.")
@click.option("-o", "--out", type=click.Path(path_type=Path), help="The run folder.")
@click.option("--fresh", is_flag=True, help="Begin anew even if an unfinished run is there.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")
@click.option("-q", "--quiet", is_flag=True, help="Show no progress.")
def cli(suite: Path, *, plan_only: bool, as_json: bool, quiet: bool, **options: Any) -> None:
    """Run a suite of claims to verdicts.

    An interrupted run resumes when the same command is given again. The run folder holds the
    report, the assessment as JSON, the trials as Parquet, and the Inspect logs.
    """
    out, fresh = options.pop("out"), options.pop("fresh")
    if plan_only:
        _plan(suite, as_json, options)
        return
    command = "calibrant " + shlex.join(sys.argv[1:])
    result = run(suite, out=out, fresh=fresh, quiet=quiet, as_json=as_json,
                 command=command, **options)  # fmt: skip
    raise SystemExit(result.exit_code)


def run(
    suite: Path,
    *,
    out: Path | None,
    fresh: bool,
    quiet: bool,
    as_json: bool,
    command: str,
    **options: Any,
) -> Assessment:
    """Assess with a display, write the report, and print the outcome."""
    from contextlib import redirect_stdout

    from calibrant.assurance.assess import assess
    from calibrant.cli.display import display_for
    from calibrant.report import write_html

    # Providers and tasks may print; stdout is for the outcome alone.
    with redirect_stdout(sys.stderr), display_for(quiet=quiet) as display:
        result = assess(suite, out=out, fresh=fresh, display=display, command=command, **options)
    report = Path(result.folder) / "report.html"
    write_html(result, report)
    if as_json:
        click.echo(result.to_json())
    else:
        _print(result, report)
    return result


def _print(result: Assessment, report: Path) -> None:
    from rich.console import Console

    from calibrant.report.terminal import summary

    summary(result, Console(soft_wrap=False), report)


def _plan(suite: Path, as_json: bool, options: dict[str, Any]) -> None:
    from calibrant._text import dumps
    from calibrant.assurance.assess import plan_suite

    plan = plan_suite(suite, **options)
    if as_json:
        click.echo(dumps(plan.to_dict(), indent=1))
        return
    from rich.console import Console

    from calibrant.cli.plan_table import print_plan

    print_plan(plan, Console())
