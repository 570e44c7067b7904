"""Golden frames, damaged at random: the same ones for the same seed, in any run and on any machine."""

import random

import cases

MACS = 12  # never touched: a frame for somebody who is there could be answered
SHORTEST, LONGEST = 20, 1514  # the kernel drops shorter ones that claim a VLAN tag; the MTU allows no longer ones
INTERESTING = [bytes.fromhex(text) for text in (
    "00 01 06 11 2b 2c 32 33 3a 3b 3c 40 45 4f 60 7f 80 84 88 ff 0800 0806 8100 86dd 8847 8864 88a8 9100 0021 0057 0004 "
    "0000 ffff 05dc 05dd 0600 aaaa03000000 1fff 2000 3fff fff8").split()]


def originals():
    """Every Ethernet frame of the golden captures."""
    made = [make().records() for make in cases.SIMPLE]
    return sorted({frame for records in made for _, frame, _ in records if len(frame) > MACS})


class Mutator:
    def __init__(self, seed):
        self.random = random.Random(seed)
        self.originals = originals()

    def at(self, frame):
        """Mostly among the headers, where it matters."""
        return self.random.randrange(MACS, max(MACS + 1, min(len(frame), self.random.choice((24, 64, 100, 1514)))))

    def flip_bit(self, frame):
        at = self.at(frame)
        frame[at:at + 1] = bytes(byte ^ 1 << self.random.randrange(8) for byte in frame[at:at + 1])

    def overwrite(self, frame):
        at, value = self.at(frame), self.random.choice(INTERESTING)
        frame[at:at + len(value)] = value

    def randomise(self, frame):
        at = self.at(frame)
        frame[at:at + 4] = self.random.randbytes(len(frame[at:at + 4]))

    def cut(self, frame):
        del frame[self.at(frame):]

    def extend(self, frame):
        frame += self.random.randbytes(self.random.randrange(200))

    def remove(self, frame):
        at = self.at(frame)
        del frame[at:at + self.random.choice((1, 2, 4, 8, 20))]

    def repeat(self, frame):
        at = self.at(frame)
        frame[at:at] = frame[at:at + self.random.choice((2, 4, 8, 40))]

    def splice(self, frame):
        frame[self.at(frame):] = self.random.choice(self.originals)[MACS:]

    def tag(self, frame):
        tpid = self.random.choice((0x8100, 0x8100, 0x88A8, 0x9100))
        frame[MACS:MACS] = tpid.to_bytes(2, "big") + self.random.randbytes(2)

    def frame(self):
        frame = bytearray(self.random.choice(self.originals))
        ways = (self.flip_bit, self.overwrite, self.randomise, self.cut, self.extend, self.remove, self.repeat,
                self.splice, self.tag)
        for _ in range(self.random.choice((0, 1, 1, 2, 3, 6))):
            self.random.choice(ways)(frame)
        return bytes(frame[:LONGEST].ljust(SHORTEST, b"\0"))

    def frames(self, n):
        return [self.frame() for _ in range(n)]
