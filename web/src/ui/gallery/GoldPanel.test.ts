// @vitest-environment happy-dom
import { cleanup, render, screen } from "@testing-library/svelte";
import userEvent from "@testing-library/user-event";
import { afterEach, expect, it, vi } from "vitest";
import type { Client } from "../../api/client.ts";
import type { Project } from "../../api/types.ts";
import { contextOf } from "../../app/services.ts";
import type { Toasts } from "../../app/toasts.svelte.ts";
import GoldPanel from "./GoldPanel.svelte";

const project = { id: 3, gold_share: 0.05 } as Project;
const person = userEvent.setup();
const toasts = { error: vi.fn(), info: vi.fn() };
const client = { setGoldShare: vi.fn(async () => project) };

function show() {
  const onchange = vi.fn(async () => undefined);
  const services = { client: client as unknown as Client, toasts: toasts as unknown as Toasts };
  render(GoldPanel, { props: { project, onchange }, context: contextOf(services) });
  return { onchange, field: screen.getByLabelText<HTMLInputElement>(/Gold among the images/) };
}

afterEach(() => {
  cleanup();
  vi.clearAllMocks();
});

it("shows and sets the share of gold images in per cent", async () => {
  const { onchange, field } = show();
  expect(field.value).toBe("5");
  await person.clear(field);
  await person.type(field, "12.5{Tab}");
  expect(client.setGoldShare).toHaveBeenCalledWith(3, 0.125);
  expect(onchange).toHaveBeenCalled();
});

it("says what is possible, and keeps the share, when something else was typed", async () => {
  const { field } = show();
  await person.clear(field);
  await person.type(field, "130{Tab}");
  expect(client.setGoldShare).not.toHaveBeenCalled();
  expect(toasts.info).toHaveBeenCalledWith("The share of gold images is 0 to 100 %.");
  expect(field.value).toBe("5");
});
