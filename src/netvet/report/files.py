"""Files that are whole or not there."""

from __future__ import annotations

from pathlib import Path


def put(path: Path, text: str) -> Path:
    """Write a text file atomically; returns its path."""
    part = path.with_name(path.name + ".part")
    part.write_text(text, encoding="utf-8")
    part.replace(path)
    return path
