#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""mutt - mutt and neomutt with Cyrus SASL read and send mail by OAuth, on a real screen

Fedora, Arch and FreeBSD build them so; for Debian tools/programs does.  Neither shows what
the plugin says, nor the server: what is shown is written down here.
"""

import itertools
import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "lib"))

import tap
from env import wait_for
from mail import Dovecot
from mutt import SERVERS, Reader, url
from programs import Program
from world import MECHANISMS, World

ALICE, BOB, SHARED = "alice@example.com", "bob@example.com", "shared@example.com"
BOTH = ("mutt", "neomutt")
NAMES = {"imap": "reads over IMAP", "pop": "reads over POP3", "smtp": "sends over SMTP",
         "mutt": "", "neomutt": ""}
# Both put the whole token into the line of AUTH, where Dovecot 2.3 takes 1 KB over SMTP.
TOKEN_SIZE = 600
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


def configuration(world, program, user, protocol, mechanism=None, dovecot=None):
    """The muttrc of an account, to read over IMAP or POP3, or to send."""
    dovecot = dovecot or world.dovecot
    port = getattr(dovecot, SERVERS[protocol])
    text = f"""\
set from="{user}" use_from=yes
set ssl_ca_certificates_file="{world.env.tls().ca}"
set ssl_starttls=yes ssl_force_tls=yes
"""
    if protocol == "imap":
        text += f'set imap_user="{user}" folder="imaps://localhost:{port}/" spoolfile="+INBOX"\n'
    elif protocol == "pop":
        text += (f'set pop_user="{user}" pop_pass="unused" folder="{world.env.dir}"\n'
                 f'set spoolfile="pops://localhost:{port}/"\n')
    else:
        text += (f'set smtp_url="{url("smtp", user, port)}"\n'
                 f'set folder="{world.env.dir}" spoolfile="/dev/null"\n')
    if mechanism and (program, protocol, mechanism) != ("neomutt", "pop", "XOAUTH2"):
        name = mechanism.lower()
        if (program, protocol) == ("mutt", "smtp"):
            name += " "         # without it that is mutt's own, which wants a token command
        text += f'set {protocol}_authenticators="{name}"\n'
    return text


class Mail(World):
    """A world in which people read their mail.

    outlook   a Dovecot that offers XOAUTH2 only and takes a token for any mailbox
    """

    def __init__(self, env):
        super().__init__(env, certified=False)
        self.outlook = Dovecot(env, self.oauth, mechanisms="xoauth2", any_user=True,
                               sink=self.sink).start()
        self.oauth.token_size = TOKEN_SIZE
        self.helper.start()

    def start(self, program, *how, more="", options=(), **config):
        """Open it; `how` and `config` are of configuration()."""
        return Reader(self, [Program(program).path("bin", program)],
                      configuration(self, program, *how, **config) + more, options)

    def server(self, program, protocol, mechanism):
        """The one that makes a program take that mechanism."""
        only = (program, protocol, mechanism) == ("neomutt", "pop", "XOAUTH2")
        return self.outlook if only else self.dovecot

    def reads(self, program, user, protocol, mechanism, words):
        """A message that is delivered now can be read, after a login by that mechanism."""
        dovecot = self.server(program, protocol, mechanism)
        before = len(dovecot.log())
        dovecot.deliver(user, words)
        reader = self.start(program, user, protocol, mechanism, dovecot=dovecot)
        reader.reads(words)
        dovecot.wait_login(user, mechanism, before)
        reader.quits()

    def sends(self, program, user, mechanism, words):
        before = len(self.dovecot.log())
        reader = self.start(program, user, "smtp", mechanism)
        message = reader.sends(words)
        assert (message.sender, message.recipients) == (user, [BOB]), message
        self.dovecot.wait_login(user, mechanism, before)
        reader.quits()

    def works(self, program, user, protocol, mechanism, words):
        if protocol == "smtp":
            self.sends(program, user, mechanism, words)
        else:
            self.reads(program, user, protocol, mechanism, words)

    def fails(self, users, program, protocol, shown):
        """A program for each (mechanism, user), all at once; each shows this, and ends."""
        readers = [self.start(program, user, protocol, mechanism,
                              dovecot=self.server(program, protocol, mechanism))
                   for mechanism, user in users.items()]
        for reader in readers:
            if protocol == "smtp":
                reader.composes("never sent")
        for reader in readers:
            reader.wait(shown[program, protocol])
            assert "assword" not in reader.screen.text(), reader.screen.text()
            if protocol == "smtp":
                reader.keys("q").wait("ostpone")
                reader.keys("n").wait("q:Quit")
            reader.quits()


def for_each(*protocols):
    """A promise of each program, and protocol if given; the docstring names them."""
    def register(function):
        for words in itertools.product(BOTH, protocols) if protocols else zip(BOTH):
            def check(world, words=words):
                function(world, *words)
            check.__doc__ = function.__doc__.format(program=words[0], protocol=NAMES[words[-1]])
            tap.promise(check)
    return register


@for_each()
def linked(world, program):
    "this {program} has libsasl2, and no GNU SASL"
    found = Program(program)
    tap.note(f"{program} {found.version}")
    libraries = world.env.run(["ldd", found.path("bin", program)]).stdout
    assert "libsasl2" in libraries and "libgsasl" not in libraries, libraries


@for_each("imap", "pop", "smtp")
def good(world, program, protocol):
    "{program} {protocol} by both mechanisms"
    user = f"{program}-{protocol}@example.com"
    world.account(user)
    for mechanism in MECHANISMS:
        world.works(program, user, protocol, mechanism, f"{mechanism} of {program}")


@for_each()
def large_token(world, program):
    "{program} reads mail with a token of 3 KB"
    user = f"{program}-large@example.com"
    world.oauth.token_size = 3000
    try:
        world.account(user)
    finally:
        world.oauth.token_size = TOKEN_SIZE
    assert len(world.helper.token(user)["token"]) == 3000
    for protocol in ("imap", "pop"):
        world.reads(program, user, protocol, "OAUTHBEARER", f"large over {protocol}")


@for_each("imap", "pop", "smtp")
def expired(world, program, protocol):
    "{program} {protocol} after the access token has expired, for one refresh"
    user = f"{program}-{protocol}-expired@example.com"
    tokens = world.account(user, expires_in=1)
    world.oauth.expire(tokens["access_token"])
    end = time.monotonic() + 1.1
    wait_for(lambda: time.monotonic() > end)
    for mechanism in MECHANISMS:
        world.works(program, user, protocol, mechanism, f"{mechanism} afterwards")
    assert world.refreshes(user) == 1


@for_each("imap", "smtp")
def rejected(world, program, protocol):
    "{program} that {protocol} ends well when the server rejects a token, which is replaced"
    users = {}
    for mechanism in MECHANISMS:
        users[mechanism] = f"{program}-{protocol}-{mechanism.lower()}@example.com"
        tokens = world.account(users[mechanism])
        world.oauth.expire(tokens["access_token"])      # the helper does not know
    world.fails(users, program, protocol, REJECTED)
    for mechanism, user in users.items():
        world.helper.wait_log(f'account "{user}": localhost does not accept token')
        wait_for(lambda user=user: world.refreshes(user) == 1, what="the refresh")
        world.works(program, user, protocol, mechanism, "with a new one")
        assert world.refreshes(user) == 1


@for_each("pop")
def rejected_pop(world, program, protocol):
    "{program} that {protocol} ends well too, but tells nobody why: `sasl-bearer refresh` helps"
    user = f"{program}-rejected-pop@example.com"
    tokens = world.account(user)
    world.oauth.expire(tokens["access_token"])
    before = len(world.dovecot.log())
    world.fails({"OAUTHBEARER": user}, program, protocol, REJECTED)
    world.dovecot.wait_log("Provided token is not valid", before)
    assert world.refreshes(user) == 0
    done = world.helper.cli("refresh", user)
    assert done.rc == 0, done
    world.reads(program, user, protocol, "OAUTHBEARER", "refreshed by hand")


@for_each("imap", "pop", "smtp")
def revoked(world, program, protocol):
    "{program} that {protocol} sends nothing and asks for no password when the grant is revoked"
    user = f"{program}-{protocol}-revoked@example.com"
    world.account(user, expires_in=1)
    world.oauth.revoke(user)
    end = time.monotonic() + 1.1
    wait_for(lambda: time.monotonic() > end)
    before, count = len(world.dovecot.log()), len(world.sink.messages)
    mechanisms = ["OAUTHBEARER"] if protocol == "pop" else MECHANISMS
    for mechanism in mechanisms:
        world.fails({mechanism: user}, program, protocol, NONE)
    assert user not in world.dovecot.log()[before:], world.dovecot.log()[before:]
    assert len(world.sink.messages) == count
    world.helper.wait_log(f"sasl-bearer login {user}")


@for_each()
def two_accounts(world, program):
    "{program} reads two accounts in one run"
    for user in (ALICE, BOB):
        world.account(user)
        world.dovecot.deliver(user, f"{program} for {user}")
    reader = world.start(program, ALICE, "imap", "XOAUTH2")
    reader.reads(f"{program} for {ALICE}")
    reader.opens(url("imaps", BOB, world.dovecot.imaps, "INBOX"))
    reader.reads(f"{program} for {BOB}")
    reader.quits()


@for_each()
def shared(world, program):
    "{program} reads a shared mailbox with the token of imap_login"
    world.account(ALICE)
    world.outlook.deliver(SHARED, f"shared with {program}")
    before = len(world.outlook.log())
    reader = world.start(program, SHARED, "imap", "XOAUTH2", dovecot=world.outlook,
                         more=f'set imap_login="{ALICE}"\n')
    reader.reads(f"shared with {program}")
    reader.quits()
    world.outlook.wait_login(SHARED, "XOAUTH2", before)


@for_each()
def helper_down(world, program):
    "while the helper is down {program} sends nothing and ends well"
    world.helper.kill()
    try:
        before = len(world.dovecot.log())
        for protocol in SERVERS:
            world.fails({"OAUTHBEARER": ALICE}, program, protocol, NONE)
        assert ALICE not in world.dovecot.log()[before:]
    finally:
        world.helper.start()


@tap.promise
def no_secrets(world):
    "no token is in the helper's log, though it is at debug"
    world.assert_no_secret(world.helper.log())


tap.main(Mail, root=True, programs=["dovecot", "tmux"], timeout=240)
