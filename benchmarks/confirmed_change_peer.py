"""The peer's side of confirmed_change.py: the same rule by pymsprog, in its own environment.

``python confirmed_change_peer.py COHORT.csv QUESTIONS.json ANSWER.json`` needs nothing of
heliotrope. A question: ``column`` (the values), ``event``, ``days`` of confirmation, ``tolerance``
in days before and after (null: however long after), ``delta``, ``children`` (the first so many).
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pymsprog


def main() -> None:
    """Answer every question; write onset and confirmation of each child that has an event."""
    cohort = pd.read_csv(sys.argv[1])
    questions = json.loads(Path(sys.argv[2]).read_text(encoding="utf-8"))
    answers = [answer(cohort, question) for question in questions]
    told = {
        "versions": f"pymsprog {pymsprog.__version__}, pandas {pd.__version__}, "
        f"NumPy {np.__version__}",
        "answers": answers,
    }
    Path(sys.argv[3]).write_text(json.dumps(told), encoding="utf-8")


def answer(cohort: pd.DataFrame, question: dict[str, Any]) -> dict[str, Any]:
    """Look for the first event of each child; days run from each child's first visit."""
    days, (before, after) = question["days"], question["tolerance"]
    wanted = cohort["patient_id"].unique()[: question["children"]]
    data = cohort[cohort["patient_id"].isin(wanted)]
    began = time.process_time()
    _, results = pymsprog.MSprog(
        data,
        subj_col="patient_id",
        value_col=question["column"],
        date_col="day",
        outcome="custom",
        delta_fun=lambda _: question["delta"],
        worsening="increase",
        event=question["event"],
        baseline="fixed",
        conf_days=days,
        conf_tol_days=[before, float("inf") if after is None else after],
        date_format="day",
        include_dates=True,
        verbose=0,
    )
    seconds = time.process_time() - began
    found = results[results["event_type"] != ""]
    onset, confirmed = found["date"], found[f"conf{days}_date"]
    events = zip(found["patient_id"], onset.astype(int), confirmed.astype(int), strict=True)
    return {
        "seconds": seconds,
        "children": len(wanted),
        "events": {child: [first, last] for child, first, last in events},
    }


if __name__ == "__main__":
    main()
