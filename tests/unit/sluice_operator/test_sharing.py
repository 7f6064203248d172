"""Equal parts of the objects in a list are one, and the objects are what they were."""

import copy
import json
import sys

from hypothesis import given
from hypothesis import strategies as st

from sluice_operator.kube.sharing import Sharing

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False).map(lambda x: x + 0.0) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


def pod(name):
    return json.loads(
        json.dumps({"metadata": {"name": name}, "spec": {"containers": [{"name": "c", "ports": [{"port": 8080}]}]}})
    )


def test_what_two_objects_have_in_common_is_kept_once():
    sharing = Sharing()
    one, other = sharing.of(pod("a")), sharing.of(pod("b"))

    assert (one, other) == (pod("a"), pod("b"))
    assert one["spec"] is other["spec"]
    assert one["metadata"] is not other["metadata"]


@given(st.lists(JSON, max_size=5))
def test_nothing_is_another_value_than_before(values):
    sharing = Sharing()
    before = copy.deepcopy(values)

    shared = [sharing.of(value) for value in values]

    # As text: 1, 1.0 and True are equal, and are not the same.
    assert [json.dumps(value) for value in shared] == [json.dumps(value) for value in before]


def test_what_is_nested_too_deep_stays_as_it_is():
    deep = inner = {}
    for _ in range(sys.getrecursionlimit()):
        inner["a"] = inner = {}

    assert Sharing().of(deep) is deep
