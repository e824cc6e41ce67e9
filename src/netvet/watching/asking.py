"""Which probes are asked when; one that fails is not asked again."""

from __future__ import annotations

import warnings
from collections.abc import Mapping

from netvet.locale import _
from netvet.trace import TraceWriter
from netvet.watching import At, Layer, Moment, Probe, all_probes
from netvet.watching.passes import RARER
from netvet.watching.readings import Readings

EARLY = (0, 1, 2, 5)  # steps that are measured whatever the interval is: a run goes wrong early


class Asking:
    """Asks every probe that is due. `every`: steps between measurements, None as each probe says.

    `copied`: the forward pass is made again for the probes' sake, so by default they ask for it less often.
    """

    def __init__(self, writer: TraceWriter, readings: Readings, every: int | None, *, copied: bool) -> None:
        self._writer, self._readings, self._every, self._copied = writer, readings, every, copied
        self._probes = list(all_probes().values())
        self._dropped: dict[str, str] = {}
        self._step = 0
        self.due: dict[At, list[Probe]] = {}
        for each in self._probes:
            writer.declare({each.name: each.observed})

    def plan(self, step: int) -> None:
        """Settle which probes are due at this step."""
        self._step = step
        due: dict[At, list[Probe]] = {"forward": [], "before_step": [], "after_step": [], "end": []}
        for each in self._probes:
            rarer = RARER if self._copied and each.at == "forward" else 1
            if step in EARLY or step % (self._every or rarer * each.every) == 0:
                due[each.at].append(each)
        self.due = due

    def ask(self, at: At, subject: Layer | Moment, where: str = "") -> None:
        """Ask every probe that is due; one that raises is dropped for good, with a warning."""
        for each in list(self.due[at]):
            try:
                found = each.measure(subject)
                if found is not None:
                    values = found if isinstance(found, Mapping) else {where: found}
                    self._readings.add_all(self._step, each.name, values)
            except Exception as error:  # whatever it is, training goes on
                self._drop(each, error)

    def _drop(self, broken: Probe, error: Exception) -> None:
        self._probes.remove(broken)
        self.due[broken.at].remove(broken)
        self._dropped[broken.name] = reason = f"{type(error).__name__}: {error}"
        self._writer.meta("dropped_probes", self._dropped)
        sentence = _("The probe {name} failed at step {step} and is switched off ({error}); training continues.")
        warnings.warn(sentence.format(name=broken.name, step=self._step, error=reason), RuntimeWarning, stacklevel=4)
