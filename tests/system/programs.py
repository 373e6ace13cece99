#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""programs - imtest, pop3test and smtptest of Cyrus: what they print and how they end"""

import os
import re
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "lib"))

import tap
from env import wait_for
from mail import Dovecot, cyrus_test
from scripted import Imap, Pop, Scripted, Smtp
from world import MECHANISMS, World

ALICE = "alice@example.com"
PORTS = {"imtest": "imap", "pop3test": "pop", "smtptest": "smtp"}
# what the server says in the end when a token is no good
REFUSALS = {"imtest": "NO [AUTHENTICATIONFAILED]", "pop3test": "-ERR [AUTH]",
            "smtptest": "535 5.7.8"}
SERVICES = {"imtest": "imap", "pop3test": "pop", "smtptest": "smtp"}
# the server of each that refuses without a challenge, as Exchange does, and its words
DIRECT = {"imtest": (Imap, "NO AUTHENTICATE failed."),
          "pop3test": (Pop, "-ERR Authentication failure: unknown user name or bad password."),
          "smtptest": (Smtp, "535 5.7.3 Authentication unsuccessful [X.EXAMPLE.COM]")}


class Mail(World):
    """A world for Cyrus's test programs."""

    def __init__(self, env):
        super().__init__(env)
        self.shared = Dovecot(env, self.oauth, sink=self.sink, any_user=True).start()
        self.helper.start()

    def log_in(self, program, user, mechanism, dovecot=None, starttls=False, **how):
        """Log in over TLS; returns a Result and what Dovecot logged."""
        dovecot = dovecot or self.dovecot
        before = len(dovecot.log())
        port = getattr(dovecot, PORTS[program] + ("" if starttls else "s"))
        environment = {"SASL_BEARER_SOCKET": self.helper.socket}
        done = cyrus_test(self.env, program, port, user, mechanism, starttls=starttls,
                          environment=environment, timeout=20, **how)
        return done, dovecot.wait_log(r"-login: .*session=<|closed", before)    # good or not

    def every(self):
        """Each program with each mechanism."""
        return [(program, mechanism) for program in PORTS for mechanism in MECHANISMS]


def asked(user, log):
    """Whether the server was shown something for a user; an older session says its end late."""
    return re.search(rf"oauth2\({user},|user=<{user}>", log)


def assert_good(world, program, user, mechanism, mailbox=None, **how):
    done, log = world.log_in(program, user, mechanism, **how)
    assert "\nAuthenticated.\n" in done.stdout and done.rc == 0, done
    assert f"user=<{mailbox or user}>, method={mechanism}" in log, log


def good(program):
    """A promise: that program logs in."""
    def check(world):
        for mechanism in MECHANISMS:
            for starttls in (False, True):
                assert_good(world, program, ALICE, mechanism, starttls=starttls)
    check.__doc__ = f"{program} logs in by both mechanisms, over TLS and over STARTTLS"
    return tap.promise(check)


def certified(program):
    """A promise: that program logs in with a token of oidc-provider."""
    def check(world):
        for mechanism in MECHANISMS:
            assert_good(world, program, "diana@example.com", mechanism, dovecot=world.certified)
    check.__doc__ = f"{program} logs in with a token of a certified OpenID provider"
    return tap.promise(check)


def expired(program):
    """A promise: that program knows nothing of a token's end."""
    def check(world):
        for mechanism in MECHANISMS:
            assert_good(world, program, f"{program}-expired@example.com", mechanism)
        assert world.refreshes(f"{program}-expired@example.com") == 1
    check.__doc__ = f"{program} logs in after the token has expired, for one request"
    return tap.promise(check)


def rejected(program):
    """A promise: that program ends well when the server rejects the token."""
    def check(world):
        for mechanism in MECHANISMS:
            user = f"{program}-{mechanism.lower()}@example.com"
            tokens = world.account(user)
            world.oauth.expire(tokens["access_token"])      # the helper does not know
            before = len(world.dovecot.log())
            done, _ = world.log_in(program, user, mechanism)
            assert "Authentication failed." in done.stdout, done
            assert "\nAuthenticated.\n" not in done.stdout, done
            assert REFUSALS[program] in done.stdout, done
            assert done.rc == 0, done           # it would go on by hand
            world.dovecot.wait_log("Provided token is not valid", before)
            wait_for(lambda: world.refreshes(user) == 1, what="the refresh")
            world.helper.wait_log(f'account "{user}": localhost does not accept token')
            wait_for(lambda: world.helper.token(user, service=SERVICES[program])["token"]
                     != tokens["access_token"])
            assert_good(world, program, user, mechanism)
    check.__doc__ = f"{program} shows the server's words about a token that is no good, and ends"
    return tap.promise(check)


def refused(program):
    """A promise: that program ends well when the server just says no."""
    def check(world):
        session, verdict = DIRECT[program]
        server = Scripted(world.env, session, verdict=verdict)
        setattr(server, PORTS[program] + "s", server.port)
        for mechanism in MECHANISMS:
            server.mechanisms = mechanism
            done, log = world.log_in(program, ALICE, mechanism, dovecot=server)
            assert verdict in done.stdout and "Authentication failed." in done.stdout, done
            assert f"refused: user=<{ALICE}>, method={mechanism}" in log, log
    check.__doc__ = f"{program} shows the words of a server that refuses without a challenge"
    return tap.promise(check)


def several(program):
    """A promise: that program's user tells accounts apart."""
    def check(world):
        for user in ("bob@example.com", ALICE):
            for mechanism in MECHANISMS:
                assert_good(world, program, user, mechanism)
    check.__doc__ = f"{program} logs in to each of two accounts"
    return tap.promise(check)


def shared(program):
    """A promise: that program opens a mailbox that is not the account's own."""
    def check(world):
        for user, mailbox in (("office@example.com", "office@example.com"),
                              ("carol@example.com", "sales@example.com")):
            for mechanism in MECHANISMS:
                assert_good(world, program, user, mechanism, mailbox, dovecot=world.shared)
    check.__doc__ = f"{program} logs in to a shared mailbox: its own account, or by sasl_user"
    return tap.promise(check)


def no_token(program):
    """A promise: that program ends well when there is no token."""
    def check(world):
        for mechanism in MECHANISMS:
            done, log = world.log_in(program, "gone@example.com", mechanism)
            assert "\nAuthenticated.\n" not in done.stdout, done
            assert "Authentication failed. passphrase expired" in done.stdout, done
            assert not asked("gone@example.com", log), log
    check.__doc__ = f"{program} sends nothing and ends when a person must sign in again"
    return tap.promise(check)


def denied(program):
    """A promise: that program gets nothing for a host that is not listed."""
    def check(world):
        for mechanism in MECHANISMS:
            done, log = world.log_in(program, "host@example.com", mechanism)
            assert "Authentication failed. user not found" in done.stdout, done
            assert not asked("host@example.com", log), log
    check.__doc__ = f"{program} sends nothing to a server that is not in hosts"
    return tap.promise(check)


@tap.promise
def accounts(world):
    "accounts are made while the helper runs"
    for user in (ALICE, "bob@example.com"):
        world.account(user)
    world.account("office@example.com", grant=world.oauth.issue(ALICE))
    world.account("carol@example.com", sasl_user="sales@example.com")
    world.device_account("diana@example.com")
    world.account("host@example.com", hosts="mail.example.com")
    world.account("gone@example.com", expires_in=1)
    world.oauth.revoke("gone@example.com")
    for program in PORTS:
        tokens = world.account(f"{program}-expired@example.com", expires_in=1)
        world.oauth.expire(tokens["access_token"])
    end = time.monotonic() + 1.1
    wait_for(lambda: time.monotonic() > end)


for kind in (good, certified, several, shared, expired, rejected, refused, no_token, denied):
    for name in PORTS:
        kind(name)


@tap.promise
def other_user(world):
    "whom -u names is not asked for: a prompt for it would bother people; the account decides"
    for program, mechanism in world.every():
        assert_good(world, program, ALICE, mechanism, dovecot=world.shared,
                    options=["-u", "sales@example.com"])


@tap.promise
def large_token(world):
    "all three send a token of 3 KB"
    world.oauth.token_size = 3000
    try:
        world.account("large@example.com")
    finally:
        world.oauth.token_size = 1500
    for program, mechanism in world.every():
        assert_good(world, program, "large@example.com", mechanism)


@tap.promise
def best_mechanism(world):
    "left to themselves all three choose OAUTHBEARER"
    for program in PORTS:
        done, log = world.log_in(program, ALICE, None)
        assert "method=OAUTHBEARER" in log, (done, log)


@tap.promise
def stranger(world):
    "to another local user the mechanisms do not exist"
    for program, mechanism in world.every():
        done, log = world.log_in(program, ALICE, mechanism, uid="bin")
        assert "\nAuthenticated.\n" not in done.stdout, done
        assert "Authentication failed. no mechanism available" in done.stdout, done
        assert not asked(ALICE, log), log


@tap.promise
def helper_down(world):
    "while the helper is down all three say that nobody answers, send nothing and end"
    world.helper.kill()
    for program, mechanism in world.every():
        done, log = world.log_in(program, ALICE, mechanism)
        words = "Authentication failed. remote authentication server unavailable"
        assert words in done.stdout, done
        assert not asked(ALICE, log), log


@tap.promise
def no_secrets(world):
    "no token and no secret is in the helper's log, though it is at debug"
    world.assert_no_secret(world.helper.log())


tap.main(Mail, root=True, programs=["dovecot", "openssl"], timeout=120)
