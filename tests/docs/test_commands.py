"""Every command that the documentation shows exists, with the options that it is shown with."""

import pytest
import typer.main

from deepchord.commands import commands as deepchord
from tests.docs.documents import PAGES, Command, commands

_ROOT = typer.main.get_command(deepchord)
_COMMANDS = _ROOT.commands
_SHOWN = sorted({command for page in PAGES for command in commands(page)}, key=lambda command: command.text)


def _options(parameters) -> set[str]:
    return {name for parameter in parameters for name in (*parameter.opts, *parameter.secondary_opts)} | {"--help"}


def _named_options(arguments: list[str]) -> set[str]:
    """Return the options among the arguments; in sentences some are in brackets, or alternatives."""
    return {each.strip("[]").partition("=")[0] for each in arguments if each.strip("[").startswith("--")}


def test_the_documentation_shows_commands():
    assert {"train", "predict", "serve", "worker"} <= {command.arguments[0] for command in _SHOWN if command.is_whole}


@pytest.mark.parametrize("shown", _SHOWN, ids=lambda command: command.text)
def test_a_command_in_the_documentation_exists_with_its_options(shown: Command):
    name, *arguments = shown.arguments
    if name.startswith("-"):
        assert _named_options([name]) <= _options(_ROOT.params)
    elif name != "COMMAND":
        assert name in _COMMANDS, f"{shown.page} shows a command that there is not"
        assert _named_options(arguments) <= _options(_COMMANDS[name].params)


@pytest.mark.parametrize("shown", [each for each in _SHOWN if each.is_whole], ids=lambda command: command.text)
def test_a_command_to_be_copied_is_understood(shown: Command):
    name, *arguments = shown.arguments

    context = _COMMANDS[name].make_context(name, arguments)

    assert context.params


def test_every_command_has_its_place_in_the_help():
    assert [name for name, command in _COMMANDS.items() if not command.rich_help_panel] == []
