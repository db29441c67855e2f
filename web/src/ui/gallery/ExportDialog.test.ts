// @vitest-environment happy-dom
import { cleanup, render, screen, waitFor } from "@testing-library/svelte";
import userEvent from "@testing-library/user-event";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { ApiError } from "../../api/errors.ts";
import type { ExportsClient } from "../../api/exports.ts";
import { EVERYTHING } from "../../api/listing.ts";
import type { ExportQuery, Project } from "../../api/types.ts";
import { contextOf } from "../../app/services.ts";
import ExportDialog from "./ExportDialog.svelte";

const project = {
  id: 3,
  submitted_count: 2,
  approved_count: 0,
  skipped_count: 1,
  permissions: ["project:manage"],
} as unknown as Project;
const person = userEvent.setup();
const preview = vi.fn(async (_id: number, query: ExportQuery) => ({
  file_name: `cats-${query.format}.zip`,
  images: query.which === "all" ? 16 : 2,
  empty: 0,
  annotations: 5,
  bytes: 1000,
  by_category: [{ category: "cat", annotations: 5 }],
  parts: query.split ? [{ part: "train", images: 2 }] : [],
  no_outline: 0,
  left_out: query.which === "all" ? [] : [{ state: "waiting" as const, images: 14 }],
  left_out_annotations: 0,
}));
const tolerance = vi.fn(async () => ({
  masks: 5,
  mean_iou: 0.9871,
  worst_iou: 0.95,
  corners: 10,
  exact_corners: 100,
}));
const open = vi.fn(async (_address: string, _signal: AbortSignal) => new Response("{}"));
const snapshot = (id: number, name: string) => ({
  id,
  project_id: 3,
  name,
  sha256: "",
  bytes: 9,
  images: 2,
  annotations: 5,
  user: null,
  created: "2026-11-29T00:00:00Z",
});
const snapshots = vi.fn(async () => [snapshot(1, "first")]);
const takeSnapshot = vi.fn(async () => snapshot(2, "second"));
const compare = vi.fn(async () => ({
  images_added: ["a"],
  images_removed: [],
  added: 4,
  removed: 3,
  changed: 2,
  unchanged: 1,
  differences: [],
}));
const kept: string[] = [];

beforeEach(() => {
  vi.spyOn(HTMLAnchorElement.prototype, "click").mockImplementation(function (this: HTMLAnchorElement) {
    kept.push(this.download);
  });
});

afterEach(() => {
  cleanup();
  vi.restoreAllMocks();
  for (const mock of [preview, tolerance, open, compare]) mock.mockClear();
  kept.length = 0;
});

function show(listing = EVERYTHING, chosen: readonly number[] = []) {
  const exports = { preview, tolerance, open, snapshots, takeSnapshot, compare } as unknown as ExportsClient;
  return render(ExportDialog, {
    props: { project, listing, chosen, onclose: () => {} },
    context: contextOf({ exports }),
  });
}

const counts = () => screen.findByTestId("export-counts");

it("begins with what is finished, counted, and says what is left out", async () => {
  show();
  expect((await counts()).textContent).toContain("2 images with 5 masks");
  expect(screen.getByTestId("left-out").textContent).toContain("14 images");
  expect(preview.mock.calls[0]?.[1]).toMatchObject({ which: "finished", format: "coco" });
  await person.click(screen.getByRole("radio", { name: "All" }));
  await waitFor(() => expect(screen.queryByTestId("left-out")).toBeNull());
  expect(screen.getByText(/16 images/)).toBeTruthy();
});

it("offers what is finished as soon as the project knows of it, unless somebody has chosen", async () => {
  const before = { ...project, submitted_count: 0 };
  const checked = () => screen.getAllByRole<HTMLInputElement>("radio").find((each) => each.checked)?.value;
  const { rerender } = show();
  await rerender({ project: before });
  expect(checked()).toBe("annotated");
  await rerender({ project });
  expect(checked()).toBe("finished");
  await waitFor(() => expect(preview.mock.lastCall?.[1]).toMatchObject({ which: "finished" }));
  await person.click(screen.getByRole("radio", { name: "All" }));
  await rerender({ project: { ...before } });
  expect(checked()).toBe("all");
});

it("counts again when an image is finished meanwhile; what was downloaded stays said", async () => {
  const { rerender } = show();
  await counts();
  await person.click(screen.getByRole("button", { name: "Export" }));
  await screen.findByText(/cats-coco.zip: 0 MB/);
  preview.mockImplementationOnce(async () => ({ ...(await preview(3, { format: "coco" })), images: 3 }));
  await rerender({ project: { ...project, submitted_count: 3 } });
  await waitFor(() => expect(screen.getByTestId("export-counts").textContent).toContain("3 images"));
  expect(screen.getByText(/cats-coco.zip: 0 MB/)).toBeTruthy();
});

it("offers what the gallery lists only where that is less than everything", async () => {
  show();
  expect(screen.queryByRole("radio", { name: "What the gallery lists now" })).toBeNull();
  cleanup();
  show({ ...EVERYTHING, search: "cat" });
  await person.click(screen.getByRole("radio", { name: "What the gallery lists now" }));
  await waitFor(() =>
    expect(preview).toHaveBeenLastCalledWith(
      3,
      expect.objectContaining({ search: "cat" }),
      expect.anything(),
    ),
  );
});

it("begins with the images that were chosen one by one, whatever their state", async () => {
  show(EVERYTHING, [7, 9]);
  expect(screen.getByRole<HTMLInputElement>("radio", { name: "The 2 images that you chose" }).checked).toBe(
    true,
  );
  await waitFor(() =>
    expect(preview).toHaveBeenLastCalledWith(
      3,
      expect.objectContaining({ which: "all", skipped: true, image_ids: "7,9" }),
      expect.anything(),
    ),
  );
  expect(screen.queryByRole("checkbox", { name: "Skipped ones too" })).toBeNull();
  await person.click(screen.getByRole("radio", { name: "All" }));
  await waitFor(() => expect(preview.mock.lastCall?.[1]).not.toHaveProperty("image_ids"));
});

it("says what a tolerance costs, as it was measured", async () => {
  show();
  await person.click(screen.getByRole("radio", { name: "Polygons" }));
  await person.selectOptions(screen.getByRole("combobox", { name: "Tolerance of polygons" }), "1 px");
  await waitFor(() =>
    expect(screen.getByTestId("tolerance-cost").textContent).toContain(
      "IoU 0.987 on average, 0.950 at worst, and 10 %",
    ),
  );
});

it("downloads under the name that the server gives, and says how much came", async () => {
  show();
  await counts();
  await person.click(screen.getByRole("button", { name: "Export" }));
  expect(await screen.findByText(/cats-coco.zip: 0 MB/)).toBeTruthy();
  expect(kept).toEqual(["cats-coco.zip"]);
  expect(open.mock.calls[0]?.[0]).toContain("/api/v1/projects/3/export?format=coco&which=finished");
});

it("stops a download that is cancelled, and keeps nothing of it", async () => {
  open.mockImplementationOnce(
    (_address, signal) =>
      new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason as Error))),
  );
  show();
  await counts();
  await person.click(screen.getByRole("button", { name: "Export" }));
  await person.click(await screen.findByRole("button", { name: "Cancel" }));
  expect(await screen.findByText("Cancelled; nothing was kept.")).toBeTruthy();
  expect(kept).toEqual([]);
});

it("says why something cannot be counted", async () => {
  preview.mockRejectedValueOnce(new ApiError("forbidden", "Not yours.", "Ask a manager.", 403));
  show();
  expect((await screen.findByRole("alert")).textContent).toBe("Not yours. Ask a manager.");
});

it("takes snapshots and says what changed since", async () => {
  show();
  await person.click(screen.getByText(/^Snapshots/));
  const details = document.querySelectorAll("details");
  details[details.length - 1]?.dispatchEvent(new Event("toggle"));
  await person.type(screen.getByRole("textbox", { name: "Name of a new snapshot" }), "second");
  await person.click(screen.getByRole("button", { name: "Take a snapshot now" }));
  expect(takeSnapshot).toHaveBeenCalledWith(3, "second");
  await person.click(await screen.findByRole("button", { name: "Compare" }));
  expect((await screen.findByTestId("difference")).textContent).toMatch(
    /4 added, 3 removed,\s+2 changed, 1 as they were/,
  );
  expect(compare).toHaveBeenCalledWith(1, null);
});
