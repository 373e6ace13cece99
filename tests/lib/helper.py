# SPDX-License-Identifier: MIT
"""helper - sasl-bearerd with a private configuration, and a client of its socket"""

import os
import signal
import socket

import protocol
from env import LIBEXEC_DIR, built, identity, sasl_path, wait_for


def endpoints(server, tenant="common"):
    """The keys that point a provider or account at an OAuthServer or an OidcProvider."""
    def where(kind):
        return server.endpoint(kind, tenant) if hasattr(server, "issue") else server.endpoint(kind)
    return {"token_endpoint": where("token"), "revocation_endpoint": where("revoke"),
            "device_authorization_endpoint": where("devicecode"),
            "authorization_endpoint": where("authorize")}


class Helper:
    """One helper.  All settings are written at start() and reload().

    server     where the provider "test" points to: an OAuthServer, an OidcProvider or None
    accounts   {name: {key: value}}; a list is written with blanks.  Left out are
               provider = test, client_id = test-client and, without root, allow = this uid
    providers  {name: {key: value}}; hosts of "test" are localhost and 127.0.0.1
    settings   more of sasl-bearer.conf; None removes a line
    listen     further sockets, such as one in Postfix's queue directory
    run_as     the user that the system helper drops to, when the test runs as root
    user       run as `sasl-bearerd --user` of this uid instead
    wrapper    words before the command: strace, valgrind
    environment  for the daemon
    """

    def __init__(self, env, server=None, accounts=None, providers=None, settings=None, listen=(),
                 run_as="daemon", user=None, wrapper=(), environment=None):
        self.env, self.server, self.user = env, server, user
        self.accounts, self.providers = dict(accounts or {}), dict(providers or {})
        self.settings, self.wrapper = dict(settings or {}), list(wrapper)
        self.name = env.name("helper")
        self.dir = env.mkdir(self.name)
        root = os.geteuid() == 0
        self.run_as = run_as if root and user is None else None
        self.owner = user if user is not None else self.run_as
        self.environment = dict(environment or {})
        if user is None:
            self.config_dir = env.mkdir(self.name + "/etc")
            self.socket = os.path.join(env.mkdir(self.name + "/run"), "socket")
            self.state_dir = env.mkdir(self.name + "/state", 0o700, self.run_as)
        else:
            for word, mode in (("CONFIG_HOME", 0o755), ("STATE_HOME", 0o700),
                               ("RUNTIME_DIR", 0o700)):
                where = env.mkdir(f"{self.name}/{word.lower()}", mode, user)
                self.environment["XDG_" + word] = where
            self.environment["HOME"] = env.mkdir(self.name + "/home", 0o700, user)
            self.config_dir = env.mkdir(self.name + "/config_home/sasl-bearer", uid=user)
            self.socket = self.path("runtime_dir/sasl-bearer/socket")
            self.state_dir = self.path("state_home/sasl-bearer")
        self.listen = [self.socket, *listen]
        self.config = os.path.join(self.config_dir, "sasl-bearer.conf")
        self.process = None
        self.notified = []              # what it told the service manager

    def path(self, *parts):
        return os.path.join(self.dir, *parts)

    # ---- configuration

    def write_config(self):
        """Write every file anew; accounts and providers that are gone are removed."""
        settings = {
            "listen": self.listen if self.user is None else None,
            "state_dir": self.state_dir if self.user is None else None,
            "accounts_dir": os.path.join(self.config_dir, "accounts.d"),
            "providers_dir": os.path.join(self.config_dir, "providers.d"),
            "libexec_dir": LIBEXEC_DIR, "run_as": self.run_as, "log_level": "debug",
            "ca_file": self.env.tls().ca, **self.settings,
        }
        providers = dict(self.providers)
        if self.server:
            providers["test"] = {"title": "Test", "scope": "mail offline_access",
                                 "hosts": "localhost 127.0.0.1",
                                 **endpoints(self.server), **providers.get("test", {})}
        self._write(self.config, settings)
        for folder, files in (("accounts.d", self.accounts), ("providers.d", providers)):
            where = os.path.join(self.config_dir, folder)
            os.makedirs(where, exist_ok=True)
            for old in set(os.listdir(where)) - {f"{name}.conf" for name in files}:
                os.unlink(os.path.join(where, old))
            for name, keys in files.items():
                if folder == "accounts.d":
                    self.write_account(name)
                else:
                    self._write(os.path.join(where, f"{name}.conf"), keys)
        return self

    def write_account(self, name):
        """Write one account's file; returns self."""
        keys = self.accounts[name]
        if isinstance(keys, dict):
            keys = {"provider": "test", "client_id": "test-client", **keys}
            keys.setdefault("allow", os.geteuid() or None)
        self._write(os.path.join(self.config_dir, "accounts.d", f"{name}.conf"), keys)
        return self

    def secret_file(self, name, text):
        """A file, of text or bytes, that only the daemon and root may read; returns its path."""
        path = os.path.join(self.config_dir, name)
        self._write(path, text)
        return path

    def _write(self, path, keys):
        """Write a file as an administrator would: root's, readable by the daemon's group."""
        text = keys
        if isinstance(keys, dict):
            lines = {key: " ".join(value) if isinstance(value, (list, tuple)) else value
                     for key, value in keys.items() if value is not None}
            text = "".join(f"{key} = {value}\n" for key, value in lines.items())
        with open(path, "w", encoding="utf-8", newline="") as f:
            if self.owner is not None and os.geteuid() == 0:
                who = identity(self.owner)
                os.fchown(f.fileno(), who["user"] if self.user is not None else 0, who["group"])
            os.fchmod(f.fileno(), 0o640 if self.run_as else 0o600)
            f.buffer.write(text if isinstance(text, bytes) else text.encode())

    # ---- the process

    def command(self, *options):
        """The command line of the daemon."""
        which = ["--user"] if self.user is not None else ["--config", self.config]
        return [*self.wrapper, built("sasl-bearerd"), *which, *options]

    def start(self, timeout=10):
        """Write the configuration, start, wait for READY=1; returns self."""
        self.write_config()
        self.notified.clear()
        path = self.path("notify")
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
            if os.path.exists(path):
                os.unlink(path)
            manager.bind(path)
            os.chmod(path, 0o666)
            manager.settimeout(0.05)
            self.process = self.env.start(
                self.name, self.command("--foreground"), uid=self.user,
                env={**self.environment, "NOTIFY_SOCKET": path})
            wait_for(lambda: self._ready(manager), timeout, "READY=1 from sasl-bearerd")
        return self

    def _ready(self, manager):
        try:
            self.notified += manager.recv(4096).decode().splitlines()
        except TimeoutError:
            pass
        assert self.process.alive(), "sasl-bearerd does not start:\n" + self.log()
        return "READY=1" in self.notified

    def stop(self, timeout=30):
        """SIGTERM; returns the exit status."""
        return self.process.stop(timeout=timeout)

    def kill(self):
        """SIGKILL."""
        self.process.kill()

    def restart(self):
        self.stop()
        return self.start()

    def hup(self):
        """Write the configuration and send SIGHUP."""
        self.write_config()
        self.process.send(signal.SIGHUP)

    def reload(self):
        """Write the configuration and ask for a reload; returns the reply."""
        self.write_config()
        return self.request({"request": "reload"})

    def check(self):
        """Write the configuration and run sasl-bearerd --check; returns a Result."""
        self.write_config()
        return self.env.run(self.command("--check"), uid=self.user, env=self.environment)

    def log(self):
        """All that it logged, over restarts."""
        return self.process.log() if self.process else ""

    def wait_log(self, text, timeout=10):
        """Wait until the log has that text."""
        wait_for(lambda: text in self.log(), timeout, f"{text!r} in the helper's log")

    def state(self, account):
        """An account's state file as {name: value}, or None."""
        try:
            with open(os.path.join(self.state_dir, account), encoding="utf-8") as f:
                lines = [line.partition("=") for line in f.read().splitlines() if line]
        except FileNotFoundError:
            return None
        return {name: value for name, _, value in lines}

    # ---- the socket

    def raw(self, data, uid=None, path=None, timeout=30):
        """Send bytes as a uid; returns the bytes that came back."""
        path = path or self.socket
        if uid is None:
            return protocol.exchange(path, data, timeout)
        return protocol.exchange_by(self.env.run, path, data, timeout, uid=uid)

    def requests(self, fields, **how):
        """Send a request; returns all messages of the reply.  how: uid, path, timeout."""
        return protocol.decode(self.raw(protocol.encode({"protocol": 1, **fields}), **how))

    def request(self, fields, **how):
        """Send a request; returns the only message of the reply, {} if there is none."""
        replies = self.requests(fields, **how)
        assert len(replies) <= 1, f"{len(replies)} messages: {replies}"
        return replies[0] if replies else {}

    def token(self, user="alice@example.com", uid=None, **attributes):
        """Ask for a token as the plugin does; an attribute None is left out."""
        fields = {"request": "token", "user": user, "service": "imap", "host": "localhost",
                  "mechanism": "XOAUTH2", "deadline_ms": 25000, **attributes}
        return self.request({k: v for k, v in fields.items() if v is not None}, uid=uid)

    def store(self, account, tokens, **attributes):
        """Store what a token endpoint answered; returns the reply."""
        names = ("refresh_token", "access_token", "expires_in", "scope")
        known = {name: tokens[name] for name in names if name in tokens}
        return self.request({"request": "store", "account": account, **known, **attributes})

    def list(self, uid=None, **attributes):
        """All accounts that a uid may see: {account: message}."""
        begin, *accounts, end = self.requests({"request": "list", **attributes}, uid=uid)
        assert begin.get("status") == end.get("status") == "ok", (begin, end)
        assert int(end["count"]) == len(accounts), end
        return {message["account"]: message for message in accounts}

    # ---- the command line

    def cli(self, *words, uid=None, input=None, env=None, timeout=60, plugin=True, under=()):
        """Run sasl-bearer, with the fresh plugin or without one; returns a Result."""
        uid = self.user if uid is None else uid
        env = {"SASL_PATH": sasl_path(plugin), **(env or {})}
        which = ["--user"] if self.user is not None else ["--config", self.config]
        return self.env.run([*under, built("sasl-bearer"), *which, *words], uid=uid, input=input,
                            timeout=timeout, env={**self.environment, **env})
