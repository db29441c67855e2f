import { beforeEach, describe, expect, it } from "vitest";
import { imagePoint } from "../core/geometry.ts";
import type { Ring } from "../core/polygon.ts";
import { click, drag, hand, input, tools } from "./recorder.test-support.ts";

describe("the brush", () => {
  beforeEach(() => {
    hand.tool = "brush";
  });

  it("paints where the pointer goes, in one stroke", () => {
    drag([10, 10], [20, 12]);
    expect(hand.take()).toEqual(["paint [20,20] [20,20] 10", "paint [20,20] [40,24] 10", "finish"]);
  });

  it("takes away with Alt, Ctrl or the right button, from press to release", () => {
    tools.down(input(10, 10, { erasing: true }));
    tools.move(input(20, 10));
    tools.up(input(20, 10));
    expect(hand.take().filter((line) => line.startsWith("erase"))).toHaveLength(2);
  });

  it("draws straight from where the last stroke ended", () => {
    click(10, 10);
    hand.take();
    click(30, 40, { straight: true });
    expect(hand.take()[0]).toBe("paint [20,20] [60,80] 10");
  });

  it("is thinner where a pen presses less, and shows it", () => {
    tools.move(input(10, 10, { pressure: 0.5 }));
    expect(hand.gesture.brush).toEqual({ at: [20, 20], share: 0.5, erases: false });
    click(10, 10, { pressure: 0.5 });
    expect(hand.take()[0]).toBe("paint [20,20] [20,20] 5");
  });

  it("does nothing where nothing may be changed, and forgets a stroke that is cancelled", () => {
    hand.unlocked = false;
    drag([10, 10], [20, 10]);
    expect(hand.take()).toEqual([]);
    hand.unlocked = true;
    tools.down(input(10, 10));
    expect(tools.cancel()).toBe(true);
    tools.up(input(10, 10));
    expect(hand.take()).not.toContain("finish");
  });

  it("as eraser begins with the annotation under it when none is selected", () => {
    hand.tool = "eraser";
    hand.annotation = { uid: "a" };
    click(10, 10);
    expect(hand.take()[0]).toBe('select "a"');
  });
});

describe("the polygon tool", () => {
  beforeEach(() => {
    hand.tool = "polygon";
  });

  it("closes with Enter, a double click or a click on the first corner", () => {
    const triangle = "add [[0,0],[40,0],[40,40]]";
    const corners = () => [click(0, 0), click(20, 0), click(20, 20)];
    corners();
    expect(tools.finish()).toBe(true);
    corners();
    tools.doubleClick(input(20, 20));
    corners();
    click(1, 1);
    expect(hand.take()).toEqual([triangle, triangle, triangle]);
    expect(hand.gesture).toEqual({});
  });

  it("cuts out when told so by the first click or the options", () => {
    for (const corner of [0, 10, 20]) click(corner, corner * corner, { erasing: corner === 0 });
    tools.finish();
    expect(hand.take()[0]).toMatch(/^cut/);
  });

  it("goes on with the corners that the session has, and forgets others with another image or tool", () => {
    hand.masks.outline = { ring: [imagePoint(0, 0), imagePoint(40, 0)], subtracts: true };
    tools.reset();
    expect(hand.isWorking).toBe(false); // as it was: the session knows since when
    tools.move(input(20, 20));
    expect(hand.gesture).toEqual({ corner: [40, 40] });
    click(20, 20);
    tools.finish();
    expect(hand.take()).toEqual(["cut [[0,0],[40,0],[40,40]]"]);
    hand.tool = "box";
    click(10, 10);
    tools.reset();
    expect(tools.cancel()).toBe(false);
  });

  it("takes back corners, and everything on Escape", () => {
    click(0, 0);
    click(20, 0);
    expect(tools.back()).toBe(true);
    expect(hand.masks.outline?.ring).toEqual([[0, 0]]);
    expect(tools.cancel()).toBe(true);
    expect([tools.back(), tools.finish(), tools.cancel()]).toEqual([false, false, false]);
    expect(hand.take()).toEqual([]);
  });
});

describe("the corners tool", () => {
  const square: Ring = [imagePoint(0, 0), imagePoint(80, 0), imagePoint(80, 80), imagePoint(0, 80)];

  beforeEach(() => {
    hand.tool = "vertices";
    hand.masks.rings = [square];
  });

  it("moves a corner", () => {
    drag([40, 1], [50, 10]);
    const moved = JSON.stringify([square.with(1, imagePoint(100, 20))]);
    expect(hand.take()).toEqual([`preview ${moved}`, `rings ${moved}`]);
  });

  it("makes a corner where an edge is pressed", () => {
    click(20, 0);
    expect(hand.take()).toEqual([`rings ${JSON.stringify([square.toSpliced(1, 0, imagePoint(40, 0))])}`]);
  });

  it("removes a corner with Alt, and a ring that has too few left", () => {
    click(40, 0, { erasing: true });
    expect(hand.take()).toEqual([`rings ${JSON.stringify([square.toSpliced(1, 1)])}`]);
    hand.masks.rings = [square.slice(0, 3)];
    click(40, 0, { erasing: true });
    expect(hand.take()).toEqual(["rings []"]);
  });

  it("leaves the mask alone when a corner is only clicked, and selects elsewhere", () => {
    click(0, 0);
    hand.annotation = { uid: "a" };
    click(20, 20);
    expect(hand.take()).toEqual(['select "a"']);
  });
});

it("the fill tool fills holes, and drops parts with Alt", () => {
  hand.tool = "fill";
  click(10, 10);
  click(10, 10, { erasing: true });
  expect(hand.take()).toEqual(["fill [20,20]", "drop part [20,20]"]);
});
