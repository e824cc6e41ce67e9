"""The page of a leaf on the terminal and in a report: prose is wrapped, an example stays as it is."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from netvet.report.pages import page_html, print_page

LINE = '>>> assert_silent("dead-relu", altered(healthy_trace(), {"dead_fraction@features.2.act": 0.4}))'
PAGE = f"""A title.

## Evidence
{"Words of the evidence. " * 8}<b>Not bold.</b>
The runs behind these numbers: docs/evidence/dead-relu.md.

## Example
    {LINE}
    'features.2.act'

## References
A 2015, https://a.org/1
B 2016, https://b.org/2
"""


def _printed(width: int) -> str:
    out = io.StringIO()
    print_page(Console(file=out, width=width), "dead-relu", PAGE)
    return out.getvalue()


@pytest.mark.parametrize("width", [40, 80, 200])
def test_an_example_is_not_wrapped_on_the_terminal(width: int) -> None:
    printed = _printed(width)
    assert f"    {LINE}\n    'features.2.act'\n" in printed
    prose = [line for line in printed.splitlines() if line.startswith("Words")]
    assert all(len(line) <= width for line in prose)


def test_references_and_the_runs_have_lines_of_their_own() -> None:
    lines = [line.rstrip() for line in _printed(80).splitlines()]
    assert "The runs behind these numbers: docs/evidence/dead-relu.md." in lines
    assert "A 2015, https://a.org/1" in lines


def test_an_example_is_code_in_html_and_raw_html_is_text() -> None:
    html = page_html(PAGE)
    assert "<pre><code>&gt;&gt;&gt; assert_silent(" in html
    assert "blockquote" not in html
    assert "<h3>Example</h3>" in html
    assert "&lt;b&gt;Not bold." in html
    assert "https://a.org/1<br />" in html
