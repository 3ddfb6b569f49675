"""A record tells which states its stages began from, and `reprune verify` finds it out when these are others now."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from bench import data
from bench.commands.runs import check_files, check_states, verify
from bench.errors import Interrupted
from bench.plan.lineage import identify, identities
from bench.results import record
from bench.spec import RunSpec
from bench.training import checkpoint
from bench.training.run import execute
from bench.training.train import Trainer
from tests import factories
from tests.runs.conftest import spec

ONE, OTHER = spec("magnitude"), spec("magnitude", points=(0.5,))
DENSE = identities(ONE)["pretrain"]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Results with the dense network of a seed, pruned to 90 %, and not yet to 50 %."""
    folder = tmp_path_factory.mktemp("results")
    data.prepare("digits", folder / "data")
    assert execute(ONE, folder).outcome == "ok"
    return folder


@pytest.fixture
def results(trained: Path, tmp_path: Path) -> Path:
    """The same, of one's own."""
    return Path(shutil.copytree(trained, tmp_path / "results"))


def of(run: RunSpec, results: Path) -> Path:
    return results / "runs" / run.id / "record.json"


def final(results: Path, identity: str = DENSE) -> Path:
    return results / "stages" / identity[:32] / "final.pt"


def loaded(path: Path) -> dict[str, Any]:
    """What a file of a state holds, past the line of its seal."""
    with path.open("rb") as file:
        file.readline()
        found: dict[str, Any] = torch.load(file, weights_only=True)
    return found


def by_hand(state: dict[str, Any]) -> str:
    """The digest of a dense state: its weights and buffers in the order of their names."""
    sha = hashlib.sha256()
    for name in sorted(state["model"]):
        value = state["model"][name]
        sha.update(f"model: {name} {value.dtype} {tuple(value.shape)}\n".encode())
        sha.update(value.contiguous().numpy().tobytes())
    return sha.hexdigest()


def swapped(results: Path, identity: str = DENSE) -> None:
    """Put another network in the place of a finished stage, under a seal that is right."""
    state = loaded(final(results, identity))
    state["model"] = {name: value.flip(0) for name, value in state["model"].items()}
    checkpoint.save(final(results, identity), identity, state)
    final(results, identity).with_name("final.pt.previous").unlink()


def altered(path: Path, **changes: Any) -> None:
    """Change fields of a record."""
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def problems(results: Path) -> dict[Path, str]:
    found = verify.examine(results)
    assert told(found) == []
    return {each.path: each.said for each in found.problems}


def notes(results: Path) -> list[str]:
    found = verify.examine(results)
    assert found.problems == []
    return told(found)


def told(found: verify.Verification) -> list[str]:
    """The notes, but for the one that these results have no manifest."""
    return [each.said for each in found.notes if each.said != check_files.NO_MANIFEST]


def test_a_record_tells_what_each_stage_began_from_and_ended_in(trained: Path) -> None:
    dense, tuned = record.read(of(ONE, trained)).ancestry
    digest = by_hand(loaded(final(trained)))
    assert (dense.stage, dense.identity, dense.sha256, dense.parents) == ("pretrain", DENSE, digest, ())
    (parent,) = tuned.parents or ()
    assert (tuned.stage, tuned.identity) == ("finetune", identities(ONE)["finetune"])
    assert (parent.reference, parent.identity, parent.step, parent.sha256) == ("pretrain", DENSE, None, digest)


def test_what_a_run_began_from_is_no_part_of_what_it_is(trained: Path) -> None:
    found = record.read(of(ONE, trained))
    assert found.ancestry
    assert identify(found.spec).identity == found.spec.identity == ONE.identity


def test_another_network_in_the_place_of_the_one_that_was_trained_is_found(results: Path) -> None:
    assert problems(results) == {}
    swapped(results)
    was, lies = by_hand(loaded(final(results))), record.read(of(ONE, results)).ancestry[0].sha256
    assert execute(OTHER, results).outcome == "ok", "it starts from what lies there"
    assert verify.verify(results) == 1
    said = "its stage 'finetune' began from a state of 'pretrain' whose SHA-256 is {}…, and {} has {}…"
    assert problems(results) == {of(ONE, results): said.format(str(lies)[:12], final(results), was[:12])}


def test_records_are_compared_with_each_other_where_the_stages_are_gone(results: Path) -> None:
    first = str(record.read(of(ONE, results)).ancestry[0].sha256)
    swapped(results)
    second = str(execute(OTHER, results).ancestry[0].sha256)
    shutil.rmtree(results / "stages")
    found = verify.examine(results)
    said = "its stage 'finetune' began from a state of 'pretrain' whose SHA-256 is {}…, and '{}' has {}…"
    assert {each.path: each.said for each in found.problems} == {
        of(ONE, results): said.format(first[:12], OTHER.id, second[:12]),
        of(OTHER, results): said.format(second[:12], ONE.id, first[:12]),
    }
    assert set(told(found)) == {check_states.NOT_THERE}


def test_what_cannot_be_compared_is_said(results: Path) -> None:
    (final(results)).unlink()
    assert notes(results) == [check_states.NOT_THERE]
    altered(of(ONE, results), ancestry=[])
    assert notes(results) == [check_states.NOT_TOLD]


def test_a_run_of_one_stage_began_from_nothing(tmp_path: Path) -> None:
    older = factories.record(factories.spec())
    assert older.ancestry == []
    factories.write(older, tmp_path)
    assert check_states.NOT_TOLD not in [each.said for each in verify.examine(tmp_path).notes]


def test_an_end_that_is_another_now_is_found(results: Path) -> None:
    identity = identities(ONE)["finetune"]
    swapped(results, identity)
    ((path, said),) = problems(results).items()
    assert path == of(ONE, results)
    assert said.startswith("its stage 'finetune' ended in a state whose SHA-256 is ")


@pytest.mark.parametrize(
    ("models", "harmless"), [(("one", "two"), True), (("one", "one"), False), (("one", None), False)]
)
def test_other_bits_of_another_processor_are_a_note(
    results: Path, models: tuple[str, str | None], harmless: bool
) -> None:
    """Two machines trained the same dense network, and their records came together."""
    swapped(results)
    execute(OTHER, results)
    for run, model in zip((ONE, OTHER), models, strict=True):
        provenance = json.loads(of(run, results).read_text())["provenance"]
        altered(of(run, results), provenance=provenance | {"cpu": {"model": model}})
    found = verify.examine(results)
    assert told(found) == [check_states.ELSEWHERE] * harmless
    assert len(found.problems) == (not harmless)


def test_a_stage_that_was_cut_off_tells_what_it_really_began_from(tmp_path: Path) -> None:
    data.prepare("digits", tmp_path / "data")

    def stop(trainer: Trainer) -> None:
        trainer.stop_request.made = trainer.run.stage.name == "finetune"

    with pytest.raises(Interrupted):
        execute(ONE, tmp_path, watch=stop)
    began = by_hand(loaded(final(tmp_path)))
    swapped(tmp_path)
    _, tuned = execute(ONE, tmp_path).ancestry
    assert [parent.sha256 for parent in tuned.parents or ()] == [began]
    assert "began from a state of 'pretrain' whose SHA-256 is" in problems(tmp_path)[of(ONE, tmp_path)]


def test_a_stage_that_was_finished_before_tells_what_it_began_from(results: Path) -> None:
    first = record.read(of(ONE, results))
    of(ONE, results).unlink()
    assert execute(ONE, results).ancestry == first.ancestry


def test_a_stage_of_older_code_is_gone_on_from_and_its_parents_are_unknown(results: Path) -> None:
    identity = identities(ONE)["finetune"]
    state = loaded(final(results, identity))
    del state["parents"]
    checkpoint.save(final(results, identity), identity, state)
    of(ONE, results).unlink()
    assert [each.parents for each in execute(ONE, results).ancestry] == [(), None]
    assert notes(results) == [check_states.NOT_TOLD]


def test_a_snapshot_is_told_with_its_step_and_compared(tmp_path: Path) -> None:
    data.prepare("digits", tmp_path / "data")
    run = spec("lth", points=(0.36,))  # two rounds of 20 %, each from the weights after the first epoch
    dense, first, second = execute(run, tmp_path).ancestry
    (snapshot,) = (tmp_path / "stages" / dense.identity[:32]).glob("snapshot-*.pt")
    digest, step = by_hand(loaded(snapshot)), int(snapshot.stem.removeprefix("snapshot-"))
    for stage, before in ((first, dense), (second, first)):
        at_rewind, masks = stage.parents or ()
        assert (at_rewind.reference, at_rewind.identity) == ("pretrain@1", dense.identity)
        assert (at_rewind.step, at_rewind.sha256) == (step, digest)
        assert (masks.reference, masks.step, masks.sha256) == (before.stage, None, before.sha256)
    assert problems(tmp_path) == {}
    state = loaded(snapshot)
    state["model"] = {name: value.flip(0) for name, value in state["model"].items()}
    checkpoint.save(snapshot, dense.identity, state)
    assert f"and {snapshot} has {by_hand(state)[:12]}…" in problems(tmp_path)[of(run, tmp_path)]
