import { expect, it, vi } from "vitest";
import type { Client } from "../../api/client.ts";
import type { Project } from "../../api/types.ts";
import { GalleryProject } from "./project.svelte.ts";

const named = (name: string) => ({ id: 1, name }) as Project;

it.each(["load", "refresh"] as const)("shows the answer to the latest question after %s", async (first) => {
  const answers: ((project: Project) => void)[] = [];
  const client = {
    project: () => new Promise<Project>((resolve) => answers.push(resolve)),
    jobs: async () => [],
  };
  const gallery = new GalleryProject(client as unknown as Client, 1, vi.fn());
  const early = gallery[first]();
  const late = gallery.refresh();
  answers[1]!(named("new name"));
  answers[0]!(named("old name"));
  await Promise.all([early, late]);
  expect(gallery.project?.name).toBe("new name");
});
