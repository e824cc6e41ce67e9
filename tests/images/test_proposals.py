"""Groups that names tell of: found where people name them, and nowhere else."""

from __future__ import annotations

import random
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netvet.images.proposals import Proposal, alike, keys_by, numbered, propose, recommended
from tests.images.naming import HELD, LAST, SET, SPECIES, Named, Scheme, named

SCHEMES = {**SET, **HELD, **LAST}
TELLING = {name: scheme for name, scheme in SCHEMES.items() if named(scheme).levels}
SILENT = {name: scheme for name, scheme in SCHEMES.items() if name not in TELLING}


def torn(levels: list[str], proposal: Proposal) -> float:
    """Share of the true groups that a proposal tears."""
    parts: dict[str, set[int]] = {}
    for name, number in zip(levels, proposal.member.tolist(), strict=True):
        parts.setdefault(name, set()).add(number)
    return sum(len(part) > 1 for part in parts.values()) / len(parts)


def finest(files: Named) -> list[str]:
    return max(files.levels.values(), key=lambda names: len(set(names)))


@pytest.mark.parametrize("name", TELLING)
def test_what_is_proposed_first_tears_no_true_group_apart(name: str) -> None:
    files = named(TELLING[name])
    best = recommended(propose(files.paths, files.labels))
    assert best is not None
    assert torn(finest(files), best) <= 0.02


@pytest.mark.parametrize("name", TELLING)
def test_a_true_level_is_among_the_proposals(name: str) -> None:
    files = named(TELLING[name])
    proposals = propose(files.paths, files.labels)
    assert any(alike(numbered(level), each.member) for level in files.levels.values() for each in proposals)


@pytest.mark.parametrize("name", SILENT)
@pytest.mark.parametrize("seed", range(3))
def test_names_without_groups_propose_none(name: str, seed: int) -> None:
    files = named(SILENT[name], seed)
    assert propose(files.paths, files.labels) == ()


@pytest.mark.parametrize("scheme", TELLING.values(), ids=TELLING)
def test_the_pattern_of_a_proposal_gives_its_groups(scheme: Scheme) -> None:
    files = named(scheme)
    for each in propose(files.paths, files.labels):
        keys = keys_by(re.compile(each.by), files.paths)
        alone = [key or path for key, path in zip(keys, files.paths, strict=True)]
        assert np.array_equal(numbered(alone), each.member)
        assert len(set(alone)) == each.groups


def test_the_order_of_the_files_does_not_matter() -> None:
    files = named(SET["video_crops"])
    order = random.Random(1).sample(range(len(files.paths)), len(files.paths))
    mixed = propose([files.paths[i] for i in order], [files.labels[i] for i in order])
    assert [each.by for each in mixed] == [each.by for each in propose(files.paths, files.labels)]


def test_a_group_that_spans_classes_is_counted_once() -> None:
    paths = [f"{label}/video{v}_{frame}.png" for label in SPECIES for v in range(8) for frame in range(5)]
    best = recommended(propose(paths, [path.split("/")[0] for path in paths]))
    assert best is not None
    assert (best.groups, best.spanning, best.kind) == (8, 8, "video")
    assert best.classes.tolist() == [8] * 6


def test_videos_are_preferred_to_tracks_where_the_classes_have_enough_of_them() -> None:
    files = named(SET["video_crops"])
    best = recommended(propose(files.paths, files.labels))
    assert best is not None
    assert best.kind == "video"


HOSTILE = st.text(
    st.characters(codec="utf-8", exclude_characters="/"), min_size=1, max_size=30
).filter(lambda name: name not in (".", ".."))  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(SPECIES), HOSTILE), min_size=1, max_size=60), st.booleans())
def test_any_name_is_taken(files: list[tuple[str, str]], folders: bool) -> None:
    paths = [f"{label}/{name}" if folders else name for label, name in files]
    for each in propose(paths, [label for label, _name in files]):
        assert len(each.member) == len(paths)
        assert keys_by(re.compile(each.by), paths)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6))
def test_random_hexadecimal_names_propose_nothing(seed: int) -> None:
    chance = random.Random(seed)
    length = chance.randint(8, 40)
    paths = [f"{label}/{chance.getrandbits(4 * length):0{length}x}.jpg" for label in SPECIES for _ in range(40)]
    assert propose(paths, [path.split("/")[0] for path in paths]) == ()
