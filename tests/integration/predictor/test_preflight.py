"""The operator's preflight and the real predictor understand each other."""

import aiohttp
import pytest

from sluice_operator.api.preflight import Preflight
from sluice_operator.controller.preflight_pod import Answered, Pod, Questions, WrongAnswerError
from sluice_predictor.artifact import Artifact

REQUESTS = [
    {"body": {"instances": ["w1 w2"]}, "expect": {"predictions": [{"entities": []}]}},
    {"body": {"inputs": [{"name": "text", "datatype": "BYTES", "shape": [1], "data": ["w1 w2"]}]}, "expect": {"id": 0}},
]


@pytest.fixture(scope="module")
def asked(serve, calibrated_version: Artifact) -> tuple[str, Artifact]:
    """Where a version with a calibration is served, and that version."""
    return serve(calibrated_version, f"--digest={calibrated_version.digest}").url, calibrated_version


async def ask(url: str, *, digest: str, **settings: object) -> Answered:
    questions = Questions(model="sms", version="1.0.0", digest=digest, settings=Preflight.model_validate(settings))
    async with aiohttp.ClientSession(auto_decompress=False) as session:
        pod = Pod(url, session=session, there=lambda: True, trouble=lambda _: None)
        return await pod.answer(questions)


async def test_a_version_reproduces_over_the_wire_what_it_was_calibrated_with(asked) -> None:
    url, artifact = asked

    assert await ask(url, digest=artifact.digest) == Answered(digest=artifact.digest, examples=20)


async def test_another_digest_is_noticed(asked) -> None:
    url, _ = asked

    with pytest.raises(WrongAnswerError, match="it serves the digest"):
        await ask(url, digest="sha256:" + "0" * 64)


@pytest.mark.parametrize(("number", "words"), [(0, "requests.0.: predictions"), (1, "requests.0.: id")])
async def test_requests_of_both_protocols_are_compared_with_what_came(asked, number: int, words: str) -> None:
    url, artifact = asked

    with pytest.raises(WrongAnswerError, match=words):
        await ask(url, digest=artifact.digest, artifact=False, requests=[REQUESTS[number]])


async def test_nothing_of_it_is_counted_as_live_traffic(asked) -> None:
    url, artifact = asked
    await ask(url, digest=artifact.digest)

    async with aiohttp.ClientSession() as session, session.get(f"{url}/metrics") as response:
        lines = (await response.text()).splitlines()
    counted = [line for line in lines if line.startswith("sluice_requests_total{") and not line.endswith(" 0.0")]
    assert counted
    assert all('traffic="synthetic"' in line for line in counted)
