"""What OpenAPI says beyond the routes themselves: how to sign in, and how every route refuses."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from collab.web import problems, schemas

_REFUSAL = {
    "description": "Refused; `code` says why.",
    "content": {problems.MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
}
_OPEN_PATHS = ("/healthz", "/readyz")


def describe(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI document of `app`, made once."""
    if app.openapi_schema is None:
        document = get_openapi(
            title=app.title, version=app.version, summary=app.summary, routes=app.routes
        )
        components = document.setdefault("components", {})
        _describe_problems(components.setdefault("schemas", {}))
        components["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
        for path, operations in document["paths"].items():
            for operation in operations.values():
                operation["responses"].pop("422", None)
                operation["responses"]["default"] = _REFUSAL
                if path not in _OPEN_PATHS:
                    operation["security"] = [{"token": []}, {}]
        app.openapi_schema = document
    return app.openapi_schema


def _describe_problems(components: dict[str, Any]) -> None:
    components.pop("HTTPValidationError", None)
    components.pop("ValidationError", None)
    schema = schemas.Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    components.update(schema.pop("$defs"))
    components["Problem"] = schema
