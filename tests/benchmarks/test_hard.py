"""The plan of hard data: what is planted, and that the halves share nothing."""

from __future__ import annotations

from pathlib import Path

from benchmarks.hard.plan import runs
from benchmarks.hard.plants import PLANTS
from benchmarks.hard.sets import SETS, Item

ROOT = Path("nowhere")
MADE = [Item(f"{label}/{i}.png", label) for label in "abcd" for i in range(50)]


def changed(plant: str) -> list[tuple[Item, Item]]:
    """Items before and after, where the label differs."""
    made = PLANTS[plant].apply(ROOT, MADE, ("a", "b"))
    return [(one, other) for one, other in zip(MADE, made, strict=True) if one.label != other.label]


def test_sixty_percent_of_a_class_are_renamed() -> None:
    moved = changed("renamed")
    assert len(moved) == 30
    assert {one.label for one, _other in moved} == {"a"}
    assert {other.label for _one, other in moved} == {"b", "c", "d"}
    assert {other.label for _one, other in changed("renamed-to-one")} == {"b"}


def test_half_of_two_classes_are_exchanged() -> None:
    moved = changed("exchanged")
    assert sorted((one.label, other.label) for one, other in moved) == [("a", "b")] * 25 + [("b", "a")] * 25


def test_swapping_leaves_every_class_its_size() -> None:
    made = PLANTS["swapped"].apply(ROOT, MADE, ("a", "b"))
    assert all(sum(each.label == label for each in made) == 50 for label in "abcd")
    assert sum(one.label != other.label for one, other in zip(MADE, made, strict=True)) == 80


def test_a_cut_class_has_five_images_and_the_others_stay() -> None:
    made = PLANTS["cut"].apply(ROOT, MADE, ("a", "b"))
    assert sum(each.label == "a" for each in made) == 5
    assert sum(each.label != "a" for each in made) == 150


def test_the_halves_share_no_victim_and_no_network() -> None:
    halves = ("setting", "locked")
    victims = [{name for each in SETS if each.half == half for name in each.victims} for half in halves]
    assert not victims[0] & victims[1]
    nets = [{each.recipe.model for each in runs() if each.of.half == half} for half in halves]
    assert not nets[0] & nets[1]
    assert len({each.name for each in runs()}) == len(runs())
