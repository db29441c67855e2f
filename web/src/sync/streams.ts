/**
 * One event stream per project and browser, however many tabs show the project: HTTP/1.1 has six connections to a server, and
 * a stream keeps one. The tab that holds the lock listens and tells the others; when it goes, the next one goes on where it
 * stopped.
 */
import { openStream, type ProjectEvents, type StreamEvent } from "../api/events.ts";
import { BrowserLocks, type Locks } from "./locks.ts";

/** How the tabs of a browser find each other; null where they cannot, and each has a stream of its own. */
export interface Sharing {
  locks: Locks;
  channel: (name: string) => BroadcastChannel;
}

export function sharingIn(scope: string): Sharing | null {
  if (!("locks" in navigator && "BroadcastChannel" in window)) return null;
  return {
    locks: new BrowserLocks(scope),
    channel: (name) => new BroadcastChannel(`${scope} ${name}`),
  };
}

type Message = { kind: "event"; event: StreamEvent } | { kind: "hello" } | { kind: "here"; last: string };

export class ProjectStreams {
  constructor(private readonly sharing: Promise<Sharing | null>) {}

  /** @returns disposer */
  listen(projectId: number, handlers: ProjectEvents): () => void {
    const closing = new AbortController();
    const { signal } = closing;
    void this.sharing.then((sharing) => {
      if (!signal.aborted) new Listener(projectId, handlers, sharing, signal).start();
    });
    return () => closing.abort();
  }
}

class Listener {
  private readonly channel: BroadcastChannel | null;
  private last: string | null = null;
  private leads = false;
  /** Whether it was told that events have begun: what was read before may be older. */
  private begun = false;

  constructor(
    private readonly projectId: number,
    private readonly handlers: ProjectEvents,
    private readonly sharing: Sharing | null,
    private readonly signal: AbortSignal,
  ) {
    this.channel = sharing?.channel(this.name) ?? null;
    this.channel?.addEventListener("message", ({ data }: MessageEvent<Message>) => this.hear(data));
    signal.addEventListener("abort", () => this.channel?.close());
  }

  private get name(): string {
    return `events ${this.projectId}`;
  }

  start(): void {
    if (!this.sharing) {
      void this.lead();
      return;
    }
    this.tell({ kind: "hello" });
    void this.takeTurns(this.sharing.locks);
  }

  private async takeTurns(locks: Locks): Promise<void> {
    const led = await locks.ifFree(this.name, () => this.lead());
    if (led || this.signal.aborted) return;
    try {
      await locks.exclusive(this.name, () => this.takeOver(), this.signal);
    } catch (error) {
      if (!this.signal.aborted) throw error;
    }
  }

  /** The tab that led is gone. Not knowing where it stopped, this one may have missed something. */
  private async takeOver(): Promise<boolean> {
    if (this.last === null) this.pass({ name: "reset", data: {}, last: "" });
    return await this.lead();
  }

  /** Listen for all tabs, until this one no longer wants to. */
  private lead(): Promise<boolean> {
    this.leads = true;
    return new Promise((resolve) => {
      const close = openStream(this.projectId, this.last, (event) => this.pass(event));
      const end = () => {
        close();
        resolve(true);
      };
      if (this.signal.aborted) end();
      else this.signal.addEventListener("abort", end);
    });
  }

  private pass(event: StreamEvent): void {
    this.tell({ kind: "event", event });
    this.handle(event);
  }

  private hear(message: Message): void {
    if (message.kind === "event") this.handle(message.event);
    else if (message.kind === "here") this.begin(message.last);
    else if (this.leads && this.last !== null) this.tell({ kind: "here", last: this.last });
  }

  /** The tab that leads says where it is: from now on nothing is missed, though the stream begins for nobody anew. */
  private begin(last: string): void {
    if (!this.begun) this.handle({ name: "start", data: {}, last: this.last ?? last });
  }

  private handle({ name, data, last }: StreamEvent): void {
    const missesNothing = name === "start" && this.begun && this.last !== null; // it goes on where it stopped
    this.begun ||= name === "start" || name === "reset";
    this.last = last || this.last;
    const handler = missesNothing ? undefined : this.handlers[name];
    (handler as ((data: unknown) => void) | undefined)?.(data);
  }

  private tell(message: Message): void {
    if (!this.signal.aborted) this.channel?.postMessage(message);
  }
}
