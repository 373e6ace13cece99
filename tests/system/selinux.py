#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""selinux - the policy module: it compiles, it links, and allows what it should and no more

The questions are asked of a policy that is linked from the distribution's modules and
ours.  No kernel is needed that enforces it, and so no promise here says that it is enforced.
"""

import bz2
import os
import re
import shutil
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "lib"))

import tap
from env import SRCDIR, built

try:
    import setools
except ImportError:
    setools = None

DEVEL = "/usr/share/selinux/devel/Makefile"
MODULES = "/usr/share/selinux/default"          # of Debian
# postfix needs the others
LINKED = ("mta", "hostname", "postfix", "unprivuser", "staff")
DOMAINS = ("sasl_bearer_t", "sasl_bearer_fetch_t", "sasl_bearer_sign_t", "sasl_bearer_command_t")


class Policy:
    """Our module, compiled; and linked to a policy when that is asked for."""

    def __init__(self, env):
        tap.need(os.path.exists(DEVEL), "selinux-policy-dev")
        self.env = env
        self.dir = env.mkdir("module")
        for name in ("te", "if"):
            shutil.copy(os.path.join(SRCDIR, "contrib/selinux/sasl_bearer." + name), self.dir)
        shutil.copy(built("contrib/selinux/sasl_bearer.fc"), self.dir)
        self.compiled = env.run(["make", "-C", self.dir, "-f", DEVEL, "sasl_bearer.pp"], timeout=120)
        self.rules, self.transitions = [], {}

    def link(self):
        """All rules of a policy with our module in it."""
        if self.rules:
            return
        tap.require("semodule_link", "semodule_expand")
        tap.need(setools, "setools")
        tap.need(os.path.exists(f"{MODULES}/base.pp.bz2"), "selinux-policy-default")
        paths = []
        for name in ("base", *LINKED):
            with bz2.open(f"{MODULES}/{name}.pp.bz2") as source, \
                    open(f"{self.dir}/{name}.pp", "wb") as f:
                shutil.copyfileobj(source, f)
            paths.append(f"{self.dir}/{name}.pp")
        for words in (["semodule_link", "-o", f"{self.dir}/linked", *paths,
                       f"{self.dir}/sasl_bearer.pp"],
                      ["semodule_expand", f"{self.dir}/linked", f"{self.dir}/policy"]):
            done = self.env.run(words, timeout=120)
            assert done.rc == 0, done
        policy = setools.SELinuxPolicy(f"{self.dir}/policy")
        self.types = {str(t): {str(t)} for t in policy.types()}
        self.types |= {str(a): {str(t) for t in a.expand()} for a in policy.typeattributes()}
        for rule in policy.terules():
            words = (str(rule.source), str(rule.target), str(rule.tclass))
            if rule.ruletype == setools.TERuletype.type_transition:
                self.transitions[words] = str(rule.default)
            elif rule.ruletype == setools.TERuletype.allow:
                # a rule below a boolean, which is off
                off = self._conditional(rule)
                self.rules.append((*words, frozenset(rule.perms), off))

    @staticmethod
    def _conditional(rule):
        try:
            return bool(rule.conditional)
        except setools.exception.RuleNotConditional:
            return False

    def allowed(self, source, kind, perm, target=None, tunable=True):
        """The targets of the rules that allow it; without those below a boolean if asked."""
        self.link()
        assert source in self.types and (target is None or target in self.types), (source, target)
        return {where for who, where, what, perms, off in self.rules
                if what == kind and perm in perms and source in self._of(who, source)
                and (target is None or target in self._of(where, source))
                and (tunable or not off)}

    def _of(self, name, source):
        return {source} if name == "self" else self.types[name]

    def can(self, source, target, kind, perm):
        return bool(self.allowed(source, kind, perm, target))


@tap.promise
def compiles(p):
    "the module compiles with the distribution's policy, without a warning"
    assert p.compiled.rc == 0, p.compiled
    assert "warning" not in (p.compiled.stdout + p.compiled.stderr).lower(), p.compiled


@tap.promise
def labels(p):
    "every installed file and directory of ours has a label of its own"
    with open(f"{p.dir}/sasl_bearer.fc", encoding="ascii") as f:
        text = f.read()
    assert not re.search("@[a-z_]+@", text)
    types = set(re.findall(r"object_r:(\w+),", text))
    assert types == {"sasl_bearer_" + name for name in (
        "exec_t", "fetch_exec_t", "sign_exec_t", "command_exec_t", "etc_t", "var_lib_t",
        "runtime_t")}, types


@tap.promise
def others_connect(p):
    "the module that doc/RHEL.md shows for another program compiles"
    with open(os.path.join(SRCDIR, "doc/RHEL.md"), encoding="utf-8") as f:
        text = re.search(r"^```\n(policy_module\((\w+),.*?)^```$", f.read(), re.M | re.S)
    p.env.write(f"module/{text[2]}.te", text[1])
    done = p.env.run(["make", "-C", p.dir, "-f", DEVEL, text[2] + ".pp"], timeout=120)
    assert done.rc == 0 and "error" not in (done.stdout + done.stderr).lower(), done


@tap.promise
def mail_programs_connect(p):
    "Postfix's smtp and programs of users may connect to the socket"
    for source in ("postfix_smtp_t", "user_t", "staff_t"):
        assert p.can(source, "sasl_bearer_t", "unix_stream_socket", "connectto"), source
        assert p.can(source, "sasl_bearer_runtime_t", "sock_file", "write"), source
    for source in ("postfix_qmgr_t", "postfix_smtpd_t", "postfix_cleanup_t"):
        assert not p.can(source, "sasl_bearer_t", "unix_stream_socket", "connectto"), source


@tap.promise
def network(p):
    "daemon and sign have no socket of the network; fetch connects to HTTP and DNS, and binds none"
    for source in ("sasl_bearer_t", "sasl_bearer_sign_t"):
        for kind in ("tcp_socket", "udp_socket", "rawip_socket", "netlink_route_socket"):
            assert not p.allowed(source, kind, "create"), (source, kind)
        assert not p.allowed(source, "tcp_socket", "name_connect"), source
    ports = p.allowed("sasl_bearer_fetch_t", "tcp_socket", "name_connect", tunable=False)
    assert ports == {"http_port_t", "http_cache_port_t", "dns_port_t"}, ports
    ports = p.allowed("sasl_bearer_command_t", "tcp_socket", "name_connect")
    assert ports == {"http_port_t", "smtp_port_t", "dns_port_t"}, ports
    assert not p.allowed("sasl_bearer_fetch_t", "tcp_socket", "name_bind")
    assert "port_type" in p.allowed("sasl_bearer_fetch_t", "tcp_socket", "name_connect")


@tap.promise
def daemon_runs_nothing(p):
    "the daemon runs no shell and nothing in its own domain; each child has another one"
    for source in ("sasl_bearer_t", "sasl_bearer_fetch_t", "sasl_bearer_sign_t"):
        assert not p.allowed(source, "file", "execute_no_trans"), source
        for target in ("shell_exec_t", "bin_t"):
            assert not p.can(source, target, "file", "execute"), (source, target)
    found = {target: where for (source, target, kind), where in p.transitions.items()
             if (source, kind) == ("sasl_bearer_t", "process")}
    assert found == {f"sasl_bearer_{name}_exec_t": f"sasl_bearer_{name}_t"
                     for name in ("fetch", "sign", "command")}, found
    for name in ("fetch", "sign"):
        assert not p.allowed(f"sasl_bearer_{name}_t", "process", "transition"), name


@tap.promise
def nobody_traces(p):
    "no domain of ours may trace anything, nor a user or Postfix the daemon"
    for source in DOMAINS:
        assert not p.allowed(source, "process", "ptrace"), source
    for source in ("postfix_smtp_t", "user_t"):
        for target in DOMAINS:
            assert not p.can(source, target, "process", "ptrace"), (source, target)


@tap.promise
def secrets(p):
    "state is the daemon's; fetch and commands read no secret, sign only what is given to it open"
    for source in ("sasl_bearer_fetch_t", "sasl_bearer_sign_t", "sasl_bearer_command_t",
                   "postfix_smtp_t", "user_t"):
        for perm in ("read", "write", "open"):
            assert not p.can(source, "sasl_bearer_var_lib_t", "file", perm), (source, perm)
            if (source, perm) != ("sasl_bearer_sign_t", "read"):
                assert not p.can(source, "sasl_bearer_etc_t", "file", perm), (source, perm)
    assert p.can("sasl_bearer_sign_t", "sasl_bearer_etc_t", "file", "read")
    assert p.can("sasl_bearer_t", "sasl_bearer_var_lib_t", "file", "create")
    assert p.can("sasl_bearer_t", "sasl_bearer_var_lib_t", "dir", "lock")
    assert not p.can("sasl_bearer_t", "sasl_bearer_etc_t", "file", "write")


@tap.promise
def starts(p):
    "systemd may make the sockets and start the daemon, and it its children, with no_new_privs"
    for perm in ("create", "listen", "bind"):
        assert p.can("init_t", "sasl_bearer_t", "unix_stream_socket", perm), perm
    assert p.can("init_t", "sasl_bearer_runtime_t", "sock_file", "create")
    assert p.can("init_t", "sasl_bearer_t", "process2", "nnp_transition")
    for name in ("fetch", "sign", "command"):
        for kind, perm in (("process", "transition"), ("process2", "nnp_transition"),
                           ("process", "sigkill")):
            assert p.can("sasl_bearer_t", f"sasl_bearer_{name}_t", kind, perm), (name, perm)


tap.main(Policy)
