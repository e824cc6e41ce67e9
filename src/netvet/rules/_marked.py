"""Classes that an exam has marked, whether or not they stay behind: their labels contradict their images, or they are
recognised by their blur or darkness, or nothing tells them from one other class.

A network that learns wrong labels, or a shortcut, shows no symptom: what is measured on held-out images has the same
labels and the same blur. So these are told without one.
"""

from __future__ import annotations

from netvet.rules._chance import interval, surely_more
from netvet.rules._stuck import Stuck, partner
from netvet.rules._views import view
from netvet.trace import Trace

CORE, SURELY = 0.4, 0.24  # share of a core with other labels, and the lower end of its interval
KNOWN = 0.85  # AUC of the images' own features: a class that they know, so that its core is its own
BACK = 0.12  # share of the partner's core with this label, up to which the two do not merely look alike
LEAST = 8  # images of a core: of a class of fewer than 32 it is a few tracks
ONE_WAY = 2.0  # times the likely errors among its own labels: of classes that overlap, errors go both ways
UNKNOWN, BEYOND, UNLEARNT = 0.65, 0.2, 0.7  # AUC of a class whose labels say nothing; below the others'; the network's
GIVEN, EVEN = 0.4, 0.6  # share of likely errors there; of these, to one class
TORN, TIMES, FEWEST = 0.15, 1.5, 20  # share of pairs of one group with different labels, beyond times the usual; pairs
TAKEN = 0.3  # share of the other classes' images that is surely taken for a class once they are as poor
CHANCE, APART, MIXED = 0.6, 0.85, 0.3  # AUC of two classes against one another and of either against the rest; of cores


@view()
def mislabelled(trace: Trace) -> tuple[Stuck, ...]:
    """The classes whose labels contradict their images, the plainest first."""
    found = [each for name in trace.places("label_error_share") if (each := _contradicted(trace, name)) is not None]
    return tuple(sorted(found, key=lambda each: (each.usual - each.value, each.place)))


@view()
def shortcuts(trace: Trace) -> tuple[Stuck, ...]:
    """The classes that are recognised by their blur or darkness, the plainest first."""
    found: list[Stuck] = []
    for name in trace.places("quality_taken"):
        taken, plain = trace.series("quality_taken", name), trace.last("quality_taken_plain", name)
        n = trace.last("quality_asked", name)
        if n > 0 and surely_more(taken.last, n, plain, n) >= TAKEN:
            found.append(Stuck(name, taken, taken.last, plain, plain + TAKEN, *partner(trace, name)))
    return tuple(sorted(found, key=lambda each: (-each.value, each.place)))


@view()
def interchangeable(trace: Trace) -> tuple[Stuck, ...]:
    """The classes of which the images say no more than chance against the class they are taken for, nor the other way
    round, though either is told from the rest: one kind under two names, or labels that were exchanged.
    """
    found: list[Stuck] = []
    for name in trace.places("image_pair_auc"):
        other, taken = partner(trace, name)
        pair, rest = trace.series("image_pair_auc", name), trace.last("image_rest_auc", name)
        mutual = partner(trace, other)[0] == name and trace.last("image_pair_auc", other) <= CHANCE
        mutual = mutual and all(trace.last("label_core_wrong", each) >= MIXED for each in (name, other))
        if pair.last <= CHANCE and rest >= APART and mutual:
            found.append(Stuck(name, pair, pair.last, APART, CHANCE, other, taken))
    return tuple(sorted(found, key=lambda each: (each.value, each.place)))


MARKS = {
    "low-quality-images": shortcuts,  # first: an experiment on the network itself
    "label-noise": mislabelled,
    "look-alike-classes": interchangeable,
}


def marked(trace: Trace, rule: str) -> tuple[Stuck, ...]:
    """The classes that an exam has marked for a rule."""
    return MARKS[rule](trace) if rule in MARKS else ()


def _contradicted(trace: Trace, name: str) -> Stuck | None:
    """How the labels of a class contradict its images; None where they do not surely."""
    core, torn = trace.series("label_core_wrong", name), trace.series("label_torn", name)
    usual = _median(trace, "label_torn", name)
    others = partner(trace, name)
    if len(torn) and trace.last("label_torn_pairs", name) >= FEWEST and torn.last >= TORN + TIMES * usual:
        return Stuck(name, torn, torn.last, usual, TORN + TIMES * usual, *others)
    auc, count = trace.last("image_auc", name), trace.last("label_core_images", name)
    common = _median(trace, "label_core_wrong", name)
    one_way = core.last >= ONE_WAY * trace.last("label_error_share", name)
    known = auc >= KNOWN and one_way and trace.last("label_core_back", name) <= BACK
    if known and count >= LEAST and core.last >= CORE and interval(core.last, count)[0] >= max(SURELY, common):
        return Stuck(name, core, core.last, common, CORE, *others)
    share = trace.series("label_error_share", name)
    spread = trace.last("label_error_together", name) <= EVEN
    alone = auc <= min(UNKNOWN, _median(trace, "image_auc", name) - BEYOND) and trace.last("val_auc", name) <= UNLEARNT
    if alone and spread and share.last >= GIVEN:
        return Stuck(name, share, share.last, _median(trace, "label_error_share", name), GIVEN, *others)
    return None


def _median(trace: Trace, observation: str, but: str) -> float:
    """Of the other classes; 0 where there are none."""
    values = sorted(trace.last(observation, name) for name in trace.places(observation) if name != but)
    return values[len(values) // 2] if values else 0.0
