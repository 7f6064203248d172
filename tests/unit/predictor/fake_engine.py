"""An engine's process as the real one, but for the model: the texts and the version say what happens."""

import os
import signal
import socket
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from sluice_predictor.artifact import Artifact, ArtifactError
from sluice_predictor.engine.child import Child
from sluice_predictor.tasks.base import Answer, Description, InputProblem, Item, Parameters


class Task:
    description = Description(engine="fake", precision="fp32", outputs=[], parameters=Parameters())

    def warm_up(self) -> None:
        pass

    def answer(self, items: Sequence[Item]) -> list[Answer | InputProblem]:
        return [answer(item) for item in items]


def answer(item: Item) -> Answer | InputProblem:
    word, _, path = item.text.partition(":")
    if word == "bad":
        raise IndexError("index out\nof range")
    if word == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    if word == "wait":
        Path(path + ".begun").touch()
        while not Path(path).exists():
            time.sleep(0.002)
    if word == "refused":
        return InputProblem("too many tokens", parameter="truncation")
    return Answer(prediction={"echo": item.text}, tokens=item.parameters.max_tokens or 0, labels=[("a", 0.5)])


def load_task(artifact: Artifact, **_: object) -> Task:
    match artifact.digest:
        case "unfit":
            raise ArtifactError("config.json: hidden_size: missing")
        case "broken":
            raise ValueError("what\nnobody expected")
        case "deadly":
            os._exit(3)
    return Task()


if __name__ == "__main__":
    Child([socket.socket(fileno=int(number)) for number in sys.argv[1:]]).serve(
        load_task=load_task, set_threads=lambda _: None
    )
