import { describe, expect, it } from "vitest";
import { NetworkError } from "../api/errors.ts";
import { EVERYTHING, type Listing } from "../api/listing.ts";
import type { NextImage } from "../api/types.ts";
import { Handouts } from "./handouts.ts";

type Question = { current: number | null; give_back: boolean; among: unknown };

function handouts(answers: (NextImage | Error)[], settled: number[] = [], listing: Listing = EVERYTHING) {
  const asked: Question[] = [];
  const given: number[] = [];
  const client = {
    takeNext: async (_: number, question: Question) => {
      asked.push(question);
      const answer = answers.shift()!;
      if (answer instanceof Error) throw answer;
      return answer;
    },
    giveBack: async (id: number) => void given.push(id),
  };
  const waits = (id: number) => !settled.includes(id);
  return { asked, given, handouts: new Handouts(client as never, 1, { waits }, () => listing) };
}

const handed = (image_id: number | null, ...reserved: number[]): NextImage => ({
  image_id,
  reserved,
  until: image_id === null ? null : "2026-11-28T12:00:00Z",
});

describe("the next image", () => {
  it("is one of the list that is walked through", async () => {
    const listing = { ...EVERYTHING, folder: "b", order: "name" } as const;
    const { handouts: own, asked } = handouts([handed(2)], [], listing);
    expect(await own.next(1)).toBe(2);
    expect(asked).toEqual([{ current: 1, give_back: true, among: listing }]);
  });

  it("is what the server hands out, and an image that was not settled is given back for it", async () => {
    const settled: number[] = [];
    const { handouts: own, asked } = handouts([handed(2, 3, 4), handed(null)], settled);
    expect(await own.next(1)).toBe(2);
    expect(own.ahead).toBe(3);
    settled.push(2);
    expect(await own.next(2)).toBeNull();
    expect(asked).toEqual([
      { current: 1, give_back: true, among: null },
      { current: 2, give_back: false, among: null },
    ]);
  });

  it("is none whose mark is still on its way", async () => {
    const { handouts: own } = handouts([handed(2, 3), handed(3)], [2]);
    expect(await own.next(1)).toBe(3);
  });

  it("is a reserved one while the server cannot be reached, as long as there are any", async () => {
    const away = () => new NetworkError("away");
    const { handouts: fresh } = handouts([handed(2, 3), away(), away()]);
    expect(await fresh.next(1)).toBe(2);
    expect(await fresh.next(2)).toBe(3);
    await expect(fresh.next(3)).rejects.toBeInstanceOf(NetworkError);
  });

  it("leaves nothing reserved to who goes elsewhere", async () => {
    const { handouts: own, given } = handouts([handed(2, 3)]);
    await own.next(1);
    await own.leave(2);
    expect([own.ahead, given]).toEqual([null, [2]]);
  });

  it("was given back with the question already", async () => {
    const { handouts: own, given } = handouts([handed(2, 3)]);
    await own.next(1);
    await own.leave(1);
    expect([own.ahead, given]).toEqual([3, []]);
  });
});
