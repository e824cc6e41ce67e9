"""The command line: argument parsing only. What each command does is in `netvet.cli`, imported when it runs."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import App, CycloptsError, Group, Parameter

from netvet import __version__, locale
from netvet.base.errors import BadInput
from netvet.cli import help as help_texts
from netvet.locale import _

Lang = Annotated[Literal["en", "id"] | None, Parameter(help="Language: en or id; default: the language of the system.")]
Json = Annotated[bool, Parameter(negative=(), help="Print JSON instead of text.")]
GroupBy = Annotated[
    str | None,
    Parameter(
        name="--group",
        help="Keep the images of a group in one split: a regular expression whose brackets, found in a path, name the "
        "group; a column of the CSV; or exif:day, exif:camera, exif:place, exif:event. netvet groups proposes some.",
    ),
]
Out = Annotated[Path | None, Parameter(help="The run's folder; default: runs/NAME-DATE-TIME.")]
Set = Annotated[
    list[str],
    Parameter(
        name="--set", negative=(), help="Change one field of the recipe, such as optimizer.lr=0.1; may be repeated."
    ),
]
RecipeName = Annotated[str | None, Parameter(name="--recipe", help="A YAML file, or a built-in recipe: transfer.")]
Budget = Annotated[str, Parameter(help="Time for the trials: 90s, 10m, 1h; 0 for none.")]
Resume = Annotated[bool, Parameter(negative=(), help="Resume the run in --out exactly where it stopped.")]
Remedies = Annotated[
    list[str], Parameter(name="--remedy", negative=(), help="Try this remedy whatever the diagnosis; may be repeated.")
]
Limits = Annotated[
    list[str],
    Parameter(
        name="--limit",
        negative=(),
        help="Set one limit of a rule, such as dead-relu.limit=0.6; may be repeated. netvet explain RULE names them.",
    ),
]
Run = Annotated[Path, Parameter(help="The folder of a recorded run.")]
DataArgument = Annotated[
    str,
    Parameter(help="A folder of class folders, a CSV with path,label[,group][,split], or reef[:options]."),
]

app = App(
    name="netvet",
    help="The vet for neural nets: trains an image classifier, names what ails it and why, and proves the cure.",
    version=__version__,
    help_format="plaintext",
    version_flags=["--version"],
    help_flags=["--help", "-h"],
)
MAIN, LOOK = Group.create_ordered("Train and treat"), Group.create_ordered("Look things up")


@app.command(group=MAIN)
def demo(*, out: Out = None, budget: Budget = "4m", json: Json = False, lang: Lang = None) -> int:
    """Render a small reef, train on it with a planted fault, and run a full checkup.

    Example: netvet demo
    """
    from netvet.cli import running

    return running.demo(out, budget, json)


@app.command(group=MAIN)
def checkup(
    data: DataArgument,
    /,
    *,
    budget: Budget = "10m",
    group: GroupBy = None,
    recipe: RecipeName = None,
    set_: Set = [],  # noqa: B006 - cyclopts reads it
    out: Out = None,
    resume: Resume = False,
    json: Json = False,
    lang: Lang = None,
) -> int:
    """Train, diagnose, treat and report: the main command.

    The budget is the time for the trials. The first training comes on top of it: unless you set its epochs it is
    shortened, by half at most, where it would take most of the budget.

    Example: netvet checkup photos/ --budget 10m
    """
    from netvet.cli import running

    return running.checkup(data, budget, group, recipe, set_, out, resume, json)


@app.command(group=MAIN)
def train(
    data: DataArgument,
    /,
    *,
    group: GroupBy = None,
    recipe: RecipeName = None,
    set_: Set = [],  # noqa: B006
    out: Out = None,
    resume: Resume = False,
    json: Json = False,
    lang: Lang = None,
) -> int:
    """Train a network and watch it.

    Example: netvet train photos/ --set optimizer.lr=0.1 --out runs/mine
    """
    from netvet.cli import running

    return running.train(data, group, recipe, set_, out, resume, json)


@app.command(group=MAIN)
def diagnose(
    run: Run,
    /,
    *,
    exams: Annotated[bool, Parameter(negative="--no-exams", help="Run the exams that the symptoms call for.")] = True,
    fail_on: Annotated[Literal["sick"] | None, Parameter(help="Exit with code 1 if the run is sick.")] = None,
    limit: Limits = [],  # noqa: B006
    json: Json = False,
    lang: Lang = None,
) -> int:
    """Diagnose a recorded run and write its report.

    Example: netvet diagnose runs/mine --fail-on sick
    """
    from netvet.cli import reading

    return reading.diagnose(run, exams, fail_on, limit, json)


@app.command(group=MAIN)
def treat(
    run: Run,
    /,
    *,
    budget: Budget = "10m",
    remedy: Remedies = [],  # noqa: B006
    seeds: Annotated[int, Parameter(help="Seeds per arm, at least 2.")] = 3,
    engine: Annotated[Literal["local"], Parameter(help="Where the arms run.")] = "local",
    json: Json = False,
    lang: Lang = None,
) -> int:
    """Try remedies against an untouched control: same seeds, same data order, same epochs.

    Example: netvet treat runs/mine --budget 10m
    """
    from netvet.cli import running

    return running.treat(run, budget, remedy, seeds, engine, json)


@app.command(group=LOOK)
def inspect(
    data: DataArgument,
    /,
    *,
    out: Annotated[
        Path | None, Parameter(help="Folder for the page and the tables; default: runs/NAME-inspection-DATE-TIME.")
    ] = None,
    exclude: Annotated[Path | None, Parameter(help="CSV with a path column: images to leave out.")] = None,
    relabel: Annotated[
        Path | None, Parameter(help="CSV with path,label: labels that replace those of the data.")
    ] = None,
    features: Annotated[
        Literal["auto", "pretrained", "handmade", "none"],
        Parameter(help="Features for judging labels and splits; auto: pretrained if the weights are installed."),
    ] = "auto",
    group: GroupBy = None,
    set_: Set = [],  # noqa: B006
    json: Json = False,
    lang: Lang = None,
) -> int:
    """Check the data without training: duplicates, leakage, likely label errors, poor images, shifted splits.

    Writes a page that shows the images in question, and suspects.csv and fixes.csv to edit and pass back.

    Example: netvet inspect photos/ --exclude suspects.csv --relabel fixes.csv
    """
    from netvet.cli import inspecting

    return inspecting.run(data, set_, out, exclude, relabel, features, json, group)


@app.command(group=LOOK)
def groups(data: DataArgument, /, *, json: Json = False, lang: Lang = None) -> int:
    """Propose groups: what the names, folders and EXIF headers of the images tell of videos, tracks, sites or days.

    Images of one group are alike; a random split puts some into training and their siblings into validation.

    Example: netvet groups photos/
    """
    from netvet.cli import grouping

    return grouping.run(data, json)


@app.command(group=LOOK)
def exam(name: str, run: Run, /, *, json: Json = False, lang: Lang = None) -> int:
    """Run one exam on a recorded run.

    Example: netvet exam lr-range runs/mine
    """
    from netvet.cli import reading

    return reading.exam(name, run, json)


@app.command(group=LOOK)
def rules(*, json: Json = False, lang: Lang = None) -> int:
    """List what netvet can find, examine and prescribe.

    Example: netvet rules
    """
    from netvet.cli import looking

    return looking.rules(json)


@app.command(group=LOOK)
def explain(name: str, /, *, json: Json = False, lang: Lang = None) -> int:
    """Print the page of a rule, probe, exam or remedy.

    Example: netvet explain dead-relu
    """
    from netvet.cli import looking

    return looking.explain(name, json)


@app.command(group=LOOK)
def predict(run: Run, /, *images: Path, json: Json = False, lang: Lang = None) -> int:
    """Classify images with a trained run.

    Example: netvet predict runs/mine new/*.jpg
    """
    from netvet.cli import reading

    return reading.predict(run, list(images), json)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; exits 0 done, 1 sick with --fail-on, 2 bad input, 130 after Ctrl-C."""
    sys.exit(_main(list(sys.argv[1:] if arguments is None else arguments)))


def _main(arguments: list[str]) -> int:
    locale.use(_language(arguments))
    help_texts.translate(app)
    try:
        answer = app(arguments, exit_on_error=False, print_error=False, result_action="return_value")
    except BadInput as error:
        return _refuse(str(error))
    except CycloptsError as error:
        return _refuse(help_texts.refusal(error) + " " + _("See netvet --help."))
    except KeyboardInterrupt:
        print("netvet: " + _("stopped; everything written so far is kept."), file=sys.stderr)
        return 130
    except BrokenPipeError:
        sys.stderr.close()
        return 0
    return answer if isinstance(answer, int) else 0


def _refuse(sentence: str) -> int:
    print(f"netvet: {sentence}", file=sys.stderr)
    return 2


def _language(arguments: list[str]) -> str | None:
    """The value of --lang, read before anything is parsed so that help and errors speak it too."""
    for at, argument in enumerate(arguments):
        if argument == "--lang" and at + 1 < len(arguments):
            return arguments[at + 1]
        if argument.startswith("--lang="):
            return argument.partition("=")[2]
    return None


if __name__ == "__main__":
    main()
