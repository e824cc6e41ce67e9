"""The page of a rule, probe, exam or remedy: its module's docstring, in either language."""

from __future__ import annotations

import inspect
import sys
from pathlib import Path

from netvet import locale

NAME = "# "  # begins the line above a translated page that gives the leaf's name in that language


def page(module: str, name: str) -> str:
    """The text of a leaf's page in the language in force; English where there is no translation."""
    return without_name(_translated(name)) or inspect.cleandoc(sys.modules[module].__doc__ or "")


def called(name: str) -> str:
    """What a leaf is called: its name, and in brackets its name in the language in force where that is another."""
    first = _translated(name).partition("\n")[0]
    return f"{name} ({first.removeprefix(NAME).strip()})" if first.startswith(NAME) else name


def without_name(text: str) -> str:
    """A translated page without the line that gives the leaf's name."""
    first, _newline, rest = text.partition("\n")
    return rest.strip() if first.startswith(NAME) else text


def _translated(name: str) -> str:
    """The page as it was translated into the language in force; "" in English, and where it was not."""
    path = Path(locale.__file__).parent / locale.language() / "pages" / f"{name}.md"
    return path.read_text(encoding="utf-8").strip() if locale.language() != "en" and path.is_file() else ""


def title(module: str, name: str) -> str:
    """The first sentence of the page."""
    return page(module, name).splitlines()[0].lstrip("# ").strip()


class Paged:
    """A leaf as registered: its module's docstring is its page."""

    name: str
    module: str

    @property
    def title(self) -> str:
        """The first line of the page."""
        return title(self.module, self.name)

    @property
    def page(self) -> str:
        """The page, as `netvet explain` prints it."""
        return page(self.module, self.name)
