"""The pulse model with every latent value sampled, in NumPyro and in PyMC: the peers' side.

``python full_latent.py numpyro|pymc DATA.npz ANSWER.json`` runs in the peers' own environment and
needs nothing of heliotrope: cohort and priors are in the file. Written as a user of either would:
children's deviations and fluctuation not centred, values at an end of the instrument censored.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

SEED = 1
SHARED = ("activity", "drift", "pulse", "persistent")
ASKED = ("pulse_mean", "onset_days", "pulse_sd")
DRIFT_DAYS = 180.0
COURSES = 3.0


def main() -> None:
    """Sample by the library named, and write seconds, effective draws and R-hat."""
    peer, data, answer = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
    loaded = np.load(data)
    cohort = {name: loaded[name] for name in loaded.files if name != "told"}
    told = json.loads(str(loaded["told"]))
    began = time.perf_counter()
    draws, versions = {"numpyro": with_numpyro, "pymc": with_pymc}[peer](cohort, told)
    seconds = time.perf_counter() - began
    answer.write_text(
        json.dumps({"seconds": seconds, "versions": versions, **describe(draws)}), encoding="utf-8"
    )


def describe(draws: dict[str, Any]) -> dict[str, Any]:
    """Count the effective draws of what is asked, and give median and spread."""
    import arviz

    return {
        name: {
            "ess": float(arviz.ess(np.asarray(draws[name]))),
            "rhat": float(arviz.rhat(np.asarray(draws[name]))),
            "median": float(np.median(draws[name])),
            "sd": float(np.std(draws[name])),
        }
        for name in ASKED
    }


def with_numpyro(cohort: dict[str, Any], told: dict[str, Any]) -> tuple[dict[str, Any], str]:
    """Sample with NumPyro's NUTS on every latent value."""
    import jax
    import jax.numpy as jnp
    import numpyro
    import numpyro.distributions as dist
    from numpyro.infer import MCMC, NUTS

    jax.config.update("jax_enable_x64", True)
    children, visits = cohort["visit_day"].shape

    def model() -> None:
        values = {}
        for each in told["parameters"]:
            shape = (each["size"],)
            normal = dist.Normal(each["center"], each["scale"])
            of_family = {
                "normal": normal,
                "half_normal": dist.HalfNormal(each["scale"]),
                "log_normal": dist.LogNormal(np.log(max(each["center"], 1e-9)), each["scale"]),
            }
            chosen = of_family[each["family"]].expand(shape).to_event(1)
            values[each["name"]] = numpyro.sample(each["name"], chosen)
        own = numpyro.sample("own", dist.Normal(0, 1).expand((children, 4)).to_event(2))
        fresh = numpyro.sample("fresh", dist.Normal(0, 1).expand((children, visits)).to_event(2))
        expected = write_activity(jnp, cohort, values, own, fresh)
        log_likelihood = jnp.where(
            cohort["is_inside"],
            dist.Normal(expected, values["noise"]).log_prob(jnp.nan_to_num(cohort["value"])),
            0.0,
        )
        below = jax.scipy.stats.norm.logcdf((cohort["end"] - expected) / values["noise"])
        above = jax.scipy.stats.norm.logcdf((expected - cohort["end"]) / values["noise"])
        log_likelihood += jnp.where(cohort["is_best"], below, 0.0)
        log_likelihood += jnp.where(cohort["is_worst"], above, 0.0)
        numpyro.factor("seen", log_likelihood.sum())

    sampler = MCMC(
        NUTS(model, target_accept_prob=0.9),
        num_warmup=told["warmup"],
        num_samples=told["draws"],
        num_chains=told["chains"],
        chain_method="sequential",
        progress_bar=False,
    )
    sampler.run(jax.random.PRNGKey(SEED))
    found = sampler.get_samples(group_by_chain=True)
    versions = f"NumPyro {numpyro.__version__}, JAX {jax.__version__}"
    return {name: np.asarray(found[name])[..., 0] for name in ASKED}, versions


def with_pymc(cohort: dict[str, Any], told: dict[str, Any]) -> tuple[dict[str, Any], str]:
    """Sample with PyMC's model compiled and drawn by nutpie."""
    import nutpie
    import pymc
    import pytensor.tensor as pt

    children, visits = cohort["visit_day"].shape
    with pymc.Model() as model:
        values = {}
        for each in told["parameters"]:
            name, shape = each["name"], each["size"]
            if each["family"] == "normal":
                drawn = pymc.Normal(name, each["center"], each["scale"], shape=shape)
            elif each["family"] == "half_normal":
                drawn = pymc.HalfNormal(name, each["scale"], shape=shape)
            else:
                drawn = pymc.LogNormal(name, np.log(each["center"]), each["scale"], shape=shape)
            values[name] = drawn
        own = pymc.Normal("own", 0, 1, shape=(children, 4))
        fresh = pymc.Normal("fresh", 0, 1, shape=(children, visits))
        expected = write_activity(pt, cohort, values, own, fresh)
        normal = pymc.Normal.dist(expected, values["noise"])
        seen = pt.switch(
            cohort["is_inside"], pymc.logp(normal, np.nan_to_num(cohort["value"])), 0.0
        )
        standard = pymc.Normal.dist(0.0, 1.0)
        end = np.broadcast_to(cohort["end"], cohort["value"].shape)
        seen += pt.switch(
            cohort["is_best"], pymc.logcdf(standard, (end - expected) / values["noise"]), 0.0
        )
        seen += pt.switch(
            cohort["is_worst"], pymc.logcdf(standard, (expected - end) / values["noise"]), 0.0
        )
        pymc.Potential("seen", seen.sum())
    found = nutpie.sample(
        nutpie.compile_pymc_model(model),
        draws=told["draws"],
        tune=told["warmup"],
        chains=told["chains"],
        cores=1,
        target_accept=0.9,
        seed=SEED,
        progress_bar=False,
    )
    versions = f"PyMC {pymc.__version__}, nutpie {nutpie.__version__}"
    return {name: np.asarray(found.posterior[name])[..., 0] for name in ASKED}, versions


def write_activity(xp: Any, cohort: dict[str, Any], values: Any, own: Any, fresh: Any) -> Any:
    """Write down what is expected of each value, (children, visits, measures).

    ``xp``: jax.numpy or pytensor.tensor; the fluctuation is drawn step by step along the visits.
    """
    day = cohort["visit_day"]
    onset, extra = values["onset_days"][0], values["extra_decay_days"][0]
    fast, slow = np.log(2.0) / onset, np.log(2.0) / (onset + extra)
    top = xp.log(fast / slow) / (fast - slow)
    highest = xp.exp(-slow * top) - xp.exp(-fast * top)
    since = np.maximum(day[:, :, None] - cohort["infusion_day"][:, None, :], 0.0)
    height = (xp.exp(-slow * since) - xp.exp(-fast * since)) / highest
    pulse = (cohort["dose"][:, None, :] * height).sum(axis=2)
    given = ((since > 0) * cohort["dose"][:, None, :]).sum(axis=2)
    weights = (np.ones_like(day), day / DRIFT_DAYS, -pulse, np.expm1(-given / COURSES))
    tau = values["fluctuation_days"][0]
    kept = xp.exp(-np.diff(day, axis=1) / tau)
    path = [fresh[:, 0]]
    for visit in range(1, day.shape[1]):
        share = kept[:, visit - 1]
        path.append(share * path[-1] + xp.sqrt(1.0 - share**2) * fresh[:, visit])
    activity = values["fluctuation_sd"][0] * xp.stack(path, axis=1)
    for place, name in enumerate(SHARED):
        mean, spread = values[f"{name}_mean"][0], values[f"{name}_sd"][0]
        activity = activity + (mean + spread * own[:, place : place + 1]) * weights[place]
    excess = values["start_excess"]
    activity = activity + xp.exp(-np.abs(day) / tau) * (
        excess[1] * (day > 0) + excess[0] * (day <= 0)
    )
    activity = activity - values["steroid"][0] * cohort["steroid"]
    one, none = np.ones(1), np.zeros(1)
    loading = xp.concatenate([one, values["loading"]])
    offset = xp.concatenate([none, values["offset"]])
    return offset + loading * activity[:, :, None]


if __name__ == "__main__":
    main()
