"""The tokenizer: pieces of lower-case words, every digit on its own.

Digits stand alone so that `XX1234` has a token boundary where the account's tail begins, and so that no amount is a
word of its own. Byte-pair encoding without word prefixes, because its training gives the same ids every time.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tokenizers import AddedToken, Tokenizer, models, normalizers, pre_tokenizers, trainers

VOCABULARY = 3000
PAD, UNKNOWN = "[PAD]", "[UNK]"


def train_tokenizer(texts: Iterable[str], *, vocabulary: int = VOCABULARY) -> Tokenizer:
    """Return a tokenizer learnt from the texts; `[PAD]` has id 0, as the model's configuration says."""
    tokenizer = Tokenizer(models.BPE(unk_token=UNKNOWN))
    # Accents stay: without its vowel signs Devanagari cannot be read.
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFC(), normalizers.Lowercase()])
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.BertPreTokenizer(), pre_tokenizers.Digits(individual_digits=True)]
    )
    trainer = trainers.BpeTrainer(vocab_size=vocabulary, special_tokens=[PAD, UNKNOWN], show_progress=False)
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def with_new_words(tokenizer: Tokenizer, words: Sequence[str]) -> Tokenizer:
    """Return a copy that has a token of its own for each of the words, with ids after all others.

    The model must grow its embedding table by as many rows. Version 1.1.0 is what comes of forgetting that.
    """
    extended = Tokenizer.from_str(tokenizer.to_str())
    extended.add_tokens([AddedToken(word, normalized=True) for word in words])
    return extended
