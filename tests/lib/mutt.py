# SPDX-License-Identifier: MIT
"""mutt - mutt and neomutt on a terminal, as "sasl-bearer setup" configures them"""

import collections
import itertools
import re
import time

import tap
from env import sasl_path, wait_for
from mail import Dovecot
from screen import Screen
from setup import setup
from world import World

BOTH = ("mutt", "neomutt")
# what reads or sends, and the port of Dovecot
PROTOCOLS = {"imap": "imaps", "pop": "pops", "smtp": "smtp"}
NAMES = {"imap": "reads over IMAP", "pop": "reads over POP3", "smtp": "sends over SMTP"}
BOB = "bob@example.com"
# what a tester sets besides: no editor, no questions, no folder that is not there
QUIET = """\
set editor=true abort_unmodified=no abort_nosubject=no postpone=no copy=no
set quit=yes delete=no sleep_time=0 wait_key=no mail_check=600
set folder="{where}" spoolfile="/dev/null" use_from=yes
"""

# how a program gets in; mechanism None: as it comes
Case = collections.namedtuple("Case", "way program protocol mechanism", defaults=[None])


def url(scheme, user, port, path=""):
    """The address of a mailbox of some user."""
    return f"{scheme}://{user.replace('@', '%40')}@localhost:{port}/{path}"


def for_each(*protocols):
    """A promise of each program, and protocol if given; the docstring names them."""
    def register(function):
        for words in itertools.product(BOTH, protocols) if protocols else zip(BOTH):
            def check(world, words=words):
                function(world, *words)
            check.__doc__ = function.__doc__.format(
                program=words[0], protocol=NAMES.get(words[-1]))
            tap.promise(check)
    return register


class Reader:
    """One mutt or neomutt, open on a terminal.

    world    the Mail it is in
    words    the program, and options
    found    what setup printed
    more     further lines of configuration
    """

    def __init__(self, world, words, found, more=""):
        self.world = world
        env = world.env
        text = QUIET.format(where=env.dir) + next(
            text for name, text in found.items() if name.endswith("muttrc"))
        pop = re.search('^set pop_host="(.*)"', text, re.M)
        begin = f'set spoolfile="{pop[1]}"\n' if pop else ""
        path = env.write(env.name("muttrc"), text + begin + more)
        self.screen = Screen(
            env, ["sh", "-c", found.get("run", "") + 'exec "$@"', "sh", *words, "-n", "-F", path],
            {"SASL_PATH": sasl_path()})

    def wait(self, *texts, **how):
        """Wait for one of these on the screen; see Screen."""
        return self.screen.wait(*texts, **how)

    def keys(self, *keys):
        self.screen.keys(*keys)
        return self

    def reads(self, subject):
        """The message of dovecot.deliver() is in the index, and can be read."""
        self.wait(rf"\) {subject}")
        self.keys("l").wait("Limit to")
        self.keys(f'~s "{subject}"', "Enter").wait(r"\A(?![\s\S]*Limit to)")
        self.keys("Enter")
        self.wait(rf"Subject: {subject}\n(.*\n)*{subject}\n")
        self.keys("i").wait("q:Quit")
        return self

    def opens(self, mailbox):
        """Change to another mailbox."""
        self.keys("c").wait("Open mailbox")
        self.keys("C-u", mailbox, "Enter")
        return self

    def composes(self, subject):
        """Write a message to bob, and send it."""
        self.wait("q:Quit")
        self.keys("m").wait("To:")
        self.keys(BOB, "Enter").wait("Subject:")
        self.keys(subject, "Enter").wait("y:Send")
        self.keys("y")
        return self

    def gives_up(self):
        """Throw away what could not be sent."""
        self.wait("y:Send")
        self.keys("q").wait("q:Quit")
        return self

    def quits(self):
        """It ends when it is told to."""
        self.wait("q:Quit")
        self.keys("q").ends()

    def ends(self):
        """It ends, with 0."""
        status = self.screen.wait_end()
        assert status == 0, (status, self.screen.text())


class Mail(World):
    """A world in which people read their mail.

    path      function of a program's name: where it is
    dovecot   offers both mechanisms
    outlook   a Dovecot that offers XOAUTH2 alone, and takes a token for any mailbox
    """

    # Both put the whole token into the line of AUTH, where Dovecot 2.3 takes 1 KB over
    # SMTP; neomutt has no longer ones for OAUTHBEARER.
    TOKEN_SIZE = 400

    def __init__(self, env, path):
        super().__init__(env, certified=False)
        self.path = path
        self.outlook = Dovecot(env, self.oauth, mechanisms="xoauth2", any_user=True,
                               sink=self.sink).start()
        self.oauth.token_size = self.TOKEN_SIZE
        self.helper.start()
        self.setups = {}

    def large_account(self, user):
        """An account with a token of 3 KB."""
        self.oauth.token_size = 3000
        try:
            self.account(user)
        finally:
            self.oauth.token_size = self.TOKEN_SIZE
        assert len(self.helper.token(user)["token"]) == 3000

    def end_of_token(self, *users):
        """Accounts whose access token has expired, as the helper knows."""
        for user in users:
            self.oauth.expire(self.account(user, expires_in=1)["access_token"])
        end = time.monotonic() + 1.1
        wait_for(lambda: time.monotonic() > end)

    def server(self, case):
        """The Dovecot of a case: neomutt has no name for XOAUTH2 over POP3."""
        only = case[1:] == ("neomutt", "pop", "XOAUTH2")
        return self.outlook if only else self.dovecot

    def setup(self, case, user, dovecot=None):
        """What setup prints; asked for once, since the helper has to answer."""
        port = getattr(dovecot or self.server(case), PROTOCOLS[case.protocol])
        if (case, user, port) not in self.setups:
            choice = ["--mechanism", case.mechanism.lower()] if case.mechanism else []
            self.setups[case, user, port] = setup(
                self.helper, case.program, user, "--with", case.way, "--service", case.protocol,
                "--server", f"localhost:{port}", "--ca-file", self.env.tls().ca, *choice)
        return self.setups[case, user, port]

    def start(self, case, user, dovecot=None, more=""):
        """Open a program; returns a Reader."""
        return Reader(self, [self.path(case.program)], self.setup(case, user, dovecot), more)

    def works(self, case, user, subject, dovecot=None, name=None, more=""):
        """A message is read, or sent, after a login as `name`.

        dovecot   instead of server()
        name      who logs in, when that is not `user`
        more      of Reader
        """
        dovecot = dovecot or self.server(case)
        name, before, sent = name or user, len(dovecot.log()), len(self.sink.messages)
        dovecot.deliver(name, subject)
        reader = self.start(case, user, dovecot, more)
        if case.protocol == "smtp":
            message = reader.composes(subject).world.sink.wait(sent + 1)[-1]
            assert (message.sender, message.recipients) == (user, [BOB]), message
            assert f"Subject: {subject}\r\n" in message.data, message
            reader.wait("q:Quit")
        else:
            reader.reads(subject)
        dovecot.wait_login(name, case.mechanism or "", before)
        reader.quits()

    def fails(self, cases, shown):
        """Open {user: case}, all at once: none asks anything or sends, and each ends well.

        shown   what a case shows in the end: a function
        """
        sent = len(self.sink.messages)
        readers = [(self.start(case, user), case) for user, case in cases.items()]
        for reader, case in readers:
            if case.protocol == "smtp":
                reader.composes("never sent")
        for reader, case in readers:
            reader.wait(shown(case))
            if case.protocol == "smtp":
                reader.gives_up()
            reader.wait("q:Quit")
            assert "assword" not in reader.screen.text(), reader.screen.text()
            reader.keys("q")
        for reader, _ in readers:
            reader.ends()
        assert len(self.sink.messages) == sent
