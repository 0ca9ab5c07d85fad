"""Fit the pulse model: draws from the posterior, how they were found, and how far to trust them."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from heliotrope.definitions.pulse_model import Conventions, PulseModel, StartRule
from heliotrope.estimate.pulse.approximate import Mode, choose_starts, find_mode
from heliotrope.estimate.pulse.data import Floats, PulseData
from heliotrope.estimate.pulse.pareto import resample
from heliotrope.estimate.pulse.prepare import prepare_jax
from heliotrope.estimate.pulse.reweight import Weighted, draw_weighted
from heliotrope.estimate.pulse.straight import Straight

if TYPE_CHECKING:
    from heliotrope.estimate.pulse.posterior import Problem

Progress = Callable[[str, float], None]

Method = Literal["reweighted", "nuts"]


def _say_nothing(step: str, share: float) -> None:
    """Take no notice of the progress."""


@dataclass(frozen=True)
class FitOptions:
    """What a caller may choose: the rest is the definition's.

    ``start_rule`` and ``conventions``: the definition's unless given. ``with_nuts``: true asks for
    NUTS, false forbids it, none leaves it to k-hat.
    """

    start_rule: StartRule | None = None
    conventions: Conventions | None = None
    with_nuts: bool | None = None


@dataclass(frozen=True)
class PulseFit:
    """Draws from the posterior, all of one weight.

    ``draws``: by name, (draws, size of the parameter); ``vectors``: the same without bounds.
    ``k_hat``: of the reweighted draws, also where NUTS replaced them. ``chains``: 1 unless NUTS.
    ``r_hat``: largest of all parameters, of NUTS only. ``effective_draws``: what the draws are
    worth; of NUTS the least of all parameters.
    """

    draws: dict[str, Floats]
    vectors: Floats = field(repr=False)
    method: Method
    k_hat: float
    effective_draws: float
    chains: int
    r_hat: float | None
    mode: Mode = field(repr=False)
    problem: Problem = field(repr=False)

    @property
    def is_trusted(self) -> bool:
        """Say whether the draws may be used: k-hat or R-hat within the definition's limits."""
        settings = self.problem.model.fit
        if self.method == "nuts":
            return self.r_hat is not None and self.r_hat <= settings.r_hat_at_most
        return self.k_hat <= settings.k_hat_at_most

    def monte_carlo_error(self, values: Floats) -> float:
        """Return the error of a median of drawn values that more draws would remove.

        Half of the distance between the order statistics that bracket the median by one standard
        error, after the number of effective draws (Vehtari et al. 2021, doi 10.1214/20-BA1221).
        """
        from scipy.special import betaincinv

        effective = max(self._effective(values), 2.0)
        half = 0.5 * effective + 1.0
        low, high = (betaincinv(half, half, chance) for chance in (0.1586553, 0.8413447))
        return float(np.diff(np.quantile(values, [low, high]))[0] / 2.0)

    def to_inference_data(self) -> Any:
        """Return the draws for ArviZ: its own object where it is installed, else its dictionary.

        The dictionary has ``posterior`` (by name: chain, draw, size) and ``sample_stats``.
        """
        posterior = {
            name: values.reshape(self.chains, -1, values.shape[1])
            for name, values in self.draws.items()
        }
        log_density = np.zeros((self.chains, len(self.vectors) // self.chains))
        batch = self.problem.model.fit.draws_a_batch
        log_density += self.problem.values(self.vectors, batch).reshape(log_density.shape)
        groups = {"posterior": posterior, "sample_stats": {"lp": log_density}}
        try:
            arviz = importlib.import_module("arviz")
        except ImportError:
            return groups
        return arviz.from_dict(**groups) if _takes_groups(arviz) else arviz.from_dict(groups)

    def _effective(self, values: Floats) -> float:
        if self.method != "nuts":
            return self.effective_draws
        from numpyro.diagnostics import effective_sample_size

        found = float(effective_sample_size(values.reshape(self.chains, -1)))
        return min(found, float(len(values))) if np.isfinite(found) else float(len(values))


def fit_pulse_model(
    data: PulseData,
    model: PulseModel,
    options: FitOptions | None = None,
    progress: Progress = _say_nothing,
) -> PulseFit:
    """Fit the model to a cohort.

    The mode is found and draws around it are reweighted; where k-hat says that they cannot be
    trusted, and the cohort is small enough, or where it is asked for, NUTS draws anew. The same
    data give the same draws. Errors: ImportError where JAX (or, for NUTS, NumPyro) is missing.
    """
    prepare_jax()
    from heliotrope.estimate.pulse.posterior import prepare_problem

    chosen = options or FitOptions()
    problem = prepare_problem(data, model, chosen.start_rule, chosen.conventions)
    generator = np.random.default_rng(model.fit.seed)
    progress("finding the mode", 0.0)
    mode = find_mode(problem, choose_starts(problem.layout, model.fit))
    if len(problem.blocks) > 1:
        problem = problem.begin_at(mode.vector)
    progress("drawing", 0.4)
    weighted = draw_weighted(problem, mode, generator)
    k_hat = weighted.smoothed.k_hat
    if _wants_nuts(chosen, k_hat, data, model):
        progress("drawing with NUTS", 0.6)
        return _draw_with_nuts(problem, mode, weighted)
    places = resample(weighted.smoothed.weights, model.fit.draws, generator)
    vectors = weighted.vectors[places]
    progress("drawn", 1.0)
    return PulseFit(
        draws=problem.layout.unpack(vectors),
        vectors=vectors,
        method="reweighted",
        k_hat=k_hat,
        effective_draws=weighted.smoothed.effective_draws,
        chains=1,
        r_hat=None,
        mode=mode,
        problem=problem,
    )


def _wants_nuts(options: FitOptions, k_hat: float, data: PulseData, model: PulseModel) -> bool:
    if options.with_nuts is not None:
        return options.with_nuts
    is_small = data.n_children <= model.fit.children_for_nuts_at_most
    return is_small and not k_hat <= model.fit.k_hat_at_most


def _draw_with_nuts(problem: Problem, mode: Mode, weighted: Weighted) -> PulseFit:
    """Draw with NUTS in coordinates in which the posterior is about standard normal."""
    import jax
    import jax.numpy as jnp
    from numpyro.diagnostics import effective_sample_size, split_gelman_rubin
    from numpyro.infer import MCMC, NUTS

    settings, straight = problem.model.fit, Straight.of(problem.layout)
    center, root = weighted.proposal.center, weighted.proposal.root
    density = problem.begin_at(mode.vector).density

    def potential(standard: Any) -> Any:
        return -density(straight.bend(jnp.asarray(center) + jnp.asarray(root) @ standard, jnp))

    kernel = NUTS(potential_fn=potential, dense_mass=True, target_accept_prob=0.9)
    sampler = MCMC(
        kernel,
        num_warmup=settings.nuts_warmup,
        num_samples=settings.nuts_draws,
        num_chains=settings.nuts_chains,
        chain_method="sequential",
        progress_bar=False,
    )
    key = jax.random.PRNGKey(settings.seed)
    first = 0.1 * jax.random.normal(key, (settings.nuts_chains, problem.layout.size))
    sampler.run(key, init_params=first)
    chains = np.asarray(sampler.get_samples(group_by_chain=True))
    vectors = straight.bend(center + chains.reshape(-1, chains.shape[-1]) @ root.T)
    return PulseFit(
        draws=problem.layout.unpack(vectors),
        vectors=vectors,
        method="nuts",
        k_hat=weighted.smoothed.k_hat,
        effective_draws=float(np.min(effective_sample_size(chains))),
        chains=settings.nuts_chains,
        r_hat=float(np.max(split_gelman_rubin(chains))),
        mode=mode,
        problem=problem,
    )


def _takes_groups(arviz: Any) -> bool:
    """Say whether this ArviZ takes its groups as keywords (before version 1)."""
    return int(str(arviz.__version__).split(".")[0]) < 1
