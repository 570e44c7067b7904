"""The documents say what the daemon does: every path with every status, every parameter to its bounds."""

import json
import resource
import socket
import subprocess
import time

import pytest

import contract
from netwatch_testing import DEADLINE_S, Daemon, Pair, eventually
from wire import Socket, ask, connect, get

TOKEN = "correct-horse-battery"
OPTIONS = ("--auth-token=" + TOKEN,)
BEARER = "Authorization: Bearer " + TOKEN
WRONG = "Authorization: Bearer wrong"
EVIL = "Origin: http://evil.example"
KEY = "Sec-WebSocket-Key: " + "A" * 22 + "=="
JSON = "Content-Type: application/json"
RIGHT = json.dumps({"token": TOKEN}).encode()


@pytest.fixture(scope="module")
def busy(served, pair):
    """Some traffic, so that no list is empty."""
    with pair.peer.entered():
        out = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with out:
        for i in range(30):
            out.sendto(b"x" * i, (pair.host.ip4, 5000 + i))
    pair.peer.run("ping", "-c", "2", "-i", "0.2", pair.host.ip6)
    served.settle()
    return served


# ---- every path, every status ----

def request(path, method, *headers, body=b"", **options):
    """The bytes of a request that would be good but for what is given here; `plain`: no handshake."""
    plain = options.pop("plain", False)
    if path == "/ws" and not plain:
        headers += (*Socket.HANDSHAKE, KEY)
    if method == "POST" and not any(h.startswith(("Content-Length", "Transfer-Encoding")) for h in headers):
        headers += (f"Content-Length: {len(body)}",)
    return get(path, *headers, method=method, **options) + body


def good(path):
    """Headers and body with which the path answers well."""
    if path == "/login":
        return (JSON,), RIGHT
    return (BEARER,), b""


def ask_well(daemon, path, method, *more, **options):
    headers, body = good(path)
    return ask(daemon, request(path, method, *headers, *more, body=body, **options))


def refused_after_ten(daemon, path, method):
    source = "127.0.0.77"
    for _ in range(30):
        if path == "/login":
            answer = ask(daemon, request(path, method, JSON, body=b'{"token":"wrong"}'), source=source)
        else:
            answer = ask(daemon, request(path, method, WRONG), source=source)
        if answer[0] == 429:
            return answer
    return answer


def not_let_in(daemon, path, method):
    if path != "/login":
        return ask(daemon, request(path, method))
    while (answer := ask(daemon, request(path, method, JSON, body=b'{"token":""}'), source="127.0.0.78"))[0] == 429:
        time.sleep(0.3)
    return answer


def unchanged(daemon, path, method):
    if path.startswith("/api/"):
        second = daemon.points()[-2]["ts"]
        path += f"?from={second}&to={second + 1000}" + ("&port=1" if path != "/api/counters" else "")
    tag = ask(daemon, request(path, method, BEARER))[1]["etag"]
    with connect(daemon) as sock:
        sock.sendall(request(path, method, BEARER, "If-None-Match: " + tag, "Connection: close"))
        data = b""
        while more := sock.recv(65536):
            data += more
    head, body = data.split(b"\r\n\r\n", 1)
    lines = head.decode().split("\r\n")
    return int(lines[0].split()[1]), {k.lower(): v for k, v in (line.split(": ", 1) for line in lines[1:])}, body


PROVOKED = {
    101: ask_well, 200: ask_well, 204: ask_well, 304: unchanged,
    400: lambda d, path, method: ask_well(d, path, method, host=None),
    401: not_let_in,
    403: lambda d, path, method: ask_well(d, path, method, EVIL),
    410: lambda d, path, method: ask(d, get(path + "?to=1000", BEARER)),
    411: lambda d, path, method: ask(d, request(path, method, BEARER, "Transfer-Encoding: chunked")),
    413: lambda d, path, method: ask(d, request(path, method, BEARER, "Content-Length: 65537")),
    414: lambda d, path, method: ask(d, request(path + "?x=" + "y" * 9000, method, BEARER, plain=True)),
    415: lambda d, path, method: ask(d, request(path, method, "Content-Type: text/plain", body=RIGHT)),
    421: lambda d, path, method: ask_well(d, path, method, host="evil.example"),
    426: lambda d, path, method: ask_well(d, path, method, plain=True),
    429: refused_after_ten,
    431: lambda d, path, method: ask_well(d, path, method, *(f"X-{i}: " + "v" * 1000 for i in range(20))),
}
ELSEWHERE = {409, 503}  # have tests of their own
CASES = [(path, method.upper(), int(status)) for path, method, operation in contract.operations()
         for status in operation["responses"] if int(status) not in ELSEWHERE]


@pytest.mark.parametrize("path, method, status", CASES)
def test_every_status_of_every_path(busy, path, method, status):
    answer = PROVOKED[status](busy, path, method)
    assert answer[0] == status, answer
    contract.check(path, method, answer)


def test_with_no_token_there_is_no_login(daemon):
    running = daemon()
    answer = ask(running, request("/login", "POST", JSON, body=RIGHT))
    assert answer[0] == 409
    contract.check("/login", "POST", answer)
    assert json.loads(answer[2]) == contract.example_of(contract.DOCUMENT["components"]["responses"]["Conflict"])


def test_too_many_connections(daemon):
    running = daemon("--auth-token=" + TOKEN)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 2048)), hard))
    held = []
    try:
        for _ in range(1024):
            held.append(connect(running))
        for path, method, operation in contract.operations():
            answer = ask_well(running, path, method.upper())
            assert answer[0] == 503 and "503" in operation["responses"], (path, answer)
            contract.check(path, method, answer)
            assert json.loads(answer[2]) == contract.example_of(operation["responses"]["503"])
    finally:
        for sock in held:
            sock.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.parametrize("path, method", [(path, method.upper()) for path, method, _ in contract.operations()])
def test_other_methods(busy, path, method):
    response = contract.DOCUMENT["components"]["responses"]["MethodNotAllowed"]
    for other in {"GET", "POST", "PUT", "DELETE", "OPTIONS"} - {method}:
        answer = ask(busy, request(path, other, BEARER, "Content-Length: 0", plain=True))
        assert answer[0] == 405
        contract.check_response(response, answer, (other, path))
        assert answer[1]["allow"] == {"POST": "POST"}.get(method, "GET" if path == "/ws" else "GET, HEAD")


def test_other_paths(busy):
    response = contract.DOCUMENT["components"]["responses"]["NotFound"]
    for path in ("/nope", "/api", "/api/flows/", "/docs", "/app.js.map"):
        answer = ask(busy, get(path, BEARER))
        assert answer[0] == 404
        contract.check_response(response, answer, path)


@pytest.mark.parametrize("path", [path for path, method, _ in contract.operations() if method == "get" and path != "/ws"])
def test_head(busy, path):
    head, whole = busy.request(path, method="HEAD", headers={"Authorization": BEARER[15:]}), ask(busy, get(path, BEARER))
    assert head.status == 200 and head.body == b""
    small = {name.lower(): value for name, value in head.headers.items()}
    varying = {"date", "content-length", "transfer-encoding", "connection"}
    assert {k: v for k, v in small.items() if k not in varying} == {k: v for k, v in whole[1].items() if k not in varying}


def test_the_pages_other_files(busy):
    headers = contract.DOCUMENT["paths"]["/"]["get"]["responses"]["200"]["headers"]
    for path in ("/app.js", "/app.css", "/icon.svg"):
        contract.check_headers(headers, ask(busy, get(path, "Accept-Encoding: gzip"))[1], path)


# ---- every parameter ----

def values_of(parameter):
    """What the document says is good."""
    schema = parameter["schema"]
    values = [schema[bound] for bound in ("default", "minimum", "maximum") if bound in schema] + schema.get("enum", [])
    values += [example["value"] for example in parameter.get("examples", {}).values()]
    return values if parameter["name"] != "iface" else ["veth0"]


def refused_of(parameter):
    schema = parameter["schema"]
    refused = list(parameter.get("x-refused", []))
    if "enum" in schema:
        refused += ["", "nonsense", schema["enum"][0].upper()]
    if "minimum" in schema:
        refused += ["", "x", "1.5", schema["minimum"] - 1, schema["maximum"] + 1]
    return refused


PARAMETERS = [(path, parameter) for path, _, operation in contract.operations() for parameter in contract.parameters(operation)]


def ids(path_and_parameter):
    return str(path_and_parameter if isinstance(path_and_parameter, str) else path_and_parameter["name"])


def fetch(daemon, path, **query):
    answer = daemon.request(path, headers={"Authorization": BEARER[15:]}, **query)
    answered = answer.status, {name.lower(): value for name, value in answer.headers.items()}, answer.body
    contract.check(path, "GET", answered)
    return answered


@pytest.mark.parametrize("path, parameter", PARAMETERS, ids=ids)
def test_parameter(busy, path, parameter):
    good_ones, bad_ones = values_of(parameter), refused_of(parameter)
    assert bad_ones and (good_ones or parameter["name"] == "cursor")
    more = {"step": "24h"} if (path, parameter["name"]) == ("/api/counters", "from") else {}  # at most 3,600 points
    for value in good_ones:
        assert fetch(busy, path, **{parameter["name"]: value}, **more)[0] == 200, value
    for value in bad_ones:
        status, _, body = fetch(busy, path, **{parameter["name"]: value})
        assert status == 400 and json.loads(body)["param"] == parameter["name"], (value, body)


@pytest.mark.parametrize("path", [path for path, method, _ in contract.operations() if path != "/"])
def test_unknown_and_repeated_parameters(busy, path):
    method = "POST" if path in ("/login", "/logout") else "GET"
    headers, body = good(path)
    for query in ("nonsense=1", "limit=1&limit=1"):
        answer = ask(busy, request(f"{path}?{query}", method, *headers, body=body))
        assert answer[0] == 400 and json.loads(answer[2])["param"] in ("nonsense", "limit")
        contract.check(path, method, answer)


@pytest.mark.parametrize("path, query", [
    ("/api/flows", {"state": "all", "limit": 5}), ("/api/flows", {"format": "json", "state": "all"}),
    ("/api/flows", {"format": "csv", "state": "all"}), ("/api/counters", {"step": "2s"}),
    ("/api/counters", {"from": 0, "to": 60000}), ("/api/top", {"by": "port"}),
    ("/api/series", {"by": "host", "from": "-1h"}), ("/api/flows", {"state": "all", "spark": 600}), ("/api/events", {"from": "-1h"})])
def test_fuller_answers(busy, path, query):
    assert fetch(busy, path, **query)[0] == 200


@pytest.mark.parametrize("by", ["flow", "pair", "host", "port", "proto", "vlan", "iface"])
def test_top_rows_of_each_kind(busy, pair, by):
    ping = pair.peer.start("ping", "-i", "0.1", pair.host.ip4, stdout=subprocess.DEVNULL)
    eventually(lambda: json.loads(fetch(busy, "/api/top", by=by)[2])["rows"], what="somebody talks")
    assert json.loads(fetch(busy, "/api/series", by=by)[2])["series"]
    ping.kill()


def test_the_next_page(busy):
    first = json.loads(fetch(busy, "/api/flows", state="all", limit=1)[2])
    assert fetch(busy, "/api/flows", cursor=first["next"])[0] == 200


# ---- the document itself ----

SHOWN = {
    "BadRequest": lambda d: ask(d, get("/api/flows?limit=0", BEARER)),
    "Unauthorized": lambda d: not_let_in(d, "/api/stats", "GET"),
    "NotFound": lambda d: ask(d, get("/nope", BEARER)),
    "MethodNotAllowed": lambda d: ask(d, request("/api/stats", "PUT", BEARER, "Content-Length: 0")),
    "Gone": lambda d: ask(d, get("/api/flows?cursor=" + "0" * 32 + ".200", BEARER)),
    "Forbidden": lambda d: PROVOKED[403](d, "/ws", "GET"),
    "UnsupportedType": lambda d: PROVOKED[415](d, "/login", "POST"),
    "UpgradeRequired": lambda d: PROVOKED[426](d, "/ws", "GET"),
} | {name: lambda d, status=status: PROVOKED[status](d, "/api/stats", "GET") for name, status in (
    ("LengthRequired", 411), ("TooLarge", 413), ("UriTooLong", 414), ("Misdirected", 421), ("TooManyRequests", 429),
    ("HeadersTooLarge", 431))}


@pytest.mark.parametrize("name, response", contract.DOCUMENT["components"]["responses"].items())
def test_the_problems_that_are_shown_are_real(busy, name, response):
    if name in SHOWN:
        assert json.loads(SHOWN[name](busy)[2]) == contract.example_of(response)
    else:
        assert name in ("NotModified", "Conflict", "Unavailable")  # has no body; have tests of their own


@pytest.mark.parametrize("name, example, schema", contract.examples(), ids=lambda x: x if isinstance(x, str) else "")
def test_examples(name, example, schema):
    contract.validate(example, schema, name)


def test_every_answer_has_an_example():
    for path, _, operation in contract.operations():
        for status, response in operation["responses"].items():
            for kind, content in contract.resolved(response).get("content", {}).items():
                assert not kind.endswith("json") or {"example", "examples"} & set(content), (path, status)


def test_everything_is_complete():
    for name, schema in contract.DOCUMENT["components"]["schemas"].items():
        if schema.get("type") == "object" and name not in ("Figures", "GroupKey"):
            assert schema["additionalProperties"] is False, name


# ---- the WebSocket ----

def fields_of(message, prefix=""):
    """The names of the fields, those of a list's rows as rows[].name, those by protocol as one."""
    names = set()
    for name, value in message.items():
        if isinstance(value, list):
            names |= {field for row in value for field in fields_of(row, f"{prefix}{name}[].")}
        else:
            names.add(prefix + name)
    return names


def test_messages(busy, pair):
    tables = contract.message_tables()
    assert set(tables) == {"rates", "gap", "top_talkers", "events", "error"}
    ping = pair.peer.start("ping", "-i", "0.1", pair.host.ip4, stdout=subprocess.DEVNULL)
    seen = {}
    with Socket(busy, BEARER) as ws:
        ws.send('{"subscribe":["rates","top_talkers","events"]}')
        ws.send("nonsense")
        deadline = time.monotonic() + DEADLINE_S
        while set(seen) < {"rates", "top_talkers", "error"} or not seen["top_talkers"].get("rows"):
            assert time.monotonic() < deadline, seen
            message = ws.receive_json()
            seen[message["type"]] = message
    ping.kill()
    for kind, message in seen.items():
        assert fields_of(message) == tables[kind] - {"skipped"}, kind


def test_messages_of_a_link_that_goes_down():
    """What happens seldom, live: an event, and seconds without rates; on a cable of its own."""
    tables, seen = contract.message_tables(), {}
    with Pair() as apart, Daemon("--iface=veth0", namespace=apart.host) as running, Socket(running) as ws:
        def take():
            message = ws.receive_json()
            seen[message["type"]] = message

        ws.send('{"subscribe":["rates","events"]}')
        while "rates" not in seen:
            take()
        apart.host.run("ip", "link", "set", "veth0", "down")
        seen.pop("events", None)  # that of the start
        deadline = time.monotonic() + DEADLINE_S
        while not {"events", "gap"} <= set(seen):
            assert time.monotonic() < deadline, seen
            take()
        told = running.json("/api/events")["rows"]
    for kind in ("events", "gap"):
        assert fields_of(seen[kind]) == tables[kind] - {"skipped"}, kind
    assert seen["events"]["event"] == "iface_down" and seen["gap"]["reason"] == "interface_down"
    assert {name: seen["events"][name] for name in ("ts", "event", "detail")} in \
        [{name: row[name] for name in ("ts", "event", "detail")} for row in told]
