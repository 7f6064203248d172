"""Each version gets the share of the requests that its route says, by Envoy's own count."""

from math import exp, lgamma, log

from tests.e2e import envoy
from tests.e2e.clients import clients
from tests.e2e.model import Model, serving, steps

WEIGHTS = (10, 50)
REQUESTS = 1500
RATE = 120.0
CHANCE = 1e-6 / len(WEIGHTS)
"""Of calling a right share wrong, for each of the two."""


async def test_each_version_gets_the_share_that_its_route_says(model: Model) -> None:
    await model.serves("1.0.0")
    await model.apply("2.0.0", **serving("1.3.0", version="2.0.0"), rollout=steps(*WEIGHTS))

    for step, weight in enumerate(WEIGHTS):
        if step:
            await model.decide("2.0.0", "Advance")
        await model.has_weight("2.0.0", weight)
        sent = await _sent(model)
        of = sum(sent.values())
        assert of >= REQUESTS
        assert _chance(sent["2.0.0"], of=of, share=weight / 100) > CHANCE, f"{sent} at {weight} %"


async def _sent(model: Model) -> dict[str, int]:
    """Requests that each version got out of some thousands, as Envoy has counted them."""
    services = {version: (await model.status(version))["inferenceService"] for version in ("1.0.0", "2.0.0")}
    async with clients(model, rate=RATE) as traffic:  # whose first requests are before the Gateway's last change
        before = await envoy.requests(model.cluster)
        await traffic.more(REQUESTS + traffic.target.in_flight)
    after = await envoy.requests(model.cluster)
    counted = {version: f"{name}-predictor" for version, name in services.items()}
    return {version: after[name] - before.get(name, 0) for version, name in counted.items()}


def _chance(found: int, *, of: int, share: float) -> float:
    """How likely a count as far off as this is, or farther, if each request goes its way by itself."""
    upwards = found > of * share
    farther = range(found, of + 1) if upwards else range(found + 1)
    return 2 * sum(exp(_log_binomial(count, of=of, share=share)) for count in farther)


def _log_binomial(count: int, *, of: int, share: float) -> float:
    ways = lgamma(of + 1) - lgamma(count + 1) - lgamma(of - count + 1)
    return ways + count * log(share) + (of - count) * log(1 - share)
