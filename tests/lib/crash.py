# SPDX-License-Identifier: MIT
"""crash - a daemon that is killed at a system call of one's choice, again and again

The provider's refresh tokens can be used once, and the second use of one revokes the
grant: oauthd with single_use, or oidc-provider.  A point is a number N and a moment: the
daemon gets SIGKILL at the entry or at the exit of the Nth system call of its threads,
counted by tests/fault/tracer from the moment at which the test begins.
"""

import collections
import fcntl
import os
import re
import signal
import threading
import time

import seals
from env import built, wait_for
from helper import Helper
from oauthd import OAuthServer
from oidc import PUBLIC, OidcProvider

ALICE = "alice@example.com"
REFRESH = {"request": "refresh", "account": "alice"}
FULL = ("access_token", "refresh_token", "config_id", "expires_at", "obtained_at")


class Scripted:
    """tests/lib/oauthd.py: fast, and it tells what it has answered."""

    name = "oauthd"
    client_id = "test-client"

    def __init__(self, env):
        self.server = OAuthServer(single_use=True, log=env.log_file("oauthd")).start()

    def sign_in(self):
        return self.server.issue(ALICE)

    def newest(self):
        """The refresh token that it gave out last."""
        return self.server.newest_refresh_token(ALICE)


class Certified:
    """oidc-provider: what others say a provider is."""

    name = "oidc-provider"
    client_id = PUBLIC

    def __init__(self, env):
        self.server = OidcProvider(env).start()

    def sign_in(self):
        return self.server.sign_in(ALICE)

    def newest(self):
        return None                     # it does not tell


class Victim(Helper):
    """A helper that is killed.

    key       its state files are sealed with that
    kills     how often
    deaths    {call: how often it was killed there}
    lost      [(number, moment, call)] after which the grant was gone
    """

    def __init__(self, env, provider, key=None, **options):
        super().__init__(env, provider.server,
                         accounts={"alice": {"user": ALICE, "client_id": provider.client_id}},
                         **options)
        self.provider, self.key = provider, key
        if key:
            self.settings["state_key"] = self.secret_file("state.key", key + "\n")
        self.calls = env.path(self.name + ".calls")
        self.kills, self.deaths, self.lost = 0, collections.Counter(), []
        self.death = None               # the last one: as in lost
        self.signal = signal.SIGKILL    # or one that it may end by, with status 0

    # ---- lives and deaths

    def start_traced(self, number=0, moment="entry", armed=False):
        """Start; it dies at that call after arm() (armed: of all that it makes)."""
        self.wrapper = [built("tests/fault/tracer"), "--log", self.calls,
                        "--signal", self.signal, *(["--armed"] if armed else []),
                        *([f"--{moment}", number] if number else []), "--"]
        return self.start(30)

    def arm(self):
        """From now on its calls are counted."""
        self.process.send(signal.SIGUSR1)

    def signalled(self):
        """Whether the point was reached."""
        with open(self.calls, encoding="ascii") as f:
            return "signal\n" in f.readlines()

    def traced(self):
        """The calls that were counted, [(thread, call, its first argument)]."""
        with open(self.calls, encoding="ascii") as f:
            rows = [line.split() for line in f if line[0].isdigit()]
        return [(int(thread), call, int(value)) for _, thread, call, value in rows]

    def dies(self, number, moment, quiet_s=0.3):
        """Whether the point was reached, before no call was made for that time.

        The dead one is buried; of one that lives the point is off.
        """
        seen, end = 0, time.monotonic() + quiet_s
        while self.process.alive() and (time.monotonic() < end or self.signalled()):
            size = os.path.getsize(self.calls)
            if size != seen:
                seen, end = size, time.monotonic() + quiet_s
            time.sleep(0.002)
        if not self.signalled():
            self.process.send(signal.SIGUSR2)
            self.attempt({"request": "hello"})      # the tracer heeds that at the next call
        if not self.signalled():
            return False
        status = 128 + signal.SIGKILL if self.signal == signal.SIGKILL else 0
        assert self.process.wait() == status, (self.process.wait(), self.log()[-3000:])
        self.env.processes.remove(self.process)
        self.env.orphans()              # thousands would take all there is of pids
        self.death = (number, moment, self.traced()[number - 1][1])
        self.kills += 1
        self.deaths[self.death[2]] += 1
        return True

    def kill_all(self):
        """End it without a word, and what it was about to do."""
        self.kill()
        self.env.processes.remove(self.process)
        wait_for(self.is_unlocked, what="the end of the daemon below the tracer")

    def is_unlocked(self):
        """Whether nobody has the state directory."""
        fd = os.open(self.state_dir, os.O_RDONLY)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        finally:
            os.close(fd)
        return True

    def end(self):
        """Stop it in an orderly way; its point is off."""
        self.process.send(signal.SIGUSR2) if self.wrapper else None
        assert self.stop() == 0, self.log()[-3000:]
        self.env.processes.remove(self.process)

    # ---- what must hold

    def state(self, account):
        """Its state file as {name: value}; it is a whole message."""
        with open(os.path.join(self.state_dir, account), "rb") as f:
            data = f.read()
        return seals.attributes(seals.read(data, self.key, account) if self.key else data)

    def is_whole(self, *refresh_tokens):
        """What is stored is whole, and is one of these where the provider tells them."""
        state = self.state("alice")
        missing = [name for name in FULL if not state.get(name)]
        assert not missing, (missing, sorted(state))
        if all(refresh_tokens):
            assert state["refresh_token"] in refresh_tokens, (self.death, "a token of nobody")
        return state

    def is_tidy(self):
        """No temporary file is left in the state directory."""
        left = set(os.listdir(self.state_dir)) - {"alice"}
        assert not left, (self.death, left)

    def grant_lives(self):
        """Whether the provider gives a new token for what is stored."""
        def answer():
            reply = self.request(REFRESH)
            return None if reply["status"] == "temporary" else reply
        return wait_for(answer, 40, "an answer to refresh")["status"] == "ok"

    def sign_in(self):
        reply = self.store("alice", self.provider.sign_in())
        assert reply["status"] == "ok", reply

    def check_grant(self):
        """After a death: count the grant when it is gone, and sign in again."""
        if not self.grant_lives():
            self.lost.append(self.death)
            self.sign_in()

    def attempt(self, fields):
        """request(); {} when it dies over it."""
        try:
            return self.request(fields)
        except (OSError, AssertionError):
            return {}

    def store_attempt(self, tokens):
        """store(); {} when it dies over it."""
        try:
            return self.store("alice", tokens)
        except (OSError, AssertionError):
            return {}

    def make_stale(self):
        """What is stored looks as if its access token had ended; nobody runs now."""
        path = os.path.join(self.state_dir, "alice")
        with open(path, encoding="utf-8") as f:
            text = f.read()
        for name in ("expires_at", "obtained_at"):
            text = re.sub(rf"(?m)^{name}=(\d+)$",
                          lambda m: f"{m[0].partition('=')[0]}={int(m[1]) - 7200}", text)
        with open(path, "r+", encoding="utf-8") as f:
            f.write(text)

    # ---- the sweep

    def begin(self, number=0, moment="entry", stale=False, arm=True):
        """Start for the next point, after a look at what the last one has left.

        stale  the access token has ended
        arm    the calls are counted from here
        """
        self.start_traced(number, moment)
        self.check_grant()
        self.is_tidy()
        if stale:
            self.kill_all()
            self.make_stale()
            self.start_traced(number, moment)
        if arm:
            self.arm()

    def leave_answer(self):
        """Start, and die while the child waits for the provider."""
        def slowly(_request):
            time.sleep(0.2)
        self.wrapper = []
        self.start()
        self.check_grant()
        self.server.forget()
        self.server.always("token", slowly)
        asker = threading.Thread(target=self.attempt, args=[REFRESH])
        asker.start()
        self.server.wait_seen("token")
        self.server.always("token", None)
        self.kill_all()
        asker.join()

    def count(self, act, **how):
        """How many calls there are in act()."""
        self.begin(**how)
        reply = act(self)
        assert reply.get("status") == "ok", reply
        self.end()
        return len(self.traced())

    def sweep(self, act, moment, numbers, **how):
        """Let it do act(victim) and die, at one call after the other.

        moment   entry or exit
        numbers  an iterator; a number beyond the last call ends it
        act      returns the reply that it got, or {}
        how      of begin()
        """
        for number in numbers:
            self.begin(number, moment, **how)
            old = self.state("alice")["refresh_token"]
            reply = act(self)
            if not self.dies(number, moment):
                self.end()
                break
            state = self.is_whole(old, self.provider.newest())
            if reply.get("status") == "ok":
                assert state["refresh_token"] != old, (self.death, "answered before it was saved")
        self.wrapper = []
        self.start()
        self.check_grant()
        self.is_tidy()
        self.end()
