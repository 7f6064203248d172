"""Messages arrive whole and in order, however the stream is cut."""

from hypothesis import given
from hypothesis import strategies as st

from sluice_predictor.engine.channel import Decoder, Piece, Ran, Run, encode
from sluice_predictor.tasks.base import InputProblem, Parameters

MESSAGES = [
    Run(number=1, pieces=[Piece(texts=["a", "\U0001f600"], parameters=Parameters(top_k=2))]),
    Ran(
        number=1, results=[[({"label": "a"}, 3, [("a", 0.5)]), InputProblem("no", parameter="top_k")], "IndexError: x"]
    ),
    Ran(number=2, results=[]),
]


@given(st.lists(st.integers(min_value=1, max_value=100), min_size=1))
def test_messages_survive_any_cutting(sizes: list[int]) -> None:
    stream = b"".join(map(encode, MESSAGES))
    decoder = Decoder()
    received = []

    place = 0
    while place < len(stream):
        for size in sizes:
            received += decoder.feed(stream[place : place + size])
            place += size

    assert received == MESSAGES
