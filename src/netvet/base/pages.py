"""The page of a rule, probe, exam or remedy: its module's docstring, in either language."""

from __future__ import annotations

import inspect
import sys
from pathlib import Path

from netvet import locale


def page(module: str, name: str) -> str:
    """The text of a leaf's page in the language in force; English where there is no translation."""
    translated = Path(locale.__file__).parent / locale.language() / "pages" / f"{name}.md"
    if locale.language() != "en" and translated.is_file():
        return translated.read_text(encoding="utf-8").strip()
    return inspect.cleandoc(sys.modules[module].__doc__ or "")


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
