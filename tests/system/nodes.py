#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""nodes - one account on several machines: what doc/HIGH-AVAILABILITY.md warns of and advises"""

import os
import shutil
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "lib"))

import tap
from env import identity
from helper import Helper, endpoints
from oidc import CONFIDENTIAL, PUBLIC, SECRET, OidcProvider

ALICE, RELAY = "alice@example.com", "relay@example.com"
PERSON = {"provider": "oidc", "client_id": PUBLIC}


class Nodes:
    """A provider that replaces refresh tokens and looks for stolen ones, and machines."""

    def __init__(self, env):
        self.env = env
        self.oidc = OidcProvider(env, tls=True, mailbox=RELAY).start()

    def node(self, **accounts):
        """Another machine; its helper does not run yet."""
        provider = {"title": "OIDC", "scope": "openid offline_access mail", "hosts": "localhost",
                    **endpoints(self.oidc)}
        return Helper(self.env, accounts=accounts, providers={"oidc": provider})

    def signed_in(self):
        """A running machine on which alice has signed in."""
        node = self.node(**{ALICE: PERSON}).start()
        assert node.store(ALICE, self.oidc.sign_in(ALICE))["status"] == "ok"
        return node

    def works(self, node, user=ALICE):
        """Whether a node gets a new token, which the provider calls good."""
        if node.request({"request": "refresh", "account": user})["status"] != "ok":
            return False
        return self.oidc.introspect(node.token(user)["token"])["active"]


def clone(node, other):
    """Give one machine the state of another, as a backup or a snapshot does."""
    for name in os.listdir(node.state_dir):
        path = shutil.copy(os.path.join(node.state_dir, name), other.state_dir)
        if other.run_as:
            who = identity(other.run_as)
            os.chown(path, who["user"], who["group"])


@tap.promise
def cloned(nodes):
    "a clone of a sign-in ends it, for the original as well: each says that somebody must sign in"
    original, copy = nodes.signed_in(), nodes.node(**{ALICE: PERSON})
    clone(original, copy)
    copy.start()
    assert nodes.works(original)
    assert not nodes.works(copy) and not nodes.works(original)
    for node in (original, copy):
        listed = node.cli("list").stdout
        assert "sasl-bearer login" in listed, listed


@tap.promise
def restored(nodes):
    "so does a backup that is older than the last refresh, also when the original is gone"
    node, backup = nodes.signed_in(), nodes.node(**{ALICE: PERSON})
    clone(node, backup)
    assert nodes.works(node)
    node.stop()
    backup.start()
    assert not nodes.works(backup)


@tap.promise
def signed_in_twice(nodes):
    "a person who signs in on each machine has sign-ins that live by themselves"
    first, second = nodes.signed_in(), nodes.signed_in()
    for _ in range(2):
        assert nodes.works(first) and nodes.works(second)


@tap.promise
def application(nodes):
    "an application works on two machines at once, also with the state of one on the other"
    both = []
    for _ in range(2):
        node = nodes.node()
        node.accounts[RELAY] = {
            "provider": "oidc", "client_id": CONFIDENTIAL, "scope": "mail",
            "grant": "client_credentials",
            "client_secret_file": node.secret_file("app.secret", SECRET)}
        both.append(node)
    first, second = both
    first.start()
    assert nodes.works(first, RELAY)
    clone(first, second)
    second.start()
    for _ in range(2):
        assert nodes.works(first, RELAY) and nodes.works(second, RELAY)


tap.main(Nodes)
