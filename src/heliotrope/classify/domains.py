"""Is the domain that the indication is about followed by any measure?"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from heliotrope.classify.recorded_reasons import assign_recorded_reasons
from heliotrope.definitions.response_parameters import FollowedDomain
from heliotrope.derive.derived import Derived

REGIMEN = ["patient_id", "regimen"]


def flag_unmeasured_domains(
    derived: Derived, followed_domains: Sequence[FollowedDomain]
) -> pl.DataFrame:
    """Flag regimens begun for a domain (skin) that no measure follows from baseline on.

    Followed means: one of the domain's measures has a baseline and at least one later value. A
    composite index follows none of them. Returns patient_id, regimen, ``domain_not_measured``.
    """
    reasons = assign_recorded_reasons(derived)
    followed = (
        derived.changes.filter(
            pl.col("value").is_not_null() & pl.col("baseline_value").is_not_null()
        )
        .select(*REGIMEN, "measure")
        .unique()
    )
    frames = []
    for domain in followed_domains:
        begun_for_it = reasons.filter(pl.col("reason") == domain.indication).select(REGIMEN)
        seen = followed.filter(pl.col("measure").is_in(domain.measures)).select(REGIMEN).unique()
        frames.append(
            derived.regimens.select(REGIMEN)
            .join(begun_for_it, on=REGIMEN, how="semi")
            .join(seen, on=REGIMEN, how="anti")
        )
    missing = pl.concat(frames).unique().with_columns(domain_not_measured=pl.lit(value=True))
    return (
        derived.regimens.select(REGIMEN)
        .join(missing, on=REGIMEN, how="left")
        .with_columns(pl.col("domain_not_measured").fill_null(value=False))
    )
