"""Trials on made-up runs whose true effect is known: what is tried, for how long, and what is said of it."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from netvet.base.errors import BadInput
from netvet.recipe import Recipe
from netvet.report.text import outcome
from netvet.rules import Diagnosis, Finding
from netvet.trace import TraceWriter
from netvet.trials import (
    AUC_OF,
    CONTROL,
    Progress,
    Trial,
    TrialListener,
    Verdict,
    course,
    protocol,
    race,
    reduction,
    treat,
)
from netvet.trials import budget as budgets
from tests.trials.fakes import HEALTHY, ILL, LEAK, LEAKING, ONE_STUCK, SICK, STUCK, SYMPTOM, FakeEngine, record_run

Treat = Callable[..., Trial]


@pytest.fixture
def trying(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Treat:
    """`treat` on a run of 12 epochs of one second, with a made-up engine, clock and diagnosis."""

    def tried(
        engine: FakeEngine,
        *,
        diagnosis: Diagnosis = HEALTHY,
        budget: float = 1000,
        run: Path | None = None,
        recipe: Recipe | None = None,
        **options: Any,
    ) -> Trial:
        folder = run or tmp_path / "run"
        if not folder.exists():
            record_run(folder, recipe)
        monkeypatch.setattr(protocol, "diagnose", lambda trace, run="": diagnosis)
        monkeypatch.setattr(race, "monotonic", engine.clock)
        return treat(folder, budget=budget, engine=engine, **options)

    return tried


def verdict(trial: Trial, remedy: str) -> Verdict:
    return next(v for v in trial.verdicts if v.remedy == remedy)


def seeds_of(engine: FakeEngine) -> Counter[str]:
    return Counter(job.arm for job in engine.jobs)


class TestWhatIsSaid:
    def test_a_remedy_that_helps_is_found_and_confirmed_on_the_test_images(self, trying: Treat) -> None:
        engine = FakeEngine(effects={"augment": 0.08})
        trial = trying(engine)
        assert trial.chosen == "augment"
        assert verdict(trial, "augment").helped
        assert trial.confirmation is not None
        assert trial.confirmation.split == "test"
        assert trial.confirmation.helped
        assert trial.confirmation.effect == pytest.approx(0.08, abs=0.02)
        assert trial.confirmation.treated - trial.confirmation.control == pytest.approx(trial.confirmation.effect)
        assert trial.summary.startswith("The run was healthy. Of the 3 remedies tried, augment helped: balanced")
        assert "test images rose by" in trial.summary

    def test_the_test_split_is_looked_at_for_the_chosen_remedy_alone(self, trying: Treat) -> None:
        engine = FakeEngine(effects={"dropout": 0.08})
        trial = trying(engine)
        assert trial.confirmation is not None
        assert trial.chosen == "dropout"
        assert Counter(engine.evaluated) == {
            (arm, seed): 1 for arm in (CONTROL, "dropout") for seed in range(trial.confirmation.seeds)
        }

    def test_nothing_helped_is_an_answer(self, trying: Treat) -> None:
        trial = trying(FakeEngine(luck=2))
        assert not any(v.helped for v in trial.verdicts)
        assert trial.confirmation is None or not trial.confirmation.helped
        assert trial.summary.startswith("The run was healthy. Nothing helped: ")
        assert "of augment, weight-decay and dropout" in trial.summary

    def test_where_all_do_harm_none_is_chosen_and_the_test_split_stays_untouched(self, trying: Treat) -> None:
        engine = FakeEngine(effects=dict.fromkeys(("augment", "weight-decay", "dropout"), -0.05))
        trial = trying(engine)
        assert trial.chosen is None
        assert trial.confirmation is None
        assert engine.evaluated == []
        assert "raised balanced accuracy on validation" in trial.summary

    def test_a_gain_on_validation_that_the_test_images_do_not_confirm(self, trying: Treat) -> None:
        class Overfits(FakeEngine):
            def evaluate(self, run: Any, split: str) -> Any:
                return {"balanced_accuracy": self._value(CONTROL, run.seed + 50, split)}

        trial = trying(Overfits(effects={"augment": 0.2}))
        assert verdict(trial, "augment").helped
        assert trial.confirmation is not None
        assert not trial.confirmation.helped
        assert "Nothing is proven to help: augment gained" in trial.summary

    def test_finding_gone_and_accuracy_up(self, trying: Treat) -> None:
        ill = (SICK.rule, SYMPTOM.rule)
        engine = FakeEngine(
            effects={"raise-learning-rate": 0.3},
            findings={CONTROL: (SYMPTOM.rule,), "augment": ill, "weight-decay": (SYMPTOM.rule, "dead-relu")},
        )
        trial = trying(engine, diagnosis=ILL, recipe=Recipe().change({"optimizer.lr": 0.0005, "stop.epochs": 12}))
        raised = verdict(trial, "raise-learning-rate")
        assert raised.cured is True
        assert raised.changes == {"optimizer.lr": (0.0005, 0.05)}
        assert verdict(trial, "augment").cured is False
        assert verdict(trial, "weight-decay").new_findings == ("dead-relu",)
        assert "It cured learning-rate-too-low." in trial.summary

    def test_cured_and_better_are_two_things(self, trying: Treat) -> None:
        sick = {CONTROL: (SYMPTOM.rule,), "augment": (SYMPTOM.rule,), "weight-decay": (SYMPTOM.rule,)}
        engine = FakeEngine(effects={"raise-learning-rate": -0.05}, findings=sick)
        trial = trying(engine, diagnosis=ILL, recipe=Recipe().change({"optimizer.lr": 0.0005, "stop.epochs": 12}))
        assert verdict(trial, "raise-learning-rate").cured is True
        assert not verdict(trial, "raise-learning-rate").helped
        assert "raise-learning-rate cured learning-rate-too-low, which does not mean" in trial.summary

    def test_no_cure_is_claimed_where_the_control_does_not_show_the_illness(self, trying: Treat) -> None:
        trial = trying(FakeEngine(), diagnosis=ILL)
        assert {v.cured for v in trial.verdicts} == {None}

    def test_nothing_is_cured_where_nothing_ailed(self, trying: Treat) -> None:
        trial = trying(FakeEngine(findings={CONTROL: ("dead-relu",)}))
        assert {v.cured for v in trial.verdicts} == {None}

    def test_the_metric_is_the_recipe_s(self, trying: Treat) -> None:
        recipe = Recipe().change({"stop.metric": "accuracy", "stop.epochs": 12})
        trial = trying(FakeEngine(base=0.9), recipe=recipe)
        assert trial.metric == "accuracy"
        assert verdict(trial, "augment").control == pytest.approx(0.45, abs=0.05)

    def test_the_loss_is_judged_by_balanced_accuracy(self, trying: Treat) -> None:
        trial = trying(FakeEngine(), recipe=Recipe().change({"stop.metric": "loss", "stop.epochs": 12}))
        assert trial.metric == "balanced_accuracy"

    def test_a_run_without_a_number_counts_as_nothing_right(self, trying: Treat) -> None:
        engine = FakeEngine(effects={"augment": math.nan})
        trial = trying(replace_metrics(engine))
        assert verdict(trial, "augment").treated == 0


class TestAStuckClass:
    """Judged by its own AUC and by what the others lose."""

    NOW: ClassVar = {"perch": 0.55, "pike": 0.9, "bream": 0.9}

    def test_a_remedy_that_helps_it_and_costs_the_others_nothing(self, trying: Treat, tmp_path: Path) -> None:
        auc = {"": self.NOW, "augment": {**self.NOW, "perch": 0.87}}
        engine = FakeEngine(effects={"augment": 0.08}, auc=auc, findings={CONTROL: ("stuck-class",)})
        trial = trying(engine, diagnosis=ONE_STUCK)
        for each in (verdict(trial, "augment"), trial.confirmation):
            assert each is not None
            assert each.stuck is not None
            assert each.stuck.name == "perch"
            assert each.stuck.helped
            assert each.stuck.effect == pytest.approx(0.32, abs=0.02)
            assert each.stuck.treated == pytest.approx(0.87, abs=0.02)
            assert not each.stuck.others_lost
        other = verdict(trial, "dropout").stuck
        assert other is not None
        assert not other.helped
        assert "augment raised the AUC of perch, the stuck class, from 0.5" in trial.summary
        assert "on the test images" in trial.summary
        assert "The other classes are not shown to lose" in trial.summary
        assert Trial.open(tmp_path / "run") == trial

    def test_what_the_others_pay_is_told_with_who_pays_most(self, trying: Treat) -> None:
        auc = {"": self.NOW, "dropout": {"perch": 0.8, "pike": 0.88, "bream": 0.7}}
        trial = trying(FakeEngine(auc=auc), diagnosis=ONE_STUCK)
        found = verdict(trial, "dropout").stuck
        assert found is not None
        assert found.others == pytest.approx(-0.11, abs=0.02)
        assert found.others_lost
        assert found.worst == "bream"
        assert found.worst_effect == pytest.approx(-0.2, abs=0.02)
        assert "dropout raised the AUC of perch" in trial.summary
        assert "The other classes pay for it" in trial.summary
        assert "bream by −0." in trial.summary

    def test_where_nothing_raises_it_that_is_said(self, trying: Treat) -> None:
        trial = trying(FakeEngine(auc={"": self.NOW}), diagnosis=ONE_STUCK)
        assert "No remedy is shown to raise the AUC of perch" in trial.summary
        assert trial.for_the_class is not None

    def test_a_gain_that_the_test_images_do_not_confirm_is_told_as_one_of_validation(self, trying: Treat) -> None:
        class Uncertain(FakeEngine):
            def evaluate(self, run: Any, split: str) -> Any:
                spread = 0.3 * (-1) ** run.seed if run.arm == "augment" else 0.0
                return {**super().evaluate(run, split), AUC_OF + "perch": 0.6 + spread}

        auc = {"": self.NOW, "augment": {**self.NOW, "perch": 0.87}}
        trial = trying(Uncertain(effects={"augment": 0.08}, auc=auc), diagnosis=ONE_STUCK)
        assert "augment raised the AUC of perch, the stuck class, from 0.5" in trial.summary
        assert "on the validation images (95% interval +0." in trial.summary
        assert "the test images do not confirm it (0.60 and 0." in trial.summary

    def test_where_it_stays_behind_the_data_that_it_takes_are_told(self, trying: Treat, tmp_path: Path) -> None:
        rare = Finding("few", where="perch", rule="class-imbalance", needed="perch needs more images: 9.")
        ailing = Diagnosis((rare, STUCK), {}, "sick")
        nothing = trying(FakeEngine(auc={"": self.NOW}), diagnosis=ailing)
        assert "(95% interval" in nothing.summary
        assert rare.needed in nothing.summary
        short = {"": self.NOW, "augment": {**self.NOW, "perch": 0.7}}
        some = trying(FakeEngine(auc=short), diagnosis=ailing, run=tmp_path / "some", names=["augment"])
        assert "augment raised the AUC of perch" in some.summary
        assert rare.needed in some.summary
        enough = {"": self.NOW, "augment": {**self.NOW, "perch": 0.9}}
        cured = trying(FakeEngine(auc=enough), diagnosis=ailing, run=tmp_path / "cured", names=["augment"])
        assert rare.needed not in cured.summary

    def test_a_diverged_run_counts_as_guessing(self, trying: Treat) -> None:
        engine = FakeEngine(auc={"": self.NOW, "augment": {"perch": math.nan, "pike": math.nan, "bream": math.nan}})
        found = verdict(trying(replace_metrics(engine), diagnosis=ONE_STUCK), "augment").stuck
        assert found is not None
        assert found.treated == 0.5
        assert found.others == pytest.approx(-0.4, abs=0.02)

    def test_none_is_judged_where_no_class_is_stuck_or_it_has_no_image(self, trying: Treat, tmp_path: Path) -> None:
        healthy = trying(FakeEngine(auc={"": self.NOW}))
        assert {v.stuck for v in healthy.verdicts} == {None}
        unseen = FakeEngine(auc={"": {"pike": 0.9, "bream": 0.9}})
        trial = trying(unseen, diagnosis=ONE_STUCK, run=tmp_path / "other")
        assert {v.stuck for v in trial.verdicts} == {None}
        assert "perch" not in trial.summary

    def test_a_remedy_of_that_class_is_for_the_class(self, trying: Treat) -> None:
        trial = trying(FakeEngine(auc={"": self.NOW}), diagnosis=ONE_STUCK, names=["class-augment"])
        (changed,) = trial.verdicts
        assert list(changed.changes) == ["augment.per_class.perch"]
        assert STUCK.where == "perch"


def replace_metrics(engine: FakeEngine) -> FakeEngine:
    """Leave out what is not finite, as the real engine does."""
    inner = engine.run

    def run(jobs: Any) -> Any:
        for made in inner(jobs):
            yield replace(made, metrics={k: v for k, v in made.metrics.items() if math.isfinite(v)})

    engine.run = run  # type: ignore[method-assign]
    return engine


class TestTheRace:
    def test_arms_share_seeds_epochs_and_order(self, trying: Treat) -> None:
        engine = FakeEngine()
        trial = trying(engine, budget=150)
        by_arm: dict[str, list[Recipe]] = {}
        for job in engine.jobs:
            by_arm.setdefault(job.arm, []).append(job.recipe)
        assert {r.stop.epochs for rs in by_arm.values() for r in rs} == {trial.epochs}
        assert {r.data for rs in by_arm.values() for r in rs} == {Recipe().data}
        first = [job.arm for job in engine.jobs[:4]]
        assert first == [CONTROL, "augment", "weight-decay", "dropout"]
        assert [job.arm for job in engine.jobs[4:8]] == first
        assert [job.recipe.seed for job in engine.jobs[:8]] == [0] * 4 + [1] * 4
        for arm, recipes in by_arm.items():
            changed = {path for r, c in zip(recipes, by_arm[CONTROL], strict=False) for path in c.differences(r)}
            assert bool(changed) == (arm != CONTROL)

    def test_time_goes_to_the_best(self, trying: Treat) -> None:
        engine = FakeEngine(effects={"one-cycle": 0.06, "dropout": 0.03, "oversample": -0.06}, scatter={"": 0.003})
        names = ["augment", "weight-decay", "dropout", "oversample", "one-cycle"]
        recipe = Recipe().change({"schedule.name": "step", "schedule.step_size": 6, "stop.epochs": 12})
        trial = trying(engine, names=names, budget=400, recipe=recipe)
        made = seeds_of(engine)
        assert made["one-cycle"] == made[CONTROL] > made["augment"] >= 2
        assert made["oversample"] == 2
        assert trial.chosen == "one-cycle"

    def test_eight_seeds_are_enough(self, trying: Treat) -> None:
        engine = FakeEngine(effects={"augment": 0.05})
        trying(engine, budget=100_000)
        assert max(seeds_of(engine).values()) == 8

    def test_an_arm_that_is_clearly_worse_falls_out_after_two_seeds(self, trying: Treat) -> None:
        engine = FakeEngine(effects={"dropout": -0.3}, scatter={"": 0.002})
        trial = trying(engine, budget=100_000)
        assert seeds_of(engine)["dropout"] == 2
        assert verdict(trial, "dropout").seeds == 2

    @pytest.mark.parametrize("seconds", [0.7, 1.0, 1.6])
    @pytest.mark.parametrize("budget", [60, 90, 150, 300, 700])
    def test_the_budget_is_kept(self, trying: Treat, seconds: float, budget: float) -> None:
        """Also where runs take longer than that of the run which is treated."""
        engine = FakeEngine(seconds=seconds)
        trial = trying(engine, budget=budget)
        assert trial.spent_seconds <= budget
        assert trial.spent_seconds == pytest.approx(engine.clock.now)
        assert all(v.seeds >= 2 for v in trial.verdicts) or seconds > 1.1
        assert trial.verdicts

    def test_remedies_for_which_there_is_no_time_are_named(self, trying: Treat) -> None:
        trial = trying(FakeEngine(), budget=40)
        assert trial.left_out == ("weight-decay", "dropout")
        assert "There was no time for weight-decay and dropout." in trial.summary

    @pytest.mark.parametrize("refused", [("augment",), ("augment", "weight-decay", "dropout")])
    def test_a_remedy_that_the_network_refuses_is_named_and_the_others_go_on(
        self, trying: Treat, refused: tuple[str, ...]
    ) -> None:
        trial = trying(FakeEngine(refuses=dict.fromkeys(refused, "No norm there.")), budget=300)
        assert trial.refused == dict.fromkeys(refused, "No norm there.")
        assert trial.left_out == ()
        assert {v.remedy for v in trial.verdicts} == {"augment", "weight-decay", "dropout"} - set(refused)
        assert "augment could not be tried: No norm there." in trial.summary

    def test_a_run_that_goes_beyond_the_budget_is_given_up(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(protocol, "diagnose", lambda trace, run="": HEALTHY)
        engine = FakeEngine()
        laid_out = protocol.draw_up(record_run(tmp_path / "run"), names=["augment"], seeds=2, least=1)
        begun = race.Race(laid_out, 100, engine, tmp_path, clock=engine.clock)
        begun.tick(0.5)
        engine.clock.now = 101
        begun.tick(1.0)
        with pytest.raises(race.TimeUp):
            begun.tick(0.5)

    def test_runs_are_long_enough_to_show_what_ails(self, trying: Treat) -> None:
        """Runs of 6 epochs do not show it, of 9 they do: then all are of 9, and a second call knows that."""

        class ShowsLate(FakeEngine):
            def run(self, jobs: Any) -> Any:
                for made in super().run(jobs):
                    late = made.epochs >= 8 and made.arm == CONTROL
                    yield replace(made, findings=(SYMPTOM.rule,) if late else ())

        engine = ShowsLate()
        trial = trying(engine, diagnosis=ILL, budget=120)
        assert trial.epochs == 9
        assert [(job.arm, job.recipe.stop.epochs) for job in engine.jobs][:2] == [(CONTROL, 6), (CONTROL, 9)]
        assert {run.epochs for run in trial.runs} == {9}
        assert {v.cured for v in trial.verdicts} == {True}
        again = ShowsLate()
        assert trying(again, diagnosis=ILL, budget=120).reused == len(trial.runs)

    def test_where_there_is_no_time_for_longer_runs_the_short_ones_count(self, trying: Treat) -> None:
        trial = trying(FakeEngine(), diagnosis=ILL, budget=60)
        assert trial.epochs == 4
        assert {v.cured for v in trial.verdicts} == {None}

    def test_progress_tells_of_every_arm(self, trying: Treat) -> None:
        seen: list[Progress] = []

        class Watches(TrialListener):
            def on_update(self, progress: Progress) -> None:
                seen.append(progress)

        engine = FakeEngine(effects={"augment": 0.05, "dropout": -0.4}, scatter={"": 0.003})
        trial = trying(engine, listener=Watches())
        assert {p.doing for p in seen} >= {"control, seed 0", "augment, seed 1", "augment on the test images"}
        assert all(a.spent <= b.spent for a, b in pairwise(seen))
        last = {arm.arm: arm for arm in seen[-1].arms}
        assert list(last) == [CONTROL, "augment", "weight-decay", "dropout"]
        assert last["augment"].seeds == 8
        assert last["augment"].effect == pytest.approx(verdict(trial, "augment").effect)
        assert last["augment"].interval == pytest.approx(verdict(trial, "augment").interval)
        assert last["dropout"].state == "dropped"
        assert math.isnan(seen[0].arms[0].mean)
        assert seen[-1].doing == ""


class TestWhatIsLeftOfTheBudget:
    """A trial once gave up with three quarters of its budget left."""

    LONG = Recipe().change({"stop.epochs": 24})

    def test_remedies_that_pay_late_are_not_judged_by_short_runs(self, trying: Treat) -> None:
        engine = FakeEngine(effects={"augment": -0.2, "weight-decay": -0.2, "dropout": -0.2})
        trial = trying(engine, budget=180, recipe=self.LONG)
        short = trial.epochs
        assert short < 24
        assert {v.remedy: v.too_short for v in trial.verdicts} == {
            "augment": short,
            "weight-decay": 0,
            "dropout": short,
        }
        assert f"augment and dropout are not decided at {short} epochs" in trial.summary
        assert outcome(verdict(trial, "augment")).startswith(f"not decided at {short} epochs")
        assert outcome(verdict(trial, "weight-decay")).startswith("not shown to help")

    def test_at_full_length_they_are_judged(self, trying: Treat) -> None:
        trial = trying(FakeEngine(effects={"augment": -0.2}), budget=2000, recipe=self.LONG)
        assert trial.epochs == 24
        assert {v.too_short for v in trial.verdicts} == {0}

    def test_the_epochs_are_the_last_to_be_given_up_for_them(self) -> None:
        pace = budgets.Pace(epoch=1.0, start=1.0, evaluation=0.1)
        fast, slow = (
            budgets.make_plan(200, pace, full=24, remedies=4, least=3, seeds=3, slow=late) for late in (False, True)
        )
        assert slow.epochs > fast.epochs
        assert slow.seeds == 3

    def test_where_short_runs_help_nothing_the_open_ones_are_run_longer(self, trying: Treat, tmp_path: Path) -> None:
        """Runs take a third of what the plan reckoned with, and all are clearly worse after two seeds: with the time
        that is left those that pay late get twice the epochs.
        """

        class PaysLate(FakeEngine):
            def _value(self, arm: str, seed: int, split: str) -> float:
                late = self.jobs[-1].recipe.stop.epochs >= 20
                return super()._value(arm, seed, split) + (0.3 if late and arm == "dropout" else 0.0)

        engine = PaysLate(
            effects={"augment": -0.1, "weight-decay": -0.2, "dropout": -0.1}, scatter={"": 0.002}, seconds=0.3
        )
        trial = trying(engine, budget=250, recipe=self.LONG.change({"stop.epochs": 40}))
        lengths = sorted({job.recipe.stop.epochs for job in engine.jobs})
        assert len(lengths) >= 2
        assert trial.epochs == lengths[-1]
        assert {run.epochs for run in trial.runs} == {trial.epochs}
        assert verdict(trial, "dropout").effect > 0.1
        assert trial.worse == {"weight-decay": lengths[0]}
        assert f"weight-decay was clearly worse in runs of {lengths[0]} epochs" in trial.summary
        assert "weight-decay" not in trial.left_out
        assert trial.spent_seconds <= 250
        assert Trial.open(tmp_path / "run") == trial
        again = PaysLate(effects=engine.effects, scatter=engine.scatter, seconds=0.3)
        trying(again, budget=250, recipe=self.LONG.change({"stop.epochs": 40}))
        assert not {job.recipe.to_yaml() for job in engine.jobs} & {job.recipe.to_yaml() for job in again.jobs}

    def test_where_there_is_no_time_for_longer_runs_the_verdicts_stay(self, trying: Treat) -> None:
        engine = FakeEngine(effects={"augment": -0.2, "weight-decay": -0.2, "dropout": -0.2}, scatter={"": 0.002})
        trial = trying(engine, budget=150, recipe=self.LONG)
        assert len(trial.verdicts) == 3
        assert {run.epochs for run in trial.runs} == {trial.epochs}

    def test_remedies_that_the_plan_left_out_are_tried_where_there_is_time_after_all(self, trying: Treat) -> None:
        """The plan has time for fewer; runs turn out to take a third of what it reckoned with."""
        sick = Diagnosis(
            (replace(SICK, remedies=("larger-batch", "weight-decay", "elu", "group-norm", "layer-norm")), SYMPTOM),
            {},
            "sick",
        )
        engine = FakeEngine(findings={CONTROL: (SYMPTOM.rule,)}, seconds=0.2, scatter={"": 0.0001})
        trial = trying(engine, diagnosis=sick, budget=120, recipe=self.LONG)
        assert len({run.arm for run in trial.runs}) == 5
        assert trial.left_out == ()


class TestTooSmallABudget:
    """Met by fewer epochs, a sample, smaller images; and by a sentence where nothing fits."""

    def test_smaller_images_are_tried_and_told(self, trying: Treat) -> None:
        engine = FakeEngine(effects={"augment": 0.2})
        trial = trying(engine, budget=28)
        assert (trial.image_size, trial.sample) == (32, 1.0)
        assert {job.recipe.data.image_size for job in engine.jobs} == {32}
        assert "all runs had images of 32 pixels and 100% of the training images" in trial.summary
        assert trial.spent_seconds <= 28

    def test_a_sample_comes_before_smaller_images_and_leaves_steps_enough(self) -> None:
        found = list(reduction.reductions(Recipe(), 40_000))
        assert [(each.image_size, each.sample) for each in found[:4]] == [(64, 0.5), (64, 0.25), (64, 0.125), (32, 1.0)]
        few = list(reduction.reductions(Recipe(), 700))
        assert [(each.image_size, each.sample) for each in few] == [(32, 1.0)]
        assert list(reduction.reductions(Recipe().change({"data.image_size": 16}), 700)) == []

    def test_time_goes_with_pixels_and_training_with_the_sample(self) -> None:
        pace = budgets.Pace(epoch=10.0, start=3.0, evaluation=2.0)
        quarter = reduction.Reduction(32, 0.5).pace(pace, Recipe())
        assert (quarter.epoch, quarter.start, quarter.evaluation) == (1.5, 3.0, 0.5)

    def test_remedies_are_those_of_the_reduced_recipe(self, trying: Treat) -> None:
        engine = FakeEngine()
        trying(engine, budget=28, names=["larger-images"])
        assert {job.arm: job.recipe.data.image_size for job in engine.jobs} == {CONTROL: 32, "larger-images": 64}

    @pytest.mark.parametrize(
        ("budget", "words"),
        [(1000.0, ""), (60.0, "1 min of trials are too short for runs of full size"), (5.0, "end with a prescription")],
    )
    def test_it_is_foretold_by_the_first_epoch(self, budget: float, words: str) -> None:
        said = reduction.foretold(Recipe(), budget, seconds=4.0, training=3.5, images=700)
        assert words in said
        assert bool(said) == bool(words)

    def test_a_first_run_that_is_slower_than_planned_is_planned_anew(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A machine that has become busy: epochs of 6 seconds, where the run that is treated took one."""
        begun = _ticking(tmp_path, monkeypatch, seconds={"": 6.0}, budget=200)
        course.run(begun)
        assert {run.epochs for run in begun.runs.values()} == {begun.plan.epochs}
        assert begun.plan.epochs < 12
        assert begun.pairs("augment") != []
        assert begun.spent() <= 200

    def test_a_remedy_that_takes_too_long_is_given_up_and_the_others_go_on(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        begun = _ticking(tmp_path, monkeypatch, seconds={"": 1.0, "augment": 60.0}, budget=200)
        course.run(begun)
        assert "longer than there is time for" in begun.refused["augment"]
        assert begun.pairs("weight-decay") != []
        assert begun.pairs("augment") == []

    def test_a_machine_that_becomes_busy_during_the_first_run_is_planned_for_anew(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A trial once ended after its first run, with three quarters of its budget left."""

        class Busy(FakeEngine):
            def run(self, jobs: Any) -> Any:
                for job in jobs:
                    self.seconds = 16.0 * (job.recipe.data.image_size / 64) ** 2
                    yield from super().run([job])

        engine = Busy()
        monkeypatch.setattr(protocol, "diagnose", lambda trace, run="": HEALTHY)
        laid_out = protocol.draw_up(record_run(tmp_path / "run"), names=[], seeds=3, least=3)
        begun = race.Race(laid_out, 420, engine, tmp_path, clock=engine.clock)
        course.run(begun)
        assert begun.protocol.reduction is not None
        assert begun.differences() != {}

    def test_where_not_even_the_first_run_ends_it_is_said(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        begun = _ticking(tmp_path, monkeypatch, seconds={"": 500.0}, budget=200)
        course.run(begun)
        assert begun.runs == {}


def _ticking(folder: Path, monkeypatch: pytest.MonkeyPatch, *, seconds: dict[str, float], budget: float) -> race.Race:
    """A race whose engine says after each epoch how much is done, as the real one does."""

    class Ticks(FakeEngine):
        def run(self, jobs: Any) -> Any:
            for job in jobs:
                begun.tick(0.0)
                epochs, pace = job.recipe.stop.epochs, seconds.get(job.arm, seconds[""])
                for epoch in range(1, epochs + 1):
                    self.clock.now += pace * (job.recipe.data.image_size / 64) ** 2
                    begun.tick(epoch / epochs)
                self.seconds = 0.0
                yield from super().run([job])

    monkeypatch.setattr(protocol, "diagnose", lambda trace, run="": HEALTHY)
    engine = Ticks()
    laid_out = protocol.draw_up(record_run(folder / "run"), names=[], seeds=2, least=2)
    begun = race.Race(laid_out, budget, engine, folder, clock=engine.clock)
    return begun


class TestBreakingOffAndGoingOn:
    def test_ctrl_c_keeps_the_complete_pairs(self, trying: Treat, tmp_path: Path) -> None:
        trial = trying(FakeEngine(effects={"augment": 0.1}, stop_after=6))
        assert trial.interrupted
        assert {v.remedy: v.seeds for v in trial.verdicts} == {"augment": 2, "weight-decay": 1, "dropout": 1}
        assert verdict(trial, "dropout").interval == (-math.inf, math.inf)
        assert "interrupted" in trial.summary
        assert Trial.open(tmp_path / "run") == trial

    def test_ctrl_c_before_any_run_says_so(self, trying: Treat) -> None:
        with pytest.raises(KeyboardInterrupt):
            trying(FakeEngine(stop_after=0))

    def test_ctrl_c_before_a_pair_is_no_verdict(self, trying: Treat) -> None:
        trial = trying(FakeEngine(stop_after=1))
        assert trial.verdicts == ()
        assert trial.summary.startswith("The run was healthy. The trial ended before")

    def test_the_same_trial_again_makes_no_run_twice(self, trying: Treat) -> None:
        first = trying(FakeEngine(effects={"augment": 0.05}), budget=200)
        again = FakeEngine(effects={"augment": 0.05})
        second = trying(again, budget=200)
        old = {(run.arm, run.seed) for run in first.runs}
        assert not old & {(job.arm, job.recipe.seed) for job in again.jobs}
        assert second.reused == len(first.runs)
        assert {(run.arm, run.seed): run for run in second.runs}.items() >= {
            (run.arm, run.seed): run for run in first.runs
        }.items()
        assert f"{second.reused} of the {len(second.runs)} runs were made by an earlier trial." in second.summary

    def test_after_ctrl_c_the_rest_is_run(self, trying: Treat) -> None:
        trying(FakeEngine(stop_after=6), budget=200)
        again = FakeEngine()
        trying(again, budget=200)
        assert {(job.arm, job.recipe.seed) for job in again.jobs[:2]} == {("weight-decay", 1), ("dropout", 1)}

    def test_other_images_or_another_recipe_are_run_anew(self, trying: Treat, tmp_path: Path) -> None:
        run = tmp_path / "run"
        first = trying(FakeEngine(), budget=200)
        with TraceWriter(run) as writer:
            writer.meta("data", {"digest": "d2"})
        again = FakeEngine()
        assert trying(again, budget=200).reused == 0
        assert len(again.jobs) == len(first.runs)

    def test_a_damaged_record_is_run_anew(self, trying: Treat, tmp_path: Path) -> None:
        trying(FakeEngine(), budget=200)
        (tmp_path / "run" / "trials" / "control-0" / "arm.json").write_text("{", encoding="utf-8")
        again = FakeEngine()
        trying(again, budget=200)
        assert (again.jobs[0].arm, again.jobs[0].recipe.seed) == (CONTROL, 0)


LEAKY = Recipe().change({"data.group": "none", "stop.epochs": 12})


def leaky_engine(**changes: Any) -> FakeEngine:
    """The honest split costs 20 points; on it, augment gains 10."""
    options: dict[str, Any] = {
        "effects": {"group-split": -0.2, "augment": -0.1, "weight-decay": -0.2},
        "findings": {CONTROL: (LEAK.rule,)},
        "scatter": {"": 0.003},
    }
    return FakeEngine(**{**options, **changes})


class TestTheSplitThatLeaks:
    def test_a_mended_split_is_not_called_a_loss(self, trying: Treat) -> None:
        trial = trying(leaky_engine(), diagnosis=LEAKING, recipe=LEAKY)
        mended = verdict(trial, "group-split")
        assert mended.measurement
        assert mended.cured is True
        assert not mended.helped
        assert math.isnan(mended.effect)
        assert mended.control == pytest.approx(0.7, abs=0.03)
        assert mended.treated == pytest.approx(0.5, abs=0.03)
        assert "group-split fixed the split: the honest balanced accuracy is" in trial.summary

    def test_other_remedies_are_tried_on_the_honest_split(self, trying: Treat) -> None:
        engine = leaky_engine()
        trial = trying(engine, diagnosis=LEAKING, recipe=LEAKY)
        augment = verdict(trial, "augment")
        assert augment.against == "group-split"
        assert augment.helped
        assert set(augment.changes) == {"augment.crop", "augment.erase"}
        assert {job.recipe.data.group for job in engine.jobs if job.arm == "augment"} == {"auto"}
        assert seeds_of(engine)[CONTROL] == 2
        assert seeds_of(engine)["group-split"] == seeds_of(engine)["augment"] == 8
        assert set(engine.evaluated) == {(arm, s) for arm in ("augment", "group-split") for s in range(8)}

    def test_group_split_alone(self, trying: Treat) -> None:
        engine = leaky_engine()
        trial = trying(engine, diagnosis=LEAKING, recipe=LEAKY, names=["group-split"])
        assert [v.remedy for v in trial.verdicts] == ["group-split"]
        assert trial.chosen is None
        assert seeds_of(engine) == {CONTROL: 2, "group-split": 3}

    def test_where_twins_stay_it_is_said(self, trying: Treat) -> None:
        engine = leaky_engine(findings={CONTROL: (LEAK.rule,), "group-split": (LEAK.rule,)})
        trial = trying(engine, diagnosis=LEAKING, recipe=LEAKY)
        assert verdict(trial, "group-split").cured is False
        assert "did not fix the split" in trial.summary
        assert "may not hold for new images" in trial.summary


class TestBadInput:
    @pytest.mark.parametrize(
        ("options", "words"),
        [
            ({"names": ["bleeding"]}, "There is no remedy 'bleeding'; there are: augment, class-augment"),
            ({"names": ["one-cycle"]}, "one-cycle would change nothing"),
            ({"budget": 5}, "too small for a trial"),
            ({"seeds": 1}, "too few"),
        ],
    )
    def test_what_cannot_be_done_is_said(self, trying: Treat, options: dict[str, Any], words: str) -> None:
        with pytest.raises(BadInput, match=words):
            trying(FakeEngine(), **options)

    def test_the_budget_that_is_asked_for_is_enough(self, trying: Treat) -> None:
        with pytest.raises(BadInput, match="too small") as error:
            trying(FakeEngine(), budget=5)
        needed = float(str(error.value).split("about ")[1].split(" s")[0])
        whole = trying(FakeEngine(), budget=needed)
        assert whole.verdicts
        assert whole.image_size is None
        assert trying(FakeEngine(), budget=needed - 2).image_size == 32

    def test_a_loop_of_its_own_has_no_recipe(self, trying: Treat, tmp_path: Path) -> None:
        with TraceWriter(tmp_path / "own") as writer:
            writer.add(0, "epoch_seconds", 1.0)
        with pytest.raises(BadInput, match="in your own training loop"):
            trying(FakeEngine(), run=tmp_path / "own")

    def test_an_unfinished_run_is_finished_first(self, trying: Treat, tmp_path: Path) -> None:
        run = record_run(tmp_path / "half")
        with TraceWriter(run) as writer:
            writer.meta("finished", False)
        with pytest.raises(BadInput, match="--resume"):
            trying(FakeEngine(), run=run)

    def test_a_damaged_file_is_no_traceback(self, tmp_path: Path) -> None:
        (tmp_path / "trial.json").write_text('{"runs": 3}', encoding="utf-8")
        with pytest.raises(BadInput, match="damaged"):
            Trial.open(tmp_path)


def test_oversampling_is_not_tried_on_balanced_classes(tmp_path: Path, trying: Treat) -> None:
    done = Recipe().change({"augment.crop": 0.2, "augment.erase": 0.3, "optimizer.weight_decay": 0.01})
    even = record_run(tmp_path / "even", done.change({"stop.epochs": 12}), classes=(40, 50, 40))
    skewed = record_run(tmp_path / "skewed", done.change({"stop.epochs": 12}), classes=(40, 90, 40))
    assert "oversample" not in {v.remedy for v in trying(FakeEngine(), run=even).verdicts}
    assert "oversample" in {v.remedy for v in trying(FakeEngine(), run=skewed).verdicts}


def test_the_range_test_s_answer_reaches_the_remedy(tmp_path: Path, trying: Treat) -> None:
    run = record_run(tmp_path / "slow", Recipe().change({"optimizer.lr": 0.0005, "stop.epochs": 12}))
    with TraceWriter(run) as writer:
        for name, value in (("lr_range_low", 0.02), ("lr_range_best", 0.3), ("lr_range_high", 0.9)):
            writer.add(0, name, value)
    trial = trying(FakeEngine(), run=run, diagnosis=ILL)
    assert verdict(trial, "raise-learning-rate").changes == {"optimizer.lr": (0.0005, 0.3)}


def test_a_trial_survives_json(tmp_path: Path) -> None:
    whole = Verdict("a", True, None, 0.1, (0.05, 0.15), 0.01, 3, changes={"optimizer.lr": (0.1, 0.2)})
    single = Verdict("b", False, True, 0.1, (-math.inf, math.inf), 1.0, 1, control=0.5, treated=0.6)
    trial = Trial("accuracy", 4, 12, 60.0, 55.5, (), (whole, single), "a", None, "So it is.", 2, ("c",), True)
    trial.save(tmp_path)
    text = (tmp_path / "trial.json").read_text(encoding="utf-8")
    assert "NaN" not in text
    assert "Infinity" not in text
    found = Trial.open(tmp_path)
    assert found is not None
    assert found.verdicts[1] == single
    assert math.isnan(found.verdicts[0].control)
    assert replace(found, verdicts=()) == replace(trial, verdicts=())
    mended = replace(whole, effect=math.nan, interval=(math.nan, math.nan), p=math.nan, measurement=True)
    replace(trial, verdicts=(mended,)).save(tmp_path)
    again = Trial.open(tmp_path)
    assert again is not None
    assert math.isnan(again.verdicts[0].interval[1])
    assert json.loads((tmp_path / "trial.json").read_text(encoding="utf-8"))["verdicts"][0]["effect"] is None


def test_there_is_no_trial_where_none_was(tmp_path: Path) -> None:
    assert Trial.open(tmp_path) is None


class TestThePlan:
    pace = budgets.Pace(epoch=1.0, start=1.0, evaluation=0.1)

    def test_with_time_enough_runs_are_whole(self) -> None:
        assert budgets.make_plan(1000, self.pace, full=24, remedies=3, least=3, seeds=3) == budgets.Plan(24, 3, 3)

    def test_what_is_given_up_first(self) -> None:
        """Epochs, then remedies, then seeds, then epochs again, then remedies again."""
        plans = [budgets.make_plan(b, self.pace, full=24, remedies=5, least=3, seeds=4) for b in range(40, 700)]
        stages = list(dict.fromkeys((p.remedies, p.seeds) for p in plans))
        assert stages == [(1, 2), (3, 2), (3, 3), (3, 4), (4, 4), (5, 4)]
        short = [p.epochs for p in plans if (p.remedies, p.seeds) == (3, 2)]
        assert short == sorted(short)
        assert set(short) == {4, 5, 6, 7, 8}
        held = [
            budgets.make_plan(b, self.pace, full=24, remedies=5, least=3, seeds=4, shortest=8) for b in range(60, 700)
        ]
        assert {p.epochs for p in held} >= {8, 24}
        assert min(p.epochs for p in held) == 8
        assert {p.epochs for p in plans if (p.remedies, p.seeds) not in {(5, 4), (3, 2)}} == {8}
        assert plans[-1].epochs == 24

    @pytest.mark.parametrize("remedies", [1, 3, 6])
    @pytest.mark.parametrize("budget", [40, 77, 150, 401])
    def test_a_plan_fits(self, remedies: int, budget: float) -> None:
        plan = budgets.make_plan(budget, self.pace, full=24, remedies=remedies, least=3, seeds=3)
        assert budgets.cost(self.pace, plan.epochs, plan.remedies, plan.seeds) <= budget

    def test_no_run_is_shorter_than_a_symptom_needs(self) -> None:
        assert budgets.make_plan(23, self.pace, full=6, remedies=1, least=1, seeds=2).epochs >= 4
        assert budgets.make_plan(20, self.pace, full=3, remedies=1, least=1, seeds=2).epochs == 3

    def test_what_is_counted_in_epochs_shrinks(self) -> None:
        long = Recipe().change(
            {"stop.epochs": 24, "stop.early_stopping": 6, "schedule.step_size": 8, "schedule.cycle": 4}
        )
        short = budgets.shortened(long, 8)
        assert (short.stop.epochs, short.stop.early_stopping) == (8, 2)
        assert (short.schedule.step_size, short.schedule.cycle, short.schedule.patience) == (3, 1, 1)
        assert budgets.shortened(long, 24) == long
        assert budgets.shortened(Recipe(), 8).stop.early_stopping is None


def _whole_trials(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, count: int, names: Sequence[str], **options: Any
) -> list[Trial]:
    """Many trials of three remedies, of about five seeds for the best; nothing is kept on disk."""
    run = record_run(tmp_path / "run", Recipe().change({"stop.epochs": 4}))
    monkeypatch.setattr(race, "record", lambda *_: None)
    monkeypatch.setattr(race, "recorded", lambda *_: None)
    monkeypatch.setattr(Trial, "save", lambda *_: None)
    monkeypatch.setattr(protocol, "diagnose", lambda trace, run="": HEALTHY)
    trials = []
    for luck in range(count):
        engine = FakeEngine(luck=luck, **options)
        monkeypatch.setattr(race, "monotonic", engine.clock)
        trials.append(treat(run, budget=140, engine=engine, names=names))
    return trials


def _confirmed(trials: Sequence[Trial]) -> list[str]:
    return [t.confirmation.remedy for t in trials if t.confirmation is not None and t.confirmation.helped]


@pytest.mark.parametrize(
    "options",
    [
        {"agreement": 1.0},
        {"agreement": 0.0},
        {"agreement": 1.0, "scatter": {"": 0.003, "dropout": 0.03}},
        {"agreement": 1.0, "noise": lambda random: float(random.normal() - 10 * (random.random() < 0.1))},
    ],
    ids=["same luck on test", "other luck on test", "one wild arm", "some runs collapse"],
)
def test_remedies_that_do_nothing_are_seldom_said_to_help(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, options: dict[str, Any]
) -> None:
    """From choice to confirmation: at most 5 % of trials; 8.5 % of 200 would be 2.3 standard errors above it."""
    trials = _whole_trials(monkeypatch, tmp_path, 200, ["augment", "weight-decay", "dropout"], **options)
    assert len(_confirmed(trials)) / len(trials) <= 0.085


def test_a_remedy_that_helps_is_found_in_most_trials(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Five standard deviations of a run, which is what a cure of a real illness amounts to."""
    trials = _whole_trials(monkeypatch, tmp_path, 60, ["augment", "weight-decay", "dropout"], effects={"dropout": 0.05})
    assert Counter(_confirmed(trials))["dropout"] / len(trials) > 0.85
    effects = [t.confirmation.effect for t in trials if t.confirmation is not None]
    assert np.mean(effects) == pytest.approx(0.05, abs=0.005)


def test_an_engine_is_asked_for_by_its_name(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="There is no engine 'cluster'; there is: local"):
        treat(tmp_path, budget=60, engine="cluster")
