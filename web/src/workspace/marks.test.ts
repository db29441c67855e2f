import { describe, expect, it, vi } from "vitest";
import type { ImageDetails, ImageMark, ImagePage, ImageState, MarkOperation } from "../api/types.ts";
import { Marks } from "./marks.ts";

const details = (id: number, next_waiting_id: number | null) => ({ id, next_waiting_id }) as ImageDetails;
const heard = (state: ImageState): ImageMark => ({ state, note: "", by: "admin", at: null });

/** A server where these images wait. */
function server(...waiting: number[]) {
  const images = vi.fn(async (_project: number, after: string | null) => {
    const rows = waiting.filter((id) => id > Number(after ?? 0)).map((id) => ({ id }));
    return { images: rows, next: null } as ImagePage;
  });
  return { images };
}

const sync = (imageId: number, recordMark: (mark: MarkOperation) => Promise<void> = async () => {}) => ({
  imageId,
  recordMark,
});

describe("the next image that waits", () => {
  it("is the one that came with the image, without asking", async () => {
    const client = server(2, 3);
    expect(await new Marks(client, 1).nextWaiting(details(1, 2))).toBe(2);
    expect(client.images).not.toHaveBeenCalled();
  });

  it("is none that was settled here, though the server may not know that yet", async () => {
    const marks = new Marks(server(2, 3), 1);
    await marks.say(sync(2), "skipped", "blurry");
    expect(await marks.nextWaiting(details(1, 2))).toBe(3);
    await marks.say(sync(3), "submitted", "");
    expect(await marks.nextWaiting(details(1, 2))).toBeNull();
  });

  it("is none that was settled after the open image was loaded ahead", async () => {
    const marks = new Marks(server(), 1);
    await marks.say(sync(1), "submitted", "");
    marks.hear(1, heard("submitted")); // confirmed, while the details of image 3 still name image 1
    marks.hear(2, heard("skipped")); // by somebody else
    expect(await marks.nextWaiting(details(3, 1))).toBeNull();
    expect(await marks.nextWaiting(details(3, 2))).toBeNull();
    marks.missed();
    expect(await marks.nextWaiting(details(3, 1))).toBe(1);
  });

  it("is found from the beginning too, but is never the open one", async () => {
    expect(await new Marks(server(1, 3), 1).nextWaiting(details(3, null))).toBe(1);
    expect(await new Marks(server(3), 1).nextWaiting(details(3, null))).toBeNull();
  });

  it("may be one that was sent back", async () => {
    const marks = new Marks(server(2), 1);
    await marks.say(sync(2), "submitted", "");
    marks.hear(2, heard("waiting")); // older: an edit from before the mark
    expect(await marks.nextWaiting(details(1, 2))).toBeNull();
    marks.hear(2, heard("submitted"));
    marks.hear(2, heard("waiting"));
    expect(await marks.nextWaiting(details(1, 2))).toBe(2);
  });
});

it("counts as said only once this browser keeps it", async () => {
  const marks = new Marks(server(2), 1);
  const refuse = () => Promise.reject(new Error("no space"));
  await expect(marks.say(sync(2, refuse), "submitted", "")).rejects.toThrow("no space");
  expect(await marks.nextWaiting(details(1, 2))).toBe(2);
});
