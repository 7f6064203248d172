"""The report of a rollout: whole, self-contained, and safe to open whatever the record says."""

import json
import re
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest
from records import MODEL, NAMESPACE, Chain, after

from sluice_operator.cli.record.page import Subject, as_html, as_json
from sluice_operator.history.account import accounts
from sluice_operator.ledger.record import digest

VOID = {"meta", "br", "circle", "rect", "line", "path"}


class Page(HTMLParser):
    """What a browser would make of a page, as far as tests ask."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.texts, self.open, self.style = [], [], [], ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] == "style":
            self.style += data
        else:
            self.texts.append(data)

    @property
    def text(self):
        return " ".join(" ".join(self.texts).split())


def subject(chain, version="2.0.0"):
    known = accounts(chain.records)[NAMESPACE, MODEL]
    of_it = [record for record in chain.records if record.subject["version"] == version]
    return Subject((NAMESPACE, MODEL), version, known, of_it, chain.head, after(1000))


def page(chain, version="2.0.0"):
    return Page(as_html(subject(chain, version)))


def rolled_back():
    chain = Chain()
    chain.first()
    chain.came_from("2.0.0", minute=59, parent="1.0.0", dataset="sha256:data", metrics={"f1": 0.93})
    chain.resolved("2.0.0", minute=60, digest="sha256:two")
    chain.taken_back("2.0.0", over="1.0.0", minute=60)
    return chain


def promoted():
    chain = Chain()
    chain.first()
    chain.acted("2.0.0", "Approve", minute=61, by="ann@example.com", reason="read 120 messages")
    chain.promoted("2.0.0", over="1.0.0", minute=60)
    return chain


@pytest.mark.parametrize(("chain", "word"), [(promoted(), "promoted"), (rolled_back(), "taken back")])
def test_it_says_what_became_of_the_version_and_why(chain, word):
    made = page(chain)

    assert f"{MODEL} 2.0.0" in made.text
    assert word in made.text
    assert made.open == []


def test_it_has_acts_lineage_and_evidence():
    assert "ann@example.com" in page(promoted()).text
    assert "read 120 messages" in page(promoted()).text
    assert "sha256:data" in page(rolled_back()).text
    assert "80 of 500, 16 %" in page(rolled_back()).text


def test_every_record_is_named_with_its_digest():
    chain = rolled_back()

    made = page(chain).text

    of_it = [record for record in chain.records if record.subject["version"] == "2.0.0"]
    assert all(digest(record) in made for record in of_it)
    assert chain.head.digest in made


def test_it_needs_nothing_from_anywhere_and_runs_nothing():
    text = as_html(subject(rolled_back()))
    made = Page(text)

    fetching = {
        "script",
        "link",
        "img",
        "iframe",
        "object",
        "embed",
        "use",
        "image",
        "base",
        "form",
        "a",
        "foreignobject",
    }
    assert not fetching & {tag for tag, _ in made.tags}
    assert not [name for _, attrs in made.tags for name in attrs if name.startswith("on") or name in ("src", "href")]
    assert "url(" not in made.style
    assert "@import" not in made.style
    policy = [attrs["content"] for tag, attrs in made.tags if attrs.get("http-equiv") == "Content-Security-Policy"]
    assert policy[0].startswith("default-src 'none'")


HOSTILE = [
    "<script>alert(1)</script>",
    '"><svg onload=alert(1)>',
    "' onmouseover='alert(1)",
    "{{ 7 * 7 }}{% raw %}",
    "</style><style>*{background:red}",
    "javascript:alert(1)",
    "\u202eevil\u0000\x1b[31m",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_that_a_record_says_becomes_markup(text):
    chain = Chain()
    chain.first()
    chain.came_from("2.0.0", minute=50, parent=text, dataset=text, code=text, metrics={text or "x": 1.0})
    chain.resolved("2.0.0", minute=55, digest=text)
    chain.moved("2.0.0", minute=60, phase="Canary", weight=10, step=0, reason=text)
    chain.judged("2.0.0", minute=61, gate=text, own=(1, 100), stable=(1, 900))
    chain.acted("2.0.0", "Pause", minute=61, by=text, reason=text)
    chain.moved("2.0.0", minute=62, phase=text, weight=0, reason=text)
    plain = Chain()
    plain.first()
    plain.came_from("2.0.0", minute=50, parent="t", dataset="t", code="t", metrics={"t": 1.0})
    plain.resolved("2.0.0", minute=55, digest="t")
    plain.moved("2.0.0", minute=60, phase="Canary", weight=10, step=0, reason="t")
    plain.judged("2.0.0", minute=61, gate="t", own=(1, 100), stable=(1, 900))
    plain.acted("2.0.0", "Pause", minute=61, by="t", reason="t")
    plain.moved("2.0.0", minute=62, phase="t", weight=0, reason="t")

    made, expected = page(chain), page(plain)

    assert [(tag, sorted(attrs)) for tag, attrs in made.tags] == [(tag, sorted(a)) for tag, a in expected.tags]
    assert made.style == expected.style
    assert not re.search("[\u202e\u0000\x1b]", as_html(subject(chain)))


def test_pictures_have_titles_and_everything_in_them_is_in_a_table_as_well():
    text = as_html(subject(rolled_back()))

    pictures = [ElementTree.fromstring(one) for one in re.findall(r"<svg[^>]*role=.*?</svg>", text, re.DOTALL)]  # noqa: S314 - our own page
    assert len(pictures) == 3
    for picture in pictures:
        named = picture.attrib["aria-labelledby"].split()
        assert [one.attrib["id"] for one in (picture[0], picture[1])] == named
        assert picture[0].text
    assert text.count("The same as a table") == 2


def test_every_mark_is_inside_its_picture():
    text = as_html(subject(promoted()))

    for one in re.findall(r"<svg[^>]*role=.*?</svg>", text, re.DOTALL):
        picture = ElementTree.fromstring(one)  # noqa: S314 - our own page
        width, height = (float(size) for size in picture.attrib["viewBox"].split()[2:])
        for mark in picture.iter():
            for name, value in mark.attrib.items():
                if name in ("x", "x1", "x2", "cx"):
                    assert 0 <= float(value) <= width
                if name in ("y", "y1", "y2", "cy"):
                    assert 0 <= float(value) <= height


def test_a_version_that_has_only_begun_has_a_report_as_well():
    chain = Chain()
    chain.moved("1.0.0", minute=0, phase="Deploying")

    made = page(chain, "1.0.0").text

    assert "under way" in made
    assert "No gate has spoken" in made


def test_the_same_as_json_has_every_records_text_so_that_digests_can_be_checked():
    from hashlib import sha256

    chain = promoted()

    made = json.loads(as_json(subject(chain)))

    assert made["kind"] == "RolloutReport"
    assert made["head"]["digest"] == chain.head.digest
    assert made["evidence"][0]["points"][0]["own"]["total"] == 1000
    assert all(sha256(one["text"].encode()).hexdigest() == one["digest"] for one in made["records"])
