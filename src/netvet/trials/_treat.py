"""`treat`: remedies tried on a recorded run, against an untouched control."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from netvet.base.errors import BadInput
from netvet.base.words import duration
from netvet.locale import _
from netvet.trials import course
from netvet.trials._model import FOLDER, Trial, TrialListener
from netvet.trials.engine import LOCAL, LocalEngine
from netvet.trials.protocol import draw_up
from netvet.trials.race import Race
from netvet.trials.summary import summarise
from netvet.trials.verdicts import best, confirm, judge

if TYPE_CHECKING:
    from netvet.images.dataset import ImageSet
    from netvet.trials.engine import Engine


def treat(
    run: str | Path,
    *,
    budget: float,
    names: Sequence[str] = (),
    engine: Engine | str = LOCAL,
    images: ImageSet | None = None,
    seeds: int = 3,
    least: int = 3,
    listener: TrialListener | None = None,
) -> Trial:
    """Try remedies on a recorded run, against an untouched control, and write `trial.json` beside it.

    Every seed is run untouched and with each remedy: same first weights where the nets are alike, same order of the
    data, same epochs, same split. Remedies are chosen by validation; the chosen one is held against the control on the
    test split, which nothing else has looked at. See `netvet.trials.statistics` for what the intervals cover,
    `netvet.trials.race` for who runs when.

    Args:
        run: a folder that `netvet.train` wrote; the runs go to its folder `trials`, and a run that an earlier call made
            of the same recipe is used again.
        budget: seconds, test evaluation included. Runs are shortened to fit, remedies and seeds left out.
        names: remedies to try; by default those of the findings, filled up from a general list to `least`.
        engine: where the runs are made: `local`, this process, or an engine of your own.
        images: those of the run, if they are loaded already.
        seeds: of every remedy that stays in the race, at least 2; with time left the best get up to 8.
        least: remedies to try at least, where the time allows.
        listener: is told of every change.

    Raises:
        BadInput: no finished run with a recipe, a remedy that does not exist or does not apply, too small a budget, an
            engine that does not exist.
    """
    if isinstance(engine, str) and engine != LOCAL:
        raise BadInput(_("There is no engine {name!r}; there is: {known}.").format(name=engine, known=LOCAL))
    path = Path(run)
    protocol = draw_up(path, names=names, seeds=seeds, least=least)
    protocol.fitted(budget, protocol.pace)  # a budget that is too small is reported before anything is loaded
    if isinstance(engine, str):
        if images is None:
            from netvet.training import load_images

            images = load_images(protocol.recipe, progress=False)
        if images.digest != protocol.digest:
            raise BadInput(
                _(
                    "The images of {source} are not those that {run} was trained on: train it again, then treat it."
                ).format(source=protocol.recipe.data.source, run=run)
            )
        engine = LocalEngine(images, of=protocol.recipe, tick=lambda share: race.tick(share))
    prescribed = list(protocol.prescriptions)
    race = Race(protocol, budget, engine, path / FOLDER, listener or TrialListener())
    course.run(race)
    if not race.runs:
        if race.interrupted:
            raise KeyboardInterrupt
        raise BadInput(
            _("The {budget} of the trial were over before its first run was: give more.").format(
                budget=duration(budget)
            )
        )
    protocol = race.protocol
    verdicts = judge(protocol, race)
    chosen = best(verdicts, race)
    confirmation = None
    if chosen is not None:
        race.say(_("{arm} on the test images").format(arm=chosen.remedy))
        try:
            confirmation = confirm(chosen, protocol, race, engine)
        except KeyboardInterrupt:
            race.interrupted = True
        race.say("")
    tried = {*race.refused, *race.worse, *(arm for arm, _seed in race.runs)}
    reduced = protocol.reduction
    trial = Trial(
        metric=protocol.metric,
        epochs=race.plan.epochs,
        full_epochs=protocol.recipe.stop.epochs,
        budget_seconds=budget,
        spent_seconds=race.spent(),
        runs=tuple(race.runs.values()),
        verdicts=verdicts,
        chosen=chosen.remedy if chosen is not None else None,
        confirmation=confirmation,
        summary="",
        reused=race.reused,
        left_out=tuple(name for name in prescribed if name not in tried),
        refused=race.refused,
        interrupted=race.interrupted,
        worse=race.worse,
        image_size=reduced.image_size if reduced is not None else None,
        sample=reduced.sample if reduced is not None else None,
    )
    trial = replace(trial, summary=summarise(trial, protocol.diagnosis))
    trial.save(path)
    return trial
