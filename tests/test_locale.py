"""The Indonesian catalogue and pages: whole, up to date, and with the same fields, numbers and names as the English."""

from __future__ import annotations

import importlib.machinery
import importlib.util
import inspect
import re
import string
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from netvet import locale
from netvet.base.pages import called, page, title
from netvet.base.words import metric
from netvet.cli.app import _main
from netvet.rules import rules

ROOT = Path(__file__).parent.parent
LEAF_FOLDERS = ("rules", "watching/probes", "exams", "remedies", "galleries", "faults")
UPDATE = "Run .venv/bin/python scripts/locale and commit what it writes; that needs no Indonesian."


def _tool() -> ModuleType:
    """`scripts/locale`, which has no suffix."""
    loader = importlib.machinery.SourceFileLoader("netvet_scripts_locale", str(ROOT / "scripts" / "locale"))
    spec = importlib.util.spec_from_loader(loader.name, loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module


tool = _tool()
catalogue = tool.read(tool.PO.read_bytes())
pages = sorted(path.stem for path in tool.PAGES.glob("*.md"))


def sentences(messages: object) -> dict[str, str]:
    """The last form of every sentence (the plural one, where there are two) by its first."""
    ids = [message.id for message in messages if message.id]  # type: ignore[attr-defined]
    return {i if isinstance(i, str) else i[0]: i if isinstance(i, str) else i[1] for i in ids}


def fields(text: str) -> set[tuple[str, str, str]]:
    """The fields of a sentence: name, format, conversion."""
    return {
        (name, form or "", turn or "") for _t, name, form, turn in string.Formatter().parse(text) if name is not None
    }


@pytest.fixture
def indonesian() -> Iterator[None]:
    locale.use("id")
    yield
    locale.use("en")


@pytest.fixture
def english_after() -> Iterator[None]:
    yield
    locale.use("en")


def test_translations_have_the_fields_of_their_sentences() -> None:
    """`{x:.1%}` stays `{x:.1%}`: a field that is lost or misspelt would break the program in that language alone."""
    wrong = {}
    for message in catalogue:
        source = message.id if isinstance(message.id, str) else message.id[1]
        translated = "".join(message.string or "")
        if source and translated:
            edges = (translated[0] == " ", translated[-1] == " ") == (source[0] == " ", source[-1] == " ")
            if fields(translated) != fields(source) or not edges:
                wrong[source] = translated
    assert not wrong, "Other fields, or another space at an end, than in the English sentence."


def test_every_sentence_is_translated() -> None:
    """No Indonesian at hand? Put "# to be translated" above the sentence in netvet.po: English is shown meanwhile."""
    left = set(tool.untranslated(catalogue)) - tool.postponed(catalogue)
    assert not left, f'Translate these in {tool.PO}, or mark them with the comment "# to be translated": {left}'


def test_the_catalogue_is_that_of_the_source() -> None:
    """A new leaf may bring its sentences along without touching the catalogue; all else has to be in it."""
    template = tool.template()
    there, known = sentences(template), sentences(catalogue)
    assert known.keys() <= there.keys(), f"No longer in the source: {known.keys() - there.keys()}. {UPDATE}"
    new = [m for m in template if m.id and not any(_in_a_leaf(place) for place, _line in m.locations)]
    assert sentences(new).keys() <= known.keys(), f"New: {sentences(new).keys() - known.keys()}. {UPDATE}"


def _in_a_leaf(path: str) -> bool:
    return path.startswith(tuple(f"src/netvet/{folder}/" for folder in LEAF_FOLDERS))


def test_the_compiled_catalogue_is_that_of_the_po() -> None:
    assert tool.PO.with_suffix(".mo").read_bytes() == tool.to_mo(catalogue), UPDATE


def test_the_catalogue_is_written_the_same_each_time() -> None:
    again = tool.read(tool.to_po(catalogue))
    assert tool.to_po(again) == tool.to_po(catalogue)
    assert tool.to_mo(again) == tool.to_mo(catalogue)
    assert b"POT-Creation-Date" not in tool.PO.read_bytes()


def test_indonesian_has_one_plural(indonesian: None) -> None:
    assert "nplurals=1; plural=0;" in tool.PO.read_text(encoding="utf-8")
    assert [locale.ngettext("{n} seed", "{n} seeds", n) for n in (0, 1, 2)] == ["{n} seed"] * 3
    assert locale.ngettext("{n} run", "{n} runs", 1) == "{n} pelatihan"


@pytest.mark.parametrize("name", pages)
def test_a_page_says_what_the_english_one_says(name: str) -> None:
    """Headings, numbers, code, names of leaves and references are the same in both languages.

    A new leaf needs no Indonesian page: the English one is shown, and scripts/locale lists it. A page that is there and
    says something else is worse than none, so that fails.
    """
    assert name not in tool.drifted_pages(), (
        f"src/netvet/locale/id/pages/{name}.md is stale, {tool.drifted_pages()[name]}. Bring it up to date with the "
        "English page, or, without Indonesian, delete the file: the English page is shown until it is translated again."
    )


@pytest.mark.parametrize("name", pages)
def test_an_example_is_the_same_in_both_languages(name: str) -> None:
    english = inspect.cleandoc(sys.modules[tool.leaves()[name]].__doc__ or "")
    translated = (tool.PAGES / f"{name}.md").read_text(encoding="utf-8")
    assert _indented(translated) == _indented(english)


@pytest.mark.parametrize("name", sorted(rules()))
def test_what_a_rule_finds_has_an_indonesian_name(name: str, indonesian: None) -> None:
    """The first line of its page, `# kelas macet`; where there is no page yet, the id alone is shown."""
    there = (tool.PAGES / f"{name}.md").is_file()
    assert called(name).startswith(f"{name} (") is there
    assert not page(rules()[name].module, name).startswith("#")


def test_a_headline_has_both_names_in_indonesian_alone(indonesian: None) -> None:
    assert called("dead-relu") == "dead-relu (ReLU mati)"
    locale.use("en")
    assert called("dead-relu") == "dead-relu"


def _indented(page: str) -> list[str]:
    """The lines of code, less what is said beside them."""
    return [line.partition("  #")[0] for line in page.splitlines() if line.startswith("    ")]


def test_drift_is_noticed() -> None:
    english = "Title.\n\n## Evidence\n`limit` is 0.5, see dead-relu.\n\n## References\nA 2015, https://a.org/1\n"
    same = "Judul.\n\n## Bukti\nBatas `limit` 0.5, lihat dead-relu.\n\n## Rujukan\nA 2015, https://a.org/1\n"
    assert tool.drift(english, same) == ""
    assert tool.drift(english, same.replace("0.5", "0.6")) == "numbers: lacks 0.5 and has 0.6"
    assert tool.drift(english, same.replace("`limit`", "`batas`")) == "code: lacks `limit` and has `batas`"
    assert "headings" in tool.drift(english, same.replace("## Bukti\n", ""))
    assert "references" in tool.drift(english, same.replace("a.org/1", "a.org/2"))
    assert "names: lacks dead-relu" in tool.drift(english, same.replace("dead-relu", "ReLU mati"))


def test_what_is_looked_up_late_is_marked(indonesian: None) -> None:
    """A reason is kept in English, in caches and traces, and translated where it is shown."""
    assert locale.later("truncated") == "truncated"
    assert locale._(locale.later("truncated")) == "terpotong"
    assert locale._("") == ""
    assert metric("balanced_accuracy") == "akurasi seimbang"


def test_a_page_is_indonesian_where_there_is_one(indonesian: None) -> None:
    module = tool.leaves()["dead-relu"]
    assert title(module, "dead-relu") == "Sebagian besar unit sebuah lapisan ReLU tidak pernah aktif."
    assert page(module, "new-leaf") == inspect.cleandoc(sys.modules[module].__doc__ or "")


@pytest.mark.parametrize(
    ("variables", "language"),
    [
        ({"LANG": "id_ID.UTF-8"}, "id"),
        ({"LC_ALL": "id_ID.UTF-8", "LANG": "en_GB.UTF-8"}, "id"),
        ({"LC_ALL": "C.UTF-8", "LANG": "id_ID.UTF-8"}, "en"),
        ({"LANG": "de_DE.UTF-8"}, "en"),
    ],
)
def test_the_language_of_the_machine(
    variables: dict[str, str], language: str, monkeypatch: pytest.MonkeyPatch, english_after: None
) -> None:
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert locale.use(None) == language


@pytest.mark.parametrize(
    "arguments", [["--help"], *([c, "--help"] for c in ("checkup", "diagnose", "treat", "predict"))]
)
def test_help_is_indonesian(
    arguments: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, english_after: None
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    assert _main([*arguments, "--lang", "id"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("Cara pakai: netvet ")
    left = r"Usage|Commands|Arguments|Parameters|\b(the|and|of|with|one|required|default|choices|Example)\b"
    assert not re.search(left, out), out
    if len(arguments) > 1:
        assert f"Contoh: netvet {arguments[0]}" in out
        assert "[wajib]" in out
    assert _main([*arguments, "--lang", "en"]) == 0
    assert capsys.readouterr().out.startswith("Usage: netvet ")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["chekup"], "Perintah tidak dikenal: chekup."),
        (["train"], "DATA belum diisi."),
        (["train", "x", "--bogus", "1"], "Opsi tidak dikenal: --bogus."),
        (["treat", "x", "--seeds", "many"], "--seeds tidak dapat berisi 'many'."),
        (["treat", "x", "--engine", "moon"], "--engine tidak dapat berisi 'moon'; yang boleh: local."),
        (
            ["train", "reef", "--set", "optimizer.lr=-1"],
            "Resep: optimizer.lr berisi -1: seharusnya lebih besar dari 0.",
        ),
        (["diagnose", "nowhere"], "Tidak ada pelatihan yang terekam di nowhere"),
    ],
)
def test_refusals_are_indonesian(
    arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str], english_after: None
) -> None:
    assert _main([*arguments, "--lang", "id"]) == 2
    err = capsys.readouterr().err
    assert sentence in err
    assert len(err.strip().splitlines()) == 1
