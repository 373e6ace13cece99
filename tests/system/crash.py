#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""crash - the daemon is killed at every system call, and no grant is lost

The provider lets a refresh token be used once, and revokes the grant when one is used
again.  What can be promised: a child that has asked the provider is no part of the daemon
and lives on; its answer is either on the disk or waits for the next daemon, which asks
nothing before it has it.  Where all processes are killed at once, as by a power cut, the
grant is lost if that happens between the provider's answer and the end of the rename.

CRASH_POINTS=N: that many points of each kind instead of a few (make crash).
"""

import itertools
import os
import random
import signal
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "lib"))

import tap
from crash import ALICE, Certified, Scripted, Victim
from env import built, wait_for
from oauthd import Reply

REFRESH = {"request": "refresh", "account": "alice"}
POINTS = int(os.environ.get("CRASH_POINTS") or 0)
MOMENTS = ("entry", "exit")


class World:
    """Victims that have signed in, and the points at which they die."""

    def __init__(self, env):
        self.env = env
        self.seed = int(os.environ.get("SEED") or random.randrange(1 << 32))
        self.random = random.Random(self.seed)
        tap.need(os.path.exists(os.path.join(os.environ.get("BUILDDIR", ""),
                                             "tests/fault/tracer")), "tests/fault/tracer")
        tap.note(f"SEED={self.seed}")

    def victim(self, provider=Scripted, **options):
        victim = Victim(self.env, provider(self.env), **options)
        victim.start()
        victim.sign_in()
        victim.end()
        return victim

    def kill(self, victim, act, few, **how):
        """Kill it at points of act(): at every one, or at a few with any distance between."""
        if POINTS:
            while victim.kills < POINTS:
                for moment in MOMENTS:
                    left = POINTS - victim.kills
                    victim.sweep(act, moment, itertools.islice(itertools.count(1), left), **how)
        else:
            for moment in MOMENTS:
                stride = max(1, round(2 * victim.count(act, **how) / few))
                first = self.random.randint(1, stride)
                victim.sweep(act, moment, itertools.count(first, stride), **how)
        self.report(victim)
        assert victim.kills > few / 3, "hardly ever killed: the test is of no use"

    @staticmethod
    def report(victim):
        calls = ", ".join(f"{call} {n}" for call, n in victim.deaths.most_common())
        tap.note(f"{victim.provider.name}: killed {victim.kills} times, "
                 f"{len(victim.lost)} grants lost; at {calls}")


def refresh(victim):
    return victim.attempt(REFRESH)


def ask(victim):
    """As the plugin does; the stored token has ended."""
    return victim.attempt({"request": "token", "user": ALICE, "service": "imap",
                           "host": "localhost", "mechanism": "XOAUTH2", "deadline_ms": 20000})


@tap.promise
def refresh_at_every_call(world):
    "kill -9 at each system call of a rotating refresh: old or new, whole, and no grant is lost"
    victim = world.victim()
    world.kill(victim, refresh, 120)
    assert not victim.lost, victim.lost


@tap.promise
def answered_after_it_was_saved(world):
    "whoever has an answer has it after the new refresh token was saved, wherever the daemon dies"
    victim = world.victim()
    world.kill(victim, ask, 60, stale=True)
    assert not victim.lost, victim.lost


@tap.promise
def certified_provider(world):
    "the same with oidc-provider, whose refresh tokens rotate, with reuse detection"
    victim = world.victim(Certified)
    world.kill(victim, refresh, 50)
    assert not victim.lost, victim.lost


@tap.promise
def sign_in_at_every_call(world):
    "kill -9 at each call of a sign-in: the one before or the new one, and the new one if it was answered"
    victim = world.victim()

    def store(victim):
        return victim.store_attempt(victim.provider.sign_in())
    world.kill(victim, store, 40)
    assert not victim.lost, victim.lost


@tap.promise
def provider_is_slow(world):
    "a daemon that begins while the child of one before still waits for the provider waits as well"
    victim = world.victim()
    for before, after in ((0.4, 0), (0, 0.4)):
        def slowly(request):
            time.sleep(before)
            status, value = victim.server.serve(request)
            return Reply(status, json=value, delay=after)

        def act(victim):
            victim.server.always("token", slowly)
            reply = refresh(victim)
            victim.server.always("token", None)
            return reply
        world.kill(victim, act, 16)
    assert not victim.lost, victim.lost


tap.main(World, timeout=7200 if POINTS else 300)
