"""How `limner bench decoder` measures in a browser, with sums of sines in place of a decoder."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser

from limner.bench.browser import Turns

pytestmark = pytest.mark.e2e


def test_both_sides_take_turns_and_their_cpu_time_is_counted(browser: Browser) -> None:
    script = """() => {
        globalThis.order = [];
        globalThis.bench = {
            run: async (side, task, count) => {
                order.push(`${side} ${count}`);
                let sum = 0;
                for (let i = 0; side === "ours" && i < count * task.work; i++) sum += Math.sin(i);
                return Array.from({ length: count }, () => 1);
            },
        };
    }"""
    page = browser.new_page()
    page.evaluate(script)
    times = Turns(page).take({"kind": "sines", "work": 2_000_000}, 7)
    order = page.evaluate("() => order")
    page.close()
    assert order == ["ours 3", "reference 3", "ours 5", "reference 5", "ours 2", "reference 2"]
    assert [len(wall) for wall, _ in times.values()] == [7, 7]
    (ours,), (reference,) = (cpu for _, cpu in times.values() if cpu)
    assert ours > reference >= 0
