# SPDX-License-Identifier: MIT
"""inject - have a live thread make a system call, as one that is taken over would

As a program: inject.py TID NUMBER ARGUMENT...; an argument is a number, or a text, of which
the call gets the address.  Prints what the call gave, or "signal N" if that was the end.
The thread must wait in a system call.  x86_64 only, and for root; a process of its own, so that
the parent of the thread gets the status.
"""

import ctypes
import os
import platform
import struct
import sys

ATTACH, DETACH, GETREGS, SETREGS, SINGLESTEP = 16, 17, 12, 13, 9
WALL = 0x40000000
NAMES = ("r15 r14 r13 r12 rbp rbx r11 r10 r9 r8 rax rcx rdx rsi rdi orig_rax rip cs eflags rsp "
         "ss fs_base gs_base ds es fs gs").split()
ORDER = ("rdi", "rsi", "rdx", "r10", "r8", "r9")
NUMBERS = {"open": 2, "kill": 62, "socket": 41, "connect": 42, "listen": 50, "execve": 59,
           "ptrace": 101, "openat": 257, "process_vm_readv": 310, "unlink": 87, "mkdir": 83}
AVAILABLE = platform.machine() == "x86_64" and os.geteuid() == 0

libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.restype = ctypes.c_long
libc.ptrace.argtypes = (ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p)


class Died(Exception):
    """The process is gone."""


def ptrace(request, tid, data=None):
    if libc.ptrace(request, tid, None, data) < 0:
        raise OSError(ctypes.get_errno(), f"ptrace {request}")


def wait(tid):
    _, status = os.waitpid(tid, WALL)
    if os.WIFSIGNALED(status):
        raise Died(f"signal {os.WTERMSIG(status)}")
    if os.WIFEXITED(status):
        raise Died(f"exit {os.WEXITSTATUS(status)}")


def registers(tid):
    buf = ctypes.create_string_buffer(8 * len(NAMES))
    ptrace(GETREGS, tid, buf)
    return dict(zip(NAMES, struct.unpack(f"{len(NAMES)}Q", buf.raw)))


def set_registers(tid, values):
    raw = struct.pack(f"{len(NAMES)}Q", *(values[name] & (1 << 64) - 1 for name in NAMES))
    ptrace(SETREGS, tid, ctypes.create_string_buffer(raw, len(raw)))


def make_call(tid, number, arguments):
    ptrace(ATTACH, tid)
    wait(tid)
    before = registers(tid)
    now = dict(before, rax=number, orig_rax=-1, rip=before["rip"] - 2)
    place = before["rsp"] - 8192 & ~15
    with open(f"/proc/{tid}/mem", "r+b", buffering=0) as memory:
        memory.seek(now["rip"])
        assert memory.read(2) == b"\x0f\x05", "the thread does not wait in a system call"
        for register, argument in zip(ORDER, arguments):
            if isinstance(argument, str):
                memory.seek(place)
                memory.write(argument.encode("latin-1") + b"\0")
                now[register], place = place, place + len(argument) + 16 & ~15
            else:
                now[register] = argument
    set_registers(tid, now)
    ptrace(SINGLESTEP, tid)
    wait(tid)
    result = registers(tid)["rax"]
    set_registers(tid, before)
    ptrace(DETACH, tid)
    return result - (1 << 64) if result >> 63 else result


def inject(env, tid, name, *arguments):
    """Make a call by a name of NUMBERS; returns its result, -errno, or "signal N"."""
    words = [f"={a}" if isinstance(a, str) else str(a) for a in arguments]
    done = env.run([sys.executable, "-B", __file__, tid, NUMBERS[name], *words])
    assert done.rc == 0, done
    said = done.stdout.strip()
    return said if said.startswith("signal") else int(said)


def main():
    tid, number, *words = sys.argv[1:]
    try:
        print(make_call(int(tid), int(number),
                        [word[1:] if word[:1] == "=" else int(word) for word in words]))
    except Died as e:
        print(e)


if __name__ == "__main__":
    main()
