import { expect, it, vi } from "vitest";
import type { Client } from "../../api/client.ts";
import type { Project } from "../../api/types.ts";
import { GalleryProject } from "./project.svelte.ts";

const named = (name: string) => ({ id: 1, name }) as Project;

it("shows the answer to the latest question, whichever comes last", async () => {
  const answers: ((project: Project) => void)[] = [];
  const client = { project: () => new Promise<Project>((resolve) => answers.push(resolve)) };
  const gallery = new GalleryProject(client as unknown as Client, 1, vi.fn());
  const early = gallery.refresh();
  const late = gallery.refresh();
  answers[1]!(named("new name"));
  answers[0]!(named("old name"));
  await Promise.all([early, late]);
  expect(gallery.project?.name).toBe("new name");
});
