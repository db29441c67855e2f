// @vitest-environment happy-dom
import { cleanup, render, screen, within } from "@testing-library/svelte";
import userEvent from "@testing-library/user-event";
import { afterEach, expect, it, vi } from "vitest";
import type { Client } from "../../api/client.ts";
import { ApiError } from "../../api/errors.ts";
import type { ImportSummary, Project } from "../../api/types.ts";
import { contextOf } from "../../app/services.ts";
import ImportPanel from "./ImportPanel.svelte";

const project = { id: 3 } as unknown as Project;
const person = userEvent.setup();
const BOX = { what: "box line 1 of a.txt", why: "it is a box without a mask; import boxes as rectangles" };
const report = (fields: Partial<ImportSummary>): ImportSummary => ({
  format: "yolo",
  preview: true,
  categories: 1,
  images: 2,
  tags: 0,
  unmatched: 1,
  annotations: 5,
  by_category: [{ category: "cat", annotations: 5 }],
  statements: 0,
  skipped: [],
  ...fields,
});
const importAnnotations = vi.fn(async (_id: number, _files: readonly File[], query: { preview?: boolean }) =>
  report({ preview: query.preview ?? false }),
);
const onimported = vi.fn(async () => {});
const file = new File(["0 .1 .1 .1 .1"], "a.txt");

function show() {
  const context = contextOf({ client: { importAnnotations } as unknown as Client });
  render(ImportPanel, { props: { project, onimported }, context });
  return screen.getByLabelText("Annotation files to import");
}

afterEach(() => {
  cleanup();
  vi.clearAllMocks();
});

it("shows what would come in before anything is written, then imports it", async () => {
  await person.upload(show(), [file]);
  expect((await screen.findByRole("status")).textContent).toContain(
    "YOLO: would add 5 annotations on 2 images, 1 new category. 1 image is not in this project.",
  );
  expect(screen.getByText("cat: 5")).toBeTruthy();
  expect(onimported).not.toHaveBeenCalled();
  await person.click(screen.getByRole("button", { name: "Import 5 annotations" }));
  expect(importAnnotations.mock.calls.map(([id, files, query]) => [id, files.length, query])).toEqual([
    [3, 1, { preview: true, boxes: "skip" }],
    [3, 1, { preview: false, boxes: "skip" }],
  ]);
  expect(screen.getByRole("status").textContent).toContain("Imported 5 annotations on 2 images");
  expect(onimported).toHaveBeenCalledOnce();
  expect(screen.queryByRole("button", { name: /^Import/ })).toBeNull();
});

it("counts what a file says of whether all of a category are annotated, and imports no more than that", async () => {
  importAnnotations.mockResolvedValueOnce(
    report({ annotations: 0, categories: 0, statements: 3, by_category: [] }),
  );
  await person.upload(show(), [file]);
  expect((await screen.findByRole("status")).textContent).toContain(
    "0 annotations on 2 images, 3 statements whether all of a category are annotated.",
  );
  importAnnotations.mockResolvedValueOnce(
    report({ preview: false, annotations: 0, categories: 0, statements: 1 }),
  );
  const panel = screen.getByRole("status").parentElement as HTMLElement;
  await person.click(within(panel).getByRole("button", { name: "Import" }));
  expect(screen.getByRole("status").textContent).toContain("1 statement whether all");
});

it("imports nothing where a file brings nothing", async () => {
  importAnnotations.mockResolvedValueOnce(report({ annotations: 0, categories: 0, by_category: [] }));
  await person.upload(show(), [file]);
  const button = await screen.findByRole("button", { name: "Import 0 annotations" });
  expect((button as HTMLButtonElement).disabled).toBe(true);
});

it("lets boxes become rectangles, and a preview be given up", async () => {
  importAnnotations.mockResolvedValueOnce(report({ annotations: 0, skipped: [BOX] }));
  await person.upload(show(), [file]);
  await person.click(await screen.findByRole("checkbox", { name: "Boxes as rectangular masks" }));
  expect(importAnnotations).toHaveBeenLastCalledWith(3, [file], { preview: true, boxes: "rectangle" });
  await person.click(screen.getByRole("button", { name: "Cancel" }));
  expect(screen.queryByRole("status")).toBeNull();
});

it("has files read as the format that is chosen", async () => {
  const input = show();
  await person.selectOptions(screen.getByRole("combobox", { name: "Format of the files" }), "PNG masks");
  await person.upload(input, [new File([""], "a.png")]);
  expect(importAnnotations.mock.calls[0]?.[2]).toEqual({ preview: true, boxes: "skip", format: "masks" });
});

it("says why files cannot be read", async () => {
  importAnnotations.mockRejectedValueOnce(new ApiError("invalid_file", "Two formats.", "Name one.", 400));
  await person.upload(show(), [file]);
  expect((await screen.findByRole("alert")).textContent).toBe("Nothing was imported. Two formats. Name one.");
});
