// @vitest-environment happy-dom
import { cleanup, render, screen } from "@testing-library/svelte";
import userEvent from "@testing-library/user-event";
import { afterEach, expect, it, vi } from "vitest";
import type { Client } from "../../api/client.ts";
import { ApiError } from "../../api/errors.ts";
import type { Project, Worker, Workers } from "../../api/types.ts";
import { contextOf } from "../../app/services.ts";
import type { Toasts } from "../../app/toasts.svelte.ts";
import AssignPanel from "./AssignPanel.svelte";

const project = { id: 3, next_order: "added" } as Project;
const worker = (user_id: number, name: string, assigned = 0): Worker => ({
  user_id,
  name,
  disabled: false,
  assigned,
  returned: 0,
  open: 0,
});
const person = userEvent.setup();
const toasts = { error: vi.fn() };
const client = {
  workers: vi.fn(
    async (): Promise<Workers> => ({ changed: 0, workers: [worker(1, "Ada"), worker(2, "Eve", 7)] }),
  ),
  assign: vi.fn(
    async (): Promise<Workers> => ({ changed: 4, workers: [worker(1, "Ada", 2), worker(2, "Eve", 9)] }),
  ),
  setNextOrder: vi.fn(async () => project),
};

function mount() {
  const onchange = vi.fn(async () => undefined);
  const services = {
    client: client as unknown as Client,
    toasts: toasts as unknown as Toasts,
  };
  const { rerender } = render(AssignPanel, {
    props: { project, changes: 0, onchange },
    context: contextOf(services),
  });
  return { onchange, rerender };
}

async function show() {
  const shown = mount();
  await screen.findByText("Eve");
  return shown;
}

afterEach(() => {
  cleanup();
  vi.useRealTimers();
  vi.clearAllMocks();
});

it("shares images evenly among the chosen people", async () => {
  await show();
  await person.click(screen.getByRole("checkbox", { name: "Ada" }));
  await person.click(screen.getByRole("checkbox", { name: "Eve" }));
  await person.selectOptions(screen.getByLabelText("Images that nobody is assigned"), "Without masks");
  await person.type(screen.getByLabelText("At most"), "4");
  await person.click(screen.getByRole("button", { name: "Share evenly among 2" }));
  expect(client.assign).toHaveBeenCalledWith(3, { to: [1, 2], state: "unannotated", limit: 4 });
  expect((await screen.findByRole("status")).textContent).toBe("4 images assigned.");
});

it("takes back what is assigned to one person, and only where there is something", async () => {
  await show();
  const ofAda = screen.getByRole<HTMLButtonElement>("button", { name: "Take back what is assigned to Ada" });
  expect(ofAda.disabled).toBe(true);
  await person.click(screen.getByRole("button", { name: "Take back what is assigned to Eve" }));
  expect(client.assign).toHaveBeenCalledWith(3, { to: [], assigned_to: 2 });
});

it("says why something was not assigned", async () => {
  await show();
  const refused = new ApiError("invalid_input", "Ada is disabled.", "", 422);
  client.assign.mockRejectedValueOnce(refused);
  await person.click(screen.getByRole("checkbox", { name: "Ada" }));
  await person.click(screen.getByRole("button", { name: "Assign" }));
  expect(toasts.error).toHaveBeenCalledWith(refused);
});

it("changes the order in which images are handed out", async () => {
  const { onchange } = await show();
  await person.selectOptions(screen.getByLabelText("Images of nobody are handed out"), "Random");
  expect(client.setNextOrder).toHaveBeenCalledWith(3, "random");
  expect(onchange).toHaveBeenCalled();
});

it("knows a member who has just been added, and who was removed is not given work", async () => {
  vi.useFakeTimers({ shouldAdvanceTime: true });
  const { rerender } = await show();
  await person.click(screen.getByRole("checkbox", { name: "Eve" }));
  client.workers.mockResolvedValueOnce({ changed: 0, workers: [worker(1, "Ada"), worker(4, "Bo")] });
  await rerender({ changes: 1 });
  await vi.advanceTimersByTimeAsync(2_000);
  await person.click(await screen.findByRole("checkbox", { name: "Bo" }));
  await person.click(screen.getByRole("button", { name: "Assign" }));
  expect(client.assign).toHaveBeenCalledWith(3, expect.objectContaining({ to: [4] }));
});

it("counts again when work was submitted, not each time while people work, and not when images are added", async () => {
  vi.useFakeTimers(); // which stand still: however slow the machine is, all this happens at once
  const { rerender } = mount();
  await vi.advanceTimersByTimeAsync(0);
  client.workers.mockResolvedValue({ changed: 0, workers: [worker(1, "Ada", 5)] });
  const after = (change: Partial<Project>) => rerender({ project: { ...project, ...change } });
  for (let time = 1; time <= 5; time++) await after({ submitted_count: time });
  await vi.advanceTimersByTimeAsync(4_000);
  screen.getByText("5");
  expect(client.workers).toHaveBeenCalledTimes(2);
  await after({ submitted_count: 5, image_count: 9 });
  await vi.advanceTimersByTimeAsync(4_000);
  expect(client.workers).toHaveBeenCalledTimes(2);
});
