import { describe, expect, it } from "vitest";
import { EVERYTHING } from "../api/listing.ts";
import type { ImageMark, ImagePage, ImageState, MarkOperation } from "../api/types.ts";
import { Marks } from "./marks.ts";

const heard = (state: ImageState): ImageMark => ({ state, note: "", by: "admin", at: null });
const client = { images: async () => ({ images: [], next: null }) as unknown as ImagePage };

const sync = (imageId: number, recordMark: (mark: MarkOperation) => Promise<void> = async () => {}) => ({
  imageId,
  recordMark,
});

describe("an image waits", () => {
  it("until it was settled here, though the server may not know that yet", async () => {
    const marks = new Marks(client, 1, () => EVERYTHING);
    expect(marks.waits(2)).toBe(true);
    await marks.say(sync(2), "skipped", "blurry");
    expect(marks.waits(2)).toBe(false);
  });

  it("not when it was settled by somebody else, until more may have been missed", async () => {
    const marks = new Marks(client, 1, () => EVERYTHING);
    marks.hear(2, heard("submitted"));
    expect(marks.waits(2)).toBe(false);
    marks.missed();
    expect(marks.waits(2)).toBe(true);
  });

  it("again once it was returned", async () => {
    const marks = new Marks(client, 1, () => EVERYTHING);
    await marks.say(sync(2), "submitted", "");
    marks.hear(2, heard("waiting")); // older: an edit from before the mark
    expect(marks.waits(2)).toBe(false);
    marks.hear(2, heard("submitted"));
    marks.hear(2, heard("waiting"));
    expect(marks.waits(2)).toBe(true);
  });

  it("unless this browser keeps what was said", async () => {
    const marks = new Marks(client, 1, () => EVERYTHING);
    const refuse = () => Promise.reject(new Error("no space"));
    await expect(marks.say(sync(2, refuse), "submitted", "")).rejects.toThrow("no space");
    expect(marks.waits(2)).toBe(true);
  });
});
