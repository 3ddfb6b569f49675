"""Names from a grid or a command line stay names: no path out of a folder, no option, no wildcard, no address."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bench import data, names, recipe
from bench.commands import skeleton
from bench.counting import flops
from bench.errors import UserError
from bench.plan import grid
from bench.sharing.extract import extract
from tests import factories
from tests.jobs import asked

GRID: dict[str, Any] = {
    "name": "some",
    "recipe": "digits",
    "datasets": ["digits"],
    "architectures": ["convnet_small"],
    "methods": ["dense", "gmp[schedule.every=10]"],
    "sparsities": [0.9],
    "seeds": [0],
}
HOSTILE = (
    *(
        "../x",
        "../../../../tmp/pwned",
        "/tmp/pwned",
        "a/../../b",
        "..",
        ".",
        "./x",
        "a//b",
        "~root/x",
        "a\\..\\b",
        "a\0b",
    ),
    *("; touch pwned", "$(touch pwned)", "`touch pwned`", "a\ntouch pwned", "a|b", "a&b", "a>b", 'a"b', "a'b", "a b;"),
    *("{wildcards}", "{run}", "{{x}}", "-rf", "--results", "*", "?", "%s", "\u202e", "x" * 5000, "CON:", "hf-hub:a/b"),
)
NAMED = {
    "name": lambda text: {"name": text},
    "dataset": lambda text: {"datasets": [text]},
    "architecture": lambda text: {"architectures": [text]},
    "tag": lambda text: {"architectures": [f"resnet50.{text}"]},
    "method": lambda text: {"methods": [text]},
    "value": lambda text: {"methods": [f"gmp[schedule={text}]"]},
    "recipe": lambda text: {"recipe": text},
    "prunable": lambda text: {"prunable": text},
    "label": lambda text: {"trainings": [{"label": text, "methods": ["dense"], "recipe": "digits"}]},
    "points": lambda text: {"points": {text: [0.5]}},
    "file": lambda text: {"recipe": f"digits[initialisation={{file: '{text}', sha256: '{'0' * 64}'}}]"},
}
INSIDE = {
    "x" * 5000,
    "~root/x",
    "; touch pwned",
    "a|b",
    "a&b",
    "a>b",
    "*",
    "?",
    "%s",
    "-rf",
    "--results",
    "CON:",
    "a b;",
}
"""What may be the name of a file inside a folder (`file`), however odd."""


@pytest.mark.parametrize("field", NAMED)
def test_hostile_names_are_refused_before_anything_is_planned(field: str) -> None:
    for text in HOSTILE:
        if field == "file" and text not in ("../x", "/tmp/pwned", "a/../../b", "..", ".", "./x", "a//b"):
            continue
        with pytest.raises(UserError) as raised:
            grid.load(GRID | NAMED[field](text))
        assert "\n" not in str(raised.value)


@pytest.mark.parametrize("field", ["results", "reports", "data_dir"])
def test_folders_may_lie_anywhere_but_are_no_options_and_no_patterns(field: str) -> None:
    for text in ("", " ", "-rf", "--help", "{run}", "a{b", "a\nb", "a\0b", "x" * 5000):
        with pytest.raises(UserError, match=f"field '{field}': .* is no folder"):
            grid.load(GRID | {field: text})
    for text in ("../shared/results", "/scratch/results", 'it\'s a "test" $HOME `x`;'):
        assert getattr(grid.load(GRID | {field: text}), field) == text


@pytest.mark.parametrize("name", ["quick", "papers/rigl", "mine 2", "größe", "a.b-c+d=1,2(x)", ""])
def test_usual_names_are_taken(name: str) -> None:
    assert grid.load(GRID | {"name": name}).name == name


def test_no_run_of_a_grid_leaves_the_folder_of_results() -> None:
    found = grid.expand(grid.load(GRID | {"architectures": ["resnet50.a1_in1k", "convnet_small"]}))
    for spec in found.runs:
        assert Path(spec.id).name == spec.id
    assert Path(grid.load(GRID).report_folder).parent == Path("reports")


@pytest.mark.parametrize("text", HOSTILE)
def test_a_job_refuses_them_too(text: str) -> None:
    words = {"--dataset": "digits", "--architecture": "convnet_small", "--method": "dense", "--recipe": "digits"}
    for option in words:
        line = [f"{name}={text if name == option else value}" for name, value in words.items()]
        with pytest.raises(UserError):
            asked(line).spec()


@pytest.mark.parametrize(
    "words",
    [
        *(["--seed", "9" * 30], ["--budget", "nan"], ["--budget", "1e-300"], ["--threads", "0"]),
        *(["--threads", "1000000000"], ["--slots-per-gpu", "1000000000"], ["--checkpoint-seconds", "inf"]),
    ],
)
def test_numbers_of_a_job_have_bounds(words: list[str]) -> None:
    usual = ["--dataset", "digits", "--architecture", "convnet_small", "--method", "dense", "--recipe", "digits"]
    with pytest.raises(UserError, match=f"field '{words[0][2:].replace('-', '_')}' has to be "):
        asked([*usual, *words])


@pytest.mark.parametrize("points", ["a", "nan", "0.5,inf", "0.5;0.6"])
def test_points_of_a_job_are_numbers(points: str) -> None:
    words = ["--dataset", "digits", "--architecture", "convnet_small", "--method", "gmp", "--recipe", "digits"]
    with pytest.raises(UserError, match=r"^--sparsity .* is not a list of numbers"):
        asked([*words, "--points", points]).spec()


@pytest.mark.parametrize("text", [text for text in HOSTILE if text != "x" * 5000])
def test_a_new_method_stays_in_its_folder(text: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot name a method"):
        skeleton.create(text, tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("weights", ["../../secret.safetensors", "/etc/passwd", "sub/weights.safetensors", ""])
def test_a_record_names_no_weights_outside_its_folder(weights: str, tmp_path: Path) -> None:
    spec = factories.spec("gmp")
    found = factories.record(spec, results=[factories.result(weights=weights)])
    factories.write(found, tmp_path)
    with pytest.raises(UserError, match=r"record\.json: 'weights' is .* and no file of"):
        extract(spec.id, tmp_path, tmp_path / "out.safetensors")


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"seeds": list(range(50_001)), "sparsities": [0.9]}, "multiply to more than 100,000 runs"),
        ({"seeds": [2**63]}, "has to be below 9,223,372,036,854,775,808"),
        ({"threads": 10**9}, "has to be at most 1024"),
        ({"slots_per_gpu": 10**9}, "has to be at most 1024"),
        ({"slots_per_gpu": 0}, "'slots_per_gpu' has to be above 0"),
        ({"slots_per_gpu": "auto"}, "'slots_per_gpu' has to be a whole number, not 'auto'"),
        ({"budget": float("inf")}, "finite number"),
        ({"budget": 1e-320}, "has to be at least 1e-06"),
        ({"points": 1e9}, "has to be a map from names to values"),
        ({"points": {"gmp": [float("nan")]}}, "finite number"),
        ({"methods": ["gmp[schedule.every=1000000000000000]"]}, "has to be from 1 to 1,000,000,000"),
        ({"methods": ["gmp[schedule.until=.inf]"]}, "has to be above 0 and at most 1, not inf"),
        ({"methods": ["gmp[schedule.every=!!binary aGk=]"]}, "is not a YAML value"),
        ({"recipe": "digits[batch_size.x=1]"}, "'batch_size.x' in .* is not inside a group of fields"),
        ({"recipe": "digits[train.epochs=1e300]"}, "has to be at most 1,000,000,000"),
        ({"recipe": "digits[data.crop_padding=1000000000]"}, "has to be at most 1024"),
        ({1: 2}, "a field's name has to be a text, not 1"),
    ],
)
def test_bombs_are_refused_at_once(change: dict[Any, Any], sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        grid.load(GRID | change)


LAUGHS = "a0: &a0 [x, x]\n" + "".join(f"a{i}: &a{i} [*a{i - 1}, *a{i - 1}]\n" for i in range(1, 40))
MERGES = "a0: &a0 {x: 1}\n" + "".join(f"a{i}: &a{i} {{<<: [*a{i - 1}, *a{i - 1}]}}\n" for i in range(1, 40))
DEEP = ("[" * 100_000, "{a: " * 10_000, "- " * 10_000, "? " * 10_000)
LONG = ("a: " + "9" * 5000, "x" * 2_000_000, "[" + "1," * 30_000 + "1]")
ODD = ("a: 2001-99-99", "a: 2001-01-01", "a: !!binary aGk=", 'a: "\\0"', 'a: "\\ud800"', 'a: "\\e[2J"', "a: !!set {b}")


@pytest.mark.parametrize("text", [LAUGHS, MERGES, "&a [*a]", "a: &a {b: *a}", *DEEP, *LONG, *ODD])
def test_yaml_bombs_are_refused_at_once(text: str, tmp_path: Path) -> None:
    (tmp_path / "some.yaml").write_text(text)
    for read in (lambda: grid.load(tmp_path / "some.yaml"), lambda: recipe.load("some", tmp_path)):
        with pytest.raises(UserError, match=r"some\.yaml: not valid YAML"):
            read()
    with pytest.raises(UserError):
        names.parse(f"gmp[a={text}]")


def test_a_file_that_is_no_text_is_named(tmp_path: Path) -> None:
    for content in (b"\xff\xfe\x00", b"recipe: \xe9"):
        (tmp_path / "some.yaml").write_bytes(content)
        with pytest.raises(UserError, match=r"some\.yaml: "):
            grid.load(tmp_path / "some.yaml")
    with pytest.raises(UserError, match="cannot be read as text"):
        grid.load(tmp_path)


def test_long_hostile_texts_are_given_up_quickly() -> None:
    for text in ("a" + " " * 10_000_000 + "b", "a[" + "]" * 9_000 + "x", "a" * 10_000_000, "a[b=" + "[" * 9_990):
        with pytest.raises(UserError):
            names.parse(text)


def test_what_is_printed_moves_no_cursor_and_is_short() -> None:
    error = UserError("a\x1b]0;title\x07\nb\u0000 \ud800" + "x" * 10**7)
    assert str(error).startswith("a?]0;title? b? ?")
    assert len(str(error)) < 3000
    assert str(error).encode()


def test_counting_takes_only_known_networks(tmp_path: Path) -> None:
    for name in ("../../pwned", "hf-hub:a/b", "resnet50.../../pwned"):
        with pytest.raises(UserError, match="is neither ours"):
            flops.count(name, data.info("digits"), tmp_path)
    assert not list(tmp_path.iterdir())
