"""For all tests: where real photographs are, a cache of their own, and slow tests last."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from netvet.images.dataset import ImageSet
    from netvet.recipe import Recipe


@pytest.fixture(scope="session")
def f4k23() -> Path:
    """The folder of 4,179 photographs of 23 species, with its manifest.csv; skips where it is not there."""
    given = os.environ.get("NETVET_DATA")
    roots = [Path(given), Path(given) / "f4k23"] if given else [Path(__file__).parents[2] / "shared" / "data" / "f4k23"]
    for root in roots:
        if (root / "manifest.csv").is_file():
            return root
    pytest.skip(f"the photographs f4k23 are not at {roots[-1]}: set NETVET_DATA to their folder")


@pytest.fixture(scope="session")
def recipe() -> Recipe:
    """A recipe that trains in a second or two: see `tests.small`."""
    from netvet.recipe import Recipe
    from tests.small import SMALL

    return Recipe().change(SMALL)


@pytest.fixture(scope="session")
def images(recipe: Recipe) -> ImageSet:
    """The images of `recipe`."""
    from netvet.training import load_images

    return load_images(recipe, progress=False)


@pytest.fixture(autouse=True, scope="session")
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Decoded images of tests go to a folder that pytest throws away, also those of subprocesses."""
    os.environ.setdefault("NETVET_CACHE", str(tmp_path_factory.mktemp("cache")))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Fast tests first: a mistake shows soon."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is not None)
