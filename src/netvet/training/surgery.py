"""Surgery by its earlier path and name, which scripts of other people use; it lives in `netvet.nets.surgery`."""

from netvet.nets.surgery import patch_model as operate

__all__ = ["operate"]
