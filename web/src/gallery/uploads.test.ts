import { describe, expect, it, vi } from "vitest";
import { ApiError, NetworkError } from "../api/errors.ts";
import type { ProjectImage, UploadResult } from "../api/types.ts";
import { Uploads } from "./uploads.svelte.ts";

const file = (name: string) => new File(["x"], name);
const image = { id: 1 } as ProjectImage;
const result = (status: UploadResult["status"], message = ""): UploadResult => ({
  file_name: "",
  status,
  image: status === "rejected" ? null : image,
  error: message ? { code: "invalid_image", message, hint: "", details: {} } : null,
});

describe("Uploads", () => {
  it("reports every file's own outcome; one bad file stops none of the others", async () => {
    const outcomes: Record<string, () => Promise<UploadResult>> = {
      "new.jpg": async () => result("created"),
      "again.jpg": async () => result("duplicate"),
      "broken.jpg": async () => result("rejected", "It is truncated."),
      "lost.jpg": () => Promise.reject(new NetworkError("The connection broke.")),
    };
    const added = vi.fn();
    const uploads = new Uploads((each) => outcomes[each.name]!(), added, vi.fn());
    uploads.add(Object.keys(outcomes).map(file));
    await vi.waitFor(() => expect(uploads.busy).toBe(false));
    expect(uploads.list.map((each) => each.state)).toEqual(["created", "duplicate", "rejected", "rejected"]);
    expect(uploads.rejected.map((each) => each.problem)).toEqual([
      "It is truncated.",
      expect.stringContaining("The connection broke."),
    ]);
    expect(added).toHaveBeenCalledExactlyOnceWith(image);
    uploads.clear();
    expect(uploads.list).toEqual([]);
  });

  it("sends a few files at a time", async () => {
    const release: (() => void)[] = [];
    const send = vi.fn(
      () => new Promise<UploadResult>((done) => release.push(() => done(result("created")))),
    );
    const uploads = new Uploads(send, vi.fn(), vi.fn());
    uploads.add(["a", "b", "c", "d", "e"].map(file));
    expect(send).toHaveBeenCalledTimes(3);
    release[0]!();
    await vi.waitFor(() => expect(send).toHaveBeenCalledTimes(4));
  });

  it("shows how much of a file has been sent", async () => {
    const uploads = new Uploads(
      async (_file, onProgress) => {
        onProgress(0.5);
        return await new Promise<UploadResult>(() => {});
      },
      vi.fn(),
      vi.fn(),
    );
    uploads.add([file("a")]);
    expect(uploads.list[0]).toMatchObject({ state: "sending", share: 0.5 });
  });

  it("sends a file again after a new login", async () => {
    const send = vi
      .fn<() => Promise<UploadResult>>()
      .mockRejectedValueOnce(new ApiError("not_signed_in", "", "", 401))
      .mockResolvedValueOnce(result("created"));
    const signInAgain = vi.fn(async () => {});
    const uploads = new Uploads(send, vi.fn(), signInAgain);
    uploads.add([file("a")]);
    await vi.waitFor(() => expect(uploads.list[0]?.state).toBe("created"));
    expect(signInAgain).toHaveBeenCalledOnce();
  });
});
