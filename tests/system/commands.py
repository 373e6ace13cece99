#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""commands - programs that never load the plugin, and ask `sasl-bearer token` instead

A person's own helper serves them, found as it is in a session.  tests/system/tunnel.py has
the programs that take no token at all.
"""

import os
import re
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "lib"))

import tap
from dovecot import Dovecot
from env import wait_for
from joiner import Joiner
from setup import setup
from world import MECHANISMS, World, assert_hidden

PERSON = "bin"          # the uid of it all
SHORT, LARGE = 400, 3000    # with the one an initial response fits into a line of SMTP
TEXT = "From: {user}\nTo: bob@example.net\nSubject: {subject}\n\n{subject}\n"


class Way:
    """A program, a protocol and a mechanism.

    program    what must be installed
    service    imap, pop or smtp
    then       what to run after that which setup says
    options    of setup
    narrow     the server offers no other mechanism: the program takes no choice
    code       it ends with the exit status of sasl-bearer
    overlong   it sends an initial response also where a line of SMTP is too short for it
    mute       it keeps what sasl-bearer says to itself, but for the exit status
    joined     its lines must be joined for Dovecot
    """

    def __init__(self, program, service, mechanism, then="", options=(), **traits):
        self.program, self.service, self.mechanism = program, service, mechanism
        self.then, self.options = then, options
        for trait in ("narrow", "code", "overlong", "mute", "joined"):
            setattr(self, trait, traits.get(trait, False))
        self.title = f"{program} {service} {mechanism}"
        name = re.sub("[^a-z0-9]+", "-", self.title.lower())
        self.users = {what: f"{what}-{name}@example.com"
                      for what in ("good", "large", "revoked", "down", "rejected", "hidden")}


WAYS = [
    Way("msmtp", "smtp", "OAUTHBEARER", "msmtp -t <~/message", ["--mechanism", "oauthbearer"],
        overlong=True),
    Way("msmtp", "smtp", "XOAUTH2", "msmtp -t <~/message"),
    Way("getmail", "imap", "XOAUTH2", mute=True, joined=True),
    Way("offlineimap", "imap", "XOAUTH2", joined=True),
    *(Way("curl", service, mechanism, options=["--service", service],
          narrow=mechanism == "XOAUTH2", code=True)
      for service in ("imap", "pop", "smtp") for mechanism in MECHANISMS),
    Way("git", "smtp", "XOAUTH2", "git send-email --quiet --confirm=never --suppress-cc=all"
        " --to bob@example.net ~/message"),
]


class Mail(World):
    """A world with a person who has a helper, a home and accounts for every way.

    narrow   a Dovecot that offers XOAUTH2 and passwords, as Exchange Online does
    joined   the port where Dovecot's IMAP is for Python's imaplib
    """

    def __init__(self, env):
        super().__init__(env, certified=False, user=PERSON)
        self.oauth.token_size = SHORT
        self.narrow = Dovecot(env, self.oauth, "plain xoauth2", sink=self.sink).start()
        self.joined = Joiner(env, self.dovecot.imaps).port
        self.helper.start()
        self.home = self.helper.path("home")
        self.environment = {**self.helper.environment, "EMAIL": "person@example.com"}
        self.sign_in()
        self.oauth.token_size = SHORT

    def sign_in(self):
        """An account for each way and kind of trouble; what they have expires, but for two."""
        users = [(what, user) for way in WAYS for what, user in way.users.items()]
        self.helper.accounts = {user: {} for _, user in users}
        assert self.helper.reload()["status"] == "ok"
        self.tokens = {}
        for what, user in users:
            self.oauth.token_size = LARGE if what == "large" else SHORT
            self.tokens[user] = self.oauth.issue(user)
            lasting = {"expires_in": 1} if what in ("good", "revoked", "down") else {}
            assert self.helper.store(user, self.tokens[user], **lasting)["status"] == "ok"
            if what in ("good", "rejected"):
                self.oauth.expire(self.tokens[user]["access_token"])
            if what == "revoked":
                self.oauth.revoke(user)
        end = time.monotonic() + 1.1
        wait_for(lambda: time.monotonic() > end)

    def server(self, way):
        return self.narrow if way.narrow else self.dovecot

    def configure(self, way, user):
        """Write what setup prints into the home directory; returns what is to be run."""
        server = self.server(way)
        port = self.joined if way.joined else {
            "imap": server.imaps, "pop": server.pops, "smtp": server.smtp}[way.service]
        found = setup(self.helper, way.program, user, *way.options, "--server",
                      f"localhost:{port}", "--ca-file", self.env.tls().ca)
        script = found.pop("run") + way.then
        for path, text in found.items():
            self.write(path, text)
        return script

    def write(self, path, text):
        """A file of that person."""
        path = path.replace("~/.config", self.environment["XDG_CONFIG_HOME"]).replace(
            "~", self.home)
        done = self.env.run(["sh", "-c", 'umask 077; mkdir -p "${1%/*}"; cat >"$1"', "-", path],
                            uid=PERSON, input=text)
        assert done.rc == 0, done

    def attempt(self, way, user, wrapper=()):
        """Run a program once; returns the Result, and whether the mail arrived."""
        tap.require(way.program)
        self.env.run(["sh", "-c", 'rm -rf ~/Mail ~/.offlineimap "$XDG_CONFIG_HOME/getmail"'],
                     uid=PERSON, env=self.environment)
        script = self.configure(way, user)
        subject = self.env.name("subject")
        if way.service == "smtp":
            self.write("~/message", TEXT.format(user=user, subject=subject))
        else:
            self.env.run(["rm", "-rf", f"{self.server(way).dir}/mail/{user}"])
            self.server(way).deliver(user, subject)
        done = self.env.run([*wrapper, "sh", "-ec", script], uid=PERSON, env=self.environment,
                            timeout=40)
        return done, self.arrived(way, subject, done)

    def arrived(self, way, subject, done):
        if way.service == "smtp":
            return any(f"Subject: {subject}\r\n" in message.data
                       for message in self.sink.messages)
        if way.program == "curl":
            return f"Subject: {subject}\n" in done.stdout
        return self.env.run(["grep", "-rq", f"^Subject: {subject}$", self.home + "/Mail"]).rc == 0

    def assert_works(self, way, user):
        before = len(self.server(way).log())
        done, arrived = self.attempt(way, user)
        assert done.rc == 0 and arrived, done
        self.server(way).wait_login(user, way.mechanism, before)

    def assert_fails(self, way, user, code, *words):
        """It ends with an error and shows these words, and has not logged in."""
        done, arrived = self.attempt(way, user)
        shown = done.stdout + done.stderr
        tap.note(f"{done.rc}: {shown[-400:]}")
        assert done.rc != 0 and not arrived, done
        assert done.rc == code or not way.code, done
        if way.mute:
            words = [f"sasl-bearer exited with {code}"]
        assert all(word in shown for word in words), done
        assert f"user=<{user}>" not in self.server(way).log()


def every(function):
    """Make a promise for each way of a function of world and way; {} in its title."""
    for way in WAYS:
        def check(world, way=way):
            function(world, way)
        check.__doc__ = function.__doc__.format(way.title)
        tap.promise(check)
    return function


@every
def good(world, way):
    "{}: logs in, for one refresh when the token has expired"
    user = way.users["good"]
    world.assert_works(way, user)
    world.assert_works(way, user)
    assert world.refreshes(user) == 1


@every
def large(world, way):
    "{}: a token of 3 KB is no trouble, but for programs that send longer lines than they may"
    if not way.overlong:
        world.assert_works(way, way.users["large"])
        return
    done, arrived = world.attempt(way, way.users["large"])
    assert done.rc != 0 and not arrived and "longer than 4094" in done.stderr, done


@every
def revoked(world, way):
    "{}: when a person must sign in again it fails, sends nothing and shows the command"
    user = way.users["revoked"]
    world.assert_fails(way, user, 69, f'run "sasl-bearer login {user}"')


@every
def down(world, way):
    "{}: while the provider is down it fails, sends nothing and shows the cause"
    user = way.users["down"]
    world.oauth.stop()
    try:
        world.assert_fails(way, user, 75, "cannot connect to 127.0.0.1: Connection refused")
    finally:
        world.oauth.start()
    assert world.helper.cli("refresh", user).rc == 0
    world.assert_works(way, user)


@every
def rejected(world, way):
    "{}: fails when the server rejects the token; `sasl-bearer refresh` mends that"
    user = way.users["rejected"]
    done, arrived = world.attempt(way, user)
    tap.note(f"{done.rc}: {(done.stdout + done.stderr)[-400:]}")
    assert done.rc != 0 and not arrived, done
    assert world.helper.cli("refresh", user).rc == 0
    world.assert_works(way, user)


@every
def hidden(world, way):
    "{}: no process has the token in an argument or in its environment, nor is it shown"
    tap.require("strace")
    user = way.users["hidden"]
    trace = world.env.write("trace", "", 0o666)
    done, arrived = world.attempt(way, user, ["strace", "-f", "-v", "-s", "100000", "-e",
                                              "trace=execve", "-o", trace])
    assert done.rc == 0 and arrived, done
    with open(trace, encoding="utf-8") as f:
        calls = f.read()
    assert f'"{user}"' in calls and '"HOME=' in calls, calls
    assert_hidden(world.secrets(), calls, f"{done} " * 100)


@tap.promise
def as_argument(world):
    "as an argument, --oauth2-bearer TOKEN, all could read it: that is why curl's comes by a pipe"
    tap.require("curl", "strace")
    token = next(iter(world.oauth.access))
    done = world.env.run(["strace", "-s", "100000", "-e", "trace=execve", "curl", "--oauth2-bearer",
                          token, f"pop3s://localhost:{world.narrow.pops}/"])
    try:
        assert_hidden(world.secrets(), done.stderr)
    except AssertionError:
        return
    raise AssertionError(f"not seen: {done}")


@tap.promise
def no_secrets(world):
    "no token and no secret is in the helper's log, though it is at debug"
    world.assert_no_secret(world.helper.log())


tap.main(Mail, root=True, programs=["dovecot"], timeout=300)
