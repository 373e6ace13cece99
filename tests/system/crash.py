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

import seals
import tap
from crash import ALICE, REFRESH, Certified, Scripted, Victim
from oauthd import Reply

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
    "L4: kill -9 at each system call of a rotating refresh: old or new, whole, and no grant is lost"
    victim = world.victim()
    world.kill(victim, refresh, 80)
    assert not victim.lost, victim.lost


@tap.promise
def answered_after_it_was_saved(world):
    "L4: whoever has an answer has it after the new token was saved, wherever the daemon dies"
    victim = world.victim()
    world.kill(victim, ask, 30, stale=True)
    assert not victim.lost, victim.lost


@tap.promise
def certified_provider(world):
    "the same with oidc-provider, whose refresh tokens rotate, with reuse detection"
    victim = world.victim(Certified)
    world.kill(victim, refresh, 30)
    assert not victim.lost, victim.lost


@tap.promise
def sealed(world):
    "L4: the same where state files are sealed"
    victim = world.victim(key=seals.new_key())
    world.kill(victim, refresh, 30)
    assert not victim.lost, victim.lost


@tap.promise
def sign_in_at_every_call(world):
    "kill -9 at each call of a sign-in: the one before or the new one, and the new one if it was answered"
    victim = world.victim()

    def store(victim):
        return victim.store_attempt(victim.provider.sign_in())
    world.kill(victim, store, 24)
    assert not victim.lost, victim.lost


@tap.promise
def provider_is_slow(world):
    "a daemon that begins while the child of one before still waits for the provider waits as well"
    victim = world.victim()
    first_one = threading.Event()
    for before, after in ((0.4, 0), (0, 0.4)):
        def slowly(request):
            slow = first_one.is_set()
            first_one.clear()
            time.sleep(before * slow)
            status, value = victim.server.serve(request)
            return Reply(status, json=value, delay=after * slow)

        def act(victim):
            first_one.set()             # whoever asks, before the daemon dies or after
            return refresh(victim)
        victim.server.always("token", slowly)
        victim.count(act)
        first = 1 + [call for _, call, _ in victim.traced()].index("sendmsg")
        for moment in MOMENTS:          # the child has begun, or is about to
            victim.sweep(act, moment, iter(range(first + 1, first + 5)))
        world.report(victim)
    assert not victim.lost, victim.lost


@tap.promise
def start_at_every_call(world):
    "kill -9 at each call of a start, with an answer left by the daemon before: the next one has it"
    victim = world.victim()
    number, stride = 1, 1 if POINTS else 16
    while True:
        victim.leave_answer()
        try:
            victim.start_traced(number, "entry", armed=True)
        except AssertionError:
            pass                        # it did not get that far
        if not victim.dies(number, "entry", 1):
            break
        number += world.random.randint(1, stride)
    victim.end()
    world.report(victim)
    assert victim.kills > 10 and not victim.lost, victim.lost


@tap.promise
def stop_at_every_call(world):
    "SIGTERM at each call of a refresh: it ends with 0, tells whoever has asked, and no grant is lost"
    victim = world.victim()
    victim.signal = signal.SIGTERM
    answers = []

    def act(victim):
        answers.append(refresh(victim))
        return answers[-1]
    world.kill(victim, act, 30)
    assert not victim.lost, victim.lost
    told = [answer for answer in answers if answer.get("status") == "ok" or answer.get("reason")]
    # the first calls are those that take the connection: it may end before that
    assert len(answers) - len(told) <= 2 * len(MOMENTS) + victim.deaths["accept4"], answers
    assert sum(answer.get("status") == "ok" for answer in answers) > len(answers) / 2, answers


@tap.promise
def killed_while_it_stops(world):
    "kill -9 at each call of a stop that waits for the provider: no grant is lost"
    victim = world.victim()

    def slowly(_request):
        time.sleep(0.3)

    def act(victim):
        victim.server.forget()
        victim.server.always("token", slowly)
        replies = []
        asker = threading.Thread(target=lambda: replies.append(refresh(victim)))
        asker.start()
        victim.server.wait_seen("token")
        victim.server.always("token", None)
        victim.arm()
        victim.process.send(signal.SIGTERM)
        asker.join()
        return replies[0]
    for number in itertools.count(1, 1 if POINTS else 5):
        victim.begin(number, arm=False)
        act(victim)
        if not victim.dies(number, "entry", 5):
            break
    assert victim.process.wait() == 0
    world.report(victim)
    assert victim.kills > 5 and not victim.lost, victim.lost


@tap.promise
def upgrade(world):
    "a daemon that waits for its last answer keeps the state to itself: one that begins says so and ends"
    victim = world.victim()
    victim.wrapper = []
    victim.start()

    def slowly(_request):
        time.sleep(1)
    victim.server.forget()
    victim.server.always("token", slowly)
    replies = []
    asker = threading.Thread(target=lambda: replies.append(refresh(victim)))
    asker.start()
    victim.server.wait_seen("token")
    for _ in range(2):                          # some are told twice
        victim.process.send(signal.SIGTERM)
    victim.wait_log("stopping")
    early = world.env.run(victim.command("--foreground"))
    assert early.rc != 0 and "another sasl-bearerd uses it" in early.stderr, early
    asker.join()
    assert replies[0]["status"] == "ok", replies
    assert victim.process.wait() == 0, victim.log()
    assert victim.state("alice")["refresh_token"] == victim.provider.newest()
    victim.start()
    assert victim.grant_lives()
    victim.end()


@tap.promise
def stop_without_disk(world):
    "SIGTERM while the disk refuses the tokens: it ends, and names the account that may need a sign-in"
    victim = world.victim()
    victim.wrapper = []
    victim.start()
    old = victim.state("alice")["refresh_token"]
    os.chmod(victim.state_dir, 0o500)
    assert refresh(victim)["status"] == "ok"
    assert victim.stop() == 0
    assert 'run "sasl-bearer login alice"' in victim.log().splitlines()[-1], victim.log()
    victim.is_whole(old)
    os.chmod(victim.state_dir, 0o700)


tap.main(World, timeout=7200 if POINTS else 300)
