import { beforeEach, describe, expect, it, vi } from "vitest";
import { imagePoint } from "../core/geometry.ts";
import { FOREGROUND } from "../core/prompts.ts";
import { decode } from "../core/rle.ts";
import { decodedMasks, FakeDecoder } from "../decoder/fake-decoder.test-support.ts";
import { createSession, type Session } from "../session/session.svelte.ts";
import type { Operation } from "../session/types.ts";
import { CloserLook } from "./closer-look.svelte.ts";

const IMAGE = { id: 7, width: 4000, height: 3000 };
const SEEN = [1000, 800, 1400, 1100] as const;
const WHOLE = new ArrayBuffer(1);
const PART = new ArrayBuffer(2);

let decoder: FakeDecoder;
let session: Session;
let closer: CloserLook;
let recorded: Operation[];
let opened: ArrayBuffer[];
let encoded: (bytes: ArrayBuffer) => void;
let broken: (error: Error) => void;
const fail = vi.fn();
const tell = vi.fn();

beforeEach(() => {
  vi.clearAllMocks();
  decoder = new FakeDecoder();
  opened = [];
  recorded = [];
  vi.spyOn(decoder, "openImage").mockImplementation(async (bytes?: ArrayBuffer) => opened.push(bytes!) > 0);
  session = createSession({
    decoder,
    record: (_, operations) => recorded.push(...operations),
    onOutside: () => void closer.leave(),
  });
  session.open(IMAGE, []);
  closer = new CloserLook(decoder, session, {
    encode: () =>
      new Promise((resolve, reject) => {
        encoded = resolve;
        broken = reject;
      }),
    whole: () => WHOLE,
    tell,
    fail,
  });
  closer.seen = SEEN;
});

const settled = () => new Promise((resolve) => setTimeout(resolve));

async function lookCloser(): Promise<void> {
  closer.toggle();
  encoded(PART);
  await settled();
}

describe("looking closer", () => {
  it("goes on with the region that it is given, whatever is seen now", async () => {
    closer.seen = [0, 0, 4000, 3000];
    const region = { x: 512, y: 256, width: 512, height: 512 };
    void closer.look(region);
    encoded(PART);
    await settled();
    expect([session.viewpoint.wanted, session.viewpoint.region, opened.at(-1)]).toEqual([
      region,
      region,
      PART,
    ]);
  });

  it("asks the decoder about the region, in its own coordinates, and saves masks on the image's pixels", async () => {
    await lookCloser();
    const region = session.viewpoint.wanted!;
    expect(region).toMatchObject({ x: 992, y: 800 });
    expect(opened).toEqual([PART]);
    session.drawing.addPoint(imagePoint(1200, 900), FOREGROUND);
    const [asked] = decoder.requests;
    expect(asked!.prompts.points[0]!.at).toEqual([1200 - region.x, 900 - region.y]);
    expect(asked!.image).toMatchObject({ width: region.width, height: region.height });
    await decoder.answer(decodedMasks());
    session.drawing.accept();
    const [created] = recorded;
    expect(created).toMatchObject({
      provenance: {
        prompts: { points: [[1200, 900, 1]] },
        region: [region.x, region.y, region.width, region.height],
      },
    });
    const { data } = decode((created as Extract<Operation, { kind: "create" }>).segmentation);
    const first = data.indexOf(1);
    expect([first % IMAGE.width, Math.floor(first / IMAGE.width)]).toEqual([region.x, region.y]);
  });

  it("goes on answering from the whole image until the region is there, then carries the draft on", async () => {
    session.drawing.addPoint(imagePoint(1200, 900), FOREGROUND);
    await decoder.answer();
    closer.toggle();
    expect(session.viewpoint.waiting).toBe(true);
    expect(session.viewpoint.region).toBeNull();
    expect(session.draft.canAccept).toBe(true);
    encoded(PART);
    await settled();
    expect(session.viewpoint.waiting).toBe(false);
    expect(session.draft.prompts.points).toHaveLength(1);
    expect(decoder.requests).toHaveLength(1); // the same prompts, asked of the region
    await decoder.answer();
    expect(session.draft.shownRegion).toEqual(session.viewpoint.wanted);
    session.store.undo();
    expect(session.draft.active).toBe(false);
    session.store.redo();
    expect(decoder.requests.at(-1)!.prompts.points[0]!.at).toEqual([
      1200 - session.viewpoint.wanted!.x,
      900 - session.viewpoint.wanted!.y,
    ]);
  });

  it("shows everything that was said of the object being drawn", async () => {
    session.drawing.addPoint(imagePoint(1700, 900), FOREGROUND); // outside of what is seen
    const { x, width } = closer.offered!;
    expect(x).toBeLessThanOrEqual(1000);
    expect(x + width).toBeGreaterThanOrEqual(1700);
  });

  it("goes back to the whole image by the key, by pointing outside, and by undoing to something outside", async () => {
    await lookCloser();
    closer.toggle();
    await settled();
    expect([session.viewpoint.wanted, session.viewpoint.region, opened.at(-1)]).toEqual([null, null, WHOLE]);

    await lookCloser();
    session.drawing.hover(imagePoint(3000, 2000));
    await settled();
    expect([session.viewpoint.wanted, opened.at(-1)]).toEqual([null, WHOLE]);
    expect(decoder.requests.at(-1)!.prompts.points[0]!.at).toEqual([3000, 2000]); // asked again there

    await lookCloser();
    session.drawing.addPoint(imagePoint(3000, 2000), FOREGROUND);
    await settled();
    expect(session.viewpoint.wanted).toBeNull();
    expect(decoder.requests.at(-1)!.prompts.points).toHaveLength(1);
  });

  it("drops an answer that the other picture gives too late", async () => {
    session.drawing.addPoint(imagePoint(1200, 900), FOREGROUND);
    await lookCloser();
    const [late, current] = decoder.requests;
    late!.resolve(decodedMasks());
    await settled();
    expect(session.draft.shownPlane).toBeNull();
    current!.resolve(decodedMasks());
    await settled();
    expect(session.draft.shownRegion).toEqual(session.viewpoint.wanted);
  });

  it("says why nothing came of it and stays with the whole image", async () => {
    closer.toggle();
    broken(new Error("the encoder failed"));
    await settled();
    expect(fail).toHaveBeenCalledWith(new Error("the encoder failed"));
    expect([session.viewpoint.wanted, session.viewpoint.region, opened]).toEqual([null, null, []]);
    closer.seen = [0, 0, 4000, 3000];
    closer.toggle();
    expect(tell).toHaveBeenCalledOnce();
  });

  it("forgets what is still on its way when another image is opened", async () => {
    closer.toggle();
    closer.reset();
    encoded(PART);
    await settled();
    expect([session.viewpoint.wanted, opened]).toEqual([null, []]);
  });

  it("reopens a mask from its prompts only where the decoder sees what it saw then", async () => {
    await lookCloser();
    session.drawing.addPoint(imagePoint(1200, 900), FOREGROUND);
    await decoder.answer();
    session.drawing.accept();
    const uid = session.list.annotations[0]!.uid;
    session.drawing.reopen(uid);
    expect(session.draft.prompts.points).toHaveLength(1);
    session.drawing.drop();
    closer.toggle();
    await settled();
    session.drawing.reopen(uid);
    expect(session.draft.prompts).toMatchObject({
      points: [],
      mask: session.list.annotations[0]!.segmentation,
    });
  });
});
