#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""loaders - programs that load the plugin, one row each: what comes of every kind of login

Postfix, mbsync and Cyrus's own programs have scripts of their own.  Nothing here has a
terminal or a standard input, and no password is in any configuration, except where a row
says that the program itself insists on one: what asks for a password fails.
"""

import os
import re
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "lib"))

import tap
from env import SRCDIR, Result, sasl_path, wait_for
from mail import Dovecot
from scripted import Imap, Ldap, Pop, Scripted, Smtp, Svn
from sendmail import SMARTHOST, Sendmail
from world import MECHANISMS, World

ALICE, BOB, SHARED = "alice@example.com", "bob@example.com", "office@example.com"
GONE = "gone@example.com"
LOGINS = os.path.join(SRCDIR, "tests/lib/logins")
NMH = "/usr/bin/mh"
# as Exchange refuses, without a challenge
REFUSALS = {"imap": (Imap, "NO AUTHENTICATE failed."),
            "pop": (Pop, "-ERR Authentication failure: unknown user name or bad password."),
            "smtp": (Smtp, "535 5.7.3 Authentication unsuccessful [X.EXAMPLE.COM]"),
            "ldap": (Ldap, "the token is not for this directory")}
CHALLENGE = '{"status":"401","schemes":"bearer","scope":"mail"}'
LARGE = 1500        # bytes, as many as Microsoft's tokens have at least


class Program:
    """A row.

    title       what a reader knows it as
    service     imap, pop, smtp or ldap
    run         function(world, port, user, mechanism, authzid), returns a Result
    mechanisms  those that it can be told to use
    by_server   it uses XOAUTH2 by the plugin only where nothing better is offered
    tells       whether it shows the reason that the plugin gives
    refused     what it shows when the server refuses with a challenge, and without one,
                by "{}" the server's own words
    steps       whether it hands the challenge to the plugin, which then tells the helper
    authzid     whether it can name another mailbox than the account's
    large       what it shows of a token of LARGE bytes; None where it sends it
    """

    def __init__(self, title, service, run, mechanisms=MECHANISMS, by_server=False, tells=True,
                 refused=("{}", "{}"), steps=True, authzid=False, large=None):
        self.title, self.service, self.run, self.mechanisms = title, service, run, mechanisms
        self.by_server, self.tells, self.refused, self.steps = by_server, tells, refused, steps
        self.authzid, self.large = authzid, large
        self.slug = re.sub(r"\W+", "-", title.lower())

    def user(self, what, mechanism=""):
        """The name of an account for one use."""
        return f"{what}-{self.slug}{mechanism.lower()}@example.com"


# ---- how each is run

def nmh(world, *words, **profile):
    """Run a program of nmh with a profile of its own."""
    tap.need(os.path.exists(NMH), NMH)
    home = world.env.name("nmh")
    world.env.write(f"{home}/.mh_profile", "Path: Mail\n" + "".join(
        f"{name}: {value}\n" for name, value in profile.items()))
    draft = world.env.write(f"{home}/Mail/draft",
                            f"From: {ALICE}\nTo: bob@example.net\nSubject: nmh\n\nnmh\n")
    return world.start([f"{NMH}/{words[0]}", *words[1:], *[draft] * (words[0] == "send")],
                       HOME=world.env.path(home))


def nmh_sasl(mechanism, user):
    # -saslmech xoauth2 is nmh's own, which knows tokens and no helper
    choice = "" if mechanism == "XOAUTH2" else f" -saslmech {mechanism.lower()}"
    return f"-user {user} -initialtls -sasl{choice}"


def inc(world, port, user, mechanism, _authzid):
    return nmh(world, "inc", inc=f"-host localhost -port {port} {nmh_sasl(mechanism, user)}")


def send(world, port, user, mechanism, _authzid):
    return nmh(world, "send", send=f"-mts smtp -server localhost -port {port} "
               + nmh_sasl(mechanism, user))


def etpan(service):
    def run(world, *login):
        return world.start(["/usr/bin/python3", f"{LOGINS}/etpan.py", service, *login])
    return run


def perl(service):
    def run(world, *login):
        return world.start(["perl", f"{LOGINS}/perl.pl", service, *login, world.env.tls().ca])
    return run


def kde(service):
    def run(world, port, user, _mechanism, _authzid):
        return world.start([world.kde(), service, port, user, world.env.tls().ca],
                           XDG_RUNTIME_DIR=world.env.mkdir("xdg", 0o700))
    return run


def ldapsearch(world, port, user, mechanism, _authzid):
    tap.require("ldapsearch")
    # without -N libldap asks DNS for the server's name, and hosts must have what that says
    return world.start(["ldapsearch", "-N", "-H", f"ldaps://127.0.0.1:{port}", "-Y", mechanism,
                        "-U", user, "-s", "base"],
                       LDAPTLS_CACERT=world.env.tls().ca)


def python_ldap(world, *login):
    return world.start(["/usr/bin/python3", f"{LOGINS}/python-ldap.py", "ldap", *login,
                        world.env.tls().ca])


PROGRAMS = [
    # after the challenge it hangs up and shows it as it came
    Program("nmh's inc", "pop", inc, by_server=True, steps=False, refused=("eyJ", "{}")),
    # sends everything on the command line, whatever RFC 4954 says about its length
    Program("nmh's send", "smtp", send, by_server=True, steps=False, refused=("eyJ", "{}"),
            large="Line too long"),
    Program("libetpan's IMAP", "imap", etpan("imap"), tells=False, authzid=True),
    # cuts what it sends at 512 bytes, and waits for an answer
    Program("libetpan's POP3", "pop", etpan("pop"), tells=False, authzid=True, large="no end"),
    Program("libetpan's SMTP", "smtp", etpan("smtp"), tells=False, authzid=True, large="no end"),
    # offers its users no other mechanism
    Program("KMail's KIMAP", "imap", kde("imap"), mechanisms=("XOAUTH2",)),
    Program("KMail's KSMTP", "smtp", kde("smtp"), mechanisms=("XOAUTH2",), large="Line too long"),
    # these hand nothing to the plugin that comes after the token
    Program("Perl's Net::POP3", "pop", perl("pop"), steps=False, authzid=True),
    Program("Perl's Net::SMTP", "smtp", perl("smtp"), steps=False, authzid=True,
            large="Line too long"),
    Program("Perl's Net::LDAP", "ldap", perl("ldap"), steps=False, authzid=True),
    # the authzid of libldap's programs (-X) is the answer to a prompt, and is not asked for
    Program("ldapsearch", "ldap", ldapsearch),
    Program("python-ldap", "ldap", python_ldap),
]


class Mail(World):
    """A world with servers of every kind.

    dovecot     for mail; only_xoauth2 offers nothing better, as Exchange does; shared takes
                a good token for every mailbox
    directory   for LDAP, in the same three ways; the challenge comes from it too
    refusing    {service: a server that refuses without a challenge}
    """

    def __init__(self, env):
        super().__init__(env, certified=False)
        self.helper.providers["test"] = {"hosts": f"localhost 127.0.0.1 {SMARTHOST}"}
        self.oauth.token_size = 250         # as Google's
        self.only_xoauth2 = Dovecot(env, self.oauth, "xoauth2", sink=self.sink).start()
        self.shared = Dovecot(env, self.oauth, sink=self.sink, any_user=True).start()
        self.directory = Scripted(env, Ldap, self.oauth, verdict="the token is no good",
                                  challenge=CHALLENGE)
        self.shared_directory = Scripted(env, Ldap, self.oauth, any_user=True)
        self.refusing = {service: Scripted(env, session, verdict=verdict)
                         for service, (session, verdict) in REFUSALS.items()}
        self.helper.start()
        self.built, self.patience = None, 30

    def start(self, words, **environment):
        """Run a program with the plugin; its Result, with rc "no end" where that is so."""
        environment = {"SASL_PATH": sasl_path(), "SASL_BEARER_SOCKET": self.helper.socket,
                       "SSL_CERT_FILE": self.env.tls().ca, **environment}
        try:
            return self.env.run(words, env=environment, timeout=self.patience)
        except AssertionError as e:
            return Result("no end", str(e), "")

    def kde(self):
        """The program that uses KDE's libraries, built when it is first wanted."""
        if not self.built:
            tap.require("c++", "pkg-config")
            include = [f"-I{path}" for path in (
                "/usr/include/KF5/KIMAP", "/usr/include/KF5/KCoreAddons",
                "/usr/include/KF5/KMime", "/usr/include/KPim/KSMTP")]
            tap.need(all(os.path.isdir(word[2:]) for word in include), "KIMAP or KSMTP")
            flags = self.env.run(["pkg-config", "--cflags", "Qt5Network"]).stdout.split()
            built = self.env.path("kde")
            done = self.env.run(["c++", "-fPIC", *flags, *include, f"{LOGINS}/kde.cpp", "-o", built,
                                 "-lKF5IMAP", "-lKPimSMTP", "-lKF5CoreAddons", "-lQt5Network",
                                 "-lQt5Core"], timeout=60)
            assert done.rc == 0, done
            self.built = built
        return self.built

    def server(self, program, mechanism):
        """The server where a program logs in by a mechanism."""
        if program.service == "ldap":
            return self.directory
        return self.only_xoauth2 if program.by_server and mechanism == "XOAUTH2" else self.dovecot

    def log_in(self, program, user, mechanism, server=None, authzid=""):
        """Let a program log in; returns its Result and what the server has logged."""
        server = server or self.server(program, mechanism)
        before = len(server.log())
        port = server.port if isinstance(server, Scripted) else getattr(
            server, program.service + "s")
        done = program.run(self, port, user, mechanism, authzid)
        if done.rc == "no end":
            return done, server.log()[before:]
        return done, server.wait_log(r"-login: .*session=<|^closed", before)


def assert_good(world, program, user, mechanism, mailbox=None, **how):
    """The program says that all is well, and the server that it was there."""
    if program.service == "pop":
        (how.get("server") or world.server(program, mechanism)).deliver(mailbox or user)
    done, log = world.log_in(program, user, mechanism, **how)
    assert done.rc == 0, (program.title, mechanism, done, log)
    assert re.search(f"(^|: )user=<{mailbox or user}>, method={mechanism}", log, re.M), (done, log)


def assert_fails(world, program, user, mechanism, *words, sent, **how):
    """The program ends with an error that has these words; was something `sent`?"""
    done, log = world.log_in(program, user, mechanism, **how)
    assert done.rc not in (0, "no end"), (program.title, mechanism, done, log)
    for word in words:
        assert word in done.stdout + done.stderr, (word, program.title, mechanism, done, log)
    assert sent == (user in log), (program.title, done, log)


def each(function):
    """Register a promise for every row; a function of the world and the row."""
    for program in PROGRAMS:
        def check(world, program=program):
            function(world, program)
        check.__doc__ = f"{program.title} {function.__doc__}"
        tap.promise(check)


@tap.promise
def accounts(world):
    "all accounts are made, and some tokens expire"
    for user in (ALICE, BOB):
        world.account(user)
    world.account("shared@example.com", sasl_user=SHARED)
    world.account(GONE, expires_in=1)
    world.oauth.revoke(GONE)
    for program in PROGRAMS:
        expired = world.account(program.user("expired"), expires_in=1)
        world.oauth.expire(expired["access_token"])
        for mechanism in program.mechanisms:    # the helper does not know
            refused = world.account(program.user("refused", mechanism))
            world.oauth.expire(refused["access_token"])
    world.oauth.token_size = LARGE
    world.account("large@example.com")
    world.oauth.token_size = 250
    end = time.monotonic() + 1.1
    wait_for(lambda: time.monotonic() > end)


@each
def good(world, program):
    "logs in by each mechanism"
    for mechanism in program.mechanisms:
        assert_good(world, program, ALICE, mechanism)


@each
def several(world, program):
    "logs in to each of two accounts"
    for user in (BOB, ALICE, BOB):
        assert_good(world, program, user, program.mechanisms[-1])


@each
def shared(world, program):
    "logs in to the mailbox that the account names as sasl_user"
    server = world.shared_directory if program.service == "ldap" else world.shared
    for mechanism in program.mechanisms[:1 if program.by_server else 2]:
        assert_good(world, program, "shared@example.com", mechanism, SHARED, server=server)


@each
def authzid(world, program):
    "logs in to the mailbox that it names itself"
    if not program.authzid:
        tap.skip("it has no way to name one")
    server = world.shared_directory if program.service == "ldap" else world.shared
    for mechanism in program.mechanisms:
        assert_good(world, program, ALICE, mechanism, SHARED, server=server, authzid=SHARED)


@each
def expired(world, program):
    "logs in after the token has expired, for one request to the provider"
    user = program.user("expired")
    for mechanism in program.mechanisms:
        assert_good(world, program, user, mechanism)
    assert world.refreshes(user) == 1


@each
def revoked(world, program):
    "sends nothing and ends when the grant is revoked, and shows why if it shows anything"
    reason = f'run "sasl-bearer login {GONE}"'
    for mechanism in program.mechanisms:
        assert_fails(world, program, GONE, mechanism, *[reason] * program.tells, sent=False)


@each
def challenged(world, program):
    "ends when the server does not like the token and says why"
    words = program.refused[0].format(
        {"smtp": "5.7.8", "ldap": "the token is no good"}.get(program.service, "Authentication fail"))
    for mechanism in program.mechanisms:
        user = program.user("refused", mechanism)
        assert_fails(world, program, user, mechanism, words, sent=True)
        heard = f'account "{user}": localhost does not accept token' in world.helper.log()
        assert heard == program.steps, (program.title, heard)
        if program.steps:
            wait_for(lambda name=user: world.refreshes(name) == 1, what="the refresh")
        else:                   # what the program does not pass on the helper cannot know
            assert world.helper.cli("refresh", user).rc == 0
        assert_good(world, program, user, mechanism)


@each
def refused(world, program):
    "ends when the server refuses without saying why, as Exchange does"
    server = world.refusing[program.service]
    words = program.refused[1].format(server.verdict.partition(" ")[2])
    for mechanism in program.mechanisms:
        server.mechanisms = mechanism
        assert_fails(world, program, ALICE, mechanism, words, sent=True, server=server)


@each
def large(world, program):
    "sends a token of 1.5 KB, or does not, and then it is known what comes of it"
    mechanism = program.mechanisms[-1]
    if not program.large:
        assert_good(world, program, "large@example.com", mechanism)
    else:
        world.patience = 3 if program.large == "no end" else 30
        done, log = world.log_in(program, "large@example.com", mechanism)
        world.patience = 30
        assert program.large in f"{done.rc} {done.stdout} {done.stderr}", (done, log)
        assert "user=<large@" not in log, log


@each
def helper_down(world, program):
    "sends nothing and ends while the helper is down"
    if world.helper.process.alive():
        world.helper.kill()
    for mechanism in program.mechanisms:
        reason = "the token helper"
        assert_fails(world, program, ALICE, mechanism, *[reason] * program.tells, sent=False)


@tap.promise
def no_secrets(world):
    "no token and no secret is in the helper's log, though it is at debug"
    world.assert_no_secret(world.helper.log())


tap.main(Mail, root=True, programs=["dovecot", "openssl"], timeout=240)
