// @vitest-environment happy-dom
import { cleanup, render, screen } from "@testing-library/svelte";
import userEvent from "@testing-library/user-event";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { contextOf } from "../../app/services.ts";
import { View } from "../../app/view.svelte.ts";
import SubmitEmpty from "./SubmitEmpty.svelte";

const onclose = vi.fn();
const onsubmit = vi.fn();
let view: View;

beforeEach(() => {
  localStorage.clear();
  vi.clearAllMocks();
  view = new View();
  render(SubmitEmpty, { props: { onclose, onsubmit }, context: contextOf({ view }) });
});
afterEach(cleanup);

it("is answered by Enter, and asks again the next time", async () => {
  await userEvent.keyboard("{Enter}");
  expect(onsubmit).toHaveBeenCalledOnce();
  expect(view.settings.askEmpty).toBe(true);
});

it("does not ask again where that is chosen, but only with the answer", async () => {
  await userEvent.click(screen.getByLabelText("Do not ask again in this browser"));
  await userEvent.click(screen.getByRole("button", { name: "Go on with it" }));
  expect([onclose.mock.calls.length, view.settings.askEmpty]).toEqual([1, true]);
  await userEvent.click(screen.getByRole("button", { name: "Submit without masks" }));
  expect([onsubmit.mock.calls.length, new View().settings.askEmpty]).toEqual([1, false]);
});
