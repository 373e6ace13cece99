#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""mutt - mutt and neomutt with Cyrus SASL read and send mail by OAuth, on a real screen

Fedora, Arch and FreeBSD build them so; for Debian tools/programs does.  Neither shows what
the plugin says, nor the server: what is shown is written down here.
"""

import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "lib"))

import tap
from env import wait_for
from mutt import BOB, PROTOCOLS, Case, Mail, for_each, url
from programs import Program
from world import MECHANISMS

ALICE, CAROL, SHARED = "alice@example.com", "carol@example.com", "shared@example.com"
BOX = "Unable to open mailbox"
# what is shown in the end when the server rejects a token, or there is none
REJECTED = {
    ("mutt", "imap"): "No authenticators available", ("neomutt", "imap"): BOX,
    ("mutt", "pop"): "SASL authentication failed", ("neomutt", "pop"): BOX,
    ("mutt", "smtp"): "SASL authentication failed",
    ("neomutt", "smtp"): "SASL authentication failed",
}
NONE = {
    ("mutt", "imap"): "No authenticators available", ("neomutt", "imap"): BOX,
    ("mutt", "pop"): r"\(no mailbox\)", ("neomutt", "pop"): BOX,
    ("mutt", "smtp"): "No authenticators available",
    ("neomutt", "smtp"): "No authenticators available",
}


def world_of(env):
    return Mail(env, lambda program: Program(program).path("bin", program))


@for_each()
def linked(world, program):
    "this {program} has libsasl2, and no GNU SASL"
    tap.note(f"{program} {Program(program).version}")
    libraries = world.env.run(["ldd", world.path(program)]).stdout
    assert "libsasl2" in libraries and "libgsasl" not in libraries, libraries


@for_each("imap", "pop", "smtp")
def good(world, program, protocol):
    "{program} {protocol} by both mechanisms"
    user = f"{program}-{protocol}@example.com"
    world.account(user)
    for mechanism in MECHANISMS:
        world.works(Case("plugin", program, protocol, mechanism), user, f"by {mechanism}")


@for_each()
def large_token(world, program):
    "{program} reads mail with a token of 3 KB"
    user = f"{program}-large@example.com"
    world.large_account(user)
    for protocol in ("imap", "pop"):
        for mechanism in MECHANISMS:
            world.works(Case("plugin", program, protocol, mechanism), user, f"large {mechanism}")


@for_each("imap", "pop", "smtp")
def expired(world, program, protocol):
    "{program} {protocol} after the access token has expired, for one refresh"
    user = f"{program}-{protocol}-expired@example.com"
    world.end_of_token(user)
    for mechanism in MECHANISMS:
        world.works(Case("plugin", program, protocol, mechanism), user, f"again {mechanism}")
    assert world.refreshes(user) == 1


@for_each("imap", "smtp")
def rejected(world, program, protocol):
    "{program} that {protocol} ends well when the server rejects a token, which is replaced"
    cases = {}
    for mechanism in MECHANISMS:
        user = f"{program}-{protocol}-{mechanism.lower()}@example.com"
        cases[user] = Case("plugin", program, protocol, mechanism)
        tokens = world.account(user)
        world.oauth.expire(tokens["access_token"])      # the helper does not know
    world.fails(cases, lambda _: REJECTED[program, protocol])
    for user, case in cases.items():
        world.helper.wait_log(f'account "{user}": localhost does not accept token')
        wait_for(lambda user=user: world.refreshes(user) == 1, what="the refresh")
        world.works(case, user, "with a new one")
        assert world.refreshes(user) == 1


@for_each("pop")
def rejected_pop(world, program, protocol):
    "{program} that {protocol} ends well too, but tells nobody why: `sasl-bearer refresh` helps"
    user, case = f"{program}-rejected-pop@example.com", Case("plugin", program, protocol)
    tokens = world.account(user)
    world.oauth.expire(tokens["access_token"])
    before = len(world.dovecot.log())
    world.fails({user: case}, lambda _: REJECTED[program, protocol])
    world.dovecot.wait_log("Provided token is not valid", before)
    assert world.refreshes(user) == 0
    done = world.helper.cli("refresh", user)
    assert done.rc == 0, done
    world.works(case, user, "refreshed by hand")


@for_each("imap", "pop", "smtp")
def revoked(world, program, protocol):
    "{program} that {protocol} sends no token and asks for no password when the grant is revoked"
    cases = {f"{program}-{protocol}-no-{mechanism}@example.com".lower():
             Case("plugin", program, protocol, mechanism) for mechanism in MECHANISMS}
    world.end_of_token(*cases)
    servers = {world.server(case) for case in cases.values()}
    before = {server: len(server.log()) for server in servers}
    for user in cases:
        world.oauth.revoke(user)
    world.fails(cases, lambda _: NONE[program, protocol])
    for server in servers:
        log = server.wait_log("-login: .*session=<", before[server])
        assert not re.search("oauth2|bearer", log, re.I), log
    for user in cases:
        world.helper.wait_log(f"sasl-bearer login {user}")


@for_each()
def two_accounts(world, program):
    "{program} reads two accounts in one run"
    for user in (ALICE, BOB):
        world.account(user)
        world.dovecot.deliver(user, f"{program} for {user}")
    reader = world.start(Case("plugin", program, "imap"), ALICE)
    reader.reads(f"{program} for {ALICE}")
    reader.opens(url("imaps", BOB, world.dovecot.imaps, "INBOX"))
    reader.reads(f"{program} for {BOB}")
    reader.quits()


@for_each("imap", "pop", "smtp")
def shared(world, program, protocol):
    "{program} {protocol} from a shared mailbox, which the account names"
    if CAROL not in world.helper.accounts:
        world.account(CAROL, sasl_user=SHARED)
    world.works(Case("plugin", program, protocol, "XOAUTH2"), CAROL, f"{program} by account",
                dovecot=world.outlook, name=SHARED)


@for_each()
def shared_login(world, program):
    "{program} reads a shared mailbox that imap_user names, with the token of imap_login"
    world.account(ALICE)
    world.works(Case("plugin", program, "imap", "XOAUTH2"), ALICE, f"{program} by imap_login",
                dovecot=world.outlook, name=SHARED,
                more=f'set imap_user="{SHARED}" imap_login="{ALICE}"\n')


@for_each()
def helper_down(world, program):
    "while the helper is down {program} sends no token, and ends well"
    cases = [Case("plugin", program, protocol) for protocol in PROTOCOLS]
    for case in cases:
        world.setup(case, ALICE)
    before = len(world.dovecot.log())
    world.helper.kill()
    try:
        for case in cases:
            world.fails({ALICE: case}, lambda case: NONE[program, case.protocol])
        assert "oauth2" not in world.dovecot.log()[before:].lower()
    finally:
        world.helper.start()


@tap.promise
def no_secrets(world):
    "no token is in the helper's log, though it is at debug"
    world.assert_no_secret(world.helper.log())


tap.main(world_of, root=True, programs=["dovecot", "tmux"], timeout=240)
