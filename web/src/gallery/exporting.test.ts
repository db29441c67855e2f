import { expect, it } from "vitest";
import { EVERYTHING } from "../api/listing.ts";
import { type ExportPreview, type Project, STATE_NAMES } from "../api/types.ts";
import { exportQuery, firstForm, leftBehind, obstacle, summary } from "./exporting.ts";

const project = (submitted: number, approved: number) =>
  ({ submitted_count: submitted, approved_count: approved }) as Project;
const form = firstForm(project(0, 1));
const listing = { ...EVERYTHING, state: "returned", search: "cat", order: "name" } as const;

it("begins with finished images where there are any, else with those that have masks, never with untouched ones", () => {
  expect(firstForm(project(1, 0)).which).toBe("finished");
  expect(firstForm(project(0, 2)).which).toBe("finished");
  expect(firstForm(project(0, 0)).which).toBe("annotated");
});

it("asks for what matters to the format only", () => {
  expect(exportQuery(form, listing)).toEqual({
    format: "coco",
    which: "finished",
    skipped: false,
    images: false,
  });
  const chosen = { ...form, polygons: true, tolerance: 1, split: true };
  expect(exportQuery(chosen, listing)).toEqual({
    format: "coco",
    which: "finished",
    skipped: false,
    segmentation: "polygon",
    tolerance: 1,
    images: true, // a split of COCO needs them
    split: "80/10/10",
  });
  expect(exportQuery({ ...chosen, format: "yolo", shares: [75, 25, 0] }, listing)).toEqual({
    format: "yolo",
    which: "finished",
    skipped: false,
    tolerance: 1,
    images: true, // which its trainers find the labels by
    split: "75/25",
  });
  expect(exportQuery({ ...chosen, format: "sa1b" }, listing)).toEqual({
    format: "sa1b",
    which: "finished",
    skipped: false,
  });
});

it("takes what the gallery lists, in no order, skipped images where these are listed", () => {
  const query = exportQuery({ ...form, which: "listed" }, listing);
  expect(query).toMatchObject({ which: "all", state: "returned", search: "cat", skipped: false });
  expect(query).not.toHaveProperty("order");
  expect(exportQuery({ ...form, which: "listed" }, { ...EVERYTHING, state: "skipped" }).skipped).toBe(true);
});

it("leaves out none of what the gallery's list is narrowed by", () => {
  const all = {
    state: "submitted",
    also: "unannotated",
    search: "cat",
    folder: "a/b",
    category: 3,
    exhaustive: "no",
    author: 4,
    tag: "night",
  } as const;
  const { order, descending, ...names } = EVERYTHING;
  expect(Object.keys(all)).toEqual(Object.keys(names));
  expect(exportQuery({ ...form, which: "listed" }, { ...all, order, descending })).toMatchObject(all);
  for (const name of Object.keys(all)) {
    expect(exportQuery(form, { ...all, order, descending })).not.toHaveProperty(name);
  }
});

it("takes out the images that were chosen one by one, in every state, and begins with them", () => {
  const chosen = firstForm(project(1, 0), [7, 9]);
  expect(exportQuery(chosen, { ...EVERYTHING, tag: "night" }, [7, 9])).toEqual({
    format: "coco",
    which: "all",
    skipped: true,
    image_ids: "7,9",
    images: false,
  });
  expect(exportQuery({ ...chosen, which: "all" }, EVERYTHING, [7, 9])).not.toHaveProperty("image_ids");
  expect([obstacle(chosen, 1000), obstacle(chosen, 1001)]).toEqual([
    "",
    "At most 1,000 chosen images are exported at once. Give them a tag, list what has it, and export that.",
  ]);
  expect(obstacle({ ...chosen, which: "all" }, 1001)).toBe("");
});

it("says what is wrong with shares, where they count", () => {
  expect(obstacle({ ...form, split: true, shares: [80, 10, 20] })).toBe(
    "The shares add up to 110, not to 100.",
  );
  expect(obstacle({ ...form, split: true, shares: [0, 50, 50] })).toBe("Something has to be for training.");
  expect(obstacle({ ...form, split: true, shares: [79.5, 10, 10.5] })).toBe("Shares are whole percentages.");
  expect(obstacle({ ...form, split: true, shares: [80, 10, 20], format: "sa1b" })).toBe("");
  expect(obstacle({ ...form, split: true })).toBe("");
});

it("says what comes and what stays behind in plain figures", () => {
  const preview: ExportPreview = {
    file_name: "a",
    images: 1,
    empty: 1,
    annotations: 0,
    bytes: 0,
    by_category: [],
    parts: [],
    no_outline: 2,
    left_out: [{ state: "waiting", images: 14 }],
    left_out_annotations: 1,
  };
  expect(summary(preview)).toBe("1 image with 0 masks; 1 image of these without masks");
  expect(leftBehind(preview, STATE_NAMES)).toBe(
    `14 images (14 ${STATE_NAMES.waiting.toLowerCase()}) with 1 mask; 2 crowds and empty masks`,
  );
  expect(leftBehind({ ...preview, left_out: [], no_outline: 0 }, STATE_NAMES)).toBe("");
});
