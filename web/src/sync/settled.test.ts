/** When what waited at opening has reached the server. */

import { expect, it } from "vitest";
import { create, marked, open, server, tab } from "./synchroniser.test-support.ts";

const state = (promise: Promise<void>) =>
  Promise.race([promise.then(() => "settled"), Promise.resolve().then(() => "waiting")]);

it("is at once where nothing waits, whatever is done afterwards", async () => {
  const image = await open();
  server.weather = "offline";
  await image.record([create("a")]);
  expect(await state(image.settled)).toBe("settled");
});

it("is when all that waited has been answered, but for marks", async () => {
  server.weather = "offline";
  const before = await open();
  await before.record([create("a")]);
  await before.record([create("b")]);
  await before.recordMark(marked("submitted"));
  await tab.sync.settled();
  tab.sync.closeImage(before);
  const image = await open();
  await image.record([create("c")]);
  await tab.sync.settled();
  expect(await state(image.settled)).toBe("waiting");
  server.weather = "fine";
  await tab.sync.flush();
  await image.settled;
  expect(server.current().annotations.map(({ uid }) => uid)).toEqual(expect.arrayContaining(["a", "b"]));
});
