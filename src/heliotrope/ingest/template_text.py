"""The words of the empty study: how to fill it in, when to see a child, what study.toml may say."""

from __future__ import annotations

READ_ME = (
    "Records of children given intravenous immunoglobulin",
    "One sheet a table. Fill in what you have; leave blank what was not recorded, and never "
    "write 0 for 'not done'. Sheets you do not need stay empty.",
    "patient: one row a child. Use a pseudonym, never a name.",
    "assessment: one row for each measure on each date: strength, globals, enzymes, weight, "
    "a judgement in words. Give enzymes their upper limit of normal.",
    "infusion: one row for each day immunoglobulin was given, with the dose of that day.",
    "medication: one row for each dose of each drug and the days it was taken; a new dose is a "
    "new row. end_date is the last day at that dose.",
    "event: reactions, flares, hospital stays, complications, and why immunoglobulin was stopped "
    "(kind ivig_stopped).",
    "indication: why immunoglobulin was started. adjudication: a clinician's own label, if any.",
    "Dates: 2019-04-23. A month (2014-11) or a year (2014) is fine for birth, onset, diagnosis "
    "and drug periods; visits, infusions and events need their day.",
    "Columns with a darker header are required. The sheet 'dictionary' explains every column, "
    "the sheet 'words' lists the words, the sheet 'visits' says when to see a child.",
    "Then: heliotrope check FOLDER",
)

VISITS = (
    "When to see a child so that the questions can be answered",
    "Before the first infusion: in the 28 days before it, or on the day, record each measure you "
    "will follow. Without that baseline nothing can be said later.",
    "How fast: one visit on days 2 to 7 after an infusion, at least after the first two courses.",
    "How long: one visit a cycle at the trough, just before the next infusion.",
    "Confirmed or chance: the next visit at least 14 days later, with the same measures.",
    "No effect: a visit on or after day 84, with at least three courses given.",
    "After stopping: go on for at least 180 days, with the same measures, and record the reason.",
    "Steroid: record every change of dose with its day, and a weight at least every 90 days.",
)

STUDY_TOML = """# This file says what the records cannot say of themselves.
# Every line may be left out. Lines that begin with # are comments.

id = "my_study"
title = "Children given IVIG at our centre"

# "jdm" (default) or "adult": which thresholds the improvement score uses.
# population = "jdm"

# Laboratory values of neighbouring days may be joined to a visit (days).
# visit_tolerance_days = 0

# A scale of your own for activities of daily living: without these lines it is not used.
# [measures.adl]
# min = 0
# max = 5
# direction = "low"        # which end is better
# scale_name = "clinic grade of daily living, 0 to 5"

# How cells are written, where the files do not prove it.
# [format]
# date_format = "DMY"      # or "MDY", "YMD", "excel"
# decimal = ","
# missing = ["999"]

# Files with other names or columns. Once there is a [[source]], only the files named are read.
# [[source]]
# file = "visits.csv"
# table = "assessment"
# [source.columns]         # our column = your column
# patient_id = "record_id"
# date = "visit_date"
# [[source.measures]]      # one column that holds one measure
# column = "ck"
# measure = "creatine_kinase"
# unit = "U/L"
# upper_limit_column = "ck_uln"
"""
