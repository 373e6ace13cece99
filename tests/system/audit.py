#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""audit - every kind of secret is planted, used, and then looked for where it must not be

Each kind of secret must have been used in the end, so that nothing passes because it did not
happen.  All promises share one provider and one helper,
which logs at its highest level.
"""

import base64
import collections
import contextlib
import glob
import os
import re
import resource
import secrets
import shutil
import signal
import socket
import ssl
import stat
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "lib"))

import keys
import tap
from assertions import jwt_sign
from env import built, children, environment, identity, sasl_path, wait_for
from helper import Helper
from mail import Dovecot, Postfix, Sink
from oauthd import OAuthServer, Reply
from signin import Terminal

ALICE = "alice@example.com"
WINDOW = 16                     # bytes of a secret that are enough to know it by
LIFETIME = 3600
PROGRAMS = ("sasl-bearer", "sasl-bearerd", "sasl-bearer-fetch", "sasl-bearer-sign", "sasl-host")


def windows(data, step=WINDOW):
    """Parts of a secret; whoever leaks 31 bytes of it in a row leaks one of them."""
    last = len(data) - WINDOW
    return {data[i:i + WINDOW] for i in [*range(0, last, step), last]} if last >= 0 else set()


def traces(data):
    """The parts to look for: as they are, percent-encoded, and in base64."""
    found = windows(data) | windows(urllib.parse.quote_plus(data, safe="").encode())
    for shift in range(3):      # what base64 looks like depends on where it begins
        found |= windows(base64.b64encode(b"." * shift + data)[4:-4])
    assert found, f"a secret of {len(data)} bytes is too short to be looked for"
    return found


class Canaries:
    """All that is secret, by kind."""

    def __init__(self):
        self.kinds = {}                         # secret -> its kind
        self.index = collections.defaultdict(set)   # trace -> secrets that have it
        self.used = collections.Counter()

    def plant(self, kind, secret):
        """Look for that from now on; returns it."""
        data = secret if isinstance(secret, bytes) else secret.encode()
        if data not in self.kinds:
            self.kinds[data] = kind
            for trace in traces(data):
                self.index[trace].add(data)
        return secret

    def find(self, blob, but=()):
        """{(kind, trace)} that stand in some bytes; `but`: secrets that may."""
        allowed = {s if isinstance(s, bytes) else s.encode() for s in but}
        found = set()
        for begin in range(0, len(blob), 1 << 16):
            chunk = blob[begin:begin + (1 << 16) + WINDOW - 1]
            if chunk.count(0) == len(chunk):
                continue
            parts = {chunk[i:i + WINDOW] for i in range(len(chunk) - WINDOW + 1)}
            for trace in parts & self.index.keys():
                found |= {(self.kinds[secret], trace) for secret in self.index[trace] - allowed}
        return found


class Sampler(threading.Thread):
    """Reads argv and environment of everything that we start, all the time."""

    def __init__(self):
        super().__init__(daemon=True)
        self.seen = set()
        self.names = collections.Counter()
        self.stopping = threading.Event()

    def run(self):
        while not self.stopping.wait(0.005):
            for pid in descendants():
                blob = b""
                try:
                    for name in ("cmdline", "environ"):
                        with open(f"/proc/{pid}/{name}", "rb") as f:
                            blob += f.read() + b"\0"
                except OSError:
                    continue
                if blob not in self.seen:
                    self.seen.add(blob)
                    program = blob.split(b"\0", 1)[0].decode("utf-8", "replace")
                    self.names[os.path.basename(program)] += 1


def descendants():
    """The processes below this one."""
    found, queue = [], [os.getpid()]
    while queue:
        pid = queue.pop()
        for path in glob.glob(f"/proc/{pid}/task/*/children"):
            try:
                with open(path, encoding="ascii") as f:
                    below = [int(word) for word in f.read().split()]
            except OSError:
                continue
            found += below
            queue += below
    return found


def pid_of(name, timeout=10):
    """A process below this one, by the name of its program."""
    def find():
        for pid in descendants():
            try:
                with open(f"/proc/{pid}/comm", encoding="ascii") as f:
                    if f.read().strip() == name[:15]:
                        return pid
            except OSError:
                pass
        return None
    return wait_for(find, timeout, name)


def memory(pid):
    """What a process can write to: [(name, bytes)], read while it is stopped."""
    os.kill(pid, signal.SIGSTOP)
    try:
        with open(f"/proc/{pid}/maps", encoding="utf-8") as f:
            maps = [line.split(None, 5) for line in f]
        found = []
        with open(f"/proc/{pid}/mem", "rb", buffering=0) as f:
            for where, mode, *_, name in (line if len(line) == 6 else [*line, ""] for line in maps):
                if "w" not in mode or name.startswith("[v"):
                    continue
                begin, end = (int(word, 16) for word in where.split("-"))
                data = b""
                try:
                    f.seek(begin)
                    while begin + len(data) < end:
                        more = f.read(min(end - begin - len(data), 1 << 20))
                        if not more:
                            break
                        data += more
                except OSError:
                    continue
                found.append((f"{where} {name.strip()}", data))
        return found
    finally:
        os.kill(pid, signal.SIGCONT)


# a file system of our own in the place of /dev, in which $0 is the socket of syslog
IN_PRIVATE_DEV = """set -e
old=$1; shift
mount --rbind /dev "$old"
mount -t tmpfs tmpfs /dev
for name in null zero urandom random log; do : > /dev/$name; done
for name in null zero urandom random; do mount --bind "$old/$name" /dev/$name; done
mount --bind "$0" /dev/log
exec "$@"
"""


class Asked(Helper):
    """A helper that is asked while something else is done, and whose messages are all kept."""

    def start(self, timeout=10):
        super().start(timeout)
        path = self.path("notify")
        os.unlink(path)
        self.manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.manager.bind(path)
        os.chmod(path, 0o666)
        return self

    def stop(self, timeout=30):
        status = super().stop(timeout)
        self.manager.setblocking(False)
        try:
            while True:
                self.notified += self.manager.recv(4096).decode().splitlines()
        except BlockingIOError:
            pass
        return status

    @contextlib.contextmanager
    def asking(self, fields):
        """Send a request; what is done meanwhile ends before it does."""
        thread = threading.Thread(target=self.request, args=(fields,), daemon=True)
        thread.start()
        yield
        thread.join(60)


class World:
    """A provider and a helper with an account of every kind, and all that is secret."""

    def __init__(self, env):
        self.env = env
        self.begin = time.time()
        resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        os.chdir(env.mkdir("cwd", 0o1777))      # where a core would be
        self.canaries = Canaries()
        self.texts = []                         # what people and programs got to see
        self.log_seen = 0
        self.planted = set()                    # files that may hold a secret
        self.server = OAuthServer(tls=env.tls(), log=env.log_file("oauthd"),
                                  expires_in=LIFETIME, single_use=True,
                                  claims={"email": ALICE, "nonce": secrets.token_urlsafe(30)})
        self.server.start()
        self.helper = Asked(env, self.server, settings={"fetch_timeout": "5s"})
        self.watch_sign_ins()
        self.postfix = None
        if os.geteuid() == 0 and shutil.which("postfix", path="/usr/sbin:/usr/bin"):
            self.postfix = Postfix(env, 0, password=self.plant(
                "password in sasl_passwd", secrets.token_urlsafe(30)),
                environment={"SASL_BEARER_SOCKET": self.helper.socket})
            self.helper.listen.append(self.postfix.jailed(self.helper.socket))
        self.make_accounts()
        self.sampler = Sampler()
        self.sampler.start()
        self.mount_state()
        self.helper.start()
        self.tokens = {}                        # account: what it has now
        self.sign_in("person")
        self.sign_in("inline")
        self.sign_in("basic")

    def watch_sign_ins(self):
        """The id_token of each sign-in is secret too."""
        signed_in = self.server.signed_in

        def watched(grant):
            self.server.claims["email"] = grant.user
            answer = signed_in(grant)
            self.plant("id_token", answer["id_token"].split(".")[1])
            self.canaries.used["id_token"] += 1
            return answer
        self.server.signed_in = watched

    def mount_state(self):
        """A file system of its own for the state, which can be full."""
        self.full = os.geteuid() == 0 and subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", self.helper.state_dir],
            stderr=subprocess.DEVNULL, check=False).returncode == 0
        if self.full:
            self.env.cleanup(lambda: subprocess.run(["umount", "-l", self.helper.state_dir],
                                                    check=False))
            who = identity(self.helper.run_as)
            os.chown(self.helper.state_dir, who["user"], who["group"])
            os.chmod(self.helper.state_dir, 0o700)

    def plant(self, kind, secret):
        return self.canaries.plant(kind, secret)

    def device(self, act, *words):
        """A sign-in with a device code; returns a Result."""
        known = set(self.server.devices)

        def answer():
            code = wait_for(lambda: set(self.server.devices) - known, 30).pop()
            self.plant("device code", code)
            if act == "approve":
                self.server.approve(self.server.devices[code]["user_code"], words[-1])
            else:
                self.server.deny(self.server.devices[code]["user_code"])
        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        done = self.helper.cli(*words, "--device")
        thread.join()
        return done

    def visit(self, url):
        """Where the page at that address sends a browser."""
        class Stay(urllib.request.HTTPRedirectHandler):
            def redirect_request(self, *_args):
                return None
        opener = urllib.request.build_opener(
            Stay, urllib.request.HTTPSHandler(context=self.env.tls().client()))
        try:
            opener.open(url, timeout=30)
        except urllib.error.HTTPError as e:
            return e.headers["Location"]
        raise AssertionError(f"{url} does not send a browser back")

    @staticmethod
    def tree(pid):
        """The children of a process."""
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as f:
            return [int(word) for word in f.read().split()]

    @staticmethod
    def is_ours(pid):
        """Whether it runs one of our programs; a dead one is none."""
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as f:
                return b"sasl-bearer" in f.read()
        except OSError:
            return False

    def secret_file(self, name, content):
        path = self.helper.secret_file(name, content)
        self.planted.add(path)
        return path

    def copy(self, path, name):
        with open(path, "rb") as f:
            return self.secret_file(name, f.read())

    def make_accounts(self):
        accounts, where = self.helper.accounts, self.env.mkdir("keys", 0o700)
        secret = self.plant("client secret", "s&c+%41=" + secrets.token_urlsafe(40))
        accounts["person"] = {"user": ALICE, "client_id": "web",
                              "client_secret_file": self.secret_file("secret", secret + "\n")}
        inline = self.plant("inline secret", secrets.token_urlsafe(40))
        if self.postfix:
            accounts["person"]["allow"] = "postfix"
        accounts["basic"] = {**accounts["person"], "user": "basic@example.com",
                             "client_auth": "basic"}
        accounts["inline"] = {"client_secret": inline, "user": "inline@example.com"}
        self.planted.add(os.path.join(self.helper.config_dir, "accounts.d", "inline.conf"))
        self.key = keys.make_key(f"{where}/app.key")
        self.planted.add(self.key)
        certificate = keys.make_certificate(self.key, f"{where}/app.pem")
        with open(self.key, encoding="ascii") as f:
            for line in f.read().splitlines()[8:-2]:     # the modulus before them is public
                self.plant("private key", line)
        self.plant("private key", keys.openssl("pkey", "-in", self.key, "-outform", "DER")[-600:])
        app = {"grant": "client_credentials", "client_id": "app", "scope": "mail/.default"}
        accounts["pem"] = {**app, "client_key": self.copy(self.key, "app.key"),
                           "client_certificate": self.copy(certificate, "app.pem"),
                           "user": "pem@example.com"}
        password = self.plant("PKCS#12 password", secrets.token_urlsafe(30))
        bundle = keys.make_pkcs12(self.key, certificate, f"{where}/app.p12", password)
        accounts["bundle"] = {
            **app, "client_certificate": self.copy(bundle, "app.p12"),
            "client_key_password_file": self.secret_file("password", password),
            "user": "bundle@example.com"}
        self.slow = keys.make_pkcs12(self.key, certificate, f"{where}/slow.p12", password,
                                     "-iter", "1000000")
        self.planted |= {bundle, self.slow}
        assertion = self.plant_jwt("federated assertion", jwt_sign(
            {"alg": "RS256"}, {"iss": "https://platform", "sub": "relay"}, self.key))
        accounts["federated"] = {**app, "user": "federated@example.com",
                                 "assertion_file": self.secret_file("assertion", assertion)}
        google = keys.service_account(self.key, f"{where}/google.json",
                                      token_uri=self.server.endpoint("token"))
        self.planted.add(google)
        accounts["google"] = {
            "user": "google@example.com", "grant": "jwt_bearer", "client_id": None,
            "scope": "mail", "client_key": self.copy(google, "google.json"),
            "services": "imap smtp"}
        self.command_token = self.plant("token of a command", "Cm" + secrets.token_urlsafe(60))
        token_file = self.env.write("command/token", self.command_token + "\n", 0o644)
        self.planted.add(token_file)
        script = self.env.write("command/run", f"#!/bin/sh\ncat {token_file}\n", 0o755)
        accounts["command"] = {"user": "command@example.com", "grant": "command",
                               "client_id": None, "provider": None, "command": script,
                               "hosts": "localhost"}
        self.file_token = self.plant("token of a file", "Fi" + secrets.token_urlsafe(60))
        accounts["file"] = {"user": "file@example.com", "grant": "file", "client_id": None,
                            "provider": None, "hosts": "localhost",
                            "token_file": self.secret_file("token", self.file_token + "\n")}

    def plant_jwt(self, kind, jwt):
        """Its signature is what is secret; the rest may be guessed."""
        self.plant(kind, jwt.rpartition(".")[2])
        return jwt

    def sign_in(self, account):
        """Store a new grant, as login does."""
        tokens = self.server.issue(self.helper.accounts[account]["user"],
                                   self.helper.accounts[account].get("client_id", "test-client"))
        reply = self.helper.store(account, tokens)
        assert reply["status"] == "ok", reply
        self.note_server()

    def note_server(self):
        """What the provider gave out and was sent so far is secret as well; and used."""
        with self.server.lock:
            for token in self.server.access:
                self.plant("access token", token)
            for token in self.server.refresh:
                self.plant("refresh token", token)
        for request in self.server.seen():
            if request.kind == "authorize":
                continue
            for name, value in request.form.items():
                kind = {"client_assertion": "client assertion", "assertion": "grant assertion",
                        "device_code": "device code", "code": "authorization code",
                        "code_verifier": "PKCE verifier"}.get(name)
                if kind and value.count(".") == 2:
                    self.plant_jwt(kind, value)
                elif kind:
                    self.plant(kind, value)
            sent = request.body.decode("utf-8", "replace") + str(request.pairs)
            for secret, kind in self.canaries.kinds.items():
                if secret.decode("latin-1") in sent:
                    self.canaries.used[kind] += 1
        self.server.requests.clear()

    def refresh(self, account, status="ok"):
        """Have a token fetched; returns the reply."""
        reply = self.helper.request({"request": "refresh", "account": account}, timeout=70)
        self.note_server()
        self.show(f"refresh of {account}", str(reply))
        assert reply["status"] == status, reply
        return reply

    def until(self, account, good):
        """Refresh until the status is good; the first may be the end of a fetch under way."""
        def reached():
            reply = self.helper.request({"request": "refresh", "account": account}, timeout=70)
            self.show(f"refresh of {account}", str(reply))
            return good(reply["status"])
        wait_for(reached, 20)

    def host(self, service="imap"):
        """A program that logs in through libsasl2."""
        return subprocess.Popen(
            [built("tests/lib/sasl-host"), service, "localhost"], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, start_new_session=True,
            env=environment({"SASL_PATH": sasl_path(),
                             "SASL_BEARER_SOCKET": self.helper.socket}))

    def current(self, account):
        """The secrets of an account that the helper must know now."""
        state = self.helper.state(account) or {}
        return [state[n] for n in ("access_token", "refresh_token") if n in state]

    def show(self, what, text):
        """Somebody sees this."""
        self.texts.append((what, text))

    def assert_unseen(self):
        """No secret in anything that was shown so far, nor in the log."""
        self.note_server()
        log = self.helper.log()
        self.show("log", log[self.log_seen:])
        self.log_seen = len(log)
        while self.texts:
            what, text = self.texts.pop(0)
            found = self.canaries.find(text.encode())
            assert not found, f"{what}: {found}\n" + "\n".join(
                line for line in text.splitlines()
                if any(trace.decode("latin-1") in line for _, trace in found))

    def assert_forgotten(self, pid, but=lambda: ()):
        """No secret in a process's memory but those; as soon as no exchange is under way."""
        def left():
            self.note_server()
            allowed, found = but(), []
            for name, data in memory(pid):
                for kind, trace in self.canaries.find(data, allowed):
                    at = data.find(trace)
                    found.append(f"{kind} in {name} at {at:#x}: {data[max(at - 48, 0):at + 80]}")
            return found
        try:
            wait_for(lambda: not left(), 15)
        except AssertionError:
            found = left()
            assert not found, f"{len(found)} parts:\n" + "\n".join(found[:8])


def ask(host, line):
    """Have sasl-host do something; returns (code, bytes)."""
    host.stdin.write(line.encode() + b"\n")
    host.stdin.flush()
    code, length = map(int, host.stdout.readline().split())
    text = host.stdout.read(length)
    host.stdout.readline()      # it has disposed of the connection
    return code, text


@tap.promise
def all_ways(world):
    "a token by each kind of grant and of proof: no secret in log, answers or messages"
    for account in world.helper.accounts:
        world.refresh(account)
        world.refresh(account)
        reply = world.helper.token(world.helper.accounts[account]["user"])
        assert reply["status"] == "ok", reply
        token = reply["token"]
        kind = {"command": "token of a command", "file": "token of a file"}.get(account)
        assert kind or token in world.server.access, reply
        world.canaries.used[kind or "access token"] += 1
    world.canaries.used["PKCS#12 password"] += 1        # else there were no assertion
    world.canaries.used["private key"] += 1
    world.show("list", str(world.helper.list()))
    world.assert_unseen()


def echoes(request):
    """Answers that say again what was asked: [Reply]."""
    values = " ".join(value for value in request.form.values() if len(value) > 20)
    header = request.headers.get("authorization", "")
    longest = max(request.form.values(), key=len)
    text = f"{values} {header}"
    return [
        Reply.error("invalid_grant", text),
        Reply.error("invalid_client", f"you sent {request.body.decode()} {header}", 401),
        Reply.error("server_error", "the end of it: " + longest[len(longest) // 2:], 500),
        Reply.error("server_error", "a part of it: " + longest[20:120], 500),
        Reply.error(longest[:60], text),
        Reply(400, json={"error": {"message": text}}),
        Reply(500, body=f"<html>{text}</html>", headers={"Content-Type": "text/html"}),
        Reply(200, body=text),
        Reply(200, json={"access_token": longest + " ", "token_type": text}),
        Reply(503, body=text, headers={"Content-Type": longest[:100], "Retry-After": longest}),
        Reply(307, headers={"Location": f"https://127.0.0.1/{longest[:900]}"}),
    ]


@tap.promise
def echoed(world):
    "W7: a provider that says again what it was sent: nothing of it is shown"
    for account in ("person", "basic", "federated", "pem", "google"):
        for n in range(11):
            world.server.always("token", lambda request, n=n: echoes(request)[n])
            reply = world.helper.request({"request": "refresh", "account": account}, timeout=70)
            world.show(f"echo {n} for {account}", str(reply))
            world.show("list", str(world.helper.list()[account]))
            assert reply["status"] != "ok", (n, reply)
    world.server.handlers.clear()
    world.assert_unseen()
    for account in ("person", "federated"):
        world.refresh(account)


@tap.promise
def unreachable(world):
    "a provider that is refused, silent, cut off or not who it should be: nothing is shown"
    good = world.server.server.context
    bad = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    bad.load_cert_chain(*world.env.tls().wrong_host())
    for reply in (Reply(silent=True), Reply(close=True), Reply(body=b"{" * 4000, reset=True)):
        world.server.always("token", reply)
        world.refresh("person", "temporary")
        world.server.handlers.clear()
    world.server.server.context = bad
    world.refresh("person", "temporary")
    world.server.server.context = good
    world.server.stop()
    world.refresh("person", "temporary")
    world.server.start()
    world.refresh("person")
    world.assert_unseen()


@tap.promise
def rejected(world):
    "W7: a mail server whose words have the token in them: they are shown without it"
    token = world.helper.token(ALICE)["token"]
    words = f"no good: {token}; {token[300:340]}; {token[-20:]}"
    go = world.server.hold("token")     # or it is another token's turn before all is said
    for challenge in (f'{{"status":"{token[:100]}","scope":"{token[20:120]}"}}',
                      f'{{"error":"{words}"}}'):
        with world.host() as host:
            code, text = ask(host, f"login {ALICE} {challenge}")
            assert b"does not accept the token" in text, (code, text)
            world.show("the program's error", text.decode())
    for detail in (words[:1024], token[7:200], f"<{token[:40]}>"):
        reply = world.helper.request({
            "request": "reject", "user": ALICE, "service": "imap", "host": "localhost",
            "mechanism": "XOAUTH2", "token_id": world.helper.list()["person"]["token_id"],
            "detail": detail})
        assert reply["status"] == "ok", reply
    world.show("list", str(world.helper.list()))
    assert world.helper.log().count("does not accept token") >= 5, "no rejection was reported"
    world.server.always("token", None)
    go.set()
    world.until("person", lambda status: status == "ok")
    world.assert_unseen()


BAD_LINES = [
    "client_secret: {}", "client_secret {}", "{}=", "{} = 1", "client_secrt = {}",
    "client_secret = {0}\nclient_secret = {0}", "client_secret = {}\t\x01",
    "client_secret_file = {}", "client_key_password_file = {}", "client_secret_credential = {}==",
]


@tap.promise
def bad_lines(world):
    "W7: a secret in a line where it does not belong is not shown with the error"
    for n, line in enumerate(BAD_LINES):
        secret = world.plant("secret in a bad line", base64.b64encode(os.urandom(30)).decode())
        world.helper.accounts[f"bad{n}"] = (
            f"provider = test\nclient_id = x\n{line.format(secret)}\n")
        world.planted.add(os.path.join(world.helper.config_dir, "accounts.d", f"bad{n}.conf"))
        world.show("reload", str(world.helper.reload()))
        world.show("check", str(world.helper.check()))
        world.show("token", str(world.helper.token("", account=f"bad{n}")))
        world.show("list", str(world.helper.list()))
        world.canaries.used["secret in a bad line"] += 1
        del world.helper.accounts[f"bad{n}"]
    assert world.helper.reload()["status"] == "ok"
    world.assert_unseen()


def bad_files(world):
    """(account, file, bytes): files that hold a secret and something that is wrong."""
    def canary(kind="secret in a bad file"):
        world.canaries.used[kind] += 1
        return world.plant(kind, secrets.token_urlsafe(40)).encode()
    with open(world.key, "rb") as f:
        pem = f.read()
    with open(world.helper.accounts["bundle"]["client_certificate"], "rb") as f:
        bundle = f.read()
    with open(world.helper.accounts["google"]["client_key"], "rb") as f:
        google = f.read()
    etc = world.helper.config_dir
    return [
        ("person", f"{etc}/secret", canary() + b"\n" + canary() + b"\n"),
        ("person", f"{etc}/secret", canary() + b"\0\1"),
        ("person", f"{etc}/secret", b"x" * 5000 + canary()),
        ("bundle", f"{etc}/password", canary()),
        ("bundle", f"{etc}/app.p12", bundle[:-200]),
        ("pem", f"{etc}/app.key", pem[:600]),
        ("pem", f"{etc}/app.key", pem.replace(b"PRIVATE KEY", b"PUBLIC KEY")),
        ("pem", f"{etc}/app.key", canary()),
        ("google", f"{etc}/google.json", google[:-30]),
        ("google", f"{etc}/google.json", google.replace(b'"private_key"', b'"private_kay"')),
        ("google", f"{etc}/google.json", google.replace(b"BEGIN", canary())),
        ("federated", f"{etc}/assertion", canary() + b"\n" + canary()),
        ("federated", f"{etc}/assertion", b""),
        ("file", f"{etc}/token", b'{"access_token": "' + canary() + b'", "expires_in": "'
         + canary() + b'"}'),
        ("file", f"{etc}/token", canary() + b" " + canary()),
        ("command", f"{world.env.dir}/command/token", canary() + b"\n" + canary() + b"\n"),
        ("command", f"{world.env.dir}/command/token", b'{"token": "' + canary() + b'"}'),
        ("command", f"{world.env.dir}/command/token", canary() * 2000),
    ]


@tap.promise
def bad_content(world):
    "W7: a file with a secret and something wrong is complained about, not quoted"
    for account, path, content in bad_files(world):
        with open(path, "rb") as f:
            good = f.read()
        with open(path, "r+b") as f:        # owner and mode stay
            f.truncate()
            f.write(content)
        world.until(account, lambda status: status != "ok")
        world.show("list", str(world.helper.list()[account]))
        world.show("check", str(world.helper.check()))
        done = world.helper.cli("token", account)
        world.show("token", done.stderr)
        with open(path, "r+b") as f:
            f.truncate()
            f.write(good)
        world.until(account, lambda status: status == "ok")
    world.assert_unseen()


@tap.promise
def signs_in(world):
    "W7: sign-ins that succeed, are declined, are pasted wrong: nothing secret is printed"
    new = ("login", "--provider", "test", "--client-id", "web")
    secret = ("--client-secret-file", world.secret_file("login-secret", world.plant(
        "secret of a sign-in", secrets.token_urlsafe(30)) + "\n"))
    for n, act in enumerate(("approve", "deny")):
        done = world.device(act, *new, *secret, f"device{n}@example.com")
        assert (done.rc == 0) == (act == "approve"), done
        world.show(act, done.stdout + done.stderr)
    for way in ("--browser", "--paste"):
        user = f"{way[2:]}@example.com"
        with Terminal([built("sasl-bearer"), "--config", world.helper.config, *new, *secret, way,
                       user], env={"HOME": world.env.dir, "BROWSER": "true"}) as person:
            person.wait_for("code_challenge=")
            wait_for(lambda: re.search(r"^ +(https://\S+)\r$", person.text, re.M))
            url = re.search(r"^ +(https://\S+)\r$", person.text, re.M)[1]
            where = world.visit(url + "&login_hint=" + user)
            code = urllib.parse.parse_qs(urllib.parse.urlsplit(where).query)["code"][0]
            world.plant("authorization code", code)
            if way == "--browser":
                with urllib.request.urlopen(where, timeout=30) as page:
                    world.show("page", page.read().decode())
            else:
                wrong = (where.replace("state=", "state=x"), "x" + where, where[:-30], code)
                for n, address in enumerate((*wrong, where), 1):
                    wait_for(lambda n=n: person.text.count("(it is not shown): ") == n)
                    person.type_hidden(address + "\n")
            assert person.wait() == 0, person.text
            world.show(way, person.text)
    world.note_server()
    assert world.helper.state("browser@example.com"), "nobody has signed in"
    world.assert_unseen()


@tap.promise
def full_disk(world):
    "a disk that is full: loud, and without the token that could not be saved"
    tap.need(world.full, "a file system to fill")
    path = os.path.join(world.helper.state_dir, "filler#")
    with open(path, "wb", buffering=0) as f:
        try:
            while True:
                f.write(b"x" * 4096)
        except OSError:
            pass
    world.refresh("person")
    assert "cannot save to" in world.helper.log()
    world.show("list", str(world.helper.list()))
    os.unlink(path)
    world.refresh("person")
    wait_for(lambda: (world.helper.state("person") or {}).get("refresh_token")
             == world.server.newest_refresh_token(ALICE), what="the token on the disk")
    world.assert_unseen()


@tap.promise
def helper_forgets(world):
    "the helper's memory has the tokens that are current, and no other secret"
    def known():
        return [world.helper.accounts["inline"]["client_secret"], world.command_token,
                world.file_token, *(token for account in os.listdir(world.helper.state_dir)
                                    for token in world.current(account))]
    for account in ("person", "pem", "person", "pem"):
        world.refresh(account)
    world.assert_forgotten(world.helper.process.pid, known)
    found = set()
    for _, data in memory(world.helper.process.pid):
        found |= {token for token in known() if token.encode() in data}
    assert len(found) > len(known()) / 2, "its memory was not read"


@tap.promise
def spawner_knows_nothing(world):
    "the process that starts children never knew a secret"
    for pid in world.tree(world.helper.process.pid):
        world.assert_forgotten(pid)


@tap.promise
def host_forgets(world):
    "after sasl_dispose() a program has nothing left of the token"
    token = world.current("person")[0].encode()
    with world.host() as host:
        for _ in range(3):
            code, text = ask(host, f"login {ALICE}")
            assert code >= 0 and token in text, (code, text)
        world.assert_forgotten(host.pid)
        ask(host, f"keep {ALICE}")
        assert any(token in data for _, data in memory(host.pid)), "its memory was not read"
        host.stdin.close()
        assert host.wait(10) == 0


@tap.promise
def crashes(world):
    "fetch, sign and the daemon leave no core when they crash, and no secret in the log"
    control = subprocess.run(["/bin/sh", "-c", "kill -SEGV $$"], check=False)
    assert control.returncode == -signal.SIGSEGV
    if not glob.glob("core*"):
        tap.note("nothing leaves a core here; only the limits are looked at")
    for path in glob.glob("core*"):
        os.unlink(path)

    def crash(name, account, number, asked=0):
        with world.helper.asking({"request": "refresh", "account": account}):
            pid = pid_of(name)
            world.server.wait_seen("token", asked)      # or it could still be served
            with open(f"/proc/{pid}/limits", encoding="ascii") as f:
                limit = next(line.split()[4:6] for line in f if line.startswith("Max core"))
            assert limit == ["0", "0"], (name, limit)
            os.kill(pid, number)
        wait_for(lambda: f"{name} was killed by signal {number:d}" in world.helper.log())
    world.server.always("token", Reply(silent=True))
    crash("sasl-bearer-fetch", "person", signal.SIGSEGV, len(world.server.seen("token")) + 1)
    world.server.handlers.clear()
    bundle = world.helper.accounts["bundle"]
    world.helper.accounts["slow"] = {**bundle, "user": "slow@example.com",
                                     "client_certificate": world.copy(world.slow, "slow.p12")}
    assert world.helper.reload()["status"] == "ok"
    crash("sasl-bearer-sign", "slow", signal.SIGABRT)
    del world.helper.accounts["slow"]
    world.refresh("person")
    with open(f"/proc/{world.helper.process.pid}/limits", encoding="ascii") as f:
        assert re.search(r"Max core file size +0 +0 ", f.read())
    os.kill(world.helper.process.pid, signal.SIGABRT)
    assert world.helper.process.wait(10) == -signal.SIGABRT
    assert not glob.glob("core*") + glob.glob("/core*"), os.listdir(".")
    wait_for(lambda: not any(world.is_ours(pid) for pid in children()), 20)
    world.helper.start()
    world.refresh("person")
    world.assert_unseen()


@tap.promise
def postfix(world):
    "Postfix sends by a token; its log has neither that nor the password in sasl_passwd"
    tap.need(world.postfix, "postfix")
    tap.require("dovecot")
    sink = Sink(world.env)
    dovecot = Dovecot(world.env, world.server, sink=sink).start()
    world.postfix.relay = f"[localhost]:{dovecot.smtp}"
    world.postfix.start()
    status, reason = world.postfix.send()
    assert status == "sent", reason
    world.server.accept_tokens = False
    status, reason = world.postfix.send()
    assert status != "sent", reason
    world.server.accept_tokens = True
    world.canaries.used["password in sasl_passwd"] += 1
    world.show("Postfix", world.postfix.log())
    world.postfix.stop()
    dovecot.stop()
    world.planted.add(os.path.join(world.postfix.config_dir, "sasl_passwd"))
    world.assert_unseen()


@tap.promise
def sealed(world):
    "with a state key: neither it nor a token stands in a file, in the log, or where it was read"
    key = world.plant("state key", secrets.token_hex(32))
    helper = Helper(world.env, world.server, accounts={"sealed": {"user": "sealed@example.com"}})
    path = helper.secret_file("state.key", key + "\n")
    world.planted.add(path)
    helper.settings["state_key"] = path
    helper.start()
    assert helper.store("sealed", world.server.issue("sealed@example.com"))["status"] == "ok"
    for _ in range(2):
        reply = helper.request({"request": "refresh", "account": "sealed"})
        assert reply["status"] == "ok", reply
    token = helper.token("sealed@example.com")["token"]
    current = [token, world.server.newest_refresh_token("sealed@example.com")]
    world.assert_forgotten(helper.process.pid, lambda: current)
    assert any(bytes.fromhex(key) in data for _, data in memory(helper.process.pid))
    world.plant("state key", bytes.fromhex(key))
    for pid in world.tree(helper.process.pid):
        world.assert_forgotten(pid)
    assert helper.stop() == 0
    with open(path, "w", encoding="ascii") as f:
        f.write(world.plant("state key", secrets.token_hex(32)) + "\n")
    helper.start()
    world.show("another key", str(helper.token("sealed@example.com")))
    helper.stop()
    with open(path, "w", encoding="ascii") as f:
        f.write(world.plant("state key", secrets.token_hex(20)) + "\n")
    done = world.env.run(helper.command("--foreground"), timeout=30)
    assert done.rc != 0, done
    world.show("a short key", done.stdout + done.stderr)
    world.show("log of the sealed one", helper.log())
    world.canaries.used["state key"] += 1
    world.assert_unseen()


@tap.promise
def syslog(world):
    "in the background the same holds for what it tells syslog"
    tap.need(os.geteuid() == 0 and world.env.can_mount(), "leave to mount")
    helper = Helper(world.env, world.server, accounts={
        "logged": {"user": "logged@example.com", "client_id": "web",
                   "client_secret_file": world.helper.accounts["person"]["client_secret_file"]}})
    helper.write_config()
    lines, pidfile = [], helper.path("pid")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as log:
        log.bind(helper.path("log"))
        os.chmod(helper.path("log"), 0o666)
        log.settimeout(0.2)
        done = world.env.run(
            ["unshare", "-m", "/bin/sh", "-c", IN_PRIVATE_DEV, helper.path("log"),
             world.env.mkdir("dev"), *helper.command("--pidfile", pidfile)])
        assert done.rc == 0, done
        world.show("start", done.stdout + done.stderr)
        world.planted.add(os.path.join(helper.state_dir, "logged"))
        assert helper.store("logged", world.server.issue("logged@example.com", "web"))
        for n in range(11):
            world.server.always("token", lambda request, n=n: echoes(request)[n])
            helper.request({"request": "refresh", "account": "logged"})
        world.server.handlers.clear()
        with open(pidfile, encoding="ascii") as f:
            os.kill(int(f.read()), signal.SIGTERM)
        try:
            while True:
                lines.append(log.recv(65536).decode("utf-8", "replace"))
        except TimeoutError:
            pass
    text = "\n".join(lines)
    assert "no new token" in text and "stopping" in text, text
    world.show("syslog", text)
    world.assert_unseen()


@tap.promise
def argv_and_environ(world):
    "no argument and no variable of a process ever held a secret"
    tap.note(", ".join(f"{name} {count}" for name, count in world.sampler.names.items()
                       if name.startswith("sasl")))
    for name in PROGRAMS:
        assert world.sampler.names[name], f"no {name} was seen: {world.sampler.names}"
    world.note_server()
    for blob in list(world.sampler.seen):
        found = world.canaries.find(blob)
        assert not found, (blob, found)


@tap.promise
def manager_is_told_nothing(world):
    "nor what the service manager is told"
    assert "READY=1" in world.helper.notified
    world.show("notified", "\n".join(world.helper.notified))
    world.assert_unseen()


@tap.promise
def inventory(world):
    "on the disk secrets stand in the state files and in the files that were planted, only there"
    assert world.helper.stop() == 0, world.helper.log()
    world.note_server()
    wanted = world.planted | {
        os.path.join(world.helper.state_dir, name) for name in os.listdir(world.helper.state_dir)}
    found = set()
    paths = [os.path.join(folder, name) for folder, _, names in os.walk(world.env.dir)
             for name in names]
    for top in ("/", "/tmp", "/var/tmp", "/dev/shm", "/run"):
        paths += glob.glob(f"{top}/*") + glob.glob(f"{top}/.*")
    for path in paths:
        try:
            about = os.lstat(path)
            if stat.S_ISREG(about.st_mode) and about.st_mtime >= world.begin:
                with open(path, "rb") as f:
                    if world.canaries.find(f.read()):
                        found.add(path)
        except FileNotFoundError:
            continue            # another program's
    assert found <= wanted, found - wanted
    for account in ("person", "inline", "pem", "google", "command"):
        assert os.path.join(world.helper.state_dir, account) in found, (account, found)


@tap.promise
def all_were_used(world):
    "each kind of secret was really used"
    kinds = set(world.canaries.kinds.values())
    tap.note("; ".join(f"{kind}: {world.canaries.used[kind]}" for kind in sorted(kinds)))
    assert not kinds - set(world.canaries.used), kinds - set(world.canaries.used)
    assert len(kinds) > 18, kinds


tap.main(World, timeout=300)
