"""The harness: fair turns, honest ratios."""

from __future__ import annotations

import json

from limner.bench.harness import compare, report, result, table


def test_contenders_take_turns_and_both_are_warmed_up() -> None:
    calls: list[str] = []
    result = compare("case", ("ours", lambda: calls.append("a")), ("theirs", lambda: calls.append("b")), rounds=5)
    assert calls == ["a", "b"] * 8
    assert (result.subject, result.reference) == ("ours", "theirs")


def test_the_ratio_is_subject_over_reference() -> None:
    result = compare("case", ("slow", lambda: sum(range(60_000))), ("fast", lambda: None), rounds=5)
    assert result.ratio > 1
    assert result.subject_ms.min <= result.subject_ms.median <= result.subject_ms.p95


def test_the_report_is_json_and_the_table_has_a_row_per_case() -> None:
    result = compare("case", ("ours", lambda: None), ("theirs", lambda: None), rounds=2)
    document = json.loads(json.dumps(report([result, result])))
    assert {"case", "subject", "reference", "ratio", "subject_ms", "reference_ms", "notes"} == set(
        document["results"][0]
    )
    assert {"median", "p95", "min", "cpu"} == set(document["results"][0]["subject_ms"])
    assert document["environment"]["cores"]
    assert table([result, result]).count("| case | ours |") == 2


def test_the_table_has_the_ratio_of_cpu_time_where_both_are_known() -> None:
    both = result("case", ("ours", [2.0], [3.0]), ("theirs", [4.0], [12.0]))
    one = result("case", ("ours", [2.0], [3.0]), ("budget", [4.0], None))
    rows = table([both, one]).splitlines()[2:]
    assert rows[0].endswith("| 0.500 | 0.250 |")
    assert rows[1].endswith("| 4.0 | 4.0 | 4.0 | – | 0.500 | – |")
