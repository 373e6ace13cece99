#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""setup - what `sasl-bearer setup` prints, and that programs understand it

The scripts of the programs themselves (mbsync.py, postfix.py, commands.py ...) log in with it.
"""

import os
import re
import shlex
import socket
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "lib"))

import tap
from env import SRCDIR, built, sasl_path
from helper import Helper
from oauthd import OAuthServer
from programs import Program
from scripted import Imap, Scripted, Smtp
from setup import files, install, setup as printed
from world import assert_hidden

ALICE = "alice@example.com"
ODD = "o'd d$`\"\\%#{}@x"          # what a user name may have, for all we know
RELAY, SHARED = "relay@contoso.com", "info@contoso.com"
MAIL = 8                            # the uid that Debian's user mail has
# {program: [options]}: all the ways there are
WAYS = {
    "curl": [(), ("--service", "pop"), ("--service", "smtp")],
    "exchange": [()], "exim": [()],
    "fetchmail": [(), ("--service", "pop"), ("--with", "token")],
    "generic": [(), ("--service", "smtp")], "getmail": [()], "git": [()], "git-imap-send": [()],
    "imtest": [(), ("--service", "pop"), ("--service", "smtp")],
    "kmail": [()], "ldapsearch": [("--server", "ldap.example.com")],
    "mbsync": [(), ("--with", "tunnel")], "msmtp": [()],
    **{name: [(*way, *service) for way in ((), ("--with", "plugin"), ("--with", "tunnel"))
              for service in ((), ("--service", "pop"))] for name in ("mutt", "neomutt")},
    "nmh": [()], "offlineimap": [(), ("--with", "tunnel")], "opensmtpd": [()],
    "postfix": [(), ("--sender-dependent",)], "sendmail": [()], "swaks": [()],
}
# of a Postfix, as Debian and as Fedora install it
MASTER = """\
# service type  private unpriv  chroot  wakeup  maxproc command + args
smtp      inet  n       -       {0}       -       -       smtpd
pickup    unix  n       -       {0}       60      1       pickup
smtp      unix  -       -       {0}       -       -       smtp
relay     unix  -       -       {0}       -       -
  smtp
        -o syslog_name=postfix/$service_name
"""


def setup(env):
    """A helper with an account that has all servers, an odd one, and two of Exchange."""
    server = OAuthServer(tls=env.tls(), log=env.log_file("oauthd")).start()
    helper = Helper(env, server, accounts={
        "alice": {"user": ALICE, "allow": "mail", "hosts": "*.example.com localhost 127.0.0.1 ::1",
                  "imap_server": "imap.example.com", "pop_server": "pop.example.com",
                  "smtp_server": "smtp.example.com"},
        "odd": {"user": ODD},
        "one": {"user": "one@example.com", "hosts": "mail.example.com", "services": "imap",
                "sasl_user": "shared@example.com"},
        "two": {"user": "two@example.com", "hosts": "a.example.com b.example.com"},
    }, settings={"providers_dir": [env.mkdir("providers"), env.shipped_providers()]})
    provider = f"title = T\nscope = mail\nhosts = localhost\ntoken_endpoint = {server.endpoint('token')}\n"
    env.write("providers/test.conf", provider)
    secret = helper.secret_file("app.secret", "the-application-s-secret")
    exchange = {"provider": "microsoft", "tenant": "contoso.com", "client_id": "0123-4567"}
    helper.accounts |= {
        RELAY: {**exchange, "grant": "client_credentials", "client_secret_file": secret,
                "services": "smtp", "allow": "postfix"},
        "shared": {**exchange, "user": "bob@contoso.com", "sasl_user": SHARED},
        "domain": {**exchange, "user": "*@contoso.com", "grant": "client_credentials",
                   "client_secret_file": secret, "services": "imap", "allow": "mail",
                   "hosts": "outlook.office365.com"},
    }
    helper.start()
    for account, user in (("alice", ALICE), ("odd", ODD)):
        assert helper.store(account, server.issue(user))["status"] == "ok"
    return World(env, server, helper)


class World:
    """What every promise uses."""

    def __init__(self, env, server, helper):
        self.env, self.server, self.helper = env, server, helper

    def text(self, program, user="alice", *options, **how):
        """All that setup prints."""
        return "".join(f"# ---- {heading} ----\n{body}"
                       for heading, body in self.files(program, user, *options, **how).items())

    def files(self, program, user="alice", *options, **how):
        return printed(self.helper, program, user, *options, **how)

    def fails(self, code, *words, **how):
        """The one line that setup says when it fails."""
        done = self.helper.cli("setup", *words, **how)
        assert done.rc == code and not done.stdout, done
        assert re.fullmatch(r"sasl-bearer: [^\n]+\n", done.stderr), done
        return done.stderr

    def all_texts(self):
        """[(program, options, text)] of every program in every way."""
        found = []
        for program, ways in WAYS.items():
            for options in ways:
                user = RELAY if program == "exchange" else "alice"
                found.append((program, options, self.text(program, user, *options)))
        return found

    def home(self, *text, **how):
        """A home directory with the files that setup prints; returns it and {heading: path}."""
        home = self.env.mkdir(self.env.name("home"))
        return home, install(home, self.files(*text, **how))

    def run(self, home, *words, **how):
        return self.env.run(words, env={"HOME": home, "TERM": "xterm",
                                        "XDG_CONFIG_HOME": home + "/.config",
                                        "SASL_PATH": sasl_path(),
                                        "SASL_BEARER_SOCKET": self.helper.socket}, **how)

    def server_for(self, session, **how):
        """A server that a user with a token can log in to, and the options that name it."""
        scripted = Scripted(self.env, session, self.server, **how)
        return scripted, ("--server", f"localhost:{scripted.port}", "--ca-file", self.env.tls().ca)


# ---- what is printed

@tap.promise
def names_programs(world):
    "setup alone lists the programs, each in a line, and doc/PROGRAMS.md has a row for each"
    done = world.helper.cli("setup")
    names = re.findall(r"^  (\S+) +\S", done.stdout, re.M)
    assert done.rc == 0 and set(names) == set(WAYS), set(names) ^ set(WAYS)
    assert all(len(line) <= 80 for line in done.stdout.splitlines()), done.stdout
    with open(os.path.join(SRCDIR, "doc/PROGRAMS.md"), encoding="utf-8") as f:
        rows = re.findall(r"`sasl-bearer setup (?:--sender-dependent |--\w+ \S+ )*(\S+) USER`",
                          "".join(line for line in f if line.startswith("|")))
    assert set(rows) == set(WAYS), set(rows) ^ set(WAYS)


@tap.promise
def whole(world):
    "each text is files, of lines that stand for themselves and of comments that fit a screen"
    for program, options, text in world.all_texts():
        assert text.startswith("# ---- "), (program, text)
        for line in text.splitlines():
            assert len(line) < 80 or not re.match(r"#:? \S+ \S", line), (program, options, line)
            assert "%s" not in line.replace('"%s"', ""), (program, options, line)
        assert not re.search(r"\b(PASSWORD|HOST|USER|TOKEN|CLIENT_ID)\b", re.sub(
            "smtp_tls_\\w+|for user \\S+", "", text)), (program, options, text)


@tap.promise
def no_secret(world):
    "no text has a token, a secret or a password that is more than a word to fill a line"
    texts = world.all_texts()
    secrets = {f"token {n}": token for n, token in enumerate(world.server.access)}
    assert_hidden({**secrets, "secret": "the-application-s-secret"}, *[
        text * 10 for _, _, text in texts])
    for program, options, text in texts:
        plain = re.sub("(?m)^#.*", "", text)
        plain = re.sub(r"password_command|passwordeval|password_maps|sasl_passwd|--passwordfd", "",
                       plain)
        for word in re.findall(r'(?:"P:|(?i:pass(?:word)?)\W+)(\w+)', plain):
            assert word == "unused", (program, options, word)


@tap.promise
def names_the_account(world):
    "each text has the account's user, and the server with its port where the program needs it"
    for program, options, text in world.all_texts():
        if program == "exchange":
            continue
        user = ALICE.replace("@", "%40") if "smtp_url" in text else ALICE
        assert ALICE in text or user in text or re.search(
            "tunnel alice|--service smtp alice|setup postfix alice", text), (program, text)
        if program not in ("opensmtpd", "ldapsearch"):
            assert re.search(r"\b(imap|pop|smtp)\.example\.com\b", text), (program, text)
            assert re.search(r"\b(993|995|587)\b", text), (program, text)


@tap.promise
def runs_in_a_shell(world):
    "what is to be run is a shell's syntax, and each file of a word has a name of its own"
    count = 0
    for program, options, text in world.all_texts():
        for heading, body in files(text).items():
            if heading == "run":
                done = world.env.run(["sh", "-n"], input=body)
                assert done.rc == 0 and not done.stderr, (program, options, done)
                count += 1
            else:
                assert re.fullmatch(r"(~|/etc)(/[\w.-]+)+|https://\S+|\w[\w :,]+", heading), heading
    assert count > 15, count


# ---- mistakes

@tap.promise
def unknown_program(world):
    "an unknown program is an error that names the one that was probably meant"
    assert 'unknown program "mbsinc": did you mean "mbsync"?' in world.fails(64, "mbsinc", "alice")
    assert '"sasl-bearer setup" lists them' in world.fails(64, "thunderbird", "alice")


@tap.promise
def wrong_words(world):
    "wrong words are one line: no user, an unknown account, way, service, mechanism or file"
    for code, words, said in (
            (64, ("mbsync",), "USER is missing"), (64, ("mbsync", "a", "b"), "too many arguments"),
            (77, ("mbsync", "nobody"), 'no account "nobody" for you'),
            (64, ("--with", "token", "mbsync", "alice"), "it has: plugin, tunnel"),
            (64, ("--with", "plugin", "exchange", "alice"), "it has: no choice"),
            (64, ("--service", "ldap", "mutt", "alice"), "it is imap, pop or smtp"),
            (64, ("--service", "smtp", "mbsync", "alice"), "mbsync does not use smtp"),
            (64, ("--mechanism", "plain", "mbsync", "alice"), "it is xoauth2 or oauthbearer"),
            (64, ("--mechanism", "xoauth2", "curl", "alice"), "curl, or the server, decides"),
            (64, ("--mechanism", "xoauth2", "--with", "tunnel", "mbsync", "alice"), "the tunnel"),
            (64, ("--server", "localhost", "mutt", "alice"), "say with --service"),
            (64, ("--server", "a:b", "mbsync", "alice"), "is not HOST or HOST:PORT"),
            (64, ("--server", "::1", "mbsync", "alice"), "stands in brackets"),
            (64, ("--ca-file", "ca.pem", "mbsync", "alice"), "is not an absolute path"),
            (64, ("ldapsearch", "alice"), "needs --server"),
            (77, ("--server", "localhost", "ldapsearch", "one"), "is for mail alone"),
            (64, ("--server", "localhost:143", "getmail", "alice"), "getmail has no STARTTLS"),
            (64, ("--server", "localhost:465", "sendmail", "alice"), "STARTTLS only"),
            (64, ("exchange", "alice"), "not of Exchange Online")):
        assert said in world.fails(code, *words), (words, said)


@tap.promise
def which_server(world):
    "a server is the account's, else its only host, else an error; none outside of its hosts"
    assert "Host mail.example.com\nPort 993\n" in world.text("mbsync", "one")
    assert "Host localhost\nPort 1993\n" in world.text("mbsync", "alice", "--server", "localhost:1993")
    assert "[::1]:587" in world.text("postfix", "alice", "--server", "[::1]")
    said = world.fails(64, "mbsync", "two")
    assert "no imap server is known" in said and "--server HOST[:PORT]" in said, said
    assert 'is not in hosts of account "two"' in world.fails(77, "--server", "c.x", "mbsync", "two")
    assert 'is not for smtp: its services are imap' in world.fails(77, "msmtp", "one")


@tap.promise
def tls_by_port(world):
    "TLS comes first on 993, 995 and 465; 143, 110 and 587 begin it by STARTTLS"
    for program, options, port, word in (
            ("mbsync", (), 993, "SSLType IMAPS"), ("mbsync", (), 143, "SSLType STARTTLS"),
            ("msmtp", (), 465, "tls_starttls off"), ("msmtp", (), 587, "tls_starttls on"),
            ("postfix", (), 465, "smtp_tls_wrappermode = yes"),
            ("mutt", ("--service", "pop"), 995, "pops://"),
            ("mutt", ("--service", "pop"), 110, "pop://"),
            ("mutt", ("--service", "smtp"), 465, "smtps://"),
            ("neomutt", ("--service", "imap"), 143, "imap://"),
            ("nmh", ("--service", "pop"), 995, "-initialtls"),
            ("nmh", ("--service", "smtp"), 587, " -tls"),
            ("curl", ("--service", "smtp"), 587, "--ssl-reqd"),
            ("curl", ("--service", "smtp"), 465, "smtps://"),
            ("imtest", ("--service", "imap"), 993, " -s "),
            ("imtest", ("--service", "imap"), 143, " -t '' "),
            ("offlineimap", (), 993, "ssl = yes"), ("offlineimap", (), 143, "starttls = yes"),
            ("exim", (), 465, "protocol = smtps"),
            ("ldapsearch", (), 389, " -ZZ "), ("ldapsearch", (), 636, "ldaps://"),
            ("fetchmail", ("--with", "token"), 993, "\tssl\n"),
            ("generic", (), 143, "STARTTLS")):
        text = world.text(program, "alice", "--server", f"localhost:{port}", *options)
        assert word in text, (program, port, word, text)
        if program in ("postfix", "exim"):
            assert word not in world.text(program, "alice"), program


@tap.promise
def ca_file(world):
    "--ca-file is in every text that verifies a server, and no such line is without it"
    for program, ways in WAYS.items():
        if program in ("exchange", "imtest", "opensmtpd", "kmail"):
            continue                # it verifies nothing, or the system's CAs alone
        for options in ways:
            text = world.text(program, "alice", "--ca-file", "/a/ca.pem", *options)
            assert "/a/ca.pem" in text, (program, options, text)
            assert "/a/ca.pem" not in world.text(program, "alice", *options), program


@tap.promise
def mechanism(world):
    "--mechanism is the one that is configured"
    for program in ("mbsync", "mutt", "neomutt", "msmtp", "imtest", "postfix", "exim", "sendmail"):
        for name, other in (("xoauth2", "oauthbearer"), ("oauthbearer", "xoauth2")):
            text = re.sub("(?m)^#.*|.*/sasl-bearer .*", "",
                          world.text(program, "alice", "--mechanism", name)).lower()
            assert name in text and other not in text, (program, name, text)


@tap.promise
def sasl_user(world):
    "a program that sends the token itself is told the account's sasl_user, others its user"
    assert 'User "one@example.com"' in world.text("mbsync", "one")
    assert 'imap_user="one@example.com"' in world.text("mutt", "one", "--with", "plugin")
    assert 'imap_user="shared@example.com"' in world.text("mutt", "one")
    assert "username = shared@example.com\n" in world.text("getmail", "one")
    assert "-u shared@example.com:" in world.text("curl", "one")


@tap.promise
def one_of_many(world):
    "a mailbox of an account for a domain is named itself, not the account"
    text = world.text("getmail", "anna@contoso.com")
    assert "username = anna@contoso.com\n" in text, text
    assert text.count('"anna@contoso.com"') == 1, text


@tap.promise
def carries_options(world):
    "commands have the options that this one had, with whole paths"
    def command(*options, cwd=None, env=None):
        done = world.env.run([built("sasl-bearer"), *options, "setup", "msmtp", "alice"],
                             cwd=cwd, env=env)
        assert done.rc == 0, done
        line = re.search('passwordeval "(.*)"', done.stdout)[1]
        assert shlex.split(line)[-4:] == ["token", "--service", "smtp", "alice"], line
        assert world.env.run(["sh", "-c", line], env=env, cwd="/").rc == 0, line
        return shlex.split(line)[1:-4]
    config, where = world.helper.config, world.helper.socket
    directory, name = os.path.split(config)
    assert command("--config", config) == ["--config", config]
    assert command("--config", name, cwd=directory) == ["--config", config]
    assert command("--socket", where) == ["--socket", where]
    assert command(env={"SASL_BEARER_SOCKET": where}) == ["--socket", where]
    assert command("--user", "--socket", where) == ["--user", "--socket", where]


@tap.promise
def others(world):
    "who may use an account, but not read its file, gets the same text, and --system in it"
    options = ["--system", "--socket", world.helper.socket]
    text = {}
    for uid in (0, MAIL):
        done = world.env.run([built("sasl-bearer"), *options, "setup", "mutt", "alice"], uid=uid)
        assert done.rc == 0, done
        text[uid] = done.stdout
    assert "--system --socket" in text[MAIL] and "--system" not in text[0], text
    assert text[MAIL].replace("--system ", "") == text[0]
    assert 'no account "odd" for you' in world.env.run(
        [built("sasl-bearer"), *options, "setup", "mutt", "odd"], uid=MAIL).stderr


# ---- programs read it

@tap.promise
def mutt_reads(world):
    "mutt and neomutt take every line of it, and read an odd name as it is"
    for program, file, odd in (("mutt", "~/.muttrc", ()), ("neomutt", "~/.neomuttrc", ())):
        tap.require(program)
        for way in ("token", "plugin", "tunnel"):
            for service, name in (("imap", "imap_user"), ("pop", "pop_user"), ("smtp", None)):
                home, paths = world.home(program, "odd", "--with", way, "--service", service,
                                         "--server", "localhost:1993", "--ca-file", "/a b/$c")
                done = world.run(home, program, "-n", "-F", paths[file], "-D")
                assert done.rc == 0 and not done.stderr, (program, way, service, done)
                if name:
                    value = re.search(rf'(?m)^(?:set )?{name} ?= ?(".*")', done.stdout)[1]
                    assert value.replace('\\"', '"')[1:-1].replace("\\\\", "\\") == ODD, value
                else:
                    user = "" if way == "tunnel" else "o%27d%20d%24%60%22%5C%25%23%7B%7D%40x@"
                    url = f"smtp://{user}localhost:1993"
                    assert url in done.stdout, done.stdout


@tap.promise
def fetchmail_reads(world):
    "fetchmail takes it, and reads an odd name as it is"
    tap.require("fetchmail")
    for service, protocol in (("imap", "IMAP"), ("pop", "POP3")):
        home, paths = world.home("fetchmail", "odd", "--service", service, "--server",
                                 "localhost:1993")
        done = world.run(home, "fetchmail", "-f", paths["~/.fetchmailrc"], "--configdump")
        assert done.rc == 0, done
        assert '"protocol":"' + protocol in done.stdout, done.stdout
        name = re.search(r'"remote":"(.*)"', done.stdout)[1]
        assert name.replace("\\\"", '"').replace("\\\\", "\\") == ODD, name
        command = re.search(r'"plugin":"(.*)"', done.stdout)[1]
        assert command.endswith(f" tunnel odd {service} localhost:1993"), command
        assert '"sslproto":""' in done.stdout


@tap.promise
def fetchmail_refuses(world):
    "what fetchmail would cut into pieces is an error"
    said = world.fails(65, "--ca-file", "/a b", "fetchmail", "alice")
    assert 'word "/a b" cannot be written for fetchmail: it has a " "' in said, said


@tap.promise
def git_reads(world):
    "git takes it"
    tap.require("git")
    for program, name, value in (
            ("git", "sendemail.sendmailCmd", "msmtp -a alice -t"),
            ("git-imap-send", "imap.tunnel", "tunnel alice imap imap.example.com:993")):
        home, paths = world.home(program, "alice")
        done = world.run(home, "git", "config", "-f", paths["~/.gitconfig"], name)
        assert done.rc == 0 and done.stdout.strip().endswith(value), done


def assert_logs_in(world, session, program, *options, run=None, mechanism="XOAUTH2", **how):
    """A program reads an odd name, and logs in with it.

    run  the command for the shell, where setup prints none
    """
    scripted, server = world.server_for(session, **how)
    found = world.files(program, "odd", *server, *options)
    home = world.env.mkdir(world.env.name("home"))
    install(home, {**found, "~/message": "Subject: test\n\ntest\n"})
    done = world.run(home, "sh", "-c", run or found["run"])
    try:
        scripted.wait_login(ODD, mechanism)
    except AssertionError as e:
        raise AssertionError(f"{program}: {e}: {done}") from None


@tap.promise
def mbsync_reads(world):
    "mbsync takes it, and logs in with an odd name"
    tap.require("mbsync")
    for mechanism in ("XOAUTH2", "OAUTHBEARER"):
        assert_logs_in(world, Imap, "mbsync", "--mechanism", mechanism, mechanism=mechanism)


@tap.promise
def msmtp_reads(world):
    "msmtp takes it, and logs in with an odd name"
    tap.require("msmtp")
    for mechanism in ("XOAUTH2", "OAUTHBEARER"):
        assert_logs_in(world, Smtp, "msmtp", "--mechanism", mechanism, mechanism=mechanism,
                       tls="starttls", run="echo | msmtp -f a@example.com b@example.com")


@tap.promise
def getmail_reads(world):
    "getmail takes it, and sends an odd name as it is"
    tap.require("getmail")
    assert_logs_in(world, Imap, "getmail")


@tap.promise
def offlineimap_reads(world):
    "OfflineIMAP takes it, and sends an odd name as it is"
    tap.require("offlineimap")
    assert_logs_in(world, Imap, "offlineimap")


@tap.promise
def curl_reads(world):
    "the command for curl sends an odd name as it is"
    tap.require("curl")
    for session, service, how in ((Imap, "imap", {}), (Smtp, "smtp", {"tls": "starttls"})):
        assert_logs_in(world, session, "curl", "--service", service, mechanism="OAUTHBEARER", **how)


@tap.promise
def exim_reads(world):
    "Exim takes each part in its section"
    exim = Program("exim4")
    parts = world.files("exim", "alice", "--ca-file", world.env.tls().ca)
    sections = {path.split("/")[-2]: text for path, text in parts.items()}
    assert set(sections) == {"acl", "router", "transport", "auth"}, parts
    names = {"acl": "acl", "router": "routers", "transport": "transports", "auth": "authenticators"}
    config = world.env.write("exim.conf", "exim_user = nobody\ndomainlist local_domains = x\n" + "".join(
        f"begin {names[section]}\n{sections[section]}" for section in names), 0o600)
    with open("/etc/passwd", encoding="utf-8") as f:      # it must find the user it is built for
        users = world.env.write("passwd", f.read() + "Debian-exim:x:8:8::/:/bin/false\n")
    with open("/etc/group", encoding="utf-8") as f:
        groups = world.env.write("group", f.read() + "Debian-exim:x:8:\n")
    tap.need(world.env.can_mount(), "a mount namespace")
    done = world.env.run(
        ["unshare", "-m", "sh", "-c", 'mount --bind "$0" /etc/passwd && mount --bind "$1" '
         '/etc/group && shift && exec "$@"', users, groups, exim.path("usr/sbin/exim4"), "-C", config, "-bP", "authenticator",
         "sasl_bearer_oauthbearer"], env=exim.environment)
    assert done.rc == 0 and not done.stderr, done
    assert "token --service smtp alice --format oauthbearer" in done.stdout, done


@tap.promise
def sendmail_reads(world):
    "m4 makes sendmail.cf of it, and makemap the map"
    tap.require("m4")
    sendmail = Program("sendmail")
    parts = world.files("sendmail", "alice")
    cf = sendmail.path("usr/share/sendmail/cf")
    source = world.env.write("sendmail.mc", "divert(0)dnl\nOSTYPE(`linux')dnl\n"
                             "FEATURE(`access_db', `hash -T<TMPF> /etc/mail/access')dnl\n"
                             + parts["/etc/mail/sendmail.mc"].replace("LOCAL_CONFIG", "MAILER(`smtp')dnl\nLOCAL_CONFIG"))
    done = world.env.run(["m4", f"-D_CF_DIR_={cf}/", cf + "/m4/cf.m4", source])
    assert done.rc == 0 and not done.stderr, done
    for line in ("DS[smtp.example.com]", "O AuthMechanisms=XOAUTH2", "Kauthinfo hash",
                 "TCP $h 587", f"ESASL_BEARER_SOCKET={world.helper.socket}"):
        assert line in done.stdout, line
    made = world.env.run([sendmail.path("usr/libexec/sendmail/makemap"), "-C",
                          world.env.write("sendmail.cf", done.stdout), "hash",
                          world.env.path("authinfo")], input=parts["/etc/mail/authinfo"],
                         env=sendmail.environment)
    assert made.rc == 0 and os.path.exists(world.env.path("authinfo.db")), made


@tap.promise
def opensmtpd_reads(world):
    "OpenSMTPD takes it"
    opensmtpd = Program("opensmtpd")
    text = world.files("opensmtpd", "alice")["/etc/smtpd.conf"]
    path = world.env.write("smtpd.conf", text, 0o600)
    done = world.env.run([opensmtpd.path("usr/sbin/smtpd"), "-n", "-f", path],
                         env=opensmtpd.environment)
    assert "configuration OK" in done.stdout + done.stderr, done


# ---- Postfix

class Layout:
    """A Postfix's configuration as it is installed, with what setup prints put in.

    chroot    "y", "n" or "-": the column of master.cf
    """

    def __init__(self, world, chroot, level="3.6", name="postfix"):
        self.world = world
        self.dir = world.env.mkdir(world.env.name(name))
        self.queue = world.env.mkdir(os.path.basename(self.dir) + "/queue")
        self.write("master.cf", MASTER.format(chroot))
        self.main = (f"compatibility_level = {level}\nqueue_directory =\n  {self.queue}\n"
                     f"# mail_owner = nobody\nmail_owner = postfix\n")
        self.write("main.cf", self.main)

    def write(self, name, text):
        return self.world.env.write(os.path.join(os.path.basename(self.dir), name), text)

    def printed(self, *options, user="alice"):
        return self.world.files("postfix", user, *options, env={"MAIL_CONFIG": self.dir})

    def install(self, *options, user="alice"):
        """Append to main.cf, write the maps; returns what postconf -n shows."""
        for path, text in self.printed(*options, user=user).items():
            if path.startswith(self.dir):
                name = os.path.basename(path)
                self.write(name, (self.main if name == "main.cf" else "") + text)
        done = self.world.env.run(["postconf", "-c", self.dir, "-n"])
        assert done.rc == 0 and not done.stderr, done
        return dict(line.partition(" = ")[::2] for line in done.stdout.splitlines())

    def look_up(self, name, key):
        done = self.world.env.run(["postmap", "-c", self.dir, "-q", key,
                                   f"texthash:{self.dir}/{name}"])
        return done.stdout.strip()


@tap.promise
def postfix_reads(world):
    "Postfix knows every name of main.cf, and finds the user and no password in its map"
    tap.require("postconf", "postmap")
    layout = Layout(world, "y")
    known = layout.install("--ca-file", "/ca.pem")
    assert known["relayhost"] == "[smtp.example.com]:587", known
    assert known["smtp_tls_security_level"] == "secure", known
    assert known["smtp_tls_CAfile"] == "/ca.pem", known
    assert known["smtp_sasl_auth_enable"] == "yes", known
    assert known["smtp_sasl_tls_security_options"] == "noanonymous", known
    assert "smtp_sasl_security_options" not in known, known
    assert f"SASL_BEARER_SOCKET={world.helper.socket}" in known["import_environment"], known
    assert layout.look_up("sasl_passwd", known["relayhost"]) == ALICE


@tap.promise
def postfix_by_sender(world):
    "by sender: the relay, the user, and who may send so, are found in their maps"
    tap.require("postconf", "postmap")
    layout = Layout(world, "y")
    known = layout.install("--sender-dependent")
    assert "relayhost" not in known and known["smtp_sender_dependent_authentication"] == "yes"
    assert known["smtpd_sender_restrictions"] == "reject_sender_login_mismatch", known
    for name, key, value in (
            ("sender_dependent_relayhost_maps", ALICE, "[smtp.example.com]:587"),
            ("smtp_sasl_password_maps", ALICE, ALICE), ("smtpd_sender_login_maps", ALICE, ALICE),
            ("local_login_sender_maps", "root", "*"), ("local_login_sender_maps", "games", "")):
        base = os.path.basename(known[name])
        assert known[name] == f"texthash:{layout.dir}/{base}", known[name]
        assert layout.look_up(base, key) == value, (name, key)


def state_of(layout, user="alice"):
    """The comments about this machine, as one line, and the commands."""
    lines = layout.printed(user=user)["run"].splitlines()
    return (" ".join(line[2:] for line in lines if line.startswith("#")),
            [line for line in lines if not line.startswith("#")])


@tap.promise
def postfix_in_jail(world):
    "as on Debian smtp is in a chroot: setup says so, and whether the helper's socket is in there"
    for chroot, level in (("y", "3.6"), ("-", "0")):
        layout = Layout(world, chroot, level)
        text, commands = state_of(layout)
        assert "In a chroot, by master.cf: smtp, relay." in text, text
        assert "socket is NOT in there" in text and layout.queue + world.helper.socket in text, text
        assert commands[-1] == f"postfix -c {layout.dir} reload", commands
        inside = layout.queue + world.helper.socket
        os.makedirs(os.path.dirname(inside))
        open(inside, "w", encoding="ascii").close()
        assert "socket is NOT in there" in state_of(layout)[0], "a file is no socket"
        os.unlink(inside)
        here, before = socket.socket(socket.AF_UNIX), os.getcwd()
        os.chdir(os.path.dirname(inside))           # the path is too long for bind()
        here.bind(os.path.basename(inside))
        os.chdir(before)
        text, commands = state_of(layout)
        assert "socket is in there: good" in text and "NOT in there" not in text, text
        here.close()


@tap.promise
def postfix_without_jail(world):
    "as on Fedora smtp is not in a chroot: setup says that nothing is needed"
    for chroot, level in (("n", "0"), ("-", "3.6")):
        text, commands = state_of(Layout(world, chroot, level))
        assert "Not in a chroot, by master.cf: smtp, relay. Good." in text, text
        assert "there yet" not in text and len(commands) == 1 + ("export" in commands[0]), commands


@tap.promise
def postfix_units():
    "the units that are to bring the socket into the chroot are those that are installed"
    with open(os.path.join(SRCDIR, "helper/cli/setup-postfix.c"), encoding="utf-8") as f:
        units = set(re.findall(r"sasl-bearerd[\w-]*\.(?:socket|service)", f.read()))
    shipped = os.listdir(os.path.join(SRCDIR, "contrib/systemd"))
    assert len(units) > 1 and {unit + ".in" for unit in units} <= set(shipped), units


@tap.promise
def postfix_absent(world):
    "where there is no master.cf setup says where it looked"
    layout = Layout(world, "y")
    os.unlink(layout.dir + "/master.cf")
    text = state_of(layout)[0]
    assert f"There is no {layout.dir}/master.cf" in text, text


@tap.promise
def postfix_allowed(world):
    "setup says whether the account allows the user that smtp runs as"
    tap.require("postfix")
    text = state_of(Layout(world, "n"))[0]
    assert 'does NOT allow user "postfix" yet' in text and "alice.conf" in text, text
    text = state_of(Layout(world, "n"), RELAY)[0]
    assert 'The account allows user "postfix": good.' in text, text
    layout = Layout(world, "n")
    layout.write("main.cf", "mail_owner = nosuchuser\n")
    assert 'no user "nosuchuser" here' in state_of(layout)[0]


@tap.promise
def system_only(world):
    "a mail server of the system cannot use one's own helper, and setup says so"
    for program in ("postfix", "exim", "sendmail"):
        done = world.env.run([built("sasl-bearer"), "--user", "--config", world.helper.config,
                              "setup", program, "alice"])
        assert done.rc == 64 and "add --system" in done.stderr, done


# ---- Exchange

@tap.promise
def exchange_app(world):
    "for an application: its roles, consent, service principal, mailbox rights and switches"
    found = world.files("exchange", RELAY)
    text, commands = found.values()
    flat = " ".join(line[2:] for line in text.splitlines())
    for word in ("0123-4567, of the tenant contoso.com", "SMTP.SendAsApp", "not delegated",
                 "https://login.microsoftonline.com/contoso.com/v2.0/adminconsent?"
                 "client_id=0123-4567&redirect_uri=https://localhost&"
                 "scope=https://outlook.office365.com/.default", "ENTERPRISE applications"):
        assert word in flat, (word, flat)
    assert "IMAP" not in flat and "ps.outlook.com" not in flat, flat
    for line in ("$app = '0123-4567'", "$sp = Get-ServicePrincipal -Identity $object",
                 f"Add-MailboxPermission -Identity '{RELAY}' -User $sp.Identity -AccessRights FullAccess",
                 f"Add-RecipientPermission -Identity '{RELAY}' -Trustee $sp.Identity -AccessRights SendAs",
                 f"Set-CASMailbox -Identity '{RELAY}' -SmtpClientAuthenticationDisabled $false",
                 f"Get-User -Identity '{RELAY}' | Format-List AuthenticationPolicy"):
        assert line in commands.splitlines(), (line, commands)
    assert "ImapEnabled" not in commands, commands


@tap.promise
def exchange_person(world):
    "for a person: delegated permissions, a public client, and rights in the shared mailbox"
    text, commands = world.files("exchange", "shared").values()
    flat = " ".join(line[2:] for line in text.splitlines())
    for word in ("0123-4567", "IMAP.AccessAsUser.All, POP.AccessAsUser.All, SMTP.Send",
                 "http://localhost", "public client flows: Yes", "Grant admin consent"):
        assert word in flat, (word, flat)
    assert "AsApp" not in text + commands and "New-ServicePrincipal" not in commands
    for line in (f"Add-MailboxPermission -Identity '{SHARED}' -User 'bob@contoso.com' "
                 "-AccessRights FullAccess",
                 f"Set-CASMailbox -Identity '{SHARED}' -ImapEnabled $true"):
        assert line in commands.splitlines(), (line, commands)


@tap.promise
def exchange_quotes(world):
    "PowerShell reads an odd name as it is"
    world.helper.accounts["quote"] = {"provider": "microsoft", "client_id": "1", "user": "o'k@x.com"}
    assert world.helper.reload()["status"] == "ok"
    assert "Get-User -Identity 'o''k@x.com' |" in world.text("exchange", "quote")


tap.main(setup, root=True, timeout=240)
