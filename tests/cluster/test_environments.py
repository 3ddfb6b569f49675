"""The container recipe and the conda environment say what pyproject.toml and the constraints say."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

CHECKOUT = Path(__file__).parents[2]
PROJECT = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]
DOCKERFILE = (CHECKOUT / "envs" / "Dockerfile").read_text()
NOT_GENERATED = {"!/reports/README.md", "!/reports/reproductions/"}


def instructions() -> list[tuple[str, str]]:
    """The instructions of the Dockerfile, lines that go on joined, comments left out."""
    text = re.sub(r"^\s*#.*\n", "", DOCKERFILE, flags=re.MULTILINE).replace("\\\n", " ")
    return [
        (name, " ".join(rest.split())) for name, _, rest in (line.partition(" ") for line in text.splitlines() if line)
    ]


def arguments(instruction: str) -> list[str]:
    return [rest for name, rest in instructions() if name == instruction]


def pins() -> dict[str, str]:
    """Versions by package, from the constraints."""
    lines = (CHECKOUT / "envs" / "constraints.txt").read_text().splitlines()
    found = [line.split("==") for line in lines if line and not line.startswith("#")]
    return {canonicalize_name(name): version for name, version in found}


# -- constraints ----------------------------------------------------------------------------------------------------


def test_constraints_pin_everything_that_the_project_asks_for_within_its_ranges() -> None:
    extras = [line for lines in PROJECT["optional-dependencies"].values() for line in lines]
    for requirement in map(Requirement, PROJECT["dependencies"] + extras):
        assert pins()[canonicalize_name(requirement.name)] in requirement.specifier, requirement


# -- container ------------------------------------------------------------------------------------------------------


def test_the_base_is_a_python_of_one_version_that_the_project_supports() -> None:
    (base,) = arguments("FROM")
    version = re.fullmatch(r"python:(\d+\.\d+\.\d+)-slim-[a-z]+", base)
    assert version, base
    assert version[1] in SpecifierSet(PROJECT["requires-python"])


def test_nothing_but_the_base_names_a_host() -> None:
    assert not re.findall(r"https?:|\b[\w.-]+\.(?:org|com|io|net)\b", DOCKERFILE)


def test_what_is_started_is_not_root_and_is_the_command_line() -> None:
    names = [name for name, _ in instructions()]
    assert arguments("USER") == ["reprune"]
    assert names.index("USER") < names.index("WORKDIR") < names.index("ENTRYPOINT")
    assert arguments("ENTRYPOINT") == ['["reprune"]']
    assert "reprune" in PROJECT["scripts"]
    assert re.search(r"useradd --uid 1000\b.* reprune\b", " ".join(arguments("RUN")))


def test_packages_are_pinned_and_a_layer_of_their_own() -> None:
    (install,) = (rest for rest in arguments("RUN") if "pip install" in rest)
    assert "-c envs/constraints.txt" in install
    (extras,) = re.findall(r"-e '\.\[([\w,]+)\]'", install)
    assert set(extras.split(",")) <= set(PROJECT["optional-dependencies"])
    steps = [f"{name} {rest}" for name, rest in instructions()]
    copied = [step for step in steps[: steps.index(f"RUN {install}")] if step.startswith("COPY")]
    sources = [word for step in copied for word in step.split()[2:-1]]
    assert sources == ["pyproject.toml", "envs/constraints.txt"]
    assert all((CHECKOUT / source).exists() for source in sources)


def test_data_lie_on_a_volume() -> None:
    assert "REPRUNE_DATA=/data" in arguments("ENV")
    assert arguments("VOLUME") == ['["/data"]']
    assert "/data" in next(rest for rest in arguments("RUN") if "install --directory" in rest).split()


def test_what_git_ignores_does_not_get_into_the_image() -> None:
    def patterns(name: str) -> set[str]:
        lines = (CHECKOUT / name).read_text().splitlines()
        return {line for line in lines if line and not line.startswith("#")}

    anywhere = {"__pycache__/", "*.egg-info/"}
    ignored = {
        f"**/{line}" if line in anywhere else line.replace("/", "", line.lstrip("!")[0] == "/")
        for line in patterns(".gitignore")
    }
    assert patterns(".dockerignore") == ignored


# -- conda ----------------------------------------------------------------------------------------------------------


def conda() -> tuple[dict[str, str], list[str]]:
    """The packages that conda installs (name and version), and those that pip does."""
    (*own, last) = yaml.safe_load((CHECKOUT / "envs" / "bench.yaml").read_text())["dependencies"]
    return {name: version for name, _, version in (line.partition(" ") for line in own)}, last["pip"]


def test_conda_gives_the_python_of_the_constraints() -> None:
    python = conda()[0]["python"].removeprefix("=")
    assert f"(Python {python})" in (CHECKOUT / "envs" / "constraints.txt").read_text().splitlines()[0]
    assert f"{python}.0" in SpecifierSet(PROJECT["requires-python"])


def test_conda_installs_what_the_project_asks_for_at_the_pinned_versions() -> None:
    """Snakemake copies the file to another folder before it uses it, so it names no other file."""
    names = [canonicalize_name(Requirement(line).name) for line in PROJECT["dependencies"]]
    wanted = [f"{name}=={pins()[name]}" for name in names]
    assert list(map(Requirement, conda()[1])) == list(map(Requirement, wanted)), f"envs/bench.yaml: {wanted}"


def test_every_rule_has_the_conda_environment() -> None:
    rules = (CHECKOUT / "Snakefile").read_text()
    assert len(re.findall(r"^\s*rule\b", rules, re.MULTILINE)) == rules.count('"envs/bench.yaml"')
