#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""clients - whatever a client does, the others are served, and nothing is left of it

Nobody is timed: while one client is at its worst, another uid must be answered with its
token.  How long that took is printed.  tests/load/load makes the crowds.
"""

import array
import contextlib
import fcntl
import os
import random
import resource
import select
import signal
import socket
import struct
import sys
import termios
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "lib"))

import protocol
import tap
from env import built, wait_for
from helper import Helper

ALICE = "alice@example.com"
MAIL, BIN, STRANGER = 8, 2, 20000   # two uids with an account; the first of those without one
PER_UID, TOTAL, KEPT = 64, 1024, 256
HELLO = protocol.encode({"protocol": 1, "request": "hello"})
ASK = protocol.encode({"protocol": 1, "request": "token", "user": ALICE, "service": "imap",
                       "host": "localhost", "mechanism": "XOAUTH2"})
SEED = int(os.environ.get("SEED") or random.randrange(1, 1 << 32))
# keeps argv[2] connections that say nothing; those that are put off come again
CROWD = """
import select, socket, sys, time
path, count, held = sys.argv[1], int(sys.argv[2]), {}
poll = select.poll()
while True:
    while len(held) < count:
        s = socket.socket(socket.AF_UNIX)
        s.setblocking(False)
        try:
            s.connect(path)
        except BlockingIOError:
            break
        held[s.fileno()] = s
        poll.register(s, select.POLLIN)
    for fd, _ in poll.poll(50):
        poll.unregister(fd)
        held.pop(fd).close()
    time.sleep(0.01)
"""


class World:
    """A daemon with two accounts: alice's token is there, silent's provider says nothing."""

    def __init__(self, env):
        self.env = env
        tap.note(f"seed {SEED}")
        self.silent = socket.create_server(("127.0.0.1", 0))
        common = {"provider": None, "hosts": "localhost", "scope": "mail",
                  "allow": f"{MAIL} {BIN}"}
        self.helper = Helper(env, accounts={
            "alice": {"user": ALICE, "token_endpoint": "https://127.0.0.1:1/token", **common},
            "silent": {"user": "silent@example.com", **common, "token_endpoint":
                       f"https://127.0.0.1:{self.silent.getsockname()[1]}/token"},
        }, settings={"fetch_timeout": "3s"}).start()
        sign_in(self.helper, "alice")
        self.helper.store("silent", {"refresh_token": "r" * 300})
        wait_for(lambda: self.helper.list()["silent"]["state"] == "backoff", 30)
        self.idle = self.descriptors()

    def descriptors(self, helper=None):
        return len(os.listdir(f"/proc/{(helper or self.helper).process.pid}/fd"))

    def answers(self):
        """Whether root is answered: all who came before have then been accepted."""
        try:
            return self.helper.request({"request": "hello"}).get("status") == "ok"
        except OSError:
            return False                # too many of this uid

    def is_idle(self):
        """Nothing is left of any client."""
        wait_for(self.answers, 30)
        wait_for(lambda: self.descriptors() == self.idle, 30,
                 f"{self.idle} descriptors of the daemon, as before")

    def connect(self, helper=None):
        s = socket.socket(socket.AF_UNIX)
        s.settimeout(30)
        s.connect((helper or self.helper).socket)
        return s

    def served(self, what, uid=MAIL, helper=None, count=100):
        """The uid gets its token, `count` times, one after the other."""
        said = self.load(uid, "token=1", count, in_flight=1, helper=helper)
        assert said["put_off"] == "0", said
        tap.note(f"{what}: {count} tokens for uid {uid}, half of them in {said['p50_us']} us, "
                 f"the last one in {said['max_us']} us")

    def load(self, uid, mix, count, in_flight=32, helper=None):
        """Run load to its end; returns {name: value}."""
        done = self.env.run(self.command(mix, count, in_flight, helper), uid=uid, timeout=90)
        assert done.rc == 0, done
        return dict(word.split("=") for word in done.stdout.split())

    def command(self, mix, count, in_flight, helper=None):
        return [built("tests/load/load"), "-m", mix, "-n", count, "-c", in_flight, "-s", SEED,
                "-u", ALICE, (helper or self.helper).socket]

    @contextlib.contextmanager
    def running(self, *commands):
        """Start each (uid, command); they are there for a while."""
        crowd = [self.env.start(self.env.name("crowd"), command, uid=uid)
                 for uid, command in commands]
        try:
            yield crowd
            assert all(process.alive() for process in crowd), crowd[0].log()
        finally:
            for process in crowd:
                process.kill()

    def flood(self, uid, mix):
        """1,000 connections at a time, as fast as it goes."""
        return self.running((uid, self.command(mix, 10**7, 1000)))

    def crowd(self, *uids, count=PER_UID, helper=None):
        """For each uid so many connections that say nothing."""
        command = ["/usr/bin/python3", "-c", CROWD, (helper or self.helper).socket, count]
        return self.running(*((uid, command) for uid in uids))

    def cli(self, *words, uid):
        """Run sasl-bearer as somebody who cannot read our configuration."""
        return self.env.run([built("sasl-bearer"), "--socket", self.helper.socket, *words],
                            uid=uid, timeout=90)

    def put_off(self, uid):
        """Whether a uid is told to come again."""
        reply = self.helper.request({"request": "hello"}, uid=uid)
        return reply["status"] == "temporary" and reply["reason"].startswith("too many connections")


def sign_in(helper, account):
    reply = helper.store(account, {"refresh_token": "r" * 300, "access_token": "a" * 1500,
                                   "expires_in": 86400})
    assert reply["status"] == "ok", reply


def read_all(s):
    """All that comes until the end; a reset is an end."""
    answer = b""
    try:
        while more := s.recv(65536):
            answer += more
    except ConnectionResetError:
        pass
    return answer


def taken(s):
    """Wait until the daemon has read all that we sent."""
    def nothing_left():
        return struct.unpack("i", fcntl.ioctl(s, termios.TIOCOUTQ, b"\0" * 4))[0] == 0
    wait_for(nothing_left, what="the daemon's reading")


def cpu_s(pid):
    """Seconds of processor time that a process has had."""
    with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as f:
        fields = f.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


# ---- one client

@tap.promise
def stalls(w):
    "D1: a client that stalls at any byte of its request holds up nobody, and is gone after 5 s"
    began = time.monotonic()
    stalled = [w.connect() for _ in HELLO]
    for length, s in enumerate(stalled):
        s.send(HELLO[:length])
    w.served("28 stalled clients", count=20)
    for s in stalled:
        assert read_all(s) == b"", "an answer to half a request"
    assert time.monotonic() - began > 4, "they had less than 5 s"
    w.is_idle()


@tap.promise
def splits(w):
    "D3: a request that comes in two parts, however split, or in many, is served"
    chance = random.Random(SEED)
    cuts = [[n] for n in range(1, len(ASK))]
    cuts += [sorted(chance.sample(range(1, len(ASK)), 9)) for _ in range(20)]
    for cut in cuts:
        with w.connect() as s:
            for begin, end in zip([0, *cut], [*cut, len(ASK)]):
                s.send(ASK[begin:end])
                taken(s)
            [reply] = protocol.decode(read_all(s))
            assert reply["status"] == "ok" and reply["token"] == "a" * 1500, (cut, reply)
    w.is_idle()


@tap.promise
def half_closes(w):
    "who has said all, after any byte, gets an answer: the token, or that the request is not whole"
    for length in range(len(ASK) + 1):
        with w.connect() as s:
            s.send(ASK[:length])
            s.shutdown(socket.SHUT_WR)
            replies = protocol.decode(read_all(s))
            want = "ok" if length == len(ASK) else "bad"
            assert [r["status"] for r in replies] == ([want] if length else []), (length, replies)
            assert want == "ok" or not length or "empty line" in replies[0]["reason"], replies
    w.is_idle()


@tap.promise
def closes(w):
    "a client that is gone after any byte, or before its answer, leaves nothing"
    for length in range(len(ASK) + 1):
        with w.connect() as s:
            s.send(ASK[:length])
        if length % (PER_UID // 2) == 0:
            w.is_idle()
    w.is_idle()
    ask = ASK.replace(b"alice", b"silent")
    for _ in range(PER_UID // 2):   # and while a provider is asked, or not asked again yet
        with w.connect() as s:
            s.send(ask)
    w.helper.cli("refresh", "silent")
    w.served("after that", count=10)
    w.is_idle()


@tap.promise
def garbage(w):
    "D3: 5,000 pieces of garbage get status bad, each, and nothing is left of them"
    said = w.load(STRANGER, "garbage=1", 5000, in_flight=PER_UID // 2)
    assert said["garbage"] == "5000" and said["put_off"] == "0", said
    w.served("after garbage", count=10)
    w.is_idle()


@tap.promise
def never_reads(w):
    "a client that never reads a large answer holds up nobody, and is gone after 5 s"
    names = [f"account-{n:04}" for n in range(1000)]
    helper = Helper(w.env, accounts={
        "alice": {"user": ALICE, "provider": None, "hosts": "localhost", "scope": "mail",
                  "allow": MAIL, "token_endpoint": "https://127.0.0.1:1/token"},
        **{name: {"user": f"{name}@example.com", "provider": None, "scope": "mail",
                  "hosts": "localhost", "token_endpoint": "https://127.0.0.1:1/token"}
           for name in names}}).start(timeout=60)
    sign_in(helper, "alice")
    idle = w.descriptors(helper)
    ask = protocol.encode({"protocol": 1, "request": "list"})
    began = time.monotonic()
    lazy = [w.connect(helper) for _ in range(PER_UID // 2)]
    for s in lazy:
        s.send(ask)
    w.served("32 clients that do not read 1,000 accounts", helper=helper, count=20)
    wait_for(lambda: w.descriptors(helper) == idle, 30, "the end of those who do not read")
    assert time.monotonic() - began > 4, "they had less than 5 s"
    lost = sum(len(read_all(s)) for s in lazy) // len(lazy)
    assert len(helper.list()) == 1001, "a slow reader is no reason to cut others"
    assert lost < len(helper.raw(ask)), "the socket takes all of it: the test is too small"
    with w.connect(helper) as s:        # one that reads, but slowly
        s.send(ask)
        slow = b""
        while more := s.recv(16384):
            slow += more
            time.sleep(0.01)
        assert len(protocol.decode(slow)) == 1003, "a reader that is slow gets all of it"
    assert helper.stop() == 0, helper.log()


@tap.promise
def stopped_client(w):
    "clients that are stopped hold up nobody, and are gone after 5 s"
    with w.crowd(BIN, count=30) as [crowd]:
        wait_for(lambda: w.descriptors() == w.idle + 30, what="30 connections")
        crowd.send(signal.SIGSTOP)
        w.served("30 stopped clients", count=20)
        w.is_idle()


@tap.promise
def sends_descriptors(w):
    "descriptors that a client sends are closed at once: 253 in a message, with each request"
    for whole in (True, False):
        ours, theirs = os.pipe()
        with w.connect() as s:
            s.sendmsg([ASK if whole else ASK[:9]], [(
                socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [theirs] * 253))])
            os.close(theirs)
            readable, _, _ = select.select([ours], [], [], 30)
            assert readable and os.read(ours, 1) == b"", "the daemon keeps our pipe open"
            os.close(ours)
            assert w.descriptors() <= w.idle + 1, "there are more than this connection"
            if whole:
                assert protocol.decode(read_all(s))[0]["status"] == "ok"
    w.is_idle()


@tap.promise
def urgent(w):
    "urgent data neither stops the daemon nor makes it spin"
    with w.connect() as s:
        try:
            s.send(b"x", socket.MSG_OOB)
        except OSError as e:
            tap.skip(f"MSG_OOB: {e}")
        before = cpu_s(w.helper.process.pid)
        w.served("with urgent data", count=20)
        time.sleep(1)
        assert cpu_s(w.helper.process.pid) - before < 0.5, "it spins"
        read_all(s)
    w.is_idle()


# ---- many clients

@tap.promise
def flood(w):
    "while one uid makes 1,000 connections at a time another one is served"
    for uid, mix, other in ((STRANGER, "denied=1", MAIL), (BIN, "token=1,abort=1", MAIL),
                            (MAIL, "hello=1,garbage=1", 0)):
        with w.flood(uid, mix):
            wait_for(lambda: w.put_off(uid), 30, "a flood")
            w.served(f"a flood of uid {uid}", other)
        w.is_idle()


@tap.promise
def per_uid(w):
    "a uid has 64 connections; the next one is told to try again, on the command line as well"
    with w.crowd(MAIL):
        wait_for(lambda: w.descriptors() == w.idle + PER_UID, what="64 connections")
        wait_for(lambda: w.put_off(MAIL), what="the 65th")
        wait_for(lambda: w.descriptors() <= w.idle + PER_UID + 1, what="the end of those put off")
        for _ in range(20):     # whether it is refused before or after it has asked
            done = w.cli("token", ALICE, uid=MAIL)
            assert done.rc == 0 or (done.rc == 75 and "too many connections" in done.stderr), done
        w.served("with 64 of another uid", BIN, count=10)
    w.is_idle()


@tap.promise
def total(w):
    "768 connections of strangers leave room for uids with accounts, and those for root"
    with w.crowd(*range(STRANGER + 1, STRANGER + 1 + TOTAL // PER_UID)):
        wait_for(lambda: w.descriptors() >= w.idle + TOTAL - KEPT, 60, "768 connections")
        wait_for(lambda: w.put_off(STRANGER), 30, "a stranger who is put off")
        for uid in (MAIL, BIN, 0):
            w.served("768 strangers", uid, count=20)
        assert w.descriptors() <= w.idle + TOTAL, "more than there may be"
    w.is_idle()


@tap.promise
def room_for_root(w):
    "however many uids have accounts, root can still ask"
    helper = w.helper
    users = range(STRANGER + 100, STRANGER + 100 + TOTAL // PER_UID + 1)
    helper.accounts["alice"]["allow"] = " ".join(map(str, (MAIL, BIN, *users)))
    assert helper.reload()["status"] == "ok"
    with w.crowd(*users):
        wait_for(lambda: w.put_off(MAIL), 60, "a full house")
        for _ in range(10):
            assert helper.request({"request": "hello"})["status"] == "ok"
        assert w.descriptors() <= w.idle + TOTAL
    helper.accounts["alice"]["allow"] = f"{MAIL} {BIN}"
    assert helper.reload()["status"] == "ok"
    w.is_idle()


@tap.promise
def exits(w):
    "200 processes that connect and end, 20,000 requests that are aborted: nothing is left"
    for _ in range(200):
        if os.fork() == 0:
            s = socket.socket(socket.AF_UNIX)
            s.setblocking(False)
            s.connect_ex(w.helper.socket)
            os._exit(0)
    for _ in range(200):
        os.waitpid(-1, 0)
    w.load(MAIL, "abort=1", 20000)
    w.is_idle()
    w.served("after those", count=10)


@tap.promise
def full_backlog(w):
    "10,000 connects at a daemon that is stopped: later each is answered, and others are served"
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 12000), hard))
    w.helper.process.send(signal.SIGSTOP)
    held, full = [], 0
    try:
        for _ in range(10000):
            s = socket.socket(socket.AF_UNIX)
            s.setblocking(False)
            try:
                s.connect(w.helper.socket)
                held.append(s)
            except BlockingIOError:
                s.close()
                full += 1
        answers = []
        asker = threading.Thread(
            target=lambda: answers.append(w.cli("token", ALICE, uid=MAIL)))
        asker.start()
    finally:
        w.helper.process.send(signal.SIGCONT)
    tap.note(f"{len(held)} wait, {full} found no room")
    assert len(held) > 100
    asker.join(60)
    assert answers and answers[0].rc == 0 and answers[0].stdout.strip() == "a" * 1500, answers
    said = {}
    for s in held:
        s.settimeout(30)
        words = read_all(s)
        words = protocol.decode(words)[0]["status"] if words else "closed"
        said[words] = said.get(words, 0) + 1
        s.close()
    tap.note(f"what they heard: {said}")
    assert set(said) == {"temporary", "closed"} and said["closed"] >= PER_UID, said
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    w.is_idle()


@tap.promise
def no_descriptors(w):
    "without a free descriptor the daemon waits and does not spin, says so once, and goes on later"
    helper = Helper(w.env, accounts=w.helper.accounts)
    helper.wrapper = ["prlimit", "--nofile=40:40"]
    helper.start()
    sign_in(helper, "alice")
    with w.crowd(BIN, count=60, helper=helper):
        wait_for(lambda: w.descriptors(helper) == 40, what="the limit")
        before = cpu_s(helper.process.pid)
        time.sleep(2)
        used = cpu_s(helper.process.pid) - before
        tap.note(f"{used:.2f} s of processor time in 2 s")
        assert used < 0.3, "it spins"
        helper.wait_log("cannot accept connections: Too many open files")
        assert helper.log().count("cannot accept connections") == 1, helper.log()
    w.served("after that", helper=helper, count=10)
    assert helper.stop() == 0, helper.log()


@tap.promise
def enough_descriptors(w):
    "the usual limit of 1,024 descriptors is raised as far as 1,024 connections need it"
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    tap.need(hard >= TOTAL + 512, "leave to open so many files")
    helper = Helper(w.env, accounts=w.helper.accounts)
    helper.wrapper = ["prlimit", f"--nofile=1024:{hard}"]
    helper.start()
    with open(f"/proc/{helper.process.pid}/limits", encoding="ascii") as f:
        soft = next(int(line.split()[3]) for line in f if line.startswith("Max open files"))
    assert TOTAL + 512 <= soft <= hard, soft
    assert helper.stop() == 0, helper.log()


@tap.promise
def still_there(w):
    "after all that the same process serves as before, and ends as asked"
    w.served("at the end", count=10)
    assert w.helper.stop() == 0, w.helper.log()


tap.main(World, root=True, programs=["prlimit"])
