"""Languages: English is the source, Indonesian (`id`) a gettext catalogue beside this file.

`_` looks a sentence up in the language that was chosen last; sentences hold named fields that are filled in afterwards,
`_("{n} images").format(n=3)`, so that a translation may order them as it likes.

Numbers are written alike in both languages, with a decimal point; so is what a machine reads: JSON, recipes, names of
rules. A sentence that is recorded (an exam's answer, a trial's summary) stays in the language it was recorded in.
"""

from __future__ import annotations

import gettext as _gettext
import locale as _locale
import os
from pathlib import Path

LANGUAGES = ("en", "id")
_HERE = Path(__file__).parent
_current: _gettext.NullTranslations = _gettext.NullTranslations()
_language = "en"


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


def _(message: str) -> str:
    """The sentence in the language in force."""
    return _current.gettext(message) if message else ""  # gettext answers "" with its header


def later(message: str) -> str:
    """The sentence as it is, marked for translation: for one that is kept, and looked up with `_` where it is shown."""
    return message


def ngettext(one: str, many: str, n: int) -> str:
    """The sentence for n things in the language in force."""
    return _current.ngettext(one, many, n)
