"""``ro-crate-preview.html``: what is in a crate, for people who open it in a browser."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from bench.report import tables
from bench.report.kept import Kept
from bench.sharing import environment, papers

FIRST = {"report.html": "The report", "README.md": "How to run it again", "checklist.md": "The checklist"}
"""What most people want to open, in this order."""


def render(found: Kept, folder: Path, what: Mapping[str, str], cited: Mapping[str, str], published: str) -> str:
    """The page.

    Args:
        found: the crate's grid and records.
        folder: the crate.
        what: descriptions by the names of files and folders.
        cited: papers by their numbers at arXiv.
        published: the date.
    """
    records = [source.record for source in found.records.values()]
    return (
        tables.environment(autoescape=True)
        .get_template("crate.html.j2")
        .render(
            title=found.grid.title or found.grid.name,
            summary=environment.summary(found),
            published=published,
            first={name: label for name, label in FIRST.items() if (folder / name).is_file()},
            there={name: text for name, text in what.items() if (folder / name).exists()},
            cited=sorted((title, papers.address(number)) for number, title in cited.items()),
            runs=[
                {
                    "record": record,
                    "cell": f"{record.spec.architecture} on {record.spec.dataset}",
                    "method": f"{record.spec.method_text}{record.spec.spelling.at(*record.spec.points)}",
                    "accuracies": ", ".join(f"{result.accuracy:.2f}" for result in record.results) or "–",
                }
                for record in records
            ],
            version=environment.version(),
        )
    )
