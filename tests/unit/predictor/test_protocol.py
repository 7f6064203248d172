"""Requests of both protocols are read or refused with a 4xx that names the field; never anything else."""

import json
from collections.abc import Callable
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice_predictor.protocol import InferenceRequest, RequestError, v1, v2
from sluice_predictor.protocol.http import inference_target
from sluice_predictor.protocol.request import MAX_INSTANCES, MAX_TEXT_CHARACTERS, check_content_type

PREDICTIONS = [
    {"label": "debit", "score": 0.5, "entities": [{"type": "date", "text": "May", "start": 0, "end": 3, "score": 0.25}]}
]

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20),
    lambda children: st.lists(children, max_size=4) | st.dictionaries(st.text(max_size=8), children, max_size=4),
    max_leaves=8,
)
tensors = st.fixed_dictionaries(
    {},
    optional={
        "name": st.just("text") | json_values,
        "datatype": st.just("BYTES") | json_values,
        "shape": st.just([1]) | json_values,
        "data": st.just(["hello"]) | json_values,
    },
)
hostile_v1 = st.fixed_dictionaries({}, optional={"instances": json_values | st.lists(json_values)})
hostile_v2 = st.fixed_dictionaries(
    {}, optional={"inputs": st.lists(tensors | json_values) | json_values, "outputs": json_values, "id": json_values}
)


def tensor(**changes: Any) -> dict[str, Any]:
    return {"name": "text", "datatype": "BYTES", "shape": [2], "data": ["a", "b"]} | changes


def v2_body(**changes: Any) -> bytes:
    return json.dumps({"inputs": [tensor(**changes)]}).encode()


@pytest.mark.parametrize("decode", [v1.decode, v2.decode])
@given(body=st.binary() | json_values.map(lambda v: json.dumps(v).encode()))
def test_any_bytes_are_read_or_refused(decode: Callable[[bytes], InferenceRequest], body: bytes) -> None:
    read_or_refused(decode, body)


@given(document=hostile_v1)
def test_any_v1_document_is_read_or_refused(document: object) -> None:
    read_or_refused(v1.decode, json.dumps(document).encode())


@given(document=hostile_v2)
def test_any_v2_document_is_read_or_refused(document: object) -> None:
    read_or_refused(v2.decode, json.dumps(document).encode())


def read_or_refused(decode: Callable[[bytes], InferenceRequest], body: bytes) -> None:
    try:
        request = decode(body)
    except RequestError as error:
        assert 400 <= error.status < 500
        assert orjson.loads(error.body()) == {"error": error.message}
    else:
        assert request.texts
        assert all(isinstance(text, str) for text in request.texts)


@given(st.lists(st.text(), min_size=1, max_size=MAX_INSTANCES))
def test_both_protocols_read_every_text_as_it_was_sent(texts: list[str]) -> None:
    bare = json.dumps({"instances": texts}).encode()
    keyed = json.dumps({"instances": [{"text": text} for text in texts]}).encode()
    flat = v2_body(shape=[len(texts)], data=texts)
    column = v2_body(shape=[len(texts), 1], data=[[text] for text in texts])

    assert v1.decode(bare).texts == v1.decode(keyed).texts == texts
    assert v2.decode(flat).texts == v2.decode(column).texts == texts


BAD_V1 = {
    "nothing": (b"", 400, "not valid JSON"),
    "half a document": (b'{"instances": ["a"', 400, "not valid JSON"),
    "invalid UTF-8": (b'{"instances": ["\xff"]}', 400, "not valid JSON"),
    "half a surrogate pair": (rb'{"instances": ["\ud800"]}', 400, "not valid JSON"),
    "NaN": (b'{"instances": [NaN]}', 400, "not valid JSON"),
    "a million brackets": (b"[" * 1_000_000, 400, "not valid JSON"),
    "an array": (b'["a"]', 400, "must be a JSON object, not an array"),
    "no instances": (b'{"inputs": []}', 400, "instances: missing"),
    "instances of null": (b'{"instances": null}', 400, "instances: expected an array, got null"),
    "one bare text": (b'{"instances": "a"}', 400, "instances: expected an array, got a string"),
    "empty instances": (b'{"instances": []}', 400, "instances: expected at least one text"),
    "a number": (b'{"instances": ["a", 5]}', 400, r"instances\[1\]: expected a string, got a number"),
    "a list": (b'{"instances": [["a"]]}', 400, r"instances\[0\]: expected a string, got an array"),
    "an object without text": (b'{"instances": [{}]}', 400, r"instances\[0\]\.text: missing"),
    "an object with a number": (b'{"instances": [{"text": true}]}', 400, r"instances\[0\]\.text: .* got a boolean"),
    "an object with more": (b'{"instances": [{"text": "a", "b": 1}]}', 400, r"instances\[0\]: unknown key 'b'"),
    "too many": (json.dumps({"instances": ["a"] * 257}).encode(), 422, "instances: 257 texts; at most 256"),
    "too long": (json.dumps({"instances": ["a" * 20_001]}).encode(), 422, r"instances\[0\]: 20001 characters"),
}


@pytest.mark.parametrize(("body", "status", "message"), BAD_V1.values(), ids=BAD_V1.keys())
def test_a_bad_v1_request_is_told_what_is_wrong(body: bytes, status: int, message: str) -> None:
    with pytest.raises(RequestError, match=message) as refusal:
        v1.decode(body)
    assert refusal.value.status == status


BAD_V2 = {
    "no inputs": (b"{}", 400, "inputs: missing"),
    "inputs of a number": (b'{"inputs": 1}', 400, "inputs: expected an array, got a number"),
    "an input of text": (b'{"inputs": ["text"]}', 400, r"inputs\[0\]: expected an object, got a string"),
    "two inputs": (json.dumps({"inputs": [tensor(), tensor()]}).encode(), 400, "exactly one, named 'text'; got 2"),
    "another name": (v2_body(name="texts"), 400, r"inputs\[0\]\.name: expected 'text'"),
    "another datatype": (v2_body(datatype="FP32"), 400, r"inputs\[0\]\.datatype: expected 'BYTES'"),
    "no data": (
        json.dumps({"inputs": [{"name": "text", "datatype": "BYTES", "shape": [1]}]}).encode(),
        400,
        "data: missing",
    ),
    "data of a number": (v2_body(data=1), 400, r"inputs\[0\]\.data: expected an array, got a number"),
    "a number among the data": (
        v2_body(data=["a", 1]),
        400,
        r"inputs\[0\]\.data\[1\]: expected a string, got a number",
    ),
    "empty data": (v2_body(data=[], shape=[0]), 400, r"inputs\[0\]\.data: expected at least one text"),
    "no shape": (v2_body(shape=None), 400, r"inputs\[0\]\.shape: expected \[2\]"),
    "another shape": (v2_body(shape=[3]), 400, r"inputs\[0\]\.shape: expected \[2\]"),
    "a huge shape": (v2_body(shape=[2**62]), 400, r"inputs\[0\]\.shape: expected \[2\]"),
    "a negative shape": (v2_body(shape=[-2]), 400, r"inputs\[0\]\.shape: expected \[2\]"),
    "an unknown output": (
        json.dumps({"inputs": [tensor()], "outputs": [{"name": "x"}]}).encode(),
        400,
        r"outputs\[0\]",
    ),
    "an id of a number": (json.dumps({"inputs": [tensor()], "id": 1}).encode(), 400, "id: expected a string"),
    "too many": (v2_body(data=["a"] * 257, shape=[257]), 422, r"inputs\[0\]\.data: 257 texts"),
    "too long": (v2_body(data=["a" * 20_001], shape=[1]), 422, r"inputs\[0\]\.data\[0\]: 20001 characters"),
}


@pytest.mark.parametrize(("body", "status", "message"), BAD_V2.values(), ids=BAD_V2.keys())
def test_a_bad_v2_request_is_told_what_is_wrong(body: bytes, status: int, message: str) -> None:
    with pytest.raises(RequestError, match=message) as refusal:
        v2.decode(body)
    assert refusal.value.status == status


def test_a_request_at_every_limit_is_read() -> None:
    body = json.dumps({"instances": ["a" * 1000] * (MAX_INSTANCES - 1) + ["a" * MAX_TEXT_CHARACTERS]}).encode()

    assert len(v1.decode(body).texts) == MAX_INSTANCES


def test_a_v2_answer_has_the_outputs_that_were_asked_for() -> None:
    request = InferenceRequest(texts=["May"], id="7", outputs=["score", "label"])

    answer = orjson.loads(v2.encode(PREDICTIONS, request=request, model="sms", version="1.0.0", request_id="other"))

    assert answer == {
        "model_name": "sms",
        "model_version": "1.0.0",
        "id": "7",
        "outputs": [
            {"name": "score", "datatype": "FP32", "shape": [1], "data": [0.5]},
            {"name": "label", "datatype": "BYTES", "shape": [1], "data": ["debit"]},
        ],
    }


def test_a_v2_answer_has_all_outputs_unless_asked_otherwise() -> None:
    request = InferenceRequest(texts=["May"])

    answer = orjson.loads(v2.encode(PREDICTIONS, request=request, model="sms", version="1.0.0", request_id="made"))

    outputs = {output["name"]: output["data"] for output in answer["outputs"]}
    assert answer["id"] == "made"
    assert outputs["label"] == ["debit"]
    assert outputs["score"] == [0.5]
    assert [json.loads(text) for text in outputs["entities"]] == [PREDICTIONS[0]["entities"]]


@pytest.mark.parametrize("value", ["", "application/json", "Application/JSON; charset=utf-8"])
def test_json_is_an_accepted_content_type(value: str) -> None:
    check_content_type(value)


@pytest.mark.parametrize("value", ["text/plain", "application/octet-stream", "multipart/form-data; boundary=a"])
def test_another_content_type_is_refused(value: str) -> None:
    with pytest.raises(RequestError, match="expected application/json") as refusal:
        check_content_type(value)
    assert refusal.value.status == 415


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/v1/models/sms:predict", ("v1", "sms", None)),
        ("/v2/models/sms/infer", ("v2", "sms", None)),
        ("/v2/models/sms/versions/1.0.0/infer", ("v2", "sms", "1.0.0")),
    ],
)
def test_inference_is_recognised_by_its_path(path: str, expected: tuple[str, str, str | None]) -> None:
    target = inference_target(path)

    assert target is not None
    assert (target.protocol, target.model, target.version) == expected


@pytest.mark.parametrize(
    "path", ["/", "/v1/models/sms", "/v1/models/sms:explain", "/v2/models/a/b/infer", "/v1/models/:predict"]
)
def test_other_paths_are_not_inference(path: str) -> None:
    assert inference_target(path) is None
