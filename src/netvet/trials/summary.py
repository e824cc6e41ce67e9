"""What a trial comes to, in a sentence or two."""

from __future__ import annotations

import math
from collections.abc import Sequence

from netvet.base.words import listed, metric, numeral, percent, points
from netvet.locale import _, ngettext
from netvet.rules import Diagnosis, rules
from netvet.trials import ClassEffect, Trial, Verdict

AUC = 0.85  # below it a class is still behind: as the page of stuck-class has it


def summarise(trial: Trial, diagnosis: Diagnosis) -> str:
    """What was tried, what helped by how much on which images, or that nothing helped; then what limits the answer."""
    parts: list[str] = []
    if diagnosis.verdict == "healthy":
        parts.append(_("The run was healthy."))
    elif diagnosis.grounds:
        parts.append(diagnosis.grounds)
    parts += [_mended(v, trial) for v in trial.verdicts if v.measurement]
    compared = [v for v in trial.verdicts if not v.measurement]
    if compared:
        parts += [
            _outcome(trial, compared),
            *_undecided(trial, compared),
            *_cures(trial, compared, diagnosis),
            *_of_the_class(trial, diagnosis),
        ]
    elif not parts or not any(v.measurement for v in trial.verdicts):
        parts.append(_("The trial ended before a remedy and the control had both finished on the same seed."))
    parts += _limits(trial, diagnosis)
    return " ".join(parts)


def _outcome(trial: Trial, compared: Sequence[Verdict]) -> str:
    """The one sentence that answers: did anything help?"""
    names, n, test = listed([v.remedy for v in compared]), len(compared), trial.confirmation
    if test is not None and test.helped:
        return ngettext(
            "{remedy}, the only remedy tried, helped: {metric} on the untouched test images rose by {gain} points "
            "({interval}), from {control} to {treated}.",
            "Of the {n} remedies tried, {remedy} helped: {metric} on the untouched test images rose by {gain} "
            "points ({interval}), from {control} to {treated}.",
            n,
        ).format(
            n=n,
            gain=points(test.effect).removeprefix("+"),
            control=percent(test.control),
            treated=percent(test.treated),
            **_numbers(test, trial),
        )
    if trial.chosen is None:
        top = max(compared, key=lambda v: v.effect)
        return ngettext(
            "Nothing helped: {remedy} did not raise {metric} on validation (a change of {effect} points, {interval}).",
            "Nothing helped: none of {names} raised {metric} on validation; the best, {remedy}, changed it by {effect} "
            "points ({interval}).",
            n,
        ).format(names=names, **_numbers(top, trial))
    chosen = next(v for v in compared if v.remedy == trial.chosen)
    if test is None:
        return _(
            "{remedy} changed {metric} on validation by {effect} points ({interval}), but could not be compared with "
            "the control on test images, so nothing is proven to help; tried: {names}."
        ).format(names=names, **_numbers(chosen, trial))
    if chosen.helped:
        return _(
            "Nothing is proven to help: {remedy} gained {gain} points of {metric} on validation, but the test images "
            "do not confirm it ({effect} points, {interval}); tried: {names}."
        ).format(gain=points(chosen.effect).removeprefix("+"), names=names, **_numbers(test, trial))
    return ngettext(
        "Nothing helped: {remedy} changed {metric} on the test images by {effect} points, which may be chance "
        "({interval}).",
        "Nothing helped: of {names}, {remedy} did best on validation, and on the test images it changed {metric} by "
        "{effect} points, which may be chance ({interval}).",
        n,
    ).format(names=names, **_numbers(test, trial))


def _undecided(trial: Trial, compared: Sequence[Verdict]) -> list[str]:
    """Remedies that pay late, against which runs as short as these say nothing."""
    confirmed = trial.confirmation.remedy if trial.confirmation is not None and trial.confirmation.helped else ""
    open_ = [v.remedy for v in compared if v.too_short and v.remedy != confirmed]
    sentence = ngettext(
        "{names} is not decided at {epochs} epochs: it pays in longer runs, if at all.",
        "{names} are not decided at {epochs} epochs: they pay in longer runs, if at all.",
        len(open_),
    )
    return [sentence.format(names=listed(open_), epochs=trial.epochs)] if open_ else []


def _cures(trial: Trial, compared: Sequence[Verdict], diagnosis: Diagnosis) -> list[str]:
    """Cured and better are two things: say which remedies took away what ailed the run."""
    root = diagnosis.root
    ailment = root.rule if root is not None else listed([s.rule for s in diagnosis.symptoms])
    judged = [v for v in compared if v.cured is not None]
    if not judged or not ailment:
        return []
    gone = [v.remedy for v in judged if v.cured]
    if not gone:
        text = ngettext("It did not cure {ailment}.", "None of them cured {ailment}.", len(judged))
        return [text.format(ailment=ailment)]
    winner = trial.confirmation.remedy if trial.confirmation is not None and trial.confirmation.helped else ""
    if winner in gone:
        return [_("It cured {ailment}.").format(ailment=ailment)]
    sentence = ngettext(
        "{names} cured {ailment}, which does not mean that accuracy rose.",
        "{names} cured {ailment}, which does not mean that accuracy rose.",
        len(gone),
    )
    return [sentence.format(names=listed(gone), ailment=ailment)]


def _of_the_class(trial: Trial, diagnosis: Diagnosis) -> list[str]:
    """Where a class was stuck: what the remedies did to it, what that cost the others, and what data it takes where it
    stays behind all the same.
    """
    best, test = trial.for_the_class, trial.confirmation
    if best is None or best.stuck is None:
        return []
    stuck, sure = best.stuck, best.stuck
    on_test = test is not None and test.remedy == best.remedy and test.stuck is not None
    if on_test and test is not None and test.stuck is not None:
        stuck = test.stuck
    numbers = {
        "name": stuck.name,
        "remedy": best.remedy,
        "control": numeral(stuck.control, ".2f"),
        "treated": numeral(stuck.treated, ".2f"),
        "effect": _auc(stuck.effect),
        "interval": _auc_interval(stuck.interval),
        "split": _("test") if on_test else _("validation"),
    }
    if sure.helped and not stuck.helped:
        first = _(
            "{remedy} raised the AUC of {name}, the stuck class, from {before} to {after} on the validation images "
            "({surely}); the test images do not confirm it ({control} and {treated}, {effect}, {interval})."
        )
        numbers |= {
            "before": numeral(sure.control, ".2f"),
            "after": numeral(sure.treated, ".2f"),
            "surely": _auc_interval(sure.interval),
        }
    elif stuck.helped:
        first = _(
            "{remedy} raised the AUC of {name}, the stuck class, from {control} to {treated} on the {split} images "
            "({interval})."
        )
    else:
        first = _(
            "No remedy is shown to raise the AUC of {name}, the stuck class: with {remedy} it is {treated} on the "
            "{split} images, against {control} in the control ({effect}, {interval})."
        )
    return [first.format(**numbers), *_of_the_others(stuck), *_data_needed((sure, stuck), diagnosis)]


def _data_needed(measured: Sequence[ClassEffect], diagnosis: Diagnosis) -> list[str]:
    """What other images or labels it takes, by the causes found: where the class is not shown to gain, or still lies
    below what classes that are learnt have (the AUC on the page of stuck-class). `measured`: on validation, on test.
    """
    if any(each.helped for each in measured) and all(each.treated >= AUC for each in measured):
        return []
    return [f.needed for f in diagnosis.findings if f.needed and f.severity == "illness"][:1]


def _of_the_others(stuck: ClassEffect) -> list[str]:
    if math.isnan(stuck.others):
        return []
    numbers = {
        "effect": _auc(stuck.others),
        "interval": _auc_interval(stuck.others_interval),
        "worst": stuck.worst,
        "loss": _auc(stuck.worst_effect),
    }
    if stuck.others_lost:
        text = _("The other classes pay for it: their mean AUC changed by {effect} ({interval}), {worst} by {loss}.")
    else:
        text = _(
            "The other classes are not shown to lose: their mean AUC changed by {effect} ({interval}), that of "
            "{worst}, the least favoured, by {loss}."
        )
    return [text.format(**numbers)]


def _mended(verdict: Verdict, trial: Trial) -> str:
    """What a remedy of the measurement did: no effect is claimed, since the images before and after are others."""
    numbers = {"remedy": verdict.remedy, "metric": metric(trial.metric), "honest": percent(verdict.treated)}
    seeds = ngettext("{n} seed", "{n} seeds", verdict.seeds).format(n=verdict.seeds)
    if verdict.cured is False:
        return _(
            "{remedy} did not fix the split: images still have twins in training, and {metric} is still too high."
        ).format(**numbers)
    if math.isnan(verdict.control):
        return _("With {remedy} the honest {metric} is {honest} ({seeds}).").format(seeds=seeds, **numbers)
    return _(
        "{remedy} fixed the split: the honest {metric} is {honest} ({seeds}), where the leaking split showed "
        "{flattering}; these are different images, so the difference is not a loss."
    ).format(seeds=seeds, flattering=percent(verdict.control), **numbers)


def _limits(trial: Trial, diagnosis: Diagnosis) -> list[str]:
    """What the reader has to know of how the answer was got."""
    said: list[str] = []
    root, known = diagnosis.root, rules()
    leaks = root is not None and root.rule in known and known[root.rule].invalidates
    if leaks and not any(v.measurement and v.cured for v in trial.verdicts):
        said.append(_("All of this was measured on a split that leaks, and may not hold for new images."))
    if trial.epochs < trial.full_epochs:
        said.append(
            _("Each run took {epochs} of the recipe's {full} epochs.").format(
                epochs=trial.epochs, full=trial.full_epochs
            )
        )
    said += _reduced(trial)
    if trial.worse:
        names, epochs = listed(list(trial.worse)), max(trial.worse.values())
        said.append(
            ngettext(
                "{names} was clearly worse in runs of {epochs} epochs.",
                "{names} were clearly worse in runs of {epochs} epochs.",
                len(trial.worse),
            ).format(names=names, epochs=epochs)
        )
    if trial.interrupted:
        said.append(_("The trial was interrupted; the result rests on the finished runs."))
    if trial.left_out:
        said.append(_("There was no time for {names}.").format(names=listed(trial.left_out)))
    for name, reason in trial.refused.items():
        said.append(_("{remedy} could not be tried: {reason}").format(remedy=name, reason=reason))
    if trial.reused:
        said.append(
            ngettext(
                "{k} of the {n} runs was made by an earlier trial.",
                "{k} of the {n} runs were made by an earlier trial.",
                trial.reused,
            ).format(k=trial.reused, n=len(trial.runs))
        )
    return said


def _reduced(trial: Trial) -> list[str]:
    """That the images of all runs were smaller or fewer than the recipe's, for want of time."""
    if trial.image_size is None or trial.sample is None:
        return []
    sentence = _(
        "To fit the budget all runs had images of {size} pixels and {share} of the training images: whether it holds "
        "at full size, a trial with more time tells."
    )
    return [sentence.format(size=trial.image_size, share=percent(trial.sample, 0))]


def _numbers(verdict: Verdict, trial: Trial) -> dict[str, str]:
    low, high = verdict.interval
    seeds = ngettext("{n} seed", "{n} seeds", verdict.seeds).format(n=verdict.seeds)
    interval = _("95% interval {low} to {high}, {seeds}").format(low=points(low), high=points(high), seeds=seeds)
    if math.isinf(high):
        interval = _("{seeds}: too few for an interval").format(seeds=seeds)
    return {
        "remedy": verdict.remedy,
        "metric": metric(trial.metric),
        "effect": points(verdict.effect),
        "interval": interval,
    }


def _auc(effect: float) -> str:
    return numeral(effect, "+.3f")


def _auc_interval(interval: tuple[float, float]) -> str:
    low, high = interval
    if not math.isfinite(high):
        return _("too few seeds for an interval")
    return _("95% interval {low} to {high}").format(low=_auc(low), high=_auc(high))
