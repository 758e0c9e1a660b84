"""The commands: one thin file each, loaded only when called."""

from __future__ import annotations

import errno
import os
import signal
import sys
import threading
from _thread import interrupt_main
from typing import TYPE_CHECKING, NoReturn

import click

from calibrant._version import __version__
from calibrant.cli.lazy import LazyGroup
from calibrant.errors import CalibrantError

if TYPE_CHECKING:
    from sys import UnraisableHookArgs

COMMANDS = {
    "assess": "run a suite of claims to verdicts",
    "plan": "how many trials a claim needs, by four designs",
    "read": "logs and tables of other tools into one table of trials",
    "query": "SQL over trials",
    "measure": "estimates with uncertainty budgets from trials or logs",
    "compare": "two subjects on the same items",
    "rate": "ratings and rankings from comparisons",
    "items": "benchmarks on trial: item response, bad items, cuts, shorter and adaptive tests",
    "judge": "graders on trial: agreement, bias probes, correction, panels, pressure, card",
    "contamination": "has it seen the test: found in corpora, measured, designed away",
    "priorities": "what to test at all: the expert survey, live, ranked, funded",
    "forecast": "what the next subject will do: axes, curves, back-tests, rare events, transfer",
    "arena": "subjects on items before judges until ranks or tiers are settled",
    "study": "where scores vary, and what to buy next: items, wordings, epochs, graders",
    "certify": "measure calibrant's own methods",
    "demo": "assess the example suite on the embedded model",
    "report": "make the report of an assessment again, or an export for other tools",
    "gate": "verdicts of finished runs for CI: one line per claim, JUnit, SARIF, Markdown",
    "pack": "put a run's evidence into one file with checksums",
    "verify": "check such a file offline and recompute its verdicts",
    "schema": "print the JSON schema of assessment.json",
}
"""Each command with its one-line help; its module in this package has a command `cli`."""


_LOST_OUTPUT = (errno.EPIPE, errno.ENOSPC, errno.EDQUOT, errno.EIO)


@click.group(
    cls=LazyGroup, package="calibrant.cli", helps=COMMANDS,
    context_settings={"help_option_names": ["-h", "--help"]},
)  # fmt: skip
@click.version_option(__version__, prog_name="calibrant")
def cli() -> None:
    """A measurement laboratory for AI systems: claims in, verdicts out.

    \b
    Exit codes: 0 done, or all claims supported; 1 a claim refuted;
    3 undetermined; 2 the input is wrong or the run could not go on.

    \b
    First steps: calibrant demo
                 calibrant assess SUITE.yaml --plan
                 calibrant COMMAND --help
    """


def _not_lost(what: UnraisableHookArgs) -> None:
    """A Ctrl-C that came where Python cannot pass it on (a finaliser, an import) comes again."""
    if not issubclass(what.exc_type, KeyboardInterrupt):
        sys.__unraisablehook__(what)
        return
    again = threading.Timer(0.02, _again)
    again.daemon = True
    again.start()


def _again() -> None:
    # A signal, where there are such: it also ends a wait of the main thread, in sleep or a read.
    if hasattr(signal, "pthread_kill"):
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
    else:
        interrupt_main()


def main(args: list[str] | None = None) -> NoReturn:
    """Run the command line and exit; errors end in one line on stderr and exit code 2."""
    from calibrant._text import one_line

    stdout = sys.stdout
    if sys.unraisablehook is sys.__unraisablehook__:
        sys.unraisablehook = _not_lost
    try:
        # click's own handling of Ctrl-C would end with 1, which here says "refuted".
        code = cli.main(args=args, prog_name="calibrant", standalone_mode=False)
        sys.stdout.flush()
    except click.exceptions.NoArgsIsHelpError as e:
        e.show()
        sys.exit(2)
    except click.ClickException as e:
        where = getattr(e, "ctx", None)
        more = f" (see {where.command_path} --help)" if where else ""
        click.echo(f"calibrant: {one_line(e.format_message(), 1000)}{more}", err=True)
        sys.exit(2)
    except CalibrantError as e:
        click.echo(f"calibrant: {one_line(str(e), 1000)}", err=True)
        sys.exit(2)
    except (click.Abort, KeyboardInterrupt):
        click.echo("calibrant: interrupted; the same command goes on from what was kept", err=True)
        sys.exit(130)
    except SystemExit:
        # Where a pipe is closed click puts another stdout in place and ends with 1, which here
        # says "refuted".
        if sys.stdout is stdout:
            raise
        sys.stdout = stdout
        _forget_output()
        sys.exit(2)
    except OSError as e:
        if e.filename is not None or e.errno not in _LOST_OUTPUT:
            _fault()
        _forget_output()
        if e.errno != errno.EPIPE:  # who closes a pipe, as `head` does, has seen enough
            click.echo(f"calibrant: the output could not be written ({e.strerror})", err=True)
        sys.exit(2)
    except Exception:
        _fault()
    sys.exit(code if isinstance(code, int) else 0)


def _fault() -> NoReturn:
    # A fault of ours: show it whole, but never with the exit code that says "refuted".
    from traceback import print_exc

    print_exc()
    click.echo("calibrant: this should not happen; what had finished is kept", err=True)
    sys.exit(2)


def _forget_output() -> None:
    # What is left in the buffer would fail again, aloud, when the interpreter ends.
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
