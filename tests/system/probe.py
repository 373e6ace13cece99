#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""probe - a real login, shown step by step, and what went wrong"""

import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "lib"))

import tap
from env import sasl_path, wait_for
from mail import Dovecot
from world import World

ALICE = "alice@example.com"
PORTS = {"imap": ("imaps", "imap"), "pop": ("pops", "pop"), "smtp": ("smtps", "smtp")}


class Mail(World):
    """A world in which `sasl-bearer probe` runs."""

    def __init__(self, env):
        super().__init__(env, certified=False)
        self.helper.start()

    def probe(self, user=ALICE, service="imap", server=None, plugin=True, ca=True, **how):
        """Run it; returns a Result."""
        port = f"localhost:{server or getattr(self.dovecot, PORTS[service][0])}"
        trust = ["--ca-file", self.env.tls().ca] if ca else []
        return self.helper.cli("probe", "--server", port, *trust, user, service,
                               env={"SASL_PATH": sasl_path(plugin)}, **how)


def fields(text):
    """{name: value} of what it prints, lines put together."""
    text = re.sub(r"\n {12}", " ", text)
    return dict((line[:12].rstrip(), line[12:]) for line in text.splitlines())


@tap.promise
def every_way(world):
    "IMAP, POP and SMTP, with TLS from the start and by STARTTLS: server, TLS, mechanism, words"
    world.account(ALICE)
    for service, names in PORTS.items():
        for name in names:
            port = getattr(world.dovecot, name)
            done = world.probe(service=service, server=port)
            assert done.rc == 0 and not done.stderr, done
            found = fields(done.stdout)
            assert found["account"] == f"{ALICE}, provider test", found
            assert found["server"] == f"localhost:{port}", found
            assert found["TLS"].startswith("TLSv1.3, certificate good until 20"), found
            assert found["plugin"] == "OAUTHBEARER XOAUTH2", found
            assert found["mechanism"] == "OAUTHBEARER", found
            assert found["result"] == "the login works", found
            assert "XOAUTH2" in found["offers"] and found["greeting"], found


tap.main(Mail, root=True, programs=["dovecot", "openssl"], timeout=120)
