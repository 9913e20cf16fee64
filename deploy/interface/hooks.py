"""What schemathesis has to know of the interface: Candid's two representations, and which answers
are right though a schema alone cannot foresee them. Every excuse names its reason."""

import schemathesis

# MARK: Candid


def leb128(number):
    encoded = b""
    while number > 127:
        encoded += bytes([number & 127 | 128])
        number >>= 7
    return encoded + bytes([number])


def field(name):
    """The id of a field or case: Candid's hash of its name."""
    value = 0
    for byte in name.encode():
        value = (value * 223 + byte) % 2**32
    return leb128(value)


def message(types, arguments, values):
    return b"DIDL" + leb128(len(types)) + b"".join(types) + leb128(len(arguments)) + b"".join(
        arguments) + values


def text(value):
    return leb128(len(value.encode())) + value.encode()


NULL, BOOL, NAT8, TEXT, OPT, VEC, RECORD, VARIANT = (
    bytes([code]) for code in (0x7F, 0x7E, 0x7B, 0x71, 0x6E, 0x6D, 0x6C, 0x6B))
EMPTY_MODULE = b"\0asm\1\0\0\0"
NOTHING = message([], [], b"")
# Right arguments in binary, which no schema can describe, for each method that has some.
CANDID = {
    "get_data": message([], [TEXT], text("greeting")),
    "update_data": message([], [TEXT, TEXT], text("greeting") + text("hello")),
    "scale": message(
        [RECORD + b"\2" + field("action") + b"\1" + field("plan") + BOOL,
         VARIANT + b"\1" + field("Up") + NULL], [b"\0"], b"\0\1"),
    "rolling_restart": message(
        [RECORD + b"\1" + field("action") + b"\1", VARIANT + b"\1" + field("Status") + NULL],
        [b"\0"], b"\0"),
    "restart_node": message([RECORD + b"\0"], [b"\0"], b""),
    "init_wasm": message(
        [RECORD + b"\2" + field("position") + NAT8 + field("wasm_chunk") + b"\1", VEC + NAT8],
        [b"\0"], b"\2" + leb128(len(EMPTY_MODULE)) + EMPTY_MODULE),
    "handle_event": message(
        [VARIANT + b"\1" + field("NodeCreated") + TEXT], [b"\0"],
        b"\0" + text("rrkah-fqaaa-aaaaa-aaaaq-cai")),
    "init_canister_manager": message([RECORD + b"\1" + field("args") + NULL], [b"\0"], b""),
    **dict.fromkeys(["node_info", "nodes", "ring", "cluster_map", "module_info",
                     "module_rollback"], NOTHING),
}


@schemathesis.serializer("application/candid")
def serialize_binary(context, value):
    return CANDID.get(context.case.operation.path.strip("/"), NOTHING)


@schemathesis.serializer("text/candid")
def serialize_text(context, value):
    return value if isinstance(value, bytes) else str(value).encode()


@schemathesis.deserializer("text/candid", "text/plain", "text/html")
def read_text(context, response):
    return response.content.decode()


@schemathesis.deserializer("application/candid")
def read_binary(context, response):
    return response.content.decode("latin-1")


# MARK: Excuses


def code(response):
    value = response.headers.get("ss-error", [""])
    return value[0] if isinstance(value, list) else value


@schemathesis.hook
def filter_failure(context, failure, case, response):
    """False for what is no failure."""
    return not excused(type(failure).__name__, case, response)


def numbers(value):
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        return [number for inner in value for number in numbers(inner)]
    return [value] if isinstance(value, int) else []


def is_wrong(case, parameter):
    """Whether the case has something wrong in one parameter, and is else as it has to be."""
    data = case.meta.phase.data if case.meta else None
    return getattr(data, "parameter", None) == parameter


def excused(failure, case, response):
    headers = case.headers or {}
    if failure == "ServerError":
        # A deadline that is up at once, and a count of hops that says loop, are the sender's own.
        return (response.status_code == 504 and "ss-deadline" in headers
                or response.status_code == 508 and "ss-hops" in headers)
    if failure == "RejectedPositiveData":
        # Which media types there are is not for a pattern to say.
        if response.status_code == 406:
            return "accept" in headers
        # Whether a condition holds depends on the value, and both conditions together, which
        # OpenAPI cannot forbid, never hold.
        if response.status_code == 412:
            return "if-match" in headers or "if-none-match" in headers
        if code(response) == "bad_condition":
            return "if-match" in headers and "if-none-match" in headers
        # No schema tells whether bytes are a WebAssembly module or the digest of one, whether a
        # text is a principal with its checksum, or whether the parts of a cluster's map fit.
        if code(response) in {"not_wasm", "bad_checksum", "malformed"}:
            return True
        # What stands under a key may not be what a module's method can work with: only the module
        # can tell, and does so in an answer of its own.
        if code(response) == "module_rejected":
            return case.operation.path.strip("/") not in CANDID
        if code(response) == "bad_arguments":
            return ("hash_key" in str(case.body)
                    # Of a service's own methods, only JSON's schema tells the types.
                    or case.media_type in {"text/candid", "application/candid"}
                    and case.operation.path.strip("/") not in CANDID)
    if failure == "AcceptedNegativeData":
        # Numbers beyond 2^53 - 1 are told as text; who can write them as numbers may.
        if any(number > 2**53 - 1 for number in numbers(case.body)):
            return True
        # What a client accepts is its own: ranges that cannot be read are skipped.
        if is_wrong(case, "accept"):
            return True
        # Who is not the owner of the key says who is: the owner judges the rest.
        return response.status_code == 307 and headers.get("ss-forward") == "return"
    return False
