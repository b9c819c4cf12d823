"""Main: the command `voicekit`, its verbs and its exit codes.

Exit codes: 0 fine, 1 problems found, 2 wrong usage, 3 a bug of ours, 130 interrupted. Each verb's module is
imported when the verb is used, so that `voicekit --help` costs nothing else.
"""

import gc
import importlib
import sys
import traceback
from typing import Final

import click

from voicekit.cli.terminal import show
from voicekit.problems import Refused

# The verbs, in the order of the help, with what each does in one line.
VERBS: Final = {
    "run": "Check a file, warm up, and answer calls.",
    "validate": "Check files and say everything that is wrong.",
    "test": "Hold the scenarios beside a file with it, on emulators.",
    "explain": "Show a file as it will run, each value with its origin.",
    "schema": "Say what a key means and takes; print the JSON Schema.",
    "new": "Write a file to begin with.",
    "chat": "Write to the agent of a file.",
    "calls": "Show and delete what is kept of those who have called.",
    "providers": "List providers and their options.",
    "emulate": "Stand in for providers' APIs on this machine.",
}


class _Verbs(click.Group):
    """The group of verbs, each loaded from the module of its name."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in VERBS:
            return None
        command: click.Command = importlib.import_module(f"voicekit.cli.{cmd_name}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Verbs"):
            formatter.write_dl(list(VERBS.items()))


@click.group(cls=_Verbs, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="voicekit", prog_name="voicekit")
def group() -> None:
    """Voice agents from one YAML file."""


def main() -> None:
    """Run the command and exit with its code."""
    # What is imported stays: looking through it for garbage is a tenth of a short command. `run` turns it on again.
    gc.disable()
    try:
        code = group.main(standalone_mode=False)
    except Refused as refused:
        show(refused.problems, {})
        code = 1
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except (click.Abort, KeyboardInterrupt):
        code = 130
    except Exception:  # noqa: BLE001 - the last stop before the terminal
        click.echo(traceback.format_exc(), err=True)
        click.echo("voicekit: this is a bug of ours; please report it with the lines above", err=True)
        code = 3
    sys.exit(code)
