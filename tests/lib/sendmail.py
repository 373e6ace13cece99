# SPDX-License-Identifier: MIT
"""sendmail - sendmail with a smarthost, in mounts of its own

It reads SASL_PATH nowhere and cleans its environment, so it gets what an installation has:
/etc with its configuration and hosts, the plugin in libsasl2's directory, /var/spool, and a
/dev with a syslog.
"""

import glob
import os
import shutil
import socket

import tap
from env import sasl_path
from programs import Program

SMARTHOST = "smtp.example.com"
MC = """\
divert(0)dnl
OSTYPE(`linux')dnl
define(`confDOMAIN_NAME', `relay.example.com')dnl
define(`confCACERT_PATH', `/etc/mail')dnl
define(`ALIAS_FILE', `')dnl
define(`confSERVICE_SWITCH_FILE', `/etc/mail/switch')dnl
define(`confDONT_PROBE_INTERFACES', `true')dnl
FEATURE(`nocanonify')dnl
FEATURE(`access_db', `hash /etc/mail/access')dnl
{lines}
MAILER(`smtp')dnl
LOCAL_CONFIG
ESASL_BEARER_SOCKET={socket}
"""
# mounts, then the command
ENTER = """\
cd {dir}
for node in null zero urandom; do
	: >dev/$node
	mount --bind /dev/$node dev/$node
done
mount --bind sasl2 {plugins}
mount --bind etc /etc
mount --bind spool /var/spool
mount --bind dev /dev
hostname relay.example.com
exec "$@"
"""


class Sendmail:
    """One installation of sendmail, without a daemon; needs root."""

    def __init__(self, env, helper):
        self.env, self.helper = env, helper
        self.program = Program("sendmail")
        tap.require("m4", "unshare")
        tap.need(env.can_mount(), "a place where processes may have mounts of their own")
        name = env.name("sendmail")
        self.dir, self.name = env.mkdir(name), name
        for part in ("dev", "etc/mail", "sasl2", "spool/mqueue"):
            env.mkdir(f"{name}/{part}")
        fresh, self.plugins = sasl_path().split(":")
        for library in (*glob.glob(self.plugins + "/*.so"), fresh + "/libsaslbearer.so"):
            shutil.copy(library, self.dir + "/sasl2")
        shutil.copy(env.tls().ca, self.dir + "/etc/mail/ca.pem")
        for file in ("passwd", "group", "services", "protocols"):
            shutil.copy("/etc/" + file, self.dir + "/etc")
        env.write(f"{name}/etc/nsswitch.conf", "hosts: files\n")
        env.write(f"{name}/etc/mail/switch", "hosts files\n")
        env.write(f"{name}/etc/hosts",
                  f"127.0.0.1 {SMARTHOST} localhost\n127.0.1.1 relay.example.com\n")
        env.write(f"{name}/enter", ENTER.format(dir=self.dir, plugins=self.plugins))
        self.syslog = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.syslog.bind(self.dir + "/dev/log")
        self.syslog.setblocking(False)

    def run(self, *words, **how):
        """Run a program of sendmail's; returns a Result."""
        path = self.program.path("usr/libexec/sendmail", words[0])
        return self.env.run(["unshare", "-mu", "sh", "-e", self.dir + "/enter", path, *words[1:]],
                            env=self.program.environment, **how)

    def configure(self, found):
        """What an administrator does with the files that setup printed, and says to run."""
        cf = self.program.path("usr/share/sendmail/cf")
        # it believes no file below a directory that all may write to
        lines = found["/etc/mail/sendmail.mc"].replace(self.env.tls().ca, "/etc/mail/ca.pem")
        source = self.env.write(f"{self.name}/sendmail.mc", MC.format(
            lines=lines, socket=self.helper.socket))
        made = self.env.run(["m4", f"-D_CF_DIR_={cf}/", cf + "/m4/cf.m4", source])
        assert made.rc == 0, made
        self.env.write(f"{self.name}/etc/mail/sendmail.cf", made.stdout)
        for name in ("access", "authinfo"):
            text = found[f"/etc/mail/{name}"]
            self.env.write(f"{self.name}/etc/mail/{name}", text, 0o600)
            made = self.run("makemap", "hash", f"/etc/mail/{name}", input=text)
            assert made.rc == 0, made

    def send(self, sender, to="bob@example.net", timeout=30):
        """Send a message now; returns a Result, with the log in stderr."""
        done = self.run("sendmail", "-v", "-odi", "-f", sender, to, timeout=timeout,
                        input=f"From: {sender}\nTo: {to}\nSubject: test\n\ntest\n")
        return done._replace(stderr=done.stderr + self.log())

    def log(self):
        """What it has logged since the last time."""
        lines = []
        while True:
            try:
                lines.append(self.syslog.recv(65536).decode("utf-8", "replace"))
            except BlockingIOError:
                return "".join(line + "\n" for line in lines)

    def queue(self):
        """The control files of the messages that are queued."""
        return glob.glob(self.dir + "/spool/mqueue/qf*")

    def forget(self):
        """Empty the queue."""
        for path in glob.glob(self.dir + "/spool/mqueue/*"):
            os.unlink(path)
