"""The page of a rule, probe, exam or remedy for a reader: on the terminal, and as HTML in a report."""

from __future__ import annotations

import re
import textwrap
from typing import ClassVar

from markdown_it import MarkdownIt
from rich.console import Console, ConsoleOptions, RenderResult
from rich.markdown import CodeBlock, Markdown, MarkdownElement
from rich.text import Text


def print_page(console: Console, name: str, page: str) -> None:
    """The page under its leaf's name, wrapped to the terminal; examples stay as they are, fit to be copied."""
    console.print(_Page(f"# {name}\n\n{_in_lines(page)}"), crop=False)


def page_html(page: str) -> str:
    """The page as HTML, its headings at the third level; raw HTML in it stays text."""
    text = _in_lines(page).replace("\n## ", "\n### ")
    return str(MarkdownIt("commonmark", {"html": False}).render(text))


def _in_lines(page: str) -> str:
    """The page with every reference, and the line that points to the runs behind it, on a line of its own."""
    text = re.sub(r"(https?://\S+)\n", r"\1  \n", page)
    return re.sub(r"\n(?=.*docs/evidence/\S+\.md\.\n)", "  \n", text)


class _Verbatim(CodeBlock):
    """An example: neither wrapped nor coloured by syntax, whatever the width of the terminal."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        code = textwrap.indent(str(self.text).rstrip(), "    ")
        yield Text(code, style="cyan", no_wrap=True, overflow="ignore")


class _Page(Markdown):
    elements: ClassVar[dict[str, type[MarkdownElement]]] = {
        **Markdown.elements,
        "code_block": _Verbatim,
        "fence": _Verbatim,
    }
