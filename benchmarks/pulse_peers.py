"""Measure the pulse model side by side with the same model sampled whole by NumPyro and by PyMC.

``python benchmarks/pulse_peers.py`` draws cohorts of 7 and 30 children, fits each by the program
(reweighted draws, and NUTS on the collapsed posterior) and by two peers that sample every latent
value: NumPyro's NUTS, and PyMC with nutpie. The peers live in an environment of their own, made in
``benchmarks/work/peers``. Same data, priors, warm-up, draws and chains; every fit starts cold, in
a process of its own, and is stopped at the time limit. ``--limit SECONDS`` sets another one.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from machine import describe_machine, draw_table, write_part
from pulse_model import draw_cohort

from heliotrope.definitions.pulse_model import read_pulse_model
from heliotrope.estimate.pulse.prepare import CACHE_VARIABLE

SIZES = (7, 30)
LIMIT = 600.0
WORK = Path(__file__).parent / "work"
PEERS = ("numpyro", "pymc", "nutpie", "arviz")
ASKED = ("pulse_mean", "onset_days", "pulse_sd")
WAYS = {
    "reweighted": "heliotrope, reweighted draws",
    "nuts": "heliotrope, NUTS on the collapsed posterior",
    "numpyro": "every latent value, NumPyro NUTS",
    "pymc": "every latent value, PyMC with nutpie",
}


def main() -> None:
    """Measure every way at every size, print and write."""
    if "--fit" in sys.argv:
        _, chosen, number, answer = sys.argv[sys.argv.index("--fit") :]
        fit_here(chosen, int(number), Path(answer))
        return
    limit = float(sys.argv[sys.argv.index("--limit") + 1]) if "--limit" in sys.argv else LIMIT
    WORK.mkdir(exist_ok=True)
    python = make_environment()
    rows, versions = [], set()
    for children in SIZES:
        data = write_data(children)
        for way, name in WAYS.items():
            found = measure(way, children, data, python, limit)
            versions.add(found.get("versions", ""))
            rows.append(describe(children, name, found, limit))
            sys.stdout.write(" | ".join(rows[-1]) + "\n")
            sys.stdout.flush()
    header = ["children", "way", "seconds", *(f"effective draws of {each}" for each in ASKED)]
    header += ["the least a second", "pulse_mean", "largest R-hat"]
    used = ", ".join(sorted(versions - {""}))
    text = f"{describe_machine()}; {used}.\n\n{draw_table(header, rows)}"
    write_part("pulse_peers", text)


def make_environment() -> Path:
    """Make the peers' environment where there is none; return its Python."""
    folder = WORK / "peers"
    python = folder / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "-q", *PEERS], check=True)
    return python


def write_data(children: int) -> Path:
    """Write a cohort with the priors and settings that the program itself uses."""
    from heliotrope.estimate.pulse.parameters import choose_layout

    data, model = draw_cohort(children), read_pulse_model()
    layout = choose_layout(data, model, model.start_rule.default)
    settings = model.fit
    told = {
        "parameters": [vars(each) for each in layout.parameters],
        "warmup": settings.nuts_warmup,
        "draws": settings.nuts_draws,
        "chains": settings.nuts_chains,
    }
    floor = np.array([each.floor for each in data.measures])
    ceiling = np.array([each.ceiling for each in data.measures])
    is_best, is_worst = data.value <= floor, data.value >= ceiling
    path = WORK / f"peers_{children}.npz"
    np.savez(
        path,
        visit_day=data.visit_day,
        infusion_day=data.infusion_day,
        dose=data.dose,
        steroid=data.steroid,
        value=data.value,
        is_best=is_best,
        is_worst=is_worst,
        is_inside=np.isfinite(data.value) & ~is_best & ~is_worst,
        end=np.where(is_best | is_worst, data.value, 0.0),
        told=json.dumps(told),
    )
    return path


def measure(way: str, children: int, data: Path, python: Path, limit: float) -> dict[str, Any]:
    """Fit in a process of its own; empty where the limit was reached."""
    answer = WORK / f"peers_{way}_{children}.json"
    answer.unlink(missing_ok=True)
    here = Path(__file__)
    command = [sys.executable, str(here), "--fit", way, str(children), str(answer)]
    if way in ("numpyro", "pymc"):
        command = [str(python), str(here.with_name("full_latent.py")), way, str(data), str(answer)]
    try:
        subprocess.run(command, check=True, timeout=limit)
    except subprocess.TimeoutExpired:
        return {}
    found: dict[str, Any] = json.loads(answer.read_text(encoding="utf-8"))
    return found


def fit_here(way: str, children: int, answer: Path) -> None:
    """Fit by the program and write what it took; nothing compiled is reused."""
    os.environ[CACHE_VARIABLE] = "off"
    from numpyro.diagnostics import effective_sample_size, split_gelman_rubin

    from heliotrope.estimate.pulse.fit import FitOptions, fit_pulse_model

    data = draw_cohort(children)
    began = time.perf_counter()
    fit = fit_pulse_model(data, read_pulse_model(), FitOptions(with_nuts=way == "nuts"))
    told: dict[str, Any] = {"seconds": time.perf_counter() - began}
    for name in ASKED:
        values = fit.draws[name][:, 0].reshape(fit.chains, -1)
        is_chain = fit.method == "nuts"
        told[name] = {
            "ess": float(effective_sample_size(values)) if is_chain else fit.effective_draws,
            "rhat": float(split_gelman_rubin(values)) if is_chain else None,
            "median": float(np.median(values)),
            "sd": float(values.std()),
        }
    answer.write_text(json.dumps(told), encoding="utf-8")


def describe(children: int, name: str, found: dict[str, Any], limit: float) -> list[str]:
    """Write one way's line of the table."""
    if not found:
        stopped = f"not finished in {limit:.0f}"
        return [f"{children}", name, stopped, *(["–"] * (len(ASKED) + 3))]
    draws = [found[each]["ess"] for each in ASKED]
    r_hat = [found[each]["rhat"] for each in ASKED if found[each]["rhat"] is not None]
    return [
        f"{children}",
        name,
        f"{found['seconds']:.0f}",
        *(f"{each:.0f}" for each in draws),
        f"{min(draws) / found['seconds']:.2f}",
        f"{found['pulse_mean']['median']:.2f} (sd {found['pulse_mean']['sd']:.2f})",
        f"{max(r_hat):.3f}" if r_hat else "–",
    ]


if __name__ == "__main__":
    main()
