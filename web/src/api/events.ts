/** What happens in a project, as it happens: server-sent events. The browser reconnects and asks for what it missed. */
import { ROOT } from "./root.ts";
import type { ProjectEvent } from "./types.ts";

/**
 * A handler for each kind of event, as the server's description types them. Besides: `start` is not said by a stream that
 * goes on where one stopped; `reset` also when something may have been missed, e.g. while the server was restarted.
 */
export type ProjectEvents = { [Name in ProjectEvent["event"]]?: (...told: Told<Facts<Name>>) => void };

type Facts<Name> = Omit<Extract<ProjectEvent, { event: Name }>, "event">;
type Told<F> = keyof F extends never ? [] : [event: F];

/** `start` opens every stream and says where that is. */
const NAMES = [
  "start",
  "image",
  "categories",
  "annotations",
  "comments",
  "work",
  "tags",
  "moved",
  "embedding",
  "region",
  "suggestions",
  "job",
  "model",
  "learning",
  "server",
  "access",
  "reset",
] as const satisfies ProjectEvent["event"][];

export interface StreamEvent {
  name: (typeof NAMES)[number];
  data: unknown;
  /** The newest stored event that the stream has told of, this one included. */
  last: string;
}

const RETRY = 5000; // ms; after an answer that EventSource does not retry, e.g. an expired login

/** @param after number of the last event that is known; null when none is */
const projectEvents = (projectId: number, after: string | null) =>
  `${ROOT}/api/v1/projects/${projectId}/events${after ? `?after=${after}` : ""}`;

/**
 * One connection, opened again whenever it breaks.
 * @param after the last event that is known; null begins with what comes next
 * @returns disposer
 */
export function openStream(
  projectId: number,
  after: string | null,
  heard: (event: StreamEvent) => void,
): () => void {
  let source: EventSource;
  let timer: ReturnType<typeof setTimeout> | null = null;
  let interrupted = false;
  let last = after;

  const connect = () => {
    source = new EventSource(projectEvents(projectId, last));
    for (const name of NAMES) {
      source.addEventListener(name, ({ data, lastEventId }: MessageEvent<string>) => {
        last = lastEventId;
        heard({ name, data: JSON.parse(data), last });
      });
    }
    source.addEventListener("open", () => {
      // Stored events come again by their number; those that are not stored were missed.
      if (interrupted) heard({ name: "reset", data: {}, last: last ?? "" });
      interrupted = false;
    });
    source.addEventListener("error", () => {
      interrupted = true;
      if (source.readyState === EventSource.CLOSED) timer = setTimeout(connect, RETRY);
    });
  };

  connect();
  return () => {
    source.close();
    if (timer !== null) clearTimeout(timer);
  };
}
