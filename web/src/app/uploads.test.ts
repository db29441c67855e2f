import { describe, expect, it, vi } from "vitest";
import { ApiError, NetworkError } from "../api/errors.ts";
import type { ProjectImage, UploadResult } from "../api/types.ts";
import type { FoundFile } from "../api/upload.ts";
import { Uploads } from "./uploads.svelte.ts";

const here = async () => false; // the server answers

const login = { signInAgain: async () => {}, renewCsrfToken: async () => "" };

const file = (path: string) => ({ path, file: new File(["x"], path.split("/").at(-1)!) });
const image = { id: 1 } as ProjectImage;
const result = (status: UploadResult["status"], message = "", notes: string[] = []): UploadResult => ({
  file_name: "",
  status,
  image: status === "rejected" ? null : image,
  error: message ? { code: "invalid_image", message, hint: "", details: {} } : null,
  notes,
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
    const uploads = new Uploads((each) => outcomes[each.path]!(), added, login, here);
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

  it("sends one file after the other, so that images stand in the order in which they came", async () => {
    const release: (() => void)[] = [];
    const send = vi.fn(
      (_found: FoundFile) => new Promise<UploadResult>((done) => release.push(() => done(result("created")))),
    );
    const uploads = new Uploads(send, vi.fn(), login, here);
    uploads.add(["a", "b", "c", "d", "e"].map(file));
    uploads.add([file("f")]);
    for (let sent = 1; sent <= 6; sent += 1) {
      await vi.waitFor(() => expect(release).toHaveLength(sent));
      release[sent - 1]!();
    }
    await vi.waitFor(() => expect(uploads.busy).toBe(false));
    expect(send.mock.calls.map(([found]) => found.path)).toEqual(["a", "b", "c", "d", "e", "f"]);
  });

  it("says what to know about a file that was taken", async () => {
    const uploads = new Uploads(async () => result("created", "", ["Page 1 of 7."]), vi.fn(), login, here);
    uploads.add([file("cam1/stack.tif")]);
    await vi.waitFor(() => expect(uploads.busy).toBe(false));
    expect(uploads.list[0]).toMatchObject({ name: "cam1/stack.tif", state: "created", note: "Page 1 of 7." });
  });

  it("shows how much of a file has been sent", async () => {
    const uploads = new Uploads(
      async (_file, onProgress) => {
        onProgress(0.5);
        return await new Promise<UploadResult>(() => {});
      },
      vi.fn(),
      login,
      here,
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
    const uploads = new Uploads(send, vi.fn(), { ...login, signInAgain }, here);
    uploads.add([file("a")]);
    await vi.waitFor(() => expect(uploads.list[0]?.state).toBe("created"));
    expect(signInAgain).toHaveBeenCalledOnce();
  });

  it("goes on with the login that another tab has begun meanwhile", async () => {
    let token = "old";
    const send = vi.fn(async () => {
      if (token === "old") throw new ApiError("csrf_failed", "", "", 403);
      return result("created");
    });
    const renewCsrfToken = vi.fn(async () => (token = "new"));
    const uploads = new Uploads(send, vi.fn(), { ...login, renewCsrfToken }, here);
    uploads.add(["a", "b"].map(file));
    await vi.waitFor(() => expect(uploads.busy).toBe(false));
    expect(uploads.list.map((each) => each.state)).toEqual(["created", "created"]);
    expect(renewCsrfToken).toHaveBeenCalledOnce();
  });

  it("says so when no token is taken, and goes on with the next file", async () => {
    const send = vi.fn(async ({ path }: FoundFile) => {
      if (path === "a") throw new ApiError("csrf_failed", "The token is none.", "", 403);
      return result("created");
    });
    const renewCsrfToken = () => Promise.reject(new ApiError("not_signed_in", "", "", 401));
    const uploads = new Uploads(send, vi.fn(), { ...login, renewCsrfToken }, here);
    uploads.add(["a", "b"].map(file));
    await vi.waitFor(() => expect(uploads.busy).toBe(false));
    expect(uploads.list.map((each) => each.state)).toEqual(["rejected", "created"]);
    expect(uploads.list[0]?.problem).not.toBe("");
    expect(send).toHaveBeenCalledTimes(4);
  });

  it("waits for a server that is away, and goes on with the same file in the same order", async () => {
    const sent: string[] = [];
    let away = true;
    let goOn: (wasAway: boolean) => void = () => undefined;
    const back = new Promise<boolean>((resolve) => {
      goOn = resolve;
    });
    const send = async ({ path }: FoundFile) => {
      sent.push(path);
      if (path === "b" && away) throw new NetworkError("The connection broke.");
      return result("created");
    };
    const uploads = new Uploads(send, vi.fn(), login, () => back);
    uploads.add(["a", "b", "c"].map(file));
    await vi.waitFor(() => expect(uploads.away).toBe(true));
    expect(uploads.list.map((each) => each.state)).toEqual(["created", "waiting", "waiting"]);
    away = false;
    goOn(true);
    await vi.waitFor(() => expect(uploads.busy).toBe(false));
    expect(uploads.list.map((each) => each.state)).toEqual(["created", "created", "created"]);
    expect([sent, uploads.away]).toEqual([["a", "b", "b", "c"], false]);
  });

  it("refuses a file that breaks the connection three times, or that is no longer there", async () => {
    const send = vi.fn(() => Promise.reject(new NetworkError("The connection broke.")));
    const uploads = new Uploads(send, vi.fn(), login, here);
    uploads.add([file("poison.jpg")]);
    await vi.waitFor(() => expect(uploads.list[0]?.state).toBe("rejected"));
    expect(send).toHaveBeenCalledTimes(3);
    const gone = file("gone.jpg");
    vi.spyOn(gone.file, "slice").mockReturnValue({
      arrayBuffer: () => Promise.reject(new DOMException("", "NotReadableError")),
    } as Blob);
    uploads.add([gone]);
    await vi.waitFor(() => expect(uploads.list[1]?.state).toBe("rejected"));
    expect(send).toHaveBeenCalledTimes(4);
  });
});
