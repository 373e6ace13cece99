#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""loaders - programs that load the plugin, one row each: what comes of every kind of login

Postfix, mbsync and Cyrus's own programs have scripts of their own.  Nothing here has a
terminal or a standard input, and no password is in any configuration, except where a row
says that the program itself insists on one: what asks for a password fails.
"""

import ctypes.util
import importlib.util
import os
import re
import shlex
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "lib"))

import tap
from certs import Certificates
from env import SRCDIR, Result, can_connect, sasl_path, wait_for
from mail import Dovecot
from scripted import Imap, Ldap, Pop, Scripted, Smtp, Svn
from sendmail import SMARTHOST, Sendmail
from setup import install, setup
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
    starttls    it begins TLS by STARTTLS
    large       what it shows of a token of LARGE bytes with Dovecot; None where it sends it
    cuts        it sends less than that even where the server would take it
    """

    def __init__(self, title, service, run, mechanisms=MECHANISMS, by_server=False, tells=True,
                 refused=("{}", "{}"), steps=True, authzid=False, starttls=False, large=None,
                 cuts=False):
        self.title, self.service, self.run, self.mechanisms = title, service, run, mechanisms
        self.by_server, self.tells, self.refused, self.steps = by_server, tells, refused, steps
        self.authzid, self.starttls, self.large, self.cuts = authzid, starttls, large, cuts
        self.slug = re.sub(r"\W+", "-", title.lower())

    def user(self, what, mechanism=""):
        """The name of an account for one use."""
        return f"{what}-{self.slug}{mechanism.lower()}@example.com"


# ---- how each is run: as "sasl-bearer setup" says, where it knows the program

def printed(world, program, service, port, user, mechanism, host="localhost"):
    """What setup prints for a program and a server, once: {heading: text}."""
    words = [*(["--service", service] if service else []), "--server", f"{host}:{port}",
             "--ca-file", world.env.tls().ca, "--mechanism", mechanism]
    key = program, user, *words
    if key not in world.printed:
        world.printed[key] = setup(world.helper, program, user, *words)
    return dict(world.printed[key])


def nmh(command, service):
    def run(world, port, user, mechanism, _authzid):
        tap.need(os.path.exists(NMH), NMH)
        found = printed(world, "nmh", service, port, user, mechanism)
        home = world.env.name("nmh")
        draft = world.env.write(f"{home}/Mail/draft",
                                f"From: {ALICE}\nTo: bob@example.net\nSubject: nmh\n\nnmh\n")
        install(world.env.path(home), found)
        with open(world.env.path(home, ".mh_profile"), "a", encoding="utf-8") as f:
            f.write("Path: Mail\n")
        words = [f"{NMH}/{command}", *[draft] * (command == "send")]
        return world.shell(found["run"] + shlex.join(words), HOME=world.env.path(home))
    return run


def etpan(service):
    def run(world, *login):
        tap.need(ctypes.util.find_library("etpan"), "libetpan")
        return world.start(["/usr/bin/python3", f"{LOGINS}/etpan.py", service, *login])
    return run


def perl(service, module):
    def run(world, *login):
        modules = f"-MAuthen::SASL::Cyrus -MIO::Socket::SSL -M{module}"
        if modules not in world.present:
            world.present[modules] = world.env.run(["perl", *modules.split(), "-e", "1"]).rc == 0
        tap.need(world.present[modules], f"perl {modules}")
        return world.start(["perl", f"{LOGINS}/perl.pl", service, *login, world.env.tls().ca])
    return run


def kde(service):
    def run(world, port, user, _mechanism, _authzid):
        for _ in range(3):      # KIMAP can miss that its connection stands, and try for ever
            done = world.start([world.kde(), service, port, user, world.env.tls().ca],
                               XDG_RUNTIME_DIR=world.env.mkdir("xdg", 0o700))
            if "Connection to server lost" not in done.stdout:
                break
        return done
    return run


def ldapsearch(world, port, user, mechanism, _authzid):
    tap.require("ldapsearch")
    found = printed(world, "ldapsearch", None, port, user, mechanism, "127.0.0.1")
    return world.shell(found["run"])


def python_ldap(world, *login):
    tap.need(importlib.util.find_spec("ldap"), "python-ldap")
    return world.start(["/usr/bin/python3", f"{LOGINS}/python-ldap.py", "ldap", *login,
                        world.env.tls().ca])


def sendmail(world, port, user, mechanism, authzid):
    relay = world.sendmail()
    found = printed(world, "sendmail", None, port, user, mechanism, SMARTHOST)
    if authzid:
        found["/etc/mail/authinfo"] = found["/etc/mail/authinfo"].replace(
            f"U:{user}", f"U:{authzid}")
    relay.forget()
    relay.configure(found)
    done = relay.send(ALICE)
    # it ends well, whatever becomes of the message
    return done._replace(rc=done.rc or (75 if relay.queue() else 0))


PROGRAMS = [
    # after the challenge it hangs up and shows it as it came
    Program("nmh's inc", "pop", nmh("inc", "pop"), by_server=True, steps=False,
            refused=("eyJ", "{}")),
    # sends everything on the command line, whatever RFC 4954 says about its length
    Program("nmh's send", "smtp", nmh("send", "smtp"), by_server=True, steps=False,
            refused=("eyJ", "{}"), starttls=True, large="Line too long"),
    # after a refusal it goes on without a login, and the server refuses that, too
    Program("sendmail", "smtp", sendmail, tells=False, starttls=True, authzid=True,
            large="Line too long", cuts=True),
    Program("libetpan's IMAP", "imap", etpan("imap"), tells=False, authzid=True),
    # cuts what it sends at 512 bytes, and waits for an answer
    Program("libetpan's POP3", "pop", etpan("pop"), tells=False, authzid=True, large="no end"),
    Program("libetpan's SMTP", "smtp", etpan("smtp"), tells=False, authzid=True, large="no end"),
    # offers its users no other mechanism
    Program("KMail's KIMAP", "imap", kde("imap"), mechanisms=("XOAUTH2",)),
    Program("KMail's KSMTP", "smtp", kde("smtp"), mechanisms=("XOAUTH2",), large="Line too long"),
    # these hand nothing to the plugin that comes after the token; without one Net::SMTP tries
    # what else the server has, and loses the reason, and Net::POP3 begins a login all the same
    Program("Perl's Net::POP3", "pop", perl("pop", "Net::POP3"), steps=False, authzid=True),
    Program("Perl's Net::SMTP", "smtp", perl("smtp", "Net::SMTP"), tells=False, steps=False,
            authzid=True, large="Line too long"),
    Program("Perl's Net::LDAP", "ldap", perl("ldap", "Net::LDAP"), steps=False, authzid=True),
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
        self.refusing["starttls"] = Scripted(env, Smtp, verdict=REFUSALS["smtp"][1],
                                             tls="starttls")
        self.relay = self.built = None
        self.printed, self.present, self.bad_tokens = {}, {}, {}
        self.patience = 30

    def start(self, words, **environment):
        """Run a program with the plugin; its Result, with rc "no end" where that is so."""
        environment = {"SASL_PATH": sasl_path(), "SASL_BEARER_SOCKET": self.helper.socket,
                       "SSL_CERT_FILE": self.env.tls().ca, **environment}
        try:
            return self.env.run(words, env=environment, timeout=self.patience)
        except AssertionError as e:
            return Result("no end", str(e), "")

    def shell(self, text, **environment):
        """The same for a script that sets the environment itself, but for SASL_PATH."""
        return self.start(["sh", "-ec", text], SASL_BEARER_SOCKET=None, SSL_CERT_FILE=None,
                          **environment)

    def sendmail(self):
        """The installation of sendmail, made when it is first wanted."""
        self.relay = self.relay or Sendmail(self.env, self.helper)
        return self.relay

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
            server, program.service + "s" * (not program.starttls))
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
    asked = re.search(rf"oauth2\({user},|user=<{user}>", log)   # of Dovecot, or of Scripted
    assert sent == bool(asked), (program.title, done, log)


def each(function, rows=PROGRAMS):
    """Register a promise for every row; a function of the world and the row."""
    for program in rows:
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
            user = program.user("refused", mechanism)
            world.bad_tokens[user] = world.account(user)["access_token"]
            world.oauth.expire(world.bad_tokens[user])
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
    for user in (BOB, ALICE):
        assert_good(world, program, user, program.mechanisms[-1])


@each
def shared(world, program):
    "logs in to the mailbox that the account names as sasl_user"
    server = world.shared_directory if program.service == "ldap" else world.shared
    for mechanism in program.mechanisms[:1 if program.by_server else 2]:
        assert_good(world, program, "shared@example.com", mechanism, SHARED, server=server)


def authzid(world, program):
    "logs in to the mailbox that it names itself"
    server = world.shared_directory if program.service == "ldap" else world.shared
    for mechanism in program.mechanisms:
        assert_good(world, program, ALICE, mechanism, SHARED, server=server, authzid=SHARED)


each(authzid, [program for program in PROGRAMS if program.authzid])


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
    words = program.refused[0].format({"smtp": "5.7.8", "ldap": "the token is no good"}.get(
        program.service, "Authentication fail"))
    for mechanism in program.mechanisms:
        user = program.user("refused", mechanism)
        assert_fails(world, program, user, mechanism, words, sent=True)
        heard = re.search(f'account "{user}": \\S+ does not accept token', world.helper.log())
        assert bool(heard) == program.steps, (program.title, heard)
        if program.steps:
            wait_for(lambda name=user: world.helper.token(
                name)["token"] != world.bad_tokens[name], what="another token")
            assert world.refreshes(user) == 1
        else:                   # what the program does not pass on the helper cannot know
            assert world.helper.cli("refresh", user).rc == 0
        assert_good(world, program, user, mechanism)


@each
def refused(world, program):
    "ends when the server refuses without saying why, as Exchange does"
    server = world.refusing["starttls" if program.starttls else program.service]
    words = program.refused[1].format(server.verdict.partition(" ")[2])
    for mechanism in program.mechanisms:
        server.mechanisms = mechanism
        assert_fails(world, program, ALICE, mechanism, words, sent=True, server=server)


@each
def large(world, program):
    "sends a token of 1.5 KB, or does not, and then it is known what comes of it"
    mechanism, user = program.mechanisms[-1], "large@example.com"
    if not program.large:
        return assert_good(world, program, user, mechanism)
    world.patience = 2 if program.large == "no end" else 30
    done, log = world.log_in(program, user, mechanism)
    world.patience = 30
    assert program.large in f"{done.rc} {done.stdout} {done.stderr}", (done, log)
    assert f"user=<{user}>" not in log, log
    if program.large == "no end":
        return None
    # RFC 4954 section 4 gives Dovecot the right to that; others take lines of any length
    server = Scripted(world.env, Smtp, world.oauth, verdict="535 5.7.8 no", mechanisms=mechanism,
                      tls="starttls" if program.starttls else "at once")
    if program.cuts:
        return assert_fails(world, program, "large@example.com", mechanism, "530", sent=False,
                            server=server)
    return assert_good(world, program, user, mechanism, server=server)


@each
def helper_down(world, program):
    "sends nothing and ends while the helper is down, and says so if it shows anything"
    reason = ["cannot reach the token helper"] * program.tells
    for mechanism in program.mechanisms:
        assert_good(world, program, ALICE, mechanism)
    world.helper.kill()
    for mechanism in program.mechanisms:
        assert_fails(world, program, ALICE, mechanism, *reason, sent=False)
    world.helper.start()


def svn(world, user, port, *options):
    """Look at a repository as a user."""
    tap.require("svn")
    return world.start(["svn", "info", "--non-interactive", "--no-auth-cache", "--username", user,
                        *options, f"svn://localhost:{port}/"])


@tap.promise
def svn_refused(world):
    "Subversion loads the plugin, and gets nothing of an account for mail"
    world.account("mail@example.com", services="imap pop smtp")
    server = Scripted(world.env, Svn, world.oauth, tls=None)
    done = svn(world, "mail@example.com", server.port, "--password", "unused")
    # it keeps the reason to itself
    assert done.rc == 1 and "Cannot negotiate authentication mechanism" in done.stderr, done
    world.helper.wait_log('service "svn" is not in services of account "mail@example.com"')
    assert "user=" not in server.log(), server.log()


@tap.promise
def svn_logs_in(world):
    "Subversion logs in where an account is for every service, though it insists on a password"
    server = Scripted(world.env, Svn, world.oauth, tls=None, verdict="no such user")
    done = svn(world, ALICE, server.port)
    assert done.rc == 1 and "Can't get username or password" in done.stderr, done
    for mechanism in MECHANISMS:
        server.mechanisms = mechanism
        done = svn(world, ALICE, server.port, "--password", "unused")
        server.wait_login(ALICE, mechanism)
        assert done.rc == 1 and "there is no repository here" in done.stderr, done


@tap.promise
def svn_refuses(world):
    "Subversion shows what the server says about a token that it does not like"
    server = Scripted(world.env, Svn, tls=None, verdict="no such user")
    done = svn(world, ALICE, server.port, "--password", "unused")
    assert done.rc == 1 and "Authentication error from server: no such user" in done.stderr, done
    # it expects no challenge from a mechanism that is done
    server = Scripted(world.env, Svn, tls=None, challenge=CHALLENGE)
    done = svn(world, ALICE, server.port, "--password", "unused")
    assert done.rc == 1 and "Unexpected server response to authentication" in done.stderr, done


@tap.promise
def ldap_plain(world):
    "over a plain connection ldapsearch finds no mechanism, and sends nothing"
    server = Scripted(world.env, Ldap, world.oauth, tls=None)
    for mechanism in MECHANISMS:
        done = world.start(["ldapsearch", "-N", "-H", f"ldap://127.0.0.1:{server.port}",
                            "-Y", mechanism, "-U", ALICE, "-s", "base"])
        assert done.rc != 0 and "No worthy mechs found" in done.stderr, done
        assert "user=" not in server.log(), server.log()


@tap.promise
def sendmail_tls(world):
    "sendmail sends nothing to a server whose certificate nobody vouches for"
    program, = (program for program in PROGRAMS if program.title == "sendmail")
    other = Certificates(world.env.mkdir("other"))
    server = Dovecot(world.env, world.oauth, sink=world.sink, tls=(other.cert, other.key)).start()
    for mechanism in MECHANISMS:
        assert_fails(world, program, ALICE, mechanism, "verify=FAIL", sent=False, server=server)


@tap.promise
def sendmail_name(world):
    "sendmail does not see that a certificate is for another server: setup cannot change that"
    program, = (program for program in PROGRAMS if program.title == "sendmail")
    pair = world.env.tls().wrong_host()
    server = Dovecot(world.env, world.oauth, sink=world.sink, tls=pair).start()
    assert_good(world, program, ALICE, "XOAUTH2", server=server)


@tap.promise
def slapd(world):
    "OpenLDAP's server has neither mechanism, and ldapsearch says so and ends"
    tap.require("slapd", "ldapsearch")
    where = world.env.mkdir("slapd")
    config = world.env.write("slapd.conf", f"pidfile {where}/pid\nargsfile {where}/args\n")
    port = world.env.port()
    daemon = world.env.start("slapd", ["slapd", "-d", "0", "-f", config,
                                       "-h", f"ldap://127.0.0.1:{port}"])
    wait_for(lambda: can_connect(port))
    for mechanism in MECHANISMS:
        done = world.start(["ldapsearch", "-N", "-H", f"ldap://127.0.0.1:{port}", "-O", "none",
                            "-Y", mechanism, "-U", ALICE, "-b", "", "-s", "base"])
        assert done.rc == 7 and "Authentication method not supported" in done.stderr, done
    daemon.stop()


@tap.promise
def no_secrets(world):
    "no token and no secret is in the helper's log, though it is at debug"
    world.assert_no_secret(world.helper.log())


tap.main(Mail, root=True, programs=["dovecot", "openssl"], timeout=240)
