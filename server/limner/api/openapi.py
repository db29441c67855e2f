"""The OpenAPI description: what APIFlask cannot know about handlers, and names that read well in the client."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

IF_MATCH = {
    "in": "header",
    "name": "If-Match",
    "required": True,
    "schema": {"type": "string"},
    "description": 'the revision that the operation is based on, in quotes: "12"',
}
SCHEMAS = "#/components/schemas/"
ERROR_RESPONSE = {
    "description": "What was wrong, and what would be right",
    "content": {"application/json": {"schema": {"$ref": f"{SCHEMAS}ErrorAnswer"}}},
}
PATH_CHOICES = {"graph": ["prepare", "decode"], "action": ["pause", "resume", "cancel", "retry"]}
SECURITY_SCHEMES = {
    "cookie": {
        "type": "apiKey",
        "in": "cookie",
        "name": "limner_session_*",
        "description": "set by signIn; changes also need the header X-CSRFToken",
    },
    "bearer": {"type": "http", "scheme": "bearer", "description": "made by `limner user token create`"},
}


def binary_response(media_type: str, description: str) -> dict[int, Any]:
    """Documents an answer that is a file."""
    return binary_responses({media_type: description})


def binary_responses(media_types: Mapping[str, str]) -> dict[int, Any]:
    """Documents an answer that is a file of one of these media types, each with its description."""
    text, binary = {"type": "string"}, {"type": "string", "format": "binary"}
    content = {name: {"schema": text if name.startswith("text/") else binary} for name in media_types}
    return {200: {"description": "; ".join(media_types.values()), "content": content}}


def event_stream_response() -> dict[int, Any]:
    """Documents a stream of server-sent events. OpenAPI 3.1 has no word for what the lines `data` hold: `x-event`."""
    documented = binary_response("text/event-stream", "The events")
    documented[200]["content"]["text/event-stream"]["x-event"] = {"$ref": f"{SCHEMAS}ProjectEvent"}
    return documented


def embedding_responses() -> dict[int, Any]:
    """Documents the two answers of getEmbedding."""
    pending = {"application/json": {"schema": {"$ref": f"{SCHEMAS}EmbeddingPending"}}}
    return {
        **binary_response("application/octet-stream", "The embedding, a safetensors file"),
        202: {"description": "The embedding is being made; ask again", "content": pending},
    }


def upload_body(field: str, *, many: bool) -> dict[str, Any]:
    """Documents a multipart body with one file field."""
    file = {"type": "string", "format": "binary"}
    schema = {
        "type": "object",
        "properties": {field: {"type": "array", "items": file} if many else file},
        "required": [field],
    }
    return {"requestBody": {"required": True, "content": {"multipart/form-data": {"schema": schema}}}}


def import_body() -> dict[str, Any]:
    """Documents files that come as parts ``file`` of a form, or one as the body itself."""
    body: dict[str, Any] = upload_body("file", many=True)["requestBody"]
    body["content"]["application/json"] = {"schema": {"anyOf": [{"type": "object"}, {"type": "array", "items": {}}]}}
    for kind in ("application/xml", "application/zip"):
        body["content"][kind] = {"schema": {"type": "string", "format": "binary"}}
    return {"requestBody": body}


def finish_spec(spec: dict[str, Any], extra_schemas: dict[str, Any]) -> dict[str, Any]:
    """Give the description flat names, the error answer everywhere and the ways to sign in.

    Args:
        spec: what APIFlask made; changed in place.
        extra_schemas: by name, those that no decorator mentions.
    """
    components = spec.setdefault("components", {})
    schemas = {**components.get("schemas", {}), **extra_schemas}
    components["schemas"] = {name.rpartition(".")[2]: schema for name, schema in sorted(schemas.items())}
    components["securitySchemes"] = SECURITY_SCHEMES
    spec["security"] = [{name: []} for name in SECURITY_SCHEMES]
    for operations in spec["paths"].values():
        for operation in operations.values():
            operation["responses"] = {
                **{code: body for code, body in operation["responses"].items() if int(code) < 400},
                "default": ERROR_RESPONSE,
            }
            if "requestBody" in operation:
                operation["requestBody"]["required"] = True
            for parameter in operation.get("parameters", ()):
                if parameter["in"] == "path" and parameter["name"] in PATH_CHOICES:
                    parameter["schema"]["enum"] = PATH_CHOICES[parameter["name"]]
    _tidy(spec)
    return spec


def _tidy(node: Any) -> None:
    """Flatten references to nested models, drop titles that repeat names and defaults that only say "left out"."""
    if isinstance(node, list):
        for item in node:
            _tidy(item)
    if not isinstance(node, dict):
        return
    reference = node.get("$ref")
    if isinstance(reference, str) and "." in reference:
        node["$ref"] = SCHEMAS + reference.rpartition(".")[2]
    mapping = node.get("mapping")
    if isinstance(mapping, dict):
        node["mapping"] = {
            kind: SCHEMAS + target.rpartition(".")[2].rpartition("/")[2] for kind, target in mapping.items()
        }
    if "default" in node and node["default"] is None:
        del node["default"]
    if isinstance(node.get("title"), str) and (node.keys() & {"type", "anyOf", "oneOf", "$ref", "enum"}):
        del node["title"]
    for value in node.values():
        _tidy(value)
