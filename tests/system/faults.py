#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""faults - whatever a provider does wrong: the state, the words, the traffic, and the way back

A row of the table is an account and a promise, and a line of the output.  All accounts meet
their faults at once.  What is asserted for each:

    the asker's status and reason; `list` and the log say the same, and `list` has the state
    how often the provider was asked, and when it will be asked again
    the state file is as it was, and the next good answer ends the trouble

What sasl-bearer-fetch alone does is in fetch.py, the delays of failures in a row are in
tests/unit/test-state.c.
"""

import concurrent.futures
import datetime
import email.utils
import os
import re
import ssl
import sys
import time
import warnings

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "lib"))

import tap
from certs import LOCAL
from env import wait_for
from helper import Helper
from oauthd import OAuthServer, Reply
from world import assert_hidden

SECRET = "canary&secret+c%41=d"     # of the client
NAME = "login.example.com"      # a host that only this test's /etc/hosts can have
SOON = (5, 6)                   # s until the next attempt: 5, give or take 5 %, rounded up
SLOWLY = (852, 948)             # 15 min, give or take 5 % and the rounding
STATUS = {"backoff": "temporary", "login_required": "login_required", "config": "config"}
TOKEN = {"access_token": "Ew-good-token", "token_type": "Bearer", "expires_in": 3599}
GOOD = b'{"access_token":"Ew-good-token","expires_in":3599}'
HEAD = b"HTTP/1.1 200 OK\r\n"
ADVICE = {      # what follows these errors of RFC 6749, OpenID Connect and RFC 6750
    "invalid_request": "; check tenant, client_id, scope and client_secret",
    "invalid_client": "; check client_id and client_secret",
    "unauthorized_client": "; check client_id, and that its registration allows this grant",
    "unsupported_grant_type": "; check grant and token_endpoint",
    "invalid_scope": "; check scope",
    "access_denied": "; check the account's settings and its registration",
}
rows = {}


class Fault:
    """One row.

    name    of the account
    what    it is, for the reader
    reply   what the token endpoint answers: a Reply, or a function of the request
    words   all words of the reason, where "..." stands for anything and the host is 127.0.0.1
    state   of the account after it; "fresh" when the answer is good after all
    wait    bounds of the seconds until the provider is asked again
    lives   seconds that the new token lives
    asked   how many requests the provider saw
    server  function of the Env: a provider of this row's own
    daemon  which one: quick, slow for what only a timeout ends, jailed for a network of its own
    """

    def __init__(self, name, what, reply=None, words="", state="backoff", wait=None, lives=0,
                 asked=1, server=None, daemon="quick"):
        self.name, self.what, self.reply, self.words = name, what, reply, words
        self.state, self.lives, self.asked = state, lives, asked
        self.wait = wait or (SOON if state == "backoff" else SLOWLY)
        self.server, self.daemon = server, daemon
        self.user = name + "@example.com"
        self.tokens = self.before = self.met = self.seen = None
        assert name not in rows, name
        rows[name] = self

    def reason(self):
        """All of it, as a pattern."""
        words = self.words
        if self.state == "login_required":
            words += f'; run "sasl-bearer login {self.name}"'
        if self.state == "config":
            words += f' (account "{self.name}")'
        return "^" + ".*".join(map(re.escape, words.split("..."))) + "$"

    def title(self):
        """The row, as a line."""
        if self.state == "fresh":
            return f"{self.what}: good, the token lives for {self.lives} s"
        return f"{self.what}: {self.state}, asked again in {self.wait[0]} s: {self.words}"


def good(name, what, reply, lives=3599):
    """A row where the answer is odd and yet good."""
    Fault(name, what, reply, state="fresh", lives=lives)


# ---- the connection

def own(**how):
    """A provider with a certificate of its own; how: of Certificates.pair()."""
    def server(env):
        return OAuthServer(tls=env.tls().pair(env.name("fault"), **how)).start()
    return server


def nobody(env):
    server = OAuthServer(tls=env.tls())
    server.port = env.port()
    return server


def mute(env):
    server = OAuthServer(tls=env.tls()).start()
    server.mute = True
    return server


def self_signed(env):
    pair = tuple(env.path("tls", f"self.{end}") for end in ("pem", "key"))
    done = env.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:prime256v1", "-nodes", "-subj", "/CN=localhost",
                    "-addext", f"subjectAltName={LOCAL}", "-out", pair[0], "-keyout", pair[1]])
    assert done.rc == 0, done
    return OAuthServer(tls=pair).start()


def old_tls(env):
    server = OAuthServer(tls=env.tls())
    server.context.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings(action="ignore"):
        server.context.minimum_version = ssl.TLSVersion.TLSv1
        server.context.maximum_version = ssl.TLSVersion.TLSv1_1
    return server.start()


def other_ciphers(env):
    """Ciphers for a key of RSA, and a key that is none."""
    server = OAuthServer(tls=env.tls())
    server.context.maximum_version = ssl.TLSVersion.TLSv1_2
    server.context.set_ciphers("AES128-SHA256:AES256-SHA256")
    return server.start()


def plain(_env):
    return OAuthServer().start()


def days(number):
    """A day from now, as the openssl command writes it."""
    when = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=number)
    return when.strftime("%Y%m%d%H%M%SZ")


CLOCK = "is this machine's clock right? it says 2... UTC"
Fault("refused", "nobody listens", server=nobody, asked=0,
      words="cannot connect to 127.0.0.1: Connection refused")
Fault("unknown", "the name is not in the DNS", server=own(san=f"DNS:{NAME}"), asked=0,
      daemon="jailed",
      words=f"cannot resolve {NAME}: there is no such name, or the DNS does not answer")
Fault("mute", "accepts the connection, says nothing, not even TLS", server=mute, asked=0,
      daemon="slow", words="cannot connect to 127.0.0.1: no answer after ... s")
Fault("silent", "reads the request, says nothing", Reply(silent=True), daemon="slow",
      words="127.0.0.1 did not answer after ... s")
Fault("drip", "a byte a second", Reply(json=TOKEN, drip=1), daemon="slow",
      words="the answer of 127.0.0.1 was not complete after ... s")
Fault("closed", "the end instead of an answer", Reply(close=True),
      words="the connection to 127.0.0.1 broke off: Empty reply from server")
Fault("reset", "reset in the body", Reply(json={"access_token": "x" * 3000}, reset=True),
      words="the connection to 127.0.0.1 broke off: ...reset...")
Fault("plain", "no TLS", server=plain, asked=0,
      words="TLS with 127.0.0.1 failed: ...: it answers, but not in TLS; "
      "check the address of the endpoint")
Fault("tls-1.1", "TLS 1.1 and nothing newer", server=old_tls, asked=0,
      words="TLS with 127.0.0.1 failed: ...protocol...; it must speak TLS 1.2 or later")
Fault("ciphers", "no cipher in common", server=other_ciphers, asked=0,
      words="TLS with 127.0.0.1 failed: ...; it accepts none of this machine's ciphers, or "
      "wants a certificate")
Fault("self-signed", "a certificate that nobody has signed", server=self_signed, asked=0,
      words="the certificate of 127.0.0.1 is not trusted: ... (set ca_file if it is a private CA)")
Fault("wrong-host", "a certificate for another name", asked=0,
      server=own(san="DNS:elsewhere.example.com"),
      words="the certificate of 127.0.0.1 is not for that name: ...")
Fault("expired", "a certificate that ended yesterday", asked=0,
      server=own(dates=("-startdate", days(-30), "-enddate", days(-1))),
      words="the certificate of 127.0.0.1 has expired; " + CLOCK)
Fault("not-yet", "a certificate of tomorrow", asked=0,
      server=own(dates=("-startdate", days(1), "-enddate", days(30))),
      words="the certificate of 127.0.0.1 is not valid yet; " + CLOCK)

# ---- HTTP

def http(code, headers=None, **more):
    """An answer without a body."""
    return Reply(code, headers={"Content-Type": None, "Content-Length": "0", **(headers or {})},
                 **more)


def raw(name, what, content, words):
    Fault(name, what, Reply(raw=content), words)


for number in (400, 401, 403, 404, 405, 410, 413, 415, 418):
    Fault(f"http-{number}", f"HTTP {number}", http(number),
          f"127.0.0.1: HTTP {number} without a body; check token_endpoint")
for number in (408, 425, 429, 500, 501, 502, 503, 504, 599):
    Fault(f"http-{number}", f"HTTP {number}", http(number),
          f"127.0.0.1: HTTP {number} without a body")
for number in (301, 302, 303, 307, 308):
    Fault(f"http-{number}", f"HTTP {number} to another origin (R3)", None,
          f"127.0.0.1: HTTP {number}, a redirect, which is not followed; check token_endpoint")
Fault("http-204", "HTTP 204", http(204, {"Content-Length": None}),
      "127.0.0.1: HTTP 204 without a body; check token_endpoint")
Fault("page", "a page of the hotel's network",
      Reply(body="<html>%n%s", headers={"Content-Type": "text/html; charset=utf-8"}),
      "127.0.0.1: HTTP 200 with a text/html body; check token_endpoint")
Fault("page-503", "HTTP 503 and a page",
      Reply(503, body="<html>", headers={"Content-Type": "text/html"}),
      "127.0.0.1: HTTP 503 with a text/html body")
raw("http-0.9", "HTTP/0.9", GOOD,
    "127.0.0.1 answers, but not in HTTP; check the address of the endpoint")
raw("smtp", "another protocol", b"220 mail.example.com ESMTP\r\n",
    "127.0.0.1 answers, but not in HTTP; check the address of the endpoint")
raw("only-100", "100-continue and the end", b"HTTP/1.1 100 Continue\r\n\r\n",
    "the connection to 127.0.0.1 broke off: Empty reply from server")
raw("length-long", "Content-Length is too large, the body cut off",
    HEAD + b"Content-Length: 500\r\n\r\n" + GOOD[:-1],
    "the connection to 127.0.0.1 broke off: ...")
raw("length-short", "Content-Length is too small",
    HEAD + b"Content-Length: 20\r\n\r\n" + GOOD,
    "127.0.0.1: HTTP 200 with a body that is not a JSON object; check token_endpoint")
raw("length-word", "Content-Length is no number",
    HEAD + b"Content-Length: many\r\n\r\n" + GOOD,
    "the answer of 127.0.0.1 is not proper HTTP: ...")
raw("chunk-word", "a chunk that is none",
    HEAD + b"Transfer-Encoding: chunked\r\n\r\nxyz\r\n" + GOOD,
    "the connection to 127.0.0.1 broke off: ...")
raw("nul-header", "NUL in a header", HEAD + b"X: a\0b\r\n\r\n" + GOOD,
    "the answer of 127.0.0.1 is not proper HTTP: ...")
raw("headers-1mb", "headers of 1 MB",
    HEAD + b"".join(b"X-%d: %s\r\n" % (i, b"x" * 1000) for i in range(1000)) + b"\r\n" + GOOD,
    "the answer of 127.0.0.1 is too long")
raw("header-1mb", "one header of 1 MB", HEAD + b"X: " + b"x" * (1 << 20) + b"\r\n\r\n" + GOOD,
    "the answer of 127.0.0.1 is too long")
Fault("body-10mb", "a body of 10 MB (H3)", Reply(megabytes=10),
      "the answer of 127.0.0.1 is too long")
Fault("gzip", "a compressed body that nobody asked for",
      Reply(body=b"\x1f\x8b\x08\0\0\0\0\0\0\3\xab\5\0", headers={"Content-Encoding": "gzip"}),
      "127.0.0.1: HTTP 200 with a body that is not a JSON object; check token_endpoint")

good("type-html", "JSON as text/html (R5)",
     Reply(json=TOKEN, headers={"Content-Type": "text/html"}))
good("type-none", "JSON without a type", Reply(json=TOKEN, headers={"Content-Type": None}))
good("http-1.0", "HTTP/1.0 without a length", Reply(raw=b"HTTP/1.0 200 OK\r\n\r\n" + GOOD))
good("chunks", "a chunk for each byte", Reply(
    raw=HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
    + b"".join(b"1\r\n%c\r\n" % byte for byte in GOOD) + b"0\r\n\r\n"))
good("continue", "100-continue, then the answer",
     Reply(raw=b"HTTP/1.1 100 Continue\r\n\r\n" + HEAD + b"Connection: close\r\n\r\n" + GOOD))
good("length-lies", "a whole object, and a Content-Length that is too large",
     Reply(raw=HEAD + b"Content-Length: 500\r\n\r\n" + GOOD))

# ---- the body

def body(name, what, content, words="without a usable access_token"):
    Fault("body-" + name, what, Reply(body=content), f"127.0.0.1: HTTP 200 {words}")


NO_OBJECT = "with a body that is not a JSON object; check token_endpoint"
body("cut", "JSON that is cut off", '{"access_token":"Ew', NO_OBJECT)
body("deep", "100,000 arrays in each other", "[" * 100000, NO_OBJECT)
body("deeper", "20,000 objects in each other", '{"a":' * 20000, NO_OBJECT)
body("array", "an array", "[1]", NO_OBJECT)
body("text", "a word", "busy", NO_OBJECT)
body("nul", "NUL in a string", GOOD.replace(b"good", b"go\0od"), NO_OBJECT)
body("utf16", "UTF-16", GOOD.decode().encode("utf-16"), NO_OBJECT)
body("none", "nothing", "", "without a body; check token_endpoint")
body("empty", "an empty object", "{}")
for kind, value in (("number", "5"), ("array", '["a"]'), ("null", "null"), ("object", '{"a":"b"}'),
                    ("bool", "true"), ("empty", '""'), ("crlf", '"a\\r\\nb"'), ("blank", '"a b"'),
                    ("nul", '"a\\u0000b"'), ("20kib", f'"{"a" * 20480}"')):
    body("token-" + kind, f"a token that is {value:.16}", f'{{"access_token":{value}}}')
body("refresh-crlf", "CR LF in the refresh token",
     '{"access_token":"a","refresh_token":"a\\r\\nb"}', "without a usable refresh_token")
Fault("body-mac", "a token of another type",
      Reply(json={**TOKEN, "token_type": "mac"}), state="config",
      words="127.0.0.1: the token_type is not Bearer; mail servers take no other")
good("body-bom", "a byte order mark", Reply(body=b"\xef\xbb\xbf" + GOOD))
good("body-twice", "the same name twice: the last one counts",
     Reply(body=b'{"access_token":5,' + GOOD[1:]))
good("body-after", "something behind the object", Reply(body=GOOD + b"\n<!-- -->"))

for kind, value, seconds in (
        ("zero", 0, 1), ("negative", -5, 1), ("string", "3600", 3600), ("float", 3599.9, 3599),
        ("1e9", 10**9, 315360000), ("2e63", 2**63, 315360000), ("word", "abc", 600),
        ("null", None, 600), ("bool", True, 600), ("array", [1], 600)):
    good("life-" + kind, f"expires_in is {value!r} (R4)",
         Reply(json={**TOKEN, "expires_in": value}), seconds)
good("life-none", "no expires_in (R4)", Reply(json={"access_token": "Ew-good-token"}), 600)
good("life-advice", "refresh_in is 1", Reply(json={**TOKEN, "refresh_in": 1}))

# ---- OAuth's errors

for word in ("server_error", "temporarily_unavailable", "slow_down", "no_such_error"):
    Fault(f"oauth-{word}", f"the error {word}", Reply.error(word), f"127.0.0.1: {word}")
for word in ("invalid_grant", "interaction_required", "consent_required", "login_required"):
    Fault(f"oauth-{word}", f"the error {word}", Reply.error(word), f"127.0.0.1: {word}",
          "login_required")
for word, advice in ADVICE.items():
    Fault(f"oauth-{word}", f"the error {word}", Reply.error(word), f"127.0.0.1: {word}{advice}",
          "config")
    Fault(f"oauth-{word}-401", f"the error {word} with HTTP 401", Reply.error(word, "gone", 401),
          f"127.0.0.1: {word}: gone{advice}", "config")
for number in (408, 429, 500, 503):
    Fault(f"oauth-{number}", f"the error invalid_grant with HTTP {number}",
          Reply.error("invalid_grant", "busy", number),
          f"127.0.0.1: HTTP {number}: invalid_grant: busy")
Fault("oauth-200", "the error invalid_grant with HTTP 200",
      Reply.error("invalid_grant", "gone", 200), "127.0.0.1: invalid_grant: gone",
      "login_required")
Fault("oauth-empty", "an empty error", Reply.error(""),
      "127.0.0.1: HTTP 400 without an error name")
Fault("oauth-number", "an error that is a number", Reply(400, json={"error": 5}),
      "127.0.0.1: an error without a known name")
Fault("oauth-object", "an error that is an object",
      Reply(400, json={"error": {"message": "who?"}}),
      "127.0.0.1: an error without a known name: who?")
Fault("oauth-crlf", "CR LF and escapes in the text",
      Reply.error("invalid_scope", "one\r\ntwo\n<6>three\x1b[31m\u2028"), state="config",
      words="127.0.0.1: invalid_scope: one two <6>three [31m...; check scope")
Fault("oauth-long", "a text of 100 kB", Reply.error("invalid_scope", "x" * 100000),
      "127.0.0.1: invalid_scope: xxx...; check scope", "config")
Fault("oauth-echo", "our secrets in the text (W7)",
      lambda r: Reply.error("invalid_grant", f"{r.form['refresh_token']} of {SECRET}"),
      "127.0.0.1: invalid_grant: *** of ***", "login_required")

# ---- Retry-After

def later(name, value, wait=SOON, code=503):
    """A 503 with that header, or what value() is when it is sent."""
    def reply(_request):
        return http(code, {"Retry-After": value() if callable(value) else value})
    shown = value.__name__ if callable(value) else repr(value)[:20]
    check = "" if code >= 429 else "; check token_endpoint"
    Fault("later-" + name, f"Retry-After {shown}, HTTP {code} (R8)", reply,
          f"127.0.0.1: HTTP {code} without a body{check}", wait=wait)


def date(name, form):
    def at():
        when = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=120)
        return when.strftime(form)
    at.__name__ = name
    return at


IN_120 = (119, 122)
later("seconds", "70", (70, 71))
later("429", "70", (70, 71), code=429)
later("400", "70", (70, 71), code=400)
later("zero", "0")
later("huge", "9" * 30, (86400, 86401))
later("negative", "-70")
later("float", "70.5")
later("word", "soon")
later("empty", "")
later("imf", date("in IMF-fixdate", "%a, %d %b %Y %H:%M:%S GMT"), IN_120)
later("rfc850", date("in RFC 850's format", "%A, %d-%b-%y %H:%M:%S GMT"), IN_120)
later("asctime", date("in asctime's format", "%a %b %e %H:%M:%S %Y"), IN_120)
later("past", "Sun, 06 Nov 1994 08:49:37 GMT")
later("two", ["70", "100"], (100, 101))

# ---- clocks that differ by a day

def dated(reply):
    """The same, said a day from now."""
    def at(_request):
        reply.headers["Date"] = email.utils.formatdate(time.time() + 86400, usegmt=True)
        return reply
    return at


Fault("clock", "an error, and our clock a day behind", dated(Reply.error("invalid_grant")),
      f"127.0.0.1: invalid_grant; {CLOCK}, and 127.0.0.1 says 2...", "login_required")
Fault("clock-503", "HTTP 503, and our clock a day behind", dated(http(503)),
      f"127.0.0.1: HTTP 503 without a body; {CLOCK}, and 127.0.0.1 says 2...")
good("clock-good", "a good answer, and our clock a day behind", dated(Reply(json=TOKEN)))


class World:
    """The provider, daemons with an account for each row, and what came of it."""

    def __init__(self, env):
        self.env = env
        self.server = OAuthServer(tls=env.tls(), log=env.log_file("oauthd")).start()
        self.server.always("token", self.answer)
        self.other = OAuthServer(tls=env.tls()).start()     # where redirects point to
        for code in (301, 302, 303, 307, 308):
            rows[f"http-{code}"].reply = http(code, {"Location": self.other.endpoint("token")})
        can_mount = env.can_mount()
        self.rows = [f for f in rows.values() if f.daemon != "jailed" or can_mount]
        self.mended = False
        self.servers = {f.name: f.server(env) for f in self.rows if f.server}
        self.hosts = env.write("hosts", "127.0.0.1 localhost\n")
        self.daemons = {name: self.daemon(name) for name in {f.daemon for f in self.rows}}
        for f in self.rows:
            f.tokens = self.server_of(f).issue(f.user)
            reply = self.daemons[f.daemon].store(f.name, {**f.tokens, "expires_in": 1})
            assert reply["status"] == "ok", (f.name, reply)
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            list(pool.map(self.meet, sorted(self.rows, key=lambda f: f.daemon, reverse=True)))

    def server_of(self, f):
        return self.servers.get(f.name, self.server)

    def daemon(self, name):
        """A started daemon, and its accounts."""
        helper = Helper(self.env, settings={"fetch_timeout": "3s"} if name == "slow" else None)
        if name == "jailed":
            resolv = self.env.write("resolv.conf", "nameserver 127.0.0.1\n")
            script = "".join(f"mount --bind {file} {os.path.realpath(target)} && "
                             for file, target in ((self.hosts, "/etc/hosts"),
                                                  (resolv, "/etc/resolv.conf")))
            helper.wrapper = ["unshare", "-m", "sh", "-c", script + 'exec "$@"', "sh"]
        secret = helper.secret_file("secret", SECRET)
        for f in self.rows:
            if f.daemon == name:
                endpoint = self.server_of(f).endpoint("token", f.name)
                if name == "jailed":
                    endpoint = endpoint.replace("127.0.0.1", NAME)
                helper.accounts[f.name] = {
                    "user": f.user, "provider": None, "hosts": "localhost", "scope": "mail",
                    "client_secret_file": secret,
                    "token_endpoint": endpoint.replace("http:", "https:")}
        return helper.start()

    def answer(self, request):
        """The row's, and after it was mended the usual one."""
        f = rows[request.path.split("/")[1]]
        return None if self.mended else f.reply(request) if callable(f.reply) else f.reply

    def requests(self, f):
        """Those that a row's provider has seen so far."""
        return [r for r in self.server_of(f).seen("token") if r.path.startswith(f"/{f.name}/")]

    def shown(self, f):
        """What `list` says."""
        return self.daemons[f.daemon].list(user=f.name)[f.name]

    def meet(self, f):
        """Ask for the token of a row once, and keep what is seen of it at that time."""
        wait_for(lambda: self.shown(f)["state"] == "stale", what=f"the end of {f.name}'s token")
        f.before = self.daemons[f.daemon].state(f.name)
        began = time.time()
        reply = self.daemons[f.daemon].token(f.user)
        f.seen = len(self.requests(f))
        f.met = (began, time.time(), reply, self.shown(f))
        f.log = self.daemons[f.daemon].log()    # later the line comes again

    def mend(self):
        """From now on every provider works."""
        self.mended = True
        with open(self.hosts, "a", encoding="ascii") as f:
            f.write(f"127.0.0.1 {NAME}\n")
        for f in self.rows:
            if f.server and f.daemon != "jailed":
                server = self.servers[f.name]
                server.stop()
                server.mute, server.context = False, self.server.context
                server.start()


def within(number, bounds, slack=0):
    return bounds[0] - slack <= number <= bounds[1] + slack


def check_failure(world, f):
    began, ended, reply, shown = f.met
    assert reply["status"] == STATUS[f.state] and shown["state"] == f.state, f.met
    assert re.search(f.reason(), reply["reason"]), (f.reason(), reply["reason"])
    assert len(reply["reason"].encode()) <= 1024 and "  " not in reply["reason"], reply
    assert shown["last_error"] == reply["reason"], shown
    line = f'account "{f.name}": no new token: {reply["reason"]}\n'
    assert f.log.count(">" + line) == 1, line
    assert f.seen == f.asked, f"asked {f.seen} times"
    if f.server:
        assert world.servers[f.name].connections >= (f.name not in ("refused", "unknown"))
    if f.state == "backoff":
        assert within(int(reply["retry_after"]), f.wait), reply
    else:
        assert "retry_after" not in reply, reply
        assert f.wait[0] <= int(shown["refresh_at"]) - began, shown
        assert int(shown["refresh_at"]) - ended <= f.wait[1], shown
    assert world.daemons[f.daemon].state(f.name) == f.before, "the state file has changed"
    assert f.before["refresh_token"] == f.tokens["refresh_token"]


def check_good(world, f):
    began, ended, reply, shown = f.met
    assert reply["status"] == "ok" and reply["token"] == TOKEN["access_token"], f.met
    assert began + f.lives - 2 <= int(reply["expires_at"]) <= ended + f.lives + 1, f.met
    assert "last_error" not in shown and f.seen == 1, f.met
    state = world.daemons[f.daemon].state(f.name)
    assert state["refresh_token"] == f.tokens["refresh_token"], "L7: the old one is kept"


def promise(f):
    """Make a row a promise."""
    def check(world):
        tap.need(f in world.rows, "leave to mount")
        (check_good if f.state == "fresh" else check_failure)(world, f)
    check.__doc__ = f.title()
    tap.promise(check)


for fault in rows.values():
    promise(fault)


@tap.promise
def nothing_redirected(world):
    "R3: nobody has been at the other origin"
    assert world.other.connections == 0


@tap.promise
def no_hammering(world):
    "no fault is asked about more than once in 4 s, and no good answer a second time"
    wait_for(lambda: len(world.requests(rows["http-503"])) > 1, 60, "a second attempt")
    for f in world.rows:
        times = [r.time for r in world.requests(f)]
        assert f.state == "backoff" or len(times) == 1, (f.name, len(times))
        assert all(b - a > 4 for a, b in zip(times, times[1:])), (f.name, times)


@tap.promise
def nothing_lost(world):
    "L6: with all that, the state file of no failed account has changed"
    for f in world.rows:
        if f.state != "fresh":
            assert world.daemons[f.daemon].state(f.name) == f.before, f.name


@tap.promise
def recovers(world):
    "each account works again with the next good answer, and says no more of its trouble"
    world.mend()

    def again(f):
        helper = world.daemons[f.daemon]
        ask = {"request": "refresh", "account": f.name}
        wait_for(lambda: helper.request(ask)["status"] == "ok", 60, f"the recovery of {f.name}")
        reply, shown = helper.token(f.user), world.shown(f)
        assert reply["status"] == "ok" and reply["token"] != TOKEN["access_token"], (f.name, reply)
        assert shown["state"] == "fresh" and "last_error" not in shown, shown
        newest = world.server_of(f).newest_refresh_token(f.user)
        assert helper.state(f.name)["refresh_token"] == newest != f.tokens["refresh_token"], f.name
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        list(pool.map(again, world.rows))


@tap.promise
def no_secret_in_log(world):
    "W7: no token and no client secret is in a log"
    secrets = {"client secret": SECRET}
    for server in (world.server, *world.servers.values()):
        for token in (*server.access, *server.refresh):
            secrets[f"token {len(secrets)}"] = token
    for helper in world.daemons.values():
        assert helper.stop() == 0, helper.log()
        assert_hidden(secrets, helper.log())


tap.main(World, programs=["openssl"])
