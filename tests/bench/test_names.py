"""The mini-language name[field=value]."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench import names
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


fields = st.dictionaries(
    st.from_regex(r"[a-z][a-z_.]{0,8}[a-z]", fullmatch=True),
    st.one_of(st.integers(-99, 99), st.booleans(), st.sampled_from(["global", "erk"]), st.lists(st.integers(0, 9))),
    max_size=4,
)


@given(fields)
def test_show_is_the_inverse_of_parse(values):
    assert names.parse(names.show("method", values)) == ("method", values)
