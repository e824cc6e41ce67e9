"""The reef by its earlier path and names, which scripts of other people use; it lives in `netvet.reef`."""

from netvet.reef import Reef, load_reef, parse
from netvet.reef import RenderedReef as Painted
from netvet.reef import render as paint

__all__ = ["Painted", "Reef", "load_reef", "paint", "parse"]
