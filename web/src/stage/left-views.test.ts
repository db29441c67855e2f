import { describe, expect, it } from "vitest";
import { LeftViews } from "./left-views.ts";

const image = (id: number, width = 600) => ({ id, width, height: 400 });
const stage = { width: 300, height: 200 };
const view = { scale: 2, x: -100, y: -50 };

describe("an image that is opened", () => {
  it("is fitted, unless somebody had moved it: then it is where they left it", () => {
    const views = new LeftViews();
    expect(views.open(image(1), stage, false, null)).toBeNull();
    views.remember(image(1), view, stage);
    expect(views.open(image(2), stage, false, view)).toBeNull();
    expect(views.open(image(1), stage, false, null)).toEqual(view);
    views.remember(image(1), null, stage); // it was fitted again
    expect(views.open(image(1), stage, false, view)).toBeNull();
  });

  it("has in its middle what was there when the stage was larger", () => {
    const views = new LeftViews();
    views.remember(image(1), view, stage);
    expect(views.open(image(1), { width: 200, height: 200 }, false, null)).toEqual({
      scale: 2,
      x: -150,
      y: -50,
    });
  });

  it("is seen as the one before where that is wished and it is as large", () => {
    const views = new LeftViews();
    views.remember(image(1), view, stage);
    expect(views.open(image(2), stage, true, view)).toEqual(view);
    expect(views.open(image(3, 601), stage, true, view)).toBeNull();
  });

  it("is forgotten when many others were moved since", () => {
    const views = new LeftViews(2);
    for (const id of [1, 2, 3]) views.remember(image(id), view, stage);
    expect([1, 2, 3].map((id) => views.open(image(id), stage, false, null) !== null)).toEqual([
      false,
      true,
      true,
    ]);
  });
});
