"""NUTS for one data set after another, as the program draws where k-hat says that it must.

The program's settings and coordinates; the chart is an argument, so that what was compiled for
one data set serves all of its shape.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from calibration.pulse_model.batches import Batch
from calibration.pulse_model.fits import (
    Density,
    Drawn,
    compute_heights,
    fix_conventions,
    make_density,
)
from heliotrope.definitions.pulse_model import read_pulse_model
from heliotrope.estimate.pulse.straight import Straight

ACCEPTED = 0.9
FIRST_SPREAD = 0.1


def draw_with_nuts(batch: Batch, row: int, reweighted: Drawn) -> tuple[Drawn, float]:
    """Draw the posterior of one data set; the draws, all of one weight, and the largest R-hat."""
    from numpyro.diagnostics import split_gelman_rubin

    if reweighted.proposal is None:
        raise ValueError("NUTS begins from what the draws were reweighted from")
    sampler, settings = _sampler(Density.of(batch)), read_pulse_model().fit
    center, root = reweighted.proposal.center, reweighted.proposal.root
    child = jax.tree.map(lambda array: jnp.asarray(array[row]), batch.child)
    key = jax.random.PRNGKey(settings.seed)
    shape = (settings.nuts_chains, batch.layout.size)
    first = {"standard": FIRST_SPREAD * jax.random.normal(key, shape)}
    sampler.run(key, child, jnp.asarray(center), jnp.asarray(root), init_params=first)
    chains = np.asarray(sampler.get_samples(group_by_chain=True)["standard"])
    straight = Straight.of(batch.layout)
    vectors = straight.bend(center + chains.reshape(-1, shape[1]) @ root.T)
    weights = np.full(len(vectors), 1 / len(vectors))
    heights = compute_heights(batch, row, vectors)
    r_hat = float(np.max(split_gelman_rubin(chains)))
    return Drawn(vectors, weights, heights, reweighted.k_hat), r_hat


@lru_cache(maxsize=4)
def _sampler(of: Density) -> Any:
    import numpyro
    from numpyro.distributions import ImproperUniform, constraints
    from numpyro.infer import MCMC, NUTS

    density, settings = make_density(of), read_pulse_model().fit
    straight, fixed = Straight.of(of.layout), fix_conventions(None)
    anywhere = ImproperUniform(constraints.real_vector, (), (of.layout.size,))

    def model(child: Any, center: Any, root: Any) -> None:
        standard = numpyro.sample("standard", anywhere)
        vector = straight.bend(center + root @ standard, jnp)
        numpyro.factor("posterior", density(vector, child, fixed))

    return MCMC(
        NUTS(model, dense_mass=True, target_accept_prob=ACCEPTED),
        num_warmup=settings.nuts_warmup,
        num_samples=settings.nuts_draws,
        num_chains=settings.nuts_chains,
        chain_method="sequential",
        progress_bar=False,
        jit_model_args=True,
    )
