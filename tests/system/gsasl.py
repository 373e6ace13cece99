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
from mutt import BOB, BOTH, PROTOCOLS, Case, Mail, for_each, url
from world import MECHANISMS

ALICE, CAROL, SHARED = "alice@example.com", "carol@example.com", "shared@example.com"
WAYS = {"token": "a token command", "tunnel": "a tunnel"}
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
    ("tunnel", "rejected", "mutt"): {"imap": "error 77", "pop": NO_BOX, "smtp": "error 77"},
    ("tunnel", "revoked", "mutt"): {"imap": "error 69", "pop": NO_BOX, "smtp": "error 69"},
    ("tunnel", "rejected", "neomutt"): {"imap": BOX, "pop": BOX, "smtp": "error 77"},
    ("tunnel", "revoked", "neomutt"): {"imap": BOX, "pop": BOX, "smtp": "error 69"},
}


def world_of(env):
    world = Mail(env, shutil.which)
    for program in BOTH:
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


def every(what, way):
    """{user: case} of all programs and protocols; `what` is in the names."""
    found = [case for program in BOTH for protocol in PROTOCOLS
             for case in cases(way, program, protocol)]
    return {"-".join(filter(None, (what, *case))).lower() + "@example.com": case
            for case in found}


def shown(why):
    return lambda case: SHOWN[case.way, why, case.program][case.protocol]


def for_ways(function):
    """A promise of each way; the docstring names it."""
    for way in ("token", "tunnel"):
        def check(world, way=way):
            function(world, way)
        check.__doc__ = function.__doc__.format(way=WAYS[way])
        tap.promise(check)


@for_each()
def version(world, program):
    "Debian's {program} has GNU SASL, and not libsasl2"
    libraries = world.env.run(["ldd", world.path(program)]).stdout
    assert "libgsasl" in libraries and "libsasl2" not in libraries, libraries
    tap.note(world.env.run([program, "-v"]).stdout.splitlines()[0])


@for_each(*PROTOCOLS)
def good(world, program, protocol):
    "Debian's {program} {protocol}, with a token command by both mechanisms and with a tunnel"
    user = f"{program}-{protocol}@example.com"
    world.account(user)
    for way in WAYS:
        for case in cases(way, program, protocol):
            world.works(case, user, f"{way} {case.mechanism}")


@for_ways
def expired(world, way):
    "with {way} all goes on after the access token has expired, for one refresh"
    users = every("expired", way)
    world.end_of_token(*users)
    for user, case in users.items():
        world.works(case, user, "works again")
        assert world.refreshes(user) == 1, user


@tap.promise
def rejected_token(world):
    "with a token command all end well when the token is rejected; `sasl-bearer refresh` helps"
    users = every("rejected", "token")
    for user in users:
        world.oauth.expire(world.account(user)["access_token"])     # the helper does not know
    world.fails(users, shown("rejected"))
    for user, case in users.items():
        assert world.refreshes(user) == 0, "nobody can tell the helper"
        assert world.helper.cli("refresh", user).rc == 0
        world.works(case, user, "refreshed by hand")


@tap.promise
def rejected_tunnel(world):
    "with a tunnel all end well when the token is rejected, and it is replaced"
    users = every("rejected", "tunnel")
    for user in users:
        world.oauth.expire(world.account(user)["access_token"])
    world.fails(users, shown("rejected"))
    for user, case in users.items():
        world.helper.wait_log(f'account "{user}": localhost does not accept token')
        wait_for(lambda user=user: world.refreshes(user) == 1, what="the refresh")
        world.works(case, user, "with a new one")
        assert world.refreshes(user) == 1, user


@for_ways
def revoked(world, way):
    "with {way} all send no token and ask for no password when the grant is revoked"
    users = every("revoked", way)
    world.end_of_token(*users)
    before = len(world.dovecot.log())
    for user in users:
        world.oauth.revoke(user)
    world.fails(users, shown("revoked"))
    log = world.dovecot.wait_log("-login: .*session=<", before)
    assert not re.search("oauth2|bearer", log, re.I), log


@tap.promise
def reason(world):
    "mutt over POP3 and neomutt's M show why a tunnel failed; M also which command to run"
    user = "reason@example.com"
    world.end_of_token(user)
    world.oauth.revoke(user)
    for protocol in ("imap", "pop"):
        reader = world.start(Case("tunnel", "neomutt", protocol), user)
        reader.wait(BOX)
        reader.keys("M").wait(r"sasl-bearer\s+\+?login\s+\+?" + user)
        reader.keys("i").quits()
    reader = world.start(Case("tunnel", "mutt", "pop"), user)
    reader.wait(r"\[AUTH\] .*invalid_grant")
    reader.wait(NO_BOX)
    reader.quits()


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
        reader.keys("i").quits()


@tap.promise
def outlook(world):
    "by a tunnel both use a server that has XOAUTH2 alone"
    world.account(ALICE)
    for program in BOTH:
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
        hook = f"account-hook bob@ '{command}'\n"
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
