# SPDX-License-Identifier: MIT
"""postfix - a private Postfix that relays everything to one smarthost"""

import os
import re
import shutil
import signal

import tap
from env import sasl_path, wait_for

MAIN = """\
compatibility_level = 3.6
queue_directory = {dir}/queue
data_directory = {dir}/data
meta_directory = /etc/postfix
mail_owner = postfix
setgid_group = postdrop
maillog_file = {dir}/log
maillog_file_prefixes = {dir}
myhostname = relay.example.com
mydestination =
local_transport = error:no local mail here
alias_maps =
alias_database =
inet_interfaces = loopback-only
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
smtp_host_lookup = native
relayhost = {relay}
smtp_tls_CAfile = {ca}
smtp_tls_security_level = {tls_level}
smtp_tls_loglevel = 1
smtp_sasl_auth_enable = yes
smtp_sasl_password_maps = texthash:{dir}/etc/sasl_passwd
smtp_sasl_tls_security_options = noanonymous
smtp_sasl_mechanism_filter = {filter}
import_environment = MAIL_CONFIG MAIL_DEBUG MAIL_LOGTAG TZ LANG=C {environment}
minimal_backoff_time = 2s
maximal_backoff_time = 2s
queue_run_delay = 2s
"""
# name type private unpriv chroot wakeup maxproc command
MASTER = """\
{smtpd}
pickup unix n - n 1 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
smtp unix - - {chroot} - - smtp{verbose}
relay unix - - {chroot} - - smtp{verbose}
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""


class Postfix:
    """One instance; needs root.

    port         the smarthost's port on localhost
    user         SASL user; password None: none is given
    chroot       run smtp in the queue directory
    filter       smtp_sasl_mechanism_filter
    tls_level    smtp_tls_security_level
    settings     more of main.cf: {name: value}
    files        {name: text} of its directory, as "sasl-bearer setup postfix" prints them; what
                 main.cf has takes the place of our lines, and settings of both
    services     more of master.cf
    environment  for its programs, besides SASL_PATH: {name: value}
    smtpd        listen too: the port is the attribute smtpd, else None
    verbose      smtp -v: the log then has secrets in it
    plugin       SASL_PATH has the fresh plugin
    """

    def __init__(self, env, port, user="alice@example.com", password=None, chroot=True, filter="",
                 tls_level="secure", settings=None, environment=None, smtpd=False, verbose=False,
                 plugin=True, files=None, services=""):
        self.env, self.relay = env, f"[localhost]:{port}"
        self.user, self.password, self.chroot = user, password, chroot
        self.filter, self.tls_level = filter, tls_level
        self.settings, self.files = settings or {}, files or {}
        self.services = services
        self.environment = {"SASL_PATH": sasl_path(plugin), **(environment or {})}
        self.verbose = verbose
        self.smtpd = env.port() if smtpd else None
        self.dir = env.mkdir(env.name("postfix"))
        self.config_dir = os.path.join(self.dir, "etc")
        self.queue_dir = os.path.join(self.dir, "queue")
        self.process = None

    def start(self):
        """Start it and wait until it takes mail; returns self.  Skips without Postfix or root."""
        tap.require("postfix", "sendmail")
        tap.need(os.geteuid() == 0, "uid 0")
        name = os.path.basename(self.dir)
        self.env.mkdir(f"{name}/queue")
        self.env.mkdir(f"{name}/data", 0o700, uid="postfix")
        self.configure()
        for file in ("hosts", "nsswitch.conf", "services", "resolv.conf", "host.conf"):
            if os.path.exists("/etc/" + file):
                self.env.mkdir(f"{name}/queue/etc")
                shutil.copy("/etc/" + file, self.queue_dir + "/etc")
        self.env.log_file(name, self.dir + "/log")
        self.process = self.env.start(name + "-out", ["postfix", "-c", self.config_dir, "start-fg"])
        self.env.cleanup(self.stop)

        def ready():
            assert self.process.alive(), "postfix does not start:\n" + self.process.log()
            return "daemon started" in self.log()
        wait_for(ready, 20)
        return self

    def configure(self, **changes):
        """Write the configuration, with changed attributes; for a running one: reload()."""
        for attribute, value in changes.items():
            setattr(self, attribute, value)
        name = os.path.basename(self.dir)
        words = " ".join(f"{{ {key}={value} }}" for key, value in self.environment.items())
        main = MAIN.format(dir=self.dir, relay=self.relay, ca=self.env.tls().ca,
                           tls_level=self.tls_level, filter=self.filter, environment=words)
        files = {"main.cf": "", **self.files}
        # what setup says of the environment, and the fresh plugin's directory
        text = re.sub(r"^(import_environment = .*)$",
                      rf"\1 {{ SASL_PATH={self.environment['SASL_PATH']} }}",
                      files["main.cf"], flags=re.M)
        theirs = [line.partition(" = ")[0] for line in text.splitlines()]
        main = "".join(line for line in main.splitlines(True)
                       if line.partition(" = ")[0] not in [*theirs, *self.settings])
        main += "".join(line for line in text.splitlines(True)
                        if line.partition(" = ")[0] not in self.settings)
        files["main.cf"] = main + "".join(
            f"{key} = {value}\n" for key, value in self.settings.items())
        smtpd = f"127.0.0.1:{self.smtpd} inet n - n - - smtpd" if self.smtpd else ""
        files["master.cf"] = (MASTER + self.services).format(
            smtpd=smtpd, chroot="y" if self.chroot else "n",
            verbose=" -v" if self.verbose else "")
        secret = f"{self.user}:{self.password}" if self.password is not None else self.user
        files.setdefault("sasl_passwd", f"{self.relay} {secret}\n")
        for file, text in files.items():
            path = self.env.write(f"{name}/etc/{file}", text, 0o600 if file == "sasl_passwd" else 0o644)
            # or else every program waits until they are two seconds old
            os.utime(path, (1e9, 1e9))

    def jailed(self, path):
        """What `path` is for a chrooted smtp, seen from outside; its directory is made.

        A socket that listens at both is found by the same name before and after chroot.
        """
        inside = self.queue_dir + path
        os.makedirs(os.path.dirname(inside), exist_ok=True)
        return inside

    def command(self, *words, **args):
        """Run postfix, postqueue ... with our configuration; returns a Result."""
        return self.env.run([words[0], "-c", self.config_dir, *words[1:]], **args)

    def reload(self):
        """What "postfix reload" does; then wait until nobody is left who knows the old ways."""
        with open(self.queue_dir + "/pid/master.pid", encoding="ascii") as f:
            master = int(f.read())
        with open(f"/proc/{master}/task/{master}/children", encoding="ascii") as f:
            old = f.read().split()
        os.kill(master, signal.SIGHUP)
        try:
            wait_for(lambda: not any(os.path.exists(f"/proc/{pid}") for pid in old), 20, "reload")
        except AssertionError as e:
            words = ["ps", "-o", "pid,stat,wchan:30,args", "-p", ",".join([str(master), *old])]
            e.add_note(self.env.run(words).stdout)      # who does not end, and where it waits
            raise

    def stop(self):
        if self.process and self.process.alive():
            self.command("postfix", "stop")
            self.process.stop()

    def mail(self, to="bob@example.net", sender=None, subject="test"):
        """Inject a message, as a program on this machine does; returns its queue id."""
        before = len(self.log())
        done = self.env.run(
            ["sendmail", "-C", self.config_dir, "-f", sender or self.user, to],
            input=f"From: {sender or self.user}\nTo: {to}\nSubject: {subject}\n\n{subject}\n")
        assert done.rc == 0, done
        # not qmgr's line: that may be about an older one, whose time has come again
        return self.wait_log(r"pickup\[\d+\]: (\w+): uid=", since=before).group(1)

    def flush(self):
        """Try what is deferred again, now."""
        assert self.command("postqueue", "-f").rc == 0

    def queue(self):
        """What postqueue -p prints."""
        return self.command("postqueue", "-p").stdout

    def log(self):
        """Its log."""
        try:
            with open(self.dir + "/log", encoding="utf-8", errors="replace") as f:
                return f.read()
        except FileNotFoundError:
            return ""

    def wait_log(self, pattern, timeout=30, since=0):
        """Wait for a match of a regular expression in the log; returns it."""
        return wait_for(lambda: re.search(pattern, self.log()[since:]), timeout,
                        f"{pattern!r} in the log of Postfix")

    def send(self, **message):
        """mail() and wait for its fate: ("sent"|"deferred"|"bounced", the reason)."""
        number = self.mail(**message)
        line = self.wait_log(rf"{number}: to=.*dsn=([\d.]+), status=(\w+) \((.*)\)")
        return line.group(2), f"{line.group(1)} {line.group(3)}"
