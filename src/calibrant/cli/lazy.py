"""Groups whose commands are loaded only when called."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import click


class LazyGroup(click.Group):
    """Loads a command's module only when that command is called.

    Args:
        package: where the modules are; each has a command `cli`.
        helps: each command with its one-line help.
    """

    def __init__(self, *args: Any, package: str, helps: dict[str, str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.package = package
        self.helps = helps

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(self.helps)

    def get_command(
        self,
        ctx: click.Context,  # noqa: ARG002
        cmd_name: str,
    ) -> click.Command | None:
        if cmd_name not in self.helps:
            return None
        command: click.Command = import_module(f"{self.package}.{cmd_name}").cli
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0] if args else ""
        if name and name not in self.helps and not name.startswith("-"):
            from difflib import get_close_matches

            near = get_close_matches(name, self.helps, n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            ctx.fail(f"no such command {name!r}{hint}")
        return super().resolve_command(ctx, args)

    def format_commands(
        self,
        ctx: click.Context,  # noqa: ARG002
        formatter: click.HelpFormatter,
    ) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(self.helps.items()))


class FileFirst(LazyGroup):
    """A group that takes a file in place of a command to mean one of its commands.

    Args:
        file_means: that command.
    """

    def __init__(self, *args: Any, file_means: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.file_means = file_means

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        # A file named like a command is written ./check.
        known = any(a in self.helps for a in args[:1])
        if args and not known and args[0] not in ("-h", "--help"):
            args = [self.file_means, *args]
        return super().parse_args(ctx, args)
