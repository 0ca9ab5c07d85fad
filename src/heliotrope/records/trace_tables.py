"""Why a decision came out as it did: its nodes, and the cells behind them."""

from __future__ import annotations

import dataframely as dy

from heliotrope.records.columns import (
    count_column,
    date_column,
    number_column,
    patient_id_column,
    state_column,
    text_column,
)


class Trace(dy.Schema):
    """One node of one decision."""

    trace_id = dy.Int64(primary_key=True, description="joins trace_source")
    patient_id = patient_id_column()
    regimen = count_column("null where the definition has no regimen")
    definition_id = dy.String(description="the definition")
    definition_version = dy.String(description="its version; 1.0.0+local for a study's own")
    date = date_column("the visit; null where the decision is about the whole regimen")
    node = dy.String(description="name of the node, unique within the decision; 'root' on top")
    parent = text_column("name of the node above; null for root")
    state = state_column()
    reason = text_column("one word")
    value = number_column("the number that was compared")
    unit = text_column("its unit")
    operator = text_column("<, <=, >, >= or ==")
    threshold = number_column("what it was compared with")
    points = number_column("points given, or the code of the class chosen in a decision table")
    label = text_column("the class chosen, on root and axis nodes")


class TraceSource(dy.Schema):
    """A source cell behind a node: used, or considered and rejected."""

    trace_id = dy.Int64(description="the node")
    row_id = dy.Int64(description="the source cell")
    role = dy.String(check=lambda column: column.is_in(["used", "rejected"]), description="role")
    reason = text_column("why rejected")
