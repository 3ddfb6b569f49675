"""The import hook, each time in a process of its own: it works on `sys.modules`."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def python(code: str, *paths: Path) -> str:
    """Run `code` in a fresh interpreter with `paths` in front, and give what it prints."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(map(str, [*paths, ROOT]))}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture
def torchvision(tmp_path: Path) -> Path:
    """A torchvision that does what the real one does, with a library that does not load."""
    package = tmp_path / "torchvision"
    package.mkdir()
    (package / "_C.so").write_bytes(b"not a library")
    (package / "__init__.py").write_text(
        "import torch\n"
        "@torch.library.register_fake('torchvision::nms')\n"
        "def fake(dets, scores, iou_threshold): return dets\n"
    )
    return tmp_path


def test_importing_bench_imports_no_torch() -> None:
    assert python("import bench, sys; print({'torch', 'timm', 'torchvision'} & set(sys.modules))") == "set()"


def test_looking_for_the_packages_imports_no_torch() -> None:
    code = "import bench, importlib.util, sys; importlib.util.find_spec('torchvision'); print('torch' in sys.modules)"
    assert python(code) == "False"


def test_torchvision_without_its_library_dies_without_the_hook(torchvision: Path) -> None:
    code = "try:\n    import torchvision\nexcept RuntimeError as error:\n    print(error)"
    assert "torchvision::nms" in python(code, torchvision)


def test_torchvision_without_its_library_imports_with_the_hook(torchvision: Path) -> None:
    assert python("import bench, torchvision; print(torchvision.fake.__name__)", torchvision) == "fake"


def test_the_doctor_hears_which_library_did_not_load(torchvision: Path) -> None:
    told = python("from bench.base.imports import torchvision_ops; print(torchvision_ops())", torchvision)
    assert "without its compiled operators" in told
    assert "_C.so" in told


def test_the_installed_torchvision_transforms_and_timm_work_together() -> None:
    pytest.importorskip("torchvision")
    code = (
        "import bench, torchvision, torch, timm, torchvision.transforms.v2 as transforms\n"
        "image = transforms.RandomCrop(8)(torch.zeros(3, 9, 9))\n"
        "print(tuple(image.shape), torchvision.__spec__.loader is torchvision.__loader__)"
    )
    assert python(code) == "(3, 8, 8) True"


def test_timm_builds_our_architectures_by_name() -> None:
    code = (
        "import bench, timm\n"
        "model = timm.create_model('resnet20_cifar', num_classes=7, in_chans=1)\n"
        "print(model.fc.out_features, model.conv1.in_channels, model.default_cfg['classifier'])"
    )
    assert python(code) == "7 1 fc"


def test_a_timm_that_was_there_before_learns_our_architectures_too() -> None:
    code = (
        "import bench, sys, timm\n"
        "sys.meta_path = [f for f in sys.meta_path if not type(f).__module__.startswith('bench')]\n"
        "del sys.modules['bench.archs.registration']\n"
        "from timm.models import _registry\n"
        "_registry._model_entrypoints.pop('wrn22_2_cifar')\n"
        "bench.install()\n"
        "print(timm.is_model('wrn22_2_cifar'))"
    )
    assert python(code).endswith("True")


def test_installing_twice_puts_one_finder() -> None:
    code = "import bench, sys; bench.install(); print([type(f).__name__ for f in sys.meta_path].count('_Finder'))"
    assert python(code) == "1"


def test_missing_torchvision_is_said() -> None:
    code = (
        "import bench.base.imports as i, importlib.util\n"
        "importlib.util.find_spec = lambda name: None\n"
        "print(i.torchvision_ops())"
    )
    assert python(code) == "torchvision is not installed"
