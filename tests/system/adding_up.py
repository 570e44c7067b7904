"""What must add up whatever was captured."""


def check_sums(daemon):
    """Every second adds up, and so does the whole."""
    for point in daemon.points():
        for unit in ("packets", "bytes"):
            by_proto = f"by_proto_{unit}"
            assert sum(point[by_proto].values()) == point[unit], point
            for way in ("in", "out"):
                assert sum(point[way][by_proto].values()) == point[way][unit], point
        assert sum(point["by_proto"].values()) == point["bps"], point
    rows = daemon.flows()
    for unit in ("packets", "bytes"):
        elsewhere = daemon.total("untracked")[unit] + daemon.total("nonflow")[unit]
        assert sum(row[unit] for row in rows) + elsewhere == daemon.total(unit)
    for row in rows:
        assert row["ab_packets"] + row["ba_packets"] == row["packets"]
        assert row["ab_bytes"] + row["ba_bytes"] == row["bytes"]
    for iface in daemon.json("/api/stats")["ifaces"]:
        assert iface["frames_received"] == iface["frames_counted"] + iface["frames_dropped"] + iface["frames_queued"]
