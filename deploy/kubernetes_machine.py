"""Stands in for the kubelet and the scheduler of one machine: binds pods to it, runs a process for
each, and tells the API server of its address. Used by deploy/check-kubernetes.

usage: kubernetes_machine.py SERVER TOKEN CA NAMESPACE FOLDER PROGRAM ARGUMENTS...

Each pod has a loopback address of its own, by its ordinal, and a folder for its volume, which
outlives it as a claim does. {address}, {folder} and {pod} in ARGUMENTS are replaced. It ends with
its standard input.
"""

import json
import os
import select
import signal
import ssl
import subprocess
import sys
import urllib.error
import urllib.request

server, token, authority, namespace, folder, program, *arguments = sys.argv[1:]
context = ssl.create_default_context(cafile=authority)
pods_path = f"/api/v1/namespaces/{namespace}/pods"
running = {}


def call(method, path, body=None, kind="application/json"):
    """Returns the answer, or None for a conflict or what is gone: the next round looks again."""
    request = urllib.request.Request(
        server + path,
        method=method,
        data=None if body is None else json.dumps(body).encode(),
        headers={"authorization": "Bearer " + token, "content-type": kind},
    )
    try:
        with urllib.request.urlopen(request, context=context, timeout=10) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        if error.code in (404, 409):
            return None
        raise


def address_of(name):
    return f"127.0.7.{10 + int(name.rsplit('-', 1)[1])}"


def start(name):
    data = os.path.join(folder, name)
    os.makedirs(data, exist_ok=True)
    words = [
        word.format(address=address_of(name), folder=data, pod=name) for word in arguments
    ]
    with open(data + ".log", "ab") as log:
        return subprocess.Popen([program, *words], stdout=log, stderr=log)


def tell_of(name):
    address = address_of(name)
    status = {
        "phase": "Running",
        "podIP": address,
        "podIPs": [{"ip": address}],
        "conditions": [{"type": "Ready", "status": "True"}],
    }
    call(
        "PATCH",
        f"{pods_path}/{name}/status",
        {"status": status},
        "application/strategic-merge-patch+json",
    )


def look_at(pod):
    metadata = pod["metadata"]
    name, identity = metadata["name"], metadata["uid"]
    if "nodeName" not in pod["spec"]:
        if "deletionTimestamp" not in metadata:
            target = {"apiVersion": "v1", "kind": "Node", "name": "machine"}
            body = {
                "apiVersion": "v1",
                "kind": "Binding",
                "metadata": {"name": name},
                "target": target,
            }
            call("POST", f"{pods_path}/{name}/binding", body)
        return
    process = running.get(identity)
    if "deletionTimestamp" in metadata:
        if process and process.poll() is None:
            process.send_signal(signal.SIGTERM)
            return
        running.pop(identity, None)
        call("DELETE", f"{pods_path}/{name}?gracePeriodSeconds=0")
        return
    if process is None or process.poll() is not None:
        # The containers of a StatefulSet's pods are always started again.
        running[identity] = start(name)
        tell_of(name)


try:
    while not select.select([sys.stdin], [], [], 0.2)[0]:
        for pod in call("GET", pods_path)["items"]:
            look_at(pod)
finally:
    for process in running.values():
        process.terminate()
    for process in running.values():
        process.wait()
