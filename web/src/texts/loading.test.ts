// @vitest-environment happy-dom
import { expect, it, vi } from "vitest";

it("asks for no text while the page loads, when the language is not known yet", async () => {
  vi.resetModules();
  const { locale } = await import("./locale.ts");
  expect(locale).toThrow("before the language is known");
  const { default: App } = await import("../ui/App.svelte");
  expect(App).toBeTypeOf("function");
  expect(locale).toThrow("before the language is known");
});
