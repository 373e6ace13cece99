# SPDX-License-Identifier: MIT
"""screen - a program on a terminal of its own: keys go in, what a person sees is read

The terminal is one of tmux, whose server is private to the Env and ends with it.
"""

import os
import re

import tap
from env import wait_for

WIDTH, HEIGHT = 120, 30


def server(env):
    """The words that speak to the Env's tmux, which the first one starts."""
    path = env.path("tmux")
    words = ["tmux", "-u", "-S", path, "-f", "/dev/null"]
    if not hasattr(env, "tmux"):
        tap.require("tmux")
        env.tmux = env.start("tmux-server", [*words, "-D"])
        options = "set -g remain-on-exit on ; set -g status off ; set -s escape-time 0"
        wait_for(lambda: env.run([*words, *options.split()]).rc == 0, what="tmux")
    return words


def run(env, words):
    done = env.run(words)
    assert done.rc == 0, done
    return done.stdout


class Screen:
    """A program that runs on a terminal.

    command   its words
    environment  beside the small one that every test gives
    """

    def __init__(self, env, command, environment=None):
        self.env, self.words = env, server(env)
        self.name = env.name("screen")
        settings = {"HOME": env.dir, "TMPDIR": env.dir, **(environment or {})}
        extra = [word for name, value in settings.items() for word in ("-e", f"{name}={value}")]
        self.status = env.path(self.name + "-status")
        # tmux 3.3 knows it not always
        shell = ["sh", "-c", '"$@"; echo $? >"$0.new"; mv "$0.new" "$0"', self.status]
        self.tmux("new-session", "-d", "-s", self.name, "-x", WIDTH, "-y", HEIGHT, *extra,
                  "--", *shell, *command)

    def tmux(self, command, *words):
        """Run a command of tmux; returns what it prints."""
        return run(self.env, [*self.words, command, *words])

    def text(self):
        """What is on the screen."""
        return self.tmux("capture-pane", "-p", "-t", self.name)

    def keys(self, *keys):
        """Press keys: names of tmux, such as Enter, or a text to be typed."""
        for key in keys:
            named = re.fullmatch("Enter|Escape|Space|Tab|C-[a-z]", key)
            self.tmux("send-keys", *([] if named else ["-l"]), "-t", self.name, "--", key)
        return self

    def wait(self, *texts, timeout=20):
        """Wait until one of these regular expressions is on the screen; returns the match."""
        seen = []

        def shown():
            seen[:] = [self.text()]
            return next(filter(None, (re.search(text, seen[0]) for text in texts)), None)
        try:
            return wait_for(shown, timeout)
        except AssertionError:
            words = " or ".join(map(repr, texts))
            raise AssertionError(f"no {words} on the screen:\n{seen[0]}") from None

    def wait_end(self, timeout=20):
        """Wait for its end; returns the exit status."""
        try:
            wait_for(lambda: os.path.exists(self.status), timeout)
        except AssertionError:
            raise AssertionError(f"it does not end:\n{self.text()}") from None
        with open(self.status, encoding="ascii") as f:
            return int(f.read())
