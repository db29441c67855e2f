// @vitest-environment happy-dom
import { cleanup, render, screen } from "@testing-library/svelte";
import userEvent from "@testing-library/user-event";
import { afterEach, expect, it, vi } from "vitest";
import { contextOf } from "../../app/services.ts";
import type { View } from "../../app/view.svelte.ts";
import type { Session } from "../../session/session.svelte.ts";
import CoachMarks from "./CoachMarks.svelte";

const person = userEvent.setup();
const change = vi.fn();
const view = { change, keymap: { inText: (text: string) => text.replaceAll("{accept}", "Enter") } };

afterEach(() => {
  cleanup();
  change.mockClear();
});

function show(draft: Partial<Session["draft"]>, touch = false) {
  const session = { draft: { active: false, shownPlane: null, ...draft }, list: { annotations: [] } };
  const context = contextOf({ view: view as unknown as View });
  render(CoachMarks, { props: { session: session as unknown as Session, touch }, context });
}

it("is read with the keys, mark by mark, and is done after the last", async () => {
  show({});
  screen.getByRole("region", { name: "1 of 3 Point" });
  await person.tab();
  await person.tab();
  await person.keyboard("{Enter}");
  screen.getByRole("region", { name: "2 of 3 Click" });
  await person.keyboard("{Enter}");
  screen.getByRole("region", { name: "3 of 3 Enter keeps it" });
  expect(change).not.toHaveBeenCalled();
  await person.keyboard("{Enter}");
  expect(change).toHaveBeenCalledExactlyOnceWith({ coached: true });
});

it("begins where one is: whoever draws already is told how to keep it", () => {
  show({ active: true });
  screen.getByRole("region", { name: "3 of 3 Enter keeps it" });
});

it("is sent away at once", async () => {
  show({});
  await person.click(screen.getByRole("button", { name: "No more tips" }));
  expect(change).toHaveBeenCalledExactlyOnceWith({ coached: true });
});

it("says to fingers what fingers do", () => {
  show({}, true);
  screen.getByRole("region", { name: "1 of 2 Tap" });
});
