# SPDX-License-Identifier: MIT
"""protocol - the helper's messages over its unix socket, as bytes and as dictionaries

As a program: connects to argv[1], sends stdin, prints the answer; argv[2] is the limit
in seconds.  That is how a test asks as another uid.
"""

import socket
import sys


def encode(fields):
    """One message: a line per attribute, then an empty line.  Nothing is checked."""
    lines = [f"{name}={value}\n" for name, value in fields.items()]
    return "".join(lines).encode("utf-8", "surrogateescape") + b"\n"


def decode(data):
    """All messages of a reply.  Anything but whole messages is a failure."""
    text = data.decode("utf-8")
    assert not text or text.endswith("\n\n"), f"not a whole message: {text!r}"
    messages = []
    for block in text.split("\n\n")[:-1]:
        lines = [line.partition("=") for line in block.split("\n")]
        assert all(equals for _, equals, _ in lines), f"a line without '=': {block!r}"
        assert len({name for name, _, _ in lines}) == len(lines), f"a name twice: {block!r}"
        messages.append({name: value for name, _, value in lines})
    return messages


def exchange(path, data, timeout):
    """Send bytes, end our half, read to the end of file."""
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(timeout)
        s.connect(path)
        try:
            s.sendall(data)
            s.shutdown(socket.SHUT_WR)
        except (BrokenPipeError, ConnectionResetError):
            pass                        # it may have refused us already: read why
        answer = b""
        try:
            while more := s.recv(65536):
                answer += more
        except ConnectionResetError:
            pass
        return answer


def exchange_by(run, path, data, timeout=30, **how):
    """The same by a process that run() starts, as Env.run does; how: such as uid."""
    with open(__file__, encoding="utf-8") as f:
        program = f.read()
    done = run(["/usr/bin/python3", "-c", program, path, timeout], timeout=timeout + 30,
               input=data.decode("utf-8", "surrogateescape"), **how)
    assert done.rc == 0, done.stderr
    return done.stdout.encode()


if __name__ == "__main__":
    sys.stdout.buffer.write(exchange(sys.argv[1], sys.stdin.buffer.read(), float(sys.argv[2])))
