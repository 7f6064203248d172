"""The tokenizer: pieces of lower-case words, every digit on its own.

Digits stand alone so that `XX1234` has a token boundary where the account's tail begins, and so that no amount is a
word of its own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from tokenizers import AddedToken, Tokenizer, models, normalizers, pre_tokenizers, trainers

VOCABULARY = 3000
PAD, UNKNOWN = "[PAD]", "[UNK]"

# Accents stay: without its vowel signs Devanagari cannot be read.
NORMALIZER = normalizers.Sequence([normalizers.NFC(), normalizers.Lowercase()])
PRE_TOKENIZER = pre_tokenizers.Sequence(
    [pre_tokenizers.BertPreTokenizer(), pre_tokenizers.Digits(individual_digits=True)]
)


def train_tokenizer(texts: Iterable[str], *, vocabulary: int = VOCABULARY) -> Tokenizer:
    """Return a tokenizer learnt from the texts; `[PAD]` has id 0, as the model's configuration says."""
    words = Counter(word for text in texts for word in _words(text))
    trainer = trainers.WordPieceTrainer(
        vocab_size=vocabulary,
        # Otherwise ids, and with them what is learnt, would depend on the order of a hash table.
        special_tokens=[PAD, UNKNOWN, *sorted({"##" + letter for word in words for letter in word[1:]})],
        show_progress=False,
    )
    learner = Tokenizer(models.WordPiece(unk_token=UNKNOWN))
    learner.train_from_iterator(words.elements(), trainer)
    tokenizer = Tokenizer(models.WordPiece(learner.get_vocab(), unk_token=UNKNOWN))
    tokenizer.normalizer = NORMALIZER
    tokenizer.pre_tokenizer = PRE_TOKENIZER
    return tokenizer


def _words(text: str) -> list[str]:
    return [word for word, _ in PRE_TOKENIZER.pre_tokenize_str(NORMALIZER.normalize_str(text))]


def with_new_words(tokenizer: Tokenizer, words: Sequence[str]) -> Tokenizer:
    """Return a copy that has a token of its own for each of the words, with ids after all others.

    The model must grow its embedding table by as many rows. Version 1.1.0 is what comes of forgetting that.
    """
    extended = Tokenizer.from_str(tokenizer.to_str())
    extended.add_tokens([AddedToken(word, normalized=True) for word in words])
    return extended
