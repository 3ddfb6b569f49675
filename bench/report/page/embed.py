"""Putting scripts and data into a page so that nothing else can run in it, and it can ask nobody for anything."""

from __future__ import annotations

import base64
import hashlib
import json
import math
from collections.abc import Iterable
from typing import Any

from bench.base.visible import visible

SNIPPET = "window.vegaEmbed = vegaEmbed;"


def library() -> str:
    """Vega, Vega-Lite and Vega-Embed as one script, from the copy that comes with vl-convert; about 0.9 MB."""
    import vl_convert

    return visible(str(vl_convert.javascript_bundle(SNIPPET))).replace("</script", "<\\/script")


def data(values: Any) -> str:
    """JSON that can stand in a ``<script>``: no tag ends or begins in it. NaN and infinities become null."""
    text = json.dumps(_finite(values), ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def _finite(values: Any) -> Any:
    if isinstance(values, dict):
        return {visible(name): _finite(value) for name, value in values.items()}
    if isinstance(values, list | tuple):
        return [_finite(value) for value in values]
    if isinstance(values, str):
        return visible(values)
    return None if isinstance(values, float) and not math.isfinite(values) else values


def policy(scripts: Iterable[str]) -> str:
    """A content security policy under which only these scripts run, and no request is made."""
    hashes = " ".join(f"'sha256-{_hash(script)}'" for script in scripts)
    return f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; img-src data:; base-uri 'none'"


def _hash(script: str) -> str:
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
