"""Surgery by its earlier path, which scripts of other people use; it lives in `netvet.nets.surgery`."""

from netvet.nets.surgery import operate

__all__ = ["operate"]
