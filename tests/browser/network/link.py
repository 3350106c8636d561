"""Makes two TUN devices and runs a program on them: link.py NEAR FAR PROGRAM ARGUMENT...

The program has the near device as its standard input and the far one as its standard output. The devices end with it, in
whatever network namespace they are by then.
"""

import fcntl
import os
import struct
import sys

TUNSETIFF = 0x400454CA
IFF_TUN, IFF_NO_PI = 0x0001, 0x1000


def device(name):
    descriptor = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(descriptor, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TUN | IFF_NO_PI))
    return descriptor


near, far, *command = sys.argv[1:]
for descriptor, place in [(device(near), 0), (device(far), 1)]:
    os.dup2(descriptor, place)
    os.close(descriptor)
os.execv(command[0], command)
