import { ApiError, explain } from "../api/errors.ts";
import type { ProjectImage, UploadResult } from "../api/types.ts";

export interface Upload {
  id: number;
  name: string;
  bytes: number;
  state: "waiting" | "sending" | "created" | "duplicate" | "rejected";
  /** Share sent, 0 to 1. */
  share: number;
  problem: string;
}

type Send = (file: File, onProgress: (share: number) => void) => Promise<UploadResult>;

const AT_ONCE = 3;

/** Files on their way to the server, a few at a time, each with its own progress and its own error. */
export class Uploads {
  list = $state<Upload[]>([]);
  private readonly files: { entry: Upload; file: File }[] = [];
  private active = 0;
  private last = 0;

  constructor(
    private readonly send: Send,
    private readonly onImage: (image: ProjectImage) => void,
    private readonly signInAgain: () => Promise<void>,
  ) {}

  readonly finished = $derived(this.list.filter((each) => !isOpen(each)).length);
  readonly busy = $derived(this.list.some(isOpen));
  readonly rejected = $derived(this.list.filter((each) => each.state === "rejected"));
  readonly duplicates = $derived(this.list.filter((each) => each.state === "duplicate").length);

  add(files: Iterable<File>): void {
    for (const file of files) {
      this.last += 1;
      const { name, size: bytes } = file;
      this.list.push({ id: this.last, name, bytes, state: "waiting", share: 0, problem: "" });
      const entry = this.list.at(-1);
      if (entry) this.files.push({ entry, file });
    }
    while (this.active < AT_ONCE && this.files.length > 0) void this.work();
  }

  clear(): void {
    this.list = this.list.filter(isOpen);
  }

  private async work(): Promise<void> {
    this.active += 1;
    for (let next = this.files.shift(); next; next = this.files.shift())
      await this.upload(next.entry, next.file);
    this.active -= 1;
  }

  private async upload(entry: Upload, file: File): Promise<void> {
    entry.state = "sending";
    try {
      const result = await this.send(file, (share) => {
        entry.share = share;
      });
      entry.share = 1;
      entry.state = result.status;
      entry.problem = result.error ? `${result.error.message} ${result.error.hint ?? ""}`.trim() : "";
      if (result.status === "created" && result.image) this.onImage(result.image);
    } catch (error) {
      if (error instanceof ApiError && error.status === 401) {
        await this.signInAgain();
        return await this.upload(entry, file);
      }
      const { message, hint } = explain(error);
      entry.state = "rejected";
      entry.problem = `${message} ${hint}`.trim();
    }
  }
}

function isOpen(upload: Upload): boolean {
  return upload.state === "waiting" || upload.state === "sending";
}
