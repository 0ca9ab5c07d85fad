"""The command line: each command calls one function and prints what it gives back.

Nothing here decides anything. Functions are imported inside the commands, so that ``--help``
answers at once.
"""

from __future__ import annotations

import gc
import os
import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from heliotrope import __version__
from heliotrope.commands.definitions import app as definitions_app
from heliotrope.commands.exports import app as exports_app
from heliotrope.commands.options import Conf, Json, Master, OwnLanguage, Run, print_json
from heliotrope.commands.review import review
from heliotrope.commands.sharing import pool, share
from heliotrope.commands.studies import init, simulate
from heliotrope.commands.workbench import serve
from heliotrope.errors import ExitCode

app = typer.Typer(
    name="heliotrope",
    help="Did intravenous immunoglobulin (IVIG) work? Response, durability, steroid dose and harm "
    "in juvenile dermatomyositis, from a clinic's own records, with the reason for every answer. "
    "Research software: it evaluates records and advises no treatment.",
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    add_completion=False,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(definitions_app, name="definitions")
app.add_typer(exports_app, name="export")

MOST_FINDINGS = 50
MOST_CHANGES = 20

Study = Annotated[
    Path,
    typer.Argument(
        metavar="STUDY", help="A folder of CSV files, an Excel workbook, or a study.toml."
    ),
]
NoModel = Annotated[
    bool,
    typer.Option("--no-model", help="Leave out the pulse model: faster, needs no JAX."),
]


def main() -> None:
    """Run the command line; faults of the input are three lines, never a traceback."""
    # A command makes many small objects that live to its end: looking for garbage early only
    # takes time (about a tenth of a small run).
    gc.set_threshold(100_000, 20, 20)
    # Every matrix here is small: threads of the linear algebra only wait for one another. Who
    # sets the variable is heard.
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ.setdefault(name, "1")
    try:
        app(prog_name="heliotrope")
    except (SystemExit, KeyboardInterrupt):
        raise
    except BaseException as error:  # a panic of a compiled library is no Exception
        from heliotrope.terminal.faults import describe_fault

        message, code = describe_fault(error)
        typer.echo(message, err=True)
        sys.exit(code)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"heliotrope {__version__}")
        raise typer.Exit


@app.callback()
def _common(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    del version


@app.command()
def demo(
    out: Annotated[Path, typer.Option(help="Where the run folder goes.")] = Path("heliotrope-demo"),
    open_report: Annotated[
        bool | None,
        typer.Option("--open/--no-open", help="Open the report; left out: if a browser is there."),
    ] = None,
    no_model: NoModel = False,
    language: OwnLanguage = None,
    as_json: Json = False,
) -> None:
    """Run the seven-child example study and open its report."""
    from heliotrope.example_studies import find_example
    from heliotrope.pipeline import RunOptions, run_study
    from heliotrope.terminal.progress import open_in_browser, show_progress
    from heliotrope.terminal.run import print_run

    options = RunOptions(replace=True, model=not no_model, language=language)
    with show_progress(quiet=as_json) as progress:
        summary = run_study(find_example("seven_children"), out, options, progress)
    if as_json:
        print_json(summary.to_json())
    else:
        print_run(summary)
        open_in_browser(out / "report.html", wanted=open_report)


app.command()(init)


@app.command()
def check(
    study: Study,
    every: Annotated[bool, typer.Option("--all", help="Print every finding.")] = False,
    csv: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write every finding as CSV, to be worked through."),
    ] = None,
    master: Master = None,
    conf: Conf = None,
    as_json: Json = False,
) -> None:
    """List what is wrong with a study's data.

    Exit code 3 if any finding is an error.
    """
    from heliotrope.pipeline import check_study
    from heliotrope.run.findings import write_findings_csv
    from heliotrope.terminal.arguments import read_spark
    from heliotrope.terminal.run import print_check

    summary = check_study(study, read_spark(master, conf))
    if csv is not None:
        write_findings_csv(summary.findings, csv)
    if as_json:
        print_json(summary.to_json())
    else:
        print_check(summary, most=len(summary.findings) if every else MOST_FINDINGS)
    raise typer.Exit(ExitCode.DATA if summary.has_errors else ExitCode.DONE)


@app.command()
def run(
    study: Study,
    out: Annotated[Path, typer.Option(metavar="RUN", help="The run folder to make.")],
    engine: Annotated[
        Literal["local", "spark"], typer.Option(help="Where children are evaluated.")
    ] = "local",
    workers: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="Processes on this machine; else one a core."),
    ] = None,
    master: Master = None,
    conf: Conf = None,
    tables_to: Annotated[
        str | None,
        typer.Option(
            "--tables-to", metavar="SCHEMA", help="Write tables in Spark's catalogue, too."
        ),
    ] = None,
    replace: Annotated[
        bool,
        typer.Option("--replace", help="Replace an earlier run folder, and tables of --tables-to."),
    ] = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on from where an interrupted run stopped.")
    ] = False,
    no_model: NoModel = False,
    language: OwnLanguage = None,
    as_json: Json = False,
) -> None:
    """Evaluate a study; write tables, trace and report.

    Rows that cannot be used are set aside with the reason, counted and reported. A run that was
    stopped leaves RUN.partial: the same command with --resume keeps the children evaluated so far.
    """
    from heliotrope.execution.pool import count_cores
    from heliotrope.pipeline import RunOptions, run_study
    from heliotrope.terminal.arguments import read_spark
    from heliotrope.terminal.progress import show_progress
    from heliotrope.terminal.run import print_run

    options = RunOptions(
        engine=engine,
        model=not no_model,
        replace=replace,
        workers=workers or count_cores(),
        resume=resume,
        language=language,
        spark=read_spark(master, conf),
        tables_to=tables_to,
    )
    with show_progress(quiet=as_json) as progress:
        summary = run_study(study, out, options, progress)
    if as_json:
        print_json(summary.to_json())
    else:
        print_run(summary)


@app.command()
def explain(
    run: Run,
    patient: Annotated[str, typer.Argument(metavar="PATIENT", help="The child's pseudonym.")],
    definition: Annotated[
        str | None, typer.Option(metavar="ID", help="Only this definition.")
    ] = None,
    visits: Annotated[
        bool, typer.Option("--visits", help="Whole trees for decisions about single visits, too.")
    ] = False,
    as_html: Annotated[
        bool, typer.Option("--html", help="Print a fragment of HTML, as the report shows it.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Show why a child was classified so, cell by cell.

    Every criterion with its state, the comparison made, and the cells of the source files that
    were used, or considered and rejected.
    """
    from heliotrope.report.explain import explain_patient, open_run
    from heliotrope.run.verification import read_rulebook_of

    rulebook = read_rulebook_of(open_run(run).manifest)
    explanation = explain_patient(run, patient, definition, visits=visits, rulebook=rulebook)
    if as_json:
        print_json(explanation.to_json())
        return
    if as_html:
        from heliotrope.report.explain_html import render_explanation_html

        typer.echo(render_explanation_html(explanation))
        return
    from rich.console import Console

    from heliotrope.report.explain_tree import render_explanation

    Console(highlight=False).print(render_explanation(explanation))


app.command()(review)


@app.command()
def score(
    table: Annotated[
        Path | None,
        typer.Argument(metavar="FILE", help="A CSV file or a workbook; - reads a pasted table."),
    ] = None,
    baseline: Annotated[
        str | None,
        typer.Option(
            metavar="'NAME=VALUE ...'",
            help="Values at baseline, e.g. 'mmt8=56 ck=1800 ck_uln=200'.",
        ),
    ] = None,
    followup: Annotated[
        list[str] | None,
        typer.Option(metavar="'NAME=VALUE ...'", help="Values at a later visit; may be repeated."),
    ] = None,
    population: Annotated[
        Literal["jdm", "adult"] | None,
        typer.Option(help="Whose thresholds; left out: by the age column, else children's."),
    ] = None,
    core_set: Annotated[
        Literal["imacs", "printo"] | None,
        typer.Option(help="Whose six measures; left out: the sets that the values follow."),
    ] = None,
    upper_limit: Annotated[
        list[str] | None,
        typer.Option(metavar="MEASURE=NUMBER", help="Upper limit of normal; may be repeated."),
    ] = None,
    unit: Annotated[
        list[str] | None,
        typer.Option(metavar="MEASURE=UNIT", help="Unit of a measure; may be repeated."),
    ] = None,
    maximum: Annotated[
        list[str] | None,
        typer.Option(metavar="MEASURE=NUMBER", help="Top of a measure's scale; may be repeated."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Score a small table of visits; needs no study.

    The total improvement score: points of each measure, bounds, degree, what the next degree
    lacks; and the activity states. Names may carry a unit (physician_global_mm, ck_ukat_l), the
    ends of another scale (mmt8_0_150, chq_physical_0_100) or the upper limit of normal (ck_uln).
    """
    from heliotrope.scoring.calculator import ScoreTableOptions
    from heliotrope.terminal.arguments import read_numbers, read_pairs
    from heliotrope.terminal.scores import print_scores, score_given

    options = ScoreTableOptions(
        population=population,
        core_set=core_set,
        units=read_pairs("--unit", unit or []),
        upper_limits=read_numbers("--upper-limit", upper_limit or []),
        maxima=read_numbers("--maximum", maximum or []),
    )
    scores = score_given(table, baseline, followup or [], options)
    if as_json:
        print_json(scores.to_dicts())
    else:
        print_scores(scores)


@app.command()
def compare(
    run: Run,
    definitions: Annotated[
        list[str], typer.Argument(metavar="ID ID...", help="Two or more definitions.")
    ],
    unit: Annotated[
        Literal["visit", "regimen"] | None,
        typer.Option(help="What is counted; left out, what the definitions decide over."),
    ] = None,
    week: Annotated[
        int | None,
        typer.Option(min=0, metavar="N", help="Read each regimen at the visit nearest to week N."),
    ] = None,
    by: Annotated[
        Literal["state", "label"] | None,
        typer.Option(help="Compare met or not, or the classes; left out: classes they share."),
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="List every child who differs.")] = False,
    as_json: Json = False,
) -> None:
    """Compare definitions over a finished run.

    How far they agree, who changes class, and which criterion decided it.
    """
    from heliotrope.comparison.compare import compare_run
    from heliotrope.definitions.comparable import ComparisonOptions
    from heliotrope.terminal.comparison import print_comparison

    comparison = compare_run(run, definitions, ComparisonOptions(unit, by, week))
    if as_json:
        print_json(comparison.to_json())
    else:
        print_comparison(comparison, most=comparison.units if every else MOST_CHANGES)


app.command()(simulate)
app.command()(share)
app.command()(pool)


@app.command()
def verify(run: Run, as_json: Json = False) -> None:
    """Hash a run's inputs again and replay its trace.

    Exit code 3 if anything differs.
    """
    from heliotrope.run.verification import verify_run
    from heliotrope.terminal.run import print_verification

    summary = verify_run(run)
    if as_json:
        print_json(summary.to_json())
    else:
        print_verification(summary)
    raise typer.Exit(ExitCode.DONE if summary.is_verified else ExitCode.DATA)


app.command()(serve)
