#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""relays - mail servers without the plugin, and senders that know a password or nothing

Exim asks `sasl-bearer token` for each connection.  OpenSMTPD knows passwords alone, so it
hands its mail to a Postfix on the same machine, as a printer does.
"""

import os
import shutil
import smtplib
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "lib"))

import tap
from env import can_connect, wait_for
from mail import Dovecot, Postfix
from programs import Program
from setup import setup
from world import MECHANISMS, World, assert_hidden

ALICE = "alice@example.com"
PRINTER = "printer@example.com"
PASSWORD = "1234"

EXIM = """\
primary_hostname = relay.example.com
exim_path = {binary}
spool_directory = {dir}/spool
log_file_path = {dir}/log/%s
log_selector = +smtp_confirmation
# the smarthost is no local address then
local_interfaces = 127.0.0.2
domainlist local_domains =
daemon_smtp_ports = {port}
keep_environment = SASL_BEARER_SOCKET
tls_advertise_hosts =
acl_smtp_rcpt = accept

begin acl
{acl}
begin routers
{router}
begin transports
{transport}
begin retry
* * F,1h,1s

begin authenticators
{auth}"""
OPENSMTPD = """\
table secrets {{ office = "{user}:a password" }}
listen on 127.0.0.1 port {port}
{actions}"""


def wait_out(seconds):
    """Wait until a lifetime is over."""
    end = time.monotonic() + seconds
    wait_for(lambda: time.monotonic() >= end, seconds + 5)


def send(port, subject, sender=ALICE, login=None, host="127.0.0.1"):
    """Hand in a message, as a printer does: without TLS, without a token."""
    with smtplib.SMTP(host, port, "printer", timeout=20) as client:
        if login:
            client.login(*login)
        client.sendmail(sender, ["bob@example.net"], f"From: {sender}\r\n"
                        f"To: bob@example.net\r\nSubject: {subject}\r\n\r\nhi\r\n")


class Unpacked:
    """A mail server that is not installed: its files and its users are where it looks for them.

    It gets mounts of its own, with a copy of /etc; nothing of it is seen elsewhere.

    name     what tools/programs calls it
    users    {name: uid}; a group of that name, too
    mounts   [(file system or directory, where)]; "tmpfs" is an empty one
    host     where it listens, on the port of that name
    """

    host = "127.0.0.1"

    def __init__(self, env, name, users, mounts=()):
        self.env, self.program = env, Program(name)
        self.dir = env.mkdir(env.name(name))
        tap.need(env.can_mount(), "a mount namespace")
        self.etc, self.port = os.path.join(self.dir, "etc"), env.port()
        assert env.run(["cp", "-a", "/etc", self.etc]).rc == 0
        for file, line in (("passwd", "{0}:x:{1}:{1}::/var/lib/opensmtpd/empty:/bin/false\n"),
                           ("group", "{0}:x:{1}:\n")):
            with open(os.path.join(self.etc, file), "a", encoding="utf-8") as f:
                f.writelines(line.format(*user) for user in users.items())
        self.mounts = [(self.etc, "/etc"), *mounts]
        self.process = None

    def file(self, name, text):
        """A file below /etc."""
        path = os.path.join(self.etc, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as f:
            os.fchmod(f.fileno(), 0o644)
            f.write(text)

    def command(self, *words, prepare=":"):
        """A command among those mounts."""
        script = "set -e\n" + "".join(
            f"mount -t tmpfs tmpfs {where}\n" if what == "tmpfs" else
            f"mount --bind {what} {where}\n" for what, where in self.mounts)
        return ["unshare", "-m", "sh", "-c", f'{script}{prepare}\nexec "$@"', "-", *words]

    def start(self, *words, prepare=":", env=None):
        self.process = self.env.start(
            os.path.basename(self.dir), self.command(*words, prepare=prepare),
            env={**self.program.environment, **(env or {})})

        def ready():
            assert self.process.alive(), self.process.log()
            return can_connect(self.port, self.host)
        wait_for(ready, 20)


class Exim(Unpacked):
    """Exim with a queue runner that is never idle; root's and Debian-exim's."""

    host = "127.0.0.2"

    def __init__(self, env, helper):
        super().__init__(env, "exim4", {"Debian-exim": 8})
        self.helper, self.name = helper, os.path.basename(self.dir)
        self.binary = self.program.path("usr/sbin/exim4")
        for part in ("spool", "log"):
            env.mkdir(f"{self.name}/{part}", uid="mail")
        env.log_file(self.name + "-main", self.dir + "/log/main")

    def use(self, user, relay):
        """Begin anew for a user, with an empty queue; returns self."""
        if self.process:
            self.process.stop()
        shutil.rmtree(self.dir + "/spool")
        self.env.mkdir(f"{self.name}/spool", uid="mail")
        found = setup(self.helper, "exim", user, "--server", f"localhost:{relay}", "--ca-file",
                      self.env.tls().ca)
        parts = {path.split("/")[-2]: text for path, text in found.items()}
        self.file("exim4/exim4.conf", EXIM.format(binary=self.binary, dir=self.dir,
                                                  port=self.port, **parts))
        self.start(self.binary, "-bdf", "-q1s", env={"SASL_BEARER_SOCKET": self.helper.socket})
        return self

    def log(self):
        """Its log, one line per event."""
        try:
            with open(self.dir + "/log/main", encoding="utf-8", errors="replace") as f:
                return f.read()
        except FileNotFoundError:
            return ""

    def wait_log(self, text, since=0):
        wait_for(lambda: text in self.log()[since:], 20, f"{text!r} in the log of Exim")
        return self.log()[since:]


class Relays(World):
    """A world with an Exim, and one Dovecot for each mechanism."""

    def __init__(self, env):
        super().__init__(env, certified=False)
        self.servers = {m: Dovecot(env, self.oauth, f"plain {m.lower()}", sink=self.sink).start()
                        for m in MECHANISMS}
        self.helper.start()
        self.made = {}

    def exim(self, user, mechanism, relay=None):
        """The Exim, which sends for that user."""
        if "exim" not in self.made:
            self.made["exim"] = Exim(self.env, self.helper)
        return self.made["exim"].use(user, relay or self.servers[mechanism].smtp)

    def postfix(self):
        """A Postfix, not started, that sends for the printer and listens to it."""
        return Postfix(self.env, self.dovecot.smtp, PRINTER, smtpd=True, chroot=False,
                       environment={"SASL_BEARER_SOCKET": self.helper.socket})

    def account(self, user, **how):
        return super().account(user, **{"allow": "mail", **how})

    def assert_arrives(self, subject):
        def there():
            return any(f"Subject: {subject}\r\n" in m.data for m in self.sink.messages)
        wait_for(there, 20, f"{subject!r} in the sink")

    def assert_kept(self, exim, subject, *words):
        """A message is deferred, with these words in the log; nobody has logged in."""
        log, messages = len(exim.log()), len(self.sink.messages)
        send(exim.port, subject, host=exim.host)
        text = exim.wait_log("== bob@example.net R=sasl_bearer T=sasl_bearer defer", log)
        for word in words:
            assert word in text, text
        assert len(self.sink.messages) == messages and "** bob" not in exim.log()


# ---- Exim

@tap.promise
def exim_sends(world):
    "Exim sends by both mechanisms, on and on, for one refresh when the token has expired"
    for mechanism in MECHANISMS:
        user = f"{mechanism.lower()}@example.com"
        tokens = world.account(user, expires_in=1)
        world.oauth.expire(tokens["access_token"])
        wait_out(1.1)
        exim = world.exim(user, mechanism)
        for number in range(3):
            send(exim.port, f"{mechanism} {number}", host=exim.host)
            world.assert_arrives(f"{mechanism} {number}")
        world.servers[mechanism].wait_login(user, mechanism)
        assert world.refreshes(user) == 1


@tap.promise
def exim_revoked(world):
    "when a person must sign in again Exim keeps the mail and logs the command; then it goes out"
    for mechanism in MECHANISMS:
        user = f"revoked-{mechanism.lower()}@example.com"
        world.account(user, expires_in=1)
        world.oauth.revoke(user)
        wait_out(1.1)
        exim = world.exim(user, mechanism)
        world.assert_kept(exim, f"revoked {mechanism}", f'run "sasl-bearer login {user}"')
        assert f"user=<{user}>" not in world.servers[mechanism].log()
        assert world.helper.store(user, world.oauth.issue(user))["status"] == "ok"
        world.assert_arrives(f"revoked {mechanism}")


@tap.promise
def exim_down(world):
    "while the provider is down Exim keeps the mail and logs the cause; then it goes out"
    user = "down@example.com"
    world.account(user, expires_in=1)
    wait_out(1.1)
    exim = world.exim(user, "XOAUTH2")
    world.oauth.stop()
    try:
        world.assert_kept(exim, "down", "cannot connect to 127.0.0.1: Connection refused")
    finally:
        world.oauth.start()
    assert world.helper.cli("refresh", user).rc == 0
    world.assert_arrives("down")


@tap.promise
def exim_rejected(world):
    "when the server rejects the token Exim logs its words and keeps the mail; refresh mends it"
    for mechanism in MECHANISMS:
        user = f"rejected-{mechanism.lower()}@example.com"
        tokens = world.account(user)
        world.oauth.expire(tokens["access_token"])      # the helper does not know
        exim = world.exim(user, mechanism)
        world.assert_kept(exim, f"rejected {mechanism}", "authenticator failed",
                          "535 5.7.8 Authentication failed.")
        assert world.helper.cli("refresh", user).rc == 0
        world.assert_arrives(f"rejected {mechanism}")


@tap.promise
def exim_certificate(world):
    "to a server with another's certificate Exim sends nothing, and asks for no token"
    user = "certificate@example.com"
    world.account(user)
    stranger = Dovecot(world.env, world.oauth, sink=world.sink, tls=world.env.tls().wrong_host())
    exim = world.exim(user, None, stranger.start().smtp)
    world.assert_kept(exim, "certificate", "certificate")
    assert f"user=<{user}>" not in stranger.log()
    assert "last_used" not in world.helper.list()[user]


@tap.promise
def exim_denied(world):
    "an account that does not allow Exim's user is denied to it; it keeps the mail and logs that"
    user = "denied@example.com"
    world.account(user, allow="bin")
    exim = world.exim(user, "XOAUTH2")
    world.assert_kept(exim, "denied", f'no account "{user}" for you')


@tap.promise
def exim_hides(world):
    "no process of Exim has the token in an argument or in its environment; no log has it"
    tap.require("strace")
    user = "hidden@example.com"
    world.account(user)
    exim = world.exim(user, "XOAUTH2")
    trace = world.env.path("trace")
    done = world.env.run(
        ["strace", "-f", "-v", "-s", "100000", "-e", "trace=execve", "-o", trace, *exim.command(
            exim.binary, "-odf", "-f", user, "bob@example.net")],
        env={"SASL_BEARER_SOCKET": world.helper.socket}, input="Subject: hidden\n\nhi\n")
    assert done.rc == 0, done
    world.assert_arrives("hidden")
    with open(trace, encoding="utf-8") as f:
        calls = f.read()
    assert f'"{user}"' in calls and "sasl-bearer" in calls, calls
    assert_hidden(world.secrets(), calls, exim.log())


# ---- what knows passwords alone, or not even these

@tap.promise
def printer(world):
    "a printer that knows no authentication prints to a Postfix, which sends by OAuth"
    world.account(PRINTER, allow="postfix")
    postfix = world.made["postfix"] = world.postfix().start()
    send(postfix.smtpd, "scanned", PRINTER)
    world.assert_arrives("scanned")
    world.dovecot.wait_login(PRINTER, "OAUTHBEARER")


@tap.promise
def printer_password(world):
    "a printer that knows a name and a password has them for that Postfix, and no others get in"
    tap.require("saslpasswd2")
    postfix = world.postfix()
    base = world.env.path("sasldb")
    done = world.env.run(["saslpasswd2", "-p", "-c", "-f", base, "-u", "relay.example.com",
                          "printer"], input=PASSWORD)
    assert done.rc == 0, done
    os.chmod(base, 0o644)
    where = postfix.config_dir + "/sasl"    # Debian looks there whatever main.cf says
    world.env.write(where + "/smtpd.conf", f"pwcheck_method: auxprop\nauxprop_plugin: sasldb\n"
                    f"sasldb_path: {base}\nmech_list: PLAIN\n")
    postfix.settings = {
        "smtpd_sasl_auth_enable": "yes", "cyrus_sasl_config_path": where,
        "mynetworks": "", "smtpd_relay_restrictions": "permit_sasl_authenticated, reject"}
    postfix.start()
    send(postfix.smtpd, "signed", PRINTER, login=("printer@relay.example.com", PASSWORD))
    world.assert_arrives("signed")
    for login in (None, ("printer@relay.example.com", "4321")):
        try:
            send(postfix.smtpd, "stranger", PRINTER, login)
        except (smtplib.SMTPRecipientsRefused, smtplib.SMTPAuthenticationError):
            continue
        raise AssertionError(f"{login} may send")
    postfix.stop()


class OpenSMTPD(Unpacked):
    """OpenSMTPD, which does with mail what it is told."""

    def __init__(self, env, actions):
        super().__init__(env, "opensmtpd", {"opensmtpd": 2, "opensmtpq": 8}, [
            ("tmpfs", "/var/lib"), ("tmpfs", "/var/spool"), ("tmpfs", "/run")])
        self.mounts.append((self.program.path("usr/libexec"), "/usr/libexec"))
        self.file("smtpd.conf", OPENSMTPD.format(user=ALICE, port=self.port, actions=actions))
        self.file("mailname", "relay.example.com\n")
        with open(env.tls().ca, encoding="ascii") as f:
            self.file("ssl/certs/ca-certificates.crt", f.read())
        self.start(self.program.path("usr/sbin/smtpd"), "-d", "-T", "smtp",
                   prepare="mkdir -p /var/lib/opensmtpd/empty; mkdir -m 711 /var/spool/smtpd")

    def log(self):
        return self.process.log()


@tap.promise
def opensmtpd_alone(world):
    "OpenSMTPD itself cannot: it has PLAIN and LOGIN, and says nothing to a server without them"
    world.made["narrow"] = Dovecot(world.env, world.oauth, "xoauth2 oauthbearer",
                                   sink=world.sink).start()
    server = OpenSMTPD(world.env, f"""\
action "out" relay host smtp+tls://office@localhost:{world.made["narrow"].smtp} auth <secrets>
match from local for any action "out"
""")
    send(server.port, "alone")
    wait_for(lambda: "no supported AUTH method" in server.log(), 20, "OpenSMTPD's words")
    assert "auth failed" not in world.made["narrow"].log()
    server.process.stop()


@tap.promise
def opensmtpd_postfix(world):
    "OpenSMTPD hands its mail to a Postfix on the same machine, which sends by OAuth"
    printed = setup(world.helper, "opensmtpd", PRINTER, "--server",
                    f"localhost:{world.dovecot.smtp}")["/etc/smtpd.conf"]
    assert "127.0.0.1:10025" in printed
    server = OpenSMTPD(world.env, printed.replace("10025", str(world.made["postfix"].smtpd)))
    send(server.port, "through Postfix")
    world.assert_arrives("through Postfix")


@tap.promise
def no_secrets(world):
    "no token and no secret is in the helper's log, though it is at debug, nor in Postfix's"
    world.assert_no_secret(world.helper.log(), world.made["postfix"].log())


tap.main(Relays, root=True, programs=["dovecot"], timeout=300)
