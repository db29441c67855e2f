// @vitest-environment happy-dom
import { cleanup, render, screen } from "@testing-library/svelte";
import userEvent from "@testing-library/user-event";
import { afterEach, expect, it, vi } from "vitest";
import type { Client } from "../../api/client.ts";
import { ApiError } from "../../api/errors.ts";
import type { ImageDetails } from "../../api/types.ts";
import { contextOf } from "../../app/services.ts";
import type { Toasts } from "../../app/toasts.svelte.ts";
import GoldToggle from "./GoldToggle.svelte";

const image = { id: 7, project_id: 3, gold: false } as ImageDetails;
const person = userEvent.setup();
const toasts = { error: vi.fn(), info: vi.fn() };
const client = { setGold: vi.fn(async () => ({ changed: 1 })) };

function show() {
  const services = { client: client as unknown as Client, toasts: toasts as unknown as Toasts };
  render(GoldToggle, { props: { image }, context: contextOf(services) });
  return screen.getByRole("button", { name: "Gold image" });
}

afterEach(() => {
  cleanup();
  vi.clearAllMocks();
});

it("makes an image gold, and ends that", async () => {
  const button = show();
  await person.click(button);
  expect(client.setGold).toHaveBeenLastCalledWith(3, [7], true);
  expect(button.getAttribute("aria-pressed")).toBe("true");
  await person.click(button);
  expect(client.setGold).toHaveBeenLastCalledWith(3, [7], false);
  expect(button.getAttribute("aria-pressed")).toBe("false");
});

it("says why an image does not become gold", async () => {
  const refused = new ApiError("conflict", "The work on image 7 is not finished.", "", 409);
  client.setGold.mockRejectedValueOnce(refused);
  const button = show();
  await person.click(button);
  expect(toasts.error).toHaveBeenCalledWith(refused);
  expect(button.getAttribute("aria-pressed")).toBe("false");
});
