# SPDX-License-Identifier: MIT
"""signin - what tests of sasl-bearer login need: a provider, a helper, a person"""

import fcntl
import os
import pty
import struct
import subprocess
import termios
import threading
import time

from env import built, environment, wait_for
from helper import Helper
from oauthd import OAuthServer

NEW = ("login", "--provider", "test", "--client-id", "test-client")


class World:
    """A provider and a helper without accounts."""

    def __init__(self, env):
        self.env = env
        self.server = OAuthServer(tls=env.tls(), log=env.log_file("oauthd")).start()
        self.helper = Helper(env, self.server).start()

    def login(self, *words, act="approve", user="alice@example.com", **how):
        """Run a sign-in while somebody at a browser acts, as user; returns a Result."""
        known = set(self.server.devices)

        def browse():
            deadline = time.monotonic() + 30
            while time.monotonic() < deadline:
                for code in set(self.server.devices) - known:
                    device = self.server.devices[code]
                    if act == "approve":
                        self.server.approve(device["user_code"], user)
                    elif act == "deny":
                        self.server.deny(device["user_code"])
                    elif act == "slow":
                        self.server.slow_down(device["user_code"])
                        self.server.approve(device["user_code"], user)
                    return
                time.sleep(0.05)

        person = threading.Thread(target=browse, daemon=True)
        person.start()
        return self.helper.cli(*words, **how)

    def terminal(self, *words, **how):
        """Run sasl-bearer on a terminal; returns a Terminal."""
        command = [built("sasl-bearer"), "--config", self.helper.config, *words]
        return Terminal(command, env={"HOME": self.env.dir, **self.helper.environment,
                                      **how.pop("env", {})}, **how)

    def pending(self):
        """The device codes that nobody has used, oldest first."""
        return list(self.server.devices)

    def account_file(self, name, suffix=".conf"):
        return os.path.join(self.helper.config_dir, "accounts.d", name + suffix)

    def read(self, name):
        with open(self.account_file(name), encoding="utf-8") as f:
            return f.read()

    def left(self, name):
        """The files that have to do with an account: its own, and temporary ones."""
        folders = (os.path.join(self.helper.config_dir, "accounts.d"), self.helper.state_dir)
        return [file for folder in folders for file in os.listdir(folder) if name in file]


class Terminal:
    """A program that has a terminal for itself; also a context manager that ends it.

    columns, rows   its size
    env             more of the environment, which has NO_COLOR; None removes a name
    """

    def __init__(self, command, columns=80, rows=24, env=None):
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self.process = subprocess.Popen(
            command, stdin=slave, stdout=slave, stderr=slave, start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),    # for Ctrl-C
            env=environment({"TERM": "xterm-256color", "NO_COLOR": "1",
                             **(env or {})}))
        os.close(slave)
        self.bytes = b""
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def __enter__(self):
        return self

    def __exit__(self, *_error):
        if self.process.poll() is None:
            self.process.kill()
        self.wait()
        os.close(self.master)

    def _read(self):
        try:
            while more := os.read(self.master, 65536):
                self.bytes += more
        except OSError:     # Linux says so at the end
            pass

    @property
    def text(self):
        """All that it showed."""
        return self.bytes.decode("utf-8", "replace")

    def wait_for(self, text, timeout=20):
        """Wait until it has shown a text."""
        wait_for(lambda: text in self.text, timeout, f"{text!r} on the terminal")

    def type(self, text):
        os.write(self.master, text.encode())

    def type_hidden(self, text):
        """Type what is not to be shown, as soon as it is not."""
        wait_for(lambda: not termios.tcgetattr(self.master)[3] & termios.ECHO, 20, "no echo")
        self.type(text)

    def wait(self, timeout=30):
        """Wait for its end; returns the exit status."""
        status = self.process.wait(timeout)
        self.reader.join(10)
        return status
