import { afterEach, beforeEach, expect, it, vi } from "vitest";
import type { Category, Project } from "../api/types.ts";
import { WatchedProject } from "./watched-project.svelte.ts";

const project = (...names: string[]) =>
  ({
    id: 1,
    model: { weights_sha256: names.join() },
    categories: names.map(
      (name, index) => ({ id: index + 1, name, position: names.length - index }) as Category,
    ),
  }) as Project;

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

function watched(answer: () => Promise<Project>) {
  const client = { project: vi.fn(answer) };
  const heard: [string[], boolean][] = [];
  const fail = vi.fn();
  const model = vi.fn();
  const watch = new WatchedProject(client, 1, {
    categories: (categories, first) => heard.push([categories.map(({ name }) => name), first]),
    model,
    fail,
  });
  return { client, heard, model, fail, watch };
}

it("gives the categories in their order, and again when others have changed them", async () => {
  let now = project("cat", "dog");
  const { client, heard, model, watch } = watched(async () => now);
  await watch.load();
  now = project("lynx");
  for (let event = 0; event < 20; event++) watch.loadSoon();
  await vi.runAllTimersAsync();
  expect(heard).toEqual([
    [["dog", "cat"], true],
    [["lynx"], false],
  ]);
  expect(watch.project).toBe(now);
  expect(model.mock.calls).toEqual([["cat,dog"], ["lynx"]]);
  expect(client.project).toHaveBeenCalledTimes(2);
});

it("shows the answer to the latest question", async () => {
  const answers: ((project: Project) => void)[] = [];
  const { heard, watch } = watched(() => new Promise((resolve) => answers.push(resolve)));
  const both = [watch.load(), watch.load()];
  answers[1]!(project("new"));
  answers[0]!(project("old"));
  await Promise.all(both);
  expect(heard).toEqual([[["new"], true]]);
});

it("says what went wrong, and nothing after the page was left", async () => {
  const { heard, fail, watch } = watched(() => Promise.reject(new Error("offline")));
  await watch.load();
  expect(fail).toHaveBeenCalledTimes(1);
  watch.loadSoon();
  watch.dispose();
  await vi.runAllTimersAsync();
  expect([fail.mock.calls.length, heard]).toEqual([1, []]);
});
