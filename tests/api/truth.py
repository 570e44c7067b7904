"""What the API must answer, reckoned plainly from what was sent: the flows, what each did in every second, and what
follows from that for a range, a filter, a grouping.

Rules are those of docs/numbers.md and docs/openapi.yaml. Sums of a flow are [packets A to B, bytes, packets B to A,
bytes]; seconds are Unix time.
"""

import collections
import copy
import math
import socket

AB, BA = 1, 2
MINUTE = 60
TCP, UDP, ICMP, ICMP6, SCTP = 6, 17, 1, 58, 132
CLASSES = ("tcp", "udp", "icmp", "other")
PROTO_NAMES = {1: "icmp", 2: "igmp", 4: "ipip", 6: "tcp", 17: "udp", 33: "dccp", 47: "gre", 50: "esp", 51: "ah",
               58: "icmp6", 59: "nonxt", 89: "ospf", 103: "pim", 132: "sctp", 136: "udplite"}

Key = collections.namedtuple("Key", "a_ip a_port b_ip b_port proto vlan")


def packed(ip):
    return socket.inet_pton(socket.AF_INET6 if ":" in ip else socket.AF_INET, ip)


def plain(ip):
    """An address as it is shown."""
    return socket.inet_ntop(socket.AF_INET6 if ":" in ip else socket.AF_INET, packed(ip))


def key_of(source, target, proto, vlan):
    """The key of a packet between two (address, port), and whether it runs from A, the lower end."""
    source, target = ((plain(ip), port) for ip, port in (source, target))
    from_a = (packed(source[0]), source[1]) <= (packed(target[0]), target[1])
    a, b = (source, target) if from_a else (target, source)
    return Key(*a, *b, proto, vlan), from_a


class Flow:
    """A row: who, and how it went in all. What it did when is in a Past."""

    __slots__ = ("key", "family", "cls", "first_seen", "last_seen", "tcp_flags", "initiator", "ab_direction", "ended",
                 "sums")

    def __init__(self, key, initiator=None, ab_direction=None):
        self.key = key
        self.family = 6 if ":" in key.a_ip else 4
        by_proto = {TCP: "tcp", UDP: "udp", ICMP: "icmp" if self.family == 4 else "other",
                    ICMP6: "icmp" if self.family == 6 else "other"}
        self.cls = by_proto.get(key.proto, "other")
        self.first_seen = self.last_seen = None
        self.tcp_flags = 0
        self.initiator, self.ab_direction = initiator, ab_direction
        self.ended = False
        self.sums = [0, 0, 0, 0]

    @property
    def direction(self):
        """Where the initiator's packets go."""
        if self.ab_direction is None or self.initiator == "a":
            return self.ab_direction
        return {"in": "out", "out": "in"}[self.ab_direction]

    @property
    def service_port(self):
        if self.initiator:
            return self.key.b_port if self.initiator == "a" else self.key.a_port
        return min(self.key.a_port, self.key.b_port)


# ---- sums ---------------------------------------------------------------------------------------


def part_of(sums, directions):
    return [*(sums[:2] if directions & AB else (0, 0)), *(sums[2:] if directions & BA else (0, 0))]


def packets_of(sums):
    return sums[0] + sums[2]


def bytes_of(sums):
    return sums[1] + sums[3]


def volume(all_sums):
    all_sums = list(all_sums)
    return {"packets": sum(map(packets_of, all_sums)), "bytes": sum(map(bytes_of, all_sums))}


def add_to(total, rows):
    get = total.get
    for flow, more in rows.items():
        sums = get(flow)
        if sums is None:
            total[flow] = more[:]
        else:
            sums[0] += more[0]
            sums[1] += more[1]
            sums[2] += more[2]
            sums[3] += more[3]


def rate(amount, span_ms):
    return (amount * 1000 + span_ms // 2) // span_ms if span_ms else 0


class Second:
    """The counters of one: {class: [packets, bytes]}."""

    def __init__(self):
        self.all = {name: [0, 0] for name in CLASSES}
        self.ways = {way: {name: [0, 0] for name in CLASSES} for way in ("in", "out")}
        self.nonflow = [0, 0]
        self.new_flows = self.active_flows = 0

    def count(self, cls, size, way=None, is_flow=True, packets=1):
        sums = self.all[cls]
        sums[0] += packets
        sums[1] += size
        if way:
            sums = self.ways[way][cls]
            sums[0] += packets
            sums[1] += size
        if not is_flow:
            self.nonflow[0] += packets
            self.nonflow[1] += size


class Past:
    """What is held: [first, end) in seconds; before `fine` by whole minutes only, and of each flow what is kept."""

    def __init__(self, first, end, iface):
        self.first, self.end, self.fine, self.iface = first, end, first, iface
        self.begun = first
        self.flows = []
        self.seconds = collections.defaultdict(dict)  # {second: {flow: sums}}
        self.counters = collections.defaultdict(Second)
        self.minutes = {}  # as they are asked for
        self.thinned_flows = {}  # {second, or the first of a minute: how many were thinned away in it}

    def kept(self, retention_s):
        """A copy of which the last seconds are left."""
        past = copy.copy(self)
        past.first = past.fine = max(past.first, past.end - retention_s)
        past.seconds, past.minutes, past.thinned_flows = dict(self.seconds), {}, {}
        return past

    @property
    def is_cut(self):
        return self.first > self.begun

    @property
    def now_ms(self):
        return self.end * 1000

    def count(self, second, flow, from_a, size):
        rows = self.seconds[second]
        sums = rows.get(flow)
        if sums is None:
            rows[flow] = [1, size, 0, 0] if from_a else [0, 0, 1, size]
        else:
            at = 0 if from_a else 2
            sums[at] += 1
            sums[at + 1] += size

    def minute(self, minute):
        """The sums of minute * 60 and the seconds after it."""
        if minute not in self.minutes:
            self.minutes[minute] = total = {}
            for second in range(minute * MINUTE, (minute + 1) * MINUTE):
                if self.first <= second < self.end and second in self.seconds:
                    add_to(total, self.seconds[second])
        return self.minutes[minute]

    def resolution_ms(self, first, end):
        return 60_000 if first < min(self.fine, end) else 1000

    def widened(self, first, end):
        """What a range becomes: cut to what is held, and to whole minutes where there are no seconds."""
        first, end = max(first, self.first), min(end, self.end)
        if end < self.fine:
            end = -(-end // MINUTE) * MINUTE
        if first < self.fine:
            first = first // MINUTE * MINUTE
            if first < self.first and self.is_cut and first + MINUTE < end:
                first += MINUTE  # a minute that is not there in full is passed over
        return max(first, self.first), end

    def parts(self, first, end):
        """The rows of a widened range, piece by piece: (its second, or the minute that counts as one, rows)."""
        second = first
        while second < end:
            if second < self.fine:
                yield second, self.minute(second // MINUTE)
                second = (second // MINUTE + 1) * MINUTE
            else:
                if second in self.seconds:
                    yield second, self.seconds[second]
                second += 1

    def sums(self, first, end):
        """Of each flow over a widened range."""
        total, second = {}, first
        while second < end:
            whole = second % MINUTE == 0 and second + MINUTE <= end or second < self.fine
            add_to(total, self.minute(second // MINUTE) if whole else self.seconds.get(second, {}))
            second = (second // MINUTE + 1) * MINUTE if whole else second + 1
        return total

    def counted(self, first, end):
        """Totals of all frames and of those without a flow."""
        seconds = [self.counters[s] for s in range(first, end) if s in self.counters]
        return ({"packets": sum(c[0] for s in seconds for c in s.all.values()),
                 "bytes": sum(c[1] for s in seconds for c in s.all.values())},
                {"packets": sum(s.nonflow[0] for s in seconds), "bytes": sum(s.nonflow[1] for s in seconds)})


# ---- what is asked for ----------------------------------------------------------------------------


class Facts:
    """What a condition may ask beside a flow and its sums."""

    def __init__(self, past, span_ms, rate_sums=None):
        self.iface, self.now_ms, self.span_ms = past.iface, past.now_ms, span_ms
        self.rate_sums = rate_sums  # {flow: sums} where rates are of other seconds than sums

    def rate_of(self, flow, sums):
        sums = sums if self.rate_sums is None else self.rate_sums.get(flow, (0, 0, 0, 0))
        return rate(8 * bytes_of(sums), self.span_ms)


class Selection:
    """What a filter, a function of (flow, sums, facts) to directions, selects of sums."""

    def __init__(self, sums, selects, facts):
        self.facts, self.directions, self.rows = facts, {}, {}
        self.total, self.whole = len(sums), volume(sums.values())
        for flow, whole in sums.items():
            directions = selects(flow, whole, facts)
            part = part_of(whole, directions)
            if directions and (packets_of(part) or not packets_of(whole)):
                self.rows[flow], self.directions[flow] = part, directions
        matched = volume(self.rows.values())
        self.matched = {"flows": len(self.rows)} | matched
        self.unmatched = {"flows": self.total - len(self.rows)} | {
            unit: self.whole[unit] - matched[unit] for unit in matched}


def groups_of(flow, by, iface):
    """What a flow counts for; a host that talks to itself does so once."""
    key = flow.key
    return {
        "flow": lambda: (flow,),
        "pair": lambda: ((key.a_ip, key.b_ip),),
        "host": lambda: (key.a_ip,) if key.a_ip == key.b_ip else (key.a_ip, key.b_ip),
        "port": lambda: ((flow.service_port, key.proto),),
        "proto": lambda: (key.proto,),
        "vlan": lambda: (key.vlan,),
        "iface": lambda: (iface,),
    }[by]()


def grouped(rows, by, iface):
    """{group: [packets, bytes]}"""
    groups = collections.defaultdict(lambda: [0, 0])
    for flow, sums in rows.items():
        for group in groups_of(flow, by, iface):
            groups[group][0] += packets_of(sums)
            groups[group][1] += bytes_of(sums)
    return groups


def group_key(group, by, ids):
    """The members of a row that say which group it is."""
    def proto(number):
        return PROTO_NAMES.get(number, str(number))

    if by == "flow":
        key = group.key
        return {"key": str(ids.of(group)), "id": ids.of(group), "iface": ids.iface, "proto": group.cls,
                "proto_number": key.proto} | {name: getattr(key, name) for name in
                                              ("a_ip", "a_port", "b_ip", "b_port", "vlan")}
    if by == "pair":
        return {"key": " ".join(group), "a_ip": group[0], "b_ip": group[1]}
    if by == "port":
        return {"key": f"{group[0]}/{proto(group[1])}", "port": group[0], "proto": proto(group[1]),
                "proto_number": group[1]}
    return {"host": lambda: {"key": group, "ip": group},
            "proto": lambda: {"key": proto(group), "proto_number": group},
            "vlan": lambda: {"key": str(group), "vlan": group},
            "iface": lambda: {"key": group, "iface": group}}[by]()


class Ids:
    """Which flow has which id, as rows tell: once told, it stays."""

    def __init__(self, past):
        self.iface = past.iface
        self.by_id, self.ids = {}, {}
        self.by_key = collections.defaultdict(list)
        for flow in past.flows:
            self.by_key[flow.key].append(flow)

    def of(self, flow):
        return self.ids[flow]

    def learn(self, row):
        """The flow that a row, also one of /api/top, is of."""
        flow = self.by_id.get(row["id"])
        if flow is None:
            candidates = [f for f in self.by_key[key_of_row(row)] if f not in self.ids and all(
                row.get(name) in (None, getattr(f, name)) for name in ("first_seen", "last_seen", "tcp_flags"))]
            assert len(candidates) == 1, f"a row of {len(candidates)} flows: {row}"
            flow = candidates[0]
            self.by_id[row["id"]], self.ids[flow] = flow, row["id"]
        return flow


def key_of_row(row):
    return Key(row["a_ip"], row["a_port"], row["b_ip"], row["b_port"], row["proto_number"], row["vlan"])


def group_of_row(row, by, ids):
    return {
        "flow": lambda: ids.learn(row),
        "pair": lambda: (row["a_ip"], row["b_ip"]),
        "host": lambda: row["ip"],
        "port": lambda: (row["port"], row["proto_number"]),
        "proto": lambda: row["proto_number"],
        "vlan": lambda: row["vlan"],
        "iface": lambda: row["iface"],
    }[by]()


# ---- what must come -------------------------------------------------------------------------------


def check_equal(what, got, wanted):
    if got != wanted:
        if isinstance(got, dict) and isinstance(wanted, dict):
            names = [name for name in {**got, **wanted} if got.get(name, "nothing") != wanted.get(name, "nothing")]
            got, wanted = ({name: x.get(name, "nothing") for name in names} for x in (got, wanted))
        raise AssertionError(f"{what} is {str(got)[:2000]}, but must be {str(wanted)[:2000]}")


def check_summary(answer, selection, counted, nonflow, thinned_flows=0):
    """The five parts are the counters of the range, to the byte; what no row tells of is thinned."""
    flows = {unit: counted[unit] - nonflow[unit] - selection.whole[unit] for unit in counted}
    check_equal("summary", answer["summary"], {
        "matched": selection.matched, "unmatched": selection.unmatched, "thinned": {"flows": thinned_flows} | flows,
        "untracked": {"packets": 0, "bytes": 0}, "nonflow": nonflow})


def check_rows_in_order(rows, field, ascending):
    """A page, or all of them: sorted by the field, then by ascending id; each flow once."""
    keys = [(row[field] if ascending else -row[field], row["id"]) for row in rows]
    check_equal("the order of ids", [id for _, id in keys], [id for _, id in sorted(keys)])
    check_equal("the ids", len({row["id"] for row in rows}), len(rows))


def row_of(flow, sums, directions, past, facts, id):
    """A row of /api/flows."""
    key = flow.key
    rates = sums if facts.rate_sums is None else part_of(facts.rate_sums.get(flow, (0, 0, 0, 0)), directions)
    return {
        "id": id, "iface": past.iface, "a_ip": key.a_ip, "a_port": key.a_port, "b_ip": key.b_ip, "b_port": key.b_port,
        "initiator": flow.initiator, "direction": flow.direction, "proto": flow.cls, "proto_number": key.proto,
        "proto_name": PROTO_NAMES.get(key.proto), "vlan": key.vlan, "first_seen": flow.first_seen,
        "last_seen": flow.last_seen, "packets": packets_of(sums), "bytes": bytes_of(sums), "ab_packets": sums[0],
        "ba_packets": sums[2], "ab_bytes": sums[1], "ba_bytes": sums[3],
        "bps": rate(8 * bytes_of(rates), facts.span_ms), "pps": rate(packets_of(rates), facts.span_ms),
        "tcp_flags": flow.tcp_flags, "state": "ended" if flow.ended else "active"}


def value_of(flow, sums, field):
    """What a row is sorted by; ids and rates aside."""
    if field in ("a_port", "b_port", "vlan"):
        return getattr(flow.key, field)
    if field in ("first_seen", "last_seen", "tcp_flags"):
        return getattr(flow, field)
    return {"proto_number": flow.key.proto, "ab_packets": sums[0], "ab_bytes": sums[1], "ba_packets": sums[2],
            "ba_bytes": sums[3], "packets": packets_of(sums), "bytes": bytes_of(sums)}[field]


def spark_of(flow, directions, past, end, n):
    """bps of the n seconds before `end`; null where a second is not held by itself."""
    def value(second):
        if not past.fine <= second < past.end:
            return None
        return 8 * bytes_of(part_of(past.seconds.get(second, {}).get(flow, (0, 0, 0, 0)), directions))
    return [value(second) for second in range(end - n, end)]


def check_figures(what, row, packets, size, facts, whole, metric):
    amount = packets if metric == "packets" else size
    share = amount / whole[metric] if whole[metric] else 0
    check_equal(what, {name: row[name] for name in ("packets", "bytes", "bps", "pps")}, {
        "packets": packets, "bytes": size, "bps": rate(8 * size, facts.span_ms), "pps": rate(packets, facts.span_ms)})
    assert math.isclose(row["share"], share, rel_tol=1e-8), f"the share of {what} is {row['share']}, must be {share}"


def check_groups(rows, groups, by, metric, limit, ids):
    """The rows of /api/top or /api/series are those with the most; returns their groups."""
    found = [group_of_row(row, by, ids) for row in rows]
    check_equal("the number of different rows", len(set(found)), min(limit, len(groups)))
    unit = ("packets", "bytes").index(metric)
    check_equal(f"the {metric} of the rows", [groups[group][unit] for group in found],
                sorted((g[unit] for g in groups.values()), reverse=True)[:limit])
    for row, group in zip(rows, found, strict=True):
        wanted = group_key(group, by, ids)
        check_equal("a row's key", {name: row.get(name) for name in wanted}, wanted)
    return found


def check_top(answer, selection, by, metric, limit, past, ids):
    groups = grouped(selection.rows, by, past.iface)
    facts, whole = selection.facts, selection.matched
    found = check_groups(answer["rows"], groups, by, metric, limit, ids)
    for row, group in zip(answer["rows"], found, strict=True):
        check_figures(f"row {row['key']}", row, *groups[group], facts, whole, metric)
    times = 2 if by == "host" else 1
    rest = [times * whole[unit] - sum(groups[group][i] for group in found)
            for i, unit in enumerate(("packets", "bytes"))]
    check_figures("other", answer["other"], *rest, facts, whole, metric)


def check_series(answer, selection, by, metric, limit, past, ids, span, start, step_s):
    """Each value is the rate of all rows up to its own less that of the rows before."""
    first, end = span
    n = -(-(end - start) // step_s)
    check_equal("ts", answer["ts"], [(start + i * step_s) * 1000 for i in range(n)])
    groups = grouped(selection.rows, by, past.iface)
    found = check_groups(answer["series"], groups, by, metric, limit, ids)
    places = {group: i for i, group in enumerate(found)}
    amounts = [[0] * n for _ in range(len(found) + 1)]
    amount_of = packets_of if metric == "packets" else bytes_of
    for second, rows in past.parts(first, end):
        step = max(0, second - start) // step_s
        for flow, sums in rows.items():
            directions = selection.directions.get(flow)
            if directions:
                amount = amount_of(part_of(sums, directions))
                of = [places.get(group, len(found)) for group in groups_of(flow, by, past.iface)]
                for place in of + [len(found)] * (2 - len(of) if by == "host" else 0):
                    amounts[place][step] += amount
    before = [0] * n
    for got, row in zip([row["values"] for row in answer["series"]] + [answer["other"]], amounts, strict=True):
        values = []
        for i, amount in enumerate(row):
            begin = start + i * step_s
            span_ms = 1000 * (min(begin + step_s, end) - max(begin, first))
            unit = 8 if metric == "bytes" else 1
            values.append(rate(unit * (before[i] + amount), span_ms) - rate(unit * before[i], span_ms))
            before[i] += amount
        check_equal("values", got, values)


# ---- counters ---------------------------------------------------------------------------------------


def by_class(sums, unit):
    return {name: sums[name][unit] for name in CLASSES}


def add_seconds(seconds):
    total = Second()
    for second in seconds:
        pairs = [(total.all[name], second.all[name]) for name in CLASSES] + [(total.nonflow, second.nonflow)]
        pairs += [(total.ways[way][name], second.ways[way][name]) for way in total.ways for name in CLASSES]
        for sums, more in pairs:
            sums[0] += more[0]
            sums[1] += more[1]
        total.new_flows += second.new_flows
        total.active_flows = second.active_flows
    return total


def point_of(past, start, begin, end, step_s):
    """The point at `start`, of the seconds [begin, end) that are held of it; by_proto aside."""
    seconds = [past.counters[s] for s in range(begin, end)]
    total, span_ms = add_seconds(seconds), 1000 * (end - begin)
    packets, size = (sum(by_class(total.all, unit).values()) for unit in (0, 1))
    point = {
        "ts": start * 1000, "packets": packets, "bytes": size, "pps": rate(packets, span_ms),
        "bps": rate(8 * size, span_ms), "by_proto_bytes": by_class(total.all, 1),
        "by_proto_packets": by_class(total.all, 0), "drops": 0, "new_flows": total.new_flows,
        "active_flows": total.active_flows, "untracked": {"packets": 0, "bytes": 0},
        "nonflow": {"packets": total.nonflow[0], "bytes": total.nonflow[1]}, "span_ms": span_ms}
    for way, sums in total.ways.items():
        point[way] = {"packets": sum(by_class(sums, 0).values()), "bytes": sum(by_class(sums, 1).values()),
                      "by_proto_packets": by_class(sums, 0), "by_proto_bytes": by_class(sums, 1)}
    if step_s > 1:
        all_packets = [sum(by_class(s.all, 0).values()) for s in seconds]
        all_bits = [8 * sum(by_class(s.all, 1).values()) for s in seconds]
        point |= {"min_bps": min(all_bits), "peak_bps": max(all_bits), "min_pps": min(all_packets),
                  "peak_pps": max(all_packets)}
    return point


def check_counters(answer, past, first, end, step_s, some_forgotten=False):
    """Points of a range that may reach beyond what is held; there are gaps then. Where there is no room for all flows,
    some that are alive may be forgotten."""
    check_equal("from, to, step_ms", (answer["from"], answer["to"], answer["step_ms"]),
                (first * 1000, end * 1000, step_s * 1000))
    wanted = []
    for start in range(first, end, step_s):
        begin, stop = max(start, past.first), min(start + step_s, end, past.end)
        if begin < stop:
            point = point_of(past, start, begin, stop, step_s)
            wanted.append(point | {"partial": point["span_ms"] < 1000 * (min(start + step_s, end) - start)})
    check_equal("the points' times", [point["ts"] for point in answer["points"]], [point["ts"] for point in wanted])
    for got, point in zip(answer["points"], wanted, strict=True):
        by_proto = got.pop("by_proto")
        if some_forgotten and got["active_flows"] < point["active_flows"]:
            point["active_flows"] = got["active_flows"]
        check_equal(f"point {point['ts']}", got, point)
        check_equal("by_proto together", sum(by_proto.values()), got["bps"])
        for name, value in by_proto.items():
            exact = point["by_proto_bytes"][name] * 8000
            assert exact // point["span_ms"] <= value <= exact // point["span_ms"] + 1, (point["ts"], name)
    gaps = [(max(first, since), min(end, to), why) for since, to, why in (
        (0, past.begun, "not_started"), (past.begun, past.first, "expired"), (past.end, end, "not_yet"))]
    check_equal("gaps", answer["gaps"], [
        {"from": x * 1000, "to": y * 1000, "reason": why} for x, y, why in gaps if x < y])
