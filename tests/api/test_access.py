"""Who may come in: Host, Origin, token; and what every answer bears."""

import gzip
import socket

import pytest

from wire import Socket, ask, ask_patiently, connect, get, lone_address, read_answer

TOKEN = "correct-horse-battery"
OPTIONS = ("--auth-token=" + TOKEN, "--allow-host=watch.example")
BEARER = "Authorization: Bearer " + TOKEN

WRONG = "Authorization: Bearer wrong"

PROTECTED = ["/api/flows", "/api/counters", "/api/top", "/api/series", "/api/events", "/api/stats", "/metrics", "/ws", "/nope"]
OPEN = ["/", "/index.html", "/app.js", "/app.css", "/icon.svg", "/healthz"]


# ---- Host ----

@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.1:8080", "localhost", "LOCALHOST:1", "[::1]", "[::1]:8080",
                                  "192.0.2.1", "[2001:db8::1]:80", "watch.example", "Watch.Example:443",
                                  socket.gethostname()])
def test_host_of_ours(served, host):
    assert ask(served, get("/healthz", host=host))[0] == 200


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example",
                                  "evil.example:8080", "watch.example.evil", "localhost.", "256.1.1.1"])
def test_foreign_host(served, host):
    for path in ("/healthz", "/", "/api/stats"):
        status, headers, _ = ask(served, get(path, BEARER, host=host))
        assert (status, headers["content-type"]) == (421, "application/problem+json")


@pytest.mark.parametrize("host", [None, "", "127.0.0.1:", "[::1", "[nonsense]", "127.0.0.1:99999", "127.0.0.1:x", ":80",
                                  "x" * 300])
def test_host_that_is_none(served, host):
    expected = 200 if host == "127.0.0.1:" else 400
    assert ask(served, get("/healthz", host=host))[0] == expected


def test_two_hosts(served):
    assert ask(served, get("/healthz", "Host: 127.0.0.1"))[0] == 400


def test_host_is_asked_for_in_http_1_0_too(served):
    assert ask(served, get("/healthz", host=None, version="1.0"))[0] == 400


# ---- token ----

@pytest.fixture(scope="module")
def elsewhere(served):
    """An address of its own for who is wrong about the token: after ten of these a second it is kept out for a moment."""
    return lone_address(served, get("/api/stats", WRONG), get("/api/stats", BEARER))


@pytest.mark.parametrize("path", PROTECTED)
@pytest.mark.parametrize("headers", [
    (), (WRONG,), ("Authorization: Bearer ",), ("Authorization: " + TOKEN,),
    ("Authorization: Bearer " + TOKEN[:-1],), ("Authorization: Bearer " + TOKEN + "x",), ("Authorization: Basic eDp5",),
    ("Authorization: Bearer " + TOKEN * 2,), ("Cookie: token=" + TOKEN,)])
def test_without_the_token(served, elsewhere, path, headers):
    status, answer, body = ask_patiently(served, get(path, *headers), source=elsewhere)
    assert status == 401, body
    assert answer["www-authenticate"].startswith("Bearer")
    assert answer["content-type"] == "application/problem+json"
    assert TOKEN.encode() not in body


@pytest.mark.parametrize("path", PROTECTED)
def test_with_the_token(served, path):
    expected = {"/ws": 426, "/nope": 404}.get(path, 200)
    assert ask(served, get(path, BEARER))[0] == expected
    assert ask(served, get(path, "authorization: bearer " + TOKEN))[0] == expected


def test_a_token_in_the_url_does_not_count(served):
    assert ask(served, get("/api/stats?token=" + TOKEN))[0] == 401


@pytest.mark.parametrize("path", OPEN)
def test_open_paths(served, path):
    assert ask(served, get(path))[0] == 200


def test_websocket_with_the_token(served):
    with Socket(served) as ws:
        assert ws.status == 101


def test_the_token_is_in_no_log_line_and_not_in_the_arguments(served):
    ask(served, get("/api/stats", BEARER))
    assert TOKEN not in served.output()
    with open(f"/proc/{served.process.pid}/cmdline") as arguments:
        assert TOKEN not in arguments.read()


# ---- Origin ----

def upgrade(served, *headers):
    with Socket(served, *headers) as ws:
        return ws.status


@pytest.mark.parametrize("origin", ["null", "http://evil.example", "http://127.0.0.1:1", "https://127.0.0.1:8443",
                                    "file://", "http://", "chrome-extension://abc", "http://127.0.0.1.evil.example",
                                    "", "http://localhost"])
def test_foreign_origin(served, origin):
    assert upgrade(served, "Origin: " + origin) == 403


def test_own_origin(served):
    # the test's Host is 127.0.0.1 without a port: it was reached on the scheme's own one
    for origin in ("http://127.0.0.1", "https://127.0.0.1", "http://127.0.0.1:80", "http://watch.example:8080"):
        assert upgrade(served, "Origin: " + origin) == 101, origin


def test_a_script_has_no_origin(served):
    assert upgrade(served) == 101


def test_no_cors(served):
    _, headers, _ = ask(served, get("/api/stats", BEARER, "Origin: http://evil.example"))
    assert not [name for name in headers if name.startswith("access-control")]


# ---- what every answer bears ----

@pytest.mark.parametrize("request_bytes", [
    get("/"), get("/app.js"), get("/healthz"), get("/api/stats", BEARER), get("/api/stats"), get("/nope", BEARER),
    get("/api/flows?limit=0", BEARER), get("/healthz", host="evil.example"), get("/healthz", host=None),
    get("/api/stats", BEARER, method="PUT"), get("/ws", BEARER), get("/metrics", BEARER)])
def test_security_headers(served, request_bytes):
    _, headers, _ = ask(served, request_bytes)
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy and "unsafe" not in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cross-origin-opener-policy"] == "same-origin"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert headers["cross-origin-embedder-policy"] == "require-corp"


@pytest.mark.parametrize("path", ["/api/stats", "/api/flows", "/healthz", "/metrics", "/nope"])
def test_answers_are_not_stored(served, path):
    assert ask(served, get(path, BEARER))[1]["cache-control"] == "no-store"


# ---- the page's files ----

@pytest.mark.parametrize("path, kind", [("/", "text/html"), ("/app.js", "text/javascript"), ("/app.css", "text/css"),
                                        ("/icon.svg", "image/svg+xml")])
def test_static_files(served, path, kind):
    _, plain, body = ask(served, get(path))
    _, packed, packed_body = ask(served, get(path, "Accept-Encoding: br, gzip;q=0.8"))
    assert plain["content-type"].startswith(kind) and packed["content-type"].startswith(kind)
    assert "content-encoding" not in plain and packed["content-encoding"] == "gzip"
    assert gzip.decompress(packed_body) == body
    assert plain["vary"] == packed["vary"] == "Accept-Encoding"
    assert plain["etag"] != packed["etag"]
    assert plain["cache-control"] == "no-cache"


@pytest.mark.parametrize("accepts", ["", "gzip;q=0", "deflate", "xgzip", "identity"])
def test_gzip_is_not_forced_on_anyone(served, accepts):
    assert "content-encoding" not in ask(served, get("/app.js", "Accept-Encoding: " + accepts))[1]


def test_unchanged_files_are_not_sent_again(served):
    _, headers, _ = ask(served, get("/app.js"))
    with connect(served) as sock:
        sock.sendall(get("/app.js", "If-None-Match: \"x\", " + headers["etag"], "Connection: close"))
        data = b""
        while more := sock.recv(65536):
            data += more
    assert data.startswith(b"HTTP/1.1 304") and data.endswith(b"\r\n\r\n")
    assert ask(served, get("/app.js", 'If-None-Match: "0000000000000000"'))[0] == 200


def test_one_connection_for_many_requests(served):
    with connect(served) as sock:
        for path in ("/healthz", "/api/stats", "/nope", "/api/flows", "/", "/api/flows?limit=0", "/metrics"):
            sock.sendall(get(path, BEARER))
            assert read_answer(sock)[0] == {"/nope": 404, "/api/flows?limit=0": 400}.get(path, 200)
