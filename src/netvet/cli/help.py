"""`--help` and what cyclopts says of a wrong command line, in the language in force.

The command line is written in English, where cyclopts reads it when it is imported; what it prints is translated here,
on its way to the terminal. `scripts/locale` takes the sentences from `netvet.cli.app`: the paragraphs of its commands'
docstrings, its `help=` texts and the names of its groups.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, get_args

from cyclopts import App, CoercionError, CycloptsError, MissingArgumentError, UnknownCommandError, UnknownOptionError

from netvet.locale import _, language

if TYPE_CHECKING:
    from cyclopts.help import HelpEntry, HelpPanel
    from rich.console import Console, ConsoleOptions

EXAMPLE = "Example: "


def translate(app: App) -> None:
    """Make an app's help speak the language in force; nothing to do for English, the language of the source."""
    if language() != "en":
        app.help_formatter = Translated()


class Translated:
    """The usual help of cyclopts, each text of it looked up before it is printed."""

    def __call__(self, console: Console, options: ConsoleOptions, panel: HelpPanel) -> None:
        """Print one panel: its title is a group's name, each entry a command or a parameter."""
        from cyclopts.help import DefaultFormatter

        words = {"Commands": _("Commands"), "Arguments": _("Arguments"), "Parameters": _("Parameters")}
        title = str(panel.title)
        entries = [_entry(entry) for entry in panel.entries]
        made = panel.copy(title=words.get(title) or _(title), entries=entries)
        DefaultFormatter(column_specs=_columns)(console, options, made)

    def render_usage(self, console: Console, _options: ConsoleOptions, usage: Any) -> None:
        """Print the line that says how the command is written."""
        from rich.text import Text

        words = {"COMMAND": _("COMMAND"), "[OPTIONS]": _("[OPTIONS]"), "[ARGS...]": _("[ARGS...]")}
        line = " ".join(words.get(word, word) for word in str(usage).split())
        console.print(Text(_("Usage: {line}").format(line=line) + "\n", "bold"))

    def render_description(self, console: Console, _options: ConsoleOptions, description: Any) -> None:
        """Print what the command does, paragraph by paragraph."""
        from rich.text import Text

        for paragraph in _plain(description).split("\n\n"):
            if paragraph.strip():
                console.print(Text(_paragraph(" ".join(paragraph.split())) + "\n"))


def refusal(error: CycloptsError) -> str:
    """What is wrong with a command line, in one sentence."""
    if language() != "en":
        match error:
            case UnknownOptionError():
                return _("Unknown option: {option}.").format(option=error.token.keyword or error.token.value)
            case UnknownCommandError() if error.unused_tokens:
                return _("Unknown command: {command}.").format(command=error.unused_tokens[0])
            case MissingArgumentError() if error.argument is not None:
                return _("{argument} is missing.").format(argument=error.argument.name)
            case CoercionError() if error.argument is not None and error.token is not None:
                name, value = error.argument.name, error.token.value
                allowed = ", ".join(part for part in get_args(error.target_type) if isinstance(part, str))
                if allowed:
                    return _("{argument} cannot be {value!r}; allowed: {values}.").format(
                        argument=name, value=value, values=allowed
                    )
                return _("{argument} cannot be {value!r}.").format(argument=name, value=value)
    return " ".join(str(error).split())


def _paragraph(text: str) -> str:
    if text.startswith(EXAMPLE):
        return _("Example: {command}").format(command=text.removeprefix(EXAMPLE))
    return _(text) if text else ""


def _entry(entry: HelpEntry) -> HelpEntry:
    words = {
        "Display this message and exit.": _("Display this message and exit."),
        "Display application version.": _("Display application version."),
    }
    text = _plain(entry.description)
    return entry.copy(description=words.get(text) or _paragraph(text))


def _plain(description: object) -> str:
    """The text of a description: cyclopts wraps it for rich."""
    return str(getattr(description, "primary_renderable", description) or "").strip()


def _columns(console: Console, options: ConsoleOptions, entries: list[HelpEntry]) -> tuple[Any, ...]:
    """The usual columns, but for what it adds to a description: choices, default, required."""
    from cyclopts.help.specs import DescriptionColumn, get_default_command_columns, get_default_parameter_columns

    is_command = not any(entry.type for entry in entries)
    usual = get_default_command_columns if is_command else get_default_parameter_columns
    return tuple(
        column.copy(renderer=_described) if column is DescriptionColumn else column
        for column in usual(console, options, entries)
    )


def _described(entry: HelpEntry) -> Any:
    from rich.text import Text

    text = Text(str(entry.description or ""))
    if entry.choices:
        text.append(" " + _("[choices: {values}]").format(values=", ".join(entry.choices)), "dim")
    if entry.default is not None:
        text.append(" " + _("[default: {value}]").format(value=_default(entry.default)), "dim")
    if entry.required:
        text.append(" " + _("[required]"), "red")
    return text


def _default(value: str) -> str:
    return {"True": _("yes"), "False": _("no"), "[]": _("none")}.get(value, value)
