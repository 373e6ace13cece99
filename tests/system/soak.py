#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""soak - many accounts and clients, a bad provider, a clock that jumps, and no end in sight

SOAK_SECONDS   how long; `make soak` takes an hour, `make check` the default
SOAK_SEED      of the random choices; printed
SOAK_ACCOUNTS, SOAK_CLIENTS   how many; 50 and 30 in a run of ten minutes and more

Tokens live 20 s, and while no fetch succeeds a token is served that has half of its life left:
of the 30 s that are asked for of a longer one that is the clamp (state.c, wanted_validity()).
Refresh tokens are good for one use; a second one revokes the grant.

The provider fails before it decides, so what a failure says is never true: the tokens in its
bodies are nobody's.  What cannot be saved is a refresh token that the provider has replaced
in the moment in which the helper is killed with all its children; these grants are counted,
and signed in anew.
"""

import bisect
import collections
import email.utils
import glob
import inspect
import json
import os
import random
import re
import selectors
import signal
import ssl
import subprocess
import sys
import threading
import time
import traceback
import warnings

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "lib"))

import protocol
import tap
from env import built, environment, identity, sasl_path, wait_for
from helper import Helper, endpoints
from oauthd import OAuthServer, Reply

SECONDS = int(os.environ.get("SOAK_SECONDS") or 30)
SEED = os.environ.get("SOAK_SEED") or str(random.SystemRandom().randrange(1 << 32))
LONG = SECONDS >= 600
ACCOUNTS = int(os.environ.get("SOAK_ACCOUNTS") or (50 if LONG else 15))
CLIENTS = int(os.environ.get("SOAK_CLIENTS") or (30 if LONG else 10))
HOSTS = 3                       # of the clients, that log in through libsasl2
SERVERS = 5 if LONG else 3      # each is the provider of some accounts
STRANGER = 60999                # a uid that no account allows

LIFETIME = 20                   # seconds, of an access token
SERVED = LIFETIME / 2 + 1       # while so much is left: half, and a state has whole seconds
REFRESH = LIFETIME / 2 * 0.8 * 0.95 - 1 # earliest refresh: HEAD_START and jitter, state.c
BACKOFF, BACKOFF_MAX = 5 * 0.95, 300 * 0.95
FETCH_TIMEOUT = 8
DEADLINE = 20                   # of a client
FAILS = 0.17                    # of all requests; outages of a server do the rest
TMPFS_KIB = 1024

# The clock: parts of the run with kills and restarts; in the others one helper grows old.
ROUGH = ((0, 0.25), (0.6, 0.75)) if LONG else ((0, 0.5),)
PACE = 1 if LONG else 0.25      # of what is done, and how long it lasts

ROOT = os.geteuid() == 0
DECOY = {"access_token": "Ew" + "decoy" * 200, "refresh_token": "M.C5_" + "decoy" * 60,
         "expires_in": 3600, "token_type": "Bearer"}


def decoy(**members):
    return json.dumps({**DECOY, **members})


def http_date(seconds):
    return email.utils.formatdate(time.time() + seconds, usegmt=True)


# How a request fails, by name.  None of these changes what the provider knows.
FAULTS = {
    "silent": lambda _: Reply(silent=True),
    "one byte a second": lambda _: Reply(body=decoy(), drip=1),
    "reset in the body": lambda _: Reply(body=decoy(), reset=True),
    "closed": lambda _: Reply(close=True),
    "10 MB": lambda _: Reply(megabytes=10),
    "html": lambda _: Reply(body="<html><body>down for maintenance</body></html>",
                            headers={"Content-Type": "text/html"}),
    "html 502": lambda _: Reply(502, body="<html>bad gateway</html>",
                                headers={"Content-Type": "text/html"}),
    "half a json": lambda _: Reply(body=decoy()[:-20]),
    "deep json": lambda _: Reply(body='{"a":' * 5000 + "1" + "}" * 5000),
    "wrong types": lambda _: Reply(body='{"access_token": ["a"], "expires_in": {}}'),
    "no token": lambda _: Reply(body='{"token_type": "Bearer", "expires_in": 3600}'),
    "a token with a newline": lambda _: Reply(body=decoy(access_token="Ew\r\ndecoy")),
    "empty": lambda _: Reply(body=b""),
    "redirect": lambda _: Reply(307, headers={"Location": "http://127.0.0.1:9/token"}),
    "408": lambda _: Reply(408, body="late"),
    "425": lambda _: Reply(425, body="early"),
    "429": lambda rng: Reply(429, body="{}", headers={"Retry-After": str(rng.randrange(12))}),
    "500": lambda _: Reply.error("server_error", "it hurts", 500),
    "503": lambda rng: Reply(503, headers={"Retry-After": http_date(rng.randrange(12))}),
    "504": lambda _: Reply(504, body=decoy()),
    "unavailable": lambda _: Reply.error("temporarily_unavailable", "later"),
}
OUTAGES = ("refused", "mute", "wrong host", "expired certificate", "TLS 1.1")

# what must have been done to the helper before a run may end
WANTED = {"kill", "kill all", "restart", "hup", "reload", "bad file", "bad file at start"}

Attempt = collections.namedtuple("Attempt", "start fault wait")
Attempt.__doc__ = """A request that a provider saw: when, how it failed (None: not), Retry-After."""
Token = collections.namedtuple("Token", "user issued end")
Sample = collections.namedtuple("Sample", "time generation rss descriptors")


def now():
    return time.monotonic()


class Periods:
    """Periods of time; the last one may be open."""

    def __init__(self):
        self.list = []

    def begin(self, at=None):
        self.list.append([now() if at is None else at, float("inf")])

    def end(self):
        self.list[-1][1] = now()

    def meets(self, begin, end):
        """Whether one of them and [begin, end] have something in common."""
        return any(a <= end and begin <= b for a, b in self.list)

    def total(self):
        return sum(min(b, now()) - a for a, b in self.list)


class Account:
    """What is known of one account, from the provider's side and the clients'."""

    def __init__(self, name, user, server):
        self.name, self.user, self.server = name, user, server
        self.attempts = []
        self.refresh_token = None       # the newest
        self.rotated = 0                # when that was issued
        self.handed = {}                # token -> when a client first got it
        self.lost = Periods()           # a kill took its grant, until it is signed in anew
        self.broken = Periods()         # the helper started with a bad file of it

    def last_good(self, before):
        return max((a.start for a in self.attempts if not a.fault and a.start <= before),
                   default=0)


class Provider(OAuthServer):
    """One server of the provider; it writes the truth into the books."""

    def __init__(self, books, rng, **options):
        super().__init__(expires_in=LIFETIME, single_use=True, **options)
        self.books, self.rng = books, rng
        self.failing = 0
        self.down = Periods()
        self.always("token", self.decide)

    def decide(self, request):
        grant = self.refresh.get(request.form.get("refresh_token"))
        account = grant and self.books.by_user[grant.user]
        self.requests.clear()           # an hour's worth would not fit into memory
        if not account:
            self.books.violation("provider", "a refresh token that nobody was given")
            return None
        fault = reply = None
        wait = 0
        if self.rng.random() < self.failing:
            fault = self.rng.choice(list(FAULTS))
            reply = FAULTS[fault](self.rng)
            after = reply.headers.get("Retry-After", "0")
            wait = int(after) if after.isdigit() else 0
        else:
            status, value = self.serve(request)
            slow = self.rng.random() < 0.1
            reply = Reply(status, json=value, delay=self.rng.random() * 2 if slow else 0)
            if status != 200:
                fault = value["error"]
        with self.books.lock:
            self.books.faults[fault] += 1
            account.attempts.append(Attempt(now(), fault, wait))
        return reply

    def tokens(self, grant, with_refresh):
        with self.lock:
            answer = super().tokens(grant, with_refresh)
            account = self.books.by_user[grant.user]
            at = now()
            self.books.tokens[answer["access_token"]] = Token(grant.user, at, at + LIFETIME)
            account.refresh_token, account.rotated = answer["refresh_token"], at
        return answer


class Books:
    """Who was given what, when the helper was down, and what must not have happened."""

    def __init__(self, accounts):
        self.lock = threading.RLock()
        self.accounts = accounts
        self.by_user = {a.user: a for a in accounts}
        self.by_name = {a.name: a for a in accounts}
        self.tokens = {}                        # what the providers issued
        self.faults = collections.Counter()     # of requests
        self.events = collections.Counter()     # what was done to the helper
        self.answers = collections.Counter()    # of clients
        self.excused = collections.Counter()
        self.violations = collections.defaultdict(list)
        self.down = Periods()                   # no helper
        self.starts = []                        # when a generation was ready
        self.steps = []                         # when the clock was set
        self.offset = 0                         # by how much it is wrong
        self.kills = []                         # when a daemon died whose children went on
        self.resets = []                        # when failures were forgotten: SIGHUP, start
        self.samples = []
        self.windows = []       # seconds between a rotation and the kill that lost it

    def is_full(self):
        """Whether all has happened that must, or promises would promise nothing."""
        kinds = set(FAULTS) & set(self.faults)
        return (WANTED <= set(self.events) and len(kinds) >= (len(FAULTS) if LONG else 6) and
                bool(set(OUTAGES) & set(self.faults)) and
                self.answers["ok"] > SECONDS and self.answers["through libsasl2"] > 0)

    def violation(self, kind, text):
        with self.lock:
            self.violations[kind].append(text)
            if len(self.violations[kind]) <= 20:
                tap.note(f"VIOLATION {kind}: {text}")

    def same_clock(self, token):
        """Whether a helper that runs now knows how old a token is.

        What was on the disk at a start is as old as the wall clock says; an answer that
        outlived its daemon is as old as its file, and files have the true time.
        """
        start = self.starts[-1] if self.starts else 0
        if self.offset and any(abs(token.issued - t) < 2 * FETCH_TIMEOUT for t in self.kills):
            return False
        return token.issued > start or not any(token.issued <= t <= start for t in self.steps)

    def answered(self, begin, end, user, status, token=None, reason=""):
        """Judge what a client was told."""
        with self.lock:
            account = self.by_user[user]
            self.answers[status] += 1
            if status == "ok":
                self.judge_token(account, begin, token)
            elif not self.excuse(account, begin, end, status, reason):
                fault = [a for a in account.attempts if a.start > begin - 30]
                self.violation("login", f"{account.name}: {status}: {reason} "
                               f"[{begin:.1f}, {end:.1f}]; {fault}")
            if end - begin > DEADLINE + 2:
                self.answers["late"] += 1

    def judge_token(self, account, begin, text):
        token = self.tokens.get(text)
        if not token:
            self.violation("token", f"{account.name}: a token that nobody issued: {text[:20]}")
        elif token.user != account.user:
            self.violation("token", f"{account.name}: the token of {token.user}")
        elif token.end <= begin:
            if self.same_clock(token):
                self.violation("token", f"{account.name}: expired {begin - token.end:.1f} s ago")
            else:
                self.excused["expired: the clock was set before a start"] += 1
        else:
            account.handed.setdefault(text, now())

    def excuse(self, account, begin, end, status, reason):
        """Whether a login was lost with cause."""
        why = None
        if self.down.meets(begin, end):
            why = "no helper"
        elif status == "login_required" and account.lost.meets(begin, end):
            why = "the grant was lost in a kill"
        elif status == "config" and account.broken.meets(begin, end):
            why = "started with a bad file"
        elif status == "temporary" and not self.servable(account, begin, end):
            good = account.last_good(end)
            if any(a.fault for a in account.attempts if good < a.start <= end):
                why = "the provider failed"
            elif account.server.down.meets(good, end):
                why = "the provider was down"
            elif account.lost.meets(begin, end):
                why = "the grant was lost in a kill"
        if why:
            self.excused[why] += 1
        return why

    def servable(self, account, begin, end):
        """Whether the helper had a token that it had to give out."""
        for text, at in list(account.handed.items()):
            token = self.tokens[text]
            if now() - token.end > 600:
                del account.handed[text]
            elif at <= begin and token.end - end >= SERVED and self.same_clock(token):
                return True
        return False


# ---- clients

def client():
    """A process that asks for tokens and prints what it got; argv: path, seed, deadline, users."""
    path, seed, deadline, *users = sys.argv[1:]
    rng = random.Random(seed)
    while True:
        time.sleep(0.1 + rng.random() * 0.8)
        user = rng.choice(users)
        begin = time.monotonic()
        reply = {}
        try:
            answer = exchange(path, encode({  # noqa: F821 (protocol's, which goes along)
                "protocol": 1, "request": "token", "user": user, "service": "imap",
                "host": "localhost", "mechanism": "XOAUTH2",
                "deadline_ms": int(float(deadline) * 1000)}), float(deadline) + 5)
            reply = (decode(answer) or [{}])[0]  # noqa: F821
        except (OSError, TimeoutError) as e:
            reply = {"status": "none", "reason": repr(e)}
        print(json.dumps([begin, time.monotonic(), user, reply.get("status", "none"),
                          reply.get("token"), reply.get("reason", "no reply")]), flush=True)


PROGRAM = "\n".join([
    "import json, random, socket, sys, time",
    *map(inspect.getsource, (protocol.encode, protocol.decode, protocol.exchange, client)),
    "client()"])


class Clients:
    """Many processes; a thread that reads what they say."""

    def __init__(self, soak):
        self.books, self.env, self.soak = soak.books, soak.env, soak
        self.selector = selectors.DefaultSelector()
        self.processes, self.hosts = [], []
        self.stopping = threading.Event()
        users = [a.user for a in self.books.accounts]
        uids = [60000 + n for n in range(CLIENTS - HOSTS)] if ROOT else [None] * (CLIENTS - HOSTS)
        for n, uid in enumerate(uids):
            self.start(uid, n, users, self.read_line)
        if ROOT:
            self.start(STRANGER, "stranger", users, self.read_stranger)
        self.threads = [threading.Thread(target=self.read, daemon=True)]
        self.threads += [threading.Thread(target=self.run_host, args=(n,), daemon=True)
                         for n in range(HOSTS)]
        for thread in self.threads:
            thread.start()

    def start(self, uid, seed, users, function):
        process = subprocess.Popen(
            ["/usr/bin/python3", "-c", PROGRAM, self.soak.helper.socket, f"{SEED}/{seed}",
             str(DEADLINE), *users],
            stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, env=environment(),
            start_new_session=True, **identity(uid))
        self.processes.append(process)
        self.selector.register(process.stdout, selectors.EVENT_READ, function)

    def read(self):
        rest = collections.defaultdict(bytes)
        while not self.stopping.is_set():
            for key, _ in self.selector.select(0.5):
                data = os.read(key.fd, 1 << 16)
                if not data:
                    self.selector.unregister(key.fileobj)
                    if not self.stopping.is_set():
                        self.books.violation("harness", "a client ended")
                    continue
                *lines, rest[key.fd] = (rest[key.fd] + data).split(b"\n")
                for line in lines:
                    key.data(*json.loads(line))

    def read_line(self, *answer):
        self.books.answered(*answer)

    def read_stranger(self, _begin, _end, user, status, token, _reason):
        self.books.answers["stranger: " + status] += 1
        if token or status not in ("denied", "none"):
            self.books.violation("stranger", f"{user}: {status}")

    def run_host(self, number):
        """A program that logs in through libsasl2; it starts anew now and then."""
        rng = random.Random(f"{SEED}/host {number}")
        while not self.stopping.is_set():
            # a start without a helper offers no mechanism, where there was never one
            wait_for(lambda: not self.soak.books.down.meets(now(), now()), 60)
            with subprocess.Popen(
                    [built("tests/lib/sasl-host"), "imap", "localhost"], stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE, start_new_session=True,
                    env=environment({"SASL_PATH": sasl_path(),
                                     "SASL_BEARER_SOCKET": self.soak.helper.socket})) as host:
                self.hosts.append(host)
                for _ in range(rng.randrange(10, 60)):
                    if not self.stopping.wait(0.2 + rng.random()):
                        self.log_in(host, rng.choice(self.books.accounts))
                host.stdin.close()
                host.wait(DEADLINE + 10)
                self.hosts.remove(host)

    def log_in(self, host, account):
        begin = now()
        host.stdin.write(f"login {account.user}\n".encode())
        host.stdin.flush()
        code, length = map(int, host.stdout.readline().split())
        text = host.stdout.read(length)
        host.stdout.readline()
        if code >= 0:
            token = text.split(b"Bearer ")[1].rstrip(b"\1").decode()
            self.books.answered(begin, now(), account.user, "ok", token)
        else:
            words = {-24: "temporary", -18: "login_required", -20: "denied", -100: "config"}
            self.books.answered(begin, now(), account.user, words.get(code, f"SASL {code}"),
                                reason=text.decode("utf-8", "replace"))
        self.books.answers["through libsasl2"] += 1

    def stop(self):
        self.stopping.set()
        for thread in self.threads:
            thread.join(DEADLINE + 15)
        for process in self.processes:
            process.kill()
            process.wait()
        for host in list(self.hosts):
            host.kill()


# ---- the helper, and what is done to it

def faketime():
    """The library that fakes the wall clock, or None."""
    found = (glob.glob("/usr/lib/*/faketime/libfaketimeMT.so.1")
             + glob.glob("/usr/lib*/faketime/libfaketimeMT.so.1"))
    sanitized = any(name.endswith("SAN_OPTIONS") for name in os.environ)
    return found[0] if found and not sanitized else None


class Soak:
    """All of it: run() takes SECONDS."""

    def __init__(self, env):
        self.env = env
        self.rng = random.Random(SEED)
        self.servers, accounts = [], []
        self.books = Books(accounts)
        for n in range(SERVERS):
            self.servers.append(Provider(self.books, random.Random(f"{SEED}/server {n}"),
                                         tls=env.tls()).start())
        for n in range(ACCOUNTS):
            accounts.append(Account(f"a{n:02}", f"user{n:02}@example.com",
                                    self.servers[n % SERVERS]))
        self.books.__init__(accounts)
        self.clock = faketime()
        self.bad_contexts = self.make_contexts()
        self.make_helper()
        self.stopping = threading.Event()
        self.calm = threading.Event()   # no more outages

    def make_contexts(self):
        """What a server shows instead of its certificate."""
        tls, contexts = self.env.tls(), {}
        for name, pair in (("wrong host", tls.wrong_host()),
                           ("expired certificate", tls.expired()),
                           ("TLS 1.1", (tls.cert, tls.key))):
            contexts[name] = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            contexts[name].load_cert_chain(*pair)
        old = contexts["TLS 1.1"]
        old.set_ciphers("ALL:@SECLEVEL=0")
        with warnings.catch_warnings(action="ignore"):     # it is old, and that is the point
            old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
        return contexts

    def make_helper(self):
        self.helper = Helper(self.env, providers={
            f"p{n}": {"title": "Test", "scope": "mail offline_access", "hosts": "localhost",
                      **endpoints(server)} for n, server in enumerate(self.servers)},
            settings={"fetch_timeout": f"{FETCH_TIMEOUT}s", "log_level": "info"})
        self.clock_file = os.path.join(self.helper.config_dir, "clock")
        self.set_clock(0)
        if self.clock:
            self.helper.environment.update({
                "LD_PRELOAD": self.clock, "FAKETIME_TIMESTAMP_FILE": self.clock_file,
                "FAKETIME_NO_CACHE": "1", "FAKETIME_DONT_FAKE_MONOTONIC": "1",
                "NO_FAKE_STAT": "1"})
        self.tmpfs = ROOT and subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={TMPFS_KIB}k", "tmpfs", self.helper.state_dir],
            stderr=subprocess.DEVNULL, check=False).returncode == 0
        if self.tmpfs:
            self.env.cleanup(lambda: subprocess.run(["umount", "-l", self.helper.state_dir],
                                                    check=False))
            who = identity(self.helper.run_as)
            os.chown(self.helper.state_dir, who["user"], who["group"])
            os.chmod(self.helper.state_dir, 0o700)
        allow = " ".join(str(60000 + n) for n in range(CLIENTS)) if ROOT else str(os.geteuid())
        for account in self.books.accounts:
            self.helper.accounts[account.name] = {
                "user": account.user, "provider": f"p{self.servers.index(account.server)}",
                "allow": allow}

    # ---- one helper after the other

    def start(self):
        self.helper.start(timeout=60)
        self.books.starts.append(now())
        self.books.resets.append(now())
        if self.books.down.list:
            self.books.down.end()

    def end(self, number):
        """End the helper by a signal, and what it leaves behind; account for its grants."""
        self.books.down.begin()
        killed = now()
        if number == signal.SIGKILL:
            for deadly in (signal.SIGSTOP, signal.SIGKILL):
                for pid in [self.helper.process.pid, *self.tree(self.helper.process.pid)]:
                    try:
                        os.kill(pid, deadly)
                    except ProcessLookupError:
                        pass
        self.helper.process.send(number)
        status = self.helper.process.wait(60)
        if number == signal.SIGTERM and status != 0:
            self.books.violation("end", f"SIGTERM ended with status {status}")
        self.wait_orphans()
        self.clean_faketime()
        for account in self.books.accounts:
            state = self.helper.state(account.name) or {}
            if (state.get("refresh_token") == account.refresh_token
                    or account.lost.meets(now(), now())):
                continue
            text = f"{account.name}: rotated {killed - account.rotated:.2f} s before the end"
            if number == signal.SIGKILL and killed - account.rotated < FETCH_TIMEOUT + 2:
                self.books.windows.append(killed - account.rotated)
                account.lost.begin(killed)
            else:
                self.books.violation("grant", text)

    def wait_orphans(self):
        """Nothing of the helper's outlives it for long."""
        wait_for(lambda: not self.env.orphans(), FETCH_TIMEOUT + 30,
                 "the end of the helper's children")

    def clean_faketime(self):
        for path in glob.glob(f"/dev/shm/*faketime_*_{self.helper.process.pid}"):
            os.unlink(path)

    # ---- what is done to it: each takes as long as it needs

    def kill(self):
        """Kill the daemon alone and start the next one at once: nothing may be lost."""
        self.books.down.begin()
        self.books.kills.append(now())
        self.helper.process.send(signal.SIGKILL)
        self.helper.process.wait(10)
        self.clean_faketime()
        self.start()

    def kill_all(self):
        """Kill it with all its children, as a power cut would."""
        self.end(signal.SIGKILL)
        self.start()
        self.sign_in_lost()

    def sign_in_lost(self):
        """The grants that a kill took: the helper finds out, and somebody signs in."""
        for account in self.books.accounts:
            if not account.lost.meets(now(), now()):
                continue
            self.helper.request({"request": "refresh", "account": account.name}, timeout=70)
            tokens = account.server.issue(account.user)
            reply = self.helper.store(account.name, tokens)
            if reply.get("status") != "ok":
                self.books.violation("harness", f"store: {reply}")
            account.attempts.append(Attempt(now(), None, 0))
            account.lost.end()

    def restart(self):
        self.end(signal.SIGTERM)
        self.start()

    def hup(self):
        self.helper.hup()
        self.books.resets.append(now())
        time.sleep(0.3)
        self.books.resets.append(now())

    def reload(self):
        self.books.resets.append(now())
        reply = self.helper.reload()
        self.books.resets.append(now())
        if reply.get("status") not in ("ok", "temporary"):
            self.books.violation("harness", f"reload: {reply}")

    def bad_file(self, then=None):
        """An account's file is bad for a while; what was there is served."""
        account = self.rng.choice(self.books.accounts)
        good = self.helper.accounts[account.name]
        self.helper.accounts[account.name] = {**good, "no_such_key": "1"}
        if then:
            account.broken.begin()
            then()
        else:
            self.hup()
        self.stopping.wait(PACE * (1 + self.rng.random() * 4))
        self.helper.accounts[account.name] = good
        self.hup()
        if then:
            def mended():
                return self.helper.list()[account.name]["state"] != "config"
            wait_for(mended, 30, "the mended file")
            account.broken.end()

    def bad_file_at_start(self):
        self.bad_file(self.restart)

    def set_clock(self, offset):
        with open(self.clock_file + ".new", "w", encoding="ascii") as f:
            f.write(f"{offset:+d}s\n")
        os.rename(self.clock_file + ".new", self.clock_file)

    def step_clock(self):
        if not self.clock:
            return
        self.books.steps.append(now())
        offset = self.rng.choice((-1, 1)) * self.rng.randrange(60, 900)
        self.books.offset = offset
        self.set_clock(offset)
        self.books.steps.append(now())
        reply = self.helper.token(self.rng.choice(self.books.accounts).user)
        if reply.get("status") == "ok":
            believed = int(reply["expires_at"]) - time.time() - offset
            if not 0 < believed <= LIFETIME:
                self.books.violation("harness", f"the step by {offset} s did not happen: {reply}")

    def full_disk(self):
        """No room for a while; then all is saved again before anything else happens."""
        if not self.tmpfs:
            return
        self.wait_orphans()     # of a kill: their answers have nowhere else to go
        path = os.path.join(self.helper.state_dir, "filler#")
        with open(path, "wb", buffering=0) as f:
            try:
                while True:
                    f.write(b"x" * 4096)
            except OSError:
                pass
        self.stopping.wait(PACE * (2 + self.rng.random() * 6))
        os.unlink(path)

        def saved():
            return all((self.helper.state(a.name) or {}).get("refresh_token") == a.refresh_token
                       for a in self.books.accounts)
        wait_for(saved, 100, "the grants on the disk")

    def disturb(self):
        """One thing after the other, each before any is done again."""
        always = [self.hup, self.reload, self.bad_file, self.step_clock, self.step_clock,
                  self.full_disk]
        rough = [*[self.kill] * 3, *[self.kill_all] * 2, *[self.restart] * 3,
                 self.bad_file_at_start]
        begin, deck, was_rough = now(), [], None
        while not self.stopping.is_set():
            part = (now() - begin) / SECONDS
            is_rough = (any(a <= part < b for a, b in ROUGH)
                        or not LONG and not WANTED <= set(self.books.events))
            if not deck or is_rough != was_rough:
                deck = always + (rough if is_rough else [])
                self.rng.shuffle(deck)
                was_rough = is_rough
            what = deck.pop()
            try:
                what()
                self.books.events[what.__name__.replace("_", " ")] += 1
            except Exception as e:
                self.books.violation("harness", f"{what.__name__}: {e!r}")
            self.stopping.wait(PACE * self.rng.expovariate(1 / 6))

    def outages(self):
        """Now and then a server is not there, or not what it says."""
        rng = random.Random(f"{SEED}/outages")
        kinds = []
        while not self.calm.wait(PACE * rng.expovariate(1 / 8)):
            kinds = kinds or rng.sample(OUTAGES, len(OUTAGES))
            server, kind = rng.choice(self.servers), kinds.pop()
            server.down.begin()
            if kind == "refused":
                server.stop()
            elif kind == "mute":
                server.mute = True
            else:
                server.server.context = self.bad_contexts[kind]
            self.calm.wait(PACE * (1 + rng.random() * 8))
            server.mute = False
            if kind == "refused":
                server.start()
            server.server.context = server.context
            time.sleep(0.2)
            server.down.end()
            self.books.faults[kind] += 1

    # ---- what is watched

    def look(self):
        """Sample the helper's memory and descriptors, and what became of its children."""
        pid, zombies = self.helper.process.pid, set()
        while not self.stopping.wait(1):
            with self.books.lock:
                generation = len(self.books.starts)
                if self.books.down.meets(now(), now()):
                    continue
            pid = self.helper.process.pid
            try:
                with open(f"/proc/{pid}/status", encoding="ascii") as f:
                    rss = [int(line.split()[1]) for line in f if line.startswith("RssAnon")][0]
                count = self.descriptors()
                dead = {z for z, state in self.tree(pid).items() if state == "Z"}
            except (OSError, IndexError):
                continue        # it is being ended
            self.books.samples.append(Sample(now(), generation, rss, count))
            for z in dead & zombies:
                self.books.violation("zombie", f"process {z}")
            zombies = dead

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.helper.process.pid}/fd"))

    @staticmethod
    def tree(pid):
        """{descendant: its state letter}"""
        parents, found = {}, {}
        for entry in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{entry}/stat", encoding="ascii", errors="replace") as f:
                    fields = f.read().rpartition(")")[2].split()
                parents[int(entry)] = (int(fields[1]), fields[0])
            except OSError:
                pass
        members = {pid}
        for _ in range(3):
            for child, (parent, state) in parents.items():
                if parent in members and child not in members:
                    members.add(child)
                    found[child] = state
        return found

    def inspect_states(self):
        """No account waits for a human who is not needed."""
        while not self.stopping.wait(3):
            begin = now()
            try:
                listed = self.helper.list()
            except (OSError, AssertionError, ValueError):
                if not self.books.down.meets(begin, now()):
                    self.books.violation("states", "no list while the helper runs")
                continue
            for name, account in listed.items():
                known = self.books.by_name[name]
                cause = {"login_required": known.lost, "config": known.broken}.get(account["state"])
                if cause and not cause.meets(begin, now()):
                    self.books.violation("states", f"{name}: {account['state']}: "
                                         f"{account.get('last_error')}")

    def report(self):
        """A line each minute."""
        begin = now()
        while not self.stopping.wait(min(60, max(SECONDS / 3, 1))):
            self.say(begin)

    def say(self, begin):
        b = self.books
        with b.lock:
            last = b.samples[-1] if b.samples else Sample(0, 0, 0, 0)
            tap.note(f"{now() - begin:5.0f} s: {b.answers['ok']} tokens, "
                     f"{sum(b.excused.values())} excused, "
                     f"{sum(map(len, b.violations.values()))} violations; "
                     f"{sum(b.faults.values())} fetches, "
                     f"{sum(v for k, v in b.faults.items() if k and k not in OUTAGES)} failed; "
                     f"helper {len(b.starts)}: {last.rss} KiB, {last.descriptors} fds; "
                     f"{len(b.windows)} grants lost in kills")

    # ---- the run

    def run(self):
        tap.note(f"SOAK_SEED={SEED} SOAK_SECONDS={SECONDS}: {ACCOUNTS} accounts, "
                 f"{CLIENTS} clients, {SERVERS} servers; "
                 f"clock steps: {bool(self.clock)}, full disk: {bool(self.tmpfs)}")
        self.start()
        self.idle_before = self.descriptors()
        for account in self.books.accounts:
            reply = self.helper.store(account.name, account.server.issue(account.user))
            assert reply["status"] == "ok", reply
        for server in self.servers:
            server.failing = FAILS
        begin = now()
        threading.excepthook = lambda args: self.books.violation(
            "harness", "".join(traceback.format_exception(args.exc_value)))
        self.clients = Clients(self)
        threads = [threading.Thread(target=f, daemon=True)
                   for f in (self.disturb, self.look, self.inspect_states, self.report)]
        outages = threading.Thread(target=self.outages, daemon=True)
        for thread in [*threads, outages]:
            thread.start()
        time.sleep(SECONDS)
        while not self.books.is_full() and now() - begin < SECONDS + 90:
            time.sleep(0.2)
        self.calm.set()
        outages.join(30)
        self.stopping.set()
        for thread in threads:
            thread.join(120)
        self.clients.stop()
        self.seconds = now() - begin
        self.finish()
        self.say(begin)
        return self

    def finish(self):
        """The provider is well again: is everybody?"""
        for server in self.servers:
            server.failing = 0
        self.books.resets.append(now())
        self.unwell = {}
        for account in self.books.accounts:
            for _ in range(3):      # the first may be the end of a fetch that is failing
                reply = self.helper.request({"request": "refresh", "account": account.name},
                                            timeout=70)
                self.books.resets.append(now())
                if reply.get("status") == "ok":
                    break
            else:
                self.unwell[account.name] = reply
        try:
            wait_for(lambda: self.descriptors() <= self.idle_before, 20)
        except AssertionError:
            pass
        self.idle_after = self.descriptors()
        self.end(signal.SIGTERM)
        self.log = self.helper.log()
        self.left = sorted(os.listdir(self.helper.state_dir))
        b = self.books
        for name, counts in (("requests", b.faults), ("events", b.events),
                             ("answers", b.answers), ("excused", b.excused)):
            tap.note(f"{name}: " + ", ".join(f"{k or 'good'} {v}" for k, v in
                                             sorted(counts.items(), key=lambda i: -i[1])))
        tap.note(f"helper down for {b.down.total():.0f} s, {len(b.starts)} starts; "
                 f"grants lost in kills: {len(b.windows)}, "
                 f"{max(b.windows, default=0):.2f} s between rotation and kill at most")


def none(soak, *kinds):
    found = [text for kind in kinds for text in soak.books.violations[kind]]
    assert not found, f"{len(found)}: " + "; ".join(found[:5])


@tap.promise
def all_of_it_happened(soak):
    "every failure, kill, restart, reload and step of the clock has happened"
    none(soak, "harness", "end")
    b = soak.books
    assert b.is_full(), (b.events, b.answers, b.faults)
    tls = re.findall("no new token: .*(?:certif|TLS)", soak.log)
    tap.note(f"steps of the clock: {len(b.steps) // 2}; fetches that TLS refused: {len(tls)}")
    assert tls or not LONG


@tap.promise
def no_login_is_lost(soak):
    "no login is lost that could have been served"
    none(soak, "login")


@tap.promise
def tokens_are_right(soak):
    "every token given out was issued to that very account, and has not expired"
    none(soak, "token")


@tap.promise
def strangers_get_nothing(soak):
    "a uid that no account allows was refused every time"
    none(soak, "stranger")
    if ROOT:
        assert soak.books.answers["stranger: denied"] > 0


@tap.promise
def no_grant_is_lost(soak):
    "no grant is lost but those replaced in the moment of a kill; in the end all refresh"
    none(soak, "grant", "provider")
    assert not soak.unwell, soak.unwell


@tap.promise
def no_needless_human(soak):
    "no account asked for a human without cause"
    none(soak, "states")


@tap.promise
def provider_is_spared(soak):
    "a provider is asked once for each token, and after a failure as late as it was told to"
    total = early = 0
    for account in soak.books.accounts:
        failures = 0
        for a, b in zip(account.attempts, account.attempts[1:]):
            total += 1
            failures = failures + 1 if a.fault else 0
            reset = any(a.start - 1 <= t <= b.start for t in soak.books.resets)
            stepped = any(a.start - 1 <= t <= a.start + FETCH_TIMEOUT for t in soak.books.steps)
            if reset or account.lost.meets(a.start, b.start):
                failures = 0
                continue
            gap = REFRESH if not a.fault else max(
                min(BACKOFF * 2 ** (failures - 1), BACKOFF_MAX), a.wait)
            if b.start - a.start < gap - 0.5 and not (stepped and not a.fault):
                early += 1
                tap.note(f"{account.name}: {a.fault}, then again after {b.start - a.start:.2f} s "
                         f"instead of {gap:.2f} s; {failures} failures")
    per_token = total / (len(soak.books.tokens) or 1)
    tap.note(f"{total} requests, {len(soak.books.tokens)} tokens issued, {per_token:.2f} for each; "
             f"{total / ACCOUNTS / soak.seconds * LIFETIME:.2f} for an account in {LIFETIME} s")
    assert not early, f"{early} of {total} came too early"


def long_lives(soak):
    """The samples of the helpers that lived longest."""
    found = collections.defaultdict(list)
    for sample in soak.books.samples:
        found[sample.generation].append(sample)
    lives = sorted(found.values(), key=len, reverse=True)
    return [life for life in lives[:3] if len(life) > 200] or lives[:1]


def median(values):
    return sorted(values)[len(values) // 2]


@tap.promise
def memory_is_flat(soak):
    "the helper does not grow: from its fifth minute, or the middle of its life, to its end"
    for samples in long_lives(soak):
        life = samples[-1].time - samples[0].time
        times = [s.time for s in samples]
        middle = bisect.bisect(times, times[0] + min(300, life / 2))
        width = max(len(samples) // 6, 1)
        before = median([s.rss for s in samples[middle:middle + width]])
        after = median([s.rss for s in samples[-width:]])
        tap.note(f"helper {samples[0].generation}: {life:.0f} s, {before} KiB after "
                 f"{times[middle] - times[0]:.0f} s, {after} KiB at the end")
        assert after - before < 1024, (before, after)


@tap.promise
def descriptors_are_flat(soak):
    "no descriptor is left open, no child is left dead"
    none(soak, "zombie")
    tap.note(f"idle: {soak.idle_before} descriptors at the first start, {soak.idle_after} at the "
             "end of the last helper's life")
    assert soak.idle_after <= soak.idle_before


@tap.promise
def nothing_is_left(soak):
    "the state directory holds a file for each account, and nothing else"
    assert soak.left == sorted(soak.helper.accounts), soak.left


tap.main(lambda env: Soak(env).run(), timeout=SECONDS + 300)
