"""Numbers are written as the language has them: in Indonesian with a decimal comma, on the page, its charts and the
terminal; in English, JSON and recipes with a point.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from netvet import __version__, locale
from netvet.base import words
from netvet.report import html, text
from netvet.report.model import Report
from netvet.rules import diagnose, diagnosis_text
from netvet.testing import Curve, altered, healthy_trace
from netvet.trace import Trace
from tests.report.conftest import fish_trace, fish_trial

POINT = re.compile(r"(?<![\w.])\d+\.\d+(?![\w.])")


@pytest.fixture
def indonesian() -> Iterator[None]:
    locale.use("id")
    yield
    locale.use("en")


def _sick() -> Trace:
    wrong: dict[str, Curve] = {
        "val_accuracy": [0.2, 0.7123, 0.41],
        "dead_fraction@features.2.act": 0.812,
        "leaked_by_look@val": 0.175,
    }
    return altered(healthy_trace(), wrong | {"train_loss": [2.1, 1.512, 1.487, 1.487]})


def test_the_fields_of_a_sentence_are_written_by_its_language(indonesian: None) -> None:
    filled = locale._("{n:,} {r:.1f} {s} {t:.0%} {u!r}").format(n=12345, r=np.float64(0.25), s="1.5", t=0.4, u=0.5)
    assert filled == "12.345 0,2 1.5 40% 0.5"  # text, and what a user is to write, stay as they are
    assert locale.ngettext("{x:.1f}", "{x:.1f}", 2).format(x=1.25) == "1,2"
    assert locale._("{0:.1f}").format(2.5) == "2,5"


def test_english_keeps_the_point() -> None:
    assert locale._("{n:,} {r:.2f}").format(n=12345, r=0.25) == "12,345 0.25"
    assert (words.number(1234.5), words.percent(0.123), words.points(-0.012)) == ("1,234", "12.3%", "−1.2")


def test_words_for_numbers_are_written_by_the_language(indonesian: None) -> None:
    assert (words.number(1234.5), words.number(2.5e-7), words.percent(0.123)) == ("1.234", "2,5×10⁻⁷", "12,3%")
    assert (words.points(-0.012), words.numeral(0.5, "+.2f")) == ("−1,2", "+0,50")


def test_an_indonesian_page_has_no_decimal_point_but_in_recipes_and_versions(indonesian: None) -> None:
    trace = _sick()
    shown = html.render(Report(Path("runs/ikan"), trace.recipe, trace, diagnose(trace), None))
    body = re.sub(r"<(style|pre|code|details)\b.*?</\1>", " ", shown, flags=re.DOTALL)
    labels = re.findall(r'aria-label="([^"]*)"', body)
    prose = re.sub(r"<[^>]*>", " ", body).replace(__version__, "")
    prose = re.sub(r"[\w.]+: \S+ → \S+", " ", prose)  # changes of the recipe
    found = {each for line in (prose, *labels) for each in POINT.findall(line)}
    assert not found
    assert re.search(r"\d,\d", prose)


def test_the_charts_and_the_tables_of_classes_are_written_by_the_language(indonesian: None) -> None:
    trace = fish_trace()
    shown = html.render(Report(Path("runs/ikan"), None, trace, replace(diagnose(trace), ruled_out=()), fish_trial()))
    texts = re.findall(r"<(?:text|tspan|td|dd)\b[^>]*>([^<]*)<", shown)
    assert any(re.search(r"\d,\d", each) for each in texts)
    told = [each for each in texts if POINT.search(each) and "→" not in each and each != "2.14.1"]  # changes of recipes
    assert not told


def test_an_indonesian_diagnosis_and_a_trial_have_no_decimal_point(indonesian: None) -> None:
    printed = io.StringIO()
    text.print_trial(Console(file=printed, width=200, color_system=None), fish_trial())
    for shown in (diagnosis_text(diagnose(_sick())), printed.getvalue()):
        assert not POINT.findall(shown)
        assert re.search(r"\d,\d", shown)


def test_json_keeps_numbers_as_machines_read_them(indonesian: None) -> None:
    found = diagnose(_sick()).to_json()["findings"]
    assert all(isinstance(each["confidence"], float) for each in found)
