"""The runs of a crate as actions: what did it, on what, with which result."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any
from urllib.parse import quote

from rocrate.model.contextentity import ContextEntity
from rocrate.rocrate import ROCrate

from bench import data, names
from bench.base.spelling import exact
from bench.report.kept import GRID, RECORDS, Kept
from bench.results.provenance import machine
from bench.results.record import Record

COMPLETED, FAILED = "http://schema.org/CompletedActionStatus", "http://schema.org/FailedActionStatus"


class Runs:
    """Adds the runs of a kept folder to its crate."""

    def __init__(self, crate: ROCrate, found: Kept) -> None:
        self._crate, self._found = crate, found
        self._engine = crate.get("workflow/bench/training/run.py")

    def add(self, folder: Path) -> None:
        """An action for the whole grid, and one for each run; `folder` may have the runs' weights."""
        records = [source.record for source in self._found.records.values()]
        self._engine["softwareRequirements"] = self._packages(records)
        actions = [self._whole(records), *(self._run(record, folder) for record in records)]
        self._crate.root_dataset["mentions"] = actions

    def _entity(self, address: str, /, **properties: Any) -> Any:
        """A described thing, once."""
        found = self._crate.get(address)
        return found or self._crate.add(ContextEntity(self._crate, address, properties=properties))

    def _whole(self, records: list[Record]) -> Any:
        outcomes = Counter(record.outcome for record in records)
        counted = ", ".join(f"{count} {outcome}" for outcome, count in outcomes.most_common())
        started = sorted(filter(None, (record.provenance.get("started") for record in records)))
        crate = self._crate
        results = [crate.get(name) for name in (f"{RECORDS}/", "table.md", "table.csv", "comparison.csv")]
        action = crate.add_action(
            crate.mainEntity,
            identifier="#grid",
            object=[crate.get(GRID)],
            result=[each for each in results if each is not None],
            properties={
                "name": f"The grid {self._found.grid.name}",
                "description": f"{len(records)} runs ({counted}), in one or more calls of the workflow, which are not "
                "recorded; the start is that of the first run.",
                "actionStatus": COMPLETED,
            },
        )
        if started:
            action["startTime"] = started[0]
        return action

    def _run(self, record: Record, folder: Path) -> Any:
        spec, crate = record.spec, self._crate
        numbers = {
            "seed": spec.seed,
            "budget": spec.budget,
            **{f"point {exact(point)}": point for point in spec.points},
        }
        objects = [
            crate.get(f"workflow/methods/{spec.method}.py"),
            crate.get(f"workflow/configs/recipes/{names.parse(spec.recipe_text)[0]}.yaml"),
            self._dataset(spec.dataset, str(record.provenance.get("data_sha256") or "")),
            self._value("architecture", spec.architecture),
            self._value("method", spec.method_text),
            *(self._value(name.partition(" ")[0], value) for name, value in numbers.items()),
        ]
        files = [f"{RECORDS}/{record.id}.json"]
        files += [path.relative_to(folder).as_posix() for path in sorted((folder / "weights" / record.id).glob("*"))]
        failed = record.outcome == "error"
        action = crate.add_action(
            self._engine,
            identifier=f"#run-{record.id}",
            object=[each for each in objects if each is not None],
            result=[crate.get(name) for name in files],
            properties={
                "name": record.id,
                "description": _description(record),
                "actionStatus": FAILED if failed else COMPLETED,
                **({"error": record.reason} if failed else {}),
            },
        )
        if started := record.provenance.get("started"):
            action["startTime"] = started
        return action

    def _dataset(self, name: str, sha256: str) -> Any:
        info = data.info(name)
        size = f"{info.train_images:,} training and {info.test_images:,} test images of {info.classes} classes"
        known = {"identifier": f"sha256:{sha256}"} if sha256 else {}
        text = f"{size}, {info.channels}×{info.height}×{info.width}; not in this crate"
        return self._entity(
            f"#data-{name}-{sha256[:12]}", **{"@type": "CreativeWork", "name": name, "description": text, **known}
        )

    def _value(self, name: str, value: Any) -> Any:
        shown = exact(value) if isinstance(value, float) else str(value)
        properties = {"@type": "PropertyValue", "name": name, "value": shown}
        return self._entity(f"#{name}-{quote(shown, safe='')}", **properties)

    def _packages(self, records: list[Record]) -> list[Any]:
        """Every version of every package that a run had."""
        used = {
            (name, version)
            for record in records
            for name, version in (record.provenance.get("packages") or {}).items()
            if version and name != "reprune"
        }
        return [
            self._entity(
                f"pkg:pypi/{name}@{version}", **{"@type": "SoftwareApplication", "name": name, "version": version}
            )
            for name, version in sorted(used)
        ]


def _description(record: Record) -> str:
    accuracies = ", ".join(f"{result.accuracy:.2f} %" for result in record.results)
    ended = f"{record.outcome}{f' ({record.reason})' if record.reason else ''}"
    cost = f"{record.cost.seconds:.1f} s of training on {machine(record.provenance)}"
    return f"{ended}; accuracy {accuracies or 'none'}; {cost}. {record.spec.command}"
