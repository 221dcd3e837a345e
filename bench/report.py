"""How figures are shown: lines for a terminal, panels for the chart."""

from typing import Any

from bench.booking import Row
from bench.chart import Bar, Panel, draw
from bench.expiry import Sweep
from bench.search import KINDS, Site

BUSY = ("bookings", "flights", "payments", "database")


def heading(title: str) -> str:
    """A title, and what the columns of `line` are."""
    return (
        f"\n{title}\n clients   a second  pgbench   median     p99   "
        "CPU ms each: in all, bookings, flights, payments, database, others (load generator)"
    )


def line(row: Row) -> str:
    limit = f"{row.limit.rate:8.0f}" if row.limit else "       -"
    others = row.cpu_in_all - sum(row.cpu.get(name, 0.0) for name in BUSY)
    cpu = " ".join(f"{row.cpu.get(name, 0.0):6.2f}" for name in BUSY)
    refused = f"   refused: {row.refused}" if row.refused else ""
    return (
        f"{row.clients:8} {row.rate:10.0f} {limit} {row.median:8.1f} {row.p99:7.0f}   "
        f"{row.cpu_in_all:6.2f} {cpu} {others:6.2f} ({row.load_generator:.2f}){refused}"
    )


def memory(mib: dict[str, float]) -> str:
    each = ", ".join(f"{name} {value:.0f}" for name, value in mib.items())
    return f"\nMemory in MiB, shared pages shared out: {each}; {sum(mib.values()):.0f} in all"


def sweep(found: Sweep) -> str:
    before, meanwhile = found.before, found.meanwhile
    return (
        f"{found.bookings:10,}: {found.swept_a_second:,.0f} a second"
        f" (one UPDATE of the same rows: {found.one_update_a_second:,.0f}),"
        f" all seats back after {found.released_after:.0f} s\n"
        f"            creating: median {before.median:.1f} ms, p99 {before.p99:.0f} before;"
        f" {meanwhile.median:.1f}, {meanwhile.p99:.0f} meanwhile"
    )


def search(site: Site) -> dict[str, Any]:
    return {
        "flights": site.about["flights"],
        "built_in_seconds": site.about["build_seconds"],
        **{kind: {"median": site.median(kind), "p99": site.p99(kind)} for kind in KINDS},
    }


def chart(figures: dict[str, Any]) -> str:
    """The SVG of a run, with whatever parts it had."""
    machine = figures["machine"]
    title = f"Seathold on {machine['cores']} cores, {figures['at'][:10]}"
    return draw(title, [*_booking(figures), *_expiry(figures), *_searches(figures)])


def _booking(figures: dict[str, Any]) -> list[Panel]:
    if "spread" not in figures:
        return []
    rows = {f"{row['clients']} clients": row for row in figures["spread"]}
    others = {"one hot flight": figures["hot"], "booked and paid": figures["full"]}
    return [
        Panel(
            "Bookings a second (outlined: the same SQL by pgbench)",
            [_rate(label, row) for label, row in (rows | others).items()],
        ),
        Panel(
            "CPU milliseconds for each booking",
            [Bar(label, _cpu(row["cpu"]), unit=" ms") for label, row in (rows | others).items()],
        ),
        Panel(
            "Milliseconds to book, median and from there to the 99th percentile",
            [
                Bar(label, [("median", row["median"]), ("p99", row["p99"] - row["median"])])
                for label, row in rows.items()
            ],
        ),
        Panel(
            "Memory of each kind of process, MiB",
            [Bar(name, [("", value)]) for name, value in figures["memory_mib"].items()],
        ),
    ]


def _rate(label: str, row: dict[str, Any]) -> Bar:
    return Bar(label, [("", row["rate"])], row["limit"] and row["limit"]["rate"])


def _cpu(cpu: dict[str, float]) -> list[tuple[str, float]]:
    parts = [(name, cpu.get(name, 0.0)) for name in BUSY]
    return [*parts, ("others", sum(cpu.values()) - sum(value for _, value in parts))]


def _expiry(figures: dict[str, Any]) -> list[Panel]:
    bars = [
        Bar(
            f"{one['bookings']:,} overdue",
            [("", one["swept_a_second"])],
            one["one_update_a_second"],
        )
        for one in figures.get("expire", [])
    ]
    title = "Bookings swept a second (outlined: one UPDATE of the same rows)"
    return [Panel(title, bars)] if bars else []


def _searches(figures: dict[str, Any]) -> list[Panel]:
    bars = [
        Bar(
            f"{one['flights']:,} flights, {kind}",
            [("median", one[kind]["median"]), ("p99", one[kind]["p99"] - one[kind]["median"])],
        )
        for one in figures.get("search", [])
        for kind in KINDS
    ]
    return (
        [Panel("Milliseconds to search, median and to the 99th percentile", bars)] if bars else []
    )
