#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""containers - Postfix in one, the helper in another, and a directory that both have

No engine of containers runs here.  What one makes of doc/CONTAINERS.md is made by hand:
roots, processes and users of their own, and the volume mounted into both.
"""

import os
import re
import shutil
import stat
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "lib"))

import protocol
import tap
from env import BUILDDIR, SRCDIR, built, identity, wait_for
from helper import Helper
from idmap import in_namespace
from machine import makefile
from mail import Postfix
from root import Root
from world import World

try:
    import yaml
except ImportError:
    yaml = None

ALICE = "alice@example.com"
RUN = "/run/sasl-bearer"
FILES = os.path.join(SRCDIR, "contrib/container")
# what compose.yaml and the sketch for Kubernetes leave to it
RIGHTS = ["setpriv", "--reuid=daemon", "--regid=daemon", "--clear-groups", "--bounding-set=-all",
          "--no-new-privs"]


def text_of(name):
    with open(os.path.join(FILES, name), encoding="utf-8") as f:
        return f.read()


def documents(name):
    tap.need(yaml, "python3-yaml")
    return list(yaml.safe_load_all(text_of(name)))


class Containers(World):
    """The helper's container, and one with a Postfix; the servers are outside of both."""

    def __init__(self, env):
        super().__init__(env, certified=False)
        tap.need(os.geteuid() == 0, "uid 0")
        if makefile("bearer_rundir") != RUN:
            tap.skip(f"the plugin of this build looks in {makefile('bearer_rundir')}")
        # a named volume: it begins with what the image has there, and its owner
        self.volume = env.mkdir("volume", 0o755, "daemon")
        self.here = {path: path for path in (env.dir, BUILDDIR, SRCDIR)}
        self.inside = Root(env, share={**self.here, self.volume: RUN})
        self.client = Root(env, share={**self.here, self.volume: RUN})
        done = self.client.run(["mount", "-o", "remount,bind,ro", RUN])
        assert done.rc == 0, done
        # the images know other users
        done = self.inside.run(["sed", "-i", "/^postfix:/d", "/etc/passwd"])
        assert done.rc == 0, done
        self.postfix_uid = identity("postfix")["user"]
        self.helper = self.new_helper(self.inside).start()
        self.account(ALICE, allow=self.postfix_uid)
        self.postfix = Postfix(self.client, self.dovecot.smtp, ALICE, chroot=False).start()

    def new_helper(self, root, enter=(), rights=RIGHTS):
        """The helper as its image starts it; not root's, and with no capability."""
        helper = Helper(root, self.oauth, settings={"listen": RUN + "/socket"},
                        wrapper=[*enter, *rights])
        helper.socket = self.volume + "/socket"
        return helper

    def ask(self, uid, **fields):
        """What a process in the Postfix's container is answered."""
        answer = protocol.exchange_by(self.client.run, RUN + "/socket",
                                      protocol.encode({"protocol": 1, **fields}), uid=uid)
        return protocol.decode(answer)[0]

    def token(self, uid):
        return self.ask(uid, request="token", user=ALICE, service="smtp", host="localhost",
                        mechanism="XOAUTH2", deadline_ms=20000)


@tap.promise
def sends(w):
    "Postfix in one container logs in with a token of the helper in the other"
    status, reason = w.postfix.send(subject="through the volume")
    assert status == "sent", (reason, w.helper.log())
    assert "Subject: through the volume" in w.sink.wait(1)[-1].data
    done = w.client.run(["touch", RUN + "/x"])
    assert done.rc != 0 and "Read-only" in done.stderr, done
    pids = [w.inside.run(["ps", "-e", "-o", "comm="]).stdout.split(),
            w.client.run(["ps", "-e", "-o", "comm="]).stdout.split()]
    assert "sasl-bearerd" in pids[0] and "sasl-bearerd" not in pids[1], pids
    assert "qmgr" in pids[1] and "qmgr" not in pids[0], pids


@tap.promise
def helper_is_replaced(w):
    "a new container of the helper makes a new socket, and Postfix goes on without a restart"
    before = os.stat(w.helper.socket).st_ctime_ns
    w.helper.kill()
    status, reason = w.postfix.send()
    assert status == "deferred", reason
    w.helper.start()
    assert os.stat(w.helper.socket).st_ctime_ns != before
    status, reason = w.postfix.send()
    assert status == "sent", reason


@tap.promise
def others_are_denied(w):
    "another user of that container is denied, and so is a name that only that one knows"
    assert w.token("postfix")["status"] == "ok"
    assert w.token("games")["status"] == "denied"
    w.helper.accounts[ALICE]["allow"] = "postfix"
    try:
        assert w.helper.reload()["status"] == "ok"
        w.helper.wait_log("is no user here (yet)")
        assert w.token("postfix")["status"] == "denied"
    finally:
        w.helper.accounts[ALICE]["allow"] = w.postfix_uid
        w.helper.reload()


@tap.promise
def signs_in(w):
    "a person signs in by a command in the helper's container, where its user has the accounts"
    accounts = w.helper.config_dir + "/accounts.d"
    daemon = identity("daemon")
    os.chown(accounts, daemon["user"], daemon["group"])
    process = w.inside.start("login", [
        *RIGHTS, built("sasl-bearer"), "--config", w.helper.config, "--system", "login",
        "--device", "--provider", "test", "--client-id", "test-client", "--allow",
        w.postfix_uid, "--services", "smtp", "bob@example.com"])
    code = wait_for(lambda: list(w.oauth.devices), 20, "a sign-in")[-1]
    w.oauth.approve(w.oauth.devices[code]["user_code"], "bob@example.com")
    assert process.wait(30) == 0, process.log()
    done = w.inside.run([*RIGHTS, built("sasl-bearer"), "--config", w.helper.config, "--system",
                         "refresh", "bob@example.com"])
    assert done.rc == 0, done
    assert os.stat(accounts + "/bob@example.com.conf").st_uid == daemon["user"]


@tap.promise
def other_user_namespace(w):
    "a helper whose container maps its users serves nobody of the other one, and says why"
    w.helper.kill()
    daemon = identity("daemon")["user"]
    maps = [(0, 0, 1), (daemon, daemon, 1)]     # whatever Postfix is, it is not in here
    helper = w.new_helper(w.inside, enter=in_namespace(maps, 0))
    helper.accounts = {ALICE: {"allow": f"{w.postfix_uid} nobody 65534"}}
    helper.start()
    for uid in ("postfix", "games"):
        assert w.token(uid)["status"] == "denied", uid
    helper.wait_log("a connection from another user namespace is refused")
    helper.kill()
    w.helper.start()
    assert w.token("postfix")["status"] == "ok"


def commands(name):
    """The commands of the RUN lines of a Containerfile, in order."""
    text = text_of(name).replace("\\\n", " ")
    found = [part.strip() for line in re.findall(r"^RUN (?:--\S+ +)*(.*)$", text, re.M)
             for part in line.split("&&")]
    assert len(found) > 3, found
    return found


@tap.promise
def image(w):
    "the lines of the Containerfile make the user and its directories, by a number that stays"
    uid = re.search(r"^ARG UID=(\d+)$", text_of("Containerfile"), re.M)[1]
    root = Root(w.env)
    for command in commands("Containerfile"):
        if not command.startswith(("apt-get", "DEBIAN_FRONTEND", "rm ")):
            done = root.run(["sh", "-ec", command], env={"UID": uid})
            assert done.rc == 0, (command, done)
    done = root.run(["stat", "-c", "%u %a", RUN, "/var/lib/sasl-bearer"])
    assert done.stdout.split() == [uid, "755", uid, "700"], done
    packages = re.findall(r"/debs/([a-z0-9-]+)_\*\.deb", text_of("Containerfile")
                          + text_of("Containerfile.postfix"))
    assert packages == ["sasl-bearer", "libsasl2-modules-bearer"], packages


@tap.promise
def health(w):
    "the image's check of its health is good while the helper answers, and bad when it does not"
    line = re.search(r"^HEALTHCHECK .*\n +CMD (.*)$", text_of("Containerfile"), re.M)[1]
    # of the packaged program's name, what was built
    words = line.replace("sasl-bearer ", f"{built('sasl-bearer')} --socket {RUN}/socket ", 1)
    for good in (True, False):
        if not good:
            w.helper.kill()
        done = w.inside.run([*RIGHTS, "sh", "-c", words])
        assert (done.rc == 0) == good, (words, done)
    w.helper.start()


@tap.promise
def postfix_image(w):
    "the settings of the other Containerfile are Postfix's, and those that README.md gives"
    where = w.env.mkdir("image")
    w.env.write("image/main.cf", "compatibility_level = 3.6\n")
    shutil.copy("/usr/share/postfix/master.cf.dist", where + "/master.cf")
    lines = [command for command in commands("Containerfile.postfix")
             if command.startswith("postconf")]
    for command in [*lines, "postconf -n", "postconf -F smtp/unix/chroot"]:
        done = w.env.run(["sh", "-ec", command], env={"MAIL_CONFIG": where})
        assert (done.rc, done.stderr) == (0, ""), (command, done)
    assert done.stdout == "smtp/unix/chroot = n\n", done
    with open(SRCDIR + "/README.md", encoding="utf-8") as f:
        readme = re.findall(r"^ +((?:relayhost|smtp_\w+) = .*)$", f.read(), re.M)
    with open(where + "/main.cf", encoding="utf-8") as f:
        ours = f.read().splitlines()
    assert len(readme) > 5 and not set(readme) - set(ours), (readme, ours)


@tap.promise
def compose(w):
    "compose.yaml gives both the directory of the socket, and only the helper may write in it"
    (file,) = documents("compose.yaml")
    services = file["services"]
    mounts = {name: dict(volume.split(":", 1) for volume in service["volumes"])
              for name, service in services.items()}
    assert mounts["helper"]["socket"] == RUN and mounts["postfix"]["socket"] == RUN + ":ro"
    assert mounts["helper"]["state"] == "/var/lib/sasl-bearer"
    named = {source for volumes in mounts.values() for source in volumes
             if not source.startswith(".")}
    assert named == set(file["volumes"]), named
    assert set(services["helper"]["secrets"]) == set(file["secrets"])
    for service in services.values():
        build = service["build"]
        assert os.path.normpath(os.path.join(FILES, build["context"])) == SRCDIR + "/build/deb"
        # the name is one below the context's directory
        assert os.path.exists(os.path.normpath(
            os.path.join(FILES, build["context"], build["dockerfile"]))), build
    assert services["helper"]["cap_drop"] == ["ALL"] and services["helper"]["read_only"]


@tap.promise
def modes(w):
    "the commands for modes let the helper read its configuration, and nobody the secrets in it"
    w.env.mkdir("modes/sasl-bearer", 0o700)
    where = w.env.mkdir("modes/sasl-bearer/accounts.d", 0o700)
    w.env.write("modes/sasl-bearer/accounts.d/relay.conf", "x\n", 0o600)
    w.env.write("modes/sasl-bearer/accounts.d/relay.secret", "x\n", 0o400)
    with open(SRCDIR + "/doc/CONTAINERS.md", encoding="utf-8") as f:
        lines = re.findall(r"^(?:chmod|find) .*$", f.read(), re.M)
    done = w.env.run(["sh", "-ec", "\n".join(lines)], cwd=w.env.path("modes"))
    assert done.rc == 0 and len(lines) == 2, (lines, done)
    found = {name: stat.S_IMODE(os.stat(f"{where}/{name}").st_mode)
             for name in ("..", ".", "relay.conf", "relay.secret")}
    assert found == {"..": 0o755, ".": 0o755, "relay.conf": 0o644, "relay.secret": 0o400}, found


@tap.promise
def kubernetes_volume(w):
    "an emptyDir is refused with what to do, and the init container of the sketch does it"
    _, deployment = documents("kubernetes.yaml")
    own, sidecar = deployment["spec"]["template"]["spec"]["initContainers"]
    assert own["securityContext"]["capabilities"] == {"drop": ["ALL"], "add": ["CHOWN"]}
    uid = str(sidecar["securityContext"]["runAsUser"])
    root = Root(w.env, share=w.here)
    for command in (["mkdir", "-m", "0777", RUN, "/var/lib/sasl-bearer"],
                    ["sh", "-ec", commands("Containerfile")[0]]):
        done = root.run(command, env={"UID": uid})
        assert done.rc == 0, done
    helper = w.new_helper(root)
    helper.accounts = {}
    helper.write_config()
    done = root.run(helper.command("--foreground"))
    assert done.rc == 73, done
    assert f'{RUN} may be written by others' in done.stderr and f'chmod go-w {RUN}' in done.stderr
    done = root.run(["setpriv", "--bounding-set=-all,+chown", "--inh-caps=-all", *own["command"]])
    assert done.rc == 0, done
    done = root.run(["stat", "-c", "%u %a", RUN, "/var/lib/sasl-bearer"])
    assert done.stdout.split() == [uid, "755", uid, "700"], done
    for probe in (sidecar["startupProbe"], sidecar["livenessProbe"]):
        assert probe["exec"]["command"] == ["sasl-bearer", "--system", "list"]


@tap.promise
def kubernetes_account(w):
    "the account of the sketch is one, with a workload identity; as a link it is refused"
    config, deployment = documents("kubernetes.yaml")
    assertion = w.env.write("assertion", "an-assertion\n")
    environment = {"AZURE_TENANT_ID": "00000000-0000-0000-0000-000000000001",
                   "AZURE_CLIENT_ID": "00000000-0000-0000-0000-000000000002",
                   "AZURE_FEDERATED_TOKEN_FILE": assertion}
    helper = Helper(w.env, settings={"providers_dir": w.env.shipped_providers()},
                    accounts={"relay": config["data"]["relay.conf"]}, environment=environment)
    done = helper.check()
    assert done.rc == 0, done
    mounts = [m for c in (*deployment["spec"]["template"]["spec"]["initContainers"],
                          *deployment["spec"]["template"]["spec"]["containers"])
              for m in c["volumeMounts"] if m["name"] == "config"]
    assert mounts and all(m["subPath"] in config["data"] for m in mounts), mounts
    # what a ConfigMap looks like that is mounted as a directory
    path = os.path.join(helper.config_dir, "accounts.d/relay.conf")
    os.mkdir(helper.config_dir + "/accounts.d/..data")
    os.rename(path, helper.config_dir + "/accounts.d/..data/relay.conf")
    os.symlink("..data/relay.conf", path)
    done = w.env.run(helper.command("--check"), env=environment)
    assert done.rc == 78 and "relay.conf: cannot open: it is a symbolic link" in done.stdout + done.stderr, done


tap.main(Containers, root=True, programs=["postfix", "dovecot"])
