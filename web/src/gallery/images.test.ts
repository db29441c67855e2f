import { describe, expect, it, vi } from "vitest";
import type { Client } from "../api/client.ts";
import { NetworkError } from "../api/errors.ts";
import { EVERYTHING, type Listing } from "../api/listing.ts";
import type { ImagePage, ProjectImage } from "../api/types.ts";
import { GalleryImages } from "./images.svelte.ts";

const image = (id: number) => ({ id, annotation_count: 0 }) as ProjectImage;
const PAGE = 100;

/** A server that lists images 1 to `total`, which may change. */
function server(total: number) {
  const ids = Array.from({ length: total }, (_, index) => index + 1);
  const images = vi.fn(
    async (
      _project: number,
      _listing: Listing,
      page: { skip?: number; limit: number; counted?: boolean },
    ) => {
      const start = page.skip ?? 0;
      const some = ids.slice(start, start + page.limit);
      const next = start + page.limit < ids.length ? String(some.at(-1)) : null;
      return { images: some.map(image), next, total: page.counted ? ids.length : null } as ImagePage;
    },
  );
  return { ids, images };
}

const never = () => new Promise<void>(() => undefined);
const gallery = (fake: object, reachable: () => Promise<unknown> = never) =>
  new GalleryImages(fake as Client, 1, reachable);
const seen = (images: GalleryImages, first = 0, last = images.list.length) =>
  images.list.slice(first, last).map((each) => each?.id ?? null);
const settled = (images: GalleryImages) => vi.waitFor(() => expect(images.loading).toBe(false));

describe("GalleryImages", () => {
  it("knows from the start how many there are, and reads only what is looked at", async () => {
    const fake = server(100_000);
    const images = gallery(fake);
    await images.reset();
    expect(images.list).toHaveLength(100_000);
    expect(seen(images, 0, 3)).toEqual([1, 2, 3]);
    images.look(70_010, 70_030);
    await settled(images);
    expect(seen(images, 70_010, 70_012)).toEqual([70_011, 70_012]);
    expect(fake.images).toHaveBeenCalledTimes(2);
    images.look(70_020, 70_040);
    expect(fake.images).toHaveBeenCalledTimes(2);
  });

  it("asks for no page twice at a time, and for two at most", async () => {
    const fake = server(1000);
    const images = gallery(fake);
    await images.reset();
    images.look(150, 620);
    images.look(150, 621);
    expect(fake.images).toHaveBeenCalledTimes(3);
    await settled(images);
    expect(seen(images, 150, 622)).toEqual(Array.from({ length: 472 }, (_, index) => index + 151));
    expect(fake.images).toHaveBeenCalledTimes(7);
  });

  it("drops the answer to an older question", async () => {
    let late: (page: ImagePage) => void = () => {};
    const fake = server(2);
    fake.images.mockImplementationOnce(() => new Promise((resolve) => (late = resolve)));
    const images = gallery(fake);
    const first = images.reset();
    await images.reset({ ...EVERYTHING, state: "annotated" });
    late({ images: [image(99)], next: null, total: 1 });
    await first;
    expect(seen(images)).toEqual([1, 2]);
    expect(images.loading).toBe(false);
    expect(fake.images.mock.calls.map(([, listing]) => listing.state)).toEqual(["all", "annotated"]);
  });

  it("reads again what is looked at without taking it away first", async () => {
    const fake = server(500);
    const images = gallery(fake);
    await images.reset();
    images.look(240, 260);
    await settled(images);
    fake.ids.splice(0, 5);
    const again = images.reload();
    expect(seen(images, 250, 251)).toEqual([251]);
    await again;
    expect(images.list).toHaveLength(495);
    expect(seen(images, 250, 251)).toEqual([256]);
  });

  it("says why a page did not come, and goes on from there", async () => {
    const fake = server(150);
    const images = gallery(fake);
    await images.reset();
    fake.images.mockRejectedValueOnce(new NetworkError("The server cannot be reached."));
    images.look(120, 130);
    await vi.waitFor(() => expect(images.problem).toBe("The server cannot be reached."));
    await settled(images);
    images.retry();
    await settled(images);
    expect(seen(images, 148, 150)).toEqual([149, 150]);
    expect(images.problem).toBe("");
  });

  it("does not go back behind what events tell while a page is read", async () => {
    const fake = server(3);
    const images = gallery(fake);
    await images.reset();
    const reading = images.reload(); // what the server answers now is of before the events
    images.change(2, { annotation_count: 7 });
    await reading;
    expect(images.list.map((each) => each?.annotation_count)).toEqual([0, 7, 0]);
    const again = images.reload();
    fake.ids.splice(0, 1);
    images.drop(1);
    await again;
    await settled(images);
    expect(seen(images)).toEqual([2, 3]);
  });

  it("shows a new image once, at the end or where the newest come first at the beginning", async () => {
    const images = gallery(server(3));
    await images.reset();
    images.add(4, image(4));
    images.add(4);
    expect(seen(images)).toEqual([1, 2, 3, 4]);
    images.change(4, { annotation_count: 7 });
    expect(images.list.at(-1)?.annotation_count).toBe(7);
    images.drop(1);
    expect(seen(images)).toEqual([2, 3, 4]);
    await images.reset({ ...EVERYTHING, descending: true });
    images.add(4, image(4));
    expect(seen(images)[0]).toBe(4);
  });

  it.each([[true], [false]])("goes on by itself once the server is back; a whole list: %s", async (anew) => {
    const fake = server(250);
    let back = () => {};
    const images = gallery(fake, () => new Promise<void>((resolve) => (back = resolve)));
    if (!anew) await images.reset();
    fake.images.mockRejectedValueOnce(new NetworkError("The server cannot be reached."));
    if (anew) await images.reset();
    else images.look(120, 130);
    await settled(images);
    expect(images.problem).toBe("The server cannot be reached.");
    back();
    await vi.waitFor(() => expect(images.problem).toBe(""));
    await settled(images);
    expect(seen(images, anew ? 0 : 120, anew ? 2 : 122)).toEqual(anew ? [1, 2] : [121, 122]);
  });

  it("does not lose an image that an event tells of while the whole list is read anew", async () => {
    const fake = server(3);
    const images = gallery(fake);
    await images.reset();
    const again = images.reload(); // its answer is from before the image came
    fake.ids.push(4);
    expect(images.add(4)).toBe(false); // so that the list is read once more
    await again;
    expect(seen(images)).toEqual([1, 2, 3]);
    await images.reload();
    expect(seen(images)).toEqual([1, 2, 3, 4]);
    expect(images.add(4)).toBe(true);
  });

  it("reads an image that an event told of, as far as it is looked at", async () => {
    const fake = server(3);
    const images = gallery(fake);
    await images.reset();
    images.look(0, 3);
    fake.ids.push(4);
    expect(images.add(4)).toBe(true);
    await settled(images);
    expect(seen(images)).toEqual([1, 2, 3, 4]);
  });

  it.each<[Partial<Listing>, boolean, number]>([
    [{ state: "waiting" }, true, 2],
    [{ state: "submitted" }, true, 1],
    [{ state: "annotated" }, true, 1],
    [{ order: "name" }, false, 1],
    [{ search: "cat" }, false, 1],
    [{ folder: "cats" }, false, 1],
    [{ author: 4 }, true, 1],
    [{ order: "random" }, false, 1],
  ])(
    "knows whether a new image belongs into %j, or that only the server does",
    async (chosen, known, length) => {
      const images = gallery(server(1));
      await images.reset({ ...EVERYTHING, ...chosen });
      expect(images.add(2, image(2))).toBe(known);
      expect(images.list).toHaveLength(length);
    },
  );

  it("heals a length that was wrong once it sees the end", async () => {
    const fake = server(250);
    const images = gallery(fake);
    await images.reset();
    fake.ids.length = 220; // nobody told
    images.look(200, 249);
    await settled(images);
    expect(images.list).toHaveLength(220);
  });

  it("gives all images between two places, read if need be", async () => {
    const fake = server(3 * PAGE);
    const images = gallery(fake);
    await images.reset();
    const between = await images.between(50, 250);
    expect([between.length, between[0]?.id, between.at(-1)?.id]).toEqual([201, 51, 251]);
    fake.images.mockRejectedValueOnce(new NetworkError("away"));
    await images.reset();
    await expect(images.between(150, 160)).rejects.toThrow();
  });
});
