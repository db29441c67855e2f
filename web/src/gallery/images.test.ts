import { describe, expect, it, vi } from "vitest";
import type { Client } from "../api/client.ts";
import { NetworkError } from "../api/errors.ts";
import type { ImageFilter, ImagePage, ProjectImage } from "../api/types.ts";
import { GalleryImages } from "./images.svelte.ts";

const image = (id: number) => ({ id, annotation_count: 0 }) as ProjectImage;

/** Pages of two out of `total` images. */
function client(total: number) {
  return {
    images: vi.fn(async (_project: number, after: string | null, _limit: number, _state: ImageFilter) => {
      const start = Number(after ?? 0);
      const ids = [start + 1, start + 2].filter((id) => id <= total);
      return { images: ids.map(image), next: start + 2 < total ? String(start + 2) : null } as ImagePage;
    }),
  };
}

const gallery = (fake: object) => new GalleryImages(fake as Client, 1);
const ids = (images: GalleryImages) => images.list.map((each) => each.id);

describe("GalleryImages", () => {
  it("loads page after page up to the end", async () => {
    const fake = client(5);
    const images = gallery(fake);
    await images.reset();
    await images.more();
    await images.more();
    expect(ids(images)).toEqual([1, 2, 3, 4, 5]);
    expect(images.complete).toBe(true);
    await images.more();
    expect(fake.images).toHaveBeenCalledTimes(3);
  });

  it("asks for one page at a time", async () => {
    const fake = client(5);
    const images = gallery(fake);
    await Promise.all([images.more(), images.more(), images.more()]);
    expect(fake.images).toHaveBeenCalledOnce();
  });

  it("drops the answer to an older question", async () => {
    let late: (page: ImagePage) => void = () => {};
    const fake = client(2);
    fake.images.mockImplementationOnce(() => new Promise((resolve) => (late = resolve)));
    const images = gallery(fake);
    const first = images.reset("all");
    await images.reset("annotated");
    late({ images: [image(99)], next: null, total: null });
    await first;
    expect(ids(images)).toEqual([1, 2]);
    expect(images.loading).toBe(false);
  });

  it("comes back to a place while an event has everything read again", async () => {
    const fake = client(2);
    const page = await fake.images(1, null, 2, "all");
    fake.images.mockImplementation(() => new Promise((resolve) => setTimeout(resolve, 0, page)));
    const images = gallery(fake);
    const restored = images.restore("all", 2);
    await Promise.all([restored, images.reload()]);
    expect(ids(images)).toEqual([1, 2]);
    expect(images.loading).toBe(false);
  });

  it.each(["more", "reload"] as const)(
    "restores as much as there was with %s in between",
    async (between) => {
      const images = gallery(client(9));
      const restored = images.restore("all", 5);
      await images[between]();
      await restored;
      expect(ids(images).slice(0, 5)).toEqual([1, 2, 3, 4, 5]);
      expect(images.loading).toBe(false);
    },
  );

  it("says why a page did not come, and goes on from there", async () => {
    const fake = client(4);
    const images = gallery(fake);
    await images.reset();
    fake.images.mockRejectedValueOnce(new NetworkError("The server cannot be reached."));
    await images.more();
    expect(images.problem).toBe("The server cannot be reached.");
    await images.more();
    expect(ids(images)).toEqual([1, 2, 3, 4]);
    expect(images.problem).toBe("");
  });

  it.each(["more", "reload"] as const)("does not go back behind what events tell during %s", async (read) => {
    const fake = client(3);
    const images = gallery(fake);
    await images.reset();
    const reading = images[read](); // what the server answers now is of before the events
    images.change(2, { annotation_count: 7 });
    images.change(3, { annotation_count: 8 });
    images.drop(1);
    images.add(image(4));
    await reading;
    const [all, shown] =
      read === "more"
        ? [
            [2, 3, 4],
            [7, 8, 0],
          ]
        : [[2], [7]];
    expect(ids(images)).toEqual(all);
    expect(images.list.map((each) => each.annotation_count)).toEqual(shown);
    await images.reload();
    expect(images.list.every((each) => each.annotation_count === 0)).toBe(true); // now the server knows better
  });

  it("shows a new image once, and at the end only where the end is loaded", async () => {
    const images = gallery(client(3));
    await images.reset();
    images.add(image(4));
    expect(ids(images)).toEqual([1, 2]);
    await images.more();
    images.add(image(4));
    images.add(image(4));
    expect(ids(images)).toEqual([1, 2, 3, 4]);
    images.change(4, { annotation_count: 7 });
    expect(images.list.at(-1)?.annotation_count).toBe(7);
    images.drop(1);
    expect(ids(images)).toEqual([2, 3, 4]);
  });

  it("shows a new image only under filters that it passes", async () => {
    const images = gallery(client(1));
    for (const [filter, expected] of [
      ["waiting", [1, 2]],
      ["submitted", [1]],
      ["skipped", [1]],
      ["annotated", [1]],
      ["unannotated", [1, 2]],
    ] as const) {
      await images.reset(filter);
      images.add(image(2));
      expect(ids(images)).toEqual(expected);
    }
  });

  it("comes back to as many images as there were", async () => {
    const images = gallery(client(9));
    await images.restore("unannotated", 5);
    expect(ids(images)).toEqual([1, 2, 3, 4, 5, 6]);
    expect(images.filter).toBe("unannotated");
    await images.restore("all", 100);
    expect(ids(images)).toHaveLength(9);
  });

  it("reads again what it shows, in one go", async () => {
    const fake = client(6);
    const images = gallery(fake);
    await images.restore("all", 3);
    images.change(2, { annotation_count: 7 });
    images.drop(3);
    const reading = images.reload();
    expect(ids(images)).toEqual([1, 2, 4]); // nothing flickers
    await reading;
    expect(ids(images)).toEqual([1, 2, 3, 4]);
    expect(images.list[1]?.annotation_count).toBe(0);
    await images.more();
    expect(ids(images)).toEqual([1, 2, 3, 4, 5, 6]);
  });
});
