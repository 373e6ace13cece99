#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""gsasl - Debian's mutt and neomutt, with GNU SASL: a token command, or a tunnel

GNU SASL has no plugins.  What is on the screen in the end is written down here; a tunnel
gets the reason through, a token command does not.
"""

import os
import re
import shutil
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "lib"))

import tap
from env import wait_for
from mutt import BOB, PROTOCOLS, Case, Mail, for_each, url
from world import MECHANISMS

ALICE, CAROL, SHARED = "alice@example.com", "carol@example.com", "shared@example.com"
BOX, NO_BOX = "Unable to open mailbox", r"\(no mailbox\)"
NO_SMTP = "SASL authentication failed|No authenticators available"
# what is shown in the end: by way, whether a token is rejected or there is none, program
# and protocol
SHOWN = {
    ("token", "rejected", "mutt"): {
        "imap": "(XOAUTH2|OAUTHBEARER) authentication failed", "pop": NO_BOX, "smtp": NO_SMTP},
    ("token", "revoked", "mutt"): {
        "imap": "Command returned empty string", "pop": NO_BOX, "smtp": NO_SMTP},
    ("token", "rejected", "neomutt"): {"imap": BOX, "pop": BOX, "smtp": NO_SMTP},
    ("token", "revoked", "neomutt"): {"imap": BOX, "pop": BOX, "smtp": NO_SMTP},
    ("tunnel", "rejected", "mutt"): {
        "imap": "error 77", "pop": r"\[AUTH\] Authentication failed", "smtp": "error 77"},
    ("tunnel", "revoked", "mutt"): {
        "imap": r"\[ALERT\] .*invalid_grant", "pop": r"\[AUTH\] .*invalid_grant",
        "smtp": "error 69"},
    ("tunnel", "rejected", "neomutt"): {"imap": BOX, "pop": BOX, "smtp": "error 77"},
    ("tunnel", "revoked", "neomutt"): {"imap": BOX, "pop": BOX, "smtp": "error 69"},
}


def world_of(env):
    world = Mail(env, shutil.which)
    for program in ("mutt", "neomutt"):
        libraries = env.run(["ldd", world.path(program)]).stdout
        if "libgsasl" not in libraries:
            tap.skip(f"this system's {program} has no GNU SASL")
    return world


def cases(way, program, protocol):
    """All there are: a tunnel chooses itself, neomutt has no XOAUTH2 over POP3."""
    if way == "tunnel":
        return [Case(way, program, protocol)]
    return [Case(way, program, protocol, mechanism) for mechanism in MECHANISMS
            if (program, protocol, mechanism) != ("neomutt", "pop", "XOAUTH2")]


def name_of(case, what):
    return "-".join(filter(None, (what, *case))).lower() + "@example.com"


def shown(case, why):
    return SHOWN[case.way, why, case.program][case.protocol]


def good(way):
    """A promise for each program and protocol."""
    def check(world, program, protocol):
        for case in cases(way, program, protocol):
            user = name_of(case, "good")
            world.account(user)
            world.works(case, user, f"{way} works")
    check.__doc__ = "Debian's {program} {protocol} with a " + way
    for_each(*PROTOCOLS)(check)


def expired(way):
    def check(world, program, protocol):
        for case in cases(way, program, protocol)[:1]:
            user = name_of(case, "expired")
            world.end_of_token(user)
            world.works(case, user, f"{way} works again")
            assert world.refreshes(user) == 1
    check.__doc__ = "Debian's {program} {protocol} with a " + way + " after the token has expired"
    for_each(*PROTOCOLS)(check)


def revoked(way):
    def check(world, program, protocol):
        before, count = len(world.dovecot.log()), len(world.sink.messages)
        all_cases = {name_of(case, "revoked"): case for case in cases(way, program, protocol)}
        for user in all_cases:
            world.account(user, expires_in=1)
            world.oauth.revoke(user)
        world.wait_expired()
        for user, case in all_cases.items():
            world.fails({user: case}, shown(case, "revoked"))
        log = world.dovecot.wait_log("-login: .*session=<", before)
        assert not re.search("oauth2|bearer", log, re.I), log
        assert len(world.sink.messages) == count
    check.__doc__ = ("Debian's {program} {protocol} with a " + way + ", sends no token and asks for "
                     "no password when the grant is revoked")
    for_each(*PROTOCOLS)(check)


@for_each()
def version(world, program):
    "Debian's {program} has GNU SASL, and not libsasl2"
    libraries = world.env.run(["ldd", world.path(program)]).stdout
    assert "libgsasl" in libraries and "libsasl2" not in libraries, libraries
    tap.note(world.env.run([program, "-v"]).stdout.splitlines()[0])


for kind in (good, expired):
    for word in ("token", "tunnel"):
        kind(word)


@for_each("imap", "pop", "smtp")
def rejected_token(world, program, protocol):
    "{program} that {protocol} with a token ends well when it is rejected, and tells nobody"
    users = {name_of(case, "rejected"): case for case in cases("token", program, protocol)}
    for user in users:
        world.oauth.expire(world.account(user)["access_token"])
    world.fails(users, shown(next(iter(users.values())), "rejected"))
    for user, case in users.items():
        assert world.refreshes(user) == 0
        assert world.helper.cli("refresh", user).rc == 0
        world.works(case, user, "refreshed by hand")


@for_each("imap", "pop", "smtp")
def rejected_tunnel(world, program, protocol):
    "{program} that {protocol} with a tunnel ends well when a token is rejected; it is replaced"
    case = Case("tunnel", program, protocol)
    user = name_of(case, "rejected")
    world.oauth.expire(world.account(user)["access_token"])
    world.fails({user: case}, shown(case, "rejected"))
    world.helper.wait_log(f'account "{user}": localhost does not accept token')
    wait_for(lambda: world.refreshes(user) == 1, what="the refresh")
    world.works(case, user, "with a new one")
    assert world.refreshes(user) == 1


for word in ("token", "tunnel"):
    revoked(word)


@tap.promise
def reason(world):
    "neomutt's M shows why a tunnel failed, and which command to run"
    user = "reason@example.com"
    world.end_of_token(user)
    world.oauth.revoke(user)
    for protocol in ("imap", "pop"):
        reader = world.start(Case("tunnel", "neomutt", protocol), user)
        reader.wait(BOX)
        reader.keys("M").wait(r'sasl-bearer\s+\+?login\s+\+?' + user)
        reader.keys("i", "q")
        assert reader.screen.wait_end() == 0


@for_each()
def large_token(world, program):
    "Debian's {program} reads with a token of 3 KB: as XOAUTH2, or by a tunnel"
    user = f"{program}-large@example.com"
    world.large_account(user)
    for way, protocol in (("token", "imap"), ("token", "pop"), ("tunnel", "imap"),
                          ("tunnel", "pop")):
        for case in cases(way, program, protocol):
            if case.mechanism != "OAUTHBEARER":
                world.works(case, user, f"large {way} {protocol}")


@tap.promise
def neomutt_limit(world):
    "neomutt takes no OAUTHBEARER token of 3 KB from a command, and says so to who asks"
    for protocol in ("imap", "pop"):
        reader = world.start(Case("token", "neomutt", protocol, "OAUTHBEARER"),
                             "neomutt-large@example.com")
        reader.wait(BOX)
        reader.keys("M").wait("token is too big")
        reader.keys("i", "q")
        assert reader.screen.wait_end() == 0


@tap.promise
def outlook(world):
    "by a tunnel both use a server that has XOAUTH2 alone"
    world.account(ALICE)
    for program in ("mutt", "neomutt"):
        for protocol in PROTOCOLS:
            world.works(Case("tunnel", program, protocol), ALICE, f"{program} {protocol}",
                        dovecot=world.outlook)


@for_each()
def two_accounts(world, program):
    "Debian's {program} reads two accounts in one run, with a command or a tunnel for each"
    for user in (ALICE, BOB):
        world.account(user)
        world.dovecot.deliver(user, f"{program} for {user}")
    for way, name in (("token", "imap_oauth_refresh_command"), ("tunnel", "tunnel")):
        case = Case(way, program, "imap")
        command = next(line for text in world.setup(case, BOB).values()
                       for line in text.splitlines() if line.startswith(f"set {name}="))
        hook = f"account-hook bob%40 '{command}'\n".replace("%40", "@")
        reader = world.start(case, ALICE, more=hook)
        reader.reads(f"{program} for {ALICE}")
        scheme = "imap" if way == "tunnel" else "imaps"
        reader.opens(url(scheme, BOB, world.dovecot.imaps, "INBOX"))
        reader.reads(f"{program} for {BOB}")
        reader.quits()


@for_each()
def shared(world, program):
    "Debian's {program} uses a shared mailbox that the account names"
    if CAROL not in world.helper.accounts:
        world.account(CAROL, sasl_user=SHARED)
    for way in ("token", "tunnel"):
        for protocol in PROTOCOLS:
            if (way, program, protocol) == ("token", "neomutt", "pop"):
                continue            # outlook has no OAUTHBEARER
            mechanism = "XOAUTH2" if way == "token" else None
            world.works(Case(way, program, protocol, mechanism), CAROL,
                        f"{program} {way} {protocol}", dovecot=world.outlook, name=SHARED)


@tap.promise
def no_secrets(world):
    "no token is in the helper's log, though it is at debug"
    world.assert_no_secret(world.helper.log())


tap.main(world_of, root=True, programs=["dovecot", "mutt", "neomutt", "tmux"], timeout=240)
