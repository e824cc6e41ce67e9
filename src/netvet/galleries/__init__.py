"""Galleries: the images that show what a finding says, each one file; see `gallery`."""

from netvet.galleries._gallery import (
    MOST,
    SIDE,
    Choose,
    Gallery,
    Line,
    Shot,
    clear,
    galleries,
    gallery,
    missing,
    save,
    saved,
    small,
)

__all__ = [
    "MOST",
    "SIDE",
    "Choose",
    "Gallery",
    "Line",
    "Shot",
    "clear",
    "galleries",
    "gallery",
    "missing",
    "save",
    "saved",
    "small",
]
