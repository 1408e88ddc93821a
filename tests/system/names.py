#!/usr/bin/env python3
"""names.py ADDRESS ZONE: a DNS server on port 53 (UDP, and TCP for what is longer than 512 bytes) whose zone is a JSON file.

The file is read anew for each question: {"name": ["address", ...], "4.3.2.1.in-addr.arpa": "name", "bad name": null,
"silent name": false, "AAAA name": null}. A name that is not in it does not exist, of one that is null the server fails, and on one
that is false it keeps silent; with a type before it that is so for questions of this type alone. Says "ready", and then each
question: its protocol, type and name, and when it came, by the monotonic clock."""

import contextlib
import ipaddress
import json
import pathlib
import socket
import sys
import threading
import time

from dnslib import AAAA, PTR, QTYPE, RCODE, RR, A
from dnslib.server import BaseResolver, DNSHandler, DNSLogger, DNSServer

RECORDS = {4: ("A", A), 6: ("AAAA", AAAA)}
MISSING = object()
UDP_MOST = 512


class Silence(Exception):
    """There will be no answer."""


class Handler(DNSHandler):
    def handle(self):
        """Over TCP the C library asks for both kinds of address in one connection; dnslib itself answers the first."""
        if self.server.socket_type != socket.SOCK_STREAM:
            with contextlib.suppress(Silence):
                super().handle()
            return
        self.protocol = "tcp"
        with self.request.makefile("rb") as stream:
            while len(head := stream.read(2)) == 2:
                reply = self.get_reply(stream.read(int.from_bytes(head, "big")))
                self.request.sendall(len(reply).to_bytes(2, "big") + reply)


class Quiet(DNSLogger):
    def log_prefix(self, handler):
        return ""

    def log_error(self, handler, e):
        print("error", e, flush=True)


class Zone(BaseResolver):
    def __init__(self, path):
        self.path = path

    def resolve(self, request, handler):
        reply = request.reply()
        name, kind = str(request.q.qname).rstrip(".").lower(), QTYPE[request.q.qtype]
        print("%s %s %s at %.3f\n" % (handler.protocol, kind, name, time.monotonic()), end="", flush=True)  # at once: there are several threads
        zone = json.loads(self.path.read_text(encoding="utf-8"))
        known = zone.get("%s %s" % (kind, name), zone.get(name, MISSING))
        if known is MISSING:
            reply.header.rcode = RCODE.NXDOMAIN
        elif known is False:
            raise Silence
        elif known is None:
            reply.header.rcode = RCODE.SERVFAIL
        elif isinstance(known, str):
            if kind == "PTR":
                reply.add_answer(RR(request.q.qname, QTYPE.PTR, rdata=PTR(known)))
        else:
            for address in known:
                of, record = RECORDS[ipaddress.ip_address(address).version]
                if kind == of:
                    reply.add_answer(RR(request.q.qname, getattr(QTYPE, of), rdata=record(address)))
        if handler.protocol == "udp" and len(reply.pack()) > UDP_MOST:
            reply = request.reply()  # with its question, which dnslib's own truncated one has not
            reply.header.tc = 1
        return reply


def main():
    address, path = sys.argv[1], pathlib.Path(sys.argv[2])
    for tcp in (False, True):
        server = DNSServer(Zone(path), address=address, port=53, tcp=tcp, handler=Handler,
                           logger=Quiet(log="-request,-reply,-truncated,-data,-recv,-send"))
        server.start_thread()
    print("ready", flush=True)
    threading.Event().wait()


if __name__ == "__main__":
    main()
