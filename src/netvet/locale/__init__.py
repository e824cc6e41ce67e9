"""Languages: English is the source, Indonesian (`id`) a gettext catalogue beside this file.

`_` looks a sentence up in the language that was chosen last; sentences hold named fields that are filled in afterwards,
`_("{n} images").format(n=3)`, so that a translation may order them as it likes.

Numbers in sentences are written as the language has them: in Indonesian with a decimal comma. What a machine reads is
the same in both: numbers in JSON, recipes, code, names of rules. A sentence that is recorded (an exam's answer, a
trial's summary) stays in the language it was recorded in.
"""

from __future__ import annotations

import gettext as _gettext
import locale as _locale
import os
from numbers import Number
from pathlib import Path
from string import Formatter

LANGUAGES = ("en", "id")
_HERE = Path(__file__).parent
_current: _gettext.NullTranslations = _gettext.NullTranslations()
_language = "en"
_COMMA = str.maketrans(".,", ",.")


def use(language: str | None = None) -> str:
    """Choose the language: `en`, `id`, or None for the machine's own. Returns the one in force."""
    global _current, _language
    _language = language if language in LANGUAGES else _machine()
    _current = _gettext.translation("netvet", _HERE, languages=[_language], fallback=True)
    return _language


def language() -> str:
    """The language in force: `en` or `id`."""
    return _language


def _machine() -> str:
    """The machine's language by the usual variables; English where it is neither."""
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        value = os.environ.get(name)
        if value:
            return "id" if value.lower().startswith(("id", "in_")) else "en"
    try:
        return "id" if (_locale.getlocale()[0] or "").lower().startswith(("id", "indones")) else "en"
    except ValueError:
        return "en"


def written(number: str) -> str:
    """A number in the language in force: of "1,234.5" Indonesian makes "1.234,5"."""
    return number.translate(_COMMA) if _language == "id" else number


class _Numbers(Formatter):
    """Fills the fields of a sentence, numbers as the language in force writes them."""

    def format_field(self, value: object, spec: str) -> str:
        text = format(value, spec)
        return written(text) if isinstance(value, Number) else text


class _Sentence(str):
    """A sentence whose numbers are written by its language."""

    __slots__ = ()

    def format(self, *args: object, **fields: object) -> str:
        return _Numbers().vformat(self, args, fields)


def _said(message: str) -> str:
    return _Sentence(message) if _language == "id" else message


def _(message: str) -> str:
    """The sentence in the language in force."""
    return _said(_current.gettext(message)) if message else ""  # gettext answers "" with its header


def later(message: str) -> str:
    """The sentence as it is, marked for translation: for one that is kept, and looked up with `_` where it is shown."""
    return message


def ngettext(one: str, many: str, n: int) -> str:
    """The sentence for n things in the language in force."""
    return _said(_current.ngettext(one, many, n))
