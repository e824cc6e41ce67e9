from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from netvet.report import Report, html
from netvet.rules import Diagnosis
from netvet.trace import Observation, Trace
from tests.report.conftest import FISH, HOSTILE, fish_diagnosis, fish_trace, fish_trial, with_gallery

VOID = {"meta", "img", "br", "hr", "input", "link"}


class Page(HTMLParser):
    """A page as a browser reads it: its tags with their attributes, its ids, its text; complains of tags left open."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.open: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        opened = self.open.pop()
        assert opened == tag, f"</{tag}> closes <{opened}>"

    def handle_data(self, data: str) -> None:
        self.text.append(data)

    def values(self, name: str) -> list[str]:
        return [attrs[name] or "" for _, attrs in self.tags if name in attrs]


def page(report: Report) -> Page:
    return sound(html.render(report))


def sound(text: str) -> Page:
    """The page, after checking that it is well formed and that its links lead somewhere."""
    parsed = Page(text)
    assert not parsed.open
    ids = parsed.values("id")
    assert len(ids) == len(set(ids))
    for link in parsed.values("href"):
        assert link.startswith(("#", "data:image/png;base64,", "https://")), link
        assert not link.startswith("#") or link[1:] in ids, link
    return parsed


def sections(parsed: Page) -> set[str]:
    return {attrs["id"] or "" for tag, attrs in parsed.tags if tag == "section" and "id" in attrs}


def report_of(trace: Trace, folder: Path, **changes: Any) -> Report:
    return replace(Report(folder, trace.recipe, trace, Diagnosis((), {}, "healthy")), **changes)


@pytest.fixture(scope="module")
def full() -> str:
    trace = fish_trace()
    return html.render(Report(Path("runs/fish"), trace.recipe, trace, fish_diagnosis(trace), fish_trial()))


def test_every_section_is_there(full: str) -> None:
    parsed = sound(full)
    wanted = {
        "cause",
        "next",
        "treatment",
        "not-assessed",
        "training",
        "exams",
        "layers",
        "classes",
        "images",
        "data",
        "replay",
    }
    assert sections(parsed) == wanted
    text = " ".join(parsed.text)
    for sentence in (
        "Sick: learning-rate-too-low.",
        "raise-learning-rate: +12.7 points on test",
        "Early layers learn",
        "needs norm_mean_gap",
        "optimizer.lr: 0.0003 → 0.03",
        "+14.2",
        "truncated file",
        "Neoglyphidodon_nigroris has too few groups",
        "metric: balanced_accuracy",
        "a processor",
        "the loss falls fastest at 0.03",
        "limit 0.06",
        "→ Acanthurus nigrofuscus 93%",
    ):
        assert sentence in text, sentence


def test_the_page_loads_and_runs_nothing(full: str) -> None:
    parsed = sound(full)
    tags = {tag for tag, _ in parsed.tags}
    assert not tags & {"script", "link", "iframe", "object", "embed", "form", "base", "video", "audio", "foreignobject"}
    assert not [name for _, attrs in parsed.tags for name in attrs if name.startswith("on")]
    assert all(src.startswith("data:image/webp;base64,") for src in parsed.values("src"))
    text = full
    assert "url(" not in re.sub(r"url\(#[\w-]+\)", "", text)
    assert "@import" not in text
    policy = next(attrs["content"] for _, attrs in parsed.tags if attrs.get("http-equiv") == "Content-Security-Policy")
    assert policy is not None
    assert policy.startswith("default-src 'none'; img-src data:; style-src 'unsafe-inline'")
    assert len(text) < 1_500_000


def test_charts_have_a_title_a_text_alternative_and_follow_the_scheme(full: str) -> None:
    parsed = sound(full)
    charts = [attrs for tag, attrs in parsed.tags if tag == "svg"]
    assert len(charts) == 11
    assert all(attrs.get("role") == "img" and attrs.get("aria-label") for attrs in charts)
    text = full
    drawn = "".join(re.findall(r"<svg.*?</svg>", text, re.DOTALL))
    assert "var(--accent)" in drawn
    assert not re.findall(r"#[0-9a-f]{6}", re.sub(r'(?:href|id|clip-path)="[^"]*"', "", drawn)), (
        "a colour that is fixed"
    )
    assert all(attrs.get("alt") is not None for tag, attrs in parsed.tags if tag == "img")


def hostile_report(folder: Path) -> Report:
    """Hostile text in every place where a user's text may stand."""
    every = " ".join(HOSTILE)
    trace = with_gallery(fish_trace(HOSTILE, epochs=2), every, every, beside=2)
    trace.meta["data"]["rejected"] = [{"path": name, "reason": name} for name in HOSTILE]
    trace.meta["data"]["notes"] = list(HOSTILE)
    trace.meta["exams"] = {name: name for name in HOSTILE}
    trace.meta["environment"] = {name: name for name in HOSTILE}
    diagnosis = fish_diagnosis(trace, place=every)
    findings = tuple(replace(f, message=every, rule=every, explains=(every,)) for f in diagnosis.findings)
    diagnosis = replace(diagnosis, findings=findings, exams=(every,), not_assessed={every: (every,)})
    trial = fish_trial()
    verdicts = tuple(
        replace(v, remedy=name, changes={name: (name, name)}) for v, name in zip(trial.verdicts, HOSTILE, strict=True)
    )
    assert trial.confirmation is not None
    confirmed = replace(trial.confirmation, remedy=every)
    trial = replace(trial, verdicts=verdicts, summary=every, metric=HOSTILE[0], confirmation=confirmed)
    assert trace.recipe is not None
    return Report(folder, trace.recipe.change({"data.source": every.replace("\ud800", "")}), trace, diagnosis, trial)


def test_what_a_user_named_is_shown_as_text(tmp_path: Path) -> None:
    hostile = hostile_report(tmp_path)
    parsed = page(hostile)
    plain = fish_trace(["one", "two", "three", "four", "five"], epochs=2)
    plain = with_gallery(plain, "learning-rate-too-low", "", beside=2)
    innocent = page(Report(tmp_path, plain.recipe, plain, fish_diagnosis(plain), fish_trial()))
    assert {tag for tag, _ in parsed.tags} <= {tag for tag, _ in innocent.tags}
    assert {key for _, attrs in parsed.tags for key in attrs} <= {key for _, attrs in innocent.tags for key in attrs}
    text = "".join(parsed.text)
    for name in HOSTILE:
        shown = name.encode("utf-8", "replace").decode().replace("\x1b", "\ufffd").replace("\u202e", "\ufffd")
        assert text.count(shown) >= 8, shown
    assert "\x1b" not in html.write(hostile).read_text(encoding="utf-8")


CAUSE, SYMPTOM = "learning-rate-too-low", "accuracy-plateau"


@pytest.mark.parametrize(("rule", "beside"), [(CAUSE, 1), (CAUSE, 2), (SYMPTOM, 2)])
def test_images_stand_under_the_finding_that_they_belong_to(rule: str, beside: int, tmp_path: Path) -> None:
    trace = fish_trace()
    shown = with_gallery(trace, rule, "", beside=beside)
    without = html.render(Report(tmp_path, trace.recipe, trace, fish_diagnosis(trace)))
    text = html.render(Report(tmp_path, shown.recipe, shown, fish_diagnosis(shown)))
    assert len(sound(text).values("src")) == len(sound(without).values("src")) + 6 * beside
    cause = text.split('<section id="cause">')[1].split("</section>")[0]
    above, below = cause.split("Also found")
    assert ("Images of" in above, "Images of" in below) == (rule == CAUSE, rule == SYMPTOM)
    assert cause.count("data:image/webp") == 6 * beside
    assert ("gallery pairs" in cause) == (beside == 2)


@pytest.mark.parametrize(
    "galleries",
    [
        None,
        {},
        {CAUSE: {"where": "another class", "title": ["x", {}], "shots": []}},
        {CAUSE: {"where": "", "title": ["x", {}], "shots": []}},
        {"dead-relu": {}},
    ],
)
def test_images_of_another_finding_are_not_shown(galleries: Any, tmp_path: Path) -> None:
    trace = with_gallery(fish_trace(), CAUSE, "")
    trace.meta["galleries"] = galleries
    text = html.render(Report(tmp_path, trace.recipe, trace, fish_diagnosis(trace)))
    assert "data:image/webp" not in text.split('<section id="cause">')[1].split("</section>")[0]


def test_a_gallery_speaks_the_reader_s_language(tmp_path: Path) -> None:
    from netvet import locale

    trace = with_gallery(fish_trace(), CAUSE, "")
    trace.meta["galleries"][CAUSE]["title"] = ["Given label, and the one that fits better", {}]
    locale.use("id")
    try:
        text = html.render(Report(tmp_path, trace.recipe, trace, fish_diagnosis(trace)))
    finally:
        locale.use("en")
    assert "Given label" not in text


def test_the_line_that_mends_a_loop_is_shown_as_text(tmp_path: Path) -> None:
    trace = fish_trace(["a", "b"], 3)
    found = fish_diagnosis(trace)
    mended = tuple(replace(f, fix="step(a < b)") for f in found.findings)
    page = html.render(Report(tmp_path, None, trace, replace(found, findings=mended)))
    assert page.count("To mend: step(a &lt; b)") == len(mended)
    assert "To mend" not in html.render(Report(tmp_path, None, trace, found))


def test_names_are_not_read_as_mathematics(tmp_path: Path) -> None:
    trace = fish_trace(["$x_1$", "a_{b}", "$", "50% \\off"], epochs=2)
    text = html.render(report_of(trace, tmp_path))
    drawn = "".join(re.findall(r"<text[^>]*>([^<]*)</text>", text))
    assert "$x 1$" in drawn
    assert "50% \\off" in drawn


@pytest.mark.parametrize(("classes", "epochs"), [(1, 1), (2, 1), (2, 3), (200, 2)])
def test_any_number_of_classes_and_epochs(classes: int, epochs: int, tmp_path: Path) -> None:
    names = [f"class_{i}" for i in range(classes)]
    trace = fish_trace(names, epochs)
    text = html.render(Report(tmp_path, trace.recipe, trace, fish_diagnosis(trace), fish_trial()))
    assert "training" in sections(sound(text))
    assert len(text) < 1_500_000


def test_a_watched_loop_without_recipe_classes_or_examples(tmp_path: Path) -> None:
    rows = [Observation(step, "loss", 2.0 - 0.01 * step) for step in range(50)]
    trace = Trace(rows, meta={})
    parsed = page(Report(tmp_path, None, trace, Diagnosis((), {"x": ("recipe",)}, "undecided")))
    assert sections(parsed) == {"next", "not-assessed", "training"}
    assert "optimiser step" in " ".join(parsed.text)


def test_an_empty_trace(tmp_path: Path) -> None:
    parsed = page(Report(tmp_path, None, Trace(), Diagnosis((), {}, "undecided")))
    assert sections(parsed) == {"next"}
    assert "Undecided." in " ".join(parsed.text)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf"), 0.0, -1.0, 1e300])
def test_numbers_that_are_not(value: float, tmp_path: Path) -> None:
    healthy = fish_trace(FISH[:3], 2)
    for which in ("all", "last"):
        rows = list(healthy.observations())
        final: dict[tuple[str, str], int] = {(o.name, o.where): i for i, o in enumerate(rows)}
        spoilt = range(len(rows)) if which == "all" else set(final.values())
        rows = [o._replace(value=value) if i in spoilt else o for i, o in enumerate(rows)]
        trace = Trace(rows, recipe=healthy.recipe, meta=healthy.meta)
        assert page(report_of(trace, tmp_path, diagnosis=fish_diagnosis(trace)))


@pytest.mark.parametrize(
    "meta",
    [
        {"classes": None, "data": None, "examples": None, "exams": None, "environment": None, "layers": None},
        {"classes": ["a"], "data": {}, "examples": {"wrong": [{}]}, "steps_per_epoch": 0, "epochs": None},
        {"examples": {"wrong": [{"path": "x"}], "leaked": [{"path": "x"}]}, "finished": False},
    ],
)
def test_meta_that_lacks_things(meta: dict[str, Any], tmp_path: Path) -> None:
    whole = fish_trace(FISH[:3], 2)
    arrays = {("examples", w): whole.array("examples", w) for w in ("wrong", "leaked")}
    arrays |= {("val_confusion", ""): whole.array("val_confusion")}
    kept = {key: array for key, array in arrays.items() if array is not None}
    trace = Trace(whole.observations(), recipe=whole.recipe, arrays=kept, meta={**whole.meta, **meta})
    assert page(Report(tmp_path, trace.recipe, trace, fish_diagnosis(trace)))


def test_a_trial_that_helped_nothing(report: Report, tmp_path: Path) -> None:
    trial = fish_trial()
    verdicts = tuple(v for v in trial.verdicts if not v.helped)
    parsed = page(replace(report, trial=replace(trial, verdicts=verdicts, chosen=None, confirmation=None)))
    text = " ".join(parsed.text)
    assert "Nothing helped" in text
    assert "on test" not in text
    empty = replace(trial, verdicts=(), chosen=None, confirmation=None, runs=())
    nothing = page(replace(report, trial=empty))
    assert "treatment" in sections(nothing)
    assert "Not tried yet" in " ".join(nothing.text)


def test_write_leaves_one_whole_file(report: Report) -> None:
    path = html.write(report)
    assert path == report.run / "report.html"
    assert [p.name for p in report.run.iterdir()] == ["report.html"]
    assert path.read_text(encoding="utf-8").rstrip().endswith("</html>")


def test_counts_read_images_and_groups_where_groups_are_known(report: Report) -> None:
    trace, place = report.trace, FISH[0]
    known = {"class_groups": 6.0, "val_groups": 1.0, "val_images": 9.0, "class_images": 65.0}
    rows = [*trace.observations(), *(Observation(0, name, value, place) for name, value in known.items())]
    rows += [Observation(0, "val_design_effect", 3.2)]
    meta = {**trace.meta, "data": {**trace.meta["data"], "groups": 90}}
    shown = "".join(page(replace(report, trace=Trace(rows, recipe=trace.recipe, meta=meta))).text)
    assert "65, 6 groups" in shown
    assert "9, 1 group" in shown
    assert "90 groups" in shown
    assert "3.2 validation images count as one" in shown
    assert not re.search(r"\d, \d+ group", "".join(page(report).text))
