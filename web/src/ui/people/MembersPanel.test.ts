// @vitest-environment happy-dom
import { cleanup, render, screen } from "@testing-library/svelte";
import userEvent from "@testing-library/user-event";
import { afterEach, expect, it, vi } from "vitest";
import type { PeopleClient } from "../../api/people.ts";
import type { Project } from "../../api/types.ts";
import { contextOf } from "../../app/services.ts";
import type { Toasts } from "../../app/toasts.svelte.ts";
import MembersPanel from "./MembersPanel.svelte";

const person = userEvent.setup();
const toasts = { error: vi.fn() };
const people = {
  members: vi.fn(async () => [
    { user_id: 1, name: "Ada", role: "annotator", disabled: false, given_by: null },
  ]),
  invitations: vi.fn(async () => []),
  removeMember: vi.fn(async () => undefined),
};

async function remove() {
  const onchange = vi.fn();
  const services = {
    people: people as unknown as PeopleClient,
    toasts: toasts as unknown as Toasts,
  };
  const project = { id: 3, permissions: ["members:manage"] } as unknown as Project;
  render(MembersPanel, { props: { project, onchange }, context: contextOf(services) });
  await person.click(await screen.findByRole("button", { name: /Remove Ada/ }));
  return onchange;
}

afterEach(() => {
  cleanup();
  vi.clearAllMocks();
});

it("tells other panels that a member was removed, and only when the server has done it", async () => {
  expect(await remove()).toHaveBeenCalledOnce();
  cleanup();
  const refused = new Error("There is no other manager.");
  people.removeMember.mockRejectedValueOnce(refused);
  expect(await remove()).not.toHaveBeenCalled();
  expect(toasts.error).toHaveBeenCalledWith(refused);
});
