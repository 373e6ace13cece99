# SPDX-License-Identifier: MIT
"""quickstart - the second half of tools/quickstart: what happens after the build

A mail service of our own (Dovecot, and an OAuth server that speaks Microsoft's
dialect), an account signed in by device code, a mail relayed by Postfix, a mail
fetched by mbsync.  The tests' library does the work; nothing here is needed by them.
"""

import grp
import os
import pwd
import re
import shutil
import signal
import sys

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "tests", "lib"))

import dovecot as dovecot_module
import tap
from env import Env, built, wait_for
from helper import Helper
from mail import Dovecot, Postfix, Sink, mbsync
from oauthd import OAuthServer

USER = "alice@example.com"
ROOT = os.geteuid() == 0
ROOTLESS = """
default_internal_user = {user}
default_internal_group = {group}
default_login_user = {user}
service anvil {{
  chroot =
}}
service imap-login {{
  chroot =
}}
service pop3-login {{
  chroot =
}}
service submission-login {{
  chroot =
}}
"""


def step(text):
    print(f"==> {text}", flush=True)


def command(text):
    print(f"    $ {text}", flush=True)


def show(text):
    for line in text.splitlines():
        print(f"    | {line}", flush=True)


def fail(what, *details):
    print(f"quickstart: {what}", file=sys.stderr)
    for text in details:
        print(text, file=sys.stderr)
    sys.exit(1)


def without_root():
    """Let Dovecot run as us."""
    user = pwd.getpwuid(os.geteuid()).pw_name
    group = grp.getgrgid(os.getegid()).gr_name
    text = dovecot_module.CONFIG.replace("uid = nobody", f"uid = {user}")
    text = text.replace("gid = nogroup", f"gid = {group}")
    dovecot_module.CONFIG = text + escape(ROOTLESS.format(user=user, group=group))
    tap.need = lambda present, what: None


def escape(text):
    """For a text that str.format() will see."""
    return text.replace("{", "{{").replace("}", "}}")


def sign_in(env, helper, oauth):
    step("Sign in: the tokens stay with sasl-bearerd; --allow says which other users' "
         "programs may use them")
    words = ["login", "--device", "--provider", "test", "--client-id", "quickstart",
             "--allow", "postfix" if ROOT else pwd.getpwuid(os.geteuid()).pw_name]
    command(f"sasl-bearer {' '.join(words)} {USER}")
    login = env.start("login", [built("sasl-bearer"), "--config", helper.config, *words, USER])
    code = wait_for(lambda: [d["user_code"] for d in oauth.devices.values()]
                    or not login.alive(), 30)
    if code is True:
        fail("the sign-in failed", login.log(), helper.log())
    wait_for(lambda: code[0] in login.log(), 10)
    before = login.log()
    show(before)
    step(f"At the browser you would open that page and enter {code[0]}; "
         "this script does it for you")
    oauth.approve(code[0], USER)
    if login.wait(60):
        fail("the sign-in failed", login.log(), helper.log())
    show(login.log()[len(before):])
    command("sasl-bearer list")
    show(helper.cli("list").stdout)


def relay(env, postfix, sink, server):
    """One mail through Postfix; returns the two lines of the logs that matter."""
    step("Postfix: its smtp, in a chroot, hands all mail to the mail service; "
         "there is no password:")
    command("cat /etc/postfix/sasl_passwd")
    show(f"{postfix.relay} {USER}")
    command("tail -n 4 /etc/postfix/main.cf")
    for line in ("smtp_sasl_auth_enable = yes",
                 "smtp_sasl_password_maps = texthash:/etc/postfix/sasl_passwd",
                 "smtp_sasl_mechanism_filter = xoauth2",
                 "smtp_sasl_tls_security_options = noanonymous"):
        show(line)
    command("postfix start")
    postfix.start()
    command(f"sendmail -f {USER} {USER} <message")
    status, reason = postfix.send(to=USER, subject="hello from quickstart")
    if status != "sent":
        fail(f"the mail is {status}: {reason}", Env.all_logs())
    deliver(env, server, sink.wait(1)[0].data)
    return find(r".*status=sent.*", postfix.log()), find(
        r".*submission-login: Info: (?:Login|Logged in): .*method=XOAUTH2.*", server.log())


def deliver(env, server, text):
    """The mail service puts a mail into the mailbox."""
    name = f"{os.path.basename(server.dir)}/mail/{USER}"
    owner = "nobody" if ROOT else None
    for part in ("", "/cur", "/new", "/tmp"):
        env.mkdir(name + part, 0o700, uid=owner)
    path = env.write(f"{name}/new/1.quickstart", text)
    if owner:
        shutil.chown(path, owner)


def fetch(env, helper, server):
    """One mail by mbsync; returns the line of the log that matters."""
    step("mbsync: fetches the mailbox, with \"AuthMechs XOAUTH2\" in ~/.mbsyncrc and no Pass")
    command("mbsync all")
    done = mbsync(env, server.imaps, USER, mechanisms="XOAUTH2",
                  environment={"SASL_BEARER_SOCKET": helper.socket})
    show(done.stdout)
    if done.rc:
        fail("mbsync failed", done.stderr, Env.all_logs())
    new = os.listdir(env.path("mbsync", "INBOX", "new"))
    with open(env.path("mbsync", "INBOX", "new", new[0]), encoding="utf-8") as f:
        show(find(r"Subject: .*", f.read()))
    return find(r".*imap-login: Info: (?:Login|Logged in): .*method=XOAUTH2.*", server.log())


def find(pattern, text):
    """The last line that has it; the log of a server may come late."""
    found = re.findall(pattern, text)
    if not found:
        fail(f"no {pattern!r} in the log", text)
    return found[-1]


def run(env):
    step("A mail service on loopback: Dovecot (IMAP, submission) that asks an OAuth server "
         "whether a token is good")
    oauth = OAuthServer(tls=env.tls()).start()
    sink = Sink(env)
    server = Dovecot(env, oauth, sink=sink).start()
    show(f"OAuth {oauth.url}, IMAP 127.0.0.1:{server.imaps}, "
         f"submission 127.0.0.1:{server.smtps}")

    step("The helper, which alone has the credentials (systemd would start it)")
    command("sasl-bearerd --foreground")
    helper = Helper(env, oauth)
    postfix = None
    if ROOT:
        postfix = Postfix(env, server.smtp, USER, filter="xoauth2",
                          environment={"SASL_BEARER_SOCKET": helper.socket})
        inside = postfix.queue_dir + helper.socket
        os.makedirs(os.path.dirname(inside))
        helper.listen.append(inside)
    helper.start()
    sign_in(env, helper, oauth)
    lines = []
    if postfix:
        lines += relay(env, postfix, sink, server)
    else:
        step("Not root: the part with Postfix is left out")
        deliver(env, server, f"From: {USER}\nTo: {USER}\nSubject: hello\n\nhello\n")
    lines.append(fetch(env, helper, server))
    step("Done. The logs of the servers say:")
    show("\n".join(line.replace(env.dir, "...") for line in lines))


def main():
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(1))
    print("The commands below are what you would type; here they run with a private "
          "configuration.", flush=True)
    if not ROOT:
        without_root()
    with Env() as env:
        os.umask(0o022)
        try:
            run(env)
        except (AssertionError, tap.Skip) as e:
            fail(str(e), Env.all_logs())
        step("Stopping everything")


main()
