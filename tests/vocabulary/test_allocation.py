"""Allocations against densities worked out by hand."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.allocation import ER, ERK, ERDraws, Global, Smart, Uniform, UniformPlus, proportional

SHAPES = {"conv": (4, 3, 3, 3), "fc": (2, 4)}
UNITS = {name: math.prod(shape) for name, shape in SHAPES.items()}  # 108 and 8


def test_global_is_one_group_with_the_rounded_total():
    (group,) = Global().groups(SHAPES, UNITS, 0.9)
    assert group.names == ("conv", "fc")
    assert group.keep == 12  # 116 · 0.1 = 11.6


def test_uniform_gives_each_layer_the_same_sparsity():
    assert [group.keep for group in Uniform().groups(SHAPES, UNITS, 0.75)] == [27, 2]
    assert [group.keep for group in Uniform(dense_first=True).groups(SHAPES, UNITS, 0.75)] == [108, 2]


# ResNet-20 with option B has 270,896 weights, 432 in the first layer and 640 in the last. At d = .05 the others keep
# (13,544.8 − 432 − 128) / 270,896 = .0479328 of their 269,824, 12,933.4; with the two, 13,493.4 are .0498 of all.
# At .2 it is 432 + .2 · 270,464 = 54,524.8: .2013.
RESNET20 = {"conv1": (432,), "stages": (269_824,), "fc": (640,)}


@pytest.mark.parametrize(
    ("density", "kept", "overall"),
    [(0.05, (432, 12_933, 128), 0.0498), (0.1, (432, 26_425, 128), 0.0996), (0.2, (432, 53_965, 128), 0.2013)],
)
def test_uniform_plus_leaves_the_first_layer_dense_and_spares_the_last(density, kept, overall):
    units = {name: shape[0] for name, shape in RESNET20.items()}
    found = tuple(group.keep for group in UniformPlus().groups(RESNET20, units, 1 - density))
    assert found == kept
    assert sum(found) / 270_896 == pytest.approx(overall, abs=5e-5)


def test_uniform_plus_keeps_no_less_than_nothing():
    units = {name: shape[0] for name, shape in RESNET20.items()}
    assert [group.keep for group in UniformPlus().groups(RESNET20, units, 0.999)] == [432, 0, 128]


def test_smart_ratios_fall_with_depth_and_spare_linear_layers():
    # The first two of three layers have shares 3² + 3 = 12 and 2² + 2 = 6. Of 1,400 weights 140 stay, of which the last
    # layer has 60 of 200. 80 are left: 12 · 100 + 6 · 1,100 = 7,800, so 80/7,800 · 12 = 12.3 % and 6.15 %.
    shapes = {"a": (100, 1, 1, 1), "b": (1100, 1, 1, 1), "fc": (10, 20)}
    units = {"a": 100, "b": 1100, "fc": 200}
    densities = Smart().densities(shapes, units, 0.9)
    assert densities == pytest.approx({"a": 12 * 80 / 7800, "b": 6 * 80 / 7800, "fc": 0.3})
    assert [group.keep for group in Smart(rounding="down").groups(shapes, units, 0.9)] == [12, 67, 60]
    # Divided by 1 and 4: 12 · 100 + 1.5 · 1,100 = 2,850.
    densities = Smart(vgg=True).densities(shapes, units, 0.9)
    assert densities == pytest.approx({"a": 12 * 80 / 2850, "b": 1.5 * 80 / 2850, "fc": 0.3})


def test_what_a_smart_ratio_has_above_one_goes_to_the_next_layers():
    shapes, units = {"a": (10, 1, 1, 1), "b": (90, 1, 1, 1)}, {"a": 10, "b": 90}
    # 50 of 100: x = 50 / (6 · 10 + 2 · 90) = .2083, so the first has 1.25: it keeps 10, the second the other 40.
    assert Smart().densities(shapes, units, 0.5) == pytest.approx({"a": 1.0, "b": 40 / 90})
    assert Smart().densities(shapes, units, 0.0) == {"a": 1.0, "b": 1.0}


def test_erk_without_a_cap():
    # raw: conv (4+3+3+3)/108 = 13/108, fc (2+4)/8 = 0.75. Weighted: 13 + 6 = 19.
    # 10 % of 116 = 11.6 kept: scale 11.6/19, conv keeps 13 · 11.6/19 = 7.94, fc 6 · 11.6/19 = 3.66.
    densities = ERK().densities(SHAPES, UNITS, 0.9)
    assert densities["conv"] * 108 == pytest.approx(13 * 11.6 / 19)
    assert densities["fc"] * 8 == pytest.approx(6 * 11.6 / 19)
    assert [group.keep for group in ERK().groups(SHAPES, UNITS, 0.9)] == [8, 4]


def test_erk_caps_a_layer_at_dense_and_solves_again():
    # 50 %: 58 kept; the scale 58/19 would give fc 0.75 · 58/19 = 2.29 > 1. So fc is dense (8), conv keeps 50.
    densities = ERK().densities(SHAPES, UNITS, 0.5)
    assert densities["fc"] == 1.0
    assert densities["conv"] * 108 == pytest.approx(50)


def test_er_leaves_the_kernel_out():
    # raw: conv (4+3)/12, weighted 108 · 7/12 = 63; fc 6/8, weighted 6. 11.6 kept: conv 63 · 11.6/69.
    densities = ER().densities(SHAPES, UNITS, 0.9)
    assert densities["conv"] * 108 == pytest.approx(63 * 11.6 / 69)


def test_layers_with_the_same_largest_raw_value_become_dense_together():
    shapes = {"a": (1, 1), "b": (1, 1), "c": (10, 10)}
    densities = ERK().densities(shapes, {"a": 1, "b": 1, "c": 100}, 0.5)
    assert densities["a"] == densities["b"] == 1.0
    assert densities["c"] * 100 == pytest.approx(49)


TUTORIAL = {"fc1": (1000, 784), "fc2": (1000, 1000), "fc3": (1000, 1000), "fc": (10, 1000)}
"""SET's tutorial draws 13 (in + out) positions of each layer: 23,192, 26,000, 26,000 and 13,130."""


def test_draws_with_replacement_keep_what_is_expected_of_them():
    units = {name: math.prod(shape) for name, shape in TUTORIAL.items()}
    # A position of a layer with N is missed by k draws with probability (1 − 1/N)^k.
    draws = {name: 13 * sum(shape) for name, shape in TUTORIAL.items()}
    expected = {name: units[name] * (1 - (1 - 1 / units[name]) ** draws[name]) for name in TUTORIAL}
    sparsity = 1 - sum(expected.values()) / sum(units.values())
    groups = ERDraws().groups(TUTORIAL, units, sparsity)
    assert [group.keep for group in groups] == [22_852, 25_665, 25_665, 7_310]
    assert [group.keep for group in groups] == [round(count) for count in expected.values()]


def test_draws_with_replacement_are_those_of_er_where_hardly_any_collide():
    # 58 of a million: a collision is improbable.
    shapes = {"a": (1000, 500), "b": (500, 1000)}
    units = {"a": 500_000, "b": 500_000}
    assert ERDraws().densities(shapes, units, 1 - 58e-6) == pytest.approx(ER().densities(shapes, units, 1 - 58e-6))


@pytest.mark.parametrize(("rounding", "keep"), [("nearest", 12), ("down", 11), ("up", 12)])
def test_rounding_of_the_total(rounding, keep):
    (group,) = Global(rounding=rounding).groups(SHAPES, UNITS, 0.9)  # 11.6
    assert group.keep == keep


def test_removing_the_ceiling_of_a_ratio_keeps_the_floor_but_never_nothing():
    # 16 filters at 0.7: ceil(11.2) = 12 removed. 4 at 0.9: ceil(3.6) = 4 would be all of them. 1 at 0: none.
    units = {"a": 16, "b": 4}
    shapes = {name: (count, 1) for name, count in units.items()}
    down = Uniform(rounding="down")
    assert [group.keep for group in down.groups(shapes, units, 0.7)] == [4, 1]
    assert [group.keep for group in down.groups(shapes, units, 0.9)] == [1, 1]
    assert [group.keep for group in down.groups(shapes, units, 0.0)] == [16, 4]


@pytest.mark.parametrize("rounding", ["nearest", "down", "up"])
def test_what_is_whole_already_is_not_rounded(rounding):
    # 1 − 0.9 is 0.09999999999999998, and 1000 times that is still meant to be 100.
    (group,) = Global(rounding=rounding).groups({"a": (1000, 1)}, {"a": 1000}, 0.9)
    assert group.keep == 100


def test_the_usual_rounding_is_not_written():
    assert [repr(each) for each in (Global(), Uniform())] == ["Global()", "Uniform(dense_first=False)"]
    assert repr(Global(rounding="down")) == "Global(rounding='down')"


layer_shapes = st.lists(
    st.one_of(
        st.tuples(st.integers(1, 64), st.integers(1, 64)),
        st.tuples(st.integers(1, 64), st.integers(1, 64), st.integers(1, 5), st.integers(1, 5)),
    ),
    min_size=1,
    max_size=8,
)


@given(layer_shapes, st.floats(0, 0.999))
def test_er_and_erk_meet_the_total_and_never_exceed_one(shapes, sparsity):
    named = {f"layer{index}": shape for index, shape in enumerate(shapes)}
    units = {name: math.prod(shape) for name, shape in named.items()}
    for allocation in (ER(), ERK(), ERDraws()):
        densities = allocation.densities(named, units, sparsity)
        assert all(0 <= density <= 1 + 1e-12 for density in densities.values())
        kept = sum(densities[name] * units[name] for name in named)
        assert kept == pytest.approx((1 - sparsity) * sum(units.values()))


def test_proportional_gives_remainders_to_the_largest_fractions():
    # 6 · (1, 3) / 4 = 1.5 and 4.5: the earlier layer gets the odd one.
    assert proportional(6, {"a": 1.0, "b": 3.0}, {"a": 10, "b": 10}) == {"a": 2, "b": 4}


def test_proportional_hands_what_overflows_to_the_others():
    # b would get 9 of 12 and has room for 5; the other 7 are split 1 : 2 → 2.33 and 4.67.
    assert proportional(12, {"a": 1.0, "b": 9.0, "c": 2.0}, {"a": 9, "b": 5, "c": 9}) == {"a": 2, "b": 5, "c": 5}


@given(st.integers(0, 60), st.lists(st.tuples(st.floats(0, 100), st.integers(0, 20)), min_size=1, max_size=6))
def test_proportional_sums_exactly_and_stays_in_its_room(total, layers):
    shares = {str(i): share for i, (share, _) in enumerate(layers)}
    room = {str(i): places for i, (_, places) in enumerate(layers)}
    given_out = proportional(total, shares, room)
    assert sum(given_out.values()) == min(total, sum(room.values()))
    assert all(0 <= given_out[name] <= room[name] for name in room)
