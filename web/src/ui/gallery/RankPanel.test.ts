// @vitest-environment happy-dom
import { cleanup, render, screen } from "@testing-library/svelte";
import userEvent from "@testing-library/user-event";
import { afterEach, expect, it, vi } from "vitest";
import type { Client } from "../../api/client.ts";
import type { Job, Project } from "../../api/types.ts";
import { contextOf } from "../../app/services.ts";
import RankPanel from "./RankPanel.svelte";

const project = { id: 3, image_count: 5 } as Project;
const job = (state: Job["state"], message = ""): Job =>
  ({ id: 9, kind: "rank", state, done: 2, total: 5, failed: 0, message }) as Job;
const person = userEvent.setup();
const client = {
  rankImages: vi.fn(async () => job("running")),
  steerJob: vi.fn(async () => job("cancelled")),
};

function show(known: Job | null) {
  const onjob = vi.fn();
  const onshow = vi.fn();
  const context = contextOf({ client: client as unknown as Client });
  render(RankPanel, { props: { project, job: known, onjob, onshow }, context });
  return { onjob, onshow };
}

afterEach(() => {
  cleanup();
  vi.clearAllMocks();
});

it("ranks images by what is chosen", async () => {
  const { onjob } = show(null);
  await person.selectOptions(screen.getByRole("combobox", { name: "Rank by" }), "Unlike other images");
  await person.click(screen.getByRole("button", { name: "Rank images" }));
  expect(client.rankImages).toHaveBeenCalledWith(3, "diversity");
  expect(onjob).toHaveBeenCalledWith(job("running"));
});

it("shows how far it is, and cancels it", async () => {
  show(job("running"));
  expect(screen.getByRole("progressbar").getAttribute("aria-valuenow")).toBe("2");
  await person.click(screen.getByRole("button", { name: "Cancel" }));
  expect(client.steerJob).toHaveBeenCalledWith(9, "cancel");
});

it("shows images in the order once they are ranked", async () => {
  const { onshow } = show(job("done"));
  await person.click(screen.getByRole("button", { name: "Show in this order" }));
  expect(onshow).toHaveBeenCalledOnce();
});

it("says why it has stopped", async () => {
  show(job("failed", "There is no torch."));
  expect(screen.getByRole("alert").textContent).toBe("There is no torch.");
});
