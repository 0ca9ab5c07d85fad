"""An export whose resources are held while they are read."""

from __future__ import annotations

from heliotrope.ingest.delivery import Delivery
from heliotrope.ingest.fhir.collect import FEW, MANY, Resources, Wanted, collect_more
from heliotrope.ingest.fhir.export import Export, deliver_export
from heliotrope.ingest.fhir.laid import lay_out
from heliotrope.ingest.fhir.stage import stage_all


def hold_export(export: Export, found: Resources) -> Delivery:
    """Read the observations, too, and hold every resource of the cohort.

    ``found``: all other resources, read.
    """
    files, words, tell = export.files, export.words, export.tell
    choice = export.choose(found)
    few = [lay_out(place, table) for place, table in found.tables.items() if place[1] in FEW]
    for item in few:
        item.rows = choice.name(item.kind, item.rows)
    records = choice.prepare(few)
    judge = choice.judge(choice.find_weighed(records))
    collect_more(files, found, words, Wanted(MANY, "observations", judge), tell)
    many = [lay_out(place, table) for place, table in found.tables.items() if place[1] in MANY]
    for item in many:
        item.rows = choice.name(item.kind, item.rows)
    cohort = choice.select(few, many, records)
    laid = [*few, *many]
    for item in laid:
        item.missing = export.missing
    tell("laying out the resources")
    return deliver_export(
        export, found, laid,
        lambda: (stage_all(laid, export.context.rulebook, export.reading), {}),
        cohort,
    )  # fmt: skip
