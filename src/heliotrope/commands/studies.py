"""The commands that make a study folder: an empty one, a proposed mapping, an invented cohort."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def init(
    study: Annotated[Path, typer.Argument(metavar="STUDY", help="The folder to make.")],
    redcap: Annotated[
        bool, typer.Option("--redcap", help="Write a REDCap data dictionary instead.")
    ] = False,
    more: Annotated[
        list[Path] | None, typer.Argument(metavar="", help="More files of the export.", hidden=True)
    ] = None,
    source: Annotated[
        list[Path] | None,
        typer.Option(
            "--from",
            metavar="FILE...",
            help="Files of an export: propose a study.toml that reads them.",
        ),
    ] = None,
) -> None:
    """Write an empty workbook, or propose a mapping.

    Without --from: a workbook with its data dictionary; fill in the sheets and give the folder to
    `check` and `run` as it is. With --from FILE...: a commented study.toml that reads the files of
    an export; what is in doubt is switched off until you decide it.
    """
    if redcap:
        from heliotrope.ingest.redcap.template import write_redcap_template

        written = write_redcap_template(study)
        typer.echo(f"Wrote {', '.join(path.name for path in written)} into {study}")
        typer.echo("README.txt says how to upload it; put the export beside it and run:")
        typer.echo(f"  heliotrope check {study}")
        return
    if source:
        from heliotrope.definitions.load import read_rulebook
        from heliotrope.ingest.proposal.propose import write_proposal
        from heliotrope.terminal.proposal import print_proposal

        print_proposal(write_proposal(study, [*source, *(more or [])], read_rulebook()))
        return
    if more:
        raise typer.BadParameter("name the files of an export after --from")
    from heliotrope.ingest.template import write_template

    workbook = write_template(study)
    typer.echo(
        f"Wrote {workbook}\n"
        "Fill in its sheets (the sheet 'dictionary' explains every column), then run:\n"
        f"  heliotrope check {study}"
    )


def simulate(
    patients: Annotated[int, typer.Option(metavar="N", help="How many children.")],
    seed: Annotated[int, typer.Option(metavar="S", help="The same seed, the same children.")],
    out: Annotated[Path, typer.Option(metavar="DIR", help="The folder to make.")],
    form: Annotated[
        str,
        typer.Option("--as", metavar="csv|parquet|redcap|sdtm|omop|fhir", help="The form."),
    ] = "csv",
    mechanism: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="How the cohort came about, e.g. pulse_model, no_effect, calendar_taper; left "
            "out: realistic charts of mixed responders.",
        ),
    ] = None,
    truth: Annotated[
        bool, typer.Option("--truth", help="Write the truth, too, into the folder DIR/truth.")
    ] = False,
    share_with_ivig: Annotated[
        float | None,
        typer.Option(metavar="SHARE", help="How many children get IVIG, e.g. 0.1 in a hospital."),
    ] = None,
) -> None:
    """Invent a cohort as a study folder.

    All invented: for tests, teaching and planning, never evidence.
    """
    from heliotrope.simulate.folder import SimulationOrder, write_simulated_study

    order = SimulationOrder(patients, seed, form, mechanism, truth, share_with_ivig)
    written = write_simulated_study(order, out)
    typer.echo(f"Wrote {len(written)} files of invented records into {out}")
