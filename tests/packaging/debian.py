#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""debian - the packages, in a Debian of their own: installed, used, upgraded, purged

Needs root and, once a week, a mirror of Debian: see lib/debian.py.
"""

import os
import re
import shutil
import stat
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "lib"))

import tap
from debian import Base, Packages
from dovecot import Dovecot
from env import SRCDIR, wait_for
from helper import endpoints
from machine import Machine
from oauthd import OAuthServer
from sink import Sink

SERVICE = "sasl-bearerd.service"
SOCKETS = ("sasl-bearerd.socket", "sasl-bearerd-postfix.socket")
ALICE = "alice@example.com"
ETC, STATE, RUN = "/etc/sasl-bearer", "/var/lib/sasl-bearer", "/run/sasl-bearer"
JAIL = "/var/spool/postfix" + RUN
MAIN = """\
compatibility_level = 3.6
maillog_file = /var/log/mail.log
myhostname = relay.example.com
mydestination =
inet_interfaces = loopback-only
inet_protocols = ipv4
relayhost = [localhost]:{port}
smtp_host_lookup = native
smtp_tls_security_level = secure
smtp_tls_CAfile = /etc/sasl-bearer/ca.pem
smtp_sasl_auth_enable = yes
smtp_sasl_password_maps = texthash:/etc/postfix/sasl_passwd
smtp_sasl_tls_security_options = noanonymous
"""
# what lies in a system whatever was installed in it
PASSING = re.compile("/(proc|sys|dev|tmp|srv|mnt|run)/|/var/(cache|log|lib/(apt|dpkg))/|"
                     "/etc/(systemd/test|(passwd|group|g?shadow)-$|.pwd.lock$|aliases(.db)?$)|"
                     "__pycache__")
NO_MATTER = [f"APT::AutoRemove::{what}Important=false" for what in ("Recommends", "Suggests")]


def conf(**keys):
    return "".join(f"{key} = {value}\n" for key, value in keys.items())


class World:
    """The packages, the machine, and outside of it a provider and a mail server."""

    def __init__(self, env):
        self.env = env
        self.packages = Packages(env)
        self.newer = self.packages.next_version()
        self.sink = Sink(env)
        self.server = OAuthServer(tls=env.tls(), single_use=True).start()
        self.dovecot = Dovecot(env, self.server, sink=self.sink).start()
        with open(env.tls().ca, encoding="ascii") as f:
            self.ca = f.read()
        self.machine = Machine(env, {
            "/etc/postfix/main.cf": MAIN.format(port=self.dovecot.smtp),
            "/etc/postfix/sasl_passwd": f"[localhost]:{self.dovecot.smtp} {ALICE}\n",
            "/srv/.keep": "",
        }, root=Base(env, self.packages).dir)
        for path in self.packages.debs() + self.packages.debs(self.newer):
            shutil.copy(path, self.machine.path("/srv"))
        self.before = self.files()

    def run(self, *words, timeout=120, **how):
        """Run a program in the machine; returns what it said."""
        done = self.machine.run(words, timeout=timeout, env={
            "DEBIAN_FRONTEND": "noninteractive", "HOME": "/root"}, **how)
        assert done.rc == 0, (words, done)
        return done.stdout

    def install(self, version=None):
        """apt-get install of a version of both packages."""
        names = [os.path.basename(path) for path in self.packages.debs(version)]
        return self.run("apt-get", "install", "--allow-downgrades",
                        *(f"/srv/{name}" for name in names))

    def files(self):
        """All that there is, as it is seen from inside."""
        found = self.run("find", "/", "-mount", "-printf", "%p\\n").splitlines()
        return {path for path in found if not PASSING.search(path)}

    def write(self, path, text):
        with open(self.machine.path(path), "w", encoding="utf-8") as f:
            f.write(text)

    def state(self):
        """{name: bytes} of the state directory."""
        found = {}
        for entry in os.scandir(self.machine.path(STATE)):
            with open(entry.path, "rb") as f:
                found[entry.name] = f.read()
        return found

    def configure(self, allow):
        """An account, as a person writes it who has read the manual."""
        with open(self.machine.path(ETC + "/sasl-bearer.conf"), "a", encoding="utf-8") as f:
            f.write(f"ca_file = {ETC}/ca.pem\n")
        self.write(ETC + "/ca.pem", self.ca)
        self.write(ETC + "/providers.d/test.conf", conf(
            title="Test", scope="mail", hosts="localhost", **endpoints(self.server)))
        self.write(f"{ETC}/accounts.d/{ALICE}.conf", conf(
            provider="test", client_id="test-client", allow=allow))
        self.run("sasl-bearerd", "--check")
        self.run("systemctl", "reload", SERVICE)

    def sign_in(self):
        tokens = self.server.issue(ALICE)
        reply = self.machine.ask(RUN + "/socket", request="store", account=ALICE,
                                 refresh_token=tokens["refresh_token"])
        assert reply["status"] == "ok", reply

    def token(self):
        """The token that the command line gives."""
        return self.run("sasl-bearer", "token", ALICE).strip()

    def show(self, unit, name):
        return self.machine.show(unit, name)

    def mode(self, path):
        """Owner, group and mode: "root:root 755"."""
        return self.run("stat", "-c", "%U:%G %a", path).strip()


@tap.promise
def packages(w):
    "a source package, the two packages and their symbols; the plugin needs the C library only"
    assert [os.path.basename(path) for path in w.packages.files(".dsc")] == [
        f"sasl-bearer_{w.packages.version}.dsc"]
    assert len(w.packages.debs()) == 2 and len(w.packages.files(".orig.tar.xz")) == 1
    symbols = [path for path in w.packages.files(".deb") if "-dbgsym_" in path]
    assert len(symbols) == 2, symbols
    assert re.fullmatch(r"libc6 \(>= [\d.]+\)",
                        w.packages.field("libsasl2-modules-bearer", "Depends"))
    assert w.packages.field("libsasl2-modules-bearer", "Multi-Arch") == "same"


@tap.promise
def policy(w):
    "lintian has no error and no warning, about source and binaries"
    tap.require("lintian")
    changes, = w.packages.files(".changes")
    done = w.env.run(["lintian", "--allow-root", "--fail-on", "error,warning", changes],
                     timeout=120)
    assert done.rc == 0, done


@tap.promise
def installed(w):
    "apt installs them; the helper runs as its user, and starts again with the machine"
    w.install()
    assert "sasl-bearer" in w.run("id", "-un", "sasl-bearer")
    assert w.show(SERVICE, "ActiveState") == "active"
    pid = w.show(SERVICE, "MainPID")
    assert w.run("stat", "-c", "%U", f"/proc/{pid}").strip() == "sasl-bearer"
    for unit in (SERVICE, *SOCKETS):
        assert w.run("systemctl", "is-enabled", unit).strip() == "enabled", unit
    for path, mode in ((ETC, "root:root 755"), (ETC + "/accounts.d", "root:root 755"),
                       (ETC + "/providers.d", "root:root 755"),
                       (ETC + "/sasl-bearer.conf", "root:root 644"),
                       (STATE, "sasl-bearer:sasl-bearer 700"), (RUN, "root:root 755"),
                       (RUN + "/socket", "root:root 666")):
        assert w.mode(path) == mode, (path, w.mode(path))
    said = w.run("saslpluginviewer", "-c", "-m", "XOAUTH2")
    assert "saslbearer" not in said and not said.count("XOAUTH2"), said


@tap.promise
def users(w):
    "the units of users are there, and enabled for nobody"
    done = w.machine.run(["systemctl", "--global", "is-enabled", SERVICE, SOCKETS[0]])
    assert done.stdout.split() == ["disabled", "disabled"], done


@tap.promise
def used(w):
    "an account is made, its token is refreshed and given to whom it allows, and to nobody else"
    w.configure("mail")
    w.sign_in()
    w.run("sasl-bearer", "refresh", ALICE)
    assert w.server.newest_refresh_token(ALICE) in w.state()[ALICE].decode()
    asked = w.machine.run(["sasl-bearer", "--system", "token", ALICE], uid="mail")
    assert asked.stdout.strip() == w.token(), asked
    refused = w.machine.run(["sasl-bearer", "--system", "token", ALICE], uid="bin")
    assert refused.rc == 77, refused
    assert "XOAUTH2" in w.run("saslpluginviewer", "-c"), "not offered to root"


@tap.promise
def postfix(w):
    "Postfix, installed later, has the helper in its chroot and relays through the account"
    assert not os.path.exists(w.machine.path(JAIL))
    w.run("debconf-set-selections",
          input="postfix postfix/main_mailer_type select No configuration\n")
    w.run("apt-get", "install", "postfix")
    assert stat.S_ISSOCK(os.stat(w.machine.path(JAIL + "/socket")).st_mode)
    assert (w.mode(JAIL), w.mode(JAIL + "/accounts")) == (
        "root:root 755", "sasl-bearer:sasl-bearer 755")
    with open(w.machine.path("/usr/share/postfix/master.cf.dist"), encoding="utf-8") as f:
        master = f.read()
    assert re.search(r"^smtp +unix +- +- +y +", master, re.M), "Debian's smtp is in no chroot"
    w.write("/etc/postfix/master.cf", re.sub(r"^smtp +inet.*$", "", master, flags=re.M))
    w.write(f"{ETC}/accounts.d/{ALICE}.conf", conf(
        provider="test", client_id="test-client", allow="mail postfix"))
    w.run("systemctl", "reload", SERVICE)
    w.run("systemctl", "start", "postfix@-.service")
    w.run("sendmail", "-f", ALICE, "bob@example.net", input="Subject: from the jail\n\nhello\n")
    try:
        message = w.sink.wait(1)[0]
    except AssertionError:
        tap.note(w.run("cat", "/var/log/mail.log"))
        raise
    assert "from the jail" in message.data
    w.dovecot.wait_login(ALICE, "")
    w.run("systemctl", "stop", "postfix@-.service")


class Asking:
    """Somebody who asks for a token again and again; stop() returns what they were told."""

    def __init__(self, w):
        self.w, self.replies, self.enough = w, [], threading.Event()
        self.thread = threading.Thread(target=self.ask)
        self.thread.start()

    def ask(self):
        while not self.enough.is_set():
            reply = self.w.machine.ask(RUN + "/socket", "mail", request="token", user=ALICE,
                                       service="imap", host="localhost", deadline_ms=25000)
            self.replies.append((reply.get("status"), reply.get("token_id")))

    def stop(self):
        self.enough.set()
        self.thread.join()
        return self.replies


def change(w, version):
    """Install another version while somebody asks; returns what they were told."""
    pid = w.show(SERVICE, "MainPID")
    socket = os.stat(w.machine.path(RUN + "/socket")).st_ino
    asking = Asking(w)
    try:
        w.install(version)
    finally:
        replies = asking.stop()
    assert w.show(SERVICE, "MainPID") not in (pid, "0"), "not restarted"
    assert os.stat(w.machine.path(RUN + "/socket")).st_ino == socket, "another socket"
    return replies


@tap.promise
def upgraded(w):
    "upgraded, it serves the same token, nobody is refused meanwhile, and no state changes"
    state, token, asked = w.state(), w.token(), len(w.server.seen("token"))
    replies = change(w, w.newer)
    assert w.run("dpkg-query", "-W", "-f", "${Version}", "sasl-bearer") == w.newer
    assert len(set(replies)) == 1 and replies[0][0] == "ok", replies
    assert (w.state(), w.token(), len(w.server.seen("token"))) == (state, token, asked)
    with open(w.machine.path(ETC + "/sasl-bearer.conf"), encoding="utf-8") as f:
        assert f"ca_file = {ETC}/ca.pem" in f.read()


@tap.promise
def downgraded(w):
    "downgraded in the middle of a refresh, it stores the new grant first, and goes on with it"
    w.server.forget()
    go = w.server.hold("token").set
    refreshing = threading.Thread(target=w.machine.run, args=(["sasl-bearer", "refresh", ALICE],))
    refreshing.start()
    w.server.wait_seen("token")
    changing = threading.Thread(target=w.install)
    changing.start()
    wait_for(lambda: "stopping" in w.machine.journal(SERVICE).splitlines()[-5:], 60, "the stop")
    go()
    refreshing.join()
    changing.join()
    w.server.always("token", None)
    assert w.run("dpkg-query", "-W", "-f", "${Version}", "sasl-bearer") == w.packages.version
    assert w.server.newest_refresh_token(ALICE) in w.state()[ALICE].decode()
    w.run("sasl-bearer", "refresh", ALICE)


@tap.promise
def removed(w):
    "removed, nothing of it runs or listens, and accounts and tokens are kept"
    state = w.state()
    w.run("apt-get", "remove", "sasl-bearer", "libsasl2-modules-bearer")
    for unit in (SERVICE, *SOCKETS):
        assert w.show(unit, "ActiveState") == "inactive", unit
    for path in (RUN, JAIL, "/usr/sbin/sasl-bearerd"):
        assert not os.path.exists(w.machine.path(path)), path
    assert w.state() == state
    assert os.path.exists(w.machine.path(f"{ETC}/accounts.d/{ALICE}.conf"))


@tap.promise
def installed_again(w):
    "installed again, it goes on with the same token; in Postfix's chroot, too"
    state, asked = w.state(), len(w.server.seen("token"))
    w.install()
    assert w.token() in w.state()[ALICE].decode()
    assert (w.state(), len(w.server.seen("token"))) == (state, asked)
    assert os.path.exists(w.machine.path(JAIL + "/socket"))


@tap.promise
def autopkgtest(w):
    "the tests of the source run on what is installed, as autopkgtest runs them"
    where = w.machine.path("/srv/source")
    shutil.copytree(SRCDIR, where, ignore=shutil.ignore_patterns(
        "build*", ".git", "node_modules", "*.o", ".libs"), symlinks=True)
    shutil.copytree(where + "/packaging/debian", where + "/debian")
    said = w.run("sh", "-c", "cd /srv/source && debian/tests/installed cli mbsync")
    done = [line for line in said.splitlines() if line.startswith("ok ") and "# SKIP" not in line]
    assert len(done) > 30, said


@tap.promise
def purged(w):
    "purged, with what came with it, nothing is left: no account, no token, no link, no file"
    w.run("apt-get", "purge", "--autoremove", *(word for option in NO_MATTER
                                                for word in ("-o", option)),
          "sasl-bearer", "libsasl2-modules-bearer", "postfix")
    left = w.files() - w.before
    assert not left, sorted(left)
    assert w.run("find", "/run", "-iname", "*bearer*") == ""


tap.main(World, root=True, programs=["debootstrap", "unshare"], timeout=1500)
