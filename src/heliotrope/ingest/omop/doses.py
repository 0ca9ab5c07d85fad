"""What was taken, worked out of strength, quantity and days, or out of what was prescribed.

OMOP records no dose. Three readings of it exist; each is taken only where it is complete, and where
two of them say different things the dose stays unknown, with a finding.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import polars as pl

from heliotrope.definitions.omop_model import OmopConcepts, SigWord
from heliotrope.ingest.omop.concepts import Meaning, Vocabulary
from heliotrope.ingest.omop.store import as_number
from heliotrope.records.units import find_conversion, find_unit

STRENGTHS = {"concept": pl.Int64, "drug": pl.String, "mg": pl.Float64, "per": pl.String}

# How much of a preparation one of its quantity is.
PIECE, MILLILITRE = "piece", "mL"

# Doses that differ by no more than this share are one dose, rounded differently.
_ROUNDING = 0.01

_PIECE_IN_NAME = re.compile(r"(?<![\d.])(\d+(?:\.\d+)?)\s(MCG|MG|G)(?![\w/])", re.IGNORECASE)
_PER_ML_IN_NAME = re.compile(r"(?<![\d.])(\d+(?:\.\d+)?)\s(MCG|MG|G)/ML\b", re.IGNORECASE)
_PACK_IN_NAME = re.compile(r"^(\d+(?:\.\d+)?)\sML\s", re.IGNORECASE)

_DOSE_DIMENSIONS = (
    "mass",
    "mass per day",
    "mass per body mass",
    "mass per body mass and day",
    "mass per week",
    "mass per body surface",
)


@dataclass(frozen=True)
class Strengths:
    """The strength of each preparation in mg, a piece or a mL, and where it was read."""

    table: pl.DataFrame
    from_names: int
    from_table: int


def read_strengths(meanings: dict[int, Meaning], vocabulary: Vocabulary) -> Strengths:
    """Read the strength of preparations from DRUG_STRENGTH, else from their names.

    Rule, as OHDSI computes doses: an amount is of one piece; a numerator with a denominator is of
    one pack; a numerator alone is of one mL, in which the quantity is then counted. A fixed
    combination has none.
    """
    found = _of_table(meanings, vocabulary)
    rows = [
        (number, meaning.name, *strength)
        for number, meaning in meanings.items()
        if number not in found and (strength := read_strength(meaning.words)) is not None
    ]
    listed = [(number, meanings[number].name, *strength) for number, strength in found.items()]
    table = pl.DataFrame([*listed, *rows], schema=STRENGTHS, orient="row")
    return Strengths(table, len(rows), len(listed))


def read_strength(name: str) -> tuple[float, str] | None:
    """Read the strength that the name of a preparation says: mg, and of what.

    >>> read_strength("prednisone 20 MG Oral Tablet")
    (20.0, 'piece')
    >>> read_strength("50 ML immunoglobulin G, human 100 MG/ML Injection")
    (5000.0, 'piece')
    >>> read_strength("prednisolone 3 MG/ML Oral Solution")
    (3.0, 'mL')
    >>> read_strength("aspirin 81 MG / methylprednisolone 4 MG Oral Tablet") is None
    True
    """
    if " / " in name:
        return None
    per_ml = _PER_ML_IN_NAME.findall(name)
    if len(per_ml) == 1:
        concentration = _to_mg(*per_ml[0])
        pack = _PACK_IN_NAME.match(name)
        if pack is not None:
            return concentration * float(pack[1]), PIECE
        return concentration, MILLILITRE
    amounts = _PIECE_IN_NAME.findall(name)
    return (_to_mg(*amounts[0]), PIECE) if len(amounts) == 1 and not per_ml else None


def _to_mg(number: str, unit: str) -> float:
    conversion = find_conversion(unit.lower(), "mg")
    assert conversion is not None, "MCG, MG and G are masses"
    return conversion.convert(float(number))


def _of_table(meanings: dict[int, Meaning], vocabulary: Vocabulary) -> dict[int, tuple[float, str]]:
    store = vocabulary.store
    if "drug_strength" not in store.columns or not meanings:
        return {}
    rows = store.look_up("drug_strength", {"drug_concept_id": set(map(str, meanings))})
    units = {item.concept_id: item.word for item in vocabulary.ids.units}
    rows = rows.select(
        drug=as_number("drug_concept_id"),
        ingredient=as_number("ingredient_concept_id"),
        amount=pl.col("amount_value").cast(pl.Float64, strict=False),
        amount_unit=as_number("amount_unit_concept_id"),
        numerator=pl.col("numerator_value").cast(pl.Float64, strict=False),
        numerator_unit=as_number("numerator_unit_concept_id"),
        denominator=pl.col("denominator_value").cast(pl.Float64, strict=False),
        denominator_unit=as_number("denominator_unit_concept_id")
        if "denominator_unit_concept_id" in rows.columns
        else pl.lit(None, pl.Int64),
    )
    ingredients = rows.group_by("drug").agg(pl.col("ingredient").n_unique().alias("n"))
    single = rows.join(ingredients.filter(pl.col("n") == 1), on="drug", how="semi")
    found = {}
    for row in single.unique("drug", keep="none").iter_rows(named=True):
        strength = _read_row(row, units)
        if strength is not None:
            found[row["drug"]] = strength
    return found


def _read_row(row: dict[str, float], units: dict[int, str]) -> tuple[float, str] | None:
    if row["amount"] is not None:
        factor = _mass_factor(units.get(int(row["amount_unit"] or 0)))
        return None if factor is None else (row["amount"] * factor, PIECE)
    factor = _mass_factor(units.get(int(row["numerator_unit"] or 0)))
    if row["numerator"] is None or factor is None:
        return None
    if row["denominator"] is not None:
        return row["numerator"] * factor, PIECE
    is_volume = units.get(int(row["denominator_unit"] or 0)) == MILLILITRE
    return (row["numerator"] * factor, MILLILITRE) if is_volume else None


def _mass_factor(unit: str | None) -> float | None:
    conversion = find_conversion(unit, "mg") if unit in ("mg", "g", "ug") else None
    return None if conversion is None else conversion.convert(1.0)


def compute_doses(rows: pl.DataFrame, strengths: Strengths, ids: OmopConcepts) -> pl.DataFrame:
    """Compute the dose of each exposure: dose, dose_unit, every_n_days, fault and its words.

    Columns in: quantity, days_supply, days (last day minus first, and one), sig, unit_text (all
    text but days), concept (Int64), is_infusion. Out beside them: dose (Float64, null: unknown),
    dose_unit, every_n_days (Int32), fault (a rule, null: none), said.
    """
    signs = _read_signs(rows["sig"], ids)
    units = _read_units(rows["unit_text"])
    table = strengths.table.select("concept", "mg", "per")
    laid = (
        rows.join(table, on="concept", how="left", maintain_order="left")
        .join(signs, on="sig", how="left", nulls_equal=True, maintain_order="left")
        .join(units, on="unit_text", how="left", nulls_equal=True, maintain_order="left")
        .with_columns(
            quantity=_positive("quantity"),
            supply=_positive("days_supply"),
        )
    )
    amount = pl.col("quantity") * pl.col("mg")
    is_of_a_day = pl.col("days") == 1
    by_days = (
        pl.when("is_infusion")
        .then(amount)
        .when(pl.col("supply").is_not_null())
        .then(amount / pl.col("supply"))
        .when(is_of_a_day)
        .then(amount)
    )
    by_sig = pl.when((pl.col("per") == PIECE) & ~pl.col("is_infusion")).then(
        pl.col("count") * pl.col("times") * pl.col("mg")
    )
    direct = pl.when(pl.col("unit").is_not_null()).then("quantity")
    laid = laid.with_columns(by_days=by_days, by_sig=by_sig, direct=direct)
    return _choose(laid).select(
        *rows.columns, "dose", "dose_unit", pl.col("every").alias("every_n_days"), "fault", "said"
    )


def _choose(laid: pl.DataFrame) -> pl.DataFrame:
    """Choose the one reading, or none where readings contradict one another."""
    is_daily_mass = pl.col("is_mass") | (pl.col("unit") == "mg/day")
    direct_mg = pl.when(is_daily_mass).then(pl.col("direct") * pl.col("to_mg"))
    per_dosing_day = pl.col("by_sig")
    average = pl.col("by_sig") / pl.col("every").fill_null(1)
    contradicts = (
        _differ(pl.col("by_days"), average)
        | _differ(pl.col("by_days"), direct_mg)
        | _differ(per_dosing_day, direct_mg)
    )
    has_direct = pl.col("direct").is_not_null()
    is_mixed = has_direct & direct_mg.is_null() & pl.col("mg").is_not_null()
    is_total = has_direct & pl.col("is_mass") & (pl.col("days") != 1).fill_null(True)
    is_mixed = is_mixed | (is_total & ~pl.col("is_infusion"))
    is_needed_only = pl.col("is_as_needed").fill_null(False) & ~pl.col("is_infusion")
    has_any = pl.any_horizontal(
        pl.col(name).is_not_null() for name in ("by_days", "by_sig", "direct")
    )
    fault = (
        pl.when(is_needed_only & has_any)
        .then(pl.lit("omop_dose_as_needed"))
        .when((contradicts | is_mixed) & has_any)
        .then(pl.lit("omop_dose_contradicts"))
    )
    milligrams = (
        pl.when(pl.col("is_infusion") | (pl.col("days") == 1))
        .then(pl.lit("mg"))
        .otherwise(pl.lit("mg/day"))
    )
    return laid.with_columns(fault=fault).with_columns(
        dose=pl.when(pl.col("fault").is_null()).then(pl.coalesce("direct", "by_sig", "by_days")),
        dose_unit=pl.when(pl.col("fault").is_null()).then(
            pl.when(pl.col("direct").is_not_null())
            .then("unit")
            .when(pl.col("by_sig").is_not_null() | pl.col("by_days").is_not_null())
            .then(milligrams)
        ),
        every=pl.when(pl.col("by_sig").is_not_null() | pl.col("direct").is_not_null()).then(
            pl.col("every")
        ),
        said=pl.format(
            "quantity {}, days_supply {}, sig {}, unit {}, strength {} mg",
            *(
                pl.col(name).cast(pl.String).fill_null("-")
                for name in ("quantity", "supply", "sig", "unit_text", "mg")
            ),
        ),
    )


def _differ(one: pl.Expr, other: pl.Expr) -> pl.Expr:
    return ((one - other).abs() > _ROUNDING * pl.max_horizontal(one, other)).fill_null(False)


def _positive(column: str) -> pl.Expr:
    number = pl.col(column).str.strip_chars().cast(pl.Float64, strict=False)
    return pl.when(number > 0).then(number)


def _read_signs(texts: pl.Series, ids: OmopConcepts) -> pl.DataFrame:
    """Read the directions of prescriptions: each distinct text once."""
    rows = [(text, *read_sig(text, ids)) for text in texts.unique().to_list()]
    return pl.DataFrame(
        rows,
        schema={
            "sig": pl.String,
            "count": pl.Float64,
            "times": pl.Float64,
            "every": pl.Int32,
            "is_as_needed": pl.Boolean,
        },
        orient="row",
    )


def read_sig(
    text: str | None, ids: OmopConcepts
) -> tuple[float | None, float | None, int | None, bool]:
    """Read a prescription's text: pieces at a time, times a dosing day, every how many days.

    The number of pieces is read where it stands once; a text with two numbers of tablets, or two
    frequencies, is a taper and is not read.
    """
    if not text or not text.strip():
        return None, None, None, False
    plain = " ".join(text.casefold().split())
    if any(re.search(rf"\b{re.escape(word)}\b", plain) for word in ids.as_needed):
        return None, None, None, True
    found = [word for word in ids.sig if re.search(word.pattern, plain)]
    exact = found[:1] if len(found) < 2 or _is_within(found, plain) else []
    counted = "|".join(sorted(ids.counted, key=len, reverse=True))
    counts = re.findall(rf"(?<![\d.])(\d+(?:\.\d+)?)\s*(?:{counted})\b", plain)
    every = exact[0].every_n_days if exact else None
    times = (exact[0].times_a_day or 1.0) if exact else None
    return (float(counts[0]) if len(counts) == 1 and exact else None), times, every, False


def _is_within(found: list[SigWord], plain: str) -> bool:
    """Say whether further frequencies are only parts of the first: daily in twice daily."""
    first = re.search(found[0].pattern, plain)
    assert first is not None, "it was found"
    rest = plain[: first.start()] + " " + plain[first.end() :]
    return not any(re.search(word.pattern, rest) for word in found)


def _read_units(texts: pl.Series) -> pl.DataFrame:
    """Find which texts beside a quantity are units of a dose; tablets and mL are none."""
    rows: list[tuple[str | None, str | None, bool, float | None]] = []
    for text in texts.unique().to_list():
        unit = find_unit(text) if text else None
        if unit is None or unit.dimension not in _DOSE_DIMENSIONS:
            rows.append((text, None, False, None))
            continue
        target = {"mass": "mg", "mass per day": "mg/day"}.get(unit.dimension)
        conversion = find_conversion(unit.name, target) if target else None
        factor = None if conversion is None else conversion.convert(1.0)
        rows.append((text, unit.name, unit.dimension == "mass", factor))
    return pl.DataFrame(
        rows,
        schema={
            "unit_text": pl.String,
            "unit": pl.String,
            "is_mass": pl.Boolean,
            "to_mg": pl.Float64,
        },
        orient="row",
    )
