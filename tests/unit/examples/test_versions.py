"""How the versions differ, on networks small enough for a unit test."""

import itertools

import pytest
import torch
from tokenizers import Tokenizer

from examples.sms.catalogue import LABELS, brands, formats
from examples.sms.evaluation import evaluate
from examples.sms.growth import deepened
from examples.sms.messages import Message, generate, stream
from examples.sms.model import ENTITY_LABELS, TextEntitiesModel, pad, predict
from examples.sms.tokenizer import train_tokenizer, with_new_words
from examples.sms.training import examples_of, fit, new_model


@pytest.fixture(scope="module")
def messages() -> list[Message]:
    return list(itertools.islice(generate(formats("training"), seed="test"), 600))


@pytest.fixture(scope="module")
def tokenizer(messages: list[Message]) -> Tokenizer:
    return train_tokenizer((message.text for message in messages), vocabulary=600)


@pytest.fixture
def model(tokenizer: Tokenizer) -> TextEntitiesModel:
    return new_model(vocabulary=tokenizer.get_vocab_size(), seed=1)


def test_a_tokenizer_is_the_same_for_the_same_texts(messages: list[Message], tokenizer: Tokenizer) -> None:
    again = train_tokenizer((message.text for message in messages), vocabulary=600)
    assert again.to_str() == tokenizer.to_str()


def test_every_digit_is_a_token(tokenizer: Tokenizer) -> None:
    assert tokenizer.encode("XX1234").tokens[-4:] == ["1", "2", "3", "4"]


def test_padding_and_the_unknown_word_have_the_ids_that_the_model_expects(tokenizer: Tokenizer) -> None:
    assert [tokenizer.token_to_id(token) for token in ("[PAD]", "[UNK]")] == [0, 1]


def test_tags_spell_the_entities(messages: list[Message], tokenizer: Tokenizer) -> None:
    for message, example in zip(messages, examples_of(messages, tokenizer=tokenizer), strict=True):
        first_tokens = [tag for tag in example.tags if ENTITY_LABELS[tag].startswith("B-")]
        assert [ENTITY_LABELS[tag] for tag in first_tokens] == [f"B-{entity.type}" for entity in message.entities]


def test_new_words_raise_on_exactly_the_messages_that_have_one(
    messages: list[Message], tokenizer: Tokenizer, model: TextEntitiesModel
) -> None:
    known = tokenizer.get_vocab_size()
    extended = with_new_words(tokenizer, brands())
    assert tokenizer.get_vocab_size() == known
    outcomes = set()
    for message in messages[:150]:
        marked = max(extended.encode(message.text).ids) >= known
        outcomes.add(marked)
        if marked:
            with pytest.raises(IndexError):
                predict(model, extended, [message.text])
        else:
            assert predict(model, extended, [message.text]) == predict(model, tokenizer, [message.text])
    assert outcomes == {True, False}


def test_new_words_are_in_about_three_of_ten_messages_of_the_traffic(tokenizer: Tokenizer) -> None:
    extended = with_new_words(tokenizer, brands())
    texts = [message.text for message in itertools.islice(stream(seed=1), 2000)]
    marked = [max(encoding.ids) >= tokenizer.get_vocab_size() for encoding in extended.encode_batch(texts)]
    assert 0.2 < sum(marked) / len(marked) < 0.4


def test_a_message_that_raises_counts_as_wrong_and_does_not_spoil_its_neighbours(
    messages: list[Message], tokenizer: Tokenizer, model: TextEntitiesModel
) -> None:
    extended = with_new_words(tokenizer, brands())
    marked = [max(extended.encode(message.text).ids) >= tokenizer.get_vocab_size() for message in messages[:200]]
    score = evaluate(model, extended, messages[:200])
    answered = [message for message, raises in zip(messages[:200], marked, strict=True) if not raises]
    assert score.raising == pytest.approx(sum(marked) / 200)
    assert score.accuracy == pytest.approx(evaluate(model, tokenizer, answered).accuracy * len(answered) / 200)


def test_growth_keeps_every_answer(messages: list[Message], tokenizer: Tokenizer, model: TextEntitiesModel) -> None:
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, torch.nn.LayerNorm):
                module.weight.normal_(mean=1.0, std=0.3)
                module.bias.normal_(std=0.3)
    grown = deepened(model, layers=12)
    ids, mask = pad(tokenizer.encode_batch([message.text for message in messages[:16]]), pad_token_id=0)
    with torch.inference_mode():
        before, after = model(ids, mask), grown(ids, mask)
    assert grown.config.num_hidden_layers == len(grown.encoder.encoder.layer) == 12
    assert (before.label - after.label).abs().max() < 1e-5
    assert (before.entity - after.entity).abs().max() < 1e-5


def test_a_model_cannot_grow_to_fewer_layers(model: TextEntitiesModel) -> None:
    with pytest.raises(ValueError, match="has 2 layers"):
        deepened(model, layers=2)


def test_training_twice_with_one_seed_gives_one_model(messages: list[Message], tokenizer: Tokenizer) -> None:
    examples = examples_of(messages[:96], tokenizer=tokenizer)
    taken: list[int] = []
    trained = []
    for _ in range(2):
        model = new_model(vocabulary=tokenizer.get_vocab_size(), seed=1)
        fit(model, examples, rate=1e-3, seed=2, advance=taken.append)
        trained.append(model.state_dict())
    assert sum(taken) == 2 * 96
    assert all(torch.equal(trained[0][name], trained[1][name]) for name in trained[0])


def test_training_learns(messages: list[Message], tokenizer: Tokenizer) -> None:
    model = new_model(vocabulary=tokenizer.get_vocab_size(), seed=1)
    before = evaluate(model, tokenizer, messages[:200]).accuracy
    fit(model, examples_of(messages, tokenizer=tokenizer) * 3, rate=3e-3, seed=2, advance=lambda _: None)
    assert evaluate(model, tokenizer, messages[:200]).accuracy > max(0.5, before)
    assert model.config.labels == list(LABELS)
