"""Another text in a YAML file: it is read as it was meant, and everything else stays as it was."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from a2pcli.config.document import document_of
from a2pcli.config.rewrite import with_texts
from a2pcli.errors import InvalidInput
from a2pcli.folding import composed

FORMS = [
    'a: 1\nmessage: "old # text"   # a comment\nz: [x, y]\n',
    "a: 1\nmessage: old text # a comment\nz: [x, y]\n",
    "message: |\n  old\n  text\n\n# a comment\nz: [x, y]\n",
    "message: >-\n  old\n  text\nz: {b: 'c'}",
    "message: 'it''s old'\n",
    "{a: 1, message: old, z: 2}\n",
    "variants:\n  b: {weight: 1, message: old}\n  c:\n    message: |-\n      other\n    # a comment\n    weight: 2\n",
]
SENDABLE = st.text(
    st.characters(exclude_categories=["Cs", "Cc"]) | st.sampled_from("\n\"'#:{}|>-%&*!`"), min_size=1
)


@pytest.mark.parametrize("form", FORMS)
@given(text=SENDABLE)
def test_a_text_is_read_as_it_was_meant_and_the_rest_stays(form: str, text: str) -> None:
    document = document_of(form, "c.yaml")
    loc = ("message",) if document.has(("message",)) else ("variants", "b", "message")
    try:
        found = with_texts(document, {loc: text})
    except InvalidInput:
        assert not text.isprintable(), "only what YAML cannot hold is refused"
        return
    expected = document_of(form, "c.yaml").data
    (expected if len(loc) == 1 else expected["variants"]["b"])["message"] = composed(text)
    assert found.data == expected
    comments = [line.strip() for line in form.split("\n") if line.strip().startswith("#")]
    assert all(comment in found.text for comment in comments)
