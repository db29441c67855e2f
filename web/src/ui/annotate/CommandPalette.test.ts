// @vitest-environment happy-dom
import { cleanup, render, screen } from "@testing-library/svelte";
import userEvent from "@testing-library/user-event";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { contextOf } from "../../app/services.ts";
import { View } from "../../app/view.svelte.ts";
import { FakeDecoder } from "../../decoder/fake-decoder.test-support.ts";
import { createSession, type Session } from "../../session/session.svelte.ts";
import type { ActionContext } from "../../tools/actions/action.ts";
import CommandPalette from "./CommandPalette.svelte";

let session: Session;
const onclose = vi.fn();
const person = userEvent.setup();
const field = () => screen.getByRole("combobox", { hidden: true });
const options = () => screen.getAllByRole("option", { hidden: true });
const texts = () => options().map((each) => each.querySelector(".does")?.textContent);

beforeEach(() => {
  onclose.mockClear();
  session = createSession({ decoder: new FakeDecoder(), record: vi.fn() });
  const objects = { selected: [], clipboard: [] };
  const context = {
    session,
    objects,
    tools: { underWay: false },
    page: { ready: true },
  } as unknown as ActionContext;
  render(CommandPalette, { props: { context, onclose }, context: contextOf({ view: new View() }) });
});

afterEach(cleanup);

it("finds a command by what it does, runs it and closes", async () => {
  expect(options().length).toBeGreaterThan(50);
  await person.type(field(), "brush");
  expect(texts()).toEqual([
    "Brush",
    "Smaller brush",
    "Larger brush",
    "Much smaller brush",
    "Much larger brush",
  ]);
  await person.keyboard("{Enter}");
  expect([session.tool, onclose.mock.calls.length]).toEqual(["brush", 1]);
});

it("shows what is not possible now, and does not do it", async () => {
  await person.type(field(), "duplicate");
  expect(options()[0]!.getAttribute("aria-disabled")).toBe("true");
  await person.keyboard("{Enter}");
  expect(onclose).not.toHaveBeenCalled();
});

it("says what the arrow keys have reached, and when there is nothing", async () => {
  await person.type(field(), "zoom");
  await person.keyboard("{ArrowUp}");
  const last = options().at(-1)!;
  expect([last.getAttribute("aria-selected"), field().getAttribute("aria-activedescendant")]).toEqual([
    "true",
    last.id,
  ]);
  await person.type(field(), "xyz");
  expect(screen.queryByRole("option", { hidden: true })).toBeNull();
  expect(screen.getByRole("status", { hidden: true }).textContent).toContain("Nothing found");
});
