#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""injection - calls of the daemon fail, each in turn, and it goes on and loses nothing

CRASH_POINTS=N: every call with every error, instead of a few (make crash).
"""

import contextlib
import errno
import os
import random
import socket
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "lib"))

import tap
from env import built, wait_for
from fault import FOREVER, KINDS, Faulty
from helper import Helper
from oauthd import OAuthServer
import seals

ALICE = "alice@example.com"
BOB = "bob@example.com"
REFRESH = {"request": "refresh", "account": "alice"}
ALL = bool(os.environ.get("CRASH_POINTS"))
FEW = 12                                # calls of a kind that fail, in make check
WHOLE = {"refresh_token", "access_token", "config_id", "expires_at", "obtained_at"}


class World:
    """A provider with single-use refresh tokens, a daemon, and what must hold of it."""

    def __init__(self, env):
        self.env = env
        self.seed = int(os.environ.get("SEED") or random.randrange(1 << 32))
        self.random = random.Random(self.seed)
        tap.need(os.path.exists(os.path.join(os.environ.get("BUILDDIR", ""),
                                             "tests/fault/.libs/libfault.so")), "libfault.so")
        with open(built("sasl-bearerd"), "rb") as f:
            if b"__asan_init" in f.read():
                tap.skip("built with sanitizers, which have to be loaded first")
        tap.note(f"SEED={self.seed}")
        self.server = OAuthServer(single_use=True, log=env.log_file("oauthd")).start()
        self.full = self.sealing = None
        self.helper = self.begin()

    def mount(self, where, *options):
        """Mount; skips where that is not permitted."""
        done = self.env.run(["mount", *options, where])
        tap.need(done.rc == 0, "permission to mount: " + done.stderr.strip())
        self.env.cleanup(lambda: self.env.run(["umount", "-l", where]))

    def on_small_disk(self, name, user):
        """A daemon that is signed in and has a disk of its own."""
        helper = Helper(self.env, self.server, {name: {"user": user}})
        self.mount(helper.state_dir, "-t", "tmpfs", "-o", "size=64k,mode=700,uid=1,gid=1", "none")
        helper.start()
        assert helper.store(name, self.server.issue(user))["status"] == "ok"
        return helper

    @staticmethod
    def fill(helper):
        """Fill its disk."""
        with open(os.path.join(helper.state_dir, "filler"), "wb", buffering=0) as f:
            try:
                while True:
                    f.write(b"x" * 1024)
            except OSError as e:
                assert e.errno == errno.ENOSPC, e

    def remount(self, where, option):
        """Mount again, as soon as no child has a file open there."""
        wait_for(lambda: self.env.run(["mount", "-o", f"remount,{option}", where]).rc == 0, 30,
                 f"a remount as {option}")

    def begin(self):
        helper = Faulty(self.env, self.server, {"alice": {"user": ALICE}}).start()
        assert helper.store("alice", self.server.issue(ALICE))["status"] == "ok"
        return helper

    def newest(self):
        return self.server.newest_refresh_token(ALICE)

    def numbers(self, count, few=FEW):
        """Which of that many calls fail: all of them, or some."""
        every = list(range(1, count + 1))
        return every if ALL or count <= few else sorted(self.random.sample(every, few))

    def ask(self, act, where):
        """What act() is told; it must be told, and soon."""
        before = time.monotonic()
        try:
            reply = act(self.helper)
        except OSError as e:            # not even accepted, or cut off
            reply = {"cut": repr(e)}
        took = time.monotonic() - before
        assert took < 28, (where, took)
        assert self.helper.process.alive(), (where, self.helper.log()[-2000:])
        assert not reply or "cut" in reply or reply["status"] == "ok" or reply["reason"], (where, reply)
        return reply

    def works(self, where):
        """The fault is over: a refresh works, and is on the disk."""
        def answer():
            reply = self.helper.request(REFRESH)
            return reply if reply.get("status") != "temporary" else None
        reply = wait_for(answer, 30, f"{where}: an answer")
        assert reply["status"] == "ok", (where, reply, self.helper.log()[-3000:])
        wait_for(lambda: self.helper.state("alice")["refresh_token"] == self.newest(),
                 what=f"{where}: the newest token on the disk")


def refresh(helper):
    return helper.request(REFRESH, timeout=29)


def sweep(world, kind, act):
    """Each call of a kind that act() needs fails once, with each error."""
    helper, done, cut, told = world.helper, 0, 0, 0
    helper.fail(kind, 0)
    world.ask(act, kind)
    count = helper.calls(kind)
    for error in KINDS[kind]:
        for number in world.numbers(count):
            where = (kind, number, errno.errorcode.get(error, "half"))
            helper.fail(kind, number, error)
            reply = world.ask(act, where)
            done += helper.hits(kind)
            cut += not reply or "cut" in reply
            told += reply.get("status") == "ok"
            helper.fail(kind, 0)
            state = helper.state("alice")
            assert state and WHOLE <= set(state), (where, "a file that is not whole")
            world.works(where)
    return count, done, cut, told


def sweep_all(world, what, act, kinds=KINDS):
    """sweep() with all kinds; returns those of which there were calls."""
    helper, faults, seen = world.helper, 0, set()
    world.works("before")
    before = helper.descriptors()
    for kind in kinds:
        count, done, cut, told = sweep(world, kind, act)
        if count:
            seen.add(kind)
            assert done, f"{what}: no {kind} has failed"
            tap.note(f"{what}: {kind}: {count} calls, {done} faults, {told} served, {cut} cut off")
        faults += done
    world.works("at the end")
    wait_for(lambda: helper.descriptors() <= before, what="as few descriptors as before")
    tap.note(f"{what}: {faults} faults in all")
    return seen


@tap.promise
def each_call_of_a_refresh(world):
    "each call of a refresh fails in turn: whoever asked is told, the file stays whole, no grant is lost"
    seen = sweep_all(world, "refresh", refresh)
    assert set(KINDS) - seen <= {"truncate", "socket", "thread"}, seen


@tap.promise
def full_disk(world):
    "L1 L5: a tmpfs that is full, then read-only: refreshes are served, the old file stays whole"
    tap.need(os.geteuid() == 0, "uid 0")
    full = world.full = world.on_small_disk("bob", BOB)
    old = full.state("bob")
    world.fill(full)
    request = {"request": "refresh", "account": "bob"}
    for option in ("rw", "ro"):
        world.remount(full.state_dir, option)
        assert full.request(request)["status"] == "ok", full.log()
        assert full.state("bob") == old, "the file was touched"
        assert "disk" in full.list()["bob"]["last_error"], full.list()
    world.remount(full.state_dir, "rw")
    sealing = world.sealing = world.on_small_disk("alice", ALICE)
    assert sealing.stop() == 0
    world.fill(sealing)
    sealing.settings["state_key"] = sealing.secret_file("state.key", seals.new_key() + "\n")
    sealing.start()


@tap.promise
def each_call_of_a_sign_in(world):
    "each call of a sign-in fails in turn: the one before it is not harmed"
    def store(helper):
        return helper.request({"request": "store", "account": "alice", "expires_in": 3600,
                               **{name: value for name, value in world.server.issue(ALICE).items()
                                  if name.endswith("_token")}}, timeout=29)
    seen = sweep_all(world, "sign-in", store)
    assert {"open", "write", "fsync", "rename", "close", "memory"} <= seen, seen


@tap.promise
def each_call_of_other_requests(world):
    "each call of token and reload fails in turn: nothing is forgotten by that"
    kinds = ("open", "read", "close", "accept", "send", "receive", "epoll", "memory")

    def reload(helper):
        return helper.request({"request": "reload"}, timeout=29)

    def token(helper):
        return helper.request({"request": "token", "user": ALICE, "service": "imap",
                               "host": "localhost", "mechanism": "XOAUTH2",
                               "deadline_ms": 20000}, timeout=29)
    sweep_all(world, "token", token, kinds)
    seen = sweep_all(world, "reload", reload, kinds)
    assert {"open", "read", "memory"} <= seen, seen


PASSING = (errno.ENOMEM, errno.EMFILE, errno.EIO)


@tap.promise
def each_call_of_a_start(world):
    "each call of a start fails in turn: it starts all the same, or says why and ends"
    helper, faults, started = world.helper, 0, 0
    for kind in KINDS:
        helper.stop()
        helper.fail(kind, 0, role=0)
        helper.start()
        count = helper.calls(kind)
        helper.stop()
        for number in world.numbers(count, 5):
            error = world.random.choice(KINDS[kind])
            where = ("start", kind, number, errno.errorcode.get(error, "half"))
            before = len(helper.log())
            helper.fail(kind, number, error, role=0)
            try:
                helper.start()
            except AssertionError:
                if kind == "socket" and helper.process.alive():
                    pass                # it could not tell the service manager
                else:
                    said = helper.log()[before:].splitlines()
                    assert helper.process.wait() > 0 and said, (where, said)
                    # a service manager does not try again after that
                    assert helper.process.wait() != 78 or error not in PASSING, (where, said)
                    world.env.processes.remove(helper.process)
            faults += helper.hits(kind)
            helper.fail(kind, 0)
            if helper.process.alive():
                started += 1
                # what could not be read is read again now
                assert helper.request({"request": "reload"})["status"] == "ok", where
            else:
                helper.start()
            world.works(where)
            helper.stop()
            world.env.processes.remove(helper.process)
        helper.start()
    tap.note(f"{faults} faults, {started} starts all the same")
    assert faults > 30 and started, (faults, started)


@tap.promise
def lasting_faults(world):
    "L1 L5: a disk that goes on refusing: each refresh is served, list says so, the old file stays whole"
    helper = world.helper
    for kind, error in (("write", errno.ENOSPC), ("fsync", errno.EIO), ("rename", errno.EROFS),
                        ("write", errno.EFBIG)):
        world.works(kind)
        old = helper.state("alice")
        helper.fail(kind, 1, error, FOREVER)
        for _ in range(3):
            assert refresh(helper)["status"] == "ok", (kind, helper.log()[-2000:])
        assert helper.hits(kind) >= 3
        assert kind == "fsync" or helper.state("alice") == old, (kind, "the file was touched")
        assert "disk" in helper.list()["alice"]["last_error"], helper.list()
        helper.fail(kind, 0)
        world.works(kind)
        assert "last_error" not in helper.list()["alice"], helper.list()


@tap.promise
def no_descriptors(world):
    "RLIMIT_NOFILE reached: nobody spins, and who waits is served when there are descriptors again"
    helper = Helper(world.env, world.server, {"alice": {"user": ALICE}})
    limit = world.helper.descriptors() + 2
    helper.wrapper = ["prlimit", f"--nofile={limit}:{limit}"]
    helper.start()

    def ticks():
        with open(f"/proc/{helper.process.pid}/stat", encoding="ascii") as f:
            return sum(map(int, f.read().rpartition(")")[2].split()[11:13]))
    with contextlib.ExitStack() as idle:
        for _ in range(limit):
            idle.enter_context(socket.socket(socket.AF_UNIX)).connect(helper.socket)
        wait_for(lambda: len(os.listdir(f"/proc/{helper.process.pid}/fd")) == limit,
                 what="the last descriptor")
        before = ticks()
        time.sleep(1)
        spent = (ticks() - before) / os.sysconf("SC_CLK_TCK")
        assert spent < 0.5, f"{spent} s of processor time in a second"
    assert helper.request({"request": "hello"}, timeout=25)["status"] == "ok"
    assert helper.stop() == 0, helper.log()


@tap.promise
def room_again(world):
    "when there is room again the tokens are saved within a minute or so, unasked"
    full = world.full
    tap.need(full, "what the promise about a full disk needs")
    os.unlink(os.path.join(full.state_dir, "filler"))
    newest = world.server.newest_refresh_token(BOB)
    wait_for(lambda: full.state("bob")["refresh_token"] == newest, 75, "the tokens on the disk")
    full.wait_log("the disk takes tokens again")
    assert "last_error" not in full.list()["bob"], full.list()
    assert full.restart().request({"request": "refresh", "account": "bob"})["status"] == "ok"


@tap.promise
def sealing_again(world):
    "tokens that the disk has, though not sealed yet, are not called unsaved when that fails again"
    helper = world.sealing
    tap.need(helper, "what the promise about a full disk needs")
    wait_for(lambda: "cannot save to" in helper.log(), 75, "another try")
    account = helper.list()["alice"]
    assert "refuses a new state file" in account["last_error"] and "unsaved" not in account, account
    assert account["storage"] == "plain" and helper.token(ALICE)["status"] == "ok"
    assert helper.stop() == 0


tap.main(World, timeout=3600 if ALL else 240)
