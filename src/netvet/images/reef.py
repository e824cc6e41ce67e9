"""The reef by its earlier path, which scripts of other people use; it lives in `netvet.reef`."""

from netvet.reef import Painted, Reef, load_reef, paint, parse

__all__ = ["Painted", "Reef", "load_reef", "paint", "parse"]
