import { beforeEach, describe, expect, it, vi } from "vitest";
import { EVERYTHING } from "../api/listing.ts";
import type { ImageAnnotations, ImageDetails, ImageMark, UndoSteps } from "../api/types.ts";
import { ImageSync } from "../sync/image.ts";
import { Marks } from "./marks.ts";
import { OpenImage } from "./open-image.svelte.ts";

const WAITING: ImageMark = { state: "waiting", note: "", by: null, at: null };
const SUBMITTED: ImageMark = { state: "submitted", note: "", by: "ann", at: "2026-01-01T10:00:00Z" };
const details = (mark = WAITING, revision = 4) => ({ id: 7, revision, mark }) as ImageDetails;
const annotations = (revision = 4): ImageAnnotations => ({
  image_id: 7,
  revision,
  mark: WAITING,
  annotations: [],
  exhaustivity: [],
});

let sync: ImageSync;
let answer: ImageDetails;
let said: string[];
let image: OpenImage;
let marks: Marks;

beforeEach(async () => {
  said = [];
  answer = details();
  sync = new ImageSync(annotations(), [], "tab", null, async () => undefined);
  marks = new Marks({ images: vi.fn() }, 1, () => EVERYTHING);
  image = new OpenImage({
    listing: () => EVERYTHING,
    client: { image: async () => answer },
    marks,
    synchroniser: async () => ({ openImage: async () => sync, closeImage: vi.fn(), notice: vi.fn() }),
    me: () => "ann",
    replace: vi.fn(),
    reopened: vi.fn(),
    based: vi.fn(),
    tell: (message) => void said.push(message),
    fail: (error) => void said.push(String(error)),
  });
  await image.open(7, { details: Promise.resolve(details()), annotations: async () => annotations() });
});

/** Somebody accepts a mask and submits; the server stores both, as revisions 5 and 6, and answers. */
async function acceptAndSubmit(): Promise<void> {
  await image.mark("submitted", "");
  const { uid } = sync.waitingMark!;
  for (const revision of [5, 6]) {
    const operation = {
      kind: "mark" as const,
      uid: revision === 6 ? uid : "mask",
      state: "submitted" as const,
      note: "",
    };
    sync.acknowledged({ operation, after: null } as never, { revision, annotation: null } as never);
  }
}

describe("a mark", () => {
  it("stays when the echo of an edit before it comes after the answer to it", async () => {
    await acceptAndSubmit();
    image.hear(7, 5, WAITING);
    expect([image.details!.mark.state, said]).toEqual(["submitted", []]);
    image.hear(7, 6, SUBMITTED);
    expect([image.details!.mark, said]).toEqual([SUBMITTED, []]);
  });

  it("is taken back by somebody else, who is heard", async () => {
    await acceptAndSubmit();
    image.hear(7, 6, SUBMITTED);
    image.hear(7, 7, { ...WAITING, note: "left ear", by: "bob", at: "2026-01-01T11:00:00Z" });
    expect([image.details!.mark.state, said]).toEqual(["waiting", ["This image is to do again: left ear"]]);
  });

  it("stays while it is on its way, whatever the server tells", async () => {
    await image.mark("submitted", "");
    image.hear(7, 5, WAITING);
    expect([image.details!.mark.state, said]).toEqual(["submitted", []]);
  });

  it("stays when details that were asked for before it arrive after it", async () => {
    const refreshed = image.refresh();
    await acceptAndSubmit();
    await refreshed;
    expect(image.details!.mark.state).toBe("submitted");
    answer = details(SUBMITTED, 6);
    await image.refresh();
    expect(image.details!.mark).toEqual(SUBMITTED);
  });

  it("of another image is remembered for finding the next one", () => {
    const hear = vi.spyOn(marks, "hear");
    image.hear(8, 1, SUBMITTED);
    expect(hear).toHaveBeenCalledWith(8, SUBMITTED);
    expect(image.details!.mark).toEqual(WAITING);
  });
});

it("is called as it is after it was moved, also when an answer from before comes later", async () => {
  const refreshed = image.refresh();
  image.hearMoved([
    { image_id: 8, file_name: "night/b.png" },
    { image_id: 7, file_name: "night/a.png" },
  ]);
  expect(image.details!.file_name).toBe("night/a.png");
  await refreshed;
  expect(image.details!.file_name).toBe("night/a.png");
});

describe("tags that somebody gives", () => {
  const tags = (given: string[]) => image.hearTags([{ image_id: 7, tags: given }]);

  it("stay when details that were asked for before arrive after them", async () => {
    const refreshed = image.refresh();
    tags(["night"]);
    await refreshed;
    expect(image.details!.tags).toEqual(["night"]);
  });

  it("while the image is loaded ahead are there when it is opened", async () => {
    image.close();
    const loading = Promise.resolve({ ...details(), tags: ["day"] });
    tags(["night"]);
    await image.open(7, { details: loading, annotations: async () => annotations() });
    expect(image.details!.tags).toEqual(["night"]);
  });

  it("give way to what the server says when it is asked anew", async () => {
    tags(["night"]);
    answer = { ...details(), tags: ["day"] };
    await image.refresh();
    expect(image.details!.tags).toEqual(["day"]);
  });
});

it("restores what was deleted before this page knew it", async () => {
  const fields = { category_id: 3, segmentation: { size: [4, 4], counts: "00" }, iscrowd: 0, attributes: {} };
  const operations = [{ kind: "delete", uid: "a", fields: { ...fields, provenance: null }, refused: null }];
  const restore = () => image.record(7, [{ kind: "restore", uid: "a" }], null, { id: "1", way: "undone" });
  await restore();
  expect(said).toEqual([expect.stringMatching(/could not be kept/)]);
  image.remember({ done: [{ id: "1", operations }], undone: [] } as unknown as UndoSteps);
  await restore();
  expect([said.length, sync.annotations().map(({ uid, category_id }) => [uid, category_id])]).toEqual([
    1,
    [["a", 3]],
  ]);
});

describe("what was said of a category", () => {
  const entry = { category_id: 3, exhaustive: true, by: "ann", at: "", reopened_by: null, reopened_at: null };
  const reopened = { ...entry, exhaustive: null, reopened_by: "bob", reopened_at: "2026-01-01T11:00:00Z" };

  it("is told once when somebody reopens it, also when it was said here a moment ago", async () => {
    const heard: unknown[] = [];
    sync.onExhaustivity = null;
    image = new OpenImage({
      listing: () => EVERYTHING,
      client: { image: async () => answer },
      marks,
      synchroniser: async () => ({ openImage: async () => sync, closeImage: vi.fn(), notice: vi.fn() }),
      me: () => "ann",
      replace: vi.fn(),
      reopened: (told) => heard.push(told),
      based: vi.fn(),
      tell: vi.fn(),
      fail: vi.fn(),
    });
    await image.open(7, { details: Promise.resolve(details()), annotations: async () => annotations() });
    await image.record(7, [{ kind: "exhaustivity", uid: "s", category_id: 3, exhaustive: true }], null);
    expect([...sync.exhaustive]).toEqual([[3, true]]);
    sync.merge({ ...annotations(6), exhaustivity: [reopened] }, []);
    sync.merge({ ...annotations(7), exhaustivity: [reopened] }, []);
    expect([heard, [...sync.exhaustive], image.exhaustivity]).toEqual([[reopened], [], [reopened]]);
    sync.merge({ ...annotations(8), exhaustivity: [entry] }, []);
    expect([heard.length, [...sync.exhaustive]]).toEqual([1, [[3, true]]]);
  });
});
