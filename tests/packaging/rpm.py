#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""rpm - the RPMs: what is in them, and what installing, upgrading and erasing them does

The packages are made by packaging/rpm/sasl-bearer.spec.  In "make check" they have what
"make install" gives of the build at hand; "make check-rpm" (PACKAGES=built) compiles
them as packaging/build-rpm does.  They are installed in a root of their own.
"""

import collections
import glob
import os
import re
import shutil
import stat
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "lib"))

import tap
from env import BUILDDIR, SRCDIR, wait_for
from root import Root

FULL = os.environ.get("PACKAGES") == "built"
HERE = os.path.join(SRCDIR, "packaging/rpm")
SPEC = os.path.join(HERE, "sasl-bearer.spec")
LIBC = ("libc.so", "ld-linux", "rtld(", "rpmlib(")
LIBRARIES = ("libcrypto", "libcurl", "libevent_core", "libjson-c", "libqrencode", "libsasl2",
             "libseccomp", "libssl")
MAIN, PLUGIN, SELINUX = "sasl-bearer", "cyrus-sasl-bearer", "sasl-bearer-selinux"
CONF, STATE = "/etc/sasl-bearer/sasl-bearer.conf", "/var/lib/sasl-bearer"
ALICE = "alice@example.com"
# what is not root's with 0644, or 0755 where it is a directory or a program
MODES = {
    STATE: ("sasl-bearer", "sasl-bearer", 0o40700),
    "/run/sasl-bearer/accounts": ("sasl-bearer", "sasl-bearer", 0o40755),
}
File = collections.namedtuple("File", "path user group mode flags")


def full(function):
    """A promise of "make check-rpm" only."""
    return tap.promise(function) if FULL else function


def text_of(path):
    with open(os.path.join(SRCDIR, path), encoding="utf-8") as f:
        return f.read()


def rpm_value(env, expression, *options):
    """What an expression of rpm's macros is, as the spec sees it."""
    done = env.run(["rpm", f"--load={HERE}/macros.debian", *options, "--eval", expression])
    assert done.rc == 0 and not done.stderr, done
    return done.stdout.strip()


def parsed(env, *options):
    """The spec as rpmbuild reads it."""
    done = env.run(["rpmspec", f"--load={HERE}/macros.debian", f"--define=_sourcedir {HERE}",
                    *options, "-P", SPEC])
    assert done.rc == 0 and not done.stderr, done
    return done.stdout


class World:
    """The packages, and a root to install them in."""

    def __init__(self, env):
        self.env = env
        self.out = env.mkdir("rpms")
        self.tree = self.make_install()
        if FULL:
            done = env.run([f"{SRCDIR}/packaging/build-rpm", self.out, "--without", "check"],
                           env={"BUILDDIR": BUILDDIR}, timeout=1200)
            assert done.rc == 0, done.stdout[-4000:] + done.stderr[-4000:]
        else:
            self.release(1)
        self.packages = {re.sub(r"-[^-]+-[^-]+$", "", os.path.basename(path)): path
                         for path in glob.glob(self.out + "/*-1.*.rpm") if "src" not in path}
        assert {MAIN, PLUGIN} <= set(self.packages), self.packages
        self.root = None

    def make_install(self):
        """What "make install" installs, with the directories of a distribution."""
        tree = self.env.mkdir("tree")
        self.libdir = rpm_value(self.env, "%{_libdir}")
        done = self.env.run([
            "make", "-s", "-C", BUILDDIR, "install", f"DESTDIR={tree}", "prefix=/usr",
            "sysconfdir=/etc", "localstatedir=/var", f"saslplugindir={self.libdir}/sasl2",
            "systemdsystemunitdir=/usr/lib/systemd/system"], timeout=120)
        assert done.rc == 0, done
        return tree

    def release(self, number, conf=None):
        """Packages without compiling: the files are those of "make install"."""
        top = self.env.mkdir(f"release-{number}")
        spec = text_of("packaging/rpm/sasl-bearer.spec")
        for name, body in (("prep", f"%setup -q -c -T\ncp {SRCDIR}/LICENSE ."),
                           ("build", ""), ("check", "")):
            spec, count = re.subn(rf"^%{name}\n(.*\n)*?(?=^%(build|install|if 0))",
                                  f"%{name}\n{body}\n", spec, flags=re.M)
            assert count == 1, name
        spec, count = re.subn(r"^%make_install(.*\\\n)*.*\n",
                              f"cp -a {self.tree}/. %{{buildroot}}\n", spec, flags=re.M)
        assert count == 1
        spec = re.sub(r"^(Release: *)1", rf"\g<1>{number}", spec, flags=re.M)
        shutil.copy(f"{HERE}/sasl-bearer.sysusers", top)
        self.env.write(f"release-{number}/sasl-bearer.conf",
                       conf or text_of("packaging/sasl-bearer.conf"))
        path = self.env.write(f"release-{number}/sasl-bearer.spec", spec)
        done = self.env.run([
            "rpmbuild", "-bb", "--nodeps", "--without=selinux", f"--load={HERE}/macros.debian",
            f"--define=_topdir {top}", f"--define=_sourcedir {top}", f"--define=_rpmdir {self.out}",
            "--define=_rpmfilename %%{NAME}-%%{VERSION}-%%{RELEASE}.%%{ARCH}.rpm", path],
            timeout=120)
        assert done.rc == 0, done.stderr[-2000:]
        assert "File listed twice" not in done.stderr, done.stderr
        return sorted(glob.glob(f"{self.out}/*-{number}.*.rpm"))

    def query(self, package, *words):
        done = self.env.run(["rpm", "-q", "-p", *words, self.packages[package]])
        assert done.rc == 0, done
        return done.stdout

    def files(self, package):
        """All files and directories of a package."""
        lines = self.query(package, "--qf", "[%{FILENAMES}|%{FILEUSERNAME}|%{FILEGROUPNAME}|"
                           "%{FILEMODES:octal}|%{FILEFLAGS:fflags}\n]").splitlines()
        rows = [line.split("|") for line in lines]
        return [File(*row[:3], int(row[3], 8), row[4]) for row in rows
                if not row[0].startswith("/usr/lib/.build-id")]

    def enabled(self, manager):
        """The units that can be enabled, the helper's service first."""
        names = [f.path for f in self.files(MAIN) if f"/systemd/{manager}/" in f.path]
        can = []
        for name in names:
            with open(self.tree + name, encoding="utf-8") as f:
                if "[Install]" in f.read():
                    can.append(os.path.basename(name))
        order = (".service", "d.socket", "postfix.socket", "check.timer", "metrics.timer")
        return sorted(can, key=lambda name: [name.endswith(end) for end in order], reverse=True)

    def installed(self):
        """The root with both packages installed, once."""
        if not self.root:
            self.root = Root(self.env, share={self.out: "/mnt/rpms"})
            self.rpm("-i", self.packages[MAIN], self.packages[PLUGIN])
        return self.root

    def rpm(self, option, *what):
        """Install, upgrade or erase in the root; nothing of Fedora's is there to depend on."""
        names = [w.replace(self.out, "/mnt/rpms") for w in what]
        done = self.root.run(["rpm", option, "--nodeps", *names], timeout=60)
        assert done.rc == 0, done
        # of a package of another distribution, rpm says that it is no Debian package
        return done.stderr

    def read(self, path):
        with open(self.root.outside(path), encoding="utf-8") as f:
            return f.read()

    def write(self, path, text, mode=0o600, owner=None):
        with open(self.root.outside(path), "w", encoding="utf-8") as f:
            os.fchmod(f.fileno(), mode)
            f.write(text)
        if owner:
            assert self.root.run(["chown", owner, path]).rc == 0


def setup(env):
    tap.require("rpm", "rpmbuild", "rpmspec")
    return World(env)


@tap.promise
def in_step(w):
    "version, user and libraries are those of the sources"
    spec, configure = text_of("packaging/rpm/sasl-bearer.spec"), text_of("configure.ac")
    version = re.search(r"^AC_INIT\(\[sasl-bearer\], \[(.*)\]\)$", configure, re.M)[1]
    assert re.search(r"^Version: *(.*)$", spec, re.M)[1] == version
    assert re.search(r"^%changelog\n\*.* - (\S+)-\d+$", spec, re.M)[1] == version, "the changelog"
    user = text_of("contrib/systemd/sysusers.d/sasl-bearer.conf.in")
    for name, value in (("bearer_user", "sasl-bearer"), ("bearer_statedir", STATE)):
        user = user.replace(f"@{name}@", value)
    assert text_of("packaging/rpm/sasl-bearer.sysusers") == user
    asked = re.findall(r"PKG_CHECK_MODULES\(\[\w+\], \[(.*?)\]",
                       configure + text_of("m4/sasl-bearer.m4"))
    needed = re.findall(r"^BuildRequires: *pkgconfig\((.*)\) (>= .*)$", spec, re.M)
    assert len(asked) > 5 and sorted(asked) == sorted(map(" ".join, needed)), (asked, needed)


@tap.promise
def spec_is_whole(w):
    "the spec parses without a leftover macro, with and without policy and tests"
    for options in ((), ("--without", "selinux"), ("--without", "check")):
        text = parsed(w.env, *options)
        scripts = re.sub(r"^%(pre|post|preun|postun|posttrans|prep|build|install|check|files|config|dir|"
                         r"attr|license|ghost|verify|package|description|changelog|global)\b", "",
                         text, flags=re.M)
        left = re.findall(r"%\{\??\w+|^%\w+", scripts, re.M)
        assert not left, left
        assert (SELINUX in text) == ("selinux" not in options), options
        assert ("make -O" in text and " check TESTS" in text) == ("check" not in options), options


@tap.promise
def makes_the_user(w):
    "before Fedora 42 a scriptlet makes the user, from there on rpm does, by sysusers.d"
    for release, scriptlet in (("fedora 41", True), ("fedora 42", False),
                               ("rhel 10", True), ("rhel 11", False)):
        text = parsed(w.env, f"--define={release}")
        assert bool(re.search(r"^%pre\n", text, re.M)) == scriptlet, release
    assert "systemd-sysusers" in w.query(MAIN, "--scripts")


@tap.promise
def complete(w):
    "the packages have what make install installs, each file once, and nothing else"
    made = {"/" + os.path.relpath(os.path.join(where, name), w.tree)
            for where, _, names in os.walk(w.tree) for name in names}
    assert len(made) > 40 and "/usr/sbin/sasl-bearerd" in made, made
    files = [f for name in (MAIN, PLUGIN) for f in w.files(name)]
    found = [re.sub(r"^(/usr/share/man/.*)\.gz$", r"\1", f.path) for f in files
             if not stat.S_ISDIR(f.mode)]
    assert len(found) == len(set(found)), [f for f in found if found.count(f) > 1]
    extra = {CONF, *(f for f in found if f.startswith("/usr/share/licenses/"))}
    assert set(found) - extra == made, set(found) ^ made ^ extra
    assert {f.path for f in w.files(PLUGIN) if not stat.S_ISDIR(f.mode)} == {
        f"{w.libdir}/sasl2/libsaslbearer.so", "/usr/share/man/man7/libsaslbearer.7.gz",
        f"/usr/share/licenses/{PLUGIN}/LICENSE"}


@tap.promise
def owned(w):
    "all is root's, and state and markers the helper's; only programs can be run"
    for file in [f for name in (MAIN, PLUGIN) for f in w.files(name)]:
        runs = re.match(r"/usr/(s?bin|libexec|share/sasl-bearer/notify)/|.*\.so$", file.path)
        mode = 0o40755 if stat.S_ISDIR(file.mode) else 0o100755 if runs else 0o100644
        want = MODES.get(file.path, ("root", "root", mode))
        assert (file.user, file.group, file.mode) == want, file
    ours = {f.path for f in w.files(MAIN) if stat.S_ISDIR(f.mode)}
    for path in (STATE, "/etc/sasl-bearer", "/etc/sasl-bearer/accounts.d", "/run/sasl-bearer",
                 "/etc/sasl-bearer/providers.d", "/usr/libexec/sasl-bearer",
                 "/usr/share/sasl-bearer", "/usr/share/sasl-bearer/providers.d"):
        assert path in ours, f"{path} belongs to nobody"


@tap.promise
def requires(w):
    "the plugin needs the C library and nothing else, the rest the libraries it is linked with"
    lines = w.query(PLUGIN, "--requires").split("\n")
    assert [line for line in lines if line and not line.startswith(LIBC)] == [], lines
    needed = {line.partition(".so")[0].partition("-2")[0]
              for line in w.query(MAIN, "--requires").splitlines() if ".so" in line}
    assert needed - {"libc", "ld-linux"} == set(LIBRARIES), needed
    assert "cyrus-sasl-bearer" in w.query(MAIN, "--recommends")


@tap.promise
def configuration(w):
    "the only file an upgrade could overwrite is marked as one it must not"
    marked = {f.path: f.flags for name in (MAIN, PLUGIN) for f in w.files(name) if "c" in f.flags}
    assert marked == {CONF: "cn"}, marked
    lines = text_of("packaging/sasl-bearer.conf").splitlines()
    assert all(not line or line.startswith("#") for line in lines), "it sets something"


@tap.promise
def scriptlets(w):
    "each scriptlet is sh, and names every unit that can be enabled"
    system, user = (w.enabled(manager) for manager in ("system", "user"))
    assert len(system) > 2 and len(user) > 1, (system, user)
    for name in w.packages:
        bodies = re.split(r"^(\w+) scriptlet \(using (.*)\):\n", w.query(name, "--scripts"), flags=re.M)
        found = dict(zip(bodies[1::3], bodies[3::3]))
        assert set(bodies[2::3]) <= {"/bin/sh"}, bodies[2::3]
        for kind, body in found.items():
            path = w.env.write(f"scripts/{name}-{kind}", "#!/bin/sh\n" + body)
            for words in (["sh", "-n", path], ["shellcheck", path]):
                if words[0] == "sh" or shutil.which(words[0]):
                    done = w.env.run(words)
                    assert done.rc == 0, done
        if name == MAIN:
            removed = re.findall(r"disable (?:--now )?(sasl-bearer.*?) \|\|", found["preuninstall"])
            assert list(map(str.split, removed)) == [system, user], (removed, system, user)
            assert "try-restart sasl-bearerd.service" in found["postuninstall"]
            spec = text_of("packaging/rpm/sasl-bearer.spec")
            for macro in ("post", "preun"):
                assert f"%systemd_{macro} %{{units}}\n%systemd_user_{macro} %{{user_units}}\n" in spec
        elif name == PLUGIN:
            assert not found, "a plugin has no business on the system"


@tap.promise
def installs(w):
    "in a root without it: the user is made, the directories are as tmpfiles.d says"
    root = w.installed()
    done = root.run(["getent", "passwd", "sasl-bearer"])
    assert f":{STATE}:" in done.stdout and done.stdout.rstrip().endswith("nologin"), done
    for path, (user, _, mode) in MODES.items():
        done = root.run(["stat", "-c", "%U %f", path])
        assert done.stdout.split() == [user, f"{mode:x}"], done
    done = root.run(["systemd-tmpfiles", "--create", "sasl-bearer.conf"])
    assert done.rc == 0, done
    done = root.run(["rpm", "-V", "--nodeps", MAIN, PLUGIN])
    assert (done.rc, done.stdout) == (0, ""), done
    for name in ("sasl-bearer", "sasl-bearerd"):
        done = root.run([name, "--version"])
        assert done.rc == 0 and done.stdout.startswith(name), done


@full
def serves(w):
    "installed, the helper gives a token to a program that loads the installed plugin"
    root = w.installed()
    w.write("/etc/sasl-bearer/token", "the-token\n", 0o640, "root:sasl-bearer")
    w.write(f"/etc/sasl-bearer/accounts.d/{ALICE}.conf",
            "grant = file\ntoken_file = /etc/sasl-bearer/token\nhosts = localhost\nallow = mail\n",
            0o644)
    done = root.run(["sasl-bearerd", "--check"])
    assert done.rc == 0, done
    process = root.start("sasl-bearerd", ["sasl-bearerd", "--foreground"])
    wait_for(lambda: os.path.exists(root.outside("/run/sasl-bearer/socket")), 10, "the socket")
    done = root.run(["sasl-bearer", "--system", "token", "--host", "localhost", ALICE], uid="mail")
    assert (done.rc, done.stdout) == (0, "the-token\n"), (done, process.log())
    tap.require("saslpluginviewer")
    shown = [root.run(["saslpluginviewer", "-c"], uid=uid).stdout for uid in ("mail", "games")]
    assert "OAUTHBEARER" in shown[0] and "XOAUTH2" in shown[0], shown
    assert "OAUTHBEARER" not in shown[1], "a user whom no account allows is offered it"
    # a process of the namespace is ended from within
    assert root.run(["pkill", "-x", "sasl-bearerd"]).rc == 0
    assert process.wait() == 0, process.log()


@tap.promise
def upgrades(w):
    "an upgrade keeps accounts, tokens and what was edited, and lays the new file beside it"
    root = w.installed()
    w.write(CONF, "log_level = debug\n", 0o644)
    w.write("/etc/sasl-bearer/accounts.d/kept.conf", "provider = google\n", 0o644)
    w.write(f"{STATE}/kept", "refresh_token=secret\n", 0o600, "sasl-bearer:sasl-bearer")
    before = root.run(["stat", "-c", "%i %U %a", f"{STATE}/kept", STATE]).stdout
    said = w.rpm("-U", *w.release(2, "# a newer one\n"))
    assert f"{CONF} created as {CONF}.rpmnew" in said, said
    assert w.read(CONF) == "log_level = debug\n" and w.read(CONF + ".rpmnew") == "# a newer one\n"
    assert w.read(f"{STATE}/kept") == "refresh_token=secret\n"
    assert root.run(["stat", "-c", "%i %U %a", f"{STATE}/kept", STATE]).stdout == before
    assert w.read("/etc/sasl-bearer/accounts.d/kept.conf") == "provider = google\n"
    done = root.run(["rpm", "-q", MAIN, PLUGIN])
    assert done.stdout.count("-2.") == 2, done
    # and back again
    w.rpm("-U", "--oldpackage", w.packages[MAIN], w.packages[PLUGIN])
    assert w.read(f"{STATE}/kept") == "refresh_token=secret\n"
    assert w.read(CONF) == "log_level = debug\n"


@tap.promise
def erases(w):
    "erased, all of the package is gone, and grants, accounts and what was edited are left"
    root = w.installed()
    w.write(CONF, "log_level = debug\n", 0o644)
    w.write("/etc/sasl-bearer/accounts.d/kept.conf", "provider = google\n", 0o644)
    w.write(f"{STATE}/kept", "refresh_token=secret\n", 0o600, "sasl-bearer:sasl-bearer")
    w.rpm("-e", MAIN, PLUGIN)
    done = root.run(["stat", "-c", "%U %a", f"{STATE}/kept", STATE])
    assert done.stdout.split() == ["sasl-bearer", "600", "sasl-bearer", "700"], done
    assert w.read("/etc/sasl-bearer/accounts.d/kept.conf") == "provider = google\n"
    assert w.read(CONF + ".rpmsave") == "log_level = debug\n"
    # markers of a helper that ran are below /run until the next boot
    kept = (STATE, "/etc/sasl-bearer", "/etc/sasl-bearer/accounts.d", f"{w.libdir}/sasl2")
    left = [f.path for name in (MAIN, PLUGIN) for f in w.files(name)
            if os.path.exists(root.outside(f.path))
            and f.path not in kept and not f.path.startswith("/run/")]
    assert not left, left


@full
def hardened(w):
    "every program is position independent, its relocations are final, its calls are checked"
    tap.require("readelf", "rpm2cpio", "cpio")
    where = w.env.mkdir("unpacked")
    for name in (MAIN, PLUGIN):
        done = w.env.run(["sh", "-c", 'rpm2cpio "$1" | cpio -id --quiet', "sh", w.packages[name]],
                         cwd=where)
        assert done.rc == 0, done
    programs = [f.path for name in (MAIN, PLUGIN) for f in w.files(name)
                if re.match(r"/usr/(s?bin|libexec)/[^/]+(/[^/]+)?$|.*\.so$", f.path)
                and stat.S_ISREG(f.mode)]
    assert len(programs) == 5, programs
    for path in programs:
        said = w.env.run(["readelf", "-hldsW", where + path]).stdout
        for sign in ("DYN (", "GNU_RELRO", "BIND_NOW", "__stack_chk_fail"):
            assert sign in said, (path, sign)
        assert re.search(r"__\w+_chk@", said), (path, "_FORTIFY_SOURCE")
        assert not re.search(r"GNU_STACK.* RWE", said) and "R_X86_64_TEXTREL" not in said, path
        assert "RUNPATH" not in said and "RPATH" not in said, path
        assert ".symtab" not in w.env.run(["readelf", "-SW", where + path]).stdout, path


@full
def policy(w):
    "the SELinux package has the module, with labels for the files of the others, and its interface"
    tap.need(SELINUX in w.packages, "selinux-policy-dev")
    tap.require("semodule_unpackage", "bunzip2", "rpm2cpio", "cpio")
    files = [f.path for f in w.files(SELINUX)]
    module = "/usr/share/selinux/packages/targeted/sasl_bearer.pp.bz2"
    for path in (module, "/usr/share/selinux/devel/include/distributed/sasl_bearer.if"):
        assert path in files, files
    assert "noarch" in w.packages[SELINUX]
    assert f"({SELINUX} = " in w.query(MAIN, "--requires") \
        and "if selinux-policy-targeted)" in w.query(MAIN, "--requires")
    where = w.env.mkdir("policy")
    done = w.env.run(["sh", "-ec", 'rpm2cpio "$1" | cpio -id --quiet; bunzip2 -c ".$2" >pp\n'
                      "semodule_unpackage pp mod fc", "sh", w.packages[SELINUX], module], cwd=where)
    assert done.rc == 0, done
    with open(where + "/fc", encoding="ascii") as f:
        labels = re.findall(r"^(/\S+?)(?:\(/\.\*\)\?|/\.\*)?\t.*object_r:(\w+)", f.read(), re.M)
    paths = {f.path for f in w.files(MAIN)}
    wrong = [path for path, _ in labels if path not in paths and "spool" not in path]
    assert len(labels) > 5 and not wrong, (labels, wrong)


@full
def lint(w):
    "rpmlint finds nothing, but what packaging/rpm/sasl-bearer.rpmlintrc gives reasons for"
    tap.require("rpmlint")
    found = glob.glob(w.out + "/*-1.*rpm")
    assert any("src" in name for name in found), found
    done = w.env.run(["rpmlint", "--rpmlintrc", f"{HERE}/sasl-bearer.rpmlintrc", *found, SPEC],
                     timeout=120)
    assert re.search(r" 0 errors, 0 warnings,", done.stdout), done.stdout


tap.main(setup, root=True, timeout=1800 if FULL else 120)
