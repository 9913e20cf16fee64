"""What the API server makes of a manifest and a patch: python kubernetes_patched.py MANIFEST PATCH

Prints the resource of the manifest that has pods, patched as `kubectl patch --patch-file` has it done
(a strategic merge), for whoever checks the result.
"""

import sys

import yaml

# Lists of these are merged element by element, as their schemas say; others are replaced.
MERGE_KEYS = {"containers": "name", "env": "name", "volumes": "name", "volumeMounts": "mountPath"}


def merged(value, patch, field=None):
    """The value with the patch in it. An absent value has the patch; null removes."""
    if isinstance(value, dict) and isinstance(patch, dict):
        result = {name: own for name, own in value.items() if name not in patch}
        for name, change in patch.items():
            if change is not None:
                result[name] = merged(value.get(name), change, name)
        return result
    if isinstance(value, list) and field in MERGE_KEYS:
        key = MERGE_KEYS[field]
        changes = {element[key]: element for element in patch}
        kept = [merged(own, changes.pop(own[key], {})) for own in value]
        return kept + list(changes.values())
    return patch


def main(manifest, patch):
    with open(manifest) as file:
        resources = [one for one in yaml.safe_load_all(file) if "template" in one.get("spec", {})]
    with open(patch) as file:
        change = yaml.safe_load(file)
    (resource,) = resources
    names = {one["name"] for one in resource["spec"]["template"]["spec"]["containers"]}
    for container in change["spec"].get("template", {}).get("spec", {}).get("containers", []):
        assert container["name"] in names, f"{patch} patches a container that {manifest} has not"
    yaml.safe_dump(merged(resource, change), sys.stdout, sort_keys=False)


main(*sys.argv[1:])
