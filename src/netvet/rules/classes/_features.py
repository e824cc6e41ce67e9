"""What a stuck class's features lack, if they are why: the network's, or those that its images can give at this size.

Images and labels are sound here, and no augmentation is what the class is known by: that is judged before. A class with
far fewer images than the largest is left to class-imbalance, whatever its features.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from netvet.rules._chance import surely_more
from netvet.trace import Trace

if TYPE_CHECKING:
    from netvet.rules.classes._class import Limits

Lack = Literal["", "size", "network", "head"]


def lack(trace: Trace, place: str, partner: str, taken: float, limits: Limits) -> Lack:
    """`size`: twice the image size shows the difference, this one does not. `network`: the images hold it and the
    network's features do not. `head`: the features hold it, and the last layer passes it over. "": none of these.

    `taken`: the share of the missed images that are taken for the `partner`.
    """

    def measured(name: str) -> float:
        return trace.last(name, place)

    probe, image = measured("probe_pair_auc"), measured("image_pair_auc")
    same, double = measured("detail_same"), measured("detail_double")
    one, classes = taken >= limits.together, trace.meta.get("classes", ())
    asked = partner in classes and measured("detail_class") == classes.index(partner)
    unseen = probe < limits.pair and same < limits.rest
    shown = double >= max(limits.rest, same + limits.gap) or double >= max(limits.pair, same + 3 * limits.gap)
    if one and asked and unseen and shown:
        return "size"
    counts = [trace.last("class_images", name) for name in trace.places("class_images")]
    if not measured("class_images") >= limits.few * max(counts, default=0.0):
        return ""
    n = measured("val_images")
    if (
        min(measured("probe_auc"), probe if one else 1.0) >= limits.rest
        and n > 0
        and surely_more(measured("probe_recall"), n, measured("val_recall"), n) >= limits.gain
    ):
        return "head"
    if one and image >= max(limits.rest, probe + limits.gap) and probe < limits.poor:
        return "network"
    whole, alone = measured("image_auc"), measured("probe_auc")
    return "network" if whole >= max(limits.rest, alone + limits.gap) and alone < limits.poor else ""
