"""A browser trades the token for a session: in, out, and what does not get in."""

import contextlib
import json
import time

import pytest

from netwatch_testing import eventually
from wire import Socket, ask, ask_in_a_row, connect, get, kept_out, read_answer

TOKEN = "correct-horse-battery"
OPTIONS = ("--auth-token=" + TOKEN, "--allow-host=watch.example")
JSON = "Content-Type: application/json"
FORM = "Content-Type: application/x-www-form-urlencoded"


def posted(path, body=b"", *headers):
    """The bytes of a POST."""
    return get(path, *headers, f"Content-Length: {len(body)}", method="POST") + body


def post(daemon, path, body=b"", *headers):
    """One on a connection of its own → (status, headers, body)."""
    return ask(daemon, posted(path, body, *headers))


def patiently(request):
    """Asks again where wrong tokens of earlier tests are still held against this address."""
    while True:
        answer = request()
        if answer[0] != 429:
            return answer
        time.sleep(0.3)


def login(daemon, token=TOKEN, *headers):
    body = json.dumps({"token": token}).encode()
    return patiently(lambda: post(daemon, "/login", body, JSON, *headers))


def cookie_of(answer):
    return answer[1]["set-cookie"].split(";")[0]


@pytest.fixture
def cookie(served):
    return cookie_of(login(served))


def stats(daemon, *headers):
    return ask(daemon, get("/api/stats", *headers))[0]


# ---- in ----

def test_login(served):
    status, headers, body = login(served)
    assert (status, body) == (204, b"") and "content-type" not in headers
    assert headers["cache-control"] == "no-store"
    value, *attributes = headers["set-cookie"].split("; ")
    assert value.startswith(f"netwatch_{served.url.rstrip('/').rsplit(':', 1)[1]}=") and TOKEN not in value
    assert attributes == ["Path=/", "Max-Age=43200", "HttpOnly", "SameSite=Strict"]
    assert stats(served, "Cookie: " + value) == 200


def test_login_by_form(served):
    assert patiently(lambda: post(served, "/login", f"token={TOKEN}".encode(), FORM + "; charset=UTF-8"))[0] == 204
    assert patiently(lambda: post(served, "/login", b"token=correct%2Dhorse-battery", FORM))[0] == 204


def test_two_logins_are_two_sessions(served):
    assert cookie_of(login(served)) != cookie_of(login(served))


@pytest.mark.parametrize("path", ["/api/flows", "/api/counters", "/api/top", "/api/events", "/api/stats", "/metrics",
                                  "/ws", "/nope"])
def test_the_cookie_opens_every_path(served, cookie, path):
    assert ask(served, get(path))[0] == 401
    assert ask(served, get(path, "Cookie: " + cookie))[0] == {"/ws": 426, "/nope": 404}.get(path, 200)


def test_among_other_cookies(served, cookie):
    name = cookie.split("=")[0]
    for header in (f"a=b; {cookie}", f"{cookie}; a=b", f"x;;{cookie} ;", f"{name}=stale; {cookie}",
                   f"{name}x=1; {cookie}"):
        assert stats(served, "Cookie: " + header) == 200, header


def test_a_proxys_own_credentials_are_no_hindrance(served, cookie):
    assert stats(served, "Cookie: " + cookie, "Authorization: Basic eDp5") == 200


def test_a_wrong_bearer_is_not_outweighed_by_a_session(served, cookie):
    assert patiently(lambda: ask(served, get("/api/stats", "Cookie: " + cookie, "Authorization: Bearer x")))[0] == 401


# ---- not in ----

@pytest.mark.parametrize("change", [
    lambda name, value: f"{name}={value[:-1]}", lambda name, value: f"{name}={value}A",
    lambda name, value: f"{name}=" + ("B" if value[0] == "A" else "A") + value[1:],
    lambda name, value: f"{name}={TOKEN}", lambda name, value: f"{name}=", lambda name, value: name,
    lambda name, value: f"netwatch={value}", lambda name, value: f"{name}1={value}", lambda name, value: f"x{name}={value}",
    lambda name, value: f"{name}={value}{'A' * 4000}", lambda name, value: f'{name}="{value}"'])
def test_a_cookie_that_is_none_of_ours(served, cookie, change):
    assert stats(served, "Cookie: " + change(*cookie.split("=", 1))) == 401


def test_a_cookie_of_another_start(served, daemon):
    other = daemon("--auth-token=" + TOKEN)
    value = cookie_of(login(other)).split("=", 1)[1]
    assert stats(served, f"Cookie: netwatch_{served.url.rstrip('/').rsplit(':', 1)[1]}={value}") == 401


def test_hundreds_of_cookies(served, cookie):
    many = "; ".join(f"c{i}={i}" for i in range(900))
    assert stats(served, f"Cookie: {many}; {cookie}") in (200, 431)
    assert stats(served, "Cookie: " + ";" * 12000) in (401, 431)
    assert stats(served, "Cookie: " + "a;" * 6000) in (401, 431)
    assert stats(served, "Cookie: " + cookie) == 200


@pytest.mark.parametrize("token", ["", "wrong", TOKEN[:-1], TOKEN + "x", TOKEN * 2, TOKEN.upper(), "é", "\t", "x" * 3000])
def test_a_wrong_token(served, token):
    status, headers, body = login(served, token)
    assert status == 401 and headers["content-type"] == "application/problem+json" and "set-cookie" not in headers
    assert headers["www-authenticate"].startswith("Bearer")
    assert json.loads(body)["status"] == 401 and TOKEN.encode() not in body


@pytest.mark.parametrize("body, header, status, param", [
    (b"", JSON, 400, None), (b"{", JSON, 400, None), (b"[]", JSON, 400, None), (b'"x"', JSON, 400, None),
    (b"{}", JSON, 400, "token"), (b'{"token":1}', JSON, 400, "token"), (b'{"token":null}', JSON, 400, "token"),
    (b'{"token":["x"]}', JSON, 400, "token"), (b'{"token":"x","y":1}', JSON, 400, "y"),
    (b'{"token":"x","token":"y"}', JSON, 400, None), (b'{"token":"x"}{}', JSON, 400, None),
    (b'{"token":"\xff"}', JSON, 400, None), (b'{"token":"\\u0000"}', JSON, 400, None), (b"[" * 4000, JSON, 400, None),
    (b"", FORM, 400, "token"), (b"token", FORM, 401, None), (b"token=a&token=b", FORM, 400, "token"),
    (b"x=1", FORM, 400, "x"), (b"token=%zz", FORM, 400, "token"), (b"token=a\0b", FORM, 400, None),
    (b'{"token":"x"}', "Content-Type: text/plain", 415, None), (b'{"token":"x"}', "X-Nothing: 1", 415, None),
    (b'{"token":"x"}', "Content-Type: application/jsonp", 415, None),
    (b'{"token":"' + b"x" * 4096 + b'"}', JSON, 413, None), (b"x" * 65536, FORM, 413, None),
    (b"x" * 65537, FORM, 413, None)])
def test_bad_bodies(served, body, header, status, param):
    got, headers, answer = patiently(lambda: post(served, "/login", body, header))
    assert got == status, answer
    problem = json.loads(answer)
    assert headers["content-type"] == "application/problem+json" and problem.get("param") == param, problem


def test_a_body_in_pieces(served):
    body = json.dumps({"token": TOKEN}).encode()

    def slowly():
        with connect(served) as sock:
            sock.sendall(get("/login", JSON, f"Content-Length: {len(body)}", method="POST"))
            for byte in body:
                time.sleep(0.002)
                sock.sendall(bytes([byte]))
            return read_answer(sock)

    assert patiently(slowly)[0] == 204


def test_a_chunked_body(served):
    assert ask(served, get("/login", JSON, "Transfer-Encoding: chunked", method="POST"))[0] == 411


@pytest.mark.parametrize("path", ["/login", "/logout"])
def test_methods(served, path):
    for method in ("GET", "HEAD", "PUT", "DELETE", "OPTIONS"):
        answer = served.request(path, method=method)
        assert (answer.status, answer.headers["Allow"]) == (405, "POST"), method


@pytest.mark.parametrize("path", ["/login", "/logout"])
def test_no_parameters(served, path):
    status, _, body = post(served, path + "?token=" + TOKEN, b"{}", JSON)
    assert status == 400 and json.loads(body)["param"] == "token"


@pytest.mark.parametrize("path", ["/login", "/logout"])
@pytest.mark.parametrize("origin, status", [
    ("null", 403), ("http://evil.example", 403), ("http://127.0.0.1:1", 403), ("", 403), ("file://", 403),
    ("http://127.0.0.1", 204), ("http://watch.example:1", 204)])
def test_origin(served, path, origin, status):
    body = json.dumps({"token": TOKEN}).encode()
    assert patiently(lambda: post(served, path, body, JSON, "Origin: " + origin))[0] == status


@pytest.mark.parametrize("path", ["/login", "/logout"])
def test_foreign_host(served, path):
    assert ask(served, get(path, JSON, "Content-Length: 0", method="POST", host="evil.example"))[0] == 421


# ---- out ----

def test_logout(served, cookie):
    other = cookie_of(login(served))
    status, headers, body = post(served, "/logout", b"", "Cookie: " + cookie)
    assert (status, body) == (204, b"")
    name = cookie.split("=")[0]
    assert headers["set-cookie"] == f"{name}=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict"
    assert stats(served, "Cookie: " + cookie) == 401
    assert stats(served, "Cookie: " + other) == 200


def test_logout_without_a_session(served):
    assert post(served, "/logout")[0] == 204
    assert post(served, "/logout", b"", "Cookie: netwatch_1=x")[0] == 204
    assert post(served, "/logout", b"x" * 100)[0] == 204


def test_a_websocket_ends_with_its_session(served, cookie):
    with Socket(served, "Cookie: " + cookie, token=None) as ws, Socket(served) as scripts:
        assert (ws.status, scripts.status) == (101, 101)
        ws.send('{"subscribe":["rates"]}')
        assert ws.receive_json()["type"] == "rates"
        post(served, "/logout", b"", "Cookie: " + cookie)
        assert ws.close_code() == 4401
        scripts.send('{"subscribe":["rates"]}')
        assert scripts.receive_json()["type"] == "rates"


def test_a_websocket_that_does_not_read_ends_all_the_same(served, cookie):
    before = served.json("/api/stats")["clients"]["ws"]
    with Socket(served, "Cookie: " + cookie, token=None, receive_buffer=2048) as ws:
        ws.send('{"subscribe":["rates","top_talkers"]}')
        post(served, "/logout", b"", "Cookie: " + cookie)

        def has_left():
            with contextlib.suppress(OSError):  # it may have left just now
                ws.send(b"", opcode=9)
            return served.json("/api/stats")["clients"]["ws"] == before

        eventually(has_left, what="it has left, though it is not silent", every_s=0.2)


# ---- guessing ----

WRONG = posted("/login", b'{"token":"wrong"}', JSON)
RIGHT = posted("/login", json.dumps({"token": TOKEN}).encode(), JSON)


def within_a_second(daemon, requests):
    """What holds for a second is looked at in less: where the machine was too busy, once more after a pause."""
    while True:
        begun = time.monotonic()
        answers = ask_in_a_row(daemon, requests)
        if time.monotonic() - begun < 1:
            return answers
        time.sleep(1.05)


def test_ten_wrong_ones_a_second(daemon):
    running = daemon("--auth-token=" + TOKEN)
    session = cookie_of(login(running))
    # then nobody learns from it which one is right, not by the header either
    refused = [RIGHT, get("/api/stats", "Authorization: Bearer " + TOKEN)]
    # but who is in stays in, and what needs no token needs none
    let_in = [get("/api/stats", "Cookie: " + session), get("/healthz"), get("/api/stats")]
    answers = within_a_second(running, [WRONG] * 12 + refused + let_in)
    assert [a[0] for a in answers] == [401] * 10 + [429] * 4 + [200, 200, 401]
    assert answers[11][1]["retry-after"] == "1"
    assert answers[11][1]["content-type"] == "application/problem+json"
    time.sleep(1.05)
    assert ask(running, RIGHT)[0] == 204


def test_wrong_headers_count_as_well(daemon):
    running = daemon("--auth-token=" + TOKEN)
    answers = within_a_second(running, [get("/api/stats", "Authorization: Bearer wrong")] * 11 + [WRONG])
    assert [a[0] for a in answers] == [401] * 10 + [429] * 2
    time.sleep(1.05)
    assert stats(running, "Authorization: Bearer " + TOKEN) == 200


def test_another_address_is_not_kept_out(daemon):
    """One of 256 is, where it meets in the daemon's memory with who was wrong: so not all of these."""
    running = daemon("--auth-token=" + TOKEN)
    kept_out(running, WRONG)
    assert 204 in [ask(running, RIGHT, source=f"127.0.0.{n}")[0] for n in range(2, 6)]


def test_nothing_of_it_is_logged(served, cookie):
    assert TOKEN not in served.output() and cookie not in served.output()


# ---- without a token ----

def test_without_a_token_there_is_nothing_to_log_in_to(daemon):
    running = daemon()
    status, headers, body = post(running, "/login", b'{"token":"x"}', JSON)
    assert status == 409 and headers["content-type"] == "application/problem+json"
    assert "no token" in json.loads(body)["detail"]
    assert post(running, "/logout")[0] == 204
    assert stats(running) == 200
