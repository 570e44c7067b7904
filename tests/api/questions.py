"""Random questions, and what they mean: times in every notation, simple parameters, filters of the language.

A filter is a pair of its text and a function of (flow, sums, facts) to the directions of the flow that it selects. The
text is made from the meaning, never parsed: what precedence and carried-over words do to it is known beforehand.
"""

import functools
import ipaddress
from datetime import datetime, timedelta, timezone

from truth import AB, BA, ICMP, ICMP6, SCTP, TCP, UDP, bytes_of, packed, packets_of

BOTH = AB | BA
FLAGS = {"fin": 1, "syn": 2, "rst": 4, "psh": 8, "ack": 16, "urg": 32, "ece": 64, "cwr": 128}
RELATIONS = {">": lambda x, y: x > y, ">=": lambda x, y: x >= y, "<": lambda x, y: x < y, "<=": lambda x, y: x <= y,
             "=": lambda x, y: x == y, "!=": lambda x, y: x != y}


def everything(flow, sums, facts):
    return BOTH


# ---- times ------------------------------------------------------------------------------------------


def write_time(chance, ms, now_ms):
    """One of the three notations."""
    notation = chance.randrange(3)
    if notation == 2 and ms <= now_ms:
        back = now_ms - ms
        units = [(1, "ms"), (1000, "s"), (1000, ""), (60_000, "m"), (3_600_000, "h")]
        size, unit = chance.choice([u for u in units if back % u[0] == 0])
        return f"-{back // size}{unit}"
    if notation == 1:
        offset = chance.choice((0, 0, 120, -330, 765))
        when = datetime.fromtimestamp(ms // 1000, timezone.utc) + timedelta(minutes=offset)
        part = chance.choice((f".{ms % 1000:03}", f".{ms % 1000:03}000")) if ms % 1000 else chance.choice(("", ".0"))
        sign, hours, minutes = "-" if offset < 0 else "+", abs(offset) // 60, abs(offset) % 60
        zone = f"{sign}{hours:02}:{minutes:02}" if offset or chance.random() < 0.3 else chance.choice("Zz")
        return when.strftime(f"%Y-%m-%d{chance.choice('Tt ')}%H:%M:%S") + part + zone
    return str(ms)


def any_length(chance, longest_s):
    return min(longest_s, chance.choice((
        lambda: 1, lambda: chance.randint(1, 10), lambda: chance.randint(1, 90), lambda: 60 * chance.randint(1, 5),
        lambda: chance.randint(1, 600), lambda: chance.randint(1, longest_s)))())


def any_times(chance, past, longest_s):
    """Parameters, and the seconds [first, end) that they ask for, before these are cut to what is held. Now and then
    the range is longer than `longest_s`: it begins or ends where that does which is held, or beyond."""
    seldom = 0.1 if longest_s >= past.end - past.first else 0.02
    first = chance.randrange(past.first, past.end)
    if chance.random() < 0.25:
        return {"at": write_time(chance, first * 1000 + chance.randrange(1000), past.now_ms)}, (first, first + 1)
    if chance.random() < 0.2:
        first = max(past.first, first // 60 * 60)
    end = min(past.end, first + any_length(chance, longest_s))
    from_ms, to_ms = first * 1000, end * 1000
    if chance.random() < 0.5:  # an end within its second asks for the whole of it
        from_ms += chance.randrange(1000)
        to_ms -= chance.randrange(min(1000, to_ms - from_ms))
    if chance.random() < seldom:
        from_ms = past.first * 1000 - chance.randrange(1, 4_000_000)
    if chance.random() < seldom:
        to_ms = past.now_ms + chance.randrange(1, 4_000_000)
    times = {"from": write_time(chance, from_ms, past.now_ms), "to": write_time(chance, to_ms, past.now_ms)}
    span = [from_ms // 1000, -(-to_ms // 1000)]
    if chance.random() < seldom:
        span[0] = past.first
        del times["from"]
    elif chance.random() < seldom:
        span[1] = past.end
        del times["to"]
    return times, tuple(span)


def any_refused(chance, past):
    """Parameters of a time that cannot be asked for: (parameters, status, param)."""
    first = chance.randrange(past.first, past.end) * 1000 + chance.randrange(1000)
    back = chance.randrange(1, 100_000)
    before, after = past.first * 1000 - back, past.now_ms + back - 1

    def at(ms):
        return write_time(chance, ms, past.now_ms)

    return chance.choice((
        ({"at": at(before)}, 410, "at"),
        ({"at": at(after)}, 400, "at"),
        ({"from": at(after)}, 400, "from"),
        ({"to": at(before // 1000 * 1000)}, 410, "to"),
        ({"from": at(before - 5000), "to": at(before // 1000 * 1000)}, 410, "to"),
        ({"from": at(first), "to": at(first - chance.randrange(3))}, 400, "from"),
        ({"at": at(first), "to": at(past.now_ms)}, 400, "at"),
    ))


# ---- simple parameters ---------------------------------------------------------------------------------


@functools.cache
def address_of(ip):
    return ipaddress.ip_address(packed(ip))


def is_in(ip, net):
    return address_of(ip) in net


def any_net(chance, ip):
    bits = chance.choice((8, 16, 20, 24, 24, 28, 32) if ":" not in ip else (16, 32, 48, 64, 124, 128))
    return ipaddress.ip_network((packed(ip), bits), strict=False)


def value_list(chance, values):
    """'x', 'x,y' or '!x,!y', and whether what is any of them shall be selected."""
    none_of = chance.random() < 0.3
    return ",".join(("!" if none_of else "") + str(value) for value in values), not none_of


def any_parameters(chance, flows, iface, ids=None):
    """Up to three conditions of /api/flows and its like: (parameters, filter)."""
    flow, another = chance.choice(flows).key, chance.choice(flows).key
    protos = {"tcp": lambda f: f.cls == "tcp", "udp": lambda f: f.cls == "udp", "icmp": lambda f: f.cls == "icmp",
              "other": lambda f: f.cls == "other", "gre": lambda f: f.key.proto == 47,
              "icmp6": lambda f: f.key.proto == ICMP6, str(flow.proto): lambda f: f.key.proto == flow.proto}

    def proto():
        words = chance.sample(sorted(protos), chance.choice((1, 1, 2, 3)))
        text, wanted = value_list(chance, words)
        return text, lambda f: any(protos[word](f) for word in words) == wanted

    def ip():
        nets = [any_net(chance, address) for address in (flow.a_ip, another.b_ip)[:chance.choice((1, 1, 2))]]
        text, wanted = value_list(chance, [net.network_address if net.prefixlen == net.max_prefixlen else net
                                           for net in nets])
        return text, lambda f: any(is_in(end, net) for end in (f.key.a_ip, f.key.b_ip) for net in nets) == wanted

    def port():
        ports = [flow.a_port, another.b_port, 80][:chance.choice((1, 1, 2, 3))]
        text, wanted = value_list(chance, ports)
        return text, lambda f: (f.key.a_port in ports or f.key.b_port in ports) == wanted

    def vlan():
        vlans = chance.sample((0, flow.vlan or 5, 4094), chance.choice((1, 2)))
        text, wanted = value_list(chance, vlans)
        return text, lambda f: (f.key.vlan in vlans) == wanted

    def by_id():
        known = chance.choice(sorted(ids.by_id))
        return known, lambda f: f is ids.by_id[known]

    conditions = {"proto": proto, "ip": ip, "port": port, "vlan": vlan, "iface": lambda: (iface, lambda f: True)}
    names = chance.sample(sorted(conditions), chance.choice((0, 1, 1, 1, 2, 3)))
    if ids and ids.by_id and chance.random() < 0.05:
        names, conditions["flow"] = ["flow"], by_id
    chosen = {name: conditions[name]() for name in names}
    return ({name: text for name, (text, _) in chosen.items()},
            lambda f, sums, facts: BOTH if all(holds(f) for _, holds in chosen.values()) else 0)


# ---- the filter language ----------------------------------------------------------------------------------


class Values:
    """The words before a value, and values that may follow them: each (text, filter)."""

    def __init__(self, words, make):
        self.words, self.make = words, make


def whole(holds):
    """A condition about the flow."""
    return lambda flow, sums, facts: BOTH if holds(flow, sums, facts) else 0


def by_ends(end, a, b):
    """A condition over ends that holds for A and for B."""
    if end == "src":
        return (AB if a else 0) | (BA if b else 0)
    if end == "dst":
        return (AB if b else 0) | (BA if a else 0)
    return BOTH if (a and b if end in ("src and dst", "dst and src") else a or b) else 0


ENDS = ("", "", "", "src", "src", "dst", "dst", "src or dst", "src and dst", "dst and src")


def spell(chance, *words):
    text = " ".join(word for word in words if word)
    return text.upper() if chance.random() < 0.05 else text


def addresses(chance, flows):
    """host, net, or nothing before an address or network."""
    family = chance.choice(("", "", "", "ip", "ip6"))
    end, target = chance.choice(ENDS), chance.choice(("host", "host", "net", "net", ""))
    if family and not end and not target:
        target = "host"
    fitting = [f.key for f in flows if family in ("", "ip6" if f.family == 6 else "ip")]

    def value():
        key = chance.choice(fitting)
        ip = chance.choice((key.a_ip, key.b_ip))
        net = any_net(chance, ip)
        if target == "host" or (not target and chance.random() < 0.5):
            text, net = ip, ipaddress.ip_network(packed(ip))
        else:
            text = write_net(chance, net, target)
        return text, lambda flow, sums, facts: by_ends(end, is_in(flow.key.a_ip, net), is_in(flow.key.b_ip, net))

    return Values(spell(chance, family, end, target), value) if fitting else None


def write_net(chance, net, target):
    """By its length, its mask, or its first parts."""
    way = chance.randrange(3) if target == "net" and net.version == 4 else 0
    parts = str(net.network_address).split(".")
    if way == 1:
        return f"{net.network_address} mask {net.netmask}"
    if way == 2 and net.prefixlen in (8, 16, 24) and parts[0] != "0":
        return ".".join(parts[:net.prefixlen // 8])
    return str(net)


def has_ports(flow, protocols):
    return flow.key.proto in protocols and (flow.key.a_port or flow.key.b_port)


PORTS = {"": (TCP, UDP, SCTP), "tcp": (TCP,), "udp": (UDP,), "sctp": (SCTP,)}
# a name that is registered for one protocol only stands for that one
NAMED = {"domain": (53, (TCP, UDP, SCTP)), "http": (80, (TCP,)), "ntp": (123, (UDP,)), "ssh": (22, (TCP,))}


def ports(chance, flows):
    protocol, end = chance.choice(("", "", "tcp", "udp", "sctp")), chance.choice(ENDS)
    target = chance.choice(("port", "port", "portrange"))

    def select(low, high, protocols):
        return lambda flow, sums, facts: has_ports(flow, protocols) and by_ends(
            end, low <= flow.key.a_port <= high, low <= flow.key.b_port <= high) or 0

    def value():
        key = chance.choice(flows).key
        port = chance.choice((key.a_port, key.b_port, 80))
        fitting = [n for n, (_, protocols) in NAMED.items() if set(protocols) & set(PORTS[protocol])]
        if target == "portrange":
            other = chance.choice((port, 1024, 65535, chance.randrange(65536)))
            low, high = min(port, other), max(port, other)
            return f"{port}-{other}", select(low, high, PORTS[protocol])
        if fitting and chance.random() < 0.2:
            name = chance.choice(fitting)
            return name, select(NAMED[name][0], NAMED[name][0], set(NAMED[name][1]) & set(PORTS[protocol]))
        return chance.choice((str(port), hex(port))), select(port, port, PORTS[protocol])

    return Values(spell(chance, protocol, end, target), value)


def protos(chance, flows):
    family = chance.choice(("", "ip", "ip6"))

    def value():
        number = chance.choice(flows).key.proto
        return str(number), whole(lambda flow, sums, facts: flow.key.proto == number and
                                  family in ("", "ip6" if flow.family == 6 else "ip"))

    return Values(spell(chance, family, "proto"), value)


def vlans(chance, flows):
    def value():
        vlan = chance.choice((0, 5, 100, chance.choice(flows).key.vlan))
        return str(vlan), whole(lambda flow, sums, facts: flow.key.vlan == vlan)

    return Values(spell(chance, "vlan"), value)


def flags(chance, flows):
    def value():
        flag = chance.choice(sorted(FLAGS))
        return flag, whole(lambda flow, sums, facts: flow.tcp_flags & FLAGS[flag])

    return Values(spell(chance, "flags"), value)


def states(chance, flows):
    def value():
        state = chance.choice(("active", "ended"))
        return state, whole(lambda flow, sums, facts: flow.ended == (state == "ended"))

    return Values("state", value)


def single_words(chance):
    """Conditions that take no value."""
    def proto(number, families=(4, 6)):
        return whole(lambda flow, sums, facts: flow.key.proto == number and flow.family in families)

    def way(name):
        other = {"in": "out", "out": "in"}[name]
        return lambda flow, sums, facts: {name: AB, other: BA, None: 0}[flow.ab_direction]

    return chance.choice([
        ("tcp", proto(TCP)), ("udp", proto(UDP)), ("sctp", proto(SCTP)), ("icmp", proto(ICMP, (4,))),
        ("icmp6", proto(ICMP6, (6,))), ("igmp", proto(2, (4,))), ("esp", proto(50)),
        ("ip", whole(lambda flow, sums, facts: flow.family == 4)),
        ("ip6", whole(lambda flow, sums, facts: flow.family == 6)),
        ("vlan", whole(lambda flow, sums, facts: flow.key.vlan != 0)),
        ("in", way("in")), ("out", way("out")), ("inbound", way("in")), ("outbound", way("out"))])


def write_quantity(chance, number, units):
    """In the largest unit that fits, or plainly; a fraction is rounded down."""
    size, unit = chance.choice((units[0], *units))
    if size == 1 or number < size:
        return str(number) + units[0][1], number
    if chance.random() < 0.3:
        tenths = number * 10 // size
        return f"{tenths // 10}.{tenths % 10}{unit}", tenths * size // 10
    return f"{number // size}{unit}", number // size * size


def quantities(chance, facts, sums):
    """bytes, packets, rate, age, duration, compared with what some flow has, or is near to."""
    flow, of_flow = chance.choice(list(sums.items()))
    values = {
        "bytes": lambda flow, sums, facts: bytes_of(sums),
        "packets": lambda flow, sums, facts: packets_of(sums),
        "rate": lambda flow, sums, facts: facts.rate_of(flow, sums),
        "age": lambda flow, sums, facts: facts.now_ms - flow.first_seen,
        "duration": lambda flow, sums, facts: flow.last_seen - flow.first_seen,
    }
    units = {"bytes": [(1, ""), (1 << 10, "K"), (1 << 20, "M")], "packets": [(1, ""), (1000, "K")],
             "rate": [(1, ""), (1000, "K"), (10**6, "m")]}
    name, relation = chance.choice(sorted(values)), chance.choice(sorted(RELATIONS))
    near = max(0, values[name](flow, of_flow, facts) + chance.choice((0, 0, -1, 1)))
    text, number = write_quantity(chance, near, units.get(name, [(1, "ms"), (1000, "s"), (60_000, "m"), (1000, "")]))
    blank = chance.choice(("", " "))
    return (f"{name}{blank}{relation}{blank}{text}",
            whole(lambda flow, sums, facts: RELATIONS[relation](values[name](flow, sums, facts), number)))


class Maker:
    """Makes expressions over flows that are there."""

    KINDS = (addresses, addresses, addresses, ports, ports, ports, protos, vlans, flags, states)

    def ifaces(self, chance, flows):
        return Values("iface", lambda: (self.iface, everything))

    def __init__(self, chance, flows, iface, sums, facts):
        self.chance, self.flows, self.iface = chance, flows, iface
        self.sums, self.facts = sums, facts

    def condition(self, words):
        """(text, filter, the words that a value after it takes over)"""
        choice = self.chance.random()
        if choice < 0.2 or not self.flows:
            return (*single_words(self.chance), None)
        if choice < 0.35 and self.sums:
            return (*quantities(self.chance, self.facts, self.sums), None)
        values = self.chance.choice((*self.KINDS, self.ifaces))(self.chance, self.flows)
        if not values or (words and not values.words):  # an address alone would take them over
            return self.condition(words)
        if self.chance.random() < 0.15:
            text, selects = self.values_in_parentheses(values)
        else:
            text, selects = values.make()
        return f"{values.words} {text}".strip(), selects, values

    def values_in_parentheses(self, values):
        text, selects = values.make()
        for _ in range(self.chance.randint(0, 2)):
            more, other = values.make()
            word, selects = self.join(selects, other)
            text += f" {word} {more}"
        return f"({text})", selects

    def join(self, left, right):
        if self.chance.random() < 0.5:
            return self.chance.choice(("and", "and", "&&")), lambda *flow: left(*flow) & right(*flow)
        return self.chance.choice(("or", "or", "||")), lambda *flow: left(*flow) | right(*flow)

    def operand(self, depth, words):
        """`words` are those that a value alone takes over; after a parenthesis they hold again."""
        text, negations = "", 0
        while self.chance.random() < 0.2:
            text += self.chance.choice(("not ", "!", "! "))
            negations += 1
        if depth and self.chance.random() < 0.25:
            inner, selects = self.expression(depth - 1, words)
            text += f"({inner})"
        elif words and self.chance.random() < 0.4:
            value, selects = words.make()
            text += value
        else:
            condition, selects, words = self.condition(words)
            text += condition
        if negations % 2:
            selected = selects
            return text, (lambda *flow: BOTH ^ selected(*flow)), words
        return text, selects, words

    def expression(self, depth=2, words=None):
        """Operands with `and` and `or` between them, which bind alike, from left to right."""
        text, selects, words = self.operand(depth, words)
        while self.chance.random() < 0.4:
            more, right, words = self.operand(depth, words)
            word, selects = self.join(selects, right)
            text += f" {word} {more}"
        return text, selects
