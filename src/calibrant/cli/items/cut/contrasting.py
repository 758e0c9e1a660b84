"""`calibrant items cut contrasting SUBJECTS`: between the acceptable and the others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from calibrant.cli.items.cut.common import cut_options, finish, print_notes
from calibrant.cli.items.options import seed_option


@click.command("contrasting")
@click.argument("subjects", type=click.Path(path_type=Path))
@click.option("--responses", metavar="FILE", help="Answers, if SUBJECTS has no scores.")
@click.option("--score-column", "score", metavar="COLUMN")
@click.option("--judgement-column", "judgement", metavar="COLUMN")
@click.option("--how", type=click.Choice(["logistic", "kernel"]), default="logistic",
              show_default=True)  # fmt: skip
@click.option("--cost-false-pass", type=float, default=1.0, show_default=True)
@click.option("--cost-false-fail", type=float, default=1.0, show_default=True)
@click.option("--base-rate", type=float,
              help="Share of acceptable subjects where the cut will be used.")  # fmt: skip
@seed_option
@cut_options
def cli(
    subjects: Path,
    *,
    responses: str | None,
    score: str | None,
    judgement: str | None,
    out: Path | None,
    figure: Path | None,
    as_json: bool,
    **options: Any,
) -> None:
    """Set a cut between the scores of subjects judged acceptable and not.

    SUBJECTS has one row a subject: a column judgement (acceptable, unacceptable; borderline ones
    are left out), and a score from 0 to 1 or, with --responses, the subject's name.
    """
    from calibrant.quality.cuts.groups import contrasting
    from calibrant.quality.cuts.subjects import judged, two_groups

    given, labels = judged(subjects, responses=responses, score=score, judgement=judgement)
    kept, good = two_groups(labels)
    found = contrasting(given.scores[kept], good, items=given.items, **options)
    if not finish(found, found.cut, out, figure, as_json=as_json):
        return
    click.echo(repr(found))
    click.echo(f"both groups are judged wrongly equally often at {found.equal_error:.4f}")
    print_notes(found.notes)
