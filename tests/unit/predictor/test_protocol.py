"""Requests of every protocol are read or refused with a 4xx that names the field; never anything else."""

import json
import struct
from collections.abc import Callable
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from kserve.protocol.grpc import grpc_predict_v2_pb2 as pb

from sluice_predictor.protocol import rpc, v1, v2
from sluice_predictor.protocol.errors import RequestError
from sluice_predictor.protocol.http import inference_target
from sluice_predictor.protocol.metadata import output_metadata
from sluice_predictor.protocol.request import (
    MAX_INSTANCES,
    MAX_TEXT_CHARACTERS,
    InferenceRequest,
    RequestedOutput,
)
from sluice_predictor.protocol.tensors import read_bytes_tensor
from sluice_predictor.tasks.base import Answer, Output, Parameters

OUTPUTS = [Output("label", "BYTES"), Output("score", "FP32"), Output("entities", "BYTES"), Output("vector", "FP32", 2)]
ENTITIES = [{"type": "date", "text": "May", "start": 0, "end": 3, "score": 0.25}]
ANSWERS = [
    Answer(prediction={"label": "débit", "score": 0.5, "entities": ENTITIES, "vector": [1.0, 2.0]}, tokens=3),
    Answer(prediction={"label": "", "score": 0.25, "entities": [], "vector": [3.0, 4.0]}, tokens=3),
]
HEAD = {"model_name": "sms", "model_version": "1.0.0", "id": "7"}

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20),
    lambda children: st.lists(children, max_size=4) | st.dictionaries(st.text(max_size=8), children, max_size=4),
    max_leaves=8,
)
parameters = json_values | st.fixed_dictionaries(
    {},
    optional={
        "truncation": st.booleans() | json_values,
        "max_tokens": st.integers() | json_values,
        "top_k": st.integers() | json_values,
        "threshold": st.floats() | json_values,
        "binary_data_output": st.booleans() | json_values,
        "binary_data_size": st.integers() | json_values,
    },
)
tensors = st.fixed_dictionaries(
    {},
    optional={
        "name": st.just("text") | json_values,
        "datatype": st.just("BYTES") | json_values,
        "shape": st.just([1]) | json_values,
        "data": st.just(["hello"]) | json_values,
        "parameters": parameters,
    },
)
hostile_v1 = st.fixed_dictionaries(
    {}, optional={"instances": json_values | st.lists(json_values), "parameters": parameters}
)
hostile_v2 = st.fixed_dictionaries(
    {},
    optional={
        "inputs": st.lists(tensors | json_values, max_size=2) | json_values,
        "outputs": json_values,
        "id": json_values,
        "parameters": parameters,
    },
)


def tensor(**changes: Any) -> dict[str, Any]:
    return {"name": "text", "datatype": "BYTES", "shape": [2], "data": ["a", "b"]} | changes


def v2_body(**changes: Any) -> bytes:
    return json.dumps({"inputs": [tensor(**changes)]}).encode()


def decode_v2(body: bytes, json_length: str | None = None) -> InferenceRequest:
    return v2.decode(body, outputs=OUTPUTS, json_length=json_length)


def decode_rpc(message: pb.ModelInferRequest) -> InferenceRequest:
    return rpc.decode(message, outputs=OUTPUTS)


def packed(*texts: bytes) -> bytes:
    return b"".join(struct.pack("<I", len(text)) + text for text in texts)


@pytest.mark.parametrize("decode", [v1.decode, decode_v2])
@given(body=st.binary() | json_values.map(lambda v: json.dumps(v).encode()))
def test_any_bytes_are_read_or_refused(decode: Callable[[bytes], InferenceRequest], body: bytes) -> None:
    read_or_refused(decode, body)


@given(document=hostile_v1)
def test_any_v1_document_is_read_or_refused(document: object) -> None:
    read_or_refused(v1.decode, json.dumps(document).encode())


@given(document=hostile_v2)
def test_any_v2_document_is_read_or_refused(document: object) -> None:
    read_or_refused(decode_v2, json.dumps(document).encode())


@given(
    document=hostile_v2, tail=st.binary(max_size=40), length=st.integers().map(str) | st.text(max_size=8) | st.none()
)
def test_any_binary_request_is_read_or_refused(document: object, tail: bytes, length: str | None) -> None:
    head = json.dumps(document).encode()

    read_or_refused(lambda body: decode_v2(body, str(len(head)) if length is None else length), head + tail)


@given(raw=st.binary(max_size=60) | st.lists(st.binary(max_size=9)).map(lambda values: packed(*values)))
def test_any_binary_tensor_is_read_or_refused(raw: bytes) -> None:
    head = orjson.dumps({"inputs": [raw_tensor(shape=[1], size=len(raw))]})

    read_or_refused(lambda body: decode_v2(body, str(len(head))), head + raw)


@given(body=st.binary(max_size=200))
def test_any_grpc_message_is_read_or_refused(body: bytes) -> None:
    message = pb.ModelInferRequest()
    try:
        message.ParseFromString(body)
    except Exception:
        message = pb.ModelInferRequest(raw_input_contents=[body], inputs=[{"name": "text", "datatype": "BYTES"}])
    read_or_refused(decode_rpc, message)


@given(
    raw=st.lists(st.binary(max_size=20), max_size=2),
    contents=st.lists(st.binary(max_size=20), max_size=3) | st.none(),
    shape=st.lists(st.integers(-(2**63), 2**63 - 1) | st.integers(0, 3), max_size=3),
    names=st.lists(st.text(max_size=5) | st.just("label"), max_size=3),
    number=st.integers(-(2**63), 2**63 - 1),
    text=st.text(max_size=40),
    flag=st.booleans(),
)
def test_any_grpc_request_is_read_or_refused(raw, contents, shape, names, number, text, flag) -> None:
    tensor = {"name": "text", "datatype": "BYTES", "shape": shape}
    message = pb.ModelInferRequest(inputs=[tensor], raw_input_contents=raw, outputs=[{"name": name} for name in names])
    if contents is not None:
        message.inputs[0].contents.bytes_contents.extend(contents)
    for name in ("truncation", "max_tokens", "top_k", "threshold", "binary_data_output"):
        if number % 3 == 0:
            message.parameters[name].int64_param = number
        elif number % 3 == 1:
            message.parameters[name].string_param = text
        else:
            message.parameters[name].bool_param = flag

    read_or_refused(decode_rpc, message)


def read_or_refused(decode: Callable[[Any], InferenceRequest], body: object) -> None:
    try:
        request = decode(body)
    except RequestError as error:
        assert 400 <= error.status < 500
        told = orjson.loads(error.body(request_id="r-1"))
        assert told.keys() - {"field"} == {"error", "code", "requestId"}
    else:
        assert 1 <= len(request.texts) <= MAX_INSTANCES
        assert all(isinstance(text, str) for text in request.texts)


@given(st.lists(st.text(), min_size=1, max_size=MAX_INSTANCES))
def test_every_protocol_reads_every_text_as_it_was_sent(texts: list[str]) -> None:
    values = [text.encode() for text in texts]
    shape = [len(texts)]
    raw = packed(*values)
    head = orjson.dumps({"inputs": [raw_tensor(shape=shape, size=len(raw))]})
    column = {"name": "text", "datatype": "BYTES", "shape": shape}

    requests = [
        v1.decode(json.dumps({"instances": texts}).encode()),
        v1.decode(json.dumps({"instances": [{"text": text} for text in texts]}).encode()),
        decode_v2(v2_body(shape=shape, data=texts)),
        decode_v2(v2_body(shape=[len(texts), 1], data=[[text] for text in texts])),
        decode_v2(head + raw, str(len(head))),
        decode_rpc(pb.ModelInferRequest(inputs=[column | {"contents": {"bytes_contents": values}}])),
        decode_rpc(pb.ModelInferRequest(inputs=[column], raw_input_contents=[raw])),
    ]

    assert all(list(request.texts) == texts for request in requests)


def raw_tensor(*, shape: list[int], size: object) -> dict[str, Any]:
    return {"name": "text", "datatype": "BYTES", "shape": shape, "parameters": {"binary_data_size": size}}


def test_the_last_of_two_keys_of_one_name_counts() -> None:
    assert v1.decode(b'{"instances": ["a"], "instances": ["b"]}').texts == ["b"]


def test_parameters_are_read_and_null_is_as_good_as_nothing() -> None:
    body = b'{"instances": ["a"], "parameters": {"truncation": null, "max_tokens": 64, "threshold": 1}}'

    assert v1.decode(body).parameters == Parameters(max_tokens=64, threshold=1.0)


def test_v2_passes_over_parameters_of_others() -> None:
    body = json.dumps({"inputs": [tensor()], "parameters": {"priority": 3, "top_k": 2}}).encode()

    assert decode_v2(body).parameters == Parameters(top_k=2)


def test_grpc_reads_a_threshold_from_a_string_as_it_has_no_fractions() -> None:
    column = {"name": "text", "datatype": "BYTES", "shape": [1], "contents": {"bytes_contents": [b"a"]}}
    message = pb.ModelInferRequest(inputs=[column])
    message.parameters["threshold"].string_param = "0.25"
    message.parameters["top_k"].int64_param = 3

    assert decode_rpc(message).parameters == Parameters(threshold=0.25, top_k=3)


BAD_V1 = {
    "nothing": (b"", 400, "not valid JSON"),
    "half a document": (b'{"instances": ["a"', 400, "not valid JSON"),
    "invalid UTF-8": (b'{"instances": ["\xff"]}', 400, "not valid JSON"),
    "half a surrogate pair": (rb'{"instances": ["\ud800"]}', 400, "not valid JSON"),
    "NaN": (b'{"instances": [NaN]}', 400, "not valid JSON"),
    "a million brackets": (b"[" * 1_000_000, 400, "more than 250000 commas and brackets"),
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
    "parameters of a list": (b'{"instances": ["a"], "parameters": []}', 400, "parameters: expected an object"),
    "an unknown parameter": (b'{"instances": ["a"], "parameters": {"k": 1}}', 400, "parameters.k: unknown; there are"),
    "a flag of a number": (b'{"instances": ["a"], "parameters": {"truncation": 1}}', 400, "expected a boolean"),
    "a number of a flag": (b'{"instances": ["a"], "parameters": {"max_tokens": true}}', 400, "expected an integer"),
    "a fraction of labels": (b'{"instances": ["a"], "parameters": {"top_k": 1.5}}', 400, "expected an integer"),
    "no labels": (b'{"instances": ["a"], "parameters": {"top_k": 0}}', 422, r"parameters.top_k: expected 1 to"),
    "too many labels": (b'{"instances": ["a"], "parameters": {"top_k": %d}}' % 2**63, 422, "expected 1 to"),
    "more than certain": (b'{"instances": ["a"], "parameters": {"threshold": 1.5}}', 422, "expected 0 to 1"),
    "beyond every number": (b'{"instances": ["a"], "parameters": {"threshold": 1e999}}', 400, "not valid JSON"),
    "a million values": (b'{"instances": [' + b"[]," * 1_000_000 + b'"a"]}', 400, "more than 250000 commas"),
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
    "parameters of text": (b'{"inputs": [{}], "parameters": "top_k"}', 400, "parameters: expected an object"),
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
    "a shape beyond 64 bits": (v2_body(shape=[2**64]), 400, r"inputs\[0\]\.shape: expected \[2\]"),
    "a shape of flags": (v2_body(shape=[True], data=["a"]), 400, r"inputs\[0\]\.shape: expected \[1\]"),
    "a shape of fractions": (v2_body(shape=[2.0]), 400, r"inputs\[0\]\.shape: expected \[2\]"),
    "a shape of another rank": (v2_body(shape=[1, 2]), 400, r"inputs\[0\]\.shape: expected \[2\]"),
    "a negative shape": (v2_body(shape=[-2]), 400, r"inputs\[0\]\.shape: expected \[2\]"),
    "an unknown output": (
        json.dumps({"inputs": [tensor()], "outputs": [{"name": "x"}]}).encode(),
        400,
        r"outputs\[0\]",
    ),
    "an output asked for twice": (
        json.dumps({"inputs": [tensor()], "outputs": [{"name": "label"}] * 2}).encode(),
        400,
        r"outputs\[1\]\.name: 'label' is asked for twice",
    ),
    "an output neither raw nor not": (
        json.dumps({"inputs": [tensor()], "outputs": [{"name": "label", "parameters": {"binary_data": 1}}]}).encode(),
        400,
        r"outputs\[0\]\.parameters\.binary_data: expected a boolean",
    ),
    "an id of a number": (json.dumps({"inputs": [tensor()], "id": 1}).encode(), 400, "id: expected a string"),
    "too many": (v2_body(data=["a"] * 257, shape=[257]), 422, r"inputs\[0\]\.data: 257 texts"),
    "too long": (v2_body(data=["a" * 20_001], shape=[1]), 422, r"inputs\[0\]\.data\[0\]: 20001 characters"),
}


@pytest.mark.parametrize(("body", "status", "message"), BAD_V2.values(), ids=BAD_V2.keys())
def test_a_bad_v2_request_is_told_what_is_wrong(body: bytes, status: int, message: str) -> None:
    with pytest.raises(RequestError, match=message) as refusal:
        decode_v2(body)
    assert refusal.value.status == status


BAD_BINARY = {
    "no length": ("", packed(b"a"), None, "expected the number of bytes of the JSON"),
    "a negative length": ("-1", packed(b"a"), None, "expected the number of bytes of the JSON"),
    "a length in other digits": ("\u0661", packed(b"a"), None, "expected the number of bytes of the JSON"),
    "a huge length": ("9" * 400, packed(b"a"), None, "expected the number of bytes of the JSON"),
    "a length beyond the body": ("4096", packed(b"a"), None, "4096, but the body has"),
    "a length of nothing": ("0", packed(b"a"), None, "not valid JSON"),
    "a size beyond the body": (None, packed(b"a"), 6, "binary_data_size: expected 5"),
    "a negative size": (None, packed(b"a"), -5, "binary_data_size: expected 5"),
    "a size of a flag": (None, b"\0", True, "binary_data_size: expected 1"),
    "a text cut off": (None, b"\x05\0\0\0ab", None, r"data\[0\]: its length is 5 bytes, the tensor has 2 left"),
    "four gigabytes": (None, b"\xff\xff\xff\xffab", None, r"data\[0\]: its length is 4294967295 bytes"),
    "half a length": (None, packed(b"a") + b"\0\0", None, r"data\[1\]: its length is cut off"),
    "invalid UTF-8": (None, packed(b"\xc3("), None, r"data\[0\]: not valid UTF-8 at byte 0"),
    "nothing": (None, b"", None, "expected at least one text"),
}


@pytest.mark.parametrize(("length", "raw", "size", "message"), BAD_BINARY.values(), ids=BAD_BINARY.keys())
def test_a_bad_binary_request_is_told_what_is_wrong(length: str | None, raw: bytes, size: object, message: str) -> None:
    head = orjson.dumps({"inputs": [raw_tensor(shape=[1], size=len(raw) if size is None else size)]})

    with pytest.raises(RequestError, match=message) as refusal:
        decode_v2(head + raw, str(len(head)) if length is None else length)
    assert refusal.value.status == 400


def test_bytes_that_belong_to_no_tensor_are_refused() -> None:
    body = v2_body()

    with pytest.raises(RequestError, match="3 bytes follow the JSON"):
        decode_v2(body + b"abc", str(len(body)))


def test_a_tensor_is_either_json_or_raw() -> None:
    head = v2_body(parameters={"binary_data_size": 5})

    with pytest.raises(RequestError, match="data in the JSON too"):
        decode_v2(head + packed(b"a"), str(len(head)))


def test_a_binary_tensor_of_too_many_texts_is_not_read_to_its_end() -> None:
    with pytest.raises(RequestError, match="at most 256") as refusal:
        read_bytes_tensor(bytes(4) * 1_000_000, field="data")
    assert refusal.value.status == 422


BAD_RPC = {
    "no inputs": (pb.ModelInferRequest(), "inputs: expected exactly one"),
    "two raw contents": (
        pb.ModelInferRequest(inputs=[{"name": "text", "datatype": "BYTES"}], raw_input_contents=[b"", b""]),
        "raw_input_contents: expected one",
    ),
    "both contents": (
        pb.ModelInferRequest(
            inputs=[{"name": "text", "datatype": "BYTES", "shape": [1], "contents": {"bytes_contents": [b"a"]}}],
            raw_input_contents=[packed(b"a")],
        ),
        r"inputs\[0\].contents: must not be there",
    ),
    "invalid UTF-8": (
        pb.ModelInferRequest(
            inputs=[{"name": "text", "datatype": "BYTES", "shape": [1], "contents": {"bytes_contents": [b"\xff"]}}]
        ),
        r"bytes_contents\[0\]: not valid UTF-8",
    ),
    "another shape": (
        pb.ModelInferRequest(
            inputs=[{"name": "text", "datatype": "BYTES", "shape": [2**62], "contents": {"bytes_contents": [b"a"]}}]
        ),
        r"inputs\[0\].shape: expected \[1\]",
    ),
}


@pytest.mark.parametrize(("message", "problem"), BAD_RPC.values(), ids=BAD_RPC.keys())
def test_a_bad_grpc_request_is_told_what_is_wrong(message: pb.ModelInferRequest, problem: str) -> None:
    with pytest.raises(RequestError, match=problem):
        decode_rpc(message)


def test_a_request_at_every_limit_is_read() -> None:
    body = json.dumps({"instances": ["a" * 1000] * (MAX_INSTANCES - 1) + ["a" * MAX_TEXT_CHARACTERS]}).encode()

    assert len(v1.decode(body).texts) == MAX_INSTANCES


def test_a_v1_answer_is_the_predictions() -> None:
    assert orjson.loads(v1.encode(ANSWERS)) == {"predictions": [answer.prediction for answer in ANSWERS]}


def asked(*outputs: RequestedOutput, binary: bool = False) -> InferenceRequest:
    return InferenceRequest(texts=["a", "b"], field="inputs[0].data", outputs=outputs or None, binary=binary)


def test_a_v2_answer_has_the_outputs_that_were_asked_for() -> None:
    request = asked(RequestedOutput("score"), RequestedOutput("label"))

    body, json_length = v2.encode(ANSWERS, request=request, outputs=OUTPUTS, head=HEAD)

    assert json_length is None
    assert orjson.loads(body) == {
        **HEAD,
        "outputs": [
            {"name": "score", "datatype": "FP32", "shape": [2], "data": [0.5, 0.25]},
            {"name": "label", "datatype": "BYTES", "shape": [2], "data": ["débit", ""]},
        ],
    }


def test_a_v2_answer_has_all_outputs_unless_asked_otherwise() -> None:
    body, _ = v2.encode(ANSWERS, request=asked(), outputs=OUTPUTS, head=HEAD)

    outputs = {output["name"]: output for output in orjson.loads(body)["outputs"]}
    assert list(outputs) == [output.name for output in OUTPUTS]
    assert [json.loads(text) for text in outputs["entities"]["data"]] == [ENTITIES, []]
    assert outputs["vector"]["shape"] == [2, 2]
    assert outputs["vector"]["data"] == [1.0, 2.0, 3.0, 4.0]


def test_raw_outputs_follow_the_json_in_its_order() -> None:
    request = asked(RequestedOutput("label"), RequestedOutput("score", binary=False), RequestedOutput("vector"))
    binary = InferenceRequest(texts=request.texts, field=request.field, outputs=request.outputs, binary=True)

    body, json_length = v2.encode(ANSWERS, request=binary, outputs=OUTPUTS, head=HEAD)

    assert json_length is not None
    label, score, vector = orjson.loads(body[:json_length])["outputs"]
    assert label["parameters"]["binary_data_size"] == 14
    assert score["data"] == [0.5, 0.25]
    assert vector["parameters"]["binary_data_size"] == 16
    assert body[json_length:] == packed("débit".encode(), b"") + struct.pack("<4f", 1, 2, 3, 4)


@pytest.mark.parametrize("binary", [False, True])
def test_a_grpc_answer_has_all_outputs(binary: bool) -> None:
    message = rpc.encode(ANSWERS, request=asked(binary=binary), outputs=OUTPUTS, head=HEAD, prediction_id="p-1")

    label, score, _, vector = message.outputs
    assert (message.model_name, message.model_version, message.id) == ("sms", "1.0.0", "7")
    assert message.parameters["prediction_id"].string_param == "p-1"
    assert list(vector.shape) == [2, 2]
    if binary:
        assert message.raw_output_contents[0] == packed("débit".encode(), b"")
        assert message.raw_output_contents[1] == struct.pack("<2f", 0.5, 0.25)
    else:
        assert list(label.contents.bytes_contents) == ["débit".encode(), b""]
        assert list(score.contents.fp32_contents) == [0.5, 0.25]


def test_metadata_says_which_outputs_have_a_width() -> None:
    assert [(output["name"], output["shape"]) for output in output_metadata(OUTPUTS)] == [
        ("label", [-1]),
        ("score", [-1]),
        ("entities", [-1]),
        ("vector", [-1, 2]),
    ]


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
