import { ApiError, explain, isAway } from "../api/errors.ts";
import type { ProjectImage, UploadResult } from "../api/types.ts";
import type { FoundFile } from "../api/upload.ts";

export interface Upload {
  id: number;
  name: string;
  bytes: number;
  state: "waiting" | "sending" | "created" | "duplicate" | "rejected";
  /** Share sent, 0 to 1. */
  share: number;
  problem: string;
  /** What to know about a file that was taken: its new name, pages that were left out. */
  note: string;
}

/** Times that a file is sent while the server answers everything else: something about this file breaks the connection. */
const ATTEMPTS = 3;

/** Who is signed in; another tab of this browser may begin a new login. */
export interface Login {
  /** Resolves when somebody has signed in again. */
  signInAgain(): Promise<void>;
  /** Takes the token of the login that there is now. */
  renewCsrfToken(): Promise<unknown>;
}

export type Send = (found: FoundFile, onProgress: (share: number) => void) => Promise<UploadResult>;

/**
 * Files on their way to the server, each with its own progress and its own error. They go one after the other: images
 * stand in the order in which they are stored, and that is to be the order in which they came.
 */
export class Uploads {
  list = $state<Upload[]>([]);
  /** Whether the server is waited for: it goes on by itself. */
  away = $state(false);
  private readonly files: { entry: Upload; found: FoundFile }[] = [];
  private working = false;
  private last = 0;

  constructor(
    private readonly send: Send,
    private readonly onImage: (image: ProjectImage) => void,
    private readonly login: Login,
    /** Resolves once the server answers, with whether it was away. */
    private readonly reachable: () => Promise<boolean>,
  ) {}

  // Not `$derived`: that would belong to the page that makes the list, and stand still once the page is left.
  get finished(): number {
    return this.list.filter((each) => !isOpen(each)).length;
  }

  get busy(): boolean {
    return this.list.some(isOpen);
  }

  get rejected(): Upload[] {
    return this.list.filter((each) => each.state === "rejected");
  }

  get duplicates(): number {
    return this.list.filter((each) => each.state === "duplicate").length;
  }

  add(files: Iterable<FoundFile>): void {
    for (const found of files) {
      this.last += 1;
      const { path: name, file } = found;
      this.list.push({
        id: this.last,
        name,
        bytes: file.size,
        state: "waiting",
        share: 0,
        problem: "",
        note: "",
      });
      const entry = this.list.at(-1);
      if (entry) this.files.push({ entry, found });
    }
    if (!this.working) void this.work();
  }

  clear(): void {
    this.list = this.list.filter(isOpen);
  }

  private async work(): Promise<void> {
    this.working = true;
    for (let next = this.files.shift(); next; next = this.files.shift())
      await this.upload(next.entry, next.found);
    this.working = false;
  }

  private async upload(entry: Upload, found: FoundFile, attempt = 1): Promise<void> {
    entry.state = "sending";
    try {
      const result = await this.send(found, (share) => {
        entry.share = share;
      });
      entry.share = 1;
      entry.state = result.status;
      entry.note = result.notes.join(" ");
      entry.problem = result.error ? `${result.error.message} ${result.error.hint ?? ""}`.trim() : "";
      if (result.status === "created" && result.image) this.onImage(result.image);
    } catch (error) {
      if (error instanceof ApiError && error.status === 401) {
        await this.login.signInAgain();
        return await this.upload(entry, found);
      }
      if (error instanceof ApiError && error.code === "csrf_failed" && attempt < ATTEMPTS) {
        await this.login.renewCsrfToken().catch(() => undefined); // whatever keeps it from that, sending meets too
        return await this.upload(entry, found, attempt + 1);
      }
      if (isAway(error) && attempt < ATTEMPTS && (await isReadable(found.file))) {
        const wasAway = await this.wait(entry);
        return await this.upload(entry, found, wasAway ? 1 : attempt + 1);
      }
      const { message, hint } = explain(error);
      entry.state = "rejected";
      entry.problem = `${message} ${hint}`.trim();
    }
  }

  /** @returns whether the server was away indeed */
  private async wait(entry: Upload): Promise<boolean> {
    entry.state = "waiting";
    entry.share = 0;
    this.away = true;
    const wasAway = await this.reachable();
    this.away = false;
    return wasAway;
  }
}

/** A file that was moved or changed since it was chosen breaks the connection, too. */
const isReadable = (file: File): Promise<boolean> =>
  file
    .slice(0, 1)
    .arrayBuffer()
    .then(
      () => true,
      () => false,
    );

function isOpen(upload: Upload): boolean {
  return upload.state === "waiting" || upload.state === "sending";
}
