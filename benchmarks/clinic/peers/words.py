"""What a tool said about a run, and the one file that keeps it."""

from __future__ import annotations

import gzip
import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

FILE = Path(__file__).parent / "words.json.gz"
INFO, WARNING, CRITICAL = 0, 1, 2
"""Severities. An alarm is a warning or worse; where a tool knows no severity, every word is a warning."""


@dataclass(frozen=True)
class Word:
    """One thing that a tool said.

    `codes`: its stable names for it, one or several at once (the keys of `meaning.MAP`). `severity`: as the tool has
    it. `step`: the first optimiser step it was said at, or speaks of; -1: of the whole run. `times`: how often it was
    said (of so many layers, or steps). `text`: its first wording, cut to 200 characters.
    """

    codes: tuple[str, ...]
    severity: int
    step: int = -1
    times: int = 1
    text: str = ""

    @property
    def alarm(self) -> bool:
        """Whether it would make a user look."""
        return self.severity >= WARNING


@dataclass(frozen=True)
class Heard:
    """All that one tool said about one run, in its own order. `error`: why it fell silent, "" where it did not."""

    words: tuple[Word, ...] = ()
    error: str = ""


@dataclass
class Book:
    """The words of all tools about all runs.

    `versions`: of the packages. `runs`: by name of the run, then of the tool. `digests`: of the recipe that each run
    was trained by, with the epochs after a cap: a run whose recipe has changed is trained again.
    """

    versions: dict[str, str] = field(default_factory=dict)
    digests: dict[str, str] = field(default_factory=dict)
    epochs: dict[str, int] = field(default_factory=dict)
    runs: dict[str, dict[str, Heard]] = field(default_factory=dict)


def collapse(words: list[Word]) -> tuple[Word, ...]:
    """Each word once, where it was said first: the same of twelve layers is one word, said twelve times.

    The gravest severity and the first step count.

    >>> found = collapse([Word(("low",), WARNING, 5), Word(("high",), WARNING), Word(("low",), CRITICAL, 3)])
    >>> [(word.codes, word.severity, word.step, word.times) for word in found]
    [(('low',), 2, 3, 2), (('high',), 1, -1, 1)]
    """
    found: dict[tuple[str, ...], Word] = {}
    for word in words:
        old = found.get(word.codes)
        if old is None:
            found[word.codes] = word
            continue
        severity, step = max(old.severity, word.severity), min(old.step, word.step)
        found[word.codes] = Word(word.codes, severity, step, old.times + word.times, old.text)
    return tuple(found.values())


def load(path: Path = FILE) -> Book:
    """The kept words; an empty book where none are kept."""
    if not path.is_file():
        return Book()
    raw = json.loads(gzip.decompress(path.read_bytes()))
    runs = {
        run: {peer: Heard(tuple(_word(row) for row in heard["words"]), heard["error"]) for peer, heard in peers.items()}
        for run, peers in raw["runs"].items()
    }
    return Book(raw["versions"], raw["digests"], raw["epochs"], runs)


def save(book: Book, path: Path = FILE) -> None:
    """Keep the words: under another name first, then renamed, so that the file is always whole."""
    runs = {
        run: {peer: {"words": [_row(word) for word in heard.words], "error": heard.error} for peer, heard in by.items()}
        for run, by in sorted(book.runs.items())
    }
    plain = {"versions": book.versions, "digests": book.digests, "epochs": book.epochs, "runs": runs}
    text = json.dumps(plain, separators=(",", ":"), sort_keys=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(f".{os.getpid()}")
    partial.write_bytes(gzip.compress(text.encode(), mtime=0))
    partial.replace(path)


def _row(word: Word) -> list[Any]:
    return [list(word.codes), word.severity, word.step, word.times, word.text[:200]]


def _word(row: list[Any]) -> Word:
    codes, severity, step, times, text = row
    return Word(tuple(codes), severity, step, times, text)
