"""The registry of the leaves of one kind: a new rule, probe, exam, remedy, fault or gallery is one new file in its
package, found by walking it, and edits no other.
"""

from __future__ import annotations

import importlib
import pkgutil
import warnings
from importlib.metadata import entry_points
from typing import Generic, Protocol, TypeVar

from netvet.base.errors import BadInput
from netvet.locale import _


class Leaf(Protocol):
    """What a registry holds: `module` is the one that it was registered in."""

    @property
    def module(self) -> str:
        """Its dotted path."""


T = TypeVar("T", bound=Leaf)


class Registry(Generic[T]):
    """The leaves below `package` by name, then those that other packages offer as entry points of the group `package`.

    >>> # in another package's pyproject.toml, for a module that registers rules when it is imported:
    >>> # [project.entry-points."netvet.rules"]
    >>> # mine = "my_package.my_rules"
    """

    def __init__(self, package: str) -> None:
        self.package = package
        self.leaves: dict[str, T] = {}
        self._loaded = False

    def add(self, name: str, leaf: T) -> None:
        """Register a leaf. Raises BadInput where another module has one of that name; its own takes its place, so that
        a notebook's cell can be run again.
        """
        if not self._inside(leaf.module):
            self._load()
        known = self.leaves.get(name)
        if known is not None and known.module != leaf.module:
            sentence = _("{package} already has {name!r}, in {module}: rename the one in {other}.")
            raise BadInput(sentence.format(package=self.package, name=name, module=known.module, other=leaf.module))
        self.leaves[name] = leaf

    def all(self) -> dict[str, T]:
        """Every leaf by name, in alphabetical order."""
        self._load()
        return dict(sorted(self.leaves.items()))

    def _inside(self, module: str) -> bool:
        return module.startswith(self.package + ".")

    def _load(self) -> None:
        """Import every module below the package, so that its decorators have run, then what is offered from outside.
        Private modules (`_x`) are passed over.
        """
        if self._loaded:
            return
        self._loaded = True
        root = importlib.import_module(self.package)
        for module in pkgutil.walk_packages(root.__path__, self.package + "."):
            if not module.name.rpartition(".")[2].startswith("_"):
                importlib.import_module(module.name)
        for offered in entry_points(group=self.package):
            try:
                offered.load()
            except Exception as error:  # whatever it is, the house's own leaves work
                sentence = _("{name} of {group} cannot be loaded and is left out: {error}.")
                warnings.warn(
                    sentence.format(name=offered.value, group=self.package, error=error), RuntimeWarning, stacklevel=2
                )
