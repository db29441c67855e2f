import { expect, it, vi } from "vitest";
import type { Client } from "../api/client.ts";
import type { ProjectEvents } from "../api/events.ts";
import { EVERYTHING } from "../api/listing.ts";
import type { Job, Project, ProjectImage } from "../api/types.ts";
import type { ProjectStreams } from "../sync/streams.ts";
import { GalleryProject } from "./project.svelte.ts";

const named = (name: string) => ({ id: 1, name }) as Project;

it.each(["load", "refresh"] as const)("shows the answer to the latest question after %s", async (first) => {
  const answers: ((project: Project) => void)[] = [];
  const client = {
    project: () => new Promise<Project>((resolve) => answers.push(resolve)),
    folders: async () => [],
    tags: async () => [],
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

it.each(["start", "reset"] as const)("catches up with what happened before the events: %s", async (event) => {
  let [annotated, name] = [0, "before"];
  const client = {
    project: async () => named(name),
    folders: async () => [],
    tags: async () => [],
    jobs: async () => [],
    images: async () => ({
      images: [{ id: 5, annotation_count: annotated } as ProjectImage],
      next: null,
      total: 1,
    }),
  };
  const report = vi.fn();
  const gallery = new GalleryProject(client as unknown as Client, 1, report);
  await Promise.all([gallery.load(), gallery.images.reset()]);
  [annotated, name] = [3, "after"]; // nobody tells
  const listen = (_project: number, handlers: ProjectEvents) => {
    handlers[event]?.();
    return () => undefined;
  };
  gallery.listen({ listen } as unknown as ProjectStreams)();
  await vi.waitFor(() => expect(gallery.images.list[0]?.annotation_count).toBe(3));
  expect(gallery.project?.name).toBe("after");
  expect(report).not.toHaveBeenCalled();
});

it("shows the categories that others have made", async () => {
  vi.useFakeTimers();
  let name = "before";
  const client = {
    project: async () => named(name),
    folders: async () => [],
    tags: async () => [],
    jobs: async () => [],
  };
  const gallery = new GalleryProject(client as unknown as Client, 1, vi.fn());
  await gallery.load();
  name = "after";
  const listen = (_project: number, handlers: ProjectEvents) => {
    handlers.categories?.();
    return () => undefined;
  };
  const stop = gallery.listen({ listen } as unknown as ProjectStreams);
  await vi.runAllTimersAsync();
  stop();
  vi.useRealTimers();
  expect(gallery.project?.name).toBe("after");
});

it("tells jobs that suggest masks from those that encode, and keeps the newest of each", async () => {
  const job = (id: number, kind: string, done = 0) => ({ id, kind, done }) as never;
  const client = {
    project: async () => named("it"),
    folders: async () => [],
    tags: async () => [],
    jobs: async () => [job(1, "suggest"), job(2, "precompute"), job(3, "suggest")],
  };
  const gallery = new GalleryProject(client as unknown as Client, 1, vi.fn());
  await gallery.load();
  expect([gallery.job?.id, gallery.suggestJob?.id]).toEqual([2, 3]);
  const listen = (_project: number, handlers: ProjectEvents) => {
    handlers.job?.(job(3, "suggest", 7));
    handlers.job?.(job(1, "suggest", 9));
    return () => undefined;
  };
  gallery.listen({ listen } as unknown as ProjectStreams)();
  expect([gallery.suggestJob?.done, gallery.job?.done]).toEqual([7, 0]);
});

it("keeps what an event has told of a job while an older list of jobs was on its way", async () => {
  const job = (state: string) => ({ id: 3, kind: "precompute", state }) as Job;
  let answer!: (jobs: Job[]) => void;
  const client = {
    project: async () => named("it"),
    folders: async () => [],
    tags: async () => [],
    jobs: () => new Promise<Job[]>((resolve) => (answer = resolve)),
  };
  const gallery = new GalleryProject(client as unknown as Client, 1, vi.fn());
  const loading = gallery.load();
  await vi.waitFor(() => expect(answer).toBeDefined());
  gallery.take(job("done"));
  answer([job("running")]);
  await loading;
  expect(gallery.job?.state).toBe("done");
});

it("puts an image that is restored in its place, and does not add it at the end", async () => {
  vi.useFakeTimers();
  let listed = [{ id: 1 }, { id: 3 }];
  const client = {
    project: async () => named("it"),
    folders: async () => [],
    tags: async () => [],
    jobs: async () => [],
    images: async () => ({ images: listed as ProjectImage[], next: null, total: listed.length }),
  };
  const gallery = new GalleryProject(client as unknown as Client, 1, vi.fn());
  await Promise.all([gallery.load(), gallery.images.reset()]);
  listed = [{ id: 1 }, { id: 2 }, { id: 3 }];
  const listen = (_project: number, handlers: ProjectEvents) => {
    handlers.image?.({ image_id: 2, action: "restored" });
    return () => undefined;
  };
  gallery.listen({ listen } as unknown as ProjectStreams);
  await vi.runAllTimersAsync();
  vi.useRealTimers();
  expect(gallery.images.list.map((each) => each?.id)).toEqual([1, 2, 3]);
});

it("knows at once which tags images got, and reads the list again when there are too many to name", async () => {
  vi.useFakeTimers();
  let [tags, read] = [[{ tag: "wet", images: 1 }], 0];
  const client = {
    project: async () => named("it"),
    folders: async () => [],
    tags: async () => tags,
    jobs: async () => [],
    images: async () => {
      read += 1;
      return { images: [{ id: 5, tags: [] as string[] } as ProjectImage], next: null, total: 1 };
    },
  };
  const gallery = new GalleryProject(client as unknown as Client, 1, vi.fn());
  await Promise.all([gallery.load(), gallery.images.reset()]);
  expect(gallery.tags).toEqual([{ tag: "wet", images: 1 }]);
  let handlers: ProjectEvents = {};
  const listen = (_project: number, given: ProjectEvents) => {
    handlers = given;
    return () => undefined;
  };
  const stop = gallery.listen({ listen } as unknown as ProjectStreams);
  tags = [{ tag: "dry", images: 2 }];
  handlers.tags?.({ images: [{ image_id: 5, tags: ["dry"] }] });
  expect(gallery.images.list[0]?.tags).toEqual(["dry"]);
  await vi.runAllTimersAsync();
  expect([gallery.tags, read]).toEqual([tags, 1]);
  handlers.tags?.({ images: [] });
  await vi.runAllTimersAsync();
  stop();
  vi.useRealTimers();
  expect(read).toBe(2);
});

it("knows at once where images were moved, and reads the list again where names count", async () => {
  vi.useFakeTimers();
  let [folders, read] = [[{ path: "day", images: 1 }], 0];
  const client = {
    project: async () => named("it"),
    folders: async () => folders,
    tags: async () => [],
    jobs: async () => [],
    images: async () => {
      read += 1;
      return { images: [{ id: 5, file_name: "day/a.png" } as ProjectImage], next: null, total: 1 };
    },
  };
  const gallery = new GalleryProject(client as unknown as Client, 1, vi.fn());
  await Promise.all([gallery.load(), gallery.images.reset()]);
  let handlers: ProjectEvents = {};
  const listen = (_project: number, given: ProjectEvents) => {
    handlers = given;
    return () => undefined;
  };
  const stop = gallery.listen({ listen } as unknown as ProjectStreams);
  folders = [{ path: "night", images: 1 }];
  handlers.moved?.({ images: [{ image_id: 5, file_name: "night/a.png" }] });
  expect(gallery.images.list[0]?.file_name).toBe("night/a.png");
  await vi.runAllTimersAsync();
  expect([gallery.folders, read]).toEqual([folders, 1]);
  for (const listing of [{ order: "name" }, { search: "night" }, { folder: "day" }] as const) {
    await gallery.images.reset({ ...EVERYTHING, ...listing });
    const before = read;
    handlers.moved?.({ images: [{ image_id: 9, file_name: "night/b.png" }] });
    await vi.runAllTimersAsync();
    expect(read).toBe(before + 1);
  }
  await gallery.images.reset(EVERYTHING);
  const before = read;
  handlers.moved?.({ images: [] });
  await vi.runAllTimersAsync();
  expect(read).toBe(before + 1);
  stop();
  vi.useRealTimers();
});
