"""What the generator promises to training, to measurement and to the demo's client."""

import itertools
import random

import pytest

from examples.sms.catalogue import LABELS, brands, formats, regions
from examples.sms.messages import Message, generate, held_out, render, stream
from examples.sms.model import ENTITY_TYPES
from examples.sms.noise import disturb
from examples.sms.values import Piece, fill

ALL = ("training", "extended", "held_out")


def seeded(seed: int) -> random.Random:
    return random.Random(seed)  # what is drawn is example data


@pytest.fixture(scope="module")
def traffic() -> list[Message]:
    return list(itertools.islice(stream(seed=3), 3000))


def test_the_same_seed_gives_the_same_messages_and_another_seed_gives_others() -> None:
    first, again, other = (list(itertools.islice(stream(seed), 50)) for seed in (1, 1, 2))
    assert first == again
    assert first != other
    assert held_out(50) == held_out(50)


def test_every_span_is_exactly_the_text_of_its_entity(traffic: list[Message]) -> None:
    entities = [(message, entity) for message in traffic for entity in message.entities]
    assert {entity.type for _, entity in entities} == set(ENTITY_TYPES)
    for message, entity in entities:
        assert entity.text
        assert message.text[entity.start : entity.end] == entity.text


def test_entities_of_a_message_do_not_overlap(traffic: list[Message]) -> None:
    for message in traffic:
        for before, after in itertools.pairwise(message.entities):
            assert before.end <= after.start


def test_an_account_is_its_tail_alone(traffic: list[Message]) -> None:
    tails = [entity.text for message in traffic for entity in message.entities if entity.type == "account"]
    assert all(tail.isdigit() and 3 <= len(tail) <= 5 for tail in tails)


@pytest.mark.parametrize("split", ALL)
def test_every_split_has_every_class(split: str) -> None:
    assert {item.label for item in formats(split)} == set(LABELS)


def test_training_takes_all_classes_alike() -> None:
    labels = [message.label for message in itertools.islice(generate(formats("training"), seed="x"), 3000)]
    assert all(0.13 < labels.count(label) / len(labels) < 0.21 for label in LABELS)


def test_no_held_out_format_is_trained_on() -> None:
    assert {item.text for item in formats("held_out")}.isdisjoint(item.text for item in formats("training", "extended"))


def test_no_bank_of_a_held_out_message_occurs_in_training() -> None:
    trained = {bank for region in regions().values() for bank in region.banks}
    assert trained.isdisjoint(bank for region in regions().values() for bank in region.held_out)


def test_every_format_can_be_rendered() -> None:
    rng = seeded(0)
    for item in formats(*ALL):
        for message in (render(item, rng=rng) for _ in range(5)):
            assert message.label == item.label
            assert not set("{}[]|") & set(message.text) - set(item.text)


def test_promotions_name_money_but_none_of_it_is_an_entity(traffic: list[Message]) -> None:
    promotions = [message for message in traffic if message.label == "promotion"]
    assert sum("%" in message.text or "Rs" in message.text for message in promotions) > 100
    assert not any(message.entities for message in promotions)


def test_about_three_in_ten_messages_of_the_traffic_mention_a_brand(traffic: list[Message]) -> None:
    names = [name.lower() for name in brands()]
    share = sum(any(name in message.text.lower() for name in names) for message in traffic) / len(traffic)
    assert 0.2 < share < 0.4


def test_noise_keeps_what_an_entity_says() -> None:
    pieces = [Piece("Your account "), Piece("1234", "account"), Piece(" was debited, "), Piece("Rs.5", "amount")]
    for seed in range(300):
        noisy = disturb(pieces, rng=seeded(seed))
        assert [piece.text.lower() for piece in noisy if piece.kind] == ["1234", "rs.5"]


def test_a_format_with_an_unknown_slot_says_which() -> None:
    with pytest.raises(ValueError, match=r"unknown slot \{colour\}"):
        fill("colour", region=regions()["india"], bank="Ganga Bank", rng=seeded(0))
