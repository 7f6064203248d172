"""Messages arrive whole and in order, however the stream is cut."""

from hypothesis import given
from hypothesis import strategies as st

from sluice_predictor.engine.channel import Inbox, Piece, Ran, Run, encode
from sluice_predictor.tasks.base import InputProblem, Parameters

MESSAGES = [
    Run(pieces=[Piece(texts=["a", "\U0001f600"], parameters=Parameters(top_k=2))]),
    Ran(results=[[({"label": "a"}, 3, [("a", 0.5)]), InputProblem("no", parameter="top_k")], "IndexError: x"]),
    Ran(results=[]),
]


@given(st.lists(st.integers(min_value=1, max_value=100), min_size=1))
def test_messages_survive_any_cutting(sizes: list[int]) -> None:
    stream = b"".join(map(encode, MESSAGES))
    inbox = Inbox()
    received = []

    place = 0
    while place < len(stream):
        for size in sizes:
            inbox.feed(stream[place : place + size])
            while (message := inbox.take()) is not None:
                received.append(message)
            place += size

    assert received == MESSAGES
