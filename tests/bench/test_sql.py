"""From what the database logged to what pgbench sends."""

import pytest

from bench.sql import as_script, read_output, statements

LOG = """\
2026-11-22 21:05:33.100 UTC [11] LOG:  statement: SELECT 1
2026-11-22 21:05:33.101 UTC [22] LOG:  statement: SHOW log_statement
2026-11-22 21:05:33.102 UTC [11] LOG:  statement: INSERT INTO "a"
\tVALUES (1)
2026-11-22 21:05:33.103 UTC [1] LOG:  checkpoint starting: time
"""
OUTPUT = """\
transaction type: /tmp/x.sql
number of transactions actually processed: 200
number of failed transactions: 0 (0.000%)
tps = 412.5 (without initial connection time)
"""
UUID = "d38f7b9b-78bc-467a-9f27-235e74ae298c"


def test_statements_are_those_of_all_others_in_order() -> None:
    assert statements(LOG, but=22) == ["SELECT 1", 'INSERT INTO "a"\nVALUES (1)']


def test_what_differs_each_time_becomes_a_variable() -> None:
    sent = [
        f"CALL f(id => 1573, hold => '{UUID}'::uuid, price => 1573.00)",
        'INSERT INTO "bookings_booking" ("locator") VALUES (\'9LK5L6\')'
        ' RETURNING "bookings_booking"."id"',
        f"CALL g(2000000001, '{UUID}'::uuid)",
    ]
    script = as_script(sent, ["bookings_booking"], 2_000_000_000, "9LK5L6", 1573)
    assert script.splitlines() == [
        "SELECT gen_random_uuid() AS u0,"
        " lpad(to_hex(nextval('bench_locators')), 6, '0') AS locator \\gset",
        "CALL f(id => :flight, hold => ':u0'::uuid, price => 1573.00);",
        'INSERT INTO "bookings_booking" ("locator") VALUES (\':locator\')'
        ' RETURNING "bookings_booking"."id" \\gset bookings_booking1_',
        "CALL g(:bookings_booking1_id, ':u0'::uuid);",
    ]


def test_statements_sent_as_one_stay_one() -> None:
    sent = ["SELECT set_config('a', 'b', true); UPDATE x SET y = 1"]
    script = as_script(sent, [], 2_000_000_000, "9LK5L6", 1573)
    assert "SELECT set_config('a', 'b', true) \\; UPDATE x SET y = 1;" in script


def test_ids_of_several_tables_and_rows_are_told_apart() -> None:
    sent = [
        'INSERT INTO "a" DEFAULT VALUES RETURNING "a"."id"',
        'INSERT INTO "b" DEFAULT VALUES RETURNING "b"."id"',
        'INSERT INTO "a" DEFAULT VALUES RETURNING "a"."id"',
        "DELETE FROM a WHERE id IN (2000000001, 2000000002); DELETE FROM b WHERE id = 2001000001",
    ]
    script = as_script(sent, ["a", "b"], 2_000_000_000, "9LK5L6", 1573)
    assert "IN (:a1_id, :a2_id) \\; DELETE FROM b WHERE id = :b1_id;" in script


def test_a_limit_is_a_rate_and_what_it_costs() -> None:
    limit = read_output(OUTPUT, "", clients=8, cpu_seconds=0.3)
    assert (limit.clients, limit.rate, limit.cpu_ms) == (8, 412.5, 1.5)


@pytest.mark.parametrize(
    ("output", "complaints"),
    [
        (OUTPUT, "client 0 script 0 aborted in command 5: ERROR"),
        (OUTPUT.replace("processed: 200", "processed: 0"), ""),
        ("", "connection refused"),
    ],
)
def test_a_limit_that_was_not_reached_is_none(output: str, complaints: str) -> None:
    with pytest.raises(RuntimeError, match="pgbench failed"):
        read_output(output, complaints, clients=8, cpu_seconds=0.3)
