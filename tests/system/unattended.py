#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""unattended - mail programs and accounts that nobody signs in to"""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "lib"))

import tap
from helper import endpoints
from mail import Dovecot, Postfix, Sink, mbsync
from oidc import CERTIFIED, OidcProvider
from world import Stage, asked_for

ALICE = "alice@example.com"
BOB = "bob@example.com"


def assert_fetches(stage, dovecot, user, place):
    """mbsync brings a message that is delivered now to env.path(place)."""
    dovecot.deliver(user, f"for {user}")
    done = mbsync(stage.env, dovecot.imaps, user, "XOAUTH2", name=place,
                  environment={"SASL_BEARER_SOCKET": stage.helper.socket})
    assert done.rc == 0, done
    new = os.listdir(stage.env.path(place, "INBOX", "new"))
    assert len(new) == 1, new
    with open(stage.env.path(place, "INBOX", "new", new[0]), encoding="utf-8") as f:
        assert f"Subject: for {user}\n" in f.read()


def start_with_postfix(stage, introspection, **options):
    """Dovecot, a Postfix that sends through it as alice, and the helper, which both can reach."""
    stage.sink = Sink(stage.env)
    dovecot = Dovecot(stage.env, introspection, sink=stage.sink, **options).start()
    postfix = Postfix(stage.env, dovecot.smtp, ALICE,
                      environment={"SASL_BEARER_SOCKET": stage.helper.socket})
    stage.helper.listen.append(postfix.jailed(stage.helper.socket))
    stage.helper.start()
    return dovecot, postfix.start()


def assert_sends(stage, postfix, subject):
    """Postfix delivers a message through Dovecot."""
    status, reason = postfix.send(subject=subject)
    assert status == "sent", reason
    assert f"Subject: {subject}" in stage.sink.wait(1)[-1].data


def end(stage, dovecot, postfix):
    postfix.stop()
    dovecot.stop()
    stage.end(postfix.log(), dovecot.log())


@tap.promise
def certificate(stage):
    "oidc-provider: Postfix sends with the token of an application that has a certificate"
    _, helper = stage.certified()
    app = helper.accounts["app"]
    provider = OidcProvider(stage.env, tls=True, mailbox=ALICE,
                            certificate=app["client_certificate"]).start()
    app.update({"client_id": CERTIFIED, "scope": "mail", "allow": "postfix",
                **endpoints(provider)})
    dovecot, postfix = start_with_postfix(stage, provider)
    assert_sends(stage, postfix, "by certificate")
    dovecot.wait_login(ALICE, "")
    provider.stop()
    end(stage, dovecot, postfix)


@tap.promise
def service_account(stage):
    "a service account: mbsync fetches for two people, Postfix sends for one of them"
    server, helper = stage.delegated(start=False, allow=f"postfix {os.geteuid()}")
    dovecot, postfix = start_with_postfix(stage, server)
    for user in (ALICE, BOB):
        assert_fetches(stage, dovecot, user, f"service-{user}")
    assert_sends(stage, postfix, "by service account")
    assert asked_for(server) == [ALICE, BOB], "Postfix uses alice's token too"
    assert not dovecot.login(BOB, helper.token()["token"])[0], "alice's token is bob's as well"
    end(stage, dovecot, postfix)


@tap.promise
def application(stage):
    "an application for a domain: two mailboxes and Postfix, one token, one signature"
    server, _ = stage.certified({"domain": {
        "user": "*@example.com", "allow": f"postfix {os.geteuid()}", "services": "imap smtp",
        "hosts": "localhost"}})
    dovecot, postfix = start_with_postfix(stage, server, any_user=True)
    for user in (ALICE, BOB):
        assert_fetches(stage, dovecot, user, f"application-{user}")
    assert_sends(stage, postfix, "by application")
    assert len(server.seen("token")) == 1
    end(stage, dovecot, postfix)


tap.main(Stage, root=True, programs=["dovecot", "mbsync", "openssl", "postfix"])
