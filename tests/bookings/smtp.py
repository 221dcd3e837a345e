"""A mail server (RFC 5321) that takes what it is given, or misbehaves as told."""

import socketserver
import threading
from typing import Any, Self, cast


class Talk(socketserver.StreamRequestHandler):
    """One connection."""

    to = ""

    def handle(self) -> None:
        self.mails = cast(MailServer, self.server)
        self.mails.connections += 1
        self.say("220 hello")
        for line in self.rfile:
            words = line.decode().upper().split()
            if words == ["DATA"] and self.mails.hangs_up:
                return
            self.answer(words[0], line.decode().strip())

    def answer(self, word: str, line: str) -> None:
        if word == "RCPT":
            self.to = line.partition("<")[2].rstrip(">")
            self.say("550 who?" if self.to == self.mails.unknown else "250 yes")
        elif word == "DATA":
            self.say("354 go on")
            lines = iter(lambda: self.rfile.readline().decode().rstrip("\r\n"), ".")
            self.mails.taken.append((self.to, "\n".join(lines)))
            self.say("250 taken")
        else:
            self.say("221 bye" if word == "QUIT" else "250 yes")

    def say(self, line: str) -> None:
        self.wfile.write(f"{line}\r\n".encode())


class MailServer(socketserver.ThreadingTCPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Talk)
        self.connections = 0
        self.taken: list[tuple[str, str]] = []  # to whom, and what
        self.unknown = ""  # to whom it delivers nothing
        self.hangs_up = False

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self.serve_forever, args=(0.01,))
        self._thread.start()
        return self

    def __exit__(self, *error: Any) -> None:
        self.shutdown()
        self.server_close()
        self._thread.join()
