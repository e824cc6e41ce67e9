"""For tests that judge how a real training comes out (`pytest.mark.trained`): their recipes can be shifted.

What they assert must hold on any processor, where sums are rounded otherwise and a training takes another course. So
`scripts/any-processor` runs them on other instructions, in other precisions, and on other reefs than their own:

    NETVET_TEST_REEF_SEED=3 NETVET_TEST_PRECISION=float32 pytest -m trained
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace

from netvet.recipe import Recipe
from netvet.reef import parse


def shifted(recipe: Recipe, environment: Mapping[str, str] = os.environ) -> Recipe:
    """The recipe, with the seed of its reef and the precision that the environment names, where it names any.

    >>> small = Recipe().change({"data.source": "reef:species=3,n=30"})
    >>> shifted(small, {"NETVET_TEST_REEF_SEED": "2"}).data.source
    'reef:species=3,n=30,seed=2'
    >>> shifted(small, {}) == small
    True
    """
    changes = {}
    name, _colon, options = recipe.data.source.partition(":")
    seed, precision = (environment.get(f"NETVET_TEST_{what}") for what in ("REEF_SEED", "PRECISION"))
    if seed and name == "reef":
        changes["data.source"] = f"reef:{replace(parse(options), seed=int(seed))}"
    if precision:
        changes["precision"] = precision
    return recipe.change(changes)
