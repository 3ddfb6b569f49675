"""The mini-language name[field=value]."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench import names
from bench.base import plain_yaml
from bench.errors import UserError


def test_names_with_and_without_fields():
    assert names.parse("dense") == ("dense", {})
    assert names.parse("gmp[schedule.every=50, allocation=global]") == (
        "gmp",
        {"schedule.every": 50, "allocation": "global"},
    )


def test_values_are_yaml_and_lists_keep_their_commas():
    assert names.parse("a[x=true,y=[1, 2],z=1.5e-1]")[1] == {"x": True, "y": [1, 2], "z": 0.15}


def test_nested_choices():
    assert names.parse("rigl[allocation=uniform[dense_first=true]]") == (
        "rigl",
        {"allocation": "uniform[dense_first=true]"},
    )


@pytest.mark.parametrize("text", ["", "gmp[", "gmp[every]", "a b", "gmp[=3]"])
def test_other_forms_are_refused(text):
    with pytest.raises(UserError, match="is not of the form"):
        names.parse(text)


def test_a_value_that_is_not_yaml_says_so():
    with pytest.raises(UserError, match=r"'\*.bias' in .* is not a YAML value; does it need quotes"):
        names.parse("all[exclude=*.bias]")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('m[k="a,b]"]', "a,b]"),
        ("m[k='it''s, [fine']", "it's, [fine"),
        ("m[k=it's]", "it's"),
        ("m[k=[ 'a,]', b ]]", ["a,]", "b"]),
        (r'm[k="a\"b,c"]', 'a"b,c'),
        ("m[k=n[k='a,[']]", "n[k='a,[']"),
    ],
)
def test_commas_and_brackets_in_quotes_are_letters(text, value):
    assert names.parse(text) == ("m", {"k": value})
    assert names.parse(f"{text[:-1]}, z=1]") == ("m", {"k": value, "z": 1})


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("rigl[schedule.every=10,drop.initial=0.3]", "m[k=rigl[schedule.every=10,drop.initial=0.3]]"),
        ("uniform[dense_first=true]", "m[k=uniform[dense_first=true]]"),
        ("null", "m[k='null']"),
        ("a, b", 'm[k="a, b"]'),
        ("two\nlines", 'm[k="two\\nlines"]'),
        ([0.1, 2], "m[k=[0.1, 2]]"),
        (1e-07, "m[k=1.0e-07]"),
        ("größe", "m[k=größe]"),
    ],
)
def test_texts_are_in_quotes_only_where_they_need_them(value, text):
    assert names.show("m", {"k": value}) == text
    assert names.parse(text) == ("m", {"k": value})


ODD = (
    "null",
    "~",
    "yes",
    "1e3",
    "1e-7",
    "0x10",
    "12:30",
    "2001-01-01",
    "<<",
    "=",
    "",
    " a",
    "a #b",
    "a: b",
    "- a",
    "...",
)
letters = st.characters(exclude_categories=("Cc", "Cs")) | st.sampled_from("\n\t,[]{}()'\"=:?#&*!|>%@`\\ ")
texts = st.sampled_from(ODD) | st.text(letters, max_size=30)
scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts
values = st.recursive(scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3))
fields = st.dictionaries(st.from_regex(r"[a-z][a-z_.]{0,8}[a-z]", fullmatch=True), values, max_size=4)


@given(fields)
def test_show_is_the_inverse_of_parse(values):
    text = names.show("method", values)
    assert names.parse(text) == ("method", values)
    assert text.count("\n") == 0
    inside = names.show("other", {"of": text, "z": 1})
    assert names.parse(inside) == ("other", {"of": text, "z": 1})


@given(values)
def test_plain_yaml_is_written_as_it_is_read(value):
    for quoted in (False, True):
        assert plain_yaml.parse(plain_yaml.write(value, quoted)) == value
