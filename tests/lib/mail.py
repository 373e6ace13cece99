# SPDX-License-Identifier: MIT
"""mail - mail servers and mail programs for a test, from one import"""

import os

import tap
from dovecot import Dovecot
from env import sasl_path
from postfix import Postfix
from sink import Sink

__all__ = ["Dovecot", "Postfix", "Sink", "mbsync", "cyrus_test"]
CYRUS = "/usr/lib/cyrus/bin"


def mbsync(env, port, user="alice@example.com", mechanisms="*", tls="IMAPS", password=None,
           environment=None, plugin=True, uid=None, timeout=30, options=(), name="mbsync"):
    """Fetch a mailbox with mbsync; returns a Result.

    tls         "IMAPS", "STARTTLS" or "None"
    mechanisms  AuthMechs
    name        the mail goes to env.path(name)
    """
    tap.require("mbsync")
    where = env.mkdir(name, uid=uid)
    secret = f'Pass "{password}"\n' if password is not None else ""
    config = env.write(name + "rc", f"""\
IMAPStore far
Host localhost
Port {port}
User {user}
{secret}SSLType {tls}
CertificateFile {env.tls().ca}
AuthMechs {mechanisms}

MaildirStore near
Path {where}/
Inbox {where}/INBOX

Channel all
Far :far:
Near :near:
Sync Pull
Create Near
SyncState *
""")
    return env.run(["mbsync", *options, "-c", config, "all"], uid=uid, timeout=timeout,
                   env={"SASL_PATH": sasl_path(plugin), **(environment or {})})


def cyrus_test(env, program, port, user="alice@example.com", mechanism="XOAUTH2", input="",
               starttls=False, options=(), environment=None, plugin=True, uid=None, timeout=30):
    """Log in with imtest, pop3test or smtptest and send `input`; returns a Result.

    Success says "Authenticated." in stdout.
    """
    path = os.path.join(CYRUS, program)
    tap.need(os.path.exists(path), path)
    tls = ["-t", ""] if starttls else ["-s"]
    choice = ["-m", mechanism] if mechanism else []
    quit = {"imtest": ". LOGOUT\r\n", "pop3test": "QUIT\r\n", "smtptest": "QUIT\r\n"}[program]
    return env.run([path, *tls, "-p", port, *choice, "-u", user, "-a", user, *options,
                    "localhost"], input=input + quit, uid=uid, timeout=timeout,
                   env={"SASL_PATH": sasl_path(plugin), **(environment or {})})
