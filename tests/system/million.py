#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""million - requests of all kinds, and a daemon that does not grow

20,000 requests in `make check`, a million in `make million`; REQUESTS and SEED are taken from
the environment.  tests/load/load makes them: good ones, denied ones, garbage, and clients
that go away at any byte.  A tenth of them comes before what is compared.
"""

import os
import random
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "lib"))

import tap
from env import built, wait_for
from helper import Helper

REQUESTS = int(os.environ.get("REQUESTS", 20000))
SEED = int(os.environ.get("SEED") or random.randrange(1, 1 << 32))
ROUNDS = 10
GROWTH = 256        # KiB that are no growth: the log keeps 64 KiB of lines, to count them
USER = "alice@example.com"


def setup(env):
    helper = Helper(env, accounts={"alice": {"user": USER, "provider": None, "hosts": "localhost",
                                             "scope": "mail",
                                             "token_endpoint": "https://127.0.0.1:1/token"}},
                    settings={"log_level": "info"}).start()
    reply = helper.store("alice", {"refresh_token": "r" * 300, "access_token": "a" * 1500,
                                   "expires_in": 86400})
    assert reply["status"] == "ok", reply
    return helper


def memory(pid):
    """KiB of its own that a process has in memory, without files."""
    with open(f"/proc/{pid}/status", encoding="ascii") as f:
        return next(int(line.split()[1]) for line in f if line.startswith("RssAnon:"))


def descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def cpu_us(pid):
    """Microseconds of processor time that a process has had."""
    with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as f:
        fields = f.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) * 1000000 // os.sysconf("SC_CLK_TCK")


def load(helper, number, count):
    """Make requests; returns what the program says of them as {name: value}."""
    done = helper.env.run([built("tests/load/load"), "-n", count, "-s", SEED + number,
                           "-u", USER, helper.socket], timeout=600)
    assert done.rc == 0, done
    return dict(word.split("=") for word in done.stdout.split())


@tap.promise
def does_not_grow(helper):
    "after a tenth of the requests neither its memory nor its descriptors grow"
    pid, figures = helper.process.pid, []
    tap.need(os.access(f"/proc/{pid}/fd", os.R_OK), "leave to count the daemon's descriptors")
    with open(built("sasl-bearerd"), "rb") as f:
        if b"__asan_init" in f.read():
            tap.skip("AddressSanitizer keeps what was freed")
    tap.note(f"seed {SEED}; descriptors before: {descriptors(pid)}")
    idle = descriptors(pid)
    for number in range(ROUNDS):
        used = cpu_us(pid)
        said = load(helper, number, REQUESTS // ROUNDS)
        assert int(said["abort"]) > 0 and int(said["token"]) > 0 and said["wrong"] == "0", said
        wait_for(lambda: descriptors(pid) == idle, what=f"{idle} descriptors as before")
        figures.append(memory(pid))
        used = (cpu_us(pid) - used) * ROUNDS // REQUESTS
        tap.note(f"{(number + 1) * REQUESTS // ROUNDS} requests: {figures[-1]} KiB, "
                 f"{descriptors(pid)} descriptors, {used} us of processor each, "
                 f"{said['per_second']} requests/s, half of them in {said['p50_us']} us, 99 % in "
                 f"{said['p99_us']} us, {said['put_off']} put off")
    assert max(figures) - figures[0] <= GROWTH, figures


@tap.promise
def works(helper):
    "after them it serves as before, and stops as asked"
    assert helper.token(USER)["status"] == "ok"
    assert helper.stop() == 0, helper.log()


tap.main(setup, timeout=3600)
