import { describe, expect, it, vi } from "vitest";
import { EVERYTHING } from "../api/listing.ts";
import type { ManyDone, ProjectImage } from "../api/types.ts";
import { ImageSelection, refusals, told } from "./selection.svelte.ts";

/** Image 10 stands at place 0, 11 at 1, and so on. */
function fresh() {
  const between = vi.fn(async (first: number, last: number) =>
    Array.from({ length: last - first + 1 }, (_, offset) => ({ id: 10 + first + offset }) as ProjectImage),
  );
  return { between, selection: new ImageSelection(between) };
}

describe("a selection", () => {
  it("takes an image in and out", () => {
    const { selection } = fresh();
    expect(selection.empty).toBe(true);
    selection.toggle(10, 0);
    selection.toggle(12, 2);
    selection.toggle(10, 0);
    expect([...selection.ids]).toEqual([12]);
    expect(selection.has(10)).toBe(false);
    expect(selection.question(EVERYTHING)).toEqual({ image_ids: [12] });
  });

  it("goes from the last one to this one, backwards too, and asks for what is not here", async () => {
    const { between, selection } = fresh();
    selection.toggle(15, 5);
    await selection.extend(3);
    expect(between).toHaveBeenCalledWith(3, 5);
    expect([...selection.ids].sort()).toEqual([13, 14, 15]);
    await selection.extend(6); // still from where it began
    expect([...selection.ids].sort()).toEqual([13, 14, 15, 16]);
  });

  it("is all that a filter lists, and asks for it by the filter", () => {
    const { selection } = fresh();
    selection.toggle(10, 0);
    selection.chooseAll();
    expect(selection.has(99)).toBe(true);
    const listing = {
      ...EVERYTHING,
      state: "waiting",
      folder: "box",
      order: "name",
      descending: true,
    } as const;
    expect(selection.question(listing)).toEqual({ image_ids: null, state: "waiting", folder: "box" });
    selection.toggle(11, 1);
    expect([...selection.ids]).toEqual([11]);
    selection.chooseAll();
    selection.clear();
    expect([selection.empty, selection.all]).toEqual([true, false]);
  });
});

it("says what was done, and what was refused by reason", () => {
  const refused = (message: string, ...image_ids: number[]) => ({
    error: { code: "", hint: "", details: {}, message },
    image_ids,
  });
  const done: ManyDone = {
    done: [1, 2],
    refused: [refused("No.", 3), refused("Not now.", 4, 5), refused("No.", 6)],
  };
  expect(told(done, "submitted")).toBe("2 images submitted.");
  expect(refusals(done)).toBe("2 images left as they are: No. 2 images left as they are: Not now.");
  expect([
    told(done, "moved", "street"),
    told(done, "movedOut"),
    told({ ...done, done: [] }, "moved", "x"),
  ]).toEqual(["2 images moved to “street”.", "2 images are in no folder now.", "Nothing was moved to “x”."]);
  expect([told({ done: [], refused: [] }, "trashed"), refusals({ done: [1], refused: [] })]).toEqual([
    "Nothing was moved to the trash.",
    "",
  ]);
});

it("chooses just what a marquee touches, in place of all, once what it touches was read", async () => {
  const { between, selection } = fresh();
  selection.chooseAll();
  selection.choose([7, 8]);
  expect([selection.all, [...selection.ids]]).toEqual([false, [7, 8]]);
  await selection.read([2, 3, 6, 7]);
  expect(between).toHaveBeenCalledExactlyOnceWith(2, 7);
  await selection.read([]);
  expect(between).toHaveBeenCalledOnce();
});
