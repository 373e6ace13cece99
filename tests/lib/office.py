# SPDX-License-Identifier: MIT
"""office - Microsoft and Google on the loopback, and machines that believe it

    enter_private_network()             # before anything listens
    internet = Internet(env)
    machine = Office(env, internet)     # a machine.Machine with Postfix, and with alice

The network is one of the test's own, without a way out, so that servers have the ports
that they have in the world, and /etc/hosts of a machine gives them their names.  What is
installed in the machine trusts the authority that signed their certificate.
"""

import ctypes
import fcntl
import os
import socket
import struct
import threading

import tap
from env import wait_for
from mail import Dovecot, Sink
from machine import UNITS, Machine, makefile
from oauthd import OAuthServer

CLONE_NEWNET = 0x40000000
IFF_UP = 1
NAMES = """login.microsoftonline.com login.microsoftonline.us login.partner.microsoftonline.cn
    outlook.office365.com smtp.office365.com smtp-mail.outlook.com
    outlook.office365.us smtp.office365.us partner.outlook.cn smtp.partner.outlook.cn
    accounts.google.com oauth2.googleapis.com imap.gmail.com smtp.gmail.com""".split()
PORTS = {"imaps": 993, "pops": 995, "smtp": 587, "smtps": 465}
TRUST = "/etc/ssl/certs/ca-certificates.crt"
ALICE = "alice"
# as Debian's installer leaves it for "Satellite system", but that no DNS is asked
MAIN = """compatibility_level = 3.6
myhostname = relay.contoso.com
mydestination = localhost
alias_maps =
alias_database =
inet_interfaces = loopback-only
mynetworks = 127.0.0.0/8 [::ffff:127.0.0.0]/104 [::1]/128
smtp_host_lookup = native
minimal_backoff_time = 2s
queue_run_delay = 2s
"""
# what a person's desktop opens addresses with; this person agrees to everything
BROWSER = """#!/bin/sh
exec curl -sSfL -o /dev/null "$1"
"""


def enter_private_network():
    """From now on this process, and what it starts, has a loopback of its own and no more."""
    tap.need(os.geteuid() == 0, "uid 0")
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNET) != 0:
        tap.skip("no network namespace here: " + os.strerror(ctypes.get_errno()))
    with socket.socket() as s:
        fcntl.ioctl(s, 0x8914, struct.pack("16sh14x", b"lo", IFF_UP))   # SIOCSIFFLAGS


class Providers(OAuthServer):
    """Microsoft's and Google's endpoints, at port 443: who is asked is in the request."""

    name = "login.microsoftonline.com"

    @property
    def url(self):
        return "https://" + self.name

    def client(self, request):
        """An application may let persons sign in without its key: public client flows."""
        known = (self.clients or {}).get(request.form.get("client_id"))
        alone = request.form.get("grant_type") == "client_credentials"
        if hasattr(known, "prove") and not alone:
            return request.form["client_id"]
        return super().client(request)

    def signed_in(self, grant):
        """Google's sign-ins last, without a scope for it."""
        if grant.scope.startswith("https://mail.google.com/"):
            grant.scope += " offline_access"
        return super().signed_in(grant)

    def serve(self, request):
        with self.lock:
            self.name = request.headers.get("host", self.name)
            return super().serve(request)


class Internet:
    """The servers, running once it is made.

    oauth    the providers; what a token is for is to be set there
    dovecot  the mail servers of both
    sink     where mail goes that was submitted there
    """

    def __init__(self, env):
        self.env, self.sink = env, Sink(env)
        pair = env.tls().pair("office", "IP:127.0.0.1," + ",".join(f"DNS:{n}" for n in NAMES))
        self.oauth = Providers(pair, 443, log=env.log_file("oauth")).start()
        self.dovecot = Dovecot(env, "https://127.0.0.1/common/oauth2/v2.0/introspect",
                               sink=self.sink, tls=pair, any_user=True)
        vars(self.dovecot).update(PORTS)
        self.dovecot.start()
        self.going, self.person = True, None
        self.thread = threading.Thread(target=self._approve, daemon=True)
        self.thread.start()
        env.cleanup(self._end)

    def _approve(self):
        """The person types every code that is shown into a page, and agrees."""
        while self.going:
            with self.oauth.lock:
                for device in self.oauth.devices.values():
                    if self.person:
                        device.setdefault("user", self.person)
            self.oauth.stopping.wait(0.05)

    def _end(self):
        self.going = False
        self.thread.join()
        self.oauth.stop()


class Office(Machine):
    """A machine as Debian's packages leave it, with Postfix and a person with a home.

    listens  its Postfix has port 25; one machine may, since all have the same network
    """

    def __init__(self, env, listens=False):
        source = "/usr/lib/systemd/system"
        tap.need(os.path.exists(source + "/postfix@.service"), "a Postfix with Debian's units")
        units = {}
        for unit, name in (("postfix.service", "postfix.service"),
                           ("postfix@.service", "postfix@-.service")):
            with open(f"{source}/{unit}", encoding="utf-8") as f:
                units[f"{UNITS}/{name}"] = f.read()
        with open(env.tls().ca, encoding="ascii") as f:
            ca = f.read()
        with open(TRUST, encoding="ascii") as f:
            trust = f.read() + ca
        hash = env.run(["openssl", "x509", "-noout", "-hash", "-in", env.tls().ca]).stdout.strip()
        super().__init__(env, {
            **units, TRUST: trust, f"/etc/ssl/certs/{hash}.0": ca, "/etc/postfix/main.cf": MAIN,
            "/etc/hosts": f"127.0.0.1 localhost relay.contoso.com {' '.join(NAMES)}\n",
            "/usr/local/bin/browser": (BROWSER, 0o755)})
        self.shell(self._places())
        self.shell(f"useradd -m -s /bin/sh {ALICE} && install -d -m 700 -o {ALICE} "
                   f"/run/user/$(id -u {ALICE})")
        self.shell(("" if listens else "postconf -MX smtp/inet\n")
                   + "systemctl start postfix@-.service\n"
                   "systemctl enable --now sasl-bearerd.service")

    @staticmethod
    def _places():
        """Mount what this build has elsewhere where the documentation says it is."""
        script = "set -e\n"
        for variable, place in (("bearer_confdir", "/etc/sasl-bearer"),
                                ("bearer_statedir", "/var/lib/sasl-bearer")):
            ours = makefile(variable)
            if ours != place:
                script += f"mkdir -p {ours} {place}\nmount --bind {ours} {place}\n"
        return script + "mkdir -p /etc/sasl-bearer/accounts.d\n"

    def shell(self, script, user="root", input=None, timeout=60):
        """Run a script of the shell in the machine, as a login of that user would.

        After a reload of Postfix nobody is left who knows the old ways: an idle process may
        serve once more before it ends.
        """
        old = self.run(["sh", "-c", "pgrep -P $(cat /var/spool/postfix/pid/master.pid)"]).stdout
        home = "/root" if user == "root" else f"/home/{user}"
        environment = {"HOME": home, "USER": user, "LOGNAME": user}
        if user != "root":
            environment.update(BROWSER="/usr/local/bin/browser", XDG_RUNTIME_DIR=self.runtime(user))
        done = self.run(["sh", "-ec", f"cd {home}\n{script}"], uid=None if user == "root" else
                        self.uid(user), env=environment, input=input, timeout=timeout)
        assert done.rc == 0, f"{script}\n{done.stdout}{done.stderr}\n{self.log()}"
        if "postfix reload" in script:
            wait_for(lambda: not any(map(self.alive, old.split())), 20, "the end of old processes")
        return done.stdout + done.stderr

    def alive(self, pid):
        return os.path.exists(self.path(f"/proc/{pid}"))

    def uid(self, user):
        return int(self.run(["id", "-u", user]).stdout)

    def runtime(self, user):
        return f"/run/user/{self.uid(user)}"

    def log(self):
        """What Postfix and the helper have logged lately."""
        return self.run(["journalctl", "--no-pager", "-n", "40"]).stdout
