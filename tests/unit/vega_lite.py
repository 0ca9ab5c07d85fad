"""Vega-Lite's own schema, as Altair carries it: what a specification may hold.

Compiling alone does not see a misspelt property: Vega-Lite passes over it in silence. Of the rows
of a layer the first is enough: the schema says nothing of rows.
"""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from typing import Any

import jsonschema


@cache
def read_schema() -> jsonschema.Draft7Validator:
    """The schema of Vega-Lite, with its names resolved once."""
    schema = files("altair") / "vegalite" / "v6" / "schema" / "vega-lite-schema.json"
    return jsonschema.Draft7Validator(json.loads(schema.read_text(encoding="utf-8")))


def thin(part: Any) -> Any:
    """Keep the first row of each layer."""
    if isinstance(part, dict):
        return {
            name: value[:1] if name == "values" and isinstance(value, list) else thin(value)
            for name, value in part.items()
        }
    return [thin(item) for item in part] if isinstance(part, list) else part


def check_spec(spec: Any) -> None:
    """Fail where a specification is none by the schema, and say where."""
    errors = sorted(read_schema().iter_errors(thin(spec)), key=lambda error: len(error.path))
    assert not errors, f"{spec['description']}: {list(errors[0].path)} {errors[0].message[:300]}"
