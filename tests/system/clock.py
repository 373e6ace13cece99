#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""clock - machines that sleep, clocks that are set, accounts that nobody uses for months"""

import mmap
import os
import struct
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "lib"))

import tap
from env import BUILDDIR, built, wait_for
from helper import Helper
from oauthd import OAuthServer

ALICE = "alice@example.com"
HOUR, DAY = 3600, 86400


class Clocked(Helper):
    """A helper whose clocks the test sets; its children have the real ones."""

    def __init__(self, env, server, **options):
        super().__init__(env, server, accounts={"alice": {"user": ALICE}}, **options)
        path = self.path("clock")
        with open(path, "wb+") as f:
            f.write(bytes(24))
            f.flush()
            self.map = mmap.mmap(f.fileno(), 24)
        self.environment.update(LD_PRELOAD=built("tests/fault/.libs/clock.so"), CLOCK_FILE=path)
        self.wall = 0           # how far its wall clock is ahead

    def move(self, wall=0, monotonic=0, boot=0):
        """Move its clocks by so many seconds."""
        now = struct.unpack("qqq", self.map[:])
        self.map[:] = struct.pack("qqq", now[0] + wall, now[1] + monotonic, now[2] + boot)
        self.wall += wall

    def sleep(self, seconds):
        """The machine is suspended: two of the clocks go on."""
        self.move(wall=seconds, boot=seconds)

    def begin(self):
        """Start, and store a grant with a token of an hour."""
        self.start()
        reply = self.store("alice", self.server.issue(ALICE))
        assert reply["status"] == "ok", reply
        return self

    def end(self):
        assert self.stop() == 0, self.log()
        self.server.stop()


def begin(env, **options):
    with open(os.path.join(BUILDDIR, "config.status"), encoding="utf-8") as f:
        if "-fsanitize=" in f.read():
            tap.skip("a sanitizer wants to be loaded first")
    server = OAuthServer(tls=env.tls(), log=env.log_file("oauthd"), **options).start()
    return server, Clocked(env, server).begin()


@tap.promise
def resume(env):
    "D9: after the machine has slept, no token is served that expired meanwhile"
    server, helper = begin(env)
    old = helper.token()["token"]
    assert not server.seen("token")
    helper.sleep(2 * HOUR)
    reply = helper.token()
    assert reply["status"] == "ok" and reply["token"] != old, reply
    assert len(server.seen("token")) == 1, server.seen("token")
    helper.end()


@tap.promise
def wakes_up(env):
    "D9: nor does anyone have to wait: what fell due while it slept is done at once"
    server, helper = begin(env)
    assert helper.token()["status"] == "ok"         # so that it is in use
    helper.sleep(2 * HOUR)
    server.wait_seen("token", 1, 20)
    wait_for(lambda: helper.list()["alice"]["state"] == "fresh", what="the new token")
    helper.end()


@tap.promise
def clock_is_set(env):
    "D9: a wall clock that is set, ahead or back, ends no token and lengthens none"
    server, helper = begin(env)
    token = helper.token()["token"]
    for step in (3 * DAY, -6 * DAY):
        helper.move(wall=step)
        reply = helper.token()
        assert reply["status"] == "ok" and reply["token"] == token, reply
        left = int(reply["expires_at"]) - time.time() - helper.wall
        assert HOUR - 120 < left <= HOUR, left
    helper.move(boot=HOUR)
    assert helper.token()["token"] != token, "it has lived its hour"
    assert len(server.seen("token")) == 1
    helper.end()


@tap.promise
def clock_is_set_while_down(env):
    "D9: a daemon that starts before its token was made, by the clock, gets a new one"
    server, helper = begin(env)
    token = helper.token()["token"]
    assert helper.stop() == 0
    helper.move(wall=-10 * DAY)
    helper.start()
    assert helper.token()["token"] != token
    assert len(server.seen("token")) == 1
    helper.end()


@tap.promise
def idle_for_weeks(env):
    "L8: an account that nobody uses is refreshed once a week, also when the machine sleeps"
    server, helper = begin(env, single_use=True)
    for week in range(1, 4):
        helper.sleep(6 * DAY)
        assert len(server.seen("token")) == week - 1, "too early"
        helper.sleep(DAY + HOUR)
        server.wait_seen("token", week, 20)
        wait_for(lambda: helper.state("alice")["refresh_token"]
                 == server.newest_refresh_token(ALICE), what="the new grant on disk")
    assert len(server.seen("token")) == 3
    helper.end()


@tap.promise
def idle_while_down(env):
    "L8: a daemon that was down for weeks refreshes such an account when it starts"
    server, helper = begin(env, single_use=True)
    assert helper.stop() == 0
    helper.sleep(40 * DAY)
    helper.start()
    server.wait_seen("token", 1, 20)
    wait_for(lambda: helper.state("alice")["refresh_token"]
             == server.newest_refresh_token(ALICE), what="the new grant on disk")
    helper.end()


tap.main(lambda env: env, timeout=180)
