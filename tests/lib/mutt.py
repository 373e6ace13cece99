# SPDX-License-Identifier: MIT
"""mutt - mutt and neomutt on a terminal, against the tests' Dovecot"""

from env import sasl_path
from screen import Screen
from world import World

SERVERS = {"imap": "imaps", "pop": "pops", "smtp": "smtp"}      # attributes of Dovecot
# what a tester sets besides: nothing is edited, asked or kept
QUIET = """\
set editor=true abort_unmodified=no abort_nosubject=no copy=no
set quit=yes delete=no sleep_time=0 wait_key=no mail_check=600
"""


def url(scheme, user, port, path=""):
    return f"{scheme}://{user.replace('@', '%40')}@localhost:{port}/{path}"


class Reader:
    """One mutt or neomutt, open on a terminal.

    words        the program and what comes before the options of a test
    text         its configuration; QUIET is added
    options      further words, such as -f MAILBOX
    """

    def __init__(self, world, words, text, options=(), environment=None):
        self.world = world
        env = world.env
        path = env.write(env.name("muttrc"), text + QUIET)
        settings = {"SASL_PATH": sasl_path(), "SASL_BEARER_SOCKET": world.helper.socket}
        self.screen = Screen(env, [*words, "-n", "-F", path, *options],
                             {**settings, **(environment or {})})

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
        self.keys(f'~s "{subject}"', "Enter", "Enter")
        self.wait(rf"Subject: {subject}\n(.*\n)*{subject}\n")
        self.keys("i").wait("q:Quit")
        return self

    def opens(self, mailbox):
        """Change to another mailbox."""
        self.keys("c").wait("Open mailbox")
        self.keys("C-u", mailbox, "Enter")
        return self

    def composes(self, subject, to="bob@example.com"):
        """Write a message to the point where it is sent, and send it."""
        self.wait("q:Quit")
        self.keys("m").wait("To:")
        self.keys(to, "Enter").wait("Subject:")
        self.keys(subject, "Enter").wait("y:Send")
        self.keys("y")
        return self

    def sends(self, subject):
        """A message goes to where the mail server delivers."""
        count = len(self.world.sink.messages)
        self.composes(subject)
        message = self.world.sink.wait(count + 1)[-1]
        assert f"Subject: {subject}\n" in message.data.replace("\r", ""), message
        self.wait("q:Quit")
        return message

    def quits(self):
        """It ends when it is told to, with 0."""
        self.keys("q")
        status = self.screen.wait_end()
        assert status == 0, (status, self.screen.text())
