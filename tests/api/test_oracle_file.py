"""A served capture file of which every second is known: the answers to random questions about it are, to the byte, what
follows from the frames.

ORACLE_SEED begins with another seed, ORACLE_QUESTIONS asks more or fewer; a failure names its URL.
"""

import os
import random
import urllib.parse
from contextlib import contextmanager

import pytest

import invented
import questions
import truth
from netwatch_testing import Daemon, eventually, open_folder
from truth import check_equal

SEED = int(os.environ.get("ORACLE_SEED", "1"))
QUESTIONS = int(os.environ.get("ORACLE_QUESTIONS", "1000"))
BYS = ("flow", "pair", "host", "port", "proto", "vlan", "iface")
SORTS = ("bytes", "packets", "ab_bytes", "ba_bytes", "ab_packets", "ba_packets", "bps", "pps", "first_seen",
         "last_seen", "id", "a_port", "b_port", "proto_number", "vlan", "tcp_flags")
PAGES_MAX = 12


class Oracle:
    """Asks a daemon, and knows what it must say."""

    def __init__(self, daemon, past, chance, reach_is_limited=False):
        self.daemon, self.past, self.chance = daemon, past, chance
        self.reach_is_limited = reach_is_limited  # by the daemon's memory
        self.ids = truth.Ids(past)

    # ---- what is asked ----

    def any_times(self):
        """Mostly short ranges where every second has ever so many flows."""
        longest_s = self.chance.choice((10, 10, 10, 90)) if self.reach_is_limited else self.past.end - self.past.first
        return questions.any_times(self.chance, self.past, longest_s)

    def ask_anything(self):
        path = self.chance.choice(("/api/flows",) * 3 + ("/api/top",) * 3 + ("/api/series", "/api/counters"))
        kind = self.chance.random()
        if kind < 0.02:
            return self.ask_refused(path)
        if path == "/api/counters":
            return self.ask_counters()
        if kind < 0.07 and path != "/api/series":
            return self.ask_now(path)
        times, span = self.any_times()
        return self.ask_range(path, times, span)

    def ask(self, path, parameters):
        """As of the last second; an answer that has a tag, and cannot change any more, as of its range's end."""
        got = self.daemon.request(path, **parameters)
        assert got.status == 200, f"{got.status} {got.body[:500]!r}"
        answer = got.json()
        if "asof" in answer:
            check_equal("asof", answer["asof"], answer["to"] if got.headers["ETag"] else self.past.now_ms)
        return answer

    def asking(self, path, parameters):
        """The question, for whoever has to repeat it."""
        return Asking(f"{path}?{urllib.parse.urlencode(parameters)}")

    def ask_refused(self, path):
        path = "/api/top" if path == "/api/counters" else path
        parameters, status, param = questions.any_refused(self.chance, self.past)
        with self.asking(path, parameters):
            answer = self.daemon.request(path, **parameters)
            check_equal("status", answer.status, status)
            check_equal("param", answer.json()["param"], param)

    def any_selection(self, sums, facts):
        """Simple parameters, a filter, a state: (parameters, filter)."""
        flows = list(sums) or self.past.flows
        flows = self.chance.sample(flows, min(100, len(flows)))
        parameters, simple = questions.any_parameters(self.chance, flows, self.past.iface, self.ids)
        expression = questions.everything
        if self.chance.random() < 0.6:
            maker = questions.Maker(self.chance, flows, self.past.iface, sums, facts)
            parameters["filter"], expression = maker.expression()
        elif self.chance.random() < 0.05:
            parameters["filter"] = ""
        return parameters, lambda *flow: simple(*flow) and expression(*flow)

    def with_state(self, parameters, selects):
        if self.chance.random() < 0.7:
            return selects
        state = parameters["state"] = self.chance.choice(("active", "ended", "all"))
        return lambda flow, *more: selects(flow, *more) if state in ("all", "ended" if flow.ended else "active") else 0

    # ---- ranges ----

    def ask_edges(self):
        """Around where something of what is held begins and ends."""
        past = self.past
        minute = (past.first // 60 + 1) * 60
        for first, end in ((past.first, past.first + 1), (past.first, minute), (minute - 1, minute),
                           (past.first, minute + 1), (minute, minute + 1), (past.fine - 61, past.fine - 60),
                           (past.fine - 1, past.fine), (past.fine - 1, past.fine + 1), (past.fine, past.fine + 1),
                           (past.end - 1, past.end)):
            if first >= past.first:
                for path in ("/api/flows", "/api/top", "/api/series"):
                    self.ask_range(path, {"from": first * 1000, "to": end * 1000}, (first, end))

    def ask_range(self, path, times, span):
        first, end = self.past.widened(*span)
        sums = self.past.sums(first, end)
        facts = truth.Facts(self.past, 1000 * (end - first))
        parameters, selects = self.any_selection(sums, facts)
        selects = self.with_state(parameters, selects)
        {"/api/flows": self.ask_flows, "/api/top": self.ask_top, "/api/series": self.ask_series}[path](
            times | parameters, span, (first, end), truth.Selection(sums, selects, facts))

    def check_range(self, answer, parameters, span, selection):
        """What every answer over a range says about it."""
        first, end = span
        counted, nonflow = self.past.counted(first, end)
        flows = {unit: counted[unit] - nonflow[unit] for unit in counted}
        thinned = flows != selection.whole
        filters = any(value != "" and (name, value) != ("state", "all") for name, value in parameters.items()
                      if name in ("proto", "ip", "port", "vlan", "iface", "flow", "filter", "state"))
        check_equal("from, to", (answer["from"], answer["to"]), (first * 1000, end * 1000))
        check_equal("resolution_ms", answer["resolution_ms"], self.past.resolution_ms(first, end))
        check_equal("exact", answer["exact"], not (filters and thinned))
        thinned_flows = sum(n for at, n in self.past.thinned_flows.items() if first <= at < end)
        truth.check_summary(answer, selection, counted, nonflow, thinned_flows)

    def ask_flows(self, parameters, asked, span, selection):
        field = self.chance.choice(SORTS)
        ascending = self.chance.random() < 0.4
        n = self.chance.choice((0, 0, 0, 1, 5, 60))
        parameters |= {"limit": self.any_limit(len(selection.rows)), "sort": field}
        parameters |= {"dir": "asc" if ascending else "desc"} | ({"spark": n} if n else {})
        with self.asking("/api/flows", parameters):
            answer = self.ask("/api/flows", parameters)
            self.check_range(answer, parameters, span, selection)
            state = parameters.get("state", "all")
            check_equal("total", answer["total"], sum(
                state in ("all", "ended" if flow.ended else "active") for flow in self.past.sums(*span)))
            rows = self.turn_pages(answer, parameters, selection)
            self.check_flow_rows(rows, selection, field, ascending, span[1], n)

    def any_limit(self, n):
        """So few that there are pages, but not too many of them."""
        if n < 2 or self.chance.random() < 0.5:
            return 1000
        return self.chance.randint(min(n // PAGES_MAX + 1, 1000), min(n + 1, 1000))

    def turn_pages(self, answer, parameters, selection):
        """The rows of all pages; each says the same about the whole."""
        rows, first = [], answer
        check_equal("matched", answer["matched"], len(selection.rows))
        while True:
            wanted = min(parameters["limit"], answer["reach"] - len(rows))
            check_equal("rows of a page", len(answer["rows"]), wanted)
            rows += answer["rows"]
            for name in ("from", "to", "total", "matched", "reach", "summary", "exact", "resolution_ms"):
                check_equal(f"{name} of the next page", answer[name], first[name])
            if not answer["next"]:
                break
            more = parameters if self.chance.random() < 0.5 else {}
            answer = self.ask("/api/flows", more | {"cursor": answer["next"]})
        check_equal("rows of all pages", len(rows), answer["reach"])
        if answer["reach"] < len(selection.rows):
            assert self.reach_is_limited and answer["reach"] >= 1000, answer["reach"]
        return rows

    def check_flow_rows(self, rows, selection, field, ascending, end, n):
        if selection.facts.rate_sums is None:
            field = {"bps": "bytes", "pps": "packets"}.get(field, field)  # sorted before they are rounded
        truth.check_rows_in_order(rows, field, ascending)
        wanted = []
        for row in rows:
            flow = self.ids.learn(row)
            assert flow in selection.rows, f"a row that is not selected: {row}"
            directions = selection.directions[flow]
            wanted = truth.row_of(flow, selection.rows[flow], directions, self.past, selection.facts, row["id"])
            if n:
                wanted["spark"] = truth.spark_of(flow, directions, self.past, end, n)
            check_equal("a row", row, wanted)
        if len(rows) < len(selection.rows) and field not in ("id", "bps", "pps"):
            values = sorted((truth.value_of(flow, sums, field) for flow, sums in selection.rows.items()),
                            reverse=not ascending)
            check_equal(f"the {field} of the rows", [row[field] for row in rows], values[:len(rows)])

    def ask_top(self, parameters, asked, span, selection):
        by, metric = self.chance.choice(BYS), self.chance.choice(("bytes", "packets"))
        limit = self.chance.choice((1, 3, 10, 1000, 1000))
        parameters |= {"by": by, "metric": metric, "limit": limit}
        with self.asking("/api/top", parameters):
            answer = self.ask("/api/top", parameters)
            self.check_range(answer, parameters, span, selection)
            check_equal("by, metric", (answer["by"], answer["metric"]), (by, metric))
            truth.check_top(answer, selection, by, metric, limit, self.past, self.ids)

    def ask_series(self, parameters, asked, span, selection):
        by, metric = self.chance.choice(BYS), self.chance.choice(("bytes", "packets"))
        limit = self.chance.choice((1, 3, 10, 100))
        asked = max(asked[0], self.past.first), min(asked[1], self.past.end)
        step = self.chance.choice((None, 1, 1, 7, 60, 90, 300))
        start, unit = span[0], self.past.resolution_ms(*span) // 1000
        step_s = step or -(-(asked[1] - asked[0]) // 300)
        if unit > 1:
            start, step_s = start // 60 * 60, -(-step_s // 60) * 60
        parameters |= {"by": by, "metric": metric, "limit": limit} | ({"step": step} if step else {})
        with self.asking("/api/series", parameters):
            answer = self.ask("/api/series", parameters)
            self.check_range(answer, parameters, span, selection)
            check_equal("step_ms, by, metric", (answer["step_ms"], answer["by"], answer["metric"]),
                        (step_s * 1000, by, metric))
            truth.check_series(answer, selection, by, metric, limit, self.past, self.ids, span, start, step_s)

    def ask_counters(self):
        times, (first, end) = self.any_times()
        if "at" in times:
            times = {"from": times.pop("at")}
            end = self.past.end
        step = max(self.chance.choice((1, 1, 1, 2, 7, 60, 300, 86400)), -(-(end - first) // 3600))
        if -(-(end - first) // step) > 3599:
            step += 1  # not where an hour that begins within a second is cut
        parameters = times | {"step": self.chance.choice((f"{step}s", str(step), f"{step * 1000}ms"))}
        with self.asking("/api/counters", parameters):
            truth.check_counters(self.ask("/api/counters", parameters), self.past, first, end, step,
                                 some_forgotten=self.reach_is_limited)

    # ---- without times ----

    def ask_now(self, path):
        """The flows alive now, and the last closed second."""
        last = self.past.seconds.get(self.past.end - 1, {})
        if path == "/api/top":
            facts = truth.Facts(self.past, 1000)
            parameters, selects = self.any_selection(last, facts)
            return self.ask_top(parameters, None, (self.past.end - 1, self.past.end),
                                truth.Selection(last, self.with_state(parameters, selects), facts))
        facts = truth.Facts(self.past, 1000, last)
        sums = {flow: flow.sums for flow in self.past.flows if not flow.ended}
        parameters, selects = self.any_selection(sums, facts)
        field, ascending = self.chance.choice(SORTS), self.chance.random() < 0.4
        parameters |= {"sort": field, "dir": "asc" if ascending else "desc", "limit": self.any_limit(len(sums))}
        selection = truth.Selection(sums, selects, facts)
        with self.asking("/api/flows", parameters):
            answer = self.ask("/api/flows", parameters)
            check_equal("total", answer["total"], len(sums))
            check_equal("matched", answer["summary"]["matched"], selection.matched)
            check_equal("unmatched", answer["summary"]["unmatched"], selection.unmatched)
            self.check_flow_rows(self.turn_pages(answer, parameters, selection), selection, field, ascending, 0, 0)


class Asking:
    """Whatever goes wrong inside bears the question."""

    def __init__(self, url):
        self.url = url

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        if error and isinstance(error, (AssertionError, KeyError, TypeError)):
            raise AssertionError(f"ORACLE_SEED={SEED}\n{self.url}\n{error!r}") from error


@contextmanager
def served(invention, *options):
    with open_folder() as folder:
        path = folder / invention.past.iface
        invention.write(path)
        with Daemon(f"--read={path}", *[f"--local-net={net}" for net in invented.LOCAL_NETS], *options) as daemon:
            eventually(lambda: daemon.json("/api/stats")["file"]["ended"], 300, "the file has been read")
            path.unlink()
            yield daemon


def learn_all(oracle):
    """Every flow of what is held has its row."""
    past = oracle.past
    rows = oracle.daemon.flows(**{"from": past.first * 1000})
    for row in rows:
        oracle.ids.learn(row)
    check_equal("the number of flows", len(rows), len(past.sums(past.first, past.end)))


def ask_many(oracle, n):
    for _ in range(n):
        oracle.ask_anything()


@pytest.fixture(scope="module")
def many_things():
    return invented.many_things(random.Random(SEED), "day.pcap")


@pytest.mark.parametrize("retention_s, part", [(3600, 0.8), (1200, 0.2)])
def test_a_thousand_questions(many_things, retention_s, part):
    with served(many_things, f"--retention={retention_s}s") as daemon:
        past = many_things.past.kept(retention_s)
        oracle = Oracle(daemon, past, random.Random(SEED + retention_s))
        learn_all(oracle)
        oracle.ask_edges()
        ask_many(oracle, int(QUESTIONS * part))


# ---- after thinning -----------------------------------------------------------------------------------


def largest(rows, n):
    return dict(sorted(rows.items(), key=lambda row: -truth.bytes_of(row[1]))[:n])


class Thinning:
    """What a daemon has left of the seconds and minutes, as it says; that these are the largest flows is checked."""

    def __init__(self, oracle, floods):
        self.oracle, self.past, self.floods = oracle, oracle.past, floods

    def look(self):
        past = self.past
        history = self.oracle.daemon.json("/api/stats")["history"]
        past.fine = (history["thinned_before"] or 0) // 1000
        assert past.first < past.fine < past.end - 600 and past.fine % 60 == 0, history
        assert history["bytes"] <= history["budget"], history
        for second in self.floods:
            if second >= past.fine:
                self.fold(second, self.ask(second, second + 1))
        for start in range(past.first // 60 * 60, past.fine, 60):
            self.look_at_minute(start)

    def ask(self, first, end):
        return self.oracle.ask("/api/flows", {"from": first * 1000, "to": end * 1000, "limit": 1000})

    def fold(self, second, answer):
        """The smallest flows of a crowded second are gone."""
        rows, gone = self.past.seconds[second], answer["summary"]["thinned"]["flows"]
        assert 0 < gone < len(rows), f"{gone} of {len(rows)} flows of second {second} are gone"
        self.past.seconds[second] = largest(rows, len(rows) - gone)
        self.past.minutes.pop(second // 60, None)
        self.past.thinned_flows[second if second >= self.past.fine else max(second // 60 * 60, self.past.first)] = gone

    def look_at_minute(self, start):
        past = self.past
        if start < past.first and past.is_cut:
            past.minutes[start // 60] = {}
            return
        answer = self.ask(start, start + 60)
        check_equal("from, to", (answer["from"], answer["to"]), (max(start, past.first) * 1000, (start + 60) * 1000))
        n, thinned = answer["matched"], answer["summary"]["thinned"]["flows"]
        if thinned and n > 64:
            self.fold(next(second for second in self.floods if start <= second < start + 60), answer)
        elif thinned:
            kept = largest(past.minute(start // 60), n)
            assert n in (0, 64), f"{n} flows are left of the minute at {start}"
            # a flow that a crowded second has folded counts once more where it goes from the minute as well
            gone = len(past.minute(start // 60)) - n
            twice = sum(len(past.seconds[second]) for second in self.floods if start <= second < start + 60)
            assert gone <= thinned <= gone + twice, f"{thinned} flows for {gone} of the minute at {start}"
            past.thinned_flows[max(start, past.first)] = thinned
            past.minutes[start // 60] = kept


@pytest.fixture(scope="module")
def crowd():
    crowd = invented.Crowd(random.Random(SEED), "crowd.pcap", 31, 30_000)
    crowd.pass_by({minute: 6000 for minute in (*range(5), *range(23, 29))})
    crowd.flood({3 * 60 + 7: 6000, 12 * 60 + 30: 6000, 28 * 60 + 9: 6000})
    return crowd.make(), crowd.floods


@pytest.mark.parametrize("retention_s", [3600, 1770])
def test_after_thinning(crowd, retention_s):
    """A small memory: seconds make room, then the small flows of the oldest minutes."""
    invention, floods = crowd
    with served(invention, "--memory=64M", "--max-flows=70000", f"--retention={retention_s}s") as daemon:
        past = invention.past.kept(retention_s)
        oracle = Oracle(daemon, past, random.Random(SEED + retention_s), reach_is_limited=True)
        Thinning(oracle, floods).look()
        assert "thinning" in {row["event"] for row in daemon.json("/api/events")["rows"]}
        oracle.ask_edges()
        ask_many(oracle, QUESTIONS // 20)
