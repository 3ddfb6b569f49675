"""Identities: what changes them and what must not."""

from bench.identity import digest, source_digest


def write(path, text):
    path.write_text(text)
    source_digest.cache_clear()
    return source_digest(path)


def test_the_digest_does_not_depend_on_the_order_of_keys():
    assert digest({"a": 1, "b": [1, 2]}) == digest({"b": [1, 2], "a": 1}) != digest({"a": 1, "b": [2, 1]})


def test_comments_docstrings_and_layout_do_not_matter(tmp_path):
    path = tmp_path / "m.py"
    first = write(path, "class A:\n    x = 1\n")
    assert write(path, '"""Doc."""\nclass A:\n    """Doc."""\n\n    x = 1  # why\n') == first
    assert write(path, "class A:\n    x = 2\n") != first


def test_a_parent_in_another_file_matters(tmp_path):
    folder = tmp_path / "methods"
    folder.mkdir()
    child, parent, other = (folder / f"{name}.py" for name in ("child", "parent", "other"))
    parent.write_text("class P:\n    x = 1\n")
    other.write_text("x = 1\n")
    before = write(child, "from methods.parent import P\nclass C(P):\n    pass\n")
    other.write_text("x = 2\n")
    source_digest.cache_clear()
    assert source_digest(child) == before
    parent.write_text("class P:\n    x = 2\n")
    source_digest.cache_clear()
    assert source_digest(child) != before
