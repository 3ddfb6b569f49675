"""Checkers of formats, which have an environment of their own (envs/validators.txt)."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest


def program(name: str) -> str:
    """The path of a checker; skips the test where it is not installed."""
    found = shutil.which(name, path=str(Path(sys.prefix) / "validators" / "bin")) or shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed; `make validators` does it")
    return found


_OFFLINE = """
import json, sys
import requests

terms = sys.argv.pop(1)

def send(adapter, request, **settings):
    if request.url != "https://w3id.org/ro/crate/1.1/context":
        raise requests.ConnectionError(request.url)
    response = requests.Response()
    response.status_code, response.url, response.request = 200, request.url, request
    response.headers["Content-Type"], response._content = "application/ld+json", terms.encode()
    return response

requests.adapters.HTTPAdapter.send = send
from rocrate_validator.cli import cli
cli()
"""
"""The validator with the meaning of the metadata's terms from here, instead of from the network."""


def problems(crate: Path, terms: dict[str, str]) -> list[tuple[str, str, str]]:
    """(severity, check, message) of what Workflow Run Crate, and what it builds on, asks for in vain.

    Args:
        crate: a folder or a zip file.
        terms: what RO-Crate 1.1 calls the metadata's properties and types; anything else is unknown to the validator.
    """
    python = Path(program("rocrate-validator")).with_name("python")
    words = ["validate", "--no-cache", "-p", "workflow-run-crate", "-l", "recommended", "-f", "json", "--no-paging"]
    report = crate.with_name(f"{crate.name}.json")
    command = [python, "-c", _OFFLINE, json.dumps({"@context": terms}), *words, "-o", report, crate]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if not report.is_file():
        raise AssertionError(done.stdout + done.stderr)
    found = json.loads(report.read_text())
    assert found["statistics"]["total_checks"] > 100  # or the profiles were not read
    return [(issue["severity"], issue["check"]["identifier"], issue["message"]) for issue in found["issues"]]
