"""docs/openapi.yaml, to be held against answers."""

import json
import re
from pathlib import Path
from urllib.parse import urlsplit

import jsonschema
import yaml

DOCS = Path(__file__).resolve().parents[2] / "docs"
DOCUMENT = yaml.safe_load((DOCS / "openapi.yaml").read_text())
RESOLVER = jsonschema.RefResolver.from_schema(DOCUMENT)

# what HTTP itself adds, whoever answers
OF_HTTP = {"date", "connection", "content-length", "content-type", "transfer-encoding", "keep-alive"}


def resolved(thing):
    """What a $ref points to."""
    while isinstance(thing, dict) and "$ref" in thing and len(thing) == 1:
        thing = RESOLVER.resolve(thing["$ref"])[1]
    return thing


def validate(value, schema, what=""):
    validator = jsonschema.Draft202012Validator(schema, resolver=RESOLVER)
    errors = [f"{'/'.join(map(str, e.absolute_path))}: {e.message[:300]}" for e in validator.iter_errors(value)]
    assert not errors, (what, errors[:5])


def operations():
    """(path, method, operation) of all."""
    return [(path, method, operation) for path, item in DOCUMENT["paths"].items() for method, operation in item.items()]


def parameters(operation):
    return [resolved(parameter) for parameter in operation.get("parameters", [])]


def check_headers(documented, headers, what):
    documented = {name.lower(): resolved(header) for name, header in documented.items()}
    for name, header in documented.items():
        if name in headers:
            validate(headers[name], header["schema"], (what, name))
        else:
            assert not header.get("required"), (what, "lacks", name)
    assert set(headers) <= set(documented) | OF_HTTP, (what, set(headers) - set(documented) - OF_HTTP)


def check_body(documented, headers, body, what):
    kind = headers.get("content-type")
    if not documented:
        assert kind in (None, "text/html; charset=utf-8") and body == b"", (what, kind, body)
        return
    assert kind in documented, (what, kind)
    text = body.decode()
    validate(json.loads(text) if re.match(r"application/(\w+\+)?json", kind) else text, documented[kind]["schema"], what)


def check_response(response, answer, what):
    """An answer (status, headers with small names, body) against one response of the document."""
    response = resolved(response)
    check_headers(response.get("headers", {}), answer[1], what)
    check_body(response.get("content"), answer[1], answer[2], what)
    if answer[0] >= 400:
        problem, example = json.loads(answer[2]), example_of(response)
        assert (problem["title"], problem["status"]) == (example["title"], example["status"]) and problem["status"] == answer[0], what


def example_of(response):
    """The problem that a response of the document shows."""
    return resolved(response)["content"]["application/problem+json"]["example"]


def check(url, method, answer):
    """An answer against what its path documents; a status that is not documented there is wrong, too."""
    responses = DOCUMENT["paths"][urlsplit(url).path][method.lower()]["responses"]
    assert str(answer[0]) in responses, (method, url, answer)
    check_response(responses[str(answer[0])], answer, (method, url, answer[0]))


def examples():
    """Every (name, example, schema) in the document."""
    found = []

    def walk(thing, name):
        if isinstance(thing, list):
            for i, each in enumerate(thing):
                walk(each, f"{name}/{i}")
        elif isinstance(thing, dict):
            if "schema" in thing and "example" in thing:
                found.append((name, thing["example"], thing["schema"]))
            if "schema" in thing:
                found.extend((f"{name}/{key}", each["value"], thing["schema"])
                             for key, each in thing.get("examples", {}).items())
            for key, each in thing.items():
                walk(each, f"{name}/{key}")

    walk(DOCUMENT["paths"], "paths")
    walk(DOCUMENT["components"], "components")
    return found


def message_tables():
    """docs/websocket.md → {message: {fields}}; a message is a heading of level three."""
    tables, current = {}, None
    for line in (DOCS / "websocket.md").read_text().splitlines():
        if line.startswith("#"):
            heading = re.match(r"### `(\w+)`", line)
            current = heading and tables.setdefault(heading[1], set())
        elif current is not None and (field := re.match(r"\| `([\w.\[\]]+)`", line)):
            current.add(field[1])
    return tables
