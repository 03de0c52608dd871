# SPDX-License-Identifier: BSD-3-Clause
"""Sends super-packets by an interface as its kernel would: `gso_sender.py IFNAME DST LENGTH...`.

Frame number n, of IPv4 and TCP, has the next of the lengths (bytes of payload); its bytes follow from n (see payload).
It sends one for each byte of its input.
"""

import os
import socket
import struct
import sys

SOL_PACKET, PACKET_VNET_HDR = 263, 15
NEEDS_CSUM, GSO_NONE, GSO_TCP4 = 1, 0, 1
HEADERS = 14 + 20 + 20
MSS = 1448


def payload(number, length):
    return bytes((number * 7 + at) & 0xff for at in range(251)) * (length // 251 + 1)


def checksum(data):
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return total


def frame(number, length, dst, src=b"\x02\x00\x00\x00\x00\x11"):
    """With its vnet header: the checksum of the pseudo header only, and cuts still to be made."""
    addresses = bytes([192, 0, 2, 1, 192, 0, 2, 2])
    ip = struct.pack(">BBHHHBBH", 0x45, 0, 40 + length, number & 0xffff, 0x4000, 64, 6, 0) + addresses
    ip = ip[:10] + struct.pack(">H", 0xffff ^ checksum(ip)) + ip[12:]
    pseudo = checksum(addresses + struct.pack(">HH", 6, 20 + length))
    tcp = struct.pack(">HHIIBBHHH", 5001, 5002, number, 0, 0x50, 0x10, 65535, pseudo, 0)
    kind = (GSO_TCP4, MSS) if length > MSS else (GSO_NONE, 0)
    header = struct.pack("<BBHHHH", NEEDS_CSUM, kind[0], HEADERS, kind[1], 34, 16)
    return header + dst + src + b"\x08\x00" + ip + tcp + payload(number, length)[:length]


def main():
    ifname, dst, *lengths = sys.argv[1:]
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0) as door:
        door.setsockopt(SOL_PACKET, PACKET_VNET_HDR, 1)
        door.bind((ifname, 0))
        number = 0
        while os.read(0, 1):
            door.send(frame(number, int(lengths[number % len(lengths)]), bytes.fromhex(dst.replace(":", ""))))
            number += 1


if __name__ == "__main__":
    main()
