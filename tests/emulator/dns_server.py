"""A DNS server on loopback that knows TXT records, written from RFC 1035 and not from our resolver."""

import socketserver
import struct
import threading


class Dns(socketserver.ThreadingUDPServer):
    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Query)
        self.texts: dict[str, list[str]] = {}
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def address(self) -> str:
        return "{}:{}".format(*self.server_address)


class _Query(socketserver.BaseRequestHandler):
    def handle(self):
        packet, socket = self.request
        labels, at = [], 12
        while length := packet[at]:
            labels.append(packet[at + 1 : at + 1 + length].decode().lower())
            at += 1 + length
        question, (kind,) = packet[12 : at + 5], struct.unpack_from("!H", packet, at + 1)
        texts = self.server.texts.get(".".join(labels))
        answers = texts if texts and kind == 16 else []
        flags = 0x8180 | (0 if texts else 3)
        answer = packet[:2] + struct.pack("!HHHHH", flags, 1, len(answers), 0, 0) + question
        for text in answers:
            held = bytes([len(text)]) + text.encode()
            answer += struct.pack("!HHHIH", 0xC00C, 16, 1, 60, len(held)) + held
        socket.sendto(answer, self.client_address)
