#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""browser - sasl-bearer login --browser and --paste: real Chromium, and odd clients"""

import fcntl
import http.client
import os
import pty
import re
import select
import signal
import socket
import subprocess
import sys
import termios
import threading
import time
import urllib.error
import urllib.parse
import urllib.request

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "lib"))

import tap
from chromium import Chromium, Trouble
from env import built, environment, wait_for
from helper import Helper, endpoints
from oauthd import OAuthServer, Reply
from oidc import PUBLIC, OidcProvider, opener

SCOPE = "openid offline_access mail"
EVIL = "<script>alert(1)</script>"
ALLOW = ("--allow", str(os.geteuid()))


class World:
    """A helper without accounts, a provider with pages and one that is told what to do."""

    def __init__(self, env):
        self.env = env
        self.oidc = OidcProvider(env).start()
        self.server = OAuthServer(tls=env.tls(), log=env.log_file("oauthd")).start()
        hosts = {"hosts": "localhost", "scope": SCOPE}
        at_oidc = {**hosts, **endpoints(self.oidc)}
        at_server = {**hosts, **endpoints(self.server)}
        self.providers = {
            "oidc": {"title": "Example Mail", **at_oidc},
            "local": {**at_oidc, "redirect_uri": "http://localhost/"},
            "issuer": {**hosts, "issuer": self.oidc.url},
            "scripted": at_server,
            "named": {**hosts, "issuer": self.server.url},
            "tenants": {**at_server, "authorization_issuer": f"{self.server.url}/{{tenantid}}/v2.0"},
            "pasted": {**at_server, "redirect_uri": "https://login.example.com/nativeclient"},
            "consent": {**at_server, "tenant": "common", "redirect_uri": "http://localhost/",
                        "admin_consent_endpoint": f"{self.server.url}/{{tenant}}/adminconsent"},
            "bare": {"hosts": "localhost", "token_endpoint": self.server.endpoint("token")},
        }
        self.helper = Helper(env, self.server, providers=self.providers).start()
        self.chromium = None
        self.users = 0

    def chrome(self):
        """The browser; started once."""
        if not self.chromium:
            self.chromium = Chromium(self.env)
        return self.chromium

    def user(self):
        """An address that has no account yet."""
        self.users += 1
        return f"user{self.users}@example.com"

    def begin(self, *words, provider="oidc", way="--browser", user=None, **how):
        """Start a sign-in; returns a SignIn."""
        user = user or self.user()
        client = PUBLIC if provider in ("oidc", "local", "issuer") else "test-client"
        words = ("login", way, "--provider", provider, "--client-id", client, *ALLOW, *words, user)
        return SignIn(self, user, [built("sasl-bearer"), "--config", self.helper.config,
                                   *filter(None, words)], **how)

    def account_files(self):
        """Names in the accounts' directory: no trial and no half an account."""
        return os.listdir(os.path.join(self.helper.config_dir, "accounts.d"))

    def answer(self, login):
        """The target of a browser that comes back from the scripted provider."""
        return "/?" + follow(self, login.url).partition("?")[2]

    def authorize_with(self, **answer):
        """Have the scripted provider send this to the redirect_uri; None leaves one out."""
        def reply(request):
            query = {"state": request.query["state"], **answer}
            query = urllib.parse.urlencode({k: v for k, v in query.items() if v is not None})
            return Reply(302, headers={"Location": f"{request.query['redirect_uri']}?{query}"})
        self.server.always("authorize", reply)


class SignIn:
    """One run of sasl-bearer login."""

    def __init__(self, world, user, command, uid=None, env=None):
        self.world, self.user, self.found = world, user, None
        self.process = world.env.start(world.env.name("login"), command, uid=uid,
                                       env={**world.helper.environment, **(env or {})})

    def log(self):
        return self.process.log()

    @property
    def url(self):
        """The address that is to be opened."""
        def printed():
            assert self.process.alive(), "login ended:\n" + self.log()
            return re.search(r"^    (https?://\S+code_challenge=\S+)$", self.log(), re.M)
        self.found = self.found or wait_for(printed, 20, "the address")[1]
        return self.found

    @property
    def query(self):
        return dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(self.url).query))

    @property
    def redirect(self):
        """Where it listens, taken apart."""
        return urllib.parse.urlsplit(self.query["redirect_uri"])

    def send(self, target, method="GET", host=None):
        """A request to its listener; returns (status, headers, text)."""
        connection = http.client.HTTPConnection("127.0.0.1", self.redirect.port, timeout=30)
        connection.request(method, target, headers={"Host": host or self.redirect.netloc})
        reply = connection.getresponse()
        return reply.status, dict(reply.getheaders()), reply.read().decode()

    def browse(self):
        """A browser that follows redirects; returns (status, text) of the page it ends at."""
        with opener(self.world.env.tls().client()).open(self.url, timeout=60) as page:
            return page.status, page.read().decode()

    def end(self, rc=0, timeout=30):
        """Wait for the end; returns what was printed."""
        assert self.process.wait(timeout) == rc, (self.process.popen.returncode, self.log())
        return self.log()

    def interrupt(self, number=signal.SIGINT):
        self.process.send(number)


def sign_in_page(chrome, user):
    """The person at the provider's first page."""
    chrome.type("input[name=login]", user)
    chrome.type("input[name=password]", "any")
    chrome.click("button[type=submit]")


def agree(chrome):
    """The person at the question whether to agree."""
    chrome.find("form [value=consent]")     # else the button could be the last page's
    chrome.click("form button[type=submit]")


def sign_in(chrome, url, user):
    chrome.open(url)
    sign_in_page(chrome, user)
    agree(chrome)
    chrome.find("main h1")


def fresh(world):
    """The browser, signed in nowhere."""
    chrome = world.chrome()
    chrome.open("about:blank")
    chrome.command("Network.clearBrowserCookies")
    chrome.responses()
    chrome.complaints()
    return chrome


# ---- with Chromium


@tap.promise
def signs_in(world):
    "in Chromium: a person signs in and agrees, the account is stored, its token works"
    chrome = fresh(world)
    login = world.begin()
    sign_in(chrome, login.url, login.user)
    text = login.end()
    assert chrome.text("h1") == "You are signed in", chrome.text()
    assert chrome.title() == "You are signed in - sasl-bearer"
    for words in (login.user, "Example Mail", "IMAP, POP, SMTP", "You can close this page."):
        assert words in chrome.text("main"), chrome.text()
    assert f"Signed in as {login.user}" in text, text
    state = world.helper.state(login.user)
    assert state["flow"] == "browser", state
    token = world.helper.token(login.user)
    assert token["status"] == "ok", token
    seen = world.oidc.introspect(token["token"])
    assert seen["active"] and seen["username"] == login.user, seen


@tap.promise
def page_is_closed(world):
    "the landing page: headers, no request but its own, nothing for the console to complain of"
    chrome = fresh(world)
    login = world.begin()
    sign_in(chrome, login.url, login.user)
    login.end()
    responses = [r for r in chrome.responses() if r["url"].startswith("http://127.0.0.1:%d/"
                                                                     % login.redirect.port)]
    assert len(responses) == 1 and responses[0]["status"] == 200, responses
    headers = {name.lower(): value for name, value in responses[0]["headers"].items()}
    for name, value in (("cache-control", "no-store"), ("referrer-policy", "no-referrer"),
                        ("x-content-type-options", "nosniff"), ("x-frame-options", "DENY"),
                        ("content-type", "text/html; charset=utf-8"), ("connection", "close")):
        assert headers.get(name) == value, headers
    assert headers["content-security-policy"].startswith("default-src 'none'; style-src 'sha256-")
    complaints = [c for c in chrome.complaints() if str(login.redirect.port) in c]
    assert not complaints, complaints
    assert chrome.run("return document.scripts.length") == 0
    assert chrome.run("return document.documentElement.lang") == "en"
    # the style was applied, so its hash is right
    assert chrome.run("return getComputedStyle(document.querySelector('main')).maxWidth") != "none"
    code = urllib.parse.parse_qs(urllib.parse.urlsplit(chrome.url()).query)["code"][0]
    assert code not in chrome.run("return document.documentElement.outerHTML")


@tap.promise
def page_everywhere(world):
    "the landing page fits a phone, and is dark where the person wants that"
    chrome = fresh(world)
    login = world.begin()
    sign_in(chrome, login.url, login.user)
    login.end()
    ground = "return getComputedStyle(document.body).backgroundColor"
    grounds = set()
    for width in (320, 390, 1000):
        for dark in (False, True):
            chrome.look(width, 700, dark)
            assert chrome.run("return document.documentElement.scrollWidth") <= width, width
            red = int(re.search(r"\d+", chrome.run(ground))[0])
            assert red < 64 if dark else red > 192, (dark, chrome.run(ground))
            grounds.add(red)
            assert int(chrome.run("return parseInt(getComputedStyle(document.body).fontSize)")) >= 16
    chrome.look()
    assert len(grounds) == 2, grounds


@tap.promise
def reload_page(world):
    "a reload of the landing page finds nobody: it is over, and nothing changes"
    chrome = fresh(world)
    login = world.begin()
    sign_in(chrome, login.url, login.user)
    login.end()
    before = world.helper.state(login.user)
    try:
        chrome.reload()
    except Trouble as e:        # that is how the driver tells of it
        assert "ERR_CONNECTION_REFUSED" in str(e), e
    refused(chrome, login.redirect.port)
    assert world.helper.state(login.user) == before


@tap.promise
def denial(world):
    "in Chromium: who does not agree sees that on the page, exit 77, and nothing is left"
    chrome = fresh(world)
    before = world.account_files()
    login = world.begin()
    chrome.open(login.url)
    sign_in_page(chrome, login.user)
    chrome.find("form [value=consent]")
    chrome.click("a[href$=abort]")
    text = login.end(77)
    chrome.find("main h1")
    assert chrome.text("h1") == "You are not signed in", chrome.text()
    assert "The permission was not given." in chrome.text("main"), chrome.text()
    assert "access_denied" not in chrome.text() and "aborted" not in chrome.text()
    assert "the provider says: access_denied: End-User aborted interaction" in text, text
    assert world.account_files() == before


@tap.promise
def somebody_else(world):
    "in Chromium: who signs in as somebody else reads both names, and --as makes it right"
    chrome = fresh(world)
    login = world.begin()
    sign_in(chrome, login.url, "bob@example.com")
    text = login.end(77)
    assert chrome.text("h1") == "You are not signed in", chrome.text()
    for words in ("bob@example.com", login.user, "--as bob@example.com"):
        assert words in chrome.text("main") and words in text, (chrome.text(), text)
    assert f"{login.user}.conf" not in world.account_files()
    # the provider still knows bob, and does not ask who it is
    login = world.begin("--as", "bob@example.com")
    chrome.open(login.url)
    agree(chrome)
    chrome.find("main h1")
    login.end()
    assert chrome.text("h1") == "You are signed in", chrome.text()


@tap.promise
def wrong_state(world):
    "in Chromium: an answer with another state is refused on a page; the real one still counts"
    chrome = fresh(world)
    login = world.begin()
    where = login.query["redirect_uri"]
    chrome.open(where + "?code=abc&state=" + "x" * 43)
    assert chrome.text("h1") == "This belongs to another sign-in", chrome.text()
    assert "abc" not in chrome.run("return document.documentElement.outerHTML")
    assert chrome.responses()[-1]["status"] == 400
    sign_in(chrome, login.url, login.user)
    login.end()
    assert chrome.text("h1") == "You are signed in"


def refused(chrome, port):
    """The browser is at our address, where nobody is any more."""
    wait_for(lambda: f"http://127.0.0.1:{port}/?" in chrome.url(), 10, "the end of the sign-in")
    wait_for(lambda: "refused to connect" in chrome.text(), 10, "a refused connection")


@tap.promise
def two_tabs(world):
    """two tabs: the one that is finished first counts; the other then finds nobody listening"""
    chrome = fresh(world)
    login = world.begin()
    first = chrome.tab()
    chrome.open(login.url)
    second = chrome.new_tab()
    sign_in(chrome, login.url, login.user)
    login.end()
    assert chrome.text("h1") == "You are signed in"
    before = world.helper.state(login.user)
    chrome.switch(first)
    sign_in_page(chrome, login.user)
    agree(chrome)
    refused(chrome, login.redirect.port)
    assert world.helper.state(login.user) == before
    assert world.helper.token(login.user)["status"] == "ok"
    chrome.switch(second)


@tap.promise
def tab_left_open(world):
    "a tab left at the provider's page does not end the sign-in; Ctrl-C does, with nothing left"
    chrome = fresh(world)
    before = world.account_files()
    login = world.begin()
    chrome.open(login.url)
    chrome.find("input[name=login]")
    port = login.redirect.port
    login.interrupt()
    assert login.end(-signal.SIGINT).endswith("\nInterrupted: nothing was stored.\n"), login.log()
    assert world.account_files() == before
    sign_in_page(chrome, login.user)
    agree(chrome)
    refused(chrome, port)
    assert world.account_files() == before


# ---- the listener


def listening(port):
    """The local addresses that listen at a port, in the kernel's notation."""
    found = set()
    for name in ("tcp", "tcp6"):
        with open(f"/proc/net/{name}", encoding="ascii") as f:
            rows = [line.split() for line in f.readlines()[1:]]
        found |= {row[1].partition(":")[0] for row in rows
                  if row[3] == "0A" and int(row[1].rpartition(":")[2], 16) == port}
    return found


V4 = "0100007F"
V6 = "00000000000000000000000001000000"


def has_ipv6():
    try:
        with socket.socket(socket.AF_INET6) as s:
            s.bind(("::1", 0))
        return True
    except OSError:
        return False


@tap.promise
def d6_loopback_only(world):
    "D6: it listens at 127.0.0.1 only; for localhost also at ::1, with one port; then at none"
    login = world.begin()
    assert listening(login.redirect.port) == {V4}, listening(login.redirect.port)
    login.interrupt()
    login = world.begin(provider="local")
    port = login.redirect.port
    assert login.query["redirect_uri"] == f"http://localhost:{port}/"
    assert listening(port) == ({V4, V6} if has_ipv6() else {V4}), listening(port)
    for address in ("127.0.0.1", "::1") if has_ipv6() else ("127.0.0.1",):
        with socket.create_connection((address, port), 10) as s:
            s.sendall(f"GET / HTTP/1.1\r\nHost: localhost:{port}\r\n\r\n".encode())
            assert s.recv(64).startswith(b"HTTP/1.1 400 "), address
    world.oidc.authorize(login.url, login.user)
    login.end()
    assert not listening(port)


@tap.promise
def odd_requests(world):
    "D6: another state, path, method or host, garbage: short errors, nothing changes, and it goes on"
    login = world.begin()
    port = login.redirect.port
    right = "/?code=x&state=" + login.query["state"]
    for method, target, host, status in (
            ("GET", "/favicon.ico", None, 404), ("GET", "/x?" + right[2:], None, 404),
            ("GET", "//?" + right[2:], None, 404),
            ("HEAD", right, None, 405), ("POST", right, None, 405), ("OPTIONS", right, None, 405),
            ("GET", right, "evil.example.com", 400), ("GET", right, f"localhost:{port}", 400),
            ("GET", right, "127.0.0.1", 400), ("GET", "/", None, 400),
            ("GET", "/?code=x", None, 400), ("GET", "/?code=x&state=", None, 400),
            ("GET", right[:-1], None, 400), ("GET", right + "x", None, 400),
            ("GET", right + "&state=x", None, 400), ("GET", "/?error=access_denied", None, 400)):
        seen, headers, text = login.send(target, method, host)
        assert seen == status, (method, target, host, seen)
        assert headers["Connection"] == "close" and headers["Cache-Control"] == "no-store", headers
        assert login.query["state"] not in text
    for data in (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\r\n\r\n", b"\r\n\r\n\r\n", b"GET /\r\n\r\n",
                 b"GET / HTTP/1.1\r\nX: " + b"a" * 20000, b"\0" * 17000):
        with socket.create_connection(("127.0.0.1", port), 10) as s:
            s.sendall(data)
            assert s.recv(64).startswith(b"HTTP/1.1 400 "), data[:40]
    world.oidc.authorize(login.url, login.user)
    login.end()


@tap.promise
def stalled(world):
    "connections that say nothing, or little, do not keep the browser waiting"
    login = world.begin()
    port = login.redirect.port
    idle = [socket.create_connection(("127.0.0.1", port), 10) for _ in range(40)]
    idle[-1].sendall(b"GET /?co")
    assert login.send("/favicon.ico")[0] == 404
    # an end of file here would mean that the others had to wait for it
    assert not select.select([idle[-1]], [], [], 0)[0]
    world.oidc.authorize(login.url, login.user)
    login.end()
    for s in idle:
        s.close()


@tap.promise
def fragments(world):
    "a request that comes byte by byte is a request"
    login = world.begin()
    target = "/?error=server_error&state=" + login.query["state"]
    with socket.create_connection(("127.0.0.1", login.redirect.port), 10) as s:
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in f"GET {target} HTTP/1.1\r\nHost: {login.redirect.netloc}\r\n\r\n".encode():
            s.sendall(bytes([byte]))
        text = s.makefile("rb").read().decode()
    assert text.startswith("HTTP/1.1 200 OK") and "The provider is in trouble." in text, text
    assert "try again later" in login.end(75)


@tap.promise
def own_path(world):
    "the path of redirect_uri is kept, so that each provider can have its own; no other is answered"
    world.helper.providers["path"] = {**world.providers["scripted"],
                                      "redirect_uri": "http://127.0.0.1/at/scripted?a=b"}
    world.helper.reload()
    login = world.begin(provider="path")
    assert login.query["redirect_uri"].endswith(f":{login.redirect.port}/at/scripted?a=b")
    for path in ("/", "/at", "/at/scripted/", "/at/other"):
        assert login.send(f"{path}?state={login.query['state']}&code=x")[0] == 404, path
    assert login.send("/at/scripted?a=b&error=x&state=" + login.query["state"])[0] == 200
    login.end(69)


@tap.promise
def port_taken(world):
    "a port in redirect_uri is taken as it is; when it is in use the error names other ways"
    port = world.env.port()
    world.helper.providers["fixed"] = {**world.providers["local"],
                                       "redirect_uri": f"http://localhost:{port}/"}
    world.helper.reload()
    login = world.begin(provider="fixed")
    assert login.redirect.port == port
    second = world.begin(provider="fixed")
    text = second.end(71)
    assert "in use" in text and "--device" in text and "--paste" in text, text
    login.interrupt()
    login.end(-signal.SIGINT)
    third = world.begin(provider="fixed")
    assert third.redirect.port == port
    third.interrupt()
    if has_ipv6():
        with socket.socket(socket.AF_INET6) as other:
            other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            third.end(-signal.SIGINT)
            other.bind(("::1", port))
            other.listen()
            assert "in use" in world.begin(provider="fixed").end(71)


# ---- what the provider answers


@tap.promise
def pkce(world):
    "D6: the request has S256 and a fresh state, the code comes with its verifier, and no more is sent"
    world.server.forget()
    states = set()
    for _ in range(2):
        login = world.begin("--services", "imap", provider="scripted")
        q = login.query
        assert q["code_challenge_method"] == "S256" and len(q["code_challenge"]) == 43, q
        assert q["response_type"] == "code" and q["scope"] == SCOPE, q
        assert q["login_hint"] == login.user and "response_mode" not in q, q
        states.add(q["state"])
        status, page = login.browse()
        assert status == 200 and "You are signed in" in page and "<dd>IMAP</dd>" in page, page
        text = login.end()
        form = world.server.seen("token")[-1].form
        assert form["redirect_uri"] == q["redirect_uri"], form
        assert len(form["code_verifier"]) == 43 and form["code_verifier"] not in text
        assert form["code"] not in text and form["code"] not in page
        assert sorted(form) == ["client_id", "code", "code_verifier", "grant_type", "redirect_uri",
                                "scope"], form
    assert len(states) == 2 and all(len(state) == 43 for state in states), states


@tap.promise
def wrong_pkce(world):
    "a provider that refuses the verifier: exit 69, said on the page too, no account"
    before = world.account_files()

    def other_challenge(request):
        request.query["code_challenge"] = "x" * 43
    world.server.always("authorize", other_challenge)
    login = world.begin(provider="scripted")
    _, page = login.browse()
    world.server.forget()
    assert "You are not signed in" in page and "AADSTS70008" in page, page
    assert "AADSTS70008" in login.end(69)
    assert world.account_files() == before


@tap.promise
def issuer(world):
    "RFC 9207: an answer of another issuer is refused; the right one is taken"
    url = world.server.url
    for provider, iss, rc in (("named", url, 0), ("named", "https://evil.example.com", 76),
                              ("tenants", f"{url}/9188040d-6c67-4c5b-b112-36a304b66dad/v2.0", 0),
                              ("tenants", f"{url}/a/b/v2.0", 76), ("tenants", url, 76)):
        def reply(request, iss=iss):
            _, value = world.server.serve(request)
            query = urllib.parse.urlencode({"iss": iss})
            return Reply(302, headers={"Location": f"{value['location']}&{query}"})
        login = world.begin(provider=provider)
        world.server.always("authorize", reply)
        tokens = len(world.server.seen("token"))
        _, page = login.browse()
        world.server.forget() if rc else None
        text = login.end(rc)
        if rc:
            assert "The answer did not come from the provider that was asked." in page, page
            assert "evil" not in page and "evil" not in text
            assert len(world.server.seen("token")) <= tokens, "the code was sent"
            assert f"{login.user}.conf" not in world.account_files()
    world.server.forget()


@tap.promise
def issuer_demanded(world):
    "RFC 9207: a provider that says it names itself must do so"
    def reply(request):
        _, value = world.server.serve(request)
        return Reply(json={**value, "authorization_response_iss_parameter_supported": True})
    world.server.always("metadata", reply)
    login = world.begin(provider="named")
    _, page = login.browse()
    world.server.forget()
    assert "The answer did not come from the provider that was asked." in page, page
    login.end(76)


@tap.promise
def by_issuer(world):
    "an account that knows only its issuer signs in, too"
    login = world.begin(provider="issuer")
    world.oidc.authorize(login.url, login.user)
    assert "(--browser).\nOther ways: --device, --paste.\n" in login.end()


@tap.promise
def errors(world):
    "errors of the provider: our words on the page, its words on the terminal, an exit code"
    for error, rc, words in (("access_denied", 77, "The permission was not given."),
                             ("invalid_scope", 78, "The provider does not know a permission"),
                             ("unauthorized_client", 78, "may not sign people in this way."),
                             ("temporarily_unavailable", 75, "The provider is in trouble."),
                             ("x" * 40, 69, "The provider ended the sign-in.")):
        world.authorize_with(error=error, error_description=f"{EVIL}\r\nsecond\x1b[2J line")
        login = world.begin(provider="scripted")
        _, page = login.browse()
        assert "You are not signed in" in page and words in page, page
        assert "alert" not in page and "second" not in page and error not in page, page
        text = login.end(rc)
        assert f"the provider says: {error}: {EVIL} second [2J line" in text, text
        assert "\x1b" not in text
    world.authorize_with()
    login = world.begin(provider="scripted")
    assert "The provider sent neither a code nor an error." in login.browse()[1]
    login.end(76)
    world.server.forget()


@tap.promise
def administrator(world):
    "where an administrator must approve, the terminal ends with the address to send them"
    for error in ("access_denied", "consent_required", "interaction_required"):
        world.authorize_with(error=error)
        login = world.begin(provider="consent")
        login.browse()
        text = login.end(77 if error == "access_denied" else 69)
        url = re.search(r"^    (\S+/adminconsent\S+)$", text, re.M)
        assert "send them this address" in text and url, text
        url = urllib.parse.urlsplit(url[1])
        assert url.path == "/organizations/adminconsent", url
        assert dict(urllib.parse.parse_qsl(url.query)) == {
            "client_id": "test-client", "redirect_uri": "http://localhost/", "scope": "mail"}, url
    world.server.forget()


@tap.promise
def not_enough(world):
    "tokens that are not enough are refused on the page, and nothing is stored"
    before = world.account_files()
    world.server.script("token", Reply(json={"access_token": "x", "token_type": "Bearer"}))
    login = world.begin(provider="scripted")
    _, page = login.browse()
    assert "You are not signed in" in page and "no refresh token" in page, page
    login.end(78)
    assert world.account_files() == before


def browse_aside(login):
    """browse() in a thread; returns the thread, whose page is set at its end."""
    class Person(threading.Thread):
        page = None

        def run(self):
            self.page = login.browse()[1]
    login.url                   # it must be printed first
    person = Person(daemon=True)
    person.start()
    return person


@tap.promise
def name_that_turns(world):
    "a name that would turn the direction of the text does so neither on the page nor on the terminal"
    login = world.begin(provider="scripted")
    world.server.claims = {"email": "bob\u202e@example.com"}
    try:
        page = login.browse()[1]
    finally:
        world.server.claims = None
    text = login.end(77)
    for shown in (page, text):
        assert "bob @example.com" in shown and "\u202e" not in shown, shown


@tap.promise
def not_stored(world):
    "a helper that has gone: it is tried again, Ctrl-C ends that; the page and the terminal say so"
    login = world.begin(provider="scripted")
    login.url
    world.helper.stop()
    try:
        person = browse_aside(login)
        wait_for(lambda: "trying for a minute" in login.log(), 30)
        login.interrupt()
        text = login.end(-signal.SIGINT)
        person.join(10)
        assert "You signed in, but the tokens could not be kept." in person.page, person.page
        assert "the helper did not store the tokens" in text, text
        assert f"{login.user}.conf" in world.account_files(), "the text says that it stays"
    finally:
        world.helper.start()


@tap.promise
def interrupted_store(world):
    "Ctrl-C between the account's file and the store waits: the account is whole, the page right"
    login = world.begin(provider="scripted")
    login.url
    world.helper.process.send(signal.SIGSTOP)
    try:
        person = browse_aside(login)
        path = f"{login.user}.conf"
        wait_for(lambda: path in world.account_files(), 20)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            login.interrupt(number)
        assert login.process.alive()
    finally:
        world.helper.process.send(signal.SIGCONT)
    assert login.process.wait(30) in (-signal.SIGINT, -signal.SIGTERM, -signal.SIGHUP), login.log()
    person.join(10)
    assert "You are signed in" in person.page, person.page
    assert "Restart programs that were already running." in login.log(), login.log()
    assert world.helper.token(login.user)["status"] == "ok"


@tap.promise
def interrupted_early(world):
    "Ctrl-C before anybody signed in, most of all while a new account is tried: no file is left"
    before = sorted(world.account_files())
    seen = 0
    for step in range(24):
        login = world.begin(provider="scripted")
        if step % 2:
            time.sleep(step / 200)
        else:
            while login.process.alive() and "code_challenge" not in login.log():
                if [name for name in world.account_files() if name.startswith(".")]:
                    seen += 1
                    break
        login.interrupt()
        login.end(-signal.SIGINT)
        assert sorted(world.account_files()) == before, (step, world.account_files())
    tap.note(f"the trial was seen {seen} times")


@tap.promise
def interrupted_redeem(world):
    "while the provider is asked for tokens nobody listens any more; Ctrl-C leaves nothing"
    before = world.account_files()
    world.server.script("token", Reply(silent=True))
    count = len(world.server.seen("token"))
    login = world.begin(provider="scripted")
    answer = f"GET {world.answer(login)} HTTP/1.1\r\nHost: {login.redirect.netloc}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", login.redirect.port), 10) as browser:
        browser.sendall(answer.encode())
        world.server.wait_seen("token", count + 1)
        assert not listening(login.redirect.port), "the answer has come, so nobody listens"
        login.interrupt()
        login.end(-signal.SIGINT)
    assert world.account_files() == before


# ---- the person and the machine


@tap.promise
def as_another(world):
    "--as names whom to sign in as: it is the login_hint"
    login = world.begin("--as", "alice@partner.example", provider="scripted")
    assert login.query["login_hint"] == "alice@partner.example"
    assert "To sign in as alice@partner.example" in login.log()
    login.interrupt()
    for value in ("", "a\nb"):
        assert "--as is empty" in world.helper.cli("login", "--as", value, "x").stderr


def script(world, name, text):
    """A command that stands for a browser; returns its path and that of what it wrote."""
    path = world.env.path(name + ".out")
    return world.env.write(name, text.replace("OUT", path), 0o755), path


def own_helper(world):
    """A helper of a user who is not root, and who that is."""
    if not hasattr(world, "own"):
        uid = "daemon" if os.geteuid() == 0 else None
        if uid:
            world.own = Helper(world.env, world.server, providers=world.providers,
                               user=uid).start()
            world.env.mkdir(f"{world.own.name}/config_home/sasl-bearer/accounts.d", 0o755, uid)
        else:
            world.own = world.helper
        os.chmod(world.env.mkdir("browsers"), 0o777)
    return world.own


def begin_own(world, browser, *words, provider="scripted", display=None):
    """A sign-in of that user."""
    helper = own_helper(world)
    user = world.user()
    which = ["--user"] if helper.user else ["--config", helper.config]
    return SignIn(world, user, [built("sasl-bearer"), *which, "login", *words, "--provider", provider,
                                "--client-id", "test-client", user], uid=helper.user,
                  env={**helper.environment, "BROWSER": browser, "DISPLAY": display})


@tap.promise
def opens_browser(world):
    "BROWSER is run with the address: as its last word, or for %s; what is missing is passed over"
    own_helper(world)
    path, out = script(world, "browsers/open", '#!/bin/sh\nprintf "%s\\n" "$@" >OUT.new; '
                       'test -t 0 || echo no terminal >>OUT.new; mv OUT.new OUT\n')
    for browser, words in ((path, []), (f"nonsense:{path} --new", ["--new"]),
                           (f"/nonexistent:{path} -a %s -b", ["-a", None, "-b"])):
        login = begin_own(world, browser)
        wait_for(lambda: os.path.exists(out), 20, "the browser")
        with open(out, encoding="utf-8") as f:
            seen = f.read().splitlines()
        os.unlink(out)
        expected = [login.url if word is None else word for word in words]
        if None not in words:
            expected.append(login.url)
        assert seen == [*expected, "no terminal"], seen
        assert "A browser shows the page" in login.log(), login.log()
        assert "You are signed in" in login.browse()[1]
        login.end()


@tap.promise
def browser_fails(world):
    "a browser that cannot be opened is said, once, and the address opened by hand is as good"
    own_helper(world)
    path, _ = script(world, "browsers/fail", "#!/bin/sh\nexit 3\n")
    login = begin_own(world, path)
    wait_for(lambda: "could not open a browser" in login.log(), 20)
    assert "You are signed in" in login.browse()[1]
    text = login.end()
    assert text.count("could not open a browser") == 1, text
    assert f'"{path}" could not open a browser; open the address above by hand' in text, text


@tap.promise
def root_opens_none(world):
    "root's command line starts no browser: it prints the address"
    if os.geteuid() != 0:
        tap.skip("needs root")
    own_helper(world)
    path, out = script(world, "browsers/root", "#!/bin/sh\ntouch OUT\n")
    login = world.begin(way=None, provider="scripted", env={"BROWSER": path, "DISPLAY": ":9"})
    assert "open this address in a browser of this machine" in login.log() or login.url
    assert "the browser of this machine (--browser).\nOther ways: --device, --paste.\n" in login.log()
    login.browse()
    login.end()
    assert not os.path.exists(out)


@tap.promise
def ways(world):
    "without an option: a browser where one can be opened, else a device code, else pasting"
    own_helper(world)
    path, _ = script(world, "browsers/true", "#!/bin/sh\nexit 0\n")
    for provider, browser, display, way in (
            ("scripted", path, None, "browser"), ("scripted", None, None, "device"),
            ("scripted", "/nonexistent", ":9", None), ("scripted", None, ":9", None),
            ("pasted", path, None, "device")):
        login = begin_own(world, browser, provider=provider, display=display)
        # with a screen it depends on whether this machine has xdg-open or its like
        known = [way] if way else ["browser", "device"]
        wait_for(lambda: any(f"(--{w})" in login.log() for w in known), 20, known)
        login.interrupt()
        login.end(-signal.SIGINT)
    world.helper.providers["nodevice"] = {
        **{k: v for k, v in world.providers["scripted"].items() if not k.startswith("device")}}
    world.helper.reload()
    login = world.begin(way=None, provider="nodevice")
    assert "(--paste).\nOther ways: --browser.\n" in login.end(66)
    for way, words in (("--browser", "no authorization_endpoint is known"),
                       ("--paste", "no authorization_endpoint is known")):
        text = world.begin(way=way, provider="bare").end(78)
        assert f'provider "bare" has no sign-in with {way}: {words}' in text, text
    text = world.begin(provider="pasted").end(78)
    assert "redirect_uri is not an http address of this machine; use --device, --paste" in text, text


# ---- pasting


def follow(world, url):
    """Where the scripted provider sends a browser."""
    class Stay(urllib.request.HTTPRedirectHandler):
        def redirect_request(self, *_args):
            return None
    try:
        opener(world.env.tls().client(), Stay).open(url, timeout=10)
    except urllib.error.HTTPError as e:
        return e.headers["Location"]
    raise AssertionError("no redirect")


class Terminal:
    """sasl-bearer login --paste on a terminal, perhaps by a shell, and a person at it."""

    def __init__(self, world, provider="scripted", shell=()):
        self.user = world.user()
        self.master, slave = pty.openpty()
        self.seen = b""
        self.before = termios.tcgetattr(slave)
        self.slave = slave
        self.process = subprocess.Popen(
            [*shell, built("sasl-bearer"), "--config", world.helper.config, "login", "--paste",
             "--provider", provider, "--client-id", "test-client", *ALLOW, self.user],
            stdin=slave, stdout=slave, stderr=slave, start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
            env=environment({"HOME": world.env.dir, **world.helper.environment}))
        world.env.cleanup(self.process.kill)
        self.expect(b"(it is not shown): ")
        self.url = re.search(rb"^    (https?://\S+code_challenge=\S+?)\r?$", self.seen, re.M)[1].decode()

    def expect(self, text, timeout=20):
        """Read until that text comes; forgets all before it."""
        end = time.monotonic() + timeout
        self.seen = b""
        while text not in self.seen:
            assert time.monotonic() < end, (text, self.seen)
            if select.select([self.master], [], [], 0.1)[0]:
                try:
                    self.seen += os.read(self.master, 4096)
                except OSError:
                    raise AssertionError((text, self.seen)) from None

    def hidden(self):
        """Whether what is typed is not shown; so the program reads."""
        return not termios.tcgetattr(self.slave)[3] & termios.ECHO

    def type(self, text):
        wait_for(self.hidden, 10, "the prompt")
        for at in range(0, len(text), 512):
            os.write(self.master, text[at:at + 512].encode())

    def end(self, rc):
        """Wait for the end; the terminal must be as it was."""
        if rc == 0:
            self.expect(b"Restart programs that were already running.")
        assert self.process.wait(20) == rc, (self.process.returncode, self.seen)
        after = termios.tcgetattr(self.slave)
        assert after == self.before, (self.before, after)
        os.close(self.master)
        os.close(self.slave)


@tap.promise
def pastes(world):
    "--paste: the address, or only its query, from standard input; a redirect_uri without a port"
    for provider, base in (("scripted", "http://127.0.0.1/"),
                           ("pasted", "https://login.example.com/nativeclient")):
        for cut in (False, True):
            user = world.user()
            p = subprocess.Popen(
                [built("sasl-bearer"), "--config", world.helper.config, "login", "--paste",
                 "--provider", provider, "--client-id", "test-client", *ALLOW, user],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                env=environment(world.helper.environment))
            world.env.cleanup(p.kill)
            text = ""
            while "paste it here" not in text:
                line = p.stdout.readline()
                assert line, text
                text += line
            address = follow(world, re.search(r"^    (https://.*)$", text, re.M)[1])
            assert address.startswith(base + "?"), address
            out, _ = p.communicate((address.partition("?")[2] if cut else address) + "\n", 30)
            assert p.returncode == 0, text + out
            assert f"begins with\n    {base}\n" in text, text
            assert world.helper.state(user)["flow"] == "paste"
            assert world.helper.token(user)["status"] == "ok"


@tap.promise
def pastes_wrong(world):
    "--paste without a terminal: what is wrong is explained, exit 65, 66 or the error's, no account"
    before = world.account_files()
    right = "http://127.0.0.1/?code=x&state=" + "x" * 43
    for line, rc, words in ((right + "\n", 65, "belongs to another sign-in"),
                            ("http://127.0.0.1/\n", 65, "not an address that begins with"),
                            ("http://example.com/?code=x\n", 65, "not an address that begins with"),
                            ("hello\n", 65, "not an address that begins with"),
                            ("\n", 65, "not an address that begins with"),
                            (world.server.endpoint("authorize") + "?client_id=x\n", 65,
                             "that is the address to open"),
                            ("", 66, "nothing was pasted"), ("x" * 20000, 66, "too long")):
        done = world.helper.cli("login", "--paste", "--provider", "scripted", "--client-id", "x",
                                world.user(), input=line)
        assert done.rc == rc and words in done.stderr, (line[:80], done)
    assert world.account_files() == before


@tap.promise
def pastes_at_terminal(world):
    "--paste at a terminal: wrong ones are asked for again, a refusal too; nothing is shown"
    t = Terminal(world)
    for text, words in (("nonsense\n", b"not an address that begins with"),
                        (t.url + "\n", b"that is the address to open"),
                        (urllib.parse.parse_qs(t.url)["state"][0].join(
                            ("http://127.0.0.1/?error=access_denied&state=", "\n")),
                         b"the permission was not given")):
        t.type(text)
        t.expect(words)
        t.expect(b"(it is not shown): ") if b"(it is not shown): " not in t.seen else None
    address = follow(world, t.url)
    t.type("garbage\x15wrong" + "\x7f" * 5 + address + "\n")
    code = urllib.parse.parse_qs(urllib.parse.urlsplit(address).query)["code"][0]
    t.end(0)
    assert code.encode() not in t.seen
    assert world.helper.token(t.user)["status"] == "ok"
    t = Terminal(world)
    for _ in range(5):
        t.type("\n")
        t.expect(b"not an address that begins with")
    t.end(65)


@tap.promise
def pastes_much(world):
    "--paste at a terminal takes an address that is longer than a terminal's line"
    t = Terminal(world)
    t.type(follow(world, t.url).replace("?", "?session_state=" + "s" * 12000 + "&") + "\n")
    t.end(0)
    assert world.helper.token(t.user)["status"] == "ok"


@tap.promise
def pastes_interrupted(world):
    "Ctrl-C, SIGTERM and Ctrl-D at the prompt of --paste: the terminal is as it was, nothing is left"
    before = world.account_files()
    t = Terminal(world)
    t.type("http://127.0.0.1/?code\x03")
    t.expect(b"Interrupted: nothing was stored.")
    t.end(-signal.SIGINT)
    t = Terminal(world)
    wait_for(t.hidden, 10)
    t.process.send_signal(signal.SIGTERM)
    t.end(-signal.SIGTERM)
    t = Terminal(world)
    t.type("\x04")
    t.end(66)
    assert world.account_files() == before


@tap.promise
def pastes_stopped(world):
    "Ctrl-Z at the prompt of --paste: the shell has the terminal as it was; fg asks again"
    t = Terminal(world, shell=("sh", "-mc", '"$0" "$@"; stty -a; echo stopped; fg'))
    address = follow(world, t.url)
    t.type("half of an address\x1a")
    t.expect(b"stopped\r\n")
    modes = re.search(rb"-?\becho\b", t.seen), re.search(rb"-?\bicanon\b", t.seen)
    assert [m[0] for m in modes] == [b"echo", b"icanon"], t.seen
    if b"(it is not shown): " not in t.seen.rpartition(b"stopped")[2]:
        t.expect(b"(it is not shown): ")
    t.type(address + "\n")
    t.end(0)


@tap.promise
def no_secret(world):
    "codes and verifiers are in no log"
    codes = {form[name] for form in (r.form for r in world.server.seen("token"))
             for name in ("code", "code_verifier") if name in form}
    assert len(codes) >= 4, codes
    logs = "".join(process.log() for process in world.env.processes)
    assert len(logs) > 1000
    for code in codes:
        assert code not in logs


tap.main(World, timeout=600)
