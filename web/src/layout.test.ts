import { readdirSync } from "node:fs";
import { expect, it } from "vitest";

it("ui holds components, their tests and styles only", () => {
  const files = readdirSync(new URL("./ui", import.meta.url), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ name }) => name);
  expect(files.filter((name) => !/\.(svelte|css|svg|test\.ts)$/.test(name))).toEqual([]);
  expect(files).toContain("App.svelte");
});
