# SPDX-License-Identifier: MIT
"""tap - run the promises of one test script and print TAP version 13

A script is a list of promises, run in the order in which they are written:

    import tap

    def setup(env):                     # optional; its result is given to each promise
        return Helper(env, ...).start()

    @tap.promise
    def rejects_strangers(helper):
        "a uid without an account is denied"
        assert helper.request(...)["status"] == "denied"

    tap.main(setup, root=True, programs=["dovecot"])

A promise that takes no argument gets none.  Without setup() the argument is the Env.
A promise holds unless it raises; tap.skip(reason) leaves it out.  With PROMISES=REGEX in
the environment only those run whose title has it.
"""

import inspect
import os
import re
import shutil
import signal
import sys
import traceback

from env import Env

CI = os.environ.get("CI") == "true"
promises = []


class Skip(Exception):
    """Raised by skip()."""


class Stopped(BaseException):
    """The time is up, or somebody wants us to stop; no test may swallow it."""


def skip(reason):
    """Leave this promise out: it does not apply here."""
    raise Skip(reason)


def need(present, what):
    """Skip unless `present`; on CI nothing may be missing, and that is a failure."""
    if present:
        return
    if CI:
        raise AssertionError(f"{what} is missing, and nothing may be missing on CI")
    raise Skip(f"{what} is missing")


def require(*programs):
    """need() each of these programs."""
    path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
    for program in programs:
        need(shutil.which(program, path=path), program)


def promise(function):
    """Register a function; the first line of its docstring is the promise."""
    promises.append(function)
    return function


def note(text):
    """Print a diagnostic."""
    for line in str(text).splitlines():
        print(f"# {line}", flush=True)


def title(function):
    text = inspect.getdoc(function) or function.__name__.replace("_", " ")
    return text.splitlines()[0].replace("#", "\\#")


def result(good, number, text, directive=""):
    print(f"{'ok' if good else 'not ok'} {number} - {text}{directive}", flush=True)


def on_signal(number, _frame):
    raise Stopped(f"stopped by {signal.Signals(number).name}")


def on_alarm(_number, _frame):
    signal.signal(signal.SIGALRM, on_second_alarm)
    signal.alarm(20)
    raise Stopped("the time is up")


def on_second_alarm(_number, _frame):
    print("Bail out! the clean-up hangs", flush=True)
    Env.kill_all()
    os._exit(2)


def run_one(number, function, world):
    """Run one promise.  Returns False when it is broken; Stopped passes through."""
    text = title(function)
    try:
        function(*[world][:len(inspect.signature(function).parameters)])
    except Skip as e:
        result(True, number, text, f" # SKIP {e}")
    except Exception:
        result(False, number, text)
        note(traceback.format_exc())
        note(Env.all_logs())
        return False
    except BaseException as e:
        result(False, number, text)
        note(traceback.format_exc())
        note(Env.all_logs())
        raise e if isinstance(e, Stopped) else Stopped(repr(e))
    else:
        result(True, number, text)
    return True


def run_all(setup, timeout):
    """Run every promise.  Returns how many are broken."""
    broken, done = 0, 0
    signal.alarm(timeout)
    try:
        with Env() as env:
            world = setup(env) if setup else env
            for function in promises:
                done += 1
                signal.alarm(timeout)
                env.mark_logs()
                broken += not run_one(done, function, world)
            env.keep = env.keep_if_broken and broken > 0
    except Skip as e:
        for number, function in enumerate(promises[done:], done + 1):
            result(True, number, title(function), f" # SKIP {e}")
    except (Exception, Stopped) as e:
        if not isinstance(e, Stopped):
            note(traceback.format_exc())
        for number, function in enumerate(promises[done:], done + 1):
            result(False, number, title(function) + " (not run)")
        print("Bail out!", repr(e).replace("\n", " "), flush=True)
        broken += 1
    return broken


def main(setup=None, root=False, programs=(), timeout=120):
    """Run the script; does not return.  The exit status is 1 when a promise is broken.

    setup     function of the Env; its result is given to each promise
    root      the script needs uid 0
    programs  programs the script needs
    timeout   seconds for setup(), and again for each promise: it is there to end what hangs
    """
    promises[:] = [f for f in promises if re.search(os.environ.get("PROMISES", ""), title(f))]
    print(f"TAP version 13\n1..{len(promises)}", flush=True)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, on_signal)
    signal.signal(signal.SIGALRM, on_alarm)
    def checked(env):
        if root:
            need(os.geteuid() == 0, "uid 0")
        require(*programs)
        return setup(env) if setup else env
    broken = run_all(checked, timeout)
    signal.alarm(0)
    sys.exit(1 if broken else 0)
