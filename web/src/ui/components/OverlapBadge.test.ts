// @vitest-environment happy-dom
import { cleanup, render, screen } from "@testing-library/svelte";
import { afterEach, expect, it } from "vitest";
import OverlapBadge from "./OverlapBadge.svelte";

afterEach(cleanup);

it.each([
  ["open", "several people: not begun"],
  ["begun", "several people: in work"],
  ["ready", "several people: to settle"],
] as const)("says of an image that is %s: %s", (overlap, text) => {
  render(OverlapBadge, { props: { overlap } });
  expect(screen.getByTestId("several").textContent?.trim()).toBe(text);
});

it.each([null, "settled"] as const)("says nothing of an image that one person works on: %s", (overlap) => {
  render(OverlapBadge, { props: { overlap } });
  expect(screen.queryByTestId("several")).toBeNull();
});
