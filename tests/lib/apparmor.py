# SPDX-License-Identifier: MIT
"""apparmor - what a profile allows, and what a run did, without a kernel that enforces it

apparmor_parser expands includes; what is read here are the rules for files.  A run is
traced by "strace -ff -y", one file for each process.
"""

import collections
import glob
import os
import re

TRACED = ("open,openat,openat2,execve,connect,bind,mkdir,mkdirat,unlink,unlinkat,rename,"
          "renameat,renameat2,chmod,fchmodat,lchown,chown,fchownat,mmap,flock,clone,clone3,"
          "fork,vfork,readlink,truncate,link,linkat,symlink")
RULE = re.compile(r"^((?:\w+ +)*)([/@]\S*) +([a-zA-Z]+)(?: +-> +&?\S+)?,$")

Access = collections.namedtuple("Access", "process path perms line")


def pattern(text, variables):
    """A glob of AppArmor as a regular expression."""
    while found := re.search(r"@\{(\w+)\}(/?)", text):
        values = [value.rstrip("/") if found.group(2) else value
                  for value in variables[found.group(1)]]
        text = text.replace(found.group(0), "{" + ",".join(values) + "}" + found.group(2))
    text = re.sub("/+", "/", text)
    result, depth, i = "", 0, 0
    while i < len(text):
        c = text[i]
        last = i + 1 == len(text)
        if text.startswith("**", i):
            result += ".+" if i + 2 == len(text) and text[i - 1] == "/" else ".*"
            i += 1
        elif c == "*":
            result += "[^/]+" if last and text[i - 1] == "/" else "[^/]*"
        elif c == "?":
            result += "[^/]"
        elif c == "[":
            end = text.index("]", i)
            result += text[i:end + 1]
            i = end
        elif c in "{}," and (depth or c == "{"):
            result += {"{": "(?:", "}": ")", ",": "|"}[c]
            depth += (c == "{") - (c == "}")
        else:
            result += re.escape(c)
        i += 1
    # a variable's value begins with a slash of its own
    return re.compile(result.replace("/(?:/", "(?:/"))


class Profile:
    """The rules for files of one profile."""

    def __init__(self):
        self.rules = []

    def allows(self, path, perms):
        """Whether rules give all of the permissions."""
        had = "".join(given for regex, given in self.rules if regex.fullmatch(path))
        if "a" in perms or "w" in had:
            had += "a"
        return set(perms) <= set(had)


def profiles(text):
    """{name: Profile} of the output of "apparmor_parser -p"."""
    variables, result, stack = collections.defaultdict(list), {}, []
    for line in re.sub(r"\s*#.*", "", text).splitlines():
        line = line.strip()
        if found := re.match(r"@\{(\w+)\}\s*\+?=\s*(.*)$", line):
            variables[found.group(1)] += found.group(2).replace('"', "").split()
        elif found := re.match(r"profile (\S+).*\{$", line):
            stack.append(found.group(1))
            result[found.group(1)] = Profile()
            variables["profile_name"] = [found.group(1)]
        elif line == "}":
            stack.pop()
        elif stack and (found := RULE.match(line)):
            words, path, perms = found.groups()
            assert "deny" not in words, line
            result[stack[-1]].rules.append((pattern(path, variables), perms.lower()))
    return result


def of_open(path, flags):
    if "O_PATH" in flags or not path.startswith("/"):
        return None
    return path, "rw" if "O_RDWR" in flags else "w" if "O_WRONLY" in flags else "r"


def of_call(name, args, result):
    """What a successful call needs: (path, permissions), or None."""
    texts = re.findall(r'"((?:[^"\\]|\\.)*)"', args)
    dirs = re.findall(r"(?:AT_FDCWD|\b\d+)<([^>]*)>", args)
    if name.startswith("open"):
        found = re.search(r"<([^>]*)>$", result)
        return of_open(found.group(1), args) if found else None
    if name == "mmap":
        return (dirs[0], "m") if "PROT_EXEC" in args and dirs and dirs[0][0] == "/" else None
    if name == "flock":
        return (dirs[0], "k") if dirs and dirs[0][0] == "/" else None
    if name in ("connect", "bind"):
        found = re.search(r'sun_path="(/[^"]*)"', args)
        return (os.path.realpath(found.group(1)), "rw" if name == "connect" else "w") if found else None
    if not texts:
        return None
    path = os.path.join(dirs[0] if dirs and not texts[0].startswith("/") else "/", texts[0])
    if name == "execve":
        return os.path.realpath(path), "x"
    where = os.path.join(os.path.realpath(os.path.dirname(path)), os.path.basename(path))
    if name.startswith("rename"):
        return where, "rw"
    return where, "r" if name == "readlink" else "w"


def accesses(prefix):
    """All Accesses of the processes whose traces are PREFIX.PID; process is its program."""
    calls, parents, found = {}, {}, []
    for path in glob.glob(prefix + ".*"):
        pid = int(path.rpartition(".")[2])
        with open(path, encoding="utf-8", errors="replace") as f:
            calls[pid] = re.findall(r"^(\w+)\((.*)\) += (.*)$", f.read(), re.M)
        for name, _, result in calls[pid]:
            if name in ("clone", "clone3", "fork", "vfork") and result.isdigit():
                parents[int(result)] = pid
    first = next(pid for pid in calls if pid not in parents)

    def walk(pid, program):
        for name, args, result in calls.get(pid, ()):
            if name in ("clone", "clone3", "fork", "vfork"):
                if result.isdigit():
                    walk(int(result), program)
                continue
            needs = None if result.startswith("-1") else of_call(name, args, result)
            if needs and program:       # what starts the first one is not ours
                path = needs[0] + "/" if os.path.isdir(needs[0]) else needs[0]
                found.append(Access(program, path, needs[1], f"{name}({args}) = {result}"))
            if name == "execve" and result == "0":
                program = os.path.basename(needs[0])
    walk(first, None)
    return found
