"""Capture files of which every second's content is known: frames with their meanings (tests/golden/wire.py), sent by
invented flows, and the Past that has to be told of them.

Here stands, once more, when a flow ends: idle for longer than its TTL; five seconds after the one in which it was
closed; or by a bare SYN once it is closed.
"""

import gc
from collections import namedtuple
from dataclasses import replace

from golden import files, wire
from truth import Flow, Past, key_of

NS, MS = 10**9, 10**6
TTL_MS = {"tcp": 120_000, "udp": 30_000, "other": 30_000, "icmp": 10_000}
LINGER_S = 5
LOCAL_NETS = ("10.7.0.0/16", "2001:db8::/48")
SYN, FIN, RST, ACK, PSH = wire.SYN, wire.FIN, wire.RST, wire.ACK, wire.PSH

Shape = namedtuple("Shape", "data key from_a cls way flags")  # a frame, as often as it is sent; key None: no flow
Event = namedtuple("Event", "time_ns shape length")


def is_ours(ip):
    return ip.startswith("10.7.") or ip.startswith("2001:db8:0:") or ip.startswith("2001:db8::")


def shape(layer):
    """What a frame means to whoever counts it."""
    meaning = layer.meaning
    if not meaning.flow:
        return Shape(layer.data, None, False, "other", None, 0)
    key, from_a = key_of((meaning.src, meaning.src_port), (meaning.dst, meaning.dst_port), meaning.proto, meaning.vlan)
    ours = is_ours(meaning.src), is_ours(meaning.dst)
    way = None if ours[0] == ours[1] else "out" if ours[0] else "in"
    return Shape(layer.data, key, from_a, Flow(key).cls, way, meaning.tcp_flags)


# ---- what becomes of flows ------------------------------------------------------------------------


class Life:
    """A flow on its way: how far it is closed, and who is thought to have begun it."""

    def __init__(self, flow, first_s):
        self.flow, self.first_s, self.ttl_ms = flow, first_s, TTL_MS[flow.cls]
        self.fins, self.closed_s, self.rank, self.ended_s = set(), None, -1, None

    def has_ended_before(self, ms, flags):
        if ms - self.flow.last_seen > self.ttl_ms:
            return True
        return self.closed_s is not None and (flags & (SYN | ACK) == SYN or ms // 1000 - self.closed_s > LINGER_S)

    def end_s(self):
        """The second at whose end it is over, if nothing more comes."""
        idle_s = (self.flow.last_seen + self.ttl_ms) // 1000
        return idle_s if self.closed_s is None else min(idle_s, self.closed_s + LINGER_S)

    def guess_initiator(self, frame):
        """SYN before SYN+ACK before ports before the first sender."""
        key = self.flow.key
        rank, begun_by_a = 0, frame.from_a
        if key.a_port and key.b_port and (key.a_port < 1024) != (key.b_port < 1024):
            begun_by_a = key.b_port < 1024
        if frame.flags & SYN:
            rank, begun_by_a = (1, not frame.from_a) if frame.flags & ACK else (2, frame.from_a)
        if rank > self.rank:
            self.rank, self.flow.initiator = rank, "a" if begun_by_a else "b"

    def note(self, frame, ms):
        flow, flags = self.flow, frame.flags
        if self.rank < 0 or flags & SYN:
            self.guess_initiator(frame)
        flow.tcp_flags |= flags
        if ms > flow.last_seen:
            flow.last_seen = ms
        if flags & (FIN | RST):
            self.close(frame, ms)

    def close(self, frame, ms):
        if frame.flags & FIN:
            self.fins.add(frame.from_a)
        if self.closed_s is None and (frame.flags & RST or len(self.fins) == 2):
            self.closed_s = ms // 1000


class Invention:
    """A capture in the making."""

    def __init__(self, first, end, iface):
        self.past = Past(first, end, iface)
        self.lives, self.all_lives, self.records = {}, [], []

    def begin(self, frame, ms):
        ab = None if not frame.way else frame.way if frame.from_a else {"in": "out", "out": "in"}[frame.way]
        flow = Flow(frame.key, ab_direction=ab)
        flow.first_seen = flow.last_seen = ms
        life = self.lives[frame.key] = Life(flow, ms // 1000)
        self.all_lives.append(life)
        self.past.flows.append(flow)
        self.past.counters[ms // 1000].new_flows += 1
        return life

    def add(self, event):
        time_ns, frame, length = event
        ms = time_ns // MS
        second = ms // 1000
        self.records.append((time_ns, frame.data, length))
        self.past.counters[second].count(frame.cls, length, frame.way, frame.key is not None)
        if not frame.key:
            return
        life = self.lives.get(frame.key)
        if life and life.has_ended_before(ms, frame.flags):
            life.ended_s, life = min(life.end_s(), second), None
        life = life or self.begin(frame, ms)
        life.note(frame, ms)
        at = 0 if frame.from_a else 2
        life.flow.sums[at] += 1
        life.flow.sums[at + 1] += length
        self.past.count(second, life.flow, frame.from_a, length)

    def finish(self):
        """When each flow has ended, as of the end; how many were alive at the end of each second."""
        first, end = self.past.first, self.past.end
        changes = [0] * (end - first + 1)
        for life in self.all_lives:
            ended_s = life.end_s() if life.ended_s is None else life.ended_s
            life.flow.ended = ended_s < end
            changes[life.first_s - first] += 1
            changes[min(max(ended_s, life.first_s), end) - first] -= 1
        alive = 0
        for second in range(first, end):
            alive += changes[second - first]
            self.past.counters[second].active_flows = alive
        return self

    def write(self, path, nanoseconds=True):
        path.write_bytes(files.pcap(self.records, nanoseconds=nanoseconds))


def swap_some(chance, events):
    """Here and there two frames of different flows come in the wrong order, within their second."""
    for i in range(len(events) - 1):
        x, y = events[i], events[i + 1]
        if x.shape.key != y.shape.key and x.time_ns // NS == y.time_ns // NS and chance.random() < 0.05:
            events[i], events[i + 1] = y, x
    return events


# ---- an hour of many things ---------------------------------------------------------------------------


def any_address(chance):
    kind = chance.random()
    if kind < 0.35:
        return f"10.7.{chance.randrange(4)}.{chance.randrange(1, 40)}"
    if kind < 0.65:
        return chance.choice(("10.8.0.", "192.0.2.", "198.51.100.", "172.16.5.")) + str(chance.randrange(1, 60))
    if kind < 0.66:
        return f"::ffff:10.7.0.{chance.randrange(1, 9)}"
    return f"2001:db8:{chance.choice((0, 0, 1, 2))}:{chance.randrange(3)}::{chance.randrange(1, 40):x}"


def any_pair(chance):
    while True:
        ends = any_address(chance), any_address(chance)
        if (":" in ends[0]) == (":" in ends[1]):
            return (ends[0], ends[0]) if chance.random() < 0.01 else ends


def any_length(chance, data):
    """On the wire: mostly a packet's, now and then more than 32 bits of a second can count."""
    if chance.random() < 0.3:
        return len(data)
    return len(data) + int(2 ** chance.uniform(0, chance.choice((10.5, 10.5, 10.5, 20, 31.9))))


class Speaker:
    """Two ends, and the frames between them."""

    def __init__(self, chance, start_ns, end_ns):
        self.chance, self.end_ns = chance, end_ns
        self.at_ns = chance.randrange(start_ns, end_ns)
        self.ends = any_pair(chance)
        self.vlan = chance.choice((None, None, None, None, 0, 5, 5, 100, 4094))
        self.shapes, self.events = {}, []

    def layer(self, forth, inner):
        ends = self.ends if forth else self.ends[::-1]
        packet = (wire.ip6 if ":" in ends[0] else wire.ip4)(*ends, inner)
        return wire.ether(packet if self.vlan is None else wire.tag(packet, self.vlan, priority=3))

    def send(self, forth, name, make):
        """Sends a frame, unless it would come after the end. `name` and direction say which; `make` its inside."""
        if self.at_ns >= self.end_ns:
            return
        frame = self.shapes.get((forth, name))
        if not frame:
            frame = self.shapes[forth, name] = shape(self.layer(forth, make()))
        self.events.append(Event(self.at_ns, frame, any_length(self.chance, frame.data)))

    def wait(self, mean_s):
        """On to a later time: some ms or minutes on, or to the very edge of a second or of a TTL."""
        choice, before_ns = self.chance.random(), self.at_ns
        self.at_ns += int(self.chance.expovariate(1 / mean_s) * NS)
        if choice < 0.04:
            self.at_ns = self.at_ns // NS * NS
        elif choice < 0.08:
            self.at_ns = self.at_ns // NS * NS + self.chance.choice((999_000_000, 999_999_999))
        elif choice < 0.1:
            ttl_ms = self.chance.choice(sorted(set(TTL_MS.values())))
            self.at_ns = (before_ns // MS + ttl_ms + self.chance.choice((-1, 0, 1, 2))) * MS
        self.at_ns = max(self.at_ns, before_ns)

    def talk(self):
        kind = self.chance.random()
        if kind < 0.5:
            self.talk_tcp()
        elif kind < 0.75:
            self.talk_udp()
        elif kind < 0.87:
            self.talk_icmp()
        else:
            self.talk_otherwise()
        return self.events

    # ---- protocols ----

    def ports(self):
        chance = self.chance
        return chance.choice((
            lambda: (chance.randrange(1024, 65536), chance.choice((22, 53, 80, 123, 443))),
            lambda: (chance.randrange(1024, 65536), chance.randrange(1024, 65536)),
            lambda: (chance.randrange(1, 1024), chance.randrange(1, 1024)),
            lambda: (40000 + chance.randrange(3), 80)))()

    def talk_tcp(self):
        chance, ports = self.chance, self.ports()

        def send(forth, flags):
            self.send(forth, flags, lambda: wire.tcp(*(ports if forth else ports[::-1]), flags))

        for _ in range(chance.choice((1, 1, 1, 2, 3))):
            self.open_tcp(send)
            mean_s = chance.choice((0.05, 0.5, 5, 40))
            for _ in range(int(chance.expovariate(1 / 15))):
                self.wait(mean_s)
                send(chance.random() < 0.6, chance.choice((ACK, ACK, ACK | PSH, ACK | wire.URG, ACK | wire.ECE)))
            self.close_tcp(send)
            self.speak_after_all(send)

    def open_tcp(self, send):
        how = self.chance.random()
        if how < 0.7:
            send(True, SYN)
            self.wait(0.02)
        if 0.1 < how < 0.85:
            send(False, SYN | ACK)
            self.wait(0.02)
        send(self.chance.random() < 0.8, ACK)

    def close_tcp(self, send):
        how = self.chance.random()
        self.wait(self.chance.choice((0.1, 2)))
        if how < 0.55:
            forth = self.chance.random() < 0.5
            send(forth, FIN | ACK)
            self.wait(self.chance.choice((0.01, 1, 10)))
            if how < 0.4:
                send(not forth, FIN | ACK)
        elif how < 0.75:
            send(self.chance.random() < 0.5, RST | ACK)

    def speak_after_all(self, send):
        """What comes late belongs to the flow for five seconds; then it is a new one, however it goes on."""
        for _ in range(self.chance.choice((0, 0, 1, 2, 4))):
            self.wait(self.chance.choice((1, 4, 8)))
            send(self.chance.random() < 0.5, self.chance.choice((ACK, ACK, ACK, FIN | ACK, RST, SYN, SYN | ACK)))
        self.wait(self.chance.choice((0.001, 3, 30, 200)))

    def talk_udp(self):
        ports, forth = self.ports(), True
        mean_s = self.chance.choice((0.05, 1, 10, 25))
        for _ in range(1 + int(self.chance.expovariate(1 / 12))):
            way = ports if forth else ports[::-1]
            self.send(forth, "udp", lambda way=way: wire.udp(*way, b"u" * 30))
            self.wait(mean_s)
            forth = self.chance.random() < 0.6

    def talk_icmp(self):
        proto = wire.ICMP6 if ":" in self.ends[0] else wire.ICMP
        if self.chance.random() < 0.1:
            proto = wire.ICMP
        for _ in range(1 + int(self.chance.expovariate(1 / 6))):
            for forth in (True, False):
                self.send(forth, "echo", lambda forth=forth: replace(
                    wire.echo(not forth, proto=wire.ICMP), meaning=wire.Meaning(proto=proto)))
                self.wait(self.chance.choice((0.01, 1, 9)))

    def talk_otherwise(self):
        ports = self.ports()
        proto = self.chance.choice((wire.SCTP, wire.UDPLITE, wire.DCCP, wire.GRE, wire.ESP, 89, 2, 103, 200,
                                    wire.TCP, wire.UDP))
        makes = {wire.SCTP: wire.sctp, wire.UDPLITE: lambda *p: wire.udp(*p, proto=proto),
                 wire.DCCP: lambda *p: wire.udp(*p, b"\x10" * 8, proto=proto)}
        if proto in (wire.TCP, wire.UDP):
            return self.talk_in_fragments(proto)
        for _ in range(1 + int(self.chance.expovariate(1 / 10))):
            forth = self.chance.random() < 0.6
            way = ports if forth else ports[::-1]
            make = makes.get(proto, lambda *_: wire.opaque(proto, b"\x11" * 24))
            self.send(forth, proto, lambda make=make, way=way: make(*way))
            self.wait(self.chance.choice((0.5, 15, 30)))

    def talk_in_fragments(self, proto):
        """Fragments after the first: they have no ports."""
        for _ in range(1 + int(self.chance.expovariate(1 / 4))):
            forth = self.chance.random() < 0.8
            ends = self.ends if forth else self.ends[::-1]
            rest = wire.fragment_rest(proto, b"\xff" * 40)
            packet = (wire.ip6(*ends, rest, extensions=[wire.fragment(1480, False)]) if ":" in ends[0] else
                      wire.ip4(*ends, rest, offset=1480))
            frame = shape(wire.ether(packet))
            if self.at_ns < self.end_ns:
                self.events.append(Event(self.at_ns, frame, any_length(self.chance, frame.data)))
            self.wait(5)


def noise(chance, start_ns, end_ns, n):
    """Frames without a valid IP header."""
    shapes = [shape(layer) for layer in (
        wire.ether(wire.arp()), wire.ether(wire.tag(wire.arp(), 5)), wire.ether(wire.not_ip(0x88CC, b"\2\7\4")),
        wire.spoiled(wire.ether(wire.ip4("10.7.0.1", "10.8.0.1", wire.udp(1, 2), version=6)), "ip_version"))]
    for _ in range(n):
        frame = chance.choice(shapes)
        yield Event(chance.randrange(start_ns, end_ns), frame, any_length(chance, frame.data))


def silences(chance, first, end):
    """Seconds of which nothing is sent: single ones, and three minutes in a row."""
    silent = {chance.randrange(first + 1, end - 1) for _ in range((end - first) // 50)}
    long_one = chance.randrange(first + 1, end - 200)
    return (silent | set(range(long_one, long_one + 190))) - {first, end - 1}


def many_things(chance, iface, minutes=42, speakers=1500):
    """All kinds of flows, silence, noise; from some second to some other, both with a frame."""
    first = 1_600_000_000 + chance.randrange(3600)
    end = first + minutes * 60 + chance.randrange(60)
    start_ns, end_ns = first * NS, end * NS
    events = list(noise(chance, start_ns, end_ns, 2500))
    for _ in range(speakers):
        events += Speaker(chance, start_ns, end_ns).talk()
    silent = silences(chance, first, end)
    events = [event for event in events if event.time_ns // NS not in silent]
    edge = shape(wire.ether(wire.arp()))
    events += [Event(start_ns, edge, 60), Event(end_ns - 1, edge, 60)]
    events.sort(key=lambda event: event.time_ns)
    invention = Invention(first, end, iface)
    for event in swap_some(chance, events):
        invention.add(event)
    return invention.finish()


# ---- more than a small memory can hold ----------------------------------------------------------------


def udp_shape(source, target, ports):
    packet = wire.ip4(source, target, wire.udp(*ports))
    return shape(wire.ether(packet))


def regulars(n):
    """TCP flows that never end, from ever so many addresses: both their frames."""
    for i in range(n):
        ends = f"10.7.{i // 250}.{i % 250 + 1}", f"198.51.100.{i % 7 + 1}"
        ports = 20000 + i % 40000, (80, 443, 8080)[i % 3]
        yield [shape(wire.ether(packet)) for packet in (
            wire.ip4(*ends, wire.tcp(*ports, ACK)), wire.ip4(*ends[::-1], wire.tcp(*ports[::-1], ACK)))]


def passers_by(number, n):
    """Flows of one packet."""
    for i in range(n):
        yield udp_shape(f"172.{number}.{i // 250}.{i % 250 + 1}", "192.0.2.1", (1024 + i % 60000, 53))


class Crowd:
    """Each minute a frame of every regular, at any second of it; now and then passers-by, and a flood of them. Regulars
    come to know each other over the first minutes."""

    RAMP_S = 300

    def __init__(self, chance, iface, minutes, n_regulars):
        self.chance = chance
        first = 1_600_000_000 // 60 * 60 + chance.randrange(1, 60)
        self.invention = Invention(first, first + minutes * 60 + chance.randrange(1, 60), iface)
        self.regulars = list(regulars(n_regulars))
        self.heavy = chance.sample(self.regulars[:n_regulars // 10], 40)
        self.extra = {}  # {second: frames}
        self.floods = []

    def any_length(self):
        """So large that it takes room as a number, and hardly any two alike: the largest are kept."""
        choice = self.chance.random()
        return 60 + int(choice * (1 << 28)) if choice < 0.1 else (1 << 28) + int(choice * (7 << 28))

    def pass_by(self, passing):
        """{minute: how many}"""
        for number, (minute, n) in enumerate(passing.items()):
            for frame in passers_by(number, n):
                second = self.invention.past.first + minute * 60 + self.chance.randrange(60)
                self.extra.setdefault(second, []).append((frame, self.any_length()))

    def flood(self, floods):
        """{second since the start: of how many flows}"""
        for number, (at, n) in enumerate(floods.items()):
            second = self.invention.past.first + at
            lengths = self.chance.sample(range(60, 60 + n), n)  # no two alike: which are kept must be certain
            self.extra.setdefault(second, []).extend(zip(passers_by(16 + number, n), lengths))
            self.floods.append(second)

    def make(self):
        past = self.invention.past
        gc.disable()  # it would look through a million frames again and again, now and later
        for start in range(past.first, past.end, 60):
            self.send_minute(start, min(start + 60, past.end))
        gc.freeze()
        gc.enable()
        return self.invention.finish()

    def send_minute(self, start, end):
        known = len(self.regulars) * (start + 60 - self.invention.past.first) // self.RAMP_S
        frames = [[] for _ in range(60)]
        for regular, at in zip(self.regulars[:known], self.chance.choices(range(60), k=len(self.regulars))):
            frames[at].append((regular[self.chance.random() < 0.4], self.any_length()))
        for second in range(start, end):
            more = [(regular[0], 3_000_000_000) for regular in self.chance.sample(self.heavy, 4)]
            self.send(second, more + self.extra.get(second, []), 0)
            self.send_regulars(second, frames[second - start])

    def send(self, second, frames, at_ns):
        """Frames of one second, evenly over the half of it from at_ns on: (shape, length)."""
        step_ns = NS // 2 // (len(frames) + 1)
        for i, (frame, length) in enumerate(frames):
            self.invention.add((second * NS + at_ns + i * step_ns, frame, length))

    def send_regulars(self, second, frames):
        """The same for flows that are there already, have nothing but ACK, and do not end; quickly."""
        invention, at_ns = self.invention, second * NS + NS // 2
        step_ns, lives = NS // 2 // (len(frames) + 1), invention.lives
        past, ways = invention.past, {"in": [0, 0], "out": [0, 0]}
        for frame, length in frames:
            life = lives.get(frame.key)
            at_ns += step_ns
            if not life:
                invention.add((at_ns, frame, length))
                continue
            flow, at = life.flow, 0 if frame.from_a else 2
            flow.last_seen = at_ns // MS
            flow.sums[at] += 1
            flow.sums[at + 1] += length
            past.count(second, flow, frame.from_a, length)
            invention.records.append((at_ns, frame.data, length))
            way = ways[frame.way]
            way[0] += 1
            way[1] += length
        for way, (packets, size) in ways.items():
            past.counters[second].count("tcp", size, way, packets=packets)
