/** What people say about the open image, in threads; and what is being written, which is kept until it is said. */

import type { Client } from "../api/client.ts";
import type { Thread } from "../api/types.ts";
import { newUuid } from "../core/ids.ts";

export type About =
  | { readonly kind: "image" }
  | { readonly kind: "place"; readonly at: readonly [x: number, y: number] }
  | { readonly kind: "object"; readonly uid: string };

export const LONGEST_COMMENT = 4000; // characters
const WHOLE_IMAGE: About = { kind: "image" };

/** A thread, or the beginning of a new one. */
export type Place = number | "new";

type Texts = Pick<globalThis.Storage, "getItem" | "setItem" | "removeItem">;

export class Comments {
  /** Oldest first. */
  threads = $state.raw<readonly Thread[]>([]);
  /** The thread that somebody looks at. */
  current = $state.raw<number | null>(null);
  /** What the new thread is going to be about. */
  about = $state.raw<About>(WHOLE_IMAGE);
  /** Whether the next click on the image says where it is. */
  placing = $state.raw(false);
  /** What is on its way. */
  busy = $state.raw(false);
  readonly open = $derived(this.threads.filter((each) => each.resolved_at === null));
  /** Those that the image shows, with their numbers: all that are open, and the one that is looked at. */
  readonly pinned = $derived(
    this.threads
      .map((thread, index) => ({ thread, number: index + 1 }))
      .filter(({ thread: { id, resolved_at } }) => resolved_at === null || id === this.current),
  );
  private imageId = 0;
  private turn = 0;
  /** uid of what is being said, by where and how it is said: an answer that was lost does not say it twice. */
  private readonly uids = new Map<string, string>();

  /** @param owner whose texts these are; nobody else reads them in this browser */
  constructor(
    private readonly client: Pick<Client, "comments" | "say" | "resolveThread">,
    private readonly texts: Texts,
    private readonly owner: () => string,
    private readonly fail: (error: unknown) => void,
  ) {}

  /** Another image is open; 0: none. */
  show(imageId: number): void {
    this.imageId = imageId;
    this.threads = [];
    this.current = null;
    this.about = WHOLE_IMAGE;
    this.placing = false;
    if (imageId) void this.load();
  }

  /** The server has told that something was said about an image. */
  hear(imageId: number): void {
    if (imageId === this.imageId) void this.load();
  }

  async load(): Promise<void> {
    const { imageId } = this;
    const turn = ++this.turn;
    if (!imageId) return;
    try {
      const threads = await this.client.comments(imageId);
      if (turn === this.turn && imageId === this.imageId) this.threads = threads;
    } catch (error) {
      if (turn === this.turn && imageId === this.imageId) this.fail(error);
    }
  }

  /** What is being written there. */
  written(place: Place): string {
    return this.texts.getItem(this.keyOf(place)) ?? "";
  }

  write(place: Place, text: string): void {
    const key = this.keyOf(place);
    if (text === "") this.texts.removeItem(key);
    else this.texts.setItem(key, text);
  }

  /** Say what is written there. @returns whether it was said; if not, the person has been told, and it is still there */
  async say(place: Place): Promise<boolean> {
    const { imageId, about } = this;
    const key = this.keyOf(place);
    const text = this.written(place).trim();
    if (!imageId || text === "" || this.busy) return false;
    const subject = place === "new" ? asRequest(about) : { thread: place };
    const saying = JSON.stringify([key, text, subject]);
    const uid = this.uids.get(saying) ?? newUuid();
    this.uids.set(saying, uid);
    this.busy = true;
    try {
      const thread = await this.client.say(imageId, { uid, text, ...subject });
      this.uids.delete(saying);
      this.texts.removeItem(key);
      if (imageId !== this.imageId) return true;
      this.take(thread);
      this.current = thread.id;
      if (place === "new") this.about = WHOLE_IMAGE;
      return true;
    } catch (error) {
      this.fail(error);
      return false;
    } finally {
      this.busy = false;
    }
  }

  async resolve(id: number, resolved: boolean): Promise<void> {
    const { imageId } = this;
    try {
      const thread = await this.client.resolveThread(id, resolved);
      if (imageId === this.imageId) this.take(thread);
    } catch (error) {
      this.fail(error);
    }
  }

  /** On to the next open thread, round to the first one. @returns it; null when there is none */
  walk(): Thread | null {
    const at = this.open.findIndex(({ id }) => id === this.current);
    const next = this.open[(at + 1) % Math.max(this.open.length, 1)] ?? null;
    this.current = next?.id ?? null;
    return next;
  }

  /** The thread as the server has it now; what is still being read is older. */
  private take(thread: Thread): void {
    this.turn++;
    const others = this.threads.filter(({ id }) => id !== thread.id);
    this.threads = [...others, thread].sort((a, b) => a.id - b.id);
  }

  private keyOf(place: Place): string {
    return `limner comment ${this.owner()} ${this.imageId} ${place}`;
  }
}

function asRequest(about: About): { at?: [number, number]; annotation?: string } {
  if (about.kind === "place") return { at: [about.at[0], about.at[1]] };
  return about.kind === "object" ? { annotation: about.uid } : {};
}
