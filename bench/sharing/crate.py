"""The metadata of a crate: what every file is, what made it, and what it rests on.

RO-Crate 1.1 (https://w3id.org/ro/crate/1.1) and not a later one, because the profiles that say what is here, Workflow
RO-Crate 1.0 and Workflow Run Crate 0.5, build on it. Each run is an action with its method, recipe, data and seed as
objects and its record as result. Who ran it and when it ended nobody recorded, so no action has these.
"""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

from rocrate.model.contextentity import ContextEntity
from rocrate.rocrate import ROCrate

from bench import published
from bench.base import plain_yaml
from bench.base.atomic import write_text
from bench.identity import file_digest
from bench.report.kept import GRID, RECORDS, Kept
from bench.results.provenance import ROOT
from bench.sharing import checkout, environment, papers, preview
from bench.sharing.run_actions import Runs

WORKFLOW = "workflow"
PREVIEW = "ro-crate-preview.html"

PROFILES = {
    "https://w3id.org/ro/wfrun/process/0.5": "Process Run Crate",
    "https://w3id.org/ro/wfrun/workflow/0.5": "Workflow Run Crate",
    "https://w3id.org/workflowhub/workflow-ro-crate/1.0": "Workflow RO-Crate",
}

LICENCE = "https://spdx.org/licenses/Apache-2.0"
LANGUAGE_PROFILE = "https://bioschemas.org/profiles/ComputationalWorkflow/1.0-RELEASE"

FORMATS = {
    **{".md": "text/markdown", ".json": "application/json", ".yaml": "application/yaml", ".csv": "text/csv"},
    **{".html": "text/html", ".tex": "application/x-tex", ".svg": "image/svg+xml", ".png": "image/png"},
    **{"": "text/plain", ".txt": "text/plain", ".py": "text/x-python", ".safetensors": "application/octet-stream"},
}

WHAT = {
    GRID: "The grid: which data sets, architectures, methods, sparsities and seeds, and under which recipe",
    environment.FILE: "Versions, processors and graphics cards of the runs",
    PREVIEW: "What is where, to be opened in a browser",
    "README.md": "What is where in this crate, and how to run it again",
    "checklist.md": "Reproducibility checklist, filled in from the records",
    "provenance.md": "Code, versions, hardware and seconds, with the command that repeats each run",
    **{f"table.{ending}": "The results as tables" for ending in ("md", "tex", "html", "csv")},
    "report.html": "The results as a page to look at",
    **{f"comparison.{ending}": "Published numbers beside ours, with verdicts" for ending in ("md", "csv")},
    f"{RECORDS}/": "What each run measured, and what it takes to repeat it",
    "churn.csv": "On how many test images networks disagree",
    "latency/": "How fast networks are, measured",
    "weights/": "The trained networks",
    f"{WORKFLOW}/": "The code of the runs: workflow, engine, methods, recipes, published numbers",
}
"""Descriptions of files and folders in a crate."""


def describe(found: Kept, folder: Path, today: date) -> None:
    """Write README, preview, environments and metadata into a folder that has everything else."""
    write_text(folder / environment.FILE, environment.text(found))
    what, cited = WHAT | _figures(folder), _papers(found)
    write_text(folder / "README.md", environment.readme(found, what, folder))
    write_text(folder / PREVIEW, preview.render(found, folder, what, cited, today.isoformat()))
    crate = ROCrate(version="1.1")
    crate.metadata.extra_terms["sha256"] = "http://schema.org/sha256"  # which that version's context may not have
    author = _author(crate)
    licence = _context(crate, LICENCE, "CreativeWork", name="Apache License 2.0", url={"@id": LICENCE})
    _root(crate, found, cited, author, licence, today)
    _workflow(crate, found, folder, author, licence)
    _files(crate, folder)
    Runs(crate, found).add(folder)
    write_text(folder / "ro-crate-metadata.json", _json(crate.metadata.generate()))


def _json(graph: Any) -> str:
    for entity in graph["@graph"]:
        for name, value in entity.items():  # a list of one is to be written as the one
            entity[name] = value[0] if isinstance(value, list) and len(value) == 1 else value
    return json.dumps(graph, indent=1, ensure_ascii=False) + "\n"


def _context(crate: ROCrate, address: str, kind: str, /, **properties: Any) -> Any:
    return crate.add(ContextEntity(crate, address, properties={"@type": kind, **properties}))


def _author(crate: ROCrate) -> Any:
    """Who is to be cited, as CITATION.cff says."""
    cited = plain_yaml.parse((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    return _context(crate, "#authors", "Organization", name=cited["authors"][0]["name"])


def _root(crate: ROCrate, found: Kept, cited: dict[str, str], author: Any, licence: Any, today: date) -> None:
    grid, root = found.grid, crate.root_dataset
    crate.name = grid.title or grid.name
    crate.description = environment.summary(found)
    crate.datePublished = today.isoformat()
    crate.license, root["author"] = licence, author
    crate.keywords = "neural-network pruning, sparsity, reproducibility, benchmark"
    root["conformsTo"] = [
        _context(crate, address, "CreativeWork", name=name, version=address.rpartition("/")[2])
        for address, name in PROFILES.items()
    ]
    root["citation"] = [_paper(crate, number, name) for number, name in sorted(cited.items())]


def _papers(found: Kept) -> dict[str, str]:
    """The papers of the methods and of the published numbers about the grid's cells, by their numbers at arXiv."""
    everything = published.load()
    rows = [row for cell in found.plan.cells for row in everything.rows_for(cell)]
    cited = {row.arxiv: row.paper for row in rows if row.arxiv}
    for spec in found.plan.runs:
        cited |= papers.of_method(spec.method)
    return cited


def _paper(crate: ROCrate, number: str, name: str) -> Any:
    address = papers.address(number)
    return crate.get(address) or _context(
        crate, address, "ScholarlyArticle", name=name, identifier=f"arXiv:{number}", url={"@id": address}
    )


def _workflow(crate: ROCrate, found: Kept, folder: Path, author: Any, licence: Any) -> None:
    """The Snakefile as main entity, with what it takes and what it gives, and the code that it calls."""
    version = environment.version()
    main = crate.add_workflow(
        dest_path=f"{WORKFLOW}/Snakefile",
        main=True,
        lang="snakemake",
        lang_version=environment.pinned("snakemake"),
        properties={
            "name": "reprune",
            "description": "Trains each run of a grid, and makes tables of the records they leave.",
            "version": version,
            "conformsTo": {"@id": LANGUAGE_PROFILE},
            "sdDatePublished": str(crate.datePublished)[:10],
            **_content(folder / WORKFLOW / "Snakefile"),
        },
    )
    main["author"], main["license"], main["creator"], main["sdPublisher"] = author, licence, author, author
    taken = crate.add_formal_parameter("grid", "File", identifier="#parameter-grid", description=WHAT[GRID])
    given = crate.add_formal_parameter(
        "tables", "File", identifier="#parameter-tables", description="The results as tables"
    )
    main["input"], main["output"] = [taken], [given]
    sources = [*checkout.methods(found.plan), *checkout.recipes(found.plan), ROOT / "bench" / "training" / "run.py"]
    for source in sources:
        name = source.relative_to(ROOT).as_posix() if source.is_relative_to(ROOT) else f"methods/{source.name}"
        path = folder / WORKFLOW / name
        kind = ["File", "SoftwareSourceCode"] if path.suffix == ".py" else "File"
        own = {"@type": kind, "name": name} | ({"version": version} if path.suffix == ".py" else {})
        part = crate.add_file(dest_path=f"{WORKFLOW}/{name}", properties=own | _content(path))
        if path.parent.name == "methods" and (cited := papers.of_method(path.stem)):
            part["description"] = papers.stated(path.stem)
            part["citation"] = [_paper(crate, number, title) for number, title in sorted(cited.items())]
        main.append_to("hasPart", part)


def _files(crate: ROCrate, folder: Path) -> None:
    """All files but those of the workflow, which its folder stands for."""
    what = WHAT | _figures(folder)
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_dir() and "/" not in name:
            crate.add_dataset(
                dest_path=f"{name}/", properties={"name": name, "description": WHAT.get(f"{name}/", name)}
            )
        elif path.is_file() and not name.startswith(f"{WORKFLOW}/"):
            about = {"description": what[name]} if name in what else {}
            crate.add_file(dest_path=name, properties={"name": name, **about, **_content(path)})
    crate.get("README.md")["about"] = crate.root_dataset
    for parameter, name in (("#parameter-grid", GRID), ("#parameter-tables", "table.md")):
        crate.get(name)["exampleOfWork"] = crate.get(parameter)
        crate.get(parameter)["workExample"] = crate.get(name)


def _figures(folder: Path) -> dict[str, str]:
    """What the figures show, by their files' names: ``accuracy-sparsity-digits.svg``."""
    found = {}
    for path in sorted(path for path in folder.iterdir() if path.suffix in (".svg", ".png")):
        words = zip(("Figure:", "over", "on"), path.stem.split("-", 2), strict=False)
        found[path.name] = " ".join(word for pair in words for word in pair)
    return found


def _content(path: Path) -> dict[str, str]:
    found = {"contentSize": str(path.stat().st_size), "sha256": file_digest(path)}
    return found | ({"encodingFormat": FORMATS[path.suffix]} if path.suffix in FORMATS else {})
