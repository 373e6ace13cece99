# SPDX-License-Identifier: MIT
"""debian - the packages of this tree, and a small Debian to install them into"""

import os
import re
import shutil
import time

import tap
from env import BUILDDIR, SRCDIR

PACKAGES = ("libsasl2-modules-bearer", "sasl-bearer")
# what the machine has before; and what apt is to find there later, without a mirror
BASE = """systemd ca-certificates libsasl2-modules openssl procps python3 isync dovecot-imapd
	dovecot-pop3d dovecot-submissiond sasl2-bin""".split()
LATER = ["postfix"]
KEEP_S = 7 * 86400
NO_SERVICES = "#!/bin/sh\nexit 101\n"


class Packages:
    """What packaging/build-deb makes; "make check" is left out.

    dir      the directory that has it all
    version  of Debian, such as 0.1.0-1
    """

    def __init__(self, env):
        tap.require("dpkg-buildpackage", "dh")
        self.env, self.dir = env, env.mkdir("debs")
        self.log = env.log_file("build-deb")
        environment = {"BUILDDIR": BUILDDIR, "DEB_BUILD_OPTIONS":
                       f"nocheck parallel={os.cpu_count()}"}
        done = env.run(["sh", "-c", 'exec "$0" "$1" >"$2" 2>&1',
                        SRCDIR + "/packaging/build-deb", self.dir, self.log], env=environment,
                       timeout=600)
        assert done.rc == 0, "build-deb failed\n" + env.log_tails()
        source, = self.files(".dsc")
        self.version = re.search(r"_([^_]+)\.dsc$", source).group(1)

    def files(self, end):
        """The paths of what has such a name, sorted."""
        return sorted(os.path.join(self.dir, name) for name in os.listdir(self.dir)
                      if name.endswith(end))

    def debs(self, version=None):
        """The paths of the packages that are installed."""
        return [path for name in PACKAGES
                for path in self.files(".deb") if f"/{name}_{version or self.version}_" in path]

    def field(self, name, field):
        """A field of a package's control file."""
        path, = (path for path in self.debs() if f"/{name}_" in path)
        return self.env.run(["dpkg-deb", "-f", path, field]).stdout.strip()

    def next_version(self):
        """The same packages once more, as a newer version; returns that."""
        version = self.version + ".1"
        for path in self.debs():
            where = self.env.path(self.env.name("deb"))
            self.call("dpkg-deb", "-R", path, where)
            control = where + "/DEBIAN/control"
            with open(control, encoding="utf-8") as f:
                text = f.read()
            with open(control, "w", encoding="utf-8") as f:
                f.write(re.sub("^Version: .*$", f"Version: {version}", text, flags=re.M))
            self.call("dpkg-deb", "--root-owner-group", "-b", where,
                      path.replace(f"_{self.version}_", f"_{version}_"))
        return version

    def call(self, *words):
        done = self.env.run(words, timeout=60)
        assert done.rc == 0, done


class Base:
    """A directory with Debian's smallest system and BASE; made once a week.

    It is of the release that runs here, from the mirror that apt uses.
    """

    def __init__(self, env, packages):
        self.env, self.packages = env, packages
        self.dir = os.path.join(SRCDIR, "build", "debian")
        self.stamp = self.dir + ".made"
        self.wanted = " ".join([*self.release(), *BASE, *LATER, *self.depends()])
        if not self.fresh():
            self.make()

    def depends(self):
        """The packages that ours need."""
        words = self.packages.field("sasl-bearer", "Depends").split(",")
        return sorted(re.match(r"\s*([\w.+-]+)", word).group(1) for word in words)

    def release(self):
        """The release and its mirror."""
        with open("/etc/os-release", encoding="utf-8") as f:
            suite = re.search(r"^VERSION_CODENAME=(\w+)$", f.read(), re.M).group(1)
        done = self.env.run(["apt-get", "indextargets", "--format", "$(RELEASE) $(REPO_URI)",
                             "Created-By: Packages"])
        found = [line.split() for line in done.stdout.splitlines()]
        mirrors = [line[1] for line in found if line[0] == suite]
        tap.need(mirrors, f"a mirror of {suite}")
        return suite, mirrors[0]

    def fresh(self):
        """Whether there is one, as it is wanted and not old."""
        try:
            with open(self.stamp, encoding="utf-8") as f:
                return f.read() == self.wanted and time.time() - os.stat(self.stamp).st_mtime < KEEP_S
        except FileNotFoundError:
            return False

    def make(self):
        shutil.rmtree(self.dir, ignore_errors=True)
        os.makedirs(self.dir)
        self.log = self.env.log_file("base")
        self.run("debootstrap", "--variant=minbase", self.release()[0], self.dir,
                 self.release()[1])
        self.settings()
        self.chroot("apt-get", "update")
        self.chroot("apt-get", "install", *BASE)
        self.chroot("apt-get", "install", "--download-only", *LATER, *self.depends())
        os.unlink(self.dir + "/usr/sbin/policy-rc.d")
        with open(self.stamp, "w", encoding="utf-8") as f:
            f.write(self.wanted)

    def settings(self):
        """apt as it is here; nothing is started in a chroot; no waiting for the disk."""
        os.unlink(self.dir + "/etc/apt/sources.list")
        for name in ("sources.list", "sources.list.d", "keyrings", "trusted.gpg.d", "auth.conf.d"):
            if os.path.isdir("/etc/apt/" + name):
                shutil.copytree("/etc/apt/" + name, f"{self.dir}/etc/apt/{name}",
                                dirs_exist_ok=True)
            elif os.path.exists("/etc/apt/" + name):
                shutil.copy("/etc/apt/" + name, f"{self.dir}/etc/apt/{name}")
        for name in ("resolv.conf", "hosts"):
            shutil.copy("/etc/" + name, f"{self.dir}/etc/{name}")
        acquire = self.env.run(["apt-config", "dump", "Acquire"]).stdout
        for path, text, mode in (
                ("etc/apt/apt.conf.d/here", acquire + 'APT::Install-Recommends "false";\n'
                 'APT::Get::Assume-Yes "true";\n', 0o644),
                ("etc/dpkg/dpkg.cfg.d/fast", "force-unsafe-io\n", 0o644),
                ("usr/sbin/policy-rc.d", NO_SERVICES, 0o755)):
            with open(f"{self.dir}/{path}", "w", encoding="utf-8") as f:
                f.write(text)
            os.chmod(f"{self.dir}/{path}", mode)

    def chroot(self, *words):
        self.run("unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c",
                 'mount -t proc proc "$0/proc" && exec chroot "$0" "$@"', self.dir, *words)

    def run(self, *words):
        environment = {"DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C"}
        done = self.env.run(["sh", "-c", 'exec "$@" >>"$0" 2>&1', self.log, *words],
                            env=environment, timeout=900)
        assert done.rc == 0, f"{words[0]} failed\n" + self.env.log_tails()
