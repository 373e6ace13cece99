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
from env import BUILDDIR, wait_for
from joiner import Joiner
from world import MECHANISMS, World, assert_hidden

PERSON = "bin"          # the uid of it all
SHORT, LARGE = 400, 3000    # with the one an initial response fits into a line of SMTP
TEXT = "From: {user}\nTo: bob@example.net\nSubject: {subject}\n\n{subject}\n"

MSMTP = """\
# ---- ~/.msmtprc ----
account default
host localhost
port {smtps}
tls on
tls_starttls off
tls_trust_file {ca}
auth {auth}
user {user}
from {user}
passwordeval "sasl-bearer token --service smtp {user}"
"""
GIT = MSMTP + """\
# ---- ~/.gitconfig ----
[user]
	name = Alice
	email = {user}
[sendemail]
	sendmailCmd = msmtp -t
"""
GETMAIL = """\
# ---- ~/.config/getmail/getmailrc ----
[retriever]
type = SimpleIMAPSSLRetriever
server = localhost
port = {joined}
ca_certs = {ca}
username = {user}
use_xoauth2 = True
password_command = ("sasl-bearer", "token", "--service", "imap", "{user}")
[destination]
type = Maildir
path = ~/Mail/INBOX/
"""
OFFLINEIMAP = """\
# ---- ~/.offlineimaprc ----
[general]
accounts = main
[Account main]
localrepository = local
remoterepository = remote
[Repository local]
type = Maildir
localfolders = ~/Mail
[Repository remote]
type = IMAP
remotehost = localhost
remoteport = {joined}
remoteuser = {user}
ssl = yes
sslcacertfile = {ca}
auth_mechanisms = XOAUTH2
oauth2_access_token_eval = __import__("subprocess").check_output(
    ["sasl-bearer", "token", "--service", "imap", "{user}"], text=True)
"""
# printf is the shell's own: the token is nobody's argument, which all users could read
CURL = """\
# ---- run ----
token=$(sasl-bearer token --service {service} {user}) &&
	printf 'oauth2-bearer = "%s"\\n' "$token" |
	curl -sS -K - --cacert {ca} -u {user}: \\
"""
CURL_IMAP = CURL + "\t'imaps://localhost:{imaps}/INBOX;MAILINDEX=*'\n"
CURL_POP = CURL + "\t'pop3s://localhost:{pops}/1'\n"
CURL_SMTP = CURL + """\
	--mail-from {user} --mail-rcpt bob@example.net -T ~/message \\
	smtps://localhost:{smtps}
"""


class Way:
    """A program, a protocol and a mechanism.

    program    what must be installed
    service    imap, pop or smtp
    config     its configuration
    run        the command for the shell; None: the configuration says it
    narrow     the server offers no other mechanism: the program takes no choice
    code       it ends with the exit status of sasl-bearer
    overlong   it sends an initial response also where a line of SMTP is too short for it
    mute       it keeps what sasl-bearer says to itself, but for the exit status
    """

    def __init__(self, program, service, mechanism, config, run=None, **traits):
        self.program, self.service, self.mechanism = program, service, mechanism
        self.config, self.run = config, run
        self.narrow = traits.get("narrow", False)
        self.code, self.mute = traits.get("code", False), traits.get("mute", False)
        self.overlong = traits.get("overlong", False)
        self.title = f"{program} {service} {mechanism}"
        name = re.sub("[^a-z0-9]+", "-", self.title.lower())
        self.users = {what: f"{what}-{name}@example.com"
                      for what in ("good", "large", "revoked", "down", "rejected", "hidden")}


WAYS = [
    Way("msmtp", "smtp", "OAUTHBEARER", MSMTP, "msmtp -t <~/message", overlong=True),
    Way("msmtp", "smtp", "XOAUTH2", MSMTP, "msmtp -t <~/message"),
    Way("getmail", "imap", "XOAUTH2", GETMAIL, "getmail", mute=True),
    Way("offlineimap", "imap", "XOAUTH2", OFFLINEIMAP, "offlineimap -o -u basic"),
    *(Way("curl", service, mechanism, config, narrow=mechanism == "XOAUTH2", code=True)
      for service, config in (("imap", CURL_IMAP), ("pop", CURL_POP), ("smtp", CURL_SMTP))
      for mechanism in MECHANISMS),
    Way("git", "smtp", "XOAUTH2", GIT, "git send-email --quiet --confirm=never --suppress-cc=all"
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
        self.environment = {**self.helper.environment, "PATH": f"{BUILDDIR}:{os.environ['PATH']}"}
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

    def config(self, way, user):
        """The configuration of a program: {path: text}; "run" is the command, if it has one."""
        server = self.server(way)
        return files(way.config.format(
            user=user, mechanism=way.mechanism, auth=way.mechanism.lower(), service=way.service,
            ca=self.env.tls().ca, joined=self.joined, imaps=server.imaps, pops=server.pops,
            smtps=server.smtps))

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
        files = self.config(way, user)
        command = files.pop("run", way.run)
        subject = self.env.name("subject")
        self.env.run(["sh", "-c", "rm -rf ~/Mail ~/.offlineimap; mkdir -p ~/Mail/INBOX/cur "
                      "~/Mail/INBOX/new ~/Mail/INBOX/tmp"], uid=PERSON, env=self.environment)
        for path, text in files.items():
            self.write(path, text)
        if way.service == "smtp":
            self.write("~/message", TEXT.format(user=user, subject=subject))
        else:
            self.env.run(["rm", "-rf", f"{self.server(way).dir}/mail/{user}"])
            self.server(way).deliver(user, subject)
        done = self.env.run([*wrapper, "sh", "-c", command], uid=PERSON, env=self.environment,
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


def files(text):
    """Split what begins with lines of "# ---- PATH ----" into {path: text}."""
    parts = re.split(r"^# ---- (.*) ----\n", text, flags=re.M)[1:]
    return dict(zip(parts[::2], parts[1::2]))


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
