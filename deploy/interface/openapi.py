"""Reads the description of the HTTP interface (YAML), checks it, and prints it as JSON."""

import json
import sys

import yaml
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

SERVERS = {"gateway", "node"}
METHODS = {"get", "head", "post", "put", "delete"}
ROOT = "urn:interface"


class Loader(yaml.SafeLoader):
    """Refuses what YAML forbids and PyYAML lets pass: a key that an object has twice."""

    def construct_mapping(self, node, deep=False):
        # Before "<<" has brought in what an anchor has.
        names = [key.value for key, _ in node.value if key.value != "<<"]
        for name in names:
            if names.count(name) > 1:
                raise yaml.constructor.ConstructorError(
                    None, None, f"{name!r} stands here twice", node.start_mark)
        return super().construct_mapping(node, deep)


def main(path):
    with open(path, encoding="utf-8") as file:
        document = yaml.load(file, Loader)
    problems = [
        *(f"{'/'.join(map(str, error.absolute_path))}: {error.message}" for error in
          OpenAPIV31SpecValidator(document).iter_errors()),
    ] or [*served(document), *unused(document), *examples(document)]
    for problem in problems:
        print(problem[:400], file=sys.stderr)
    if problems:
        sys.exit(1)
    json.dump(document, sys.stdout, ensure_ascii=False, indent=1)
    print()


def served(document):
    for path, item in document["paths"].items():
        by = item.get("x-served-by")
        if not isinstance(by, list) or not by or not SERVERS.issuperset(by):
            yield f"{path}: x-served-by does not name the servers that have it, of {SERVERS}"
        if "servers" in item:
            yield f"{path}: servers are told by x-served-by, for each server by itself"


def walk(value, place=""):
    """Every object of the document with where it is."""
    if isinstance(value, dict):
        yield place, value
        for name, inner in value.items():
            yield from walk(inner, f"{place}/{str(name).replace('~', '~0').replace('/', '~1')}")
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from walk(inner, f"{place}/{index}")


def unused(document):
    used = {value["$ref"] for _, value in walk(document) if isinstance(value.get("$ref"), str)}
    for kind, components in document["components"].items():
        if kind == "securitySchemes":
            continue
        for name in components:
            if f"#/components/{kind}/{name}" not in used:
                yield f"components/{kind}/{name} is used nowhere"


def examples(document):
    """Each example has to be what its schema says; text in another format than JSON is text."""
    registry = Registry().with_resource(
        ROOT, Resource(contents=document, specification=DRAFT202012))
    for place, value in walk(document):
        given = [value["example"]] if "example" in value else []
        if isinstance(value.get("examples"), dict):
            given += [example.get("value") for example in value["examples"].values()]
        schema = f"{ROOT}#{place}/schema"
        if not given or "schema" not in value or place.endswith("/properties"):
            continue
        checker = Draft202012Validator({"$ref": schema}, registry=registry)
        for example in given:
            for error in checker.iter_errors(example):
                where = "/".join(map(str, error.absolute_path))
                yield f"{place}: the example's {where or 'value'}: {error.message}"


main(sys.argv[1])
