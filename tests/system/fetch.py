#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""fetch - sasl-bearer-fetch against providers that work, lie, stall and break"""

import base64
import ctypes
import email.utils
import fcntl
import hashlib
import http.client
import json
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
import urllib.parse
import warnings

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "lib"))

import protocol
import tap
from env import built, environment
from oauthd import OAuthServer, Reply

FETCH = built("sasl-bearer-fetch")
SECRET = "a&b+c%41=d secret"
NAME = "login.example.com"      # a host that is no loopback; reached through a proxy only
METADATA = "169.254.169.254"     # of clouds
NO_SERVICE = "; this machine seems to have no metadata service: "
SECRETS = ("client_secret", "refresh_token", "device_code", "token", "code_verifier", "code",
           "assertion", "client_assertion")


class Listener:
    """A listening socket with a thread that serves each connection by a function."""

    def __init__(self, serve, address=("127.0.0.1", 0)):
        self.serve, self.connections = serve, 0
        self.socket = socket.create_server(address)
        self.port = self.socket.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self):
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._one, args=(connection,), daemon=True).start()

    def _one(self, connection):
        with connection:
            try:
                self.serve(connection)
            except OSError:
                pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()


def head(connection):
    """Read a request's head."""
    data = b""
    while b"\r\n\r\n" not in data:
        more = connection.recv(4096)
        if not more:
            break
        data += more
    return data.decode("latin-1")


def raw(answer):
    """A provider that sends these bytes, whatever is asked, and closes."""
    def serve(connection):
        text = head(connection)
        length = re.search(r"content-length: (\d+)", text, re.I)
        have = len(text.partition("\r\n\r\n")[2])
        while length and have < int(length[1]):
            have += len(connection.recv(4096)) or 1 << 30
        for piece in [answer] if isinstance(answer, bytes) else answer:
            connection.sendall(piece)
    return Listener(serve)


def proxy(target, seen):
    """A proxy that connects everybody to `target`, whatever host is asked for; None: 403."""
    def pump(source, sink):
        try:
            while data := source.recv(65536):
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def serve(connection):
        seen.append(head(connection))
        if target is None:
            connection.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
            return
        with socket.create_connection(("127.0.0.1", target)) as other:
            connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
            back = threading.Thread(target=pump, args=(other, connection), daemon=True)
            back.start()
            pump(connection, other)
            back.join()
    return Listener(serve)


def in_own_network(function):
    """Run a function in a thread that has a network of its own, where nothing is up."""
    tap.need(os.geteuid() == 0, "uid 0")
    tap.require("ip")
    result = []

    def run():
        try:
            if ctypes.CDLL(None, use_errno=True).unshare(0x40000000):    # CLONE_NEWNET
                tap.skip(f"unshare: {os.strerror(ctypes.get_errno())}")
            result.append(function())
        except BaseException as e:      # of the test: it is raised again below
            result.append(e)
    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if isinstance(result[0], BaseException):
        raise result[0]
    return result[0]


class World:
    """The provider, and requests to it."""

    def __init__(self, env):
        self.env = env
        self.ca = env.tls().ca
        self.server = OAuthServer(tls=env.tls()).start()
        env.cleanup(self.server.stop)

    def message(self, **attributes):
        given = {name: value for name, value in attributes.items() if value is not None}
        return protocol.encode({"protocol": 1, **given}).decode()

    def refresh(self, **changes):
        """The attributes of a refresh."""
        return {"operation": "token", "grant": "refresh_token", "client_id": "test-client",
                "client_secret": SECRET, "refresh_token": "no-such-refresh-token",
                "token_endpoint": self.server.endpoint("token"), "ca_file": self.ca,
                "timeout_ms": 20000, **changes}

    def identity(self, **changes):
        """The attributes of a token for a managed identity."""
        return {"operation": "token", "grant": "managed_identity", "timeout_ms": 20000,
                "identity_resource": "https://outlook.office365.com", "ca_file": self.ca,
                "identity_endpoint": self.server.url + "/metadata/identity/oauth2/token",
                **changes}

    def code(self, verifier, redirect_uri, user="alice@example.com"):
        """Sign in as a browser would; returns the code."""
        digest = hashlib.sha256(verifier.encode()).digest()
        query = urllib.parse.urlencode({
            "client_id": "test-client", "response_type": "code", "login_hint": user,
            "scope": "mail offline_access", "redirect_uri": redirect_uri, "state": "s",
            "code_challenge": base64.urlsafe_b64encode(digest).decode().rstrip("="),
            "code_challenge_method": "S256"})
        browser = http.client.HTTPSConnection(
            "127.0.0.1", self.server.port, context=ssl.create_default_context(cafile=self.ca))
        browser.request("GET", f"/common/oauth2/v2.0/authorize?{query}")
        where = browser.getresponse().headers["Location"]
        browser.close()
        return urllib.parse.parse_qs(where.partition("?")[2])["code"][0]

    def fetch(self, environ=None, **attributes):
        """Run it: one message out, exit 0, nothing on stderr, no secret of the request out."""
        rc, out, err = self.env.run([FETCH], input=self.message(**attributes), env=environ)
        assert (rc, err) == (0, ""), (rc, out, err)
        reply = self.parse(out)
        for name in SECRETS:
            assert not attributes.get(name) or attributes[name] not in out, (name, out)
        if reply["status"] != "ok":
            assert 0 < len(reply["reason"].encode()) <= 1024, reply
            assert "access_token" not in reply, reply
        return reply

    def parse(self, out):
        [reply] = protocol.decode(out.encode())
        assert reply["protocol"] == "1" and out.startswith("protocol=1\nstatus="), out
        return reply

    def expect(self, status, reason, **attributes):
        """Run it; check the status and a pattern in the reason."""
        reply = self.fetch(**attributes)
        assert reply["status"] == status, reply
        assert re.search(reason, reply["reason"]), reply
        return reply

    def fetch_with(self, source, target, **attributes):
        """Run it where `source` is mounted over `target`, a file of the system."""
        tap.need(os.geteuid() == 0, "uid 0")
        script = f"mount --bind {source} {os.path.realpath(target)} && exec {FETCH}"
        rc, out, err = self.env.run(["unshare", "-m", "sh", "-c", script],
                                    input=self.message(**attributes))
        if "unshare" in err or "mount" in err:
            tap.skip(err.strip())
        assert (rc, err) == (0, ""), (rc, out, err)
        return self.parse(out)

    def start(self, program, attributes, **popen):
        """Start it with a request and leave it running."""
        process = subprocess.Popen(
            [program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            text=True, env=environment(), close_fds=False, **popen)
        process.stdin.write(self.message(**attributes))
        process.stdin.close()
        process.stdin = None
        return process


def setup(env):
    return World(env)


def gave_up(reply, least, most):
    """Check after how many seconds it gave up, by its own clock: the machine may be slow."""
    after = re.search(r" after ([0-9.]+) s$", reply["reason"])
    assert after and least <= float(after[1]) < most, reply


@tap.promise
def refreshes(w):
    "a refresh brings the new tokens"
    w.server.forget()
    old = w.server.issue("alice@example.com")["refresh_token"]
    reply = w.fetch(**w.refresh(refresh_token=old, scope="mail offline_access"))
    assert reply["status"] == "ok" and reply["expires_in"] == "3599", reply
    assert reply["refresh_token"] == w.server.newest_refresh_token("alice@example.com")
    assert reply["access_token"] in w.server.access
    assert "token_endpoint" not in reply and "id_token" not in reply, reply


@tap.promise
def asks_politely(w):
    "the request says who asks and wants JSON, and does not want it compressed"
    w.server.forget()
    w.fetch(**w.refresh())
    [request] = w.server.seen()
    assert request.method == "POST", request
    assert re.fullmatch(r"sasl-bearer/[0-9.]+", request.headers["user-agent"]), request
    assert request.headers["accept"] == "application/json"
    assert request.headers["content-type"] == "application/x-www-form-urlencoded"
    for name in ("accept-encoding", "authorization", "cookie", "expect"):
        assert name not in request.headers, request.headers


@tap.promise
def encodes(w):
    "R1: a secret with every special character arrives as it is"
    w.server.forget()
    w.fetch(**w.refresh())
    [request] = w.server.seen("token")
    assert request.form["client_secret"] == SECRET and len(request.pairs) == 4, request


@tap.promise
def encodes_basic(w):
    "with client_auth=basic the same secret goes form-encoded into the header alone"
    w.server.forget()
    w.server.clients = {"a:b": SECRET}
    old = w.server.issue("alice@example.com", "a:b")["refresh_token"]
    reply = w.fetch(**w.refresh(client_id="a:b", refresh_token=old, client_auth="basic"))
    w.server.clients = None
    assert reply["status"] == "ok", reply
    assert "client_secret" not in w.server.seen()[0].form, w.server.seen()


@tap.promise
def omits_empty_secret(w):
    "R2: an empty client_secret is not sent at all"
    for secret in (None, ""):
        w.server.forget()
        w.fetch(**w.refresh(client_secret=secret))
        assert "client_secret" not in w.server.seen()[0].form, w.server.seen()


@tap.promise
def no_redirect(w):
    "R3: a redirect is not followed, and nothing is sent to where it points"
    with raw(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}") as other:
        for status in (301, 302, 303, 307, 308):
            w.server.forget()
            w.server.script("token", Reply(status, headers={"Location": other.url + "/token"}))
            w.expect("temporary", f"HTTP {status}, a redirect", **w.refresh())
            assert len(w.server.seen()) == 1
        assert other.connections == 0


@tap.promise
def silence(w):
    "H2: a provider that says nothing costs no more than the timeout, and the reason says so"
    w.server.forget()
    w.server.script("token", Reply(silent=True))
    gave_up(w.expect("temporary", r"^127\.0\.0\.1 did not answer after \S+ s$",
                     **w.refresh(timeout_ms=3000)), 2, 20)


@tap.promise
def silence_before_tls(w):
    "a provider that accepts the connection and never speaks TLS neither"
    server = OAuthServer(tls=w.env.tls()).start()
    server.mute = True
    gave_up(w.expect("temporary", r"^cannot connect to 127\.0\.0\.1: no answer after \S+ s$",
                     **w.refresh(token_endpoint=server.endpoint("token"), timeout_ms=1500)), 1, 20)
    server.stop()


@tap.promise
def drip(w):
    "nor does one that sends a byte at a time"
    w.server.forget()
    w.server.script("token", Reply(json={"access_token": "x" * 1000}, drip=0.05))
    gave_up(w.expect("temporary", r"the answer of 127\.0\.0\.1 was not complete after",
                     **w.refresh(timeout_ms=3000)), 2, 20)


@tap.promise
def nobody_there(w):
    "a refused connection is temporary and says so"
    w.expect("temporary", r"^cannot connect to 127\.0\.0\.1: Connection refused$",
             **w.refresh(token_endpoint=f"https://127.0.0.1:{w.env.port()}/token"))


@tap.promise
def no_such_name(w):
    "a name that cannot be resolved is temporary and says so"
    w.expect("temporary", r"^cannot resolve nosuch\.invalid",
             **w.refresh(token_endpoint="https://nosuch.invalid/token"))


@tap.promise
def silent_dns(w):
    "a DNS that says nothing does not hold it beyond the timeout"
    # an address of our own, for tests that run at the same time
    address = f"127.{os.getpid() >> 8 & 255}.{os.getpid() & 255}.53"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as dns:
        try:
            dns.bind((address, 53))
        except OSError as e:
            tap.skip(f"{address}:53: {e}")
        conf = w.env.write("resolv.conf", f"nameserver {address}\n")
        reply = w.fetch_with(conf, "/etc/resolv.conf", **w.refresh(
            token_endpoint="https://login.example.com/", timeout_ms=1000))
    assert reply["status"] == "temporary", reply
    gave_up(reply, 0.5, 5)             # 5 s: when the resolver asks again
    assert "cannot resolve login.example.com: no answer" in reply["reason"], reply


@tap.promise
def too_long(w):
    "H3: an endless answer is given up at 256 KiB"
    w.server.forget()
    w.server.script("token", Reply(megabytes=10))
    w.expect("temporary", r"the answer of 127\.0\.0\.1 is too long", **w.refresh())
    lines = (b"X-Header-%d: %s\r\n" % (i, b"x" * 1000) for i in range(100000))
    with raw([b"HTTP/1.1 200 OK\r\n", *[next(lines) for _ in range(2000)]]) as p:
        w.expect("temporary", "too long", **w.refresh(token_endpoint=p.url))


@tap.promise
def endless(w):
    "H3: a provider that sends 800 MB in the time it has costs a child 32 MB at the most"
    sent = []

    def flood():
        yield b"HTTP/1.1 200 OK\r\n\r\n"
        for _ in range(800):
            yield b"x" * (1 << 20)
            sent.append(1)
    with raw(flood()) as p:
        process = w.start(FETCH, w.refresh(token_endpoint=p.url, timeout_ms=60000))
        out = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
    process.returncode = status
    assert status == 0 and "is too long" in out, (status, out)
    assert len(sent) < 16, "it was read on"
    assert usage.ru_maxrss < 32 << 10, f"{usage.ru_maxrss} KiB"


@tap.promise
def reset(w):
    "a connection that is reset in the answer is temporary"
    w.server.forget()
    w.server.script("token", Reply(json={"access_token": "x" * 3000}, reset=True),
                    Reply(close=True))
    w.expect("temporary", r"^the connection to 127\.0\.0\.1 broke off: ", **w.refresh())
    w.expect("temporary", r"^the connection to 127\.0\.0\.1 broke off: ", **w.refresh())


@tap.promise
def whole_json(w):
    "a whole JSON object counts although the connection broke: a new refresh token is not lost"
    text = b'{"access_token":"new","refresh_token":"rotated"}'
    with raw(b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n" + text) as p:
        reply = w.fetch(**w.refresh(token_endpoint=p.url))
        assert (reply["status"], reply["refresh_token"]) == ("ok", "rotated"), reply
    with raw(b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n" + text[:-1]) as p:
        w.expect("temporary", "broke off", **w.refresh(token_endpoint=p.url))


@tap.promise
def not_http(w):
    "what is no HTTP, or no JSON, is temporary"
    for text in (b"220 mail.example.com ESMTP\r\n", b"\0" * 100, b""):
        with raw(text) as p:
            w.expect("temporary", "127.0.0.1", **w.refresh(token_endpoint=p.url))
    check = "; check token_endpoint"
    for body, reason in (("<html>%n%s</html>", "HTTP 200 with a text/html body" + check),
                         ("", "HTTP 200 without a body" + check),
                         ('{"a":' * 50000, "HTTP 200 with a text/html body" + check),
                         ("[1]", "HTTP 200 with a text/html body" + check),
                         ("{}", "HTTP 200 without a usable access_token")):
        w.server.forget()
        w.server.script("token", Reply(body=body, headers={"Content-Type": "text/html"}))
        w.expect("temporary", f"^127\\.0\\.0\\.1: {reason}$", **w.refresh())


@tap.promise
def wrong_content_type(w):
    "R5: JSON under a wrong content type is read"
    w.server.forget()
    w.server.script("token", Reply(json={"access_token": "a", "expires_in": "7"},
                                   headers={"Content-Type": "text/html"}))
    reply = w.fetch(**w.refresh())
    assert (reply["status"], reply["expires_in"]) == ("ok", "7"), reply


@tap.promise
def untrusted(w):
    "a certificate of an unknown authority is refused; nothing in the environment makes it good"
    w.server.forget()
    reason = r"^the certificate of 127\.0\.0\.1 is not trusted: .*set ca_file"
    w.expect("temporary", reason, **w.refresh(ca_file=None))
    w.expect("temporary", reason, **w.refresh(ca_file=None),
             environ={"SSL_CERT_FILE": w.ca, "CURL_CA_BUNDLE": w.ca})
    assert not w.server.seen()


@tap.promise
def bad_certificates(w):
    "a certificate for another name, or an expired one, is refused before anything is sent"
    for pair, reason in ((w.env.tls().wrong_host(), "is not for that name"),
                         (w.env.tls().expired(), "has expired; is this machine's clock right?")):
        server = OAuthServer(tls=pair).start()
        w.expect("temporary", reason, **w.refresh(token_endpoint=server.endpoint("token")))
        server.stop()
        assert not server.seen()


@tap.promise
def old_tls(w):
    "TLS below 1.2 is refused, also where the system's OpenSSL would do it"
    directory = w.env.run(["openssl", "version", "-d"]).stdout.split('"')[1]
    conf = w.env.write("openssl.cnf", "openssl_conf = a\n[a]\nssl_conf = b\n"
                       "[b]\nsystem_default = c\n"
                       "[c]\nMinProtocol = TLSv1\nCipherString = ALL:@SECLEVEL=0\n")
    server = OAuthServer(tls=w.env.tls())
    server.context.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings(action="ignore"):
        server.context.minimum_version = ssl.TLSVersion.TLSv1
        server.context.maximum_version = ssl.TLSVersion.TLSv1_1
    server.start()
    reply = w.fetch_with(conf, directory + "/openssl.cnf",
                         **w.refresh(token_endpoint=server.endpoint("token")))
    server.stop()
    assert reply["status"] == "temporary" and not server.seen(), reply
    assert reply["reason"].startswith("TLS with 127.0.0.1 failed"), reply


@tap.promise
def no_ca_file(w):
    "a ca_file that cannot be used is a mistake in the configuration"
    w.expect("config", "CA certificates cannot be used.*/nonexistent",
             **w.refresh(ca_file="/nonexistent"))


@tap.promise
def plain_http(w):
    "plain http is refused but for loopback, and nothing is sent"
    seen = []
    with proxy(None, seen) as p:
        for endpoint in (f"http://{NAME}/token", "http://169.254.169.254/token",
                         f"http://127.0.0.1.{NAME}/token", "http://0.0.0.0/token"):
            w.expect("config", "^token_endpoint is plain http",
                     **w.refresh(token_endpoint=endpoint, proxy=p.url))
        for attributes in (
                {"operation": "discover", "issuer": f"http://{METADATA}/"},
                {"operation": "token", "grant": "jwt_bearer", "assertion": "a.b.c",
                 "token_endpoint": f"http://{METADATA}/"},
                {"operation": "revoke", "token": "dead",
                 "revocation_endpoint": f"http://{METADATA}/"},
                w.identity(identity_endpoint=f"http://{NAME}/token"),
                w.identity(identity_endpoint="http://169.254.169.253/token")):
            w.expect("config", " is plain http", **{**attributes, "proxy": p.url})
        for endpoint in ("ftp://127.0.0.1/", "file:///etc/passwd", "gopher://127.0.0.1/",
                         f"http://127.0.0.1@{NAME}/", "127.0.0.1/token", "%s%n"):
            w.expect("config", "^token_endpoint is not a URL",
                     **w.refresh(token_endpoint=endpoint, proxy=p.url))
        assert p.connections == 0, seen
    server = OAuthServer(host="localhost").start()
    reply = w.expect("login_required", "invalid_grant",
                     **w.refresh(token_endpoint=server.endpoint("token")))
    server.stop()
    assert reply["error"] == "invalid_grant", reply


@tap.promise
def uses_proxy(w):
    "a proxy in the request is used, for other hosts than loopback"
    seen = []
    server = OAuthServer(tls=w.env.tls().pair("login", f"DNS:{NAME}")).start()
    old = server.issue("alice@example.com")["refresh_token"]
    with proxy(server.port, seen) as p:
        reply = w.fetch(**w.refresh(token_endpoint=f"https://{NAME}/common/oauth2/v2.0/token",
                                    refresh_token=old, proxy=p.url))
        assert reply["status"] == "ok", reply
        assert len(seen) == 1 and seen[0].startswith(f"CONNECT {NAME}:443 "), seen
        w.expect("login_required", "invalid_grant", **w.refresh(proxy=p.url))
        assert p.connections == 1, seen
    server.stop()
    with proxy(None, seen) as p:
        w.expect("temporary", "403", **w.refresh(
            token_endpoint=f"https://{NAME}/token",
            proxy=p.url.replace("//", "//user:pass-of-proxy@")))


@tap.promise
def no_environment(w):
    "proxies of the environment are ignored"
    seen = []
    with proxy(None, seen) as p:
        names = ("http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY")
        environ = {name: p.url for name in names}
        w.expect("temporary", "^cannot resolve", environ=environ,
                 **w.refresh(token_endpoint="https://login.nosuch.invalid/token"))
        w.expect("login_required", "invalid_grant", environ=environ, **w.refresh())
        assert p.connections == 0, seen


@tap.promise
def no_key_log(w):
    "nor does the environment make it write the keys of its connection"
    path = w.env.path("keys")
    w.expect("login_required", "invalid_grant", environ={"SSLKEYLOGFILE": path}, **w.refresh())
    assert not os.path.exists(path)


@tap.promise
def retry_after(w):
    "R8: Retry-After is passed on, in seconds and as a date, and bounded"
    def soon(seconds):
        return email.utils.formatdate(time.time() + seconds, usegmt=True)
    for header, low, high in (("17", 17, 17), ("999999999999999999999", 86400, 86400),
                              (soon(120), 118, 121), (soon(-120), 0, 0), (soon(1e7), 86400, 86400)):
        for status in (429, 503):
            w.server.forget()
            w.server.script("token", Reply(status, headers={"Retry-After": header}))
            reply = w.expect("temporary", f"HTTP {status} ", **w.refresh())
            assert low <= int(reply["retry_after"]) <= high, (header, reply)
            assert reply["http_status"] == str(status)
    slow = time.time() - 3600       # the provider's clock is an hour behind
    answer = (f"HTTP/1.1 503 X\r\nContent-Length: 0\r\nDate: {email.utils.formatdate(slow)}\r\n"
              f"retry-after:  {email.utils.formatdate(slow + 60)}\r\n\r\n")
    with raw(answer.encode()) as p:
        assert w.fetch(**w.refresh(token_endpoint=p.url))["retry_after"] == "60"
    w.server.script("token", Reply(503))
    assert "retry_after" not in w.fetch(**w.refresh())


@tap.promise
def provider_words(w):
    "W6: the provider's words are in the reason, on one line, without the request's secrets"
    reply = w.expect("login_required", r"^127\.0\.0\.1: invalid_grant: AADSTS70008: The provided "
                     r".* resource\. \(trace [0-9a-f-]{36}\); the sign-in has expired.*$",
                     **w.refresh())
    assert (reply["error"], reply["aadsts"]) == ("invalid_grant", "70008"), reply
    w.server.script("token", Reply.error(
        "invalid_client", f"secret {SECRET} or a%26b%2Bc%2541%3Dd%20secret\r\n%n", 401))
    reply = w.expect("config", r"invalid_client: secret \*\*\* or \*\*\* %n; check client_id",
                     **w.refresh())
    assert reply["http_status"] == "401", reply


@tap.promise
def discovers(w):
    "with the issuer alone, its metadata says where to post"
    w.server.forget()
    old = w.server.issue("alice@example.com")["refresh_token"]
    reply = w.fetch(**w.refresh(token_endpoint=None, issuer=w.server.url, refresh_token=old))
    assert reply["status"] == "ok", reply
    assert reply["token_endpoint"] == w.server.endpoint("token"), reply
    assert [r.path for r in w.server.seen()] == [
        "/.well-known/openid-configuration", "/common/oauth2/v2.0/token"], w.server.seen()


@tap.promise
def discovers_rfc8414(w):
    "RFC 8414's place is the second one"
    w.server.forget()
    issuer = w.server.url + "/tenant/v2.0"
    w.server.script("metadata", Reply(404))
    w.server.script("/.well-known/oauth-authorization-server/tenant/v2.0", Reply(json={
        "issuer": issuer, "token_endpoint": w.server.endpoint("token")}))
    reply = w.fetch(operation="discover", issuer=issuer, ca_file=w.ca)
    assert reply == {"protocol": "1", "status": "ok", "issuer": issuer,
                     "token_endpoint": w.server.endpoint("token")}, reply
    assert [r.path for r in w.server.seen()] == [
        "/tenant/v2.0/.well-known/openid-configuration",
        "/.well-known/oauth-authorization-server/tenant/v2.0"], w.server.seen()


@tap.promise
def discover_operation(w):
    "discover gives all the endpoints"
    w.server.forget()
    reply = w.fetch(operation="discover", issuer=w.server.url, ca_file=w.ca)
    assert reply["status"] == "ok", reply
    for name, kind in (("token", "token"), ("authorization", "authorize"),
                       ("device_authorization", "devicecode"), ("revocation", "revoke")):
        assert reply[name + "_endpoint"] == w.server.endpoint(kind), reply
    assert reply["issuer"] == w.server.url and "iss_parameter" not in reply, reply


@tap.promise
def reach_operation(w):
    "reach asks the token endpoint nothing at all, and tells its clock, whatever it answers"
    for status in (200, 405, 503):
        w.server.forget()
        w.server.script("token", Reply(status, headers={"Date": "Tue, 03 Nov 2026 10:00:00 GMT"}))
        reply = w.fetch(**w.refresh(operation="reach", client_secret="a-secret-of-ours"))
        assert reply["status"] == "ok" and reply["http_status"] == str(status), reply
        assert int(reply["date"]) == 1793700000, reply
        assert abs(int(reply["now"]) - time.time()) < 60, reply
        [request] = w.server.seen()
        assert request.kind == "token" and not request.form, request.form
        assert "authorization" not in {name.lower() for name in request.headers}, request.headers
    w.expect("temporary", "cannot connect to 127.0.0.1", operation="reach",
             token_endpoint="http://127.0.0.1:9/")
    w.expect("config", "neither token_endpoint nor issuer", operation="reach")


@tap.promise
def iss_parameter(w):
    "discover tells whether the issuer will name itself, RFC 9207"
    for value in (True, False):
        w.server.script("metadata", Reply(json={
            "issuer": w.server.url, "authorization_endpoint": w.server.endpoint("authorize"),
            "authorization_response_iss_parameter_supported": value}))
        reply = w.fetch(operation="discover", issuer=w.server.url, ca_file=w.ca)
        assert reply.get("iss_parameter") == ("yes" if value else None), reply


@tap.promise
def bad_metadata(w):
    "metadata of another issuer, or with a plain http endpoint, is refused; nothing is posted"
    good = {"issuer": w.server.url, "token_endpoint": w.server.endpoint("token")}
    for change, status, reason in (
            ({"issuer": "https://evil.example"}, "config", 'issuer "https://evil.example"'),
            ({"token_endpoint": "http://evil.example/"}, "config", "token_endpoint in its metadata"
             " is plain http"),
            ({"token_endpoint": None}, "config", "has no token_endpoint")):
        w.server.forget()
        w.server.always("metadata", Reply(json={**good, **change}))
        w.expect(status, reason, **w.refresh(token_endpoint=None, issuer=w.server.url))
        assert not w.server.seen("token"), w.server.seen()
    for answer, status in ((Reply(404), "config"), (Reply(503), "temporary"),
                           (Reply(body="<html>"), "temporary"), (Reply(307), "temporary")):
        w.server.always("metadata", answer)
        w.expect(status, "127.0.0.1", **w.refresh(token_endpoint=None, issuer=w.server.url))
    w.server.forget()


@tap.promise
def tenant_template(w):
    "Microsoft's {tenantid} in the metadata is no other issuer"
    w.server.forget()
    w.server.script("metadata", Reply(json={
        "issuer": w.server.url + "/{tenantid}/v2.0", "token_endpoint": w.server.endpoint("token")}))
    reply = w.fetch(operation="discover", issuer=w.server.url + "/common/v2.0", ca_file=w.ca)
    assert reply["status"] == "ok", reply


@tap.promise
def no_endpoint(w):
    "without an endpoint and an issuer it says so"
    w.expect("config", "neither token_endpoint nor issuer", **w.refresh(token_endpoint=None))


@tap.promise
def one_timeout(w):
    "the timeout is for discovery and the request together"
    w.server.forget()
    w.server.script("metadata", Reply(404, delay=1.5))
    w.server.script("metadata", Reply(silent=True))
    reply = w.expect("temporary", "did not answer after",
                     **w.refresh(token_endpoint=None, issuer=w.server.url, timeout_ms=3000))
    assert len(w.server.seen("metadata")) == 2
    gave_up(reply, 0, 3)                # the second had what the first left


@tap.promise
def device_flow(w):
    "the device flow: a code, pending, slow_down, and tokens"
    w.server.forget()
    start = w.fetch(operation="device_authorization", client_id="test-client", ca_file=w.ca,
                    scope="mail offline_access",
                    device_authorization_endpoint=w.server.endpoint("devicecode"))
    assert start["status"] == "ok" and start["interval"] == "1", start
    assert start["verification_uri"] == w.server.url + "/devicelogin", start
    assert start["user_code"] in start["message"] and "verification_uri_complete" not in start
    poll = {"operation": "token", "grant": "device_code", "client_id": "test-client",
            "device_code": start["device_code"], "ca_file": w.ca,
            "token_endpoint": w.server.endpoint("token")}
    for error in ("authorization_pending", "slow_down"):
        if error == "slow_down":
            w.server.slow_down(start["user_code"])
        assert w.expect("temporary", error, **poll)["error"] == error
    w.server.approve(start["user_code"], "alice@example.com")
    reply = w.fetch(**poll)
    assert reply["status"] == "ok" and reply["refresh_token"], reply
    assert w.expect("login_required", "", **poll)["error"] == "bad_verification_code"


@tap.promise
def device_flow_of_google(w):
    "R9: Google's names and statuses mean the same: 428 is pending, 403 is slow_down or a denial"
    w.server.forget()
    page = "https://www.google.com/device"
    w.server.script("devicecode", Reply(json={
        "device_code": "AH-1Ng", "user_code": "GQVQ-JKEC", "verification_url": page,
        "expires_in": "1800", "interval": "5"}))
    start = w.fetch(operation="device_authorization", client_id="a", ca_file=w.ca,
                    device_authorization_endpoint=w.server.endpoint("devicecode"))
    assert start["status"] == "ok" and start["verification_uri"] == page, start
    assert (start["expires_in"], start["interval"]) == ("1800", "5"), start
    for status, error, means in ((428, "authorization_pending", "temporary"),
                                 (403, "slow_down", "temporary"),
                                 (403, "access_denied", "denied"),
                                 (401, "expired_token", "login_required")):
        w.server.script("token", Reply.error(error, "", status))
        reply = w.expect(means, error, operation="token", grant="device_code", client_id="a",
                         device_code="AH-1Ng-secret-code", ca_file=w.ca,
                         token_endpoint=w.server.endpoint("token"))
        assert (reply["error"], reply["http_status"]) == (error, str(status)), reply


@tap.promise
def device_flow_declined(w):
    "R9: a person who declines is denied, in Microsoft's words as well"
    start = w.fetch(operation="device_authorization", client_id="a", scope="mail", ca_file=w.ca,
                    issuer=w.server.url)
    assert start["token_endpoint"] == w.server.endpoint("token"), start
    w.server.deny(start["user_code"])
    reply = w.expect("denied", "access_denied", operation="token", grant="device_code",
                     client_id="a", device_code=start["device_code"], ca_file=w.ca,
                     token_endpoint=start["token_endpoint"])
    assert reply["error"] == "access_denied", reply


@tap.promise
def client_credentials(w):
    "client_credentials: a token and no refresh token; a wrong secret is configuration"
    app = w.refresh(grant="client_credentials", refresh_token=None, scope="x/.default")
    reply = w.fetch(**app)
    assert reply["status"] == "ok" and "refresh_token" not in reply, reply
    w.server.clients = {"test-client": "another"}
    w.expect("config", "invalid_client: AADSTS7000215.*client_secret_file needs the value", **app)
    w.server.clients = None


@tap.promise
def authorization_code(w):
    "a code brings tokens, once; another verifier or redirect_uri brings none"
    verifier, uri = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk", "http://localhost:4711/x"

    def ask(**changes):
        return {"operation": "token", "grant": "authorization_code", "client_id": "test-client",
                "code": w.code(verifier, uri), "code_verifier": verifier, "redirect_uri": uri,
                "ca_file": w.ca, "token_endpoint": w.server.endpoint("token"), **changes}
    w.server.forget()
    good = ask(scope="mail offline_access")
    reply = w.fetch(**good)
    assert reply["status"] == "ok" and reply["scope"] == "mail offline_access", reply
    assert reply["refresh_token"] == w.server.newest_refresh_token("alice@example.com"), reply
    [request] = w.server.seen("token")
    assert request.form == {
        "grant_type": "authorization_code", "code": good["code"], "redirect_uri": uri,
        "code_verifier": verifier, "client_id": "test-client", "scope": "mail offline_access",
    }, request
    for attributes in (good, ask(code_verifier="x" * 43), ask(redirect_uri=uri + "y"),
                       ask(client_id="another")):
        reply = w.expect("login_required", "invalid_grant: .*; the code was used already or is "
                         "too old: run the command again$", **attributes)
        assert (reply["error"], reply["aadsts"]) == ("invalid_grant", "70008"), reply
    for name in ("code", "code_verifier", "redirect_uri"):
        assert w.fetch(**ask(**{name: None}))["status"] == "bad", name


@tap.promise
def code_stays_secret(w):
    "neither the code nor its verifier gets into a reason, percent-encoded neither"
    code, verifier = "0.AXoA/+code=", "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
    encoded = "0.AXoA%2F%2Bcode%3D 0.AXoA%2f%2bcode%3d"
    w.server.script("token", Reply.error(
        "invalid_grant", f"{code} {encoded} {verifier} %64{verifier[1:]}."))
    w.expect("login_required", r"invalid_grant: \*\*\* \*\*\* \*\*\* \*\*\* \*\*\*\.;",
             operation="token", grant="authorization_code", client_id="a", code=code,
             code_verifier=verifier, redirect_uri="http://localhost/", ca_file=w.ca,
             token_endpoint=w.server.endpoint("token"))


@tap.promise
def id_token(w):
    "an id_token that comes with a sign-in is passed on"
    w.server.script("token", Reply(json={"access_token": "a", "id_token": "e30.e30.c2ln"}))
    reply = w.fetch(operation="token", grant="authorization_code", client_id="a", code="some-code",
                    code_verifier="x" * 43, redirect_uri="http://localhost/", ca_file=w.ca,
                    token_endpoint=w.server.endpoint("token"))
    assert (reply["status"], reply["id_token"]) == ("ok", "e30.e30.c2ln"), reply


@tap.promise
def redirect_uri_again(w):
    "a refresh names redirect_uri where it is told to: Yahoo wants it"
    for uri in (None, "https://localhost/"):
        w.server.forget()
        w.fetch(**w.refresh(redirect_uri=uri))
        assert w.server.seen("token")[0].form.get("redirect_uri") == uri, w.server.seen()


@tap.promise
def errors_with_200(w):
    "an error with status 200 is an error: Zoho's"
    for error, status in (("invalid_client", "config"), ("Access Denied", "temporary")):
        w.server.script("token", Reply(json={"error": error}))
        reply = w.expect(status, error, **w.refresh())
        assert (reply["error"], reply["http_status"]) == (error, "200"), reply


def jwt(**claims):
    """An assertion that is not signed; the scripted provider does not look."""
    parts = ({"alg": "RS256", "typ": "JWT"}, claims, "no signature")
    return ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=")
                    for part in parts)


@tap.promise
def jwt_bearer(w):
    "jwt_bearer: the assertion is all that is needed; what Google refuses is explained"
    for client_id in (None, "test-client"):
        w.server.forget()
        ask = {"operation": "token", "grant": "jwt_bearer", "client_id": client_id,
               "assertion": jwt(sub="bob@example.com", scope="mail"), "ca_file": w.ca,
               "token_endpoint": w.server.endpoint("token")}
        reply = w.fetch(**ask)
        assert reply["status"] == "ok" and "refresh_token" not in reply, reply
        [request] = w.server.seen("token")
        assert request.form == {
            "grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer",
            "assertion": ask["assertion"], **({"client_id": client_id} if client_id else {}),
        }, request
        assert w.server.access[reply["access_token"]][0].user == "bob@example.com"
    w.server.script("token", Reply.error("unauthorized_client", "Client is unauthorized", 401),
                    Reply.error("invalid_grant", f"Invalid JWT: {ask['assertion']}"))
    w.expect("config", "unauthorized_client: Client is unauthorized; allow the numeric client ID "
             "of the service account.*Admin console.*domain-wide delegation$", **ask)
    w.expect("config", r"invalid_grant: Invalid JWT: \*\*\*.*; check the clock.*mailbox exists",
             **ask)
    assert w.fetch(**{**ask, "assertion": None})["status"] == "bad"


@tap.promise
def client_assertion(w):
    "an assertion proves the client instead of a secret, with client_auth=basic as well"
    app = w.refresh(grant="client_credentials", refresh_token=None, scope="x/.default",
                    client_assertion=jwt(sub="test-client"))
    for auth in (None, "post", "basic"):
        for secret in (None, SECRET):
            w.server.forget()
            reply = w.fetch(**{**app, "client_auth": auth, "client_secret": secret})
            assert reply["status"] == "ok", reply
            [request] = w.server.seen("token")
            assert request.form == {
                "grant_type": "client_credentials", "client_id": "test-client",
                "scope": "x/.default", "client_assertion": app["client_assertion"],
                "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            }, request
            assert "authorization" not in request.headers, request
    w.server.script("token", Reply.error(
        "invalid_client", "AADSTS700027: Client assertion failed signature validation.", 401,
        error_codes=[700027]))
    reply = w.expect("config", r"validation.; certificate or assertion .* is not accepted; ask an "
                     r"administrator of the tenant \(Entra\): .*: upload the certificate", **app)
    assert reply["aadsts"] == "700027" and "client_secret" not in reply["reason"], reply


@tap.promise
def managed_identity(w):
    "managed_identity: a GET as Azure's metadata service wants it, and nothing else of the request"
    ids = {"client_id": "6f6f-11", "identity_object_id": "0b-22",
           "identity_resource_id": "/subscriptions/1/my id&x"}
    for given in ({}, *({name: value} for name, value in ids.items()), ids):
        w.server.forget()
        w.server.numbers_as_strings = True
        reply = w.fetch(**w.identity(client_secret="secret", scope="x", **given))
        w.server.numbers_as_strings = False
        assert reply["status"] == "ok" and "refresh_token" not in reply, reply
        assert reply["access_token"] in w.server.access, reply
        assert 3590 <= int(reply["expires_in"]) <= 3599, reply
        [request] = w.server.seen()
        names = {"client_id": "client_id", "identity_object_id": "object_id",
                 "identity_resource_id": "msi_res_id"}
        assert (request.method, request.body) == ("GET", b""), request
        assert request.headers["metadata"] == "true", request
        assert request.query == {
            "api-version": "2018-02-01", "resource": "https://outlook.office365.com",
            **{names[name]: value for name, value in given.items()}}, request
    assert w.fetch(**w.identity(identity_resource=None))["status"] == "bad"
    assert w.fetch(**w.identity(identity_endpoint=None))["status"] == "bad"


@tap.promise
def no_metadata_header(w):
    "the header of the metadata service is for that alone"
    w.server.forget()
    w.fetch(**w.refresh())
    assert "metadata" not in w.server.seen()[0].headers, w.server.seen()


@tap.promise
def identity_without_proxy(w):
    "a managed identity is never asked for through a proxy"
    seen = []
    with proxy(None, seen) as p:
        w.expect("temporary", "^cannot resolve", **w.identity(
            identity_endpoint="https://metadata.nosuch.invalid/token", proxy=p.url))
        assert p.connections == 0, seen


@tap.promise
def identity_retries(w):
    "the metadata service's 404, 410, 429 and 5xx are temporary, and 410 is explained"
    for status, reason in ((404, "is being updated, or this is no virtual machine of Azure$"),
                           (410, "is being updated, which takes up to 70 s$"),
                           (429, "HTTP 429"), (500, "HTTP 500"), (503, "HTTP 503")):
        for answer in (Reply(status), Reply(status, body="<html>"),
                       Reply.error("invalid_request", "Identity not found", status)):
            w.server.forget()
            w.server.script("token", answer)
            reply = w.expect("temporary", reason, **w.identity())
            assert reply["http_status"] == str(status), reply


@tap.promise
def identity_missing(w):
    "a machine without an identity, or with several, is told what to do"
    for text in ("Identity not found", "Multiple user assigned identities exist, please specify "
                 "the clientId / resourceId of the identity in the token request"):
        w.server.script("token", Reply.error("invalid_request", text))
        w.expect("config", f"invalid_request: {text}; assign an identity to the virtual machine; "
                 "if it has several, name one by client_id, identity_object_id or "
                 "identity_resource_id$", **w.identity())


@tap.promise
def no_metadata_service(w):
    "where nobody answers there seems to be no metadata service; a silent one is there"
    closed = f"http://127.0.0.1:{w.env.port()}/token"
    w.expect("temporary", "^cannot connect to 127.0.0.1: Connection refused" + NO_SERVICE,
             **w.identity(identity_endpoint=closed))
    w.server.forget()
    w.server.script("token", Reply(silent=True))
    reply = w.expect("temporary", "did not answer", **w.identity(timeout_ms=1000))
    assert NO_SERVICE not in reply["reason"], reply
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        with socket.create_connection(full.getsockname()):      # no room for another
            port = full.getsockname()[1]
            w.expect("temporary", "^cannot connect to 127.0.0.1: no answer after" + r" \S+ s"
                     + NO_SERVICE, **w.identity(
                         identity_endpoint=f"http://127.0.0.1:{port}/token", timeout_ms=1000))
    reply = w.expect("temporary", "refused", **w.refresh(token_endpoint=closed))
    assert NO_SERVICE not in reply["reason"], reply


@tap.promise
def metadata_address(w):
    "plain http to 169.254.169.254 is good for a managed identity, and for nothing else"
    endpoint = f"http://{METADATA}/metadata/identity/oauth2/token"
    ask = w.identity(identity_endpoint=endpoint, proxy="http://127.0.0.1:9/")
    seen = []

    def serve(connection):
        seen.append(head(connection))
        body = b'{"access_token":"a","expires_in":"3599"}'
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)

    def run():
        w.expect("temporary", f"^cannot connect to {METADATA}: Network is unreachable"
                 + NO_SERVICE, **ask)
        for words in ("link set lo up", f"address add {METADATA}/32 dev lo"):
            subprocess.run(["ip", *words.split()], check=True)
        with Listener(serve, (METADATA, 80)) as service:
            reply = w.fetch(**ask)
            assert (reply["status"], reply["access_token"]) == ("ok", "a"), reply
            assert service.connections == 1
            w.expect("config", "^token_endpoint is plain http",
                     **w.refresh(token_endpoint=endpoint))
            assert service.connections == 1
    in_own_network(run)
    assert seen[0].startswith("GET /metadata/identity/oauth2/token?api-version=2018-02-01&"
                              "resource=https%3a%2f%2foutlook.office365.com HTTP/1.1\r\n") \
        and f"\r\nHost: {METADATA}\r\n" in seen[0] and "\r\nMetadata: true\r\n" in seen[0], seen


@tap.promise
def revokes(w):
    "revoke ends a grant"
    old = w.server.issue("bob@example.com")["refresh_token"]
    reply = w.fetch(operation="revoke", token=old, client_id="test-client", ca_file=w.ca,
                    token_type_hint="refresh_token",
                    revocation_endpoint=w.server.endpoint("revoke"))
    assert reply == {"protocol": "1", "status": "ok"}, reply
    w.expect("login_required", "AADSTS50173", **w.refresh(refresh_token=old))


@tap.promise
def bad_requests(w):
    "a request that is not understood gets status=bad, and no connection is made"
    w.server.forget()
    for change in ({"operation": None}, {"operation": "steal"}, {"grant": "password"},
                   {"refresh_token": None}, {"client_id": ""}, {"client_auth": "digest"},
                   {"timeout_ms": "0"}, {"timeout_ms": "-1"}, {"timeout_ms": "9" * 30}):
        assert w.fetch(**w.refresh(**change))["status"] == "bad", change
    for text in ("", "\n", "protocol=2\n\n", "protocol=1\na=1\n", "protocol=1\na=1\na=2\n\n",
                 "protocol=1\n\nmore", "protocol=1\na=\x01\n\n", "x" * 100000):
        rc, out, err = w.env.run([FETCH], input=text)
        assert (rc, err, w.parse(out)["status"]) == (0, "", "bad"), (text, out)
    assert not w.server.seen()


@tap.promise
def not_written(w):
    "exit 70 when the reply cannot be written"
    command = f"exec {FETCH} >/dev/full"
    rc, _, err = w.env.run(["sh", "-c", command], input=w.message(**w.refresh()))
    assert (rc, err) == (70, ""), (rc, err)
    for closed in ("<&-", ">&-", "2>&-"):
        assert w.env.run(["sh", "-c", f"exec {FETCH} {closed}"], input="").rc == 70, closed


@tap.promise
def arguments(w):
    "it takes no arguments but --version and --help"
    assert re.fullmatch(r"sasl-bearer-fetch \S+\n", w.env.run([FETCH, "--version"]).stdout)
    assert w.env.run([FETCH, "--help"])[::2] == (0, "")
    for words in (["x"], ["--version", "x"], ["--refresh-token=x"]):
        rc, out, err = w.env.run([FETCH, *words])
        assert (rc, out) == (64, "") and err.startswith("usage: ") and err.count("\n") == 1, err


@tap.promise
def guarded(w):
    "while it runs: no core, no new privileges, no inherited descriptor; signals do not stop it"
    w.server.forget()
    w.server.script("token", Reply(json={"access_token": "a"}, delay=1))
    with open("/etc/passwd", "rb") as f:
        leaked = fcntl.fcntl(f, fcntl.F_DUPFD, 10)  # above those that it is given
    process = w.start(FETCH, w.refresh())
    w.server.wait_seen("token")
    proc = f"/proc/{process.pid}"
    with open(proc + "/limits", encoding="ascii") as f:
        assert re.search(r"Max core file size +0 +0 ", f.read())
    with open(proc + "/status", encoding="ascii") as f:
        assert re.search(r"NoNewPrivs:\s+1", f.read())
    links = [os.readlink(f"{proc}/fd/{fd}") for fd in os.listdir(proc + "/fd")]
    os.close(leaked)
    assert "/etc/passwd" not in links, links
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        os.kill(process.pid, number)
    out, err = process.communicate(timeout=10)
    assert (process.returncode, err) == (0, ""), (process.returncode, err)
    assert w.parse(out)["status"] == "ok", out


@tap.promise
def not_dumpable(w):
    "other processes of the same user can neither read its memory nor its environment"
    tap.need(os.geteuid() == 0, "uid 0")
    w.server.forget()
    w.server.script("token", Reply(json={"access_token": "a"}, delay=1))
    copy = shutil.copy(FETCH, w.env.path("fetch"))
    process = w.start(copy, w.refresh(), user=65534, group=65534, extra_groups=[])
    w.server.wait_seen("token")
    assert os.stat(f"/proc/{process.pid}/environ").st_uid == 0
    out, _ = process.communicate(timeout=10)
    assert w.parse(out)["status"] == "ok", out


tap.main(setup, programs=["openssl"])
