# SPDX-License-Identifier: MIT
"""dovecot - a private Dovecot, 2.3 or 2.4, that asks an OAuth server about tokens"""

import imaplib
import os
import poplib
import re
import smtplib
from urllib.parse import quote

import tap
from env import can_connect, wait_for

# what both versions understand; it follows what only one does
CONFIG = """\
base_dir = {dir}/run
state_dir = {dir}/state
log_path = {dir}/log
auth_debug = {debug}
auth_verbose = yes
auth_failure_delay = 0
protocols = imap pop3 submission
listen = 127.0.0.1
mail_uid = nobody
mail_gid = nogroup
auth_mechanisms = {mechanisms}
ssl = {ssl}
namespace inbox {{
  inbox = yes
}}
# no growing delay for an address that failed before: every test comes from one
service anvil {{
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
# for the smtpd of Postfix
service auth {{
  unix_listener auth-client {{
    mode = 0666
  }}
}}
service imap-login {{
  inet_listener imap {{
    port = {imap}
  }}
  inet_listener imaps {{
    port = {imaps}
    ssl = yes
  }}
}}
service pop3-login {{
  inet_listener pop3 {{
    port = {pop}
  }}
  inet_listener pop3s {{
    port = {pops}
    ssl = yes
  }}
}}
service submission-login {{
  inet_listener submission {{
    port = {smtp}
  }}
  inet_listener submissions {{
    port = {smtps}
    ssl = yes
  }}
}}
hostname = localhost
submission_relay_host = 127.0.0.1
submission_relay_port = {relay}
submission_relay_ssl = no
"""
CONFIG_2_3 = """\
mail_location = maildir:{dir}/mail/%u
disable_plaintext_auth = {only_tls}
ssl_cert = <{cert}
ssl_key = <{key}
passdb {{
  driver = passwd-file
  mechanisms = plain login
  args = scheme=PLAIN username_format=%Lu {dir}/passwd
}}
passdb {{
  driver = oauth2
  mechanisms = xoauth2 oauthbearer
  args = {dir}/oauth2.conf
}}
userdb {{
  driver = static
  args = home={dir}/mail/%u
}}
"""
CONFIG_2_4 = """\
dovecot_config_version = 2.4.0
dovecot_storage_version = 2.4.0
mail_driver = maildir
mail_path = {dir}/mail/%{{user}}
auth_allow_cleartext = {plain}
ssl_server_cert_file = {cert}
ssl_server_key_file = {key}
passdb passwd-file {{
  mechanisms_filter = plain login
  default_password_scheme = PLAIN
  passwd_file_path = {dir}/passwd
}}
userdb static {{
  fields {{
    home = {dir}/mail/%{{user}}
  }}
}}
oauth2 {{
  !include {dir}/oauth2.conf
}}
"""
OAUTH2 = """\
introspection_mode = post
introspection_url = {url}
active_attribute = active
active_value = true
username_attribute = username
{scope}"""
OAUTH2_2_3 = """\
client_id = {client_id}
client_secret = {client_secret}
username_format = {user}
tls_ca_cert_file = {ca}
"""
OAUTH2_2_4 = """\
username_validation_format = {user}
ssl_client_ca_file = {ca}
"""


class WholeLines:
    """imaplib's, but what is sent are whole lines: Dovecot 2.3 can overlook a CRLF in a TLS
    record of its own."""

    held = b""

    def send(self, data):
        self.held += data
        if self.held.endswith(b"\r\n"):
            line, self.held = self.held, b""
            super().send(line)


class Imap(WholeLines, imaplib.IMAP4_SSL):
    """IMAP over TLS."""


class Dovecot:
    """IMAP, POP3 and submission on loopback ports; needs root.

    introspection  where to ask about a token: an OAuthServer, an OidcProvider, or an
                   address, in which user:password are for the request
    mechanisms     what is offered
    scope          a token must have it
    sink           a mail.Sink, where submission delivers to
    passwords      {user: password} for PLAIN
    any_user       accept a good token for every user name (that of an app-only token)
    plain          offer authentication without TLS too
    tls            (cert, key) instead of the good pair
    debug          log everything, tokens too
    ports          attributes imap imaps pop pops smtp smtps
    """

    PORTS = ("imap", "imaps", "pop", "pops", "smtp", "smtps")

    def __init__(self, env, introspection=None, mechanisms="plain xoauth2 oauthbearer",
                 scope=None, sink=None, passwords=None, any_user=False, plain=False, tls=None,
                 debug=False):
        self.env = env
        self.introspection = introspection
        self.mechanisms, self.scope, self.any_user = mechanisms, scope, any_user
        self.sink, self.passwords, self.plain = sink, passwords or {}, plain
        self.debug = debug
        self.cert, self.key = tls or (env.tls().cert, env.tls().key)
        for name in self.PORTS:
            setattr(self, name, env.port())
        self.dir = env.path(env.name("dovecot"))
        self.config = os.path.join(self.dir, "dovecot.conf")
        self.process = None

    def start(self):
        """Start it and wait until it listens; returns self.  Skips without Dovecot or root."""
        tap.require("dovecot")
        tap.need(os.geteuid() == 0, "uid 0")
        name = os.path.basename(self.dir)
        self.env.mkdir(name)
        for part in ("run", "state"):
            self.env.mkdir(f"{name}/{part}")
        self.env.mkdir(f"{name}/mail", uid="nobody")
        self.env.write(f"{name}/passwd", "".join(
            f"{user}:{password}\n" for user, password in self.passwords.items()))
        version = self.env.run(["dovecot", "--version"]).stdout
        new = [int(n) for n in re.findall(r"\d+", version)[:2]] >= [2, 4]
        self.env.write(f"{name}/oauth2.conf", self._oauth2(new))
        values = {port: getattr(self, port) for port in self.PORTS}
        config = (CONFIG_2_4 if new else CONFIG_2_3) + CONFIG
        self.env.write(f"{name}/dovecot.conf", config.format(
            dir=self.dir, mechanisms=self.mechanisms, cert=self.cert, key=self.key,
            debug="yes" if self.debug else "no",
            only_tls="no" if self.plain else "yes", plain="yes" if self.plain else "no",
            ssl="yes" if self.plain else "required",
            relay=self.sink.port if self.sink else 9, **values))
        self.env.log_file(name, self.dir + "/log")
        self.process = self.env.start(name + "-out", ["dovecot", "-F", "-c", self.config])

        def ready():
            assert self.process.alive(), "dovecot does not start:\n" + self.process.log()
            return all(can_connect(port) for port in values.values())
        wait_for(ready, 20)
        return self

    def stop(self):
        if self.process:
            self.process.stop()

    def log(self):
        """Its log."""
        with open(self.dir + "/log", encoding="utf-8", errors="replace") as f:
            return f.read()

    def wait_log(self, pattern, since=0, timeout=10):
        """Wait for a match of a regular expression in the log, which a process of Dovecot
        writes for the others, a moment later; returns all from `since` on."""
        wait_for(lambda: re.search(pattern, self.log()[since:]), timeout,
                 f"{pattern!r} in the log of Dovecot")
        return self.log()[since:]

    def wait_login(self, user, mechanism, since=0):
        """Wait until the log has a user's login by that mechanism."""
        self.wait_log(f"user=<{re.escape(user)}>, method={mechanism}", since)

    def deliver(self, user, text="hello"):
        """Put a message into a user's INBOX."""
        new = f"{os.path.basename(self.dir)}/mail/{user}"
        for part in ("", "/cur", "/new", "/tmp"):
            self.env.mkdir(new + part, 0o700, uid="nobody")
        path = self.env.write(f"{new}/new/{self.env.name('test')}",
                              f"From: sender@example.com\nTo: {user}\nSubject: {text}\n\n{text}\n")
        os.chown(path, 65534, 65534)

    def mailbox(self, user):
        """The messages of a user's INBOX, as paths such as "new/NAME"."""
        box = os.path.join(self.dir, "mail", user)
        return sorted(f"{part}/{name}" for part in ("cur", "new")
                      for name in os.listdir(os.path.join(box, part)))

    def client(self, protocol="imap", **args):
        """A Python client over TLS: imaplib.IMAP4, poplib.POP3 or smtplib.SMTP."""
        args = {"timeout": 10, **args}
        context = self.env.tls().client()
        if protocol == "imap":
            return Imap("localhost", self.imaps, ssl_context=context, **args)
        if protocol == "pop":
            return poplib.POP3_SSL("localhost", self.pops, context=context, **args)
        return smtplib.SMTP_SSL("localhost", self.smtps, context=context, **args)

    def login(self, user, token, mechanism="XOAUTH2"):
        """Log in over IMAPS; returns (good, the server's JSON challenge or None, its words)."""
        parts = {"XOAUTH2": f"user={user}\1auth=Bearer {token}\1\1",
                 "OAUTHBEARER": f"n,a={user},\1auth=Bearer {token}\1\1"}
        challenges = []

        def answer(challenge):
            challenges.append(challenge)
            if len(challenges) == 1:
                return parts[mechanism].encode()
            return b"" if mechanism == "XOAUTH2" else b"\1"
        client = self.client()
        try:
            good, words = client.authenticate(mechanism, answer)
            good = good == "OK"
        except imaplib.IMAP4.error as e:
            good, words = False, e.args
        client.shutdown()
        return good, challenges[1] if len(challenges) > 1 else None, str(words[0])

    def _oauth2(self, new):
        from oidc import CONFIDENTIAL, SECRET
        url = self.introspection or "http://127.0.0.1:9/"
        if not isinstance(url, str):
            url = url.endpoint("introspect")
            if new:     # what it sends besides the token must be in the address
                login = ":".join(quote(quote(word)) for word in (CONFIDENTIAL, SECRET))
                url = url.replace("://", f"://{login}@")
        # 2.3 compares this text with the token's name in it and with the request's;
        # 2.4 compares the former with the request's name itself
        if new:
            user = "%{event:user}" if self.any_user else "%{user | lower}"
        else:
            user = "anybody" if self.any_user else "%Lu"
        return (OAUTH2 + (OAUTH2_2_4 if new else OAUTH2_2_3)).format(
            url=url, client_id=CONFIDENTIAL, client_secret=SECRET, user=user,
            scope=f"scope = {self.scope}\n" if self.scope else "", ca=self.env.tls().ca)
