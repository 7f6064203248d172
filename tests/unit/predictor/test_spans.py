"""Tags of tokens become entities of the text."""

from hypothesis import given
from hypothesis import strategies as st

from sluice_predictor.tasks.spans import decode_entities

ENTITY_LABELS = ("O", "B-amount", "I-amount", "B-date", "I-date")
TEXT = "Rs. 5000 to ACME on 1 May"
WORDS = [(0, 3), (4, 8), (9, 11), (12, 16), (17, 19), (20, 21), (22, 25)]


def spell(tags: list[str], scores: list[float] | None = None) -> list[tuple[str, str, float]]:
    entities = decode_entities(TEXT, offsets=WORDS, tags=tags, scores=scores or [1.0] * len(tags))
    return [(entity["type"], entity["text"], entity["score"]) for entity in entities]


def test_inside_tags_continue_the_entity_that_was_opened() -> None:
    tags = ["B-amount", "I-amount", "O", "B-counterparty", "O", "B-date", "I-date"]

    assert spell(tags) == [("amount", "Rs. 5000", 1), ("counterparty", "ACME", 1), ("date", "1 May", 1)]


def test_an_entity_may_begin_right_after_another() -> None:
    assert spell(["B-amount", "B-amount", "O", "O", "O", "O", "O"]) == [("amount", "Rs.", 1), ("amount", "5000", 1)]


def test_an_inside_tag_without_an_opening_one_opens_an_entity() -> None:
    assert spell(["O", "I-amount", "O", "O", "O", "O", "O"]) == [("amount", "5000", 1)]


def test_an_inside_tag_of_another_type_opens_an_entity() -> None:
    tags = ["B-amount", "I-date", "O", "O", "O", "O", "O"]

    assert spell(tags) == [("amount", "Rs.", 1), ("date", "5000", 1)]


def test_the_score_is_the_mean_over_the_entitys_tokens() -> None:
    scores = [1.0, 0.5, 0.1, 0.1, 0.1, 0.1, 0.1]

    assert spell(["B-amount", "I-amount", "O", "O", "O", "O", "O"], scores) == [("amount", "Rs. 5000", 0.75)]


def test_tokens_without_characters_are_passed_over() -> None:
    entities = decode_entities(
        "5000",
        offsets=[(0, 0), (0, 2), (2, 4), (0, 0)],
        tags=["B-date", "B-amount", "I-amount", "B-date"],
        scores=[1.0] * 4,
    )

    assert [(entity["type"], entity["start"], entity["end"]) for entity in entities] == [("amount", 0, 4)]


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3), st.sampled_from(ENTITY_LABELS)), max_size=30))
def test_entities_are_slices_of_the_text_in_order_and_apart(tokens: list[tuple[int, int, str]]) -> None:
    offsets, tags, end = [], [], 0
    for gap, length, tag in tokens:
        offsets.append((end + gap, end + gap + length))
        tags.append(tag)
        end += gap + length
    text = "".join(chr(ord("a") + place % 26) for place in range(end))

    entities = decode_entities(text, offsets=offsets, tags=tags, scores=[0.5] * len(tags))

    bounds = [bound for entity in entities for bound in (entity["start"], entity["end"])]
    assert bounds == sorted(bounds)
    assert all(entity["text"] == text[entity["start"] : entity["end"]] != "" for entity in entities)
