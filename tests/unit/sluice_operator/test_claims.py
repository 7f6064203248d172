"""Of models that claim one host name the one that claimed it first has it, until it has let go of it."""

import pytest
from making import after

from sluice_operator.controller.claims import Claims

A, B, C = ("team-a", "sms"), ("team-b", "sms"), ("team-c", "fraud")
NAME, OTHER = "sms.example.com", "other.example.com"


@pytest.fixture
def granted():
    return []


@pytest.fixture
def claims(granted):
    return Claims(granted.append)


def test_the_first_has_it_and_the_others_are_told_who(claims):
    assert claims.claim(A, NAME) is None
    assert claims.claim(B, NAME) == A
    assert claims.claim(A, NAME) is None, "it may ask as often as it likes"


def test_what_a_route_says_is_an_older_claim_than_any_that_is_made_now(claims):
    claims.follow(B, {NAME}, since=after(0))

    assert claims.claim(A, NAME) == B
    assert claims.claim(B, NAME) is None


@pytest.mark.parametrize("order", [(A, B), (B, A)])
def test_of_two_routes_with_one_host_name_the_older_one_counts(claims, order):
    ages = {A: after(10), B: after(5)}
    for key in order:
        claims.follow(key, {NAME}, since=ages[key])

    assert claims.claim(A, NAME) == B
    assert claims.claim(B, NAME) is None


def test_a_former_host_name_is_not_free_while_the_route_still_has_it(claims, granted):
    claims.claim(A, NAME)
    claims.follow(A, {NAME}, since=after(0))
    claims.claim(A, OTHER)
    claims.follow(A, {OTHER, NAME}, since=after(0))
    assert claims.claim(B, NAME) == A

    claims.follow(A, {OTHER}, since=after(0))

    assert granted == [B]
    assert claims.claim(B, NAME) is None


def test_who_waits_longest_has_it_next(claims, granted):
    claims.claim(A, NAME)
    claims.claim(C, NAME)
    claims.claim(B, NAME)

    claims.claim(A, None)

    assert granted == [C]
    assert claims.claim(B, NAME) == C
    assert claims.claim(A, NAME) == C, "who let go begins anew"
    claims.claim(C, OTHER)
    assert granted == [C, B]


def test_who_waits_no_more_is_passed_over(claims, granted):
    claims.claim(A, NAME)
    claims.claim(B, NAME)
    claims.claim(B, OTHER)
    claims.claim(C, NAME)

    claims.claim(A, None)

    assert granted == [C]


def test_a_route_that_is_gone_gives_its_host_name_back_when_its_model_wants_it_no_more(claims, granted):
    claims.claim(A, NAME)
    claims.follow(A, {NAME}, since=after(0))
    claims.claim(B, NAME)

    claims.follow(A, (), since=after(0))
    assert claims.claim(B, NAME) == A, "it is written anew"
    claims.claim(A, None)

    assert granted == [B]
    assert claims.claim(B, NAME) is None
