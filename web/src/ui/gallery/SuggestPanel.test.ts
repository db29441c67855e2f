// @vitest-environment happy-dom
import { cleanup, render, screen } from "@testing-library/svelte";
import userEvent from "@testing-library/user-event";
import { afterEach, expect, it, vi } from "vitest";
import type { Client } from "../../api/client.ts";
import type { Detector, Job, Project } from "../../api/types.ts";
import { contextOf } from "../../app/services.ts";
import SuggestPanel from "./SuggestPanel.svelte";

const categories = [
  { id: 4, name: "book" },
  { id: 6, name: "coin" },
];
const project = { id: 3, image_count: 5, categories, model: { weights_sha256: "ab" } } as unknown as Project;
const detector = (name: string, quality = {}, judgement: Detector["judgement"] = null): Detector =>
  ({
    judgement,
    name,
    project_id: 3,
    categories: [],
    images: 20,
    masks: 1234,
    created: "",
    quality,
  }) as unknown as Detector;
const job = (state: Job["state"], message = ""): Job =>
  ({ id: 9, kind: "suggest", state, done: 2, total: 5, failed: 0, message }) as Job;
const person = userEvent.setup();
const client = {
  detectors: vi.fn(async (): Promise<Detector[]> => []),
  textThresholds: vi.fn(async () => []),
  suggestOnAll: vi.fn(async () => job("running")),
  steerJob: vi.fn(async () => job("cancelled")),
};

function show(known: Job | null) {
  const onjob = vi.fn();
  const context = contextOf({ client: client as unknown as Client });
  render(SuggestPanel, { props: { project, job: known, onjob }, context });
  return onjob;
}

afterEach(() => {
  cleanup();
  vi.clearAllMocks();
});

it("starts looking on all images", async () => {
  const onjob = show(null);
  await person.click(screen.getByRole("button", { name: "Suggest on all images" }));
  expect(client.suggestOnAll).toHaveBeenCalledWith(3);
  expect(onjob).toHaveBeenCalledWith(job("running"));
});

it("starts looking for what is like the objects of a category", async () => {
  show(null);
  await person.selectOptions(screen.getByRole("combobox", { name: "Category of the examples" }), "coin");
  await person.click(screen.getByRole("button", { name: "Suggest similar" }));
  expect(client.suggestOnAll).toHaveBeenCalledWith(3, { source: "similar", examples: [], category_id: 6 });
});

it("has a detector look that is chosen, and says what it learned from", async () => {
  client.detectors.mockResolvedValueOnce([detector("new", { ap: 0.381 }), detector("old")]);
  show(null);
  expect(await screen.findByText(/1,234 masks on 20 images, AP 0.38/)).toBeTruthy();
  await person.selectOptions(screen.getByRole("combobox", { name: "Detector" }), "old");
  await person.click(screen.getByRole("button", { name: "Detect on all images" }));
  expect(client.suggestOnAll).toHaveBeenCalledWith(3, {
    source: "detector",
    detector: "old",
    objectness: 0.1,
  });
});

it("finds what phrases name, or the names of the categories", async () => {
  show(null);
  await person.click(screen.getByRole("button", { name: "Categories" }));
  await person.click(screen.getByRole("button", { name: "Find by text" }));
  expect(client.suggestOnAll).toHaveBeenCalledWith(3, {
    source: "text",
    text: "book, coin",
    box_threshold: null,
    text_threshold: 0.25,
  });
});

it("says of a detector that came with Limner that one of the project's own finds more", async () => {
  client.detectors.mockResolvedValueOnce([{ ...detector("objects"), project_id: null }]);
  show(null);
  expect(await screen.findByText(/came with Limner and finds objects of any kind/)).toBeTruthy();
});

it("says which detector is asked, and why", async () => {
  const judged = {
    by: "cross_validation" as const,
    images: 9,
    objects: 42,
    against: "objects",
    against_ap: 0.36,
  };
  const general = { ...detector("objects"), project_id: null };
  client.detectors.mockResolvedValueOnce([
    detector("own", {}, { ...judged, ap: 0.41, better: true }),
    general,
  ]);
  show(null);
  expect(
    await screen.findByText(/own is asked because it is better: its AP is 0.41, that of objects 0.36/),
  ).toBeTruthy();
  cleanup();
  client.detectors.mockResolvedValueOnce([
    general,
    detector("own", {}, { ...judged, ap: 0.3, better: false }),
  ]);
  show(null);
  expect(await screen.findByText(/objects is asked instead of own .* on 42 masks of 9 images/)).toBeTruthy();
  expect(screen.queryByText(/came with Limner/)).toBeNull();
});

it("says how a detector is trained where there is none", async () => {
  show(null);
  expect(await screen.findByText("limner detector train --project 3")).toBeTruthy();
  expect(screen.queryByRole("button", { name: "Detect on all images" })).toBeNull();
});

it("shows how far it is, and pauses and cancels it", async () => {
  show(job("running"));
  expect(screen.getByRole("progressbar").getAttribute("aria-valuenow")).toBe("2");
  await person.click(screen.getByRole("button", { name: "Pause" }));
  await person.click(screen.getByRole("button", { name: "Cancel" }));
  expect(client.steerJob.mock.calls).toEqual([
    [9, "pause"],
    [9, "cancel"],
  ]);
});

it("says why it has stopped, and goes on when it is told to", async () => {
  show(job("failed", "There is no torch."));
  expect(screen.getByRole("alert").textContent).toBe("There is no torch.");
  await person.click(screen.getByRole("button", { name: "Try again" }));
  expect(client.steerJob).toHaveBeenCalledWith(9, "resume");
});
