"""Traces with a stuck class and what the exams of classes measured."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from netvet.testing import Curve, altered, healthy_trace
from netvet.trace import Trace

WORST = "species 3"
STUCK: Mapping[str, Curve] = {
    f"val_auc@{WORST}": 0.7,
    f"val_auc_low@{WORST}": 0.62,
    f"val_auc_high@{WORST}": 0.78,
    f"val_recall@{WORST}": 0.2,
}


def sick(changes: Mapping[str, Curve], *, partner: int = 4, taken: float = 0.5, stuck: bool = True) -> Trace:
    """A trace whose species 3 is stuck and whose exams found nothing odd, but for the changes.

    `taken`: share of its missed images that is taken for species `partner`, the rest evenly for the others.
    """
    base = healthy_trace()
    names = base.meta["classes"]
    exams: dict[str, Curve] = {}
    for name in names:
        exams |= {f"quality_{kind}@{name}": 0.1 for kind in ("blur", "dark", "flat", "glare")}
        exams |= {
            f"quality_surely@{name}": -0.1,
            f"label_error_share@{name}": 0.05,
            f"label_error_together@{name}": 0.5,
        }
        exams |= {f"image_auc@{name}": 0.97, f"image_pair_auc@{name}": 0.98, f"image_rest_auc@{name}": 0.97}
        exams |= {f"probe_auc@{name}": 0.97, f"probe_pair_auc@{name}": 0.97, f"probe_recall@{name}": 0.9}
    trace = altered(altered(base, {**(STUCK if stuck else {}), **exams}), changes)
    confusion = np.diag(np.full(len(names), 20))
    missed = np.full(len(names), (1 - taken) * 100 / (len(names) - 2))
    missed[partner], missed[3] = taken * 100, 30
    confusion[3] = missed.round().astype(np.int64)
    return Trace(trace.observations(), recipe=trace.recipe, arrays={("val_confusion", ""): confusion}, meta=trace.meta)
