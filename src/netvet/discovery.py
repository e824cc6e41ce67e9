"""Finds the leaves of the house: a new rule, probe, exam or remedy is one new file in its package, and edits no
other.
"""

from __future__ import annotations

import importlib
import pkgutil


def load_leaves(package: str) -> None:
    """Import every module below a package, so that its decorators have run. Private modules (`_x`) are passed over."""
    root = importlib.import_module(package)
    for module in pkgutil.walk_packages(root.__path__, package + "."):
        if not module.name.rpartition(".")[2].startswith("_"):
            importlib.import_module(module.name)
