import { expect, test, vi } from "vitest";
import type { MaskVerdict, VerifiedMask } from "../api/types.ts";
import { sampleAddress, sampleOf, USUAL_SAMPLE } from "../api/verification.ts";
import { rateOf, Verification } from "./verification.svelte.ts";

const mask = (n: number, more: Partial<VerifiedMask> = {}): VerifiedMask => ({
  uid: `uid ${n}`,
  image_id: n,
  file_name: `${n}.png`,
  category_id: 1,
  revision: n,
  area: 4,
  bbox: [0, 0, 2, 2],
  author: "Ada",
  verdict: null,
  judged_by: null,
  judged: null,
  mended: false,
  ...more,
});

/** A server that answers at once, and fails while it is told to. */
function grid(masks: VerifiedMask[]) {
  const sent: [string, MaskVerdict | null, boolean | undefined][] = [];
  const client = {
    broken: false,
    sample: async () => ({ masks, population: 100 }),
    judge: async (
      of: Pick<VerifiedMask, "uid" | "revision">,
      verdict: MaskVerdict | null,
      tell?: boolean,
    ) => {
      sent.push([of.uid, verdict, tell]);
      if (client.broken) throw new Error("412");
      const known = masks.find(({ uid }) => uid === of.uid)!;
      return { ...known, verdict, judged_by: "Rita", mended: verdict === null && known.mended };
    },
  };
  const fail = vi.fn();
  return { verification: new Verification(client, 1, fail), sent, client, fail };
}

test("a verdict is shown at once, sent in order, and the next mask is current", async () => {
  const { verification, sent } = grid([mask(1), mask(2), mask(3)]);
  await verification.load(USUAL_SAMPLE);
  verification.judge("right");
  verification.judge("wrong");
  expect(verification.masks.map(({ verdict }) => verdict)).toEqual(["right", "wrong", null]);
  expect([verification.current, verification.sending]).toEqual([2, 2]);
  await verification.settled();
  expect(verification.sending).toBe(0);
  expect(sent).toEqual([
    ["uid 1", "right", true],
    ["uid 2", "wrong", true],
  ]);
  expect(verification.masks[0]?.judged_by).toBe("Rita");
});

test("undo takes one verdict after the other back, to what was said before", async () => {
  const { verification, sent } = grid([mask(1, { verdict: "right" }), mask(2, { mended: true })]);
  await verification.load(USUAL_SAMPLE, "uid 1");
  verification.judge("wrong");
  verification.judge("right");
  verification.undo();
  expect(verification.current).toBe(1);
  verification.undo();
  expect([verification.current, verification.canUndo]).toEqual([0, false]);
  verification.undo();
  await verification.settled();
  expect(sent.map(([uid, verdict]) => [uid, verdict])).toEqual([
    ["uid 1", "wrong"],
    ["uid 2", "right"],
    ["uid 2", null],
    ["uid 1", "right"],
  ]);
  expect(verification.masks.map(({ verdict, mended }) => [verdict, mended])).toEqual([
    ["right", false],
    [null, true],
  ]);
});

test("a verdict that is refused is taken from the mask, and told", async () => {
  const { verification, client, fail } = grid([mask(1), mask(2)]);
  await verification.load(USUAL_SAMPLE);
  client.broken = true;
  verification.judge("wrong");
  await verification.settled();
  expect(verification.masks[0]?.verdict).toBeNull();
  expect([fail.mock.calls.length, verification.canUndo]).toEqual([1, false]);
});

test("work goes on at the first mask that nobody has judged, or where one was", async () => {
  const { verification } = grid([mask(1, { verdict: "right" }), mask(2), mask(3)]);
  await verification.load(USUAL_SAMPLE);
  expect(verification.current).toBe(1);
  await verification.load(USUAL_SAMPLE, "uid 3");
  expect(verification.current).toBe(2);
  verification.move(5);
  expect(verification.current).toBe(2);
});

test("errors are what is wrong and what was wrong and has changed since", () => {
  const masks = [
    mask(1, { verdict: "right" }),
    mask(2, { verdict: "wrong" }),
    mask(3, { mended: true }),
    mask(4),
  ];
  expect(rateOf(masks)).toMatchObject({ judged: 3, errors: 2 });
  expect(rateOf([]).interval).toEqual([0, 1]);
});

test("an address means one sample, and nonsense in it the usual one", () => {
  const query = { category: 0, person: 7, verdict: "wrong", size: 50, seed: 42 } as const;
  expect(sampleOf(sampleAddress(query))).toEqual(query);
  expect(sampleAddress(USUAL_SAMPLE)).toBe("?size=200&seed=1");
  expect(sampleOf("?category=x&verdict=good&size=1e9&seed=-1")).toEqual(USUAL_SAMPLE);
});
