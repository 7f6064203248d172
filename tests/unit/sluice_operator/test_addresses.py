"""Where a model is reached: what its policy wants, what the installation allows, and never at another model's cost."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from making import after

from sluice_operator.api.policy import PolicyRoute
from sluice_operator.rollout.address import KEPT, Address, addresses
from sluice_operator.routing.addresses import Allowed, Gateway, RouteRefusedError

NOW = after(0)
DAY = KEPT.total_seconds()
OLD, NEW, NEWER = (Address(f"{name}.example.com", "edge", "infra") for name in ("old", "new", "newer"))


def ending(address: Address, seconds: float) -> Address:
    return Address(address.hostname, address.gateway, address.gateway_namespace, until=after(seconds))


# Changing an address loses no request


def test_a_former_address_goes_on_for_a_day():
    assert addresses(NEW, (OLD,), NOW) == (NEW, ending(OLD, DAY))
    assert addresses(NEW, (NEW, ending(OLD, DAY)), after(DAY - 1)) == (NEW, ending(OLD, DAY))
    assert addresses(NEW, (NEW, ending(OLD, DAY)), after(DAY)) == (NEW,)


def test_who_goes_back_has_not_lost_the_address_in_between():
    assert addresses(OLD, (NEW, ending(OLD, 5)), NOW) == (OLD, ending(NEW, DAY))


def test_each_of_several_changes_goes_on_for_its_own_day():
    assert addresses(NEWER, (NEW, ending(OLD, 5)), NOW) == (NEWER, ending(NEW, DAY), ending(OLD, 5))


def test_another_gateway_is_another_address():
    moved = Address(OLD.hostname, "other", "infra")
    assert addresses(moved, (OLD,), NOW) == (moved, ending(OLD, DAY))


def test_where_nobody_knows_a_better_one_the_address_stays():
    assert addresses(None, (OLD, ending(NEW, 5)), NOW) == (OLD, ending(NEW, 5))
    assert addresses(None, (), NOW) == ()


def test_an_end_that_somebody_set_beyond_measure_counts_for_nothing():
    assert addresses(NEW, (NEW, ending(OLD, 10 * DAY)), NOW) == (NEW,)


@given(changes=st.lists(st.tuples(st.sampled_from([None, *range(20)]), st.integers(1, 40_000)), max_size=40))
def test_an_address_is_never_lost_within_its_day_and_a_route_never_overflows(changes):
    known = [Address(f"n{number}.example.com", "edge", "infra") for number in range(20)]
    live: tuple[Address, ...] = ()
    seconds = 0
    for wanted, later in changes:
        before = live
        live = addresses(None if wanted is None else known[wanted], before, after(seconds))
        again = addresses(None if wanted is None else known[wanted], live, after(seconds))
        assert again == live, "nothing moves by itself"
        assert len(live) <= 8
        assert all(one.until is None for one in live[:1])
        if before:
            assert any(one.is_same_as(before[0]) for one in live)
        seconds += later


# What a policy may ask for

INSTALLATION = Gateway(
    name="contour",
    namespace="projectcontour",
    domain="Sluice.Local",
    allowed=(
        Allowed(namespaces=("team-a",), hostnames=("*.team-a.example.com", "Api.Example.com"), gateways=("infra/*",)),
        Allowed(namespaces=("ml-*",), hostnames=("*",)),
        Allowed(namespaces=("*",), gateways=("infra/open",)),
    ),
)


def reached(namespace: str = "team-a", *, hostname: str | None = None, gateway: str | None = None) -> Address:
    where = None if gateway is None else dict(zip(("namespace", "name"), gateway.split("/"), strict=True))
    asked = PolicyRoute.model_validate({"hostname": hostname, "gateway": where}) if hostname or gateway else None
    return INSTALLATION.address(model="sms", namespace=namespace, asked=asked)


def test_without_a_policys_word_the_address_is_the_installations():
    assert reached() == Address("sms.team-a.sluice.local", "contour", "projectcontour")


@pytest.mark.parametrize(
    ("namespace", "hostname", "gateway", "there"),
    [
        ("team-a", "{model}.team-a.example.com", None, ("sms.team-a.example.com", "projectcontour/contour")),
        ("team-a", "API.example.COM", "infra/edge", ("api.example.com", "infra/edge")),
        ("team-b", None, "infra/open", ("sms.team-b.sluice.local", "infra/open")),
        ("ml-b", "{model}-{namespace}.any", None, ("sms-ml-b.any", "projectcontour/contour")),
        ("team-b", "{model}.{namespace}.sluice.local", None, ("sms.team-b.sluice.local", "projectcontour/contour")),
    ],
)
def test_what_the_installation_allows_is_had(namespace, hostname, gateway, there):
    found = reached(namespace, hostname=hostname, gateway=gateway)
    assert (found.hostname, f"{found.gateway_namespace}/{found.gateway}") == there


@pytest.mark.parametrize(
    ("namespace", "hostname", "gateway"),
    [
        ("team-b", "sms.example.com", None),
        ("team-a", "sms.example.com", None),
        ("team-a", "team-a.example.com", None),
        ("team-b", "sms.team-a.sluice.local", None),
        ("team-b", None, "infra/edge"),
        ("ml-b", "sms.any", "infra/open"),
        ("team-a", "-{model}.team-a.example.com", None),
        ("ml-" + "b" * 60, "{model}-{namespace}.any", None),
    ],
)
def test_what_it_does_not_allow_is_refused_in_words(namespace, hostname, gateway):
    with pytest.raises(RouteRefusedError, match=r"^(the installation does not allow namespace|\S+ is no host name)"):
        reached(namespace, hostname=hostname, gateway=gateway)


@pytest.mark.parametrize("hostname", ["", ".", "a..b", "{MODEL}.x", "{model", "a b", "*.x", "a/b", "é.x", "a" * 254])
def test_a_policy_says_a_host_name(hostname):
    with pytest.raises(ValueError, match="hostname"):
        PolicyRoute.model_validate({"hostname": hostname})
