// @vitest-environment happy-dom
import { expect, it, vi } from "vitest";
import type { ProjectImage, UploadResult } from "../api/types.ts";
import { ProjectUploads } from "./project-uploads.ts";

const file = (path: string) => ({ path, file: new File(["x"], path) });
const created = (id: number) =>
  ({ status: "created", image: { id }, error: null, notes: [] }) as unknown as UploadResult;

/** Each file arrives, or fails, when the test says so. */
function projectUploads() {
  const answers: { project: number; path: string; arrive: (id: number) => void; fail: () => void }[] = [];
  const uploads = new ProjectUploads({
    send: (project, { path }) =>
      new Promise((resolve, reject) =>
        answers.push({
          project,
          path,
          arrive: (id) => resolve(created(id)),
          fail: () => reject(new Error("It is truncated.")),
        }),
      ),
    login: { signInAgain: async () => undefined, renewCsrfToken: async () => "" },
    reachable: async () => false,
  });
  const answer = (path: string) =>
    vi.waitFor(() => {
      const sent = answers.find((each) => each.path === path);
      if (!sent) throw new Error(`${path} is not on its way yet`);
      return sent;
    });
  return { uploads, answer };
}

const leave = () => {
  const event = new Event("beforeunload", { cancelable: true });
  window.dispatchEvent(event);
  return event.defaultPrevented ? "asks" : "goes";
};

it("asks before the site is left while files of any project are on their way", async () => {
  const { uploads, answer } = projectUploads();
  const stop = uploads.listen();
  uploads.of(3);
  expect(leave()).toBe("goes");
  uploads.of(4).add([file("a.png")]);
  expect(leave()).toBe("asks");
  (await answer("a.png")).arrive(1);
  await vi.waitFor(() => expect(leave()).toBe("goes"));
  uploads.of(4).add([file("b.png")]);
  stop();
  expect(leave()).toBe("goes");
});

it("shows what became of files while their gallery was not open", async () => {
  const { uploads, answer } = projectUploads();
  uploads.of(3).add([file("a.png"), file("b.png")]);
  (await answer("a.png")).fail();
  (await answer("b.png")).arrive(2);
  await vi.waitFor(() => expect(uploads.of(3).busy).toBe(false));
  expect(uploads.of(3).rejected.map(({ name, problem }) => [name, problem])).toEqual([
    ["a.png", "It is truncated."],
  ]);
  expect(uploads.of(4).list).toEqual([]);
});

it("tells the gallery that is open now of each image, and none of another project", async () => {
  const { uploads, answer } = projectUploads();
  const [first, second, other] = [vi.fn(), vi.fn(), vi.fn()];
  const close = uploads.show(3, first);
  uploads.show(4, other);
  uploads.of(3).add([file("a.png"), file("b.png"), file("c.png")]);
  (await answer("a.png")).arrive(1);
  const later = await answer("b.png");
  uploads.show(3, second);
  close(); // the page that was left may say so after the next one was opened
  later.arrive(2);
  (await answer("c.png")).arrive(3);
  await vi.waitFor(() => expect(uploads.of(3).busy).toBe(false));
  const ids = (told: typeof first) => told.mock.calls.map(([image]) => (image as ProjectImage).id);
  expect([ids(first), ids(second), ids(other)]).toEqual([[1], [2, 3], []]);
});
